/* SPDX-License-Identifier: ISC */
/*
 * remote.c - the server of a run, as the environment names it: connecting to it,
 * TLS, and -bs.
 */
#include "send/inside.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { SAID_MAX = 8 * 1024 /* octets of a line that is printed */ };

void send_say(struct text *said, const char *format, ...)
{
    char line[SAID_MAX];
    if (said == NULL)
        return;
    va_list arguments;
    va_start(arguments, format);
    if (vsnprintf(line, sizeof line, format, arguments) > 0)
        text_add_string(said, line);
    va_end(arguments);
    text_add_string(said, "\n");
}

const char *remote_ca_file(void)
{
    const char *file = getenv("SMTP_CA_FILE");
    return file != NULL && *file != '\0' ? file : NULL;
}

int remote_secure(struct remote *r, int64_t until, struct text *said)
{
    char why[512] = "the server did not answer in time";
    int done = -1;
    r->tls = tls_open_client(remote_ca_file(), why, sizeof why);
    if (r->tls != NULL && tls_start(r->tls, &r->c) == 0) {
        for (done = 0; done == 0 && clock_now() < until;) {
            done = r->c.transport->handshake(&r->c, why, sizeof why);
            struct pollfd fd = {.fd = r->c.in, .events = r->c.wants_write ? POLLOUT : POLLIN};
            if (done == 0)
                (void)poll(&fd, 1, clock_timeout(until, clock_now()));
        }
    } else if (r->tls != NULL) {
        (void)snprintf(why, sizeof why, "%s", strerror(errno));
    }
    if (done == 1)
        return SEND_DONE;
    send_say(said, "no TLS with %s: %s", r->text, why);
    return SEND_TEMPORARY;
}

int remote_connect(struct remote *r, int64_t limit, struct text *said)
{
    const char *host = getenv("SMTP_HOST"), *port = getenv("SMTP_PORT"), *url = getenv("SMTP_URL");
    int64_t until = clock_now() + limit;
    struct endpoint e;
    r->tls = NULL;
    r->c = (struct connection){.in = -1, .out = -1};
    if (host == NULL || *host == '\0') {
        send_say(said, "SMTP_HOST is not set: it names the server; 'fakesmtp --sendmail COMMAND' sets it");
        return SEND_TEMPORARY;
    }
    bool is_path = port == NULL || *port == '\0', is_ipv6 = !is_path && strchr(host, ':') != NULL;
    (void)snprintf(r->text, sizeof r->text, is_path ? "unix:%s" : is_ipv6 ? "[%s]:%s" : "%s:%s", host, port);
    r->scheme = url == NULL                           ? SCHEME_SMTP
                : span_starts(span_of(url), "smtps:") ? SCHEME_SMTPS
                : span_starts(span_of(url), "lmtp:")  ? SCHEME_LMTP
                                                      : SCHEME_SMTP;
    const char *reason = endpoint_parse(r->text, &e);
    if (reason == NULL && connection_open(&e, &r->c, until, &reason) == 0)
        return r->scheme == SCHEME_SMTPS ? remote_secure(r, until, said) : SEND_DONE;
    r->c.in = -1;
    send_say(said, "cannot connect to %s: %s", r->text, reason != NULL ? reason : strerror(errno));
    return SEND_TEMPORARY;
}

void remote_close(struct remote *r)
{
    if (r->c.in >= 0) {
        connection_end(&r->c);
        connection_close(&r->c);
    }
    tls_close(r->tls);
}

/* ---- -bs ---- */

/* Writes all to standard output. */
static bool put_output(struct span octets)
{
    while (octets.n > 0) {
        struct pollfd ready = {.fd = STDOUT_FILENO, .events = POLLOUT};
        ssize_t n = poll(&ready, 1, -1) > 0 ? write(STDOUT_FILENO, octets.p, octets.n) : -1;
        if (n < 0 && errno != EINTR && errno != EAGAIN)
            return false;
        span_skip(&octets, n > 0 ? (size_t)n : 0);
    }
    return true;
}

static bool is_passing(ssize_t n) { return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR)); }

int remote_pass(struct remote *r, int64_t limit, struct text *said)
{
    static char in[SEND_RECORD], out[4096];
    struct span unsent = {out, 0};
    for (bool ended = false;;) {
        struct pollfd fds[] = {{.fd = r->c.in, .events = POLLIN},
                               {.fd = ended || unsent.n > 0 ? -1 : STDIN_FILENO, .events = POLLIN}};
        fds[0].events |= unsent.n > 0 || r->c.wants_write ? POLLOUT : 0;
        int ready = poll(fds, 2, ended || unsent.n > 0 ? (int)limit : -1);
        if (ready == 0 || (ready < 0 && errno != EINTR)) {
            send_say(said, "%s timed out", r->text);
            return SEND_TEMPORARY;
        }
        ssize_t n = fds[1].revents != 0 ? read(STDIN_FILENO, out, sizeof out) : 0;
        if (fds[1].revents != 0 && !is_passing(n)) {
            ended = true;
            connection_end(&r->c);
        }
        unsent = n > 0 ? (struct span){out, (size_t)n} : unsent;
        if (fds[0].revents == 0)
            continue;
        n = connection_read(&r->c, in, sizeof in);
        if (!put_output((struct span){in, n > 0 ? (size_t)n : 0})) {
            send_say(said, "cannot write to standard output: %s", strerror(errno));
            return SEND_TEMPORARY;
        }
        if (!is_passing(n))
            return SEND_DONE; /* the end of the connection is no failure */
        n = unsent.n > 0 ? connection_write(&r->c, unsent.p, unsent.n) : 0;
        if (n < 0 && errno != EAGAIN && errno != EINTR)
            unsent.n = 0; /* what the server says may tell why */
        span_skip(&unsent, n > 0 ? (size_t)n : 0);
    }
}
