/* SPDX-License-Identifier: ISC */
/*
 * fuzz_smtp.c - the engine with any input at all: however the input is cut and
 * however little room there is for replies, the replies, the mail data and the
 * events are the same, and every reply is well-formed.
 *
 * The first three octets choose a configuration and a policy, the fourth seeds
 * the cuts, and its last two bits say whether mail data are examined and
 * further keywords are offered; the rest is what the client says.  As a libFuzzer target, or, compiled with REPLAY, as
 * a program that is given files.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "smtp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

struct octets {
    char *p;
    size_t n, size;
};

static void add(struct octets *o, const char *p, size_t n)
{
    if (o->n + n > o->size) {
        o->size = (o->n + n) * 2;
        o->p = realloc(o->p, o->size);
        if (o->p == NULL)
            abort();
    }
    if (n > 0)
        memcpy(o->p + o->n, p, n);
    o->n += n;
}

static void must(bool condition)
{
    if (!condition)
        abort();
}

/* All that came of a run, in an order that cuts do not change.  Of a message that is too large, or is not
   complete, how much is handed on depends on the cuts. */
struct outcome {
    struct octets replies, events, mail;
    size_t accepted; /* octets of mail, of messages that were */
};

/* What the first octets of an input choose. */
struct choice {
    uint8_t policy;     /* limits, and what the application refuses */
    uint8_t config;     /* what is required, which protocol, and three hidden extensions */
    uint8_t extensions; /* hidden ones */
    bool examine, offer;
};

static const char *const offers[] = {"DELIVERBY 240",
                                     "MT-PRIORITY",
                                     "FUTURERELEASE 1 2",
                                     "RRVS",
                                     "SUBMITTER",
                                     "X-FOO",
                                     "XCLIENT NAME ADDR PORT PROTO HELO LOGIN DESTADDR"};

static void policy(struct smtp *s, struct smtp_event *e, uint8_t choice)
{
    if (choice & 4 && e->type == SMTP_RCPT && e->arg.n % 3 == 1)
        smtp_reply(s, e, 550, "5.1.1", "no\nnot here");
    if (choice & 8 && e->type == SMTP_EOM && e->size % 2 == 1)
        smtp_reply(s, e, 452, "4.3.1", "full");
    if (choice & 16 && e->type == SMTP_NOOP && e->arg.n == 7)
        smtp_reply(s, e, 421, "4.3.2", "bye");
    if (choice & 32 && e->type == SMTP_CONNECT)
        smtp_reply(s, e, 554, NULL, "no");
    if (choice & 64 && e->type == SMTP_AUTH && e->code == 235)
        smtp_reply(s, e, e->secret.n % 2 == 1 ? 334 : 535, NULL, "no");
    if (choice & 64 && e->type == SMTP_AUTH && e->code == 535 && e->mechanism == SASL_NONE) {
        must(span_is(smtp_mechanism(s), "NTLM") && e->arg.p == NULL && e->secret.p == NULL);
        smtp_reply(s, e, e->hidden % 3 == 0 ? 334 : e->hidden % 3 == 1 ? 235 : 454, NULL, "so");
    }
    if (choice & 128 && e->type == SMTP_CHUNK && e->size % 5 == 4)
        smtp_reply(s, e, 452, "4.3.1", "full");
}

static void note(struct outcome *o, const struct smtp_event *e)
{
    if (e->type == SMTP_BODY) {
        must(e->arg.n > 0);
        add(&o->mail, e->arg.p, e->arg.n);
        return;
    }
    must((e->code >= 200 && e->code <= 599) || (e->code == 0 && (e->type == SMTP_BDAT || e->type == SMTP_EOM)));
    char text[160];
    struct problems problems = e->problems;
    problems_remove(&problems, PROBLEM_PIPELINING);
    problems_remove(&problems, PROBLEM_PIPELINING_SYNC);
    problems_remove(&problems, PROBLEM_EARLY_TLS);
    uint64_t size = e->type == SMTP_STARTTLS ? 0 : e->size; /* what came too early depends on the cuts */
    int length =
        snprintf(text, sizeof text, "%d %d %ju %ju %zu %jx %jx ", (int)e->type, e->code, (uintmax_t)size,
                 (uintmax_t)e->recipient, (size_t)e->hidden, (uintmax_t)problems.bits[0], (uintmax_t)problems.bits[1]);
    add(&o->events, text, (size_t)length);
    add(&o->events, e->arg.p, e->arg.n);
    add(&o->events, e->params.p, e->params.n);
    add(&o->events, e->secret.p, e->secret.n);
    add(&o->events, e->authzid.p, e->authzid.n);
    add(&o->events, e->line.p, e->line.n);
    add(&o->events, "\n", 1);
    if (e->type == SMTP_EOM && e->recipient <= 1) {
        o->accepted = e->code < 400 && e->code > 0 ? o->mail.n : o->accepted;
        o->mail.n = o->accepted;
    }
}

