/*
 * smtp.h - the server side of SMTP (RFC 5321) as a protocol engine: octets in,
 * events and replies out.  It does no input or output, reads no clock and
 * allocates nothing; it knows no policy and keeps no recipients.
 *
 * A turn of the application:
 *
 *     smtp_input(s, octets, n);            lend what the client sent
 *     smtp_output(s, buffer, size);        lend room for the replies
 *     while (smtp_next(s, &event))         pull what it means
 *         ...;                             perhaps lower the verdict: smtp_reply()
 *     write(fd, buffer, smtp_written(s));  send the replies
 *     if (smtp_is_full(s))                 there was no room for all:
 *         ...;                             again, from smtp_output() on
 *     keep the last smtp_left(s) octets    for the next turn
 *
 * Ask, then commit: each event carries a reply, prepared but not yet given.
 * The application may replace it; the following smtp_next() gives it, and
 * changes the state of the session only if the command was legal and the code
 * that was given is positive.
 */
#ifndef SMTP_H
#define SMTP_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"
#include "base/problem.h"
#include "smtp/sasl.h"

enum {
    SMTP_LINE_MAX = 2048,       /* octets of a command line with its end; RFC 5321 4.5.3.1.4 and the
                                   increments of the extensions ask for less */
    SMTP_AUTH_LINE_MAX = 12320, /* the same of AUTH and of what answers its challenges: 12288 octets of
                                   base64 and what stands in front of them; RFC 4954 4 */
    SMTP_REPLY_MAX = 2048,      /* octets of one reply with all its lines */
    SMTP_REFUSED_MAX = 100,     /* refused commands in a row before 421; RFC 5321 7.8 */
    SMTP_HOSTNAME_MAX = 255,    /* octets of a domain; RFC 5321 4.5.3.1.2 */
    SMTP_CHALLENGE_MAX = 320,   /* octets of a challenge of CRAM-MD5, with a NUL */
};

/* Service extensions: what EHLO lists, and the commands and parameters that come with each. */
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

/* The keyword of the one in this place, from 0; NULL behind the last. */
const char *smtp_keyword(size_t place);

/* What can happen in a session: the points at which policy, faults and logging attach. */
enum smtp_event_type {
    SMTP_NONE,
    SMTP_CONNECT,  /* the client is there; the reply is the greeting */
    SMTP_HELO,     /* HELO, EHLO or LHLO; arg is the client's name */
    SMTP_STARTTLS, /* once the 220 is given, smtp_wants_tls() */
    SMTP_AUTH,     /* a step of it; 235 is the default reply to the last one, 334 to those before */
    SMTP_MAIL,     /* arg is the reverse-path without brackets and source route, "" if null */
    SMTP_RCPT,     /* arg is a forward-path, likewise */
    SMTP_DATA,     /* the client asks to send mail data */
    SMTP_BDAT,     /* the client sends a chunk of mail data, of size octets; there is no reply yet,
                      unless the command is malformed */
    SMTP_BODY,     /* arg is a piece of the mail data, dots unstuffed; there is no reply */
    SMTP_CHUNK,    /* a chunk is complete that is not the last, or is refused */
    SMTP_EOM,      /* the mail data are complete: store them, or lower the reply.  With LMTP there is
                      one such event for each recipient (RFC 2033 4.2), and the first is the one to
                      store at; or, if there is none, one without a reply */
    SMTP_RSET,
    SMTP_NOOP,
    SMTP_VRFY,
    SMTP_EXPN,
    SMTP_HELP,
    SMTP_QUIT,
    SMTP_UNKNOWN, /* a line that is no command of ours */
};

/* Valid until the next call on the session that it came from, but for smtp_reply(). */
struct smtp_event {
    enum smtp_event_type type;
    int16_t code;        /* of the reply as it stands; 0 where there is none */
    uint16_t hidden;     /* AUTH, UNKNOWN: octets of the command that are left out of line */
    struct span line;    /* the command as received, without its line end; empty if it was too long;
                            without what is secret */
    struct span arg;     /* see the types above; AUTH: the user name, p NULL while it is unknown (LOGIN:
                            it comes one step before the password, and not again) */
    struct span params;  /* MAIL, RCPT: the parameters, as sent */
    struct span secret;  /* AUTH: what is to be verified, see sasl.h; wiped by the following call */
    struct span authzid; /* AUTH: the authorization identity, if the client gave one */
    struct problems
        problems;       /* what the client got wrong with it; EOM: and with the mail data, where they are examined */
    uint64_t size;      /* MAIL: declared SIZE, 0 if none (RFC 1870); EOM: octets of mail data; BDAT,
                           CHUNK: of the chunk; STARTTLS: octets that were sent behind it too early and
                           are dropped; UNKNOWN: octets of a line that was too long */
    uint64_t recipient; /* EOM with LMTP: whose reply it is, from 1 */
    enum sasl_mechanism mechanism; /* AUTH */
    bool extended;                 /* HELO: the client said EHLO or LHLO */
    bool utf8;                     /* MAIL: SMTPUTF8 was given (RFC 6531) */
    bool binary;                   /* MAIL: BODY=BINARYMIME was given (RFC 3030) */
    bool last;                     /* BDAT: of the last chunk; EOM: which ended the mail data */
};

