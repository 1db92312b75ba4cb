/*
 * save.c - where messages go.
 *
 * A message collects in memory until it ends or BUFFER octets are there.  A
 * small one then costs one write to each place.  A large one goes on in a file:
 * where files are wanted, that is the one that will be published; else, for a
 * stream, a nameless one in TMPDIR, as a stream must not be begun before the
 * message is whole.  So memory does not grow with messages.  Large runs are
 * written from where they lie, or by others (save_open_direct()).
 *
 * A file is made without a name where the system can (Linux), else under a
 * hidden one, and published by link(2), which never replaces.  Where the file
 * system has no hard links it is renamed.  Of several that number files in one
 * directory at once, each takes the next free number.
 *
 * What is hard: a failure must leave nothing behind.  The file is complete and
 * published before the stream is begun, as it can be taken back; a stream that
 * is a file is cut back to where it was.
 */
#include "store/store.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/scan.h"
#include "store/inside.h"

enum {
    FIRST = 4096,       /* octets of the buffer at first; it doubles */
    BUFFER = 64 * 1024, /* and at most */
    STEP = 16 * 1024,   /* octets taken at once */
    PIECE = PIPE_BUF,   /* what a pipe takes at once, when it takes anything */
    FEW = 8,            /* names tried with the next number */
    LOCK_RETRY = -1,    /* for wait(): no descriptor, but a moment */
    TAKEN_MAX = 16,     /* numbers found taken in a row before the directory is read again */
    MODE = 0600,
};

/* ---- the place ---- */

static int open_directory(int at, const char *path) { return openat(at, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC); }

/* Makes a directory and those above it. */
static int make_directories(const char *path)
{
    char *copy = strdup(path);
    if (copy == NULL)
        return -1;
    int status = 0;
    for (char *p = copy + 1; status == 0 && *copy != '\0'; p++) {
        char c = *p;
        if (c != '/' && c != '\0')
            continue;
        *p = '\0';
        if (mkdir(copy, 0777) < 0 && errno != EEXIST && errno != EISDIR)
            status = -1;
        *p = c;
        if (c == '\0')
            break;
    }
    int saved = errno;
    free(copy);
    errno = saved;
    return status;
}

/* The number of a file that we would name so, 0 of any other. */
static uint64_t number_of(const char *name)
{
    uint64_t number = 0;
    size_t digits = 0;
    for (; name[digits] >= '0' && name[digits] <= '9'; digits++) {
        if (digits == 18)
            return 0;
        number = number * 10 + (uint64_t)(name[digits] - '0');
    }
    return strcmp(name + digits, ".eml") == 0 ? number : 0;
}

/* Goes on after the highest number in the directory. */
static int find_next(struct save *to)
{
    int fd = open_directory(to->final, ".");
    DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
    if (d == NULL) {
        if (fd >= 0)
            (void)close(fd);
        return -1;
    }
    struct dirent *entry;
    while (errno = 0, (entry = readdir(d)) != NULL) {
        uint64_t number = number_of(entry->d_name);
        if (number >= to->next)
            to->next = number + 1;
    }
    int saved = errno;
    (void)closedir(d);
    errno = saved;
    return saved == 0 ? 0 : -1;
}

static int open_numbered(struct save *to)
{
    to->final = open_directory(AT_FDCWD, to->o.directory);
    if (to->final < 0 && (errno != ENOENT || make_directories(to->o.directory) < 0 ||
                          (to->final = open_directory(AT_FDCWD, to->o.directory)) < 0))
        return -1;
    to->temporary = to->final;
    to->next = 1;
    return faccessat(to->final, ".", W_OK | X_OK, AT_EACCESS) < 0 ? -1 : find_next(to);
}

/* The name of this machine, with what may not be in a file name as maildir(5) has it. */
static void learn_host(struct save *to)
{
    char name[256] = "";
    (void)gethostname(name, sizeof name - 1);
    size_t n = 0;
    for (const char *p = *name != '\0' ? name : "localhost"; *p != '\0' && n + 5 < sizeof to->host; p++) {
        if (*p == '/' || *p == ':')
            n += (size_t)snprintf(to->host + n, sizeof to->host - n, "\\%03o", (unsigned)(unsigned char)*p);
        else
            to->host[n++] = *p;
    }
    to->host[n] = '\0';
}

