/* SPDX-License-Identifier: ISC */
/*
 * event.h - what the engine tells the application, and how it is set up: the
 * events of a session, the service extensions, the mechanisms of AUTH, the
 * settings and the limits.
 */
#ifndef SMTP_EVENT_H
#define SMTP_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"
#include "base/problem.h"

enum {
    SMTP_LINE_MAX = 2048,       /* octets of a command line with its end; RFC 5321 4.5.3.1.4 and the
                                   increments of the extensions ask for less */
    SMTP_AUTH_LINE_MAX = 12320, /* the same for AUTH and the responses to its challenges: 12288 octets of
                                   base64 and the command before them; RFC 4954 4 */
    SMTP_REPLY_MAX = 2048,      /* octets of one reply with all its lines */
    SMTP_REFUSED_MAX = 100,     /* refused commands in a row before 421; RFC 5321 7.8 */
    SMTP_HOSTNAME_MAX = 255,    /* octets of a domain; RFC 5321 4.5.3.1.2 */
    SMTP_CHALLENGE_MAX = 320,   /* octets of a challenge of smtp_challenge(), with a NUL */
    SMTP_OFFERS_MAX = 32,       /* lines that --offer adds */
    SMTP_OFFER_MAX = 512 - 6,   /* octets of one; RFC 5321 4.5.3.1.5 */
    SMTP_OFFERS_ROOM = 1000,    /* octets of these, with "250-" and CRLF */
    SMTP_MECHANISMS_MAX = 501,  /* octets of the names that AUTH lists; RFC 5321 4.5.3.1.5 */
};

/* Service extensions: the lines of the reply to EHLO, each with its commands and parameters. */
enum smtp_extension {
    SMTP_EXT_PIPELINING = 1 << 0,          /* RFC 2920 */
    SMTP_EXT_8BITMIME = 1 << 1,            /* RFC 6152 */
    SMTP_EXT_SMTPUTF8 = 1 << 2,            /* RFC 6531 */
    SMTP_EXT_ENHANCEDSTATUSCODES = 1 << 3, /* RFC 2034 */
    SMTP_EXT_CHUNKING = 1 << 4,            /* RFC 3030 */
    SMTP_EXT_BINARYMIME = 1 << 5,          /* RFC 3030; not without CHUNKING */
    SMTP_EXT_DSN = 1 << 6,                 /* RFC 3461 */
    SMTP_EXT_AUTH = 1 << 7,                /* RFC 4954 */
    SMTP_EXT_STARTTLS = 1 << 8,            /* RFC 3207 */
    SMTP_EXT_LIMITS = 1 << 9,              /* RFC 9422 */
    SMTP_EXT_HELP = 1 << 10,
    SMTP_EXT_SIZE = 1 << 11, /* RFC 1870 */
    SMTP_EXT_ALL = (1 << 12) - 1,
};

/* The extension with this keyword, in any case; 0 if there is none. */
unsigned smtp_extension(struct span keyword);

/* The keyword of the extension at this place, from 0; NULL after the last. */
const char *smtp_keyword(size_t place);

/* Mechanisms of AUTH.  sasl.c has their names, in this order, and their messages; auth.c their challenges. */
enum sasl_mechanism {
    SASL_NONE,
    SASL_PLAIN,
    SASL_LOGIN,
    SASL_CRAM_MD5,
    SASL_XOAUTH2,
    SASL_OAUTHBEARER,
    SASL_SCRAM_SHA_1,
    SASL_SCRAM_SHA_256,
    SASL_MECHANISMS, /* how many there are, and 1 */
};

static inline bool sasl_is_scram(enum sasl_mechanism m) { return m == SASL_SCRAM_SHA_1 || m == SASL_SCRAM_SHA_256; }

/* Whether the client proves that it knows the password, and does not send it. */
static inline bool sasl_proves(enum sasl_mechanism m) { return m == SASL_CRAM_MD5 || sasl_is_scram(m); }

/* Its name. */
const char *sasl_name(enum sasl_mechanism mechanism);

/* The mechanism of this name, in any case; SASL_NONE if there is none. */
enum sasl_mechanism sasl_mechanism(struct span name);

/* Whether text may be the name of a mechanism, if in capitals: letters, digits, "-" and "_"; RFC 4422 3.1. */
bool sasl_is_name(struct span text);

/* Where a mechanism stands, in any case, in a list of names with a blank between them; NULL: nowhere. */
const char *sasl_find(const char *list, struct span name);

enum { SASL_ANSWER_MAX = 68 /* octets of what sasl_verify() answers, with a NUL */ };

/*
 * Whether user and secret are those of known, a string USER:PASSWORD; with
 * OAUTHBEARER the user may be empty.  The challenge is that of smtp_challenge();
 * only CRAM-MD5 and SCRAM use it.  If so, answer becomes the text of the 334 with
 * which the server proves the same to the client of SCRAM; with others it is "".
 */
bool sasl_verify(enum sasl_mechanism mechanism, const char *known, struct span user, struct span secret,
                 struct span challenge, char answer[SASL_ANSWER_MAX]);

