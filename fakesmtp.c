/*
 * fakesmtp.c - a run: what is awaited, what ends it, and what status that makes.
 *
 *     start   options, where mail goes, the sockets, then the command
 *     watch   step the server; after each step look at what has come about:
 *             a signal, the command's end, a limit, enough messages
 *     stop    once one of these ends the run, let the clients go
 *     judge   compare what came with what was expected (verdict.c)
 *
 * Only these two decide what is said, and with which status the process ends.
 */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "net/net.h"
#include "report/report.h"
#include "run/run.h"
#include "serve/server.h"
#include "smtp.h"
#include "store/store.h"

#ifndef VERSION
#define VERSION "unknown"
#endif

enum {
    KILL_AFTER = 1000, /* milliseconds from SIGTERM to SIGKILL for a command at its limit */
    CLAIM_MAX = 3000,  /* milliseconds that the file of -o is waited for: a run ends within two graces, and a little */
    FIFO_RETRY = 10,   /* milliseconds between looks for a reader of the port file */
    STATUS_AFTER = 1000, /* milliseconds of waiting before a status line, and between two */
    ONE_SIGNAL = 200, /* milliseconds in which several signals are one: timeout(1) sends two, sessions that end too */
    LISTENERS_MAX = OPTIONS_ENDPOINTS_MAX + OPTIONS_PASSED_MAX,
};

struct app {
    struct options o;
    struct console console;
    struct dialogue dialogue;
    struct tls *tls;
    struct store store;
    struct server server;
    struct listener listeners[LISTENERS_MAX];
    size_t n_listeners;
    struct wrap wrap;
    char *temporary; /* our own directory for its mail, NULL if there is none */
    char *directory; /* where messages appear */
    char *ca_path;   /* the certificate to be trusted, NULL if there is none */
    struct announce_file port_file, ca_file;
    char port_text[ENDPOINT_TEXT_MAX + 1]; /* what stands in that */
    struct signals signals;
    int64_t start;
    int64_t limit, kill_at, linger_until, status_at; /* INT64_MAX: never */
    bool limit_hit, settled; /* settled: all that came before the command's end has been served */
    enum cause cause;
    int signal;        /* that ended the run, 0 if none did */
    bool interrupted;  /* by SIGINT, and it was ours to take, not the command's */
    int64_t signal_at; /* when the first one came */
};

/* ---- text ---- */

static int cannot_start(struct app *a, const char *doing, const char *what, const char *reason)
{
    console_line(&a->console, "cannot %s %s: %s", doing, what, reason);
    return NOT_STARTED;
}

/* ---- starting ---- */

/*
 * A standard descriptor that is closed must not be taken by a socket.  One
 * opened the wrong way round takes its place: using it fails as before.
 */
static void fill_standard_descriptors(void)
{
    for (int fd = 0; fd <= 2; fd++) {
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF)
            (void)open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY);
    }
}

/* The time limit, also for what may block. */
static void set_alarm(const struct app *a)
{
    if (a->o.expected.time >= 0)
        (void)alarm(a->o.expected.time / 1000 < INT_MAX ? (unsigned)(a->o.expected.time / 1000) + 1 : 0);
}

/* Whether the stream is that of -o, and not an mbox: if it is a file, it is emptied first. */
static bool is_emptied(const struct app *a)
{
    return a->o.store.stream > STDERR_FILENO && a->o.store.format != STORE_MBOX;
}

/* Locks the file of -o, or unlocks it: -1 if another process has it.  An mbox is shared; so is what is no file, or
   cannot be locked. */
static int lock_stream(const struct app *a, short type)
{
    struct flock whole = {.l_type = type, .l_whence = SEEK_SET};
    struct stat st;
    if (!is_emptied(a) || fstat(a->o.store.stream, &st) < 0 || !S_ISREG(st.st_mode) ||
        fcntl(a->o.store.stream, F_SETLK, &whole) == 0)
        return 0;
    return errno == EAGAIN || errno == EACCES ? -1 : 0;
}

/* One that has just been told to end may have it until its clients have gone. */
static int claim_stream(struct app *a)
{
    int64_t until = clock_now() + CLAIM_MAX;
    while (lock_stream(a, F_WRLCK) < 0) {
        if (clock_now() >= until || signals_read(&a->signals))
            return cannot_start(a, "write to", a->o.output, "another process does");
        (void)poll(NULL, 0, STORE_LOCK_RETRY);
    }
    return AS_EXPECTED;
}

