/*
 * deliver.h - the message of a session: what session.c shares with deliver.c.
 */
#ifndef DELIVER_H
#define DELIVER_H

#include "serve/session.h"

/* Whether one more message would be one too many. */
bool deliver_is_full(const struct server *v);

/* What becomes of octets of a chunk, if they do not go to a file as they are. */
enum { DELIVER_LOOK = -1 /* they are to be looked at */, DELIVER_NOWHERE = -2 /* nobody wants them */ };

/*
 * Where `left` octets of a chunk that are still to come go: one of these, or a
 * descriptor that they are to be written to, to which all that came before has
 * been written.  deliver_passed() then tells that n of them were, and with what
 * error (an errno, 0 if none).  What is to be looked at goes to deliver_body().
 */
int deliver_where(struct server *v, struct server_session *s, uint64_t left);
void deliver_passed(struct server_session *s, size_t n, int error);

/* Takes a piece of mail data. */
void deliver_body(struct server *v, struct server_session *s, struct span octets);

/*
 * The mail data are complete, and a reply is due: stores the message, once,
 * unless it is refused, by the event's reply or by a rule.  r is the rule for
 * this reply, NULL if there is none; it is returned, or NULL if there is no reply.
 */
const struct rule *deliver_end(struct server *v, struct server_session *s, struct smtp_event *e, const struct rule *r);

/* Drops what there is of a message without a trace; its memory is kept as v->spare. */
void deliver_drop(struct server *v, struct server_session *s);

#endif
