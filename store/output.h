/*
 * output.h - what is made of a message when it is stored: JSON or text for the
 * stream, files of its attachments, whether it counts, what is odd about it.
 */
#ifndef OUTPUT_H
#define OUTPUT_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/span.h"
#include "mail/match.h"
#include "store/save.h"

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
