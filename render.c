/*
 * render.c - a message as JSON and as text.
 *
 * A message is read in two passes.  The first collects its parts; then it is
 * known which of them are its text and its HTML, and which are attachments.
 * The second writes what was asked for into one growing text, decoding on the
 * way; of attachments only the digest is kept.
 *
 * What the text and the HTML are is decided as mail programs do it (RFC 2046
 * 5.1.3, RFC 2387): the first part of that type, not within an attachment or
 * another message, and of a multipart/related only its root.
 */
#include "render.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "mime.h"
#include "sha256.h"
#include "utf8.h"
#include "visible.h"

/* ---- text that grows ---- */

static void add(struct render_text *t, const char *p, size_t n)
{
    if (t->failed || n == 0)
        return;
    if (t->n + n > t->size) {
        size_t size = (t->n + n) * 2;
        char *grown = realloc(t->p, size);
        if (grown == NULL) {
            t->failed = true;
            return;
        }
        t->p = grown;
        t->size = size;
    }
    memcpy(t->p + t->n, p, n);
    t->n += n;
}

static void add_string(struct render_text *t, const char *s) { add(t, s, strlen(s)); }

static char last(const struct render_text *t) { return t->n > 0 ? t->p[t->n - 1] : '\0'; }

static void add_number(struct render_text *t, uint64_t n)
{
    char digits[24];
    (void)snprintf(digits, sizeof digits, "%ju", (uintmax_t)n);
    add_string(t, digits);
}

static void put_raw(void *context, const char *p, size_t n) { add(context, p, n); }

static struct mime_sink into(struct render_text *t) { return (struct mime_sink){put_raw, t}; }

/* ---- strings of JSON: RFC 8259 7 ---- */

/* One character as an escape of four hexadecimal digits, or as two of them beyond U+FFFF. */
static void add_escaped(struct render_text *t, struct span character)
{
    uint32_t c = utf8_code_point(character);
    char text[16];
    if (c > 0xffff)
        (void)snprintf(text, sizeof text, "\\u%04x\\u%04x", (unsigned)(0xd800 + ((c - 0x10000) >> 10)),
                       (unsigned)(0xdc00 + ((c - 0x10000) & 0x3ff)));
    else
        (void)snprintf(text, sizeof text, "\\u%04x", (unsigned)c);
    add_string(t, text);
}

/* What JSON, or a terminal, would not take as it is. */
static void add_special(struct render_text *t, struct span character)
{
    static const char special[] = "\"\\\b\f\n\r\t", letters[] = "\"\\bfnrt";
    const char *found = character.n == 1 && *character.p != '\0' ? strchr(special, *character.p) : NULL;
    if (found != NULL) {
        const char escape[2] = {'\\', letters[found - special]};
        add(t, escape, sizeof escape);
    } else if (utf8_length(character) == 0) {
        add_string(t, "\xef\xbf\xbd"); /* U+FFFD */
    } else {
        add_escaped(t, character);
    }
}

/* Octets within a string: those that need nothing go in one piece. */
static void put_json(void *context, const char *p, size_t n)
{
    struct render_text *t = context;
    struct span rest = {p, n};
    const char *start = p;
    while (rest.n > 0) {
        bool visible;
        size_t length = visible_take(rest, &visible);
        if (visible && *rest.p != '"' && *rest.p != '\\') {
            span_skip(&rest, length);
            continue;
        }
        add(t, start, (size_t)(rest.p - start));
        add_special(t, (struct span){rest.p, length});
        span_skip(&rest, length);
        start = rest.p;
    }
    add(t, start, (size_t)(rest.p - start));
}

static struct mime_sink into_json(struct render_text *t) { return (struct mime_sink){put_json, t}; }

static void add_json(struct render_text *t, struct span s)
{
    if (s.p == NULL) {
        add_string(t, "null");
        return;
    }
    add_string(t, "\"");
    put_json(t, s.p, s.n);
    add_string(t, "\"");
}

static struct span span_of(const char *s) { return (struct span){s, s != NULL ? strlen(s) : 0}; }

/* The same, and null for "". */
static void add_json_or_null(struct render_text *t, struct span s)
{
    add_json(t, s.n > 0 ? s : (struct span){NULL, 0});
}

/* ,"name": */
static void add_key(struct render_text *t, const char *name)
{
    add_string(t, last(t) == '{' || last(t) == '[' ? "\"" : ",\"");
    add_string(t, name);
    add_string(t, "\":");
}

