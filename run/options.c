/*
 * options.c - the command line.
 *
 * table[] is all there is to know of an option: its names, its argument, the
 * group and the text in --help, and the function that takes it.  getopt's own
 * tables are made from it.
 */
#include "run/run.h"

#include <getopt.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/base.h"
#include "smtp.h"

enum group { AWAITED, LISTENING, STORING, PROTOCOL, SECURITY, WRAPPING, SHOWING };

static const char *const groups[] = {
    [AWAITED] = "What is awaited (without any of these: one message)",
    [LISTENING] = "Where it listens (port 1025 of this machine; with a command or -b, a free one)",
    [STORING] = "Where mail goes (standard output; with a command or -b, a directory of its own)",
    [PROTOCOL] = "How it speaks SMTP",
    [SECURITY] = "Logins and TLS",
    [WRAPPING] = "With a command",
    [SHOWING] = "What is shown, on standard error",
};

/* What the takers below share. */
struct parse {
    struct options *o;
    const char *name; /* of the option at hand, as the user wrote it */
    char *why;
};

/* The complaint about the option at hand; returns -1. */
#if defined(__GNUC__)
__attribute__((format(printf, 2, 3)))
#endif
static int
wrong(struct parse *p, const char *format, ...)
{
    int n = snprintf(p->why, OPTIONS_WHY_MAX, "%s: ", p->name);
    va_list arguments;
    va_start(arguments, format);
    if (n >= 0 && n < OPTIONS_WHY_MAX)
        (void)vsnprintf(p->why + n, (size_t)(OPTIONS_WHY_MAX - n), format, arguments);
    va_end(arguments);
    return -1;
}

/* ---- numbers ---- */

/* The complaint that something else was expected at this place of the text; returns -1. */
static int expected_at(struct parse *p, const char *text, const char *at, const char *what)
{
    int column = 1;
    for (const char *c = text; c < at; c++)
        column += ((unsigned char)*c & 0xc0) != 0x80; /* a character of UTF-8 is one column */
    if (*at == '\0')
        return wrong(p, "'%.300s': at the end, column %d: expected %s", text, column, what);
    return wrong(p, "'%.300s': at '%.40s', column %d: expected %s", text, at, column, what);
}

static int parse_count(struct parse *p, const char *text, uint64_t *value)
{
    const char *end = text;
    if (!number_take(&end, value) || *end != '\0' || *value == 0)
        return wrong(p, "'%s' is not a number from 1 up", text);
    return 0;
}

/* Octets, with K, M or G behind them for a multiple of 1024. */
static int parse_size(struct parse *p, const char *text, uint64_t *value)
{
    static const char units[] = "KMG";
    const char *end = text;
    bool good = number_take(&end, value);
    const char *unit = good && *end != '\0' ? strchr(units, *end) : NULL;
    int shift = unit != NULL ? 10 * (int)(unit - units + 1) : 0;
    if (!good || (*end != '\0' && (unit == NULL || end[1] != '\0')) || *value == 0 || *value > UINT64_MAX >> shift)
        return wrong(p, "'%s' is not a size: give a number of octets from 1 up, or one with K, M or G behind it", text);
    *value <<= shift;
    return 0;
}

static int parse_time(struct parse *p, const char *text, int64_t *value)
{
    const char *end = text;
    if (number_take_time(&end, value) && *end == '\0')
        return 0;
    return wrong(p, "'%s' is not a time: give a number, or one with ms, s, m or h behind it", text);
}

/* ---- the options ---- */

static int take_messages(struct parse *p, const char *text)
{
    struct options *o = p->o;
    const char *end = text;
    if (!number_take(&end, &o->expected.min))
        return expected_at(p, text, end,
                           ascii_is_digit(*end) ? "a smaller number" : "a count of messages: N, MIN-MAX or MIN-");
    o->expected.max = o->expected.min;
    const char *max = end;
    if (*end == '-') {
        max = ++end;
        o->expected.max = UINT64_MAX;
        if (*end != '\0' && !number_take(&end, &o->expected.max))
            return expected_at(p, text, end, "the most messages, or nothing: N, MIN-MAX or MIN-");
    }
    if (*end != '\0')
        return expected_at(p, text, end, max == end ? "- or nothing more: N, MIN-MAX or MIN-" : "nothing more");
    if (o->expected.max < o->expected.min)
        return expected_at(p, text, max, "a number that is not below the one in front of it: MIN-MAX");
    o->counted = true;
    return 0;
}

