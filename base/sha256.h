/*
 * sha256.h - the digest of FIPS 180-4, for telling attachments apart.
 */
#ifndef SHA256_H
#define SHA256_H

#include <stddef.h>
#include <stdint.h>

enum { SHA256_SIZE = 32, SHA256_BLOCK = 64 };

/* A digest under way.  The caller allocates it. */
struct sha256 {
    uint32_t state[8];
    uint64_t n; /* octets so far */
    unsigned char block[SHA256_BLOCK];
};

void sha256_begin(struct sha256 *s);
void sha256_add(struct sha256 *s, const char *octets, size_t n);
void sha256_end(struct sha256 *s, unsigned char digest[SHA256_SIZE]);

#endif
