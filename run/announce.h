/*
 * announce.h - tells others that we listen, and where: files that are there
 * from the start of a run to its end, the service manager, a shell.
 *
 * Functions that return int give -1 with errno on failure.
 */
#ifndef ANNOUNCE_H
#define ANNOUNCE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* A file that tells something.  The caller allocates it, zeroed. */
struct announce_file {
    const char *path;
    const char *text;
    size_t n;
    bool waits; /* it is a FIFO that nobody reads yet */
    bool made;  /* it is to be removed, if it is still the same: */
    dev_t device;
    ino_t inode;
};

/*
 * Writes n octets of text to the file of this path, whole or not at all, and
 * replaces what is there; but what a link leads to, a device or a FIFO is
 * written to; while nobody reads a FIFO, f->waits, and announce_go_on() is to be
 * called from time to time.  Both strings are borrowed until announce_remove().
 */
int announce_file(struct announce_file *f, const char *path, const char *text, size_t n);

/* Looks again whether a FIFO is read by now. */
void announce_go_on(struct announce_file *f);

void announce_remove(struct announce_file *f);

/* Tells a service manager, if NOTIFY_SOCKET names one, that we are ready (sd_notify(3)), without waiting; the
   variable is then unset. */
int announce_ready(void);

/* Prints "NAME='value'; " for a shell, in quotes where they are needed; ferror(stdout) tells whether it could. */
void announce_assignment(const char *name, const char *value);

#endif
