#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Clients of a server that misbehaves on purpose.

    faults.py NAME [ARGUMENT ...]

NAME is a function t_* below, or

    pairs [OPTION ...]  reads lines "CLIENT | RULE | OUTCOME | KEPT", and for each of
                        them starts a server with that rule, and sends it a message

CLIENT is one of the clients below, and its words.  OUTCOME is its result: an
exception of smtplib, with the code of the reply; sent; closed, reset or timeout if
the connection ended in that way (smtplib.SMTPServerDisconnected, and its cause); or
the exit status of another program.  KEPT says whether the message was stored: yes,
no, or unheard, if it was stored but the client was gone before its 250.

If the rule has a delay, that time must have passed.  If it stalls, the client waits
for some seconds.
"""
import atexit
import base64
import concurrent.futures
import fcntl
import glob
import json
import os
import re
import select
import shlex
import signal
import smtplib
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import termios
import time
import traceback

LONG = 60  # seconds: a hard stop for what is to happen at once; what must not be waited for takes ten times as long
STALL = 3  # seconds, in which nothing is to happen
PROGRAM = shlex.split(os.environ.get("FAKESMTP_WRAPPER", "")) + [os.environ["FAKESMTP"]]
MAIL = "From: a@x.test\r\nTo: b@x.test\r\nDate: Tue, 24 Nov 2026 03:12:00 +0000\r\n\r\nhello\r\n"


def check(holds, *what):
    if not holds:
        raise AssertionError(" ".join(w if isinstance(w, str) else repr(w) for w in what))


def same(got, expected, what=""):
    check(got == expected, "%s: got %r, not %r" % (what, got, expected))


def wait_for(condition, what):
    end = time.monotonic() + LONG
    while not condition():
        check(time.monotonic() < end, "waited in vain for", what)
        time.sleep(0.002)


# ---- the server ----


class Server:
    """On a free port, unless an endpoint is given, in a directory of its own; keeping mail there, until a signal."""

    def __init__(self, *options, endpoint=None, until=("-n", "1-"), keep=True):
        self.place = tempfile.mkdtemp(dir=".")
        self.usage = None
        fifo = self.path("port")
        os.mkfifo(fifo)
        reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
        where = ["-p", "0"] if endpoint is None else ["-l", endpoint]
        keeping = ["-j", "-e", "-d", self.path("mail")] if keep else []
        certified = ["--ca-file", self.path("ca.pem")] if "--tls" in options else []
        with open(self.path("out"), "wb") as out, open(self.path("err"), "wb") as err:
            words = [*PROGRAM, *where, "--port-file", fifo, *until, *keeping, *certified, *options]
            self.process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=out, stderr=err)
        atexit.register(self.kill)
        text, end = b"", time.monotonic() + LONG
        while not text.endswith(b"\n"):
            if select.select([reader], [], [], 0.1)[0]:
                text += os.read(reader, 1000)
            check(self.process.poll() is None and time.monotonic() < end, "it did not start:", self.err())
        os.close(reader)
        self.port = text.decode().strip()

    def path(self, name):
        return self.place + "/" + name

    def read(self, name):
        with open(self.path(name), "rb") as f:
            return f.read()

    def err(self):
        return self.read("err").decode("utf-8", "replace")

    def kill(self):
        if self.process.returncode is None:
            self.process.kill()
            self.process.wait()

    def end(self):
        """Waits for its end; returns the status."""

        def ended():
            if self.process.returncode is None:
                pid, status, usage = os.wait4(self.process.pid, os.WNOHANG)
                if pid:
                    self.process.returncode = os.waitstatus_to_exitcode(status)
                    self.usage = usage
            return self.process.returncode is not None

        wait_for(ended, "its end")
        return self.process.returncode

    def signal(self, name="SIGTERM"):
        self.process.send_signal(getattr(signal, name))

    def stop(self):
        """Once the clients have gone; it would wait for them."""
        while Raw.all:
            Raw.all.pop().close()
        self.signal()
        return self.end()

    def seconds(self):
        """Of CPU time, once it has ended."""
        return self.usage.ru_utime + self.usage.ru_stime

    def mails(self):
        return sorted(glob.glob(self.path("mail/*.eml")))

    def lines(self):
        return [json.loads(line) for line in self.read("out").splitlines()]

    def recipients(self):
        return [m["envelope"]["to"] for m in self.lines()]


def kept(server):
    """What has become of the message, once the server has ended: yes, no or unheard."""
    mails = glob.glob(server.path("mail/*"))
    if server.process.returncode == 0:
        same((len(mails), len(server.lines())), (1, 1), "counted, and files and lines")
        return "yes"
    same(server.process.returncode, 1, "status")
    same(len(mails), len(server.lines()), "files, and lines of the stream")
    return "unheard" if mails else "no"


# ---- a client in octets ----


class Raw:
    all = []

    def __init__(self, port, greeting=b"220"):
        if "/" in port:
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.settimeout(LONG)
            self.socket.connect(port)
        else:
            self.socket = socket.create_connection(("127.0.0.1", int(port)), timeout=LONG)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""
        Raw.all.append(self)
        self.expect(greeting)

    def send(self, octets):
        self.socket.sendall(octets)

    def line(self):
        while b"\n" not in self.buffer:
            got = self.socket.recv(65536)
            check(got, "the connection ended; last:", self.buffer)
            self.buffer += got
        line, self.buffer = self.buffer.split(b"\n", 1)
        return line + b"\n"

    def reply(self):
        """The octets of the next one."""
        lines = [self.line()]
        while lines[-1][3:4] == b"-":
            lines.append(self.line())
        return b"".join(lines)

    def expect(self, code):
        got = self.reply()
        check(got.startswith(code), "expected", code, "got", got)
        return got

    def say(self, line, code=b"250"):
        self.send(line + b"\r\n")
        return self.expect(code)

    def code(self, line):
        self.send(line + b"\r\n")
        return self.reply()[:3].decode()

    def is_silent(self):
        """Nothing has come."""
        return not self.buffer and not select.select([self.socket], [], [], 0)[0]

    def end(self):
        """Until the connection ends: "closed" or "reset", and all that came."""
        got, how = self.buffer, "closed"
        try:
            while more := self.socket.recv(65536):
                got += more
        except ConnectionResetError:
            how = "reset"
        self.close()
        return how, got

    def is_over(self, how="closed"):
        same(self.end(), (how, b""), "the end of the connection")

    def close(self):
        self.socket.close()

    def reset(self):
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def begin(self, *recipients, sender=b"a@x.test", hello=b"EHLO t"):
        """Up to the recipients."""
        self.say(hello)
        self.say(b"MAIL FROM:<" + sender + b">")
        for r in recipients or (b"b@x.test",):
            self.say(b"RCPT TO:<" + r + b">")

    def begin_data(self, *recipients, **words):
        self.begin(*recipients, **words)
        self.say(b"DATA", b"354")


# ---- real clients: each returns its outcome ----


def disconnected(e):
    """What smtplib.SMTPServerDisconnected stands for."""
    cause = e.__context__
    if isinstance(cause, TimeoutError):
        return "timeout"
    return "reset" if isinstance(cause, ConnectionError) else "closed"


def refusal(e, rule):
    """The class and the code; the text must be that of the rule."""
    code, text = e.smtp_code, e.smtp_error
    check(text.decode("latin-1") in rule, "the text", text, "is not that of", rule)
    return "%s %d" % (type(e).__name__, code)


def outcome(rule, f, *words):
    try:
        got = f(*words)
    except smtplib.SMTPServerDisconnected as e:
        return disconnected(e)
    except smtplib.SMTPRecipientsRefused as e:
        ((code, text),) = set(e.recipients.values())
        check(text.decode("latin-1") in rule, "the text", text, "is not that of", rule)
        return "SMTPRecipientsRefused %d" % code
    except smtplib.SMTPResponseException as e:
        return refusal(e, rule)
    except OSError as e:
        return type(e).__name__
    return got


def connect(server, seconds):
    return smtplib.SMTP("127.0.0.1", int(server.port), "me.test", timeout=seconds)


def mail(s):
    refused = s.sendmail("a@x.test", ["b@x.test"], MAIL)
    return "sent" if not refused else "sent, but not all"


def client_sendmail(server, rule, seconds):
    s = None

    def whole():
        nonlocal s
        s = connect(server, seconds)
        return mail(s)

    got = outcome(rule, whole)
    if got == "sent" and not rule.startswith("quit"):
        same(s.quit()[0], 221, "QUIT")
    return got


def client_with(server, rule, seconds):
    """The idiom of its manual, whose end says QUIT."""

    def whole():
        with connect(server, seconds) as s:
            return mail(s)

    return outcome(rule, whole)


def client_after(server, rule, seconds, word, *words):
    """A command by itself, and then a message in the same session."""
    s = connect(server, seconds)
    s.ehlo()

    def command():
        if word == "starttls":
            s.starttls(context=ssl.create_default_context(cafile=server.path("ca.pem")))
            return "starttls"
        if word == "auth":
            s.user, s.password = "ann", "secret"
            method = words[0].lower().replace("-", "_")
            code, _ = s.auth(words[0], getattr(s, "auth_" + method), initial_response_ok="late" not in words)
            return str(code)
        code, text = s.vrfy("b@x.test") if word == "vrfy" else getattr(s, word)()
        check(code in (221, 250, 252) or text.decode() in rule, "the text is", text)
        return str(code)

    first = outcome(rule, command)
    if first in ("closed", "reset", "timeout"):
        return first
    if word == "quit" and s.sock is None:  # it does not look at the answer
        return first
    return first + ", " + outcome(rule, mail, s)


def client_bdat(server, rule, seconds):
    s = connect(server, seconds)
    s.ehlo()
    for line in "MAIL FROM:<a@x.test>", "RCPT TO:<b@x.test>":
        same(s.docmd(line)[0], 250, line)

    def chunk():
        s.send("BDAT %d LAST\r\n" % len(MAIL) + MAIL)
        code, text = s.getreply()
        check(code == 250 or text.decode() in rule, "the text is", text)
        return str(code)

    return outcome(rule, chunk)


def run(words):
    done = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=LONG)
    return str(done.returncode)


def client_curl(server, rule, seconds, *words):
    url = "smtp://127.0.0.1:%s/me.test" % server.port
    message = [] if "-X" in words else ["--mail-from", "a@x.test", "--mail-rcpt", "b@x.test", "-T", "sent"]
    ca = ["--cacert", server.path("ca.pem")] if os.path.exists(server.path("ca.pem")) else []
    return run(["curl", "-sS", "-m", str(seconds), "--url", url, *ca, *message, *words])


def client_swaks(server, rule, seconds, *words):
    where = ["--server", "127.0.0.1", "--port", server.port, "--timeout", str(seconds)]
    return run(["swaks", *where, "-f", "a@x.test", "-t", "b@x.test", *words])


def delay_of(rule):
    found = re.search(r"delay (\d+)ms", rule)
    return int(found[1]) / 1000 if found else 0


def pair(line, options):
    client, rule, expected, expected_kept = (field.strip() for field in line.split("|"))
    words = shlex.split(client)
    if "stall" in rule:  # at its end curl says QUIT, and waits for two minutes
        options += ("--idle", str(2 * STALL))
    server = Server("--on", rule, *options)
    begin = time.monotonic()
    got = globals()["client_" + words[0]](server, rule, STALL if "stall" in rule else LONG, *words[1:])
    took = time.monotonic() - begin
    server.stop()
    check(got in expected.split(" or "), "the outcome is", got)
    check(took > delay_of(rule) - 0.01, "it took no longer than", took)
    same(kept(server), expected_kept, "kept")
    check("never fired" not in server.err(), server.err())


def pairs(*options):
    with open("sent", "w", newline="") as f:
        f.write(MAIL)
    lines = [line.strip() for line in sys.stdin if line.strip() and not line.strip().startswith("#")]
    check(lines, "there are no pairs")
    failed = []
    with concurrent.futures.ThreadPoolExecutor(len(lines)) as pool:
        for line, done in [(line, pool.submit(pair, line, options)) for line in lines]:
            if done.exception():
                failed.append("%s\n    %s" % (line, done.exception()))
    if failed:
        sys.exit("\n".join(failed))


# ---- replies in pieces ----


def t_pieces():
    """Each octet, or line, comes by itself; what the client says meanwhile is answered after it."""
    server = Server(
        *("--on", "noop: drip 30ms, 250 ok"),
        *("--on", "help: lines 50ms, 214 a\\nbb\\nccc"),
        *("--on", "vrfy: drip 1h"),
    )
    for command, pieces in (b"NOOP", [b"2", b"5", b"0", b" ", b"o", b"k", b"\r", b"\n"]), (b"HELP", [b"214-a\r\n", b"214-bb\r\n", b"214 ccc\r\n"]):
        c = Raw(server.port)
        c.say(b"EHLO t")
        c.send(command + b"\r\nQUIT\r\n")
        got = []
        while not b"".join(got).startswith(b"".join(pieces)):
            got.append(c.socket.recv(1000))
        # a slow machine may join two of them
        check(len(got) > len(pieces) / 2 and b"".join(got[:2]) == b"".join(pieces[:2]), "pieces", got)
        c.buffer = b"".join(got)[len(b"".join(pieces)) :]
        c.expect(b"221")
    c = Raw(server.port)
    c.say(b"EHLO t")
    c.send(b"VRFY b\r\n")
    same(c.socket.recv(1000), b"2", "the first octet")
    server.signal()
    how, got = c.end()
    check(got.startswith(b"52 ") and got.count(b"\r\n") == 2 and b"\r\n421 " in got, "a reply that has begun comes whole", got)
    server.end()


# ---- which rule, and when ----


def t_first_match_wins():
    server = Server(
        *("--on", "rcpt b@*: 450 first"),
        *("--on", "rcpt *@x.test: 550 second"),
        *("--on", "rcpt d@*: 553 third, which is never reached"),
        *("--on", "noop #1: 451 once"),
        *("--on", "noop #2: 452 twice"),
        *("--on", "noop #1: 453 once more"),
    )
    c = Raw(server.port)
    c.say(b"EHLO t")
    c.say(b"MAIL FROM:<a@x.test>")
    same([c.code(b"RCPT TO:<%c@x.test>" % r) for r in b"bcdb"], ["450", "550", "550", "450"], "rules")
    same(c.code(b"RCPT TO:<e@y.test>"), "250", "no rule")
    # a rule that has had its times leaves room for those behind it
    same([c.code(b"NOOP") for _ in range(6)], ["451", "452", "452", "453", "250", "250"], "counts")
    c.say(b"QUIT", b"221")
    server.stop()
    check("--on 'rcpt d@*: 553 third, which is never reached' never fired" in server.err(), server.err())


def t_count():
    """So many times in the whole run, and only where it would apply."""
    server = Server("--on", "rcpt b@* #3: 450 later")
    clients = [Raw(server.port) for _ in range(2)]
    for c in clients:
        c.say(b"EHLO t")
        same(c.code(b"RCPT TO:<b@x.test>"), "503", "out of order, which no rule counts")
        c.say(b"MAIL FROM:<a@x.test>")
        same(c.code(b"RCPT TO:<b@x.test"), "501", "malformed, which no rule counts")
        same(c.code(b"RCPT TO:<c@x.test>"), "250", "another one")
    got = [c.code(b"RCPT TO:<b@x.test>") for _ in range(3) for c in clients]
    same(got, ["450", "450", "450", "250", "250", "250"], "counts")
    server.stop()


def draws(n, *options):
    server = Server(*options, keep=False)
    c = Raw(server.port)
    c.send(b"NOOP\r\n" * n)
    got = [c.reply()[:3] for _ in range(n)]
    server.stop()
    return [code != b"250" for code in got]


def t_percent():
    n = 1000
    rule = ("--on", "noop %20: 450 later")
    seeds = [draws(n, *rule, "--seed", seed) for seed in ("1", "1", "2", "18446744073709551615")]
    same(seeds[0], seeds[1], "the same seed")
    check(seeds[0] != seeds[2] and seeds[0] != seeds[3] and seeds[2] != seeds[3], "other seeds draw the same")
    same(draws(n, *rule), draws(n, *rule, "--seed", "0"), "the default is 0")
    for got in seeds:  # of a binomial distribution, five times its deviation
        check(abs(sum(got) - 200) < 5 * (n * 0.2 * 0.8) ** 0.5, "of 1000 there were", sum(got))
        # draws do not depend on those before
        after = [got[i + 1] for i in range(n - 1) if got[i]]
        check(0.05 < sum(after) / len(after) < 0.35, "after one that fired", sum(after), "of", len(after))
    same(sum(draws(n, "--on", "noop %100: 450 later")), n, "100 %")
    one = sum(draws(3 * n, "--on", "noop %1: 450 later"))
    check(3 < one < 60, "of 3000, 1 % are", one)
    # two rules draw each its own: what both leave is 25 %
    left = n - sum(draws(n, "--on", "noop %50: 450 a", "--on", "noop %50: 451 b"))
    check(abs(left - 250) < 5 * (n * 0.25 * 0.75) ** 0.5, "two halves left", left)


def t_patterns():
    matches = [
        ("b@x.test", b"b@x.test", True),
        ("B@X.TEST", b"b@x.test", True),
        ("b@x.test", b"B@x.TEST", True),
        ("b@x.test", b"bb@x.test", False),
        ("b@x.test", b"b@x.tests", False),
        ("b@*", b"b@x.test", True),
        ("*@x.test", b"anybody@x.test", True),
        ("*@x.test", b"anybody@y.test", False),
        ("*@*.test", b"b@a.b.test", True),
        ("*", b"b@x.test", True),
        ("b*", b"b@x.test", True),
        ("b@x.test*", b"b@x.test", True),
        ("?@x.test", b"b@x.test", True),
        ("?@x.test", b"bb@x.test", False),
        ("b?@x.test", b"b@x.test", False),
        ("*b*b*@x.test", b"bob@x.test", True),
        ("*b*b*@x.test", b"bo@x.test", False),
        ("a*a*a*b", b"a@aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.c", False),
        ("\\*@x.test", b"*@x.test", True),
        ("\\*@x.test", b"b@x.test", False),
        ("b@[IPv6:*]", b"b@[IPv6:::1]", True),
        ("b@[IPv6:::1]", b"b@[IPv6:::1]", True),
        ("*+tag@*", b"b+tag@x.test", True),
    ]
    for pattern, address, expected in matches:
        server = Server("--on", "rcpt %s: 550 no" % pattern, "--on", "mail %s #1: 550 no" % pattern, keep=False)
        c = Raw(server.port)
        c.say(b"EHLO t")
        same(c.code(b"MAIL FROM:<%s>" % address), "550" if expected else "250", "mail %s: %r" % (pattern, address))
        c.code(b"MAIL FROM:<>")
        same(c.code(b"RCPT TO:<%s>" % address), "550" if expected else "250", "rcpt %s: %r" % (pattern, address))
        server.stop()
    # the null reverse-path is an address, if an empty one
    server = Server("--on", "mail ?*: 550 somebody", "--on", "mail *: 551 nobody", keep=False)
    c = Raw(server.port)
    c.say(b"EHLO t")
    same([c.code(b"MAIL FROM:<%s>" % a) for a in (b"a@x.test", b"")], ["550", "551"], "the null reverse-path")
    server.stop()


def t_patterns_of_other_events():
    """What is said last, and whether the rule applies to it."""
    to_two = [b"EHLO t", b"MAIL FROM:<>", b"RCPT TO:<b@x.test>", b"RCPT TO:<c@y.test>"]
    for rule, lines, applies in (
        ("connect 127.0.0.*: 554 no", [], True),
        ("connect 10.*: 554 no", [], False),
        ("helo evil*: 550 no", [b"EHLO evil.test"], True),
        ("helo evil*: 550 no", [b"HELO evil.test"], True),
        ("helo evil*: 550 no", [b"EHLO good.test"], False),
        ("ehlo evil*: 550 no", [b"EHLO evil.test"], True),
        ("ehlo evil*: 550 no", [b"HELO evil.test"], False),
        ("vrfy b@*: 550 no", [b"VRFY b@x.test"], True),
        ("vrfy b@*: 550 no", [b"VRFY c@x.test"], False),
        ("expn list*: 250 b@x.test", [b"EXPN list1"], True),
        ("help MA*: 504 no", [b"HELP MAIL"], True),
        ("noop now: 450 no", [b"NOOP now"], True),
        ("noop now: 450 no", [b"NOOP"], False),
        ("unknown FROB*: 554 no", [b"FROB nicate"], True),
        ("unknown FROB*: 554 no", [b"FRAB nicate"], False),
        ("data *@y.test: 554 no", [*to_two, b"DATA"], True),
        ("data *@z.test: 554 no", [*to_two, b"DATA"], False),
        ("eom *@y.test: 554 no", [*to_two, b"DATA", b"x\r\n."], True),
        ("eom *@z.test: 554 no", [*to_two, b"DATA", b"x\r\n."], False),
    ):
        server = Server("--on", rule, keep=False)
        reply = rule.split(": ")[1].encode()
        c = Raw(server.port, b"554" if applies and not lines else b"220")
        for line in lines:
            c.send(line + b"\r\n")
            got = c.reply().rstrip(b"\r\n")
            same(got == reply, applies and line == lines[-1], "%s: %r has the reply %r" % (rule, line, got))
        server.stop()
        same("never fired" in server.err(), not applies, rule + ": never fired")


def t_users():
    """Mechanisms that tell the name at once, and LOGIN, which tells it a step before the password."""
    for mechanism in "PLAIN", "LOGIN", "CRAM-MD5":
        for initial in True, False:
            server = Server("--on", "auth mallory*: 535 5.7.8 not you")
            for user, expected in ("mallory", 535), ("MALLORY2", 535), ("ann", 235):
                with connect(server, LONG) as s:
                    s.ehlo()
                    s.user, s.password = user, "secret"
                    try:
                        method = getattr(s, "auth_" + mechanism.lower().replace("-", "_"))
                        got = s.auth(mechanism, method, initial_response_ok=initial)[0]
                    except smtplib.SMTPAuthenticationError as e:
                        got = e.smtp_code
                    same(got, expected, "%s as %s" % (mechanism, user))
                    if got == 235:
                        mail(s)
            server.stop()
            same([m["client"]["auth"] for m in server.lines()], ["ann"], "who is logged in")
    # a reply of 235 lets in whom --auth does not
    server = Server("--auth", "ann:secret", "--on", "auth bob: 235 2.7.0 come in")
    for user, expected in ("bob", 235), ("eve", 535):
        with connect(server, LONG) as s:
            s.ehlo()
            s.user, s.password = user, "wrong"
            try:
                got = s.auth("PLAIN", s.auth_plain)[0]
            except smtplib.SMTPAuthenticationError as e:
                got = e.smtp_code
            same(got, expected, user)
            mail(s)
    server.stop()
    same([m["client"]["auth"] for m in server.lines()], ["bob", None], "who is logged in")


# ---- mail data ----


def t_after_so_many_octets():
    for after, sent in (1000, 1000), (1, 1), (0, 1), (70000, 70000):
        server = Server("--on", "body +%d: drop" % after)
        c = Raw(server.port)
        c.begin_data()
        line = b"x" * 98 + b"\r\n"
        octets = (line * (sent // len(line) + 1))[:sent]
        c.send(octets[:-1])
        if sent > 1:  # all but one have been read, and nothing has happened: a second client is served
            Raw(server.port).say(b"NOOP")
            check(c.is_silent(), "it acted before +%d" % after)
        c.send(octets[-1:])
        c.is_over()
        server.stop()
        same(kept(server), "no", "kept")
    # of a message that is shorter the rule is none
    server = Server("--on", "body +1000: 554 5.3.4 long", "--on", "eom: 250 short")
    c = Raw(server.port)
    c.begin_data()
    c.send(b"x" * 997 + b"\r\n")  # 999 octets
    same(c.say(b"."), b"250 short\r\n", "999 octets")
    c.begin_data()
    c.send(b"x" * 998 + b"\r\n")
    same(c.say(b".", b"554"), b"554 5.3.4 long\r\n", "1000 octets")
    server.stop()
    same(kept(server), "yes", "kept")


def t_drop_in_a_large_message():
    """The client is told by the end of the connection, whatever it still has to say."""
    for rule, expected in (
        ("body +100000: drop", "closed"),
        ("body +100000: reset", "reset"),
        ("body +100000: 421 4.3.2 enough", "SMTPDataError 421"),
        ("body +100000: 554 5.3.4 enough", "SMTPDataError 554"),
    ):
        server = Server("--on", rule)
        s = connect(server, LONG)
        got = outcome(rule, lambda: s.sendmail("a@x.test", ["b@x.test"], ("y" * 70 + "\r\n") * 20000))
        same(got, expected, rule)
        server.stop()
        same(kept(server), "no", "kept")


def t_refused_chunks():
    """RFC 3030 2: a refused chunk is read all the same, and ends the transaction."""
    server = Server("--on", "bdat #1: 452 4.3.1 full")
    c = Raw(server.port)
    c.begin()
    c.send(b"BDAT 12\r\nQUIT\r\nRSET\r\nBDAT 3 LAST\r\nx\r\n")
    c.expect(b"452 4.3.1 full\r\n")
    c.expect(b"503")
    c.begin()
    c.send(b"BDAT 3\r\nx\r\nBDAT 3 LAST\r\ny\r\n")
    c.expect(b"250")
    c.expect(b"250")
    c.say(b"QUIT", b"221")
    server.stop()
    same(kept(server), "yes", "kept")
    check(server.mails() and server.read(server.mails()[0][len(server.place) + 1 :]).endswith(b"x\ny\n"), "the message")


# ---- what becomes of what is refused ----


def t_refused_recipient_is_not_in_the_envelope():
    server = Server("--on", "rcpt bounce@*: 550 5.1.1 no such user", "--on", "rcpt later@*: 450 4.2.0 later")
    with connect(server, LONG) as s:
        refused = s.sendmail("a@x.test", ["b@x.test", "bounce@x.test", "c@x.test", "later@x.test"], MAIL)
    same(refused, {"bounce@x.test": (550, b"5.1.1 no such user"), "later@x.test": (450, b"4.2.0 later")}, "who is refused")
    server.stop()
    same(server.recipients(), [["b@x.test", "c@x.test"]], "envelope.to")
    with open(server.mails()[0], "rb") as f:
        same(re.findall(rb"^Delivered-To: (.*)\n", f.read(), re.M), [b"b@x.test", b"c@x.test"], "Delivered-To")


def t_refused_message_leaves_nothing():
    ends = ["554 no", "452 full", "421 bye", "354 what", "drop", "reset", "delay 50ms, 554 no", "delay 50ms, drop"]
    rules = ["%s: %s" % (event, end) for event in ("data", "body", "eom") for end in ends]
    rules.remove("data: 354 what")
    for rule in rules:
        server = Server("--attachments", "files", "--on", rule.replace(":", " #1:", 1))
        c = Raw(server.port)
        c.begin()
        c.send(b"DATA\r\n")
        if not rule.startswith("data"):
            c.expect(b"354")
            c.send(b"Content-Disposition: attachment\r\n\r\nx\r\n.\r\n")
        if "drop" in rule or "reset" in rule or "421" in rule:
            c.end()
        else:
            c.reply()
            c.say(b"QUIT", b"221")
        same(server.stop(), 1, "status with " + rule)
        same((glob.glob(server.path("mail/*")), server.lines(), glob.glob("files/*")), ([], [], []), "left by " + rule)
        check("expected at least 1 message, got none" in server.err(), server.err())
    # and the next one is the first
    server = Server("--on", "eom #1: 554 no")
    c = Raw(server.port)
    for code in b"554", b"250":
        c.begin_data(b"b@x.test" if code == b"554" else b"c@x.test")
        c.send(b"x\r\n")
        c.say(b".", code)
    server.stop()
    same((kept(server), server.lines()[0]["n"], server.recipients()), ("yes", 1, [["c@x.test"]]), "the next message")


# ---- a reply's octets ----


def t_octets_of_a_reply():
    for text, expected in (
        (r"250", b"250\r\n"),
        (r"250 fine", b"250 fine\r\n"),
        (r"250 a\nb", b"250-a\r\n250 b\r\n"),
        (r"250 a\n\nb", b"250-a\r\n250-\r\n250 b\r\n"),
        (r"250 \x00\x01\x7f\x80\xff", b"250 \x00\x01\x7f\x80\xff\r\n"),
        (r"250 \xAb\xaB", b"250 \xab\xab\r\n"),
        (r"250 a\x0ab", b"250 a\nb\r\n"),
        (r"250 a\x0d\x0a250 b", b"250 a\r\n250 b\r\n"),
        (r"250 a\tb\rc\\d", b"250 a\tb\rc\\d\r\n"),
        (r"250 \\n", b"250 \\n\r\n"),
        (r"250 \\x41", b"250 \\x41\r\n"),
        (r"250 gr\xc3\xbcn grün", "250 grün grün\r\n".encode()),
        (r"250   three", b"250   three\r\n"),
        (r"250 no end\c", b"250 no end"),
        (r"250 a\nb\x0a\c", b"250-a\r\n250 b\n"),
        (r"999 odd", b"999 odd\r\n"),
        (r"100 odd", b"100 odd\r\n"),
        (r"250 50% of %d #1: that, drop", b"250 50% of %d #1: that, drop\r\n"),
        (r"250 " + "x" * 2000, b"250 " + b"x" * 2000 + b"\r\n"),
    ):
        server = Server("--on", "noop: " + text, "--on", "rset: delay 1ms, " + text, keep=False)
        c = Raw(server.port)
        for command in b"NOOP", b"RSET":
            c.send(command + b"\r\n")
            got = b""
            while len(got) < len(expected):
                more = c.socket.recv(len(expected) - len(got))
                check(more, "the end after", got)
                got += more
            same(got, expected, text)
        c.say(b"VRFY x", b"252")  # and not an octet more
        server.stop()


# ---- LMTP ----


def lmtp(*rules):
    options = [word for rule in rules for word in ("--on", rule)]
    return Server(*options, endpoint="lmtp://127.0.0.1:0")


def lmtp_data(c, *recipients):
    c.begin_data(*recipients, hello=b"LHLO t")
    c.send(b"Subject: x\r\n\r\nx\r\n.\r\n")


def delivered(server):
    """To whom, by JSON; the header, written before the mail data, also names those who are refused at their end."""
    got = server.recipients()
    for mails, to in zip(server.mails(), got):
        with open(mails) as f:
            named = re.findall("^Delivered-To: (.*)$", f.read(), re.M)
        same([r for r in named if r in to], to, "Delivered-To, and JSON")
    same(len(server.mails()), len(got), "files, and lines")
    return got


def t_lmtp_each_recipient_has_a_verdict():
    server = lmtp("eom one@*: 550 5.1.1 no", "eom two@*: delay 3s", "eom four@*: drop")
    c = Raw(server.port)
    lmtp_data(c, b"one@x.test", b"two@x.test", b"three@x.test", b"four@x.test", b"five@x.test")
    c.expect(b"550 5.1.1 no\r\n")
    first = time.monotonic()
    check(c.is_silent(), "the second reply came before its time")
    same(len(glob.glob(server.path("mail/*.eml"))), 1, "mails stored before the delay")
    c.expect(b"250")
    check(time.monotonic() - first > 1, "the second reply came too early:", time.monotonic() - first)
    c.expect(b"250")
    c.is_over()
    same(server.stop(), 0, "status")
    same(delivered(server), [["two@x.test", "three@x.test"]], "recipients")


def t_lmtp_all_refused():
    server = lmtp("eom one@*: 550 no", "eom: 450 later")
    c = Raw(server.port)
    lmtp_data(c, b"one@x.test", b"two@x.test")
    c.expect(b"550 no\r\n")
    c.expect(b"450 later\r\n")
    # the session goes on, and the transaction is over
    c.send(b"RCPT TO:<b@x.test>\r\n")
    c.expect(b"503")
    c.say(b"QUIT", b"221")
    same((server.stop(), delivered(server)), (1, []), "status, and recipients")


def t_lmtp_drop():
    # at the first: nobody has it
    server = lmtp("eom one@*: drop")
    c = Raw(server.port)
    lmtp_data(c, b"one@x.test", b"two@x.test")
    c.is_over()
    same((server.stop(), delivered(server)), (1, []), "status, and recipients")
    # at the second: the first one has
    server = lmtp("eom two@*: drop")
    c = Raw(server.port)
    lmtp_data(c, b"one@x.test", b"two@x.test", b"three@x.test")
    c.expect(b"250")
    c.is_over()
    same((server.stop(), delivered(server)), (0, [["one@x.test"]]), "status, and recipients")
    # with 421 for the second likewise, and the third has no reply: RFC 5321 3.8
    server = lmtp("eom two@*: 421 4.3.2 closing down")
    c = Raw(server.port)
    lmtp_data(c, b"one@x.test", b"two@x.test", b"three@x.test")
    c.expect(b"250")
    c.expect(b"421 4.3.2 closing down\r\n")
    c.is_over()
    same((server.stop(), delivered(server)), (0, [["one@x.test"]]), "status, and recipients")


def t_lmtp_reply_and_then_the_end():
    """Whichever rule a reply comes from: who had one before the end has the message."""
    for rule, words in (
        ("eom: 250 ok; drop", [b"250 ok"]),
        ("body: 250 ok; drop", [b"250 ok"]),
        ("body: 250 ok; delay 5ms, 421 bye", [b"250 ok", b"421 bye"]),
        ("bdat: 250 ok; drop", [b"250 ok"]),
    ):
        server = lmtp(rule)
        c = Raw(server.port)
        c.say(b"LHLO t", b"250")
        c.say(b"MAIL FROM:<a@x.test>", b"250")
        for to in (b"one@x.test", b"two@x.test"):
            c.say(b"RCPT TO:<%s>" % to, b"250")
        c.send(b"BDAT 4 LAST\r\nhi\r\n")
        for word in words:
            c.expect(word + b"\r\n")
        c.is_over()
        same((server.stop(), delivered(server)), (0, [["one@x.test"]]), "status, and recipients: " + rule)


def t_lmtp_chunk_for_nobody():
    """It has no reply (RFC 2033 4.3), so no rule for one acts, and none is used up."""
    server = lmtp("eom #1: 450 later", "rcpt one@*: 550 no")
    c = Raw(server.port)
    c.say(b"LHLO t", b"250")
    c.say(b"MAIL FROM:<a@x.test>", b"250")
    c.say(b"RCPT TO:<one@x.test>", b"550")
    c.send(b"BDAT 4 LAST\r\nhi\r\n")
    c.say(b"MAIL FROM:<a@x.test>", b"250")
    c.say(b"RCPT TO:<two@x.test>", b"250")
    c.send(b"BDAT 4 LAST\r\nhi\r\n")
    c.expect(b"450 later\r\n")
    same((server.stop(), delivered(server)), (1, []), "status, and recipients")


def t_lmtp_empty_message():
    """A message of nothing has its rules, too."""
    server = lmtp("eom one@*: 550 no")
    c = Raw(server.port)
    c.begin_data(b"one@x.test", b"two@x.test", hello=b"LHLO t")
    c.send(b".\r\n")
    same([c.reply()[:3] for _ in range(2)], [b"550", b"250"], "replies")
    same((server.stop(), delivered(server)), (0, [["two@x.test"]]), "status, and recipients")
    server = lmtp("eom: 550 no")
    c = Raw(server.port)
    c.begin_data(b"one@x.test", b"two@x.test", hello=b"LHLO t")
    c.send(b".\r\n")
    same([c.reply()[:3] for _ in range(2)], [b"550", b"550"], "replies")
    same((server.stop(), delivered(server)), (1, []), "status, and recipients")


def t_silent_client_is_sent_home():
    """One whose greeting was delayed past the last connection to be served does not keep the run."""
    server = Server("--on", "connect #1: delay 300ms", until=("-c", "1", "-n", "0-"))
    silent = socket.create_connection(("127.0.0.1", int(server.port)), timeout=LONG)
    c = Raw(server.port)
    c.say(b"QUIT", b"221")
    same(server.end(), 0, "status")
    silent.close()


def t_signal_during_a_delay_of_mail_data():
    """A message that is being sent may end, as without a rule."""
    server = Server("--on", "body: delay 200ms")
    c = Raw(server.port)
    c.begin_data()
    c.send(b"one\r\n")
    c.send(b"two\r\n.\r\n")
    server.signal()
    c.expect(b"250")
    c.close()
    same(server.end(), 0, "status")


def queued(s):
    """Octets that have come and are not read."""
    return struct.unpack("i", fcntl.ioctl(s, termios.FIONREAD, bytes(4)))[0]


def t_all_is_said_before_the_end():
    """What was said before a rule breaks off gets to a client that is slow to read, without a busy loop."""
    for action in "drop", "stall":
        path = tempfile.mkdtemp(dir=".") + "/s"
        server = Server("--on", "quit: " + action, "--idle", "1s", endpoint="unix:" + path)
        c = Raw(path)
        n = 1991
        c.send(b"EHLO x\r\n" + b"HELP\r\n" * n + b"QUIT\r\n")
        wait_for(lambda: queued(c.socket) > 100000, "replies that are not read")
        how, got = c.end()
        same((how, got.count(b"\n214 ")), ("closed", n), "the end, and replies with " + action)
        server.stop()
        check(server.seconds() < 0.3 or "FAKESMTP_INSTRUMENTED" in os.environ, action, "took", server.seconds())


def t_turned_away_counts():
    """Whoever gets no greeting of 2yz has been served."""
    for code in "421", "554", "354":
        server = Server("--on", "connect: %s no" % code, until=("-c", "1", "-n", "0-"))
        Raw(server.port, greeting=code.encode()).close()
        same(server.end(), 0, "status with " + code)


def t_lmtp_counts():
    """#N counts recipients, as each has a verdict of his own."""
    server = lmtp("eom #2: 450 later")
    c = Raw(server.port)
    for expected in [b"450", b"450", b"250"], [b"250", b"250", b"250"]:
        lmtp_data(c, b"one@x.test", b"two@x.test", b"three@x.test")
        same([c.reply()[:3] for _ in range(3)], expected, "replies")
    c.say(b"QUIT", b"221")
    server.stop()
    same(delivered(server), [["three@x.test"], ["one@x.test", "two@x.test", "three@x.test"]], "recipients")


