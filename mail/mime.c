/*
 * mime.c - a message as a sequence of parts.
 *
 * Parts are found in one pass, without recursion: multiparts that are open are
 * on a stack, and each line that begins with "--" is compared with all of
 * their boundaries, outermost first, so that a part never reaches beyond the
 * one that holds it (RFC 2046 5.1.2).  What a multipart holds is not looked
 * for in advance, except for its first boundary, without which it is a leaf,
 * and nothing of it lost.  Where a message in a message ends is looked for
 * once, for the outermost one, as that is an attachment to be had in one
 * piece.
 */
#include "mail/mail.h"

#include <string.h>

#include "mail/inside.h"

/* ---- header fields ---- */

/* Takes a line; text: without its end. */
static bool take_line(struct span *t, struct span *text)
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

static bool is_folded(struct span line) { return line.n > 0 && (*line.p == ' ' || *line.p == '\t'); }

/* Whether it is a field's first line; value: of that line. */
static bool split_field(struct mime *m, struct span line, struct mime_field *field)
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
        mime_note(m, PROBLEM_BLANK_BEFORE_COLON);
    field->value = (struct span){line.p + i + 1, line.n - i - 1};
    return true;
}

bool mime_take_field(struct mime *m, struct span *header, struct mime_field *field)
{
    struct span line;
    while (take_line(header, &line)) {
        if (!split_field(m, line, field)) {
            mime_note(m, is_folded(line) ? PROBLEM_STRAY_FOLD : PROBLEM_NO_COLON);
            while (is_folded(*header))
                (void)take_line(header, &line);
            continue;
        }
        while (is_folded(*header) && take_line(header, &line)) /* RFC 5322 2.2.3 */
            field->value.n = (size_t)(line.p + line.n - field->value.p);
        return true;
    }
    return false;
}

bool mime_find_field(struct mime *m, struct span header, const char *name, struct mime_field *field)
{
    while (mime_take_field(m, &header, field)) {
        if (span_is(field->name, name))
            return true;
    }
    return false;
}

/* ---- boundaries ---- */

/* Whether a line, without its end, is of one of the open multiparts. */
static bool is_delimiter(const struct mime *m, struct span line, struct mime_delimiter *d)
{
    if (line.n < 2 || line.p[0] != '-' || line.p[1] != '-')
        return false;
    span_skip(&line, 2);
    while (line.n > 0 && (line.p[line.n - 1] == ' ' || line.p[line.n - 1] == '\t')) /* RFC 2046 5.1.1: padding */
        line.n--;
    for (unsigned i = 0; i < m->open; i++) {
        struct span boundary = m->stack[i].boundary;
        d->close = line.n == boundary.n + 2 && memcmp(line.p + boundary.n, "--", 2) == 0;
        if ((d->close || line.n == boundary.n) && memcmp(line.p, boundary.p, boundary.n) == 0) {
            d->level = (int)i;
            return true;
        }
    }
    return false;
}

/* The first delimiter from where a line begins. */
static struct mime_delimiter find_delimiter(const struct mime *m, const char *from)
{
    struct mime_delimiter d = {m->limit, m->limit, -1, false};
    struct span rest = span_between(from, m->limit), line;
    if (m->open == 0)
        return d;
    while (take_line(&rest, &line)) {
        if (is_delimiter(m, line, &d)) {
            d.line = line.p;
            d.after = rest.p;
            return d;
        }
    }
    d.close = false;
    return d;
}

/* What is between start and a delimiter; the line end before that is its own (RFC 2046 5.1.1). */
static struct span content(const char *start, struct mime_delimiter d)
{
    struct span t = span_between(start, d.line);
    if (d.level >= 0 && t.n > 0 && t.p[t.n - 1] == '\n')
        t.n -= t.n > 1 && t.p[t.n - 2] == '\r' ? 2 : 1;
    return t;
}

