/*
 * mime.h - reading a message as people and programs mean it: RFC 5322 header
 * fields, RFC 2047 encoded words, addresses, dates, RFC 2045/2046 parts and
 * their encodings, RFC 2231 parameters, charsets.  Lines may end in CRLF or LF.
 *
 * A message is read in place: what is found are spans into it, and nothing is
 * copied or allocated.  What has to be decoded is pushed into a sink, piece by
 * piece, as UTF-8 or as the octets of an attachment.  Nothing here fails:
 * whatever a client has sent, there is a reading of it, and what is odd is
 * noted as a problem.  Time is linear in the size of the message, memory
 * constant.
 *
 * A span that is handed in lies in the message, or anywhere else that lasts;
 * it may be empty, with p NULL.
 */
#ifndef MIME_H
#define MIME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/problem.h"
#include "base/span.h"

enum {
    MIME_HEADER_MAX = 1024 * 1024, /* octets of one header that are read */
    MIME_PARTS_MAX = 1000,         /* parts of a message that are told apart */
    MIME_DEPTH_MAX = 100,          /* parts within parts, the message itself among them */
    MIME_SEGMENTS_MAX = 128,       /* RFC 2231 3: pieces of one parameter */
    MIME_CHARSETS_MAX = 2000,      /* charsets opened, one after the other: that takes its time */
};

/* Where decoded octets go; never called with n 0, and with text a character is whole. */
struct mime_sink {
    void (*put)(void *context, const char *octets, size_t n);
    void *context;
};

/* A header field: spans into the header; the value with its folds, without the line end. */
struct mime_field {
    struct span name, value;
};

/* A message, or a part of one. */
struct mime_part {
    /* MESSAGE: message/rfc822 or message/global, whose own header and parts come next */
    enum { MIME_LEAF, MIME_MULTIPART, MIME_MESSAGE } kind;
    unsigned depth;            /* 0: the message itself */
    size_t parent;             /* place, in the order of mime_next(), of the part that holds it; of the first, 0 */
    struct span header;        /* without the blank line */
    struct span body;          /* without the line end that belongs to a boundary; of a MULTIPART, and of a MESSAGE in a
                                  MESSAGE, what is behind it as well, to the end of the outermost MESSAGE */
    struct span type, subtype; /* of Content-Type, as written; "text" "plain" (or, in a digest, "message" "rfc822")
                                  that last where there is none; "text" "plain" where it is malformed */
    struct span content_type, disposition; /* the whole values of these fields, as written; p NULL: there is none */
    struct span encoding;                  /* Content-Transfer-Encoding, without blanks and comments; n 0: none */
    struct span id;                        /* Content-ID without brackets; p NULL: none */
    struct span handling;                  /* the first word of disposition, as written; n 0: none */
    bool attachment;                       /* it is attachment */
};

/* A line that begins with the boundary of a multipart. */
struct mime_delimiter {
    const char *line, *after; /* where it begins, and where the next one does */
    int level;                /* which open multipart it belongs to; -1: there is no such line up to the end */
    bool close;
};

/* The caller allocates it.  Only message and problems are for its eyes. */
struct mime {
    struct span message;
    struct problems problems; /* what is odd, as far as it has been read */
    unsigned charsets;        /* opened so far */
    bool crlf, lf;            /* lines that ended so */
    /* what mime_next() goes by */
    const char *next;  /* the header of the next part; NULL: no more */
    const char *limit; /* where what is being read ends */
    size_t parts, parent;
    unsigned depth;
    bool digest;                  /* the next part is a digest's */
    bool within;                  /* a MESSAGE, which beyond ends */
    struct mime_delimiter beyond; /* level -1: it lasts to the end of everything */
    unsigned open;
    struct mime_multipart {
        struct span boundary;
        size_t place;
        unsigned depth;
        bool digest;
    } stack[MIME_DEPTH_MAX];
};

/* Begins to read a message, which is borrowed. */
void mime_open(struct mime *m, struct span message);

/* The next part, in the order of the message; the first is the message itself, even of nothing.  False if there is no
   more. */
bool mime_next(struct mime *m, struct mime_part *part);

/* Takes the next field off the front of a header (or what is left of it); false if there is none. */
bool mime_take_field(struct mime *m, struct span *header, struct mime_field *field);

/* The first field of this name, in any case; false if there is none. */
bool mime_find_field(struct mime *m, struct span header, const char *name, struct mime_field *field);

/* A value as people read it: unfolded, encoded words decoded (RFC 2047, adjacent ones joined before their charset is
   undone), valid UTF-8, blanks at the ends left out.  What is encoded may decode to controls. */
void mime_text(struct mime *m, struct span value, struct mime_sink to);

/* An address of a list.  Spans into the value; name as written (it may be quoted, a comment, or hold encoded words):
   mime_name() gives it as people read it; p NULL if there is none.  address as written; n 0 where a name is all there
   is, and for <>. */
struct mime_address {
    struct span name, address;
};

/* Takes the next address off the front of a list (RFC 5322 3.4): groups are opened, comments skipped, and a comment
   behind a bare address is its name; false if there is none. */
bool mime_take_address(struct mime *m, struct span *list, struct mime_address *address);
void mime_name(struct mime *m, struct span name, struct mime_sink to);
/* The address itself without comments, folds and blanks around its dots and @, as UTF-8. */
void mime_addr_spec(struct mime *m, struct span address, struct mime_sink to);

/* A date (RFC 5322 3.3, 4.3), as YYYY-MM-DDTHH:MM:SS+HH:MM with a NUL; false if it is none.  -0000, and a zone that
   says nothing, give -00:00. */
bool mime_date(struct mime *m, struct span value, char text[32]);

/*
 * A parameter of Content-Type or Content-Disposition, decoded (RFC 2231, with RFC 2047 where that is abused); false,
 * and nothing put, if there is none.
 */
bool mime_param(struct mime *m, struct span value, const char *name, struct mime_sink to);

/* The name of an attachment: filename of Content-Disposition, else name of Content-Type; false if it has none.  It may
   hold anything, slashes and NUL among it. */
bool mime_filename(struct mime *m, const struct mime_part *part, struct mime_sink to);

/* The octets of a leaf, with its transfer encoding undone; of a MESSAGE that is not in another, as they are. */
void mime_octets(struct mime *m, const struct mime_part *part, struct mime_sink to);

/* The text of a leaf as valid UTF-8: its transfer encoding and charset undone, lines ending in LF. */
void mime_body_text(struct mime *m, const struct mime_part *part, struct mime_sink to);

#endif
