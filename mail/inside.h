/*
 * inside.h - what the files of mail/ share.
 *
 * RFC 5322 header fields, RFC 2047 encoded words, addresses, dates, RFC
 * 2045/2046 parts and their encodings, RFC 2231 parameters, charsets.  Lines
 * may end in CRLF or LF.
 *
 * A message is read in place: what is found are spans into it, and nothing is
 * copied.  What has to be decoded is pushed into a sink, piece by piece.
 * Functions that take a message note in it what is odd.  A span that is handed
 * in lies in the message, or anywhere else that lasts; it may be empty, with p
 * NULL.
 */
#ifndef MAIL_INSIDE_H
#define MAIL_INSIDE_H

#include <iconv.h>

#include "mail/mail.h"

enum {
    MIME_HEADER_MAX = 1024 * 1024, /* octets of one header that are read */
    MIME_PARTS_MAX = 1000,         /* parts of a message that are told apart */
    MIME_DEPTH_MAX = 100,          /* parts within parts, the message itself among them */
    MIME_SEGMENTS_MAX = 128,       /* RFC 2231 3: pieces of one parameter */
    MIME_CHARSETS_MAX = 2000,      /* charsets opened, one after the other: that takes its time */
};

/* A header field: spans into the header; the value with its folds, without the line end. */
struct field {
    struct span name, value;
};

struct part {
    /* MESSAGE: message/rfc822 or message/global, whose own header and parts come next */
    enum { PART_LEAF, PART_MULTIPART, PART_MESSAGE } kind;
    unsigned depth;            /* 0: the message itself */
    size_t parent;             /* place of the part that holds it; of the message itself, 0 */
    struct span header;        /* without the blank line */
    struct span body;          /* without the line end that belongs to a boundary; of a MULTIPART, and of a MESSAGE in a
                                  MESSAGE, what comes after it as well, to the end of the outermost MESSAGE */
    struct span type, subtype; /* of Content-Type, as written; "text" "plain" (or, in a digest, "message" "rfc822")
                                  where there is none; "text" "plain" where it is malformed */
    struct span content_type, disposition; /* the whole values of these fields, as written; p NULL: there is none */
    struct span encoding;                  /* Content-Transfer-Encoding, without blanks and comments; n 0: none */
    struct span id;                        /* Content-ID without brackets; p NULL: none */
    struct span handling;                  /* the first word of disposition, as written; n 0: none */
    bool attachment;                       /* handling is attachment */
    /* what it is to a reader */
    size_t root;      /* of a multipart/related: place of the part that the others belong to; 0: none */
    bool shown;       /* it is in what a reader sees first, not in an attachment or in another message */
    bool inner;       /* it is in a message that is a part, which is an attachment as a whole */
    const char *path; /* the file that it was saved in, as an attachment; NULL: none; borrowed */
};

struct message {
    struct span octets;
    struct problems problems; /* what is odd, as far as it has been read and decoded */
    unsigned charsets;        /* opened so far */
    struct part *parts;       /* in the order of the message; the first is the message itself */
    size_t n, size;
    struct part *text, *html; /* among parts; NULL: there is none */
};

static inline void message_note(struct message *m, enum problem problem) { problems_add(&m->problems, problem); }

/* The text of a leaf as valid UTF-8: its transfer encoding and charset undone, lines ending in LF. */
void message_body_text(struct message *m, const struct part *part, struct sink to);

/* Adds what has been noted in a message that has been decoded, and what its header and its lines lack, to
   mail->problems. */
void lint_decoded(struct message *m, struct mail *mail);

static inline void sink_put(struct sink to, const char *octets, size_t n)
{
    if (n > 0)
        to.put(to.context, octets, n);
}

/* ---- mime ---- */

/* Finds the parts of m->octets.  False if there is no memory. */
bool mime_read(struct message *m);

/* Whether a transfer encoding leaves octets as they are. */
bool mime_is_identity(struct span encoding);

/* The header of m->octets. */
struct span mime_header(struct message *m);

/* Takes the next field off the front of a header (or what is left of it); false if there is none. */
bool mime_take_field(struct message *m, struct span *header, struct field *field);

/* The first field of this name, in any case; false if there is none. */
bool mime_find_field(struct message *m, struct span header, const char *name, struct field *field);

