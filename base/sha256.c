/* SPDX-License-Identifier: ISC */
/*
 * sha256.c - SHA-256, FIPS 180-4 section 6.2: in plain C, and by the processor's
 * own instructions where it has them.
 */
#include "base/base.h"

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__) && (defined(__ARM_FEATURE_SHA2) || (defined(__linux__) && !defined(__clang__)))
#define SHA256_ARM
#include <arm_neon.h>
#endif

/* The first 32 bits of the fractional parts of the cube roots of the first 64 primes; 4.2.2 */
static const uint32_t roots[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

/* ---- the plain form ---- */

static inline uint32_t rotate(uint32_t x, int n) { return x >> n | x << (32 - n); }

/* A round; instead of moving them, the caller gives the words other names.  It uses the caller's i and w, the last 16
   words of the schedule.  Rotations are within each other, as that takes fewer instructions: by 14, 5 and 6 is the sum
   of those by 6, 11 and 25. */
#define ROUND(a, b, c, d, e, f, g, h, k) \
    do { \
        uint32_t x = w[(k + 1) % 16], y = w[(k + 14) % 16]; \
        if (i > 0) \
            w[k] += \
                (rotate(rotate(x, 11) ^ x, 7) ^ x >> 3) + w[(k + 9) % 16] + (rotate(rotate(y, 2) ^ y, 17) ^ y >> 10); \
        h += rotate(rotate(rotate(e, 14) ^ e, 5) ^ e, 6) + (g ^ (e & (f ^ g))) + roots[i + k] + w[k]; \
        d += h; \
        h += rotate(rotate(rotate(a, 9) ^ a, 11) ^ a, 2) + ((a & b) | (c & (a | b))); \
    } while (0)

void sha256_add_plain(uint32_t state[8], const unsigned char *block, size_t n)
{
    for (; n > 0; n--, block += DIGEST_BLOCK) {
        uint32_t w[16], a = state[0], b = state[1], c = state[2], d = state[3];
        uint32_t e = state[4], f = state[5], g = state[6], h = state[7];
        for (size_t i = 0; i < 16; i++) {
            const unsigned char *p = block + 4 * i;
            w[i] = (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
        }
        for (size_t i = 0; i < 64; i += 16) {
            ROUND(a, b, c, d, e, f, g, h, 0);
            ROUND(h, a, b, c, d, e, f, g, 1);
            ROUND(g, h, a, b, c, d, e, f, 2);
            ROUND(f, g, h, a, b, c, d, e, 3);
            ROUND(e, f, g, h, a, b, c, d, 4);
            ROUND(d, e, f, g, h, a, b, c, 5);
            ROUND(c, d, e, f, g, h, a, b, 6);
            ROUND(b, c, d, e, f, g, h, a, 7);
            ROUND(a, b, c, d, e, f, g, h, 8);
            ROUND(h, a, b, c, d, e, f, g, 9);
            ROUND(g, h, a, b, c, d, e, f, 10);
            ROUND(f, g, h, a, b, c, d, e, 11);
            ROUND(e, f, g, h, a, b, c, d, 12);
            ROUND(d, e, f, g, h, a, b, c, 13);
            ROUND(c, d, e, f, g, h, a, b, 14);
            ROUND(b, c, d, e, f, g, h, a, 15);
        }
        const uint32_t sums[8] = {a, b, c, d, e, f, g, h};
        for (size_t i = 0; i < 8; i++)
            state[i] += sums[i];
    }
}

/* ---- the processor's ---- */

#if defined(__x86_64__)
#define WITH_SHA __attribute__((target("sha,sse4.1")))

/* Four rounds, and the words of the schedule 16 rounds later. */
WITH_SHA static inline void add_four(__m128i *abef, __m128i *cdgh, const uint32_t *root, __m128i *w, __m128i w1,
                                     __m128i w2, __m128i w3)
{
    __m128i sums = _mm_add_epi32(*w, _mm_loadu_si128((const __m128i *)(const void *)root));
    *cdgh = _mm_sha256rnds2_epu32(*cdgh, *abef, sums);
    *abef = _mm_sha256rnds2_epu32(*abef, *cdgh, _mm_shuffle_epi32(sums, 0x0e));
    *w = _mm_add_epi32(_mm_sha256msg1_epu32(*w, w1), _mm_alignr_epi8(w3, w2, 4));
    *w = _mm_sha256msg2_epu32(*w, w3);
}

WITH_SHA static void add_by_instructions(uint32_t state[8], const unsigned char *block, size_t n)
{
    /* each word has its highest octet first */
    const __m128i order = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
    /* the instructions take the state as a, b, e, f and c, d, g, h, from the highest word down */
    __m128i *words = (__m128i *)(void *)state;
    __m128i badc = _mm_shuffle_epi32(_mm_loadu_si128(words), 0xb1),
            hgfe = _mm_shuffle_epi32(_mm_loadu_si128(words + 1), 0x1b);
    __m128i abef = _mm_alignr_epi8(badc, hgfe, 8), cdgh = _mm_blend_epi16(hgfe, badc, 0xf0);
    for (; n > 0; n--, block += DIGEST_BLOCK) {
        __m128i abef_before = abef, cdgh_before = cdgh, w[4];
        for (int i = 0; i < 4; i++)
            w[i] = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(const void *)block + i), order);
        for (int i = 0; i < 64; i += 16) {
            add_four(&abef, &cdgh, roots + i, &w[0], w[1], w[2], w[3]);
            add_four(&abef, &cdgh, roots + i + 4, &w[1], w[2], w[3], w[0]);
            add_four(&abef, &cdgh, roots + i + 8, &w[2], w[3], w[0], w[1]);
            add_four(&abef, &cdgh, roots + i + 12, &w[3], w[0], w[1], w[2]);
        }
        abef = _mm_add_epi32(abef, abef_before);
        cdgh = _mm_add_epi32(cdgh, cdgh_before);
    }
    __m128i feba = _mm_shuffle_epi32(abef, 0x1b), dchg = _mm_shuffle_epi32(cdgh, 0xb1);
    _mm_storeu_si128(words, _mm_blend_epi16(feba, dchg, 0xf0));
    _mm_storeu_si128(words + 1, _mm_alignr_epi8(dchg, feba, 8));
}
#elif defined(SHA256_ARM)
/* The tests compare this with the plain form where they run on ARM. */
#if defined(__ARM_FEATURE_SHA2)
#define WITH_SHA
#else
#define WITH_SHA __attribute__((target("+crypto")))
#endif