static int open_stream(struct app *a)
{
    const char *name = a->o.output;
    struct store_options *store = &a->o.store;
    if (store->format == STORE_NONE)
        return AS_EXPECTED;
    store->stream = STDOUT_FILENO;
    if (name == NULL || strcmp(name, "-") == 0)
        return AS_EXPECTED;
    int append = store->format == STORE_MBOX ? O_APPEND : 0;
    struct stat st;
    bool file = stat(name, &st) < 0 || S_ISREG(st.st_mode);
    int flags = O_CREAT | O_CLOEXEC | append | (append && file ? O_RDWR : O_WRONLY); /* how it ends is looked at */
    store->stream = open(name, flags, 0666);
    if (store->stream >= 0)
        return claim_stream(a);
    return cannot_start(a, "write to", name, errno == EINTR ? "nobody reads it" : strerror(errno));
}

static int open_transcript(struct app *a)
{
    const char *name = a->o.transcript;
    a->dialogue.console = &a->console;
    a->dialogue.unseen = a->o.quiet && !a->o.verbose && name == NULL;
    if (name == NULL)
        return AS_EXPECTED;
    int fd = strcmp(name, "-") == 0 ? fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3)
                                    : open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    a->dialogue.transcript = fd >= 0 ? fdopen(fd, "w") : NULL;
    if (a->dialogue.transcript != NULL)
        return AS_EXPECTED;
    return cannot_start(a, "write to", name, errno == EINTR ? "nobody reads it" : strerror(errno));
}

static int make_temporary(struct app *a)
{
    const char *top = place_temporary();
    char path[PATH_MAX];
    int n = snprintf(path, sizeof path, "%s/fakesmtp-XXXXXX", top);
    if (n < 0 || (size_t)n >= sizeof path || mkdtemp(path) == NULL)
        return cannot_start(a, "make a directory in", top, strerror(errno));
    a->temporary = realpath(path, NULL);
    if (a->temporary == NULL) {
        (void)rmdir(path);
        return cannot_start(a, "use", path, strerror(errno));
    }
    return 0;
}

static int open_store(struct app *a)
{
    struct store_options *o = &a->o.store;
    int status = open_stream(a);
    if (status == 0)
        status = open_transcript(a);
    if (status == 0 && a->o.told && o->directory == NULL)
        status = make_temporary(a);
    if (status != 0)
        return status;
    if (o->directory == NULL)
        o->directory = a->temporary;
    struct failure why;
    if (store_open(&a->store, o, &why) < 0)
        return cannot_start(a, "use directory", why.what, strerror(why.error));
    a->directory = a->temporary;
    if (a->temporary == NULL && o->directory != NULL && (a->directory = realpath(o->directory, NULL)) == NULL)
        return cannot_start(a, "use directory", o->directory, strerror(errno));
    return 0;
}

static int open_listener(struct app *a, const struct endpoint *e)
{
    struct listener *l = &a->listeners[a->n_listeners];
    const char *reason;
    if (listener_open(e, l, &reason) < 0) {
        bool port_taken = reason == NULL && errno == EADDRINUSE && e->kind != ENDPOINT_UNIX;
        console_line(&a->console, "cannot listen on %s: %s%s", l->text, reason != NULL ? reason : strerror(errno),
                     port_taken ? " (port 0 takes a free one)" : "");
        return NOT_STARTED;
    }
    a->n_listeners++;
    return server_listen(&a->server, l) < 0 ? cannot_start(a, "listen on", l->text, strerror(errno)) : AS_EXPECTED;
}

static int open_listeners(struct app *a)
{
    int status = AS_EXPECTED;
    for (size_t i = 0; i < a->o.n_endpoints && status == AS_EXPECTED; i++)
        status = open_listener(a, &a->o.endpoints[i]);
    return status;
}

static int open_tls(struct app *a)
{
    char why[512];
    if (a->o.has_tls)
        a->tls = tls_open(&a->o.tls, why, sizeof why);
    return a->o.has_tls && a->tls == NULL ? cannot_start(a, "set up", "TLS", why) : AS_EXPECTED;
}

