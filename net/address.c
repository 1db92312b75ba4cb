/* SPDX-License-Identifier: ISC */
/*
 * address.c - addresses of sockets, from an endpoint and as text.
 */
#include "net/inside.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>

void address_set_port(struct address *a, uint16_t port)
{
    if (a->u.any.sa_family == AF_INET6)
        a->u.in6.sin6_port = htons(port);
    else
        a->u.in.sin_port = htons(port);
}

uint16_t address_port(const struct address *a)
{
    return ntohs(a->u.any.sa_family == AF_INET6 ? a->u.in6.sin6_port : a->u.in.sin_port);
}

void address_text(const struct address *a, char *text, size_t size)
{
    bool v6 = a->u.any.sa_family == AF_INET6;
    const void *octets = v6 ? (const void *)&a->u.in6.sin6_addr : &a->u.in.sin_addr;
    if (inet_ntop(a->u.any.sa_family, octets, text, (socklen_t)size) == NULL)
        (void)snprintf(text, size, "?");
}

void address_set_peer(const struct address *a, struct peer *peer)
{
    *peer = (struct peer){"", 0};
    if (a->u.any.sa_family != AF_INET && a->u.any.sa_family != AF_INET6)
        return;
    address_text(a, peer->address, sizeof peer->address);
    peer->port = address_port(a);
}

/* getaddrinfo(3) is for names only, as it loads libraries. */
size_t address_resolve(const struct endpoint *e, struct address *addresses, const char **reason)
{
    bool any = e->kind == ENDPOINT_ANY;
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(any ? INADDR_ANY : INADDR_LOOPBACK)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_addr = any ? in6addr_any : in6addr_loopback};
    addresses[0] = (struct address){.u.in = v4};
    addresses[1] = (struct address){.u.in6 = v6, .optional = true};
    if (e->kind != ENDPOINT_HOST)
        return 2;
    if (inet_pton(AF_INET, e->host, &addresses[0].u.in.sin_addr) == 1)
        return 1;
    if (inet_pton(AF_INET6, e->host, &v6.sin6_addr) == 1) {
        addresses[0] = (struct address){.u.in6 = v6};
        return 1;
    }
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found;
    int status = getaddrinfo(e->host, NULL, &hints, &found);
    if (status != 0) {
        *reason = status == EAI_SYSTEM ? NULL : gai_strerror(status);
        return 0;
    }
    size_t n = 0;
    for (struct addrinfo *i = found; i != NULL && n < LISTENER_SOCKETS_MAX; i = i->ai_next) {
        addresses[n] = (struct address){.optional = found->ai_next != NULL && i->ai_family == AF_INET6};
        if (i->ai_addrlen <= sizeof addresses[n].u)
            memcpy(&addresses[n++].u, i->ai_addr, i->ai_addrlen);
    }
    freeaddrinfo(found);
    return n;
}
