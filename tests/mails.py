#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Writes messages that test a reader of mail, always the same ones: mails.py DIRECTORY"""
import base64
import os
import quopri
import random
import sys

SAMPLES = {
    "us-ascii": "plain words", "utf-8": "Grüße – 日本 😀", "iso-8859-1": "Grüße à ñ", "iso-8859-2": "Příliš žluťoučký",
    "iso-8859-5": "Привет", "iso-8859-7": "Καλημέρα", "iso-8859-8": "שלום", "iso-8859-9": "İğne ş",
    "iso-8859-15": "10 € œ", "windows-1250": "Łódź „x“", "windows-1251": "Привет “x”", "windows-1252": "10 € “x”",
    "windows-1253": "Καλημέρα", "windows-1254": "İğne", "windows-1255": "שלום", "windows-1256": "مرحبا",
    "windows-1257": "Ačiū", "koi8-r": "Привет", "koi8-u": "Привіт", "gb2312": "你好世界", "gbk": "你好鎔",
    "gb18030": "你好😀", "big5": "你好世界", "euc-jp": "日本語テスト", "iso-2022-jp": "日本語 test テスト",
    "shift_jis": "日本語テスト", "euc-kr": "안녕하세요", "tis-620": "สวัสดี", "utf-16": "Grüße", "cp850": "Grüße",
    "macintosh": "Grüße",
}


def encode(text, charset):
    return text.encode({"macintosh": "mac-roman"}.get(charset, charset))


def b_word(text, charset):
    return "=?%s?B?%s?=" % (charset, base64.b64encode(encode(text, charset)).decode())


def q_word(text, charset):
    return "=?%s?Q?%s?=" % (charset, "".join("=%02X" % c if not chr(c).isalnum() or c > 126 else chr(c)
                                             for c in encode(text, charset)))


def crlf(text):
    return text.replace("\n", "\r\n").encode("utf-8", "surrogateescape")


HEADER = """From: Ann Example <ann@example.com>
To: b@example.com, "Example, Cid" <cid@example.com>
Date: Tue, 24 Nov 2026 12:40:%02d +0100
Message-ID: <%d@example.com>
MIME-Version: 1.0
"""
counter = 0


def head(subject="Hello"):
    global counter
    counter += 1
    return HEADER % (counter % 60, counter) + "Subject: %s\n" % subject


def charsets():
    for charset, text in SAMPLES.items():
        body = encode("%s\r\nnext line = here  \r\n%s\r\n" % (text, text * 30), charset)
        for encoding in "8bit", "quoted-printable", "base64":
            if charset == "utf-16" and encoding != "base64":
                continue
            for word in b_word, q_word:
                octets = body if encoding == "8bit" else base64.encodebytes(body).replace(b"\n", b"\r\n") \
                    if encoding == "base64" else quopri.encodestring(body.replace(b"\r\n", b"\n")).replace(b"\n", b"\r\n")
                yield crlf(head("x %s y" % word(text, charset)) + "Cc: %s <d@example.com>\n" % word(text, charset)
                           + "Content-Type: text/plain; charset=%s\nContent-Transfer-Encoding: %s\n\n"
                           % (charset, encoding)) + octets


def leaf(content_type="text/plain; charset=utf-8", body="some text\n", extra=""):
    return "Content-Type: %s\n%s\n%s" % (content_type, extra, body)


def multi(kind, *parts, boundary=None, preamble="", epilogue=""):
    global counter
    counter += 1
    boundary = boundary or "=_b%d" % counter
    return 'Content-Type: multipart/%s; boundary="%s"\n\n%s' % (kind, boundary, preamble) + "".join(
        "--%s\n%s\n" % (boundary, part) for part in parts) + "--%s--\n%s" % (boundary, epilogue)


