/*
 * io.h - endpoints, listening and connected sockets.
 *
 * Functions that return int give -1 with errno on failure, unless they say
 * otherwise.  No descriptor outlives an exec.
 */
#ifndef IO_H
#define IO_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum {
    IO_SOCKETS_MAX = 8, /* sockets of one endpoint */
    IO_TEXT_MAX = 300,  /* octets of an endpoint or address as text, with the NUL */
};

/* Where to listen: what the user wrote, taken apart. */
struct io_endpoint {
    enum { IO_LOOPBACK, IO_ANY, IO_HOST } kind;
    char host[256]; /* IO_HOST: an address or a name */
    uint16_t port;  /* 0: any free one */
};

/* The sockets that listen there: more than one where it means several addresses. */
struct io_listener {
    int fds[IO_SOCKETS_MAX];
    size_t n;
    uint16_t port;
    char host[IO_TEXT_MAX]; /* what a client on this machine connects to */
    char text[IO_TEXT_MAX]; /* host and port; after a failure, what could not be had */
};

/* The other end of a connection. */
struct io_peer {
    char address[46]; /* as text */
    uint16_t port;
};

/*
 * Reads HOST:PORT, [ADDRESS]:PORT, :PORT (loopback) or *:PORT (all
 * addresses).  Returns NULL, or what is wrong, as words that follow "it".
 */
const char *io_parse_endpoint(const char *text, struct io_endpoint *e);

/*
 * Listens there, on all its addresses with one port; IPv6 is left out where
 * the machine has none, unless it is all that was asked for.  An address in
 * use is a failure.  *reason is NULL, or words where errno has none.
 */
int io_listen(const struct io_endpoint *e, struct io_listener *l, const char **reason);

/* Stops listening. */
void io_unlisten(struct io_listener *l);

/* Takes a connection; it does not block. */
int io_accept(int fd, struct io_peer *peer);

/* As read(2) and write(2), but for EINTR. */
ssize_t io_read(int fd, void *octets, size_t n);
ssize_t io_write(int fd, const void *octets, size_t n);

/* Milliseconds on a clock that only goes forward. */
int64_t io_now(void);

/* Tells the peer that nothing more will come; what it still sends can be read. */
void io_end(int fd);

#endif
