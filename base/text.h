/*
 * text.h - a text that grows.
 */
#ifndef TEXT_H
#define TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"

/* The caller allocates it, zeroed, and frees p, which is NULL until there is some. */
struct text {
    char *p;
    size_t n, size;
    bool failed; /* memory ran out: what is there is worth nothing, and nothing is added any more */
};

void text_add(struct text *t, const char *p, size_t n);
void text_add_ended(struct text *t, struct span s); /* and NUL behind it */
void text_add_string(struct text *t, const char *s);
void text_add_number(struct text *t, uint64_t n);

static inline struct span text_span(const struct text *t) { return (struct span){t->p, t->n}; }

#endif
