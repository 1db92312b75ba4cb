/* SPDX-License-Identifier: ISC */
/*
 * page.c - a page of HTML to look at: what came, and what came of it.
 *
 * page_template.c has the page, with names where something of a message stands.
 * The table at the end of this file says what each name is.  The names are looked
 * up in the order of the template, so one may use what another has found out.
 *
 * Of each message the page has the first octets of its HTML, its text and so on,
 * and says if there are more.  A person looks at no more than that.
 */
#include "mail/inside.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum {
    TEXT_MAX = 256 * 1024,          /* octets of the text of a message, and of its source, */
    HEADER_MAX = 64 * 1024,         /* of its header as it came, */
    ATTACHED_MAX = 4 * 1024 * 1024, /* and of its attachments */
    LISTED_MAX = 1000,              /* fields of its header, and recipients */
    ADDRESSES_MAX = 20,             /* addresses of a field in the list of messages */
    VALUE_MAX = 16 * 1024,          /* octets of the value of a field, */
    WORDS_MAX = 1024,               /* and of each other text of a message */
};

struct page {
    struct text *t;
    uint64_t cut;  /* the last text has only its first octets, so many; 0: it is whole */
    uint64_t more; /* what the last list left out */
    struct page_limited line;
    /* a message */
    const struct mail *mail;
    struct message *m;
    size_t expectations; /* 0: nothing is asked of a message */
    bool single;
    bool *named; /* for each recipient: whether the header names it */
    struct page_frame frame;
    const char *url, *about; /* of the URLs in it */
    size_t recipient;
    struct span header; /* what is left of it */
    struct field field;
    struct part *attachment;
    uint64_t octets; /* of the attachment */
    char digest[MESSAGE_DIGEST_MAX];
    size_t room;   /* for the octets of further attachments */
    bool embedded; /* those of this one are in the page */
    enum problem problem;
    /* the verdict */
    const struct page_end *end;
    struct span rows, remarks; /* what is left of them */
    struct span expected, came, remark;
    bool met;
};

/* ---- texts ---- */

static void put(struct page *p, struct span s) { page_escape(p->t, s, PAGE_LINE); }

/* Where a text of one line is to go, up to a number of octets; end_line() follows. */
static struct sink into_line(struct page *p, size_t max)
{
    p->line = (struct page_limited){.t = p->t, .how = PAGE_LINE, .left = max};
    return page_into(&p->line);
}

static void end_line(struct page *p) { text_add_string(p->t, p->line.cut ? "..." : ""); }

/* "2 attachments" */
static void put_count(struct page *p, uint64_t n, const char *what)
{
    text_add_number(p->t, n);
    text_add_string(p->t, " ");
    text_add_string(p->t, what);
    text_add_string(p->t, n == 1 ? "" : "s");
}

/* "812 octets", "12.3 KB"; powers of 1000 */
static void put_size(struct page *p, uint64_t n)
{
    static const char *const units[] = {"KB", "MB", "GB", "TB"};
    char text[32];
    size_t unit = 0;
    if (n < 1000) {
        put_count(p, n, "octet");
        return;
    }
    for (; n >= 999950 && unit < 3; n /= 1000)
        unit++;
    n = (n + 50) / 100;
    (void)snprintf(text, sizeof text, "%ju.%ju %s", (uintmax_t)n / 10, (uintmax_t)n % 10, units[unit]);
    text_add_string(p->t, text);
}

/* "64 KiB", "1 MiB" */
static void put_cut(struct page *p)
{
    bool mega = p->cut % (1024 * 1024) == 0;
    if (p->cut == 0)
        return;
    text_add_number(p->t, mega ? p->cut / 1024 / 1024 : p->cut / 1024);
    text_add_string(p->t, mega ? " MiB" : " KiB");
}

static void put_more(struct page *p)
{
    if (p->more > 0)
        text_add_number(p->t, p->more);
}

