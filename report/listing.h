/*
 * listing.h - the messages that came, a line for each, for a run that did not
 * get what it expected.
 */
#ifndef LISTING_H
#define LISTING_H

#include "base/text.h"
#include "mail/mail.h"

enum {
    LISTING_MAX = 50,        /* messages that are told of one by one */
    LISTING_TEXT_MAX = 120,  /* octets of a text of the client, with a NUL */
    LISTING_HEAD_MAX = 8192, /* octets of a message in which its subject is looked for */
};

/* The caller allocates it, zeroed. */
struct listing {
    char *lines[LISTING_MAX];
    size_t n;
    uint64_t more; /* messages beyond these */
};

/* Whether a message that comes now will be told of. */
bool listing_has_room(const struct listing *l);

/* Adds a message; head is how it begins.  Text of the client is escaped. */
void listing_add(struct listing *l, const struct mail *mail, struct span head);

void listing_close(struct listing *l);

#endif
