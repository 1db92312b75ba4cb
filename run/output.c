/* SPDX-License-Identifier: ISC */
/*
 * output.c - the files that a run writes as it goes: the stream of -o, and the
 * transcript.
 *
 * Two runs that write to one file at once would spoil it.  So a regular file is
 * locked, and emptied before anybody hears of this run, so that nobody takes the
 * mail of the last run for that of this one.  A run that has just been asked to
 * end may hold the file until its clients have gone; it is waited for.  An mbox
 * is shared: it is never emptied, and store/ locks it for each mail.
 */
#include "run/run.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CLAIM_MAX = 3000 /* milliseconds to wait for another run: it ends within two times SERVER_GRACE */ };

/* Whether the stream is a file that only one run may write to. */
static bool is_claimed(const struct store_options *o)
{
    struct stat st;
    return o->stream > STDERR_FILENO && o->format != STORE_MBOX && fstat(o->stream, &st) == 0 && S_ISREG(st.st_mode);
}

/* Keeps other runs from writing to the file of the stream. */
static const char *claim(const struct store_options *o, struct signals *s)
{
    int64_t until = clock_now() + CLAIM_MAX;
    while (is_claimed(o) && stream_lock(o->stream, true) < 0 && errno == EAGAIN) { /* some files have no locks */
        if (clock_now() >= until || signals_read(s) != 0)
            return "another process is writing to it";
        (void)poll(NULL, 0, STORE_LOCK_RETRY);
    }
    return NULL;
}

int output_empty(const struct store_options *o) { return is_claimed(o) ? ftruncate(o->stream, 0) : 0; }

/* Opening a FIFO waits for a reader, until a signal or the time limit. */
static const char *why_unopened(void) { return errno == EINTR ? "it has no reader" : strerror(errno); }

const char *output_open(struct store_options *o, const char *file, struct signals *s)
{
    o->stream = o->format == STORE_NONE ? -1 : STDOUT_FILENO;
    if (o->stream < 0 || file == NULL || strcmp(file, "-") == 0)
        return NULL;
    struct stat st;
    bool is_file = stat(file, &st) < 0 || S_ISREG(st.st_mode);
    int mode = o->format != STORE_MBOX ? O_WRONLY
               : is_file               ? O_RDWR | O_APPEND /* its last line is looked at */
                                       : O_WRONLY | O_APPEND;
    o->stream = open(file, O_CREAT | O_CLOEXEC | mode, 0666);
    return o->stream < 0 ? why_unopened() : claim(o, s);
}

int output_close(struct store_options *o)
{
    int fd = o->stream;
    o->stream = -1;
    return fd >= 0 && close(fd) < 0 ? errno : 0;
}

const char *output_open_transcript(struct dialogue *d, const char *file)
{
    int fd = strcmp(file, "-") == 0 ? fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3)
                                    : open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0)
        return why_unopened();
    lines_open(&d->transcript, fd);
    return NULL;
}

int output_close_transcript(struct dialogue *d, int64_t until)
{
    struct lines *l = &d->transcript;
    if (l->fd == 0)
        return 0;
    lines_end(l, until);
    if (close(l->fd) < 0 && l->error == 0)
        l->error = errno;
    l->fd = 0;
    return l->error;
}
