/*
 * header.c - header fields, and the words in their values.
 *
 * A field is its first line and the folded lines after it (RFC 5322 2.2.3).
 * Lines that are neither are noted and skipped.
 */
#include "mail/inside.h"

#include <string.h>

/* ---- fields ---- */

bool header_take_line(struct span *t, struct span *line)
{
    if (t->n == 0)
        return false;
    const char *lf = memchr(t->p, '\n', t->n);
    *line = header_take(t, lf != NULL ? (size_t)(lf - t->p) : t->n);
    if (lf == NULL)
        return true;
    span_skip(t, 1);
    if (line->n > 0 && line->p[line->n - 1] == '\r')
        line->n--;
    return true;
}

bool header_split_field(struct message *m, struct span line, struct field *field)
{
    size_t i = 0;
    while (i < line.n && line.p[i] > ' ' && line.p[i] < 0x7f && line.p[i] != ':') /* RFC 5322 3.6.8 */
        i++;
    field->name = (struct span){line.p, i};
    while (i < line.n && (line.p[i] == ' ' || line.p[i] == '\t'))
        i++;
    if (field->name.n == 0 || i == line.n || line.p[i] != ':')
        return false;
    if (i > field->name.n) /* RFC 5322 4.5 */
        message_note(m, PROBLEM_BLANK_BEFORE_COLON);
    field->value = (struct span){line.p + i + 1, line.n - i - 1};
    return true;
}

bool header_take_field(struct message *m, struct span *header, struct field *field)
{
    struct span line;
    while (header_take_line(header, &line)) {
        bool is_field = header_split_field(m, line, field);
        if (!is_field)
            message_note(m, header_is_folded(line) ? PROBLEM_STRAY_FOLD : PROBLEM_NO_COLON);
        while (header_is_folded(*header))
            (void)header_take_line(header, &line);
        if (is_field) {
            field->value.n = (size_t)(line.p + line.n - field->value.p);
            return true;
        }
    }
    return false;
}

struct span header_find(struct message *m, struct span header, const char *name)
{
    struct field field;
    while (header_take_field(m, &header, &field)) {
        if (span_is(field.name, name))
            return field.value;
    }
    return (struct span){NULL, 0};
}

/* ---- words ---- */

struct span header_trim(struct span t)
{
    t = header_or_empty(t);
    while (t.n > 0 && header_is_blank(*t.p))
        span_skip(&t, 1);
    while (t.n > 0 && header_is_blank(t.p[t.n - 1]))
        t.n--;
    return t;
}

struct span header_strip_brackets(struct span t)
{
    bool brackets = t.n >= 2 && *t.p == '<' && t.p[t.n - 1] == '>';
    return brackets ? (struct span){t.p + 1, t.n - 2} : t;
}

struct span header_take_comment(struct span *t)
{
    size_t i = 0, depth = 0;
    while (i < t->n) {
        char c = t->p[i++];
        if (c == '\\' && i < t->n)
            i++;
        else if (c == '(')
            depth++;
        else if (c == ')' && --depth == 0)
            break;
    }
    return header_take(t, i);
}

void header_skip_cfws(struct span *t)
{
    while (t->n > 0 && (header_is_blank(*t->p) || *t->p == '(')) {
        if (*t->p == '(')
            (void)header_take_comment(t);
        else
            span_skip(t, 1);
    }
}

bool header_take_quoted(struct span *t, struct span *text)
{
    size_t i = 1;
    while (i < t->n && t->p[i] != '"')
        i += t->p[i] == '\\' ? 2 : 1;
    if (i >= t->n)
        return false;
    *text = (struct span){t->p + 1, i - 1};
    span_skip(t, i + 1);
    return true;
}

struct span header_take_token(struct span *t)
{
    size_t i = 0;
    while (i < t->n && t->p[i] > ' ' && t->p[i] < 0x7f && strchr("()<>@,;:\\\"/[]?=", t->p[i]) == NULL)
        i++;
    return header_take(t, i);
}

void header_lower(struct span token, struct sink to)
{
    for (; token.n > 0; span_skip(&token, 1)) {
        char c = ascii_lower(*token.p);
        sink_put(to, &c, 1);
    }
}

bool header_take_type(struct span *t, struct span *type, struct span *subtype)
{
    header_skip_cfws(t);
    *type = header_take_token(t);
    header_skip_cfws(t);
    if (t->n == 0 || *t->p != '/')
        return false;
    span_skip(t, 1);
    header_skip_cfws(t);
    *subtype = header_take_token(t);
    return type->n > 0 && subtype->n > 0;
}
