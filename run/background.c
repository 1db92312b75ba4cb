/*
 * background.c - going to the background, for a shell: eval "$(fakesmtp -b)".
 *
 * The shell reads assignments from the standard output of the first process,
 * which ends after them.  The second process goes on without that output, as the
 * shell waits until no process has it open.
 */
#include "run/run.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

pid_t background_start(void)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null < 0)
        return -1;
    unsigned left = alarm(0); /* a child does not inherit it */
    pid_t pid = fork();
    (void)alarm(left);
    bool good = true;
    if (pid == 0) {
        (void)setsid();
        descriptors_close_inherited();
        good = dup2(null, STDIN_FILENO) >= 0 && dup2(null, STDOUT_FILENO) >= 0;
    }
    int saved = errno;
    (void)close(null);
    errno = saved;
    return good ? pid : -1;
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

int background_print(const struct announce *a, pid_t pid)
{
    struct variable variables[ANNOUNCE_VARIABLES];
    char number[32];
    (void)snprintf(number, sizeof number, "%ld", (long)pid);
    announce_variables(a, number, variables);
    for (size_t i = 0; i < ANNOUNCE_VARIABLES; i++) {
        if (variables[i].value != NULL)
            print_assignment(variables[i].name, variables[i].value);
        else
            (void)printf("unset %s; ", variables[i].name);
    }
    (void)printf("export");
    for (size_t i = 0; i < ANNOUNCE_VARIABLES; i++) {
        if (variables[i].value != NULL)
            (void)printf(" %s", variables[i].name);
    }
    (void)printf("\n");
    return fflush(stdout) == EOF || ferror(stdout) || close(STDOUT_FILENO) < 0 ? -1 : 0;
}

void background_fail(int status)
{
    (void)printf("(exit %d)\n", status);
    (void)fflush(stdout);
}
