/* SPDX-License-Identifier: ISC */
/*
 * fuzz_rules.c - any text as a rule: where it is malformed lies within it, and
 * what is read from one that is good is sound; held against occasions made of
 * the rest of the input, it applies to none that it is not for, and counts.
 *
 * The first line is the rule, what follows are arguments of occasions, a line
 * each.  As a libFuzzer target, or, compiled with REPLAY, as a program that is
 * given files.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "serve/serve.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void must(bool condition)
{
    if (!condition)
        abort();
}

/* As a string of its own, so that reading past the end is seen. */
static char *copy(const uint8_t *octets, size_t n)
{
    char *text = malloc(n + 1);
    must(text != NULL);
    if (n > 0)
        memcpy(text, octets, n);
    text[n] = '\0';
    return text;
}

/* ---- what is read ---- */

/* It begins with its code, and ends a line unless a reply says not to. */
static void check_reply(const struct rule *r)
{
    must(r->code >= 100 && r->code <= 999 && r->reply_n >= 4);
    bool open = strstr(r->text, "\\c") != NULL;
    must(open || memcmp(r->reply + r->reply_n - 2, "\r\n", 2) == 0);
    char code[3] = {(char)('0' + r->code / 100), (char)('0' + r->code / 10 % 10), (char)('0' + r->code % 10)};
    must(memcmp(r->reply, code, 3) == 0);
    must(r->reply[3] == ' ' || r->reply[3] == '-' || (r->reply_n >= 5 && r->reply[3] == '\r'));
}

/* All replies are in a part, and only the last part ends the session. */
static void check_parts(const struct rule *r)
{
    size_t at = 0;
    must(r->n_parts >= 1 && r->n_parts <= RULES_PARTS_MAX && r->reply_n <= SMTP_REPLY_MAX);
    for (size_t i = 0; i < r->n_parts; i++) {
        const struct rules_part *part = &r->parts[i];
        bool last = i + 1 == r->n_parts;
        struct span reply = rules_reply(r, i);
        must(reply.p == r->reply + at && part->reply_end >= at && part->delay >= 0 && part->pace >= 0);
        bool usual = r->action == RULES_GO_ON;
        must(i == 0 || part->delay > 0 || part->pace > 0 || (i == 1 && usual));
        must((i > 0 || !usual || reply.n == 0) && (last || part->end == RULES_GO_ON) && part->end != RULES_REPLY);
        at = part->reply_end;
    }
    must(at == r->reply_n && (!rules_break_off(r) || (r->n_parts == 1 && rules_end_session(r))));
}

static void check_rule(const struct rule *r, const char *text)
{
    size_t n = strlen(text);
    must(r->text == text && r->event != SMTP_CHUNK);
    must(!r->extended || r->event == SMTP_HELO);
    must(!r->overrules || strchr(text, '!') != NULL);
    if (r->pattern.p != NULL)
        must(r->pattern.p > text && r->pattern.p + r->pattern.n < text + n &&
             (r->pattern.n > 0 || memcmp(r->pattern.p, "\"\"", 2) == 0));
    struct span mechanism = rules_mechanism(r);
    must(mechanism.p == NULL || (r->event == SMTP_AUTH && mechanism.p == r->pattern.p && sasl_is_name(mechanism) &&
                                 mechanism.p[mechanism.n] == '/'));
    must(r->larger == 0 || r->event == SMTP_MAIL || r->event == SMTP_EOM);
    if (r->content.p != NULL)
        must(r->event == SMTP_EOM && r->content.p[-1] == '/' && r->content.p[r->content.n] == '/');
    must(r->percent <= 100 && (r->first > 0) + (r->percent > 0) + (r->more > 0) <= 1);
    must((r->within > 0) == (r->more > 0) && (!rules_remember(r) || r->first > 0));
    must((r->after > 0) == (r->event == SMTP_BODY));

    check_parts(r);
    must(r->applied == 0 && r->fired == 0);
    if (r->action == RULES_REPLY)
        check_reply(r);
    else
        must(r->code == 0 && (r->action == RULES_GO_ON || r->reply_n == 0));
}

/* ---- what it is for ---- */