/* Takes what is before the next end, and skips that. */
static struct span take_until(struct span *s, char end)
{
    const char *found = s->n > 0 ? memchr(s->p, end, s->n) : NULL;
    struct span taken = {s->p, found != NULL ? (size_t)(found - s->p) : s->n};
    span_skip(s, taken.n + (found != NULL));
    return taken;
}

/* ---- the list ---- */

static void put_n(struct page *p) { text_add_number(p->t, p->mail->n); }
static bool is_single(const struct page *p) { return p->single; }

static void put_time_as(struct page *p, const char *format)
{
    char text[64];
    int64_t part = (p->mail->time % 1000 + 1000) % 1000; /* also before 1970, where a false clock may be */
    time_t seconds = (time_t)((p->mail->time - part) / 1000);
    struct tm utc;
    if (gmtime_r(&seconds, &utc) == NULL || utc.tm_year > 9999 - 1900) /* HTML 2.3.5.1: four digits or more; as JSON */
        return;
    size_t n = strftime(text, sizeof text, format, &utc);
    text_add(p->t, text, n);
}

static void put_datetime(struct page *p) { put_time_as(p, "%Y-%m-%dT%H:%M:%SZ"); }
static void put_time(struct page *p) { put_time_as(p, "%Y-%m-%d %H:%M:%S UTC"); }

static struct span subject(const struct page *p) { return p->m->values[FIELD_SUBJECT]; }

static void put_subject(struct page *p)
{
    words_text(p->m, subject(p), into_line(p, WORDS_MAX));
    end_line(p);
}

static void put_address(struct page *p, const struct address *a, const char *before)
{
    text_add_string(p->t, before);
    if (a->name.p != NULL) {
        address_name(p->m, a->name, into_line(p, WORDS_MAX));
        end_line(p);
    }
    text_add_string(p->t, a->name.p != NULL ? " &lt;" : "");
    address_spec(p->m, a->address, into_line(p, WORDS_MAX));
    end_line(p);
    text_add_string(p->t, a->name.p != NULL ? "&gt;" : "");
}

/* Puts the addresses of all fields of this name; those of the envelope if there are none. */
static void put_addresses(struct page *p, const char *name, struct span otherwise)
{
    struct span header = p->m->parts->header;
    struct field field;
    size_t n = 0;
    while (header_take_field(p->m, &header, &field)) {
        struct address a = {.closes = false};
        while (span_is(field.name, name) && address_take(p->m, &field.value, &a)) {
            if (n++ < ADDRESSES_MAX)
                put_address(p, &a, n == 1 ? "" : ", ");
        }
    }
    if (n == 0)
        put(p, otherwise);
    if (n > ADDRESSES_MAX) {
        text_add_string(p->t, ", and ");
        text_add_number(p->t, n - ADDRESSES_MAX);
        text_add_string(p->t, " more");
    }
}

static void put_from(struct page *p) { put_addresses(p, "from", p->mail->sender); }

static void put_to(struct page *p)
{
    put_addresses(p, "to", p->mail->n_recipients > 0 ? p->mail->recipients[0].address : span_of(""));
}

static void put_mail_size(struct page *p) { put_size(p, p->mail->size); }

static uint64_t count_attached(const struct page *p)
{
    uint64_t n = 0;
    for (struct part *part = NULL; (part = message_next_attachment(p->m, part)) != NULL;)
        n++;
    return n;
}

static void put_attachments(struct page *p)
{
    uint64_t n = count_attached(p);
    if (n > 0)
        put_count(p, n, "attachment");
}

static uint64_t count_hidden(const struct page *p)
{
    uint64_t n = 0;
    for (size_t i = 0; i < p->mail->n_recipients; i++)
        n += !p->named[i];
    return n;
}

static void put_bcc(struct page *p)
{
    uint64_t n = count_hidden(p);
    if (n > 0)
        text_add_number(p->t, n);
}

static void put_problems(struct page *p)
{
    uint64_t n = 0;
    for (int i = 0; i < PROBLEMS; i++)
        n += problems_have(&p->mail->problems, (enum problem)i);
    if (n > 0)
        put_count(p, n, "problem");
}

/* ---- expectations ---- */

