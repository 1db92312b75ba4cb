# SPDX-License-Identifier: ISC
"""Messages that are known octet by octet, a client that sends them, and what tells whether one is whole in its place.

A message is known by its name, KIND-TAG, which is its subject: small-1, parts-1, large-1.
"""
import base64
import ctypes
import hashlib
import itertools
import json
import os
import re
import select
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time

LONG = 90  # seconds: a hard stop
# Whoever connects while the listening socket is closed may get a connection that the other side does not have (Linux).
KEEP_ALIVE = (((socket.SOL_SOCKET, socket.SO_KEEPALIVE), 1), ((socket.IPPROTO_TCP, socket.TCP_KEEPIDLE), 1),
              ((socket.IPPROTO_TCP, socket.TCP_KEEPINTVL), 1), ((socket.IPPROTO_TCP, socket.TCP_KEEPCNT), 3))
KINDS = "small", "parts", "large"
ATTACHED = bytes(range(256)) * 8
PAGE = os.path.dirname(os.path.abspath(__file__)) + "/../cli/page.py"


class Bad(Exception):
    """What must not be."""


def check(holds, *what):
    if not holds:
        raise Bad(" ".join(str(w) for w in what))


# ---- messages ----


def message(name):
    """As it is sent, without the dots of SMTP."""
    kind = name.split("-")[0]
    lines = ["From: a@x.test", "To: b@x.test", "Subject: " + name, "Date: Tue, 24 Nov 2026 03:12:00 +0000",
             "Message-ID: <%s@x.test>" % name, "MIME-Version: 1.0"]
    plain = ["Content-Type: text/plain; charset=utf-8", "Content-Transfer-Encoding: 8bit", ""]
    if kind == "parts":
        encoded = base64.b64encode(ATTACHED).decode()
        lines += ["Content-Type: multipart/mixed; boundary=B", "", "--B", *plain, "text of " + name, "--B",
                  "Content-Type: application/octet-stream; name=%s.bin" % name, "Content-Transfer-Encoding: base64",
                  "Content-Disposition: attachment; filename=%s.bin" % name, "",
                  *(encoded[i : i + 76] for i in range(0, len(encoded), 76)), "--B--"]
    else:
        lines += [*plain, *text_of(name).split("\n")[:-1]]
    return "".join(line + "\r\n" for line in lines).encode()


def text_of(name):
    """The decoded text, which is longer than what a server keeps in memory if the message is large."""
    if name.startswith("parts"):
        return "text of " + name
    more = ["%06d %s" % (i, "x" * 60) for i in range(2000)] if name.startswith("large") else []
    return "\n".join(["text of " + name, ".", "..", ".x", "From here", ">From there", "Gr\u00fc\u00dfe", *more, "end of " + name, ""])


def lf(octets):
    return octets.replace(b"\r\n", b"\n")


def unwrapped(octets):
    """Without the lines of -e."""
    start = octets.find(b"From: a@x.test")
    front = octets[:start]
    if start > 0 and re.fullmatch(rb"Return-Path: .*?\r?\n(Delivered-To: .*?\r?\n)+Received: .*?\r?\n([ \t].*?\r?\n)*", front):
        return octets[start:]
    return octets


def whole(octets, crlf=False):
    """The name of a message that is whole."""
    found = re.search(rb"^Subject: (\S+-\S+)\r?$", octets[:2000], re.M)
    check(found, "not a message:", octets[:100])
    name = found[1].decode()
    wanted = message(name)
    check(octets == (wanted if crlf else lf(wanted)), name, "is not whole,", len(octets), "octets")
    return name


# ---- a client ----


class Lost(Exception):
    """The connection ended."""


