/* SPDX-License-Identifier: ISC */
/*
 * watch_linux.c - what changes in directories and files, by inotify(7) and
 * leases of fcntl(2).
 */
#define _GNU_SOURCE
#include "read/inside.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/inotify.h>
#include <unistd.h>

int watch_open(void) { return inotify_init1(IN_NONBLOCK | IN_CLOEXEC); }

int watch_add(int watch, const char *path, bool is_directory)
{
    return inotify_add_watch(watch, path, IN_CLOSE_WRITE | (is_directory ? IN_CREATE | IN_MOVED_TO : IN_MODIFY));
}

void watch_drain(int watch)
{
    char events[4096];
    while (read(watch, events, sizeof events) > 0)
        continue;
}

/* A lease for reading is not given while the file is open for writing.  If it is opened just now, the signal must be
   one that does no harm. */
int watch_is_written(int fd)
{
    if (fcntl(fd, F_SETSIG, SIGURG) < 0)
        return -1;
    if (fcntl(fd, F_SETLEASE, F_RDLCK) < 0)
        return errno == EAGAIN ? 1 : -1;
    return fcntl(fd, F_SETLEASE, F_UNLCK) < 0 ? -1 : 0;
}
