/*
 * report.h - what is said to people.
 */
#ifndef REPORT_REPORT_H
#define REPORT_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/base.h"
#include "mail/mail.h"
#include "smtp.h"

/* ---- console ---- */

/*
 * everything that is said to people, on standard error: messages, the
 * dialogue, the status line.  Text from a client is escaped here.
 */

enum {
    CONSOLE_TAIL_LINES = 24, /* of the dialogue, kept for a run that fails */
    CONSOLE_TAIL_MAX = 120,  /* octets of each */
    CONSOLE_LINE_MAX = 4096, /* octets of a line that is printed, with the NUL */
};

struct console {
    bool quiet;    /* errors only */
    bool dialogue; /* as it happens */
    bool terminal; /* standard error is one */
    bool colour;
    bool status; /* a status line is there */
    bool stuck;  /* standard error made us wait until a signal came: it is waited for a second more, */
    bool deaf;   /* and when that was in vain, no longer, until it takes something */
    struct console_kept {
        uint64_t session;
        char who;
        unsigned char n;
        char text[CONSOLE_TAIL_MAX];
    } tail[CONSOLE_TAIL_LINES]; /* the last lines of the dialogue: a ring, */
    uint64_t lines;             /* of so many so far */
};

/* The end of a noun in the plural, or not. */
static inline const char *console_plural(uint64_t n) { return n == 1 ? "" : "s"; }

void console_open(struct console *s, bool quiet, bool dialogue);

/*
 * Writes text for a person to read into out, which holds size octets, at least
 * 8, and ends it with NUL: printable ASCII and visible UTF-8 as they are, all
 * else, and the backslash, as \xHH or \\.  What does not fit ends in "...".
 * Returns the length.
 */
size_t console_escape(char *out, size_t size, struct span text);

/* Prints a line of ours: "fakesmtp: " and what printf makes of the rest. */
#if defined(__GNUC__)
__attribute__((format(printf, 2, 3)))
#endif
void console_line(struct console *s, const char *format, ...);

/*
 * Writes a line of the dialogue into out, which holds size octets, with its
 * line end: "2 C: NOOP".  Returns the length.
 */
size_t console_format(char *out, size_t size, uint64_t session, char who, struct span text, bool colour);

/* A line of the dialogue in a session; who is 'C' for the client, 'S' for the server, '!' for what was odd. */
void console_dialogue(struct console *s, uint64_t session, char who, struct span text);

/* Prints what is kept of the end of the dialogue, unless it has been printed. */
void console_tail(struct console *s);

/* Shows text, plain ASCII, as the status line, where there is a terminal; "" takes it away. */
void console_status(struct console *s, const char *text);

/* ---- dialogue ---- */

/*
 * what is said in a session, as lines of the dialogue: no secrets, no
 * mail data.  They go to standard error, or to the lines kept for a run that
 * fails, and to a transcript.
 */

/* The caller allocates it. */
struct dialogue {
    struct console *console;
    bool unseen;      /* nobody will see any of what is said: it need not be put together */
    FILE *transcript; /* NULL: none.  It has no times, no ports, no sizes of mail, and nothing random */
    int error;        /* errno of the first write to it that failed, 0 if none did */
};

/* What the client said, before the event is judged. */
void dialogue_client(struct dialogue *t, uint64_t session, const struct smtp_event *e);

/* A reply, of one line or several, with its line ends.  masked: it is a challenge of CRAM-MD5, another one each time.
 */
void dialogue_reply(struct dialogue *t, uint64_t session, struct span reply, bool masked);

/* What a rule has done beside a reply: a delay of so many milliseconds, 0 for none; an action in a word, NULL for none.
 */
void dialogue_rule(struct dialogue *t, uint64_t session, int64_t delay, const char *action);

/* What the client got wrong; not in the transcript, as it can depend on how its octets arrive. */
void dialogue_problem(struct dialogue *t, uint64_t session, enum problem problem);

/* What came of a handshake: the version of TLS, or why there is none. */
void dialogue_tls(struct dialogue *t, uint64_t session, bool good, const char *what);

/* ---- listing ---- */

/*
 * the messages that came, a line for each, for a run that did not
 * get what it expected.
 */

enum {
    LISTING_MAX = 50,        /* messages that are told of one by one */
    LISTING_TEXT_MAX = 120,  /* octets of a text of the client, with a NUL */
    LISTING_HEAD_MAX = 8192, /* octets of a message in which its subject is looked for */
};

/* The caller allocates it, zeroed. */
struct listing {
    char *lines[LISTING_MAX];
    size_t n;
    uint64_t more; /* messages beyond these */
};

/* Whether a message that comes now will be told of. */
bool listing_has_room(const struct listing *l);

/* Adds a message; head is how it begins.  Text of the client is escaped. */
void listing_add(struct listing *l, const struct mail *mail, struct span head);

void listing_close(struct listing *l);

#endif
