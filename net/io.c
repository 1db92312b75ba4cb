/*
 * io.c - endpoints, listening and connected sockets, standard input and output.
 *
 * An endpoint becomes a list of addresses, which are bound in turn with one
 * port.  Where any free port will do, the first address finds it and the
 * others must get the same; if somebody has it there, another is tried.
 *
 * SO_REUSEADDR only lets a port be used again at once after an earlier run;
 * two that listen on one address stay impossible, and SO_REUSEPORT, which
 * would let them share the mail, is never set.
 *
 * Standard input and output may be others' too, as a terminal is.  O_NONBLOCK
 * would be theirs as well, so what is no socket keeps its flags, and is polled
 * before each use; where that cannot be, flags are given back as they were.
 */
#include "net/net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { BACKLOG = 4096, PORT_TRIES = 64 };

struct address {
    union {
        struct sockaddr any;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
        struct sockaddr_un path;
    } u;
    bool optional; /* may be missing on this machine */
};

/* ---- endpoints as text ---- */

/* A decimal number up to 65535, and nothing else; -1 if it is none. */
static int parse_number(const char *text)
{
    int value = 0;
    size_t i = 0;
    for (; text[i] >= '0' && text[i] <= '9' && i < 6; i++)
        value = value * 10 + (text[i] - '0');
    return i == 0 || text[i] != '\0' || value > 65535 ? -1 : value;
}

static const char *parse_port(const char *text, uint16_t *port)
{
    int value = parse_number(text);
    *port = (uint16_t)value;
    return value < 0 ? "wants a port from 0 to 65535 behind the colon" : NULL;
}

static const char *parse_path(const char *text, struct endpoint *e)
{
    e->kind = ENDPOINT_UNIX;
    if (*text == '\0')
        return "wants a path behind unix:";
    if (strlen(text) >= sizeof((struct sockaddr_un *)0)->sun_path)
        return "has a path that is too long for a Unix socket; a relative one may do";
    memcpy(e->host, text, strlen(text) + 1);
    return NULL;
}

static const char *parse_fd(const char *text, struct endpoint *e)
{
    e->kind = ENDPOINT_FD;
    e->fd = parse_number(text);
    return e->fd < 0 ? "wants the number of an open descriptor behind fd:" : NULL;
}

static const char *parse_host(const char *text, struct endpoint *e)
{
    const char *colon = strrchr(text, ':'), *start = text, *end = colon;
    if (colon == NULL)
        return "wants HOST:PORT, [ADDRESS]:PORT, :PORT, *:PORT, unix:PATH, fd:N or -";
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
    e->kind = n == 0 ? ENDPOINT_LOOPBACK : strcmp(e->host, "*") == 0 ? ENDPOINT_ANY : ENDPOINT_HOST;
    return parse_port(colon + 1, &e->port);
}

static const char *const schemes[] = {
    [SCHEME_SMTP] = "smtp://", [SCHEME_SMTPS] = "smtps://", [SCHEME_LMTP] = "lmtp://"};

/* Whether text begins with start; *rest is then what follows. */
static bool begins(const char *text, const char *start, const char **rest)
{
    bool does = strncmp(text, start, strlen(start)) == 0;
    if (does)
        *rest = text + strlen(start);
    return does;
}

const char *endpoint_parse(const char *text, struct endpoint *e)
{
    *e = (struct endpoint){.scheme = SCHEME_SMTP, .fd = -1};
    for (int i = SCHEME_SMTP; i <= SCHEME_LMTP; i++) {
        if (begins(text, schemes[i], &text)) {
            e->scheme = (enum scheme)i;
            break;
        }
    }
    if (strstr(text, "://") != NULL)
        return "knows smtp://, smtps:// and lmtp:// only";
    if (strcmp(text, "-") == 0) {
        e->kind = ENDPOINT_STDIO;
        return NULL;
    }
    return begins(text, "unix:", &text) ? parse_path(text, e)
           : begins(text, "fd:", &text) ? parse_fd(text, e)
                                        : parse_host(text, e);
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
    for (struct addrinfo *i = found; i != NULL && n < LISTENER_SOCKETS_MAX; i = i->ai_next) {
        addresses[n] = (struct address){.optional = found->ai_next != NULL && i->ai_family == AF_INET6};
        if (i->ai_addrlen <= sizeof addresses[n].u)
            memcpy(&addresses[n++].u, i->ai_addr, i->ai_addrlen);
    }
    freeaddrinfo(found);
    return n;
}

