/* SPDX-License-Identifier: ISC */
/*
 * wake.c - when each session wakes: a heap of the sessions, the earliest first.
 *
 * With each word of its client a session's time moves to later.  That is only
 * noted, and costs no work in the heap; the session is moved there when it
 * comes to the top.
 */
#include "serve/inside.h"

#include <stdlib.h>

static void put(struct server *v, size_t place, struct session *s)
{
    v->wakes[place] = s;
    s->place = (uint32_t)place;
}

/* Moves a session towards the top, to the place that its time gives it. */
static void move_up(struct server *v, struct session *s)
{
    size_t i = s->place;
    while (i > 0 && v->wakes[(i - 1) / 2]->queued_at > s->queued_at) {
        put(v, i, v->wakes[(i - 1) / 2]);
        i = (i - 1) / 2;
    }
    put(v, i, s);
}

/* The same, away from the top. */
static void move_down(struct server *v, struct session *s)
{
    size_t i = s->place;
    for (size_t child; (child = 2 * i + 1) < v->n_wakes; i = child) {
        if (child + 1 < v->n_wakes && v->wakes[child + 1]->queued_at < v->wakes[child]->queued_at)
            child++;
        if (v->wakes[child]->queued_at >= s->queued_at)
            break;
        put(v, i, v->wakes[child]);
    }
    put(v, i, s);
}

bool wake_add(struct server *v, struct session *s, int64_t at)
{
    if (v->n_wakes == v->wakes_size) {
        size_t size = v->wakes_size > 0 ? 2 * v->wakes_size : 16;
        struct session **grown = realloc(v->wakes, size * sizeof(struct session *));
        if (grown == NULL)
            return false;
        v->wakes = grown;
        v->wakes_size = size;
    }
    s->wake_at = s->queued_at = at;
    s->place = (uint32_t)v->n_wakes++;
    move_up(v, s);
    return true;
}

void wake_at_time(struct server *v, struct session *s, int64_t at)
{
    s->wake_at = at;
    if (at >= s->queued_at)
        return;
    s->queued_at = at;
    move_up(v, s);
}

void wake_never(struct server *v, struct session *s)
{
    struct session *last = v->wakes[--v->n_wakes];
    if (last == s)
        return;
    put(v, s->place, last);
    move_up(v, last);
    move_down(v, last);
}

/* Moves the first session to this later time. */
static void requeue(struct server *v, int64_t at)
{
    v->wakes[0]->queued_at = at;
    move_down(v, v->wakes[0]);
}

struct session *wake_next_due(struct server *v, int64_t asked, bool all_heard)
{
    while (wake_next(v) <= v->now) {
        struct session *s = v->wakes[0];
        bool stopped = v->stopping && v->now >= v->grace;
        bool may_have_spoken = s->phase <= PHASE_HANDSHAKING && !stopped && (s->wake_at > asked || !all_heard);
        if (s->wake_at > v->now)
            requeue(v, s->wake_at);
        else if (may_have_spoken)
            requeue(v, v->now + 1);
        else
            return s;
    }
    return NULL;
}