class Client:
    """Speaks to `where`: a port, a path, or a socket that is connected already."""

    def __init__(self, where, tls=None, hello=b"EHLO t.test", proxy=False):
        if isinstance(where, socket.socket):
            self.socket = where
        elif isinstance(where, int):
            self.socket = socket.create_connection(("127.0.0.1", where), timeout=LONG)
            for option, value in KEEP_ALIVE:
                self.socket.setsockopt(*option, value)
        else:
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.settimeout(LONG)
            self.socket.connect(where)
        self.buffer = b""
        self.hello = hello
        self.tls = tls
        self.proxy = proxy
        self.failed = None

    def begin(self):
        if self.proxy:
            self.send(b"PROXY TCP4 192.0.2.1 192.0.2.2 1111 25\r\n")
        if self.tls == "at once":
            self.secure()
        self.expect("220")
        self.say(self.hello, "250")
        if self.tls == "starttls":
            self.say(b"STARTTLS", "220")
            self.secure()
            self.say(self.hello, "250")

    def secure(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        try:
            self.socket = context.wrap_socket(self.socket)
        except (OSError, ssl.SSLError) as e:
            self.lose(e)

    def lose(self, e):
        if isinstance(e, TimeoutError):
            raise Bad("the client waited in vain")
        raise Lost(str(e))

    def send(self, octets):
        try:
            self.socket.sendall(octets)
        except (OSError, ssl.SSLError) as e:
            self.failed = self.failed or e  # a reply may have come before

    def reply(self):
        """The code of the next one."""
        while True:
            while b"\n" not in self.buffer:
                try:
                    got = self.socket.recv(65536)
                except (OSError, ssl.SSLError) as e:
                    self.lose(e)
                if not got:
                    raise Lost("it was closed")
                self.buffer += got
            line, self.buffer = self.buffer.split(b"\n", 1)
            if line[3:4] != b"-":
                return line[:3].decode()

    def expect(self, *codes):
        code = self.reply()
        if code not in codes:
            raise Refused(code)

    def say(self, line, *codes):
        self.send(line + b"\r\n")
        self.expect(*codes)

    def post(self, name):
        """Returns the code at the end, or of what was refused before."""
        try:
            lmtp = self.hello.startswith(b"LHLO")
            self.say(b"MAIL FROM:<a@x.test>", "250")
            for to in (b"b@x.test", b"c@x.test") if lmtp else (b"b@x.test",):
                self.say(b"RCPT TO:<%b>" % to, "250")
            self.say(b"DATA", "354")
            self.send((b"\r\n" + message(name)).replace(b"\r\n.", b"\r\n..")[2:] + b".\r\n")
            codes = [self.reply() for _ in range(2 if lmtp else 1)]
            return max(codes)
        except Refused as e:
            return e.code

    def quit(self):
        try:
            self.say(b"QUIT", "221")
        except (Lost, Refused):
            pass

    def close(self):
        self.socket.close()


class Refused(Exception):
    def __init__(self, code):
        Exception.__init__(self, code)
        self.code = code


def post_all(run, left, attempts=3, **how):
    """Sends these, again if need be; those that are taken go from `left` to run.taken, those whose
    reply is lost to run.unsure."""
    run.posted = True
    for _ in range(attempts):
        client = None
        try:
            client = Client(run.where(), **how)
            client.begin()
            for name in list(left):
                run.unsure.append(name)
                code = client.post(name)
                run.unsure.remove(name)
                if code == "250":
                    run.taken.append(name)
                    left.remove(name)
                if code == "421":
                    raise Lost("421")
            client.quit()
        except (ConnectionRefusedError, FileNotFoundError):
            run.gone = True
            return
        except (Lost, Refused, ConnectionError):
            pass
        finally:
            if client is not None:
                client.close()
        if not left or run.has_ended():
            return


# ---- a run ----


def listening_socket():
    s = socket.socket()
    s.bind(("127.0.0.1", 0))
    s.listen(100)
    return s


class Run:
    """A run of a program in the directory `place`/work, with TMPDIR `place`/tmp and files of the test in `place`/own."""

    def __init__(self, place, words, stdin=subprocess.DEVNULL, stdout=None, piped=False, environment=None, sockets=()):
        self.place, self.taken, self.unsure, self.piped, self.gone = place, [], [], b"", False
        self.injected = self.in_background = self.posted = False
        self.has_recipients = True
        self.status = None
        self.where = lambda: None
        err = open(self.own("err"), "wb")
        out = os.fdopen(os.dup(stdout.fileno()), "wb") if stdout is not None else open(self.own("out"), "wb")
        full = {**os.environ, "TMPDIR": place + "/tmp", "PLACE": place, **(environment or {})}
        read_end = None
        if piped:
            read_end, write_end = os.pipe()
            out.close()
            out = os.fdopen(write_end, "wb")
        self.process = subprocess.Popen(words, stdin=stdin, stdout=out, stderr=err, cwd=place + "/work", env=full,
                                        pass_fds=[s.fileno() for s in sockets])
        out.close()
        err.close()
        for s in sockets:
            s.close()
        self.reader = None
        if piped:
            self.reader = threading.Thread(target=self.read_all, args=(read_end,))
            self.reader.start()
        self.handle = os.pidfd_open(self.process.pid)

    def own(self, name):
        return self.place + "/own/" + name

    def work(self, name):
        return self.place + "/work/" + name

    def read_all(self, fd):
        while True:
            got = os.read(fd, 1 << 20)
            if not got:
                break
            self.piped += got
        os.close(fd)

    def has_ended(self):
        return bool(select.select([self.handle], [], [], 0)[0])

    def stop(self, number=signal.SIGTERM):
        try:
            signal.pidfd_send_signal(self.handle, number)
        except ProcessLookupError:
            pass

    def wait(self):
        """Its status, negative for a signal."""
        ended = select.select([self.handle], [], [], LONG)[0]
        if not ended:
            self.process.kill()
        os.close(self.handle)
        status = self.process.wait()
        if self.reader is not None:
            self.reader.join(LONG)
        check(ended, "it hangs")
        return status

    def err(self):
        with open(self.own("err"), "rb") as f:
            return f.read().decode("utf-8", "replace")


def wait_for(run, condition):
    """Until it holds, or the program ends."""
    end = time.monotonic() + LONG
    while not run.has_ended():
        got = condition()
        if got:
            return got
        check(time.monotonic() < end, "it does not begin")
        time.sleep(0.001)
    return condition()


def release(reader, fifo, patience):
    """Ends a thread that waits for a writer of the FIFO; returns whether it still did after so many seconds."""
    reader.join(patience)
    waits = reader.is_alive()
    while reader.is_alive():
        writer = os.open(fifo, os.O_RDWR | os.O_NONBLOCK)
        reader.join(0.01)
        os.close(writer)
    return waits


def subreaper():
    """Makes this process the parent of what its runs leave in the background."""
    ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)


