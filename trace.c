/*
 * trace.c - what is said in a session, as lines of the dialogue.
 */
#include "trace.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { LINE_MAX_OCTETS = 160, AUTH_SHOWN = 40 /* octets of a command whose rest is secret */ };

static void note(struct show *show, uint64_t session, const char *format, uint64_t n)
{
    char text[LINE_MAX_OCTETS];
    int length = snprintf(text, sizeof text, format, (uintmax_t)n);
    if (length > 0)
        show_dialogue(show, session, 'C', (struct span){text, (size_t)length});
}

/* What is secret is shown as its length. */
static void trace_auth(struct show *show, uint64_t session, const struct smtp_event *e)
{
    char text[LINE_MAX_OCTETS];
    int shown = e->line.n < AUTH_SHOWN ? (int)e->line.n : AUTH_SHOWN;
    int n = snprintf(text, sizeof text, "%.*s%s(%zu octets)", shown, e->line.p, shown > 0 ? " " : "", e->hidden);
    if (n > 0)
        show_dialogue(show, session, 'C', (struct span){text, (size_t)n});
}

void trace_client(struct show *show, uint64_t session, const struct smtp_event *e)
{
    if (e->type == SMTP_EOM && e->recipient <= 1 && !e->last) {
        note(show, session, "(%ju octets of mail data)", e->size);
        note(show, session, ".", 0);
    } else if (e->hidden > 0 && e->line.p != NULL) {
        trace_auth(show, session, e);
    } else if (e->line.p != NULL) {
        show_dialogue(show, session, 'C', e->line);
    } else if (e->type == SMTP_UNKNOWN || e->type == SMTP_AUTH) {
        note(show, session, "(a line of %ju octets)", e->size);
    }
    if (e->type == SMTP_STARTTLS && e->code < 400 && e->size > 0)
        note(show, session, "(%ju octets behind it, dropped)", e->size);
}

void trace_reply(struct show *show, uint64_t session, struct span reply)
{
    while (reply.n > 0) {
        const char *cr = memchr(reply.p, '\r', reply.n);
        size_t n = cr != NULL ? (size_t)(cr - reply.p) : reply.n;
        show_dialogue(show, session, 'S', (struct span){reply.p, n});
        span_skip(&reply, n + 2 <= reply.n ? n + 2 : reply.n);
    }
}

void trace_tls(struct show *show, uint64_t session, bool good, const char *what)
{
    char text[LINE_MAX_OCTETS];
    int n = snprintf(text, sizeof text, good ? "(%s)" : "(no TLS: %s)", what);
    if (n > 0)
        show_dialogue(show, session, 'S', (struct span){text, (size_t)n});
}
