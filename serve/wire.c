/* SPDX-License-Identifier: ISC */
/*
 * wire.c - the octets of a session: replies that its client has not taken yet,
 * input that is left after a turn, and what the descriptors are watched for.
 */
#include "serve/inside.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- out ---- */

/* Keeps n octets after those that the client has not taken.  False with errno if there is no memory. */
static bool keep_unsent(struct session *s, const char *p, size_t n)
{
    struct unsent *before = s->unsent;
    size_t left = before != NULL ? before->n - before->at : 0;
    struct unsent *all = malloc(sizeof *all + left + n);
    if (all == NULL) {
        errno = ENOMEM;
        return false;
    }
    if (left > 0)
        memcpy(all->octets, before->octets + before->at, left);
    memcpy(all->octets + left, p, n);
    all->n = left + n;
    all->at = 0;
    free(before);
    s->unsent = all;
    return true;
}

static bool would_block(void) { return errno == EAGAIN || errno == EWOULDBLOCK; }

ssize_t wire_flush(struct session *s)
{
    struct unsent *u = s->unsent;
    ssize_t sent = connection_write(&s->conn, u->octets + u->at, u->n - u->at);
    if (sent < 0)
        return would_block() ? 0 : -1;
    u->at += (size_t)sent;
    if (u->at == u->n) {
        free(u);
        s->unsent = NULL;
    }
    return sent;
}

ssize_t wire_send(struct session *s, const char *p, size_t n)
{
    if (s->unsent != NULL)
        return keep_unsent(s, p, n) ? wire_flush(s) : -1;
    ssize_t sent = connection_write(&s->conn, p, n);
    if (sent == (ssize_t)n || (sent < 0 && !would_block()))
        return sent;
    size_t done = sent > 0 ? (size_t)sent : 0;
    return keep_unsent(s, p + done, n - done) ? (ssize_t)done : -1;
}

/* ---- in ---- */

bool wire_keep_rest(struct session *s, char *p, size_t n)
{
    struct heard *h = s->heard;
    char *rest = n > 0 ? malloc(n) : NULL;
    if (n > 0 && rest == NULL)
        return false;
    if (n > 0)
        memcpy(rest, p, n);
    span_wipe(p, n);
    span_wipe(h->rest, h->rest_n);
    free(h->rest);
    h->rest = rest;
    h->rest_n = n;
    return true;
}

size_t wire_bring_rest(const struct session *s, char *in)
{
    size_t n = s->heard != NULL ? s->heard->rest_n : 0;
    if (n > 0)
        memcpy(in, s->heard->rest, n);
    return n;
}

/* ---- readiness ---- */

/* What a descriptor is watched for. */
struct watch {
    bool read, write;
};

static bool watch(struct poll *p, struct session *s, int fd, struct watch before, struct watch now)
{
    bool was = before.read || before.write, is = now.read || now.write;
    if (now.read == before.read && now.write == before.write)
        return true;
    if (!is) {
        poll_remove(p, fd, s);
        return true;
    }
    if (!was && poll_add(p, fd, s) < 0)
        return false;
    return (!was && !now.write) || poll_set(p, fd, s, now.read, now.write) == 0;
}

bool wire_watch(struct poll *p, struct session *s, bool read, bool write)
{
    struct watch before = {s->watches_read, s->watches_write}, now = {read, write};
    s->watches_read = read;
    s->watches_write = write;
    if (!s->conn.borrowed)
        return watch(p, s, s->conn.in, before, now);
    return watch(p, s, s->conn.in, (struct watch){before.read, false}, (struct watch){read, false}) &&
           watch(p, s, s->conn.out, (struct watch){false, before.write}, (struct watch){false, write});
}

void wire_close(struct poll *p, struct session *s)
{
    if (s->conn.borrowed)
        (void)wire_watch(p, s, false, false);
    else if (s->watches_read || s->watches_write)
        poll_closing(p, s->conn.in);
    connection_close(&s->conn);
}
