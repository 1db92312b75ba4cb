/*
 * deliver.c - the message of a session.
 *
 * Storing is a verdict: a message is stored before its 250, and counted when
 * its 250 has been sent.  LMTP asks for a verdict once for each recipient
 * (RFC 2033 4.2); the message is stored at the first one, for those who will
 * accept it, and counted when the last of these has had his reply.
 */
#include "serve/inside.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* ---- its octets ---- */

static bool begin(struct server *v, struct server_session *s)
{
    struct heard *h = s->heard;
    if (h->message != NULL)
        return true;
    if (!fault_choose_answers(v, s))
        return false;
    h->message = v->spare != NULL ? v->spare : malloc(sizeof *h->message);
    v->spare = NULL;
    if (h->message == NULL)
        return false;
    save_begin(h->message, v->o->save, h->envelope.binary);
    if (v->o->headers)
        envelope_add_headers(&h->envelope, h->message, &s->peer, v->o->smtp->hostname, s->number);
    h->message->ours = h->message->total;
    return true;
}

/* Keeps how it begins, for the listing. */
static void keep_head(struct server *v, struct server_session *s, struct span octets)
{
    if (!listing_has_room(&v->came) || s->heard->head.n >= LISTING_HEAD_MAX)
        return;
    size_t room = LISTING_HEAD_MAX - s->heard->head.n;
    text_add(&s->heard->head, octets.p, octets.n < room ? octets.n : room);
}

void deliver_body(struct server *v, struct server_session *s, struct span octets)
{
    keep_head(v, s, octets);
    s->heard->incomplete = s->heard->incomplete || !begin(v, s);
    if (!s->heard->incomplete)
        save_add(s->heard->message, octets.p, octets.n);
}

void deliver_drop(struct server *v, struct server_session *s)
{
    struct heard *h = s->heard;
    if (h == NULL)
        return;
    h->incomplete = false;
    free(h->head.p);
    h->head = (struct text){NULL, 0, 0, false};
    fault_take_back(s);
    if (h->message != NULL) {
        save_drop(h->message);
        free(v->spare);
        v->spare = h->message;
        h->message = NULL;
    }
}

/* ---- storing ---- */

/* The reply to the message, whoever asks: under LMTP that is one recipient after the other. */
static void refuse(struct server_session *s, int code, const char *enhanced, const char *text)
{
    s->heard->refusal = (struct refusal){code, enhanced, text};
}

/* The first failure is the one that the user is told of. */
static void storing_failed(struct server *v, struct server_session *s, int error, const char *culprit)
{
    v->news = true;
    v->reader_gone = v->reader_gone || error == EPIPE;
    if (v->failed++ == 0) {
        v->error = error;
        (void)snprintf(v->culprit, sizeof v->culprit, "%s", culprit);
    }
    if (error == ENOSPC || error == EDQUOT || error == EFBIG)
        refuse(s, 452, "4.3.1", "There is no room for the message");
    else
        refuse(s, 451, "4.3.0", "The message could not be written");
}

/* Messages that do not count are never one too many, as long as one that does is awaited. */
bool deliver_is_full(const struct server *v)
{
    return v->o->max_messages > 0 && v->counted + v->pending >= v->o->max_messages;
}

/* What there is to say of the message. */
static struct mail describe(const struct server *v, const struct server_session *s, const struct smtp_event *e)
{
    const struct envelope *env = &s->heard->envelope;
    return (struct mail){
        .n = v->stored + 1,
        .size = e->size,
        .examined = v->o->smtp->examine,
        .converted = !s->heard->message->crlf,
        .address = s->peer.address,
        .port = s->peer.port,
        .helo = text_span(&env->helo),
        .protocol = envelope_protocol(env),
        .user = env->authenticated ? text_span(&env->user) : (struct span){NULL, 0},
        .tls = env->tls,
        .sender = text_span(&env->sender),
        .sender_params = text_span(&env->sender_params),
        .recipients = env->recipients.p,
        .recipient_params = env->recipient_params.p,
        .n_recipients = env->n_recipients,
        .utf8 = env->utf8,
        .binary = env->binary,
        .problems = s->heard->problems,
    };
}

static void note_stored(struct server *v, struct server_session *s, const struct mail *mail)
{
    struct problems found = mail->problems;
    problems_subtract(&found, &s->heard->problems);
    session_note(v, s, &found);
    listing_add(&v->came, mail, text_span(&s->heard->head));
    v->stored++;
    s->counts = mail->failed == NULL;
    v->pending += s->counts;
    s->pending = true;
}

static void finish(struct server *v, struct server_session *s, const struct smtp_event *e)
{
    char line[ENVELOPE_MBOX_LINE_MAX]; /* long: not to be cleared for nothing */
    line[0] = '\0';
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    struct mail mail = describe(v, s, e);
    mail.time = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
    if (v->o->save->o.format == SAVE_MBOX)
        envelope_mbox_line(&s->heard->envelope, now.tv_sec, line);
    console_status(v->o->console, "");
    int status = save_finish(s->heard->message, &(struct save_about){line, &mail});
    v->now = clock_now(); /* that may have taken a while, */
    v->news = true;       /* and save_options.wait may have learned of something */
    if (status == 0)
        note_stored(v, s, &mail);
    else
        storing_failed(v, s, s->heard->message->error, s->heard->message->culprit);
}

static void store(struct server *v, struct server_session *s, const struct smtp_event *e)
{
    if (deliver_is_full(v))
        refuse(s, 421, "4.3.2", "No more messages are taken");
    else if (s->heard->incomplete || !begin(v, s))
        storing_failed(v, s, ENOMEM, "memory");
    else
        finish(v, s, e);
}

/* ---- the end ---- */

static bool refuses(const struct rule *r)
{
    return r != NULL && r->action == RULES_REPLY && !smtp_is_positive(SMTP_EOM, r->code);
}

/* The first reply that is due decides what becomes of the message. */
static void decide(struct server *v, struct server_session *s, const struct smtp_event *e, const struct rule *r)
{
    s->heard->refusal = (struct refusal){0, NULL, NULL};
    s->heard->fault.used = smtp_is_positive(SMTP_EOM, e->code); /* else the engine has refused it by itself */
    if (s->heard->fault.used && fault_decide(s, e, r))
        store(v, s, e);
    v->refused += e->code != 0 && !s->pending;
    s->heard->problems = (struct problems){{0, 0}}; /* what comes now is of the next one */
    deliver_drop(v, s);
}

const struct rule *deliver_end(struct server *v, struct server_session *s, struct smtp_event *e, const struct rule *r)
{
    if (e->recipient <= 1)
        decide(v, s, e, r);
    if (e->code == 0)
        return NULL;
    if (s->heard->refusal.code != 0 && !refuses(r))
        smtp_reply(&s->smtp, e, s->heard->refusal.code, s->heard->refusal.enhanced, s->heard->refusal.text);
    else if (r != NULL && r->action == RULES_REPLY)
        smtp_reply_raw(&s->smtp, e, r->code, (struct span){r->reply, r->reply_n});
    if (s->pending && e->recipient == s->heard->fault.last_accepted)
        s->heard->mark = smtp_written(&s->smtp) + smtp_prepared(&s->smtp).n;
    return r;
}
