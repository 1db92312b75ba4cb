/* SPDX-License-Identifier: ISC */
/*
 * test_match.c - what a message must be like to count, and the list of those
 * that came.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mail/inside.h"
#include "report/inside.h"
#include "tests/unit/memory.h"

enum { MAX = 8, LONG = 300000 /* octets of a line */ };

static struct mail_recipient usual_recipients[] = {{.address = {"b@x.test", 8}}, {.address = {"c@y.test", 8}}};

static const struct mail usual = {
    .sender = {"a@x.test", 8},
    .recipients = usual_recipients,
    .n_recipients = 2,
    .fits = 1,
    .helo = {"app.test", 8},
    .address = "127.0.0.1",
};

static bool had_none; /* the last one that failed has no such thing */

/* Holds a message against these, up to NULL; returns which one it fails, or NULL.  had is valid until the next call. */
static const char *failed(const char *const *texts, struct span octets, const struct mail *mail, struct text *had)
{
    struct match matches[MAX];
    size_t n = 0;
    const char *at, *why;
    for (; texts[n] != NULL; n++) {
        if (match_parse(&matches[n], texts[n], &at, &why) < 0)
            fail_msg("%s: at %td: expected %s", texts[n], at - texts[n], why);
    }
    struct message *m = message_open(octets);
    assert_non_null(m);
    struct mail judged = *mail;
    judged.fits = 1;
    match_all(matches, n, m, &judged, had);
    assert_false(had->failed);
    message_close(m);
    had_none = judged.has_none;
    const struct match *found = judged.failed;
    const char *text = found != NULL ? found->text : NULL;
    assert_true(found == NULL || (found >= matches && found < matches + n));
    assert_int_equal(judged.fits, found == NULL);
    for (size_t i = 0; i < n; i++)
        match_close(&matches[i]);
    return text;
}

static bool holds_for(const char *text, struct span octets, const struct mail *mail)
{
    const char *const texts[] = {text, NULL};
    struct text had = {NULL, 0, 0, false};
    const char *found = failed(texts, octets, mail, &had);
    free(had.p);
    assert_true(found == NULL || found == text);
    return found == NULL;
}

/* ---- fields ---- */

#define ALTERNATIVE(text, html) \
    "Content-Type: multipart/alternative; boundary=b\n\n--b\n\n" text "\n--b\nContent-Type: text/html\n\n" html \
    "\n--b--\n"
#define PART(headers, body) \
    "Content-Type: multipart/mixed; boundary=b\n\n--b\n\n\n--b\n" headers "\n\n" body "\n--b--\n"

