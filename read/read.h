/* SPDX-License-Identifier: ISC */
/*
 * read.h - mail that is in files already: a message, an mbox, a Maildir, a
 * directory of *.eml, or standard input.
 *
 * Each message is stored and counted as one that came by SMTP.  With watch, what
 * appears later is read as well.
 */
#ifndef READ_READ_H
#define READ_READ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "base/base.h"
#include "report/report.h"
#include "store/store.h"

enum {
    READ_PATHS_MAX = 64,
    READ_GRACE = 1000, /* milliseconds that a mail which is being stored has at the end of a run */
};

/* Borrowed while the reader is open. */
struct read_options {
    const char *paths[READ_PATHS_MAX]; /* "-" is standard input */
    size_t n_paths;
    uint64_t after;                     /* messages with this number, or a lower one, are left out */
    bool watch;                         /* go on once all has been read */
    bool headers;                       /* put Return-Path, Delivered-To and Received in front of each message */
    struct store *store;                /* opened before the first step */
    const struct expectations *awaited; /* once these are settled, nothing more is read; NULL: all is */
};

/* The caller zeroes it, and looks at done, now and tally. */
struct reader {
    const struct read_options *o;
    struct source *sources;  /* one for each path */
    struct source *storing;  /* whose mail the store has not done with; NULL: none */
    struct failure *failure; /* of this step */
    int watch;               /* of watch_open(); -1: none */
    int64_t now, start;      /* as clock_now() */
    int64_t again_at;        /* when to look again at what is not whole, or locked; INT64_MAX: never */
    int64_t end_at;          /* stopping: when a mail that is being stored is given up; INT64_MAX: it is not stopping */
    bool watches;            /* watch_open() was called */
    bool polls;              /* a directory that is not watched by the system is looked at all the time */
    bool done;               /* nothing more will be read */
    struct tally tally;
};

/* Opens each path.  -1 on failure, with the reason in *why. */
int reader_open(struct reader *r, const struct read_options *o, struct failure *why);

/* Whether a path that is written to is one that is read. */
bool reader_reads(const struct reader *r, const struct stat *written);

/* Reads what is there, or waits until there is something, wake is readable, or it is `until` by clock_now().  -1 if
   something cannot be read, with the reason in *why. */
int reader_step(struct reader *r, int wake, int64_t until, struct failure *why);

/* Reads nothing more.  Go on stepping until done: a mail that is being stored may be completed. */
void reader_stop(struct reader *r);

void reader_close(struct reader *r);

#endif