static bool fits(const struct page *p) { return p->expectations > 0 && p->mail->fits != 0; }
static bool misses(const struct page *p) { return p->expectations > 0 && p->mail->fits == 0; }

static void put_fits(struct page *p)
{
    uint64_t fit = p->mail->fits;
    const char *before = (fit & (fit - 1)) == 0 ? "counts for expectation " : "counts for expectations ";
    text_add_string(p->t, p->expectations == 1 ? "matches" : "");
    for (uint64_t i = 1; fit != 0 && p->expectations > 1; i++, fit >>= 1) {
        if ((fit & 1) == 0)
            continue;
        text_add_string(p->t, before);
        text_add_number(p->t, i);
        before = ", ";
    }
}

/* The near miss. */
static void put_misses(struct page *p)
{
    const struct match *failed = p->mail->failed;
    if (failed == NULL)
        return;
    if (p->expectations > 1) {
        text_add_string(p->t, "It is closest to expectation ");
        text_add_number(p->t, failed->expectation + 1);
        text_add_string(p->t, ", but fails ");
    } else {
        text_add_string(p->t, "It fails ");
    }
    text_add_string(p->t, match_option(failed));
    text_add_string(p->t, " &#39;");
    put(p, span_of(failed->text));
    text_add_string(p->t, "&#39;, as it has ");
    text_add_string(p->t, p->mail->has_none ? "none" : "&quot;");
    put(p, p->mail->has_none ? span_of("") : p->mail->had);
    text_add_string(p->t, p->mail->has_none ? "." : "&quot;.");
}

/* ---- HTML and text ---- */

static bool has_html(const struct page *p) { return p->m->html != NULL; }

static void put_html(struct page *p)
{
    page_add_frame(p->m, p->t, &p->frame);
    p->cut = p->frame.cut ? PAGE_HTML_MAX : 0;
}

/* Takes the next pair of a list. */
static bool next_pair(struct page *p, const struct page_list *l, size_t i)
{
    p->more = l->more;
    if (i == l->n || l->pairs.failed)
        return false;
    p->about = i == 0 ? l->pairs.p : p->url + strlen(p->url) + 1;
    p->url = p->about + strlen(p->about) + 1;
    return true;
}

static bool has_remotes(const struct page *p) { return p->frame.remote.n > 0; }
static bool next_remote(struct page *p, size_t i) { return next_pair(p, &p->frame.remote, i); }
static bool has_links(const struct page *p) { return p->frame.links.n > 0; }
static bool next_link(struct page *p, size_t i) { return next_pair(p, &p->frame.links, i); }
static struct span url(const struct page *p) { return span_of(p->url); }
static struct span about(const struct page *p) { return span_of(p->about); }

static bool is_text_of_html(const struct page *p) { return p->m->text == NULL && p->m->html != NULL; }

static void put_text(struct page *p)
{
    struct page_limited limited = {.t = p->t, .how = PAGE_LINES, .left = TEXT_MAX};
    if (p->m->text != NULL)
        message_body_text(p->m, p->m->text, page_into(&limited));
    else if (p->m->html != NULL)
        html_text(p->m, p->m->html, page_into(&limited), NULL, NULL);
    p->cut = limited.cut ? TEXT_MAX : 0;
}

/* ---- the envelope ---- */

static struct span sender(const struct page *p) { return p->mail->sender; }
static struct span sender_params(const struct page *p) { return p->mail->sender_params; }

static bool next_recipient(struct page *p, size_t i)
{
    size_t n = p->mail->n_recipients;
    p->recipient = i;
    p->more = n > LISTED_MAX ? n - LISTED_MAX : 0;
    return i < n && i < LISTED_MAX;
}

static struct span recipient(const struct page *p) { return p->mail->recipients[p->recipient].address; }
static struct span params(const struct page *p) { return p->mail->recipients[p->recipient].params; }
static bool is_hidden(const struct page *p) { return !p->named[p->recipient]; }
static struct span address(const struct page *p) { return span_of(p->mail->address); }
static struct span helo(const struct page *p) { return p->mail->helo; }
static struct span protocol(const struct page *p) { return span_of(p->mail->protocol); }
static struct span tls(const struct page *p) { return span_of(p->mail->tls != NULL ? p->mail->tls->version : NULL); }
static struct span user(const struct page *p) { return p->mail->user; }