/* A message that is dropped leaves nothing: that of chunks that were refused, or reset. */
static void drop(struct outcome *o, const struct smtp_event *e)
{
    bool refused = (e->type == SMTP_CHUNK || e->type == SMTP_BDAT) && e->code >= 400;
    if (refused || (e->code < 400 && (e->type == SMTP_RSET || e->type == SMTP_HELO || e->type == SMTP_STARTTLS)))
        o->mail.n = o->accepted;
}

static void run(struct outcome *o, const char *input, size_t n, struct choice choice, unsigned seed, size_t room_size)
{
    struct smtp_config config = {.hostname = "h",
                                 .max_size = choice.policy & 1 ? 40 : 0,
                                 .max_recipients = choice.policy & 2 ? 2 : 0,
                                 .extensions = SMTP_EXT_ALL & ~((unsigned)choice.extensions << 3 | choice.config >> 5),
                                 .mechanisms =
                                     "PLAIN LOGIN CRAM-MD5 XOAUTH2 OAUTHBEARER SCRAM-SHA-1 SCRAM-SHA-256 NTLM",
                                 .offers = offers,
                                 .n_offers = choice.offer ? sizeof offers / sizeof offers[0] : 0,
                                 .lmtp = choice.config & 1,
                                 .strict = choice.config & 2,
                                 .examine = choice.examine,
                                 .require_auth = choice.config & 4,
                                 .require_tls = choice.config & 8};
    struct smtp s;
    struct octets left = {NULL, 0, 0};
    char *room = malloc(room_size);
    must(room != NULL);
    smtp_init(&s, &config, 1);
    if (choice.config & 16)
        smtp_secure(&s);
    for (size_t at = 0;;) {
        size_t step = seed == 0 ? n - at : 1 + (seed >> 16) % 24;
        step = step < n - at ? step : n - at;
        seed = seed == 0 ? 0 : seed * 1103515245 + 12345;
        add(&left, input + at, step);
        at += step;
        char *lent = malloc(left.n + 1); /* so that reading past the end is seen */
        must(lent != NULL);
        if (left.n > 0)
            memcpy(lent + 1, left.p, left.n);
        smtp_input(&s, lent + 1, left.n);
        size_t written;
        do {
            struct smtp_event e;
            smtp_output(&s, room, room_size);
            while (smtp_next(&s, &e)) {
                if (e.type != SMTP_BODY)
                    policy(&s, &e, choice.policy);
                note(o, &e);
                drop(o, &e);
            }
            written = smtp_written(&s);
            add(&o->replies, room, written);
        } while (written > 0);
        size_t rest = smtp_left(&s);
        must(rest <= left.n && rest < SMTP_AUTH_LINE_MAX);
        if (rest > 0)
            memmove(left.p, left.p + left.n - rest, rest);
        left.n = rest;
        free(lent);
        if (at == n)
            break;
    }
    o->mail.n = o->accepted;
    free(left.p);
    free(room);
}

static void check_replies(const struct octets *o)
{
    const char *p = o->p, *end = o->p + o->n;
    while (p < end) {
        const char *lf = memchr(p, '\n', (size_t)(end - p));
        must(lf != NULL && lf - p >= 4 && lf - p < 512 && lf[-1] == '\r');
        must(p[0] >= '2' && p[0] <= '5' && p[1] >= '0' && p[1] <= '9' && p[2] >= '0' && p[2] <= '9');
        must(p[3] == ' ' || p[3] == '-');
        p = lf + 1;
    }
}

static void same(const struct octets *a, const struct octets *b)
{
    must(a->n == b->n && (a->n == 0 || memcmp(a->p, b->p, a->n) == 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    enum { CHOICES = 4 };
    if (n < CHOICES)
        return 0;
    struct choice choice = {data[0], data[1], data[2], data[3] & 1, data[3] & 2};
    struct outcome whole = {{NULL, 0, 0}, {NULL, 0, 0}, {NULL, 0, 0}, 0}, cut = whole;
    const char *input = (const char *)data + CHOICES;
    run(&whole, input, n - CHOICES, choice, 0, 1 << 16);
    run(&cut, input, n - CHOICES, choice, 1u + data[3], SMTP_REPLY_MAX);
    check_replies(&whole.replies);
    same(&whole.replies, &cut.replies);
    same(&whole.events, &cut.events);
    same(&whole.mail, &cut.mail);
    free(whole.replies.p);
    free(whole.events.p);
    free(whole.mail.p);
    free(cut.replies.p);
    free(cut.events.p);
    free(cut.mail.p);
    return 0;
}

#include "replay.h"
