/*
 * socket_linux.c - sockets by accept4(2) and MSG_TRUNC.
 */
#define _GNU_SOURCE
#include "net/inside.h"

int socket_accept(int fd, struct sockaddr *address, socklen_t *length)
{
    return accept4(fd, address, length, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

ssize_t socket_discard(int fd, void *room, size_t n)
{
    return recv(fd, room, n, MSG_TRUNC); /* which copies nothing of TCP */
}
