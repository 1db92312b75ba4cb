/* SPDX-License-Identifier: ISC */
/*
 * base64.c - base64, RFC 4648 section 4, three octets or four digits at a time, and
 * sixteen digits where the processor can.
 */
#include "base/base.h"

#include "base/scan.h"

#if defined(SCAN_SSE2)
#include <tmmintrin.h>
#endif

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

#define NO 64
#define NO_ROW NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO
/* clang-format off */
const unsigned char base64_values[256] = {
    NO_ROW, NO_ROW,
    NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, 62, NO, NO, NO, 63,
    52, 53, 54, 55, 56, 57, 58, 59, 60, 61, NO, NO, NO, NO, NO, NO,
    NO,  0,  1,  2,  3,  4,  5,  6,  7,  8,  9, 10, 11, 12, 13, 14,
    15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, NO, NO, NO, NO, NO,
    NO, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40,
    41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, NO, NO, NO, NO, NO,
    NO_ROW, NO_ROW, NO_ROW, NO_ROW, NO_ROW, NO_ROW, NO_ROW, NO_ROW,
};
/* clang-format on */

void base64_encode(struct span octets, char *text)
{
    while (octets.n > 0) {
        size_t n = octets.n < 3 ? octets.n : 3;
        unsigned bits = 0;
        for (size_t i = 0; i < 3; i++)
            bits = bits << 8 | (i < n ? (unsigned char)octets.p[i] : 0);
        for (size_t i = 0; i < 4; i++)
            *text++ = i <= n ? digits[bits >> (18 - 6 * i) & 63] : '=';
        span_skip(&octets, n);
    }
    *text = '\0';
}

/* Four digits at a time, in portable C. */
size_t base64_take_plain(struct span *t, char *octets, size_t room)
{
    const char *p = t->p;
    char *out = octets;
    for (size_t quanta = t->n / 4 < room / 3 ? t->n / 4 : room / 3; quanta > 0; quanta--, p += 4, out += 3) {
        unsigned a = base64_digit(p[0]), b = base64_digit(p[1]), c = base64_digit(p[2]), d = base64_digit(p[3]);
        if ((a | b | c | d) > 63)
            break;
        out[0] = (char)(a << 2 | b >> 4);
        out[1] = (char)((b << 4 | c >> 2) & 0xff);
        out[2] = (char)((c << 6 | d) & 0xff);
    }
    span_skip(t, (size_t)(p - t->p));
    return (size_t)(out - octets);
}

#if defined(SCAN_SSE2)
/* Sixteen digits at a time, as long as there are rows of 16 octets with digits at the front.  Each row writes 16
   octets, of which 12 count; so there must be room for 16. */
__attribute__((target("ssse3"))) static size_t take_rows(struct span *t, char *octets, size_t room)
{
    const __m128i nibble = _mm_set1_epi8(0x0f);
    /* Each bit is a set of octets that are no digits: 1 those in 0x2x, 2 in 0x3x, 4 in 0x4x and 0x6x, 8 in 0x5x and
       0x7x, 16 all others.  highs has the sets that a high half may be in, lows those that a low half is in. */
    const __m128i highs = _mm_setr_epi8(16, 16, 1, 2, 4, 8, 4, 8, 16, 16, 16, 16, 16, 16, 16, 16);
    const __m128i lows = _mm_setr_epi8(21, 17, 17, 17, 17, 17, 17, 17, 17, 17, 19, 26, 27, 27, 27, 26);
    /* What turns an octet into its value, by its high half.  "/" is in 0x2x as "+" is; it takes the unused 0x1x. */
    const __m128i distances = _mm_setr_epi8(0, 16, 19, 4, -65, -65, -71, -71, 0, 0, 0, 0, 0, 0, 0, 0);
    const __m128i order = _mm_setr_epi8(2, 1, 0, 6, 5, 4, 10, 9, 8, 14, 13, 12, -1, -1, -1, -1);
    size_t n = 0, good = 16;
    while (good == 16 && t->n >= 16 && room - n >= 16) {
        __m128i row = _mm_loadu_si128((const __m128i *)(const void *)t->p);
        __m128i high = _mm_and_si128(_mm_srli_epi16(row, 4), nibble), low = _mm_and_si128(row, nibble);
        __m128i common = _mm_and_si128(_mm_shuffle_epi8(highs, high), _mm_shuffle_epi8(lows, low));
        int others = 0xffff ^ _mm_movemask_epi8(_mm_cmpeq_epi8(common, _mm_setzero_si128()));
        __m128i distance = _mm_shuffle_epi8(distances, _mm_add_epi8(high, scan_same(row, '/')));
        /* two values of 6 bits become one of 12: the first times 64, and the second; two of these one of 24, with the
           first times 4096 */
        __m128i pairs = _mm_maddubs_epi16(_mm_add_epi8(row, distance), _mm_set1_epi16(0x0140));
        __m128i quanta = _mm_madd_epi16(pairs, _mm_set1_epi32(0x00011000));
        _mm_storeu_si128((__m128i *)(void *)(octets + n), _mm_shuffle_epi8(quanta, order));
        good = others == 0 ? 16 : (size_t)__builtin_ctz((unsigned)others) / 4 * 4;
        span_skip(t, good);
        n += good / 4 * 3;
    }
    return n;
}
#endif

size_t base64_take(struct span *t, char *octets, size_t room)
{
    size_t n = 0;
#if defined(SCAN_SSE2)
    if ((processor_can() & PROCESSOR_SSSE3) != 0)
        n = take_rows(t, octets, room);
#endif
    return n + base64_take_plain(t, octets + n, room - n);
}

bool base64_decode(char *text, size_t *n)
{
    if (*n % 4 != 0)
        return false;
    size_t padding = 0;
    while (padding < 2 && padding < *n && text[*n - 1 - padding] == '=')
        padding++;
    size_t out = 0, length = *n - padding;
    unsigned bits = 0;
    for (size_t i = 0; i < length; i++) {
        unsigned value = base64_digit(text[i]);
        if (value > 63)
            return false;
        bits = bits << 6 | value;
        if (i % 4 != 0)
            text[out++] = (char)(bits >> (6 - i % 4 * 2) & 0xff);
    }
    *n = out;
    return true;
}
