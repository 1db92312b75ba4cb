/*
 * json.c - a message as JSON, for jq, decoded on the way; of attachments only the
 * digest is kept.
 */
#include "mail/inside.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static char last(const struct text *t) { return t->n > 0 ? t->p[t->n - 1] : '\0'; }

/* ---- strings of JSON: RFC 8259 7 ---- */

/* One character as an escape of four hexadecimal digits, or as two of them beyond U+FFFF. */
static void add_escaped(struct text *t, struct span character)
{
    uint32_t c = utf8_code_point(character);
    char text[16];
    if (c > 0xffff)
        (void)snprintf(text, sizeof text, "\\u%04x\\u%04x", (unsigned)(0xd800 + ((c - 0x10000) >> 10)),
                       (unsigned)(0xdc00 + ((c - 0x10000) & 0x3ff)));
    else
        (void)snprintf(text, sizeof text, "\\u%04x", (unsigned)c);
    text_add_string(t, text);
}

/* What JSON, or a terminal, would not take as it is. */
static void add_special(struct text *t, struct span character)
{
    static const char special[] = "\"\\\b\f\n\r\t", letters[] = "\"\\bfnrt";
    const char *found = character.n == 1 && *character.p != '\0' ? strchr(special, *character.p) : NULL;
    if (found != NULL) {
        const char escape[2] = {'\\', letters[found - special]};
        text_add(t, escape, sizeof escape);
    } else if (utf8_length(character) == 0) {
        text_add_string(t, "\xef\xbf\xbd"); /* U+FFFD */
    } else {
        add_escaped(t, character);
    }
}

/* Octets within a string: those that need nothing go in one piece. */
static void put_json(void *context, const char *p, size_t n)
{
    struct text *t = context;
    struct span rest = {p, n};
    const char *start = p;
    while (rest.n > 0) {
        bool visible;
        size_t length = visible_take(rest, &visible);
        if (visible && *rest.p != '"' && *rest.p != '\\') {
            span_skip(&rest, length);
            continue;
        }
        text_add(t, start, (size_t)(rest.p - start));
        add_special(t, (struct span){rest.p, length});
        span_skip(&rest, length);
        start = rest.p;
    }
    text_add(t, start, (size_t)(rest.p - start));
}

static struct sink into_json(struct text *t) { return (struct sink){put_json, t}; }

/* Names and types are the same in any case. */
static void put_lower(struct text *t, struct span s)
{
    for (; s.n > 0; span_skip(&s, 1)) {
        char c = ascii_lower(*s.p);
        put_json(t, &c, 1);
    }
}

static void add_json(struct text *t, struct span s)
{
    if (s.p == NULL) {
        text_add_string(t, "null");
        return;
    }
    text_add_string(t, "\"");
    put_json(t, s.p, s.n);
    text_add_string(t, "\"");
}

/* The same, and null for "". */
static void add_json_or_null(struct text *t, struct span s) { add_json(t, s.n > 0 ? s : (struct span){NULL, 0}); }

/* ,"name": */
static void add_key(struct text *t, const char *name)
{
    text_add_string(t, last(t) == '{' || last(t) == '[' ? "\"" : ",\"");
    text_add_string(t, name);
    text_add_string(t, "\":");
}

/* ---- header fields as JSON ---- */

static void add_text_field(struct message *m, struct text *t, const char *key, const char *name)
{
    struct field field;
    add_key(t, key);
    if (!header_find_field(m, m->parts->header, name, &field)) {
        text_add_string(t, "null");
        return;
    }
    text_add_string(t, "\"");
    words_text(m, field.value, into_json(t));
    text_add_string(t, "\"");
}

static void add_address(struct message *m, struct text *t, const struct address *a)
{
    text_add_string(t, last(t) == '[' ? "{" : ",{");
    add_key(t, "name");
    if (a->name.p == NULL) {
        text_add_string(t, "null");
    } else {
        text_add_string(t, "\"");
        address_name(m, a->name, into_json(t));
        text_add_string(t, "\"");
    }
    add_key(t, "address");
    text_add_string(t, "\"");
    address_spec(m, a->address, into_json(t));
    text_add_string(t, "\"}");
}

/* The addresses of all fields of this name. */
static void add_addresses(struct message *m, struct text *t, const char *key, const char *name)
{
    struct span header = m->parts->header;
    struct field field;
    struct address address;
    add_key(t, key);
    text_add_string(t, "[");
    while (header_take_field(m, &header, &field)) {
        while (span_is(field.name, name) && address_take(m, &field.value, &address))
            add_address(m, t, &address);
    }
    text_add_string(t, "]");
}

static void add_date(struct message *m, struct text *t)
{
    struct field field;
    char text[32];
    bool found = header_find_field(m, m->parts->header, "date", &field) && date_text(m, field.value, text);
    add_key(t, "date");
    add_json(t, span_of(found ? text : NULL));
}

