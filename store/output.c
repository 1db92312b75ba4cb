/*
 * output.c - what is made of a message when it is stored.
 *
 * Attachments are files of a struct save of their own, so that they appear
 * whole and replace nothing.  Their names are ours: the number of the message,
 * and what of the client's name can do no harm in a shell, in a terminal, or in
 * a path.
 */
#include "store/store.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mail/mail.h"

enum { NAME_SHOWN = 80 /* octets of a client's name for a file */ };

/* ---- attachments ---- */

static bool is_harmless(char c) { return ascii_is_letter(c) || ascii_is_digit(c) || c == '.' || c == '-' || c == '_'; }

/* Directories are dropped, and what is in front where a name is too long, as its end tells the type. */
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

/* Of what has no name: "part" and what its type is for. */
static size_t make_name(char *out, struct span type, struct span subtype)
{
    size_t n = 5;
    memcpy(out, "part.", n);
    if (span_is(type, "text") && span_is(subtype, "plain"))
        subtype = (struct span){"txt", 3};
    else if (span_is(type, "message"))
        subtype = (struct span){"eml", 3};
    else if (subtype.n == 0 || subtype.n > 5)
        subtype = (struct span){"bin", 3};
    n += clean(out + n, subtype);
    for (size_t i = 5; i < n; i++)
        out[i] = ascii_lower(out[i]);
    return n;
}

static void open_attachment(void *context, uint64_t message, struct span name, struct span type, struct span subtype)
{
    struct output *o = context;
    char cleaned[NAME_SHOWN + 8];
    size_t n = name.n > 0 ? clean(cleaned, name) : make_name(cleaned, type, subtype);
    save_begin(&o->file, &o->place, true);
    (void)snprintf(o->file.asked, sizeof o->file.asked, "%04ju-%.*s", (uintmax_t)message, (int)n, cleaned);
}

static void put_attachment(void *context, const char *octets, size_t n)
{
    struct output *o = context;
    save_add(&o->file, octets, n);
}

static bool note_name(struct output *o)
{
    if (o->n_made == o->size_made) {
        size_t size = o->size_made > 0 ? o->size_made * 2 : 8;
        void *grown = realloc(o->made, size * sizeof *o->made);
        if (grown == NULL)
            return false;
        o->made = grown;
        o->size_made = size;
    }
    memcpy(o->made[o->n_made++], o->file.name, SAVE_NAME_MAX);
    return true;
}

static const char *close_attachment(void *context)
{
    struct output *o = context;
    if (save_finish(&o->file, NULL) < 0) {
        o->error = o->file.error;
        o->culprit = o->file.culprit;
        return NULL;
    }
    if (!note_name(o)) {
        (void)unlinkat(o->place.final, o->file.name, 0);
        o->error = ENOMEM;
        o->culprit = "memory";
        return NULL;
    }
    int n = snprintf(o->path, sizeof o->path, "%s/%s", o->o.directory, o->file.name);
    if (n > 0 && (size_t)n < sizeof o->path)
        return o->path;
    o->error = ENAMETOOLONG;
    o->culprit = o->o.directory;
    return NULL;
}

void output_undo(void *context)
{
    struct output *o = context;
    for (size_t i = 0; i < o->n_made; i++)
        (void)unlinkat(o->place.final, o->made[i], 0);
    o->n_made = 0;
}

/* ---- messages ---- */

/* Whether it counts. */
static bool look_for_match(struct output *o, struct mail *mail, struct message *m)
{
    o->had.failed = false;
    const struct match *failed = match_failed(o->o.matches, o->o.n_matches, m, mail, &o->had, &mail->has_none);
    mail->failed = failed != NULL ? failed->text : NULL;
    mail->had = text_span(&o->had);
    return !o->had.failed;
}

/* -1 with errno where memory, or the place of an attachment, is what failed. */
static int make(struct output *o, struct mail *mail, struct message *m, struct text *made)
{
    const struct render_attach attach = {open_attachment, put_attachment, close_attachment, o};
    bool attaching = o->o.directory != NULL, good = true, failed = !look_for_match(o, mail, m);
    if (o->o.format == OUTPUT_JSON) {
        good = render_json(made, mail, m, attaching ? &attach : NULL);
    } else {
        if (attaching && !failed)
            good = render_attachments(mail, m, &attach, &failed);
        if (o->o.format == OUTPUT_TEXT)
            render_text(made, mail, m);
        if (o->o.lint) {
            lint_decode(m);
            lint(m, mail);
        }
    }
    errno = good ? ENOMEM : o->error;
    return good && !failed && !made->failed ? 0 : -1;
}

int output_render(void *context, void *message, const char *file, struct span octets, char **text, size_t *size,
                  const char **culprit)
{
    struct output *o = context;
    struct mail *mail = message;
    struct message m;
    struct text made = {NULL, 0, 0, false};
    o->n_made = 0;
    o->culprit = "memory";
    mail->file = file;
    errno = ENOMEM;
    int status = message_open(&m, octets) ? make(o, mail, &m, &made) : -1, saved = errno;
    message_close(&m);
    *culprit = o->culprit;
    if (status == 0) {
        *text = made.p;
        *size = made.n;
    } else {
        free(made.p);
    }
    errno = saved;
    return status;
}

int output_open(struct output *o, const struct output_options *options)
{
    const struct save_options place = {.directory = options->directory, .stream = -1, .fsync = options->fsync};
    const char *culprit;
    *o = (struct output){.o = *options, .place = {.temporary = -1, .final = -1}};
    return options->directory != NULL ? save_open(&o->place, &place, &culprit) : 0;
}

bool output_is_needed(const struct output *o)
{
    return o->o.format != OUTPUT_NONE || o->o.directory != NULL || o->o.n_matches > 0 || o->o.lint;
}

void output_close(struct output *o)
{
    save_close(&o->place);
    free(o->made);
    free(o->had.p);
    o->made = NULL;
    o->had.p = NULL;
}
