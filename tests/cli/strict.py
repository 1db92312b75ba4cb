#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Clients that get one thing wrong, or nothing: strict.py PROGRAM GROUP

GROUP is lines, header, mime, commands, envelope or session, or good.  Each
case is a client.  It first meets a tolerant program, which shows the problems in
its replies, under -v and in JSON; then a strict one, which shows them in its
status and its list; then a strict one that allows them, and so is tolerant.
These must be the expected problems, and no others.
"""
import json
import os
import re
import shlex
import signal
import socket
import ssl
import subprocess
import sys
import time

HEAD = [
    (b"Date", b"Tue, 24 Nov 2026 03:12:00 +0000"),
    (b"From", b"Ann <a@x.test>"),
    (b"To", b"b@x.test"),
    (b"Subject", b"test"),
    (b"Message-ID", b"<1@x.test>"),
]
EIGHT = b" BODY=8BITMIME"


def lines(*all_of_them):
    return b"".join(line + b"\r\n" for line in all_of_them)


def mail(body=b"hello\r\n", first=b"", more=b"", blank=b"\r\n", **fields):
    """The mail with other fields, or without those that are None; first and more stand around them as they are."""
    changed = {name.replace("_", "-").lower().encode(): value for name, value in fields.items()}
    head = [(name, changed.get(name.lower(), value)) for name, value in HEAD]
    head = lines(*(name + b": " + value for name, value in head if value is not None))
    return first + head + more + blank + body


def mime(content_type, body=b"hello\r\n", encoding=None, more=b"", **fields):
    more = lines(b"MIME-Version: 1.0", b"Content-Type: " + content_type) + more
    if encoding is not None:
        more += lines(b"Content-Transfer-Encoding: " + encoding)
    return mail(body, more=more, **fields)


def attached(disposition):
    part = lines(b"--B", b"Content-Type: application/pdf", b"Content-Disposition: " + disposition, b"", b"x", b"--B--")
    return mime(b"multipart/mixed; boundary=B", part)


class Case:
    """name: the problem; section: where the RFCs have it.

    odd: what is said before MAIL, as it is on the wire, with the codes of its replies, tolerantly and strictly (None:
    any).  helo, sender, recipient: these commands, with the two codes; where the second one is no 2yz, the client goes
    on with a proper one.  end: the same of the end of the mail data.
    """

    def __init__(self, name, section, data=None, noted=False, odd=None, helo=None, sender=None, recipient=None,
                 params=b"", end=(250, 250), options=(), early=False, quits=True, cut=False, tls=False, strictly=None,
                 also=(), bdat=None, also_noted=()):
        self.name, self.section, self.noted = name, section, noted
        self.data = mail() if data is None else data
        self.odd, self.helo, self.sender, self.recipient, self.params = odd, helo, sender, recipient, params
        self.end, self.options, self.early, self.quits, self.cut, self.tls = end, options, early, quits, cut, tls
        self.bdat = bdat
        self.problems = ({name} if section else set()) | set(also)
        self.strictly = set() if noted else self.problems if strictly is None else set(strictly)
        self.also_noted = set(also_noted)
        self.late = {name} & {"no-quit", "cut-off"}


def wrong(name, section, data=None, **more):
    return Case(name, section, data, **more)


def good(what, data=None, **more):
    return Case(what, None, data, **more)


LINES = [
    wrong("nul", "RFC 5322 4", mail(b"a\0b\r\n")),
    wrong("bare-cr", "RFC 5322 2.3", mail(b"a\rb\r\n"), end=(250, 550)),
    wrong("bare-lf", "RFC 5321 2.3.8", mail(b"a\nb\r\n"), end=(250, 550)),
    wrong("long-line", "RFC 5322 2.1.1", mail(b"x" * 999 + b"\r\n")),
    wrong("8bit-data", "RFC 6152 3", mime(b"text/plain; charset=utf-8", b"\xc3\xbc\r\n", b"8bit")),
]

HEADER = [
    wrong("envelope-line", "RFC 4155", mail(first=b"From a@x.test Tue Nov 24 03:12:00 2026\r\n")),
    wrong("no-colon", "RFC 5322 2.2", mail(more=b"this is no field\r\n")),
    wrong("blank-before-colon", "RFC 5322 4.5", mail(Subject=None, more=b"Subject : test\r\n")),
    wrong("stray-fold", "RFC 5322 2.2.3", mail(first=b" folded\r\n")),
    wrong("no-blank-line", "RFC 5322 2.1", mail(blank=b"")),
    wrong("large-header", "RFC 5322 2.2", mail(more=lines(*[b"X: " + b"x" * 900] * 1200)), noted=True),
    wrong("duplicate-field", "RFC 5322 3.6", mail(more=b"Subject: another\r\n")),
    wrong("8bit-header", "RFC 6532 3.1", mail(Subject=b"\xe9"), params=EIGHT),
    wrong("utf8-header", "RFC 6531 3.4", mail(Subject=b"\xc3\xa9"), params=EIGHT),
    wrong("no-date", "RFC 5322 3.6", mail(Date=None)),
    wrong("no-from", "RFC 5322 3.6", mail(From=None)),
    wrong("no-sender", "RFC 5322 3.6.2", mail(From=b"a@x.test, c@x.test")),
    wrong("no-address", "RFC 5322 3.6.3", mail(To=b"")),
    wrong("no-message-id", "RFC 5322 3.6.4", mail(Message_ID=None), noted=True),
    wrong("message-id", "RFC 5322 3.6.4", mail(Message_ID=b"1@x.test")),
    wrong("bcc", None, mail(more=b"Bcc: c@x.test\r\n"), also=["bcc"]),
    wrong("return-path", "RFC 5321 4.4", mail(more=b"Return-Path: <a@x.test>\r\n")),
    wrong("no-mime-version", "RFC 2045 4", mail(more=b"Content-Type: text/plain\r\n")),
    wrong("address", "RFC 5322 3.4", mail(To=b"Bob b@x.test")),
    wrong("no-comma", "RFC 5322 3.4", mail(To=b"b@x.test c@x.test")),
    wrong("date", "RFC 5322 3.3", mail(Date=b"yesterday")),
    wrong("obsolete-date", "RFC 5322 4.3", mail(Date=b"Tue, 24 Nov 26 03:12 GMT")),
    wrong("wrong-day", "RFC 5322 3.3", mail(Date=b"Mon, 24 Nov 2026 03:12:00 +0000")),
    wrong("encoded-word", "RFC 2047 2", mail(Subject=b"=?utf-8?q?a=ZZ?=")),
    wrong("long-encoded-word", "RFC 2047 2", mail(Subject=b"=?utf-8?q?" + b"a" * 64 + b"?=")),
    wrong("too-many-charsets", "RFC 2047 5",
          mail(more=b"X:" + b"\r\n".join([b" =?iso-8859-2?q?=E9?= =?iso-8859-3?q?=E9?="] * 1100) + b"\r\n"), noted=True),
]

DEEP = 120
NESTED = b"".join(lines(b"--B%d-" % i, b"Content-Type: multipart/mixed; boundary=B%d-" % (i + 1), b"") for i in range(DEEP))
NESTED += lines(b"--B%d-" % DEEP, b"", b"x") + b"".join(lines(b"--B%d---" % i) for i in range(DEEP, -1, -1))
TEXT = b"text/plain; charset=utf-8"

MIME = [
    wrong("unknown-charset", "RFC 2046 4.1.2", mime(b"text/plain; charset=nonesuch")),
    # musl does not know it; glibc's is hidden by strict.sh
    wrong("no-converter", "RFC 2046 4.1.2", mime(b"text/plain; charset=cp852", b"\x81\r\n", b"8bit"), params=EIGHT, noted=True),
    wrong("undecodable", "RFC 2046 4.1.2", mime(TEXT, b"=FF\r\n", b"quoted-printable")),
    wrong("undeclared-8bit", "RFC 2046 4.1.2", mime(b"text/plain; charset=us-ascii", b"\xc3\xbc\r\n", b"8bit"), params=EIGHT),
    wrong("windows-octets", "RFC 2046 4.1.2", mime(b"text/plain; charset=iso-8859-1", b"\x93\r\n", b"8bit"), params=EIGHT),
    wrong("unknown-encoding", "RFC 2045 6.1", mime(TEXT, encoding=b"rot13"), noted=True),
    wrong("base64", "RFC 2045 6.8", mime(TEXT, b"aGVs*bG8K\r\n", b"base64")),
    wrong("base64-padding", "RFC 2045 6.8", mime(TEXT, b"aGVsbG8\r\n", b"base64")),
    wrong("quoted-printable", "RFC 2045 6.7", mime(TEXT, b"a=ZZ\r\n", b"quoted-printable")),
    wrong("uuencode", "RFC 2045 6.3", mime(TEXT, lines(b"begin 644 a.txt", b"#86)C", b"`", b"end"), b"7bit"), noted=True),
    wrong("long-encoded-line", "RFC 2045 6.7, 6.8", mime(TEXT, b"a" * 77 + b"\r\n", b"quoted-printable")),
    wrong("content-type", "RFC 2045 5.1", mime(b"text")),
    wrong("no-boundary", "RFC 2046 5.1.1", mime(b"multipart/mixed")),
    wrong("long-boundary", "RFC 2046 5.1.1",
          mime(b"multipart/mixed; boundary=" + b"b" * 71, lines(b"--" + b"b" * 71, b"", b"x", b"--" + b"b" * 71 + b"--"))),
    wrong("no-parts", "RFC 2046 5.1.1", mime(b"multipart/mixed; boundary=B")),
    wrong("unclosed", "RFC 2046 5.1.1", mime(b"multipart/mixed; boundary=B", lines(b"--B", b"", b"x"))),
    wrong("encoded-multipart", "RFC 2045 6.4",
          mime(b"multipart/mixed; boundary=B", lines(b"--B", b"", b"x", b"--B--"), b"base64")),
    wrong("encoded-message", "RFC 2046 5.2.1", mime(b"message/rfc822", b"U3ViamVjdDogeAoKeAo=\r\n", b"base64")),
    wrong("too-many-parts", "RFC 2046 5.1",
          mime(b"multipart/mixed; boundary=B", lines(b"--B", b"", b"x") * 1100 + lines(b"--B--")), noted=True),
    wrong("too-deep", "RFC 2046 5.1", mime(b"multipart/mixed; boundary=B0-", NESTED), noted=True),
    wrong("parameter", "RFC 2045 5.1", attached(b"attachment; filename=two words.pdf")),
    wrong("parameter-word", "RFC 2047 5", attached(b'attachment; filename="=?utf-8?q?r=C3=A9sum=C3=A9?="')),
    wrong("parameter-segment", "RFC 2231 3", attached(b'attachment; filename*0="a"; filename*2="c"')),
    wrong("parameter-coding", "RFC 2231 4", attached(b"attachment; filename*=utf-8''a%zz")),
]

COMMANDS = [
    # strictly, a bare LF ends no command: it is in it
    wrong("bare-lf-command", "RFC 5321 2.3.8", odd=(b"RSET\nRSET\r\n", [250, 250], [500]),
          strictly=["command-octets"]),
    wrong("command-octets", "RFC 5321 2.3.8", odd=(b"NOOP\0\r\n", [500], [500])),
    wrong("long-command", "RFC 5321 4.5.3.1.4", odd=(b"NOOP " + b"x" * 506 + b"\r\n", [250], None)),
    wrong("long-command", "RFC 5321 4.5.3.1.4", odd=(b"NOOP " + b"x" * 5000 + b"\r\n", [500], [500])),
    wrong("unknown-command", "RFC 5321 4.1.1", odd=(b"FROB x\r\n", [500], [500])),
    wrong("obsolete-command", "RFC 5321 F.1, F.6", odd=(b"SEND FROM:<a@x.test>\r\n", [502], [502])),
    wrong("command-syntax", "RFC 5321 4.1.1", odd=(b"RSET now\r\n", [501], [501])),
    wrong("out-of-order", "RFC 5321 4.1.4", odd=(b"DATA\r\n", [503], [503])),
    wrong("not-offered", "RFC 5321 2.2.1", sender=(b"MAIL FROM:<a@x.test> FOO=bar", 555, 555)),
    wrong("not-offered", "RFC 5321 2.2.1", odd=(b"BDAT 4\r\n", [502], [502]), options=["--hide", "CHUNKING"]),
    wrong("after-helo", "RFC 5321 2.2.1", helo=(b"HELO client.test", 250, 250), sender=(b"MAIL FROM:<a@x.test> SIZE=1000", 250, None)),
    wrong("trailing-blank", "RFC 5321 4.1.1", odd=(b"NOOP \r\n", [250], [250])),
    wrong("extra-blank", "RFC 5321 4.1.1", sender=(b"MAIL FROM:<a@x.test>  SIZE=1000", 250, 501)),
    wrong("helo-name", "RFC 5321 4.1.2", helo=(b"EHLO my_host", 250, 501)),
    wrong("helo-name", "RFC 5321 4.1.2", helo=(b"EHLO [127.0.0.256]", 250, 501)),
    wrong("helo-extra", "RFC 5321 4.1.1.1", helo=(b"EHLO client.test and more", 250, None)),
    wrong("helo-literal", "RFC 5321 4.1.1.1", helo=(b"HELO [127.0.0.1]", 250, None)),
]

ENVELOPE = [
    wrong("blank-before-path", "RFC 5321 3.3", sender=(b"MAIL FROM: <a@x.test>", 250, 501)),
    wrong("blank-before-path", "RFC 5321 3.3", recipient=(b"RCPT TO: <b@x.test>", 250, 501)),
    wrong("no-brackets", "RFC 5321 4.1.2", sender=(b"MAIL FROM:a@x.test", 250, 501)),
    wrong("no-brackets", "RFC 5321 4.1.2", recipient=(b"RCPT TO:b@x.test", 250, 501)),
    wrong("path", "RFC 5321 4.1.2", sender=(b"MAIL FROM:<a@x.test", 501, 501)),
    wrong("path", "RFC 5321 4.1.2", recipient=(b"RCPT TO:<>", 501, 501)),
    wrong("no-domain", "RFC 5321 2.3.5, 4.1.2", recipient=(b"RCPT TO:<invalid>", 250, 501)),
    wrong("no-domain", "RFC 5321 2.3.5, 4.1.2", sender=(b"MAIL FROM:<postmaster>", 250, 501)),
    wrong("stray-dot", "RFC 5321 4.1.2", sender=(b"MAIL FROM:<a..b@x.test>", 250, 501)),
    wrong("stray-dot", "RFC 5321 4.1.2", recipient=(b"RCPT TO:<.b@x.test>", 250, 501)),
    wrong("long-local-part", "RFC 5321 4.5.3.1.1", sender=(b"MAIL FROM:<" + b"a" * 65 + b"@x.test>", 250, 501)),
    wrong("domain", "RFC 5321 4.1.2", sender=(b"MAIL FROM:<a@my_host.test>", 250, 501)),
    wrong("domain", "RFC 5321 4.1.2", recipient=(b"RCPT TO:<b@-x.test>", 250, 501)),
    wrong("long-path", "RFC 5321 4.5.3.1.3",
          recipient=(b"RCPT TO:<" + b"b" * 64 + b"@" + (b"x" * 62 + b".") * 3 + b"x>", 250, 501)),
    # to be accepted and ignored: RFC 5321 F.2
    wrong("source-route", "RFC 5321 F.2", recipient=(b"RCPT TO:<@h1.test,@h2.test:b@x.test>", 250, 250)),
    wrong("utf8-path", "RFC 6531 3.4", recipient=(b"RCPT TO:<\xc3\xbc@x.test>", 553, 553)),
    wrong("not-utf8", "RFC 6531 3.3", sender=(b"MAIL FROM:<\xff@x.test> SMTPUTF8", 501, 501)),
    wrong("mail-parameter", "RFC 5321 4.1.2", sender=(b"MAIL FROM:<a@x.test> SIZE=abc", 501, 501)),
    wrong("mail-parameter", "RFC 5321 4.1.2", recipient=(b"RCPT TO:<b@x.test> NOTIFY=NEVER,SUCCESS", 501, 501)),
    wrong("mail-parameter-twice", "RFC 5321 4.1.1.11", sender=(b"MAIL FROM:<a@x.test> SIZE=1000 SIZE=1000", 501, 501)),
    wrong("long-envid", "RFC 3461 4.4", sender=(b"MAIL FROM:<a@x.test> ENVID=" + b"e" * 101, 250, None)),
    wrong("notify-twice", "RFC 3461 4.1", recipient=(b"RCPT TO:<b@x.test> NOTIFY=DELAY,DELAY", 250, 250), noted=True),
    wrong("size", "RFC 1870 5, 6.1", sender=(b"MAIL FROM:<a@x.test> SIZE=10", 250, 250), noted=True),
]

TLS = ["--tls"]
SESSION = [
    wrong("early-talker", "RFC 5321 4.3.1", early=True),
    wrong("pipelining", "RFC 2920 2", odd=(b"RSET\r\nRSET\r\n", [250, 250], [250, 250]), options=["--hide", "PIPELINING"]),
    wrong("pipelining", "RFC 2920 2", helo=(b"HELO client.test", 250, 250), odd=(b"RSET\r\nRSET\r\n", [250, 250], [250, 250])),
    wrong("pipelining-sync", "RFC 2920 3.1", odd=(b"NOOP\r\nNOOP\r\n", [250, 250], [250, 250])),
    wrong("pipelining-sync", "RFC 2920 3.1", odd=(b"EHLO client.test\r\nRSET\r\n", [250, 250], [250, 250])),
    wrong("early-tls", "RFC 3207 4", odd=(b"STARTTLS\r\nNOOP\r\n", [220], [220]), tls=True, options=TLS),
    wrong("tls-in-clear", "RFC 3207 4", odd=(b"\x16\x03\x01\x02\0\x01\n", [421], [421]), cut=True),
    wrong("auth-syntax", "RFC 4954 4", odd=(b"AUTH PLAIN !!!\r\n", [501], [501])),
    wrong("auth-in-clear", "RFC 4616 1", odd=(b"AUTH PLAIN AHUAcA==\r\n", [235], [235]), options=TLS),
    wrong("cut-off", "RFC 5321 4.1.1.4", cut=True),
    wrong("no-quit", "RFC 5321 4.1.1.10", quits=False),
]

LONG = b"x" * 998 + b"\r\n"
B70 = b"b" * 70
RICH = lines(
    b"before the first part", b"--B", b"Content-Type: multipart/alternative; boundary=\"A A\"", b"",
    b"--A A", b"Content-Type: text/plain; charset=\"utf-8\"", b"Content-Transfer-Encoding: quoted-printable", b"",
    b"y" * 75 + b"=", b"=C3=BC =3D", b"--A A", b"Content-Type: text/html; charset=iso-8859-15", b"Content-Transfer-Encoding: base64", b"",
    b"PGI+" * 19, b"6Q==", b"--A A--", b"", b"--B", b"", b"a part without fields", b"--B",
    b"Content-Type: application/pdf; name=\"two words.pdf\"", b"Content-Disposition: attachment; filename*0*=utf-8''%C3%A9;",
    b" filename*1=\"t.pdf\"; size=3", b"Content-ID: <1@x.test>", b"", b"x", b"--B", b"Content-Type: message/rfc822", b"",
    b"Date: Tue, 24 Nov 2026 03:12:00 +0000", b"From: c@x.test", b"", b"inner", b"--B--", b"behind the last part")
GOOD = [
    good("nothing odd"),
    good("no body, no recipients, no subject", mail(To=None, Subject=None, blank=b"", body=b"")),
    good("what must be there, and no more", lines(b"Date: 24 Nov 2026 03:12 +0000", b"From: a@x.test"), also_noted=["no-message-id"]),
    good("the longest line", mail(LONG)),
    good("lines with dots", mail(b".\r\n..\r\n.x\r\n")),
    good("8-bit text", mime(TEXT, b"\xc3\xbc\r\n", b"8bit"), params=EIGHT),
    good("SMTPUTF8", mail(Subject=b"\xc3\xbc", To=b"\xc3\xb6 <\xc3\xb6@x.test>", Message_ID=b"<\xc3\xbc@x.test>"),
         sender=(b"MAIL FROM:<\xc3\xbc@x.test> SMTPUTF8 BODY=8BITMIME", 250, 250)),
    good("addresses", mail(From=b"\"A, B\" <\"a b\"@x.test>", To=b"Friends: b@x.test, C <c@[127.0.0.1]>;, d@x.test (Dora)",
                           more=lines(b"Sender: =?utf-8?q?=C3=A9?= (x) <a@x.test>", b"Cc: undisclosed-recipients:;",
                                      b"Reply-To: =?utf-8?b?w6k=?= <r@x.test>,", b" s@x.test", b"Bcc:"))),
    good("two authors", mail(From=b"a@x.test, c@x.test", more=b"Sender: a@x.test\r\n")),
    good("a blind copy", mail(more=b"Bcc: b@x.test\r\n")),
    good("dates", mail(Date=b"Thu,  1 Jan 2026 23:59:60 -0730 (a zone)")),
    good("a date without a day", mail(Date=b"29 Feb 2028 03:12 +0000")),
    good("a folded date", mail(Date=b"Tue,\r\n 24 Nov 2026\r\n 03:12:00 +0000")),
    good("Message-IDs", mail(Message_ID=b"\r\n <a.b-c$d@[127.0.0.1]>",
                             more=lines(b"In-Reply-To: <a@x.test> <b@x.test>", b"References: <a@x.test>", b" <b@x.test>"))),
    good("a Message-ID with a comment", mail(Message_ID=b"<1@x.test> (a comment)")),
    good("fields that may come often", mail(first=lines(b"Received: from a by b; Tue, 24 Nov 2026 03:12:00 +0000") * 2,
                                            more=lines(b"Comments: a", b"Comments: b", b"Keywords: a, b", b"Keywords: c",
                                                       b"X-A: 1", b"X-A: 2", b"Resent-To: b@x.test", b"Resent-To: c@x.test"))),
    good("text that looks encoded", mail(Subject=b"what =? is =?this?= a=20b %zz")),
    good("encoded words", mail(Subject=b"=?utf-8?q?" + b"a" * 63 + b"?=\r\n =?iso-8859-1*en?B?6Q==?= =?us-ascii?q?x_y?=")),
    good("a multipart", mime(b"multipart/mixed; (comment) boundary=B", RICH)),
    good("the longest boundary", mime(b"multipart/mixed; boundary=" + B70, lines(b"--" + B70, b"", b"x", b"--" + B70 + b"--"))),
    good("a digest", mime(b"multipart/digest; boundary=B", lines(b"--B", b"", b"Subject: x", b"", b"x", b"--B--"))),
    good("a report", mime(b"multipart/report; report-type=delivery-status; boundary=B", lines(
        b"--B", b"", b"failed", b"--B", b"Content-Type: message/delivery-status", b"", b"Reporting-MTA: dns; x.test", b"",
        b"Final-Recipient: rfc822; b@x.test", b"Action: failed", b"Status: 5.1.1", b"--B--")), sender=(b"MAIL FROM:<>", 250, 250)),
    # RFC 6532 3.7: any transfer encoding
    good("message/global", mime(b"message/global", b"U3ViamVjdDogeAoKeAo=\r\n", b"base64")),
    good("a name for the charset in capitals", mime(b"TEXT/PLAIN; CHARSET=UTF-8", b"=C3=BC\r\n", b"QUOTED-PRINTABLE")),
    good("base64 of nothing", mime(TEXT, b"", b"base64")),
    good("binary", mime(b"application/octet-stream", b"a\nb\rc\0\xff" + b"x" * 2000, b"binary"), sender=(b"MAIL FROM:<a@x.test> BODY=BINARYMIME", 250, 250), bdat=1000),
    good("chunks", bdat=7),
    good("commands without effect", odd=(b"NOOP " + b"x" * 505 + b"\r\n", [250], [250])),
    good("commands in any case", odd=(b"rset\r\n", [250], [250]), sender=(b"mail from:<a@x.test> size=10000", 250, 250)),
    good("VRFY", odd=(b"VRFY b\r\n", [252], [252])),
    good("HELP", odd=(b"HELP\r\n", [214], [214])),
    good("EHLO again", odd=(b"EHLO client.test\r\n", [250], [250])),
    good("a literal", helo=(b"EHLO [127.0.0.1]", 250, 250)),
    good("a literal of IPv6", helo=(b"EHLO [IPv6:2001:db8::1]", 250, 250)),
    good("a name of one label", helo=(b"EHLO localhost", 250, 250)),
    good("a name of digits", helo=(b"EHLO 1a.2.x-y.test", 250, 250)),
    good("HELO", helo=(b"HELO client.test", 250, 250)),
    good("Postmaster", recipient=(b"RCPT TO:<Postmaster>", 250, 250)),
    good("the longest local part", recipient=(b"RCPT TO:<" + b"b" * 64 + b"@x.test>", 250, 250)),
    good("a quoted local part", recipient=(b"RCPT TO:<\"b@ \\\"c\"@x.test>", 250, 250)),
    good("a literal domain", recipient=(b"RCPT TO:<b@[IPv6:::1]>", 250, 250)),
    good("parameters", sender=(b"MAIL FROM:<a@x.test> RET=HDRS ENVID=a+2Bb SIZE=10000 BODY=7BIT AUTH=<>", 250, 250),
         recipient=(b"RCPT TO:<b@x.test> NOTIFY=success,Failure ORCPT=rfc822;b+40x.test", 250, 250)),
    good("a group", odd=(b"MAIL FROM:<a@x.test>\r\nRCPT TO:<b@x.test>\r\nRSET\r\n", [250, 250, 250], [250, 250, 250])),
    # RFC 2920 3.2: what is refused in a group does not make the rest of it odd
    good("a group of which one is refused", options=["--max-size", "100000"],
         odd=(b"MAIL FROM:<a@x.test> SIZE=999999\r\nRCPT TO:<b@x.test>\r\nDATA\r\n", [552, 503, 503], [552, 503, 503])),
    good("a login", odd=(b"AUTH PLAIN AHUAcA==\r\n", [235], [235])),
    # RFC 4954 4: with an initial response of a mechanism that needs no more, others may come behind it
    good("a login in a group", odd=(b"AUTH PLAIN AHUAcA==\r\nRSET\r\n", [235, 250], [235, 250])),
    good("a login that is wrong", odd=(b"AUTH PLAIN AHUAcA==\r\n", [535], [535]), options=["--auth", "ann:sesame"]),
    good("CRAM-MD5 where TLS is offered", odd=(b"AUTH CRAM-MD5\r\n", [334], [334]), options=TLS),
    good("TLS", odd=(b"STARTTLS\r\n", [220], [220]), tls=True, options=TLS),
]
GROUPS = {"lines": LINES, "header": HEADER, "mime": MIME, "commands": COMMANDS, "envelope": ENVELOPE, "session": SESSION,
          "good": GOOD}


class Failure(Exception):
    pass


class Client:
    """One connection; what its replies ought to be is said where they are read."""

    def __init__(self, address, strict):
        self.strict = strict
        self.socket = socket.create_connection(address, timeout=60)
        self.open()

    def open(self):
        self.file = self.socket.makefile("rb")

    def reply(self, code, what):
        while True:
            line = self.file.readline()
            if line[3:4] != b"-":
                break
        if code is not None and not line.startswith(b"%d" % code):
            raise Failure("%r was answered %r, not %d" % (what[:60], line, code))
        return int(line[:3] or 0)

    def say(self, octets, *codes):
        self.socket.sendall(octets)
        return [self.reply(code, octets) for code in codes]

    def command(self, proper, odd):
        """The odd one, if there is one, and a proper one if that is refused."""
        line, tolerant, strict = odd or (proper, 250, 250)
        code, = self.say(line + b"\r\n", strict if self.strict else tolerant)
        if code // 100 != 2:
            self.say(proper + b"\r\n", 250)

    def start_tls(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        self.file.close()
        self.socket = context.wrap_socket(self.socket)
        self.open()

    def run(self, c):
        self.reply(220, b"")
        if c.early:  # it has been said already
            self.reply(250, b"EHLO")
        else:
            self.command(b"EHLO client.test", c.helo)
        if c.odd is not None:
            octets, tolerant, strict = c.odd
            codes = strict if self.strict and strict is not None else tolerant
            self.say(octets, *(codes if not self.strict or strict is not None else [None] * len(codes)))
            if codes == [334]:
                self.say(b"*\r\n", 501)
            if codes == [421]:
                self.close()
                return
        if c.tls:
            self.start_tls()
            self.say(b"EHLO client.test\r\n", 250)
        self.command(b"MAIL FROM:<a@x.test>" + c.params, c.sender)
        self.command(b"RCPT TO:<b@x.test>", c.recipient)
        if c.bdat:
            while len(c.data) > 0:
                piece, c.data = c.data[:c.bdat], c.data[c.bdat:]
                self.say(b"BDAT %d%b\r\n" % (len(piece), b" LAST" if not c.data else b"") + piece, 250)
        else:
            self.say(b"DATA\r\n", 354)
            if c.cut:
                self.say(c.data)
                self.close()
                return
            octets = (b"\r\n" + c.data).replace(b"\r\n.", b"\r\n..")[2:]
            self.say(octets + b".\r\n", c.end[self.strict])
        if c.quits:
            self.say(b"QUIT\r\n", 221)
            if self.file.read() != b"":
                raise Failure("something was said behind 221")
        self.close()

    def close(self):
        self.file.close()
        self.socket.close()


class Program:
    """It takes a socket that listens already, so nobody waits for a port."""

    last = None

    def __init__(self, *options):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.address = self.listener.getsockname()
        self.options = options

    def start(self):
        words = shlex.split(os.environ.get("FAKESMTP_WRAPPER", ""))
        self.err, self.out = open("err", "w+"), open("out", "w+")
        fd = self.listener.fileno()
        self.process = subprocess.Popen(words + [sys.argv[1], "-l", "fd:%d" % fd, *self.options], pass_fds=[fd],
                                        stdin=subprocess.DEVNULL, stdout=self.out, stderr=self.err)
        Program.last = self.process
        self.listener.close()

    @classmethod
    def kill_last(cls):
        """Where a case failed, it may be there still."""
        if cls.last is not None and cls.last.poll() is None:
            cls.last.kill()
            cls.last.wait()

    def visit(self, c, strict):
        if not c.early:
            self.start()
        client = Client(self.address, strict)
        if c.early:
            client.socket.sendall(b"EHLO client.test\r\n")
            self.start()
        return client

    def said(self):
        self.err.seek(0)
        return self.err.read()

    def finish(self):
        try:
            status = self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise Failure("the program does not end")
        self.out.seek(0)
        said, printed = self.said(), self.out.read()
        self.err.close()
        self.out.close()
        return status, said, printed


def names_in(texts, what):
    """The names in problems; each has a sentence and a section."""
    found = {}
    for text in texts:
        m = re.fullmatch(r"([a-z0-9-]+): ([^()]+) \((RFC [0-9A-Z., ]+)\)", text)
        if m is None:
            raise Failure("%s has a problem without a name, a sentence or a section: %r" % (what, text))
        if m.group(1) in found:
            raise Failure("%s has %s twice" % (what, m.group(1)))
        found[m.group(1)] = m.group(3)
    return found


def compare(found, expected, what):
    if set(found) != expected:
        raise Failure("%s has %s, not %s" % (what, sorted(found) or "nothing", sorted(expected) or "nothing"))


def check_section(c, found):
    if c.section is not None and c.name in found and found[c.name] != c.section:
        raise Failure("%s is told of with %s, not %s" % (c.name, found[c.name], c.section))


def tolerant(c):
    p = Program("-k", "-v", "-j", *c.options)
    p.visit(c, False).run(c)
    end = time.monotonic() + 60
    while c.late and "!: " + c.name not in p.said() and time.monotonic() < end:
        pass  # what is odd about an end is known after it
    p.process.send_signal(signal.SIGTERM)
    status, said, printed = p.finish()
    if status != 0:
        raise Failure("status %d without --strict:\n%s" % (status, said))
    expected = c.problems | c.also_noted
    noted = [line[5:] for line in said.split("\n") if line.startswith("1 !: ")]
    found = names_in(noted, "-v")
    compare(found, expected, "-v")
    check_section(c, found)
    mails = [json.loads(line) for line in printed.split("\n") if line]
    if len(mails) != (not c.cut):
        raise Failure("%d messages were taken" % len(mails))
    for m in mails:
        found = names_in(m["problems"], "JSON")
        compare(found, expected - c.late, "JSON")
        check_section(c, found)


def strict(c):
    p = Program("-c", "1", "--strict", "-q", "-f", "none", *c.options)
    p.visit(c, True).run(c)
    status, said, _ = p.finish()
    listed = c.strictly
    lines = said.split("\n")[:-1]
    if status != (1 if listed else 0):
        raise Failure("status %d with --strict:\n%s" % (status, said))
    if not listed and lines:
        raise Failure("with --strict, more is said:\n%s" % said)
    if listed and (not lines or not lines[-1].startswith("fakesmtp: ") or "--strict" not in lines[-1]):
        raise Failure("the last line does not tell of --strict:\n%s" % said)
    texts = []
    for line in lines[:-1]:
        m = re.fullmatch(r"fakesmtp: (.*), in connection 1", line)
        if m is None:
            raise Failure("a line of the list is not understood: %r" % line)
        texts.append(m.group(1))
    found = names_in(texts, "the list of --strict")
    compare(found, listed, "the list of --strict")
    check_section(c, found)


def allowing(c):
    names = (c.problems | c.strictly) - ({c.name} if c.noted else set())
    if not names:
        return
    p = Program("-c", "1", "--strict", "--allow", ",".join(sorted(names)), "-q", "-f", "none", *c.options)
    p.visit(c, False).run(c)
    status, said, _ = p.finish()
    if status != 0 or said != "":
        raise Failure("status %d with --allow %s:\n%s" % (status, ",".join(names), said))


def main():
    failed = False
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    for c in GROUPS[sys.argv[2]]:
        if os.environ.get("FAKESMTP_TLS") == "none" and "--tls" in c.options:
            continue
        data = c.data
        for mode in tolerant, strict, allowing:
            c.data = data
            try:
                mode(c)
            except (Failure, OSError, ValueError) as e:
                print("%s (%s): %s" % (c.name, mode.__name__, e))
                failed = True
            finally:
                Program.kill_last()
    sys.exit(failed)


if __name__ == "__main__":
    main()