def t_lmtp_refused_recipient():
    server = lmtp("rcpt one@*: 550 no", "eom two@*: 550 no")
    got = client_swaks(server, "", LONG, "--protocol", "LMTP", "-t", "one@x.test,two@x.test,three@x.test")
    same(got, "0", "swaks, as one of three has it")
    server.stop()
    same(delivered(server), [["three@x.test"]], "recipients")
    server = lmtp("eom: 550 no")
    same(client_swaks(server, "", LONG, "--protocol", "LMTP", "-t", "one@x.test,two@x.test"), "26", "swaks")
    server.stop()
    same(delivered(server), [], "recipients")


def t_lmtp_chunks():
    server = lmtp("eom one@*: 550 no", "eom two@*: delay 300ms, 250 fine")
    c = Raw(server.port)
    c.begin(b"one@x.test", b"two@x.test", b"three@x.test", hello=b"LHLO t")
    c.send(b"BDAT 3\r\nx\r\n")
    c.expect(b"250")
    begin = time.monotonic()
    c.send(b"BDAT 3 LAST\r\nx\r\nNOOP\r\n")
    c.expect(b"550 no\r\n")
    c.expect(b"250 fine\r\n")
    check(time.monotonic() - begin > 0.29, "the second reply came too early")
    c.expect(b"250 2.0.0 Message")
    c.expect(b"250")
    server.stop()
    same(delivered(server), [["two@x.test", "three@x.test"]], "recipients")


