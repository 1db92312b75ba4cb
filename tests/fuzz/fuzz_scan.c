/* SPDX-License-Identifier: ISC */
/*
 * fuzz_scan.c - the fast forms in base/ give what the plain ones give, and read and
 * write nothing beyond what they are given.
 *
 * As a libFuzzer target, or, compiled with REPLAY, as a program that is given
 * files.
 */
#include <stdlib.h>

#include "tests/unit/forms.h"

enum { SHIFTS = 16 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check(const char *p, const char *end, char *out)
{
    check_kinds(p, end, out);
    check_octets(p, end, out);
    check_utf8(p, end, out);
    check_ends(p, end, out);
    check_base64(p, end, out);
    check_sha256(p, end, out);
}

/* Checks the octets as they are and as base64, each behind as many octets as the first one says, so that it is aligned
   like that. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    size_t shift = n > 0 ? *data % SHIFTS : 0;
    char *octets = malloc(shift + n + 1), *coded = malloc(shift + BASE64_SIZE(n)), *out;
    must(octets != NULL && coded != NULL);
    if (n > 0)
        memcpy(octets + shift + 1, data, n);
    base64_encode((struct span){octets + shift + 1, n}, coded + shift);
    size_t length = strlen(coded + shift);
    must((out = malloc(length + SCAN_BEHIND + 1)) != NULL);
    check(octets + shift + 1, octets + shift + 1 + n, out + length + SCAN_BEHIND + 1);
    check(coded + shift, coded + shift + length, out + length + SCAN_BEHIND + 1);
    free(octets);
    free(coded);
    free(out);
    return 0;
}

#include "tests/fuzz/replay.h"
