#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Compares the JSON of messages with what Python's email package reads.

    oracle.py RENDER_JSON FILE ...

Prints each disagreement that EXPECTED does not explain, and fails if there is one.
"""
import email
import email.errors
import email.generator
import email.policy
import hashlib
import io
import json
import os
import re
import subprocess
import sys

# Where we are right, or mean to differ: (what differs, a pattern for the message, why).
EXPECTED = [
    ("text raises", rb"charset=x-nothing", "a charset that nobody knows is read as UTF-8, and named as a problem"),
    ("from|to|cc", rb"\([^)]*\.", "a comment is the name of the address before it, dots and all; Python drops that"),
    ("to", rb"To: [^\n]*\n[^\n]*=\?= =\?", "RFC 2047 6.2: blanks between adjacent encoded words are none, in names too"),
    ("from", rb"<>", "<> is no address"),
    ("text|attachments", rb"text/plain \(comment\)", "RFC 2045 5.1: comments in Content-Type"),
    ("text|attachments", rb"quoted-printable\r?\n\r?\n[^\n]* \r?\n", "RFC 2045 6.7 (3): blanks at the end of a line are not there"),
    ("text|attachments", rb"\n--(\S+)\r?\n--\1\r?\n", "an empty part is one, not none"),
    ("text|attachments", rb"\r\nbegin 644 .*\nbye", "a uuencoded file in a text is an attachment; Python leaves it there"),
    ("text|html|attachments", rb'related(; type="\S*")?; boundary="\S*"\s+--\S+\s+Content-Type: (image|text/plain)',
     "RFC 2387 3.1: type names that of the root, and what is no text is not read; Python takes the first part"),
    ("attachments", rb"base64\r?\n.*=\s+--x--\s", "RFC 2045 6.8: padding ends base64; Python reads on from 3.13"),
    ("text|attachments", rb'boundary="=\?', "RFC 2047 5 (3): an encoded word in a boundary stands for itself"),
    ("attachments", rb"boundary=\"(\w+)\"\r?\n\r?\n--\1--\r?\n", "a multipart without a part is a leaf, with all its octets"),
]


def squeeze(text):
    return " ".join(text.split())


def scrub(text):
    """Without the surrogates that Python has 8-bit octets as."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


# ---- ours ----

def read_ours(driver, paths):
    output = subprocess.run([driver, *paths], stdout=subprocess.PIPE, check=True).stdout
    lines = output.decode("utf-8", "strict").split("\n")
    assert lines.pop() == "" and len(lines) == len(paths)
    for path, line in zip(paths, lines):
        yield path, json.loads(line)


def ours(mail):
    result = {key: mail[key] for key in ("subject", "message_id", "date", "text", "html")}
    for key in "from", "to", "cc", "bcc", "reply_to":
        result[key] = [(squeeze(a["name"] or ""), a["address"]) for a in mail[key]]
    result["attachments"] = [(a["type"], a["filename"], a["sha256"]) for a in mail["attachments"]]
    return result


# ---- theirs ----

def theirs(octets):
    message = email.message_from_bytes(octets, policy=email.policy.default)
    raw = email.message_from_bytes(octets, policy=email.policy.compat32)
    result = {}

    def keep(key, function):
        try:
            result[key] = function()
        except Exception as e:  # of which that package has its own
            result[key] = e

    for key, name in ("subject", "subject"), ("message_id", "message-id"):
        keep(key, lambda: None if message[name] is None else scrub(str(message[name])))
    for key in "from", "to", "cc", "bcc", "reply_to":
        keep(key, lambda: [(scrub(squeeze(a.display_name)), scrub(a.addr_spec))
                           for field in message.get_all(key.replace("_", "-"), []) for a in field.addresses])
    keep("date", lambda: None if message["date"] is None else message["date"].datetime)
    bodies = [find_body(message, subtype) for subtype in ("plain", "html")]
    for key, body in zip(("text", "html"), bodies):
        keep(key, lambda: body_text(body))
    keep("attachments", lambda: list(attachments(message, raw, octets, bodies)))
    return result


def find_body(message, subtype):
    try:
        return message.get_body((subtype,))
    except Exception as e:
        return e


def body_text(part):
    if isinstance(part, Exception):
        raise part
    return None if part is None else scrub(part.get_content()).replace("\r\n", "\n")


def attachments(part, raw, octets, bodies):
    """All leaves but the bodies, a message as one; raw is the same part as another policy has it."""
    kind = part.get_content_type()
    name = part.get_filename()
    name = None if name is None else scrub(name)
    if kind in ("message/rfc822", "message/global"):
        yield kind, name, digest_of_message(raw, octets)
    elif part.get_content_maintype() == "message" and part.is_multipart():
        yield kind, name, None
    elif part.is_multipart():
        for inner, inner_raw in zip(part.get_payload(), raw.get_payload()):
            yield from attachments(inner, inner_raw, octets, bodies)
    elif not any(part is body for body in bodies):
        yield kind, name, hashlib.sha256(part.get_payload(decode=True)).hexdigest()


def digest_of_message(raw, octets):
    """Python has taken it apart; None where it is not put together as it came, or nothing is there to tell by."""
    out = io.BytesIO()
    line_end = "\r\n" if b"\r\n" in octets else "\n"
    try:
        email.generator.BytesGenerator(out, mangle_from_=False, maxheaderlen=0).flatten(raw.get_payload(0), linesep=line_end)
    except Exception:
        return None
    whole = out.getvalue()
    return hashlib.sha256(whole).hexdigest() if whole.strip() and whole in octets else None


# ---- both ----

def same_date(a, b):
    if a is None or b is None:
        return a is b
    zone = "-00:00" if b.tzinfo is None else b.strftime("%z")[:3] + ":" + b.strftime("%z")[3:]
    return a == b.strftime("%Y-%m-%dT%H:%M:%S") + zone


def same_attachments(a, b):
    return len(a) == len(b) and all(x[:2] == y[:2] and y[2] in (None, x[2]) for x, y in zip(a, b))


def same(key, us, they):
    if key in ("subject", "message_id") and us is not None and they is not None:
        return squeeze(us) == squeeze(they)
    if key == "date":
        return same_date(us, they)
    if key == "attachments":
        return same_attachments(us, they)
    return us == they


def compare(us, they):
    """Yields what differs, ours and theirs."""
    for key, value in us.items():
        if isinstance(they[key], Exception):
            yield key + " raises", value, they[key]
        elif not same(key, value, they[key]):
            yield key, value, they[key]


def main():
    paths, unexplained, explained, digests = sys.argv[2:], 0, {}, [0, 0]
    for path, mail in read_ours(sys.argv[1], paths):
        octets = open(path, "rb").read()
        they = theirs(octets)
        if not isinstance(they["attachments"], Exception):
            for _, _, digest in they["attachments"]:
                digests[digest is None] += 1
        for key, us, them in compare(ours(mail), they):
            reason = next((why for what, pattern, why in EXPECTED
                           if re.fullmatch(what, key) and re.search(pattern, octets, re.S)), None)
            if reason:
                explained.setdefault(reason, set()).add((os.path.basename(path), key))
                continue
            unexplained += 1
            print("%s: %s\n  ours   %.600r\n  theirs %.600r" % (path, key, us, them))
    for reason, where in sorted(explained.items()):
        print("%4d %s" % (len(where), reason))
    print("%d messages, %d digests compared and %d not; %d disagreements explained, %d not"
          % (len(paths), *digests, sum(len(where) for where in explained.values()), unexplained))
    sys.exit(unexplained > 0)


if __name__ == "__main__":
    main()