/* ---- the parts ---- */

enum { NONE = -1 };

struct parts {
    struct mime mime;
    struct part {
        struct mime_part p;
        /* of a multipart/related */
        ptrdiff_t root;           /* the part that the others belong to, NONE if it has no part; */
        struct render_text start; /* the Content-ID of that part, where it is named, */
        bool root_named;          /* and was found */
    } * p;
    size_t n, size;
    ptrdiff_t text, html; /* places of these, NONE if there are none */
};

static bool is_related(const struct part *p) { return p->p.kind == MIME_MULTIPART && span_is(p->p.subtype, "related"); }

/* The Content-ID that start names, without its brackets. */
static struct span start_of(const struct part *related)
{
    struct span id = {related->start.p, related->start.n};
    bool brackets = id.n > 1 && id.p[0] == '<' && id.p[id.n - 1] == '>';
    return brackets ? (struct span){id.p + 1, id.n - 2} : id;
}

/* The root of a multipart/related is its first part, or the one that start names; RFC 2387 3.2.  i may be one of them.
 */
static void look_for_root(struct parts *all, size_t i)
{
    struct part *p = &all->p[i], *related = &all->p[p->p.parent];
    if (is_related(p))
        (void)mime_param(&all->mime, p->p.content_type, "start", into(&p->start));
    if (i == 0 || !is_related(related) || related->root_named)
        return;
    if (related->root == NONE)
        related->root = (ptrdiff_t)i;
    struct span own = p->p.id, id = start_of(related);
    if (own.n > 0 && own.n == id.n && memcmp(own.p, id.p, id.n) == 0) {
        related->root = (ptrdiff_t)i;
        related->root_named = true;
    }
}

static void close_parts(struct parts *all)
{
    if (all == NULL)
        return;
    for (size_t i = 0; i < all->n; i++)
        free(all->p[i].start.p);
    free(all->p);
    free(all);
}

/* Whether it is part of what a reader sees first, and not of an attachment or of another message. */
static bool is_shown(const struct parts *all, size_t i)
{
    while (!all->p[i].p.attachment && i != 0) {
        size_t parent = all->p[i].p.parent;
        const struct part *p = &all->p[parent];
        if (p->p.kind != MIME_MULTIPART || (span_is(p->p.subtype, "related") && p->root != (ptrdiff_t)i))
            return false;
        i = parent;
    }
    return !all->p[i].p.attachment;
}

static ptrdiff_t find_body(const struct parts *all, const char *subtype)
{
    for (size_t i = 0; i < all->n; i++) {
        const struct mime_part *p = &all->p[i].p;
        if (p->kind == MIME_LEAF && span_is(p->type, "text") && span_is(p->subtype, subtype) && is_shown(all, i))
            return (ptrdiff_t)i;
    }
    return NONE;
}

static bool open_parts(struct parts *all, struct span octets)
{
    struct mime_part part;
    mime_open(&all->mime, octets);
    while (mime_next(&all->mime, &part)) {
        if (all->n == all->size) {
            size_t size = all->size > 0 ? all->size * 2 : 8;
            struct part *p = realloc(all->p, size * sizeof *p);
            if (p == NULL)
                return false;
            all->p = p;
            all->size = size;
        }
        all->p[all->n] = (struct part){.p = part, .root = NONE};
        look_for_root(all, all->n++);
    }
    all->text = find_body(all, "plain");
    all->html = find_body(all, "html");
    return true;
}

/* Whether it lies in a message that is attached, of which it is told as a whole. */
static bool is_within_message(const struct parts *all, size_t i)
{
    while (i != 0) {
        i = all->p[i].p.parent;
        if (all->p[i].p.kind == MIME_MESSAGE)
            return true;
    }
    return false;
}

static bool is_attachment(const struct parts *all, size_t i)
{
    const struct mime_part *p = &all->p[i].p;
    return p->kind != MIME_MULTIPART && (ptrdiff_t)i != all->text && (ptrdiff_t)i != all->html &&
           !is_within_message(all, i);
}

/* ---- header fields as JSON ---- */

static void add_text_field(struct parts *all, struct render_text *t, const char *key, const char *name)
{
    struct mime_field field;
    add_key(t, key);
    if (!mime_find_field(&all->mime, all->p[0].p.header, name, &field)) {
        add_string(t, "null");
        return;
    }
    add_string(t, "\"");
    mime_text(&all->mime, field.value, into_json(t));
    add_string(t, "\"");
}

