/* SPDX-License-Identifier: ISC */
/*
 * test_dialogue.c - runs the dialogues of tests/dialogue (see README there)
 * against the engine, a cmocka test for each case.
 *
 *     test_dialogue [-v] FILE ...
 */
#include <assert.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "smtp.h"

/* A growing run of octets, always followed by a NUL that does not count. */
struct octets {
    char *p;
    size_t n, size;
};

static void add(struct octets *o, const char *p, size_t n)
{
    if (o->n + n + 1 > o->size) {
        o->size = (o->n + n + 1) * 2;
        o->p = realloc(o->p, o->size);
        assert(o->p != NULL);
    }
    if (n > 0)
        memcpy(o->p + o->n, p, n);
    o->n += n;
    o->p[o->n] = '\0';
}

static const char all_mechanisms[] = "PLAIN LOGIN CRAM-MD5 XOAUTH2 OAUTHBEARER SCRAM-SHA-1 SCRAM-SHA-256";

static void add_text(struct octets *o, const char *text) { add(o, text, strlen(text)); }

static void clear(struct octets *o)
{
    free(o->p);
    *o = (struct octets){NULL, 0, 0};
}

enum { MAX_LINES = 256, MAX_RULES = 8, MAX_TLS = 4, MAX_OFFERS = 8, EVENTS = SMTP_UNKNOWN + 1 };

static const char *const names[EVENTS] = {
    [SMTP_CONNECT] = "connect", [SMTP_HELO] = "helo",       [SMTP_STARTTLS] = "starttls", [SMTP_AUTH] = "auth",
    [SMTP_MAIL] = "mail",       [SMTP_RCPT] = "rcpt",       [SMTP_DATA] = "data",         [SMTP_BDAT] = "bdat",
    [SMTP_CHUNK] = "chunk",     [SMTP_EOM] = "eom",         [SMTP_RSET] = "rset",         [SMTP_NOOP] = "noop",
    [SMTP_VRFY] = "vrfy",       [SMTP_EXPN] = "expn",       [SMTP_HELP] = "help",         [SMTP_QUIT] = "quit",
    [SMTP_ARGV] = "argv",       [SMTP_XCLIENT] = "xclient", [SMTP_UNKNOWN] = "unknown",
};

static const char *const mechanisms[] = {
    [SASL_NONE] = "none",
    [SASL_PLAIN] = "plain",
    [SASL_LOGIN] = "login",
    [SASL_CRAM_MD5] = "cram-md5",
    [SASL_XOAUTH2] = "xoauth2",
    [SASL_OAUTHBEARER] = "oauthbearer",
    [SASL_SCRAM_SHA_1] = "scram-sha-1",
    [SASL_SCRAM_SHA_256] = "scram-sha-256",
};

/* What the application replies to an event. */
struct rule {
    int event;
    unsigned long only; /* to the event of this number; 0: to each */
    int code;
    char enhanced[16]; /* "-": none; "raw": text is what goes over the wire */
    char *text;
};

/* How a reply came to be. */
enum choice { AS_OFFERED, WITHOUT_ENHANCED, RAW };

struct dialogue {
    char *name;
    char *file;
    char setup; /* 0, C, E, M, R or D */
    struct smtp_config config;
    const char *offers[MAX_OFFERS];
    bool secure;                /* implicit TLS */
    bool no_strict, no_default; /* modes it is not for */
    struct octets said;
    size_t tls[MAX_TLS], n_tls; /* behind so many octets there is a handshake */
    char *replies[MAX_LINES], *events[MAX_LINES];
    size_t n_replies, n_events;
    struct octets mail;
    bool mail_expected;
    long accepted; /* -1: not said */
    bool closes;
    struct rule rules[MAX_RULES];
    size_t n_rules;
    bool problems_expected;
    struct problems problems, not_problems; /* to be noted, and not */
};

/* ---- reading the files ---- */

static int hex(char c) { return c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10; }

