/*
 * signals.c - signals that can be polled: a handler writes the number of the
 * signal into a pipe.
 */
#include "run/run.h"

#include <errno.h>
#include <fcntl.h>
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
    (void)!write(signal_pipe, &octet, 1);
    if (number != SIGCHLD)
        (void)alarm(NUDGE);
    errno = saved;
}

static void on_alarm(int number)
{
    (void)number;
    (void)alarm(NUDGE);
}

static int handle_signal(int number)
{
    struct sigaction action;
    if (sigaction(number, NULL, &action) < 0)
        return -1;
    if (number != SIGCHLD && action.sa_handler == SIG_IGN)
        return 0;
    memset(&action, 0, sizeof action);
    action.sa_sigaction = on_signal;
    action.sa_flags = SA_SIGINFO;
    sigemptyset(&action.sa_mask);
    return sigaction(number, &action, NULL);
}

static int set_flags(int fd)
{
    return fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 || fcntl(fd, F_SETFL, O_NONBLOCK) < 0 ? -1 : 0;
}

int signals_open(struct signals *s)
{
    static const int numbers[] = {SIGTERM, SIGHUP, SIGINT, SIGCHLD};
    sigset_t ours;
    struct sigaction action = {.sa_handler = on_alarm};
    (void)sigemptyset(&action.sa_mask);
    (void)sigemptyset(&ours);
    (void)sigaddset(&ours, SIGALRM);
    if (sigaction(SIGALRM, &action, NULL) < 0)
        return -1;
    if (pipe(s->pipe) < 0 || set_flags(s->pipe[0]) < 0 || set_flags(s->pipe[1]) < 0)
        return -1;
    s->open = true;
    signal_pipe = s->pipe[1];
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        if (handle_signal(numbers[i]) < 0)
            return -1;
        (void)sigaddset(&ours, numbers[i]);
    }
    (void)sigprocmask(SIG_UNBLOCK, &ours, NULL); /* the parent process may have blocked them */
    (void)signal(SIGPIPE, SIG_IGN);
#ifdef SIGXFSZ
    (void)signal(SIGXFSZ, SIG_IGN);
#endif
    return 0;
}

bool signals_read(struct signals *s)
{
    unsigned char octets[sizeof s->came];
    ssize_t n = s->open ? read(s->pipe[0], octets, sizeof octets) : 0;
    for (ssize_t i = 0; i < n; i++) {
        bool known = memchr(s->came, octets[i], s->n) != NULL && (octets[i] & ~FROM_TERMINAL) == SIGCHLD;
        if (!known && s->n < sizeof s->came)
            s->came[s->n++] = octets[i];
    }
    bool asked = false;
    for (size_t i = 0; i < s->n; i++)
        asked = asked || (s->came[i] & ~FROM_TERMINAL) != SIGCHLD;
    return asked;
}

bool signals_take(struct signals *s, struct signals_one *one)
{
    if (s->n == 0)
        return false;
    *one = (struct signals_one){s->came[0] & ~FROM_TERMINAL, (s->came[0] & FROM_TERMINAL) != 0};
    memmove(s->came, s->came + 1, --s->n);
    return true;
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
