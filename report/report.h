/* SPDX-License-Identifier: ISC */
/*
 * report.h - what is said to people: console, dialogue, listing and verdict.
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

/* ---- lines for a reader that may be slow ---- */

enum { LINES_PATIENCE = 1000 /* milliseconds that a reader has */ };

/* Lines on their way to a descriptor. */
struct lines {
    int fd; /* 0: there is none */
    bool is_file;
    bool at_end;       /* what is written ends with a line */
    struct text queue; /* what the reader has not taken yet, */
    size_t done;       /* after these octets, */
    size_t old;        /* and up to here it came before since */
    int64_t since;
    uint64_t lost; /* lines that the reader did not take */
    int error;     /* errno of the first write that failed; 0: none */
};

/* fd stays open if it is standard error; any other becomes that of l. */
void lines_open(struct lines *l, int fd);

/* Adds text that ends with a line.  Never blocks: what the reader does not take waits for a second, and is then lost.
 */
void lines_put(struct lines *l, const char *text, size_t n);

/* Whether lines wait: lines_go_on() tries again, and drops the old ones. */
static inline bool lines_wait(const struct lines *l) { return l->queue.n > 0; }
void lines_go_on(struct lines *l);

/* Waits for the reader until a time of clock_now() at most, and drops what it has not taken then. */
void lines_end(struct lines *l, int64_t until);

/* ---- the console: messages, the dialogue and a status line on standard error ---- */

enum {
    CONSOLE_TAIL_LINES = 24, /* lines of the dialogue that are kept for a run that fails */
    CONSOLE_TAIL_MAX = 120,  /* octets of each */
};

struct console {
    bool quiet;    /* errors only */
    bool dialogue; /* print the dialogue as it happens */
    bool terminal; /* standard error is a terminal that knows control sequences */
    bool colour;
    bool status; /* a status line is shown */
    struct lines out;
    struct text *said; /* lines are added here; NULL: they are printed */
    struct console_kept {
        uint64_t session;
        char who;
        unsigned char n;
        char text[CONSOLE_TAIL_MAX];
    } tail[CONSOLE_TAIL_LINES]; /* a ring of the last lines of the dialogue */
    uint64_t lines;             /* added to the ring so far */
};

/* The caller sets quiet and dialogue. */
void console_open(struct console *c);

/* Prints "fakesmtp: ", the text as printf(3) formats it, and a line end. */
#if defined(__GNUC__)
__attribute__((format(printf, 2, 3)))
#endif
void console_line(struct console *c, const char *format, ...);

/* The ending of a noun after the number n: "" or "s". */
static inline const char *console_plural(uint64_t n) { return n == 1 ? "" : "s"; }

/* Prints a line of the dialogue, or keeps it.  who is 'C' for the client, 'S' for the server, '!' for a problem.  Text
   from the client is escaped. */
void console_dialogue(struct console *c, uint64_t session, char who, struct span text);

/* Prints the lines of the dialogue that were kept. */
void console_tail(struct console *c);

/* Shows text, which is ASCII, as the status line of a terminal; "" removes the line. */
void console_status(struct console *c, const char *text);

/* ---- the dialogue: commands and replies, without secrets and mail data ---- */

/* The caller allocates it.  Lines go to the console and to the transcript, which has no times, ports, sizes or random
   text. */
struct dialogue {
    struct console *console;
    bool unseen;             /* nobody will see the dialogue: lines are not composed */
    bool amiss;              /* a session did not go well: the end of the dialogue may tell why */
    bool kept;               /* for each session the lines of its transcript are kept, for a page */
    struct lines transcript; /* fd 0: none */
    void *sessions;          /* a tree of the kept lines */
};

/* Adds the command of an event, or the end of mail data. */
void dialogue_client(struct dialogue *d, uint64_t session, const struct smtp_event *e);

/* Adds mail data that are cut off.  The transcript does not get how far they came. */
void dialogue_cut_off(struct dialogue *d, uint64_t session, const struct smtp_progress *p);

