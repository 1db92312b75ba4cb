/* SPDX-License-Identifier: ISC */
/*
 * dialogue.c - commands and replies as lines of the dialogue.
 *
 * A transcript can be compared with that of another run.  So it has no sizes of
 * mail, which change with the length of a Date or a Message-ID.
 */
#include "report/inside.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

enum {
    REMARK_MAX = 200,
    AUTH_SHOWN = 40,        /* octets of a command whose rest is secret */
    KEPT_MAX = 32 * 1024,   /* octets of a session that are kept, */
    OPENING_MAX = 8 * 1024, /* and of its opening */
};

/* ---- lines that are kept ---- */

struct kept {
    uint64_t session;
    struct text lines;
    size_t opening; /* octets of those before the first MAIL; 0: it has not come */
    bool full;      /* further lines are left out */
    bool ended;     /* the mail of the last MAIL has ended */
};

static int by_session(const void *a, const void *b)
{
    uint64_t x = ((const struct kept *)a)->session, y = ((const struct kept *)b)->session;
    return (x > y) - (x < y);
}

static struct kept *find_kept(const struct dialogue *d, uint64_t session)
{
    const struct kept wanted = {.session = session};
    void *const *found = d->kept ? tfind(&wanted, &d->sessions, by_session) : NULL;
    return found != NULL ? *found : NULL;
}

/* The same, made if there is none.  NULL: there is no memory. */
static struct kept *make_kept(struct dialogue *d, uint64_t session)
{
    struct kept *k = find_kept(d, session);
    if (k != NULL || (k = calloc(1, sizeof *k)) == NULL)
        return k;
    k->session = session;
    if (tsearch(k, &d->sessions, by_session) != NULL)
        return k;
    free(k);
    return NULL;
}

static void keep(struct dialogue *d, uint64_t session, struct span line)
{
    struct kept *k = make_kept(d, session);
    if (k == NULL || k->full)
        return;
    k->full = k->lines.n + line.n > KEPT_MAX;
    text_add(&k->lines, k->full ? "...\n" : line.p, k->full ? 4 : line.n);
}

/* At MAIL: drops what was said after the opening, if the last mail has ended. */
static void kept_begin_mail(struct dialogue *d, uint64_t session)
{
    struct kept *k = find_kept(d, session);
    if (k == NULL)
        return;
    if (k->opening == 0) {
        k->opening = k->lines.n < OPENING_MAX ? k->lines.n : OPENING_MAX;
        while (k->opening > 0 && k->lines.p[k->opening - 1] != '\n')
            k->opening--;
        k->ended = k->opening < k->lines.n; /* so that the rest is left out */
    }
    if (!k->ended)
        return;
    k->lines.n = k->opening;
    k->full = k->ended = false;
    text_add_string(&k->lines, "...\n");
}

struct span dialogue_end_mail(struct dialogue *d, uint64_t session)
{
    struct kept *k = find_kept(d, session);
    if (k == NULL || k->lines.failed)
        return (struct span){NULL, 0};
    k->ended = true;
    return text_span(&k->lines);
}

void dialogue_forget(struct dialogue *d, uint64_t session)
{
    struct kept *k = find_kept(d, session);
    if (k == NULL)
        return;
    (void)tdelete(k, &d->sessions, by_session);
    free(k->lines.p);
    free(k);
}

/* ---- lines ---- */

static bool is_written(const struct dialogue *d) { return d->kept || d->transcript.fd != 0; }

static void write_transcript(struct dialogue *d, uint64_t session, char who, struct span text)
{
    char line[CONSOLE_LINE_MAX];
    if (!is_written(d))
        return;
    size_t n = console_format(line, sizeof line, session, who, text, false);
    if (d->transcript.fd != 0)
        lines_put(&d->transcript, line, n);
    const char *blank = d->kept ? memchr(line, ' ', n) : NULL;
    if (blank != NULL)
        keep(d, session, span_between(blank + 1, line + n));
}

static void both(struct dialogue *d, uint64_t session, char who, struct span text)
{
    console_dialogue(d->console, session, who, text);
    write_transcript(d, session, who, text);
}

/* Adds a remark with a number; the transcript gets a text of its own.  It does without printf(), as each message has
   such a line, and usually nobody reads it. */
static void note(struct dialogue *d, uint64_t session, const char *before, uint64_t n, const char *after,
                 const char *transcript)
{
    char line[REMARK_MAX], digits[20], *end = digits + sizeof digits;
    const struct span pieces[] = {span_of(before), span_between(ascii_put_number(end, n), end), span_of(after)};
    size_t length = 0;
    for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
        memcpy(line + length, pieces[i].p, pieces[i].n);
        length += pieces[i].n;
    }
    console_dialogue(d->console, session, 'C', (struct span){line, length});
    write_transcript(d, session, 'C', span_of(transcript));
}

/* Copies a command with # for each number after word; returns the length. */
static size_t hide_numbers(char *out, size_t size, struct span line, const char *word)
{
    size_t n = 0, length = strlen(word);
    while (line.n > 0 && n < size) {
        bool here = span_starts(line, word) && line.n > length && ascii_is_digit(line.p[length]);
        for (size_t k = here ? length : 1; k > 0 && n < size; k--, span_skip(&line, 1))
            out[n++] = *line.p;
        if (here && n < size)
            out[n++] = '#';
        while (here && line.n > 0 && ascii_is_digit(*line.p))
            span_skip(&line, 1);
    }
    return n;
}