static void add_address(struct parts *all, struct render_text *t, const struct mime_address *a)
{
    add_string(t, last(t) == '[' ? "{" : ",{");
    add_key(t, "name");
    if (a->name.p == NULL) {
        add_string(t, "null");
    } else {
        add_string(t, "\"");
        mime_name(&all->mime, a->name, into_json(t));
        add_string(t, "\"");
    }
    add_key(t, "address");
    add_string(t, "\"");
    mime_addr_spec(&all->mime, a->address, into_json(t));
    add_string(t, "\"}");
}

/* The addresses of all fields of this name. */
static void add_addresses(struct parts *all, struct render_text *t, const char *key, const char *name)
{
    struct span header = all->p[0].p.header;
    struct mime_field field;
    struct mime_address address;
    add_key(t, key);
    add_string(t, "[");
    while (mime_take_field(&all->mime, &header, &field)) {
        while (span_is(field.name, name) && mime_take_address(&all->mime, &field.value, &address))
            add_address(all, t, &address);
    }
    add_string(t, "]");
}

static void add_date(struct parts *all, struct render_text *t)
{
    struct mime_field field;
    char text[32];
    bool found =
        mime_find_field(&all->mime, all->p[0].p.header, "date", &field) && mime_date(&all->mime, field.value, text);
    add_key(t, "date");
    add_json(t, span_of(found ? text : NULL));
}

struct entry {
    struct mime_field field;
    size_t place;  /* in the header */
    size_t leader; /* place of the first of the same name */
};

static int compare_names(struct span a, struct span b)
{
    for (size_t i = 0; i < a.n && i < b.n; i++) {
        int difference = (unsigned char)ascii_lower(a.p[i]) - (unsigned char)ascii_lower(b.p[i]);
        if (difference != 0)
            return difference;
    }
    return (a.n > b.n) - (a.n < b.n);
}

static int by_name(const void *x, const void *y)
{
    const struct entry *a = x, *b = y;
    int difference = compare_names(a->field.name, b->field.name);
    return difference != 0 ? difference : (a->place > b->place) - (a->place < b->place);
}

static int by_leader(const void *x, const void *y)
{
    const struct entry *a = x, *b = y;
    return a->leader != b->leader ? (a->leader > b->leader) - (a->leader < b->leader)
                                  : (a->place > b->place) - (a->place < b->place);
}

/* In the order of the header, but those of one name together. */
static void group(struct entry *e, size_t n)
{
    qsort(e, n, sizeof *e, by_name);
    for (size_t i = 0; i < n; i++) {
        bool same = i > 0 && compare_names(e[i - 1].field.name, e[i].field.name) == 0;
        e[i].leader = same ? e[i - 1].leader : e[i].place;
    }
    qsort(e, n, sizeof *e, by_leader);
}

static void add_name(struct render_text *t, struct span name)
{
    add_string(t, last(t) == '{' ? "\"" : ",\"");
    for (size_t i = 0; i < name.n; i++) {
        char c = ascii_lower(name.p[i]);
        put_json(t, &c, 1);
    }
    add_string(t, "\":[");
}

static void add_entries(struct parts *all, struct render_text *t, const struct entry *e, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        bool first = i == 0 || e[i].leader != e[i - 1].leader, last = i + 1 == n || e[i].leader != e[i + 1].leader;
        if (first)
            add_name(t, e[i].field.name);
        add_string(t, first ? "\"" : ",\"");
        mime_text(&all->mime, e[i].field.value, into_json(t));
        add_string(t, last ? "\"]" : "\"");
    }
}

static void add_headers(struct parts *all, struct render_text *t)
{
    struct entry *e = NULL;
    size_t n = 0, size = 0;
    struct span header = all->p[0].p.header;
    struct mime_field field;
    add_key(t, "headers");
    add_string(t, "{");
    while (mime_take_field(&all->mime, &header, &field)) {
        if (n == size) {
            size = size > 0 ? size * 2 : 32;
            struct entry *grown = realloc(e, size * sizeof *e);
            if (grown == NULL) {
                t->failed = true;
                break;
            }
            e = grown;
        }
        e[n] = (struct entry){.field = field, .place = n};
        n++;
    }
    if (n > 0 && !t->failed) {
        group(e, n);
        add_entries(all, t, e, n);
    }
    free(e);
    add_string(t, "}");
}