static int open_maildir(struct save *to)
{
    static const char *const parts[] = {"tmp", "new", "cur"};
    if (make_directories(to->o.directory) < 0)
        return -1;
    int top = open_directory(AT_FDCWD, to->o.directory);
    if (top < 0)
        return -1;
    int status = 0;
    for (size_t i = 0; i < 3 && status == 0; i++)
        status = mkdirat(top, parts[i], 0700) < 0 && errno != EEXIST ? -1 : 0;
    if (status == 0) {
        to->temporary = open_directory(top, "tmp");
        to->final = open_directory(top, "new");
        status = to->temporary < 0 || to->final < 0 ? -1 : 0;
    }
    if (status == 0 && faccessat(to->final, ".", W_OK | X_OK, AT_EACCESS) < 0)
        status = -1;
    if (status == 0 && faccessat(to->temporary, ".", W_OK | X_OK, AT_EACCESS) < 0)
        status = -1;
    int saved = errno;
    (void)close(top);
    errno = saved;
    learn_host(to);
    return status;
}

int save_open(struct save *to, const struct save_options *options, const char **culprit)
{
    *to = (struct save){.o = *options, .temporary = -1, .final = -1};
    if (to->o.directory == NULL)
        return 0;
    *culprit = to->o.directory;
    if ((to->o.maildir ? open_maildir(to) : open_numbered(to)) == 0)
        return 0;
    int saved = errno;
    save_close(to);
    errno = saved;
    return -1;
}

void save_close(struct save *to)
{
    if (to->temporary >= 0 && to->temporary != to->final)
        (void)close(to->temporary);
    if (to->final >= 0)
        (void)close(to->final);
    to->temporary = to->final = -1;
}

/* ---- writing ---- */

/* Keeps the first failure; returns -1. */
static int fail(struct save_message *m, int error, const char *culprit)
{
    if (m->error == 0) {
        m->error = error != 0 ? error : EIO;
        m->culprit = culprit;
    }
    return -1;
}

static int write_all(int fd, const char *p, size_t n)
{
    while (n > 0) {
        ssize_t put = write(fd, p, n);
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return -1;
        p += put;
        n -= (size_t)put;
    }
    return 0;
}

/* A name of its own: seconds, microseconds, process and count, as maildir(5) has it. */
static void unique_name(struct save *to, char *name, const char *prefix, const char *suffix)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    (void)snprintf(name, SAVE_NAME_MAX, "%s%jd.M%ldP%ldQ%ju%s%s", prefix, (intmax_t)now.tv_sec, now.tv_nsec / 1000,
                   (long)getpid(), (uintmax_t)++to->made, *suffix != '\0' ? "." : "", suffix);
}

const char *save_temporary(void)
{
    const char *top = getenv("TMPDIR");
    return top != NULL && *top != '\0' ? top : "/tmp";
}

/* For a stream alone: a file that nobody sees. */
static int open_spool(struct save_message *m)
{
    char path[PATH_MAX];
    if (snprintf(path, sizeof path, "%s/.fakesmtp-XXXXXX", save_temporary()) >= (int)sizeof path)
        return fail(m, ENAMETOOLONG, "TMPDIR");
    m->fd = mkstemp(path);
    if (m->fd < 0)
        return fail(m, errno, "TMPDIR");
    (void)unlink(path);
    return fcntl(m->fd, F_SETFD, FD_CLOEXEC) < 0 ? fail(m, errno, "TMPDIR") : 0;
}

static int open_named(struct save_message *m)
{
    struct save *to = m->to;
    if (to->o.maildir)
        unique_name(to, m->temporary, "", to->host);
    else
        unique_name(to, m->temporary, ".fakesmtp-", "");
    m->fd = openat(to->temporary, m->temporary, O_CREAT | O_EXCL | O_RDWR | O_NOFOLLOW | O_CLOEXEC, MODE);
    if (m->fd < 0)
        m->temporary[0] = '\0';
    return m->fd < 0 ? -1 : 0;
}

