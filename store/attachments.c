/* SPDX-License-Identifier: ISC */
/*
 * attachments.c - the attachments of a mail as files.
 */
#include "store/inside.h"

#include <string.h>
#include <unistd.h>

static void put_spool(void *context, const char *octets, size_t n) { spool_add(context, octets, n); }

static int save(struct store *s, struct spool *p, const char *asked, struct message *m, struct part *part)
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
    char asked[MESSAGE_FILE_NAME_MAX];
    for (struct part *part = NULL; (part = message_next_attachment(m, part)) != NULL;) {
        if (!message_file_name(m, part, number, asked))
            return spool_fail(p, ENOMEM, "memory");
        if (save(s, p, asked, m, part) < 0)
            return -1;
    }
    const char *path = p->attached.p;
    for (struct part *part = NULL; (part = message_next_attachment(m, part)) != NULL; path += strlen(path) + 1)
        message_set_path(part, path);
    return 0;
}
