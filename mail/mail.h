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

/* ---- message ---- */

/*
 * The octets of a mail, read as people and programs mean them: header fields,
 * parts, attachments.  Nothing in them is an error: there is a reading of any
 * octets, and what is odd is noted as a problem.  Time is linear in the size
 * of the message.
 */

struct message;
struct part; /* of a message; it lasts as long as the message is open */

/* Where decoded octets go.  put is never called with n 0; of text it gets only whole characters of UTF-8. */
struct sink {
    void (*put)(void *context, const char *octets, size_t n);
    void *context;
};

/* A sink that adds to a text. */
struct sink message_into(struct text *t);

/* Reads the octets of a message, which are borrowed.  NULL if there is no memory. */
struct message *message_open(struct span octets);
void message_close(struct message *m); /* m may be NULL */

/* The attachment after this part, in the order of the message; the first after NULL.  NULL if there is none. */
struct part *message_next_attachment(const struct message *m, const struct part *after);

/* Gives the file name of an attachment.  It may hold anything, even slashes and NUL.  False if it has none. */
bool message_filename(struct message *m, const struct part *part, struct sink to);

/* The suffix that suits a file of the type of a part, as written; it may hold anything. */
struct span message_suffix(const struct part *part);

/* Gives the octets of an attachment, with its transfer encoding undone. */
void message_octets(struct message *m, const struct part *part, struct sink to);

/* Tells JSON in which file an attachment has been saved.  path is borrowed. */
void message_set_path(struct part *part, const char *path);

/*
 * Gives the text of the first header field of this name in a message, or in the
 * beginning of one, without opening it.  False if there is none.
 */
bool message_field(struct span octets, const char *name, struct sink to);

/* ---- lint ---- */

/*
 * Decodes all of a message, and adds what is odd about it, its header and its
 * lines to mail->problems.  JSON holds this already: render_json() does it too.
 */
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
