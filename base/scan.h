/* SPDX-License-Identifier: ISC */
/*
 * scan.h - searches that look at many octets at a time.
 *
 * scan_lf() finds a line that begins with an octet, scan_for() an octet of a kind,
 * scan_for_two() one of two octets, scan_ends() the ends of lines, and scan_utf8()
 * the end of well-formed UTF-8.  scan_copy() copies up to an octet of a kind, and
 * scan_is_plain() checks a command.
 *
 * Each form that the machine can run is compiled, so that the tests can compare
 * them.  With SCAN_PLAIN the program uses the plain ones alone.
 */
#ifndef BASE_SCAN_H
#define BASE_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/base.h"

#if defined(__SSE2__) && !defined(SCAN_PLAIN)
#define SCAN_SSE2
#include <emmintrin.h>
#endif

#if defined(__GNUC__)
#define SCAN_INLINE static inline __attribute__((always_inline))
#else
#define SCAN_INLINE static inline
#endif

/* ---- eight octets in a word ---- */

static const uint64_t scan_ones = UINT64_C(0x0101010101010101);

/* Not 0 if an octet of x is below n, which is at most 0x80.  A borrow can mark an octet too many, but only above one
   that is below n, so the word as a whole is right. */
SCAN_INLINE uint64_t scan_below(uint64_t x, unsigned char n) { return (x - scan_ones * n) & ~x & scan_ones << 7; }

/* Not 0 if an octet of x is c. */
SCAN_INLINE uint64_t scan_has(uint64_t x, char c) { return scan_below(x ^ scan_ones * (unsigned char)c, 1); }

/* Not 0 if an octet of x is outside ASCII. */
SCAN_INLINE uint64_t scan_has_8bit(uint64_t x) { return x & scan_ones << 7; }

/* ---- lines that begin with an octet ---- */

/* Octet by octet, for the last few. */
static inline const char *scan_lf_octets(char next, const char *p, const char *end)
{
    for (; end - p >= 2; p++) {
        if (p[0] == '\n' && p[1] == next)
            return p;
    }
    return NULL;
}

/* Eight octets at a time, in portable C.  A word that may hold a pair is looked at again, octet by octet. */
static inline const char *scan_lf_words(char next, const char *p, const char *end)
{
    for (; end - p >= 9; p += 8) {
        uint64_t first, second;
        memcpy(&first, p, 8);
        memcpy(&second, p + 1, 8);
        uint64_t x = (first ^ scan_ones * '\n') | (second ^ scan_ones * (unsigned char)next);
        if (scan_has(x, 0) == 0)
            continue;
        const char *hit = scan_lf_octets(next, p, p + 9);
        if (hit != NULL)
            return hit;
    }
    return scan_lf_octets(next, p, end);
}

#if defined(SCAN_SSE2)
/* Marks each of the 16 octets from p on that is an LF before this octet. */
static inline __m128i scan_pairs(char next, const char *p)
{
    __m128i first = _mm_loadu_si128((const __m128i *)(const void *)p);
    __m128i second = _mm_loadu_si128((const __m128i *)(const void *)(p + 1));
    return _mm_and_si128(_mm_cmpeq_epi8(first, _mm_set1_epi8('\n')), _mm_cmpeq_epi8(second, _mm_set1_epi8(next)));
}

/*
 * Returns the first LF in [p, end) that is followed by this octet, or NULL.  It
 * compares two rows of octets, one shifted by one, so short lines cost no more
 * than long ones: four rows at a time until one has a pair.  The last row
 * overlaps the one before.
 */
static inline const char *scan_lf(char next, const char *p, const char *end)
{
    for (; end - p >= 65; p += 64) {
        __m128i any = _mm_or_si128(_mm_or_si128(scan_pairs(next, p), scan_pairs(next, p + 16)),
                                   _mm_or_si128(scan_pairs(next, p + 32), scan_pairs(next, p + 48)));
        if (_mm_movemask_epi8(any) != 0)
            break;
    }
    if (end - p < 17)
        return scan_lf_octets(next, p, end);
    for (;; p = end - p > 33 ? p + 16 : end - 17) {
        unsigned pairs = (unsigned)_mm_movemask_epi8(scan_pairs(next, p));
        if (pairs != 0)
            return p + __builtin_ctz(pairs);
        if (end - p == 17)
            return NULL;
    }
}
#else
static inline const char *scan_lf(char next, const char *p, const char *end) { return scan_lf_words(next, p, end); }
#endif

static inline const char *scan_lf_dot(const char *p, const char *end) { return scan_lf('.', p, end); }

