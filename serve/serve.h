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
 * Misbehaving on purpose: --on 'EVENT [PATTERN] [#N|%P]: ACTION'.
 *
 * A rule is parsed once, and matched against what happens in a session; what
 * comes of it is up to the caller.  No I/O, no clock, no memory of its own.
 */

enum {
    RULES_MAX = 64,
    RULES_STEP_MAX = 32, /* octets of "cram-md5/2", with a NUL */
};

enum rules_action {
    RULES_GO_ON, /* as if there were no rule, but for the delay */
    RULES_REPLY,
    /* those that break the session off: rules_break_off() */
    RULES_DROP,  /* close the connection */
    RULES_RESET, /* the same with a RST */
    RULES_STALL, /* never answer */
};

/* The caller allocates it, zeroed. */
struct rule {
    const char *text; /* as it was given; borrowed */
    enum smtp_event_type event;
    bool extended;       /* HELO: EHLO and LHLO only */
    struct span pattern; /* in text; p NULL: any argument */
    uint64_t first;      /* it applies so many times, 0: always */
    unsigned percent;    /* of the times that it would apply; 0: always */
    uint64_t after;      /* BODY: octets of mail data before it applies, at least 1 */
    int64_t delay;       /* milliseconds before the action; 0: none */
    enum rules_action action;
    int code;                   /* of the reply, 100 to 999 */
    char reply[SMTP_REPLY_MAX]; /* with its codes and line ends, */
    size_t reply_n;             /* so many octets */
    uint64_t random;            /* what the next percentage is drawn from */
    uint64_t applied, fired;    /* how often it would have applied; and did */
};

/*
 * Parses a rule; text is borrowed.  NULL if it is good; else what was expected,
 * as in "a colon, and what to do behind it", and *at says where.
 */
const char *rules_parse(struct rule *r, const char *text, const char **at);

/* Says what percentages are drawn from, for all of n rules; the same seed, the same draws. */
void rules_seed(struct rule *rules, size_t n, uint64_t seed);

/* Whether the rule, if there is one, breaks the session off. */
static inline bool rules_break_off(const struct rule *r) { return r != NULL && r->action >= RULES_DROP; }

/* Something that happens in a session. */
struct rules_occasion {
    enum smtp_event_type event;
    bool extended;           /* HELO: it was EHLO or LHLO */
    struct span argument;    /* the address, the name, ...; p NULL if there is none */
    const struct mail *mail; /* DATA, BDAT, BODY, EOM: each of its recipients is an argument; else NULL */
    const char *step;        /* AUTH: "plain/1", "login/2"; else NULL */
    uint64_t before, octets; /* BODY: of mail data, before this piece and with it */
};

/* The first rule that applies, counted as fired; NULL if none does. */
struct rule *rules_find(struct rule *rules, size_t n, const struct rules_occasion *o);

/* Whether text is what the pattern stands for: * for any octets, ? for any one, \ before one for itself; any case. */
bool rules_glob(struct span pattern, struct span text);

/* ---- server ---- */

/*
 * The sessions of a run: accepts connections, feeds each one's
 * octets to its protocol engine, stores its messages, counts them.
 *
 * It decides nothing about the run: whoever calls server_step() looks at the
 * counts after each step, and says when to stop.
 */

enum {
    SERVER_GRACE = 1000, /* milliseconds a client has for a last word */
    SERVER_IN_SIZE = 256 * 1024,
    SERVER_OUT_SIZE = 64 * 1024,
};

/* Borrowed, all of it, for as long as the server lives. */
struct server_options {
    const struct smtp_config *smtp, *lmtp;
    struct tls *tls;           /* for STARTTLS and smtps://, NULL if there is neither */
    const char *const *logins; /* USER:PASSWORD, */
    size_t n_logins;           /* 0: any login is taken */
    struct store *store;
    struct console *console;
    struct dialogue *dialogue; /* where the dialogue goes */
    struct rule *rules;        /* of --on, */
    size_t n_rules;            /* so many */
    int64_t idle;              /* milliseconds without a word before 421; RFC 5321 4.5.3.2.7 */
    uint64_t max_connections;  /* open at once; 0 for no limit */
    uint64_t max_sessions;     /* to be served in all, 0 for no limit: no more are accepted after these */
    uint64_t max_messages;     /* to be acknowledged in all, 0 for no limit: further ones are told 421 */
    bool headers;              /* put Return-Path, Delivered-To and Received in front of each message */
};

