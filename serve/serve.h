/* SPDX-License-Identifier: ISC */
/*
 * serve.h - mail that comes by SMTP: the rules of --on, and the server.
 */
#ifndef SERVE_SERVE_H
#define SERVE_SERVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mail/mail.h"
#include "net/net.h"
#include "report/report.h"
#include "smtp.h"
#include "store/store.h"

/* ---- rules ---- */

/*
 * Misbehaviour on purpose: --on 'EVENT [PATTERN] [#N|%P]: ACTION'.
 *
 * A rule is parsed once, and matched against what happens in a session; the
 * caller carries it out.  No I/O, no clock, no memory of its own: what has to be
 * remembered is in the rule, or in a struct rules_past of the caller's.
 */

enum {
    RULES_MAX = 64,
    RULES_STEP_MAX = 32,      /* octets of "CRAM-MD5/2", with a NUL; a name has up to 20 */
    RULES_PARTS_MAX = 8,      /* of an action, each with its delay */
    RULES_COUNTS_MAX = 65536, /* counts that are remembered; the oldest is forgotten first */
};

enum rules_action {
    RULES_GO_ON, /* as if there were no rule, except for the delay */
    RULES_REPLY,
    RULES_CLOSE, /* end the session after a 421 that is not the first reply */
    /* the following break the session off */
    RULES_DROP,  /* close the connection */
    RULES_RESET, /* close it with a RST */
    RULES_STALL, /* never answer */
};

/* What the number of times is counted for. */
enum rules_scope { RULES_RUN, RULES_CONNECTION, RULES_ARGUMENT };

/* A part of an action: after a delay some replies, and then perhaps the end. */
struct rules_part {
    int64_t delay; /* milliseconds; 0: none */
    int64_t pace;  /* milliseconds between two octets of the replies, or lines; 0: they are sent at once */
    bool by_line;
    size_t reply_end;      /* where its replies end in those of the rule; they begin at the end of the part before */
    enum rules_action end; /* RULES_CLOSE or later; RULES_GO_ON: none */
};

/* The caller allocates it, zeroed. */
struct rule {
    const char *text; /* as it was given; borrowed */
    /* what it applies to */
    enum smtp_event_type event; /* SMTP_NONE: any command */
    bool extended;              /* HELO: EHLO and LHLO only */
    bool overrules;             /* it is also for commands that would be refused */
    struct span pattern;        /* in text; p NULL: any argument */
    struct span content;        /* EOM: a --match, in text; p NULL: none */
    uint64_t larger;            /* MAIL, EOM: more octets than these; 0: any number */
    uint64_t after;             /* BODY: the octet of the mail data at which it applies, from 1 */
    /* how often it acts where it applies: always if first, more and percent are 0; at most one of them is not */
    uint64_t first;         /* the first times */
    enum rules_scope scope; /* what they are counted for */
    uint64_t more;          /* after this many times */
    int64_t within;         /* in this many milliseconds */
    unsigned percent;       /* this many of a hundred times */
    /* what it does */
    enum rules_action action;   /* RULES_GO_ON: the usual reply; what follows it is in the parts */
    int code;                   /* of the (first) reply, 100 to 999 */
    char reply[SMTP_REPLY_MAX]; /* all replies, with codes and line ends, */
    size_t reply_n;             /* in octets */
    struct rules_part parts[RULES_PARTS_MAX];
    size_t n_parts; /* at least 1 */
    /* what has happened */
    uint64_t random;         /* the next percentage is drawn from it */
    uint64_t applied, fired; /* how many times it has applied, and acted */
    int64_t since;           /* when the present time of `within` began, */
    uint64_t recent;         /* and how many times it has applied since */
};

/* How many times rules have applied for a connection or an argument.  The caller allocates it, zeroed, if
   rules_remember(). */
struct rules_past {
    struct {
        uint64_t key;   /* of the rule, and of what it is counted for */
        uint32_t n;     /* how many times */
        uint32_t after; /* the next one of its list, as in lists */
    } counts[RULES_COUNTS_MAX];
    uint32_t lists[RULES_COUNTS_MAX]; /* the first one for each remainder of a key, from 1; 0: none */
    uint32_t made;                    /* how many were begun, modulo RULES_COUNTS_MAX */
};