/* A value as people read it: unfolded, encoded words decoded (RFC 2047, adjacent ones joined before their charset is
   undone), valid UTF-8, blanks at the ends left out.  What is encoded may decode to controls. */
void mime_text(struct message *m, struct span value, struct sink to);

/* An address of a list.  Spans into the value; name as written (it may be quoted, a comment, or hold encoded words):
   mime_name() gives it as people read it; p NULL if there is none.  address as written; n 0 where a name is all there
   is, and for <>. */
struct address {
    struct span name, address;
};

/* Takes the next address off the front of a list (RFC 5322 3.4): groups are opened, comments skipped, and a comment
   behind a bare address is its name; false if there is none. */
bool mime_take_address(struct message *m, struct span *list, struct address *address);
void mime_name(struct message *m, struct span name, struct sink to);
/* The address itself without comments, folds and blanks around its dots and @, as UTF-8. */
void mime_addr_spec(struct message *m, struct span address, struct sink to);

/* A date (RFC 5322 3.3, 4.3), as YYYY-MM-DDTHH:MM:SS+HH:MM with a NUL; false if it is none.  -0000, and a zone that
   says nothing, give -00:00. */
bool mime_date(struct message *m, struct span value, char text[32]);

/*
 * A parameter of Content-Type or Content-Disposition, decoded (RFC 2231, with RFC 2047 where that is abused); false,
 * and nothing put, if there is none.
 */
bool mime_param(struct message *m, struct span value, const char *name, struct sink to);

static inline bool mime_is_break(char c) { return c == '\r' || c == '\n'; }
static inline bool mime_is_blank(char c) { return c == ' ' || c == '\t' || mime_is_break(c); }

/* The same, with somewhere to point to if it is empty. */
static inline struct span mime_some(struct span t) { return t.p != NULL ? t : (struct span){"", 0}; }

/* The same without blanks and folds at its ends. */
struct span mime_trim(struct span t);

/* Takes a comment with those in it (RFC 5322 3.2.2), at whose parenthesis t begins; it need not end. */
struct span mime_take_comment(struct span *t);

/* Takes blanks, folds and comments. */
void mime_skip_cfws(struct span *t);

/* Takes a token (RFC 2045 5.1), perhaps an empty one. */
struct span mime_take_token(struct span *t);

/* RFC 2045 6.8, and quoted-printable (6.7). */
void mime_undo_base64(struct message *m, struct span t, struct sink to);
void mime_undo_quoted_printable(struct message *m, struct span t, struct sink to);

/* The octets of a charset on their way to a sink that gets UTF-8, and a character only whole. */
struct charset {
    struct message *m;
    struct sink to;
    iconv_t cd; /* where coding is ICONV; it is in no state that mime_charset_flush() does not end */
    enum { CHARSET_UTF8, CHARSET_ICONV, CHARSET_UNKNOWN } coding;
    enum problem malformed; /* what it is called if octets are no character */
    bool ascii;             /* nothing with 8 bits was promised */
    size_t unit;            /* octets to skip where they are no character */
    size_t n;
    char octets[256]; /* not converted yet */
    size_t held;
    char utf8[4]; /* the beginning of a character */
};

/* Name as a client may have written it; empty: UTF-8 is tried. */
void mime_charset_open(struct charset *c, struct message *m, struct span name, struct sink to);
void mime_charset_put(void *charset, const char *octets, size_t n);
/* What was put is all of a text; another may follow. */
void mime_charset_flush(struct charset *c);
void mime_charset_close(struct charset *c);

/* Text with encoded words (RFC 2047), put in pieces that end between words. */
struct words {
    struct message *m;
    struct sink to;
    struct charset raw, word;
    struct span charset; /* what word is open for; p NULL: it is not */
    struct span blanks;  /* held back behind an encoded word, as another may follow */
    bool after_word;
    bool decoded; /* there was an encoded word */
};

/* How many octets the encoded word takes that t begins with; 0: there is none. */
size_t mime_word_length(struct span t);

void mime_words_open(struct words *w, struct message *m, struct sink to);
/* Without folds; where escaped, without the backslashes of a quoted string. */
void mime_words_put(struct words *w, struct span t, bool escaped);
void mime_words_close(struct words *w);

#endif