/* Not 0 if an octet of x is below 0x0e or above 0x7f. */
static inline uint64_t scan_unusual(uint64_t x) { return scan_below(x, 0x0e) | scan_has_8bit(x); }

/* Whether each octet of [p, end) is from 0x0e to 0x7f.  The last eight may overlap those before. */
static inline bool scan_is_plain(const char *p, const char *end)
{
    uint64_t x = UINT64_C(0x2020202020202020);
    if (end - p < 8) {
        memcpy(&x, p, (size_t)(end - p));
        return scan_unusual(x) == 0;
    }
    for (; end - p > 8; p += 8) {
        memcpy(&x, p, 8);
        if (scan_unusual(x) != 0)
            return false;
    }
    memcpy(&x, end - 8, 8);
    return scan_unusual(x) == 0;
}

/* ---- octets of a kind ---- */

/* What is searched for. */
enum scan_kind {
    SCAN_CR,
    SCAN_8BIT,   /* octets outside ASCII */
    SCAN_CODED,  /* octets outside ASCII, "=" and LF: none stands for itself within a line of quoted-printable */
    SCAN_UNSEEN, /* controls, and first octets of UTF-8 characters that may have to be hidden from people */
    SCAN_QUOTED, /* the same, quotes and backslashes: all that may need an escape in a JSON string */
};

enum { SCAN_BEHIND = 16 /* octets after a copy that may be overwritten too */ };

/* The kind is a constant in every call, so the compiler drops the code for the other kinds. */

SCAN_INLINE bool scan_is_unseen(unsigned char c)
{
    return c < ' ' || c == 0x7f || c == 0xc2 || c == 0xcd || (c >= 0xd8 && c <= 0xe3) || c >= 0xee;
}

SCAN_INLINE bool scan_is(enum scan_kind kind, char octet)
{
    unsigned char c = (unsigned char)octet;
    switch (kind) {
    case SCAN_CR:
        return c == '\r';
    case SCAN_8BIT:
        return c >= 0x80;
    case SCAN_CODED:
        return c >= 0x80 || c == '=' || c == '\n';
    case SCAN_UNSEEN:
        return scan_is_unseen(c);
    case SCAN_QUOTED:
        return scan_is_unseen(c) || c == '"' || c == '\\';
    }
    return true;
}

/* Not 0 if one of eight octets may be of the kind. */
SCAN_INLINE uint64_t scan_word(enum scan_kind kind, uint64_t x)
{
    switch (kind) {
    case SCAN_CR:
        return scan_has(x, '\r');
    case SCAN_8BIT:
        return scan_has_8bit(x);
    case SCAN_CODED:
        return scan_has_8bit(x) | scan_has(x, '=') | scan_has(x, '\n');
    case SCAN_UNSEEN:
        return scan_has_8bit(x) | scan_below(x, ' ') | scan_has(x, 0x7f);
    case SCAN_QUOTED:
        return scan_has_8bit(x) | scan_below(x, ' ') | scan_has(x, 0x7f) | scan_has(x, '"') | scan_has(x, '\\');
    }
    return 1;
}

/* Returns the first octet of the kind in [p, end), or end, and copies those before it unless out is NULL.  Eight octets
   at a time, in portable C. */
SCAN_INLINE const char *scan_words(enum scan_kind kind, char *out, const char *p, const char *end)
{
    for (uint64_t x; end - p >= 8; p += 8) {
        memcpy(&x, p, 8);
        if (out != NULL)
            out = (char *)memcpy(out, p, 8) + 8;
        if (scan_word(kind, x) == 0)
            continue;
        for (const char *c = p; c < p + 8; c++) {
            if (scan_is(kind, *c))
                return c;
        }
    }
    for (; p < end && !scan_is(kind, *p); p++) {
        if (out != NULL)
            *out++ = *p;
    }
    return p;
}

#if defined(SCAN_SSE2)
SCAN_INLINE __m128i scan_same(__m128i row, unsigned char c) { return _mm_cmpeq_epi8(row, _mm_set1_epi8((char)c)); }

/* Marks octets from low to high; if low is above high, those up to 0xff and from 0 on. */
SCAN_INLINE __m128i scan_within(__m128i row, unsigned char low, unsigned char high)
{
    __m128i above = _mm_sub_epi8(row, _mm_set1_epi8((char)low));
    return _mm_cmpeq_epi8(_mm_min_epu8(above, _mm_set1_epi8((char)(high - low))), above);
}

SCAN_INLINE __m128i scan_unseen(__m128i row)
{
    __m128i marks = _mm_or_si128(scan_within(row, 0xee, ' ' - 1), scan_within(row, 0xd8, 0xe3));
    marks = _mm_or_si128(marks, scan_same(row, 0x7f));
    return _mm_or_si128(marks, _mm_or_si128(scan_same(row, 0xc2), scan_same(row, 0xcd)));
}

