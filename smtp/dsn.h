/*
 * dsn.h - the values of the parameters for delivery status notifications:
 * RFC 3461, and RFC 6533 for addresses outside ASCII.
 */
#ifndef DSN_H
#define DSN_H

#include "base/span.h"

/* Whether it is xtext that stands for printable ASCII; RFC 3461 4.  With utf8 octets outside ASCII may stand in it. */
bool dsn_is_xtext(struct span t, bool utf8);

/* NOTIFY: NEVER, or some of SUCCESS, FAILURE, DELAY, by comma, none *twice; RFC 3461 4.1 */
bool dsn_is_notify(struct span t, bool *twice);

/* ORCPT: the type of an address, ";" and the address in xtext; RFC 3461 4.2 */
bool dsn_is_orcpt(struct span t, bool utf8);

#endif
