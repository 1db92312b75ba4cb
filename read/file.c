/* SPDX-License-Identifier: ISC */
/*
 * file.c - the messages of a file that is one message, or an mbox.
 *
 * It is read in pieces, and each piece goes to the spool at once, so memory does
 * not grow with a message.  The buffer begins with a line wherever one matters:
 * among the first lines, which may be the envelope, and in an mbox.
 *
 *     BETWEEN   no message is under way; in an mbox, up to a line "From "
 *     FRONT     lines that may be the envelope are kept, until one is none
 *     BODY      octets go to the spool, until a line "From ", or the end
 *
 * A message whose first line ends in LF has line ends of LF, unless its envelope
 * says how they end.  As mail data they are CRLF: a CR before one of them is then
 * a bare CR.
 */
#include "read/inside.h"

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

enum { FRONT_MAX = 1024 * 1024 /* octets of lines that are looked at as an envelope */ };

/* ---- the file ---- */

bool file_open(struct file *f, int fd, const char *path, bool is_single)
{
    struct stat st;
    f->fd = fd;
    f->path = path;
    f->is_single = f->is_told = is_single;
    if (fstat(fd, &st) < 0 || (f->buffer = malloc(FILE_BUFFER)) == NULL)
        return false;
    f->is_regular = S_ISREG(st.st_mode);
    return true;
}

void file_end_mail(struct file *f)
{
    if (f->has_spool)
        store_drop(&f->spool);
    f->has_spool = f->has_envelope = f->has_beside = false;
    f->phase = FILE_BETWEEN;
}

void file_close(struct file *f)
{
    file_end_mail(f);
    mail_close(&f->mail);
    origin_close(&f->origin);
    free(f->front.p);
    free(f->buffer);
    if (f->fd >= 0)
        (void)close(f->fd);
    *f = (struct file){.fd = -1};
}

static int64_t to_milliseconds(struct timespec t) { return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000; }

/* A message has the time of its file where its envelope has none. */
static void set_time(struct file *f)
{
    struct stat st;
    f->mail.time = fstat(f->fd, &st) == 0 ? to_milliseconds(st.st_mtim) : 0;
}

static void set_again(struct reader *r, int64_t at)
{
    if (at < r->again_at)
        r->again_at = at;
}

/* A file that was linked or renamed, as ours are, has been changed after it was written. */
bool file_is_whole(struct reader *r, int fd, bool may_be_all)
{
    struct stat st;
    struct timespec clock;
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
        return true;
    if (st.st_size == 0 && r->o->watch)
        return false;
    if (may_be_all && (st.st_mtim.tv_sec != st.st_ctim.tv_sec || st.st_mtim.tv_nsec != st.st_ctim.tv_nsec))
        return true;
    int written = watch_is_written(fd);
    (void)clock_gettime(CLOCK_REALTIME, &clock);
    int64_t age = to_milliseconds(clock) - to_milliseconds(st.st_mtim);
    if ((written == 0 && may_be_all) || (written <= 0 && (age < 0 || age >= READ_QUIET)))
        return true;
    if (!r->o->watch && r->now >= r->start + READ_PATIENCE)
        return true;
    /* soon at first: a file of another run stays open for a moment */
    set_again(r, r->now + (age < 1 ? 1 : age < READ_LOOK ? age : READ_LOOK));
    return false;
}

