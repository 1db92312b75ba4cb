/* SPDX-License-Identifier: ISC */
/*
 * listing.c - the messages that came, a line for each:
 *
 *     from <a@example> to <b@example> and 1 more, subject "Hello"
 */
#include "report/inside.h"

#include <stdlib.h>

/* Adds a text from the client, escaped, between two others. */
static void add_shown(struct text *line, const char *before, struct span text, const char *after)
{
    char shown[LISTING_TEXT_MAX];
    (void)console_escape(shown, sizeof shown, text);
    text_add_string(line, before);
    text_add_string(line, shown);
    text_add_string(line, after);
}

static void add_subject(struct text *line, struct span head)
{
    struct text subject = {NULL, 0, 0, false};
    if (!message_field(head, "subject", message_into(&subject))) {
        text_add_string(line, head.n < MAIL_HEAD_MAX ? ", no subject" : ", no subject in its first 8192 octets");
        return;
    }
    add_shown(line, ", subject \"", text_span(&subject), "\"");
    line->failed = line->failed || subject.failed;
    free(subject.p);
}

/* ": counts for expectations 1, 3" */
static void add_expectations(struct text *line, uint64_t fits)
{
    const char *before = (fits & (fits - 1)) == 0 ? ": counts for expectation " : ": counts for expectations ";
    for (uint64_t i = 1; fits != 0; i++, fits >>= 1) {
        if ((fits & 1) == 0)
            continue;
        text_add_string(line, before);
        text_add_number(line, i);
        before = ", ";
    }
}

static void add_failed(struct text *line, const struct listing *l, const struct mail *mail)
{
    if (l->several) {
        text_add_string(line, ": closest to expectation ");
        text_add_number(line, mail->failed->expectation + 1);
    }
    text_add_string(line, l->several ? ", but fails " : ": fails ");
    text_add_string(line, match_option(mail->failed));
    text_add_string(line, " '");
    text_add_string(line, mail->failed->text);
    text_add_string(line, "', as it has ");
    if (mail->has_none)
        text_add_string(line, "none");
    else
        add_shown(line, "\"", mail->had, "\"");
}

void listing_add_line(struct listing *l, const struct mail *mail, struct span head)
{
    struct text line = {NULL, 0, 0, false};
    add_shown(&line, "from <", mail->sender, ">");
    if (mail->n_recipients > 0)
        add_shown(&line, " to <", mail->recipients[0].address, ">");
    if (mail->n_recipients > 1) {
        text_add_string(&line, " and ");
        text_add_number(&line, mail->n_recipients - 1);
        text_add_string(&line, " more");
    }
    add_subject(&line, head);
    if (mail->fits == 0)
        add_failed(&line, l, mail);
    else if (l->several)
        add_expectations(&line, mail->fits);
    text_add(&line, "", 1);
    if (line.failed) {
        free(line.p);
        l->more++;
        return;
    }
    l->lines[l->n++] = line.p;
}

void listing_close(struct listing *l)
{
    for (size_t i = 0; i < l->n; i++)
        free(l->lines[i]);
    l->n = 0;
}