struct entry {
    struct field field;
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

static void add_name(struct text *t, struct span name)
{
    text_add_string(t, last(t) == '{' ? "\"" : ",\"");
    put_lower(t, name);
    text_add_string(t, "\":[");
}

static void add_entries(struct message *m, struct text *t, const struct entry *e, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        bool first = i == 0 || e[i].leader != e[i - 1].leader, last = i + 1 == n || e[i].leader != e[i + 1].leader;
        if (first)
            add_name(t, e[i].field.name);
        text_add_string(t, first ? "\"" : ",\"");
        words_text(m, e[i].field.value, into_json(t));
        text_add_string(t, last ? "\"]" : "\"");
    }
}

static void add_headers(struct message *m, struct text *t)
{
    struct entry *e = NULL;
    size_t n = 0, size = 0;
    struct span header = m->parts->header;
    struct field field;
    add_key(t, "headers");
    text_add_string(t, "{");
    while (header_take_field(m, &header, &field)) {
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
        add_entries(m, t, e, n);
    }
    free(e);
    text_add_string(t, "}");
}

/* ---- the body as JSON ---- */

static void add_body(struct message *m, struct text *t, const char *key, const struct part *body)
{
    add_key(t, key);
    if (body == NULL) {
        text_add_string(t, "null");
        return;
    }
    text_add_string(t, "\"");
    message_body_text(m, body, into_json(t));
    text_add_string(t, "\"");
}

/* Feeds a digest. */
static void put_digest(void *context, const char *p, size_t n) { sha256_add(context, p, n); }

static void add_digest(struct message *m, struct text *t, const struct part *p)
{
    struct sha256 sha;
    unsigned char digest[SHA256_SIZE];
    char hex[SHA256_SIZE * 2 + 1];
    sha256_begin(&sha);
    message_octets(m, p, (struct sink){put_digest, &sha});
    add_key(t, "size");
    text_add_number(t, sha.n);
    sha256_end(&sha, digest);
    for (size_t i = 0; i < SHA256_SIZE; i++)
        (void)snprintf(hex + 2 * i, 3, "%02x", digest[i]);
    add_key(t, "sha256");
    add_json(t, span_of(hex));
}

static void add_disposition(struct text *t, const struct part *p)
{
    add_key(t, "disposition");
    if (p->handling.n == 0) {
        text_add_string(t, "null");
        return;
    }
    text_add_string(t, "\"");
    put_lower(t, p->handling);
    text_add_string(t, "\"");
}

static void add_attachment(struct message *m, struct text *t, const struct part *p)
{
    struct text name = {NULL, 0, 0, false};
    bool named = message_filename(m, p, message_into(&name));
    text_add_string(t, last(t) == '[' ? "{" : ",{");
    add_key(t, "filename");
    add_json(t, named ? (struct span){name.p != NULL ? name.p : "", name.n} : (struct span){NULL, 0});
    add_key(t, "type");
    text_add_string(t, "\"");
    put_lower(t, p->type);
    text_add_string(t, "/");
    put_lower(t, p->subtype);
    text_add_string(t, "\"");
    add_disposition(t, p);
    add_key(t, "cid");
    if (p->id.p == NULL) {
        text_add_string(t, "null");
    } else {
        text_add_string(t, "\"");
        words_text(m, p->id, into_json(t));
        text_add_string(t, "\"");
    }
    add_digest(m, t, p);
    if (p->path != NULL) {
        add_key(t, "path");
        add_json(t, span_of(p->path));
    }
    text_add_string(t, "}");
    t->failed = t->failed || name.failed;
    free(name.p);
}

static void add_attachments(struct message *m, struct text *t)
{
    add_key(t, "attachments");
    text_add_string(t, "[");
    for (struct part *p = NULL; (p = message_next_attachment(m, p)) != NULL;)
        add_attachment(m, t, p);
    text_add_string(t, "]");
}

static void add_problems(struct text *t, const struct mail *mail)
{
    add_key(t, "problems");
    text_add_string(t, "[");
    for (int i = 0; i < PROBLEMS; i++) {
        char text[PROBLEM_TEXT_MAX];
        if (!problems_have(&mail->problems, (enum problem)i))
            continue;
        if (last(t) != '[')
            text_add_string(t, ",");
        add_json(t, (struct span){text, problem_text((enum problem)i, text)});
    }
    text_add_string(t, "]");
}

/* ---- what is known of it, as JSON ---- */

static void add_time(struct text *t, int64_t milliseconds)
{
    char text[64];
    time_t seconds = (time_t)(milliseconds / 1000);
    struct tm utc;
    add_key(t, "time");
    if (gmtime_r(&seconds, &utc) == NULL) {
        text_add_string(t, "null");
        return;
    }
    size_t n = strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &utc);
    (void)snprintf(text + n, sizeof text - n, ".%03dZ", (int)(milliseconds % 1000));
    add_json(t, span_of(text));
}

