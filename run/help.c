/* SPDX-License-Identifier: ISC */
/*
 * help.c - the text of --help.
 *
 * The summary has the options that most runs need, with the first line of their
 * text, and names the others.  A topic is a group of options, and has them
 * whole; the name of each option stands for its group.
 */
#include "run/inside.h"

#include <stdio.h>
#include <string.h>

#include "base/base.h"

enum { COLUMNS = 79 };

/* Whether the summary has more of it than its name. */
static bool is_frequent(const struct option_entry *e)
{
    static const char *const names[] = {"match", "strict", "on", "hide", "auth", "tls", "env", "linger", NULL};
    static const char *const rare[] = {"connections", "envelope", "help", "version", NULL};
    struct span name = span_of(e->name);
    return span_is_one_of(name, names) || (e->letter != '\0' && !span_is_one_of(name, rare));
}

/* Prints an option with its text: of that only the first line, if it is to be brief. */
static void print_option(const struct option_entry *e, bool brief)
{
    char left[64];
    int n = snprintf(left, sizeof left, "  ");
    if (e->letter != '\0')
        n += snprintf(left + n, sizeof left - (size_t)n, "-%c, ", e->letter);
    n += snprintf(left + n, sizeof left - (size_t)n, "--%s", e->name);
    (void)snprintf(left + n, sizeof left - (size_t)n, "%s%s", e->argument != NULL && *e->argument == '[' ? "" : " ",
                   e->argument != NULL ? e->argument : "");
    for (const char *line = e->help; *line != '\0'; left[0] = '\0') {
        int length = (int)strcspn(line, "\n"), shown = length - (brief && strchr(",;", line[length - 1]) != NULL);
        (void)printf(strlen(left) < 24 ? "%-24s %.*s\n" : "%s  %.*s\n", left, shown, line);
        line += line[length] == '\n' ? length + 1 : length;
        if (brief)
            break;
    }
}

/* Prints the group of this heading in the summary. */
static void summarize(size_t heading)
{
    const struct option_entry *e = options_entry(heading);
    int column = 0, name = (int)strcspn(e->help, "(,");
    (void)printf("%.*s (--help %s):\n", name - (e->help[name] == '('), e->help, e->name);
    for (size_t i = heading + 1; (e = options_entry(i)) != NULL && e->take != NULL; i++) {
        if (is_frequent(e))
            print_option(e, true);
    }
    for (size_t i = heading + 1; (e = options_entry(i)) != NULL && e->take != NULL; i++) {
        if (is_frequent(e))
            continue;
        bool full = column + 4 + (int)strlen(e->name) > COLUMNS;
        column = full ? 0 : column;
        column += printf("%s--%s", full ? ",\n       " : column == 0 ? "  also " : ", ", e->name);
    }
    if (column > 0)
        (void)printf("\n");
}

/* Prints a line for each option, of fields with a tab between them: its long and its short name, its argument, the
   first line of its text, - if there is none; and -, and the words that the argument may begin with. */
static void print_words(void)
{
    const struct option_entry *e, *topic;
    for (size_t i = 0; (e = options_entry(i)) != NULL; i++) {
        const char *word;
        if (e->take == NULL)
            continue;
        (void)printf("--%s\t-%.1s\t%s\t%.*s\t-", e->name, &e->letter, e->argument != NULL ? e->argument : "-",
                     (int)strcspn(e->help, "\n"), e->help);
        for (size_t place = 0; (word = options_word(e, place)) != NULL; place++)
            (void)printf(" %s", word);
        for (size_t j = 0; strcmp(e->name, "help") == 0 && (topic = options_entry(j)) != NULL; j++) {
            if (topic->take == NULL)
                (void)printf(" %s", topic->name);
        }
        (void)printf("\n");
    }
}

/* Whether the topic is this group, of which e is the heading, or one of its options. */
static bool has_topic(const struct option_entry *e, size_t place, const char *topic)
{
    do {
        if (strcmp(topic, e->name) == 0 || (topic[0] == e->letter && topic[1] == '\0'))
            return true;
    } while ((e = options_entry(++place)) != NULL && e->take != NULL);
    return strcmp(topic, "all") == 0;
}

bool help_has_topic(const char *topic, char why[OPTIONS_WHY_MAX])
{
    const struct option_entry *e;
    if (topic == NULL || strcmp(topic, "words") == 0)
        return true;
    size_t n = (size_t)snprintf(why, OPTIONS_WHY_MAX, "--help: '%.100s' is no topic: give ", topic);
    for (size_t i = 0; (e = options_entry(i)) != NULL; i++) {
        if (e->take == NULL && has_topic(e, i, topic)) {
            why[0] = '\0';
            return true;
        }
        if (e->take == NULL)
            n += (size_t)snprintf(why + n, OPTIONS_WHY_MAX - n, "%s, ", e->name);
    }
    (void)snprintf(why + n, OPTIONS_WHY_MAX - n, "all or the name of an option");
    return false;
}

int help_print(const char *topic)
{
    const struct option_entry *e;
    if (topic != NULL && strcmp(topic, "words") == 0)
        print_words();
    bool whole = topic == NULL || strcmp(topic, "all") == 0, shown = false;
    if (whole)
        (void)printf("usage: fakesmtp [option ...] [command [argument ...]]\n"
                     "Accepts mail as an SMTP server does, delivers it nowhere, and exits 0 if the\n"
                     "expected mail came.  With a command: runs it with the port in SMTP_PORT, and\n"
                     "exits with its status, or 1 if the mail was not as expected.\n");
    for (size_t i = 0; (e = options_entry(i)) != NULL; i++) {
        if (e->take == NULL) {
            shown = topic != NULL && has_topic(e, i, topic);
            if (topic == NULL)
                summarize(i);
            else if (shown)
                (void)printf("%s%s:\n", whole ? "\n" : "", e->help);
        } else if (shown) {
            print_option(e, false);
        }
    }
    if (whole)
        (void)printf("%sStatus: 0 as expected, 1 not as expected, 2 wrong usage, 3 could not start,\n"
                     "4 could not write; 124 command still running at the limit of -t, 126 command\n"
                     "could not be run, 127 not found; else its own.  More: --help all, man fakesmtp\n",
                     topic != NULL ? "\n" : "");
    return fflush(stdout) == EOF || ferror(stdout) ? -1 : 0;
}
