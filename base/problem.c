/*
 * problem.c - the problems a client can cause, and a sentence for each.
 *
 * The manual lists the same sentences, under PROBLEMS.
 */
#include "base/problem.h"

#include <string.h>

_Static_assert(PROBLEMS <= 128, "each problem is a bit");

static const struct problem_about table[] = {
    [PROBLEM_NUL] = {"nul", "NUL octet", "RFC 5322 4", false},
    [PROBLEM_BARE_CR] = {"bare-cr", "bare CR", "RFC 5322 2.3", false},
    [PROBLEM_BARE_LF] = {"bare-lf", "bare LF in the message", "RFC 5321 2.3.8", false},
    [PROBLEM_MIXED_LINES] = {"mixed-lines", "bare LF among lines ending in CRLF", "RFC 5322 2.3", false},
    [PROBLEM_LONG_LINE] = {"long-line", "line longer than 998 octets", "RFC 5322 2.1.1", false},
    [PROBLEM_8BIT_DATA] = {"8bit-data", "8-bit octets without BODY=8BITMIME or SMTPUTF8", "RFC 6152 3", false},

    [PROBLEM_ENVELOPE_LINE] = {"envelope-line", "mbox \"From \" line before the header", "RFC 4155", false},
    [PROBLEM_NO_COLON] = {"no-colon", "header line that is not a field", "RFC 5322 2.2", false},
    [PROBLEM_BLANK_BEFORE_COLON] = {"blank-before-colon", "blank between a field's name and its colon", "RFC 5322 4.5",
                                    false},
    [PROBLEM_STRAY_FOLD] = {"stray-fold", "header that begins with a folded line", "RFC 5322 2.2.3", false},
    [PROBLEM_NO_BLANK_LINE] = {"no-blank-line", "no blank line between header and body", "RFC 5322 2.1", false},
    [PROBLEM_LARGE_HEADER] = {"large-header", "header larger than 1 MiB; the rest not read", "RFC 5322 2.2", true},
    [PROBLEM_DUPLICATE_FIELD] = {"duplicate-field", "field that may occur only once", "RFC 5322 3.6", false},
    [PROBLEM_8BIT_HEADER] = {"8bit-header", "8-bit octets in the header that are not UTF-8", "RFC 6532 3.1", false},
    [PROBLEM_UTF8_HEADER] = {"utf8-header", "UTF-8 in the header without SMTPUTF8", "RFC 6531 3.4", false},
    [PROBLEM_NO_DATE] = {"no-date", "no Date field", "RFC 5322 3.6", false},
    [PROBLEM_NO_FROM] = {"no-from", "no From field", "RFC 5322 3.6", false},
    [PROBLEM_NO_SENDER] = {"no-sender", "several authors in From, and no Sender field", "RFC 5322 3.6.2", false},
    [PROBLEM_NO_ADDRESS] = {"no-address", "address field without an address", "RFC 5322 3.6.3", false},
    [PROBLEM_NO_MESSAGE_ID] = {"no-message-id", "no Message-ID field; there should be one", "RFC 5322 3.6.4", true},
    [PROBLEM_MESSAGE_ID] = {"message-id", "Message-ID that is not one <left@right>", "RFC 5322 3.6.4", false},
    [PROBLEM_BCC] = {"bcc", "Bcc field in a copy for others, who can read it", "RFC 5322 3.6.3", false},
    [PROBLEM_RETURN_PATH] = {"return-path", "Return-Path field, which only the last server adds", "RFC 5321 4.4",
                             false},
    [PROBLEM_NO_MIME_VERSION] = {"no-mime-version", "MIME fields without MIME-Version", "RFC 2045 4", false},

    [PROBLEM_ENCODED_WORD] = {"encoded-word", "malformed encoded word", "RFC 2047 2", false},
    [PROBLEM_LONG_ENCODED_WORD] = {"long-encoded-word", "encoded word longer than 75 characters", "RFC 2047 2", false},
    [PROBLEM_UNKNOWN_CHARSET] = {"unknown-charset", "unknown charset", "RFC 2046 4.1.2", false},
    [PROBLEM_TOO_MANY_CHARSETS] = {"too-many-charsets", "more than 2000 changes of charset; the rest not decoded",
                                   "RFC 2047 5", true},
    [PROBLEM_UNDECODABLE] = {"undecodable", "octets that are not valid in their charset", "RFC 2046 4.1.2", false},
    [PROBLEM_UNDECLARED_8BIT] = {"undeclared-8bit", "8-bit octets in text declared to be US-ASCII", "RFC 2046 4.1.2",
                                 false},

    [PROBLEM_UNKNOWN_ENCODING] = {"unknown-encoding", "unknown transfer encoding", "RFC 2045 6.1", true},
    [PROBLEM_BASE64] = {"base64", "malformed base64", "RFC 2045 6.8", false},
    [PROBLEM_BASE64_PADDING] = {"base64-padding", "base64 without its padding", "RFC 2045 6.8", false},
    [PROBLEM_QUOTED_PRINTABLE] = {"quoted-printable", "malformed quoted-printable", "RFC 2045 6.7", false},
    [PROBLEM_LONG_ENCODED_LINE] = {"long-encoded-line", "line of base64 or quoted-printable longer than 76 characters",
                                   "RFC 2045 6.7, 6.8", false},

    [PROBLEM_CONTENT_TYPE] = {"content-type", "malformed Content-Type", "RFC 2045 5.1", false},
    [PROBLEM_NO_BOUNDARY] = {"no-boundary", "multipart without a boundary parameter", "RFC 2046 5.1.1", false},
    [PROBLEM_LONG_BOUNDARY] = {"long-boundary", "boundary longer than 70 characters", "RFC 2046 5.1.1", false},
    [PROBLEM_NO_PARTS] = {"no-parts", "multipart without a part", "RFC 2046 5.1.1", false},
    [PROBLEM_UNCLOSED] = {"unclosed", "multipart without its closing boundary", "RFC 2046 5.1.1", false},
    [PROBLEM_ENCODED_MULTIPART] = {"encoded-multipart", "transfer encoding of a multipart", "RFC 2045 6.4", false},
    [PROBLEM_ENCODED_MESSAGE] = {"encoded-message", "transfer encoding of a message in a message", "RFC 2046 5.2.1",
                                 false},
    [PROBLEM_TOO_MANY_PARTS] = {"too-many-parts", "more than 1000 parts; the rest not read", "RFC 2046 5.1", true},
    [PROBLEM_TOO_DEEP] = {"too-deep", "parts nested more than 100 deep", "RFC 2046 5.1", true},

    [PROBLEM_PARAMETER] = {"parameter", "malformed parameter", "RFC 2045 5.1", false},
    [PROBLEM_PARAMETER_WORD] = {"parameter-word", "encoded word in a parameter", "RFC 2047 5", false},
    [PROBLEM_PARAMETER_SEGMENT] = {"parameter-segment", "parameter in pieces, some missing or given twice",
                                   "RFC 2231 3", false},
    [PROBLEM_PARAMETER_CODING] = {"parameter-coding", "malformed charset or percent sign in a parameter", "RFC 2231 4",
                                  false},

    [PROBLEM_ADDRESS] = {"address", "malformed address", "RFC 5322 3.4", false},
    [PROBLEM_NO_COMMA] = {"no-comma", "no comma between two addresses", "RFC 5322 3.4", false},
    [PROBLEM_DATE] = {"date", "malformed date", "RFC 5322 3.3", false},
    [PROBLEM_OBSOLETE_DATE] = {"obsolete-date", "date in an obsolete form", "RFC 5322 4.3", false},
    [PROBLEM_WRONG_DAY] = {"wrong-day", "date with the wrong day of the week", "RFC 5322 3.3", false},

    [PROBLEM_BARE_LF_COMMAND] = {"bare-lf-command", "command that ends in a bare LF", "RFC 5321 2.3.8", false},
    [PROBLEM_COMMAND_OCTETS] = {"command-octets", "command with NUL, CR or LF in it", "RFC 5321 2.3.8", false},
    [PROBLEM_LONG_COMMAND] = {"long-command", "command line too long", "RFC 5321 4.5.3.1.4", false},
    [PROBLEM_UNKNOWN_COMMAND] = {"unknown-command", "unknown command", "RFC 5321 4.1.1", false},
    [PROBLEM_OBSOLETE_COMMAND] = {"obsolete-command", "obsolete command", "RFC 5321 F.1, F.6", false},
    [PROBLEM_COMMAND_SYNTAX] = {"command-syntax", "malformed command", "RFC 5321 4.1.1", false},
    [PROBLEM_OUT_OF_ORDER] = {"out-of-order", "command out of order", "RFC 5321 4.1.4", false},
    [PROBLEM_NOT_OFFERED] = {"not-offered", "extension that was not offered", "RFC 5321 2.2.1", false},
    [PROBLEM_AFTER_HELO] = {"after-helo", "extension used after HELO", "RFC 5321 2.2.1", false},
    [PROBLEM_TRAILING_BLANK] = {"trailing-blank", "blanks at the end of a command", "RFC 5321 4.1.1", false},
    [PROBLEM_EXTRA_BLANK] = {"extra-blank", "more than one space where there should be one", "RFC 5321 4.1.1", false},
    [PROBLEM_HELO_NAME] = {"helo-name", "name in EHLO or HELO that is not a domain or address literal",
                           "RFC 5321 4.1.2", false},
    [PROBLEM_HELO_EXTRA] = {"helo-extra", "extra words after the name in EHLO or HELO", "RFC 5321 4.1.1.1", false},
    [PROBLEM_HELO_LITERAL] = {"helo-literal", "address literal in HELO, which takes a domain", "RFC 5321 4.1.1.1",
                              false},

    [PROBLEM_BLANK_BEFORE_PATH] = {"blank-before-path", "space between the colon and the address", "RFC 5321 3.3",
                                   false},
    [PROBLEM_NO_BRACKETS] = {"no-brackets", "address without angle brackets", "RFC 5321 4.1.2", false},
    [PROBLEM_PATH] = {"path", "malformed address in MAIL or RCPT", "RFC 5321 4.1.2", false},
    [PROBLEM_NO_DOMAIN] = {"no-domain", "address without a domain in MAIL or RCPT", "RFC 5321 2.3.5, 4.1.2", false},
    [PROBLEM_STRAY_DOT] = {"stray-dot", "local part with a misplaced dot", "RFC 5321 4.1.2", false},
    [PROBLEM_LONG_LOCAL_PART] = {"long-local-part", "local part longer than 64 octets", "RFC 5321 4.5.3.1.1", false},
    [PROBLEM_DOMAIN] = {"domain", "malformed domain in MAIL or RCPT", "RFC 5321 4.1.2", false},
    [PROBLEM_LONG_PATH] = {"long-path", "address longer than 254 octets", "RFC 5321 4.5.3.1.3", false},
    [PROBLEM_SOURCE_ROUTE] = {"source-route", "source route in MAIL or RCPT", "RFC 5321 F.2", false},
    [PROBLEM_UTF8_PATH] = {"utf8-path", "non-ASCII address without SMTPUTF8", "RFC 6531 3.4", false},
    [PROBLEM_NOT_UTF8] = {"not-utf8", "address that is not UTF-8", "RFC 6531 3.3", false},
    [PROBLEM_MAIL_PARAMETER] = {"mail-parameter", "malformed parameter of MAIL or RCPT", "RFC 5321 4.1.2", false},
    [PROBLEM_MAIL_PARAMETER_TWICE] = {"mail-parameter-twice", "parameter of MAIL or RCPT given twice",
                                      "RFC 5321 4.1.1.11", false},
    [PROBLEM_LONG_ENVID] = {"long-envid", "ENVID longer than 100 characters", "RFC 3461 4.4", false},
    [PROBLEM_NOTIFY_TWICE] = {"notify-twice", "NOTIFY with a word given twice", "RFC 3461 4.1", true},
    [PROBLEM_SIZE] = {"size", "message larger than its SIZE parameter says", "RFC 1870 5, 6.1", true},

    [PROBLEM_EARLY_TALKER] = {"early-talker", "octets sent before the greeting", "RFC 5321 4.3.1", false},
    [PROBLEM_PIPELINING] = {"pipelining", "pipelining that was not offered", "RFC 2920 2", false},
    [PROBLEM_PIPELINING_SYNC] = {"pipelining-sync", "octets sent after a command without waiting for its reply",
                                 "RFC 2920 3.1", false},
    [PROBLEM_EARLY_TLS] = {"early-tls", "octets sent after STARTTLS and before TLS", "RFC 3207 4", false},
    [PROBLEM_AUTH_SYNTAX] = {"auth-syntax", "malformed AUTH command or response", "RFC 4954 4", false},
    [PROBLEM_AUTH_IN_CLEAR] = {"auth-in-clear", "password sent in clear text although TLS was offered", "RFC 4616 1",
                               false},
    [PROBLEM_CUT_OFF] = {"cut-off", "message that ended too early", "RFC 5321 4.1.1.4", false},
    [PROBLEM_NO_QUIT] = {"no-quit", "connection closed without QUIT", "RFC 5321 4.1.1.10", false},
};
_Static_assert(sizeof table / sizeof table[0] == PROBLEMS, "each problem has a sentence");

const struct problem_about *problem_about(enum problem p) { return &table[p]; }

size_t problem_text(enum problem p, char text[PROBLEM_TEXT_MAX])
{
    const struct problem_about *a = &table[p];
    const char *const pieces[] = {a->name, ": ", a->sentence, " (", a->section, ")"};
    text[0] = '\0';
    for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++)
        strcat(text, pieces[i]);
    return strlen(text);
}
