/*
 * path.c - a recursive-descent parser without the recursion: each take_
 * function takes what it recognises off the front of the text, and says
 * whether that was well-formed.
 */
#include "path.h"

#include <string.h>

/* A Dot-string. */
static bool take_dot_string(struct span *t)
{
    size_t i = 0;
    while (i < t->n && !ascii_is_control(t->p[i]) && strchr(" ()<>[]\\,;:@\"", t->p[i]) == NULL)
        i++;
    span_skip(t, i);
    return i > 0;
}

static bool take_quoted_string(struct span *t)
{
    for (size_t i = 1; i < t->n; i++) {
        char c = t->p[i];
        if (c == '"') {
            span_skip(t, i + 1);
            return true;
        }
        if (c == '\\' && i + 1 < t->n)
            c = t->p[++i];
        if (ascii_is_control(c))
            return false;
    }
    return false;
}

static bool is_domain_octet(char c)
{
    return ascii_is_letter(c) || ascii_is_digit(c) || c == '-' || c == '_' || ascii_is_8bit(c);
}

/* Labels with a dot between any two. */
static bool take_domain(struct span *t)
{
    size_t label = 0;
    for (; t->n > 0 && (*t->p == '.' || is_domain_octet(*t->p)); span_skip(t, 1)) {
        if (*t->p == '.' && label == 0)
            return false;
        label = *t->p == '.' ? 0 : label + 1;
    }
    return label > 0;
}

static bool is_ipv4(struct span t)
{
    for (int groups = 1;; groups++) {
        int value = 0, digits = 0;
        for (; t.n > 0 && ascii_is_digit(*t.p) && digits < 3; span_skip(&t, 1), digits++)
            value = value * 10 + (*t.p - '0');
        if (digits == 0 || value > 255)
            return false;
        if (t.n == 0)
            return groups == 4;
        if (*t.p != '.')
            return false;
        span_skip(&t, 1);
    }
}

/* Eight groups of hex digits; "::" once for one group or more; the last two perhaps as IPv4. */
static bool is_ipv6(struct span t)
{
    int groups = 0;
    bool gap = span_starts(t, "::");
    if (gap)
        span_skip(&t, 2);
    while (t.n > 0) {
        size_t digits = 0;
        while (digits < t.n && ascii_is_hex(t.p[digits]))
            digits++;
        if (digits < t.n && t.p[digits] == '.') {
            groups += 2;
            return is_ipv4(t) && (gap ? groups <= 7 : groups == 8);
        }
        if (digits < 1 || digits > 4)
            return false;
        groups++;
        span_skip(&t, digits);
        if (t.n == 0)
            break;
        if (span_starts(t, "::")) {
            if (gap)
                return false;
            gap = true;
            span_skip(&t, 2);
        } else if (*t.p == ':' && t.n > 1) {
            span_skip(&t, 1);
        } else {
            return false;
        }
    }
    return gap ? groups <= 7 : groups == 8;
}

/* A General-address-literal: a tag that we do not know, a colon, and content. */
static bool is_tagged(struct span t)
{
    const char *colon = memchr(t.p, ':', t.n);
    for (size_t i = 0; i < t.n; i++) {
        if (t.p[i] <= ' ' || t.p[i] >= 0x7f || t.p[i] == '[' || t.p[i] == '\\')
            return false;
    }
    return colon != NULL && colon > t.p && colon + 1 < t.p + t.n;
}

/* [127.0.0.1], [IPv6:::1], [tag:content] */
static bool take_address_literal(struct span *t)
{
    const char *close = memchr(t->p, ']', t->n);
    if (close == NULL)
        return false;
    struct span inside = span_between(t->p + 1, close);
    span_skip(t, inside.n + 2);
    if (span_starts(inside, "IPv6:"))
        return is_ipv6(span_between(inside.p + strlen("IPv6:"), close));
    return is_ipv4(inside) || is_tagged(inside);
}

