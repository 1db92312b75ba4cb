/*
 * ends.c - what is odd about the lines of a message, as the protocol engine notes
 * it of mail data.
 */
#include "read/inside.h"

#include <string.h>

#include "base/scan.h"

enum { TEXT_LINE_MAX = 998 /* octets without CRLF; RFC 5321 4.5.3.1.6 */ };

size_t ends_examine_octets(struct ends *l, struct span t, struct problems *found)
{
    size_t bare = 0;
    for (; t.n > 0; span_skip(&t, 1)) {
        char c = *t.p;
        if (l->cr && (c != '\n' || !l->crlf))
            problems_add(found, PROBLEM_BARE_CR);
        if (c == '\n' && l->n - (l->cr && l->crlf) > TEXT_LINE_MAX)
            problems_add(found, PROBLEM_LONG_LINE);
        if (c == '\n' && l->crlf && !l->cr)
            problems_add(found, PROBLEM_BARE_LF);
        if (c == '\0')
            problems_add(found, PROBLEM_NUL);
        bare += c == '\n' && !l->crlf;
        l->n = c == '\n' ? 0 : l->n + 1;
        l->cr = c == '\r';
    }
    return bare;
}

/* The same for up to a block of octets; blanks make a short piece one.  False, and nothing taken, if there is something
   odd in it. */
static bool examine_block(struct ends *l, struct span t, size_t *bare)
{
    char block[SCAN_BLOCK];
    const char *p = t.p;
    if (t.n < SCAN_BLOCK) {
        memset(block, ' ', sizeof block);
        p = memcpy(block, t.p, t.n);
    }
    struct scan_ends e = scan_ends(p);
    uint64_t line = l->n;
    /* so every CR has its LF, and every LF its CR */
    bool well = !e.nul && (l->crlf ? e.lf == (e.cr << 1 | l->cr) : e.cr == 0 && !l->cr);
    size_t start = 0, lines = 0;
    for (uint64_t rest = e.lf; rest != 0; rest &= rest - 1, lines++) {
        size_t at = (size_t)__builtin_ctzll(rest);
        well = well && line + at - start <= TEXT_LINE_MAX;
        line = 0;
        start = at + 1;
    }
    if (!well)
        return false;
    l->n = line + t.n - start;
    l->cr = e.cr >> (t.n - 1) & 1;
    *bare += l->crlf ? 0 : lines;
    return true;
}

size_t ends_examine(struct ends *l, struct span t, struct problems *found)
{
    size_t bare = 0;
    while (t.n > 0) {
        struct span block = {t.p, t.n < SCAN_BLOCK ? t.n : SCAN_BLOCK};
        if (!examine_block(l, block, &bare))
            bare += ends_examine_octets(l, block, found);
        span_skip(&t, block.n);
    }
    return bare;
}

void ends_finish(const struct ends *l, struct problems *found)
{
    if (l->cr)
        problems_add(found, PROBLEM_BARE_CR);
    if (l->n > TEXT_LINE_MAX)
        problems_add(found, PROBLEM_LONG_LINE);
}
