/* SPDX-License-Identifier: ISC */
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
 *         ...;                             perhaps replace the reply: smtp_reply()
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

#include "smtp/event.h"
#include "smtp/inside.h"

/* Begins a session; config is borrowed.  nonce differs in each session, so that no challenge repeats. */
void smtp_init(struct smtp *s, const struct smtp_config *config, uint64_t nonce);

/*
 * Lends the session n octets of the client: those that smtp_left() gave back,
 * then new ones.  They must stay in place until the next such call; events point
 * into them.  Base64 in them is decoded in place.  Secrets are wiped after their
 * reply is given, and so are octets that are dropped; the caller wipes secrets
 * that are never committed and the octets that are left.
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
 * there is none: more input is needed, or smtp_is_full(), or smtp_wants_tls(),
 * or smtp_closed().
 */
bool smtp_next(struct smtp *s, struct smtp_event *e);

/*
 * Replaces the reply of the event that smtp_next() just returned, which has
 * one.  code is 200 to 599; enhanced is the status code of RFC 3463, or NULL;
 * a '\n' in text begins a further line of the reply.  421 closes the session
 * (RFC 5321 3.8).  All of it must fit SMTP_REPLY_MAX.
 *
 * A 334 instead of the 235 of AUTH says that it failed, in the words of text:
 * whatever the client responds, the next reply is 535 (RFC 7628 3.2.3).  With
 * SCRAM it is the server's proof, and after an empty response comes 235.
 */
void smtp_reply(struct smtp *s, struct smtp_event *e, int code, const char *enhanced, const char *text);

/* The same with any reply, as it goes over the wire, and any code from 100 to 999. */
void smtp_reply_raw(struct smtp *s, struct smtp_event *e, int code, struct span wire);

/* Whether this code lets the event take effect: 3yz for DATA, 2yz or 3yz for AUTH, 2yz for all others. */
static inline bool smtp_is_positive(enum smtp_event_type event, int code)
{
    bool good = code >= 200 && code < 300, more = code >= 300 && code < 400;
    return event == SMTP_DATA ? more : good || (more && event == SMTP_AUTH);
}

/*
 * For MAIL, RCPT or DATA that was refused although its argument may be good, as
 * it is out of order, or a recipient too many: reads the argument.  Returns whether it is well-formed, so that
 * smtp_overrule() makes sense.
 */
bool smtp_read_argument(struct smtp *s, struct smtp_event *e);

/* Lets it take effect if a positive reply replaces the refusal.  Without MAIL before, the reverse-path is null. */
void smtp_overrule(struct smtp *s);

/* Whether a mail transaction is open; RFC 5321 3.3. */
static inline bool smtp_in_transaction(const struct smtp *s)
{
    return s->state == STATE_MAIL || s->state == STATE_RCPT || s->state == STATE_CHUNKS;
}

/* Whether the event just returned takes effect if its reply is positive, as HELO does even if its name is malformed. */
static inline bool smtp_may_be_taken(const struct smtp *s) { return s->legal; }

/* Gives the reply of the event before, if it is not given yet. */
void smtp_commit(struct smtp *s);

/* Closes the session with a 421 (RFC 5321 3.8), which replaces a reply not yet given. */
void smtp_close(struct smtp *s, const char *enhanced, const char *text);

/* The same with a reply of 421, as it goes over the wire. */
void smtp_close_raw(struct smtp *s, struct span wire);

/*
 * Whether the 220 to STARTTLS has been given: send it, shake hands, then call
 * smtp_secure().  All input lent before is dropped (RFC 3207 4.2).
 */
static inline bool smtp_wants_tls(const struct smtp *s) { return s->state == STATE_HANDSHAKE; }

/*
 * Says that TLS is in place.  Call it after the handshake that smtp_wants_tls()
 * asks for, and the session begins anew (RFC 3207 4.2); or before the first
 * smtp_next(), for TLS from the start (RFC 8314 3.3).
 */
void smtp_secure(struct smtp *s);

/* The name of the mechanism of the current AUTH, as it is offered. */
struct span smtp_mechanism(const struct smtp *s);

/* The challenge of the current AUTH CRAM-MD5, or the server's nonce of SCRAM, as a string of up to SMTP_CHALLENGE_MAX
   octets; returns its length. */
size_t smtp_challenge(const struct smtp *s, char *text);

/* An attribute of XCLIENT, which says of the client that a proxy speaks for: NAME, ADDR, PORT, ... */
struct smtp_attribute {
    struct span name; /* points into the command */
    bool unavailable; /* the proxy does not know the value */
    size_t n;
    char text[SMTP_HOSTNAME_MAX + 1]; /* the value, decoded: n octets and a NUL */
};

/* Whether there is an attribute of this name, in any case. */
bool smtp_is_attribute(struct span name);

/* Takes an attribute off the front of rest, which is not empty, and the blanks before it.  False if it is malformed;
   the engine has refused such a command. */
bool smtp_take_attribute(struct span *rest, struct smtp_attribute *a);

/* The octets of replies given since smtp_output(). */
static inline size_t smtp_written(const struct smtp *s) { return s->out_n; }

/* Whether the room is too small for another reply, so that smtp_next() returns false until it is lent again. */
static inline bool smtp_is_full(const struct smtp *s) { return s->out_size - s->out_n < SMTP_REPLY_MAX; }

/* The reply prepared and not yet given, with its line ends. */
static inline struct span smtp_prepared(const struct smtp *s) { return (struct span){s->out + s->out_n, s->reply_n}; }

/* How many of the octets lent are left, at their end: less than SMTP_AUTH_LINE_MAX once smtp_next() needs more. */
static inline size_t smtp_left(const struct smtp *s) { return (size_t)(s->in_end - s->in); }

/* Whether the last reply has been given: nothing further is read or answered. */
static inline bool smtp_closed(const struct smtp *s) { return s->state == STATE_CLOSED; }

/* Whether it takes further input: it is neither closed nor wants TLS. */
static inline bool smtp_goes_on(const struct smtp *s) { return !smtp_closed(s) && !smtp_wants_tls(s); }

/* Whether the current chunk is refused, whatever is in it. */
static inline bool smtp_refuses_chunk(const struct smtp *s) { return s->in_chunk && s->chunk_refused != NULL; }

/* Whether mail data are under way: after the 354 or the first BDAT, before the (last) reply at their end. */
bool smtp_in_message(const struct smtp *s);

/* How much of the mail data came, to be reported if they are cut off. */
struct smtp_progress {
    uint64_t octets;
    uint64_t missing;     /* of the current chunk */
    const char *ending;   /* DATA: "the last line ended in LF"; NULL: there is no line */
    const char *lone_dot; /* DATA: "LF.LF", which does not end them; NULL: there was none */
    bool whole;           /* their end has come */
};
struct smtp_progress smtp_progress(const struct smtp *s);

#endif
