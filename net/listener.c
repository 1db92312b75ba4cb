/* SPDX-License-Identifier: ISC */
/*
 * listener.c - listening sockets.
 *
 * An endpoint becomes a list of addresses, which are bound in turn with one
 * port.  If it may be any free port, the system chooses it for the first address,
 * and the others must get the same; if one cannot, all try another port.
 *
 * SO_REUSEADDR lets a port be used again soon after an earlier run.  Two
 * processes can still not listen on one address.  SO_REUSEPORT would let them
 * share the mail, and is not set.
 */
#include "net/inside.h"

#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { BACKLOG = 4096, PORT_TRIES = 64, LOCK_NAME_MAX = ENDPOINT_TEXT_MAX + 16 };

static int listen_on_address(const struct address *a)
{
    bool v6 = a->u.any.sa_family == AF_INET6;
    int fd = socket_open(a->u.any.sa_family), on = 1;
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0 ||
        (v6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) < 0) ||
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) < 0 || /* connections inherit it */
        bind(fd, &a->u.any, v6 ? sizeof a->u.in6 : sizeof a->u.in) < 0 || listen(fd, BACKLOG) < 0)
        return socket_close(fd);
    return fd;
}

/* Writes HOST:PORT or [HOST]:PORT after a scheme. */
static void write_host(char *text, size_t size, const char *scheme, const char *host, uint16_t port)
{
    (void)snprintf(text, size, strchr(host, ':') != NULL ? "%s[%s]:%u" : "%s%s:%u", scheme, host, (unsigned)port);
}

static int listen_on_all(struct address *addresses, size_t n, uint16_t port, struct listener *l)
{
    l->port = port;
    for (struct address *a = addresses; a < addresses + n; a++) {
        char host[INET6_ADDRSTRLEN];
        socklen_t length = sizeof a->u;
        address_set_port(a, l->port);
        address_text(a, host, sizeof host);
        write_host(l->text, sizeof l->text, "", host, l->port);
        int fd = listen_on_address(a);
        bool missing = fd < 0 && (errno == EAFNOSUPPORT || errno == EADDRNOTAVAIL || errno == EPROTONOSUPPORT);
        if (missing && a->optional)
            continue;
        if (fd < 0)
            return -1;
        l->fds[l->n++] = fd;
        if (getsockname(fd, &a->u.any, &length) < 0)
            return -1;
        l->port = address_port(a); /* the system may have chosen it */
        if (l->n == 1)
            (void)snprintf(l->host, sizeof l->host, "%s", host);
    }
    return l->n > 0 ? 0 : -1;
}

static int listen_on_addresses(const struct endpoint *e, struct listener *l, const char **reason)
{
    struct address addresses[LISTENER_SOCKETS_MAX];
    (void)snprintf(l->text, sizeof l->text, "%s", e->host);
    size_t n = address_resolve(e, addresses, reason);
    if (n == 0)
        return -1;
    int status = listen_on_all(addresses, n, e->port, l);
    for (int i = 0; i < PORT_TRIES && status < 0 && e->port == 0 && errno == EADDRINUSE; i++) {
        listener_close(l);
        status = listen_on_all(addresses, n, 0, l);
    }
    return status;
}

/* Whether there is a Unix socket of this name on which nobody listens any more.  If not, errno is EADDRINUSE. */
static bool is_stale(const struct sockaddr_un *name, const char **reason)
{
    struct stat st;
    bool other = lstat(name->sun_path, &st) == 0 && !S_ISSOCK(st.st_mode);
    if (other)
        *reason = "the file exists, and is not a socket";
    int fd = socket_open(AF_UNIX); /* a socket that is in use may have no room, and connect(2) must not wait for it */
    bool stale =
        !other && fd >= 0 && connect(fd, (const struct sockaddr *)name, sizeof *name) < 0 && errno == ECONNREFUSED;
    (void)socket_close(fd);
    errno = EADDRINUSE;
    return stale;
}

static int bind_path(int fd, const struct sockaddr_un *name, const char **reason)
{
    const struct sockaddr *address = (const struct sockaddr *)name;
    if (bind(fd, address, sizeof *name) == 0)
        return 0;
    if (errno != EADDRINUSE || !is_stale(name, reason) || unlink(name->sun_path) < 0)
        return -1;
    return bind(fd, address, sizeof *name);
}

/*
 * Only one of several processes that start at once may replace a stale socket,
 * so they take turns with a lock on a file that belongs to the user: any other
 * file or directory could be locked by others for ever.  Returns the descriptor
 * of the file; -1: no lock.
 */
