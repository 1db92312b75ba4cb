/*
 * match.c - which messages count: --match 'FIELD: REGEX'.
 *
 * Header fields, paths of the envelope and names of attachments are matched value
 * by value; one that fits is enough.  The body is matched line by line, as grep
 * does it: ^ and $ are the ends of a line, and memory does not grow with the
 * message.  A line that is too long is matched in pieces that overlap.
 */
#include "mail/inside.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- parsing ---- */

static int complain(char why[MATCH_WHY_MAX], const char **at, const char *where, const char *what)
{
    *at = where;
    (void)snprintf(why, MATCH_WHY_MAX, "%s", what);
    return -1;
}

int match_parse(struct match *m, const char *text, const char **at, char why[MATCH_WHY_MAX])
{
    const char *p = text;
    while (*p > ' ' && *p < 0x7f && *p != ':')
        p++;
    if (p == text)
        return complain(why, at, p, "a header field, mail-from, rcpt-to, body or attachment");
    *m = (struct match){.text = text, .field = span_between(text, p)};
    m->kind = span_is(m->field, "mail-from")    ? MATCH_MAIL_FROM
              : span_is(m->field, "rcpt-to")    ? MATCH_RCPT_TO
              : span_is(m->field, "body")       ? MATCH_BODY
              : span_is(m->field, "attachment") ? MATCH_ATTACHMENT
                                                : MATCH_HEADER;
    if (*p != ':')
        return complain(why, at, p, "a colon and a regular expression");
    p++;
    while (*p == ' ')
        p++;
    if (*p == '\0')
        return complain(why, at, p, "a regular expression; a dot matches anything");
    if (strlen(p) > REGEX_MAX)
        return complain(why, at, p, "a regular expression of at most 4096 octets");
    int error = regcomp(&m->regex, p, REG_EXTENDED | REG_ICASE | REG_NOSUB | REG_NEWLINE);
    if (error == 0)
        return 0;
    char reason[MATCH_WHY_MAX / 2];
    (void)regerror(error, &m->regex, reason, sizeof reason);
    (void)snprintf(why, MATCH_WHY_MAX, "a POSIX extended regular expression (%s)", reason);
    *at = p;
    return -1;
}

void match_close(struct match *m) { regfree(&m->regex); }

/* ---- values ---- */

/* Adds text, with U+FFFD for each NUL, which would end it. */
static void put_text(void *context, const char *p, size_t n)
{
    const char *nul;
    while (n > 0 && (nul = memchr(p, '\0', n)) != NULL) {
        text_add(context, p, (size_t)(nul - p));
        text_add_string(context, "\xef\xbf\xbd");
        n -= (size_t)(nul + 1 - p);
        p = nul + 1;
    }
    text_add(context, p, n);
}

struct search {
    const struct match *match;
    struct text value; /* the present value, or line of the body */
    struct text *had;
    uint64_t n; /* values so far; octets of the body in had */
    int flags;  /* of regexec() */
    bool found;
};

/* Matches the text that has been collected. */
static void match_value(struct search *s)
{
    text_add(&s->value, "", 1);
    int status = REG_ESPACE;
    if (!s->value.failed) {
        s->value.n--;
        status = regexec(&s->match->regex, s->value.p, 0, NULL, s->flags);
    }
    s->found = s->found || status == 0;
    s->had->failed = s->had->failed || status == REG_ESPACE;
}

/* The present value is whole. */
static void end_value(struct search *s)
{
    if (!s->found)
        match_value(s);
    text_add_string(s->had, s->n++ > 0 ? ", " : "");
    text_add(s->had, s->value.p, s->value.n);
    s->value.n = 0;
}

static void add_value(struct search *s, struct span value)
{
    put_text(&s->value, value.p, value.n);
    end_value(s);
}

static struct sink into(struct search *s) { return (struct sink){put_text, &s->value}; }

/* ---- the body ---- */

static void end_line(struct search *s)
{
    match_value(s);
    s->value.n = 0;
    s->flags = 0;
}

/* Adds the beginning of the body to had, whole characters. */
static void show_value(struct search *s, const char *p, size_t n)
{
    size_t room = s->n < MATCH_VALUE_SHOWN ? MATCH_VALUE_SHOWN - (size_t)s->n : 0, shown = n < room ? n : room;
    while (shown > 0 && shown < n && ((unsigned char)p[shown] & 0xc0) == 0x80)
        shown--;
    text_add(s->had, p, shown);
    s->n = shown < n ? MATCH_VALUE_SHOWN : s->n + n;
}

/* Collects a line, or a piece of one that is too long, and matches it. */
static void put_body(void *context, const char *p, size_t n)
{
    struct search *s = context;
    while (n > 0 && !s->found && !s->had->failed) {
        const char *lf = memchr(p, '\n', n);
        size_t piece = lf != NULL ? (size_t)(lf - p) : n, room = MATCH_LINE_MAX - s->value.n;
        bool whole = piece <= room;
        piece = whole ? piece : room;
        put_text(&s->value, p, piece);
        show_value(s, p, piece);
        p += piece;
        n -= piece;
        if (whole && lf != NULL) {
            end_line(s);
            p++;
            n--;
            if (s->n > 0 && s->n < MATCH_VALUE_SHOWN)
                text_add(s->had, " ", 1);
        } else if (s->value.n >= MATCH_LINE_MAX) {
            s->flags |= REG_NOTEOL;
            match_value(s);
            memmove(s->value.p, s->value.p + s->value.n - MATCH_OVERLAP, MATCH_OVERLAP);
            s->value.n = MATCH_OVERLAP;
            s->flags = REG_NOTBOL;
        }
    }
}

static void match_body(struct search *s, struct message *m)
{
    const struct part *const bodies[] = {m->text, m->html};
    for (size_t i = 0; i < 2 && !s->found; i++) {
        if (bodies[i] == NULL)
            continue;
        message_body_text(m, bodies[i], (struct sink){put_body, s});
        if (s->value.n > 0 || s->value.failed)
            end_line(s);
    }
}

/* ---- all matches ---- */

static bool holds(const struct match *match, struct message *m, const struct mail *mail, struct text *had, bool *none)
{
    struct search s = {.match = match, .had = had};
    struct span header = m->parts->header;
    struct field field;
    had->n = 0;
    switch (match->kind) {
    case MATCH_HEADER:
        while (header_take_field(m, &header, &field)) {
            if (!span_same(field.name, match->field))
                continue;
            words_text(m, field.value, into(&s));
            end_value(&s);
        }
        break;
    case MATCH_MAIL_FROM:
        add_value(&s, mail->sender);
        break;
    case MATCH_RCPT_TO:
        for (size_t i = 0; i < mail->n_recipients; i++)
            add_value(&s, mail->recipients[i].address);
        break;
    case MATCH_BODY:
        match_body(&s, m);
        break;
    case MATCH_ATTACHMENT:
        for (struct part *p = NULL; (p = message_next_attachment(m, p)) != NULL;) {
            if (message_filename(m, p, into(&s)))
                end_value(&s);
        }
        break;
    }
    free(s.value.p);
    *none = s.n == 0;
    return s.found;
}

const struct match *match_failed(const struct match *matches, size_t n, struct message *m, const struct mail *mail,
                                 struct text *had, bool *none)
{
    for (size_t i = 0; i < n; i++) {
        if (!holds(&matches[i], m, mail, had, none))
            return &matches[i];
    }
    return NULL;
}
