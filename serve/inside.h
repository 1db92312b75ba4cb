/* SPDX-License-Identifier: ISC */
/*
 * inside.h - what the files of serve/ share.
 */
#ifndef SERVE_INSIDE_H
#define SERVE_INSIDE_H

#include "mail/mail.h"
#include "serve/serve.h"

/* ---- transaction ---- */

/* What a client has said of itself. */
struct client {
    const struct peer *peer; /* borrowed */
    uint64_t session;        /* the session's number */
    struct text helo;
    struct text user;           /* of the last AUTH */
    struct text *argv;          /* its arguments, each with a NUL; failed: there were more than is kept.  NULL: none */
    const struct tls_peer *tls; /* NULL without TLS; borrowed from the connection */
    bool authenticated;         /* AUTH succeeded */
    bool extended;              /* the client said EHLO or LHLO */
    bool named;                 /* XCLIENT gave the name, and that of EHLO does not count */
    bool lmtp;
};

/* What became of a mail at its end. */
enum outcome {
    OUTCOME_STORED,
    OUTCOME_REFUSED,  /* by the engine, or by a rule */
    OUTCOME_FULL,     /* no more mails are taken */
    OUTCOME_FAILED,   /* it could not be stored */
    OUTCOME_SEARCHES, /* not known yet: it is being read for the rules */
    OUTCOME_SEARCHED, /* that is done, and it is not stored yet */
    OUTCOME_WAITS,    /* not known yet: a large mail is being read to be stored, or the stream takes nothing now */
};

/* A mail transaction.  Zeroed at first; its memory serves one mail after another. */
struct transaction {
    struct mail mail;
    struct spool data; /* the mail data, if has_data */
    bool has_data;
    bool listed;                     /* the mail will have a line in the listing */
    struct store_search search;      /* at the end: for what the rules look for in it */
    uint64_t octets;                 /* of mail data so far */
    const struct rule *chunk, *body; /* whose replies wait for the end of a chunk, of the mail data */
    const struct rule **answers;     /* LMTP: the rule for each recipient's reply, NULL: none */
    size_t n_answers;
    uint64_t last_accepted; /* LMTP: the recipient, from 1, with the last reply that accepts; 0: none */
    enum outcome outcome;   /* at the end */
    struct failure failure; /* what failed, perhaps before the mail could be stored; error 0: nothing */
};

/* MAIL: begins one in *t, allocated if it is NULL; with listed it keeps the mail's head.  False if memory ran out. */
bool transaction_begin(struct transaction **t, const struct client *c, const struct smtp_event *e, bool listed);

/* Adds a piece of mail data.  Returns a rule that acts at once, NULL if none does. */
const struct rule *transaction_add_data(struct transaction *t, const struct server_options *o, struct span octets,
                                        int64_t now);

/* BDAT, the end of a chunk, or the end of the mail data, unless the engine refuses it: returns the rule for it, NULL if
   there is none.  A rule for BDAT waits for the end of the chunk, unless it breaks off. */
const struct rule *transaction_find_rule(struct transaction *t, const struct server_options *o,
                                         const struct smtp_event *e, int64_t now);

/* Searches the complete mail data for the rules, unless that is done.  Returns whether it is done now; otherwise the
   outcome is OUTCOME_SEARCHES. */
bool transaction_search(struct transaction *t, const struct server_options *o);

/*
 * Ends it when the first reply is due: stores the mail, unless the reply in the
 * event or r, the rule for that reply, refuses it, or it is full.
 */
void transaction_end(struct transaction *t, const struct server_options *o, const struct smtp_event *e,
                     const struct rule *r, bool full);

/* Goes on after OUTCOME_SEARCHES or OUTCOME_WAITS.  full: a mail that waits and has not been matched is not taken. */
void transaction_go_on(struct transaction *t, const struct server_options *o, bool full);

/* Whether the outcome is not known yet. */
static inline bool transaction_waits(const struct transaction *t)
{
    return t->outcome == OUTCOME_SEARCHES || t->outcome == OUTCOME_WAITS;
}

