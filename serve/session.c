/* SPDX-License-Identifier: ISC */
/*
 * session.c - a session with a client: its octets go to the protocol engine,
 * the events are handled, the replies go back.
 *
 * One large input buffer and one output buffer are lent to the engine of the
 * session that is served.  What remains in them at the end of a turn (an
 * unfinished command, replies that the client does not take) is copied into
 * memory of the session's own, so a session that idles has neither.
 *
 * A session is in one phase at a time:
 *
 *     phase         watched for    wakes when                 left by
 *     TALKING       reading        its client has been idle   settle(), interrupt(), park(), begin_handshake()
 *     YIELDING      writing        its client has been idle   serve_unusual()
 *     PROXIED       reading        the header is too slow     read_header()
 *     HANDSHAKING   what TLS wants its client has been idle   shake_hands()
 *     DELAYED       nothing        the delay of a rule ends   end_delay()
 *     PARKED        nothing        the run has ended          session_unpark()
 *     STALLED       reading        its client has been idle   session_wake()
 *     CLOSING       nothing        its client has been idle   settle(), session_wake()
 *     ENDING        reading        its client had a second    serve_unusual(), session_wake()
 *     GONE          nothing        never                      session_free_gone()
 *
 * session_dismiss() ends the phases up to DELAYED with a 421, and session_drop()
 * any phase without a word.
 *
 * In each phase a client that has not taken all replies is also watched for
 * writing, and not for reading.  enter() alone changes the phase, and
 * assert_session() holds a session to it at both ends of a turn.
 *
 * A client that has sent much, or many mails, has its turn until v->turn_end.
 * Then the session yields.  It is watched for writing, which is possible at once,
 * so that it goes on after all others that are ready.
 *
 * mark says where the 250 of a stored mail ends in the output.  There is one
 * mark in a session: before another mail can end, the output is flushed.
 *
 * The end of a connection is the hard part.  If octets of the client are
 * unread when a socket is closed, or come afterwards, the system resets the
 * connection, and the client may lose our last reply.  After QUIT nothing may
 * follow, so a socket is closed at once; else, and under TLS, which says its own
 * goodbye, it is shut down, and read until the client closes, for a second at
 * most.  When the run ends, that second begins with the client's last word; after
 * it, the socket is closed once the client's system has our last octet.
 */
#include "serve/inside.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
    READS_MAX = 4,    /* times that one session is read in its turn */
    LOOK = 10,        /* milliseconds between two checks whether a client has all replies */
    NONCES = 1 << 20, /* challenges that a session can have before they meet those of the next */
};

/* ---- phases ---- */

/* The one place that changes a phase.  wake_at is a time of clock_now(). */
static void enter(struct server *v, struct session *s, enum phase phase, int64_t wake_at)
{
    assert(s->phase != PHASE_GONE);
    v->talking -= s->phase < PHASE_ENDING && phase >= PHASE_ENDING;
    s->phase = phase;
    if (phase == PHASE_GONE) {
        wake_never(v, s);
        *(s->before != NULL ? &s->before->after : &v->sessions.first) = s->after;
        *(s->after != NULL ? &s->after->before : &v->sessions.last) = s->before;
        s->after = v->gone;
        v->gone = s;
    } else {
        wake_at_time(v, s, wake_at);
    }
}

static void assert_session(const struct session *s)
{
    assert(s->heard != NULL || !s->pending);
    if (s->phase == PHASE_TALKING)
        return;
    assert(s->heard != NULL || s->phase > PHASE_PARKED);
    assert((s->phase != PHASE_DELAYED && s->phase != PHASE_PARKED) || s->heard->held != NULL);
    assert(s->phase != PHASE_STALLED || s->broken_off);
    assert(s->phase != PHASE_CLOSING || s->broken_off || smtp_closed(&s->smtp));
    assert(s->phase != PHASE_ENDING || s->unsent == NULL);
}

/* The time after this many milliseconds; when stopping, the end of the grace if that is sooner. */
static int64_t time_after(const struct server *v, int64_t milliseconds)
{
    int64_t end = v->now + milliseconds;
    return v->stopping && v->grace < end ? v->grace : end;
}

