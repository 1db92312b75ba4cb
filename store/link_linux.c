/*
 * link_linux.c - O_TMPFILE, linkat of a descriptor, and renameat2.
 */
#define _GNU_SOURCE
#include "store/inside.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { RENAME_WITHOUT_REPLACING = 1 /* RENAME_NOREPLACE, for which musl has no name */ };

int link_create_unnamed(int directory, mode_t mode)
{
    int fd = openat(directory, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, mode);
    /* an old kernel sees a directory to be written, a file system without it says so, and a directory that is
       gone has no better word for it */
    if (fd < 0 && (errno == EISDIR || errno == EINVAL || errno == EOPNOTSUPP || errno == ENOENT || errno == EPERM))
        errno = ENOTSUP;
    return fd;
}

/* Names it by its descriptor; ENOENT if the process may not. */
static int by_descriptor(int fd, int directory, const char *name)
{
    return linkat(fd, "", directory, name, AT_EMPTY_PATH);
}

/* Names it by its path in /proc, where that is mounted. */
static int by_proc(int fd, int directory, const char *name)
{
    char path[32];
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    return linkat(AT_FDCWD, path, directory, name, AT_SYMLINK_FOLLOW);
}

int link_name_unnamed(int fd, int directory, const char *name, bool *by_path)
{
    if (!*by_path) {
        if (by_descriptor(fd, directory, name) == 0)
            return 0;
        if (errno != ENOENT)
            return -1;
    }
    int status = by_proc(fd, directory, name);
    *by_path = *by_path || status == 0;
    if (status < 0 && errno == EPERM)
        errno = ENOENT; /* the directory itself is gone */
    return status;
}

int link_rename_new(int from_directory, const char *from, int directory, const char *name)
{
    return (int)syscall(SYS_renameat2, from_directory, from, directory, name, RENAME_WITHOUT_REPLACING);
}
