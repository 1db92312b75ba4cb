/*
 * lint.c - what is odd about a message that a client sent.
 *
 * Most of it is noted where it is met: by the protocol engine in lines on the
 * wire, by mime.h in what is decoded.  What is found here is what is missing,
 * or there without need.
 */
#include "mail/inside.h"

/* ---- decoding for its problems ---- */

static void ignore(void *context, const char *octets, size_t n) { (void)context, (void)octets, (void)n; }

static const struct sink nowhere = {ignore, NULL};

static void decode_addresses(struct message *m, struct span value)
{
    struct address a;
    while (address_take(m, &value, &a)) {
        if (a.name.p != NULL)
            address_name(m, a.name, nowhere);
        address_spec(m, a.address, nowhere);
    }
}

static bool is_one_of(struct span name, const char *const *names)
{
    while (*names != NULL && !span_is(name, *names))
        names++;
    return *names != NULL;
}

static void decode_header(struct message *m)
{
    static const char *const addresses[] = {"from", "to", "cc", "bcc", "reply-to", NULL};
    struct span header = m->parts->header;
    struct field field;
    char date[32];
    while (header_take_field(m, &header, &field)) {
        words_text(m, field.value, nowhere);
        if (is_one_of(field.name, addresses))
            decode_addresses(m, field.value);
    }
    if (header_find_field(m, m->parts->header, "date", &field))
        (void)date_text(m, field.value, date);
}

static void decode(struct message *m)
{
    decode_header(m);
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
}

/* ---- the header ---- */

/* What of a header has been seen. */
struct seen {
    bool date, from, sender, message_id, mime_version, mime;
    uint64_t authors;
};

static uint64_t count_addresses(struct message *m, struct span value)
{
    struct address a;
    uint64_t n = 0;
    while (address_take(m, &value, &a))
        n += a.address.n > 0;
    return n;
}

/* <left@right>; RFC 5322 3.6.4 */
static bool is_message_id(struct span t)
{
    header_skip_cfws(&t);
    const char *end = t.n > 0 ? memchr(t.p, '>', t.n) : NULL;
    struct span behind = end != NULL ? span_between(end + 1, t.p + t.n) : (struct span){NULL, 0};
    header_skip_cfws(&behind);
    if (end == NULL || behind.n > 0)
        return false;
    t = span_between(t.p, end + 1);
    if (t.n < 2 || *t.p != '<' || t.p[t.n - 1] != '>')
        return false;
    t = (struct span){t.p + 1, t.n - 2};
    const char *at = t.n > 0 ? memchr(t.p, '@', t.n) : NULL;
    if (at == NULL || at == t.p || at == t.p + t.n - 1)
        return false;
    for (size_t i = 0; i < t.n; i++) {
        if (ascii_is_control(t.p[i]) || t.p[i] == ' ' || t.p[i] == '<' || t.p[i] == '>')
            return false;
    }
    return true;
}

static bool holds_word(struct span text, struct span word)
{
    while (text.n > word.n && !span_same((struct span){text.p, word.n}, word))
        span_skip(&text, 1);
    return text.n >= word.n && span_same((struct span){text.p, word.n}, word);
}

/* Whether the message goes to nobody whose address is not in the field: a copy for them may have it; RFC 5322 3.6.3 */
static bool is_for_these(const struct mail *mail, struct span addresses)
{
    size_t i = 0;
    while (i < mail->n_recipients && holds_word(addresses, mail->recipients[i].address))
        i++;
    return i == mail->n_recipients;
}

static void look_at_addresses(struct message *m, const struct field *f, struct mail *mail)
{
    static const char *const names[] = {"from", "sender", "reply-to", "to", "cc", NULL};
    bool group = f->value.n > 0 && memchr(f->value.p, ':', f->value.n) != NULL;
    if (is_one_of(f->name, names) && !group && count_addresses(m, f->value) == 0)
        problems_add(&mail->problems, PROBLEM_NO_ADDRESS);
    if (span_is(f->name, "bcc") && count_addresses(m, f->value) > 0 && !is_for_these(mail, f->value))
        problems_add(&mail->problems, PROBLEM_BCC);
}

