/*
 * clock.c - the monotonic clock, the only thing in base/ that asks the system.
 *
 * A library that is loaded before libc, such as that of faketime(1), may tell a
 * time that jumps, stands still or is negative.  Linux is asked past it then.
 */
#ifdef __linux__
#define _GNU_SOURCE
#include <sys/syscall.h>
#include <unistd.h>
#endif

#include "base/base.h"

#include <time.h>

enum { DIFFERENCE = 1000 /* milliseconds between two clocks that are not one */ };

/* What libc tells; it is not known at first. */
static enum { NOT_KNOWN, RIGHT, WRONG } libc;

/* Asks the kernel, and returns the right time: told is that of libc. */
static __attribute__((noinline)) int64_t look_closer(int64_t told)
{
    int64_t right = told;
#ifdef __linux__
    struct {
        int64_t seconds, nanoseconds;
    } now;
#ifdef SYS_clock_gettime64
    const long call = SYS_clock_gettime64;
#else
    const long call = SYS_clock_gettime;
#endif
    if (syscall(call, CLOCK_MONOTONIC, &now) == 0)
        right = now.seconds * 1000 + now.nanoseconds / 1000000;
#endif
    if (libc == NOT_KNOWN)
        libc = told - right > DIFFERENCE || right - told > DIFFERENCE ? WRONG : RIGHT;
    return libc == WRONG ? right : told;
}

int64_t clock_now(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    int64_t told = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
    return libc == RIGHT ? told : look_closer(told);
}
