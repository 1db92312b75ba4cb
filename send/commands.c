/* SPDX-License-Identifier: ISC */
/*
 * commands.c - the commands for one message, from its envelope and what the
 * server offers.
 */
#include "send/inside.h"

#include <stdio.h>

enum { COMMAND_MAX = 512 /* octets, RFC 5321 4.5.3.1.4 */ };

/* Adds an octet as xtext (RFC 3461 4). */
static void add_xtext(struct text *t, char octet)
{
    char coded[4];
    bool plain = octet > ' ' && octet < 0x7f && octet != '+' && octet != '=';
    (void)snprintf(coded, sizeof coded, plain ? "%c" : "+%02X", (unsigned char)octet);
    text_add_string(t, coded);
}

/* Adds an argument, in as many lines as it needs. */
static void add_argument(struct text *t, const char *argument)
{
    static const char longest[] = "+00\r\n";
    size_t start = t->n;
    text_add_string(t, *argument != '\0' ? "XARGV " : "XARGV");
    for (; *argument != '\0'; argument++) {
        if (t->n - start + strlen(longest) > COMMAND_MAX) {
            text_add_string(t, "\r\n");
            start = t->n;
            text_add_string(t, "XARGV =");
        }
        add_xtext(t, *argument);
    }
    text_add_string(t, "\r\n");
}

/* Adds a parameter, if there is a value. */
static void add_parameter(struct text *t, const char *name, const char *value)
{
    text_add_string(t, value != NULL ? name : "");
    text_add_string(t, value != NULL ? value : "");
}

/* Whether a message is to be sent with SMTPUTF8 (RFC 6531 3.4).  *must: an address needs it, not only the header. */
static bool is_utf8(const struct submission *s, bool *must)
{
    struct span rest = text_span(&s->message), header = {rest.p, 0};
    while (rest.n > 0 && *rest.p != '\r') {
        span_skip(&rest, (size_t)((const char *)memchr(rest.p, '\n', rest.n) + 1 - rest.p));
        header.n = (size_t)(rest.p - header.p);
    }
    *must = span_has_8bit(text_span(&s->recipients.text)) || span_has_8bit(span_of(s->sender));
    return *must || (span_has_8bit(header) && utf8_is_valid(header));
}

bool commands_write(const struct submission *s, unsigned offers, struct text *t)
{
    bool must, utf8 = is_utf8(s, &must);
    if (must && !(offers & SEND_SMTPUTF8))
        return false;
    bool has_8bit = span_has_8bit(text_span(&s->message)), dsn = offers & SEND_DSN;
    for (int i = 1; i < s->argc; i++)
        add_argument(t, s->argv[i]);
    text_add_string(t, "MAIL FROM:<");
    text_add_string(t, s->sender);
    text_add_string(t, ">");
    if (offers & SEND_SIZE) {
        text_add_string(t, " SIZE=");
        text_add_number(t, s->message.n);
    }
    if (offers & SEND_8BITMIME)
        add_parameter(t, " BODY=", s->body != NULL ? s->body : has_8bit ? "8BITMIME" : NULL);
    text_add_string(t, utf8 && offers & SEND_SMTPUTF8 ? " SMTPUTF8" : "");
    add_parameter(t, " RET=", dsn ? s->ret : NULL);
    if (dsn && s->envid != NULL) {
        text_add_string(t, " ENVID=");
        for (const char *octet = s->envid; *octet != '\0'; octet++)
            add_xtext(t, *octet);
    }
    text_add_string(t, "\r\n");
    const char *address = s->recipients.text.p;
    for (size_t i = 0; i < s->recipients.n; i++, address += strlen(address) + 1) {
        text_add_string(t, "RCPT TO:<");
        text_add_string(t, address);
        text_add_string(t, ">");
        add_parameter(t, " NOTIFY=", dsn ? s->notify : NULL);
        text_add_string(t, "\r\n");
    }
    text_add_string(t, "DATA\r\n");
    return true;
}
