#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Measures how fast mail is read from files as JSON and as text, beside GMime where that is installed.

    reading.py PROGRAM BIN [--rounds N] [--only ROW,...]

The mails are those of samples.py.  Each round runs every row once; a figure is the
median.  Rates are octets with line ends of CRLF, a second of user time.  GMime parses
the same mails, decodes the texts and makes the SHA-256 of the rest; gmime.c does that.
Fails if a target is missed.
"""
import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

import samples

parser = argparse.ArgumentParser()
parser.add_argument("program")
parser.add_argument("bin")
parser.add_argument("--rounds", type=int, default=7)
parser.add_argument("--only", default="")
args = parser.parse_args()

JSON, TEXT = ["-j"], ["-f", "text"]
COPIES, STARTS = 3000, 300
GIB = 1 << 30
THAN_GMIME = 3  # times as fast
ROWS = {  # what, format, MB/s
    "text": ("JSON of 8-bit UTF-8 text", JSON, 1000),
    "quoted-printable": ("JSON of quoted-printable UTF-8", JSON, 500),
    "base64": ("JSON of base64 UTF-8 text", JSON, 700),
    "attachment": ("base64 attachment: decoded, SHA-256", JSON, 500 if "sha_ni" in open("/proc/cpuinfo").read() else 180),
    "latin1": ("JSON of ISO-8859-1 quoted-printable", JSON, 400),
    "html": ("HTML to text (GMime only decodes it)", TEXT, 300),
    "mixed": ("JSON of many mails of 10 KB", JSON, None),
}
PLACE = tempfile.mkdtemp(dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None)
bad = []


def gmime():
    """A program for it, or None."""
    path = os.path.join(args.bin, "gmime")
    flags = subprocess.run(["pkg-config", "--cflags", "--libs", "gmime-3.0"], capture_output=True, text=True)
    if flags.returncode != 0:
        print("GMime: skipped, as the package libgmime-3.0-dev is not here")
        return None
    source = os.path.join(os.path.dirname(os.path.abspath(__file__)), "gmime.c")
    subprocess.run([os.environ.get("CC", "cc"), "-O2", "-o", path, source, *flags.stdout.split()], check=True)
    return path


def run(words):
    """Seconds of user time, of processor time, and by the clock; and the peak of memory in octets."""
    start = time.monotonic()
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, env={**os.environ, "TMPDIR": PLACE})
    _, status, usage = os.wait4(process.pid, 0)
    took = time.monotonic() - start
    process.returncode = status
    if status != 0:
        sys.exit("fails: " + " ".join(words))
    return usage.ru_utime, usage.ru_utime + usage.ru_stime, took, usage.ru_maxrss * 1024


def write(name, octets):
    path = os.path.join(PLACE, name)
    with open(path, "wb") as f:
        f.write(octets)
    return path


def wanted(row):
    return not args.only or row in args.only.split(",")


def target(value, limit, more):
    """The target beside a figure, marked if it is missed."""
    missed = value < limit if more else value > limit
    return "(%s%5.4g)%s" % (">=" if more else "<=", limit, "!" if missed else " "), missed


def check(what, value, limit, more, unit=""):
    shown, missed = target(value, limit, more)
    print("%-44s %8.2f %-5s %s" % (what, value, unit, shown))
    if missed:
        bad.append("%s: %.3g, not %s" % (what, value, limit))


def rates(other):
    print("%-44s %30s %30s %s" % ("MB/s of user time, and of processor time", "fakesmtp", "GMime", "ratio"))
    for row, (what, options, least) in ROWS.items():
        if not wanted(row):
            continue
        mail = samples.mixed() if row == "mixed" else samples.large(row)
        copies = COPIES if row == "mixed" else 1
        path = write("mail", mail)
        box = path
        if row == "mixed":
            box = write("box", (b"From a@b Tue Nov 24 03:12:00 2026\n" + mail.replace(b"\r\n", b"\n") + b"\n") * copies)
        mine = [args.program, "-q", "-r", box, *options, "-o", "/dev/null"]
        theirs = [other, path, str(copies)]
        times, their_times = [], []
        for _ in range(args.rounds):
            times.append(run(mine))
            if other:
                their_times.append(run(theirs))
        mb = len(mail) * copies / 1e6
        mean = [mb / statistics.median(t[i] for t in times) for i in range(2)]
        shown, missed = target(mean[0], least, True) if least else ("", False)
        cells = "%-44s %8.0f %8.0f %13s" % (what, *mean, shown)
        if missed:
            bad.append("%s: %.0f MB/s, not %d" % (what, mean[0], least))
        if other and row == "html":
            cells += " %8.0f %8.0f" % tuple(mb / statistics.median(t[i] for t in their_times) for i in range(2))
        elif other:
            their_mean = [mb / statistics.median(t[i] for t in their_times) for i in range(2)]
            shown, missed = target(mean[0] / their_mean[0], THAN_GMIME, True)
            cells += " %8.0f %8.0f %6.2f, %6.2f %s" % (*their_mean, mean[0] / their_mean[0], mean[1] / their_mean[1], shown)
            if missed:
                bad.append("%s: %.2f times GMime, not %d" % (what, mean[0] / their_mean[0], THAN_GMIME))
        print(cells, flush=True)


def start():
    path = write("small", samples.HEAD.encode() + b"\nhello\n")
    mine = [args.program, "-q", "-r", path, "-j"]
    took = [(run(mine)[2], run(["cat", path])[2]) for _ in range(STARTS)]
    ours, cat = (statistics.median(t) for t in zip(*took))
    check("-r FILE -j of a small mail, against cat FILE", ours / cat, 1.5, False)


def gigabyte():
    unit = samples.some(samples.TEXT, samples.MB).encode()
    path = os.path.join(PLACE, "gigabyte")
    with open(path, "wb") as f:
        f.write(samples.HEAD.encode() + b"\n")
        for _ in range(GIB // len(unit)):
            f.write(unit)
    out = os.path.join(PLACE, "out")
    results = [run([args.program, "-q", "-r", path, "-j", "-o", out]) for _ in range(3)]
    size = os.path.getsize(out)
    check("1 GiB of text as JSON, processor time", statistics.median(r[1] for r in results), 3, False, "s")
    check("memory at its peak, against that JSON", results[0][3] / size, 1.02, False)


def main():
    try:
        other = gmime()
        rates(other)
        if wanted("start"):
            start()
        if wanted("gigabyte"):
            gigabyte()
    finally:
        shutil.rmtree(PLACE)
    for line in bad:
        print("missed: " + line)
    return 1 if bad else 0


sys.exit(main())