/* What is the same for all sessions.  Borrowed for as long as they live. */
struct smtp_config {
    const char *hostname;    /* at most SMTP_HOSTNAME_MAX octets */
    uint64_t max_size;       /* octets of mail data, 0 for no limit; RFC 1870 */
    uint64_t max_recipients; /* of one message, 0 for no limit */
    unsigned extensions;     /* those to be offered */
    bool lmtp;               /* RFC 2033 */
    bool require_auth;       /* before MAIL; RFC 4954 6 */
    bool require_tls;        /* before all but NOOP, EHLO, STARTTLS and QUIT; RFC 3207 4 */
    bool strict;             /* take nothing beyond the grammar; examine goes with it */
    bool examine;            /* look at each octet of mail data for what is odd */
};

/* A session.  The application allocates it and touches nothing in it. */
struct smtp {
    const struct smtp_config *config;
    char *in; /* lent input that is not yet consumed */
    char *in_end;
    char *line; /* the command at hand, in it */
    char *out;  /* lent room */
    size_t out_size;
    size_t out_n;   /* octets of replies given */
    size_t reply_n; /* octets of the reply prepared behind them */
    char *secret;   /* what is secret in the command at hand, */
    size_t secret_n;
    uint64_t nonce;                    /* of the challenge of CRAM-MD5 */
    uint64_t size;                     /* of the mail data, or of a line that is too long, so far */
    uint64_t line_size;                /* examined: of the line of them that is under way */
    uint64_t declared, declared_asked; /* SIZE of MAIL (RFC 1870), and of the one that is not yet committed */
    struct problems data_problems;     /* of the mail data so far */
    uint64_t recipients;
    uint64_t answered; /* LMTP: of them, how many have had their reply to the mail data */
    uint64_t chunk;    /* octets of the chunk still to come */
    uint64_t chunk_size;
    const struct smtp_canned *chunk_refused; /* what the chunk is told at its end; NULL: it is welcome */
    uint16_t seen;                           /* octets of an unfinished line that hold no end of it */
    uint16_t refused;                        /* refused commands in a row */
    int16_t code;                            /* of the reply prepared */
    uint8_t event;                           /* the event whose reply is prepared */
    uint8_t state;
    uint8_t dot;          /* how much of CRLF.CRLF the mail data end with */
    uint8_t mechanism;    /* of the AUTH under way */
    uint8_t step;         /* which response of it is awaited, */
    uint8_t next_step;    /* and which, once the reply prepared is given */
    bool legal;           /* the command of that event was in order and well-formed */
    bool closing;         /* its reply is the last */
    bool skipping;        /* a line that is too long is being passed over */
    bool skipped_cr;      /* its last octet so far is CR */
    bool http, long_auth; /* it begins as a request of HTTP does, as AUTH does, or answers a challenge */
    bool in_chunk;        /* octets of a chunk, or its end, are awaited */
    bool last;            /* it is the last chunk */
    bool more;            /* LMTP: the mail data are complete, and a recipient's reply is due */
    bool plain;           /* the command at hand is ASCII, with no control below 0x0e in it */
    bool cr;              /* examined: the mail data so far end with CR */
    bool utf8, binary,
        eightbit; /* SMTPUTF8 (RFC 6531), BODY=BINARYMIME (RFC 3030), BODY=8BITMIME was given with MAIL, */
    bool utf8_asked, binary_asked, eightbit_asked; /* and with the MAIL that is not yet committed */
    bool extended, extended_asked; /* the client said EHLO or LHLO; it does so with the command not yet committed */
    bool wary;                     /* AUTH has been refused, and no command has come since */
    bool path_refused;             /* MAIL, RCPT or a chunk was: what was sent behind it at once is not out of order */
    bool secure;                   /* TLS is in place */
    bool authenticated;            /* RFC 4954 */
};

/*
 * Begins a session; config is borrowed.  nonce is to be another one in each
 * session: it makes the challenges of CRAM-MD5 (RFC 2195) unlike all others.
 */
void smtp_init(struct smtp *s, const struct smtp_config *config, uint64_t nonce);

/*
 * Lends the session the client's octets: those that smtp_left() gave back,
 * followed by n - smtp_left() new ones.  They must stay in place until the next
 * such call; events point into them.  What is base64 in them is decoded in
 * place.  What is secret is wiped once its reply is given, and so is what is
 * dropped unseen; what is never committed, and what smtp_left() tells of, is the
 * caller's to wipe.
 */
