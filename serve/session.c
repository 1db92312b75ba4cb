/*
 * session.c - a session with a client: its octets go to the protocol engine,
 * the events are judged, the replies go back.
 *
 * One large input buffer and one output buffer are lent to the engine of the
 * session at hand; what remains there at the end of its turn (an unfinished
 * command, replies that the client does not take) is copied into memory of its
 * own, so a session that idles has neither.
 *
 * Storing is a verdict: a message is stored before its 250, and counted when
 * its 250 has been sent.  mark says where that reply ends in the output.
 * There is one mark in a session: before another message can end, the output
 * is flushed.
 *
 * The end of a connection is the hard part.  If octets of the client are
 * unread when a socket is closed, or come afterwards, the system resets the
 * connection, and the client may lose our last reply.  After QUIT nothing may
 * follow, so a socket is closed at once; else, and under TLS, which says its own
 * goodbye, it is shut down, and read until the client closes, for a second at
 * most.
 */
#include "serve/inside.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    IN_SIZE = SERVER_IN_SIZE,
    OUT_SIZE = SERVER_OUT_SIZE,
    READS_MAX = 4,    /* times that one session is read in its turn */
    NONCES = 1 << 20, /* challenges of a session at most, before they meet those of the next */
};

/* ---- lists, in the order of deadlines: each has one delay for all ---- */

static void list_remove(struct server_sessions *l, struct server_session *s)
{
    *(s->before != NULL ? &s->before->after : &l->first) = s->after;
    *(s->after != NULL ? &s->after->before : &l->last) = s->before;
}

static void list_prepend(struct server_sessions *l, struct server_session *s)
{
    s->before = NULL;
    s->after = l->first;
    *(l->first != NULL ? &l->first->before : &l->last) = s;
    l->first = s;
}

static void list_insert_before(struct server_sessions *l, struct server_session *s, struct server_session *other)
{
    s->before = other->before;
    s->after = other;
    *(other->before != NULL ? &other->before->after : &l->first) = s;
    other->before = s;
}

static void list_append(struct server_sessions *l, struct server_session *s)
{
    s->before = l->last;
    s->after = NULL;
    *(l->last != NULL ? &l->last->after : &l->first) = s;
    l->last = s;
}

static void move_to(struct server_sessions *l, struct server_session *s)
{
    if (s->list != NULL)
        list_remove(s->list, s);
    list_append(l, s);
    s->list = l;
}

/* The client has been heard, or has taken what we said.  Who is held has his time already. */
static void touch(struct server *v, struct server_session *s)
{
    int64_t deadline = v->now + v->o->idle;
    if (s->list != &v->active || s->deadline == deadline) /* it is in its place */
        return;
    s->deadline = deadline;
    move_to(&v->active, s);
}

void session_hear(struct server *v, struct server_session *s)
{
    touch(v, s);
    if (!s->spoken) {
        s->spoken = true;
        v->spoken++;
        v->news = true;
    }
}

/* Sees to it that there is room for what is heard of it.  False if there is no memory. */
static bool have_heard(struct server_session *s)
{
    if (s->heard != NULL)
        return true;
    s->heard = calloc(1, sizeof *s->heard);
    if (s->heard == NULL)
        return false;
    s->heard->client.lmtp = s->source.scheme == SCHEME_LMTP;
    s->heard->client.session = s->number;
    s->heard->client.peer = s->peer;
    return true;
}

/* ---- sessions ---- */

static void unwatch(struct server *v, struct server_session *s)
{
    if (!s->conn.borrowed && !s->unwatched)
        poll_closing(&v->poll, s->conn.in);
    if (s->in_polled)
        poll_remove(&v->poll, s->conn.in, s);
    if (s->out_polled)
        poll_remove(&v->poll, s->conn.out, s);
    s->in_polled = s->out_polled = false;
}

void session_drop(struct server *v, struct server_session *s)
{
    if (s->pending) {
        v->pending -= s->counts;
        v->unheard++;
    }
    if (smtp_in_message(&s->smtp))
        v->cut_off++;
    event_drop_data(s);
    v->talking -= s->list != &v->ending;
    move_to(&v->gone, s);
    unwatch(v, s);
    connection_close(&s->conn);
    v->open--;
    v->news = true;
    s->gone = true;
}

