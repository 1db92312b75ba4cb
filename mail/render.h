/*
 * render.h - a message as JSON, for jq, and as text, for people, grep and diff.
 */
#ifndef RENDER_H
#define RENDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"
#include "mail/mail.h"
#include "mail/message.h"

/* Where attachments are written to; all functions get context. */
struct render_attach {
    /* name is decoded, and may hold anything; n 0: there is none.  Spans live for this call. */
    void (*open)(void *context, uint64_t message, struct span name, struct span type, struct span subtype);
    void (*put)(void *context, const char *octets, size_t n);
    const char *(*close)(void *context); /* the path, valid until the next open; NULL if it could not be written */
    void *context;
};

/*
 * Adds the message to text, as an object of JSON on one line (RFC 8259), valid
 * UTF-8 whatever the octets are; attach may be NULL.  What is odd about it is
 * added to mail->problems first.  False if an attachment could not be written.
 */
bool render_json(struct text *text, struct mail *mail, struct message *m, const struct render_attach *attach);

/* The same for the attachments alone.  *failed if memory ran out. */
bool render_attachments(const struct mail *mail, struct message *m, const struct render_attach *attach, bool *failed);

/*
 * Adds it as a person reads it: who and what, the decoded text, a line for each
 * attachment, an empty line.  The same message gives the same octets, and
 * nothing in it can drive a terminal.
 */
void render_text(struct text *text, const struct mail *mail, struct message *m);

#endif
