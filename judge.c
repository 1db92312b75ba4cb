/*
 * judge.c - the verdict on a run: what came, held against what was expected.
 */
#include "judge.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "signals.h"

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
    if (v->failed > 0)
        (void)snprintf(text, 512, "%ju message%s could not be written%s to %s: %s", (uintmax_t)v->failed,
                       show_plural(v->failed), v->failed > 1 ? ", the first one" : "", v->culprit,
                       v->error == ETIMEDOUT ? "its reader takes nothing"
                       : v->error == ENOLCK  ? "another process has it locked"
                                             : strerror(v->error));
    return text;
}

/* What of the command's end makes the status, if anything does. */
static int judge_command(const struct judge *j, struct show *show)
{
    char time[32], failures[512], why[64];
    int number = WTERMSIG(j->wrap->status), status = wrap_exit_status(j->wrap);
    if (j->limit_hit)
        (void)snprintf(why, sizeof why, "still running at the %s limit", time_text(j->options->time, time));
    else if (WIFSIGNALED(j->wrap->status))
        (void)snprintf(why, sizeof why, "ended by signal %d (%s)", number, strsignal(number));
    else
        (void)snprintf(why, sizeof why, "exit status %d", status);
    status = j->limit_hit ? TIMED_OUT : status;
    (void)failures_text(j->server, failures);
    if (status != 0)
        show_line(show, "%s: %s%s%s", j->options->command[0], why, *failures != '\0' ? "; " : "", failures);
    return status;
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
                       show_plural(j->options->connections));
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
    if (o->max == 0)
        (void)snprintf(text, size, "no message");
    else if (o->max == UINT64_MAX)
        (void)snprintf(text, size, "at least %ju message%s", min, show_plural(o->min));
    else if (o->min == o->max)
        (void)snprintf(text, size, "%ju message%s", min, show_plural(o->min));
    else
        (void)snprintf(text, size, "%ju to %ju messages", min, max);
}

static int judge_counts(const struct judge *j, struct show *show)
{
    const struct server *v = j->server;
    const struct options *o = j->options;
    char expected[80], got[32] = "none", cause[96], more[160] = "";
    cause_text(j, cause, sizeof cause);
    if (v->spoken < o->connections || (o->connections > 0 && v->spoken > o->connections)) {
        show_line(show, "expected %ju connection%s, got %ju%s", (uintmax_t)o->connections, show_plural(o->connections),
                  (uintmax_t)v->spoken, v->spoken > o->connections ? "" : cause);
        return NOT_AS_EXPECTED;
    }
    if (v->taken >= o->min && v->taken <= o->max)
        return AS_EXPECTED;
    expected_text(o, expected, sizeof expected);
    if (v->taken > 0)
        (void)snprintf(got, sizeof got, "%ju", (uintmax_t)v->taken);
    if (v->cut_off > 0)
        (void)snprintf(more, sizeof more, "; %ju more cut off before the end", (uintmax_t)v->cut_off);
    else if (v->unheard > 0)
        (void)snprintf(more, sizeof more, "; %ju more stored, but the client left before the reply",
                       (uintmax_t)v->unheard);
    else if (v->tls_failed > 0)
        (void)snprintf(more, sizeof more, "; %ju TLS handshake%s failed", (uintmax_t)v->tls_failed,
                       show_plural(v->tls_failed));
    show_line(show, "expected %s, got %s%s%s", expected, got, v->taken > o->max ? "" : cause, more);
    return NOT_AS_EXPECTED;
}

/* Exactly one line says why a status is not 0. */
int judge(const struct judge *j, struct show *show)
{
    int status = j->wrap != NULL ? judge_command(j, show) : AS_EXPECTED;
    if (status != AS_EXPECTED)
        return status;
    char failures[512];
    if (*failures_text(j->server, failures) != '\0') {
        show_line(show, "%s", failures);
        return NOT_WRITTEN;
    }
    status = judge_counts(j, show);
    if (status == AS_EXPECTED && j->interrupted)
        show_line(show, "interrupted");
    return status;
}