static int take_file_name(struct parse *p, const char *text, const char **name)
{
    if (*text == '\0')
        return wrong(p, "the name is empty");
    *name = text;
    return 0;
}

static int take_match(struct parse *p, const char *text)
{
    struct options *o = p->o;
    const char *at;
    char what[MATCH_WHY_MAX];
    if (o->n_matches == MATCH_MAX)
        return wrong(p, "at most %d may be given", MATCH_MAX);
    if (match_parse(&o->matches[o->n_matches], text, &at, what) < 0)
        return expected_at(p, text, at, what);
    o->n_matches++;
    o->expected.matching = true;
    return 0;
}

static int take_rule(struct parse *p, const char *text)
{
    struct options *o = p->o;
    const char *at;
    if (o->n_rules == RULES_MAX)
        return wrong(p, "at most %d may be given", RULES_MAX);
    const char *what = rules_parse(&o->rules[o->n_rules], text, &at);
    if (what != NULL)
        return expected_at(p, text, at, what);
    o->n_rules++;
    return 0;
}

static int take_seed(struct parse *p, const char *text)
{
    const char *end = text;
    if (!number_take(&end, &p->o->seed) || *end != '\0')
        return expected_at(p, text, end, "a number");
    return 0;
}

static int take_transcript(struct parse *p, const char *text) { return take_file_name(p, text, &p->o->transcript); }

static int take_connections(struct parse *p, const char *text)
{
    return parse_count(p, text, &p->o->expected.connections);
}

static int take_limit(struct parse *p, const char *text) { return parse_time(p, text, &p->o->expected.time); }

static int take_endpoint(struct parse *p, const char *text)
{
    struct options *o = p->o;
    if (o->port_given)
        return wrong(p, "-p and -l exclude each other");
    if (o->n_endpoints == OPTIONS_ENDPOINTS_MAX)
        return wrong(p, "at most %d may be given", OPTIONS_ENDPOINTS_MAX);
    const char *why = endpoint_parse(text, &o->endpoints[o->n_endpoints]);
    if (why != NULL)
        return wrong(p, "'%s' is not an endpoint: it %s", text, why);
    o->n_endpoints++;
    return 0;
}

static int take_port(struct parse *p, const char *text)
{
    struct options *o = p->o;
    uint64_t port;
    const char *end = text;
    if (!number_take(&end, &port) || *end != '\0' || port > 65535)
        return wrong(p, "'%s' is not a port: give a number from 0 to 65535, 0 for a free one", text);
    if (o->n_endpoints > (size_t)o->port_given)
        return wrong(p, "-p and -l exclude each other");
    o->endpoints[0] = (struct endpoint){.kind = ENDPOINT_LOOPBACK, .port = (uint16_t)port};
    o->n_endpoints = 1;
    o->port_given = true;
    return 0;
}

static int take_port_file(struct parse *p, const char *text) { return take_file_name(p, text, &p->o->port_file); }

static int take_directory(struct parse *p, const char *text)
{
    if (p->o->maildir != NULL)
        return wrong(p, "-d and --maildir exclude each other");
    return take_file_name(p, text, &p->o->directory);
}

static int take_maildir(struct parse *p, const char *text)
{
    if (p->o->directory != NULL)
        return wrong(p, "-d and --maildir exclude each other");
    return take_file_name(p, text, &p->o->maildir);
}

static int take_format(struct parse *p, const char *text)
{
    static const char *const formats[] = {[OPTIONS_EML] = "eml",
                                          [OPTIONS_MBOX] = "mbox",
                                          [OPTIONS_JSON] = "json",
                                          [OPTIONS_TEXT] = "text",
                                          [OPTIONS_NONE] = "none"};
    for (int i = OPTIONS_EML; i <= OPTIONS_NONE; i++) {
        if (strcmp(text, formats[i]) != 0)
            continue;
        p->o->format = (enum options_format)i;
        p->o->stream = true;
        return 0;
    }
    return wrong(p, "'%s' is not a format: give eml, mbox, json, text or none", text);
}