static int open_file(struct save_message *m)
{
    struct save *to = m->to;
    if (to->final < 0)
        return open_spool(m);
    m->fd = link_create_unnamed(to->temporary, MODE);
    if (m->fd < 0 && (errno != ENOTSUP || open_named(m) < 0))
        return fail(m, errno, to->o.directory);
    return 0;
}

/* Where its file is. */
static const char *place_of(const struct save_message *m) { return m->to->final >= 0 ? m->to->o.directory : "TMPDIR"; }

/* Writes the buffer to the file. */
static int flush(struct save_message *m)
{
    if (m->fd < 0 && open_file(m) < 0)
        return -1;
    if (write_all(m->fd, m->buffer, m->n) < 0)
        return fail(m, errno, place_of(m));
    m->n = 0;
    return 0;
}

/* Writes what was collected, so that others may be written behind it. */
static int write_collected(struct save_message *m) { return m->n > 0 || m->fd < 0 ? flush(m) : 0; }

/* Makes room for n octets, not many more than STEP, in the buffer. */
static int reserve(struct save_message *m, size_t n)
{
    size_t size = m->size > 0 ? m->size : FIRST;
    while (size < BUFFER && size - m->n < n)
        size *= 2;
    if (size > m->size) {
        char *buffer = realloc(m->buffer, size);
        if (buffer == NULL)
            return fail(m, ENOMEM, "memory");
        m->buffer = buffer;
        m->size = size;
    }
    return size - m->n < n ? flush(m) : 0;
}

static void append(struct save_message *m, const char *p, size_t n)
{
    m->total += n;
    while (n > 0 && m->error == 0) {
        if (n >= BUFFER) { /* too many to be collected */
            if (write_collected(m) == 0 && write_all(m->fd, p, n) < 0)
                (void)fail(m, errno, place_of(m));
            return;
        }
        size_t part = n < STEP ? n : STEP;
        if (reserve(m, part) < 0)
            return;
        memcpy(m->buffer + m->n, p, part);
        m->n += part;
        p += part;
        n -= part;
    }
}

/* The same with each CRLF as LF; there is room.  A CR alone stays, so one at the end has to wait. */
static void append_with_lf(struct save_message *m, const char *p, size_t n)
{
    char *start = m->buffer + m->n, *out = start;
    const char *end = p + n;
    bool cr = m->cr;
    while (p < end) {
        if (cr && *p != '\n')
            *out++ = '\r';
        size_t k = scan_copy_to_cr(out, p, end);
        out += k;
        p += k;
        cr = p < end;
        p += cr;
    }
    m->cr = cr;
    m->n += (size_t)(out - start);
    m->total += (uint64_t)(out - start);
}

int save_open_direct(struct save_message *m, uint64_t n)
{
    bool large = m->fd >= 0 || m->n + n > BUFFER;
    if (!m->crlf || m->error != 0 || !large)
        return -1;
    return write_collected(m) < 0 ? -1 : m->fd;
}

void save_added(struct save_message *m, size_t n, int error)
{
    m->total += n;
    if (error != 0)
        (void)fail(m, error, place_of(m));
}

void save_begin(struct save_message *m, struct save *to, bool exact)
{
    memset(m, 0, offsetof(struct save_message, temporary));
    m->to = to;
    m->fd = -1;
    m->crlf = exact || to->o.crlf;
    m->temporary[0] = m->asked[0] = m->name[0] = '\0';
}

bool save_wants(const struct save_message *m)
{
    const struct save_options *o = &m->to->o;
    return o->directory != NULL || o->stream >= 0 || o->render != NULL;
}

