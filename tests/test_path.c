/*
 * test_path.c - the grammar of paths, a row each: what is written, what is
 * taken of it, and what is left.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../path.h"
#include "../utf8.h"

static const struct row {
    const char *text;
    const char *address; /* NULL: malformed */
    const char *rest;
} rows[] = {
    {"<>", "", ""},
    {"<> SIZE=1", "", " SIZE=1"},
    {"<a@x.test>", "a@x.test", ""},
    {"<a@x.test>junk", "a@x.test", "junk"},
    {"a@x.test SIZE=1", "a@x.test", " SIZE=1"},
    {"<postmaster>", "postmaster", ""},
    {"<!#$%&'*+-/=?^_`{|}~@x.test>", "!#$%&'*+-/=?^_`{|}~@x.test", ""},
    {"<\"\\\"\"@x>", "\"\\\"\"@x", ""},
    {"<\"a b\">", "\"a b\"", ""},
    {"<@a:b@c>", "b@c", ""},
    {"<@a,@b:c@d>", "c@d", ""},
    {"@a:b@c", "b@c", ""},
    {"<a@[1.2.3.4]>", "a@[1.2.3.4]", ""},
    {"<a@[IPv6:::]>", "a@[IPv6:::]", ""},
    {"<a@[ipv6:1::]>", "a@[ipv6:1::]", ""},
    {"<a@[IPv6:1:2:3:4:5:6:1.2.3.4]>", "a@[IPv6:1:2:3:4:5:6:1.2.3.4]", ""},
    {"<a@[IPv6:1:2:3:4:5:6:7::]>", "a@[IPv6:1:2:3:4:5:6:7::]", ""},
    {"<\xc3\xb6@\xc3\xb6.test>", "\xc3\xb6@\xc3\xb6.test", ""},
    {"", NULL, NULL},
    {"<", NULL, NULL},
    {">", NULL, NULL},
    {"<a", NULL, NULL},
    {"<a@", NULL, NULL},
    {"<a@>", NULL, NULL},
    {"<@>", NULL, NULL},
    {"<@a>", NULL, NULL},
    {"<@a:>", NULL, NULL},
    {"<@a,>", NULL, NULL},
    {"<@a,b@c>", NULL, NULL},
    {"<a@x>>", "a@x", ">"},
    {"<a@b@c>", NULL, NULL},
    {"<a@x y>", NULL, NULL},
    {"<a@x/y>", NULL, NULL},
    {"<a,b@x>", NULL, NULL},
    {"<(a)@x>", NULL, NULL},
    {"<a\\b@x>", NULL, NULL},
    {"<\"a\x01\"@x>", NULL, NULL},
    {"<\"a\\\x01\"@x>", NULL, NULL},
    {"<\"a\"b@x>", NULL, NULL},
    {"<a@[1.2.3.4>", NULL, NULL},
    {"<a@[1.2.3.4]x>", NULL, NULL},
    {"<a@[IPv6:1:2:3:4:5:6:7:1.2.3.4]>", NULL, NULL},
    {"<a@[IPv6:1:2:3:4::6:1.2.3.4]>", "a@[IPv6:1:2:3:4::6:1.2.3.4]", ""},
    {"<a@[IPv6:1:2:3:4:5:6::1.2.3.4]>", NULL, NULL},
    {"<a@[IPv6::1]>", NULL, NULL},
    {"<a@[IPv6:1::2::]>", NULL, NULL},
    {"<a@[:x]>", NULL, NULL},
    {"<a@[tag:]>", NULL, NULL},
    {"<a@[tag:a\\b]>", NULL, NULL},
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
    bool taken = path_take(&t, false, &address, &problem);
    assert_int_equal(taken, r->address != NULL);
    if (taken) {
        assert_int_equal(address.n, strlen(r->address));
        assert_memory_equal(address.p, r->address, address.n);
        assert_int_equal(t.n, strlen(r->rest));
        assert_memory_equal(t.p, r->rest, t.n);
    }
    free(exact);
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
    struct CMUnitTest tests[ROWS + 1];
    for (size_t i = 0; i < ROWS; i++)
        tests[i] = (struct CMUnitTest){
            .name = rows[i].text, .test_func = test_row, .initial_state = (void *)(uintptr_t)&rows[i]};
    tests[ROWS] = (struct CMUnitTest)cmocka_unit_test(test_utf8);
    return cmocka_run_group_tests_name("paths", tests, NULL, NULL) != 0;
}
