/*
 * set.c - sets of characters, as ranges of code points.
 *
 * The tables are facts of Unicode, made short.  Upper and lower case are paired
 * one to one (simple case folding) in Latin, Greek, Cyrillic and Armenian, and
 * among circled, full-width and Roman letters.
 */
#include "mail/inside.h"

#include <stdlib.h>
#include <string.h>

/* Characters whose other case is delta further on; with a delta of 1 they alternate: upper, lower, upper, lower. */
struct cases {
    uint32_t first, last;
    int32_t delta;
};

/* clang-format off */
static const struct cases all_cases[] = {
    {0x41, 0x5a, 32}, {0xb5, 0xb5, 775}, {0xc0, 0xd6, 32}, {0xd8, 0xde, 32}, {0x100, 0x12f, 1}, {0x132, 0x137, 1},
    {0x139, 0x148, 1}, {0x14a, 0x177, 1}, {0x178, 0x178, -121}, {0x179, 0x17e, 1}, {0x17f, 0x17f, -268},
    {0x181, 0x181, 210}, {0x182, 0x185, 1}, {0x186, 0x186, 206}, {0x187, 0x188, 1}, {0x189, 0x18a, 205},
    {0x18b, 0x18c, 1}, {0x18e, 0x18e, 79}, {0x18f, 0x18f, 202}, {0x190, 0x190, 203}, {0x191, 0x192, 1},
    {0x193, 0x193, 205}, {0x194, 0x194, 207}, {0x196, 0x196, 211}, {0x197, 0x197, 209}, {0x198, 0x199, 1},
    {0x19c, 0x19c, 211}, {0x19d, 0x19d, 213}, {0x19f, 0x19f, 214}, {0x1a0, 0x1a5, 1}, {0x1a6, 0x1a6, 218},
    {0x1a7, 0x1a8, 1}, {0x1a9, 0x1a9, 218}, {0x1ac, 0x1ad, 1}, {0x1ae, 0x1ae, 218}, {0x1af, 0x1b0, 1},
    {0x1b1, 0x1b2, 217}, {0x1b3, 0x1b6, 1}, {0x1b7, 0x1b7, 219}, {0x1b8, 0x1b9, 1}, {0x1bc, 0x1bd, 1},
    {0x1c4, 0x1c4, 2}, {0x1c5, 0x1c6, 1}, {0x1c7, 0x1c7, 2}, {0x1c8, 0x1c9, 1}, {0x1ca, 0x1ca, 2}, {0x1cb, 0x1dc, 1},
    {0x1de, 0x1ef, 1}, {0x1f1, 0x1f1, 2}, {0x1f2, 0x1f5, 1}, {0x1f6, 0x1f6, -97}, {0x1f7, 0x1f7, -56},
    {0x1f8, 0x21f, 1}, {0x220, 0x220, -130}, {0x222, 0x233, 1}, {0x23a, 0x23a, 10795}, {0x23b, 0x23c, 1},
    {0x23d, 0x23d, -163}, {0x23e, 0x23e, 10792}, {0x241, 0x242, 1}, {0x243, 0x243, -195}, {0x244, 0x244, 69},
    {0x245, 0x245, 71}, {0x246, 0x24f, 1}, {0x345, 0x345, 116}, {0x370, 0x373, 1}, {0x376, 0x377, 1},
    {0x37f, 0x37f, 116}, {0x386, 0x386, 38}, {0x388, 0x38a, 37}, {0x38c, 0x38c, 64}, {0x38e, 0x38f, 63},
    {0x391, 0x3a1, 32}, {0x3a3, 0x3ab, 32}, {0x3c2, 0x3c3, 1}, {0x3cf, 0x3cf, 8}, {0x3d0, 0x3d0, -30},
    {0x3d1, 0x3d1, -25}, {0x3d5, 0x3d5, -15}, {0x3d6, 0x3d6, -22}, {0x3d8, 0x3ef, 1}, {0x3f0, 0x3f0, -54},
    {0x3f1, 0x3f1, -48}, {0x3f4, 0x3f4, -60}, {0x3f5, 0x3f5, -64}, {0x3f7, 0x3f8, 1}, {0x3f9, 0x3f9, -7},
    {0x3fa, 0x3fb, 1}, {0x3fd, 0x3ff, -130}, {0x400, 0x40f, 80}, {0x410, 0x42f, 32}, {0x460, 0x481, 1},
    {0x48a, 0x4bf, 1}, {0x4c0, 0x4c0, 15}, {0x4c1, 0x4ce, 1}, {0x4d0, 0x52f, 1}, {0x531, 0x556, 48},
    {0x1e00, 0x1e95, 1}, {0x1e9b, 0x1e9b, -58}, {0x1e9e, 0x1e9e, -7615}, {0x1ea0, 0x1eff, 1}, {0x1f08, 0x1f0f, -8},
    {0x1f18, 0x1f1d, -8}, {0x1f28, 0x1f2f, -8}, {0x1f38, 0x1f3f, -8}, {0x1f48, 0x1f4d, -8}, {0x1f59, 0x1f59, -8},
    {0x1f5b, 0x1f5b, -8}, {0x1f5d, 0x1f5d, -8}, {0x1f5f, 0x1f5f, -8}, {0x1f68, 0x1f6f, -8}, {0x1f88, 0x1f8f, -8},
    {0x1f98, 0x1f9f, -8}, {0x1fa8, 0x1faf, -8}, {0x1fb8, 0x1fb9, -8}, {0x1fba, 0x1fbb, -74}, {0x1fbc, 0x1fbc, -9},
    {0x1fbe, 0x1fbe, -7173}, {0x1fc8, 0x1fcb, -86}, {0x1fcc, 0x1fcc, -9}, {0x1fd8, 0x1fd9, -8}, {0x1fda, 0x1fdb, -100},
    {0x1fe8, 0x1fe9, -8}, {0x1fea, 0x1feb, -112}, {0x1fec, 0x1fec, -7}, {0x1ff8, 0x1ff9, -128}, {0x1ffa, 0x1ffb, -126},
    {0x1ffc, 0x1ffc, -9}, {0x2126, 0x2126, -7517}, {0x212a, 0x212a, -8383}, {0x212b, 0x212b, -8262},
    {0x2160, 0x216f, 16}, {0x24b6, 0x24cf, 26}, {0xff21, 0xff3a, 32},
};

