/*
 * deliver.h - the message of a session: what session.c shares with deliver.c.
 */
#ifndef DELIVER_H
#define DELIVER_H

#include "session.h"

/* Whether one more message would be one too many. */
bool deliver_is_full(const struct server *v);

/*
 * Whether `left` octets of mail data that are still to come need not be given to
 * deliver_body(), because nobody wants them, or they go to a file as they are.
 * deliver_pass() then takes up to n of them from the connection; as recv(2).
 */
bool deliver_may_pass(const struct server *v, const struct server_session *s, uint64_t left);
ssize_t deliver_pass(struct server *v, struct server_session *s, size_t n);

/* Takes a piece of mail data. */
void deliver_body(struct server *v, struct server_session *s, struct span octets);

/*
 * The mail data are complete, and a reply is due: stores the message, once,
 * unless it is refused, by the event's reply or by a rule.  r is the rule for
 * this reply, NULL if there is none; it is returned, or NULL if there is no reply.
 */
const struct rule *deliver_end(struct server *v, struct server_session *s, struct smtp_event *e, const struct rule *r);

/* Drops what there is of a message without a trace. */
void deliver_drop(struct server_session *s);

#endif