static int take_json(struct parse *p, const char *text)
{
    (void)text;
    return take_format(p, "json");
}

static int take_attachments(struct parse *p, const char *text) { return take_file_name(p, text, &p->o->attachments); }

static int take_output(struct parse *p, const char *text)
{
    p->o->stream = true;
    return take_file_name(p, text, &p->o->output);
}

static int take_hostname(struct parse *p, const char *text)
{
    size_t n = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:[]");
    if (n == 0 || n > 255 || text[n] != '\0')
        return wrong(p, "'%s' is not a host name: give letters, digits and . - _ : [ ], 255 of them at most", text);
    p->o->hostname = text;
    return 0;
}

static int take_max_size(struct parse *p, const char *text) { return parse_size(p, text, &p->o->max_size); }

static int take_max_recipients(struct parse *p, const char *text)
{
    return parse_count(p, text, &p->o->max_recipients);
}

static int take_max_connections(struct parse *p, const char *text)
{
    return parse_count(p, text, &p->o->max_connections);
}

static int take_idle(struct parse *p, const char *text)
{
    if (parse_time(p, text, &p->o->idle) < 0)
        return -1;
    return p->o->idle > 0 ? 0 : wrong(p, "'%s' is no time at all: give 1ms or more", text);
}

/* What stands in front of the next comma; *rest is then behind it, NULL at the end. */
static struct span take_item(const char **rest)
{
    const char *start = *rest, *comma = strchr(start, ',');
    *rest = comma != NULL ? comma + 1 : NULL;
    return (struct span){start, comma != NULL ? (size_t)(comma - start) : strlen(start)};
}

static int take_hidden(struct parse *p, const char *text)
{
    for (const char *rest = text; rest != NULL;) {
        struct span item = take_item(&rest);
        unsigned extension = smtp_extension(item);
        p->o->hidden |= extension;
        if (extension != 0)
            continue;
        char all[OPTIONS_WHY_MAX / 2] = "";
        size_t n = 0;
        for (size_t i = 0; smtp_keyword(i) != NULL; i++)
            n += (size_t)snprintf(all + n, sizeof all - n, "%s%s", i > 0 ? ", " : "", smtp_keyword(i));
        return wrong(p, "'%.*s' is no extension: give some of %s, by comma", item.n < 40 ? (int)item.n : 40, item.p,
                     all);
    }
    return 0;
}

static int take_login(struct parse *p, const char *text)
{
    struct options *o = p->o;
    const char *colon = strchr(text, ':');
    if (colon == NULL || colon == text)
        return wrong(p, "give USER:PASSWORD");
    if (o->n_logins == OPTIONS_LOGINS_MAX)
        return wrong(p, "at most %d may be given", OPTIONS_LOGINS_MAX);
    o->logins[o->n_logins++] = text;
    return 0;
}

static int take_required(struct parse *p, const char *text)
{
    for (const char *rest = text; rest != NULL;) {
        struct span item = take_item(&rest);
        if (span_is(item, "auth"))
            p->o->require_auth = true;
        else if (span_is(item, "tls"))
            p->o->require_tls = true;
        else
            return wrong(p, "'%s' cannot be required: give auth, tls or auth,tls", text);
    }
    return 0;
}

static int take_cert(struct parse *p, const char *text) { return take_file_name(p, text, &p->o->cert); }

static int take_key(struct parse *p, const char *text) { return take_file_name(p, text, &p->o->key); }

static int take_ca_file(struct parse *p, const char *text) { return take_file_name(p, text, &p->o->ca_file); }

static int take_env(struct parse *p, const char *text)
{
    struct options *o = p->o;
    const char *equals = strchr(text, '=');
    if (equals == NULL || equals == text)
        return wrong(p, "'%s' is not NAME=TEXT", text);
    for (const char *percent = strchr(equals, '%'); percent != NULL; percent = strchr(percent + 2, '%')) {
        if (percent[1] == '\0' || strchr("hpud%", percent[1]) == NULL)
            return wrong(p, "'%.2s' in '%s' is unknown: give %%h, %%p, %%u, %%d or %%%%", percent, text);
    }
    if (o->n_env == OPTIONS_ENV_MAX)
        return wrong(p, "at most %d may be given", OPTIONS_ENV_MAX);
    o->env[o->n_env++] = text;
    return 0;
}

