/*
 * render.h - a message as JSON, for jq, and as text, for people, grep and diff.
 */
#ifndef RENDER_H
#define RENDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "span.h"

/* What is known of a message beside its octets.  Borrowed. */
struct render_message {
    struct span octets; /* as it came, but perhaps for line ends; without header fields of ours */
    uint64_t n;         /* which one of the run it is, from 1 */
    int64_t time;       /* milliseconds since 1970 */
    uint64_t size;      /* octets, with line ends of CRLF; RFC 1870 5 */
    const char *file;   /* where it is, NULL if in no file */
    bool bare_lf;       /* some of its lines ended in LF alone, on the way here */
    bool converted;     /* its line ends were CRLF then, and are LF now */
    bool matched;       /* it is one of those that were awaited */
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
};

/* Where attachments are written to; all functions get context. */
struct render_attach {
    /* name is decoded, and may hold anything; n 0: there is none.  Spans live for this call. */
    void (*open)(void *context, uint64_t message, struct span name, struct span type, struct span subtype);
    void (*put)(void *context, const char *octets, size_t n);
    const char *(*close)(void *context); /* the path, valid until the next open; NULL if it could not be written */
    void *context;
};

/* A growing text; the caller allocates it, zeroed, and frees p. */
struct render_text {
    char *p;
    size_t n, size;
    bool failed; /* memory ran out: what is there is worth nothing */
};

/*
 * Adds the message to text, as an object of JSON on one line (RFC 8259), valid
 * UTF-8 whatever the octets are; attach may be NULL.  False if an attachment
 * could not be written.
 */
bool render_json(struct render_text *text, const struct render_message *m, const struct render_attach *attach);

/* The same for the attachments alone.  *failed if memory ran out. */
bool render_attachments(const struct render_message *m, const struct render_attach *attach, bool *failed);

/*
 * Adds it as a person reads it: who and what, the decoded text, a line for each
 * attachment, an empty line.  The same message gives the same octets, and
 * nothing in it can drive a terminal.
 */
void render_text(struct render_text *text, const struct render_message *m);

#endif
