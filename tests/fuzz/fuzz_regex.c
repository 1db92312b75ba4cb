/* SPDX-License-Identifier: ISC */
/*
 * fuzz_regex.c - any text as a regular expression: it is complained of at a place
 * within it, or it is found where a slow reading of its program finds it, whole,
 * by character and in two pieces, in either case of ASCII letters; and as
 * --match, in a message.
 *
 * The expression goes up to the first line end or NUL; the text comes after it.
 * As a libFuzzer target, or, compiled with REPLAY, as a program that is given
 * files.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mail/inside.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void must(bool condition)
{
    if (!condition)
        abort();
}

/* ---- a slow reading ---- */

enum { SLOW_TEXT = 200 /* characters */, SLOW_PROGRAM = 3000 };

static bool is_in(const struct set *s, uint32_t c)
{
    bool found = false;
    for (size_t i = 0; i < s->n; i++)
        found = found || (c >= s->ranges[i].first && c <= s->ranges[i].last);
    return found;
}

/* An edge in text, which lies before text[at]. */
static bool holds(const struct regex *r, const struct instruction *i, const uint32_t *text, size_t n, size_t at)
{
    bool before = at > 0 && is_in(&r->word, text[at - 1]), after = at < n && is_in(&r->word, text[at]);
    if (i->what == REGEX_LINE_START)
        return at == 0 || text[at - 1] == '\n';
    if (i->what == REGEX_LINE_END)
        return at == n || text[at] == '\n';
    return before != after;
}

/* Backtracks; a place of the program is tried once at each place of the text. */
static bool found_slowly(const struct regex *r, const uint32_t *text, size_t n)
{
    static bool tried[(SLOW_TEXT + 1) * SLOW_PROGRAM];
    static uint32_t stack[2 * (SLOW_TEXT + 1) * SLOW_PROGRAM];
    size_t depth = 0;
    memset(tried, 0, (n + 1) * r->n);
    for (size_t start = n + 1; start-- > 0;)
        stack[depth++] = (uint32_t)(start * r->n);
    while (depth > 0) {
        uint32_t here = stack[--depth];
        size_t at = here / r->n, place = here % r->n;
        const struct instruction *i = &r->program[place];
        if (tried[here])
            continue;
        tried[here] = true;
        if (i->what == REGEX_FOUND)
            return true;
        if (i->what == REGEX_SPLIT)
            stack[depth++] = (uint32_t)(at * r->n + i->y);
        if (i->what == REGEX_SPLIT || i->what == REGEX_JUMP)
            stack[depth++] = (uint32_t)(at * r->n + i->x);
        else if (i->what == REGEX_ONE && at < n && is_in(&r->sets[i->x], text[at]))
            stack[depth++] = (uint32_t)((at + 1) * r->n + place + 1);
        else if (i->what != REGEX_ONE && holds(r, i, text, n, at))
            stack[depth++] = here + 1;
    }
    return false;
}

/* ---- the search ---- */

static size_t length(struct span t)
{
    size_t n = utf8_length(t);
    return n > 0 ? n : 1;
}

static bool search(struct regex *r, struct span t, size_t cut)
{
    must(regex_begin(r));
    return regex_put(r, t.p, cut) || regex_put(r, t.p + cut, t.n - cut) || regex_end(r);
}

static void check_search(struct regex *r, struct span t, size_t n)
{
    static uint32_t text[SLOW_TEXT];
    bool expected = search(r, t, 0), single = false;
    size_t characters = 0, cut = 0;
    must(regex_begin(r));
    for (struct span rest = t; rest.n > 0; span_skip(&rest, length(rest))) {
        struct span c = {rest.p, utf8_length(rest)};
        if (characters < SLOW_TEXT)
            text[characters] = c.n > 0 ? utf8_code_point(c) : SET_NO_CHARACTER;
        if (characters++ <= n % 64)
            cut = t.n - rest.n;
        single = single || regex_put(r, rest.p, length(rest));
    }
    must((single || regex_end(r)) == expected);
    must(search(r, t, cut) == expected);
    if (characters <= SLOW_TEXT && r->n <= SLOW_PROGRAM)
        must(found_slowly(r, text, characters) == expected);
    char *other = malloc(t.n + 1);
    must(other != NULL);
    for (size_t i = 0; i < t.n; i++)
        other[i] = (char)(ascii_is_letter(t.p[i]) ? t.p[i] ^ 0x20 : t.p[i]);
    must(search(r, (struct span){other, t.n}, cut) == expected);
    free(other);
}

