#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Lets runs take many messages and many connections, and looks whether they grow; and clients that do their worst.

    soak.py PROGRAM LOAD MESSAGES [--only FORMAT,...] [--connections N]
    soak.py PROGRAM --worst SECONDS [--only CLIENT,...]

LOAD is tests/bench/load.c.  For each format a run takes MESSAGES in ten parts.  After the second part and after the last
one it must have the same descriptors, and about the same memory; all messages must be where they belong.  Then N
connections (10,000) are open at once, and messages are taken meanwhile.

--worst lets others be slow, stall or flood, each kind for this time, while one client measures how long its replies
take.  Prints the 99th percentile for each kind in milliseconds, and that of all.
"""
import argparse
import multiprocessing
import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

import mail
from mail import Bad, Client, check

PARTS = 10
GROWTH = 128  # KiB, and an eighth of the memory before
PROGRAM = LOAD = None


class Server:
    """A run without an end, in a new directory."""

    def __init__(self, *words, stdout=subprocess.DEVNULL, scheme=""):
        self.place = tempfile.mkdtemp(dir=mail.top_directory())
        listening = mail.listening_socket()
        self.port = listening.getsockname()[1]
        self.process = subprocess.Popen([PROGRAM, "-q", "-k", "-l", "%sfd:%d" % (scheme, listening.fileno()), *words], cwd=self.place,
                                        stdin=subprocess.DEVNULL, stdout=stdout, pass_fds=[listening.fileno()])
        listening.close()
        client = Client(self.port, tls="at once" if scheme else None)
        client.begin()
        client.quit()
        client.close()

    def memory(self):
        with open("/proc/%d/status" % self.process.pid) as f:
            return next(int(line.split()[1]) for line in f if line.startswith("VmRSS"))

    def descriptors(self):
        return len(os.listdir("/proc/%d/fd" % self.process.pid))

    def sample(self):
        """Descriptors and memory, once the connections of before have ended."""
        end = time.monotonic() + 30
        before = None
        while time.monotonic() < end:
            now = self.descriptors()
            if now == before:
                break
            before = now
            time.sleep(0.1)
        return now, self.memory()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(mail.LONG)
        finally:
            shutil.rmtree(self.place, ignore_errors=True)


def send(port, n):
    """n messages over 20 connections, of 1 KB."""
    each = max(1, n // 20)
    done = subprocess.run([LOAD, "-c", "20", "-n", "20", "-m", str(each), "-p", "-s", "1024", str(port)], stdout=subprocess.PIPE)
    check(done.returncode == 0, "load fails")
    return 20 * each


# ---- formats: how many messages are there, when the run has ended or after a part ----


def count_lines(start):
    """Of a stream to standard output: those that begin so."""
    return subprocess.Popen(["grep", "-ac", start], stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def take_files(directory):
    """Removes them, so that a million of them need no room."""
    n = 0
    with os.scandir(directory) as entries:
        for entry in entries:
            n += 1
            os.unlink(entry.path)
    return n


FORMATS = {
    "none": (("-f", "none"), None, None, 0),
    "eml": (("-f", "eml"), "^Subject: ", None, 1),
    "mbox": (("-f", "mbox"), "^From ", None, 1),
    "mbox-file": (("-f", "mbox", "-o", "box"), None, None, 1),
    "json": (("-j",), "^{", None, 1),
    "text": (("-f", "text"), "^Envelope-From: ", None, 1),
    "directory": (("-d", "mail"), None, "mail", 1),
    "maildir": (("--maildir", "md"), None, "md/new", 1),
    "beside": (("-d", "mail", "--beside", "json,text,envelope"), None, "mail", 4),
    "match": (("-f", "none", "--match", "subject: load", "--strict", "--allow", "no-date,no-quit"), None, None, 0),
    "transcript": (("-f", "none", "--transcript", "/dev/null"), None, None, 0),
}


def soak(name, messages):
    words, start, directory, each = FORMATS[name]
    counter = count_lines(start) if start else None
    server = Server("-n", "%d-" % (messages // 20 * 20), *words, stdout=counter.stdin if counter else subprocess.DEVNULL)
    if counter:
        counter.stdin.close()
    sent = there = 0
    samples, began = [], time.monotonic()
    for _ in range(PARTS):
        sent += send(server.port, messages // PARTS)
        samples.append(server.sample())
        if directory:
            there += take_files(server.place + "/" + directory)
    took = time.monotonic() - began
    if name == "mbox-file":
        there = int(subprocess.run(["grep", "-c", "^From ", server.place + "/box"], stdout=subprocess.PIPE).stdout)
    status = server.stop()
    check(status == 0, "status", status)
    if counter:
        there = int(counter.stdout.read())
        counter.wait()
    print("%-12s %8d messages in %4d s, descriptors %s, KiB %s" % (
        name, sent, took, " ".join(str(d) for d, _ in samples[1::8]), " ".join(str(m) for _, m in samples[1::2])), flush=True)
    check(there == sent * each, there, "of", sent * each, "are there")
    (descriptors, memory), (descriptors_after, memory_after) = samples[1], samples[-1]
    check(descriptors_after == descriptors, "descriptors grow from", descriptors, "to", descriptors_after)
    check(memory_after <= memory + memory // 8 + GROWTH, "memory grows from", memory, "to", memory_after, "KiB")


def soak_connections(n):
    """Many that are open at once: they go on, others are served, and nothing is left of them."""
    most = 2 * n + 1000
    if resource.getrlimit(resource.RLIMIT_NOFILE)[1] < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    server = Server("-f", "none", "-n", "1000-")
    send(server.port, 100)
    before, memory = server.sample()
    for _ in range(3):
        idle = subprocess.Popen([LOAD, "-i", str(n), "-e", str(server.port)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        check(idle.stdout.readline() == b"%d\n" % n, "not all connections were greeted")
        send(server.port, 1000)
        open_now, most_memory = server.sample()
        check(open_now >= before + n, "only", open_now, "descriptors are open")
        idle.communicate()
        end = time.monotonic() + mail.LONG
        while server.descriptors() != before:
            check(time.monotonic() < end, "descriptors grow from", before, "to", server.descriptors())
            time.sleep(0.05)
    check(server.stop() == 0, "status")
    print("connections  %8d at once, three times: KiB %d, and %d with none" % (n, most_memory, memory), flush=True)


# ---- the worst clients; each runs in a process of its own, until it is ended ----


def keep_reading(s):
    while s.recv(1 << 16):
        pass


def opened(port, **how):
    c = Client(port, **how)
    c.begin()
    return c


def worst_slow_senders(port):
    """A hundred that send an octet of a message now and then."""
    clients = [opened(port) for _ in range(100)]
    octets = b"MAIL FROM:<a@x.test>\r\nRCPT TO:<b@x.test>\r\nDATA\r\n" + b"a line of text\r\n" * 1000
    for i in range(len(octets)):
        for c in clients:
            c.socket.send(octets[i : i + 1])
        time.sleep(0.01)


def worst_slow_readers(port):
    """A hundred that ask much, and read little."""
    clients = [opened(port) for _ in range(100)]
    for c in clients:
        c.socket.setblocking(False)
    while True:
        for c in clients:
            try:
                c.socket.send(b"HELP\r\n" * 1000)
            except BlockingIOError:
                pass
            try:
                c.socket.recv(10)
            except BlockingIOError:
                pass
        time.sleep(0.01)


def flood(port, octets, before=b"", **how):
    """As fast as it goes."""
    c = opened(port, **how)
    threading.Thread(target=keep_reading, args=(c.socket,), daemon=True).start()
    c.socket.sendall(before)
    while True:
        c.socket.sendall(octets)


def worst_commands(port):
    flood(port, b"NOOP\r\n" * 20000)


def worst_recipients(port):
    flood(port, b"MAIL FROM:<a@x.test>\r\n" + b"RCPT TO:<b@x.test>\r\n" * 900 + b"RSET\r\n")


def worst_chunks(port):
    """Chunks of an octet."""
    flood(port, b"BDAT 1\r\nx" * 10000, b"MAIL FROM:<a@x.test>\r\nRCPT TO:<b@x.test>\r\n")


def worst_bare_lines(port):
    """Mail data whose lines end in LF, and begin with dots."""
    flood(port, b".\n..\n\r.\r\r\n." * 10000, b"MAIL FROM:<a@x.test>\r\nRCPT TO:<b@x.test>\r\nDATA\r\n")


def worst_records(port):
    """TLS records of an octet."""
    c = opened(port, tls="at once")
    threading.Thread(target=keep_reading, args=(c.socket,), daemon=True).start()
    while True:
        for octet in b"NOOP\r\n":
            c.socket.send(bytes([octet]))


def worst_handshakes(port):
    """One handshake after the other."""
    while True:
        opened(port, tls="at once").close()


def worst_large(port):
    """Messages of 30 MB with many parts, which take long to read."""
    c = opened(port)
    part = b"--B\r\nContent-Type: text/html\r\n\r\n<p>text &amp; more</p>\r\n" * 500
    head = b"Subject: large\r\nContent-Type: multipart/mixed; boundary=B\r\n\r\n"
    while True:
        for line, code in (b"MAIL FROM:<a@x.test>", "250"), (b"RCPT TO:<b@x.test>", "250"), (b"DATA", "354"):
            c.say(line, code)
        c.send(head + part + b"--B\r\n\r\n" + b"text, and more of it\r\n" * 1400000 + b"\r\n.\r\n")
        c.reply()


def worst_connections(port):
    """Connections that end at once."""
    while True:
        socket.create_connection(("127.0.0.1", port)).close()


def worst_stalled_stream(port):
    """Messages for a stream whose reader takes nothing."""
    clients = []
    for i in range(20):
        c = opened(port)
        c.say(b"MAIL FROM:<a@x.test>", "250")
        c.say(b"RCPT TO:<b@x.test>", "250")
        c.say(b"DATA", "354")
        c.send(b"Subject: x\r\n\r\n" + b"text\r\n" * 20000 + b".\r\n")
        clients.append(c)
    time.sleep(mail.LONG)


WORST = {name[6:]: f for name, f in sorted(globals().items()) if name.startswith("worst_")}
OPTIONS = {"large": ("-j", "-o", "/dev/null"), "stalled_stream": ("-j",), "slow_senders": ("-d", "mail")}
SECURE = {"records", "handshakes"}


def replies_beside(name, seconds):
    """How long replies take, in milliseconds, while those clients do their worst."""
    secure = name in SECURE
    read_end, write_end = os.pipe()  # for the stream, and nobody reads it
    server = Server(*OPTIONS.get(name, ("-f", "none")), stdout=write_end, scheme="smtps://" if secure else "")
    worst = multiprocessing.Process(target=WORST[name], args=(server.port,), daemon=True)
    times = []
    try:
        client = opened(server.port, tls="at once" if secure else None)
        worst.start()
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for line in b"NOOP", b"MAIL FROM:<a@x.test>", b"RCPT TO:<b@x.test>", b"RSET":
                asked = time.perf_counter()
                client.say(line, "250")
                times.append((time.perf_counter() - asked) * 1000)
            time.sleep(0.002)
        check(worst.is_alive(), name, "has ended")
    finally:
        worst.kill()
        worst.join()
        os.close(read_end)
        os.close(write_end)
        server.stop()
    return sorted(times)


def percentile(times):
    return times[len(times) * 99 // 100]


def show_worst(chosen, seconds):
    everything = []
    for name in chosen:
        times = replies_beside(name, seconds)
        everything.append(percentile(times))
        print("%-16s %6d replies, 99 of 100 within %6.1f ms, the last %6.1f" % (name, len(times), everything[-1], times[-1]), flush=True)
    print("worst: %.1f" % max(everything))


def main():
    global PROGRAM, LOAD
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("load", nargs="?")
    parser.add_argument("messages", nargs="?", type=int)
    parser.add_argument("--only", default="")
    parser.add_argument("--connections", type=int, default=10000)
    parser.add_argument("--worst", type=float)
    o = parser.parse_args()
    PROGRAM = os.path.abspath(o.program)
    LOAD = o.load and os.path.abspath(o.load)
    chosen = lambda names: [n for n in names if not o.only or n in o.only.split(",")]
    bad = 0
    if o.worst:
        show_worst(chosen(WORST), o.worst)
        return 0
    for name in chosen([*FORMATS, "connections"]):
        try:
            if name == "connections":
                soak_connections(o.connections)
            else:
                soak(name, o.messages)
        except Bad as e:
            bad += 1
            print("bad: %s: %s" % (name, e), flush=True)
    print("soak: %d bad" % bad)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
