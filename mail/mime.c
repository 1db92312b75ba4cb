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
#include "mail/inside.h"

#include <stdlib.h>
#include <string.h>

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
static bool split_field(struct message *m, struct span line, struct field *field)
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

bool mime_take_field(struct message *m, struct span *header, struct field *field)
{
    struct span line;
    while (take_line(header, &line)) {
        if (!split_field(m, line, field)) {
            message_note(m, is_folded(line) ? PROBLEM_STRAY_FOLD : PROBLEM_NO_COLON);
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

bool mime_find_field(struct message *m, struct span header, const char *name, struct field *field)
{
    while (mime_take_field(m, &header, field)) {
        if (span_is(field->name, name))
            return true;
    }
    return false;
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
static void take_bare(struct message *m, struct span *t, struct span *value)
{
    struct span token = *t;
    if (mime_take_token(t).n == 0)
        message_note(m, PROBLEM_PARAMETER);
    while (t->n > 0 && !mime_is_blank(*t->p) && *t->p != ';' && *t->p != '(') {
        message_note(m, PROBLEM_PARAMETER);
        span_skip(t, 1);
    }
    *value = span_between(token.p, t->p);
    mime_skip_cfws(t);
    if (t->n == 0 || *t->p == ';')
        return;
    message_note(m, PROBLEM_PARAMETER);
    if (is_param(*t))
        return;
    while (t->n > 0 && *t->p != ';')
        span_skip(t, 1);
    *value = mime_trim(span_between(token.p, t->p));
}

/* Takes the next parameter. */
static bool take_param(struct message *m, struct span *t, struct param *param)
{
    for (mime_skip_cfws(t); t->n > 0; mime_skip_cfws(t)) {
        if (*t->p == ';') {
            span_skip(t, 1);
            continue;
        }
        param->name = mime_take_token(t);
        mime_skip_cfws(t);
        if (param->name.n == 0 || t->n == 0 || *t->p != '=') {
            message_note(m, PROBLEM_PARAMETER);
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
            message_note(m, PROBLEM_PARAMETER);
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

/* RFC 2046 5.1.1 */
static struct span find_boundary(struct message *m, struct span value)
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
static void put_segments(struct message *m, struct segment *s, size_t n, struct sink to)
{
    struct charset c;
    struct span charset = {NULL, 0};
    if (s[0].coded)
        charset = take_charset(m, &s[0].value);
    mime_charset_open(&c, m, charset, to);
    for (size_t i = 0; i < n; i++)
        put_segment(m, &c, &s[i]);
    mime_charset_close(&c);
}

static void put_plain(struct message *m, const struct segment *s, struct sink to)
{
    struct words w;
    mime_words_open(&w, m, to);
    mime_words_put(&w, s->value, s->quoted);
    mime_words_close(&w);
    if (w.decoded)
        message_note(m, PROBLEM_PARAMETER_WORD);
}

bool mime_param(struct message *m, struct span value, const char *name, struct sink to)
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

/* ---- reading ---- */

/* A line that begins with the boundary of a multipart. */
struct delimiter {
    const char *line, *after; /* where it begins, and where the next one does */
    int level;                /* which open multipart it belongs to; -1: there is no such line up to the end */
    bool close;
};

struct parser {
    struct message *m;
    const char *next;  /* the header of the next part; NULL: no more */
    const char *limit; /* where what is being read ends */
    size_t parent;
    unsigned depth;
    bool crlf, lf;           /* lines that ended so */
    bool digest;             /* the next part is a digest's */
    bool within;             /* a MESSAGE, which beyond ends */
    struct delimiter beyond; /* level -1: it lasts to the end of everything */
    unsigned open;
    struct multipart {
        struct span boundary;
        size_t place;
        unsigned depth;
        bool digest;
    } stack[MIME_DEPTH_MAX];
};

static void begin(struct parser *p, struct message *m)
{
    p->m = m;
    p->next = m->octets.p;
    p->limit = p->next + m->octets.n;
    p->parent = 0;
    p->depth = p->open = 0;
    p->crlf = p->lf = p->digest = p->within = false;
    p->beyond = (struct delimiter){p->limit, p->limit, -1, false};
}

/* ---- boundaries ---- */

/* Whether a line, without its end, is of one of the open multiparts. */
static bool is_delimiter(const struct parser *p, struct span line, struct delimiter *d)
{
    if (line.n < 2 || line.p[0] != '-' || line.p[1] != '-')
        return false;
    span_skip(&line, 2);
    while (line.n > 0 && (line.p[line.n - 1] == ' ' || line.p[line.n - 1] == '\t')) /* RFC 2046 5.1.1: padding */
        line.n--;
    for (unsigned i = 0; i < p->open; i++) {
        struct span boundary = p->stack[i].boundary;
        d->close = line.n == boundary.n + 2 && memcmp(line.p + boundary.n, "--", 2) == 0;
        if ((d->close || line.n == boundary.n) && memcmp(line.p, boundary.p, boundary.n) == 0) {
            d->level = (int)i;
            return true;
        }
    }
    return false;
}

/* The first delimiter from where a line begins. */
static struct delimiter find_delimiter(const struct parser *p, const char *from)
{
    struct delimiter d = {p->limit, p->limit, -1, false};
    struct span rest = span_between(from, p->limit), line;
    if (p->open == 0)
        return d;
    while (take_line(&rest, &line)) {
        if (is_delimiter(p, line, &d)) {
            d.line = line.p;
            d.after = rest.p;
            return d;
        }
    }
    d.close = false;
    return d;
}

/* What is between start and a delimiter; the line end before that is its own (RFC 2046 5.1.1). */
static struct span content(const char *start, struct delimiter d)
{
    struct span t = span_between(start, d.line);
    if (d.level >= 0 && t.n > 0 && t.p[t.n - 1] == '\n')
        t.n -= t.n > 1 && t.p[t.n - 2] == '\r' ? 2 : 1;
    return t;
}

/* Goes from a delimiter to the next part, past the ends of multiparts and what follows these. */
static void advance(struct parser *p, struct delimiter d)
{
    for (;;) {
        if (d.level < 0) {
            struct delimiter beyond = p->beyond;
            p->limit = p->m->octets.p + p->m->octets.n;
            p->beyond.level = -1;
            p->within = false;
            d = beyond;
        }
        if (p->open > (unsigned)(d.level + 1))
            message_note(p->m, PROBLEM_UNCLOSED);
        p->open = (unsigned)(d.level + 1);
        if (p->open == 0) {
            p->next = NULL;
            return;
        }
        if (!d.close)
            break;
        p->open--;
        d = find_delimiter(p, d.after);
    }
    const struct multipart *top = &p->stack[p->open - 1];
    p->next = d.after;
    p->parent = top->place;
    p->depth = top->depth + 1;
    p->digest = top->digest;
}

/* ---- parts ---- */

/* Whether nothing but blank lines is left of a part. */
static bool is_rest_blank(const struct parser *p, struct span rest)
{
    struct span line;
    struct delimiter d;
    while (take_line(&rest, &line)) {
        if (line.n > 0)
            return is_delimiter(p, line, &d);
    }
    return true;
}

/* Finds out where the header of a part ends, and its body begins.  Lines that are no fields are skipped if there are
   fields, a blank line, and a body; if not, they are the body. */
static void split_part(struct parser *p, struct part *part)
{
    struct span rest = span_between(p->next, p->limit), line;
    const char *start = rest.p, *odd = NULL;
    bool fields = false;
    struct delimiter d;
    struct field field;
    if (span_starts(rest, "From ") && memcmp(rest.p, "From ", 5) == 0 && take_line(&rest, &line)) {
        message_note(p->m, PROBLEM_ENVELOPE_LINE);
        start = rest.p;
    }
    while (take_line(&rest, &line)) {
        if (is_delimiter(p, line, &d)) {
            rest = span_between(line.p, p->limit);
            break;
        }
        if (line.n == 0 && odd != NULL && (!fields || is_rest_blank(p, rest)))
            break;
        if (line.n == 0) {
            part->header = span_between(start, line.p);
            part->body = rest;
            return;
        }
        if (split_field(p->m, line, &field))
            fields = true;
        else if (odd == NULL && (!is_folded(line) || line.p == start))
            odd = line.p;
    }
    if (odd != NULL) {
        message_note(p->m, PROBLEM_NO_BLANK_LINE);
        rest = span_between(odd, p->limit);
    }
    part->header = span_between(start, rest.p);
    part->body = rest;
}

static void limit_header(struct message *m, struct span *header)
{
    if (header->n <= MIME_HEADER_MAX)
        return;
    message_note(m, PROBLEM_LARGE_HEADER);
    header->n = MIME_HEADER_MAX;
    while (header->n > 0 && header->p[header->n - 1] != '\n')
        header->n--;
}

/* Notes what is odd in the lines of text. */
static void look_over(struct parser *p, struct span t)
{
    size_t length = 0;
    for (size_t i = 0; i < t.n; i++) {
        char c = t.p[i];
        bool crlf = c == '\r' && i + 1 < t.n && t.p[i + 1] == '\n';
        if (c == '\0')
            message_note(p->m, PROBLEM_NUL);
        if (c == '\r' && !crlf)
            message_note(p->m, PROBLEM_BARE_CR);
        if (c == '\n' && i > 0 && t.p[i - 1] == '\r')
            p->crlf = true;
        else if (c == '\n')
            p->lf = true;
        length = c == '\n' ? 0 : length + !crlf;
        if (length > 998) /* RFC 5322 2.1.1 */
            message_note(p->m, PROBLEM_LONG_LINE);
    }
    if (p->crlf && p->lf)
        message_note(p->m, PROBLEM_MIXED_LINES);
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
static bool is_first(struct message *m, struct span name, unsigned *seen)
{
    for (size_t i = 0; i < sizeof once / sizeof once[0]; i++) {
        if (!span_is(name, once[i]))
            continue;
        bool first = (*seen & 1u << i) == 0;
        *seen |= 1u << i;
        if (!first)
            message_note(m, PROBLEM_DUPLICATE_FIELD);
        return first;
    }
    return false;
}

static void read_fields(struct message *m, struct part *part)
{
    struct span header = part->header;
    struct field field;
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

static struct span literal(const char *text) { return (struct span){text, strlen(text)}; }

static void read_type(struct parser *p, struct part *part)
{
    struct span t = part->content_type;
    if (t.p != NULL && take_type(&t, &part->type, &part->subtype)) {
        mime_skip_cfws(&t);
        if (t.n > 0 && *t.p != ';')
            message_note(p->m, PROBLEM_CONTENT_TYPE);
        return;
    }
    bool message = t.p == NULL && p->digest; /* RFC 2046 5.1.5 */
    if (t.p != NULL)
        message_note(p->m, PROBLEM_CONTENT_TYPE); /* RFC 2045 5.2: then it is text/plain */
    part->type = literal(message ? "message" : "text");
    part->subtype = literal(message ? "rfc822" : "plain");
}

/* ---- the sequence of parts ---- */

bool mime_is_identity(struct span encoding)
{
    return encoding.n == 0 || span_is(encoding, "7bit") || span_is(encoding, "8bit") || span_is(encoding, "binary");
}

static void enter_leaf(struct parser *p, struct part *part)
{
    part->kind = PART_LEAF;
    struct delimiter d = find_delimiter(p, part->body.p);
    part->body = content(part->body.p, d);
    if (!span_is(part->encoding, "binary"))
        look_over(p, part->body);
    advance(p, d);
}

static void enter_multipart(struct parser *p, struct part *part, size_t place)
{
    struct span boundary = find_boundary(p->m, part->content_type);
    if (!mime_is_identity(part->encoding)) /* RFC 2045 6.4 */
        message_note(p->m, PROBLEM_ENCODED_MULTIPART);
    if (boundary.n == 0) {
        message_note(p->m, PROBLEM_NO_BOUNDARY);
        enter_leaf(p, part);
        return;
    }
    bool digest = span_is(part->subtype, "digest");
    p->stack[p->open++] = (struct multipart){boundary, place, part->depth, digest};
    struct delimiter d = find_delimiter(p, part->body.p);
    if (d.level != (int)p->open - 1 || d.close) {
        message_note(p->m, PROBLEM_NO_PARTS);
        p->open--;
        enter_leaf(p, part);
        return;
    }
    part->kind = PART_MULTIPART;
    advance(p, d);
}

static void enter_message(struct parser *p, struct part *part, size_t place)
{
    part->kind = PART_MESSAGE;
    p->next = part->body.p;
    p->parent = place;
    p->depth = part->depth + 1;
    p->digest = false;
    if (p->within)
        return;
    p->beyond = find_delimiter(p, part->body.p);
    p->within = true;
    part->body = content(part->body.p, p->beyond);
    p->limit = part->body.p + part->body.n;
}

static bool is_message(const struct part *part)
{
    return span_is(part->type, "message") && (span_is(part->subtype, "rfc822") || span_is(part->subtype, "global"));
}

static void enter(struct parser *p, struct part *part, size_t place)
{
    bool multipart = span_is(part->type, "multipart"), message = is_message(part);
    if ((multipart || message) && part->depth + 1 >= MIME_DEPTH_MAX) {
        message_note(p->m, PROBLEM_TOO_DEEP);
        multipart = message = false;
    }
    if (message && !mime_is_identity(part->encoding)) { /* RFC 2046 5.2.1; RFC 6532 3.7 allows it of message/global */
        if (span_is(part->subtype, "rfc822"))
            message_note(p->m, PROBLEM_ENCODED_MESSAGE);
        message = false;
    }
    if (multipart)
        enter_multipart(p, part, place);
    else if (message)
        enter_message(p, part, place);
    else
        enter_leaf(p, part);
}

static void read_part(struct parser *p, struct part *part)
{
    *part = (struct part){.depth = p->depth, .parent = p->parent};
    split_part(p, part);
    limit_header(p->m, &part->header);
    look_over(p, part->header);
    read_fields(p->m, part);
    read_type(p, part);
    enter(p, part, p->m->n++);
}

bool mime_read(struct message *m)
{
    struct parser p;
    for (begin(&p, m); p.next != NULL;) {
        if (m->n == MIME_PARTS_MAX) {
            message_note(m, PROBLEM_TOO_MANY_PARTS);
            break;
        }
        if (m->n == m->size) {
            size_t size = m->size > 0 ? m->size * 2 : 8;
            struct part *grown = realloc(m->parts, size * sizeof *grown);
            if (grown == NULL)
                return false;
            m->parts = grown;
            m->size = size;
        }
        read_part(&p, &m->parts[m->n]);
    }
    return true;
}

struct span mime_header(struct message *m)
{
    struct parser p;
    struct part part;
    begin(&p, m);
    split_part(&p, &part);
    limit_header(m, &part.header);
    return part.header;
}
