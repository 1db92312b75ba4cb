/* SPDX-License-Identifier: ISC */
/*
 * problem.h - the problems a client can cause, in the protocol, the envelope
 * and the message, as one list; and how those of lines are found.
 */
#ifndef BASE_PROBLEM_H
#define BASE_PROBLEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"

/*
 * Each with its name for scripts, a sentence for people, the section it departs
 * from or belongs to, and whether it is a breach or only noted: it breaks no rule
 * of an RFC, and --strict ignores it.
 */
#define PROBLEMS_LIST(X) \
    /* lines of a message */ \
    X(NUL, "nul", "NUL octet", "RFC 5322 4", BREACH) \
    X(BARE_CR, "bare-cr", "bare CR", "RFC 5322 2.3", BREACH) \
    X(BARE_LF, "bare-lf", "bare LF in the message", "RFC 5321 2.3.8", BREACH) \
    X(LONG_LINE, "long-line", "line longer than 998 octets", "RFC 5322 2.1.1", BREACH) \
    X(8BIT_DATA, "8bit-data", "8-bit octets without BODY=8BITMIME or SMTPUTF8", "RFC 6152 3", BREACH) \
    /* header fields */ \
    X(ENVELOPE_LINE, "envelope-line", "mbox \"From \" line before the header", "RFC 4155", BREACH) \
    X(NO_COLON, "no-colon", "header line that is not a field", "RFC 5322 2.2", BREACH) \
    X(BLANK_BEFORE_COLON, "blank-before-colon", "blank between a field's name and its colon", "RFC 5322 4.5", BREACH) \
    X(STRAY_FOLD, "stray-fold", "header that begins with a folded line", "RFC 5322 2.2.3", BREACH) \
    X(NO_BLANK_LINE, "no-blank-line", "no blank line between header and body", "RFC 5322 2.1", BREACH) \
    X(LARGE_HEADER, "large-header", "header larger than 1 MiB; the rest is not read", "RFC 5322 2.2", NOTED) \
    X(DUPLICATE_FIELD, "duplicate-field", "repeated field that may occur only once", "RFC 5322 3.6", BREACH) \
    X(8BIT_HEADER, "8bit-header", "8-bit octets in the header that are not UTF-8", "RFC 6532 3.1", BREACH) \
    X(UTF8_HEADER, "utf8-header", "UTF-8 in the header without SMTPUTF8", "RFC 6531 3.4", BREACH) \
    X(NO_DATE, "no-date", "no Date field", "RFC 5322 3.6", BREACH) \
    X(NO_FROM, "no-from", "no From field", "RFC 5322 3.6", BREACH) \
    X(NO_SENDER, "no-sender", "several authors in From, and no Sender field", "RFC 5322 3.6.2", BREACH) \
    X(NO_ADDRESS, "no-address", "address field without an address", "RFC 5322 3.6.3", BREACH) \
    X(NO_MESSAGE_ID, "no-message-id", "no Message-ID field; there should be one", "RFC 5322 3.6.4", NOTED) \
    X(MESSAGE_ID, "message-id", "Message-ID that is not one <left@right>", "RFC 5322 3.6.4", BREACH) \
    X(BCC, "bcc", "Bcc field in a copy that others can read", "RFC 5322 3.6.3", BREACH) \
    X(RETURN_PATH, "return-path", "Return-Path field, which only the last server adds", "RFC 5321 4.4", BREACH) \
    X(NO_MIME_VERSION, "no-mime-version", "MIME fields without MIME-Version", "RFC 2045 4", BREACH) \
    /* encoded words and charsets */ \
    X(ENCODED_WORD, "encoded-word", "malformed encoded word", "RFC 2047 2", BREACH) \
    X(LONG_ENCODED_WORD, "long-encoded-word", "encoded word longer than 75 characters", "RFC 2047 2", BREACH) \
    X(UNKNOWN_CHARSET, "unknown-charset", "unknown charset", "RFC 2046 4.1.2", BREACH) \
    X(NO_CONVERTER, "no-converter", "charset that this system cannot convert", "RFC 2046 4.1.2", NOTED) \
    X(TOO_MANY_CHARSETS, "too-many-charsets", "more than 2000 charset changes; the rest is not decoded", "RFC 2047 5", \
      NOTED) \
    X(UNDECODABLE, "undecodable", "octets that are not valid in their charset", "RFC 2046 4.1.2", BREACH) \
    X(UNDECLARED_8BIT, "undeclared-8bit", "8-bit octets in text declared to be US-ASCII", "RFC 2046 4.1.2", BREACH) \
    X(WINDOWS_OCTETS, "windows-octets", "octets 0x80 to 0x9F in ISO 8859, which has no characters there", \
      "RFC 2046 4.1.2", BREACH) \
    /* transfer encodings */ \
    X(UNKNOWN_ENCODING, "unknown-encoding", "unknown transfer encoding", "RFC 2045 6.1", NOTED) \
    X(BASE64, "base64", "malformed base64", "RFC 2045 6.8", BREACH) \
    X(BASE64_PADDING, "base64-padding", "base64 without its padding", "RFC 2045 6.8", BREACH) \
    X(QUOTED_PRINTABLE, "quoted-printable", "malformed quoted-printable", "RFC 2045 6.7", BREACH) \
    X(LONG_ENCODED_LINE, "long-encoded-line", "line of base64 or quoted-printable longer than 76 characters", \
      "RFC 2045 6.7, 6.8", BREACH) \
    X(UUENCODE, "uuencode", "uuencoded file in the text, which is not MIME", "RFC 2045 6.3", NOTED) \
    /* parts */ \
    X(CONTENT_TYPE, "content-type", "malformed Content-Type", "RFC 2045 5.1", BREACH) \
    X(NO_BOUNDARY, "no-boundary", "multipart without a boundary parameter", "RFC 2046 5.1.1", BREACH) \
    X(LONG_BOUNDARY, "long-boundary", "boundary longer than 70 characters", "RFC 2046 5.1.1", BREACH) \
    X(NO_PARTS, "no-parts", "multipart without a part", "RFC 2046 5.1.1", BREACH) \
    X(UNCLOSED, "unclosed", "multipart without its closing boundary", "RFC 2046 5.1.1", BREACH) \
    X(ENCODED_MULTIPART, "encoded-multipart", "multipart with a transfer encoding", "RFC 2045 6.4", BREACH) \
    X(ENCODED_MESSAGE, "encoded-message", "attached message with a transfer encoding", "RFC 2046 5.2.1", BREACH) \
    X(TOO_MANY_PARTS, "too-many-parts", "more than 1000 parts; the rest is not read", "RFC 2046 5.1", NOTED) \
    X(TOO_DEEP, "too-deep", "parts nested more than 100 deep", "RFC 2046 5.1", NOTED) \
    /* parameters */ \
    X(PARAMETER, "parameter", "malformed parameter", "RFC 2045 5.1", BREACH) \
    X(PARAMETER_WORD, "parameter-word", "encoded word in a parameter", "RFC 2047 5", BREACH) \
    X(PARAMETER_SEGMENT, "parameter-segment", "parameter in pieces, some missing or given twice", "RFC 2231 3", \
      BREACH) \
    X(PARAMETER_CODING, "parameter-coding", "malformed charset or percent encoding in a parameter", "RFC 2231 4", \
      BREACH) \
    /* addresses and dates */ \
    X(ADDRESS, "address", "malformed address", "RFC 5322 3.4", BREACH) \
    X(NO_COMMA, "no-comma", "no comma between two addresses", "RFC 5322 3.4", BREACH) \
    X(DATE, "date", "malformed date", "RFC 5322 3.3", BREACH) \
    X(OBSOLETE_DATE, "obsolete-date", "date in an obsolete form", "RFC 5322 4.3", BREACH) \
    X(WRONG_DAY, "wrong-day", "date with the wrong day of the week", "RFC 5322 3.3", BREACH) \
    /* commands */ \
    X(BARE_LF_COMMAND, "bare-lf-command", "command that ends in a bare LF", "RFC 5321 2.3.8", BREACH) \
    X(COMMAND_OCTETS, "command-octets", "command with NUL, CR or LF in it", "RFC 5321 2.3.8", BREACH) \
    X(LONG_COMMAND, "long-command", "command line too long", "RFC 5321 4.5.3.1.4", BREACH) \
    X(UNKNOWN_COMMAND, "unknown-command", "unknown command", "RFC 5321 4.1.1", BREACH) \
    X(OBSOLETE_COMMAND, "obsolete-command", "obsolete command", "RFC 5321 F.1, F.6", BREACH) \
    X(COMMAND_SYNTAX, "command-syntax", "malformed command", "RFC 5321 4.1.1", BREACH) \
    X(OUT_OF_ORDER, "out-of-order", "command out of order", "RFC 5321 4.1.4", BREACH) \
    X(NOT_OFFERED, "not-offered", "extension that was not offered", "RFC 5321 2.2.1", BREACH) \
    X(AFTER_HELO, "after-helo", "extension used after HELO", "RFC 5321 2.2.1", BREACH) \
    X(TRAILING_BLANK, "trailing-blank", "blanks at the end of a command", "RFC 5321 4.1.1", BREACH) \
    X(EXTRA_BLANK, "extra-blank", "more than one space where there should be one", "RFC 5321 4.1.1", BREACH) \
    X(HELO_NAME, "helo-name", "name in EHLO or HELO that is not a domain or address literal", "RFC 5321 4.1.2", \
      BREACH) \
    X(HELO_EXTRA, "helo-extra", "extra words after the name in EHLO or HELO", "RFC 5321 4.1.1.1", BREACH) \
    X(HELO_LITERAL, "helo-literal", "address literal in HELO, which takes a domain", "RFC 5321 4.1.1.1", BREACH) \
    /* the envelope */ \
    X(BLANK_BEFORE_PATH, "blank-before-path", "space between the colon and the address", "RFC 5321 3.3", BREACH) \
    X(NO_BRACKETS, "no-brackets", "address without angle brackets", "RFC 5321 4.1.2", BREACH) \
    X(PATH, "path", "malformed address in MAIL or RCPT", "RFC 5321 4.1.2", BREACH) \
    X(NO_DOMAIN, "no-domain", "address without a domain in MAIL or RCPT", "RFC 5321 2.3.5, 4.1.2", BREACH) \
    X(STRAY_DOT, "stray-dot", "local part with a misplaced dot", "RFC 5321 4.1.2", BREACH) \
    X(LONG_LOCAL_PART, "long-local-part", "local part longer than 64 octets", "RFC 5321 4.5.3.1.1", BREACH) \
    X(DOMAIN, "domain", "malformed domain in MAIL or RCPT", "RFC 5321 4.1.2", BREACH) \
    X(LONG_PATH, "long-path", "address longer than 254 octets", "RFC 5321 4.5.3.1.3", BREACH) \
    X(SOURCE_ROUTE, "source-route", "source route in MAIL or RCPT", "RFC 5321 F.2", BREACH) \
    X(UTF8_PATH, "utf8-path", "non-ASCII address without SMTPUTF8", "RFC 6531 3.4", BREACH) \
    X(NOT_UTF8, "not-utf8", "address that is not UTF-8", "RFC 6531 3.3", BREACH) \
    X(MAIL_PARAMETER, "mail-parameter", "malformed parameter of MAIL or RCPT", "RFC 5321 4.1.2", BREACH) \
    X(MAIL_PARAMETER_TWICE, "mail-parameter-twice", "parameter of MAIL or RCPT given twice", "RFC 5321 4.1.1.11", \
      BREACH) \
    X(LONG_ENVID, "long-envid", "ENVID longer than 100 characters", "RFC 3461 4.4", BREACH) \
    X(NOTIFY_TWICE, "notify-twice", "NOTIFY with a word given twice", "RFC 3461 4.1", NOTED) \
    X(SIZE, "size", "message larger than its SIZE parameter says", "RFC 1870 5, 6.1", NOTED) \
    /* the session */ \
    X(EARLY_TALKER, "early-talker", "octets sent before the greeting", "RFC 5321 4.3.1", BREACH) \
    X(PIPELINING, "pipelining", "pipelining that was not offered", "RFC 2920 2", BREACH) \
    X(PIPELINING_SYNC, "pipelining-sync", "octets sent after a command without waiting for its reply", "RFC 2920 3.1", \
      BREACH) \
    X(TLS_IN_CLEAR, "tls-in-clear", "TLS instead of SMTP; smtps:// takes it, and --tls offers STARTTLS", "RFC 3207 4", \
      BREACH) \
    X(EARLY_TLS, "early-tls", "octets sent after STARTTLS and before TLS", "RFC 3207 4", BREACH) \
    X(AUTH_SYNTAX, "auth-syntax", "malformed AUTH command or response", "RFC 4954 4", BREACH) \
    X(AUTH_IN_CLEAR, "auth-in-clear", "password sent in clear text although TLS was offered", "RFC 4616 1", BREACH) \
    X(CUT_OFF, "cut-off", "message cut off before its end", "RFC 5321 4.1.1.4", BREACH) \
    X(NO_QUIT, "no-quit", "connection closed without QUIT", "RFC 5321 4.1.1.10", BREACH)

enum problem {
#define X(name, word, sentence, section, kind) PROBLEM_##name,
    PROBLEMS_LIST(X)
#undef X
        PROBLEMS /* how many there are */
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

/* ---- ends: how the lines of a message end ---- */

/* The caller sets the first two, and the others to zero. */
struct ends {
    bool crlf;      /* the lines end in CRLF, else in LF */
    bool seven_bit; /* no octet outside ASCII may be in them */
    bool cr;        /* the last octet was a CR */
    unsigned n;     /* octets of the line so far, counted no further than matters */
};

/* Takes octets of a message, and notes what is odd about its lines.  Returns how many LFs there are. */
size_t ends_examine(struct ends *e, struct span t, struct problems *found);

/* The same, octet by octet. */
size_t ends_examine_octets(struct ends *e, struct span t, struct problems *found);

/* Notes what is odd about the last line. */
void ends_finish(const struct ends *e, struct problems *found);

#endif
