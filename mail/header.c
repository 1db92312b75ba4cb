/*
 * header.c - header fields, and the words in them.
 */
#include "mail/inside.h"

#include <string.h>

/* ---- header fields ---- */

bool header_take_line(struct span *t, struct span *text)
{
    if (t->n == 0)
        return false;
    const char *lf = memchr(t->p, '\n', t->n);
    *text = (struct span){t->p, lf != NULL ? (size_t)(lf - t->p) : t->n};
    span_skip(t, text->n + (lf != NULL));
    if (lf != NULL && text->n > 0 && text->p[text->n - 1] == '\r')
        text->n--;
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
        if (!header_split_field(m, line, field)) {
            message_note(m, header_is_folded(line) ? PROBLEM_STRAY_FOLD : PROBLEM_NO_COLON);
            while (header_is_folded(*header))
                (void)header_take_line(header, &line);
            continue;
        }
        while (header_is_folded(*header) && header_take_line(header, &line)) /* RFC 5322 2.2.3 */
            field->value.n = (size_t)(line.p + line.n - field->value.p);
        return true;
    }
    return false;
}

bool header_find_field(struct message *m, struct span header, const char *name, struct field *field)
{
    while (header_take_field(m, &header, field)) {
        if (span_is(field->name, name))
            return true;
    }
    return false;
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
    struct span comment = {t->p, i};
    span_skip(t, i);
    return comment;
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

static bool is_token_octet(char c)
{
    return c > ' ' && c < 0x7f && !ascii_is_8bit(c) && strchr("()<>@,;:\\\"/[]?=", c) == NULL;
}

struct span header_take_token(struct span *t)
{
    size_t i = 0;
    while (i < t->n && is_token_octet(t->p[i]))
        i++;
    struct span token = {t->p, i};
    span_skip(t, i);
    return token;
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
