/* SPDX-License-Identifier: ISC */
/*
 * directory.c - the files of a directory or a Maildir: each is found once, in
 * order, when it is whole.
 *
 * A tree holds the names that have been found, so that a look costs no more than
 * reading the directory.  A message that a mail program moves from new to cur of
 * a Maildir, or gives other flags there, keeps its name up to the colon.
 */
#include "read/inside.h"

#include <dirent.h>
#include <fcntl.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct found {
    int64_t seconds, part; /* Maildir: when it arrived, and the microseconds */
    int fd;                /* of the directory that it is in */
    size_t key;            /* octets of its name that identify it */
    char name[];
};

/* ---- order ---- */

static struct span take_digits(const char **p)
{
    while (**p == '0' && ascii_is_digit((*p)[1]))
        (*p)++;
    struct span digits = {*p, strspn(*p, "0123456789")};
    *p += digits.n;
    return digits;
}

/* Orders names; numbers in them count as numbers, so that 9.eml comes before 10.eml. */
static int order_names(const char *a, const char *b)
{
    const char *p = a, *q = b;
    while (*p != '\0' && *q != '\0') {
        if (ascii_is_digit(*p) && ascii_is_digit(*q)) {
            struct span x = take_digits(&p), y = take_digits(&q);
            int order = x.n != y.n ? (x.n > y.n) - (x.n < y.n) : memcmp(x.p, y.p, x.n);
            if (order != 0)
                return order;
        } else if (*p++ != *q++) {
            return (unsigned char)p[-1] - (unsigned char)q[-1];
        }
    }
    return *p != '\0' || *q != '\0' ? (unsigned char)*p - (unsigned char)*q : strcmp(a, b);
}

static int order_entries(const void *a, const void *b)
{
    const struct found *x = *(struct found *const *)a, *y = *(struct found *const *)b;
    if (x->seconds != y->seconds)
        return x->seconds < y->seconds ? -1 : 1;
    if (x->part != y->part)
        return x->part < y->part ? -1 : 1;
    return order_names(x->name, y->name);
}

static int order_keys(const void *a, const void *b)
{
    const struct found *x = a, *y = b;
    int order = memcmp(x->name, y->name, x->key < y->key ? x->key : y->key);
    return order != 0 ? order : (x->key > y->key) - (x->key < y->key);
}

/* Sets when a message of a Maildir arrived: by its name, as maildir(5) has it, else by the time of its file. */
static void set_arrival(struct found *e)
{
    struct stat st = {.st_mtime = 0};
    const char *p = e->name, *m;
    uint64_t seconds = 0, micro = 0;
    (void)fstatat(e->fd, e->name, &st, 0);
    bool named = number_take(&p, &seconds) && *p == '.' && seconds <= INT64_MAX;
    e->seconds = named ? (int64_t)seconds : (int64_t)st.st_mtime;
    e->part = e->seconds == (int64_t)st.st_mtime ? st.st_mtim.tv_nsec / 1000 : 0;
    for (m = p + named; named && ascii_is_letter(*m) && *m != 'M';)
        m += 1 + strspn(m + 1, "0123456789abcdef");
    if (named && *m++ == 'M' && number_take(&m, &micro) && micro < 1000000)
        e->part = (int64_t)micro;
}

/* ---- looking ---- */

static bool is_message(const struct directory *d, const char *name)
{
    size_t n = strlen(name);
    return *name != '.' && (d->maildir || (n > 4 && strcmp(name + n - 4, ".eml") == 0));
}

static int open_directory(int at, const char *path) { return openat(at, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC); }

int directory_open(struct directory *d, const char *path)
{
    static const char *const parts[] = {"new", "cur"};
    *d = (struct directory){.fds = {-1, -1}, .is_due = true};
    if ((d->beside = open_directory(AT_FDCWD, path)) < 0)
        return -1;
    for (int i = 0; i < 2; i++) {
        d->fds[i] = open_directory(d->beside, parts[i]);
        if (d->fds[i] < 0 && errno != ENOENT && errno != ENOTDIR)
            return -1;
    }
    d->maildir = d->fds[0] >= 0 && d->fds[1] >= 0;
    for (int i = 0; i < 2 && !d->maildir; i++) {
        if (d->fds[i] >= 0)
            (void)close(d->fds[i]);
        d->fds[i] = -1;
    }
    if (!d->maildir)
        d->fds[0] = open_directory(d->beside, ".");
    return d->fds[0] < 0 ? -1 : 0;
}

void directory_close(struct directory *d)
{
    int fds[] = {d->fds[0], d->fds[1], d->beside};
    while (d->known != NULL) {
        struct found *e = *(struct found **)d->known;
        (void)tdelete(e, &d->known, order_keys);
        free(e);
    }
    free(d->found);
    for (size_t i = 0; i < 3; i++) {
        if (fds[i] >= 0)
            (void)close(fds[i]);
    }
}

