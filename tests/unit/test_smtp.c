/* SPDX-License-Identifier: ISC */
/*
 * test_smtp.c - what a dialogue cannot show of the engine: lent buffers, asking
 * before committing, closing, the search for a dot and for what is odd, and
 * what is odd in mail data however they are cut.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/scan.h"
#include "smtp.h"

static const struct smtp_config config = {
    .hostname = "mail.test", .extensions = SMTP_EXT_ALL, .mechanisms = "PLAIN LOGIN CRAM-MD5 NTLM"};

struct fixture {
    struct smtp s;
    struct smtp_event e;
    char input[512], room[SMTP_REPLY_MAX * 4];
};

static void begin(struct fixture *f, const char *input)
{
    assert_true(strlen(input) < sizeof f->input);
    memcpy(f->input, input, strlen(input) + 1);
    smtp_init(&f->s, &config, 7);
    smtp_output(&f->s, f->room, sizeof f->room);
    smtp_input(&f->s, f->input, strlen(input));
    assert_true(smtp_next(&f->s, &f->e));
    assert_int_equal(f->e.type, SMTP_CONNECT);
}

static void next(struct fixture *f, enum smtp_event_type type, int code)
{
    assert_true(smtp_next(&f->s, &f->e));
    assert_int_equal(f->e.type, type);
    assert_int_equal(f->e.code, code);
}

static void test_reply_waits_for_the_next_call(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, "NOOP\r\n");
    assert_int_equal(smtp_written(&f.s), 0);
    struct span greeting = smtp_prepared(&f.s);
    assert_memory_equal(greeting.p, "220 mail.test ESMTP fakesmtp\r\n", greeting.n);
    next(&f, SMTP_NOOP, 250);
    assert_int_equal(smtp_written(&f.s), greeting.n);
    smtp_commit(&f.s);
    smtp_commit(&f.s);
    assert_int_equal(smtp_written(&f.s), greeting.n + strlen("250 2.0.0 Ok\r\n"));
}

static void test_refused_mail_opens_no_transaction(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, "EHLO t\r\nMAIL FROM:<a@x.test>\r\nRCPT TO:<b@x.test>\r\n");
    next(&f, SMTP_HELO, 250);
    next(&f, SMTP_MAIL, 250);
    smtp_reply(&f.s, &f.e, 450, "4.7.1", "later");
    assert_int_equal(f.e.code, 450);
    next(&f, SMTP_RCPT, 503);
}

static void test_several_lines(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, "NOOP\r\n");
    next(&f, SMTP_NOOP, 250);
    smtp_reply(&f.s, &f.e, 250, "2.0.0", "one\ntwo\n");
    const char expected[] = "250-2.0.0 one\r\n250-2.0.0 two\r\n250 2.0.0 \r\n";
    assert_int_equal(smtp_prepared(&f.s).n, strlen(expected));
    assert_memory_equal(smtp_prepared(&f.s).p, expected, strlen(expected));
}

static void test_no_event_without_room(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, "NOOP\r\nNOOP\r\n");
    smtp_commit(&f.s);
    smtp_output(&f.s, f.room, SMTP_REPLY_MAX);
    next(&f, SMTP_NOOP, 250);
    assert_false(smtp_next(&f.s, &f.e));
    assert_int_equal(smtp_left(&f.s), strlen("NOOP\r\n"));
    smtp_output(&f.s, f.room, SMTP_REPLY_MAX);
    next(&f, SMTP_NOOP, 250);
    assert_int_equal(smtp_left(&f.s), 0);
}

/* The reply goes with the room that it was prepared in; its event waits for another, and takes effect with it. */
static void test_room_is_lent_while_a_reply_is_prepared(void **state)
{
    (void)state;
    static const char wire[] = "250 2.1.0 Sender ok\r\n";
    struct fixture f;
    char other[SMTP_REPLY_MAX];
    begin(&f, "EHLO t\r\nMAIL FROM:<>\r\nRCPT TO:<b@x.test>\r\n");
    next(&f, SMTP_HELO, 250);
    next(&f, SMTP_MAIL, 250);
    memset(other, '#', sizeof other);
    smtp_output(&f.s, other, sizeof other);
    assert_int_equal(smtp_prepared(&f.s).n, 0);
    assert_int_equal(smtp_written(&f.s), 0);
    smtp_reply_raw(&f.s, &f.e, 250, (struct span){wire, strlen(wire)});
    smtp_commit(&f.s);
    assert_int_equal(smtp_written(&f.s), strlen(wire));
    assert_memory_equal(other, wire, strlen(wire));
    smtp_output(&f.s, f.room, sizeof f.room);
    next(&f, SMTP_RCPT, 250);
}