def t_lmtp_refused_data():
    """A reply to all of the mail data is one to each recipient."""
    for rule in "bdat: 452 4.3.1 full", "body: 452 4.3.1 full", "eom: 452 4.3.1 full":
        server = lmtp(rule)
        c = Raw(server.port)
        c.begin(b"one@x.test", b"two@x.test", hello=b"LHLO t")
        c.send(b"BDAT 3 LAST\r\nx\r\nQUIT\r\n")
        how, got = c.end()
        same(got.splitlines(), [b"452 4.3.1 full", b"452 4.3.1 full", b"221 2.0.0 Bye"], rule)
        same((server.stop(), delivered(server)), (1, []), "status, and recipients")


# ---- delays ----


def t_stored_before_the_delay():
    server = Server("--on", "eom: delay 600s, 250 at last")
    c = Raw(server.port)
    c.begin_data()
    c.send(b"x\r\n.\r\n")
    wait_for(server.mails, "the message's file")
    check(c.is_silent(), "there is a reply already")
    c.reset()
    server.stop()
    same(kept(server), "unheard", "kept")


def t_unheard_does_not_count():
    """The client has gone when the time of its reply comes, and the run goes on without."""
    server = Server("--on", "eom #1: delay 3s", until=("-n", "1"))
    c = Raw(server.port)
    c.begin_data(b"gone@x.test")
    c.send(b"x\r\n.\r\n")
    wait_for(server.mails, "the message's file")
    c.reset()

    def taken():
        try:
            with connect(server, LONG) as s:
                mail(s)
                return True
        except smtplib.SMTPSenderRefused as e:
            same(e.smtp_code, 421, "while that one may be the last")
            return False

    wait_for(taken, "room for another message")
    same(server.end(), 0, "status")
    same(server.recipients(), [["gone@x.test"], ["b@x.test"]], "what is stored")


