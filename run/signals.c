/*
 * signals.c - signals that can be polled.
 *
 * A handler writes the number of the signal into a pipe.  It also sets an alarm,
 * and so does the time limit; from then on SIGALRM interrupts system calls that
 * block, once a second, so that no write waits for ever.
 */
#include "run/run.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

enum {
    NUDGE = 1,           /* seconds between two interruptions of system calls that block */
    FROM_TERMINAL = 128, /* added to the number of a signal that the terminal sent to the process group */
};

static int signal_pipe = -1; /* a handler has no other argument */

static void on_signal(int number, siginfo_t *info, void *context)
{
    (void)context;
    int saved = errno;
    bool sent = info->si_code == SI_USER || info->si_code == SI_QUEUE || info->si_pid > 0;
    unsigned char octet = (unsigned char)(number | (sent ? 0 : FROM_TERMINAL));
    if (number != SIGALRM)
        (void)!write(signal_pipe, &octet, 1);
    if (number != SIGCHLD)
        (void)alarm(NUDGE);
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
    sigset_t ours;
    struct sigaction old, action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO};
    (void)sigemptyset(&action.sa_mask);
    (void)sigemptyset(&ours);
    if (pipe(s->pipe) < 0)
        return -1;
    for (int i = 0; i < 2; i++) {
        if (fcntl(s->pipe[i], F_SETFD, FD_CLOEXEC) < 0 || fcntl(s->pipe[i], F_SETFL, O_NONBLOCK) < 0)
            return -1;
    }
    s->open = true;
    signal_pipe = s->pipe[1];
    for (size_t i = 0; i < HANDLED; i++) {
        bool may_be_ignored = handled[i] != SIGCHLD && handled[i] != SIGALRM;
        if (sigaction(handled[i], NULL, &old) < 0)
            return -1;
        if ((!may_be_ignored || old.sa_handler != SIG_IGN) && sigaction(handled[i], &action, NULL) < 0)
            return -1;
        (void)sigaddset(&ours, handled[i]);
    }
    (void)sigprocmask(SIG_UNBLOCK, &ours, NULL); /* the parent process may have blocked them */
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
