/*
 * net.h - endpoints, listeners, connections, readiness, TLS.
 *
 * Functions that return int give -1 with errno on failure, unless they say
 * otherwise.  No descriptor outlives an exec.
 */
#ifndef NET_NET_H
#define NET_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

/* ---- poll ---- */

/*
 * Which of many descriptors are ready.  poll_linux.c uses epoll, poll_posix.c
 * poll(2); the Makefile links one of them.
 */

/* The one that is used, for --version. */
extern const char poll_kind[];

struct poll {
    int fd;             /* Linux: the epoll set */
    void *always;       /* Linux: the tag of the one descriptor that is always ready; NULL if there is none */
    bool always_read;   /* it is watched for reading */
    struct pollfd *fds; /* POSIX: for poll(2) */
    void **tags;        /* POSIX: the tag of each, in the same order */
    size_t n, size;
    size_t turn; /* POSIX: the index that the next search starts from */
};

int poll_open(struct poll *p);
void poll_close(struct poll *p);

/* Watches fd for reading.  Only one descriptor may be of a kind that is always ready; a second one fails with EPERM. */
int poll_add(struct poll *p, int fd, void *tag);

/* Changes what fd is watched for.  If it is for neither, only hanging up is noticed. */
int poll_set(struct poll *p, int fd, void *tag, bool read, bool write);

/* Stops watching fd. */
void poll_remove(struct poll *p, int fd, void *tag);

/* The same for a descriptor that nobody else has open, just before it is closed. */
void poll_closing(struct poll *p, int fd);

enum { READY_MAX = 64 /* tags that one wait returns */ };

/*
 * Waits until a descriptor is ready, has hung up or failed.  Puts the tags of
 * those into ready, and returns how many; the next call returns the rest.
 * Returns 0 on a signal, at about the time `until`, or earlier for no reason:
 * ask again.  `until` and `now` are times of clock_now().  Does not wait if
 * `until` is not after `now`; waits for ever if it is INT64_MAX.
 */
int poll_wait(struct poll *p, void *ready[READY_MAX], int64_t until, int64_t now);

/* ---- endpoint ---- */

enum {
    LISTENER_SOCKETS_MAX = 8, /* sockets of one endpoint */
    ENDPOINT_TEXT_MAX = 300,  /* octets of an endpoint or address as text, with the NUL */
    ENDPOINT_URL_MAX = ENDPOINT_TEXT_MAX + 16,
};

/* The protocol: SMTP, SMTP under TLS from the first octet on (RFC 8314 3.3), LMTP. */
enum scheme { SCHEME_SMTP, SCHEME_SMTPS, SCHEME_LMTP };

/* Where to listen. */
struct endpoint {
    enum scheme scheme;
    enum { ENDPOINT_LOOPBACK, ENDPOINT_ANY, ENDPOINT_HOST, ENDPOINT_UNIX, ENDPOINT_FD, ENDPOINT_STDIO } kind;
    char host[256]; /* ENDPOINT_HOST: an address or a name; ENDPOINT_UNIX: a path */
    uint16_t port;  /* 0: any free one */
    int fd;         /* ENDPOINT_FD: a listening socket that is already open */
};

/*
 * Reads HOST:PORT, [ADDRESS]:PORT, :PORT (loopback), *:PORT (all addresses),
 * unix:PATH, fd:N or -, after an optional smtp://, smtps:// or lmtp://.
 * Returns NULL, or the error as words that follow "it".
 */
const char *endpoint_parse(const char *text, struct endpoint *e);

/* Whether the descriptor of fd:N is open.  Ask before the program opens any of its own. */
bool endpoint_is_open(int fd);

/* ---- listener ---- */

/* The listening sockets of an endpoint: several if it means several addresses, none for ENDPOINT_STDIO. */
struct listener {
    enum scheme scheme;
    int fds[LISTENER_SOCKETS_MAX];
    size_t n;
    uint16_t port;                /* 0: none */
    char port_text[8];            /* the port as text, "" if there is none */
    char host[ENDPOINT_TEXT_MAX]; /* for a client on this machine: an address, or the path of a Unix socket */
    char text[ENDPOINT_TEXT_MAX]; /* the endpoint in short; after a failure, the address that failed */
    char url[ENDPOINT_URL_MAX];   /* for a client on this machine */
    char path[ENDPOINT_TEXT_MAX]; /* the Unix socket that was made, "" if none was; it is removed at the end */
    dev_t device;                 /* if it is still this file */
    ino_t inode;
    bool borrowed; /* fds[0] is shared with other processes; flags are restored at the end */
    int flags;
};

/*
 * Listens on all addresses of the endpoint, with one port.  IPv6 is left out
 * where the machine has none, unless nothing else was asked for.  An address in
 * use is a failure; a Unix socket on which nobody listens any more is replaced.
 * After a failure *reason is words, or NULL if errno has it.
 */
int listener_open(const struct endpoint *e, struct listener *l, const char **reason);

void listener_close(struct listener *l);