static size_t addresses_of(const struct endpoint *e, struct address *addresses, const char **reason)
{
    switch (e->kind) {
    case ENDPOINT_HOST:
        return resolve(e->host, addresses, reason);
    case ENDPOINT_LOOPBACK:
    case ENDPOINT_ANY:
    case ENDPOINT_UNIX:
    case ENDPOINT_FD:
    case ENDPOINT_STDIO:
        break;
    }
    addresses[0] = ipv4(e->kind == ENDPOINT_ANY ? INADDR_ANY : INADDR_LOOPBACK);
    addresses[1] = ipv6(e->kind == ENDPOINT_ANY ? in6addr_any : in6addr_loopback);
    return 2;
}

/* ---- listening ---- */

/* Closes a descriptor after a failure, which errno still tells of; returns -1. */
static int close_failed(int fd)
{
    int saved = errno;
    (void)close(fd);
    errno = saved;
    return -1;
}

static int open_socket(const struct address *a)
{
    int fd = socket(a->u.any.sa_family, SOCK_STREAM, 0);
    if (fd < 0)
        return -1;
    int on = 1;
    bool v6 = a->u.any.sa_family == AF_INET6;
    socklen_t length = v6 ? sizeof a->u.in6 : sizeof a->u.in;
    if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 || fcntl(fd, F_SETFL, O_NONBLOCK) < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0 ||
        (v6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) < 0) ||
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) < 0 || /* connections inherit it */
        bind(fd, &a->u.any, length) < 0 || listen(fd, BACKLOG) < 0)
        return close_failed(fd);
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

static int listen_on_all(struct address *addresses, size_t n, uint16_t port, struct listener *l)
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
            int saved = errno;
            listener_close(l);
            errno = saved;
            return -1;
        }
        if (l->n == 1)
            address_text(&addresses[i], l->host, sizeof l->host);
    }
    return l->n > 0 ? 0 : -1;
}

static int listen_on_addresses(const struct endpoint *e, struct listener *l, const char **reason)
{
    struct address addresses[LISTENER_SOCKETS_MAX];
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
    return 0;
}

/* Whether nobody listens on the Unix socket of this name any more. */
static bool is_stale(const struct sockaddr_un *name, const char **reason)
{
    struct stat st;
    if (lstat(name->sun_path, &st) < 0)
        return false;
    if (!S_ISSOCK(st.st_mode)) {
        *reason = "a file is there that is no socket";
        return false;
    }
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    if (fd < 0)
        return false;
    bool refused = fcntl(fd, F_SETFL, O_NONBLOCK) == 0 && /* a live one may have no room */
                   connect(fd, (const struct sockaddr *)name, sizeof *name) < 0 && errno == ECONNREFUSED;
    (void)close(fd);
    return refused;
}

static int bind_path(int fd, const struct sockaddr_un *name, const char **reason)
{
    const struct sockaddr *address = (const struct sockaddr *)name;
    if (bind(fd, address, sizeof *name) == 0)
        return 0;
    if (errno != EADDRINUSE)
        return -1;
    if (!is_stale(name, reason)) {
        errno = EADDRINUSE;
        return -1;
    }
    return unlink(name->sun_path) < 0 ? -1 : bind(fd, address, sizeof *name);
}

/* What a client connects to: the absolute path, if that is not too long to be used. */
static void set_host(struct listener *l, const char *path, size_t size)
{
    char *whole = *path != '@' ? realpath(path, NULL) : NULL;
    (void)snprintf(l->host, sizeof l->host, "%s", whole != NULL && strlen(whole) < size ? whole : path);
    free(whole);
}

