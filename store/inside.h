/*
 * inside.h - what the files of store/ share, and nobody else needs.
 */
#ifndef STORE_INSIDE_H
#define STORE_INSIDE_H

#include <errno.h>
#include <stdbool.h>
#include <sys/types.h>

#include "store/store.h"

/* ---- link ---- */

/*
 * Files that appear whole under their name.  link_linux.c has the Linux forms,
 * link_posix.c the portable ones; the Makefile links one of them.  Functions
 * that return int give -1 with errno on failure.
 */

/* Opens a new file of this mode in a directory, without a name; ENOTSUP where that cannot be. */
int link_create_unnamed(int directory, mode_t mode);

/* Gives it a name; EEXIST if the name is taken.  *by_path is false at first, and kept from call to call: a way that
   was refused is not tried again. */
int link_name_unnamed(int fd, int directory, const char *name, bool *by_path);

/* Renames a file, for file systems without hard links; EEXIST if the new name is taken. */
int link_rename_new(int from_directory, const char *from, int directory, const char *name);

/* ---- place ---- */

/*
 * Opens a directory, or a Maildir, and makes it where it is missing.  path is
 * borrowed; with NULL there is no directory, and files are made in the one for
 * temporary files.  -1 with errno on failure.
 */
int place_open(struct place *to, const char *path, bool maildir, bool fsync);
void place_close(struct place *to);

/* The name of the place for a message to the user. */
const char *place_name(const struct place *to);

/* Opens a new file in the place, which has no final name yet.  -1 with errno on failure; nothing is left then. */
int place_create(struct place *to, struct place_file *f);

/*
 * Gives a complete file its final name, which stands in f->name.  asked is the
 * wanted name, "" for the next number; a number is added to a name that is
 * taken.  With read_on the file can still be read through f->fd.  -1 with errno
 * on failure.
 */
int place_publish(struct place *to, struct place_file *f, const char *asked, bool read_on);

/* Writes n octets.  -1 with errno on failure. */
int place_write(int fd, const char *octets, size_t n);

/* Closes the file; it goes away if it is published, or has a temporary name. */
void place_drop(struct place *to, struct place_file *f);

/* ---- spool ---- */

/* Begins a file of its own in a place: no stream, and no octet is changed. */
void spool_begin_file(struct spool *p, struct place *to);

/* Keeps the first failure; returns -1. */
static inline int spool_fail(struct spool *p, int error, const char *what)
{
    if (p->failure.error == 0)
        p->failure = (struct failure){error != 0 ? error : EIO, what};
    return -1;
}

/*
 * The mail data are complete: writes what is left to the file, if there is one
 * or it is to be published.  With look, p->octets are all octets afterwards;
 * else they may stay in the file alone, with p->octets.p NULL.  -1 on failure,
 * which is kept.
 */
int spool_complete(struct spool *p, bool look);

/* As place_publish(); -1 on failure, which is kept. */
int spool_publish(struct spool *p, const char *asked);

/* ---- envelope ---- */

/* Adds the line in front of a mail in an mbox, without its end: "From ", the sender in one word, the time in UTC (RFC
   4155). */
void envelope_mbox_line(const struct mail *mail, struct text *line);

/* ---- attachments ---- */

/*
 * Writes each attachment of a message to a file; number is that of the message.
 * Their paths stand in the parts of m afterwards, and live until p is dropped.
 * -1 on failure, which is kept in p.
 */
int attachments_save(struct store *s, struct spool *p, uint64_t number, struct message *m);

/* ---- stream ---- */

/* fd -1: there is none. */
void stream_open(struct stream *s, int fd, const char *name, enum store_format format);

/*
 * Writes a complete mail to the stream, as far as the stream takes it.
 * STORE_WAITS if it takes no more now: then call it again.  STORE_FAILED: the
 * failure is kept in p, and stream_leave() takes back what it can.
 */
enum store_outcome stream_put(struct stream *s, struct spool *p);

/* The mail is not to be written any further: a file is cut back, and others may write. */
void stream_leave(struct stream *s, const struct spool *p);

#endif
