/* SPDX-License-Identifier: ISC */
/*
 * decode.c - transfer encodings (RFC 2045 6) and that of encoded words.
 *
 * Each reads a span and puts the octets that it stands for into a sink.
 */
#include "mail/inside.h"

#include <string.h>

#include "base/scan.h"

enum { GATHERED = 4096 };

static void put_text(void *context, const char *p, size_t n) { text_add(context, p, n); }

/* Not in message.c, which calls files that call this: they would be a cycle. */
struct sink message_into(struct text *t) { return (struct sink){put_text, t}; }

/* Octets on their way out, gathered. */
struct gathered {
    struct sink to;
    size_t n;
    char octets[GATHERED + SCAN_BEHIND];
};

static void begin(struct gathered *g, struct sink to)
{
    g->to = to;
    g->n = 0;
}

static void flush(struct gathered *g)
{
    sink_put(g->to, g->octets, g->n);
    g->n = 0;
}

static void gather(struct gathered *g, char c)
{
    if (g->n == GATHERED)
        flush(g);
    g->octets[g->n++] = c;
}

bool decode_is_identity(struct span encoding)
{
    return encoding.n == 0 || span_is(encoding, "7bit") || span_is(encoding, "8bit") || span_is(encoding, "binary");
}

/* ---- base64 ---- */

enum { NO_DIGIT = 64 };

/* Whether t is base64 and nothing else: lines of whole quanta. */
static bool is_base64(struct span t)
{
    size_t column = 0;
    for (; t.n > 0; span_skip(&t, 1)) {
        if (base64_digit(*t.p) < NO_DIGIT || *t.p == '=')
            column++;
        else if (!header_is_blank(*t.p) || column % 4 != 0)
            return false;
    }
    return column % 4 == 0;
}

/* Puts the octets of a quantum of n digits. */
static inline void put_quantum(struct message *m, struct gathered *g, unsigned bits, unsigned n)
{
    bits <<= (4 - n) * 6;
    if (n == 1)
        message_note(m, PROBLEM_BASE64);
    if (n > 1)
        gather(g, (char)(bits >> 16 & 0xff));
    if (n > 2)
        gather(g, (char)(bits >> 8 & 0xff));
    if (n > 3)
        gather(g, (char)(bits & 0xff));
}

/* Takes the padding after n digits. */
static void take_padding(struct message *m, struct span *t, unsigned n)
{
    size_t padding = 0;
    for (; t->n > 0 && (*t->p == '=' || header_is_blank(*t->p)); span_skip(t, 1))
        padding += *t->p == '=';
    if (n == 0 || t->n > 0)
        message_note(m, PROBLEM_BASE64);
    if (n > 0 && padding + n != 4)
        message_note(m, PROBLEM_BASE64_PADDING);
}

/* Other octets than digits are skipped, and "=" ends the data (RFC 2045 6.8).  But data that were joined from several
   pieces go on after it, while the footer of a mailing list does not. */
void decode_base64(struct message *m, struct span t, struct sink to)
{
    struct gathered g;
    size_t added;
    unsigned bits = 0, n = 0;
    bool pieces = false;
    begin(&g, to);
    while (t.n > 0) {
        if (g.n + 3 > GATHERED) {
            flush(&g);
            if (message_stopped(m))
                return;
        }
        unsigned value = base64_digit(*t.p);
        if (n == 0 && value < NO_DIGIT && (added = base64_take(&t, g.octets + g.n, GATHERED - g.n)) > 0) {
            g.n += added;
            continue;
        }
        if (*t.p == '=') {
            put_quantum(m, &g, bits, n);
            take_padding(m, &t, n);
            bits = n = 0;
            pieces = pieces || is_base64(t);
            if (!pieces)
                break;
            continue;
        }
        if (value < NO_DIGIT) {
            bits = bits << 6 | value;
            n++;
        } else if (!header_is_blank(*t.p)) {
            message_note(m, PROBLEM_BASE64);
        }
        if (n == 4) {
            put_quantum(m, &g, bits, 4);
            bits = n = 0;
        }
        span_skip(&t, 1);
    }
    if (n > 0)
        message_note(m, PROBLEM_BASE64_PADDING);
    put_quantum(m, &g, bits, n);
    flush(&g);
}