void session_free_gone(struct server *v)
{
    while (v->gone.first != NULL) {
        struct server_session *s = v->gone.first;
        list_remove(&v->gone, s);
        free(s->unsent);
        if (s->heard != NULL) {
            span_wipe(s->heard->rest, s->heard->rest_n);
            free(s->heard->rest);
            free(s->heard->delay.reply);
            transaction_close(&s->heard->transaction);
            client_close(&s->heard->client);
            free(s->heard);
        }
        free(s);
    }
}

void session_note(struct server *v, struct server_session *s, const struct problems *p)
{
    if (!problems_any(p))
        return;
    if (have_heard(s))
        problems_merge(&s->heard->problems, p);
    for (int i = 0; i < PROBLEMS; i++) {
        if (!problems_have(p, (enum problem)i))
            continue;
        if (v->tally[i].n++ == 0)
            v->tally[i].session = s->number;
        dialogue_problem(v->o->dialogue, s->number, (enum problem)i);
    }
}

/* The client has gone, which it should not have done without a QUIT. */
static void lose(struct server *v, struct server_session *s)
{
    bool busy = s->spoken && !s->faulted && !s->handshaking && !s->said_quit && !smtp_closed(&s->smtp);
    struct problems p = {{0, 0}};
    if (busy)
        problems_add(&p, smtp_in_message(&s->smtp) ? PROBLEM_CUT_OFF : PROBLEM_NO_QUIT);
    session_note(v, s, &p);
    session_drop(v, s);
}

/* Watches one of two descriptors, or no longer: one that has hung up is ready whatever it is watched for. */
static bool watch_one(struct server *v, struct server_session *s, int fd, bool *polled, bool wanted, bool write)
{
    if (*polled == wanted || fd < 0)
        return true;
    *polled = wanted;
    if (!wanted)
        poll_remove(&v->poll, fd, s);
    return !wanted || (poll_add(&v->poll, fd, s) == 0 && (!write || poll_set(&v->poll, fd, s, false, true) == 0));
}

/* One that is held is not watched at all, so that nothing its client does wakes us. */
static bool set_watched(struct server *v, struct server_session *s, bool wanted)
{
    if (wanted != s->unwatched)
        return true;
    s->unwatched = !wanted;
    s->wants_write = false;
    if (wanted)
        return poll_add(&v->poll, s->conn.in, s) == 0;
    poll_remove(&v->poll, s->conn.in, s);
    return true;
}

/* Watches for what the session waits for: room for replies, or more input, or nothing while it is held. */
static bool watch(struct server *v, struct server_session *s)
{
    bool waits = s->due > 0 && !s->stalled; /* then nothing is read */
    bool write = s->unsent != NULL || (!waits && s->conn.wants_write), read = !write && !waits;
    if (s->conn.borrowed)
        return watch_one(v, s, s->conn.in, &s->in_polled, read, false) &&
               watch_one(v, s, s->conn.out, &s->out_polled, write, true);
    if (!set_watched(v, s, read || write))
        return false;
    if (s->unwatched || write == s->wants_write)
        return true;
    s->wants_write = write;
    return poll_set(&v->poll, s->conn.in, s, read, write) == 0;
}

/* The last reply has been sent.  False if the session is gone. */
static bool end(struct server *v, struct server_session *s)
{
    if ((s->quit && !s->unread && s->conn.transport == NULL && !s->conn.borrowed) || s->hung_up) {
        if (s->conn.transport != NULL)
            connection_end(&s->conn);
        session_drop(v, s);
        return false;
    }
    if (s->out_polled) /* it may be closed now */
        poll_remove(&v->poll, s->conn.out, s);
    s->out_polled = false;
    connection_end(&s->conn);
    s->ending = true;
    v->talking--;
    s->deadline = v->now + SERVER_GRACE;
    move_to(&v->ending, s);
    return true;
}

/* Counts a message whose 250 is within the n octets that were sent just now. */
static void acknowledge(struct server *v, struct server_session *s, size_t n)
{
    if (!s->pending || s->heard->mark == 0)
        return;
    if (n < s->heard->mark) {
        s->heard->mark -= n;
        return;
    }
    s->heard->mark = 0;
    s->pending = false;
    s->heard->taken_at = v->now;
    v->pending -= s->counts;
    v->counted += s->counts;
    v->taken++;
    v->news = true;
}

