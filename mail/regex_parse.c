/* SPDX-License-Identifier: ISC */
/*
 * regex_parse.c - reading a regular expression: POSIX extended ones (XBD 9.4),
 * with \d \D \s \S \w \W \b.
 *
 * Each part adds its instructions to the program, and what comes after it, such
 * as * or |, moves or copies them.  An expression that POSIX leaves undefined, or
 * that means one thing here and another elsewhere, is refused: a test that waits
 * for no mail would succeed with it.
 */
#include "mail/inside.h"

#include <stdlib.h>
#include <string.h>

enum {
    DEPTH_MAX = 100, /* of nested parentheses */
    INTERVAL_MAX = 1000,
    WITHOUT_END = INTERVAL_MAX + 1,
};

static const uint32_t NONE = UINT32_MAX; /* no instruction */

struct parser {
    struct regex *r;
    struct span rest;
    const char *piece; /* where the present piece began, or its repetition */
    unsigned depth;
    const char *at, *why; /* why NULL: no complaint so far */
    bool failed;          /* the expression is wrong, or memory ran out */
};

static void complain(struct parser *p, const char *at, const char *why)
{
    if (!p->failed) {
        p->at = at;
        p->why = why;
    }
    p->failed = true;
}

/* ---- the program ---- */

static void add(struct parser *p, struct instruction i)
{
    struct regex *r = p->r;
    if (r->n == r->size) {
        size_t size = r->size > 0 ? 2 * r->size : 64;
        struct instruction *grown = realloc(r->program, size * sizeof *grown);
        if (grown == NULL) {
            p->failed = true;
            return;
        }
        r->program = grown;
        r->size = size;
    }
    if (r->n == REGEX_PROGRAM_MAX)
        complain(p, p->piece, "smaller intervals; they multiply to more than 20,000 steps");
    else
        r->program[r->n++] = i;
}

/* Mends the jumps among n instructions that were at `from` and have moved by delta. */
static void mend_jumps(struct instruction *code, size_t n, size_t from, size_t delta)
{
    for (size_t i = 0; i < n; i++) {
        bool jumps = code[i].what == REGEX_SPLIT || code[i].what == REGEX_JUMP;
        if (jumps && code[i].x >= from && code[i].x <= from + n)
            code[i].x += (uint32_t)delta;
        if (jumps && code[i].y >= from && code[i].y <= from + n)
            code[i].y += (uint32_t)delta;
    }
}

static void insert(struct parser *p, size_t at, struct instruction i)
{
    struct regex *r = p->r;
    size_t n = r->n - at;
    add(p, i);
    if (p->failed)
        return;
    memmove(r->program + at + 1, r->program + at, n * sizeof *r->program);
    r->program[at] = i;
    mend_jumps(r->program + at + 1, n, at, 1);
}

static void add_copy(struct parser *p, const struct instruction *code, size_t n, size_t from)
{
    size_t start = p->r->n;
    for (size_t i = 0; i < n && !p->failed; i++)
        add(p, code[i]);
    if (!p->failed)
        mend_jumps(p->r->program + start, n, from, start - from);
}

/* Has jumps lead to the end of the program.  Until then x of each is the jump before it, or NONE. */
static void end_jumps(struct parser *p, uint32_t last)
{
    while (!p->failed && last != NONE) {
        struct instruction *jump = &p->r->program[last];
        last = jump->x;
        jump->x = (uint32_t)p->r->n;
    }
}

/* Makes the instructions from start on repeat min to max times. */
static void repeat(struct parser *p, size_t start, unsigned min, unsigned max)
{
    struct regex *r = p->r;
    size_t n = r->n - start;
    unsigned most = max < WITHOUT_END ? max : min > 0 ? min : 1;
    uint32_t last = NONE; /* for end_jumps() */
    struct instruction *part = malloc((n + 1) * sizeof *part);
    if (part == NULL) {
        p->failed = true;
        return;
    }
    if (n > 0)
        memcpy(part, r->program + start, n * sizeof *part);
    r->n = start;
    for (unsigned i = 0; i < most && !p->failed; i++) {
        if (i >= min) {
            add(p, (struct instruction){REGEX_SPLIT, last, (uint32_t)r->n + 1});
            last = (uint32_t)r->n - 1;
        }
        add_copy(p, part, n, start);
    }
    if (max == WITHOUT_END)
        add(p, (struct instruction){REGEX_SPLIT, (uint32_t)(r->n - n), (uint32_t)r->n + 1});
    end_jumps(p, last);
    free(part);
}

/* ---- sets of characters ---- */

