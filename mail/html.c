/* SPDX-License-Identifier: ISC */
/*
 * html.c - HTML as a person reads it, from its source, in one pass.
 *
 * The source comes piece by piece.  A table says what the elements mean for the
 * text; there is no tree.  What is not shown is left out: script, style, head,
 * comments, and elements with display:none, as a hidden preheader has.  Such an
 * element ends when its own end tag comes, or that of an element around it; so
 * the elements in it are counted by name.
 */
#include "mail/inside.h"

#include <stdlib.h>
#include <string.h>

#include "base/scan.h"

enum {
    ELEMENTS = 64, /* in the table */
    KNOWN = 16,    /* octets of a name that is known, with its NUL, at most */
    LISTS = 32,    /* in each other, whose items are numbered */
};

enum state {
    TEXT,
    LESS,       /* after "<", */
    LESS_SLASH, /* "</" */
    LESS_MARK,  /* and "<!" */
    COMMENT,
    BOGUS, /* what ends at the next ">" (HTML 13.2.5.41) */
    RAW_TEXT,
    NAME,
    BEFORE_ATTRIBUTE,
    ATTRIBUTE,
    AFTER_ATTRIBUTE,
    BEFORE_VALUE,
    VALUE,
};

struct html {
    struct message *m;
    const struct html_watch *watch; /* NULL: nobody asks for its values */
    const struct sink *source;      /* NULL: nobody gets it */
    struct flow flow;
    struct entities references; /* of the text, on its way to flow */
    enum state state;
    /* the tag */
    bool is_end, is_hidden;
    size_t name_n, attribute_n;
    char name[KNOWN], attribute[KNOWN]; /* after the name come NULs */
    char quote;                         /* around the value; NUL: none */
    struct text *value;                 /* of the attribute, where it matters; else NULL */
    struct text href, style, alt;       /* values, with their references */
    unsigned dashes;                    /* in a row, in a comment */
    size_t raw, raw_n;                  /* the element of RAW_TEXT, and how much of its end tag has come */
    /* the elements around */
    size_t hidden;             /* the element that is not shown; 0: none */
    uint32_t within[ELEMENTS]; /* how many of each are open in it */
    size_t lists;              /* open, */
    uint64_t numbers[LISTS];   /* and the next number in each, 0: without numbers */
};

/* What an element is to the text. */
enum kind {
    OTHER, /* it has no effect */
    LINE,  /* it begins and ends a line */
    BLOCK, /* it has a blank line before and after it */
    BREAK, /* a line end */
    CELL,
    ITEM,
    LIST,
    NUMBERED, /* a list */
    LINK,
    IMAGE,
    PRE,
    RAW,    /* its text has no markup, and is not shown (HTML 13.2.5.2) */
    HIDDEN, /* it is not shown */
    HEAD,   /* nor is this; an element that does not belong in it ends it */
};

struct element {
    char name[KNOWN];
    enum kind kind;
    bool empty; /* it has no end tag (HTML 13.1.2) */
};

/* In the order of their frequency, as they are looked for in turn; the first stands for all others. */
enum { UNKNOWN, TD, TR, A, DIV, SPAN, BR, P, TABLE, IMG, TBODY, LI, UL, OL, TH, MORE };

/* clang-format off */
static const struct element elements[] = {
    [UNKNOWN] = {"", OTHER, false}, [TD] = {"td", CELL, false}, [TR] = {"tr", LINE, false}, [A] = {"a", LINK, false},
    [DIV] = {"div", LINE, false}, [SPAN] = {"span", OTHER, false}, [BR] = {"br", BREAK, true}, [P] = {"p", BLOCK, false},
    [TABLE] = {"table", LINE, false}, [IMG] = {"img", IMAGE, true}, [TBODY] = {"tbody", LINE, false},
    [LI] = {"li", ITEM, false}, [UL] = {"ul", LIST, false}, [OL] = {"ol", NUMBERED, false}, [TH] = {"th", CELL, false},
    [MORE] = {"b", OTHER, false}, {"strong", OTHER, false}, {"font", OTHER, false}, {"center", LINE, false},
    {"h1", BLOCK, false}, {"h2", BLOCK, false}, {"h3", BLOCK, false}, {"h4", BLOCK, false}, {"h5", BLOCK, false},
    {"h6", BLOCK, false}, {"body", LINE, false}, {"html", OTHER, false}, {"head", HEAD, false}, {"meta", OTHER, true},
    {"link", OTHER, true}, {"title", RAW, false}, {"style", RAW, false}, {"script", RAW, false}, {"base", OTHER, true},
    {"hr", BLOCK, true}, {"blockquote", BLOCK, false}, {"pre", PRE, false}, {"thead", LINE, false},
    {"tfoot", LINE, false}, {"caption", LINE, false}, {"dl", BLOCK, false}, {"dt", LINE, false}, {"dd", LINE, false},
    {"section", LINE, false}, {"article", LINE, false}, {"header", LINE, false}, {"footer", LINE, false},
    {"main", LINE, false}, {"nav", LINE, false}, {"aside", LINE, false}, {"address", BLOCK, false},
    {"figure", BLOCK, false}, {"figcaption", LINE, false}, {"form", LINE, false}, {"fieldset", LINE, false},
    {"option", LINE, false}, {"input", OTHER, true}, {"area", OTHER, true}, {"col", OTHER, true},
    {"source", OTHER, true}, {"template", HIDDEN, false}, {"noscript", OTHER, false}, {"iframe", RAW, false},
    {"noframes", RAW, false},
};
/* clang-format on */

