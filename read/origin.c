/* SPDX-License-Identifier: ISC */
/*
 * origin.c - who sent a mail to whom, as lines in front of it or beside it say.
 *
 * These are the lines of -e, which other servers write as well:
 *
 *     Return-Path: <sender>
 *     Delivered-To: recipient      for each
 *     Received: from helo ([address]) by us with ESMTP id 1; date
 *
 * and in a file beside a message, after them, X-Fakesmtp-...: as
 * store/envelope.c has them.
 */
#include "read/inside.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* ---- lines ---- */

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

static struct span trim(struct span t)
{
    while (t.n > 0 && is_blank(*t.p))
        span_skip(&t, 1);
    while (t.n > 0 && is_blank(t.p[t.n - 1]))
        t.n--;
    return t;
}

bool origin_takes(enum origin_next *next, struct span line)
{
    bool folded = line.n > 0 && (*line.p == ' ' || *line.p == '\t');
    if (*next == ORIGIN_PATH && span_starts(line, "Return-Path:"))
        *next = ORIGIN_TO;
    else if ((*next == ORIGIN_TO || *next == ORIGIN_MORE) && span_starts(line, "Delivered-To:"))
        *next = ORIGIN_MORE;
    else if (*next == ORIGIN_MORE && span_starts(line, "Received: from "))
        *next = ORIGIN_FOLDED;
    else
        return *next == ORIGIN_FOLDED && folded;
    return true;
}

/* Takes the next field of this name, with its folded lines, from the rest.  False if there is none. */
static bool take_field(struct span *rest, const char *name, struct span *value)
{
    while (rest->n > 0) {
        struct span line = *rest;
        const char *end = rest->p + rest->n, *lf = rest->p;
        do
            lf = memchr(lf, '\n', (size_t)(end - lf));
        while (lf != NULL && ++lf < end && (*lf == ' ' || *lf == '\t'));
        lf = lf != NULL ? lf : end;
        line.n = (size_t)(lf - line.p);
        *rest = span_between(lf, end);
        if (span_takes(&line, name)) {
            *value = trim(line);
            return true;
        }
    }
    return false;
}

static bool find_field(struct span lines, const char *name, struct span *value)
{
    return take_field(&lines, name, value);
}

/* Copies a text into a string in size octets; "" if it does not fit. */
static void copy(char *to, size_t size, struct span t)
{
    size_t n = t.n < size ? t.n : 0;
    if (n > 0)
        memcpy(to, t.p, n);
    to[n] = '\0';
}

/* Adds a text with each \xHH undone. */
static void add_unescaped(struct text *to, struct span t)
{
    for (; t.n > 0; span_skip(&t, 1)) {
        char c = *t.p;
        if (t.n >= 4 && c == '\\' && t.p[1] == 'x' && ascii_is_hex(t.p[2]) && ascii_is_hex(t.p[3])) {
            c = (char)(ascii_hex_value(t.p[2]) << 4 | ascii_hex_value(t.p[3]));
            span_skip(&t, 3);
        }
        text_add(to, &c, 1);
    }
}

/* ---- times ---- */

