/* SPDX-License-Identifier: ISC */
/*
 * param.c - parameters of Content-Type and Content-Disposition (RFC 2045 5.1).
 *
 * A parameter may be given whole, as name=, or coded, as name*= (RFC 2231 4), or
 * in numbered segments, name*0= and name*1*= (RFC 2231 3, 4.1), in any order.
 * So all of a field is read before one of these is decoded.
 */
#include "mail/inside.h"

#include <stdlib.h>
#include <string.h>

enum { SEGMENTS_MAX = 128 /* segments of one parameter that are read */ };

struct param {
    struct span name, value; /* value p NULL: it is missing */
    bool quoted;             /* value is the text between quotes, with its backslashes */
    bool coded;              /* value has percent signs */
};

static void skip_to_semicolon(struct span *t)
{
    while (t->n > 0 && *t->p != ';')
        span_skip(t, 1);
}

/* Takes a value without quotes.  One with blanks in it goes on to the semicolon, unless another parameter begins. */
static void take_bare(struct message *m, struct span *t, struct span *value)
{
    const char *start = t->p;
    if (header_take_token(t).n == 0)
        message_note(m, PROBLEM_PARAMETER);
    while (t->n > 0 && !header_is_blank(*t->p) && *t->p != ';' && *t->p != '(') {
        message_note(m, PROBLEM_PARAMETER);
        span_skip(t, 1);
    }
    *value = span_between(start, t->p);
    header_skip_cfws(t);
    if (t->n == 0 || *t->p == ';')
        return;
    message_note(m, PROBLEM_PARAMETER);
    /* comments are not skipped here: one without an end would be read again for each parameter */
    struct span next = *t;
    bool name = header_take_token(&next).n > 0;
    while (next.n > 0 && header_is_blank(*next.p))
        span_skip(&next, 1);
    if (name && next.n > 0 && *next.p == '=')
        return;
    skip_to_semicolon(t);
    *value = header_trim(span_between(start, t->p));
}

/* Takes the next parameter.  False if there is none. */
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
            skip_to_semicolon(t);
            continue;
        }
        span_skip(t, 1);
        header_skip_cfws(t);
        param->quoted = t->n > 0 && *t->p == '"';
        if (!param->quoted) {
            take_bare(m, t, &param->value);
        } else if (!header_take_quoted(t, &param->value)) {
            message_note(m, PROBLEM_PARAMETER);
            param->value = header_trim((struct span){t->p + 1, t->n - 1});
            span_skip(t, t->n);
        }
        return true;
    }
    return false;
}

/* The value of a field without the text before its parameters. */
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
    if (second == NULL || span_starts(*t, "=?")) {
        message_note(m, PROBLEM_PARAMETER_CODING);
        return (struct span){NULL, 0};
    }
    struct span charset = span_between(t->p, first);
    span_skip(t, (size_t)(second + 1 - t->p));
    return charset;
}

/* ---- segments ---- */

/* Places of parameters: a segment has its number. */
enum { PLAIN = SEGMENTS_MAX, EXTENDED, PLACES, TOO_HIGH, OTHER };

/* The place of a parameter when name is looked for. */
static unsigned classify(struct span t, const char *name, bool *coded)
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
    unsigned number = 0;
    for (span_skip(&t, 1); t.n > 0; span_skip(&t, 1)) {
        if (!ascii_is_digit(*t.p))
            return OTHER;
        number = number * 10 + (unsigned)(*t.p - '0');
    }
    return number < SEGMENTS_MAX ? number : TOO_HIGH;
}

/* Puts a segment without its folds, backslashes and percent signs. */
static void put_segment(struct message *m, const struct param *s, struct sink to)
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
        sink_put(to, run, (size_t)(t.p - run));
        if (hex) {
            char octet = (char)(ascii_hex_value(t.p[1]) << 4 | ascii_hex_value(t.p[2]));
            sink_put(to, &octet, 1);
        }
        run = t.p + (hex ? 3 : 1);
        span_skip(&t, hex ? 2 : escape ? 1 : 0);
    }
    sink_put(to, run, (size_t)(t.p - run));
}

