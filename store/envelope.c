/*
 * envelope.c - what of the envelope is written with a mail: header fields, the
 * line of an mbox.
 */
#include "store/store.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { HELO_SHOWN = 255 /* octets of the client's name in Received: */ };

static void put(struct save_message *m, const char *text) { save_add(m, text, strlen(text)); }

/* The name that the client gave, with nothing in it that could end the field. */
static void put_client(const struct mail *mail, struct save_message *m)
{
    char name[HELO_SHOWN + 1];
    size_t n = mail->helo.n < HELO_SHOWN ? mail->helo.n : HELO_SHOWN;
    for (size_t i = 0; i < n; i++) {
        char c = mail->helo.p[i];
        name[i] = (char)(ascii_is_letter(c) || ascii_is_digit(c) || strchr(".-_:[]", c) != NULL ? c : '_');
    }
    save_add(m, name, n);
    if (mail->address[0] == '\0')
        return;
    put(m, strchr(mail->address, ':') != NULL ? " ([IPv6:" : " ([");
    put(m, mail->address);
    put(m, "])");
}

/* Received: RFC 5321 4.4; "for" only of a single recipient, so that no Bcc leaks (7.2). */
static void put_received(const struct mail *mail, struct save_message *m, const char *hostname, uint64_t id)
{
    char line[128], date[64] = "";
    put(m, "Received: from ");
    put_client(mail, m);
    put(m, "\r\n\tby ");
    put(m, hostname);
    put(m, " with ");
    put(m, mail->protocol);
    (void)snprintf(line, sizeof line, " id %ju", (uintmax_t)id);
    put(m, line);
    if (mail->n_recipients == 1) {
        put(m, "\r\n\tfor <");
        save_add(m, mail->recipients[0].address.p, mail->recipients[0].address.n);
        put(m, ">");
    }
    time_t now = time(NULL);
    struct tm local;
    if (localtime_r(&now, &local) != NULL)
        (void)strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S %z", &local);
    (void)snprintf(line, sizeof line, ";\r\n\t%s\r\n", date);
    put(m, line);
}

void envelope_add_headers(const struct mail *mail, struct save_message *m, const char *hostname, uint64_t id)
{
    put(m, "Return-Path: <");
    save_add(m, mail->sender.p, mail->sender.n);
    put(m, ">\r\n");
    for (size_t i = 0; i < mail->n_recipients; i++) {
        put(m, "Delivered-To: ");
        save_add(m, mail->recipients[i].address.p, mail->recipients[i].address.n);
        put(m, "\r\n");
    }
    put_received(mail, m, hostname, id);
}

/* ---- mbox ---- */

void envelope_mbox_line(const struct mail *mail, char line[ENVELOPE_MBOX_LINE_MAX])
{
    enum { SENDER_MAX = ENVELOPE_MBOX_LINE_MAX / 2 };
    struct span sender = mail->sender.n > 0 ? mail->sender : span_of("MAILER-DAEMON");
    size_t n = sender.n < SENDER_MAX ? sender.n : SENDER_MAX;
    memcpy(line, "From ", 5);
    for (size_t i = 0; i < n; i++)
        line[5 + i] = (char)(sender.p[i] == ' ' || ascii_is_control(sender.p[i]) ? '-' : sender.p[i]);
    line[5 + n] = '\0';
    time_t at = (time_t)(mail->time / 1000);
    struct tm utc;
    if (gmtime_r(&at, &utc) != NULL) /* no locale is set, so the names are English */
        (void)strftime(line + 5 + n, ENVELOPE_MBOX_LINE_MAX - 5 - n, " %a %b %e %H:%M:%S %Y", &utc);
}