def t_delay_is_not_idle():
    """A delay that is longer than --idle: the client is waiting for us, not we for it."""
    server = Server("--idle", "3s", "--on", "eom: delay 4s")
    c = Raw(server.port)
    c.begin_data()
    c.send(b"x\r\n")
    c.say(b".")
    c.say(b"QUIT", b"221")
    server.stop()
    same(kept(server), "yes", "kept")


def arrivals(c, n):
    """The codes of n replies, and when they came."""
    got = [(c.reply()[:3], time.monotonic()) for _ in range(n)]
    return [code for code, _ in got], [t for _, t in got]


def t_pipelined():
    group = b"MAIL FROM:<a@x.test>\r\nRCPT TO:<b@x.test>\r\nRCPT TO:<c@x.test>\r\nDATA\r\n"
    for rule, expected in (
        ("rcpt b@*: delay 3s", [b"250", b"250", b"250", b"354"]),
        ("rcpt b@*: delay 3s, 550 no", [b"250", b"550", b"250", b"354"]),
    ):
        server = Server("--on", rule)
        c = Raw(server.port)
        c.say(b"EHLO t")
        c.send(group)
        codes, times = arrivals(c, 4)
        same(codes, expected, rule)
        check(times[1] - times[0] > 1, "the first reply was held back with the second", times)
        check(times[3] - times[1] < 2, "the replies behind the second have a delay", times)
        c.send(b"x\r\n.\r\n")
        c.expect(b"250")
        server.stop()
        same(server.recipients(), [["b@x.test", "c@x.test"][expected[1] == b"550" :]], "recipients")
    for action, ends in ("drop", ("closed",)), ("reset", ("reset",)), ("delay 300ms, drop", ("closed",)):
        server = Server("--on", "rcpt b@*: " + action)
        c = Raw(server.port)
        c.say(b"EHLO t")
        begin = time.monotonic()
        c.send(group)
        c.expect(b"250 2.1.0")
        how, more = c.end()
        check(how in ends, "the end is", how)
        same(more, b"", "more")
        check(time.monotonic() - begin > delay_of(action), "it came too early")
        server.stop()
    # stalled: the first reply, and then nothing
    server = Server("--on", "rcpt b@*: stall", "--idle", "3s")
    c = Raw(server.port)
    c.say(b"EHLO t")
    c.send(group)
    c.expect(b"250 2.1.0")
    c.is_over()
    server.stop()
    # two delays in a group add up, as each holds back the next
    server = Server("--on", "rcpt: delay 200ms")
    c = Raw(server.port)
    c.say(b"EHLO t")
    begin = time.monotonic()
    c.send(group)
    codes, times = arrivals(c, 4)
    check(times[1] - begin > 0.19 and times[2] - begin > 0.39, "two delays are over after", times[2] - begin)
    server.stop()