/* Adds a reply of one or more lines, with their line ends; e is the event that it answers, NULL: it answers none.  The
   transcript does not get a challenge of CRAM-MD5 or SCRAM, which is random, nor the end of the dialogue the
   capabilities. */
void dialogue_reply(struct dialogue *d, uint64_t session, struct span reply, const struct smtp_event *e);

/* Adds what a rule does apart from a reply: a delay in milliseconds, or 0; the word for an action, or NULL. */
void dialogue_rule(struct dialogue *d, uint64_t session, int64_t delay, const char *action);

/* Adds a problem.  The transcript does not get it, as some problems depend on how octets arrive. */
void dialogue_problem(struct dialogue *d, uint64_t session, enum problem problem);

/* Adds what a header of the PROXY protocol says: the address of the client, "" if it has none; or why there is no good
   one, NULL if there is. */
void dialogue_proxy(struct dialogue *d, uint64_t session, const char *address, const char *why);

/* Adds the result of a handshake: what is the version of TLS if it is good, else the reason. */
void dialogue_tls(struct dialogue *d, uint64_t session, bool good, const char *what);

/* A mail of a session has ended.  Returns the kept lines, "C: NOOP": those up to the first MAIL, and those since the
   mail before.  They live until the next line of the session.  n 0: there are none. */
struct span dialogue_end_mail(struct dialogue *d, uint64_t session);

/* Frees the lines of a session that has ended. */
void dialogue_forget(struct dialogue *d, uint64_t session);

/* ---- the listing: a line for each message, for a run that did not get what it expected ---- */

enum { LISTING_MAX = 50 /* messages that have a line */ };

/* The caller zeroes it, and sets several. */
struct listing {
    bool several; /* expectations: say which of them a message counts for */
    char *lines[LISTING_MAX];
    size_t n;
    uint64_t more; /* messages beyond these */
};

/* Whether one more message will have a line. */
static inline bool listing_has_room(const struct listing *l) { return l->n < LISTING_MAX; }

/* Adds a line for a message, for which there is room. */
void listing_add_line(struct listing *l, const struct mail *mail, struct span head);

/* Adds a message.  head is its first octets. */
static inline void listing_add(struct listing *l, const struct mail *mail, struct span head)
{
    if (listing_has_room(l))
        listing_add_line(l, mail, head);
    else
        l->more++; /* no call, as a run may take a million */
}

void listing_close(struct listing *l);

/* ---- the verdict: what came in a run, held against what was expected ---- */

/* The counts of a run.  The caller zeroes it. */
struct tally {
    uint64_t spoken;                         /* sessions whose client has said something */
    uint64_t taken;                          /* mails stored whose 250 was sent */
    uint64_t counted[MAIL_EXPECTATIONS_MAX]; /* mails taken that fit an expectation, */
    uint64_t pending[MAIL_EXPECTATIONS_MAX]; /* and those that may yet be: being stored, or their 250 is on its way */
    uint64_t others;                         /* mails taken that fit none */
    uint64_t present;                        /* bits of the matches whose field was in a mail */
    uint64_t refused;                        /* mails that were complete and not taken */
    uint64_t unheard;                        /* mails stored whose client left before the 250 was sent */
    uint64_t cut_off;                        /* mails that ended too early; */
    struct smtp_progress cut;                /* how far the first of them came, */
    uint64_t cut_in;                         /* and in which session */
    uint64_t unproxied;                      /* connections without a good header of the PROXY protocol */
    uint64_t tls_failed;                     /* connections whose handshake failed */
    uint64_t failed;                         /* mails that could not be stored */
    int error;                               /* errno of the first of them */
    char culprit[256];                       /* what failed then */
    bool reader_gone;                        /* the reader of a stream has closed it */
    struct listing came;                     /* mails stored */
    struct tally_problem {
        uint64_t n;       /* how often it was seen */
        uint64_t session; /* where it was seen first; or message, where there is none */
    } problems[PROBLEMS];
};

