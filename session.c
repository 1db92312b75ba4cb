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
#include "session.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "trace.h"

enum {
    IN_SIZE = SERVER_IN_SIZE,
    OUT_SIZE = SERVER_OUT_SIZE,
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

static void list_append(struct server_sessions *l, struct server_session *s)
{
    s->before = l->last;
    s->after = NULL;
    *(l->last != NULL ? &l->last->after : &l->first) = s;
    l->last = s;
}

/* The client has been heard, or has taken what we said. */
static void touch(struct server *v, struct server_session *s)
{
    s->deadline = v->now + v->o->idle;
    list_remove(&v->active, s);
    list_append(&v->active, s);
}

/* ---- the message ---- */

static bool begin_message(struct server *v, struct server_session *s)
{
    if (s->message != NULL)
        return true;
    s->message = malloc(sizeof *s->message);
    if (s->message == NULL)
        return false;
    save_begin(s->message, v->o->save, s->envelope.binary);
    if (v->o->headers)
        envelope_add_headers(&s->envelope, s->message, &s->peer, v->o->smtp->hostname, s->number);
    s->message->ours = s->message->total;
    return true;
}

static void drop_message(struct server_session *s)
{
    s->incomplete = false;
    if (s->message != NULL) {
        save_drop(s->message);
        free(s->message);
        s->message = NULL;
    }
}

/* The reply to the message, whoever asks: under LMTP that is one recipient after the other. */
static void refuse_message(struct server_session *s, struct smtp_event *e, int code, const char *enhanced,
                           const char *text)
{
    s->verdict = (struct smtp_refusal){code, enhanced, text};
    smtp_reply(&s->smtp, e, code, enhanced, text);
}

/* The first failure is the one that the user is told of. */
static void storing_failed(struct server *v, struct server_session *s, struct smtp_event *e, int error,
                           const char *culprit)
{
    v->reader_gone = v->reader_gone || error == EPIPE;
    if (v->failed++ == 0) {
        v->error = error;
        (void)snprintf(v->culprit, sizeof v->culprit, "%s", culprit);
    }
    if (error == ENOSPC || error == EDQUOT || error == EFBIG)
        refuse_message(s, e, 452, "4.3.1", "There is no room for the message");
    else
        refuse_message(s, e, 451, "4.3.0", "The message could not be written");
}

/* Whether one more message would be one too many. */
static bool is_full(const struct server *v)
{
    return v->o->max_messages > 0 && v->taken + v->pending >= v->o->max_messages;
}

/* What there is to say of the message. */
static struct mail describe(const struct server *v, const struct server_session *s, const struct smtp_event *e)
{
    const struct envelope *env = &s->envelope;
    return (struct mail){
        .n = v->stored + 1,
        .size = e->size,
        .examined = true,
        .converted = !s->message->crlf,
        .address = s->peer.address,
        .port = s->peer.port,
        .helo = text_span(&env->helo),
        .protocol = envelope_protocol(env),
        .user = env->authenticated ? text_span(&env->user) : (struct span){NULL, 0},
        .tls = env->tls,
        .sender = text_span(&env->sender),
        .sender_params = text_span(&env->sender_params),
        .recipients = env->recipients.p,
        .recipient_params = env->recipient_params.p,
        .n_recipients = env->n_recipients,
        .utf8 = env->utf8,
        .binary = env->binary,
        .problems = s->problems,
    };
}

static int finish_message(struct server *v, struct server_session *s, const struct smtp_event *e)
{
    char line[ENVELOPE_MBOX_LINE_MAX];
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    struct mail mail = describe(v, s, e);
    mail.time = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
    envelope_mbox_line(&s->envelope, now.tv_sec, line);
    return save_finish(s->message, &(struct save_about){line, &mail});
}

static void store(struct server *v, struct server_session *s, struct smtp_event *e)
{
    s->verdict = (struct smtp_refusal){0, NULL, NULL};
    if (e->code >= 400 || e->code == 0) {
        drop_message(s);
        return;
    }
    if (is_full(v)) {
        drop_message(s);
        smtp_reply(&s->smtp, e, 421, "4.3.2", "No more messages are taken");
        return;
    }
    if (s->incomplete || !begin_message(v, s)) {
        storing_failed(v, s, e, ENOMEM, "memory");
        drop_message(s);
        return;
    }
    show_status(v->o->show, "");
    int stored = finish_message(v, s, e);
    v->now = io_now(); /* that may have taken a while */
    if (stored < 0) {
        storing_failed(v, s, e, s->message->error, s->message->culprit);
    } else {
        v->stored++;
        v->pending++;
        s->pending = true;
    }
    drop_message(s);
}

/* LMTP asks for each recipient; the message is stored once, and its last reply is the one that counts. */
static void end_message(struct server *v, struct server_session *s, struct smtp_event *e)
{
    if (e->recipient <= 1) {
        store(v, s, e);
        s->problems = (struct problems){{0, 0}}; /* what comes now is of the next one */
    } else if (s->verdict.code != 0) {
        smtp_reply(&s->smtp, e, s->verdict.code, s->verdict.enhanced, s->verdict.text);
    }
    if (s->pending && (e->recipient == 0 || e->recipient == s->envelope.n_recipients))
        s->mark = smtp_written(&s->smtp) + smtp_prepared(&s->smtp).n;
}

/* ---- events ---- */

/* Whether it is a login that is taken: any, unless some are listed. */
static bool is_known(const struct server *v, const struct server_session *s, const struct smtp_event *e)
{
    char challenge[SMTP_CHALLENGE_MAX];
    struct span text = {challenge, smtp_challenge(&s->smtp, challenge)};
    struct span user = e->arg.p != NULL ? e->arg : text_span(&s->envelope.user);
    bool known = v->o->n_logins == 0;
    for (size_t i = 0; i < v->o->n_logins && !known; i++)
        known = sasl_verify(e->mechanism, v->o->logins[i], user, e->secret, text);
    return known;
}

static void judge_login(struct server *v, struct server_session *s, struct smtp_event *e)
{
    if (e->code != 235 || is_known(v, s, e))
        return;
    if (e->mechanism == SASL_XOAUTH2) /* {"status":"401","schemes":"bearer"}; RFC 7628 3.2.2 */
        smtp_reply(&s->smtp, e, 334, NULL, "eyJzdGF0dXMiOiI0MDEiLCJzY2hlbWVzIjoiYmVhcmVyIn0=");
    else
        smtp_reply(&s->smtp, e, 535, "5.7.8", "Authentication failed");
}

/* Lowers the verdict of the engine where something is against it. */
static void judge(struct server *v, struct server_session *s, struct smtp_event *e)
{
    if (e->type == SMTP_EOM)
        end_message(v, s, e);
    else if (e->type == SMTP_AUTH)
        judge_login(v, s, e);
    else if (e->type == SMTP_CONNECT && v->o->max_connections > 0 && v->talking > v->o->max_connections)
        smtp_reply(&s->smtp, e, 421, "4.7.0", "Too many connections");
    else if ((e->type == SMTP_MAIL || e->type == SMTP_DATA) && e->code < 400 && (is_full(v) || v->stopping))
        smtp_reply(&s->smtp, e, 421, "4.3.2", "No more messages are taken");
}

/* What ends a transaction ends a message of which some chunks are there. */
static bool is_end_of_chunks(const struct smtp_event *e)
{
    if (e->type == SMTP_CHUNK)
        return e->code >= 400;
    return e->code < 400 && (e->type == SMTP_RSET || e->type == SMTP_HELO || e->type == SMTP_STARTTLS);
}

/* What ends the session ends a message that is under way. */
static bool is_end_of_message(const struct server_session *s, const struct smtp_event *e)
{
    bool last = e->code == 421 || e->type == SMTP_QUIT || (e->type == SMTP_BDAT && e->code == 552);
    return last && e->type != SMTP_EOM && smtp_in_message(&s->smtp);
}

static void handle(struct server *v, struct server_session *s, struct smtp_event *e)
{
    if (e->type == SMTP_BODY) {
        s->incomplete = s->incomplete || !begin_message(v, s);
        if (!s->incomplete)
            save_add(s->message, e->arg.p, e->arg.n);
        return;
    }
    trace_client(v->o->show, s->number, e);
    problems_merge(&s->problems, &e->problems);
    judge(v, s, e);
    if (e->code == 0)
        return;
    v->cut_off += is_end_of_message(s, e);
    if (e->code < 400 && !envelope_take(&s->envelope, e))
        smtp_reply(&s->smtp, e, 451, "4.3.0", "Out of memory");
    if (is_end_of_chunks(e))
        drop_message(s);
    s->quit = e->type == SMTP_QUIT && e->code < 400;
    trace_reply(v->o->show, s->number, smtp_prepared(&s->smtp));
}

/* ---- sessions ---- */

static void unwatch(struct server *v, struct server_session *s)
{
    if (!s->conn.borrowed)
        os_poll_closing(&v->poll, s->conn.in);
    if (s->in_polled)
        os_poll_remove(&v->poll, s->conn.in, s);
    if (s->out_polled)
        os_poll_remove(&v->poll, s->conn.out, s);
    s->in_polled = s->out_polled = false;
}

void session_drop(struct server *v, struct server_session *s)
{
    if (s->pending) {
        v->pending--;
        v->unheard++;
    }
    if (smtp_in_message(&s->smtp))
        v->cut_off++;
    drop_message(s);
    list_remove(s->ending ? &v->ending : &v->active, s);
    unwatch(v, s);
    io_close(&s->conn);
    v->open--;
    v->talking -= !s->ending;
    s->gone = true;
    list_append(&v->gone, s);
}

void session_free_gone(struct server *v)
{
    while (v->gone.first != NULL) {
        struct server_session *s = v->gone.first;
        list_remove(&v->gone, s);
        span_wipe(s->held, s->held_n);
        free(s->held);
        free(s->unsent);
        envelope_close(&s->envelope);
        free(s);
    }
}

/* Watches one of two descriptors, or no longer: one that has hung up is ready whatever it is watched for. */
static bool watch_one(struct server *v, struct server_session *s, int fd, bool *polled, bool wanted, bool write)
{
    if (*polled == wanted || fd < 0)
        return true;
    *polled = wanted;
    if (!wanted)
        os_poll_remove(&v->poll, fd, s);
    return !wanted || (os_poll_add(&v->poll, fd, s) == 0 && (!write || os_poll_set(&v->poll, fd, s, false, true) == 0));
}

/* Watches for what the session waits for: room for replies, or more input. */
static bool watch(struct server *v, struct server_session *s)
{
    bool write = s->unsent_n > 0 || s->conn.wants_write;
    if (s->conn.borrowed)
        return watch_one(v, s, s->conn.in, &s->in_polled, !write, false) &&
               watch_one(v, s, s->conn.out, &s->out_polled, write, true);
    if (write == s->wants_write)
        return true;
    s->wants_write = write;
    return os_poll_set(&v->poll, s->conn.in, s, !write, write) == 0;
}

/* The last reply has been sent.  False if the session is gone. */
static bool end(struct server *v, struct server_session *s)
{
    if ((s->quit && !s->unread && s->conn.transport == NULL && !s->conn.borrowed) || s->hung_up) {
        if (s->conn.transport != NULL)
            io_end(&s->conn);
        session_drop(v, s);
        return false;
    }
    if (s->out_polled) /* it may be closed now */
        os_poll_remove(&v->poll, s->conn.out, s);
    s->out_polled = false;
    io_end(&s->conn);
    list_remove(&v->active, s);
    s->ending = true;
    v->talking--;
    s->deadline = v->now + SERVER_GRACE;
    list_append(&v->ending, s);
    return true;
}

/* Counts a message whose 250 is within the n octets that were sent just now. */
static void acknowledge(struct server *v, struct server_session *s, size_t n)
{
    if (s->mark == 0)
        return;
    if (n < s->mark) {
        s->mark -= n;
        return;
    }
    s->mark = 0;
    s->pending = false;
    s->taken_at = v->now;
    v->pending--;
    v->taken++;
}

/* Sends n octets of replies, and keeps what the client does not take.  False if the session is gone. */
static bool send_replies(struct server *v, struct server_session *s, const char *p, size_t n)
{
    ssize_t sent = io_write(&s->conn, p, n);
    if (sent < 0 && errno != EAGAIN && errno != EWOULDBLOCK) {
        session_drop(v, s);
        return false;
    }
    size_t done = sent > 0 ? (size_t)sent : 0;
    acknowledge(v, s, done);
    if (done == n)
        return true;
    s->unsent = malloc(n - done);
    if (s->unsent == NULL) {
        session_drop(v, s);
        return false;
    }
    memcpy(s->unsent, p + done, n - done);
    s->unsent_n = n - done;
    s->unsent_at = 0;
    return true;
}

/* Goes on with what was kept.  False if the session is gone. */
static bool send_unsent(struct server *v, struct server_session *s)
{
    ssize_t sent = io_write(&s->conn, s->unsent + s->unsent_at, s->unsent_n);
    if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
        return true;
    if (sent < 0) {
        session_drop(v, s);
        return false;
    }
    acknowledge(v, s, (size_t)sent);
    s->unsent_at += (size_t)sent;
    s->unsent_n -= (size_t)sent;
    if (s->unsent_n == 0) {
        free(s->unsent);
        s->unsent = NULL;
    }
    if (!smtp_closed(&s->smtp)) /* who was told 421 has his last second */
        touch(v, s);
    return true;
}

/* Keeps the input that is left after a turn.  False if the session is gone. */
static bool hold(struct server *v, struct server_session *s, char *p, size_t n)
{
    char *held = n > 0 ? malloc(n) : NULL;
    if (n > 0 && held == NULL) {
        session_drop(v, s);
        return false;
    }
    if (n > 0)
        memcpy(held, p, n);
    span_wipe(p, n);
    span_wipe(s->held, s->held_n);
    free(s->held);
    s->held = held;
    s->held_n = n;
    return true;
}

static void begin_handshake(struct server *v, struct server_session *s);

/* What a session's state asks for after a turn, or after replies have gone. */
static void settle(struct server *v, struct server_session *s)
{
    if (s->unsent_n == 0 && smtp_wants_tls(&s->smtp) && !s->handshaking) {
        begin_handshake(v, s);
        return;
    }
    if (s->unsent_n == 0 && smtp_closed(&s->smtp) && !end(v, s))
        return;
    if (s->unsent_n == 0 && s->hung_up && !s->ending) {
        session_drop(v, s);
        return;
    }
    if (!watch(v, s))
        session_drop(v, s);
}

/* Pulls what the input means, and answers.  False if the session is gone. */
static bool converse(struct server *v, struct server_session *s, bool *mail)
{
    size_t written;
    do {
        smtp_output(&s->smtp, v->out, OUT_SIZE);
        struct smtp_event e;
        while (smtp_next(&s->smtp, &e)) {
            handle(v, s, &e);
            *mail = *mail || e.type == SMTP_BODY;
            if ((e.type == SMTP_DATA || e.type == SMTP_BDAT) && s->pending) {
                smtp_commit(&s->smtp); /* one mark at a time */
                break;
            }
        }
        written = smtp_written(&s->smtp);
        if (written > 0 && !send_replies(v, s, v->out, written))
            return false;
    } while (written > 0 && s->unsent_n == 0);
    return true;
}

/* A turn with n octets of input, which lie in v->in.  Nothing stays there but mail: there may be a password in it. */
static void turn(struct server *v, struct server_session *s, size_t n)
{
    bool mail = false;
    smtp_input(&s->smtp, v->in, n);
    bool there = converse(v, s, &mail);
    size_t left = smtp_left(&s->smtp);
    if (there && hold(v, s, v->in + n - left, left))
        settle(v, s);
    span_wipe(v->in, mail ? 0 : n);
}

/* ---- TLS ---- */

/* Goes on with the handshake, and with the session once it is done. */
static void shake_hands(struct server *v, struct server_session *s)
{
    char why[80];
    int done = s->conn.transport->handshake(&s->conn, why, sizeof why);
    if (done < 0) {
        trace_tls(v->o->show, s->number, false, why);
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
    s->envelope.tls = s->conn.transport->version(&s->conn);
    trace_tls(v->o->show, s->number, true, s->envelope.tls);
    smtp_secure(&s->smtp);
    turn(v, s, 0);
}

static void client_spoke(struct server *v, struct server_session *s)
{
    touch(v, s);
    if (!s->spoken) {
        s->spoken = true;
        v->spoken++;
    }
}

/* Whether no further session is to be served. */
bool session_was_last(const struct server *v) { return v->o->max_sessions > 0 && v->spoken >= v->o->max_sessions; }

/* Who begins a handshake, well or not, has spoken. */
static void hear_handshake(struct server *v, struct server_session *s)
{
    bool heard = s->spoken || io_has_octets(&s->conn);
    if (heard && !s->spoken && session_was_last(v)) {
        session_drop(v, s);
        return;
    }
    if (heard)
        client_spoke(v, s);
    shake_hands(v, s);
}

/* What the client says from here on is said in the handshake, or after it; nothing is held. */
static void begin_handshake(struct server *v, struct server_session *s)
{
    if (io_unblock(&s->conn) < 0 || tls_start(v->o->tls, &s->conn) < 0) {
        session_drop(v, s);
        return;
    }
    s->handshaking = true;
    hear_handshake(v, s);
}

/* ---- what comes ---- */

/* Reads on behind what was held back.  False if there is nothing to be done with it. */
static bool read_more(struct server *v, struct server_session *s, size_t *n)
{
    ssize_t got = io_read(&s->conn, v->in + *n, IN_SIZE - *n);
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
        if (!watch(v, s))
            session_drop(v, s);
        return false;
    }
    if (got < 0) {
        session_drop(v, s);
        return false;
    }
    if (got == 0)
        s->hung_up = true;
    else
        client_spoke(v, s);
    s->unread = (size_t)got == IN_SIZE - *n;
    *n += (size_t)got;
    return true;
}

/* Reads what a client sends after our last reply, so that closing does not reset the connection. */
static void read_away(struct server *v, struct server_session *s)
{
    ssize_t got = io_discard(&s->conn, v->in, IN_SIZE);
    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EWOULDBLOCK))
        session_drop(v, s);
}

