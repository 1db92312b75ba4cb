/*
 * report.h - console, dialogue and verdict: the words for people.
 */
#ifndef REPORT_REPORT_H
#define REPORT_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/base.h"
#include "base/problem.h"
#include "mail/mail.h"
#include "smtp.h"

/* ---- console ---- */

/*
 * Standard error: messages, the dialogue, the status line.  Text from a client
 * is escaped here.
 */

enum {
    CONSOLE_TAIL_LINES = 24, /* of the dialogue, kept for a run that fails */
    CONSOLE_TAIL_MAX = 120,  /* octets of each */
    CONSOLE_LINE_MAX = 4096, /* octets of a line that is printed, with the NUL */
};

struct console {
    bool quiet;    /* errors only */
    bool dialogue; /* print it as it happens */
    bool terminal; /* standard error is one */
    bool colour;
    bool status; /* a status line is shown */
    bool stuck;  /* a signal has interrupted a write: further writes wait for a moment only */
    bool deaf;   /* that wait was in vain: no further one until standard error takes something */
    struct console_kept {
        uint64_t session;
        char who;
        unsigned char n;
        char text[CONSOLE_TAIL_MAX];
    } tail[CONSOLE_TAIL_LINES]; /* a ring of the last lines of the dialogue */
    uint64_t lines;             /* put into it so far */
};

/* The ending of a noun after the number n: "" or "s". */
static inline const char *console_plural(uint64_t n) { return n == 1 ? "" : "s"; }

void console_open(struct console *c, bool quiet, bool dialogue);

/*
 * Writes text for a person to read into out, which holds size octets, at least
 * 8, with the NUL.  Printable ASCII and visible UTF-8 stay as they are; all else
 * becomes \xHH, and a backslash \\.  Text that does not fit ends in "...".
 * Returns the length.
 */
size_t console_escape(char *out, size_t size, struct span text);

/* Prints a line: "fakesmtp: " and the rest as printf(3) formats it. */
#if defined(__GNUC__)
__attribute__((format(printf, 2, 3)))
#endif
void console_line(struct console *c, const char *format, ...);

/*
 * Writes a line of the dialogue into out, which holds size octets, with its
 * line end: "2 C: NOOP".  Returns the length.
 */
size_t console_format(char *out, size_t size, uint64_t session, char who, struct span text, bool colour);

/* Prints or keeps a line of the dialogue.  who is 'C' for the client, 'S' for the server, '!' for a problem. */
void console_dialogue(struct console *c, uint64_t session, char who, struct span text);

/* Prints the lines of the dialogue that are kept. */
void console_tail(struct console *c);

/* Shows text, plain ASCII, as the status line on a terminal; "" removes the line. */
void console_status(struct console *c, const char *text);

/* ---- dialogue ---- */

/*
 * Commands and replies as lines of the dialogue, without secrets and mail data.
 * They go to the console and to a transcript.
 */

/* The caller allocates it. */
struct dialogue {
    struct console *console;
    bool unseen;      /* nobody will see the dialogue: no line needs to be composed */
    FILE *transcript; /* NULL: none.  It has no times, no ports, no sizes of mail, and nothing random */
    int error;        /* errno of the first write to it that failed; 0 if none did */
};

/* Adds the command, or the end of mail data, of an event. */
void dialogue_client(struct dialogue *d, uint64_t session, const struct smtp_event *e);

/* Adds a reply of one line or several, with line ends.  masked: it is a challenge of CRAM-MD5, which is random. */
void dialogue_reply(struct dialogue *d, uint64_t session, struct span reply, bool masked);

/* Adds the effect of a rule other than a reply: a delay in milliseconds, or 0; an action in a word, or NULL. */
void dialogue_rule(struct dialogue *d, uint64_t session, int64_t delay, const char *action);

/* Adds a problem, but not to the transcript, as it can depend on how octets arrive. */
void dialogue_problem(struct dialogue *d, uint64_t session, enum problem problem);

/* Adds the result of a handshake: the version of TLS, or the reason of a failure. */
void dialogue_tls(struct dialogue *d, uint64_t session, bool good, const char *what);

/* ---- listing ---- */

/*
 * The messages that came, a line for each, for a run that did not get what it
 * expected.
 */

enum {
    LISTING_MAX = 50,       /* messages that have a line */
    LISTING_TEXT_MAX = 120, /* octets of a text of the client, with a NUL */
};

/* The caller allocates it, zeroed. */
struct listing {
    char *lines[LISTING_MAX];
    size_t n;
    uint64_t more; /* messages beyond these */
};

/* Whether one more message will have a line. */
bool listing_has_room(const struct listing *l);

/* Adds a message, which begins with head.  Text of the client is escaped. */
void listing_add(struct listing *l, const struct mail *mail, struct span head);

void listing_close(struct listing *l);

/* ---- tally ---- */

/* What came in a run, counted for its verdict.  Zeroed at first. */
struct tally {
    uint64_t spoken;     /* sessions whose client has said something */
    uint64_t stored;     /* mails stored, whatever became of the reply */
    uint64_t taken;      /* mails stored, and their 250 sent; */
    uint64_t counted;    /* those among them that match, */
    uint64_t pending;    /* and of those their 250 is on its way, or they may yet be stored */
    uint64_t refused;    /* mails that were complete, and were not taken */
    uint64_t unheard;    /* mails stored, but the client was gone before its 250 could be sent */
    uint64_t cut_off;    /* mails that did not come to their end */
    uint64_t tls_failed; /* connections that came to no TLS */
    uint64_t failed;     /* mails that could not be stored; of the first of them: */
    int error;           /* errno, and */
    char culprit[256];   /* what failed */
    bool reader_gone;    /* the reader of a stream has closed it */
    struct listing came; /* what was stored */
    struct tally_problem {
        uint64_t n;       /* how often, */
        uint64_t session; /* and in which session first */
    } problems[PROBLEMS]; /* what clients got wrong */
};

/* ---- verdict ---- */

/* The status that the process ends with, beside the command's own. */
enum { AS_EXPECTED, NOT_AS_EXPECTED, USAGE, NOT_STARTED, NOT_WRITTEN, TIMED_OUT = 124, NOT_RUN = 126, NOT_FOUND };

/* What ended a run. */
enum cause { NOTHING, ENOUGH, CONNECTIONS, SESSION_ENDED, LIMIT, SIGNALLED, COMMAND_ENDED, OUTPUT_FAILED };

/* What was expected of a run. */
struct expectation {
    uint64_t min, max;    /* mails; max UINT64_MAX: any number */
    uint64_t connections; /* 0: any number */
    int64_t time, linger; /* milliseconds; time -1: no limit */
    bool matching;        /* only mails that match count */
    bool strict;          /* clients keep to the protocol, and each rule fires */
};

/* A run that is over.  Borrowed. */
struct verdict {
    const struct expectation *expected;
    const struct tally *tally;
    const char *const *unfired; /* the rules that never fired, as they were given; */
    size_t n_unfired;           /* so many */
    enum cause cause;
    const char *signal;  /* the name of the one that ended the run */
    const char *command; /* NULL: there was none; */
    int command_status;  /* its status as wait(2) has it, */
    int exit_status;     /* and as a shell has it */
    bool limit_hit;      /* by the command */
    bool interrupted;    /* by SIGINT, and it was ours to take, not the command's */
};

/* Says on one line why the run was not as expected, if it was not, and on further lines what came, what clients got
   wrong, and what rules never fired.  Returns the status. */
int verdict_tell(const struct verdict *j, struct console *console);

#endif