def reap():
    """Waits for all children that are left: processes whose parents have gone, as this process is a subreaper."""
    statuses, end = [], time.monotonic() + LONG
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return statuses
        if pid:
            statuses.append(os.waitstatus_to_exitcode(status))
        else:
            check(time.monotonic() < end, "a process that it left behind does not end")
            time.sleep(0.001)


def as_they_end(pool, call, jobs, at_once):
    """The results of call(job), as they come; jobs are taken when there is a process for them."""
    running = set()
    for job in itertools.chain(jobs, itertools.repeat(None)):
        while len(running) >= (at_once if job is not None else 1):
            ended = [r for r in running if r.ready()]
            running.difference_update(ended)
            for r in ended:
                yield r.get()
            if not ended:
                next(iter(running)).wait(0.01)
        if job is None:
            return
        running.add(pool.apply_async(call, (job,)))


def new_place(top):
    place = tempfile.mkdtemp(dir=top)
    for name in "work", "tmp", "own":
        os.mkdir(place + "/" + name)
    return place


def top_directory():
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


# ---- places: each reads the names of the messages that are whole there, and knows the files that may be there ----


def read_file(path):
    try:
        with open(path, "rb") as f:
            return f.read()
    except (FileNotFoundError, ProcessLookupError):  # of a thread that has ended
        return b""


