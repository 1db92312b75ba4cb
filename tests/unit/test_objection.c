/* SPDX-License-Identifier: ISC */
/*
 * test_objection.c - the list of objections, each raised by a client: what it
 * sends, and the reply that the list has.  What is tolerated is refused only
 * where clients are held to the letter.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "smtp.h"
#include "smtp/objection.h"

#define EHLO "EHLO c.test\r\n"
#define HELO "HELO c.test\r\n"
#define MAIL EHLO "MAIL FROM:<a@x.test>\r\n"
#define RCPT MAIL "RCPT TO:<b@x.test>\r\n"
#define BINARY EHLO "MAIL FROM:<a@x.test> BODY=BINARYMIME\r\nRCPT TO:<b@x.test>\r\n"
#define LOGIN EHLO "AUTH PLAIN AGEAYg==\r\n"

/* what a session is like, beside the default */
enum { REQUIRE_TLS = 1, REQUIRE_AUTH = 2, LMTP = 4, REFUSED = 8, NO_CHUNKING = 16, SMALL = 32, FEW = 64 };

static const struct row {
    const char *sent; /* a line, and what leads to it */
    size_t fill;      /* octets to be added to it */
    const char *end;  /* and what then ends it, CRLF if NULL */
    unsigned flags;
} rows[OBJECTIONS] = {
    [OBJECTION_LONG_LINE] = {EHLO "NOOP ", SMTP_LINE_MAX, NULL, 0},
    [OBJECTION_LONG_AUTH] = {EHLO "AUTH PLAIN ", SMTP_AUTH_LINE_MAX, NULL, 0},
    [OBJECTION_OCTETS] = {"NO\rOP", 0, NULL, 0},
    [OBJECTION_HTTP] = {"GET / HTTP/1.1", 0, NULL, 0},
    [OBJECTION_TLS] = {"\x16\3\1", 0, NULL, 0},
    [OBJECTION_TOO_MANY_REFUSED] = {NULL, 0, NULL, 0}, /* test_too_many_refused() */
    [OBJECTION_UNKNOWN] = {"FOO", 0, NULL, 0},
    [OBJECTION_OBSOLETE] = {"TURN", 0, NULL, 0},
    [OBJECTION_NOT_OFFERED] = {"BDAT 1", 0, NULL, NO_CHUNKING},
    [OBJECTION_NO_LISTS] = {"EXPN x", 0, NULL, 0},
    [OBJECTION_TLS_FIRST] = {EHLO "MAIL FROM:<a@x.test>", 0, NULL, REQUIRE_TLS},
    [OBJECTION_AUTH_FIRST] = {EHLO "MAIL FROM:<a@x.test>", 0, NULL, REQUIRE_AUTH},
    [OBJECTION_LONG_COMMAND] = {EHLO "NOOP ", 600, NULL, 0},
    [OBJECTION_EXTRA_BLANK] = {EHLO "NOOP  x", 0, NULL, 0},
    [OBJECTION_AFTER_HELO] = {HELO "AUTH PLAIN", 0, NULL, 0},
    [OBJECTION_UNAVAILABLE] = {EHLO, 0, "", REFUSED},
    [OBJECTION_LHLO_FIRST] = {"MAIL FROM:<a@x.test>", 0, NULL, LMTP},
    [OBJECTION_EHLO_FIRST] = {"MAIL FROM:<a@x.test>", 0, NULL, 0},
    [OBJECTION_MAIL_FIRST] = {EHLO "RCPT TO:<b@x.test>", 0, NULL, 0},
    [OBJECTION_RCPT_FIRST] = {MAIL "DATA", 0, NULL, 0},
    [OBJECTION_SECOND_MAIL] = {MAIL "MAIL FROM:<a@x.test>", 0, NULL, 0},
    [OBJECTION_IN_CHUNKS] = {RCPT "BDAT 1\r\nxDATA", 0, NULL, 0},
    [OBJECTION_BINARY_DATA] = {BINARY "DATA", 0, NULL, 0},
    [OBJECTION_IN_TRANSACTION] = {MAIL "AUTH PLAIN", 0, NULL, 0},
    [OBJECTION_SECOND_AUTH] = {LOGIN "AUTH PLAIN", 0, NULL, 0},
    [OBJECTION_SECOND_TLS] = {EHLO "STARTTLS\r\n" EHLO "STARTTLS", 0, NULL, 0},
    [OBJECTION_ARGUMENT] = {RCPT "DATA x", 0, NULL, 0},
    [OBJECTION_NO_ARGUMENT] = {"VRFY", 0, NULL, 0},
    [OBJECTION_NO_NAME] = {"EHLO", 0, NULL, 0},
    [OBJECTION_NAME_OCTETS] = {"EHLO \xc3\xb6", 0, NULL, 0},
    [OBJECTION_NAME] = {"EHLO a_b", 0, NULL, 0},
    [OBJECTION_HELO_LITERAL] = {"HELO [127.0.0.1]", 0, NULL, 0},
    [OBJECTION_XTEXT] = {EHLO "XARGV a=b", 0, NULL, 0},
    [OBJECTION_CHUNK] = {RCPT "BDAT x", 0, NULL, 0},
    [OBJECTION_HUGE_CHUNK] = {RCPT "BDAT 18446744073709551616", 0, NULL, 0},
    [OBJECTION_MAIL] = {EHLO "MAIL <a@x.test>", 0, NULL, 0},
    [OBJECTION_RCPT] = {MAIL "RCPT <b@x.test>", 0, NULL, 0},
    [OBJECTION_BLANK_BEFORE_PATH] = {EHLO "MAIL FROM: <a@x.test>", 0, NULL, 0},
    [OBJECTION_NO_BRACKETS] = {EHLO "MAIL FROM:a@x.test", 0, NULL, 0},
    [OBJECTION_UTF8_PATH] = {EHLO "MAIL FROM:<\xc3\xb6@x.test>", 0, NULL, 0},
    [OBJECTION_NOT_UTF8] = {EHLO "MAIL FROM:<\xff@x.test> SMTPUTF8", 0, NULL, 0},
    [OBJECTION_NO_RECIPIENT] = {MAIL "RCPT TO:<>", 0, NULL, 0},
    [OBJECTION_TOO_MANY_RECIPIENTS] = {RCPT "RCPT TO:<b@x.test>", 0, NULL, FEW},
    [OBJECTION_SENDER] = {EHLO "MAIL FROM:<a@>", 0, NULL, 0},
    [OBJECTION_SENDER_DOT] = {EHLO "MAIL FROM:<.a@x.test>", 0, NULL, 0},
    [OBJECTION_SENDER_LOCAL_PART] = {EHLO "MAIL FROM:<", 65, "@x.test>\r\n", 0},
    [OBJECTION_SENDER_NO_DOMAIN] = {EHLO "MAIL FROM:<a>", 0, NULL, 0},
    [OBJECTION_SENDER_DOMAIN] = {EHLO "MAIL FROM:<a@x_y>", 0, NULL, 0},
    [OBJECTION_SENDER_LENGTH] = {EHLO "MAIL FROM:<\"a\"@[tag:", 248, "]>\r\n", 0},
    [OBJECTION_RECIPIENT] = {MAIL "RCPT TO:<a@>", 0, NULL, 0},
    [OBJECTION_RECIPIENT_DOT] = {MAIL "RCPT TO:<.a@x.test>", 0, NULL, 0},
    [OBJECTION_RECIPIENT_LOCAL_PART] = {MAIL "RCPT TO:<", 65, "@x.test>\r\n", 0},
    [OBJECTION_RECIPIENT_NO_DOMAIN] = {MAIL "RCPT TO:<a>", 0, NULL, 0},
    [OBJECTION_RECIPIENT_DOMAIN] = {MAIL "RCPT TO:<a@x_y>", 0, NULL, 0},
    [OBJECTION_RECIPIENT_LENGTH] = {MAIL "RCPT TO:<\"a\"@[tag:", 248, "]>\r\n", 0},
    [OBJECTION_PARAMETER] = {EHLO "MAIL FROM:<a@x.test> =1", 0, NULL, 0},
    [OBJECTION_PARAMETER_BLANKS] = {EHLO "MAIL FROM:<a@x.test>  SIZE=1", 0, NULL, 0},
    [OBJECTION_PARAMETER_AFTER_HELO] = {HELO "MAIL FROM:<a@x.test> SIZE=1", 0, NULL, 0},
    [OBJECTION_PARAMETER_NOT_OFFERED] = {EHLO "MAIL FROM:<a@x.test> FOO", 0, NULL, 0},
    [OBJECTION_PARAMETER_TWICE] = {EHLO "MAIL FROM:<a@x.test> SIZE=1 SIZE=1", 0, NULL, 0},
    [OBJECTION_PARAMETER_VALUE] = {EHLO "MAIL FROM:<a@x.test> ENVID=", 0, NULL, 0},
    [OBJECTION_PARAMETER_FORM] = {EHLO "MAIL FROM:<a@x.test> BY=1", 0, NULL, 0},
    [OBJECTION_HOLDS] = {EHLO "MAIL FROM:<a@x.test> HOLDFOR=1 HOLDUNTIL=2029-12-31T23:59:59Z", 0, NULL, 0},
    [OBJECTION_SIZE] = {EHLO "MAIL FROM:<a@x.test> SIZE=1k", 0, NULL, 0},
    [OBJECTION_SIZE_DIGITS] = {EHLO "MAIL FROM:<a@x.test> SIZE", 0, NULL, 0},
    [OBJECTION_BODY] = {EHLO "MAIL FROM:<a@x.test> BODY=9BIT", 0, NULL, 0},
    [OBJECTION_SMTPUTF8] = {EHLO "MAIL FROM:<a@x.test> SMTPUTF8=1", 0, NULL, 0},
    [OBJECTION_RET] = {EHLO "MAIL FROM:<a@x.test> RET=ALL", 0, NULL, 0},
    [OBJECTION_ENVID] = {EHLO "MAIL FROM:<a@x.test> ENVID=+2", 0, NULL, 0},
    [OBJECTION_LONG_ENVID] = {EHLO "MAIL FROM:<a@x.test> ENVID=", 101, NULL, 0},
    [OBJECTION_AUTH_PARAMETER] = {EHLO "MAIL FROM:<a@x.test> AUTH=+2", 0, NULL, 0},
    [OBJECTION_AUTH_OCTETS] = {EHLO "MAIL FROM:<a@x.test> AUTH=+2b", 0, NULL, 0},
    [OBJECTION_NOTIFY] = {MAIL "RCPT TO:<b@x.test> NOTIFY=FAIL", 0, NULL, 0},
    [OBJECTION_NOTIFY_COMMA] = {MAIL "RCPT TO:<b@x.test> NOTIFY=DELAY,", 0, NULL, 0},
    [OBJECTION_ORCPT] = {MAIL "RCPT TO:<b@x.test> ORCPT=b@x.test", 0, NULL, 0},
    [OBJECTION_ORCPT_OCTETS] = {MAIL "RCPT TO:<b@x.test> ORCPT=rfc822;+CE", 0, NULL, 0},
    [OBJECTION_AUTH] = {EHLO "AUTH", 0, NULL, 0},
    [OBJECTION_MECHANISM] = {EHLO "AUTH FOO", 0, NULL, 0},
    [OBJECTION_INITIAL_RESPONSE] = {EHLO "AUTH CRAM-MD5 eA==", 0, NULL, 0},
    [OBJECTION_BASE64] = {EHLO "AUTH PLAIN !", 0, NULL, 0},
    [OBJECTION_NO_USER] = {EHLO "AUTH LOGIN =", 0, NULL, 0},
    [OBJECTION_RESPONSE] = {EHLO "AUTH PLAIN eA==", 0, NULL, 0},
    [OBJECTION_CANCELLED] = {EHLO "AUTH PLAIN\r\n*", 0, NULL, 0},
    [OBJECTION_XCLIENT] = {"XCLIENT", 0, NULL, 0},
    [OBJECTION_ATTRIBUTE] = {"XCLIENT FOO=1", 0, NULL, 0},
    [OBJECTION_ATTRIBUTE_FORM] = {"XCLIENT ADDR=x", 0, NULL, 0},
    [OBJECTION_TOO_LARGE] = {EHLO "MAIL FROM:<a@x.test> SIZE=99", 0, NULL, SMALL},
    [OBJECTION_BARE_LINE_END] = {RCPT "DATA\r\na\rb\r\n.", 0, NULL, 0},
};

