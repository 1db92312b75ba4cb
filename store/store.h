/* SPDX-License-Identifier: ISC */
/*
 * store.h - where mail goes: a file of a directory or a Maildir, files beside it
 * and for its attachments, and a stream.
 *
 * A mail is stored whole or not at all, and nothing is overwritten.
 *
 *     spool_begin()    for each mail; any number may be under way at once
 *     spool_add()      its octets; a failure is kept until the end
 *     store_finish()   the mail is complete
 *     store_go_on()    while the outcome is STORE_WAITS, in the order of the mails
 *     store_drop()     always: frees the memory
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/base.h"
#include "mail/mail.h"

/* The formats of a stream.  A new one has its renderer in mail/, its call in examine_message() and store_open()
   (store.c), and its name in take_format() (run/options.c). */
enum store_format { STORE_EML, STORE_MBOX, STORE_JSON, STORE_TEXT, STORE_HTML, STORE_NONE };

enum store_outcome {
    STORE_DONE,
    STORE_FAILED, /* nothing is left of the mail, except for octets that are in a pipe already */
    STORE_WAITS,  /* it is not done yet: see store_waits_for() */
};

/* Files beside that of a message, in the order in which they appear.  A new one has its name in place_beside_name() and
   in take_beside() (run/options.c). */
enum store_beside { STORE_BESIDE_ENVELOPE, STORE_BESIDE_TEXT, STORE_BESIDE_JSON, STORE_BESIDE_HTML, STORE_BESIDES };

/* Borrowed while the store is open. */
struct store_options {
    const char *directory; /* for mail; NULL: no files */
    bool maildir;          /* the directory is a Maildir */
    bool fresh;            /* the messages that are there already are removed */
    int stream;            /* a descriptor; -1: no stream */
    const char *stream_name;
    enum store_format format;    /* of the stream; STORE_MBOX is mboxrd */
    bool crlf;                   /* lines keep their CRLF; otherwise it becomes LF */
    bool fsync;                  /* files are on disk before they count as stored */
    const char *attachments;     /* a directory; NULL: attachments are not written */
    unsigned beside;             /* files beside each message: bits of enum store_beside */
    const char *hostname;        /* ours, in Received */
    const struct match *matches; /* in the order of their expectations */
    size_t n_matches;
    uint64_t expectations; /* bits of all of them */
    bool searched;         /* store_search() will be called */
    bool lint;             /* look for the problems of a mail */
    bool selects;          /* attachments and the stream are of mail that fits an expectation */
};

/* Whether the stream or files beside messages are pages. */
static inline bool store_makes_page(const struct store_options *o)
{
    return o->format == STORE_HTML || (o->beside >> STORE_BESIDE_HTML & 1) != 0;
}

/* The types up to struct store are here because callers allocate them.  Callers do not look into them. */

enum { PLACE_NAME_MAX = 128 /* octets of a file's name, with the NUL */ };

/* A directory or a Maildir. */
struct place {
    const char *path; /* NULL: none; files are made in the directory for temporary files */
    bool maildir, fsync;
    int temporary, final; /* directories: where files are made, and where they appear */
    uint64_t next;        /* number of the next file */
    uint64_t made;        /* names made so far that carry no such number */
    uint64_t held;        /* messages that were there already */
    bool has_beside;      /* there may be files beside messages, or the numbers of such */
    bool by_path;         /* for link_name_unnamed() */
    char host[65];        /* Maildir: the name of this machine, escaped */
};

/* A file on its way into a place. */
struct place_file {
    int fd; /* -1: none */
    bool published;
    char temporary[PLACE_NAME_MAX]; /* its name until it is published; "" if it has none */
    char name[PLACE_NAME_MAX];      /* its final name */
};

struct stream {
    int fd; /* -1: none */
    const char *name;
    enum store_format format;
    bool is_file;
    bool is_shown;     /* it is a terminal, which gets mail with escapes */
    unsigned begun;    /* pieces of the beginning of a page that are written */
    bool can_change;   /* it is a page, and what is written can be changed */
    uint64_t n_frames; /* in the page, */
    struct stream_frame {
        off_t begin, end;
    } frames[PAGE_FRAMES_MAX]; /* and where the names of the last ones are, in a file */
    const struct spool *owner; /* the mail that is being written; NULL: none.  The rest is about that mail */
    bool locked;               /* writing has begun; otherwise it waits for the lock of an mbox */
    off_t start;               /* where it begins in a file */
    uint64_t written;          /* octets written to the stream */
    uint64_t read;             /* octets read from the mail */
    bool ended;                /* the octets read include its last ones */
    struct span rest;          /* the octets to be written next */
    bool at_start;             /* mbox: at the start of a line, apart from word octets of "From " that are held back */
    size_t word;
    char last; /* mbox: the last octet read; '\n' at first */
    size_t n;  /* octets in block */
    char block[24 * 1024];
};

/* A thread that examines a large mail. */
struct examiner {
    struct spool *mail; /* NULL: none, and there is no thread */
    pthread_t thread;
    atomic_bool stop;
    int status;    /* what examining it came to */
    int done[2];   /* a pipe, made for the first such mail: an octet comes when the thread is done */
    bool has_pipe; /* it has been made */
};

/* The caller zeroes it.  store_close() may be called before store_open(). */
struct store {
    struct store_options o;
    struct place place, attachments;
    struct place beside; /* for what is beside a message: the directory, or that above new and cur of a Maildir */
    struct stream stream;
    struct examiner examiner;
    size_t waiting; /* mails whose outcome is STORE_WAITS */
    bool looks;     /* mail is examined */
    bool wants;     /* mail is examined or written */
};