PLAIN = leaf()
HTML = leaf("text/html; charset=iso-8859-1", "<p>some text</p>\n")
PDF = leaf('application/pdf; name="r.pdf"', "JVBERi0xLjQK\nAAECAw==\n",
           'Content-Transfer-Encoding: base64\nContent-Disposition: attachment; filename="r.pdf"\n')
PNG = leaf("image/png", "iVBORw0KGgo=\n",
           "Content-Transfer-Encoding: base64\nContent-ID: <logo@x>\nContent-Disposition: inline; filename=logo.png\n")
LATER = leaf("text/plain", "a footer\n", "Content-Disposition: attachment; filename=footer.txt\n")
HTML_WITH_ID = leaf("text/html", "<p>with an id</p>\n", "Content-ID: <html@x>\n")
FORWARDED = "Content-Type: message/rfc822\n\n"


def structures():
    yield multi("mixed", PLAIN, PDF)
    yield multi("alternative", PLAIN, HTML)
    yield multi("related", HTML, PNG)
    yield multi("mixed", multi("alternative", PLAIN, HTML), PDF, PNG)
    yield multi("mixed", multi("alternative", PLAIN, multi("related", HTML, PNG)), PDF, LATER)
    yield multi("alternative", PLAIN, multi("mixed", HTML, PDF))
    yield multi("mixed", PDF, PLAIN, HTML, LATER)
    yield multi("mixed", PLAIN, FORWARDED + head("inner") + multi("mixed", PLAIN, PDF), PNG)
    yield multi("mixed", PLAIN, FORWARDED + head("inner") + FORWARDED + head("innermost") + PLAIN)
    yield multi("digest", "\n" + head("one") + PLAIN, "\n" + head("two") + HTML)
    yield multi("report", PLAIN, leaf("text/rfc822-headers", "Subject: x\n"))
    yield multi("mixed", PLAIN, PDF, preamble="This is a preamble\n--\n--b\n", epilogue="And an epilogue\n")
    yield multi("mixed", "\nno header at all\n", "\n", "")
    yield multi("mixed", multi("mixed", multi("mixed", multi("mixed", PLAIN), HTML), PDF), PNG)
    yield multi("mixed", multi("mixed", PLAIN, boundary="b1b"), HTML, boundary="b1")
    yield multi("mixed", multi("mixed", PLAIN, boundary="b1"), HTML, boundary="b1b")
    yield multi("mixed", PLAIN, HTML, boundary="a'()+_,-./:=? b")
    yield multi("mixed", *[PLAIN] * 40)
    yield multi('related; start="<html@x>"', PNG, HTML_WITH_ID)
    yield multi('related; start="<none@x>"', HTML, HTML_WITH_ID)
    yield multi('related; start="<alternative@x>"', PNG, "Content-ID: <alternative@x>\n" + multi("alternative", PLAIN, HTML))
    yield multi("related", multi("alternative", PLAIN, HTML), PNG, PLAIN)
    yield multi("related", PNG, HTML)
    yield multi('related; type="text/html"', PNG, HTML)
    yield multi('related; type="text/html"', PLAIN, HTML)
    yield multi('related; type="multipart/alternative"', PNG, multi("alternative", PLAIN, HTML))
    yield multi('related; type="text/html"; start="<html@x>"', PNG, HTML, HTML_WITH_ID)
    yield multi("mixed", LATER, PLAIN, HTML, PLAIN)
    yield multi("mixed", "Content-Disposition: attachment\n" + multi("alternative", PLAIN, HTML), HTML_WITH_ID)
    yield multi("mixed", leaf("text/calendar; charset=utf-8", "BEGIN:VCALENDAR\n"), HTML, PLAIN)
    yield multi("alternative", leaf("text/x-amp-html", "<amp>\n"), HTML)
    yield multi("mixed", FORWARDED + head("inner") + multi("alternative", PLAIN, HTML), PLAIN)
    yield multi("mixed", "Content-Disposition: attachment; filename=fwd.eml\n" + FORWARDED + head("inner") + PDF, HTML)
    yield "Content-Disposition: attachment; filename=all.txt\n" + PLAIN
    yield "Content-Disposition: inline; filename=all.html\n" + HTML
    yield FORWARDED + head("inner") + PLAIN
    yield PLAIN
    yield HTML
    yield PDF


