/*
 * base64.h - RFC 4648 section 4: padded, and nothing between.  Bits that stand for
 * nothing may be anything.
 */
#ifndef BASE64_H
#define BASE64_H

#include <stdbool.h>
#include <stddef.h>

#include "span.h"

/* Room for the base64 of n octets, with a NUL. */
#define BASE64_SIZE(n) (((n) + 2) / 3 * 4 + 1)

/* Writes it there, as a string. */
void base64_encode(struct span octets, char *text);

/* Decodes n characters in place; *n becomes the number of octets.  False, with some of them decoded, if they are not
   base64. */
bool base64_decode(char *text, size_t *n);

#endif