struct fixture {
    struct smtp s;
    struct smtp_config config;
    struct smtp_event e; /* the last one that has a reply */
    char in[SMTP_AUTH_LINE_MAX + 512], room[SMTP_REPLY_MAX];
};

static const char *const offers[] = {"DELIVERBY", "FUTURERELEASE", "XCLIENT ADDR"};

/* Plays the row, up to the event of its last line, whose reply is not yet given. */
static void play(struct fixture *f, const struct row *r, bool strict)
{
    f->config = (struct smtp_config){
        .hostname = "mx.test",
        .max_size = r->flags & SMALL ? 98 : 0,
        .max_recipients = r->flags & FEW ? 1 : 0,
        .mechanisms = "PLAIN LOGIN CRAM-MD5",
        .extensions = SMTP_EXT_ALL & ~(r->flags & NO_CHUNKING ? (unsigned)SMTP_EXT_CHUNKING : 0),
        .offers = offers,
        .n_offers = 3,
        .lmtp = r->flags & LMTP,
        .require_auth = r->flags & REQUIRE_AUTH,
        .require_tls = r->flags & REQUIRE_TLS,
        .strict = strict,
        .examine = true,
    };
    size_t n = strlen(r->sent);
    memcpy(f->in, r->sent, n);
    memset(f->in + n, 'a', r->fill);
    const char *end = r->end != NULL ? r->end : "\r\n";
    memcpy(f->in + n + r->fill, end, strlen(end));
    size_t left = n + r->fill + strlen(end);
    char *from = f->in;
    smtp_init(&f->s, &f->config, 0);
    struct smtp_event e;
    while (left > 0 && !smtp_closed(&f->s)) { /* a line at a time, as STARTTLS drops what came with it */
        char *lf = memchr(from, '\n', left);
        size_t line = (size_t)(lf + 1 - from);
        smtp_input(&f->s, from, line + smtp_left(&f->s));
        smtp_output(&f->s, f->room, sizeof f->room);
        while (smtp_next(&f->s, &e)) {
            if (e.type == SMTP_CONNECT && r->flags & REFUSED)
                smtp_reply(&f->s, &e, 554, NULL, "no");
            if (e.code != 0)
                f->e = e;
            if (left == line && smtp_left(&f->s) == 0 && e.code != 0)
                return;
            smtp_commit(&f->s);
            smtp_output(&f->s, f->room, sizeof f->room);
        }
        if (smtp_wants_tls(&f->s))
            smtp_secure(&f->s);
        from += line;
        left -= line;
    }
}

