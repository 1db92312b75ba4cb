/* SPDX-License-Identifier: ISC */
/*
 * verdict.c - the verdict on a run: what came, held against what was expected.
 *
 * Exactly one line, the reason, says why the exit status is not 0.  A command
 * that failed comes first, then mail that could not be stored, then the counts,
 * and last what --strict asks for.
 *
 * The caller prints the reason as the last line.  What explains it comes before,
 * the most important last, as the end is what a person sees on a small screen.
 */
#include "report/inside.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

enum { FIRST_CUT_MAX = CUT_OFF_MAX + 48 /* octets of how far a mail came, with a NUL */ };

/* "10 s", "200 ms", "5 min" */
static const char *time_text(int64_t milliseconds, char text[32])
{
    static const struct {
        int64_t unit;
        const char *name;
    } units[] = {{3600000, "h"}, {60000, "min"}, {1000, "s"}, {1, "ms"}};
    size_t i = 0;
    while (units[i].unit > 1 && (milliseconds == 0 || milliseconds % units[i].unit != 0))
        i++;
    (void)snprintf(text, 32, "%jd %s", (intmax_t)(milliseconds / units[i].unit), units[i].name);
    return text;
}

/* The mail that could not be stored; "" if all could. */
static const char *failures_text(const struct tally *v, char text[512])
{
    text[0] = '\0';
    if (v->failed > 0 && v->error == ENOMEM)
        (void)snprintf(text, 512, "%ju message%s could not be accepted%s for lack of memory", (uintmax_t)v->failed,
                       console_plural(v->failed), v->failed > 1 ? ", the first one" : "");
    else if (v->failed > 0)
        (void)snprintf(text, 512, "%ju message%s could not be written%s to %s: %s", (uintmax_t)v->failed,
                       console_plural(v->failed), v->failed > 1 ? ", the first one" : "", v->culprit,
                       v->error == ETIMEDOUT   ? "its reader reads nothing"
                       : v->error == ECANCELED ? "the run ended before that"
                       : v->error == ENOLCK    ? "another process has locked it"
                       : v->error == ESTALE    ? "another process has changed its file"
                                               : strerror(v->error));
    return text;
}

/* The end of the run, as it follows the count: " before the 5 s limit". */
static void cause_text(const struct verdict *j, char *text, size_t size)
{
    char time[32];
    *text = '\0';
    switch (j->cause) {
    case LIMIT:
        (void)snprintf(text, size, " before the %s limit", time_text(j->expected->time, time));
        break;
    case SIGNALLED:
        (void)snprintf(text, size, " before %s", j->signal);
        break;
    case COMMAND_ENDED:
        if (j->expected->linger > 0)
            (void)snprintf(text, size, " before the command ended, or in the %s after it",
                           time_text(j->expected->linger, time));
        else
            (void)snprintf(text, size, " before the command ended");
        break;
    case SESSION_ENDED:
        (void)snprintf(text, size, " before the session ended");
        break;
    case CONNECTIONS:
        (void)snprintf(text, size, " in %ju connection%s", (uintmax_t)j->expected->connections,
                       console_plural(j->expected->connections));
        break;
    case NOTHING:
    case ENOUGH:
    case OUTPUT_FAILED:
        break;
    }
}

static int judge_counts(const struct verdict *j, char reason[REASON_MAX])
{
    const struct tally *v = j->tally;
    const struct expectations *o = j->expected;
    char cause[96];
    cause_text(j, cause, sizeof cause);
    if (o->connections > 0 && v->spoken != o->connections) {
        (void)snprintf(reason, REASON_MAX, "expected %ju connection%s, got %ju%s", (uintmax_t)o->connections,
                       console_plural(o->connections), (uintmax_t)v->spoken, v->spoken > o->connections ? "" : cause);
        return NOT_AS_EXPECTED;
    }
    if (counts_hold(j))
        return AS_EXPECTED;
    counts_text(j, cause, reason, REASON_MAX);
    return NOT_AS_EXPECTED;
}

/* The status of the command, with the reason if it is not 0. */
static int judge_command(const struct verdict *j, char reason[REASON_MAX])
{
    char time[32], failures[512], counts[512] = "", why[64];
    int number = WTERMSIG(j->command_status), status = j->exit_status;
    if (j->limit_hit)
        (void)snprintf(why, sizeof why, "still running at the %s limit", time_text(j->expected->time, time));
    else if (WIFSIGNALED(j->command_status))
        (void)snprintf(why, sizeof why, "ended by signal %d (%s)", number, strsignal(number));
    else
        (void)snprintf(why, sizeof why, "exit status %d", status);
    status = j->limit_hit ? TIMED_OUT : status;
    (void)failures_text(j->tally, failures);
    if (!counts_hold(j))
        counts_text(j, "", counts, sizeof counts);
    if (status != 0)
        (void)snprintf(reason, REASON_MAX, "%s: %s%s%s%s%s", j->command, why, *failures != '\0' ? "; " : "", failures,
                       *counts != '\0' ? "; " : "", counts);
    return status;
}

