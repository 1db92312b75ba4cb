/*
 * store.h - where mail goes.
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/base.h"
#include "mail/mail.h"

/* ---- store ---- */

/*
 * A mail goes into a file of a directory or a Maildir, its attachments into
 * files of another directory, and it goes down a stream.  It gets there whole
 * or not at all, and nothing is overwritten.
 *
 *     spool_begin()    for each mail; any number may be under way at once
 *     spool_add()      its octets; a failure is kept until the end
 *     store_finish()   the mail is complete
 *     store_go_on()    as long as the answer is STORE_WAITS
 *     spool_drop()     always: frees the memory
 */

enum store_format { STORE_EML, STORE_MBOX, STORE_JSON, STORE_TEXT, STORE_NONE };

enum store_outcome {
    STORE_DONE,
    STORE_FAILED, /* no trace is left of the mail, except for what is in a pipe already */
    STORE_WAITS,  /* all is done except for the stream, which takes nothing now */
};

enum { STORE_LOCK_RETRY = 20 /* milliseconds between two tries to lock an mbox */ };

/* Borrowed as long as the store is open. */
struct store_options {
    const char *directory; /* for mail, NULL: no files */
    bool maildir;          /* it is a Maildir */
    int stream;            /* a descriptor, -1: no stream */
    const char *stream_name;
    enum store_format format;    /* of the stream; an mbox is mboxrd with the lines of RFC 4155 */
    bool crlf;                   /* lines keep their CRLF; else it becomes LF */
    bool fsync;                  /* files are on the disk before they count as stored */
    const char *attachments;     /* the directory for them, NULL: none are written */
    const struct match *matches; /* what a mail must be like to count */
    size_t n_matches;
    bool lint; /* look for all that is odd about a mail */
};

enum { PLACE_NAME_MAX = 128 /* octets of a file's name, with the NUL */ };

/* A directory or Maildir; only place.c looks into it. */
struct place {
    const char *path; /* NULL: none; files are made in the directory for temporary ones */
    bool maildir, fsync;
    int temporary, final; /* directories: where files are made, and where they appear */
    uint64_t next;        /* number of the next file */
    uint64_t made;        /* names made so far, for those that carry no number */
    bool by_path;         /* for link_name_unnamed() */
    char host[65];        /* Maildir: the name of this machine, as file names have it */
};

/* A file on its way into a place. */
struct place_file {
    int fd; /* -1: there is none */
    bool published;
    char temporary[PLACE_NAME_MAX]; /* its name until then, "" if it has none */
    char name[PLACE_NAME_MAX];      /* its final name below the directory */
};

/* Only stream.c looks into it. */
struct stream {
    int fd; /* -1: none */
    const char *name;
    enum store_format format;
    bool is_file;
    const struct spool *owner; /* the mail that has the stream, NULL: none has; of that: */
    bool locked;               /* an mbox is locked for it; else it waits for the lock */
    off_t start;               /* where it begins in a file */
    uint64_t written;          /* octets that the stream has */
    uint64_t read;             /* octets taken from the mail */
    bool begun, ended;         /* its front, its end has been taken */
    struct span rest;          /* to be written next */
    bool at_start;             /* mbox: of a line; word octets of "From " have been held back then */
    size_t word;
    char last; /* mbox: octet of the mail so far, '\n' if there is none */
    size_t n;  /* octets in block */
    char block[24 * 1024];
};

/* The caller allocates it, zeroed.  store_close() may be called before store_open(). */
struct store {
    struct store_options o;
    struct place place, attachments;
    struct stream stream;
    bool looks; /* mail is looked at */
    bool wants; /* its octets go anywhere, or are looked at */
};

/* The mail data of a mail under way.  The caller allocates it and looks at nothing in it. */
struct spool {
    struct store *store; /* NULL: it is an attachment */
    struct place *place;
    bool wanted; /* octets are kept */
    bool crlf;   /* line ends stay as they are */
    bool cr;     /* a CR is held back, to see whether LF follows */
    char *buffer;
    size_t n, size;
    uint64_t total;         /* octets so far */
    uint64_t ours;          /* of them, at the front, those that the client has not sent */
    bool keeps_head;        /* spool_keep_head() */
    struct failure failure; /* the first one */
    struct span octets;     /* of a complete mail: all, or p NULL if they are in the file alone */
    size_t mapped;          /* so many of them are mapped memory */
    struct span head;       /* of a complete mail, for spool_head() */
    struct text path;       /* of the published file */
    struct text attached;   /* paths of its attachments, each followed by NUL */
    struct text had;        /* what it has instead of a --match */
    struct text front;      /* for the stream: JSON or text in place of the octets, or the line in front of them */
    struct place_file file; /* last, as its names are not cleared */
};

/* Opens the directories, and makes them where they are missing.  -1 on failure, which *why tells of. */
int store_open(struct store *s, const struct store_options *o, struct failure *why);
void store_close(struct store *s);

/*
 * Stores a complete mail: publishes its file, looks at it once, writes its
 * attachments, and at last the stream, which nothing can take back.  It fills
 * in what it finds out: mail->converted, file, failed, had, has_none and
 * problems; file and had live until the spool is dropped.  On STORE_FAILED the
 * spool has been dropped, and *why tells why.  On STORE_WAITS it stays as it
 * is, until store_go_on(), store_give_up() or spool_drop().
 */
enum store_outcome store_finish(struct store *s, struct spool *p, struct mail *mail, struct failure *why);

/* Goes on with one that waits. */
enum store_outcome store_go_on(struct store *s, struct spool *p, struct failure *why);

/* The descriptor to be watched for writing before store_go_on(); -1 if it is a lock that is waited for: then try again
   in STORE_LOCK_RETRY milliseconds. */
int store_waits_for(const struct store *s);

/* The mail is not to wait any longer: drops it, and *why tells why as if storing had failed. */
void store_give_up(struct store *s, struct spool *p, struct failure *why);

/* The directory for temporary files: TMPDIR, else /tmp. */
const char *place_temporary(void);

/* ---- spool ---- */

/* Begins a mail.  With exact it is not changed at all, whatever the options say of line ends. */
void spool_begin(struct spool *p, struct store *s, bool exact);

enum { SPOOL_HEAD_MAX = 8192 };

/* Keeps the first octets for spool_head(), even if the store wants none. */
void spool_keep_head(struct spool *p);

/* The first octets of a stored mail that the client sent, at most SPOOL_HEAD_MAX, until the spool is dropped.  Empty
   without spool_keep_head(). */
struct span spool_head(const struct spool *p);

/* Adds octets as they came over the wire. */
void spool_add(struct spool *p, const char *octets, size_t n);

/* Drops a mail, and frees its memory.  One that is not stored goes without a trace: a published file and attachments
   are taken back, and a stream is free for others.  It may be called more than once. */
void spool_drop(struct spool *p);

/* ---- envelope ---- */

/* Puts Return-Path, a Delivered-To for each recipient, and Received in front of the mail data; id is the session's
   number. */
void envelope_add_headers(const struct mail *mail, struct spool *p, const char *hostname, uint64_t id);

#endif
