/* SPDX-License-Identifier: ISC */
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

/* Whether the clock of libc is right. */
static enum { NOT_KNOWN, RIGHT, WRONG } libc_clock;

/* Compares what libc has told with what the kernel tells, and returns the right time. */
static __attribute__((noinline)) int64_t check_time(int64_t told)
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
    if (libc_clock == NOT_KNOWN)
        libc_clock = told - right > DIFFERENCE || right - told > DIFFERENCE ? WRONG : RIGHT;
    return libc_clock == WRONG ? right : told;
}

int64_t clock_now(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    int64_t told = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
    return libc_clock == RIGHT ? told : check_time(told);
}
