/* SPDX-License-Identifier: ISC */
/*
 * signals.c - signals that can be polled, and the end by force.
 *
 * A handler writes the number of the signal into a pipe.  It also sets an alarm,
 * and so does the time limit; from then on SIGALRM interrupts system calls that
 * block, once a second, so that no write waits for ever.
 *
 * If the loop does not come round even so, because it is busy with something
 * without end, the handler ends the process.  It may call almost nothing, so a
 * shell that takes the place of the process removes what would be left.
 */
#include "run/run.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

enum {
    NUDGE = 1,           /* seconds between two interruptions of system calls that block */
    PATIENCE = 3,        /* nudges without a round of the loop before the end by force */
    FROM_TERMINAL = 128, /* added to the number of a signal that the terminal sent to the process group */
};

/* A handler has no other argument. */
static struct signals *ours;
static volatile sig_atomic_t asked;             /* the last signal that asked for the end; 0: none did */
static volatile sig_atomic_t times_asked;       /* so far */
static volatile sig_atomic_t rounds_then, idle; /* rounds at the last nudge, and nudges since they changed */

static void write_number(char *out, int n)
{
    for (int unit = n > 99 ? 100 : n > 9 ? 10 : 1; unit > 0; unit /= 10)
        *out++ = (char)('0' + n / unit % 10);
    *out = '\0';
}

static void end_by_force(void)
{
    static const char said[] = "fakesmtp: ended by force, as it was too busy to end by itself\n";
    static char script[] = "signal=$1 status=$2; shift 2; exec 2>/dev/null\n"
                           "find \"$@\" -xdev -depth ! -type d -exec rm -f {} +\n"
                           "find \"$@\" -xdev -depth -type d -exec rmdir {} +\n"
                           "[ $signal = 0 ] || kill -$signal $$; exit $status";
    char number[4], status[4], sh[] = "sh", option[] = "-c";
    char *arguments[7 + SIGNALS_REMOVED_MAX] = {sh, option, script, sh, number, status};
    size_t n = 6;
    struct pollfd error = {.fd = STDERR_FILENO, .events = POLLOUT};
    sigset_t none;
    (void)alarm(0);
    (void)signal(SIGALRM, SIG_IGN);
    if (poll(&error, 1, 0) > 0 && (error.revents & POLLOUT) != 0)
        (void)!write(STDERR_FILENO, said, sizeof said - 1);
    if (ours->command > 0 && kill(-ours->command, SIGKILL) < 0)
        (void)kill(ours->command, SIGKILL);
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    write_number(number, asked);
    write_number(status, ours->status);
    for (size_t i = 0; i < SIGNALS_REMOVED_MAX; i++) {
        if (ours->removed[i] != NULL)
            arguments[n++] = (char *)(uintptr_t)ours->removed[i];
    }
    if (n > 6)
        (void)execv("/bin/sh", arguments);
    if (asked != 0)
        signals_die(asked);
    _exit(ours->status);
}

/* The time to end has come, and a second more has passed, or another signal came. */
static void nudge(int number)
{
    if (number != SIGALRM) {
        asked = number;
        times_asked++;
    } else if (ours->rounds != rounds_then) {
        rounds_then = ours->rounds;
        idle = 0;
    } else {
        idle++;
    }
    if (idle >= (times_asked > 1 ? 1 : PATIENCE))
        end_by_force();
    (void)alarm(NUDGE);
}

static void on_signal(int number, siginfo_t *info, void *context)
{
    (void)context;
    int saved = errno;
    bool sent = info->si_code == SI_USER || info->si_code == SI_QUEUE || info->si_pid > 0;
    unsigned char octet = (unsigned char)(number | (sent ? 0 : FROM_TERMINAL));
    while (number != SIGALRM && write(ours->pipe[1], &octet, 1) < 0 && errno == EINTR)
        continue;
    if (number != SIGCHLD)
        nudge(number);
    errno = saved;
}

static const int handled[] = {SIGTERM, SIGHUP, SIGINT, SIGCHLD, SIGALRM};
enum { HANDLED = sizeof handled / sizeof handled[0] };

/* These would end the process where a write need only fail. */
static void set_write_signals(void (*action)(int))
{
    (void)signal(SIGPIPE, action);
#ifdef SIGXFSZ
    (void)signal(SIGXFSZ, action);
#endif
}

int signals_open(struct signals *s, int64_t limit)
{
    sigset_t handled_set;
    struct sigaction old, action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO};
    (void)sigemptyset(&action.sa_mask);
    (void)sigemptyset(&handled_set);
    if (pipe(s->pipe) < 0)
        return -1;
    for (int i = 0; i < 2; i++) {
        if (fcntl(s->pipe[i], F_SETFD, FD_CLOEXEC) < 0 || fcntl(s->pipe[i], F_SETFL, O_NONBLOCK) < 0)
            return -1;
    }
    s->open = true;
    ours = s;
    for (size_t i = 0; i < HANDLED; i++) {
        bool may_be_ignored = handled[i] != SIGCHLD && handled[i] != SIGALRM;
        if (sigaction(handled[i], NULL, &old) < 0)
            return -1;
        if ((!may_be_ignored || old.sa_handler != SIG_IGN) && sigaction(handled[i], &action, NULL) < 0)
            return -1;
        (void)sigaddset(&handled_set, handled[i]);
    }
    (void)sigprocmask(SIG_UNBLOCK, &handled_set, NULL); /* the parent process may have blocked them */
    set_write_signals(SIG_IGN);
    if (limit >= 0)
        (void)alarm(limit / 1000 < INT_MAX ? (unsigned)(limit / 1000) + 1 : 0);
    return 0;
}

void signals_reset(void)
{
    struct sigaction action;
    for (size_t i = 0; i < HANDLED; i++) {
        if (sigaction(handled[i], NULL, &action) == 0 && action.sa_handler != SIG_IGN)
            (void)signal(handled[i], SIG_DFL);
    }
    set_write_signals(SIG_DFL);
}

int signals_read(struct signals *s)
{
    unsigned char octets[sizeof s->came];
    ssize_t n = s->open ? read(s->pipe[0], octets, sizeof octets) : 0;
    for (ssize_t i = 0; i < n; i++) {
        bool known = memchr(s->came, octets[i], s->n) != NULL && (octets[i] & ~FROM_TERMINAL) == SIGCHLD;
        if (!known && s->n < sizeof s->came)
            s->came[s->n++] = octets[i];
    }
    for (size_t i = 0; i < s->n; i++) {
        if ((s->came[i] & ~FROM_TERMINAL) != SIGCHLD)
            return s->came[i] & ~FROM_TERMINAL;
    }
    return 0;
}

int signals_asked(int *number)
{
    *number = asked;
    return times_asked;
}

int signals_take(struct signals *s, bool *from_terminal)
{
    if (s->n == 0)
        return 0;
    int number = s->came[0] & ~FROM_TERMINAL;
    *from_terminal = (s->came[0] & FROM_TERMINAL) != 0;
    memmove(s->came, s->came + 1, --s->n);
    return number;
}

const char *signals_name(int number)
{
    return number == SIGTERM ? "SIGTERM" : number == SIGHUP ? "SIGHUP" : number == SIGINT ? "SIGINT" : "a signal";
}

void signals_die(int number)
{
    sigset_t set;
    (void)signal(number, SIG_DFL);
    (void)sigemptyset(&set);
    (void)sigaddset(&set, number);
    (void)sigprocmask(SIG_UNBLOCK, &set, NULL);
    (void)raise(number);
    _exit(128 + number);
}