static bool take_mailbox(struct span *t)
{
    if (t->n == 0 || !(*t->p == '"' ? take_quoted_string(t) : take_dot_string(t)))
        return false;
    if (t->n == 0 || *t->p != '@')
        return true; /* Postmaster may come without a domain (RFC 5321 4.1.1.3), and cron's mail does */
    span_skip(t, 1);
    return t->n > 0 && *t->p == '[' ? take_address_literal(t) : take_domain(t);
}

/* "@a.example,@b.example:", obsolete, to be accepted and ignored; RFC 5321 appendix C */
static bool take_source_route(struct span *t)
{
    while (t->n > 0 && *t->p == '@') {
        span_skip(t, 1);
        if (!take_domain(t) || t->n == 0 || (*t->p != ',' && *t->p != ':'))
            return false;
        bool last = *t->p == ':';
        span_skip(t, 1);
        if (last)
            return true;
    }
    return false;
}

bool path_take(struct span *t, struct span *address)
{
    bool bracket = t->n > 0 && *t->p == '<';
    if (bracket)
        span_skip(t, 1);
    if (!bracket || t->n == 0 || *t->p != '>') {
        if (t->n > 0 && *t->p == '@' && !take_source_route(t))
            return false;
        const char *start = t->p;
        if (!take_mailbox(t))
            return false;
        *address = span_between(start, t->p);
    } else {
        *address = span_between(t->p, t->p);
    }
    if (!bracket)
        return true;
    if (t->n == 0 || *t->p != '>')
        return false;
    span_skip(t, 1);
    return true;
}

/* ---- to the letter ---- */

enum {
    LOCAL_PART_MAX = 64,       /* octets; RFC 5321 4.5.3.1.1 */
    DOMAIN_MAX = 255,          /* 4.5.3.1.2 */
    PATH_MAX_OCTETS = 256 - 2, /* 4.5.3.1.3, without the brackets */
    LABEL_MAX = 63,            /* RFC 1035 2.3.4 */
    U_LABEL_MAX = 252,         /* of one outside ASCII; RFC 5890 4.2 */
};

static bool is_label(struct span t)
{
    size_t most = span_has_8bit(t) ? U_LABEL_MAX : LABEL_MAX;
    if (t.n == 0 || t.n > most || *t.p == '-' || t.p[t.n - 1] == '-')
        return false;
    return memchr(t.p, '_', t.n) == NULL;
}

bool path_is_host(struct span t)
{
    if (t.n == 0 || t.n > DOMAIN_MAX)
        return false;
    struct span rest = t;
    if (*t.p == '[')
        return take_address_literal(&rest) && rest.n == 0;
    if (!take_domain(&rest) || rest.n > 0)
        return false;
    for (const char *end = t.p + t.n, *dot; t.p < end; span_skip(&t, (size_t)(dot - t.p) + (dot < end))) {
        dot = memchr(t.p, '.', t.n);
        dot = dot != NULL ? dot : end;
        if (!is_label(span_between(t.p, dot)))
            return false;
    }
    return true;
}

/* A Dot-string has a dot neither at its ends nor next to another. */
static bool has_stray_dot(struct span t)
{
    bool dot = true;
    for (size_t i = 0; i < t.n; i++) {
        if (t.p[i] == '.' && dot)
            return true;
        dot = t.p[i] == '.';
    }
    return dot;
}

enum problem path_problem(struct span address, bool forward)
{
    struct span rest = address;
    if (address.n == 0 || (forward && span_is(address, "postmaster")))
        return PROBLEMS;
    bool quoted = *address.p == '"';
    (void)(quoted ? take_quoted_string(&rest) : take_dot_string(&rest));
    struct span local = span_between(address.p, rest.p);
    if (!quoted && has_stray_dot(local))
        return PROBLEM_STRAY_DOT;
    if (local.n > LOCAL_PART_MAX)
        return PROBLEM_LONG_LOCAL_PART;
    if (rest.n == 0)
        return PROBLEM_NO_DOMAIN;
    span_skip(&rest, 1);
    if (!path_is_host(rest))
        return PROBLEM_DOMAIN;
    return address.n > PATH_MAX_OCTETS ? PROBLEM_LONG_PATH : PROBLEMS;
}