/* When the client will have been idle for too long. */
static int64_t idle_end(const struct server *v) { return time_after(v, v->o->idle); }

static void restart_idle_timer(struct server *v, struct session *s)
{
    if (s->phase == PHASE_TALKING || s->phase == PHASE_HANDSHAKING || s->phase == PHASE_CLOSING)
        wake_at_time(v, s, idle_end(v));
}

/* The client has said something. */
static void hear(struct server *v, struct session *s)
{
    restart_idle_timer(v, s);
    if (!s->spoken) {
        s->spoken = true;
        v->tally.spoken++;
        v->news = true;
    }
}

bool session_was_last(const struct server *v)
{
    return v->o->max_sessions > 0 && v->tally.spoken >= v->o->max_sessions;
}

/* ---- the end of a session ---- */

/* Takes a session out of the list of those that are parked. */
static void leave_parked(struct server *v, struct session *s)
{
    struct session **at = &v->parked;
    while (*at != s)
        at = &(*at)->heard->held->after;
    *at = s->heard->held->after;
    event_await(v, s, 0);
    v->retry_at = v->now; /* this session may have been the one that waited for the store */
}

void session_drop(struct server *v, struct session *s)
{
    if (s->phase == PHASE_GONE)
        return;
    if (s->pending) {
        event_await(v, s, 0);
        v->tally.unheard++;
    }
    if (s->spoken && (s->pending || s->heard == NULL || s->heard->taken_at == 0))
        v->o->dialogue->amiss = true;
    if (s->phase == PHASE_PARKED)
        leave_parked(v, s);
    event_drop_data(s); /* first: a thread may read the kept lines, which event_cut_off() may move */
    event_cut_off(v, s);
    if (v->o->dialogue->kept)
        dialogue_forget(v->o->dialogue, s->number);
    enter(v, s, PHASE_GONE, 0);
    wire_close(&v->poll, s);
    v->open--;
    v->news = true;
}

/* Drops a session for want of memory.  Of a mail that waits, half may be in a pipe, so it counts as one that failed. */
static void drop_starved(struct server *v, struct session *s)
{
    const struct transaction *t = s->heard != NULL ? s->heard->transaction : NULL;
    if (s->phase != PHASE_GONE && t != NULL && transaction_waits(t))
        counts_fail(&v->tally, &(struct failure){ENOMEM, "memory"});
    session_drop(v, s);
}

void session_free_gone(struct server *v)
{
    for (struct session *s; (s = v->gone) != NULL;) {
        struct heard *h = s->heard;
        v->gone = s->after;
        if (h != NULL) {
            span_wipe(h->rest, h->rest_n);
            free(h->rest);
            free(h->held);
            transaction_free(h->transaction);
            free(h->client.helo.p);
            free(h->client.user.p);
            event_drop_argv(&h->client);
            free(h);
        }
        free(s->unsent);
        free(s);
    }
}

/* The connection is lost: the client has gone, perhaps without a QUIT. */
static void lose(struct server *v, struct session *s)
{
    bool talks = s->spoken && !s->broken_off && s->phase != PHASE_HANDSHAKING;
    struct problems p = {{0, 0}};
    if (talks && !s->said_quit && !smtp_closed(&s->smtp))
        problems_add(&p, smtp_in_message(&s->smtp) ? PROBLEM_CUT_OFF : PROBLEM_NO_QUIT);
    if (s->conn.transport != NULL) /* it has said goodbye */
        connection_end(&s->conn);
    session_drop(v, s);
    if (problems_any(&p))
        event_note(v, s, &p);
}

/* Ends the connection after the last reply has been sent. */
static void end(struct server *v, struct session *s)
{
    bool under_tls = s->conn.transport != NULL;
    if ((s->quit && !s->unread && !under_tls && !s->conn.borrowed) || s->hung_up) {
        if (under_tls)
            connection_end(&s->conn);
        session_drop(v, s);
        return;
    }
    enter(v, s, PHASE_ENDING, time_after(v, SERVER_GRACE));
    if (s->conn.borrowed) /* standard output is closed now */
        (void)wire_watch(&v->poll, s, s->watches_read, false);
    connection_end(&s->conn);
}