class Files:
    """Those of -d or --maildir (with its new), and what is beside them."""

    def __init__(self, directory, maildir=False, crlf=False, beside=()):
        self.directory, self.maildir, self.crlf, self.beside = directory, maildir, crlf, beside
        top = re.escape(directory)
        one = r"new/\d+\.M\d+P\d+Q\d+\.[^/]+" if maildir else r"\d{4}\.eml"
        stem = one[4:] if maildir else r"\d{4}"
        suffixes = {"json": stem + r"\.json", "text": stem + r"\.txt", "html": stem + r"\.html", "envelope": r"\." + stem + r"\.envelope"}
        self.allowed = ["%s/%s" % (top, s) for s in [one, *(suffixes[b] for b in beside)]]

    def names(self, run, partial):
        top = run.work(self.directory)
        where = top + "/new" if self.maildir else top
        found = []
        for file in sorted(os.listdir(where)) if os.path.isdir(where) else ():
            if not self.maildir and not re.fullmatch(r"\d+\.eml", file):
                continue
            octets = read_file(where + "/" + file)
            name = whole(unwrapped(octets), self.crlf)
            found.append(name)
            stem = file if self.maildir else file[:-4]
            for kind in self.beside:
                self.look_beside(run, kind, top, stem, name)
        if not partial:
            self.look_for_orphans(top, where)
        return found

    def look_beside(self, run, kind, top, stem, name):
        if kind == "json":
            is_json_of(json.loads(read_file("%s/%s.json" % (top, stem))), name, run)
        elif kind == "text":
            check(read_file("%s/%s.txt" % (top, stem)) == text_rendering(name), "the text of", name, "is not whole")
        elif kind == "html":
            check(names_in_page(read_file("%s/%s.html" % (top, stem))) == [name], "the page of", name)
        else:
            envelope = read_file("%s/.%s.envelope" % (top, stem))
            check(envelope.startswith(b"Return-Path: <a@x.test>\n") and b"X-Fakesmtp-Size: %d\n" % len(message(name)) in envelope,
                  "the envelope of", name, "is not whole:", envelope)

    def look_for_orphans(self, top, where):
        for file in os.listdir(top) if os.path.isdir(top) else ():
            found = re.fullmatch(r"\.?(.*)\.(json|txt|html|envelope)", file)
            if found:
                check(os.path.exists("%s/%s" % (where, found[1] if self.maildir else found[1] + ".eml")), file, "is without its message")


class Attachments:
    def __init__(self, directory):
        self.directory = directory
        self.allowed = [re.escape(directory) + r"/\d{4}-parts-[^/]*\.bin"]

    def names(self, run, partial):
        top = run.work(self.directory)
        found = []
        for file in os.listdir(top) if os.path.isdir(top) else ():
            if file.startswith(".fakesmtp-"):
                continue
            check(read_file(top + "/" + file) == ATTACHED, file, "is not whole")
            found.append(re.fullmatch(r"\d{4}-(parts-.*?)(-\d+)?\.bin", file)[1])
        return found


class Stream:
    """Of a format, in a file, or from standard output.  Its end may be missing if `partial`."""

    def __init__(self, form, file=None, crlf=False):
        self.form, self.file, self.crlf = form, file, crlf
        self.allowed = [re.escape(file)] if file else []

    def names(self, run, partial):
        octets = read_file(run.work(self.file)) if self.file else run.piped or read_file(run.own("out"))
        if self.form == "html":
            return names_in_page(octets, run.status)
        pieces, rest = getattr(self, "split_" + self.form)(octets)
        check(partial or not rest, "the stream ends within a message:", rest[-100:])
        return [self.name_of(piece, run) for piece in pieces]

    def name_of(self, piece, run):
        if self.form == "json":
            o = json.loads(piece)
            is_json_of(o, o["subject"], run)
            return o["subject"]
        if self.form == "text":
            name = re.search(rb"^Subject: (\S+)$", piece, re.M)[1].decode()
            check(piece == text_rendering(name), "the text of", name, "is not whole")
            return name
        return whole(unwrapped(piece), self.crlf)

    def split_json(self, octets):
        *lines, rest = octets.split(b"\n")
        return lines, rest

    def split_text(self, octets):
        pieces = []
        while octets:
            found = re.match(rb"Envelope-From: .*\n(?:.+\n)*Subject: (\S+)\n", octets)
            n = len(text_rendering(found[1].decode())) if found else 0
            if n == 0 or len(octets) < n:
                break
            pieces.append(octets[:n])
            octets = octets[n:]
        return pieces, octets

    def split_eml(self, octets):
        pieces = []
        while octets:
            found = re.search(rb"^Subject: (\S+)\r?$", octets[:2000], re.M)
            if not found:
                break
            wanted = message(found[1].decode())
            start = octets.find(b"From: a@x.test")
            n = start + len(wanted if self.crlf else lf(wanted))
            if len(octets) < n:
                break
            pieces.append(octets[:n])
            octets = octets[n:]
        return pieces, octets

    def split_mbox(self, octets):
        *pieces, last = re.split(rb"(?m)^From .*\n", octets) if octets else [b""]
        if not octets:
            return [], b""
        check(pieces[0] == b"" if pieces else True, "the mbox begins with", pieces[:1])
        pieces, rest = pieces[1:] + [last], b""
        for i, piece in enumerate(pieces):
            pieces[i] = re.sub(rb"(?m)^>(>*From )", rb"\1", piece)[:-1]
            try:
                check(piece.endswith(b"\n\n"), "no empty line after a message in the mbox")
                whole(unwrapped(pieces[i]))
            except Bad:
                rest, pieces[i] = pieces[i], None
        return [p for p in pieces if p is not None], rest