void save_add(struct save_message *m, const char *octets, size_t n)
{
    if (!save_wants(m))
        return;
    if (m->crlf) {
        append(m, octets, n);
        return;
    }
    while (n > 0 && m->error == 0) {
        size_t part = n < STEP ? n : STEP;
        if (reserve(m, part + 1 + SCAN_BEHIND) < 0)
            return;
        append_with_lf(m, octets, part);
        octets += part;
        n -= part;
    }
}

/* ---- the file ---- */

/* "report.pdf", "report-2.pdf", ... */
static void number_name(struct save_message *m, int taken)
{
    const char *dot = strrchr(m->asked, '.');
    size_t n = dot != NULL ? (size_t)(dot - m->asked) : strlen(m->asked);
    /* where many are taken, a number that goes up for all names finds a free one sooner */
    uint64_t number = taken < FEW ? (uint64_t)taken + 1 : FEW + ++m->to->made;
    if (taken == 0)
        (void)snprintf(m->name, sizeof m->name, "%s", m->asked);
    else
        (void)snprintf(m->name, sizeof m->name, "%.*s-%ju%.16s", (int)(n < 90 ? n : 90), m->asked, (uintmax_t)number,
                       m->asked + n);
}

/* "0001.eml": a number of four digits or more. */
static void write_number(char name[SAVE_NAME_MAX], uint64_t number)
{
    char digits[24], *end = digits + sizeof digits, *first = ascii_put_number(end, number);
    while (end - first < 4)
        *--first = '0';
    size_t n = (size_t)(end - first);
    memcpy(name, first, n);
    memcpy(name + n, ".eml", sizeof ".eml");
}

/* The number goes up by one where another process was first; after many, the directory knows better. */
static int next_name(struct save_message *m, int taken)
{
    struct save *to = m->to;
    if (to->o.maildir) {
        unique_name(to, m->name, "", to->host);
        return 0;
    }
    if (m->asked[0] != '\0') {
        number_name(m, taken);
        return 0;
    }
    if (taken > 0 && taken % TAKEN_MAX == 0 && find_next(to) < 0)
        return -1;
    write_number(m->name, to->next++);
    return 0;
}

/* Whether the file system has no hard links, or the system no way to name an unnamed file. */
static bool has_no_links(int error)
{
    return error == EPERM || error == ENOTSUP || error == EOPNOTSUPP || error == ENOSYS || error == EMLINK ||
           error == ENOENT || error == EACCES;
}

/* Goes on with a file that has a name. */
static int copy_to_named(struct save_message *m)
{
    int from = m->fd, status = open_named(m);
    char block[16 * 1024];
    ssize_t got = 0;
    for (off_t at = 0; status == 0 && (got = pread(from, block, sizeof block, at)) > 0; at += got)
        status = write_all(m->fd, block, (size_t)got);
    if (status == 0 && (got < 0 || (m->to->o.fsync && fsync(m->fd) < 0)))
        status = -1;
    int saved = errno;
    (void)close(from);
    errno = saved;
    return status;
}

static int name_file(struct save_message *m)
{
    struct save *to = m->to;
    if (m->temporary[0] == '\0') {
        if (link_name_unnamed(m->fd, to->final, m->name, &to->by_path) == 0)
            return 0;
        if (!has_no_links(errno) || copy_to_named(m) < 0)
            return -1;
    }
    if (linkat(to->temporary, m->temporary, to->final, m->name, 0) == 0) {
        (void)unlinkat(to->temporary, m->temporary, 0);
        m->temporary[0] = '\0';
        return 0;
    }
    if (!has_no_links(errno) || link_rename_new(to->temporary, m->temporary, to->final, m->name) < 0)
        return -1;
    m->temporary[0] = '\0';
    return 0;
}

