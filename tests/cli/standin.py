#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""The sendmail(8) stand-in before servers that are hostile or faulty.

    standin.py NAME [ARGUMENT ...]

NAME is a function t_* below, or

    pairs WAY [OPTION ...]  reads lines "WAYS | RULE | STATUS | KEPT | WORDS"; for each
                            of them starts a fakesmtp with the rule, and sends it a
                            message for two recipients; WAY is smtp, plain (without
                            PIPELINING) or lmtp, and lines for other WAYS are left out
    t_random WAY SEEDS      a server that draws what it does, from each seed below SEEDS

STATUS is that of the stand-in.  KEPT says whether the server has the message, as in
faults.py.  WORDS, an extended regular expression, are on standard error; none if there
are none.
"""
import concurrent.futures
import os
import random
import re
import signal
import socket
import ssl
import struct
import subprocess
import sys
import threading
import time
import traceback

from faults import LONG, PROGRAM, Server, check, kept, same

LIMIT = "5s"  # of the stand-in, where a server lets it wait
TO_TWO = ("-i", "-f", "a@x.test", "--", "b@x.test", "c@x.test")
SMALL = b"Subject: small\n\n.\n..\nhello\n"
MEGABYTE = b"Subject: large\n\n" + b"a line of 31 octets, and its LF\n" * 32768


def crlf(message):
    return message.replace(b"\n", b"\r\n")


# ---- the stand-in ----


def run(port, message, limit="60s", scheme="smtp", env=None, arguments=TO_TWO, output=b""):
    """Its status, and its standard error; what holds always is checked."""
    around = {"SMTP_HOST": "127.0.0.1", "SMTP_PORT": str(port), "SMTP_URL": "%s://127.0.0.1:%s" % (scheme, port)}
    words = [*PROGRAM[:-1], os.path.abspath("sendmail"), "-O", "Timeout=" + limit, *arguments]
    pipes = {name: subprocess.PIPE for name in ("stdin", "stdout", "stderr")}
    process = subprocess.Popen(words, env={**os.environ, **around, **(env or {})}, start_new_session=True, **pipes)
    try:
        out, err = process.communicate(message, timeout=10 * LONG)
    except subprocess.TimeoutExpired:
        process.kill()
        raise AssertionError("it does not end") from None
    status = process.returncode
    check(status in (0, 67, 69, 75), "the status is", status, err)
    check(out == output, "standard output is", out[:2000])
    check((status == 0) == (err == b""), "status", status, "with", err)
    check(re.fullmatch(rb"(sendmail: [\t\x20-\x7e\x80-\xff]+\n)*", err), "standard error is", err[:2000])
    check(len(err) < 20000, "standard error has", len(err), "octets")
    try:
        os.killpg(process.pid, 0)
    except ProcessLookupError:
        return status, err.decode("utf-8", "replace")
    raise AssertionError("a process is left")


def judge(got, status, words):
    same(got[0], status, "status, with " + got[1])
    check(re.search(words, got[1]) if words else got[1] == "", "it said:", got[1])


# ---- each event of --on, and each action ----


def pair(way, options, rule, status, expected_kept, words):
    scheme = "lmtp" if way == "lmtp" else "smtp"
    hidden = ["--hide", "pipelining"] if way == "plain" else []
    message = MEGABYTE if "body" in rule else SMALL
    server = Server(*options, "--crlf", *hidden, *(["--on", rule] if rule else []), endpoint=scheme + "://127.0.0.1:0")
    env = {"SMTP_CA_FILE": server.path("ca.pem")} if "--tls" in options else {}
    got = run(server.port, message, LIMIT if "stall" in rule and "quit" not in rule else "60s", scheme=scheme, env=env)
    server.stop()
    judge(got, int(status), words)
    same(kept(server), expected_kept, "kept")
    for name in server.mails():
        with open(name, "rb") as f:
            check(f.read().endswith(b"\r\n" + crlf(message)), "the message has changed")
    check("never fired" not in server.err(), server.err())


def each(jobs):
    """Runs functions at the same time; prints those that fail."""
    check(jobs, "there is nothing to do")
    failed = []
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        for name, done in [(name, pool.submit(f, *words)) for name, f, *words in jobs]:
            e = done.exception()
            if e:
                failed.append("%s\n    %s" % (name, e if isinstance(e, AssertionError) else traceback.format_exception(e)))
    if failed:
        sys.exit("\n".join(failed))


def pairs(way, *options):
    jobs = []
    for line in sys.stdin:
        ways, *fields = (field.strip() for field in line.split("|", 4))
        if way in ways.split():
            jobs.append((way + ": " + line.strip(), pair, way, options, *fields))
    each(jobs)


# ---- a server in octets ----


class Gone(Exception):
    """The client is, or the server is to be."""


class Hostile:
    """Serves one client as a good server would, but for the steps in faults: functions of the server and its reply.

    The steps are connect, the verbs, and eom.  The step * is for all that have none of their own."""

    def __init__(self, faults, lmtp=False, offers=(b"PIPELINING",)):
        self.faults, self.lmtp, self.offers = faults, lmtp, offers
        self.message = None  # once it is whole
        self.accepted = 0  # replies 2yz after that
        self.data_octets = 0
        self.recipients = 0
        self.buffer = b""
        self.failure = None
        self.over = threading.Event()  # the client has ended
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(LONG)
        self.port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def join(self):
        self.over.set()
        self.thread.join(LONG)
        check(not self.thread.is_alive(), "the server of the test hangs")
        if self.failure:
            raise self.failure

    def serve(self):
        try:
            with self.listener:
                self.socket, _ = self.listener.accept()
            self.socket.settimeout(LONG)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self.socket:
                self.session()
        except (Gone, OSError):
            pass
        except Exception as e:  # a fault of the test
            self.failure = e

    # ---- what faults are made of ----

    def send(self, octets):
        if self.message is not None and octets[:1] == b"2":
            self.accepted += 1
        self.socket.sendall(octets)

    def read(self, n=65536):
        got = self.socket.recv(n)
        if not got:
            raise Gone
        return got

    def wait_for_end(self):
        """Reads nothing, until the client has ended."""
        self.over.wait(10 * LONG)
        raise Gone

    def drain(self):
        while True:
            self.read()

    def drain_on(self):
        """After the client's end of file, too."""
        while self.socket.recv(65536):
            pass
        self.wait_for_end()

    def reset(self):
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        raise Gone

    def encrypt(self, pem):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem)
        self.buffer = b""
        self.socket = context.wrap_socket(self.socket, server_side=True)

    # ---- a session ----

    def line(self):
        while b"\n" not in self.buffer:
            self.buffer += self.read()
        line, self.buffer = self.buffer.split(b"\n", 1)
        return line + b"\n"

    def step(self, name, reply):
        fault = self.faults.get(name, self.faults.get("*"))
        if fault:
            fault(self, reply)
        else:
            self.send(reply)

    def data(self):
        got = b"\r\n" + self.buffer
        while not b"\r\n.\r\n" in got[max(0, len(got) - 65540) :]:
            got += self.read()
        got, self.buffer = got.split(b"\r\n.\r\n", 1)
        self.message = (got + b"\r\n").replace(b"\r\n.", b"\r\n")[2:]
        for _ in range(self.recipients if self.lmtp else 1):
            self.step("eom", b"250 taken\r\n")

    def session(self):
        self.step("connect", b"220 server\r\n")
        while True:
            verb = self.line()[:4].upper().strip()
            if verb in (b"EHLO", b"LHLO"):
                self.step("EHLO", b"".join(b"250-%s\r\n" % word for word in self.offers) + b"250 SIZE\r\n")
            elif verb == b"DATA":
                self.step("DATA", b"354 go ahead\r\n")
                self.data()
            elif verb in (b"HELO", b"MAIL", b"RCPT", b"QUIT", b"STAR"):
                self.recipients += verb == b"RCPT"
                self.step(verb.decode(), b"221 bye\r\n" if verb == b"QUIT" else b"250 ok\r\n")
                if verb == b"QUIT":
                    return
            else:
                self.step("other", b"502 unknown\r\n")


