/* SPDX-License-Identifier: ISC */
/*
 * spool.c - the mail data of a mail under way.
 *
 * They collect in memory until they end or there are BUFFER octets, so a small
 * mail costs one write to each place.  A large one goes on in a file, so memory
 * does not grow with it.  With a directory, that is the file that will be
 * published; otherwise it is one in TMPDIR, as nothing may go to a stream before
 * the mail is complete.  A long run of octets is written without a copy.
 *
 * A mail that is in a file is mapped while it is looked at, and each part of the
 * mapping is given back once it has been read, so that memory never holds both
 * the mail and what is made of it.  Another process may cut that file off; then
 * the mail cannot be read, and is not stored.
 */
#define _DEFAULT_SOURCE /* for MAP_ANONYMOUS and madvise() */
#include "store/inside.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/scan.h"

enum {
    FIRST = 4096,       /* octets of the buffer at first; it doubles */
    BUFFER = 64 * 1024, /* and at most */
    STEP = 16 * 1024,   /* octets taken at once */
};

/* ---- the beginning ---- */

void spool_begin_file(struct spool *p, struct place *to)
{
    memset(p, 0, offsetof(struct spool, file));
    p->place = to;
    p->wanted = p->crlf = true;
    p->file.fd = -1;
    p->file.published = false;
    p->file.temporary[0] = p->file.name[0] = '\0';
}

void spool_begin(struct spool *p, struct store *s, bool exact, bool keeps_head)
{
    spool_begin_file(p, &s->place);
    p->store = s;
    p->wanted = s->wants;
    p->crlf = exact || s->o.crlf;
    p->keeps_head = keeps_head;
}

/* ---- octets ---- */

static int write_file(struct spool *p, const char *octets, size_t n)
{
    if (p->file.fd < 0 && place_create(p->place, &p->file) < 0)
        return spool_fail(p, errno, place_name(p->place));
    return place_write(p->file.fd, octets, n) < 0 ? spool_fail(p, errno, place_name(p->place)) : 0;
}

static int flush(struct spool *p)
{
    size_t n = p->n;
    p->n = 0;
    return write_file(p, p->buffer, n);
}

/* Makes room for n octets in the buffer; n is not much larger than STEP. */
static int reserve(struct spool *p, size_t n)
{
    size_t size = p->size > 0 ? p->size : FIRST;
    while (size < BUFFER && size - p->n < n)
        size *= 2;
    if (size > p->size) {
        char *buffer = realloc(p->buffer, size);
        if (buffer == NULL)
            return spool_fail(p, ENOMEM, "memory");
        p->buffer = buffer;
        p->size = size;
    }
    return size - p->n < n ? flush(p) : 0;
}

static void add_as_is(struct spool *p, const char *octets, size_t n)
{
    p->total += n;
    while (n > 0 && p->failure.error == 0) {
        if (n >= BUFFER) { /* no need to collect them */
            if (flush(p) == 0)
                (void)write_file(p, octets, n);
            return;
        }
        size_t part = n < STEP ? n : STEP;
        if (reserve(p, part) < 0)
            return;
        memcpy(p->buffer + p->n, octets, part);
        p->n += part;
        octets += part;
        n -= part;
    }
}

/* Turns each CRLF into LF; there is room.  A CR alone stays, so one at the end is held back. */
static void add_with_lf(struct spool *p, const char *octets, size_t n)
{
    char *start = p->buffer + p->n, *out = start;
    const char *end = octets + n;
    bool cr = p->cr;
    while (octets < end) {
        if (cr && *octets != '\n')
            *out++ = '\r';
        size_t k = scan_copy(SCAN_CR, out, octets, end);
        out += k;
        octets += k;
        cr = octets < end;
        octets += cr;
    }
    p->cr = cr;
    p->n += (size_t)(out - start);
    p->total += (uint64_t)(out - start);
}

void spool_add(struct spool *p, const char *octets, size_t n)
{
    if (!p->wanted) {
        uint64_t most = p->keeps_head ? p->ours + MAIL_HEAD_MAX : 0, room = most - p->total;
        if (p->total < most)
            add_as_is(p, octets, n < room ? n : (size_t)room);
        return;
    }
    if (p->crlf) {
        add_as_is(p, octets, n);
        return;
    }
    while (n > 0 && p->failure.error == 0) {
        size_t part = n < STEP ? n : STEP;
        if (reserve(p, part + 1 + SCAN_BEHIND) < 0)
            return;
        add_with_lf(p, octets, part);
        octets += part;
        n -= part;
    }
}

/* ---- the end ---- */

/* The head of a mail, whose octets are in the file alone if p->octets.p is NULL: then the buffer is free. */
static struct span find_head(struct spool *p)
{
    struct span head = p->octets;
    if (head.p != NULL) {
        span_skip(&head, (size_t)p->ours);
    } else if (reserve(p, MAIL_HEAD_MAX) == 0) {
        ssize_t n = pread(p->file.fd, p->buffer, MAIL_HEAD_MAX, (off_t)p->ours);
        head = (struct span){p->buffer, n > 0 ? (size_t)n : 0};
    }
    head.n = head.n < MAIL_HEAD_MAX ? head.n : MAIL_HEAD_MAX;
    return head;
}

