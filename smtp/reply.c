/* SPDX-License-Identifier: ISC */
/*
 * reply.c - composes replies (RFC 5321 4.2) after those that are given already.
 * command.c and the list of objections choose the reply; serve/event.c may
 * replace it.
 */
#include "smtp/inside.h"

#include <assert.h>
#include <string.h>

#include "smtp.h"

static inline void put(struct smtp *s, const char *text, size_t n)
{
    assert(s->reply_n + n <= SMTP_REPLY_MAX && s->out_n + s->reply_n + n <= s->out_size);
    memcpy(s->out + s->out_n + s->reply_n, text, n);
    s->reply_n += n;
}

/* One line of a reply (RFC 5321 4.2); each repeats the enhanced code (RFC 2034 4). */
static void put_line(struct smtp *s, int code, char separator, const char *enhanced, const char *text, size_t n)
{
    const char start[4] = {(char)('0' + code / 100), (char)('0' + code / 10 % 10), (char)('0' + code % 10), separator};
    put(s, start, sizeof start);
    if (enhanced != NULL) {
        put(s, enhanced, strlen(enhanced));
        put(s, " ", 1);
    }
    put(s, text, n);
    put(s, "\r\n", 2);
}

void smtp_reply(struct smtp *s, struct smtp_event *e, int code, const char *enhanced, const char *text)
{
    assert(s->event != SMTP_NONE && code >= 200 && code <= 599);
    if (!(s->config->extensions & SMTP_EXT_ENHANCEDSTATUSCODES))
        enhanced = NULL;
    e->code = s->code = (int16_t)code;
    s->reply_n = 0;
    const char *lf;
    for (; (lf = strchr(text, '\n')) != NULL; text = lf + 1)
        put_line(s, code, '-', enhanced, text, (size_t)(lf - text));
    put_line(s, code, ' ', enhanced, text, strlen(text));
}

void reply_canned(struct smtp *s, struct smtp_event *e, const struct smtp_canned *reply)
{
    assert(s->event != SMTP_NONE);
    e->code = s->code = reply->code;
    s->reply_n = 0;
    if (s->config->extensions & SMTP_EXT_ENHANCEDSTATUSCODES || reply->enhanced == 0) {
        put(s, reply->wire, reply->n);
    } else {
        size_t from = CANNED_CODE + reply->enhanced;
        put(s, reply->wire, CANNED_CODE);
        put(s, reply->wire + from, reply->n - from);
    }
}

void reply_greeting(struct smtp *s, struct smtp_event *e)
{
    char text[SMTP_HOSTNAME_MAX + sizeof " ESMTP fakesmtp"];
    assert(strlen(s->config->hostname) <= SMTP_HOSTNAME_MAX);
    (void)string_add(string_add(text, s->config->hostname), s->config->lmtp ? " LMTP fakesmtp" : " ESMTP fakesmtp");
    smtp_reply(s, e, 220, NULL, text);
}

void smtp_reply_raw(struct smtp *s, struct smtp_event *e, int code, struct span wire)
{
    assert(s->event != SMTP_NONE && code >= 100 && code <= 999);
    e->code = s->code = (int16_t)code;
    s->reply_n = 0;
    put(s, wire.p, wire.n);
}
