/* SPDX-License-Identifier: ISC */
/*
 * problem.c - the problems a client can cause, and a sentence for each.
 *
 * fakesmtp-problems(7) lists the same sentences.
 */
#include "base/problem.h"

#include <string.h>

_Static_assert(PROBLEMS <= 128, "each problem is a bit");

enum { BREACH = false, NOTED = true };

static const struct problem_about table[] = {
#define X(name, word, sentence, section, kind) {word, sentence, section, kind},
    PROBLEMS_LIST(X)
#undef X
};

const struct problem_about *problem_about(enum problem p) { return &table[p]; }

size_t problem_text(enum problem p, char text[PROBLEM_TEXT_MAX])
{
    const struct problem_about *a = &table[p];
    const char *const pieces[] = {a->name, ": ", a->sentence, " (", a->section, ")"};
    text[0] = '\0';
    for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++)
        strcat(text, pieces[i]);
    return strlen(text);
}
