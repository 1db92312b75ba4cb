/* SPDX-License-Identifier: ISC */
/*
 * ends.c - what is odd about the lines of a message, from a client or a file.
 */
#include "base/problem.h"

#include <string.h>

#include "base/scan.h"

enum {
    TEXT_LINE_MAX = 998,             /* octets without CRLF; RFC 5321 4.5.3.1.6 */
    LONG_ENOUGH = TEXT_LINE_MAX + 2, /* octets that make a line too long, even if the last one is a CR */
};

static unsigned grown(const struct ends *e, size_t n)
{
    return e->n + n < LONG_ENOUGH ? (unsigned)(e->n + n) : LONG_ENOUGH;
}

size_t ends_examine_octets(struct ends *e, struct span t, struct problems *found)
{
    size_t lines = 0;
    for (; t.n > 0; span_skip(&t, 1)) {
        char c = *t.p;
        if (e->cr && (c != '\n' || !e->crlf))
            problems_add(found, PROBLEM_BARE_CR);
        if (c == '\n' && e->n - (e->cr && e->crlf) > TEXT_LINE_MAX)
            problems_add(found, PROBLEM_LONG_LINE);
        if (c == '\n' && e->crlf && !e->cr)
            problems_add(found, PROBLEM_BARE_LF);
        if (c == '\0')
            problems_add(found, PROBLEM_NUL);
        if (ascii_is_8bit(c) && e->seven_bit)
            problems_add(found, PROBLEM_8BIT_DATA);
        lines += c == '\n';
        e->n = c == '\n' ? 0 : grown(e, 1);
        e->cr = c == '\r';
    }
    return lines;
}

/* The same for up to a block of octets; blanks make a short piece one.  False, and nothing taken, if there is something
   odd in it, or if a short piece ends in CR, which the blanks seem to follow. */
static bool examine_block(struct ends *e, struct span t, size_t *lines)
{
    char block[SCAN_BLOCK];
    const char *p = t.p;
    if (t.n < SCAN_BLOCK) {
        memset(block, ' ', sizeof block);
        p = memcpy(block, t.p, t.n);
    }
    struct scan_ends s = scan_ends(p);
    /* so every CR has its LF, and every LF its CR */
    bool well =
        !s.nul && !(s.has_8bit && e->seven_bit) && (e->crlf ? s.lf == (s.cr << 1 | e->cr) : s.cr == 0 && !e->cr);
    /* only the first line that ends here can be too long */
    if (!well || (s.lf != 0 && e->n > TEXT_LINE_MAX - SCAN_BLOCK))
        return false;
    e->n = s.lf != 0 ? (unsigned)(t.n - 1 - scan_last(s.lf)) : grown(e, t.n);
    e->cr = s.cr >> (t.n - 1) & 1;
    for (uint64_t lf = s.lf; lf != 0; lf &= lf - 1)
        ++*lines;
    return true;
}

size_t ends_examine(struct ends *e, struct span t, struct problems *found)
{
    size_t lines = 0;
    while (t.n > 0) {
        struct span block = {t.p, t.n < SCAN_BLOCK ? t.n : SCAN_BLOCK};
        if (!examine_block(e, block, &lines))
            lines += ends_examine_octets(e, block, found);
        span_skip(&t, block.n);
    }
    return lines;
}

void ends_finish(const struct ends *e, struct problems *found)
{
    if (e->cr)
        problems_add(found, PROBLEM_BARE_CR);
    if (e->n > TEXT_LINE_MAX)
        problems_add(found, PROBLEM_LONG_LINE);
}
