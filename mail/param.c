/*
 * param.c - parameters of Content-Type and Content-Disposition (RFC 2045 5.1,
 * RFC 2231).
 */
#include "mail/inside.h"

#include <string.h>

struct param {
    struct span name, value;
    bool quoted; /* value is what was between quotes, backslashes and all */
};

/* Takes a quoted string, at whose quote t begins, without its quotes; false if it has no end. */
static bool take_quoted(struct span *t, struct span *text)
{
    size_t i = 1;
    while (i < t->n && t->p[i] != '"')
        i += t->p[i] == '\\' ? 2 : 1;
    bool ends = i < t->n;
    i = ends ? i : t->n;
    *text = (struct span){t->p + 1, i - 1};
    span_skip(t, i + ends);
    return ends;
}

/* Whether a parameter begins here.  Comments are not looked into, as one without an end would be for each parameter. */
static bool is_param(struct span t)
{
    bool name = header_take_token(&t).n > 0;
    while (t.n > 0 && header_is_blank(*t.p))
        span_skip(&t, 1);
    return name && t.n > 0 && *t.p == '=';
}

/* A value without quotes.  One with blanks in it goes on to the semicolon. */
static void take_bare(struct message *m, struct span *t, struct span *value)
{
    struct span token = *t;
    if (header_take_token(t).n == 0)
        message_note(m, PROBLEM_PARAMETER);
    while (t->n > 0 && !header_is_blank(*t->p) && *t->p != ';' && *t->p != '(') {
        message_note(m, PROBLEM_PARAMETER);
        span_skip(t, 1);
    }
    *value = span_between(token.p, t->p);
    header_skip_cfws(t);
    if (t->n == 0 || *t->p == ';')
        return;
    message_note(m, PROBLEM_PARAMETER);
    if (is_param(*t))
        return;
    while (t->n > 0 && *t->p != ';')
        span_skip(t, 1);
    *value = header_trim(span_between(token.p, t->p));
}

/* Takes the next parameter. */
static bool take_param(struct message *m, struct span *t, struct param *param)
{
    for (header_skip_cfws(t); t->n > 0; header_skip_cfws(t)) {
        if (*t->p == ';') {
            span_skip(t, 1);
            continue;
        }
        param->name = header_take_token(t);
        header_skip_cfws(t);
        if (param->name.n == 0 || t->n == 0 || *t->p != '=') {
            message_note(m, PROBLEM_PARAMETER);
            while (t->n > 0 && *t->p != ';')
                span_skip(t, 1);
            continue;
        }
        span_skip(t, 1);
        header_skip_cfws(t);
        param->quoted = t->n > 0 && *t->p == '"';
        if (!param->quoted) {
            take_bare(m, t, &param->value);
        } else if (!take_quoted(t, &param->value)) {
            message_note(m, PROBLEM_PARAMETER);
            param->value = header_trim(param->value);
        }
        return true;
    }
    return false;
}

/* The value of a field without what stands before its parameters. */
static struct span skip_to_params(struct span value)
{
    value = header_or_empty(value);
    struct span t = value, type, subtype;
    if (header_take_type(&t, &type, &subtype))
        return t;
    header_skip_cfws(&value);
    (void)header_take_token(&value);
    return value;
}

/* Takes charset'language' (RFC 2231 4); the charset is empty if it is not there. */
static struct span take_charset(struct message *m, struct span *t)
{
    const char *first = memchr(t->p, '\'', t->n);
    const char *second = first != NULL ? memchr(first + 1, '\'', (size_t)(t->p + t->n - first - 1)) : NULL;
    if (second == NULL) {
        message_note(m, PROBLEM_PARAMETER_CODING);
        return (struct span){NULL, 0};
    }
    struct span charset = span_between(t->p, first);
    span_skip(t, (size_t)(second + 1 - t->p));
    return charset;
}

struct span param_boundary(struct message *m, struct span value)
{
    struct span t = skip_to_params(value);
    struct param param;
    while (take_param(m, &t, &param)) {
        bool extended = span_is(param.name, "boundary*");
        if (!extended && !span_is(param.name, "boundary"))
            continue;
        struct span boundary = param.value;
        if (extended) /* RFC 2231 4; what is coded in it could not be found in place */
            (void)take_charset(m, &boundary);
        while (boundary.n > 0 && header_is_blank(boundary.p[boundary.n - 1]))
            boundary.n--;
        if (boundary.n > 70)
            message_note(m, PROBLEM_LONG_BOUNDARY);
        return boundary;
    }
    return (struct span){NULL, 0};
}

/* A segment of a parameter: its number, or one of these. */
enum { PLAIN = -1, EXTENDED = -2, OTHER = -3 };