/* ---- --strict ---- */

static bool departs(const struct verdict *j, int problem)
{
    return j->tally->problems[problem].n > 0 && !problem_about((enum problem)problem)->noted_only &&
           !problems_have(&j->expected->allowed, (enum problem)problem);
}

static int judge_strict(const struct verdict *j, char reason[REASON_MAX])
{
    int ways = 0;
    for (int i = 0; i < PROBLEMS; i++)
        ways += departs(j, i);
    if (ways > 0)
        (void)snprintf(reason, REASON_MAX, "%s departed from the RFCs in %d way%s (--strict)",
                       j->reading ? "messages" : "clients", ways, console_plural((uint64_t)ways));
    else if (j->n_unfired > 0)
        (void)snprintf(reason, REASON_MAX, "%zu rule%s of --on never fired (--strict)", j->n_unfired,
                       console_plural(j->n_unfired));
    return ways > 0 || j->n_unfired > 0 ? NOT_AS_EXPECTED : AS_EXPECTED;
}

/* How far the first mail that was cut off came: "65,536 octets came, but not their end; the last line ended in LF". */
static const char *first_cut_text(const struct tally *v, char text[FIRST_CUT_MAX])
{
    char digits[21] = "", grouped[28] = "", rest[CUT_OFF_MAX];
    const char *p = ascii_put_number(digits + 20, v->cut.octets);
    size_t n = 0;
    for (size_t left = strlen(p); left > 0; left--) {
        grouped[n++] = *p++;
        if (left % 3 == 1 && left > 1)
            grouped[n++] = ',';
    }
    (void)snprintf(text, FIRST_CUT_MAX, "%s octet%s came, %s", grouped, console_plural(v->cut.octets),
                   cut_off_text(rest, &v->cut));
    return text;
}

/* Whether the list of problems says how that mail was cut off. */
static bool lists_first_cut(const struct verdict *j)
{
    const struct tally_problem *t = &j->tally->problems[PROBLEM_CUT_OFF];
    return j->expected->strict && t->n > 0 && t->session == j->tally->cut_in;
}

static void list_problems(const struct verdict *j, struct console *console)
{
    for (int i = 0; i < PROBLEMS; i++) {
        const struct tally_problem *t = &j->tally->problems[i];
        const struct problem_about *about = problem_about((enum problem)i);
        char text[PROBLEM_TEXT_MAX + FIRST_CUT_MAX], cut[FIRST_CUT_MAX];
        if (!departs(j, i))
            continue;
        if (i == PROBLEM_CUT_OFF && lists_first_cut(j))
            (void)snprintf(text, sizeof text, "%s: %s: %s (%s)", about->name, about->sentence,
                           first_cut_text(j->tally, cut), about->section);
        else
            (void)problem_text((enum problem)i, text);
        const char *place = j->reading ? "message" : "connection";
        if (t->n == 1)
            console_line(console, "%s, in %s %ju", text, place, (uintmax_t)t->session);
        else
            console_line(console, "%s, %ju times, first in %s %ju", text, (uintmax_t)t->n, place,
                         (uintmax_t)t->session);
    }
}

/* ---- the messages that came ---- */

static bool command_failed(const struct verdict *j)
{
    return j->command != NULL && (j->limit_hit || j->exit_status != 0);
}

/* Whether the reason says how many messages came. */
static bool reason_counts(const struct verdict *j)
{
    const struct tally *v = j->tally;
    bool connections = j->expected->connections > 0 && v->spoken != j->expected->connections;
    return !counts_hold(j) && (command_failed(j) || (v->failed == 0 && !connections));
}

/* "3 messages, 2 of them match" */
static void tell_count(const struct verdict *j, struct console *console)
{
    uint64_t n = j->tally->taken, matching = j->tally->counted[0];
    char like[48] = "";
    bool matches = j->expected->n == 1 && j->expected->each[0].matching;
    if (matches && n == 1)
        (void)snprintf(like, sizeof like, matching == 1 ? ", and it matches" : ", and it does not match");
    else if (matches && matching == 0)
        (void)snprintf(like, sizeof like, ", none of them matches");
    else if (matches)
        (void)snprintf(like, sizeof like, ", %ju of them match%s", (uintmax_t)matching, matching == 1 ? "es" : "");
    const struct expectation *e = &j->expected->each[0];
    if (n == 0)
        console_line(console, "no message came%s",
                     e->min == 0 && e->max == UINT64_MAX ? ", and none was expected (-n 1 expects one)" : "");
    else
        console_line(console, "%ju message%s%s", (uintmax_t)n, console_plural(n), like);
}

