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
 *     keep the last smtp_left(s) octets    for the next turn
 *
 * Ask, then commit: each event carries a reply, prepared but not yet given.
 * The application may replace it; the following smtp_next() gives it, and
 * changes the state of the session only if the command was legal and the code
 * that was given is positive.
 */
#ifndef SMTP_H
#define SMTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "span.h"

enum {
    SMTP_LINE_MAX = 2048,    /* octets of a command line with its end; RFC 5321 4.5.3.1.4 and the
                                increments of the extensions ask for less */
    SMTP_REPLY_MAX = 2048,   /* octets of one reply with all its lines */
    SMTP_REFUSED_MAX = 100,  /* refused commands in a row before 421; RFC 5321 7.8 */
    SMTP_HOSTNAME_MAX = 255, /* octets of a domain; RFC 5321 4.5.3.1.2 */
};

/* What can happen in a session: the points at which policy, faults and logging attach. */
enum smtp_event_type {
    SMTP_NONE,
    SMTP_CONNECT, /* the client is there; the reply is the greeting */
    SMTP_HELO,    /* HELO or EHLO; arg is the client's name */
    SMTP_MAIL,    /* arg is the reverse-path without brackets and source route, "" if null */
    SMTP_RCPT,    /* arg is a forward-path, likewise */
    SMTP_DATA,    /* the client asks to send mail data */
    SMTP_BODY,    /* arg is a piece of the mail data, dots unstuffed; there is no reply */
    SMTP_EOM,     /* the mail data are complete: store them, or lower the reply */
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
    int code;           /* of the reply as it stands; 0 where there is none */
    struct span line;   /* the command as received, without its line end; empty if it was too long */
    struct span arg;    /* see the types above */
    struct span params; /* MAIL, RCPT: the parameters, as sent */
    uint64_t size;      /* MAIL: declared SIZE, 0 if none (RFC 1870); EOM: octets of mail data;
                           UNKNOWN: octets of a line that was too long */
    bool extended;      /* HELO: the client said EHLO */
    bool utf8;          /* MAIL: SMTPUTF8 was given (RFC 6531) */
};

/* What is the same for all sessions.  Borrowed for as long as they live. */
struct smtp_config {
    const char *hostname;    /* at most SMTP_HOSTNAME_MAX octets */
    uint64_t max_size;       /* octets of mail data, 0 for no limit; RFC 1870 */
    uint64_t max_recipients; /* of one message, 0 for no limit */
};

/* A session.  The application allocates it and touches nothing in it. */
struct smtp {
    const struct smtp_config *config;
    const char *in; /* lent input that is not yet consumed */
    const char *in_end;
    char *out; /* lent room */
    size_t out_size;
    size_t out_n;   /* octets of replies given */
    size_t reply_n; /* octets of the reply prepared behind them */
    uint64_t size;  /* of the mail data, or of a line that is too long, so far */
    uint64_t recipients;
    uint16_t seen;    /* octets of an unfinished line that hold no LF */
    uint16_t refused; /* refused commands in a row */
    int16_t code;     /* of the reply prepared */
    uint8_t event;    /* the event whose reply is prepared */
    uint8_t state;
    uint8_t dot;     /* how much of CRLF.CRLF the mail data end with */
    bool legal;      /* the command of that event was in order and well-formed */
    bool skipping;   /* a line that is too long is being passed over */
    bool skipped_cr; /* its last octet so far is CR */
    bool http;       /* it begins as a request of HTTP does */
    bool utf8;       /* SMTPUTF8 was given with MAIL; RFC 6531 */
    bool utf8_asked; /* the same of the MAIL that is not yet committed */
};

/* Begins a session; config is borrowed. */
void smtp_init(struct smtp *s, const struct smtp_config *config);

/*
 * Lends the session the client's octets: those that smtp_left() gave back,
 * followed by n - smtp_left() new ones.  They must stay in place until the next
 * such call; events point into them.
 */
void smtp_input(struct smtp *s, const char *octets, size_t n);

/* Lends size octets of room for replies, at least SMTP_REPLY_MAX, to be filled from the start. */
void smtp_output(struct smtp *s, char *room, size_t size);

/*
 * Gives the reply of the event before, then finds the next event.  False if
 * there is none: more input is needed; or the room is too small for another
 * reply, so send what is in it, lend it again, and go on; or smtp_closed().
 */
bool smtp_next(struct smtp *s, struct smtp_event *e);

/*
 * Replaces the reply of the event that smtp_next() just returned, which has
 * one.  code is 200 to 599; enhanced is the status code of RFC 3463, or NULL;
 * a '\n' in text begins a further line of the reply.  421 closes the session
 * (RFC 5321 3.8).  All of it must fit SMTP_REPLY_MAX.
 */
void smtp_reply(struct smtp *s, struct smtp_event *e, int code, const char *enhanced, const char *text);

/* Gives the reply of the event before, if that has not happened yet. */
void smtp_commit(struct smtp *s);

/* Closes the session with a 421 (RFC 5321 3.8), which replaces a reply not yet given. */
void smtp_close(struct smtp *s, const char *enhanced, const char *text);

/* The octets of replies given since smtp_output(). */
size_t smtp_written(const struct smtp *s);

/* The reply prepared and not yet given, with its line ends. */
struct span smtp_prepared(const struct smtp *s);

/* How many of the octets lent are still to be consumed: the last ones. */
size_t smtp_left(const struct smtp *s);

/* Whether the last reply has been given: nothing further is read or answered. */
bool smtp_closed(const struct smtp *s);

/* Whether mail data are under way: after the 354, before the reply at their end. */
bool smtp_in_data(const struct smtp *s);

#endif
