/*
 * problem.h - the problems a client can cause, in the protocol, the envelope
 * and the message, as one list.
 */
#ifndef BASE_PROBLEM_H
#define BASE_PROBLEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum problem {
    /* lines of a message */
    PROBLEM_NUL,
    PROBLEM_BARE_CR,
    PROBLEM_BARE_LF,
    PROBLEM_MIXED_LINES, /* where it is not known which line ends were on the wire */
    PROBLEM_LONG_LINE,
    PROBLEM_8BIT_DATA,
    /* header fields */
    PROBLEM_ENVELOPE_LINE, /* "From ", as in an mbox */
    PROBLEM_NO_COLON,
    PROBLEM_BLANK_BEFORE_COLON,
    PROBLEM_STRAY_FOLD,
    PROBLEM_NO_BLANK_LINE,
    PROBLEM_LARGE_HEADER,
    PROBLEM_DUPLICATE_FIELD,
    PROBLEM_8BIT_HEADER, /* 8-bit octets that are not UTF-8 */
    PROBLEM_UTF8_HEADER,
    PROBLEM_NO_DATE,
    PROBLEM_NO_FROM,
    PROBLEM_NO_SENDER,
    PROBLEM_NO_ADDRESS,
    PROBLEM_NO_MESSAGE_ID,
    PROBLEM_MESSAGE_ID,
    PROBLEM_BCC,
    PROBLEM_RETURN_PATH,
    PROBLEM_NO_MIME_VERSION,
    /* encoded words and charsets */
    PROBLEM_ENCODED_WORD,
    PROBLEM_LONG_ENCODED_WORD,
    PROBLEM_UNKNOWN_CHARSET,
    PROBLEM_TOO_MANY_CHARSETS,
    PROBLEM_UNDECODABLE,
    PROBLEM_UNDECLARED_8BIT,
    /* transfer encodings */
    PROBLEM_UNKNOWN_ENCODING,
    PROBLEM_BASE64,
    PROBLEM_BASE64_PADDING,
    PROBLEM_QUOTED_PRINTABLE,
    PROBLEM_LONG_ENCODED_LINE,
    /* parts */
    PROBLEM_CONTENT_TYPE,
    PROBLEM_NO_BOUNDARY,
    PROBLEM_LONG_BOUNDARY,
    PROBLEM_NO_PARTS,
    PROBLEM_UNCLOSED,
    PROBLEM_ENCODED_MULTIPART,
    PROBLEM_ENCODED_MESSAGE,
    PROBLEM_TOO_MANY_PARTS,
    PROBLEM_TOO_DEEP,
    /* parameters */
    PROBLEM_PARAMETER,
    PROBLEM_PARAMETER_WORD, /* an encoded word in it */
    PROBLEM_PARAMETER_SEGMENT,
    PROBLEM_PARAMETER_CODING,
    /* addresses and dates */
    PROBLEM_ADDRESS,
    PROBLEM_NO_COMMA,
    PROBLEM_DATE,
    PROBLEM_OBSOLETE_DATE,
    PROBLEM_WRONG_DAY,
    /* commands */
    PROBLEM_BARE_LF_COMMAND,
    PROBLEM_COMMAND_OCTETS,
    PROBLEM_LONG_COMMAND,
    PROBLEM_UNKNOWN_COMMAND,
    PROBLEM_OBSOLETE_COMMAND,
    PROBLEM_COMMAND_SYNTAX,
    PROBLEM_OUT_OF_ORDER,
    PROBLEM_NOT_OFFERED,
    PROBLEM_AFTER_HELO,
    PROBLEM_TRAILING_BLANK,
    PROBLEM_EXTRA_BLANK,
    PROBLEM_HELO_NAME,
    PROBLEM_HELO_EXTRA,
    PROBLEM_HELO_LITERAL,
    /* the envelope */
    PROBLEM_BLANK_BEFORE_PATH,
    PROBLEM_NO_BRACKETS,
    PROBLEM_PATH,
    PROBLEM_NO_DOMAIN,
    PROBLEM_STRAY_DOT,
    PROBLEM_LONG_LOCAL_PART,
    PROBLEM_DOMAIN,
    PROBLEM_LONG_PATH,
    PROBLEM_SOURCE_ROUTE,
    PROBLEM_UTF8_PATH,
    PROBLEM_NOT_UTF8,
    PROBLEM_MAIL_PARAMETER,
    PROBLEM_MAIL_PARAMETER_TWICE,
    PROBLEM_LONG_ENVID,
    PROBLEM_NOTIFY_TWICE,
    PROBLEM_SIZE,
    /* the session */
    PROBLEM_EARLY_TALKER,
    PROBLEM_PIPELINING,
    PROBLEM_PIPELINING_SYNC,
    PROBLEM_EARLY_TLS,
    PROBLEM_AUTH_SYNTAX,
    PROBLEM_AUTH_IN_CLEAR,
    PROBLEM_CUT_OFF,
    PROBLEM_NO_QUIT,

    PROBLEMS /* their number */
};

struct problem_about {
    const char *name;     /* one word, for scripts */
    const char *sentence; /* for people */
    const char *section;  /* of the rule, as "RFC 5321 2.3.8" */
    bool noted_only;      /* it breaks no rule of an RFC; --strict ignores it */
};

/* All strings are static. */
const struct problem_about *problem_about(enum problem p);

enum { PROBLEM_TEXT_MAX = 160 };

/* Writes "name: sentence (section)" as a string, and returns its length. */
size_t problem_text(enum problem p, char text[PROBLEM_TEXT_MAX]);

/* A set of problems, a bit each. */
struct problems {
    uint64_t bits[2];
};

static inline void problems_add(struct problems *s, enum problem p) { s->bits[p / 64] |= (uint64_t)1 << p % 64; }
static inline void problems_remove(struct problems *s, enum problem p) { s->bits[p / 64] &= ~((uint64_t)1 << p % 64); }
static inline bool problems_have(const struct problems *s, enum problem p) { return s->bits[p / 64] >> p % 64 & 1; }
static inline bool problems_any(const struct problems *s) { return (s->bits[0] | s->bits[1]) != 0; }

static inline void problems_subtract(struct problems *s, const struct problems *less)
{
    s->bits[0] &= ~less->bits[0];
    s->bits[1] &= ~less->bits[1];
}

static inline void problems_merge(struct problems *s, const struct problems *more)
{
    s->bits[0] |= more->bits[0];
    s->bits[1] |= more->bits[1];
}

#endif