/* Adds text with its escapes and repetitions undone. */
static void add_escaped(struct octets *o, const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        char c = text[i];
        const char *close = c == '{' ? memchr(text + i, '}', n - i) : NULL, *star = close;
        while (star != NULL && star > text + i && *star != '*')
            star--;
        if (c == '\\' && i + 1 < n) {
            c = text[++i];
            if (c == 'x' && i + 2 < n) {
                c = (char)(hex(text[i + 1]) * 16 + hex(text[i + 2]));
                i += 2;
            } else {
                c = (char)(c == 'r' ? '\r' : c == 'n' ? '\n' : c == 't' ? '\t' : c == '0' ? '\0' : c);
            }
            add(o, &c, 1);
        } else if (star != NULL && star > text + i) {
            struct octets once = {NULL, 0, 0};
            add_escaped(&once, text + i + 1, (size_t)(star - text) - i - 1);
            for (long times = strtol(star + 1, NULL, 10); times > 0; times--)
                add(o, once.p, once.n);
            clear(&once);
            i = (size_t)(close - text);
        } else {
            add(o, &c, 1);
        }
    }
}

static char *unescaped(const char *text)
{
    struct octets o = {NULL, 0, 0};
    add_text(&o, "");
    add_escaped(&o, text, strlen(text));
    return o.p;
}

static _Noreturn void bad_line(const struct dialogue *d, const char *line)
{
    fprintf(stderr, "%s: %s: not understood: %s\n", d->file, d->name, line);
    exit(1);
}

/* The extensions of these keywords, by comma. */
static unsigned extensions(const struct dialogue *d, const char *keywords)
{
    unsigned set = 0;
    char *copy = strdup(keywords);
    assert(copy != NULL);
    for (char *keyword = strtok(copy, ","); keyword != NULL; keyword = strtok(NULL, ",")) {
        if (smtp_extension((struct span){keyword, strlen(keyword)}) == 0)
            bad_line(d, keywords);
        set |= smtp_extension((struct span){keyword, strlen(keyword)});
    }
    free(copy);
    return set;
}

/* The rest of text if it begins with word, else NULL. */
static const char *after(const char *text, const char *word)
{
    return strncmp(text, word, strlen(word)) == 0 ? text + strlen(word) : NULL;
}

static void set(struct dialogue *d, const char *setting)
{
    const char *value;
    if ((value = after(setting, "max-size ")) != NULL)
        d->config.max_size = strtoull(value, NULL, 10);
    else if ((value = after(setting, "max-recipients ")) != NULL)
        d->config.max_recipients = strtoull(value, NULL, 10);
    else if ((value = after(setting, "hide ")) != NULL)
        d->config.extensions &= ~extensions(d, value);
    else if ((value = after(setting, "offer ")) != NULL)
        d->config.extensions |= extensions(d, value);
    else if ((value = after(setting, "mechanisms ")) != NULL)
        d->config.mechanisms = unescaped(value);
    else if ((value = after(setting, "line ")) != NULL && d->config.n_offers < MAX_OFFERS)
        d->offers[d->config.n_offers++] = unescaped(value);
    else if (strcmp(setting, "lmtp") == 0)
        d->config.lmtp = true;
    else if (strcmp(setting, "require auth") == 0)
        d->config.require_auth = true;
    else if (strcmp(setting, "require tls") == 0)
        d->config.require_tls = true;
    else if (strcmp(setting, "secure") == 0)
        d->secure = true;
    else if (strcmp(setting, "strict") == 0)
        d->no_default = true;
    else if (strcmp(setting, "tolerant") == 0)
        d->no_strict = true;
    else
        bad_line(d, setting);
}