/* Seconds since 1970 of a time in UTC; timegm(3) is not POSIX. */
static int64_t seconds(const struct tm *t)
{
    static const int before[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
    int64_t year = t->tm_year + 1900 - (t->tm_mon < 2), leaps = year / 4 - year / 100 + year / 400;
    int64_t day = 365 * ((int64_t)t->tm_year - 70) + leaps - 477 + before[t->tm_mon % 12] + t->tm_mday - 1;
    return ((day * 24 + t->tm_hour) * 60 + t->tm_min) * 60 + t->tm_sec;
}

/* Reads a time like "Tue, 24 Nov 2026 03:12:00 +0000", as the format has it.  The zone is optional. */
static bool read_time(struct span t, const char *format, int64_t *time)
{
    char text[64];
    struct tm tm = {.tm_sec = 0};
    copy(text, sizeof text, t);
    const char *rest = strptime(text, format, &tm);
    if (rest == NULL)
        return false;
    rest += strspn(rest, " ");
    int minutes = 0;
    if ((*rest == '+' || *rest == '-') && strspn(rest + 1, "0123456789") >= 4)
        minutes = ((rest[1] - '0') * 10 + rest[2] - '0') * 60 + (rest[3] - '0') * 10 + rest[4] - '0';
    *time = 1000 * (seconds(&tm) - (*rest == '-' ? -60 : 60) * (int64_t)minutes);
    return true;
}

/* ---- the fields ---- */

/* The word at the front. */
static struct span word(struct span t)
{
    size_t n = 0;
    while (n < t.n && !is_blank(t.p[n]) && t.p[n] != ';')
        n++;
    return (struct span){t.p, n};
}

/* The text after this one; p NULL: it is not there. */
static struct span after(struct span t, const char *what)
{
    for (; t.n > 0; span_skip(&t, 1)) {
        if (span_takes(&t, what))
            return t;
    }
    return (struct span){NULL, 0};
}

static void read_received(struct origin *o, struct span t, struct mail *mail)
{
    (void)span_takes(&t, "from ");
    struct span helo = word(t), rest = trim(span_between(helo.p + helo.n, t.p + t.n));
    struct span with = word(after(rest, " with ")), address = {NULL, 0};
    if (!span_is(helo, "unknown"))
        text_add(&o->helo, helo.p, helo.n);
    const char *comment_end = span_starts(rest, "(") ? memchr(rest.p, ')', rest.n) : NULL;
    if (comment_end != NULL)
        address = after(span_between(rest.p, comment_end), "[");
    (void)span_takes(&address, "IPv6:");
    size_t n = 0;
    while (n < address.n && (ascii_is_hex(address.p[n]) || address.p[n] == ':' || address.p[n] == '.'))
        n++;
    address.n = n < address.n && address.p[n] == ']' ? n : 0;
    copy(o->address, sizeof o->address, address);
    for (n = 0; n < with.n && (ascii_is_letter(with.p[n]) || ascii_is_digit(with.p[n]));)
        n++;
    with.n = n == with.n ? n : 0;
    copy(o->protocol, sizeof o->protocol, with);
    const char *semicolon = t.p + t.n;
    while (semicolon > t.p && semicolon[-1] != ';')
        semicolon--;
    (void)read_time(trim(span_between(semicolon, t.p + t.n)), "%a, %d %b %Y %H:%M:%S", &mail->time);
}

static bool read_number(struct span lines, const char *name, uint64_t *number)
{
    char text[32];
    struct span value;
    const char *end = text;
    if (!find_field(lines, name, &value))
        return false;
    copy(text, sizeof text, value);
    return number_take(&end, number) && *end == '\0';
}

static void read_problems(struct span t, struct mail *mail)
{
    while (t.n > 0) {
        struct span name = t, rest = after(t, ",");
        name.n = rest.p != NULL ? (size_t)(rest.p - 1 - t.p) : t.n;
        for (int i = 0; i < PROBLEMS; i++) {
            if (span_same(trim(name), span_of(problem_about((enum problem)i)->name)))
                problems_add(&mail->problems, (enum problem)i);
        }
        t = rest;
    }
}

static void add_protocol(struct text *alpn, struct span t)
{
    size_t at = alpn->n;
    text_add(alpn, "", 1);
    add_unescaped(alpn, t);
    if (alpn->failed || alpn->n - at - 1 > UINT8_MAX)
        alpn->n = at;
    else
        alpn->p[at] = (char)(alpn->n - at - 1);
}

/* What only a file beside a message says. */
static void read_rest(struct origin *o, struct span lines, struct mail *mail)
{
    struct span value;
    uint64_t number;
    if (read_number(lines, "X-Fakesmtp-Time:", &number) && number <= INT64_MAX)
        mail->time = (int64_t)number;
    o->has_size = read_number(lines, "X-Fakesmtp-Size:", &o->size);
    if ((o->has_lines = find_field(lines, "X-Fakesmtp-Lines:", &value))) {
        mail->binary = span_is(value, "binary");
        o->crlf = mail->binary || span_is(value, "CRLF");
    }
    if (read_number(lines, "X-Fakesmtp-Port:", &number) && number <= UINT16_MAX)
        mail->port = (uint16_t)number;
    if (!read_number(lines, "X-Fakesmtp-Added:", &o->added))
        o->added = 0;
    if (find_field(lines, "X-Fakesmtp-Helo:", &value)) {
        o->helo.n = 0;
        add_unescaped(&o->helo, value);
    }
    if (find_field(lines, "X-Fakesmtp-Auth:", &value))
        add_unescaped(&o->user, value);
    if (find_field(lines, "X-Fakesmtp-TLS:", &value))
        copy(o->version, sizeof o->version, value);
    if (find_field(lines, "X-Fakesmtp-SNI:", &value))
        add_unescaped(&o->sni, value);
    for (struct span rest = lines; take_field(&rest, "X-Fakesmtp-ALPN:", &value);)
        add_protocol(&o->alpn, value);
    if (find_field(lines, "X-Fakesmtp-Certificate:", &value))
        add_unescaped(&o->certificate, value);
    for (struct span rest = lines; take_field(&rest, "X-Fakesmtp-Argument:", &value);) {
        add_unescaped(&o->argv, value);
        text_add(&o->argv, "", 1);
    }
    if (find_field(lines, "X-Fakesmtp-Problems:", &value))
        read_problems(value, mail);
}

/* Adds the recipients, with the parameters of each, which are in the same order. */
static bool read_recipients(struct span lines, struct mail *mail)
{
    struct span others = lines, address, value;
    bool good = true;
    while (good && take_field(&lines, "Delivered-To:", &address)) {
        struct text params = {NULL, 0, 0, false};
        if (take_field(&others, "X-Fakesmtp-To-Params:", &value))
            add_unescaped(&params, value);
        good = !params.failed && mail_add_recipient(mail, address, text_span(&params));
        free(params.p);
    }
    return good;
}

bool origin_read(struct origin *o, struct span lines, struct mail *mail)
{
    int64_t time = mail->time;
    struct text params = {NULL, 0, 0, false};
    struct span value, sender = {"", 0};
    o->helo.n = o->user.n = o->argv.n = o->sni.n = o->alpn.n = o->certificate.n = 0;
    o->address[0] = o->protocol[0] = o->version[0] = '\0';
    if (find_field(lines, "Return-Path:", &sender) && sender.n >= 2 && *sender.p == '<' &&
        sender.p[sender.n - 1] == '>')
        sender = (struct span){sender.p + 1, sender.n - 2};
    if (find_field(lines, "X-Fakesmtp-Params:", &value))
        add_unescaped(&params, value);
    bool good = !params.failed && mail_begin(mail, sender, text_span(&params)) && read_recipients(lines, mail);
    free(params.p);
    mail->time = time;
    if (good && find_field(lines, "Received:", &value))
        read_received(o, value, mail);
    read_rest(o, lines, mail);
    mail->utf8 = span_starts(span_of(o->protocol), "UTF8");
    mail->address = o->address;
    mail->helo = o->helo.n > 0 ? text_span(&o->helo) : (struct span){NULL, 0};
    mail->protocol = o->protocol[0] != '\0' ? o->protocol : NULL;
    mail->user = o->user.n > 0 ? text_span(&o->user) : (struct span){NULL, 0};
    o->tls = (struct tls_peer){.version = o->version, .alpn = text_span(&o->alpn)};
    o->tls.sni = o->sni.n > 0 ? text_span(&o->sni) : (struct span){NULL, 0};
    o->tls.certificate = o->certificate.n > 0 ? text_span(&o->certificate) : (struct span){NULL, 0};
    mail->tls = o->version[0] != '\0' ? &o->tls : NULL;
    mail->argv = text_span(&o->argv);
    return good && !o->helo.failed && !o->user.failed && !o->argv.failed && !o->sni.failed && !o->alpn.failed &&
           !o->certificate.failed;
}

bool origin_read_mbox(struct span line, struct mail *mail)
{
    int64_t time = mail->time;
    (void)span_takes(&line, "From ");
    struct span sender = word(line);
    span_skip(&line, sender.n);
    if (span_is(sender, "MAILER-DAEMON"))
        sender.n = 0;
    bool good = mail_begin(mail, sender, (struct span){NULL, 0});
    mail->time = time;
    mail->address = "";
    (void)read_time(trim(line), "%a %b %d %H:%M:%S %Y", &mail->time);
    return good;
}

void origin_close(struct origin *o)
{
    free(o->helo.p);
    free(o->user.p);
    free(o->argv.p);
    free(o->sni.p);
    free(o->alpn.p);
    free(o->certificate.p);
}
