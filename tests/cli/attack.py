#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Sends the input of an attacker over one way in, and checks that it has no effect.

    attack.py PROGRAM tcp|starttls|starttls-unix|smtps|unix|stdio|fd

Starts the program itself, in the current directory.  D, X and T are rows of
the conformance table.
"""
import glob
import os
import random
import re
import shlex
import socket
import subprocess
import sys

GREETING = b"220 "
EVIL = b"MAIL FROM:<evil@x.test>\r\nRCPT TO:<v@x.test>\r\nDATA\r\nb\r\n.\r\n"
VECTORS = [  # D11 to D22
    b"\n.\n",
    b"\n.\r\n",
    b"\r\n.\n",
    b"\r.\r",
    b"\r.\n",
    b"\n.\r",
    b"\r\n.\r",
    b"\r.\r\n",
    b"\r\n\0.\r\n",
    b"\r\n.\0\r\n",
    b"\r\n.\r\r\n",
    b"\r\r\n.\r\r\n",
]
BEFORE = [b"", b"a", b"Subject: t\r\n", b"Subject: t\r\n\r\na"]


class Client:
    def __init__(self, s):
        self.socket = s
        self.buffer = b""

    def reply(self):
        """The lines of one reply, whole."""
        lines = b""
        while True:
            while b"\r\n" not in self.buffer:
                got = self.socket.recv(65536)
                if not got:
                    raise EOFError("after %r" % (lines + self.buffer))
                self.buffer += got
            line, self.buffer = self.buffer.split(b"\r\n", 1)
            lines += line + b"\r\n"
            if line[3:4] != b"-":
                return lines

    def expect(self, code):
        got = self.reply()
        assert got.startswith(code), "%r, not %r" % (got, code)
        return got

    def say(self, octets, code):
        self.socket.sendall(octets)
        return self.expect(code)

    def say_cut(self, octets, how):
        """Whole, octet by octet, or cut anywhere."""
        if how == "whole":
            cuts = []
        elif how == "octets":
            cuts = range(1, len(octets))
        else:
            cuts = sorted(random.sample(range(1, len(octets)), random.randint(1, 6)))
        start = 0
        for end in [*cuts, len(octets)]:
            self.socket.sendall(octets[start:end])
            start = end

    def end(self):
        assert not self.buffer, self.buffer
        got = self.socket.recv(65536)
        assert got == b"", got
        self.socket.close()


class Way:
    """A way in: starts the program, connects, ends it."""

    def __init__(self, program, name):
        self.words = shlex.split(os.environ.get("FAKESMTP_WRAPPER", "")) + [program, "-q", "-d", "mail", "--crlf"]
        self.name = name
        self.tls = name.startswith("starttls") or name == "smtps"
        self.address = self.server = self.trust = None
        self.implicit = name == "smtps"
        pass_fds = ()
        if name == "stdio":
            return
        if name in ("tcp", "starttls"):
            where = ["-l", "127.0.0.1:0"]
        elif name == "smtps":
            where = ["-l", "smtps://127.0.0.1:0"]
        elif name in ("unix", "starttls-unix"):
            where = ["-l", "unix:socket"]
        elif name == "fd":
            listener = socket.create_server(("127.0.0.1", 0))
            pass_fds = (listener.fileno(),)
            where = ["-l", "fd:%d" % listener.fileno()]
        else:
            sys.exit("what is %s?" % name)
        if self.tls:
            where += ["--tls", "--ca-file", "ca.pem"]
        os.mkfifo("port")
        self.server = subprocess.Popen(self.words + ["-k", "--port-file", "port"] + where, pass_fds=pass_fds)
        with open("port") as f:
            told = f.read().strip()
        if self.tls:
            import ssl

            self.trust = ssl.create_default_context(cafile="ca.pem")
        if name == "fd":
            assert int(told) == listener.getsockname()[1]
            listener.close()
        self.address = told if told.startswith("/") else ("127.0.0.1", int(told))

    def secure(self, client):
        assert not client.buffer
        client.socket = self.trust.wrap_socket(
            client.socket, server_hostname="localhost", suppress_ragged_eofs=False
        )

    def connect(self, secure=True):
        """A client that has been greeted."""
        if self.name == "stdio":
            ours, theirs = socket.socketpair()
            self.server = subprocess.Popen(
                self.words + ["-n", "0-", "-l", "-"], stdin=theirs, stdout=theirs, stderr=theirs
            )
            theirs.close()
        elif isinstance(self.address, str):
            ours = socket.socket(socket.AF_UNIX)
            ours.connect(self.address)
        else:
            ours = socket.create_connection(self.address)
            ours.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        ours.settimeout(60)
        client = Client(ours)
        if self.implicit:
            self.secure(client)
        client.expect(GREETING)
        if secure and self.tls and not self.implicit:
            client.say(b"EHLO t\r\n", b"250")
            client.say(b"STARTTLS\r\n", b"220")
            self.secure(client)
        return client

    def ended(self):
        """A session is over."""
        if self.name == "stdio":
            status = self.server.wait(60)
            assert status == 0, status

    def close(self):
        if self.name != "stdio":
            self.server.terminate()
            status = self.server.wait(60)
            assert status == 0, status


def stored():
    return sorted(glob.glob("mail/*.eml"))


def undotted(data):
    return re.sub(rb"(\A|\r\n)\.", rb"\1", data)


def smuggle(way):
    """D11 to D22: one reply, and one message with all that was said."""
    client = way.connect()
    client.say(b"EHLO t\r\n", b"250")
    count = len(stored())
    for how in "whole", "octets", "cut":
        for vector in VECTORS:
            for before in BEFORE:
                client.say(b"MAIL FROM:<a@x.test>\r\n", b"250")
                client.say(b"RCPT TO:<b@x.test>\r\n", b"250")
                client.say(b"DATA\r\n", b"354")
                data = before + vector + EVIL[: -len(b".\r\n")]
                client.say_cut(data + b".\r\n", how)
                what = "%r after %r, %s" % (vector, before, how)
                got = client.reply()
                assert got == b"250 2.0.0 Message accepted\r\n", "%s: %r" % (what, got)
                # NOOP's, not that to a command within the mail
                got = client.say(b"NOOP\r\n", b"250")
                assert got == b"250 2.0.0 Ok\r\n", "%s: %r" % (what, got)
                count += 1
                names = stored()
                assert len(names) == count, "%s: %d messages, not %d" % (what, len(names), count)
                with open(names[-1], "rb") as f:
                    kept = f.read()
                assert kept == undotted(data), "%s: %r" % (what, kept)
    client.say(b"QUIT\r\n", b"221")
    client.end()
    way.ended()


def speak_http(way):
    """X10: what is no SMTP ends the session, with one reply, and nothing behind it is done."""
    count = len(stored())
    body = b"EHLO t\r\nMAIL FROM:<a@x.test>\r\nRCPT TO:<v@x.test>\r\nDATA\r\nevil\r\n.\r\nQUIT\r\n"
    long = b"/" + b"a" * 3000
    for line in (
        b"POST / HTTP/1.1",
        b"PUT /x HTTP/1.0",
        b"GET / HTTP/1.1",
        b"PROPFIND / HTTP/1.1",
        b"PROPFIND %b HTTP/1.1" % long,
        b"HELO %b HTTP/1.1" % long,
        b"DATA / HTTP/1.1",
        b"PRI * HTTP/2.0",
    ):
        for how in "whole", "octets", "cut":
            client = way.connect()
            request = line + b"\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(body) + body
            try:
                client.say_cut(request, how)
            except (BrokenPipeError, ConnectionResetError):
                pass  # it need not listen to the end
            client.expect(b"421 ")
            client.end()
            way.ended()
    assert len(stored()) == count, stored()


def inject(way):
    """T4: what is said in clear behind STARTTLS has not been said."""
    count = len(stored())
    for evil in (
        b"NOOP\r\n",
        b"EHLO evil\r\nMAIL FROM:<evil@x.test>\r\n",
        b"EHLO evil\r\n" + EVIL + b"QUIT\r\n",
        b"MAIL FROM:<evil@x",
        b"x" * 5000,
    ):
        client = way.connect(secure=False)
        client.say(b"EHLO t\r\n", b"250")
        client.say(b"MAIL FROM:<a@x.test>\r\n", b"250")
        client.say(b"STARTTLS\r\n" + evil, b"220")
        way.secure(client)
        assert client.say(b"NOOP\r\n", b"250") == b"250 2.0.0 Ok\r\n"
        client.say(b"RCPT TO:<b@x.test>\r\n", b"503")
        client.say(b"EHLO t\r\n", b"250")
        client.say(b"RCPT TO:<b@x.test>\r\n", b"503")
        client.say(b"QUIT\r\n", b"221")
        client.end()
    assert len(stored()) == count, stored()


def main():
    way = Way(sys.argv[1], sys.argv[2])
    seed = int(os.environ.get("SEED", random.randrange(1 << 32)))
    print("SEED=%d" % seed)
    random.seed(seed)
    try:
        smuggle(way)
        speak_http(way)
        if way.tls and not way.implicit:
            inject(way)
        way.close()
    finally:
        if way.server is not None and way.server.poll() is None:
            way.server.kill()


main()
