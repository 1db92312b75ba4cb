/* SPDX-License-Identifier: ISC */
/*
 * run.h - what a run has around it: its options, the signals, its outputs,
 * telling others where it listens, and the command.
 *
 * Functions that return int give -1 with errno on failure, unless they say
 * otherwise.  Nothing here prints on standard error or ends the process, except
 * for signals.
 */
#ifndef RUN_RUN_H
#define RUN_RUN_H

#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "net/net.h"
#include "read/read.h"
#include "report/report.h"
#include "serve/serve.h"
#include "smtp.h"
#include "store/store.h"

/* ---- options ---- */

enum {
    OPTIONS_ENDPOINTS_MAX = 16,
    OPTIONS_PASSED_MAX = 16, /* sockets of a service manager */
    OPTIONS_LISTENERS_MAX = OPTIONS_ENDPOINTS_MAX + OPTIONS_PASSED_MAX,
    OPTIONS_LOGINS_MAX = 64,
    OPTIONS_ENV_MAX = 64,
    OPTIONS_MECHANISMS_MAX = RULES_MAX + SASL_MECHANISMS,
    OPTIONS_WHY_MAX = 1024, /* octets of a complaint, with the NUL */
};

/* The command line.  Each part's settings stand in the struct that the part takes.  Strings are borrowed from argv. */
struct options {
    /* the run */
    struct expectations expected;
    bool keep; /* go on until a signal */
    bool background, dotenv;
    bool verbose, quiet, help, version;
    const char *transcript; /* a file; NULL: none */
    /* where it listens */
    struct endpoint endpoints[OPTIONS_LISTENERS_MAX];
    size_t n_endpoints;
    int port;              /* of -p; -1: it was not given */
    const char *port_file; /* NULL: none */
    /* where mail goes */
    struct store_options store; /* output_open() sets the stream */
    const char *maildir;        /* NULL: none */
    bool format_given;
    const char *output; /* the file of the stream; NULL or "-": standard output */
    struct match matches[MATCH_MAX];
    /* mail that is in files already */
    struct read_options read; /* the caller sets store */
    /* the protocol */
    struct smtp_config smtp, lmtp;
    const char *offers[SMTP_OFFERS_MAX];        /* smtp.n_offers lines */
    struct span hidden[OPTIONS_MECHANISMS_MAX]; /* mechanisms of --hide */
    size_t n_hidden;
    struct span chosen[OPTIONS_MECHANISMS_MAX]; /* those of --auth-mechs */
    size_t n_chosen;
    char mechanisms[SMTP_MECHANISMS_MAX + 1]; /* those that are offered */
    struct server_options server;             /* the caller sets tls, store, console and dialogue */
    struct rule rules[RULES_MAX];
    struct match contents[RULES_MAX]; /* of rules; their texts are copies */
    uint64_t seed;
    char *logins[OPTIONS_LOGINS_MAX]; /* USER:PASSWORD; these are copies */
    struct tls_options tls;
    bool starttls;
    const char *ca_file; /* NULL: none */
    /* the wrapped command */
    const char *env[OPTIONS_ENV_MAX]; /* NAME=TEXT */
    size_t n_env;
    bool sendmail;       /* it gets a link named sendmail to this program */
    const char *program; /* argv[0] */
    char **command;      /* in argv, after its first word; command[0] is NULL if there is none */
    bool lacks_memory;   /* while they were read */
    /* these follow from the others */
    bool reading;   /* mail is taken from files, and nothing is listened on */
    bool wrapped;   /* there is a command, */
    bool separated; /* and "--" before it */
    bool told;      /* a command, or the shell that -b prints to, is told where mail appears */
    bool has_tls;   /* by STARTTLS or smtps:// */
    bool stdio;     /* standard input and output are a session, */
    bool alone;     /* and there is no other endpoint */
};

/* Reads the command line into o, which is zeroed.  Returns 0; or -1, and why says what is wrong and what would be
   right, or that memory ran out.  o->command is set, and so is what follows from the options, except o->alone. */
int options_parse(struct options *o, int argc, char **argv, char why[OPTIONS_WHY_MAX]);

/* Lists in o->mechanisms those of AUTH that are offered: those of --auth-mechs; or else the usual ones, and those whose
   steps are in rules.  Returns the same as options_parse(), which calls it. */
int settings_list_mechanisms(struct options *o, char *why);

/* Looks for options that do not go together; n_stdio endpoints and n_stdin paths are "-".  Returns the same as
   options_parse(), which calls it. */
int settings_check(const struct options *o, size_t n_stdio, size_t n_stdin, char *why);

/* Adds defaults, and n_passed sockets of a service manager, at most OPTIONS_PASSED_MAX.  o must not be moved later.
   Returns the same as options_parse(). */
int settings_complete(struct options *o, size_t n_passed, char why[OPTIONS_WHY_MAX]);

/* Whether a word after the command looks like an option of this program: text is the first that does. */
bool options_swallowed(const struct options *o, char text[OPTIONS_WHY_MAX]);

/* Frees the matches and logins. */
void options_close(struct options *o);

