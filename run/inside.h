/* SPDX-License-Identifier: ISC */
/*
 * inside.h - the table of options, for what is made from it.
 */
#ifndef RUN_INSIDE_H
#define RUN_INSIDE_H

#include "run/run.h"

/* An option that is being read. */
struct parse;

struct option_entry {
    char letter;          /* '\0' if it has none */
    const char *name;     /* of a heading, the topic of --help */
    const char *argument; /* NULL: none; "[=...]": only a long name has it, and only after = */
    int (*take)(struct parse *p, const char *text); /* NULL: help is the heading of a group */
    size_t member;                                  /* for takers that several options share */
    const char *help;                               /* lines of up to 55 columns; the summary has the first */
};

/* The option or heading at this place of the table; NULL after the last one. */
const struct option_entry *options_entry(size_t place);

/* The word at this place of the list of those that the argument of an option begins with; NULL after the last one. */
const char *options_word(const struct option_entry *e, size_t place);

#endif
