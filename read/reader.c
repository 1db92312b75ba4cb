/* SPDX-License-Identifier: ISC */
/*
 * reader.c - the paths of a run, one after the other: their messages are stored
 * and counted.
 *
 * Each step reads for a while, or waits.  One mail is stored at a time.  With
 * watch, a path that has no more to read now lets the others go on; otherwise
 * the paths are read in order.
 */
#include "read/inside.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    STEP_MAX = 100,             /* milliseconds of a step */
    SOON_MAX = 2000,            /* milliseconds without a watch, as Linux takes up to 15 to close one */
    LOOK_SOON = 2,              /* milliseconds between two looks meanwhile */
    LOOK_ANYWAY = 1000,         /* milliseconds; some file systems do not tell of all changes */
    ENVELOPE_MAX = 1024 * 1024, /* octets of the file beside a message that are read */
};

struct source {
    const char *path;
    bool is_directory;
    struct directory directory;
    struct file file; /* fd -1: none is open */
    char *name;       /* of a file in the directory */
    uint64_t number;  /* of the message that is read, or comes next */
    bool ended;
};

static bool fail(struct reader *r, int error, const char *what)
{
    *r->failure = (struct failure){error, what};
    r->done = true;
    return true;
}

/* ---- opening ---- */

/* Reads the file beside a message, and closes it; fd -1: there is none.  False with errno on failure. */
static bool read_envelope(struct file *f, int fd)
{
    struct text lines = {NULL, 0, 0, false};
    char block[4096];
    ssize_t n;
    if (fd < 0)
        return true;
    do {
        while ((n = read(fd, block, sizeof block)) < 0 && errno == EINTR)
            continue;
        text_add(&lines, block, n > 0 ? (size_t)n : 0);
    } while (n > 0 && lines.n < ENVELOPE_MAX);
    int error = n < 0 ? errno : ENOMEM;
    (void)close(fd);
    bool good = n >= 0 && !lines.failed && file_set_envelope(f, text_span(&lines));
    free(lines.p);
    errno = error;
    return good;
}

