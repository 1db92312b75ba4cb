/*
 * json.c - a message as JSON (RFC 8259).
 *
 * The object is written into one growing text, members in a fixed order, and the
 * message is decoded on the way.  Of attachments only size and digest are kept.
 * Characters that a terminal would not show as they are become escapes.
 */
#include "mail/inside.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static const struct span null = {NULL, 0};

/* ---- strings: RFC 8259 7 ---- */

/* Adds a character as an escape, or as U+FFFD if it is none. */
static void add_escaped(struct text *t, struct span character)
{
    static const char special[] = "\"\\\b\f\n\r\t", letters[] = "\"\\bfnrt";
    const char *found = character.n == 1 && *character.p != '\0' ? strchr(special, *character.p) : NULL;
    char escape[16] = {'\\', found != NULL ? letters[found - special] : '\0'};
    uint32_t c = utf8_code_point(character);
    if (utf8_length(character) == 0)
        (void)snprintf(escape, sizeof escape, "\xef\xbf\xbd");
    else if (c > 0xffff)
        (void)snprintf(escape, sizeof escape, "\\u%04x\\u%04x", (unsigned)(0xd800 + ((c - 0x10000) >> 10)),
                       (unsigned)(0xdc00 + ((c - 0x10000) & 0x3ff)));
    else if (found == NULL)
        (void)snprintf(escape, sizeof escape, "\\u%04x", (unsigned)c);
    text_add_string(t, escape);
}

/* Adds octets within a string; those that need no escape go in one piece. */
static void put(void *context, const char *p, size_t n)
{
    struct text *t = context;
    struct span rest = {p, n};
    const char *start = p;
    while (rest.n > 0) {
        bool visible;
        size_t length = visible_take(rest, &visible);
        if (!visible || *rest.p == '"' || *rest.p == '\\') {
            text_add(t, start, (size_t)(rest.p - start));
            add_escaped(t, (struct span){rest.p, length});
            start = rest.p + length;
        }
        span_skip(&rest, length);
    }
    text_add(t, start, (size_t)(rest.p - start));
}

static struct sink into(struct text *t) { return (struct sink){put, t}; }

static void add_string(struct text *t, struct span s)
{
    if (s.p == NULL) {
        text_add_string(t, "null");
        return;
    }
    text_add_string(t, "\"");
    put(t, s.p, s.n);
    text_add_string(t, "\"");
}

/* ---- members ---- */

/* Adds a comma, unless this is the first member of an object or an array. */
static void separate(struct text *t)
{
    char last = t->n > 0 ? t->p[t->n - 1] : '\0';
    text_add_string(t, last == '{' || last == '[' ? "" : ",");
}

static void add_key(struct text *t, const char *key)
{
    separate(t);
    text_add_string(t, "\"");
    text_add_string(t, key);
    text_add_string(t, "\":");
}

static void add_member(struct text *t, const char *key, struct span value)
{
    add_key(t, key);
    add_string(t, value);
}

static void add_number(struct text *t, const char *key, uint64_t value)
{
    add_key(t, key);
    text_add_number(t, value);
}

/* Adds the text of a field's value; null if there is none. */
static void add_decoded(struct message *m, struct text *t, const char *key, struct span value)
{
    add_key(t, key);
    text_add_string(t, value.p != NULL ? "\"" : "null");
    if (value.p == NULL)
        return;
    words_text(m, value, into(t));
    text_add_string(t, "\"");
}

/* ---- the header ---- */

