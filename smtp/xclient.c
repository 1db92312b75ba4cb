/* SPDX-License-Identifier: ISC */
/*
 * xclient.c - XCLIENT, an extension of Postfix: a proxy says for whom it speaks.
 *
 *     XCLIENT 1*( SP attribute "=" xtext )
 *
 * The session begins anew then, with a greeting.
 */
#include "smtp/inside.h"

#include <string.h>

#include "smtp.h"
#include "smtp/objection.h"

static const char *const names[] = {"NAME", "ADDR", "PORT", "PROTO", "HELO", "LOGIN", "DESTADDR", "DESTPORT", NULL};

bool smtp_is_attribute(struct span name) { return span_is_one_of(name, names); }

bool smtp_take_attribute(struct span *rest, struct smtp_attribute *a)
{
    span_skip_spaces(rest);
    const char *end = rest->p + rest->n, *space = memchr(rest->p, ' ', rest->n);
    struct span one = span_between(rest->p, space != NULL ? space : end);
    const char *equals = memchr(one.p, '=', one.n);
    *rest = span_between(one.p + one.n, end);
    a->name = span_between(one.p, equals != NULL ? equals : one.p + one.n);
    a->n = 0;
    a->unavailable = false;
    if (equals == NULL)
        return false;
    for (span_skip(&one, a->name.n + 1); one.n > 0 && a->n < SMTP_HOSTNAME_MAX;
         a->text[a->n++] = span_take_xtext(&one)) {
        bool coded = one.n >= 3 && ascii_is_hex(one.p[1]) && ascii_is_hex(one.p[2]);
        if (*one.p == '=' || ascii_is_control(*one.p) || (*one.p == '+' && !coded))
            return false;
    }
    a->text[a->n] = '\0';
    struct span text = {a->text, a->n};
    a->unavailable = span_is(text, "[UNAVAILABLE]") || span_is(text, "[TEMPUNAVAIL]");
    return one.n == 0;
}

/* An address of IPv4, or one of IPv6 after "IPV6:". */
static bool is_address(struct span text)
{
    char literal[sizeof "[IPv6:]" + 64] = "[";
    struct span t = text;
    bool v6 = span_takes(&t, "IPv6:");
    for (size_t i = 0; i < text.n && !v6; i++) {
        if (!ascii_is_digit(text.p[i]) && text.p[i] != '.')
            return false;
    }
    if (text.n > 64)
        return false;
    memcpy(literal + 1, text.p, text.n);
    literal[text.n + 1] = ']';
    return path_is_host((struct span){literal, text.n + 2});
}

static bool is_port(struct span text)
{
    unsigned port = 0;
    for (size_t i = 0; i < text.n && port <= UINT16_MAX; i++) {
        if (!ascii_is_digit(text.p[i]))
            return false;
        port = port * 10 + (unsigned)(text.p[i] - '0');
    }
    return text.n > 0 && port <= UINT16_MAX;
}

static bool fits(const struct smtp_attribute *a)
{
    struct span text = {a->text, a->n};
    if (a->unavailable)
        return true;
    for (size_t i = 0; i < text.n; i++) {
        if (ascii_is_control(text.p[i]))
            return false;
    }
    if (span_is(a->name, "ADDR") || span_is(a->name, "DESTADDR"))
        return is_address(text);
    if (span_is(a->name, "PORT") || span_is(a->name, "DESTPORT"))
        return is_port(text);
    if (span_is(a->name, "PROTO"))
        return span_is(text, "SMTP") || span_is(text, "ESMTP") || span_is(text, "LMTP");
    return text.n > 0;
}

/* Whether the line of --offer has the attribute. */
static bool is_listed(const struct smtp *s, struct span name)
{
    const char *word = s->config->offers[smtp_find_offer(s->config, span_of("XCLIENT"))];
    while ((word = strchr(word, ' ')) != NULL) {
        word++;
        if (span_same(name, (struct span){word, strcspn(word, " ")}))
            return smtp_is_attribute(name);
    }
    return false;
}

const struct objection *xclient_parse(struct smtp *s, struct smtp_event *e)
{
    struct smtp_attribute a;
    struct span rest = e->arg;
    if (rest.n == 0)
        return objection_raise(s, e, OBJECTION_XCLIENT);
    s->login_asked = false;
    while (rest.n > 0) {
        bool good = smtp_take_attribute(&rest, &a);
        objection_set_subject(e, a.name);
        if (!is_listed(s, a.name))
            return objection_raise(s, e, OBJECTION_ATTRIBUTE);
        if (!good || !fits(&a))
            return objection_raise(s, e, OBJECTION_ATTRIBUTE_FORM);
        if (span_is(a.name, "LOGIN"))
            s->login_asked = !a.unavailable;
    }
    reply_greeting(s, e);
    return NULL;
}
