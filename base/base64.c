/*
 * base64.c - base64, RFC 4648 section 4, three octets or four digits at a time.
 */
#include "base/base.h"

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

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
