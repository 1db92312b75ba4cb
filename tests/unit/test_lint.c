/* SPDX-License-Identifier: ISC */
/*
 * test_lint.c - what is odd about a message, and what is not.
 *
 * Each row runs with lines that end in LF and again with CRLF, decoded for its
 * problems and again as JSON: that must note the same.  So must each of the
 * messages that are given as files.
 *
 *     test_lint FILE ...
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mail/inside.h"

#define TEXT_OF(text) text, sizeof(text) - 1
#define FROM "From: Ann <a@x.test>\n"
#define DATE "Date: Tue, 24 Nov 2026 04:12:00 +0100\n"
#define ID "Message-ID: <1@x.test>\n"
#define HEAD FROM "To: b@x.test\n" DATE ID "Subject: s\n"
#define MIME HEAD "MIME-Version: 1.0\n"
#define X10 "xxxxxxxxxx"
#define X60 X10 X10 X10 X10 X10 X10
#define A20 "AAAAAAAAAAAAAAAAAAAA"
#define BASE64 MIME "Content-Type: a/b\nContent-Transfer-Encoding: base64\n\n"
#define QP MIME "Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\n\n"
#define MULTI(type, parts) MIME "Content-Type: multipart/" type "; boundary=b\n\n" parts
#define PART(headers, body) "--b\n" headers "\n" body "\n"
#define ATTACHED_TO(head, headers) \
    head "Content-Type: multipart/mixed; boundary=b\n\n" PART("", "x") PART(headers, "x") "--b--\n"
#define ATTACHED(headers) ATTACHED_TO(MIME, headers)

/* How a message came; UTF8: with SMTPUTF8. */
enum how { PLAIN, UTF8 };

