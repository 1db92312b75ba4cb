/* SPDX-License-Identifier: ISC */
/*
 * page_frame.c - the HTML of a message as a frame in a page.
 *
 * The frame is a document of its own without scripts, forms and origin, and the
 * policy of the page forbids it to load anything: its sandbox and that policy are
 * in page_template.c.  But Chromium connects to some servers before it checks
 * either: for a nested document, for a link that is clicked (which SVG's animation
 * can set), and for what <link> or <meta> asks to be fetched early.  So the names
 * that do this are made unknown to it here, wherever they stand.
 *
 * Images of the message itself take the place of their cid: URLs (RFC 2392).
 */
#include "mail/inside.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- names that a frame must not have ---- */

/* The length of the name at the front of s that is not to be understood; 0: there is none. */
static size_t forbidden(struct span s)
{
    static const char *const names[] = {"href",   "http-equiv",   "imagesrcset", "attributename", "<iframe",
                                        "<frame", "<fencedframe", "<object",     "<embed"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (span_starts(s, names[i]))
            return strlen(names[i]);
    }
    return 0;
}

/* Adds a source.  The last letter of a name that must not be becomes a reference: that is the same letter in text and
   in the value of an attribute, but not in a name. */
static void add_source(struct text *t, struct span s)
{
    const char *start = s.p;
    while (s.n > 0) {
        size_t n = forbidden(s);
        if (n > 0) {
            char reference[16];
            (void)snprintf(reference, sizeof reference, "&amp;#%d;", s.p[n - 1]);
            page_escape(t, span_between(start, s.p + n - 1), PAGE_FRAME);
            text_add_string(t, reference);
            start = s.p + n;
        }
        span_skip(&s, n > 0 ? n : 1);
    }
    page_escape(t, span_between(start, s.p), PAGE_FRAME);
}

/* Makes what was a link look like one, unless the mail has its own style for it. */
static const char look[] =
    "<style>:where([hre\\&\\#102\\;],[hre\\&\\#70\\;]) { color: LinkText; text-decoration: underline }</style>";

/* The length of a document type at the front, which must stay there. */
static size_t doctype(struct span s)
{
    struct span t = header_trim(s);
    const char *end = span_starts(t, "<!doctype") ? memchr(t.p, '>', t.n) : NULL;
    return end != NULL ? (size_t)(end + 1 - s.p) : 0;
}

/* ---- what it would load ---- */

struct reading {
    struct message *m;
    struct page_frame *f;
    struct text made; /* the source with its images */
    const char *at;   /* the source up to here is in it */
    size_t images;    /* octets of images that may still be in it */
};

static void add_cut(struct text *t, struct span s)
{
    size_t n = strnlen(s.p, s.n < PAGE_URL_MAX ? s.n : PAGE_URL_MAX); /* a NUL would end the pair */
    text_add(t, s.p, n);
    text_add_ended(t, span_of(n < s.n ? "..." : ""));
}

/* Adds a URL with a word about it, unless it is there already. */
static void add_url(struct page_list *l, struct span about, struct span url)
{
    size_t before = l->pairs.n;
    add_cut(&l->pairs, header_or_empty(about));
    size_t added = l->pairs.n;
    add_cut(&l->pairs, url);
    bool known = l->pairs.failed;
    for (size_t i = 0; !known && i < before; i += strlen(l->pairs.p + i) + 1) {
        i += strlen(l->pairs.p + i) + 1;
        known = strcmp(l->pairs.p + i, l->pairs.p + added) == 0;
    }
    if (known || l->n == PAGE_LIST_MAX) {
        l->more = l->more || !known;
        l->pairs.n = before;
        return;
    }
    l->n++;
}

static void add_link(void *links, struct span text, struct span url) { add_url(links, text, url); }

/* The part that a cid: URL names, NULL if there is none. */
static struct part *find_part(const struct reading *r, struct span id)
{
    struct text plain = {NULL, 0, 0, false};
    for (; id.n > 0; span_skip(&id, 1)) {
        bool coded = *id.p == '%' && id.n >= 3 && ascii_is_hex(id.p[1]) && ascii_is_hex(id.p[2]);
        char c = coded ? (char)(ascii_hex_value(id.p[1]) << 4 | ascii_hex_value(id.p[2])) : *id.p;
        text_add(&plain, &c, 1);
        span_skip(&id, coded ? 2 : 0);
    }
    struct part *found = NULL;
    for (struct part *p = r->m->parts; p < r->m->parts + r->m->n && found == NULL; p++) {
        if (p->kind == PART_LEAF && p->id.n > 0 && p->id.n == plain.n && memcmp(p->id.p, plain.p, plain.n) == 0)
            found = p;
    }
    free(plain.p);
    return found;
}

