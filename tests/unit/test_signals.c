/* SPDX-License-Identifier: ISC */
/*
 * test_signals.c - a process that does not look at signals and the limit is
 * ended by force, and one that does is not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "run/run.h"

static char top[64];                        /* a directory that is left to be removed */
static pid_t command, limited, asked, slow; /* children, which are at it together */

static void make_top(void)
{
    char path[96];
    snprintf(top, sizeof top, "/tmp/test_signals-XXXXXX");
    assert_non_null(mkdtemp(top));
    snprintf(path, sizeof path, "%s/a name", top);
    assert_int_equal(mkdir(path, 0700), 0);
    snprintf(path, sizeof path, "%s/a name/1.eml", top);
    assert_int_equal(close(open(path, O_WRONLY | O_CREAT, 0600)), 0);
}

/* A process that leads a group, and ignores SIGTERM. */
static pid_t start_command(void)
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        (void)setpgid(0, 0);
        (void)signal(SIGTERM, SIG_IGN);
        (void)alarm(120);
        for (;;)
            (void)pause();
    }
    (void)setpgid(pid, pid);
    return pid;
}

/* A process that catches signals.  Comes round this number of times, once for each signal; then it is busy without end,
   unless the number is not 0. */
static pid_t start_process(int64_t limit, pid_t group, const char *removed, int rounds)
{
    static struct signals s;
    int ready[2];
    char octet;
    sigset_t none;
    (void)sigemptyset(&none);
    assert_int_equal(pipe(ready), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        s.status = 124;
        s.command = group;
        s.removed[1] = removed;
        int null = open("/dev/null", O_WRONLY);
        if (dup2(null, STDERR_FILENO) < 0 || signals_open(&s, limit) < 0 || write(ready[1], "", 1) != 1)
            _exit(1);
        for (int left = rounds; left > 0; left--) {
            s.rounds++;
            (void)sigsuspend(&none);
        }
        while (rounds == 0)
            continue;
        _exit(0);
    }
    assert_int_equal(read(ready[0], &octet, 1), 1);
    close(ready[0]);
    close(ready[1]);
    return pid;
}

static int start_all(void **state)
{
    (void)state;
    make_top();
    command = start_command();
    limited = start_process(0, command, top, 0);
    asked = start_process(-1, 0, NULL, 0);
    slow = start_process(0, 0, NULL, 6);
    return kill(asked, SIGHUP);
}

static int status_of(pid_t pid)
{
    int status;
    (void)alarm(60); /* a hard stop */
    assert_int_equal(waitpid(pid, &status, 0), pid);
    (void)alarm(0);
    return status;
}

static void test_limit_ends_by_force(void **state)
{
    (void)state;
    int status = status_of(limited);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 124);
    status = status_of(command);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGKILL);
    assert_int_equal(access(top, F_OK), -1);
    assert_int_equal(errno, ENOENT);
}

static void test_signal_ends_by_force(void **state)
{
    (void)state;
    int status = status_of(asked);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGHUP);
}

/* As long as it comes round, however slowly, nothing ends it. */
static void test_rounds_are_seen(void **state)
{
    (void)state;
    int status = status_of(slow);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_limit_ends_by_force),
        cmocka_unit_test(test_signal_ends_by_force),
        cmocka_unit_test(test_rounds_are_seen),
    };
    return cmocka_run_group_tests(tests, start_all, NULL);
}