/* What a parameter is for name: name, name*, name*0, name*0* (coded; RFC 2231 4.1), or another's. */
static int classify(struct span t, const char *name, bool *coded)
{
    if (!span_starts(t, name))
        return OTHER;
    span_skip(&t, strlen(name));
    *coded = t.n > 0 && t.p[t.n - 1] == '*';
    if (t.n <= 1)
        return t.n == 0 ? PLAIN : *coded ? EXTENDED : OTHER;
    t.n -= *coded;
    if (*t.p != '*' || t.n < 2 || t.n > 4)
        return OTHER;
    int number = 0;
    for (span_skip(&t, 1); t.n > 0; span_skip(&t, 1)) {
        if (!ascii_is_digit(*t.p))
            return OTHER;
        number = number * 10 + (*t.p - '0');
    }
    return number;
}

struct segment {
    struct span value; /* p NULL: it is missing */
    bool quoted, coded;
};

/* All there is of a parameter. */
struct found {
    struct segment plain, extended;
    size_t n; /* segments that are there */
    struct segment segments[MIME_SEGMENTS_MAX];
};

/* The first of its kind counts. */
static void keep(struct message *m, struct found *f, int kind, struct segment segment)
{
    struct segment *place = kind == PLAIN ? &f->plain : kind == EXTENDED ? &f->extended : NULL;
    if (kind >= 0 && kind < MIME_SEGMENTS_MAX)
        place = &f->segments[kind];
    f->n += kind >= 0;
    if (place == NULL || place->value.p != NULL)
        message_note(m, kind >= 0 ? PROBLEM_PARAMETER_SEGMENT : PROBLEM_PARAMETER);
    else
        *place = segment;
}

static void find_param(struct message *m, struct span value, const char *name, struct found *f)
{
    memset(f, 0, sizeof *f);
    struct param param;
    for (value = skip_to_params(value); take_param(m, &value, &param);) {
        bool coded = false;
        int kind = classify(param.name, name, &coded);
        if (kind != OTHER)
            keep(m, f, kind, (struct segment){param.value, param.quoted, coded});
    }
}

/* A segment without what quotes and codes it. */
static void put_segment(struct message *m, struct charset *c, const struct segment *s)
{
    struct span t = s->value;
    const char *run = t.p;
    for (; t.n > 0; span_skip(&t, 1)) {
        bool percent = s->coded && *t.p == '%';
        bool hex = percent && t.n > 2 && ascii_is_hex(t.p[1]) && ascii_is_hex(t.p[2]);
        bool escape = s->quoted && *t.p == '\\' && t.n > 1;
        if (percent && !hex)
            message_note(m, PROBLEM_PARAMETER_CODING);
        if (!hex && !escape && !header_is_break(*t.p))
            continue;
        charset_put(c, run, (size_t)(t.p - run));
        if (hex) {
            char octet = (char)(ascii_hex_value(t.p[1]) << 4 | ascii_hex_value(t.p[2]));
            charset_put(c, &octet, 1);
        }
        run = t.p + (hex ? 3 : 1);
        span_skip(&t, hex ? 2 : escape ? 1 : 0);
    }
    charset_put(c, run, (size_t)(t.p - run));
}

/* Segments are put together before their charset is undone: a character may be in two of them. */
static void put_segments(struct message *m, struct segment *s, size_t n, struct sink to)
{
    struct charset c;
    struct span charset = {NULL, 0};
    if (s[0].coded)
        charset = take_charset(m, &s[0].value);
    charset_open(&c, m, charset, to);
    for (size_t i = 0; i < n; i++)
        put_segment(m, &c, &s[i]);
    charset_close(&c);
}

static void put_plain(struct message *m, const struct segment *s, struct sink to)
{
    struct words w;
    words_open(&w, m, to);
    words_put(&w, s->value, s->quoted);
    words_close(&w);
    if (w.decoded)
        message_note(m, PROBLEM_PARAMETER_WORD);
}

bool param_decode(struct message *m, struct span value, const char *name, struct sink to)
{
    struct found f;
    size_t n = 0;
    find_param(m, value, name, &f);
    while (n < MIME_SEGMENTS_MAX && f.segments[n].value.p != NULL)
        n++;
    if (n < f.n)
        message_note(m, PROBLEM_PARAMETER_SEGMENT);
    if (f.extended.value.p != NULL) /* the better one where both are there: RFC 6266 4.3 */
        put_segments(m, &f.extended, 1, to);
    else if (n > 0)
        put_segments(m, f.segments, n, to);
    else if (f.plain.value.p != NULL)
        put_plain(m, &f.plain, to);
    else
        return false;
    return true;
}
