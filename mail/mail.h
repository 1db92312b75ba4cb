/* SPDX-License-Identifier: ISC */
/*
 * mail.h - a mail: its envelope, and what its octets mean to people and programs.
 *
 * struct mail goes from MAIL to JSON.  Its octets are opened as a struct message
 * when they are complete; matching, lint, JSON and text read that.
 */
#ifndef MAIL_MAIL_H
#define MAIL_MAIL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"
#include "base/problem.h"

/* ---- mail ---- */

enum { MAIL_EXPECTATIONS_MAX = 64 /* each is a bit of mail->fits */ };

struct match;

struct mail_recipient {
    struct span address; /* the forward-path without brackets and source route */
    struct span params;  /* the parameters as sent */
};

enum { MAIL_HEAD_MAX = 8192 /* octets of a mail that its subject is looked for in, to list it */ };

/* The caller allocates it, zeroed.  Text about the client is borrowed from its session. */
struct mail {
    uint64_t n;       /* its number in the run, from 1 */
    int64_t time;     /* milliseconds since 1970 */
    uint64_t size;    /* octets, with line ends of CRLF; RFC 1870 5 */
    const char *file; /* NULL: it is in no file */
    /* the client; "" or p NULL where something is not known */
    const char *address;
    uint16_t port;
    struct span helo;
    const char *protocol;       /* in the words of RFC 3848 */
    struct span user;           /* authenticated as this one */
    const struct tls_peer *tls; /* NULL without TLS */
    struct span argv;           /* the arguments of its command line, each with a NUL; n 0: none */
    uint64_t session;           /* the number of its session, */
    struct span dialogue;       /* and lines of it, "C: NOOP"; n 0: none are kept */
    /* the envelope */
    struct span sender, sender_params; /* the parameters as sent */
    struct mail_recipient *recipients;
    size_t n_recipients;
    bool utf8;   /* SMTPUTF8 was given (RFC 6531) */
    bool binary; /* BODY=BINARYMIME was given (RFC 3030) */
    /* the verdict */
    struct problems problems;   /* of this mail, and of its session since the one before */
    uint64_t present;           /* bits of the matches whose field it has */
    uint64_t fits;              /* bits of the expectations that it counts for */
    const struct match *failed; /* the first to fail of the closest expectation that it does not fit; NULL: none */
    struct span had;            /* the value that failed saw, */
    bool has_none;              /* unless there was none */
    /* memory of the envelope, for mail.c only */
    size_t recipients_size;
    char *words;
    size_t words_n, words_size;
};

/* Begins a mail from this reverse-path; both texts are copied.  m keeps its memory from one mail to the next.  False if
   there is no memory. */
bool mail_begin(struct mail *m, struct span sender, struct span params);

/* Adds a forward-path; both texts are copied.  False if there is no memory. */
bool mail_add_recipient(struct mail *m, struct span address, struct span params);

/* Removes recipients; kept has a bool for each. */
void mail_keep_recipients(struct mail *m, const bool *kept);

/* Takes the first argument off the front of argv, which is not empty. */
static inline struct span mail_take_argument(struct span *argv)
{
    struct span first = {argv->p, strnlen(argv->p, argv->n)};
    span_skip(argv, first.n < argv->n ? first.n + 1 : first.n);
    return first;
}

void mail_close(struct mail *m);

/* ---- message ---- */

/* The octets of a mail, opened.  No octets are an error: what is odd is noted as a problem. */
struct message;
struct part; /* lasts as long as its message is open */

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

/* Once another thread sets *stop, the message is read no further, and what has been made from it is worthless. */
void message_stop_on(struct message *m, const atomic_bool *stop);

/* Gives `forget` the octets of a large part once they are decoded; they are unlikely to be read again. */
void message_forget_by(struct message *m, struct sink forget);

/* Whether memory ran out while it was read, so that what was made of it is not to be trusted. */
bool message_failed(const struct message *m);

/* The attachment after this part, in the order of the message; the first after NULL.  NULL if there is none. */
struct part *message_next_attachment(const struct message *m, const struct part *after);

/* Gives the file name of an attachment.  It may hold anything, even slashes and NUL.  False if it has none. */
bool message_filename(struct message *m, const struct part *part, struct sink to);

/* The suffix that suits a file of the type of a part, as written; it may hold anything. */
struct span message_suffix(const struct part *part);

enum {
    MESSAGE_FILE_NAME_MAX = 128, /* octets of the name of a file for an attachment, with a NUL */
    MESSAGE_DIGEST_MAX = 65,     /* and of a SHA-256 in hexadecimal */
};

/* Writes the name of a file for an attachment of message n, "0001-report.pdf": the part of the client's name that can
   do no harm in a shell, a terminal or a path.  False if there is no memory. */
bool message_file_name(struct message *m, const struct part *part, uint64_t n, char file[MESSAGE_FILE_NAME_MAX]);

/* Gives the octets of an attachment, with its transfer encoding undone, and notes its size. */
void message_octets(struct message *m, struct part *part, struct sink to);