/* Adds the addresses of all fields of this name. */
static void add_addresses(struct message *m, struct text *t, const char *key, const char *name)
{
    struct span header = m->parts->header;
    struct field field;
    struct address address;
    add_key(t, key);
    text_add_string(t, "[");
    while (header_take_field(m, &header, &field)) {
        while (span_is(field.name, name) && address_take(m, &field.value, &address)) {
            separate(t);
            text_add_string(t, address.name.p != NULL ? "{\"name\":\"" : "{\"name\":null");
            if (address.name.p != NULL) {
                address_name(m, address.name, into(t));
                text_add_string(t, "\"");
            }
            text_add_string(t, ",\"address\":\"");
            address_spec(m, address.address, into(t));
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
static void add_headers(struct message *m, struct text *t)
{
    size_t n;
    struct entry *e = sort_fields(m, t, &n);
    text_add_string(t, ",\"headers\":{");
    for (size_t place = 0; e != NULL && place < n; place++) {
        size_t first = e[place].nth, i = first;
        struct span name = e[i].field.name;
        if (i > 0 && span_same(e[i - 1].field.name, name))
            continue;
        separate(t);
        text_add_string(t, "\"");
        header_lower(name, into(t));
        text_add_string(t, "\":[");
        for (; i < n && span_same(e[i].field.name, name); i++) {
            text_add_string(t, i > first ? ",\"" : "\"");
            words_text(m, e[i].field.value, into(t));
            text_add_string(t, "\"");
        }
        text_add_string(t, "]");
    }
    free(e);
    text_add_string(t, "}");
}

/* ---- the body ---- */

static void add_body(struct message *m, struct text *t, const char *key, const struct part *body)
{
    add_key(t, key);
    text_add_string(t, body != NULL ? "\"" : "null");
    if (body == NULL)
        return;
    message_body_text(m, body, into(t));
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
    separate(l->t);
    text_add_string(l->t, "{\"text\":");
    add_string(l->t, text.p != NULL ? text : (struct span){"", 0});
    add_member(l->t, "url", url);
    text_add_string(l->t, "}");
}

static void ignore(void *context, const char *p, size_t n) { (void)context, (void)p, (void)n; }

/* Adds the links of the HTML, then the URLs of the text that it does not have. */
static void add_links(struct message *m, struct text *t)
{
    struct link_list list = {.t = t};
    const struct links links = {add_link, &list};
    add_key(t, "links");
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
    add_number(t, "size", sha.n);
    sha256_end(&sha, digest);
    for (size_t i = 0; i < SHA256_SIZE; i++)
        (void)snprintf(hex + 2 * i, 3, "%02x", digest[i]);
    add_member(t, "sha256", span_of(hex));
}

static void add_attachment(struct message *m, struct text *t, const struct part *p)
{
    separate(t);
    text_add_string(t, "{\"filename\":");
    size_t unnamed = t->n;
    text_add_string(t, "\"");
    bool named = message_filename(m, p, into(t));
    t->n = named ? t->n : unnamed;
    text_add_string(t, named ? "\",\"type\":\"" : "null,\"type\":\"");
    header_lower(p->type, into(t));
    text_add_string(t, "/");
    header_lower(p->subtype, into(t));
    text_add_string(t, p->handling.n > 0 ? "\",\"disposition\":\"" : "\",\"disposition\":null");
    header_lower(p->handling, into(t));
    text_add_string(t, p->handling.n > 0 ? "\"" : "");
    add_decoded(m, t, "cid", p->id);
    add_digest(m, t, p);
    if (p->path != NULL)
        add_member(t, "path", span_of(p->path));
    text_add_string(t, "}");
}

static void add_problems(struct text *t, const struct mail *mail)
{
    text_add_string(t, ",\"problems\":[");
    for (int i = 0; i < PROBLEMS; i++) {
        char text[PROBLEM_TEXT_MAX];
        if (!problems_have(&mail->problems, (enum problem)i))
            continue;
        separate(t);
        add_string(t, (struct span){text, problem_text((enum problem)i, text)});
    }
    text_add_string(t, "]");
}

/* The expectations that the mail counts for, from 1. */
static void add_expectations(struct text *t, const struct mail *mail)
{
    text_add_string(t,
                    mail->fits == 0 ? ",\"matched\":false,\"expectations\":[" : ",\"matched\":true,\"expectations\":[");
    for (uint64_t i = 1, fits = mail->fits; fits != 0; i++, fits >>= 1) {
        if ((fits & 1) == 0)
            continue;
        separate(t);
        text_add_number(t, i);
    }
    text_add_string(t, "]");
}

/* ---- the client and the envelope ---- */

static void add_time(struct text *t, int64_t milliseconds)
{
    char text[64];
    int part = (int)(milliseconds % 1000 + 1000) % 1000; /* also before 1970, where a false clock may be */
    time_t seconds = (time_t)((milliseconds - part) / 1000);
    struct tm utc;
    if (gmtime_r(&seconds, &utc) == NULL || utc.tm_year > 9999 - 1900) { /* RFC 3339 has four digits */
        add_member(t, "time", null);
        return;
    }
    size_t n = strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &utc);
    (void)snprintf(text + n, sizeof text - n, ".%03dZ", part);
    add_member(t, "time", span_of(text));
}

static void add_client(struct text *t, const struct mail *mail)
{
    struct span address = span_of(mail->address);
    text_add_string(t, ",\"client\":{");
    add_member(t, "address", address.n > 0 ? address : null);
    if (mail->port > 0)
        add_number(t, "port", mail->port);
    else
        add_member(t, "port", null);
    add_member(t, "helo", mail->helo);
    add_member(t, "protocol", span_of(mail->protocol));
    add_member(t, "auth", mail->user);
    add_member(t, "tls", span_of(mail->tls));
    text_add_string(t, "}");
}

/* Adds the text of an xtext (RFC 3461 4).  Under the type utf-8 a plus may stand for itself. */
static void add_xtext(struct text *t, struct span s)
{
    struct text decoded = {NULL, 0, 0, false};
    for (; s.n > 0; span_skip(&s, 1)) {
        char c = *s.p;
        if (c == '+' && s.n >= 3 && ascii_is_hex(s.p[1]) && ascii_is_hex(s.p[2])) {
            c = (char)(ascii_hex_value(s.p[1]) << 4 | ascii_hex_value(s.p[2]));
            span_skip(&s, 2);
        }
        text_add(&decoded, &c, 1);
    }
    add_string(t, header_or_empty(text_span(&decoded)));
    t->failed = t->failed || decoded.failed;
    free(decoded.p);
}

/* Adds "SIZE=10 SMTPUTF8" as {"SIZE":"10","SMTPUTF8":null}. */
static void add_params(struct text *t, struct span s)
{
    text_add_string(t, "{");
    while (span_skip_spaces(&s), s.n > 0) {
        const char *space = memchr(s.p, ' ', s.n), *end = space != NULL ? space : s.p + s.n;
        const char *equals = memchr(s.p, '=', (size_t)(end - s.p));
        struct span keyword = span_between(s.p, equals != NULL ? equals : end);
        struct span value = equals != NULL ? span_between(equals + 1, end) : null;
        separate(t);
        text_add_string(t, "\"");
        for (size_t i = 0; i < keyword.n; i++) {
            char c = ascii_is_letter(keyword.p[i]) ? (char)(keyword.p[i] & ~0x20) : keyword.p[i];
            put(t, &c, 1);
        }
        text_add_string(t, "\":");
        bool xtext = span_is(keyword, "ENVID") || span_is(keyword, "ORCPT") || span_is(keyword, "AUTH");
        if (xtext && value.p != NULL)
            add_xtext(t, value);
        else
            add_string(t, value);
        s = span_between(end, s.p + s.n);
    }
    text_add_string(t, "}");
}

static void add_envelope(struct text *t, const struct mail *mail)
{
    text_add_string(t, ",\"envelope\":{");
    add_member(t, "from", header_or_empty(mail->sender));
    text_add_string(t, ",\"to\":[");
    for (size_t i = 0; i < mail->n_recipients; i++) {
        separate(t);
        add_string(t, mail->recipients[i].address);
    }
    text_add_string(t, "],\"params\":");
    add_params(t, mail->sender_params);
    text_add_string(t, ",\"to_params\":[");
    for (size_t i = 0; i < mail->n_recipients; i++) {
        separate(t);
        add_params(t, mail->recipients[i].params);
    }
    text_add_string(t, "]}");
}

/* ---- the object ---- */

void render_json(struct text *t, struct mail *mail, struct message *m)
{
    struct span header = m->parts->header, date = header_find(m, header, "date");
    char text[32];
    text_add_string(t, "{");
    add_number(t, "n", mail->n);
    add_time(t, mail->time);
    add_number(t, "size", mail->size);
    add_member(t, "file", span_of(mail->file));
    add_expectations(t, mail);
    add_client(t, mail);
    add_envelope(t, mail);
    add_decoded(m, t, "subject", header_find(m, header, "subject"));
    add_addresses(m, t, "from", "from");
    add_addresses(m, t, "to", "to");
    add_addresses(m, t, "cc", "cc");
    add_addresses(m, t, "bcc", "bcc");
    add_addresses(m, t, "reply_to", "reply-to");
    add_member(t, "date", date.p != NULL && date_text(m, date, text) ? span_of(text) : null);
    add_decoded(m, t, "message_id", header_find(m, header, "message-id"));
    add_headers(m, t);
    add_body(m, t, "text", m->text);
    add_body(m, t, "html", m->html);
    add_links(m, t);
    text_add_string(t, ",\"attachments\":[");
    for (struct part *p = NULL; (p = message_next_attachment(m, p)) != NULL;)
        add_attachment(m, t, p);
    text_add_string(t, "]");
    lint_decoded(m, mail);
    add_problems(t, mail);
    text_add_string(t, "}\n");
}
