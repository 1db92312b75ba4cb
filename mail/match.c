/* SPDX-License-Identifier: ISC */
/*
 * match.c - which messages count: --match and --not 'FIELD: REGEX'.
 *
 * Header fields, paths of the envelope and names of attachments are matched value
 * by value; one that fits is enough.  Texts are searched as they are decoded, so
 * nothing is copied; ^ and $ are the ends of a line.
 */
#include "mail/inside.h"

#include <stdlib.h>
#include <string.h>

/* ---- parsing ---- */

static const struct word {
    const char *name;
    enum match_kind kind;
} words[] = {
    {"header", MATCH_HEADER},
    {"mail-from", MATCH_MAIL_FROM},
    {"rcpt-to", MATCH_RCPT_TO},
    {"body", MATCH_BODY},
    {"text", MATCH_TEXT},
    {"html", MATCH_HTML},
    {"attachment", MATCH_ATTACHMENT},
    {"client-helo", MATCH_CLIENT_HELO},
    {"client-address", MATCH_CLIENT_ADDRESS},
    {"client-auth", MATCH_CLIENT_AUTH},
    {"client-tls", MATCH_CLIENT_TLS},
};

const char *match_word(size_t place) { return place < sizeof words / sizeof words[0] ? words[place].name : NULL; }

/* Near misses of those words and of header fields; * stands for any ending.  No message has such a header field, so a
   test that waits for no mail would succeed. */
static const struct {
    const char *word, *why;
} mistaken[] = {
    {"rcpt*", "rcpt-to"},
    {"recipient*", "rcpt-to"},
    {"envelope-to", "rcpt-to"},
    {"envelope_to", "rcpt-to"},
    {"envelope*", "mail-from or rcpt-to"},
    {"mail", "mail-from"},
    {"mailfrom", "mail-from"},
    {"mail_from", "mail-from"},
    {"from-address", "from, or mail-from for the envelope"},
    {"from_address", "from, or mail-from for the envelope"},
    {"from-name", "from"},
    {"to-address", "to, or rcpt-to for the envelope"},
    {"to_address", "to, or rcpt-to for the envelope"},
    {"reply_to", "reply-to"},
    {"message_id", "message-id"},
    {"headers*", "header, or the name of a header field"},
    {"header-*", "header, or the name of a header field"},
    {"header.*", "header, or the name of a header field"},
    {"title", "subject"},
    {"plain*", "text"},
    {"text-*", "text"},
    {"text_*", "text"},
    {"text/*", "text or html"},
    {"html*", "html"},
    {"body-*", "body, text or html"},
    {"body_*", "body, text or html"},
    {"attachment*", "attachment"},
    {"filename*", "attachment"},
    {"file-name*", "attachment"},
    {"helo*", "client-helo"},
    {"ehlo*", "client-helo"},
    {"client*", "client-helo, client-address, client-auth or client-tls"},
    {"address", "client-address, or from or to"},
    {"ip", "client-address"},
    {"auth", "client-auth"},
    {"user", "client-auth"},
    {"username", "client-auth"},
    {"tls", "client-tls"},
};

static const char *find_mistaken(struct span field)
{
    for (size_t i = 0; i < sizeof mistaken / sizeof mistaken[0]; i++) {
        struct span word = span_of(mistaken[i].word);
        bool open = word.p[word.n - 1] == '*';
        word.n -= open;
        if (open && field.n > word.n ? span_same((struct span){field.p, word.n}, word) : span_same(field, word))
            return mistaken[i].why;
    }
    return NULL;
}

static int complain(const char **why, const char **at, const char *where, const char *what)
{
    *at = where;
    *why = what;
    return -1;
}

int match_parse(struct match *m, const char *text, const char **at, const char **why)
{
    const char *p = text;
    while (*p > ' ' && *p < 0x7f && *p != ':')
        p++;
    if (p == text)
        return complain(why, at, p, "a header field, mail-from, rcpt-to, body, text, html or attachment");
    *m = (struct match){.text = text, .field = span_between(text, p), .kind = MATCH_FIELD};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (span_is(m->field, words[i].name))
            m->kind = words[i].kind;
    }
    if (*p != ':')
        return complain(why, at, p, "a colon and a regular expression");
    const char *meant = m->kind == MATCH_FIELD ? find_mistaken(m->field) : NULL;
    if (meant != NULL)
        return complain(why, at, text, meant);
    p++;
    while (*p == ' ')
        p++;
    if (*p == '\0')
        return complain(why, at, p, "a regular expression; a dot matches anything");
    m->regex = regex_parse(span_of(p), at, why);
    return m->regex != NULL ? 0 : -1;
}