static int open_server(struct app *a)
{
    struct server_options *o = &a->o.server;
    o->tls = a->tls;
    o->store = &a->store;
    o->console = &a->console;
    o->dialogue = &a->dialogue;
    if (server_open(&a->server, o) < 0 || server_watch(&a->server, a->signals.pipe[0]) < 0)
        return cannot_start(a, "set up", "the server", strerror(errno));
    return open_listeners(a);
}

/* ---- telling where ---- */

/* The first endpoint is the one that others are told of; standard input is nothing to be told. */
static const struct listener *told_listener(const struct app *a)
{
    size_t i = 0;
    while (i + 1 < a->n_listeners && a->listeners[i].n == 0)
        i++;
    return &a->listeners[i];
}

/* What the command, or a shell, is told. */
static struct wrap_place place(const struct app *a)
{
    const struct listener *l = told_listener(a);
    return (struct wrap_place){l->host, l->port_text, l->url, a->directory, a->ca_path};
}

static int write_port_file(struct app *a)
{
    const struct listener *l = told_listener(a);
    const char *file = a->o.port_file;
    if (file == NULL)
        return AS_EXPECTED;
    (void)snprintf(a->port_text, sizeof a->port_text, "%s\n", l->port > 0 ? l->port_text : l->host);
    int status = announce_file(&a->port_file, file, a->port_text, strlen(a->port_text));
    return status < 0 ? cannot_start(a, "write", file, strerror(errno)) : AS_EXPECTED;
}

/* A name in the directory for temporary files, for others to find the certificate there. */
static int name_ca_file(struct app *a)
{
    const char *top = place_temporary();
    char path[PATH_MAX];
    int n = snprintf(path, sizeof path, "%s/fakesmtp-ca-XXXXXX", top), fd = -1;
    if (n > 0 && (size_t)n < sizeof path)
        fd = mkstemp(path);
    if (fd < 0)
        return cannot_start(a, "make a file in", top, strerror(errno));
    (void)close(fd);
    a->ca_path = realpath(path, NULL);
    return a->ca_path == NULL ? cannot_start(a, "use", path, strerror(errno)) : AS_EXPECTED;
}

/* Where a client finds what it has to trust. */
static int write_ca_file(struct app *a)
{
    const struct options *o = &a->o;
    size_t n;
    const char *text = a->tls != NULL ? tls_ca(a->tls, &n) : NULL;
    if (o->tls.cert != NULL && a->tls != NULL)
        a->ca_path = realpath(o->tls.cert, NULL);
    if (text == NULL || (o->ca_file == NULL && !a->o.told))
        return AS_EXPECTED;
    if (o->ca_file == NULL && name_ca_file(a) != AS_EXPECTED)
        return NOT_STARTED;
    const char *file = o->ca_file != NULL ? o->ca_file : a->ca_path;
    if (announce_file(&a->ca_file, file, text, n) < 0) {
        int status = cannot_start(a, "write", file, strerror(errno));
        if (o->ca_file == NULL)
            (void)unlink(file);
        return status;
    }
    if (o->ca_file != NULL)
        a->ca_path = realpath(file, NULL);
    return AS_EXPECTED;
}

/* The rest of what is to be told once we listen. */
static int announce(struct app *a)
{
    int status = write_ca_file(a);
    if (status == AS_EXPECTED)
        status = write_port_file(a);
    if (status == AS_EXPECTED && announce_ready() < 0)
        console_line(&a->console, "cannot notify NOTIFY_SOCKET: %s", strerror(errno));
    return status;
}

/* What the shell is told of a process in the background. */
static int print_assignments(const struct app *a, pid_t pid)
{
    static const char *const names[] = {"SMTP_HOST",    "SMTP_PORT",    "SMTP_URL",
                                        "FAKESMTP_DIR", "SMTP_CA_FILE", "FAKESMTP_PID"};
    const struct wrap_place p = place(a);
    char number[32];
    (void)snprintf(number, sizeof number, "%ld", (long)pid);
    const char *const values[] = {p.host, p.port, p.url, p.directory, p.ca_file, number};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (values[i] != NULL)
            announce_assignment(names[i], values[i]);
        else
            (void)printf("unset %s; ", names[i]); /* it may be of another run */
    }
    (void)printf("export");
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        (void)printf("%s%s", values[i] != NULL ? " " : "", values[i] != NULL ? names[i] : "");
    return printf("\n") < 0 || fflush(stdout) == EOF || ferror(stdout) ? -1 : 0;
}

