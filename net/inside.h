/* SPDX-License-Identifier: ISC */
/*
 * inside.h - what the files of net/ share.
 */
#ifndef NET_INSIDE_H
#define NET_INSIDE_H

#include <errno.h>
#include <netinet/in.h>
#include <sys/un.h>
#include <unistd.h>

#include "net/net.h"

/* "smtp://" and so on, by enum scheme. */
extern const char *const endpoint_schemes[];

/* Reads a decimal number up to 65535, and nothing else.  -1 if text is not such a number. */
int endpoint_number(const char *text);

/* ---- addresses of sockets ---- */

struct address {
    union {
        struct sockaddr any;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
        struct sockaddr_un path;
    } u;
    bool optional; /* it is left out if this machine does not have it */
};

/* These take an address of IPv4 or IPv6. */
uint16_t address_port(const struct address *a);
void address_set_port(struct address *a, uint16_t port);

/* Sets the peer to an address of any family; only IPv4 and IPv6 have a text and a port. */
void address_set_peer(const struct address *a, struct peer *peer);

/* Writes it as text, without its port. */
void address_text(const struct address *a, char *text, size_t size);

/* Finds the addresses of an endpoint of IPv4 or IPv6, at most LISTENER_SOCKETS_MAX, and returns their number.  0 on
   failure, with *reason as in listener_open(). */
size_t address_resolve(const struct endpoint *e, struct address *addresses, const char **reason);

/* ---- socket_linux.c or socket_posix.c, which the Makefile chooses ---- */

/* As accept(2).  The socket does not block, and is closed on exec. */
int socket_accept(int fd, struct sockaddr *address, socklen_t *length);

/* As recv(2), but the octets are dropped.  room holds n octets, and may be overwritten. */
ssize_t socket_discard(int fd, void *room, size_t n);

/* The number of octets sent over TCP that the peer's system does not have yet; -1 if that is not known. */
int socket_undelivered(int fd);

/* ---- descriptors ---- */

/* Closes a descriptor, if it is one, and keeps errno.  Returns -1. */
static inline int socket_close(int fd)
{
    int saved = errno;
    if (fd >= 0)
        (void)close(fd);
    errno = saved;
    return -1;
}

/* Opens a stream socket that does not block, and is closed on exec. */
int socket_open(int family);

/* Moves an open file from fd to a new descriptor, which is returned, and puts /dev/null in its place. */
int connection_take_descriptor(int fd);

#endif