/* The options that an unknown name may have meant. */
enum { NEAREST_MAX = 3 };
struct nearest {
    struct span word;
    size_t distance;                  /* of all that are kept; 0: it is the name */
    size_t n;                         /* of which only NEAREST_MAX are kept */
    const char *options[NEAREST_MAX]; /* borrowed */
};

/* Looks whether the word is like this option, at least as much as like those before, which it then replaces or joins.
 */
void nearest_compare(struct nearest *found, const char *option);

/* Whether --help knows the topic, which may be NULL; if not, why says which there are. */
bool help_has_topic(const char *topic, char why[OPTIONS_WHY_MAX]);

/* Prints the text of --help on standard output: that of the topic, or a summary if it is NULL. */
int help_print(const char *topic);

/* ---- signals ---- */

/* What a run may leave: the directories for mail and for --sendmail, and the files of struct announce. */
enum { REMOVED_MAIL, REMOVED_SENDMAIL, REMOVED_FILES, SIGNALS_REMOVED_MAX = REMOVED_FILES + 2 };

/* SIGTERM, SIGHUP and SIGINT, which ask for the end, and SIGCHLD.  One a process, allocated by the caller, zeroed. */
struct signals {
    int pipe[2];            /* pipe[0] is to be polled; handlers write to pipe[1] */
    unsigned char came[64]; /* read from the pipe, but not taken yet */
    size_t n;
    bool open;
    /* for the end by force; the caller sets these, and counts the rounds */
    volatile sig_atomic_t rounds;                      /* of the loop that looks at signals and the limit */
    volatile sig_atomic_t status;                      /* of the process */
    volatile pid_t command;                            /* 0: none runs */
    const char *volatile removed[SIGNALS_REMOVED_MAX]; /* NULL: there is none */
};

/*
 * Begins to catch signals; an ignored one stays ignored, as nohup(1) wants it.
 * From the first signal on, and once limit milliseconds are over (-1: never),
 * system calls that block are interrupted each second.  If s->rounds does not
 * change for three seconds then, or for one after a second signal, the process
 * is ended by force.  A write to a closed connection, or beyond the limit of a
 * file's size, is an error and no signal.
 */
int signals_open(struct signals *s, int64_t limit);

/* Gives the default action to all signals that are handled, or ignored here, in a child before exec(3). */
void signals_reset(void);

/* Reads the signals that came.  Returns the first that asks for the end and is not taken yet, or 0. */
int signals_read(struct signals *s);

/* Takes the first one, and returns its number; 0: none.  The terminal sends one to the whole process group. */
int signals_take(struct signals *s, bool *from_terminal);

/* How many signals have asked for the end; *number is the last one. */
int signals_asked(int *number);

const char *signals_name(int number);

/* Ends the process by this signal, so that a shell sees it. */
void signals_die(int number);

/* ---- descriptors ---- */

/* Opens the standard descriptors that are closed, so that no socket takes their place. */
void descriptors_fill(void);

/* Sends standard error nowhere if it is the socket of standard output, as under inetd: it would look like replies. */
void descriptors_mute_error(void);

/* Closes the descriptors that the caller of this program has left open, other than the standard ones. */
void descriptors_close_inherited(void);

/* Allows as many descriptors as the system does; many clients need many. */
void descriptors_raise_limit(void);

/* ---- output ---- */

/*
 * Opens the stream: standard output, or file.  Keeps other runs from writing to a
 * file; waits a few seconds for one that has it, or until a signal asks for the
 * end.  Sets o->stream, -1 if there is no stream.  Returns NULL, or the reason of
 * a failure.
 */
const char *output_open(struct store_options *o, const char *file, struct signals *s);

/* Empties a file that no other run may write to.  -1 if that failed. */
int output_empty(const struct store_options *o);

/* Closes the stream.  Returns 0, or the errno of a write that failed: some file systems report it only now. */
int output_close(struct store_options *o);

/* Opens a transcript; "-" is standard output.  Returns NULL, or the reason of a failure. */
const char *output_open_transcript(struct dialogue *d, const char *file);

/* Closes it, once its reader has taken what waits, or at a time of clock_now().  Returns 0, or the errno of the first
   write that failed. */
int output_close_transcript(struct dialogue *d, int64_t until);

/* ---- temporary ---- */

/* Makes a directory, or an empty file for a certificate, in the directory for temporary files.  Returns its canonical
   path, which the caller frees; NULL with errno on failure. */
char *temporary_make(bool directory);

/* Removes a directory, which may be NULL, and all that is in it except for mounts.  -1 with errno if something is left;
   then left is the path of the first. */
int temporary_remove(const char *directory, char left[PATH_MAX]);

/* ---- announce ---- */

/* A file with a text in it that exists from the start of a run to its end. */
struct announce_file {
    const char *path; /* NULL: none */
    const char *text;
    size_t n;
    bool waits;       /* it is a FIFO that nobody has read yet */
    bool made;        /* it is removed at the end, */
    struct stat file; /* if it is still this file */
};

