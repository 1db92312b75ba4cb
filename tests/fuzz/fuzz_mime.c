/* SPDX-License-Identifier: ISC */
/*
 * fuzz_mime.c - any octets, read as a message: nothing is read that is not
 * there, reading ends, parts are in the message and within their caps, and
 * what is text is valid UTF-8, each character in one piece.
 *
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

static void count_octets(void *context, const char *octets, size_t n)
{
    size_t *total = context;
    must(n > 0 && octets != NULL);
    *total += n;
}

static void count_text(void *context, const char *octets, size_t n)
{
    must(utf8_is_valid((struct span){octets, n}));
    count_octets(context, octets, n);
}

/* How many octets a message of n may become: U+FFFD stands for one, and a charset's octet for a few of UTF-8. */
static void check_total(size_t total, size_t n) { must(total <= n * 8 + 64); }

static void must_hold(struct span whole, struct span t)
{
    must(t.p >= whole.p && t.n <= whole.n && t.p - whole.p <= (ptrdiff_t)(whole.n - t.n));
}

static void read_addresses(struct message *m, struct span value)
{
    struct address address = {.closes = false};
    struct span list = value;
    size_t total = 0;
    while (address_take(m, &list, &address)) {
        must_hold(value, list);
        must_hold(value, address.address);
        if (address.name.p != NULL)
            must_hold(value, address.name);
        address_name(m, address.name, (struct sink){count_text, &total});
        address_spec(m, address.address, (struct sink){count_text, &total});
    }
    check_total(total, value.n * 2);
}

static void read_date(struct message *m, struct span value)
{
    char text[32];
    int64_t seconds;
    if (!date_text(m, value, text, &seconds))
        return;
    must(strlen(text) == strlen("2026-11-24T00:00:00+00:00"));
    must(text[4] == '-' && text[10] == 'T' && (text[19] == '+' || text[19] == '-'));
}

static void read_value(struct message *m, struct span value)
{
    static const char *const names[] = {"filename", "name", "charset", "x"};
    size_t total = 0;
    words_text(m, value, (struct sink){count_text, &total});
    check_total(total, value.n);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        total = 0;
        if (!param_decode(m, value, names[i], (struct sink){count_text, &total}))
            must(total == 0);
        check_total(total, value.n);
    }
    read_addresses(m, value);
    read_date(m, value);
}

static void read_header(struct message *m, struct span header)
{
    struct field field;
    struct span rest = header;
    while (header_take_field(m, &rest, &field)) {
        must(field.name.n > 0);
        must_hold(header, field.name);
        must_hold(header, field.value);
        must_hold(header, rest);
        read_value(m, field.value);
    }
    must(rest.n == 0);
}

static void read_part(struct message *m, struct part *part)
{
    size_t total = 0;
    must_hold(m->octets, part->header);
    must_hold(m->octets, part->body);
    must(part->header.n <= MIME_HEADER_MAX && part->depth <= MIME_DEPTH_MAX);
    must(part->type.n > 0 && part->subtype.n > 0);
    if (part->content_type.p != NULL)
        must_hold(part->header, part->content_type);
    if (part->disposition.p != NULL)
        must_hold(part->header, part->disposition);
    if (part->id.p != NULL)
        must_hold(part->header, part->id);
    (void)message_filename(m, part, (struct sink){count_text, &total});
    check_total(total, part->header.n + (uuencode_is(part->encoding) ? part->body.n : 0));
    read_header(m, part->header);
    if (part->kind != PART_LEAF)
        return;
    total = 0;
    message_octets(m, part, (struct sink){count_octets, &total});
    size_t most = part->body.n * (uuencode_is(part->encoding) ? 32 : 1); /* a line of "_" has 63 octets */
    must(total <= most);
    total = 0;
    message_body_text(m, part, (struct sink){count_text, &total});
    check_total(total, most);
}

static void read_parts(struct message *m)
{
    const char *behind = m->octets.p; /* leaves do not overlap */
    for (size_t i = 0; i < m->n; i++) {
        struct part *part = &m->parts[i];
        must(part->parent < i || (i == 0 && part->parent == 0));
        must((part->depth == 0) == (i == 0));
        if (i > 0 && m->parts[part->parent].kind == PART_LEAF) {
            must_hold(m->parts[part->parent].body, part->body);
        } else {
            must(part->body.p >= behind);
            behind = part->kind == PART_LEAF ? part->body.p + part->body.n : part->body.p;
        }
        read_part(m, part);
    }
    for (size_t i = 0; i < FIELD_OTHER; i++) {
        if (m->values[i].p != NULL)
            must_hold(m->parts->header, m->values[i]);
    }
    must(m->n > 0 && m->n <= MIME_PARTS_MAX);
    must(m->problems.bits[1] >> (PROBLEMS - 64) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    char *exact = malloc(n + (n == 0)); /* so that reading past the end is seen */
    must(exact != NULL);
    if (n > 0)
        memcpy(exact, data, n);
    struct span message = {exact, n};
    struct message *m = message_open(message);
    must(m != NULL);
    read_parts(m);
    read_header(m, message);
    read_value(m, message);
    message_close(m);
    free(exact);
    return 0;
}

#include "replay.h"