def t_delays_do_not_add_up():
    n = 30
    server = Server("--on", "mail: delay 1s")
    clients = [Raw(server.port) for _ in range(n)]
    for c in clients:
        c.say(b"EHLO t")
    begin = time.monotonic()
    for c in clients:
        c.send(b"MAIL FROM:<a@x.test>\r\n")
    for c in clients:
        c.expect(b"250")
    took = time.monotonic() - begin
    check(0.99 < took < n / 2, "%d delays of a second took" % n, took)
    server.stop()


def t_others_are_served_meanwhile():
    server = Server("--on", "mail slow@*: delay 600s", "--on", "mail stalled@*: stall")
    waiting = [Raw(server.port) for _ in range(20)]
    for i, c in enumerate(waiting):
        c.say(b"EHLO t")
        c.send(b"MAIL FROM:<%s@x.test>\r\nNOOP\r\n" % (b"slow" if i % 2 else b"stalled"))
    for _ in range(20):
        with connect(server, LONG) as s:
            mail(s)
    check(all(c.is_silent() for c in waiting), "a reply came that was to be held back")
    server.stop()
    same(len(server.mails()), 20, "messages")


def t_proofs_do_not_hold_up_others():
    """A proof of SCRAM takes milliseconds to check, and a client that guesses the nonces can send many at once."""
    logins = [word for i in range(20) for word in ("--auth", "ann:%d" % i)]
    server = Server("-v", "--auth-mechs", "SCRAM-SHA-256", *logins, keep=False)
    guesser, other = Raw(server.port), Raw(server.port)
    guesser.say(b"EHLO t")
    first = b"AUTH SCRAM-SHA-256 " + base64.b64encode(b"n,,n=ann,r=c")
    challenge = base64.b64decode(guesser.say(first, b"334")[4:])
    nonce = int(re.search(rb"<(\d+)@", challenge)[1])
    guesser.say(b"*", b"501")
    guesses = [b"c=biws,r=c<%020d@localhost>,p=AAAA" % (nonce + 1 + i) for i in range(20)]
    server.signal("SIGSTOP")  # so that both are ready together
    guesser.send(b"".join(first + b"\r\n" + base64.b64encode(guess) + b"\r\n" for guess in guesses))
    other.send(b"NOOP\r\n")
    server.signal("SIGCONT")
    other.expect(b"250")
    for _ in guesses:
        guesser.expect(b"334")
        guesser.expect(b"535")
    server.stop()
    before = server.err().split("2 C: NOOP")[0].count("1 S: 535")
    check(before < 5, "proofs that were checked before another client was heard:", before)


