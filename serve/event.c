/* SPDX-License-Identifier: ISC */
/*
 * event.c - what an event of the engine brings about: the reply, by a rule or by
 * policy, and what follows from it.
 *
 * Storing is a verdict: a mail is stored before its 250, and counted when its
 * 250 has been sent.
 */
#include "serve/inside.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum { ARGV_MAX = 64 * 1024 /* octets of a client's arguments */ };

bool event_allocate_heard(struct session *s)
{
    if (s->heard != NULL)
        return true;
    s->heard = calloc(1, sizeof *s->heard);
    if (s->heard == NULL)
        return false;
    s->heard->client.lmtp = s->scheme == SCHEME_LMTP;
    s->heard->client.session = s->number;
    s->heard->client.peer = &s->peer;
    return true;
}

void event_note(struct server *v, struct session *s, const struct problems *p)
{
    if (event_allocate_heard(s))
        problems_merge(&s->heard->problems, p);
    for (int i = 0; i < PROBLEMS; i++) {
        if (!problems_have(p, (enum problem)i))
            continue;
        counts_note(&v->tally, (enum problem)i, s->number);
        dialogue_problem(v->o->dialogue, s->number, (enum problem)i);
    }
}

void event_cut_off(struct server *v, const struct session *s)
{
    if (!smtp_in_message(&s->smtp))
        return;
    struct smtp_progress progress = smtp_progress(&s->smtp);
    dialogue_cut_off(v->o->dialogue, s->number, &progress);
    if (v->tally.cut_off++ > 0)
        return;
    v->tally.cut = progress;
    v->tally.cut_in = s->number;
}

void event_drop_data(struct session *s)
{
    if (s->heard != NULL && s->heard->transaction != NULL)
        transaction_drop(s->heard->transaction);
}

void event_drop_argv(struct client *c)
{
    if (c->argv != NULL)
        free(c->argv->p);
    free(c->argv);
    c->argv = NULL;
}

/* ---- policy ---- */

/* Refuses a login that is not listed.  If none is listed, any is taken. */
static void judge_login(struct server *v, struct session *s, struct smtp_event *e)
{
    char challenge[SMTP_CHALLENGE_MAX], answer[SASL_ANSWER_MAX] = "";
    struct span text = {challenge, smtp_challenge(&s->smtp, challenge)};
    struct span user = e->arg.p != NULL ? e->arg : text_span(&s->heard->client.user);
    bool bearer = e->mechanism == SASL_OAUTHBEARER, known = v->o->n_logins == 0 && (!bearer || e->secret.n > 0);
    for (size_t i = 0; i < v->o->n_logins && !known; i++) {
        const char *login = v->o->logins[i];
        known = sasl_verify(e->mechanism, login, user, e->secret, text, answer);
        if (known && bearer) /* the user may be known by the token alone */
            e->arg = (struct span){login, strcspn(login, ":")};
    }
    if (!known && e->mechanism == SASL_XOAUTH2) /* {"status":"401","schemes":"bearer"}; RFC 7628 3.2.2 */
        smtp_reply(&s->smtp, e, 334, NULL, "eyJzdGF0dXMiOiI0MDEiLCJzY2hlbWVzIjoiYmVhcmVyIn0=");
    else if (!known && bearer) /* {"status":"invalid_token"} */
        smtp_reply(&s->smtp, e, 334, NULL, "eyJzdGF0dXMiOiJpbnZhbGlkX3Rva2VuIn0=");
    else if (*answer != '\0')
        smtp_reply(&s->smtp, e, 334, NULL, answer);
    else if (!known)
        smtp_reply(&s->smtp, e, 535, "5.7.8", "Authentication failed");
}

/* Names the step of AUTH that it is: "NTLM/initial", "LOGIN/2". */
static void name_step(const struct session *s, const struct smtp_event *e, char step[RULES_STEP_MAX])
{
    struct span name = smtp_mechanism(&s->smtp);
    if (s->heard->auth_step == 1 && e->hidden > 0)
        (void)snprintf(step, RULES_STEP_MAX, "%.*s/initial", (int)name.n, name.p);
    else
        (void)snprintf(step, RULES_STEP_MAX, "%.*s/%u", (int)name.n, name.p, s->heard->auth_step);
}

/* Fails a step of a mechanism that is not built in. */
static void fail_step(struct session *s, struct smtp_event *e)
{
    char step[RULES_STEP_MAX], text[RULES_STEP_MAX + 32];
    name_step(s, e, step);
    (void)snprintf(text, sizeof text, "No rule replies to %s", step);
    smtp_reply(&s->smtp, e, 535, "5.7.8", text);
}

