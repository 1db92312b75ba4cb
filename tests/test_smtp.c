/*
 * test_smtp.c - what a dialogue cannot show of the engine: lent buffers, asking
 * before committing, closing, and the search for a dot.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../scan.h"
#include "../smtp.h"

static const struct smtp_config config = {.hostname = "mail.test"};

struct fixture {
    struct smtp s;
    struct smtp_event e;
    char room[SMTP_REPLY_MAX * 4];
};

static void begin(struct fixture *f, const char *input)
{
    smtp_init(&f->s, &config);
    smtp_output(&f->s, f->room, sizeof f->room);
    smtp_input(&f->s, input, strlen(input));
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
    assert_false(smtp_in_data(&f.s));
    next(&f, SMTP_DATA, 354);
    next(&f, SMTP_BODY, 0);
    assert_true(smtp_in_data(&f.s));
    assert_ptr_equal(f.e.arg.p, strstr(input, "one"));
    assert_int_equal(f.e.arg.n, strlen("one\r\n"));
    next(&f, SMTP_BODY, 0);
    assert_ptr_equal(f.e.arg.p, strstr(input, ".two"));
    next(&f, SMTP_EOM, 250);
    assert_int_equal(f.e.size, strlen("one\r\n.two\r\n"));
    assert_true(smtp_in_data(&f.s));
    assert_false(smtp_next(&f.s, &f.e));
    assert_false(smtp_in_data(&f.s));
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
    struct smtp_config c = {.hostname = name, .max_size = UINT64_MAX};
    struct smtp s;
    struct smtp_event e;
    char room[SMTP_REPLY_MAX * 2];
    smtp_init(&s, &c);
    smtp_output(&s, room, sizeof room);
    smtp_input(&s, "EHLO t\r\n", 8);
    assert_true(smtp_next(&s, &e));
    assert_true(smtp_next(&s, &e));
    assert_int_equal(e.code, 250);
    struct span reply = smtp_prepared(&s);
    assert_memory_equal(reply.p + reply.n - strlen("250 SIZE 18446744073709551615\r\n"),
                        "250 SIZE 18446744073709551615\r\n", strlen("250 SIZE 18446744073709551615\r\n"));
}

static void test_idle_session_is_small(void **state)
{
    (void)state;
    assert_true(sizeof(struct smtp) <= 128);
}

typedef const char *scan(const char *p, const char *end);

/* Holds a form of the search against the plainest one, on short strings of few letters at each alignment. */
static void check_scan(scan *form)
{
    static const char letters[] = {'\n', '.', 'a', '\r', '\x0b', '/', '\x8a', '\xae'};
    unsigned seed = 1;
    for (int round = 0; round < 200000; round++) {
        char text[80];
        size_t n = (seed >> 8) % 70, start = (seed >> 20) % 8;
        for (size_t i = 0; i < sizeof text; i++) {
            seed = seed * 1103515245 + 12345;
            text[i] = letters[(seed >> 16) % (round % 2 ? 8 : 3)];
        }
        if (round % 3 == 0)
            memset(text, 'x', n / 2 + start);
        char *exact = malloc(n + 1);
        assert_non_null(exact);
        memcpy(exact + 1, text + start, n); /* so that reading past the end is seen */
        assert_ptr_equal(form(exact + 1, exact + 1 + n), scan_lf_dot_octets(exact + 1, exact + 1 + n));
        free(exact);
    }
}

static void test_search_by_words(void **state)
{
    (void)state;
    check_scan(scan_lf_dot_words);
}

static void test_search_by_vectors(void **state)
{
    (void)state;
    check_scan(scan_lf_dot);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reply_waits_for_the_next_call),
        cmocka_unit_test(test_refused_mail_opens_no_transaction),
        cmocka_unit_test(test_several_lines),
        cmocka_unit_test(test_no_event_without_room),
        cmocka_unit_test(test_closing_replaces_what_was_prepared),
        cmocka_unit_test(test_mail_data_are_lent_not_copied),
        cmocka_unit_test(test_events_tell),
        cmocka_unit_test(test_longest_hostname_fits),
        cmocka_unit_test(test_idle_session_is_small),
        cmocka_unit_test(test_search_by_words),
        cmocka_unit_test(test_search_by_vectors),
    };
    return cmocka_run_group_tests_name("engine", tests, NULL, NULL) != 0;
}
