/* SPDX-License-Identifier: ISC */
/*
 * forms.h - holds the fast forms in base/ against plain ones.
 *
 * Each check takes octets, and the end of as many and
 * SCAN_BEHIND more that may be written; neither is followed by memory.
 */
#ifndef TESTS_UNIT_FORMS_H
#define TESTS_UNIT_FORMS_H

#include <stdlib.h>

#include "base/base.h"
#include "base/problem.h"
#include "base/scan.h"

static inline void must(bool condition)
{
    if (!condition)
        abort();
}

#define CHECK_KIND(kind) \
    static inline void check_##kind(const char *p, const char *end, char *out) \
    { \
        const char *plain = p; \
        while (plain < end && !scan_is(kind, *plain)) \
            plain++; \
        must(scan_words(kind, NULL, p, end) == plain); \
        must(scan_for(kind, p, end) == plain); \
        size_t n = (size_t)(plain - p); \
        char *words = out - (end - p), *rows = words - SCAN_BEHIND; \
        must(scan_words(kind, words, p, end) == plain); \
        must(memcmp(words, p, n) == 0); \
        must(scan_copy(kind, rows, p, end) == n); \
        must(memcmp(rows, p, n) == 0); \
    }

CHECK_KIND(SCAN_CR)
CHECK_KIND(SCAN_8BIT)
CHECK_KIND(SCAN_CODED)
CHECK_KIND(SCAN_UNSEEN)
CHECK_KIND(SCAN_QUOTED)

static inline void check_kinds(const char *p, const char *end, char *out)
{
    check_SCAN_CR(p, end, out);
    check_SCAN_8BIT(p, end, out);
    check_SCAN_CODED(p, end, out);
    check_SCAN_UNSEEN(p, end, out);
    check_SCAN_QUOTED(p, end, out);
}

static inline void check_octets(const char *p, const char *end, char *out)
{
    bool plain = true, has_8bit = false;
    (void)out;
    for (const char *c = p; c < end; c++) {
        has_8bit = has_8bit || ascii_is_8bit(*c);
        plain = plain && (unsigned char)*c >= 0x0e && !ascii_is_8bit(*c);
    }
    must(scan_is_plain(p, end) == plain);
    must(span_has_8bit(span_between(p, end)) == has_8bit);
    must(scan_lf('x', p, end) == scan_lf_octets('x', p, end));
    must(scan_lf_words('x', p, end) == scan_lf_octets('x', p, end));
    for (int or_8bit = 0; or_8bit < 2; or_8bit++)
        must(scan_for_two('a', '\n', or_8bit, p, end) == scan_for_two_octets('a', '\n', or_8bit, p, end));
    for (; end - p >= SCAN_BLOCK; p++) {
        struct scan_ends fast = scan_ends(p), octets = scan_ends_octets(p);
        must(fast.cr == octets.cr && fast.lf == octets.lf && fast.nul == octets.nul &&
             fast.has_8bit == octets.has_8bit);
    }
}

static inline void check_utf8(const char *p, const char *end, char *out)
{
    const char *plain = p;
    (void)out;
    for (size_t n = 1; plain < end && n > 0; plain += n)
        n = utf8_length(span_between(plain, end));
    must(scan_utf8_characters(p, end) == plain);
    must(scan_utf8(p, end) == plain);
}

/* The octets may begin within a line, after a CR, and come in two pieces. */
static inline void check_ends_in(const char *p, const char *end, struct ends plain)
{
    struct ends fast = plain;
    struct problems plain_found = {{0, 0}}, found = plain_found;
    size_t n = (size_t)(end - p), lines = ends_examine_octets(&plain, (struct span){p, n}, &plain_found);
    size_t taken = ends_examine(&fast, (struct span){p, n / 3}, &found);
    taken += ends_examine(&fast, (struct span){p + n / 3, n - n / 3}, &found);
    ends_finish(&plain, &plain_found);
    ends_finish(&fast, &found);
    must(taken == lines && fast.n == plain.n && fast.cr == plain.cr);
    must(memcmp(&found, &plain_found, sizeof found) == 0);
}

static inline void check_ends(const char *p, const char *end, char *out)
{
    (void)out;
    for (unsigned flags = 0; flags < 8; flags++) {
        struct ends e = {.crlf = flags & 1, .cr = flags & 2, .seven_bit = flags & 4, .n = flags >> 1 & 1};
        check_ends_in(p, end, e);
        e.n = 1000 - (unsigned)(end - p) % 128;
        check_ends_in(p, end, e);
    }
}

static inline void check_base64_in(const char *p, const char *end, char *octets, size_t room)
{
    size_t n = (size_t)(end - p), digits = 0;
    while (digits < n && base64_digit(p[digits]) < 64)
        digits++;
    size_t quanta = digits / 4 < room / 3 ? digits / 4 : room / 3;
    for (int fast = 0; fast < 2; fast++) {
        struct span t = {p, n};
        char whole[4];
        must((fast ? base64_take : base64_take_plain)(&t, octets, room) == 3 * quanta);
        must(t.p == p + 4 * quanta && t.n == n - 4 * quanta);
        for (size_t i = 0; i < quanta; i++) {
            size_t length = 4;
            memcpy(whole, p + 4 * i, 4);
            must(base64_decode(whole, &length) && memcmp(whole, octets + 3 * i, 3) == 0);
        }
    }
}

/* Either the room ends first, or the digits. */
static inline void check_base64(const char *p, const char *end, char *out)
{
    size_t n = (size_t)(end - p), little = n * 3 / 5;
    check_base64_in(p, end, out - little, little);
    check_base64_in(p, end, out - n, n);
}

static inline void check_sha256(const char *p, const char *end, char *out)
{
    uint32_t plain[8] = {1, 2, 3, 4, 5, 6, 7, 8}, fast[8];
    size_t blocks = (size_t)(end - p) / DIGEST_BLOCK;
    const unsigned char *first = (const unsigned char *)end - blocks * DIGEST_BLOCK;
    (void)out;
    memcpy(fast, plain, sizeof fast);
    sha256_add_plain(plain, first, blocks);
    digest_sha256.add_blocks(fast, first, blocks);
    must(memcmp(plain, fast, sizeof plain) == 0);
}

#endif
