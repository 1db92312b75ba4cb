/*
 * store.c - storing a mail.
 *
 * A file can be removed again, octets in a stream cannot be taken back.  So the
 * file is published first, as the JSON names it; then the mail is examined, and
 * its attachments are written; the stream comes last.  If a step fails,
 * spool_drop() undoes those before it.
 */
#include "store/inside.h"

int store_open(struct store *s, const struct store_options *o, struct failure *why)
{
    s->o = *o;
    if (o->stream < 0)
        s->o.format = STORE_NONE;
    s->looks =
        s->o.format == STORE_JSON || s->o.format == STORE_TEXT || o->attachments != NULL || o->n_matches > 0 || o->lint;
    s->wants = s->looks || o->directory != NULL || o->stream >= 0;
    stream_open(&s->stream, &s->o);
    if (place_open(&s->attachments, o->attachments, false, o->fsync) < 0)
        *why = (struct failure){errno, o->attachments};
    else if (place_open(&s->place, o->directory, o->maildir, o->fsync) < 0)
        *why = (struct failure){errno, o->directory};
    else
        return 0;
    store_close(s);
    return -1;
}

void store_close(struct store *s)
{
    place_close(&s->place);
    place_close(&s->attachments);
}

static int examine_message(struct store *s, struct spool *p, struct mail *mail, struct message *m)
{
    const struct match *failed = match_failed(s->o.matches, s->o.n_matches, m, mail, &p->had, &mail->has_none);
    mail->failed = failed != NULL ? failed->text : NULL;
    mail->had = text_span(&p->had);
    if (spool_check_text(p, &p->had) < 0)
        return -1;
    if (s->o.attachments != NULL && attachments_save(s, p, mail->n, m) < 0)
        return -1;
    if (s->o.format == STORE_JSON)
        render_json(&p->front, mail, m);
    if (s->o.format == STORE_TEXT)
        render_text(&p->front, mail, m);
    if (s->o.format != STORE_JSON && s->o.lint)
        lint(m, mail);
    return spool_check_text(p, &p->front);
}

static int examine(struct store *s, struct spool *p, struct mail *mail)
{
    struct span octets = p->octets;
    span_skip(&octets, (size_t)p->ours);
    if (s->o.directory != NULL) {
        place_add_path(p->place, &p->file, &p->path);
        if (spool_check_text(p, &p->path) < 0)
            return -1;
        mail->file = p->path.p;
    }
    struct message *m = message_open(octets);
    int status = m != NULL ? examine_message(s, p, mail, m) : spool_fail(p, ENOMEM, "memory");
    message_close(m);
    return status;
}

static enum store_outcome fail(struct spool *p, struct failure *why)
{
    *why = p->failure;
    spool_drop(p);
    return STORE_FAILED;
}

enum store_outcome store_finish(struct store *s, struct spool *p, struct mail *mail, struct failure *why)
{
    if (spool_complete(p, s->looks) < 0)
        return fail(p, why);
    if (s->o.directory != NULL && spool_publish(p, "") < 0)
        return fail(p, why);
    if (s->looks && examine(s, p, mail) < 0)
        return fail(p, why);
    if (s->o.format == STORE_MBOX)
        envelope_mbox_line(mail, &p->front);
    if (spool_check_text(p, &p->front) < 0)
        return fail(p, why);
    return store_go_on(s, p, why);
}

enum store_outcome store_go_on(struct store *s, struct spool *p, struct failure *why)
{
    enum store_outcome outcome = s->o.stream >= 0 ? stream_put(&s->stream, p) : STORE_DONE;
    if (outcome == STORE_FAILED)
        return fail(p, why);
    if (outcome == STORE_DONE) { /* spool_drop() must not remove them now */
        p->file.published = false;
        p->attached.n = 0;
    }
    return outcome;
}

int store_waits_for(const struct store *s) { return s->stream.is_file ? -1 : s->stream.fd; }

void store_give_up(struct store *s, struct spool *p, struct failure *why)
{
    (void)spool_fail(p, s->stream.is_file ? ENOLCK : ETIMEDOUT, s->o.stream_name);
    (void)fail(p, why);
}