/* ---- the body as JSON ---- */

static void add_body(struct parts *all, struct render_text *t, const char *key, ptrdiff_t place)
{
    add_key(t, key);
    if (place == NONE) {
        add_string(t, "null");
        return;
    }
    add_string(t, "\"");
    mime_body_text(&all->mime, &all->p[place].p, into_json(t));
    add_string(t, "\"");
}

/* Lower-case: types are the same in any case; RFC 2045 5.1 */
static void add_type(struct render_text *t, const struct mime_part *p, void (*put)(void *, const char *, size_t))
{
    const struct span words[] = {p->type, {"/", 1}, p->subtype};
    for (size_t k = 0; k < 3; k++) {
        for (size_t i = 0; i < words[k].n; i++) {
            char c = ascii_lower(words[k].p[i]);
            put(t, &c, 1);
        }
    }
}

/* What an attachment is measured by, and perhaps written to. */
struct measure {
    struct sha256 digest;
    const struct render_attach *attach; /* NULL: nowhere */
};

static void put_measured(void *context, const char *p, size_t n)
{
    struct measure *m = context;
    sha256_add(&m->digest, p, n);
    if (m->attach != NULL)
        m->attach->put(m->attach->context, p, n);
}

static void add_digest(struct render_text *t, struct measure *m)
{
    unsigned char digest[SHA256_SIZE];
    char hex[SHA256_SIZE * 2 + 1];
    add_key(t, "size");
    add_number(t, m->digest.n);
    sha256_end(&m->digest, digest);
    for (size_t i = 0; i < SHA256_SIZE; i++)
        (void)snprintf(hex + 2 * i, 3, "%02x", digest[i]);
    add_key(t, "sha256");
    add_json(t, span_of(hex));
}

static void add_disposition(struct render_text *t, const struct mime_part *p)
{
    add_key(t, "disposition");
    if (p->handling.n == 0) {
        add_string(t, "null");
        return;
    }
    add_string(t, "\"");
    for (size_t i = 0; i < p->handling.n; i++) {
        char c = ascii_lower(p->handling.p[i]);
        put_json(t, &c, 1);
    }
    add_string(t, "\"");
}

static bool add_attachment(struct parts *all, struct render_text *t, size_t i, uint64_t message,
                           const struct render_attach *attach)
{
    const struct mime_part *p = &all->p[i].p;
    struct render_text name = {NULL, 0, 0, false};
    bool named = mime_filename(&all->mime, p, into(&name));
    add_string(t, last(t) == '[' ? "{" : ",{");
    add_key(t, "filename");
    add_json(t, named ? (struct span){name.p != NULL ? name.p : "", name.n} : (struct span){NULL, 0});
    add_key(t, "type");
    add_string(t, "\"");
    add_type(t, p, put_json);
    add_string(t, "\"");
    add_disposition(t, p);
    add_key(t, "cid");
    if (p->id.p == NULL) {
        add_string(t, "null");
    } else {
        add_string(t, "\"");
        mime_text(&all->mime, p->id, into_json(t));
        add_string(t, "\"");
    }
    struct measure m = {.attach = attach};
    sha256_begin(&m.digest);
    bool good = true;
    if (attach != NULL)
        attach->open(attach->context, message, (struct span){name.p, name.n}, p->type, p->subtype);
    mime_octets(&all->mime, p, (struct mime_sink){put_measured, &m});
    add_digest(t, &m);
    if (m.attach != NULL) {
        const char *path = attach->close(attach->context);
        good = path != NULL;
        add_key(t, "path");
        add_json(t, span_of(path));
    }
    add_string(t, "}");
    t->failed = t->failed || name.failed;
    free(name.p);
    return good;
}

static bool add_attachments(struct parts *all, struct render_text *t, uint64_t message,
                            const struct render_attach *attach)
{
    bool good = true;
    add_key(t, "attachments");
    add_string(t, "[");
    for (size_t i = 0; i < all->n && good; i++) {
        if (is_attachment(all, i))
            good = add_attachment(all, t, i, message, attach);
    }
    add_string(t, "]");
    return good;
}

