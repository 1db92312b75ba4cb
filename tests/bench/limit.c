/* SPDX-License-Identifier: ISC */
/*
 * limit.c - what an SMTP sink would cost if parsing, names and safety were
 * free: fixed replies, one shared buffer, and each octet of mail data looked at
 * once for the end.  No server to be used: it is what others are held against.
 *
 *     limit [-d DIR] PORT
 *
 * With -d mail data go to files there, as they came.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/scan.h"

enum { READ = 256 * 1024, EVENTS = 64, ACCEPTS = 64, OUT = 64 * 1024 };

struct session {
    int fd, file; /* file: of the message, -1: none */
    bool data;    /* mail data are under way */
    int seen;     /* octets of CRLF.CRLF that they end with */
    size_t chunk; /* octets of a chunk still to come */
    bool in_chunk;
};

static const char end_of_data[] = "\r\n.\r\n";
static char in[READ], out[OUT];
static size_t out_n;
static const char *directory;
static unsigned files;

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static void put(const char *reply)
{
    size_t n = strlen(reply);
    if (out_n + n > sizeof out)
        exit(1);
    memcpy(out + out_n, reply, n);
    out_n += n;
}

static void open_file(struct session *s)
{
    char path[4096];
    if (directory == NULL)
        return;
    (void)snprintf(path, sizeof path, "%s/%u", directory, files++);
    s->file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (s->file < 0)
        die(path);
}

static void save(struct session *s, const char *p, size_t n)
{
    if (s->file >= 0 && n > 0 && write(s->file, p, n) != (ssize_t)n)
        die("write");
}

static void end_message(struct session *s)
{
    s->data = s->in_chunk = false;
    if (s->file >= 0)
        (void)close(s->file);
    s->file = -1;
    put("250 Ok\r\n");
}

/* Follows the end of data octet by octet; true if this one completes it. */
static bool follow(struct session *s, char c)
{
    s->seen = c == end_of_data[s->seen] ? s->seen + 1 : c == '\r' ? 1 : 0;
    return s->seen == 5;
}

/* Takes mail data; returns how many octets. */
static size_t take_data(struct session *s, const char *p, size_t n)
{
    size_t i = 0;
    while (i < n && s->seen > 0) {
        if (follow(s, p[i++])) {
            save(s, p, i);
            end_message(s);
            return i;
        }
    }
    for (const char *lf; (lf = scan_lf_dot(p + i, p + n)) != NULL;) {
        i = (size_t)(lf + 2 - p);
        s->seen = lf > p && lf[-1] == '\r' ? 3 : 0;
        while (i < n && s->seen > 0) {
            if (follow(s, p[i++])) {
                save(s, p, i);
                end_message(s);
                return i;
            }
        }
    }
    for (size_t k = n - i > 4 ? n - 4 : i; k < n && i < n; k++)
        (void)follow(s, p[k]);
    save(s, p, n);
    return n;
}

static size_t take_chunk(struct session *s, const char *p, size_t n)
{
    n = n < s->chunk ? n : s->chunk;
    save(s, p, n);
    s->chunk -= n;
    if (s->chunk == 0)
        end_message(s);
    return n;
}

/* Takes a command; returns how many octets, 0 if it has not come whole (then it is lost: clients send whole ones). */
static size_t take_command(struct session *s, const char *p, size_t n, bool *quit)
{
    const char *lf = memchr(p, '\n', n);
    if (lf == NULL)
        return n;
    switch (*p) {
    case 'D':
        s->data = true;
        s->seen = 2;
        open_file(s);
        put("354 Go\r\n");
        break;
    case 'B':
        s->chunk = (size_t)strtoull(p + 5, NULL, 10);
        s->in_chunk = true;
        open_file(s);
        if (s->chunk == 0)
            end_message(s);
        break;
    case 'E':
        put("250-limit\r\n250-PIPELINING\r\n250 CHUNKING\r\n");
        break;
    case 'Q':
        put("221 Bye\r\n");
        *quit = true;
        break;
    default:
        put("250 Ok\r\n");
    }
    return (size_t)(lf + 1 - p);
}

/* What has been read.  False if the session is over. */
static bool answer(struct session *s, size_t n)
{
    bool quit = n == 0;
    out_n = 0;
    for (size_t i = 0; i < n && !quit;) {
        i += s->data       ? take_data(s, in + i, n - i)
             : s->in_chunk ? take_chunk(s, in + i, n - i)
                           : take_command(s, in + i, n - i, &quit);
    }
    if (out_n > 0 && send(s->fd, out, out_n, MSG_NOSIGNAL) != (ssize_t)out_n)
        return false;
    return !quit;
}

/* Reads until there is nothing more.  False if the session is over. */
static bool serve(struct session *s)
{
    ssize_t n;
    do {
        n = recv(s->fd, in, sizeof in, 0);
        if (n < 0)
            return errno == EAGAIN || errno == EINTR;
        if (!answer(s, (size_t)n))
            return false;
    } while (n == sizeof in);
    return true;
}

static void accept_all(int listener, int epoll)
{
    for (int i = 0; i < ACCEPTS; i++) {
        int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0)
            return;
        struct session *s = calloc(1, sizeof *s);
        struct epoll_event e = {.events = EPOLLIN, .data = {.ptr = s}};
        if (s == NULL || send(fd, "220 limit\r\n", 11, MSG_NOSIGNAL) != 11 ||
            epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e) < 0)
            die("session");
        *s = (struct session){.fd = fd, .file = -1};
    }
}

int main(int argc, char **argv)
{
    int c, on = 1, listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), epoll = epoll_create1(0);
    while ((c = getopt(argc, argv, "d:")) == 'd')
        directory = optarg;
    if (optind + 1 != argc)
        return 2;
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)strtol(argv[optind], NULL, 10))};
    struct epoll_event e = {.events = EPOLLIN, .data = {.ptr = NULL}};
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    (void)setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    (void)setsockopt(listener, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (bind(listener, (struct sockaddr *)&a, sizeof a) < 0 || listen(listener, 4096) < 0 ||
        epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &e) < 0)
        die("listen");
    for (;;) {
        struct epoll_event ready[EVENTS];
        int n = epoll_wait(epoll, ready, EVENTS, -1);
        for (int i = 0; i < n; i++) {
            struct session *s = ready[i].data.ptr;
            if (s == NULL) {
                accept_all(listener, epoll);
            } else if (!serve(s)) {
                (void)close(s->fd);
                free(s);
            }
        }
    }
}
