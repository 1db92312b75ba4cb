/*
 * save.h - where messages go: files in a directory, a Maildir, a stream, or
 * nowhere.  Each is there whole or not at all, and nothing is overwritten.
 *
 * A message is begun, given its octets, and then finished or dropped.  Any
 * number may be under way at once.  Failures are kept until the message is
 * finished, so that nothing needs to be looked at before.
 */
#ifndef SAVE_H
#define SAVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/span.h"

enum { SAVE_NAME_MAX = 128 }; /* octets of a file's name, with the NUL */

/* What a stream is made of. */
enum save_format {
    SAVE_EML,      /* messages as they are */
    SAVE_MBOX,     /* an mbox: mboxrd, with the lines of RFC 4155; a file is appended to, under a lock */
    SAVE_RENDERED, /* what render() makes of them */
};

/* What only the caller knows of a message; borrowed by save_finish(). */
struct save_about {
    const char *mbox_line; /* "From ...", without its line end */
    void *message;         /* for render() */
};

struct save_options {
    const char *directory; /* NULL: no files */
    bool maildir;          /* it is a Maildir */
    int stream;            /* a descriptor, -1: no stream */
    const char *stream_name;
    enum save_format format;
    bool crlf;  /* lines keep their CRLF; else it becomes LF */
    bool fsync; /* files are on the disk before save_finish() returns */

    /*
     * Waits until a stream that is no file takes octets; with fd -1, for a
     * moment.  False if that shall not be waited for any longer.
     */
    bool (*wait)(void *context, int fd);
    /*
     * Looks at a whole message when its file has its name, and before the stream; NULL: nobody does.  file is where
     * it is, NULL if in no file; a failure takes it back.  For SAVE_RENDERED, *text becomes octets for the stream,
     * *size of them, to be freed.  -1 with errno on failure, and *culprit names what failed.
     */
    int (*render)(void *context, void *message, const char *file, struct span octets, char **text, size_t *size,
                  const char **culprit);
    void (*undo)(void *context); /* takes back what render() did: the message is not kept after all */
    void *render_context;
    void *context; /* of wait() */
};

/* The place.  The caller allocates it. */
struct save {
    struct save_options o;
    int temporary, final; /* directories: where files are made, and where they appear; -1: none */
    uint64_t next;        /* number of the next file */
    uint64_t made;        /* names made so far, for those that carry no number */
    bool by_path;         /* of os_name_unnamed() */
    char host[65];        /* Maildir: the name of this machine, as file names have it */
};

/* A message under way.  The caller allocates it and touches nothing in it but what is said. */
struct save_message {
    struct save *to;
    char *buffer;
    size_t n, size;
    int fd;    /* the file, once the buffer has overflowed */
    bool crlf; /* its line ends stay as they are */

    bool cr;             /* a CR is held back, to see whether LF follows */
    bool published;      /* it has its final name */
    uint64_t total;      /* octets of it so far */
    uint64_t ours;       /* for the caller: of them, how many at the front are not the client's */
    uint64_t streamed;   /* octets of it that the stream took */
    int error;           /* errno of the first failure, 0 if none */
    const char *culprit; /* what failed: the name of a file, directory or stream */
    /* these last: of them, save_begin() clears the first octet only */
    char temporary[SAVE_NAME_MAX]; /* name of the file until it is finished, "" if it has none */
    char asked[SAVE_NAME_MAX];     /* the name that the caller asks for, "" for the next number; it gets a number if
                              it is taken */
    char name[SAVE_NAME_MAX];      /* its final name below the directory, once finished */
};

/*
 * Opens the place; makes the directory, and those above it, where they are
 * missing.  -1 with errno on failure, and *culprit names what failed.  The
 * strings of the options are borrowed.
 */
int save_open(struct save *to, const struct save_options *options, const char **culprit);
void save_close(struct save *to);

/* The directory for temporary files: TMPDIR, else /tmp. */
const char *save_temporary(void);

/* With exact it is not changed at all, whatever the options say of line ends. */
void save_begin(struct save_message *m, struct save *to, bool exact);

/* Whether its octets go anywhere. */
bool save_wants(const struct save_message *m);

/*
 * A descriptor that n further octets may be written to without save_add(), as
 * they are to be stored as they are, and are too many to be collected; what has
 * been collected is written first.  It stays the message's, and is good until
 * the next call.  -1 if there is none such, or that failed, which is kept as ever.
 * save_added() tells that it was done, and with what error (an errno, 0 if none).
 */
int save_open_direct(struct save_message *m, uint64_t n);
void save_added(struct save_message *m, size_t n, int error);

/* Adds octets as they came over the wire. */
void save_add(struct save_message *m, const char *octets, size_t n);

/*
 * Finishes the message: it is in its place, under its final name, when this
 * returns 0.  On failure -1; error and culprit tell of it, and no trace of the
 * message is left (but in a pipe, what went down it).  about may be NULL where the place
 * has neither an mbox nor render().
 */
int save_finish(struct save_message *m, const struct save_about *about);

/* Drops the message without a trace. */
void save_drop(struct save_message *m);

#endif