/* Twice, with the same seed: what applies once does so again. */
static void check_match(const struct rule *parsed, struct rules_occasion *o)
{
    static struct rules_past past;
    o->past = &past;
    struct rule rules[2] = {*parsed, *parsed};
    uint64_t fired[2] = {0, 0};
    for (int run = 0; run < 2; run++) {
        rules[0] = rules[1] = *parsed;
        rules_seed(rules, 2, o->octets);
        if (rules_remember(parsed))
            memset(&past, 0, sizeof past);
        for (int i = 0; i < 8; i++) {
            const struct rule *found = rules_find(rules, 2, o);
            must(found == NULL || found == &rules[0] || found == &rules[1]);
            must(found != NULL || parsed->content.p != NULL || parsed->first > 0 || parsed->percent > 0 ||
                 parsed->more > 0 || rules[0].applied == 0);
        }
        must(rules[0].applied == 0 || rules[0].applied == 8);
        const struct rule *other;
        static const struct smtp_config config = {.extensions = SMTP_EXT_ALL, .mechanisms = "PLAIN NTLM"};
        const char *doubt = doubt_find(rules, 1, 2, &config, true, &other);
        must(doubt == NULL || other != &rules[0] || rules[1].fired == 0);
        must(rules[0].applied == 0 ||
             ((parsed->event == o->event || parsed->event == SMTP_NONE) && (!parsed->extended || o->extended)));
        must(rules[1].applied <= rules[0].applied && rules[0].fired + rules[1].applied == rules[0].applied);
        if (parsed->more > 0 && rules[0].applied > 0)
            must(rules[0].fired == (parsed->more < 8 ? 8 - parsed->more : 0));
        if (parsed->first > 0 && rules[0].applied > 0)
            must(rules[0].fired == (parsed->first < 8 ? parsed->first : 8));
        fired[run] = rules[0].fired + rules[1].fired * 16;
    }
    must(fired[0] == fired[1]);
}

static void check_occasions(const struct rule *r, char *line)
{
    size_t n = strlen(line);
    struct mail_recipient recipient = {.address = {line, n}};
    bool to_nobody = n % 5 == 0 && r->scope != RULES_ARGUMENT; /* then there is nothing to count for */
    const struct mail mail = {.recipients = to_nobody ? NULL : &recipient, .n_recipients = !to_nobody};
    for (int i = SMTP_CONNECT; i <= SMTP_UNKNOWN; i++) {
        struct rules_occasion o = {.size = n,
                                   .contents = n % 2 * 3, /* both rules are the same */
                                   .event = (enum smtp_event_type)i,
                                   .line = {line, n / 2},
                                   .refused = n % 3 == 0,
                                   .extended = n % 2,
                                   .argument = {line, n}};
        o.octets = n;
        check_match(r, &o);
        o.before = n / 2;
        if (i == SMTP_AUTH)
            o.step = line;
        if (i == SMTP_DATA || i == SMTP_BDAT || i == SMTP_BODY || i == SMTP_EOM) {
            o.mail = &mail;
        }
        check_match(r, &o);
    }
}

/* All fits a star and itself; what fits a pattern fits it between stars. */
static void check_glob(struct span pattern, struct span text)
{
    char *between = malloc(pattern.n + 2);
    must(between != NULL);
    between[0] = between[pattern.n + 1] = '*';
    memcpy(between + 1, pattern.p, pattern.n);
    must(rules_glob((struct span){"*", 1}, text));
    bool ends_quoted = pattern.n > 0 && pattern.p[pattern.n - 1] == '\\';
    if (rules_glob(pattern, text) && !ends_quoted)
        must(rules_glob((struct span){between, pattern.n + 2}, text));
    free(between);
}

static void check_time(const char *text)
{
    const char *p = text;
    int64_t milliseconds;
    if (number_take_time(&p, &milliseconds))
        must(p > text && p <= text + strlen(text) && milliseconds >= 0);
    else
        must(p == text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    const uint8_t *lf = n > 0 ? memchr(data, '\n', n) : NULL;
    size_t length = lf != NULL ? (size_t)(lf - data) : n;
    char *text = copy(data, length), *rest = copy(data + length + (lf != NULL), n - length - (lf != NULL));
    static struct rule r;
    const char *at = NULL;
    r = (struct rule){.text = NULL};
    const char *expected = rules_parse(&r, text, &at);
    must(at >= text && at <= text + strlen(text));
    must(expected == NULL || *expected != '\0');
    if (expected == NULL)
        check_rule(&r, text);
    for (char *line = strtok(rest, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        if (expected == NULL)
            check_occasions(&r, line);
        check_glob((struct span){text, strlen(text)}, (struct span){line, strlen(line)});
    }
    check_time(text);
    free(text);
    free(rest);
    return 0;
}

#include "replay.h"