static inline void smtp_input(struct smtp *s, char *octets, size_t n)
{
    assert(n >= s->seen);
    s->in = octets;
    s->in_end = octets + n;
}

/*
 * Lends size octets of room for replies, at least SMTP_REPLY_MAX, to be filled
 * from the start.  A reply that is prepared and not yet given is dropped with
 * the room before; its event and code stay.  Prepare it anew with
 * smtp_reply_raw() before the next call that gives it.
 */
static inline void smtp_output(struct smtp *s, char *room, size_t size)
{
    assert(size >= SMTP_REPLY_MAX);
    s->reply_n = 0;
    s->out = room;
    s->out_size = size;
    s->out_n = 0;
}

/*
 * Gives the reply of the event before, then finds the next event.  False if
 * there is none: more input is needed; or the room is too small for another
 * reply, so send what is in it, lend it again, and go on; or smtp_wants_tls();
 * or smtp_closed().
 */
bool smtp_next(struct smtp *s, struct smtp_event *e);

/*
 * Replaces the reply of the event that smtp_next() just returned, which has
 * one.  code is 200 to 599; enhanced is the status code of RFC 3463, or NULL;
 * a '\n' in text begins a further line of the reply.  421 closes the session
 * (RFC 5321 3.8).  All of it must fit SMTP_REPLY_MAX.
 *
 * A 334 instead of the 235 of AUTH tells of a failure, in the words of text:
 * whatever the client answers, the next reply is 535 (RFC 7628 3.2.3).
 */
void smtp_reply(struct smtp *s, struct smtp_event *e, int code, const char *enhanced, const char *text);

/* The same with a reply as it goes over the wire, whatever it is, and any code from 100 to 999. */
void smtp_reply_raw(struct smtp *s, struct smtp_event *e, int code, struct span wire);

/* Whether this code lets the event take effect: 3yz for DATA, 2yz or 3yz for AUTH, 2yz for all others. */
static inline bool smtp_is_positive(enum smtp_event_type event, int code)
{
    bool good = code >= 200 && code < 300, more = code >= 300 && code < 400;
    return event == SMTP_DATA ? more : good || (more && event == SMTP_AUTH);
}

/* Gives the reply of the event before, if that has not happened yet. */
void smtp_commit(struct smtp *s);

/* Closes the session with a 421 (RFC 5321 3.8), which replaces a reply not yet given. */
void smtp_close(struct smtp *s, const char *enhanced, const char *text);

/* The same with a reply as it goes over the wire, which is to be one of 421. */
void smtp_close_raw(struct smtp *s, struct span wire);

/*
 * Whether the 220 to STARTTLS has been given: send it, shake hands, then call
 * smtp_secure().  Whatever is lent before is dropped (RFC 3207 4.2).
 */
bool smtp_wants_tls(const struct smtp *s);

/*
 * From here on the octets come and go under TLS.  After the handshake that
 * smtp_wants_tls() asks for, everything said before is forgotten (RFC 3207
 * 4.2); else only before the first smtp_next(), for TLS from the start (RFC
 * 8314 3.3).
 */
void smtp_secure(struct smtp *s);

/* The challenge of the AUTH CRAM-MD5 under way, as a string of SMTP_CHALLENGE_MAX octets at most; returns its length.
 */
size_t smtp_challenge(const struct smtp *s, char *text);

/* The octets of replies given since smtp_output(). */
static inline size_t smtp_written(const struct smtp *s) { return s->out_n; }

/* Whether the room is too small for another reply, so that smtp_next() returns false until it is lent again. */
static inline bool smtp_is_full(const struct smtp *s) { return s->out_size - s->out_n < SMTP_REPLY_MAX; }

/* The reply prepared and not yet given, with its line ends. */
static inline struct span smtp_prepared(const struct smtp *s) { return (struct span){s->out + s->out_n, s->reply_n}; }

/* How many of the octets lent are still to be consumed: the last ones, less than SMTP_AUTH_LINE_MAX once smtp_next()
   has asked for more. */
static inline size_t smtp_left(const struct smtp *s) { return (size_t)(s->in_end - s->in); }

/* Whether the last reply has been given: nothing further is read or answered. */
bool smtp_closed(const struct smtp *s);

/* Whether further input is of use to it: it is neither closed nor wants TLS. */
bool smtp_goes_on(const struct smtp *s);

/* Whether a chunk is under way that is refused, whatever is in it. */
static inline bool smtp_refuses_chunk(const struct smtp *s) { return s->in_chunk && s->chunk_refused != NULL; }

/* Whether mail data are under way: after the 354 or the first BDAT, before the (last) reply at their end. */
bool smtp_in_message(const struct smtp *s);

#endif
