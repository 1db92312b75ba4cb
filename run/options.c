/* SPDX-License-Identifier: ISC */
/*
 * options.c - the command line.
 *
 * table[] holds all that there is to know about an option: its names, its
 * argument, its text in --help, the function that takes it, and the member of
 * struct options that it sets.  getopt's tables and --help are made from it.  A setting is
 * written to the struct of the part that uses it.
 */
#include "run/inside.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* An option that is being read. */
struct parse {
    struct options *o;
    void *member;     /* of o, that the option sets */
    char name[200];   /* as the user wrote it: -n, --name */
    char served[200]; /* the first option that is of no use without clients */
    char *why;        /* room for the complaint, OPTIONS_WHY_MAX octets */
};

/* Writes the complaint about the option, if it is the first one; returns -1. */
#if defined(__GNUC__)
__attribute__((format(printf, 2, 3)))
#endif
static int
wrong(struct parse *p, const char *format, ...)
{
    if (p->why[0] != '\0')
        return -1;
    int n = snprintf(p->why, OPTIONS_WHY_MAX, "%s: ", p->name);
    va_list arguments;
    va_start(arguments, format);
    if (n >= 0 && n < OPTIONS_WHY_MAX)
        (void)vsnprintf(p->why + n, (size_t)(OPTIONS_WHY_MAX - n), format, arguments);
    va_end(arguments);
    return -1;
}

static int lack_memory(struct parse *p)
{
    p->o->lacks_memory = true;
    return wrong(p, "memory ran out");
}

/* Complains that something else was expected at this place in the text; returns -1. */
static int expected_at(struct parse *p, const char *text, const char *at, const char *what)
{
    int column = 1;
    for (const char *c = text; c < at; c++)
        column += ((unsigned char)*c & 0xc0) != 0x80; /* a character of UTF-8 is one column */
    if (*at == '\0')
        return wrong(p, "'%.300s': at the end, column %d: expected %s", text, column, what);
    return wrong(p, "'%.300s': at '%.40s', column %d: expected %s", text, at, column, what);
}

/* Complains if an option that may be repeated has no room left for another one. */
static int check_room(struct parse *p, size_t n, size_t max)
{
    return n < max ? 0 : wrong(p, "this option may be given at most %zu times", max);
}

/* ---- values that several options share ---- */

static int take_flag(struct parse *p, const char *text)
{
    (void)text;
    *(bool *)p->member = true;
    return 0;
}

static int take_file(struct parse *p, const char *text)
{
    *(const char **)p->member = text;
    return *text != '\0' ? 0 : wrong(p, "the name is empty");
}

static int take_count(struct parse *p, const char *text)
{
    const char *end = text;
    uint64_t *value = p->member;
    if (!number_take(&end, value) || *end != '\0' || *value == 0)
        return wrong(p, "'%s' is not a number from 1 up", text);
    return 0;
}

static int take_number(struct parse *p, const char *text)
{
    const char *end = text;
    if (!number_take(&end, p->member) || *end != '\0')
        return expected_at(p, text, end, "a number");
    return 0;
}

static int take_time(struct parse *p, const char *text)
{
    const char *end = text;
    if (number_take_time(&end, p->member) && *end == '\0')
        return 0;
    return wrong(p, "'%s' is not a time: give a number, or one followed by ms, s, m or h", text);
}

/* Takes the word before the next comma; *rest is then the text after the comma, or NULL at the end. */
static struct span take_word(const char **rest)
{
    const char *start = *rest, *comma = strchr(start, ',');
    *rest = comma != NULL ? comma + 1 : NULL;
    return (struct span){start, comma != NULL ? (size_t)(comma - start) : strlen(start)};
}

/* ---- the options ---- */

static int take_messages(struct parse *p, const char *text)
{
    struct expectation *e = &p->o->expected.each[p->o->expected.n - 1];
    uint64_t *min = &e->min, *max = &e->max;
    const char *end = text;
    if (!number_take(&end, min))
        return expected_at(p, text, end,
                           ascii_is_digit(*end) ? "a smaller number" : "a count of messages: N, MIN-MAX or MIN-");
    *max = *min;
    const char *second = end;
    if (*end == '-') {
        second = ++end;
        *max = UINT64_MAX;
        if (*end != '\0' && !number_take(&end, max))
            return expected_at(p, text, end, "a maximum, or the end: N, MIN-MAX or MIN-");
    }
    if (*end != '\0')
        return expected_at(p, text, end, second == end ? "'-' or the end: N, MIN-MAX or MIN-" : "the end");
    if (*max < *min)
        return expected_at(p, text, second, "a maximum that is not below the minimum: MIN-MAX");
    e->counted = true;
    return 0;
}

static int take_match(struct parse *p, const char *text)
{
    struct options *o = p->o;
    const char *at, *what;
    if (check_room(p, o->store.n_matches, MATCH_MAX) < 0)
        return -1;
    if (match_parse(&o->matches[o->store.n_matches], text, &at, &what) < 0)
        return what != NULL ? expected_at(p, text, at, what) : lack_memory(p);
    o->matches[o->store.n_matches++].expectation = (unsigned)o->expected.n - 1;
    o->expected.each[o->expected.n - 1].matching = true;
    return 0;
}

