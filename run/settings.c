/* SPDX-License-Identifier: ISC */
/*
 * settings.c - what follows from the options: which exclude each other, what is
 * offered, and what the user did not say.
 */
#include "run/run.h"

#include <stdio.h>
#include <string.h>

enum { DEFAULT_PORT = 1025 };

#define GIVE_TLS ": give --tls, or an endpoint that begins with smtps://"

int settings_check(const struct options *o, size_t n_stdio, size_t n_stdin, char *why)
{
    bool command = o->wrapped, hides_auth = !(o->smtp.extensions & SMTP_EXT_AUTH), hides_chosen = false, scram = false;
    for (size_t i = 0; i < o->n_chosen; i++) {
        hides_chosen = hides_chosen || sasl_find(o->mechanisms, o->chosen[i]) == NULL;
        scram = scram || sasl_is_scram(sasl_mechanism(o->chosen[i]));
    }
    bool to_stdout = o->output == NULL ? o->format_given : strcmp(o->output, "-") == 0;
    bool prints = to_stdout && o->store.format != STORE_NONE;
    bool besides = o->store.beside != 0 && o->store.directory == NULL && o->maildir == NULL && !o->told;
    const struct {
        bool is_wrong;
        const char *text;
    } checks[] = {
        {o->expected.n > 1 && !expectations_said(&o->expected), "--next: give -n, --match or --not after it"},
        {o->expected.only && o->store.n_matches == 0,
         "--only needs --match or --not: without them any message fits (-n 4 alone expects exactly 4)"},
        {!o->expected.strict && problems_any(&o->expected.allowed),
         "--allow excuses departures that --strict finds: give --strict, too"},
        {!o->told && o->sendmail, "--sendmail needs a command to run, or -b"},
        {o->sendmail && o->n_endpoints > 0 && o->endpoints[0].proxied,
         "--sendmail submits to the first endpoint, and sends no PROXY header: put another endpoint first"},
        {!command && o->n_env > 0, "--env needs a command to run"},
        {!command && o->expected.linger > 0, "--linger needs a command to run"},
        {command && o->keep, "-k and a command exclude each other: the run ends when the command does"},
        {command && o->background,
         "-b and a command exclude each other: the command finds the port in its environment"},
        {o->reading && command,
         "-r and a command exclude each other: give -r to a fakesmtp that the command runs, or that runs after it"},
        {o->reading && n_stdin > 1, "-r - can be given only once"},
        {!o->reading && o->read.after > 0, "--after says which messages -r leaves out: give -r, too"},
        {o->dotenv && !o->background, "--dotenv says how -b prints: give -b, too"},
        {o->background && prints, "-b prints assignments on standard output: send the stream elsewhere with -o"},
        {o->transcript != NULL && strcmp(o->transcript, "-") == 0 && (o->background || o->stdio),
         "--transcript - writes to standard output, which -b and -l - use: give a file"},
        {o->store.format == STORE_NONE && o->output != NULL, "-f none makes no stream, so -o has nothing to write"},
        {o->port >= 0 && o->n_endpoints > 0, "-p and -l exclude each other"},
        {o->store.directory != NULL && o->maildir != NULL, "-d and --maildir exclude each other"},
        {o->store.fresh && o->store.directory == NULL && o->maildir == NULL,
         "--fresh removes messages from a directory: give it with -d or --maildir"},
        {besides && o->reading, "--beside writes next to the files of messages: give it with -d or --maildir"},
        {besides, "--beside writes next to the files of messages: give it with -d, --maildir, a command or -b"},
        {o->server.idle == 0, "--idle 0 leaves a client no time: give 1ms or more"},
        {o->verbose && o->quiet, "-v and -q are opposites: give one of them"},

        {n_stdio > 1, "-l - can be given only once"},
        {o->stdio && o->port_file != NULL && o->n_endpoints == 1, "-l - has no port for --port-file"},
        {o->stdio && command, "-l - and a command exclude each other: standard input and output are the command's"},
        {o->stdio && o->background, "-l - and -b exclude each other"},
        {o->stdio && prints, "-l - speaks SMTP on standard output: send the stream elsewhere with -o"},

        {!o->has_tls && o->tls.cert != NULL, "--cert needs TLS" GIVE_TLS},
        {!o->has_tls && o->ca_file != NULL, "--ca-file needs TLS" GIVE_TLS},
        {!o->has_tls && o->smtp.require_tls, "--require tls needs TLS" GIVE_TLS},
        {!o->has_tls && (o->tls.min != TLS_ANY || o->tls.max != TLS_ANY), "--tls-min and --tls-max need TLS" GIVE_TLS},
        {o->tls.max != TLS_ANY && o->tls.min > o->tls.max, "--tls-min is above --tls-max"},
        {!o->has_tls && o->tls.client_ca != NULL, "--client-ca needs TLS" GIVE_TLS},
        {o->tls.require_cert && o->tls.client_ca == NULL,
         "--require client-cert needs --client-ca, which says whose certificates are good"},
        {o->tls.key != NULL && o->tls.cert == NULL, "--key needs a certificate: give it with --cert"},
        {o->tls.cert != NULL && o->tls.flaw != TLS_SOUND,
         "--cert and a flaw of --tls exclude each other: with --cert no certificate is made"},
        {o->tls.flaw == TLS_SELF_SIGNED && o->ca_file != NULL,
         "--ca-file and --tls=self-signed exclude each other: clients are not to trust it"},
        {o->tls.cert != NULL && o->ca_file != NULL,
         "--ca-file and --cert exclude each other: with --cert no certificate is made"},
        {o->starttls && !(o->smtp.extensions & SMTP_EXT_STARTTLS), "--tls offers STARTTLS, but --hide hides it"},
        {hides_chosen, "--auth-mechs offers a mechanism that --hide hides"},
        {scram && o->server.n_logins == 0,
         "--auth-mechs: SCRAM needs --auth, as the server proves to the client that it knows the password"},
        {hides_auth && (o->smtp.require_auth || o->server.n_logins > 0 || o->n_chosen > 0),
         "--auth, --auth-mechs and --require auth need AUTH, but --hide hides it"},
    };
    for (size_t i = 0; i < sizeof checks / sizeof checks[0]; i++) {
        if (checks[i].is_wrong) {
            (void)snprintf(why, OPTIONS_WHY_MAX, "%s", checks[i].text);
            return -1;
        }
    }
    return 0;
}