/* Adds an instruction for one character of a set, which is taken over.  A match is within a line, so its end is removed
   from the set.  Equal sets are kept once. */
static void add_set(struct parser *p, struct set s)
{
    struct regex *r = p->r;
    uint32_t i = 0;
    struct set *grown;
    set_ignore_case(&s);
    set_invert(&s);
    set_add(&s, '\n', '\n');
    set_invert(&s);
    while (i < r->n_sets && !set_same(&r->sets[i], &s))
        i++;
    if (i == r->n_sets && !s.failed && (grown = realloc(r->sets, (i + 1) * sizeof *grown)) != NULL) {
        r->sets = grown;
        r->sets[r->n_sets++] = s;
        s.ranges = NULL;
    }
    p->failed = p->failed || s.failed || i == r->n_sets;
    free(s.ranges);
    add(p, (struct instruction){REGEX_ONE, i, 0});
}

static void add_inverted_set(struct parser *p, struct set s)
{
    set_ignore_case(&s);
    set_invert(&s);
    add_set(p, s);
}

static void add_character(struct parser *p, uint32_t c)
{
    struct set s = {.n = 0};
    set_add(&s, c, c);
    add_set(p, s);
}

/* What the classes consist of. */
enum {
    LETTERS = 1,
    CASED = 2, /* letters that have two cases */
    DIGITS = 4,
    HEX_LETTERS = 8,
    UNDERSCORE = 16,
    BLANKS = 32,
    SPACES = 64,
    CONTROLS = 128,
    NO_CHARACTER = 256, /* an octet that is none */
    OTHERS = 512,       /* all others instead */
};

static void add_class(struct set *s, unsigned of)
{
    struct set c = {.n = 0};
    if (of & LETTERS)
        set_add_letters(&c);
    if (of & CASED)
        set_add_cased(&c);
    if (of & DIGITS)
        set_add(&c, '0', '9');
    if (of & HEX_LETTERS)
        set_add(&c, 'A', 'F');
    if (of & UNDERSCORE)
        set_add(&c, '_', '_');
    if (of & SPACES)
        set_add_spaces(&c);
    if (of & BLANKS) {
        set_add(&c, '\t', '\t');
        set_add(&c, ' ', ' ');
        set_add(&c, 0xa0, 0xa0);
    }
    if (of & CONTROLS) {
        set_add(&c, 0, 0x1f);
        set_add(&c, 0x7f, 0x9f);
    }
    if (of & NO_CHARACTER)
        set_add(&c, SET_NO_CHARACTER, SET_NO_CHARACTER);
    if (of & OTHERS)
        set_invert(&c);
    set_add_all(s, &c);
    free(c.ranges);
}

/* Adds the class of a letter as in \d to a set.  False if there is none. */
static bool add_letter_class(struct set *s, char letter)
{
    char lower = ascii_lower(letter);
    unsigned of = lower == 'd' ? DIGITS : lower == 's' ? SPACES : lower == 'w' ? LETTERS | DIGITS | UNDERSCORE : 0;
    if (of != 0)
        add_class(s, letter == lower ? of : of | OTHERS);
    return of != 0;
}

/* Adds the class of a name as in [:digit:] to a set.  False if there is none. */
static bool add_named_class(struct set *s, struct span name)
{
    static const struct {
        const char *name;
        unsigned of;
    } classes[] = {
        {"alpha", LETTERS},
        {"digit", DIGITS},
        {"alnum", LETTERS | DIGITS},
        {"upper", CASED}, /* as case is ignored */
        {"lower", CASED},
        {"space", SPACES},
        {"blank", BLANKS},
        {"punct", LETTERS | DIGITS | SPACES | CONTROLS | NO_CHARACTER | OTHERS},
        {"cntrl", CONTROLS},
        {"xdigit", DIGITS | HEX_LETTERS},
        {"graph", SPACES | CONTROLS | NO_CHARACTER | OTHERS},
        {"print", CONTROLS | NO_CHARACTER | OTHERS},
    };
    for (size_t i = 0; i < sizeof classes / sizeof classes[0]; i++) {
        if (span_same(name, span_of(classes[i].name))) {
            add_class(s, classes[i].of);
            return true;
        }
    }
    return false;
}

/* ---- the expression ---- */

static bool next_is(const struct parser *p, const char *text)
{
    size_t n = strlen(text);
    return p->rest.n >= n && memcmp(p->rest.p, text, n) == 0;
}

static bool take(struct parser *p, const char *text)
{
    bool taken = next_is(p, text);
    span_skip(&p->rest, taken ? strlen(text) : 0);
    return taken;
}

