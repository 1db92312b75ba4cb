/* SPDX-License-Identifier: ISC */
/*
 * inside.h - what the files of store/ share.
 *
 * Functions that return int give -1 with errno on failure, unless they say
 * otherwise.
 */
#ifndef STORE_INSIDE_H
#define STORE_INSIDE_H

#include <errno.h>
#include <stdbool.h>
#include <sys/types.h>

#include "store/store.h"

/* ---- link_linux.c or link_posix.c, which the Makefile chooses: files that appear whole ---- */

enum { LINK_MODE = 0666 /* of all files, without what the umask forbids */ };

/* Opens a new file in a directory, without a name.  ENOTSUP where that is not possible. */
int link_create_unnamed(int directory);

/* Gives such a file a name.  EEXIST if the name is taken.  *by_path is false before the first call, and remembers which
   of two ways works. */
int link_name_unnamed(int fd, int directory, const char *name, bool *by_path);

/* Renames a file.  EEXIST if the new name is taken; any other error may mean that it cannot be done without replacing.
 */
int link_rename_new(int from_directory, const char *from, int directory, const char *name);

/* ---- place.c: a directory or a Maildir ---- */

/* Opens a directory or a Maildir, and makes it if it is missing.  path is borrowed; NULL: files are made in the
   directory for temporary files.  fresh: removes the messages of earlier runs. */
int place_open(struct place *to, const char *path, bool maildir, bool fsync, bool fresh);

/* Keeps errno. */
void place_close(struct place *to);

/* The name of the place for a message to the user. */
const char *place_name(const struct place *to);

/* Opens a new file that has no final name yet. */
int place_create(struct place *to, struct place_file *f);

/*
 * Gives a complete file its final name, and sets f->name.  asked is the name
 * that is wanted, or "" for the next number; a number is added to a name that is
 * taken.  NULL: f->name is wanted, and the error is EEXIST if it is taken.  read_on: f->fd stays open for reading.
 */
int place_publish(struct place *to, struct place_file *f, const char *asked, bool read_on);

/* Sets f->name to the next name for a message.  taken: how many have been found taken in a row. */
int place_choose(struct place *to, struct place_file *f, int taken);

/* Writes the name of what is beside a message: 0001.json beside 0001.eml.  In a Maildir the name of a message has no
   suffix. */
void place_beside_name(enum store_beside kind, const char *message, char name[PLACE_NAME_MAX]);

/* Writes all n octets. */
int place_write(int fd, const char *octets, size_t n);

/* Adds the path of a published file, with a NUL; nothing if memory runs out. */
void place_add_path(const struct place *to, const struct place_file *f, struct text *path);

/* Closes the file.  Removes it if it is published, or has a temporary name. */
void place_drop(struct place *to, struct place_file *f);

/* ---- spool.c: the mail data of a mail under way ---- */

enum { SPOOL_CUT_OFF = ESTALE /* the error when another process has cut off the file of a mail */ };

/* Begins a file that is not a mail: it goes to the place only, and is not changed. */
void spool_begin_file(struct spool *p, struct place *to);

/* Keeps the failure if it is the first one.  Returns -1. */
static inline int spool_fail(struct spool *p, int error, const char *what)
{
    if (p->failure.error == 0)
        p->failure = (struct failure){error != 0 ? error : EIO, what};
    return -1;
}

/* Keeps a failure if memory ran out for a text of the mail.  Returns -1 if it did, otherwise 0. */
static inline int spool_check_text(struct spool *p, const struct text *t)
{
    return t->failed ? spool_fail(p, ENOMEM, "memory") : 0;
}

/* Ends the mail data: writes the rest to the file, if there is one or it is to be published.  If some were there
   before, p->octets.p is NULL.  -1 on failure, which is kept. */
int spool_complete(struct spool *p);

/* Publishes the file; asked as for place_publish().  -1 on failure, which is kept. */
int spool_publish(struct spool *p, const char *asked);

/* Lends all octets of a complete mail, until spool_look_away() in the same thread.  -1 on failure, which is kept. */
int spool_look(struct spool *p, struct span *octets);

/* -1 if they could not be read as they had been written; that failure is kept. */
int spool_look_away(struct spool *p);

/* A sink that gives back the memory of octets mapped from a file; looking at them again reads them again. */
void spool_forget(void *nothing, const char *octets, size_t n);

/* Closes its file, which is removed if it is published, and frees the memory. */
void spool_drop(struct spool *p);

/* ---- envelope.c, attachments.c ---- */

/* Adds the text of a file with the envelope.  Its lines end in CRLF. */
void envelope_add_file(const struct mail *mail, const struct spool *p, struct text *t);

/* Adds the line before a mail in an mbox, without its end: "From ", the sender as one word, the time in UTC (RFC
   4155). */
void envelope_mbox_line(const struct mail *mail, struct text *line);

/* Writes each attachment of message number to a file, and sets the paths in the parts of m, which live until p is
   dropped.  -1 on failure, which is kept in p. */
int attachments_save(struct store *s, struct spool *p, uint64_t number, struct message *m);

/* Removes these files. */
void attachments_remove(struct store *s, struct spool *p);

/* ---- beside.c: files beside that of a mail ---- */

/* What goes beside a mail.  struct spool has it until the mail is stored. */
struct beside {
    struct text made[STORE_BESIDES]; /* their texts; empty where p->front is the text */
    bool there[STORE_BESIDES];       /* the file is published */
};

/* Begins what goes beside a complete mail, and chooses the name of its file.  -1 on failure, which is kept. */
int beside_begin(struct store *s, struct spool *p, const struct mail *mail);

/* Publishes what goes beside a mail, and then its file.  -1 on failure, which is kept; EEXIST: a name is taken. */
int beside_publish(struct store *s, struct spool *p);

/* Undoes what was done under a name that is taken, and chooses the next one; taken: how many have been in a row. */
int beside_begin_again(struct store *s, struct spool *p, int taken);

/* Where JSON is to be added: for the stream, for beside it, or for both; NULL: nowhere.  The same for text. */
struct text *beside_json(struct store *s, struct spool *p);
struct text *beside_text(struct store *s, struct spool *p);

/* Where a page of the mail alone is to be added; NULL: nowhere. */
struct text *beside_page(struct store *s, struct spool *p);

/* Removes the files, if there are any. */
void beside_remove(struct store *s, struct spool *p);

/* Frees the memory. */
void beside_close(struct spool *p);

/* ---- examiner.c: reading a mail, a large one in a thread ---- */

/*
 * Reads the mail once.  With p->search it does that search.  Otherwise it reads
 * p->mail: matches it, saves its attachments, and makes p->front of it, or looks
 * for its problems.  STORE_WAITS: call it again when s->examiner.done[0] is
 * ready.  STORE_FAILED: the failure is kept in p.
 */
enum store_outcome examiner_go_on(struct store *s, struct spool *p);

/* Stops examining this mail, if it is under way. */
void examiner_leave(struct store *s, struct spool *p);

void examiner_close(struct store *s);

/* ---- stream.c: one stream for all mails ---- */

void stream_open(struct stream *s, const struct store_options *o);

/* Writes a complete mail to the stream, some megabytes at once.  STORE_WAITS: call it again.  STORE_FAILED: the failure
   is kept in p; call stream_leave(). */
enum store_outcome stream_put(struct stream *s, struct spool *p);

/* See store_begin_page() and store_end_page(). */
int stream_begin_page(struct stream *s);
int stream_end_page(struct stream *s, struct span end, int64_t until);

/* Stops writing a mail: cuts a file back to where the mail began, and lets others write. */
void stream_leave(struct stream *s, struct spool *p);

#endif