static void test_closing_replaces_what_was_prepared(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, "EHLO t\r\nNOOP\r\nNOOP\r\n");
    next(&f, SMTP_HELO, 250);
    next(&f, SMTP_NOOP, 250);
    size_t before = smtp_written(&f.s);
    smtp_close(&f.s, "4.3.2", "Bye");
    assert_memory_equal(f.room + before, "421 4.3.2 Bye\r\n", smtp_written(&f.s) - before);
    assert_true(smtp_closed(&f.s));
    assert_false(smtp_next(&f.s, &f.e));
    assert_int_equal(smtp_left(&f.s), 0);
    smtp_close(&f.s, "4.3.2", "Bye");
    assert_int_equal(smtp_written(&f.s) - before, strlen("421 4.3.2 Bye\r\n"));
}

static void test_mail_data_are_lent_not_copied(void **state)
{
    (void)state;
    static const char input[] = "EHLO t\r\nMAIL FROM:<>\r\nRCPT TO:<b@x.test>\r\nDATA\r\none\r\n..two\r\n.\r\n";
    struct fixture f;
    begin(&f, input);
    next(&f, SMTP_HELO, 250);
    next(&f, SMTP_MAIL, 250);
    next(&f, SMTP_RCPT, 250);
    assert_false(smtp_in_message(&f.s));
    next(&f, SMTP_DATA, 354);
    next(&f, SMTP_BODY, 0);
    assert_true(smtp_in_message(&f.s));
    assert_ptr_equal(f.e.arg.p, strstr(f.input, "one"));
    assert_int_equal(f.e.arg.n, strlen("one\r\n"));
    next(&f, SMTP_BODY, 0);
    assert_ptr_equal(f.e.arg.p, strstr(f.input, ".two"));
    next(&f, SMTP_EOM, 250);
    assert_int_equal(f.e.size, strlen("one\r\n.two\r\n"));
    assert_true(smtp_in_message(&f.s));
    assert_false(smtp_next(&f.s, &f.e));
    assert_false(smtp_in_message(&f.s));
}

static void test_events_tell(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, "HELO a\r\nEHLO b\r\nMAIL FROM:<a@x.test> SIZE=123 SMTPUTF8\r\n");
    next(&f, SMTP_HELO, 250);
    assert_false(f.e.extended);
    next(&f, SMTP_HELO, 250);
    assert_true(f.e.extended);
    next(&f, SMTP_MAIL, 250);
    assert_int_equal(f.e.size, 123);
    assert_true(f.e.utf8);
    assert_memory_equal(f.e.params.p, "SIZE=123 SMTPUTF8", f.e.params.n);
    assert_memory_equal(f.e.line.p, "MAIL FROM:<a@x.test> SIZE=123 SMTPUTF8", f.e.line.n);
}

