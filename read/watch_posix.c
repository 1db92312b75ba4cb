/* SPDX-License-Identifier: ISC */
/*
 * watch_posix.c - with POSIX.1-2008 alone, nothing says what changes: the caller
 * looks again and again.
 */
#include "read/inside.h"

int watch_open(void)
{
    errno = ENOTSUP;
    return -1;
}

int watch_add(int watch, const char *path, bool is_directory)
{
    (void)watch, (void)path, (void)is_directory;
    errno = ENOTSUP;
    return -1;
}

void watch_drain(int watch) { (void)watch; }

int watch_is_written(int fd)
{
    (void)fd;
    return -1;
}