/* Adds an image of the message.  False if there is none with this ID, or no room. */
static bool add_image(struct reading *r, struct span id)
{
    struct part *p = find_part(r, id);
    if (p == NULL || p->body.n > r->images)
        return false;
    size_t before = r->made.n;
    bool svg = span_is(p->type, "image") && span_is(p->subtype, "svg+xml");
    page_add_data(r->m, p, &r->made, svg ? "image/svg+xml" : "image/png"); /* browsers tell other types by themselves */
    size_t n = r->made.n - before;
    r->images -= n < r->images ? n : r->images;
    return true;
}

static bool loads(struct span url)
{
    return url.n > 0 && *url.p != '#' && !span_starts(url, "data:") && !span_starts(url, "about:");
}

/* Takes a value that is one URL.  Returns whether an image has taken its place. */
static bool take_url(struct reading *r, const char *element, struct span value)
{
    struct text plain = {NULL, 0, 0, false};
    entity_undo(value, &plain);
    struct span url = header_trim(header_or_empty(text_span(&plain))), id = url;
    bool image = span_takes(&id, "cid:") && add_image(r, id);
    if (!image && loads(url))
        add_url(&r->f->remote, span_of(element), url);
    free(plain.p);
    return image;
}

/* The length of the quotation mark of CSS at the front of an attribute's value, or of its reference; 0: there is none.
 */
static size_t take_mark(struct span s, char *mark)
{
    enum { REFERENCE_MAX = 12 };
    size_t n = s.n < REFERENCE_MAX ? s.n : REFERENCE_MAX;
    const char *end = n > 0 && *s.p == '&' ? memchr(s.p, ';', n) : NULL;
    struct text plain = {NULL, 0, 0, false};
    if (end != NULL)
        entity_undo(span_between(s.p, end + 1), &plain);
    *mark = end == NULL && n > 0 ? *s.p : plain.n == 1 ? *plain.p : '\0';
    free(plain.p);
    return *mark != '"' && *mark != '\'' ? 0 : end != NULL ? (size_t)(end + 1 - s.p) : 1;
}

/* Takes the URL at the front of a value.  What comes after it is left. */
static void take_one(struct reading *r, const char *element, struct span *rest, size_t n)
{
    text_add(&r->made, r->at, (size_t)(rest->p - r->at));
    r->at = rest->p;
    if (n > 0 && take_url(r, element, (struct span){rest->p, n}))
        r->at += n;
    span_skip(rest, n);
}

static void skip_blanks(struct span *s)
{
    while (s->n > 0 && header_is_blank(*s->p))
        span_skip(s, 1);
}

/* Takes the URL of url(...), or after @import, where it must be in quotation marks. */
static void take_style_url(struct reading *r, const char *element, struct span *rest, bool quoted)
{
    char mark, end;
    size_t n = 0;
    skip_blanks(rest);
    size_t length = take_mark(*rest, &mark);
    if (length == 0 && quoted)
        return;
    span_skip(rest, length);
    for (struct span s = *rest; s.n > 0; span_skip(&s, 1), n++) {
        if (length > 0 ? take_mark(s, &end) > 0 && end == mark : *s.p == ')' || header_is_blank(*s.p))
            break;
    }
    take_one(r, element, rest, n);
}

/* The text of a style may select by attribute, and is not HTML: there the letter becomes a reference in CSS. */
static void rename_attribute(struct reading *r, const struct span *rest)
{
    text_add(&r->made, r->at, (size_t)(rest->p - r->at) - 1);
    text_add_string(&r->made, "\\&\\#102\\;");
    r->at = rest->p;
}

static void take_style(struct reading *r, const char *element, struct span rest, bool in_value)
{
    while (rest.n > 0) {
        if (!in_value && span_takes(&rest, "href"))
            rename_attribute(r, &rest);
        else if (span_takes(&rest, "url("))
            take_style_url(r, element, &rest, false);
        else if (span_takes(&rest, "@import"))
            take_style_url(r, element, &rest, true);
        else
            span_skip(&rest, 1);
    }
}