/* Names of problems; one with a minus sign in front must not be noted. */
static void add_problems(struct dialogue *d, const char *text)
{
    char *copy = strdup(text);
    assert(copy != NULL);
    for (char *name = strtok(copy, " "); name != NULL; name = strtok(NULL, " ")) {
        bool denied = *name == '-';
        int i = 0;
        while (i < PROBLEMS && strcmp(problem_about((enum problem)i)->name, name + denied) != 0)
            i++;
        if (i == PROBLEMS)
            bad_line(d, text);
        problems_add(denied ? &d->not_problems : &d->problems, (enum problem)i);
    }
    free(copy);
    d->problems_expected = true;
}

/* EVENT[#N] CODE ENHANCED TEXT */
static void add_rule(struct dialogue *d, const char *line)
{
    assert(d->n_rules < MAX_RULES);
    struct rule *r = &d->rules[d->n_rules++];
    char event[16];
    int n = 0;
    if (sscanf(line, "%15[a-z]%n", event, &n) != 1)
        bad_line(d, line);
    while (r->event < EVENTS && (names[r->event] == NULL || strcmp(names[r->event], event) != 0))
        r->event++;
    char *rest = (char *)line + n;
    if (*rest == '#')
        r->only = strtoul(rest + 1, &rest, 10);
    n = 0;
    if (r->event == EVENTS || sscanf(rest, " %d %15s %n", &r->code, r->enhanced, &n) != 2 || n == 0)
        bad_line(d, line);
    r->text = unescaped(rest + n);
}

static void read_line(struct dialogue *d, const char *line)
{
    const char *text = line[0] != '\0' && line[1] != '\0' && line[2] == ' ' ? line + 3 : line + strlen(line);
    if (strchr("CcTBbSENRXP", line[0]) != NULL && (line[1] != ':' || (line[2] != ' ' && line[2] != '\0'))) {
        fprintf(stderr, "%s: %s: a letter, a colon and a space are wanted: %s\n", d->file, d->name, line);
        exit(1);
    }
    switch (line[0]) {
    case 'C':
    case 'c':
        add_escaped(&d->said, text, strlen(text));
        if (line[0] == 'C')
            add_text(&d->said, "\r\n");
        break;
    case 'T':
        assert(d->n_tls < MAX_TLS && d->said.n > 0);
        d->tls[d->n_tls++] = d->said.n;
        break;
    case 'B':
    case 'b':
        d->mail_expected = true;
        add_escaped(&d->mail, text, strlen(text));
        if (line[0] == 'B')
            add_text(&d->mail, "\r\n");
        break;
    case 'S':
        assert(d->n_replies < MAX_LINES);
        if (*text != '\0')
            d->replies[d->n_replies++] = unescaped(text);
        break;
    case 'E':
        assert(d->n_events < MAX_LINES);
        d->events[d->n_events++] = unescaped(text);
        break;
    case 'N':
        d->accepted = strtol(text, NULL, 10);
        break;
    case 'R':
        add_rule(d, text);
        break;
    case 'X':
        d->closes = true;
        break;
    case 'P':
        add_problems(d, text);
        break;
    case '@':
        if (line[1] != ' ' || strchr("CEMRD", line[2]) == NULL)
            bad_line(d, line);
        d->setup = line[2];
        break;
    case '!':
        set(d, line + 2);
        break;
    default:
        bad_line(d, line);
    }
}

static size_t read_file(char *file, struct dialogue **all, size_t n)
{
    FILE *f = fopen(file, "r");
    if (f == NULL) {
        perror(file);
        exit(1);
    }
    char line[4096];
    while (fgets(line, sizeof line, f) != NULL) {
        assert(strchr(line, '\n') != NULL);
        line[strcspn(line, "\n")] = '\0';
        if (line[0] == '=') {
            *all = realloc(*all, (n + 1) * sizeof **all);
            assert(*all != NULL);
            (*all)[n] = (struct dialogue){.name = strdup(line + 2), .file = file, .accepted = -1};
            (*all)[n].config.hostname = "mail.test";
            (*all)[n].config.mechanisms = all_mechanisms;
            (*all)[n].config.extensions = SMTP_EXT_ALL & ~(unsigned)SMTP_EXT_STARTTLS;
            add_text(&(*all)[n].said, "");
            add_text(&(*all)[n].mail, "");
            n++;
        } else if (line[0] != '#' && line[0] != '\0') {
            assert(n > 0);
            read_line(&(*all)[n - 1], line);
        }
    }
    fclose(f);
    return n;
}

