/* SPDX-License-Identifier: ISC */
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

#define NAME(word) \
    { \
        word, sizeof word - 1 \
    }

static enum field_name find_name(struct span name)
{
    static const struct span names[] = {
        [FIELD_DATE] = NAME("date"),
        [FIELD_FROM] = NAME("from"),
        [FIELD_SENDER] = NAME("sender"),
        [FIELD_REPLY_TO] = NAME("reply-to"),
        [FIELD_TO] = NAME("to"),
        [FIELD_CC] = NAME("cc"),
        [FIELD_BCC] = NAME("bcc"),
        [FIELD_SUBJECT] = NAME("subject"),
        [FIELD_MESSAGE_ID] = NAME("message-id"),
        [FIELD_IN_REPLY_TO] = NAME("in-reply-to"),
        [FIELD_REFERENCES] = NAME("references"),
        [FIELD_MIME_VERSION] = NAME("mime-version"),
        [FIELD_CONTENT_TYPE] = NAME("content-type"),
        [FIELD_CONTENT_TRANSFER_ENCODING] = NAME("content-transfer-encoding"),
        [FIELD_CONTENT_ID] = NAME("content-id"),
        [FIELD_CONTENT_DISPOSITION] = NAME("content-disposition"),
        [FIELD_LIST_UNSUBSCRIBE] = NAME("list-unsubscribe"),
        [FIELD_LIST_UNSUBSCRIBE_POST] = NAME("list-unsubscribe-post"),
        [FIELD_RETURN_PATH] = NAME("return-path"),
    };
    enum field_name i = 0;
    while (i < FIELD_OTHER && !span_same(name, names[i]))
        i++;
    return i;
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
            field->known = find_name(field->name);
            return true;
        }
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

/* The graphic characters of ASCII that may not be in a token (RFC 2045 5.1). */
static const bool tspecials[128] = {
    ['('] = true,  [')'] = true, ['<'] = true, ['>'] = true, ['@'] = true, [','] = true, [';'] = true, [':'] = true,
    ['\\'] = true, ['"'] = true, ['/'] = true, ['['] = true, [']'] = true, ['?'] = true, ['='] = true,
};

struct span header_take_token(struct span *t)
{
    const char *p = t->p, *end = p + t->n;
    while (p < end && ' ' < *p && *p < 0x7f && !tspecials[(unsigned char)*p])
        p++;
    return header_take(t, (size_t)(p - t->p));
}

void header_lower(struct span token, struct sink to)
{
    while (token.n > 0) {
        char lower[64];
        size_t n = 0;
        for (; n < sizeof lower && token.n > 0; span_skip(&token, 1))
            lower[n++] = ascii_lower(*token.p);
        sink_put(to, lower, n);
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
