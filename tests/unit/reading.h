/* SPDX-License-Identifier: ISC */
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
    struct message *m = message_open(r->octets);
    if (m != NULL)
        render_json(t, &mail, m);
    t->failed = t->failed || m == NULL || message_failed(m);
    message_close(m);
}

static inline void make_text(struct text *t, const struct received *r)
{
    struct message *m = message_open(r->octets);
    if (m != NULL)
        render_text(t, &r->mail, m);
    t->failed = t->failed || m == NULL || message_failed(m);
    message_close(m);
}

static inline void make_page(struct text *t, const struct received *r)
{
    struct mail mail = r->mail;
    struct message *m = message_open(r->octets);
    if (m != NULL) {
        lint(m, &mail);
        render_page(t, &mail, m, 1);
    }
    t->failed = t->failed || m == NULL || message_failed(m);
    message_close(m);
}