/* ---- replies ---- */

/* Takes the result of wire_send() or wire_flush(), and counts a mail whose 250 is in the octets that were sent. */
static void note_sent(struct server *v, struct session *s, ssize_t sent)
{
    size_t mark = s->pending ? s->heard->mark : 0;
    if (sent < 0 && errno == ENOMEM) {
        drop_starved(v, s);
    } else if (sent < 0) {
        lose(v, s);
    } else if (mark > (size_t)sent) {
        s->heard->mark -= (size_t)sent;
    } else if (mark > 0) {
        s->heard->mark = 0;
        s->pending = false;
        s->heard->taken_at = v->now;
        event_take(v, s);
        v->news = true;
    }
}

static void send_replies(struct server *v, struct session *s, const char *p, size_t n)
{
    ssize_t sent = n > 0 ? wire_send(s, p, n) : 0;
    if (sent < 0 || s->pending)
        note_sent(v, s, sent);
}

/* Watches for what the session waits for: room for replies, or more input, or nothing. */
static void watch(struct server *v, struct session *s)
{
    bool waits = s->phase == PHASE_DELAYED || s->phase == PHASE_PARKED;
    bool write = s->unsent != NULL || s->phase == PHASE_YIELDING || (!waits && s->conn.wants_write);
    if (!wire_watch(&v->poll, s, !write && !waits, write))
        drop_starved(v, s);
}

static void begin_handshake(struct server *v, struct session *s);

/* Goes on to what is due after a turn, or after replies have gone. */
static void settle(struct server *v, struct session *s)
{
    if (s->phase == PHASE_TALKING && smtp_closed(&s->smtp))
        enter(v, s, PHASE_CLOSING, s->wake_at);
    bool all_sent = s->unsent == NULL;
    if (all_sent && s->phase == PHASE_TALKING && smtp_wants_tls(&s->smtp)) {
        begin_handshake(v, s);
        return;
    }
    if (all_sent && s->phase == PHASE_CLOSING)
        end(v, s);
    else if (all_sent && s->phase == PHASE_TALKING && s->hung_up)
        lose(v, s);
    if (s->phase != PHASE_GONE)
        watch(v, s);
}

/* ---- interruptions ---- */

/* Holds a reply back.  False if there is no memory. */
static bool hold(struct session *s, struct span reply, const struct rule *r)
{
    struct held *h = event_allocate_heard(s) ? malloc(sizeof *h + reply.n) : NULL;
    if (h == NULL)
        return false;
    *h = (struct held){.rule = r, .n = reply.n};
    if (reply.n > 0)
        memcpy(h->reply, reply.p, reply.n);
    s->heard->held = h;
    return true;
}

/* Holds the reply of a part back for this time; begun: some of it has been sent. */
static void delay(struct server *v, struct session *s, struct span reply, const struct rule *r, size_t part, bool begun)
{
    if (!hold(s, reply, r)) {
        session_drop(v, s);
        return;
    }
    s->heard->held->part = part;
    s->heard->held->begun = begun;
    /* v->now is cut to milliseconds: it may be almost one later by now */
    enter(v, s, PHASE_DELAYED, time_after(v, (begun ? r->parts[part].pace : r->parts[part].delay) + 1));
}

/* Whether a rule does more than reply at once. */
static bool interrupts(const struct rule *r)
{
    return r != NULL &&
           (r->parts[0].delay > 0 || r->parts[0].pace > 0 || r->parts[0].end != RULES_GO_ON || r->n_parts > 1);
}

