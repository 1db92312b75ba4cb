/*
 * inside.h - what the files of the engine share.
 */
#ifndef SMTP_INSIDE_H
#define SMTP_INSIDE_H

#include "base/base.h"
#include "base/problem.h"
#include "smtp.h"

/* ---- command ---- */

/*
 * the commands of the protocol engine: what smtp.c shares with
 * command.c, and nobody else needs.
 */

enum state {
    CONNECTED, /* nothing said yet */
    REFUSED,   /* the greeting was negative: only QUIT is answered; RFC 5321 3.1 */
    GREETED,
    READY, /* HELO, EHLO or LHLO done */
    AUTH,  /* a response to a challenge is awaited */
    MAIL,
    RCPT,
    DATA,
    CHUNKS, /* one chunk or more is there, and not the last */
    HANDSHAKE,
    CLOSED,
};

/* What response of AUTH is awaited. */
enum step { FIRST, PASSWORD, FAILED /* any, before it is told that it failed */ };

enum dot { NOWHERE, AFTER_CR, LINE_START, AFTER_DOT, AFTER_DOT_CR };

/* sets of states */
enum {
    HAVE_MAIL = 1 << MAIL | 1 << RCPT,
    GREETED_US = 1 << READY | HAVE_MAIL | 1 << CHUNKS,
    ANY = 1 << GREETED | GREETED_US,
    ALWAYS = ANY | 1 << REFUSED,
};

/*
 * A reply that is always the same, as it goes over the wire, so that to prepare
 * it is to copy it.  Where enhanced status codes are not offered, the octets of
 * its own are left out, with the blank behind them.
 */
struct smtp_canned {
    int16_t code;
    uint8_t enhanced; /* octets of the status code of RFC 3463 and its blank, 0 if it has none */
    uint8_t n;        /* octets in all */
    const char *wire;
};

/* code is a literal; enhanced is a status code and a blank, or ""; at most 255 octets in all. */
#define CANNED(code, enhanced, text) \
    { \
        code, sizeof(enhanced) - 1, sizeof(#code " " enhanced text "\r\n") - 1, #code " " enhanced text "\r\n" \
    }

/* As smtp_reply(). */
void command_reply(struct smtp *s, struct smtp_event *e, const struct smtp_canned *reply);

/* The engine's own verdict against a command; returns false for the parsers' sake. */
static inline bool command_refuse(struct smtp *s, struct smtp_event *e, int code, const char *enhanced,
                                  const char *text)
{
    s->legal = false;
    smtp_reply(s, e, code, enhanced, text);
    return false;
}

/* The same with a reply that is always the same. */
static inline void command_refuse_with(struct smtp *s, struct smtp_event *e, const struct smtp_canned *reply)
{
    s->legal = false;
    command_reply(s, e, reply);
}

/* As command_refuse(), for what the client got wrong. */
static inline bool command_offend(struct smtp *s, struct smtp_event *e, enum problem problem, int code,
                                  const char *enhanced, const char *text)
{
    problems_add(&e->problems, problem);
    return command_refuse(s, e, code, enhanced, text);
}

/* The same where that is taken all the same, unless to be strict; whether it is. */
static inline bool command_tolerate(struct smtp *s, struct smtp_event *e, enum problem problem, int code,
                                    const char *enhanced, const char *text)
{
    problems_add(&e->problems, problem);
    return !s->config->strict || command_refuse(s, e, code, enhanced, text);
}

/* None of the mail data have come yet. */
void command_begin_data(struct smtp *s);

/* Fills the event that the command in e->line is, and prepares its reply. */
void command_interpret(struct smtp *s, struct smtp_event *e);

/* The same of a line that answers a challenge of AUTH. */
void command_respond(struct smtp *s, struct smtp_event *e);

/* A browser or a script that was led here speaks HTTP; what follows must not be read as commands. */
bool command_is_http(struct span line);
void command_refuse_http(struct smtp *s, struct smtp_event *e);

/* ---- path ---- */

/*
 * the addresses of the envelope: RFC 5321 4.1.2 and 4.1.3, with
 * octets outside ASCII where RFC 6531 3.3 has them.
 */

/*
 * Looks for a path at the front of t: "<" [source-route] mailbox ">", or "<>".
 * Returns where it ends, or NULL if it is malformed.  *address becomes the
 * mailbox as written, without brackets and source route, and is empty for "<>";
 * it points into t.
 *
 * What mail servers take beyond the grammar is taken: missing brackets, a
 * mailbox without a domain, dots anywhere in a local part, underscores in a
 * domain, lengths beyond RFC 5321 4.5.3.1.  *problem says what of it is there,
 * and is PROBLEMS if the address is to the letter.  Only a forward-path may be
 * Postmaster without a domain (RFC 5321 4.1.1.3).
 */
const char *path_end(struct span t, bool forward, struct span *address, enum problem *problem);

/* Whether it is a domain or an address literal, to the letter; RFC 5321 4.1.2, 4.1.3. */
bool path_is_host(struct span t);

/* ---- dsn ---- */

/*
 * the values of the parameters for delivery status notifications:
 * RFC 3461, and RFC 6533 for addresses outside ASCII.
 */

/* Whether it is xtext that stands for printable ASCII; RFC 3461 4.  With utf8 octets outside ASCII may stand in it. */
bool dsn_is_xtext(struct span t, bool utf8);

/* NOTIFY: NEVER, or some of SUCCESS, FAILURE, DELAY, by comma, none *twice; RFC 3461 4.1 */
bool dsn_is_notify(struct span t, bool *twice);

/* ORCPT: the type of an address, ";" and the address in xtext; RFC 3461 4.2 */
bool dsn_is_orcpt(struct span t, bool utf8);

#endif