/* Adds a file, if it has not been found before. */
static int add(struct directory *d, int fd, const char *name)
{
    struct found *e = malloc(sizeof *e + strlen(name) + 1);
    if (e == NULL)
        return -1;
    *e = (struct found){.fd = fd, .key = d->maildir ? strcspn(name, ":") : strlen(name)};
    strcpy(e->name, name);
    struct found **at = tsearch(e, &d->known, order_keys);
    if (at == NULL || *at != e) {
        free(e);
        errno = ENOMEM;
        return at == NULL ? -1 : 0;
    }
    if (d->n == d->size) {
        size_t size = d->size > 0 ? 2 * d->size : 64;
        struct found **grown = realloc(d->found, size * sizeof(struct found *));
        if (grown == NULL)
            return -1;
        d->found = grown;
        d->size = size;
    }
    if (d->maildir)
        set_arrival(e);
    d->found[d->n++] = e;
    return 0;
}

static int look_at(struct directory *d, int fd)
{
    int copy = open_directory(fd, "."); /* closedir(3) closes it */
    DIR *all = copy >= 0 ? fdopendir(copy) : NULL;
    struct dirent *entry;
    int status = 0;
    if (all == NULL)
        return -1;
    while (status == 0 && (errno = 0, (entry = readdir(all)) != NULL)) {
        if (is_message(d, entry->d_name))
            status = add(d, fd, entry->d_name);
    }
    int saved = errno;
    (void)closedir(all);
    errno = saved;
    return status == 0 && saved == 0 ? 0 : -1;
}

int directory_look(struct directory *d)
{
    size_t kept = 0;
    for (size_t i = 0; i < d->n; i++) {
        if (d->found[i] != NULL)
            d->found[kept++] = d->found[i];
    }
    d->n = kept;
    for (int i = 0; i < 2 && d->fds[i] >= 0; i++) {
        if (look_at(d, d->fds[i]) < 0)
            return -1;
    }
    d->is_due = d->n > kept; /* others may have been renamed meanwhile */
    d->next = d->waiting = 0;
    if (d->n > 0)
        qsort(d->found, d->n, sizeof(struct found *), order_entries);
    return 0;
}

/* ---- reading ---- */

static char *join(const char *path, const char *part, const char *name)
{
    struct text t = {NULL, 0, 0, false};
    text_add_string(&t, path);
    text_add_string(&t, part);
    text_add_ended(&t, span_of(name));
    if (t.failed)
        free(t.p);
    return t.failed ? NULL : t.p;
}

/* Opens the file beside a message.  Returns -1 with errno, ENOENT if there is none. */
static int open_envelope(const struct directory *d, const struct found *e)
{
    size_t n = e->key - (d->maildir ? 0 : strlen(".eml"));
    char name[NAME_MAX + 16];
    errno = ENOENT;
    if (snprintf(name, sizeof name, ".%.*s.envelope", (int)n, e->name) >= (int)sizeof name)
        return -1;
    return openat(d->beside, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
}

/* Forgets a file that has gone: it may be found again under another name. */
static void forget(struct directory *d, struct found *e)
{
    (void)tdelete(e, &d->known, order_keys);
    free(e);
    d->is_due = true;
}

int directory_next(struct directory *d, struct reader *r, const char *path, struct directory_file *f)
{
    struct stat st;
    for (f->path = NULL, f->fd = f->envelope = -1; d->next < d->n && f->fd < 0;) {
        struct found *e = d->found[d->next];
        const char *end = e->name;
        f->path = join(path, !d->maildir ? "/" : e->fd == d->fds[0] ? "/new/" : "/cur/", e->name);
        f->fd = openat(e->fd, e->name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        bool gone = f->fd < 0 && errno == ENOENT;
        if (f->path == NULL || (f->fd < 0 && !gone) || (f->fd >= 0 && fstat(f->fd, &st) < 0))
            return -1;
        bool is_file = f->fd >= 0 && S_ISREG(st.st_mode);
        f->n = 0;
        if (d->maildir || !number_take(&end, &f->n) || strcmp(end, ".eml") != 0)
            f->n = 0;
        f->envelope = is_file ? open_envelope(d, e) : -1; /* if there is one, it was there before the message */
        if (is_file && f->envelope < 0 && errno != ENOENT)
            return -1;
        bool waits = is_file && f->envelope < 0 && !file_is_whole(r, f->fd, st.st_size > 0);
        if (!waits)
            d->found[d->next] = NULL;
        d->waiting += waits;
        d->next = waits && !r->o->watch ? d->n : d->next + 1; /* without watch the order is kept */
        if (gone)
            forget(d, e);
        if (is_file && !waits)
            continue;
        free(f->path);
        f->path = NULL;
        if (f->fd >= 0)
            (void)close(f->fd);
        f->fd = -1;
    }
    return 0;
}
