/* SPDX-License-Identifier: ISC */
/*
 * objection.h - the list of everything that may stand against a command or the
 * mail data.  A parser returns the objection that stands, from objection_raise(),
 * or NULL; the command that has one is refused in one place.
 */
#ifndef SMTP_OBJECTION_H
#define SMTP_OBJECTION_H

#include "smtp/inside.h"

/* Each with its name, whether the command is taken all the same, the problem that is noted (PROBLEMS: none), and the
   reply that refuses it.  A text that begins with a blank comes after the subject of the event. */
#define OBJECTIONS_LIST(X) \
    /* the line */ \
    X(LONG_LINE, REFUSED, PROBLEM_LONG_COMMAND, 500, "5.5.2 ", "Line is too long") \
    X(LONG_AUTH, REFUSED, PROBLEM_LONG_COMMAND, 500, "5.5.6 ", "Line is too long") \
    X(OCTETS, REFUSED, PROBLEM_COMMAND_OCTETS, 500, "5.5.2 ", \
      "A command must not contain NUL, CR or LF before its CRLF") \
    X(HTTP, REFUSED, PROBLEM_UNKNOWN_COMMAND, 421, "4.7.0 ", "This is SMTP, not HTTP") \
    X(TLS, REFUSED, PROBLEM_TLS_IN_CLEAR, 421, "4.7.0 ", "This is SMTP in the clear, not TLS") \
    X(TOO_MANY_REFUSED, REFUSED, PROBLEMS, 421, "4.7.0 ", "Too many refused commands") \
    /* the command, whatever its argument */ \
    X(UNKNOWN, REFUSED, PROBLEM_UNKNOWN_COMMAND, 500, "5.5.1 ", " is not recognised") \
    X(OBSOLETE, REFUSED, PROBLEM_OBSOLETE_COMMAND, 502, "5.5.1 ", " is obsolete") \
    X(NOT_OFFERED, REFUSED, PROBLEM_NOT_OFFERED, 502, "5.5.1 ", " is not offered") \
    X(NO_LISTS, REFUSED, PROBLEMS, 502, "5.5.1 ", "There are no mailing lists here") \
    X(TLS_FIRST, REFUSED, PROBLEMS, 530, "5.7.0 ", "Say STARTTLS first") \
    X(AUTH_FIRST, REFUSED, PROBLEMS, 530, "5.7.0 ", "Authentication is required") \
    X(LONG_COMMAND, TOLERATED, PROBLEM_LONG_COMMAND, 500, "5.5.2 ", "Line is too long") \
    X(EXTRA_BLANK, TOLERATED, PROBLEM_EXTRA_BLANK, 501, "5.5.4 ", "Put one space after the command") \
    X(AFTER_HELO, TOLERATED, PROBLEM_AFTER_HELO, 503, "5.5.1 ", "Say EHLO to use extensions") \
    /* its order */ \
    X(UNAVAILABLE, REFUSED, PROBLEM_OUT_OF_ORDER, 503, "5.5.1 ", "Service is not available") \
    X(LHLO_FIRST, REFUSED, PROBLEM_OUT_OF_ORDER, 503, "5.5.1 ", "Say LHLO first") \
    X(EHLO_FIRST, REFUSED, PROBLEM_OUT_OF_ORDER, 503, "5.5.1 ", "Say EHLO or HELO first") \
    X(MAIL_FIRST, REFUSED, PROBLEM_OUT_OF_ORDER, 503, "5.5.1 ", "Say MAIL first") \
    X(RCPT_FIRST, REFUSED, PROBLEM_OUT_OF_ORDER, 503, "5.5.1 ", "Say RCPT first") \
    X(SECOND_MAIL, REFUSED, PROBLEM_OUT_OF_ORDER, 503, "5.5.1 ", "There is a sender already") \
    X(IN_CHUNKS, REFUSED, PROBLEM_OUT_OF_ORDER, 503, "5.5.1 ", "A message is under way: say BDAT or RSET") \
    X(BINARY_DATA, REFUSED, PROBLEM_OUT_OF_ORDER, 503, "5.5.1 ", "BODY=BINARYMIME needs BDAT") \
    X(IN_TRANSACTION, REFUSED, PROBLEM_OUT_OF_ORDER, 503, "5.5.1 ", " is not permitted in a transaction") \
    X(SECOND_AUTH, REFUSED, PROBLEM_OUT_OF_ORDER, 503, "5.5.1 ", "You are authenticated already") \
    X(SECOND_TLS, REFUSED, PROBLEM_OUT_OF_ORDER, 503, "5.5.1 ", "TLS is in place already") \
    /* its argument; the application may overrule what is wrong with the name of HELO, up to HELO_LITERAL */ \
    X(ARGUMENT, REFUSED, PROBLEM_COMMAND_SYNTAX, 501, "5.5.4 ", " takes no argument") \
    X(NO_ARGUMENT, REFUSED, PROBLEM_COMMAND_SYNTAX, 501, "5.5.4 ", " takes an argument") \
    X(NO_NAME, REFUSED, PROBLEM_COMMAND_SYNTAX, 501, "", "Give your name: a domain or an address literal") \
    X(NAME_OCTETS, REFUSED, PROBLEM_HELO_NAME, 501, "", "Give your name: a domain or an address literal") \
    X(NAME, TOLERATED, PROBLEM_HELO_NAME, 501, "", "Give your name: a domain or an address literal") \
    X(HELO_LITERAL, TOLERATED, PROBLEM_HELO_LITERAL, 501, "", "HELO takes a domain; say EHLO with an address literal") \
    X(XTEXT, REFUSED, PROBLEM_COMMAND_SYNTAX, 501, "5.5.4 ", " takes xtext") \
    X(CHUNK, REFUSED, PROBLEM_COMMAND_SYNTAX, 501, "5.5.4 ", \
      "Say BDAT and a number of octets, then LAST for the last chunk") \
    X(HUGE_CHUNK, REFUSED, PROBLEMS, 552, "5.3.4 ", "The chunk is too large") \
    /* the path of MAIL and RCPT */ \
    X(MAIL, REFUSED, PROBLEM_COMMAND_SYNTAX, 501, "5.5.4 ", "Say MAIL FROM:<address>") \
    X(RCPT, REFUSED, PROBLEM_COMMAND_SYNTAX, 501, "5.5.4 ", "Say RCPT TO:<address>") \
    X(BLANK_BEFORE_PATH, TOLERATED, PROBLEM_BLANK_BEFORE_PATH, 501, "5.5.4 ", \
      "Put the address in angle brackets, right after the colon") \
    X(NO_BRACKETS, TOLERATED, PROBLEM_NO_BRACKETS, 501, "5.5.4 ", \
      "Put the address in angle brackets, right after the colon") \
    X(UTF8_PATH, REFUSED, PROBLEM_UTF8_PATH, 553, "5.6.7 ", "A non-ASCII address needs SMTPUTF8 in MAIL") \
    X(NOT_UTF8, REFUSED, PROBLEM_NOT_UTF8, 501, "5.5.2 ", "The address is not UTF-8") \
    X(NO_RECIPIENT, REFUSED, PROBLEM_PATH, 501, "5.1.3 ", "The forward-path is empty") \
    X(TOO_MANY_RECIPIENTS, REFUSED, PROBLEMS, 452, "4.5.3 ", "Too many recipients") \
    /* the path itself; objection_to_path() finds these by their problem */ \
    X(SENDER, REFUSED, PROBLEM_PATH, 501, "5.1.7 ", "The address is not well-formed") \
    X(SENDER_DOT, TOLERATED, PROBLEM_STRAY_DOT, 501, "5.1.7 ", "The local part has a misplaced dot") \
    X(SENDER_LOCAL_PART, TOLERATED, PROBLEM_LONG_LOCAL_PART, 501, "5.1.7 ", "The local part is longer than 64 octets") \
    X(SENDER_NO_DOMAIN, TOLERATED, PROBLEM_NO_DOMAIN, 501, "5.1.7 ", "The address has no domain") \
    X(SENDER_DOMAIN, TOLERATED, PROBLEM_DOMAIN, 501, "5.1.7 ", "The domain is not well-formed") \
    X(SENDER_LENGTH, TOLERATED, PROBLEM_LONG_PATH, 501, "5.1.7 ", "The address is longer than 254 octets") \
    X(RECIPIENT, REFUSED, PROBLEM_PATH, 501, "5.1.3 ", "The address is not well-formed") \
    X(RECIPIENT_DOT, TOLERATED, PROBLEM_STRAY_DOT, 501, "5.1.3 ", "The local part has a misplaced dot") \
    X(RECIPIENT_LOCAL_PART, TOLERATED, PROBLEM_LONG_LOCAL_PART, 501, "5.1.3 ", \
      "The local part is longer than 64 octets") \
    X(RECIPIENT_NO_DOMAIN, TOLERATED, PROBLEM_NO_DOMAIN, 501, "5.1.3 ", "The address has no domain") \
    X(RECIPIENT_DOMAIN, TOLERATED, PROBLEM_DOMAIN, 501, "5.1.3 ", "The domain is not well-formed") \
    X(RECIPIENT_LENGTH, TOLERATED, PROBLEM_LONG_PATH, 501, "5.1.3 ", "The address is longer than 254 octets") \
    /* the parameters of MAIL and RCPT */ \
    X(PARAMETER, REFUSED, PROBLEM_MAIL_PARAMETER, 501, "5.5.4 ", "A parameter is KEYWORD or KEYWORD=value") \
    X(PARAMETER_BLANKS, TOLERATED, PROBLEM_EXTRA_BLANK, 501, "5.5.4 ", "Put one space between parameters") \
    X(PARAMETER_AFTER_HELO, TOLERATED, PROBLEM_AFTER_HELO, 555, "5.5.4 ", "Say EHLO to use parameters") \
    X(PARAMETER_NOT_OFFERED, REFUSED, PROBLEM_NOT_OFFERED, 555, "5.5.4 ", " is not offered") \
    X(PARAMETER_TWICE, REFUSED, PROBLEM_MAIL_PARAMETER_TWICE, 501, "5.5.4 ", " is given twice") \
    X(PARAMETER_VALUE, TOLERATED, PROBLEM_MAIL_PARAMETER, 501, "5.5.4 ", \
      " takes a value that is not empty and has no '='") \
    X(PARAMETER_FORM, REFUSED, PROBLEM_MAIL_PARAMETER, 501, "5.5.4 ", " has a value that is not well-formed") \
    X(HOLDS, REFUSED, PROBLEM_MAIL_PARAMETER_TWICE, 501, "5.5.4 ", "Say HOLDFOR or HOLDUNTIL, not both") \
    X(SIZE, REFUSED, PROBLEM_MAIL_PARAMETER, 501, "5.5.4 ", "SIZE takes a number of octets") \
    X(SIZE_DIGITS, REFUSED, PROBLEM_MAIL_PARAMETER, 501, "5.5.4 ", "SIZE takes a number of up to 20 digits") \
    X(BODY, REFUSED, PROBLEM_MAIL_PARAMETER, 501, "5.5.4 ", "BODY is 7BIT, or 8BITMIME or BINARYMIME if offered") \
    X(SMTPUTF8, REFUSED, PROBLEM_MAIL_PARAMETER, 501, "5.5.4 ", "SMTPUTF8 takes no value") \
    X(RET, REFUSED, PROBLEM_MAIL_PARAMETER, 501, "5.5.4 ", "RET is FULL or HDRS") \
    X(ENVID, REFUSED, PROBLEM_MAIL_PARAMETER, 501, "5.5.4 ", "ENVID is xtext of printable characters") \
    X(LONG_ENVID, TOLERATED, PROBLEM_LONG_ENVID, 501, "5.5.4 ", "ENVID is longer than 100 characters") \
    X(AUTH_PARAMETER, REFUSED, PROBLEM_MAIL_PARAMETER, 501, "5.5.4 ", "AUTH is xtext, or <>") \
    X(AUTH_OCTETS, TOLERATED, PROBLEM_MAIL_PARAMETER, 501, "5.5.4 ", \
      "AUTH is xtext in ASCII, with upper-case hexadecimal digits") \
    X(NOTIFY, REFUSED, PROBLEM_MAIL_PARAMETER, 501, "5.5.4 ", \
      "NOTIFY is NEVER, or SUCCESS, FAILURE and DELAY separated by commas") \
    X(NOTIFY_COMMA, TOLERATED, PROBLEM_MAIL_PARAMETER, 501, "5.5.4 ", "NOTIFY has a comma too many") \
    X(ORCPT, REFUSED, PROBLEM_MAIL_PARAMETER, 501, "5.5.4 ", \
      "ORCPT is a type, a semicolon, and xtext of printable characters") \
    X(ORCPT_OCTETS, TOLERATED, PROBLEM_MAIL_PARAMETER, 501, "5.5.4 ", \
      "ORCPT is xtext of printable ASCII, or UTF-8 as in RFC 6533") \
    /* AUTH */ \
    X(AUTH, REFUSED, PROBLEM_AUTH_SYNTAX, 501, "5.5.4 ", "Say AUTH and a mechanism") \
    X(MECHANISM, REFUSED, PROBLEM_NOT_OFFERED, 504, "5.5.4 ", " is not offered") \
    X(INITIAL_RESPONSE, REFUSED, PROBLEM_AUTH_SYNTAX, 501, "5.7.0 ", "CRAM-MD5 takes no initial response") \
    X(BASE64, REFUSED, PROBLEM_AUTH_SYNTAX, 501, "5.5.2 ", "This is not base64") \
    X(NO_USER, TOLERATED, PROBLEM_AUTH_SYNTAX, 501, "5.5.2 ", "The user name is empty") \
    X(RESPONSE, REFUSED, PROBLEM_AUTH_SYNTAX, 501, "5.5.2 ", "The response does not fit the mechanism") \
    X(CANCELLED, REFUSED, PROBLEMS, 501, "5.7.0 ", "Authentication is cancelled") \
    /* XCLIENT */ \
    X(XCLIENT, REFUSED, PROBLEM_COMMAND_SYNTAX, 501, "5.5.4 ", "Say XCLIENT and attributes: NAME=value, in xtext") \
    X(ATTRIBUTE, REFUSED, PROBLEM_NOT_OFFERED, 501, "5.5.4 ", " is not offered") \
    X(ATTRIBUTE_FORM, REFUSED, PROBLEM_COMMAND_SYNTAX, 501, "5.5.4 ", " has a value that is not well-formed") \
    /* the mail data */ \
    X(TOO_LARGE, REFUSED, PROBLEMS, 552, "5.3.4 ", "Message is larger than SIZE allows") \
    X(BARE_LINE_END, REFUSED, PROBLEMS, 550, "5.6.0 ", "Bare CR or LF in the mail data")

enum objection_name {
#define X(name, tolerated, problem, code, enhanced, text) OBJECTION_##name,
    OBJECTIONS_LIST(X)
#undef X
        OBJECTIONS /* how many there are */
};

struct objection {
    struct smtp_canned reply; /* that refuses the command */
    uint8_t problem;          /* enum problem; PROBLEMS: none is noted */
    bool tolerated;           /* the command is taken all the same, unless the client is held to the letter */
};

extern const struct objection objections[OBJECTIONS];

/* Notes the problem in the event.  Returns the objection if the command is to be refused for it, or NULL. */
const struct objection *objection_raise(const struct smtp *s, struct smtp_event *e, enum objection_name name);

/* The same for a problem with the path of MAIL or RCPT: PROBLEM_PATH, or one that path_end() gave. */
const struct objection *objection_to_path(const struct smtp *s, struct smtp_event *e, enum problem problem);

/* Has a refusal of the event name this word, or say "This" in place of one that is empty, long or odd. */
void objection_set_subject(struct smtp_event *e, struct span word);

/* Refuses the command of the event, whose subject is set if the text of the objection needs it. */
void objection_refuse(struct smtp *s, struct smtp_event *e, const struct objection *o);

#endif
