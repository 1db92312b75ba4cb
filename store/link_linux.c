/* SPDX-License-Identifier: ISC */
/*
 * link_linux.c - files that appear whole, by O_TMPFILE, linkat(2) of a
 * descriptor, and renameat2(2).
 */
#define _GNU_SOURCE
#include "store/inside.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { RENAME_WITHOUT_REPLACING = 1 /* RENAME_NOREPLACE, for which musl has no name */ };

int link_create_unnamed(int directory)
{
    int fd = openat(directory, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, LINK_MODE);
    /* an old kernel takes it for writing to a directory, file systems without it differ, and a directory that was
       removed has no error of its own */
    if (fd < 0 && (errno == EISDIR || errno == EINVAL || errno == EOPNOTSUPP || errno == ENOSYS || errno == ENOENT ||
                   errno == EPERM))
        errno = ENOTSUP;
    return fd;
}

/* Naming a descriptor needs a privilege, naming its path in /proc needs that to be mounted. */
int link_name_unnamed(int fd, int directory, const char *name, bool *by_path)
{
    if (!*by_path) {
        if (linkat(fd, "", directory, name, AT_EMPTY_PATH) == 0)
            return 0;
        if (errno != ENOENT) /* the error without the privilege */
            return -1;
    }
    char path[32];
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    int status = linkat(AT_FDCWD, path, directory, name, AT_SYMLINK_FOLLOW);
    *by_path = *by_path || status == 0;
    if (status < 0 && errno == EPERM)
        errno = ENOENT; /* the directory was removed */
    return status;
}

int link_rename_new(int from_directory, const char *from, int directory, const char *name)
{
    return (int)syscall(SYS_renameat2, from_directory, from, directory, name, RENAME_WITHOUT_REPLACING);
}
