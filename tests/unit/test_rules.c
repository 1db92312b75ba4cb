/* SPDX-License-Identifier: ISC */
/*
 * test_rules.c - rules for misbehaving: what they are read as, where they are
 * malformed, what they are for, and the numbers in them.
 */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/base.h"
#include "serve/serve.h"

/* ---- parsing ---- */

static void fails(const struct rule *r, const char *what) { fail_msg("%s: not the right %s", r->text, what); }

static void parse(struct rule *r, const char *text)
{
    const char *at;
    *r = (struct rule){.text = NULL};
    const char *expected = rules_parse(r, text, &at);
    if (expected != NULL)
        fail_msg("%s: at %td: expected %s", text, at - text, expected);
    assert_ptr_equal(r->text, text);
}

static bool is(struct span t, const char *text)
{
    return text == NULL ? t.p == NULL : t.p != NULL && t.n == strlen(text) && memcmp(t.p, text, t.n) == 0;
}

/* Blanks, and any case. */
static void test_events(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        enum smtp_event_type event;
        bool argument;
    } rows[] = {
        {"connect", SMTP_CONNECT, true},    {"helo", SMTP_HELO, true},  {"ehlo", SMTP_HELO, true},
        {"starttls", SMTP_STARTTLS, false}, {"auth", SMTP_AUTH, true},  {"mail", SMTP_MAIL, true},
        {"rcpt", SMTP_RCPT, true},          {"data", SMTP_DATA, true},  {"bdat", SMTP_BDAT, true},
        {"body", SMTP_BODY, true},          {"eom", SMTP_EOM, true},    {"rset", SMTP_RSET, false},
        {"noop", SMTP_NOOP, true},          {"vrfy", SMTP_VRFY, true},  {"expn", SMTP_EXPN, true},
        {"help", SMTP_HELP, true},          {"quit", SMTP_QUIT, false}, {"unknown", SMTP_UNKNOWN, true},
        {"command", SMTP_NONE, true},
    };
    static const char *const forms[] = {"%s:drop", "%s: drop", " \t%s \t: \tdrop \t", "%s #7: drop", "%s *:drop"};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        for (size_t k = 0; k < sizeof forms / sizeof forms[0]; k++) {
            char text[64];
            struct rule r;
            const char *at;
            snprintf(text, sizeof text, forms[k], rows[i].name);
            if (k % 2 == 1)
                text[strcspn(text, "abcdefghijklmnopqrstuvwxyz")] &= '\x5f';
            if (k == 4 && !rows[i].argument) {
                r = (struct rule){.text = NULL};
                assert_non_null(rules_parse(&r, text, &at));
                assert_int_equal(*at, '*');
                continue;
            }
            parse(&r, text);
            assert_int_equal(r.event, rows[i].event);
            assert_int_equal(r.extended, strcmp(rows[i].name, "ehlo") == 0);
            assert_int_equal(r.action, RULES_DROP);
            assert_int_equal(r.first, k == 3 ? 7 : 0);
            assert_int_equal(r.after, rows[i].event == SMTP_BODY ? 1 : 0);
            assert_int_equal(r.percent, 0);
            assert_int_equal(r.parts[0].delay, 0);
            assert_true(is(r.pattern, k == 4 ? "*" : NULL));
        }
    }
}

