/*
 * envelope.c - what a client says of itself and of a message.
 */
#include "store/store.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { HELO_SHOWN = 255 /* octets of the client's name in Received: */ };

static bool set(struct text *t, struct span s)
{
    t->n = 0;
    t->failed = false;
    text_add(t, s.p, s.n);
    return !t->failed;
}

/* ---- events ---- */

static bool take_recipient(struct envelope *v, struct span address, struct span params)
{
    text_add_ended(&v->recipients, address);
    text_add_ended(&v->recipient_params, params);
    if (v->recipients.failed || v->recipient_params.failed)
        return false;
    v->n_recipients++;
    return true;
}

bool envelope_take(struct envelope *v, const struct smtp_event *e)
{
    switch (e->type) {
    case SMTP_HELO:
        v->extended = e->extended;
        return set(&v->helo, e->arg);
    case SMTP_AUTH:
        v->authenticated = e->code < 300;
        return e->arg.p == NULL || set(&v->user, e->arg);
    case SMTP_STARTTLS: /* all is forgotten; RFC 3207 4.2 */
        v->helo.n = v->user.n = 0;
        v->authenticated = v->extended = false;
        break;
    case SMTP_MAIL:
        v->utf8 = e->utf8;
        v->binary = e->binary;
        v->recipients.n = v->recipient_params.n = 0;
        v->recipients.failed = v->recipient_params.failed = false;
        v->n_recipients = 0;
        return set(&v->sender, e->arg) && set(&v->sender_params, e->params);
    case SMTP_RCPT:
        return take_recipient(v, e->arg, e->params);
    case SMTP_NONE:
    case SMTP_CONNECT:
    case SMTP_DATA:
    case SMTP_BDAT:
    case SMTP_BODY:
    case SMTP_CHUNK:
    case SMTP_EOM:
    case SMTP_RSET:
    case SMTP_NOOP:
    case SMTP_VRFY:
    case SMTP_EXPN:
    case SMTP_HELP:
    case SMTP_QUIT:
    case SMTP_UNKNOWN:
        break;
    }
    return true;
}

/* Leaves those of n strings, each with NUL behind it, that are kept. */
static void keep(struct text *t, uint64_t n, const bool *kept)
{
    const char *from = t->p;
    t->n = 0;
    for (uint64_t i = 0; i < n; i++) {
        size_t length = strlen(from) + 1;
        if (kept[i]) {
            memmove(t->p + t->n, from, length);
            t->n += length;
        }
        from += length;
    }
}

void envelope_keep(struct envelope *v, const bool *kept)
{
    uint64_t n = v->n_recipients;
    keep(&v->recipients, n, kept);
    keep(&v->recipient_params, n, kept);
    for (uint64_t i = 0; i < n; i++)
        v->n_recipients -= !kept[i];
}

void envelope_close(struct envelope *v)
{
    free(v->helo.p);
    free(v->user.p);
    free(v->sender.p);
    free(v->sender_params.p);
    free(v->recipients.p);
    free(v->recipient_params.p);
}

/* ---- header fields ---- */

static void put(struct save_message *m, const char *text) { save_add(m, text, strlen(text)); }

const char *envelope_protocol(const struct envelope *v)
{
    static const char *const names[3][4] = {
        {"ESMTP", "ESMTPS", "ESMTPA", "ESMTPSA"},
        {"LMTP", "LMTPS", "LMTPA", "LMTPSA"},
        {"UTF8SMTP", "UTF8SMTPS", "UTF8SMTPA", "UTF8SMTPSA"},
    };
    static const char *const utf8_lmtp[4] = {"UTF8LMTP", "UTF8LMTPS", "UTF8LMTPA", "UTF8LMTPSA"};
    if (!v->extended)
        return "SMTP";
    unsigned how = (v->tls != NULL ? 1u : 0) + (v->authenticated ? 2u : 0);
    return v->utf8 && v->lmtp ? utf8_lmtp[how] : names[v->utf8 ? 2 : v->lmtp ? 1 : 0][how];
}

/* The name that the client gave, with nothing in it that could end the field. */
static void put_client(const struct envelope *v, struct save_message *m, const struct peer *peer)
{
    char name[HELO_SHOWN + 1];
    size_t n = v->helo.n < HELO_SHOWN ? v->helo.n : HELO_SHOWN;
    for (size_t i = 0; i < n; i++) {
        char c = v->helo.p[i];
        name[i] = (char)(ascii_is_letter(c) || ascii_is_digit(c) || strchr(".-_:[]", c) != NULL ? c : '_');
    }
    save_add(m, name, n);
    if (peer->address[0] == '\0')
        return;
    put(m, strchr(peer->address, ':') != NULL ? " ([IPv6:" : " ([");
    put(m, peer->address);
    put(m, "])");
}

/* Received: RFC 5321 4.4; "for" only of a single recipient, so that no Bcc leaks (7.2). */
static void put_received(const struct envelope *v, struct save_message *m, const struct peer *peer,
                         const char *hostname, uint64_t id)
{
    char line[128], date[64] = "";
    put(m, "Received: from ");
    put_client(v, m, peer);
    put(m, "\r\n\tby ");
    put(m, hostname);
    put(m, " with ");
    put(m, envelope_protocol(v));
    (void)snprintf(line, sizeof line, " id %ju", (uintmax_t)id);
    put(m, line);
    if (v->n_recipients == 1) {
        put(m, "\r\n\tfor <");
        put(m, v->recipients.p);
        put(m, ">");
    }
    time_t now = time(NULL);
    struct tm local;
    if (localtime_r(&now, &local) != NULL)
        (void)strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S %z", &local);
    (void)snprintf(line, sizeof line, ";\r\n\t%s\r\n", date);
    put(m, line);
}

void envelope_add_headers(const struct envelope *v, struct save_message *m, const struct peer *peer,
                          const char *hostname, uint64_t id)
{
    struct span sender = text_span(&v->sender);
    put(m, "Return-Path: <");
    save_add(m, sender.p, sender.n);
    put(m, ">\r\n");
    for (size_t at = 0; at < v->recipients.n; at += strlen(v->recipients.p + at) + 1) {
        put(m, "Delivered-To: ");
        put(m, v->recipients.p + at);
        put(m, "\r\n");
    }
    put_received(v, m, peer, hostname, id);
}

/* ---- mbox ---- */

void envelope_mbox_line(const struct envelope *v, int64_t seconds, char line[ENVELOPE_MBOX_LINE_MAX])
{
    static const char nobody[] = "MAILER-DAEMON";
    static const char *const days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    struct span sender = v->sender.n > 0 ? text_span(&v->sender) : (struct span){nobody, sizeof nobody - 1};
    time_t at = (time_t)seconds;
    struct tm utc;
    size_t n = sender.n < ENVELOPE_MBOX_LINE_MAX / 2 ? sender.n : ENVELOPE_MBOX_LINE_MAX / 2;
    memcpy(line, "From ", 5);
    for (size_t i = 0; i < n; i++)
        line[5 + i] = (char)(sender.p[i] == ' ' || ascii_is_control(sender.p[i]) ? '-' : sender.p[i]);
    line[5 + n] = '\0';
    if (gmtime_r(&at, &utc) != NULL)
        (void)snprintf(line + 5 + n, ENVELOPE_MBOX_LINE_MAX - 5 - n, " %s %s %2d %02d:%02d:%02d %d", days[utc.tm_wday],
                       months[utc.tm_mon], utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec, utc.tm_year + 1900);
}
