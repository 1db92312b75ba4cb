/*
 * wrap.h - the wrapped command: its environment, its start, its signals, its
 * status.
 */
#ifndef WRAP_H
#define WRAP_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* What the command is told; text, borrowed. */
struct wrap_place {
    const char *host, *port, *url, *directory;
    const char *ca_file; /* NULL: there is none */
};

/* A command.  The caller allocates it. */
struct wrap {
    pid_t pid;
    bool group; /* it leads a process group of its own */
    bool ended;
    int status; /* once it has ended, as wait(2) gives it */
};

/*
 * Starts argv[0], looked up in PATH, with SMTP_HOST, SMTP_PORT, SMTP_URL,
 * FAKESMTP_DIR, and perhaps SMTP_CA_FILE in its environment, and n templates NAME=TEXT filled in (%h %p
 * %u %d %%).  -1 with errno if it cannot be run; nothing is left of it then.
 */
int wrap_start(struct wrap *w, char **argv, const struct wrap_place *place, const char *const *templates, size_t n);

/* Takes notice of its end, if it has ended. */
void wrap_reap(struct wrap *w);

/*
 * Passes a signal on: to all of its process group, or to the command alone
 * where it shares ours with a terminal.  Who is stopped is woken for it.
 */
void wrap_signal(const struct wrap *w, int signal);

/* Its exit status as a shell has it: 128 and the number of the signal that ended it. */
int wrap_exit_status(const struct wrap *w);

#endif
