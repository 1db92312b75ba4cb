#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Checks random and mutated messages as JSON: each is one line that jq and Python accept, valid UTF-8, without controls.

    mutate.py RENDER_JSON MESSAGES [FIRST]

The messages are the same each time.  FIRST is the number of the first batch.
"""
import concurrent.futures
import glob
import json
import os
import random
import re
import subprocess
import sys
import time

import mails

BATCH = 500
SECONDS = 120  # for a batch; one takes less than one, or, where an instrumented program runs, a few
KEYS = {"n", "time", "time_epoch", "sender", "date_epoch", "in_reply_to", "references", "list_unsubscribe", "parts", "size", "file", "matched", "expectations", "client", "envelope", "subject", "from", "to", "cc", "bcc", "reply_to",
        "date", "message_id", "headers", "text", "html", "links", "attachments", "problems"}
UNSEEN = re.compile("[\\x00-\\x1f\\x7f-\\x9f\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]")
HERE = os.path.dirname(os.path.abspath(__file__))
TOKENS = [bytes([c]) for c in range(256)] + [
    b"\r\n", b"\r\n\r\n", b"\n\n", b"--", b"--b1", b"=?", b"?=", b"=?utf-8?q?", b"=?utf-8?b?", b"=?x?q?=1B?=", b"=\r\n",
    b"=00", b"=1B", b"=E2=80=AE", b"\xe2\x80\xae", b"\xe2\x80\x8b", b"\xed\xa0\x80", b"\xf0\x9f\x98\x80", b"\xf4\x90\x80\x80",
    b"\xc0\x80", b"\xc2\x9b", b'"', b'\\"', b"\\", b"<", b">", b"(", b")", b";", b",", b":", b"*0*=", b"*=utf-8''%e2%80",
    b"filename=", b"name=", b"charset=", b"charset=utf-7", b"charset=utf-16", b"charset=iso-2022-jp", b"charset=gb18030",
    b"boundary=", b'boundary="b1"', b"start=", b"Content-Type: ", b"\nContent-Type: multipart/related; boundary=b1\n",
    b"\nContent-Type: message/rfc822\n\n", b"\nContent-Type: text/html\n", b"\nContent-Transfer-Encoding: base64\n",
    b"\nContent-Transfer-Encoding: quoted-printable\n", b"\nContent-Disposition: attachment\n", b"\nContent-ID: <x>\n",
    b"\nFrom: ", b"\nTo: ", b"\nSubject: ", b"\nDate: ", b"\nMessage-ID: ", b"\xff\xfe", b"\x1b$B", b"\0", b"From ",
    b"\nbegin 644 a\n", b"\n#86)C\n", b"\nend\n", b"\nContent-Transfer-Encoding: x-uuencode\n",
]
corpus = []


def load():
    corpus.extend(mails.mails())
    for path in sorted(glob.glob(os.path.join(HERE, "corpus", "mime", "*"))):
        corpus.append(open(path, "rb").read())


def place(r, text):
    return r.randrange(len(text) + 1)


def mutate(r, text):
    kind = r.randrange(9)
    at = place(r, text)
    if kind == 0:
        return text[:at] + r.choice(TOKENS) + text[at:]
    if kind == 1:
        token = r.choice(TOKENS)
        return text[:at] + token + text[at + len(token):]
    if kind == 2:
        return text[:at] + text[at + r.randrange(1, 40):]
    if kind == 3:
        return text[:at]
    if kind == 4:
        piece = text[at:at + r.randrange(1, 200)]
        other = place(r, text)
        return text[:other] + piece * r.choice((1, 1, 2, 50)) + text[other:]
    if kind == 5:
        other = r.choice(corpus)
        return text[:at] + other[place(r, other):][:2000]
    if kind == 6:
        return text.replace(b"\r\n", b"\n") if b"\r\n" in text else text.replace(b"\n", b"\r\n")
    if kind == 7:
        return text[:at] + r.randbytes(r.randrange(1, 12)) + text[at:]
    changed = bytearray(text)
    for _ in range(r.randrange(1, 8)):
        if changed:
            changed[r.randrange(len(changed))] ^= 1 << r.randrange(8)
    return bytes(changed)


def make(r):
    if r.randrange(20) == 0:
        return r.randbytes(r.randrange(400))
    if r.randrange(20) == 0:
        return b"".join(r.choice(TOKENS) for _ in range(r.randrange(100)))
    text = r.choice(corpus)
    for _ in range(r.randrange(1, 6)):
        text = mutate(r, text)
    return text[:20000]


def members(pairs):
    found = dict(pairs)
    assert len(found) == len(pairs), "a key twice"
    return found


def check(line, octets):
    text = line.decode("utf-8", "strict")
    mail = json.loads(text, object_pairs_hook=members)
    assert set(mail) == KEYS, "keys"
    assert mail["size"] == len(octets), "another message"
    assert text.isprintable() or not UNSEEN.search(text), "controls"


def run_batch(task):
    driver, number, count = task
    r = random.Random(number)
    batch = [make(r) for _ in range(count)]
    framed = b"".join(b"%d\n%b" % (len(octets), octets) for octets in batch)
    before = time.monotonic()
    try:
        done = subprocess.run([driver, "-s"], input=framed, capture_output=True, timeout=SECONDS)
    except subprocess.TimeoutExpired:
        return "batch %d takes more than %d s" % (number, SECONDS), 0, 0
    took = time.monotonic() - before
    lines = done.stdout.split(b"\n")
    if done.returncode != 0 or done.stderr or lines.pop() != b"" or len(lines) != count:
        keep(number, batch[min(len(lines), count - 1)])
        return "batch %d, message %d: status %d\n%s" % (number, len(lines), done.returncode, done.stderr.decode()[-4000:]), 0, 0
    for octets, line in zip(batch, lines):
        try:
            check(line, octets)
        except Exception as e:
            keep(number, octets)
            return "batch %d: %s\n%r" % (number, e, line[:2000]), 0, 0
    jq = subprocess.run(["jq", "-e", "-c", "."], input=done.stdout, capture_output=True)
    if jq.returncode != 0 or jq.stdout.count(b"\n") != count:
        return "batch %d: jq: status %d, %s" % (number, jq.returncode, jq.stderr.decode()[-2000:]), 0, 0
    return None, len(done.stdout), took


def keep(number, octets):
    os.makedirs("build", exist_ok=True)
    with open("build/mutated-%d.eml" % number, "wb") as f:
        f.write(octets)


def main():
    driver, messages = os.path.abspath(sys.argv[1]), int(sys.argv[2])
    first = int(sys.argv[3]) if len(sys.argv) > 3 else 0
    load()
    tasks = [(driver, first + i, min(BATCH, messages - i * BATCH)) for i in range((messages + BATCH - 1) // BATCH)]
    octets = slowest = failed = 0
    with concurrent.futures.ThreadPoolExecutor() as pool:  # processes would need semaphores, and so /dev/shm
        for complaint, size, took in pool.map(run_batch, tasks):
            octets, slowest = octets + size, max(slowest, took)
            if complaint:
                failed += 1
                print(complaint, flush=True)
    print("%d messages as %d MB of JSON: %d batches failed; the slowest of %d took %.2f s"
          % (messages, octets >> 20, failed, BATCH, slowest))
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
