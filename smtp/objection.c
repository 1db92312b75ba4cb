/* SPDX-License-Identifier: ISC */
/*
 * objection.c - raises an objection, and refuses a command for it.
 */
#include "smtp/objection.h"

#include <assert.h>
#include <string.h>

enum { REFUSED = false, TOLERATED = true };

const struct objection objections[] = {
#define X(name, tolerated, problem, code, enhanced, text) {CANNED(code, enhanced, text), problem, tolerated},
    OBJECTIONS_LIST(X)
#undef X
};

const struct objection *objection_raise(const struct smtp *s, struct smtp_event *e, enum objection_name name)
{
    const struct objection *o = &objections[name];
    if (o->problem != PROBLEMS)
        problems_add(&e->problems, (enum problem)o->problem);
    return o->tolerated && !smtp_minds(s, (enum problem)o->problem) ? NULL : o;
}

void objection_refuse(struct smtp *s, struct smtp_event *e, const struct objection *o)
{
    size_t n = (size_t)(o->reply.n - CANNED_CODE - o->reply.enhanced); /* of the text */
    s->legal = false;
    reply_canned(s, e, &o->reply);
    char *text = s->out + s->out_n + s->reply_n - n;
    if (*text != ' ')
        return;
    memmove(text + e->subject.n, text, n);
    memcpy(text, e->subject.p, e->subject.n);
    s->reply_n += e->subject.n;
}

void objection_set_subject(struct smtp_event *e, struct span word)
{
    e->subject = sasl_is_name(word) ? word : span_of("This");
}

const struct objection *objection_to_path(const struct smtp *s, struct smtp_event *e, enum problem problem)
{
    enum objection_name name = e->type == SMTP_MAIL ? OBJECTION_SENDER : OBJECTION_RECIPIENT;
    while (objections[name].problem != problem) {
        name++;
        assert(name < OBJECTIONS);
    }
    return objection_raise(s, e, name);
}
