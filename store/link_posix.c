/* SPDX-License-Identifier: ISC */
/*
 * link_posix.c - files that appear whole, with POSIX.1-2008 alone.  Each file has
 * a name from the start.
 */
#include "store/inside.h"

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

int link_rename_new(int from_directory, const char *from, int directory, const char *name)
{
    (void)from_directory, (void)from, (void)directory, (void)name;
    errno = ENOTSUP;
    return -1;
}