/* Writes their SHA-256.  Returns how many they are. */
uint64_t message_digest(struct message *m, struct part *part, char hex[MESSAGE_DIGEST_MAX]);

/* Notes the file that an attachment has been saved in, for JSON.  path is borrowed. */
void message_set_path(struct part *part, const char *path);

/* Gives the text of the first header field of this name, without opening the message; octets may be only its beginning.
   False if there is none. */
bool message_field(struct span octets, const char *name, struct sink to);

/* Takes the next address off the front of a list (RFC 5322 3.4), and adds it without comments and folds; nothing if
   there is only a name, or <>.  False if there is none. */
bool message_take_address(struct span *list, struct text *to);

/* ---- lint ---- */

/* Decodes a whole message, and adds its problems to mail->problems; those of its lines are noted by the engine.
   render_json() does this too. */
void lint(struct message *m, struct mail *mail);

/* ---- match ---- */

enum { MATCH_MAX = 64 };

enum match_kind {
    MATCH_FIELD, /* of the header */
    MATCH_HEADER,
    MATCH_MAIL_FROM,
    MATCH_RCPT_TO,
    MATCH_BODY,
    MATCH_TEXT,
    MATCH_HTML,
    MATCH_ATTACHMENT,
    MATCH_CLIENT_HELO,
    MATCH_CLIENT_ADDRESS,
    MATCH_CLIENT_AUTH,
    MATCH_CLIENT_TLS,
};

/* --match 'FIELD: REGEX': a message counts only if it matches. */
struct match {
    const char *text;     /* as it was given; borrowed */
    bool inverted;        /* --not: only if it does not */
    unsigned expectation; /* that it belongs to, from 0 */
    struct span field;
    enum match_kind kind;
    struct regex *regex;
};

/* The word at this place of the list of fields that are no header fields; NULL after the last one. */
const char *match_word(size_t place);

/*
 * Parses FIELD: REGEX: a header field or a word such as body, and a regular
 * expression; case does not matter.  text is borrowed.  0; or -1: *why says what
 * was expected *at a place in it, and is NULL if memory ran out.
 */
int match_parse(struct match *m, const char *text, const char **at, const char **why);

/* How many steps each octet of a text may take in all of them; some nanoseconds each. */
uint64_t match_steps(const struct match *matches, size_t n);

void match_close(struct match *m);

/* The option that a match was given with. */
static inline const char *match_option(const struct match *m) { return m->inverted ? "--not" : "--match"; }

/*
 * Takes from mail->fits the expectations that the message does not fit, and sets
 * mail->present, failed, had and has_none.  had keeps the text of mail->had, as
 * people read it.  If memory runs out, had->failed is set, and the result means
 * nothing.
 */
void match_all(const struct match *matches, size_t n, struct message *m, struct mail *mail, struct text *had);

/* ---- json, text ---- */

/* Adds a message as an object of JSON on one line (RFC 8259), valid UTF-8 whatever the octets are.  Its problems are
   added to mail->problems first. */
void render_json(struct text *text, struct mail *mail, struct message *m);

/* Adds octets, with \xHH for those that a person cannot be shown.  Line ends and tabs stay, except in_line. */
void render_visible(struct text *text, struct span octets, bool in_line);

/*
 * Adds a message as people read it: envelope, addresses, subject, the decoded
 * text, a line for each attachment, an empty line.  The same message gives the
 * same octets, and nothing in it can drive a terminal.
 */
void render_text(struct text *text, const struct mail *mail, struct message *m);

/* ---- page ---- */

/*
 * A page of HTML is the pieces of page_begin(), messages, and page_end().  It is
 * valid UTF-8 without controls, and nothing in a message can end what it stands
 * in, run, load anything, or leave its frame.
 */

/* A piece of the beginning, from 0; n 0 after the last one.  single: for render_single_page(). */
struct span page_begin(bool single, unsigned piece);

/* A browser loads each frame of a page, opened or not, which takes it some milliseconds.  So few messages have one.  In
   the others, both tags are renamed to an element that browsers do not know, and a remark is shown.  page_template.c
   has both names, too. */
enum { PAGE_FRAMES_MAX = 20 };
#define PAGE_FRAME_NAME "iframe" /* page_template.c has both, too */
#define PAGE_NO_FRAME_NAME "x-html"

/* Finds where the name of the element is in both tags of a message in a page.  False if it has none. */
bool page_find_frame(struct span message, size_t *begin, size_t *end);

/* Adds a message after lint().  expectations: how many there are; 0: messages need not match. */
void render_page(struct text *text, const struct mail *mail, struct message *m, size_t expectations);

/* Adds a whole page of this message alone, without a verdict. */
void render_single_page(struct text *text, const struct mail *mail, struct message *m, size_t expectations);

/* The verdict. */
struct page_end {
    int status;          /* 0: as expected; over 128: interrupted */
    struct span reason;  /* n 0: none */
    struct span rows;    /* each is "+" if it is met, else "-"; what was expected; NUL; what came; NUL */
    struct span remarks; /* lines */
};

void page_end(struct text *text, const struct page_end *end);

#endif