/* What is known of line ends counts for more than what the reading of other ones tells. */
static void add_problems(struct parts *all, struct render_text *t, const struct render_message *m)
{
    const uint64_t mixed = 1ull << MIME_MIXED_LINES;
    add_key(t, "problems");
    add_string(t, "[");
    if (m->bare_lf)
        add_json(t, span_of("bare LF in the message (RFC 5321 2.3.8)"));
    if (m->converted && all->mime.problems & mixed) /* CR, CR, LF */
        all->mime.problems |= 1ull << MIME_BARE_CR;
    if (m->converted || m->bare_lf)
        all->mime.problems &= ~mixed;
    for (int i = 0; i < MIME_PROBLEMS; i++) {
        if (!(all->mime.problems >> i & 1))
            continue;
        if (last(t) != '[')
            add_string(t, ",");
        add_json(t, span_of(mime_problem_text((enum mime_problem)i)));
    }
    add_string(t, "]");
}

/* ---- what is known of it, as JSON ---- */

static void add_time(struct render_text *t, int64_t milliseconds)
{
    char text[64];
    time_t seconds = (time_t)(milliseconds / 1000);
    struct tm utc;
    add_key(t, "time");
    if (gmtime_r(&seconds, &utc) == NULL) {
        add_string(t, "null");
        return;
    }
    size_t n = strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &utc);
    (void)snprintf(text + n, sizeof text - n, ".%03dZ", (int)(milliseconds % 1000));
    add_json(t, span_of(text));
}

static void add_client(struct render_text *t, const struct render_message *m)
{
    add_key(t, "client");
    add_string(t, "{");
    add_key(t, "address");
    add_json_or_null(t, span_of(m->address));
    add_key(t, "port");
    if (m->port > 0)
        add_number(t, m->port);
    else
        add_string(t, "null");
    add_key(t, "helo");
    add_json(t, m->helo);
    add_key(t, "protocol");
    add_json(t, span_of(m->protocol));
    add_key(t, "auth");
    add_json(t, m->user);
    add_key(t, "tls");
    add_json(t, span_of(m->tls));
    add_string(t, "}");
}

static int hex_value(char c) { return ascii_is_digit(c) ? c - '0' : c - 'A' + 10; }

/* xtext; RFC 3461 4.  What is there has been looked at when it was said. */
static void add_xtext(struct render_text *t, struct span s)
{
    struct render_text decoded = {NULL, 0, 0, false};
    if (s.p == NULL) {
        add_string(t, "null");
        return;
    }
    for (; s.n > 0; span_skip(&s, 1)) {
        char c = *s.p;
        if (c == '+' && s.n >= 3) {
            c = (char)(hex_value(s.p[1]) * 16 + hex_value(s.p[2]));
            span_skip(&s, 2);
        }
        add(&decoded, &c, 1);
    }
    add_json(t, (struct span){decoded.p != NULL ? decoded.p : "", decoded.n});
    t->failed = t->failed || decoded.failed;
    free(decoded.p);
}

/* "SIZE=10 SMTPUTF8" as {"SIZE":"10","SMTPUTF8":null} */
static void add_params(struct render_text *t, struct span s)
{
    add_string(t, "{");
    while (span_skip_spaces(&s), s.n > 0) {
        const char *space = memchr(s.p, ' ', s.n), *end = space != NULL ? space : s.p + s.n;
        const char *equals = memchr(s.p, '=', (size_t)(end - s.p));
        struct span keyword = span_between(s.p, equals != NULL ? equals : end);
        add_string(t, last(t) == '{' ? "\"" : ",\"");
        for (size_t i = 0; i < keyword.n; i++) {
            char c = ascii_is_letter(keyword.p[i]) ? (char)(keyword.p[i] & ~0x20) : keyword.p[i];
            put_json(t, &c, 1);
        }
        add_string(t, "\":");
        struct span value = equals != NULL ? span_between(equals + 1, end) : (struct span){NULL, 0};
        if (span_is(keyword, "ENVID") || span_is(keyword, "ORCPT") || span_is(keyword, "AUTH"))
            add_xtext(t, value);
        else
            add_json(t, value);
        s = span_between(end, s.p + s.n);
    }
    add_string(t, "}");
}