static int take_not(struct parse *p, const char *text)
{
    if (take_match(p, text) < 0)
        return -1;
    p->o->matches[p->o->store.n_matches - 1].inverted = true;
    return 0;
}

static int take_next(struct parse *p, const char *text)
{
    struct expectations *all = &p->o->expected;
    (void)text;
    if (check_room(p, all->n - 1, MAIL_EXPECTATIONS_MAX - 1) < 0)
        return -1;
    if (!expectations_said(all))
        return wrong(p, "give -n, --match or --not before it");
    all->n++;
    return 0;
}

static int take_path(struct parse *p, const char *text)
{
    struct read_options *o = &p->o->read;
    if (check_room(p, o->n_paths, READ_PATHS_MAX) < 0)
        return -1;
    o->paths[o->n_paths++] = text;
    return *text != '\0' ? 0 : wrong(p, "the name is empty");
}

/* Takes the --match in a rule, if there is one, as a copy. */
static int take_content(struct parse *p, const struct rule *r)
{
    if (r->content.p == NULL)
        return 0;
    struct match *m = &p->o->contents[p->o->server.n_contents];
    const char *at = NULL, *why = NULL;
    char *copy = strndup(r->content.p, r->content.n);
    if (copy == NULL || match_parse(m, copy, &at, &why) < 0) {
        int status = why != NULL ? expected_at(p, r->text, r->content.p + (at - copy), why) : lack_memory(p);
        free(copy);
        return status;
    }
    m->expectation = (unsigned)(r - p->o->rules);
    p->o->server.n_contents++;
    return 0;
}

static int take_rule(struct parse *p, const char *text)
{
    struct options *o = p->o;
    const char *at;
    if (check_room(p, o->server.n_rules, RULES_MAX) < 0)
        return -1;
    struct rule *r = &o->rules[o->server.n_rules];
    const char *what = rules_parse(r, text, &at);
    if (what != NULL)
        return expected_at(p, text, at, what);
    if (rules_remember(r) && o->server.past == NULL && (o->server.past = calloc(1, sizeof *o->server.past)) == NULL)
        return lack_memory(p);
    o->server.n_rules++;
    return take_content(p, r);
}

static int take_endpoint(struct parse *p, const char *text)
{
    struct options *o = p->o;
    if (check_room(p, o->n_endpoints, OPTIONS_ENDPOINTS_MAX) < 0)
        return -1;
    const char *why = endpoint_parse(text, &o->endpoints[o->n_endpoints]);
    if (why != NULL)
        return wrong(p, "'%s' is not an endpoint: %s", text, why);
    o->n_endpoints++;
    return 0;
}

static int take_port(struct parse *p, const char *text)
{
    uint64_t port;
    const char *end = text;
    if (!number_take(&end, &port) || *end != '\0' || port > 65535)
        return wrong(p, "'%s' is not a port: give a number from 0 to 65535; 0 takes a free port", text);
    p->o->port = (int)port;
    return 0;
}

static const char *const formats[] = {"eml", "mbox", "json", "text", "html", "none", NULL}; /* enum store_format */

static int take_format(struct parse *p, const char *text)
{
    for (int i = STORE_EML; i <= STORE_NONE; i++) {
        if (strcmp(text != NULL ? text : "json" /* -j */, formats[i]) != 0)
            continue;
        p->o->store.format = (enum store_format)i;
        p->o->format_given = true;
        return 0;
    }
    return wrong(p, "'%s' is not a format: give eml, mbox, json, text, html or none", text);
}

static const char *const besides[] = {"envelope", "text", "json", "html", NULL}; /* as enum store_beside has them */

static int take_beside(struct parse *p, const char *text)
{
    for (const char *rest = text; rest != NULL;) {
        struct span word = take_word(&rest);
        int i = 0;
        while (i < STORE_BESIDES && !span_same(word, span_of(besides[i])))
            i++;
        if (i == STORE_BESIDES)
            return expected_at(p, text, word.p, "json, text, html or envelope, or several, separated by commas");
        p->o->store.beside |= 1u << i;
    }
    return 0;
}

static int take_hostname(struct parse *p, const char *text)
{
    size_t n = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:[]");
    if (n == 0 || n > SMTP_HOSTNAME_MAX || text[n] != '\0')
        return wrong(p, "'%s' is not a host name: give letters, digits and . - _ : [ ], %d of them at most", text,
                     SMTP_HOSTNAME_MAX);
    p->o->smtp.hostname = p->o->tls.hostname = text;
    return 0;
}

static int take_max_size(struct parse *p, const char *text)
{
    uint64_t *value = &p->o->smtp.max_size;
    const char *end = text;
    if (!number_take_size(&end, value) || *end != '\0' || *value == 0)
        return wrong(p, "'%s' is not a size: give a number of octets from 1 up, or one followed by K, M or G", text);
    return 0;
}