/* The mail data of a mail under way. */
struct spool {
    struct store *store;         /* NULL: it is an attachment */
    struct place *place;         /* NULL: the mail has been dropped */
    bool wanted;                 /* octets are kept */
    bool crlf;                   /* line ends stay as they are */
    bool cr;                     /* a CR is held back, as LF may follow */
    bool waits;                  /* the outcome is STORE_WAITS, or was that of the search: it is its turn */
    bool skips;                  /* the stream does not get it */
    struct mail *mail;           /* a complete mail that is not examined yet; otherwise NULL */
    struct store_search *search; /* what it is being searched for; NULL: it is not */
    char *buffer;
    size_t n, size;
    uint64_t total;         /* octets so far */
    uint64_t ours;          /* of them, those at the front that we have added */
    bool keeps_head;        /* its first octets are kept, even if nothing else is */
    struct failure failure; /* the first one */
    struct span octets;     /* of a complete mail; p NULL: they are only in the file */
    struct span head;       /* of a complete mail, for spool_head() */
    struct text path;       /* of the published file */
    struct text attached;   /* the paths of its attachments, each with a NUL */
    struct text had;        /* for mail->had */
    struct text front;      /* for the stream: what goes before the mail or in place of it */
    struct beside *beside;  /* what goes beside the mail, until that is stored; NULL: nothing */
    struct place_file file; /* last, as its names are not cleared */
};

/* Opens the directories, and makes those that are missing.  -1 on failure, with the reason in *why. */
int store_open(struct store *s, const struct store_options *o, struct failure *why);
void store_close(struct store *s);

/* How many messages earlier runs have left, after store_open(). */
static inline uint64_t store_held(const struct store *s) { return s->place.held; }

/* Begins a mail.  exact: its line ends stay as they are, whatever the options say.  keeps_head: spool_head() will be
   called. */
void spool_begin(struct spool *p, struct store *s, bool exact, bool keeps_head);

/* Adds Return-Path, Delivered-To for each recipient, and Received.  Call it before spool_add(). */
void envelope_add_headers(const struct mail *mail, struct spool *p);

/* Adds octets as they came over the wire. */
void spool_add(struct spool *p, const char *octets, size_t n);

/* A search of complete mail data before they are stored.  All is borrowed until it is done. */
struct store_search {
    const struct match *matches;
    size_t n;
    const struct mail *mail;
    uint64_t found; /* the bits of the expectations that they fit, and of all without a match; 0 on failure */
};

/* Searches.  A failure is reported by store_finish().  STORE_WAITS: call it again when store_waits_for() is ready. */
enum store_outcome store_search(struct spool *p, struct store_search *search);

/*
 * Stores a complete mail: publishes its file, examines it, writes its
 * attachments, and at last writes to the stream, which cannot be undone.  What
 * is beside the file is there before the file is.  Sets mail->file, problems,
 * and what match_all() sets; file and had live until store_drop().  On
 * STORE_FAILED the spool has been dropped, and *why has the reason; ESTALE:
 * another process has cut off its file.  On STORE_WAITS mail is borrowed until
 * the outcome is another one; call store_go_on(), store_give_up() or
 * store_drop().
 */
enum store_outcome store_finish(struct store *s, struct spool *p, struct mail *mail, struct failure *why);

/* Begins a page in a file, which is there to be looked at from now on.  One that goes elsewhere begins with the first
   mail.  Returns 0, or the errno of a failure. */
int store_begin_page(struct store *s);

/* Ends a page with its last octets, and begins it if no mail has.  A pipe is waited for until `until`, a time of
   clock_now().  Returns 0, or the errno of a failure. */
int store_end_page(struct store *s, struct span end, int64_t until);

enum { STORE_LOCK_RETRY = 20 /* milliseconds between two tries to lock a file */ };

/* When to call store_go_on() for the first mail that waits: when fd is ready, or after some milliseconds if it is -1.
 */
struct store_wait {
    int fd;
    bool write; /* fd must be ready for writing; otherwise for reading */
    int64_t after;
};

struct store_wait store_waits_for(const struct store *s);

/* Whether mail->fits is known for a mail that waits. */
static inline bool store_has_matched(const struct spool *p) { return p->mail == NULL || p->store->o.n_matches == 0; }

/* Goes on with a mail that waits.  Returns the same as store_finish(). */
enum store_outcome store_go_on(struct store *s, struct spool *p, struct failure *why);

/* Drops a mail that waits, with the reason in *why.  ECANCELED: it is not read, or not written, yet; ENOLCK: another
   process has locked the mbox; ETIMEDOUT: the reader of the stream reads nothing. */
void store_give_up(struct store *s, struct spool *p, struct failure *why);

/* The first octets of a stored mail that came from the client, at most MAIL_HEAD_MAX.  They live until store_drop().
   Empty without keeps_head. */
struct span spool_head(const struct spool *p);

/* Drops a mail, and frees its memory.  If it is not stored, its file and attachments are removed, and the stream is
   free for others.  May be called more than once. */
void store_drop(struct spool *p);

/* Locks a file against other writers, or unlocks it.  Read locks of others do not matter, as every user who can read a
   file can hold one for ever.  -1 with errno on failure; EAGAIN: another process has the lock. */
int stream_lock(int fd, bool on);

/* The directory for temporary files: TMPDIR, or /tmp. */
const char *place_temporary(void);

#endif
