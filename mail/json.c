/* SPDX-License-Identifier: ISC */
/*
 * json.c - a message as JSON (RFC 8259).
 *
 * The object is written into one growing text, members in a fixed order, and the
 * message is decoded on the way.
 */
#include "mail/inside.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static const struct span null = {NULL, 0};

/* ---- the client and the envelope ---- */

static void add_time(struct text *t, int64_t milliseconds)
{
    char text[64];
    int part = (int)(milliseconds % 1000 + 1000) % 1000; /* also before 1970, where a false clock may be */
    time_t seconds = (time_t)((milliseconds - part) / 1000);
    struct tm utc;
    if (gmtime_r(&seconds, &utc) == NULL || utc.tm_year > 9999 - 1900) { /* RFC 3339 has four digits */
        json_add_member(t, "time", null);
        return;
    }
    size_t n = strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &utc);
    (void)snprintf(text + n, sizeof text - n, ".%03dZ", part);
    json_add_member(t, "time", span_of(text));
}

static void add_time_epoch(struct text *t, int64_t milliseconds)
{
    char fraction[16];
    uint64_t n = milliseconds < 0 ? -(uint64_t)milliseconds : (uint64_t)milliseconds;
    (void)snprintf(fraction, sizeof fraction, ".%03u", (unsigned)(n % 1000));
    json_add_key(t, "time_epoch");
    text_add_string(t, milliseconds < 0 ? "-" : "");
    text_add_number(t, n / 1000);
    text_add_string(t, fraction);
}

static void add_argv(struct text *t, struct span argv)
{
    bool has_some = argv.n > 0;
    json_add_key(t, "argv");
    text_add_string(t, has_some ? "[" : "null");
    while (argv.n > 0) {
        json_separate(t);
        json_add_string(t, mail_take_argument(&argv));
    }
    text_add_string(t, has_some ? "]" : "");
}

static void add_tls(struct text *t, const struct tls_peer *p)
{
    const char *space = p->certificate.n > 0 ? memchr(p->certificate.p, ' ', p->certificate.n) : NULL;
    json_add_member(t, "tls", span_of(p->version));
    json_add_member(t, "sni", p->sni);
    json_add_key(t, "alpn");
    text_add_string(t, p->alpn.n > 0 ? "[" : "null");
    for (struct span rest = p->alpn, name; tls_take_protocol(&rest, &name);) {
        json_separate(t);
        json_add_string(t, name);
    }
    text_add_string(t, p->alpn.n > 0 ? "]" : "");
    json_add_key(t, "certificate");
    text_add_string(t, space != NULL ? "{" : "null");
    if (space == NULL)
        return;
    json_add_member(t, "subject", span_between(space + 1, p->certificate.p + p->certificate.n));
    json_add_member(t, "fingerprint", span_between(p->certificate.p, space));
    text_add_string(t, "}");
}

static void add_client(struct text *t, const struct mail *mail)
{
    static const struct tls_peer none;
    struct span address = span_of(mail->address);
    text_add_string(t, ",\"client\":{");
    json_add_member(t, "address", address.n > 0 ? address : null);
    if (mail->port > 0)
        json_add_number(t, "port", mail->port);
    else
        json_add_member(t, "port", null);
    json_add_member(t, "helo", mail->helo);
    json_add_member(t, "protocol", span_of(mail->protocol));
    json_add_member(t, "auth", mail->user);
    add_tls(t, mail->tls != NULL ? mail->tls : &none);
    add_argv(t, mail->argv);
    text_add_string(t, "}");
}

/* Adds the text of an xtext (RFC 3461 4).  Under the type utf-8 a plus may stand for itself. */
static void add_xtext(struct text *t, struct span s)
{
    struct text decoded = {NULL, 0, 0, false};
    while (s.n > 0) {
        char c = span_take_xtext(&s);
        text_add(&decoded, &c, 1);
    }
    json_add_string(t, header_or_empty(text_span(&decoded)));
    t->failed = t->failed || decoded.failed;
    free(decoded.p);
}