struct span spool_head(const struct spool *p) { return p->head; }

int spool_complete(struct spool *p)
{
    if (p->cr)
        add_as_is(p, "\r", 1);
    p->cr = false;
    if (p->failure.error != 0)
        return -1;
    bool small = p->file.fd < 0;
    if (small)
        p->octets = (struct span){p->buffer != NULL ? p->buffer : "", p->n};
    if ((!small || p->place->path != NULL) && flush(p) < 0)
        return -1;
    if (p->file.fd >= 0 && p->place->fsync && fsync(p->file.fd) < 0)
        return spool_fail(p, errno, place_name(p->place));
    if (p->keeps_head)
        p->head = find_head(p);
    return p->failure.error != 0 ? -1 : 0;
}

int spool_publish(struct spool *p, const char *asked)
{
    bool read_on = p->store != NULL && (p->store->stream.fd >= 0 || p->store->looks);
    return place_publish(p->place, &p->file, asked, read_on) < 0 ? spool_fail(p, errno, place_name(p->place)) : 0;
}

/* ---- looking at it ---- */

static _Thread_local struct {
    const char *p; /* mapped memory; NULL: none */
    size_t n;
    struct timespec modified;   /* when its file was, before */
    volatile sig_atomic_t lost; /* a page could not be read */
} mapped;

static bool is_mapped(uintptr_t at) { return mapped.p != NULL && at - (uintptr_t)mapped.p < mapped.n; }

/* A page that cannot be read becomes zeros, so that the reader can go on to its end. */
static void on_lost_page(int number, siginfo_t *info, void *context)
{
    uintptr_t size = (uintptr_t)sysconf(_SC_PAGESIZE), page = (uintptr_t)info->si_addr / size * size;
    int saved = errno;
    (void)context;
    if (!is_mapped(page) ||
        mmap((void *)page, size, PROT_READ, MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS, -1, 0) == MAP_FAILED)
        (void)signal(number, SIG_DFL); /* it comes again */
    mapped.lost = 1;
    errno = saved;
}

int spool_look(struct spool *p, struct span *octets)
{
    struct sigaction action = {.sa_sigaction = on_lost_page, .sa_flags = SA_SIGINFO};
    struct stat st;
    *octets = p->octets;
    if (octets->p != NULL)
        return 0;
    (void)sigemptyset(&action.sa_mask);
    sigset_t bus = action.sa_mask;
    (void)sigaddset(&bus, SIGBUS);
    if (sigaction(SIGBUS, &action, NULL) < 0 || pthread_sigmask(SIG_UNBLOCK, &bus, NULL) != 0)
        return spool_fail(p, errno, "signals");
    if (fstat(p->file.fd, &st) < 0)
        return spool_fail(p, errno, place_name(p->place));
    void *all = mmap(NULL, (size_t)p->total, PROT_READ, MAP_PRIVATE, p->file.fd, 0);
    if (all == MAP_FAILED)
        return spool_fail(p, errno, "memory");
    *octets = (struct span){all, (size_t)p->total};
    mapped.p = octets->p;
    mapped.n = octets->n;
    mapped.modified = st.st_mtim;
    mapped.lost = 0;
    return 0;
}

/* Octets that are not of the mapping would be lost. */
void spool_forget(void *nothing, const char *octets, size_t n)
{
    uintptr_t size = (uintptr_t)sysconf(_SC_PAGESIZE), first = (uintptr_t)octets / size * size;
    (void)nothing;
    if (n > 0 && is_mapped(first) && is_mapped((uintptr_t)octets + n - 1))
        (void)madvise((void *)first, ((uintptr_t)octets + n - first) / size * size, MADV_DONTNEED);
}

int spool_look_away(struct spool *p)
{
    struct stat st;
    if (mapped.p == NULL)
        return 0;
    (void)munmap((void *)(uintptr_t)mapped.p, mapped.n);
    mapped.p = NULL;
    bool same = !mapped.lost && fstat(p->file.fd, &st) == 0 && (uint64_t)st.st_size >= p->total;
    if (same && st.st_mtim.tv_sec == mapped.modified.tv_sec && st.st_mtim.tv_nsec == mapped.modified.tv_nsec)
        return 0;
    p->failure =
        (struct failure){SPOOL_CUT_OFF, place_name(p->place)}; /* this may be why something else has failed before */
    return -1;
}

void spool_drop(struct spool *p)
{
    place_drop(p->place, &p->file);
    free(p->buffer);
    free(p->path.p);
    free(p->attached.p);
    free(p->had.p);
    free(p->front.p);
    p->place = NULL;
}