/* settings_list_mechanisms() looks at the names of mechanisms, as rules have some, too. */
static int take_hidden(struct parse *p, const char *text)
{
    for (const char *rest = text; rest != NULL;) {
        struct span word = take_word(&rest);
        unsigned extension = smtp_extension(word);
        p->o->smtp.extensions &= ~extension;
        if (extension == 0 && check_room(p, p->o->n_hidden, OPTIONS_MECHANISMS_MAX) < 0)
            return -1;
        if (extension == 0)
            p->o->hidden[p->o->n_hidden++] = word;
    }
    return 0;
}

static int take_mechanisms(struct parse *p, const char *text)
{
    struct options *o = p->o;
    for (const char *rest = text; rest != NULL;) {
        struct span word = take_word(&rest);
        for (size_t i = 0; i < o->n_chosen; i++) {
            if (span_same(o->chosen[i], word))
                return expected_at(p, text, word.p, "each mechanism only once");
        }
        if (check_room(p, o->n_chosen, OPTIONS_MECHANISMS_MAX) < 0)
            return -1;
        o->chosen[o->n_chosen++] = word;
    }
    return 0;
}

/* Where the keyword is offered without --offer, as in "with --tls"; NULL: nowhere. */
static const char *why_not_offer(struct span keyword)
{
    unsigned extension = smtp_extension(keyword);
    return extension == 0                   ? NULL
           : extension == SMTP_EXT_STARTTLS ? "with --tls"
           : extension == SMTP_EXT_SIZE     ? "already, unless --hide hides it; --max-size sets its number"
           : extension == SMTP_EXT_LIMITS   ? "already, unless --hide hides it; --max-recipients sets its number"
           : extension == SMTP_EXT_AUTH     ? "already, unless --hide hides it; --auth-mechs chooses its mechanisms"
                                            : "already, unless --hide hides it";
}

static int take_offer(struct parse *p, const char *text)
{
    struct smtp_config *c = &p->o->smtp;
    size_t n = 0, room = 0;
    if (check_room(p, c->n_offers, SMTP_OFFERS_MAX) < 0)
        return -1;
    while (ascii_is_letter(text[n]) || ascii_is_digit(text[n]) || (n > 0 && text[n] == '-'))
        n++;
    struct span keyword = {text, n};
    bool xclient = span_is(keyword, "XCLIENT");
    if (n == 0)
        return expected_at(p, text, text, "a keyword: letters and digits, and dashes after the first");
    if (text[n] != '\0' && text[n] != ' ')
        return expected_at(p, text, text + n, "a blank and parameters, or the end; give each keyword its own --offer");
    for (const char *at = text + n; *at != '\0'; at++) {
        if (*at == ' ' ? at[1] == ' ' || at[1] == '\0' : *at < ' ' || *at > '~')
            return expected_at(p, text, *at == ' ' ? at + 1 : at, "a parameter, printable ASCII after one blank");
        if (xclient && *at == ' ' && !smtp_is_attribute((struct span){at + 1, strcspn(at + 1, " ")}))
            return expected_at(p, text, at + 1, "NAME, ADDR, PORT, PROTO, HELO, LOGIN, DESTADDR or DESTPORT");
    }
    if (sasl_mechanism(keyword) != SASL_NONE)
        return wrong(p, "'%.*s' is a mechanism of AUTH: give it to --auth-mechs", (int)n, text);
    if (why_not_offer(keyword) != NULL)
        return wrong(p, "'%.*s' is offered %s", (int)n, text, why_not_offer(keyword));
    if (strlen(text) > SMTP_OFFER_MAX)
        return wrong(p, "a line may have at most %d octets (RFC 5321 4.5.3.1.5)", SMTP_OFFER_MAX);
    if (xclient && text[n] == '\0')
        text = "XCLIENT NAME ADDR PORT PROTO HELO LOGIN DESTADDR DESTPORT";
    p->o->offers[c->n_offers++] = text;
    for (size_t i = 0; i < c->n_offers; i++) {
        const char *offer = p->o->offers[i];
        room += strlen(offer) + strlen("250-\r\n");
        if (offer != text && span_same(keyword, (struct span){offer, strcspn(offer, " ")}))
            return wrong(p, "'%.*s' is offered already", (int)n, text);
    }
    return room <= SMTP_OFFERS_ROOM ? 0 : wrong(p, "there is no room in the reply to EHLO for more lines");
}

static int take_allowed(struct parse *p, const char *text)
{
    for (const char *rest = text; rest != NULL;) {
        struct span word = take_word(&rest);
        int i = 0;
        while (i < PROBLEMS && !span_same(word, span_of(problem_about((enum problem)i)->name)))
            i++;
        if (i == PROBLEMS)
            return expected_at(p, text, word.p, "the name of a problem, as --strict and JSON give it");
        if (problem_about((enum problem)i)->noted_only)
            return expected_at(p, text, word.p, "a problem that --strict minds; this one is only noted");
        problems_add(&p->o->expected.allowed, (enum problem)i);
    }
    return 0;
}