static void look_at_field(struct message *m, const struct field *f, struct seen *s, struct mail *mail)
{
    static const char *const mime[] = {"content-type", "content-transfer-encoding", "content-disposition", NULL};
    s->date = s->date || span_is(f->name, "date");
    s->sender = s->sender || span_is(f->name, "sender");
    s->mime_version = s->mime_version || span_is(f->name, "mime-version");
    s->mime = s->mime || is_one_of(f->name, mime);
    if (span_is(f->name, "from")) {
        s->from = true;
        s->authors += count_addresses(m, f->value);
    }
    if (span_is(f->name, "message-id")) {
        s->message_id = true;
        if (!is_message_id(f->value))
            problems_add(&mail->problems, PROBLEM_MESSAGE_ID);
    }
    if (span_is(f->name, "return-path"))
        problems_add(&mail->problems, PROBLEM_RETURN_PATH);
    look_at_addresses(m, f, mail);
}

static void look_at_header(struct message *m, struct mail *mail)
{
    struct span header = m->parts->header;
    struct field field;
    struct seen s = {0};
    if (!mail->utf8 && span_has_8bit(header) && !problems_have(&m->problems, PROBLEM_8BIT_HEADER))
        problems_add(&mail->problems, PROBLEM_UTF8_HEADER);
    while (header_take_field(m, &header, &field))
        look_at_field(m, &field, &s, mail);
    const struct {
        bool odd;
        enum problem problem;
    } found[] = {
        {!s.date, PROBLEM_NO_DATE},
        {!s.from, PROBLEM_NO_FROM},
        {s.authors > 1 && !s.sender, PROBLEM_NO_SENDER},
        {!s.message_id, PROBLEM_NO_MESSAGE_ID},
        {s.mime && !s.mime_version, PROBLEM_NO_MIME_VERSION},
    };
    for (size_t i = 0; i < sizeof found / sizeof found[0]; i++) {
        if (found[i].odd)
            problems_add(&mail->problems, found[i].problem);
    }
}

/* ---- the body ---- */

enum { ENCODED_LINE_MAX = 76 /* RFC 2045 6.7, 6.8 */ };

static bool has_long_line(struct span t)
{
    while (t.n > ENCODED_LINE_MAX) {
        const char *lf = memchr(t.p, '\n', t.n), *end = lf != NULL ? lf : t.p + t.n;
        size_t n = (size_t)(end - t.p);
        if (n > ENCODED_LINE_MAX && n - (t.p[n - 1] == '\r') > ENCODED_LINE_MAX)
            return true;
        span_skip(&t, lf != NULL ? n + 1 : n);
    }
    return false;
}

static void look_at_parts(const struct message *m, struct mail *mail)
{
    for (size_t i = 0; i < m->n; i++) {
        const struct part *p = &m->parts[i];
        bool encoded = span_is(p->encoding, "base64") || span_is(p->encoding, "quoted-printable");
        if (p->kind == PART_LEAF && encoded && has_long_line(p->body))
            problems_add(&mail->problems, PROBLEM_LONG_ENCODED_LINE);
    }
}

/* ---- all of it ---- */

/* What is known of lines on the wire counts for more than what the reading of other ones tells. */
static void add_noted(const struct message *m, struct mail *mail)
{
    static const enum problem lines[] = {PROBLEM_NUL, PROBLEM_BARE_CR, PROBLEM_MIXED_LINES, PROBLEM_LONG_LINE};
    struct problems noted = m->problems;
    if (problems_have(&noted, PROBLEM_TOO_MANY_CHARSETS)) /* what was not decoded was not found to be wrong */
        problems_remove(&noted, PROBLEM_UNDECODABLE);
    for (size_t i = 0; i < sizeof lines / sizeof lines[0] && mail->examined; i++)
        problems_remove(&noted, lines[i]);
    problems_merge(&mail->problems, &noted);
}

void lint_decoded(struct message *m, struct mail *mail)
{
    if (mail->examined) {
        look_at_header(m, mail);
        look_at_parts(m, mail);
    }
    add_noted(m, mail);
}

void lint(struct message *m, struct mail *mail)
{
    decode(m);
    lint_decoded(m, mail);
}
