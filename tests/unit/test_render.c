/* SPDX-License-Identifier: ISC */
/*
 * test_render.c - a message as JSON, and as text.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/base.h"
#include "mail/mail.h"
#include "tests/unit/memory.h"
#include "tests/unit/reading.h"

static struct mail_recipient recipient;

static struct received base(const char *octets, size_t n)
{
    recipient = (struct mail_recipient){.address = {"b@x.test", 8}, .params = {"", 0}};
    return (struct received){
        .octets = {octets, n},
        .mail.n = 7,
        .mail.time = INT64_C(1795480320045),
        .mail.size = n,
        .mail.address = "127.0.0.1",
        .mail.port = 51234,
        .mail.helo = {"t", 1},
        .mail.fits = 1,
        .mail.protocol = "ESMTP",
        .mail.sender = {"a@x.test", 8},
        .mail.sender_params = {"", 0},
        .mail.recipients = &recipient,
        .mail.n_recipients = 1,
    };
}

/* What is made of it, with a NUL; valid until the next call. */
static const char *made_of(const struct received *m, bool as_text, size_t *n)
{
    static struct text text, again;
    text.n = again.n = 0;
    for (int i = 0; i < 2; i++) {
        struct text *t = i == 0 ? &text : &again;
        if (as_text)
            make_text(t, m);
        else
            make_json(t, m);
        assert_false(t->failed);
    }
    assert_int_equal(text.n, again.n);
    assert_memory_equal(text.p, again.p, text.n);
    assert_true(utf8_is_valid((struct span){text.p, text.n}));
    assert_null(memchr(text.p, '\0', text.n));
    *n = text.n;
    text_add(&text, "", 1);
    return text.p;
}

static const char *json_of(const struct received *m)
{
    size_t n;
    const char *json = made_of(m, false, &n);
    assert_ptr_equal(strchr(json, '\n'), json + n - 1);
    return json;
}

static const char *json(const char *message)
{
    struct received m = base(message, strlen(message));
    return json_of(&m);
}

static const char *text(const char *message)
{
    size_t n;
    struct received m = base(message, strlen(message));
    return made_of(&m, true, &n);
}

static void has_in(const char *whole, const char *part)
{
    if (strstr(whole, part) == NULL)
        fail_msg("no %s in %s", part, whole);
}

static void has(const char *message, const char *part) { has_in(json(message), part); }

/* ---- what is always there ---- */

static const char nothing[] =
    "{\"n\":7,\"time\":\"2026-11-24T00:32:00.045Z\",\"time_epoch\":1795480320.045,\"size\":0,\"file\":null,\"matched\":"
    "true,\"expectations\":[1],"
    "\"client\":{\"address\":\"127.0.0.1\",\"port\":51234,\"helo\":\"t\",\"protocol\":\"ESMTP\",\"auth\":null,\"tls\":"
    "null,\"sni\":null,\"alpn\":null,\"certificate\":null,\"argv\":null},"
    "\"envelope\":{\"from\":\"a@x.test\",\"to\":[\"b@x.test\"],\"params\":{},\"to_params\":[{}]},"
    "\"subject\":null,\"from\":[],\"sender\":[],\"to\":[],\"cc\":[],\"bcc\":[],\"reply_to\":[],\"date\":null,\"date_"
    "epoch\":null,\"message_id\":null,"
    "\"in_reply_to\":null,\"references\":[],\"list_unsubscribe\":null,"
    "\"headers\":{},\"text\":\"\",\"html\":null,\"links\":[],\"parts\":[{\"path\":\"1\",\"type\":\"text/"
    "plain\",\"params\":{},"
    "\"encoding\":null,\"disposition\":null,\"name\":null,\"cid\":null,\"size\":0}],\"attachments\":[],\"problems\":[";

static void test_nothing(void **state)
{
    (void)state;
    const char *got = json("");
    assert_memory_equal(got, nothing, sizeof nothing - 1);
    struct received m = base(NULL, 0);
    assert_memory_equal(json_of(&m), nothing, sizeof nothing - 1);
}

static void test_keys(void **state)
{
    (void)state;
    static const char *const keys[] = {"n",       "time",       "size", "file",     "matched",     "expectations",
                                       "client",  "address",    "port", "helo",     "protocol",    "auth",
                                       "tls",     "argv",       "from", "to",       "envelope",    "params",
                                       "subject", "cc",         "bcc",  "date",     "reply_to",    "headers",
                                       "text",    "message_id", "html", "problems", "attachments", "links"};
    static const char *const messages[] = {
        "",
        "\n",
        "x",
        "Subject: s\n\nbody\n",
        "Content-Type: image/png\n\nx",
        "Content-Type: message/rfc822\n\n",
        "Content-Type: multipart/mixed; boundary=b\n\n--b\n\nx\n--b--\n",
        "Content-Type: text/html\n\n<p>\n",
        "Content-Type: text/plain\nContent-Disposition: attachment\n\nx\n",
    };
    for (size_t i = 0; i < sizeof messages / sizeof messages[0]; i++) {
        const char *got = json(messages[i]);
        for (size_t k = 0; k < sizeof keys / sizeof keys[0]; k++) {
            char key[32];
            snprintf(key, sizeof key, "\"%s\":", keys[k]);
            has_in(got, key);
        }
    }
}

static void test_known(void **state)
{
    (void)state;
    struct received m = base("\n", 1);
    m.mail.file = "mail/0001.eml";
    m.mail.fits = 0;
    m.mail.user = (struct span){"alice", 5};
    static const struct tls_peer peer = {"TLSv1.3", {"mx", 2}, {"\1a\0\5cut", 7}, {"AB:CD ", 6}};
    m.mail.tls = &peer;
    m.mail.argv = (struct span){"-t\0\0a", 5};
    m.mail.size = UINT64_MAX;
    m.mail.time = 0;
    const char *got = json_of(&m);
    has_in(got,
           "\"time\":\"1970-01-01T00:00:00.000Z\",\"time_epoch\":0.000,\"size\":18446744073709551615,\"file\":\"mail/"
           "0001.eml\",\"matched\":false,\"expectations\":[],");
    has_in(got, "\"auth\":\"alice\",\"tls\":\"TLSv1.3\",\"sni\":\"mx\",\"alpn\":[\"a\",\"\"],"
                "\"certificate\":{\"subject\":\"\",\"fingerprint\":\"AB:CD\"},\"argv\":[\"-t\",\"\",\"a\"]}");
    m.mail.address = "";
    m.mail.port = 0;
    m.mail.helo = (struct span){NULL, 0};
    has_in(json_of(&m), "\"client\":{\"address\":null,\"port\":null,\"helo\":null,");
    problems_add(&m.mail.problems, PROBLEM_BARE_LF);
    has_in(json_of(&m), "\"problems\":[\"bare-lf: bare LF in the message (RFC 5321 2.3.8)\"");
}

