/* SPDX-License-Identifier: ISC */
/*
 * fakesmtp.c - a run, from its start to its status.
 *
 *     start   the options, the sockets, where mail goes, then the command
 *     watch   step the server, or the reader of files; after each step look for
 *             what ends the run: a signal, the end of the command, a limit,
 *             enough messages
 *     stop    close the sockets, and let the clients go
 *     judge   compare what came with what was expected (report/verdict.c)
 *
 * report/verdict.c judges; this file adds the failures to start and to write,
 * and ends the process.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "net/net.h"
#include "read/read.h"
#include "report/report.h"
#include "run/run.h"
#include "send/send.h"
#include "serve/serve.h"
#include "store/store.h"

#ifndef VERSION
#define VERSION "unknown"
#define COMMIT "unknown"
#endif

/* All times are in milliseconds. */
enum {
    FIFO_RETRY = 10,      /* between two checks for a reader of a FIFO, */
    FIFO_PATIENCE = 1000, /* from the start until one must have come, */
    LINES_RETRY = 10,     /* whether a reader of the dialogue takes more, */
    GROUP_RETRY = 10,     /* and for processes that the command has left */
    STATUS_AFTER = 1000,  /* from the start to a status line, and between two */
    ONE_SIGNAL = 200,     /* several signals within this time are one: timeout(1), and the end of a login, send two */
};

struct run {
    struct options o;
    struct console console;
    struct dialogue dialogue;
    struct store store;
    struct server server; /* of the server and the reader one is used, */
    struct reader reader;
    struct tally *tally; /* and this is the tally of that one */
    struct listener listeners[OPTIONS_LISTENERS_MAX];
    size_t n_listeners;
    struct announce announce;
    struct wrap command;
    struct signals signals;
    int64_t start;
    int64_t limit, linger_until, status_at; /* INT64_MAX: never */
    bool settled;                           /* all that came before the end of the command has been served */
    enum cause cause;
    int signal;        /* that ended the run, 0: none, */
    int64_t signal_at; /* and when it came */
    bool interrupted;  /* it was SIGINT, and for this process, not the command */
    int status;
    char reason[REASON_MAX]; /* of the status, printed last; "" if there is none */
};

/* Sets the status and its reason, "cannot DOING WHAT: WHY"; why NULL: errno has it.  Returns false. */
static bool fail(struct run *r, int status, const char *doing, const char *what, const char *why)
{
    (void)snprintf(r->reason, sizeof r->reason, "cannot %s %s: %s", doing, what, why != NULL ? why : strerror(errno));
    r->status = status;
    return false;
}

/* ---- start ---- */

static bool cannot(struct run *r, const char *doing, const char *what, const char *why)
{
    return fail(r, NOT_STARTED, doing, what, why);
}

static bool prepare(struct run *r)
{
    struct options *o = &r->o;
    r->server.poll.fd = -1; /* there is nothing to close yet */
    r->limit = r->linger_until = r->status_at = r->command.kill_at = INT64_MAX;
    r->signals.status = o->wrapped ? TIMED_OUT : NOT_WRITTEN;
    if (o->stdio)
        descriptors_mute_error();
    r->tally = o->reading ? &r->reader.tally : &r->server.tally;
    int passed = o->reading ? 0 : listener_count_passed();
    if (passed < 0 || passed > OPTIONS_PASSED_MAX)
        return cannot(r, "use", "LISTEN_FDS", "it is not a number up to 16");
    if (settings_complete(o, (size_t)passed, r->reason) < 0) {
        r->status = USAGE;
        return false;
    }
    for (size_t i = 0; i < o->n_endpoints; i++) {
        char text[16];
        (void)snprintf(text, sizeof text, "fd:%d", o->endpoints[i].fd);
        if (o->endpoints[i].kind == ENDPOINT_FD && fcntl(o->endpoints[i].fd, F_GETFD) < 0)
            return cannot(r, "listen on", text, NULL);
    }
    if (signals_open(&r->signals, o->expected.time) < 0)
        return cannot(r, "set up", "signals", NULL);
    if (o->expected.time >= 0)
        r->limit = r->start + o->expected.time;
    return true;
}