static int lock_path(const char *path, char name[LOCK_NAME_MAX])
{
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    struct stat st;
    const char *slash = strrchr(path, '/'), *last = slash != NULL ? slash + 1 : path;
    (void)snprintf(name, LOCK_NAME_MAX, "%.*s.fakesmtp-%s", (int)(last - path), path, last);
    for (;;) {
        int fd = open(name, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
        bool good = fd >= 0 && fstat(fd, &st) == 0 && st.st_uid == geteuid() && S_ISREG(st.st_mode);
        if (!good || fcntl(fd, F_SETLKW, &whole) < 0 || fstat(fd, &st) < 0) {
            if (good && errno != EINTR) /* then nobody can lock it, so nobody else would remove it */
                (void)unlink(name);
            return socket_close(fd);
        }
        if (st.st_nlink > 0)
            return fd;
        (void)socket_close(fd); /* the process that had the lock has removed the file */
    }
}

/* Clients get the absolute path, unless it is too long for a Unix socket. */
static void set_host(struct listener *l, const char *path, size_t size)
{
    char *whole = *path != '@' ? realpath(path, NULL) : NULL;
    (void)snprintf(l->host, sizeof l->host, "%s", whole != NULL && strlen(whole) < size ? whole : path);
    free(whole);
}

static int listen_on_path(const struct endpoint *e, struct listener *l, const char **reason)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    struct stat st;
    memcpy(name.sun_path, e->host, strlen(e->host) + 1);
    (void)snprintf(l->text, sizeof l->text, "unix:%s", e->host);
    int fd = socket_open(AF_UNIX);
    if (fd < 0)
        return -1;
    l->fds[l->n++] = fd;
    char lock_name[LOCK_NAME_MAX];
    int lock = lock_path(e->host, lock_name);
    int status = lock < 0 && errno == EINTR ? -1 : bind_path(fd, &name, reason);
    if (status == 0) {
        set_host(l, e->host, sizeof name.sun_path);
        status = stat(e->host, &st) == 0 && listen(fd, BACKLOG) == 0 ? 0 : -1;
        if (status < 0) {
            int saved = errno;
            (void)unlink(e->host); /* it is ours as long as there is the lock */
            errno = saved;
        } else {
            (void)snprintf(l->path, sizeof l->path, "%s", e->host);
            l->device = st.st_dev;
            l->inode = st.st_ino;
        }
    }
    int saved = errno;
    if (lock >= 0) {
        (void)unlink(lock_name);
        (void)close(lock);
    }
    errno = saved;
    return status;
}

/* Sets the texts for a Unix socket whose address is length octets.  A name that is not in a file system (Linux) begins
   with @. */
static void set_path(struct listener *l, const struct sockaddr_un *name, socklen_t length)
{
    char path[sizeof name->sun_path + 1];
    size_t n = length > offsetof(struct sockaddr_un, sun_path) ? length - offsetof(struct sockaddr_un, sun_path) : 0;
    bool nowhere = n > 0 && name->sun_path[0] == '\0';
    (void)snprintf(path, sizeof path, nowhere ? "@%.*s" : "%.*s", (int)n - nowhere, name->sun_path + nowhere);
    (void)snprintf(l->text, sizeof l->text, "unix:%s", path);
    set_host(l, path, sizeof name->sun_path);
}

/* Listens on a socket that the parent process has opened. */
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
        *reason = "it is not a listening socket";
        return -1;
    }
    if (getsockopt(e->fd, SOL_SOCKET, SO_TYPE, &type, &size) < 0 || type != SOCK_STREAM) {
        *reason = "it is not a stream socket";
        return -1;
    }
    l->flags = fcntl(e->fd, F_GETFL);
    int fd = e->fd <= STDERR_FILENO ? connection_take_descriptor(e->fd) : e->fd;
    if (l->flags < 0 || fd < 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 || fcntl(fd, F_SETFL, l->flags | O_NONBLOCK) < 0)
        return -1;
    l->borrowed = true;
    l->fds[l->n++] = fd;
    if (a.u.any.sa_family == AF_UNIX) {
        set_path(l, &a.u.path, length);
        return 0;
    }
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    l->port = address_port(&a);
    address_text(&a, l->host, sizeof l->host);
    return 0;
}

/* Sets the texts of an open listener that tell its port, and its URL. */
static void set_texts(struct listener *l)
{
    if (l->port == 0) {
        (void)snprintf(l->url, sizeof l->url, "%sunix:%s", l->scheme == SCHEME_SMTP ? "" : endpoint_schemes[l->scheme],
                       l->host);
        return;
    }
    (void)snprintf(l->port_text, sizeof l->port_text, "%u", (unsigned)l->port);
    write_host(l->text, sizeof l->text, "", l->host, l->port);
    /* a client cannot connect to the unspecified address */
    if (strcmp(l->host, "0.0.0.0") == 0)
        (void)snprintf(l->host, sizeof l->host, "127.0.0.1");
    else if (strcmp(l->host, "::") == 0)
        (void)snprintf(l->host, sizeof l->host, "::1");
    write_host(l->url, sizeof l->url, endpoint_schemes[l->scheme], l->host, l->port);
}

int listener_open(const struct endpoint *e, struct listener *l, const char **reason)
{
    int status = 0;
    *l = (struct listener){.scheme = e->scheme, .proxied = e->proxied};
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
        set_texts(l);
    else
        listener_close(l);
    return status;
}

int listener_count_passed(void)
{
    const char *pid = getenv("LISTEN_PID"), *count = getenv("LISTEN_FDS");
    char own[32];
    (void)snprintf(own, sizeof own, "%ld", (long)getpid());
    if (pid == NULL || count == NULL || strcmp(pid, own) != 0)
        return 0;
    int n = endpoint_number(count);
    (void)unsetenv("LISTEN_PID");
    (void)unsetenv("LISTEN_FDS");
    (void)unsetenv("LISTEN_FDNAMES");
    return n;
}

void listener_close(struct listener *l)
{
    struct stat st;
    int saved = errno;
    if (l->borrowed && l->n > 0 && (fcntl(l->fds[0], F_GETFL) & O_NONBLOCK) != 0) /* else others have restored them */
        (void)fcntl(l->fds[0], F_SETFL, l->flags);
    /* while the socket is open, as another run may replace the file after that */
    if (l->path[0] != '\0' && lstat(l->path, &st) == 0 && st.st_dev == l->device && st.st_ino == l->inode)
        (void)unlink(l->path);
    l->path[0] = '\0';
    for (size_t i = 0; i < l->n; i++)
        (void)close(l->fds[i]);
    l->n = 0;
    errno = saved;
}
