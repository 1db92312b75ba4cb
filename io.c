/*
 * io.c - endpoints, listening and connected sockets.
 *
 * An endpoint becomes a list of addresses, which are bound in turn with one
 * port.  Where any free port will do, the first address finds it and the
 * others must get the same; if somebody has it there, another is tried.
 *
 * SO_REUSEADDR only lets a port be used again at once after an earlier run;
 * two that listen on one address stay impossible, and SO_REUSEPORT, which
 * would let them share the mail, is never set.
 */
#include "io.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "os.h"

enum { BACKLOG = 4096, PORT_TRIES = 64 };

struct address {
    union {
        struct sockaddr any;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
    } u;
    bool optional; /* may be missing on this machine */
};

/* ---- endpoints as text ---- */

static const char *parse_port(const char *text, uint16_t *port)
{
    unsigned long value = 0;
    size_t i = 0;
    for (; text[i] >= '0' && text[i] <= '9' && i < 6; i++)
        value = value * 10 + (unsigned long)(text[i] - '0');
    if (i == 0 || text[i] != '\0' || value > 65535)
        return "wants a port from 0 to 65535 behind the colon";
    *port = (uint16_t)value;
    return NULL;
}

const char *io_parse_endpoint(const char *text, struct io_endpoint *e)
{
    const char *colon = strrchr(text, ':'), *start = text, *end = colon;
    if (colon == NULL)
        return "wants HOST:PORT, [ADDRESS]:PORT, :PORT or *:PORT";
    if (*start == '[') {
        if (end == start || end[-1] != ']')
            return "wants [ADDRESS]:PORT";
        start++;
        end--;
    } else if (memchr(start, ':', (size_t)(end - start)) != NULL) {
        return "wants brackets around an IPv6 address: [ADDRESS]:PORT";
    }
    size_t n = (size_t)(end - start);
    if (n >= sizeof e->host)
        return "has a host name that is too long";
    memcpy(e->host, start, n);
    e->host[n] = '\0';
    if (*text == '[' && memchr(start, ':', n) == NULL)
        return "wants an IPv6 address between the brackets";
    e->kind = n == 0 ? IO_LOOPBACK : strcmp(e->host, "*") == 0 ? IO_ANY : IO_HOST;
    return parse_port(colon + 1, &e->port);
}

/* ---- addresses ---- */

static void set_port(struct address *a, uint16_t port)
{
    if (a->u.any.sa_family == AF_INET6)
        a->u.in6.sin6_port = htons(port);
    else
        a->u.in.sin_port = htons(port);
}

static uint16_t get_port(const struct address *a)
{
    return ntohs(a->u.any.sa_family == AF_INET6 ? a->u.in6.sin6_port : a->u.in.sin_port);
}

/* Without its port. */
static void address_text(const struct address *a, char *text, size_t size)
{
    const void *octets = &a->u.in.sin_addr;
    if (a->u.any.sa_family == AF_INET6)
        octets = &a->u.in6.sin6_addr;
    if (inet_ntop(a->u.any.sa_family, octets, text, (socklen_t)size) == NULL)
        (void)snprintf(text, size, "?");
}

static void endpoint_text(const struct address *a, uint16_t port, char *text, size_t size)
{
    char host[INET6_ADDRSTRLEN];
    address_text(a, host, sizeof host);
    (void)snprintf(text, size, a->u.any.sa_family == AF_INET6 ? "[%s]:%u" : "%s:%u", host, (unsigned)port);
}

static struct address ipv4(in_addr_t host)
{
    struct address a = {.optional = false};
    a.u.in.sin_family = AF_INET;
    a.u.in.sin_addr.s_addr = htonl(host);
    return a;
}

static struct address ipv6(struct in6_addr host)
{
    struct address a = {.optional = true};
    a.u.in6.sin6_family = AF_INET6;
    a.u.in6.sin6_addr = host;
    return a;
}

/* A name is looked up; an address is not, which would load libraries. */
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
    for (struct addrinfo *i = found; i != NULL && n < IO_SOCKETS_MAX; i = i->ai_next) {
        addresses[n] = (struct address){.optional = found->ai_next != NULL && i->ai_family == AF_INET6};
        if (i->ai_addrlen <= sizeof addresses[n].u)
            memcpy(&addresses[n++].u, i->ai_addr, i->ai_addrlen);
    }
    freeaddrinfo(found);
    return n;
}