/* Ends the session after the replies of a part, if the rule says so. */
static void end_part(struct server *v, struct session *s, const struct rule *r, size_t i)
{
    enum rules_action end = r->parts[i].end;
    if (end == RULES_GO_ON)
        return;
    if (!rules_break_off(r)) /* else it is in the dialogue already */
        event_trace_rule(v, s, 0, end);
    s->broken_off = end != RULES_CLOSE;
    if (end == RULES_CLOSE) { /* the part has sent its 421 */
        event_cut_off(v, s);
        smtp_close_raw(&s->smtp, span_of(""));
        event_drop_data(s);
        v->o->dialogue->amiss = true;
    } else if (end == RULES_RESET) {
        connection_reset(&s->conn);
        session_drop(v, s);
    } else {
        enter(v, s, end == RULES_STALL ? PHASE_STALLED : PHASE_CLOSING, idle_end(v));
    }
}

/* How much of a reply is sent at once. */
static size_t piece(const struct rules_part *part, struct span reply)
{
    const char *lf = part->by_line && reply.n > 0 ? memchr(reply.p, '\n', reply.n) : NULL;
    if (part->pace == 0 || reply.n == 0 || (part->by_line && lf == NULL))
        return reply.n;
    return lf != NULL ? (size_t)(lf + 1 - reply.p) : 1;
}

/* Carries out a part of a rule, or what is left of it, once its delay is over, and begins that of the next part. */
static void carry_out(struct server *v, struct session *s, const struct rule *r, size_t i, struct span reply)
{
    const struct rules_part *part = &r->parts[i];
    size_t n = piece(part, reply);
    send_replies(v, s, reply.p, n);
    if (s->phase == PHASE_GONE)
        return;
    if (n < reply.n) {
        delay(v, s, span_between(reply.p + n, reply.p + reply.n), r, i, true);
        return;
    }
    end_part(v, s, r, i);
    if (++i == r->n_parts)
        return;
    event_trace_rule(v, s, r->parts[i].delay, RULES_GO_ON);
    reply = rules_reply(r, i);
    if (reply.n > 0)
        dialogue_reply(v->o->dialogue, s->number, reply, NULL);
    delay(v, s, reply, r, i, false);
}

/* Does what the rule says beside its reply at once.  The first `said` octets, replies to earlier commands, are sent. */
static void interrupt(struct server *v, struct session *s, size_t said, const struct rule *r)
{
    if (!rules_break_off(r))
        smtp_commit(&s->smtp);
    struct span reply = {v->out + said, smtp_written(&s->smtp) - said};
    send_replies(v, s, v->out, said);
    if (s->phase == PHASE_GONE)
        return;
    if (r->parts[0].delay > 0)
        delay(v, s, reply, r, 0, false);
    else
        carry_out(v, s, r, 0, reply);
}

/* Makes the end of a mail, e, wait for the store, with its rule and its reply; before all others if it has waited. */
static void park(struct server *v, struct session *s, size_t said, const struct smtp_event *e, const struct rule *r,
                 bool first)
{
    if (!hold(s, smtp_prepared(&s->smtp), r)) {
        event_await(v, s, 0);
        send_replies(v, s, v->out, said);
        drop_starved(v, s);
        return;
    }
    s->heard->held->event = *e;
    struct session **at = &v->parked;
    while (*at != NULL && !first)
        at = &(*at)->heard->held->after;
    s->heard->held->after = *at;
    *at = s;
    enter(v, s, PHASE_PARKED, v->stopping ? v->grace : INT64_MAX);
    send_replies(v, s, v->out, said);
}

/* ---- turns ---- */

static bool turn_is_over(struct server *v)
{
    v->now = clock_now();
    return v->now >= v->turn_end;
}

