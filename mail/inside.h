/*
 * inside.h - what the files of mail/ share.
 */
#ifndef MAIL_INSIDE_H
#define MAIL_INSIDE_H

#include <iconv.h>

#include "mail/mail.h"

/* ---- mime text ---- */

/*
 * what the parts of mime.h share: noting problems, blanks and
 * comments, and octets on their way through transfer encodings, charsets and
 * encoded words into a sink.
 */

static inline void mime_note(struct mime *m, enum problem problem) { problems_add(&m->problems, problem); }

static inline void mime_put(struct mime_sink to, const char *octets, size_t n)
{
    if (n > 0)
        to.put(to.context, octets, n);
}

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
void mime_undo_base64(struct mime *m, struct span t, struct mime_sink to);
void mime_undo_quoted_printable(struct mime *m, struct span t, struct mime_sink to);

/* The octets of a charset on their way to a sink that gets UTF-8, and a character only whole. */
struct mime_charset {
    struct mime *m;
    struct mime_sink to;
    iconv_t cd; /* where coding is ICONV; it is in no state that mime_charset_flush() does not end */
    enum { MIME_UTF8, MIME_ICONV, MIME_UNKNOWN } coding;
    enum problem malformed; /* what it is called if octets are no character */
    bool ascii;             /* nothing with 8 bits was promised */
    size_t unit;            /* octets to skip where they are no character */
    size_t n;
    char octets[256]; /* not converted yet */
    size_t held;
    char utf8[4]; /* the beginning of a character */
};

/* Name as a client may have written it; empty: UTF-8 is tried. */
void mime_charset_open(struct mime_charset *c, struct mime *m, struct span name, struct mime_sink to);
void mime_charset_put(void *charset, const char *octets, size_t n);
/* What was put is all of a text; another may follow. */
void mime_charset_flush(struct mime_charset *c);
void mime_charset_close(struct mime_charset *c);

/* Text with encoded words (RFC 2047), put in pieces that end between words. */
struct mime_words {
    struct mime *m;
    struct mime_sink to;
    struct mime_charset raw, word;
    struct span charset; /* what word is open for; p NULL: it is not */
    struct span blanks;  /* held back behind an encoded word, as another may follow */
    bool after_word;
    bool decoded; /* there was an encoded word */
};

/* How many octets the encoded word takes that t begins with; 0: there is none. */
size_t mime_word_length(struct span t);

void mime_words_open(struct mime_words *w, struct mime *m, struct mime_sink to);
/* Without folds; where escaped, without the backslashes of a quoted string. */
void mime_words_put(struct mime_words *w, struct span t, bool escaped);
void mime_words_close(struct mime_words *w);

#endif
