/* SPDX-License-Identifier: ISC */
/*
 * text.c - text that grows: the room doubles, so that octets are copied a few times at most.
 */
#include "base/base.h"

#include <stdlib.h>

char *text_grow(struct text *t, size_t n)
{
    size_t size = (t->n + n) * 2;
    char *grown = t->failed ? NULL : realloc(t->p, size);
    if (grown == NULL) {
        t->failed = true;
        t->size = t->n; /* nothing fits any more */
        return NULL;
    }
    t->p = grown;
    t->size = size;
    return grown + t->n;
}

void text_add_ended(struct text *t, struct span s)
{
    text_add(t, s.p, s.n);
    text_add(t, "", 1);
}

void text_add_number(struct text *t, uint64_t n)
{
    char digits[20], *end = digits + sizeof digits, *p = ascii_put_number(end, n);
    text_add(t, p, (size_t)(end - p));
}