static void test_longest_hostname_fits(void **state)
{
    (void)state;
    char name[SMTP_HOSTNAME_MAX + 1];
    memset(name, 'h', SMTP_HOSTNAME_MAX);
    name[SMTP_HOSTNAME_MAX] = '\0';
    struct smtp_config c = {
        .hostname = name, .max_size = UINT64_MAX, .extensions = SMTP_EXT_ALL, .mechanisms = "CRAM-MD5"};
    struct smtp s;
    struct smtp_event e;
    char room[SMTP_REPLY_MAX * 3];
    char input[] = "EHLO t\r\nAUTH CRAM-MD5\r\n";
    smtp_init(&s, &c, UINT64_MAX - 1);
    smtp_output(&s, room, sizeof room);
    smtp_input(&s, input, strlen(input));
    assert_true(smtp_next(&s, &e));
    assert_true(smtp_next(&s, &e));
    assert_int_equal(e.code, 250);
    struct span reply = smtp_prepared(&s);
    assert_memory_equal(reply.p + reply.n - strlen("250 SIZE 18446744073709551615\r\n"),
                        "250 SIZE 18446744073709551615\r\n", strlen("250 SIZE 18446744073709551615\r\n"));
    assert_true(smtp_next(&s, &e));
    assert_int_equal(e.code, 334);
    assert_true(smtp_prepared(&s).n <= 512);
}

static void test_idle_session_is_small(void **state)
{
    (void)state;
    assert_true(sizeof(struct smtp) <= 256);
}

/* RFC 2195 2: a challenge never comes twice. */
static void test_challenges_differ(void **state)
{
    (void)state;
    struct fixture f;
    char one[SMTP_CHALLENGE_MAX], two[SMTP_CHALLENGE_MAX];
    begin(&f, "EHLO t\r\nAUTH CRAM-MD5\r\n*\r\nAUTH CRAM-MD5\r\n");
    next(&f, SMTP_HELO, 250);
    next(&f, SMTP_AUTH, 334);
    size_t n = smtp_challenge(&f.s, one);
    assert_int_equal(n, strlen(one));
    assert_string_equal(one, "<00000000000000000008@mail.test>");
    next(&f, SMTP_AUTH, 501);
    next(&f, SMTP_AUTH, 334);
    (void)smtp_challenge(&f.s, two);
    assert_string_not_equal(one, two);
}

/* A mechanism that is not built in: its name is as it is offered; of what the client sends nothing is in the events. */
static void test_a_mechanism_of_the_application(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, "EHLO t\r\nAUTH ntlm c2VzYW1l\r\nc2VzYW1l\r\nAUTH LOGIN\r\n");
    next(&f, SMTP_HELO, 250);
    for (int step = 1; step <= 2; step++) {
        next(&f, SMTP_AUTH, 535);
        assert_int_equal(f.e.mechanism, SASL_NONE);
        struct span name = smtp_mechanism(&f.s);
        assert_int_equal(name.n, strlen("NTLM"));
        assert_memory_equal(name.p, "NTLM", name.n);
        assert_memory_equal(f.e.line.p, "AUTH ntlm", f.e.line.n);
        assert_int_equal(f.e.line.n, step == 1 ? strlen("AUTH ntlm") : 0);
        assert_int_equal(f.e.hidden, strlen("c2VzYW1l"));
        assert_null(f.e.arg.p);
        assert_null(f.e.secret.p);
        smtp_reply(&f.s, &f.e, step == 1 ? 334 : 454, NULL, "TlRMTVNTUA==");
    }
    next(&f, SMTP_AUTH, 334);
    assert_int_equal(f.e.mechanism, SASL_LOGIN);
    assert_memory_equal(smtp_mechanism(&f.s).p, "LOGIN", smtp_mechanism(&f.s).n);
    assert_null(strstr(f.input, "sesame"));
    const char *behind = f.input + strlen("EHLO t\r\nAUTH ntlm");
    for (size_t i = 0; i < strlen(" c2VzYW1l"); i++)
        assert_int_equal(behind[i], '\0');
}

