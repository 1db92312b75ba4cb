/*
 * fault.c - which rule of --on is for what happens in a session.
 *
 * Rules are for commands that would be taken: one that the engine refuses by
 * itself is none of theirs, but for those that are always refused.  A rule for
 * BDAT waits until its chunk has been read, as a reply to it does; a reply to
 * mail data waits for their end.
 */
#include "fault.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct rule *match(struct server *v, const struct rules_occasion *o)
{
    return rules_match(v->o->rules, v->o->n_rules, o);
}

/* "login/2": which step of AUTH it is. */
static void count_step(struct server_session *s, const struct smtp_event *e, char text[RULES_STEP_MAX])
{
    s->auth_step = e->line.p != NULL && span_starts(e->line, "AUTH") ? 1 : s->auth_step + 1;
    (void)snprintf(text, RULES_STEP_MAX, "%s/%u", sasl_name(e->mechanism), s->auth_step);
}

static struct rules_occasion occasion(const struct server_session *s, const struct smtp_event *e)
{
    struct rules_occasion o = {.event = e->type, .extended = e->extended, .argument = e->arg};
    switch (e->type) {
    case SMTP_CONNECT:
        o.argument = (struct span){s->peer.address, strlen(s->peer.address)};
        break;
    case SMTP_UNKNOWN:
        o.argument = e->line;
        break;
    case SMTP_AUTH: /* of LOGIN the name comes a step before the password */
        if (e->arg.p == NULL && s->auth_step > 1)
            o.argument = text_span(&s->envelope.user);
        break;
    case SMTP_DATA:
    case SMTP_BDAT:
    case SMTP_BODY:
    case SMTP_EOM:
        o.recipients = s->envelope.recipients.p;
        o.n_recipients = s->envelope.n_recipients;
        break;
    case SMTP_NONE:
    case SMTP_HELO:
    case SMTP_STARTTLS:
    case SMTP_MAIL:
    case SMTP_RCPT:
    case SMTP_CHUNK:
    case SMTP_RSET:
    case SMTP_NOOP:
    case SMTP_VRFY:
    case SMTP_EXPN:
    case SMTP_HELP:
    case SMTP_QUIT:
        break;
    }
    return o;
}

/* What waited for this reply, NULL if nothing did. */
static const struct rule *take_waiting(struct server_session *s, const struct smtp_event *e)
{
    bool chunk = e->type == SMTP_CHUNK || (e->type == SMTP_EOM && e->last);
    const struct rule *r = e->type == SMTP_EOM && s->body_rule != NULL ? s->body_rule : chunk ? s->chunk_rule : NULL;
    if (e->type == SMTP_CHUNK)
        s->chunk_rule = NULL;
    return r;
}

static const struct rule *find_at_end(struct server *v, struct server_session *s, const struct smtp_event *e)
{
    const struct rule *r = take_waiting(s, e);
    if (r != NULL)
        return r;
    if (e->recipient > 0)
        return e->recipient <= s->n_answers ? s->answers[e->recipient - 1] : NULL;
    const struct rules_occasion o = occasion(s, e);
    return match(v, &o);
}

/* What a reply cannot answer yet waits for it. */
static const struct rule *find_for_chunk(struct server *v, struct server_session *s, const struct smtp_event *e)
{
    const struct rules_occasion o = occasion(s, e);
    const struct rule *r = match(v, &o);
    s->chunk_rule = r != NULL && r->action <= RULES_REPLY ? r : NULL;
    return r != NULL && r->action > RULES_REPLY ? r : NULL;
}

const struct rule *fault_find(struct server *v, struct server_session *s, const struct smtp_event *e)
{
    char step[RULES_STEP_MAX];
    bool always = e->type == SMTP_EXPN || e->type == SMTP_UNKNOWN;
    if (v->o->n_rules == 0)
        return NULL;
    if (e->type == SMTP_AUTH)
        count_step(s, e, step);
    if ((e->code >= 400 && !always) || e->code == 421)
        return NULL;
    if (e->type == SMTP_BDAT)
        return find_for_chunk(v, s, e);
    if (e->type == SMTP_CHUNK)
        return take_waiting(s, e);
    if (e->type == SMTP_EOM)
        return find_at_end(v, s, e);
    if (e->type == SMTP_DATA)
        s->chunk_rule = NULL;
    struct rules_occasion o = occasion(s, e);
    o.step = e->type == SMTP_AUTH ? step : NULL;
    return match(v, &o);
}

const struct rule *fault_in_body(struct server *v, struct server_session *s, size_t n)
{
    if (v->o->n_rules == 0)
        return NULL;
    struct rules_occasion o = occasion(s, &(struct smtp_event){.type = SMTP_BODY});
    o.before = s->body_octets;
    o.octets = s->body_octets += n;
    const struct rule *r = match(v, &o);
    if (r == NULL || r->action != RULES_REPLY || r->code == 421)
        return r;
    s->body_rule = r;
    return NULL;
}

/* ---- the end of a message ---- */

static bool accepts(const struct rule *r)
{
    return r == NULL || r->action == RULES_GO_ON || (r->action == RULES_REPLY && smtp_is_positive(SMTP_EOM, r->code));
}

bool fault_ask(struct server *v, struct server_session *s)
{
    struct envelope *env = &s->envelope;
    if (!env->lmtp || v->o->n_rules == 0 || s->answers != NULL || env->n_recipients == 0)
        return true;
    s->answers = calloc((size_t)env->n_recipients, sizeof *s->answers);
    bool *kept = malloc((size_t)env->n_recipients);
    if (s->answers == NULL || kept == NULL) {
        free(kept);
        return false;
    }
    const char *p = env->recipients.p;
    bool over = false; /* nobody behind him whose answer ends the connection will have one */
    for (; s->n_answers < env->n_recipients; s->n_answers++, p += strlen(p) + 1) {
        const struct rules_occasion o = {.event = SMTP_EOM, .argument = {p, strlen(p)}};
        struct rule *r = over ? NULL : match(v, &o);
        s->answers[s->n_answers] = r;
        over = over || (r != NULL && r->action > RULES_REPLY);
        kept[s->n_answers] = !over && accepts(r);
        if (kept[s->n_answers])
            s->last_accepted = s->n_answers + 1;
    }
    envelope_keep(env, kept);
    free(kept);
    return true;
}

bool fault_accepts(struct server_session *s, const struct smtp_event *e, const struct rule *r)
{
    bool waiting = r != NULL && (r == s->body_rule || r == s->chunk_rule);
    if (e->recipient > 0 && s->n_answers > 0 && !waiting)
        return s->last_accepted > 0;
    s->last_accepted = e->recipient > 0 ? s->envelope.n_recipients : 0;
    return accepts(r);
}

static void free_answers(struct server_session *s)
{
    free(s->answers);
    s->answers = NULL;
    s->n_answers = 0;
}

void fault_begin(struct server_session *s)
{
    free_answers(s);
    s->body_rule = s->chunk_rule = NULL;
    s->body_octets = s->last_accepted = 0;
    s->ended = false;
}

void fault_forget(struct server_session *s)
{
    if (s->ended)
        return;
    for (uint64_t i = 0; i < s->n_answers; i++) {
        if (s->answers[i] != NULL) {
            s->answers[i]->applied--;
            s->answers[i]->fired--;
        }
    }
    free_answers(s);
}