uint64_t match_steps(const struct match *matches, size_t n)
{
    uint64_t steps = 0;
    for (size_t i = 0; i < n; i++)
        steps += matches[i].regex->n;
    return steps;
}

void match_close(struct match *m) { regex_free(m->regex); }

/* ---- values ---- */

enum {
    PIECE = 4096, /* octets that are searched before the reading can be stopped */
    NEAR = 32,    /* the same for --not: had ends this close to what it found */
};

struct search {
    const struct message *message;
    struct regex *regex;
    struct text *had;
    size_t most;     /* octets of had */
    bool shows_line; /* --not: had is the line in which it was found, up to there; else the beginning of the text */
    uint64_t n;      /* values so far */
    bool is_text;
    char last; /* the last octet of a text */
    bool found;
};

static void begin_value(struct search *s)
{
    if (s->n++ > 0 && s->had->n < s->most)
        text_add_string(s->had, ", ");
    s->had->failed = s->had->failed || (!s->found && !regex_begin(s->regex));
}

/* Adds whole characters to had while there is room; in a text, a blank for each line end. */
static void show(struct search *s, const char *p, size_t n)
{
    size_t at = s->had->n, room = at < s->most ? s->most - at : 0, shown = n < room ? n : room;
    while (shown > 0 && shown < n && ((unsigned char)p[shown] & 0xc0) == 0x80)
        shown--;
    if (shown < n)
        s->most = at + shown;
    text_add(s->had, p, shown);
    for (; s->is_text && at < s->had->n; at++) {
        if (s->had->p[at] == '\n')
            s->had->p[at] = ' ';
    }
}

/* Adds a piece to the present line, which had shows: only the end if it is long. */
static void show_line(struct search *s, const char *p, size_t n)
{
    struct text *had = s->had;
    had->n = s->last == '\n' ? 0 : had->n;
    n -= p[n - 1] == '\n';
    size_t over = had->n + n > s->most ? had->n + n - s->most : 0;
    while (over > 0 && over < had->n && ((unsigned char)had->p[over] & 0xc0) == 0x80)
        over++;
    if (over > 0)
        memmove(had->p, had->p + over, had->n - over);
    had->n -= over;
    text_add(had, p, n);
}

static void put_value(void *context, const char *p, size_t n)
{
    struct search *s = context;
    if (s->found || s->had->failed)
        return;
    bool by_line = s->is_text && s->shows_line;
    if (!by_line)
        show(s, p, n);
    while (n > 0 && !s->found && !message_stopped(s->message)) {
        size_t most = by_line ? NEAR : PIECE, piece = n < most ? n : most;
        const char *lf = by_line ? memchr(p, '\n', piece) : NULL;
        piece = lf != NULL ? (size_t)(lf - p) + 1 : piece;
        while (piece > 1 && piece < n && ((unsigned char)p[piece] & 0xc0) == 0x80)
            piece--;
        if (by_line)
            show_line(s, p, piece);
        s->last = p[piece - 1];
        s->found = regex_put(s->regex, p, piece);
        p += piece;
        n -= piece;
    }
}

static void end_value(struct search *s) { s->found = s->found || (!s->had->failed && regex_end(s->regex)); }

static struct sink into(struct search *s) { return (struct sink){put_value, s}; }

static void add_value(struct search *s, struct span value)
{
    if (value.p == NULL)
        return;
    begin_value(s);
    sink_put(into(s), value.p, value.n);
    end_value(s);
}

/* ---- texts ---- */

static void begin_text(struct search *s)
{
    s->most = MATCH_TEXT_SHOWN;
    s->is_text = true;
    s->last = '\n';
    if (s->n == 0)
        begin_value(s);
    else
        s->had->failed = s->had->failed || !regex_begin(s->regex);
}

/* After a line end there is no further line. */
static void end_text(struct search *s)
{
    if (s->last != '\n')
        end_value(s);
    if (s->had->n == 0 && !s->found)
        s->n = 0;
}

static void match_text(struct search *s, struct message *m)
{
    if (m->text == NULL || s->found)
        return;
    begin_text(s);
    message_body_text(m, m->text, into(s));
    end_text(s);
}

