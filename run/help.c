/*
 * help.c - the text of --help.
 */
#include "run/inside.h"

#include <stdio.h>
#include <string.h>

int options_help(void)
{
    (void)printf("usage: fakesmtp [option ...] [command [argument ...]]\n"
                 "Accepts mail as an SMTP server does, delivers it nowhere, and exits 0 if the\n"
                 "expected mail came.  With a command: runs it with the port in SMTP_PORT, and\n"
                 "exits with its status, or 1 if the mail was not as expected.\n");
    const struct option_entry *e;
    for (size_t i = 0; (e = options_entry(i)) != NULL; i++) {
        if (e->take == NULL) {
            (void)printf("\n%s:\n", e->help);
            continue;
        }
        char left[64];
        int n = snprintf(left, sizeof left, "  ");
        if (e->letter != '\0')
            n += snprintf(left + n, sizeof left - (size_t)n, "-%c, ", e->letter);
        n += snprintf(left + n, sizeof left - (size_t)n, "--%s", e->name);
        (void)snprintf(left + n, sizeof left - (size_t)n, "%s%s", e->argument != NULL && *e->argument == '[' ? "" : " ",
                       e->argument != NULL ? e->argument : "");
        for (const char *line = e->help; *line != '\0'; left[0] = '\0') {
            int length = (int)strcspn(line, "\n");
            (void)printf(strlen(left) < 24 ? "%-24s %.*s\n" : "%s  %.*s\n", left, length, line);
            line += line[length] == '\n' ? length + 1 : length;
        }
    }
    (void)printf("\nStatus: 0 as expected, 1 not as expected, 2 wrong usage, 3 could not start,\n"
                 "4 could not write; 124 command still running at the limit of -t, 126 command\n"
                 "could not be run, 127 command not found; otherwise the status of the command.\n"
                 "More: man fakesmtp\n");
    return fflush(stdout) == EOF || ferror(stdout) ? -1 : 0;
}
