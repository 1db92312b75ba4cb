/* SPDX-License-Identifier: ISC */
/*
 * address.c - lists of addresses (RFC 5322 3.4, 4.4).
 *
 * A list is read once, octet for octet, whatever is in it.  A quoted string or a
 * comment without an end takes in the rest of its list, so that no end is
 * searched twice.
 */
#include "mail/inside.h"

#include <string.h>

/* ---- lists ---- */

/* The state of reading one address. */
struct reading {
    const char *start, *end; /* of the text outside comments and brackets; start NULL: there is none */
    const char *word;        /* where the last word begins */
    const char *local;       /* where the word with the first "@" begins */
    const char *cut;         /* where a second bare address may begin */
    struct span angle;       /* the text in brackets; p NULL: none */
    struct span comment;     /* the last one */
    struct span group;       /* the name of one that begins before the address; p NULL: none */
    unsigned ats, words;     /* "@"s, and words between blanks */
    bool literal;            /* in a domain literal, where ":" and "," are nothing special */
    bool open;               /* a quoted string has no end, and takes in the rest */
    char last;               /* the octet before, without blanks and comments */
};

/* Takes a quoted string, an encoded word, or an octet, which may be a quote that has no end; *open is set then, so that
   its end is not searched again.  True if it was a quoted string. */
static bool take_unit(struct span *t, bool *open)
{
    struct span text;
    if (*t->p == '"' && !*open) {
        if (header_take_quoted(t, &text))
            return true;
        *open = true;
    }
    size_t n = words_length(*t);
    span_skip(t, n > 0 ? n : 1);
    return false;
}

/* Takes octets that mean nothing but themselves in a list of addresses. */
static void skip_plain(struct span *t)
{
    while (t->n > 0 && (ascii_is_letter(*t->p) || ascii_is_digit(*t->p) || *t->p == '-' || *t->p == '_'))
        span_skip(t, 1);
}

/* Takes text in brackets.  Without the second one it ends before the next comma, unless that is in a source route. */
static struct span take_angle(struct message *m, struct span *t, bool *open)
{
    while (t->n > 0 && *t->p == '<')
        span_skip(t, 1);
    header_skip_cfws(t);
    const char *start = t->p;
    bool route = t->n > 0 && *t->p == '@';
    while (t->n > 0 && *t->p != '>' && *t->p != ';' && (*t->p != ',' || route)) {
        route = route && *t->p != ':';
        if (*t->p == '(')
            (void)header_take_comment(t);
        else
            (void)take_unit(t, open);
        skip_plain(t);
    }
    struct span angle = header_trim(span_between(start, t->p));
    const char *colon = memchr(angle.p, ':', angle.n);
    if (angle.n > 0 && *angle.p == '@' && colon != NULL) /* RFC 5322 4.4 (obs-route) */
        span_skip(&angle, (size_t)(colon + 1 - angle.p));
    if (t->n == 0 || *t->p != '>')
        message_note(m, PROBLEM_ADDRESS);
    while (t->n > 0 && (*t->p == '>' || *open))
        span_skip(t, 1);
    return header_trim(angle);
}

/* Takes a word, or a mark, of a name or a bare address; blank: a blank came before it.  False if another address begins
   here. */
static bool add_word(struct reading *r, struct span *t, bool blank)
{
    const char *start = t->p;
    bool joined = *start == '@' || *start == '.' || r->last == '@' || r->last == '.';
    if (r->start == NULL || (blank && !joined)) {
        r->words++;
        r->word = start;
    }
    if (*start == '@' && r->cut != NULL && !r->open)
        return false;
    if (blank && !joined && r->ats > 0 && r->cut == NULL)
        r->cut = start;
    if (*start == '@' && r->ats++ == 0)
        r->local = r->word;
    (void)take_unit(t, &r->open);
    skip_plain(t);
    r->literal = (r->literal || *start == '[') && *start != ']';
    r->start = r->start != NULL ? r->start : start;
    r->end = t->p;
    r->last = t->p[-1];
    return true;
}

/* Reads to the end of an address.  False if another begins without a comma, at r->cut. */
static bool read_address(struct message *m, struct span *t, struct reading *r)
{
    bool blank = false;
    while (t->n > 0) {
        char c = *t->p;
        if (header_is_blank(c)) {
            span_skip(t, 1);
            blank = true;
            r->literal = false;
        } else if (c == '(' && !r->open) {
            r->comment = header_take_comment(t);
            blank = true;
        } else if ((c == ',' || c == ';') && !r->literal && !r->open) {
            break;
        } else if (r->angle.p != NULL) {
            r->cut = t->p;
            return false;
        } else if (c == '<') {
            r->angle = take_angle(m, t, &r->open);
        } else if (c == ':' && !r->literal && !r->open && r->ats == 0) {
            struct span group = r->start != NULL ? span_between(r->start, r->end) : (struct span){t->p, 0};
            memset(r, 0, sizeof *r); /* the name of a group is not that of an address: RFC 5322 3.4 */
            r->group = group;
            span_skip(t, 1);
            blank = false;
        } else {
            if (!add_word(r, t, blank))
                return false;
            blank = false;
        }
    }
    return true;
}