static void test_a_secret_is_shown_once_and_wiped(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, "EHLO t\r\nAUTH PLAIN AGFubgBzZXNhbWU=\r\nNOOP\r\n");
    next(&f, SMTP_HELO, 250);
    next(&f, SMTP_AUTH, 235);
    assert_int_equal(f.e.mechanism, SASL_PLAIN);
    assert_memory_equal(f.e.line.p, "AUTH PLAIN", f.e.line.n);
    assert_int_equal(f.e.hidden, strlen("AGFubgBzZXNhbWU="));
    assert_int_equal(f.e.arg.n, strlen("ann"));
    assert_memory_equal(f.e.arg.p, "ann", f.e.arg.n);
    assert_int_equal(f.e.secret.n, strlen("sesame"));
    assert_memory_equal(f.e.secret.p, "sesame", f.e.secret.n);
    next(&f, SMTP_NOOP, 250);
    const char *behind = f.input + strlen("EHLO t\r\nAUTH PLAIN");
    for (size_t i = 0; i < strlen(" AGFubgBzZXNhbWU="); i++)
        assert_int_equal(behind[i], '\0');
}

/* RFC 3207 4.2, 6: nothing that was sent in the clear is taken for what comes under TLS. */
static void test_what_came_before_tls_is_dropped(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, "EHLO t\r\nSTARTTLS\r\nMAIL FROM:<evil@x.test>\r\n");
    next(&f, SMTP_HELO, 250);
    next(&f, SMTP_STARTTLS, 220);
    assert_int_equal(f.e.size, strlen("MAIL FROM:<evil@x.test>\r\n"));
    assert_false(smtp_wants_tls(&f.s));
    assert_false(smtp_next(&f.s, &f.e));
    assert_true(smtp_wants_tls(&f.s));
    assert_int_equal(smtp_left(&f.s), 0);
    char late[] = "NOOP\r\n", under_tls[] = "MAIL FROM:<>\r\n";
    smtp_input(&f.s, late, strlen(late));
    assert_false(smtp_next(&f.s, &f.e));
    assert_int_equal(smtp_left(&f.s), 0);
    smtp_secure(&f.s);
    assert_false(smtp_wants_tls(&f.s));
    smtp_input(&f.s, under_tls, strlen(under_tls));
    next(&f, SMTP_MAIL, 503);
}

static void test_chunks_are_told_apart(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, "EHLO t\r\nMAIL FROM:<> BODY=BINARYMIME\r\nRCPT TO:<b>\r\nBDAT 3\r\nabcBDAT 2 LAST\r\nde");
    next(&f, SMTP_HELO, 250);
    next(&f, SMTP_MAIL, 250);
    assert_true(f.e.binary);
    next(&f, SMTP_RCPT, 250);
    next(&f, SMTP_BDAT, 0);
    assert_int_equal(f.e.size, 3);
    assert_false(f.e.last);
    assert_true(smtp_in_message(&f.s));
    next(&f, SMTP_BODY, 0);
    next(&f, SMTP_CHUNK, 250);
    assert_true(smtp_in_message(&f.s));
    next(&f, SMTP_BDAT, 0);
    assert_true(f.e.last);
    next(&f, SMTP_BODY, 0);
    next(&f, SMTP_EOM, 250);
    assert_int_equal(f.e.size, 5);
    assert_true(f.e.last);
    assert_false(smtp_next(&f.s, &f.e));
    assert_false(smtp_in_message(&f.s));
}

static void test_keywords(void **state)
{
    (void)state;
    assert_int_equal(smtp_extension((struct span){"chunking", 8}), SMTP_EXT_CHUNKING);
    assert_int_equal(smtp_extension((struct span){"CHUNK", 5}), 0);
    unsigned all = 0;
    size_t i = 0;
    for (; smtp_keyword(i) != NULL; i++)
        all |= smtp_extension((struct span){smtp_keyword(i), strlen(smtp_keyword(i))});
    assert_int_equal(all, SMTP_EXT_ALL);
    assert_int_equal(i, 12);
}

/* ---- what is odd in mail data ---- */

