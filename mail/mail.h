/*
 * mail.h - a mail as people and programs mean it.
 */
#ifndef MAIL_MAIL_H
#define MAIL_MAIL_H

#include <regex.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"
#include "base/problem.h"

/* ---- mail ---- */

/*
 * what is known of a message beside its octets: where it came from,
 * its envelope, and what has been found out about it.
 */

struct mail_recipient {
    struct span address; /* the forward-path without brackets and source route */
    struct span params;  /* the parameters as sent */
};

/*
 * From MAIL to JSON there is one of it.  What the client said of itself is
 * borrowed from its session.
 */
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
    struct mail_recipient *recipients;
    size_t n_recipients;
    bool utf8;   /* SMTPUTF8 was given (RFC 6531) */
    bool binary; /* BODY=BINARYMIME was given (RFC 3030) */
    /* what has been found out */
    struct problems problems; /* of the session since the message before, and of this one */
    const char *failed;       /* the --match that it fails, NULL: it counts; */
    struct span had;          /* and what it has instead, */
    bool has_none;            /* if it has any such thing */
    /* memory of the envelope, for mail.c only */
    size_t recipients_size;
    char *words;
    size_t words_n, words_size;
};

/*
 * Begins a mail from this reverse-path; both texts are copied.  m was zeroed
 * before its first use, and keeps its memory from one mail to the next.  False
 * if there is no memory.
 */
bool mail_begin(struct mail *m, struct span sender, struct span params);

/* Adds a forward-path; both texts are copied.  False if there is no memory. */
bool mail_add_recipient(struct mail *m, struct span address, struct span params);

/* Leaves only those recipients that are kept: one bool for each. */
void mail_keep_recipients(struct mail *m, const bool *kept);

void mail_close(struct mail *m);

/* ---- mime ---- */

/*
 * reading a message as people and programs mean it: RFC 5322 header
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

/* ---- message ---- */

/*
 * what the parts of a message are to a reader: which one is its
 * text, which one its HTML, which ones are attachments.
 */

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
        const char *saved; /* the file that it was written to, as an attachment; NULL: none; borrowed */
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

/* ---- lint ---- */

/*
 * what is odd about a message that a client sent: all of it, in one
 * set.
 */

/*
 * Decodes all that there is to decode, so that what is odd about that has been
 * noted.  Whoever writes a message as JSON has done so.
 */
void lint_decode(struct message *m);

/* Adds what has been noted in the reading of the message, and what its header and its lines lack, to mail->problems. */
void lint(struct message *m, struct mail *mail);

/* ---- match ---- */

/*
 * what a message must be like to count: --match 'FIELD: REGEX'.
 */

enum {
    MATCH_MAX = 64,
    MATCH_WHY_MAX = 160,         /* octets of a complaint, with a NUL */
    MATCH_LINE_MAX = 256 * 1024, /* octets of a line of the body that are looked at as one */
    MATCH_OVERLAP = 4096,        /* octets that two pieces of a longer one share */
    MATCH_VALUE_SHOWN = 100,     /* octets of the body that are told of as its value */
};

/* The caller allocates it. */
struct match {
    const char *text; /* as it was given; borrowed */
    struct span field;
    enum match_kind { MATCH_HEADER, MATCH_MAIL_FROM, MATCH_RCPT_TO, MATCH_BODY, MATCH_ATTACHMENT } kind;
    regex_t regex;
};

/*
 * Parses FIELD: REGEX: a header field, mail-from, rcpt-to, body or attachment,
 * and a POSIX extended regular expression; case does not matter.  text is
 * borrowed.  0; or -1, and why says what was expected, *at where.
 */
int match_parse(struct match *m, const char *text, const char **at, char why[MATCH_WHY_MAX]);
void match_close(struct match *m);

/*
 * The first of n that the message fails, NULL if it fails none; had is given
 * the value that it has instead, as people read it, or *none set where it has no
 * such thing.  failed is set in had where memory ran out: then nothing is known.
 */
const struct match *match_failed(const struct match *matches, size_t n, struct message *m, const struct mail *mail,
                                 struct text *had, bool *none);

/* ---- render ---- */

/*
 * a message as JSON, for jq, and as text, for people, grep and diff.
 */

/*
 * Adds the message to text, as an object of JSON on one line (RFC 8259), valid
 * UTF-8 whatever the octets are.  What is odd about it is added to
 * mail->problems first.
 */
void render_json(struct text *text, struct mail *mail, struct message *m);

/*
 * Adds it as a person reads it: who and what, the decoded text, a line for each
 * attachment, an empty line.  The same message gives the same octets, and
 * nothing in it can drive a terminal.
 */
void render_text(struct text *text, const struct mail *mail, struct message *m);

#endif