def names_in_page(octets, status=None):
    """Of a page whose run ended with this status, or of a page beside a message.  If the run failed it may end anywhere,
    and in a pipe the end may follow half of a message."""
    failed = status is not None and status != 0
    if failed and b"<ol" not in octets:
        return []
    if failed and b"</ol>\n" in octets:
        octets = octets[: octets.rindex(b"</ol>\n")]
    reader = subprocess.run([sys.executable, PAGE, *["--cut"] * failed], input=octets, capture_output=True, timeout=LONG)
    check(reader.returncode == 0, "not a page:", reader.stderr.decode()[-300:])
    page = json.loads(reader.stdout)
    check(status != 0 or page["verdict"] == "As expected", "the status is 0, and the page says", page["verdict"])
    for m in page["messages"]:
        check(whole(m["source"].encode()) == m["subject"], "the source of", m["subject"], "in the page")
        check(not m["subject"].startswith("parts") or m["attachments"][0]["data"].encode("latin-1") == ATTACHED,
              "the attachment of", m["subject"], "in the page")
    return [m["subject"] for m in page["messages"]]


def is_json_of(o, name, run):
    check(o["subject"] == name and o["text"].replace("\r\n", "\n") == text_of(name) and o["size"] == len(message(name)),
          "the JSON of", name, "is not whole")
    check(o["envelope"]["from"] == "a@x.test" and o["envelope"]["to"] == (["b@x.test"] if run.has_recipients else []),
          "the envelope in the JSON of", name)
    path = os.path.join(run.place, "work", o["file"] or "")
    if o["file"] is not None and not path.startswith(run.place + "/tmp/") and not path.endswith("box"):  # what is private is gone
        check(whole(unwrapped(read_file(path))) == name, "the file in the JSON of", name)
    if name.startswith("parts"):
        (a,) = o["attachments"]
        check(a["sha256"] == hashlib.sha256(ATTACHED).hexdigest(), "the attachment in the JSON of", name)
        check(a.get("path") is None or read_file(run.work(a["path"])) == ATTACHED, "the path in the JSON of", name)


renderings = {}


def learn_renderings(program):
    """What -f text makes of each kind."""
    with tempfile.TemporaryDirectory() as top:
        for kind in KINDS:
            with open(top + "/mail", "wb") as f:
                f.write(lf(message(kind + "-TAG")))
            done = subprocess.run([program, "-q", "-r", top + "/mail", "-f", "text"], stdout=subprocess.PIPE, timeout=LONG)
            check(done.returncode == 0, "-r mail -f text fails")
            renderings[kind] = done.stdout


def text_rendering(name):
    """What -f text makes of a message from a@x.test to b@x.test."""
    kind, tag = name.split("-")
    envelope = b"Envelope-From: <a@x.test>\nEnvelope-To: <b@x.test>\n"
    return envelope + renderings[kind].split(b"\n", 2)[2].replace(b"-TAG", b"-" + tag.encode())