static int take_login(struct parse *p, const char *text)
{
    struct options *o = p->o;
    const char *colon = strchr(text, ':');
    if (colon == NULL || colon == text)
        return wrong(p, "give USER:PASSWORD");
    if (check_room(p, o->server.n_logins, OPTIONS_LOGINS_MAX) < 0)
        return -1;
    if ((o->logins[o->server.n_logins] = strdup(text)) == NULL)
        return lack_memory(p);
    o->server.n_logins++;
    memset(optarg + (colon + 1 - text), '*', strlen(colon + 1)); /* ps(1) shows it to everybody */
    return 0;
}

static const char *const requirements[] = {"auth", "tls", "client-cert", NULL};

static int take_required(struct parse *p, const char *text)
{
    for (const char *rest = text; rest != NULL;) {
        struct span word = take_word(&rest);
        bool auth = span_is(word, "auth"), cert = span_is(word, "client-cert");
        if (!auth && !cert && !span_is(word, "tls"))
            return wrong(
                p, "'%s' cannot be required: give auth, tls or client-cert, or several of these, separated by commas",
                text);
        *(auth ? &p->o->smtp.require_auth : &p->o->smtp.require_tls) = true;
        p->o->tls.require_cert = p->o->tls.require_cert || cert;
    }
    return 0;
}

/* as enum tls_flaw has them */
static const char *const flaws[] = {"", "expired", "not-yet", "name:", "self-signed", "weak-key", NULL};

static int take_tls(struct parse *p, const char *text)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_*:";
    struct tls_options *o = &p->o->tls;
    p->o->starttls = true;
    o->flaw = TLS_SOUND;
    if (text == NULL)
        return 0;
    for (int i = TLS_EXPIRED; i <= TLS_WEAK_KEY; i++) {
        if (i == TLS_OTHER_NAME ? strncmp(text, flaws[i], strlen(flaws[i])) == 0 : strcmp(text, flaws[i]) == 0)
            o->flaw = (enum tls_flaw)i;
    }
    if (o->flaw == TLS_SOUND)
        return wrong(p, "'%s' is not a flaw: give expired, not-yet, name:NAME, self-signed or weak-key", text);
    o->name = text + strlen(flaws[TLS_OTHER_NAME]);
    if (o->flaw == TLS_OTHER_NAME && (*o->name == '\0' || o->name[strspn(o->name, letters)] != '\0'))
        return wrong(p, "'%s' is not a host name: give letters, digits and . - _ * :", o->name);
    return 0;
}

static const char *const versions[] = {"1.0", "1.1", "1.2", "1.3", NULL};

static int take_version(struct parse *p, const char *text)
{
    if (strncmp(text, "1.", 2) != 0 || text[2] < '0' || text[2] > '3' || text[3] != '\0')
        return wrong(p, "'%s' is not a version of TLS: give 1.0, 1.1, 1.2 or 1.3", text);
    *(enum tls_version *)p->member = (enum tls_version)(TLS_1_0 + (text[2] - '0'));
    return 0;
}

static int take_env(struct parse *p, const char *text)
{
    struct options *o = p->o;
    const char *equals = strchr(text, '=');
    if (equals == NULL || equals == text)
        return wrong(p, "'%s' is not NAME=TEXT", text);
    uint64_t number;
    for (const char *percent = strchr(equals, '%'), *end; percent != NULL; percent = strchr(end, '%')) {
        if ((end = wrap_field(percent + 1, &number)) == NULL)
            return wrong(p, "'%.2s' in '%s' is unknown: give %%h, %%p, %%u, %%d, %%s or %%%%", percent, text);
    }
    if (check_room(p, o->n_env, OPTIONS_ENV_MAX) < 0)
        return -1;
    o->env[o->n_env++] = text;
    return 0;
}

#define SETS(member) offsetof(struct options, member)

enum { FOR_CLIENTS = 1 /* options under this heading are of no use with -r */ };

