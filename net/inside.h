/*
 * inside.h - what the files of net/ share, and nobody else needs.
 */
#ifndef NET_INSIDE_H
#define NET_INSIDE_H

#include "net/net.h"

enum { WAIT_MAX = 60 * 60 * 1000 /* milliseconds of one wait */ };

/* The timeout for poll(2) or epoll_wait(2), in milliseconds; -1: for ever. */
static inline int poll_timeout(int64_t until, int64_t now)
{
    if (until == INT64_MAX)
        return -1;
    return until <= now ? 0 : until - now < WAIT_MAX ? (int)(until - now) : WAIT_MAX;
}

#endif
