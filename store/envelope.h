/*
 * envelope.h - what a client says of itself and of a message: the names, the
 * reverse-path and forward-paths (RFC 5321 2.3.1), the user, and the header
 * fields that can be made of it.
 */
#ifndef ENVELOPE_H
#define ENVELOPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"
#include "net/io.h"
#include "smtp.h"
#include "store/save.h"

/* The caller allocates it, zeroed, and frees what it holds with envelope_close(). */
struct envelope {
    struct text helo;
    struct text user; /* who asked to be authenticated last */
    struct text sender, sender_params;
    struct text recipients, recipient_params; /* each followed by NUL */
    uint64_t n_recipients;
    const char *tls;    /* the version of TLS, NULL without it; borrowed */
    bool authenticated; /* that user has been */
    bool extended, lmtp, utf8, binary;
};

/* Takes in an event whose reply is positive.  False if there is no memory for it. */
bool envelope_take(struct envelope *v, const struct smtp_event *e);

/* Leaves only those recipients in it that are kept: one bool for each. */
void envelope_keep(struct envelope *v, const bool *kept);

/* Puts Return-Path, a Delivered-To for each recipient, and Received in front of a message; id is its number. */
void envelope_add_headers(const struct envelope *v, struct save_message *m, const struct io_peer *peer,
                          const char *hostname, uint64_t id);

/* The protocol that the message came by, as RFC 3848 and RFC 6531 4.3 name it. */
const char *envelope_protocol(const struct envelope *v);

enum { ENVELOPE_MBOX_LINE_MAX = 4096 };

/* The line in front of a message in an mbox, without its end: "From ", the sender in one word, the time in UTC (RFC
   4155); at seconds since 1970. */
void envelope_mbox_line(const struct envelope *v, int64_t seconds, char line[ENVELOPE_MBOX_LINE_MAX]);

void envelope_close(struct envelope *v);

#endif
