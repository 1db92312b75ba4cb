/*
 * show.h - everything that is said to people, on standard error: messages, the
 * dialogue, the status line.  Text from a client is escaped here.
 */
#ifndef SHOW_H
#define SHOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"

enum {
    SHOW_TAIL_LINES = 24, /* of the dialogue, kept for a run that fails */
    SHOW_TAIL_MAX = 120,  /* octets of each */
    SHOW_LINE_MAX = 4096, /* octets of a line that is printed, with the NUL */
};

struct show {
    bool quiet;    /* errors only */
    bool dialogue; /* as it happens */
    bool terminal; /* standard error is one */
    bool colour;
    bool status; /* a status line is there */
    bool stuck;  /* standard error made us wait until a signal came: it is waited for a second more, */
    bool deaf;   /* and when that was in vain, no longer, until it takes something */
    struct show_line {
        uint64_t session;
        char who;
        unsigned char n;
        char text[SHOW_TAIL_MAX];
    } tail[SHOW_TAIL_LINES]; /* the last lines of the dialogue: a ring, */
    uint64_t lines;          /* of so many so far */
};

/* The end of a noun in the plural, or not. */
static inline const char *show_plural(uint64_t n) { return n == 1 ? "" : "s"; }

void show_open(struct show *s, bool quiet, bool dialogue);

/*
 * Writes text for a person to read into out, which holds size octets, at least
 * 8, and ends it with NUL: printable ASCII and visible UTF-8 as they are, all
 * else, and the backslash, as \xHH or \\.  What does not fit ends in "...".
 * Returns the length.
 */
size_t show_escape(char *out, size_t size, struct span text);

/* Prints a line of ours: "fakesmtp: " and what printf makes of the rest. */
#if defined(__GNUC__)
__attribute__((format(printf, 2, 3)))
#endif
void show_line(struct show *s, const char *format, ...);

/*
 * Writes a line of the dialogue into out, which holds size octets, with its
 * line end: "2 C: NOOP".  Returns the length.
 */
size_t show_format(char *out, size_t size, uint64_t session, char who, struct span text, bool colour);

/* A line of the dialogue in a session; who is 'C' for the client, 'S' for the server, '!' for what was odd. */
void show_dialogue(struct show *s, uint64_t session, char who, struct span text);

/* Prints what is kept of the end of the dialogue, unless it has been printed. */
void show_tail(struct show *s);

/* Shows text, plain ASCII, as the status line, where there is a terminal; "" takes it away. */
void show_status(struct show *s, const char *text);

#endif
