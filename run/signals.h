/*
 * signals.h - signals as something to be read: SIGTERM, SIGHUP and SIGINT, that
 * ask for the end, and SIGCHLD.
 */
#ifndef SIGNALS_H
#define SIGNALS_H

#include <stdbool.h>
#include <stddef.h>

/* The caller allocates it, zeroed; only one can be open in a process. */
struct signals {
    int pipe[2];            /* the handlers write, we read: pipe[0] is to be polled */
    unsigned char came[64]; /* what was read there, and is not taken yet: */
    size_t n;
    bool open;
};

struct signals_one {
    int number;
    bool from_terminal; /* which sends it to all who share it */
};

/*
 * Begins to catch them; one that is ignored, as nohup(1) has it, stays ignored.
 * From the first one on, and after SIGALRM, whatever waits is interrupted each
 * second: no write, to whomever, may wait for ever.  A write to a peer that is
 * gone, or beyond the limit of a file's size, is an error and no signal.  -1
 * with errno on failure.
 */
int signals_open(struct signals *s);

/* Reads which ones came.  Whether one of those not taken yet asks for the end. */
bool signals_read(struct signals *s);

/* Takes the first of them; false if there is none. */
bool signals_take(struct signals *s, struct signals_one *one);

const char *signals_name(int number);

/* Dies of the signal, so that a shell sees it. */
void signals_die(int number);

#endif