/* Takes the candidates of srcset (HTML 4.8.4.2.1): a URL up to a blank, without commas at its ends; and a descriptor.
 */
static void take_set(struct reading *r, const char *element, struct span rest)
{
    while (rest.n > 0) {
        size_t n = 0, commas = 0;
        while (rest.n > 0 && (header_is_blank(*rest.p) || *rest.p == ','))
            span_skip(&rest, 1);
        for (; n < rest.n && !header_is_blank(rest.p[n]); n++)
            commas = rest.p[n] == ',' ? commas + 1 : 0;
        take_one(r, element, &rest, n - commas);
        while (rest.n > 0 && *rest.p != ',')
            span_skip(&rest, 1);
    }
}

/* Takes "5; url=...", which leads elsewhere.  Other content of <meta>, such as a description, does not begin so. */
static void take_refresh(struct reading *r, struct span value)
{
    if (value.n == 0 || (!ascii_is_digit(*value.p) && !header_is_blank(*value.p)))
        return;
    while (value.n > 0 && !span_takes(&value, "url="))
        span_skip(&value, 1);
    (void)take_url(r, "meta", value);
}

static void take_value(void *context, const char *element, const char *attribute, struct span value)
{
    static const char *const urls[] = {"src", "background", "poster", "data", "lowsrc", "dynsrc", NULL};
    static const char *const linked[] = {"link", "image", "use", "feimage", "script", NULL};
    struct reading *r = context;
    struct span name = span_of(attribute);
    bool href = span_is(name, "href") || span_is(name, "xlink:href");
    text_add(&r->made, r->at, (size_t)(value.p - r->at));
    r->at = value.p;
    if (span_is(name, "style") || (name.n == 0 && strcmp(element, "style") == 0))
        take_style(r, element, value, name.n > 0);
    else if (span_is(name, "srcset") || span_is(name, "imagesrcset"))
        take_set(r, element, value);
    else if (strcmp(element, "meta") == 0 && span_is(name, "content"))
        take_refresh(r, value);
    else if ((span_is_one_of(name, urls) || (href && span_is_one_of(span_of(element), linked))) &&
             take_url(r, element, value))
        r->at = value.p + value.n;
}

void page_add_frame(struct message *m, struct text *t, struct page_frame *f)
{
    struct text html = {NULL, 0, 0, false};
    struct page_limited limited = {.t = &html, .raw = true, .left = PAGE_HTML_MAX};
    message_body_text(m, m->html, page_into(&limited));
    f->cut = limited.cut;
    struct span source = header_or_empty(text_span(&html));
    struct reading r = {.m = m, .f = f, .at = source.p, .images = PAGE_IMAGES_MAX};
    const struct html_watch watch = {take_value, &r};
    const struct links links = {add_link, &f->links};
    html_watch(m, source, &watch, &links);
    text_add(&r.made, r.at, (size_t)(source.p + source.n - r.at));
    struct span made = header_or_empty(text_span(&r.made));
    size_t first = doctype(made);
    add_source(t, header_take(&made, first));
    page_escape(t, span_of(look), PAGE_FRAME);
    add_source(t, made);
    t->failed = t->failed || html.failed || r.made.failed || f->remote.pairs.failed || f->links.pairs.failed;
    free(html.p);
    free(r.made.p);
}

/* Where the name of the element is behind one of these; m.n: nowhere.  In what comes from the mail < is escaped. */
static size_t find_name(struct span m, size_t from, const char *before)
{
    const char *p = m.p + from, *end = m.p + m.n;
    while ((p = memchr(p, '<', (size_t)(end - p))) != NULL) {
        struct span rest = span_between(p, end);
        if (span_takes(&rest, before) && span_starts(rest, PAGE_FRAME_NAME))
            return (size_t)(rest.p - m.p);
        p++;
    }
    return m.n;
}

bool page_find_frame(struct span message, size_t *begin, size_t *end)
{
    *begin = message.n > 0 ? find_name(message, 0, "<") : 0;
    *end = *begin < message.n ? find_name(message, *begin, "</") : message.n;
    return *end < message.n;
}