/* Keeps octets of replies, behind those that the client has not taken.  False if there is no memory. */
static bool keep_unsent(struct server_session *s, const char *p, size_t n)
{
    struct unsent *before = s->unsent;
    size_t left = before != NULL ? before->n - before->at : 0;
    struct unsent *all = malloc(sizeof *all + left + n);
    if (all == NULL)
        return false;
    if (left > 0)
        memcpy(all->octets, before->octets + before->at, left);
    memcpy(all->octets + left, p, n);
    all->n = left + n;
    all->at = 0;
    free(before);
    s->unsent = all;
    return true;
}

/* Sends n octets of replies, and keeps what the client does not take.  False if the session is gone. */
static bool send_replies(struct server *v, struct server_session *s, const char *p, size_t n)
{
    ssize_t sent = connection_write(&s->conn, p, n);
    if (sent < 0 && errno != EAGAIN && errno != EWOULDBLOCK) {
        lose(v, s);
        return false;
    }
    size_t done = sent > 0 ? (size_t)sent : 0;
    acknowledge(v, s, done);
    if (done == n)
        return true;
    if (keep_unsent(s, p + done, n - done))
        return true;
    session_drop(v, s);
    return false;
}

/* Goes on with what was kept.  False if the session is gone. */
static bool send_unsent(struct server *v, struct server_session *s)
{
    struct unsent *u = s->unsent;
    ssize_t sent = connection_write(&s->conn, u->octets + u->at, u->n - u->at);
    if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
        return true;
    if (sent < 0) {
        lose(v, s);
        return false;
    }
    acknowledge(v, s, (size_t)sent);
    u->at += (size_t)sent;
    if (u->at == u->n) {
        free(u);
        s->unsent = NULL;
    }
    if (!smtp_closed(&s->smtp)) /* who was told 421 has his last second */
        touch(v, s);
    return true;
}

/* Input that was left after the turn before: octets in memory of their own. */
static size_t rest_size(const struct server_session *s) { return s->heard != NULL ? s->heard->rest_n : 0; }

/* Keeps the input that is left after a turn.  False if the session is gone. */
static bool keep_rest(struct server *v, struct server_session *s, char *p, size_t n)
{
    if (n == 0 && rest_size(s) == 0)
        return true;
    struct heard *h = s->heard;
    char *rest = n > 0 ? malloc(n) : NULL;
    if (n > 0 && rest == NULL) {
        session_drop(v, s);
        return false;
    }
    if (n > 0)
        memcpy(rest, p, n);
    span_wipe(p, n);
    span_wipe(h->rest, h->rest_n);
    free(h->rest);
    h->rest = rest;
    h->rest_n = n;
    return true;
}

static void begin_handshake(struct server *v, struct server_session *s);

/* Whether no flag, delay or unsent reply keeps it from just being listened to; the engine has smtp_goes_on(). */
static bool just_talks(const struct server_session *s) { return s->apart == 0 && s->due == 0 && s->unsent == NULL; }

/* What a session's state asks for after a turn, or after replies have gone. */
static void settle(struct server *v, struct server_session *s)
{
    bool quiet = s->unsent == NULL && s->due == 0 && !s->stalled; /* nothing is owed to the client */
    if (quiet && smtp_wants_tls(&s->smtp) && !s->handshaking) {
        begin_handshake(v, s);
        return;
    }
    if (quiet && (smtp_closed(&s->smtp) || s->dropping) && !end(v, s))
        return;
    if (s->unsent == NULL && s->due == 0 && s->hung_up && !s->ending) {
        lose(v, s);
        return;
    }
    if (!watch(v, s))
        session_drop(v, s);
}

/* ---- rules ---- */

/* In the order of their times: most have the same delay, and belong at the end. */
static void hold_back(struct server *v, struct server_session *s, int64_t due)
{
    s->due = due;
    move_to(&v->held, s);
    while (s->before != NULL && s->before->due > s->due) {
        struct server_session *other = s->before;
        list_remove(&v->held, s);
        list_insert_before(&v->held, s, other);
    }
}

