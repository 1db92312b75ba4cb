# SPDX-License-Identifier: ISC
"""Sends one message of MB megabytes, most of it an attachment in base64, to a fakesmtp of its own: json_large.py PROGRAM MB"""
import base64
import hashlib
import json
import os
import random
import resource
import socket
import subprocess
import sys
import threading
import time

MEMORY = 16 << 10  # kB that it may need beside the mapped spool
program, mb = sys.argv[1], int(sys.argv[2])


def limit():
    room = (2 * mb + 64) << 20
    resource.setrlimit(resource.RLIMIT_AS, (room, room))


os.mkfifo("port")
server = subprocess.Popen([program, "-q", "-n", "1", "-p", "0", "--port-file", "port", "-j", "-o", "out"], preexec_fn=limit)
port = int(open("port").read())
peak = {"RssAnon": 0, "VmHWM": 0}


def watch():
    """Looks at what is the process's own, as long as it lives."""
    while True:
        try:
            status = open("/proc/%d/status" % server.pid).read()
        except OSError:
            return
        found = dict(line.split(":", 1) for line in status.splitlines())
        if "RssAnon" not in found:  # it has ended
            return
        for key in peak:
            peak[key] = max(peak[key], int(found[key].split()[0]))
        time.sleep(0.01)


watcher = threading.Thread(target=watch)
watcher.start()

line = random.Random(1).randbytes(57)  # as base64 a line of 76
lines = mb * (1 << 20) * 70 // 100 // 57
block = (base64.b64encode(line) + b"\r\n") * 1024
s = socket.create_connection(("127.0.0.1", port), timeout=300)
start = time.monotonic()
replies = s.makefile("rb")


def expect(code):
    """The last line of a reply."""
    reply = replies.readline()
    while reply[3:4] == b"-":
        reply = replies.readline()
    assert reply.startswith(code), reply


expect(b"220")
for command, code in (b"EHLO t", b"250"), (b"MAIL FROM:<>", b"250"), (b"RCPT TO:<b@x.test>", b"250"), (b"DATA", b"354"):
    s.sendall(command + b"\r\n")
    expect(code)
s.sendall(b"Subject: large\r\nFrom: a@x.test\r\nDate: Tue, 24 Nov 2026 03:12:00 +0000\r\nMessage-ID: <1@x.test>\r\n"
          b"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
          b"--b\r\n\r\nsmall\r\n--b\r\nContent-Type: a/b; name=large\r\nContent-Transfer-Encoding: base64\r\n\r\n")
digest, octets = hashlib.sha256(), line * 1024
for _ in range(lines // 1024):
    s.sendall(block)
    digest.update(octets)
s.sendall(b"--b--\r\n.\r\n")
sent = time.monotonic()
expect(b"250")
end = time.monotonic()
s.sendall(b"QUIT\r\n")
expect(b"221")
_, status, usage = os.wait4(server.pid, 0)
watcher.join()
assert status == 0, status
mail = json.load(open("out"))
assert mail["text"] == "small" and len(mail["attachments"]) == 1 and mail["problems"] == [], mail
assert mail["attachments"][0]["size"] == lines // 1024 * 1024 * 57
assert mail["attachments"][0]["sha256"] == digest.hexdigest()
print("one message of %d MB, an attachment of %d MB: %.0f MB/s, %.1f s to read it, %.2f CPU s/GB; memory %.1f MB, with what is mapped %.0f MB"
      % (mail["size"] >> 20, mail["attachments"][0]["size"] >> 20, (mail["size"] >> 20) / (end - start), end - sent,
         (usage.ru_utime + usage.ru_stime) / (mail["size"] / (1 << 30)), peak["RssAnon"] / 1024, peak["VmHWM"] / 1024))
assert 0 < peak["RssAnon"] <= MEMORY, "%d kB of memory" % peak["RssAnon"]