/*
 * Parses a rule; text is borrowed.  Returns NULL; or what was expected, as in
 * "a colon and an action", and *at says where.
 */
const char *rules_parse(struct rule *r, const char *text, const char **at);

/* The name of the event at this place of their list; NULL after the last one. */
const char *rules_event(size_t place);

/* Sets what percentages are drawn from, for all of n rules; the same seed, the same draws. */
void rules_seed(struct rule *rules, size_t n, uint64_t seed);

/* The mechanism of AUTH that a rule is for steps of, as in "auth ntlm/1"; p NULL: it names none. */
struct span rules_mechanism(const struct rule *r);

static inline bool rules_remember(const struct rule *r) { return r->scope != RULES_RUN; }

/* Whether the rule, if there is one, breaks the session off without a reply. */
static inline bool rules_break_off(const struct rule *r) { return r != NULL && r->action >= RULES_DROP; }

/* Whether the rule, if there is one, ends the session in any way. */
static inline bool rules_end_session(const struct rule *r)
{
    return r != NULL && (r->code == 421 || r->parts[r->n_parts - 1].end != RULES_GO_ON);
}

/* The replies of a part; of the first one, they are in place of the usual reply, or there are none. */
static inline struct span rules_reply(const struct rule *r, size_t part)
{
    const char *start = r->reply + (part > 0 ? r->parts[part - 1].reply_end : 0);
    return span_between(start, r->reply + r->parts[part].reply_end);
}

/* Something that happens in a session. */
struct rules_occasion {
    enum smtp_event_type event;
    bool extended;           /* HELO: it was EHLO or LHLO */
    bool refused;            /* the command would be refused */
    struct span argument;    /* the address, the name, ...; p NULL if there is none */
    struct span line;        /* the whole command */
    const struct mail *mail; /* DATA, BDAT, BODY, EOM: each of its recipients is an argument; else NULL */
    const char *step;        /* AUTH: "PLAIN/initial", "LOGIN/2"; else NULL */
    uint64_t before, octets; /* BODY: of mail data, before this piece and with it */
    uint64_t size;           /* MAIL: declared; EOM: of the mail data */
    uint64_t contents;       /* EOM: bits of the rules whose content it has, or that have none */
    uint64_t session;        /* the number of the connection */
    int64_t now;             /* as clock_now() */
    struct rules_past *past; /* not NULL if a rule remembers */
};

/* The first rule that applies, counted as fired; NULL if none does. */
struct rule *rules_find(struct rule *rules, size_t n, const struct rules_occasion *o);

static inline bool rules_is_command(enum smtp_event_type event)
{
    return event != SMTP_CONNECT && event != SMTP_BODY && event != SMTP_CHUNK && event != SMTP_EOM;
}

/*
 * What is odd about rule i of n, for whoever wrote it, as in "can never act
 * after" with another rule, or without; NULL: nothing.  in_clear: some sessions
 * begin without TLS.
 */
const char *doubt_find(const struct rule *rules, size_t i, size_t n, const struct smtp_config *c, bool in_clear,
                       const struct rule **other);

/* Whether text matches the pattern, in any case: * is any octets, ? any one, \ quotes the next. */
bool rules_glob(struct span pattern, struct span text);

/* ---- server ---- */

/*
 * The sessions of a run: accepts connections, feeds each one's octets to its
 * protocol engine, stores its mail, counts it.
 *
 * It decides nothing about the run: the caller looks at the counts after each
 * server_step(), and says when to stop.
 */

enum {
    SERVER_GRACE = 1000, /* milliseconds a client has for a last word */
    SERVER_IN_SIZE = 256 * 1024,
    SERVER_OUT_SIZE = 16 * 1024,
    SERVER_SOURCES_MAX = 32 * LISTENER_SOCKETS_MAX + 8, /* sockets listened on, and what is watched */
};