/* Has the eval of what we print fail as we do. */
static void fail_in_shell(int status)
{
    (void)printf("(exit %d)\n", status);
    (void)fflush(stdout);
}

/*
 * Goes on as another process, and ends this one.  What reads the standard
 * output of this one must not wait for that one.
 */
static int go_to_background(struct app *a)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    pid_t pid = null >= 0 ? fork() : -1;
    if (pid < 0)
        return cannot_start(a, "go to", "the background", strerror(errno));
    if (pid > 0) {
        if (print_assignments(a, pid) == 0 && close(STDOUT_FILENO) == 0)
            _exit(AS_EXPECTED);
        console_line(&a->console, "cannot write to standard output: %s", strerror(errno));
        (void)kill(pid, SIGTERM);
        _exit(NOT_WRITTEN);
    }
    (void)setsid();
    set_alarm(a);
    bool good = dup2(null, STDIN_FILENO) >= 0 && dup2(null, STDOUT_FILENO) >= 0;
    (void)close(null);
    return good ? AS_EXPECTED : cannot_start(a, "go to", "the background", strerror(errno));
}

/* ---- the command ---- */

static int start_command(struct app *a)
{
    const struct wrap_place p = place(a);
    if (wrap_start(&a->wrap, a->o.command, &p, a->o.env, a->o.n_env) == 0)
        return 0;
    int error = errno;
    size_t digits = strspn(a->o.command[0], "0123456789");
    bool number = digits > 0 && a->o.command[0][digits] == '\0';
    console_line(&a->console, "cannot run %s: %s%s", digits > 0 || *a->o.command[0] != '\0' ? a->o.command[0] : "''",
                 strerror(error), number ? " (a port is given with -p)" : "");
    return error == ENOENT ? NOT_FOUND : NOT_RUN;
}

/* Many clients are many descriptors; the command has been started with the limit as it was. */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static void show_listening(struct app *a)
{
    if (a->console.quiet || a->o.alone)
        return;
    char all[LISTENERS_MAX * (ENDPOINT_TEXT_MAX + 2)] = "";
    size_t n = 0;
    for (size_t i = 0; i < a->n_listeners; i++)
        n += (size_t)snprintf(all + n, sizeof all - n, "%s%s", i > 0 ? ", " : "", a->listeners[i].text);
    console_line(&a->console, "listening on %s", all);
}

/* Under inetd standard error is the client's connection too, where nothing of ours may be said. */
static void mute_shared_error(void)
{
    struct stat out, err;
    if (fstat(STDOUT_FILENO, &out) < 0 || fstat(STDERR_FILENO, &err) < 0 || out.st_ino != err.st_ino ||
        out.st_dev != err.st_dev || !S_ISSOCK(out.st_mode))
        return;
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null >= 0) {
        (void)dup2(null, STDERR_FILENO);
        (void)close(null);
    }
}

static int take_stdio(struct app *a)
{
    for (size_t i = 0; i < a->n_listeners && a->o.stdio; i++) {
        if (a->listeners[i].n == 0 && server_take_stdio(&a->server, a->listeners[i].scheme) < 0)
            return cannot_start(a, "use", "standard input and output", strerror(errno));
    }
    return AS_EXPECTED;
}

/* What comes once we listen, and mail can be taken. */
static int start_serving(struct app *a)
{
    int status = announce(a);
    if (status != AS_EXPECTED)
        return status;
    show_listening(a);
    if (a->o.background) {
        (void)lock_stream(a, F_UNLCK); /* a lock is a process's own; in between another run may take it */
        status = go_to_background(a);
        if (status == AS_EXPECTED)
            status = claim_stream(a);
    }
    if (status == AS_EXPECTED && a->o.wrapped)
        status = start_command(a);
    if (status == AS_EXPECTED && is_emptied(a))
        (void)ftruncate(a->o.store.stream, 0);
    raise_descriptor_limit();
    return status == AS_EXPECTED ? take_stdio(a) : status;
}