/* Finds the name and the address in the text that was read.  Brackets hold the address, after the name; a bare address
   may have its name in a comment. */
static void sort_out(struct message *m, const struct reading *r, struct address *a)
{
    struct span text = {NULL, 0};
    if (r->start != NULL)
        text = header_trim(span_between(r->start, r->cut != NULL && r->angle.p == NULL ? r->cut : r->end));
    a->name = text.n > 0 && r->angle.p != NULL ? text : r->comment;
    a->address = r->angle.p != NULL ? r->angle : text;
    if (r->angle.p == NULL && r->ats == 0 && r->words > 1) { /* a name is all there is */
        a->name = text;
        a->address.n = 0;
    }
    if (r->angle.p == NULL && r->ats > 0 && r->local > r->start) { /* a name, and an address without brackets */
        a->name = header_trim(span_between(r->start, r->local));
        a->address = span_between(r->local, text.p + text.n);
        message_note(m, PROBLEM_ADDRESS);
    }
    if (r->open || memchr(a->address.p, '@', a->address.n) == NULL || (r->angle.p == NULL && r->ats > 1))
        message_note(m, PROBLEM_ADDRESS);
}

bool address_take(struct message *m, struct span *list, struct address *address)
{
    while (list->n > 0) {
        struct reading r;
        memset(&r, 0, sizeof r);
        if (address->closes)
            address->group = (struct span){NULL, 0};
        bool ends = read_address(m, list, &r);
        address->closes = ends && list->n > 0 && *list->p == ';';
        if (r.group.p != NULL)
            address->group = r.group;
        if (!ends) {
            message_note(m, PROBLEM_NO_COMMA);
            *list = span_between(r.cut, list->p + list->n);
        } else if (list->n > 0) {
            span_skip(list, 1);
        }
        if (r.start == NULL && r.angle.p == NULL)
            continue;
        if (ends && r.cut != NULL && r.angle.p == NULL)
            message_note(m, PROBLEM_ADDRESS);
        sort_out(m, &r, address);
        return true;
    }
    return false;
}

/* ---- names and addresses ---- */

/* Takes an encoded word, or a word up to the end, a blank, a quoted string, a comment or an encoded word. */
static struct span take_word(struct span *t)
{
    size_t n = words_length(*t);
    if (n > 0)
        return header_take(t, n);
    for (n = 1; n < t->n && !header_is_blank(t->p[n]) && memchr("\"(=", t->p[n], 3) == NULL;)
        n++;
    return header_take(t, n);
}

void address_name(struct message *m, struct span name, struct sink to)
{
    struct words w;
    bool open = false;
    name = header_trim(name);
    words_open(&w, m, to);
    struct span rest = name, comment = {NULL, 0};
    if (name.n > 0 && *name.p == '(')
        comment = header_take_comment(&rest);
    if (comment.n > 0 && rest.n == 0) {
        span_skip(&comment, 1);
        comment.n -= comment.n > 0 && comment.p[comment.n - 1] == ')';
        words_put(&w, header_trim(comment), true);
        name.n = 0;
    }
    header_skip_cfws(&name);
    while (name.n > 0) {
        struct span start = name;
        header_skip_cfws(&name);
        if (name.n < start.n) {
            words_put(&w, (struct span){" ", name.n > 0}, false);
        } else if (*name.p != '"') {
            words_put(&w, take_word(&name), false);
        } else if (take_unit(&name, &open)) {
            words_put(&w, span_between(start.p + 1, name.p - 1), true);
        } else {
            words_put(&w, (struct span){start.p, 1}, false);
        }
    }
    words_close(&w);
}

void address_spec(struct message *m, struct span address, struct sink to)
{
    struct charset c;
    charset_open(&c, m, (struct span){NULL, 0}, to);
    c.malformed = PROBLEM_8BIT_HEADER;
    char last = '@';
    bool open = false;
    address = header_or_empty(address);
    header_skip_cfws(&address);
    while (address.n > 0) {
        struct span run = address;
        header_skip_cfws(&address);
        bool blank = run.n > address.n;
        if (address.n == 0)
            break;
        if (blank && memchr("@.", last, 2) == NULL && memchr("@.", *address.p, 2) == NULL)
            charset_put(&c, " ", 1);
        run = address;
        (void)take_unit(&address, &open);
        skip_plain(&address);
        run.n -= address.n;
        charset_put(&c, run.p, run.n);
        last = run.p[run.n - 1];
    }
    charset_close(&c);
}

bool message_take_address(struct span *list, struct text *to)
{
    struct message m = {.octets = {"", 0}};
    struct address a = {0};
    bool found = address_take(&m, list, &a);
    if (found)
        address_spec(&m, a.address, message_into(to));
    return found;
}
