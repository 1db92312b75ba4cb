/*
 * command.h - the commands of the protocol engine: what smtp.c shares with
 * command.c, and nobody else needs.
 */
#ifndef COMMAND_H
#define COMMAND_H

#include "smtp.h"

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

#endif
