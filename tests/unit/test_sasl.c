/*
 * test_sasl.c - logins and what they are made of: base64, MD5, the mechanisms of
 * AUTH.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/base.h"
#include "smtp/inside.h"

static struct span text(const char *s) { return (struct span){s, strlen(s)}; }

static void check_span(struct span found, const char *expected)
{
    assert_int_equal(found.n, strlen(expected));
    assert_memory_equal(found.p, expected, found.n);
}

/* ---- base64: RFC 4648 10 ---- */

static void test_base64_vectors(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {{"", ""},
                                           {"f", "Zg=="},
                                           {"fo", "Zm8="},
                                           {"foo", "Zm9v"},
                                           {"foob", "Zm9vYg=="},
                                           {"fooba", "Zm9vYmE="},
                                           {"foobar", "Zm9vYmFy"},
                                           {"\xff\xfe\xfb", "//77"}};
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        char out[32];
        base64_encode(text(pairs[i][0]), out);
        assert_string_equal(out, pairs[i][1]);
        size_t n = strlen(out);
        assert_true(base64_decode(out, &n));
        check_span((struct span){out, n}, pairs[i][0]);
    }
}

static void test_base64_round_trip(void **state)
{
    (void)state;
    unsigned seed = 1;
    for (size_t n = 0; n < 300; n++) {
        char *octets = malloc(n + 1), *out = malloc(BASE64_SIZE(n));
        assert_non_null(octets);
        assert_non_null(out);
        for (size_t i = 0; i < n; i++) {
            seed = seed * 1103515245 + 12345;
            octets[i] = (char)(seed >> 16);
        }
        base64_encode((struct span){octets, n}, out);
        size_t length = strlen(out);
        assert_int_equal(length, BASE64_SIZE(n) - 1);
        assert_true(base64_decode(out, &length));
        assert_int_equal(length, n);
        assert_memory_equal(out, octets, n);
        free(octets);
        free(out);
    }
}

static void test_what_is_not_base64(void **state)
{
    (void)state;
    static const char *const rows[] = {"Z",    "Zg",    "Zg=",   "Zg===", "====", "=Zg=", "Z===", "Zg==Zg==",
                                       "Zg= ", "Z g==", "Zm9v ", "Zm9-",  "Zm9_", "*",    "!!!!", "Zm9v\r\n"};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char copy[16];
        size_t n = strlen(rows[i]);
        memcpy(copy, rows[i], n);
        if (base64_decode(copy, &n))
            fail_msg("%s is taken", rows[i]);
    }
}

/* ---- MD5: RFC 1321 A.5, RFC 2202 2 ---- */

static void check_digest(const unsigned char *digest, const char *expected)
{
    char hex[MD5_SIZE * 2 + 1];
    for (size_t i = 0; i < MD5_SIZE; i++)
        snprintf(hex + 2 * i, 3, "%02x", digest[i]);
    assert_string_equal(hex, expected);
}

static void test_md5_vectors(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {
        {"", "d41d8cd98f00b204e9800998ecf8427e"},
        {"a", "0cc175b9c0f1b6a831c399e269772661"},
        {"abc", "900150983cd24fb0d6963f7d28e17f72"},
        {"message digest", "f96b697d7cb7938d525a2f31aaf161d0"},
        {"abcdefghijklmnopqrstuvwxyz", "c3fcd3d76192e4007dfb496cca67e13b"},
        {"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", "d174ab98d277d9f5a5611c2c9f419d9f"},
        {"12345678901234567890123456789012345678901234567890123456789012345678901234567890",
         "57edf4a22be3c955ac49da2e2107b67a"},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        struct span all = text(pairs[i][0]);
        for (size_t cut = 0; cut <= all.n; cut++) {
            unsigned char digest[MD5_SIZE];
            md5((struct span){all.p, cut}, (struct span){all.p + cut, all.n - cut}, digest);
            check_digest(digest, pairs[i][1]);
        }
    }
}

static void check_hmac(struct span key, struct span data, const char *expected)
{
    unsigned char digest[MD5_SIZE];
    md5_hmac(key, data, digest);
    check_digest(digest, expected);
}

static void test_hmac_vectors(void **state)
{
    (void)state;
    char eleven[16], aa[80], dd[50];
    memset(eleven, 0x0b, sizeof eleven);
    memset(aa, 0xaa, sizeof aa);
    memset(dd, 0xdd, sizeof dd);
    check_hmac((struct span){eleven, 16}, text("Hi There"), "9294727a3638bb1c13f48ef8158bfc9d");
    check_hmac(text("Jefe"), text("what do ya want for nothing?"), "750c783e6ab0b503eaa86e310a5db738");
    check_hmac((struct span){aa, 16}, (struct span){dd, 50}, "56be34521d144c88dbb8c733f0e8b3f6");
    check_hmac((struct span){aa, 80}, text("Test Using Larger Than Block-Size Key - Hash Key First"),
               "6b1ab7fe4bd7bf8f0b62e6ce61b9d0cd");
}

/* ---- mechanisms ---- */

static void check_login(enum sasl_mechanism m, const char *p, size_t n, const char *authzid, const char *user,
                        const char *secret)
{
    struct sasl_login login;
    char *exact = malloc(n + 1); /* so that reading past the end is seen */
    assert_non_null(exact);
    memcpy(exact + 1, p, n);
    bool good = sasl_parse(m, (struct span){exact + 1, n}, &login);
    assert_int_equal(good, user != NULL);
    if (good) {
        check_span(login.authzid, authzid);
        check_span(login.user, user);
        check_span(login.secret, secret);
    }
    free(exact);
}

