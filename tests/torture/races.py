#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Lets two things happen at about the same time, again and again.

    races.py PROGRAM ROUNDS [--seconds N] [--only RACE,...] [--seed N] [--jobs N]

--seconds ends them before, after a number of rounds that the last lines tell.

Each race is a function r_*, which takes a round of it: a place, and a source of random numbers.  It raises Bad if a
verdict is wrong, a reply is lost, a message that was taken is not there, or one that was not is; or if something is
left at the end.  SIGKILL is not sent here; see faults.py.
"""
import argparse
import collections
import datetime
import itertools
import multiprocessing
import os
import random
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

import mail
from mail import Bad, Client, Files, Lost, Refused, Run, Stream, check, message

PROGRAM = None
OPENAT = b"257 "  # the call that a thread is in, as /proc shows it
JITTER = 0.004  # seconds: about as long as a run with one message takes


def spin(rng, most=JITTER):
    """A random time, in steps that are finer than a scheduler's."""
    end = time.perf_counter() + rng.random() * most
    while time.perf_counter() < end:
        pass


def serve(place, *words, **more):
    """A run on a socket that is open already: (run, port)."""
    listening = mail.listening_socket()
    port = listening.getsockname()[1]
    run = Run(place, [PROGRAM, "-q", "-t", "60", "-l", "fd:%d" % listening.fileno(), *words], sockets=[listening], **more)
    return run, port


def begin_data(client, name):
    """All but the last line of a message."""
    client.begin()
    for line, code in (b"MAIL FROM:<a@x.test>", "250"), (b"RCPT TO:<b@x.test>", "250"), (b"DATA", "354"):
        client.say(line, code)
    client.send((b"\r\n" + message(name)).replace(b"\r\n.", b"\r\n..")[2:])


def post(port, name):
    """What a client hears in the end: a code, or "lost" if the connection ends without a reply."""
    client = None
    try:
        client = Client(port)
        begin_data(client, name)
        client.send(b".\r\n")
        code = client.reply()
        client.quit()
        return code
    except Refused as e:
        return e.code
    except (Lost, ConnectionError, FileNotFoundError):
        return "lost"
    finally:
        if client is not None:
            client.close()