_Static_assert(sizeof elements / sizeof elements[0] == ELEMENTS, "each has a counter");

static size_t find_element(const struct html *h)
{
    for (size_t i = UNKNOWN + 1; i < ELEMENTS; i++) {
        if (memcmp(elements[i].name, h->name, KNOWN) == 0)
            return i;
    }
    return UNKNOWN;
}

static bool is_block(size_t element)
{
    enum kind kind = elements[element].kind;
    return kind == LINE || kind == BLOCK || kind == LIST || kind == NUMBERED || kind == PRE || kind == ITEM;
}

/* ---- elements that are not shown ---- */

/* Whether a tag ends the hidden element although it is not its end tag: the end tags of these may be left out (HTML
   13.1.2.4). */
static bool implies_end(const struct html *h, size_t element, bool end)
{
    bool inner = h->within[TABLE] > 0, list = h->within[UL] + h->within[OL] > 0;
    switch (h->hidden) {
    case P:
        return !end && is_block(element);
    case LI:
        return !end && element == LI && !list;
    case TD:
    case TH:
        return !end && (element == TD || element == TH || element == TR) && !inner;
    case TR:
        return !end && element == TR && !inner;
    default:
        return elements[h->hidden].kind == HEAD && !end && elements[element].kind != RAW &&
               !(elements[element].empty && elements[element].kind == OTHER) && element != h->hidden;
    }
}

/* Takes a tag within a hidden element.  Returns whether that goes on, and so the tag has no effect. */
static bool stays_hidden(struct html *h, size_t element, bool end)
{
    if (implies_end(h, element, end) || (end && h->within[element] == 0 && element != 0)) {
        h->hidden = 0;
        return false;
    }
    if (!elements[element].empty && !end)
        h->within[element]++;
    if (end && h->within[element] > 0 && --h->within[element] == 0 && element == h->hidden)
        h->hidden = 0;
    return true;
}

static void hide(struct html *h, size_t element)
{
    memset(h->within, 0, sizeof h->within);
    h->within[element] = 1;
    h->hidden = element;
}

/* Whether a style has display:none.  Most have no y at all. */
static bool style_hides(struct span style)
{
    static const char word[] = "display:none";
    size_t n = 0;
    if (style.n < strlen(word))
        return false;
    const char *end = style.p + style.n;
    if (scan_for_two('y', 'Y', false, style.p, end) == end)
        return false;
    for (; style.n > 0 && word[n] != '\0'; span_skip(&style, 1)) {
        if (header_is_blank(*style.p))
            continue;
        if (ascii_lower(*style.p) != word[n])
            n = 0;
        n += ascii_lower(*style.p) == word[n];
    }
    return word[n] == '\0';
}

/* ---- tags ---- */

/* Undoes the references in the value of an attribute. */
static void undo(struct text *value)
{
    if (value->n == 0 || memchr(value->p, '&', value->n) == NULL)
        return;
    struct text plain = {NULL, 0, 0, false};
    entity_undo(text_span(value), &plain);
    plain.failed = plain.failed || value->failed;
    free(value->p);
    *value = plain;
}

/* Takes the line ends and tabs out of a URL (URL 4.4). */
static void unfold(struct text *url)
{
    size_t n = 0;
    for (size_t i = 0; i < url->n; i++) {
        if (!header_is_break(url->p[i]) && url->p[i] != '\t')
            url->p[n++] = url->p[i];
    }
    url->n = n;
}

