/*
 * span.h - text from the network: a pointer and a length, never a C string,
 * and ASCII whatever the locale.
 */
#ifndef SPAN_H
#define SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Octets that somebody else owns.  p may be NULL when there is no such text at all. */
struct span {
    const char *p;
    size_t n;
};

static inline bool ascii_is_upper(char c) { return c >= 'A' && c <= 'Z'; }
static inline bool ascii_is_digit(char c) { return c >= '0' && c <= '9'; }
static inline bool ascii_is_8bit(char c) { return ((unsigned char)c & 0x80) != 0; }
static inline bool ascii_is_control(char c) { return (unsigned char)c < ' ' || c == 0x7f; }
static inline char ascii_lower(char c) { return ascii_is_upper(c) ? (char)(c | 0x20) : c; }
static inline bool ascii_is_letter(char c) { return ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z'; }

static inline bool ascii_is_hex(char c)
{
    return ascii_is_digit(c) || (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'f');
}

/* Whether they are the same but for case; mostly they are the same altogether. */
static inline bool ascii_same(char a, char b) { return a == b || ascii_lower(a) == ascii_lower(b); }

/* The value of a hexadecimal digit, which it is. */
static inline unsigned ascii_hex_value(char c)
{
    return (unsigned)(ascii_is_digit(c) ? c - '0' : ascii_lower(c) - 'a' + 10);
}

/* Writes n in decimal digits, at most 20, in front of end; returns the first one. */
static inline char *ascii_put_number(char *end, uint64_t n)
{
    do {
        *--end = (char)('0' + n % 10);
        n /= 10;
    } while (n > 0);
    return end;
}

/* The octets from p up to end. */
static inline struct span span_between(const char *p, const char *end) { return (struct span){p, (size_t)(end - p)}; }

/* Those of a string; p NULL if it is NULL. */
static inline struct span span_of(const char *s) { return (struct span){s, s != NULL ? strlen(s) : 0}; }

/* Takes n octets, at most t->n, off the front. */
static inline void span_skip(struct span *t, size_t n)
{
    t->p += n;
    t->n -= n;
}

static inline void span_skip_spaces(struct span *t)
{
    while (t->n > 0 && *t->p == ' ')
        span_skip(t, 1);
}

/* Whether t begins with word, in any case. */
static inline bool span_starts(struct span t, const char *word)
{
    for (size_t i = 0; word[i] != '\0'; i++) {
        if (i == t.n || !ascii_same(t.p[i], word[i]))
            return false;
    }
    return true;
}

/* Takes word, a literal, in any case, off the front of t if it begins with it; whether it does.  Mostly they are the
   same altogether. */
static inline bool span_takes(struct span *t, const char *word)
{
    size_t n = strlen(word);
    bool does = (t->n >= n && memcmp(t->p, word, n) == 0) || span_starts(*t, word);
    if (does)
        span_skip(t, n);
    return does;
}

/* Whether they are the same, in any case. */
static inline bool span_same(struct span a, struct span b)
{
    size_t i = 0;
    while (i < a.n && i < b.n && ascii_same(a.p[i], b.p[i]))
        i++;
    return a.n == b.n && i == a.n;
}

/* Whether t is word, in any case. */
static inline bool span_is(struct span t, const char *word)
{
    size_t i = 0;
    while (i < t.n && word[i] != '\0' && ascii_same(t.p[i], word[i]))
        i++;
    return i == t.n && word[i] == '\0';
}

/* Overwrites a secret, which no compiler may find needless: it does not know what it calls. */
static inline void span_wipe(char *p, size_t n)
{
    static void *(*volatile const overwrite)(void *, int, size_t) = memset;
    if (n > 0)
        (void)overwrite(p, 0, n);
}

/* Eight octets at a time. */
static inline bool span_has_8bit(struct span t)
{
    uint64_t all = 0, eight;
    for (; t.n >= sizeof eight; span_skip(&t, sizeof eight)) {
        memcpy(&eight, t.p, sizeof eight);
        all |= eight;
    }
    for (; t.n > 0; span_skip(&t, 1))
        all |= (unsigned char)*t.p;
    return (all & UINT64_C(0x8080808080808080)) != 0;
}

#endif
