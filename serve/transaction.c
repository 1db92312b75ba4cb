/* SPDX-License-Identifier: ISC */
/*
 * transaction.c - a mail transaction (RFC 5321 3.3): MAIL, RCPT, mail data, and
 * their end.
 *
 * It uses the store and the rules of the options, and sets an outcome; it
 * knows neither the server nor the session.  A mail is stored before its 250.
 * LMTP asks for a reply once for each recipient (RFC 2033 4.2): the mail is
 * stored at the first one, for the recipients that accept it.
 *
 * The rule that a reply comes from:
 *
 *     BDAT                     its own, when the chunk has been read; at once if that breaks off
 *     a piece of mail data     none; a reply waits for the end, except a 421
 *     the end, SMTP            the one for the mail data, else for the last BDAT, else eom
 *     the end, LMTP            eom for the recipient if that refuses, else as with SMTP
 */
#include "serve/inside.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

/* ---- the envelope ---- */

/* The protocol, as RFC 3848 and RFC 6531 4.3 name it. */
static const char *protocol(const struct client *c, bool utf8)
{
    static const char *const names[4][4] = {
        {"ESMTP", "ESMTPS", "ESMTPA", "ESMTPSA"},
        {"LMTP", "LMTPS", "LMTPA", "LMTPSA"},
        {"UTF8SMTP", "UTF8SMTPS", "UTF8SMTPA", "UTF8SMTPSA"},
        {"UTF8LMTP", "UTF8LMTPS", "UTF8LMTPA", "UTF8LMTPSA"},
    };
    if (!c->extended)
        return "SMTP";
    return names[(utf8 ? 2 : 0) + (c->lmtp ? 1 : 0)][(c->tls != NULL ? 1 : 0) + (c->authenticated ? 2 : 0)];
}

bool transaction_begin(struct transaction **at, const struct client *c, const struct smtp_event *e, bool listed)
{
    struct transaction *t = *at != NULL ? *at : calloc(1, sizeof *t);
    *at = t;
    if (t == NULL)
        return false;
    transaction_drop(t);
    free(t->answers);
    t->answers = NULL;
    t->n_answers = 0;
    t->last_accepted = 0;
    t->listed = listed;
    t->failure.error = 0;
    if (!mail_begin(&t->mail, e->arg, e->params))
        return false;
    t->mail.session = c->session;
    t->mail.utf8 = e->utf8;
    t->mail.binary = e->binary;
    t->mail.address = c->peer->address;
    t->mail.port = c->peer->port;
    t->mail.helo = c->helo.n > 0 ? text_span(&c->helo) : (struct span){NULL, 0};
    t->mail.protocol = protocol(c, e->utf8);
    t->mail.user = c->authenticated && c->user.n > 0 ? text_span(&c->user) : (struct span){NULL, 0};
    t->mail.tls = c->tls;
    t->mail.argv = c->argv != NULL ? text_span(c->argv) : (struct span){NULL, 0};
    return true;
}

/* ---- mail data ---- */

/* Begins the spool, with the header fields of -e. */
static void begin_data(struct transaction *t, const struct server_options *o)
{
    t->has_data = true;
    spool_begin(&t->data, o->store, t->mail.binary, t->listed);
    if (o->headers) {
        t->mail.time = (int64_t)time(NULL) * 1000;
        envelope_add_headers(&t->mail, &t->data);
    }
}

static struct rule *find_rule(const struct transaction *t, const struct server_options *o,
                              struct rules_occasion *occasion)
{
    if (occasion->argument.p == NULL)
        occasion->mail = &t->mail;
    occasion->session = t->mail.session;
    occasion->past = o->past;
    occasion->contents = t->search.found;
    return rules_find(o->rules, o->n_rules, occasion);
}

const struct rule *transaction_add_data(struct transaction *t, const struct server_options *o, struct span octets,
                                        int64_t now)
{
    if (!t->has_data)
        begin_data(t, o);
    spool_add(&t->data, octets.p, octets.n);
    if (o->n_rules == 0)
        return NULL;
    struct rules_occasion body = {.event = SMTP_BODY, .before = t->octets, .octets = t->octets + octets.n, .now = now};
    t->octets = body.octets;
    const struct rule *r = find_rule(t, o, &body);
    if (r == NULL || r->action != RULES_REPLY || r->code == 421)
        return r;
    t->body = r;
    return NULL;
}

/* ---- rules ---- */

static bool accepts(const struct rule *r)
{
    return r == NULL || r->action == RULES_GO_ON || (r->action == RULES_REPLY && smtp_is_positive(SMTP_EOM, r->code));
}

/* The rule that waited for the end of the mail data, NULL if none did. */
static const struct rule *waiting(const struct transaction *t, const struct smtp_event *e)
{
    return t->body != NULL ? t->body : e->last ? t->chunk : NULL;
}

/* LMTP: finds the rule for each reply, of which there is one without recipients, and keeps the recipients that accept.
   False if there is no memory. */
