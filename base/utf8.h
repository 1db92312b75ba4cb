/*
 * utf8.h - well-formed UTF-8: RFC 3629 4, so no overlong form, no surrogate,
 * nothing above U+10FFFF.
 */
#ifndef UTF8_H
#define UTF8_H

#include <stdint.h>

#include "base/span.h"

/* How many octets the sequence at the front of t, which is not empty, takes; 0 if it is malformed. */
static inline size_t utf8_length(struct span t)
{
    const unsigned char *p = (const unsigned char *)t.p;
    size_t length = p[0] < 0x80 ? 1 : p[0] < 0xc2 ? 0 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : p[0] < 0xf5 ? 4 : 0;
    if (length > t.n)
        return 0;
    for (size_t i = 1; i < length; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    }
    bool overlong = (p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xf0 && p[1] < 0x90);
    bool outside = (p[0] == 0xed && p[1] > 0x9f) || (p[0] == 0xf4 && p[1] > 0x8f);
    return overlong || outside ? 0 : length;
}

/* The code point of a well-formed sequence, or of an octet alone. */
static inline uint32_t utf8_code_point(struct span sequence)
{
    const unsigned char *p = (const unsigned char *)sequence.p;
    uint32_t c = sequence.n == 1 ? p[0] : p[0] & (0xffu >> (sequence.n + 1));
    for (size_t i = 1; i < sequence.n; i++)
        c = c << 6 | (p[i] & 0x3fu);
    return c;
}

static inline bool utf8_is_valid(struct span t)
{
    while (t.n > 0) {
        size_t n = utf8_length(t);
        if (n == 0)
            return false;
        span_skip(&t, n);
    }
    return true;
}

#endif
