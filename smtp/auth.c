/* SPDX-License-Identifier: ISC */
/*
 * auth.c - AUTH (RFC 4954 4): the command, its challenges and responses, and
 * keeping secrets out of sight.  sasl.c knows what the mechanisms say.
 *
 * Secrets are decoded where they lie in the input, and wiped there by
 * smtp_commit().
 */
#include "smtp/inside.h"

#include <string.h>

#include "smtp.h"
#include "smtp/objection.h"

/* Leaves the line from there on out of the event, and has it wiped at the commit. */
static void hide_from(struct smtp *s, struct smtp_event *e, size_t from)
{
    s->secret = s->line + from;
    s->secret_n = e->line.n - from;
    while (from < e->line.n && (e->line.p[from] == ' ' || e->line.p[from] == '\t'))
        from++; /* blanks before a secret are no part of it */
    _Static_assert(SMTP_AUTH_LINE_MAX <= UINT16_MAX, "hidden holds all of a line");
    e->hidden = (uint16_t)(e->line.n - from);
    e->line.n -= s->secret_n;
}

/* Whether it may be a mechanism that we do not know.  Base64 of a secret hardly ever has letters of one case alone. */
static bool may_be_mechanism(struct span name)
{
    bool upper = false, lower = false;
    for (size_t i = 0; i < name.n; i++) {
        upper = upper || (name.p[i] >= 'A' && name.p[i] <= 'Z');
        lower = lower || (name.p[i] >= 'a' && name.p[i] <= 'z');
    }
    return upper != lower && sasl_is_name(name);
}

void auth_hide(struct smtp *s, struct smtp_event *e)
{
    struct span t = e->line;
    while (t.n > 0 && ascii_is_control(*t.p) | (*t.p == ' '))
        span_skip(&t, 1);
    if (!span_takes(&t, "AUTH")) {
        if (s->wary)
            hide_from(s, e, 0);
        return;
    }
    size_t shown = (size_t)(t.p - e->line.p), n = 0;
    while (t.n > 0 && (*t.p == ' ' || *t.p == '\t'))
        span_skip(&t, 1);
    while (n < t.n && (ascii_is_letter(t.p[n]) || ascii_is_digit(t.p[n]) || t.p[n] == '-' || t.p[n] == '_'))
        n++;
    bool whole = n == t.n || t.p[n] == ' ' || t.p[n] == '\t';
    struct span name = {t.p, n};
    if (sasl_mechanism(name) != SASL_NONE || sasl_find(s->config->mechanisms, name) != NULL ||
        (whole && may_be_mechanism(name)))
        shown = (size_t)(t.p - e->line.p) + n;
    hide_from(s, e, shown);
}

/* Prepares the challenge that asks for the response `next`. */
static const struct objection *challenge(struct smtp *s, struct smtp_event *e, enum smtp_step next, const char *text)
{
    s->next_step = (uint8_t)next;
    smtp_reply(s, e, 334, NULL, text);
    return NULL;
}

static const struct smtp_canned done = CANNED(235, "2.7.0 ", "Authentication successful");
static const struct smtp_canned failed = CANNED(535, "5.7.8 ", "Authentication failed");

/* Leaves a step of a mechanism that is not built in to the application: without a reply of its own, it fails. */
static const struct objection *leave_step(struct smtp *s, struct smtp_event *e)
{
    s->next_step = STEP_FIRST;
    reply_canned(s, e, &failed);
    return NULL;
}

/* Answers the first message of SCRAM, whose names are in the event. */
static const struct objection *challenge_scram(struct smtp *s, struct smtp_event *e, struct span client_nonce)
{
    char nonce[SMTP_CHALLENGE_MAX], text[SCRAM_CHALLENGE_MAX], encoded[BASE64_SIZE(SCRAM_CHALLENGE_MAX)];
    s->nonce++;
    size_t n = smtp_challenge(s, nonce);
    n = scram_challenge(sasl_digest(e->mechanism), client_nonce, (struct span){nonce, n}, text);
    base64_encode((struct span){text, n}, encoded);
    return challenge(s, e, STEP_SECOND, encoded);
}

/* The client proves that it knows the password; then, after a 334 with the server's proof, it has nothing to say. */
static const struct objection *end_scram(struct smtp *s, struct smtp_event *e, struct span message)
{
    char nonce[SMTP_CHALLENGE_MAX];
    struct span challenge_text = {nonce, smtp_challenge(s, nonce)};
    bool last = s->step == STEP_LAST;
    if (last ? message.n > 0 : !scram_fits(message, challenge_text, s->gs2_sum))
        return objection_raise(s, e, OBJECTION_RESPONSE);
    if (!last)
        e->secret = message;
    s->next_step = last ? STEP_FAILED : STEP_LAST;
    reply_canned(s, e, &done);
    return NULL;
}

