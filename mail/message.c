/*
 * message.c - what the parts of a message are to a reader.
 *
 * It is decided as mail programs do it (RFC 2046 5.1.3, RFC 2387): the text and
 * the HTML are the first part of that type, not within an attachment or another
 * message, and of a multipart/related only its root.  So all parts are collected
 * before anything is known of one.
 */
#include "mail/mail.h"

#include <stdlib.h>
#include <string.h>

static void put_text(void *context, const char *p, size_t n) { text_add(context, p, n); }

struct mime_sink message_into(struct text *t) { return (struct mime_sink){put_text, t}; }

static bool is_related(const struct message_part *p)
{
    return p->p.kind == MIME_MULTIPART && span_is(p->p.subtype, "related");
}

/* The Content-ID that start names, without its brackets. */
static struct span start_of(const struct message_part *related)
{
    struct span id = {related->start.p, related->start.n};
    bool brackets = id.n > 1 && id.p[0] == '<' && id.p[id.n - 1] == '>';
    return brackets ? (struct span){id.p + 1, id.n - 2} : id;
}

/* The root of a multipart/related is its first part, or the one that start names; RFC 2387 3.2.  i may be one of them.
 */
static void look_for_root(struct message *m, size_t i)
{
    struct message_part *p = &m->p[i], *related = &m->p[p->p.parent];
    if (is_related(p))
        (void)mime_param(&m->mime, p->p.content_type, "start", message_into(&p->start));
    if (i == 0 || !is_related(related) || related->root_named)
        return;
    if (related->root == MESSAGE_NONE)
        related->root = (ptrdiff_t)i;
    struct span own = p->p.id, id = start_of(related);
    if (own.n > 0 && own.n == id.n && memcmp(own.p, id.p, id.n) == 0) {
        related->root = (ptrdiff_t)i;
        related->root_named = true;
    }
}

void message_close(struct message *m)
{
    for (size_t i = 0; i < m->n; i++)
        free(m->p[i].start.p);
    free(m->p);
}

/* Whether it is part of what a reader sees first, and not of an attachment or of another message. */
static bool is_shown(const struct message *m, size_t i)
{
    while (!m->p[i].p.attachment && i != 0) {
        size_t parent = m->p[i].p.parent;
        const struct message_part *p = &m->p[parent];
        if (p->p.kind != MIME_MULTIPART || (span_is(p->p.subtype, "related") && p->root != (ptrdiff_t)i))
            return false;
        i = parent;
    }
    return !m->p[i].p.attachment;
}

static ptrdiff_t find_body(const struct message *m, const char *subtype)
{
    for (size_t i = 0; i < m->n; i++) {
        const struct mime_part *p = &m->p[i].p;
        if (p->kind == MIME_LEAF && span_is(p->type, "text") && span_is(p->subtype, subtype) && is_shown(m, i))
            return (ptrdiff_t)i;
    }
    return MESSAGE_NONE;
}

bool message_open(struct message *m, struct span octets)
{
    struct mime_part part;
    *m = (struct message){.text = MESSAGE_NONE, .html = MESSAGE_NONE};
    mime_open(&m->mime, octets);
    while (mime_next(&m->mime, &part)) {
        if (m->n == m->size) {
            size_t size = m->size > 0 ? m->size * 2 : 8;
            struct message_part *p = realloc(m->p, size * sizeof *p);
            if (p == NULL)
                return false;
            m->p = p;
            m->size = size;
        }
        m->p[m->n] = (struct message_part){.p = part, .root = MESSAGE_NONE};
        look_for_root(m, m->n++);
    }
    m->text = find_body(m, "plain");
    m->html = find_body(m, "html");
    return true;
}

/* Whether it lies in a message that is attached, of which it is told as a whole. */
static bool is_within_message(const struct message *m, size_t i)
{
    while (i != 0) {
        i = m->p[i].p.parent;
        if (m->p[i].p.kind == MIME_MESSAGE)
            return true;
    }
    return false;
}

bool message_is_attachment(const struct message *m, size_t i)
{
    const struct mime_part *p = &m->p[i].p;
    return p->kind != MIME_MULTIPART && (ptrdiff_t)i != m->text && (ptrdiff_t)i != m->html && !is_within_message(m, i);
}
