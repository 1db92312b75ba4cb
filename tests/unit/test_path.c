/* SPDX-License-Identifier: ISC */
/*
 * test_path.c - the grammar of paths, a row each: what is written, what is
 * taken of it, what is left, and what is not to the letter.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/base.h"
#include "smtp/inside.h"

#define TEN "aaaaaaaaaa"
#define FIFTY TEN TEN TEN TEN TEN
#define SIXTY_TWO FIFTY TEN "aa"
#define THREE_LABELS SIXTY_TWO "a." SIXTY_TWO "a." SIXTY_TWO "a."
#define SEVEN "\xc3\xb6\xc3\xb6\xc3\xb6\xc3\xb6\xc3\xb6\xc3\xb6\xc3\xb6" /* characters of two octets */
#define SIXTY_THREE SEVEN SEVEN SEVEN SEVEN SEVEN SEVEN SEVEN SEVEN SEVEN

static const struct row {
    const char *text;
    const char *address; /* NULL: malformed */
    const char *rest;
    enum problem problem; /* with what is taken */
    bool forward;
} rows[] = {
    {"<>", "", "", PROBLEMS, false},
    {"<> SIZE=1", "", " SIZE=1", PROBLEMS, false},
    {"<a@x.test>", "a@x.test", "", PROBLEMS, false},
    {"<a@x.test>junk", "a@x.test", "junk", PROBLEMS, false},
    {"a@x.test SIZE=1", "a@x.test", " SIZE=1", PROBLEMS, false},
    {"<postmaster>", "postmaster", "", PROBLEM_NO_DOMAIN, false},
    {"<!#$%&'*+-/=?^_`{|}~@x.test>", "!#$%&'*+-/=?^_`{|}~@x.test", "", PROBLEMS, false},
    {"<\"\\\"\"@x>", "\"\\\"\"@x", "", PROBLEMS, false},
    {"<\"a b\">", "\"a b\"", "", PROBLEM_NO_DOMAIN, false},
    {"<@a:b@c>", "b@c", "", PROBLEMS, false},
    {"<@a,@b:c@d>", "c@d", "", PROBLEMS, false},
    {"@a:b@c", "b@c", "", PROBLEMS, false},
    {"<a@[1.2.3.4]>", "a@[1.2.3.4]", "", PROBLEMS, false},
    {"<a@[IPv6:::]>", "a@[IPv6:::]", "", PROBLEMS, false},
    {"<a@[ipv6:1::]>", "a@[ipv6:1::]", "", PROBLEMS, false},
    {"<a@[IPv6:1:2:3:4:5:6:1.2.3.4]>", "a@[IPv6:1:2:3:4:5:6:1.2.3.4]", "", PROBLEMS, false},
    {"<a@[IPv6:1:2:3:4:5:6:7::]>", "a@[IPv6:1:2:3:4:5:6:7::]", "", PROBLEMS, false},
    {"<\xc3\xb6@\xc3\xb6.test>", "\xc3\xb6@\xc3\xb6.test", "", PROBLEMS, false},
    {"", NULL, NULL, PROBLEMS, false},
    {"<", NULL, NULL, PROBLEMS, false},
    {">", NULL, NULL, PROBLEMS, false},
    {"<a", NULL, NULL, PROBLEMS, false},
    {"<a@", NULL, NULL, PROBLEMS, false},
    {"<a@>", NULL, NULL, PROBLEMS, false},
    {"<@>", NULL, NULL, PROBLEMS, false},
    {"<@a>", NULL, NULL, PROBLEMS, false},
    {"<@a:>", NULL, NULL, PROBLEMS, false},
    {"<@a,>", NULL, NULL, PROBLEMS, false},
    {"<@a,b@c>", NULL, NULL, PROBLEMS, false},
    {"<a@x>>", "a@x", ">", PROBLEMS, false},
    {"<a@b@c>", NULL, NULL, PROBLEMS, false},
    {"<a@x y>", NULL, NULL, PROBLEMS, false},
    {"<a@x/y>", NULL, NULL, PROBLEMS, false},
    {"<\"", NULL, NULL, PROBLEMS, false},
    {"<\"a\\", NULL, NULL, PROBLEMS, false},
    {"<@", NULL, NULL, PROBLEMS, false},
    {"@a", NULL, NULL, PROBLEMS, false},
    {"<a@[", NULL, NULL, PROBLEMS, false},
    {"<<a@x>", NULL, NULL, PROBLEMS, false},
    {" <a>", NULL, NULL, PROBLEMS, false},
    {"<a\x7f@x>", NULL, NULL, PROBLEMS, false},
    {"<.@x>", ".@x", "", PROBLEM_STRAY_DOT, false},
    {"<..@x>", "..@x", "", PROBLEM_STRAY_DOT, false},
    {"<a@_>", "a@_", "", PROBLEM_DOMAIN, false},
    {"<a@" SIXTY_THREE SIXTY_THREE ">", "a@" SIXTY_THREE SIXTY_THREE, "", PROBLEMS, false},
    {"<a@" SIXTY_THREE SIXTY_THREE "a>", "a@" SIXTY_THREE SIXTY_THREE "a", "", PROBLEM_DOMAIN, false},
    {"<a@" THREE_LABELS SIXTY_TWO "a>", "a@" THREE_LABELS SIXTY_TWO "a", "", PROBLEM_LONG_PATH, false},
    {"<a@" THREE_LABELS SIXTY_TWO ".a>", "a@" THREE_LABELS SIXTY_TWO ".a", "", PROBLEM_DOMAIN, false},
    {"<a@x_\xc3\xb6>", "a@x_\xc3\xb6", "", PROBLEM_DOMAIN, false},
    {"<a@\xc3\xb6->", "a@\xc3\xb6-", "", PROBLEM_DOMAIN, false},
    {"<a,b@x>", NULL, NULL, PROBLEMS, false},
    {"<(a)@x>", NULL, NULL, PROBLEMS, false},
    {"<a\\b@x>", NULL, NULL, PROBLEMS, false},
    {"<\"a\x01\"@x>", NULL, NULL, PROBLEMS, false},
    {"<\"a\\\x01\"@x>", NULL, NULL, PROBLEMS, false},
    {"<\"a\"b@x>", NULL, NULL, PROBLEMS, false},
    {"<a@[1.2.3.4>", NULL, NULL, PROBLEMS, false},
    {"<a@[1.2.3.4]x>", NULL, NULL, PROBLEMS, false},
    {"<a@[IPv6:1:2:3:4:5:6:7:1.2.3.4]>", NULL, NULL, PROBLEMS, false},
    {"<a@[IPv6:1:2:3:4::6:1.2.3.4]>", "a@[IPv6:1:2:3:4::6:1.2.3.4]", "", PROBLEMS, false},
    {"<a@[IPv6:1:2:3:4:5:6::1.2.3.4]>", NULL, NULL, PROBLEMS, false},
    {"<a@[IPv6::1]>", NULL, NULL, PROBLEMS, false},
    {"<a@[IPv6:1::2::]>", NULL, NULL, PROBLEMS, false},
    {"<a@[:x]>", NULL, NULL, PROBLEMS, false},
    {"<a@[tag:]>", NULL, NULL, PROBLEMS, false},
    {"<a@[tag:a\\b]>", NULL, NULL, PROBLEMS, false},
    {"<postmaster>", "postmaster", "", PROBLEMS, true},
    {"<POSTmaster>", "POSTmaster", "", PROBLEMS, true},
    {"<root>", "root", "", PROBLEM_NO_DOMAIN, true},
    {"<a..b@x>", "a..b@x", "", PROBLEM_STRAY_DOT, false},
    {"<.a@x>", ".a@x", "", PROBLEM_STRAY_DOT, false},
    {"<a.@x>", "a.@x", "", PROBLEM_STRAY_DOT, false},
    {"<a@x_y>", "a@x_y", "", PROBLEM_DOMAIN, false},
    {"<a@-x>", "a@-x", "", PROBLEM_DOMAIN, false},
    {"<a@x-.y>", "a@x-.y", "", PROBLEM_DOMAIN, false},
    {"<a@x-y.z>", "a@x-y.z", "", PROBLEMS, false},
    {"<a@x..y>", NULL, NULL, PROBLEMS, false},
    {"<a@x.>", NULL, NULL, PROBLEMS, false},
    {"<a@.x>", NULL, NULL, PROBLEMS, false},
    {"<" TEN TEN TEN TEN TEN TEN "1234@x>", TEN TEN TEN TEN TEN TEN "1234@x", "", PROBLEMS, false},
    {"<" TEN TEN TEN TEN TEN TEN "12345@x>", TEN TEN TEN TEN TEN TEN "12345@x", "", PROBLEM_LONG_LOCAL_PART, false},
    {"<a@" TEN TEN TEN TEN TEN TEN "123>", "a@" TEN TEN TEN TEN TEN TEN "123", "", PROBLEMS, false},
    {"<a@" TEN TEN TEN TEN TEN TEN "1234>", "a@" TEN TEN TEN TEN TEN TEN "1234", "", PROBLEM_DOMAIN, false},
    {"<a@[t:" FIFTY FIFTY FIFTY FIFTY FIFTY "1]>", "a@[t:" FIFTY FIFTY FIFTY FIFTY FIFTY "1]", "", PROBLEM_LONG_PATH,
     false},
    {"<a@[t:" FIFTY FIFTY FIFTY FIFTY FIFTY "12]>", "a@[t:" FIFTY FIFTY FIFTY FIFTY FIFTY "12]", "", PROBLEM_DOMAIN,
     false},
    {"<a@[t:" FIFTY FIFTY FIFTY FIFTY FIFTY "]>", "a@[t:" FIFTY FIFTY FIFTY FIFTY FIFTY "]", "", PROBLEM_LONG_PATH,
     false},
    {"<a@[t:" FIFTY FIFTY FIFTY FIFTY TEN TEN TEN TEN "12345678]>",
     "a@[t:" FIFTY FIFTY FIFTY FIFTY TEN TEN TEN TEN "12345678]", "", PROBLEMS, false},
};

