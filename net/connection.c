/* SPDX-License-Identifier: ISC */
/*
 * connection.c - connected sockets, and standard input and output.
 *
 * Standard input and output may be shared with other processes, as a terminal
 * is, and then O_NONBLOCK is shared too.  So a descriptor that is not a socket
 * keeps its flags, and is polled before each use.  Where that is not possible, as
 * with TLS, the flags are restored at the end.
 */
#include "net/inside.h"

#include <fcntl.h>
#include <limits.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>

#include "base/base.h"

enum { RETRY_TIME = 10 /* milliseconds between attempts at a Unix socket that has no room */ };

int socket_open(int family)
{
    int fd = socket(family, SOCK_STREAM, 0);
    if (fd >= 0 && (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 || fcntl(fd, F_SETFL, O_NONBLOCK) < 0))
        return socket_close(fd);
    return fd;
}

int connection_take_descriptor(int fd)
{
    int taken = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1), null = open("/dev/null", O_RDWR | O_CLOEXEC);
    bool good = taken >= 0 && null >= 0 && dup2(null, fd) == fd;
    (void)socket_close(null);
    return good ? taken : socket_close(taken);
}

/* ---- opening ---- */

/* Waits for the end of a connect(2). */
static int await_connection(int fd, int64_t until)
{
    struct pollfd one = {.fd = fd, .events = POLLOUT};
    int n, error = ETIMEDOUT;
    socklen_t size = sizeof error;
    do
        n = poll(&one, 1, clock_timeout(until, clock_now()));
    while ((n < 0 && errno == EINTR) || (n == 0 && clock_now() < until));
    if (n < 0 || (n > 0 && getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0))
        return -1;
    errno = error;
    return error == 0 ? 0 : -1;
}

/* Returns a socket that is connected.  A Unix socket without room says EAGAIN (Linux), and poll(2) does not tell when
   it has some.  After a failure POSIX wants a new socket. */
static int connect_to(const struct sockaddr *address, socklen_t length, int64_t until)
{
    for (;;) {
        int fd = socket_open(address->sa_family), on = 1;
        if (fd < 0)
            return -1;
        if (address->sa_family != AF_UNIX)
            (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        if (connect(fd, address, length) == 0 ||
            ((errno == EINPROGRESS || errno == EINTR) && await_connection(fd, until) == 0))
            return fd;
        (void)socket_close(fd);
        if (errno != EAGAIN || address->sa_family != AF_UNIX)
            return -1;
        int64_t now = clock_now();
        if (now >= until) {
            errno = ETIMEDOUT;
            return -1;
        }
        (void)poll(NULL, 0, clock_timeout(until < now + RETRY_TIME ? until : now + RETRY_TIME, now));
    }
}

/* Each address may take its share of the time, so that a silent one leaves some for the others. */
static int connect_to_addresses(const struct endpoint *e, int64_t until, const char **reason)
{
    struct address addresses[LISTENER_SOCKETS_MAX];
    int error = 0;
    size_t n = address_resolve(e, addresses, reason);
    if (n == 0)
        return -1;
    for (size_t i = 0; i < n; i++) {
        struct address *a = &addresses[i];
        int64_t now = clock_now();
        bool v6 = a->u.any.sa_family == AF_INET6;
        address_set_port(a, e->port);
        int fd = connect_to(&a->u.any, v6 ? sizeof a->u.in6 : sizeof a->u.in, now + (until - now) / (int64_t)(n - i));
        if (fd >= 0)
            return fd;
        if (error == 0 || !a->optional) /* an address that this machine does not have is not the reason */
            error = errno;
    }
    errno = error;
    return -1;
}

static int connect_to_path(const char *path, int64_t until)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    size_t n = strlen(path);
    if (n >= sizeof name.sun_path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(name.sun_path, path, n);
    int fd = connect_to((const struct sockaddr *)&name, sizeof name, until);
    if (fd >= 0 || errno != ENOENT || *path != '@')
        return fd;
    name.sun_path[0] = '\0';
    return connect_to((const struct sockaddr *)&name, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n), until);
}

int connection_open(const struct endpoint *e, struct connection *c, int64_t until, const char **reason)
{
    int fd = -1;
    *reason = NULL;
    switch (e->kind) {
    case ENDPOINT_LOOPBACK:
    case ENDPOINT_HOST:
        fd = connect_to_addresses(e, until, reason);
        break;
    case ENDPOINT_UNIX:
        fd = connect_to_path(e->host, until);
        break;
    case ENDPOINT_ANY:
    case ENDPOINT_FD:
    case ENDPOINT_STDIO:
        errno = EINVAL;
        break;
    }
    *c = (struct connection){.in = fd, .out = fd};
    return fd < 0 ? -1 : 0;
}

