/* SPDX-License-Identifier: ISC */
/*
 * fuzz_session.c - any command line, and any octets from a client: the words are
 * read or complained about; a session ends once its client has, all mail that it
 * took is in its place, and nothing else is; and the same octets in other pieces
 * get the same replies, and leave the same stream.
 *
 * The lines before the first empty one are the words of the command line; the
 * rest is what the client says, and seeds the pieces.  Nothing is read, nor
 * listened on, nor run.  As a libFuzzer target, or, compiled with REPLAY, as a
 * program that is given files.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "run/run.h"
#include "serve/inside.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum { WORDS_MAX = 40, DAY = 86400000, STEPS_MAX = 200 /* without anything to do */ };

static char top[64], words_of_input[8192], *words[WORDS_MAX + 2];

/* What came of a session. */
struct result {
    struct text replies, stream;
    struct tally tally;
};

static void must(bool condition, const char *what)
{
    if (condition)
        return;
    (void)fprintf(stderr, "%s\n", what);
    abort();
}

/* ---- files ---- */

static const char *in_top(const char *name)
{
    static char path[3][128];
    static unsigned next;
    next = (next + 1) % 3;
    (void)snprintf(path[next], sizeof path[next], "%s/%s", top, name);
    return path[next];
}

static void make_top(void)
{
    static const char *tmp;
    tmp = tmp != NULL ? tmp : getenv("TMPDIR") != NULL ? strdup(getenv("TMPDIR")) : "/tmp";
    (void)snprintf(top, sizeof top, "%.40s/session-XXXXXX", tmp);
    must(mkdtemp(top) != NULL && mkdir(in_top("tmp"), 0700) == 0 && setenv("TMPDIR", in_top("tmp"), 1) == 0, "mkdtemp");
    (void)signal(SIGPIPE, SIG_IGN);
}

static void remove_top(void)
{
    static const char *const names[] = {"mail/new", "mail/cur", "mail/tmp", "mail", "parts", "tmp", ""};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        must(rmdir(in_top(names[i])) == 0 || errno == ENOENT, "a directory is not empty");
}

/* Removes the files in a directory, and counts those that are messages.  None may be unfinished. */
static uint64_t take_files(const char *directory)
{
    uint64_t messages = 0;
    DIR *d = opendir(directory);
    for (struct dirent *e; d != NULL && (e = readdir(d)) != NULL;) {
        const char *dot = strrchr(e->d_name, '.');
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 || unlinkat(dirfd(d), e->d_name, 0) < 0)
            continue;
        must(strncmp(e->d_name, ".fakesmtp-", 10) != 0, "a file that is not finished is left");
        messages +=
            dot != NULL && (strcmp(dot, ".eml") == 0 || (dot - e->d_name > 8 && strchr(e->d_name, 'P') != NULL));
    }
    must(d == NULL || closedir(d) == 0, "closedir");
    return messages;
}

static void check_files(const struct store_options *o, uint64_t stored)
{
    (void)take_files(in_top("parts"));
    must(take_files(in_top("tmp")) == 0, "TMPDIR is not empty");
    if (o->directory == NULL)
        return;
    uint64_t found = take_files(in_top(o->maildir ? "mail/new" : "mail"));
    must(found == stored, "there are not as many files as mails");
    if (o->maildir) {
        must(take_files(in_top("mail/tmp")) == 0, "a mail that is not finished is left");
        (void)take_files(in_top("mail"));
    }
}

static void check_stream(const struct store_options *o, const struct text *t, uint64_t stored)
{
    uint64_t lines = 0, froms = 0;
    for (struct span rest = text_span(t); rest.n > 0; lines++) {
        const char *lf = memchr(rest.p, '\n', rest.n);
        size_t n = lf != NULL ? (size_t)(lf + 1 - rest.p) : rest.n;
        froms += n >= 5 && memcmp(rest.p, "From ", 5) == 0;
        if (o->format == STORE_JSON)
            must(n > 2 && *rest.p == '{' && memcmp(rest.p + n - 2, "}\n", 2) == 0, "not a line of JSON");
        span_skip(&rest, n);
    }
    must(o->format != STORE_JSON || lines == stored, "there are not as many lines as mails");
    must(o->format != STORE_MBOX || froms == stored, "there are not as many messages in the mbox as mails");
    must((o->format != STORE_JSON && o->format != STORE_TEXT) || utf8_is_valid(text_span(t)), "not UTF-8");
}