/* The times at which something is due, from now on. */
static void set_times(struct app *a)
{
    a->limit = a->kill_at = a->linger_until = a->status_at = INT64_MAX;
    a->start = clock_now();
    if (a->o.expected.time >= 0)
        a->limit = a->start + a->o.expected.time;
    set_alarm(a);
}

static int start(struct app *a)
{
    const struct options *o = &a->o;
    a->server.poll.fd = -1; /* there is nothing to close yet */
    if (o->stdio)
        mute_shared_error();
    int passed = listener_count_passed();
    if (passed < 0 || passed > OPTIONS_PASSED_MAX)
        return cannot_start(a, "take", "the sockets of LISTEN_FDS",
                            passed < 0 ? "give their number, up to 16" : "there are too many, 16 are taken");
    options_complete(&a->o, (size_t)passed);
    for (size_t i = 0; i < o->n_endpoints; i++) {
        char text[16];
        (void)snprintf(text, sizeof text, "fd:%d", o->endpoints[i].fd);
        if (o->endpoints[i].kind == ENDPOINT_FD && !endpoint_is_open(o->endpoints[i].fd))
            return cannot_start(a, "listen on", text, strerror(errno));
    }
    if (signals_open(&a->signals) < 0)
        return cannot_start(a, "set up", "signals", strerror(errno));
    set_times(a);
    int status = open_tls(a);
    if (status == AS_EXPECTED)
        status = open_server(a);
    if (status == AS_EXPECTED)
        status = open_store(a);
    if (status == AS_EXPECTED)
        status = start_serving(a);
    if (a->console.terminal && !o->told && !o->stdio && !o->verbose && !o->quiet)
        a->status_at = a->start + STATUS_AFTER;
    return status;
}

/* ---- watching ---- */

/* Whoever comes now is told so by the system at once. */
static void close_listeners(struct app *a)
{
    for (size_t i = 0; i < a->n_listeners; i++)
        listener_close(&a->listeners[i]);
}

static void stop(struct app *a, enum cause cause)
{
    if (a->cause != NOTHING)
        return;
    a->cause = cause;
    a->status_at = INT64_MAX;
    console_status(&a->console, "");
    server_stop_accepting(&a->server);
    close_listeners(a); /* before anything else is done: who connects meanwhile would only be reset */
    server_stop(&a->server, cause != ENOUGH);
}

static void clean_up(struct app *a);

/* The first one stops the run, or the command; another ends all at once. */
static void take_signal(struct app *a, int number, bool from_terminal)
{
    if (a->signal != 0 && clock_now() - a->signal_at < ONE_SIGNAL)
        return;
    if (a->signal != 0) {
        if (a->o.wrapped)
            wrap_signal(&a->wrap, SIGKILL);
        console_line(&a->console, "ended at once by a second signal, %s", signals_name(number));
        server_close(&a->server);
        close_listeners(a);
        clean_up(a);
        signals_die(number);
    }
    if (a->o.wrapped && (a->wrap.group || !from_terminal))
        wrap_signal(&a->wrap, number);
    a->signal = number;
    a->signal_at = clock_now();
    a->interrupted = number == SIGINT && (!a->o.wrapped || a->wrap.ended);
    if (!a->o.wrapped || a->wrap.ended)
        stop(a, SIGNALLED);
}

static void take_signals(struct app *a)
{
    struct signals_one one;
    (void)signals_read(&a->signals);
    while (signals_take(&a->signals, &one)) {
        if (one.number != SIGCHLD)
            take_signal(a, one.number, one.from_terminal);
        else if (a->o.wrapped)
            wrap_reap(&a->wrap);
    }
}

/* At the limit the command is told to end, and a little later made to. */
static void end_command(struct app *a, int64_t now)
{
    if (now >= a->limit && a->o.wrapped && !a->wrap.ended)
        wrap_reap(&a->wrap);
    if (now >= a->limit && a->o.wrapped && !a->wrap.ended && !a->limit_hit) {
        a->limit_hit = true;
        a->kill_at = now + KILL_AFTER;
        wrap_signal(&a->wrap, SIGTERM);
    }
    if (now >= a->kill_at) {
        a->kill_at = INT64_MAX;
        wrap_signal(&a->wrap, SIGKILL);
    }
}

static int64_t least(int64_t x, int64_t y) { return x < y ? x : y; }