static void add_envelope(struct render_text *t, const struct render_message *m)
{
    add_key(t, "envelope");
    add_string(t, "{");
    add_key(t, "from");
    add_json(t, (struct span){m->sender.p != NULL ? m->sender.p : "", m->sender.n});
    add_key(t, "to");
    add_string(t, "[");
    const char *p = m->recipients;
    for (uint64_t i = 0; i < m->n_recipients; i++, p += strlen(p) + 1) {
        add_string(t, i > 0 ? "," : "");
        add_json(t, span_of(p));
    }
    add_string(t, "]");
    add_key(t, "params");
    add_params(t, m->sender_params);
    add_key(t, "to_params");
    add_string(t, "[");
    p = m->recipient_params;
    for (uint64_t i = 0; i < m->n_recipients; i++, p += strlen(p) + 1) {
        add_string(t, i > 0 ? "," : "");
        add_params(t, span_of(p));
    }
    add_string(t, "]}");
}

static bool add_message(struct parts *all, struct render_text *t, const struct render_message *m,
                        const struct render_attach *attach)
{
    add_text_field(all, t, "subject", "subject");
    add_addresses(all, t, "from", "from");
    add_addresses(all, t, "to", "to");
    add_addresses(all, t, "cc", "cc");
    add_addresses(all, t, "bcc", "bcc");
    add_addresses(all, t, "reply_to", "reply-to");
    add_date(all, t);
    add_text_field(all, t, "message_id", "message-id");
    add_headers(all, t);
    add_body(all, t, "text", all->text);
    add_body(all, t, "html", all->html);
    bool good = add_attachments(all, t, m->n, attach);
    add_problems(all, t, m);
    return good;
}

bool render_json(struct render_text *t, const struct render_message *m, const struct render_attach *attach)
{
    struct parts *all = calloc(1, sizeof *all);
    if (all == NULL || !open_parts(all, m->octets)) {
        t->failed = true;
        close_parts(all);
        return true;
    }
    add_string(t, "{");
    add_key(t, "n");
    add_number(t, m->n);
    add_time(t, m->time);
    add_key(t, "size");
    add_number(t, m->size);
    add_key(t, "file");
    add_json(t, span_of(m->file));
    add_key(t, "matched");
    add_string(t, m->matched ? "true" : "false");
    add_client(t, m);
    add_envelope(t, m);
    bool good = add_message(all, t, m, attach);
    add_string(t, "}\n");
    close_parts(all);
    return good;
}

/* ---- attachments alone ---- */

bool render_attachments(const struct render_message *m, const struct render_attach *attach, bool *failed)
{
    struct parts *all = calloc(1, sizeof *all);
    bool good = true;
    *failed = all == NULL || !open_parts(all, m->octets);
    for (size_t i = 0; !*failed && good && i < all->n; i++) {
        struct render_text none = {NULL, 0, 0, false};
        if (is_attachment(all, i))
            good = add_attachment(all, &none, i, m->n, attach);
        *failed = none.failed;
        free(none.p);
    }
    close_parts(all);
    return good;
}

/* ---- text ---- */

/* Octets for people: what cannot be shown as \xHH, but for the end of a line and the tab. */
static void put_shown(void *context, const char *p, size_t n)
{
    struct render_text *t = context;
    struct span rest = {p, n};
    const char *start = p;
    if (n == 0)
        return;
    while (rest.n > 0) {
        bool visible;
        size_t length = visible_take(rest, &visible);
        if (!visible && *rest.p != '\n' && *rest.p != '\t') {
            add(t, start, (size_t)(rest.p - start));
            for (size_t i = 0; i < length; i++) {
                char text[8];
                (void)snprintf(text, sizeof text, "\\x%02x", (unsigned)(unsigned char)rest.p[i]);
                add_string(t, text);
            }
            start = rest.p + length;
        }
        span_skip(&rest, length);
    }
    add(t, start, (size_t)(rest.p - start));
}

/* The same within a line, which nothing in it may end. */
static void put_line(void *context, const char *p, size_t n)
{
    size_t from = 0;
    if (n == 0)
        return;
    for (size_t i = 0; i < n; i++) {
        if (p[i] != '\n' && p[i] != '\t')
            continue;
        put_shown(context, p + from, i - from);
        add_string(context, p[i] == '\n' ? "\\x0a" : "\\x09");
        from = i + 1;
    }
    put_shown(context, p + from, n - from);
}

static struct mime_sink into_line(struct render_text *t) { return (struct mime_sink){put_line, t}; }