/* ---- the header ---- */

static bool next_field(struct page *p, size_t i)
{
    p->header = i == 0 ? p->m->parts->header : p->header;
    p->more = 0;
    if (i < LISTED_MAX)
        return header_take_field(p->m, &p->header, &p->field);
    while (header_take_field(p->m, &p->header, &p->field))
        p->more++;
    return false;
}

static struct span field(const struct page *p) { return p->field.name; }

static void put_value(struct page *p)
{
    words_text(p->m, p->field.value, into_line(p, VALUE_MAX));
    end_line(p);
}

static void put_octets_as_came(struct page *p, struct span s, size_t max)
{
    struct page_limited limited = {.t = p->t, .how = PAGE_LINES, .left = max};
    sink_put(page_into(&limited), s.p, s.n);
    p->cut = limited.cut ? max : 0;
}

static void put_header(struct page *p) { put_octets_as_came(p, p->m->parts->header, HEADER_MAX); }
static void put_source(struct page *p) { put_octets_as_came(p, p->m->octets, TEXT_MAX); }

/* ---- attachments ---- */

static bool next_attachment(struct page *p, size_t i)
{
    p->attachment = message_next_attachment(p->m, i == 0 ? NULL : p->attachment);
    p->room = i == 0 ? ATTACHED_MAX : p->room;
    if (p->attachment == NULL)
        return false;
    p->octets = message_digest(p->m, p->attachment, p->digest);
    p->embedded = p->octets <= p->room;
    p->room -= p->embedded ? (size_t)p->octets : 0;
    return true;
}

static bool is_embedded(const struct page *p) { return p->embedded; }

/* The browser does not learn the type, so it saves the attachment and does not show it. */
static void put_data(struct page *p) { page_add_data(p->m, p->attachment, p->t, "application/octet-stream"); }

static void put_file_name(struct page *p)
{
    char name[MESSAGE_FILE_NAME_MAX];
    if (!message_file_name(p->m, p->attachment, p->mail->n, name))
        p->t->failed = true;
    else
        put(p, span_of(name));
}

static void put_name(struct page *p)
{
    size_t before = p->t->n;
    (void)message_filename(p->m, p->attachment, into_line(p, WORDS_MAX));
    end_line(p);
    if (p->t->n == before)
        text_add_string(p->t, "(no name)");
}

static void put_type(struct page *p)
{
    struct sink to = into_line(p, WORDS_MAX);
    header_lower(p->attachment->type, to);
    sink_put(to, "/", 1);
    header_lower(p->attachment->subtype, to);
    end_line(p);
}

static void put_octets(struct page *p) { put_count(p, p->octets, "octet"); }
static struct span digest(const struct page *p) { return span_of(p->digest); }

/* ---- problems and the dialogue ---- */

static bool next_problem(struct page *p, size_t i)
{
    int next = i == 0 ? 0 : (int)p->problem + 1;
    while (next < PROBLEMS && !problems_have(&p->mail->problems, (enum problem)next))
        next++;
    p->problem = (enum problem)next;
    return next < PROBLEMS;
}

static struct span problem(const struct page *p) { return span_of(problem_about(p->problem)->name); }
static struct span sentence(const struct page *p) { return span_of(problem_about(p->problem)->sentence); }
static struct span section(const struct page *p) { return span_of(problem_about(p->problem)->section); }

static bool has_dialogue(const struct page *p) { return p->mail->dialogue.n > 0; }
static void put_dialogue(struct page *p) { page_escape(p->t, p->mail->dialogue, PAGE_LINES); }

/* ---- the verdict ---- */

static bool is_interrupted(const struct page *p) { return p->end->status > 128; }

static struct span met(const struct page *p)
{
    return span_of(p->end->status == 0 ? "met" : is_interrupted(p) ? "open" : "unmet");
}