/* All of it is borrowed for as long as the server lives. */
struct server_options {
    const struct smtp_config *smtp, *lmtp;
    struct tls *tls;           /* for STARTTLS and smtps://, NULL if there is neither */
    const char *const *logins; /* USER:PASSWORD, */
    size_t n_logins;           /* 0: any login is taken */
    struct store *store;
    struct console *console;
    struct dialogue *dialogue; /* where the dialogue goes */
    struct rule *rules;        /* of --on */
    size_t n_rules;
    struct rules_past *past;      /* NULL if no rule remembers */
    const struct match *contents; /* of the rules, whose places are the expectations */
    size_t n_contents;
    int64_t idle;                       /* milliseconds without a word before 421; RFC 5321 4.5.3.2.7 */
    uint64_t max_connections;           /* open at once; 0 for no limit */
    uint64_t max_sessions;              /* to be served in all, 0 for no limit: no more are accepted after these */
    const struct expectations *awaited; /* once these are settled, further mails are told 421; NULL: no limit */
    bool headers;                       /* put Return-Path, Delivered-To and Received in front of each message */
};

enum server_source_kind { SERVER_LISTENER, SERVER_WATCHED, SERVER_STORING, SERVER_SESSION };

struct server_source {
    enum server_source_kind kind; /* first, as it is what poll's tag points to */
    int fd;
    struct listener *listener; /* SERVER_LISTENER: borrowed */
};

struct server {
    const struct server_options *o;
    struct poll poll;
    struct server_source sources[SERVER_SOURCES_MAX];
    size_t n_sources;
    struct {
        struct session *first, *last;
    } sessions;
    struct session *gone;         /* closed since the last wait, which may have named them: freed before the next */
    struct session *parked;       /* the first one whose mail waits for the store; in order */
    struct server_source storing; /* what it waits for; fd -1: nothing is watched */
    int64_t retry_at;             /* when the store is tried again; INT64_MAX: when that is ready, or never */
    struct session **wakes;       /* the sessions by the time at which they wake, see wake.c */
    size_t n_wakes, wakes_size;
    char *in, *out;    /* SERVER_IN_SIZE and SERVER_OUT_SIZE octets, lent to the engine of the session that is served */
    int64_t now;       /* since the last wait, as clock_now() */
    int64_t turn_end;  /* when the session that is served lets others go first */
    int64_t shake_end; /* when handshakes that are due are left to the next wait */
    int64_t grace;     /* when stopping: when the clients that are left are told 421 */
    int64_t resume_at; /* accepting pauses until then; INT64_MAX: it does not pause */
    uint64_t numbers;  /* of mails, given so far */
    uint64_t nonce;    /* of the newest session */
    uint64_t room;     /* sessions that the descriptors suffice for */
    bool full;         /* no further mail is taken, as o->awaited are settled by those that are under way */
    bool listening;    /* once false, the listening sockets are to be closed */
    bool stopping;
    bool watched; /* the descriptor of server_watch() is readable */
    bool news; /* since the last step watched, listening, open, tally.spoken, counted, failed or reader_gone changed */

    /* for the caller */
    uint64_t open;    /* sessions now, */
    uint64_t talking; /* and those among them that have not had their last reply */
    uint64_t started; /* sessions in all */
    struct tally tally;
};

/* -1 with errno on failure. */
int server_open(struct server *v, const struct server_options *o);
void server_close(struct server *v);

/* Serves the clients of these sockets, which stay the caller's.  -1 with errno on failure. */
int server_listen(struct server *v, struct listener *l);

/* Serves standard input and output as one session.  -1 with errno on failure. */
int server_take_stdio(struct server *v, enum scheme scheme, bool proxied);

/* Ends server_step() early when this one descriptor is readable, and sets v->watched. */
int server_watch(struct server *v, int fd);

/*
 * Serves ready descriptors until v->news is set or `until` (a time of
 * clock_now()) is reached; waits not at all if `until` is past or there has been
 * news since the last step.  Returns how many descriptors were ready in the last
 * wait; -1 with errno if waiting itself fails.  The first step counts how many
 * sessions the descriptors suffice for.
 */
int server_step(struct server *v, int64_t until);

/* Accepts the clients that have connected, and none after; the caller closes the listening sockets at once. */
void server_stop_accepting(struct server *v);

/*
 * Sends the clients home: a client that has just had a message taken may still
 * QUIT, and with finish a client that is sending one may end it, for
 * SERVER_GRACE each; the others are told 421 (RFC 5321 3.8).  Go on stepping
 * until no session is open.
 */
void server_stop(struct server *v, bool finish);

#endif