/* Whether the session of the row ends with the reply of this objection, before whose text its subject may stand. */
static bool is_refused(struct fixture *f, const struct objection *o)
{
    struct span reply = smtp_prepared(&f->s);
    size_t start = CANNED_CODE + o->reply.enhanced, n = o->reply.n - start;
    const char *text = o->reply.wire + start;
    size_t subject = *text == ' ' ? f->e.subject.n : 0;
    return reply.n == o->reply.n + subject && memcmp(reply.p, o->reply.wire, start) == 0 &&
           (subject == 0 || memcmp(reply.p + start, f->e.subject.p, subject) == 0) &&
           memcmp(reply.p + start + subject, text, n) == 0;
}

static void test_raised(void **state)
{
    const struct row *r = *state;
    const struct objection *o = &objections[r - rows];
    struct fixture f;
    play(&f, r, true);
    assert_true(is_refused(&f, o));
    assert_int_equal(f.e.code, o->reply.code);
    assert_true(o->problem == PROBLEMS || problems_have(&f.e.problems, (enum problem)o->problem));
    if (r - rows == OBJECTION_BARE_LINE_END)
        return; /* which only those meet who are held to the letter */
    play(&f, r, false);
    assert_int_equal(is_refused(&f, o), !o->tolerated);
    assert_true(o->problem == PROBLEMS || problems_have(&f.e.problems, (enum problem)o->problem));
}

