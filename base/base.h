/* SPDX-License-Identifier: ISC */
/*
 * base.h - spans of text, growing text, UTF-8, numbers, base64, digests and the clock.
 *
 * Nothing here does I/O or knows a locale.  Only struct text allocates memory,
 * and only clock_now() asks the system.
 */
#ifndef BASE_BASE_H
#define BASE_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* ---- ASCII, whatever the locale ---- */

static inline bool ascii_is_digit(char c) { return c >= '0' && c <= '9'; }
static inline bool ascii_is_8bit(char c) { return ((unsigned char)c & 0x80) != 0; }
static inline bool ascii_is_control(char c) { return (unsigned char)c < ' ' || c == 0x7f; }
static inline char ascii_lower(char c) { return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c; }
static inline bool ascii_is_letter(char c) { return ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z'; }

/* The value of a hexadecimal digit; above 15 if c is not one. */
static inline unsigned ascii_hex_value(char c)
{
    unsigned digit = (unsigned char)c - (unsigned)'0', letter = ((unsigned char)c | 0x20u) - (unsigned)'a';
    return digit < 10 ? digit : letter < 6 ? letter + 10 : 16;
}

static inline bool ascii_is_hex(char c) { return ascii_hex_value(c) < 16; }

/* Whether both are the same letter in any case, or the same octet. */
static inline bool ascii_same(char a, char b) { return a == b || ascii_lower(a) == ascii_lower(b); }

static inline char ascii_hex_digit(unsigned value) { return "0123456789abcdef"[value]; }

/* Writes n in at most 20 decimal digits, the last one at end - 1.  Returns a pointer to the first one. */
static inline char *ascii_put_number(char *end, uint64_t n)
{
    do {
        *--end = (char)('0' + n % 10);
        n /= 10;
    } while (n > 0);
    return end;
}

/* ---- spans: octets that somebody else owns, such as text from the network ---- */

struct span {
    const char *p; /* NULL may mean that there is no such text */
    size_t n;
};

/* The octets from p up to end. */
static inline struct span span_between(const char *p, const char *end) { return (struct span){p, (size_t)(end - p)}; }

/* The octets of a string, without its NUL.  s may be NULL. */
static inline struct span span_of(const char *s) { return (struct span){s, s != NULL ? strlen(s) : 0}; }

/* Takes n octets off the front; n is at most t->n. */
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

/* Whether t begins with word, in any case; if so, takes it off the front. */
static inline bool span_takes(struct span *t, const char *word)
{
    size_t n = strlen(word);
    bool does = (t->n >= n && memcmp(t->p, word, n) == 0) || span_starts(*t, word); /* most clients use our case */
    if (does)
        span_skip(t, n);
    return does;
}

/* Orders a and b as words, in any case: less than 0, 0 or more than 0. */
static inline int span_order(struct span a, struct span b)
{
    size_t i = 0;
    while (i < a.n && i < b.n && ascii_same(a.p[i], b.p[i]))
        i++;
    if (i < a.n && i < b.n)
        return (unsigned char)ascii_lower(a.p[i]) - (unsigned char)ascii_lower(b.p[i]);
    return (a.n > b.n) - (a.n < b.n);
}

/* Whether a and b are the same, in any case. */
static inline bool span_same(struct span a, struct span b) { return a.n == b.n && span_order(a, b) == 0; }

/* Whether t is word, in any case. */
static inline bool span_is(struct span t, const char *word)
{
    size_t i = 0;
    while (i < t.n && word[i] != '\0' && ascii_same(t.p[i], word[i]))
        i++;
    return i == t.n && word[i] == '\0';
}

/* Whether t is one of names, in any case; a NULL ends them. */
static inline bool span_is_one_of(struct span t, const char *const names[])
{
    while (*names != NULL && !span_is(t, *names))
        names++;
    return *names != NULL;
}

/* Takes an octet of xtext (RFC 3461 4), such as "a" or "+2B", off the front of t, which is not empty, and decodes it. A
   plus without two hexadecimal digits is taken as it is. */
static inline char span_take_xtext(struct span *t)
{
    const char *p = t->p;
    bool coded = *p == '+' && t->n >= 3 && ascii_is_hex(p[1]) && ascii_is_hex(p[2]);
    span_skip(t, coded ? 3 : 1);
    return coded ? (char)(ascii_hex_value(p[1]) << 4 | ascii_hex_value(p[2])) : *p;
}

/* Overwrites a secret.  The compiler cannot leave it out, as it does not know which function is called. */
static inline void span_wipe(char *p, size_t n)
{
    static void *(*volatile const overwrite)(void *, int, size_t) = memset;
    if (n > 0)
        (void)overwrite(p, 0, n);
}

/* Whether an octet is outside ASCII.  Looks at eight octets at a time. */
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

/* ---- text that grows ---- */

/* The caller zeroes it, and frees p at the end. */
struct text {
    char *p; /* NULL while it is empty; no NUL ends it */
    size_t n, size;
    bool failed; /* memory ran out; the text is incomplete, and further additions do nothing */
};

/* Makes room for n more octets, and returns where to write them; the caller then adds to t->n.  NULL if memory ran
   out. */
char *text_grow(struct text *t, size_t n);
static inline char *text_room(struct text *t, size_t n) { return n <= t->size - t->n ? t->p + t->n : text_grow(t, n); }

static inline void text_add(struct text *t, const char *p, size_t n)
{
    char *to = n > 0 ? text_room(t, n) : NULL;
    if (to == NULL)
        return;
    memcpy(to, p, n);
    t->n += n;
}

/* without its NUL */
static inline void text_add_string(struct text *t, const char *s) { text_add(t, s, strlen(s)); }

void text_add_ended(struct text *t, struct span s); /* and a NUL */
void text_add_number(struct text *t, uint64_t n);   /* in decimal */

static inline struct span text_span(const struct text *t) { return (struct span){t->p, t->n}; }

/* ---- the peer under TLS ---- */

/* What a client has shown; p NULL: nothing. */
struct tls_peer {
    const char *version;     /* of TLS */
    struct span sni;         /* the name of the server that it asked for; RFC 6066 3 */
    struct span alpn;        /* the protocols that it offered, each after an octet with its length; RFC 7301 3.1 */
    struct span certificate; /* the fingerprint by SHA-256 in hexadecimal, a space, and the subject as in RFC 2253 */
};

/* Takes the first protocol off the front of alpn.  False if there is none. */
static inline bool tls_take_protocol(struct span *alpn, struct span *name)
{
    size_t n = alpn->n > 0 ? (unsigned char)*alpn->p : 0;
    if (n >= alpn->n)
        return false;
    *name = (struct span){alpn->p + 1, n};
    span_skip(alpn, 1 + n);
    return true;
}

/* ---- UTF-8, RFC 3629 ---- */

/* The length of the sequence at the front of t, which is not empty.  0 if it is malformed: an overlong form, a
   surrogate, or above U+10FFFF (section 4). */
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

/* The code point of a well-formed sequence; the value of a single octet. */
static inline uint32_t utf8_code_point(struct span sequence)
{
    const unsigned char *p = (const unsigned char *)sequence.p;
    uint32_t c = sequence.n == 1 ? p[0] : p[0] & (0xffu >> (sequence.n + 1));
    for (size_t i = 1; i < sequence.n; i++)
        c = c << 6 | (p[i] & 0x3fu);
    return c;
}

/* Writes a character as UTF-8; returns how many octets. */
static inline size_t utf8_encode(uint32_t c, char octets[4])
{
    unsigned more = c < 0x80 ? 0 : c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
    octets[0] = (char)(more == 0 ? c : (0xf0u << (3 - more) & 0xf0u) | c >> 6 * more);
    for (unsigned i = 1; i <= more; i++)
        octets[i] = (char)(0x80 | (c >> 6 * (more - i) & 0x3f));
    return more + 1;
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

/*
 * Returns the length of the character at the front of t, which is not empty,
 * and sets *visible if a person can be shown it: it does not move, hide or
 * reorder the text around it, and is not blank itself.  A malformed octet is a
 * character that is not visible.
 */
size_t visible_take(struct span t, bool *visible);

/* ---- numbers as people write them ---- */

/* Reads decimal digits at *text, and moves *text past them.  False if there are none, or too many for 64 bits. */
bool number_take(const char **text, uint64_t *value);

/* The same for a number of octets, with a unit K, M or G or none. */
bool number_take_size(const char **text, uint64_t *octets);

/*
 * Reads a decimal number, with a fraction or without, and a unit: ms, s, m or h;
 * seconds if there is none.  Moves *text past them.  *milliseconds is rounded
 * down.  False if there is no number, or it is too large.
 */
bool number_take_time(const char **text, int64_t *milliseconds);

/* ---- the processor ---- */

/* What it can do, as a set. */
enum { PROCESSOR_SSSE3 = 1, PROCESSOR_SHA = 2 };
unsigned processor_can(void);

/* ---- base64, RFC 4648 section 4 ---- */

/* The value of a digit; above 63 if c is not one. */
extern const unsigned char base64_values[256];
static inline unsigned base64_digit(char c) { return base64_values[(unsigned char)c]; }

/* The size of the base64 of n octets, with its NUL. */
#define BASE64_SIZE(n) (((n) + 2) / 3 * 4 + 1)

/* Writes a string of BASE64_SIZE(octets.n) octets. */
void base64_encode(struct span octets, char *text);

/* Takes digits off the front of t, four at a time, while they are digits and there is room for the octets.  Returns how
   many octets it has written. */
size_t base64_take(struct span *t, char *octets, size_t room);
size_t base64_take_plain(struct span *t, char *octets, size_t room);

/* Decodes *n characters in place, and sets *n to the number of octets.  Padding is required; unused bits are ignored.
   False if they are not base64; text is then undefined. */
bool base64_decode(char *text, size_t *n);

/* ---- digests ---- */

enum { DIGEST_MAX = 32, DIGEST_BLOCK = 64 /* octets */ };

/* What digests differ in.  MD5 and SHA-1 are broken, and are here for the mechanisms of AUTH that have them. */
struct digest_kind {
    size_t size;   /* octets of a digest */
    bool reversed; /* numbers go with their lowest octet first */
    uint32_t start[8];
    void (*add_blocks)(uint32_t state[8], const unsigned char *blocks, size_t n);
};

extern const struct digest_kind digest_md5;  /* RFC 1321 */
extern const struct digest_kind digest_sha1; /* FIPS 180-4, as the next one */
extern const struct digest_kind digest_sha256;

/* The form of digest_sha256.add_blocks for processors without instructions for it; the tests compare them. */
void sha256_add_plain(uint32_t state[8], const unsigned char *blocks, size_t n);

/* A digest under way.  The caller allocates it. */
struct digest {
    const struct digest_kind *kind;
    uint32_t state[8];
    uint64_t n; /* octets added */
    unsigned char block[DIGEST_BLOCK];
};

void digest_begin(struct digest *d, const struct digest_kind *kind);
void digest_add(struct digest *d, const char *octets, size_t n);
void digest_end(struct digest *d, unsigned char digest[DIGEST_MAX]);

/* An HMAC under way (RFC 2104): text is added to inner.  A copy made after hmac_begin() begins another text. */
struct hmac {
    struct digest inner, outer;
};

void hmac_begin(struct hmac *h, const struct digest_kind *kind, struct span key);
void hmac_end(struct hmac *h, unsigned char digest[DIGEST_MAX]);

/* ---- the rest ---- */

/* The reason why something failed. */
struct failure {
    int error;        /* an errno */
    const char *what; /* a file, directory or stream; "memory".  Borrowed */
};

/* Milliseconds by a monotonic clock, which starts at an unknown time. */
int64_t clock_now(void);

enum { CLOCK_WAIT_MAX = 60 * 60 * 1000 /* milliseconds of one wait */ };

/* The timeout for poll(2) or epoll_wait(2), in milliseconds; -1: for ever. */
static inline int clock_timeout(int64_t until, int64_t now)
{
    if (until == INT64_MAX)
        return -1;
    return until <= now ? 0 : until - now < CLOCK_WAIT_MAX ? (int)(until - now) : CLOCK_WAIT_MAX;
}

#endif
