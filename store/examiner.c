/* SPDX-License-Identifier: ISC */
/*
 * examiner.c - reading a mail: what matches, its attachments, JSON, text or a page.
 *
 * A mail that fits in memory is read at once.  Reading a large one takes
 * seconds, and so may a slow expression, so a thread does it while others are
 * served.  One mail is examined at a time; the server waits for an octet in a
 * pipe.  Until then the mail, its spool and the directory of attachments are the
 * thread's.
 */
#include "store/inside.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    STACK = 1024 * 1024,      /* octets; with some libraries a thread has too little by itself */
    STEPS = 16 * 1024 * 1024, /* of matching, that others can wait for: less than 0.1 s */
    PATH = 256,               /* octets of a recipient, RFC 5321 4.5.3.1.3 */
};

static int search_message(struct spool *p, struct message *m)
{
    struct mail searched = *p->search->mail;
    struct text had = {NULL, 0, 0, false};
    searched.fits = UINT64_MAX;
    match_all(p->search->matches, p->search->n, m, &searched, &had);
    bool failed = had.failed || message_failed(m);
    free(had.p);
    p->search->found = failed ? 0 : searched.fits;
    return failed ? spool_fail(p, ENOMEM, "memory") : 0;
}

/* Adds the mail to the page of the stream, and the page beside it.  False if there is no memory. */
static bool add_pages(struct store *s, struct spool *p, struct mail *mail, struct message *m)
{
    struct text *stream = s->o.format == STORE_HTML && !p->skips ? &p->front : NULL, *beside = beside_page(s, p);
    size_t expectations = 0; /* the number of the last one; 0: messages need not match */
    for (uint64_t all = s->o.n_matches > 0 ? s->o.expectations : 0; all != 0; all >>= 1)
        expectations++;
    if (stream != NULL)
        render_page(stream, mail, m, expectations);
    if (beside != NULL)
        render_single_page(beside, mail, m, expectations);
    return !((stream != NULL && stream->failed) || (beside != NULL && beside->failed));
}

static int examine_message(struct store *s, struct spool *p, struct mail *mail, struct message *m)
{
    match_all(s->o.matches, s->o.n_matches, m, mail, &p->had);
    if (spool_check_text(p, &p->had) < 0)
        return -1;
    p->skips = s->o.selects && mail->fits == 0;
    if (!p->skips && s->o.attachments != NULL && attachments_save(s, p, mail->n, m) < 0)
        return -1;
    struct text *json = beside_json(s, p), *text = beside_text(s, p);
    if (json != NULL)
        render_json(json, mail, m);
    else if (s->o.lint || s->o.format == STORE_JSON || store_makes_page(&s->o))
        lint(m, mail);
    if (text != NULL)
        render_text(text, mail, m);
    bool paged = add_pages(s, p, mail, m);
    bool failed = !paged || message_failed(m) || (json != NULL && json->failed) || (text != NULL && text->failed);
    return failed ? spool_fail(p, ENOMEM, "memory") : 0;
}

static int examine(struct store *s, struct spool *p)
{
    struct span octets;
    if (p->search == NULL && s->o.directory != NULL) {
        p->path.n = 0;
        place_add_path(p->place, &p->file, &p->path);
        if (spool_check_text(p, &p->path) < 0)
            return -1;
        p->mail->file = p->path.p;
    }
    if (spool_look(p, &octets) < 0)
        return -1;
    span_skip(&octets, (size_t)p->ours);
    struct message *m = message_open(octets);
    int status = -1;
    if (m != NULL) {
        message_stop_on(m, &s->examiner.stop);
        message_forget_by(m, (struct sink){spool_forget, NULL});
        status = p->search != NULL ? search_message(p, m) : examine_message(s, p, p->mail, m);
    } else {
        (void)spool_fail(p, ENOMEM, "memory");
    }
    message_close(m);
    return spool_look_away(p) < 0 ? -1 : status;
}

/* ---- the thread ---- */

static void *run(void *store)
{
    struct store *s = store;
    s->examiner.status = examine(s, s->examiner.mail);
    while (write(s->examiner.done[1], "", 1) < 0 && errno == EINTR)
        continue;
    return NULL;
}

static bool open_pipe(struct examiner *e)
{
    if (!e->has_pipe && pipe(e->done) == 0) {
        e->has_pipe = true;
        for (int i = 0; i < 2; i++) {
            if (fcntl(e->done[i], F_SETFD, FD_CLOEXEC) < 0 || fcntl(e->done[i], F_SETFL, O_NONBLOCK) < 0)
                return false;
        }
    }
    return e->has_pipe;
}

/* Starts the thread, which gets no signals, as they are for the server.  False if it cannot be started. */
static bool start(struct store *s, struct spool *p)
{
    struct examiner *e = &s->examiner;
    pthread_attr_t attributes;
    sigset_t all, mask;
    if (!open_pipe(e) || pthread_attr_init(&attributes) != 0)
        return false;
    e->mail = p;
    atomic_store(&e->stop, false);
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &mask);
    bool started =
        pthread_attr_setstacksize(&attributes, STACK) == 0 && pthread_create(&e->thread, &attributes, run, s) == 0;
    (void)pthread_sigmask(SIG_SETMASK, &mask, NULL);
    (void)pthread_attr_destroy(&attributes);
    if (!started)
        e->mail = NULL;
    return started;
}

static void join(struct examiner *e)
{
    (void)pthread_join(e->thread, NULL);
    e->mail = NULL;
}

static bool takes_long(const struct store *s, const struct spool *p)
{
    const struct mail *mail = p->search != NULL ? p->search->mail : p->mail;
    uint64_t octets = p->octets.n + PATH * (uint64_t)mail->n_recipients;
    uint64_t steps =
        p->search != NULL ? match_steps(p->search->matches, p->search->n) : match_steps(s->o.matches, s->o.n_matches);
    return p->octets.p == NULL || steps * octets > STEPS;
}

enum store_outcome examiner_go_on(struct store *s, struct spool *p)
{
    struct examiner *e = &s->examiner;
    char octet;
    if (e->mail == NULL && takes_long(s, p) && start(s, p))
        return STORE_WAITS;
    if (e->mail == NULL) {
        e->status = examine(s, p);
    } else {
        if (e->mail != p || read(e->done[0], &octet, 1) != 1)
            return STORE_WAITS;
        join(e);
    }
    if (p->search == NULL)
        p->mail = NULL;
    return e->status < 0 ? STORE_FAILED : STORE_DONE;
}

void examiner_leave(struct store *s, struct spool *p)
{
    struct examiner *e = &s->examiner;
    char octet;
    if (e->mail != p)
        return;
    atomic_store(&e->stop, true);
    join(e);
    (void)!read(e->done[0], &octet, 1);
}

void examiner_close(struct store *s)
{
    for (int i = 0; i < 2 && s->examiner.has_pipe; i++)
        (void)close(s->examiner.done[i]);
}