static void test_fields(void **state)
{
    (void)state;
    static const struct {
        const char *match, *message;
        const char *had; /* NULL: it holds */
    } rows[] = {
        /* header fields */
        {"subject: hello", "Subject: Say Hello\n\n", NULL},
        {"SUBJECT: ^say", "sUbJeCt:   Say Hello\n\n", NULL},
        {"subject:^say hello$", "Subject: Say Hello\r\n\r\n", NULL},
        {"subject: bye", "Subject: Say Hello\n\n", "Say Hello"},
        {"subject: .", "From: a@x.test\n\nSubject: x\n", ""},
        {"subject: .", "", ""},
        {"subject: .", "Subject:\n\n", ""},
        {"subject: ^$", "Subject:\n\n", NULL},
        {"subject: ^$", "X: y\n\n", ""},
        {"subject: x", "Subject-X: x\nX-Subject: x\nSubjec: x\n\n", ""},
        {"x-tag: ^2$", "X-Tag: 1\nX-TAG: 2\nX-Tag: 3\n\n", NULL},
        {"x-tag: ^4$", "X-Tag: 1\nX-TAG: 2\nX-Tag: 3\n\n", "1, 2, 3"},
        {"x-tag: ^1, 2$", "X-Tag: 1\nX-TAG: 2\n\n", "1, 2"},
        {"subject: ^Gr\xc3\xbc\xc3\x9f"
         "e aus$",
         "Subject: =?utf-8?q?Gr=C3=BC?= =?iso-8859-1?q?=DFe?= aus\n\n", NULL},
        {"subject: utf-8", "Subject: =?utf-8?q?x?=\n\n", "x"},
        {"subject: ^one two three$", "Subject: one\n two\r\n\tthree\n\n", "one two\tthree"},
        {"subject: ^one two[[:blank:]]three$", "Subject: one\n two\r\n\tthree\n\n", NULL},
        {"subject: ^b", "Subject: =?utf-8?q?a=0Ab?=\n\n", NULL}, /* a line of its own */
        {"subject: ^a.*b$", "Subject: =?utf-8?q?a=00b?=\n\n", NULL},
        {"subject: ^a$", "Subject: =?utf-8?q?a=00b?=\n\n", "a"},
        {"from: ann.*<a@x", "From: \"Ann\" <a@x.test>\n\n", NULL},
        {"content-type: utf-8", "Content-Type: text/plain; charset=utf-8\n\n", NULL},
        {"subject: (a|b){2}\\.", "Subject: ab.\n\n", NULL},
        {"subject: a:b", "Subject: a:b\n\n", NULL},
        {"subject:   a  b ", "Subject: a  b c\n\n", NULL},
        {"from: outer", "From: outer\nContent-Type: message/rfc822\n\nFrom: inner\n\n", NULL},
        {"from: inner", "From: outer\nContent-Type: message/rfc822\n\nFrom: inner\n\n", "outer"},
        /* the envelope */
        {"mail-from: ^a@x\\.test$", "", NULL},
        {"MAIL-FROM: ^A@X", "", NULL},
        {"mail-from: ^$", "", "a@x.test"},
        {"mail-from: b", "Mail-From: b\n\n", "a@x.test"},
        {"rcpt-to: ^b@x", "", NULL},
        {"rcpt-to: ^c@y\\.test$", "", NULL},
        {"rcpt-to: d@", "Rcpt-To: d@x\n\n", "b@x.test, c@y.test"},
        {"rcpt-to: test, c", "", "b@x.test, c@y.test"},
        /* the body */
        {"body: token=[0-9]+", "Subject: s\n\nGo to\nhttp://x/?TOKEN=4711 now\n", NULL},
        {"body: ^two$", "\none\ntwo\nthree", NULL},
        {"body: ^three$", "\none\ntwo\nthree", NULL},
        {"body: ^one$", "\r\none\r\ntwo\r\n", NULL},
        {"body: one.*two", "\none\ntwo\n", "one two "},
        {"body: e two", "\none\ntwo\n", "one two "},
        {"body: ^$", "\none\n\ntwo\n", NULL},
        {"body: ^$", "\none\ntwo\n", "one two "},
        {"body: .", "Subject: s\n\n", ""},
        {"body: subject", "Subject: subject\n\nbody\n", "body "},
        {"body: in text", ALTERNATIVE("in text", "in html"), NULL},
        {"body: in html", ALTERNATIVE("in text", "in html"), NULL},
        {"body: ^in h", ALTERNATIVE("in text", "in html"), NULL},
        {"body: textin", ALTERNATIVE("in text", "in html"), "in textin html "},
        {"body: soft break$", "Content-Transfer-Encoding: quoted-printable\n\nso=66t =\nbreak\n", NULL},
        {"body: ^aGVsbG8", "Content-Transfer-Encoding: base64\n\naGVsbG8K\n", "hello "},
        {"body: ^hello$", "Content-Transfer-Encoding: base64\n\naGVsbG8K\n", NULL},
        {"body: ^hello$", "Content-Transfer-Encoding: base64\n\naGVsbG8\n", NULL},
        {"body: ^caf\xc3\xa9$", "Content-Type: text/plain; charset=iso-8859-1\n\ncaf\xe9\n", NULL},
        {"body: ^caf\xc3\xa9$",
         "Content-Type: text/plain; charset=utf-16le\nContent-Transfer-Encoding: base64\n\n"
         "YwBhAGYA6QAKAA==\n",
         NULL},
        {"body: ^a.*b$", "Content-Transfer-Encoding: quoted-printable\n\na=00b\n", NULL},
        {"body: a$", "Content-Transfer-Encoding: quoted-printable\n\nxa=00b\nx\n", "xa"},
        {"body: in a file", PART("Content-Disposition: attachment", "in a file"), ""},
        {"body: a&b", ALTERNATIVE("text", "<p>a&amp;b</p>"), NULL},
        {"text: ^in text$", ALTERNATIVE("in text", "in html"), NULL},
        {"text: html", ALTERNATIVE("in text", "in html"), "in text"},
        {"text: .", "Content-Type: text/html\n\nx\n", ""},
        {"text: &amp;", "\n&amp;\n", NULL},
        {"html: in html", ALTERNATIVE("in text", "in html"), NULL},
        {"html: text", ALTERNATIVE("in text", "in html"), "in html"},
        {"html: .", "\n<p>x\n", ""},
        {"html: ^<p>\xe2\x82\xac 5\\s& \xc3\xbc\\s\"'$",
         "Content-Type: text/html\n\n<p>&euro;&#32;5&nbsp;&amp; &#xFC;&nbsp;&quot;&apos;\n", NULL},
        {"html: ^&copy=1&unknown;&;&#;&#x;&$", "Content-Type: text/html\n\n&copy=1&unknown;&;&#;&#x;&\n", NULL},
        {"html: ^\xef\xbf\xbd\xe2\x82\xac\xef\xbf\xbd$", "Content-Type: text/html\n\n&#0;&#128;&#9999999;", NULL},
        /* the header as a whole */
        {"header: ^x-tag: 2$", "X-Tag: 1\nX-TAG: 2\n\n", NULL},
        {"header: ^subject: gr\xc3\xbcn$", "From: a\nSubject: =?utf-8?q?gr=C3=BCn?=\n\n", NULL},
        {"header: ^x: one two$", "X: one\n two\n\n", NULL},
        {"header: y", "X: 1\nZ: 2\n\ny", "X: 1\nZ: 2\n"},
        {"header: .", "\n", ""},
        /* the client */
        {"client-helo: ^app\\.test$", "", NULL},
        {"client-helo: x", "", "app.test"},
        {"client-address: ^127\\.", "", NULL},
        {"client-address: x", "", "127.0.0.1"},
        {"client-auth: .", "", ""},
        {"client-tls: .", "", ""},
        /* attachments */
        {"attachment: ^terms\\.pdf$", PART("Content-Disposition: attachment; filename=terms.pdf", "x"), NULL},
        {"attachment: \\.PDF$", PART("Content-Type: a/b; name=\"terms.pdf\"", "x"), NULL},
        {"attachment: ^\xe2\x82\xac rates$",
         PART("Content-Disposition: attachment; filename*=utf-8''%e2%82%ac%20rates", "x"), NULL},
        {"attachment: ^abc\\.txt$",
         PART("Content-Disposition: attachment;\n filename*0=a; filename*1=\"bc\";\n filename*2=.txt", "x"), NULL},
        {"attachment: ^gr\xc3\xbcn$", PART("Content-Type: a/b; name=\"=?iso-8859-1?q?gr=FCn?=\"", "x"), NULL},
        {"attachment: x", PART("Content-Disposition: attachment; filename=terms.pdf", "x"), "terms.pdf"},
        {"attachment: .", PART("Content-Type: a/b", "x"), ""},
        {"attachment: .", "\nbody\n", ""},
        {"attachment: .", "Content-Type: text/plain; name=body.txt\n\nbody\n", ""},
        {"attachment: ^$", "\nbody\n", ""},
        {"attachment: two",
         "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: a/b; name=one\n\n--b\nContent-Type: a/b\n\n"
         "--b\nContent-Type: a/b; name=two\n\n--b--\n",
         NULL},
        {"attachment: three",
         "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: a/b; name=one\n\n--b\nContent-Type: a/b\n\n"
         "--b\nContent-Type: a/b; name=two\n\n--b--\n",
         "one, two"},
    };
    struct text had = {NULL, 0, 0, false};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *const texts[] = {rows[i].match, NULL};
        size_t n = strlen(rows[i].message);
        char *exact = malloc(n + (n == 0)); /* so that reading past the end is seen */
        assert_non_null(exact);
        memcpy(exact, rows[i].message, n);
        const char *found = failed(texts, (struct span){exact, n}, &usual, &had);
        free(exact);
        if ((found == NULL) != (rows[i].had == NULL))
            fail_msg("row %zu, %s: %s", i, rows[i].match, found == NULL ? "holds" : "does not hold");
        size_t length = rows[i].had != NULL ? strlen(rows[i].had) : 0;
        if (rows[i].had != NULL && (had.n < length || memcmp(had.p, rows[i].had, length) != 0))
            fail_msg("row %zu, %s: had %.*s", i, rows[i].match, (int)had.n, had.p);
        if (rows[i].had != NULL && had.n != length && memchr(had.p, '\0', had.n) == NULL)
            fail_msg("row %zu, %s: had %.*s", i, rows[i].match, (int)had.n, had.p);
    }
    free(had.p);
}