/* The events of a session: the points at which policy, faults and logging attach. */
enum smtp_event_type {
    SMTP_NONE,
    SMTP_CONNECT,  /* the client is there; the reply is the greeting */
    SMTP_HELO,     /* HELO, EHLO or LHLO; arg is the client's name */
    SMTP_STARTTLS, /* after the 220, smtp_wants_tls() */
    SMTP_AUTH,     /* one step of AUTH; the default reply is 235 to the last step, 334 to the others, and 535 to
                      each step of a mechanism that is not built in, which 334 continues */
    SMTP_MAIL,     /* arg is the reverse-path without brackets and source route, "" if null */
    SMTP_RCPT,     /* arg is a forward-path, likewise */
    SMTP_DATA,     /* the client asks to send mail data */
    SMTP_BDAT,     /* the client sends a chunk of mail data, of size octets; there is no reply yet,
                      unless the command is malformed */
    SMTP_BODY,     /* arg is a piece of the mail data, dots unstuffed; there is no reply */
    SMTP_CHUNK,    /* a chunk is complete that is not the last, or is refused */
    SMTP_EOM,      /* the mail data are complete: store them, or replace the reply with a refusal.
                      With LMTP there is one such event for each recipient (RFC 2033 4.2): store at
                      the first; or, without recipients, one that has no reply */
    SMTP_RSET,
    SMTP_NOOP,
    SMTP_VRFY,
    SMTP_EXPN,
    SMTP_HELP,
    SMTP_ARGV,    /* XARGV, a private command of our sendmail(8) (RFC 5321 4.1.5): arg is an argument of its
                     command line, in xtext; after "=" it continues the argument before */
    SMTP_XCLIENT, /* arg is the attributes, for smtp_take_attribute(); the reply is the greeting of a new session */
    SMTP_QUIT,
    SMTP_UNKNOWN, /* a line that is not a known command */
};

/* Valid until the next call on its session other than smtp_reply(). */
struct smtp_event {
    enum smtp_event_type type;
    int16_t code;                  /* of the reply as it stands; 0 where there is none */
    uint16_t hidden;               /* AUTH, UNKNOWN: octets of the command that are left out of line */
    struct span line;              /* the command as received, without its line end and without secrets;
                                      empty if it was too long */
    struct span arg;               /* see the types above; AUTH: the user name, p NULL while it is unknown
                                      (LOGIN, SCRAM: in the step before the secret, and only there) */
    struct span params;            /* MAIL, RCPT: the parameters, as sent */
    struct span subject;           /* what a refusal names: a command, parameter or mechanism; p NULL: nothing */
    struct span secret;            /* AUTH: PLAIN, LOGIN: the password; XOAUTH2, OAUTHBEARER: the token;
                                      CRAM-MD5: the digest in hexadecimal; SCRAM: the last message; for
                                      sasl_verify(); the next call wipes it */
    struct span authzid;           /* AUTH: the authorization identity, if the client gave one */
    struct problems problems;      /* of the command; EOM: and of the mail data, if they are examined */
    uint64_t size;                 /* MAIL: declared SIZE, 0 if none (RFC 1870); EOM: octets of mail data; BDAT,
                                      CHUNK: of the chunk; STARTTLS: octets sent too early after it, which are
                                      dropped; UNKNOWN: octets of a line that was too long */
    uint64_t recipient;            /* EOM with LMTP: the recipient that the reply is for, from 1 */
    enum sasl_mechanism mechanism; /* AUTH; SASL_NONE: smtp_mechanism() is not built in, or AUTH is refused */
    bool extended;                 /* HELO: the client said EHLO or LHLO */
    bool utf8;                     /* MAIL: SMTPUTF8 was given (RFC 6531) */
    bool binary;                   /* MAIL: BODY=BINARYMIME was given (RFC 3030) */
    bool last;                     /* BDAT: of the last chunk; EOM: such a chunk ended the mail data */
};

/* Settings that many sessions share.  Borrowed as long as any of them lives. */
struct smtp_config {
    const char *hostname;      /* at most SMTP_HOSTNAME_MAX octets */
    uint64_t max_size;         /* octets of mail data, 0 for no limit; RFC 1870 */
    uint64_t max_recipients;   /* of one message, 0 for no limit */
    unsigned extensions;       /* the set to offer */
    const char *mechanisms;    /* the names that AUTH lists, in this order, with a blank between them: at most
                                  SMTP_MECHANISMS_MAX octets; some may not be built in */
    bool lmtp;                 /* RFC 2033 */
    bool require_auth;         /* before MAIL; RFC 4954 6 */
    bool require_tls;          /* before all but NOOP, EHLO, STARTTLS and QUIT; RFC 3207 4 */
    bool strict;               /* take nothing beyond the grammar; implies examine */
    struct problems allowed;   /* apart from these */
    const char *const *offers; /* further lines of the reply to EHLO: a keyword, perhaps a blank and parameters */
    size_t n_offers;           /* at most SMTP_OFFERS_MAX, of SMTP_OFFERS_ROOM octets with 6 more for each */
    bool examine;              /* look for problems in the mail data */
};

/* The place in c->offers of the line with this keyword, in any case; SMTP_OFFERS_MAX if there is none. */
size_t smtp_find_offer(const struct smtp_config *c, struct span keyword);

#endif