static void test_too_many_refused(void **state)
{
    (void)state;
    char text[5 * SMTP_REFUSED_MAX + sizeof "FOO"];
    for (size_t i = 0; i <= SMTP_REFUSED_MAX; i++)
        memcpy(text + 5 * i, "FOO\r\n", i < SMTP_REFUSED_MAX ? 5 : sizeof "FOO");
    text[sizeof text - 1] = '\0';
    struct fixture f;
    play(&f, &(struct row){.sent = text}, false);
    assert_true(is_refused(&f, &objections[OBJECTION_TOO_MANY_REFUSED]));
    smtp_commit(&f.s);
    assert_true(smtp_closed(&f.s));
}

/* A reply is one line; its enhanced code is of the same class (RFC 2034 4). */
static void test_replies(void **state)
{
    (void)state;
    for (size_t i = 0; i < OBJECTIONS; i++) {
        const struct smtp_canned *r = &objections[i].reply;
        assert_true(r->code >= 400 && r->code < 600);
        assert_true(r->n > 6 && strstr(r->wire, "\r\n") == r->wire + r->n - 2);
        assert_int_equal(strtol(r->wire, NULL, 10), r->code);
        assert_true(r->enhanced == 0 || r->wire[4] == r->wire[0]);
    }
}

/* ---- parameters: RFC 3461 4 ---- */