static int take_linger(struct parse *p, const char *text) { return parse_time(p, text, &p->o->expected.linger); }

/* An option takes its argument, or sets a flag. */
#define TAKE(function) function, 0
#define FLAG(member) NULL, offsetof(struct options, member)

static const struct option_entry {
    char letter; /* '\0' if it has none */
    const char *name;
    const char *argument;
    enum group group;
    int (*take)(struct parse *p, const char *text);
    size_t flag;
    const char *help; /* lines of up to 55 columns */
} table[] = {
    {'n', NULL, "COUNT", AWAITED, TAKE(take_messages),
     "so many messages: N, MIN-MAX or MIN-; 0 for none\nto come at all"},
    {'c', NULL, "N", AWAITED, TAKE(take_connections), "N connections, come and gone"},
    {'t', NULL, "TIME", AWAITED, TAKE(take_limit), "wait no longer than TIME: 10, 1.5s, 200ms, 5m, 1h"},
    {'k', NULL, NULL, AWAITED, FLAG(keep), "go on until a signal"},

    {0, "match", "'FIELD: REGEX'", AWAITED, TAKE(take_match),
     "only messages like this count; FIELD is a header\nfield, mail-from, rcpt-to, body or attachment; may\nbe "
     "repeated, all must hold"},
    {0, "strict", NULL, AWAITED, FLAG(expected.strict),
     "hold clients to the RFCs: refuse what breaks them,\nname each departure, and exit 1"},

    {'p', NULL, "PORT", LISTENING, TAKE(take_port), "port on 127.0.0.1 and ::1; 0 for a free one"},
    {'l', NULL, "ENDPOINT", LISTENING, TAKE(take_endpoint),
     "HOST:PORT, [ADDRESS]:PORT, :PORT (this machine),\n*:PORT (all addresses), unix:PATH, fd:N (a listening\n"
     "socket), - (standard input and output); smtps:// or\nlmtp:// in front; may be repeated"},
    {0, "port-file", "FILE", LISTENING, TAKE(take_port_file),
     "write the port, or path, there, once listening;\nmay be a FIFO"},
    {'b', NULL, NULL, LISTENING, FLAG(background),
     "go to the background once listening, and print\nassignments for eval"},

    {'d', NULL, "DIR", STORING, TAKE(take_directory), "DIR/0001.eml, DIR/0002.eml, ..."},
    {0, "maildir", "DIR", STORING, TAKE(take_maildir), "a Maildir"},
    {'f', NULL, "FORMAT", STORING, TAKE(take_format), "a stream of eml, mbox, json or text, or none"},
    {'j', NULL, NULL, STORING, TAKE(take_json), "a stream of json: one object a line, for jq"},
    {'o', NULL, "FILE", STORING, TAKE(take_output), "the stream goes to FILE, not to standard output"},
    {0, "attachments", "DIR", STORING, TAKE(take_attachments), "the attachments, decoded, as files"},
    {'e', NULL, NULL, STORING, FLAG(headers), "put Return-Path, Delivered-To and Received in front\nof each message"},
    {0, "crlf", NULL, STORING, FLAG(crlf), "keep CRLF line ends (else lines end in LF)"},
    {0, "fsync", NULL, STORING, FLAG(fsync), "have files on the disk before the client is told 250"},

    {0, "hostname", "NAME", PROTOCOL, TAKE(take_hostname), "name in the greeting (localhost)"},
    {0, "max-size", "SIZE", PROTOCOL, TAKE(take_max_size), "refuse larger messages; 10M, say (no limit)"},
    {0, "max-recipients", "N", PROTOCOL, TAKE(take_max_recipients), "recipients of a message (1000)"},
    {0, "max-connections", "N", PROTOCOL, TAKE(take_max_connections), "connections at once (no limit)"},
    {0, "idle", "TIME", PROTOCOL, TAKE(take_idle), "give up on a client that is silent for TIME (5m)"},

    {0, "hide", "EXT,...", PROTOCOL, TAKE(take_hidden), "take extensions away: SIZE,CHUNKING"},

    {0, "on", "'EVENT: ACTION'", PROTOCOL, TAKE(take_rule),
     "misbehave: 'EVENT [PATTERN] [#N|%P]: ACTION', as in\n'rcpt bounce@*: 550 5.1.1 no such user' or\n"
     "'mail #1: delay 5s, 451 later'.  EVENT is connect,\nhelo, starttls, auth, mail, rcpt, data, bdat, body,\n"
     "eom, rset, noop, vrfy, quit, ...; ACTION a reply, drop,\nreset, stall or delay TIME; #N the first N times, "
     "%P\nin P percent of them; may be repeated"},
    {0, "seed", "N", PROTOCOL, TAKE(take_seed), "seed of the random draws for %P of --on (0)"},

    {0, "auth", "USER:PASSWORD", SECURITY, TAKE(take_login), "a good login; without it, any is; may be repeated"},
    {0, "require", "WHAT", SECURITY, TAKE(take_required), "auth, tls or both: auth,tls"},
    {0, "tls", NULL, SECURITY, FLAG(tls), "offer STARTTLS"},
    {0, "cert", "FILE", SECURITY, TAKE(take_cert), "our certificate (one is made)"},
    {0, "key", "FILE", SECURITY, TAKE(take_key), "its key (in the file of --cert)"},
    {0, "ca-file", "FILE", SECURITY, TAKE(take_ca_file), "write the certificate that is made, to be trusted"},

    {0, "env", "NAME=TEXT", WRAPPING, TAKE(take_env),
     "set NAME in its environment; %h is the host, %p the\nport, %u the URL, %d the directory, %% a %"},
    {0, "linger", "TIME", WRAPPING, TAKE(take_linger), "wait TIME after it for messages still missing"},

    {'v', NULL, NULL, SHOWING, FLAG(verbose), "the dialogue, as it happens"},
    {0, "transcript", "FILE", SHOWING, TAKE(take_transcript),
     "the dialogue, in FILE, without what changes from run\nto run"},
    {'q', NULL, NULL, SHOWING, FLAG(quiet), "nothing but errors"},
    {'h', "help", NULL, SHOWING, FLAG(help), "these options, on standard output"},
    {'V', "version", NULL, SHOWING, FLAG(version), "the version, on standard output"},
};
enum { ENTRIES = sizeof table / sizeof table[0] };

