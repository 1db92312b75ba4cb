/* SPDX-License-Identifier: ISC */
/*
 * page_write.c - text and octets of a message in HTML.
 *
 * Whatever the octets are, the page is valid UTF-8 without controls, and no
 * character of a message can end a text or the value of an attribute.  Invisible
 * characters appear as \xHH, as in text.  Joiners and variation selectors stay,
 * as emoji need them.
 */
#include "mail/inside.h"

#include <stdio.h>

/* Whether a character that is not visible belongs to those around it: ZWNJ, ZWJ, a variation. */
static bool joins(uint32_t c) { return c == 0x200c || c == 0x200d || c == 0xfe0e || c == 0xfe0f; }

/* Whether HTML can hold a character that is not visible (HTML 13.2.3.5, 13.2.5.80). */
static bool is_allowed(uint32_t c) { return c >= 0xa0 && (c & 0xfffe) != 0xfffe && (c < 0xfdd0 || c > 0xfdef); }

enum { ESCAPE_MAX = 40 /* octets: four of a character as \\xHH each, or a reference, and a NUL */ };

/* Writes what stands for a character.  False if it stands for itself. */
static bool escape(struct span character, bool visible, enum page_text how, char out[ESCAPE_MAX])
{
    char c = *character.p;
    int n = 0;
    if (visible) {
        const char *name = c == '&'    ? "&amp;"
                           : c == '<'  ? "&lt;"
                           : c == '>'  ? "&gt;"
                           : c == '"'  ? "&quot;"
                           : c == '\'' ? "&#39;"
                                       : "";
        return snprintf(out, ESCAPE_MAX, "%s", name) > 0;
    }
    if ((c == '\n' || c == '\t') && how != PAGE_LINE)
        return false;
    uint32_t code = utf8_length(character) > 0 ? utf8_code_point(character) : 0;
    if (how == PAGE_FRAME && (c == '\r' || c == '\f'))
        return snprintf(out, ESCAPE_MAX, "\n") > 0; /* white space as well, HTML 13.2.3.5 and 13.2.5 */
    if (code != 0 && (how == PAGE_FRAME ? is_allowed(code) : joins(code)))
        return snprintf(out, ESCAPE_MAX, "&#x%x;", (unsigned)code) > 0;
    if (how == PAGE_FRAME)
        return snprintf(out, ESCAPE_MAX, "\xef\xbf\xbd") > 0; /* U+FFFD */
    for (size_t i = 0; i < character.n; i++)
        n += snprintf(out + n, ESCAPE_MAX - (size_t)n, "\\x%02x", (unsigned)(unsigned char)character.p[i]);
    return true;
}

void page_escape(struct text *t, struct span s, enum page_text how)
{
    const char *start = s.p;
    while (s.n > 0) {
        char out[ESCAPE_MAX];
        bool visible, fold = how == PAGE_LINES && s.n > 1 && s.p[0] == '\r' && s.p[1] == '\n';
        size_t length = visible_take(s, &visible);
        if (fold || escape((struct span){s.p, length}, visible, how, out)) {
            text_add(t, start, (size_t)(s.p - start));
            text_add_string(t, fold ? "" : out);
            start = s.p + length;
        }
        span_skip(&s, length);
    }
    text_add(t, start, (size_t)(s.p - start));
}

static void put_limited(void *context, const char *octets, size_t n)
{
    struct page_limited *l = context;
    struct span s = {octets, n};
    l->cut = l->cut || n > l->left;
    if (n > l->left) {
        for (s.n = l->left; s.n > 0 && ((unsigned char)s.p[s.n] & 0xc0) == 0x80;)
            s.n--;
        l->left = s.n;
    }
    l->left -= s.n;
    if (l->raw)
        text_add(l->t, s.p, s.n);
    else
        page_escape(l->t, s, l->how);
}

struct sink page_into(struct page_limited *l) { return (struct sink){put_limited, l}; }

/* ---- data: URLs, RFC 2397 ---- */

struct base64 {
    struct text *t;
    size_t n;
    char held[3 * 256];
};

static void flush(struct base64 *b)
{
    char text[BASE64_SIZE(sizeof b->held)];
    base64_encode((struct span){b->held, b->n}, text);
    text_add_string(b->t, text);
    b->n = 0;
}

static void put_base64(void *context, const char *octets, size_t n)
{
    struct base64 *b = context;
    while (n > 0) {
        size_t room = sizeof b->held - b->n, part = n < room ? n : room;
        memcpy(b->held + b->n, octets, part);
        b->n += part;
        octets += part;
        n -= part;
        if (b->n == sizeof b->held)
            flush(b);
    }
}

void page_add_data(struct message *m, struct part *part, struct text *t, const char *type)
{
    struct base64 b = {.t = t, .n = 0};
    text_add_string(t, "data:");
    text_add_string(t, type);
    text_add_string(t, ";base64,");
    message_octets(m, part, (struct sink){put_base64, &b});
    flush(&b);
}
