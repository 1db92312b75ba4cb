/*
 * path.h - the addresses of the envelope: RFC 5321 4.1.2 and 4.1.3, with
 * octets outside ASCII where RFC 6531 3.3 has them.
 */
#ifndef PATH_H
#define PATH_H

#include "problem.h"
#include "span.h"

/*
 * Takes a path off the front of t: "<" [source-route] mailbox ">", or "<>".
 * *address becomes the mailbox as written, without brackets and source route,
 * and is empty for "<>"; it points into t.  False if it is malformed; t is
 * then somewhere in it.
 *
 * What mail servers take beyond the grammar is taken: missing brackets, a
 * mailbox without a domain, dots anywhere in a local part, underscores in a
 * domain, lengths beyond RFC 5321 4.5.3.1.
 */
bool path_take(struct span *t, struct span *address);

/*
 * What the grammar does not allow in an address that path_take() has taken;
 * PROBLEMS if it is to the letter.  Only a forward-path may be Postmaster
 * without a domain (RFC 5321 4.1.1.3).
 */
enum problem path_problem(struct span address, bool forward);

/* Whether it is a domain or an address literal, to the letter; RFC 5321 4.1.2, 4.1.3. */
bool path_is_host(struct span t);

#endif