/* Opens the file beside a message that is read by itself.  Returns -1 with errno, ENOENT if there is none. */
static int open_envelope(const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash != NULL ? slash + 1 : path;
    size_t n = strlen(name), suffix = strlen(".eml");
    char beside[PATH_MAX];
    errno = ENOENT;
    if (n <= suffix || strcmp(name + n - suffix, ".eml") != 0 || strlen(path) + sizeof ".envelope" > sizeof beside)
        return -1;
    (void)snprintf(beside, sizeof beside, "%.*s.%.*s.envelope", (int)(name - path), path, (int)(n - suffix), name);
    return open(beside, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
}

static int open_source(struct source *s)
{
    struct stat st;
    bool is_stdin = strcmp(s->path, "-") == 0;
    if (!is_stdin && stat(s->path, &st) < 0)
        return -1;
    s->is_directory = !is_stdin && S_ISDIR(st.st_mode);
    if (s->is_directory)
        return directory_open(&s->directory, s->path);
    int fd = is_stdin ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3) : open(s->path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return -1;
    int envelope = is_stdin ? -1 : open_envelope(s->path);
    if (!is_stdin && envelope < 0 && errno != ENOENT) {
        (void)close(fd);
        return -1;
    }
    return file_open(&s->file, fd, is_stdin ? NULL : s->path, envelope >= 0) && read_envelope(&s->file, envelope) ? 0
                                                                                                                  : -1;
}

int reader_open(struct reader *r, const struct read_options *o, struct failure *why)
{
    *r = (struct reader){.o = o, .watch = -1, .again_at = INT64_MAX, .end_at = INT64_MAX, .failure = why};
    *why = (struct failure){ENOMEM, "memory"};
    r->start = r->now = clock_now();
    if ((r->sources = calloc(o->n_paths, sizeof *r->sources)) == NULL)
        return -1;
    for (size_t i = 0; i < o->n_paths; i++) {
        r->sources[i].file.fd = r->sources[i].directory.beside = -1;
        r->sources[i].directory.fds[0] = r->sources[i].directory.fds[1] = -1;
        r->sources[i].number = 1;
    }
    for (size_t i = 0; i < o->n_paths; i++) {
        r->sources[i].path = o->paths[i];
        if (open_source(&r->sources[i]) < 0) {
            *why = (struct failure){errno, o->paths[i]};
            return -1;
        }
    }
    return 0;
}

bool reader_reads(const struct reader *r, const struct stat *written)
{
    struct stat st;
    bool same = false;
    for (size_t i = 0; i < r->o->n_paths; i++) {
        const struct source *s = &r->sources[i];
        const int fds[] = {s->file.fd, s->directory.beside, s->directory.fds[0], s->directory.fds[1]};
        for (size_t j = 0; j < sizeof fds / sizeof fds[0]; j++)
            same = same || (fds[j] >= 0 && fstat(fds[j], &st) == 0 && !S_ISCHR(st.st_mode) &&
                            st.st_ino == written->st_ino && st.st_dev == written->st_dev);
    }
    return same;
}

static void close_file(struct source *s)
{
    file_close(&s->file);
    free(s->name);
    s->name = NULL;
}

void reader_close(struct reader *r)
{
    for (size_t i = 0; r->sources != NULL && i < r->o->n_paths; i++) {
        close_file(&r->sources[i]);
        directory_close(&r->sources[i].directory);
    }
    free(r->sources);
    r->sources = NULL;
    if (r->o != NULL && r->watch >= 0)
        (void)close(r->watch);
    listing_close(&r->tally.came);
}

/* ---- storing ---- */

/* Counts a mail, once its outcome is known. */
static void note(struct reader *r, struct source *s, enum store_outcome outcome, const struct failure *why)
{
    struct mail *mail = &s->file.mail;
    struct tally *v = &r->tally;
    r->storing = outcome == STORE_WAITS ? s : NULL;
    if (outcome == STORE_WAITS)
        return;
    if (outcome == STORE_FAILED)
        counts_fail(v, why);
    if (outcome == STORE_DONE) {
        for (int i = 0; i < PROBLEMS; i++) {
            if (problems_have(&mail->problems, (enum problem)i))
                counts_note(v, (enum problem)i, v->taken + 1);
        }
        listing_add(&v->came, mail, spool_head(&s->file.spool));
        v->present |= mail->present;
        counts_take(v, mail->fits);
    }
    file_end_mail(&s->file);
    s->number++;
    r->done = r->end_at < INT64_MAX || (r->o->awaited != NULL && counts_are_settled(r->o->awaited, v, false));
}

static void take_mail(struct reader *r, struct source *s)
{
    struct failure why;
    if (s->number > r->o->after) {
        note(r, s, store_finish(r->o->store, &s->file.spool, &s->file.mail, &why), &why);
        return;
    }
    file_end_mail(&s->file);
    s->number++;
}

/* Goes on with the mail that waits.  False if there is nothing to do now. */
static bool go_on_storing(struct reader *r)
{
    struct source *s = r->storing;
    struct failure why;
    if (r->now >= r->end_at) {
        store_give_up(r->o->store, &s->file.spool, &why);
        note(r, s, STORE_FAILED, &why);
        return true;
    }
    note(r, s, store_go_on(r->o->store, &s->file.spool, &why), &why);
    return r->storing == NULL;
}

/* ---- reading ---- */

/* Opens the next file of a directory.  False if there is none now. */
static bool open_next(struct reader *r, struct source *s)
{
    struct directory *d = &s->directory;
    struct directory_file f;
    if (d->next == d->n && d->is_due && directory_look(d) < 0)
        return fail(r, errno, s->path);
    int status = directory_next(d, r, s->path, &f);
    s->name = f.path;
    if (status < 0)
        return fail(r, errno, s->name != NULL ? s->name : s->path);
    if (f.fd < 0) {
        s->ended = !r->o->watch && !d->is_due && d->waiting == 0;
        return s->ended || d->is_due;
    }
    s->number = f.n > 0 ? f.n : s->number;
    if (!file_open(&s->file, f.fd, s->name, true) || !read_envelope(&s->file, f.envelope))
        return fail(r, errno, errno == ENOMEM ? "memory" : s->name);
    if (s->number <= r->o->after) {
        s->number++;
        close_file(s);
    }
    return true;
}

/* Reads some of a path.  False if it has no more now. */
static bool go_on_source(struct reader *r, struct source *s)
{
    if (s->file.fd < 0)
        return open_next(r, s);
    switch (file_go_on(&s->file, r, s->number)) {
    case FILE_GOES_ON:
        return true;
    case FILE_WAITS:
        return false;
    case FILE_MAIL:
        take_mail(r, s);
        return true;
    case FILE_ENDED:
        close_file(s);
        s->ended = !s->is_directory;
        return true;
    case FILE_FAILED:
        break;
    }
    return fail(r, errno, s->name != NULL ? s->name : s->path);
}

/* Does some work.  False if there is none now. */
static bool go_on(struct reader *r)
{
    if (r->storing != NULL)
        return go_on_storing(r);
    bool all = true;
    for (size_t i = 0; i < r->o->n_paths; i++) {
        struct source *s = &r->sources[i];
        if (!s->ended && go_on_source(r, s))
            return true;
        all = all && s->ended;
        if (!s->ended && !r->o->watch)
            break;
    }
    r->done = all;
    return all;
}

/* ---- steps ---- */

static int64_t least(int64_t x, int64_t y) { return x < y ? x : y; }

static void watch_part(struct reader *r, const char *path, const char *part, bool is_directory)
{
    char whole[PATH_MAX];
    bool fits = (size_t)snprintf(whole, sizeof whole, "%s%s", path, part) < sizeof whole;
    if (r->watch < 0 || !fits || watch_add(r->watch, whole, is_directory) < 0)
        r->polls = true;
}

/* Watches what has been read.  More may have come before, so it is looked at once more. */
static void begin_watch(struct reader *r)
{
    r->watches = true;
    r->watch = watch_open();
    for (size_t i = 0; i < r->o->n_paths; i++) {
        struct source *s = &r->sources[i];
        s->directory.is_due = true;
        if (s->is_directory)
            watch_part(r, s->path, s->directory.maildir ? "/new" : "", true);
        if (s->is_directory && s->directory.maildir)
            watch_part(r, s->path, "/cur", true);
        if (!s->is_directory && s->file.is_regular)
            watch_part(r, s->file.path != NULL ? s->file.path : "/dev/stdin", "", false);
    }
}

static void wait_for_more(struct reader *r, int wake, int64_t until)
{
    struct pollfd fds[READ_PATHS_MAX + 3] = {{.fd = wake, .events = POLLIN}, {.fd = r->watch, .events = POLLIN}};
    nfds_t n = 2;
    int64_t next = least(until, r->again_at);
    if (r->storing != NULL) {
        struct store_wait w = store_waits_for(r->o->store);
        fds[n++] = (struct pollfd){.fd = w.fd, .events = w.write ? POLLOUT : POLLIN};
        next = least(least(next, r->end_at), w.fd < 0 ? r->now + w.after : INT64_MAX);
    } else if (r->o->watch) {
        next = least(next, r->now + (!r->watches ? LOOK_SOON : r->polls ? READ_LOOK : LOOK_ANYWAY));
    }
    for (size_t i = 0; i < r->o->n_paths && r->storing == NULL; i++) {
        const struct source *s = &r->sources[i];
        if (s->file.fd >= 0 && !s->file.is_regular)
            fds[n++] = (struct pollfd){.fd = s->file.fd, .events = POLLIN};
    }
    (void)poll(fds, n, clock_timeout(next, r->now));
    if (fds[1].revents != 0)
        watch_drain(r->watch);
    for (size_t i = 0; i < r->o->n_paths; i++)
        r->sources[i].directory.is_due = true;
    r->again_at = INT64_MAX; /* all of them are asked again */
    r->now = clock_now();
}

int reader_step(struct reader *r, int wake, int64_t until, struct failure *why)
{
    int64_t end = clock_now() + STEP_MAX;
    bool goes_on = true;
    *why = (struct failure){0, NULL};
    r->failure = why;
    while (goes_on && !r->done && (r->now = clock_now()) < end)
        goes_on = go_on(r);
    if (!goes_on && !r->done && r->o->watch && !r->watches && r->now >= r->start + SOON_MAX)
        begin_watch(r);
    else if (!goes_on && !r->done)
        wait_for_more(r, wake, until);
    return why->error != 0 ? -1 : 0;
}

void reader_stop(struct reader *r)
{
    if (r->storing != NULL && r->end_at == INT64_MAX)
        r->end_at = clock_now() + READ_GRACE;
    r->done = r->done || r->storing == NULL;
}
