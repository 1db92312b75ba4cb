/*
 * fuzz_render.c - any octets, as a message and as what is known of it, become
 * one line of JSON, valid UTF-8, that a strict reader takes; and text in which
 * nothing but LF and tab is a control.  Twice the same.
 *
 * As a libFuzzer target, or, compiled with REPLAY, as a program that is given
 * files.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "tests/unit/reading.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void must(bool condition)
{
    if (!condition)
        abort();
}

/* ---- a strict reader of JSON: RFC 8259 ---- */

static void read_value(struct span *t, unsigned depth);

static char take(struct span *t)
{
    must(t->n > 0);
    char c = *t->p;
    span_skip(t, 1);
    return c;
}

static unsigned take_hex4(struct span *t)
{
    unsigned value = 0;
    for (int i = 0; i < 4; i++) {
        char c = take(t);
        must(ascii_is_hex(c));
        value = value * 16 + (unsigned)(ascii_is_digit(c) ? c - '0' : ascii_lower(c) - 'a' + 10);
    }
    return value;
}

/* Surrogates come in pairs. */
static void read_escape(struct span *t)
{
    char c = take(t);
    must(c != '\0' && strchr("\"\\/bfnrtu", c) != NULL);
    if (c != 'u')
        return;
    unsigned value = take_hex4(t);
    must(value < 0xdc00 || value > 0xdfff);
    if (value < 0xd800 || value > 0xdbff)
        return;
    must(take(t) == '\\' && take(t) == 'u');
    value = take_hex4(t);
    must(value >= 0xdc00 && value <= 0xdfff);
}

static void read_string(struct span *t)
{
    must(take(t) == '"');
    for (;;) {
        must(t->n > 0);
        bool visible;
        size_t n = visible_take(*t, &visible);
        must(visible);
        char c = *t->p;
        span_skip(t, n);
        if (c == '"')
            return;
        if (c == '\\')
            read_escape(t);
    }
}

static size_t take_digits(struct span *t)
{
    size_t n = 0;
    for (; t->n > 0 && ascii_is_digit(*t->p); n++)
        span_skip(t, 1);
    return n;
}

static void read_number(struct span *t)
{
    span_skip(t, *t->p == '-');
    bool zero = t->n > 0 && *t->p == '0';
    size_t n = take_digits(t);
    must(n > 0 && (n == 1 || !zero));
    if (t->n > 0 && *t->p == '.') {
        span_skip(t, 1);
        must(take_digits(t) > 0);
    }
}

static bool take_word(struct span *t, const char *word)
{
    size_t n = strlen(word);
    if (t->n < n || memcmp(t->p, word, n) != 0)
        return false;
    span_skip(t, n);
    return true;
}

/* What is between brackets; of an object, each behind its key. */
static void read_members(struct span *t, bool object, unsigned depth)
{
    char end = object ? '}' : ']';
    (void)take(t);
    must(t->n > 0);
    if (*t->p == end) {
        (void)take(t);
        return;
    }
    for (;;) {
        if (object) {
            read_string(t);
            must(take(t) == ':');
        }
        read_value(t, depth + 1);
        char c = take(t);
        must(c == ',' || c == end);
        if (c == end)
            return;
    }
}

static void read_value(struct span *t, unsigned depth)
{
    must(t->n > 0 && depth < 8);
    if (*t->p == '{' || *t->p == '[')
        read_members(t, *t->p == '{', depth);
    else if (*t->p == '"')
        read_string(t);
    else if (ascii_is_digit(*t->p))
        read_number(t);
    else
        must(take_word(t, "true") || take_word(t, "false") || take_word(t, "null"));
}

static void check_json(struct span line)
{
    must(utf8_is_valid(line) && memchr(line.p, '\n', line.n) == line.p + line.n - 1);
    line.n--;
    must(*line.p == '{');
    read_value(&line, 0);
    must(line.n == 0);
}

static void check_text(struct span text)
{
    must(utf8_is_valid(text) && text.n > 0 && text.p[text.n - 1] == '\n');
    while (text.n > 0) {
        bool visible;
        size_t n = visible_take(text, &visible);
        must(visible || *text.p == '\n' || *text.p == '\t');
        span_skip(&text, n);
    }
}

/* ---- what is rendered ---- */

/* Words of the envelope, as the input begins, each with NUL behind it. */
struct words {
    char text[256];
    const char *p;
};

static const char *next_word(struct words *w)
{
    const char *word = w->p;
    if (word < w->text + sizeof w->text - 1)
        w->p += strlen(word) + 1;
    return word;
}

static struct span next_span(struct words *w)
{
    const char *word = next_word(w);
    return (struct span){word, strlen(word)};
}

/* The same in memory of its own, so that reading past the end is seen. */
static char *copy(const void *octets, size_t n)
{
    char *exact = malloc(n + (n == 0));
    must(exact != NULL);
    if (n > 0)
        memcpy(exact, octets, n);
    return exact;
}

static void render_twice(const struct received *m)
{
    for (int as_text = 0; as_text < 2; as_text++) {
        struct text made[2] = {{NULL, 0, 0, false}, {NULL, 0, 0, false}};
        for (int i = 0; i < 2; i++) {
            if (as_text)
                make_text(&made[i], m);
            else
                make_json(&made[i], m);
            must(!made[i].failed && made[i].n > 0);
        }
        must(made[0].n == made[1].n && memcmp(made[0].p, made[1].p, made[0].n) == 0);
        struct span whole = {made[0].p, made[0].n};
        if (as_text)
            check_text(whole);
        else
            check_json(whole);
        free(made[0].p);
        free(made[1].p);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct words w = {.text = ""};
    w.p = w.text;
    size_t front = n < sizeof w.text - 1 ? n : sizeof w.text - 1;
    if (front > 0)
        memcpy(w.text, data, front);
    char *octets = copy(data, n);
    struct received m = {.octets = {octets, n}, .mail.n = n, .mail.time = (int64_t)n * 1000, .mail.size = n};
    m.mail.address = next_word(&w);
    m.mail.helo = next_span(&w);
    m.mail.protocol = next_word(&w);
    m.mail.user = next_span(&w);
    struct tls_peer peer = {.version = next_word(&w), .sni = next_span(&w), .alpn = {octets, n}};
    peer.certificate = next_span(&w);
    m.mail.tls = &peer;
    m.mail.file = next_word(&w);
    m.mail.argv = (struct span){octets, n};
    m.mail.sender = next_span(&w);
    m.mail.sender_params = next_span(&w);
    struct mail_recipient recipients[2] = {{m.mail.sender, m.mail.helo}, {m.mail.user, m.mail.sender_params}};
    m.mail.recipients = recipients;
    m.mail.n_recipients = n % 3;
    render_twice(&m);
    free(octets);
    return 0;
}

#include "replay.h"
