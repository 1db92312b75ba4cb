#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Reads hostile messages of one, two and four times a size.  The time to read them could grow faster than the size:

    mime.py RENDER_JSON [OCTETS [KIND]]

KIND selects the kinds whose name contains it.  Fails if four times the size takes more than eight times
as long, or if less than 4 MB a second is read.
"""
import os
import resource
import subprocess
import sys
import tempfile

MULTI = b"Content-Type: multipart/mixed; boundary=%s\n\n--%s\n"


def repeat(unit, n):
    return (unit * (n // len(unit) + 1))[:n]


def field(unit):
    """Many headers of a MiB, each of which is read whole."""
    def build(n, unit=unit):
        room = (1 << 20) - 200
        parts = b"".join(b"--B\nX: x\nContent-Type: a/b; name=\"%b\nSubject: %b\nTo: %b\n\n\n" % (value, value, value)
                         for value in [repeat(unit, room // 3)] * max(1, n // room))
        header = b"To: %b\nSubject: %b\nContent-Disposition: a; %b\n" % ((repeat(unit, min(n, room) // 3),) * 3)
        return header + MULTI % (b"B", b"B") + b"\n" + parts
    return build


def body(head, unit):
    return lambda n: head + repeat(unit, n)


def nested(unit):
    """As deep as goes, with boundaries that are each other's prefixes, then unit."""
    boundaries = [b"B" * (i + 1) for i in range(98)]
    return body(b"".join(MULTI % (b, b) for b in boundaries) + b"\n", unit)


def nested_messages(unit):
    head = b"".join(b"Content-Type: message/rfc822\n\n" + MULTI % (b"B%d" % i, b"B%d" % i) for i in range(49))
    return body(head + b"\n", unit)


B64 = b"Content-Transfer-Encoding: base64\n\n"
QP = b"Content-Transfer-Encoding: quoted-printable\n\n"
KINDS = {
    "parts": body(MULTI % (b"B", b"B"), b"\n--B\n"),
    "parts of a kilobyte": body(MULTI % (b"B", b"B"), b"\n" + b"a" * 10000 + b"\n--B\n"),
    "multiparts in a multipart": body(MULTI % (b"B", b"B"), MULTI % (b"C", b"D") + b"--B\n"),
    "fields": body(b"", b"a:\n"),
    "fields, folded": body(b"a:", b"\n b"),
    "no fields": body(b"a: b\n", b"abc\n"),
    "blank lines": body(b"a: b\nc\n", b"\n"),
    "--": body(MULTI % (b"B", b"B"), b"--\n"),
    "-- without lines": body(MULTI % (b"B", b"B"), b"--"),
    "boundary prefixes, nested": nested(b"--" + b"B" * 99 + b"\n"),
    "boundaries, nested": nested(b"--" + b"B" * 98 + b"\n\n"),
    "outer boundaries, nested": nested(b"--" + b"B" * 40 + b" x\n"),
    "dashes, nested": nested(b"--\n"),
    "dashes, nested messages": nested_messages(b"--\n"),
    "messages": body(b"", b"Content-Type: message/rfc822\n\n"),
    "blanks behind a boundary": body(MULTI % (b"B", b"B"), b"--B" + b" " * 1000 + b"x\n"),
    "base64": body(B64, b"YWJj\n"),
    "base64, padded": body(B64, b"YQ==\n"),
    "base64, =": body(B64, b"="),
    "quoted-printable": body(QP, b"=41=\n"),
    "quoted-printable, blanks": body(QP, b" "),
    "quoted-printable, =": body(QP, b"="),
    "invalid utf-8": body(b"Content-Type: text/plain; charset=utf-8\n\n", b"\xe2\x82"),
    "invalid gb18030": body(b"Content-Type: text/plain; charset=gb18030\n\n", b"\x81\xff"),
    "invalid iso-2022-jp": body(b"Content-Type: text/plain; charset=iso-2022-jp\n\n", b"\x1b$"),
    "CR": body(b"\n", b"\r"),
    "NUL": body(b"\n", b"\0"),
}
RELATED = b"Content-Type: multipart/related; boundary=B; start=\"<%b>\"\n\n"
KINDS.update({
    "related, a long start": lambda n: RELATED % repeat(b"x", min(n, 1 << 20) // 2) + repeat(b"--B\nContent-ID: <y>\n\n\n", n // 2),
    "related, many parameters": lambda n: b"Content-Type: multipart/related; boundary=B; " + repeat(b"a=b; ", min(n, 1 << 20) // 2)
    + b"start=z\n\n" + repeat(b"--B\nContent-ID: <y>\n\n\n", n // 2),
    "fields of one name": body(b"", b"x: y\n"),
    "fields of long names": lambda n: b"".join(b"%b%d: y\n" % (b"x" * 500, i) for i in range(n // 506)),
    "fields of many names": lambda n: b"".join(b"%d: y\n" % (i * 7919 % 1000003) for i in range(n // 10)),
    "text": body(b"\n", b"x\n"),
    "text of controls": body(b"\n", b"\x1b\x07"),
    "attachments": body(MULTI % (b"B", b"B"), b"Content-Type: a/b; name=x\n\nx\n--B\n"),
})
for name, unit in {
        "=?": b"=?", "=?a?q?": b"=?a?q?", "=?utf-8?q?a?=": b"=?utf-8?q?a?=", "charsets": b"=?koi8-r?q?a?= =?big5?q?b?=",
        "unknown charsets": b"=?a?q?a?= =?b?q?b?=", "(": b"(", "()": b"()", "(\\": b"(\\", '"': b'"', '\\"': b'\\"',
        '"\\': b'"\\', "<": b"<", "<>": b"<>", '<"\\"': b'<"\\",', "<@": b"<@,", "@": b"@", "a@b ": b"a@b ", "a ": b"a ",
        ",": b",", "[": b"[", ":": b":", ";": b";", "a@b \"": b'a@b \\"', "a=b;": b"a=b;", "a=b ": b"a=b ", "a b": b"a b;",
        "filename*": b"filename*99=b;", "'": b"filename*=';", "%": b"filename*=''%;", "a@b(": b"a@b(,", "blanks": b" ",
        '"\\"<a>': b'\\"<a>', '"\\" a@b': b'\\" a@b', "a@b (": b"a@b (", "a@b c": b"a@b c \\\"",
        "=?a?q?\"": b'=?a?q?"', "<a": b"<a", "(a)<a": b"(a)<a", "a:b@": b"a:b@ ", "x y(c)": b"x=a y(c)(c)(c) z",
        "a@b c ": b"a@b " + b"c " * 500 + b"d@e ",
}.items():
    KINDS["header of " + name] = field(unit)


def measure(driver, octets):
    with tempfile.NamedTemporaryFile(suffix=".eml") as f:
        f.write(octets)
        f.flush()
        before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
        subprocess.run([driver, f.name], stdout=subprocess.DEVNULL, check=True, timeout=300)
        return resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before


def main():
    driver, size = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 10 << 20
    only = sys.argv[3] if len(sys.argv) > 3 else ""
    failed = 0
    for name, build in KINDS.items():
        if only not in name:
            continue
        times = [measure(driver, build(size * factor // 4)) for factor in (1, 2, 4)]
        # or a factor of many, which is the same at any size that has a cap
        bad = (times[2] > 0.2 and times[2] > 8 * max(times[0], 0.01)) or times[2] > 1 + size / (4 << 20)
        failed += bad
        print("%-32s %s s%s" % (name, " ".join("%7.3f" % t for t in times), "  NOT LINEAR" if bad else ""), flush=True)
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
