/*
 * net.h - endpoints, connections, TLS.
 */
#ifndef NET_NET_H
#define NET_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

/* ---- os ---- */

/*
 * what one system does better than POSIX can.  poll_linux.c has the
 * Linux forms, poll_posix.c the portable ones; the Makefile links one of them.
 *
 * Functions that return int give -1 with errno on failure.
 */

/* What --version says of it. */
extern const char poll_kind[];

/* ---- which of many descriptors are ready ---- */

struct poll {
    int fd;             /* Linux: of the epoll set, */
    void *always;       /* and the tag of the one that is always ready, NULL if there is none, */
    bool always_read;   /* if it is watched for reading */
    struct pollfd *fds; /* POSIX: what poll() is given, */
    void **tags;        /* and the tag of each, in the same order */
    size_t n, size;
    size_t turn; /* whose turn it is to be looked at first */
};

int poll_open(struct poll *p);
void poll_close(struct poll *p);

/* Watches fd for reading.  Only one may be a file of a kind that is always ready (EPERM of any more). */
int poll_add(struct poll *p, int fd, void *tag);

/* Watches fd, which was added, for these from now on; for neither, only hanging up is noticed. */
int poll_set(struct poll *p, int fd, void *tag, bool read, bool write);

/* Watches fd, which was added, no longer. */
void poll_remove(struct poll *p, int fd, void *tag);

/* The same of a descriptor that is about to be closed, and was opened by us alone. */
void poll_closing(struct poll *p, int fd);

enum { READY_MAX = 64 /* tags that one wait tells of */ };

/*
 * Waits until a descriptor is ready for what it is watched for, has hung up or
 * failed; puts the tags of those that are into ready, of more than READY_MAX
 * only so many, and returns how many.  Returns none on a signal, about the time
 * `until`, in milliseconds on the clock of clock_now(), which shows `now`, or earlier
 * for no reason: ask again.  Does not wait if `until` is not after `now`, and for
 * ever if it is INT64_MAX.
 */
int poll_wait(struct poll *p, void *ready[READY_MAX], int64_t until, int64_t now);

/* ---- io ---- */

/*
 * endpoints, listening and connected sockets, standard input and output.
 *
 * Functions that return int give -1 with errno on failure, unless they say
 * otherwise.  No descriptor outlives an exec.
 */

enum {
    LISTENER_SOCKETS_MAX = 8, /* sockets of one endpoint */
    ENDPOINT_TEXT_MAX = 300,  /* octets of an endpoint or address as text, with the NUL */
    ENDPOINT_URL_MAX = ENDPOINT_TEXT_MAX + 16,
};

/* What is spoken there: SMTP, SMTP under TLS from the first octet on (RFC 8314 3.3), LMTP. */
enum scheme { SCHEME_SMTP, SCHEME_SMTPS, SCHEME_LMTP };

/* Where to listen: what the user wrote, taken apart. */
struct endpoint {
    enum scheme scheme;
    enum { ENDPOINT_LOOPBACK, ENDPOINT_ANY, ENDPOINT_HOST, ENDPOINT_UNIX, ENDPOINT_FD, ENDPOINT_STDIO } kind;
    char host[256]; /* ENDPOINT_HOST: an address or a name; ENDPOINT_UNIX: a path */
    uint16_t port;  /* 0: any free one */
    int fd;         /* ENDPOINT_FD: a listening socket that is open already */
};

/* The sockets that listen there: more than one where it means several addresses, none of ENDPOINT_STDIO. */
struct listener {
    enum scheme scheme;
    int fds[LISTENER_SOCKETS_MAX];
    size_t n;
    uint16_t port;                /* 0: it has none */
    char port_text[8];            /* the same as text, "" if it has none */
    char host[ENDPOINT_TEXT_MAX]; /* what a client on this machine connects to: an address, or the path of a Unix socket
                                   */
    char text[ENDPOINT_TEXT_MAX]; /* the endpoint in short; after a failure, what could not be had */
    char url[ENDPOINT_URL_MAX];   /* the same for a client */
    char path[ENDPOINT_TEXT_MAX]; /* of the Unix socket that was made, "" if none was: */
    dev_t device;                 /* it is removed at the end if it is still the same */
    ino_t inode;
    bool borrowed; /* fds[0] is others' too, and had these flags: */
    int flags;
};

/*
 * A transport over a connection, such as TLS; its state is c->state.  Where a
 * function finds that it has to wait, it sets c->wants_write to whether it is
 * for writing.
 */
struct connection;
struct transport {
    /* Goes on with the handshake: 1 once it is done, 0 if the connection has to be waited for, -1 if it has failed;
       why it has, is then in why, of size octets. */
    int (*handshake)(struct connection *c, char *why, size_t size);
    /* As read(2), 0 at the end, and write(2); -1 with EAGAIN if they have to wait.  What could not be written must be
       given again, from its first octet on. */
    ssize_t (*read)(struct connection *c, void *octets, size_t n);
    ssize_t (*write)(struct connection *c, const void *octets, size_t n);
    void (*end)(struct connection *c);                  /* says that nothing more will come */
    void (*close)(struct connection *c);                /* frees the state */
    const char *(*version)(const struct connection *c); /* once the handshake is done: its name, for as long as the
                                                        transport is there at all */
};