/* As it is when nothing has been put there. */
static void test_null_path(void **state)
{
    (void)state;
    struct mail mail = usual;
    mail.sender = (struct span){NULL, 0};
    assert_true(holds_for("mail-from: ^$", (struct span){"", 0}, &mail));
    assert_false(holds_for("mail-from: .", (struct span){"", 0}, &mail));
    mail.sender.p = "";
    assert_true(holds_for("mail-from: ^$", (struct span){"", 0}, &mail));
    mail.n_recipients = 0;
    mail.recipients = NULL;
    assert_false(holds_for("rcpt-to: ^", (struct span){"", 0}, &mail));
}

static void test_all_must_hold(void **state)
{
    (void)state;
    static const char message[] = "From: Ann\nSubject: s\n\nbody\n";
    static const char *const texts[][5] = {
        {"from: ann", "subject: s", "body: body", "rcpt-to: b", NULL},
        {"from: bob", "subject: s", "body: body", "rcpt-to: b", NULL},
        {"from: ann", "subject: t", "body: nobody", "rcpt-to: b", NULL},
        {"from: ann", "subject: s", "body: nobody", "mail-from: ^$", NULL},
        {"from: ann", "subject: s", "body: body", "mail-from: ^$", NULL},
        {NULL},
    };
    static const char *const had_instead[] = {NULL, "Ann", "s", "body ", "a@x.test", NULL};
    struct text had = {NULL, 0, 0, false};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        const char *found = failed(texts[i], (struct span){message, sizeof message - 1}, &usual, &had);
        assert_ptr_equal(found, i == 0 || i == 5 ? NULL : texts[i][i - 1]);
        if (had_instead[i] != NULL) {
            assert_int_equal(had.n, strlen(had_instead[i]));
            assert_memory_equal(had.p, had_instead[i], had.n);
        }
    }
    free(had.p);
}

