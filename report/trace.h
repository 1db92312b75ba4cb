/*
 * trace.h - what is said in a session, as lines of the dialogue: no secrets, no
 * mail data.  They go to standard error, or to the lines kept for a run that
 * fails, and to a transcript.
 */
#ifndef TRACE_H
#define TRACE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "report/show.h"
#include "smtp.h"

/* The caller allocates it. */
struct trace {
    struct show *show;
    bool unseen;      /* nobody will see any of what is said: it need not be put together */
    FILE *transcript; /* NULL: none.  It has no times, no ports, no sizes of mail, and nothing random */
    int error;        /* errno of the first write to it that failed, 0 if none did */
};

/* What the client said, before the event is judged. */
void trace_client(struct trace *t, uint64_t session, const struct smtp_event *e);

/* A reply, of one line or several, with its line ends.  masked: it is a challenge of CRAM-MD5, another one each time.
 */
void trace_reply(struct trace *t, uint64_t session, struct span reply, bool masked);

/* What a rule has done beside a reply: a delay of so many milliseconds, 0 for none; an action in a word, NULL for none.
 */
void trace_rule(struct trace *t, uint64_t session, int64_t delay, const char *action);

/* What the client got wrong; not in the transcript, as it can depend on how its octets arrive. */
void trace_problem(struct trace *t, uint64_t session, enum problem problem);

/* What came of a handshake: the version of TLS, or why there is none. */
void trace_tls(struct trace *t, uint64_t session, bool good, const char *what);

#endif