/* ---- running them ---- */

/* A dialogue in one of the two modes. */
struct test {
    const struct dialogue *d;
    bool strict;
    char *name;
    bool has_run;
    struct octets replies, events; /* what came of the first run, and has to come of all */
    struct problems problems;      /* likewise, but for those that depend on how octets arrive */
};

struct run {
    const struct dialogue *d;
    struct test *test;
    struct smtp_config config;
    struct smtp smtp;
    size_t room;        /* lent for replies at a time */
    size_t given, tls;  /* of what is said, and of the handshakes */
    struct octets left; /* input not yet consumed */
    struct span hidden; /* what is secret in the line of the event before */
    struct octets replies, prepared, events, mail;
    struct problems problems;
    unsigned long count[EVENTS];
    long accepted;
    bool counted; /* the message under way is in accepted */
    bool rules;
    bool whole; /* all is sent at once */
};

/* The class of the enhanced status code (RFC 2034) that text begins with, or 0. */
static char enhanced_class(const char *text)
{
    int n = 0;
    sscanf(text, "%*1[245].%*3[0-9].%*3[0-9] %n", &n);
    return n > 0 ? *text : '\0';
}

/* The shape of one reply: RFC 5321 4.2, 4.5.3.1.5, RFC 2034 4. */
static void check_prepared(struct run *r, const struct smtp_event *e, enum choice choice)
{
    struct span reply = smtp_prepared(&r->smtp);
    if (e->code == 0) {
        assert_int_equal(reply.n, 0);
        return;
    }
    size_t start = r->prepared.n;
    add(&r->prepared, reply.p, reply.n);
    if (choice == RAW)
        return;
    bool offered = r->config.extensions & SMTP_EXT_ENHANCEDSTATUSCODES;
    bool greets = e->type == SMTP_CONNECT || (e->type == SMTP_XCLIENT && e->code == 220);
    bool wanted = offered && choice == AS_OFFERED && e->code / 100 != 3 && !greets && e->type != SMTP_HELO;
    char code[16];
    snprintf(code, sizeof code, "%03d", e->code);
    const char *at = r->prepared.p + start, *end;
    bool last = false;
    for (; *at != '\0'; at = end + 2) {
        end = strstr(at, "\r\n");
        char class = strlen(at) > 4 ? enhanced_class(at + 4) : '\0';
        if (last || end == NULL || strcspn(at, "\r\n") != (size_t)(end - at) || end - at < 4 || end - at > 510 ||
            strncmp(at, code, 3) != 0 || *at < '2' || *at > '5' || (at[3] != '-' && at[3] != ' '))
            fail_msg("not a reply with %s: \"%s\"", code, at);
        if ((class != '\0' && (class != *at || !offered)) || (class == '\0' && wanted))
            fail_msg("a wrong enhanced code, or none: \"%s\"", at);
        last = at[3] == ' ';
    }
    if (!last)
        fail_msg("an unfinished reply: \"%s\"", r->prepared.p + start);
}

static enum choice apply_rules(struct run *r, struct smtp_event *e)
{
    enum choice choice = AS_OFFERED;
    unsigned long number = ++r->count[e->type];
    if (e->type == SMTP_EOM && e->recipient > 0)
        number = (unsigned long)e->recipient;
    for (size_t i = 0; e->code > 0 && i < r->d->n_rules; i++) {
        const struct rule *rule = &r->d->rules[i];
        if (rule->event != (int)e->type || (rule->only > 0 && rule->only != number))
            continue;
        choice = strcmp(rule->enhanced, "-") == 0     ? WITHOUT_ENHANCED
                 : strcmp(rule->enhanced, "raw") == 0 ? RAW
                                                      : AS_OFFERED;
        if (choice == RAW)
            smtp_reply_raw(&r->smtp, e, rule->code, (struct span){rule->text, strlen(rule->text)});
        else
            smtp_reply(&r->smtp, e, rule->code, choice == WITHOUT_ENHANCED ? NULL : rule->enhanced, rule->text);
    }
    return choice;
}

