/* SPDX-License-Identifier: ISC */
/*
 * server.c - the sessions of a run: connections are accepted, ready sessions
 * are served, and sessions whose time has come are woken.
 *
 * One readiness loop in one thread, no queue that grows: a session is read only
 * when everything that its client sent before has been answered and the
 * answers have gone.
 */
#include "serve/inside.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum {
    ACCEPT_MAX = 64,    /* connections accepted in one step from one socket */
    BACKLOG_MAX = 4096, /* connections accepted from it at the end */
    LOOKED_AT = 256,    /* descriptors that are tested for being open; hardly any beyond these is inherited */
    PAGE = 4096,        /* octets */
    STORED_MAX = 16,    /* mails that go on being stored in one step */
    TURNS_MAX = 10,     /* milliseconds of all turns in one step */
    SHAKES_MAX = 30,    /* milliseconds of all handshakes in one */
    STEP_MAX = 100,     /* milliseconds of a step, however many clients are ready */
    RETRY = 100,        /* milliseconds until accepting is tried again after descriptors or memory ran out */
};

/* ---- accepting ---- */

static void watch_listeners(struct server *v, bool listening)
{
    for (size_t i = 0; i < v->n_sources && v->listening; i++) {
        struct server_source *source = &v->sources[i];
        if (source->kind == SERVER_LISTENER)
            (void)poll_set(&v->poll, source->fd, source, listening, false);
    }
}

static void pause_accepting(struct server *v, int64_t until)
{
    v->resume_at = until;
    watch_listeners(v, false);
}

/* Accepts connections; if descriptors run out, it pauses.  Returns how many were accepted. */
static int accept_connections(struct server *v, struct server_source *source)
{
    int i = 0;
    for (; i < ACCEPT_MAX && v->listening && v->resume_at == INT64_MAX; i++) {
        struct connection conn;
        struct peer peer;
        if (connection_accept(source->listener, source->fd, &conn, &peer) < 0) {
            if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
                pause_accepting(v, v->now + RETRY);
            break;
        }
        (void)session_start(v, &conn, &peer, source->listener->scheme, source->listener->proxied);
        if (v->open >= v->room)
            pause_accepting(v, v->now);
    }
    return i;
}

static void stop_listening(struct server *v)
{
    for (size_t i = 0; i < v->n_sources && v->listening; i++) {
        if (v->sources[i].kind == SERVER_LISTENER)
            poll_remove(&v->poll, v->sources[i].fd, &v->sources[i]);
    }
    v->listening = false;
    v->news = true;
}

/* Once the last of the sessions to be served has spoken, those that have not are dismissed. */
static void stop_at_max_sessions(struct server *v)
{
    if (!session_was_last(v) || !v->listening)
        return;
    stop_listening(v);
    for (struct session *s = v->sessions.first, *after; s != NULL; s = after) {
        after = s->after;
        if (!s->spoken && s->phase <= PHASE_HANDSHAKING)
            (void)session_turn_away(v, s);
    }
}

/*
 * How many sessions the descriptors suffice for, with one more for the file of
 * each session's mail.  Descriptors may be open that are not ours: poll() tells
 * of all at once.
 */
static uint64_t count_room(void)
{
    struct rlimit limit;
    struct pollfd fds[LOOKED_AT];
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur == RLIM_INFINITY)
        return UINT64_MAX;
    uint64_t most = (uint64_t)limit.rlim_cur, used = 0;
    size_t n = most < LOOKED_AT ? (size_t)most : LOOKED_AT;
    for (size_t i = 0; i < n; i++)
        fds[i] = (struct pollfd){.fd = (int)i};
    if (poll(fds, (nfds_t)n, 0) < 0)
        return 1;
    for (size_t i = 0; i < n; i++)
        used += !(fds[i].revents & POLLNVAL);
    return most > used + 4 ? (most - used) / 2 : 1;
}

/* ---- the server ---- */

