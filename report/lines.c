/* SPDX-License-Identifier: ISC */
/*
 * lines.c - lines of text for a reader that may be slow.
 *
 * A reader that takes nothing must stop nobody, so no write blocks.  Others may
 * use the same pipe or terminal, so it cannot be made non-blocking.  Where the
 * system can open it again (Linux), the lines have it for themselves and do not
 * block; elsewhere poll(2) tells whether a piece fits.
 *
 * Lines that are not taken at once wait for one to two seconds.  Those that
 * wait at the end of one second and came before its beginning are dropped.
 */
#include "report/inside.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { QUEUE_MAX = 8 * 1024 * 1024 /* octets that wait; a flood in a second may be more */ };

void lines_open(struct lines *l, int fd)
{
    struct stat st;
    char path[32];
    *l = (struct lines){.fd = fd, .at_end = true};
    l->is_file = fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    int own = l->is_file ? -1 : open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (own < 0)
        return;
    l->fd = own;
    if (fd > STDERR_FILENO)
        (void)close(fd);
}

/* The length of what is written at once: whole lines if they fit, so that those of several processes do not mix. */
static size_t piece(const struct lines *l, const char *p, size_t n)
{
    size_t most = PIPE_BUF;
    if (l->is_file || n <= most)
        return n;
    while (most > 0 && p[most - 1] != '\n')
        most--;
    return most > 0 ? most : PIPE_BUF;
}

/* Writes what the reader takes now.  Returns how many octets are done with: all of them if there is no reader. */
static size_t write_some(struct lines *l, const char *p, size_t n)
{
    size_t done = 0;
    while (done < n) {
        struct pollfd fd = {.fd = l->fd, .events = POLLOUT};
        if (!l->is_file && poll(&fd, 1, 0) <= 0)
            break;
        ssize_t put = write(l->fd, p + done, piece(l, p + done, n - done));
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            break;
        if (put <= 0) {
            l->error = l->error != 0 ? l->error : errno;
            return n;
        }
        done += (size_t)put;
        l->at_end = p[done - 1] == '\n';
    }
    return done;
}

static uint64_t count(const char *p, size_t n)
{
    uint64_t lines = 0;
    for (; n > 0; n--)
        lines += *p++ == '\n';
    return lines;
}

/* Drops what waits before end, except for the end of a line that is written in part. */
static void drop(struct lines *l, size_t end)
{
    size_t start = l->at_end || l->done == end ? end : end - 1;
    l->lost += count(l->queue.p + l->done, end - l->done);
    l->done = start;
}

/* Gives back the memory of what is done with. */
static void tidy(struct lines *l)
{
    size_t done = l->done, left = l->queue.n - done;
    if (done < left)
        return;
    if (left > 0) {
        memmove(l->queue.p, l->queue.p + done, left);
        l->queue.n = left;
    } else {
        free(l->queue.p);
        l->queue = (struct text){NULL, 0, 0, false};
    }
    l->old = l->old > done ? l->old - done : 0;
    l->done = 0;
}

void lines_go_on(struct lines *l)
{
    if (l->queue.n == 0)
        return;
    l->done += write_some(l, l->queue.p + l->done, l->queue.n - l->done);
    int64_t now = clock_now();
    if (now - l->since >= LINES_PATIENCE) {
        if (l->done < l->old)
            drop(l, l->old);
        l->since = now;
        l->old = l->queue.n;
    }
    tidy(l);
}

void lines_put(struct lines *l, const char *p, size_t n)
{
    lines_go_on(l);
    size_t written = l->queue.n == 0 ? write_some(l, p, n) : 0;
    if (written == n)
        return;
    if (l->queue.n == 0)
        l->since = clock_now();
    bool full = l->queue.n >= QUEUE_MAX;
    if (!full)
        text_add(&l->queue, p + written, n - written);
    if (full || l->queue.failed)
        l->lost += count(p + written, n - written);
    l->queue.failed = false;
}

void lines_end(struct lines *l, int64_t until)
{
    for (int64_t left; l->queue.n > 0 && (left = until - clock_now()) > 0;) {
        struct pollfd fd = {.fd = l->fd, .events = POLLOUT};
        if (poll(&fd, 1, (int)left) > 0)
            lines_go_on(l);
    }
    if (l->queue.n > 0)
        drop(l, l->queue.n);
    l->done = l->queue.n;
    tidy(l);
}
