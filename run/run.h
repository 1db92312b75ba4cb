/*
 * run.h - what a run has around it.
 */
#ifndef RUN_RUN_H
#define RUN_RUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "mail/mail.h"
#include "net/net.h"
#include "serve/rules.h"

/* ---- options ---- */

/*
 * the command line: one table, from which it is read and --help is
 * printed.
 */

enum {
    OPTIONS_ENDPOINTS_MAX = 16,
    OPTIONS_LOGINS_MAX = 64,
    OPTIONS_ENV_MAX = 64,
    OPTIONS_WHY_MAX = 1024, /* octets of a complaint, with the NUL */
};

enum options_format { OPTIONS_EML, OPTIONS_MBOX, OPTIONS_JSON, OPTIONS_TEXT, OPTIONS_NONE };

struct options {
    /* what is awaited */
    bool counted;         /* -n was given */
    uint64_t min, max;    /* messages; max UINT64_MAX: any number */
    uint64_t connections; /* 0: not awaited */
    int64_t time, linger; /* milliseconds; time -1: no limit */
    bool keep;
    struct match matches[MATCH_MAX];
    size_t n_matches;
    bool strict;
    /* where it listens */
    bool port_given;
    struct endpoint endpoints[OPTIONS_ENDPOINTS_MAX];
    size_t n_endpoints;
    const char *port_file;
    bool background;
    /* where mail goes */
    const char *directory, *maildir, *output;
    enum options_format format;
    bool stream;             /* -f or -o was given */
    const char *attachments; /* a directory */
    bool headers, crlf, fsync;
    /* the protocol */
    const char *hostname;
    uint64_t max_size, max_recipients, max_connections;
    uint64_t busy_poll; /* microseconds, 0: not at all */
    int64_t idle;
    struct rule rules[RULES_MAX];
    size_t n_rules;
    uint64_t seed;
    unsigned hidden;                        /* extensions, as smtp.h has them */
    const char *logins[OPTIONS_LOGINS_MAX]; /* USER:PASSWORD */
    size_t n_logins;
    bool require_auth, require_tls;
    bool tls; /* STARTTLS is offered */
    const char *cert, *key, *ca_file;
    /* what is shown */
    bool verbose, quiet, help, version;
    const char *transcript;
    /* the wrapped command */
    const char *env[OPTIONS_ENV_MAX];
    size_t n_env;
    char **command; /* NULL-terminated; command[0] is NULL if there is none */
};

/*
 * Reads the command line into o, which is large, and zeroed.  Returns 0; or -1, and why says what is wrong and
 * what would be right.  Strings are borrowed from argv.
 */
int options_parse(struct options *o, int argc, char **argv, char why[OPTIONS_WHY_MAX]);

/* Frees what it holds. */
void options_close(struct options *o);

/* Whether one of the endpoints is of this kind. */
bool options_have_stdio(const struct options *o);
bool options_have_smtps(const struct options *o);

/* Prints what --help prints, on standard output.  -1 with errno on failure. */
int options_help(void);

/* ---- announce ---- */

/*
 * tells others that we listen, and where: files that are there
 * from the start of a run to its end, the service manager, a shell.
 *
 * Functions that return int give -1 with errno on failure.
 */

/* A file that tells something.  The caller allocates it, zeroed. */
struct announce_file {
    const char *path;
    const char *text;
    size_t n;
    bool waits; /* it is a FIFO that nobody reads yet */
    bool made;  /* it is to be removed, if it is still the same: */
    dev_t device;
    ino_t inode;
};

/*
 * Writes n octets of text to the file of this path, whole or not at all, and
 * replaces what is there; but what a link leads to, a device or a FIFO is
 * written to; while nobody reads a FIFO, f->waits, and announce_go_on() is to be
 * called from time to time.  Both strings are borrowed until announce_remove().
 */
int announce_file(struct announce_file *f, const char *path, const char *text, size_t n);

/* Looks again whether a FIFO is read by now. */
void announce_go_on(struct announce_file *f);

void announce_remove(struct announce_file *f);

/* Tells a service manager, if NOTIFY_SOCKET names one, that we are ready (sd_notify(3)), without waiting; the
   variable is then unset. */
int announce_ready(void);

/* Prints "NAME='value'; " for a shell, in quotes where they are needed; ferror(stdout) tells whether it could. */
void announce_assignment(const char *name, const char *value);

/* ---- wrap ---- */

/*
 * the wrapped command: its environment, its start, its signals, its
 * status.
 */

/* What the command is told; text, borrowed. */
struct wrap_place {
    const char *host, *port, *url, *directory;
    const char *ca_file; /* NULL: there is none */
};

/* A command.  The caller allocates it. */
struct wrap {
    pid_t pid;
    bool group; /* it leads a process group of its own */
    bool ended;
    int status; /* once it has ended, as wait(2) gives it */
};

/*
 * Starts argv[0], looked up in PATH, with SMTP_HOST, SMTP_PORT, SMTP_URL,
 * FAKESMTP_DIR, and perhaps SMTP_CA_FILE in its environment, and n templates NAME=TEXT filled in (%h %p
 * %u %d %%).  -1 with errno if it cannot be run; nothing is left of it then.
 */
int wrap_start(struct wrap *w, char **argv, const struct wrap_place *place, const char *const *templates, size_t n);

/* Takes notice of its end, if it has ended. */
void wrap_reap(struct wrap *w);

/*
 * Passes a signal on: to all of its process group, or to the command alone
 * where it shares ours with a terminal.  Who is stopped is woken for it.
 */
void wrap_signal(const struct wrap *w, int signal);

/* Its exit status as a shell has it: 128 and the number of the signal that ended it. */
int wrap_exit_status(const struct wrap *w);

/* ---- signals ---- */

/*
 * signals as something to be read: SIGTERM, SIGHUP and SIGINT, that
 * ask for the end, and SIGCHLD.
 */

/* The caller allocates it, zeroed; only one can be open in a process. */
struct signals {
    int pipe[2];            /* the handlers write, we read: pipe[0] is to be polled */
    unsigned char came[64]; /* what was read there, and is not taken yet: */
    size_t n;
    bool open;
};

struct signals_one {
    int number;
    bool from_terminal; /* which sends it to all who share it */
};

/*
 * Begins to catch them; one that is ignored, as nohup(1) has it, stays ignored.
 * From the first one on, and after SIGALRM, whatever waits is interrupted each
 * second: no write, to whomever, may wait for ever.  A write to a peer that is
 * gone, or beyond the limit of a file's size, is an error and no signal.  -1
 * with errno on failure.
 */
int signals_open(struct signals *s);

/* Reads which ones came.  Whether one of those not taken yet asks for the end. */
bool signals_read(struct signals *s);

/* Takes the first of them; false if there is none. */
bool signals_take(struct signals *s, struct signals_one *one);

const char *signals_name(int number);

/* Dies of the signal, so that a shell sees it. */
void signals_die(int number);

#endif