/* Lowers the reply of the engine where the options are against it. */
static void apply_policy(struct server *v, struct session *s, struct smtp_event *e)
{
    bool positive = e->code < 400;
    switch (e->type) {
    case SMTP_AUTH:
        if (e->code == 235 && e->secret.p != NULL) /* in the last step of SCRAM there is none */
            judge_login(v, s, e);
        else if (e->code == 535 && e->mechanism == SASL_NONE)
            fail_step(s, e);
        break;
    case SMTP_CONNECT:
        if (v->o->max_connections > 0 && v->talking > v->o->max_connections)
            smtp_reply(&s->smtp, e, 421, "4.7.0", "Too many connections");
        break;
    case SMTP_STARTTLS: /* it may be offered for a rule; RFC 3207 4 */
        if (positive && v->o->tls == NULL)
            smtp_reply(&s->smtp, e, 454, "4.7.0", "TLS is not available");
        break;
    case SMTP_MAIL:
    case SMTP_DATA:
        if (positive && (v->full || v->stopping))
            smtp_reply(&s->smtp, e, 421, "4.3.2", "No more messages are accepted");
        break;
    default:
        break;
    }
}

/* ---- rules ---- */

void event_trace_rule(struct server *v, const struct session *s, int64_t delay, enum rules_action action)
{
    static const char *const words[] = {[RULES_DROP] = "(drop)", [RULES_RESET] = "(reset)", [RULES_STALL] = "(stall)"};
    dialogue_rule(v->o->dialogue, s->number, delay, action >= RULES_DROP ? words[action] : NULL);
}

/* The rule for mail data, NULL while they are searched.  Without a recipient they are refused if no rule replies; RFC
   2920 3.1. */
static const struct rule *find_mail_rule(struct server *v, struct session *s, struct smtp_event *e)
{
    struct transaction *t = s->heard->transaction;
    if (e->type == SMTP_EOM && e->recipient <= 1 && v->o->n_contents > 0 && !transaction_search(t, v->o))
        return NULL;
    const struct rule *r = transaction_find_rule(t, v->o, e, v->now);
    bool usual = r == NULL || r->action == RULES_GO_ON;
    if (usual && e->type == SMTP_EOM && e->code != 0 && t->mail.n_recipients == 0)
        smtp_reply(&s->smtp, e, 554, "5.5.1", "No valid recipients");
    return r;
}

/* Lets MAIL, RCPT or DATA take effect though it was refused.  False if there is no memory. */
static bool overrule(struct server *v, struct session *s, const struct smtp_event *e)
{
    struct heard *h = s->heard;
    const struct smtp_event mail = {.arg = {"", 0}};
    if (e->type != SMTP_MAIL && !smtp_in_transaction(&s->smtp) &&
        !transaction_begin(&h->transaction, &h->client, &mail, listing_has_room(&v->tally.came)))
        return false;
    if (e->type == SMTP_DATA) /* chunks may have come before */
        event_drop_data(s);
    smtp_overrule(&s->smtp);
    return true;
}

/* The argument of an event that patterns are compared with. */
static struct span find_argument(const struct session *s, const struct smtp_event *e)
{
    if (e->type == SMTP_CONNECT)
        return span_of(s->peer.address);
    if (e->type == SMTP_UNKNOWN)
        return e->line;
    bool responds = e->type == SMTP_AUTH && s->heard->auth_step > 1;
    if (responds && e->arg.p == NULL && s->heard->client.user.n > 0) /* with LOGIN the name comes before the password */
        return text_span(&s->heard->client.user);
    return e->arg;
}

/*
 * The rule for an event, NULL if there is none.  Rules are for commands that
 * the engine takes.  EXPN and unknown commands have rules although the engine
 * always refuses them, HELO has some whatever its name, and AUTH for a step that
 * would fail.  Others have those that overrule the engine.
 */
