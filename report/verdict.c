/*
 * judge.c - the verdict on a run: what came, held against what was expected.
 */
#include "report/judge.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "run/run.h"

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

/* What could not be written, "" if all could. */
static const char *failures_text(const struct server *v, char text[512])
{
    text[0] = '\0';
    if (v->tally.failed > 0 && v->tally.error == ENOMEM)
        (void)snprintf(text, 512, "%ju message%s could not be taken%s for lack of memory", (uintmax_t)v->tally.failed,
                       console_plural(v->tally.failed), v->tally.failed > 1 ? ", the first one" : "");
    else if (v->tally.failed > 0)
        (void)snprintf(text, 512, "%ju message%s could not be written%s to %s: %s", (uintmax_t)v->tally.failed,
                       console_plural(v->tally.failed), v->tally.failed > 1 ? ", the first one" : "", v->tally.culprit,
                       v->tally.error == ETIMEDOUT ? "its reader takes nothing"
                       : v->tally.error == ENOLCK  ? "another process has it locked"
                                                   : strerror(v->tally.error));
    return text;
}

/* Behind what was got: what brought the end. */
static void cause_text(const struct judge *j, char *text, size_t size)
{
    char time[32];
    *text = '\0';
    switch (j->cause) {
    case LIMIT:
        (void)snprintf(text, size, " before the %s limit", time_text(j->options->time, time));
        break;
    case SIGNALLED:
        (void)snprintf(text, size, " before %s", signals_name(j->signal));
        break;
    case COMMAND_ENDED:
        if (j->options->linger > 0)
            (void)snprintf(text, size, " before the command ended and %s after it",
                           time_text(j->options->linger, time));
        else
            (void)snprintf(text, size, " before the command ended");
        break;
    case SESSION_ENDED:
        (void)snprintf(text, size, " before the session ended");
        break;
    case CONNECTIONS:
        (void)snprintf(text, size, " in %ju connection%s", (uintmax_t)j->options->connections,
                       console_plural(j->options->connections));
        break;
    case NOTHING:
    case ENOUGH:
    case OUTPUT_FAILED:
        break;
    }
}

static void expected_text(const struct options *o, char *text, size_t size)
{
    uintmax_t min = o->min, max = o->max;
    const char *like = o->n_matches == 0 ? "" : o->min == o->max && o->min == 1 ? " that matches" : " that match";
    if (o->max == 0)
        (void)snprintf(text, size, "no message%s", o->n_matches > 0 ? " that matches" : "");
    else if (o->max == UINT64_MAX)
        (void)snprintf(text, size, "at least %ju message%s%s", min, console_plural(o->min),
                       o->n_matches > 0 && min == 1 ? " that matches" : like);
    else if (o->min == o->max)
        (void)snprintf(text, size, "%ju message%s%s", min, console_plural(o->min), like);
    else
        (void)snprintf(text, size, "%ju to %ju messages%s", min, max, like);
}

static void got_text(const struct judge *j, char *text, size_t size)
{
    const struct server *v = j->server;
    int n =
        v->tally.counted > 0 ? snprintf(text, size, "%ju", (uintmax_t)v->tally.counted) : snprintf(text, size, "none");
    if (j->options->n_matches > 0 && v->tally.taken > 0 && n > 0 && (size_t)n < size)
        (void)snprintf(text + n, size - (size_t)n, " of the %ju that came", (uintmax_t)v->tally.taken);
}