/* A connection.  The caller allocates it. */
struct connection {
    int in, out;                       /* the same descriptor, but for standard input and output */
    const struct transport *transport; /* NULL: plain octets */
    void *state;                       /* the transport's */
    bool wants_write;                  /* the transport has to write before it can go on */
    bool borrowed;                     /* in and out are others' too, need not be sockets, and had these flags, */
    int in_flags, out_flags;
    bool polled; /* and keep them: each use looks first whether it would block */
};

/* The other end of a connection. */
struct peer {
    char address[46]; /* as text; "" where it has none */
    uint16_t port;
};

/*
 * Reads HOST:PORT, [ADDRESS]:PORT, :PORT (loopback), *:PORT (all addresses),
 * unix:PATH, fd:N or -, perhaps behind smtp://, smtps:// or lmtp://.  Returns
 * NULL, or what is wrong, as words that follow "it".
 */
const char *endpoint_parse(const char *text, struct endpoint *e);

/*
 * Listens there, on all its addresses with one port; IPv6 is left out where
 * the machine has none, unless it is all that was asked for.  An address in
 * use is a failure; a Unix socket that nobody listens on any more is replaced.
 * *reason is NULL, or words where errno has none.
 */
int listener_open(const struct endpoint *e, struct listener *l, const char **reason);

/*
 * How many sockets a service manager has passed to this process, from LISTENER_PASSED
 * on (sd_listen_fds(3)); the variables that say so are then unset.  -1 if
 * LISTEN_FDS makes no sense.
 */
enum { LISTENER_PASSED = 3 };
int listener_count_passed(void);

/* Stops listening. */
void listener_close(struct listener *l);

/* Takes a connection; it does not block. */
int connection_accept(int fd, struct connection *c, struct peer *peer);

/* Whether the descriptor that fd:N names is open: to be asked before anything of our own is. */
bool endpoint_is_open(int fd);

/* Takes standard input and output as one; what stands in their places is /dev/null. */
int connection_take_stdio(struct connection *c, struct peer *peer);

/* For a transport that cannot look first: from here on no use of the connection blocks. */
int connection_unblock(struct connection *c);

/* Whether it is a socket that was accepted, without TLS. */
static inline bool connection_is_plain(const struct connection *c) { return c->transport == NULL && !c->borrowed; }

/* For connection_read() and connection_write() only: of what is not plain. */
ssize_t connection_read_other(struct connection *c, void *octets, size_t n);
ssize_t connection_write_other(struct connection *c, const void *octets, size_t n);

/*
 * As recv(2) and send(2), or of what is borrowed, as read(2) and write(2); but
 * for EINTR, and through the transport if there is one.  What does not block is
 * not interrupted; and recv() and send() are cheaper than read() and write().
 */
static inline ssize_t connection_read(struct connection *c, void *octets, size_t n)
{
    return connection_is_plain(c) ? recv(c->in, octets, n, 0) : connection_read_other(c, octets, n);
}

static inline ssize_t connection_write(struct connection *c, const void *octets, size_t n)
{
    return connection_is_plain(c) ? send(c->out, octets, n, 0) : connection_write_other(c, octets, n);
}

/* Whether the client has said something, which stays to be read; always so of what is no socket. */
bool connection_has_octets(const struct connection *c);

/* Reads away what still comes, whatever it is: as connection_read(), past the transport. */
ssize_t connection_discard(struct connection *c, void *room, size_t n);

/* Tells the peer that nothing more will come; what it still sends can be read. */
void connection_end(struct connection *c);

void connection_close(struct connection *c);

/* Has the next connection_close() reset the connection (a RST of TCP), where it is one that can be. */
void connection_reset(struct connection *c);

/* ---- tls ---- */

/*
 * the server's side of TLS (1.2 and up; RFC 8446, 5246) as a transport
 * over a connection.  tls_openssl.c has it through OpenSSL, which is loaded
 * when it is asked for and not before; tls_none.c says that there is none.
 * The Makefile links one of them.
 */

/* What --version says of it. */
extern const char tls_kind[];

/* Borrowed while tls_open() runs. */
struct tls_options {
    const char *cert;     /* a file of PEM, the server's certificate first; NULL: one is made */
    const char *key;      /* a file of PEM, NULL: the same as cert */
    const char *hostname; /* for the certificate that is made, beside localhost, 127.0.0.1 and ::1 */
};

/* A certificate, its key, and the settings of all connections. */
struct tls;

/* Makes it ready; NULL on failure, and why, of size octets, says in words what failed and of which file. */
struct tls *tls_open(const struct tls_options *o, char *why, size_t size);
void tls_close(struct tls *t);

/* The certificate that was made, in PEM, for a client to trust: *n octets, that live as long as t.  NULL if it was
   not made here. */
const char *tls_ca(const struct tls *t, size_t *n);

/* Puts TLS on a connection; the handshake comes next.  -1 with errno on failure. */
int tls_start(struct tls *t, struct connection *c);

#endif
