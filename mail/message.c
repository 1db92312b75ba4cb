/* SPDX-License-Identifier: ISC */
/*
 * message.c - the text, the HTML and the attachments of a message.
 *
 * As in mail programs (RFC 2046 5.1.3, RFC 2387), the text and the HTML are the
 * first parts of their types that are not in an attachment or in another
 * message; of a multipart/related only the root counts.  A part comes after the
 * one that holds it, so a loop is enough, or one that runs backwards.  They run
 * when all parts are known, as a Content-ID may name the root.
 */
#include "mail/inside.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    PIECE = 64 * 1024,       /* octets that are read between two looks at whether to stop */
    FORGOTTEN = 1024 * 1024, /* octets that are forgotten at once, at least */
};

/* ---- opening ---- */

static bool is_body(const struct part *p)
{
    return p->kind == PART_LEAF && span_is(p->type, "text") &&
           (span_is(p->subtype, "plain") || span_is(p->subtype, "html"));
}

/* The root of a multipart/related is the part that start names by its Content-ID, else the first one of the type that
   type names, else the first one (RFC 2387 3.1, 3.2).  Parts that a reader cannot be shown are passed over, as programs
   put images first.  They also put a text and its HTML side by side: then there is no root. */
static void find_root(struct message *m, size_t place)
{
    struct part *related = &m->parts[place];
    struct text start = {NULL, 0, 0, false}, type = {NULL, 0, 0, false};
    (void)param_decode(m, related->content_type, "start", message_into(&start));
    (void)param_decode(m, related->content_type, "type", message_into(&type));
    m->failed = m->failed || start.failed || type.failed;
    struct span id = header_strip_brackets(text_span(&start)), t = header_or_empty(text_span(&type)), kind, subtype;
    bool typed = header_take_type(&t, &kind, &subtype), named = false;
    size_t first = 0, of_type = 0;
    for (size_t i = place + 1; i < m->n && m->parts[i].depth > related->depth && !named; i++) {
        const struct part *p = &m->parts[i];
        if (p->parent != place || !p->readable)
            continue;
        named = p->id.n > 0 && p->id.n == id.n && memcmp(p->id.p, id.p, id.n) == 0;
        if (first == 0 || named)
            first = i;
        if (typed && of_type == 0 && span_same(p->type, kind) && span_same(p->subtype, subtype))
            of_type = i;
    }
    related->root = of_type > 0 && !named ? of_type : first;
    if (is_body(&m->parts[related->root]) && related->root > place + 1 && !named)
        related->root = 0;
    free(start.p);
    free(type.p);
}

/* Finds the parts that a reader can be shown, and those that hold one; these come before. */
static void find_readable(struct message *m)
{
    for (size_t i = m->n; i-- > 0;) {
        struct part *p = &m->parts[i], *parent = &m->parts[p->parent];
        p->readable = (p->readable || is_body(p)) && !span_is(p->handling, "attachment");
        parent->readable = parent->readable || (p->readable && parent->kind == PART_MULTIPART);
    }
}

static void find_bodies(struct message *m)
{
    find_readable(m);
    for (size_t i = 0; i < m->n; i++) {
        struct part *p = &m->parts[i];
        const struct part *parent = &m->parts[p->parent];
        bool root = parent->root == 0 || parent->root == i;
        if (p->kind == PART_MULTIPART && span_is(p->subtype, "related"))
            find_root(m, i);
        p->inner = i > 0 && (parent->inner || parent->kind == PART_MESSAGE);
        p->shown = !span_is(p->handling, "attachment") &&
                   (i == 0 || (parent->shown && parent->kind == PART_MULTIPART && root));
        bool body = p->shown && is_body(p);
        if (body && m->text == NULL && span_is(p->subtype, "plain"))
            m->text = p;
        if (body && m->html == NULL && span_is(p->subtype, "html"))
            m->html = p;
    }
}