static size_t addresses_of(const struct io_endpoint *e, struct address *addresses, const char **reason)
{
    switch (e->kind) {
    case IO_HOST:
        return resolve(e->host, addresses, reason);
    case IO_LOOPBACK:
    case IO_ANY:
        break;
    }
    addresses[0] = ipv4(e->kind == IO_ANY ? INADDR_ANY : INADDR_LOOPBACK);
    addresses[1] = ipv6(e->kind == IO_ANY ? in6addr_any : in6addr_loopback);
    return 2;
}

/* ---- listening ---- */

static int open_socket(const struct address *a)
{
    int fd = socket(a->u.any.sa_family, SOCK_STREAM, 0);
    if (fd < 0)
        return -1;
    int on = 1;
    bool v6 = a->u.any.sa_family == AF_INET6;
    socklen_t length = v6 ? sizeof a->u.in6 : sizeof a->u.in;
    struct io_listener one = {.fds = {fd}, .n = 1};
    if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 || fcntl(fd, F_SETFL, O_NONBLOCK) < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0 ||
        (v6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) < 0) ||
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) < 0 || /* connections inherit it */
        bind(fd, &a->u.any, length) < 0 || listen(fd, BACKLOG) < 0) {
        io_unlisten(&one);
        return -1;
    }
    return fd;
}

/* The port that the socket got. */
static int learn_port(int fd, uint16_t *port)
{
    struct address a;
    socklen_t length = sizeof a.u;
    if (getsockname(fd, &a.u.any, &length) < 0)
        return -1;
    *port = get_port(&a);
    return 0;
}

/* Whether this machine has no such address, or no IPv6 at all. */
static bool is_missing(int error)
{
    return error == EAFNOSUPPORT || error == EADDRNOTAVAIL || error == EPROTONOSUPPORT;
}

static int listen_on_all(struct address *addresses, size_t n, uint16_t port, struct io_listener *l)
{
    l->n = 0;
    l->port = port;
    for (size_t i = 0; i < n; i++) {
        set_port(&addresses[i], l->port);
        endpoint_text(&addresses[i], l->port, l->text, sizeof l->text);
        int fd = open_socket(&addresses[i]);
        if (fd < 0 && addresses[i].optional && is_missing(errno))
            continue;
        if (fd >= 0)
            l->fds[l->n++] = fd;
        if (fd < 0 || (l->port == 0 && learn_port(fd, &l->port) < 0)) {
            io_unlisten(l);
            return -1;
        }
        if (l->n == 1)
            address_text(&addresses[i], l->host, sizeof l->host);
    }
    return l->n > 0 ? 0 : -1;
}

int io_listen(const struct io_endpoint *e, struct io_listener *l, const char **reason)
{
    struct address addresses[IO_SOCKETS_MAX];
    *reason = NULL;
    (void)snprintf(l->text, sizeof l->text, "%s", e->host);
    size_t n = addresses_of(e, addresses, reason);
    if (n == 0)
        return -1;
    int status = listen_on_all(addresses, n, e->port, l);
    for (int i = 0; i < PORT_TRIES && status < 0 && e->port == 0 && errno == EADDRINUSE; i++)
        status = listen_on_all(addresses, n, 0, l);
    if (status < 0)
        return -1;
    (void)snprintf(l->text, sizeof l->text, strchr(l->host, ':') != NULL ? "[%s]:%u" : "%s:%u", l->host,
                   (unsigned)l->port);
    if (e->kind == IO_ANY || strcmp(l->host, "0.0.0.0") == 0)
        (void)snprintf(l->host, sizeof l->host, "127.0.0.1");
    else if (strcmp(l->host, "::") == 0)
        (void)snprintf(l->host, sizeof l->host, "::1");
    return 0;
}

void io_unlisten(struct io_listener *l)
{
    int saved = errno;
    for (size_t i = 0; i < l->n; i++)
        (void)close(l->fds[i]);
    l->n = 0;
    errno = saved;
}

/* ---- connections ---- */

int io_accept(int fd, struct io_peer *peer)
{
    struct address a;
    socklen_t length = sizeof a.u;
    int accepted = os_accept(fd, &a.u.any, &length);
    if (accepted < 0)
        return -1;
    address_text(&a, peer->address, sizeof peer->address);
    peer->port = get_port(&a);
    return accepted;
}

ssize_t io_read(int fd, void *octets, size_t n)
{
    ssize_t got;
    do
        got = read(fd, octets, n);
    while (got < 0 && errno == EINTR);
    return got;
}

ssize_t io_write(int fd, const void *octets, size_t n)
{
    ssize_t put;
    do
        put = write(fd, octets, n);
    while (put < 0 && errno == EINTR);
    return put;
}

int64_t io_now(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void io_end(int fd) { (void)shutdown(fd, SHUT_WR); }