static const struct row {
    const char *name;
    enum how how;
    const char *message;
    const char *problems;
} rows[] = {
    /* ---- nothing odd ---- */
    {"a mail", PLAIN, HEAD "\nbody\n", ""},
    {"no body", PLAIN, HEAD "\n", ""},
    {"no body, and no blank line", PLAIN, HEAD, ""},
    {"no recipients", PLAIN, FROM DATE ID "\nbody\n", ""},
    {"names in any case", PLAIN, "FROM: a@x.test\ndATE: Tue, 24 Nov 2026 04:12:00 +0100\nmessage-id: <1@x>\n\n", ""},
    {"fields of many kinds", PLAIN,
     "Received: from x by y; Tue, 24 Nov 2026 04:12:00 +0100\nReceived: from y by z; Tue, 24 Nov 2026 04:12:00 +0100\n"
     "DKIM-Signature: v=1; a=rsa-sha256; d=x.test; s=s;\n\th=from:to;\n\tbh=abc=;\n\tb=abc=\n" HEAD
     "Sender: c@x.test\nReply-To: d@x.test\nCc: e@x.test\nIn-Reply-To: <0@x.test>\nReferences: <0@x.test> <00@x.test>\n"
     "List-Unsubscribe: <https://x.test/u>, <mailto:u@x.test>\nX-Empty:\nKeywords: a\nKeywords: b\nComments: (\n\nx\n",
     ""},
    {"addresses of many kinds", PLAIN,
     FROM DATE ID "To: \"Example, Bob\" <b@x.test>, =?utf-8?q?J=C3=B6rg?= <j@x.test>,\n c@x.test,\n \"a b\"@x.test, "
                  "d@[127.0.0.1],\n "
                  "O'Neil <o@x.test>, e+f@x.test (Ed), <g@x.test>\nCc: Team: h@x.test, i@x.test;\n\n",
     ""},
    {"a group of nobody", PLAIN, FROM DATE ID "To: undisclosed-recipients:;\n\n", ""},
    {"a group of nobody in two words", PLAIN, FROM DATE ID "To: Undisclosed recipients:;\nReply-To: x: ;\n\n", ""},
    {"a part of each kind", PLAIN,
     "From: Ann <a@x.test>\nTo: Bob <b@x.test>,\n =?utf-8?q?M=C3=BCller=2C_J=C3=B6rg?= <j@x.test>\n"
     "Subject: Nr. 4711 =?utf-8?q?=E2=80=93_vielen_Dank_f=C3=BCr?=\n Ihren Einkauf\n" DATE
     "Message-ID: <176412345678.4711.1234567890@app.x.test>\nMIME-Version: 1.0\nX-Mailer: x (1.0)\n"
     "Content-Type: multipart/mixed; boundary=\"===============3749634966706001997==\"\n\n"
     "--===============3749634966706001997==\nContent-Type: multipart/alternative;\n "
     "boundary=\"===============3836756488651757774==\"\n\n"
     "--===============3836756488651757774==\nContent-Type: text/plain; charset=\"utf-8\"\n"
     "Content-Transfer-Encoding: base64\n\n"
     "R3V0ZW4gVGFnLAoKYW5iZWkgSWhyZSBSZWNobnVuZyDDvGJlciAxMiw1MCDigqwuCgpWaWVsZSBH\ncsO8w59lCg==\n\n"
     "--===============3836756488651757774==\nContent-Type: text/html; charset=\"utf-8\"\n"
     "Content-Transfer-Encoding: quoted-printable\nMIME-Version: 1.0\n\n"
     "<html><body><p>Guten Tag,</p><p>anbei Ihre Rechnung =C3=BCber 12,50&nbsp;=\n"
     "=E2=82=AC. <a href=3D\"https://app.example.com/i?id=3D4711&amp;k=3Dabcdef=\n"
     "ghijklmnopqrstuvwxyz0123456789\">Ansehen</a></p></body></html>\n\n"
     "--===============3836756488651757774==--\n\n"
     "--===============3749634966706001997==\nContent-Type: application/pdf\nContent-Transfer-Encoding: base64\n"
     "Content-Disposition: attachment;\n filename*=utf-8''Rechnung%20%C3%BCber%2012%20%E2%82%AC.pdf\n"
     "MIME-Version: 1.0\n\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4\n"
     "OTo7PD0+P0BBQkNERUZHSElKS0xNTk9QUVJTVFVWV1hZWltcXV5fYGFiYw==\n\n"
     "--===============3749634966706001997==--\n",
     ""},
    {"a picture in the HTML", PLAIN,
     MULTI("related; type=\"text/html\"",
           PART("Content-Type: text/html; charset=us-ascii\n", "<img src=\"cid:p@x.test\">")
               PART("Content-Type: image/png; name=\"p.png\"\nContent-Disposition: inline; filename=\"p.png\"; size=3\n"
                    "Content-ID: <p@x.test>\nContent-Transfer-Encoding: base64\nContent-Description: p\n",
                    "YWJj\n") "--b--\n"),
     ""},
    {"a report", PLAIN,
     MULTI("report; report-type=delivery-status",
           "Preamble\n" PART("", "It failed.")
               PART("Content-Type: message/delivery-status\n",
                    "Reporting-MTA: dns; x.test\n\nFinal-Recipient: rfc822; b@x.test\nAction: failed\nStatus: 5.1.1\n")
                   PART("Content-Type: text/rfc822-headers\n", HEAD) "--b--\nEpilogue\n"),
     ""},
    {"a message in it, a digest, and parts in parts", PLAIN,
     MULTI("digest", PART("", HEAD "\nbody") PART("Content-Type: message/rfc822\n", MIME "\nbody") "--b--"), ""},
    {"flowed text", PLAIN, MIME "Content-Type: text/plain; charset=UTF-8; format=flowed; delsp=yes\n\nx \ny\n", ""},
    {"comments", PLAIN,
     HEAD "MIME-Version: 1.0 (x 1.0)\nContent-Type: text/plain (plain); charset=utf-8 (it is)\n"
          "Content-Transfer-Encoding: 7bit (as ever)\n\n",
     ""},
    {"UTF-8 in the body, with 8BITMIME", PLAIN,
     MIME "Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n\xc3\xbc\n", ""},
    {"what only looks like an encoded word", PLAIN, FROM DATE ID "Subject: is 1 =? 2, or =?x?=\n\n", ""},

    /* ---- lines ---- */
    {"lines on the wire are looked at there", PLAIN, HEAD "\na\rb" X60 "\n", ""},
    {"a long line on the wire", PLAIN, HEAD "\n\5\n", ""},

    /* ---- header fields ---- */
    {"no Date", PLAIN, FROM ID "\n", "no-date"},
    {"no Date in the header", PLAIN, FROM ID "\n" DATE, "no-date"},
    {"no From", PLAIN, DATE ID "To: a@x.test\n\n", "no-from"},
    {"nothing at all", PLAIN, "", "no-date no-from no-message-id"},
    {"two authors", PLAIN, DATE ID "From: a@x.test, b@x.test\n\n", "no-sender"},
    {"two authors, and a sender", PLAIN, DATE ID "From: a@x.test, b@x.test\nSender: b@x.test\n\n", ""},
    {"a group of two authors", PLAIN, DATE ID "From: us: a@x.test, b@x.test;\n\n", "no-sender"},
    {"an author with a comma in his name", PLAIN, DATE ID "From: \"b, a\" <a@x.test>\n\n", ""},
    {"no author", PLAIN, DATE ID "From:\n\n", "no-address"},
    {"no author in brackets", PLAIN, DATE ID "From: <>\n\n", "no-address address"},
    {"an empty To", PLAIN, HEAD "Cc: \n\n", "no-address"},
    {"an empty Reply-To", PLAIN, HEAD "Reply-To: (nobody)\n\n", "no-address"},
    {"an empty Sender", PLAIN, HEAD "Sender:\n\n", "no-address"},
    {"no Message-ID", PLAIN, FROM DATE "\n", "no-message-id"},
    {"Message-ID without brackets", PLAIN, FROM DATE "Message-ID: 1@x.test\n\n", "message-id"},
    {"Message-ID without a right side", PLAIN, FROM DATE "Message-ID: <1>\n\n", "message-id"},
    {"Message-ID without a left side", PLAIN, FROM DATE "Message-ID: <@x.test>\n\n", "message-id"},
    {"Message-ID that ends with @", PLAIN, FROM DATE "Message-ID: <1@>\n\n", "message-id"},
    {"Message-ID with a blank", PLAIN, FROM DATE "Message-ID: <1 2@x.test>\n\n", "message-id"},
    {"two of them", PLAIN, FROM DATE "Message-ID: <1@x.test> <2@x.test>\n\n", "message-id"},
    {"an empty one", PLAIN, FROM DATE "Message-ID:\n\n", "message-id"},
    {"one that is folded", PLAIN, FROM DATE "Message-ID:\n <1.2$3-4%5@x-y.test>\n\n", ""},
    {"one with a literal", PLAIN, FROM DATE "Message-ID: <1@[127.0.0.1]>\n\n", ""},
    {"one with a comment; RFC 5322 3.6.4", PLAIN, FROM DATE "Message-ID: <1@x.test> (x 1.0)\n\n", ""},
    {"Bcc", PLAIN, HEAD "Bcc: c@x.test\n\n", "bcc"},
    {"Bcc of the one who gets it", PLAIN, HEAD "Bcc: Bob <B@x.test>\n\n", ""},
    {"Bcc of the one who gets it twice", PLAIN, HEAD "Bcc: b@x.test, b@x.test\n\n", ""},
    {"the same in the second Bcc", PLAIN, HEAD "Bcc: c@x.test\nBcc: b@x.test\n\n", "duplicate-field"},
    {"Bcc of all, with a blank and a comment", PLAIN, HEAD "Bcc: B (him) <b @ X.TEST>\n\n", ""},
    {"Bcc of one whose name ends alike", PLAIN, HEAD "Bcc: bb@x.test\n\n", "bcc"},
    {"an empty Bcc", PLAIN, HEAD "Bcc:\n\n", ""},
    {"a Bcc of nobody", PLAIN, HEAD "Bcc: hidden:;\n\n", ""},
    {"a Bcc in a message within", PLAIN, MIME "Content-Type: message/rfc822\n\n" HEAD "Bcc: c@x.test\n\n", ""},
    {"Return-Path", PLAIN, "Return-Path: <a@x.test>\n" HEAD "\n", "return-path"},
    {"no MIME-Version", PLAIN, HEAD "Content-Type: text/plain\n\n", "no-mime-version"},
    {"the same with an encoding", PLAIN, HEAD "Content-Transfer-Encoding: 7bit\n\n", "no-mime-version"},
    {"neither", PLAIN, HEAD "Content-Language: en\n\n", ""},
    {"UTF-8", PLAIN, FROM DATE ID "Subject: \xc3\xbc\n\n", "utf8-header"},
    {"UTF-8 with SMTPUTF8", UTF8, FROM DATE ID "Subject: \xc3\xbc\nTo: \xc3\xbc <\xc3\xbc@x.test>\n\n", ""},
    {"UTF-8 in the body only", PLAIN, HEAD "\n\xc3\xbc\n", ""},
    {"Latin-1", PLAIN, FROM DATE ID "Subject: \xfc\n\n", "8bit-header"},
    {"Latin-1 with SMTPUTF8", UTF8, FROM DATE ID "Subject: \xfc\n\n", "8bit-header"},
    {"an mbox", PLAIN, "From a@x.test Tue Nov 24 04:12:00 2026\n" HEAD "\n", "envelope-line"},
    {"From in the body", PLAIN, HEAD "\nFrom a@x.test Tue Nov 24 04:12:00 2026\n", ""},
    {"no colon", PLAIN, FROM "Hello\n" DATE ID "\nbody\n", "no-colon"},
    {"a blank before the colon", PLAIN, FROM DATE ID "Subject : s\n\n", "blank-before-colon"},
    {"a folded line first", PLAIN, " x\n" HEAD "\nbody\n", "stray-fold"},
    {"a folded line later", PLAIN, FROM DATE ID "Subject: a\n b\n\n", ""},
    {"no blank line", PLAIN, HEAD "Hello Bob\n", "no-blank-line"},
    {"a large header", PLAIN, HEAD "\1\n", "large-header"},
    {"a large header with all at its end", PLAIN, "\1" HEAD MIME "\n", "large-header"},
    {"a large header before two authors", PLAIN, "From: a@x.test, b@x.test\nContent-Type: text/plain\n\1\n",
     "large-header"},
    {"a large header in a part", PLAIN, ATTACHED_TO("To: b@x.test\n", "Content-Type: a/b\n\1"),
     "large-header no-date no-from no-message-id no-mime-version"},
    {"fields after a line that is none, and no body", PLAIN, FROM "odd\n" DATE ID "\n", "no-blank-line"},
    {"no fields after it", PLAIN, FROM "odd\n", "no-blank-line no-date no-message-id"},
    {"two of a kind", PLAIN, HEAD "Subject: t\n\n", "duplicate-field"},
    {"two of another", PLAIN, HEAD "X: t\nX: t\n\n", ""},

    /* ---- encoded words and charsets ---- */
    {"a malformed encoded word", PLAIN, FROM DATE ID "Subject: =?utf-8?q?a=ZZ?=\n\n", "encoded-word"},
    {"one of 75 octets", PLAIN, FROM DATE ID "Subject: =?utf-8?q?" X60 "xxx?=\n\n", ""},
    {"one of 76 octets", PLAIN, FROM DATE ID "Subject: =?utf-8?q?" X60 "xxxx?=\n\n", "long-encoded-word"},
    {"an unknown charset", PLAIN, FROM DATE ID "Subject: =?x-none?q?a?=\n\n", "unknown-charset"},
    {"another charset", PLAIN, FROM DATE ID "Subject: =?iso-2022-jp?b?GyRCRnxLXBsoQg==?=\n\n", ""},
    {"too many charsets", PLAIN, FROM DATE ID "Subject: \2\n\n", "too-many-charsets"},
    {"no characters", PLAIN, FROM DATE ID "Subject: =?utf-8?q?=FF?=\n\n", "undecodable"},
    {"no characters in the body", PLAIN, MIME "Content-Type: text/plain; charset=utf-8\n\n\xff\n", "undecodable"},
    {"no characters in the HTML", PLAIN,
     MULTI("alternative", PART("", "x") PART("Content-Type: text/html; charset=utf-8\n", "\xff") "--b--\n"),
     "undecodable"},
    {"no characters in a Content-ID", PLAIN, ATTACHED("Content-ID: <\xff@x.test>\nContent-Type: a/b\n"), "8bit-header"},
    {"8 bits in ASCII", PLAIN, MIME "Content-Type: text/plain; charset=us-ascii\n\n\xc3\xbc\n", "undeclared-8bit"},
    {"Windows' octets in Latin-1", PLAIN, MIME "Content-Type: text/plain; charset=iso-8859-1\n\n\x93\n",
     "windows-octets"},
    {"Windows' octets", PLAIN, MIME "Content-Type: text/plain; charset=windows-1252\n\n\x93\n", ""},
    {"7 bits in ASCII", PLAIN, MIME "Content-Type: text/plain; charset=US-ASCII\n\nx\n", ""},

    /* ---- transfer encodings ---- */
    {"an unknown encoding", PLAIN, MIME "Content-Type: text/plain\nContent-Transfer-Encoding: x-none\n\nx\n",
     "unknown-encoding"},
    {"base64 that is none", PLAIN, BASE64 "YW!JjYQ==\n", "base64"},
    {"base64 without its padding", PLAIN, BASE64 "YQ\n", "base64-padding"},
    {"base64 as it should be", PLAIN, BASE64 "YWJj\nYQ==\n", ""},
    {"a line of base64 of 76 octets", PLAIN, BASE64 A20 A20 A20 "AAAAAAAAAAAAAAAA\nYQ==\n", ""},
    {"a line of base64 of 80 octets", PLAIN, BASE64 A20 A20 A20 A20 "\n", "long-encoded-line"},
    {"one that is the last, without an end", PLAIN, BASE64 A20 A20 A20 A20, "long-encoded-line"},
    {"one of a part", PLAIN,
     MULTI("mixed", PART("Content-Type: a/b\nContent-Transfer-Encoding: base64\n", A20 A20 A20 A20) "--b--\n"),
     "long-encoded-line"},
    {"a line of quoted-printable of 76 octets", PLAIN, QP X60 X10 "xxxxx=\nx\n", ""},
    {"a line of quoted-printable of 77 octets", PLAIN, QP X60 X10 "xxxxxx=\nx\n", "long-encoded-line"},
    {"a longer line that is not encoded", PLAIN, HEAD "\n" X60 X60 "\n", ""},
    {"a uuencoded file", PLAIN, HEAD "\nHello\nbegin 644 a.txt\n#86)C\n`\nend\n", "uuencode"},
    {"quoted-printable that is none", PLAIN, QP "a=b\n", "quoted-printable"},
    {"quoted-printable with a soft end", PLAIN, QP "a=\n", ""},

    /* ---- parts ---- */
    {"a type that is none", PLAIN, MIME "Content-Type: text\n\n", "content-type"},
    {"no boundary", PLAIN, MIME "Content-Type: multipart/mixed\n\n--b\n\nx\n--b--\n", "no-boundary"},
    {"a boundary of 70 octets", PLAIN,
     MIME "Content-Type: multipart/mixed; boundary=" X60 X10 "\n\n--" X60 X10 "\n\nx\n--" X60 X10 "--\n", ""},
    {"a boundary of 71 octets", PLAIN,
     MIME "Content-Type: multipart/mixed; boundary=" X60 X10 "x\n\n--" X60 X10 "x\n\nx\n--" X60 X10 "x--\n",
     "long-boundary"},
    {"no parts", PLAIN, MULTI("mixed", "nothing\n"), "no-parts"},
    {"no closing boundary", PLAIN, MULTI("mixed", PART("", "x")), "unclosed"},
    {"a multipart in base64", PLAIN,
     MIME "Content-Type: multipart/mixed; boundary=b\nContent-Transfer-Encoding: base64\n\n--b\n\nx\n--b--\n",
     "encoded-multipart"},
    {"a multipart in 8bit", PLAIN,
     MIME "Content-Type: multipart/mixed; boundary=b\nContent-Transfer-Encoding: 8BIT\n\n--b\n\nx\n--b--\n", ""},
    {"a message in base64", PLAIN,
     MIME "Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\nU3ViamVjdDogcwoK\n", "encoded-message"},
    {"too many parts", PLAIN, MULTI("mixed", "\3--b--\n"), "too-many-parts"},
    {"too deep", PLAIN, MIME "\4x\n", "too-deep"},

    /* ---- parameters ---- */
    {"a parameter with a blank", PLAIN, ATTACHED("Content-Disposition: attachment; filename=a b.pdf\n"), "parameter"},
    {"one in quotes", PLAIN, ATTACHED("Content-Disposition: attachment; filename=\"a b.pdf\"\n"), ""},
    {"an encoded word", PLAIN, ATTACHED("Content-Type: a/b; name=\"=?utf-8?q?a?=\"\n"), "parameter-word"},
    {"a piece that is missing", PLAIN, ATTACHED("Content-Disposition: attachment; filename*0=a; filename*2=b\n"),
     "parameter-segment"},
    {"none that is missing", PLAIN, ATTACHED("Content-Disposition: attachment; filename*0=a; filename*1=b\n"), ""},
    {"a percent sign", PLAIN, ATTACHED("Content-Disposition: attachment; filename*=utf-8''a%zz\n"), "parameter-coding"},
    {"a plain percent sign", PLAIN, ATTACHED("Content-Disposition: attachment; filename=\"a%zz\"\n"), ""},

    /* ---- addresses and dates ---- */
    {"a malformed address", PLAIN, FROM DATE ID "To: a@@x.test\n\n", "address"},
    {"no comma", PLAIN, FROM DATE ID "To: <a@x.test> <b@x.test>\n\n", "no-comma"},
    {"a date that is none", PLAIN, FROM "Date: today\n" ID "\n", "date"},
    {"a date as before", PLAIN, FROM "Date: Tue, 24 Nov 26 04:12:00 GMT\n" ID "\n", "obsolete-date"},
    {"another day", PLAIN, FROM "Date: Mon, 24 Nov 2026 04:12:00 +0100\n" ID "\n", "wrong-day"},
    {"a date with a comment", PLAIN, FROM "Date: Tue, 24 Nov 2026 04:12:00 +0000 (UTC)\n" ID "\n", ""},
    {"a date without a day and seconds", PLAIN, FROM "Date:  4 Nov 2026 04:12 -0000\n" ID "\n", ""},
    {"a folded date", PLAIN, FROM "Date: Tue,\n 24 Nov 2026 04:12:00 +0100\n" ID "\n", ""},
};
enum { ROWS = sizeof rows / sizeof rows[0] };

