/*
 * os.h - what one system does better than POSIX can.  os_linux.c has the
 * Linux forms, os_posix.c the portable ones; the Makefile links one of them.
 *
 * Functions that return int give -1 with errno on failure.
 */
#ifndef OS_H
#define OS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

/* What --version says of it. */
extern const char os_kind[];

/* ---- which of many descriptors are ready ---- */

struct os_poll {
    int fd;             /* Linux: of the epoll set; */
    int timer;          /* a timer in it, */
    int64_t goes_off;   /* which goes off at that time; INT64_MAX: it does not; */
    void *always;       /* and the tag of the one that is always ready, NULL if there is none, */
    bool always_read;   /* if it is watched for reading */
    struct pollfd *fds; /* POSIX: what poll() is given, */
    void **tags;        /* and the tag of each, in the same order */
    size_t n, size;
    size_t turn; /* whose turn it is to be looked at first */
};

int os_poll_open(struct os_poll *p);
void os_poll_close(struct os_poll *p);

/* Watches fd for reading.  Only one may be a file of a kind that is always ready (EPERM of any more). */
int os_poll_add(struct os_poll *p, int fd, void *tag);

/* Watches fd, which was added, for these from now on; for neither, only hanging up is noticed. */
int os_poll_set(struct os_poll *p, int fd, void *tag, bool read, bool write);

/* Watches fd, which was added, no longer. */
void os_poll_remove(struct os_poll *p, int fd, void *tag);

/* The same of a descriptor that is about to be closed, and was opened by us alone. */
void os_poll_closing(struct os_poll *p, int fd);

enum { OS_READY_MAX = 64 /* tags that one wait tells of */ };

/*
 * Waits until a descriptor is ready for what it is watched for, has hung up or
 * failed; puts the tags of those that are into ready, of more than OS_READY_MAX
 * only so many, and returns how many.  Returns none on a signal, about the time
 * `until`, in milliseconds on the clock of io_now(), which shows `now`, or earlier
 * for no reason: ask again.  Does not wait if `until` is not after `now`, and for
 * ever if it is INT64_MAX.
 */
int os_poll_wait(struct os_poll *p, void *ready[OS_READY_MAX], int64_t until, int64_t now);

/* ---- sockets ---- */

/* accept(2); the socket does not block, and is closed on exec. */
int os_accept(int fd, struct sockaddr *address, socklen_t *length);

/* Takes up to n octets that a socket has, as recv(2), and drops them; room holds n octets, and may be written to. */
ssize_t os_discard(int fd, void *room, size_t n);

/*
 * Keeps others who do the same out of the directory that holds path, until the
 * descriptor that it returns is closed.  -1 where that cannot be.
 */
int os_lock_directory_of(const char *path);

/* ---- from a socket to a file ---- */

enum { OS_MOVE_TAKES = 2 /* descriptors, once it is used */ };

/* What is kept for os_move() from one call to the next.  The caller allocates it. */
struct os_mover {
    bool usable; /* false: os_move() is not to be called */
    int pipe[2]; /* Linux: what octets pass through, -1: not open yet */
};

void os_move_open(struct os_mover *m);
void os_move_close(struct os_mover *m);

/*
 * Takes up to n octets that a socket has, and writes them to a file, without a
 * copy of our own; returns how many.  Where they could not be written, *error is
 * errno, and they are lost; else it is 0.  0 or less if it took none, for
 * whatever reason: the socket is to be read.
 */
ssize_t os_move(struct os_mover *m, int from, int to, size_t n, int *error);

/* ---- files that appear whole ---- */

/* Opens a new file of this mode in a directory, without a name; ENOTSUP where that cannot be. */
int os_create_unnamed(int directory, mode_t mode);

/* Gives it one.  EEXIST if the name is taken.  *by_path, at first false, is kept for the next: what has been refused
   once is not asked for again. */
int os_name_unnamed(int fd, int directory, const char *name, bool *by_path);

/* Renames a file, for file systems without hard links; EEXIST if the new name is taken. */
int os_rename_new(int from_directory, const char *from, int directory, const char *name);

#endif
