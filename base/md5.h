/*
 * md5.h - the digest of RFC 1321, and the keyed one of RFC 2104 made of it,
 * for CRAM-MD5 (RFC 2195) and nothing else: it protects nothing any more.
 */
#ifndef MD5_H
#define MD5_H

#include "base/span.h"

enum { MD5_SIZE = 16 /* octets of a digest */ };

/* The digest of a, followed by b. */
void md5(struct span a, struct span b, unsigned char digest[MD5_SIZE]);

/* The HMAC of text under key. */
void md5_hmac(struct span key, struct span text, unsigned char digest[MD5_SIZE]);

#endif