/* Goes from a delimiter to the next part, past the ends of multiparts and what follows these. */
static void advance(struct mime *m, struct mime_delimiter d)
{
    for (;;) {
        if (d.level < 0) {
            struct mime_delimiter beyond = m->beyond;
            m->limit = m->message.p + m->message.n;
            m->beyond.level = -1;
            m->within = false;
            d = beyond;
        }
        if (m->open > (unsigned)(d.level + 1))
            mime_note(m, PROBLEM_UNCLOSED);
        m->open = (unsigned)(d.level + 1);
        if (m->open == 0) {
            m->next = NULL;
            return;
        }
        if (!d.close)
            break;
        m->open--;
        d = find_delimiter(m, d.after);
    }
    const struct mime_multipart *top = &m->stack[m->open - 1];
    m->next = d.after;
    m->parent = top->place;
    m->depth = top->depth + 1;
    m->digest = top->digest;
}

/* ---- parts ---- */

/* Whether nothing but blank lines is left of a part. */
static bool is_rest_blank(const struct mime *m, struct span rest)
{
    struct span line;
    struct mime_delimiter d;
    while (take_line(&rest, &line)) {
        if (line.n > 0)
            return is_delimiter(m, line, &d);
    }
    return true;
}

/* Finds out where the header of a part ends, and its body begins.  Lines that are no fields are skipped if there are
   fields, a blank line, and a body; if not, they are the body. */
static void split_part(struct mime *m, struct mime_part *part)
{
    struct span rest = span_between(m->next, m->limit), line;
    const char *start = rest.p, *odd = NULL;
    bool fields = false;
    struct mime_delimiter d;
    struct mime_field field;
    if (span_starts(rest, "From ") && memcmp(rest.p, "From ", 5) == 0 && take_line(&rest, &line)) {
        mime_note(m, PROBLEM_ENVELOPE_LINE);
        start = rest.p;
    }
    while (take_line(&rest, &line)) {
        if (is_delimiter(m, line, &d)) {
            rest = span_between(line.p, m->limit);
            break;
        }
        if (line.n == 0 && odd != NULL && (!fields || is_rest_blank(m, rest)))
            break;
        if (line.n == 0) {
            part->header = span_between(start, line.p);
            part->body = rest;
            return;
        }
        if (split_field(m, line, &field))
            fields = true;
        else if (odd == NULL && (!is_folded(line) || line.p == start))
            odd = line.p;
    }
    if (odd != NULL) {
        mime_note(m, PROBLEM_NO_BLANK_LINE);
        rest = span_between(odd, m->limit);
    }
    part->header = span_between(start, rest.p);
    part->body = rest;
}

static void limit_header(struct mime *m, struct span *header)
{
    if (header->n <= MIME_HEADER_MAX)
        return;
    mime_note(m, PROBLEM_LARGE_HEADER);
    header->n = MIME_HEADER_MAX;
    while (header->n > 0 && header->p[header->n - 1] != '\n')
        header->n--;
}

/* Notes what is odd in the lines of text. */
static void look_over(struct mime *m, struct span t)
{
    size_t length = 0;
    for (size_t i = 0; i < t.n; i++) {
        char c = t.p[i];
        bool crlf = c == '\r' && i + 1 < t.n && t.p[i + 1] == '\n';
        if (c == '\0')
            mime_note(m, PROBLEM_NUL);
        if (c == '\r' && !crlf)
            mime_note(m, PROBLEM_BARE_CR);
        if (c == '\n' && i > 0 && t.p[i - 1] == '\r')
            m->crlf = true;
        else if (c == '\n')
            m->lf = true;
        length = c == '\n' ? 0 : length + !crlf;
        if (length > 998) /* RFC 5322 2.1.1 */
            mime_note(m, PROBLEM_LONG_LINE);
    }
    if (m->crlf && m->lf)
        mime_note(m, PROBLEM_MIXED_LINES);
}

/* Content-ID without brackets. */
static struct span strip_brackets(struct span t)
{
    t = mime_trim(t);
    if (t.n >= 2 && *t.p == '<' && t.p[t.n - 1] == '>')
        t = (struct span){t.p + 1, t.n - 2};
    return t;
}

