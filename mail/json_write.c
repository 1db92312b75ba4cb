/* SPDX-License-Identifier: ISC */
/*
 * json_write.c - strings and members of JSON.
 *
 * Characters that a terminal would not show as they are become escapes.
 */
#include "mail/inside.h"

#include <stdio.h>

#include "base/scan.h"

/* ---- strings: RFC 8259 7 ---- */

/* Adds a character as an escape. */
static void add_escaped(struct text *t, struct span character)
{
    static const char special[] = "\"\\\b\f\n\r\t", letters[] = "\"\\bfnrt";
    const char *found = character.n == 1 && *character.p != '\0' ? strchr(special, *character.p) : NULL;
    char escape[16] = {'\\', found != NULL ? letters[found - special] : '\0'};
    uint32_t c = utf8_code_point(character);
    if (c > 0xffff)
        (void)snprintf(escape, sizeof escape, "\\u%04x\\u%04x", (unsigned)(0xd800 + ((c - 0x10000) >> 10)),
                       (unsigned)(0xdc00 + ((c - 0x10000) & 0x3ff)));
    else if (found == NULL)
        (void)snprintf(escape, sizeof escape, "\\u%04x", (unsigned)c);
    text_add_string(t, escape);
}

/* Adds UTF-8 within a string; what needs no escape goes in one piece. */
static void put_utf8(void *context, const char *p, size_t n)
{
    struct text *t = context;
    struct span rest = {p, n};
    while (rest.n > 0) {
        char *to = text_room(t, rest.n + SCAN_BEHIND);
        if (to == NULL)
            return;
        size_t plain = scan_copy(SCAN_QUOTED, to, rest.p, rest.p + rest.n), length = 1;
        bool visible = true;
        t->n += plain;
        span_skip(&rest, plain);
        if (rest.n == 0)
            return;
        if (*rest.p == '\n' || *rest.p == '"')
            text_add(t, *rest.p == '"' ? "\\\"" : "\\n", 2);
        else if ((length = visible_take(rest, &visible)) > 1 && visible)
            text_add(t, rest.p, length);
        else
            add_escaped(t, (struct span){rest.p, length});
        span_skip(&rest, length);
    }
}

void json_put(struct text *t, const char *p, size_t n)
{
    const char *end = p + n;
    while (p < end) {
        const char *bad = scan_utf8(p, end);
        put_utf8(t, p, (size_t)(bad - p));
        text_add(t, "\xef\xbf\xbd", bad < end ? 3 : 0);
        p = bad + (bad < end);
    }
}

struct sink json_into(struct text *t) { return (struct sink){put_utf8, t}; }

void json_add_string(struct text *t, struct span s)
{
    if (s.p == NULL) {
        text_add_string(t, "null");
        return;
    }
    text_add_string(t, "\"");
    json_put(t, s.p, s.n);
    text_add_string(t, "\"");
}

/* ---- members ---- */

void json_separate(struct text *t)
{
    char last = t->n > 0 ? t->p[t->n - 1] : '\0';
    text_add_string(t, last == '{' || last == '[' ? "" : ",");
}

void json_add_key(struct text *t, const char *key)
{
    json_separate(t);
    text_add_string(t, "\"");
    text_add_string(t, key);
    text_add_string(t, "\":");
}

void json_add_member(struct text *t, const char *key, struct span value)
{
    json_add_key(t, key);
    json_add_string(t, value);
}

void json_add_number(struct text *t, const char *key, uint64_t value)
{
    json_add_key(t, key);
    text_add_number(t, value);
}

void json_add_decoded(struct message *m, struct text *t, const char *key, struct span value)
{
    json_add_key(t, key);
    text_add_string(t, value.p != NULL ? "\"" : "null");
    if (value.p == NULL)
        return;
    words_text(m, value, json_into(t));
    text_add_string(t, "\"");
}
