/*
 * base64.c - base64, RFC 4648 section 4, three octets or four digits at a time.
 */
#include "base/base.h"

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

size_t base64_take(struct span *t, char *octets, size_t room)
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