/* ---- reading them ---- */

/* getopt's value for an entry without a letter, which no letter has. */
enum { LONG_ONLY = 256 };

static void fill_getopt(char *letters, struct option *names)
{
    *letters++ = '+'; /* what follows the command is the command's */
    *letters++ = ':';
    for (int i = 0; i < ENTRIES; i++) {
        const struct option_entry *e = &table[i];
        if (e->letter != '\0') {
            *letters++ = e->letter;
            if (e->argument != NULL)
                *letters++ = ':';
        }
        if (e->name != NULL)
            *names++ =
                (struct option){e->name, e->argument != NULL ? required_argument : no_argument, NULL, LONG_ONLY + i};
    }
    *letters = '\0';
    *names = (struct option){NULL, 0, NULL, 0};
}

static const struct option_entry *find_entry(int value)
{
    if (value >= LONG_ONLY && value < LONG_ONLY + ENTRIES)
        return &table[value - LONG_ONLY];
    int i = 0;
    while (i < ENTRIES && (table[i].letter == '\0' || table[i].letter != value))
        i++;
    return i < ENTRIES ? &table[i] : NULL;
}

/* The option as people write it: -n, --name. */
static void entry_name(const struct option_entry *e, bool by_letter, char *text, size_t size)
{
    if (by_letter)
        (void)snprintf(text, size, "-%c", e->letter);
    else
        (void)snprintf(text, size, "--%s", e->name);
}

