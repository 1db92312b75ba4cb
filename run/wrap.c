/* SPDX-License-Identifier: ISC */
/*
 * wrap.c - the wrapped command.
 *
 * Without a terminal the command leads a process group of its own, so that a
 * signal, and the end at a time limit, reaches all processes that it started.
 * With a terminal it stays in this group: it may read from the terminal, which
 * also sends its signals to the whole group.
 *
 * The child reports a failure of exec through a pipe that exec closes.
 */
#include "run/run.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__linux__)
#include <sys/prctl.h>
#endif

enum { KILL_AFTER = 1000 /* milliseconds from SIGTERM to SIGKILL for a command at its limit */ };

/* Without PATH, execvp() of musl looks in these directories; that of glibc leaves out the first. */
static const char *search_path(void)
{
    const char *path = getenv("PATH");
    return path != NULL ? path : "/usr/local/bin:/bin:/usr/bin";
}

int wrap_find_program(const char *argv0, char program[PATH_MAX])
{
    static const char self[] = "/proc/self/exe"; /* Linux has it */
    char path[PATH_MAX];
    struct stat ours, st;
    ssize_t n = readlink(self, program, PATH_MAX - 1);
    program[n > 0 ? n : 0] = '\0';
    /* the file may have been removed or replaced since */
    if (n > 0 && stat(self, &ours) == 0 && stat(program, &st) == 0 && st.st_ino == ours.st_ino &&
        st.st_dev == ours.st_dev)
        return 0;
    if (strchr(argv0, '/') != NULL)
        return realpath(argv0, program) != NULL ? 0 : -1;
    for (const char *at = search_path(), *end; at != NULL; at = *end == ':' ? end + 1 : NULL) {
        end = at + strcspn(at, ":");
        int length = snprintf(path, sizeof path, "%.*s%s%s", (int)(end - at), at, end > at ? "/" : "", argv0);
        if (length > 0 && length < PATH_MAX && access(path, X_OK) == 0 && stat(path, &st) == 0 && S_ISREG(st.st_mode))
            return realpath(path, program) != NULL ? 0 : -1;
    }
    errno = ENOENT;
    return -1;
}

const char *wrap_field(const char *at, uint64_t *number)
{
    bool numbered = *at == 'h' || *at == 'p' || *at == 'u';
    *number = 1;
    if (!numbered && *at != 'd' && *at != 's' && *at != '%')
        return NULL;
    at++;
    const char *digits = at;
    at += numbered ? strspn(at, "0123456789") : 0;
    if (at > digits && !number_take(&digits, number))
        *number = 0;
    return at;
}

/* Puts NAME=TEXT into the environment, with the fields replaced. */
static int set_template(const char *template, const struct announce *a)
{
    struct text text = {0};
    size_t name = strcspn(template, "=");
    text_add_ended(&text, (struct span){template, name});
    for (const char *p = template + name + 1; *p != '\0';) {
        if (*p != '%') {
            text_add(&text, p++, 1);
            continue;
        }
        char letter = p[1];
        uint64_t number;
        p = wrap_field(p + 1, &number);
        const struct listener *l = a->listeners[number - 1];
        text_add_string(&text, letter == 'h'   ? l->host
                               : letter == 'p' ? l->port_text
                               : letter == 'u' ? l->url
                               : letter == 'd' ? a->directory
                               : letter == 's' ? a->sendmail
                                               : "%");
    }
    text_add_ended(&text, (struct span){"", 0});
    int status = text.failed ? -1 : setenv(text.p, text.p + name + 1, 1);
    free(text.p);
    return status;
}

/* Puts the directory of the link first. */
static int set_path(const char *sendmail)
{
    struct text text = {0};
    text_add(&text, sendmail, (size_t)(strrchr(sendmail, '/') - sendmail));
    text_add_string(&text, ":");
    text_add_ended(&text, span_of(search_path()));
    int status = text.failed ? -1 : setenv("PATH", text.p, 1);
    free(text.p);
    return status;
}