/* Gives the file its final name. */
static int publish(struct save_message *m)
{
    /* some file systems report a failed write only at close; a file without a name cannot be closed yet */
    if (m->temporary[0] != '\0') {
        int fd = m->fd;
        m->fd = m->to->o.stream >= 0 ? fcntl(fd, F_DUPFD_CLOEXEC, 0) : -1; /* to be read for the stream */
        bool lost = m->to->o.stream >= 0 && m->fd < 0;
        if (close(fd) < 0 || lost)
            return fail(m, errno, m->to->o.directory);
    }
    int status = -1;
    for (int taken = 0; status < 0; taken++) {
        if (next_name(m, taken) < 0)
            break;
        status = name_file(m);
        if (status < 0 && errno != EEXIST)
            break;
    }
    if (status < 0)
        return fail(m, errno, m->to->o.directory);
    m->published = true;
    return m->to->o.fsync && fsync(m->to->final) < 0 ? fail(m, errno, m->to->o.directory) : 0;
}

/* All of the message is in the file. */
static int complete(struct save_message *m)
{
    if (flush(m) < 0)
        return -1;
    if (m->to->o.fsync && fsync(m->fd) < 0)
        return fail(m, errno, m->to->o.directory);
    return 0;
}

/* A pipe or terminal is waited for, so that a reader who stopped cannot stop us. */
static int write_stream(struct save_message *m, bool is_file, const char *p, size_t n)
{
    const struct save_options *o = &m->to->o;
    while (n > 0) {
        size_t part = is_file || n < PIECE ? n : PIECE;
        if (!is_file && !o->wait(o->context, o->stream))
            return fail(m, ETIMEDOUT, o->stream_name);
        ssize_t put = write(o->stream, p, part);
        if (put < 0 && errno != EINTR && (is_file || (errno != EAGAIN && errno != EWOULDBLOCK)))
            return fail(m, errno, o->stream_name);
        size_t taken = put > 0 ? (size_t)put : 0;
        p += taken;
        n -= taken;
        m->streamed += taken;
    }
    return 0;
}

static int copy_to_stream(struct save_message *m, bool is_file)
{
    if (m->fd < 0)
        return write_stream(m, is_file, m->buffer, m->n);
    char block[16 * 1024];
    off_t at = 0;
    for (;;) {
        ssize_t got = pread(m->fd, block, sizeof block, at);
        if (got < 0)
            return fail(m, errno, place_of(m));
        if (got == 0)
            return 0;
        if (write_stream(m, is_file, block, (size_t)got) < 0)
            return -1;
        at += got;
    }
}

/* Where a stream that is a file stands, -1 if it is none; a message that fails is cut off there. */
static off_t stream_start(int stream)
{
    struct stat st;
    if (stream < 0 || fstat(stream, &st) < 0 || !S_ISREG(st.st_mode))
        return -1;
    int flags = fcntl(stream, F_GETFL);
    return lseek(stream, 0, flags >= 0 && flags & O_APPEND ? SEEK_END : SEEK_CUR);
}

/* Takes back what a stream that is a file got, unless somebody else has written behind it. */
static void cut_stream(struct save_message *m, off_t start)
{
    int stream = m->to->o.stream;
    struct stat st;
    if (fstat(stream, &st) == 0 && st.st_size == start + (off_t)m->streamed && ftruncate(stream, start) == 0)
        (void)lseek(stream, start, SEEK_SET);
}

/* ---- mbox: RFC 4155, with lines that begin with "From " quoted as mboxrd has it ---- */

/* Octets on their way into an mbox. */
struct quoter {
    struct save_message *m;
    bool is_file;
    enum { IN_LINE, AT_START, IN_WORD } where; /* IN_WORD: what may be "From " has begun */
    size_t marks;                              /* '>' at the start of the line that are held back, */
    size_t word;                               /* and octets of "From " behind them */
    char last;                                 /* octet so far, '\n' if there is none */
    size_t n;
    char block[16 * 1024];
};

static void flush_quoter(struct quoter *q)
{
    if (q->m->error == 0)
        (void)write_stream(q->m, q->is_file, q->block, q->n);
    q->n = 0;
}

static void put_quoted(struct quoter *q, const char *p, size_t n)
{
    while (n > 0) {
        if (q->n == sizeof q->block)
            flush_quoter(q);
        size_t part = n < sizeof q->block - q->n ? n : sizeof q->block - q->n;
        memcpy(q->block + q->n, p, part);
        q->n += part;
        p += part;
        n -= part;
    }
}

