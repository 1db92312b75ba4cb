/*
 * convert.c - characters on their way into a sink that gets UTF-8.
 *
 * UTF-8 that a client sent, and what iconv makes of other octets, is checked, so
 * that only well-formed UTF-8 gets out, and each character in one piece.  Octets
 * that are no character become U+FFFD.
 */
#include "mail/inside.h"

#include <string.h>

void convert_bad(struct charset *c)
{
    message_note(c->m, c->malformed);
    sink_put(c->to, "\xef\xbf\xbd", 3);
}

/* How many octets at the front of t, where utf8_length() finds no character, are the beginning of one; at least 1. */
static size_t count_begun(struct span t)
{
    for (size_t n = t.n < 3 ? t.n : 3; n > 1; n--) {
        char filled[4] = {'\x80', '\x80', '\x80', '\x80'};
        memcpy(filled, t.p, n);
        if (utf8_length((struct span){filled, sizeof filled}) > n)
            return n;
    }
    return 1;
}

/* Whether t, no character, can become one. */
static bool is_beginning(struct span t)
{
    unsigned char first = (unsigned char)*t.p;
    return first >= 0xc2 && first < 0xf5 && count_begun(t) == t.n;
}

void convert_utf8(struct charset *c, struct span t)
{
    while (c->held > 0 && t.n > 0) {
        struct span held = {c->utf8, c->held + 1};
        c->utf8[c->held] = *t.p;
        bool whole = utf8_length(held) > 0, begun = !whole && is_beginning(held);
        c->held = begun ? held.n : 0;
        if (whole)
            sink_put(c->to, held.p, held.n);
        else if (!begun)
            convert_bad(c);
        if (whole || begun) /* else this octet begins a character */
            span_skip(&t, 1);
    }
    const char *run = t.p;
    while (t.n > 0) {
        size_t n = utf8_length(t);
        if (n != 1 && c->ascii)
            message_note(c->m, PROBLEM_UNDECLARED_8BIT);
        if (n > 0) {
            span_skip(&t, n);
            continue;
        }
        sink_put(c->to, run, (size_t)(t.p - run));
        if (is_beginning(t)) {
            memcpy(c->utf8, t.p, t.n);
            c->held = t.n;
            return;
        }
        convert_bad(c);
        span_skip(&t, count_begun(t));
        run = t.p;
    }
    sink_put(c->to, run, (size_t)(t.p - run));
}

void convert_flush(struct charset *c)
{
    if (c->held > 0)
        convert_bad(c);
    c->held = 0;
}