/* Opens the server, and listens on all endpoints. */
static bool open_server(struct run *r)
{
    struct server_options *o = &r->o.server;
    char why[512];
    if (r->o.has_tls && (o->tls = tls_open(&r->o.tls, why, sizeof why)) == NULL)
        return cannot(r, "set up", "TLS", why);
    o->store = &r->store;
    o->console = &r->console;
    o->dialogue = &r->dialogue;
    if (server_open(&r->server, o) < 0 || server_watch(&r->server, r->signals.pipe[0]) < 0)
        return cannot(r, "set up", "the server", NULL);
    r->server.tally.came.several = r->o.expected.n > 1;
    while (r->n_listeners < r->o.n_endpoints) {
        const struct endpoint *e = &r->o.endpoints[r->n_listeners];
        struct listener *l = &r->listeners[r->n_listeners];
        const char *reason;
        if (listener_open(e, l, &reason) < 0) {
            bool taken = reason == NULL && errno == EADDRINUSE && e->kind != ENDPOINT_UNIX;
            (void)snprintf(why, sizeof why, "%s%s", reason != NULL ? reason : strerror(errno),
                           taken ? " (port 0 takes a free one)" : "");
            return cannot(r, "listen on", l->text, why);
        }
        r->n_listeners++; /* from here on close_listeners() closes it */
        if (server_listen(&r->server, l) < 0)
            return cannot(r, "listen on", l->text, NULL);
    }
    return true;
}

/* What is read must not be what is written to: that would never end, and --fresh removes it first. */
static bool open_reader(struct run *r)
{
    struct options *o = &r->o;
    struct failure why;
    struct stat st;
    bool to_stdout = o->store.format != STORE_NONE && (o->output == NULL || strcmp(o->output, "-") == 0);
    o->read.store = &r->store;
    if (reader_open(&r->reader, &o->read, &why) < 0)
        return cannot(r, "read", why.what, why.error == EINTR ? "nobody writes to it" : strerror(why.error));
    r->tally->came.several = o->expected.n > 1;
    if (o->store.directory != NULL && stat(o->store.directory, &st) == 0 && reader_reads(&r->reader, &st))
        return cannot(r, "read", o->store.directory, "messages are written to it");
    if (to_stdout ? fstat(STDOUT_FILENO, &st) == 0 : o->output != NULL && stat(o->output, &st) == 0) {
        if (reader_reads(&r->reader, &st))
            return cannot(r, "read", o->store.stream_name, "messages are written to it");
    }
    return true;
}

/* Makes a temporary directory: REMOVED_MAIL or REMOVED_SENDMAIL. */
static const char *make_directory(struct run *r, size_t i)
{
    r->signals.removed[i] = temporary_make(true);
    if (r->signals.removed[i] == NULL)
        (void)cannot(r, "make a directory in", place_temporary(), NULL);
    return r->signals.removed[i];
}

static bool open_store(struct run *r)
{
    struct options *o = &r->o;
    struct failure why;
    const char *reason = output_open(&o->store, o->output, &r->signals);
    if (reason != NULL)
        return cannot(r, "write to", o->output, reason);
    r->dialogue.console = &r->console;
    r->dialogue.kept = store_makes_page(&o->store);
    r->dialogue.unseen = o->quiet && !o->verbose && o->transcript == NULL && !r->dialogue.kept;
    if (o->transcript != NULL && (reason = output_open_transcript(&r->dialogue, o->transcript)) != NULL)
        return cannot(r, "write to", o->transcript, reason);
    if (o->told && o->store.directory == NULL && (o->store.directory = make_directory(r, REMOVED_MAIL)) == NULL)
        return false;
    if (store_open(&r->store, &o->store, &why) < 0)
        return cannot(r, "use directory", why.what, strerror(why.error));
    uint64_t held = o->store.fresh ? 0 : store_held(&r->store);
    if (held > 0 && !o->quiet && !o->alone)
        console_line(&r->console, "%s holds %ju message%s already; --fresh removes %s", o->store.directory,
                     (uintmax_t)held, console_plural(held), held == 1 ? "it" : "them");
    if (output_empty(&o->store) < 0)
        return cannot(r, "write to", o->output, NULL);
    int error = store_begin_page(&r->store);
    if (error != 0)
        return cannot(r, "write to", o->store.stream_name, strerror(error));
    char path[PATH_MAX];
    if (o->keep && o->store.format == STORE_HTML && r->console.terminal && !o->quiet && o->output != NULL &&
        realpath(o->output, path) != NULL)
        console_line(&r->console, "the page is in %s", path);
    return true;
}