/* ---- strings ---- */

/* As an octet alone has to be written. */
static const char *written(int octet)
{
    static char out[8];
    switch (octet) {
    case '"':
        return "\\\"";
    case '\\':
        return "\\\\";
    case '\b':
        return "\\b";
    case '\f':
        return "\\f";
    case '\n':
        return "\\n";
    case '\r':
        return "\\r";
    case '\t':
        return "\\t";
    default:
        break;
    }
    if (octet >= 0x80)
        return "\xef\xbf\xbd";
    snprintf(out, sizeof out, octet < 0x20 || octet == 0x7f ? "\\u%04x" : "%c", (unsigned)octet);
    return out;
}

static void test_each_octet_of_the_envelope(void **state)
{
    (void)state;
    for (int i = 0; i < 256; i++) {
        char word[3] = {'<', (char)i, '>'}, part[64], text[4] = {'<', (char)i, '>', '\0'};
        struct received m = base("\n", 1);
        m.mail.helo = m.mail.sender = m.mail.user = (struct span){word, 3};
        struct tls_peer peer = {.version = i > 0 ? text : NULL, .sni = {word, 3}};
        m.mail.tls = &peer;
        if (i > 0)
            m.mail.address = m.mail.file = text;
        recipient.address = (struct span){word, 3};
        const char *got = json_of(&m);
        for (int k = 0; k < 5; k++) {
            static const char *const keys[] = {"helo", "auth", "envelope\":{\"from", "sni", "file"};
            snprintf(part, sizeof part, "\"%s\":\"<%s>\"", keys[k], written(i));
            if (k < 4 || i > 0)
                has_in(got, part);
        }
        snprintf(part, sizeof part, "\"to\":[\"<%s>\"]", written(i));
        if (i > 0)
            has_in(got, part);
    }
}

/* Encoded, so that each gets there. */
static void test_each_octet_of_the_message(void **state)
{
    (void)state;
    for (int i = 0; i < 256; i++) {
        char message[1024], part[128];
        snprintf(message, sizeof message,
                 "Subject: =?utf-8?q?<=%02X>?=\nX-%c: =?utf-8?q?<=%02X>?=\nFrom: =?utf-8?q?<=%02X>?= <a@x.test>\n"
                 "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/plain; charset=utf-8\n"
                 "Content-Transfer-Encoding: quoted-printable\n\n<=%02X>\n--b\nContent-Type: a/b\n"
                 "Content-Disposition: attachment; filename*=utf-8''<%%%02X>\n\nx\n--b--\n",
                 (unsigned)i, 'a', (unsigned)i, (unsigned)i, (unsigned)i, (unsigned)i);
        const char *got = json(message);
        static const char *const forms[] = {"\"subject\":\"<%s>\"", "\"name\":\"<%s>\"", "\"x-a\":[\"<%s>\"]",
                                            "\"text\":\"<%s>\"", "\"filename\":\"<%s>\""};
        for (size_t k = 0; k < sizeof forms / sizeof forms[0]; k++) {
            snprintf(part, sizeof part, forms[k], written(i));
            has_in(got, part);
        }
    }
}

/* As they come, where that can be: what is no text is valid all the same (made_of() sees to that). */
static void test_each_octet_raw(void **state)
{
    (void)state;
    for (int i = 0; i < 256; i++) {
        char message[512];
        int n = snprintf(
            message, sizeof message,
            "Subject: <@>\nX-@: <@>\n@: x\nFrom: \"@\" <@@x.test>\nMessage-ID: <@@>\nDate: @\n"
            "Content-Type: multipart/mixed; boundary=b\n\n--b\n\n<@>\n--b\nContent-Type: a/b@; name=\"@\"\n"
            "Content-ID: <@>\nContent-Disposition: att@; filename=\"@\"\nContent-Transfer-Encoding: @\n\n@\n--b--\n");
        for (int k = 0; k < n; k++)
            message[k] = message[k] == '@' ? (char)i : message[k];
        struct received m = base(message, (size_t)n);
        size_t length;
        for (const char *p = json_of(&m); *p != '\n'; p++)
            assert_false(ascii_is_control(*p));
        for (const char *p = made_of(&m, true, &length); *p != '\0'; p++)
            assert_true(!ascii_is_control(*p) || *p == '\n' || *p == '\t');
    }
}

