/* SPDX-License-Identifier: ISC */
/*
 * place.c - a directory or a Maildir, and how files appear in it.
 *
 * A file is made without a name (Linux), or under a hidden one, and published by
 * link(2), which never replaces a file.  Where the file system has no hard links
 * it is renamed, over an empty file that takes the name first if there is no
 * other way.  If several processes number files in one directory at once, each
 * takes the next free number.  Without a directory, a file is made in TMPDIR and
 * never has a name.
 */
#include "store/inside.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define HIDDEN ".fakesmtp-" /* begins the name of a file that is not published yet */

static const uint64_t COUNTED_MAX = 999999999999999999; /* the highest number of a file that is looked at */

enum {
    FEW = 8,        /* names tried with a number of their own */
    TAKEN_MAX = 16, /* numbers found taken in a row before the directory is read again */
};

/* ---- the directory ---- */

/* Closes a descriptor, if it is one, and keeps errno.  Returns -1. */
static int close_quietly(int fd)
{
    int saved = errno;
    if (fd >= 0)
        (void)close(fd);
    errno = saved;
    return -1;
}

static int open_directory(int at, const char *path) { return openat(at, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC); }

/* Opens a directory in which files can be made. */
static int open_writable(int at, const char *path)
{
    int fd = open_directory(at, path);
    if (fd < 0 || faccessat(fd, ".", W_OK | X_OK, AT_EACCESS) == 0)
        return fd;
    return close_quietly(fd);
}

/* Has the names in a directory on the disk, if the file system can do that. */
static int sync_names(int directory) { return fsync(directory) == 0 || errno == EINVAL ? 0 : -1; }

static int sync_names_above(const char *path)
{
    int fd = open_directory(AT_FDCWD, path), above = fd >= 0 ? open_directory(fd, "..") : -1;
    int status = above >= 0 ? sync_names(above) : -1;
    (void)close_quietly(above);
    (void)close_quietly(fd);
    return status;
}

/* Makes a directory and those above it. */
static int make_directories(const char *path, bool fsync)
{
    char *copy = strdup(path), *slash = copy;
    if (copy == NULL)
        return -1;
    int status = 0;
    do {
        slash = strchr(slash + strspn(slash, "/"), '/');
        if (slash != NULL)
            *slash = '\0';
        if (mkdir(copy, 0777) == 0)
            status = fsync ? sync_names_above(copy) : 0;
        else if (errno != EEXIST && errno != EISDIR)
            status = -1;
        if (slash != NULL)
            *slash = '/';
    } while (status == 0 && slash != NULL);
    int saved = errno;
    free(copy);
    errno = saved;
    return status;
}

/* Moves *name past a unique name, as unique_name() writes it up to the host. */
static bool take_unique(const char **name, uint64_t *pid)
{
    const char *p = *name;
    uint64_t n;
    bool good = number_take(&p, &n) && *p++ == '.' && *p++ == 'M' && number_take(&p, &n) && *p++ == 'P' &&
                number_take(&p, pid) && *p++ == 'Q' && number_take(&p, &n);
    *name = good ? p : *name;
    return good;
}

enum kind { OTHER, MESSAGE, UNFINISHED, ENVELOPE };

/* How the name of what is beside a message begins and ends. */
static const struct {
    const char *begin, *end;
} beside[STORE_BESIDES] = {{".", ".envelope"}, {"", ".txt"}, {"", ".json"}, {"", ".html"}};

void place_beside_name(enum store_beside kind, const char *message, char name[PLACE_NAME_MAX])
{
    size_t n = strcspn(message, ":"); /* in cur of a Maildir flags follow */
    n -= n > 4 && strcmp(message + n - 4, ".eml") == 0 ? 4 : 0;
    (void)snprintf(name, PLACE_NAME_MAX, "%s%.*s%s", beside[kind].begin, (int)n, message, beside[kind].end);
}

/* What a file is by its name.  A message that is not finished belongs to its process as long as that lives. */
static enum kind kind_of(const struct place *to, const char *part, const char *name)
{
    const char *start = name + (*name == '.'), *end = start;
    uint64_t number, pid;
    if (!to->maildir && number_take(&end, &number)) {
        bool ours = number > 0 && (end - start == 4 || (end - start > 4 && *start != '0'));
        const char *suffix = start > name ? ".envelope" : ".eml";
        return !ours || strcmp(end, suffix) != 0 ? OTHER : start > name ? ENVELOPE : MESSAGE;
    }
    end = name;
    if (!to->maildir && strncmp(name, HIDDEN, sizeof HIDDEN - 1) != 0)
        return OTHER;
    end += to->maildir ? 0 : sizeof HIDDEN - 1;
    if (!take_unique(&end, &pid) || *end != (to->maildir ? '.' : '\0'))
        return OTHER;
    if (to->maildir && strcmp(part, "tmp") != 0)
        return MESSAGE;
    return kill((pid_t)pid, 0) < 0 && errno == ESRCH ? UNFINISHED : OTHER;
}

