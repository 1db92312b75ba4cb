/* SPDX-License-Identifier: ISC */
/*
 * test_scan.c - the fast forms in base/ against plain ones: on random octets, at each
 * alignment and length, between pages that cannot be read or written.
 */
#define _DEFAULT_SOURCE /* for MAP_ANONYMOUS */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/forms.h"

enum { LENGTH_MAX = 280, ALIGNMENTS = 16, ROUNDS = 30 };

static unsigned random_number(unsigned below)
{
    static unsigned seed = 1;
    seed = seed * 1103515245 + 12345;
    return (seed >> 8) % below;
}

/* A page between two that are no memory. */
static char *guarded(size_t *size)
{
    *size = (size_t)sysconf(_SC_PAGESIZE);
    char *pages = mmap(NULL, 3 * *size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(pages != MAP_FAILED);
    assert_int_equal(mprotect(pages + *size, *size, PROT_READ | PROT_WRITE), 0);
    return pages + *size;
}

/* Characters and parts of such; the first are plain everywhere. */
static const char *const pieces[] = {
    "a",
    "Z",
    "x y",
    "abcdefghijkl",
    "0",
    "~",
    " ",
    "!",
    "=",
    "\"\xee\x80\x80",
    "\\",
    "\r",
    "\n",
    "\r\n",
    "\t",
    "\x7f",
    "\x1f",
    "\x01",
    "\x0e",
    "ü",
    "ß",
    "\xc2\xa0",
    "\xc2\xad",
    "\xcd\x8f",
    "\xd8\x80",
    "я",
    "日",
    "क",
    "한",
    "–",
    "퟿",
    "\xee\x80\x80",
    "\xef\xbf\xbd",
    "😀",
    "\xf3\xa0\x80\x81",
    "\xc0\x80",
    "\xc3",
    "\x80",
    "\xe0\x9f\xbf",
    "\xe0\xa0\x80",
    "\xed\xa0\x80",
    "\xe2\x82",
    "\xf0\x8f\xbf\xbf",
    "\xf4\x90\x80\x80",
    "\xf0\x9f",
    "\xff",
};

/* Fills n octets with some of the pieces. */
static void fill(char *p, size_t n)
{
    size_t few = 1 + random_number(6), often = 1 + random_number(40), place[6], at = 0;
    for (size_t i = 0; i < few; i++)
        place[i] = random_number(sizeof pieces / sizeof pieces[0]);
    while (at < n) {
        const char *piece = random_number((unsigned)often) == 0 ? pieces[place[random_number((unsigned)few)]] : "x";
        size_t length = strlen(piece);
        memcpy(p + at, piece, length < n - at ? length : n - at);
        at += length;
    }
    if (n > 0 && random_number(4) == 0)
        p[random_number((unsigned)n)] = (char)random_number(256);
}

/* ---- the forms ---- */

typedef void check(const char *p, const char *end, char *out);

static char *out; /* the end of a page */

static int open_out(void **state)
{
    size_t size;
    (void)state;
    out = guarded(&size);
    out += size;
    return 0;
}

/* Has all lengths checked, at the beginning and at the end of the page. */
static void check_all(check *form, bool digits)
{
    size_t size;
    char *page = guarded(&size);
    for (size_t n = 0; n <= LENGTH_MAX; n++) {
        for (size_t at = 0; at < ALIGNMENTS; at++) {
            for (int round = 0; round < ROUNDS; round++) {
                char *p = round % 2 ? page + at : page + size - n - (round % 4 ? at : 0);
                fill(p, n);
                for (size_t i = 0; digits && i < n; i++)
                    p[i] = random_number(100) == 0 ? p[i] : "ABZaz09+/"[random_number(9)];
                form(p, p + n, out);
            }
        }
    }
    assert_int_equal(munmap(page - size, 3 * size), 0);
}

static void test_kinds(void **state)
{
    (void)state;
    check_all(check_kinds, false);
}

static void test_octets(void **state)
{
    (void)state;
    check_all(check_octets, false);
}

static void test_utf8(void **state)
{
    (void)state;
    check_all(check_utf8, false);
}

static void test_ends(void **state)
{
    (void)state;
    check_all(check_ends, false);
}

static void test_base64(void **state)
{
    (void)state;
    check_all(check_base64, false);
    check_all(check_base64, true);
}

static void test_sha256(void **state)
{
    (void)state;
    check_all(check_sha256, false);
}

/* ---- what is rare on random octets ---- */

/* Each octet at each place of a row and of a word. */
static void test_each_octet(void **state)
{
    (void)state;
    for (int octet = 0; octet < 256; octet++) {
        for (size_t at = 0; at < 24; at++) {
            char text[24], digits[24];
            memset(text, 'a', sizeof text);
            text[at] = (char)octet;
            check_kinds(text, text + sizeof text, out);
            check_octets(text, text + sizeof text, out);
            memset(digits, '9', sizeof digits);
            digits[at] = (char)octet;
            check_base64(digits, digits + sizeof digits, out);
        }
    }
}

/* A character that is not visible is found by its first octet. */
static void test_unseen_characters(void **state)
{
    (void)state;
    for (uint32_t c = 0; c < 0x110000; c++) {
        char octets[4];
        bool visible;
        size_t n = utf8_encode(c, octets);
        (void)visible_take((struct span){octets, n}, &visible);
        assert_true(visible || utf8_length((struct span){octets, n}) == 0 || scan_is(SCAN_UNSEEN, *octets));
        for (size_t i = 1; i < n; i++)
            assert_false(scan_is(SCAN_UNSEEN, octets[i]));
    }
}

/* Each sequence of two octets, and many of three and four, at each place near the end of a row or a block. */
static void test_utf8_sequences(void **state)
{
    (void)state;
    for (unsigned first = 0x80; first < 0x100; first++) {
        for (unsigned second = 0; second < 0x100; second++) {
            for (size_t at = 0; at < 70; at += at == 0 ? 13 : at == 17 ? 41 : 1) {
                char text[140];
                memset(text, 'a', sizeof text);
                text[at] = (char)first;
                text[at + 1] = (char)second;
                check_utf8(text, text + sizeof text, out);
                text[at + 2] = (char)0x80;
                check_utf8(text, text + sizeof text, out);
                text[at + 3] = (char)0xbf;
                check_utf8(text, text + sizeof text, out);
                text[at + 4] = (char)0x80;
                check_utf8(text, text + sizeof text, out);
            }
        }
    }
}

/* Lines of mail with at most one odd end, some of them as long as they may be, at each place of a block. */
static void test_ends_of_lines(void **state)
{
    static const struct span usual[] = {{"\r\n", 2}, {"\n", 1}},
                             odd[] = {{"\n", 1}, {"\r", 1}, {"\r\n", 2}, {"\r\r\n", 3}, {"\0\n", 2}};
    static const size_t longest[] = {1, 3, 64, 100, 1000};
    char text[8192];
    (void)state;
    for (unsigned round = 0; round < 20000; round++) {
        size_t n = 0, at = round % SCAN_BLOCK, wanted = random_number(40), most = longest[random_number(5)];
        for (unsigned line = 0; line <= 40 && n + 1010 < sizeof text; line++) {
            size_t length = most < 1000 ? random_number((unsigned)most) : 990 + random_number(14);
            struct span end = line == wanted && round % 3 == 0 ? odd[random_number(5)] : usual[round / SCAN_BLOCK % 2];
            memset(text + n, 'x', length);
            n += length;
            memcpy(text + n, end.p, end.n);
            n += end.n;
        }
        check_ends(text + (at < n ? at : 0), text + n, out);
    }
}

static void test_base64_digits(void **state)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    (void)state;
    for (int c = 1; c < 256; c++) {
        const char *found = strchr(digits, c);
        assert_int_equal(base64_digit((char)c), found != NULL ? found - digits : 64);
    }
    assert_int_equal(base64_digit('\0'), 64);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kinds),          cmocka_unit_test(test_octets),
        cmocka_unit_test(test_utf8),           cmocka_unit_test(test_ends),
        cmocka_unit_test(test_base64),         cmocka_unit_test(test_sha256),
        cmocka_unit_test(test_each_octet),     cmocka_unit_test(test_unseen_characters),
        cmocka_unit_test(test_utf8_sequences), cmocka_unit_test(test_ends_of_lines),
        cmocka_unit_test(test_base64_digits),
    };
    return cmocka_run_group_tests_name("scan", tests, open_out, NULL);
}