static void begin_link(struct html *h)
{
    flow_end_link(&h->flow);
    undo(&h->href);
    unfold(&h->href);
    struct span url = header_trim(text_span(&h->href));
    if (url.n > 0 && *url.p != '#')
        flow_begin_link(&h->flow, url);
}

static void begin_item(struct html *h)
{
    char prefix[FLOW_PREFIX] = "* ";
    size_t depth = h->lists < LISTS ? h->lists : LISTS;
    if (depth > 0 && h->numbers[depth - 1] > 0) {
        char *p = ascii_put_number(prefix + sizeof prefix - 3, h->numbers[depth - 1]++);
        memcpy(prefix + sizeof prefix - 3, ". ", 3);
        memmove(prefix, p, (size_t)(prefix + sizeof prefix - p));
    }
    flow_item(&h->flow, prefix);
}

/* Takes the end of a list, or its beginning, with the number of its first item, 0: it has none. */
static void take_list(struct html *h, bool end, uint64_t number)
{
    flow_break(&h->flow, h->lists > (end ? 1u : 0u) ? 1 : 2);
    if (end) {
        h->lists -= h->lists > 0;
        return;
    }
    if (h->lists < LISTS)
        h->numbers[h->lists] = number;
    h->lists++;
}

static void take_element(struct html *h, size_t element, bool end)
{
    struct flow *f = &h->flow;
    switch (elements[element].kind) {
    case LINE:
        flow_break(f, 1);
        break;
    case BLOCK:
        flow_break(f, 2);
        break;
    case BREAK:
        flow_line(f);
        break;
    case CELL:
        flow_space(f, 2);
        break;
    case ITEM:
        if (end)
            flow_break(f, 1);
        else
            begin_item(h);
        break;
    case LIST:
        take_list(h, end, 0);
        break;
    case NUMBERED:
        take_list(h, end, 1);
        break;
    case LINK:
        if (end)
            flow_end_link(f);
        else
            begin_link(h);
        break;
    case IMAGE:
        undo(&h->alt);
        flow_put(f, h->alt.p, h->alt.n);
        break;
    case PRE:
        flow_break(f, 2);
        flow_preformat(f, !end);
        break;
    case RAW:
    case OTHER:
    case HIDDEN:
    case HEAD:
        break;
    }
}

/* Takes a tag that is complete. */
static void take_tag(struct html *h)
{
    size_t element = find_element(h);
    const struct element *e = &elements[element];
    bool end = h->is_end;
    h->state = !end && e->kind == RAW ? RAW_TEXT : TEXT;
    h->raw = element;
    h->raw_n = 0;
    if (h->hidden != 0 && stays_hidden(h, element, end))
        return;
    bool hides = h->is_hidden || style_hides(text_span(&h->style)) || e->kind == HIDDEN || e->kind == HEAD;
    if (!end && hides && !e->empty && element != 0)
        hide(h, element);
    else if (!hides)
        take_element(h, element, end);
}

/* ---- attributes ---- */

static struct text *value_of(struct html *h)
{
    struct span name = {h->attribute, h->attribute_n};
    return span_is(name, "href")    ? &h->href
           : span_is(name, "style") ? &h->style
           : span_is(name, "alt")   ? &h->alt
                                    : NULL;
}

static bool is_space(char c) { return header_is_blank(c) || c == '\f'; }

/* An octet of a name, in lower case.  A NUL stands for U+FFFD (HTML 13.2.5.8, 13.2.5.33).  No known name has
   that in it, nor "?", which is put instead. */
static char name_octet(char c) { return c != '\0' ? ascii_lower(c) : '?'; }

/* Takes a name, or the rest of it, in lower case; one that is too long to be known is cut off.  That of an attribute
   ends at "=" as well, unless it begins there. */
static void take_name(struct span *t, char name[KNOWN], size_t *n, bool attribute)
{
    const char *p = t->p, *end = p + t->n;
    for (; p < end; p++) {
        if (*p <= '>' && (*p == '>' || *p == '/' || is_space(*p) || (*p == '=' && attribute)))
            break;
        if (*n + 1 < KNOWN)
            name[(*n)++] = name_octet(*p);
    }
    *t = span_between(p, end);
}

static void begin_tag(struct html *h, bool is_end)
{
    h->is_end = is_end;
    h->is_hidden = false;
    h->name_n = h->href.n = h->style.n = h->alt.n = 0;
    memset(h->name, 0, sizeof h->name);
    h->state = NAME;
}

