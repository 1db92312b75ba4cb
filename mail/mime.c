/* SPDX-License-Identifier: ISC */
/*
 * mime.c - the parts of a message (RFC 2046).
 *
 * Parts are found in one pass, without recursion.  Open multiparts are on a
 * stack.  Each line that begins with "--" is searched for among the boundaries of
 * all of them, as a part never reaches beyond the one that holds it (RFC 2046
 * 5.1.2).  A multipart is searched in advance only for its first boundary;
 * without one it is a leaf, and nothing in it is lost.  The end of a message in a
 * message is searched once, for the outermost one, as that is an attachment in
 * one piece.
 */
#include "mail/inside.h"

#include <stdlib.h>
#include <string.h>

#include "base/scan.h"

/* A line that begins with the boundary of a multipart. */
struct delimiter {
    const char *line, *after; /* where it begins, and where the next line does */
    int level;                /* the open multipart that it belongs to; -1: there is no such line up to the end */
    bool close;
};

struct parser {
    struct message *m;
    const char *next;  /* the header of the next part; NULL: there are no more */
    const char *limit; /* the end of the text that is being read */
    size_t parent;
    unsigned depth;
    bool digest;             /* the next part is in a digest */
    bool within;             /* in a message that ends at beyond */
    struct delimiter beyond; /* level -1: it ends where everything does */
    const char *settled;     /* before this, a header ends at the first line that is no field */
    unsigned open, n_sorted;
    unsigned char sorted[MIME_DEPTH_MAX]; /* open multiparts, by their boundaries; of equal ones the outermost */
    struct text boundaries;
    struct multipart {
        size_t start, n; /* its boundary, in boundaries */
        size_t place;
        unsigned depth;
        bool digest;
    } stack[MIME_DEPTH_MAX];
};

static void begin(struct parser *p, struct message *m)
{
    const char *end = m->octets.p + m->octets.n;
    *p = (struct parser){
        .m = m, .next = m->octets.p, .settled = m->octets.p, .limit = end, .beyond = {end, end, -1, false}};
}

/* ---- boundaries ---- */

static int compare(const struct parser *p, struct span t, unsigned level)
{
    struct span boundary = {p->boundaries.p + p->stack[level].start, p->stack[level].n};
    int order = memcmp(t.p, boundary.p, t.n < boundary.n ? t.n : boundary.n);
    return order != 0 ? order : (t.n > boundary.n) - (t.n < boundary.n);
}