/* With -n 0 the time after the command is for watching that nothing comes. */
static bool is_missing(const struct app *a)
{
    return a->o.expected.max == 0 ? a->server.tally.counted == 0 : a->server.tally.counted < a->o.expected.min;
}

static void look_at_command(struct app *a, bool idle)
{
    if (!a->wrap.ended || a->cause != NOTHING)
        return;
    a->settled = a->settled || idle;
    if (a->linger_until == INT64_MAX)
        a->linger_until = a->server.now + a->o.expected.linger;
    bool waiting = is_missing(a) && !a->limit_hit && a->signal == 0 && a->server.now < a->linger_until;
    bool settling = !a->settled && a->server.now < a->linger_until + SERVER_GRACE;
    if (!waiting && !settling)
        stop(a, COMMAND_ENDED);
}

static void look_at_time(struct app *a)
{
    int64_t now = a->server.now;
    end_command(a, now);
    if (now >= a->limit) {
        a->limit = INT64_MAX;
        if (!a->limit_hit)
            stop(a, LIMIT);
    }
}

static void look_at_counts(struct app *a)
{
    const struct server *v = &a->server;
    uint64_t max = a->o.server.max_messages, connections = a->o.server.max_sessions;
    if (a->o.wrapped)
        return;
    if (max > 0 && v->tally.counted >= max)
        stop(a, ENOUGH);
    else if (connections > 0 && v->tally.spoken >= connections && v->open == 0)
        stop(a, CONNECTIONS);
    else if (a->o.alone && v->open == 0)
        stop(a, SESSION_ENDED);
    else if (v->tally.failed > 0 && (!a->o.keep || v->tally.reader_gone))
        stop(a, OUTPUT_FAILED);
}

/* "waiting: 1 of 3 messages, 12 s left" */
static void look_at_status_line(struct app *a)
{
    const struct options *o = &a->o;
    int64_t now = a->server.now;
    if (now < a->status_at)
        return;
    a->status_at = now + STATUS_AFTER;
    char text[96], left[48] = "";
    if (a->limit != INT64_MAX)
        (void)snprintf(left, sizeof left, ", %jd s left", (intmax_t)((a->limit - now + 999) / 1000));
    if (o->expected.connections > 0)
        (void)snprintf(text, sizeof text, "waiting: %ju of %ju connection%s%s", (uintmax_t)a->server.tally.spoken,
                       (uintmax_t)o->expected.connections, console_plural(o->expected.connections), left);
    else if (o->expected.max == UINT64_MAX || o->expected.max == 0)
        (void)snprintf(text, sizeof text, "waiting: %ju message%s so far%s", (uintmax_t)a->server.tally.counted,
                       console_plural(a->server.tally.counted), left);
    else
        (void)snprintf(text, sizeof text, "waiting: %ju of %ju message%s%s", (uintmax_t)a->server.tally.counted,
                       (uintmax_t)o->expected.max, console_plural(o->expected.max), left);
    console_status(&a->console, text);
}

static int64_t next_look(const struct app *a)
{
    int64_t next = least(least(a->limit, a->kill_at), a->status_at);
    if (a->port_file.waits || a->ca_file.waits)
        next = least(next, a->server.now + (a->server.now - a->start < 1000 ? FIFO_RETRY : 10 * FIFO_RETRY));
    if (a->o.alone && a->server.open == 0 && a->cause == NOTHING)
        next = 0;
    if (a->o.wrapped && a->wrap.ended && a->cause == NOTHING)
        next = a->settled ? least(next, a->linger_until) : 0;
    return next;
}

static int watch(struct app *a)
{
    while (a->cause == NOTHING || a->server.open > 0) {
        int n = server_step(&a->server, next_look(a));
        if (n < 0) {
            console_line(&a->console, "cannot wait for clients: %s", strerror(errno));
            return NOT_WRITTEN;
        }
        if (!a->server.listening)
            close_listeners(a);
        if (a->server.watched || a->signals.n > 0)
            take_signals(a);
        announce_go_on(&a->port_file);
        announce_go_on(&a->ca_file);
        look_at_time(a);
        look_at_counts(a);
        look_at_command(a, n == 0);
        look_at_status_line(a);
    }
    return AS_EXPECTED;
}

/* ---- the end ---- */