class Together:
    """Threads that start at about the same time; their results, in order."""

    def __init__(self, *calls):
        self.results = [None] * len(calls)
        self.failed = None
        self.gate = threading.Barrier(len(calls))
        threads = [threading.Thread(target=self.call, args=(i, call)) for i, call in enumerate(calls)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        if self.failed is not None:
            raise self.failed

    def call(self, i, call):
        self.gate.wait()
        try:
            self.results[i] = call()
        except Exception as e:
            self.failed = e


def is_clean(place, *expected):
    """Nothing is left but this."""
    check(not os.listdir(place + "/tmp"), "left in TMPDIR:", *os.listdir(place + "/tmp"))
    left = set(os.listdir(place + "/work")) - set(expected)
    check(not left, "left behind:", *left)


def stored(run, place=None):
    return sorted((place or Files("mail")).names(run, False))


# ---- races ----


def r_last_reply(place, rng):
    """The last reply against the end of the process, for clients that wait, hang up, or go on talking."""
    run, port = serve(place, "-n", "1", "-d", "mail")
    client = Client(port)
    how = rng.choice(["quit", "pipelined", "silent", "half", "noop", "another"])
    begin_data(client, "small-1")
    client.send(b".\r\n" + {"pipelined": b"QUIT\r\n", "noop": b"NOOP\r\n" * 3, "another": b"MAIL FROM:<>\r\n"}.get(how, b""))
    if how == "half":
        client.socket.shutdown(socket.SHUT_WR)
    check(client.reply() == "250", "no 250")
    if how == "quit":
        client.send(b"QUIT\r\n")
    if how in ("quit", "pipelined"):
        check(client.reply() == "221", "no 221")
    if how == "noop":
        check(client.reply() in ("250", "421"), "no reply to NOOP")
    if how == "another":
        check(client.reply() in ("250", "421"), "no reply to MAIL")
    if how in ("quit", "pipelined", "half"):
        check(client.buffer == b"" and client.socket.recv(100) == b"", "the connection does not end")
    client.close()
    status = run.wait()
    check(status == 0 and stored(run) == ["small-1"], how, "status", status)


def r_probe(place, rng):
    """Probes of the port against the one message, or the one connection, of a run."""
    run, port = serve(place, *rng.choice([("-n", "1"), ("-c", "1"), ("-c", "1", "-n", "1")]), "-d", "mail")

    def probe():
        for _ in range(rng.randrange(1, 4)):
            try:
                s = socket.create_connection(("127.0.0.1", port))
                if rng.random() < 0.3:
                    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                spin(rng, 0.001)
                s.close()
            except OSError:  # the run has ended
                pass

    code, _ = Together(lambda: post(port, "small-1"), probe).results
    status = run.wait()
    check(code == "250" and status == 0 and stored(run) == ["small-1"], "code", code, "status", status, run.err())


def r_term(place, rng):
    """SIGTERM against the arrival of a message: taken means counted, and not taken means not there."""
    run, port = serve(place, "-n", "1-", "-d", "mail", *rng.choice([(), ("-j", "-o", "lines"), ("--beside", "json")]))
    whole = rng.random() < 0.5

    def talk():
        if whole:
            return post(port, "small-1")
        try:
            client.send(b".\r\n")
            return client.reply()
        except Lost:
            return "lost"
        finally:
            client.close()

    def stop():
        spin(rng)
        run.stop()

    if not whole:
        client = Client(port)
        begin_data(client, "small-1")
    else:  # it has begun once it greets
        with socket.create_connection(("127.0.0.1", port), timeout=mail.LONG) as s:
            s.recv(1)
    code, _ = Together(talk, stop).results
    status = run.wait()
    expected = (0, ["small-1"]) if code == "250" else (1, [])
    check((status, stored(run)) == expected, "code", code, "status", status, "there", stored(run))
    check(whole or code in ("250", "421"), "a message whose data have come got", code)
    is_clean(place, "mail", "lines")


def r_command_end(place, rng):
    """The end of the command against a message that is on its way."""
    listening = mail.listening_socket()
    port = listening.getsockname()[1]
    read_end, write_end = os.pipe()
    with os.fdopen(read_end) as stdin:
        run = Run(place, [PROGRAM, "-q", "-t", "60", "-n", "1", "-d", "mail", "-l", "fd:%d" % listening.fileno(), "cat"], stdin=stdin,
                  sockets=[listening])

    def end():
        spin(rng)
        os.close(write_end)

    code, _ = Together(lambda: post(port, "small-1"), end).results
    status = run.wait()
    expected = (0, ["small-1"]) if code == "250" else (1, [])
    check((status, stored(run)) == expected, "code", code, "status", status, "there", stored(run))
    is_clean(place, "mail")


def r_last_of_many(place, rng):
    """More clients than messages or connections that are taken: which is the last one?"""
    by_connections = rng.random() < 0.3
    run, port = serve(place, *(("-c", "3") if by_connections else ("-n", "3")), "-d", "mail")
    names = ["small-%d" % i for i in range(6)]

    def talk(name):
        spin(rng, 0.001)
        return post(port, name)

    codes = Together(*[lambda name=name: talk(name) for name in names]).results
    status = run.wait()
    taken = sorted(n for n, code in zip(names, codes) if code == "250")
    check(status == 0 and len(taken) == 3 and stored(run) == taken, "status", status, "codes", codes, "there", stored(run), run.err())


def r_shared(place, rng):
    """Several processes store into one directory, Maildir or mbox."""
    words, where = rng.choice([(("-d", "mail"), Files("mail")), (("--maildir", "md"), Files("md", maildir=True)),
                               (("-f", "mbox", "-o", "box"), Stream("mbox", "box")),
                               (("-d", "mail", "--beside", "json,envelope"), Files("mail", beside=("json", "envelope")))])
    runs = [serve(place, "-n", "2", *words) for _ in range(3)]
    names = ["%s-%d" % (rng.choice(mail.KINDS), i) for i in range(6)]
    clients = [Client(port) for _, port in runs * 2]
    for client, name in zip(clients, names):
        begin_data(client, name)

    def end(client):
        client.send(b".\r\n")
        code = client.reply()
        client.close()
        return code

    codes = Together(*[lambda c=c: end(c) for c in clients]).results
    statuses = [run.wait() for run, _ in runs]
    check(codes == ["250"] * 6 and statuses == [0] * 3, "codes", codes, "statuses", statuses)
    check(stored(runs[0][0], where) == sorted(names), "there", stored(runs[0][0], where))
    is_clean(place, words[1], words[-1] if words[0] == "-f" else "mail")


def r_reader(place, rng):
    """A reader by -r while messages appear."""
    words, path = rng.choice([(("-d", "mail"), "mail"), (("--maildir", "md"), "md"), (("-f", "mbox", "-o", "box"), "box")])
    if path == "md":
        for part in "", "/new", "/cur", "/tmp":
            os.mkdir(place + "/work/md" + part)
    elif path == "mail":
        os.mkdir(place + "/work/mail")
    else:
        open(place + "/work/box", "wb").close()
    run, port = serve(place, "-n", "3", "-e", *words)
    names = ["%s-%d" % (rng.choice(mail.KINDS), i) for i in range(3)]
    got = []

    def read():
        spin(rng)
        done = subprocess.run([PROGRAM, "-q", "-t", "60", "-n", "3", "-r", path, "-j"], cwd=place + "/work", stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=mail.LONG)
        got.extend((done.returncode, done.stdout, done.stderr))

    codes = Together(lambda: [post(port, name) for name in names], read).results[0]
    status = run.wait()
    check(codes == ["250"] * 3 and status == 0 and got[0] == 0, "codes", codes, "status", status, "of the reader", got[0], got[2])
    run.piped = got[1]
    check(stored(run, Stream("json")) == sorted(names), "read", stored(run, Stream("json")))


def r_fifo(place, rng):
    """The FIFO of --port-file against its reader, and against the end of the run."""
    fifo = place + "/own/fifo"
    os.mkfifo(fifo)
    fails = rng.random() < 0.2
    words = ["-d", "/dev/null/x"] if fails else ["-d", "mail"]
    stops = not fails and rng.random() < 0.3

    got, asked = [], []

    def read():
        spin(rng)
        with open(fifo, "rb") as f:
            got.append(f.read())

    def has_read():
        if not asked and reader.is_alive() and mail.read_file("/proc/self/task/%d/syscall" % reader.native_id).startswith(OPENAT):
            asked.append(time.monotonic())
        return not reader.is_alive()

    reader = threading.Thread(target=read)
    reader.start()
    spin(rng)
    started = time.monotonic()
    run = Run(place, [PROGRAM, "-q", "-t", "60", "-n", "1", "-p", "0", "--port-file", fifo, *words])
    if stops:
        spin(rng)
        run.stop()
    mail.wait_for(run, has_read)
    code = post(int(got[0]), "small-1") if got and got[0] else "none"
    status = run.wait()
    in_time = asked and asked[0] - started < 0.5  # of the second that the manual names
    may_be_left = not in_time or (stops and status == -signal.SIGTERM)
    released = mail.release(reader, fifo, 0.01 if may_be_left else mail.LONG)
    check(not released or may_be_left, "the reader is left, status", status)
    if fails:
        check(status == 3 and (released or got == [b""]), "status", status, "text", got)
    elif stops:
        check((code == "250") == (status == 0) and status in (0, 1, -signal.SIGTERM), "status", status, "code", code)
    else:
        check(code == "250" and status == 0, "status", status, "code", code, "text", got)
    is_clean(place, "mail")


def r_background(place, rng):
    """-b: once it has returned, a client can connect, and SIGTERM ends it."""
    words = rng.choice([("-d", "mail"), ("-j", "-o", "lines"), ("-d", "mail", "--port-file", "port", "--tls", "--ca-file", "ca")])
    run = Run(place, [PROGRAM, "-b", "-q", "-t", "60", "-n", "1", *words])
    run.wait()
    text = mail.read_file(run.own("out")).decode()
    port, pid = (int(re.search(key + r"=(\d+)", text)[1]) for key in ("SMTP_PORT", "FAKESMTP_PID"))
    handle = os.pidfd_open(pid)
    stops = rng.random() < 0.3

    def stop():
        if stops:
            spin(rng)
            try:
                signal.pidfd_send_signal(handle, signal.SIGTERM)
            except ProcessLookupError:
                pass

    code, _ = Together(lambda: post(port, "small-1"), stop).results
    check(mail.select.select([handle], [], [], mail.LONG)[0], "it hangs")
    os.close(handle)
    _, status = os.waitpid(pid, 0)  # this process is a subreaper
    status = os.waitstatus_to_exitcode(status)
    check((code == "250") == (status == 0) and (stops or code == "250"), "status", status, "code", code, run.err())
    is_clean(place, "mail", "lines")


def r_socket(place, rng):
    """Two starts on one Unix socket, perhaps of a run that was killed."""
    path = place + "/work/socket"
    if rng.random() < 0.5:
        with socket.socket(socket.AF_UNIX) as stale:
            stale.bind(path)

    def start():
        spin(rng, 0.001)
        return Run(place, [PROGRAM, "-q", "-t", "60", "-n", "1", "-d", "mail", "-l", "unix:" + path])

    runs = Together(start, start).results
    end = time.monotonic() + mail.LONG
    while not any(run.has_ended() for run in runs):
        check(time.monotonic() < end, "both listen")
        time.sleep(0.0005)
    loser = runs[0] if runs[0].has_ended() else runs[1]
    winner = runs[1] if loser is runs[0] else runs[0]
    code = "lost"
    while code == "lost" and not winner.has_ended() and time.monotonic() < end:  # it may not listen yet
        code = post(path, "small-1")
    statuses = winner.wait(), loser.wait()
    check(code == "250" and statuses == (0, 3) and stored(winner) == ["small-1"], "code", code, "statuses", statuses)
    is_clean(place, "mail")


def r_stream(place, rng):
    """Two runs with one file as stream: the second one waits for the first, or fails."""
    runs = Together(*[lambda: (spin(rng, 0.001), serve(place, "-n", "1", "-j", "-o", "lines"))[1]] * 2).results
    codes = Together(*[lambda port=port, i=i: post(port, "small-%d" % i) for i, (_, port) in enumerate(runs)]).results
    statuses = [run.wait() for run, _ in runs]
    check(all((code == "250") == (status == 0) for code, status in zip(codes, statuses)), "codes", codes, "statuses", statuses)
    check("250" in codes and set(statuses) <= {0, 3}, "statuses", statuses)
    check(len(stored(runs[0][0], Stream("json", "lines"))) == 1, "there", stored(runs[0][0], Stream("json", "lines")))


def r_start(place, rng):
    """SIGTERM against the start: nothing is left, and nothing has started."""
    words = rng.choice([("-l", "unix:socket", "-d", "mail"), ("-p", "0", "--port-file", "port", "-d", "mail"), ("-b",),
                        ("-j", "-o", "lines", "true"), ("--sendmail", "cat"), ("-p", "0", "--tls", "--ca-file", "ca")])
    run = Run(place, [PROGRAM, "-q", "-t", "60", "-n", "1", *words])
    spin(rng)
    run.stop()
    status = run.wait()
    text = mail.read_file(run.own("out")).decode()
    if words == ("-b",) and "FAKESMTP_PID=" in text:
        pid = int(re.search(r"FAKESMTP_PID=(\d+)", text)[1])
        os.kill(pid, signal.SIGTERM)
        os.waitpid(pid, 0)
    elif words == ("-b",):
        mail.reap()
    check(status in (1, -signal.SIGTERM, 128 + signal.SIGTERM) or (words == ("-b",) and status == 0), "status", status)
    is_clean(place, "mail", "lines")


RACES = {name[2:]: f for name, f in sorted(globals().items()) if name.startswith("r_")}


def round_of(job):
    name, number, seed, top = job
    place = mail.new_place(top)
    try:
        RACES[name](place, random.Random("%s %d %d" % (name, number, seed)))
        return name, number, None
    except Bad as e:
        return name, number, str(e)
    except Exception as e:
        return name, number, "%s: %s" % (type(e).__name__, e)
    finally:
        shutil.rmtree(place, ignore_errors=True)


def main():
    global PROGRAM
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("rounds", type=int)
    parser.add_argument("--seconds", type=float, default=float("inf"))
    parser.add_argument("--only", default="")
    parser.add_argument("--seed", type=int, default=int(datetime.date.today().strftime("%Y%m%d")))
    parser.add_argument("--jobs", type=int, default=2 * os.cpu_count())
    o = parser.parse_args()
    PROGRAM = os.path.abspath(o.program)
    mail.learn_renderings(PROGRAM)
    began = time.monotonic()
    top = tempfile.mkdtemp(dir=mail.top_directory())
    bad, done = collections.Counter(), collections.Counter()
    chosen = [name for name in RACES if not o.only or name in o.only.split(",")]
    try:
        with multiprocessing.Pool(o.jobs, initializer=mail.subreaper) as pool:
            jobs = ((name, number, o.seed, top) for number in range(o.rounds) for name in chosen)
            in_time = itertools.takewhile(lambda _: time.monotonic() - began < o.seconds, jobs)
            for name, number, what in mail.as_they_end(pool, round_of, in_time, o.jobs):
                done[name] += 1
                if what:
                    bad[name] += 1
                    print("bad: %s, round %d: %s" % (name, number, what), flush=True)
    finally:
        shutil.rmtree(top, ignore_errors=True)
    for name in chosen:
        print("%-14s %7d rounds, %d bad" % (name, done[name], bad[name]))
    print("races: %d rounds in %d s, %d bad" % (sum(done.values()), time.monotonic() - began, sum(bad.values())))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
