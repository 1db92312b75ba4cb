/* SPDX-License-Identifier: ISC */
/*
 * recipient.c - which recipients of a mail its header names.
 */
#include "mail/inside.h"

#include <stdlib.h>

static int by_address(const void *a, const void *b)
{
    const struct mail_recipient *const *x = a, *const *y = b;
    return span_order((*x)->address, (*y)->address);
}

bool *recipients_named(struct message *m, const struct mail *mail, const char *const fields[])
{
    size_t n = mail->n_recipients;
    const struct mail_recipient **all = malloc((n + 1) * sizeof *all);
    bool *named = calloc(n + 1, sizeof *named);
    struct text spec = {NULL, 0, 0, false};
    struct span header = m->parts->header;
    struct field field;
    for (size_t i = 0; i < n && all != NULL; i++)
        all[i] = &mail->recipients[i];
    if (all != NULL)
        qsort(all, n, sizeof *all, by_address);
    while (all != NULL && named != NULL && header_take_field(m, &header, &field)) {
        struct address a = {.closes = false};
        while (span_is_one_of(field.name, fields) && address_take(m, &field.value, &a)) {
            spec.n = 0;
            address_spec(m, a.address, message_into(&spec));
            const struct mail_recipient wanted = {.address = text_span(&spec)}, *key = &wanted;
            const struct mail_recipient **r = bsearch(&key, all, n, sizeof *all, by_address);
            if (r == NULL || named[*r - mail->recipients])
                continue; /* if one is marked, all with its address are */
            while (r > all && by_address(r - 1, r) == 0)
                r--;
            for (; r < all + n && by_address(&key, r) == 0; r++)
                named[*r - mail->recipients] = true;
        }
    }
    m->failed = m->failed || all == NULL || named == NULL || spec.failed;
    free(all);
    free(spec.p);
    return named;
}
