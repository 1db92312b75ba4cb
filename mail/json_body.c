/*
 * json_body.c - the text, the links and the attachments of a message as members
 * of its JSON.  Of attachments only size and digest are kept.
 */
#include "mail/inside.h"

#include <stdio.h>
#include <stdlib.h>

void json_add_body(struct message *m, struct text *t, const char *key, const struct part *body)
{
    json_add_key(t, key);
    text_add_string(t, body != NULL ? "\"" : "null");
    if (body == NULL)
        return;
    message_body_text(m, body, json_into(t));
    text_add_string(t, "\"");
}

static void put_digest(void *context, const char *p, size_t n) { sha256_add(context, p, n); }

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

struct link_list {
    struct text *t;
    struct seen seen;
    bool once; /* leave out URLs that have been added */
};

static void add_link(void *context, struct span text, struct span url)
{
    struct link_list *l = context;
    uint64_t hash = 14695981039346656037u; /* FNV-1a */
    for (size_t i = 0; i < url.n; i++)
        hash = (hash ^ (unsigned char)url.p[i]) * 1099511628211u;
    if (2 * l->seen.n >= l->seen.size && !grow(&l->seen)) {
        l->t->failed = true;
        return;
    }
    if (!see(&l->seen, hash | 1) && l->once)
        return;
    json_separate(l->t);
    text_add_string(l->t, "{\"text\":");
    json_add_string(l->t, text.p != NULL ? text : (struct span){"", 0});
    json_add_member(l->t, "url", url);
    text_add_string(l->t, "}");
}

static void ignore(void *context, const char *p, size_t n) { (void)context, (void)p, (void)n; }

/* Adds the links of the HTML, then the URLs of the text that it does not have. */
void json_add_links(struct message *m, struct text *t)
{
    struct link_list list = {.t = t};
    const struct links links = {add_link, &list};
    json_add_key(t, "links");
    text_add_string(t, "[");
    if (m->html != NULL)
        html_text(m, m->html, (struct sink){ignore, NULL}, &links);
    list.once = m->html != NULL;
    if (m->text != NULL) {
        struct flow flow = {.to = {ignore, NULL}, .links = &links};
        message_body_text(m, m->text, (struct sink){flow_put, &flow});
        t->failed = !flow_close(&flow) || t->failed;
    }
    text_add_string(t, "]");
    free(list.seen.slots);
}

static void add_digest(struct message *m, struct text *t, const struct part *p)
{
    struct sha256 sha;
    unsigned char digest[SHA256_SIZE];
    char hex[SHA256_SIZE * 2 + 1];
    sha256_begin(&sha);
    message_octets(m, p, (struct sink){put_digest, &sha});
    json_add_number(t, "size", sha.n);
    sha256_end(&sha, digest);
    for (size_t i = 0; i < SHA256_SIZE; i++)
        (void)snprintf(hex + 2 * i, 3, "%02x", digest[i]);
    json_add_member(t, "sha256", span_of(hex));
}

void json_add_attachment(struct message *m, struct text *t, const struct part *p)
{
    json_separate(t);
    text_add_string(t, "{\"filename\":");
    size_t unnamed = t->n;
    text_add_string(t, "\"");
    bool named = message_filename(m, p, json_into(t));
    t->n = named ? t->n : unnamed;
    text_add_string(t, named ? "\",\"type\":\"" : "null,\"type\":\"");
    header_lower(p->type, json_into(t));
    text_add_string(t, "/");
    header_lower(p->subtype, json_into(t));
    text_add_string(t, p->handling.n > 0 ? "\",\"disposition\":\"" : "\",\"disposition\":null");
    header_lower(p->handling, json_into(t));
    text_add_string(t, p->handling.n > 0 ? "\"" : "");
    json_add_decoded(m, t, "cid", p->id);
    add_digest(m, t, p);
    if (p->path != NULL)
        json_add_member(t, "path", span_of(p->path));
    text_add_string(t, "}");
}
