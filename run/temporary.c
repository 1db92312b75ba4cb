/*
 * temporary.c - a private directory for mail, and a file for the certificate,
 * in TMPDIR.
 *
 * Their paths are canonical: the command may use them in another directory.
 */
#include "run/run.h"

#include <errno.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

char *temporary_make(bool directory)
{
    char path[PATH_MAX];
    int n =
        snprintf(path, sizeof path, "%s/%s", place_temporary(), directory ? "fakesmtp-XXXXXX" : "fakesmtp-ca-XXXXXX");
    if (n < 0 || (size_t)n >= sizeof path) {
        errno = ENAMETOOLONG;
        return NULL;
    }
    int fd = directory ? -1 : mkstemp(path);
    if (directory ? mkdtemp(path) == NULL : fd < 0)
        return NULL;
    if (fd >= 0)
        (void)close(fd);
    char *canonical = realpath(path, NULL);
    int saved = errno;
    if (canonical == NULL)
        (void)remove(path);
    errno = saved;
    return canonical;
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    (void)remove(path);
    return 0;
}

void temporary_remove(const char *directory)
{
    if (directory != NULL)
        (void)nftw(directory, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}
