/* SPDX-License-Identifier: ISC */
/*
 * stream.c - the stream of all mails: messages as they are, an mbox, JSON, text or
 * a page.
 *
 * A mail is written whole before the next one.  A regular file takes all of it
 * at once; if it fails, the file is cut back to where the mail began.  Anything
 * else may block, and other processes may share it, so it cannot be made
 * non-blocking.  It gets pieces that fit according to poll(2).  Between two
 * pieces the mail owns the stream, and other mails wait.
 *
 * A terminal gets a mail as text is shown, so that nothing in it can drive the
 * terminal.
 *
 * An mbox that is a file is locked for each mail, as other programs may append
 * to it.
 */
#include "store/inside.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    PIECE = 16 * 1024,      /* octets taken from a mail at once */
    TURN = 4 * 1024 * 1024, /* octets written before others are served */
};

void stream_open(struct stream *s, const struct store_options *o)
{
    struct stat st;
    s->fd = o->stream;
    s->name = o->stream_name;
    s->format = o->format;
    s->owner = NULL;
    s->is_file = s->fd >= 0 && fstat(s->fd, &st) == 0 && S_ISREG(st.st_mode);
    s->begun = 0;
    s->n_frames = 0;
    int flags = s->is_file ? fcntl(s->fd, F_GETFL) : -1;
    s->can_change = s->format == STORE_HTML && flags >= 0 && (flags & O_APPEND) == 0;
    s->is_shown = !s->is_file && (s->format == STORE_EML || s->format == STORE_MBOX) && isatty(s->fd);
}

/* Asks for a lock of the whole file, or gives it back: F_WRLCK, F_RDLCK or F_UNLCK. */
static int lock_whole(int fd, short type)
{
    struct flock whole = {.l_type = type, .l_whence = SEEK_SET};
    int status;
    do
        status = fcntl(fd, F_SETLK, &whole);
    while (status < 0 && errno == EINTR);
    return status;
}

/* Whether others hold only read locks. */
static bool is_read(int fd)
{
    struct flock first = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    return fcntl(fd, F_GETLK, &first) == 0 && first.l_type == F_RDLCK;
}

/* While readers hold locks, writers exclude each other by flock(2).  The one that has it also takes a read lock, so
   that no other gets a write lock.  A file that is open only for writing can have no read lock; there the reader's lock
   must last meanwhile. */
int stream_lock(int fd, bool on)
{
    int status = lock_whole(fd, on ? F_WRLCK : F_UNLCK);
    if (!on)
        (void)flock(fd, LOCK_UN);
    if (status == 0 || !on || (errno != EAGAIN && errno != EACCES))
        return status;
    if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
        if (lock_whole(fd, F_RDLCK) == 0 || (errno == EBADF && is_read(fd)))
            return 0;
        (void)flock(fd, LOCK_UN);
    }
    errno = EAGAIN;
    return -1;
}

/* ---- mbox: RFC 4155, where mboxrd quotes lines that begin with "From " ---- */

static const char from[] = "From ";

static void put(struct stream *s, const char *octets, size_t n)
{
    memcpy(s->block + s->n, octets, n);
    s->n += n;
}

/* Adds up to PIECE octets, quoted.  The block has room: at most each "From " grows by one octet. */
static void quote(struct stream *s, struct span o)
{
    while (o.n > 0) {
        if (s->at_start && s->word == 0 && *o.p == '>') {
            put(s, ">", 1);
            span_skip(&o, 1);
        } else if (s->at_start && *o.p == from[s->word]) {
            span_skip(&o, 1);
            if (++s->word < sizeof from - 1)
                continue;
            put(s, ">From ", 6);
            s->word = 0;
            s->at_start = false;
        } else {
            const char *lf = memchr(o.p, '\n', o.n);
            size_t n = lf != NULL ? (size_t)(lf + 1 - o.p) : o.n;
            put(s, from, s->word);
            put(s, o.p, n);
            span_skip(&o, n);
            s->word = 0;
            s->at_start = lf != NULL;
        }
    }
}

/* Ends the last line of a file, and adds an empty one, where these are missing. */
static void put_gap(struct stream *s)
{
    struct stat st;
    char last[2] = "\n\n";
    if (!s->is_file || fstat(s->fd, &st) < 0 || st.st_size == 0)
        return;
    if (st.st_size == 1 ? pread(s->fd, last + 1, 1, 0) != 1 : pread(s->fd, last, 2, st.st_size - 2) != 2)
        return; /* a file that can only be written is left to the user */
    if (last[1] != '\n')
        put(s, "\n\n", 2);
    else if (last[0] != '\n')
        put(s, "\n", 1);
}

/* ---- a page: the messages that have a frame ---- */

