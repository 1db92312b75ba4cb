/* SPDX-License-Identifier: ISC */
/*
 * digest.c - the part that MD5, SHA-1 and SHA-256 share, which is all but what
 * they do with a block; and HMAC (RFC 2104) with any of them.
 */
#include "base/base.h"

enum { LENGTH = 8 /* octets of the length in bits, at the end */ };

void digest_begin(struct digest *d, const struct digest_kind *kind)
{
    *d = (struct digest){.kind = kind};
    memcpy(d->state, kind->start, sizeof d->state);
}

void digest_add(struct digest *d, const char *octets, size_t n)
{
    size_t have = (size_t)(d->n % DIGEST_BLOCK), part = n < DIGEST_BLOCK - have ? n : DIGEST_BLOCK - have;
    d->n += n;
    if (have > 0 && n > 0) { /* a block has begun */
        memcpy(d->block + have, octets, part);
        octets += part;
        n -= part;
        if (have + part == DIGEST_BLOCK)
            d->kind->add_blocks(d->state, d->block, 1);
        else
            return;
    }
    if (n >= DIGEST_BLOCK)
        d->kind->add_blocks(d->state, (const unsigned char *)octets, n / DIGEST_BLOCK);
    if (n % DIGEST_BLOCK > 0)
        memcpy(d->block, octets + n - n % DIGEST_BLOCK, n % DIGEST_BLOCK);
}

void digest_end(struct digest *d, unsigned char digest[DIGEST_MAX])
{
    static const char padding[DIGEST_BLOCK] = "\x80";
    char length[LENGTH];
    for (int i = 0; i < LENGTH; i++)
        length[i] = (char)(d->n * 8 >> (d->kind->reversed ? 8 * i : 56 - 8 * i) & 0xff);
    size_t have = (size_t)(d->n % DIGEST_BLOCK);
    digest_add(d, padding,
               (have < DIGEST_BLOCK - LENGTH ? (size_t)DIGEST_BLOCK : 2 * (size_t)DIGEST_BLOCK) - LENGTH - have);
    digest_add(d, length, LENGTH);
    for (size_t i = 0; i < d->kind->size; i++)
        digest[i] = (unsigned char)(d->state[i / 4] >> (d->kind->reversed ? i % 4 * 8 : 24 - i % 4 * 8));
}

void hmac_begin(struct hmac *h, const struct digest_kind *kind, struct span key)
{
    unsigned char hashed[DIGEST_MAX];
    char inner[DIGEST_BLOCK] = {0}, outer[DIGEST_BLOCK];
    if (key.n > DIGEST_BLOCK) {
        digest_begin(&h->inner, kind);
        digest_add(&h->inner, key.p, key.n);
        digest_end(&h->inner, hashed);
        key = (struct span){(const char *)hashed, kind->size};
    }
    if (key.n > 0)
        memcpy(inner, key.p, key.n);
    for (size_t i = 0; i < DIGEST_BLOCK; i++) {
        outer[i] = (char)(inner[i] ^ 0x5c);
        inner[i] ^= 0x36;
    }
    digest_begin(&h->inner, kind);
    digest_add(&h->inner, inner, DIGEST_BLOCK);
    digest_begin(&h->outer, kind);
    digest_add(&h->outer, outer, DIGEST_BLOCK);
}

void hmac_end(struct hmac *h, unsigned char digest[DIGEST_MAX])
{
    digest_end(&h->inner, digest);
    digest_add(&h->outer, (const char *)digest, h->inner.kind->size);
    digest_end(&h->outer, digest);
}