/* No letters, marks or digits: these, and all below U+00AA except ASCII letters, digits and "_". */
static const struct range no_words[] = {
    {0xab, 0xb4}, {0xb6, 0xb9}, {0xbb, 0xbf}, {0xd7, 0xd7}, {0xf7, 0xf7}, {0x2c2, 0x2c5}, {0x2d2, 0x2df},
    {0x37e, 0x37e}, {0x387, 0x387}, {0x55a, 0x55f}, {0x589, 0x58a}, {0x5be, 0x5be}, {0x60c, 0x60d}, {0x61b, 0x61b},
    {0x61e, 0x61f}, {0x66a, 0x66d}, {0x6d4, 0x6d4}, {0x964, 0x965}, {0x1680, 0x1680}, {0x2000, 0x206f},
    {0x207a, 0x207e}, {0x208a, 0x208e}, {0x20a0, 0x20cf}, {0x2190, 0x2bff}, {0x2e00, 0x2e7f}, {0x3000, 0x3004},
    {0x3008, 0x3020}, {0x3030, 0x3030}, {0x30a0, 0x30a0}, {0x30fb, 0x30fb}, {0xd800, 0xf8ff}, {0xfe10, 0xfe1f},
    {0xfe30, 0xfe6f}, {0xfeff, 0xfeff}, {0xff00, 0xff0f}, {0xff1a, 0xff20}, {0xff3b, 0xff40}, {0xff5b, 0xff65},
    {0xffe0, 0xffff}, {0x1f000, 0x1faff}, {0xe0000, SET_NO_CHARACTER},
};
static const struct range spaces[] = {
    {'\t', '\r'}, {' ', ' '}, {0xa0, 0xa0}, {0x1680, 0x1680}, {0x2000, 0x200a}, {0x2028, 0x2029}, {0x202f, 0x202f},
    {0x205f, 0x205f}, {0x3000, 0x3000},
};
/* clang-format on */

