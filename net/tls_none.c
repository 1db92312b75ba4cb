/* SPDX-License-Identifier: ISC */
/*
 * tls_none.c - a program without TLS.
 */
#include "net/net.h"

#include <errno.h>
#include <stdio.h>

const char tls_kind[] = "without TLS";

static struct tls *refuse(char *why, size_t size)
{
    (void)snprintf(why, size, "this fakesmtp was built without TLS; 'make TLS=openssl' builds it with TLS");
    return NULL;
}

struct tls *tls_open(const struct tls_options *o, char *why, size_t size)
{
    (void)o;
    return refuse(why, size);
}

struct tls *tls_open_client(const char *ca_file, char *why, size_t size)
{
    (void)ca_file;
    return refuse(why, size);
}

/* The others are not called, as these failed. */
void tls_close(struct tls *t) { (void)t; }

const char *tls_ca(const struct tls *t, size_t *n)
{
    (void)t;
    *n = 0;
    return NULL;
}

int tls_start(struct tls *t, struct connection *c)
{
    (void)t, (void)c;
    errno = ENOTSUP;
    return -1;
}