/* ---- quoted-printable ---- */

/* One more than what a hexadecimal digit stands for; 0: it is none.  A table, as some texts are mostly escapes. */
static const unsigned char hex_digits[256] = {
    ['0'] = 1,  2,  3,  4,  5,  6,  7, 8, 9, 10, /* "0" to "9" */
    ['A'] = 11, 12, 13, 14, 15, 16,              /* "A" to "F" */
    ['a'] = 11, 12, 13, 14, 15, 16,
};

/* The octet that "=" and two hexadecimal digits at p stand for; -1: they are not there. */
static inline int escaped(const char *p, const char *end)
{
    int high = end - p >= 3 ? hex_digits[(unsigned char)p[1]] : 0, low = high > 0 ? hex_digits[(unsigned char)p[2]] : 0;
    return low > 0 ? (high - 1) << 4 | (low - 1) : -1;
}

/* Puts a line without the blanks at its end: RFC 2045 6.7 (3).  The octets after it, up to all_end, may be read too. */
static void put_line(struct message *m, struct gathered *g, struct span line, const char *all_end)
{
    const char *p = line.p, *end = p + line.n, *stop = end;
    while (stop > p && header_is_blank(stop[-1]))
        stop--;
    struct span rest = span_between(stop, end);
    while (rest.n > 0 && !header_is_break(*rest.p))
        span_skip(&rest, 1);
    if (stop > p && stop[-1] == '=') { /* 6.7 (5) */
        stop--;
        rest.n = 0;
    }
    while (p < stop) {
        size_t room = GATHERED - g->n;
        const char *most = (size_t)(stop - p) < room ? stop : p + room;
        char *out = g->octets + g->n;
        /* on into the next line, so that whole rows are copied */
        size_t plain = scan_copy(SCAN_CODED, out, p, (size_t)(all_end - p) < room ? all_end : p + room);
        plain = plain < (size_t)(most - p) ? plain : (size_t)(most - p);
        for (p += plain, out += plain; p < most && *p == '=';) {
            int octet = escaped(p, stop);
            *out++ = octet >= 0 ? (char)octet : '='; /* a bad one stays as it is (RFC 2045 6.7) */
            p += octet >= 0 ? 3 : 1;
            if (octet < 0)
                message_note(m, PROBLEM_QUOTED_PRINTABLE);
        }
        for (; p < most && ascii_is_8bit(*p); p++) {
            message_note(m, PROBLEM_QUOTED_PRINTABLE);
            *out++ = *p;
        }
        g->n = (size_t)(out - g->octets);
        if (g->n == GATHERED)
            flush(g);
    }
    for (; rest.n > 0; span_skip(&rest, 1))
        gather(g, *rest.p);
}

void decode_quoted_printable(struct message *m, struct span t, struct sink to)
{
    struct gathered g;
    const char *all_end = t.p + t.n;
    begin(&g, to);
    while (t.n > 0 && !message_stopped(m)) {
        const char *lf = memchr(t.p, '\n', t.n);
        put_line(m, &g, header_take(&t, lf != NULL ? (size_t)(lf - t.p) + 1 : t.n), all_end);
    }
    flush(&g);
}

void decode_q(struct message *m, struct span t, struct sink to)
{
    struct gathered g;
    begin(&g, to);
    while (t.n > 0) {
        char c = *t.p;
        int octet = c == '=' ? escaped(t.p, t.p + t.n) : -1;
        if (header_is_blank(c) || (c == '=' && octet < 0))
            message_note(m, PROBLEM_ENCODED_WORD);
        if (!header_is_break(c))
            gather(&g, octet >= 0 ? (char)octet : c == '_' ? ' ' : c);
        span_skip(&t, octet >= 0 ? 3 : 1);
    }
    flush(&g);
}
