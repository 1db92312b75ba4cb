/* SPDX-License-Identifier: ISC */
/*
 * sha1.c - SHA-1, FIPS 180-4 section 6.1.
 */
#include "base/base.h"

static uint32_t rotate(uint32_t x, int n) { return x << n | x >> (32 - n); }

static void add_block(uint32_t state[8], const unsigned char *block)
{
    uint32_t w[80];
    for (size_t i = 0; i < 16; i++, block += 4)
        w[i] = (uint32_t)block[0] << 24 | (uint32_t)block[1] << 16 | (uint32_t)block[2] << 8 | block[3];
    for (size_t i = 16; i < 80; i++)
        w[i] = rotate(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
    uint32_t a = state[0], b = state[1], c = state[2], d = state[3], e = state[4];
    for (size_t i = 0; i < 80; i++) {
        uint32_t mixed = i < 20   ? ((b & c) ^ (~b & d)) + 0x5a827999
                         : i < 40 ? (b ^ c ^ d) + 0x6ed9eba1
                         : i < 60 ? ((b & c) ^ (b & d) ^ (c & d)) + 0x8f1bbcdc
                                  : (b ^ c ^ d) + 0xca62c1d6;
        mixed += rotate(a, 5) + e + w[i];
        e = d, d = c, c = rotate(b, 30), b = a, a = mixed;
    }
    const uint32_t sums[5] = {a, b, c, d, e};
    for (size_t i = 0; i < 5; i++)
        state[i] += sums[i];
}

static void add_blocks(uint32_t state[8], const unsigned char *blocks, size_t n)
{
    for (; n > 0; n--, blocks += DIGEST_BLOCK)
        add_block(state, blocks);
}

const struct digest_kind digest_sha1 = {
    20, false, {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0}, add_blocks};
