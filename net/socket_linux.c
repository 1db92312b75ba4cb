/*
 * socket_linux.c - sockets by accept4(2) and MSG_TRUNC, and a lock on a directory.
 */
#define _GNU_SOURCE
#include "net/inside.h"

#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>

int socket_accept(int fd, struct sockaddr *address, socklen_t *length)
{
    return accept4(fd, address, length, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

ssize_t socket_discard(int fd, void *room, size_t n)
{
    return recv(fd, room, n, MSG_TRUNC); /* which copies nothing of TCP */
}

int socket_lock_directory(const char *path)
{
    char *copy = strdup(path);
    int fd = copy != NULL ? open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    free(copy);
    if (fd >= 0)
        (void)flock(fd, LOCK_EX);
    return fd;
}
