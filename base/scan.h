/*
 * scan.h - searches that look at many octets at a time.
 *
 * scan_lf_dot() finds a line of mail data that begins with a dot,
 * scan_copy_to_cr() the CR at the end of a line, scan_odd() an octet that text
 * should not hold, and scan_is_plain() checks a command.
 *
 * Each form that the machine can run is compiled, so that the tests can compare
 * them.
 */
#ifndef BASE_SCAN_H
#define BASE_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

/* Octet by octet, for the last few. */
static inline const char *scan_lf_dot_octets(const char *p, const char *end)
{
    for (; end - p >= 2; p++) {
        if (p[0] == '\n' && p[1] == '.')
            return p;
    }
    return NULL;
}

/* Eight octets at a time, in portable C.  A word that may hold a pair is looked at again, octet by octet. */
static inline const char *scan_lf_dot_words(const char *p, const char *end)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    for (; end - p >= 9; p += 8) {
        uint64_t here, next;
        memcpy(&here, p, 8);
        memcpy(&next, p + 1, 8);
        uint64_t x = (here ^ ones * '\n') | (next ^ ones * '.');
        if (((x - ones) & ~x & ones << 7) == 0)
            continue;
        const char *hit = scan_lf_dot_octets(p, p + 9);
        if (hit != NULL)
            return hit;
    }
    return scan_lf_dot_octets(p, end);
}

#if defined(__SSE2__)
/* Marks each of the 16 octets from p on that is an LF before a dot. */
static inline __m128i scan_pairs(const char *p)
{
    __m128i here = _mm_loadu_si128((const __m128i *)(const void *)p);
    __m128i next = _mm_loadu_si128((const __m128i *)(const void *)(p + 1));
    return _mm_and_si128(_mm_cmpeq_epi8(here, _mm_set1_epi8('\n')), _mm_cmpeq_epi8(next, _mm_set1_epi8('.')));
}

/*
 * Returns the first LF in [p, end) that is followed by a dot, or NULL.  It
 * compares two rows of octets, one shifted by one, so short lines cost no more
 * than long ones: four rows at a time until one has a pair.  The last row
 * overlaps the one before.
 */
static inline const char *scan_lf_dot(const char *p, const char *end)
{
    for (; end - p >= 65; p += 64) {
        __m128i any = _mm_or_si128(_mm_or_si128(scan_pairs(p), scan_pairs(p + 16)),
                                   _mm_or_si128(scan_pairs(p + 32), scan_pairs(p + 48)));
        if (_mm_movemask_epi8(any) != 0)
            break;
    }
    if (end - p < 17)
        return scan_lf_dot_octets(p, end);
    for (;; p = end - p > 33 ? p + 16 : end - 17) {
        unsigned pairs = (unsigned)_mm_movemask_epi8(scan_pairs(p));
        if (pairs != 0)
            return p + __builtin_ctz(pairs);
        if (end - p == 17)
            return NULL;
    }
}
#else
static inline const char *scan_lf_dot(const char *p, const char *end) { return scan_lf_dot_words(p, end); }
#endif

enum { SCAN_BEHIND = 16 /* octets after a copy that may be overwritten too */ };

/* Copies [p, end) up to its first CR, and returns the number of octets.  out has room for SCAN_BEHIND more. */
static inline size_t scan_copy_to_cr(char *out, const char *p, const char *end)
{
    const char *start = p;
#if defined(__SSE2__)
    for (; end - p >= 16; p += 16, out += 16) {
        __m128i row = _mm_loadu_si128((const __m128i *)(const void *)p);
        _mm_storeu_si128((__m128i *)(void *)out, row);
        unsigned crs = (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(row, _mm_set1_epi8('\r')));
        if (crs != 0)
            return (size_t)(p - start) + (size_t)__builtin_ctz(crs);
    }
#endif
    const char *cr = memchr(p, '\r', (size_t)(end - p));
    end = cr != NULL ? cr : end;
    memcpy(out, p, (size_t)(end - p));
    return (size_t)(end - start);
}

/* Not 0 if an octet of x is below 0x0e or above 0x7f. */
static inline uint64_t scan_unusual(uint64_t x)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    return (((x - ones * 0x0e) & ~x) | x) & ones << 7;
}

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

/* Returns the first octet in [p, end) that is CR, LF, NUL or outside ASCII, or end. */
static inline const char *scan_odd(const char *p, const char *end)
{
    while (p < end) {
        uint64_t x;
        for (; end - p >= 8; p += 8) {
            memcpy(&x, p, 8);
            if (scan_unusual(x) != 0)
                break;
        }
        for (int i = 0; i < 8 && p < end; i++, p++) {
            if (*p == '\r' || *p == '\n' || *p == '\0' || ((unsigned char)*p & 0x80) != 0)
                return p;
        }
    }
    return end;
}

#endif