/* Makes the link of --sendmail. */
static bool make_sendmail(struct run *r)
{
    char program[PATH_MAX];
    const char *directory = make_directory(r, REMOVED_SENDMAIL);
    if (directory == NULL)
        return false;
    if (wrap_find_program(r->o.program, program) < 0)
        return cannot(r, "find this program,", r->o.program, NULL);
    if (r->o.wrapped && strchr(directory, ':') != NULL)
        return cannot(r, "make a sendmail in", directory,
                      "PATH cannot hold its colon (set TMPDIR to another directory)");
    return announce_link(&r->announce, directory, program) == 0 || cannot(r, "make a link in", directory, NULL);
}

/* Names the rules that are in vain. */
static void doubt_rules(struct run *r)
{
    const struct rule *rules = r->o.rules, *other;
    bool in_clear = false;
    for (size_t i = 0; i < r->o.n_endpoints; i++)
        in_clear = in_clear || r->o.endpoints[i].scheme != SCHEME_SMTPS;
    for (size_t i = 0; i < r->o.server.n_rules && !r->console.quiet; i++) {
        const char *doubt = doubt_find(rules, i, r->o.server.n_rules, &r->o.smtp, in_clear, &other);
        if (doubt != NULL)
            console_line(&r->console, other != NULL ? "--on '%s' %s --on '%s'" : "--on '%s' %s", rules[i].text, doubt,
                         other != NULL ? other->text : "");
    }
}

/* Says where the program listens. */
static bool announce(struct run *r)
{
    const char *file;
    char all[OPTIONS_LISTENERS_MAX * (ENDPOINT_TEXT_MAX + 2)] = "";
    size_t n = 0;
    if (announce_open(&r->announce, &r->o, r->listeners, &file) < 0)
        return cannot(r, "write", file, NULL);
    for (size_t i = 0; i < 2; i++)
        r->signals.removed[REMOVED_FILES + i] = r->announce.files[i].made ? r->announce.files[i].path : NULL;
    if (announce_ready() < 0)
        console_line(&r->console, "cannot notify NOTIFY_SOCKET: %s", strerror(errno));
    for (size_t i = 0; i < r->n_listeners; i++)
        n += (size_t)snprintf(all + n, sizeof all - n, "%s%s", i > 0 ? ", " : "", r->listeners[i].text);
    if (!r->console.quiet && !r->o.alone)
        console_line(&r->console, "listening on %s", all);
    doubt_rules(r);
    return true;
}

/* An option after the command may have been meant for this program; an expectation surely was, even if all went well.
 */
static void hint(struct run *r, bool failed)
{
    char option[OPTIONS_WHY_MAX];
    if (r->console.quiet || !options_swallowed(&r->o, option))
        return;
    if (failed || strcmp(option, "--match") == 0 || strcmp(option, "--not") == 0)
        console_line(&r->console,
                     "%s came after the command and was passed to it; options of fakesmtp come before the command",
                     option);
}

/* The right option if a command looks like a place to listen on, else "". */
static const char *place_option(char *const *command)
{
    static const char *const hosts[] = {"port", "localhost", "127.0.0.1", "::1"};
    struct endpoint e;
    const char *port = *command;
    for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++)
        port = strcmp(*command, hosts[i]) == 0 && command[1] != NULL ? command[1] : port;
    if (*port != '\0' && port[strspn(port, "0123456789")] == '\0')
        return " (give a port with -p)";
    return endpoint_parse(*command, &e) == NULL ? " (give an endpoint with -l)" : "";
}