static const struct rule *find_rule(struct server *v, struct session *s, struct smtp_event *e)
{
    bool mail_data = e->type == SMTP_BDAT || e->type == SMTP_CHUNK || e->type == SMTP_EOM;
    bool may = (e->type == SMTP_HELO || e->type == SMTP_AUTH) && smtp_may_be_taken(&s->smtp);
    bool refused = e->code >= 400 && !may && e->type != SMTP_EXPN && e->type != SMTP_UNKNOWN;
    char step[RULES_STEP_MAX];
    if (e->type == SMTP_AUTH)
        s->heard->auth_step = e->line.p != NULL && span_starts(e->line, "AUTH") ? 1 : s->heard->auth_step + 1;
    if ((refused && mail_data) || e->code == 421 || smtp_refuses_chunk(&s->smtp))
        return NULL;
    if (mail_data)
        return find_mail_rule(v, s, e);
    bool readable = refused && smtp_read_argument(&s->smtp, e);
    if (refused && !readable && e->type == SMTP_DATA)
        return NULL; /* after a 354 that has no effect, mail data would be read as commands */
    struct rules_occasion o = {.event = e->type,
                               .extended = e->extended,
                               .refused = refused,
                               .argument = find_argument(s, e),
                               .line = e->line,
                               .size = e->size,
                               .session = s->number,
                               .now = v->now,
                               .past = v->o->past};
    if (e->type == SMTP_DATA && smtp_in_transaction(&s->smtp))
        o.mail = &s->heard->transaction->mail;
    if (e->type == SMTP_AUTH && (!refused || s->heard->auth_step > 1)) {
        name_step(s, e, step);
        o.step = step;
    }
    const struct rule *r = rules_find(v->o->rules, v->o->n_rules, &o);
    bool overrules = readable && r != NULL && r->action == RULES_REPLY && smtp_is_positive(e->type, r->code);
    return overrules && !overrule(v, s, e) ? NULL : r;
}

/* Takes a piece of mail data.  Returns a rule that acts at once, NULL if none does. */
static const struct rule *take_data(struct server *v, struct session *s, const struct smtp_event *e)
{
    const struct rule *r = transaction_add_data(s->heard->transaction, v->o, e->arg, v->now);
    if (r != NULL)
        event_trace_rule(v, s, r->parts[0].delay, r->action);
    if (r != NULL && r->action == RULES_REPLY && r->code == 421) {
        event_cut_off(v, s);
        smtp_close_raw(&s->smtp, rules_reply(r, 0));
        dialogue_reply(v->o->dialogue, s->number, rules_reply(r, 0), NULL);
        event_drop_data(s);
    }
    return r;
}

/* ---- the end of a mail ---- */

void event_await(struct server *v, struct session *s, uint64_t fits)
{
    uint64_t before = s->heard->fits;
    s->heard->fits = fits;
    if (v->o->awaited == NULL)
        return;
    counts_await(&v->tally, before, fits);
    v->full = counts_are_settled(v->o->awaited, &v->tally, true);
}

void event_take(struct server *v, struct session *s)
{
    counts_take(&v->tally, s->heard->fits);
    event_await(v, s, 0);
}

/* A mail that waits is pending once it is known what it fits. */
static void await_waiting(struct server *v, struct session *s)
{
    const struct transaction *t = s->heard->transaction;
    if (t->outcome == OUTCOME_WAITS)
        event_await(v, s, store_has_matched(&t->data) ? t->mail.fits : 0);
}

bool event_go_on(struct server *v, struct session *s)
{
    transaction_go_on(s->heard->transaction, v->o, v->full);
    await_waiting(v, s);
    return !transaction_waits(s->heard->transaction);
}

/* Stores the mail, unless it is refused, when its first reply is due. */
static void end_mail(struct server *v, struct session *s, const struct smtp_event *e, const struct rule *r)
{
    struct transaction *t = s->heard->transaction;
    t->mail.n = ++v->numbers;
    t->mail.problems = s->heard->problems;
    if (v->o->console->status)
        console_status(v->o->console, "");
    transaction_end(t, v->o, e, r, v->full);
    v->now = clock_now(); /* that may have taken a while */
    await_waiting(v, s);
}

/* Counts the outcome, once it is known.  A mail that a rule drops will be counted as cut off. */
static void note_outcome(struct server *v, struct session *s, const struct smtp_event *e, const struct rule *r)
{
    struct transaction *t = s->heard->transaction;
    v->news = true;
    if (t->outcome == OUTCOME_STORED) {
        struct problems found = t->mail.problems;
        problems_subtract(&found, &s->heard->problems);
        if (problems_any(&found))
            event_note(v, s, &found);
        listing_add(&v->tally.came, &t->mail, spool_head(&t->data));
        v->tally.present |= t->mail.present;
        event_await(v, s, t->mail.fits);
        s->pending = true;
    } else if (t->mail.n == v->numbers) {
        v->numbers--;
    }
    if (t->outcome == OUTCOME_FAILED)
        counts_fail(&v->tally, &t->failure);
    v->tally.refused += e->code != 0 && !s->pending && !rules_break_off(r);
    s->heard->problems = (struct problems){{0, 0}}; /* from now on they belong to the next mail */
    transaction_drop(t);
}