/* Pulls events from the input, and answers, until a rule or the store interrupts.  True if there were mail data. */
static bool converse(struct server *v, struct session *s)
{
    bool mail = false, more;
    do {
        struct smtp_event e;
        more = false;
        smtp_output(&s->smtp, v->out, SERVER_OUT_SIZE);
        while (smtp_next(&s->smtp, &e)) {
            size_t said = smtp_written(&s->smtp);
            const struct rule *r = event_handle(v, s, &e, NULL);
            mail |= e.type == SMTP_BODY;
            if (r != NULL && e.type == SMTP_CONNECT && (rules_end_session(r) || !smtp_is_positive(e.type, e.code)))
                hear(v, s); /* a client that a rule turns away has been served */
            if (event_waits(s, &e)) {
                park(v, s, said, &e, r, false);
                return mail;
            }
            if (interrupts(r)) {
                interrupt(v, s, said, r);
                if (s->phase != PHASE_TALKING)
                    return mail;
                smtp_output(&s->smtp, v->out, SERVER_OUT_SIZE); /* the reply was a single piece, and has been sent */
                more = true;
                break;
            }
            /* one mark at a time; and a proof may have taken milliseconds */
            if ((s->pending && (e.type == SMTP_DATA || e.type == SMTP_BDAT)) || e.type == SMTP_AUTH) {
                smtp_commit(&s->smtp);
                more = true;
                break;
            }
        }
        more = more || smtp_is_full(&s->smtp);
        send_replies(v, s, v->out, smtp_written(&s->smtp));
        more = more && s->phase == PHASE_TALKING && s->unsent == NULL && smtp_goes_on(&s->smtp);
        if (more && !s->conn.borrowed && turn_is_over(v)) { /* not every standard output can be watched */
            enter(v, s, PHASE_YIELDING, s->wake_at);
            return mail;
        }
    } while (more);
    return mail;
}

/* Whether nothing is owed to the client, and it is watched for reading.  The engine has smtp_goes_on(). */
static bool just_listens(const struct session *s)
{
    return s->phase == PHASE_TALKING && s->unsent == NULL && !s->hung_up && !s->watches_write && s->watches_read;
}

/* A turn with n octets of input, which lie in v->in.  They are wiped, as there may be a password in what the engine has
   not committed; but not where there is mail, which is long: then the engine has wiped what is secret. */
static void turn(struct server *v, struct session *s, size_t n)
{
    smtp_input(&s->smtp, v->in, n);
    bool mail = converse(v, s);
    size_t left = smtp_left(&s->smtp);
    bool rest = left > 0 || wire_has_rest(s);
    if (rest && s->phase != PHASE_GONE && !wire_keep_rest(s, v->in + n - left, left))
        drop_starved(v, s);
    bool usual = just_listens(s) && smtp_goes_on(&s->smtp) && connection_is_plain(&s->conn);
    if (s->phase != PHASE_GONE && !usual) /* else nothing is due, and nothing else to be watched for */
        settle(v, s);
    span_wipe(v->in, mail ? 0 : n);
    assert_session(s);
}

/* Goes on after an interruption, with the input that was left. */
static void go_on(struct server *v, struct session *s)
{
    if (s->phase == PHASE_TALKING && s->unsent == NULL)
        turn(v, s, wire_bring_rest(s, v->in));
    else if (s->phase != PHASE_GONE)
        settle(v, s);
}

static void end_delay(struct server *v, struct session *s)
{
    struct held *h = s->heard->held;
    enter(v, s, PHASE_TALKING, idle_end(v));
    if (!s->spoken && session_turn_away(v, s))
        return;
    s->heard->held = NULL;
    carry_out(v, s, h->rule, h->part, (struct span){h->reply, h->n});
    free(h);
    go_on(v, s);
}

void session_unpark(struct server *v, struct session *s)
{
    struct held *h = s->heard->held;
    struct smtp_event e = h->event;
    leave_parked(v, s);
    s->heard->held = NULL;
    enter(v, s, PHASE_TALKING, idle_end(v));
    smtp_output(&s->smtp, v->out, SERVER_OUT_SIZE);
    if (e.code != 0)
        smtp_reply_raw(&s->smtp, &e, e.code, (struct span){h->reply, h->n});
    const struct rule *r = event_handle(v, s, &e, h);
    free(h);
    if (event_waits(s, &e)) {
        park(v, s, 0, &e, r, true);
    } else if (interrupts(r)) {
        interrupt(v, s, 0, r);
    } else {
        smtp_commit(&s->smtp);
        send_replies(v, s, v->out, smtp_written(&s->smtp));
    }
    go_on(v, s);
}

