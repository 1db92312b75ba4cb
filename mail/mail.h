/*
 * mail.h - what is known of a message beside its octets: where it came from,
 * its envelope, and what has been found out about it.
 */
#ifndef MAIL_H
#define MAIL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/problem.h"
#include "base/span.h"

/* Borrowed, all of it. */
struct mail {
    uint64_t n;       /* which one of the run it is, from 1 */
    int64_t time;     /* milliseconds since 1970 */
    uint64_t size;    /* octets, with line ends of CRLF; RFC 1870 5 */
    bool examined;    /* its octets were looked at on the way here: what is odd in its lines is in problems */
    bool converted;   /* its line ends were CRLF then, and are LF now */
    const char *file; /* where it is, NULL if in no file */
    /* the client; "" or p NULL where there is no such thing */
    const char *address;
    uint16_t port;
    struct span helo;
    const char *protocol; /* as RFC 3848 has it */
    struct span user;     /* who was authenticated */
    const char *tls;      /* the version of TLS, NULL without it */
    /* the envelope */
    struct span sender, sender_params; /* the parameters as sent */
    const char *recipients;            /* n_recipients strings, one behind the other: */
    const char *recipient_params;      /* and their parameters, likewise */
    uint64_t n_recipients;
    bool utf8;   /* SMTPUTF8 was given (RFC 6531) */
    bool binary; /* BODY=BINARYMIME was given (RFC 3030) */
    /* what has been found out */
    struct problems problems; /* of the session since the message before, and of this one */
    const char *failed;       /* the --match that it fails, NULL: it counts; */
    struct span had;          /* and what it has instead, */
    bool has_none;            /* if it has any such thing */
};

#endif
