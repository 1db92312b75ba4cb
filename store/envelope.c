/*
 * envelope.c - the envelope as it is written with a mail: as header fields, and
 * as the line before a mail in an mbox.
 */
#include "store/inside.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum {
    HELO_SHOWN = 255,    /* octets of the client's name in Received: */
    SENDER_SHOWN = 2048, /* octets of the sender in the line of an mbox */
};

static void put(struct spool *p, const char *text) { spool_add(p, text, strlen(text)); }

/* Adds the name that the client gave, without characters that could end the field, and its address. */
static void put_client(const struct mail *mail, struct spool *p)
{
    char name[HELO_SHOWN + 1];
    size_t n = mail->helo.n < HELO_SHOWN ? mail->helo.n : HELO_SHOWN;
    for (size_t i = 0; i < n; i++) {
        char c = mail->helo.p[i];
        name[i] = (char)(ascii_is_letter(c) || ascii_is_digit(c) || memchr(".-_:[]", c, 6) != NULL ? c : '_');
    }
    spool_add(p, n > 0 ? name : "unknown", n > 0 ? n : strlen("unknown"));
    if (mail->address[0] == '\0')
        return;
    put(p, strchr(mail->address, ':') != NULL ? " ([IPv6:" : " ([");
    put(p, mail->address);
    put(p, "])");
}

/* RFC 5321 4.4.  With several recipients there is no "for", so that no Bcc is disclosed (7.2). */
static void put_received(const struct mail *mail, struct spool *p, const char *hostname, uint64_t id)
{
    char line[128], date[64] = "";
    put(p, "Received: from ");
    put_client(mail, p);
    put(p, "\r\n\tby ");
    put(p, hostname);
    if (mail->protocol != NULL) {
        put(p, " with ");
        put(p, mail->protocol);
    }
    (void)snprintf(line, sizeof line, " id %ju", (uintmax_t)id);
    put(p, line);
    if (mail->n_recipients == 1) {
        put(p, "\r\n\tfor <");
        spool_add(p, mail->recipients[0].address.p, mail->recipients[0].address.n);
        put(p, ">");
    }
    struct timespec now;
    struct tm local;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    if (localtime_r(&now.tv_sec, &local) != NULL)
        (void)strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S %z", &local);
    (void)snprintf(line, sizeof line, ";\r\n\t%s\r\n", date);
    put(p, line);
}

void envelope_add_headers(const struct mail *mail, struct spool *p, const char *hostname, uint64_t id)
{
    put(p, "Return-Path: <");
    spool_add(p, mail->sender.p, mail->sender.n);
    put(p, ">\r\n");
    for (size_t i = 0; i < mail->n_recipients; i++) {
        put(p, "Delivered-To: ");
        spool_add(p, mail->recipients[i].address.p, mail->recipients[i].address.n);
        put(p, "\r\n");
    }
    put_received(mail, p, hostname, id);
    p->ours = p->total;
}

void envelope_mbox_line(const struct mail *mail, struct text *line)
{
    struct span sender = mail->sender.n > 0 ? mail->sender : span_of("MAILER-DAEMON");
    time_t at = (time_t)(mail->time / 1000);
    struct tm utc;
    char date[64];
    text_add_string(line, "From ");
    for (size_t i = 0; i < sender.n && i < SENDER_SHOWN; i++)
        text_add(line, sender.p[i] == ' ' || ascii_is_control(sender.p[i]) ? "-" : sender.p + i, 1);
    /* no locale is set, so the names are English */
    if (gmtime_r(&at, &utc) != NULL && strftime(date, sizeof date, " %a %b %e %H:%M:%S %Y", &utc) > 0)
        text_add_string(line, date);
}
