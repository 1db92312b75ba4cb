/*
 * match.h - what a message must be like to count: --match 'FIELD: REGEX'.
 */
#ifndef MATCH_H
#define MATCH_H

#include <regex.h>

#include "mail/mail.h"
#include "mail/message.h"

enum {
    MATCH_MAX = 64,
    MATCH_WHY_MAX = 160,         /* octets of a complaint, with a NUL */
    MATCH_LINE_MAX = 256 * 1024, /* octets of a line of the body that are looked at as one */
    MATCH_OVERLAP = 4096,        /* octets that two pieces of a longer one share */
    MATCH_VALUE_SHOWN = 100,     /* octets of the body that are told of as its value */
};

/* The caller allocates it. */
struct match {
    const char *text; /* as it was given; borrowed */
    struct span field;
    enum match_kind { MATCH_HEADER, MATCH_MAIL_FROM, MATCH_RCPT_TO, MATCH_BODY, MATCH_ATTACHMENT } kind;
    regex_t regex;
};

/*
 * Parses FIELD: REGEX: a header field, mail-from, rcpt-to, body or attachment,
 * and a POSIX extended regular expression; case does not matter.  text is
 * borrowed.  0; or -1, and why says what was expected, *at where.
 */
int match_parse(struct match *m, const char *text, const char **at, char why[MATCH_WHY_MAX]);
void match_close(struct match *m);

/*
 * The first of n that the message fails, NULL if it fails none; had is given
 * the value that it has instead, as people read it, or *none set where it has no
 * such thing.  failed is set in had where memory ran out: then nothing is known.
 */
const struct match *match_failed(const struct match *matches, size_t n, struct message *m, const struct mail *mail,
                                 struct text *had, bool *none);

#endif
