#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Sends files as messages, octet by octet as they are: post.py PORT WORD ...

    from=ADDRESS from-params=TEXT to=ADDRESS ... to-params=TEXT
    bdat           with BDAT, so that a message need not end with a line end
    code=CODE      the reply that must follow the end of the message; 250
    FILE           sends it; "-": of standard input, Python's list of byte strings, each a message

Words hold for the files after them.
"""
import ast
import socket
import sys


class Client:
    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", int(port)), timeout=60)
        self.file = self.socket.makefile("rb")
        self.expect("220")
        self.say(b"EHLO t", "250")

    def expect(self, code):
        while True:
            line = self.file.readline()
            if not line.startswith(code.encode()):
                sys.exit("expected %s, got %r" % (code, line))
            if line[3:4] != b"-":
                return

    def say(self, line, code):
        self.socket.sendall(line + b"\r\n")
        self.expect(code)

    def post(self, octets, o):
        self.say(b"MAIL FROM:<%b>%b" % (o["from"], o["from-params"]), "250")
        for address in o["to"] or [b"b@x.test"]:
            self.say(b"RCPT TO:<%b>%b" % (address, o["to-params"]), "250")
        if o["bdat"]:
            self.socket.sendall(b"BDAT %d LAST\r\n" % len(octets) + octets)
        else:
            self.say(b"DATA", "354")
            octets = (b"\r\n" + octets).replace(b"\r\n.", b"\r\n..")[2:]
            self.socket.sendall(octets + (b"" if octets.endswith(b"\r\n") or not octets else b"\r\n") + b".\r\n")
        self.expect(o["code"])


def main():
    client = Client(sys.argv[1])
    o = {"from": b"a@x.test", "from-params": b"", "to": [], "to-params": b"", "bdat": False, "code": "250"}
    for word in sys.argv[2:]:
        key, _, value = word.partition("=")
        if word == "bdat":
            o["bdat"] = True
        elif key == "to":
            o["to"].append(value.encode())
        elif key == "code":
            o["code"] = value
        elif key.endswith("-params"):
            o[key] = b" " + value.encode()
        elif key == "from":
            o["from"] = value.encode()
        elif word == "-":
            for octets in ast.literal_eval(sys.stdin.read()):
                client.post(octets, o)
        else:
            client.post(open(word, "rb").read(), o)
    client.socket.sendall(b"QUIT\r\n")
    while client.file.readline():
        pass


main()