/* Drops a connection whose header of the PROXY protocol is no good. */
static void drop_unproxied(struct server *v, struct session *s, const char *why)
{
    dialogue_proxy(v->o->dialogue, s->number, NULL, why);
    v->tally.unproxied++;
    session_drop(v, s);
}

void session_wake(struct server *v, struct session *s)
{
    switch (s->phase) {
    case PHASE_TALKING:
    case PHASE_YIELDING:
    case PHASE_HANDSHAKING:
    case PHASE_DELAYED:
        if (v->stopping && (s->phase != PHASE_DELAYED || v->now >= v->grace)) {
            session_dismiss(v, s, "4.3.2", "Closing down");
            if (s->phase == PHASE_ENDING) /* it had its second */
                wake_at_time(v, s, v->now + LOOK);
        } else if (s->phase == PHASE_DELAYED) {
            end_delay(v, s);
        } else if (s->unsent != NULL) {
            session_drop(v, s);
        } else {
            session_dismiss(v, s, "4.4.2", "You have been silent for too long");
        }
        break;
    case PHASE_PROXIED:
        if (v->stopping)
            session_drop(v, s);
        else
            drop_unproxied(v, s, "none came in time");
        break;
    case PHASE_PARKED:
        transaction_give_up(s->heard->transaction, v->o);
        session_unpark(v, s);
        break;
    case PHASE_ENDING:
        if (v->stopping && v->now < v->grace && !connection_is_delivered(&s->conn))
            wake_at_time(v, s, v->now + LOOK);
        else
            session_drop(v, s);
        break;
    case PHASE_STALLED:
    case PHASE_CLOSING:
        session_drop(v, s);
        break;
    case PHASE_GONE:
        break;
    }
}

/* ---- TLS ---- */

/* Goes on with the handshake, and with the session once that is done.  A client that begins a handshake has spoken. */
static void shake_hands(struct server *v, struct session *s)
{
    char why[160];
    if (v->now >= v->shake_end) { /* a signature by a large key takes milliseconds */
        watch(v, s);
        return;
    }
    int octets = s->spoken ? 1 : connection_peek(&s->conn);
    if (octets == 0) { /* the client is the one that begins */
        watch(v, s);
        return;
    }
    if (octets > 0) {
        if (!s->spoken && session_turn_away(v, s))
            return;
        hear(v, s);
    }
    int done = s->conn.transport->handshake(&s->conn, why, sizeof why);
    v->now = clock_now();
    if (done < 0) {
        dialogue_tls(v->o->dialogue, s->number, false, why);
        v->tally.tls_failed += s->spoken;
        v->o->dialogue->amiss = v->o->dialogue->amiss || s->spoken;
        end(v, s); /* in TLS 1.3 the client may have gone on: a reset would keep the alert from it */
    } else if (done == 0) {
        watch(v, s);
    } else {
        enter(v, s, PHASE_TALKING, idle_end(v));
        s->heard->client.tls = s->conn.transport->peer(&s->conn);
        dialogue_tls(v->o->dialogue, s->number, true, s->heard->client.tls->version);
        smtp_secure(&s->smtp);
        turn(v, s, 0);
    }
}

/* The engine has dropped all input that came before the handshake; RFC 3207 4.2.  Without TLS a rule has given the 220.
 */
static void begin_handshake(struct server *v, struct session *s)
{
    if (v->o->tls == NULL || !event_allocate_heard(s) || connection_unblock(&s->conn) < 0 ||
        tls_start(v->o->tls, &s->conn) < 0) {
        session_drop(v, s);
        return;
    }
    enter(v, s, PHASE_HANDSHAKING, s->wake_at);
    shake_hands(v, s);
}

/* ---- input ---- */

