/* SPDX-License-Identifier: ISC */
/*
 * socket_linux.c - sockets by accept4(2), MSG_TRUNC and SIOCOUTQ.
 */
#define _GNU_SOURCE
#include "net/inside.h"

#include <sys/ioctl.h>

int socket_accept(int fd, struct sockaddr *address, socklen_t *length)
{
    return accept4(fd, address, length, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

ssize_t socket_discard(int fd, void *room, size_t n)
{
    return recv(fd, room, n, MSG_TRUNC); /* which copies nothing of TCP */
}

int socket_undelivered(int fd)
{
    int n;
    return ioctl(fd, TIOCOUTQ, &n) == 0 ? n : -1; /* SIOCOUTQ; only headers of the kernel have that name */
}