static void add_span(struct octets *o, struct span t)
{
    add_text(o, " ");
    if (t.p != NULL)
        add(o, t.p, t.n);
    else
        add_text(o, "-");
}

static void note(struct run *r, const struct smtp_event *e)
{
    char text[64];
    struct octets *o = &r->events;
    snprintf(text, sizeof text, "%s %d", names[e->type], e->code);
    add_text(o, text);
    switch (e->type) {
    case SMTP_AUTH:
        add_text(o, " ");
        add_text(o, mechanisms[e->mechanism]);
        add_span(o, e->arg);
        add_span(o, e->secret);
        if (e->authzid.n > 0)
            add_span(o, e->authzid);
        break;
    case SMTP_BDAT:
    case SMTP_CHUNK:
        snprintf(text, sizeof text, " %ju%s", (uintmax_t)e->size, e->type == SMTP_BDAT && e->last ? " LAST" : "");
        add_text(o, text);
        break;
    case SMTP_EOM:
        if (e->recipient > 0)
            snprintf(text, sizeof text, " #%ju %ju", (uintmax_t)e->recipient, (uintmax_t)e->size);
        else
            snprintf(text, sizeof text, " %ju", (uintmax_t)e->size);
        add_text(o, text);
        break;
    default:
        add_text(o, " ");
        if (e->arg.n > 0)
            add(o, e->arg.p, e->arg.n);
        if (e->params.n > 0)
            add_span(o, e->params);
    }
    add_text(o, "\n");
}

static void handle(struct run *r, struct smtp_event *e)
{
    if (e->type == SMTP_BODY) {
        add(&r->mail, e->arg.p, e->arg.n);
        return;
    }
    assert_true(e->type > SMTP_NONE && e->type <= SMTP_UNKNOWN);
    problems_merge(&r->problems, &e->problems);
    check_prepared(r, e, r->rules ? apply_rules(r, e) : AS_OFFERED);
    if (e->type == SMTP_EOM) {
        assert_int_equal(e->recipient > 0, r->config.lmtp && e->code > 0);
        r->counted = r->counted && e->recipient > 1;
        r->accepted += e->code == 250 && !r->counted;
        r->counted = r->counted || e->code == 250;
    }
    note(r, e);
    r->hidden = (struct span){e->hidden > 0 ? e->line.p + e->line.n : "", e->hidden};
    if (e->secret.n > 0)
        assert_true(e->secret.p >= r->hidden.p && e->secret.p + e->secret.n <= r->hidden.p + r->hidden.n);
}

/* What was secret in the event before is wiped. */
static void check_wiped(struct run *r)
{
    for (size_t i = 0; i < r->hidden.n; i++)
        assert_int_equal(r->hidden.p[i], 0);
    r->hidden = (struct span){NULL, 0};
}

/* Gives the engine n more octets, in memory of just that size, and takes all that comes of it. */
static void feed(struct run *r, const char *p, size_t n)
{
    add(&r->left, p, n);
    char *input = malloc(r->left.n + (r->left.n == 0)), *room = malloc(r->room);
    assert(input != NULL && room != NULL);
    memcpy(input, r->left.p, r->left.n);
    smtp_input(&r->smtp, input, r->left.n);
    size_t written;
    do {
        smtp_output(&r->smtp, room, r->room);
        struct smtp_event e;
        bool more;
        do {
            more = smtp_next(&r->smtp, &e);
            check_wiped(r);
            if (more)
                handle(r, &e);
        } while (more);
        written = smtp_written(&r->smtp);
        add(&r->replies, room, written);
    } while (written > 0);
    size_t left = smtp_left(&r->smtp);
    assert_true(left < SMTP_AUTH_LINE_MAX);
    if (smtp_wants_tls(&r->smtp) || smtp_closed(&r->smtp))
        assert_int_equal(left, 0);
    memmove(r->left.p, input + r->left.n - left, left);
    r->left.n = left;
    free(input);
    free(room);
}

