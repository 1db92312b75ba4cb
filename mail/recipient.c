/*
 * recipient.c - which recipients of a mail its header names.
 */
#include "mail/inside.h"

#include <stdlib.h>

struct recipient {
    struct span address;
    size_t place; /* in the envelope */
    size_t first; /* once they are sorted: the first one with this address; it alone has found */
    bool found;
};

static int by_address(const void *a, const void *b)
{
    return span_order(((const struct recipient *)a)->address, ((const struct recipient *)b)->address);
}

/* Sorts the recipients.  The caller frees them; NULL: there is no memory. */
static struct recipient *sort(const struct mail *mail)
{
    size_t n = mail->n_recipients;
    struct recipient *all = realloc(NULL, (n + 1) * sizeof *all); /* which the tests have fail */
    if (all == NULL)
        return NULL;
    for (size_t i = 0; i < n; i++)
        all[i] = (struct recipient){.address = mail->recipients[i].address, .place = i};
    qsort(all, n, sizeof *all, by_address);
    for (size_t i = 0; i < n; i++)
        all[i].first = i > 0 && by_address(&all[i - 1], &all[i]) == 0 ? all[i - 1].first : i;
    return all;
}

bool *recipients_named(struct message *m, const struct mail *mail, const char *const fields[])
{
    struct span header = m->parts->header;
    struct recipient *all = sort(mail);
    bool *named = calloc(mail->n_recipients + 1, sizeof *named);
    struct text spec = {NULL, 0, 0, false};
    struct field field;
    while (all != NULL && header_take_field(m, &header, &field)) {
        struct address a = {.closes = false};
        while (span_is_one_of(field.name, fields) && address_take(m, &field.value, &a)) {
            spec.n = 0;
            address_spec(m, a.address, message_into(&spec));
            struct recipient wanted = {.address = text_span(&spec)};
            struct recipient *r = bsearch(&wanted, all, mail->n_recipients, sizeof *all, by_address);
            if (r != NULL)
                all[r->first].found = true;
        }
    }
    m->failed = m->failed || all == NULL || named == NULL || spec.failed;
    for (size_t i = 0; i < mail->n_recipients && !m->failed; i++)
        named[all[i].place] = all[all[i].first].found;
    free(all);
    free(spec.p);
    return named;
}
