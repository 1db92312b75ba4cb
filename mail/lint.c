/*
 * lint.c - problems of a message that a client sent.
 *
 * Most problems are noted where they are met: in lines on the wire by the
 * protocol engine, in encoded text by its decoders.  So a message is decoded
 * first.  This file finds what a header lacks, or has without need.
 */
#include "mail/inside.h"

#include <stdlib.h>

/* Notes a problem if there is one. */
static void note(struct mail *mail, bool odd, enum problem problem)
{
    if (odd)
        problems_add(&mail->problems, problem);
}

/* ---- the header ---- */

/* <left@right>; RFC 5322 3.6.4 */
static bool is_message_id(struct span t)
{
    header_skip_cfws(&t);
    const char *end = t.n > 0 ? memchr(t.p, '>', t.n) : NULL;
    if (end == NULL)
        return false;
    struct span after = span_between(end + 1, t.p + t.n);
    header_skip_cfws(&after);
    t = span_between(t.p, end + 1);
    struct span id = header_strip_brackets(t);
    if (after.n > 0 || id.n == t.n)
        return false;
    const char *at = memchr(id.p, '@', id.n);
    if (at == NULL || at == id.p || at == id.p + id.n - 1)
        return false;
    for (size_t i = 0; i < id.n; i++) {
        if (ascii_is_control(id.p[i]) || id.p[i] == ' ' || id.p[i] == '<' || id.p[i] == '>')
            return false;
    }
    return true;
}

/* Whether Bcc names all recipients.  Then this may be the copy for them, which may have that field; RFC 5322 3.6.3 */
static bool bcc_names_all(struct message *m, const struct mail *mail)
{
    static const char *const fields[] = {"bcc", NULL};
    bool *named = recipients_named(m, mail, fields), all = true;
    for (size_t i = 0; i < mail->n_recipients && named != NULL; i++)
        all = all && named[i];
    free(named);
    return all;
}

/* Fields that a header has. */
struct seen {
    bool date, from, sender, message_id, mime_version, mime, bcc;
    uint64_t authors;
};

static void check_field(struct message *m, const struct field *f, struct seen *s, struct mail *mail)
{
    static const char *const mime[] = {"content-type", "content-transfer-encoding", "content-disposition", NULL};
    static const char *const lists[] = {"from", "sender", "reply-to", "to", "cc", "bcc", NULL};
    bool from = span_is(f->name, "from"), id = span_is(f->name, "message-id"), bcc = span_is(f->name, "bcc");
    bool list = span_is_one_of(f->name, lists), group = f->value.n > 0 && memchr(f->value.p, ':', f->value.n) != NULL;
    uint64_t addresses = 0;
    struct span value = f->value;
    struct address a = {.closes = false};
    while (((list && !group) || from || bcc) && address_take(m, &value, &a))
        addresses += a.address.n > 0;
    s->date = s->date || span_is(f->name, "date");
    s->from = s->from || from;
    s->sender = s->sender || span_is(f->name, "sender");
    s->message_id = s->message_id || id;
    s->mime_version = s->mime_version || span_is(f->name, "mime-version");
    s->mime = s->mime || span_is_one_of(f->name, mime);
    s->authors += from ? addresses : 0;
    s->bcc = s->bcc || (bcc && addresses > 0);
    note(mail, id && !is_message_id(f->value), PROBLEM_MESSAGE_ID);
    note(mail, span_is(f->name, "return-path"), PROBLEM_RETURN_PATH);
    note(mail, list && !bcc && !group && addresses == 0, PROBLEM_NO_ADDRESS);
}

void lint_decoded(struct message *m, struct mail *mail)
{
    struct span header = m->parts->header;
    struct field field;
    struct seen s = {.authors = 0};
    bool utf8 = span_has_8bit(header) && !problems_have(&m->problems, PROBLEM_8BIT_HEADER);
    while (header_take_field(m, &header, &field))
        check_field(m, &field, &s, mail);
    note(mail, utf8 && !mail->utf8, PROBLEM_UTF8_HEADER);
    if (!m->parts->unread) {
        note(mail, !s.date, PROBLEM_NO_DATE);
        note(mail, !s.from, PROBLEM_NO_FROM);
        note(mail, s.authors > 1 && !s.sender, PROBLEM_NO_SENDER);
        note(mail, !s.message_id, PROBLEM_NO_MESSAGE_ID);
        note(mail, s.mime && !s.mime_version, PROBLEM_NO_MIME_VERSION);
    }
    note(mail, s.bcc && !bcc_names_all(m, mail), PROBLEM_BCC);
    problems_merge(&mail->problems, &m->problems);
}

/* ---- decoding ---- */

/* Decodes what render_json() decodes. */
void lint(struct message *m, struct mail *mail)
{
    static const char *const lists[] = {"from", "sender", "to", "cc", "bcc", "reply-to", NULL};
    const struct sink nowhere = {sink_ignore, NULL};
    struct span header = m->parts->header, date = header_find(m, header, "date");
    struct field field;
    struct address a = {.closes = false};
    char text[32];
    int64_t seconds;
    while (header_take_field(m, &header, &field)) {
        words_text(m, field.value, nowhere);
        while (span_is_one_of(field.name, lists) && address_take(m, &field.value, &a)) {
            if (a.name.p != NULL)
                address_name(m, a.name, nowhere);
            address_spec(m, a.address, nowhere);
        }
    }
    if (date.p != NULL)
        (void)date_text(m, date, text, &seconds);
    if (m->text != NULL)
        message_body_text(m, m->text, nowhere);
    if (m->html != NULL)
        message_body_text(m, m->html, nowhere);
    for (struct part *p = NULL; (p = message_next_attachment(m, p)) != NULL;) {
        (void)message_filename(m, p, nowhere);
        if (p->id.p != NULL)
            words_text(m, p->id, nowhere);
        message_octets(m, p, nowhere);
    }
    lint_decoded(m, mail);
}
