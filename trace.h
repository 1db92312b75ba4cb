/*
 * trace.h - what is said in a session, as lines of the dialogue: no secrets, no
 * mail data.
 */
#ifndef TRACE_H
#define TRACE_H

#include <stdbool.h>
#include <stdint.h>

#include "show.h"
#include "smtp.h"

/* What the client said, before the event is judged. */
void trace_client(struct show *show, uint64_t session, const struct smtp_event *e);

/* A reply, of one line or several, with its line ends. */
void trace_reply(struct show *show, uint64_t session, struct span reply);

/* What came of a handshake: the version of TLS, or why there is none. */
void trace_tls(struct show *show, uint64_t session, bool good, const char *what);

#endif