/* A message that --not finds something in is shown the line, not the beginning of the text. */
static void test_where_not_found_something(void **state)
{
    (void)state;
    static const struct {
        const char * not, *message, *had;
    } rows[] = {
        {"body: \\{\\{", "\nHello\n\nDear {{name}},\nbye\n", "Dear {{name}},"},
        {"body: bye$", "\nHello\nbye\n", "bye"},
        {"body: bye", "\nHello\nbye", "bye"},
        {"body: ^$", "\nHello\n\nbye\n", ""},
        {"text: \\{\\{", ALTERNATIVE("in {{text}}", "in html"), "in {{text}}"},
        {"html: \\{\\{", ALTERNATIVE("in text", "<p>in {{html}}</p>"), "<p>in {{html}}</p>"},
        {"subject: s", "Subject: less\n\n", "less"},
    };
    struct text had = {NULL, 0, 0, false};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct match match;
        struct mail mail = usual;
        const char *at, *why;
        assert_int_equal(match_parse(&match, rows[i].not, &at, &why), 0);
        match.inverted = true;
        struct message *m = message_open(span_of(rows[i].message));
        assert_non_null(m);
        match_all(&match, 1, m, &mail, &had);
        assert_ptr_equal(mail.failed, &match);
        assert_false(mail.has_none);
        assert_int_equal(mail.had.n, strlen(rows[i].had));
        assert_memory_equal(mail.had.p, rows[i].had, mail.had.n);
        message_close(m);
        match_close(&match);
    }
    free(had.p);
}

/* Of a long line it is the end, whole characters. */
static void test_where_not_found_something_in_a_long_line(void **state)
{
    (void)state;
    for (size_t shift = 0; shift < 3; shift++) {
        struct match match;
        struct mail mail = usual;
        struct text text = {NULL, 0, 0, false}, had = {NULL, 0, 0, false};
        const char *at, *why;
        text_add(&text, "\nxxx", 1 + shift);
        for (size_t i = 0; i < 5000; i++)
            text_add_string(&text, i == 3000 ? "{{name}}" : "\xe2\x82\xac");
        assert_false(text.failed);
        assert_int_equal(match_parse(&match, "body: \\{\\{", &at, &why), 0);
        match.inverted = true;
        struct message *m = message_open(text_span(&text));
        assert_non_null(m);
        match_all(&match, 1, m, &mail, &had);
        text_add(&had, "", 1);
        assert_false(had.failed);
        assert_true(had.n <= MATCH_TEXT_SHOWN + 1 && had.n > MATCH_TEXT_SHOWN - 4);
        assert_non_null(strstr(had.p, "\xac{{"));
        assert_true(utf8_is_valid((struct span){had.p, had.n}));
        message_close(m);
        match_close(&match);
        free(had.p);
        free(text.p);
    }
}

/* ---- long lines ---- */

static char *a_line(size_t n, size_t at, const char *what)
{
    char *message = malloc(n + 2);
    assert_non_null(message);
    memset(message, 'a', n + 2);
    message[0] = message[n + 1] = '\n';
    if (what != NULL)
        memcpy(message + 1 + at, what, strlen(what));
    return message;
}

static bool holds_for_line(const char *match, size_t n, size_t at, const char *what)
{
    char *message = a_line(n, at, what);
    bool found = holds_for(match, (struct span){message, n + 2}, &usual);
    bool whole = holds_for(match, (struct span){message, n + 1}, &usual); /* the last line, without its end */
    free(message);
    assert_int_equal(found, whole);
    return found;
}

/* A line may be longer than anything that it is read in. */
static void test_long_lines(void **state)
{
    (void)state;
    for (size_t at = LONG - 20000; at < LONG - 10000; at += 997)
        assert_true(holds_for_line("body: needle", LONG, at, "needle"));
    assert_false(holds_for_line("body: needle", LONG, LONG / 2, "needlx"));
    assert_true(holds_for_line("body: needle$", LONG, LONG - 6, "needle"));
    assert_false(holds_for_line("body: needle$", LONG, LONG - 7, "needle"));
    assert_false(holds_for_line("body: ^b", LONG, LONG / 2, "b"));
    assert_true(holds_for_line("body: ^aab", LONG, 2, "b"));
    assert_true(holds_for_line("body: ^a+$", LONG, 0, NULL));
    assert_true(holds_for_line("body: ^begin$", LONG, LONG / 2, "\nbegin\nx"));
}

