/* SPDX-License-Identifier: ISC */
/*
 * extension.c - the service extensions: their keywords, which of them a session
 * offers, and the reply to EHLO that lists them.
 */
#include "smtp/inside.h"

#include <assert.h>
#include <string.h>

#include "smtp.h"

static const struct extension {
    const char *keyword;
    unsigned bit;
} extensions[] = {
    {"PIPELINING", SMTP_EXT_PIPELINING},
    {"8BITMIME", SMTP_EXT_8BITMIME},
    {"SMTPUTF8", SMTP_EXT_SMTPUTF8},
    {"ENHANCEDSTATUSCODES", SMTP_EXT_ENHANCEDSTATUSCODES},
    {"CHUNKING", SMTP_EXT_CHUNKING},
    {"BINARYMIME", SMTP_EXT_BINARYMIME},
    {"DSN", SMTP_EXT_DSN},
    {"AUTH", SMTP_EXT_AUTH},
    {"STARTTLS", SMTP_EXT_STARTTLS},
    {"LIMITS", SMTP_EXT_LIMITS},
    {"HELP", SMTP_EXT_HELP},
    {"SIZE", SMTP_EXT_SIZE},
};
enum { EXTENSIONS = sizeof extensions / sizeof extensions[0] };

unsigned smtp_extension(struct span keyword)
{
    for (size_t i = 0; i < EXTENSIONS; i++) {
        if (span_is(keyword, extensions[i].keyword))
            return extensions[i].bit;
    }
    return 0;
}

const char *smtp_keyword(size_t place) { return place < EXTENSIONS ? extensions[place].keyword : NULL; }

unsigned extension_offered(const struct smtp *s)
{
    unsigned set = s->config->extensions;
    if (!(set & SMTP_EXT_CHUNKING))
        set &= ~(unsigned)SMTP_EXT_BINARYMIME;
    if (s->config->max_recipients == 0)
        set &= ~(unsigned)SMTP_EXT_LIMITS;
    return set;
}

size_t smtp_find_offer(const struct smtp_config *c, struct span keyword)
{
    for (size_t i = 0; i < c->n_offers; i++) {
        const char *offer = c->offers[i];
        if (span_same(keyword, (struct span){offer, strcspn(offer, " ")}))
            return i;
    }
    return SMTP_OFFERS_MAX;
}

static char *add_number(char *end, const char *before, uint64_t n)
{
    char digits[21] = "";
    return string_add(string_add(end, before), ascii_put_number(digits + 20, n));
}

void extension_list(struct smtp *s, struct smtp_event *e)
{
    static const char start[] = "250-", line_end[] = "\r\n";
    char wire[SMTP_REPLY_MAX];
    char *last = wire, *end = string_add(string_add(string_add(wire, start), s->config->hostname), line_end);
    unsigned set = extension_offered(s);
    if (s->secure)
        set &= ~(unsigned)SMTP_EXT_STARTTLS; /* RFC 3207 4.2 */
    else if (s->config->require_tls)
        set &= ~(unsigned)SMTP_EXT_AUTH; /* RFC 4954 4: what a client may not use now */
    for (size_t i = 0; i < EXTENSIONS; i++) {
        if (!(set & extensions[i].bit))
            continue;
        last = end;
        end = string_add(string_add(end, start), extensions[i].keyword);
        if (extensions[i].bit == SMTP_EXT_AUTH)
            end = string_add(string_add(end, " "), s->config->mechanisms);
        if (extensions[i].bit == SMTP_EXT_LIMITS)
            end = add_number(end, " RCPTMAX=", s->config->max_recipients);
        if (extensions[i].bit == SMTP_EXT_SIZE && s->config->max_size > 0) /* clients take 0 for a limit */
            end = add_number(end, " ", s->config->max_size);
        end = string_add(end, line_end);
    }
    for (size_t i = 0; i < s->config->n_offers; i++) {
        last = end;
        end = string_add(string_add(string_add(end, start), s->config->offers[i]), line_end);
    }
    assert(end < wire + sizeof wire);
    last[strlen("250")] = ' '; /* RFC 5321 4.2.1 */
    smtp_reply_raw(s, e, 250, span_between(wire, end));
}