static const struct option_entry table[] = {
    {.name = "expect", .help = "What it waits for (default: one message)"},
    {'n', "count", "COUNT", take_messages, 0, "expect COUNT messages: N, MIN-MAX, MIN- or 0 for none"},
    {'c', "connections", "N", take_count, SETS(expected.connections), "expect N connections, and end after them"},
    {'t', "timeout", "TIME", take_time, SETS(expected.time), "wait no longer than TIME: 10, 1.5s, 200ms, 5m, 1h"},
    {'k', "keep", NULL, take_flag, SETS(keep), "keep going until a signal, or the limit of -t"},
    {0, "match", "'FIELD: REGEX'", take_match, 0,
     "count only messages that match;\nFIELD is a header field, mail-from, rcpt-to, body,\n"
     "text, html, header, attachment or client-helo,\n-address, -auth, -tls; if repeated, all must match"},
    {0, "not", "'FIELD: REGEX'", take_not, 0, "count only messages that do not match"},
    {0, "next", NULL, take_next, 0, "end this expectation, and begin another one, with its\nown -n, --match and --not"},
    {0, "only", NULL, take_flag, SETS(expected.only), "exit 1 if a message fits no expectation"},
    {0, "strict", NULL, take_flag, SETS(expected.strict),
     "hold clients to the RFCs;\nrefuse what breaks them, list each departure, and exit\n1 if there is one"},
    {0, "allow", "NAME,...", take_allowed, 0, "excuse these departures, named as --strict lists them"},

    {.name = "listen",
     .help = "Where it listens (default: port 1025; with a command or -b, a free port)",
     .member = FOR_CLIENTS},
    {'p', "port", "PORT", take_port, 0, "listen on PORT of 127.0.0.1 and ::1; 0 takes a free one"},
    {'l', "listen", "ENDPOINT", take_endpoint, 0,
     "listen on HOST:PORT, *:PORT (all addresses), unix:PATH;\n[ADDRESS]:PORT, :PORT (127.0.0.1 and ::1), fd:N (a\n"
     "listening socket) or - (standard input and output);\nthe prefix smtps:// or lmtp:// chooses TLS or LMTP, and\n"
     "proxy:// wants a PROXY header first; may be repeated"},
    {0, "port-file", "FILE", take_file, SETS(port_file),
     "write the port, or the path of the socket, to FILE once\nlistening, a line for each endpoint; FILE may be a\n"
     "FIFO, or /dev/fd/N"},
    {'b', "background", NULL, take_flag, SETS(background),
     "go to the background once listening;\nprint assignments for eval"},
    {0, "dotenv", NULL, take_flag, SETS(dotenv), "with -b, print lines NAME=VALUE, for an env file"},

    {.name = "read", .help = "Mail that is in files already, instead of listening"},
    {'r', "read", "PATH", take_path, 0,
     "take messages from PATH: a message, an mbox, a Maildir,\na directory of *.eml, or - (standard input); with -t,\n"
     "wait for more; print those that match; may be repeated"},
    {0, "after", "N", take_number, SETS(read.after), "leave out messages numbered N and lower"},

    {.name = "store", .help = "Where mail goes (default: standard output; with a command or -b, a directory)"},
    {'d', "dir", "DIR", take_file, SETS(store.directory), "write messages to DIR/0001.eml, DIR/0002.eml, ..."},
    {0, "maildir", "DIR", take_file, SETS(maildir), "write messages to the Maildir DIR"},
    {0, "fresh", NULL, take_flag, SETS(store.fresh), "first remove the messages that are there already"},
    {0, "beside", "FORMAT,...", take_beside, 0,
     "write next to 0001.eml: json, text or html (0001.json,\n.txt, .html), or envelope (.0001.envelope)"},
    {'f', "format", "FORMAT", take_format, 0, "write a stream: eml, mbox, json, text, html or none\n(default: eml)"},
    {'j', "json", NULL, take_format, 0, "-f json: one object a line, for jq"},
    {'o', "output", "FILE", take_file, SETS(output), "write the stream to FILE, not to standard output"},
    {0, "attachments", "DIR", take_file, SETS(store.attachments), "write attachments, decoded, to files in DIR"},
    {'e', "envelope", NULL, take_flag, SETS(server.headers),
     "put Return-Path, Delivered-To and Received before each\nmessage"},
    {0, "crlf", NULL, take_flag, SETS(store.crlf), "keep CRLF line ends (default: lines end in LF)"},
    {0, "fsync", NULL, take_flag, SETS(store.fsync), "have files on the disk before the client gets 250"},

    {.name = "smtp", .help = "How it speaks SMTP", .member = FOR_CLIENTS},
    {0, "hostname", "NAME", take_hostname, 0, "use NAME in the greeting (default: localhost)"},
    {0, "max-size", "SIZE", take_max_size, 0, "refuse larger messages, as in 10M (default: no limit)"},
    {0, "max-recipients", "N", take_count, SETS(smtp.max_recipients),
     "accept up to N recipients a message (default: 1000)"},
    {0, "max-connections", "N", take_count, SETS(server.max_connections),
     "serve up to N connections at once (default: no limit)"},
    {0, "idle", "TIME", take_time, SETS(server.idle), "give up on a client silent for TIME (default: 5m)"},
    {0, "hide", "EXT,...", take_hidden, 0,
     "do not offer these extensions, or mechanisms of AUTH,\nas in SIZE,CRAM-MD5"},
    {0, "offer", "LINE", take_offer, 0,
     "add LINE to the reply to EHLO, as in REQUIRETLS or\n'DELIVERBY 240', and accept the parameters of MAIL and\n"
     "RCPT that come with it; may be repeated"},
    {0, "on", "'EVENT: ACTION'", take_rule, 0,
     "misbehave, as in 'rcpt bounce@*: 550 no such user';\n'EVENT [PATTERN] [TIMES]: ACTION', such as\n"
     "'mail #1: delay 5s, 451 later'.  EVENT is connect,\nhelo, starttls, auth, mail, rcpt, data, bdat, body,\n"
     "eom, rset, noop, vrfy, quit, ... or command (any);\nACTION is a reply, drop, reset, stall, delay TIME,\n"
     "drip TIME (octet by octet), lines TIME, or several,\nas in 'starttls: 220 go; drop'; TIMES is #N (the\n"
     "first N times), #N/conn or #N/addr (for each\nconnection or address), >N/TIME (after N times\n"
     "within TIME) or %P (P percent of the times); for\neom PATTERN may be /FIELD: REGEX/ or >SIZE;\nEVENT! acts on "
     "refused commands, too; may be\nrepeated"},
    {0, "seed", "N", take_number, SETS(seed), "set the seed of the draws for %P of --on (default: 0)"},

    {.name = "tls", .help = "Logins and TLS", .member = FOR_CLIENTS},
    {0, "auth", "USER:PASSWORD", take_login, 0, "accept this login (default: any login);\nmay be repeated"},
    {0, "auth-mechs", "NAME,...", take_mechanisms, 0,
     "offer these mechanisms of AUTH, in this order (default:\nPLAIN,LOGIN,CRAM-MD5,XOAUTH2 and those of rules, as in\n"
     "'auth ntlm/1: 334 x'); others are OAUTHBEARER,\nSCRAM-SHA-1 and SCRAM-SHA-256"},
    {0, "require", "WHAT", take_required, 0,
     "refuse mail without auth, tls or client-cert (of\n--client-ca), or several: auth,tls"},
    {0, "tls", "[=FLAW]", take_tls, 0,
     "offer STARTTLS;\nthe certificate has this flaw (default: none): expired,\nnot-yet, name:NAME (it has no other), "
     "self-signed or\nweak-key"},
    {0, "tls-min", "VERSION", take_version, SETS(tls.min), "speak no TLS below VERSION (default: 1.2)"},
    {0, "tls-max", "VERSION", take_version, SETS(tls.max), "speak no TLS above VERSION (default: 1.3)"},
    {0, "cert", "FILE", take_file, SETS(tls.cert), "show the certificate in FILE (default: one is made)"},
    {0, "key", "FILE", take_file, SETS(tls.key), "read its key from FILE (default: the file of --cert)"},
    {0, "client-ca", "FILE", take_file, SETS(tls.client_ca),
     "ask clients for a certificate, which must be in FILE or\nbe issued by one that is"},
    {0, "ca-file", "FILE", take_file, SETS(ca_file),
     "write to FILE the certificate that is made, for clients\nto trust"},

    {.name = "command", .help = "With a command", .member = FOR_CLIENTS},
    {0, "sendmail", NULL, take_flag, SETS(sendmail),
     "put a sendmail(8) for this run first in its PATH;\nthe path is in FAKESMTP_SENDMAIL"},
    {0, "env", "NAME=TEXT", take_env, 0,
     "set NAME for the command; %h: host, %p: port, %u: URL;\n%d is the directory, %s the sendmail of --sendmail,\n"
     "%% a %; %h2, %p2 and %u2 are those of the second\nendpoint"},
    {0, "linger", "TIME", take_time, SETS(expected.linger), "after its end, wait up to TIME for missing messages"},

    {.name = "show", .help = "What it shows, on standard error"},
    {'v', "verbose", NULL, take_flag, SETS(verbose), "show the dialogue as it happens"},
    {0, "transcript", "FILE", take_file, SETS(transcript),
     "write the dialogue to FILE, without what changes from\nrun to run"},
    {'q', "quiet", NULL, take_flag, SETS(quiet), "show only errors"},
    {'h', "help", NULL, take_flag, SETS(help), "show options, or those of a TOPIC, on standard output"},
    {'V', "version", NULL, take_flag, SETS(version), "show the version, on standard output"},
};
enum { ENTRIES = sizeof table / sizeof table[0] };