enum { FRAME_NAME = sizeof PAGE_FRAME_NAME - 1 };
_Static_assert(sizeof PAGE_NO_FRAME_NAME == sizeof PAGE_FRAME_NAME, "one is written over the other");

/* In a stream that cannot be changed, the first messages keep their frames. */
static void limit_frames(struct stream *s, struct text *message)
{
    size_t begin, end;
    if (!page_find_frame(text_span(message), &begin, &end) || s->n_frames++ < PAGE_FRAMES_MAX)
        return;
    memcpy(message->p + begin, PAGE_NO_FRAME_NAME, FRAME_NAME);
    memcpy(message->p + end, PAGE_NO_FRAME_NAME, FRAME_NAME);
}

/* In a file, the last ones do: a message that has been written takes the frame away from the oldest.  If that fails,
   there is one too many, which takes a browser more time. */
static void move_frame(struct stream *s, const struct text *message)
{
    size_t begin, end;
    struct stream_frame *oldest = &s->frames[s->n_frames % PAGE_FRAMES_MAX];
    if (!page_find_frame(text_span(message), &begin, &end))
        return;
    if (s->n_frames++ >=
        PAGE_FRAMES_MAX) /* the first tag first: in between, the element is only closed by its parent */
        (void)(pwrite(s->fd, PAGE_NO_FRAME_NAME, FRAME_NAME, oldest->begin) == FRAME_NAME &&
               pwrite(s->fd, PAGE_NO_FRAME_NAME, FRAME_NAME, oldest->end) == FRAME_NAME);
    *oldest =
        (struct stream_frame){s->start + (off_t)begin, s->start + (off_t)end}; /* a file has its beginning before */
}

/* ---- what is written next ---- */

/* How many octets at the end of t begin a character of UTF-8 that is not complete. */
static size_t begun(struct span t)
{
    size_t n = 1;
    while (n < 4 && n < t.n && ((unsigned char)t.p[t.n - n] & 0xc0) == 0x80)
        n++;
    return n < t.n && utf8_length((struct span){t.p + t.n - n, n}) == 0 ? n : 0;
}

/* Reads the next octets of the mail, up to PIECE.  None at its end, or on failure. */
static struct span read_mail(struct stream *s, struct spool *p, char room[PIECE])
{
    uint64_t left = p->total - s->read;
    struct span piece = {p->octets.p != NULL ? p->octets.p + s->read : room, left < PIECE ? (size_t)left : PIECE};
    if (p->octets.p == NULL && left > 0) {
        ssize_t got = pread(p->file.fd, room, piece.n, (off_t)s->read);
        if (got <= 0)
            (void)spool_fail(p, got < 0 ? errno : SPOOL_CUT_OFF, place_name(p->place));
        piece.n = got > 0 ? (size_t)got : 0;
    }
    if (s->is_shown && piece.n < left)
        piece.n -= begun(piece);
    s->read += piece.n;
    s->ended = s->read == p->total;
    return piece;
}

/* Fills the block.  After a mail comes an empty line, so its last line must have an end. */
static void fill_mbox(struct stream *s, struct spool *p)
{
    char room[PIECE];
    s->n = 0;
    if (s->read == 0) {
        put_gap(s);
        put(s, p->front.p, p->front.n);
        put(s, "\n", 1);
    }
    struct span piece = read_mail(s, p, room);
    quote(s, piece);
    if (piece.n > 0)
        s->last = piece.p[piece.n - 1];
    if (s->ended) {
        put(s, from, s->word);
        put(s, "\n\n", s->last != '\n' ? 2 : 1);
    }
    s->rest = (struct span){s->block, s->n};
}

/* Sets the octets to be written next.  False at the end of the mail, or on failure. */
static bool take_next(struct stream *s, struct spool *p)
{
    if (s->ended)
        return false;
    if (s->format == STORE_HTML && (s->rest = page_begin(false, s->begun)).n > 0) {
        s->begun++;
        return true;
    }
    if (s->format == STORE_HTML && !s->can_change)
        limit_frames(s, &p->front);
    if (s->format == STORE_MBOX) {
        fill_mbox(s, p);
    } else if (s->format != STORE_EML || p->octets.p != NULL) {
        s->rest = s->format != STORE_EML ? text_span(&p->front) : p->octets;
        s->ended = true;
    } else {
        s->rest = read_mail(s, p, s->block);
    }
    if (s->is_shown) {
        p->front.n = 0;
        render_visible(&p->front, s->rest, false);
        (void)spool_check_text(p, &p->front);
        s->rest = text_span(&p->front);
    }
    return p->failure.error == 0;
}

/* ---- writing ---- */