static bool start_command(struct run *r)
{
    const char *name = r->o.command[0];
    if (wrap_start(&r->command, &r->o, &r->announce) == 0) {
        r->signals.command = r->command.pid;
        return true;
    }
    int error = errno;
    char why[256];
    (void)snprintf(why, sizeof why, "%s%s", strerror(error), place_option(r->o.command));
    hint(r, true);
    return fail(r, error == ENOENT ? NOT_FOUND : NOT_RUN, "run", *name != '\0' ? name : "''", why);
}

static bool start(struct run *r)
{
    const struct options *o = &r->o;
    struct variable bad;
    int ready = -1;
    if (!prepare(r))
        return false;
    bool shows_status = r->console.terminal && !o->told && !o->stdio && !o->verbose && !o->quiet;
    r->status_at = shows_status ? r->start + STATUS_AFTER : INT64_MAX;
    if (!o->wrapped)
        wrap_none();
    if (o->reading)
        return open_reader(r) && open_store(r);
    if (!open_server(r))
        return false;
    if (o->background && (ready = background_start(&r->signals)) < 0)
        return cannot(r, "go to", "the background", NULL);
    if (!open_store(r) || (o->sendmail && !make_sendmail(r)) || !announce(r))
        return false;
    if (o->background && background_ready(ready, &r->announce, o->dotenv, &bad) < 0)
        return bad.value != NULL ? cannot(r, "print", bad.name, "it has a line end, which an env file cannot hold")
                                 : fail(r, NOT_WRITTEN, "write to", "standard output", NULL);
    if (o->wrapped && !start_command(r))
        return false;
    descriptors_raise_limit(); /* after the command has got the limit as it was */
    for (size_t i = 0; i < r->n_listeners; i++) {
        if (o->endpoints[i].kind == ENDPOINT_STDIO &&
            server_take_stdio(&r->server, o->endpoints[i].scheme, o->endpoints[i].proxied) < 0)
            return cannot(r, "use", "standard input and output", NULL);
    }
    return true;
}

/* ---- stop ---- */

static void close_listeners(struct run *r)
{
    for (size_t i = 0; i < r->n_listeners; i++)
        listener_close(&r->listeners[i]);
}

/* The listeners are closed first: the system refuses connections from then on, and need not reset them later. */
static void stop(struct run *r, enum cause cause)
{
    if (r->cause != NOTHING)
        return;
    r->cause = cause;
    r->status_at = INT64_MAX;
    console_status(&r->console, "");
    if (r->o.reading) {
        reader_stop(&r->reader);
        return;
    }
    server_stop_accepting(&r->server);
    close_listeners(r);
    server_stop(&r->server, cause != ENOUGH);
}

static void close_all(struct run *r)
{
    console_status(&r->console, "");
    server_close(&r->server);
    reader_close(&r->reader);
    close_listeners(r);
    tls_close(r->o.server.tls);
    store_close(&r->store);
    for (size_t i = REMOVED_FILES; i < SIGNALS_REMOVED_MAX; i++)
        r->signals.removed[i] = NULL; /* these names are freed */
    announce_close(&r->announce);
    char left[PATH_MAX];
    for (size_t i = 0; i < REMOVED_FILES; i++) {
        if (temporary_remove(r->signals.removed[i], left) < 0)
            console_line(&r->console, "cannot remove %s: %s", left, strerror(errno));
    }
    options_close(&r->o);
}

/* ---- watch ---- */

