/*
 * fault.h - which rule of --on is for what happens in a session: what
 * session.c and deliver.c share with fault.c.
 */
#ifndef FAULT_H
#define FAULT_H

#include "serve/session.h"

/* The rule for an event, NULL if there is none.  This and the next need not be asked where there are no rules at all.
 */
const struct rule *fault_find(struct server *v, struct server_session *s, const struct smtp_event *e);

/* The same for n further octets of mail data.  A reply to them waits for their end, but for 421. */
const struct rule *fault_in_body(struct server *v, struct server_session *s, size_t n);

/*
 * LMTP: chooses the rules for the end of a message, one for each recipient, and
 * takes those who will be refused out of the envelope.  False if there is no
 * memory.
 */
bool fault_choose_answers(struct server *v, struct server_session *s);

/*
 * Decides whether somebody accepts the message, once its first reply is due; r
 * is the rule for that.  s->heard->fault.last_accepted is then the last one who does.
 */
bool fault_decide(struct server_session *s, const struct smtp_event *e, const struct rule *r);

/* A message begins: nothing of the one before counts any more. */
void fault_begin(struct server_session *s);

/* The message is given up before its end: the rules that were chosen for that have not fired. */
void fault_take_back(struct server_session *s);

/* The session is over. */
void fault_close(struct server_session *s);

#endif
