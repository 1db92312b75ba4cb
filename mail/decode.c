/*
 * decode.c - transfer encodings (RFC 2045 6): a span is read, and the octets
 * that it stands for are put into a sink.
 */
#include "mail/inside.h"

#include <string.h>

/* Octets on their way out, gathered. */
struct gathered {
    struct sink to;
    size_t n;
    char octets[1024];
};

static void send(struct gathered *g)
{
    sink_put(g->to, g->octets, g->n);
    g->n = 0;
}

static void gather(struct gathered *g, char c)
{
    if (g->n == sizeof g->octets)
        send(g);
    g->octets[g->n++] = c;
}

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

/* The last quantum of some data, of which n digits are there. */
static void end_quantum(struct message *m, struct gathered *g, unsigned bits, unsigned n)
{
    bits <<= (4 - n) * 6;
    if (n > 1)
        gather(g, (char)(bits >> 16 & 0xff));
    if (n > 2)
        gather(g, (char)(bits >> 8 & 0xff));
    if (n == 1)
        message_note(m, PROBLEM_BASE64);
}

/* Takes the padding behind n digits. */
static void take_padding(struct message *m, struct span *t, unsigned n)
{
    size_t padding = 0;
    for (; t->n > 0 && (*t->p == '=' || header_is_blank(*t->p)); span_skip(t, 1))
        padding += *t->p == '=';
    if (n == 0)
        message_note(m, PROBLEM_BASE64);
    else if (padding + n != 4)
        message_note(m, PROBLEM_BASE64_PADDING);
}

/* RFC 2045 6.8: what is no digit is skipped, and "=" ends the data.  But data put together from several pieces goes on
   behind it, while a mailing list's footer, say, does not. */
void decode_base64(struct message *m, struct span t, struct sink to)
{
    struct gathered g;
    g.to = to;
    g.n = 0;
    unsigned bits = 0, n = 0;
    bool pieces = false;
    while (t.n > 0) {
        unsigned value = base64_digit(*t.p);
        if (*t.p == '=') {
            end_quantum(m, &g, bits, n);
            take_padding(m, &t, n);
            bits = n = 0;
            if (t.n > 0)
                message_note(m, PROBLEM_BASE64);
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
            gather(&g, (char)(bits >> 16 & 0xff));
            gather(&g, (char)(bits >> 8 & 0xff));
            gather(&g, (char)(bits & 0xff));
            bits = n = 0;
        }
        span_skip(&t, 1);
    }
    if (n > 0)
        message_note(m, PROBLEM_BASE64_PADDING);
    end_quantum(m, &g, bits, n);
    send(&g);
}

/* Takes "=" and two hex digits; a bad one stays as it is (RFC 2045 6.7). */
static char take_escaped(struct message *m, struct span *t, enum problem problem)
{
    char c = *t->p;
    if (t->n >= 3 && ascii_is_hex(t->p[1]) && ascii_is_hex(t->p[2])) {
        c = (char)(ascii_hex_value(t->p[1]) << 4 | ascii_hex_value(t->p[2]));
        span_skip(t, 2);
    } else {
        message_note(m, problem);
    }
    span_skip(t, 1);
    return c;
}

/* Takes a line with its end. */
static struct span take_line(struct span *t)
{
    const char *lf = memchr(t->p, '\n', t->n);
    struct span line = {t->p, lf != NULL ? (size_t)(lf - t->p) + 1 : t->n};
    span_skip(t, line.n);
    return line;
}

/* A line, without the blanks at its end: RFC 2045 6.7 (3). */
static void undo_line(struct message *m, struct gathered *g, struct span line)
{
    struct span end = line;
    while (line.n > 0 && header_is_blank(line.p[line.n - 1]))
        line.n--;
    span_skip(&end, line.n);
    while (end.n > 0 && !header_is_break(*end.p))
        span_skip(&end, 1);
    if (line.n > 0 && line.p[line.n - 1] == '=') { /* 6.7 (5) */
        line.n--;
        end.n = 0;
    }
    while (line.n > 0) {
        if (ascii_is_8bit(*line.p))
            message_note(m, PROBLEM_QUOTED_PRINTABLE);
        if (*line.p == '=') {
            gather(g, take_escaped(m, &line, PROBLEM_QUOTED_PRINTABLE));
        } else {
            gather(g, *line.p);
            span_skip(&line, 1);
        }
    }
    for (; end.n > 0; span_skip(&end, 1))
        gather(g, *end.p);
}

void decode_quoted_printable(struct message *m, struct span t, struct sink to)
{
    struct gathered g;
    g.to = to;
    g.n = 0;
    while (t.n > 0)
        undo_line(m, &g, take_line(&t));
    send(&g);
}

void decode_q(struct message *m, struct span t, struct sink to)
{
    struct gathered g;
    g.to = to;
    g.n = 0;
    while (t.n > 0) {
        char c = *t.p;
        if (header_is_blank(c))
            message_note(m, PROBLEM_ENCODED_WORD);
        if (c == '=') {
            gather(&g, take_escaped(m, &t, PROBLEM_ENCODED_WORD));
            continue;
        }
        if (!header_is_break(c))
            gather(&g, c == '_' ? ' ' : c);
        span_skip(&t, 1);
    }
    send(&g);
}

bool decode_is_identity(struct span encoding)
{
    return encoding.n == 0 || span_is(encoding, "7bit") || span_is(encoding, "8bit") || span_is(encoding, "binary");
}
