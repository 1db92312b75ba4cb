/* SPDX-License-Identifier: ISC */
/*
 * fuzz_send.c - any octets as the replies of a server to the sendmail(8)
 * stand-in: it ends with one of its statuses, says why unless that is 0, and has
 * written only whole lines; for 0 there was a reply 2yz after the end of the data.
 *
 * The first octet chooses LMTP, what the message needs, and in which pieces the
 * server reads and replies.  As a libFuzzer target, or, compiled with REPLAY, as a
 * program that is given files.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "send/inside.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum { LIMIT = 20000 /* milliseconds */ };

enum choice { LMTP = 1, ADDRESS_8BIT = 8, DSN = 16, OCTETS = 32, AT_ONCE = 64, SHORT_WRITES = 128 };

struct server {
    unsigned choice;
    struct span replies; /* that are left */
    struct text wrote;   /* what came from the client */
    bool waited;         /* the last read had to wait */
    bool accepted;       /* there was a line 2yz, in whole or in part, after the end of the data */
};

static void must(bool condition)
{
    if (!condition)
        abort();
}

static bool ends_with(const struct text *t, const char *end)
{
    size_t n = strlen(end);
    return t->n >= n && memcmp(t->p + t->n - n, end, n) == 0;
}

/* ---- a server as a transport ---- */

/* The octets of the next reply, or of a part. */
static size_t next_piece(const struct server *s)
{
    struct span rest = s->replies;
    if (s->choice & OCTETS)
        return rest.n > 0;
    if (s->choice & AT_ONCE)
        return rest.n;
    for (bool more = true; more && rest.n > 0;) {
        const char *lf = memchr(rest.p, '\n', rest.n);
        size_t n = lf != NULL ? (size_t)(lf + 1 - rest.p) : rest.n;
        more = n > 3 && rest.p[3] == '-';
        span_skip(&rest, n);
    }
    return s->replies.n - rest.n;
}

static ssize_t server_read(struct connection *c, void *octets, size_t n)
{
    struct server *s = c->state;
    s->waited = !s->waited && !(s->choice & AT_ONCE);
    if (s->waited) {
        errno = EAGAIN;
        return -1;
    }
    size_t piece = next_piece(s);
    n = n < piece ? n : piece;
    memcpy(octets, s->replies.p, n);
    s->accepted |= n > 0 && ends_with(&s->wrote, "\r\n.\r\n") && memchr(octets, '2', n) != NULL;
    span_skip(&s->replies, n);
    return (ssize_t)n;
}

static ssize_t server_write(struct connection *c, const void *octets, size_t n)
{
    struct server *s = c->state;
    n = n > 7 && s->choice & SHORT_WRITES ? 7 : n;
    text_add(&s->wrote, octets, n);
    return (ssize_t)n;
}

static void server_end(struct connection *c) { (void)c; }

static int send_to(struct server *server, struct text *said)
{
    static const char *const messages[] = {"", "Subject: x\r\n\r\n.\r\n..\r\n", "Subject: \xc3\xbc\r\n\r\n\xff\r\n"};
    static const struct transport transport = {
        .read = server_read, .write = server_write, .end = server_end, .close = server_end};
    static char name[] = "sendmail", argument[700];
    static char *const arguments[] = {name, argument, NULL};
    int fds[2];
    must(socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0 && close(fds[1]) == 0); /* poll(2) finds it always ready */
    struct remote to = {.scheme = server->choice & LMTP ? SCHEME_LMTP : SCHEME_SMTP,
                        .text = "server",
                        .c = {.in = fds[0], .out = fds[0], .transport = &transport, .state = server}};
    struct submission s = {.sender = "a@x.test", .argc = 2, .argv = arguments, .limit = LIMIT};
    memset(argument, '=', sizeof argument - 1);
    text_add_string(&s.message, messages[(server->choice >> 1) % 3]);
    (void)addresses_add(&s.recipients,
                        span_of(server->choice & ADDRESS_8BIT ? "b@x.test, \xc3\xbc@x.test" : "b@x.test, c"));
    if (server->choice & DSN) {
        s.notify = "never";
        s.ret = "full";
        s.envid = "a+b";
    }
    int status = client_talk(&to, &s, said);
    remote_close(&to);
    free(s.message.p);
    free(s.recipients.text.p);
    return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n == 0)
        return 0;
    struct server server = {.choice = *data, .replies = {(const char *)data + 1, n - 1}};
    struct text said = {0};
    int status = send_to(&server, &said);
    must(status == SEND_DONE || status == SEND_NO_USER || status == SEND_UNAVAILABLE || status == SEND_TEMPORARY);
    must((status == SEND_DONE) == (said.n == 0) && (said.n == 0 || ends_with(&said, "\n")));
    must(status != SEND_DONE || server.accepted);
    must(server.wrote.n == 0 || server.choice & SHORT_WRITES || ends_with(&server.wrote, "\r\n"));
    free(server.wrote.p);
    free(said.p);
    return 0;
}

#ifdef REPLAY
#include "tests/fuzz/replay.h"
#endif