/* Sends what was said before, and does what the rule says.  False if the session is over. */
static bool break_off(struct server *v, struct server_session *s, size_t said, enum rules_action action)
{
    s->faulted = true;
    if (said > 0 && !send_replies(v, s, v->out, said))
        return false;
    if (action == RULES_RESET) {
        connection_reset(&s->conn);
        session_drop(v, s);
        return false;
    }
    s->stalled = action == RULES_STALL;
    s->dropping = action == RULES_DROP;
    if (s->stalled)
        hold_back(v, s, v->now + v->o->idle);
    return true;
}

/* Sends what was said before, and keeps the reply (what else has been written) for later.  False if the session is
   gone. */
static bool postpone(struct server *v, struct server_session *s, size_t said, const struct rule *r)
{
    size_t n = smtp_written(&s->smtp) - said;
    if (!have_heard(s)) {
        session_drop(v, s);
        return false;
    }
    if (n > 0) {
        s->heard->delay.reply = malloc(n);
        if (s->heard->delay.reply == NULL) {
            session_drop(v, s);
            return false;
        }
        memcpy(s->heard->delay.reply, v->out + said, n);
    }
    s->heard->delay.n = n;
    s->heard->delay.then = r->action;
    hold_back(v, s, v->now + r->delay + 1); /* v->now is cut to milliseconds: it may be almost one later by now */
    return said == 0 || send_replies(v, s, v->out, said);
}

/* What a rule has to do beyond a reply; said: octets of replies to what came before.  False if the session is over. */
static bool carry_out(struct server *v, struct server_session *s, size_t said, const struct rule *r)
{
    bool broken = rules_break_off(r);
    if (!broken)
        smtp_commit(&s->smtp);
    if (r->delay > 0)
        return postpone(v, s, said, r);
    return !broken || break_off(v, s, said, r->action);
}

/* ---- turns ---- */

/* Pulls what the input means, and answers, until a rule comes between; *mail: there are mail data in it.  False if the
   session is over. */
static bool converse(struct server *v, struct server_session *s, bool *mail)
{
    size_t written;
    bool more;
    do {
        more = false;
        smtp_output(&s->smtp, v->out, OUT_SIZE);
        struct smtp_event e;
        while (smtp_next(&s->smtp, &e)) {
            size_t said = smtp_written(&s->smtp);
            const struct rule *r = event_handle(v, s, &e);
            *mail = *mail || e.type == SMTP_BODY;
            if (r != NULL && (r->delay > 0 || rules_break_off(r)))
                return carry_out(v, s, said, r);
            if (s->pending && (e.type == SMTP_DATA || e.type == SMTP_BDAT)) {
                smtp_commit(&s->smtp); /* one mark at a time */
                more = true;
                break;
            }
        }
        more = more || smtp_is_full(&s->smtp);
        written = smtp_written(&s->smtp);
        if (written > 0 && !send_replies(v, s, v->out, written))
            return false;
    } while (more && s->unsent == NULL);
    return true;
}

/* A turn with n octets of input, which lie in v->in.  They are wiped, as there may be a password in what the engine has
   not committed; but not where there is mail, which is long: then it has wiped what is secret. */
static void turn(struct server *v, struct server_session *s, size_t n)
{
    bool mail = false;
    smtp_input(&s->smtp, v->in, n);
    bool there = converse(v, s, &mail);
    size_t left = smtp_left(&s->smtp);
    there = there && keep_rest(v, s, v->in + n - left, left);
    bool usual = just_talks(s) && smtp_goes_on(&s->smtp) && connection_is_plain(&s->conn);
    if (there && !usual) /* else nothing is to be done, nor watched for anything else */
        settle(v, s);
    span_wipe(v->in, mail ? 0 : n);
}

/* Puts the input that was left in front of what comes next; returns how many octets it is. */
static size_t bring_rest(struct server *v, const struct server_session *s)
{
    size_t n = rest_size(s);
    if (n > 0)
        memcpy(v->in, s->heard->rest, n);
    return n;
}

/* Goes on with that, and nothing new. */
static void turn_again(struct server *v, struct server_session *s) { turn(v, s, bring_rest(v, s)); }

/* Sends a reply, behind those that the client has not taken.  False if the session is gone. */
static bool send_more(struct server *v, struct server_session *s, const char *p, size_t n)
{
    if (n == 0)
        return true;
    if (s->unsent == NULL)
        return send_replies(v, s, p, n);
    if (keep_unsent(s, p, n))
        return send_unsent(v, s);
    session_drop(v, s);
    return false;
}