/* The place in p->sorted where a boundary is, or belongs. */
static unsigned find_place(const struct parser *p, struct span boundary)
{
    unsigned low = 0, high = p->n_sorted;
    while (low < high) {
        unsigned middle = (low + high) / 2;
        if (compare(p, boundary, p->sorted[middle]) > 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The outermost open multipart with this boundary; -1: there is none. */
static int find_level(const struct parser *p, struct span boundary)
{
    unsigned place = find_place(p, boundary);
    return place < p->n_sorted && compare(p, boundary, p->sorted[place]) == 0 ? p->sorted[place] : -1;
}

static void open_multipart(struct parser *p, struct multipart opened)
{
    struct span boundary = {p->boundaries.p + opened.start, opened.n};
    unsigned place = find_place(p, boundary);
    bool equal = find_level(p, boundary) >= 0;
    p->stack[p->open] = opened;
    if (!equal) {
        memmove(p->sorted + place + 1, p->sorted + place, p->n_sorted - place);
        p->sorted[place] = (unsigned char)p->open;
        p->n_sorted++;
    }
    p->open++;
}

/* Closes the innermost multiparts until this many are open. */
static void close_multiparts(struct parser *p, unsigned open)
{
    unsigned n = 0;
    for (unsigned i = 0; i < p->n_sorted; i++) {
        if (p->sorted[i] < open)
            p->sorted[n++] = p->sorted[i];
    }
    p->n_sorted = n;
    p->open = open;
    p->boundaries.n = open > 0 ? p->stack[open - 1].start + p->stack[open - 1].n : 0;
}

/* Whether a line, without its end, is the delimiter of an open multipart. */
static bool is_delimiter(const struct parser *p, struct span line, struct delimiter *d)
{
    if (line.n < 2 || line.p[0] != '-' || line.p[1] != '-')
        return false;
    span_skip(&line, 2);
    while (line.n > 0 && (line.p[line.n - 1] == ' ' || line.p[line.n - 1] == '\t')) /* RFC 2046 5.1.1: padding */
        line.n--;
    int next = find_level(p, line), close = -1;
    if (line.n > 2 && memcmp(line.p + line.n - 2, "--", 2) == 0)
        close = find_level(p, (struct span){line.p, line.n - 2});
    d->close = close >= 0 && (next < 0 || close < next);
    d->level = d->close ? close : next;
    return d->level >= 0;
}

/* Finds the first delimiter; from is where a line begins. */
static struct delimiter find_delimiter(const struct parser *p, const char *from)
{
    struct delimiter d;
    struct span rest = {from, p->open > 0 ? (size_t)(p->limit - from) : 0}, line;
    while (header_take_line(&rest, &line)) {
        if (is_delimiter(p, line, &d)) {
            d.line = line.p;
            d.after = rest.p;
            return d;
        }
        const char *lf = rest.n > 0 ? scan_lf('-', rest.p - 1, p->limit) : NULL;
        rest = span_between(lf != NULL ? lf + 1 : p->limit, p->limit);
    }
    return (struct delimiter){p->limit, p->limit, -1, false};
}

/* The text from start up to a delimiter, which the line end before it belongs to (RFC 2046 5.1.1). */
static struct span content(const char *start, struct delimiter d)
{
    struct span t = span_between(start, d.line);
    if (d.level >= 0 && t.n > 0 && t.p[t.n - 1] == '\n')
        t.n -= t.n > 1 && t.p[t.n - 2] == '\r' ? 2 : 1;
    return t;
}

/* Goes from a delimiter to the next part, past the ends of multiparts and the text after these. */
static void advance(struct parser *p, struct delimiter d)
{
    for (;;) {
        if (d.level < 0) {
            d = p->beyond;
            p->limit = p->m->octets.p + p->m->octets.n;
            p->beyond.level = -1;
            p->within = false;
        }
        if (p->open > (unsigned)(d.level + 1))
            message_note(p->m, PROBLEM_UNCLOSED);
        close_multiparts(p, (unsigned)(d.level + 1));
        if (p->open == 0) {
            p->next = NULL;
            return;
        }
        if (!d.close)
            break;
        close_multiparts(p, p->open - 1);
        d = find_delimiter(p, d.after);
    }
    const struct multipart *top = &p->stack[p->open - 1];
    p->next = d.after;
    p->parent = top->place;
    p->depth = top->depth + 1;
    p->digest = top->digest;
}

/* ---- the header of a part ---- */

/* Whether a part has only blank lines left. */
static bool is_rest_blank(const struct parser *p, struct span rest)
{
    struct span line;
    struct delimiter d;
    while (header_take_line(&rest, &line)) {
        if (line.n > 0)
            return is_delimiter(p, line, &d);
    }
    return true;
}

/* Finds where the header of a part ends, and its body begins.  Lines that are no fields are skipped if there are
   fields, a blank line, and a body; if not, they are the body. */
static void split_part(struct parser *p, struct part *part)
{
    struct span rest = span_between(p->next, p->limit), line;
    const char *start = rest.p, *odd = NULL, *end = NULL;
    bool fields = false;
    struct delimiter d;
    struct field field;
    if (rest.n >= 5 && memcmp(rest.p, "From ", 5) == 0 && header_take_line(&rest, &line)) {
        message_note(p->m, PROBLEM_ENVELOPE_LINE);
        start = rest.p;
    }
    while (end == NULL && header_take_line(&rest, &line)) {
        if (is_delimiter(p, line, &d)) {
            rest = span_between(line.p, p->limit);
            break;
        }
        if (line.n == 0) {
            if (odd != NULL && (!fields || is_rest_blank(p, rest)))
                break;
            odd = NULL;
            end = line.p;
            part->unread = false;
        } else if (header_split_field(p->m, line, &field)) {
            part->unread = part->unread || (fields && odd != NULL);
            fields = true;
        } else if (odd == NULL && (!header_is_folded(line) || line.p == start)) {
            odd = line.p;
            if (odd < p->settled)
                break;
        }
    }
    if (odd != NULL) {
        message_note(p->m, PROBLEM_NO_BLANK_LINE);
        if (odd >= p->settled) /* a message within begins with odd, and its header has no better end */
            p->settled = rest.p;
        rest = span_between(odd, p->limit);
    }
    part->header = span_between(start, end != NULL ? end : rest.p);
    part->body = rest;
    if (part->header.n > MIME_HEADER_MAX) {
        message_note(p->m, PROBLEM_LARGE_HEADER);
        part->unread = true;
        part->header.n = MIME_HEADER_MAX;
        while (part->header.n > 0 && part->header.p[part->header.n - 1] != '\n')
            part->header.n--;
    }
}

/* The first token of a value. */
static struct span first_token(struct span value)
{
    value = header_or_empty(value);
    header_skip_cfws(&value);
    return header_take_token(&value);
}

/* Keeps a field of the header of the message. */
static void keep_field(struct message *m, const struct field *field)
{
    if (m->n_fields == m->fields_size) {
        size_t size = m->fields_size > 0 ? m->fields_size * 2 : 32;
        struct field *grown = realloc(m->fields, size * sizeof *grown);
        m->failed = m->failed || grown == NULL;
        if (grown == NULL)
            return;
        m->fields = grown;
        m->fields_size = size;
    }
    m->fields[m->n_fields++] = *field;
}

static void read_fields(struct message *m, struct part *part)
{
    struct span header = part->header, values[FIELD_OTHER] = {{NULL, 0}};
    struct field field;
    while (header_take_field(m, &header, &field)) {
        if (part == m->parts)
            keep_field(m, &field);
        if (field.known < FIELD_MANY && values[field.known].p != NULL)
            message_note(m, PROBLEM_DUPLICATE_FIELD);
        if (field.known < FIELD_OTHER && values[field.known].p == NULL)
            values[field.known] = field.value;
    }
    part->content_type = values[FIELD_CONTENT_TYPE];
    part->disposition = values[FIELD_CONTENT_DISPOSITION];
    part->handling = first_token(part->disposition);
    part->encoding = first_token(values[FIELD_CONTENT_TRANSFER_ENCODING]);
    part->id = values[FIELD_CONTENT_ID];
    if (part->id.p != NULL)
        part->id = header_strip_brackets(header_trim(part->id));
    if (part == m->parts)
        memcpy(m->values, values, sizeof values);
}

static void read_type(struct parser *p, struct part *part)
{
    struct span t = part->content_type;
    if (t.p != NULL && header_take_type(&t, &part->type, &part->subtype)) {
        header_skip_cfws(&t);
        if (t.n > 0 && *t.p != ';')
            message_note(p->m, PROBLEM_CONTENT_TYPE);
        return;
    }
    bool message = t.p == NULL && p->digest; /* RFC 2046 5.1.5 */
    if (t.p != NULL)
        message_note(p->m, PROBLEM_CONTENT_TYPE); /* RFC 2045 5.2: then it is text/plain */
    part->type = span_of(message ? "message" : "text");
    part->subtype = span_of(message ? "rfc822" : "plain");
}

/* ---- the body of a part ---- */

/* Whether a line is longer than RFC 2045 6.7 and 6.8 allow. */
static bool has_long_line(struct span t)
{
    enum { MOST = 76 };
    while (t.n > MOST) {
        const char *lf = memchr(t.p, '\n', t.n < MOST + 2 ? t.n : MOST + 2);
        if (lf == NULL || (lf == t.p + MOST + 1 && t.p[MOST] != '\r'))
            return true;
        t = span_between(lf + 1, t.p + t.n);
    }
    return false;
}

static void enter_leaf(struct parser *p, struct part *part)
{
    part->kind = PART_LEAF;
    struct delimiter d = find_delimiter(p, part->body.p);
    part->body = content(part->body.p, d);
    bool encoded = span_is(part->encoding, "base64") || span_is(part->encoding, "quoted-printable");
    if (encoded && has_long_line(part->body))
        message_note(p->m, PROBLEM_LONG_ENCODED_LINE);
    advance(p, d);
}

static void enter_multipart(struct parser *p, struct part *part)
{
    size_t start = p->boundaries.n, n;
    param_boundary(p->m, part->content_type, message_into(&p->boundaries));
    for (n = p->boundaries.n - start; n > 0 && header_is_blank(p->boundaries.p[start + n - 1]);)
        n--;
    p->m->failed = p->m->failed || p->boundaries.failed;
    if (!decode_is_identity(part->encoding)) /* RFC 2045 6.4 */
        message_note(p->m, PROBLEM_ENCODED_MULTIPART);
    if (n > 70) /* RFC 2046 5.1.1 */
        message_note(p->m, PROBLEM_LONG_BOUNDARY);
    if (n == 0) {
        message_note(p->m, PROBLEM_NO_BOUNDARY);
        enter_leaf(p, part);
        return;
    }
    bool digest = span_is(part->subtype, "digest");
    open_multipart(p, (struct multipart){start, n, p->m->n, part->depth, digest});
    struct delimiter d = find_delimiter(p, part->body.p);
    if (d.level != (int)p->open - 1 || d.close) {
        message_note(p->m, PROBLEM_NO_PARTS);
        close_multiparts(p, p->open - 1);
        enter_leaf(p, part);
        return;
    }
    part->kind = PART_MULTIPART;
    advance(p, d);
}

static void enter_message(struct parser *p, struct part *part)
{
    part->kind = PART_MESSAGE;
    p->next = part->body.p;
    p->parent = p->m->n;
    p->depth = part->depth + 1;
    p->digest = false;
    if (p->within)
        return;
    p->beyond = find_delimiter(p, part->body.p);
    p->within = true;
    part->body = content(part->body.p, p->beyond);
    p->limit = part->body.p + part->body.n;
}

/* Reads a part, and goes to the next one. */
static void read_part(struct parser *p, struct part *part)
{
    *part = (struct part){.depth = p->depth, .parent = p->parent};
    split_part(p, part);
    read_fields(p->m, part);
    read_type(p, part);
    bool multipart = span_is(part->type, "multipart"), rfc822 = span_is(part->subtype, "rfc822");
    bool message = span_is(part->type, "message") && (rfc822 || span_is(part->subtype, "global"));
    if ((multipart || message) && part->depth + 1 >= MIME_DEPTH_MAX) {
        message_note(p->m, PROBLEM_TOO_DEEP);
        multipart = message = false;
    }
    if (message && !decode_is_identity(part->encoding)) { /* RFC 2046 5.2.1; RFC 6532 3.7 allows it of message/global */
        if (rfc822)
            message_note(p->m, PROBLEM_ENCODED_MESSAGE);
        message = false;
    }
    if (multipart)
        enter_multipart(p, part);
    else if (message)
        enter_message(p, part);
    else
        enter_leaf(p, part);
}

bool mime_make_room(struct message *m)
{
    if (m->n == MIME_PARTS_MAX) {
        message_note(m, PROBLEM_TOO_MANY_PARTS);
        return false;
    }
    if (m->n < m->size)
        return true;
    size_t size = m->size > 0 ? m->size * 2 : 8;
    struct part *grown = realloc(m->parts, size * sizeof *grown);
    if (grown == NULL) {
        m->failed = true;
        return false;
    }
    m->parts = grown;
    m->size = size;
    return true;
}

void mime_read(struct message *m)
{
    struct parser p;
    for (begin(&p, m); p.next != NULL && !m->failed && mime_make_room(m); m->n++)
        read_part(&p, &m->parts[m->n]);
    free(p.boundaries.p);
}

struct span mime_header(struct message *m)
{
    struct parser p;
    struct part part = {.depth = 0};
    begin(&p, m);
    split_part(&p, &part);
    return part.header;
}