/* ---- running them ---- */

static void add_many(struct text *t, size_t n, const char *what)
{
    for (; n > 0; n--)
        text_add_string(t, what);
}

/* What would take too much room in a row. */
static void add_large(struct text *t, char which)
{
    switch (which) {
    case '\1': /* a header larger than is read */
        for (int i = 0; i < 20; i++) {
            text_add_string(t, "X-Large: ");
            add_many(t, 1000, X60 "\n ");
            text_add_string(t, "x\n");
        }
        break;
    case '\2': /* more charsets than are opened */
        add_many(t, 700, "=?iso-8859-1?q?a?=\n =?iso-8859-2?q?a?= =?iso-8859-3?q?a?=\n =?koi8-r?q?a?= ");
        break;
    case '\3':
        add_many(t, MIME_PARTS_MAX, "--b\n\nx\n");
        break;
    case '\4': /* a message in a message, and so on */
        add_many(t, MIME_DEPTH_MAX, "Content-Type: message/rfc822\n\n");
        break;
    case '\5': /* a line longer than it may be, */
        add_many(t, 999, "x");
        break;
    case '\6': /* and one that is not */
        add_many(t, 998, "x");
        break;
    default:
        text_add(t, &which, 1);
    }
}

/* A row's message, with the line ends that are wanted. */
static struct text made_of(const char *message, bool crlf)
{
    struct text t = {NULL, 0, 0, false}, plain = {NULL, 0, 0, false};
    for (const char *p = message; *p != '\0'; p++)
        add_large(&plain, *p);
    for (size_t i = 0; i < plain.n; i++) {
        if (crlf && plain.p[i] == '\n')
            text_add(&t, "\r", 1);
        text_add(&t, plain.p + i, 1);
    }
    assert_false(t.failed || plain.failed);
    free(plain.p);
    return t;
}

