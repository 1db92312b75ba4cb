/* SPDX-License-Identifier: ISC */
/*
 * json_header.c - the header of a message as members of its JSON.
 */
#include "mail/inside.h"

#include <stdlib.h>

enum { GROUP_SHOWN = 255 /* octets of the name of a group, as each of its addresses has it */ };

static void add_name(struct message *m, struct text *t, const char *key, struct span name)
{
    json_add_key(t, key);
    text_add_string(t, name.p != NULL ? "\"" : "null");
    if (name.p == NULL)
        return;
    address_name(m, name, json_into(t));
    text_add_string(t, "\"");
}

void json_add_addresses(struct message *m, struct text *t, const char *key, enum field_name name)
{
    json_add_key(t, key);
    text_add_string(t, "[");
    for (size_t i = 0; i < m->n_fields; i++) {
        const struct field *f = &m->fields[i];
        struct address address = {.closes = false};
        struct span list = f->value;
        while (f->known == name && address_take(m, &list, &address)) {
            json_separate(t);
            text_add_string(t, "{");
            add_name(m, t, "name", address.name);
            text_add_string(t, ",\"address\":\"");
            address_spec(m, address.address, json_into(t));
            text_add_string(t, "\"");
            struct message before = message_begin_aside(m); /* the name of a group may be cut, in an encoded word */
            address.group.n = address.group.n < GROUP_SHOWN ? address.group.n : GROUP_SHOWN;
            add_name(m, t, "group", address.group);
            message_end_aside(m, &before);
            text_add_string(t, "}");
        }
    }
    text_add_string(t, "]");
}

/* Takes the text in brackets, and what is before it.  False if there is none. */
static bool take_brackets(struct span *t, struct span *text)
{
    for (header_skip_cfws(t); t->n > 0 && *t->p != '<'; header_skip_cfws(t))
        span_skip(t, 1);
    const char *end = t->n > 0 ? memchr(t->p, '>', t->n) : NULL;
    if (end == NULL)
        return false;
    *text = span_between(t->p + 1, end);
    *t = span_between(end + 1, t->p + t->n);
    return true;
}

/* Adds a text without blanks and folds (RFC 2369 2). */
static void add_without_blanks(struct text *t, struct span s)
{
    text_add_string(t, "\"");
    while (s.n > 0) {
        size_t n = 0;
        while (n < s.n && !header_is_blank(s.p[n]))
            n++;
        json_put(t, s.p, n);
        span_skip(&s, n);
        while (s.n > 0 && header_is_blank(*s.p))
            span_skip(&s, 1);
    }
    text_add_string(t, "\"");
}

void json_add_unsubscribe(struct message *m, struct text *t)
{
    struct span list = m->values[FIELD_LIST_UNSUBSCRIBE], url;
    struct span post = header_trim(m->values[FIELD_LIST_UNSUBSCRIBE_POST]);
    bool https = false;
    json_add_key(t, "list_unsubscribe");
    text_add_string(t, list.p != NULL ? "{\"urls\":[" : "null");
    if (list.p == NULL)
        return;
    while (take_brackets(&list, &url)) {
        json_separate(t);
        add_without_blanks(t, url);
        https = https || span_starts(header_trim(url), "https:");
    }
    bool one_click = https && span_is(post, "List-Unsubscribe=One-Click"); /* RFC 8058 3.1 */
    text_add_string(t, one_click ? "],\"one_click\":true}" : "],\"one_click\":false}");
}

void json_add_ids(struct text *t, const char *key, struct span value)
{
    json_add_key(t, key);
    text_add_string(t, "[");
    value = header_or_empty(value);
    bool ends = true; /* there may be another bracket that closes */
    for (header_skip_cfws(&value); value.n > 0; header_skip_cfws(&value)) {
        bool begins = *value.p == '<';
        const char *end = begins && ends ? memchr(value.p, '>', value.n) : NULL;
        size_t n = end != NULL ? (size_t)(end + 1 - value.p) : 1;
        ends = ends && (!begins || end != NULL);
        while (end == NULL && n < value.n && !header_is_blank(value.p[n]) && value.p[n] != '<')
            n++;
        json_separate(t);
        add_without_blanks(t, header_take(&value, n));
    }
    text_add_string(t, "]");
}

struct entry {
    struct field field;
    size_t place; /* in the header */
    size_t nth;   /* where the entry with this one's index as its place has been sorted to */
};

static int by_name(const void *x, const void *y)
{
    const struct entry *a = x, *b = y;
    int order = span_order(a->field.name, b->field.name);
    return order != 0 ? order : (a->place > b->place) - (a->place < b->place);
}

/* Collects the fields of the header, sorted by name.  The caller frees them; NULL if there are none, or no memory. */
static struct entry *sort_fields(struct message *m, struct text *t)
{
    struct entry *e = malloc(m->n_fields * sizeof *e);
    t->failed = t->failed || (e == NULL && m->n_fields > 0);
    if (e == NULL)
        return NULL;
    for (size_t i = 0; i < m->n_fields; i++)
        e[i] = (struct entry){.field = m->fields[i], .place = i};
    qsort(e, m->n_fields, sizeof *e, by_name);
    for (size_t i = 0; i < m->n_fields; i++)
        e[e[i].place].nth = i;
    return e;
}

/* Fields come in the order of the header, but those of one name together. */
void json_add_headers(struct message *m, struct text *t)
{
    size_t n = m->n_fields;
    struct entry *e = sort_fields(m, t);
    text_add_string(t, ",\"headers\":{");
    for (size_t place = 0; e != NULL && place < n; place++) {
        size_t first = e[place].nth, i = first;
        struct span name = e[i].field.name;
        if (i > 0 && span_same(e[i - 1].field.name, name))
            continue;
        json_separate(t);
        text_add_string(t, "\"");
        header_lower(name, json_into(t));
        text_add_string(t, "\":[");
        for (; i < n && span_same(e[i].field.name, name); i++) {
            text_add_string(t, i > first ? ",\"" : "\"");
            words_text(m, e[i].field.value, json_into(t));
            text_add_string(t, "\"");
        }
        text_add_string(t, "]");
    }
    free(e);
    text_add_string(t, "}");
}