static void match_html(struct search *s, struct message *m)
{
    if (m->html == NULL || s->found)
        return;
    struct entities e = {.to = into(s)};
    begin_text(s);
    message_body_text(m, m->html, (struct sink){entity_put, &e});
    entity_flush(&e);
    end_text(s);
}

/* As people read it. */
static void match_shown_html(struct search *s, struct message *m)
{
    if (m->html == NULL || s->found)
        return;
    begin_text(s);
    html_text(m, m->html, into(s), NULL, NULL);
    end_text(s);
}

/* ---- all matches ---- */

static void match_fields(struct search *s, struct message *m, const struct match *match)
{
    for (size_t i = 0; i < m->n_fields && !s->found && !message_stopped(m); i++) {
        const struct field *f = &m->fields[i];
        if (match->kind == MATCH_FIELD && !span_same(f->name, match->field))
            continue;
        if (match->kind == MATCH_FIELD || s->n == 0)
            begin_value(s);
        if (match->kind == MATCH_HEADER) {
            sink_put(into(s), f->name.p, f->name.n);
            sink_put(into(s), ": ", 2);
        }
        words_text(m, f->value, into(s));
        if (match->kind == MATCH_HEADER)
            sink_put(into(s), "\n", 1);
        else
            end_value(s);
    }
}

static void match_attachments(struct search *s, struct message *m)
{
    for (struct part *p = NULL; (p = message_next_attachment(m, p)) != NULL;) {
        struct text name = {NULL, 0, 0, false};
        if (message_filename(m, p, message_into(&name)))
            add_value(s, header_or_empty(text_span(&name)));
        s->had->failed = s->had->failed || name.failed;
        free(name.p);
    }
}

static struct span string_or_none(const char *s) { return s != NULL ? span_of(s) : (struct span){NULL, 0}; }

static bool holds(const struct match *match, struct message *m, const struct mail *mail, struct text *had, bool *none)
{
    struct search s = {.message = m, .regex = match->regex, .had = had, .most = MATCH_VALUE_SHOWN};
    s.shows_line = match->inverted;
    had->n = 0;
    switch (match->kind) {
    case MATCH_FIELD:
    case MATCH_HEADER:
        match_fields(&s, m, match);
        break;
    case MATCH_MAIL_FROM:
        add_value(&s, header_or_empty(mail->sender));
        break;
    case MATCH_RCPT_TO:
        for (size_t i = 0; i < mail->n_recipients; i++)
            add_value(&s, header_or_empty(mail->recipients[i].address));
        break;
    case MATCH_BODY:
        match_text(&s, m);
        match_shown_html(&s, m);
        break;
    case MATCH_TEXT:
        match_text(&s, m);
        break;
    case MATCH_HTML:
        match_html(&s, m);
        break;
    case MATCH_ATTACHMENT:
        match_attachments(&s, m);
        break;
    case MATCH_CLIENT_HELO:
        add_value(&s, mail->helo);
        break;
    case MATCH_CLIENT_ADDRESS:
        add_value(&s, string_or_none(mail->address));
        break;
    case MATCH_CLIENT_AUTH:
        add_value(&s, mail->user);
        break;
    case MATCH_CLIENT_TLS:
        add_value(&s, string_or_none(mail->tls != NULL ? mail->tls->version : NULL));
        break;
    }
    *none = s.n == 0;
    return s.found != match->inverted;
}

void match_all(const struct match *matches, size_t n, struct message *m, struct mail *mail, struct text *had)
{
    const struct match *first = NULL; /* to fail, of the present expectation */
    size_t held = 0, most = 0;        /* how many of its matches hold, and the most that held of one */
    mail->failed = NULL;
    mail->present = 0;
    for (size_t i = 0; i < n; i++) {
        bool begins = i == 0 || matches[i].expectation != matches[i - 1].expectation;
        bool ends = i + 1 == n || matches[i].expectation != matches[i + 1].expectation;
        first = begins ? NULL : first;
        held = begins ? 0 : held;
        if (holds(&matches[i], m, mail, had, &mail->has_none))
            held++;
        else if (first == NULL)
            first = &matches[i];
        mail->present |= (uint64_t)!mail->has_none << i;
        if (!ends || first == NULL)
            continue;
        mail->fits &= ~((uint64_t)1 << first->expectation);
        if (mail->failed == NULL || held > most) {
            mail->failed = first;
            most = held;
        }
    }
    if (n > 1 && mail->failed != NULL)
        (void)holds(mail->failed, m, mail, had, &mail->has_none); /* once more, for the value */
    mail->had = text_span(had);
}
