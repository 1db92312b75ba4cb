/* SPDX-License-Identifier: ISC */
/*
 * poll_linux.c - readiness by epoll.
 *
 * epoll refuses a regular file, which is always ready, so poll_wait() reports it
 * by itself.
 */
#include "net/inside.h"

#include <sys/epoll.h>

#include "base/base.h"

const char poll_kind[] = "epoll";

int poll_open(struct poll *p)
{
    *p = (struct poll){.fd = epoll_create1(EPOLL_CLOEXEC)};
    return p->fd < 0 ? -1 : 0;
}

void poll_close(struct poll *p)
{
    if (p->fd >= 0)
        (void)close(p->fd);
    p->fd = -1;
}

int poll_add(struct poll *p, int fd, void *tag)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = tag};
    int status = epoll_ctl(p->fd, EPOLL_CTL_ADD, fd, &event);
    if (status == 0 || errno != EPERM || p->always != NULL)
        return status;
    p->always = tag;
    p->always_read = true;
    return 0;
}

int poll_set(struct poll *p, int fd, void *tag, bool read, bool write)
{
    struct epoll_event event = {.data.ptr = tag};
    event.events = (read ? (uint32_t)EPOLLIN : 0) | (write ? (uint32_t)EPOLLOUT : 0);
    if (epoll_ctl(p->fd, EPOLL_CTL_MOD, fd, &event) == 0)
        return 0;
    if (errno != ENOENT || p->always != tag)
        return -1;
    p->always_read = read;
    return 0;
}

void poll_remove(struct poll *p, int fd, void *tag)
{
    struct epoll_event none = {.events = 0};
    if (epoll_ctl(p->fd, EPOLL_CTL_DEL, fd, &none) < 0 && p->always == tag)
        p->always = NULL;
}

void poll_closing(struct poll *p, int fd) { (void)p, (void)fd; /* close(2) does that */ }

int poll_wait(struct poll *p, void *ready[READY_MAX], int64_t until, int64_t now)
{
    struct epoll_event events[READY_MAX];
    int found = 0;
    if (p->always != NULL && p->always_read) {
        ready[found++] = p->always;
        until = now;
    }
    int n = epoll_wait(p->fd, events, READY_MAX - found, clock_timeout(until, now));
    if (n < 0 && errno == EINTR)
        n = epoll_wait(p->fd, events, READY_MAX - found, 0);
    for (int i = 0; i < n; i++)
        ready[found++] = events[i].data.ptr;
    return n < 0 ? -1 : found;
}