/* ---- a session ---- */

/* The client sends a piece, or ends.  False if it has done nothing. */
static bool send_piece(int fd, struct span *left, unsigned *seed, bool *ended)
{
    size_t n = *seed == 0 ? left->n : 1 + (*seed >> 16) % 37;
    *seed = *seed == 0 ? 0 : *seed * 1103515245 + 12345;
    n = n < left->n ? n : left->n;
    if (n == 0) {
        bool did = !*ended;
        *ended = true;
        (void)shutdown(fd, SHUT_WR);
        return did;
    }
    ssize_t put = send(fd, left->p, n, MSG_NOSIGNAL);
    if (put < 0 && errno != EAGAIN) /* the server has closed it */
        *left = span_of("");
    if (put > 0)
        span_skip(left, (size_t)put);
    return put > 0 || errno != EAGAIN;
}

static bool take_replies(int fd, struct text *replies)
{
    char octets[4096];
    bool did = false;
    for (ssize_t n; (n = recv(fd, octets, sizeof octets, 0)) > 0; did = true)
        text_add(replies, octets, (size_t)n);
    return did;
}

static void talk(struct server *v, int fd, struct span input, unsigned seed, struct text *replies)
{
    bool ended = false;
    for (int idle = 0; v->open > 0 && idle < STEPS_MAX;) {
        bool did = send_piece(fd, &input, &seed, &ended);
        must(server_step(v, idle > 0 ? clock_now() + 1 : 0) >= 0, "server_step");
        did = take_replies(fd, replies) || did;
        idle = did ? 0 : idle + 1;
    }
    (void)take_replies(fd, replies);
}

static void run_session(const struct options *given, struct span input, unsigned seed, struct result *result)
{
    static struct options o; /* large for a stack */
    static struct store store;
    static struct server server;
    static struct rules_past past;
    struct console console = {.quiet = true};
    struct dialogue dialogue = {.console = &console};
    struct failure why;
    struct connection c;
    struct peer peer = {"192.0.2.1", 7};
    int fds[2];
    o = *given;
    memset(&past, 0, sizeof past);
    o.server.past = o.server.past != NULL ? &past : NULL;
    o.server.rules = o.rules;
    o.server.store = &store;
    o.server.console = &console;
    o.server.dialogue = &dialogue;
    if (o.store.format != STORE_NONE)
        o.store.stream = open(in_top("stream"), O_RDWR | O_CREAT | O_TRUNC, 0600);
    must(store_open(&store, &o.store, &why) == 0 && server_open(&server, &o.server) == 0, "open");
    must(socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0, "socketpair");
    must(fcntl(fds[0], F_SETFL, O_NONBLOCK) == 0 && fcntl(fds[1], F_SETFL, O_NONBLOCK) == 0, "fcntl");
    c = (struct connection){.in = fds[0], .out = fds[0]};
    server.nonce = 42;
    if (session_start(&server, &c, &peer, o.endpoints[0].scheme, o.endpoints[0].proxied))
        talk(&server, fds[1], input, seed, &result->replies);
    must(close(fds[1]) == 0, "close");
    server_stop(&server, false);
    result->tally = server.tally;
    server_close(&server);
    must(server.open == 0 && server.talking == 0, "sessions are left");
    uint64_t stored = server.tally.taken + server.tally.unheard;
    char octets[4096];
    for (ssize_t n;
         o.store.stream >= 0 && (n = pread(o.store.stream, octets, sizeof octets, (off_t)result->stream.n)) > 0;)
        text_add(&result->stream, octets, (size_t)n);
    must(o.store.stream < 0 || close(o.store.stream) == 0, "close");
    store_close(&store);
    (void)unlink(in_top("stream"));
    check_files(&o.store, stored);
    check_stream(&o.store, &result->stream, stored);
}

/* ---- an input ---- */