static void check_program(const struct regex *r)
{
    must(r->n > 0 && r->n <= REGEX_PROGRAM_MAX && r->program[r->n - 1].what == REGEX_FOUND);
    for (size_t i = 0; i < r->n; i++) {
        const struct instruction *at = &r->program[i];
        if (at->what == REGEX_ONE)
            must(at->x < r->n_sets);
        if (at->what == REGEX_SPLIT || at->what == REGEX_JUMP)
            must(at->x < r->n && (at->what == REGEX_JUMP || at->y < r->n));
    }
    for (size_t i = 0; i < r->n_sets; i++)
        must(!is_in(&r->sets[i], '\n'));
}

/* ---- as --match ---- */

/* A body of plain lines is found as such; after its last line end there is no further line. */
static void check_body(const char *expression, struct span message, bool found)
{
    const char *at, *why;
    struct span t = {message.p + 1, message.n - 1};
    for (size_t i = 0; i < t.n; i++) {
        if (t.p[i] != '\n' && (t.p[i] < ' ' || t.p[i] > '~'))
            return;
    }
    struct regex *r = regex_parse(span_of(expression), &at, &why);
    must(r != NULL);
    bool empty = t.n == 0;
    t.n -= !empty && t.p[t.n - 1] == '\n';
    must(found == (!empty && search(r, t, 0)));
    regex_free(r);
}

static void check_match(const char *expression, struct span octets, size_t n)
{
    static const char *const fields[] = {"body", "text", "html", "header", "subject", "attachment", "rcpt-to"};
    const char *field = fields[n % (sizeof fields / sizeof fields[0])], *at = NULL, *why = NULL;
    struct mail_recipient recipient = {.address = octets};
    struct mail mail = {.fits = 1, .recipients = &recipient, .n_recipients = 1};
    struct text match = {.n = 0}, had = {.n = 0}, body = {.n = 0};
    struct match m;
    text_add_string(&match, field);
    text_add_string(&match, ": ");
    text_add(&match, expression, strlen(expression) + 1);
    text_add(&body, "\n", n % 2);
    text_add(&body, octets.p, octets.n);
    must(!match.failed && !body.failed);
    if (match_parse(&m, match.p, &at, &why) < 0) {
        must(why != NULL && at >= match.p && at < match.p + match.n);
    } else {
        struct message *message = message_open(text_span(&body));
        must(message != NULL);
        match_all(&m, 1, message, &mail, &had);
        bool found = mail.fits == 1;
        must(!had.failed && !message_failed(message));
        if (m.kind == MATCH_BODY && n % 2)
            check_body(match.p + strlen("body: ") + strspn(expression, " "), text_span(&body), found);
        message_close(message);
        match_close(&m);
    }
    free(match.p);
    free(had.p);
    free(body.p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    size_t length_of_it = 0;
    while (length_of_it < n && data[length_of_it] != '\n' && data[length_of_it] != '\0')
        length_of_it++;
    char *expression = malloc(length_of_it + 1);
    must(expression != NULL);
    if (length_of_it > 0)
        memcpy(expression, data, length_of_it);
    expression[length_of_it] = '\0';
    const char *at = NULL, *why = NULL;
    size_t skipped = length_of_it + (length_of_it < n);
    struct span text = {(const char *)data + skipped, n - skipped};
    struct regex *r = regex_parse((struct span){expression, length_of_it}, &at, &why);
    if (r != NULL) {
        check_program(r);
        check_search(r, text, n);
    } else {
        must(why != NULL && *why != '\0' && at >= expression && at <= expression + length_of_it);
    }
    regex_free(r);
    check_match(expression, text, n);
    free(expression);
    return 0;
}

#include "replay.h"