static int judge(struct app *a)
{
    const char *unfired[RULES_MAX];
    struct verdict v = {
        .expected = &a->o.expected,
        .tally = &a->server.tally,
        .unfired = unfired,
        .cause = a->cause,
        .signal = signals_name(a->signal),
        .command = a->o.wrapped ? a->o.command[0] : NULL,
        .command_status = a->wrap.status,
        .exit_status = wrap_exit_status(&a->wrap),
        .limit_hit = a->limit_hit,
        .interrupted = a->interrupted,
    };
    for (size_t i = 0; i < a->o.server.n_rules; i++) {
        if (a->o.rules[i].fired == 0)
            unfired[v.n_unfired++] = a->o.rules[i].text;
    }
    return verdict_tell(&v, &a->console);
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    (void)remove(path);
    return 0;
}

static void clean_up(struct app *a)
{
    console_status(&a->console, "");
    if (a->temporary != NULL)
        (void)nftw(a->temporary, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    announce_remove(&a->port_file);
    announce_remove(&a->ca_file);
}

static void close_all(struct app *a)
{
    server_close(&a->server);
    close_listeners(a);
    tls_close(a->tls);
    store_close(&a->store);
    clean_up(a);
    if (a->directory != a->temporary)
        free(a->directory);
    free(a->temporary);
    free(a->ca_path);
    options_close(&a->o);
}

/* Some file systems report a failed write only now. */
static int close_stream(struct app *a, int status)
{
    if (a->o.store.stream < 0 || close(a->o.store.stream) == 0 || status != AS_EXPECTED)
        return status;
    console_line(&a->console, "cannot write to %s: %s", a->o.store.stream_name, strerror(errno));
    return NOT_WRITTEN;
}

static int close_transcript(struct app *a, int status)
{
    FILE *f = a->dialogue.transcript;
    if (f == NULL)
        return status;
    a->dialogue.transcript = NULL;
    if (fclose(f) != 0 && a->dialogue.error == 0)
        a->dialogue.error = errno;
    if (a->dialogue.error == 0 || status != AS_EXPECTED)
        return status;
    console_line(&a->console, "cannot write to %s: %s", a->o.transcript, strerror(a->dialogue.error));
    return NOT_WRITTEN;
}

static int print_help(struct app *a)
{
    bool good = a->o.help ? options_help() == 0
                          : printf("fakesmtp %s (%s, %s)\n", VERSION, poll_kind, tls_kind) > 0 && fflush(stdout) == 0;
    if (good && close(STDOUT_FILENO) == 0)
        return AS_EXPECTED;
    console_line(&a->console, "cannot write to standard output: %s", strerror(errno));
    return NOT_WRITTEN;
}

int main(int argc, char **argv)
{
    static struct app a; /* large for a stack */
    char why[OPTIONS_WHY_MAX];
    fill_standard_descriptors();
    console_open(&a.console, false, false);
    if (options_parse(&a.o, argc, argv, why) < 0) {
        console_line(&a.console, "%s", why);
        console_line(&a.console, "'fakesmtp --help' shows the options");
        if (a.o.background)
            fail_in_shell(USAGE);
        return USAGE;
    }
    if (a.o.help || a.o.version)
        return (int)print_help(&a);
    console_open(&a.console, a.o.quiet, a.o.verbose);
    int status = start(&a);
    if (status == AS_EXPECTED) {
        status = watch(&a);
        if (status == AS_EXPECTED)
            status = close_transcript(&a, close_stream(&a, judge(&a)));
        if (status != AS_EXPECTED && a.signal != SIGINT && a.o.transcript == NULL)
            console_tail(&a.console);
    }
    bool unstarted = status != AS_EXPECTED && !a.server.stopping;
    if (unstarted && a.o.background)
        fail_in_shell(status);
    close_all(&a);
    struct signals_one one;
    if (unstarted)
        (void)signals_read(&a.signals);
    while (unstarted && signals_take(&a.signals, &one)) {
        if (one.number != SIGCHLD)
            signals_die(one.number);
    }
    bool command_interrupted = WIFSIGNALED(a.wrap.status) && WTERMSIG(a.wrap.status) == SIGINT;
    if (a.interrupted || (a.signal == SIGINT && command_interrupted))
        signals_die(SIGINT);
    return status;
}