/* Takes the words off the input.  Returns how many there are. */
static int take_words(struct span *input)
{
    static char program[] = "fakesmtp";
    int n = 0;
    words[n++] = program;
    size_t used = 0;
    while (input->n > 0 && n < WORDS_MAX) {
        const char *lf = memchr(input->p, '\n', input->n);
        size_t length = lf != NULL ? (size_t)(lf - input->p) : input->n;
        if (used + length + 1 > sizeof words_of_input)
            break;
        words[n] = memcpy(words_of_input + used, input->p, length);
        words[n++][length] = '\0';
        used += length + 1;
        span_skip(input, lf != NULL ? length + 1 : length);
        if (length == 0) {
            n--;
            break;
        }
    }
    words[n] = NULL;
    return n;
}

static void check_options(const struct options *o)
{
    must(o->command != NULL && o->n_endpoints <= OPTIONS_LISTENERS_MAX && o->n_env <= OPTIONS_ENV_MAX, "options");
    must(o->server.n_rules <= RULES_MAX && o->store.n_matches <= MATCH_MAX && o->expected.n >= 1, "options");
    must(o->server.idle > 0 && o->expected.time >= -1 && o->expected.linger >= 0, "times");
    for (size_t i = 0; i < o->n_env; i++)
        must(strchr(o->env[i], '=') != NULL, "a variable without a name");
}

/* Nothing waits for long, and nothing is outside of our directory.  Returns whether what comes of a session depends
   on how it is cut. */
static bool tame(struct options *o)
{
    static char mail[sizeof top + 8], parts[sizeof top + 8];
    (void)snprintf(mail, sizeof mail, "%s/mail", top);
    (void)snprintf(parts, sizeof parts, "%s/parts", top);
    bool rough = o->server.max_sessions > 0;
    for (size_t i = 0; i < o->server.n_rules; i++) {
        struct rule *r = &o->rules[i];
        rough = rough || rules_end_session(r) || r->event == SMTP_BODY || r->n_parts > 1 || r->within > 0;
        for (size_t k = 0; k < r->n_parts; k++) {
            rough = rough || r->parts[k].delay > 0 || r->parts[k].pace > 0;
            r->parts[k].delay = r->parts[k].delay > 0;
            r->parts[k].pace = r->parts[k].pace > 0;
        }
    }
    o->server.idle = DAY;
    o->store.directory = o->store.directory != NULL ? mail : NULL;
    o->store.attachments = o->store.attachments != NULL ? parts : NULL;
    return rough;
}

static bool is_same(const struct text *a, const struct text *b)
{
    return a->n == b->n && (a->n == 0 || memcmp(a->p, b->p, a->n) == 0);
}

static void compare(const struct options *o, const struct result *a, const struct result *b)
{
    if (!is_same(&a->replies, &b->replies))
        (void)fprintf(stderr, "whole:\n%.*s\nin pieces:\n%.*s\n", (int)a->replies.n, a->replies.p, (int)b->replies.n,
                      b->replies.p);
    must(is_same(&a->replies, &b->replies), "the replies differ");
    must(a->tally.taken == b->tally.taken && a->tally.refused == b->tally.refused, "the counts differ");
    bool timeless = (o->store.format == STORE_EML || o->store.format == STORE_TEXT) && !o->server.headers;
    must(!timeless || is_same(&a->stream, &b->stream), "the streams differ");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static struct options o;
    char why[OPTIONS_WHY_MAX] = "";
    struct span input = {(const char *)data, n};
    memset(&o, 0, sizeof o);
    int count = take_words(&input);
    optind = 0; /* begin anew */
    int status = options_parse(&o, count, words, why);
    must(status == 0 || *why != '\0', "a complaint that says nothing");
    if (status == 0)
        check_options(&o);
    bool serves = status == 0 && !o.help && !o.version && !o.reading && !o.has_tls;
    if (serves && settings_complete(&o, 0, why) == 0) {
        make_top();
        struct result whole = {.replies = {0}}, pieces = {.replies = {0}};
        bool rough = tame(&o);
        run_session(&o, input, 0, &whole);
        run_session(&o, input, 1 + (unsigned)(input.n > 0 ? (unsigned char)input.p[input.n / 2] : 0), &pieces);
        if (!rough)
            compare(&o, &whole, &pieces);
        remove_top();
        free(whole.replies.p);
        free(whole.stream.p);
        free(pieces.replies.p);
        free(pieces.stream.p);
    }
    options_close(&o);
    return 0;
}

#ifdef REPLAY
#include "tests/fuzz/replay.h"
#endif
