/* SPDX-License-Identifier: ISC */
/*
 * path.c - parses paths and domains (RFC 5321 4.1.2).  A function that is named
 * after a rule of the grammar looks for it in [p, end), and returns where it
 * ends, or NULL if it is malformed.  One that takes more than the grammar also
 * says whether the text is to the letter.
 */
#include "smtp/inside.h"

#include <string.h>

enum {
    LOCAL_PART_MAX = 64,       /* octets; RFC 5321 4.5.3.1.1 */
    DOMAIN_MAX = 255,          /* 4.5.3.1.2 */
    PATH_MAX_OCTETS = 256 - 2, /* 4.5.3.1.3, without the brackets */
    LABEL_MAX = 63,            /* RFC 1035 2.3.4 */
    U_LABEL_MAX = 252,         /* of one outside ASCII; RFC 5890 4.2 */
};

/* The places where an octet may stand */
enum {
    ATOM = 1,      /* of a Dot-string: all but dots, controls, blanks and specials */
    LABEL = 2,     /* of a domain: letters, digits, hyphens */
    ODD_LABEL = 4, /* taken in a domain too: '_', never to the letter, and octets outside ASCII, which may be more */
};

/* Those of each octet. */
static const uint8_t kinds[256] = {
#define A ATOM
#define L (ATOM | LABEL)
#define U (ATOM | ODD_LABEL)
#define O SIXTEEN(U)
#define SIXTEEN(x) x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, /* controls */
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, /* controls */
    0, A, 0, A, A, A, A, A, 0, 0, A, A, 0, L, 0, A, /*   ! " # $ % & ' ( ) * + , - . / */
    L, L, L, L, L, L, L, L, L, L, 0, 0, 0, A, 0, A, /* 0 1 2 3 4 5 6 7 8 9 : ; < = > ? */
    0, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, /* @ A B C D E F G H I J K L M N O */
    L, L, L, L, L, L, L, L, L, L, L, 0, 0, 0, A, U, /* P Q R S T U V W X Y Z [ \ ] ^ _ */
    A, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, /* ` a b c d e f g h i j k l m n o */
    L, L, L, L, L, L, L, L, L, L, L, A, A, A, A, 0, /* p q r s t u v w x y z { | } ~   */
    O, O, O, O, O, O, O, O,                         /* outside ASCII */
#undef A
#undef L
#undef U
#undef O
#undef SIXTEEN
};

static const char *skip(const char *p, const char *end, int wanted)
{
    while (p < end && kinds[(unsigned char)*p] & wanted)
        p++;
    return p;
}

/* *stray: a dot is at its end, or next to another. */
static const char *dot_string(const char *p, const char *end, bool *stray)
{
    const char *start = p, *atom = p;
    *stray = false;
    while ((p = skip(atom, end, ATOM)) < end && *p == '.') {
        *stray = *stray || p == atom;
        atom = p + 1;
    }
    *stray = *stray || p == atom;
    return p > start ? p : NULL;
}

static const char *quoted_string(const char *p, const char *end)
{
    for (p++; p < end; p++) {
        if (*p == '"')
            return p + 1;
        if (*p == '\\' && p + 1 < end)
            p++;
        if (ascii_is_control(*p))
            return NULL;
    }
    return NULL;
}

/* Labels with a dot between any two; *exact: it is to the letter. */
static const char *domain(const char *p, const char *end, bool *exact)
{
    const char *start = p, *label = p;
    *exact = true;
    for (;; label = p + 1) {
        p = skip(label, end, LABEL);
        bool odd = p < end && kinds[(unsigned char)*p] & ODD_LABEL;
        ptrdiff_t most = LABEL_MAX;
        if (odd) {
            p = skip(p, end, LABEL | ODD_LABEL);
            most = span_has_8bit(span_between(label, p)) ? U_LABEL_MAX : LABEL_MAX;
            *exact = *exact && memchr(label, '_', (size_t)(p - label)) == NULL;
        }
        if (p == label)
            return NULL;
        if (p - label > most)
            *exact = false;
        if (*label == '-' || p[-1] == '-')
            *exact = false;
        if (p == end || *p != '.')
            break;
    }
    if (p - start > DOMAIN_MAX)
        *exact = false;
    return p;
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
    bool gap = span_takes(&t, "::");
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
        if (span_takes(&t, "::")) {
            if (gap)
                return false;
            gap = true;
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
static const char *address_literal(const char *p, const char *end)
{
    const char *close = memchr(p, ']', (size_t)(end - p));
    if (close == NULL)
        return NULL;
    struct span inside = span_between(p + 1, close);
    bool good = span_takes(&inside, "IPv6:") ? is_ipv6(inside) : is_ipv4(inside) || is_tagged(inside);
    return good ? close + 1 : NULL;
}

/* A domain or an address literal; *exact: it is to the letter. */
static const char *host(const char *p, const char *end, bool *exact)
{
    if (p == end || *p != '[')
        return domain(p, end, exact);
    const char *after = address_literal(p, end);
    *exact = after != NULL && after - p <= DOMAIN_MAX;
    return after;
}

/* *problem is of the mailbox as a reverse-path. */
static const char *mailbox(const char *p, const char *end, enum problem *problem)
{
    const char *start = p;
    bool stray = false, exact = true;
    p = p < end && *p == '"' ? quoted_string(p, end) : dot_string(p, end, &stray);
    if (p == NULL)
        return NULL;
    bool local_is_long = p - start > LOCAL_PART_MAX, no_domain = p == end || *p != '@';
    if (!no_domain) { /* Postmaster may come without (RFC 5321 4.1.1.3), and cron's mail does */
        p = host(p + 1, end, &exact);
        if (p == NULL)
            return NULL;
    }
    *problem = stray                         ? PROBLEM_STRAY_DOT
               : local_is_long               ? PROBLEM_LONG_LOCAL_PART
               : no_domain                   ? PROBLEM_NO_DOMAIN
               : !exact                      ? PROBLEM_DOMAIN
               : p - start > PATH_MAX_OCTETS ? PROBLEM_LONG_PATH
                                             : PROBLEMS;
    return p;
}

/* "@a.example,@b.example:", obsolete, to be accepted and ignored; RFC 5321 appendix C */
static const char *source_route(const char *p, const char *end)
{
    bool exact;
    while (p < end && *p == '@') {
        p = domain(p + 1, end, &exact);
        if (p == NULL || p == end)
            return NULL;
        if (*p == ':')
            return p + 1;
        if (*p != ',')
            return NULL;
        p++;
    }
    return NULL;
}

const char *path_end(struct span t, bool forward, struct span *address, enum problem *problem)
{
    const char *p = t.p, *end = p + t.n;
    bool bracket = p < end && *p == '<';
    p += bracket;
    *address = span_between(p, p);
    *problem = PROBLEMS;
    if (bracket && p < end && *p == '>')
        return p + 1;
    if (p < end && *p == '@') {
        p = source_route(p, end);
        if (p == NULL)
            return NULL;
    }
    const char *start = p;
    p = mailbox(p, end, problem);
    if (p == NULL || (bracket && (p == end || *p != '>')))
        return NULL;
    *address = span_between(start, p);
    if (forward && *problem == PROBLEM_NO_DOMAIN && span_is(*address, "postmaster"))
        *problem = PROBLEMS;
    return p + bracket;
}

bool path_is_host(struct span t)
{
    bool exact;
    return t.n > 0 && host(t.p, t.p + t.n, &exact) == t.p + t.n && exact;
}
