/* SPDX-License-Identifier: ISC */
/*
 * text.c - a message as text, for people, grep and diff.
 *
 * A client's octets that cannot be shown become \xHH, so that nothing in a mail
 * can drive a terminal, or look like a line of ours.
 */
#include "mail/inside.h"

#include <stdlib.h>

#include "base/scan.h"

/* The length of the visible characters outside ASCII at the front. */
static size_t count_visible(struct span s)
{
    size_t n = 0;
    bool visible = true;
    while (n < s.n && ascii_is_8bit(s.p[n])) {
        size_t length = visible_take((struct span){s.p + n, s.n - n}, &visible);
        if (!visible)
            break;
        n += length;
    }
    return n;
}

void render_visible(struct text *t, struct span s, bool in_line)
{
    if (s.n == 0)
        return;
    const char *end = s.p + s.n, *valid = s.p; /* UTF-8 up to there */
    while (s.n > 0) {
        valid = valid <= s.p ? scan_utf8(s.p, end) : valid;
        char *to = text_room(t, s.n + SCAN_BEHIND);
        if (to == NULL)
            return;
        size_t plain = scan_copy(SCAN_UNSEEN, to, s.p, valid);
        t->n += plain;
        span_skip(&s, plain);
        if (s.n == 0)
            return;
        size_t visible = !in_line && (*s.p == '\n' || *s.p == '\t') ? 1 : count_visible(s);
        text_add(t, s.p, visible);
        span_skip(&s, visible);
        bool unused;
        size_t length = visible == 0 ? visible_take(s, &unused) : 0;
        for (size_t i = 0; i < length; i++) {
            unsigned octet = (unsigned char)s.p[i];
            text_add(t, (char[]){'\\', 'x', ascii_hex_digit(octet >> 4), ascii_hex_digit(octet & 15)}, 4);
        }
        span_skip(&s, length);
    }
}

static void put_lines(void *t, const char *p, size_t n) { render_visible(t, (struct span){p, n}, false); }
static void put_line(void *t, const char *p, size_t n) { render_visible(t, (struct span){p, n}, true); }

static struct sink into_line(struct text *t) { return (struct sink){put_line, t}; }

/* Adds a name, in quotes where an address could be read in it.  False if there is none. */
static bool add_name(struct message *m, struct text *t, struct span written)
{
    struct text name = {NULL, 0, 0, false};
    bool quotes = false;
    size_t from = 0;
    if (written.p != NULL)
        address_name(m, written, message_into(&name));
    for (size_t i = 0; i < name.n; i++)
        quotes = quotes || memchr(",;:<>@()\"\\", name.p[i], 10) != NULL;
    text_add_string(t, quotes ? "\"" : "");
    for (size_t i = 0; i < name.n; i++) {
        if (name.p[i] != '"' && name.p[i] != '\\')
            continue;
        put_line(t, name.p + from, i - from);
        text_add_string(t, "\\");
        from = i;
    }
    if (name.n > 0)
        put_line(t, name.p + from, name.n - from);
    text_add_string(t, quotes ? "\"" : "");
    t->failed = t->failed || name.failed;
    free(name.p);
    return name.n > 0;
}

static void add_addresses(struct message *m, struct text *t, const char *label, enum field_name name)
{
    struct address a = {.closes = false};
    uint64_t n = 0;
    for (size_t i = 0; i < m->n_fields; i++) {
        const struct field *f = &m->fields[i];
        struct span list = f->value;
        while (f->known == name && address_take(m, &list, &a)) {
            text_add_string(t, n++ > 0 ? ", " : label);
            bool named = add_name(m, t, a.name);
            text_add_string(t, named ? " <" : "");
            address_spec(m, a.address, into_line(t));
            text_add_string(t, named ? ">" : "");
        }
    }
    text_add_string(t, n > 0 ? "\n" : "");
}

static void add_envelope(struct text *t, const struct mail *mail)
{
    text_add_string(t, "Envelope-From: <");
    render_visible(t, mail->sender, true);
    text_add_string(t, ">\nEnvelope-To: ");
    for (size_t i = 0; i < mail->n_recipients; i++) {
        text_add_string(t, i > 0 ? ", <" : "<");
        render_visible(t, mail->recipients[i].address, true);
        text_add_string(t, ">");
    }
    text_add_string(t, "\n");
}

static void add_attachment(struct message *m, struct text *t, struct part *p)
{
    if (!p->has_size)
        message_octets(m, p, (struct sink){sink_ignore, NULL});
    text_add_string(t, "Attachment: ");
    header_lower(p->type, message_into(t));
    text_add_string(t, "/");
    header_lower(p->subtype, message_into(t));
    text_add_string(t, ", ");
    text_add_number(t, p->size);
    text_add_string(t, " octets");
    size_t unnamed = t->n;
    text_add_string(t, ", ");
    if (!message_filename(m, p, into_line(t)))
        t->n = unnamed;
    text_add_string(t, "\n");
}

void render_text(struct text *t, const struct mail *mail, struct message *m)
{
    struct span subject = m->values[FIELD_SUBJECT];
    add_envelope(t, mail);
    add_addresses(m, t, "From: ", FIELD_FROM);
    add_addresses(m, t, "To: ", FIELD_TO);
    add_addresses(m, t, "Cc: ", FIELD_CC);
    add_addresses(m, t, "Reply-To: ", FIELD_REPLY_TO);
    if (subject.p != NULL) {
        text_add_string(t, "Subject: ");
        words_text(m, subject, into_line(t));
        text_add_string(t, "\n");
    }
    text_add_string(t, m->text == NULL && m->html != NULL ? "Text-From: html\n\n" : "\n");
    size_t start = t->n;
    if (m->text != NULL)
        message_body_text(m, m->text, (struct sink){put_lines, t});
    else if (m->html != NULL)
        html_text(m, m->html, (struct sink){put_lines, t}, NULL, NULL);
    if (t->n > start && t->p[t->n - 1] != '\n')
        text_add_string(t, "\n");
    const char *space = "\n";
    for (struct part *p = NULL; (p = message_next_attachment(m, p)) != NULL; space = "") {
        text_add_string(t, space);
        add_attachment(m, t, p);
    }
    text_add_string(t, "\n");
}