static void test_row(void **state)
{
    const struct row *r = *state;
    size_t n = strlen(r->text);
    char *exact = malloc(n + (n == 0)); /* no NUL behind it */
    assert_non_null(exact);
    memcpy(exact, r->text, n);
    struct span t = {exact, n}, address;
    enum problem problem;
    const char *end = path_end(t, r->forward, &address, &problem);
    assert_int_equal(end != NULL, r->address != NULL);
    if (end != NULL) {
        assert_int_equal(problem, r->problem);
        assert_int_equal(address.n, strlen(r->address));
        assert_memory_equal(address.p, r->address, address.n);
        assert_int_equal(t.p + n - end, strlen(r->rest));
        assert_memory_equal(end, r->rest, strlen(r->rest));
    }
    free(exact);
}

static void test_host(void **state)
{
    (void)state;
    assert_false(path_is_host((struct span){NULL, 0}));
    assert_false(path_is_host(span_of("")));
    assert_true(path_is_host(span_of("a")));
    assert_false(path_is_host(span_of("a.")));
    assert_false(path_is_host(span_of("a_b")));
    assert_true(path_is_host(span_of("[1.2.3.4]")));
    assert_false(path_is_host(span_of("[1.2.3.4]x")));
}

/* Against a table of what is well-formed: RFC 3629 4. */
static void test_utf8(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool valid;
    } forms[] = {
        {"", true},
        {"a\x7f", true},
        {"\xc2\x80\xdf\xbf", true},
        {"\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf", true},
        {"\xf0\x90\x80\x80\xf4\x8f\xbf\xbf", true},
        {"\x80", false},
        {"\xc0\x80", false},
        {"\xc1\xbf", false},
        {"\xc2", false},
        {"\xc2\x7f", false},
        {"\xe0\x9f\xbf", false},
        {"\xed\xa0\x80", false},
        {"\xe2\x82", false},
        {"\xe2\x82\x28", false},
        {"\xf0\x8f\xbf\xbf", false},
        {"\xf4\x90\x80\x80", false},
        {"\xf5\x80\x80\x80", false},
        {"\xff", false},
    };
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++)
        assert_int_equal(utf8_is_valid((struct span){forms[i].text, strlen(forms[i].text)}), forms[i].valid);
}

int main(void)
{
    enum { ROWS = sizeof rows / sizeof rows[0] };
    struct CMUnitTest tests[ROWS + 2];
    for (size_t i = 0; i < ROWS; i++)
        tests[i] = (struct CMUnitTest){
            .name = rows[i].text, .test_func = test_row, .initial_state = (void *)(uintptr_t)&rows[i]};
    tests[ROWS] = (struct CMUnitTest)cmocka_unit_test(test_utf8);
    tests[ROWS + 1] = (struct CMUnitTest)cmocka_unit_test(test_host);
    return cmocka_run_group_tests_name("paths", tests, NULL, NULL) != 0;
}