int server_open(struct server *v, const struct server_options *o)
{
    struct timespec now;
    *v = (struct server){
        .o = o,
        .listening = true,
        .storing = {SERVER_STORING, -1, NULL},
        .retry_at = INT64_MAX,
        .resume_at = INT64_MAX,
    };
    v->in = aligned_alloc(PAGE, SERVER_IN_SIZE); /* the system copies a quarter faster to it */
    v->out = malloc(SERVER_OUT_SIZE);
    if (poll_open(&v->poll) < 0 || v->in == NULL || v->out == NULL) {
        server_close(v);
        return -1;
    }
    v->now = clock_now();
    /* no challenge made of it repeats in another run (RFC 2195 2); it need not be secret */
    (void)clock_gettime(CLOCK_REALTIME, &now);
    v->nonce = ((uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec) ^ (uint64_t)getpid() << 44;
    return 0;
}

void server_close(struct server *v)
{
    while (v->sessions.first != NULL)
        session_drop(v, v->sessions.first);
    session_free_gone(v);
    listing_close(&v->tally.came);
    poll_close(&v->poll);
    free(v->wakes);
    free(v->in);
    free(v->out);
    v->wakes = NULL;
    v->in = v->out = NULL;
}

static int add_source(struct server *v, enum server_source_kind kind, int fd, struct listener *l)
{
    if (v->n_sources == SERVER_SOURCES_MAX) {
        errno = ENOSPC;
        return -1;
    }
    struct server_source *source = &v->sources[v->n_sources];
    *source = (struct server_source){kind, fd, l};
    if (poll_add(&v->poll, fd, source) < 0)
        return -1;
    v->n_sources++;
    return 0;
}

int server_listen(struct server *v, struct listener *l)
{
    int status = 0;
    for (size_t i = 0; i < l->n && status == 0; i++)
        status = add_source(v, SERVER_LISTENER, l->fds[i], l);
    return status;
}

int server_take_stdio(struct server *v, enum scheme scheme, bool proxied)
{
    struct connection conn;
    struct peer peer;
    if (connection_take_stdio(&conn, &peer) < 0)
        return -1;
    return session_start(v, &conn, &peer, scheme, proxied) ? 0 : -1;
}

int server_watch(struct server *v, int fd) { return add_source(v, SERVER_WATCHED, fd, NULL); }

/* ---- steps ---- */

/* Goes on with mails that wait for the store, in order.  While any still waits, watches what it waits for, or tries
   again later. */
static void go_on_storing(struct server *v)
{
    struct store_wait wait = {.fd = -1};
    for (int most = v->now >= v->retry_at ? STORED_MAX : 0; most > 0 && v->parked != NULL; most--) {
        if (!event_go_on(v, v->parked))
            break;
        session_unpark(v, v->parked);
    }
    if (v->parked != NULL)
        wait = store_waits_for(v->o->store);
    if (wait.fd != v->storing.fd && v->storing.fd >= 0) {
        poll_remove(&v->poll, v->storing.fd, &v->storing);
        v->storing.fd = -1;
    }
    if (wait.fd != v->storing.fd && poll_add(&v->poll, wait.fd, &v->storing) == 0) {
        if (poll_set(&v->poll, wait.fd, &v->storing, !wait.write, wait.write) == 0)
            v->storing.fd = wait.fd;
        else
            poll_remove(&v->poll, wait.fd, &v->storing);
    }
    if (v->parked == NULL || v->storing.fd >= 0)
        v->retry_at = INT64_MAX;
    else if (v->retry_at == INT64_MAX || v->retry_at <= v->now)
        v->retry_at = v->now + wait.after;
}

/* Waits once, and serves what is ready.  As server_step(). */
static int wait_and_serve(struct server *v, int64_t until)
{
    void *ready[READY_MAX];
    int64_t asked = v->now, next = wake_next(v);
    if (v->retry_at < next)
        next = v->retry_at;
    if (v->open < v->room && v->resume_at < next)
        next = v->resume_at;
    int n = poll_wait(&v->poll, ready, until < next ? until : next, v->now);
    if (n < 0)
        return -1;
    v->now = clock_now();
    v->shake_end = v->now + SHAKES_MAX;
    int turn = n > 1 ? TURNS_MAX / n : TURNS_MAX;
    for (int i = 0; i < n; i++) {
        const enum server_source_kind *kind = ready[i];
        v->turn_end = v->now + turn;
        if (*kind == SERVER_SESSION)
            session_serve(v, ready[i]);
        else if (*kind == SERVER_LISTENER)
            (void)accept_connections(v, ready[i]);
        else if (*kind == SERVER_STORING)
            v->retry_at = v->now;
        else
            v->watched = v->news = true;
    }
    if (v->now >= next) {
        for (struct session *s; (s = wake_next_due(v, asked, n < READY_MAX)) != NULL;)
            session_wake(v, s);
        if (v->open < v->room && v->now >= v->resume_at) {
            v->resume_at = INT64_MAX;
            watch_listeners(v, true);
        }
    }
    if (v->parked != NULL || v->storing.fd >= 0 || v->now >= v->retry_at)
        go_on_storing(v);
    if (v->news)
        stop_at_max_sessions(v);
    if (v->gone != NULL)
        session_free_gone(v);
    return n;
}

int server_step(struct server *v, int64_t until)
{
    int n;
    int64_t end = v->now + STEP_MAX;
    if (v->room == 0)
        v->room = count_room();
    v->watched = false;
    if (v->news) { /* from before this step: a session of standard input may have been the last */
        stop_at_max_sessions(v);
        until = v->now;
    }
    do
        n = wait_and_serve(v, until);
    while (n > 0 && !v->news && v->now < until && v->now < end);
    v->news = false;
    return n;
}

/* ---- the end ---- */

void server_stop_accepting(struct server *v)
{
    v->now = clock_now();
    for (size_t i = 0; i < v->n_sources && v->listening; i++) {
        int most = BACKLOG_MAX;
        while (v->sources[i].kind == SERVER_LISTENER && most > 0 && accept_connections(v, &v->sources[i]) == ACCEPT_MAX)
            most -= ACCEPT_MAX;
    }
    stop_listening(v);
}

void server_stop(struct server *v, bool finish)
{
    v->now = clock_now();
    v->stopping = true;
    v->grace = v->now + SERVER_GRACE;
    for (struct session *s = v->sessions.first, *after; s != NULL; s = after) {
        after = s->after;
        bool in_message = smtp_in_message(&s->smtp);
        int64_t taken_at = s->heard != NULL ? s->heard->taken_at : 0;
        bool told = taken_at > 0 && v->now < taken_at + SERVER_GRACE && !in_message;
        bool may_stay = s->phase == PHASE_PARKED || s->pending || told || (finish && in_message);
        bool idles = s->phase == PHASE_TALKING && s->unsent == NULL && !(finish && in_message);
        int64_t last = idles ? s->wake_at - v->o->idle : v->now; /* word of the client, or 250 to its mail */
        if (told && taken_at > last)
            last = taken_at;
        if (s->broken_off || !may_stay)
            session_dismiss(v, s, "4.3.2", "Closing down");
        int64_t end = s->phase == PHASE_CLOSING ? v->grace : last + SERVER_GRACE;
        if (s->phase != PHASE_GONE && s->wake_at > end)
            wake_at_time(v, s, end);
    }
    session_free_gone(v);
}
