/* SPDX-License-Identifier: ISC */
/*
 * counts.c - how many messages came, held against how many were expected.
 */
#include "report/inside.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { UNMET_TOLD = 3 /* expectations that the reason names, of those that were not met */ };

/* ---- counting ---- */

static void count(uint64_t *counts, uint64_t fits, int by)
{
    for (; fits != 0; fits >>= 1, counts++)
        *counts += (fits & 1) != 0 ? (uint64_t)by : 0;
}

void counts_await(struct tally *v, uint64_t before, uint64_t fits)
{
    count(v->pending, before, -1);
    count(v->pending, fits, 1);
}

void counts_take(struct tally *v, uint64_t fits)
{
    v->taken++;
    v->others += fits == 0;
    count(v->counted, fits, 1);
}

void counts_fail(struct tally *v, const struct failure *why)
{
    v->reader_gone = v->reader_gone || why->error == EPIPE;
    if (v->failed++ > 0) /* only the first one is reported */
        return;
    const size_t n = strlen(why->what), most = sizeof v->culprit - sizeof "...";
    v->error = why->error;
    (void)snprintf(v->culprit, sizeof v->culprit, "%s%s", n > most ? "..." : "", why->what + (n > most ? n - most : 0));
}

void counts_note(struct tally *v, enum problem problem, uint64_t where)
{
    if (v->problems[problem].n++ == 0)
        v->problems[problem].session = where;
}

/* ---- what they come to ---- */

/* Adds to a string in size octets; what does not fit is cut off. */
#if defined(__GNUC__)
__attribute__((format(printf, 3, 4)))
#endif
static void
append(char *text, size_t size, const char *format, ...)
{
    size_t n = strlen(text);
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text + n, size - n, format, arguments);
    va_end(arguments);
}

bool counts_lack_mail(const struct expectations *o, const struct tally *v)
{
    bool lacks = false;
    for (size_t i = 0; i < o->n; i++)
        lacks = lacks || (o->each[i].max == 0 ? v->counted[i] == 0 : v->counted[i] < o->each[i].min);
    return lacks;
}

bool counts_are_settled(const struct expectations *o, const struct tally *v, bool pending)
{
    bool all = true, over = o->only && v->others > 0;
    for (size_t i = 0; i < o->n; i++) {
        uint64_t n = v->counted[i] + (pending ? v->pending[i] : 0), max = o->each[i].max;
        all = all && max > 0 && n >= max;
        over = over || n > max;
    }
    return all || over;
}

static bool is_met(const struct expectations *o, const struct tally *v, size_t i)
{
    return v->counted[i] >= o->each[i].min && v->counted[i] <= o->each[i].max;
}

/* How many expectations are met so far. */
static uint64_t n_met(const struct expectations *o, const struct tally *v)
{
    uint64_t met = 0;
    for (size_t i = 0; i < o->n; i++)
        met += is_met(o, v, i);
    return met;
}

void counts_progress(const struct expectations *o, const struct tally *v, int64_t left, char *text, size_t size)
{
    uint64_t max = o->each[0].max;
    bool connections = o->connections > 0, several = !connections && o->n > 1;
    bool open_ended = !connections && !several && (max == UINT64_MAX || max == 0);
    uint64_t n = connections ? v->spoken : several ? n_met(o, v) : v->counted[0];
    uint64_t all = open_ended ? n : connections ? o->connections : several ? o->n : max;
    const char *what = connections ? "connection" : several ? "expectation" : "message";
    char of[32] = "", time[48] = "";
    if (!open_ended)
        (void)snprintf(of, sizeof of, " of %ju", (uintmax_t)all);
    if (left >= 0)
        (void)snprintf(time, sizeof time, ", %jd s left", (intmax_t)((left + 999) / 1000));
    (void)snprintf(text, size, "waiting: %ju%s %s%s%s%s", (uintmax_t)n, of, what, console_plural(all),
                   open_ended ? " so far" : "", time);
}

/* "2 messages that match" */
static void append_expected(char *text, size_t size, const struct expectation *e)
{
    uintmax_t min = e->min, max = e->max;
    bool one = max == 0 || (min == 1 && (max == 1 || max == UINT64_MAX));
    const char *like = !e->matching ? "" : one ? " that matches" : " that match";
    if (max == 0)
        append(text, size, "no message%s", like);
    else if (max == UINT64_MAX)
        append(text, size, "at least %ju message%s%s", min, console_plural(min), like);
    else if (min == max)
        append(text, size, "%ju message%s%s", min, console_plural(min), like);
    else
        append(text, size, "%ju to %ju messages%s", min, max, like);
}

