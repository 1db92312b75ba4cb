/*
 * path.h - the addresses of the envelope: RFC 5321 4.1.2 and 4.1.3, with
 * octets outside ASCII where RFC 6531 3.3 has them.
 */
#ifndef PATH_H
#define PATH_H

#include "base/problem.h"
#include "base/span.h"

/*
 * Looks for a path at the front of t: "<" [source-route] mailbox ">", or "<>".
 * Returns where it ends, or NULL if it is malformed.  *address becomes the
 * mailbox as written, without brackets and source route, and is empty for "<>";
 * it points into t.
 *
 * What mail servers take beyond the grammar is taken: missing brackets, a
 * mailbox without a domain, dots anywhere in a local part, underscores in a
 * domain, lengths beyond RFC 5321 4.5.3.1.  *problem says what of it is there,
 * and is PROBLEMS if the address is to the letter.  Only a forward-path may be
 * Postmaster without a domain (RFC 5321 4.1.1.3).
 */
const char *path_end(struct span t, bool forward, struct span *address, enum problem *problem);

/* Whether it is a domain or an address literal, to the letter; RFC 5321 4.1.2, 4.1.3. */
bool path_is_host(struct span t);

#endif