/* False if the session is gone. */
static bool send_delayed(struct server *v, struct server_session *s)
{
    char *reply = s->heard->delay.reply;
    size_t n = s->heard->delay.n;
    s->heard->delay.reply = NULL;
    s->heard->delay.n = 0;
    bool there = send_more(v, s, reply, n);
    free(reply);
    return there;
}

void session_wake(struct server *v, struct server_session *s)
{
    if (s->stalled) { /* long enough */
        session_drop(v, s);
        return;
    }
    s->due = 0;
    move_to(&v->active, s);
    touch(v, s);
    if (!s->spoken && session_was_last(v)) {
        session_dismiss(v, s, "4.3.2", "No more connections are served");
    } else if (s->heard->delay.then > RULES_REPLY) {
        if (break_off(v, s, 0, s->heard->delay.then))
            settle(v, s);
    } else if (send_delayed(v, s)) {
        if (s->unsent != NULL)
            settle(v, s);
        else
            turn_again(v, s);
    }
}

/* ---- TLS ---- */

/* Goes on with the handshake, and with the session once it is done. */
static void shake_hands(struct server *v, struct server_session *s)
{
    char why[80];
    int done = s->conn.transport->handshake(&s->conn, why, sizeof why);
    if (done < 0) {
        dialogue_tls(v->o->dialogue, s->number, false, why);
        v->tls_failed += s->spoken;
        session_drop(v, s);
        return;
    }
    if (done == 0) {
        if (!watch(v, s))
            session_drop(v, s);
        return;
    }
    s->handshaking = false;
    s->heard->client.tls = s->conn.transport->version(&s->conn);
    dialogue_tls(v->o->dialogue, s->number, true, s->heard->client.tls);
    smtp_secure(&s->smtp);
    turn(v, s, 0);
}

/* Whether no further session is to be served. */
bool session_was_last(const struct server *v) { return v->o->max_sessions > 0 && v->spoken >= v->o->max_sessions; }

/* Who begins a handshake, well or not, has spoken. */
static void hear_handshake(struct server *v, struct server_session *s)
{
    bool heard = s->spoken || connection_has_octets(&s->conn);
    if (heard && !s->spoken && session_was_last(v)) {
        session_drop(v, s);
        return;
    }
    if (heard)
        session_hear(v, s);
    shake_hands(v, s);
}

/* What the client says from here on is said in the handshake, or after it; nothing is held. */
static void begin_handshake(struct server *v, struct server_session *s)
{
    if (!have_heard(s) || connection_unblock(&s->conn) < 0 || tls_start(v->o->tls, &s->conn) < 0) {
        session_drop(v, s);
        return;
    }
    s->handshaking = true;
    hear_handshake(v, s);
}

/* ---- what comes ---- */

/* Reads on after the n octets that were held back.  False if there is nothing to be done with it. */
static bool read_more(struct server *v, struct server_session *s, size_t *n)
{
    size_t asked = IN_SIZE - *n;
    ssize_t got = connection_read(&s->conn, v->in + *n, asked);
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
        if (!watch(v, s))
            session_drop(v, s);
        return false;
    }
    if (got < 0) {
        lose(v, s);
        return false;
    }
    if (!have_heard(s)) {
        session_drop(v, s);
        return false;
    }
    if (got == 0)
        s->hung_up = true;
    else
        session_hear(v, s);
    s->unread = (size_t)got == asked;
    *n += (size_t)got;
    return true;
}

/* Reads what a client sends after our last reply, so that closing does not reset the connection. */
static void read_away(struct server *v, struct server_session *s)
{
    ssize_t got = connection_discard(&s->conn, v->in, IN_SIZE);
    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EWOULDBLOCK))
        session_drop(v, s);
}

/*
 * Ends the wait of a session at the end of the run.  A reply that accepts a
 * message, and one that is the last anyway, are given now; any other is not
 * given any more.  False if the session is gone.
 */
static bool let_go(struct server *v, struct server_session *s)
{
    if (s->due == 0)
        return true;
    s->due = 0;
    move_to(&v->active, s);
    if (s->pending || smtp_closed(&s->smtp))
        return send_delayed(v, s);
    free(s->heard->delay.reply);
    s->heard->delay.reply = NULL;
    s->heard->delay.n = 0;
    return true;
}

