/* SPDX-License-Identifier: ISC */
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

/* How many addresses a field has.  One that may have a group is looked at only if it is From or Bcc. */
static uint64_t count_addresses(struct message *m, const struct field *f, struct mail *mail)
{
    bool from = f->known == FIELD_FROM, bcc = f->known == FIELD_BCC;
    bool group = f->value.n > 0 && memchr(f->value.p, ':', f->value.n) != NULL;
    uint64_t addresses = 0;
    struct span value = f->value;
    struct address a = {.closes = false};
    while ((!group || from || bcc) && address_take(m, &value, &a))
        addresses += a.address.n > 0;
    note(mail, !bcc && !group && addresses == 0, PROBLEM_NO_ADDRESS);
    return addresses;
}

static bool has(const struct message *m, enum field_name name) { return m->values[name].p != NULL; }

void lint_decoded(struct message *m, struct mail *mail)
{
    uint64_t authors = 0, blind = 0;
    bool utf8 = span_has_8bit(m->parts->header) && !problems_have(&m->problems, PROBLEM_8BIT_HEADER);
    bool mime =
        has(m, FIELD_CONTENT_TYPE) || has(m, FIELD_CONTENT_TRANSFER_ENCODING) || has(m, FIELD_CONTENT_DISPOSITION);
    for (size_t i = 0; i < m->n_fields; i++) {
        const struct field *f = &m->fields[i];
        uint64_t addresses = field_has_addresses(f->known) ? count_addresses(m, f, mail) : 0;
        authors += f->known == FIELD_FROM ? addresses : 0;
        blind += f->known == FIELD_BCC ? addresses : 0;
        note(mail, f->known == FIELD_MESSAGE_ID && !is_message_id(f->value), PROBLEM_MESSAGE_ID);
    }
    note(mail, has(m, FIELD_RETURN_PATH), PROBLEM_RETURN_PATH);
    note(mail, utf8 && !mail->utf8, PROBLEM_UTF8_HEADER);
    if (!m->parts->unread) {
        note(mail, !has(m, FIELD_DATE), PROBLEM_NO_DATE);
        note(mail, !has(m, FIELD_FROM), PROBLEM_NO_FROM);
        note(mail, authors > 1 && !has(m, FIELD_SENDER), PROBLEM_NO_SENDER);
        note(mail, !has(m, FIELD_MESSAGE_ID), PROBLEM_NO_MESSAGE_ID);
        note(mail, mime && !has(m, FIELD_MIME_VERSION), PROBLEM_NO_MIME_VERSION);
    }
    note(mail, blind > 0 && !bcc_names_all(m, mail), PROBLEM_BCC);
    problems_merge(&mail->problems, &m->problems);
}

/* ---- decoding ---- */

/* Decodes what render_json() decodes. */
void lint(struct message *m, struct mail *mail)
{
    const struct sink nowhere = {sink_ignore, NULL};
    struct span date = m->values[FIELD_DATE];
    struct address a = {.closes = false};
    char text[32];
    int64_t seconds;
    for (size_t i = 0; i < m->n_fields; i++) {
        const struct field *f = &m->fields[i];
        struct span list = f->value;
        words_text(m, f->value, nowhere);
        while (field_has_addresses(f->known) && address_take(m, &list, &a)) {
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