/* Removes a file, but no directory, and a link rather than what it leads to.  Returns how many are gone. */
static int remove_file(int directory, const char *name)
{
    struct stat st;
    if (fstatat(directory, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISREG(st.st_mode) && !S_ISLNK(st.st_mode))
        return 0;
    return unlinkat(directory, name, 0) == 0 ? 1 : errno == ENOENT ? 0 : -1;
}

/* Removes a file, and what is beside it if that is a message: in the same directory, or in that above, of a Maildir. */
static int remove_found(const struct place *to, int above, int directory, enum kind kind, const char *name)
{
    int gone = remove_file(directory, name), status = gone;
    for (int i = 0; i < STORE_BESIDES && kind == MESSAGE && gone > 0 && status >= 0; i++) {
        char other[PLACE_NAME_MAX];
        place_beside_name((enum store_beside)i, name, other);
        status = remove_file(to->maildir ? above : directory, other);
    }
    return status < 0 ? -1 : gone;
}

/* Counts the messages in a directory of the place, and sets the next number after the highest one.  fresh: removes
   them, and what is not finished. */
static int read_names(struct place *to, int at, const char *part, bool fresh)
{
    int fd = openat(at, part, O_RDONLY | O_DIRECTORY | O_CLOEXEC | (fresh ? O_NOFOLLOW : 0)), removed;
    DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
    if (d == NULL)
        return close_quietly(fd);
    uint64_t held;
    do { /* again, as readdir(3) may pass over names while others are removed */
        struct dirent *entry;
        removed = 0;
        held = 0;
        to->next = fresh ? 1 : to->next;
        rewinddir(d);
        while (removed >= 0 && (errno = 0, (entry = readdir(d)) != NULL)) {
            const char *end = entry->d_name + (*entry->d_name == '.');
            uint64_t number;
            bool numbered = number_take(&end, &number) && number <= COUNTED_MAX;
            bool message = numbered && *entry->d_name != '.' && strcmp(end, ".eml") == 0;
            to->has_beside = to->has_beside || (numbered && !message);
            if (message && number >= to->next)
                to->next = number + 1;
            enum kind kind = kind_of(to, part, entry->d_name);
            held += kind == MESSAGE;
            int gone = fresh && kind != OTHER ? remove_found(to, at, fd, kind, entry->d_name) : 0;
            removed = gone < 0 ? -1 : removed + gone;
        }
    } while (removed > 0);
    to->held += held;
    int saved = errno;
    (void)closedir(d);
    errno = saved;
    return saved == 0 ? 0 : -1;
}

static int open_numbered(struct place *to, bool fresh)
{
    to->final = open_writable(AT_FDCWD, to->path);
    if (to->final < 0 && errno == ENOENT && make_directories(to->path, to->fsync) == 0)
        to->final = open_writable(AT_FDCWD, to->path);
    to->temporary = to->final;
    to->next = 1;
    return to->final < 0 ? -1 : read_names(to, to->final, ".", fresh);
}

/* Sets the name of this machine.  Characters that a file name cannot have are escaped as in maildir(5). */
static void learn_host(struct place *to)
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

static int open_maildir(struct place *to, bool fresh)
{
    static const char *const parts[] = {"tmp", "new", "cur"};
    if (make_directories(to->path, to->fsync) < 0)
        return -1;
    int top = open_directory(AT_FDCWD, to->path);
    if (top < 0)
        return -1;
    int status = 0;
    for (size_t i = 0; i < 3 && status == 0; i++)
        status = mkdirat(top, parts[i], 0777) < 0 && errno != EEXIST ? -1 : 0;
    if (status == 0 && to->fsync)
        status = sync_names(top);
    if (status == 0 && ((to->final = open_writable(top, "new")) < 0 || (to->temporary = open_writable(top, "tmp")) < 0))
        status = -1;
    for (size_t i = fresh ? 0 : 1; i < 3 && status == 0; i++)
        status = read_names(to, top, parts[i], fresh) < 0 && fresh ? -1 : 0; /* a Maildir need not be readable */
    (void)close_quietly(top);
    learn_host(to);
    return status;
}

int place_open(struct place *to, const char *path, bool maildir, bool fsync, bool fresh)
{
    *to = (struct place){.path = path, .maildir = maildir, .fsync = fsync, .temporary = -1, .final = -1};
    if (path == NULL || (maildir ? open_maildir(to, fresh) : open_numbered(to, fresh)) == 0)
        return 0;
    place_close(to);
    return -1;
}

void place_close(struct place *to)
{
    if (to->path == NULL)
        return;
    if (to->temporary != to->final)
        (void)close_quietly(to->temporary);
    (void)close_quietly(to->final);
    to->path = NULL;
}

const char *place_name(const struct place *to) { return to->path != NULL ? to->path : "TMPDIR"; }

const char *place_temporary(void)
{
    const char *top = getenv("TMPDIR");
    return top != NULL && *top != '\0' ? top : "/tmp";
}

/* ---- making a file ---- */

/* Writes a unique name, as in maildir(5): seconds, microseconds, process, count and host.  One that is not for a
   Maildir is hidden, and has no host. */
static void unique_name(struct place *to, char *name)
{
    const char *prefix = to->maildir ? "" : HIDDEN, *dot = to->maildir ? "." : "";
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    (void)snprintf(name, PLACE_NAME_MAX, "%s%jd.M%ldP%ldQ%ju%s%s", prefix, (intmax_t)now.tv_sec, now.tv_nsec / 1000,
                   (long)getpid(), (uintmax_t)++to->made, dot, to->host);
}

int place_write(int fd, const char *p, size_t n)
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

/* Opens a file in TMPDIR that has no name any more. */
static int create_hidden(void)
{
    char path[PATH_MAX];
    if (snprintf(path, sizeof path, "%s/.fakesmtp-XXXXXX", place_temporary()) >= (int)sizeof path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    int fd = mkstemp(path);
    if (fd >= 0) {
        (void)unlink(path);
        (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
    }
    return fd;
}

static int create_named(struct place *to, struct place_file *f)
{
    do {
        unique_name(to, f->temporary);
        f->fd = openat(to->temporary, f->temporary, O_CREAT | O_EXCL | O_RDWR | O_NOFOLLOW | O_CLOEXEC, LINK_MODE);
    } while (f->fd < 0 && errno == EEXIST); /* where the clock is false, or several systems share the directory */
    if (f->fd < 0)
        f->temporary[0] = '\0';
    return f->fd < 0 ? -1 : 0;
}

int place_create(struct place *to, struct place_file *f)
{
    f->fd = to->path == NULL ? create_hidden() : link_create_unnamed(to->temporary);
    return f->fd >= 0 || (to->path != NULL && errno == ENOTSUP && create_named(to, f) == 0) ? 0 : -1;
}

/* ---- publishing it ---- */

/* Writes "report.pdf", "report-2.pdf", ... */
static void number_name(struct place *to, char name[PLACE_NAME_MAX], const char *asked, int taken)
{
    const char *dot = strrchr(asked, '.');
    size_t n = dot != NULL ? (size_t)(dot - asked) : strlen(asked);
    /* where many are taken, a number that goes up for all names finds a free one sooner */
    uint64_t number = taken < FEW ? (uint64_t)taken + 1 : FEW + ++to->made;
    if (taken == 0)
        (void)snprintf(name, PLACE_NAME_MAX, "%s", asked);
    else
        (void)snprintf(name, PLACE_NAME_MAX, "%.*s-%ju%.16s", (int)(n < 90 ? n : 90), asked, (uintmax_t)number,
                       asked + n);
}

/* Whether there is something beside this message, which then would be taken for its own. */
static bool is_beside(const struct place *to, const char *message)
{
    bool found = false;
    for (int i = 0; i < STORE_BESIDES && !found; i++) {
        char name[PLACE_NAME_MAX];
        struct stat st;
        place_beside_name((enum store_beside)i, message, name);
        found = fstatat(to->final, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
    }
    return found;
}

/* Writes "0001.eml": four digits or more. */
static void next_number(struct place *to, char name[PLACE_NAME_MAX])
{
    char digits[24], *end = digits + sizeof digits, *first = ascii_put_number(end, to->next++);
    while (end - first < 4)
        *--first = '0';
    memcpy(name, first, (size_t)(end - first));
    memcpy(name + (end - first), ".eml", sizeof ".eml");
}

/* Writes the next name to try. */
static int next_name(struct place *to, char name[PLACE_NAME_MAX], const char *asked, int taken)
{
    if (to->maildir) {
        unique_name(to, name);
    } else if (*asked != '\0') {
        number_name(to, name, asked, taken);
    } else {
        if (taken > 0 && taken % TAKEN_MAX == 0 && read_names(to, to->final, ".", false) < 0)
            return -1;
        if (taken > 0 && to->next > COUNTED_MAX) /* read_names() does not see these: they are passed in larger steps */
            to->next += UINT64_C(1) << (taken < 32 ? taken : 32);
        do
            next_number(to, name);
        while (to->has_beside && is_beside(to, name));
    }
    return 0;
}

/* Whether the file system may have no hard links, or the system no way to name a file that has no name. */
static bool has_no_links(int error)
{
    return error == EPERM || error == ENOTSUP || error == EOPNOTSUPP || error == ENOSYS || error == EINVAL ||
           error == EMLINK || error == ENOENT || error == EACCES;
}

/* Replaces a file without a name by a copy that has a temporary one. */
static int copy_to_named(struct place *to, struct place_file *f)
{
    int from = f->fd, status = create_named(to, f);
    char block[16 * 1024];
    ssize_t got = 0;
    for (off_t at = 0; status == 0 && (got = pread(from, block, sizeof block, at)) > 0; at += got)
        status = place_write(f->fd, block, (size_t)got);
    if (status == 0 && (got < 0 || (to->fsync && fsync(f->fd) < 0)))
        status = -1;
    (void)close_quietly(from);
    return status;
}

/* Renames the file over an empty one, which takes the name first. */
static int rename_over_new(struct place *to, struct place_file *f)
{
    int fd = openat(to->final, f->name, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, LINK_MODE);
    if (fd < 0)
        return -1;
    (void)close(fd);
    if (renameat(to->temporary, f->temporary, to->final, f->name) == 0)
        return 0;
    int saved = errno;
    (void)unlinkat(to->final, f->name, 0);
    errno = saved != EEXIST ? saved : EIO; /* the name was free */
    return -1;
}

static int name_file(struct place *to, struct place_file *f)
{
    if (f->temporary[0] == '\0') {
        if (link_name_unnamed(f->fd, to->final, f->name, &to->by_path) == 0)
            return 0;
        if (!has_no_links(errno) || copy_to_named(to, f) < 0)
            return -1;
    }
    if (linkat(to->temporary, f->temporary, to->final, f->name, 0) == 0)
        (void)unlinkat(to->temporary, f->temporary, 0);
    else if (!has_no_links(errno))
        return -1;
    else if (link_rename_new(to->temporary, f->temporary, to->final, f->name) < 0 &&
             (errno == EEXIST || rename_over_new(to, f) < 0))
        return -1;
    f->temporary[0] = '\0';
    return 0;
}

int place_choose(struct place *to, struct place_file *f, int taken) { return next_name(to, f->name, "", taken); }

int place_publish(struct place *to, struct place_file *f, const char *asked, bool read_on)
{
    /* some file systems report a failed write only at close(2); a file without a name cannot be closed yet */
    if (f->temporary[0] != '\0' && f->fd >= 0) {
        int fd = f->fd;
        f->fd = read_on ? fcntl(fd, F_DUPFD_CLOEXEC, 0) : -1;
        int saved = errno;
        if (close(fd) < 0)
            return -1;
        errno = saved;
        if (read_on && f->fd < 0)
            return -1;
    }
    for (int taken = 0; !f->published; taken++) {
        if (asked != NULL && next_name(to, f->name, asked, taken) < 0)
            return -1;
        f->published = name_file(to, f) == 0;
        if (!f->published && (asked == NULL || errno != EEXIST))
            return -1;
    }
    return to->fsync ? sync_names(to->final) : 0;
}

void place_add_path(const struct place *to, const struct place_file *f, struct text *path)
{
    size_t n = path->n;
    text_add_string(path, to->path);
    text_add_string(path, to->maildir ? "/new/" : "/");
    text_add(path, f->name, strlen(f->name) + 1);
    if (path->failed)
        path->n = n;
}

void place_drop(struct place *to, struct place_file *f)
{
    if (f->fd >= 0)
        (void)close(f->fd);
    if (f->temporary[0] != '\0')
        (void)unlinkat(to->temporary, f->temporary, 0);
    if (f->published)
        (void)unlinkat(to->final, f->name, 0);
    f->fd = -1;
    f->temporary[0] = '\0';
    f->published = false;
}