def mutations(text, random_numbers):
    yield text
    yield text.rstrip("\n").rstrip("-") + "\n" if text.startswith("Content-Type: multipart") else text + "\n\n"
    yield text.rstrip("\n")
    yield text.replace("\n--", "\n\n--")
    yield text + "\n--x--\n-- \nA footer\n"
    lines = text.split("\n")
    # cut in a body only: a header that ends early is everybody's own guess
    cut = max(i for i in range(len(lines)) if lines[i] == "") if "" in lines else len(lines)
    yield "\n".join(lines[:cut + 1 + random_numbers.randrange(max(1, len(lines) - cut))])
    yield "".join(line + (" \t" if line.startswith("--") and random_numbers.randrange(2) else "") + "\n"
                  for line in lines)


FIELDS = [
    ("Subject", "a long subject that is folded,\n and once more\n\twith a tab"),
    ("Subject", "=?utf-8?q?a?= =?utf-8?q?b?=\n =?utf-8?q?c?= d =?utf-8?b?ZQ==?="),
    ("Subject", "=?utf-8?q?a_b=20c?= and =?iso-8859-1?q?d=E9?= e"),
    ("Subject", "=?utf-8*en?q?lang?="),
    ("Subject", "=?us-ascii?q?half?= of it =?"),
    ("Subject", ""),
    ("Subject", "Grüße, raw"),
    ("Subject", "    blanks  inside   "),
    ("To", "A Group: Ann <a@x.test>, b@x.test;, c@x.test"),
    ("To", "undisclosed-recipients:;"),
    ("To", "(nested (comment)) Ann (x) <a@x.test> (y)"),
    ("To", '"Quoted \\" Name" <a@x.test>, "C, D" <"q p"@x.test>'),
    ("To", "=?utf-8?q?Gr=C3=BC=C3=9Fe?= <a@x.test>,\n =?utf-8?b?w6k=?= =?utf-8?b?w6k=?= <b@x.test>"),
    ("To", "Grüße <ü@bücher.test>"),
    ("To", "<@route.test,@b.test:a@x.test>"),
    ("To", "a @ x . test, b.c@[127.0.0.1]"),
    ("To", ", ,a@x.test,,b@x.test,"),
    ("To", "Ann B. Example <a@x.test>"),
    ("To", ",\n ".join("user%d@x.test" % i for i in range(60))),
    ("Bcc", "Secret <s@x.test>, t@x.test"),
    ("Reply-To", "=?utf-8?q?R=C3=A9?= <r@x.test>"),
    ("Cc", "a@x.test\nCc: b@x.test"),
    ("Date", "1 Jan 2024 00:00 GMT"),
    ("Date", "Mon, 1 Jan 24 00:00:00 EST"),
    ("Date", "thu, 29 feb 2024 23:59:59 -0000 (comment)"),
    ("Date", "Fri, 30 Feb 2024 00:00:00 +0000"),
    ("Date", "never"),
    ("Message-ID", "<a.b@x.test>"),
]
TYPES = [
    "text/plain; charset=\"utf-8\"; format=flowed", "TEXT/PLAIN; CHARSET=UTF-8", "text/plain (comment); charset=utf-8",
    "text/plain;charset=utf-8;", "text/plain;\n charset=utf-8", "text", "text/plain; charset=x-nothing",
    "text/plain; charset*=utf-8'en'utf-8",
]
NAMES = [
    'filename="plain.txt"', "filename=plain.txt", 'filename="two words.txt"', "filename*=utf-8''gr%C3%BC%C3%9Fe.txt",
    "filename*=iso-8859-1'de'gr%FC.txt", "filename*0=one; filename*1=two; filename*2=.txt",
    "filename*1=two; filename*0=one", "filename*0*=utf-8''%E2%82; filename*1*=%AC.txt",
    "filename*0*=utf-8''a%20; filename*1=\"b%20.txt\"", 'filename="=?utf-8?q?gr=C3=BC=C3=9Fe.txt?="',
    'filename*0="=?utf-8?q?gr=C3=BC?="; filename*1="=?utf-8?q?=C3=9Fe.txt?="', "filename*=utf-8''%3D%3Fa%3Fq%3Fb%3F%3D",
    'filename="quoted \\"x\\".txt"', 'filename="../../etc/passwd"', "filename*=utf-8''bad%zz.txt",
    'filename="grüße.txt"', 'FILENAME="case.txt"', 'size=5; filename="after.txt"', "filename=\"\"",
]
# as they are written, and as lines have them
BOUNDARIES = [
    ('boundary="order\n part"', "order part"), ('boundary="order\n\tpart"', "order\tpart"), ("boundary=order\n \n", "order"),
    ('boundary="\\order\\"\\\\part"', 'order"\\part'), ("boundary*0=order; boundary*1=part", "orderpart"),
    ("boundary*1=part; boundary*0=\"order \"", "order part"), ("boundary*=us-ascii''%3Dorder", "=order"),
    ("boundary*0*=us-ascii''%3Dorder;\n boundary*1*=part%3D", "=orderpart="),
    ("boundary*0*=us-ascii'en'%3Dorder; boundary*1=\"%3D\"", "=order%3D"), ('boundary="=?utf-8?q?b?="', "=?utf-8?q?b?="),
    ("boundary = order ; x=y", "order"), ("BOUNDARY=order", "order"), ("boundary=order (part)", "order"),
]
BODIES = [
    ("quoted-printable", "soft=\nbreak, =3D, =e4, bad =XY, end =\n"), ("quoted-printable", "a=20\nb"),
    ("base64", "YWJj\nZGVm\n"), ("base64", "YW Jj\n\nZA==\n"), ("base64", "YWI"), ("base64", ""), ("7BIT", "text\n"),
    ("binary", "text"), ("Base64", "YWJj\n"),
    ("x-uuencode", "begin 644 a.txt\n#86)C\n`\nend\n"), ("uuencode", "begin 644 a.txt\n!80  \n#86)C\n \nend\n"),
    ("8bit", "Hello\nbegin 644 a.txt\n#86)C\n`\nend\nbye\n"), ("x-unknown", "text=41\n"),
]