static void test_many_nuls(void **state)
{
    (void)state;
    size_t n = 3 * LONG;
    char *message = calloc(n, 1);
    assert_non_null(message);
    message[0] = '\n';
    memcpy(message + n - 7, "needle", 6);
    assert_true(holds_for("body: needle", (struct span){message, n}, &usual));
    assert_false(holds_for("body: thread", (struct span){message, n}, &usual));
    free(message);
}

/* What is told of the body is how it begins. */
static void test_value_of_a_long_body(void **state)
{
    (void)state;
    const char *const texts[] = {"body: x", NULL};
    struct text had = {NULL, 0, 0, false};
    char *message = a_line(100000, 0, NULL);
    (void)failed(texts, (struct span){message, 100002}, &usual, &had);
    assert_int_equal(had.n, MATCH_TEXT_SHOWN);
    for (size_t i = 0; i < had.n; i++)
        assert_int_equal(had.p[i], 'a');
    for (size_t i = 1; i < 100000; i += 2)
        message[i] = '\n';
    (void)failed(texts, (struct span){message, 100002}, &usual, &had);
    assert_true(had.n <= 2 * MATCH_TEXT_SHOWN);
    free(message);
    free(had.p);
}

/* Nor is a character of it cut. */
static void test_value_is_whole_characters(void **state)
{
    (void)state;
    const char *const texts[] = {"body: x", NULL};
    struct text had = {NULL, 0, 0, false};
    char message[1 + 3 * 60 + 1];
    for (size_t shift = 0; shift < 3; shift++) {
        message[0] = '\n';
        memset(message + 1, 'a', shift);
        for (size_t i = 0; i < 50; i++)
            memcpy(message + 1 + shift + 3 * i, "\xe2\x82\xac", 3);
        (void)failed(texts, (struct span){message, 1 + shift + 150}, &usual, &had);
        assert_true(had.n <= MATCH_TEXT_SHOWN && had.n > MATCH_TEXT_SHOWN - 4);
        assert_int_equal(had.n % 3, shift);
    }
    free(had.p);
}

/* ---- malformed ones ---- */

static void test_malformed(void **state)
{
    (void)state;
    static const char field[] = "a header field, mail-from, rcpt-to, body, text, html or attachment",
                      colon[] = "a colon and a regular expression",
                      regex[] = "a regular expression; a dot matches anything",
                      open[] = "a ) for this (; \\( is the character";
    static const struct {
        const char *text;
        ptrdiff_t at;
        const char *why;
    } rows[] = {
        {"", 0, field},
        {": x", 0, field},
        {" subject: x", 0, field},
        {"\xc3\xbc: x", 0, field},
        {"subject", 7, colon},
        {"subject x", 7, colon},
        {"subject : x", 7, colon},
        {"mail from: x", 4, colon},
        {"s\xc3\xbc: x", 1, colon},
        {"s\x7f: x", 1, colon},
        {"subject:", 8, regex},
        {"subject:   ", 11, regex},
        {"subject: (", 10, "an expression here"},
        {"subject: a(b", 10, open},
        {"subject: (a)(b", 12, open},
        {"subject:ab[c", 10, "] at the end of the brackets; \\[ is the character"},
        {"rcpt: x", 0, "rcpt-to"},
        {"helo: x", 0, "client-helo"},
        {"From-Address: x", 0, "from, or mail-from for the envelope"},
        {"rcpt-too: x", 0, "rcpt-to"},
        {"text-body: x", 0, "text"},
        {"attachments: x", 0, "attachment"},
        {"client-ip: x", 0, "client-helo, client-address, client-auth or client-tls"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct match m;
        const char *at = NULL, *why = NULL;
        if (match_parse(&m, rows[i].text, &at, &why) == 0)
            fail_msg("%s: is good", rows[i].text);
        if (at - rows[i].text != rows[i].at || why == NULL || strcmp(why, rows[i].why) != 0)
            fail_msg("%s: at %td: \"%s\"", rows[i].text, at - rows[i].text, why);
    }
}

static void test_kinds(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum match_kind kind;
        size_t field;
    } rows[] = {
        {"subject: x", MATCH_FIELD, 7},
        {"mail-from:x", MATCH_MAIL_FROM, 9},
        {"Rcpt-To: x", MATCH_RCPT_TO, 7},
        {"BODY: x", MATCH_BODY, 4},
        {"attachment: x", MATCH_ATTACHMENT, 10},
        {"mail-from-x: x", MATCH_FIELD, 11},
        {"header: x", MATCH_HEADER, 6},
        {"text: x", MATCH_TEXT, 4},
        {"html: x", MATCH_HTML, 4},
        {"client-helo: x", MATCH_CLIENT_HELO, 11},
        {"client-address: x", MATCH_CLIENT_ADDRESS, 14},
        {"client-auth: x", MATCH_CLIENT_AUTH, 11},
        {"client-tls: x", MATCH_CLIENT_TLS, 10},
        {"content-type: x", MATCH_FIELD, 12},
        {"mailing-list: x", MATCH_FIELD, 12},
        {"user-agent: x", MATCH_FIELD, 10},
        {"bod: x", MATCH_FIELD, 3},
        {"!#$%&'*+-/^_`{|}~.: x", MATCH_FIELD, 18},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct match m;
        const char *at, *why;
        assert_int_equal(match_parse(&m, rows[i].text, &at, &why), 0);
        assert_ptr_equal(m.text, rows[i].text);
        assert_ptr_equal(m.field.p, rows[i].text);
        assert_int_equal(m.field.n, rows[i].field);
        assert_int_equal(m.kind, rows[i].kind);
        match_close(&m);
    }
}

