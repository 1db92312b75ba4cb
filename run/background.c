/* SPDX-License-Identifier: ISC */
/*
 * background.c - going to the background, for a shell: eval "$(fakesmtp -b)", or
 * for an env file.
 *
 * The process that the shell started waits until the one in the background is
 * ready, or has failed; then it ends with that status.  The shell reads the
 * assignments that the other prints.  It waits until no process has that output
 * open, so it is closed after them.
 */
#include "run/run.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Ends this process once the other has closed the pipe, after an octet if it is ready.  Passes each signal on once. */
static void end_when_ready(int fd, pid_t pid, struct signals *s)
{
    char octet;
    int status = 0, number, passed = 0;
    ssize_t n;
    while ((n = read(fd, &octet, 1)) < 0 && errno == EINTR) {
        s->rounds++;
        for (int asked = signals_asked(&number); passed < asked; passed++)
            (void)kill(pid, number);
    }
    while (n == 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    if (WIFSIGNALED(status))
        signals_die(WTERMSIG(status));
    _exit(WEXITSTATUS(status));
}

int background_start(struct signals *s)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC), ready[2];
    if (null < 0 || pipe(ready) < 0)
        return -1;
    sigset_t all, mask;
    (void)sigfillset(&all);
    (void)sigprocmask(SIG_SETMASK, &all, &mask); /* a signal sets an alarm, too */
    unsigned left = alarm(0);                    /* a child does not inherit it */
    pid_t pid = fork();
    if (pid <= 0)
        (void)alarm(left);
    else
        s->pipe[1] = -1; /* it is the other's */
    (void)sigprocmask(SIG_SETMASK, &mask, NULL);
    if (pid > 0) {
        (void)close(ready[1]);
        end_when_ready(ready[0], pid, s);
    }
    if (pid < 0 || fcntl(ready[1], F_SETFD, FD_CLOEXEC) < 0 || dup2(null, STDIN_FILENO) < 0)
        return -1;
    (void)close(null);
    (void)setsid();
    return ready[1];
}

/* Prints "NAME=VALUE; ", in quotes if they are needed. */
static void print_assignment(const char *name, const char *value)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/:.,_@%+-";
    if (value[strspn(value, plain)] == '\0') {
        (void)printf("%s=%s; ", name, value);
        return;
    }
    (void)printf("%s='", name);
    for (; *value != '\0'; value++) {
        if (*value == '\'')
            (void)printf("'\\''");
        else
            (void)putchar(*value);
    }
    (void)printf("'; ");
}

static void print_for_shell(const struct variable *variables, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (variables[i].value != NULL)
            print_assignment(variables[i].name, variables[i].value);
        else
            (void)printf("unset %s; ", variables[i].name);
    }
    (void)printf("export");
    for (size_t i = 0; i < n; i++) {
        if (variables[i].value != NULL)
            (void)printf(" %s", variables[i].name);
    }
    (void)printf("\n");
}

/* Such a file has no quotes, and cannot unset a variable that is there already. */
static void print_dotenv(const struct variable *variables, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const char *value = variables[i].value;
        if (value != NULL || getenv(variables[i].name) != NULL)
            (void)printf("%s=%s\n", variables[i].name, value != NULL ? value : "");
    }
}

int background_ready(int fd, const struct announce *a, bool dotenv, struct variable *bad)
{
    struct variable variables[ANNOUNCE_VARIABLES];
    char number[32];
    bad->value = NULL;
    descriptors_close_inherited(); /* after the port file, which may be one */
    (void)snprintf(number, sizeof number, "%ld", (long)getpid());
    size_t n = announce_variables(a, number, variables);
    for (size_t i = 0; i < n && dotenv; i++) {
        if (variables[i].value != NULL && strpbrk(variables[i].value, "\r\n") != NULL) {
            *bad = variables[i];
            return -1;
        }
    }
    (dotenv ? print_dotenv : print_for_shell)(variables, n);
    bool good = fflush(stdout) != EOF && !ferror(stdout) && close(STDOUT_FILENO) == 0 &&
                open("/dev/null", O_WRONLY) == STDOUT_FILENO;
    good = good && write(fd, "", 1) == 1;
    return close(fd) == 0 && good ? 0 : -1;
}

void background_fail(const struct options *o, int status)
{
    if (!o->background || o->dotenv)
        return;
    (void)printf("(exit %d)\n", status);
    (void)fflush(stdout);
}