/* Waits no longer: the mail has failed. */
void transaction_give_up(struct transaction *t, const struct server_options *o);

/* Drops the mail data without a trace. */
void transaction_drop(struct transaction *t);

/* t may be NULL. */
void transaction_free(struct transaction *t);

/* ---- session ---- */

/* A reply of n octets that is held back: by a rule that delays it, or until the mail is stored. */
struct held {
    const struct rule *rule; /* PHASE_PARKED: NULL if there is none */
    size_t part;             /* PHASE_DELAYED: of the rule's action, */
    bool begun;              /* and some of its reply has been sent */
    struct smtp_event event; /* PHASE_PARKED: the end of the mail */
    struct session *after;   /* PHASE_PARKED: the session that waits for the store next */
    size_t n;
    char reply[];
};

/* The part of a session that is allocated once its client has spoken, so that silent connections stay small. */
struct heard {
    struct client client;
    struct problems problems;        /* of the client, since the mail before */
    struct transaction *transaction; /* NULL before the first MAIL */
    char *rest;                      /* input that is not consumed yet */
    size_t rest_n;
    struct held *held; /* PHASE_DELAYED, PHASE_PARKED */
    size_t mark; /* how many octets are to be sent up to the end of the (last) reply to a stored mail; 0: unknown yet */
    uint64_t fits;      /* the expectations that its mail is pending for */
    int64_t taken_at;   /* when the last mail was acknowledged; 0: none yet */
    unsigned auth_step; /* of the AUTH under way, from 1 */
};

/* n octets of replies; the client has not taken those from `at` on. */
struct unsent {
    size_t n, at;
    char octets[];
};

/* See the table in session.c. */
enum phase {
    PHASE_TALKING,
    PHASE_YIELDING,    /* its turn was long: others come first */
    PHASE_PROXIED,     /* the header of the PROXY protocol is awaited */
    PHASE_HANDSHAKING, /* TLS is being negotiated */
    PHASE_DELAYED,     /* by a rule */
    PHASE_PARKED,      /* its mail waits for the store */
    PHASE_STALLED,     /* by a rule: it is never answered again */
    PHASE_CLOSING,     /* nothing more is read; the last replies are being sent */
    PHASE_ENDING,      /* all is sent; it waits for the client to close */
    PHASE_GONE,        /* closed; poll may still name it until the next wait */
};

struct session {
    enum server_source_kind kind; /* first, as it is what poll's tag points to */
    enum scheme scheme;
    enum phase phase;
    uint32_t place; /* in the heap of wake.c */
    struct session *before, *after;
    uint64_t number;
    int64_t queued_at; /* the time that orders it there, not after wake_at */
    int64_t wake_at;   /* as clock_now(); the phase says what happens then */
    struct connection conn;
    struct peer peer;
    struct smtp smtp;
    struct heard *heard;              /* not NULL once the client has spoken, shakes hands, or is delayed */
    struct unsent *unsent;            /* NULL: the client has taken all replies */
    bool pending;                     /* a mail is stored whose (last) reply has not been sent */
    bool watches_read, watches_write; /* what the descriptors are watched for */
    bool unread;                      /* there is probably more to read */
    /* bits, as idle connections are many */
    bool hung_up : 1;    /* the client sends nothing more */
    bool broken_off : 1; /* by a rule */
    bool said_quit : 1;  /* whatever the reply was; or the client was not greeted */
    bool spoken : 1;     /* the client has said something */
    bool quit : 1;       /* QUIT was accepted */
};

/* Begins a session with a client, after a header of the PROXY protocol if it is proxied; takes over the connection,
   which is closed if this is false. */
bool session_start(struct server *v, struct connection *c, const struct peer *peer, enum scheme scheme, bool proxied);

/* Serves a session whose descriptor is ready. */
void session_serve(struct server *v, struct session *s);

/* Ends it with a 421.  It may be gone afterwards. */
void session_dismiss(struct server *v, struct session *s, const char *enhanced, const char *text);

/* Ends it without a word.  It is freed later, as poll may still name it. */
void session_drop(struct server *v, struct session *s);
void session_free_gone(struct server *v);