/* The facts that others are told.  The caller allocates it, zeroed. */
struct announce {
    const struct listener *listeners[OPTIONS_LISTENERS_MAX]; /* not that of standard input */
    size_t n_listeners;
    char *directory;               /* where mail appears; NULL: nowhere */
    char *ca_file;                 /* the certificate to trust; NULL: none */
    char *sendmail;                /* a link to this program; NULL: none */
    struct announce_file files[2]; /* the port file, the certificate */
    struct text lines;             /* the text of the port file */
};

/* A variable of an environment; value NULL: it is to be unset, as it may be that of another run. */
struct variable {
    char name[20];
    const char *value;
};

enum { ANNOUNCE_VARIABLES = 3 * OPTIONS_LISTENERS_MAX + 4 };

/*
 * Writes the port file and that of the certificate, each whole or not at all.
 * An old file or a link is replaced; a device or a FIFO is written to.  o and
 * the listeners of its endpoints are borrowed until announce_close();
 * o->server.tls is set.  After a failure *file is the one that could not be
 * written.
 */
int announce_open(struct announce *a, const struct options *o, const struct listener *listeners, const char **file);

/* Makes a link named sendmail to a program, in the directory.  Its path is for FAKESMTP_SENDMAIL. */
int announce_link(struct announce *a, const char *directory, const char *program);

/* Whether a FIFO has no reader yet. */
static inline bool announce_waits(const struct announce *a) { return a->files[0].waits || a->files[1].waits; }

/* Tries again to write to those. */
void announce_go_on(struct announce *a);

/* Has the reader of a FIFO that got no port find its end.  Waits for one until then, or until a signal comes.
   port_file is that of the options. */
void announce_give_up(const struct announce *a, const char *port_file, int64_t until);

/* Removes the files. */
void announce_close(struct announce *a);

/* Lists SMTP_HOST, SMTP_PORT and SMTP_URL, SMTP_HOST_2 and so on, FAKESMTP_DIR, FAKESMTP_SENDMAIL, SMTP_CA_FILE and
   FAKESMTP_PID; the values are borrowed.  Returns how many there are. */
size_t announce_variables(const struct announce *a, const char *pid, struct variable variables[ANNOUNCE_VARIABLES]);

/* If NOTIFY_SOCKET is set, tells that service manager that the program is ready (sd_notify(3)), and unsets it. */
int announce_ready(void);

/* ---- background ---- */

/* Goes on in a new process that leads a session of its own.  The old one waits, and passes signals on.  It ends with
   the status of the new one if that ends before background_ready().  Returns a descriptor for that. */
int background_start(struct signals *s);

/* Prints the variables on standard output, as assignments for a shell or as lines of an env file, closes that, and lets
   the old process end.  After a failure bad->value is not NULL if it has a line end, which such a file cannot have. */
int background_ready(int fd, const struct announce *a, bool dotenv, struct variable *bad);

/* Has the shell that evaluates standard output, if there is one, see this status. */
void background_fail(const struct options *o, int status);

/* ---- wrap ---- */

/* The wrapped command.  The caller allocates it, zeroed; until it is started, nothing runs. */
struct wrap {
    pid_t pid;
    bool group; /* it leads a process group of its own; once it has ended: others are left in it */
    bool ended;
    int status;      /* of wait(2), once it has ended */
    bool timed_out;  /* it was still running at the time limit */
    int64_t kill_at; /* when it is killed then; INT64_MAX: never */
};

/* Finds the file of this program, which was started by the name argv0. */
int wrap_find_program(const char *argv0, char program[PATH_MAX]);

/* Reads the rest of %h, %p, %u, %d, %s or %%.  A number may follow the first three: that of an endpoint, 1 if there is
   none, 0 if it is too large.  Returns the end, or NULL if it is none of these. */
const char *wrap_field(const char *at, uint64_t *number);

/*
 * Starts o->command, looked up in PATH, with the variables in its environment,
 * and those of o->env, in which the fields of wrap_field() are replaced.  The
 * directory of the link sendmail comes first in PATH.  If it cannot be run, no
 * process is left.
 */
int wrap_start(struct wrap *w, const struct options *o, const struct announce *a);

/* Called instead if there is no command: no program that this process may start gains rights by its mode (Linux). */
void wrap_none(void);

bool wrap_runs(const struct wrap *w);

/* Whether it has ended, and processes of its group are left, which are to be killed after the time limit. */
bool wrap_remains(const struct wrap *w);

/* Notes whether it has ended, without waiting. */
void wrap_reap(struct wrap *w);

/* Sends a signal to its process group, or to the command alone if it leads none; then continues what is stopped. */
void wrap_signal(const struct wrap *w, int signal);

/* The time limit is over: asks it and its group to end, and sets timed_out.  False if it has ended already. */
bool wrap_end(struct wrap *w, int64_t now);

/* Looks whether its group is empty, and kills it once w->kill_at has come. */
void wrap_go_on(struct wrap *w, int64_t now);

/* Its exit status as in a shell: 128 and the number of the signal if one ended it. */
int wrap_exit_status(const struct wrap *w);

#endif