/* Takes a character; there is one. */
static uint32_t take_character(struct parser *p)
{
    struct span c = {p->rest.p, utf8_length(p->rest)};
    if (c.n == 0)
        complain(p, p->rest.p, "UTF-8");
    if (*c.p == '\n')
        complain(p, p->rest.p, "an expression of one line, as a match is within one line");
    c.n = c.n > 0 ? c.n : 1;
    span_skip(&p->rest, c.n);
    return utf8_code_point(c);
}

/* Takes an end of a range, or a single character, in brackets. */
static uint32_t take_in_brackets(struct parser *p)
{
    const char *at = p->rest.p;
    if (next_is(p, "[:") || next_is(p, "[=") || next_is(p, "[."))
        complain(p, at, "a single character, or a class such as [:digit:]");
    if (take(p, "\\") && !next_is(p, "\\"))
        complain(p, at, "\\\\ for a backslash, or \\d \\s \\w; in brackets ] comes first and - last");
    return p->rest.n > 0 ? take_character(p) : 0;
}

/* Takes what stands in brackets up to the next thing, and adds it to the set. */
static void take_item(struct parser *p, struct set *s)
{
    const char *at = p->rest.p;
    bool single = false;
    if (p->rest.n > 1 && *at == '\\' && add_letter_class(s, at[1])) {
        span_skip(&p->rest, 2);
    } else if (take(p, "[:")) {
        const char *end = p->rest.n > 0 ? memchr(p->rest.p, ':', p->rest.n) : NULL;
        if (end == NULL || !add_named_class(s, span_between(p->rest.p, end)))
            complain(p, at,
                     "[:alpha:], digit, alnum, upper, lower, space, blank, punct, cntrl, xdigit, graph or print");
        else
            span_skip(&p->rest, (size_t)(end - p->rest.p));
        if (!take(p, ":]"))
            complain(p, at, ":] at the end of the class, as in [:digit:]");
    } else {
        uint32_t first = take_in_brackets(p), last = first;
        single = !(p->rest.n > 1 && *p->rest.p == '-' && p->rest.p[1] != ']');
        if (!single) {
            (void)take(p, "-");
            last = take_in_brackets(p);
        }
        if (last < first)
            complain(p, at, "a range whose lower end comes first");
        set_add(s, first, last);
    }
    if (!single && p->rest.n > 1 && *p->rest.p == '-' && p->rest.p[1] != ']')
        complain(p, p->rest.p, "- at the end of the brackets, or between two characters");
}

static void parse_brackets(struct parser *p)
{
    struct set s = {.n = 0};
    const char *at = p->rest.p - 1;
    bool inverted = take(p, "^");
    const char *end = next_is(p, ":") ? memchr(p->rest.p, ']', p->rest.n) : NULL;
    if (end != NULL && end - p->rest.p > 2 && end[-1] == ':')
        complain(p, at, "two brackets for a class, as in [[:digit:]]");
    do {
        if (p->rest.n == 0)
            complain(p, at, "] at the end of the brackets; \\[ is the character");
        else
            take_item(p, &s);
    } while (!p->failed && !take(p, "]"));
    if (inverted)
        add_inverted_set(p, s);
    else
        add_set(p, s);
}

static void parse_escape(struct parser *p)
{
    const char *at = p->rest.p - 1;
    struct set s = {.n = 0};
    char c = p->rest.n > 0 ? *p->rest.p : '\0';
    if (add_letter_class(&s, c)) {
        add_set(p, s);
    } else if (c == 'b') {
        p->r->has_edges = true;
        add(p, (struct instruction){REGEX_WORD_EDGE, 0, 0});
    } else if (c > ' ' && c < 0x7f && !ascii_is_letter(c) && !ascii_is_digit(c) && memchr("<>`'", c, 4) == NULL) {
        add_character(p, (unsigned char)c);
    } else {
        complain(p, at,
                 ascii_is_digit(c)
                     ? "the expression again; there are no references to an earlier part"
                     : "\\d \\D \\s \\S \\w \\W \\b, or a backslash before punctuation other than < > ` '");
        return;
    }
    span_skip(&p->rest, 1);
}

static void parse_alternatives(struct parser *p);

static void parse_group(struct parser *p)
{
    const char *at = p->rest.p - 1;
    if (next_is(p, "?"))
        complain(p, at, "a plain ( ); there is no (?");
    if (++p->depth > DEPTH_MAX)
        complain(p, at, "parentheses that are nested at most 100 deep");
    if (!p->failed)
        parse_alternatives(p);
    p->depth--;
    if (!p->failed && !take(p, ")"))
        complain(p, at, "a ) for this (; \\( is the character");
}

