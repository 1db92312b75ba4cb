/*
 * judge.h - the verdict on a run: what came, held against what was expected.
 */
#ifndef JUDGE_H
#define JUDGE_H

#include "run/run.h"
#include "serve/server.h"

/* The status that the process ends with, beside the command's own. */
enum { AS_EXPECTED, NOT_AS_EXPECTED, USAGE, NOT_STARTED, NOT_WRITTEN, TIMED_OUT = 124, NOT_RUN = 126, NOT_FOUND };

/* What ended a run. */
enum cause { NOTHING, ENOUGH, CONNECTIONS, SESSION_ENDED, LIMIT, SIGNALLED, COMMAND_ENDED, OUTPUT_FAILED };

/* A run that is over.  Borrowed. */
struct judge {
    const struct options *options;
    const struct server *server;
    const struct wrap *wrap; /* NULL: there was no command */
    enum cause cause;
    int signal;       /* that ended the run, 0 if none did */
    bool limit_hit;   /* by the command */
    bool interrupted; /* by SIGINT, and it was ours to take, not the command's */
};

/* Says on one line why the run was not as expected, if it was not, and on further lines what came, what clients got
   wrong, and what rules never fired; returns the status. */
int judge(const struct judge *j, struct console *console);

#endif