/* Adds "SIZE=10 SMTPUTF8" as {"SIZE":"10","SMTPUTF8":null}. */
static void add_params(struct text *t, struct span s)
{
    text_add_string(t, "{");
    while (span_skip_spaces(&s), s.n > 0) {
        const char *space = memchr(s.p, ' ', s.n), *end = space != NULL ? space : s.p + s.n;
        const char *equals = memchr(s.p, '=', (size_t)(end - s.p));
        struct span keyword = span_between(s.p, equals != NULL ? equals : end);
        struct span value = equals != NULL ? span_between(equals + 1, end) : null;
        json_separate(t);
        text_add_string(t, "\"");
        for (size_t i = 0; i < keyword.n; i++) {
            char c = ascii_is_letter(keyword.p[i]) ? (char)(keyword.p[i] & ~0x20) : keyword.p[i];
            json_put(t, &c, 1);
        }
        text_add_string(t, "\":");
        static const char *const xtext[] = {"AUTH", "ENVID", "ORCPT", "SUBMITTER", NULL};
        if (value.p != NULL && span_is_one_of(keyword, xtext))
            add_xtext(t, value);
        else
            json_add_string(t, value);
        s = span_between(end, s.p + s.n);
    }
    text_add_string(t, "}");
}

static void add_envelope(struct text *t, const struct mail *mail)
{
    text_add_string(t, ",\"envelope\":{");
    json_add_member(t, "from", header_or_empty(mail->sender));
    text_add_string(t, ",\"to\":[");
    for (size_t i = 0; i < mail->n_recipients; i++) {
        json_separate(t);
        json_add_string(t, mail->recipients[i].address);
    }
    text_add_string(t, "],\"params\":");
    add_params(t, mail->sender_params);
    text_add_string(t, ",\"to_params\":[");
    for (size_t i = 0; i < mail->n_recipients; i++) {
        json_separate(t);
        add_params(t, mail->recipients[i].params);
    }
    text_add_string(t, "]}");
}

/* ---- the object ---- */

static void add_problems(struct text *t, const struct mail *mail)
{
    text_add_string(t, ",\"problems\":[");
    for (int i = 0; i < PROBLEMS; i++) {
        char text[PROBLEM_TEXT_MAX];
        if (!problems_have(&mail->problems, (enum problem)i))
            continue;
        json_separate(t);
        json_add_string(t, (struct span){text, problem_text((enum problem)i, text)});
    }
    text_add_string(t, "]");
}

/* The expectations that the mail counts for, from 1. */
static void add_expectations(struct text *t, const struct mail *mail)
{
    text_add_string(t,
                    mail->fits == 0 ? ",\"matched\":false,\"expectations\":[" : ",\"matched\":true,\"expectations\":[");
    for (uint64_t i = 1, fits = mail->fits; fits != 0; i++, fits >>= 1) {
        if ((fits & 1) == 0)
            continue;
        json_separate(t);
        text_add_number(t, i);
    }
    text_add_string(t, "]");
}

void render_json(struct text *t, struct mail *mail, struct message *m)
{
    struct span date = m->values[FIELD_DATE];
    char text[32];
    int64_t seconds;
    bool dated = date.p != NULL && date_text(m, date, text, &seconds);
    text_add_string(t, "{");
    json_add_number(t, "n", mail->n);
    add_time(t, mail->time);
    add_time_epoch(t, mail->time);
    json_add_number(t, "size", mail->size);
    json_add_member(t, "file", span_of(mail->file));
    add_expectations(t, mail);
    add_client(t, mail);
    add_envelope(t, mail);
    json_add_decoded(m, t, "subject", m->values[FIELD_SUBJECT]);
    json_add_addresses(m, t, "from", FIELD_FROM);
    json_add_addresses(m, t, "sender", FIELD_SENDER);
    json_add_addresses(m, t, "to", FIELD_TO);
    json_add_addresses(m, t, "cc", FIELD_CC);
    json_add_addresses(m, t, "bcc", FIELD_BCC);
    json_add_addresses(m, t, "reply_to", FIELD_REPLY_TO);
    json_add_member(t, "date", dated ? span_of(text) : null);
    json_add_key(t, "date_epoch");
    text_add_string(t, !dated ? "null" : seconds < 0 ? "-" : "");
    if (dated)
        text_add_number(t, (uint64_t)(seconds < 0 ? -seconds : seconds));
    json_add_decoded(m, t, "message_id", m->values[FIELD_MESSAGE_ID]);
    json_add_decoded(m, t, "in_reply_to", m->values[FIELD_IN_REPLY_TO]);
    json_add_ids(t, "references", m->values[FIELD_REFERENCES]);
    json_add_unsubscribe(m, t);
    json_add_headers(m, t);
    json_add_bodies(m, t);
    json_add_parts(m, t);
    text_add_string(t, ",\"attachments\":[");
    for (struct part *p = NULL; (p = message_next_attachment(m, p)) != NULL;)
        json_add_attachment(m, t, p);
    text_add_string(t, "]");
    lint_decoded(m, mail);
    add_problems(t, mail);
    text_add_string(t, "}\n");
}
