/*
 * attachments.c - the attachments of a mail as files.
 *
 * The name of a file is the number of the mail, and the part of the client's
 * name that can do no harm in a shell, a terminal or a path.
 */
#include "store/inside.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { NAME_SHOWN = 80 /* octets of a client's name for a file */ };

/* Writes a client's name without directories and odd characters.  A long name loses its front, as its end shows the
   type. */
static size_t clean(char *out, struct span name)
{
    size_t n = 0, start = name.n > 0 ? name.n - 1 : 0, most = NAME_SHOWN;
    while (start > 0 && name.p[start - 1] != '/' && name.p[start - 1] != '\\')
        start--;
    span_skip(&name, start);
    span_skip(&name, name.n > most ? name.n - most : 0);
    for (; name.n > 0; span_skip(&name, 1)) {
        char c = *name.p;
        bool good = ascii_is_letter(c) || ascii_is_digit(c) || c == '.' || c == '-' || c == '_';
        if (good || n == 0 || out[n - 1] != '_')
            out[n++] = (char)(good ? c : '_');
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

static void put_spool(void *context, const char *octets, size_t n) { spool_add(context, octets, n); }

static int save(struct store *s, struct spool *p, const char *asked, struct message *m, const struct part *part)
{
    struct spool f;
    spool_begin_file(&f, &s->attachments);
    message_octets(m, part, (struct sink){put_spool, &f});
    int status = spool_complete(&f);
    if (status == 0)
        status = spool_publish(&f, asked);
    if (status < 0) {
        (void)spool_fail(p, f.failure.error, f.failure.what);
    } else {
        place_add_path(f.place, &f.file, &p->attached);
        status = spool_check_text(p, &p->attached);
    }
    f.file.published = f.file.published && status < 0; /* a file that is noted stays */
    spool_drop(&f);
    return status;
}

void attachments_remove(struct store *s, struct spool *p)
{
    for (size_t at = 0; at < p->attached.n; at += strlen(p->attached.p + at) + 1)
        (void)unlinkat(s->attachments.final, strrchr(p->attached.p + at, '/') + 1, 0);
    p->attached.n = 0;
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
        if (spool_check_text(p, &name) < 0 || save(s, p, asked, m, part) < 0)
            return -1;
    }
    const char *path = p->attached.p;
    for (struct part *part = NULL; (part = message_next_attachment(m, part)) != NULL; path += strlen(path) + 1)
        message_set_path(part, path);
    return 0;
}