/* Prepares the reply to the mail data, with LMTP to one recipient: lowers it where the mail was not stored. */
static void reply_to_mail(struct session *s, struct smtp_event *e, const struct rule *r)
{
    const struct transaction *t = s->heard->transaction;
    int error = t->outcome == OUTCOME_FAILED ? t->failure.error : 0;
    bool ruled = r != NULL && r->action == RULES_REPLY;
    bool lowered = t->outcome == OUTCOME_FULL || t->outcome == OUTCOME_FAILED;
    if (ruled && (!lowered || !smtp_is_positive(SMTP_EOM, r->code)))
        smtp_reply_raw(&s->smtp, e, r->code, rules_reply(r, 0));
    else if (t->outcome == OUTCOME_FULL)
        smtp_reply(&s->smtp, e, 421, "4.3.2", "No more messages are accepted");
    else if (error == ENOSPC || error == EDQUOT || error == EFBIG)
        smtp_reply(&s->smtp, e, 452, "4.3.1", "There is no room for the message");
    else if (t->outcome == OUTCOME_FAILED)
        smtp_reply(&s->smtp, e, 451, "4.3.0", "The message could not be written");
    if (s->pending && e->recipient == t->last_accepted)
        s->heard->mark = wire_unsent(s) + smtp_written(&s->smtp) + smtp_prepared(&s->smtp).n;
}

/* ---- events ---- */

static bool set(struct text *t, struct span s)
{
    t->n = 0;
    t->failed = false;
    text_add(t, s.p, s.n);
    return !t->failed;
}

/* Adds an argument of the client's, or continues the one before.  False if there is no room; then no more are
   taken, so that none loses its middle. */
static bool take_argument(struct client *c, struct span xtext)
{
    struct text *argv = c->argv != NULL ? c->argv : calloc(1, sizeof *argv);
    c->argv = argv;
    if (argv == NULL)
        return false;
    argv->failed = argv->failed || argv->n + xtext.n + 1 > ARGV_MAX;
    if (argv->failed)
        return false;
    if (span_takes(&xtext, "=") && argv->n > 0)
        argv->n--; /* its NUL */
    while (xtext.n > 0) {
        char octet = span_take_xtext(&xtext);
        text_add(argv, &octet, 1);
    }
    text_add(argv, "", 1);
    return !argv->failed;
}

/* Takes what XCLIENT says of the client; the name and the login of before are forgotten, as Postfix does.  False if
   there is no memory. */
static bool take_attributes(struct session *s, struct span attributes)
{
    struct client *c = &s->heard->client;
    struct smtp_attribute a;
    bool good = true;
    c->helo.n = c->user.n = 0;
    c->named = c->authenticated = c->extended = false;
    while (attributes.n > 0 && smtp_take_attribute(&attributes, &a)) {
        struct span text = {a.text, a.unavailable ? 0 : a.n};
        if (span_is(a.name, "ADDR")) {
            (void)span_takes(&text, "IPv6:");
            size_t n = text.n < sizeof s->peer.address - 1 ? text.n : sizeof s->peer.address - 1;
            memcpy(s->peer.address, text.p, n);
            s->peer.address[n] = '\0';
        } else if (span_is(a.name, "PORT")) {
            s->peer.port = (uint16_t)strtoul(a.unavailable ? "0" : a.text, NULL, 10);
        } else if (span_is(a.name, "HELO")) {
            c->named = !a.unavailable;
            good = set(&c->helo, text) && good;
        } else if (span_is(a.name, "LOGIN")) {
            c->authenticated = !a.unavailable;
            good = set(&c->user, text) && good;
        }
    }
    return good;
}

/* Takes what a client says of itself by HELO, AUTH or STARTTLS.  False if there is no memory. */
static bool take_client(struct client *c, const struct smtp_event *e)
{
    if (e->type != SMTP_AUTH)
        event_drop_argv(c);
    if (e->type == SMTP_HELO) {
        c->extended = e->extended;
        return c->named || set(&c->helo, e->arg);
    }
    if (e->type == SMTP_AUTH) {
        c->authenticated = e->code < 300;
        return (e->arg.p == NULL && e->line.n == 0) || set(&c->user, e->arg); /* a command begins anew */
    }
    if (e->type == SMTP_STARTTLS) { /* all is forgotten; RFC 3207 4.2 */
        c->helo.n = c->user.n = 0;
        c->authenticated = c->extended = c->named = false;
    }
    return true;
}

