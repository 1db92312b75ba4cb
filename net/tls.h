/*
 * tls.h - the server's side of TLS (1.2 and up; RFC 8446, 5246) as a transport
 * over a connection.  tls_openssl.c has it through OpenSSL, which is loaded
 * when it is asked for and not before; tls_none.c says that there is none.
 * The Makefile links one of them.
 */
#ifndef TLS_H
#define TLS_H

#include <stddef.h>

#include "net/io.h"

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
int tls_start(struct tls *t, struct io_conn *c);

#endif
