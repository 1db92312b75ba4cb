/*
 * store.h - where mail goes.
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/base.h"
#include "mail/mail.h"

/* ---- save ---- */

/*
 * where messages go: files in a directory, a Maildir, a stream, or
 * nowhere.  Each is there whole or not at all, and nothing is overwritten.
 *
 * A message is begun, given its octets, and then finished or dropped.  Any
 * number may be under way at once.  Failures are kept until the message is
 * finished, so that nothing needs to be looked at before.
 */

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
    bool by_path;         /* of link_name_unnamed() */
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

/* ---- envelope ---- */

/*
 * what a client says of itself and of a message: the names, the
 * reverse-path and forward-paths (RFC 5321 2.3.1), the user, and the header
 * fields that can be made of it.
 */

/* Puts Return-Path, a Delivered-To for each recipient, and Received in front of a message; id is its number. */
void envelope_add_headers(const struct mail *mail, struct save_message *m, const char *hostname, uint64_t id);

enum { ENVELOPE_MBOX_LINE_MAX = 4096 };

/* The line in front of a message in an mbox, without its end: "From ", the sender in one word, the time in UTC (RFC
   4155). */
void envelope_mbox_line(const struct mail *mail, char line[ENVELOPE_MBOX_LINE_MAX]);

/* ---- output ---- */

/*
 * what is made of a message when it is stored: JSON or text for the
 * stream, files of its attachments, whether it counts, what is odd about it.
 */

enum output_format { OUTPUT_NONE, OUTPUT_JSON, OUTPUT_TEXT };

/* Borrowed. */
struct output_options {
    enum output_format format;
    const char *directory; /* for attachments, NULL: none */
    bool fsync;
    const struct match *matches; /* what a message must be like to count */
    size_t n_matches;
    bool lint; /* look for all that is odd about a message */
};

/* The caller allocates it. */
struct output {
    struct output_options o;
    struct save place;
    struct save_message file; /* the attachment under way */
    const char *culprit;      /* what could not be written */
    int error;
    char path[PATH_MAX];
    char (*made)[SAVE_NAME_MAX]; /* names of the attachments of the message at hand */
    size_t n_made, size_made;
    struct text had; /* what the message at hand has where it fails a match */
};

/* Makes the directory where it is missing; -1 with errno on failure. */
int output_open(struct output *o, const struct output_options *options);
void output_close(struct output *o);

/* Whether messages have to be looked at at all. */
bool output_is_needed(const struct output *o);

/* For struct save_options; context is a struct output, message a struct mail. */
int output_render(void *context, void *message, const char *file, struct span octets, char **text, size_t *size,
                  const char **culprit);

/* Removes the attachments of the message that was rendered last: it is not kept. */
void output_undo(void *context);

#endif