static struct span verdict(const struct page *p)
{
    return span_of(p->end->status == 0 ? "As expected" : is_interrupted(p) ? "Interrupted" : "Not as expected");
}

static struct span reason(const struct page *p) { return p->end->reason; }
static void put_status(struct page *p) { text_add_number(p->t, (uint64_t)p->end->status); }

static bool next_row(struct page *p, size_t i)
{
    p->rows = i == 0 ? p->end->rows : p->rows;
    if (p->rows.n == 0)
        return false;
    p->met = *p->rows.p == '+';
    span_skip(&p->rows, 1);
    p->expected = take_until(&p->rows, '\0');
    p->came = take_until(&p->rows, '\0');
    return true;
}

static struct span row_met(const struct page *p) { return span_of(p->met ? "met" : "unmet"); }
static struct span expected(const struct page *p) { return p->expected; }
static struct span came(const struct page *p) { return p->came; }
static bool has_remarks(const struct page *p) { return p->end->remarks.n > 0; }

static bool next_remark(struct page *p, size_t i)
{
    p->remarks = i == 0 ? p->end->remarks : p->remarks;
    if (p->remarks.n == 0)
        return false;
    p->remark = take_until(&p->remarks, '\n');
    return true;
}

static struct span remark(const struct page *p) { return p->remark; }

/* ---- the template ---- */

/* A name of the template.  It has a text, or `put` adds one.  `next` finds the next of several.  A section of a name
   without `next` stands if `is` says so; without `is`, if there is any text. */
struct name {
    const char *name;
    struct span (*text)(const struct page *p);
    void (*put)(struct page *p);
    bool (*is)(const struct page *p);
    bool (*next)(struct page *p, size_t i); /* i: how many there have been */
};

static const struct name names[] = {
    /* the list */
    {"n", .put = put_n},
    {"single", .is = is_single},
    {"subject", .put = put_subject},
    {"datetime", .put = put_datetime},
    {"time", .put = put_time},
    {"from", .put = put_from},
    {"to", .put = put_to},
    {"size", .put = put_mail_size},
    {"attachments", .put = put_attachments},
    {"bcc", .put = put_bcc},
    {"problems", .put = put_problems},
    {"fits", .put = put_fits, .is = fits},
    {"misses", .put = put_misses, .is = misses},
    /* of several texts and lists */
    {"cut", .put = put_cut},
    {"more", .put = put_more},
    /* HTML and text */
    {"html", .put = put_html, .is = has_html},
    {"remotes", .is = has_remotes},
    {"remote", .next = next_remote},
    {"links", .is = has_links},
    {"link", .next = next_link},
    {"url", .text = url},
    {"about", .text = about},
    {"text", .put = put_text},
    {"text_of_html", .is = is_text_of_html},
    /* the envelope */
    {"sender", .text = sender},
    {"sender_params", .text = sender_params},
    {"recipient", .text = recipient, .next = next_recipient},
    {"params", .text = params},
    {"hidden", .is = is_hidden},
    {"address", .text = address},
    {"helo", .text = helo},
    {"protocol", .text = protocol},
    {"tls", .text = tls},
    {"user", .text = user},
    /* the header, and the source */
    {"field", .text = field, .next = next_field},
    {"value", .put = put_value},
    {"header", .put = put_header},
    {"source", .put = put_source},
    /* attachments */
    {"attachment", .next = next_attachment},
    {"data", .put = put_data, .is = is_embedded},
    {"file_name", .put = put_file_name},
    {"name", .put = put_name},
    {"type", .put = put_type},
    {"octets", .put = put_octets},
    {"sha256", .text = digest},
    /* problems, and the dialogue */
    {"problem", .text = problem, .next = next_problem},
    {"sentence", .text = sentence},
    {"section", .text = section},
    {"dialogue", .put = put_dialogue, .is = has_dialogue},
    /* the verdict */
    {"met", .text = met},
    {"verdict", .text = verdict},
    {"reason", .text = reason},
    {"status", .put = put_status},
    {"row", .next = next_row},
    {"row_met", .text = row_met},
    {"expected", .text = expected},
    {"came", .text = came},
    {"remarks", .is = has_remarks},
    {"remark", .text = remark, .next = next_remark},
};

