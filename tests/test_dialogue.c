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

#include "../smtp.h"

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

static void add_text(struct octets *o, const char *text) { add(o, text, strlen(text)); }

static void clear(struct octets *o)
{
    free(o->p);
    *o = (struct octets){NULL, 0, 0};
}

enum { MAX_LINES = 256, MAX_RULES = 8 };

struct rule {
    char event[16], enhanced[16], text[128];
    int code;
};

struct dialogue {
    char *name;
    char *file;
    char setup; /* 0, C, E, M, R or D */
    struct smtp_config config;
    struct octets said;
    char *replies[MAX_LINES], *events[MAX_LINES];
    size_t n_replies, n_events;
    struct octets mail;
    bool mail_expected;
    long accepted; /* -1: not said */
    bool closes;
    struct rule rules[MAX_RULES];
    size_t n_rules;
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
    add_escaped(&o, text, strlen(text));
    return o.p;
}

/* "S: 250 Ok *100" stands for a hundred such lines. */
static void add_reply(struct dialogue *d, const char *text)
{
    if (*text != '\0') {
        assert(d->n_replies < MAX_LINES);
        d->replies[d->n_replies++] = strdup(text);
    }
}

static void set(struct dialogue *d, const char *setting)
{
    if (sscanf(setting, "max-size %ju", &d->config.max_size) != 1 &&
        sscanf(setting, "max-recipients %ju", &d->config.max_recipients) != 1) {
        fprintf(stderr, "%s: unknown setting: %s\n", d->name, setting);
        exit(1);
    }
}

static void add_rule(struct dialogue *d, const char *text)
{
    assert(d->n_rules < MAX_RULES);
    struct rule *r = &d->rules[d->n_rules++];
    int n = sscanf(text, "%15s %d %15s %127[^\n]", r->event, &r->code, r->enhanced, r->text);
    assert(n == 4);
}

