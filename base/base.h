/*
 * base.h - what all rooms use: spans, growing text, UTF-8, numbers, base64, digests, text made visible,
 * the clock.
 */
#ifndef BASE_BASE_H
#define BASE_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* ---- span ---- */

/*
 * text from the network: a pointer and a length, never a C string,
 * and ASCII whatever the locale.
 */

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

/* Whether they are the same, ignoring case; most are the same in case too. */
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

/* What failed, and why. */
struct failure {
    int error;        /* an errno */
    const char *what; /* the name of a file, directory or stream; "memory" */
};

/* ---- text ---- */

/*
 * a text that grows.
 */

/* The caller allocates it, zeroed, and frees p, which is NULL until there is some. */
struct text {
    char *p;
    size_t n, size;
    bool failed; /* memory ran out: what is there is worth nothing, and nothing is added any more */
};

void text_add(struct text *t, const char *p, size_t n);
void text_add_ended(struct text *t, struct span s); /* and a NUL after it */
void text_add_string(struct text *t, const char *s);
void text_add_number(struct text *t, uint64_t n);

static inline struct span text_span(const struct text *t) { return (struct span){t->p, t->n}; }

/* ---- utf8 ---- */

/*
 * well-formed UTF-8: RFC 3629 4, so no overlong form, no surrogate,
 * nothing above U+10FFFF.
 */

/* How many octets the sequence at the front of t, which is not empty, takes; 0 if it is malformed. */
static inline size_t utf8_length(struct span t)
{
    const unsigned char *p = (const unsigned char *)t.p;
    size_t length = p[0] < 0x80 ? 1 : p[0] < 0xc2 ? 0 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : p[0] < 0xf5 ? 4 : 0;
    if (length > t.n)
        return 0;
    for (size_t i = 1; i < length; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    }
    bool overlong = (p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xf0 && p[1] < 0x90);
    bool outside = (p[0] == 0xed && p[1] > 0x9f) || (p[0] == 0xf4 && p[1] > 0x8f);
    return overlong || outside ? 0 : length;
}

/* The code point of a well-formed sequence, or of an octet alone. */
static inline uint32_t utf8_code_point(struct span sequence)
{
    const unsigned char *p = (const unsigned char *)sequence.p;
    uint32_t c = sequence.n == 1 ? p[0] : p[0] & (0xffu >> (sequence.n + 1));
    for (size_t i = 1; i < sequence.n; i++)
        c = c << 6 | (p[i] & 0x3fu);
    return c;
}

static inline bool utf8_is_valid(struct span t)
{
    while (t.n > 0) {
        size_t n = utf8_length(t);
        if (n == 0)
            return false;
        span_skip(&t, n);
    }
    return true;
}

/* ---- number ---- */

/*
 * numbers as people write them: the one place where they are read.
 */

/* Decimal digits at *text, which moves past them.  False if there are none, or too many for 64 bits. */
bool number_take(const char **text, uint64_t *value);

/*
 * A decimal number and perhaps a unit, ms, s (which it is without one), m or
 * h, as milliseconds: the least that is told apart.  False if there is none, or
 * it is too large.
 */
bool number_take_time(const char **text, int64_t *milliseconds);

/* ---- base64 ---- */

/*
 * RFC 4648 section 4: padded, and nothing between.  Bits that stand for
 * nothing may be anything.
 */

/* What a digit stands for; 64 if it is none. */
static inline unsigned base64_digit(char c)
{
    if (ascii_is_upper(c))
        return (unsigned)(c - 'A');
    if (ascii_is_letter(c))
        return (unsigned)(c - 'a') + 26;
    if (ascii_is_digit(c))
        return (unsigned)(c - '0') + 52;
    return c == '+' ? 62 : c == '/' ? 63 : 64;
}

/* Room for the base64 of n octets, with a NUL. */
#define BASE64_SIZE(n) (((n) + 2) / 3 * 4 + 1)

/* Writes it there, as a string. */
void base64_encode(struct span octets, char *text);

/* Decodes n characters in place; *n becomes the number of octets.  False, with some of them decoded, if they are not
   base64. */
bool base64_decode(char *text, size_t *n);

/* ---- md5 ---- */

/*
 * the digest of RFC 1321, and the keyed one of RFC 2104 made of it,
 * for CRAM-MD5 (RFC 2195) and nothing else: it protects nothing any more.
 */

enum { MD5_SIZE = 16 /* octets of a digest */ };

/* The digest of a, followed by b. */
void md5(struct span a, struct span b, unsigned char digest[MD5_SIZE]);

/* The HMAC of text under key. */
void md5_hmac(struct span key, struct span text, unsigned char digest[MD5_SIZE]);

/* ---- sha256 ---- */

/*
 * the digest of FIPS 180-4, for telling attachments apart.
 */

enum { SHA256_SIZE = 32, SHA256_BLOCK = 64 };

/* A digest under way.  The caller allocates it. */
struct sha256 {
    uint32_t state[8];
    uint64_t n; /* octets so far */
    unsigned char block[SHA256_BLOCK];
};

void sha256_begin(struct sha256 *s);
void sha256_add(struct sha256 *s, const char *octets, size_t n);
void sha256_end(struct sha256 *s, unsigned char digest[SHA256_SIZE]);

/* ---- visible ---- */

/*
 * which characters can be shown to a person: what moves, hides or
 * reorders what is around it, or shows nothing, cannot.
 */

/*
 * How many octets the character at the front of t, which is not empty, takes,
 * and whether it can be shown.  An octet that is no UTF-8 is a character that
 * cannot.
 */
size_t visible_take(struct span t, bool *visible);

/* ---- clock ---- */

/* Milliseconds since some time in the past, by a clock that is never set back. */
int64_t clock_now(void);

#endif