/* Mail and connections that were not counted. */
static void append_uncounted(char *text, size_t size, const struct tally *v)
{
    uint64_t in_clear = v->problems[PROBLEM_TLS_IN_CLEAR].n;
    const struct {
        uint64_t n;
        const char *text;
    } found[] = {
        {v->cut_off, "%ju more cut off before the end"},
        {v->refused - v->failed, "%ju more refused"},
        {v->unheard, "%ju more stored, but the client left before the reply"},
        {v->unproxied, v->unproxied == 1 ? "%ju connection without a valid PROXY header"
                                         : "%ju connections without a valid PROXY header"},
        {v->tls_failed, v->tls_failed == 1 ? "%ju TLS handshake failed" : "%ju TLS handshakes failed"},
        {in_clear, in_clear == 1
                       ? "%ju client spoke TLS to a plain-text port (use -l smtps://:0, or --tls for STARTTLS)"
                       : "%ju clients spoke TLS to a plain-text port (use -l smtps://:0, or --tls for STARTTLS)"},
    };
    for (size_t i = 0; i < sizeof found / sizeof found[0]; i++) {
        if (found[i].n == 0)
            continue;
        append(text, size, "; ");
        append(text, size, found[i].text, (uintmax_t)found[i].n);
    }
}

bool counts_hold(const struct verdict *j)
{
    return n_met(j->expected, j->tally) == j->expected->n && !(j->expected->only && j->tally->others > 0);
}

/* "expectation 2 (--match 'subject: x' and 1 more): " */
static void append_name(char *text, size_t size, const struct verdict *j, size_t i)
{
    const struct match *first = NULL;
    size_t n = 0;
    for (const struct match *m = j->matches; m < j->matches + j->n_matches; m++) {
        first = m->expectation == i && n == 0 ? m : first;
        n += m->expectation == i;
    }
    append(text, size, "expectation %zu", i + 1);
    if (first != NULL)
        append(text, size, " (%s '%s'", match_option(first), first->text);
    if (n > 1)
        append(text, size, " and %zu more", n - 1);
    append(text, size, first != NULL ? "): " : ": ");
}

/* "expected 1 message that matches, got none of the 2 that came" */
static void append_count(char *text, size_t size, const struct verdict *j, size_t i)
{
    const struct expectation *e = &j->expected->each[i];
    uint64_t n = j->tally->counted[i], came = j->tally->taken;
    append(text, size, "expected ");
    append_expected(text, size, e);
    if (n > 0)
        append(text, size, ", got %ju", (uintmax_t)n);
    else
        append(text, size, ", got none");
    if (e->matching && came > 0)
        append(text, size, " of the %ju that came", (uintmax_t)came);
}

void counts_add_row(struct text *rows, bool met, const char *expected, const char *came)
{
    text_add_string(rows, met ? "+" : "-");
    text_add_ended(rows, span_of(expected));
    text_add_ended(rows, span_of(came));
}

void counts_add_rows(const struct verdict *j, struct text *rows)
{
    for (size_t i = 0; i < j->expected->n; i++) {
        const struct expectation *e = &j->expected->each[i];
        char expected[REASON_MAX] = "", came[32];
        if (e->min == 0 && e->max == UINT64_MAX)
            append(expected, sizeof expected, "any number of messages");
        else
            append_expected(expected, sizeof expected, e);
        for (const struct match *m = j->matches; m < j->matches + j->n_matches; m++) {
            if (m->expectation == i)
                append(expected, sizeof expected, " %s '%s'", match_option(m), m->text);
        }
        (void)snprintf(came, sizeof came, "%ju", (uintmax_t)j->tally->counted[i]);
        counts_add_row(rows, is_met(j->expected, j->tally, i), expected, came);
    }
}

/* Adds each field of a --match that none of the messages had: it may be misspelt. */
static void append_missing(char *text, size_t size, const struct verdict *j)
{
    for (size_t i = 0; i < j->n_matches && j->tally->taken > 0; i++) {
        const struct match *m = &j->matches[i];
        bool tells = j->expected->each[m->expectation].max == 0 || !is_met(j->expected, j->tally, m->expectation);
        if (tells && !m->inverted && (j->tally->present >> i & 1) == 0)
            append(text, size, "%sno message had %s %.*s", *text != '\0' ? "; " : "",
                   m->kind == MATCH_FIELD ? "a header field" : "any", (int)m->field.n, m->field.p);
    }
}

void counts_text(const struct verdict *j, const char *cause, char *text, size_t size)
{
    size_t unmet = 0, last = 0;
    uint64_t others = j->tally->others;
    *text = '\0';
    for (size_t i = 0; i < j->expected->n; i++) {
        if (is_met(j->expected, j->tally, i) || unmet++ >= UNMET_TOLD)
            continue;
        append(text, size, unmet > 1 ? "; " : "");
        if (j->expected->n > 1)
            append_name(text, size, j, i);
        append_count(text, size, j, i);
        last = i;
    }
    if (j->tally->counted[last] < j->expected->each[last].min)
        append(text, size, "%s", cause);
    if (unmet > UNMET_TOLD)
        append(text, size, "; %zu more %s not met", unmet - UNMET_TOLD, unmet == UNMET_TOLD + 1 ? "was" : "were");
    if (j->expected->only && others > 0)
        append(text, size, "%s%ju message%s no expectation (--only)", unmet > 0 ? "; " : "", (uintmax_t)others,
               others == 1 ? " fits" : "s fit");
    append_uncounted(text, size, j->tally);
    append_missing(text, size, j);
}

void counts_missing_text(const struct verdict *j, char *text, size_t size)
{
    *text = '\0';
    append_missing(text, size, j);
}