/* Makes a part of each uuencoded file in the text.  These parts come after all others. */
static void find_uuencoded(struct message *m)
{
    size_t text = (size_t)(m->text - m->parts), html = m->html != NULL ? (size_t)(m->html - m->parts) : 0;
    bool has_html = m->html != NULL;
    struct span rest = m->text->body, file;
    while (uuencode_find(&rest, &file)) {
        message_note(m, PROBLEM_UUENCODE);
        if (!mime_make_room(m))
            break;
        m->parts[m->n++] = (struct part){
            .depth = m->parts[text].depth + 1,
            .parent = text,
            .header = {file.p, 0},
            .body = file,
            .type = span_of("application"),
            .subtype = span_of("octet-stream"),
            .encoding = span_of("x-uuencode"),
        };
    }
    m->text = &m->parts[text];
    m->html = has_html ? &m->parts[html] : NULL;
}

struct message *message_open(struct span octets)
{
    struct message *m = malloc(sizeof *m);
    if (m == NULL)
        return NULL;
    *m = (struct message){.octets = header_or_empty(octets)};
    mime_read(m);
    if (!m->failed)
        find_bodies(m);
    if (m->text != NULL && decode_is_identity(m->text->encoding))
        find_uuencoded(m);
    if (!m->failed)
        return m;
    message_close(m);
    return NULL;
}

void message_close(struct message *m)
{
    if (m != NULL)
        free(m->parts);
    if (m != NULL)
        free(m->fields);
    free(m);
}

void message_stop_on(struct message *m, const atomic_bool *stop) { m->stop = stop; }

void message_forget_by(struct message *m, struct sink forget) { m->forget = forget; }

bool message_failed(const struct message *m) { return m->failed; }

bool message_field(struct span octets, const char *name, struct sink to)
{
    struct message m = {.octets = header_or_empty(octets)};
    struct span header = mime_header(&m);
    struct field field;
    bool found = false;
    while (!found && header_take_field(&m, &header, &field))
        found = span_is(field.name, name);
    if (found)
        words_text(&m, field.value, to);
    return found;
}

/* ---- attachments ---- */

bool message_is_attachment(const struct message *m, const struct part *p)
{
    return p->kind != PART_MULTIPART && p != m->text && p != m->html && !p->inner;
}

struct part *message_next_attachment(const struct message *m, const struct part *after)
{
    for (size_t i = after != NULL ? (size_t)(after - m->parts) + 1 : 0; i < m->n; i++) {
        if (message_is_attachment(m, &m->parts[i]))
            return &m->parts[i];
    }
    return NULL;
}

bool message_filename(struct message *m, const struct part *part, struct sink to)
{
    struct span body = part->body, name;
    if (param_decode(m, part->disposition, "filename", to) || param_decode(m, part->content_type, "name", to))
        return true;
    if (part->kind != PART_LEAF || !uuencode_is(part->encoding) || !uuencode_take_begin(&body, &name))
        return false;
    struct charset c;
    charset_open(&c, m, (struct span){NULL, 0}, to);
    charset_put(&c, name.p, name.n);
    charset_close(&c);
    return true;
}

/* Suffixes that differ from the name of the type; x- is left out. */
static const struct {
    const char *type, *subtype, *suffix;
} suffixes[] = {
    {"text", "plain", "txt"},
    {"text", "calendar", "ics"},
    {"text", "vcalendar", "vcs"},
    {"text", "vcard", "vcf"},
    {"text", "markdown", "md"},
    {"message", "rfc822", "eml"},
    {"message", "global", "eml"},
    {"message", "partial", "eml"},
    {"message", "external-body", "eml"},
    {"message", "news", "eml"},
    {"image", "jpeg", "jpg"},
    {"image", "pjpeg", "jpg"},
    {"image", "svg+xml", "svg"},
    {"image", "icon", "ico"},
    {"image", "vnd.microsoft.icon", "ico"},
    {"image", "ms-bmp", "bmp"},
    {"image", "vnd.adobe.photoshop", "psd"},
    {"audio", "mpeg", "mp3"},
    {"application", "gzip", "gz"},
    {"application", "zip-compressed", "zip"},
    {"application", "msword", "doc"},
    {"application", "pgp-signature", "asc"},
    {"application", "pkcs7-signature", "p7s"},
    {"application", "pkcs7-mime", "p7m"},
};