def t_order_of_delays():
    """Whoever has the shortest one is first, whenever it began."""
    delays = [3200, 1200, 2200, 200]
    server = Server(*[word for d in delays for word in ("--on", "mail d%d@*: delay %dms" % (d, d))])
    clients = [Raw(server.port) for _ in delays]
    for c in clients:
        c.say(b"EHLO t")
    server.signal("SIGSTOP")  # so that all begin together
    for c, d in zip(clients, delays):
        c.send(b"MAIL FROM:<d%d@x.test>\r\n" % d)
    server.signal("SIGCONT")
    order = []
    while len(order) < len(delays):
        ready = select.select([c.socket for c in clients if c not in order], [], [], LONG)[0]
        check(ready, "no reply")
        for c in [c for c in clients if c.socket in ready]:
            c.expect(b"250")
            order.append(c)
    same([delays[clients.index(c)] for c in order], sorted(delays), "order")
    server.stop()


def t_long_delay():
    """Of a day: neither too much for the clock, nor for the end."""
    server = Server("--on", "noop: delay 24h", "--on", "rset: delay 1ms")
    c, d = Raw(server.port), Raw(server.port)
    c.send(b"NOOP\r\n")
    d.say(b"RSET")
    check(c.is_silent(), "a reply came a day too early")
    server.stop()