/* Feeds the next n octets of what is said, with a handshake where there is one. */
static void give(struct run *r, size_t n)
{
    const struct dialogue *d = r->d;
    do {
        size_t end = r->tls < d->n_tls ? d->tls[r->tls] : d->said.n;
        size_t piece = n < end - r->given ? n : end - r->given;
        feed(r, d->said.p + r->given, piece);
        r->given += piece;
        n -= piece;
        if (r->tls < d->n_tls && r->given == d->tls[r->tls]) {
            assert_true(smtp_wants_tls(&r->smtp));
            smtp_secure(&r->smtp);
            assert_false(smtp_wants_tls(&r->smtp));
            r->tls++;
        }
    } while (n > 0);
}

static void start(struct run *r, struct test *t, size_t room)
{
    static const char *const lines[] = {"EHLO t\r\n", "MAIL FROM:<a@x.test>\r\n", "RCPT TO:<b@x.test>\r\n", "DATA\r\n"};
    const struct dialogue *d = t->d;
    *r = (struct run){.d = d, .test = t, .room = room, .config = d->config, .rules = d->setup == 0};
    r->config.offers = d->offers;
    r->config.strict = t->strict;
    r->config.examine = d->problems_expected;
    smtp_init(&r->smtp, &r->config, 1);
    if (d->secure)
        smtp_secure(&r->smtp);
    add_text(&r->left, "");
    add_text(&r->replies, "");
    add_text(&r->prepared, "");
    add_text(&r->events, "");
    add_text(&r->mail, "");
    if (d->setup == 0)
        return;
    feed(r, "", 0);
    const char *order = "EMRD", *last = strchr(order, d->setup);
    for (size_t i = 0; last != NULL && order + i <= last; i++) {
        const char *line = i == 0 && d->config.lmtp ? "LHLO t\r\n" : lines[i];
        feed(r, line, strlen(line));
    }
    for (const char *p = r->replies.p; *p != '\0'; p = strchr(p, '\n') + 1)
        assert_true(*p == '2' || *p == '3');
    r->replies.n = r->prepared.n = 0;
    r->replies.p[0] = r->prepared.p[0] = '\0';
    r->problems = (struct problems){{0, 0}};
    r->rules = true;
}

/* Takes the reply that expected describes off the front of *p. */
static void check_reply(const char *expected, const char **p)
{
    size_t n = strlen(expected);
    bool star = n > 0 && expected[n - 1] == '*';
    const char *at = *p;
    n -= star;
    if (strncmp(at, expected, n) != 0 || (!star && strncmp(at + n, "\r\n", 2) != 0))
        fail_msg("expected \"%s\", got \"%s\"", expected, at);
    bool last;
    do {
        last = !star || at[3] == ' ';
        at = strchr(at, '\n') + 1;
    } while (!last);
    *p = at;
}

static void check_replies(const struct run *r)
{
    assert_string_equal(r->replies.p, r->prepared.p); /* where it is known that they are replies */
    const char *p = r->replies.p;
    for (size_t i = 0; i < r->d->n_replies; i++) {
        char *expected = strdup(r->d->replies[i]), *times = strrchr(expected, '*');
        assert(expected != NULL);
        long n = 1;
        if (times != NULL && times - expected > 1 && times[-1] == ' ' && times[1] != '\0') {
            n = strtol(times + 1, NULL, 10);
            times[-1] = '\0';
        }
        for (; n > 0; n--)
            check_reply(expected, &p);
        free(expected);
    }
    if (*p != '\0')
        fail_msg("a reply too many: \"%s\"", p);
}