static void test_characters(void **state)
{
    (void)state;
    static const struct {
        const char *octets, *expected;
    } rows[] = {
        {"Gr\xc3\xbc\xc3\x9f", "Gr\xc3\xbc\xc3\x9f"},
        {"\xe2\x82\xac", "\xe2\x82\xac"},
        {"\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80"},
        {"\xc2\x80", "\\u0080"},
        {"\xc2\x9b", "\\u009b"},
        {"\xc2\xad", "\\u00ad"},
        {"\xd8\x9c", "\\u061c"},
        {"\xe2\x80\x8b", "\\u200b"},
        {"\xe2\x80\x8f", "\\u200f"},
        {"\xe2\x80\xa8", "\\u2028"},
        {"\xe2\x80\xae", "\\u202e"},
        {"\xe2\x81\xa6", "\\u2066"},
        {"\xef\xbb\xbf", "\\ufeff"},
        {"\xef\xb8\x8f", "\\ufe0f"},
        {"\xee\x80\x80", "\\ue000"},
        {"\xef\xbf\xbf", "\\uffff"},
        {"\xf3\xa0\x80\xa0", "\\udb40\\udc20"}, /* U+E0020 */
        {"\xf4\x8f\xbf\xbf", "\\udbff\\udfff"}, /* U+10FFFF */
        {"\xf0\x9d\x85\xb3", "\\ud834\\udd73"}, /* U+1D173 */
        {"\xc3(", "\xef\xbf\xbd("},
        {"\xc0\x80", "\xef\xbf\xbd\xef\xbf\xbd"},
        {"\xff", "\xef\xbf\xbd"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char part[64];
        struct received m = base("\n", 1);
        m.mail.helo = (struct span){rows[i].octets, strlen(rows[i].octets)};
        snprintf(part, sizeof part, "\"helo\":\"%s\"", rows[i].expected);
        has_in(json_of(&m), part);
        char message[256];
        snprintf(message, sizeof message, "Content-Type: text/plain; charset=utf-8\n\n%s", rows[i].octets);
        if (i < 19) { /* what is no UTF-8 counts as its charset's reader has it */
            snprintf(part, sizeof part, "\"text\":\"%s\"", rows[i].expected);
            has(message, part);
        }
    }
    /* surrogates are none, each octet for itself */
    struct received m = base("\n", 1);
    m.mail.helo = (struct span){"\xed\xa0\x80", 3};
    has_in(json_of(&m), "\"helo\":\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
    has("Subject: a\xff"
        "b\n\n",
        "\"subject\":\"a\xef\xbf\xbd"
        "b\"");
}

/* ---- the envelope ---- */

static void test_params(void **state)
{
    (void)state;
    static const struct {
        const char *params, *expected;
    } rows[] = {
        {"", "{}"},
        {"SIZE=10", "{\"SIZE\":\"10\"}"},
        {"size=10 Body=8bitmime smtputf8", "{\"SIZE\":\"10\",\"BODY\":\"8bitmime\",\"SMTPUTF8\":null}"},
        {" SIZE=1  ", "{\"SIZE\":\"1\"}"},
        {"RET=HDRS ENVID=a+2Bb+3Dc", "{\"RET\":\"HDRS\",\"ENVID\":\"a+b=c\"}"},
        {"NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;b+40x.test",
         "{\"NOTIFY\":\"SUCCESS,FAILURE\",\"ORCPT\":\"rfc822;b@x.test\"}"},
        {"AUTH=<>", "{\"AUTH\":\"<>\"}"},
        {"AUTH=e+3Dmc2@example.com", "{\"AUTH\":\"e=mc2@example.com\"}"},
        {"ENVID=+1B+0A+22", "{\"ENVID\":\"\\u001b\\n\\\"\"}"},
        {"envid=a+2Bb", "{\"ENVID\":\"a+b\"}"},
        {"X=a=b", "{\"X\":\"a=b\"}"},
        {"X=a+2Bb", "{\"X\":\"a+2Bb\"}"},
        {"X=\"\\", "{\"X\":\"\\\"\\\\\"}"},
        /* RFC 6533 3: what is encoded is UTF-8 */
        {"ORCPT=utf-8;gr+C3+BCn@x.test", "{\"ORCPT\":\"utf-8;gr\xc3\xbcn@x.test\"}"},
        {"ORCPT=utf-8;b+cx+C3+BC", "{\"ORCPT\":\"utf-8;b+cx\xc3\xbc\"}"},
        {"ENVID=a+80b", "{\"ENVID\":\"a\xef\xbf\xbd"
                        "b\"}"},
        {"ENVID", "{\"ENVID\":null}"},
        /* not let through by the server, but nothing is read that is not there */
        {"ENVID=+", "{\"ENVID\":\"+\"}"},
        {"ENVID=+4", "{\"ENVID\":\"+4\"}"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char part[256], *exact = strdup(rows[i].params);
        struct received m = base("\n", 1);
        m.mail.sender_params = (struct span){exact, strlen(exact)};
        recipient.params = m.mail.sender_params;
        snprintf(part, sizeof part, "\"params\":%s,\"to_params\":[%s]}", rows[i].expected, rows[i].expected);
        const char *got = json_of(&m);
        free(exact);
        has_in(got, part);
    }
}

static void test_senders_and_recipients(void **state)
{
    (void)state;
    struct received m = base("\n", 1);
    m.mail.sender = (struct span){NULL, 0};
    has_in(json_of(&m), "\"envelope\":{\"from\":\"\",\"to\":[\"b@x.test\"],");
    m.mail.n_recipients = 0;
    has_in(json_of(&m), "\"to\":[],\"params\":{},\"to_params\":[]}");
    enum { MANY = 5000 };
    struct mail mail = {.n = 0};
    assert_true(mail_begin(&mail, (struct span){NULL, 0}, (struct span){NULL, 0}));
    for (int i = 0; i < MANY; i++) {
        char address[16], params[16];
        size_t n = (size_t)sprintf(address, "u%d@x.test", i % 10), k = (size_t)sprintf(params, "NOTIFY=%d", i);
        assert_true(mail_add_recipient(&mail, (struct span){address, n}, (struct span){params, k}));
    }
    m.mail.recipients = mail.recipients;
    m.mail.n_recipients = mail.n_recipients;
    const char *got = json_of(&m);
    has_in(got, "\"to\":[\"u0@x.test\",\"u1@x.test\",");
    has_in(got, ",\"u9@x.test\"],\"params\":{},\"to_params\":[{\"NOTIFY\":\"0\"},{\"NOTIFY\":\"1\"},");
    has_in(got, ",{\"NOTIFY\":\"4999\"}]}");
    size_t length;
    const char *shown = made_of(&m, true, &length);
    has_in(shown, "\nEnvelope-To: <u0@x.test>, <u1@x.test>, ");
    mail_close(&mail);
}

/* ---- header fields ---- */

static void test_headers(void **state)
{
    (void)state;
    static const struct {
        const char *message, *expected;
    } rows[] = {
        {"Subject: a\n\n", "\"headers\":{\"subject\":[\"a\"]}"},
        {"A: 1\nB: 2\na: 3\nC: 4\nb: 5\nA: 6\n\n",
         "\"headers\":{\"a\":[\"1\",\"3\",\"6\"],\"b\":[\"2\",\"5\"],\"c\":[\"4\"]}"},
        {"B: 1\nAB: 2\nA: 3\nBA: 4\nB: 5\n\n",
         "\"headers\":{\"b\":[\"1\",\"5\"],\"ab\":[\"2\"],\"a\":[\"3\"],\"ba\":[\"4\"]}"},
        {"X-Tag: 1\nx-tag: 1\nX-TAG: 2\n\n", "\"headers\":{\"x-tag\":[\"1\",\"1\",\"2\"]}"},
        {"Subject: =?utf-8?q?Gr=C3=BC?=\n =?utf-8?q?=C3=9Fe?=\n\n", "\"headers\":{\"subject\":[\"Gr\xc3\xbc\xc3\x9f"
                                                                    "e\"]}"},
        {"Subject: a\n b\n\tc\n\n", "\"subject\":\"a b\\tc\""},
        {"Subject:\n\n", "\"subject\":\"\""},
        {"Subject: first\nSubject: second\n\n", "\"subject\":\"first\""},
        {"Subject: first\nSubject: second\n\n", "\"headers\":{\"subject\":[\"first\",\"second\"]}"},
        {"To: a@x.test\nTo: B <b@x.test>\n\n", "\"to\":[{\"name\":null,\"address\":\"a@x.test\",\"group\":null},{"
                                               "\"name\":\"B\",\"address\":\"b@x.test\",\"group\":null}],\"cc\""},
        {"From: =?utf-8?q?=22x=22?= <a@x.test>\n\n",
         "\"from\":[{\"name\":\"\\\"x\\\"\",\"address\":\"a@x.test\",\"group\":null}]"},
        {"Reply-To: a@x.test\nBcc: G: b@x.test, c@x.test;\n\n",
         "\"bcc\":[{\"name\":null,\"address\":\"b@x.test\",\"group\":\"G\"},{\"name\":null,\"address\":\"c@x.test\","
         "\"group\":\"G\"}],"
         "\"reply_to\":[{\"name\":null,\"address\":\"a@x.test\",\"group\":null}]"},
        {"Date: Tue, 24 Nov 2026 04:12:00 +0100\n\n", "\"date\":\"2026-11-24T04:12:00+01:00\""},
        {"Date: never\n\n", "\"date\":null"},
        {"Message-ID: <1@x.test>\n\n", "\"message_id\":\"<1@x.test>\""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        has(rows[i].message, rows[i].expected);
}

/* A key that is there twice is there once, for whoever reads it. */
static void test_names_that_are_no_text(void **state)
{
    (void)state;
    const char *got = json("X\xff: 1\nX\xfe: 2\n\n"), *first = strstr(got, "\"x\xef\xbf\xbd\":[");
    if (first != NULL && strstr(first + 1, "\"x\xef\xbf\xbd\":[") != NULL)
        fail_msg("the same key twice: %s", got);
    got = json("\xc3\xbc: 1\n\xc3\xb6: 2\n\n");
    first = strstr(got, "\"\xef\xbf\xbd\xef\xbf\xbd\":[");
    if (first != NULL && strstr(first + 1, "\"\xef\xbf\xbd\xef\xbf\xbd\":[") != NULL)
        fail_msg("the same key twice: %s", got);
}

static void test_many_fields(void **state)
{
    (void)state;
    enum { MANY = 20000 };
    static char message[MANY * 24];
    size_t n = 0;
    for (int i = 0; i < MANY; i++)
        n += (size_t)sprintf(message + n, "X-%d: %d\n", i % 100, i);
    struct received m = base(message, n);
    const char *got = json_of(&m);
    has_in(got, "\"headers\":{\"x-0\":[\"0\",\"100\",\"200\",");
    has_in(got, ",\"19999\"]},\"text\"");
}

/* ---- bodies and attachments ---- */

#define PART(type, more, body) "--b\nContent-Type: " type "\n" more "\n" body "\n"
#define MIXED "Content-Type: multipart/mixed; boundary=b\n\n"
#define ALTERNATIVE "Content-Type: multipart/alternative; boundary=b\n\n"
#define RELATED(start) "Content-Type: multipart/related; boundary=b" start "\n\n"
#define IN(kind, inside) "--b\nContent-Type: multipart/" kind "; boundary=i\n\n" inside "--i--\n"
#define INNER(type, more, body) "--i\nContent-Type: " type "\n" more "\n" body "\n"
#define ATTACHED "Content-Disposition: attachment\n"
#define ID(id) "Content-ID: <" id ">\n"

static void test_bodies(void **state)
{
    (void)state;
    static const struct {
        const char *message, *text, *html;
        int attachments;
    } rows[] = {
        {"\nplain\n", "\"plain\\n\"", "null", 0},
        {"plain, no header\n", "\"plain, no header\\n\"", "null", 0},
        {"Content-Type: text/html\n\n<p>\n", "null", "\"<p>\\n\"", 0},
        {"Content-Type: TEXT/HTML\n\n<p>\n", "null", "\"<p>\\n\"", 0},
        {"Content-Type: image/png\n\nx", "null", "null", 1},
        {"Content-Type: text/csv\n\nx", "null", "null", 1},
        {"Content-Type: text/plain\n" ATTACHED "\nx", "null", "null", 1},
        {"Content-Type: text/plain\nContent-Disposition: inline\n\nx", "\"x\"", "null", 0},
        {"Content-Type: message/rfc822\n\n\ninner\n", "null", "null", 1},
        {MIXED PART("text/plain", "", "one") PART("text/plain", "", "two") "--b--\n", "\"one\"", "null", 1},
        {MIXED PART("text/html", "", "<1>") PART("text/plain", "", "two") "--b--\n", "\"two\"", "\"<1>\"", 0},
        {MIXED PART("text/plain", ATTACHED, "one") PART("text/plain", "", "two") "--b--\n", "\"two\"", "null", 1},
        {MIXED PART("text/plain", ATTACHED, "one") PART("text/html", ATTACHED, "<2>") "--b--\n", "null", "null", 2},
        {MIXED "--b\n\nno type\n--b--\n", "\"no type\"", "null", 0},
        {ALTERNATIVE PART("text/plain", "", "one") PART("text/html", "", "<2>") "--b--\n", "\"one\"", "\"<2>\"", 0},
        {ALTERNATIVE PART("text/html", "", "<1>") PART("text/html", "", "<2>") "--b--\n", "null", "\"<1>\"", 1},
        {RELATED("") PART("text/html", "", "<1>") PART("text/plain", "", "two") "--b--\n", "null", "\"<1>\"", 1},
        {RELATED("") PART("image/png", "", "x") PART("text/html", "", "<2>") "--b--\n", "null", "\"<2>\"", 1},
        {RELATED("; type=\"Text/HTML\"") PART("image/png", "", "x") PART("text/html", "", "<2>") "--b--\n", "null",
         "\"<2>\"", 1},
        {RELATED("; type=text/plain") PART("image/png", "", "x") PART("text/html", "", "<2>") "--b--\n", "null",
         "\"<2>\"", 1},
        {RELATED("; type=html") PART("image/png", "", "x") PART("text/html", "", "<2>") "--b--\n", "null", "\"<2>\"",
         1},
        {RELATED("; type=\"text/html\"") PART("text/plain", "", "one") PART("text/html", "", "<2>") "--b--\n",
         "\"one\"", "\"<2>\"", 0},
        {RELATED("") PART("text/plain", "", "one") PART("text/html", "", "<2>") "--b--\n", "\"one\"", "null", 1},
        {RELATED("") PART("image/png", "", "x") PART("text/plain", "", "two") PART("text/html", "", "<3>") "--b--\n",
         "\"two\"", "\"<3>\"", 1},
        {RELATED("; type=\"text/html\"") PART("image/png", "", "x") PART("text/plain", "", "two")
             PART("text/html", "", "<3>") "--b--\n",
         "\"two\"", "\"<3>\"", 1},
        {RELATED("") PART("image/png", "", "x")
             IN("alternative", INNER("text/plain", "", "one") INNER("text/html", "", "<2>")) "--b--\n",
         "\"one\"", "\"<2>\"", 1},
        {RELATED("; type=\"multipart/alternative\"") PART("text/html", "", "<1>")
             IN("alternative", INNER("text/plain", "", "one") INNER("text/html", "", "<2>")) "--b--\n",
         "\"one\"", "\"<2>\"", 1},
        {RELATED("") PART("image/png", "", "x") IN("related", INNER("image/png", "", "y") INNER("text/html", "", "<2>"))
             PART("text/html", "", "<3>") "--b--\n",
         "null", "\"<2>\"", 3},
        {RELATED("") PART("text/css", "", "x") PART("text/html", "", "<2>") "--b--\n", "null", "\"<2>\"", 1},
        {RELATED("") PART("text/plain", ATTACHED, "one") PART("text/html", "", "<2>") "--b--\n", "null", "\"<2>\"", 1},
        {RELATED("; type=\"text/html\"") PART("text/html", ATTACHED, "<1>") PART("text/html", "", "<2>") "--b--\n",
         "null", "\"<2>\"", 1},
        {RELATED("") PART("image/png", "", "x") "--b\nContent-Type: message/rfc822\n\n\ninner\n--b--\n", "null", "null",
         2},
        {RELATED("; type=\"application/smil\"; start=\"<r>\"") PART("application/smil", ID("r"), "x")
             PART("image/png", "", "y") PART("text/plain", ID("t"), "three") "--b--\n",
         "\"three\"", "null", 2},
        {RELATED("; start=\"<r>\"") PART("image/png", "", "x") PART("text/html", ID("r"), "<2>") "--b--\n", "null",
         "\"<2>\"", 1},
        {RELATED("; start=r") PART("text/html", "", "<1>") PART("text/html", ID("r"), "<2>") "--b--\n", "null",
         "\"<2>\"", 1},
        {RELATED("; start=\"<none>\"") PART("text/html", "", "<1>") PART("text/html", ID("r"), "<2>") "--b--\n", "null",
         "\"<1>\"", 1},
        {RELATED("; start=\"<r>\"") PART("text/html", ID("r"), "<1>") PART("text/html", ID("r"), "<2>") "--b--\n",
         "null", "\"<1>\"", 1},
        {RELATED("") IN("alternative", INNER("text/plain", "", "one") INNER("text/html", "", "<2>"))
             PART("image/png", "", "x") "--b--\n",
         "\"one\"", "\"<2>\"", 1},
        {MIXED IN("alternative", INNER("text/plain", "", "one") INNER("text/html", "", "<2>"))
             PART("a/b", "", "x") "--b--\n",
         "\"one\"", "\"<2>\"", 1},
        {ALTERNATIVE PART("text/plain", "", "one")
             IN("related", INNER("text/html", "", "<2>") INNER("image/png", "", "x")) "--b--\n",
         "\"one\"", "\"<2>\"", 1},
        {MIXED "--b\nContent-Type: multipart/mixed; boundary=i\n" ATTACHED
               "\n" INNER("text/plain", "", "in") "--i--\n" PART("text/html", "", "<2>") "--b--\n",
         "null", "\"<2>\"", 1},
        {MIXED "--b\nContent-Type: message/rfc822\n\nContent-Type: text/plain\n\ninner\n" PART("text/html", "",
                                                                                               "<2>") "--b--\n",
         "null", "\"<2>\"", 1},
        {MIXED "--b\nContent-Type: message/rfc822\n\nContent-Type: multipart/mixed; boundary=i\n\n" INNER(
             "text/plain", "", "in") INNER("a/b", "", "x") "--i--\n" PART("text/plain", "", "out") "--b--\n",
         "\"out\"", "null", 1},
        {"Content-Type: multipart/mixed; boundary=b\n\nnothing\n", "null", "null", 1},
        {"\none\nbegin 644 a\n#86)C\n`\nend\ntwo\n", "\"one\\ntwo\\n\"", "null", 1},
        {"Content-Type: text/plain\n" ATTACHED "\nbegin 644 a\n#86)C\n`\nend\n", "null", "null", 1},
        {ALTERNATIVE PART("text/plain", "", "begin 644 a\n`\nend\n") PART("text/html", "", "<2>") "--b--\n", "\"\"",
         "\"<2>\"", 1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char part[256];
        const char *got = json(rows[i].message);
        snprintf(part, sizeof part, "},\"text\":%s,\"html\":%s,\"links\":[],\"parts\":[", rows[i].text, rows[i].html);
        has_in(got, part);
        int n = 0;
        for (const char *p = got; (p = strstr(p, "\"sha256\":\"")) != NULL; p++)
            n++;
        assert_int_equal(n, rows[i].attachments);
    }
}

/* Links of the HTML come first, each as often as it stands there, and after them the URLs of the text that it does not
   have, each once.  Without HTML all URLs of the text are links. */
static void test_links(void **state)
{
    (void)state;
    static const struct {
        const char *message, *links;
    } rows[] = {
        {"\nhttp://x.test http://y.test/\"a http://x.test\n",
         "{\"text\":\"http://x.test\",\"url\":\"http://x.test\"},{\"text\":\"http://y.test/\",\"url\":\"http://"
         "y.test/\"},{\"text\":\"http://x.test\",\"url\":\"http://x.test\"}"},
        {"Content-Type: text/html\n\n<a href=u>\"x\"</a><a href=u></a>",
         "{\"text\":\"\\\"x\\\"\",\"url\":\"u\"},{\"text\":\"\",\"url\":\"u\"}"},
        {ALTERNATIVE PART("text/plain", "", "http://x.test http://y.test http://z.test http://y.test")
             PART("text/html", "", "<a href='http://z.test'>z</a><a href='http://z.test'>2</a>") "--b--\n",
         "{\"text\":\"z\",\"url\":\"http://z.test\"},{\"text\":\"2\",\"url\":\"http://z.test\"},"
         "{\"text\":\"http://x.test\",\"url\":\"http://x.test\"},{\"text\":\"http://y.test\",\"url\":\"http://"
         "y.test\"}"},
        {ALTERNATIVE PART("text/plain", "", "http://x.test") PART("text/html", "", "<p>y") "--b--\n",
         "{\"text\":\"http://x.test\",\"url\":\"http://x.test\"}"},
        {ALTERNATIVE PART("text/plain", "", "x") PART("text/html", "", "<a href=y>y</a>") "--b--\n",
         "{\"text\":\"y\",\"url\":\"y\"}"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char part[512];
        snprintf(part, sizeof part, ",\"links\":[%s],\"parts\":[", rows[i].links);
        has(rows[i].message, part);
    }
}

static void test_decoded(void **state)
{
    (void)state;
    has("Content-Type: text/plain; charset=iso-8859-1\nContent-Transfer-Encoding: "
        "quoted-printable\n\nGr=FC=\r\n=DFe\r\n",
        "\"text\":\"Gr\xc3\xbc\xc3\x9f"
        "e\\n\"");
    has("Content-Type: text/html; charset=utf-8\nContent-Transfer-Encoding: base64\n\nPHA+w7w8L3A+\n",
        "\"html\":\"<p>\xc3\xbc</p>\"");
    has("Content-Type: text/plain; charset=utf-8\n\na\xff"
        "b",
        "\"text\":\"a\xef\xbf\xbd"
        "b\"");
    has("Content-Type: text/plain; charset=x-none\n\na", "\"problems\":[\"");
    has("Subject: s\r\n\r\nline\r\nline\r\n", "\"text\":\"line\\nline\\n\"");
}

static void test_attachment(void **state)
{
    (void)state;
    has(MIXED PART(
            "Application/PDF; name=n.pdf",
            "Content-Disposition: Attachment; filename=\"r.pdf\"\n" ID("c@x") "Content-Transfer-Encoding: base64\n",
            "YWJj") "--b--\n",
        "\"attachments\":[{\"filename\":\"r.pdf\",\"type\":\"application/"
        "pdf\",\"params\":{\"name\":\"n.pdf\"},\"disposition\":\"attachment\",\"cid\":\"c@x\","
        "\"size\":3,\"sha256\":\"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\",\"text\":null}]");
    has(MIXED PART("image/png; name=\"n.png\"", "Content-Disposition: inline\n", "abc") "--b--\n",
        "[{\"filename\":\"n.png\",\"type\":\"image/"
        "png\",\"params\":{\"name\":\"n.png\"},\"disposition\":\"inline\",\"cid\":null,\"size\":3,\"sha256\":"
        "\"ba7816bf");
    has(MIXED PART("a/b", "", "") "--b--\n",
        "[{\"filename\":null,\"type\":\"a/b\",\"params\":{},\"disposition\":null,\"cid\":null,\"size\":0,"
        "\"sha256\":\"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\",\"text\":null}]");
    has(MIXED PART("a/b", "Content-Disposition: attachment; filename=\"\"\n", "") "--b--\n", "[{\"filename\":\"\",");
    has(MIXED PART("a/b", "Content-Disposition: attachment; filename=\"../../x\"\n", "") "--b--\n",
        "[{\"filename\":\"../../x\",");
    has(MIXED PART("a/b", "Content-Disposition: attachment; filename*=utf-8''a%00b%0A.txt\n", "") "--b--\n",
        "[{\"filename\":\"a\\u0000b\\n.txt\",");
    has(MIXED PART("a/b", "Content-Disposition:\n", "") "--b--\n", "\"disposition\":null");
    has(MIXED PART("a/b", "Content-Disposition: ;x\n", "") "--b--\n", "\"disposition\":null");
    has(MIXED PART("a/b", "Content-Disposition: x;filename=y\n", "") "--b--\n", "\"disposition\":\"x\"");
    has("\none\nbegin 644 a.txt\n#86)C\n`\nend\n", "\"attachments\":[{\"filename\":\"a.txt\",\"type\":\"application/"
                                                   "octet-stream\",\"params\":{},\"disposition\":null,"
                                                   "\"cid\":null,\"size\":3,\"sha256\":\"ba7816bf");
    /* a message as it is, encoded or not */
    has(MIXED "--b\nContent-Type: message/rfc822\n\nabc\n--b--\n",
        "\"type\":\"message/rfc822\",\"params\":{},\"disposition\":null,"
        "\"cid\":null,\"size\":3,\"sha256\":\"ba7816bf");
}

/* ---- attachments that are written ---- */

static void test_suffix(void **state)
{
    (void)state;
    static const struct {
        const char *type, *suffix;
    } rows[] = {
        {"text/plain", "txt"},
        {"Text/Calendar; method=REQUEST", "ics"},
        {"application/ics", "ics"},
        {"text/x-vcalendar", "vcs"},
        {"text/vcard", "vcf"},
        {"text/x-vcard", "vcf"},
        {"text/markdown", "md"},
        {"text/csv", "csv"},
        {"text/rfc822-headers", "txt"},
        {"text/x-python", "txt"},
        {"message/rfc822", "eml"},
        {"message/global", "eml"},
        {"message/partial", "eml"},
        {"message/delivery-status", "txt"},
        {"message/global-delivery-status", "txt"},
        {"message/disposition-notification", "txt"},
        {"message/feedback-report", "txt"},
        {"image/png", "png"},
        {"image/x-png", "png"},
        {"image/jpeg", "jpg"},
        {"IMAGE/JPEG", "jpg"},
        {"image/pjpeg", "jpg"},
        {"image/jpg", "jpg"},
        {"image/gif", "gif"},
        {"image/svg+xml", "svg"},
        {"image/x-icon", "ico"},
        {"image/vnd.microsoft.icon", "ico"},
        {"image/x-ms-bmp", "bmp"},
        {"image/tiff", "tiff"},
        {"image/vnd.adobe.photoshop", "psd"},
        {"image/webp", "webp"},
        {"application/pdf", "pdf"},
        {"application/x-zip-compressed", "zip"},
        {"application/gzip", "gz"},
        {"application/pgp-signature", "asc"},
        {"application/x-pkcs7-signature", "p7s"},
        {"application/msword", "doc"},
        {"audio/mpeg", "mp3"},
        {"application/octet-stream", "bin"},
        {"x-very/long-subtype-indeed", "bin"},
        {"a/x-", "bin"},
        {"a/b", "b"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char octets[256];
        int n = snprintf(octets, sizeof octets, "Content-Type: %s\nContent-Disposition: attachment\n\nx", rows[i].type);
        struct message *m = message_open((struct span){octets, (size_t)n});
        assert_non_null(m);
        struct span suffix = message_suffix(message_next_attachment(m, NULL));
        if (!span_is(suffix, rows[i].suffix))
            fail_msg("%s: %.*s", rows[i].type, (int)suffix.n, suffix.p);
        message_close(m);
    }
}

static void test_what_people_reach_for(void **state)
{
    (void)state;
    static const struct {
        const char *message, *part;
    } cases[] = {
        {"Sender: S <s@x.test>\n\n", "\"sender\":[{\"name\":\"S\",\"address\":\"s@x.test\",\"group\":null}]"},
        {"In-Reply-To: <1@x>\n\n", "\"in_reply_to\":\"<1@x>\",\"references\":[]"},
        {"References: <1@x> (a b)\n <2@\n x>odd<3@x\n\n", "\"references\":[\"<1@x>\",\"<2@x>\",\"odd\",\"<3@x\"]"},
        {"References: (\n\n", "\"references\":[]"},
        {"List-Unsubscribe: <mailto:a@b?subject=\n u>, (c <d>) <https://x/u>\n\n",
         "\"list_unsubscribe\":{\"urls\":[\"mailto:a@b?subject=u\",\"https://x/u\"],\"one_click\":false}"},
        {"List-Unsubscribe: <https://x/u>\nList-Unsubscribe-Post: List-Unsubscribe=One-Click \n\n",
         "{\"urls\":[\"https://x/u\"],\"one_click\":true}"},
        {"List-Unsubscribe: <mailto:u@x>\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\n\n",
         "{\"urls\":[\"mailto:u@x\"],\"one_click\":false}"},
        {"List-Unsubscribe: odd <\n\n", "\"list_unsubscribe\":{\"urls\":[],\"one_click\":false}"},
        {"To: a@b, =?utf-8?q?=C3=A4?= G: c@d, N <e@f>; g@h, \"q:\":i@j, :k@l;, none:;\n\n",
         "\"to\":[{\"name\":null,\"address\":\"a@b\",\"group\":null},{\"name\":null,\"address\":\"c@d\",\"group\":"
         "\"\xc3\xa4 G\"},"
         "{\"name\":\"N\",\"address\":\"e@f\",\"group\":\"\xc3\xa4 "
         "G\"},{\"name\":null,\"address\":\"g@h\",\"group\":null},"
         "{\"name\":null,\"address\":\"i@j\",\"group\":\"q:\"},{\"name\":null,\"address\":\"k@l\",\"group\":\"\"}]"},
        {"Cc: G: a@b\nCc: c@d\n\n", "{\"name\":null,\"address\":\"c@d\",\"group\":null}]"},
        {"Date: Tue, 24 Nov 2026 01:32:00 +0100\n\n", "\"date_epoch\":1795480320,"},
        {"Date: Thu, 1 Jan 1970 00:00:00 +0000\n\n", "\"date_epoch\":0,"},
        {"Date: Wed, 31 Dec 1969 18:59:59 -0500\n\n", "\"date_epoch\":-1,"},
        {"Date: Sat, 29 Feb 2020 23:59:60 +0000\n\n", "\"date_epoch\":1583020800,"},
        {"Date: never\n\n", "\"date\":null,\"date_epoch\":null,"},
        {MIXED PART("text/calendar; METHOD=REQUEST; charset=iso-8859-1; x*0*=utf-8''%C3; x*1*=%A4; bad; x=y",
                    "Content-Disposition: attachment\nContent-Transfer-Encoding: base64\n", "/CI=") "--b--\n",
         "\"params\":{\"method\":\"REQUEST\",\"charset\":\"iso-8859-1\",\"x\":\"\xc3\xa4\"},\"disposition\":"
         "\"attachment\""},
        {MIXED PART("text/calendar; charset=iso-8859-1",
                    "Content-Disposition: attachment\nContent-Transfer-Encoding: base64\n", "/CI=") "--b--\n",
         "\"text\":\"\xc3\xbc\\\"\"}]"},
        {MIXED PART("a/b", "", "x") "--b--\n", "\"text\":null}]"},
        {MIXED PART("multipart/alternative; boundary=c", "", "--c\n\nx\n--c\nContent-Type: text/html\n\ny\n--c--")
             PART("message/rfc822", "", "Content-Type: multipart/mixed; boundary=d\n\n--d\n\nz\n--d--")
                 PART("message/rfc822", "", "A: b\n\nzz") PART(
                     "IMAGE/PNG; name=n", "Content-ID: <c>\nContent-Transfer-Encoding: BASE64\n", "QUJD") "--b--\n",
         "\"parts\":[{\"path\":\"TEXT\",\"type\":\"multipart/mixed\",\"params\":{\"boundary\":\"b\"},\"encoding\":null,"
         "\"disposition\":null,\"name\":null,\"cid\":null,\"size\":null},{\"path\":\"1\",\"type\":\"multipart/"
         "alternative\""},
    };
    static const char *const paths[] = {"TEXT", "1", "1.1", "1.2", "2", "2.TEXT", "2.1", "3", "3.1", "4"};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        has(cases[i].message, cases[i].part);
    const char *made = json(cases[sizeof cases / sizeof cases[0] - 1].message);
    has_in(made, "{\"path\":\"4\",\"type\":\"image/"
                 "png\",\"params\":{\"name\":\"n\"},\"encoding\":\"base64\",\"disposition\":null,"
                 "\"name\":\"n\",\"cid\":\"c\",\"size\":3}]");
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        char path[32];
        snprintf(path, sizeof path, "{\"path\":\"%s\",", paths[i]);
        made = strstr(made, path);
        if (made == NULL)
            fail_msg("no %s", path);
    }
}

static void test_saved_path(void **state)
{
    (void)state;
    static const char message[] = MIXED PART("text/plain", "", "body") PART("a/b; name=n", "", "one") "--b--\n";
    struct text made = {NULL, 0, 0, false};
    struct mail mail = {.address = ""};
    struct message *m = message_open((struct span){message, sizeof message - 1});
    assert_non_null(m);
    message_set_path(message_next_attachment(m, NULL), "at/\"x\"");
    render_json(&made, &mail, m);
    assert_false(made.failed);
    text_add(&made, "", 1);
    has_in(made.p, ",\"path\":\"at/\\\"x\\\"\"}");
    message_close(m);
    free(made.p);
}

/* ---- text ---- */

static void test_text(void **state)
{
    (void)state;
    static const struct {
        const char *message, *expected;
    } rows[] = {
        {"", "Envelope-From: <a@x.test>\nEnvelope-To: <b@x.test>\n\n\n"},
        {"Subject: s\n\nbody\n", "Subject: s\n\nbody\n\n"},
        {"Subject: s\n\nno line end", "Subject: s\n\nno line end\n\n"},
        {"Subject: s\n\ntwo\n\n\n", "Subject: s\n\ntwo\n\n\n\n"},
        {"Subject: s\nDate: Tue, 24 Nov 2026 04:12:00 +0100\nMessage-ID: <1>\nReply-To: R <r@x.test>\nCc: c@x.test, "
         "d@x.test\n"
         "To: b@x.test\nBcc: no\nFrom: =?utf-8?q?Gr=C3=BC=C3=9Fe?= <a@x.test>\n\nx\n",
         "Envelope-From: <a@x.test>\nEnvelope-To: <b@x.test>\nFrom: Gr\xc3\xbc\xc3\x9f"
         "e <a@x.test>\nTo: b@x.test\n"
         "Cc: c@x.test, d@x.test\nReply-To: R <r@x.test>\nSubject: s\n\nx\n\n"},
        {"From: \"Example, Ann\" <a@x.test>\n\n", "From: \"Example, Ann\" <a@x.test>\n\n\n"},
        {"From: =?utf-8?q?a=40b?= <a@x.test>\n\n", "From: \"a@b\" <a@x.test>\n\n\n"},
        {"From: Plain Name <a@x.test>\n\n", "From: Plain Name <a@x.test>\n\n\n"},
        {"Content-Type: text/html\n\n<p>only</p>\n", "Text-From: html\n\nonly\n\n"},
        {ALTERNATIVE PART("text/plain", "", "one") PART("text/html", "", "<2>") "--b--\n", "\none\n\n"},
        {MIXED PART("text/plain", "", "one") PART("a/b", "", "12345")
             PART("Image/PNG; name=\"x y.png\"", "", "1") "--b--\n",
         "\none\n\nAttachment: a/b, 5 octets\nAttachment: image/png, 1 octets, x y.png\n\n"},
        {"\none\nbegin 644 a.txt\n#86)C\n`\nend\n",
         "\none\n\nAttachment: application/octet-stream, 3 octets, a.txt\n\n"},
        {MIXED PART("a/b", "", "1") "--b--\n", "\n\nAttachment: a/b, 1 octets\n\n"},
        /* nothing a terminal would obey, and nothing that makes a line of its own */
        {"Subject: =?utf-8?q?a=1B[31m=0Ab=09c=7F=E2=80=AE=E2=80=8B=C2=9B?=\n\n",
         "Subject: a\\x1b[31m\\x0ab\\x09c\\x7f\\xe2\\x80\\xae\\xe2\\x80\\x8b\\xc2\\x9b\n\n\n"},
        {"From: =?utf-8?q?a=0ASubject:_forged?= <a@x.test>\n\n", "From: \"a\\x0aSubject: forged\" <a@x.test>\n\n\n"},
        {"Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\n\n"
         "=1B[2J=07=08=0D=0Ax=0Dy=00\t=E2=80=AE=E2=80=8B=C2=9B=\n",
         "\n\\x1b[2J\\x07\\x08\nx\\x0dy\\x00\t\\xe2\\x80\\xae\\xe2\\x80\\x8b\\xc2\\x9b\n\n"},
        {MIXED PART("a/b", "Content-Disposition: attachment; filename*=utf-8''a%0Ab%1B%E2%80%AEcod.exe\n",
                    "1") "--b--\n",
         "Attachment: a/b, 1 octets, a\\x0ab\\x1b\\xe2\\x80\\xaecod.exe\n\n"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *got = text(rows[i].message);
        size_t n = strlen(got), k = strlen(rows[i].expected);
        if (n < k || strcmp(got + n - k, rows[i].expected) != 0)
            fail_msg("row %zu: %s\nnot %s", i, got, rows[i].expected);
    }
    has_in(text("\r\nline\r\nline\r\n"), "\n\nline\nline\n\n");
}

static void test_text_of_envelope(void **state)
{
    (void)state;
    struct received m = base("\n", 1);
    size_t n;
    m.mail.sender = (struct span){NULL, 0};
    struct mail_recipient all[] = {
        {.address = span_of("a\x1b@x")}, {.address = span_of("\xe2\x80\xae@x")}, {.address = span_of("c\n@x")}};
    m.mail.recipients = all;
    m.mail.n_recipients = 3;
    assert_string_equal(made_of(&m, true, &n),
                        "Envelope-From: <>\nEnvelope-To: <a\\x1b@x>, <\\xe2\\x80\\xae@x>, <c\\x0a@x>\n\n\n");
}

/* What differs from run to run is not there. */
static void test_text_is_the_same(void **state)
{
    (void)state;
    static const char one[] = "Date: Tue, 24 Nov 2026 04:12:00 +0100\nMessage-ID: <1@x>\nSubject: s\n"
                              "Content-Type: multipart/mixed; boundary=b\n\n--b\n\nx\n--b--\n",
                      other[] = "Date: Wed, 25 Nov 2026 04:12:00 +0100\nMessage-ID: <2@x>\nSubject: s\n"
                                "Content-Type: multipart/mixed; boundary=c\n\n--c\n\nx\n--c--\n";
    struct received a = base(one, sizeof one - 1), b = base(other, sizeof other - 1);
    b.mail.time++;
    b.mail.n++;
    b.mail.port++;
    b.mail.file = "mail/0002.eml";
    b.mail.address = "::1";
    size_t n;
    char *first = strdup(made_of(&a, true, &n));
    assert_string_equal(first, made_of(&b, true, &n));
    free(first);
}

/* ---- memory ---- */

static void test_memory_runs_out(void **state)
{
    (void)state;
    static const char message[] =
        "From: A <a@x>\nTo: b@x\nBcc: c@x\nSubject: s\n" RELATED("; start=\"<r>\"") PART("text/plain", ID("r"), "one")
            PART("a/b; name*0=\"=?a?q?n\"; name*1=\"?=\"", "", "x") PART("text/html", "", "<p>") "--b--\n";
    struct received m = base(message, sizeof message - 1);
    for (int how = 0; how < 6; how++) {
        memory_returns = how % 2 == 0;
        for (memory_fails_at = 1;; memory_fails_at++) {
            struct text made = {NULL, 0, 0, false};
            memory_requests = 0;
            if (how / 2 == 0)
                make_text(&made, &m);
            else if (how / 2 == 1)
                make_json(&made, &m);
            else
                make_page(&made, &m);
            free(made.p);
            if (memory_requests < memory_fails_at)
                break;
            assert_true(made.failed);
        }
        assert_true(memory_fails_at > 5);
    }
    memory_fails_at = 0;
    memory_returns = false;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing),
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_known),
        cmocka_unit_test(test_each_octet_of_the_envelope),
        cmocka_unit_test(test_each_octet_of_the_message),
        cmocka_unit_test(test_each_octet_raw),
        cmocka_unit_test(test_characters),
        cmocka_unit_test(test_params),
        cmocka_unit_test(test_senders_and_recipients),
        cmocka_unit_test(test_headers),
        cmocka_unit_test(test_names_that_are_no_text),
        cmocka_unit_test(test_many_fields),
        cmocka_unit_test(test_bodies),
        cmocka_unit_test(test_links),
        cmocka_unit_test(test_decoded),
        cmocka_unit_test(test_attachment),
        cmocka_unit_test(test_suffix),
        cmocka_unit_test(test_what_people_reach_for),
        cmocka_unit_test(test_saved_path),
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_text_of_envelope),
        cmocka_unit_test(test_text_is_the_same),
        cmocka_unit_test(test_memory_runs_out),
    };
    return cmocka_run_group_tests_name("messages as JSON and as text", tests, NULL, NULL) != 0;
}
