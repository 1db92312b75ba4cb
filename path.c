/*
 * path.c - a recursive-descent parser without the recursion: each take_
 * function takes what it recognises off the front of the text, and says
 * whether that was well-formed.  Those that take more than the grammar has also
 * say whether what they took is to the letter.
 */
#include "path.h"

#include <string.h>

enum {
    LOCAL_PART_MAX = 64,       /* octets; RFC 5321 4.5.3.1.1 */
    DOMAIN_MAX = 255,          /* 4.5.3.1.2 */
    PATH_MAX_OCTETS = 256 - 2, /* 4.5.3.1.3, without the brackets */
    LABEL_MAX = 63,            /* RFC 1035 2.3.4 */
    U_LABEL_MAX = 252,         /* of one outside ASCII; RFC 5890 4.2 */
};

/* What stands in a Dot-string: atext and dots. */
static bool is_dot_string_octet(char c)
{
    switch (c) {
    case ' ':
    case '(':
    case ')':
    case '<':
    case '>':
    case '[':
    case ']':
    case '\\':
    case ',':
    case ';':
    case ':':
    case '@':
    case '"':
        return false;
    default:
        return !ascii_is_control(c);
    }
}

/* A Dot-string; *stray: a dot is at its end, or next to another. */
static bool take_dot_string(struct span *t, bool *stray)
{
    size_t i = 0;
    bool dot = true;
    *stray = false;
    for (; i < t->n && is_dot_string_octet(t->p[i]); i++) {
        *stray = *stray || (dot && t->p[i] == '.');
        dot = t->p[i] == '.';
    }
    *stray = *stray || (i > 0 && dot);
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

static bool is_label_octet(char c) { return ascii_is_letter(c) || ascii_is_digit(c) || c == '-'; }

/* Where a label ends; where it begins, if there is none.  *exact is cleared if it is not to the letter. */
static const char *label_end(const char *start, const char *end, bool *exact)
{
    const char *p = start;
    ptrdiff_t most = LABEL_MAX;
    for (; p < end; p++) {
        if (is_label_octet(*p))
            continue;
        if (ascii_is_8bit(*p))
            most = U_LABEL_MAX;
        else if (*p == '_')
            *exact = false;
        else
            break;
    }
    if (p > start && (p - start > most || *start == '-' || p[-1] == '-'))
        *exact = false;
    return p;
}

/* Labels with a dot between any two; *exact: it is to the letter. */
static bool take_domain(struct span *t, bool *exact)
{
    const char *p = t->p, *end = t->p + t->n, *label = p;
    *exact = true;
    while ((p = label_end(label, end, exact)) > label && p < end && *p == '.')
        label = p + 1;
    *exact = *exact && p - t->p <= DOMAIN_MAX;
    *t = span_between(p, end);
    return p > label;
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

/* Where a mailbox is; *exact: it is to the letter. */
static bool take_host(struct span *t, bool *exact)
{
    if (t->n == 0 || *t->p != '[')
        return take_domain(t, exact);
    const char *start = t->p;
    bool good = take_address_literal(t);
    *exact = t->p - start <= DOMAIN_MAX;
    return good;
}

/* *problem is of the mailbox as a reverse-path. */
static bool take_mailbox(struct span *t, enum problem *problem)
{
    const char *start = t->p;
    bool stray = false, exact = true;
    if (t->n == 0 || !(*t->p == '"' ? take_quoted_string(t) : take_dot_string(t, &stray)))
        return false;
    bool local_is_long = t->p - start > LOCAL_PART_MAX, no_domain = t->n == 0 || *t->p != '@';
    if (!no_domain) { /* Postmaster may come without (RFC 5321 4.1.1.3), and cron's mail does */
        span_skip(t, 1);
        if (!take_host(t, &exact))
            return false;
    }
    bool is_long = t->p - start > PATH_MAX_OCTETS;
    *problem = stray           ? PROBLEM_STRAY_DOT
               : local_is_long ? PROBLEM_LONG_LOCAL_PART
               : no_domain     ? PROBLEM_NO_DOMAIN
               : !exact        ? PROBLEM_DOMAIN
               : is_long       ? PROBLEM_LONG_PATH
                               : PROBLEMS;
    return true;
}

/* "@a.example,@b.example:", obsolete, to be accepted and ignored; RFC 5321 appendix C */
static bool take_source_route(struct span *t)
{
    while (t->n > 0 && *t->p == '@') {
        bool exact;
        span_skip(t, 1);
        if (!take_domain(t, &exact) || t->n == 0 || (*t->p != ',' && *t->p != ':'))
            return false;
        bool last = *t->p == ':';
        span_skip(t, 1);
        if (last)
            return true;
    }
    return false;
}

bool path_take(struct span *t, bool forward, struct span *address, enum problem *problem)
{
    bool bracket = t->n > 0 && *t->p == '<';
    *problem = PROBLEMS;
    if (bracket)
        span_skip(t, 1);
    if (!bracket || t->n == 0 || *t->p != '>') {
        if (t->n > 0 && *t->p == '@' && !take_source_route(t))
            return false;
        const char *start = t->p;
        if (!take_mailbox(t, problem))
            return false;
        *address = span_between(start, t->p);
        if (forward && *problem == PROBLEM_NO_DOMAIN && span_is(*address, "postmaster"))
            *problem = PROBLEMS;
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

bool path_is_host(struct span t)
{
    bool exact;
    return take_host(&t, &exact) && t.n == 0 && exact;
}
