/*
 * fault.c - which rule of --on is for what happens in a session.
 *
 * Rules are for commands that would be taken: one that the engine refuses by
 * itself is none of theirs, but for EXPN and what is unknown, which always are.
 * Which rule it is that a reply comes from:
 *
 *     a command, the greeting    its own
 *     BDAT                       its own, when the chunk has been read; at once if that breaks off
 *     a piece of mail data       none; a reply waits for the end, but for 421
 *     the end, SMTP              that of the mail data, else of the last BDAT, else eom
 *     the end, LMTP              eom for the recipient if that refuses, else as with SMTP
 *
 * Under LMTP the rules for the end are chosen when the message begins, as the
 * envelope in front of it names only those who accept it.
 */
#include "serve/inside.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct rule *find(struct server *v, const struct rules_occasion *o)
{
    return rules_find(v->o->rules, v->o->n_rules, o);
}

/* "login/2": which step of AUTH it is. */
static void count_step(struct server_session *s, const struct smtp_event *e, char text[RULES_STEP_MAX])
{
    s->heard->fault.auth_step = e->line.p != NULL && span_starts(e->line, "AUTH") ? 1 : s->heard->fault.auth_step + 1;
    (void)snprintf(text, RULES_STEP_MAX, "%s/%u", sasl_name(e->mechanism), s->heard->fault.auth_step);
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
        if (e->arg.p == NULL && s->heard->fault.auth_step > 1)
            o.argument = text_span(&s->heard->envelope.user);
        break;
    case SMTP_DATA:
    case SMTP_BDAT:
    case SMTP_BODY:
    case SMTP_EOM:
        o.recipients = s->heard->envelope.recipients.p;
        o.n_recipients = s->heard->envelope.n_recipients;
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

static bool accepts(const struct rule *r)
{
    return r == NULL || r->action == RULES_GO_ON || (r->action == RULES_REPLY && smtp_is_positive(SMTP_EOM, r->code));
}

/* What waited for the end of the mail data, NULL if nothing did. */
static const struct rule *waiting(const struct server_session *s, const struct smtp_event *e)
{
    return s->heard->fault.body != NULL ? s->heard->fault.body : e->last ? s->heard->fault.chunk : NULL;
}

static const struct rule *find_at_end(struct server *v, struct server_session *s, const struct smtp_event *e)
{
    const struct rule *answer = NULL, *r = waiting(s, e);
    if (e->recipient == 1 && !fault_choose_answers(v, s)) /* a message of nothing has not begun before */
        s->heard->incomplete = true;
    if (e->recipient > 0 && e->recipient <= s->heard->fault.n_answers)
        answer = s->heard->fault.answers[e->recipient - 1];
    if (r != NULL && accepts(answer))
        return r;
    if (e->recipient > 0)
        return answer;
    const struct rules_occasion o = occasion(s, e);
    return find(v, &o);
}

static const struct rule *take_chunk_rule(struct server_session *s)
{
    const struct rule *r = s->heard->fault.chunk;
    s->heard->fault.chunk = NULL;
    return r;
}

/* What a reply cannot answer yet waits for it. */
static const struct rule *find_for_chunk(struct server *v, struct server_session *s, const struct smtp_event *e)
{
    const struct rules_occasion o = occasion(s, e);
    const struct rule *r = find(v, &o);
    s->heard->fault.chunk = rules_break_off(r) ? NULL : r;
    return rules_break_off(r) ? r : NULL;
}

const struct rule *fault_find(struct server *v, struct server_session *s, const struct smtp_event *e)
{
    char step[RULES_STEP_MAX];
    bool always = e->type == SMTP_EXPN || e->type == SMTP_UNKNOWN;
    if (e->type == SMTP_AUTH)
        count_step(s, e, step);
    bool refused = (e->code >= 400 && !always) || smtp_refuses_chunk(&s->smtp);
    if (refused || e->code == 421)
        return NULL;
    if (e->type == SMTP_BDAT)
        return find_for_chunk(v, s, e);
    if (e->type == SMTP_CHUNK)
        return take_chunk_rule(s);
    if (e->type == SMTP_EOM)
        return find_at_end(v, s, e);
    if (e->type == SMTP_DATA)
        s->heard->fault.chunk = NULL;
    struct rules_occasion o = occasion(s, e);
    o.step = e->type == SMTP_AUTH ? step : NULL;
    return find(v, &o);
}

const struct rule *fault_in_body(struct server *v, struct server_session *s, size_t n)
{
    struct rules_occasion o = occasion(s, &(struct smtp_event){.type = SMTP_BODY});
    o.before = s->heard->fault.octets;
    o.octets = s->heard->fault.octets += n;
    const struct rule *r = find(v, &o);
    if (r == NULL || r->action != RULES_REPLY || r->code == 421)
        return r;
    s->heard->fault.body = r;
    return NULL;
}

/* ---- the end of a message ---- */

/* Nobody behind the one who gets such an answer gets any. */
static bool is_last_word(const struct rule *r)
{
    return rules_break_off(r) || (r != NULL && r->action == RULES_REPLY && r->code == 421);
}

bool fault_choose_answers(struct server *v, struct server_session *s)
{
    struct envelope *env = &s->heard->envelope;
    struct fault *f = &s->heard->fault;
    if (!env->lmtp || v->o->n_rules == 0 || f->answers != NULL || env->n_recipients == 0)
        return true;
    f->answers = calloc((size_t)env->n_recipients, sizeof *f->answers);
    bool *kept = malloc((size_t)env->n_recipients);
    if (f->answers == NULL || kept == NULL) {
        free(kept);
        return false;
    }
    const char *p = env->recipients.p;
    bool over = false;
    for (; f->n_answers < env->n_recipients; f->n_answers++, p += strlen(p) + 1) {
        const struct rules_occasion o = {.event = SMTP_EOM, .argument = {p, strlen(p)}};
        struct rule *r = over ? NULL : find(v, &o);
        f->answers[f->n_answers] = r;
        over = over || is_last_word(r);
        kept[f->n_answers] = !over && accepts(r);
        if (kept[f->n_answers])
            f->last_accepted = f->n_answers + 1;
    }
    envelope_keep(env, kept);
    free(kept);
    return true;
}

bool fault_decide(struct server_session *s, const struct smtp_event *e, const struct rule *r)
{
    if (e->recipient == 0)
        return accepts(r);
    if (s->heard->fault.n_answers == 0)
        s->heard->fault.last_accepted = s->heard->envelope.n_recipients;
    return s->heard->fault.last_accepted > 0 && accepts(waiting(s, e));
}

static void free_answers(struct fault *f)
{
    free(f->answers);
    f->answers = NULL;
    f->n_answers = 0;
}

void fault_begin(struct server_session *s)
{
    unsigned step = s->heard->fault.auth_step;
    free_answers(&s->heard->fault);
    s->heard->fault = (struct fault){.auth_step = step};
}

void fault_close(struct server_session *s) { free_answers(&s->heard->fault); }

void fault_take_back(struct server_session *s)
{
    struct fault *f = &s->heard->fault;
    if (f->used)
        return;
    for (uint64_t i = 0; i < f->n_answers; i++) {
        if (f->answers[i] != NULL) {
            f->answers[i]->applied--;
            f->answers[i]->fired--;
        }
    }
    free_answers(f);
}