struct span message_suffix(const struct part *part)
{
    struct span subtype = part->subtype;
    (void)span_takes(&subtype, "x-");
    for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++) {
        if (span_is(part->type, suffixes[i].type) && span_is(subtype, suffixes[i].subtype))
            return span_of(suffixes[i].suffix);
    }
    bool message = span_is(part->type, "message");
    if (!message && subtype.n > 0 && subtype.n <= 5)
        return subtype;
    return span_of(message || span_is(part->type, "text") ? "txt" : "bin");
}

enum { FILE_NAME_SHOWN = 80 /* octets of a client's name for a file */ };

/* Writes a client's name without directories and odd characters.  A long name loses its front, as its end shows the
   type. */
static size_t clean(char *out, struct span name)
{
    size_t n = 0, start = name.n > 0 ? name.n - 1 : 0, most = FILE_NAME_SHOWN;
    while (start > 0 && name.p[start - 1] != '/' && name.p[start - 1] != '\\')
        start--;
    span_skip(&name, start);
    span_skip(&name, name.n > most ? name.n - most : 0);
    for (; name.n > 0; span_skip(&name, 1)) {
        char c = *name.p;
        bool good = ascii_is_letter(c) || ascii_is_digit(c) || c == '.' || c == '-' || c == '_';
        if (good || n == 0 || out[n - 1] != '_')
            out[n++] = (char)(good ? c : '_');
    }
    return n;
}

/* Writes "part." and a suffix, for an attachment without a name. */
static size_t make_name(char *out, struct span suffix)
{
    size_t n = 5;
    memcpy(out, "part.", n);
    n += clean(out + n, suffix);
    for (size_t i = 5; i < n; i++)
        out[i] = ascii_lower(out[i]);
    return n;
}

bool message_file_name(struct message *m, const struct part *part, uint64_t n, char file[MESSAGE_FILE_NAME_MAX])
{
    char cleaned[FILE_NAME_SHOWN + 8];
    struct text name = {NULL, 0, 0, false};
    (void)message_filename(m, part, message_into(&name));
    size_t length = name.n > 0 ? clean(cleaned, text_span(&name)) : make_name(cleaned, message_suffix(part));
    (void)snprintf(file, MESSAGE_FILE_NAME_MAX, "%04ju-%.*s", (uintmax_t)n, (int)length, cleaned);
    free(name.p);
    return !name.failed;
}

void message_set_path(struct part *part, const char *path) { part->path = path; }

/* ---- bodies ---- */

static void put_octets(struct message *m, struct span t, struct sink to)
{
    while (t.n > 0 && !message_stopped(m)) {
        struct span piece = header_take(&t, t.n < PIECE ? t.n : PIECE);
        sink_put(to, piece.p, piece.n);
    }
}

/* Whether a part is a uuencoded file in a text. */
static bool is_in_text(const struct message *m, const struct part *p)
{
    return p > m->parts && m->parts[p->parent].kind == PART_LEAF;
}

/* The octets of a part on their way out. */
struct counted {
    struct message *m;
    struct sink to;
    struct span body;
    uint64_t n;       /* octets so far */
    size_t forgotten; /* octets of the body */
};

/* At least as many octets of the body have been decoded as have come out. */
static void put_counted(void *context, const char *octets, size_t n)
{
    struct counted *c = context;
    struct sink forget = c->m->forget;
    c->n += n;
    sink_put(c->to, octets, n);
    size_t decoded = c->n < c->body.n ? (size_t)c->n : c->body.n;
    if (forget.put == NULL || decoded - c->forgotten < FORGOTTEN)
        return;
    forget.put(forget.context, c->body.p + c->forgotten, decoded - c->forgotten);
    c->forgotten = decoded;
}