/* t begins with its name. */
static void begin_attribute(struct html *h, struct span *t)
{
    memset(h->attribute, 0, sizeof h->attribute);
    h->attribute[0] = name_octet(*t->p);
    h->attribute_n = 1;
    span_skip(t, 1);
    h->state = ATTRIBUTE;
}

/* The name of an attribute is complete.  The first of a name counts (HTML 13.2.5.33). */
static void end_name(struct html *h)
{
    struct text *value = value_of(h);
    h->is_hidden = h->is_hidden || span_is((struct span){h->attribute, h->attribute_n}, "hidden");
    h->value = value != NULL && value->n == 0 ? value : NULL;
}

/* ---- the source ---- */

/* Puts text if it is shown.  In a head, blanks are not, and other text ends it: its end tag may be left out. */
static void put_text(struct html *h, struct span t)
{
    while (elements[h->hidden].kind == HEAD && t.n > 0) {
        if (is_space(*t.p))
            span_skip(&t, 1);
        else
            h->hidden = 0;
    }
    if (h->hidden == 0)
        entity_put(&h->references, t.p, t.n);
}

/* Each takes octets off the front of t in its state, or changes the state. */

static void take_text(struct html *h, struct span *t)
{
    const char *lt = memchr(t->p, '<', t->n);
    put_text(h, header_take(t, lt != NULL ? (size_t)(lt - t->p) : t->n));
    if (lt == NULL)
        return;
    entity_flush(&h->references);
    span_skip(t, 1);
    h->state = LESS;
}

/* After "<". */
static void take_less(struct html *h, struct span *t)
{
    char c = *t->p;
    if (c == '/' || c == '!' || c == '?') {
        h->state = c == '/' ? LESS_SLASH : c == '!' ? LESS_MARK : BOGUS;
        h->dashes = 0;
        span_skip(t, 1);
        return;
    }
    if (ascii_is_letter(c)) {
        begin_tag(h, false);
        return;
    }
    put_text(h, (struct span){"<", 1});
    h->state = TEXT;
}

/* After "<!" and as many dashes as have come. */
static void take_mark(struct html *h, struct span *t)
{
    if (*t->p != '-') {
        h->state = BOGUS;
        return;
    }
    span_skip(t, 1);
    if (++h->dashes == 2)
        h->state = COMMENT;
}

/* A comment ends at "-->", or at "--!>" (HTML 13.2.5.45).  dashes counts those before t; it is 3 after "--!". */
static void take_comment(struct html *h, struct span *t)
{
    const char *gt = memchr(t->p, '>', t->n);
    size_t n = gt != NULL ? (size_t)(gt - t->p) : t->n;
    unsigned dashes = n < 3 ? h->dashes : 0;
    for (size_t i = n < 3 ? 0 : n - 3; i < n; i++) {
        if (t->p[i] == '-')
            dashes = dashes == 1 || dashes == 2 ? 2 : 1;
        else
            dashes = t->p[i] == '!' && dashes == 2 ? 3 : 0;
    }
    h->dashes = gt != NULL ? 0 : dashes;
    span_skip(t, n + (gt != NULL));
    if (gt != NULL && dashes >= 2)
        h->state = TEXT;
}

static void take_bogus(struct html *h, struct span *t)
{
    const char *gt = memchr(t->p, '>', t->n);
    span_skip(t, gt != NULL ? (size_t)(gt - t->p) + 1 : t->n);
    if (gt != NULL)
        h->state = TEXT;
}

/* Text without markup ends at its end tag. */
static void take_raw(struct html *h, struct span *t)
{
    const char *name = elements[h->raw].name;
    size_t n = strlen(name);
    if (h->raw_n == 0) {
        const char *lt = memchr(t->p, '<', t->n);
        if (h->watch != NULL)
            h->watch->value(h->watch->context, name, "", (struct span){t->p, lt != NULL ? (size_t)(lt - t->p) : t->n});
        span_skip(t, lt != NULL ? (size_t)(lt - t->p) + 1 : t->n);
        h->raw_n = lt != NULL;
        return;
    }
    char c = ascii_lower(*t->p);
    bool ends = h->raw_n == n + 2 && (is_space(c) || c == '/' || c == '>');
    bool goes_on = h->raw_n == 1 ? c == '/' : h->raw_n < n + 2 && c == name[h->raw_n - 2];
    if (ends)
        h->state = BOGUS;
    else if (goes_on)
        span_skip(t, 1);
    h->raw_n = goes_on ? h->raw_n + 1 : 0;
}

