/*
 * visible.h - which characters can be shown to a person: what moves, hides or
 * reorders what is around it, or shows nothing, cannot.
 */
#ifndef VISIBLE_H
#define VISIBLE_H

#include "base/span.h"

/*
 * How many octets the character at the front of t, which is not empty, takes,
 * and whether it can be shown.  An octet that is no UTF-8 is a character that
 * cannot.
 */
size_t visible_take(struct span t, bool *visible);

#endif