static void add_client(struct text *t, const struct mail *mail)
{
    add_key(t, "client");
    text_add_string(t, "{");
    add_key(t, "address");
    add_json_or_null(t, span_of(mail->address));
    add_key(t, "port");
    if (mail->port > 0)
        text_add_number(t, mail->port);
    else
        text_add_string(t, "null");
    add_key(t, "helo");
    add_json(t, mail->helo);
    add_key(t, "protocol");
    add_json(t, span_of(mail->protocol));
    add_key(t, "auth");
    add_json(t, mail->user);
    add_key(t, "tls");
    add_json(t, span_of(mail->tls));
    text_add_string(t, "}");
}

/* xtext; RFC 3461 4.  What is there has been looked at when it was said. */
static void add_xtext(struct text *t, struct span s)
{
    struct text decoded = {NULL, 0, 0, false};
    if (s.p == NULL) {
        text_add_string(t, "null");
        return;
    }
    for (; s.n > 0; span_skip(&s, 1)) {
        char c = *s.p;
        if (c == '+' && s.n >= 3) {
            c = (char)(ascii_hex_value(s.p[1]) << 4 | ascii_hex_value(s.p[2]));
            span_skip(&s, 2);
        }
        text_add(&decoded, &c, 1);
    }
    add_json(t, (struct span){decoded.p != NULL ? decoded.p : "", decoded.n});
    t->failed = t->failed || decoded.failed;
    free(decoded.p);
}

/* "SIZE=10 SMTPUTF8" as {"SIZE":"10","SMTPUTF8":null} */
static void add_params(struct text *t, struct span s)
{
    text_add_string(t, "{");
    while (span_skip_spaces(&s), s.n > 0) {
        const char *space = memchr(s.p, ' ', s.n), *end = space != NULL ? space : s.p + s.n;
        const char *equals = memchr(s.p, '=', (size_t)(end - s.p));
        struct span keyword = span_between(s.p, equals != NULL ? equals : end);
        text_add_string(t, last(t) == '{' ? "\"" : ",\"");
        for (size_t i = 0; i < keyword.n; i++) {
            char c = ascii_is_letter(keyword.p[i]) ? (char)(keyword.p[i] & ~0x20) : keyword.p[i];
            put_json(t, &c, 1);
        }
        text_add_string(t, "\":");
        struct span value = equals != NULL ? span_between(equals + 1, end) : (struct span){NULL, 0};
        if (span_is(keyword, "ENVID") || span_is(keyword, "ORCPT") || span_is(keyword, "AUTH"))
            add_xtext(t, value);
        else
            add_json(t, value);
        s = span_between(end, s.p + s.n);
    }
    text_add_string(t, "}");
}

static void add_envelope(struct text *t, const struct mail *mail)
{
    add_key(t, "envelope");
    text_add_string(t, "{");
    add_key(t, "from");
    add_json(t, (struct span){mail->sender.p != NULL ? mail->sender.p : "", mail->sender.n});
    add_key(t, "to");
    text_add_string(t, "[");
    for (size_t i = 0; i < mail->n_recipients; i++) {
        text_add_string(t, i > 0 ? "," : "");
        add_json(t, mail->recipients[i].address);
    }
    text_add_string(t, "]");
    add_key(t, "params");
    add_params(t, mail->sender_params);
    add_key(t, "to_params");
    text_add_string(t, "[");
    for (size_t i = 0; i < mail->n_recipients; i++) {
        text_add_string(t, i > 0 ? "," : "");
        add_params(t, mail->recipients[i].params);
    }
    text_add_string(t, "]}");
}

static void add_message(struct message *m, struct text *t, struct mail *mail)
{
    add_text_field(m, t, "subject", "subject");
    add_addresses(m, t, "from", "from");
    add_addresses(m, t, "to", "to");
    add_addresses(m, t, "cc", "cc");
    add_addresses(m, t, "bcc", "bcc");
    add_addresses(m, t, "reply_to", "reply-to");
    add_date(m, t);
    add_text_field(m, t, "message_id", "message-id");
    add_headers(m, t);
    add_body(m, t, "text", m->text);
    add_body(m, t, "html", m->html);
    add_attachments(m, t);
    lint_decoded(m, mail);
    add_problems(t, mail);
}

void render_json(struct text *t, struct mail *mail, struct message *m)
{
    text_add_string(t, "{");
    add_key(t, "n");
    text_add_number(t, mail->n);
    add_time(t, mail->time);
    add_key(t, "size");
    text_add_number(t, mail->size);
    add_key(t, "file");
    add_json(t, span_of(mail->file));
    add_key(t, "matched");
    text_add_string(t, mail->failed != NULL ? "false" : "true");
    add_client(t, mail);
    add_envelope(t, mail);
    add_message(m, t, mail);
    text_add_string(t, "}\n");
}
