/* SPDX-License-Identifier: ISC */
/*
 * test_console.c - text from a client cannot drive a terminal, and a reader that
 * takes nothing gets whole lines or none.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "report/inside.h"
#include "tests/unit/memory.h"

static const char *escaped(const char *text, size_t n)
{
    static char out[256];
    size_t length = console_escape(out, sizeof out, (struct span){text, n});
    assert_int_equal(length, strlen(out));
    return out;
}

static void test_each_octet(void **state)
{
    (void)state;
    for (int i = 0; i < 256; i++) {
        char c = (char)i, expected[8];
        if (c == '\\')
            snprintf(expected, sizeof expected, "\\\\");
        else if (i >= 0x20 && i < 0x7f)
            snprintf(expected, sizeof expected, "%c", c);
        else
            snprintf(expected, sizeof expected, "\\x%02x", (unsigned)i);
        assert_string_equal(escaped(&c, 1), expected);
    }
}

static void test_characters(void **state)
{
    (void)state;
    static const struct {
        const char *text, *expected;
    } rows[] = {
        {"Gr\xc3\xbc\xc3\x9f"
         "e",
         "Gr\xc3\xbc\xc3\x9f"
         "e"},
        {"\xe2\x82\xac \xf0\x9f\x98\x80", "\xe2\x82\xac \xf0\x9f\x98\x80"},
        {"\xc2\x9b"
         "31m",
         "\\xc2\\x9b31m"},                            /* C1 CSI */
        {"\xc2\xad", "\\xc2\\xad"},                   /* soft hyphen */
        {"\xe2\x80\xae", "\\xe2\\x80\\xae"},          /* U+202E */
        {"\xe2\x81\xa6", "\\xe2\\x81\\xa6"},          /* U+2066 */
        {"\xe2\x80\x8b", "\\xe2\\x80\\x8b"},          /* U+200B */
        {"\xe2\x80\x8f", "\\xe2\\x80\\x8f"},          /* U+200F */
        {"\xd8\x9c", "\\xd8\\x9c"},                   /* U+061C */
        {"\xe2\x80\xa8", "\\xe2\\x80\\xa8"},          /* U+2028 */
        {"\xef\xbb\xbf", "\\xef\\xbb\\xbf"},          /* U+FEFF */
        {"\xef\xb8\x8f", "\\xef\\xb8\\x8f"},          /* U+FE0F */
        {"\xee\x80\x80", "\\xee\\x80\\x80"},          /* U+E000 */
        {"\xf3\xa0\x80\xa0", "\\xf3\\xa0\\x80\\xa0"}, /* U+E0020 */
        {"\xed\xa0\x80", "\\xed\\xa0\\x80"},          /* a surrogate is no UTF-8 */
        {"\xc3", "\\xc3"},
        {"\xc3(", "\\xc3("},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_string_equal(escaped(rows[i].text, strlen(rows[i].text)), rows[i].expected);
}

static void test_cut(void **state)
{
    (void)state;
    char out[16];
    const char *text = "0123456789abcdefgh";
    for (size_t size = 8; size <= sizeof out; size++) {
        size_t n = console_escape(out, size, (struct span){text, strlen(text)});
        assert_int_equal(n, size - 1);
        assert_memory_equal(out, text, n - 3);
        assert_string_equal(out + n - 3, "...");
    }
    assert_int_equal(console_escape(out, 11, (struct span){text, 10}), 10);
    assert_string_equal(out, "0123456789");
    assert_int_equal(console_escape(out, 8, (struct span){"a\xe2\x80\x8b", 4}), 4);
    assert_string_equal(out, "a...");
}

/* ---- lines ---- */

static struct lines lines;
static uint64_t put, taken; /* lines */
static int reader;

static void open_pipe(void)
{
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    reader = fds[0];
    put = taken = 0;
    lines_open(&lines, fds[1]);
}

static void put_lines(uint64_t n)
{
    char line[64];
    while (n-- > 0)
        lines_put(&lines, line, (size_t)snprintf(line, sizeof line, "line %ju of many\n", (uintmax_t)put++));
}