/* The first token of a value. */
static struct span first_token(struct span value)
{
    value = mime_some(value);
    mime_skip_cfws(&value);
    return mime_take_token(&value);
}

/* Fields that may be there only once: RFC 5322 3.6, RFC 2045 3. */
static const char *const once[] = {
    "date",         "from",
    "sender",       "reply-to",
    "to",           "cc",
    "bcc",          "subject",
    "message-id",   "in-reply-to",
    "references",   "mime-version",
    "content-type", "content-transfer-encoding",
    "content-id",   "content-disposition",
};

/* Whether it is the first field of its name among those; seen has a bit for each of them. */
static bool is_first(struct mime *m, struct span name, unsigned *seen)
{
    for (size_t i = 0; i < sizeof once / sizeof once[0]; i++) {
        if (!span_is(name, once[i]))
            continue;
        bool first = (*seen & 1u << i) == 0;
        *seen |= 1u << i;
        if (!first)
            mime_note(m, PROBLEM_DUPLICATE_FIELD);
        return first;
    }
    return false;
}

static void read_fields(struct mime *m, struct mime_part *part)
{
    struct span header = part->header;
    struct mime_field field;
    unsigned seen = 0;
    while (mime_take_field(m, &header, &field)) {
        if (!is_first(m, field.name, &seen))
            continue;
        if (span_is(field.name, "content-type"))
            part->content_type = field.value;
        if (span_is(field.name, "content-disposition"))
            part->disposition = field.value;
        if (span_is(field.name, "content-transfer-encoding"))
            part->encoding = first_token(field.value);
        if (span_is(field.name, "content-id"))
            part->id = strip_brackets(field.value);
    }
    part->handling = first_token(part->disposition);
    part->attachment = span_is(part->handling, "attachment");
}

/* Takes "type/subtype" off a Content-Type; false if that is malformed. */
static bool take_type(struct span *t, struct span *type, struct span *subtype)
{
    mime_skip_cfws(t);
    *type = mime_take_token(t);
    mime_skip_cfws(t);
    if (t->n == 0 || *t->p != '/')
        return false;
    span_skip(t, 1);
    mime_skip_cfws(t);
    *subtype = mime_take_token(t);
    return type->n > 0 && subtype->n > 0;
}

static struct span literal(const char *text) { return (struct span){text, strlen(text)}; }

static void read_type(struct mime *m, struct mime_part *part)
{
    struct span t = part->content_type;
    if (t.p != NULL && take_type(&t, &part->type, &part->subtype)) {
        mime_skip_cfws(&t);
        if (t.n > 0 && *t.p != ';')
            mime_note(m, PROBLEM_CONTENT_TYPE);
        return;
    }
    bool message = t.p == NULL && m->digest; /* RFC 2046 5.1.5 */
    if (t.p != NULL)
        mime_note(m, PROBLEM_CONTENT_TYPE); /* RFC 2045 5.2: then it is text/plain */
    part->type = literal(message ? "message" : "text");
    part->subtype = literal(message ? "rfc822" : "plain");
}

/* ---- parameters ---- */

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
    bool name = mime_take_token(&t).n > 0;
    while (t.n > 0 && mime_is_blank(*t.p))
        span_skip(&t, 1);
    return name && t.n > 0 && *t.p == '=';
}

/* A value without quotes.  One with blanks in it goes on to the semicolon. */
static void take_bare(struct mime *m, struct span *t, struct span *value)
{
    struct span token = *t;
    if (mime_take_token(t).n == 0)
        mime_note(m, PROBLEM_PARAMETER);
    while (t->n > 0 && !mime_is_blank(*t->p) && *t->p != ';' && *t->p != '(') {
        mime_note(m, PROBLEM_PARAMETER);
        span_skip(t, 1);
    }
    *value = span_between(token.p, t->p);
    mime_skip_cfws(t);
    if (t->n == 0 || *t->p == ';')
        return;
    mime_note(m, PROBLEM_PARAMETER);
    if (is_param(*t))
        return;
    while (t->n > 0 && *t->p != ';')
        span_skip(t, 1);
    *value = mime_trim(span_between(token.p, t->p));
}