/* What stands against these parameters of MAIL or RCPT; NULL for nothing. */
static const struct objection *object_to(enum smtp_event_type command, const char *parameters, struct smtp_event *e)
{
    struct smtp_config config = {.hostname = "mx.test", .extensions = SMTP_EXT_ALL};
    struct smtp s;
    smtp_init(&s, &config, 0);
    s.extended = true;
    *e = (struct smtp_event){.type = command};
    return parameter_parse(&s, e, span_of(parameters));
}

static void test_parameters(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum objection_name name; /* OBJECTIONS: nothing stands against it */
        enum smtp_event_type command;
    } texts[] = {
        {" ENVID=a", OBJECTIONS, SMTP_MAIL},
        {" ENVID=q+2Bz", OBJECTIONS, SMTP_MAIL},
        {" ENVID=+20", OBJECTIONS, SMTP_MAIL},
        {" ENVID=a-b_c@x.test", OBJECTIONS, SMTP_MAIL},
        {" ENVID=a=b", OBJECTIONS, SMTP_MAIL},
        {" ENVID=", OBJECTIONS, SMTP_MAIL},
        {" ENVID", OBJECTION_ENVID, SMTP_MAIL},
        {" ENVID=a+09b", OBJECTIONS, SMTP_MAIL},
        {" ENVID=+2b", OBJECTION_ENVID, SMTP_MAIL},
        {" ENVID=+2", OBJECTION_ENVID, SMTP_MAIL},
        {" ENVID=+", OBJECTION_ENVID, SMTP_MAIL},
        {" ENVID=+ZZ", OBJECTION_ENVID, SMTP_MAIL},
        {" ENVID=+0A", OBJECTION_ENVID, SMTP_MAIL},
        {" ENVID=+0D", OBJECTION_ENVID, SMTP_MAIL},
        {" ENVID=+7F", OBJECTION_ENVID, SMTP_MAIL},
        {" ENVID=+00", OBJECTION_ENVID, SMTP_MAIL},
        {" ENVID=\xc3\xa9", OBJECTION_ENVID, SMTP_MAIL},
        {" ENVID=\x7f", OBJECTION_PARAMETER, SMTP_MAIL},
        {" SIZE=99999999999999999999", OBJECTION_TOO_LARGE, SMTP_MAIL},
        {" SIZE=100000000000000000000", OBJECTION_SIZE_DIGITS, SMTP_MAIL},
        {" SIZE=1 RET=FULL BODY=7BIT AUTH=<> SMTPUTF8", OBJECTIONS, SMTP_MAIL},
        {" NOTIFY=NEVER", OBJECTION_PARAMETER_NOT_OFFERED, SMTP_MAIL},
        {" NOTIFY=NEVER", OBJECTIONS, SMTP_RCPT},
        {" NOTIFY=success,Failure,DELAY", OBJECTIONS, SMTP_RCPT},
        {" NOTIFY", OBJECTION_NOTIFY, SMTP_RCPT},
        {" NOTIFY=,", OBJECTION_NOTIFY, SMTP_RCPT},
        {" NOTIFY=NEVER,SUCCESS", OBJECTION_NOTIFY, SMTP_RCPT},
        {" NOTIFY=SUCCESS,NEVER", OBJECTION_NOTIFY, SMTP_RCPT},
        {" NOTIFY=NEVER,NEVER", OBJECTION_NOTIFY, SMTP_RCPT},
        {" NOTIFY=SUCCESS,", OBJECTIONS, SMTP_RCPT},
        {" NOTIFY=,DELAY", OBJECTIONS, SMTP_RCPT},
        {" ORCPT=rfc822;b+40x.test", OBJECTIONS, SMTP_RCPT},
        {" ORCPT=utf-8;\\x{3B4}@x.test", OBJECTIONS, SMTP_RCPT},
        {" ORCPT=;b", OBJECTION_ORCPT, SMTP_RCPT},
        {" ORCPT", OBJECTION_ORCPT, SMTP_RCPT},
        {" ORCPT=rfc822;", OBJECTIONS, SMTP_RCPT},
        {" ORCPT=rfc_822;b", OBJECTION_ORCPT, SMTP_RCPT},
        {" ORCPT=rfc822;b+4", OBJECTION_ORCPT, SMTP_RCPT},
        {" ORCPT=rfc822;b+0Ac", OBJECTION_ORCPT, SMTP_RCPT},
        {" ORCPT=utf-8;b+0Ac", OBJECTION_ORCPT, SMTP_RCPT},
        {" ORCPT=utf-8;b+4", OBJECTIONS, SMTP_RCPT},
        {" ORCPT=utf-8;\xce\xb4", OBJECTIONS, SMTP_RCPT},
    };
    struct smtp_event e;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        const struct objection *o = object_to(texts[i].command, texts[i].text, &e);
        if (o != (texts[i].name == OBJECTIONS ? NULL : &objections[texts[i].name]))
            fail_msg("%s: %s", texts[i].text, o == NULL ? "taken" : o->reply.wire);
    }
    assert_null(object_to(SMTP_RCPT, " NOTIFY=success,DELAY,Success", &e));
    assert_true(problems_have(&e.problems, PROBLEM_NOTIFY_TWICE));
}

int main(void)
{
#define X(name, tolerated, problem, code, enhanced, text) #name,
    static const char *const names[] = {OBJECTIONS_LIST(X)};
#undef X
    struct CMUnitTest tests[OBJECTIONS + 2];
    for (size_t i = 0; i < OBJECTIONS; i++)
        tests[i] = (struct CMUnitTest){
            .name = names[i], .test_func = test_raised, .initial_state = (void *)(uintptr_t)&rows[i]};
    tests[OBJECTION_TOO_MANY_REFUSED].test_func = test_too_many_refused;
    tests[OBJECTIONS] = (struct CMUnitTest)cmocka_unit_test(test_replies);
    tests[OBJECTIONS + 1] = (struct CMUnitTest)cmocka_unit_test(test_parameters);
    return cmocka_run_group_tests_name("objections", tests, NULL, NULL) != 0;
}
