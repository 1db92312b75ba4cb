/* SPDX-License-Identifier: ISC */
/*
 * flow.c - the text of a message as people read it: words, lines and links.
 *
 * White space becomes one space, as in a browser; in preformatted text it stays.
 * A break waits for the next word, so there are none at the ends.  A link is
 * followed by its URL in angle brackets, unless its text says the same.  A URL
 * that stands in the text is a link, too.
 */
#include "mail/inside.h"

#include <stdlib.h>
#include <string.h>

static void flush(struct flow *f)
{
    sink_put(f->to, f->out, f->n);
    f->n = 0;
}

/* Adds octets to what goes out. */
static void put(struct flow *f, const char *p, size_t n)
{
    if (f->to.put == NULL)
        return;
    if (n > sizeof f->out - f->n)
        flush(f);
    if (n > sizeof f->out) {
        sink_put(f->to, p, n);
        return;
    }
    memcpy(f->out + f->n, p, n);
    f->n += n;
}

/* ---- URLs in the text ---- */

/* Whether t begins with a blank, a quote or a mark of a sentence outside ASCII: in a URL these are escaped. */
static bool begins_mark(struct span t)
{
    const unsigned char *p = (const unsigned char *)t.p;
    if (t.n >= 2 && p[0] == 0xc2)
        return p[1] == 0xa0 || p[1] == 0xab || p[1] == 0xbb; /* no-break space, guillemets */
    if (t.n < 3)
        return false;
    return (p[0] == 0xe2 && p[1] == 0x80 && p[2] >= 0x98 && p[2] <= 0x9f) || /* quotation marks */
           (p[0] == 0xe3 && p[1] == 0x80 && p[2] <= 0x91) ||                 /* those of CJK, and its stops */
           (p[0] == 0xef && p[1] == 0xbc && memchr("\x81\x88\x89\x8c\x9a\x9b\x9f", p[2], 7) != NULL);
}

/* The URL that t begins with, without the punctuation of the sentence around it. */
static struct span cut_url(struct span t)
{
    size_t n = 0, open = 0, closed = 0;
    while (n < t.n && (unsigned char)t.p[n] > ' ' && memchr("<>\"`{}|\\^", t.p[n], 9) == NULL &&
           !begins_mark((struct span){t.p + n, t.n - n})) {
        open += t.p[n] == '(';
        closed += t.p[n] == ')';
        n++;
    }
    while (n > 0 && (memchr(".,;:!?'*_]", t.p[n - 1], 10) != NULL || (t.p[n - 1] == ')' && closed > open))) {
        closed -= t.p[n - 1] == ')';
        n--;
    }
    return (struct span){t.p, n};
}

/* Where the URL begins that has this colon in t; NULL: it is none. */
static const char *find_url(struct span t, const char *colon)
{
    static const char *const schemes[] = {"http", "https"};
    struct span after = span_between(colon, t.p + t.n);
    if (!span_starts(after, "://"))
        return NULL;
    for (size_t i = 0; i < 2; i++) {
        size_t n = strlen(schemes[i]);
        if ((size_t)(colon - t.p) >= n && span_same((struct span){colon - n, n}, (struct span){schemes[i], n}))
            return colon - n;
    }
    return NULL;
}

/* Gives the URLs in the last word. */
static void end_word(struct flow *f)
{
    struct span rest = text_span(&f->word);
    const char *colon;
    while (rest.n > 0 && (colon = memchr(rest.p, ':', rest.n)) != NULL) {
        const char *end = rest.p + rest.n, *start = find_url(rest, colon);
        struct span url = start != NULL ? cut_url(span_between(start, end)) : (struct span){colon, 1};
        if (url.n > strlen("https://"))
            f->links->add(f->links->context, url, url);
        rest = span_between(url.p + url.n, end);
    }
    f->word.n = 0;
}

/* ---- words ---- */

/* Gives what is to come before the next word. */
static void begin_word(struct flow *f)
{
    static const char lines[] = "\n\n", spaces[] = "  ";
    if (f->in_link && f->text.n > 0 && (f->breaks > 0 || f->spaces > 0))
        text_add(&f->text, " ", 1);
    if (f->links != NULL)
        end_word(f);
    for (size_t more = f->begun ? f->breaks : 0, n; more > 0; more -= n) {
        n = more < 2 ? more : 2;
        put(f, lines, n);
    }
    if (f->begun && f->breaks == 0)
        put(f, spaces, f->spaces);
    put(f, f->prefix, strlen(f->prefix));
    *f->prefix = '\0';
    f->breaks = f->spaces = 0;
    f->begun = true;
}

static void put_word(struct flow *f, const char *p, size_t n)
{
    if (f->breaks > 0 || f->spaces > 0 || !f->begun)
        begin_word(f);
    put(f, p, n);
    if (f->in_link)
        text_add(&f->text, p, n);
    else if (f->links != NULL)
        text_add(&f->word, p, n);
    f->started = true;
}

void flow_break(struct flow *f, unsigned lines)
{
    f->breaks = f->breaks > lines ? f->breaks : lines;
    f->spaces = 0;
}

void flow_line(struct flow *f)
{
    f->breaks += f->breaks < 2;
    f->spaces = 0;
}

void flow_space(struct flow *f, unsigned spaces)
{
    if (f->breaks == 0 && f->spaces < spaces)
        f->spaces = spaces;
}