static bool next_repeats(const struct parser *p) { return p->rest.n > 0 && memchr("*+?{", *p->rest.p, 4) != NULL; }

/* Takes {2}, {2,} or {2,5}. */
static void parse_interval(struct parser *p, unsigned *min, unsigned *max)
{
    const char *at = p->rest.p - 1;
    unsigned *const ends[] = {min, max};
    bool good = true;
    *max = WITHOUT_END;
    for (int i = 0; i < 2 && good; i++) {
        bool digits = p->rest.n > 0 && ascii_is_digit(*p->rest.p);
        for (*ends[i] = digits ? 0 : *ends[i]; p->rest.n > 0 && ascii_is_digit(*p->rest.p); span_skip(&p->rest, 1)) {
            if (*ends[i] <= INTERVAL_MAX)
                *ends[i] = *ends[i] * 10 + (unsigned)(*p->rest.p - '0');
        }
        good = (digits || i == 1) && (!digits || *ends[i] <= INTERVAL_MAX);
        if (i == 0 && !take(p, ",")) {
            *max = *min;
            break;
        }
    }
    if (!good || !take(p, "}") || *min > *max)
        complain(p, at, "an interval such as {2}, {2,} or {2,5}, up to 1000; \\{ is the character");
}

static void parse_piece(struct parser *p)
{
    size_t start = p->r->n;
    const char *at = p->piece = p->rest.p;
    bool edge = false;
    if (next_repeats(p)) {
        complain(p, at, "something to repeat before this; a backslash before it makes it a character");
    } else if (take(p, "(")) {
        parse_group(p);
    } else if (take(p, "[")) {
        parse_brackets(p);
    } else if (take(p, ".")) {
        add_inverted_set(p, (struct set){.n = 0});
    } else if (next_is(p, "^") || next_is(p, "$")) {
        edge = true;
        add(p, (struct instruction){*at == '^' ? REGEX_LINE_START : REGEX_LINE_END, 0, 0});
        span_skip(&p->rest, 1);
    } else if (take(p, "\\")) {
        edge = next_is(p, "b");
        parse_escape(p);
    } else {
        add_character(p, take_character(p));
    }
    if (!next_repeats(p) || p->failed)
        return;
    p->piece = p->rest.p;
    unsigned min = *p->rest.p == '+', max = *p->rest.p == '?' ? 1 : WITHOUT_END;
    if (edge)
        complain(p, p->rest.p, "a character or ( ) to repeat, not ^, $ or \\b");
    if (take(p, "{"))
        parse_interval(p, &min, &max);
    else
        span_skip(&p->rest, 1);
    if (next_repeats(p))
        complain(p, p->rest.p, "one repetition; there is no lazy or possessive one");
    if (!p->failed)
        repeat(p, start, min, max);
}

static void parse_alternatives(struct parser *p)
{
    struct regex *r = p->r;
    uint32_t last = NONE; /* for end_jumps() */
    while (!p->failed) {
        size_t start = r->n;
        if (p->rest.n == 0 || *p->rest.p == '|' || (*p->rest.p == ')' && p->depth > 0))
            complain(p, p->rest.p, "an expression here");
        while (!p->failed && p->rest.n > 0 && *p->rest.p != '|' && *p->rest.p != ')')
            parse_piece(p);
        if (p->failed || !take(p, "|"))
            break;
        insert(p, start, (struct instruction){REGEX_SPLIT, (uint32_t)start + 1, 0});
        add(p, (struct instruction){REGEX_JUMP, last, 0});
        if (p->failed)
            break;
        last = (uint32_t)r->n - 1;
        r->program[start].y = (uint32_t)r->n;
    }
    end_jumps(p, last);
}

struct regex *regex_parse(struct span text, const char **at, const char **why)
{
    struct parser p = {.rest = text, .r = calloc(1, sizeof *p.r)};
    if (p.r == NULL) {
        *why = NULL;
        return NULL;
    }
    if (text.n > REGEX_MAX)
        complain(&p, text.p, "an expression of at most 4096 octets");
    if (!p.failed)
        parse_alternatives(&p);
    if (!p.failed && p.rest.n > 0)
        complain(&p, p.rest.p, "\\) for the character, as no ( is open");
    add(&p, (struct instruction){REGEX_FOUND, 0, 0});
    if (!p.failed && regex_find_classes(p.r))
        return p.r;
    *at = p.at;
    *why = p.why;
    regex_free(p.r);
    return NULL;
}
