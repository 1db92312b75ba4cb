/* SPDX-License-Identifier: ISC */
/*
 * json_body.c - the text, the links, the parts and the attachments of a message as
 * members of its JSON.  Of attachments only size, digest and text are kept.
 */
#include "mail/inside.h"

#include <stdlib.h>

/* The URLs that have been added, by their hashes: an open table whose size is a power of two. */
struct seen {
    uint64_t *slots;
    size_t n, size;
};

/* Adds a hash.  False if it was there. */
static bool see(struct seen *s, uint64_t hash)
{
    size_t i = (size_t)hash & (s->size - 1);
    for (; s->slots[i] != 0; i = (i + 1) & (s->size - 1)) {
        if (s->slots[i] == hash)
            return false;
    }
    s->slots[i] = hash;
    s->n++;
    return true;
}

static bool grow(struct seen *s)
{
    struct seen grown = {.size = s->size > 0 ? 2 * s->size : 64};
    grown.slots = calloc(grown.size, sizeof *grown.slots);
    if (grown.slots == NULL)
        return false;
    for (size_t i = 0; i < s->size; i++) {
        if (s->slots[i] != 0)
            (void)see(&grown, s->slots[i]);
    }
    free(s->slots);
    *s = grown;
    return true;
}

/* The links of the HTML come first, and after them those of the text that it does not have; so these wait until all the
   HTML has been read.  Only their URLs are kept, as these are their text too. */
struct link_list {
    struct text of_html; /* as JSON */
    struct text of_text; /* each with a NUL, which is in no URL */
    struct seen seen;
    bool failed; /* there was no memory for seen */
};

/* Notes a URL as seen.  False if it was, or if memory ran out. */
static bool note(struct link_list *l, struct span url)
{
    uint64_t hash = 14695981039346656037u; /* FNV-1a */
    for (size_t i = 0; i < url.n; i++)
        hash = (hash ^ (unsigned char)url.p[i]) * 1099511628211u;
    bool room = 2 * l->seen.n < l->seen.size || grow(&l->seen);
    l->failed = l->failed || !room;
    return room && see(&l->seen, hash | 1);
}

static void put_link(struct text *t, struct span text, struct span url)
{
    json_separate(t);
    text_add_string(t, "{\"text\":");
    json_add_string(t, header_or_empty(text));
    json_add_member(t, "url", url);
    text_add_string(t, "}");
}

static void add_link_of_html(void *context, struct span text, struct span url)
{
    struct link_list *l = context;
    put_link(&l->of_html, text, url);
    if (l->of_text.n > 0) /* else none is compared with it */
        (void)note(l, url);
}

static void add_link_of_text(void *context, struct span text, struct span url)
{
    struct link_list *l = context;
    (void)text;
    text_add_ended(&l->of_text, url);
}

static void add_links(struct text *t, struct link_list *l, bool has_html)
{
    struct span url;
    text_add_string(t, ",\"links\":");
    text_add(t, l->of_html.p, l->of_html.n);
    free(l->of_html.p); /* as they may be as much as the text */
    for (size_t at = 0; at < l->of_text.n && !l->of_text.failed; at += url.n + 1) {
        url = span_of(l->of_text.p + at);
        if (!has_html || note(l, url))
            put_link(t, url, url);
    }
    text_add_string(t, "]");
    t->failed = t->failed || l->failed || l->of_html.failed || l->of_text.failed;
    free(l->of_text.p);
    free(l->seen.slots);
}

/* Text on its way to JSON and to its links. */
struct linked {
    struct sink json;
    struct flow flow;
};

static void put_linked(void *context, const char *p, size_t n)
{
    struct linked *l = context;
    sink_put(l->json, p, n);
    flow_find_links(&l->flow, p, n);
}

void json_add_bodies(struct message *m, struct text *t)
{
    struct link_list list = {.failed = false};
    const struct links of_text = {add_link_of_text, &list}, of_html = {add_link_of_html, &list};
    const struct sink json = json_into(t);
    text_add_string(&list.of_html, "[");
    text_add_string(t, m->text != NULL ? ",\"text\":\"" : ",\"text\":null");
    if (m->text != NULL) {
        struct linked linked = {json, {.links = &of_text}};
        message_body_text(m, m->text, (struct sink){put_linked, &linked});
        t->failed = !flow_close(&linked.flow) || t->failed;
        text_add_string(t, "\"");
    }
    text_add_string(t, m->html != NULL ? ",\"html\":\"" : ",\"html\":null");
    if (m->html != NULL) {
        html_text(m, m->html, (struct sink){NULL, NULL}, &json, &of_html);
        text_add_string(t, "\"");
    }
    add_links(t, &list, m->html != NULL);
}

static void add_digest(struct message *m, struct text *t, struct part *p)
{
    char hex[MESSAGE_DIGEST_MAX];
    json_add_number(t, "size", message_digest(m, p, hex));
    json_add_member(t, "sha256", span_of(hex));
}