void flow_item(struct flow *f, const char *prefix)
{
    flow_break(f, 1);
    memcpy(f->prefix, prefix, strlen(prefix) + 1);
}

void flow_preformat(struct flow *f, bool on)
{
    f->preformatted = on;
    f->started = false;
}

/* Takes white space of preformatted text; a line end at its beginning is none (HTML 13.2.6.4.7). */
static void put_preformatted(struct flow *f, char c)
{
    if (c == '\n' && f->started)
        f->breaks++;
    else if (c == ' ' || c == '\t')
        put_word(f, &c, 1);
}

/* The length of the white space character at the front of t; 0: there is none. */
static size_t space_length(struct span t)
{
    bool nbsp = t.n > 1 && t.p[0] == '\xc2' && t.p[1] == '\xa0';
    return nbsp ? 2 : *t.p == ' ' || (*t.p >= '\t' && *t.p <= '\r') ? 1 : 0;
}

/* The length of the character at the front of t, if it has no width and only pads the text; else 0. */
static size_t padding_length(const struct flow *f, struct span t)
{
    /* soft hyphen, grapheme joiner, zero-width space, word joiner, BOM; between words, joiner and non-joiner */
    static const char *const padding[] = {"\xc2\xad",     "\xcd\x8f",     "\xe2\x80\x8b", "\xe2\x81\xa0",
                                          "\xef\xbb\xbf", "\xe2\x80\x8c", "\xe2\x80\x8d"};
    size_t between = f->breaks > 0 || f->spaces > 0 || !f->begun ? 2 : 0;
    for (size_t i = 0; i < sizeof padding / sizeof padding[0] - 2 + between; i++) {
        if (span_starts(t, padding[i]))
            return strlen(padding[i]);
    }
    return 0;
}

/* Whether an octet may begin white space or padding, or is a control. */
static bool is_special(char c)
{
    return (signed char)c <= ' ' && (!ascii_is_8bit(c) || c == '\xc2' || c == '\xcd' || c == '\xe2' || c == '\xef');
}

void flow_put(void *flow, const char *octets, size_t n)
{
    struct flow *f = flow;
    struct span t = {octets, n};
    while (t.n > 0) {
        size_t length = 0;
        while (length < t.n && !is_special(t.p[length]))
            length++;
        if (length > 0) {
            put_word(f, t.p, length);
        } else if ((length = space_length(t)) > 0) {
            if (f->preformatted)
                put_preformatted(f, length == 2 ? ' ' : *t.p);
            else
                flow_space(f, 1);
        } else if ((length = padding_length(f, t)) == 0) {
            length = utf8_length(t);
            put_word(f, t.p, length);
        }
        span_skip(&t, length);
    }
}

static bool is_blank(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

static const char *end_of_word(const char *p, const char *end)
{
    while (p < end && !is_blank(*p))
        p++;
    return p;
}

/* A URL has a colon, so only words with one matter, and the last one, which may go on; each with the blank before it.
 */
void flow_find_links(void *flow, const char *octets, size_t n)
{
    struct flow *f = flow;
    const char *p = octets, *end = octets + n;
    const char *to = f->in_link || f->preformatted ? end : f->word.n > 0 ? end_of_word(p, end) : p;
    flow_put(f, p, (size_t)(to - p));
    for (p = to; p < end; p = to) {
        const char *colon = memchr(p, ':', (size_t)(end - p)), *from = colon != NULL ? colon : end;
        to = end_of_word(from, end);
        while (from > p && !is_blank(from[-1]))
            from--;
        from -= from > p;
        flow_put(f, from, (size_t)(to - from));
    }
}

/* ---- links ---- */

void flow_begin_link(struct flow *f, struct span url)
{
    if (f->links != NULL)
        end_word(f);
    f->in_link = true;
    f->text.n = f->url.n = 0;
    text_add(&f->url, url.p, url.n);
}

/* A URL, or a text that may be one, without what people leave out of it. */
static struct span bare(struct span t)
{
    static const char *const prefixes[] = {"mailto:", "tel:", "https://", "http://"};
    for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++) {
        if (span_starts(t, prefixes[i]))
            span_skip(&t, strlen(prefixes[i]));
    }
    t.n -= t.n > 0 && t.p[t.n - 1] == '/';
    return t;
}

void flow_end_link(struct flow *f)
{
    struct span text = text_span(&f->text), url = text_span(&f->url);
    if (!f->in_link)
        return;
    f->in_link = false;
    if (f->links != NULL)
        f->links->add(f->links->context, text, url);
    if (span_same(bare(text), bare(url)))
        return;
    size_t breaks = f->breaks;
    unsigned spaces = f->spaces;
    if (text.n > 0) { /* the URL belongs to the text, whatever break comes after that */
        f->breaks = 0;
        f->spaces = 1;
    }
    flow_space(f, 1);
    put_word(f, "<", 1);
    put(f, url.p, url.n);
    put(f, ">", 1);
    f->word.n = 0;
    if (text.n > 0) {
        f->breaks = breaks;
        f->spaces = spaces;
    }
}

bool flow_close(struct flow *f)
{
    flow_end_link(f);
    if (f->links != NULL)
        end_word(f);
    if (f->begun)
        put(f, "\n", 1);
    flush(f);
    free(f->text.p);
    free(f->url.p);
    free(f->word.p);
    return !f->text.failed && !f->url.failed && !f->word.failed;
}