/* Takes the next parameter. */
static bool take_param(struct mime *m, struct span *t, struct param *param)
{
    for (mime_skip_cfws(t); t->n > 0; mime_skip_cfws(t)) {
        if (*t->p == ';') {
            span_skip(t, 1);
            continue;
        }
        param->name = mime_take_token(t);
        mime_skip_cfws(t);
        if (param->name.n == 0 || t->n == 0 || *t->p != '=') {
            mime_note(m, PROBLEM_PARAMETER);
            while (t->n > 0 && *t->p != ';')
                span_skip(t, 1);
            continue;
        }
        span_skip(t, 1);
        mime_skip_cfws(t);
        param->quoted = t->n > 0 && *t->p == '"';
        if (!param->quoted) {
            take_bare(m, t, &param->value);
        } else if (!take_quoted(t, &param->value)) {
            mime_note(m, PROBLEM_PARAMETER);
            param->value = mime_trim(param->value);
        }
        return true;
    }
    return false;
}

/* The value of a field without what stands before its parameters. */
static struct span skip_to_params(struct span value)
{
    value = mime_some(value);
    struct span t = value, type, subtype;
    if (take_type(&t, &type, &subtype))
        return t;
    mime_skip_cfws(&value);
    (void)mime_take_token(&value);
    return value;
}

/* Takes charset'language' (RFC 2231 4); the charset is empty if it is not there. */
static struct span take_charset(struct mime *m, struct span *t)
{
    const char *first = memchr(t->p, '\'', t->n);
    const char *second = first != NULL ? memchr(first + 1, '\'', (size_t)(t->p + t->n - first - 1)) : NULL;
    if (second == NULL) {
        mime_note(m, PROBLEM_PARAMETER_CODING);
        return (struct span){NULL, 0};
    }
    struct span charset = span_between(t->p, first);
    span_skip(t, (size_t)(second + 1 - t->p));
    return charset;
}

/* RFC 2046 5.1.1 */
static struct span find_boundary(struct mime *m, struct span value)
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
        while (boundary.n > 0 && mime_is_blank(boundary.p[boundary.n - 1]))
            boundary.n--;
        if (boundary.n > 70)
            mime_note(m, PROBLEM_LONG_BOUNDARY);
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
static void keep(struct mime *m, struct found *f, int kind, struct segment segment)
{
    struct segment *place = kind == PLAIN ? &f->plain : kind == EXTENDED ? &f->extended : NULL;
    if (kind >= 0 && kind < MIME_SEGMENTS_MAX)
        place = &f->segments[kind];
    f->n += kind >= 0;
    if (place == NULL || place->value.p != NULL)
        mime_note(m, kind >= 0 ? PROBLEM_PARAMETER_SEGMENT : PROBLEM_PARAMETER);
    else
        *place = segment;
}

static void find_param(struct mime *m, struct span value, const char *name, struct found *f)
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
static void put_segment(struct mime *m, struct mime_charset *c, const struct segment *s)
{
    struct span t = s->value;
    const char *run = t.p;
    for (; t.n > 0; span_skip(&t, 1)) {
        bool percent = s->coded && *t.p == '%';
        bool hex = percent && t.n > 2 && ascii_is_hex(t.p[1]) && ascii_is_hex(t.p[2]);
        bool escape = s->quoted && *t.p == '\\' && t.n > 1;
        if (percent && !hex)
            mime_note(m, PROBLEM_PARAMETER_CODING);
        if (!hex && !escape && !mime_is_break(*t.p))
            continue;
        mime_charset_put(c, run, (size_t)(t.p - run));
        if (hex) {
            char octet = (char)(ascii_hex_value(t.p[1]) << 4 | ascii_hex_value(t.p[2]));
            mime_charset_put(c, &octet, 1);
        }
        run = t.p + (hex ? 3 : 1);
        span_skip(&t, hex ? 2 : escape ? 1 : 0);
    }
    mime_charset_put(c, run, (size_t)(t.p - run));
}