/* Begins a mail.  A mail that waits for the lock owns the stream already, so that the order is kept. */
static enum store_outcome begin(struct stream *s, struct spool *p)
{
    s->owner = p;
    s->locked = false;
    if (s->is_file && s->format == STORE_MBOX && stream_lock(s->fd, true) < 0) {
        if (errno == EAGAIN)
            return STORE_WAITS;
        (void)spool_fail(p, errno, s->name);
        return STORE_FAILED;
    }
    int flags = s->is_file ? fcntl(s->fd, F_GETFL) : -1;
    s->locked = true;
    s->start = s->is_file ? lseek(s->fd, 0, flags >= 0 && flags & O_APPEND ? SEEK_END : SEEK_CUR) : 0;
    s->written = s->read = 0;
    s->ended = false;
    s->rest = (struct span){NULL, 0};
    s->at_start = true;
    s->word = 0;
    s->last = '\n';
    return STORE_DONE;
}

/* Writes until this many octets of the mail are written. */
static enum store_outcome write_rest(struct stream *s, struct spool *p, uint64_t end)
{
    while (s->rest.n > 0) {
        uint64_t most = s->is_file ? end - s->written : PIPE_BUF;
        size_t n = s->rest.n < most ? s->rest.n : (size_t)most;
        if (s->written >= end)
            return STORE_WAITS;
        struct pollfd ready = {.fd = s->fd, .events = POLLOUT};
        if (!s->is_file && poll(&ready, 1, 0) <= 0)
            return STORE_WAITS;
        ssize_t written = write(s->fd, s->rest.p, n);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0 && !s->is_file && (errno == EAGAIN || errno == EWOULDBLOCK))
            return STORE_WAITS;
        if (written < 0) {
            (void)spool_fail(p, errno, s->name);
            return STORE_FAILED;
        }
        span_skip(&s->rest, (size_t)written);
        s->written += (uint64_t)written;
    }
    return STORE_DONE;
}

static void release(struct stream *s)
{
    if (s->locked && s->is_file && s->format == STORE_MBOX)
        (void)stream_lock(s->fd, false);
    s->owner = NULL;
}

enum store_outcome stream_put(struct stream *s, struct spool *p)
{
    if (s->owner != NULL && s->owner != p)
        return STORE_WAITS;
    enum store_outcome outcome = s->owner == p && s->locked ? STORE_DONE : begin(s, p);
    uint64_t end = s->written + TURN;
    while (outcome == STORE_DONE && (s->rest.n > 0 || take_next(s, p)))
        outcome = write_rest(s, p, end);
    if (p->failure.error != 0)
        return STORE_FAILED;
    if (outcome == STORE_DONE && s->can_change)
        move_frame(s, &p->front);
    if (outcome == STORE_DONE)
        release(s);
    return outcome;
}

/* A file is not cut back if another program has written after the mail. */
void stream_leave(struct stream *s, struct spool *p)
{
    struct stat st;
    if (s->owner != p)
        return;
    if (s->locked && s->is_file && fstat(s->fd, &st) == 0 && st.st_size == s->start + (off_t)s->written &&
        ftruncate(s->fd, s->start) == 0)
        (void)lseek(s->fd, s->start, SEEK_SET);
    release(s);
}

/* ---- the beginning and the end of a page ---- */

/* Writes all of t, and waits for its reader until `until`.  Returns 0, or an errno. */
static int write_all(struct stream *s, struct span t, int64_t until)
{
    while (t.n > 0) {
        struct pollfd ready = {.fd = s->fd, .events = POLLOUT};
        int64_t now = clock_now();
        int is_ready = s->is_file ? 1 : poll(&ready, 1, now < until ? (int)(until - now) : 0);
        if (is_ready == 0)
            return ETIMEDOUT;
        ssize_t n = is_ready < 0 ? -1 : write(s->fd, t.p, s->is_file || t.n < PIPE_BUF ? t.n : PIPE_BUF);
        if (n < 0 && errno != EINTR && errno != EAGAIN && errno != EWOULDBLOCK)
            return errno;
        span_skip(&t, n > 0 ? (size_t)n : 0);
    }
    return 0;
}

/* Writes what is not written yet of the beginning. */
static int write_beginning(struct stream *s, int64_t until)
{
    struct span piece;
    int error = 0;
    for (; error == 0 && (piece = page_begin(false, s->begun)).n > 0; s->begun++)
        error = write_all(s, piece, until);
    return error;
}

int stream_begin_page(struct stream *s) { return s->format == STORE_HTML && s->is_file ? write_beginning(s, 0) : 0; }

int stream_end_page(struct stream *s, struct span end, int64_t until)
{
    int error = write_beginning(s, until);
    return error != 0 ? error : write_all(s, end, until);
}