/* The first signal stops the run, or the command; another one ends both at once. */
static void look_at_signals(struct run *r)
{
    int number;
    bool from_terminal;
    (void)signals_read(&r->signals);
    while ((number = signals_take(&r->signals, &from_terminal)) != 0) {
        bool again = r->signal != 0;
        if (number == SIGCHLD)
            wrap_reap(&r->command);
        if (!wrap_runs(&r->command) && !wrap_remains(&r->command))
            r->signals.command = 0;
        if (number == SIGCHLD || (again && clock_now() - r->signal_at < ONE_SIGNAL))
            continue;
        if (again) {
            wrap_signal(&r->command, SIGKILL);
            console_line(&r->console, "ended at once by a second signal, %s", signals_name(number));
            announce_give_up(&r->announce, r->o.port_file, r->start);
            close_all(r);
            signals_die(number);
        }
        if (r->command.group || !from_terminal)
            wrap_signal(&r->command, number);
        r->signal = number;
        r->signal_at = clock_now();
        if (wrap_runs(&r->command))
            continue; /* its end ends the run */
        r->interrupted = number == SIGINT;
        stop(r, SIGNALLED);
    }
}

static void look_at_counts(struct run *r)
{
    const struct server *v = &r->server;
    uint64_t sessions = r->o.server.max_sessions;
    if (r->o.wrapped)
        return;
    if (v->full && counts_are_settled(&r->o.expected, &v->tally, false))
        stop(r, ENOUGH);
    else if (sessions > 0 && v->tally.spoken >= sessions && v->open == 0)
        stop(r, CONNECTIONS);
    else if (r->o.alone && v->open == 0)
        stop(r, SESSION_ENDED);
    else if (v->tally.failed > 0 && (!r->o.keep || v->tally.reader_gone))
        stop(r, OUTPUT_FAILED);
}

/* After the end of the command, mail that is on its way is still served, and missing messages are waited for. */
static void look_at_command(struct run *r, bool idle)
{
    int64_t now = r->server.now;
    if (!r->command.ended || wrap_remains(&r->command) || r->cause != NOTHING)
        return;
    r->settled = r->settled || idle;
    if (r->linger_until == INT64_MAX)
        r->linger_until = now + r->o.expected.linger;
    bool missing = counts_lack_mail(&r->o.expected, &r->server.tally);
    bool lingers = missing && !r->command.timed_out && r->signal == 0 && now < r->linger_until;
    bool settles = !r->settled && now < r->linger_until + SERVER_GRACE;
    if (!lingers && !settles)
        stop(r, COMMAND_ENDED);
}

static int64_t least(int64_t x, int64_t y) { return x < y ? x : y; }

static int64_t next_look(const struct run *r)
{
    int64_t next = least(least(r->limit, r->command.kill_at), r->status_at), now = r->server.now;
    if (announce_waits(&r->announce))
        next = least(next, now + (now - r->start < 1000 ? FIFO_RETRY : 10 * FIFO_RETRY));
    if (lines_wait(&r->console.out) || lines_wait(&r->dialogue.transcript))
        next = least(next, now + LINES_RETRY);
    if (r->cause == NOTHING && r->o.alone && r->server.open == 0)
        next = 0;
    if (r->command.ended && r->command.group)
        next = least(next, now + GROUP_RETRY);
    if (r->cause == NOTHING && r->command.ended && !wrap_remains(&r->command))
        next = r->settled ? least(next, r->linger_until) : 0;
    return next;
}

static void show_status(struct run *r, int64_t now)
{
    char text[96];
    if (now < r->status_at)
        return;
    counts_progress(&r->o.expected, r->tally, r->limit == INT64_MAX ? -1 : r->limit - now, text, sizeof text);
    console_status(&r->console, text);
    r->status_at = now + STATUS_AFTER;
}

