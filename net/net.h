/* SPDX-License-Identifier: ISC */
/*
 * net.h - endpoints, listeners, connections, TLS and readiness.
 *
 * Functions that return int give -1 with errno on failure, unless they say
 * otherwise.  Each descriptor is closed on exec.
 */
#ifndef NET_NET_H
#define NET_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

struct tls_peer; /* base.h */

/* ---- endpoints: where to listen, or to connect to ---- */

enum {
    LISTENER_SOCKETS_MAX = 8, /* sockets of one endpoint */
    ENDPOINT_TEXT_MAX = 300,  /* octets of an endpoint or address as text, with the NUL */
};

/* SMTP, SMTP with TLS from the first octet on (RFC 8314 3.3), LMTP. */
enum scheme { SCHEME_SMTP, SCHEME_SMTPS, SCHEME_LMTP };

struct endpoint {
    enum scheme scheme;
    bool proxied; /* a header of the PROXY protocol comes first */
    enum { ENDPOINT_LOOPBACK, ENDPOINT_ANY, ENDPOINT_HOST, ENDPOINT_UNIX, ENDPOINT_FD, ENDPOINT_STDIO } kind;
    char host[256]; /* ENDPOINT_HOST: an address or a name; ENDPOINT_UNIX: a path */
    uint16_t port;  /* 0: any free port */
    int fd;         /* ENDPOINT_FD: a socket that listens already */
};

/*
 * Reads HOST:PORT, [ADDRESS]:PORT, :PORT (loopback), *:PORT (all addresses),
 * unix:PATH, fd:N or -, after an optional smtp://, smtps:// or lmtp://, before
 * which proxy+ may stand; proxy:// is short for proxy+smtp://.  Returns NULL, or
 * what is wrong.
 */
const char *endpoint_parse(const char *text, struct endpoint *e);

/* ---- listeners: the sockets of an endpoint, one for each of its addresses ---- */

struct listener {
    enum scheme scheme;
    bool proxied;
    int fds[LISTENER_SOCKETS_MAX];
    size_t n;                         /* 0 for ENDPOINT_STDIO */
    uint16_t port;                    /* 0: none */
    char port_text[8];                /* the port as text; "" if there is none */
    char host[ENDPOINT_TEXT_MAX];     /* for a client on this machine: an address, or the path of a Unix socket */
    char text[ENDPOINT_TEXT_MAX];     /* the endpoint in short; after a failure, the address that failed */
    char url[ENDPOINT_TEXT_MAX + 16]; /* for a client on this machine */
    char path[ENDPOINT_TEXT_MAX];     /* the Unix socket that was made, and is removed at the end; "": none */
    dev_t device;                     /* of that socket, so that no other file is removed */
    ino_t inode;
    bool borrowed; /* fds[0] is shared with other processes */
    int flags;     /* borrowed: restored at the end; O_NONBLOCK is shared, too */
};

/*
 * Listens on all addresses of the endpoint, with one port.  IPv6 is left out on
 * a machine without it, unless only IPv6 was asked for.  An address in use is a
 * failure; a Unix socket on which nobody listens any more is replaced.  After a
 * failure *reason is a text, or NULL if errno tells the reason.
 */
int listener_open(const struct endpoint *e, struct listener *l, const char **reason);

/* Keeps errno. */
void listener_close(struct listener *l);

enum { LISTENER_PASSED = 3 /* the first descriptor that a service manager passes */ };

/* The number of sockets that a service manager has passed (sd_listen_fds(3)).  Unsets the variables for that.  -1,
   without errno, if LISTEN_FDS is not a number. */
int listener_count_passed(void);

/* ---- connections ---- */

/* The other end of a connection. */
struct peer {
    char address[46]; /* as text; "" if it has none */
    uint16_t port;
};

/* The caller allocates it. */
struct connection {
    int in, out;                       /* the same descriptor, except for standard input and output */
    const struct transport *transport; /* NULL: plain octets */
    void *state;                       /* of the transport */
    bool wants_write;                  /* the transport has to write before it can go on */
    bool borrowed;                     /* in and out are shared with other processes, and may not be sockets */
    int in_flags, out_flags;           /* borrowed: restored at the end */
    bool polled;                       /* the flags are not changed, so each use asks first whether it would block */
    bool to_file;                      /* out is a regular file, which takes all octets at once */
};

/* A layer on a connection, such as TLS.  A function that has to wait sets c->wants_write. */
struct transport {
    /* Goes on with the handshake.  Returns 1 if it is done, 0 if it has to wait, -1 with the reason in why, of size
       octets, if it failed. */
    int (*handshake)(struct connection *c, char *why, size_t size);
    /* As read(2) and write(2); -1 with EAGAIN if they have to wait.  Octets that could not be written must be given
       again, from the first one on. */
    ssize_t (*read)(struct connection *c, void *octets, size_t n);
    ssize_t (*write)(struct connection *c, const void *octets, size_t n);
    void (*end)(struct connection *c);   /* tells the peer that nothing more will come */
    void (*close)(struct connection *c); /* frees the state */
    /* after the handshake; lives as long as the state */
    const struct tls_peer *(*peer)(const struct connection *c);
};

/*
 * Connects to an endpoint: to a host, on this machine (ENDPOINT_LOOPBACK), or to
 * a Unix socket.  Tries the addresses in turn, until the time `until` of
 * clock_now(); then it fails with ETIMEDOUT.  Only getaddrinfo(3), which asks for
 * a name, may take longer.  A Unix socket whose name begins with @ may be one
 * that is not in a file system (Linux).  After a failure *reason is as after
 * listener_open().
 */
int connection_open(const struct endpoint *e, struct connection *c, int64_t until, const char **reason);