def mails():
    random_numbers = random.Random(1)
    yield from charsets()
    for text in structures():
        for mutation in mutations(text, random_numbers):
            yield crlf(head() + mutation)
        yield (head() + text).encode()
    for written, boundary in BOUNDARIES:
        yield crlf(head() + "Content-Type: multipart/mixed; %s\n\n--%s\n%s--%s\n%s--%s--\n"
                   % (written, boundary, PLAIN, boundary, PDF, boundary))
    for name, value in FIELDS:
        fields = "".join(line + "\n" for line in head().splitlines() if not line.startswith(name + ":"))
        yield crlf(fields + "%s: %s\n\nbody\n" % (name, value))
    for value in TYPES:
        yield crlf(head() + "Content-Type: %s\n\nsome text\n" % value)
    for value in NAMES:
        yield crlf(head() + multi("mixed", PLAIN, leaf(
            "application/x-thing", "octets\n", "Content-Disposition: attachment; %s\n" % value)))
    for encoding, body in BODIES:
        yield crlf(head() + "Content-Type: text/plain; charset=iso-8859-1\nContent-Transfer-Encoding: %s\n\n%s"
                   % (encoding, body))


if __name__ == "__main__":
    os.makedirs(sys.argv[1], exist_ok=True)
    for number, octets in enumerate(mails()):
        with open(os.path.join(sys.argv[1], "%03d.eml" % number), "wb") as f:
            f.write(octets)