/* The exit statuses of the program, apart from those of the command that it runs. */
enum { AS_EXPECTED, NOT_AS_EXPECTED, USAGE, NOT_STARTED, NOT_WRITTEN, TIMED_OUT = 124, NOT_RUN = 126, NOT_FOUND };

/* The event that ended a run. */
enum cause { NOTHING, ENOUGH, CONNECTIONS, SESSION_ENDED, LIMIT, SIGNALLED, COMMAND_ENDED, OUTPUT_FAILED };

struct expectation {
    uint64_t min, max; /* mails that fit it; max UINT64_MAX: any number */
    bool counted;      /* -n was given */
    bool matching;     /* only mails that match fit it */
};

/* The expectations of a run. */
struct expectations {
    struct expectation each[MAIL_EXPECTATIONS_MAX];
    size_t n;                /* of these, at least 1 */
    uint64_t connections;    /* 0: any number */
    int64_t time, linger;    /* milliseconds; time -1: no limit */
    bool only;               /* each mail fits one */
    bool strict;             /* clients keep to the protocol, and each rule fires */
    struct problems allowed; /* that do not matter to strict */
};

/* Whether the last expectation says anything. */
static inline bool expectations_said(const struct expectations *all)
{
    return all->each[all->n - 1].counted || all->each[all->n - 1].matching;
}

/* A run that is over.  Everything is borrowed. */
struct verdict {
    const struct expectations *expected;
    const struct tally *tally;
    const struct match *matches; /* of all expectations */
    size_t n_matches;
    const char *const *unfired; /* the rules that never fired, as they were given */
    size_t n_unfired;
    enum cause cause;
    const char *signal;  /* the name of the signal that ended the run */
    const char *command; /* NULL: there was none */
    int command_status;  /* as wait(2) gives it */
    int exit_status;     /* the same as a shell gives it */
    bool limit_hit;      /* the command still ran at the time limit */
    bool reading;        /* messages came from files, not from clients */
    bool interrupted;    /* SIGINT ended it, and not the command alone */
};

/* Counts a mail as pending for these expectations, and no longer for those before. */
void counts_await(struct tally *v, uint64_t before, uint64_t fits);

/* Counts a mail as taken, for the expectations that it fits. */
void counts_take(struct tally *v, uint64_t fits);

/* Counts a mail that could not be stored. */
void counts_fail(struct tally *v, const struct failure *why);

/* Counts a problem; where is the number of its session, or of the message where there is none. */
void counts_note(struct tally *v, enum problem problem, uint64_t where);

/* Whether an expectation lacks mail; one that no mail should fit does until one has come. */
bool counts_lack_mail(const struct expectations *o, const struct tally *v);

/* Whether more mail is of no use: each expectation has its maximum, or one has more than that.  pending: those that may
   yet be counted are. */
bool counts_are_settled(const struct expectations *o, const struct tally *v, bool pending);

/* Writes how far a run is, "waiting: 1 of 3 messages, 12 s left".  left is milliseconds; -1: there is no limit. */
void counts_progress(const struct expectations *o, const struct tally *v, int64_t left, char *text, size_t size);

enum { REASON_MAX = 4096 /* octets of a reason, with its NUL */ };

/* Returns the exit status.  reason says in one line why the run was not as expected; "" if it was. */
int verdict_judge(const struct verdict *j, char reason[REASON_MAX]);

/* Prints what explains the reason, which the caller prints after it: the rules that never fired, how many
   messages a command sent, the problems of clients, and the messages. */
void verdict_explain(const struct verdict *j, int status, const char *reason, struct console *console);

/* Adds the end of a page: the verdict, and what verdict_explain() prints, without the messages. */
void verdict_add_page(const struct verdict *j, int status, const char *reason, struct text *page);

#endif
