/* SPDX-License-Identifier: ISC */
/*
 * envelope.c - the envelope as it is written with a mail: as header fields, as
 * the line before a mail in an mbox, and as a file beside that of the mail.
 *
 * Such a file, .0001.envelope beside 0001.eml, has the header fields, and after
 * them a line for each other thing that matching and JSON show and the mail
 * itself does not tell; one that is not known has no line:
 *
 *     X-Fakesmtp-Time          when it came, in milliseconds since 1970
 *     X-Fakesmtp-Size          octets, with line ends of CRLF
 *     X-Fakesmtp-Lines         how they end in its file: LF, CRLF, or "binary" for a mail that is never changed
 *     X-Fakesmtp-Port          the client's port; Received has its address
 *     X-Fakesmtp-Helo          the name that it gave, whole
 *     X-Fakesmtp-Auth          the user that it authenticated as
 *     X-Fakesmtp-TLS           the version of TLS
 *     X-Fakesmtp-SNI           the name of the server that it asked for
 *     X-Fakesmtp-ALPN          a protocol that it offered; a line for each
 *     X-Fakesmtp-Certificate   the fingerprint of its certificate, a space, and the subject
 *     X-Fakesmtp-Argument      an argument of its command line; a line for each
 *     X-Fakesmtp-Params        the parameters of MAIL as sent, such as SMTPUTF8
 *     X-Fakesmtp-To-Params     those of RCPT, if any has some: a line for each Delivered-To, in their order
 *     X-Fakesmtp-Problems      the names of the problems that the server saw, separated by ", "
 *     X-Fakesmtp-Added         how many octets before the mail, in its own file, are header fields of ours
 *
 * In these lines \xHH is an octet that is a control, a backslash, or a blank at either end.
 */
#include "store/inside.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    HELO_SHOWN = 255,    /* octets of the client's name in Received: */
    SENDER_SHOWN = 2048, /* octets of the sender in the line of an mbox */
};

/* Adds the name that the client gave, without characters that could end the field, and its address. */
static void add_client(const struct mail *mail, struct text *t)
{
    size_t n = mail->helo.n < HELO_SHOWN ? mail->helo.n : HELO_SHOWN;
    for (size_t i = 0; i < n; i++) {
        char c = mail->helo.p[i];
        bool good = ascii_is_letter(c) || ascii_is_digit(c) || memchr(".-_:[]", c, 6) != NULL;
        text_add(t, good ? &c : "_", 1);
    }
    text_add_string(t, n > 0 ? "" : "unknown");
    if (mail->address[0] == '\0')
        return;
    text_add_string(t, strchr(mail->address, ':') != NULL ? " ([IPv6:" : " ([");
    text_add_string(t, mail->address);
    text_add_string(t, "])");
}

/* RFC 5321 4.4.  With several recipients there is no "for", so that no Bcc is disclosed (7.2). */
static void add_received(const struct mail *mail, struct text *t, const char *hostname)
{
    char date[64] = "";
    text_add_string(t, "Received: from ");
    add_client(mail, t);
    text_add_string(t, "\r\n\tby ");
    text_add_string(t, hostname);
    text_add_string(t, mail->protocol != NULL ? " with " : "");
    text_add_string(t, mail->protocol != NULL ? mail->protocol : "");
    text_add_string(t, " id ");
    text_add_number(t, mail->session);
    if (mail->n_recipients == 1) {
        text_add_string(t, "\r\n\tfor <");
        text_add(t, mail->recipients[0].address.p, mail->recipients[0].address.n);
        text_add_string(t, ">");
    }
    time_t at = (time_t)(mail->time / 1000);
    struct tm local;
    if (localtime_r(&at, &local) != NULL)
        (void)strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S %z", &local);
    text_add_string(t, ";\r\n\t");
    text_add_string(t, date);
    text_add_string(t, "\r\n");
}

