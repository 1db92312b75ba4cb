/*
 * test_scan.c - the fast forms in base/ against plain ones: on random octets, at
 * each alignment and length, between pages that cannot be read or written.
 */
#define _DEFAULT_SOURCE /* for MAP_ANONYMOUS */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/base.h"
#include "base/scan.h"

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

typedef void check(const char *p, const char *end);

/* Has all lengths checked, at the beginning and at the end of the page. */
static void check_all(check *form)
{
    size_t size;
    char *page = guarded(&size);
    for (size_t n = 0; n <= LENGTH_MAX; n++) {
        for (size_t at = 0; at < ALIGNMENTS; at++) {
            for (int round = 0; round < ROUNDS; round++) {
                char *p = round % 2 ? page + at : page + size - n - (round % 4 ? at : 0);
                fill(p, n);
                form(p, p + n);
            }
        }
    }
    assert_int_equal(munmap(page - size, 3 * size), 0);
}

/* ---- octets of a kind ---- */

static char *out; /* of LENGTH_MAX and SCAN_BEHIND octets, before a page that is no memory */

static int open_out(void **state)
{
    size_t size;
    (void)state;
    out = guarded(&size) + size - LENGTH_MAX - SCAN_BEHIND;
    return 0;
}

#define CHECK_KIND(kind) \
    static void check_##kind(const char *p, const char *end) \
    { \
        const char *plain = p; \
        while (plain < end && !scan_is(kind, *plain)) \
            plain++; \
        assert_ptr_equal(scan_words(kind, NULL, p, end), plain); \
        assert_ptr_equal(scan_for(kind, p, end), plain); \
        char *words = out + LENGTH_MAX + SCAN_BEHIND - (end - p), *rows = words - SCAN_BEHIND; \
        assert_ptr_equal(scan_words(kind, words, p, end), plain); \
        assert_memory_equal(words, p, (size_t)(plain - p)); \
        assert_int_equal(scan_copy(kind, rows, p, end), plain - p); \
        assert_memory_equal(rows, p, (size_t)(plain - p)); \
    } \
    static void test_##kind(void **state) \
    { \
        (void)state; \
        check_all(check_##kind); \
    }

CHECK_KIND(SCAN_CR)
CHECK_KIND(SCAN_8BIT)
CHECK_KIND(SCAN_ODD)
CHECK_KIND(SCAN_CODED)
CHECK_KIND(SCAN_UNSEEN)
CHECK_KIND(SCAN_QUOTED)

/* Each octet at each place of a row and of a word. */
static void test_each_octet(void **state)
{
    (void)state;
    for (int octet = 0; octet < 256; octet++) {
        for (size_t at = 0; at < 24; at++) {
            char text[24];
            memset(text, 'a', sizeof text);
            text[at] = (char)octet;
            check_SCAN_CR(text, text + sizeof text);
            check_SCAN_8BIT(text, text + sizeof text);
            check_SCAN_ODD(text, text + sizeof text);
            check_SCAN_CODED(text, text + sizeof text);
            check_SCAN_UNSEEN(text, text + sizeof text);
            check_SCAN_QUOTED(text, text + sizeof text);
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

/* ---- the ends of lines ---- */

static void check_ends(const char *p, const char *end)
{
    for (; end - p >= SCAN_BLOCK;
         p += end - p < 2 * SCAN_BLOCK && end - p > SCAN_BLOCK ? end - p - SCAN_BLOCK : SCAN_BLOCK) {
        struct scan_ends fast = scan_ends(p), plain = scan_ends_octets(p);
        assert_true(fast.cr == plain.cr && fast.lf == plain.lf && fast.nul == plain.nul);
    }
}

static void test_ends(void **state)
{
    (void)state;
    check_all(check_ends);
}

/* ---- UTF-8 ---- */

static void check_utf8(const char *p, const char *end)
{
    const char *plain = p;
    for (size_t n = 1; plain < end && n > 0; plain += n)
        n = utf8_length(span_between(plain, end));
    assert_ptr_equal(scan_utf8_characters(p, end), plain);
    assert_ptr_equal(scan_utf8(p, end), plain);
}

static void test_utf8(void **state)
{
    (void)state;
    check_all(check_utf8);
}

/* Each sequence of two octets, and many of three and four, at each place near the end of 64 octets. */
static void test_utf8_sequences(void **state)
{
    (void)state;
    for (unsigned first = 0x80; first < 0x100; first++) {
        for (unsigned second = 0; second < 0x100; second++) {
            for (size_t at = 0; at < 70; at += at == 0 ? 58 : 1) {
                char text[140];
                memset(text, 'a', sizeof text);
                text[at] = (char)first;
                text[at + 1] = (char)second;
                check_utf8(text, text + sizeof text);
                text[at + 2] = (char)0x80;
                check_utf8(text, text + sizeof text);
                text[at + 3] = (char)0xbf;
                check_utf8(text, text + sizeof text);
                text[at + 4] = (char)0x80;
                check_utf8(text, text + sizeof text);
            }
        }
    }
}

/* ---- base64 ---- */

static void check_base64(const char *p, const char *end)
{
    char text[LENGTH_MAX], plain[LENGTH_MAX], octets[LENGTH_MAX];
    size_t n = (size_t)(end - p), digits = 0, room = random_number(LENGTH_MAX);
    for (size_t i = 0; i < n; i++)
        text[i] = random_number(100) == 0 ? p[i] : "ABZaz09+/"[(unsigned char)p[i] % 9];
    while (digits < n && base64_digit(text[digits]) < 64)
        digits++;
    size_t quanta = digits / 4 < room / 3 ? digits / 4 : room / 3, length = 4 * quanta;
    memcpy(plain, text, length);
    assert_true(base64_decode(plain, &length));
    struct span t = {text, n};
    assert_int_equal(base64_take(&t, octets, room), 3 * quanta);
    assert_ptr_equal(t.p, text + 4 * quanta);
    assert_int_equal(t.n, n - 4 * quanta);
    assert_memory_equal(octets, plain, 3 * quanta);
}

static void test_base64(void **state)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    (void)state;
    for (int c = 1; c < 256; c++) {
        const char *found = strchr(digits, c);
        assert_int_equal(base64_digit((char)c), found != NULL ? found - digits : 64);
    }
    assert_int_equal(base64_digit('\0'), 64);
    check_all(check_base64);
}

/* ---- SHA-256 ---- */

static void check_sha256(const char *p, const char *end)
{
    uint32_t plain[8], fast[8];
    size_t blocks = (size_t)(end - p) / DIGEST_BLOCK;
    for (size_t i = 0; i < 8; i++)
        plain[i] = fast[i] = random_number(UINT_MAX);
    sha256_add_plain(plain, (const unsigned char *)end - blocks * DIGEST_BLOCK, blocks);
    digest_sha256.add_blocks(fast, (const unsigned char *)end - blocks * DIGEST_BLOCK, blocks);
    assert_memory_equal(plain, fast, sizeof plain);
}

static void test_sha256(void **state)
{
    (void)state;
    check_all(check_sha256);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_SCAN_CR),    cmocka_unit_test(test_SCAN_8BIT),         cmocka_unit_test(test_SCAN_ODD),
        cmocka_unit_test(test_SCAN_CODED), cmocka_unit_test(test_SCAN_UNSEEN),       cmocka_unit_test(test_SCAN_QUOTED),
        cmocka_unit_test(test_each_octet), cmocka_unit_test(test_unseen_characters), cmocka_unit_test(test_ends),
        cmocka_unit_test(test_utf8),       cmocka_unit_test(test_utf8_sequences),    cmocka_unit_test(test_base64),
        cmocka_unit_test(test_sha256),
    };
    return cmocka_run_group_tests_name("scan", tests, open_out, NULL);
}
