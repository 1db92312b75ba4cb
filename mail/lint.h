/*
 * lint.h - what is odd about a message that a client sent: all of it, in one
 * set.
 */
#ifndef LINT_H
#define LINT_H

#include "mail/mail.h"
#include "mail/message.h"

/*
 * Decodes all that there is to decode, so that what is odd about that has been
 * noted.  Whoever writes a message as JSON has done so.
 */
void lint_decode(struct message *m);

/* Adds what has been noted in the reading of the message, and what its header and its lines lack, to mail->problems. */
void lint(struct message *m, struct mail *mail);

#endif