static struct mail base(enum how how)
{
    static struct mail_recipient recipient = {.address = {"b@x.test", 8}};
    return (struct mail){
        .address = "",
        .protocol = "ESMTP",
        .recipients = &recipient,
        .n_recipients = 1,
        .utf8 = how == UTF8,
    };
}

/* What is noted where it is decoded for that, and as JSON. */
static struct problems problems_of(struct span octets, enum how how, bool as_json)
{
    struct text json = {NULL, 0, 0, false};
    struct mail mail = base(how);
    char *exact = malloc(octets.n + (octets.n == 0)); /* so that reading past the end is seen */
    assert_non_null(exact);
    if (octets.n > 0)
        memcpy(exact, octets.p, octets.n);
    problems_add(&mail.problems, PROBLEM_NO_QUIT);
    struct message *m = message_open((struct span){exact, octets.n});
    assert_non_null(m);
    if (as_json) {
        render_json(&json, &mail, m);
        assert_false(json.failed);
    } else {
        lint(m, &mail);
    }
    message_close(m);
    free(exact);
    free(json.p);
    assert_true(problems_have(&mail.problems, PROBLEM_NO_QUIT)); /* what was there before */
    problems_remove(&mail.problems, PROBLEM_NO_QUIT);
    return mail.problems;
}