const struct option_entry *options_entry(size_t place) { return place < ENTRIES ? &table[place] : NULL; }

/* The name of the problem at this place of those that --allow takes. */
static const char *allowed_word(size_t place)
{
    for (int i = 0; i < PROBLEMS; i++) {
        const struct problem_about *about = problem_about((enum problem)i);
        if (!about->noted_only && place-- == 0)
            return about->name;
    }
    return NULL;
}

static const char *mechanism_word(size_t place)
{
    return place + 1 < SASL_MECHANISMS ? sasl_name((enum sasl_mechanism)(place + 1)) : NULL;
}

static const char *hidden_word(size_t place)
{
    size_t keywords = 0;
    while (smtp_keyword(keywords) != NULL)
        keywords++;
    return place < keywords ? smtp_keyword(place) : mechanism_word(place - keywords);
}

const char *options_word(const struct option_entry *e, size_t place)
{
    static const struct {
        int (*take)(struct parse *p, const char *text);
        const char *const *list; /* or else */
        const char *(*word)(size_t place);
    } all[] = {
        {take_format, formats, NULL},        {take_beside, besides, NULL},
        {take_tls, flaws + 1, NULL},         {take_version, versions, NULL},
        {take_required, requirements, NULL}, {take_allowed, NULL, allowed_word},
        {take_hidden, NULL, hidden_word},    {take_mechanisms, NULL, mechanism_word},
        {take_rule, NULL, rules_event},      {take_match, NULL, match_word},
        {take_not, NULL, match_word},
    };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        if (e->take != all[i].take || e->argument == NULL)
            continue;
        if (all[i].word != NULL)
            return all[i].word(place);
        size_t n = 0;
        while (n < place && all[i].list[n] != NULL)
            n++;
        return all[i].list[n];
    }
    return NULL;
}

