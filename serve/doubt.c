/* SPDX-License-Identifier: ISC */
/*
 * doubt.c - rules that can never act, and a text that looks like an action: said
 * at the start, as a test with such a rule tests something else.
 *
 * Only what is certain counts.  A rule without a condition always acts, unless
 * one before it does.
 */
#include "serve/serve.h"

#include <string.h>

/* How far a session has come at an event: those of a higher stage come only after the others. */
static int stage(enum smtp_event_type event)
{
    switch (event) {
    case SMTP_CONNECT:
        return 1;
    case SMTP_HELO:
        return 2;
    case SMTP_STARTTLS:
    case SMTP_AUTH:
    case SMTP_MAIL:
        return 3;
    case SMTP_RCPT:
        return 4;
    case SMTP_DATA:
    case SMTP_BDAT:
        return 5;
    case SMTP_BODY:
    case SMTP_EOM:
        return 6;
    default:
        return 2;
    }
}

static bool has_condition(const struct rule *r)
{
    return r->pattern.p != NULL || r->content.p != NULL || r->larger > 0 || r->first > 0 || r->more > 0 ||
           (r->percent > 0 && r->percent < 100);
}

/* Whether rule a acts whenever b would. */
static bool covers(const struct rule *a, const struct rule *b)
{
    bool same = a->event == b->event || (a->event == SMTP_NONE && rules_is_command(b->event));
    return same && !has_condition(a) && (!a->extended || b->extended) && a->after == b->after &&
           (a->overrules || !b->overrules);
}

/* Whether no session gets past the event of rule i. */
static bool is_barrier(const struct rule *rules, size_t i, size_t n)
{
    const struct rule *r = &rules[i];
    bool step = r->event == SMTP_CONNECT || (r->event == SMTP_HELO && !r->extended) || r->event == SMTP_MAIL ||
                r->event == SMTP_RCPT;
    bool refuses = r->action == RULES_REPLY && !smtp_is_positive(r->event, r->code);
    if (!step || has_condition(r) || (!refuses && !rules_end_session(r)))
        return false;
    for (size_t k = 0; k < n; k++) {
        bool before = k < i && (rules[k].event == r->event || rules[k].event == SMTP_NONE);
        bool ends = r->event == SMTP_CONNECT && rules_end_session(r);
        if (before || (rules[k].overrules && !ends)) /* DATA may come without MAIL */
            return false;
    }
    return true;
}

static bool is_past(const struct rule *barrier, const struct rule *r)
{
    if (stage(r->event) <= stage(barrier->event) || r->event == SMTP_NONE)
        return false;
    if (barrier->event == SMTP_RCPT) /* with LMTP a chunk may be for nobody; RFC 2033 4.3 */
        return r->event == SMTP_DATA || r->event == SMTP_EOM;
    bool always = r->overrules || r->event == SMTP_QUIT || r->event == SMTP_EXPN || r->event == SMTP_UNKNOWN;
    return rules_end_session(barrier) || !always;
}

/* Why a rule is for what is not offered; NULL: it is for what is. */
static const char *why_not_offered(const struct rule *r, const struct smtp_config *c, bool in_clear)
{
    struct span mechanism = rules_mechanism(r);
    unsigned needed = r->event == SMTP_STARTTLS ? SMTP_EXT_STARTTLS
                      : r->event == SMTP_AUTH   ? SMTP_EXT_AUTH
                      : r->event == SMTP_BDAT   ? SMTP_EXT_CHUNKING
                      : r->event == SMTP_HELP   ? SMTP_EXT_HELP
                                                : 0;
    if (needed != 0 && !(c->extensions & needed) && !r->overrules)
        return "can never act, as --hide hides the command";
    if (r->event == SMTP_STARTTLS && !in_clear && !r->overrules)
        return "can never act, as all endpoints begin with TLS";
    if (r->event == SMTP_XCLIENT && smtp_find_offer(c, span_of("XCLIENT")) == SMTP_OFFERS_MAX)
        return "can never act without --offer XCLIENT";
    if (mechanism.p != NULL && sasl_find(c->mechanisms, mechanism) == NULL)
        return "can never act, as its mechanism of AUTH is not offered";
    if (r->event == SMTP_MAIL && r->larger > 0 && !(c->extensions & SMTP_EXT_SIZE))
        return "can never act, as --hide hides SIZE";
    return NULL;
}

/* Whether a reply ends in ", drop" or the like. */
static bool ends_like_an_action(const struct rule *r)
{
    static const char *const words[] = {"drop", "reset", "stall", NULL};
    const char *comma = strrchr(r->text, ',');
    struct span word = span_of(comma != NULL ? comma + 1 : "");
    while (word.n > 0 && (*word.p == ' ' || *word.p == '\t'))
        span_skip(&word, 1);
    while (word.n > 0 && (word.p[word.n - 1] == ' ' || word.p[word.n - 1] == '\t'))
        word.n--;
    bool delay = span_takes(&word, "delay ");
    return r->reply_n > 0 && r->parts[r->n_parts - 1].end == RULES_GO_ON &&
           (delay ? ascii_is_digit(*word.p) : span_is_one_of(word, words));
}

const char *doubt_find(const struct rule *rules, size_t i, size_t n, const struct smtp_config *c, bool in_clear,
                       const struct rule **other)
{
    const struct rule *r = &rules[i];
    const char *why = why_not_offered(r, c, in_clear);
    *other = NULL;
    if (why != NULL)
        return why;
    for (size_t k = 0; k < n; k++) {
        *other = &rules[k];
        if (k < i && covers(*other, r))
            return "can never act after";
        if (is_barrier(rules, k, n) && is_past(*other, r))
            return "can never act, as no session gets past";
    }
    *other = NULL;
    return ends_like_an_action(r) ? "ends in what looks like an action; put a semicolon before it, not a comma" : NULL;
}