void session_dismiss(struct server *v, struct server_session *s, const char *enhanced, const char *text)
{
    bool over = s->handshaking || s->faulted;
    if (over || (s->due > 0 && s->heard->delay.then > RULES_REPLY)) { /* nothing more is said */
        session_drop(v, s);
        return;
    }
    if (!let_go(v, s))
        return;
    if (s->ending || smtp_closed(&s->smtp)) {
        settle(v, s);
        return;
    }
    char room[SMTP_REPLY_MAX];
    if (smtp_in_message(&s->smtp))
        v->cut_off++;
    smtp_output(&s->smtp, room, sizeof room);
    smtp_close(&s->smtp, enhanced, text);
    struct span reply = {room, smtp_written(&s->smtp)};
    dialogue_reply(v->o->dialogue, s->number, reply, false);
    event_drop_data(s);
    s->deadline = v->now + SERVER_GRACE; /* to take it, if it cannot at once: sooner than all others */
    list_remove(&v->active, s);
    list_prepend(&v->active, s);
    if (send_more(v, s, reply.p, reply.n))
        settle(v, s);
}

/* Deals with what sets it apart.  Whether it is then to be heard as any other. */
static bool serve_apart(struct server *v, struct server_session *s, bool was_blocked)
{
    if (s->ending) {
        read_away(v, s);
        return false;
    }
    if (s->handshaking) {
        hear_handshake(v, s);
        return false;
    }
    if (was_blocked && (!send_unsent(v, s) || s->unsent != NULL))
        return false;
    if (s->stalled && !was_blocked) {
        read_away(v, s);
        return false;
    }
    if (s->due > 0 || s->dropping) { /* its time has not come yet, or it is over */
        settle(v, s);
        return false;
    }
    return true;
}

void session_serve(struct server *v, struct server_session *s)
{
    bool was_blocked = s->unsent != NULL;
    if (!just_talks(s) && !serve_apart(v, s, was_blocked))
        return;
    if (!s->spoken && session_was_last(v)) {
        session_dismiss(v, s, "4.3.2", "No more connections are served");
        return;
    }
    if (was_blocked) {
        turn_again(v, s);
        return;
    }
    bool more = true; /* what filled the buffer is hardly all there is */
    for (int i = 0; i < READS_MAX && more; i++) {
        size_t n = bring_rest(v, s);
        more = read_more(v, s, &n);
        if (more)
            turn(v, s, n);
        else
            span_wipe(v->in, n); /* the rest that was brought */
        more = more && s->unread && just_talks(s) && smtp_goes_on(&s->smtp);
    }
}

/* ---- the beginning ---- */

/* Frees what a connection takes that has come to nothing. */
static bool refuse_session(struct server_session *s, struct connection *c)
{
    connection_close(c);
    free(s);
    return false;
}

/* Who speaks before the greeting; with TLS from the start, that is in order. */
static void look_for_early_talker(struct server *v, struct server_session *s, enum scheme scheme)
{
    struct problems p = {{0, 0}};
    if (v->o->smtp->examine && scheme != SCHEME_SMTPS && !s->conn.borrowed && connection_has_octets(&s->conn))
        problems_add(&p, PROBLEM_EARLY_TALKER);
    session_note(v, s, &p);
}

bool session_start(struct server *v, struct connection *c, const struct peer *peer, enum scheme scheme)
{
    struct server_session *s = calloc(1, sizeof *s);
    if (s == NULL || poll_add(&v->poll, c->in, s) < 0)
        return refuse_session(s, c);
    s->source = (struct server_source){.kind = SERVER_SESSION, .scheme = scheme};
    s->number = ++v->started;
    s->conn = *c;
    s->in_polled = c->borrowed;
    s->peer = *peer;
    v->nonce += NONCES;
    smtp_init(&s->smtp, scheme == SCHEME_LMTP ? v->o->lmtp : v->o->smtp, v->nonce);
    s->deadline = v->now + v->o->idle;
    move_to(&v->active, s);
    v->open++;
    v->talking++;
    v->news = true;
    look_for_early_talker(v, s, scheme);
    if (scheme == SCHEME_SMTPS)
        begin_handshake(v, s);
    else
        turn(v, s, 0);
    return true;
}
