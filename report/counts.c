/*
 * counts.c - how many messages came, held against how many were expected.
 */
#include "report/inside.h"

#include <stdio.h>

bool counts_lack_mail(const struct expectations *o, const struct tally *v)
{
    bool lacks = false;
    for (size_t i = 0; i < o->n; i++)
        lacks = lacks || (o->each[i].max == 0 ? v->counted[i] == 0 : v->counted[i] < o->each[i].min);
    return lacks;
}

bool counts_are_settled(const struct expectations *o, const struct tally *v, bool pending)
{
    bool all = true, over = false;
    for (size_t i = 0; i < o->n; i++) {
        uint64_t n = v->counted[i] + (pending ? v->pending[i] : 0), max = o->each[i].max;
        all = all && max > 0 && n >= max;
        over = over || n > max;
    }
    return all || over;
}

void counts_progress(const struct expectations *o, const struct tally *v, int64_t left, char *text, size_t size)
{
    uint64_t max = o->each[0].max;
    bool connections = o->connections > 0, open_ended = !connections && (max == UINT64_MAX || max == 0);
    uint64_t n = connections ? v->spoken : v->counted[0], all = open_ended ? n : connections ? o->connections : max;
    char of[32] = "", time[48] = "";
    if (!open_ended)
        (void)snprintf(of, sizeof of, " of %ju", (uintmax_t)all);
    if (left >= 0)
        (void)snprintf(time, sizeof time, ", %jd s left", (intmax_t)((left + 999) / 1000));
    (void)snprintf(text, size, "waiting: %ju%s %s%s%s%s", (uintmax_t)n, of, connections ? "connection" : "message",
                   console_plural(all), open_ended ? " so far" : "", time);
}

static void expected_text(const struct expectation *o, char *text, size_t size)
{
    uintmax_t min = o->min, max = o->max;
    bool one = max == 0 || (min == 1 && (max == 1 || max == UINT64_MAX));
    const char *like = !o->matching ? "" : one ? " that matches" : " that match";
    if (max == 0)
        (void)snprintf(text, size, "no message%s", like);
    else if (max == UINT64_MAX)
        (void)snprintf(text, size, "at least %ju message%s%s", min, console_plural(min), like);
    else if (min == max)
        (void)snprintf(text, size, "%ju message%s%s", min, console_plural(min), like);
    else
        (void)snprintf(text, size, "%ju to %ju messages%s", min, max, like);
}

/* Mail and connections that were not counted. */
static void more_text(const struct tally *v, char *text, size_t size)
{
    uint64_t in_clear = v->problems[PROBLEM_TLS_IN_CLEAR].n;
    const struct {
        uint64_t n;
        const char *text;
    } found[] = {
        {v->cut_off, "%ju more cut off before the end"},
        {v->refused - v->failed, "%ju more refused"},
        {v->unheard, "%ju more stored, but the client left before the reply"},
        {v->tls_failed, v->tls_failed == 1 ? "%ju TLS handshake failed" : "%ju TLS handshakes failed"},
        {in_clear, in_clear == 1 ? "%ju client spoke TLS to a plain-text port (use smtps:// or --tls)"
                                 : "%ju clients spoke TLS to a plain-text port (use smtps:// or --tls)"},
    };
    size_t n = 0;
    *text = '\0';
    for (size_t i = 0; i < sizeof found / sizeof found[0] && n + 2 < size; i++) {
        if (found[i].n == 0)
            continue;
        n += (size_t)snprintf(text + n, size - n, "; ");
        n += (size_t)snprintf(text + n, size - n, found[i].text, (uintmax_t)found[i].n);
    }
}

bool counts_hold(const struct verdict *j)
{
    uint64_t n = j->tally->counted[0];
    return n >= j->expected->each[0].min && n <= j->expected->each[0].max;
}

void counts_text(const struct verdict *j, const char *cause, char *text, size_t size)
{
    const struct tally *v = j->tally;
    const struct expectation *e = &j->expected->each[0];
    char expected[80], got[24] = "none", came[48] = "", more[320];
    expected_text(e, expected, sizeof expected);
    more_text(v, more, sizeof more);
    if (v->counted[0] > 0)
        (void)snprintf(got, sizeof got, "%ju", (uintmax_t)v->counted[0]);
    if (e->matching && v->taken > 0)
        (void)snprintf(came, sizeof came, " of the %ju that came", (uintmax_t)v->taken);
    (void)snprintf(text, size, "expected %s, got %s%s%s%s", expected, got, came, v->counted[0] > e->max ? "" : cause,
                   more);
}