/* What getopt could not read. */
static int complain(int found, char **argv, char *why)
{
    const struct option_entry *e = find_entry(optopt);
    const char *word = argv[optind - 1];
    char name[64];
    if (found == ':' && e != NULL) {
        entry_name(e, optopt < LONG_ONLY, name, sizeof name);
        (void)snprintf(why, OPTIONS_WHY_MAX, "%s wants an argument: %s", name, e->argument);
    } else if (e != NULL && optopt >= LONG_ONLY) {
        (void)snprintf(why, OPTIONS_WHY_MAX, "--%s takes no argument", e->name);
    } else if (optopt != 0 && optopt < LONG_ONLY) {
        (void)snprintf(why, OPTIONS_WHY_MAX, "there is no option -%c", optopt);
    } else {
        (void)snprintf(why, OPTIONS_WHY_MAX, "there is no option %.200s", word);
    }
    return -1;
}

/* getopt takes abbreviations, which a later option could make another's: only whole names count. */
static bool is_whole(const char *word, const char *name)
{
    size_t n = strlen(name);
    return strncmp(word, "--", 2) == 0 && strncmp(word + 2, name, n) == 0 &&
           (word[n + 2] == '\0' || word[n + 2] == '=');
}

static bool have_kind(const struct options *o, int kind)
{
    for (size_t i = 0; i < o->n_endpoints; i++) {
        if ((int)o->endpoints[i].kind == kind)
            return true;
    }
    return false;
}

bool options_have_stdio(const struct options *o) { return have_kind(o, ENDPOINT_STDIO); }

bool options_have_smtps(const struct options *o)
{
    for (size_t i = 0; i < o->n_endpoints; i++) {
        if (o->endpoints[i].scheme == SCHEME_SMTPS)
            return true;
    }
    return false;
}

/* A stream on standard output was asked for. */
static bool prints(const struct options *o)
{
    return o->stream && o->format != OPTIONS_NONE && (o->output == NULL || strcmp(o->output, "-") == 0);
}

/* What does not go together in the run; NULL if all does. */
static const char *check_run(const struct options *o)
{
    bool command = o->command[0] != NULL;
    if (!command && o->n_env > 0)
        return "--env is for a command, and there is none";
    if (!command && o->expected.linger > 0)
        return "--linger is for a command, and there is none";
    if (command && o->keep)
        return "-k is for a run without a command: with one, the run ends when that does";
    if (command && o->background)
        return "-b is for a run without a command: with one, its environment says where we listen";
    if (o->background && prints(o))
        return "-b prints assignments on standard output: send the stream elsewhere with -o";
    if (o->transcript != NULL && strcmp(o->transcript, "-") == 0 && (o->background || options_have_stdio(o)))
        return "--transcript - is standard output, which -b and -l - need for something else";
    if (o->format == OPTIONS_NONE && o->output != NULL)
        return "-f none makes no stream, so -o has nothing to write";
    if (o->verbose && o->quiet)
        return "-v and -q are opposites: give one of them";
    return NULL;
}

/* The same of standard input and output as an endpoint. */
static const char *check_stdio(const struct options *o)
{
    if (!options_have_stdio(o))
        return NULL;
    size_t n = 0;
    for (size_t i = 0; i < o->n_endpoints; i++)
        n += o->endpoints[i].kind == ENDPOINT_STDIO;
    if (n > 1)
        return "-l - can be given only once";
    if (o->port_file != NULL && o->n_endpoints == 1)
        return "-l - has no port for --port-file";
    if (o->command[0] != NULL)
        return "-l - is for a run without a command: with one, standard input and output are the command's";
    if (o->background)
        return "-l - and -b exclude each other";
    if (prints(o))
        return "-l - speaks SMTP on standard output: send the stream elsewhere with -o";
    return NULL;
}

/* The same of logins and TLS. */
static const char *check_security(const struct options *o)
{
    bool tls = o->tls || options_have_smtps(o);
    if (!tls && o->cert != NULL)
        return "--cert is for TLS: give --tls, or an endpoint smtps://...";
    if (!tls && o->ca_file != NULL)
        return "--ca-file is for TLS: give --tls, or an endpoint smtps://...";
    if (!tls && o->require_tls)
        return "--require tls needs TLS: give --tls, or an endpoint smtps://...";
    if (o->key != NULL && o->cert == NULL)
        return "--key is the key of a certificate: give that with --cert";
    if (o->cert != NULL && o->ca_file != NULL)
        return "--ca-file writes the certificate that is made, and --cert brings one";
    if (o->tls && o->hidden & SMTP_EXT_STARTTLS)
        return "--tls offers STARTTLS, and --hide takes it away";
    if (o->hidden & SMTP_EXT_AUTH && (o->require_auth || o->n_logins > 0))
        return "--auth and --require auth need AUTH, and --hide takes it away";
    return NULL;
}