static const char from[] = "From ";

/* Lets go of what was held back. */
static void release(struct quoter *q)
{
    for (; q->marks > 0; q->marks--)
        put_quoted(q, ">", 1);
    put_quoted(q, from, q->word);
    q->word = 0;
    q->where = IN_LINE;
}

/* An octet near the start of a line; false if it is for the line itself. */
static bool hold_back(struct quoter *q, char c)
{
    if (q->where == AT_START && c == '>') {
        q->marks++;
        return true;
    }
    if (c != from[q->word])
        return false;
    q->where = IN_WORD;
    if (++q->word == sizeof from - 1) {
        put_quoted(q, ">", 1);
        release(q);
    }
    return true;
}

static void quote(struct quoter *q, const char *p, size_t n)
{
    const char *end = p + n;
    if (n > 0)
        q->last = end[-1];
    while (p < end) {
        if (q->where != IN_LINE) {
            if (hold_back(q, *p)) {
                p++;
                continue;
            }
            release(q);
        }
        const char *lf = memchr(p, '\n', (size_t)(end - p)), *stop = lf != NULL ? lf + 1 : end;
        put_quoted(q, p, (size_t)(stop - p));
        q->where = lf != NULL ? AT_START : IN_LINE;
        p = stop;
    }
}

/* What is there already may end in the middle of a line, or without an empty one. */
static void put_gap(struct quoter *q)
{
    struct stat st;
    char last[2] = "\n\n";
    int stream = q->m->to->o.stream;
    if (!q->is_file || fstat(stream, &st) < 0 || st.st_size == 0)
        return;
    if (st.st_size == 1 ? pread(stream, last + 1, 1, 0) != 1 : pread(stream, last, 2, st.st_size - 2) != 2)
        return; /* it may only be written: whoever opened it knows where he stands */
    if (last[1] != '\n')
        put_quoted(q, "\n\n", 2);
    else if (last[0] != '\n')
        put_quoted(q, "\n", 1);
}

/* A message ends with an empty line, and so has a last line that ends.  octets are all of it, unless it is in a file.
 */
static int write_mbox(struct save_message *m, bool is_file, struct span octets, const char *line)
{
    char block[16 * 1024];
    ssize_t got = 0;
    struct quoter *q = malloc(sizeof *q);
    if (q == NULL)
        return fail(m, ENOMEM, "memory");
    *q = (struct quoter){.m = m, .is_file = is_file, .where = AT_START, .last = '\n'};
    put_gap(q);
    put_quoted(q, line, strlen(line));
    put_quoted(q, "\n", 1);
    quote(q, octets.p, octets.n);
    for (off_t at = 0; m->fd >= 0 && octets.n == 0 && m->error == 0; at += got) {
        got = pread(m->fd, block, sizeof block, at);
        if (got <= 0)
            break;
        quote(q, block, (size_t)got);
    }
    if (got < 0)
        (void)fail(m, errno, place_of(m));
    release(q);
    put_quoted(q, "\n\n", q->last != '\n' ? 2 : 1);
    flush_quoter(q);
    free(q);
    return m->error != 0 ? -1 : 0;
}

/* Of several that append to one mbox, one at a time. */
static int lock(struct save_message *m, short type)
{
    struct flock whole = {.l_type = type, .l_whence = SEEK_SET};
    const struct save_options *o = &m->to->o;
    while (fcntl(o->stream, F_SETLK, &whole) < 0) {
        if (errno != EINTR && errno != EAGAIN && errno != EACCES)
            return fail(m, errno, o->stream_name);
        if (!o->wait(o->context, LOCK_RETRY))
            return fail(m, ENOLCK, o->stream_name);
    }
    return 0;
}

/* ---- finishing ---- */