static void read_line(struct dialogue *d, const char *line)
{
    const char *text = line[0] != '\0' && line[1] != '\0' && line[2] == ' ' ? line + 3 : line + strlen(line);
    switch (line[0]) {
    case 'C':
    case 'c':
        add_escaped(&d->said, text, strlen(text));
        if (line[0] == 'C')
            add_text(&d->said, "\r\n");
        break;
    case 'B':
    case 'b':
        d->mail_expected = true;
        add_escaped(&d->mail, text, strlen(text));
        if (line[0] == 'B')
            add_text(&d->mail, "\r\n");
        break;
    case 'S':
        add_reply(d, text);
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
    case '@':
        d->setup = line[2];
        break;
    case '!':
        set(d, line + 2);
        break;
    default:
        fprintf(stderr, "%s: %s: not understood: %s\n", d->file, d->name, line);
        exit(1);
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
        line[strcspn(line, "\n")] = '\0';
        if (line[0] == '=') {
            *all = realloc(*all, (n + 1) * sizeof **all);
            assert(*all != NULL);
            (*all)[n] = (struct dialogue){.name = strdup(line + 2), .file = file, .accepted = -1};
            (*all)[n].config.hostname = "mail.test";
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

struct run {
    const struct dialogue *d;
    struct smtp smtp;
    size_t room;        /* lent for replies at a time */
    struct octets left; /* input not yet consumed */
    struct octets replies, events, mail;
    long accepted;
    bool rules;
};

static const char *const names[] = {
    [SMTP_CONNECT] = "connect", [SMTP_HELO] = "helo", [SMTP_MAIL] = "mail", [SMTP_RCPT] = "rcpt",
    [SMTP_DATA] = "data",       [SMTP_EOM] = "eom",   [SMTP_RSET] = "rset", [SMTP_NOOP] = "noop",
    [SMTP_VRFY] = "vrfy",       [SMTP_EXPN] = "expn", [SMTP_HELP] = "help", [SMTP_QUIT] = "quit",
    [SMTP_UNKNOWN] = "unknown",
};

static void apply_rules(struct run *r, struct smtp_event *e)
{
    for (size_t i = 0; r->rules && i < r->d->n_rules; i++) {
        const struct rule *rule = &r->d->rules[i];
        if (strcmp(rule->event, names[e->type]) == 0)
            smtp_reply(&r->smtp, e, rule->code, rule->enhanced, rule->text);
    }
}

static void handle(struct run *r, struct smtp_event *e)
{
    if (e->type == SMTP_BODY) {
        add(&r->mail, e->arg.p, e->arg.n);
        return;
    }
    apply_rules(r, e);
    if (e->type == SMTP_EOM && e->code == 250)
        r->accepted++;
    char start[64];
    snprintf(start, sizeof start, "%s %d ", names[e->type], e->code);
    add_text(&r->events, start);
    if (e->arg.n > 0)
        add(&r->events, e->arg.p, e->arg.n);
    if (e->params.n > 0) {
        add_text(&r->events, " ");
        add(&r->events, e->params.p, e->params.n);
    }
    add_text(&r->events, "\n");
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
        while (smtp_next(&r->smtp, &e))
            handle(r, &e);
        written = smtp_written(&r->smtp);
        add(&r->replies, room, written);
    } while (written > 0);
    size_t left = smtp_left(&r->smtp);
    memmove(r->left.p, r->left.p + r->left.n - left, left);
    r->left.n = left;
    free(input);
    free(room);
}

static void start(struct run *r, const struct dialogue *d, size_t room)
{
    static const char *const lines[] = {"EHLO t\r\n", "MAIL FROM:<a@x.test>\r\n", "RCPT TO:<b@x.test>\r\n", "DATA\r\n"};
    *r = (struct run){.d = d, .room = room, .rules = d->setup == 0};
    smtp_init(&r->smtp, &d->config);
    add_text(&r->left, "");
    add_text(&r->mail, "");
    if (d->setup == 0)
        return;
    feed(r, "", 0);
    const char *order = "EMRD", *last = strchr(order, d->setup);
    for (size_t i = 0; last != NULL && order + i <= last; i++)
        feed(r, lines[i], strlen(lines[i]));
    for (const char *p = r->replies.p; p != NULL && *p != '\0'; p = strchr(p, '\n') + 1)
        assert_true(*p == '2' || *p == '3');
    clear(&r->replies);
    r->rules = true;
}

/* Takes the reply that expected describes off the front of *p. */
static void check_reply(const char *expected, const char **p)
{
    const char *star = strrchr(expected, '*'), *at = *p;
    size_t n = star != NULL ? (size_t)(star - expected) : strlen(expected);
    if (strncmp(at, expected, n) != 0 || (star == NULL && strncmp(at + n, "\r\n", 2) != 0))
        fail_msg("expected \"%s\", got \"%s\"", expected, at);
    for (bool last = false; !last; at = strchr(at, '\n') + 1) {
        if (strlen(at) < 5 || strncmp(at, *p, 3) != 0 || strstr(at, "\r\n") == NULL || strcspn(at, "\r\n") > 510)
            fail_msg("not a reply: \"%s\"", at);
        last = star == NULL || at[3] == ' ';
    }
    *p = at;
}

static void check_replies(const struct run *r)
{
    const char *p = r->replies.p != NULL ? r->replies.p : "";
    for (size_t i = 0; i < r->d->n_replies; i++) {
        char *expected = strdup(r->d->replies[i]), *times = strstr(expected, " *");
        long n = times != NULL ? strtol(times + 2, NULL, 10) : 1;
        if (times != NULL)
            *times = '\0';
        for (; n > 0; n--)
            check_reply(expected, &p);
        free(expected);
    }
    if (*p != '\0')
        fail_msg("a reply too many: \"%s\"", p);
}

static void check_events(const struct run *r)
{
    const char *p = r->events.p != NULL ? r->events.p : "";
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
    clear(&r->left);
    clear(&r->replies);
    clear(&r->events);
    clear(&r->mail);
}

/* The whole in pieces of at most step octets. */
static void run_in_steps(const struct dialogue *d, size_t step, size_t room)
{
    struct run r;
    start(&r, d, room);
    size_t i = 0;
    do {
        size_t n = d->said.n - i < step ? d->said.n - i : step;
        feed(&r, d->said.p + i, n);
        i += n;
    } while (i < d->said.n);
    finish(&r);
}

static void run_cut_at(const struct dialogue *d, size_t at)
{
    struct run r;
    start(&r, d, 1 << 16);
    feed(&r, d->said.p, at);
    feed(&r, d->said.p + at, d->said.n - at);
    finish(&r);
}

static void run_cut_at_random(const struct dialogue *d, unsigned seed)
{
    struct run r;
    start(&r, d, 1 << 16);
    for (size_t i = 0; i < d->said.n;) {
        seed = seed * 1103515245 + 12345;
        size_t n = 1 + (seed >> 16) % (d->said.n > 10000 ? d->said.n / 10 : 40);
        n = n < d->said.n - i ? n : d->said.n - i;
        feed(&r, d->said.p + i, n);
        i += n;
    }
    if (d->said.n == 0)
        feed(&r, "", 0);
    finish(&r);
}

static void test_dialogue(void **state)
{
    const struct dialogue *d = *state;
    run_in_steps(d, (size_t)-1, 1 << 20);
    run_in_steps(d, (size_t)-1, SMTP_REPLY_MAX);
    for (unsigned seed = 1; seed <= 20; seed++)
        run_cut_at_random(d, seed);
    /* what the engine leaves unfinished is copied at each step, so long ones take longer steps */
    run_in_steps(d, d->said.n > 200000 ? 997 : 1, 1 << 16);
    size_t step = d->said.n > 4000 ? d->said.n / 100 : 1;
    for (size_t at = 1; at < d->said.n; at += step)
        run_cut_at(d, at);
}

int main(int argc, char **argv)
{
    struct dialogue *all = NULL;
    size_t n = 0;
    for (int i = 1; i < argc; i++)
        n = read_file(argv[i], &all, n);
    struct CMUnitTest *tests = calloc(n + 1, sizeof *tests);
    assert(tests != NULL);
    for (size_t i = 0; i < n; i++)
        tests[i] = (struct CMUnitTest){.name = all[i].name, .test_func = test_dialogue, .initial_state = &all[i]};
    int failed = n > 0 ? _cmocka_run_group_tests("dialogues", tests, n, NULL, NULL) : 1;
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < all[i].n_replies; k++)
            free(all[i].replies[k]);
        for (size_t k = 0; k < all[i].n_events; k++)
            free(all[i].events[k]);
        clear(&all[i].said);
        clear(&all[i].mail);
        free(all[i].name);
    }
    free(all);
    free(tests);
    return failed != 0;
}