/* Mail programs put encoded words in parameters, although RFC 2047 5 (3) forbids it. */
static void put_words(struct message *m, struct span t, bool escaped, struct sink to)
{
    struct words w;
    words_open(&w, m, to);
    words_put(&w, t, escaped);
    words_close(&w);
    if (w.decoded)
        message_note(m, PROBLEM_PARAMETER_WORD);
}

/* Whether a text may have an encoded word in it. */
static bool may_have_word(struct span t)
{
    while (t.n > 1 && !span_starts(t, "=?"))
        span_skip(&t, 1);
    return t.n > 1;
}

/* Segments are joined before their charset is undone, as a character may be in two of them, and so may an encoded word.
   Octets written with percent signs are no encoded word. */
static void put_segments(struct message *m, struct param *s, size_t n, struct sink to)
{
    struct text joined = {NULL, 0, 0, false};
    struct charset c;
    struct span charset = {NULL, 0};
    bool words = false;
    for (size_t i = 0; i < n; i++)
        words = words || may_have_word(s[i].value);
    if (s[0].coded)
        charset = take_charset(m, &s[0].value);
    charset_open(&c, m, charset, words ? message_into(&joined) : to);
    for (size_t i = 0; i < n; i++)
        put_segment(m, &s[i], (struct sink){charset_put, &c});
    charset_close(&c);
    if (words)
        put_words(m, text_span(&joined), false, to);
    m->failed = m->failed || joined.failed;
    free(joined.p);
}

/* The segments of a parameter, by their places. */
struct found {
    bool has[PLACES]; /* at[] is set only where this is true */
    struct param at[PLACES];
};

/* Finds the segments of a parameter; if it is whole, that is one.  Returns how many there are, from *first. */
static size_t find(struct message *m, struct span value, const char *name, struct found *found, struct param **first)
{
    struct param param;
    size_t numbered = 0, n = 0;
    memset(found->has, 0, sizeof found->has);
    for (value = skip_to_params(value); take_param(m, &value, &param);) {
        unsigned place = classify(param.name, name, &param.coded);
        bool whole = place == PLAIN || place == EXTENDED;
        if (place == OTHER)
            continue;
        numbered += !whole;
        if (place == TOO_HIGH || found->has[place]) {
            message_note(m, whole ? PROBLEM_PARAMETER : PROBLEM_PARAMETER_SEGMENT);
            continue;
        }
        found->at[place] = param;
        found->has[place] = true;
    }
    while (n < SEGMENTS_MAX && found->has[n])
        n++;
    if (n < numbered)
        message_note(m, PROBLEM_PARAMETER_SEGMENT);
    bool extended = found->has[EXTENDED]; /* preferred where both are there: RFC 6266 4.3 */
    *first = &found->at[extended ? EXTENDED : n > 0 ? 0 : PLAIN];
    return extended ? 1 : n > 0 ? n : found->has[PLAIN];
}

bool param_decode(struct message *m, struct span value, const char *name, struct sink to)
{
    struct found found;
    struct param *first;
    size_t n = find(m, value, name, &found, &first);
    if (n > 0 && first == &found.at[PLAIN])
        put_words(m, first->value, first->quoted, to);
    else if (n > 0)
        put_segments(m, first, n, to);
    return n > 0;
}

void param_boundary(struct message *m, struct span value, struct sink to)
{
    struct found found;
    struct param *first;
    size_t n = find(m, value, "boundary", &found, &first);
    if (n > 0 && first->coded)
        (void)take_charset(m, &first->value);
    for (size_t i = 0; i < n; i++)
        put_segment(m, &first[i], to);
}

size_t param_names(struct message *m, struct span value, char names[PARAM_NAMES_MAX][PARAM_NAME_MAX])
{
    struct param param;
    size_t n = 0;
    for (value = skip_to_params(value); n < PARAM_NAMES_MAX && take_param(m, &value, &param);) {
        const char *star = memchr(param.name.p, '*', param.name.n); /* of a segment, or of one that is coded */
        size_t length = star != NULL ? (size_t)(star - param.name.p) : param.name.n, i = 0;
        if (length == 0 || length >= PARAM_NAME_MAX)
            continue;
        for (size_t k = 0; k < length; k++)
            names[n][k] = ascii_lower(param.name.p[k]);
        names[n][length] = '\0';
        while (strcmp(names[i], names[n]) != 0)
            i++;
        n += i == n;
    }
    return n;
}