/* Four rounds, and the words of the schedule 16 rounds later. */
WITH_SHA static inline void add_four(uint32x4_t *abcd, uint32x4_t *efgh, const uint32_t *root, uint32x4_t *w,
                                     uint32x4_t w1, uint32x4_t w2, uint32x4_t w3)
{
    uint32x4_t sums = vaddq_u32(*w, vld1q_u32(root)), before = *abcd;
    *abcd = vsha256hq_u32(*abcd, *efgh, sums);
    *efgh = vsha256h2q_u32(*efgh, before, sums);
    *w = vsha256su1q_u32(vsha256su0q_u32(*w, w1), w2, w3);
}

WITH_SHA static void add_by_instructions(uint32_t state[8], const unsigned char *block, size_t n)
{
    uint32x4_t abcd = vld1q_u32(state), efgh = vld1q_u32(state + 4);
    for (; n > 0; n--, block += DIGEST_BLOCK) {
        uint32x4_t abcd_before = abcd, efgh_before = efgh, w[4];
        for (int i = 0; i < 4; i++)
            w[i] = vreinterpretq_u32_u8(vrev32q_u8(vld1q_u8(block + 16 * i)));
        for (int i = 0; i < 64; i += 16) {
            add_four(&abcd, &efgh, roots + i, &w[0], w[1], w[2], w[3]);
            add_four(&abcd, &efgh, roots + i + 4, &w[1], w[2], w[3], w[0]);
            add_four(&abcd, &efgh, roots + i + 8, &w[2], w[3], w[0], w[1]);
            add_four(&abcd, &efgh, roots + i + 12, &w[3], w[0], w[1], w[2]);
        }
        abcd = vaddq_u32(abcd, abcd_before);
        efgh = vaddq_u32(efgh, efgh_before);
    }
    vst1q_u32(state, abcd);
    vst1q_u32(state + 4, efgh);
}
#else
#define add_by_instructions sha256_add_plain
#endif

static void add_blocks(uint32_t state[8], const unsigned char *blocks, size_t n)
{
    if ((processor_can() & PROCESSOR_SHA) != 0)
        add_by_instructions(state, blocks, n);
    else
        sha256_add_plain(state, blocks, n);
}

const struct digest_kind digest_sha256 = {
    32,
    false,
    {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19},
    add_blocks,
};
