/* SPDX-License-Identifier: ISC */
/*
 * inside.h - what the files of read/ share.
 */
#ifndef READ_INSIDE_H
#define READ_INSIDE_H

#include <errno.h>
#include <limits.h>
#include <sys/stat.h>

#include "mail/mail.h"
#include "read/read.h"

/* All times are in milliseconds. */
enum {
    READ_LOOK = 20,       /* between two looks at what the system does not tell of */
    READ_QUIET = 100,     /* after this time without a change a file counts as whole */
    READ_PATIENCE = 3000, /* for a file that another process writes to, or has locked, if nothing is watched */
};

/* ---- watch_linux.c or watch_posix.c, which the Makefile chooses ---- */

/* Returns a descriptor that becomes readable when something changes; -1: the system has none. */
int watch_open(void);

/* Watches a file or a directory.  -1: it cannot be watched. */
int watch_add(int watch, const char *path, bool is_directory);

/* Reads off what has changed. */
void watch_drain(int watch);

/* Whether a process has this file open for writing: 1, or 0; -1: that is not known. */
int watch_is_written(int fd);

/* ---- origin.c: who sent a mail to whom, as lines say it ---- */

/* The strings that struct mail borrows, and what else the lines say. */
struct origin {
    struct text helo, user, argv, sni, alpn, certificate;
    struct tls_peer tls;
    char address[64], protocol[32], version[32];
    bool has_size, has_lines;
    uint64_t size;  /* of the mail, if has_size */
    bool crlf;      /* its lines end in CRLF, if has_lines */
    uint64_t added; /* octets at the front of its file that are such lines */
};

/* Which of the lines that -e puts in front of a message come next; zeroed at first. */
enum origin_next { ORIGIN_PATH, ORIGIN_TO, ORIGIN_MORE, ORIGIN_FOLDED, ORIGIN_OVER };

/* Whether a line is one of these.  *next moves on. */
bool origin_takes(enum origin_next *next, struct span line);

/* Begins a mail with an envelope from such lines, and those of a file beside a message.  Its time stays where they do
   not say it.  False if there is no memory. */
bool origin_read(struct origin *o, struct span lines, struct mail *mail);

/* Begins a mail with the sender and the time of the line before it in an mbox, without its end. */
bool origin_read_mbox(struct span line, struct mail *mail);

void origin_close(struct origin *o);

/* ---- file.c: the messages of one file ---- */

enum file_state {
    FILE_GOES_ON, /* there is more to read */
    FILE_WAITS,   /* it has no more now */
    FILE_MAIL,    /* a mail is complete, in mail and spool; end it with file_end_mail() */
    FILE_ENDED,
    FILE_FAILED, /* with errno */
};

enum { FILE_BUFFER = 64 * 1024 };

/* The caller zeroes it at first, and sets fd to -1. */
struct file {
    int fd;           /* -1: none */
    const char *path; /* NULL: standard input */
    bool is_regular;
    bool is_single; /* its name says that it is one message, which is whole */
    bool is_told;   /* is_mbox is known */
    bool is_mbox;
    bool had_message;
    bool at_end; /* what the buffer holds is all that will come, or that there is for now */
    char *buffer;
    size_t at, n; /* the octets from at to n are to be read */
    /* the message under way */
    enum { FILE_BETWEEN, FILE_FRONT, FILE_BODY } phase;
    enum origin_next next;
    bool has_spool;
    bool has_envelope; /* by the file beside it, or by the line before it */
    bool has_beside;   /* a file beside it has its envelope, its problems and its size */
    bool has_lines;    /* ends.crlf is known */
    bool adds_cr;      /* its lines end in LF, and CRLF is to be stored */
    bool in_line;      /* the last octet did not end a line */
    struct ends ends;  /* of its lines */
    struct span blank; /* mbox: an empty line that may be the last one, and then belongs to the next message */
    struct text front; /* lines that may be the envelope */
    struct origin origin;
    struct mail mail;
    struct spool spool;
};

/* Begins to read an open file; *f is as file_close() leaves it.  False with errno on failure. */
bool file_open(struct file *f, int fd, const char *path, bool is_single);

/* Takes the envelope of the message from the lines of a file beside it.  False if there is no memory. */
bool file_set_envelope(struct file *f, struct span lines);

/* Reads up to FILE_BUFFER octets. */
enum file_state file_go_on(struct file *f, struct reader *r, uint64_t n);

void file_end_mail(struct file *f);

void file_close(struct file *f);

/* Whether a file is whole: no process is writing to it, and what is there may be all, or it has not changed for a
   while. Otherwise r->again_at says when to ask again.  An empty file that is watched is not. */
bool file_is_whole(struct reader *r, int fd, bool may_be_all);

/* ---- directory.c: the files of a directory or a Maildir ---- */

struct directory {
    int fds[2];           /* the directory, or new and cur; -1: none */
    int beside;           /* where what is beside a message is */
    bool maildir;         /* the second one may be missing all the same */
    void *known;          /* a tree of the files that have been found */
    struct found **found; /* those that have not been read, in order */
    size_t n, size;
    size_t next;    /* the one to look at now */
    size_t waiting; /* of those before it: they are not whole */
    bool is_due;    /* to be looked at again */
};

struct directory_file {
    uint64_t n;   /* the number in its name; 0: none */
    char *path;   /* to be freed; NULL: there is none */
    int fd;       /* -1: there is none now */
    int envelope; /* of the file beside it; -1: none */
};

int directory_open(struct directory *d, const char *path);
void directory_close(struct directory *d);

/* Looks for new files.  -1 with errno on failure. */
int directory_look(struct directory *d);

/* Opens the next file that is whole; waits for the others.  -1 with errno on failure. */
int directory_next(struct directory *d, struct reader *r, const char *path, struct directory_file *f);

#endif
