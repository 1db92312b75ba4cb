/*
 * json_header.c - the header of a message as members of its JSON.
 */
#include "mail/inside.h"

#include <stdlib.h>

void json_add_addresses(struct message *m, struct text *t, const char *key, const char *name)
{
    struct span header = m->parts->header;
    struct field field;
    struct address address;
    json_add_key(t, key);
    text_add_string(t, "[");
    while (header_take_field(m, &header, &field)) {
        while (span_is(field.name, name) && address_take(m, &field.value, &address)) {
            json_separate(t);
            text_add_string(t, address.name.p != NULL ? "{\"name\":\"" : "{\"name\":null");
            if (address.name.p != NULL) {
                address_name(m, address.name, json_into(t));
                text_add_string(t, "\"");
            }
            text_add_string(t, ",\"address\":\"");
            address_spec(m, address.address, json_into(t));
            text_add_string(t, "\"}");
        }
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
static struct entry *sort_fields(struct message *m, struct text *t, size_t *n)
{
    struct entry *e = NULL;
    struct span header = m->parts->header;
    struct field field;
    size_t size = 0;
    for (*n = 0; header_take_field(m, &header, &field); (*n)++) {
        if (*n == size) {
            size = size > 0 ? size * 2 : 32;
            struct entry *grown = realloc(e, size * sizeof *e);
            if (grown == NULL) {
                t->failed = true;
                free(e);
                return NULL;
            }
            e = grown;
        }
        e[*n] = (struct entry){.field = field, .place = *n};
    }
    if (e != NULL)
        qsort(e, *n, sizeof *e, by_name);
    for (size_t i = 0; i < *n; i++)
        e[e[i].place].nth = i;
    return e;
}

/* Fields come in the order of the header, but those of one name together. */
void json_add_headers(struct message *m, struct text *t)
{
    size_t n;
    struct entry *e = sort_fields(m, t, &n);
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