/* Reads on after the n octets that were left.  False if there is no turn to take. */
static bool read_more(struct server *v, struct session *s, size_t *n)
{
    size_t asked = SERVER_IN_SIZE - *n;
    ssize_t got = connection_read(&s->conn, v->in + *n, asked);
    if (got < 0) {
        if (errno == EAGAIN || errno == EWOULDBLOCK) {
            watch(v, s);
            return false;
        }
        if (errno == EPROTO) {
            dialogue_tls(v->o->dialogue, s->number, false, "the client sent what TLS does not allow");
            v->o->dialogue->amiss = true;
        }
        lose(v, s);
        return false;
    }
    if (s->heard == NULL && !event_allocate_heard(s)) {
        session_drop(v, s);
        return false;
    }
    if (got == 0)
        s->hung_up = true;
    else
        hear(v, s);
    s->unread = (size_t)got == asked;
    *n += (size_t)got;
    return true;
}

/* ---- the beginning ---- */

/* Begins with the greeting, or with TLS. */
static void begin(struct server *v, struct session *s)
{
    if (s->scheme == SCHEME_SMTPS) {
        begin_handshake(v, s);
        return;
    }
    if (v->o->smtp->examine && !s->conn.borrowed && connection_peek(&s->conn) > 0) {
        struct problems p = {{0, 0}};
        problems_add(&p, PROBLEM_EARLY_TALKER);
        event_note(v, s, &p);
    }
    turn(v, s, 0);
}

/* Reads what there is of the header of the PROXY protocol, and nothing after it. */
static void read_header(struct server *v, struct session *s)
{
    _Static_assert(PROXY_MAX <= (size_t)SERVER_IN_SIZE, "the buffer holds any header");
    size_t n = wire_bring_rest(s, v->in), missing;
    const char *why;
    while ((missing = proxy_missing(v->in, n, &s->peer, &why)) > 0) {
        ssize_t got = connection_read(&s->conn, v->in + n, missing);
        if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK) && wire_keep_rest(s, v->in, n)) {
            watch(v, s);
            return;
        }
        if (got <= 0 && n == 0) { /* a probe of the port */
            session_drop(v, s);
            return;
        }
        if (got <= 0) {
            why = "the client hung up";
            break;
        }
        n += (size_t)got;
    }
    if (why != NULL || !wire_keep_rest(s, v->in, 0)) {
        drop_unproxied(v, s, why != NULL ? why : "memory ran out");
        return;
    }
    dialogue_proxy(v->o->dialogue, s->number, s->peer.address, NULL);
    enter(v, s, PHASE_TALKING, idle_end(v));
    begin(v, s);
}

/* Serves a session that does more than listen.  Returns whether it is to be read now. */
static bool serve_unusual(struct server *v, struct session *s)
{
    bool was_blocked = s->unsent != NULL;
    if (s->phase == PHASE_GONE) /* since the wait that named it */
        return false;
    if (s->phase == PHASE_ENDING || (s->phase == PHASE_STALLED && !was_blocked)) {
        ssize_t got = connection_discard(&s->conn, v->in, SERVER_IN_SIZE);
        if (got == 0 || (got < 0 && errno != EAGAIN && errno != EWOULDBLOCK))
            session_drop(v, s);
        else if (v->stopping && v->now < v->grace + SERVER_GRACE && s->wake_at < v->now + LOOK)
            wake_at_time(v, s, v->now + LOOK); /* there is more to come */
        return false;
    }
    if (s->phase == PHASE_PROXIED) {
        read_header(v, s);
        return false;
    }
    if (s->phase == PHASE_HANDSHAKING) {
        shake_hands(v, s);
        return false;
    }
    if (s->phase == PHASE_YIELDING) {
        enter(v, s, PHASE_TALKING, idle_end(v));
        go_on(v, s);
        return false;
    }
    if (was_blocked) {
        note_sent(v, s, wire_flush(s));
        if (s->phase != PHASE_GONE && !smtp_closed(&s->smtp)) /* after a 421 the client has its last second */
            restart_idle_timer(v, s);
    }
    if (s->phase == PHASE_GONE || s->unsent != NULL)
        return false;
    if (s->phase == PHASE_TALKING && !(was_blocked && (s->spoken || !session_was_last(v))))
        return true;
    go_on(v, s);
    return false;
}