def attack(faults, status, words, message=SMALL, limit="60s", way="smtp", offers=(b"PIPELINING",), env=None):
    """The faults are those of a server; it must have the message if the status says so."""
    server = Hostile(faults, way == "lmtp", offers)
    got = run(server.port, message, limit, scheme=way, env=env)
    server.join()
    judge(got, status, words)
    check(got[0] != 0 or server.message == crlf(message), "the message has changed")


def say(octets):
    """In place of the reply."""
    return lambda server, reply: server.send(octets)


def say_and(octets, method):
    """Then does what a method of the server does."""

    def fault(server, reply):
        server.send(octets)
        getattr(server, method)()

    return fault


def say_and_close(octets):
    def fault(server, reply):
        server.send(octets)
        raise Gone

    return fault


def in_pieces(server, reply):
    server.send(reply[:1])
    for octet in reply[1:]:
        server.socket.sendall(b"%c" % octet)
        time.sleep(0.001)


def endless(octets):
    def fault(server, reply):
        server.send(reply[:3] + b"-")
        while True:
            server.socket.sendall(octets)
            time.sleep(0.001)

    return fault


# ---- replies ----


def t_long_replies():
    """Of 200,000 lines, and of one line of 10 MB."""

    def many(code):
        return say(b"%d-a line of a reply\r\n" % code * 200_000 + b"%d end\r\n" % code)

    def long(code):
        return say(b"%d " % code + b"x" * 10_000_000 + b"\r\n")

    each(
        [
            ("greeting, lines", attack, {"connect": many(220)}, 0, ""),
            ("greeting, line", attack, {"connect": long(220)}, 0, ""),
            ("greeting, refused", attack, {"connect": many(554)}, 69, "refused the connection: 554"),
            ("EHLO, lines", attack, {"EHLO": many(250)}, 0, ""),
            ("EHLO, line", attack, {"EHLO": long(250)}, 0, ""),
            ("MAIL, refused", attack, {"MAIL": long(550)}, 69, "refused MAIL FROM:<a@x.test>.*: 550 x"),
            ("RCPT, refused", attack, {"RCPT": many(550)}, 67, "refused RCPT TO:<b@x.test>: 550-a line"),
            ("DATA, lines", attack, {"DATA": many(354)}, 0, ""),
            ("eom, lines", attack, {"eom": many(250)}, 0, ""),
            ("eom, refused", attack, {"eom": long(452)}, 75, "refused the message: 452 x"),
            ("QUIT, lines", attack, {"QUIT": many(221)}, 0, ""),
        ]
    )


