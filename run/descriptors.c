/* SPDX-License-Identifier: ISC */
/*
 * descriptors.c - the standard descriptors, and how many there may be.
 */
#include "run/run.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* One opened the wrong way round takes the place, so that using it fails as before. */
void descriptors_fill(void)
{
    for (int fd = 0; fd <= 2; fd++) {
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF)
            (void)open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY);
    }
}

void descriptors_mute_error(void)
{
    struct stat out, err;
    if (fstat(STDOUT_FILENO, &out) < 0 || fstat(STDERR_FILENO, &err) < 0 || out.st_ino != err.st_ino ||
        out.st_dev != err.st_dev || !S_ISSOCK(out.st_mode))
        return;
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null >= 0) {
        (void)dup2(null, STDERR_FILENO);
        (void)close(null);
    }
}

/* Each of ours is closed by exec, and so is the one of this directory. */
void descriptors_close_inherited(void)
{
    DIR *all = opendir("/dev/fd");
    struct dirent *entry;
    if (all == NULL)
        return;
    while ((entry = readdir(all)) != NULL) {
        int fd = atoi(entry->d_name);
        int flags = fd > STDERR_FILENO ? fcntl(fd, F_GETFD) : -1;
        if (flags >= 0 && !(flags & FD_CLOEXEC))
            (void)close(fd);
    }
    (void)closedir(all);
}

void descriptors_raise_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}