/* Adds a command; in place of a secret, its length. */
static void add_command(struct dialogue *d, uint64_t session, const struct smtp_event *e)
{
    char text[CONSOLE_LINE_MAX];
    if (e->hidden > 0) {
        int shown = e->line.n < AUTH_SHOWN ? (int)e->line.n : AUTH_SHOWN;
        (void)snprintf(text, sizeof text, "%.*s%s(%d octets)", shown, e->line.p, shown > 0 ? " " : "", e->hidden);
        both(d, session, 'C', span_of(text));
        return;
    }
    console_dialogue(d->console, session, 'C', e->line);
    if (!is_written(d))
        return;
    if (e->type == SMTP_MAIL)
        kept_begin_mail(d, session);
    bool sized = e->type == SMTP_MAIL || e->type == SMTP_BDAT;
    size_t n = sized ? hide_numbers(text, sizeof text, e->line, e->type == SMTP_MAIL ? " SIZE=" : "BDAT ") : 0;
    write_transcript(d, session, 'C', sized ? (struct span){text, n} : e->line);
}

void dialogue_client(struct dialogue *d, uint64_t session, const struct smtp_event *e)
{
    if (d->unseen)
        return;
    if (e->type == SMTP_EOM && e->recipient <= 1 && !e->last) {
        note(d, session, "(", e->size, " octets of mail data)", "(mail data)");
        both(d, session, 'C', span_of("."));
    } else if (e->line.p != NULL) {
        add_command(d, session, e);
    } else if (problems_have(&e->problems, PROBLEM_TLS_IN_CLEAR)) {
        both(d, session, 'C', span_of("(a TLS handshake)"));
    } else if (e->type == SMTP_UNKNOWN || e->type == SMTP_AUTH) {
        note(d, session, "(a line of ", e->size, " octets)", "(a line that is too long)");
    }
    if (e->type == SMTP_STARTTLS && e->code < 400 && e->size > 0)
        note(d, session, "(", e->size, " octets after STARTTLS, dropped)", "(octets after STARTTLS, dropped)");
}

const char *cut_off_text(char text[CUT_OFF_MAX], const struct smtp_progress *p)
{
    char rest[64] = "";
    if (p->missing > 0)
        (void)snprintf(rest, sizeof rest, "; %ju octets of a chunk are missing", (uintmax_t)p->missing);
    else if (p->lone_dot != NULL)
        (void)snprintf(rest, sizeof rest, "; %s was among them", p->lone_dot);
    (void)snprintf(text, CUT_OFF_MAX, "%s%s%s%s", p->whole ? "and their end" : "but not their end",
                   p->ending != NULL ? "; " : "", p->ending != NULL ? p->ending : "", rest);
    return text;
}

void dialogue_cut_off(struct dialogue *d, uint64_t session, const struct smtp_progress *p)
{
    char missing[CUT_OFF_MAX], after[CUT_OFF_MAX + 32];
    d->amiss = true;
    if (d->unseen)
        return;
    (void)snprintf(after, sizeof after, " octets of mail data, %s)", cut_off_text(missing, p));
    note(d, session, "(", p->octets, after, p->whole ? "(mail data, and their end)" : "(mail data, but not their end)");
}

void dialogue_reply(struct dialogue *d, uint64_t session, struct span reply, const struct smtp_event *e)
{
    if (d->unseen)
        return;
    bool offers = e != NULL && e->type == SMTP_HELO && e->code < 300 && !d->console->dialogue;
    const char *shown = offers ? reply.p : reply.p + reply.n; /* lines up to here go to the console */
    while (reply.n > 0) {
        const char *end = reply.p + reply.n, *cr = reply.p; /* of the first CRLF */
        while ((cr = memchr(cr, '\r', (size_t)(end - cr))) != NULL && (cr + 1 == end || cr[1] != '\n'))
            cr++;
        size_t n = cr != NULL ? (size_t)(cr - reply.p) : reply.n;
        if (reply.p <= shown)
            console_dialogue(d->console, session, 'S', (struct span){reply.p, n});
        bool challenge = e != NULL && e->code == 334 && sasl_proves(e->mechanism);
        write_transcript(d, session, 'S', challenge ? span_of("334 (challenge)") : (struct span){reply.p, n});
        span_skip(&reply, n + 2 <= reply.n ? n + 2 : reply.n);
    }
}

void dialogue_rule(struct dialogue *d, uint64_t session, int64_t delay, const char *action)
{
    char text[REMARK_MAX];
    if (delay > 0) {
        (void)snprintf(text, sizeof text, "(delay of %jd ms)", (intmax_t)delay);
        both(d, session, 'S', span_of(text));
    }
    d->amiss = d->amiss || action != NULL;
    if (action != NULL)
        both(d, session, 'S', span_of(action));
}

void dialogue_problem(struct dialogue *d, uint64_t session, enum problem problem)
{
    char text[PROBLEM_TEXT_MAX];
    if (!d->console->dialogue)
        return;
    console_dialogue(d->console, session, '!', (struct span){text, problem_text(problem, text)});
}

void dialogue_proxy(struct dialogue *d, uint64_t session, const char *address, const char *why)
{
    char text[REMARK_MAX];
    d->amiss = d->amiss || why != NULL;
    (void)snprintf(text, sizeof text, why != NULL ? "(no valid PROXY header: %s)" : "(PROXY for %s)",
                   why != NULL        ? why
                   : *address != '\0' ? address
                                      : "a client without an address");
    both(d, session, 'S', span_of(text));
}

void dialogue_tls(struct dialogue *d, uint64_t session, bool good, const char *what)
{
    char text[REMARK_MAX];
    (void)snprintf(text, sizeof text, good ? "(%s)" : "(no TLS: %s)", what);
    both(d, session, 'S', span_of(text));
}
