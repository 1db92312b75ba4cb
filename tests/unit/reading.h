/*
 * reading.h - a message with all that is known of it, for what renders it: it
 * is opened, rendered and closed again.
 */
#include <stdlib.h>

#include "mail/mail.h"

struct received {
    struct mail mail;
    struct span octets;
};

static inline void make_json(struct text *t, const struct received *r)
{
    struct mail mail = r->mail;
    struct message m;
    if (message_open(&m, r->octets))
        render_json(t, &mail, &m);
    else
        t->failed = true;
    message_close(&m);
}

static inline void make_text(struct text *t, const struct received *r)
{
    struct message m;
    if (message_open(&m, r->octets))
        render_text(t, &r->mail, &m);
    else
        t->failed = true;
    message_close(&m);
}