static void note_refusal(struct server *v, const struct session *s, const struct smtp_event *e)
{
    v->o->dialogue->amiss = true;
    if (e->code == 421 && e->type != SMTP_EOM)
        event_cut_off(v, s);
}

/* Does what the event asks for, now that its reply is known. */
static void take_effect(struct server *v, struct session *s, struct smtp_event *e)
{
    struct heard *h = s->heard;
    bool positive = smtp_is_positive(e->type, e->code), taken = true;
    if (!positive)
        note_refusal(v, s, e);
    switch (e->type) {
    case SMTP_HELO:
    case SMTP_STARTTLS:
    case SMTP_RSET: /* these end a transaction, and so a mail of which some chunks are there */
    case SMTP_AUTH: /* this is not for a transaction */
        if (positive)
            event_drop_data(s);
        taken = !positive || take_client(&h->client, e);
        break;
    case SMTP_XCLIENT:
        event_drop_argv(&h->client);
        taken = !positive || take_attributes(s, e->arg);
        break;
    case SMTP_ARGV:
        if (positive && !take_argument(&h->client, e->arg)) {
            smtp_reply(&s->smtp, e, 452, "4.3.1", "There is no room for more arguments");
            note_refusal(v, s, e);
        }
        break;
    case SMTP_MAIL:
        taken = !positive || transaction_begin(&h->transaction, &h->client, e, listing_has_room(&v->tally.came));
        break;
    case SMTP_RCPT:
        taken = !positive || mail_add_recipient(&h->transaction->mail, e->arg, e->params);
        break;
    case SMTP_BDAT:
    case SMTP_CHUNK:
        if (e->type == SMTP_BDAT && e->code == 552)
            event_cut_off(v, s);
        if (!positive)
            event_drop_data(s);
        break;
    case SMTP_CONNECT: /* a client that was not greeted need not say QUIT */
        s->said_quit = !positive;
        break;
    case SMTP_QUIT:
        if (positive)
            event_cut_off(v, s);
        s->quit = positive;
        s->said_quit = true;
        break;
    default:
        break;
    }
    if (!taken) {
        smtp_reply(&s->smtp, e, 451, "4.3.0", "Out of memory");
        note_refusal(v, s, e);
    }
    dialogue_reply(v->o->dialogue, s->number, smtp_prepared(&s->smtp), e);
}

const struct rule *event_handle(struct server *v, struct session *s, struct smtp_event *e, const struct held *held)
{
    if (e->type == SMTP_BODY)
        return take_data(v, s, e);
    const struct rule *r = held != NULL ? held->rule : NULL;
    bool is_new = held == NULL || s->heard->transaction->outcome == OUTCOME_SEARCHED; /* no rule was looked for */
    if (held == NULL) {
        dialogue_client(v->o->dialogue, s->number, e);
        if (problems_any(&e->problems))
            event_note(v, s, &e->problems);
    }
    if (is_new && v->o->n_rules > 0)
        r = find_rule(v, s, e);
    if (e->type == SMTP_EOM) {
        if (is_new && e->recipient <= 1 && s->heard->transaction->outcome != OUTCOME_SEARCHES)
            end_mail(v, s, e, r);
        if (event_waits(s, e))
            return r;
        if (e->recipient <= 1)
            note_outcome(v, s, e, r);
        if (e->code == 0)
            return NULL;
        reply_to_mail(s, e, r);
    } else if (r != NULL && r->action == RULES_REPLY && e->code != 0) {
        smtp_reply_raw(&s->smtp, e, r->code, rules_reply(r, 0));
    }
    if (r == NULL || r->action == RULES_GO_ON)
        apply_policy(v, s, e);
    if (r != NULL)
        event_trace_rule(v, s, r->parts[0].delay, r->action);
    bool vain = r != NULL && !smtp_may_be_taken(&s->smtp) && smtp_is_positive(e->type, e->code); /* only a reply */
    if (vain && !rules_break_off(r))
        dialogue_reply(v->o->dialogue, s->number, smtp_prepared(&s->smtp), e);
    else if (!rules_break_off(r) && e->code != 0)
        take_effect(v, s, e);
    return r;
}