/* Names by blank, in the order of problem.h; valid until the next call but one. */
static const char *names_of(const struct problems *p)
{
    static char names[2][2048];
    static int which;
    char *end = names[which ^= 1];
    *end = '\0';
    for (int i = 0; i < PROBLEMS; i++) {
        if (problems_have(p, (enum problem)i))
            end += sprintf(end, "%s%s", end > names[which] ? " " : "", problem_about((enum problem)i)->name);
    }
    return names[which];
}

static void test_row(void **state)
{
    const struct row *r = *state;
    for (int crlf = 0; crlf < 2; crlf++) {
        struct text t = made_of(r->message, crlf);
        for (int as_json = 0; as_json < 2; as_json++) {
            struct problems noted = problems_of(text_span(&t), r->how, as_json);
            if (strcmp(names_of(&noted), r->problems) != 0)
                fail_msg("%s%s: \"%s\", not \"%s\"", crlf ? "CRLF" : "LF", as_json ? ", JSON" : "", names_of(&noted),
                         r->problems);
        }
        free(t.p);
    }
}

/* There is a row for each problem that a message itself can have. */
static void test_all_problems_have_a_row(void **state)
{
    (void)state;
    for (int i = PROBLEM_ENVELOPE_LINE; i <= PROBLEM_WRONG_DAY; i++) {
        size_t k = 0;
        if (i == PROBLEM_NO_CONVERTER) /* the system's; tests/cli/strict.py has it */
            continue;
        while (k < ROWS && strcmp(rows[k].problems, problem_about((enum problem)i)->name) != 0)
            k++;
        if (k == ROWS)
            fail_msg("no row for %s", problem_about((enum problem)i)->name);
    }
}

