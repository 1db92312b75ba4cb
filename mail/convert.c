/* SPDX-License-Identifier: ISC */
/*
 * convert.c - characters on their way into a sink that gets UTF-8.
 *
 * UTF-8 that a client sent, and what iconv makes of other octets, is checked, so
 * that only well-formed UTF-8 gets out, and each character in one piece.  Octets
 * that are no character become U+FFFD.
 */
#include "mail/inside.h"

#include <string.h>

#include "base/scan.h"

void convert_bad(struct charset *c)
{
    message_note(c->m, c->malformed);
    sink_put(c->to, "\xef\xbf\xbd", 3);
}

void convert_code_point(struct charset *c, uint32_t code)
{
    char octets[4];
    sink_put(c->to, octets, utf8_encode(code, octets));
}

size_t convert_octet(struct charset *c, char octet, char utf8[4])
{
    uint32_t code = c->table[(unsigned char)octet - 0x80];
    if (code == 0xfffd)
        message_note(c->m, c->malformed);
    return utf8_encode(code, utf8);
}

/* ---- UTF-8 ---- */

/* Puts something for octets that are no UTF-8. */
static void put_malformed(struct charset *c, struct span t)
{
    char utf8[4];
    if (c->table == NULL)
        convert_bad(c);
    for (; c->table != NULL && t.n > 0; span_skip(&t, 1))
        sink_put(c->to, utf8, convert_octet(c, *t.p, utf8));
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
        if (whole)
            sink_put(c->to, held.p, held.n);
        else if (!begun)
            put_malformed(c, (struct span){held.p, c->held});
        c->held = begun ? held.n : 0;
        if (whole || begun) /* else this octet begins a character */
            span_skip(&t, 1);
    }
    if (c->table != NULL && span_has_8bit(t))
        message_note(c->m, PROBLEM_UNDECLARED_8BIT);
    while (t.n > 0) {
        size_t n = (size_t)(scan_utf8(t.p, t.p + t.n) - t.p);
        sink_put(c->to, t.p, n);
        span_skip(&t, n);
        if (t.n > 0 && is_beginning(t)) {
            memcpy(c->utf8, t.p, t.n);
            c->held = t.n;
            return;
        }
        if (t.n > 0)
            put_malformed(c, header_take(&t, count_begun(t)));
    }
}

void convert_flush(struct charset *c)
{
    if (c->held > 0)
        put_malformed(c, (struct span){c->utf8, c->held});
    c->held = 0;
}