/* Names by blank, in the order of problem.h. */
static void put_names(char *names, const struct problems *p)
{
    *names = '\0';
    for (int i = 0; i < PROBLEMS; i++) {
        if (problems_have(p, (enum problem)i))
            sprintf(names + strlen(names), "%s%s", *names != '\0' ? " " : "", problem_about((enum problem)i)->name);
    }
}

/* A session with this message, sent with DATA, or in chunks of so many octets; returns its length. */
static size_t make_session(char *all, const char *params, struct span data, size_t chunk)
{
    char *end = all + sprintf(all, "EHLO t\r\nMAIL FROM:<a@x.test>%s\r\nRCPT TO:<b@x.test>\r\n", params);
    if (chunk == 0) {
        end += sprintf(end, "DATA\r\n");
        memcpy(end, data.p, data.n);
        memcpy(end + data.n, "\r\n.\r\n", 5);
        return (size_t)(end - all) + data.n + 5;
    }
    for (bool last = false; !last;) {
        size_t n = data.n < chunk ? data.n : chunk;
        last = n < chunk;
        end += sprintf(end, "BDAT %zu%s\r\n", n, last ? " LAST" : "");
        memcpy(end, data.p, n);
        end += n;
        span_skip(&data, n);
    }
    return (size_t)(end - all);
}

/* The problems that are noted with the end of the message, where the session is lent in two pieces. */
static struct problems problems_of(const char *session, size_t n, size_t cut)
{
    static const struct smtp_config examining = {.hostname = "mail.test",
                                                 .extensions = SMTP_EXT_ALL & ~(unsigned)SMTP_EXT_STARTTLS,
                                                 .mechanisms = "PLAIN",
                                                 .examine = true};
    struct smtp s;
    struct smtp_event e;
    struct problems found = {{0, 0}};
    char room[SMTP_REPLY_MAX * 4];
    size_t given = 0, ends = 0;
    smtp_init(&s, &examining, 1);
    for (int piece = 0; piece < 2; piece++) {
        size_t left = piece == 0 ? 0 : smtp_left(&s), until = piece == 0 ? cut : n;
        char *lent = malloc(left + until - given + 1); /* so that reading past the end is seen */
        assert_non_null(lent);
        memcpy(lent + 1, session + given - left, left + until - given);
        smtp_input(&s, lent + 1, left + until - given);
        given = until;
        do {
            smtp_output(&s, room, sizeof room);
            while (smtp_next(&s, &e)) {
                assert_true(e.code < 400);
                ends += e.type == SMTP_EOM;
                found = e.type == SMTP_EOM ? e.problems : found;
            }
        } while (smtp_written(&s) > 0);
        free(lent);
    }
    assert_int_equal(ends, 1);
    assert_int_equal(smtp_left(&s), 0);
    return found;
}

static void check_problems(const char *params, struct span data, size_t chunk, const char *expected)
{
    char *session = malloc(2 * data.n + 256 + (chunk > 0 ? data.n / chunk * 32 : 0)), names[256];
    assert_non_null(session);
    size_t n = make_session(session, params, data, chunk), start = n > data.n + 32 ? n - data.n - 32 : 0;
    bool quick = getenv("TEST_QUICK") != NULL; /* under valgrind */
    for (size_t cut = 0; cut <= n; cut += quick || (n > 500 && cut > start + 40 && cut + 40 < n) ? 41 : 1) {
        struct problems found = problems_of(session, n, cut);
        put_names(names, &found);
        if (strcmp(names, expected) != 0)
            fail_msg("%s, chunks of %zu, cut at %zu: \"%s\", not \"%s\"", params, chunk, cut, names, expected);
    }
    free(session);
}

#define OCTETS(text) text, sizeof(text) - 1