/* Ends a session with a 421.  It may be gone afterwards. */
void session_dismiss(struct server *v, struct server_session *s, const char *enhanced, const char *text)
{
    if (s->handshaking) { /* nobody would understand it */
        session_drop(v, s);
        return;
    }
    char *room = malloc(s->unsent_n + SMTP_REPLY_MAX);
    if (room == NULL || s->ending || smtp_closed(&s->smtp)) {
        free(room);
        return;
    }
    if (smtp_in_message(&s->smtp))
        v->cut_off++;
    smtp_output(&s->smtp, room + s->unsent_n, SMTP_REPLY_MAX);
    smtp_close(&s->smtp, enhanced, text);
    size_t n = smtp_written(&s->smtp);
    trace_reply(v->o->show, s->number, (struct span){room + s->unsent_n, n});
    if (s->unsent_n > 0)
        memcpy(room, s->unsent + s->unsent_at, s->unsent_n);
    n += s->unsent_n;
    free(s->unsent);
    s->unsent = NULL;
    s->unsent_n = 0;
    drop_message(s);
    s->deadline = v->now + SERVER_GRACE; /* to take it, if it cannot at once: sooner than all others */
    list_remove(&v->active, s);
    list_prepend(&v->active, s);
    if (send_replies(v, s, room, n))
        settle(v, s);
    free(room);
}

