/*
 * listing.c - the messages that came, a line for each.
 */
#include "report/report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mail/mail.h"

bool listing_has_room(const struct listing *l) { return l->n < LISTING_MAX; }

static void add_subject(struct text *line, struct span head)
{
    struct text subject = {NULL, 0, 0, false};
    char shown[LISTING_TEXT_MAX];
    if (!message_field(head, "subject", message_into(&subject))) {
        text_add_string(line, ", no subject");
        return;
    }
    (void)console_escape(shown, sizeof shown, text_span(&subject));
    text_add_string(line, ", subject \"");
    text_add_string(line, shown);
    text_add_string(line, "\"");
    line->failed = line->failed || subject.failed;
    free(subject.p);
}

static void add_address(struct text *line, struct span address)
{
    char shown[LISTING_TEXT_MAX];
    (void)console_escape(shown, sizeof shown, address);
    text_add_string(line, "<");
    text_add_string(line, shown);
    text_add_string(line, ">");
}

static void add_envelope(struct text *line, const struct mail *mail)
{
    text_add_string(line, "from ");
    add_address(line, mail->sender);
    text_add_string(line, " to ");
    if (mail->n_recipients > 0)
        add_address(line, mail->recipients[0].address);
    if (mail->n_recipients > 1) {
        text_add_string(line, " and ");
        text_add_number(line, mail->n_recipients - 1);
        text_add_string(line, " more");
    }
}

static void add_failed(struct text *line, const struct mail *mail)
{
    char shown[LISTING_TEXT_MAX];
    (void)console_escape(shown, sizeof shown, mail->had);
    text_add_string(line, ": fails --match '");
    text_add_string(line, mail->failed);
    text_add_string(line, "', as it has ");
    text_add_string(line, mail->has_none ? "none" : "\"");
    text_add_string(line, mail->has_none ? "" : shown);
    text_add_string(line, mail->has_none ? "" : "\"");
}

void listing_add(struct listing *l, const struct mail *mail, struct span head)
{
    struct text line = {NULL, 0, 0, false};
    if (!listing_has_room(l)) {
        l->more++;
        return;
    }
    add_envelope(&line, mail);
    add_subject(&line, head);
    if (mail->failed != NULL)
        add_failed(&line, mail);
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