/* Another process may have restored its flags at its end. */
static int unblock(struct listener *l, int fd)
{
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || (flags & O_NONBLOCK) != 0)
        return flags < 0 ? -1 : 0;
    l->flags = flags;
    return fcntl(fd, F_SETFL, flags | O_NONBLOCK);
}

int connection_accept(struct listener *l, int fd, struct connection *c, struct peer *peer)
{
    struct address a;
    socklen_t length = sizeof a.u;
    a.u.any.sa_family = AF_UNSPEC;
    if (l->borrowed && unblock(l, fd) < 0)
        return -1;
    int accepted = socket_accept(fd, &a.u.any, &length);
    if (accepted < 0)
        return -1;
    *c = (struct connection){.in = accepted, .out = accepted};
    address_set_peer(&a, peer);
    return 0;
}

/* The type of a descriptor's file, S_IFSOCK and the like; 0 if it is not known. */
static mode_t file_type(int fd)
{
    struct stat st;
    return fstat(fd, &st) == 0 ? st.st_mode & S_IFMT : 0;
}

int connection_take_stdio(struct connection *c, struct peer *peer)
{
    struct address a;
    socklen_t length = sizeof a.u;
    a.u.any.sa_family = AF_UNSPEC;
    (void)getpeername(STDIN_FILENO, &a.u.any, &length); /* the family stays if it fails */
    address_set_peer(&a, peer);
    mode_t in = file_type(STDIN_FILENO), out = file_type(STDOUT_FILENO);
    *c = (struct connection){.borrowed = true, .polled = in != S_IFSOCK || out != S_IFSOCK, .to_file = out == S_IFREG};
    c->in_flags = fcntl(STDIN_FILENO, F_GETFL);
    c->out_flags = fcntl(STDOUT_FILENO, F_GETFL); /* before those of the input change, as they may be the same */
    if (c->in_flags < 0 || c->out_flags < 0)
        return -1;
    c->in = connection_take_descriptor(STDIN_FILENO);
    if (c->in < 0)
        return -1;
    c->out = connection_take_descriptor(STDOUT_FILENO);
    if (c->out < 0)
        return socket_close(c->in);
    return c->polled ? 0 : connection_unblock(c);
}

int connection_unblock(struct connection *c)
{
    if (!c->borrowed)
        return 0;
    c->polled = false;
    int status = fcntl(c->in, F_SETFL, c->in_flags | O_NONBLOCK);
    return status < 0 ? -1 : fcntl(c->out, F_SETFL, c->out_flags | O_NONBLOCK);
}

/* Whether a use will not block.  If not, errno is EAGAIN. */
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

/* recv() and send() are cheaper on a socket. */
ssize_t connection_write(struct connection *c, const void *octets, size_t n)
{
    if (connection_is_plain(c))
        return send(c->out, octets, n, 0);
    if (c->transport != NULL)
        return c->transport->write(c, octets, n);
    ssize_t put;
    if (c->polled && !is_ready(c->out, POLLOUT))
        return -1;
    if (c->polled && !c->to_file && n > PIPE_BUF) /* a pipe that is ready takes that many */
        n = PIPE_BUF;
    do
        put = write(c->out, octets, n);
    while (put < 0 && errno == EINTR);
    return put;
}

ssize_t connection_read(struct connection *c, void *octets, size_t n)
{
    if (connection_is_plain(c))
        return recv(c->in, octets, n, 0);
    return c->transport != NULL ? c->transport->read(c, octets, n) : read_borrowed(c, octets, n);
}

ssize_t connection_discard(struct connection *c, void *room, size_t n)
{
    return c->borrowed ? read_borrowed(c, room, n) : socket_discard(c->in, room, n);
}

int connection_peek(const struct connection *c)
{
    char octet;
    ssize_t got = recv(c->in, &octet, 1, MSG_PEEK);
    bool later = got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
    return got > 0 || (got < 0 && errno == ENOTSOCK) ? 1 : later ? 0 : -1;
}

/* A pipe is closed, so that its reader sees the end. */
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

/* Within one system, in a pipe or a Unix socket, octets have arrived once they are sent. */
bool connection_is_delivered(const struct connection *c)
{
    struct address a;
    socklen_t length = sizeof a.u;
    bool remote = getsockname(c->out, &a.u.any, &length) == 0 && a.u.any.sa_family != AF_UNIX;
    return !remote || socket_undelivered(c->out) == 0;
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
    (void)setsockopt(c->in, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once); /* fails unless it is a socket */
}