void session_serve(struct server *v, struct server_session *s)
{
    if (s->ending) {
        read_away(v, s);
        return;
    }
    if (s->handshaking) {
        hear_handshake(v, s);
        return;
    }
    bool was_blocked = s->unsent_n > 0;
    if (was_blocked && !send_unsent(v, s))
        return;
    if (s->unsent_n > 0)
        return;
    if (!s->spoken && session_was_last(v)) {
        session_dismiss(v, s, "4.3.2", "No more connections are served");
        return;
    }
    size_t n = s->held_n;
    if (n > 0)
        memcpy(v->in, s->held, n);
    if (was_blocked || read_more(v, s, &n))
        turn(v, s, n);
}

/* ---- the beginning ---- */

/* Frees what a connection takes that has come to nothing. */
static bool refuse_session(struct server_session *s, struct io_conn *c)
{
    io_close(c);
    free(s);
    return false;
}

bool session_start(struct server *v, struct io_conn *c, const struct io_peer *peer, enum io_scheme scheme)
{
    struct server_session *s = calloc(1, sizeof *s);
    if (s == NULL || os_poll_add(&v->poll, c->in, s) < 0)
        return refuse_session(s, c);
    s->source = (struct server_source){.kind = SERVER_SESSION};
    s->number = ++v->started;
    s->conn = *c;
    s->in_polled = c->borrowed;
    s->peer = *peer;
    s->envelope.lmtp = scheme == IO_LMTP;
    v->nonce += NONCES;
    smtp_init(&s->smtp, scheme == IO_LMTP ? v->o->lmtp : v->o->smtp, v->nonce);
    s->deadline = v->now + v->o->idle;
    list_append(&v->active, s);
    v->open++;
    v->talking++;
    if (scheme == IO_SMTPS)
        begin_handshake(v, s);
    else
        turn(v, s, 0);
    return true;
}
