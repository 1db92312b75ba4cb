/*
 * attachments.c - files of the attachments of a mail.
 *
 * Their names are ours: the number of the mail, and as much of the client's
 * name as can do no harm in a shell, in a terminal, or in a path.
 */
#include "store/inside.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_SHOWN = 80 /* octets of a client's name for a file */ };

/* ---- names ---- */

static bool is_harmless(char c) { return ascii_is_letter(c) || ascii_is_digit(c) || c == '.' || c == '-' || c == '_'; }

/* Writes a client's name without directories and odd characters.  A name that is too long loses its front, as its end
   tells the type. */
static size_t clean(char *out, struct span name)
{
    size_t n = 0;
    for (size_t i = 0; i + 1 < name.n; i++) {
        if (name.p[i] == '/' || name.p[i] == '\\') {
            span_skip(&name, i + 1);
            i = (size_t)-1;
        }
    }
    if (name.n > NAME_SHOWN)
        span_skip(&name, name.n - NAME_SHOWN);
    for (; name.n > 0; span_skip(&name, 1)) {
        bool good = is_harmless(*name.p);
        if (good || n == 0 || out[n - 1] != '_')
            out[n++] = (char)(good ? *name.p : '_');
    }
    return n;
}

/* Writes "part." and a suffix, for an attachment without a name. */
static size_t make_name(char *out, struct span suffix)
{
    size_t n = 5;
    memcpy(out, "part.", n);
    n += clean(out + n, suffix);
    for (size_t i = 5; i < n; i++)
        out[i] = ascii_lower(out[i]);
    return n;
}

/* ---- files ---- */

static void put_spool(void *context, const char *octets, size_t n) { spool_add(context, octets, n); }

/* Keeps the path of a file, which is published; -1 if that cannot be, and the failure is kept in f. */
static int note_path(struct spool *p, struct spool *f)
{
    char path[PATH_MAX];
    int n = snprintf(path, sizeof path, "%s/%s", f->place->path, f->file.name);
    if (n < 0 || (size_t)n >= sizeof path)
        return spool_fail(f, ENAMETOOLONG, f->place->path);
    text_add(&p->attached, path, (size_t)n + 1);
    if (p->attached.failed)
        return spool_fail(f, ENOMEM, "memory");
    f->file.published = false; /* it stays when f is dropped */
    return 0;
}

static int save(struct store *s, struct spool *p, const char *asked, struct message *m, const struct part *part)
{
    struct spool f;
    spool_begin_file(&f, &s->attachments);
    message_octets(m, part, (struct sink){put_spool, &f});
    int status = spool_complete(&f, false);
    if (status == 0)
        status = spool_publish(&f, asked);
    if (status == 0)
        status = note_path(p, &f);
    if (status < 0)
        (void)spool_fail(p, f.failure.error, f.failure.what);
    spool_drop(&f);
    return status;
}

int attachments_save(struct store *s, struct spool *p, uint64_t number, struct message *m)
{
    char cleaned[NAME_SHOWN + 8], asked[PLACE_NAME_MAX];
    for (struct part *part = NULL; (part = message_next_attachment(m, part)) != NULL;) {
        struct text name = {NULL, 0, 0, false};
        (void)message_filename(m, part, message_into(&name));
        size_t n = name.n > 0 ? clean(cleaned, text_span(&name)) : make_name(cleaned, message_suffix(part));
        (void)snprintf(asked, sizeof asked, "%04ju-%.*s", (uintmax_t)number, (int)n, cleaned);
        free(name.p);
        if (name.failed)
            return spool_fail(p, ENOMEM, "memory");
        if (save(s, p, asked, m, part) < 0)
            return -1;
    }
    const char *path = p->attached.p;
    for (struct part *part = NULL; (part = message_next_attachment(m, part)) != NULL; path += strlen(path) + 1)
        message_set_path(part, path);
    return 0;
}