/* Accepts a connection from one of the listener's sockets.  It does not block. */
int connection_accept(struct listener *l, int fd, struct connection *c, struct peer *peer);

/* Takes standard input and output as one connection, and puts /dev/null in their place. */
int connection_take_stdio(struct connection *c, struct peer *peer);

/* Makes a borrowed connection non-blocking, for a transport that cannot ask first. */
int connection_unblock(struct connection *c);

/* Whether it is an accepted socket without a transport. */
static inline bool connection_is_plain(const struct connection *c) { return c->transport == NULL && !c->borrowed; }

/* As read(2) and write(2), through the transport if there is one.  They never fail with EINTR. */
ssize_t connection_read(struct connection *c, void *octets, size_t n);
ssize_t connection_write(struct connection *c, const void *octets, size_t n);

/* Returns 1 if there are octets to read, or if it is not a socket; 0 if there are none yet; -1 if none will come. */
int connection_peek(const struct connection *c);

/* Drops up to n octets from the peer, below the transport.  room holds n octets.  Returns the same as read(2). */
ssize_t connection_discard(struct connection *c, void *room, size_t n);

/* Tells the peer that nothing more will come.  Octets can still be read. */
void connection_end(struct connection *c);

/* Whether the peer's system is known to have all octets, and the end. */
bool connection_is_delivered(const struct connection *c);

void connection_close(struct connection *c);

/* Makes the next connection_close() reset a TCP connection (RST). */
void connection_reset(struct connection *c);

/* ---- the PROXY protocol ---- */

enum { PROXY_MAX = 16 + UINT16_MAX /* octets of a header */ };

/*
 * Looks at the first n octets of a header.  Returns how many more may be read
 * without going beyond it; 0 if it is complete, or malformed: then *why is the
 * reason, otherwise NULL.  A complete header that names a client sets the peer.
 */
size_t proxy_missing(const char *header, size_t n, struct peer *peer, const char **why);

/* ---- TLS (RFC 5246, 8446): by tls_openssl.c, or not at all by tls_none.c ---- */

/* For --version. */
extern const char tls_kind[];

/* What is wrong with the certificate that is made. */
enum tls_flaw { TLS_SOUND, TLS_EXPIRED, TLS_NOT_YET, TLS_OTHER_NAME, TLS_SELF_SIGNED, TLS_WEAK_KEY };

enum tls_version { TLS_ANY, TLS_1_0, TLS_1_1, TLS_1_2, TLS_1_3 };

struct tls_options {
    const char *cert;      /* a PEM file, the server's certificate first; NULL: make a certificate */
    const char *key;       /* a PEM file; NULL: the same as cert */
    const char *hostname;  /* for the certificate that is made, besides localhost, 127.0.0.1 and ::1 */
    const char *name;      /* TLS_OTHER_NAME: the only one in it */
    const char *client_ca; /* a PEM file: a client's certificate must be in it, or be issued by one that is; NULL: a
                              client is not asked for one */
    bool require_cert;     /* the client must show one */
    enum tls_flaw flaw;
    enum tls_version min, max; /* TLS_ANY: 1.2, or max if that is lower; no limit */
};

/* The settings of all connections; a server's certificate and its key. */
struct tls;

/* For a server.  NULL on failure, with the reason in why, of size octets. */
struct tls *tls_open(const struct tls_options *o, char *why, size_t size);

/* The same for a client.  The server's certificate must be in the PEM file ca_file, or be issued by one that is; its
   names are not checked.  Nothing is verified if ca_file is NULL. */
struct tls *tls_open_client(const char *ca_file, char *why, size_t size);
void tls_close(struct tls *t);

/* The certificate that was made, or its issuer's, in PEM, for clients to trust: *n octets that live as long as t.  NULL
   if none was made, or clients are not to trust it. */
const char *tls_ca(const struct tls *t, size_t *n);

/* Sets the transport of a connection to TLS.  The handshake is next. */
int tls_start(struct tls *t, struct connection *c);

/* ---- readiness: by epoll (poll_linux.c) or poll(2) (poll_posix.c), as the Makefile chooses ---- */

/* "epoll" or "poll", for --version. */
extern const char poll_kind[];

struct poll {
    int fd;             /* Linux: the epoll set */
    void *always;       /* Linux: the tag of the one descriptor that is always ready; NULL: none */
    bool always_read;   /* Linux: that descriptor is watched for reading */
    struct pollfd *fds; /* POSIX: for poll(2) */
    void **tags;        /* POSIX: the tag of each, in the same order */
    size_t n, size;
    size_t turn; /* POSIX: the index at which the next search starts */
};

int poll_open(struct poll *p);
void poll_close(struct poll *p);

/* Watches fd for reading.  EPERM if it is a second descriptor of a kind that is always ready. */
int poll_add(struct poll *p, int fd, void *tag);

/* Changes what fd is watched for.  With neither, only a hangup or an error is reported. */
int poll_set(struct poll *p, int fd, void *tag, bool read, bool write);

/* Stops watching fd. */
void poll_remove(struct poll *p, int fd, void *tag);

/* Stops watching a descriptor that is about to be closed, and that no other process has. */
void poll_closing(struct poll *p, int fd);

enum { READY_MAX = 64 /* tags that one wait returns */ };

/*
 * Waits until a descriptor is ready, has hung up or failed.  Puts the tags into
 * ready, and returns their number; the next call returns the rest.  until and
 * now are times of clock_now().  Does not wait if until is not after now; waits
 * for ever if it is INT64_MAX.  May return 0 before until, after a signal.
 */
int poll_wait(struct poll *p, void *ready[READY_MAX], int64_t until, int64_t now);

#endif
