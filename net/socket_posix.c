/* SPDX-License-Identifier: ISC */
/*
 * socket_posix.c - sockets with POSIX.1-2008 alone.
 */
#include "net/inside.h"

#include <fcntl.h>

int socket_accept(int fd, struct sockaddr *address, socklen_t *length)
{
    int accepted = accept(fd, address, length);
    if (accepted < 0)
        return -1;
    int flags = fcntl(accepted, F_GETFL);
    if (flags < 0 || fcntl(accepted, F_SETFL, flags | O_NONBLOCK) < 0 || fcntl(accepted, F_SETFD, FD_CLOEXEC) < 0)
        return socket_close(accepted);
    return accepted;
}

ssize_t socket_discard(int fd, void *room, size_t n) { return recv(fd, room, n, 0); }

int socket_undelivered(int fd)
{
    (void)fd;
    return -1;
}
