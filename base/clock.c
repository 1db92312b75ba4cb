/*
 * clock.c - the clock by which a run waits.
 */
#include "base/base.h"

#include <time.h>

int64_t clock_now(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}