/* Adds the parameters of a Content-Type, decoded.  Problems in them are noted where they are used. */
static void add_params(struct message *m, struct text *t, struct span value)
{
    char names[PARAM_NAMES_MAX][PARAM_NAME_MAX];
    struct message before = message_begin_aside(m);
    size_t n = param_names(m, value, names);
    json_add_key(t, "params");
    text_add_string(t, "{");
    for (size_t i = 0; i < n; i++) {
        size_t start = t->n;
        json_add_key(t, names[i]);
        text_add_string(t, "\"");
        if (param_decode(m, value, names[i], json_into(t)))
            text_add_string(t, "\"");
        else
            t->n = start;
    }
    text_add_string(t, "}");
    message_end_aside(m, &before);
}

static void add_type(struct text *t, const struct part *p)
{
    json_add_key(t, "type");
    text_add_string(t, "\"");
    header_lower(p->type, json_into(t));
    text_add_string(t, "/");
    header_lower(p->subtype, json_into(t));
    text_add_string(t, "\"");
}

/* Adds a word in lower case, or null. */
static void add_word(struct text *t, const char *key, struct span word)
{
    json_add_key(t, key);
    text_add_string(t, word.n > 0 ? "\"" : "null");
    header_lower(word, json_into(t));
    text_add_string(t, word.n > 0 ? "\"" : "");
}

static void add_filename(struct message *m, struct text *t, const char *key, const struct part *p)
{
    json_add_key(t, key);
    size_t unnamed = t->n;
    text_add_string(t, "\"");
    bool named = message_filename(m, p, json_into(t));
    t->n = named ? t->n : unnamed;
    text_add_string(t, named ? "\"" : "null");
}

/* Adds the text of an attachment that is a text.  Problems in it are not those of the message. */
static void add_text(struct message *m, struct text *t, struct part *p)
{
    bool text = p->kind == PART_LEAF && span_is(p->type, "text");
    struct message before = message_begin_aside(m);
    text_add_string(t, text ? ",\"text\":\"" : ",\"text\":null");
    if (text) {
        message_body_text(m, p, json_into(t));
        text_add_string(t, "\"");
    }
    message_end_aside(m, &before);
}

void json_add_attachment(struct message *m, struct text *t, struct part *p)
{
    json_separate(t);
    text_add_string(t, "{");
    add_filename(m, t, "filename", p);
    add_type(t, p);
    add_params(m, t, p->content_type);
    add_word(t, "disposition", p->handling);
    json_add_decoded(m, t, "cid", p->id);
    add_digest(m, t, p);
    add_text(m, t, p);
    if (p->path != NULL)
        json_add_member(t, "path", span_of(p->path));
    text_add_string(t, "}");
}

/* ---- the parts ---- */

/* Whether a part is a whole message, or all that a message within one holds. */
static bool is_whole(const struct message *m, const struct part *p)
{
    return p == m->parts || m->parts[p->parent].kind == PART_MESSAGE;
}

/* Adds the path of a part as IMAP has it (RFC 3501 6.4.5): 1.2 is the second part of the first one.  A multipart that
   is a whole message has no number, as its parts have those of the message; it is called TEXT. */
static void add_path(const struct message *m, struct text *t, const struct part *p)
{
    unsigned numbers[MIME_DEPTH_MAX];
    size_t n = 0;
    bool text = is_whole(m, p) && p->kind == PART_MULTIPART;
    for (const struct part *at = p;; at = &m->parts[at->parent]) {
        if (!is_whole(m, at) || at->kind != PART_MULTIPART)
            numbers[n++] = at->number;
        if (at == m->parts)
            break;
    }
    json_add_key(t, "path");
    text_add_string(t, "\"");
    for (size_t i = n; i > 0; i--) {
        text_add_string(t, i < n ? "." : "");
        text_add_number(t, numbers[i - 1]);
    }
    text_add_string(t, !text ? "\"" : n > 0 ? ".TEXT\"" : "TEXT\"");
}

/* Adds the octets of a leaf, decoded, or of a message that is not in another one; otherwise where they end is not
   known. */
static void add_size(struct message *m, struct text *t, struct part *p)
{
    if (p->kind == PART_MULTIPART || (p->kind == PART_MESSAGE && p->inner)) {
        json_add_member(t, "size", (struct span){NULL, 0});
        return;
    }
    message_measure(m, p);
    json_add_number(t, "size", p->size);
}

void json_add_parts(struct message *m, struct text *t)
{
    json_add_key(t, "parts");
    text_add_string(t, "[");
    for (struct part *p = m->parts; p < m->parts + m->n; p++) {
        struct part *parent = &m->parts[p->parent];
        if (p > m->parts && parent->kind == PART_LEAF) /* a uuencoded file is no part of MIME */
            continue;
        p->number = p > m->parts ? ++parent->children : 1;
        json_separate(t);
        text_add_string(t, "{");
        add_path(m, t, p);
        add_type(t, p);
        add_params(m, t, p->content_type);
        if (message_is_attachment(m, p))
            message_measure(m, p);
        struct message before = message_begin_aside(m); /* problems in a part matter where it is shown */
        add_word(t, "encoding", p->encoding);
        add_word(t, "disposition", p->handling);
        add_filename(m, t, "name", p);
        json_add_decoded(m, t, "cid", p->id);
        add_size(m, t, p);
        message_end_aside(m, &before);
        text_add_string(t, "}");
    }
    text_add_string(t, "]");
}
