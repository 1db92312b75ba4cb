#!/usr/bin/env python3
"""Makes a seed for the fuzzer of each dialogue: seeds.py DIALOGUES DIRECTORY"""
import glob
import os
import re
import sys

SETUP = ["EHLO t\r\n", "MAIL FROM:<a@x.test>\r\n", "RCPT TO:<b@x.test>\r\n", "DATA\r\n"]


def octets(text):
    text = re.sub(r"\{(.*?)\*(\d+)\}", lambda m: m.group(1) * min(int(m.group(2)), 40), text)
    return text.encode("latin-1").decode("unicode_escape").encode("latin-1")


count = 0
for path in sorted(glob.glob(os.path.join(sys.argv[1], "*.txt"))):
    for case in re.split(r"^= ", open(path, encoding="latin-1").read(), flags=re.M)[1:]:
        setup = re.search(r"^@ ([CEMRD])", case, re.M)
        said = "".join(SETUP[: "CEMRD".index(setup.group(1))]).encode() if setup else b""
        for kind, text in re.findall(r"^([Cc]): (.*)$", case, re.M):
            said += octets(text) + (b"\r\n" if kind == "C" else b"")
        with open(os.path.join(sys.argv[2], "dialogue-%03d" % count), "wb") as f:
            f.write(bytes([count % 64, count % 251]) + said)
        count += 1