/* The file to be removed at the end. */
static void set_path(struct listener *l, const char *path)
{
    (void)snprintf(l->path, sizeof l->path, "%s", path);
    struct stat st;
    if (stat(path, &st) == 0) {
        l->device = st.st_dev;
        l->inode = st.st_ino;
    }
}

static int bind_and_listen(const struct sockaddr_un *name, struct listener *l, const char **reason)
{
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    if (fd < 0)
        return -1;
    if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 || fcntl(fd, F_SETFL, O_NONBLOCK) < 0 || bind_path(fd, name, reason) < 0)
        return close_failed(fd);
    l->fds[l->n++] = fd;
    set_host(l, name->sun_path, sizeof name->sun_path);
    set_path(l, name->sun_path);
    if (listen(fd, BACKLOG) == 0)
        return 0;
    int saved = errno;
    listener_close(l);
    errno = saved;
    return -1;
}

/* Of several that start at once, one looks at what is there and takes its place before the next one looks. */
static int listen_on_path(const struct endpoint *e, struct listener *l, const char **reason)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    memcpy(name.sun_path, e->host, strlen(e->host) + 1);
    (void)snprintf(l->text, sizeof l->text, "unix:%s", e->host);
    int lock = socket_lock_directory(e->host), status = bind_and_listen(&name, l, reason), saved = errno;
    if (lock >= 0)
        (void)close(lock);
    errno = saved;
    return status;
}

/* A descriptor of its own for what fd is open on; in its place nothing is left but /dev/null. */
static int take_descriptor(int fd)
{
    int taken = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1), null = open("/dev/null", O_RDWR | O_CLOEXEC);
    bool good = taken >= 0 && null >= 0 && dup2(null, fd) == fd;
    int saved = errno;
    if (null >= 0)
        (void)close(null);
    if (!good && taken >= 0)
        (void)close(taken);
    errno = saved;
    return good ? taken : -1;
}

bool endpoint_is_open(int fd) { return fcntl(fd, F_GETFD) >= 0; }

/* The name of a Unix socket, whose address is length octets; one that is in no file system (Linux) begins with @. */
static void path_text(const struct sockaddr_un *name, socklen_t length, char *text, size_t size)
{
    size_t n = length > offsetof(struct sockaddr_un, sun_path) ? length - offsetof(struct sockaddr_un, sun_path) : 0;
    bool nowhere = n > 0 && name->sun_path[0] == '\0';
    (void)snprintf(text, size, nowhere ? "@%.*s" : "%.*s", (int)n - nowhere, name->sun_path + nowhere);
}

/* A socket that whoever started us has open. */
static int listen_on_fd(const struct endpoint *e, struct listener *l, const char **reason)
{
    struct address a;
    socklen_t length = sizeof a.u;
    int on = 1, listens = 0, type = 0;
    socklen_t size = sizeof listens;
    (void)snprintf(l->text, sizeof l->text, "fd:%d", e->fd);
    memset(&a, 0, sizeof a);
    if (getsockname(e->fd, &a.u.any, &length) < 0)
        return -1;
    if (getsockopt(e->fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) < 0 || !listens) {
        *reason = "it is no listening socket";
        return -1;
    }
    if (getsockopt(e->fd, SOL_SOCKET, SO_TYPE, &type, &size) < 0 || type != SOCK_STREAM) {
        *reason = "it is no stream socket";
        return -1;
    }
    l->flags = fcntl(e->fd, F_GETFL);
    int fd = e->fd <= STDERR_FILENO ? take_descriptor(e->fd) : e->fd;
    if (l->flags < 0 || fd < 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 || fcntl(fd, F_SETFL, l->flags | O_NONBLOCK) < 0)
        return -1;
    l->borrowed = true;
    l->fds[l->n++] = fd;
    if (a.u.any.sa_family == AF_UNIX) {
        char path[ENDPOINT_TEXT_MAX];
        path_text(&a.u.path, length, path, sizeof path);
        (void)snprintf(l->text, sizeof l->text, "unix:%.*s", ENDPOINT_TEXT_MAX - 8, path);
        set_host(l, path, sizeof a.u.path.sun_path);
        return 0;
    }
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    l->port = get_port(&a);
    address_text(&a, l->host, sizeof l->host);
    endpoint_text(&a, l->port, l->text, sizeof l->text);
    return 0;
}