/* Locks a file against writers, or unlocks it; store/stream.c does the same to write.  False if a writer has it. */
static bool lock(int fd, bool on)
{
    struct flock whole = {.l_type = on ? F_RDLCK : F_UNLCK, .l_whence = SEEK_SET};
    bool granted = fcntl(fd, F_SETLK, &whole) == 0 || (errno != EAGAIN && errno != EACCES);
    if (!on || (granted && flock(fd, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK)) {
        (void)flock(fd, LOCK_UN);
        whole.l_type = F_UNLCK;
        (void)fcntl(fd, F_SETLK, &whole);
        return false;
    }
    return granted;
}

/* Reads more into the buffer, after the octets that are left in it.  Returns as read(2) does. */
static ssize_t fill(struct file *f)
{
    if (f->at > 0 && f->n > f->at)
        memmove(f->buffer, f->buffer + f->at, f->n - f->at);
    f->n -= f->at;
    f->at = 0;
    ssize_t got;
    do
        got = read(f->fd, f->buffer + f->n, FILE_BUFFER - f->n);
    while (got < 0 && errno == EINTR);
    f->n += got > 0 ? (size_t)got : 0;
    return got;
}

/* Whether the last message of an mbox ends where the file does now. */
static bool ends_here(struct file *f, struct reader *r)
{
    bool may_be_all = !f->is_mbox || f->phase == FILE_BETWEEN || (f->blank.n > 0 && f->at == f->n);
    return f->is_single || !f->is_regular || file_is_whole(r, f->fd, may_be_all);
}

/* Whether a file that is watched has become shorter than what was read, or has gone: what comes is not to be had. */
static bool is_cut_off(const struct file *f, const struct reader *r)
{
    struct stat st;
    return r->o->watch && f->is_regular && !f->is_single && fstat(f->fd, &st) == 0 &&
           (st.st_size < lseek(f->fd, 0, SEEK_CUR) || (st.st_nlink == 0 && f->phase == FILE_BETWEEN));
}

/* Reads more.  An mbox, or what may be one, is locked meanwhile. */
static enum file_state read_more(struct file *f, struct reader *r)
{
    bool locks = f->is_regular && !f->is_single;
    if (locks && !lock(f->fd, true)) {
        if (!r->o->watch && r->now >= r->start + READ_PATIENCE) {
            errno = ENOLCK;
            return FILE_FAILED;
        }
        set_again(r, r->now + READ_LOOK);
        return FILE_WAITS;
    }
    struct pollfd ready = {.fd = f->fd, .events = POLLIN};
    if (!f->is_regular && poll(&ready, 1, 0) <= 0)
        return FILE_WAITS;
    ssize_t got = fill(f);
    bool cut_off = got == 0 && is_cut_off(f, r);
    f->at_end = got == 0 && !cut_off && ends_here(f, r);
    if (locks)
        (void)lock(f->fd, false);
    if (cut_off) {
        errno = ESTALE;
        return FILE_FAILED;
    }
    if (got < 0)
        return errno == EAGAIN || errno == EWOULDBLOCK ? FILE_WAITS : FILE_FAILED;
    return got > 0 || f->at_end ? FILE_GOES_ON : FILE_WAITS;
}

/* The next line in the buffer with its end.  One that does not fit, or is the last, may have none.  False if it is not
   there yet. */
static bool find_line(const struct file *f, struct span *line)
{
    *line = (struct span){f->buffer + f->at, f->n - f->at};
    const char *lf = line->n > 0 ? memchr(line->p, '\n', line->n) : NULL;
    if (lf != NULL)
        line->n = (size_t)(lf + 1 - line->p);
    return lf != NULL || (line->n > 0 && (f->at_end || line->n == FILE_BUFFER));
}

/* ---- mail data ---- */

static bool is_from(struct span line) { return line.n >= 5 && memcmp(line.p, "From ", 5) == 0; }

/* Whether a line stands before a message of an mbox: such a line has a time.  Not all programs quote
   other lines that begin with "From ". */
static bool is_separator(struct span line)
{
    for (size_t i = 5; is_from(line) && i + 4 < line.n; i++) {
        if (ascii_is_digit(line.p[i]) && ascii_is_digit(line.p[i + 1]) && line.p[i + 2] == ':' &&
            ascii_is_digit(line.p[i + 3]))
            return true;
    }
    return false;
}

/* Takes off the quoting: mboxrd puts a > before each line that is "From ..." after any number of >. */
static void unquote(struct span *line)
{
    struct span t = *line;
    while (t.n > 0 && *t.p == '>')
        span_skip(&t, 1);
    if (t.n < line->n && is_from(t))
        span_skip(line, 1);
}

/* Adds octets to the mail.  Its size counts each line end as CRLF (RFC 1870 5). */
static void add(struct file *f, struct span t)
{
    struct problems none = {{0, 0}}, *found = f->has_beside ? &none : &f->mail.problems;
    size_t lines = ends_examine(&f->ends, t, found);
    f->mail.size += t.n + (f->ends.crlf ? 0 : lines);
    if (!f->adds_cr) {
        spool_add(&f->spool, t.p, t.n);
        return;
    }
    while (t.n > 0) {
        const char *lf = memchr(t.p, '\n', t.n);
        size_t n = lf != NULL ? (size_t)(lf - t.p) : t.n;
        spool_add(&f->spool, t.p, n);
        spool_add(&f->spool, "\r\n", lf != NULL ? 2 : 0);
        span_skip(&t, n + (lf != NULL));
    }
}

static bool is_empty_line(struct span line)
{
    return (line.n == 1 && *line.p == '\n') || (line.n == 2 && memcmp(line.p, "\r\n", 2) == 0);
}

/* Extends a line of an mbox by the lines after it in the buffer that need no change: neither empty, nor quoted, nor the
   beginning of a message. */
static void take_plain_lines(const struct file *f, struct span *line)
{
    const char *p = line->p + line->n, *end = f->buffer + f->n;
    while (p < end && p[-1] == '\n' && memchr("\n\r>F", *p, 4) == NULL) {
        const char *lf = memchr(p, '\n', (size_t)(end - p));
        if (lf == NULL)
            break;
        p = lf + 1;
    }
    *line = span_between(line->p, p);
}

static void add_blank(struct file *f)
{
    if (f->blank.n > 0)
        add(f, f->blank);
    f->blank.n = 0;
}

/* Adds a line of an mbox, or a part of a long one.  An empty line is held back: it may belong to the next message. */
static void add_mbox_line(struct file *f, struct span line)
{
    bool at_start = !f->in_line;
    f->in_line = line.p[line.n - 1] != '\n';
    add_blank(f);
    if (at_start && is_empty_line(line)) {
        f->blank = line.n == 1 ? span_of("\n") : span_of("\r\n");
        return;
    }
    if (at_start)
        unquote(&line);
    add(f, line);
}

/* ---- the parts of a message ---- */

static void begin_message(struct file *f)
{
    f->phase = FILE_FRONT;
    f->next = f->has_beside ? ORIGIN_OVER : ORIGIN_PATH;
    f->front.n = 0;
    f->in_line = false;
    f->has_lines = f->has_beside && f->origin.has_lines;
    f->ends = (struct ends){.crlf = f->has_lines && f->origin.crlf};
    f->blank.n = 0;
    if (!f->has_beside)
        set_time(f);
}

bool file_set_envelope(struct file *f, struct span lines)
{
    set_time(f);
    f->has_envelope = f->has_beside = true;
    return origin_read(&f->origin, lines, &f->mail);
}

/* Begins the spool, once the envelope is known.  False if there is no memory. */
static bool begin_body(struct file *f, struct reader *r, uint64_t n)
{
    const struct read_options *o = r->o;
    struct span front = text_span(&f->front), lines = {"", 0};
    bool is_envelope = f->next == ORIGIN_MORE || f->next == ORIGIN_FOLDED;
    if (is_envelope)
        lines = front;
    if (f->front.failed || ((is_envelope || !f->has_envelope) && !origin_read(&f->origin, lines, &f->mail)))
        return false;
    f->phase = FILE_BODY;
    f->adds_cr = !f->ends.crlf && (o->store->o.crlf || o->headers);
    f->mail.n = f->mail.session = n;
    f->mail.file = f->path;
    spool_begin(&f->spool, o->store, f->mail.binary || (!f->ends.crlf && !f->adds_cr),
                listing_has_room(&r->tally.came));
    f->has_spool = true;
    if (o->headers)
        envelope_add_headers(&f->mail, &f->spool);
    if (!is_envelope && front.n > 0)
        add(f, front);
    return true;
}

/* Takes the lines that may be the envelope, and begins the body after them. */
static enum file_state take_front(struct file *f, struct reader *r, uint64_t n)
{
    struct span line;
    size_t added = f->n - f->at < f->origin.added ? f->n - f->at : (size_t)f->origin.added;
    if (f->has_beside && added > 0) {
        f->at += added;
        f->origin.added -= added;
    }
    bool found = (!f->has_beside || f->origin.added == 0) && find_line(f, &line);
    if (!found && !f->at_end)
        return FILE_WAITS;
    if (found && !f->has_lines) {
        f->ends.crlf = line.n >= 2 && memcmp(line.p + line.n - 2, "\r\n", 2) == 0;
        f->has_lines = true;
    }
    if (found && line.p[line.n - 1] == '\n' && f->front.n < FRONT_MAX && origin_takes(&f->next, line)) {
        text_add(&f->front, line.p, line.n);
        f->at += line.n;
        return FILE_GOES_ON;
    }
    errno = ENOMEM;
    return begin_body(f, r, n) ? FILE_GOES_ON : FILE_FAILED;
}

static enum file_state end_message(struct file *f)
{
    if (!f->has_beside)
        ends_finish(&f->ends, &f->mail.problems);
    if (f->has_beside && f->origin.has_size)
        f->mail.size = f->origin.size;
    return FILE_MAIL;
}

static enum file_state take_body(struct file *f)
{
    struct span line = {f->buffer + f->at, f->n - f->at};
    bool found = f->is_mbox ? find_line(f, &line) : line.n > 0;
    if (!found)
        return f->at_end ? end_message(f) : FILE_WAITS;
    if (f->is_mbox && !f->in_line && is_separator(line))
        return end_message(f);
    if (f->is_mbox && !is_empty_line(line))
        take_plain_lines(f, &line);
    if (f->is_mbox)
        add_mbox_line(f, line);
    else
        add(f, line);
    f->at += line.n;
    return FILE_GOES_ON;
}

/* Looks for the beginning of a message. */
static enum file_state take_between(struct file *f, const struct reader *r)
{
    struct span line = {f->buffer + f->at, f->n - f->at};
    bool is_begun = line.n > 0 || (f->is_single && !f->had_message);
    if (!f->is_told && line.n < 5 && !f->at_end)
        return FILE_WAITS;
    if (!f->is_told && line.n > 0) {
        f->is_mbox = is_from(line);
        f->is_told = true;
    }
    if (f->at_end && !is_begun) { /* an mbox may grow */
        f->at_end = false;
        return f->is_regular && !f->is_single && r->o->watch && (f->is_mbox || !f->is_told) ? FILE_WAITS : FILE_ENDED;
    }
    if (!f->is_mbox ? !is_begun || (line.n == 0 && !f->at_end) : !find_line(f, &line))
        return FILE_WAITS;
    if (f->is_mbox) {
        bool is_first = !f->in_line && is_from(line);
        f->in_line = line.p[line.n - 1] != '\n';
        f->at += line.n;
        if (!is_first)
            return FILE_GOES_ON;
    }
    begin_message(f);
    f->had_message = true;
    f->has_envelope = f->has_envelope || f->is_mbox;
    errno = ENOMEM;
    return !f->is_mbox || origin_read_mbox(line, &f->mail) ? FILE_GOES_ON : FILE_FAILED;
}

enum file_state file_go_on(struct file *f, struct reader *r, uint64_t n)
{
    enum file_state state = FILE_GOES_ON;
    while (state == FILE_GOES_ON) {
        state = f->phase == FILE_BETWEEN ? take_between(f, r)
                : f->phase == FILE_FRONT ? take_front(f, r, n)
                                         : take_body(f);
    }
    return state == FILE_WAITS ? read_more(f, r) : state;
}