void set_add(struct set *s, uint32_t first, uint32_t last)
{
    if (s->n == s->size) {
        size_t size = s->size > 0 ? 2 * s->size : 8;
        struct range *grown = realloc(s->ranges, size * sizeof *grown);
        if (grown == NULL) {
            s->failed = true;
            return;
        }
        s->ranges = grown;
        s->size = size;
    }
    s->ranges[s->n++] = (struct range){first, last};
}

void set_add_all(struct set *s, const struct set *other)
{
    for (size_t i = 0; i < other->n; i++)
        set_add(s, other->ranges[i].first, other->ranges[i].last);
    s->failed = s->failed || other->failed;
}

static void add_table(struct set *s, const struct range *table, size_t n)
{
    for (size_t i = 0; i < n; i++)
        set_add(s, table[i].first, table[i].last);
}

void set_add_spaces(struct set *s) { add_table(s, spaces, sizeof spaces / sizeof spaces[0]); }

void set_add_letters(struct set *s)
{
    struct set no = {.n = 0};
    set_add(&no, 0, 'A' - 1);
    set_add(&no, 'Z' + 1, 'a' - 1);
    set_add(&no, 'z' + 1, 0xa9);
    add_table(&no, no_words, sizeof no_words / sizeof no_words[0]);
    set_invert(&no);
    set_add_all(s, &no);
    free(no.ranges);
}

void set_add_word(struct set *s)
{
    set_add_letters(s);
    set_add(s, '0', '9');
    set_add(s, '_', '_');
    set_sort(s);
}

void set_add_cased(struct set *s)
{
    for (size_t i = 0; i < sizeof all_cases / sizeof all_cases[0]; i++)
        set_add(s, all_cases[i].first, all_cases[i].last);
}

/* Adds the other case of those of first to last that are in a row of the table. */
static void add_other_case(struct set *s, uint32_t first, uint32_t last, const struct cases *c)
{
    for (int way = 1; way >= -1; way -= 2) {
        uint32_t delta = (uint32_t)c->delta, from = c->first, to = c->last;
        if (c->delta != 1 && way < 0) {
            from += delta;
            to += delta;
            delta = 0 - delta;
        }
        uint32_t low = first > from ? first : from, high = last < to ? last : to;
        if (low > high)
            continue;
        if (c->delta == 1)
            set_add(s, low - (low - from) % 2, high + (high - from + 1) % 2);
        else
            set_add(s, low + delta, high + delta);
    }
}

/* A letter may have several other forms (K, k and the Kelvin sign), so all are added until there is nothing new. */
void set_ignore_case(struct set *s)
{
    for (int turn = 0; turn < 3; turn++) {
        set_sort(s);
        for (size_t i = 0, n = s->n; i < n; i++) {
            for (size_t k = 0; k < sizeof all_cases / sizeof all_cases[0]; k++)
                add_other_case(s, s->ranges[i].first, s->ranges[i].last, &all_cases[k]);
        }
    }
    set_sort(s);
}

static int compare(const void *a, const void *b)
{
    const struct range *x = a, *y = b;
    return (x->first > y->first) - (x->first < y->first);
}

void set_sort(struct set *s)
{
    size_t n = 0;
    if (s->n > 0)
        qsort(s->ranges, s->n, sizeof *s->ranges, compare);
    for (size_t i = 0; i < s->n; i++) {
        struct range r = s->ranges[i], *last = n > 0 ? &s->ranges[n - 1] : NULL;
        if (last != NULL && r.first <= last->last + 1)
            last->last = r.last > last->last ? r.last : last->last;
        else
            s->ranges[n++] = r;
    }
    s->n = n;
}

void set_invert(struct set *s)
{
    struct set inverted = {.failed = s->failed};
    uint32_t next = 0;
    set_sort(s);
    for (size_t i = 0; i < s->n; i++) {
        if (s->ranges[i].first > next)
            set_add(&inverted, next, s->ranges[i].first - 1);
        next = s->ranges[i].last + 1;
    }
    if (next <= SET_NO_CHARACTER)
        set_add(&inverted, next, SET_NO_CHARACTER);
    free(s->ranges);
    *s = inverted;
}

bool set_has(const struct set *s, uint32_t c)
{
    size_t low = 0, high = s->n;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (c > s->ranges[middle].last)
            low = middle + 1;
        else
            high = middle;
    }
    return low < s->n && c >= s->ranges[low].first;
}
