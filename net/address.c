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

void address_with_port(const struct address *a, char *text, size_t size)
{
    char host[INET6_ADDRSTRLEN];
    address_text(a, host, sizeof host);
    (void)snprintf(text, size, a->u.any.sa_family == AF_INET6 ? "[%s]:%u" : "%s:%u", host, (unsigned)address_port(a));
}

static struct address ipv4(in_addr_t host)
{
    return (struct address){.u.in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(host)}};
}

static struct address ipv6(struct in6_addr host)
{
    return (struct address){.u.in6 = {.sin6_family = AF_INET6, .sin6_addr = host}, .optional = true};
}

/* getaddrinfo(3) is for names only, as it loads libraries. */
static size_t resolve(const char *host, struct address *addresses, const char **reason)
{
    struct address *a = addresses;
    *a = ipv4(0);
    if (inet_pton(AF_INET, host, &a->u.in.sin_addr) == 1)
        return 1;
    *a = ipv6(in6addr_any);
    a->optional = false;
    if (inet_pton(AF_INET6, host, &a->u.in6.sin6_addr) == 1)
        return 1;
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE}, *found;
    int status = getaddrinfo(host, NULL, &hints, &found);
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

size_t address_resolve(const struct endpoint *e, struct address *addresses, const char **reason)
{
    bool any = e->kind == ENDPOINT_ANY;
    if (e->kind == ENDPOINT_HOST)
        return resolve(e->host, addresses, reason);
    addresses[0] = ipv4(any ? INADDR_ANY : INADDR_LOOPBACK);
    addresses[1] = ipv6(any ? in6addr_any : in6addr_loopback);
    return 2;
}