/* A bit for each of 16 octets, if it is of the kind. */
SCAN_INLINE unsigned scan_row(enum scan_kind kind, __m128i row)
{
    __m128i marks = row; /* by the highest bit of each octet: those outside ASCII */
    switch (kind) {
    case SCAN_CR:
        marks = scan_same(row, '\r');
        break;
    case SCAN_8BIT:
        break;
    case SCAN_CODED:
        marks = _mm_or_si128(marks, _mm_or_si128(scan_same(row, '='), scan_same(row, '\n')));
        break;
    case SCAN_UNSEEN:
        marks = scan_unseen(row);
        break;
    case SCAN_QUOTED:
        marks = _mm_or_si128(scan_unseen(row), _mm_or_si128(scan_same(row, '"'), scan_same(row, '\\')));
        break;
    }
    return (unsigned)_mm_movemask_epi8(marks);
}

/* The same as scan_words(), 16 octets at a time; overwrites up to SCAN_BEHIND octets after the copy. */
SCAN_INLINE const char *scan_rows(enum scan_kind kind, char *out, const char *p, const char *end)
{
    for (; end - p >= 16; p += 16) {
        __m128i row = _mm_loadu_si128((const __m128i *)(const void *)p);
        if (out != NULL) {
            _mm_storeu_si128((__m128i *)(void *)out, row);
            out += 16;
        }
        unsigned marks = scan_row(kind, row);
        if (marks != 0)
            return p + __builtin_ctz(marks);
    }
    return scan_words(kind, out, p, end);
}
#else
#define scan_rows scan_words
#endif

/* Returns the first octet of the kind in [p, end), or end. */
SCAN_INLINE const char *scan_for(enum scan_kind kind, const char *p, const char *end)
{
    return scan_rows(kind, NULL, p, end);
}

/* Returns the first octet in [p, end) that is a, b or, if these are wanted, outside ASCII; or end. */
static inline const char *scan_for_two_octets(char a, char b, bool or_8bit, const char *p, const char *end)
{
    while (p < end && *p != a && *p != b && !(or_8bit && ascii_is_8bit(*p)))
        p++;
    return p;
}

#if defined(SCAN_SSE2)
static inline const char *scan_for_two(char a, char b, bool or_8bit, const char *p, const char *end)
{
    const __m128i wanted = _mm_set1_epi8(or_8bit ? (char)0x80 : 0);
    for (; end - p >= 16; p += 16) {
        __m128i row = _mm_loadu_si128((const __m128i *)(const void *)p);
        __m128i any = _mm_or_si128(scan_same(row, (unsigned char)a), scan_same(row, (unsigned char)b));
        unsigned marks = (unsigned)_mm_movemask_epi8(_mm_or_si128(_mm_and_si128(row, wanted), any));
        if (marks != 0)
            return p + __builtin_ctz(marks);
    }
    return scan_for_two_octets(a, b, or_8bit, p, end);
}
#else
#define scan_for_two scan_for_two_octets
#endif

/* Copies [p, end) up to its first octet of the kind, and returns the number of octets.  out has room for SCAN_BEHIND
   more. */
SCAN_INLINE size_t scan_copy(enum scan_kind kind, char *out, const char *p, const char *end)
{
    return (size_t)(scan_rows(kind, out, p, end) - p);
}

/* ---- the ends of lines ---- */

enum { SCAN_BLOCK = 64 };

/* Of SCAN_BLOCK octets, a bit for each that is one of these; and whether there is a NUL, or an octet outside ASCII. */
struct scan_ends {
    uint64_t cr, lf;
    bool nul, has_8bit;
};

/* Octet by octet. */
static inline struct scan_ends scan_ends_octets(const char *p)
{
    struct scan_ends e = {0, 0, false, false};
    for (int i = 0; i < SCAN_BLOCK; i++) {
        e.cr |= (uint64_t)(p[i] == '\r') << i;
        e.lf |= (uint64_t)(p[i] == '\n') << i;
        e.nul = e.nul || p[i] == '\0';
        e.has_8bit = e.has_8bit || ascii_is_8bit(p[i]);
    }
    return e;
}