void message_octets(struct message *m, struct part *part, struct sink sink)
{
    struct counted counted = {m, sink, part->body, 0, 0};
    struct sink to = {put_counted, &counted};
    bool leaf = part->kind == PART_LEAF;
    if (leaf && span_is(part->encoding, "base64")) {
        decode_base64(m, part->body, to);
    } else if (leaf && span_is(part->encoding, "quoted-printable")) {
        decode_quoted_printable(m, part->body, to);
    } else {
        if (leaf && !decode_is_identity(part->encoding) && !is_in_text(m, part)) /* RFC 2045 6.4: it is only octets */
            message_note(m, PROBLEM_UNKNOWN_ENCODING);
        if (!leaf || !uuencode_is(part->encoding) || !uuencode_decode(m, part->body, to))
            put_octets(m, part->body, to);
    }
    part->has_size = true;
    part->size = counted.n;
}

static void put_digest(void *context, const char *p, size_t n) { digest_add(context, p, n); }

void message_measure(struct message *m, struct part *part)
{
    struct digest sha;
    if (message_is_attachment(m, part) && !part->has_sha256) {
        digest_begin(&sha, &digest_sha256);
        message_octets(m, part, (struct sink){put_digest, &sha});
        digest_end(&sha, part->sha256);
        part->has_sha256 = true;
    }
    if (!part->has_size)
        message_octets(m, part, (struct sink){sink_ignore, NULL});
}

uint64_t message_digest(struct message *m, struct part *part, char hex[MESSAGE_DIGEST_MAX])
{
    message_measure(m, part);
    for (size_t i = 0; i < DIGEST_MAX; i++) {
        hex[2 * i] = ascii_hex_digit(part->sha256[i] >> 4);
        hex[2 * i + 1] = ascii_hex_digit(part->sha256[i] & 15);
    }
    hex[2 * DIGEST_MAX] = '\0';
    return part->size;
}

/* Puts the octets of a leaf without the uuencoded files in it. */
static void put_text_octets(struct message *m, struct part *part, struct sink to)
{
    struct span rest = part->body;
    for (const struct part *file = m->parts; file < m->parts + m->n; file++) {
        if (!is_in_text(m, file) || &m->parts[file->parent] != part)
            continue;
        put_octets(m, span_between(rest.p, file->body.p), to);
        span_skip(&rest, (size_t)(file->body.p + file->body.n - rest.p));
    }
    if (rest.p > part->body.p)
        put_octets(m, rest, to);
    else
        message_octets(m, part, to);
}

/* CRLF on its way to becoming LF. */
struct lines {
    struct sink to;
    bool cr; /* one that is held back */
};

static void put_lines(void *context, const char *octets, size_t n)
{
    struct lines *l = context;
    struct span t = {octets, n};
    while (t.n > 0) {
        if (l->cr && *t.p != '\n')
            sink_put(l->to, "\r", 1);
        const char *cr = memchr(t.p, '\r', t.n);
        size_t run = cr != NULL ? (size_t)(cr - t.p) : t.n;
        sink_put(l->to, t.p, run);
        l->cr = cr != NULL;
        span_skip(&t, run + l->cr);
    }
}

/* The name of a charset, cut; no charset has a longer one. */
struct name {
    size_t n;
    char text[80];
};

static void put_name(void *context, const char *octets, size_t n)
{
    struct name *name = context;
    size_t room = sizeof name->text - name->n;
    n = n < room ? n : room;
    memcpy(name->text + name->n, octets, n);
    name->n += n;
}

void message_body_text(struct message *m, struct part *part, struct sink to)
{
    struct name name;
    name.n = 0;
    (void)param_decode(m, part->content_type, "charset", (struct sink){put_name, &name});
    struct lines lines = {to, false};
    struct charset c;
    charset_open(&c, m, (struct span){name.text, name.n}, (struct sink){put_lines, &lines});
    put_text_octets(m, part, (struct sink){charset_put, &c});
    charset_close(&c);
    if (lines.cr)
        sink_put(to, "\r", 1);
}
