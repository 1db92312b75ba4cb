/*
 * text.c - a text that grows.
 */
#include "base/base.h"

#include <stdlib.h>

/* Sees to it that there is room for n octets more. */
static bool reserve(struct text *t, size_t n)
{
    if (t->failed)
        return false;
    if (t->n + n > t->size) {
        size_t size = (t->n + n) * 2;
        char *grown = realloc(t->p, size);
        if (grown == NULL) {
            t->failed = true;
            return false;
        }
        t->p = grown;
        t->size = size;
    }
    return true;
}

void text_add(struct text *t, const char *p, size_t n)
{
    if (n == 0 || !reserve(t, n))
        return;
    memcpy(t->p + t->n, p, n);
    t->n += n;
}

void text_add_ended(struct text *t, struct span s)
{
    if (!reserve(t, s.n + 1))
        return;
    text_add(t, s.p, s.n);
    t->p[t->n++] = '\0';
}

void text_add_string(struct text *t, const char *s) { text_add(t, s, strlen(s)); }

void text_add_number(struct text *t, uint64_t n)
{
    char digits[20], *end = digits + sizeof digits, *p = ascii_put_number(end, n);
    text_add(t, p, (size_t)(end - p));
}