/* In a tag, apart from the values of its attributes. */
static void take_in_tag(struct html *h, struct span *t)
{
    if (h->state == NAME)
        take_name(t, h->name, &h->name_n, false);
    if (h->state == ATTRIBUTE)
        take_name(t, h->attribute, &h->attribute_n, true);
    if (t->n == 0)
        return;
    char c = *t->p;
    bool blank = is_space(c) || c == '/', named = h->state == ATTRIBUTE || h->state == AFTER_ATTRIBUTE;
    if (named && !blank)
        end_name(h);
    if (c == '>') {
        take_tag(h);
    } else if (named && c == '=') {
        h->state = BEFORE_VALUE;
    } else if (blank) {
        h->state = named ? AFTER_ATTRIBUTE : BEFORE_ATTRIBUTE;
    } else {
        begin_attribute(h, t);
        return;
    }
    span_skip(t, 1);
}

static void take_before_value(struct html *h, struct span *t)
{
    char c = *t->p;
    if (is_space(c)) {
        span_skip(t, 1);
        return;
    }
    h->quote = c == '"' || c == '\'' ? c : '\0';
    h->state = c == '>' ? BEFORE_ATTRIBUTE : VALUE;
    span_skip(t, h->quote != '\0');
}

static void take_value(struct html *h, struct span *t)
{
    size_t n = 0;
    const char *end;
    if (h->quote != '\0') {
        end = memchr(t->p, h->quote, t->n);
        n = end != NULL ? (size_t)(end - t->p) : t->n;
    } else {
        while (n < t->n && !is_space(t->p[n]) && t->p[n] != '>')
            n++;
        end = n < t->n ? t->p + n : NULL;
    }
    if (h->value != NULL)
        text_add(h->value, t->p, n);
    if (h->watch != NULL)
        h->watch->value(h->watch->context, h->name, h->attribute, (struct span){t->p, n});
    span_skip(t, n + (end != NULL && h->quote != '\0'));
    if (end != NULL)
        h->state = BEFORE_ATTRIBUTE;
}

static void put_source(void *html, const char *octets, size_t n)
{
    struct html *h = html;
    struct span t = {octets, n};
    if (h->source != NULL)
        sink_put(*h->source, octets, n);
    while (t.n > 0 && !message_stopped(h->m)) {
        switch (h->state) {
        case TEXT:
            take_text(h, &t);
            break;
        case LESS:
            take_less(h, &t);
            break;
        case LESS_SLASH:
            if (ascii_is_letter(*t.p))
                begin_tag(h, true);
            else
                h->state = BOGUS;
            break;
        case LESS_MARK:
            take_mark(h, &t);
            break;
        case COMMENT:
            take_comment(h, &t);
            break;
        case BOGUS:
            take_bogus(h, &t);
            break;
        case RAW_TEXT:
            take_raw(h, &t);
            break;
        case NAME:
        case BEFORE_ATTRIBUTE:
        case ATTRIBUTE:
        case AFTER_ATTRIBUTE:
            take_in_tag(h, &t);
            break;
        case BEFORE_VALUE:
            take_before_value(h, &t);
            break;
        case VALUE:
            take_value(h, &t);
            break;
        }
    }
}

/* Ends the text. */
static void finish(struct html *h)
{
    entity_flush(&h->references);
    bool good = flow_close(&h->flow) && !h->href.failed && !h->style.failed && !h->alt.failed;
    h->m->failed = h->m->failed || !good;
    free(h->href.p);
    free(h->style.p);
    free(h->alt.p);
}

void html_text(struct message *m, struct part *part, struct sink to, const struct sink *source,
               const struct links *links)
{
    struct html h = {.m = m, .source = source, .flow = {.to = to, .links = links}};
    h.references.to = (struct sink){to.put == NULL ? flow_find_links : flow_put, &h.flow};
    message_body_text(m, part, (struct sink){put_source, &h});
    finish(&h);
}

void html_watch(struct message *m, struct span source, const struct html_watch *watch, const struct links *links)
{
    struct html h = {.m = m, .watch = watch, .flow = {.to = {sink_ignore, NULL}, .links = links}};
    h.references.to = (struct sink){flow_put, &h.flow};
    put_source(&h, source.p, source.n);
    finish(&h);
}