/* What a client on this machine connects to. */
static void set_url(struct listener *l)
{
    if (strcmp(l->host, "0.0.0.0") == 0)
        (void)snprintf(l->host, sizeof l->host, "127.0.0.1");
    else if (strcmp(l->host, "::") == 0)
        (void)snprintf(l->host, sizeof l->host, "::1");
    if (l->port > 0)
        (void)snprintf(l->port_text, sizeof l->port_text, "%u", (unsigned)l->port);
    if (l->port > 0)
        (void)snprintf(l->url, sizeof l->url, strchr(l->host, ':') != NULL ? "%s[%s]:%u" : "%s%s:%u",
                       schemes[l->scheme], l->host, (unsigned)l->port);
    else
        (void)snprintf(l->url, sizeof l->url, "%sunix:%s", l->scheme == SCHEME_SMTP ? "" : schemes[l->scheme], l->host);
}

int listener_open(const struct endpoint *e, struct listener *l, const char **reason)
{
    int status = 0;
    *l = (struct listener){.scheme = e->scheme, .n = 0};
    *reason = NULL;
    switch (e->kind) {
    case ENDPOINT_LOOPBACK:
    case ENDPOINT_ANY:
    case ENDPOINT_HOST:
        status = listen_on_addresses(e, l, reason);
        break;
    case ENDPOINT_UNIX:
        status = listen_on_path(e, l, reason);
        break;
    case ENDPOINT_FD:
        status = listen_on_fd(e, l, reason);
        break;
    case ENDPOINT_STDIO:
        (void)snprintf(l->text, sizeof l->text, "standard input");
        return 0;
    }
    if (status == 0)
        set_url(l);
    return status;
}

int listener_count_passed(void)
{
    const char *pid = getenv("LISTEN_PID"), *count = getenv("LISTEN_FDS");
    char own[32];
    (void)snprintf(own, sizeof own, "%ld", (long)getpid());
    if (pid == NULL || count == NULL || strcmp(pid, own) != 0)
        return 0;
    int n = parse_number(count);
    (void)unsetenv("LISTEN_PID");
    (void)unsetenv("LISTEN_FDS");
    (void)unsetenv("LISTEN_FDNAMES");
    return n;
}

void listener_close(struct listener *l)
{
    struct stat st;
    if (l->borrowed && l->n > 0)
        (void)fcntl(l->fds[0], F_SETFL, l->flags);
    for (size_t i = 0; i < l->n; i++)
        (void)close(l->fds[i]);
    l->n = 0;
    if (l->path[0] != '\0' && lstat(l->path, &st) == 0 && st.st_dev == l->device && st.st_ino == l->inode)
        (void)unlink(l->path);
    l->path[0] = '\0';
}

/* ---- connections ---- */

/* The other end, as far as it has an address of the Internet. */
static void set_peer(const struct address *a, struct peer *peer)
{
    *peer = (struct peer){"", 0};
    if (a->u.any.sa_family != AF_INET && a->u.any.sa_family != AF_INET6)
        return;
    address_text(a, peer->address, sizeof peer->address);
    peer->port = get_port(a);
}

int connection_accept(int fd, struct connection *c, struct peer *peer)
{
    struct address a;
    socklen_t length = sizeof a.u;
    a.u.any.sa_family = AF_UNSPEC;
    int accepted = socket_accept(fd, &a.u.any, &length);
    if (accepted < 0)
        return -1;
    *c = (struct connection){.in = accepted, .out = accepted};
    set_peer(&a, peer);
    return 0;
}

static bool is_socket(int fd)
{
    struct stat st;
    return fstat(fd, &st) == 0 && S_ISSOCK(st.st_mode);
}