/* Reads so many octets, or to the end; each line must be whole, and later than the one before it. */
static void take(size_t most)
{
    static char text[64 * 1024];
    static size_t kept;
    static uintmax_t last;
    ssize_t n = 1;
    last = taken == 0 ? 0 : last;
    for (size_t got = 0; got < most && (n = read(reader, text + kept, sizeof text - kept)) > 0; got += (size_t)n) {
        char *line = text, *end = text + kept + (size_t)n, *lf;
        for (; (lf = memchr(line, '\n', (size_t)(end - line))) != NULL; line = lf + 1, taken++) {
            uintmax_t number;
            int length = 0;
            assert_int_equal(sscanf(line, "line %ju of many%n", &number, &length), 1);
            assert_ptr_equal(line + length, lf);
            assert_true(taken == 0 || number > last);
            last = number;
        }
        kept = (size_t)(end - line);
        memmove(text, line, kept);
    }
    assert_true(n > 0 || kept == 0);
}

static void close_pipe(void)
{
    close(lines.fd);
    take(SIZE_MAX);
    close(reader);
    assert_int_equal(lines.error, 0);
    assert_int_equal(taken + lines.lost, put);
}

static void test_reader_that_takes_nothing(void **state)
{
    (void)state;
    open_pipe();
    put_lines(20000);
    assert_true(lines_wait(&lines));
    lines_end(&lines, clock_now());
    assert_true(lines.lost > 0);
    close_pipe();
}

static void test_reader_that_wakes_up(void **state)
{
    (void)state;
    open_pipe();
    put_lines(20000);
    while (lines.lost == 0) /* for one to two seconds */
        lines_go_on(&lines);
    put_lines(10);
    take(4096);
    put_lines(10);
    take(1);
    assert_int_equal(fcntl(reader, F_SETFL, O_NONBLOCK), 0);
    while (lines_wait(&lines)) {
        lines_go_on(&lines);
        take(SIZE_MAX);
    }
    put_lines(10);
    close_pipe();
}

/* A reader that takes some lines all the time.  Returns the longest time in which it took none: of a busy machine. */
static int64_t read_slowly(void)
{
    int64_t last = clock_now(), longest = 0;
    open_pipe();
    assert_int_equal(fcntl(reader, F_SETFL, O_NONBLOCK), 0);
    put_lines(5000);
    for (int i = 0; lines_wait(&lines); i++) {
        take(4096);
        int64_t now = clock_now();
        longest = now - last > longest ? now - last : longest;
        last = now;
        if (i < 100)
            put_lines(1);
        lines_go_on(&lines);
    }
    close_pipe();
    return longest;
}

static void test_slow_reader_gets_all(void **state)
{
    (void)state;
    int tries = 1;
    while (read_slowly() >= LINES_PATIENCE / 2)
        assert_true(tries++ < 50);
    assert_int_equal(lines.lost, 0);
}

static void test_flood(void **state)
{
    (void)state;
    open_pipe();
    put_lines(1000000); /* more than wait for a second */
    assert_true(lines.lost > 0);
    lines_end(&lines, clock_now());
    close_pipe();
}

static void test_lines_without_memory(void **state)
{
    (void)state;
    for (size_t i = 1; i < 8; i++) {
        open_pipe();
        memory_fails_at = memory_requests + i;
        put_lines(20000);
        memory_fails_at = 0;
        assert_true(lines.lost > 0);
        put_lines(1000);
        lines_end(&lines, clock_now());
        close_pipe();
    }
}

static void test_reader_that_is_gone(void **state)
{
    (void)state;
    open_pipe();
    put_lines(20000);
    close(reader);
    (void)signal(SIGPIPE, SIG_IGN);
    lines_go_on(&lines);
    assert_false(lines_wait(&lines));
    assert_int_equal(lines.error, EPIPE);
    close(lines.fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_octet),
        cmocka_unit_test(test_characters),
        cmocka_unit_test(test_cut),
        cmocka_unit_test(test_reader_that_takes_nothing),
        cmocka_unit_test(test_reader_that_wakes_up),
        cmocka_unit_test(test_slow_reader_gets_all),
        cmocka_unit_test(test_flood),
        cmocka_unit_test(test_lines_without_memory),
        cmocka_unit_test(test_reader_that_is_gone),
    };
    return cmocka_run_group_tests_name("text for people", tests, NULL, NULL) != 0;
}
