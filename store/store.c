/* SPDX-License-Identifier: ISC */
/*
 * store.c - storing a mail.
 *
 * A file can be removed again, octets in a stream cannot be taken back.  So the
 * file is published first, as the JSON names it; then the mail is examined, and
 * its attachments are written; the stream comes last.  Where files go beside that
 * of the mail, it is examined first, and they are published before it, so that
 * who finds the mail finds them.  If a step fails, store_drop() undoes those
 * before it.
 */
#include "store/inside.h"

int store_open(struct store *s, const struct store_options *o, struct failure *why)
{
    s->o = *o;
    if (o->stream < 0)
        s->o.format = STORE_NONE;
    s->looks = s->o.format == STORE_JSON || s->o.format == STORE_TEXT || store_makes_page(&s->o) ||
               o->attachments != NULL || o->n_matches > 0 || o->lint ||
               (o->beside & ~(1u << STORE_BESIDE_ENVELOPE)) != 0;
    s->wants = s->looks || o->searched || o->directory != NULL || o->stream >= 0;
    stream_open(&s->stream, &s->o);
    if (place_open(&s->attachments, o->attachments, false, o->fsync, false) < 0)
        *why = (struct failure){errno, o->attachments};
    else if (place_open(&s->place, o->directory, o->maildir, o->fsync, o->fresh) < 0)
        *why = (struct failure){errno, o->directory};
    else if (place_open(&s->beside, o->beside != 0 ? o->directory : NULL, false, o->fsync, false) < 0)
        *why = (struct failure){errno, o->directory};
    else
        return 0;
    store_close(s);
    return -1;
}

void store_close(struct store *s)
{
    examiner_close(s);
    place_close(&s->place);
    place_close(&s->attachments);
    place_close(&s->beside);
}

/* A mail does not overtake those that wait already. */
static bool has_turn(const struct store *s, const struct spool *p) { return s->waiting == 0 || p->waits; }

static void set_waits(struct store *s, struct spool *p, bool waits)
{
    s->waiting -= p->waits;
    p->waits = waits;
    s->waiting += p->waits;
}

void store_drop(struct spool *p)
{
    struct store *s = p->store;
    if (p->place == NULL)
        return;
    examiner_leave(s, p);
    stream_leave(&s->stream, p);
    set_waits(s, p, false);
    if (p->beside != NULL || p->attached.n > 0) {
        place_drop(p->place, &p->file);
        beside_remove(s, p);
        beside_close(p);
        attachments_remove(s, p);
    }
    spool_drop(p);
}

static enum store_outcome fail(struct spool *p, struct failure *why)
{
    *why = p->failure;
    store_drop(p);
    return STORE_FAILED;
}

/* After it has waited, the mail still has its turn in store_finish(). */
enum store_outcome store_search(struct spool *p, struct store_search *search)
{
    struct store *s = p->store;
    enum store_outcome outcome = STORE_WAITS;
    bool begins = p->search == NULL;
    p->search = search;
    if (begins && spool_complete(p) < 0)
        outcome = STORE_FAILED;
    else if (has_turn(s, p))
        outcome = examiner_go_on(s, p);
    if (outcome == STORE_WAITS)
        set_waits(s, p, true);
    else
        p->search = NULL;
    return outcome;
}

enum store_outcome store_finish(struct store *s, struct spool *p, struct mail *mail, struct failure *why)
{
    if (spool_complete(p) < 0)
        return fail(p, why);
    if (s->o.directory != NULL && (s->o.beside != 0 ? beside_begin(s, p, mail) : spool_publish(p, "")) < 0)
        return fail(p, why);
    if (s->o.format == STORE_MBOX)
        envelope_mbox_line(mail, &p->front);
    if (spool_check_text(p, &p->front) < 0)
        return fail(p, why);
    mail->fits = s->o.expectations;
    p->mail = s->looks ? mail : NULL;
    return store_go_on(s, p, why);
}

/* Examines a mail that goes with files beside its own, and publishes these.  The JSON names the file of the mail, so it
   is made again for another name. */
static enum store_outcome examine_and_publish(struct store *s, struct spool *p)
{
    for (int taken = 1;; taken++) {
        struct mail *mail = p->mail;
        enum store_outcome outcome = mail != NULL ? examiner_go_on(s, p) : STORE_DONE;
        if (outcome != STORE_DONE || beside_publish(s, p) == 0)
            return outcome;
        if (p->failure.error != EEXIST || beside_begin_again(s, p, taken) < 0)
            return STORE_FAILED;
        p->mail = mail;
        if (mail != NULL)
            mail->fits = s->o.expectations;
    }
}

enum store_outcome store_go_on(struct store *s, struct spool *p, struct failure *why)
{
    enum store_outcome outcome = has_turn(s, p) ? STORE_DONE : STORE_WAITS;
    if (outcome == STORE_DONE && p->beside != NULL && !p->file.published)
        outcome = examine_and_publish(s, p);
    else if (outcome == STORE_DONE && p->mail != NULL)
        outcome = examiner_go_on(s, p);
    if (outcome == STORE_DONE && s->o.stream >= 0 && !p->skips)
        outcome = stream_put(&s->stream, p);
    if (outcome == STORE_FAILED)
        return fail(p, why);
    set_waits(s, p, outcome == STORE_WAITS);
    if (outcome == STORE_DONE) { /* store_drop() must not remove them now */
        p->file.published = false;
        p->attached.n = 0;
        if (p->beside != NULL)
            beside_close(p);
    }
    return outcome;
}

int store_begin_page(struct store *s) { return stream_begin_page(&s->stream); }

int store_end_page(struct store *s, struct span end, int64_t until) { return stream_end_page(&s->stream, end, until); }

static bool waits_for_lock(const struct stream *s) { return s->owner != NULL && !s->locked; }

struct store_wait store_waits_for(const struct store *s)
{
    if (s->examiner.mail != NULL)
        return (struct store_wait){.fd = s->examiner.done[0]};
    if (!s->stream.is_file)
        return (struct store_wait){.fd = s->stream.fd, .write = true};
    return (struct store_wait){.fd = -1, .after = waits_for_lock(&s->stream) ? STORE_LOCK_RETRY : 0};
}

void store_give_up(struct store *s, struct spool *p, struct failure *why)
{
    bool locked = waits_for_lock(&s->stream), reads = s->stream.is_file || p->mail != NULL || p->search != NULL;
    examiner_leave(s, p);
    (void)spool_fail(p,
                     locked  ? ENOLCK
                     : reads ? ECANCELED
                             : ETIMEDOUT,
                     s->o.stream >= 0 ? s->o.stream_name : place_name(p->place));
    (void)fail(p, why);
}
