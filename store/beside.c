/* SPDX-License-Identifier: ISC */
/*
 * beside.c - files beside that of a mail: the mail as JSON, as text and as a page,
 * and its envelope.
 *
 * The JSON names the file of the mail, so its name is chosen before the mail is
 * examined.  The files are published in one order, that of the mail last, so a
 * program that finds a mail finds what is beside it, and several processes agree
 * on which of them has a number.  If another process takes the number first, the
 * files are removed, and made again for the next number.
 */
#include "store/inside.h"

#include <stdlib.h>
#include <unistd.h>

static bool is_wanted(const struct store *s, enum store_beside kind) { return s->o.beside >> kind & 1; }

/* One text goes to the stream as well, if that has the same format. */
static struct text *where(struct store *s, struct spool *p, enum store_beside kind, enum store_format format)
{
    if (s->o.format == format && !p->skips)
        return &p->front;
    return p->beside != NULL && is_wanted(s, kind) ? &p->beside->made[kind] : NULL;
}

struct text *beside_json(struct store *s, struct spool *p) { return where(s, p, STORE_BESIDE_JSON, STORE_JSON); }
struct text *beside_text(struct store *s, struct spool *p) { return where(s, p, STORE_BESIDE_TEXT, STORE_TEXT); }

struct text *beside_page(struct store *s, struct spool *p)
{
    return p->beside != NULL && is_wanted(s, STORE_BESIDE_HTML) ? &p->beside->made[STORE_BESIDE_HTML] : NULL;
}

int beside_begin(struct store *s, struct spool *p, const struct mail *mail)
{
    if ((p->beside = calloc(1, sizeof *p->beside)) == NULL)
        return spool_fail(p, ENOMEM, "memory");
    struct text *envelope = &p->beside->made[STORE_BESIDE_ENVELOPE];
    if (is_wanted(s, STORE_BESIDE_ENVELOPE))
        envelope_add_file(mail, p, envelope);
    if (spool_check_text(p, envelope) < 0)
        return -1;
    return place_choose(p->place, &p->file, 0) < 0 ? spool_fail(p, errno, place_name(p->place)) : 0;
}

static int publish(struct store *s, struct spool *p, enum store_beside kind)
{
    struct text *made = &p->beside->made[kind];
    struct span text = text_span(made->p != NULL ? made : &p->front);
    struct spool f;
    spool_begin_file(&f, &s->beside);
    f.crlf = kind != STORE_BESIDE_ENVELOPE || s->o.crlf; /* the others have their line ends already */
    spool_add(&f, text.p, text.n);
    int status = spool_complete(&f);
    place_beside_name(kind, p->file.name, f.file.name);
    if (status == 0)
        status = spool_publish(&f, NULL);
    if (status < 0)
        (void)spool_fail(p, f.failure.error, f.failure.what);
    p->beside->there[kind] = status == 0;
    /* spool_drop() keeps a file that is not marked; from here on beside_remove() removes it */
    f.file.published = f.file.published && status < 0;
    spool_drop(&f);
    return status;
}

int beside_publish(struct store *s, struct spool *p)
{
    for (int kind = 0; kind < STORE_BESIDES; kind++) {
        if (is_wanted(s, (enum store_beside)kind) && publish(s, p, (enum store_beside)kind) < 0)
            return -1;
    }
    return spool_publish(p, NULL);
}

int beside_begin_again(struct store *s, struct spool *p, int taken)
{
    beside_remove(s, p);
    attachments_remove(s, p);
    p->failure.error = 0;
    p->had.n = 0;
    for (int kind = STORE_BESIDE_TEXT; kind < STORE_BESIDES; kind++)
        p->beside->made[kind].n = 0;
    if (s->o.format != STORE_MBOX)
        p->front.n = 0;
    return place_choose(p->place, &p->file, taken) < 0 ? spool_fail(p, errno, place_name(p->place)) : 0;
}

void beside_remove(struct store *s, struct spool *p)
{
    for (int kind = STORE_BESIDES - 1; kind >= 0 && p->beside != NULL; kind--) {
        char name[PLACE_NAME_MAX];
        place_beside_name((enum store_beside)kind, p->file.name, name);
        if (p->beside->there[kind])
            (void)unlinkat(s->beside.final, name, 0);
        p->beside->there[kind] = false;
    }
}

void beside_close(struct spool *p)
{
    if (p->beside == NULL)
        return;
    for (int kind = 0; kind < STORE_BESIDES; kind++)
        free(p->beside->made[kind].p);
    free(p->beside);
    p->beside = NULL;
}
