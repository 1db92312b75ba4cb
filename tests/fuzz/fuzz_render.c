/* SPDX-License-Identifier: ISC */
/*
 * fuzz_render.c - any octets, as a message and as what is known of it, become
 * one line of JSON, valid UTF-8, that a strict reader takes; text in which
 * nothing but LF and tab is a control; and HTML of no other elements than the
 * page has, each closed, with a frame that has no rights.  Twice the same.
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
    must(utf8_is_valid(text) && text.p[text.n - 1] == '\n');
    while (text.n > 0) {
        bool visible;
        size_t n = visible_take(text, &visible);
        must(visible || *text.p == '\n' || *text.p == '\t');
        span_skip(&text, n);
    }
}

/* ---- a strict reader of the page ---- */

/* Takes characters up to one of these. */
static struct span take_until(struct span *t, const char *ends)
{
    struct span s = {t->p, 0};
    while (s.n < t->n && (s.p[s.n] == '\0' || strchr(ends, s.p[s.n]) == NULL))
        s.n++;
    span_skip(t, s.n);
    return s;
}

static bool is_word(struct span s, const char *const words[])
{
    size_t i = 0;
    while (words[i] != NULL && !(strlen(words[i]) == s.n && memcmp(words[i], s.p, s.n) == 0))
        i++;
    return words[i] != NULL;
}

static bool has(struct span s, const char *word)
{
    for (; s.n >= strlen(word); span_skip(&s, 1)) {
        if (span_starts(s, word))
            return true;
    }
    return false;
}

/* Text, or the value of an attribute, where & only begins a reference. */
static void check_references(struct span t)
{
    static const char *const names[] = {"amp", "lt", "gt", "quot", NULL};
    must(memchr(t.p, '>', t.n) == NULL && memchr(t.p, '"', t.n) == NULL && memchr(t.p, '\'', t.n) == NULL);
    for (;;) {
        (void)take_until(&t, "&");
        if (t.n == 0)
            return;
        span_skip(&t, 1);
        struct span name = take_until(&t, ";");
        must(t.n > 0 && (is_word(name, names) || (name.n > 1 && name.n < 9 && *name.p == '#')));
    }
}

/* What a frame must not have is not there in any spelling. */
static void check_frame(struct span srcdoc)
{
    static const char *const names[] = {"href",       "http-equiv", "&lt;iframe", "&lt;frame", "&lt;fencedframe",
                                        "&lt;object", "&lt;embed"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        must(!has(srcdoc, names[i]));
}

static void check_link(struct span href)
{
    must(take_word(&href, "data:application/octet-stream;base64,"));
    for (; href.n > 0; span_skip(&href, 1))
        must(ascii_is_letter(*href.p) || ascii_is_digit(*href.p) || strchr("+/=", *href.p) != NULL);
}

/* Reads the attributes of an element, up to >. */
static void read_attributes(struct span *t, bool frame)
{
    static const char *const names[] = {"class", "open",    "datetime", "type",    "name",   "checked",
                                        "title", "loading", "scope",    "sandbox", "srcdoc", "download",
                                        "href",  "method",  "colspan",  NULL};
    bool sandbox = false, srcdoc = false;
    while (take_word(t, " ")) {
        struct span name = take_until(t, "= >"), value = {"", 0};
        must(is_word(name, names));
        if (take_word(t, "='")) {
            value = take_until(t, "'<");
            must(take(t) == '\'');
        }
        check_references(value);
        sandbox = sandbox || (span_is(name, "sandbox") && value.n == 0);
        if (span_is(name, "srcdoc"))
            check_frame(value);
        if (span_is(name, "href"))
            check_link(value);
        srcdoc = srcdoc || span_is(name, "srcdoc");
    }
    must(take(t) == '>' && sandbox == frame && srcdoc == frame);
}

static void check_page(struct span t)
{
    static const char *const names[] = {"li",   "details",  "summary", "span",  "i",      "time", "div",
                                        "form", "fieldset", "legend",  "label", "iframe", "p",    "ul",
                                        "code", "pre",      "table",   "tr",    "th",     "td",   "strong",
                                        "a",    "input",    "br",      NULL};
    struct span open[32];
    size_t depth = 0;
    check_text(t);
    for (;;) {
        check_references(take_until(&t, "<"));
        if (t.n == 0)
            break;
        span_skip(&t, 1);
        bool ends = take_word(&t, "/");
        struct span name = take_until(&t, " >");
        must(is_word(name, names));
        if (ends) {
            must(depth > 0 && span_same(open[--depth], name) && take(&t) == '>');
            continue;
        }
        read_attributes(&t, span_is(name, "iframe"));
        must(depth < sizeof open / sizeof open[0]);
        if (!span_is(name, "input") && !span_is(name, "br"))
            open[depth++] = name;
    }
    must(depth == 0);
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
    static const struct {
        void (*make)(struct text *t, const struct received *m);
        void (*check)(struct span made);
    } forms[] = {{make_json, check_json}, {make_text, check_text}, {make_page, check_page}};
    for (size_t form = 0; form < sizeof forms / sizeof forms[0]; form++) {
        struct text made[2] = {{NULL, 0, 0, false}, {NULL, 0, 0, false}};
        for (int i = 0; i < 2; i++) {
            forms[form].make(&made[i], m);
            must(!made[i].failed && made[i].n > 0);
        }
        must(made[0].n == made[1].n && memcmp(made[0].p, made[1].p, made[0].n) == 0);
        forms[form].check((struct span){made[0].p, made[0].n});
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
    m.mail.dialogue = (struct span){octets, n};
    m.mail.n_recipients = n % 3;
    render_twice(&m);
    free(octets);
    return 0;
}

#include "replay.h"