void session_serve(struct server *v, struct session *s)
{
    assert_session(s);
    if ((s->phase != PHASE_TALKING || s->unsent != NULL) && !serve_unusual(v, s))
        return;
    if (!s->spoken && session_turn_away(v, s))
        return;
    for (int i = 0; i < READS_MAX; i++) {
        size_t n = wire_has_rest(s) ? wire_bring_rest(s, v->in) : 0;
        if (!read_more(v, s, &n)) {
            span_wipe(v->in, n); /* the rest that was brought */
            return;
        }
        turn(v, s, n);
        if (!s->unread || !just_listens(s) || !smtp_goes_on(&s->smtp) || turn_is_over(v))
            return;
    }
}

/* ---- the first and the last word ---- */

void session_dismiss(struct server *v, struct session *s, const char *enhanced, const char *text)
{
    struct held *h = s->phase == PHASE_DELAYED ? s->heard->held : NULL;
    assert(s->phase != PHASE_PARKED);
    bool ends = h != NULL && h->n == 0 && h->rule->parts[h->part].end != RULES_GO_ON;
    if (s->phase == PHASE_PROXIED || s->phase == PHASE_HANDSHAKING || s->broken_off || ends) {
        session_drop(v, s); /* nothing more is said */
        return;
    }
    if (h != NULL) { /* only a reply that accepts a mail, is the last anyway or has begun is still given */
        enter(v, s, PHASE_TALKING, idle_end(v));
        s->heard->held = NULL;
        if (s->pending || h->begun || smtp_closed(&s->smtp)) {
            send_replies(v, s, h->reply, h->n);
            if (s->phase != PHASE_GONE)
                end_part(v, s, h->rule, h->part);
        }
        free(h);
    }
    if (s->phase == PHASE_GONE)
        return;
    if (!smtp_closed(&s->smtp) && !s->broken_off) {
        char room[SMTP_REPLY_MAX];
        event_cut_off(v, s);
        smtp_output(&s->smtp, room, sizeof room);
        smtp_close(&s->smtp, enhanced, text);
        struct span reply = {room, smtp_written(&s->smtp)};
        dialogue_reply(v->o->dialogue, s->number, reply, NULL);
        v->o->dialogue->amiss = v->o->dialogue->amiss || !v->stopping;
        event_drop_data(s);
        enter(v, s, PHASE_CLOSING, time_after(v, SERVER_GRACE)); /* to take the reply, if it cannot at once */
        send_replies(v, s, reply.p, reply.n);
    }
    if (s->phase != PHASE_GONE)
        settle(v, s);
}

bool session_turn_away(struct server *v, struct session *s)
{
    if (!session_was_last(v))
        return false;
    session_dismiss(v, s, "4.3.2", "No more connections are served");
    return true;
}

bool session_start(struct server *v, struct connection *c, const struct peer *peer, enum scheme scheme, bool proxied)
{
    struct session *s = calloc(1, sizeof *s);
    bool wakes = s != NULL && wake_add(v, s, idle_end(v));
    if (!wakes || poll_add(&v->poll, c->in, s) < 0) {
        if (wakes)
            wake_never(v, s);
        connection_close(c);
        free(s);
        return false;
    }
    s->kind = SERVER_SESSION;
    s->scheme = scheme;
    s->number = ++v->started;
    s->conn = *c;
    s->watches_read = true;
    s->peer = *peer;
    v->nonce += NONCES;
    smtp_init(&s->smtp, scheme == SCHEME_LMTP ? v->o->lmtp : v->o->smtp, v->nonce);
    s->before = v->sessions.last;
    *(s->before != NULL ? &s->before->after : &v->sessions.first) = s;
    v->sessions.last = s;
    v->open++;
    v->talking++;
    v->news = true;
    if (!proxied)
        begin(v, s);
    else if (event_allocate_heard(s))
        enter(v, s, PHASE_PROXIED, s->wake_at);
    else
        session_drop(v, s);
    return true;
}