enum { SERVER_SOURCES_MAX = 32 * LISTENER_SOCKETS_MAX + 8 }; /* sockets listened on, and what is watched */

enum server_source_kind { SERVER_LISTENER, SERVER_WATCHED, SERVER_STREAM, SERVER_SESSION };

struct server_source {
    enum server_source_kind kind;
    int fd;
    enum scheme scheme; /* of a listener, or that a session came by */
};

struct session;

struct sessions {
    struct session *first, *last;
};

struct server {
    const struct server_options *o;
    struct poll poll;
    struct server_source sources[SERVER_SOURCES_MAX];
    size_t n_sources;
    struct sessions sessions;
    struct sessions gone;           /* closed since the last wait, which may have named them: freed before the next */
    struct session *parked;         /* the first one whose mail waits for the stream; in order */
    struct server_source stream;    /* while that is watched; fd -1: it is not, and tried again at retry_at */
    int64_t retry_at;               /* INT64_MAX: it is not waited for */
    bool stream_ready, stream_free; /* it may take octets; the mail that had it was dropped */
    struct session **wakes;         /* the sessions by the time at which they wake, see wake.c */
    size_t n_wakes, wakes_size;
    char *in, *out;    /* SERVER_IN_SIZE and SERVER_OUT_SIZE octets, lent to the engine of the session that is served */
    int64_t now;       /* since the last wait, as clock_now() */
    int64_t grace;     /* when stopping: when those who are left are told 421 */
    int64_t resume_at; /* when paused: not before this is accepting tried again */
    uint64_t numbers;  /* of mails, given so far */
    uint64_t nonce;    /* of the newest session */
    uint64_t room;     /* sessions that the descriptors suffice for */
    bool listening;    /* once false, the listening sockets are to be closed */
    bool paused, stopping, watched;
    /* Since the last step one of these has changed: watched, listening, open, spoken, counted, failed, reader_gone. Who
     * decides by anything else sees to it that this is set. */
    bool news;

    /* for whoever decides */
    uint64_t open;    /* sessions now, */
    uint64_t talking; /* and those among them that have not had their last reply */
    uint64_t started; /* sessions in all */
    struct tally tally;
};

/* -1 with errno on failure. */
int server_open(struct server *v, const struct server_options *o);
void server_close(struct server *v);

/* Serves what connects to these sockets, which stay the caller's.  -1 with errno on failure. */
int server_listen(struct server *v, const struct listener *l);

/* Serves standard input and output as one session.  -1 with errno on failure. */
int server_take_stdio(struct server *v, enum scheme scheme);

/* Ends server_step() early when this one descriptor is readable, and says so in v->watched. */
int server_watch(struct server *v, int fd);

/*
 * Waits for something to do, until the time `until` at the latest (as
 * clock_now(); one that is past: not at all), and does it, until there is
 * something for whoever decides; if there has been since the last step, it does
 * not wait.  Returns how many descriptors had something at last, 0 if none; -1
 * with errno if waiting itself fails.  The first step counts how many sessions
 * the descriptors suffice for.
 */
int server_step(struct server *v, int64_t until);

/* Lets in who has connected, and nobody after; the listening sockets are to be closed at once. */
void server_stop_accepting(struct server *v);

/*
 * Sends the clients home: whoever has just had a message taken may still QUIT,
 * and with finish whoever is sending one may end it, for SERVER_GRACE each;
 * the others are told 421 (RFC 5321 3.8).  Go on stepping until no session is
 * open.
 */
void server_stop(struct server *v, bool finish);

#endif