static void test_problems_of_mail_data(void **state)
{
    (void)state;
    static char long_lines[2000];
    memset(long_lines, 'x', sizeof long_lines);
    memcpy(long_lines + 999, "\r\n", 2);
    memcpy(long_lines + 1998, "\r\n", 2);
    const struct {
        const char *params, *octets;
        size_t n;
        const char *problems;
    } data[] = {
        {"", OCTETS("one\r\n\r\ntwo"), ""},
        {"", OCTETS(""), ""},
        {"", OCTETS("\t\x01\x0b\x0c\x0e\x1b\x7f"), ""},
        {"", OCTETS("a\rb"), "bare-cr"},
        {"", OCTETS("a\r\r\nb"), "bare-cr"},
        {"", OCTETS("a\r\r\rb"), "bare-cr"},
        {"", OCTETS("\rb"), "bare-cr"},
        {"", OCTETS("a\r"), "bare-cr"},
        {"", OCTETS("a\r\0b"), "nul bare-cr"},
        {"", OCTETS("a\r\xff"), "bare-cr 8bit-data"},
        {"", OCTETS("a\nb"), "bare-lf"},
        {"", OCTETS("\n"), "bare-lf"},
        {"", OCTETS("a\r\n\nb"), "bare-lf"},
        {"", OCTETS("a\n\rb"), "bare-cr bare-lf"},
        {"", OCTETS("a\0b"), "nul"},
        {"", long_lines, 998, ""},
        {"", long_lines, 999, "long-line"},
        {"", long_lines, 1001, "long-line"},
        {"", long_lines + 1, 1999, ""},
        {"", long_lines, 2000, "long-line"},
        {"", OCTETS("\xc3\xbc"), "8bit-data"},
        {"", OCTETS("\x80"), "8bit-data"},
        {" BODY=7BIT", OCTETS("\xff"), "8bit-data"},
        {" BODY=8BITMIME", OCTETS("\xff"), ""},
        {" SMTPUTF8", OCTETS("\xc3\xbc"), ""},
        {" BODY=8BITMIME", OCTETS("\xff\0a\rb\nc"), "nul bare-cr bare-lf"},
    };
    for (size_t i = 0; i < sizeof data / sizeof data[0]; i++) {
        struct span octets = {data[i].octets, data[i].n};
        for (size_t chunk = 0; chunk <= (octets.n > 20 ? 3 : octets.n + 1); chunk++)
            check_problems(data[i].params, octets, octets.n > 20 ? chunk * 499 : chunk, data[i].problems);
        check_problems(" BODY=BINARYMIME", octets, 3, ""); /* which has no lines */
    }
    check_problems(" SIZE=3", (struct span){"abc", 3}, 0, "size"); /* there is a line end, */
    check_problems(" SIZE=4", (struct span){"abc", 3}, 0, "");     /* which may be LF on the client's disk */
    check_problems(" SIZE=5", (struct span){"abc", 3}, 0, "");
    check_problems(" SIZE=6", (struct span){"..abc", 5}, 0, "");
    check_problems(" SIZE=2", (struct span){"abc", 3}, 2, "size");
    check_problems(" SIZE=3", (struct span){"abc", 3}, 2, "");
    check_problems(" SIZE=2 BODY=BINARYMIME", (struct span){"\0\n\r", 3}, 2, "size");
}