static const struct name *find_name(struct span s)
{
    const struct name *n = names, *end = names + sizeof names / sizeof names[0];
    while (n < end && !span_is(s, n->name))
        n++;
    assert(n < end);
    return n;
}

static void put_named(struct page *p, const struct name *n)
{
    if (n->put != NULL)
        n->put(p);
    else
        put(p, n->text(p));
}

/* Whether the section of a name stands, once more if it may do so several times. */
static bool stands(struct page *p, const struct name *n, size_t i)
{
    if (n->next != NULL)
        return n->next(p, i);
    if (n->is != NULL)
        return i == 0 && n->is(p);
    size_t before = p->t->n;
    put_named(p, n);
    bool any = p->t->n > before;
    p->t->n = before;
    return i == 0 && any;
}

/* Takes what is up to the end of a section off the front of the template. */
static struct span take_section(struct span *t, struct span name)
{
    struct span s = {t->p, 0};
    while (!(span_starts(*t, "{{/") && span_same((struct span){t->p + 3, name.n}, name) && t->p[3 + name.n] == '}')) {
        span_skip(t, 1);
        assert(t->n > name.n + 5);
    }
    s.n = (size_t)(t->p - s.p);
    span_skip(t, name.n + 5);
    return s;
}

/* Sections are within each other, as deep as the template has them. */
static void put_template(struct page *p, struct span t)
{
    while (t.n > 0) {
        const char *brace = t.p;
        while ((brace = memchr(brace, '{', (size_t)(t.p + t.n - brace))) != NULL && brace[1] != '{')
            brace++;
        text_add(p->t, t.p, brace != NULL ? (size_t)(brace - t.p) : t.n);
        if (brace == NULL)
            return;
        span_skip(&t, (size_t)(brace - t.p) + 2);
        char kind = *t.p;
        span_skip(&t, kind == '#' || kind == '^');
        struct span word = take_until(&t, '}');
        span_skip(&t, 1);
        const struct name *n = find_name(word);
        if (kind != '#' && kind != '^') {
            put_named(p, n);
            continue;
        }
        struct span section_text = take_section(&t, word);
        if (kind == '^' && !stands(p, n, 0))
            put_template(p, section_text);
        for (size_t i = 0; kind == '#' && stands(p, n, i); i++)
            put_template(p, section_text);
    }
}

struct span page_begin(bool single, unsigned piece)
{
    return span_of(piece == 0 ? page_head : piece > 1 ? NULL : single ? page_single : page_run);
}

static void put_message(struct text *t, const struct mail *mail, struct message *m, size_t expectations, bool single)
{
    static const char *const named[] = {"to", "cc", "bcc", "resent-to", "resent-cc", "resent-bcc", NULL};
    struct message before = message_begin_aside(m); /* problems have been found already */
    struct page p = {.t = t, .mail = mail, .m = m, .expectations = expectations, .single = single};
    p.named = recipients_named(m, mail, named);
    if (p.named != NULL) {
        put_template(&p, span_of(page_message));
        put_template(&p, span_of(page_facts));
    }
    free(p.named);
    free(p.frame.remote.pairs.p);
    free(p.frame.links.pairs.p);
    message_end_aside(m, &before);
}

void render_page(struct text *t, const struct mail *mail, struct message *m, size_t expectations)
{
    put_message(t, mail, m, expectations, false);
}

void render_single_page(struct text *t, const struct mail *mail, struct message *m, size_t expectations)
{
    struct span piece;
    for (unsigned i = 0; (piece = page_begin(true, i)).n > 0; i++)
        text_add(t, piece.p, piece.n);
    put_message(t, mail, m, expectations, true);
    text_add_string(t, page_single_end);
}

void page_end(struct text *t, const struct page_end *end)
{
    struct page p = {.t = t, .end = end};
    put_template(&p, span_of(page_verdict));
}