/* ---- the mechanisms of AUTH ---- */

static bool is_among(struct span name, const struct span *names, size_t n)
{
    while (n > 0 && !span_same(name, names[n - 1]))
        n--;
    return n > 0;
}

/* Whether it is built in, or a rule is for its steps. */
static bool is_known(const struct options *o, struct span name)
{
    bool known = sasl_mechanism(name) != SASL_NONE;
    for (size_t i = 0; i < o->server.n_rules && !known; i++) {
        struct span ruled = rules_mechanism(&o->rules[i]);
        known = ruled.p != NULL && span_same(name, ruled);
    }
    return known;
}

/* Looks for a name of --hide or --auth-mechs that is none. */
static int check_mechanisms(const struct options *o, bool hides, char *why)
{
    const struct span *names = hides ? o->hidden : o->chosen, *end = names + (hides ? o->n_hidden : o->n_chosen);
    char all[OPTIONS_WHY_MAX / 2] = "";
    size_t n = 0;
    while (names < end && is_known(o, *names))
        names++;
    if (names == end)
        return 0;
    for (size_t i = 0; hides && smtp_keyword(i) != NULL; i++)
        n += (size_t)snprintf(all + n, sizeof all - n, "%s, ", smtp_keyword(i));
    for (int i = SASL_NONE + 1; i < SASL_MECHANISMS; i++)
        n += (size_t)snprintf(all + n, sizeof all - n, "%s, ", sasl_name((enum sasl_mechanism)i));
    (void)snprintf(
        why, OPTIONS_WHY_MAX,
        "%s: '%.*s' is not %s: give one or more of %sor the NAME of --on 'auth NAME/1: ...', separated by commas",
        hides ? "--hide" : "--auth-mechs", names->n < 40 ? (int)names->n : 40, names->p,
        hides ? "an extension or mechanism" : "a mechanism", all);
    return -1;
}

/* Adds it to the list, unless it is hidden or there already.  -1 if there is no room. */
static int add_mechanism(struct options *o, struct span name)
{
    char *list = o->mechanisms;
    size_t n = strlen(list);
    if (is_among(name, o->hidden, o->n_hidden) || sasl_find(list, name) != NULL)
        return 0;
    if (n + (n > 0) + name.n > SMTP_MECHANISMS_MAX)
        return -1;
    if (n > 0)
        list[n++] = ' ';
    for (size_t i = 0; i < name.n; i++)
        list[n++] = (char)(ascii_is_letter(name.p[i]) ? name.p[i] & 0x5f : name.p[i]); /* in capitals */
    list[n] = '\0';
    return 0;
}

int settings_list_mechanisms(struct options *o, char *why)
{
    int added = 0;
    if (check_mechanisms(o, true, why) < 0 || check_mechanisms(o, false, why) < 0)
        return -1;
    for (size_t i = 0; i < o->n_chosen; i++)
        added |= add_mechanism(o, o->chosen[i]);
    for (int m = SASL_PLAIN; m <= SASL_XOAUTH2 && o->n_chosen == 0; m++)
        added |= add_mechanism(o, span_of(sasl_name((enum sasl_mechanism)m)));
    for (size_t i = 0; i < o->server.n_rules && o->n_chosen == 0; i++) {
        struct span name = rules_mechanism(&o->rules[i]);
        if (name.p != NULL && sasl_mechanism(name) == SASL_NONE)
            added |= add_mechanism(o, name);
    }
    if (added < 0)
        (void)snprintf(why, OPTIONS_WHY_MAX,
                       "--on: the names of the mechanisms of AUTH may have at most %d octets (RFC 5321 4.5.3.1.5)",
                       SMTP_MECHANISMS_MAX);
    if (*o->mechanisms == '\0')
        o->smtp.extensions &= ~(unsigned)SMTP_EXT_AUTH;
    return added;
}

