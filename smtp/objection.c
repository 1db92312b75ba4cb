/*
 * objection.c - raises an objection, and refuses a command for it.
 */
#include "smtp/objection.h"

#include <assert.h>

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
    return o->tolerated && !s->config->strict ? NULL : o;
}

void objection_refuse(struct smtp *s, struct smtp_event *e, const struct objection *o)
{
    s->legal = false;
    reply_canned(s, e, &o->reply);
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