/* Does what is due now that wake_at has come.  It may be gone afterwards. */
void session_wake(struct server *v, struct session *s);

/* Goes on with a parked session whose mail waits no longer.  It may be gone afterwards. */
void session_unpark(struct server *v, struct session *s);

/* Whether no further session is to be served. */
bool session_was_last(const struct server *v);

/* For a client that has not spoken: dismisses it if no further session is to be served.  Returns whether it did. */
bool session_turn_away(struct server *v, struct session *s);

/* ---- wire ---- */

/* Sends octets after those kept, and keeps what the client does not take.  Returns how many went; -1 with errno. */
ssize_t wire_send(struct session *s, const char *p, size_t n);

/* Sends octets that were kept; there are some.  Returns as wire_send(). */
ssize_t wire_flush(struct session *s);

/* How many octets were kept. */
static inline size_t wire_unsent(const struct session *s)
{
    return s->unsent != NULL ? s->unsent->n - s->unsent->at : 0;
}

/* Keeps n octets of input that are left after a turn, and wipes them at p.  False if there is no memory. */
bool wire_keep_rest(struct session *s, char *p, size_t n);

/* Whether input was kept. */
static inline bool wire_has_rest(const struct session *s) { return s->heard != NULL && s->heard->rest_n > 0; }

/* Copies the input that was kept; returns how many octets it is. */
size_t wire_bring_rest(const struct session *s, char *in);

/* Watches the descriptors for this from now on.  False on failure. */
bool wire_watch(struct poll *p, struct session *s, bool read, bool write);

/* Stops watching, and closes the connection. */
void wire_close(struct poll *p, struct session *s);

/* ---- wake ---- */

/* Adds a session that wakes at this time.  False if there is no memory. */
bool wake_add(struct server *v, struct session *s, int64_t at);

/* Changes that time.  Only a sooner one is work in the heap. */
void wake_at_time(struct server *v, struct session *s, int64_t at);

/* Removes the session. */
void wake_never(struct server *v, struct session *s);

/* When to call wake_next_due(); INT64_MAX: never. */
static inline int64_t wake_next(const struct server *v) { return v->n_wakes > 0 ? v->wakes[0]->queued_at : INT64_MAX; }

/*
 * A session whose time has come; NULL if there is none.  A client is not idle
 * while octets that it has sent are unread: all_heard says that all that was
 * sent by the time `asked` has been read.
 */
struct session *wake_next_due(struct server *v, int64_t asked, bool all_heard);

/* ---- event ---- */

/* Allocates s->heard if it is NULL.  False if there is no memory. */
bool event_allocate_heard(struct session *s);

/* Notes problems of the client. */
void event_note(struct server *v, struct session *s, const struct problems *p);

/* Notes in the dialogue what a rule does beside its reply. */
void event_trace_rule(struct server *v, const struct session *s, int64_t delay, enum rules_action action);

/* Prepares the reply to an event, and does what follows from it.  held: it goes on with an event that was held back;
   else NULL.  Returns the rule for the event, NULL if there is none. */
const struct rule *event_handle(struct server *v, struct session *s, struct smtp_event *e, const struct held *held);

/* Whether, after event_handle(), the mail waits for the store, so that the event has no reply yet. */
static inline bool event_waits(const struct session *s, const struct smtp_event *e)
{
    return e->type == SMTP_EOM && transaction_waits(s->heard->transaction);
}

/* Counts mail data that are cut off, if any are under way, and says how far they came. */
void event_cut_off(struct server *v, const struct session *s);

/* Counts the mail of a session as pending for these expectations, and for no others. */
void event_await(struct server *v, struct session *s, uint64_t fits);

/* Counts the mail of a session as taken. */
void event_take(struct server *v, struct session *s);

/* Goes on storing the mail of a parked session.  Returns whether it waits no longer. */
bool event_go_on(struct server *v, struct session *s);

/* Forgets the arguments of the client. */
void event_drop_argv(struct client *c);

/* Drops the mail data, if there are any, without a trace. */
void event_drop_data(struct session *s);

#endif