static void watch(struct run *r)
{
    while (r->cause == NOTHING || r->server.open > 0 || wrap_remains(&r->command)) {
        r->signals.rounds++;
        int n = server_step(&r->server, next_look(r));
        if (n < 0) {
            (void)fail(r, NOT_WRITTEN, "wait for", "clients", NULL);
            return;
        }
        if (!r->server.listening)
            close_listeners(r);
        if (r->server.watched || r->signals.n > 0)
            look_at_signals(r);
        /* these are seldom due, and a call in each step is felt */
        if (announce_waits(&r->announce))
            announce_go_on(&r->announce);
        if (lines_wait(&r->console.out) || lines_wait(&r->dialogue.transcript)) {
            lines_go_on(&r->console.out);
            lines_go_on(&r->dialogue.transcript);
        }
        int64_t now = r->server.now;
        if (now >= r->limit) {
            r->limit = INT64_MAX;
            if (!wrap_end(&r->command, now))
                stop(r, LIMIT);
        }
        wrap_go_on(&r->command, now);
        look_at_counts(r);
        look_at_command(r, n == 0);
        show_status(r, now);
    }
}

/* The same with the reader of files. */
static void watch_files(struct run *r)
{
    struct failure why;
    while (!r->reader.done) {
        r->signals.rounds++;
        if (reader_step(&r->reader, r->signals.pipe[0], least(r->limit, r->status_at), &why) < 0) {
            (void)cannot(r, "read", why.what,
                         why.error == ENOLCK   ? "another process has locked it"
                         : why.error == ESTALE ? "another process has cut it off or replaced it"
                                               : strerror(why.error));
            return;
        }
        look_at_signals(r);
        lines_go_on(&r->console.out);
        if (r->tally->failed > 0 && (!r->o.keep || r->tally->reader_gone))
            stop(r, OUTPUT_FAILED);
        if (r->reader.now >= r->limit) {
            r->limit = INT64_MAX;
            stop(r, LIMIT);
        }
        show_status(r, r->reader.now);
    }
    stop(r, ENOUGH);
}

/* ---- judge ---- */

/* Takes the error of a write, 0 if there was none.  Only the first failure of a run is reported. */
static void judge_output(struct run *r, const char *file, int error)
{
    if (error == 0 || r->status != AS_EXPECTED)
        return;
    (void)fail(r, NOT_WRITTEN, "write to", file, strerror(error));
}

/* Whether the process ends by SIGINT. */
static bool is_interrupted(const struct run *r)
{
    bool command = WIFSIGNALED(r->command.status) && WTERMSIG(r->command.status) == SIGINT;
    return r->interrupted || (r->signal == SIGINT && command);
}

/* Writes the verdict at the end of a page, after all else that can change it, except closing the file. */
static void end_page(struct run *r, const struct verdict *v, int64_t until)
{
    struct text end = {NULL, 0, 0, false};
    if (r->o.store.format != STORE_HTML)
        return;
    verdict_add_page(v, is_interrupted(r) ? 128 + SIGINT : r->status, r->reason, &end); /* as a shell has it */
    judge_output(r, r->o.store.stream_name, end.failed ? ENOMEM : store_end_page(&r->store, text_span(&end), until));
    free(end.p);
}

/* Judges a run, and says what explains its status. */
static void judge(struct run *r, int64_t until)
{
    const char *unfired[RULES_MAX];
    struct verdict v = {
        .expected = &r->o.expected,
        .tally = r->tally,
        .reading = r->o.reading,
        .matches = r->o.matches,
        .n_matches = r->o.store.n_matches,
        .unfired = unfired,
        .cause = r->cause,
        .signal = signals_name(r->signal),
        .command = r->o.command[0],
        .command_status = r->command.status,
        .exit_status = wrap_exit_status(&r->command),
        .limit_hit = r->command.timed_out,
        .interrupted = r->interrupted,
    };
    for (size_t i = 0; i < r->o.server.n_rules; i++) {
        if (r->o.rules[i].fired == 0)
            unfired[v.n_unfired++] = r->o.rules[i].text;
    }
    if (r->status == AS_EXPECTED)
        r->status = verdict_judge(&v, r->reason);
    judge_output(r, r->o.transcript, output_close_transcript(&r->dialogue, until));
    end_page(r, &v, until);
    judge_output(r, r->o.store.stream_name, output_close(&r->o.store));
    if (r->status != AS_EXPECTED && r->signal != SIGINT && r->o.transcript == NULL && r->dialogue.amiss)
        console_tail(&r->console);
    uint64_t lost = r->console.out.lost + r->dialogue.transcript.lost;
    if (lost > 0)
        console_line(&r->console, "%ju line%s of the dialogue %s not taken", (uintmax_t)lost, console_plural(lost),
                     lost == 1 ? "was" : "were");
    hint(r, r->status != AS_EXPECTED);
    verdict_explain(&v, r->status, r->reason, &r->console);
}