static void test_conditions(void **state)
{
    (void)state;
    static const struct {
        const char *text, *pattern;
        uint64_t first;
        unsigned percent;
        uint64_t after;
    } rows[] = {
        {"rcpt bounce@*: 550 no", "bounce@*", 0, 0, 0},
        {"rcpt a@[IPv6:::1]: drop", "a@[IPv6:::1]", 0, 0, 0},
        {"connect fe80::1: drop", "fe80::1", 0, 0, 0},
        {"connect fe80::1:\tdrop", "fe80::1", 0, 0, 0},
        {"connect 127.0.0.1:drop", "127.0.0.1", 0, 0, 0},
        {"rcpt a: 550 no: never: no", "a", 0, 0, 0},
        {"rcpt: 550 no: never", NULL, 0, 0, 0},
        {"mail #1: drop", NULL, 1, 0, 0},
        {"mail #18446744073709551615: drop", NULL, UINT64_MAX, 0, 0},
        {"mail #007: drop", NULL, 7, 0, 0},
        {"mail #7/Conn: drop", NULL, 7, 0, 0},
        {"mail #7/addr a: drop", "a", 7, 0, 0},
        {"mail >7/1m a: drop", "a", 0, 0, 0},
        {"mail %1: drop", NULL, 0, 1, 0},
        {"mail %100: drop", NULL, 0, 100, 0},
        {"mail a@x #2: drop", "a@x", 2, 0, 0},
        {"mail #2 a@x: drop", "a@x", 2, 0, 0},
        {"mail\t%10\ta@x\t: drop", "a@x", 0, 10, 0},
        {"mail \\#1: drop", "\\#1", 0, 0, 0},
        {"mail a#1: drop", "a#1", 0, 0, 0},
        {"body: drop", NULL, 0, 0, 1},
        {"body +0: drop", NULL, 0, 0, 1},
        {"body +1: drop", NULL, 0, 0, 1},
        {"body +1000: drop", NULL, 0, 0, 1000},
        {"body b@x +1000 #3: drop", "b@x", 3, 0, 1000},
        {"body +18446744073709551615: drop", NULL, 0, 0, UINT64_MAX},
        {"auth plain/1: drop", "plain/1", 0, 0, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct rule r;
        parse(&r, rows[i].text);
        if (!is(r.pattern, rows[i].pattern))
            fails(&r, "pattern");
        if (r.first != rows[i].first || r.percent != rows[i].percent || r.after != rows[i].after)
            fails(&r, "numbers");
        if (r.applied != 0 || r.fired != 0)
            fails(&r, "counts");
    }
}

/* The colon of an event is directly after it: there are addresses that begin with one. */
static void test_the_empty_pattern(void **state)
{
    (void)state;
    struct rule r = {.text = NULL};
    const char *at;
    struct rules_occasion o = {.event = SMTP_MAIL, .argument = {"", 0}};
    assert_null(rules_parse(&r, "mail \"\": 550 no", &at));
    assert_ptr_equal(rules_find(&r, 1, &o), &r);
    o.argument = (struct span){"a@x", 3};
    assert_null(rules_find(&r, 1, &o));
    memset(&r, 0, sizeof r);
    assert_string_equal(rules_parse(&r, "mail\"\": 550 no", &at), "a blank or the colon");
    memset(&r, 0, sizeof r);
    assert_string_equal(rules_parse(&r, "body +5 +6: drop", &at), "only one +N");
}

static void test_a_pattern_that_begins_with_a_colon(void **state)
{
    (void)state;
    struct rule r;
    parse(&r, "connect ::1: drop");
    assert_true(is(r.pattern, "::1"));
    parse(&r, "connect :*: drop");
    assert_true(is(r.pattern, ":*"));
    parse(&r, "connect :drop");
    assert_true(is(r.pattern, NULL));
}

static void test_actions(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum rules_action action;
        int64_t delay;
        int code;
        const char *reply;
    } rows[] = {
        {"mail: drop", RULES_DROP, 0, 0, ""},
        {"mail: RESET", RULES_RESET, 0, 0, ""},
        {"mail: stall ", RULES_STALL, 0, 0, ""},
        {"mail: delay 5s", RULES_GO_ON, 5000, 0, ""},
        {"mail: delay 5", RULES_GO_ON, 5000, 0, ""},
        {"mail: Delay\t1.5m ", RULES_GO_ON, 90000, 0, ""},
        {"mail: delay 1ms", RULES_GO_ON, 1, 0, ""},
        {"mail: delay 0", RULES_GO_ON, 0, 0, ""},
        {"mail: delay 0, drop", RULES_DROP, 0, 0, ""},
        {"mail: drip 5ms", RULES_GO_ON, 0, 0, ""},
        {"mail: delay 1, lines 5ms, 250 ok", RULES_REPLY, 1000, 250, "250 ok\r\n"},
        {"mail: delay 200ms, drop", RULES_DROP, 200, 0, ""},
        {"mail: delay 200ms,reset", RULES_RESET, 200, 0, ""},
        {"mail: delay 1h , stall", RULES_STALL, 3600000, 0, ""},
        {"mail: delay 5s, 250 ok", RULES_REPLY, 5000, 250, "250 ok\r\n"},
        {"mail: delay 5s,451 a, b", RULES_REPLY, 5000, 451, "451 a, b\r\n"},
        {"mail:550", RULES_REPLY, 0, 550, "550\r\n"},
        {"mail: 550 ", RULES_REPLY, 0, 550, "550\r\n"},
        {"mail: 550 5.1.1 no such user", RULES_REPLY, 0, 550, "550 5.1.1 no such user\r\n"},
        {"mail: 550\tno", RULES_REPLY, 0, 550, "550 no\r\n"},
        {"mail: 550  two blanks ", RULES_REPLY, 0, 550, "550  two blanks \r\n"},
        {"mail: 100 x", RULES_REPLY, 0, 100, "100 x\r\n"},
        {"mail: 999 x", RULES_REPLY, 0, 999, "999 x\r\n"},
        {"mail: 250 one\\ntwo\\nthree", RULES_REPLY, 0, 250, "250-one\r\n250-two\r\n250 three\r\n"},
        {"mail: 250 one\\r\\ntwo", RULES_REPLY, 0, 250, "250-one\r\n250 two\r\n"}, /* one line end, not CR CR LF */
        {"mail: 250 one\\r\\r\\n\\\\r\\nx", RULES_REPLY, 0, 250, "250-one\r\r\n250-\\r\r\n250 x\r\n"},
        {"mail: 250 \\n", RULES_REPLY, 0, 250, "250-\r\n250\r\n"},
        {"mail: 250 one\\n", RULES_REPLY, 0, 250, "250-one\r\n250\r\n"},
        {"mail: 250 \\n\\n.", RULES_REPLY, 0, 250, "250-\r\n250-\r\n250 .\r\n"},
        {"mail: 250 a\\tb\\rc\\\\d", RULES_REPLY, 0, 250, "250 a\tb\rc\\d\r\n"},
        {"mail: 250 \\\\n\\\\\\n", RULES_REPLY, 0, 250, "250-\\n\\\r\n250\r\n"},
        {"mail: 250 \\x41\\x0a\\x0D\\xfF", RULES_REPLY, 0, 250, "250 A\n\r\xff\r\n"},
        {"mail: 250 \\x41\\nb", RULES_REPLY, 0, 250, "250-A\r\n250 b\r\n"},
        {"mail: 250 a\\c", RULES_REPLY, 0, 250, "250 a"}, /* a line without its end */
        {"mail: 250 \\c", RULES_REPLY, 0, 250, "250 "},
        {"mail: 250 a\\n\\r\\c", RULES_REPLY, 0, 250, "250-a\r\n250 \r"},
        {"mail: 250 a\\\\c", RULES_REPLY, 0, 250, "250 a\\c\r\n"},
        {"mail: delay 1, 250 a\\c", RULES_REPLY, 1000, 250, "250 a"},
        {"mail: 250 delay drop: \xc3\xbc\x01", RULES_REPLY, 0, 250, "250 delay drop: \xc3\xbc\x01\r\n"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct rule r;
        parse(&r, rows[i].text);
        if (r.action != rows[i].action || r.parts[0].delay != rows[i].delay || r.code != rows[i].code)
            fails(&r, "action");
        if (r.reply_n != strlen(rows[i].reply) || memcmp(r.reply, rows[i].reply, r.reply_n) != 0)
            fails(&r, "reply");
    }
}

/* Each part as delay, replies, how it ends. */
static void test_several_actions(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum rules_action action;
        int code;
        const char *parts;
    } rows[] = {
        {"noop: 250 ok; drop", RULES_REPLY, 250, "0 <250 ok> drop"},
        {"noop:250;reset", RULES_REPLY, 250, "0 <250> reset"},
        {"noop: 250 ok ; \tstall ", RULES_REPLY, 250, "0 <250 ok > stall"},
        {"noop: 250 ok; 421 4.4.2 idle", RULES_REPLY, 250, "0 <250 ok|421 4.4.2 idle> close"},
        {"noop: 250 a\\;b; 421 c\\;", RULES_REPLY, 250, "0 <250 a;b|421 c;> close"},
        {"noop: 250 a\\nb; 251 c; 252 d", RULES_REPLY, 250, "0 <250-a|250 b|251 c|252 d>"},
        {"noop: 250 o\\c; drop", RULES_REPLY, 250, "0 <250 o~ drop"},
        {"noop: 250 ok; delay 5s, 421 idle", RULES_REPLY, 250, "0 <250 ok>, 5000 <421 idle> close"},
        {"noop: 250 ok; delay 5s; drop", RULES_REPLY, 250, "0 <250 ok>, 5000 <> drop"},
        {"noop: delay 1; drop", RULES_GO_ON, 0, "1000 <> drop"},
        {"noop: delay 1; 250 more; delay 2, stall", RULES_GO_ON, 0, "1000 <>, 0 <250 more>, 2000 <> stall"},
        {"noop: drip 5ms; 250 a; 251 b; drop", RULES_GO_ON, 0, "0/5 <>, 0/5 <250 a|251 b> drop"},
        {"noop: delay 0; lines 1ms, 250 a; 421 b", RULES_GO_ON, 0, "0 <>, 0/1l <250 a|421 b> close"},
        {"noop: delay 1, 250 a; 250 b", RULES_REPLY, 250, "1000 <250 a|250 b>"},
        {"noop: delay 0; drop", RULES_GO_ON, 0, "0 <> drop"},
        {"noop: drip 5ms, 250 ok; 251 too; lines 7ms, delay 3ms, 252 x", RULES_REPLY, 250,
         "0/5 <250 ok|251 too>, 3/7l <252 x>"},
        {"noop: drop", RULES_DROP, 0, "0 <> drop"},
        {"noop: 421 x", RULES_REPLY, 421, "0 <421 x>"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        static const char *const ends[] = {"", "", " close", " drop", " reset", " stall"};
        struct rule r;
        char got[256] = "";
        parse(&r, rows[i].text);
        for (size_t k = 0; k < r.n_parts; k++) {
            struct span reply = rules_reply(&r, k);
            size_t n = strlen(got);
            n += (size_t)sprintf(got + n, "%s%jd", k > 0 ? ", " : "", (intmax_t)r.parts[k].delay);
            if (r.parts[k].pace > 0)
                n += (size_t)sprintf(got + n, "/%jd%s", (intmax_t)r.parts[k].pace, r.parts[k].by_line ? "l" : "");
            n += (size_t)sprintf(got + n, " <");
            for (; reply.n > 0; span_skip(&reply, 1)) {
                if (*reply.p != '\r')
                    got[n++] = *reply.p == '\n' ? '|' : *reply.p;
            }
            n -= got[n - 1] == '|';
            bool open = r.parts[k].reply_end > 0 && r.reply[r.parts[k].reply_end - 1] != '\n';
            sprintf(got + n, "%c%s", open ? '~' : '>', ends[r.parts[k].end]);
        }
        assert_string_equal(got, rows[i].parts);
        assert_int_equal(r.action, rows[i].action);
        assert_int_equal(r.code, rows[i].code);
        bool ends_session = strpbrk(strrchr(got, '>') != NULL ? strrchr(got, '>') : strrchr(got, '~'), "dcs") != NULL ||
                            strstr(got, "reset") != NULL || r.code == 421;
        assert_int_equal(rules_end_session(&r), ends_session);
        assert_int_equal(rules_break_off(&r), strcmp(rows[i].text, "noop: drop") == 0);
    }
}

/* As they are, but for NUL, the semicolon and what begins an escape; and as escapes, NUL and all. */
static void test_each_octet_of_a_reply(void **state)
{
    (void)state;
    for (int i = 0; i < 256; i++) {
        static const char *const forms[] = {"eom: 250 <%c>", "eom: 250 <\\x%02x>", "eom: 250 <\\x%02X>"};
        for (size_t k = i == 0 || i == '\\' || i == ';'; k < 3; k++) {
            char text[32], wanted[] = {'2', '5', '0', ' ', '<', (char)i, '>', '\r', '\n'};
            struct rule r;
            snprintf(text, sizeof text, forms[k], i);
            parse(&r, text);
            assert_int_equal(r.reply_n, sizeof wanted);
            assert_memory_equal(r.reply, wanted, sizeof wanted);
        }
    }
}

/* A reply of 2048 octets, with its codes and line ends, is the longest. */
static void test_length_of_a_reply(void **state)
{
    (void)state;
    static const struct {
        const char *front;
        size_t overhead; /* octets of the reply beside the filling */
        const char *back;
    } rows[] = {
        {"eom: 250 ", 6, ""},       {"eom: 250 \\n", 12, ""},      {"eom: 250 one\\n", 15, ""},
        {"eom: 250 ", 7, "\\x41"},  {"eom: 250 ", 6 + 5, "\\n"},   {"eom: 250 ", 7, "\\\\"},
        {"eom: 250 \\t", 7, "\\n"}, {"eom: 250 ", 6 + 8, "\\n12"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        size_t overhead = rows[i].overhead + (i == 6 ? 5 : 0), front = strlen(rows[i].front);
        for (size_t more = 0; more < 10; more++) {
            char text[3000];
            const char *at;
            size_t filling = SMTP_REPLY_MAX - overhead + more;
            memcpy(text, rows[i].front, front);
            memset(text + front, 'x', filling);
            strcpy(text + front + filling, rows[i].back);
            struct rule r = {.text = NULL};
            const char *expected = rules_parse(&r, text, &at);
            if ((expected == NULL) != (more == 0))
                fail_msg("row %zu with %zu too many: %s", i, more, expected);
            assert_true(r.reply_n <= SMTP_REPLY_MAX);
            if (more == 0)
                assert_int_equal(r.reply_n, SMTP_REPLY_MAX);
            else
                assert_string_equal(expected, "a reply of at most 2048 octets, including codes and line ends");
            assert_true(at >= text && at <= text + strlen(text));
        }
    }
}

#define EVENT \
    "an event: connect, helo, ehlo, starttls, auth, mail, rcpt, data, bdat, body, eom, rset, noop, vrfy, expn, " \
    "help, xclient, quit, unknown or command"
#define CODE "a reply code of three digits, and its text after a space"
#define ACTION "a reply code and its text, drop, reset, stall, delay TIME, drip TIME or lines TIME"
#define COMMA "a comma and another action, a semicolon, or the end"
#define FURTHER \
    "a reply code and its text, drop, reset, stall, delay TIME, drip TIME or lines TIME after the semicolon; in a " \
    "text, write \\; for a semicolon"
#define MECHANISM "a mechanism before the slash: up to 20 letters, digits, dashes and underscores"
#define STEP "the number of a step, or initial; in the name of a user ? matches a slash"
#define ONE "only one #N, %P or >N/TIME"
#define RATE "a number of times and a time, as in >10/1m"
#define SIZE "a size, as in 10M, or a number of times and a time, as in >10/1m"
#define ESCAPE "\\n, \\r, \\t, \\\\, \\;, \\x and two hexadecimal digits, or \\c at the end"

static void test_malformed(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        ptrdiff_t at;
        const char *expected;
    } rows[] = {
        {"", 0, EVENT},
        {"  ", 2, EVENT},
        {": drop", 0, EVENT},
        {" mails: drop", 1, EVENT},
        {"#1: drop", 0, EVENT},
        {"m\xc3\xa4il: drop", 0, EVENT},
        {"mail", 4, "a colon and an action"},
        {"mail a@x drop", 13, "a colon and an action"},
        {"mail a b: drop", 7, "#N, >N/TIME, %P or the colon, as there is a pattern already"},
        {"mail a #1 b: drop", 10, "#N, >N/TIME, %P or the colon, as there is a pattern already"},
        {"rset a: drop", 5, "#N, >N/TIME, %P or the colon, as this event has no argument for a pattern"},
        {"starttls #1 x: drop", 12, "#N, >N/TIME, %P or the colon, as this event has no argument for a pattern"},
        {"quit x: drop", 5, "#N, >N/TIME, %P or the colon, as this event has no argument for a pattern"},
        {"eom!: drop", 3, "a blank or the colon"},
        {"body!: drop", 4, "a blank or the colon"},
        {"bdat!: drop", 4, "a blank or the colon"},
        {"connect! x: drop", 7, "a blank or the colon"},
        {"data!!: drop", 5, "a blank or the colon"},
        {"data !: drop x", 13, "the end"},
        {"mail #: drop", 6, "a number of times from 1 up"},
        {"mail #0: drop", 6, "a number of times from 1 up"},
        {"mail #x: drop", 6, "a number of times from 1 up"},
        {"mail #-1: drop", 6, "a number of times from 1 up"},
        {"mail #1x: drop", 6, "a number of times from 1 up"},
        {"mail # 1: drop", 6, "a number of times from 1 up"},
        {"mail #18446744073709551616: drop", 6, "a number of times from 1 up"},
        {"mail #1 #2: drop", 8, ONE},
        {"mail #1 %2: drop", 8, ONE},
        {"mail %1 #2: drop", 8, ONE},
        {"mail %1 %2: drop", 8, ONE},
        {"mail %0: drop", 6, "a percentage from 1 to 100"},
        {"mail %101: drop", 6, "a percentage from 1 to 100"},
        {"mail %10.5: drop", 6, "a percentage from 1 to 100"},
        {"mail %: drop", 6, "a percentage from 1 to 100"},
        {"mail #1/: drop", 8, "conn or addr"},
        {"mail #1/connection: drop", 8, "conn or addr"},
        {"mail #1/addr2: drop", 8, "conn or addr"},
        {"mail #1/conn #2: drop", 13, ONE},
        {"auth ABCDEFGHIJKLMNOPQRSTU/1: drop", 5, MECHANISM},
        {"auth /1: drop", 5, MECHANISM},
        {"auth a@x/1: drop", 5, MECHANISM},
        {"auth corp/ann: drop", 10, STEP},
        {"auth corp\\/ann: drop", 11, STEP},
        {"auth ntlm/: drop", 10, STEP},
        {"auth */: drop", 7, STEP},
        {"auth ntlm/0: drop", 10, STEP},
        {"auth ntlm/01: drop", 10, STEP},
        {"auth ntlm/1x: drop", 10, STEP},
        {"auth ntlm/1/2: drop", 10, STEP},
        {"auth ntlm/18446744073709551616: drop", 10, STEP},
        {"auth ntlm/initially: drop", 10, STEP},
        {"mail %5/conn: drop", 6, "a percentage from 1 to 100"},
        {"rcpt >: drop", 6, RATE},
        {"noop >10: drop", 6, RATE},
        {"mail >0/1m: drop", 6, RATE},
        {"mail >10/: drop", 9, "a time, as in 5s, 200ms or 1m"},
        {"mail >10/0: drop", 9, "a time, as in 5s, 200ms or 1m"},
        {"mail >10/1w: drop", 9, "a time, as in 5s, 200ms or 1m"},
        {"mail >10/1m %5: drop", 12, ONE},
        {"mail >: drop", 6, SIZE},
        {"mail >0: drop", 6, SIZE},
        {"mail >1M2: drop", 6, SIZE},
        {"mail >1k: drop", 6, SIZE},
        {"eom >99999999999G: drop", 5, SIZE},
        {"eom >1M >2M: drop", 8, "only one >SIZE"},
        {"data >1M: drop", 6, RATE},
        {"eom /a: drop", 12, "a slash after the match"},
        {"eom /a/b: drop", 7, "a blank or the colon"},
        {"eom /a/ /b/: drop", 8, "only one /MATCH/"},
        {"mail +1: drop", 5, "a pattern, #N, >N/TIME, %P or the colon, as only body takes +N"},
        {"eom +1: drop", 4, "a pattern, #N, >N/TIME, %P or the colon, as only body takes +N"},
        {"body +: drop", 6, "a number of octets"},
        {"body +1k: drop", 6, "a number of octets"},
        {"body +18446744073709551616: drop", 6, "a number of octets"},
        {"mail:", 5, ACTION},
        {"mail: ", 6, ACTION},
        {"mail: dropped", 6, ACTION},
        {"mail: close", 6, ACTION},
        {"mail: delayed 5s", 6, ACTION},
        {"mail: =250", 6, ACTION},
        {"mail: drop now", 11, "the end"},
        {"mail: stall, 250 ok", 11, "the end"},
        {"mail: 25 ok", 6, CODE},
        {"mail: 2500 ok", 6, CODE},
        {"mail: 099 ok", 6, CODE},
        {"mail: 250ok", 6, CODE},
        {"mail: 250-ok", 6, CODE},
        {"mail: 18446744073709551866 ok", 6, CODE},
        {"mail: 250 a\\", 11, ESCAPE},
        {"mail: 250 a\\q", 11, ESCAPE},
        {"mail: 250 a\\0", 11, ESCAPE},
        {"mail: 250 a\\cb", 11, ESCAPE},
        {"mail: 250 a\\c ", 11, ESCAPE},
        {"mail: 250 a\\c\\nb", 11, ESCAPE},
        {"mail: 250 a\\C", 11, ESCAPE},
        {"mail: 250\\c", 6, CODE},
        {"mail: 250 a\\x", 11, ESCAPE},
        {"mail: 250 a\\x1", 11, ESCAPE},
        {"mail: 250 a\\x1g", 11, ESCAPE},
        {"mail: 250 a\\xg1", 11, ESCAPE},
        {"mail: 250 a\\x1\\n", 11, ESCAPE},
        {"mail: 250 a\\nb\\N", 14, ESCAPE},
        {"mail: delay", 11, "a time, as in 5s, 200ms or 1m"},
        {"mail: delay , drop", 12, "a time, as in 5s, 200ms or 1m"},
        {"mail: delay -1", 12, "a time, as in 5s, 200ms or 1m"},
        {"mail: delay 99999999999999999999", 12, "a time, as in 5s, 200ms or 1m"},
        {"mail: delay 5s drop", 15, COMMA},
        {"mail: delay 5x", 13, COMMA},
        {"mail: delay 5min", 14, COMMA},
        {"mail: drip", 10, "a time, as in 5s, 200ms or 1m"},
        {"mail: drip 5ms, lines 5ms", 16, "a reply code and its text, drop, reset or stall"},
        {"mail: drip 5ms 250 ok", 15, COMMA},
        {"mail: delay 5s,", 15, "a reply code and its text, drop, reset or stall"},
        {"mail: delay 5s, delay 5s", 16, "a reply code and its text, drop, reset or stall"},
        {"mail: delay 5s, 25", 16, CODE},
        {"mail: 550 no; never", 14, FURTHER},
        {"mail: 250 ok;", 13, FURTHER},
        {"mail: 250 ok; ; drop", 14, FURTHER},
        {"mail: 250 ok; 25", 14, CODE},
        {"mail: 250 ok; delay 5s, ", 24, "a reply code and its text, drop, reset or stall"},
        {"mail: 250 ok; drop; 250 ok", 18, "the end"},
        {"mail: 250 ok; 421 bye; drop", 21, "the end, as 421 closes the connection"},
        {"mail: 421 bye; drop", 13, "the end, as 421 closes the connection"},
        {"mail: delay 1;delay 1;delay 1;delay 1;delay 1;delay 1;delay 1;delay 1;delay 1", 70,
         "at most 8 actions with delays"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *at = NULL;
        struct rule r = {.text = NULL};
        const char *expected = rules_parse(&r, rows[i].text, &at);
        if (expected == NULL || strcmp(expected, rows[i].expected) != 0 || at - rows[i].text != rows[i].at)
            fail_msg("%s: at %td, \"%s\"", rows[i].text, at - rows[i].text, expected != NULL ? expected : "is good");
    }
}

/* ---- matching ---- */

static struct span span(const char *text) { return (struct span){text, text != NULL ? strlen(text) : 0}; }

/* Whether a rule of this text is for the occasion. */
static bool applies(const char *text, const struct rules_occasion *o)
{
    struct rule r;
    parse(&r, text);
    struct rule *found = rules_find(&r, 1, o);
    assert_true(found == NULL || found == &r);
    assert_int_equal(r.fired, found != NULL);
    return found != NULL;
}

static void test_matching_events(void **state)
{
    (void)state;
    static const char *const names[] = {
        [SMTP_CONNECT] = "connect", [SMTP_HELO] = "helo", [SMTP_STARTTLS] = "starttls", [SMTP_AUTH] = "auth",
        [SMTP_MAIL] = "mail",       [SMTP_RCPT] = "rcpt", [SMTP_DATA] = "data",         [SMTP_BDAT] = "bdat",
        [SMTP_BODY] = "body",       [SMTP_EOM] = "eom",   [SMTP_RSET] = "rset",         [SMTP_NOOP] = "noop",
        [SMTP_VRFY] = "vrfy",       [SMTP_EXPN] = "expn", [SMTP_HELP] = "help",         [SMTP_QUIT] = "quit",
        [SMTP_UNKNOWN] = "unknown",
    };
    for (int i = SMTP_CONNECT; i <= SMTP_UNKNOWN; i++) {
        char text[32];
        if (names[i] == NULL)
            continue;
        snprintf(text, sizeof text, "%s: drop", names[i]);
        for (int k = SMTP_NONE; k <= SMTP_UNKNOWN; k++) {
            struct rules_occasion o = {.event = (enum smtp_event_type)k, .octets = 10};
            assert_int_equal(applies(text, &o), i == k);
        }
    }
}

/* By its whole line; what is no command is none of its business. */
static void test_any_command(void **state)
{
    (void)state;
    for (int i = SMTP_CONNECT; i <= SMTP_UNKNOWN; i++) {
        struct mail_recipient recipient = {.address = {"a@x", 3}};
        struct mail mail = {.recipients = &recipient, .n_recipients = 1};
        struct rules_occasion o = {.event = (enum smtp_event_type)i, .argument = span("a@x"), .line = span("Mail x")};
        o.mail = i % 2 == 0 ? &mail : NULL;
        bool command = i != SMTP_CONNECT && i != SMTP_BODY && i != SMTP_CHUNK && i != SMTP_EOM;
        assert_int_equal(applies("command: drop", &o), command);
        assert_int_equal(applies("command mail*: drop", &o), command);
        assert_false(applies("command a@x: drop", &o));
        o.mail = &(struct mail){.n_recipients = 0}; /* before RCPT, or with LMTP after each was refused */
        assert_int_equal(applies("command mail*: drop", &o), command);
        assert_false(applies("command a@x: drop", &o));
    }
}

/* With an exclamation mark it is for commands that are refused as well. */
static void test_overruling(void **state)
{
    (void)state;
    struct rules_occasion o = {.event = SMTP_DATA, .refused = true};
    assert_true(applies("data!: 354 go", &o));
    assert_true(applies("data! : 354 go", &o));
    assert_true(applies("command!: drop", &o));
    assert_false(applies("data: 354 go", &o));
    assert_false(applies("command: drop", &o));
    o.refused = false;
    assert_true(applies("data!: 354 go", &o));
}

static void test_helo_and_ehlo(void **state)
{
    (void)state;
    struct rules_occasion helo = {.event = SMTP_HELO, .argument = span("t")}, ehlo = helo;
    ehlo.extended = true;
    assert_true(applies("helo: drop", &helo));
    assert_true(applies("helo: drop", &ehlo));
    assert_false(applies("ehlo: drop", &helo));
    assert_true(applies("ehlo: drop", &ehlo));
    assert_true(applies("ehlo t: drop", &ehlo));
    assert_false(applies("ehlo u: drop", &ehlo));
}

static void test_arguments(void **state)
{
    (void)state;
    static const struct {
        const char *rule, *argument;
        bool applies;
    } rows[] = {
        {"rcpt bounce@*: drop", "bounce@x.test", true},
        {"rcpt bounce@*: drop", "Bounce@", true},
        {"rcpt bounce@*: drop", "abounce@x", false},
        {"rcpt *@x.test: drop", "a@X.TEST", true},
        {"rcpt *@x.test: drop", "a@x.test.example", false},
        {"rcpt a@[IPv6:::1]: drop", "a@[IPv6:::1]", true},
        {"rcpt \\#1@x: drop", "#1@x", true},
        {"rcpt *: drop", "", true},
        {"rcpt ?*: drop", "", false},
        {"rcpt *: drop", NULL, false},
        {"rcpt: drop", NULL, true},
        {"rcpt \xc3\xbc*: drop", "\xc3\xbc@x", true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct rules_occasion o = {.event = SMTP_RCPT, .argument = span(rows[i].argument)};
        if (applies(rows[i].rule, &o) != rows[i].applies)
            fail_msg("%s, %s", rows[i].rule, rows[i].argument);
    }
}

static void test_recipients(void **state)
{
    (void)state;
    static const enum smtp_event_type types[] = {SMTP_DATA, SMTP_BDAT, SMTP_EOM, SMTP_BODY};
    static const char *const names[] = {"data", "bdat", "eom", "body"};
    struct mail_recipient all[] = {{.address = {"a@x", 3}}, {.address = {"b@y", 3}}, {.address = {"c@z", 3}}};
    for (size_t i = 0; i < 4; i++) {
        struct mail mail = {.recipients = all, .n_recipients = 3};
        struct rules_occasion o = {.event = types[i], .mail = &mail, .octets = 1};
        static const char *const patterns[] = {"a@x", "?@y", "c*", "b@z", "*@x?b*", "d@z"};
        for (size_t k = 0; k < 6; k++) {
            char text[64];
            snprintf(text, sizeof text, "%s %s: drop", names[i], patterns[k]);
            assert_int_equal(applies(text, &o), k < 3);
        }
        mail.n_recipients = 2;
        char text[64];
        snprintf(text, sizeof text, "%s c@z: drop", names[i]);
        assert_false(applies(text, &o));
        mail.n_recipients = 0;
        snprintf(text, sizeof text, "%s *: drop", names[i]);
        assert_false(applies(text, &o));
        snprintf(text, sizeof text, "%s: drop", names[i]);
        assert_true(applies(text, &o));
    }
}

static void test_steps_of_auth(void **state)
{
    (void)state;
    static const struct {
        const char *rule, *user, *step;
        bool applies;
    } rows[] = {
        {"auth: drop", NULL, "login/1", true},           {"auth ann: drop", "Ann", "plain/1", true},
        {"auth ann: drop", "bob", "plain/1", false},     {"auth ann: drop", NULL, "login/1", false},
        {"auth *: drop", NULL, "login/1", false},        {"auth login/2: drop", NULL, "login/2", true},
        {"auth login/2: drop", "ann", "login/2", true},  {"auth login/2: drop", "login/2", "login/3", false},
        {"auth */3: drop", "ann", "login/3", true},      {"auth cram-md5/*: drop", NULL, "cram-md5/1", true},
        {"auth login/1: drop", NULL, "login/11", false}, {"auth login: drop", NULL, "login/1", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct rules_occasion o = {.event = SMTP_AUTH, .argument = span(rows[i].user), .step = rows[i].step};
        if (applies(rows[i].rule, &o) != rows[i].applies)
            fail_msg("%s, %s %s", rows[i].rule, rows[i].user, rows[i].step);
    }
}

/* A mechanism before a slash, and only there; "" is none. */
static void test_mechanism_of_a_rule(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"auth ntlm/1: 334 x", "ntlm"},
        {"auth! Digest-MD5/initial #1: drop", "Digest-MD5"},
        {"auth x_1/*: drop", "x_1"},
        {"auth plain/18446744073709551615: drop", "plain"},
        {"auth abcdefghijklmnopqrst/?: drop", "abcdefghijklmnopqrst"},
        {"auth ntlm: 535 no", ""},
        {"auth */1: 535 no", ""},
        {"auth nt?m/1: 535 no", ""},
        {"auth nt\\lm/1: 535 no", ""},
        {"auth corp?ann: 535 no", ""},
        {"auth: 535 no", ""},
        {"auth \"\": 535 no", ""},
        {"rcpt ntlm/1: 550 no", ""},
        {"command AUTH?ntlm/1: 550 no", ""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct rule r;
        parse(&r, rows[i][0]);
        struct span name = rules_mechanism(&r);
        if (name.n != strlen(rows[i][1]) || (name.p == NULL) != (name.n == 0) ||
            memcmp(rows[i][1], name.n > 0 ? name.p : "", name.n) != 0)
            fail_msg("%s: %.*s", rows[i][0], (int)name.n, name.p);
    }
}

/* However the mail data are cut, it applies once: with the piece that has the octet. */
static void test_thresholds_of_body(void **state)
{
    (void)state;
    for (uint64_t after = 0; after <= 20; after++) {
        for (uint64_t step = 1; step <= 21; step++) {
            char text[64];
            struct rule r;
            uint64_t fired_at = 0;
            snprintf(text, sizeof text, "body +%ju: drop", (uintmax_t)after);
            parse(&r, text);
            for (uint64_t at = 0; at < 30; at += step) {
                struct rules_occasion o = {.event = SMTP_BODY, .before = at, .octets = at + step};
                if (rules_find(&r, 1, &o) != NULL)
                    fired_at = at + step;
            }
            uint64_t octet = after > 0 ? after : 1;
            assert_int_equal(r.fired, 1);
            assert_int_equal(fired_at, (octet + step - 1) / step * step);
        }
    }
}

static void test_first_times(void **state)
{
    (void)state;
    struct rule r[3];
    parse(&r[0], "mail a #2: 451 later");
    parse(&r[1], "mail a #1: 452 later still");
    parse(&r[2], "mail: 550 no");
    struct rules_occasion a = {.event = SMTP_MAIL, .argument = span("a")}, b = a;
    b.argument = span("b");
    assert_ptr_equal(rules_find(r, 3, &a), &r[0]);
    assert_ptr_equal(rules_find(r, 3, &b), &r[2]);
    assert_ptr_equal(rules_find(r, 3, &a), &r[0]);
    assert_ptr_equal(rules_find(r, 3, &a), &r[1]);
    assert_ptr_equal(rules_find(r, 3, &a), &r[2]);
    assert_ptr_equal(rules_find(r, 3, &a), &r[2]);
    assert_int_equal(r[0].applied, 5);
    assert_int_equal(r[0].fired, 2);
    assert_int_equal(r[1].applied, 3);
    assert_int_equal(r[1].fired, 1);
    assert_int_equal(r[2].fired, 3);
    assert_null(rules_find(r, 2, &a));
    assert_null(rules_find(r, 0, &a));
    assert_int_equal(r[2].fired, 3);
}

/* For each connection, and for each argument in any case; of the recipients of a mail, one that is new is enough. */
static void test_times_for_each(void **state)
{
    (void)state;
    static struct rules_past past;
    struct rule r[2];
    parse(&r[0], "mail a* #2/conn: drop");
    parse(&r[1], "mail #1/addr: stall");
    static const struct {
        uint64_t session;
        const char *argument;
        int rule; /* -1: none */
    } rows[] = {
        {1, "a", 0},  {1, "b", 1}, {1, "a", 0},  {1, "a", 1}, {1, "A", -1}, {2, "B", -1}, {2, "a", 0},   {2, "c", 1},
        {1, "a", -1}, {2, "a", 0}, {2, "a", -1}, {3, "", 1},  {3, "", -1},  {64, "a", 0}, {64, "ab", 0}, {64, "ab", 1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct rules_occasion o = {.event = SMTP_MAIL, .argument = span(rows[i].argument), .session = rows[i].session};
        o.past = &past;
        const struct rule *found = rules_find(r, 2, &o);
        if (found != (rows[i].rule < 0 ? NULL : &r[rows[i].rule]))
            fail_msg("row %zu", i);
    }
    struct mail_recipient all[] = {{.address = {"a@x", 3}}, {.address = {"b@y", 3}}, {.address = {"c@y", 3}}};
    struct mail mail = {.recipients = all, .n_recipients = 2};
    struct rules_occasion o = {.event = SMTP_EOM, .mail = &mail, .past = &past};
    parse(&r[0], "eom *@y #1/addr: drop");
    assert_ptr_equal(rules_find(r, 1, &o), &r[0]);
    assert_null(rules_find(r, 1, &o));
    mail.n_recipients = 3;
    assert_ptr_equal(rules_find(r, 1, &o), &r[0]);
    assert_null(rules_find(r, 1, &o));
}

/* The newest counts are kept, and no more than there is room for. */
static void test_counts_are_bounded(void **state)
{
    (void)state;
    static struct rules_past past;
    struct rule r;
    char name[32];
    struct rules_occasion o = {.event = SMTP_RCPT, .past = &past};
    parse(&r, "rcpt #1/addr: 451 later");
    enum { N = 3 * RULES_COUNTS_MAX };
    for (int round = 0; round < 2; round++) {
        for (int i = round * (N - RULES_COUNTS_MAX); i < N; i++) {
            sprintf(name, "%d@x", i);
            o.argument = span(name);
            assert_int_equal(rules_find(&r, 1, &o) != NULL, round == 0);
        }
    }
    o.argument = span("0@x");
    assert_non_null(rules_find(&r, 1, &o)); /* it was forgotten */
    sprintf(name, "%d@x", N - RULES_COUNTS_MAX);
    o.argument = span(name);
    assert_non_null(rules_find(&r, 1, &o)); /* and now this one */
    sprintf(name, "%d@x", N - 1);
    o.argument = span(name);
    assert_null(rules_find(&r, 1, &o));
}

static void test_sizes_and_contents(void **state)
{
    (void)state;
    static const struct {
        const char *text, *content, *pattern;
        uint64_t larger;
    } rows[] = {
        {"eom /subject: spam/: 554 no", "subject: spam", NULL, 0},
        {"eom /subject: a: b: c/: 554 no", "subject: a: b: c", NULL, 0},
        {"eom b@x /body: a\\/b/ >1K #2: 554 no/: a", "body: a\\/b", "b@x", 1024},
        {"eom >3G /x/:554 a /b: c", "x", NULL, 3 * UINT64_C(1073741824)},
        {"eom:554 /a: b", NULL, NULL, 0},
        {"eom \\/a: 554 /b: c", NULL, "\\/a", 0},
        {"rcpt /a: 554 no", NULL, "/a", 0},
        {"mail >10: 554 no", NULL, NULL, 10},
        {"eom //: 554 no", "", NULL, 0},
        {"eom a@[IPv6:::1] /x: y/: 554", "x: y", "a@[IPv6:::1]", 0},
        {"eom a:554 see /x", NULL, "a", 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct rule r;
        parse(&r, rows[i].text);
        if (!is(r.content, rows[i].content) || !is(r.pattern, rows[i].pattern) || r.larger != rows[i].larger)
            fails(&r, "condition");
    }
    struct rule r[2];
    parse(&r[0], "eom >10: 552 no");
    parse(&r[1], "eom /subject: x/: 554 no");
    for (uint64_t size = 9; size < 13; size++) {
        for (uint64_t contents = 0; contents < 4; contents++) {
            struct rules_occasion o = {.event = SMTP_EOM, .size = size, .contents = contents};
            const struct rule *found = rules_find(r, 2, &o);
            assert_ptr_equal(found, size > 10 ? &r[0] : contents >= 2 ? &r[1] : NULL);
        }
    }
}

static void test_too_often(void **state)
{
    (void)state;
    struct rule r;
    parse(&r, "mail >2/1s: 451 slowly");
    static const struct {
        int64_t now;
        bool acts;
    } rows[] = {{500, false}, {500, false},  {501, true},   {1499, true},  {1500, false}, {2499, false},
                {2499, true}, {2500, false}, {9000, false}, {9999, false}, {9999, true},  {10000, false}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct rules_occasion o = {.event = SMTP_MAIL, .now = rows[i].now};
        if ((rules_find(&r, 1, &o) != NULL) != rows[i].acts)
            fail_msg("row %zu", i);
    }
}

static void test_first_match_wins(void **state)
{
    (void)state;
    struct rule r[3];
    parse(&r[0], "rcpt b@*: 550 no");
    parse(&r[1], "rcpt *@x: drop");
    parse(&r[2], "rcpt: stall");
    struct rules_occasion o = {.event = SMTP_RCPT, .argument = span("b@x")};
    assert_ptr_equal(rules_find(r, 3, &o), &r[0]);
    o.argument = span("c@x");
    assert_ptr_equal(rules_find(r, 3, &o), &r[1]);
    o.argument = span("c@y");
    assert_ptr_equal(rules_find(r, 3, &o), &r[2]);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(r[i].fired, 1);
        assert_int_equal(r[i].applied, 1);
    }
}

/* The draws of a rule of this percentage, and how many of them came off. */
static unsigned draw(char *draws, unsigned n, unsigned percent, uint64_t seed, size_t place)
{
    struct rule r[3];
    char text[32];
    snprintf(text, sizeof text, "rcpt %%%u: 452 full", percent);
    for (size_t i = 0; i < 3; i++)
        parse(&r[i], text);
    rules_seed(r, 3, seed);
    struct rules_occasion o = {.event = SMTP_RCPT, .argument = span("b@x")};
    for (unsigned i = 0; i < n; i++)
        draws[i] = rules_find(&r[place], 1, &o) != NULL;
    assert_int_equal(r[place].applied, n);
    return (unsigned)r[place].fired;
}

static void test_percentages(void **state)
{
    (void)state;
    enum { N = 100000 };
    static char draws[N], again[N], other[N], of_another_rule[N];
    static const unsigned percents[] = {1, 10, 33, 50, 90, 99};
    for (uint64_t seed = 0; seed < 5; seed++) {
        for (size_t i = 0; i < sizeof percents / sizeof percents[0]; i++) {
            unsigned p = percents[i], fired = draw(draws, N, p, seed, 0);
            double mean = (double)N / 100 * p, deviation = (double)fired - mean, variance = mean * (100 - p) / 100;
            if (deviation * deviation > 16 * variance) /* four standard deviations */
                fail_msg("%u percent, seed %ju: %u of %d", p, (uintmax_t)seed, fired, N);
            assert_int_equal(draw(again, N, p, seed, 0), fired);
            assert_memory_equal(draws, again, N);
            draw(other, N, p, seed + 100, 0);
            assert_memory_not_equal(draws, other, N);
            draw(of_another_rule, N, p, seed, 1);
            assert_memory_not_equal(draws, of_another_rule, N);
        }
    }
    assert_int_equal(draw(draws, N, 100, 1, 0), N);
}

/* What a seed gives is a promise: a test that failed with it fails again. */
static void test_known_draws(void **state)
{
    (void)state;
    static char draws[33];
    static const struct {
        uint64_t seed;
        size_t place;
        const char *expected;
    } rows[] = {
        {0, 0, "00110001101111010110010000010001"},
        {0, 1, "01001000001011110000111000011000"},
        {1, 0, "01001000001011110000111000011000"},
        {UINT64_MAX, 2, "01001000001011110000111000011000"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        (void)draw(draws, 32, 50, rows[i].seed, rows[i].place);
        for (size_t k = 0; k < 32; k++)
            draws[k] = draws[k] ? '1' : '0';
        assert_string_equal(draws, rows[i].expected);
    }
}

/* ---- rules in vain ---- */

#define AFTER "can never act after"
#define PAST "can never act, as no session gets past"
#define HIDDEN "can never act, as --hide hides the command"
#define WORDS "ends in what looks like an action; put a semicolon before it, not a comma"

/* Of two rules, what is odd about each, and whether it is because of the other. */
static void test_doubts(void **state)
{
    (void)state;
    static const struct {
        const char *rules[2], *doubts[2];
        unsigned hidden;
    } rows[] = {
        {{"mail: 250 ok", "mail: 550 no"}, {NULL, AFTER}, 0},
        {{"mail: delay 0", "mail a*: 550 no"}, {NULL, AFTER}, 0},
        {{"mail a*: 250 ok", "mail: 550 no"}, {NULL, NULL}, 0},
        {{"mail #1: 250 ok", "mail: 550 no"}, {NULL, NULL}, 0},
        {{"mail #1/addr: 250 ok", "mail: 550 no"}, {NULL, NULL}, 0},
        {{"mail >1/1h: 250 ok", "mail: 550 no"}, {NULL, NULL}, 0},
        {{"mail %99: 250 ok", "mail: 550 no"}, {NULL, NULL}, 0},
        {{"mail %100: 250 ok", "mail: 550 no"}, {NULL, AFTER}, 0},
        {{"eom >1M: 552 no", "eom: 550 no"}, {NULL, NULL}, 0},
        {{"eom /to: x/: 552 no", "eom: 550 no"}, {NULL, NULL}, 0},
        {{"eom: 552 no", "eom /to: x/: 550 no"}, {NULL, AFTER}, 0},
        {{"ehlo: 250 ok", "helo: 550 no"}, {NULL, NULL}, 0},
        {{"helo: 250 ok", "ehlo: 550 no"}, {NULL, AFTER}, 0},
        {{"body: delay 1", "body +100: drop"}, {NULL, NULL}, 0},
        {{"body +100: delay 1", "body +100: drop"}, {NULL, AFTER}, 0},
        {{"data: 354 go", "data!: 354 go"}, {NULL, NULL}, 0},
        {{"data!: 354 go", "data: 354 go"}, {NULL, AFTER}, 0},
        {{"command: delay 1", "noop: 450 no"}, {NULL, AFTER}, 0},
        {{"command: delay 1", "eom: 450 no"}, {NULL, NULL}, 0},
        {{"noop: 450 no", "command: delay 1"}, {NULL, NULL}, 0},
        {{"mail: drop", "rcpt: 550 no"}, {NULL, PAST}, 0},
        {{"rcpt: 550 no", "mail: drop"}, {PAST, NULL}, 0},
        {{"mail: 250 ok; drop", "eom: 550 no"}, {NULL, PAST}, 0},
        {{"mail: delay 5s, 421 no", "data: 354 go"}, {NULL, PAST}, 0},
        {{"mail: 250 ok; delay 5s, 421 no", "data: 354 go"}, {NULL, PAST}, 0},
        {{"mail: delay 5s", "data: 354 go"}, {NULL, NULL}, 0},
        {{"rcpt: 550 no", "data: 354 go"}, {NULL, PAST}, 0},
        {{"rcpt: 550 no", "data!: 354 go"}, {NULL, NULL}, 0},
        {{"rcpt b*: 550 no", "data: 354 go"}, {NULL, NULL}, 0},
        {{"rcpt: 550 no", "noop: 450 no"}, {NULL, NULL}, 0},
        {{"data: 354 go; drop", "eom: 550 no"}, {NULL, NULL}, 0}, /* there is BDAT */
        {{"connect: drop", "noop: 450 no"}, {NULL, PAST}, 0},
        {{"connect: drop", "data!: 450 no"}, {NULL, PAST}, 0},
        {{"connect: drop", "quit: 450 no"}, {NULL, PAST}, 0},
        {{"connect: 554 no", "quit: 450 no"}, {NULL, NULL}, 0},
        {{"connect: 554 no", "helo: 250 hi"}, {NULL, PAST}, 0},
        {{"connect: 554 no", "helo!: 250 hi"}, {NULL, NULL}, 0},
        {{"connect: 554 no", "unknown: 250 hi"}, {NULL, NULL}, 0},
        {{"connect: 421 no", "unknown: 250 hi"}, {NULL, PAST}, 0},
        {{"rcpt: 550 no", "bdat: drop"}, {NULL, NULL}, 0},
        {{"rcpt: 550 no", "eom: drop"}, {NULL, PAST}, 0},
        {{"mail: drop", "noop!: drop"}, {NULL, NULL}, 0},
        {{"helo: 550 no", "starttls: 454 no"}, {NULL, PAST}, 0},
        {{"ehlo: 550 no", "mail: 454 no"}, {NULL, NULL}, 0},
        {{"helo: 550 no", "noop: 454 no"}, {NULL, NULL}, 0},
        {{"bdat: 550 no", "auth: 454 no"}, {HIDDEN, NULL}, SMTP_EXT_CHUNKING},
        {{"help: 550 no", "starttls: 454 no"}, {NULL, HIDDEN}, SMTP_EXT_STARTTLS},
        {{"auth: 550 no", "auth!: 454 no"}, {HIDDEN, NULL}, SMTP_EXT_AUTH},
        {{"help: 550 no", "help!: 454 no"}, {HIDDEN, NULL}, SMTP_EXT_HELP},
        {{"noop: 250 ok, drop", "rset: 250 ok,stall "}, {WORDS, WORDS}, 0},
        {{"noop: 250 ok, Reset", "rset: 250 a, delay 5s"}, {WORDS, WORDS}, 0},
        {{"noop: 250 ok, drop it", "rset: 250 drop"}, {NULL, NULL}, 0},
        {{"noop: 250 ok, drop; drop", "rset: 250 delay, delay"}, {NULL, NULL}, 0},
        {{"rset: 250 ok; delay 1, drop", "noop: delay 1, drop"}, {NULL, NULL}, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct rule rules[2];
        parse(&rules[0], rows[i].rules[0]);
        parse(&rules[1], rows[i].rules[1]);
        for (size_t k = 0; k < 2; k++) {
            const struct rule *other;
            const struct smtp_config config = {.extensions = ~rows[i].hidden, .mechanisms = ""};
            const char *doubt = doubt_find(rules, k, 2, &config, true, &other), *wanted = rows[i].doubts[k];
            if ((doubt == NULL) != (wanted == NULL) || (doubt != NULL && strcmp(doubt, wanted) != 0))
                fail_msg("%s | %s: %s", rows[i].rules[0], rows[i].rules[1], doubt);
            bool because = doubt != NULL && (strcmp(doubt, AFTER) == 0 || strcmp(doubt, PAST) == 0);
            assert_ptr_equal(other, because ? &rules[1 - k] : NULL);
        }
    }
    struct rule three[3];
    const struct rule *other;
    static const struct smtp_config all = {.extensions = SMTP_EXT_ALL, .mechanisms = ""};
    parse(&three[0], "mail a*: 250 ok");
    parse(&three[1], "mail: 550 no");
    parse(&three[2], "rcpt: 550 no");
    assert_null(doubt_find(three, 2, 3, &all, true, &other)); /* some get past */
    parse(&three[0], "connect: 554 no");
    parse(&three[1], "mail!: 250 ok");
    assert_null(doubt_find(three, 2, 3, &all, true, &other));
    parse(&three[0], "connect: 421 no");
    assert_string_equal(doubt_find(three, 2, 3, &all, true, &other), PAST);
    parse(&three[0], "rcpt: 550 no");
    parse(&three[1], "data!: 354 go");
    parse(&three[2], "eom: 554 no valid recipients");
    assert_null(doubt_find(three, 2, 3, &all, true, &other));
}

/* What is for a command, a mechanism or a parameter that is not offered. */
static void test_doubts_of_what_is_not_offered(void **state)
{
    (void)state;
    static const char xclient[] = "can never act without --offer XCLIENT",
                      size[] = "can never act, as --hide hides SIZE";
    static const char mechanism[] = "can never act, as its mechanism of AUTH is not offered";
    static const char tls[] = "can never act, as all endpoints begin with TLS";
    static const char *const offers[] = {"X-XCLIENT", "xclient NAME"};
    static const struct {
        const char *rule, *doubt;
        unsigned hidden;
        size_t n_offers;
        bool in_clear;
    } rows[] = {
        {"mail >1M: 552 no", NULL, 0, 1, true},
        {"mail >1M: 552 no", size, SMTP_EXT_SIZE, 1, true},
        {"mail! >1M: 552 no", size, SMTP_EXT_SIZE, 1, true},
        {"mail >1/1h: 552 no", NULL, SMTP_EXT_SIZE, 1, true},
        {"eom >1M: 552 no", NULL, SMTP_EXT_SIZE, 1, true},
        {"xclient: 550 no", xclient, 0, 1, true},
        {"xclient! a: 550 no", xclient, 0, 1, true},
        {"xclient: 550 no", NULL, 0, 2, true},
        {"unknown XCLIENT*: 550 no", NULL, 0, 1, true},
        {"auth plain/1: 535 no", NULL, 0, 1, true},
        {"auth NTLM/2: 535 no", NULL, 0, 1, true},
        {"auth oauthbearer/2: 535 no", mechanism, 0, 1, true},
        {"auth! gssapi/*: 535 no", mechanism, 0, 1, true},
        {"auth nt/initial: 535 no", mechanism, 0, 1, true},
        {"auth oauth*/1: 535 no", NULL, 0, 1, true},
        {"auth oauthbearer: 535 no", NULL, 0, 1, true},
        {"auth oauthbearer/1: 535 no", HIDDEN, SMTP_EXT_AUTH, 1, true},
        {"starttls: 454 no", NULL, 0, 1, true},
        {"starttls: 454 no", tls, 0, 1, false},
        {"starttls!: 454 no", NULL, 0, 1, false},
        {"command: 454 no", NULL, 0, 1, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct smtp_config config = {
            .extensions = ~rows[i].hidden, .mechanisms = "PLAIN NTLM", .offers = offers, .n_offers = rows[i].n_offers};
        const struct rule *other;
        struct rule r;
        parse(&r, rows[i].rule);
        const char *doubt = doubt_find(&r, 0, 1, &config, rows[i].in_clear, &other);
        if ((doubt == NULL) != (rows[i].doubt == NULL) || (doubt != NULL && strcmp(doubt, rows[i].doubt) != 0))
            fail_msg("%s: %s", rows[i].rule, doubt);
        assert_null(other);
    }
}

/* ---- patterns ---- */

/* The same in the plainest way, which takes its time. */
static bool glob(const char *p, size_t n, const char *t, size_t length)
{
    if (n == 0)
        return length == 0;
    if (*p == '*')
        return glob(p + 1, n - 1, t, length) || (length > 0 && glob(p, n, t + 1, length - 1));
    bool quoted = *p == '\\' && n > 1;
    p += quoted;
    n -= quoted;
    return length > 0 && ((*p == '?' && !quoted) || ascii_lower(*p) == ascii_lower(*t)) &&
           glob(p + 1, n - 1, t + 1, length - 1);
}

static void test_patterns(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *text;
        bool fits;
    } rows[] = {
        {"", "", true},
        {"", "a", false},
        {"a", "", false},
        {"*", "", true},
        {"**", "", true},
        {"?", "", false},
        {"?", "a", true},
        {"??", "a", false},
        {"a*b", "ab", true},
        {"a*b", "axxb", true},
        {"a*b", "axxbc", false},
        {"*a*b*", "xxaxxbxx", true},
        {"*ab", "aab", true},
        {"*aab", "aaab", true},
        {"A*Z", "a--z", true},
        {"\\*", "*", true},
        {"\\*", "a", false},
        {"\\?", "?", true},
        {"\\?", "a", false},
        {"\\\\", "\\", true},
        {"\\a", "A", true},
        {"a\\", "a\\", true},
        {"\\", "\\", true},
        {"[a]", "[a]", true},
        {"*\\*", "ab*", true},
        {"*\\*", "ab", false},
        {"*?", "", false},
        {"*?", "ab", true},
        {"*.*.*", "a.b", false},
        {"*.*.*", "a.b.c", true},
        {"\xc3\x84", "\xc3\xa4", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (rules_glob(span(rows[i].pattern), span(rows[i].text)) != rows[i].fits)
            fail_msg("%s, %s", rows[i].pattern, rows[i].text);
    }
}

/* Short ones of few letters, in memory of just their size. */
static void test_patterns_at_random(void **state)
{
    (void)state;
    unsigned seed = 1, fit = 0;
    for (int round = 0; round < 200000; round++) {
        static const char letters[] = "ab*?\\A*";
        size_t n = (seed >> 8) % 9, length = (seed >> 16) % 9;
        char *pattern = malloc(n + 1), *text = malloc(length + 1);
        assert_true(pattern != NULL && text != NULL);
        for (size_t i = 0; i < n + length; i++) {
            seed = seed * 1103515245 + 12345;
            if (i < n)
                pattern[i + 1] = letters[(seed >> 16) % 7];
            else
                text[i - n + 1] = letters[(seed >> 16) % 3];
        }
        seed = seed * 1103515245 + 12345;
        bool fits = rules_glob((struct span){pattern + 1, n}, (struct span){text + 1, length});
        assert_int_equal(fits, glob(pattern + 1, n, text + 1, length));
        fit += fits;
        free(pattern);
        free(text);
    }
    assert_true(fit > 5000);
}

/* Where a plain way back takes ages. */
static void test_a_pattern_of_many_stars(void **state)
{
    (void)state;
    enum { N = 1024 };
    char pattern[N + 2], text[N + 1];
    memset(text, 'a', N);
    text[N] = '\0';
    for (size_t i = 0; i < N; i++)
        pattern[i] = i % 2 == 0 ? 'a' : '*';
    strcpy(pattern + N, "b");
    clock_t start = clock();
    for (int i = 0; i < 100; i++) {
        assert_false(rules_glob(span(pattern), span(text)));
        pattern[N] = 'a';
        assert_true(rules_glob(span(pattern), span(text)));
        pattern[N] = 'b';
    }
    assert_true(clock() - start < 20 * CLOCKS_PER_SEC); /* a hundredth of one, but under valgrind */
}

/* ---- numbers ---- */

static void test_numbers(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool good;
        uint64_t value;
        size_t taken;
    } rows[] = {
        {"", false, 0, 0},
        {"x1", false, 0, 0},
        {"-1", false, 0, 0},
        {"+1", false, 0, 0},
        {" 1", false, 0, 0},
        {"0", true, 0, 1},
        {"007x", true, 7, 3},
        {"12.5", true, 12, 2},
        {"1/", true, 1, 1},
        {"1:", true, 1, 1},
        {"18446744073709551615", true, UINT64_MAX, 20},
        {"000000000000000000018446744073709551615", true, UINT64_MAX, 39},
        {"18446744073709551616", false, 0, 0},
        {"18446744073709551620", false, 0, 0},
        {"99999999999999999999", false, 0, 0},
        {"184467440737095516150", false, 0, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *p = rows[i].text;
        uint64_t value = 99;
        bool good = number_take(&p, &value);
        if (good != rows[i].good || (good && value != rows[i].value) || p != rows[i].text + rows[i].taken)
            fail_msg("%s: %d, %ju, %td", rows[i].text, good, (uintmax_t)value, p - rows[i].text);
    }
}

static void test_times(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t milliseconds; /* -1: none */
        size_t taken;
    } rows[] = {
        {"", -1, 0},
        {".", -1, 0},
        {".s", -1, 0},
        {"s", -1, 0},
        {"-1", -1, 0},
        {"+1", -1, 0},
        {" 1", -1, 0},
        {"0", 0, 1},
        {"5", 5000, 1},
        {"5s", 5000, 2},
        {"5ms", 5, 3},
        {"5m", 300000, 2},
        {"5h", 18000000, 2},
        {"5d", 5000, 1},
        {"5S", 5000, 1},
        {"5min", 300000, 2},
        {"5 ms", 5000, 1},
        {"1.5", 1500, 3},
        {"1.5m", 90000, 4},
        {".5h", 1800000, 3},
        {"5.", 5000, 2},
        {"5.s", 5000, 3},
        {"1.9ms", 1, 5},
        {"0.001", 1, 5},
        {"0.0009", 0, 6},
        {"0.9999999999999999999999", 999, 24},
        {"0.0000001h", 0, 10},
        {"0.000001h", 3, 9},
        {"1.2.3", 1200, 3},
        {"9223372036853", INT64_C(9223372036853000), 13},
        {"9223372036854", -1, 0},
        {"9223372036854774ms", INT64_C(9223372036854774), 18},
        {"9223372036854775ms", -1, 0},
        {"153722867279m", INT64_C(9223372036740000), 13},
        {"153722867280m", -1, 0},
        {"2562047787h", INT64_C(9223372033200000), 11},
        {"2562047788h", -1, 0},
        {"9223372036854775807h", -1, 0},
        {"99999999999999999999", -1, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *p = rows[i].text;
        int64_t milliseconds = 99;
        bool good = number_take_time(&p, &milliseconds);
        if (good != (rows[i].milliseconds >= 0) || (good && milliseconds != rows[i].milliseconds) ||
            p != rows[i].text + rows[i].taken)
            fail_msg("%s: %d, %jd, %td", rows[i].text, good, (intmax_t)milliseconds, p - rows[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_events),
        cmocka_unit_test(test_conditions),
        cmocka_unit_test(test_the_empty_pattern),
        cmocka_unit_test(test_a_pattern_that_begins_with_a_colon),
        cmocka_unit_test(test_actions),
        cmocka_unit_test(test_several_actions),
        cmocka_unit_test(test_each_octet_of_a_reply),
        cmocka_unit_test(test_length_of_a_reply),
        cmocka_unit_test(test_malformed),
        cmocka_unit_test(test_matching_events),
        cmocka_unit_test(test_any_command),
        cmocka_unit_test(test_overruling),
        cmocka_unit_test(test_helo_and_ehlo),
        cmocka_unit_test(test_arguments),
        cmocka_unit_test(test_recipients),
        cmocka_unit_test(test_steps_of_auth),
        cmocka_unit_test(test_mechanism_of_a_rule),
        cmocka_unit_test(test_thresholds_of_body),
        cmocka_unit_test(test_first_times),
        cmocka_unit_test(test_times_for_each),
        cmocka_unit_test(test_counts_are_bounded),
        cmocka_unit_test(test_sizes_and_contents),
        cmocka_unit_test(test_too_often),
        cmocka_unit_test(test_first_match_wins),
        cmocka_unit_test(test_percentages),
        cmocka_unit_test(test_known_draws),
        cmocka_unit_test(test_doubts),
        cmocka_unit_test(test_doubts_of_what_is_not_offered),
        cmocka_unit_test(test_patterns),
        cmocka_unit_test(test_patterns_at_random),
        cmocka_unit_test(test_a_pattern_of_many_stars),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_times),
    };
    return cmocka_run_group_tests_name("rules", tests, NULL, NULL) != 0;
}