#define LOGIN(m, s, authzid, user, secret) check_login(m, s, sizeof(s) - 1, authzid, user, secret)
#define NO_LOGIN(m, s) check_login(m, s, sizeof(s) - 1, NULL, NULL, NULL)

/* RFC 4616 2 */
static void test_plain(void **state)
{
    (void)state;
    LOGIN(SASL_PLAIN, "\0u\0p", "", "u", "p");
    LOGIN(SASL_PLAIN, "z\0u\0p q", "z", "u", "p q");
    LOGIN(SASL_PLAIN, "\0u\0", "", "u", "");
    NO_LOGIN(SASL_PLAIN, "");
    NO_LOGIN(SASL_PLAIN, "up");
    NO_LOGIN(SASL_PLAIN, "\0u");
    LOGIN(SASL_PLAIN, "\0\0p", "", "", "p");
    NO_LOGIN(SASL_PLAIN, "z\0u\0p\0");
}

/* RFC 2195 2 */
static void test_cram_md5(void **state)
{
    (void)state;
    LOGIN(SASL_CRAM_MD5, "tim b913a602c7eda7a495b4e6e7334d3890", "", "tim", "b913a602c7eda7a495b4e6e7334d3890");
    LOGIN(SASL_CRAM_MD5, "t b B913A602C7EDA7A495B4E6E7334D3890", "", "t b", "B913A602C7EDA7A495B4E6E7334D3890");
    NO_LOGIN(SASL_CRAM_MD5, "tim b913a602c7eda7a495b4e6e7334d389");
    NO_LOGIN(SASL_CRAM_MD5, "tim b913a602c7eda7a495b4e6e7334d389g");
    LOGIN(SASL_CRAM_MD5, " b913a602c7eda7a495b4e6e7334d3890", "", "", "b913a602c7eda7a495b4e6e7334d3890");
    NO_LOGIN(SASL_CRAM_MD5, "b913a602c7eda7a495b4e6e7334d3890");
    NO_LOGIN(SASL_CRAM_MD5, "");
}

static void test_xoauth2(void **state)
{
    (void)state;
    LOGIN(SASL_XOAUTH2, "user=u\1auth=Bearer t\1\1", "", "u", "t");
    NO_LOGIN(SASL_XOAUTH2, "user=u\1auth=Bearer t\1");
    NO_LOGIN(SASL_XOAUTH2, "user=u\1auth=Basic t\1\1");
    LOGIN(SASL_XOAUTH2, "user=\1auth=Bearer t\1\1", "", "", "t");
    NO_LOGIN(SASL_XOAUTH2, "u\1auth=Bearer t\1\1");
    NO_LOGIN(SASL_XOAUTH2, "");
}

static void test_names(void **state)
{
    (void)state;
    assert_int_equal(sasl_mechanism(text("plain")), SASL_PLAIN);
    assert_int_equal(sasl_mechanism(text("Login")), SASL_LOGIN);
    assert_int_equal(sasl_mechanism(text("CRAM-MD5")), SASL_CRAM_MD5);
    assert_int_equal(sasl_mechanism(text("XOAUTH2")), SASL_XOAUTH2);
    assert_int_equal(sasl_mechanism(text("PLAI")), SASL_NONE);
    assert_int_equal(sasl_mechanism(text("")), SASL_NONE);
}

/* The example of RFC 2195 2. */
static void test_verifying(void **state)
{
    (void)state;
    struct span challenge = text("<1896.697170952@postoffice.reston.mci.net>");
    struct span digest = text("b913a602c7eda7a495b4e6e7334d3890"), none = {NULL, 0};
    assert_true(sasl_verify(SASL_CRAM_MD5, "tim:tanstaaftanstaaf", text("tim"), digest, challenge));
    assert_false(sasl_verify(SASL_CRAM_MD5, "tim:tanstaaf", text("tim"), digest, challenge));
    assert_false(sasl_verify(SASL_CRAM_MD5, "tom:tanstaaftanstaaf", text("tim"), digest, challenge));
    assert_false(sasl_verify(SASL_CRAM_MD5, "tim:tanstaaftanstaaf", text("tim"), digest, text("<1@x>")));
    assert_true(sasl_verify(SASL_PLAIN, "a:b:c", text("a"), text("b:c"), none));
    assert_true(sasl_verify(SASL_LOGIN, "a:", text("a"), text(""), none));
    assert_false(sasl_verify(SASL_PLAIN, "a:b", text("a"), text("B"), none));
    assert_false(sasl_verify(SASL_PLAIN, "a:b", text("A"), text("b"), none));
    assert_false(sasl_verify(SASL_XOAUTH2, "a:b", text("a"), text("bb"), none));
    assert_false(sasl_verify(SASL_PLAIN, "a", text("a"), text(""), none));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_base64_vectors),
        cmocka_unit_test(test_base64_round_trip),
        cmocka_unit_test(test_what_is_not_base64),
        cmocka_unit_test(test_md5_vectors),
        cmocka_unit_test(test_hmac_vectors),
        cmocka_unit_test(test_plain),
        cmocka_unit_test(test_cram_md5),
        cmocka_unit_test(test_xoauth2),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_verifying),
    };
    return cmocka_run_group_tests_name("logins", tests, NULL, NULL) != 0;
}