/* ---- what the user did not say ---- */

/* Messages that match are expected, and so is one message where nothing else ends the run.  Of several expectations,
   each is of one message. */
static void expect(struct options *o)
{
    struct expectations *all = &o->expected;
    bool at_once = o->reading && all->time < 0; /* what is there is all */
    bool other_end = o->wrapped || o->keep || all->connections > 0 || at_once, bounded = !other_end;
    bool until_limit = all->time >= 0 && !o->reading;
    for (struct expectation *e = all->each; e < all->each + all->n; e++) {
        if (!e->counted) {
            e->min = !other_end || e->matching || (at_once && !o->keep);
            e->max = all->n == 1 && (other_end || until_limit || o->alone) ? UINT64_MAX : 1;
        }
        bounded = bounded && e->max != UINT64_MAX;
    }
    if (!o->wrapped && !o->keep)
        o->server.max_sessions = all->connections;
    if (bounded)
        o->server.awaited = o->read.awaited = all;
    o->store.expectations = UINT64_MAX >> (MAIL_EXPECTATIONS_MAX - all->n);
}

/* Looks for a field of --env whose endpoint does not exist, or whose option is not given. */
static int check_env(const struct options *o, char *why)
{
    uint64_t number;
    for (size_t i = 0; i < o->n_env; i++) {
        const char *end = strchr(o->env[i], '='), *percent;
        while ((percent = strchr(end, '%')) != NULL) {
            end = wrap_field(percent + 1, &number);
            if (percent[1] == 's' && !o->sendmail) {
                (void)snprintf(why, OPTIONS_WHY_MAX, "--env: '%%s' in '%.300s' needs --sendmail", o->env[i]);
                return -1;
            }
            if (number > 0 && number <= o->n_endpoints)
                continue;
            (void)snprintf(why, OPTIONS_WHY_MAX,
                           "--env: '%.*s' in '%.300s': there is no such endpoint; the last is number %zu",
                           (int)(end - percent), percent, o->env[i], o->n_endpoints);
            return -1;
        }
    }
    return 0;
}

/* Prepares for the rules: what they draw from, and STARTTLS if one is for it. */
static void complete_rules(struct options *o)
{
    bool starttls = o->starttls;
    o->server.rules = o->rules;
    o->server.contents = o->contents;
    o->store.searched = o->server.n_contents > 0;
    rules_seed(o->rules, o->server.n_rules, o->seed);
    for (size_t i = 0; i < o->server.n_rules; i++)
        starttls = starttls || o->rules[i].event == SMTP_STARTTLS;
    if (!starttls)
        o->smtp.extensions &= ~(unsigned)SMTP_EXT_STARTTLS;
}

int settings_complete(struct options *o, size_t n_passed, char why[OPTIONS_WHY_MAX])
{
    bool examines = o->expected.strict || o->verbose;
    o->alone = o->stdio && o->n_endpoints == 1 && n_passed == 0;
    expect(o);
    if (o->port < 0 && o->n_endpoints == 0 && n_passed == 0 && !o->reading)
        o->port = o->told ? 0 : DEFAULT_PORT;
    if (o->port >= 0)
        o->endpoints[o->n_endpoints++] = (struct endpoint){.kind = ENDPOINT_LOOPBACK, .port = (uint16_t)o->port};
    for (size_t i = 0; i < n_passed; i++)
        o->endpoints[o->n_endpoints++] = (struct endpoint){.kind = ENDPOINT_FD, .fd = LISTENER_PASSED + (int)i};
    if (o->maildir != NULL)
        o->store.directory = o->maildir;
    o->store.maildir = o->maildir != NULL;
    if (o->told && o->store.directory == NULL) /* it will be a private one */
        o->store.beside |= 1u << STORE_BESIDE_ENVELOPE;
    o->store.hostname = o->smtp.hostname;
    if (!o->format_given && o->output == NULL && (o->told || o->stdio || o->store.directory != NULL))
        o->store.format = STORE_NONE;
    o->store.stream_name = o->output != NULL ? o->output : "standard output";
    o->store.stream = -1;
    o->store.matches = o->matches;
    o->store.lint = examines;
    o->store.selects = o->reading && o->store.n_matches > 0;
    o->read.watch = o->expected.time >= 0 || o->keep;
    o->read.headers = o->server.headers;
    o->smtp.mechanisms = o->mechanisms;
    complete_rules(o);
    o->smtp.strict = o->expected.strict;
    o->smtp.allowed = o->expected.allowed;
    bool shows = o->store.format == STORE_JSON || store_makes_page(&o->store) ||
                 (o->store.beside & ~(1u << STORE_BESIDE_TEXT)) != 0;
    o->smtp.examine = examines || shows;
    o->smtp.offers = o->offers;
    o->lmtp = o->smtp;
    o->lmtp.lmtp = true;
    o->server.smtp = &o->smtp;
    o->server.lmtp = &o->lmtp;
    o->server.logins = (const char *const *)o->logins;
    return check_env(o, why);
}