/* ---- the process ---- */

static int print_help(struct run *r)
{
    bool good = r->o.help ? help_print(r->o.command[0]) == 0
                          : printf("fakesmtp %s (commit %s, %s, matcher built in, %s)\n", VERSION, COMMIT, tls_kind,
                                   poll_kind) > 0 &&
                                fflush(stdout) == 0;
    judge_output(r, "standard output", good && close(STDOUT_FILENO) == 0 ? 0 : errno);
    return r->status;
}

/* Says why, and returns the status.  A script may open the FIFO only after it has started the program. */
static int end(struct run *r, int64_t until, int status)
{
    if (*r->reason != '\0')
        console_line(&r->console, "%s", r->reason);
    lines_end(&r->console.out, until);
    announce_give_up(&r->announce, r->o.port_file, r->start + FIFO_PATIENCE);
    return status;
}

/* Whether the program was called as sendmail(8), by a link. */
static bool is_sendmail(const char *name)
{
    static const char sendmail[] = "sendmail";
    size_t n = name != NULL ? strlen(name) : 0, end = sizeof sendmail - 1;
    return n >= end && strcmp(name + n - end, sendmail) == 0;
}

/* Takes a message in the place of sendmail(8). */
static int stand_in(int argc, char **argv)
{
    struct text said = {0}, shown = {0};
    (void)signal(SIGPIPE, SIG_IGN);
    int status = send_main(argc, argv, &said);
    for (struct span rest = text_span(&said); rest.n > 0;) {
        const char *lf = memchr(rest.p, '\n', rest.n);
        size_t n = lf != NULL ? (size_t)(lf + 1 - rest.p) : rest.n;
        text_add_string(&shown, "sendmail: ");
        render_visible(&shown, (struct span){rest.p, n}, false);
        span_skip(&rest, n);
    }
    (void)fwrite(shown.p, 1, shown.n, stderr);
    if (said.failed || shown.failed)
        (void)fputs("sendmail: memory ran out\n", stderr);
    free(said.p);
    free(shown.p);
    return status;
}

int main(int argc, char **argv)
{
    static struct run r; /* large for a stack */
    char why[OPTIONS_WHY_MAX];
    descriptors_fill();
    if (is_sendmail(argv[0]))
        return stand_in(argc, argv);
    r.start = clock_now();
    console_open(&r.console);
    if (options_parse(&r.o, argc, argv, why) < 0 || (r.o.help && !help_has_topic(r.o.command[0], why))) {
        int status = r.o.lacks_memory ? NOT_STARTED : USAGE;
        console_line(&r.console, "%s", why);
        if (status == USAGE)
            console_line(&r.console, "'fakesmtp --help' shows the options");
        background_fail(&r.o, status);
        return end(&r, clock_now() + LINES_PATIENCE, status);
    }
    r.console.quiet = r.o.quiet;
    r.console.dialogue = r.o.verbose;
    if (r.o.help || r.o.version)
        return end(&r, clock_now() + LINES_PATIENCE, print_help(&r));
    bool started = start(&r);
    if (started && r.o.reading)
        watch_files(&r);
    else if (started)
        watch(&r);
    int64_t until = clock_now() + LINES_PATIENCE;
    if (started)
        judge(&r, until);
    else
        background_fail(&r.o, r.status);
    r.signals.status = r.status;
    close_all(&r);
    (void)end(&r, until, r.status);
    /* A shell stops too if it sees that a signal ended the process. */
    int asked = started ? 0 : signals_read(&r.signals);
    if (asked != 0)
        signals_die(asked);
    if (is_interrupted(&r))
        signals_die(SIGINT);
    return r.status;
}