/* Reads a response, already decoded. */
static const struct objection *take_response(struct smtp *s, struct smtp_event *e, char *p, size_t n)
{
    struct span text = {p, n};
    struct sasl_login login = {.secret = text};
    bool scram = sasl_is_scram(e->mechanism);
    if (e->mechanism == SASL_NONE)
        return leave_step(s, e);
    if (scram && s->step != STEP_FIRST)
        return end_scram(s, e, text);
    const struct objection *o = NULL;
    bool first = e->mechanism == SASL_LOGIN && s->step == STEP_FIRST;
    if (first)
        login.user = text;
    else if (scram ? !scram_parse_first(p, n, &login, &s->gs2_sum)
                   : e->mechanism != SASL_LOGIN && !sasl_parse(e->mechanism, p, n, &login))
        return objection_raise(s, e, OBJECTION_RESPONSE);
    if (login.user.p != NULL && login.user.n == 0 && e->mechanism != SASL_OAUTHBEARER) /* its token may tell */
        o = objection_raise(s, e, OBJECTION_NO_USER);
    e->arg = login.user;
    if (o != NULL || first)
        return o != NULL ? o : challenge(s, e, STEP_SECOND, "UGFzc3dvcmQ6" /* Password: */);
    e->authzid = login.authzid;
    if (scram)
        return challenge_scram(s, e, login.secret);
    e->secret = login.secret;
    s->next_step = STEP_FAILED;
    reply_canned(s, e, &done);
    return NULL;
}

static const struct objection *decode_response(struct smtp *s, struct smtp_event *e, char *text, size_t n)
{
    return base64_decode(text, &n) ? take_response(s, e, text, n) : objection_raise(s, e, OBJECTION_BASE64);
}

void auth_respond(struct smtp *s, struct smtp_event *e)
{
    const struct objection *o = NULL;
    bool cancel = e->line.n == 1 && *e->line.p == '*';
    size_t n = e->line.n;
    s->event = e->type = SMTP_AUTH;
    s->legal = true;
    e->mechanism = sasl_mechanism(smtp_mechanism(s));
    if (!cancel)
        hide_from(s, e, 0);
    if (s->step == STEP_FAILED)
        reply_canned(s, e, &failed);
    else if (cancel)
        o = objection_raise(s, e, OBJECTION_CANCELLED);
    else
        o = decode_response(s, e, s->line, n);
    if (o != NULL)
        objection_refuse(s, e, o);
}

static const struct objection *first_challenge(struct smtp *s, struct smtp_event *e)
{
    char text[SMTP_CHALLENGE_MAX], encoded[BASE64_SIZE(SMTP_CHALLENGE_MAX)] = "";
    if (e->mechanism == SASL_NONE)
        return leave_step(s, e);
    if (e->mechanism == SASL_LOGIN)
        return challenge(s, e, STEP_FIRST, "VXNlcm5hbWU6" /* Username: */);
    if (e->mechanism == SASL_CRAM_MD5) {
        s->nonce++;
        base64_encode((struct span){text, smtp_challenge(s, text)}, encoded);
    }
    return challenge(s, e, STEP_FIRST, encoded);
}

const struct objection *auth_parse(struct smtp *s, struct smtp_event *e)
{
    const char *space = e->arg.n > 0 ? memchr(e->arg.p, ' ', e->arg.n) : NULL;
    struct span name = space != NULL ? span_between(e->arg.p, space) : e->arg;
    char *text = s->secret;
    size_t n = s->secret_n;
    e->arg = (struct span){NULL, 0};
    if (s->authenticated)
        return objection_raise(s, e, OBJECTION_SECOND_AUTH);
    if (name.n == 0)
        return objection_raise(s, e, OBJECTION_AUTH);
    const char *offer = sasl_find(s->config->mechanisms, name);
    e->mechanism = sasl_mechanism(name);
    if (offer == NULL) {
        bool secret = e->mechanism == SASL_NONE && !may_be_mechanism(name);
        objection_set_subject(e, secret ? span_of("") : name);
        return objection_raise(s, e, OBJECTION_MECHANISM);
    }
    bool sends = e->mechanism != SASL_NONE && !sasl_proves(e->mechanism);
    if (sends && !s->secure && extension_offered(s) & SMTP_EXT_STARTTLS)
        problems_add(&e->problems, PROBLEM_AUTH_IN_CLEAR);
    s->mechanism = (uint16_t)(offer - s->config->mechanisms);
    s->step = STEP_FIRST;
    for (; n > 0 && *text == ' '; n--)
        text++;
    while (n > 0 && (text[n - 1] == ' ' || text[n - 1] == '\t'))
        n--;
    if (n == 0)
        return first_challenge(s, e);
    if (e->mechanism == SASL_CRAM_MD5) /* the challenge comes first */
        return objection_raise(s, e, OBJECTION_INITIAL_RESPONSE);
    if (n == 1 && *text == '=') /* an empty response */
        return take_response(s, e, text, 0);
    return decode_response(s, e, text, n);
}

struct span smtp_mechanism(const struct smtp *s)
{
    const char *name = s->config->mechanisms + s->mechanism;
    return (struct span){name, strcspn(name, " ")};
}

size_t smtp_challenge(const struct smtp *s, char *text)
{
    char digits[] = "00000000000000000000"; /* so that all challenges have the same length */
    (void)ascii_put_number(digits + sizeof digits - 1, s->nonce);
    char *end = string_add(string_add(text, "<"), digits);
    return (size_t)(string_add(string_add(string_add(end, "@"), s->config->hostname), ">") - text);
}
