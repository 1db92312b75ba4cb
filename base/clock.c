/*
 * clock.c - the monotonic clock, the only thing in base/ that asks the system.
 */
#include "base/base.h"

#include <time.h>

int64_t clock_now(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}