/* Runs in the child.  Returns with errno if the command cannot be run. */
static void run(const struct options *o, const struct announce *a, bool group, const sigset_t *mask)
{
    struct variable variables[ANNOUNCE_VARIABLES];
    bool set = true;
    if (group)
        (void)setpgid(0, 0);
    signals_reset();
    (void)sigprocmask(SIG_SETMASK, mask, NULL);
    size_t n = announce_variables(a, NULL, variables);
    for (const struct variable *v = variables; v < variables + n && set; v++)
        set = (v->value != NULL ? setenv(v->name, v->value, 1) : unsetenv(v->name)) == 0;
    for (size_t i = 0; i < o->n_env && set; i++)
        set = set_template(o->env[i], a) == 0;
    set = set && (a->sendmail == NULL || set_path(a->sendmail) == 0); /* also if --env sets PATH */
    if (set)
        (void)execvp(o->command[0], o->command);
    /* a script that names no interpreter: POSIX has execvp() run it by sh(1), but that of musl does not */
    if (errno == ENOEXEC && strchr(o->command[0], '/') != NULL) {
        static char shell[] = "/bin/sh";
        o->command[-1] = shell;
        (void)execv(shell, o->command - 1);
    }
}

int wrap_start(struct wrap *w, const struct options *o, const struct announce *a)
{
    int pipe_fds[2];
    if (pipe(pipe_fds) < 0)
        return -1;
    bool group = !isatty(STDIN_FILENO) && !isatty(STDOUT_FILENO) && !isatty(STDERR_FILENO);
    int error = 0;
    *w = (struct wrap){.pid = -1, .group = group, .kill_at = INT64_MAX};
    sigset_t all, mask;
    (void)sigfillset(&all);
    (void)sigprocmask(SIG_SETMASK, &all, &mask);
    if (fcntl(pipe_fds[1], F_SETFD, FD_CLOEXEC) == 0)
        w->pid = fork();
    if (w->pid == 0) {
        (void)close(pipe_fds[0]);
        run(o, a, group, &mask);
        error = errno;
        (void)!write(pipe_fds[1], &error, sizeof error);
        _exit(127);
    }
    if (w->pid < 0)
        error = errno;
    (void)sigprocmask(SIG_SETMASK, &mask, NULL);
    (void)close(pipe_fds[1]);
    ssize_t got;
    do
        got = read(pipe_fds[0], &error, sizeof error);
    while (got < 0 && errno == EINTR);
    (void)close(pipe_fds[0]);
    if (w->pid > 0 && error != 0)
        (void)waitpid(w->pid, NULL, 0);
    errno = error;
    return error != 0 ? -1 : 0;
}

void wrap_none(void)
{
#if defined(PR_SET_NO_NEW_PRIVS)
    (void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); /* before Linux 3.5 there is no such thing */
#endif
}

bool wrap_runs(const struct wrap *w) { return w->pid > 0 && !w->ended; }

void wrap_reap(struct wrap *w)
{
    pid_t pid;
    if (!wrap_runs(w))
        return;
    while ((pid = waitpid(w->pid, &w->status, WNOHANG)) < 0 && errno == EINTR)
        continue;
    w->ended = pid == w->pid;
}

bool wrap_remains(const struct wrap *w)
{
    return w->group && w->ended && w->kill_at != INT64_MAX && kill(-w->pid, 0) == 0;
}

void wrap_signal(const struct wrap *w, int signal)
{
    if (!wrap_runs(w) && !wrap_remains(w))
        return;
    if (w->group && kill(-w->pid, signal) == 0)
        (void)kill(-w->pid, SIGCONT);
    else if (kill(w->pid, signal) == 0) /* it may have left its group */
        (void)kill(w->pid, SIGCONT);
}

bool wrap_end(struct wrap *w, int64_t now)
{
    wrap_reap(w);
    w->timed_out = wrap_runs(w);
    if (w->timed_out || w->group) {
        w->kill_at = now + KILL_AFTER;
        wrap_signal(w, SIGTERM);
    }
    return w->timed_out;
}

void wrap_go_on(struct wrap *w, int64_t now)
{
    if (w->ended && w->group && kill(-w->pid, 0) < 0)
        w->group = false; /* another group may have its number later */
    if (now < w->kill_at)
        return;
    wrap_signal(w, SIGKILL);
    w->kill_at = INT64_MAX;
}

int wrap_exit_status(const struct wrap *w)
{
    return WIFSIGNALED(w->status) ? 128 + WTERMSIG(w->status) : WEXITSTATUS(w->status);
}