static bool choose_answers(struct transaction *t, const struct server_options *o, const struct smtp_event *e,
                           int64_t now)
{
    size_t n = t->mail.n_recipients > 0 ? t->mail.n_recipients : 1;
    const struct rule *other = waiting(t, e);
    bool over = false, *kept = malloc(n);
    t->answers = calloc(n, sizeof(struct rule *));
    if (kept == NULL || t->answers == NULL) {
        free(kept);
        free(t->answers);
        t->answers = NULL;
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        struct rules_occasion end = {.event = SMTP_EOM, .size = e->size, .now = now};
        if (t->mail.n_recipients > 0)
            end.argument = t->mail.recipients[i].address;
        const struct rule *r = over ? NULL : find_rule(t, o, &end);
        if (other != NULL && accepts(r))
            r = other;
        t->answers[i] = r;
        kept[i] = !over && accepts(r);
        over = over || rules_end_session(r);
        if (kept[i])
            t->last_accepted = i + 1;
    }
    t->n_answers = n;
    mail_keep_recipients(&t->mail, kept);
    free(kept);
    return true;
}

const struct rule *transaction_find_rule(struct transaction *t, const struct server_options *o,
                                         const struct smtp_event *e, int64_t now)
{
    const struct rule *r = t->chunk;
    struct rules_occasion chunk = {.event = SMTP_BDAT, .line = e->line, .now = now},
                          end = {.event = SMTP_EOM, .size = e->size, .now = now};
    if (e->type == SMTP_BDAT) {
        r = t->chunk = find_rule(t, o, &chunk);
        if (!rules_break_off(r))
            return NULL;
    }
    if (e->type != SMTP_EOM) {
        t->chunk = NULL;
        return r;
    }
    if (e->code == 0) /* there is no reply */
        return NULL;
    if (e->recipient == 1 && !choose_answers(t, o, e, now))
        t->failure = (struct failure){ENOMEM, "memory"};
    if (e->recipient > 0 && e->recipient <= t->n_answers)
        return t->answers[e->recipient - 1];
    r = waiting(t, e);
    return r != NULL || e->recipient > 0 ? r : find_rule(t, o, &end);
}

/* ---- the end ---- */

static void go_on_searching(struct transaction *t)
{
    t->outcome = store_search(&t->data, &t->search) == STORE_WAITS ? OUTCOME_SEARCHES : OUTCOME_SEARCHED;
}

bool transaction_search(struct transaction *t, const struct server_options *o)
{
    if (t->outcome == OUTCOME_SEARCHED)
        return true;
    if (!t->has_data)
        begin_data(t, o);
    t->search = (struct store_search){o->contents, o->n_contents, &t->mail, 0};
    go_on_searching(t);
    return t->outcome == OUTCOME_SEARCHED;
}

static enum outcome outcome_of(enum store_outcome outcome)
{
    return outcome == STORE_WAITS ? OUTCOME_WAITS : outcome == STORE_DONE ? OUTCOME_STORED : OUTCOME_FAILED;
}

static enum outcome store(struct transaction *t, const struct server_options *o, const struct smtp_event *e)
{
    struct timespec now;
    if (t->failure.error != 0)
        return OUTCOME_FAILED;
    if (!t->has_data)
        begin_data(t, o);
    (void)clock_gettime(CLOCK_REALTIME, &now);
    t->mail.time = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
    t->mail.size = e->size;
    if (o->dialogue->kept)
        t->mail.dialogue = dialogue_end_mail(o->dialogue, t->mail.session);
    return outcome_of(store_finish(o->store, &t->data, &t->mail, &t->failure));
}

void transaction_end(struct transaction *t, const struct server_options *o, const struct smtp_event *e,
                     const struct rule *r, bool full)
{
    if (e->recipient > 0 && t->answers == NULL)
        t->last_accepted = t->mail.n_recipients;
    bool accepted = e->recipient == 0 ? accepts(r) : t->last_accepted > 0;
    if (!accepted || !smtp_is_positive(SMTP_EOM, e->code))
        t->outcome = OUTCOME_REFUSED;
    else
        t->outcome = full ? OUTCOME_FULL : store(t, o, e);
}

void transaction_go_on(struct transaction *t, const struct server_options *o, bool full)
{
    if (t->outcome == OUTCOME_SEARCHES)
        go_on_searching(t);
    else if (full && !store_has_matched(&t->data))
        t->outcome = OUTCOME_FULL;
    else
        t->outcome = outcome_of(store_go_on(o->store, &t->data, &t->failure));
}

void transaction_give_up(struct transaction *t, const struct server_options *o)
{
    store_give_up(o->store, &t->data, &t->failure);
    t->outcome = t->outcome == OUTCOME_SEARCHES ? OUTCOME_SEARCHED : OUTCOME_FAILED;
}

void transaction_drop(struct transaction *t)
{
    if (t->has_data)
        store_drop(&t->data);
    t->has_data = false;
    t->chunk = t->body = NULL;
    t->octets = 0;
}

void transaction_free(struct transaction *t)
{
    if (t == NULL)
        return;
    transaction_drop(t);
    free(t->answers);
    mail_close(&t->mail);
    free(t);
}
