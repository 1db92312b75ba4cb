/*
 * inside.h - what the files of serve/ share.
 */
#ifndef SERVE_INSIDE_H
#define SERVE_INSIDE_H

#include "mail/mail.h"
#include "serve/server.h"

/* ---- session ---- */

/*
 * a session of a server: what server.c shares with session.c, and
 * nobody else needs.
 */

/* What rules have to do with the message of a session; kept by fault.c. */
struct fault {
    const struct rule *chunk, *body; /* whose replies wait for the end of a chunk, of the mail data */
    struct rule **answers;           /* LMTP: what is said to each recipient at the end, NULL for nothing, */
    uint64_t n_answers;              /* to so many */
    uint64_t last_accepted;          /* who has the last reply that accepts the message; 0: nobody, or no LMTP */
    uint64_t octets;                 /* of mail data so far */
    unsigned auth_step;              /* of the AUTH under way, from 1 */
    bool used;                       /* the rules for its end count as fired */
};

/* What a rule has a session say later. */
struct delay {
    char *reply; /* to be given then, */
    size_t n;    /* so many octets */
    enum rules_action then;
};

/* The reply to a message that is not stored; code 0: there is none. */
struct refusal {
    int code;
    const char *enhanced, *text;
};

/* What there is of a session beyond its connection: most of its memory, which one whose client has said nothing has
   none of. */
struct heard {
    struct envelope envelope;
    struct problems problems;     /* of the client, since the message before */
    struct save_message *message; /* NULL: none is under way */
    char *rest;                   /* input that is not consumed yet */
    size_t rest_n;
    struct text head;       /* how its message begins */
    struct refusal refusal; /* why the message was not stored; code 0: it was, or nobody wanted it */
    struct fault fault;
    struct delay delay;
    size_t mark;      /* where in the output the (last) reply to a stored message ends; 0: it is not there yet */
    int64_t taken_at; /* when its last message was acknowledged; 0: none yet */
    bool incomplete;  /* there was no memory for its message */
};

/* Replies that a client has not taken yet: those of n octets that begin at `at`. */
struct unsent {
    size_t n, at;
    char octets[];
};

struct server_session {
    struct server_source source; /* first, as it is what poll's tag points to */
    struct server_session *before, *after;
    struct server_sessions *list; /* it is in */
    uint64_t number;
    int64_t deadline; /* as clock_now() */
    int64_t due;      /* when it goes on that a rule makes wait, or is closed if it is stalled; 0: it does not wait */
    struct connection conn;
    struct peer peer;
    struct smtp smtp;
    struct heard *heard; /* NULL only until its client has said something, shakes hands, or is made wait by a rule */

    struct unsent *unsent; /* NULL: the client has taken all */
    bool pending, counts;  /* a message is stored whose (last) reply has not been sent; it is one of those awaited */
    union {
        struct {
            bool handshaking; /* TLS is being negotiated */
            bool stalled;     /* it is never answered again */
            bool dropping;    /* it is closed once the client has taken what was said before */
            bool unwatched;   /* not even polled, while it is delayed */
            bool hung_up, wants_write, ending, gone;
        };
        uint64_t apart; /* not 0: one of these sets it apart from most */
    };
    bool faulted;   /* a rule has broken it off */
    bool said_quit; /* whatever the reply was; or it was not greeted, and need not */
    bool spoken, quit, unread;
    bool in_polled, out_polled; /* where these are two: what is watched of them */
};

_Static_assert(offsetof(struct server_session, faulted) - offsetof(struct server_session, apart) == sizeof(uint64_t),
               "apart covers its flags, neither more nor less");

/* Begins a session with a client; takes over the connection, which is closed if this is false. */
bool session_start(struct server *v, struct connection *c, const struct peer *peer, enum scheme scheme);

/* Does what can be done, now that its descriptor is ready. */
void session_serve(struct server *v, struct server_session *s);

/* Ends it with a 421.  It may be gone afterwards. */
void session_dismiss(struct server *v, struct server_session *s, const char *enhanced, const char *text);

/* Ends it without a word.  It is freed later, as poll may still name it. */
void session_drop(struct server *v, struct server_session *s);
void session_free_gone(struct server *v);

/* Goes on with one that was held until now.  It may be gone afterwards. */
void session_wake(struct server *v, struct server_session *s);

/* Notes what its client got wrong. */
void session_note(struct server *v, struct server_session *s, const struct problems *p);

/* Whether no further session is to be served. */
bool session_was_last(const struct server *v);

/* ---- fault ---- */

/*
 * which rule of --on is for what happens in a session: what
 * session.c and deliver.c share with fault.c.
 */

/* The rule for an event, NULL if there is none.  This and the next need not be asked where there are no rules at all.
 */
const struct rule *fault_find(struct server *v, struct server_session *s, const struct smtp_event *e);

/* The same for n further octets of mail data.  A reply to them waits for their end, but for 421. */
const struct rule *fault_in_body(struct server *v, struct server_session *s, size_t n);

/*
 * LMTP: chooses the rules for the end of a message, one for each recipient, and
 * takes those who will be refused out of the envelope.  False if there is no
 * memory.
 */
bool fault_choose_answers(struct server *v, struct server_session *s);

/*
 * Decides whether somebody accepts the message, once its first reply is due; r
 * is the rule for that.  s->heard->fault.last_accepted is then the last one who does.
 */
bool fault_decide(struct server_session *s, const struct smtp_event *e, const struct rule *r);

/* A message begins: nothing of the one before counts any more. */
void fault_begin(struct server_session *s);

/* The message is given up before its end: the rules that were chosen for that have not fired. */
void fault_take_back(struct server_session *s);

/* The session is over. */
void fault_close(struct server_session *s);

/* ---- deliver ---- */

/*
 * the message of a session: what session.c shares with deliver.c.
 */

/* Whether one more message would be one too many. */
bool deliver_is_full(const struct server *v);

/* Takes a piece of mail data. */
void deliver_body(struct server *v, struct server_session *s, struct span octets);

/*
 * The mail data are complete, and a reply is due: stores the message, once,
 * unless it is refused, by the event's reply or by a rule.  r is the rule for
 * this reply, NULL if there is none; it is returned, or NULL if there is no reply.
 */
const struct rule *deliver_end(struct server *v, struct server_session *s, struct smtp_event *e, const struct rule *r);

/* Drops what there is of a message without a trace; its memory is kept as v->spare. */
void deliver_drop(struct server *v, struct server_session *s);

#endif