/* How far mail data came, whatever the pieces they came in. */
static void test_progress(void **state)
{
    (void)state;
    static const char before[] = "HELO t\r\nMAIL FROM:<>\r\nRCPT TO:<b@x.test>\r\nDATA\r\n";
    static const struct {
        const char *data;
        uint64_t octets;
        const char *ending, *lone_dot;
    } rows[] = {
        {"", 0, NULL, NULL},
        {"a", 1, "the last line broke off", NULL},
        {"a\r\nb", 4, "the last line broke off", NULL},
        {"a\r\n", 3, "the last line ended in CRLF", NULL},
        {"a\r\n..\r\n", 6, "the last line ended in CRLF", NULL},
        {"a\r\nb\n", 5, "the last line ended in LF", NULL},
        {"a\r", 2, "the last line ended in CR", NULL},
        {"a\n.\n", 4, "the last line ended in LF", "LF.LF"},
        {"a\n.\nQUIT\r\n", 10, "the last line ended in CRLF", "LF.LF"},
        {"a\n.\n.\nb", 7, "the last line broke off", "LF.LF"},
        {"a\n.\r\n", 5, "the last line ended in CRLF", "LF.CRLF"},
        {"a\n.\r\n.", 5, "the last line was a dot without its line end", "LF.CRLF"},
        {"a\r\n.\n", 4, "the last line ended in LF", "CRLF.LF"},
        {".\n", 1, "the last line ended in LF", "CRLF.LF"},
        {"a\r\n.", 3, "the last line was a dot without its line end", NULL},
        {"a\r\n.\r", 3, "the last line was a dot that ended in CR", NULL},
        {"a\n.", 3, "the last line was a dot without its line end", NULL},
        {"a\n.\r", 4, "the last line was a dot that ended in CR", NULL},
        {"a\n.b\n", 5, "the last line ended in LF", NULL},
        {"a\n.\rb\r\n", 7, "the last line ended in CRLF", NULL},
        {"a\n..\n", 5, "the last line ended in LF", NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        size_t n = strlen(rows[i].data);
        for (size_t step = 1; step <= n + 1; step++) {
            struct fixture f;
            begin(&f, before);
            while (smtp_next(&f.s, &f.e))
                ;
            for (size_t at = 0; at < n; at += step) {
                smtp_input(&f.s, memcpy(f.input, rows[i].data + at, n - at), n - at < step ? n - at : step);
                while (smtp_next(&f.s, &f.e))
                    ;
            }
            struct smtp_progress p = smtp_progress(&f.s);
            assert_true(smtp_in_message(&f.s) && !p.whole && p.missing == 0);
            if (p.octets != rows[i].octets ||
                strcmp(p.ending ? p.ending : "", rows[i].ending ? rows[i].ending : "") != 0 ||
                strcmp(p.lone_dot ? p.lone_dot : "", rows[i].lone_dot ? rows[i].lone_dot : "") != 0)
                fail_msg("row %zu by %zu: %ju octets, %s, %s", i, step, (uintmax_t)p.octets, p.ending, p.lone_dot);
        }
    }
    struct fixture f;
    begin(&f, "EHLO t\r\nMAIL FROM:<>\r\nRCPT TO:<b@x.test>\r\nBDAT 5\r\n12345BDAT 10\r\nabc");
    while (smtp_next(&f.s, &f.e))
        ;
    struct smtp_progress p = smtp_progress(&f.s);
    assert_true(p.octets == 8 && p.missing == 7 && p.ending == NULL && p.lone_dot == NULL && !p.whole);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reply_waits_for_the_next_call),
        cmocka_unit_test(test_refused_mail_opens_no_transaction),
        cmocka_unit_test(test_several_lines),
        cmocka_unit_test(test_no_event_without_room),
        cmocka_unit_test(test_room_is_lent_while_a_reply_is_prepared),
        cmocka_unit_test(test_closing_replaces_what_was_prepared),
        cmocka_unit_test(test_mail_data_are_lent_not_copied),
        cmocka_unit_test(test_events_tell),
        cmocka_unit_test(test_longest_hostname_fits),
        cmocka_unit_test(test_idle_session_is_small),
        cmocka_unit_test(test_challenges_differ),
        cmocka_unit_test(test_a_mechanism_of_the_application),
        cmocka_unit_test(test_a_secret_is_shown_once_and_wiped),
        cmocka_unit_test(test_what_came_before_tls_is_dropped),
        cmocka_unit_test(test_chunks_are_told_apart),
        cmocka_unit_test(test_keywords),
        cmocka_unit_test(test_problems_of_mail_data),
        cmocka_unit_test(test_progress),
    };
    return cmocka_run_group_tests_name("engine", tests, NULL, NULL) != 0;
}
