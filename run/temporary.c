/* SPDX-License-Identifier: ISC */
/*
 * temporary.c - a private directory for mail, and a file for the certificate,
 * in TMPDIR.
 *
 * Their paths are canonical: the command may use them in another directory.
 */
#include "run/run.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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

/* Removes what is at path, of n octets, and below.  A mount stays: rmdir(2) finds it busy.  Returns 0, or the errno for
   the first that is left. */
static int remove_all(char path[PATH_MAX], size_t n, char left[PATH_MAX])
{
    int first = 0;
    if (rmdir(path) == 0 || errno == ENOENT || (errno == ENOTDIR && unlink(path) == 0))
        return 0;
    DIR *d = errno == ENOTEMPTY || errno == EEXIST ? opendir(path) : NULL;
    for (struct dirent *e; d != NULL && (e = readdir(d)) != NULL; path[n] = '\0') {
        size_t room = PATH_MAX - n, more = strlen(e->d_name) + 1;
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 || more >= room)
            continue;
        (void)snprintf(path + n, room, "/%s", e->d_name);
        int error = remove_all(path, n + more, left);
        first = first != 0 ? first : error;
    }
    if (d != NULL) {
        (void)closedir(d); /* the directory may be empty even if that fails */
        if (rmdir(path) == 0)
            return 0;
    }
    if (first == 0)
        memcpy(left, path, n + 1);
    return first != 0 ? first : errno;
}

int temporary_remove(const char *directory, char left[PATH_MAX])
{
    char path[PATH_MAX];
    int n = directory != NULL ? snprintf(path, sizeof path, "%s", directory) : 0;
    errno = n > 0 && n < PATH_MAX ? remove_all(path, (size_t)n, left) : 0;
    return errno == 0 ? 0 : -1;
}
