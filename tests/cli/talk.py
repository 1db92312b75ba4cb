#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""A client for one test: connects to PORT on loopback and follows the words.

    talk.py PORT WORD ...

PORT may be the path of a Unix socket, with a slash in it.

    +              a new connection; the words after it are for this one
    @N             go on with connection N (from 1)
    <CODE          wait for a reply with this code; its lines are printed
    <EOF           wait for the end of the connection, orderly
    <GONE          the same, or a reset
    >TEXT          say TEXT and CRLF
    =TEXT          say TEXT as it is; \\r \\n \\0 and \\xHH are octets
    *N:TEXT        say TEXT as it is N times
    tls            begin TLS; the server is localhost, by what ca.pem trusts
    half           close our direction
    reset          end with a reset
    close          close
    kill:SIG:PID   send a signal
    exists:GLOB    a file that matches is there
    refused        a new connection is refused, at last
    pause:SECONDS  let time pass, where time is what is tested
"""
import glob
import os
import signal
import socket
import struct
import sys
import time


def octets(text):
    return text.encode("latin-1").decode("unicode_escape").encode("latin-1")


class Client:
    def __init__(self, port):
        if "/" in port:
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.settimeout(60)
            self.socket.connect(port)
        else:
            self.socket = socket.create_connection(("127.0.0.1", int(port)), timeout=60)
        self.buffer = b""

    def tls(self):
        import ssl

        if self.buffer:
            sys.exit("more was said in clear: %r" % self.buffer)
        context = ssl.create_default_context(cafile="ca.pem")
        # an end without a goodbye is then an error
        self.socket = context.wrap_socket(self.socket, server_hostname="localhost", suppress_ragged_eofs=False)

    def line(self):
        while b"\n" not in self.buffer:
            got = self.socket.recv(65536)
            if not got:
                sys.exit("the connection ended; last: %r" % self.buffer)
            self.buffer += got
        line, self.buffer = self.buffer.split(b"\n", 1)
        return line

    def reply(self, code):
        while True:
            line = self.line()
            print(line.decode("latin-1").rstrip("\r"))
            if not line.startswith(code.encode()):
                sys.exit("expected %s, got %r" % (code, line))
            if line[3:4] != b"-":
                return

    def end(self, orderly):
        try:
            got = self.buffer or self.socket.recv(65536)
        except ConnectionError:
            if orderly:
                raise
            return
        if got:
            sys.exit("expected the end, got %r" % got)


def main():
    port, words = sys.argv[1], sys.argv[2:]
    clients, client = [], None
    if words[0] != "+":
        words.insert(0, "+")
    for word in words:
        if word == "+":
            client = Client(port)
            clients.append(client)
        elif word[0] == "@":
            client = clients[int(word[1:]) - 1]
        elif word == "<EOF":
            client.end(True)
        elif word == "<GONE":
            client.end(False)
        elif word[0] == "<":
            client.reply(word[1:])
        elif word[0] == ">":
            client.socket.sendall(octets(word[1:]) + b"\r\n")
        elif word[0] == "=":
            client.socket.sendall(octets(word[1:]))
        elif word[0] == "*":
            count, text = word[1:].split(":", 1)
            client.socket.sendall(octets(text) * int(count))
        elif word == "tls":
            client.tls()
        elif word == "half":
            client.socket.shutdown(socket.SHUT_WR)
        elif word == "reset":
            client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            client.socket.close()
        elif word == "close":
            client.socket.close()
        elif word.startswith("kill:"):
            _, name, pid = word.split(":")
            os.kill(int(pid), getattr(signal, "SIG" + name))
        elif word.startswith("exists:"):
            if not glob.glob(word[7:]):
                sys.exit("no file " + word[7:])
        elif word == "refused":
            end = time.monotonic() + 60
            while True:
                try:
                    socket.create_connection(("127.0.0.1", int(port)), timeout=60).close()
                except (ConnectionRefusedError, ConnectionResetError):
                    break
                if time.monotonic() > end:
                    sys.exit("connections are still accepted")
        elif word.startswith("pause:"):
            time.sleep(float(word[6:]))
        else:
            sys.exit("what is %r?" % word)


main()