/* A name in front of its address, in quotes where it would not be one name without them.  False if there is none. */
static bool add_text_name(struct parts *all, struct render_text *t, struct span written)
{
    struct render_text name = {NULL, 0, 0, false};
    bool quotes = false;
    if (written.p != NULL)
        mime_name(&all->mime, written, into(&name));
    for (size_t i = 0; i < name.n; i++)
        quotes = quotes || (name.p[i] != '\0' && strchr(",;:<>@()\"\\", name.p[i]) != NULL);
    add_string(t, quotes ? "\"" : "");
    size_t from = 0;
    for (size_t i = 0; i < name.n; i++) {
        if (name.p[i] != '"' && name.p[i] != '\\')
            continue;
        put_line(t, name.p + from, i - from);
        add_string(t, "\\");
        from = i;
    }
    if (name.n > 0)
        put_line(t, name.p + from, name.n - from);
    add_string(t, quotes ? "\"" : "");
    t->failed = t->failed || name.failed;
    bool there = name.n > 0;
    free(name.p);
    return there;
}

static void add_text_addresses(struct parts *all, struct render_text *t, const char *label, const char *name)
{
    struct span header = all->p[0].p.header;
    struct mime_field field;
    struct mime_address a;
    uint64_t n = 0;
    while (mime_take_field(&all->mime, &header, &field)) {
        while (span_is(field.name, name) && mime_take_address(&all->mime, &field.value, &a)) {
            add_string(t, n++ > 0 ? ", " : label);
            bool named = add_text_name(all, t, a.name);
            add_string(t, named ? " <" : "");
            mime_addr_spec(&all->mime, a.address, into_line(t));
            add_string(t, named ? ">" : "");
        }
    }
    add_string(t, n > 0 ? "\n" : "");
}

static void add_text_envelope(struct render_text *t, const struct render_message *m)
{
    add_string(t, "Envelope-From: <");
    put_line(t, m->sender.p, m->sender.n);
    add_string(t, ">\nEnvelope-To: ");
    const char *p = m->recipients;
    for (uint64_t i = 0; i < m->n_recipients; i++, p += strlen(p) + 1) {
        add_string(t, i > 0 ? ", <" : "<");
        put_line(t, p, strlen(p));
        add_string(t, ">");
    }
    add_string(t, "\n");
}

/* Counts what it is given. */
static void put_counted(void *context, const char *p, size_t n)
{
    (void)p;
    *(uint64_t *)context += n;
}

static void add_text_attachment(struct parts *all, struct render_text *t, size_t i)
{
    uint64_t size = 0;
    struct render_text name = {NULL, 0, 0, false};
    mime_octets(&all->mime, &all->p[i].p, (struct mime_sink){put_counted, &size});
    add_string(t, "Attachment: ");
    add_type(t, &all->p[i].p, put_line);
    add_string(t, ", ");
    add_number(t, size);
    add_string(t, " octets");
    if (mime_filename(&all->mime, &all->p[i].p, into(&name))) {
        add_string(t, ", ");
        put_line(t, name.p, name.n);
    }
    add_string(t, "\n");
    t->failed = t->failed || name.failed;
    free(name.p);
}

static void add_text_body(struct parts *all, struct render_text *t)
{
    ptrdiff_t body = all->text != NONE ? all->text : all->html;
    size_t start = t->n;
    if (body != NONE)
        mime_body_text(&all->mime, &all->p[body].p, (struct mime_sink){put_shown, t});
    if (t->n > start && last(t) != '\n')
        add_string(t, "\n");
}

void render_text(struct render_text *t, const struct render_message *m)
{
    struct mime_field field;
    struct parts *all = calloc(1, sizeof *all);
    if (all == NULL || !open_parts(all, m->octets)) {
        t->failed = true;
    } else {
        add_text_envelope(t, m);
        add_text_addresses(all, t, "From: ", "from");
        add_text_addresses(all, t, "To: ", "to");
        add_text_addresses(all, t, "Cc: ", "cc");
        add_text_addresses(all, t, "Reply-To: ", "reply-to");
        if (mime_find_field(&all->mime, all->p[0].p.header, "subject", &field)) {
            add_string(t, "Subject: ");
            mime_text(&all->mime, field.value, into_line(t));
            add_string(t, "\n");
        }
        add_string(t, "\n");
        add_text_body(all, t);
        bool first = true;
        for (size_t i = 0; i < all->n; i++) {
            if (!is_attachment(all, i))
                continue;
            add_string(t, first ? "\n" : "");
            add_text_attachment(all, t, i);
            first = false;
        }
        add_string(t, "\n");
    }
    close_parts(all);
}
