#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Makes a seed for the fuzzer from each dialogue: seeds.py DIALOGUES DIRECTORY"""
import glob
import os
import re
import sys

SETUP = ["EHLO t\r\n", "MAIL FROM:<a@x.test>\r\n", "RCPT TO:<b@x.test>\r\n", "DATA\r\n"]
# as fuzz_smtp.c has them
CONFIG = {"lmtp": 1, "strict": 2, "require auth": 4, "require tls": 8, "secure": 16}


def octets(text):
    text = re.sub(r"\{(.*?)\*(\d+)\}", lambda m: m.group(1) * min(int(m.group(2)), 40), text)
    return text.encode("latin-1").decode("unicode_escape").encode("latin-1")


count = 0
for path in sorted(glob.glob(os.path.join(sys.argv[1], "*.txt"))):
    for case in re.split(r"^= ", open(path, encoding="latin-1").read(), flags=re.M)[1:]:
        setup = re.search(r"^@ ([CEMRD])", case, re.M)
        config = sum(bit for setting, bit in CONFIG.items() if re.search("^! %s$" % setting, case, re.M))
        said = "".join(SETUP[: "CEMRD".index(setup.group(1))]).encode() if setup else b""
        if config & CONFIG["lmtp"]:
            said = said.replace(b"EHLO", b"LHLO")
        for kind, text in re.findall(r"^([Cc]): (.*)$", case, re.M):
            said += octets(text) + (b"\r\n" if kind == "C" else b"")
        with open(os.path.join(sys.argv[2], "dialogue-%03d" % count), "wb") as f:
            f.write(bytes([count % 256 if count % 3 == 0 else 0, config, 0, count % 251]) + said)
        count += 1