static void add_fields(const struct mail *mail, struct text *t, const char *hostname)
{
    text_add_string(t, "Return-Path: <");
    text_add(t, mail->sender.p, mail->sender.n);
    text_add_string(t, ">\r\n");
    for (size_t i = 0; i < mail->n_recipients; i++) {
        text_add_string(t, "Delivered-To: ");
        text_add(t, mail->recipients[i].address.p, mail->recipients[i].address.n);
        text_add_string(t, "\r\n");
    }
    add_received(mail, t, hostname);
}

void envelope_add_headers(const struct mail *mail, struct spool *p)
{
    struct text t = {NULL, 0, 0, false};
    add_fields(mail, &t, p->store->o.hostname);
    if (spool_check_text(p, &t) == 0)
        spool_add(p, t.p, t.n);
    p->ours = p->total;
    free(t.p);
}

/* ---- the file ---- */

static void begin_line(struct text *t, const char *name)
{
    text_add_string(t, "X-Fakesmtp-");
    text_add_string(t, name);
    text_add_string(t, ": ");
}

static void add_number(struct text *t, const char *name, int64_t number)
{
    begin_line(t, name);
    text_add_string(t, number < 0 ? "-" : ""); /* before 1970, where a false clock may be */
    text_add_number(t, number < 0 ? -(uint64_t)number : (uint64_t)number);
    text_add_string(t, "\r\n");
}

/* Adds a line, unless p is NULL. */
static void add_line(struct text *t, const char *name, struct span s)
{
    if (s.p == NULL)
        return;
    begin_line(t, name);
    for (const char *start = s.p; s.n > 0; span_skip(&s, 1)) {
        char escape[8];
        bool inside = s.p > start && s.n > 1; /* readers take off the blanks around a value */
        bool plain = *s.p != '\\' && !ascii_is_control(*s.p) && (*s.p != ' ' || inside);
        (void)snprintf(escape, sizeof escape, "\\x%02x", (unsigned)(unsigned char)*s.p);
        text_add(t, plain ? s.p : escape, plain ? 1 : 4);
    }
    text_add_string(t, "\r\n");
}

static void add_problems(struct text *t, const struct problems *problems)
{
    const char *before = "";
    if (!problems_any(problems))
        return;
    begin_line(t, "Problems");
    for (int i = 0; i < PROBLEMS; i++) {
        if (!problems_have(problems, (enum problem)i))
            continue;
        text_add_string(t, before);
        text_add_string(t, problem_about((enum problem)i)->name);
        before = ", ";
    }
    text_add_string(t, "\r\n");
}

void envelope_add_file(const struct mail *mail, const struct spool *p, struct text *t)
{
    bool params = false;
    add_fields(mail, t, p->store->o.hostname);
    add_number(t, "Time", mail->time);
    add_number(t, "Size", (int64_t)mail->size);
    add_line(t, "Lines", span_of(mail->binary ? "binary" : p->store->o.crlf ? "CRLF" : "LF"));
    if (mail->port > 0)
        add_number(t, "Port", mail->port);
    add_line(t, "Helo", mail->helo);
    add_line(t, "Auth", mail->user);
    if (mail->tls != NULL) {
        add_line(t, "TLS", span_of(mail->tls->version));
        add_line(t, "SNI", mail->tls->sni);
        for (struct span rest = mail->tls->alpn, name; tls_take_protocol(&rest, &name);)
            add_line(t, "ALPN", name);
        add_line(t, "Certificate", mail->tls->certificate);
    }
    for (struct span argv = mail->argv; argv.n > 0;)
        add_line(t, "Argument", mail_take_argument(&argv));
    if (mail->sender_params.n > 0)
        add_line(t, "Params", mail->sender_params);
    for (size_t i = 0; i < mail->n_recipients; i++)
        params = params || mail->recipients[i].params.n > 0;
    for (size_t i = 0; i < mail->n_recipients && params; i++)
        add_line(t, "To-Params", mail->recipients[i].params);
    add_problems(t, &mail->problems);
    if (p->ours > 0)
        add_number(t, "Added", (int64_t)p->ours);
}

/* ---- mbox ---- */

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