static int check(const struct options *o, char *why)
{
    const char *wrong_one = check_run(o);
    if (wrong_one == NULL)
        wrong_one = check_stdio(o);
    if (wrong_one == NULL)
        wrong_one = check_security(o);
    if (wrong_one != NULL)
        (void)snprintf(why, OPTIONS_WHY_MAX, "%s", wrong_one);
    return wrong_one != NULL ? -1 : 0;
}

int options_parse(struct options *o, int argc, char **argv, char why[OPTIONS_WHY_MAX])
{
    o->expected.max = UINT64_MAX;
    o->expected.time = -1;
    o->hostname = "localhost";
    o->max_recipients = 1000;
    o->idle = 5 * 60 * 1000;
    char letters[2 + ENTRIES * 2 + 1], name[64];
    struct option names[ENTRIES + 1];
    fill_getopt(letters, names);
    struct parse p = {.o = o, .name = name, .why = why};
    opterr = 0;
    int found;
    for (int at = optind; (found = getopt_long(argc, argv, letters, names, NULL)) != -1; at = optind) {
        const struct option_entry *e = found == '?' || found == ':' ? NULL : find_entry(found);
        if (e == NULL)
            return complain(found, argv, why);
        if (found >= LONG_ONLY && !is_whole(argv[at], e->name)) {
            (void)snprintf(why, OPTIONS_WHY_MAX, "there is no option %.200s; is it --%s?", argv[at], e->name);
            return -1;
        }
        entry_name(e, found < LONG_ONLY, name, sizeof name);
        if (e->take == NULL)
            *(bool *)((char *)o + e->flag) = true;
        else if (e->take(&p, optarg) < 0)
            return -1;
    }
    o->command = argv + optind;
    rules_seed(o->rules, o->n_rules, o->seed);
    return o->help || o->version ? 0 : check(o, why);
}

void options_close(struct options *o)
{
    for (size_t i = 0; i < o->n_matches; i++)
        match_close(&o->matches[i]);
    o->n_matches = 0;
}

/* ---- --help ---- */

static void help_entry(const struct option_entry *e)
{
    char left[64];
    int n = snprintf(left, sizeof left, "  ");
    if (e->letter != '\0')
        n += snprintf(left + n, sizeof left - (size_t)n, "-%c%s", e->letter, e->name != NULL ? ", " : "");
    if (e->name != NULL)
        n += snprintf(left + n, sizeof left - (size_t)n, "--%s", e->name);
    (void)snprintf(left + n, sizeof left - (size_t)n, " %s", e->argument != NULL ? e->argument : "");
    for (const char *line = e->help; line != NULL;) {
        const char *end = strchr(line, '\n');
        (void)printf(strlen(left) < 24 ? "%-24s %.*s\n" : "%s  %.*s\n", left,
                     end != NULL ? (int)(end - line) : (int)strlen(line), line);
        left[0] = '\0';
        line = end != NULL ? end + 1 : NULL;
    }
}

int options_help(void)
{
    (void)printf("usage: fakesmtp [option ...] [command [argument ...]]\n"
                 "Takes mail as an SMTP server does, delivers it nowhere, and exits 0 if what was\n"
                 "expected came.  With a command: runs it, tells it the port in SMTP_PORT, and\n"
                 "exits with its status, or 1 if the mail was not what was expected.\n");
    for (int group = 0; group <= SHOWING; group++) {
        (void)printf("\n%s:\n", groups[group]);
        for (int i = 0; i < ENTRIES; i++) {
            if ((int)table[i].group == group)
                help_entry(&table[i]);
        }
    }
    (void)printf("\nStatus: 0 as expected, 1 not, 2 usage, 3 could not start, 4 could not write,\n"
                 "124 the command was still running at the limit, 126 and 127 it could not be run\n"
                 "or was not found; else its own.\n"
                 "More: man fakesmtp\n");
    return fflush(stdout) == EOF || ferror(stdout) ? -1 : 0;
}