/* What else has come to nothing. */
static void more_text(const struct server *v, char *text, size_t size)
{
    const struct {
        uint64_t n;
        const char *text;
    } found[] = {
        {v->tally.cut_off, "%ju more cut off before the end"},
        {v->tally.refused - v->tally.failed, "%ju more refused"},
        {v->tally.unheard, "%ju more stored, but the client left before the reply"},
        {v->tally.tls_failed, v->tally.tls_failed == 1 ? "%ju TLS handshake failed" : "%ju TLS handshakes failed"},
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

static bool counts_hold(const struct judge *j)
{
    return j->server->tally.counted >= j->options->min && j->server->tally.counted <= j->options->max;
}

/* "expected 1 message, got none" */
static void counts_text(const struct judge *j, const char *cause, char *text, size_t size)
{
    char expected[80], got[64], more[256];
    expected_text(j->options, expected, sizeof expected);
    got_text(j, got, sizeof got);
    more_text(j->server, more, sizeof more);
    (void)snprintf(text, size, "expected %s, got %s%s%s", expected, got,
                   j->server->tally.counted > j->options->max ? "" : cause, more);
}

static int judge_counts(const struct judge *j, struct console *console)
{
    const struct server *v = j->server;
    const struct options *o = j->options;
    char cause[96], text[512];
    cause_text(j, cause, sizeof cause);
    if (o->connections > 0 && v->tally.spoken != o->connections) {
        console_line(console, "expected %ju connection%s, got %ju%s", (uintmax_t)o->connections,
                     console_plural(o->connections), (uintmax_t)v->tally.spoken,
                     v->tally.spoken > o->connections ? "" : cause);
        return NOT_AS_EXPECTED;
    }
    if (counts_hold(j))
        return AS_EXPECTED;
    counts_text(j, cause, text, sizeof text);
    console_line(console, "%s", text);
    return NOT_AS_EXPECTED;
}

/* What of the command's end makes the status, if anything does. */
static int judge_command(const struct judge *j, struct console *console)
{
    char time[32], failures[512], counts[512] = "", why[64];
    int number = WTERMSIG(j->wrap->status), status = wrap_exit_status(j->wrap);
    if (j->limit_hit)
        (void)snprintf(why, sizeof why, "still running at the %s limit", time_text(j->options->time, time));
    else if (WIFSIGNALED(j->wrap->status))
        (void)snprintf(why, sizeof why, "ended by signal %d (%s)", number, strsignal(number));
    else
        (void)snprintf(why, sizeof why, "exit status %d", status);
    status = j->limit_hit ? TIMED_OUT : status;
    (void)failures_text(j->server, failures);
    if (!counts_hold(j))
        counts_text(j, "", counts, sizeof counts);
    if (status != 0)
        console_line(console, "%s: %s%s%s%s%s", j->options->command[0], why, *failures != '\0' ? "; " : "", failures,
                     *counts != '\0' ? "; " : "", counts);
    return status;
}

/* ---- --strict ---- */

static bool departs(const struct server *v, int problem)
{
    return v->tally.problems[problem].n > 0 && !problem_about((enum problem)problem)->noted_only;
}

static int judge_protocol(const struct judge *j, struct console *console)
{
    int ways = 0;
    for (int i = 0; i < PROBLEMS; i++)
        ways += departs(j->server, i);
    if (ways == 0)
        return AS_EXPECTED;
    console_line(console, "clients departed from the protocol in %d way%s (--strict)", ways,
                 console_plural((uint64_t)ways));
    return NOT_AS_EXPECTED;
}

static int judge_rules(const struct judge *j, struct console *console)
{
    size_t n = 0;
    for (size_t i = 0; i < j->options->n_rules; i++)
        n += j->options->rules[i].fired == 0;
    if (n == 0)
        return AS_EXPECTED;
    console_line(console, "%zu rule%s of --on never fired (--strict)", n, console_plural(n));
    return NOT_AS_EXPECTED;
}

/* ---- what there is to say beside the verdict ---- */

static void list_messages(const struct judge *j, struct console *console)
{
    const struct listing *l = &j->server->tally.came;
    for (size_t i = 0; i < l->n; i++)
        console_line(console, "message %zu: %s", i + 1, l->lines[i]);
    if (l->more > 0)
        console_line(console, "and %ju more message%s", (uintmax_t)l->more, console_plural(l->more));
}

static void list_problems(const struct judge *j, struct console *console)
{
    for (int i = 0; i < PROBLEMS; i++) {
        const struct tally_problem *t = &j->server->tally.problems[i];
        char text[PROBLEM_TEXT_MAX];
        if (!departs(j->server, i))
            continue;
        (void)problem_text((enum problem)i, text);
        if (t->n == 1)
            console_line(console, "%s, in connection %ju", text, (uintmax_t)t->session);
        else
            console_line(console, "%s, %ju times, first in connection %ju", text, (uintmax_t)t->n,
                         (uintmax_t)t->session);
    }
}

static void list_rules(const struct judge *j, struct console *console)
{
    const struct options *o = j->options;
    for (size_t i = 0; i < o->n_rules; i++) {
        if (o->rules[i].fired == 0)
            console_line(console, "--on '%s' never fired", o->rules[i].text);
    }
}

/* ---- the verdict ---- */

/* Exactly one line says why a status is not 0. */
static int verdict(const struct judge *j, struct console *console)
{
    char failures[512];
    int status = j->wrap != NULL ? judge_command(j, console) : AS_EXPECTED;
    if (status != AS_EXPECTED)
        return status;
    if (*failures_text(j->server, failures) != '\0') {
        console_line(console, "%s", failures);
        return NOT_WRITTEN;
    }
    status = judge_counts(j, console);
    if (status == AS_EXPECTED && j->options->strict)
        status = judge_protocol(j, console);
    if (status == AS_EXPECTED && j->options->strict)
        status = judge_rules(j, console);
    if (status == AS_EXPECTED && j->interrupted)
        console_line(console, "interrupted");
    return status;
}

int judge(const struct judge *j, struct console *console)
{
    int status = verdict(j, console);
    if (!counts_hold(j))
        list_messages(j, console);
    if (j->options->strict)
        list_problems(j, console);
    if (j->options->strict || !j->options->quiet)
        list_rules(j, console);
    return status;
}