enum { LISTENER_PASSED = 3 /* the first descriptor that a service manager passes */ };

/* How many sockets a service manager has passed (sd_listen_fds(3)); unsets the variables that say so.  -1, without
   errno, if LISTEN_FDS makes no sense. */
int listener_count_passed(void);

/* ---- connection ---- */

/*
 * A transport over a connection, such as TLS.  Its state is c->state.  Where a
 * function has to wait, it sets c->wants_write: true if it waits for writing.
 */
struct connection;
struct transport {
    /* Goes on with the handshake: 1 if it is done, 0 if it has to wait, -1 if it has failed.  The reason is then in
       why, of size octets. */
    int (*handshake)(struct connection *c, char *why, size_t size);
    /* As read(2), 0 at the end, and write(2); -1 with EAGAIN if they have to wait.  Octets that could not be written
       must be given again, from the first one on. */
    ssize_t (*read)(struct connection *c, void *octets, size_t n);
    ssize_t (*write)(struct connection *c, const void *octets, size_t n);
    void (*end)(struct connection *c);                  /* tells the peer that nothing more will come */
    void (*close)(struct connection *c);                /* frees the state */
    const char *(*version)(const struct connection *c); /* its name, after the handshake; static */
};

/* A connection.  The caller allocates it. */
struct connection {
    int in, out;                       /* the same descriptor, except for standard input and output */
    const struct transport *transport; /* NULL: plain octets */
    void *state;                       /* the transport's */
    bool wants_write;                  /* the transport has to write before it can go on */
    bool borrowed;                     /* in and out are shared with other processes, and need not be sockets */
    int in_flags, out_flags;           /* borrowed: restored at the end */
    bool polled;                       /* the flags are unchanged: each use asks first whether it would block */
};

/* The other end of a connection. */
struct peer {
    char address[46]; /* as text; "" if it has none */
    uint16_t port;
};

/* Accepts a connection, which does not block. */
int connection_accept(int fd, struct connection *c, struct peer *peer);

/* Takes standard input and output as one connection, and puts /dev/null in their places. */
int connection_take_stdio(struct connection *c, struct peer *peer);

/* Makes reads and writes non-blocking, for a transport that cannot ask first. */
int connection_unblock(struct connection *c);

/* Whether it is a socket that was accepted, without TLS. */
static inline bool connection_is_plain(const struct connection *c) { return c->transport == NULL && !c->borrowed; }

/* For connection_read() and connection_write() only: connections that are not plain. */
ssize_t connection_read_other(struct connection *c, void *octets, size_t n);
ssize_t connection_write_other(struct connection *c, const void *octets, size_t n);

/*
 * As recv(2) and send(2), or read(2) and write(2) for what is borrowed, through
 * the transport if there is one.  They never fail with EINTR.  recv() and
 * send() are cheaper than read() and write().
 */
static inline ssize_t connection_read(struct connection *c, void *octets, size_t n)
{
    return connection_is_plain(c) ? recv(c->in, octets, n, 0) : connection_read_other(c, octets, n);
}

static inline ssize_t connection_write(struct connection *c, const void *octets, size_t n)
{
    return connection_is_plain(c) ? send(c->out, octets, n, 0) : connection_write_other(c, octets, n);
}

/* Whether there is something to read, without reading it; always true unless it is a socket. */
bool connection_has_octets(const struct connection *c);

/* Drops up to n octets from the peer, as connection_read(), without the transport.  room holds n octets. */
ssize_t connection_discard(struct connection *c, void *room, size_t n);

/* Tells the peer that nothing more will come.  Reading still works. */
void connection_end(struct connection *c);

void connection_close(struct connection *c);

/* Makes the next connection_close() reset a TCP connection (RST). */
void connection_reset(struct connection *c);

/* ---- tls ---- */

/*
 * The server's side of TLS 1.2 and up (RFC 8446, 5246), as a transport.
 * tls_openssl.c uses OpenSSL, which is loaded when it is needed; tls_none.c
 * always fails.  The Makefile links one of them.
 */

/* The one that is used, for --version. */
extern const char tls_kind[];

/* Borrowed while tls_open() runs. */
struct tls_options {
    const char *cert;     /* a PEM file, the server's certificate first; NULL: make one */
    const char *key;      /* a PEM file; NULL: the same as cert */
    const char *hostname; /* for the certificate that is made, with localhost, 127.0.0.1 and ::1 */
};

/* A certificate, its key, and the settings of all connections. */
struct tls;

/* Returns NULL on failure; why, of size octets, then says what failed, and of which file. */
struct tls *tls_open(const struct tls_options *o, char *why, size_t size);
void tls_close(struct tls *t);

/* The certificate that was made, in PEM, for a client to trust: *n octets that live as long as t.  NULL if it was read
   from a file. */
const char *tls_ca(const struct tls *t, size_t *n);

/* Puts TLS on a connection; the handshake is next. */
int tls_start(struct tls *t, struct connection *c);

#endif
