/*
 * render.c - a message as JSON and as text: what was asked for is written into
 * one growing text, decoded on the way; of attachments only the digest is kept.
 */
#include "mail/inside.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* ---- sinks ---- */

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
    if (!mime_find_field(m, m->parts->header, name, &field)) {
        text_add_string(t, "null");
        return;
    }
    text_add_string(t, "\"");
    mime_text(m, field.value, into_json(t));
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
        mime_name(m, a->name, into_json(t));
        text_add_string(t, "\"");
    }
    add_key(t, "address");
    text_add_string(t, "\"");
    mime_addr_spec(m, a->address, into_json(t));
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
    while (mime_take_field(m, &header, &field)) {
        while (span_is(field.name, name) && mime_take_address(m, &field.value, &address))
            add_address(m, t, &address);
    }
    text_add_string(t, "]");
}

static void add_date(struct message *m, struct text *t)
{
    struct field field;
    char text[32];
    bool found = mime_find_field(m, m->parts->header, "date", &field) && mime_date(m, field.value, text);
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
    for (size_t i = 0; i < name.n; i++) {
        char c = ascii_lower(name.p[i]);
        put_json(t, &c, 1);
    }
    text_add_string(t, "\":[");
}

static void add_entries(struct message *m, struct text *t, const struct entry *e, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        bool first = i == 0 || e[i].leader != e[i - 1].leader, last = i + 1 == n || e[i].leader != e[i + 1].leader;
        if (first)
            add_name(t, e[i].field.name);
        text_add_string(t, first ? "\"" : ",\"");
        mime_text(m, e[i].field.value, into_json(t));
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
    while (mime_take_field(m, &header, &field)) {
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

/* Lower-case: types are the same in any case; RFC 2045 5.1 */
static void add_type(struct text *t, const struct part *p, void (*put)(void *, const char *, size_t))
{
    const struct span words[] = {p->type, {"/", 1}, p->subtype};
    for (size_t k = 0; k < 3; k++) {
        for (size_t i = 0; i < words[k].n; i++) {
            char c = ascii_lower(words[k].p[i]);
            put(t, &c, 1);
        }
    }
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
    for (size_t i = 0; i < p->handling.n; i++) {
        char c = ascii_lower(p->handling.p[i]);
        put_json(t, &c, 1);
    }
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
    add_type(t, p, put_json);
    text_add_string(t, "\"");
    add_disposition(t, p);
    add_key(t, "cid");
    if (p->id.p == NULL) {
        text_add_string(t, "null");
    } else {
        text_add_string(t, "\"");
        mime_text(m, p->id, into_json(t));
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

/* ---- text ---- */

/* Octets for people: what cannot be shown as \xHH, but for the end of a line and the tab. */
static void put_shown(void *context, const char *p, size_t n)
{
    struct text *t = context;
    struct span rest = {p, n};
    const char *start = p;
    if (n == 0)
        return;
    while (rest.n > 0) {
        bool visible;
        size_t length = visible_take(rest, &visible);
        if (!visible && *rest.p != '\n' && *rest.p != '\t') {
            text_add(t, start, (size_t)(rest.p - start));
            for (size_t i = 0; i < length; i++) {
                char text[8];
                (void)snprintf(text, sizeof text, "\\x%02x", (unsigned)(unsigned char)rest.p[i]);
                text_add_string(t, text);
            }
            start = rest.p + length;
        }
        span_skip(&rest, length);
    }
    text_add(t, start, (size_t)(rest.p - start));
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
        text_add_string(context, p[i] == '\n' ? "\\x0a" : "\\x09");
        from = i + 1;
    }
    put_shown(context, p + from, n - from);
}

static struct sink into_line(struct text *t) { return (struct sink){put_line, t}; }

/* A name in front of its address, in quotes where it would not be one name without them.  False if there is none. */
static bool add_text_name(struct message *m, struct text *t, struct span written)
{
    struct text name = {NULL, 0, 0, false};
    bool quotes = false;
    if (written.p != NULL)
        mime_name(m, written, message_into(&name));
    for (size_t i = 0; i < name.n; i++)
        quotes = quotes || (name.p[i] != '\0' && strchr(",;:<>@()\"\\", name.p[i]) != NULL);
    text_add_string(t, quotes ? "\"" : "");
    size_t from = 0;
    for (size_t i = 0; i < name.n; i++) {
        if (name.p[i] != '"' && name.p[i] != '\\')
            continue;
        put_line(t, name.p + from, i - from);
        text_add_string(t, "\\");
        from = i;
    }
    if (name.n > 0)
        put_line(t, name.p + from, name.n - from);
    text_add_string(t, quotes ? "\"" : "");
    t->failed = t->failed || name.failed;
    bool there = name.n > 0;
    free(name.p);
    return there;
}

static void add_text_addresses(struct message *m, struct text *t, const char *label, const char *name)
{
    struct span header = m->parts->header;
    struct field field;
    struct address a;
    uint64_t n = 0;
    while (mime_take_field(m, &header, &field)) {
        while (span_is(field.name, name) && mime_take_address(m, &field.value, &a)) {
            text_add_string(t, n++ > 0 ? ", " : label);
            bool named = add_text_name(m, t, a.name);
            text_add_string(t, named ? " <" : "");
            mime_addr_spec(m, a.address, into_line(t));
            text_add_string(t, named ? ">" : "");
        }
    }
    text_add_string(t, n > 0 ? "\n" : "");
}

static void add_text_envelope(struct text *t, const struct mail *mail)
{
    text_add_string(t, "Envelope-From: <");
    put_line(t, mail->sender.p, mail->sender.n);
    text_add_string(t, ">\nEnvelope-To: ");
    for (size_t i = 0; i < mail->n_recipients; i++) {
        text_add_string(t, i > 0 ? ", <" : "<");
        put_line(t, mail->recipients[i].address.p, mail->recipients[i].address.n);
        text_add_string(t, ">");
    }
    text_add_string(t, "\n");
}

/* Counts what it is given. */
static void put_counted(void *context, const char *p, size_t n)
{
    (void)p;
    *(uint64_t *)context += n;
}

static void add_text_attachment(struct message *m, struct text *t, const struct part *p)
{
    uint64_t size = 0;
    struct text name = {NULL, 0, 0, false};
    message_octets(m, p, (struct sink){put_counted, &size});
    text_add_string(t, "Attachment: ");
    add_type(t, p, put_line);
    text_add_string(t, ", ");
    text_add_number(t, size);
    text_add_string(t, " octets");
    if (message_filename(m, p, message_into(&name))) {
        text_add_string(t, ", ");
        put_line(t, name.p, name.n);
    }
    text_add_string(t, "\n");
    t->failed = t->failed || name.failed;
    free(name.p);
}

static void add_text_body(struct message *m, struct text *t)
{
    const struct part *body = m->text != NULL ? m->text : m->html;
    size_t start = t->n;
    if (body != NULL)
        message_body_text(m, body, (struct sink){put_shown, t});
    if (t->n > start && last(t) != '\n')
        text_add_string(t, "\n");
}

void render_text(struct text *t, const struct mail *mail, struct message *m)
{
    struct field field;
    add_text_envelope(t, mail);
    add_text_addresses(m, t, "From: ", "from");
    add_text_addresses(m, t, "To: ", "to");
    add_text_addresses(m, t, "Cc: ", "cc");
    add_text_addresses(m, t, "Reply-To: ", "reply-to");
    if (mime_find_field(m, m->parts->header, "subject", &field)) {
        text_add_string(t, "Subject: ");
        mime_text(m, field.value, into_line(t));
        text_add_string(t, "\n");
    }
    text_add_string(t, "\n");
    add_text_body(m, t);
    bool first = true;
    for (struct part *p = NULL; (p = message_next_attachment(m, p)) != NULL;) {
        text_add_string(t, first ? "\n" : "");
        add_text_attachment(m, t, p);
        first = false;
    }
    text_add_string(t, "\n");
}
