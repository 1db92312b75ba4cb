/* SPDX-License-Identifier: ISC */
/*
 * proxy.c - the PROXY protocol, versions 1 and 2: a header before all else in
 * which a proxy, such as HAProxy, says for which client it speaks.
 *
 * Version 1 is a line; version 2 is a signature, version and command, family,
 * length, and as many octets: the addresses and ports, and then what is not
 * read.  A caller that reads no more octets than are missing never reads what
 * comes after the header, which may be TLS.
 */
#include "net/inside.h"

#include <arpa/inet.h>
#include <string.h>

#include "base/base.h"

enum {
    LINE_MIN = sizeof "PROXY UNKNOWN\r\n" - 1,
    LINE_MAX_1 = 107, /* octets of version 1, with CRLF */
    FIXED = 16,       /* octets of version 2 before those that are counted */
    FIELDS = 4,       /* addresses and ports */
};

static const char line_start[] = "PROXY ", signature[] = "\r\n\r\n\0\r\nQUIT\n";

/* Takes the four fields of a line, each after one blank, and nothing more. */
static bool take_fields(struct span line, char fields[FIELDS][INET6_ADDRSTRLEN])
{
    for (int i = 0; i < FIELDS; i++) {
        size_t n = 0;
        if (line.n == 0 || *line.p != ' ')
            return false;
        span_skip(&line, 1);
        while (n < line.n && line.p[n] != ' ')
            n++;
        if (n == 0 || n >= INET6_ADDRSTRLEN || memchr(line.p, '\0', n) != NULL)
            return false;
        memcpy(fields[i], line.p, n);
        fields[i][n] = '\0';
        span_skip(&line, n);
    }
    return line.n == 0;
}

/* A port without a zero in front. */
static bool is_port(const char *text) { return endpoint_number(text) >= 0 && (*text != '0' || text[1] == '\0'); }

/* Reads a line without its CRLF. */
static bool read_line(struct span line, struct peer *peer)
{
    char fields[FIELDS][INET6_ADDRSTRLEN];
    struct address source, destination;
    span_skip(&line, sizeof line_start - 1);
    if (span_takes(&line, "UNKNOWN"))
        return line.n == 0 || *line.p == ' ';
    bool v4 = span_takes(&line, "TCP4");
    int family = v4 ? AF_INET : AF_INET6;
    if ((!v4 && !span_takes(&line, "TCP6")) || !take_fields(line, fields) || !is_port(fields[2]) || !is_port(fields[3]))
        return false;
    source.u.any.sa_family = (sa_family_t)family;
    if (inet_pton(family, fields[0], v4 ? (void *)&source.u.in.sin_addr : &source.u.in6.sin6_addr) != 1 ||
        inet_pton(family, fields[1], v4 ? (void *)&destination.u.in.sin_addr : &destination.u.in6.sin6_addr) != 1)
        return false;
    address_set_port(&source, (uint16_t)endpoint_number(fields[2]));
    address_set_peer(&source, peer);
    return true;
}

static size_t missing_in_line(const char *header, size_t n, struct peer *peer, const char **why)
{
    const char *lf = n > 0 ? memchr(header, '\n', n) : NULL;
    if (n < LINE_MIN && lf == NULL)
        return LINE_MIN - n;
    const char *last = header + n - 1;
    bool whole = lf == last && last[-1] == '\r', broken = lf != NULL || memchr(header, '\r', n - 1) != NULL;
    if (!whole && !broken && n < LINE_MAX_1)
        return *last == '\r' || n == LINE_MAX_1 - 1 ? 1 : 2;
    if (!whole && !broken)
        *why = "its line is longer than 107 octets";
    else if (!whole || !read_line(span_between(header, header + n - 2), peer))
        *why = "its line is malformed";
    return 0;
}

static size_t missing_in_binary(const char *header, size_t n, struct peer *peer, const char **why)
{
    enum { V4 = 0x11, V6 = 0x21, V4_SIZE = 12, V6_SIZE = 36 }; /* TCP; octets of addresses and ports */
    struct address source;
    if (n < FIXED)
        return FIXED - n;
    const unsigned char *octets = (const unsigned char *)header + 12;
    unsigned family = octets[1], length = (unsigned)octets[2] << 8 | octets[3];
    bool local = octets[0] == 0x20, unnamed = local || family == 0 || family == 0x31; /* a Unix socket has no address */
    const char *addresses = header + FIXED;
    if (!local && octets[0] != 0x21)
        *why = "its version or command is unknown";
    else if (!unnamed && family != V4 && family != V6)
        *why = "its family is unknown";
    else if (!unnamed && length < (family == V4 ? V4_SIZE : V6_SIZE))
        *why = "it is too short for its addresses";
    if (*why != NULL)
        return 0;
    if (n < FIXED + length || unnamed)
        return FIXED + length - n;
    if (family == V4) {
        source.u.in.sin_family = AF_INET;
        memcpy(&source.u.in.sin_addr, addresses, 4);
        memcpy(&source.u.in.sin_port, addresses + 8, 2);
    } else {
        source.u.in6.sin6_family = AF_INET6;
        memcpy(&source.u.in6.sin6_addr, addresses, 16);
        memcpy(&source.u.in6.sin6_port, addresses + 32, 2);
    }
    address_set_peer(&source, peer);
    return 0;
}

size_t proxy_missing(const char *header, size_t n, struct peer *peer, const char **why)
{
    size_t start = n < sizeof line_start - 1 ? n : sizeof line_start - 1;
    size_t most = n < sizeof signature - 1 ? n : sizeof signature - 1;
    *why = NULL;
    if (memcmp(header, line_start, start) == 0)
        return missing_in_line(header, n, peer, why);
    if (memcmp(header, signature, most) == 0)
        return missing_in_binary(header, n, peer, why);
    *why = "it begins with something else";
    return 0;
}