def t_delayed_drop_is_orderly():
    """As without the delay: what the client still sends is read, and its going is seen."""
    for rule in "body: drop", "body: delay 100ms, drop":
        server = Server("--on", rule, until=("-c", "1"))
        c = Raw(server.port)
        c.begin_data()
        try:
            c.send(b"x" * 8000000)
        except ConnectionError as e:
            check(False, rule, "ends", repr(e))
        c.is_over()
        server.end()


# ---- the end of a run ----


def waiting_clients(server):
    """One for each thing that is waited with."""
    clients = []
    for line in b"NOOP", b"RSET", b"VRFY x", b"MAIL FROM:<a@x.test>":
        c = Raw(server.port)
        c.say(b"EHLO t")
        c.send(line + b"\r\n")
        clients.append(c)
    Raw(server.port).say(b"EHLO t")  # all that was sent before has been read
    check(all(c.is_silent() for c in clients), "a reply came that was to be held back")
    return clients


WAITS = [
    *("--on", "noop: stall"),
    *("--on", "rset: delay 600s"),
    *("--on", "vrfy: delay 600s, drop"),
    *("--on", "mail: delay 600s, 550 no"),
]


def t_signal_ends_waits():
    for name in "SIGTERM", "SIGHUP", "SIGINT":
        server = Server(*WAITS, until=("-k",))
        clients = waiting_clients(server)
        server.signal(name)
        ends = [c.end() for c in clients]
        status = server.end()
        same(status, -signal.SIGINT if name == "SIGINT" else 0, "status after " + name)
        # who waits for a reply is told that there will be none; who is stalled, or to be dropped, is not
        same([more[:3] for _, more in ends], [b"", b"421", b"", b"421"], "what they are told")


def t_limit_ends_waits():
    server = Server(*WAITS, until=("-n", "0", "-t", "5s"))
    clients = waiting_clients(server)
    for c in clients:
        c.end()
    same(server.end(), 0, "status")


def t_signal_before_a_delayed_250():
    """A message that has been stored has its 250 before the run ends, if earlier than the rule says."""
    for reply in "", ", 250 ok", ", 250 " + "x" * 100:
        server = Server("--on", "eom: delay 600s" + reply)
        c = Raw(server.port)
        c.begin_data()
        c.send(b"x\r\n.\r\n")
        wait_for(server.mails, "the message's file")
        server.signal()
        how, more = c.end()
        server.end()
        same((how, more[:4]), ("closed", b"250 "), "what the client is told")
        same(kept(server), "yes", "kept, with eom: delay 600s" + reply[:10])


def t_signal_and_then_the_end():
    """What a rule does after a reply that is still given, it does; a 421 of its own is not followed by ours."""
    for rule, begun, left in (
        ("eom: delay 600s, 250 ok; drop", b"", b"250 ok\r\n"),
        ("eom: delay 600s, 250 ok; stall", b"", b"250 ok\r\n"),
        ("eom: drip 600s, 250 ok; drop", b"2", b"50 ok\r\n"),
        ("eom: 250 ok; drip 600s, 421 bye", b"250 ok\r\n4", b"21 bye\r\n"),
        ("eom: delay 600s; delay 600s, drop", b"", b"250 2.0.0 Message accepted\r\n421 4.3.2 Closing down\r\n"),
    ):
        server = Server("--on", rule)
        c = Raw(server.port)
        c.begin_data()
        c.send(b"x\r\n.\r\n")
        wait_for(server.mails, "the message's file")
        while len(c.buffer) < len(begun):
            c.buffer += c.socket.recv(65536)
        server.signal()
        same(c.end(), ("closed", begun + left), "what the client is told by " + rule)
        server.end()
        same(kept(server), "yes", "kept, with " + rule)


def t_signal_lets_a_short_delay_end():
    """A message that is being transferred may finish within a second, the last reply included."""
    server = Server("--on", "eom: delay 300ms")
    c = Raw(server.port)
    c.begin_data()
    c.send(b"x\r\n.\r\n")
    wait_for(server.mails, "the message's file")
    server.signal()
    c.expect(b"250")
    server.end()
    same(kept(server), "yes", "kept")


def t_command_ends_while_others_wait():
    """The run of a command does not wait for whom a rule makes wait."""
    script = """if True:
        import os, socket
        s = socket.create_connection((os.environ["SMTP_HOST"], int(os.environ["SMTP_PORT"])))
        s.recv(99)
        s.sendall(b"NOOP\\r\\n")
        if os.fork() == 0:
            s.recv(99)
            os._exit(0)
    """
    for action in "stall", "delay 600s":
        words = [*PROGRAM, "-q", "--on", "noop: " + action, "python3", "-c", script]
        done = subprocess.run(words, stdin=subprocess.DEVNULL, timeout=LONG)
        same(done.returncode, 0, "status")


# ---- no busy loop ----


def t_waiting_takes_no_time():
    """Of the processor; also when the client has more to say, or has gone."""
    if os.environ.get("FAKESMTP_INSTRUMENTED"):
        return

    def stays(c):
        pass

    def talks(c):
        c.send(b"NOOP\r\n" * 100)

    def floods(c):
        c.socket.setblocking(False)
        try:
            while c.socket.send(b"x" * 65536):
                pass
        except BlockingIOError:
            pass

    def half(c):
        c.socket.shutdown(socket.SHUT_WR)

    def goes(c):
        c.close()

    def resets(c):
        c.reset()

    servers = []
    for action in "stall", "delay 1s", "delay 1s, drop", "delay 1s, stall", "delay 20s":
        for act in stays, talks, floods, half, goes, resets:
            for place in None, "unix:" + tempfile.mkdtemp(dir=".") + "/s":
                server = Server("--on", "mail: " + action, endpoint=place, keep=False)
                c = Raw(server.port)
                c.say(b"EHLO t")
                c.send(b"MAIL FROM:<a@x.test>\r\n")
                if act is not floods or action != "stall":  # that would be read away without end
                    act(c)
                servers.append((server, c, "%s, the client %s" % (action, act.__name__)))
    time.sleep(1.3)  # that is what is tested
    for server, c, what in servers:
        server.signal()
    for server, c, what in servers:
        server.end()
        check(server.seconds() < 0.1, "%s: it took %.2f s of the processor" % (what, server.seconds()))


