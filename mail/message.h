/*
 * message.h - what the parts of a message are to a reader: which one is its
 * text, which one its HTML, which ones are attachments.
 */
#ifndef MESSAGE_H
#define MESSAGE_H

#include "base/text.h"
#include "mail/mime.h"

enum { MESSAGE_NONE = -1 };

/* The caller allocates it; mime and the parts in p are for its eyes. */
struct message {
    struct mime mime;
    struct message_part {
        struct mime_part p;
        /* of a multipart/related */
        ptrdiff_t root;    /* the part that the others belong to, MESSAGE_NONE if it has no part; */
        struct text start; /* the Content-ID of that part, where it is named, */
        bool root_named;   /* and was found */
    } * p;                 /* in the order of the message; the first is the message itself */
    size_t n, size;
    ptrdiff_t text, html; /* places of these, MESSAGE_NONE if there are none */
};

/* Reads the octets of a message, which are borrowed.  False if there is no memory; close it all the same. */
bool message_open(struct message *m, struct span octets);
void message_close(struct message *m);

/* Whether the part in this place is an attachment: no multipart, not the text nor the HTML, not in an attachment. */
bool message_is_attachment(const struct message *m, size_t place);

/* Where what is decoded is added to a text. */
struct mime_sink message_into(struct text *t);

/* The header of the message itself. */
static inline struct span message_header(const struct message *m) { return m->p[0].p.header; }

#endif
