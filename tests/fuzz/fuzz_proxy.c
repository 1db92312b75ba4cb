/* SPDX-License-Identifier: ISC */
/*
 * fuzz_proxy.c - any octets as a header of the PROXY protocol: a header that is
 * complete is incomplete before its end, and no more octets are asked for than
 * belong to it, however few have come; one that is not names no client.
 *
 * As a libFuzzer target, or, compiled with REPLAY, as a program that is given
 * files.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/net.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void must(bool condition)
{
    if (!condition)
        abort();
}

/* Looks at the first n octets, in memory of just that size. */
static size_t look(const uint8_t *data, size_t n, struct peer *peer, const char **why)
{
    char *exact = malloc(n + 1);
    must(exact != NULL);
    if (n > 0)
        memcpy(exact + 1, data, n);
    size_t missing = proxy_missing(exact + 1, n, peer, why);
    free(exact);
    return missing;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    const struct peer before = {"before", 1};
    struct peer peer = before;
    const char *why;
    size_t end = 0, missing;
    while ((missing = look(data, end, &peer, &why)) > 0 && missing <= n - end)
        end += missing;
    bool complete = missing == 0 && why == NULL;
    must(end + missing <= PROXY_MAX && (missing == 0 || why == NULL));
    must(complete || memcmp(&peer, &before, sizeof peer) == 0);
    must(memchr(peer.address, '\0', sizeof peer.address) != NULL);
    for (size_t at = 0; at < end && complete; at++) {
        missing = look(data, at, &peer, &why);
        must(missing > 0 && missing <= end - at && why == NULL);
    }
    return 0;
}

#include "replay.h"