/* ---- reading them ---- */

/* getopt's value for a long name: this, and the option's place in the table. */
enum { LONG = 256 };

static int argument_kind(const struct option_entry *e)
{
    return e->argument == NULL ? no_argument : *e->argument == '[' ? optional_argument : required_argument;
}

static void fill_getopt(char *letters, struct option *names)
{
    for (const struct option_entry *e = table; e < table + ENTRIES; e++) {
        if (e->letter != '\0')
            *letters++ = e->letter;
        if (e->letter != '\0' && e->argument != NULL)
            *letters++ = ':';
        if (e->take != NULL)
            *names++ = (struct option){e->name, argument_kind(e), NULL, LONG + (int)(e - table)};
    }
}

/* Keeps the name of the first option that is for clients: some stand below other headings. */
static void note_served(struct parse *p, const struct option_entry *e)
{
    const struct option_entry *heading = e;
    while (heading->take != NULL)
        heading--;
    bool serves =
        heading->member == FOR_CLIENTS || e->letter == 'c' || e->letter == 'v' || e->member == SETS(transcript);
    if (serves && p->served[0] == '\0')
        memcpy(p->served, p->name, sizeof p->served);
}

/* Complains about an unknown option, and names those that the word may have meant; "-name" is one, too. */
static void complain_unknown(struct parse *p, const char *word)
{
    const char *name = word + strspn(word, "-");
    struct nearest found = {.word = {name, strcspn(name, "=")}};
    char meant[100] = "";
    size_t n = 0;
    (void)span_takes(&found.word, "smtp-");
    for (const struct option_entry *e = table; e < table + ENTRIES; e++) {
        if (e->take != NULL)
            nearest_compare(&found, e->name);
    }
    for (size_t i = 0; i < found.n && found.n <= NEAREST_MAX; i++)
        n += (size_t)snprintf(meant + n, sizeof meant - n, "%s--%s",
                              i == 0             ? "; did you mean "
                              : i == found.n - 1 ? " or "
                                                 : ", ",
                              found.options[i]);
    if (n > 0)
        (void)snprintf(p->name, sizeof p->name, "%.*s", (int)strcspn(word, "="), word);
    (void)wrong(p, "there is no such option%s%s", meant, n > 0 ? "?" : "");
}

/* Reads on after a mistake, as -b and --port-file name those who wait for the run. */
static int read_options(struct parse *p, int argc, char **argv)
{
    char letters[2 + ENTRIES * 2 + 1] = "+:"; /* words after the command are its own */
    struct option names[ENTRIES + 1] = {{NULL, 0, NULL, 0}};
    fill_getopt(letters + 2, names);
    opterr = 0;
    for (int found, at = optind; (found = getopt_long(argc, argv, letters, names, NULL)) != -1; at = optind) {
        bool good = found != '?' && found != ':';
        int value = good ? found : optopt; /* 0 for a long name that is unknown */
        const struct option_entry *e = value >= LONG ? table + (value - LONG) : NULL;
        for (size_t i = 0; i < ENTRIES && value > 0 && value < LONG; i++)
            e = table[i].letter == value ? &table[i] : e;
        if (value > 0 && value < LONG)
            (void)snprintf(p->name, sizeof p->name, "-%c", value);
        else
            (void)snprintf(p->name, sizeof p->name, "%.*s", (int)strcspn(argv[at], "="), argv[at]);
        if (value == '=' && argv[at][1] != '=') { /* -q=1 */
            (void)snprintf(p->name, sizeof p->name, "-%c", strchr(argv[at], '=')[-1]);
            (void)wrong(p, "this option takes no argument");
        } else if (e == NULL) {
            complain_unknown(p, argv[at]);
            optind += optind < argc && argv[optind][0] != '-'; /* its argument */
        } else if (found == ':') {
            (void)wrong(p, "give an argument: %s", e->argument);
        } else if (!good) {
            (void)wrong(p, e->member == SETS(help) ? "give the topic as the next word: --help TOPIC"
                                                   : "this option takes no argument");
        } else {
            if (value >= LONG && strcmp(p->name + 2, e->name) != 0) /* an abbreviation may mean another option later */
                complain_unknown(p, argv[at]);
            note_served(p, e);
            p->member = (char *)p->o + e->member;
            if (e->take(p, optarg) < 0 && optarg == argv[optind - 1] && *optarg == '-')
                optind--; /* it is rather the next option */
        }
    }
    optind = optind < argc ? optind : argc; /* with musl it counts an argument that is missing */
    p->o->command = argv + optind;
    p->o->separated = strcmp(argv[optind - 1], "--") == 0;
    return p->why[0] != '\0' ? -1 : 0;
}