#if defined(SCAN_SSE2)
static inline struct scan_ends scan_ends(const char *p)
{
    struct scan_ends e = {0, 0, false, false};
    __m128i nuls = _mm_setzero_si128(), all = nuls;
    for (int i = 0; i < SCAN_BLOCK; i += 16) {
        __m128i row = _mm_loadu_si128((const __m128i *)(const void *)(p + i));
        e.cr |= (uint64_t)_mm_movemask_epi8(scan_same(row, '\r')) << i;
        e.lf |= (uint64_t)_mm_movemask_epi8(scan_same(row, '\n')) << i;
        nuls = _mm_or_si128(nuls, scan_same(row, '\0'));
        all = _mm_or_si128(all, row);
    }
    e.nul = _mm_movemask_epi8(nuls) != 0;
    e.has_8bit = _mm_movemask_epi8(all) != 0;
    return e;
}
#else
static inline struct scan_ends scan_ends(const char *p) { return scan_ends_octets(p); }
#endif

/* The place of the last bit of x, which is not 0. */
static inline unsigned scan_last(uint64_t x)
{
#if defined(__GNUC__)
    return 63 - (unsigned)__builtin_clzll(x);
#else
    unsigned n = 63;
    while (x >> n == 0)
        n--;
    return n;
#endif
}

/* ---- UTF-8 ---- */

/* Returns the end of the well-formed characters at the front of [p, end): character by character. */
static inline const char *scan_utf8_characters(const char *p, const char *end)
{
    while ((p = scan_for(SCAN_8BIT, p, end)) < end) {
        size_t n = utf8_length(span_between(p, end));
        if (n == 0)
            break;
        p += n;
    }
    return p;
}

#if defined(SCAN_SSE2)
/* Of SCAN_BLOCK octets, a bit for each that */
struct scan_utf8 {
    uint64_t first;   /* is the first of a character outside ASCII, */
    uint64_t further; /* is a further one, */
    uint64_t three;   /* is the first of three or four, */
    uint64_t odd;     /* is the first of four, or never occurs, or is E0 or ED before one that may not come after it */
};

/* Reads one octet after the block as well. */
static inline struct scan_utf8 scan_utf8_marks(const char *p)
{
    struct scan_utf8 m = {0, 0, 0, 0};
    uint64_t outside = 0; /* a bit for each octet outside ASCII; as signed numbers these are the lowest */
    for (int i = 0; i < SCAN_BLOCK; i += 16) {
        __m128i row = _mm_loadu_si128((const __m128i *)(const void *)(p + i));
        __m128i next = _mm_loadu_si128((const __m128i *)(const void *)(p + i + 1));
        __m128i low = _mm_cmplt_epi8(next, _mm_set1_epi8((char)0xa0));
        __m128i odd =
            _mm_or_si128(_mm_and_si128(scan_same(row, 0xe0), low), _mm_andnot_si128(low, scan_same(row, 0xed)));
        odd = _mm_or_si128(odd, scan_same(_mm_and_si128(row, _mm_set1_epi8((char)0xfe)), 0xc0));
        odd = _mm_or_si128(odd, _mm_cmpgt_epi8(row, _mm_set1_epi8((char)0xef)));
        outside |= (uint64_t)_mm_movemask_epi8(row) << i;
        m.further |= (uint64_t)_mm_movemask_epi8(_mm_cmplt_epi8(row, _mm_set1_epi8((char)0xc0))) << i;
        m.three |= (uint64_t)_mm_movemask_epi8(_mm_cmpgt_epi8(row, _mm_set1_epi8((char)0xdf))) << i;
        m.odd |= (uint64_t)_mm_movemask_epi8(odd) << i;
    }
    m.first = outside & ~m.further;
    m.three &= outside;
    m.odd &= outside;
    return m;
}

/*
 * The same, a block at a time.  Without the odd ones, a first octet wants a further
 * one after it, and the first of three a second.  So the text is well-formed if
 * `further` is `first << 1 | three << 2`, with what the block before still wanted.
 * Blocks with odd ones, and the last octets, are looked at character by character.
 */
static inline const char *scan_utf8(const char *p, const char *end)
{
    uint64_t wanted = 0; /* at the front, for a character that began before */
    for (;;) {
        if (end - p > SCAN_BLOCK) {
            struct scan_utf8 m = scan_utf8_marks(p);
            if (m.odd == 0 && m.further == (m.first << 1 | m.three << 2 | wanted)) {
                wanted = m.first >> 63 | m.three >> 62;
                p += SCAN_BLOCK;
                continue;
            }
        }
        if (wanted != 0) { /* back to the first octet of the character that goes on here */
            do
                p--;
            while ((*p & 0xc0) == 0x80);
            wanted = 0;
        }
        const char *stop = end - p > SCAN_BLOCK ? p + SCAN_BLOCK : end;
        p = scan_utf8_characters(p, stop);
        if (stop == end || stop - p >= 4) /* else a character may go on after stop */
            return p;
    }
}
#else
static inline const char *scan_utf8(const char *p, const char *end) { return scan_utf8_characters(p, end); }
#endif

#endif
