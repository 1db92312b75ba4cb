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
#include "report/report.h"
#include "serve/rules.h"
#include "serve/server.h"
#include "smtp.h"
#include "store/store.h"

/* ---- options ---- */

/*
 * the command line: one table, from which it is read and --help is
 * printed.
 */

enum {
    OPTIONS_ENDPOINTS_MAX = 16,
    OPTIONS_PASSED_MAX = 16,
    OPTIONS_LOGINS_MAX = 64,
    OPTIONS_ENV_MAX = 64,
    OPTIONS_WHY_MAX = 1024, /* octets of a complaint, with the NUL */
};

/* The settings of each part stand in its own struct, which is passed to it. */
struct options {
    /* the run */
    struct expectation expected;
    bool counted; /* -n was given */
    bool keep;    /* go on until a signal */
    bool background;
    bool verbose, quiet, help, version;
    const char *transcript; /* a file, NULL: none */
    /* where it listens */
    struct endpoint endpoints[OPTIONS_ENDPOINTS_MAX + OPTIONS_PASSED_MAX];
    size_t n_endpoints;
    bool port_given;
    const char *port_file;
    /* where mail goes */
    struct store_options store; /* stream: -1, for the caller to set */
    bool format_given;
    const char *output; /* the file of the stream, NULL or "-": standard output */
    struct match matches[MATCH_MAX];
    /* the protocol */
    struct smtp_config smtp, lmtp;
    struct server_options server; /* without the other parts of the program, which the caller adds */
    struct rule rules[RULES_MAX];
    uint64_t seed;
    const char *logins[OPTIONS_LOGINS_MAX]; /* USER:PASSWORD */
    struct tls_options tls;
    bool starttls;
    const char *ca_file;
    /* the wrapped command */
    const char *env[OPTIONS_ENV_MAX];
    size_t n_env;
    char **command; /* NULL-terminated; command[0] is NULL if there is none */
    /* these follow from the others */
    bool wrapped; /* there is a command */
    bool told;    /* the command, or the shell that -b prints to, is told where mail appears */
    bool has_tls; /* STARTTLS or smtps:// */
    bool stdio;   /* standard input and output are a session, */
    bool alone;   /* and there is nothing else */
};

/*
 * Reads the command line into o, which is large, and zeroed.  Returns 0; or -1, and why says what is wrong and
 * what would be right.  Strings are borrowed from argv.
 */
int options_parse(struct options *o, int argc, char **argv, char why[OPTIONS_WHY_MAX]);

/* Fills in what the user did not say, and adds n_passed sockets of a service manager, at most OPTIONS_PASSED_MAX, to
   the endpoints.  o must not be moved from then on. */
void options_complete(struct options *o, size_t n_passed);

/* Frees what it holds. */
void options_close(struct options *o);

/* Prints what --help prints, on standard output.  -1 with errno on failure. */
int options_help(void);

/* ---- announce ---- */

/*
 * Tells others where the program listens: files that exist from the start of a
 * run to its end, the service manager, a shell.
 *
 * Functions that return int give -1 with errno on failure.
 */

/* A file with a text in it.  The caller allocates it, zeroed. */
struct announce_file {
    const char *path;
    const char *text;
    size_t n;
    bool waits;   /* it is a FIFO that nobody has read yet */
    bool made;    /* it is removed at the end */
    dev_t device; /* if it is still this file */
    ino_t inode;
};

/*
 * Writes n octets of text to the file of this path, whole or not at all, and
 * replaces an old file.  The target of a link, a device or a FIFO is written to
 * instead.  If nobody reads a FIFO, f->waits is set: call announce_go_on() from
 * time to time.  Both strings are borrowed until announce_remove().
 */
int announce_file(struct announce_file *f, const char *path, const char *text, size_t n);

/* Tries again to write to a FIFO. */
void announce_go_on(struct announce_file *f);

void announce_remove(struct announce_file *f);

/* Tells the service manager of NOTIFY_SOCKET, if it is set, that the program is ready (sd_notify(3)), without waiting;
   unsets the variable. */
int announce_ready(void);

/* Prints "NAME=VALUE; " for a shell, in quotes if they are needed; see ferror(stdout) for a failure. */
void announce_assignment(const char *name, const char *value);

/* ---- wrap ---- */

/* The wrapped command: environment, start, signals, status. */

/* For its environment; text, borrowed. */
struct wrap_place {
    const char *host, *port, *url, *directory;
    const char *ca_file; /* NULL: none */
};

/* A command.  The caller allocates it. */
struct wrap {
    pid_t pid;
    bool group; /* it leads a process group of its own */
    bool ended;
    int status; /* of wait(2), once it has ended */
};

/*
 * Starts argv[0], looked up in PATH, with SMTP_HOST, SMTP_PORT, SMTP_URL,
 * FAKESMTP_DIR, SMTP_CA_FILE if there is a ca_file, and n templates NAME=TEXT in
 * its environment; in these %h %p %u %d %% are replaced.  -1 with errno if it
 * cannot be run; no process is left then.
 */
int wrap_start(struct wrap *w, char **argv, const struct wrap_place *place, const char *const *templates, size_t n);

/* Sets w->ended if it has ended, without waiting. */
void wrap_reap(struct wrap *w);

/* Sends a signal to its process group, or to the command alone if it has no group of its own; then continues what is
   stopped. */
void wrap_signal(const struct wrap *w, int signal);

/* Its exit status as in a shell: 128 and the number of the signal if one ended it. */
int wrap_exit_status(const struct wrap *w);

/* ---- signals ---- */

/* Signals that can be polled: SIGTERM, SIGHUP and SIGINT, which ask for the end, and SIGCHLD. */

/* The caller allocates it, zeroed; only one can be open in a process. */
struct signals {
    int pipe[2];            /* pipe[0] is to be polled; handlers write to pipe[1] */
    unsigned char came[64]; /* read from the pipe, but not taken yet */
    size_t n;
    bool open;
};

struct signals_one {
    int number;
    bool from_terminal; /* sent by it to the whole process group */
};

/*
 * Begins to catch them; an ignored one stays ignored, as nohup(1) wants it.
 * From the first signal on, and after SIGALRM, system calls that block are
 * interrupted each second, so that no write waits for ever.  A write to a closed
 * connection, or beyond the limit of a file's size, is an error and no signal.
 * -1 with errno on failure.
 */
int signals_open(struct signals *s);

/* Reads the signals that came.  Whether one that is not taken yet asks for the end. */
bool signals_read(struct signals *s);

/* Takes the first one; false if there is none. */
bool signals_take(struct signals *s, struct signals_one *one);

const char *signals_name(int number);

/* Ends the process by this signal, so that a shell sees it. */
void signals_die(int number);

#endif
