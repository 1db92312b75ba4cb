/*
 * options.h - the command line: one table, from which it is read and --help is
 * printed.
 */
#ifndef OPTIONS_H
#define OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mail/match.h"
#include "net/io.h"
#include "serve/rules.h"

enum {
    OPTIONS_ENDPOINTS_MAX = 16,
    OPTIONS_LOGINS_MAX = 64,
    OPTIONS_ENV_MAX = 64,
    OPTIONS_WHY_MAX = 1024, /* octets of a complaint, with the NUL */
};

enum options_format { OPTIONS_EML, OPTIONS_MBOX, OPTIONS_JSON, OPTIONS_TEXT, OPTIONS_NONE };

struct options {
    /* what is awaited */
    bool counted;         /* -n was given */
    uint64_t min, max;    /* messages; max UINT64_MAX: any number */
    uint64_t connections; /* 0: not awaited */
    int64_t time, linger; /* milliseconds; time -1: no limit */
    bool keep;
    struct match matches[MATCH_MAX];
    size_t n_matches;
    bool strict;
    /* where it listens */
    bool port_given;
    struct io_endpoint endpoints[OPTIONS_ENDPOINTS_MAX];
    size_t n_endpoints;
    const char *port_file;
    bool background;
    /* where mail goes */
    const char *directory, *maildir, *output;
    enum options_format format;
    bool stream;             /* -f or -o was given */
    const char *attachments; /* a directory */
    bool headers, crlf, fsync;
    /* the protocol */
    const char *hostname;
    uint64_t max_size, max_recipients, max_connections;
    uint64_t busy_poll; /* microseconds, 0: not at all */
    int64_t idle;
    struct rule rules[RULES_MAX];
    size_t n_rules;
    uint64_t seed;
    unsigned hidden;                        /* extensions, as smtp.h has them */
    const char *logins[OPTIONS_LOGINS_MAX]; /* USER:PASSWORD */
    size_t n_logins;
    bool require_auth, require_tls;
    bool tls; /* STARTTLS is offered */
    const char *cert, *key, *ca_file;
    /* what is shown */
    bool verbose, quiet, help, version;
    const char *transcript;
    /* the wrapped command */
    const char *env[OPTIONS_ENV_MAX];
    size_t n_env;
    char **command; /* NULL-terminated; command[0] is NULL if there is none */
};

/*
 * Reads the command line into o, which is large, and zeroed.  Returns 0; or -1, and why says what is wrong and
 * what would be right.  Strings are borrowed from argv.
 */
int options_parse(struct options *o, int argc, char **argv, char why[OPTIONS_WHY_MAX]);

/* Frees what it holds. */
void options_close(struct options *o);

/* Whether one of the endpoints is of this kind. */
bool options_have_stdio(const struct options *o);
bool options_have_smtps(const struct options *o);

/* Prints what --help prints, on standard output.  -1 with errno on failure. */
int options_help(void);

#endif