/* ---- options that came after the command ---- */

/* Whether an option would take this argument.  Any word is the name of a file, so that says nothing. */
static bool would_take(const struct option_entry *e, const char *argument)
{
    char why[OPTIONS_WHY_MAX] = "";
    struct options *o = e->take != take_file ? calloc(1, sizeof *o) : NULL;
    if (o == NULL)
        return false;
    struct parse p = {.o = o, .member = (char *)o + e->member, .why = why};
    o->expected.n = 1;
    bool good = e->take(&p, argument) == 0;
    free(o);
    return good;
}

/* Whether a word looks like this option; next is the word after it, or NULL.  The argument of a long one may be a
   secret and is not shown. */
static bool looks_like(const struct option_entry *e, const char *word, const char *next, char text[OPTIONS_WHY_MAX])
{
    if (e->take != NULL && strncmp(word, "--", 2) == 0) {
        (void)snprintf(text, OPTIONS_WHY_MAX, "--%s", e->name);
        const char *rest = strncmp(word, text, strlen(text)) == 0 ? word + strlen(text) : "?";
        const char *argument = *rest == '=' ? rest + 1 : next;
        if (*rest != '\0' && *rest != '=')
            return false;
        if (e->letter != '\0') /* it is a common name, as the letter is */
            return e->argument != NULL && argument != NULL && would_take(e, argument);
        return argument_kind(e) == no_argument ? *rest == '\0'
                                               : argument_kind(e) == optional_argument || argument != NULL;
    }
    if (e->letter == '\0' || e->argument == NULL || word[0] != '-' || word[1] != e->letter)
        return false;
    bool joined = word[2] != '\0';
    (void)snprintf(text, OPTIONS_WHY_MAX, "%.400s%s%.400s", word, joined || next == NULL ? "" : " ",
                   joined || next == NULL ? "" : next);
    return joined ? would_take(e, word + 2) : next != NULL && would_take(e, next);
}

bool options_swallowed(const struct options *o, char text[OPTIONS_WHY_MAX])
{
    bool found = false;
    if (!o->wrapped || o->separated)
        return false;
    for (char **word = o->command + 1; *word != NULL && strcmp(*word, "--") != 0 && !found; word++) {
        for (size_t i = 0; i < ENTRIES && !found; i++)
            found = looks_like(&table[i], word[0], word[1], text);
    }
    return found;
}

/* ---- the whole command line ---- */

int options_parse(struct options *o, int argc, char **argv, char why[OPTIONS_WHY_MAX])
{
    o->expected.n = 1;
    o->expected.time = -1;
    o->port = -1;
    o->smtp.hostname = o->tls.hostname = "localhost";
    o->smtp.max_recipients = 1000;
    o->smtp.extensions = SMTP_EXT_ALL;
    o->server.idle = 5 * 60 * 1000;
    o->program = argv[0];
    why[0] = '\0';
    struct parse p = {.o = o, .why = why};
    if (read_options(&p, argc, argv) < 0)
        return -1;
    size_t n_stdio = 0;
    o->has_tls = o->starttls;
    for (size_t i = 0; i < o->n_endpoints; i++) {
        n_stdio += o->endpoints[i].kind == ENDPOINT_STDIO;
        o->has_tls = o->has_tls || o->endpoints[i].scheme == SCHEME_SMTPS;
    }
    o->stdio = n_stdio > 0;
    o->wrapped = o->command[0] != NULL;
    o->told = o->wrapped || o->background;
    size_t n_stdin = 0;
    for (size_t i = 0; i < o->read.n_paths; i++)
        n_stdin += strcmp(o->read.paths[i], "-") == 0;
    o->reading = o->read.n_paths > 0;
    if (o->help || o->version)
        return 0;
    if (o->reading && p.served[0] != '\0') {
        (void)snprintf(why, OPTIONS_WHY_MAX, "-r takes messages from files, and %s is about clients", p.served);
        return -1;
    }
    return settings_list_mechanisms(o, why) < 0 ? -1 : settings_check(o, n_stdio, n_stdin, why);
}

void options_close(struct options *o)
{
    for (size_t i = 0; i < o->store.n_matches; i++)
        match_close(&o->matches[i]);
    o->store.n_matches = 0;
    while (o->server.n_logins > 0)
        free(o->logins[--o->server.n_logins]);
    while (o->server.n_contents > 0) {
        match_close(&o->contents[--o->server.n_contents]);
        free((char *)(uintptr_t)o->contents[o->server.n_contents].text);
    }
    free(o->server.past);
    o->server.past = NULL;
}
