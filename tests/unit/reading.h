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

static inline bool make_json(struct text *t, const struct received *r, const struct render_attach *attach)
{
    struct mail mail = r->mail;
    struct message m;
    bool good = true;
    if (message_open(&m, r->octets))
        good = render_json(t, &mail, &m, attach);
    else
        t->failed = true;
    message_close(&m);
    return good;
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
