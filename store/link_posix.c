/*
 * link_posix.c - files that appear whole, with POSIX.1-2008 alone.  Each file has
 * a name from the start.
 */
#include "store/inside.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

int link_create_unnamed(int directory)
{
    (void)directory;
    errno = ENOTSUP;
    return -1;
}

int link_name_unnamed(int fd, int directory, const char *name, bool *by_path)
{
    (void)fd, (void)directory, (void)name, (void)by_path;
    errno = ENOTSUP;
    return -1;
}

/* An empty file takes the name first; the rename then replaces it. */
int link_rename_new(int from_directory, const char *from, int directory, const char *name)
{
    int fd = openat(directory, name, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, LINK_MODE);
    if (fd < 0)
        return -1;
    (void)close(fd);
    if (renameat(from_directory, from, directory, name) == 0)
        return 0;
    int saved = errno;
    (void)unlinkat(directory, name, 0);
    errno = saved;
    return -1;
}