/* ---- memory ---- */

/* It is always told, whatever memory was wanted for; had has some already, as it is used again. */
static void check_memory(const char *text, const char *message)
{
    struct match match;
    const char *at, *why;
    size_t told = 0;
    assert_int_equal(match_parse(&match, text, &at, &why), 0);
    for (bool again = true; again;) {
        struct text had = {NULL, 0, 0, false};
        text_add(&had, "room for a value, which it is", 29);
        memory_requests = 0;
        memory_fails_at = told + 1;
        struct message *m = message_open((struct span){message, strlen(message)});
        struct mail mail = usual;
        if (m != NULL)
            match_all(&match, 1, m, &mail, &had);
        had.failed = had.failed || m == NULL;
        assert_ptr_equal(mail.failed, m != NULL ? &match : NULL);
        again = memory_requests >= memory_fails_at;
        memory_fails_at = 0;
        if (had.failed != again)
            fail_msg("%s: %s was not told of", text, again ? "a failure" : "success");
        told++;
        message_close(m);
        free(had.p);
    }
    assert_true(told > 1);
    match_close(&match);
}

static void test_memory_runs_out(void **state)
{
    (void)state;
    check_memory("subject: zz", "Subject: s\n\n");
    check_memory("mail-from: zz", "");
    check_memory("rcpt-to: zz", "");
    check_memory("body: zz", "\none line\n");
    check_memory("attachment: zz", PART("Content-Disposition: attachment; filename=terms.pdf", "x"));
}

/* As it is of a part, the line end belonging to the boundary. */
static void test_memory_runs_out_for_a_line_without_an_end(void **state)
{
    (void)state;
    check_memory("body: zz", "\none line without an end");
    check_memory("body: zz", ALTERNATIVE("one", "two"));
}

/* ---- the listing ---- */

static void test_listing(void **state)
{
    (void)state;
    static const struct {
        const char *sender, *recipient;
        size_t n_recipients;
        const char *head, *failed, *had, *line;
    } rows[] = {
        {"a@x", "b@x", 1, "Subject: Hello\n\n", NULL, "", "from <a@x> to <b@x>, subject \"Hello\""},
        {"", "b@x", 2, "Subject: Hello\n\n", NULL, "", "from <> to <b@x> and 1 more, subject \"Hello\""},
        {"a@x", "b@x", 3, "\n", NULL, "", "from <a@x> to <b@x> and 2 more, no subject"},
        {"a@x", "b@x", 1, "", NULL, "", "from <a@x> to <b@x>, no subject"},
        {"a@x", "b@x", 1, "To: x\n\nSubject: no\n", NULL, "", "from <a@x> to <b@x>, no subject"},
        {"a@x", "b@x", 1, "Subject:\n\n", NULL, "", "from <a@x> to <b@x>, subject \"\""},
        {"a@x", "b@x", 1, "sUBJECT: =?utf-8?q?Gr=C3=BC?=\n =?utf-8?q?=C3=9Fe?=\n\n", NULL, "",
         "from <a@x> to <b@x>, subject \"Gr\xc3\xbc\xc3\x9f"
         "e\""},
        {"a@x", "b@x", 1, "Subject: =?utf-8?q?=1B[31m=0A=00=E2=80=AE\\?=\n\n", NULL, "",
         "from <a@x> to <b@x>, subject \"\\x1b[31m\\x0a\\x00\\xe2\\x80\\xae\\\\\""},
        {"\x1b@x", "\n@x", 1, "Subject: s", NULL, "", "from <\\x1b@x> to <\\x0a@x>, subject \"s\""},
        {"a@x", "b@x", 1, "Subject: s\n\n", "subject: t", "s",
         "from <a@x> to <b@x>, subject \"s\": fails --match 'subject: t', as it has \"s\""},
        {"a@x", "b@x", 1, "Subject: s\n\n", "x-tag: t", NULL,
         "from <a@x> to <b@x>, subject \"s\": fails --match 'x-tag: t', as it has none"},
        {"a@x", "b@x", 1, "Subject: s\n\n", "x-tag: t", "",
         "from <a@x> to <b@x>, subject \"s\": fails --match 'x-tag: t', as it has \"\""},
        {"a@x", "b@x", 1, "Subject: s\n\n", "body: t", "\x1b\xff",
         "from <a@x> to <b@x>, subject \"s\": fails --match 'body: t', as it has \"\\x1b\\xff\""},
    };
    struct listing l = {.n = 0};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct mail_recipient recipients[3] = {{.address = span_of(rows[i].recipient)}};
        const struct match match = {.text = rows[i].failed};
        struct mail mail = {
            .sender = {rows[i].sender, strlen(rows[i].sender)},
            .recipients = recipients,
            .n_recipients = rows[i].n_recipients,
            .fits = rows[i].failed == NULL,
            .failed = &match,
            .had = {rows[i].had, rows[i].had != NULL ? strlen(rows[i].had) : 0},
            .has_none = rows[i].had == NULL,
        };
        listing_add(&l, &mail, (struct span){rows[i].head, strlen(rows[i].head)});
        assert_int_equal(l.n, i + 1);
        assert_string_equal(l.lines[i], rows[i].line);
    }
    assert_int_equal(l.more, 0);
    listing_close(&l);
    assert_int_equal(l.n, 0);
}

