/*
 * base64.h - RFC 4648 section 4: padded, and nothing between.  Bits that stand for
 * nothing may be anything.
 */
#ifndef BASE64_H
#define BASE64_H

#include <stdbool.h>
#include <stddef.h>

#include "base/span.h"

/* What a digit stands for; 64 if it is none. */
static inline unsigned base64_digit(char c)
{
    if (ascii_is_upper(c))
        return (unsigned)(c - 'A');
    if (ascii_is_letter(c))
        return (unsigned)(c - 'a') + 26;
    if (ascii_is_digit(c))
        return (unsigned)(c - '0') + 52;
    return c == '+' ? 62 : c == '/' ? 63 : 64;
}

/* Room for the base64 of n octets, with a NUL. */
#define BASE64_SIZE(n) (((n) + 2) / 3 * 4 + 1)

/* Writes it there, as a string. */
void base64_encode(struct span octets, char *text);

/* Decodes n characters in place; *n becomes the number of octets.  False, with some of them decoded, if they are not
   base64. */
bool base64_decode(char *text, size_t *n);

#endif
