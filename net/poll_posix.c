/* SPDX-License-Identifier: ISC */
/*
 * poll_posix.c - readiness by poll(2).
 */
#include "net/inside.h"

#include <poll.h>
#include <stdlib.h>

#include "base/base.h"

const char poll_kind[] = "poll";

int poll_open(struct poll *p)
{
    *p = (struct poll){.fd = -1};
    return 0;
}

void poll_close(struct poll *p)
{
    free(p->fds);
    free(p->tags);
    *p = (struct poll){.fd = -1};
}

int poll_add(struct poll *p, int fd, void *tag)
{
    if (p->n == p->size) {
        size_t size = p->size > 0 ? p->size * 2 : 64;
        struct pollfd *fds = realloc(p->fds, size * sizeof *fds);
        if (fds == NULL)
            return -1;
        p->fds = fds;
        void **tags = realloc(p->tags, size * sizeof *tags);
        if (tags == NULL)
            return -1;
        p->tags = tags;
        p->size = size;
    }
    p->fds[p->n] = (struct pollfd){.fd = fd, .events = POLLIN};
    p->tags[p->n] = tag;
    p->n++;
    return 0;
}

static size_t find(const struct poll *p, int fd)
{
    size_t i = 0;
    while (i < p->n && p->fds[i].fd != fd)
        i++;
    return i;
}

int poll_set(struct poll *p, int fd, void *tag, bool read, bool write)
{
    size_t i = find(p, fd);
    if (i == p->n) {
        errno = ENOENT;
        return -1;
    }
    p->tags[i] = tag;
    p->fds[i].events = (short)((read ? POLLIN : 0) | (write ? POLLOUT : 0));
    return 0;
}

void poll_remove(struct poll *p, int fd, void *tag)
{
    (void)tag;
    size_t i = find(p, fd);
    if (i < p->n) {
        p->n--;
        p->fds[i] = p->fds[p->n];
        p->tags[i] = p->tags[p->n];
    }
}

void poll_closing(struct poll *p, int fd) { poll_remove(p, fd, NULL); }

int poll_wait(struct poll *p, void *ready[READY_MAX], int64_t until, int64_t now)
{
    int n = poll(p->fds, (nfds_t)p->n, clock_timeout(until, now));
    if (n < 0 && errno == EINTR)
        n = poll(p->fds, (nfds_t)p->n, 0);
    if (n < 0)
        return -1;
    size_t found = 0, start = p->turn++; /* the search starts elsewhere each time, so that none starves */
    for (size_t k = 0; k < p->n && found < (size_t)n && found < READY_MAX; k++) {
        size_t i = (start + k) % p->n;
        if (p->fds[i].revents != 0)
            ready[found++] = p->tags[i];
    }
    return (int)found;
}
