/* SPDX-License-Identifier: ISC */
/*
 * message.c - the message on standard input, and the recipients in its header.
 */
#include "send/inside.h"

#include <errno.h>
#include <unistd.h>

#include "mail/mail.h"

/* ---- reading ---- */

/* Ends the line that begins at start.  False if it ends the message. */
static bool end_line(struct text *message, size_t start, bool dots)
{
    size_t n = message->n - start;
    if (message->failed || n == 0)
        return true;
    const char *line = message->p + start;
    size_t end = n > 1 && line[n - 1] == '\n' && line[n - 2] == '\r' ? 2 : line[n - 1] == '\n' ? 1 : 0;
    bool over = dots && n - end == 1 && *line == '.';
    message->n -= over ? n : end;
    text_add_string(message, over ? "" : "\r\n");
    return !over;
}

/* Takes out the line that an mbox has before a message. */
static void drop_from(struct text *message)
{
    static const char from[] = "From ";
    if (message->n < sizeof from || memcmp(message->p, from, sizeof from - 1) != 0)
        return;
    const char *start = (const char *)memchr(message->p, '\n', message->n) + 1;
    message->n -= (size_t)(start - message->p);
    memmove(message->p, start, message->n);
}

bool message_read(int fd, bool dots, struct text *message)
{
    static char block[64 * 1024];
    size_t start = 0;
    bool over = false;
    ssize_t n = 0;
    while (!over && !message->failed && ((n = read(fd, block, sizeof block)) > 0 || (n < 0 && errno == EINTR))) {
        struct span rest = {block, n > 0 ? (size_t)n : 0};
        while (rest.n > 0 && !over) {
            const char *lf = memchr(rest.p, '\n', rest.n);
            size_t part = lf != NULL ? (size_t)(lf + 1 - rest.p) : rest.n;
            text_add(message, rest.p, part);
            span_skip(&rest, part);
            over = lf != NULL && !end_line(message, start, dots);
            start = lf != NULL ? message->n : start;
        }
    }
    if (!over)
        (void)end_line(message, start, dots);
    if (!message->failed)
        drop_from(message);
    errno = message->failed ? ENOMEM : errno;
    return n >= 0 && !message->failed;
}

/* ---- the header ---- */

/* Takes a field with its folded lines off the front.  False at the end of the header. */
static bool take_field(struct span *rest, struct span *name, struct span *whole)
{
    const char *p = rest->p, *end = rest->p + rest->n;
    while (p != end && *p > ' ' && *p < 0x7f && *p != ':') /* RFC 5322 3.6.8 */
        p++;
    *name = span_between(rest->p, p);
    while (p < end && (*p == ' ' || *p == '\t')) /* RFC 5322 4.5 */
        p++;
    if (name->n == 0 || p == end || *p != ':')
        return false;
    do
        p = (const char *)memchr(p, '\n', (size_t)(end - p)) + 1; /* each line has an end */
    while (p < end && (*p == ' ' || *p == '\t'));
    *whole = span_between(rest->p, p);
    span_skip(rest, whole->n);
    return true;
}

static bool is_resent(struct span header)
{
    static const char *const names[] = {"Resent-To", "Resent-Cc", "Resent-Bcc", NULL};
    struct span name, whole;
    bool found = false;
    while (!found && take_field(&header, &name, &whole))
        found = span_is_one_of(name, names);
    return found;
}

void message_take_recipients(struct text *message, struct addresses *to)
{
    static const char *const names[] = {"To", "Cc", "Bcc", NULL};
    static const char resent[] = "Resent-";
    struct span rest = text_span(message), name, whole;
    if (rest.n == 0)
        return;
    bool again = is_resent(rest);
    char *kept = message->p;
    while (take_field(&rest, &name, &whole)) {
        struct span kind = name;
        bool ours = (!again || span_takes(&kind, resent)) && span_is_one_of(kind, names);
        if (ours) {
            span_skip(&whole, name.n);
            span_skip(&whole, (size_t)((const char *)memchr(whole.p, ':', whole.n) + 1 - whole.p));
            (void)addresses_add(to, whole);
        }
        if (ours && span_is(kind, "Bcc"))
            continue;
        size_t n = (size_t)(rest.p - name.p);
        memmove(kept, name.p, n);
        kept += n;
    }
    if (rest.n > 0)
        memmove(kept, rest.p, rest.n);
    message->n = (size_t)(kept - message->p) + rest.n;
}

/* ---- addresses ---- */

/* Whether the last address, which begins at start, is also there before it. */
static bool is_again(const struct text *t, size_t start)
{
    const char *address = t->p;
    while (address < t->p + start && strcmp(address, t->p + start) != 0)
        address += strlen(address) + 1;
    return address < t->p + start;
}

size_t addresses_add(struct addresses *to, struct span list)
{
    size_t found = 0;
    for (size_t start = to->text.n; message_take_address(&list, &to->text); start = to->text.n) {
        if (to->text.n == start)
            continue;
        found++;
        if (memchr(to->text.p + start, '@', to->text.n - start) == NULL)
            text_add_string(&to->text, "@localhost");
        text_add(&to->text, "", 1);
        if (!to->text.failed && is_again(&to->text, start))
            to->text.n = start;
        else
            to->n++;
    }
    return found;
}