static void check_events(const struct run *r)
{
    const char *p = r->events.p;
    for (size_t i = 0; i < r->d->n_events; i++) {
        const char *expected = r->d->events[i];
        size_t n = strlen(expected);
        while (*p != '\0' && !(strncmp(p, expected, n) == 0 && (p[n] == '\n' || p[n] == ' ')))
            p = strchr(p, '\n') + 1;
        if (*p == '\0')
            fail_msg("no event \"%s\" among \"%s\"", expected, r->events.p);
        p = strchr(p, '\n') + 1;
    }
}

/* Those about which it decides how octets arrive. */
static const enum problem arriving[] = {PROBLEM_PIPELINING, PROBLEM_PIPELINING_SYNC, PROBLEM_EARLY_TLS};
enum { ARRIVING = sizeof arriving / sizeof arriving[0] };

static void fail_with_problems(const char *what, const struct problems *p)
{
    struct octets found = {NULL, 0, 0};
    add_text(&found, "");
    for (int i = 0; i < PROBLEMS; i++) {
        if (!problems_have(p, (enum problem)i))
            continue;
        add_text(&found, " ");
        add_text(&found, problem_about((enum problem)i)->name);
    }
    fail_msg("%s%s", what, found.p);
}

static void must_be_none(const char *what, const struct problems *all, const struct problems *less)
{
    struct problems rest = *all;
    problems_subtract(&rest, less);
    if (problems_any(&rest))
        fail_with_problems(what, &rest);
}

/* Problems must be the expected ones, and in each run the same; some only where all is sent at once. */
static void check_problems(struct run *r)
{
    const struct dialogue *d = r->d;
    struct problems noted = r->problems, expected = d->problems;
    for (size_t i = 0; i < ARRIVING; i++) {
        bool named = problems_have(&d->problems, arriving[i]), not_named = problems_have(&d->not_problems, arriving[i]);
        if (!r->whole || !(named || not_named))
            problems_remove(&noted, arriving[i]);
        if (!r->whole)
            problems_remove(&expected, arriving[i]);
    }
    if (d->problems_expected) {
        must_be_none("noted, and not expected:", &noted, &expected);
        must_be_none("expected, and not noted:", &expected, &noted);
    }
    for (size_t i = 0; i < ARRIVING; i++)
        problems_remove(&noted, arriving[i]);
    if (r->test->has_run) {
        must_be_none("noted only if cut in another way:", &noted, &r->test->problems);
        must_be_none("no longer noted if cut in another way:", &r->test->problems, &noted);
    }
    r->test->problems = noted;
}

/* Whether each run gives what the first one gave; takes o if this is the first. */
static void check_same(struct octets *first, struct octets *o, bool has_run)
{
    if (!has_run) {
        *first = *o;
        *o = (struct octets){NULL, 0, 0};
    } else if (first->n != o->n || memcmp(first->p, o->p, o->n) != 0) {
        fail_msg("first \"%s\", and cut in another way \"%s\"", first->p, o->p);
    }
}

static void finish(struct run *r)
{
    check_replies(r);
    check_events(r);
    if (r->d->mail_expected) {
        assert_int_equal(r->mail.n, r->d->mail.n);
        assert_memory_equal(r->mail.p, r->d->mail.p, r->mail.n);
    }
    if (r->d->accepted >= 0)
        assert_int_equal(r->accepted, r->d->accepted);
    assert_int_equal(smtp_closed(&r->smtp), r->d->closes);
    assert_false(smtp_wants_tls(&r->smtp));
    check_problems(r);
    check_same(&r->test->replies, &r->replies, r->test->has_run);
    check_same(&r->test->events, &r->events, r->test->has_run);
    r->test->has_run = true;
    clear(&r->left);
    clear(&r->replies);
    clear(&r->prepared);
    clear(&r->events);
    clear(&r->mail);
}

