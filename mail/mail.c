/* SPDX-License-Identifier: ISC */
/*
 * mail.c - the envelope of a mail.
 *
 * The texts of all its paths lie in one block, which the next mail of a session
 * uses again.  When the block has to grow, the spans are moved to the new one.
 */
#include "mail/mail.h"

#include <stdlib.h>
#include <string.h>

enum { WORDS_FIRST = 256 /* octets of the block at first */ };

static void move(struct span *s, const char *from, char *to)
{
    if (s->p != NULL)
        s->p = to + (s->p - from);
}

/* Makes room for n more octets.  False if there is no memory. */
static bool reserve(struct mail *m, size_t n)
{
    if (m->words != NULL && m->words_size - m->words_n >= n)
        return true;
    size_t size = (m->words_size > 0 ? 2 * m->words_size : WORDS_FIRST) + n;
    char *words = malloc(size);
    if (words == NULL)
        return false;
    if (m->words_n > 0)
        memcpy(words, m->words, m->words_n);
    move(&m->sender, m->words, words);
    move(&m->sender_params, m->words, words);
    for (size_t i = 0; i < m->n_recipients; i++) {
        move(&m->recipients[i].address, m->words, words);
        move(&m->recipients[i].params, m->words, words);
    }
    free(m->words);
    m->words = words;
    m->words_size = size;
    return true;
}

/* Copies a text to the end of the block, where there is room for it. */
static struct span keep(struct mail *m, struct span text)
{
    char *p = m->words + m->words_n;
    if (text.n > 0)
        memcpy(p, text.p, text.n);
    m->words_n += text.n;
    return (struct span){p, text.n};
}

bool mail_begin(struct mail *m, struct span sender, struct span params)
{
    *m = (struct mail){
        .recipients = m->recipients,
        .recipients_size = m->recipients_size,
        .words = m->words,
        .words_size = m->words_size,
    };
    if (!reserve(m, sender.n + params.n))
        return false;
    m->sender = keep(m, sender);
    m->sender_params = keep(m, params);
    return true;
}

bool mail_add_recipient(struct mail *m, struct span address, struct span params)
{
    if (m->n_recipients == m->recipients_size) {
        size_t size = m->recipients_size > 0 ? 2 * m->recipients_size : 4;
        struct mail_recipient *grown = realloc(m->recipients, size * sizeof *grown);
        if (grown == NULL)
            return false;
        m->recipients = grown;
        m->recipients_size = size;
    }
    if (!reserve(m, address.n + params.n))
        return false;
    struct mail_recipient *r = &m->recipients[m->n_recipients++];
    r->address = keep(m, address);
    r->params = keep(m, params);
    return true;
}

void mail_keep_recipients(struct mail *m, const bool *kept)
{
    size_t n = 0;
    for (size_t i = 0; i < m->n_recipients; i++) {
        if (kept[i])
            m->recipients[n++] = m->recipients[i];
    }
    m->n_recipients = n;
}

void mail_close(struct mail *m)
{
    free(m->recipients);
    free(m->words);
    *m = (struct mail){.n = 0};
}
