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

/* The text for "%" and this letter. */
static const char *field(const struct wrap_place *place, char letter)
{
    switch (letter) {
    case 'h':
        return place->host;
    case 'p':
        return place->port;
    case 'u':
        return place->url;
    case 'd':
        return place->directory;
    default:
        return "%";
    }
}

/* Puts NAME=TEXT into the environment. */
static int set_template(const char *template, const struct wrap_place *place)
{
    size_t size = strlen(template) + 1;
    for (const char *p = template; *p != '\0'; p++)
        size += *p == '%' ? strlen(field(place, p[1])) : 0;
    char *text = malloc(size), *out = text;
    if (text == NULL)
        return -1;
    const char *equals = strchr(template, '=');
    for (const char *p = template; *p != '\0'; p++) {
        if (p > equals && *p == '%') {
            const char *value = field(place, *++p);
            out = memcpy(out, value, strlen(value));
            out += strlen(value);
        } else {
            *out++ = *p;
        }
    }
    *out = '\0';
    text[equals - template] = '\0';
    int status = setenv(text, text + (equals - template) + 1, 1);
    free(text);
    return status;
}

static int set_environment(const struct wrap_place *place, const char *const *templates, size_t n)
{
    if (setenv("SMTP_HOST", place->host, 1) < 0 || setenv("SMTP_PORT", place->port, 1) < 0 ||
        setenv("SMTP_URL", place->url, 1) < 0 || setenv("FAKESMTP_DIR", place->directory, 1) < 0)
        return -1;
    if (place->ca_file != NULL ? setenv("SMTP_CA_FILE", place->ca_file, 1) : unsetenv("SMTP_CA_FILE"))
        return -1;
    if (unsetenv("FAKESMTP_PID") < 0) /* it is that of another run */
        return -1;
    for (size_t i = 0; i < n; i++) {
        if (set_template(templates[i], place) < 0)
            return -1;
    }
    return 0;
}

/* For a file that is no program and names no interpreter.  execvp() should do this (POSIX), but that of musl does not.
 */
static void run_as_script(char **argv)
{
    size_t n = 0;
    while (argv[n] != NULL)
        n++;
    char **words = calloc(n + 2, sizeof *words);
    if (words == NULL)
        return;
    static char shell[] = "/bin/sh";
    words[0] = shell;
    memcpy(words + 1, argv, n * sizeof *words);
    (void)execv(shell, words);
    free(words);
}

/* No handler may run in the child before exec resets them. */
static void forget_handlers(void)
{
    static const int numbers[] = {SIGTERM, SIGHUP, SIGINT, SIGCHLD, SIGALRM};
    struct sigaction action;
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        if (sigaction(numbers[i], NULL, &action) == 0 && action.sa_handler != SIG_IGN)
            (void)signal(numbers[i], SIG_DFL);
    }
}

/* Runs in the child.  The command gets the default action of each signal that the parent ignores or handles. */
static void run(char **argv, bool group, const sigset_t *mask, const struct wrap_place *place,
                const char *const *templates, size_t n)
{
    if (group)
        (void)setpgid(0, 0);
    forget_handlers();
    (void)signal(SIGPIPE, SIG_DFL);
#ifdef SIGXFSZ
    (void)signal(SIGXFSZ, SIG_DFL);
#endif
    (void)sigprocmask(SIG_SETMASK, mask, NULL);
    if (set_environment(place, templates, n) == 0)
        (void)execvp(argv[0], argv);
    if (errno == ENOEXEC && strchr(argv[0], '/') != NULL)
        run_as_script(argv);
}

int wrap_start(struct wrap *w, char **argv, const struct wrap_place *place, const char *const *templates, size_t n)
{
    int pipe_fds[2];
    if (pipe(pipe_fds) < 0)
        return -1;
    bool group = !isatty(STDIN_FILENO) && !isatty(STDOUT_FILENO) && !isatty(STDERR_FILENO);
    int error = 0;
    *w = (struct wrap){.group = group, .pid = -1};
    sigset_t all, mask;
    (void)sigfillset(&all);
    (void)sigprocmask(SIG_SETMASK, &all, &mask);
    if (fcntl(pipe_fds[1], F_SETFD, FD_CLOEXEC) == 0)
        w->pid = fork();
    if (w->pid == 0) {
        (void)close(pipe_fds[0]);
        run(argv, group, &mask, place, templates, n);
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

void wrap_reap(struct wrap *w)
{
    if (!w->ended)
        w->ended = waitpid(w->pid, &w->status, WNOHANG) == w->pid;
}

void wrap_signal(const struct wrap *w, int signal)
{
    if (w->ended)
        return;
    if (w->group && kill(-w->pid, signal) == 0)
        (void)kill(-w->pid, SIGCONT);
    else if (kill(w->pid, signal) == 0) /* it may have left its group */
        (void)kill(w->pid, SIGCONT);
}

int wrap_exit_status(const struct wrap *w)
{
    return WIFSIGNALED(w->status) ? 128 + WTERMSIG(w->status) : WEXITSTATUS(w->status);
}