static void test_listing_of_several_expectations(void **state)
{
    (void)state;
    struct listing l = {.several = true};
    const struct match match = {.text = "body: t", .inverted = true, .expectation = 1};
    struct mail mail = usual;
    mail.failed = &match;
    mail.had = (struct span){"t", 1};
    static const struct {
        uint64_t fits;
        const char *end;
    } rows[] = {
        {0, ": closest to expectation 2, but fails --not 'body: t', as it has \"t\""},
        {1, ": counts for expectation 1"},
        {(uint64_t)1 << 63, ": counts for expectation 64"},
        {7, ": counts for expectations 1, 2, 3"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        mail.fits = rows[i].fits;
        listing_add(&l, &mail, (struct span){"\n", 1});
        assert_int_equal(l.n, i + 1);
        assert_string_equal(strstr(l.lines[i], "subject") + strlen("subject"), rows[i].end);
    }
    listing_close(&l);
}

/* The closest expectation is the one of which most holds, the first of equals. */
static void test_several_expectations(void **state)
{
    (void)state;
    static const struct {
        const char *matches[MAX]; /* each with the digit of its expectation in front */
        uint64_t fits;
        const char *failed;
    } rows[] = {
        {{"0subject: s", "1subject: s"}, 3, NULL},
        {{"0subject: s", "1subject: t"}, 1, "subject: t"},
        {{"0subject: t", "1subject: u"}, 0, "subject: t"},
        {{"0subject: t", "1from: ann", "1subject: u"}, 0, "subject: u"},
        {{"0from: bob", "0subject: s", "1from: ann", "1subject: u"}, 0, "from: bob"},
        {{"0from: ann", "0subject: t", "0body: b", "1subject: s", "1from: bob"}, 0, "subject: t"},
        {{"0from: bob", "2subject: s"}, 6, "from: bob"},
    };
    static const char message[] = "From: Ann\nSubject: s\n\nbody\n";
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct match matches[MAX];
        size_t n = 0;
        const char *at, *why;
        for (; rows[i].matches[n] != NULL; n++) {
            assert_int_equal(match_parse(&matches[n], rows[i].matches[n] + 1, &at, &why), 0);
            matches[n].expectation = (unsigned)(rows[i].matches[n][0] - '0');
        }
        struct mail mail = usual;
        struct text had = {NULL, 0, 0, false};
        mail.fits = matches[n - 1].expectation == 2 ? 7 : 3;
        struct message *m = message_open((struct span){message, sizeof message - 1});
        assert_non_null(m);
        match_all(matches, n, m, &mail, &had);
        assert_int_equal(mail.fits, rows[i].fits);
        if (rows[i].failed != NULL)
            assert_string_equal(mail.failed->text, rows[i].failed);
        message_close(m);
        free(had.p);
        for (size_t k = 0; k < n; k++)
            match_close(&matches[k]);
    }
}