static int n_files;
static char **files;

static void test_files(void **state)
{
    (void)state;
    static char octets[1 << 20];
    for (int i = 0; i < n_files; i++) {
        FILE *f = fopen(files[i], "rb");
        assert_non_null(f);
        size_t n = fread(octets, 1, sizeof octets, f);
        fclose(f);
        for (int how = PLAIN; how <= UTF8; how++) {
            struct problems noted = problems_of((struct span){octets, n}, (enum how)how, false);
            struct problems as_json = problems_of((struct span){octets, n}, (enum how)how, true);
            if (strcmp(names_of(&noted), names_of(&as_json)) != 0)
                fail_msg("%s: \"%s\", and as JSON \"%s\"", files[i], names_of(&noted), names_of(&as_json));
        }
    }
}

int main(int argc, char **argv)
{
    static struct CMUnitTest tests[ROWS + 2];
    n_files = argc - 1;
    files = argv + 1;
    for (size_t i = 0; i < ROWS; i++)
        tests[i] = (struct CMUnitTest){
            .name = rows[i].name, .test_func = test_row, .initial_state = (void *)(uintptr_t)&rows[i]};
    tests[ROWS] = (struct CMUnitTest)cmocka_unit_test(test_all_problems_have_a_row);
    tests[ROWS + 1] = (struct CMUnitTest)cmocka_unit_test(test_files);
    return cmocka_run_group_tests_name("what is odd about messages", tests, NULL, NULL) != 0;
}
