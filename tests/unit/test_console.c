/*
 * test_console.c - text from a client cannot drive a terminal.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "report/inside.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_octet),
        cmocka_unit_test(test_characters),
        cmocka_unit_test(test_cut),
    };
    return cmocka_run_group_tests_name("text for people", tests, NULL, NULL) != 0;
}