/* What a client sends makes a line of limited length. */
static void test_listing_of_long_texts(void **state)
{
    (void)state;
    struct listing l = {.n = 0};
    char long_text[5000], head[6000];
    memset(long_text, 'x', sizeof long_text - 1);
    long_text[sizeof long_text - 1] = '\0';
    snprintf(head, sizeof head, "Subject: %s\n\n", long_text);
    struct mail mail = {.sender = {long_text, sizeof long_text - 1}, .n_recipients = 1};
    struct mail_recipient recipient = {.address = mail.sender};
    mail.recipients = &recipient;
    const struct match match = {.text = "subject: y"};
    mail.failed = &match;
    mail.had = mail.sender;
    listing_add(&l, &mail, (struct span){head, strlen(head)});
    assert_int_equal(l.n, 1);
    assert_true(strlen(l.lines[0]) < 4 * LISTING_TEXT_MAX + 100);
    const char *dots = l.lines[0];
    for (int i = 0; i < 4; i++) {
        dots = strstr(dots, "x...");
        assert_non_null(dots);
        dots++;
    }
    mail.sender = mail.had = (struct span){NULL, 0};
    mail.has_none = true;
    mail.n_recipients = 0;
    mail.recipients = NULL;
    listing_add(&l, &mail, (struct span){NULL, 0});
    assert_string_equal(l.lines[1], "from <>, no subject: fails --match 'subject: y', as it has none");
    listing_close(&l);
}

/* A head that is cut off says nothing about what comes later. */
static void test_listing_of_a_large_head(void **state)
{
    (void)state;
    struct listing l = {.n = 0};
    char head[MAIL_HEAD_MAX];
    memset(head, 'x', sizeof head);
    memcpy(head, "A: ", 3);
    listing_add(&l, &usual, (struct span){head, sizeof head});
    listing_add(&l, &usual, (struct span){head, sizeof head - 1});
    assert_string_equal(l.lines[0], "from <a@x.test> to <b@x.test> and 1 more, no subject in its first 8192 octets");
    assert_string_equal(l.lines[1], "from <a@x.test> to <b@x.test> and 1 more, no subject");
    listing_close(&l);
}

static void test_listing_is_full(void **state)
{
    (void)state;
    struct listing l = {.n = 0};
    for (uint64_t i = 1; i <= LISTING_MAX + 3; i++) {
        assert_int_equal(listing_has_room(&l), i <= LISTING_MAX);
        listing_add(&l, &usual, (struct span){"\n", 1});
        assert_int_equal(l.n, i <= LISTING_MAX ? i : LISTING_MAX);
        assert_int_equal(l.more, i <= LISTING_MAX ? 0 : i - LISTING_MAX);
    }
    assert_string_equal(l.lines[LISTING_MAX - 1], "from <a@x.test> to <b@x.test> and 1 more, no subject");
    listing_close(&l);
}

/* One that cannot be told of is counted; none is told of in part. */
static void check_listing_without_memory(const char *head)
{
    struct listing l = {.n = 0};
    for (memory_fails_at = 1;; memory_fails_at++) {
        memory_requests = 0;
        listing_add(&l, &usual, (struct span){head, strlen(head)});
        if (memory_requests < memory_fails_at)
            break;
        assert_int_equal(l.n, 0);
        assert_int_equal(l.more, memory_fails_at);
    }
    assert_true(memory_fails_at > 1);
    memory_fails_at = 0;
    assert_int_equal(l.n, 1);
    listing_close(&l);
}

static void test_listing_without_memory(void **state)
{
    (void)state;
    check_listing_without_memory("\n");
}

static void test_listing_without_memory_for_a_subject(void **state)
{
    (void)state;
    check_listing_without_memory("Subject: s\n\n");
}

static int forget_to_fail(void **state)
{
    (void)state;
    memory_fails_at = 0;
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fields),
        cmocka_unit_test(test_null_path),
        cmocka_unit_test(test_all_must_hold),
        cmocka_unit_test(test_several_expectations),
        cmocka_unit_test(test_where_not_found_something),
        cmocka_unit_test(test_where_not_found_something_in_a_long_line),
        cmocka_unit_test(test_long_lines),
        cmocka_unit_test(test_many_nuls),
        cmocka_unit_test(test_value_of_a_long_body),
        cmocka_unit_test(test_value_is_whole_characters),
        cmocka_unit_test(test_malformed),
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_memory_runs_out),
        cmocka_unit_test(test_memory_runs_out_for_a_line_without_an_end),
        cmocka_unit_test(test_listing),
        cmocka_unit_test(test_listing_of_several_expectations),
        cmocka_unit_test(test_listing_of_long_texts),
        cmocka_unit_test(test_listing_of_a_large_head),
        cmocka_unit_test(test_listing_is_full),
        cmocka_unit_test_teardown(test_listing_without_memory, forget_to_fail),
        cmocka_unit_test_teardown(test_listing_without_memory_for_a_subject, forget_to_fail),
    };
    return cmocka_run_group_tests_name("messages that count", tests, NULL, NULL) != 0;
}