int connection_take_stdio(struct connection *c, struct peer *peer)
{
    struct address a;
    socklen_t length = sizeof a.u;
    a.u.any.sa_family = AF_UNSPEC;
    if (getpeername(STDIN_FILENO, &a.u.any, &length) < 0)
        a.u.any.sa_family = AF_UNSPEC;
    set_peer(&a, peer);
    *c = (struct connection){.borrowed = true, .polled = !is_socket(STDIN_FILENO) || !is_socket(STDOUT_FILENO)};
    c->in_flags = fcntl(STDIN_FILENO, F_GETFL);
    c->out_flags = fcntl(STDOUT_FILENO, F_GETFL); /* both may be of one description, which changes with the first */
    if (c->in_flags < 0 || c->out_flags < 0)
        return -1;
    c->in = take_descriptor(STDIN_FILENO);
    if (c->in < 0)
        return -1;
    c->out = take_descriptor(STDOUT_FILENO);
    if (c->out < 0)
        return close_failed(c->in);
    return c->polled ? 0 : connection_unblock(c);
}

int connection_unblock(struct connection *c)
{
    if (!c->borrowed)
        return 0;
    c->polled = false;
    return fcntl(c->in, F_SETFL, c->in_flags | O_NONBLOCK) < 0 || fcntl(c->out, F_SETFL, c->out_flags | O_NONBLOCK) < 0
               ? -1
               : 0;
}

/* Whether it can be used now; if not, errno is EAGAIN. */
static bool is_ready(int fd, short events)
{
    struct pollfd one = {.fd = fd, .events = events};
    if (poll(&one, 1, 0) > 0)
        return true;
    errno = EAGAIN;
    return false;
}

static ssize_t read_borrowed(const struct connection *c, void *octets, size_t n)
{
    ssize_t got;
    if (c->polled && !is_ready(c->in, POLLIN))
        return -1;
    do
        got = read(c->in, octets, n);
    while (got < 0 && errno == EINTR);
    return got;
}

static ssize_t write_borrowed(const struct connection *c, const void *octets, size_t n)
{
    ssize_t put;
    if (c->polled && !is_ready(c->out, POLLOUT))
        return -1;
    if (c->polled && n > PIPE_BUF) /* what a pipe takes at once, when it takes anything */
        n = PIPE_BUF;
    do
        put = write(c->out, octets, n);
    while (put < 0 && errno == EINTR);
    return put;
}

ssize_t connection_read_other(struct connection *c, void *octets, size_t n)
{
    return c->transport != NULL ? c->transport->read(c, octets, n) : read_borrowed(c, octets, n);
}

ssize_t connection_write_other(struct connection *c, const void *octets, size_t n)
{
    return c->transport != NULL ? c->transport->write(c, octets, n) : write_borrowed(c, octets, n);
}

ssize_t connection_discard(struct connection *c, void *room, size_t n)
{
    return c->borrowed ? read_borrowed(c, room, n) : socket_discard(c->in, room, n);
}

bool connection_has_octets(const struct connection *c)
{
    char octet;
    ssize_t got = recv(c->in, &octet, 1, MSG_PEEK);
    return got > 0 || (got < 0 && errno == ENOTSOCK);
}

/* Only closing it tells the reader of a pipe. */
void connection_end(struct connection *c)
{
    if (c->transport != NULL)
        c->transport->end(c);
    if (shutdown(c->out, SHUT_WR) == 0 || errno != ENOTSOCK)
        return;
    (void)fcntl(c->out, F_SETFL, c->out_flags);
    (void)close(c->out);
    c->out = -1;
}

void connection_close(struct connection *c)
{
    if (c->transport != NULL)
        c->transport->close(c);
    c->transport = NULL;
    if (c->borrowed) {
        (void)fcntl(c->in, F_SETFL, c->in_flags);
        if (c->out >= 0)
            (void)fcntl(c->out, F_SETFL, c->out_flags);
    }
    (void)close(c->in);
    if (c->out >= 0 && c->out != c->in)
        (void)close(c->out);
}

void connection_reset(struct connection *c)
{
    struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    (void)setsockopt(c->in, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once); /* fails on what is no socket */
}
