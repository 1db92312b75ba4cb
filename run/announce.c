/*
 * announce.c - tells others where the program listens.
 */
#include "run/run.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* ---- files ---- */

/* ENXIO if nobody has the FIFO open for reading. */
static int write_fifo(const struct announce_file *f)
{
    int fd = open(f->path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return -1;
    (void)!write(fd, f->text, f->n); /* it fits, unless the reader is gone again */
    (void)close(fd);
    return 0;
}

/* Writes to another name first, so that nobody reads half of the text. */
static int write_whole(const struct announce_file *f)
{
    char path[PATH_MAX];
    int n = snprintf(path, sizeof path, "%s.XXXXXX", f->path);
    if (n < 0 || (size_t)n >= sizeof path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    int fd = mkstemp(path);
    if (fd < 0)
        return -1;
    mode_t mask = umask(0);
    (void)umask(mask);
    bool good = write(fd, f->text, f->n) == (ssize_t)f->n && fchmod(fd, 0666 & ~mask) == 0;
    good = close(fd) == 0 && good && rename(path, f->path) == 0;
    if (!good) {
        int saved = errno;
        (void)unlink(path);
        errno = saved;
    }
    return good ? 0 : -1;
}

/* Whether it is standard output or error: others may write to the file of /dev/stdout too. */
static bool is_ours(const struct stat *file)
{
    struct stat st;
    for (int fd = STDOUT_FILENO; fd <= STDERR_FILENO; fd++) {
        if (fstat(fd, &st) == 0 && st.st_ino == file->st_ino && st.st_dev == file->st_dev)
            return true;
    }
    return false;
}

/* The target of a link, or a device, is written to, and not replaced. */
static int write_through(const struct announce_file *f, const struct stat *target)
{
    int fd = open(f->path, O_WRONLY | O_CLOEXEC | (is_ours(target) ? 0 : O_TRUNC));
    if (fd < 0)
        return -1;
    bool good = write(fd, f->text, f->n) == (ssize_t)f->n;
    int saved = errno;
    (void)close(fd);
    errno = saved;
    return good ? 0 : -1;
}

int announce_file(struct announce_file *f, const char *path, const char *text, size_t n)
{
    struct stat st, target;
    *f = (struct announce_file){.path = path, .text = text, .n = n};
    bool there = lstat(path, &st) == 0, link = there && S_ISLNK(st.st_mode);
    target = st;
    if (link && stat(path, &target) < 0)
        return -1;
    if (there && S_ISFIFO(target.st_mode)) {
        bool written = write_fifo(f) == 0;
        f->waits = !written && errno == ENXIO;
        return written || f->waits ? 0 : -1;
    }
    if (there && (link || !S_ISREG(st.st_mode)))
        return write_through(f, &target);
    if (write_whole(f) < 0 || stat(path, &st) < 0)
        return -1;
    f->made = true;
    f->device = st.st_dev;
    f->inode = st.st_ino;
    return 0;
}

void announce_go_on(struct announce_file *f)
{
    if (f->waits)
        f->waits = write_fifo(f) < 0 && errno == ENXIO;
}

/* Another run may have replaced the file. */
void announce_remove(struct announce_file *f)
{
    struct stat st;
    if (f->made && stat(f->path, &st) == 0 && st.st_dev == f->device && st.st_ino == f->inode)
        (void)unlink(f->path);
    f->made = false;
}

/* ---- the service manager ---- */

int announce_ready(void)
{
    static const char ready[] = "READY=1\n";
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const char *name = getenv("NOTIFY_SOCKET");
    if (name == NULL || (*name != '/' && *name != '@'))
        return 0;
    size_t n = strlen(name);
    if (n >= sizeof address.sun_path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(address.sun_path, name, n);
    if (*name == '@') /* a name that is in no file system (Linux) */
        address.sun_path[0] = '\0';
    int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
    if (fd < 0)
        return -1;
    socklen_t length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
    bool good = fcntl(fd, F_SETFL, O_NONBLOCK) == 0 &&
                sendto(fd, ready, sizeof ready - 1, 0, (const struct sockaddr *)&address, length) > 0;
    int saved = errno;
    (void)close(fd);
    errno = saved;
    (void)unsetenv("NOTIFY_SOCKET"); /* the command must not announce itself with it */
    return good ? 0 : -1;
}

/* ---- a shell ---- */

void announce_assignment(const char *name, const char *value)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/:.,_@%+-";
    if (value[strspn(value, plain)] == '\0') {
        (void)printf("%s=%s; ", name, value);
        return;
    }
    (void)printf("%s='", name);
    for (; *value != '\0'; value++) {
        if (*value == '\'')
            (void)printf("'\\''");
        else
            (void)putchar(*value);
    }
    (void)printf("'; ");
}
