/*
 * client.c - what a client has said of itself.
 */
#include "serve/inside.h"

#include <stdlib.h>

static bool set(struct text *t, struct span s)
{
    t->n = 0;
    t->failed = false;
    text_add(t, s.p, s.n);
    return !t->failed;
}

bool client_take(struct client *c, const struct smtp_event *e)
{
    if (e->type == SMTP_HELO) {
        c->extended = e->extended;
        return set(&c->helo, e->arg);
    }
    if (e->type == SMTP_AUTH) {
        c->authenticated = e->code < 300;
        return e->arg.p == NULL || set(&c->user, e->arg);
    }
    if (e->type == SMTP_STARTTLS) { /* all is forgotten; RFC 3207 4.2 */
        c->helo.n = c->user.n = 0;
        c->authenticated = c->extended = false;
    }
    return true;
}

const char *client_protocol(const struct client *c, bool utf8)
{
    static const char *const names[4][4] = {
        {"ESMTP", "ESMTPS", "ESMTPA", "ESMTPSA"},
        {"LMTP", "LMTPS", "LMTPA", "LMTPSA"},
        {"UTF8SMTP", "UTF8SMTPS", "UTF8SMTPA", "UTF8SMTPSA"},
        {"UTF8LMTP", "UTF8LMTPS", "UTF8LMTPA", "UTF8LMTPSA"},
    };
    if (!c->extended)
        return "SMTP";
    return names[(utf8 ? 2 : 0) + (c->lmtp ? 1 : 0)][(c->tls != NULL ? 1 : 0) + (c->authenticated ? 2 : 0)];
}

void client_close(struct client *c)
{
    free(c->helo.p);
    free(c->user.p);
}

bool client_begin(struct session *s)
{
    if (s->heard != NULL)
        return true;
    s->heard = calloc(1, sizeof *s->heard);
    if (s->heard == NULL)
        return false;
    s->heard->client.lmtp = s->source.scheme == SCHEME_LMTP;
    s->heard->client.session = s->number;
    s->heard->client.peer = &s->peer;
    return true;
}
