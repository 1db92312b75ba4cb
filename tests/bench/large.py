# SPDX-License-Identifier: ISC
"""Sends one message of MB megabytes to a fakesmtp of its own: large.py PROGRAM MB"""
import os
import resource
import socket
import subprocess
import sys
import time

program, mb = sys.argv[1], int(sys.argv[2])
os.mkfifo("port")
server = subprocess.Popen([program, "-q", "-n", "1", "-p", "0", "--port-file", "port", "-d", "mail"])
port = int(open("port").read())
s = socket.create_connection(("127.0.0.1", port), timeout=120)
block = (b"x" * 126 + b"\r\n") * 8192  # 1 MiB
start = time.monotonic()
s.sendall(b"EHLO t\r\nMAIL FROM:<>\r\nRCPT TO:<b@x.test>\r\nDATA\r\n")
for _ in range(mb):
    s.sendall(block)
# of the program itself: what wait4 tells also counts the time before exec
peak = [int(line.split()[1]) for line in open("/proc/%d/status" % server.pid) if line.startswith("VmHWM")][0]
s.sendall(b".\r\nQUIT\r\n")
got = b""
while True:
    more = s.recv(65536)
    if not more:
        break
    got += more
seconds = time.monotonic() - start
assert got.endswith(b"250 2.0.0 Message accepted\r\n221 2.0.0 Bye\r\n"), got
_, status, usage = os.wait4(server.pid, 0)
assert status == 0, status
assert os.path.getsize("mail/0001.eml") == mb * 8192 * 127
print("one message of %d MB: %.0f MB/s, %.2f CPU s/GB, peak memory %.1f MB"
      % (mb, mb / seconds, (usage.ru_utime + usage.ru_stime) / mb * 1024, peak / 1024))