/* On a terminal, lists as many messages as can be seen together with the reason and a prompt. */
static void list_messages(const struct listing *l, const char *reason, struct console *console)
{
    size_t columns, left = console_size(&columns), taken = console_rows(reason, columns) + 1;
    size_t i = 0;
    left = left > taken ? left - taken : 0;
    for (; i < l->n; i++) {
        char line[CONSOLE_LINE_MAX];
        (void)snprintf(line, sizeof line, "message %zu: %s", i + 1, l->lines[i]);
        size_t rows = console_rows(line, columns);
        bool last = i + 1 == l->n && l->more == 0;
        if (rows + !last > left) /* the others need a line, too */
            break;
        console_line(console, "%s", line);
        left -= rows;
    }
    uint64_t more = l->n - i + l->more;
    if (more > 0)
        console_line(console, "and %ju more message%s", (uintmax_t)more, console_plural(more));
}

/* ---- the verdict ---- */

int verdict_judge(const struct verdict *j, char reason[REASON_MAX])
{
    char failures[512];
    *reason = '\0';
    int status = j->command != NULL ? judge_command(j, reason) : AS_EXPECTED;
    if (status != AS_EXPECTED)
        return status;
    if (*failures_text(j->tally, failures) != '\0') {
        (void)snprintf(reason, REASON_MAX, "%s", failures);
        return NOT_WRITTEN;
    }
    status = judge_counts(j, reason);
    if (status == AS_EXPECTED && j->expected->strict)
        status = judge_strict(j, reason);
    if (status == AS_EXPECTED && j->interrupted)
        (void)snprintf(reason, REASON_MAX, "interrupted");
    return status;
}

/* All but the messages. */
static void explain(const struct verdict *j, int status, struct console *console)
{
    char cut[FIRST_CUT_MAX], missing[REASON_MAX];
    counts_missing_text(j, missing, sizeof missing);
    if (*missing != '\0' && counts_hold(j) && !console->quiet)
        console_line(console, "%s", missing);
    if (!counts_hold(j) && j->command != NULL && j->tally->spoken == 0 && !console->quiet)
        console_line(console, "no client sent anything: the command finds the server in SMTP_HOST and SMTP_PORT, "
                              "or as --env says");
    for (size_t i = 0; i < j->n_unfired && (j->expected->strict || !console->quiet); i++)
        console_line(console, "--on '%s' never fired", j->unfired[i]);
    for (int i = 0; i < PROBLEMS && !console->quiet; i++) {
        if (problems_have(&j->expected->allowed, (enum problem)i) && j->tally->problems[i].n == 0)
            console_line(console, "--allow %s excused nothing", problem_about((enum problem)i)->name);
    }
    if (status != AS_EXPECTED && j->tally->cut_off > 0 && !lists_first_cut(j))
        console_line(console, "%s in connection %ju: %s", j->tally->cut_off > 1 ? "first cut off" : "cut off",
                     (uintmax_t)j->tally->cut_in, first_cut_text(j->tally, cut));
    if (j->command != NULL && !console->quiet && !reason_counts(j))
        tell_count(j, console);
    if (j->expected->strict)
        list_problems(j, console);
}

void verdict_explain(const struct verdict *j, int status, const char *reason, struct console *console)
{
    explain(j, status, console);
    if (!counts_hold(j))
        list_messages(&j->tally->came, reason, console);
}

/* ---- the verdict on a page ---- */

static void add_rows(const struct verdict *j, struct text *rows)
{
    const struct expectations *o = j->expected;
    char expected[96], came[96];
    int ways = 0;
    counts_add_rows(j, rows);
    if (o->only) {
        (void)snprintf(came, sizeof came, "%ju", (uintmax_t)j->tally->others);
        counts_add_row(rows, j->tally->others == 0, "no message outside the expectations (--only)", came);
    }
    if (o->connections > 0) {
        (void)snprintf(expected, sizeof expected, "%ju connection%s", (uintmax_t)o->connections,
                       console_plural(o->connections));
        (void)snprintf(came, sizeof came, "%ju", (uintmax_t)j->tally->spoken);
        counts_add_row(rows, j->tally->spoken == o->connections, expected, came);
    }
    for (int i = 0; i < PROBLEMS && o->strict; i++)
        ways += departs(j, i);
    if (o->strict) {
        (void)snprintf(came, sizeof came, "%d", ways);
        counts_add_row(rows, ways == 0, "no departure from the RFCs (--strict)", came);
    }
    if (j->command != NULL) {
        (void)snprintf(came, sizeof came, j->limit_hit ? "still running" : "%d", j->exit_status);
        counts_add_row(rows, !command_failed(j), "exit status 0 from the command", came);
    }
}

void verdict_add_page(const struct verdict *j, int status, const char *reason, struct text *page)
{
    struct text rows = {NULL, 0, 0, false}, remarks = {NULL, 0, 0, false};
    struct console console = {.said = &remarks};
    add_rows(j, &rows);
    explain(j, status, &console);
    page_end(page, &(struct page_end){status, span_of(reason), text_span(&rows), text_span(&remarks)});
    page->failed = page->failed || rows.failed || remarks.failed;
    free(rows.p);
    free(remarks.p);
}