/* Segments are put together before their charset is undone: a character may be in two of them. */
static void put_segments(struct mime *m, struct segment *s, size_t n, struct mime_sink to)
{
    struct mime_charset c;
    struct span charset = {NULL, 0};
    if (s[0].coded)
        charset = take_charset(m, &s[0].value);
    mime_charset_open(&c, m, charset, to);
    for (size_t i = 0; i < n; i++)
        put_segment(m, &c, &s[i]);
    mime_charset_close(&c);
}

static void put_plain(struct mime *m, const struct segment *s, struct mime_sink to)
{
    struct mime_words w;
    mime_words_open(&w, m, to);
    mime_words_put(&w, s->value, s->quoted);
    mime_words_close(&w);
    if (w.decoded)
        mime_note(m, PROBLEM_PARAMETER_WORD);
}

bool mime_param(struct mime *m, struct span value, const char *name, struct mime_sink to)
{
    struct found f;
    size_t n = 0;
    find_param(m, value, name, &f);
    while (n < MIME_SEGMENTS_MAX && f.segments[n].value.p != NULL)
        n++;
    if (n < f.n)
        mime_note(m, PROBLEM_PARAMETER_SEGMENT);
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

bool mime_filename(struct mime *m, const struct mime_part *part, struct mime_sink to)
{
    return mime_param(m, part->disposition, "filename", to) || mime_param(m, part->content_type, "name", to);
}

/* ---- the sequence of parts ---- */

static bool is_identity(struct span encoding)
{
    return encoding.n == 0 || span_is(encoding, "7bit") || span_is(encoding, "8bit") || span_is(encoding, "binary");
}

static void enter_leaf(struct mime *m, struct mime_part *part)
{
    part->kind = MIME_LEAF;
    struct mime_delimiter d = find_delimiter(m, part->body.p);
    part->body = content(part->body.p, d);
    if (!span_is(part->encoding, "binary"))
        look_over(m, part->body);
    advance(m, d);
}

static void enter_multipart(struct mime *m, struct mime_part *part, size_t place)
{
    struct span boundary = find_boundary(m, part->content_type);
    if (!is_identity(part->encoding)) /* RFC 2045 6.4 */
        mime_note(m, PROBLEM_ENCODED_MULTIPART);
    if (boundary.n == 0) {
        mime_note(m, PROBLEM_NO_BOUNDARY);
        enter_leaf(m, part);
        return;
    }
    bool digest = span_is(part->subtype, "digest");
    m->stack[m->open++] = (struct mime_multipart){boundary, place, part->depth, digest};
    struct mime_delimiter d = find_delimiter(m, part->body.p);
    if (d.level != (int)m->open - 1 || d.close) {
        mime_note(m, PROBLEM_NO_PARTS);
        m->open--;
        enter_leaf(m, part);
        return;
    }
    part->kind = MIME_MULTIPART;
    advance(m, d);
}

static void enter_message(struct mime *m, struct mime_part *part, size_t place)
{
    part->kind = MIME_MESSAGE;
    m->next = part->body.p;
    m->parent = place;
    m->depth = part->depth + 1;
    m->digest = false;
    if (m->within)
        return;
    m->beyond = find_delimiter(m, part->body.p);
    m->within = true;
    part->body = content(part->body.p, m->beyond);
    m->limit = part->body.p + part->body.n;
}

static bool is_message(const struct mime_part *part)
{
    return span_is(part->type, "message") && (span_is(part->subtype, "rfc822") || span_is(part->subtype, "global"));
}

static void enter(struct mime *m, struct mime_part *part, size_t place)
{
    bool multipart = span_is(part->type, "multipart"), message = is_message(part);
    if ((multipart || message) && part->depth + 1 >= MIME_DEPTH_MAX) {
        mime_note(m, PROBLEM_TOO_DEEP);
        multipart = message = false;
    }
    if (message && !is_identity(part->encoding)) { /* RFC 2046 5.2.1; RFC 6532 3.7 allows it of message/global */
        if (span_is(part->subtype, "rfc822"))
            mime_note(m, PROBLEM_ENCODED_MESSAGE);
        message = false;
    }
    if (multipart)
        enter_multipart(m, part, place);
    else if (message)
        enter_message(m, part, place);
    else
        enter_leaf(m, part);
}

void mime_open(struct mime *m, struct span message)
{
    if (message.p == NULL)
        message.p = "";
    m->message = message;
    m->problems = (struct problems){{0, 0}};
    m->crlf = m->lf = m->digest = m->within = false;
    m->next = message.p;
    m->limit = message.p + message.n;
    m->parts = m->parent = 0;
    m->depth = m->open = m->charsets = 0;
    m->beyond = (struct mime_delimiter){m->limit, m->limit, -1, false};
}

bool mime_next(struct mime *m, struct mime_part *part)
{
    if (m->next == NULL)
        return false;
    if (m->parts == MIME_PARTS_MAX) {
        mime_note(m, PROBLEM_TOO_MANY_PARTS);
        m->next = NULL;
        return false;
    }
    memset(part, 0, sizeof *part);
    part->depth = m->depth;
    part->parent = m->parent;
    split_part(m, part);
    limit_header(m, &part->header);
    look_over(m, part->header);
    read_fields(m, part);
    read_type(m, part);
    enter(m, part, m->parts++);
    return true;
}

/* ---- bodies ---- */

void mime_octets(struct mime *m, const struct mime_part *part, struct mime_sink to)
{
    if (part->kind == MIME_LEAF && span_is(part->encoding, "base64")) {
        mime_undo_base64(m, part->body, to);
    } else if (part->kind == MIME_LEAF && span_is(part->encoding, "quoted-printable")) {
        mime_undo_quoted_printable(m, part->body, to);
    } else {
        if (!is_identity(part->encoding) && part->kind == MIME_LEAF) /* RFC 2045 6.4: then it is but octets */
            mime_note(m, PROBLEM_UNKNOWN_ENCODING);
        mime_put(to, part->body.p, part->body.n);
    }
}

/* CRLF on its way to becoming LF. */
struct lines {
    struct mime_sink to;
    bool cr; /* one that is held back */
};

static void put_lines(void *context, const char *octets, size_t n)
{
    struct lines *l = context;
    struct span t = {octets, n};
    while (t.n > 0) {
        if (l->cr && *t.p != '\n')
            mime_put(l->to, "\r", 1);
        const char *cr = memchr(t.p, '\r', t.n);
        size_t run = cr != NULL ? (size_t)(cr - t.p) : t.n;
        mime_put(l->to, t.p, run);
        l->cr = cr != NULL;
        span_skip(&t, run + l->cr);
    }
}

/* The name of a charset, cut: one that is longer is nobody's. */
struct name {
    size_t n;
    char text[80];
};

static void put_name(void *context, const char *octets, size_t n)
{
    struct name *name = context;
    size_t room = sizeof name->text - name->n;
    n = n < room ? n : room;
    memcpy(name->text + name->n, octets, n);
    name->n += n;
}

void mime_body_text(struct mime *m, const struct mime_part *part, struct mime_sink to)
{
    struct name name;
    name.n = 0;
    (void)mime_param(m, part->content_type, "charset", (struct mime_sink){put_name, &name});
    struct lines lines = {to, false};
    struct mime_charset c;
    mime_charset_open(&c, m, (struct span){name.text, name.n}, (struct mime_sink){put_lines, &lines});
    mime_octets(m, part, (struct mime_sink){mime_charset_put, &c});
    mime_charset_close(&c);
    if (lines.cr)
        mime_put(to, "\r", 1);
}