/* All octets of a message that is complete; those of a file are mapped, *mapped of them. */
static struct span look_at(struct save_message *m, size_t *mapped)
{
    *mapped = 0;
    if (m->fd < 0)
        return (struct span){m->buffer != NULL ? m->buffer : "", m->n};
    size_t n = (size_t)m->total;
    void *p = mmap(NULL, n, PROT_READ, MAP_PRIVATE, m->fd, 0);
    if (p == MAP_FAILED) {
        (void)fail(m, errno, "memory");
        return (struct span){"", 0};
    }
    *mapped = n;
    return (struct span){p, n};
}

static int stream(struct save_message *m, const struct save_about *about, struct span octets, const char *text,
                  size_t n)
{
    const struct save_options *o = &m->to->o;
    off_t start = stream_start(o->stream);
    bool is_file = start >= 0;
    switch (o->format) {
    case SAVE_EML:
        (void)copy_to_stream(m, is_file);
        break;
    case SAVE_MBOX:
        if (is_file && lock(m, F_WRLCK) < 0)
            return -1; /* it is not ours to be cut back */
        start = stream_start(o->stream);
        (void)write_mbox(m, is_file, octets, about->mbox_line);
        break;
    case SAVE_RENDERED:
        (void)write_stream(m, is_file, text, n);
        break;
    }
    if (m->error != 0 && is_file)
        cut_stream(m, start);
    if (o->format == SAVE_MBOX && is_file)
        (void)lock(m, F_UNLCK);
    return m->error != 0 ? -1 : 0;
}

static int render(struct save_message *m, const struct save_about *about, struct span octets, char **text, size_t *n)
{
    const struct save_options *o = &m->to->o;
    char file[PATH_MAX];
    const char *culprit = "memory";
    int n_file = snprintf(file, sizeof file, o->maildir ? "%s/new/%s" : "%s/%s",
                          o->directory != NULL ? o->directory : "", m->name);
    if (n_file < 0 || (size_t)n_file >= sizeof file)
        return fail(m, ENAMETOOLONG, o->directory);
    span_skip(&octets, (size_t)m->ours);
    int status = o->render(o->render_context, about->message, m->published ? file : NULL, octets, text, n, &culprit);
    return status < 0 ? fail(m, errno, culprit) : 0;
}

/* A file can be taken back, what went down a stream cannot: so that comes last. */
static void deliver(struct save_message *m, const struct save_about *about, struct span octets)
{
    const struct save_options *o = &m->to->o;
    char *text = NULL;
    size_t n = 0;
    bool rendered = false;
    if (m->error == 0 && o->directory != NULL)
        (void)publish(m);
    if (m->error == 0 && o->render != NULL) {
        rendered = true;
        (void)render(m, about, octets, &text, &n);
    }
    if (m->error == 0 && o->stream >= 0)
        (void)stream(m, about, octets, text, n);
    if (m->error != 0 && rendered && o->undo != NULL)
        o->undo(o->render_context);
    free(text);
}

int save_finish(struct save_message *m, const struct save_about *about)
{
    const struct save_options *o = &m->to->o;
    size_t mapped = 0;
    if (m->cr)
        append(m, "\r", 1);
    struct span octets = {"", 0};
    bool looks = o->render != NULL, small = m->fd < 0;
    if (m->error == 0 && small)
        octets = look_at(m, &mapped);
    if (m->error == 0 && (o->directory != NULL || m->fd >= 0))
        (void)complete(m);
    if (m->error == 0 && looks && !small)
        octets = look_at(m, &mapped);
    deliver(m, about, octets);
    if (mapped > 0)
        (void)munmap((void *)(uintptr_t)octets.p, mapped);
    if (m->error != 0 && m->published)
        (void)unlinkat(m->to->final, m->name, 0);
    int status = m->error == 0 ? 0 : -1;
    save_drop(m);
    return status;
}

void save_drop(struct save_message *m)
{
    if (m->fd >= 0)
        (void)close(m->fd);
    m->fd = -1;
    if (m->temporary[0] != '\0')
        (void)unlinkat(m->to->temporary, m->temporary, 0);
    m->temporary[0] = '\0';
    free(m->buffer);
    m->buffer = NULL;
    m->n = m->size = 0;
}
