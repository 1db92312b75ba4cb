/* SPDX-License-Identifier: ISC */
/*
 * test_sasl.c - logins and what they are made of: base64, digests, the mechanisms
 * of AUTH.
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

/* ---- what may be a name ---- */

static void test_words(void **state)
{
    (void)state;
    static const char *const good[] = {"PLAIN", "a", "X-Y_1", "4711", "ABCDEFGHIJKLMNOPQRST"};
    static const char *const bad[] = {"", "A B", "A/B", "A*", "\xc3\x84", "A\n", "ABCDEFGHIJKLMNOPQRSTU"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_true(sasl_is_name(text(good[i])));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(sasl_is_name(text(bad[i])));
}

static void test_find(void **state)
{
    (void)state;
    static const char list[] = "PLAIN X-PLAIN NTLM";
    assert_ptr_equal(sasl_find(list, text("plain")), list);
    assert_ptr_equal(sasl_find(list, text("X-Plain")), list + strlen("PLAIN "));
    assert_ptr_equal(sasl_find(list, text("NTLM")), list + strlen("PLAIN X-PLAIN "));
    assert_null(sasl_find(list, text("PLAI")));
    assert_null(sasl_find(list, text("NTLMX")));
    assert_null(sasl_find(list, text("PLAIN X-PLAIN")));
    assert_null(sasl_find(list, text("")));
    assert_null(sasl_find("", text("")));
    assert_null(sasl_find("", text("PLAIN")));
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

/* ---- digests: RFC 1321 A.5; FIPS 180-4, and what NIST gives with it ---- */

static void check_digest(const unsigned char *digest, const struct digest_kind *kind, const char *expected)
{
    char hex[DIGEST_MAX * 2 + 1];
    for (size_t i = 0; i < kind->size; i++)
        snprintf(hex + 2 * i, 3, "%02x", digest[i]);
    assert_string_equal(hex, expected);
}

static void test_digests(void **state)
{
    (void)state;
    static const char two[] = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
                      longer[] =
                          "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopq"
                          "rlmnopqrsmnopqrstnopqrstu";
    static const struct {
        const struct digest_kind *kind;
        const char *text;
        size_t times;
        const char *digest;
    } rows[] = {
        {&digest_md5, "", 1, "d41d8cd98f00b204e9800998ecf8427e"},
        {&digest_md5, "a", 1, "0cc175b9c0f1b6a831c399e269772661"},
        {&digest_md5, "abc", 1, "900150983cd24fb0d6963f7d28e17f72"},
        {&digest_md5, "message digest", 1, "f96b697d7cb7938d525a2f31aaf161d0"},
        {&digest_md5, "abcdefghijklmnopqrstuvwxyz", 1, "c3fcd3d76192e4007dfb496cca67e13b"},
        {&digest_md5, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", 1,
         "d174ab98d277d9f5a5611c2c9f419d9f"},
        {&digest_md5, "1234567890", 8, "57edf4a22be3c955ac49da2e2107b67a"},
        {&digest_sha1, "", 1, "da39a3ee5e6b4b0d3255bfef95601890afd80709"},
        {&digest_sha1, "abc", 1, "a9993e364706816aba3e25717850c26c9cd0d89d"},
        {&digest_sha1, two, 1, "84983e441c3bd26ebaae4aa1f95129e5e54670f1"},
        {&digest_sha1, longer, 1, "a49b2446a02c645bf419f995b67091253a04a259"},
        {&digest_sha1, "a", 1000000, "34aa973cd4c4daa4f61eeb2bdbad27316534016f"},
        {&digest_sha256, "", 1, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {&digest_sha256, "abc", 1, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {&digest_sha256, two, 1, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
        {&digest_sha256, longer, 1, "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1"},
        {&digest_sha256, "a", 1000000, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"},
        {&digest_sha256, "aaaaaaaaaa", 100000, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct digest d;
        unsigned char digest[DIGEST_MAX];
        digest_begin(&d, rows[i].kind);
        for (size_t k = 0; k < rows[i].times; k++)
            digest_add(&d, rows[i].text, strlen(rows[i].text));
        assert_int_equal(d.n, strlen(rows[i].text) * rows[i].times);
        digest_end(&d, digest);
        check_digest(digest, rows[i].kind, rows[i].digest);
    }
}

/* In any pieces they are the same. */
static void test_digests_of_pieces(void **state)
{
    (void)state;
    static const struct digest_kind *const kinds[] = {&digest_md5, &digest_sha1, &digest_sha256};
    char octets[300];
    memset(octets, 'q', sizeof octets);
    for (size_t n = 0; n <= sizeof octets * 3; n++) {
        const struct digest_kind *kind = kinds[n % 3];
        unsigned char whole[DIGEST_MAX], pieces[DIGEST_MAX];
        struct digest d;
        digest_begin(&d, kind);
        digest_add(&d, octets, n / 3);
        digest_end(&d, whole);
        digest_begin(&d, kind);
        for (size_t at = 0, step = 1; at < n / 3; at += step, step = step % 67 + 3)
            digest_add(&d, octets + at, step < n / 3 - at ? step : n / 3 - at);
        digest_end(&d, pieces);
        assert_memory_equal(whole, pieces, kind->size);
    }
}

/* RFC 2202 2 and 3, RFC 4231 4 */
static void test_hmac(void **state)
{
    (void)state;
    char b[20], aa[131], dd[50];
    memset(b, 0x0b, sizeof b);
    memset(aa, 0xaa, sizeof aa);
    memset(dd, 0xdd, sizeof dd);
    const struct span jefe = text("Jefe"), what = text("what do ya want for nothing?"), hi = text("Hi There"),
                      larger = text("Test Using Larger Than Block-Size Key - Hash Key First"), many = {dd, 50};
    const struct {
        const struct digest_kind *kind;
        struct span key, text;
        const char *digest;
    } rows[] = {
        {&digest_md5, {b, 16}, hi, "9294727a3638bb1c13f48ef8158bfc9d"},
        {&digest_md5, jefe, what, "750c783e6ab0b503eaa86e310a5db738"},
        {&digest_md5, {aa, 16}, many, "56be34521d144c88dbb8c733f0e8b3f6"},
        {&digest_md5, {aa, 80}, larger, "6b1ab7fe4bd7bf8f0b62e6ce61b9d0cd"},
        {&digest_sha1, {b, 20}, hi, "b617318655057264e28bc0b6fb378c8ef146be00"},
        {&digest_sha1, jefe, what, "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"},
        {&digest_sha1, {aa, 20}, many, "125d7342b9ac11cd91a39af48aa17b4f63f175d3"},
        {&digest_sha1, {aa, 80}, larger, "aa4ae5e15272d00e95705637ce8a3b55ed402112"},
        {&digest_sha256, {b, 20}, hi, "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
        {&digest_sha256, jefe, what, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
        {&digest_sha256, {aa, 20}, many, "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"},
        {&digest_sha256, {aa, 131}, larger, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct hmac hmac;
        unsigned char digest[DIGEST_MAX];
        hmac_begin(&hmac, rows[i].kind, rows[i].key);
        digest_add(&hmac.inner, rows[i].text.p, rows[i].text.n);
        hmac_end(&hmac, digest);
        check_digest(digest, rows[i].kind, rows[i].digest);
    }
}

/* ---- mechanisms ---- */

static void check_login(enum sasl_mechanism m, const char *p, size_t n, const char *authzid, const char *user,
                        const char *secret)
{
    struct sasl_login login;
    char *exact = malloc(n + 1); /* so that reading past the end is seen */
    assert_non_null(exact);
    memcpy(exact + 1, p, n);
    bool good = sasl_parse(m, exact + 1, n, &login);
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

/* RFC 7628 3.1, 4.1 */
static void test_oauthbearer(void **state)
{
    (void)state;
    LOGIN(SASL_OAUTHBEARER, "n,a=user@example.com,\1host=server.example.com\1port=587\1auth=Bearer vF9dft4qmT==\1\1",
          "", "user@example.com", "vF9dft4qmT==");
    LOGIN(SASL_OAUTHBEARER, "y,a=a=2Cb=3Dc,\1auth=bearer t\1\1", "", "a,b=c", "t");
    LOGIN(SASL_OAUTHBEARER, "n,,\1auth=Bearer t\1\1", "", "", "t");
    LOGIN(SASL_OAUTHBEARER, "n,,\1auth=\1\1", "", "", "");
    NO_LOGIN(SASL_OAUTHBEARER, "");
    NO_LOGIN(SASL_OAUTHBEARER, "\1");
    NO_LOGIN(SASL_OAUTHBEARER, "n,,\1\1");
    NO_LOGIN(SASL_OAUTHBEARER, "n,,\1host=x\1\1");
    NO_LOGIN(SASL_OAUTHBEARER, "n,,\1auth=Basic t\1\1");
    NO_LOGIN(SASL_OAUTHBEARER, "n,,\1auth=Bearer t\1");
    NO_LOGIN(SASL_OAUTHBEARER, "n,,\1auth=Bearer t\1\1x");
    NO_LOGIN(SASL_OAUTHBEARER, "n,,\1host\1auth=Bearer t\1\1");
    NO_LOGIN(SASL_OAUTHBEARER, "n,a=u,x\1auth=Bearer t\1\1");
    NO_LOGIN(SASL_OAUTHBEARER, "n,,auth=Bearer t\1\1");
    NO_LOGIN(SASL_OAUTHBEARER, "n,\1auth=Bearer t\1\1");
    NO_LOGIN(SASL_OAUTHBEARER, "p=tls-unique,,\1auth=Bearer t\1\1");
    NO_LOGIN(SASL_OAUTHBEARER, "n,u,\1auth=Bearer t\1\1");
    NO_LOGIN(SASL_OAUTHBEARER, "n,a=,\1auth=Bearer t\1\1");
    NO_LOGIN(SASL_OAUTHBEARER, "n,a=b=2c,\1auth=Bearer t\1\1");
    NO_LOGIN(SASL_OAUTHBEARER, "n,a=b=2,\1auth=Bearer t\1\1");
    NO_LOGIN(SASL_OAUTHBEARER, "user=u\1auth=Bearer t\1\1");
}

/* The sum of the header of a first message, whose user is expected; NULL if it is malformed. */
static uint32_t take_first(const char *message, const char *authzid, const char *user, const char *nonce)
{
    struct sasl_login login;
    uint32_t header = 0;
    size_t n = strlen(message);
    char *exact = malloc(n + 1); /* so that reading past the end is seen */
    assert_non_null(exact);
    memcpy(exact + 1, message, n);
    bool good = scram_parse_first(exact + 1, n, &login, &header);
    if (good != (user != NULL))
        fail_msg("%s", message);
    if (good) {
        check_span(login.authzid, authzid);
        check_span(login.user, user);
        check_span(login.secret, nonce);
    }
    free(exact);
    return header;
}

/* RFC 5802 7 */
static void test_scram_messages(void **state)
{
    (void)state;
    uint32_t header = take_first("n,,n=user,r=fyko+d2l", "", "user", "fyko+d2l");
    assert_int_equal(take_first("n,,n=,r=a", "", "", "a"), header);
    assert_int_not_equal(take_first("y,,n=u,r=a", "", "u", "a"), header);
    uint32_t other = take_first("n,a=z=2C,n=a=3Db=2C=3D,r==,", "z,", NULL, NULL);
    other = take_first("n,a=z=2C,n=a=3Db=2C=3D,r==", "z,", "a=b,=", "=");
    assert_int_not_equal(other, header);
    static const char *const malformed[] = {"",
                                            "n",
                                            "n,",
                                            "n,,",
                                            "n,,n",
                                            "n,,n=u",
                                            "n,,n=u,",
                                            "n,,n=u,r=",
                                            "n,,n=u,r=a,",
                                            "n,,n=u,r=a b",
                                            "n,,n=u,r=\x7f",
                                            "n,,n=u,r=\xc3\xa9",
                                            "n,,N=u,r=a",
                                            "n,,n=u,R=a",
                                            "N,,n=u,r=a",
                                            "n,,r=a,n=u",
                                            "n,,m=x,n=u,r=a",
                                            "n,,n=u,r=a,x=y",
                                            "p=tls-unique,,n=u,r=a",
                                            "n,a=,n=u,r=a",
                                            "n,z,n=u,r=a",
                                            "n,n=u,r=a",
                                            "n,,n=u=,r=a",
                                            "n,,n=u=2,r=a",
                                            "n,,n=u=2c,r=a",
                                            "n=u,r=a",
                                            "nn,,n=u,r=a",
                                            "n,a==,n=u,r=a",
                                            "x,,n=u,r=a"};
    for (size_t i = 0; i < sizeof malformed / sizeof malformed[0]; i++)
        (void)take_first(malformed[i], NULL, NULL, NULL);
    const struct {
        const char *message;
        bool good;
    } rows[] = {
        {"c=biws,r=a<1>,p=v0X8", true},
        {"c=biws,r=a<1>,x=,y=1,p=v0X8", true},
        {"c=biws,r=a<1>,p=", true},
        {"c=eSws,r=a<1>,p=v0X8", false},
        {"c=biwsx,r=a<1>,p=v0X8", false},
        {"c=,r=a<1>,p=v0X8", false},
        {"c=biws,r=<1>,p=v0X8", false},
        {"c=biws,r=a<2>,p=v0X8", false},
        {"c=biws,r=a,p=v0X8", false},
        {"c=biws,r=,p=v0X8", false},
        {"c=biws,r=a<1>,p=v0X8,", false},
        {"c=biws,r=a<1>,p=v0X8,x=1", false},
        {"c=biws,r=a<1>", false},
        {"c=biws,r=a<1>,", false},
        {"r=a<1>,c=biws,p=v0X8", false},
        {"c=biws,r=a<1>,x,p=v0X8", false},
        {"c=biws,r=a<1>,P=v0X8", false},
        {"C=biws,r=a<1>,p=v0X8", false},
        {"c=biws,r=a b<1>,p=v0X8", false},
        {"", false},
        {"c=biws,r=a<1>,x=,m=1,p=v0X8", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (scram_fits(text(rows[i].message), text("<1>"), header) != rows[i].good)
            fail_msg("%s", rows[i].message);
    }
}

/* A nonce of the client as long as it may be, with the longest of ours, makes a challenge that fits. */
static void test_longest_nonce(void **state)
{
    (void)state;
    char message[2048] = "n,,n=u,r=", challenge[SCRAM_CHALLENGE_MAX];
    struct sasl_login login;
    uint32_t header;
    size_t n = strlen(message);
    memset(message + n, 'x', 1025);
    assert_false(scram_parse_first(message, n + 1025, &login, &header));
    assert_true(scram_parse_first(message, n + 1024, &login, &header));
    assert_int_equal(login.secret.n, 1024);
    n = scram_challenge(&digest_sha256, login.secret, (struct span){message, SMTP_CHALLENGE_MAX - 1}, challenge);
    assert_true(n < SCRAM_CHALLENGE_MAX);
    assert_true(strlen("334 \r\n") + BASE64_SIZE(n) - 1 <= SMTP_REPLY_MAX);
}

/* The examples of RFC 5802 5 and RFC 7677 3. */
static void test_scram_proofs(void **state)
{
    (void)state;
    static const struct {
        enum sasl_mechanism mechanism;
        const char *client, *server, *challenge, *last, *answer;
    } rows[] = {
        {SASL_SCRAM_SHA_1, "fyko+d2lbbFgONRv9qkxdawL", "3rfcNHYJY1ZVvWVs7j",
         "r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096",
         "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
         "v=rmF9pqV8S7suAoZWja4dJRkFsKQ="},
        {SASL_SCRAM_SHA_256, "rOprNGfwEbeRWgbNEkqO", "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0",
         "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
         "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
         "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
         "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        enum sasl_mechanism m = rows[i].mechanism;
        char challenge[SCRAM_CHALLENGE_MAX], answer[SASL_ANSWER_MAX], expected[SASL_ANSWER_MAX], wrong[128];
        struct span server = text(rows[i].server), last = text(rows[i].last);
        size_t n = scram_challenge(sasl_digest(m), text(rows[i].client), server, challenge);
        check_span((struct span){challenge, n}, rows[i].challenge);
        assert_true(sasl_verify(m, "user:pencil", text("user"), last, server, answer));
        base64_encode(text(rows[i].answer), expected);
        assert_string_equal(answer, expected);
        assert_false(sasl_verify(m, "user:pencils", text("user"), last, server, answer));
        assert_string_equal(answer, "");
        assert_false(sasl_verify(m, "use:pencil", text("use"), last, server, answer));
        assert_false(sasl_verify(m, "use:pencil", text("user"), last, server, answer));
        assert_false(sasl_verify(m, "user:pencil", text("user"), last, text("x"), answer));
        memcpy(wrong, last.p, last.n);
        wrong[last.n - 3] ^= 1;
        assert_false(sasl_verify(m, "user:pencil", text("user"), (struct span){wrong, last.n}, server, answer));
        assert_false(sasl_verify(m, "user:pencil", text("user"), (struct span){last.p, last.n - 1}, server, answer));
    }
}

static void test_names(void **state)
{
    (void)state;
    assert_int_equal(sasl_mechanism(text("plain")), SASL_PLAIN);
    assert_int_equal(sasl_mechanism(text("Login")), SASL_LOGIN);
    assert_int_equal(sasl_mechanism(text("CRAM-MD5")), SASL_CRAM_MD5);
    assert_int_equal(sasl_mechanism(text("XOAUTH2")), SASL_XOAUTH2);
    assert_int_equal(sasl_mechanism(text("oauthbearer")), SASL_OAUTHBEARER);
    assert_int_equal(sasl_mechanism(text("SCRAM-SHA-1")), SASL_SCRAM_SHA_1);
    assert_int_equal(sasl_mechanism(text("SCRAM-SHA-256")), SASL_SCRAM_SHA_256);
    assert_int_equal(sasl_mechanism(text("SCRAM-SHA-256-PLUS")), SASL_NONE);
    assert_int_equal(sasl_mechanism(text("PLAI")), SASL_NONE);
    assert_int_equal(sasl_mechanism(text("")), SASL_NONE);
}

/* The example of RFC 2195 2. */
static void test_verifying(void **state)
{
    (void)state;
    struct span challenge = text("<1896.697170952@postoffice.reston.mci.net>");
    struct span digest = text("b913a602c7eda7a495b4e6e7334d3890"), none = {NULL, 0};
    char answer[SASL_ANSWER_MAX] = "x";
    assert_true(sasl_verify(SASL_CRAM_MD5, "tim:tanstaaftanstaaf", text("tim"), digest, challenge, answer));
    assert_false(sasl_verify(SASL_CRAM_MD5, "tim:tanstaaf", text("tim"), digest, challenge, answer));
    assert_false(sasl_verify(SASL_CRAM_MD5, "tom:tanstaaftanstaaf", text("tim"), digest, challenge, answer));
    assert_false(sasl_verify(SASL_CRAM_MD5, "tim:tanstaaftanstaaf", text("tim"), digest, text("<1@x>"), answer));
    assert_true(sasl_verify(SASL_PLAIN, "a:b:c", text("a"), text("b:c"), none, answer));
    assert_true(sasl_verify(SASL_LOGIN, "a:", text("a"), text(""), none, answer));
    assert_false(sasl_verify(SASL_PLAIN, "a:b", text("a"), text("B"), none, answer));
    assert_false(sasl_verify(SASL_PLAIN, "a:b", text("A"), text("b"), none, answer));
    assert_false(sasl_verify(SASL_XOAUTH2, "a:b", text("a"), text("bb"), none, answer));
    assert_false(sasl_verify(SASL_PLAIN, "a", text("a"), text(""), none, answer));
    assert_true(sasl_verify(SASL_OAUTHBEARER, "a:b", text("a"), text("b"), none, answer));
    assert_true(sasl_verify(SASL_OAUTHBEARER, "a:b", text(""), text("b"), none, answer));
    assert_false(sasl_verify(SASL_OAUTHBEARER, "a:b", text(""), text("c"), none, answer));
    assert_false(sasl_verify(SASL_OAUTHBEARER, "a:b", text("c"), text("b"), none, answer));
    assert_false(sasl_verify(SASL_XOAUTH2, "a:b", text(""), text("b"), none, answer));
    assert_string_equal(answer, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_find),
        cmocka_unit_test(test_base64_vectors),
        cmocka_unit_test(test_base64_round_trip),
        cmocka_unit_test(test_what_is_not_base64),
        cmocka_unit_test(test_digests),
        cmocka_unit_test(test_digests_of_pieces),
        cmocka_unit_test(test_hmac),
        cmocka_unit_test(test_plain),
        cmocka_unit_test(test_cram_md5),
        cmocka_unit_test(test_xoauth2),
        cmocka_unit_test(test_oauthbearer),
        cmocka_unit_test(test_scram_messages),
        cmocka_unit_test(test_longest_nonce),
        cmocka_unit_test(test_scram_proofs),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_verifying),
    };
    return cmocka_run_group_tests_name("logins", tests, NULL, NULL) != 0;
}