LARGE = MAIL.encode() + b"lorem ipsum dolor sit amet consectetur adipiscing elit sed do eiusmod\r\n" * 60000


def begin_large(server):
    """A client that has sent a large message without its end, all of which has arrived."""
    c = Raw(server.port)
    c.begin_data()
    c.send(LARGE)
    wait_for(lambda: not struct.unpack("i", fcntl.ioctl(c.socket, termios.TIOCOUTQ, bytes(4)))[0], "what was sent")
    return c


def t_searches_of_several():
    """Messages that are searched at the same time, and read again for JSON, are all taken, or refused."""
    server = Server("--on", "eom /body: zz[a-z]*q/: 554 no", "--on", "eom /body: elit/ #1: 451 later")
    clients = [begin_large(server) for _ in range(3)]
    server.signal("SIGSTOP")  # so that all end together
    for c in clients:
        c.send(b".\r\n")
    server.signal("SIGCONT")
    same(sorted(c.reply()[:3] for c in clients), [b"250", b"250", b"451"], "replies")
    same(server.stop(), 0, "status")
    same((len(server.mails()), len(server.lines())), (2, 2), "files, and lines")


def t_search_behind_a_stream():
    """One that comes while another message waits for the stream waits as well, and takes no time of the processor."""
    fifo = tempfile.mkdtemp(dir=".") + "/fifo"
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    server = Server("-o", fifo, "--on", "eom /body: zz[a-z]*q/: 554 no", keep=False)
    first, second = begin_large(server), begin_large(server)
    first.send(b".\r\n")
    wait_for(lambda: select.select([reader], [], [], 0)[0], "the stream")
    second.send(b".\r\n")
    time.sleep(1.3)  # that is what is tested
    check(first.is_silent() and second.is_silent(), "a reply came before the stream was read")
    got = 0
    while got < 2 * len(LARGE.replace(b"\r\n", b"\n")):
        select.select([reader], [], [], LONG)
        got += len(os.read(reader, 65536))
    first.expect(b"250")
    second.expect(b"250")
    same(server.stop(), 0, "status")
    if not os.environ.get("FAKESMTP_INSTRUMENTED"):
        check(server.seconds() < 0.6, "it took %.2f s of the processor" % server.seconds())


# ---- other endpoints ----


def t_unix_socket():
    for rule, expected in (
        ("mail: 550 5.7.1 no", b"550 5.7.1 no\r\n"),
        ("mail: drop", b""),
        ("mail: reset", b""),
        ("mail: delay 300ms", b"250 "),
        ("mail: delay 300ms, drop", b""),
        ("mail: stall", b""),
    ):
        path = tempfile.mkdtemp(dir=".") + "/s"
        server = Server("--on", rule, "--idle", "3s", endpoint="unix:" + path)
        c = Raw(path)
        c.say(b"EHLO t")
        begin = time.monotonic()
        c.send(b"MAIL FROM:<a@x.test>\r\n")
        if expected:
            c.expect(expected)
        else:
            c.is_over()
        took = time.monotonic() - begin
        check(took > (2.99 if "stall" in rule else delay_of(rule) - 0.01), rule, "took no longer than", took)
        server.stop()
        check("never fired" not in server.err(), server.err())


SESSION = b"EHLO t\r\nMAIL FROM:<a@x.test>\r\nRCPT TO:<b@x.test>\r\nDATA\r\nx\r\n.\r\nQUIT\r\n"


def stdio(rule, text, kind):
    """One session over standard input and output; the codes, the status, and the time it took."""
    words = PROGRAM + ["-q", "-l", "-", "-d", tempfile.mkdtemp(dir=".") + "/mail", "--on", rule]
    begin = time.monotonic()
    if kind == "file":
        with tempfile.TemporaryFile() as f:
            f.write(text)
            f.seek(0)
            done = subprocess.run(words, stdin=f, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=LONG)
    elif kind == "pipe":
        done = subprocess.run(words, input=text, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=LONG)
    else:
        ours, theirs = socket.socketpair()
        process = subprocess.Popen(words, stdin=theirs, stdout=theirs, stderr=subprocess.PIPE)
        theirs.close()
        ours.settimeout(LONG)
        ours.sendall(text)
        ours.shutdown(socket.SHUT_WR)
        got = b""
        try:
            while more := ours.recv(65536):
                got += more
        except ConnectionResetError:
            pass
        err = process.communicate(timeout=LONG)[1]
        done = subprocess.CompletedProcess(words, process.returncode, got, err)
    codes = re.findall(rb"^(\d\d\d) ", done.stdout, re.M)
    return [int(c) for c in codes], done.returncode, time.monotonic() - begin


def t_stdio():
    def try_rule(kind, rule, expected):
        codes, status, took = stdio(rule, SESSION, kind)
        same((codes, status), expected, "%s, over a %s" % (rule, kind))
        check(took > delay_of(rule) - 0.01, rule, "took", took)

    taken = [220, 250, 250, 250, 354, 250, 221]
    table = (
        ("mail: 451 later", ([220, 250, 451, 503, 503, 500, 500, 221], 1)),
        ("rcpt: drop", ([220, 250, 250], 1)),
        ("rcpt: reset", ([220, 250, 250], 1)),
        ("rcpt: stall", ([220, 250, 250], 1)),
        ("rcpt: delay 200ms", (taken, 0)),
        ("eom: delay 200ms", (taken, 0)),
        ("eom: delay 200ms, drop", (taken[:5], 1)),
        ("eom: delay 200ms, 452 full", ([220, 250, 250, 250, 354, 452, 221], 1)),
        ("connect: 554 no", ([554, 503, 503, 503, 503, 500, 500, 221], 1)),
        ("connect: delay 200ms", (taken, 0)),
        ("quit: delay 200ms", (taken, 0)),
        ("quit: drop", (taken[:6], 0)),
    )
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(try_rule, kind, *row) for kind in ("file", "pipe", "socket") for row in table]:
            done.result()


# ---- TLS ----


def t_tls():
    def secure(server):
        context = ssl.create_default_context(cafile=server.path("ca.pem"))
        return smtplib.SMTP_SSL("127.0.0.1", int(server.port), timeout=LONG, context=context)

    for rule, expected in (
        ("connect: 421 4.3.2 busy", "SMTPConnectError 421"),
        ("connect: delay 300ms", "sent"),
        ("connect: delay 300ms, 554 no", "SMTPConnectError 554"),
        ("mail: 451 later", "SMTPSenderRefused 451"),
        ("rcpt: drop", "closed"),
        ("eom: delay 300ms, drop", "closed"),
        ("body: drop", "closed"),
        ("eom: delay 300ms", "sent"),
    ):
        server = Server("--tls", "--on", rule, endpoint="smtps://127.0.0.1:0")
        begin = time.monotonic()
        got = outcome(rule, lambda: mail(secure(server)))
        same(got, expected, rule)
        check(time.monotonic() - begin > delay_of(rule), rule, "took", time.monotonic() - begin)
        server.stop()
        same(kept(server), "yes" if expected == "sent" else "no", "kept, with " + rule)
    # nothing of what was said before TLS is asked for behind it
    server = Server("--tls", "--on", "rcpt: delay 200ms", "--on", "auth ann: 535 no")
    with connect(server, LONG) as s:
        s.starttls(context=ssl.create_default_context(cafile=server.path("ca.pem")))
        same(outcome("535 no", lambda: s.login("ann", "x")), "SMTPAuthenticationError 535", "AUTH under TLS")
        same(mail(s), "sent", "and then")
    server.stop()
    same(kept(server), "yes", "kept")


if __name__ == "__main__":
    name = sys.argv[1]
    check(name == "pairs" or name.startswith("t_"), "what is", name)
    try:
        globals()[name](*sys.argv[2:])
    except AssertionError as e:
        where = [f for f in traceback.extract_tb(e.__traceback__) if f.name.startswith("t_")]
        sys.exit("line %d: %s" % (where[-1].lineno, e) if where else str(e))