/* The whole in pieces of at most step octets. */
static void run_in_steps(struct test *t, size_t step, size_t room)
{
    struct run r;
    size_t n = t->d->said.n;
    start(&r, t, room);
    r.whole = step >= n;
    do
        give(&r, n - r.given < step ? n - r.given : step);
    while (r.given < n);
    finish(&r);
}

static void run_cut_at(struct test *t, size_t at)
{
    struct run r;
    start(&r, t, 1 << 16);
    give(&r, at);
    give(&r, t->d->said.n - at);
    finish(&r);
}

static void run_cut_at_random(struct test *t, unsigned seed)
{
    struct run r;
    size_t n = t->d->said.n;
    start(&r, t, 1 << 16);
    do {
        seed = seed * 1103515245 + 12345;
        size_t step = 1 + (seed >> 16) % (n > 10000 ? n / 10 : 40);
        give(&r, step < n - r.given ? step : n - r.given);
    } while (r.given < n);
    finish(&r);
}

static void test_dialogue(void **state)
{
    struct test *t = *state;
    size_t n = t->d->said.n;
    run_in_steps(t, (size_t)-1, 1 << 20);
    run_in_steps(t, (size_t)-1, SMTP_REPLY_MAX);
    bool quick = getenv("TEST_QUICK") != NULL; /* under valgrind: the many cuts are for other runs */
    for (unsigned seed = 1; seed <= (quick ? 1 : 20); seed++)
        run_cut_at_random(t, seed);
    /* what the engine leaves unfinished is copied at each step, so long ones take longer steps */
    run_in_steps(t, n > 200000 ? 997 : n > 20000 ? 7 : 1, 1 << 13);
    size_t step = n > 4000 ? n / 100 : 1;
    for (size_t at = 1; at < n && !quick; at += step)
        run_cut_at(t, at);
}

static void forget(struct dialogue *d)
{
    for (size_t i = 0; i < d->n_replies; i++)
        free(d->replies[i]);
    for (size_t i = 0; i < d->n_events; i++)
        free(d->events[i]);
    for (size_t i = 0; i < d->n_rules; i++)
        free(d->rules[i].text);
    for (size_t i = 0; i < d->config.n_offers; i++)
        free((char *)d->offers[i]);
    if (d->config.mechanisms != all_mechanisms)
        free((char *)d->config.mechanisms);
    clear(&d->said);
    clear(&d->mail);
    free(d->name);
}

int main(int argc, char **argv)
{
    struct dialogue *all = NULL;
    size_t n = 0, n_tests = 0;
    for (int i = 1; i < argc; i++)
        n = read_file(argv[i], &all, n);
    struct test *tests = calloc(2 * n + 1, sizeof *tests);
    struct CMUnitTest *units = calloc(2 * n + 1, sizeof *units);
    assert(tests != NULL && units != NULL);
    for (size_t i = 0; i < 2 * n; i++) {
        const struct dialogue *d = &all[i / 2];
        bool strict = i % 2 == 1;
        if (strict ? d->no_strict : d->no_default)
            continue;
        struct octets name = {NULL, 0, 0};
        add_text(&name, d->name);
        if (strict)
            add_text(&name, " (strict)");
        tests[n_tests] = (struct test){.d = d, .strict = strict, .name = name.p};
        units[n_tests] =
            (struct CMUnitTest){.name = name.p, .test_func = test_dialogue, .initial_state = &tests[n_tests]};
        n_tests++;
    }
    int failed = n_tests > 0 ? _cmocka_run_group_tests("dialogues", units, n_tests, NULL, NULL) : 1;
    for (size_t i = 0; i < n_tests; i++) {
        clear(&tests[i].replies);
        clear(&tests[i].events);
        free(tests[i].name);
    }
    for (size_t i = 0; i < n; i++)
        forget(&all[i]);
    free(all);
    free(tests);
    free(units);
    return failed != 0;
}
