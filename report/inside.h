/* SPDX-License-Identifier: ISC */
/*
 * inside.h - what the files of report/ share.
 */
#ifndef REPORT_INSIDE_H
#define REPORT_INSIDE_H

#include "report/report.h"

enum {
    CONSOLE_LINE_MAX = 4096, /* octets of a line that is printed, with its NUL */
    CUT_OFF_MAX = 120,       /* octets of how mail data were cut off, with a NUL */
    LISTING_TEXT_MAX = 120,  /* octets of a text from the client in a listing, with its NUL */
};

/*
 * Writes text for a person to read into out, which holds size octets, at least
 * 8, with the NUL.  Printable ASCII and visible UTF-8 stay; a backslash becomes
 * \\, and any other octet \xHH.  Text that does not fit ends in "...".  Returns
 * the length.
 */
size_t console_escape(char *out, size_t size, struct span text);

/* Writes what is missing of mail data that are cut off: "but not their end; the last line ended in LF".  Returns text.
 */
const char *cut_off_text(char text[CUT_OFF_MAX], const struct smtp_progress *p);

/* Writes a line of the dialogue, "2 C: NOOP", with its line end and a NUL into out, which holds size octets.  Returns
   the length. */
size_t console_format(char *out, size_t size, uint64_t session, char who, struct span text, bool colour);

/* Returns how many rows the terminal has that standard error is, SIZE_MAX if it is none; and its columns. */
size_t console_size(size_t *columns);

/* How many rows of a terminal console_line() takes for this text. */
size_t console_rows(const char *text, size_t columns);

/* Whether as many mails came as were expected. */
bool counts_hold(const struct verdict *j);

/* Adds for each expectation what was expected and what came, as rows of struct page_end. */
void counts_add_rows(const struct verdict *j, struct text *rows);

/* Adds such a row. */
void counts_add_row(struct text *rows, bool met, const char *expected, const char *came);

/* Writes which fields no message had, "no message had a header field foo"; "" if there are none. */
void counts_missing_text(const struct verdict *j, char *text, size_t size);

/* Writes how many were expected and came, "expected 1 message, got none", with the cause that follows. */
void counts_text(const struct verdict *j, const char *cause, char *text, size_t size);

#endif