def t_pieces():
    """Octet by octet, and never."""
    late = "timed out before"
    drip = {"*": in_pieces}
    each(
        [
            ("all", attack, drip, 0, ""),
            ("LMTP", attack, drip, 0, "", SMALL, "60s", "lmtp"),
            ("plain", attack, drip, 0, "", SMALL, "60s", "smtp", ()),
            ("endless line", attack, {"connect": endless(b"x" * 4000)}, 75, late, SMALL, "1s"),
            ("endless lines", attack, {"EHLO": endless(b"x\r\n250-" * 600)}, 75, late, SMALL, "1s"),
            ("endless at the end", attack, {"eom": endless(b"x\r\n250-" * 600)}, 75, late, SMALL, "1s"),
            ("endless goodbye", attack, {"QUIT": endless(b"x" * 4000)}, 0, ""),
            ("never", attack, {"connect": say_and(b"", "drain")}, 75, late, SMALL, "1s"),
        ]
    )


def t_no_smtp():
    no = "does not speak SMTP"
    clean = r"refused RCPT TO:<b@x.test>: 550 "
    bare = {"*": lambda server, reply: server.send(reply.replace(b"\r", b""))}
    jobs = [
        ("HTTP", attack, {"connect": say(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")}, 75, no),
        ("SSH", attack, {"connect": say(b"SSH-2.0-x\r\n")}, 75, no),
        ("TLS", attack, {"connect": say_and_close(b"\x15\x03\x01\x00\x02\x02\x46")}, 75, "closed the connection"),
        ("random", attack, {"connect": say(random.Random(1).randbytes(20000))}, 75, no),
        ("NULs", attack, {"connect": say(bytes(100000) + b"\n")}, 75, no),
        ("empty", attack, {"EHLO": say(b"\r\n")}, 75, no),
        ("NUL in it", attack, {"EHLO": say(b"250 a\0b\r\n")}, 0, ""),
        ("escapes", attack, {"RCPT": say(b"550 \x1b[2J\x07\r \x7f\x9b\xff\r\n")}, 67, clean),
        ("NUL in a refusal", attack, {"RCPT": say(b"550 \0no\r\n")}, 67, clean),
        ("no text", attack, {"RCPT": say(b"550\r\n")}, 67, "550$"),
        ("bare LF", attack, bare, 0, ""),
        ("eom 354", attack, {"eom": say(b"354 more\r\n")}, 75, "refused the message: 354"),
    ]
    for code in b"199", b"000", b"600", b"2500", b"25", b"-50", b"25O", b"\xb2\xb5\xb0", b"250\t", b"250=":
        jobs.append(("code %r" % code, attack, {"MAIL": say(code + b" ok\r\n")}, 75, no))
    for code in b"220", b"250", b"299":
        jobs.append(("DATA %r" % code, attack, {"DATA": say_and_close(code + b" ok\r\n")}, 75, "refused DATA: "))
        jobs.append(("eom %r" % code, attack, {"eom": say(code + b" ok\r\n")}, 0, ""))
    each(jobs)


# ---- replies that come too early ----


def all_at_once(offer, n):
    """As many replies as there are commands: an argument has one of its own; n octets before the last one."""
    replies = b"220 s\r\n250-s\r\n%s250 SIZE\r\n" % offer + b"250 ok\r\n" * 11 + b"354-"
    end = b"\r\n354 go\r\n"
    return replies + b"x" * (n - len(replies + end)) + end + b"250 taken\r\n"


def early(n, octets):
    """After n octets of the data."""

    def fault(server, reply):
        server.send(reply)
        while server.data_octets < n:
            server.data_octets += len(server.read())
        server.send(octets)
        server.drain()

    return fault


def t_early_replies():
    """A 250 is for the message only if it came after its end."""
    large = MEGABYTE * 8
    jobs = []
    for way in "smtp", "lmtp":
        jobs += [
            ("250 in the data", attack, {"DATA": early(1000, b"250 ok\r\n")}, 75, "was too early", large, "60s", way),
            ("two 250", attack, {"DATA": early(1000, b"250 a\r\n250 b\r\n")}, 75, "was too early", large, "60s", way),
            ("552 in the data", attack, {"DATA": early(1000, b"552 too big\r\n")}, 69, "refused the message.*: 552", large, "60s", way),
            ("452 in the data", attack, {"DATA": early(1000, b"452 full\r\n")}, 75, "refused the message.*: 452", large, "60s", way),
            ("354 twice", attack, {"DATA": say(b"354 a\r\n354 b\r\n")}, 75, "refused the message.*: 354 b", SMALL, "60s", way),
            ("354, 250", attack, {"DATA": say(b"354 a\r\n250 b\r\n")}, 75, "was too early", SMALL, "60s", way),
            ("354, 550", attack, {"DATA": say(b"354 a\r\n550 b\r\n")}, 69, "refused the message.*: 550 b", SMALL, "60s", way),
        ]
    for offer in b"", b"250-PIPELINING\r\n":
        for n in 0, 16384, 32768, 100000:  # in one read(2) of the stand-in's; 354 at the end of one; in several
            everything = {"connect": say_and(all_at_once(offer, n), "wait_for_end")}
            jobs.append(("all at once, %d" % n, attack, everything, 75, "was too early"))
    each(jobs)


# ---- connections ----


def half_close(server, reply):
    server.socket.shutdown(socket.SHUT_WR)
    server.drain()


def t_connections():
    large = MEGABYTE * 20
    close, reset, late = "closed the connection before", "(reset|closed) the connection before", "timed out before"

    def slowly(server, reply):
        server.send(reply)
        for _ in range(100):
            server.buffer += server.read(1000)
            time.sleep(0.005)

    jobs = []
    for way in "smtp", "lmtp":
        for step in "connect", "EHLO", "MAIL", "RCPT", "DATA", "eom":
            for name, fault, words in (
                ("in a reply", say_and_close(b"25"), close),
                ("in its lines", say_and_close(b"250-x\r\n"), close),
                ("half", half_close, close),
            ):
                jobs.append((step + ", " + name, attack, {step: fault}, 75, words, SMALL, "60s", way))
        jobs += [
            ("reset in the data", attack, {"DATA": say_and(b"354 go\r\n", "reset")}, 75, reset, large, "60s", way),
            ("closed in the data", attack, {"DATA": say_and_close(b"354 go\r\n")}, 75, reset, large, "60s", way),
            ("never reads", attack, {"DATA": say_and(b"354 go\r\n", "wait_for_end")}, 75, late, large, "2s", way),
            ("reads slowly", attack, {"DATA": slowly}, 0, "", MEGABYTE, "60s", way),
            ("refused, closed", attack, {"RCPT": say_and_close(b"421 bye\r\n")}, 75, "421 bye", SMALL, "60s", way),
        ]
    refused = {"eom": say_and_close(b"250 one\r\n")}
    jobs.append(("LMTP, one reply of two", attack, refused, 75, close, SMALL, "60s", "lmtp"))
    each(jobs)


def t_pass():
    """-bs"""

    def passes(faults, status, words, octets, output, limit="60s"):
        server = Hostile(faults)
        got = run(server.port, octets, limit, arguments=["-bs"], output=output)
        server.join()
        judge(got, status, words)

    session = b"EHLO t\r\nMAIL FROM:<>\r\nRCPT TO:<b>\r\nDATA\r\n"
    replies = b"220 server\r\n250-PIPELINING\r\n250 SIZE\r\n250 ok\r\n250 ok\r\n354 go ahead\r\n"
    end = b"250 taken\r\n221 bye\r\n"
    long = b"250-" + b"x" * 1_000_000 + b"\r\n250 ok\r\n"
    late = "timed out"
    each(
        [
            ("whole", passes, {}, 0, "", session + b"x\r\n.\r\nQUIT\r\n", replies + end),
            ("large", passes, {}, 0, "", session + crlf(MEGABYTE) + b".\r\nQUIT\r\n", replies + end),
            ("large replies", passes, {"other": say(long)}, 0, "", b"NOOP\r\n" * 5 + b"QUIT\r\n", b"220 server\r\n" + long * 5 + end[-9:]),
            ("closed", passes, {"connect": say_and_close(b"220")}, 0, "", b"", b"220"),
            ("never reads", passes, {"connect": say_and(b"", "wait_for_end")}, 75, late, crlf(MEGABYTE * 20), b"", "2s"),
            ("never ends", passes, {"connect": say_and(b"220\r\n", "drain_on")}, 75, late, b"NOOP\r\n", b"220\r\n", "1s"),
        ]
    )


# ---- TLS ----


def t_tls():
    """server.pem, which is trusted, and other.pem, which is not, have their keys."""

    def start(octets, pem):
        def fault(server, reply):
            server.send(b"220 go\r\n" + octets)
            server.encrypt(pem)

        return fault

    trusted = {"SMTP_CA_FILE": "server.pem"}
    offers = (b"PIPELINING", b"STARTTLS")
    rest = (SMALL, "60s", "smtp", offers, trusted)
    jobs = [
        ("good", attack, {"STAR": start(b"", "server.pem")}, 0, "", *rest),
        ("injection", attack, {"STAR": start(b"250 evil\r\n", "server.pem")}, 0, "", *rest),
        ("injection of many", attack, {"STAR": start(b"250 evil\r\n" * 7 + b"354\r\n250 \r\n", "server.pem")}, 0, "", *rest),
        ("not trusted", attack, {"STAR": start(b"", "other.pem")}, 75, "no TLS with", *rest),
        ("no TLS", attack, {"STAR": say(b"220 go\r\n" + b"250 ok\r\n" * 9)}, 75, "no TLS with|closed", *rest),
        ("stall", attack, {"STAR": say_and(b"220 go\r\n", "drain")}, 75, "no TLS with|timed out", SMALL, "1s", "smtp", offers, trusted),
        ("closed", attack, {"STAR": say_and_close(b"220 go\r\n")}, 75, "no TLS with", *rest),
        ("smtps, no TLS", attack, {}, 75, "no TLS with", SMALL, "60s", "smtps", (), trusted),
        ("smtps, stall", attack, {"connect": say_and(b"", "drain")}, 75, "no TLS with", SMALL, "1s", "smtps", (), trusted),
        ("no file", attack, {}, 75, "no TLS with", SMALL, "60s", "smtp", offers, {"SMTP_CA_FILE": "none.pem"}),
    ]
    each(jobs)


# ---- at random ----


def draw(r):
    """A fault, or None."""
    code = r.choice([b"220", b"250", b"354", b"421", b"451", b"550", b"599", b"199", b"25"])
    line = code + b" " + r.randbytes(r.randrange(60)).replace(b"\n", b" ") + b"\r\n"

    def lines(server, reply):
        server.send((reply[:3] + b"-more\r\n") * r.randrange(1, 5000) + reply)

    def delay(server, reply):
        time.sleep(r.random() / 20)
        server.send(reply)

    def extra(server, reply):
        server.send(reply + line)

    def closes(server, reply):
        server.send(reply[: r.randrange(len(reply))])
        raise Gone

    def resets(server, reply):
        server.send(reply[: r.randrange(len(reply))])
        server.reset()

    def garbage(server, reply):
        server.send(r.randbytes(r.randrange(1, 3000)))

    def stalls(server, reply):
        server.drain()

    faults = [lines, delay, extra, closes, resets, garbage, say(line), say(line), half_close, in_pieces]
    return r.choice(faults) if r.random() < 0.95 else stalls


def random_session(seed, way):
    r = random.Random(seed)
    steps = ["connect", "EHLO", "HELO", "other", "MAIL", "RCPT", "DATA", "eom", "QUIT"]
    faults = {step: draw(r) for step in r.sample(steps, r.choice([0, 1, 1, 1, 2, 3]))}
    if r.random() < 0.1:
        faults["DATA"] = early(r.randrange(1000000), r.choice([b"250 a\r\n", b"550 a\r\n", b"\r\n"]))
    message = r.choice([SMALL, b"", b"x", MEGABYTE])
    server = Hostile(faults, way == "lmtp", (b"PIPELINING",) if way != "plain" else ())
    begin = time.monotonic()
    status, err = run(server.port, message, "1500ms", scheme="lmtp" if way == "lmtp" else "smtp")
    took = time.monotonic() - begin
    server.join()
    wanted = crlf(message) if message.endswith(b"\n") or not message else crlf(message) + b"\r\n"
    if status == 0:
        same(server.message, wanted, "the message")
        check(server.accepted > 0, "it was not accepted", faults)
    check(took < LONG, "it took", took)


def t_random(way, seeds):
    each([("seed %d %s" % (seed, way), random_session, seed, way) for seed in range(int(seeds))])


if __name__ == "__main__":
    if not os.path.lexists("sendmail"):
        os.symlink(PROGRAM[-1], "sendmail")
    globals()[sys.argv[1]](*sys.argv[2:])
