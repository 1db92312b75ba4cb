#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Lets each system call of a run fail once, with each error that it can have, lets each allocation fail, and sends
SIGKILL and SIGTERM at each call; then looks at what is left.

    faults.py PROGRAM TOOLS [--seconds N] [--only SCENARIO,...] [--case "SCENARIO FAULT"] [--seed N] [--jobs N]

PROGRAM is fakesmtp; TOOLS has inject and memory.so.  Each scenario is run once without a fault, under inject, which
lists its calls.  Then it is run once for each fault.  --seconds takes those that have found something, and for this time
a random part of the others.  A FAULT is "CALL N WHAT" as inject has it, with the name of an error, or "memory N once" or
"memory N on".

Of each run these must hold:
 - it ends, by itself if all mail was taken, by none of SIGSEGV, SIGABRT and the like, without spending a time or calls
   without end;
 - each message that was taken (the client has its 250) is whole in its place, in each of them if there are several;
 - what has the name of a message is a whole one, and none that was refused is there;
 - no file is left that is not a message, but by SIGKILL, by a fault of a call that removes files, or if a line on
   standard error names it;
 - the status is one of those in the manual: 0 only if all messages are there, 1 not if all were taken, 3 only if none
   was, and a line on standard error says why if it is not 0;
 - after it the same run, in the same place, succeeds.
"""
import argparse
import collections
import datetime
import errno
import multiprocessing
import os
import random
import re
import shutil
import signal
import socket
import struct
import sys
import tempfile
import threading
import time

import mail
from mail import Attachments, Bad, Files, Run, Stream, check, lf, message, post_all

PROGRAM = TOOLS = None

# What each call can fail with, once, or with + from then on.  EINTR is for those that can wait.
FULL = "ENOSPC", "EIO"
NAMES = "EACCES", "ENOENT", "EIO", "ENOMEM"
ERRORS = {
    "accept4": ("EINTR", "ECONNABORTED", "EMFILE", "ENFILE", "ENOMEM", "ENOBUFS", "EPROTO", "EPERM", "EAGAIN"),
    "access": NAMES,
    "bind": ("EACCES", "EADDRINUSE", "ENOMEM"),
    "clone": ("EAGAIN", "ENOMEM"),
    "clone3": ("EAGAIN", "ENOMEM"),
    "close": ("EINTR", "EIO", "ENOSPC", "EDQUOT"),
    "close_range": ("EMFILE",),
    "connect": ("EINTR", "ECONNREFUSED", "ETIMEDOUT", "ENETUNREACH", "EAGAIN"),
    "dup2": ("EINTR", "EBUSY", "EMFILE"),
    "epoll_create1": ("EMFILE", "ENFILE", "ENOMEM"),
    "epoll_ctl": ("ENOMEM", "ENOSPC"),
    "epoll_wait": ("EINTR",),
    "execve": ("ENOENT", "EACCES", "ENOMEM", "EIO"),
    "faccessat2": NAMES,
    "fchmod": ("EIO", "EPERM", "EROFS"),
    "fork": ("EAGAIN", "ENOMEM"),
    "fstat": ("EIO", "ENOMEM"),
    "fsync": ("EIO", "ENOSPC", "EDQUOT", "EINTR", "EIO+"),
    "ftruncate": ("EINTR", "EIO", "EPERM"),
    "flock": ("EINTR", "ENOLCK", "EAGAIN"),
    "getcwd": ("ENOENT", "EACCES", "ENOMEM"),
    "getdents64": ("EIO",),
    "getpeername": ("ENOTCONN", "ENOBUFS"),
    "getrandom": ("EINTR", "ENOSYS"),
    "getsockname": ("ENOBUFS",),
    "getsockopt": ("ENOBUFS",),
    "inotify_add_watch": ("ENOSPC", "ENOMEM", "EACCES", "ENOENT"),
    "inotify_init1": ("EMFILE", "ENFILE", "ENOMEM"),
    "kill": ("ESRCH", "EPERM"),
    "linkat": (*FULL, "ENOSPC+", "EPERM", "EACCES", "ENOENT", "EMLINK", "EDQUOT", "EROFS", "ENOMEM", "EEXIST"),
    "listen": ("EADDRINUSE",),
    "lseek": ("EIO",),
    "lstat": NAMES,
    "mkdir": (*FULL, "EACCES", "EMLINK", "EROFS", "EEXIST"),
    "mkdirat": (*FULL, "EACCES", "EMLINK", "EROFS", "EEXIST"),
    "mmap": ("ENOMEM",),
    "mprotect": ("ENOMEM",),
    "mremap": ("ENOMEM",),
    "munmap": ("ENOMEM",),
    "newfstatat": NAMES,
    "open": (*NAMES, "EINTR", "EMFILE", "ENFILE", "ENOSPC", "EROFS"),
    "openat": (*NAMES, "EINTR", "EMFILE", "ENFILE", "ENOSPC", "EROFS"),
    "pipe2": ("EMFILE", "ENFILE"),
    "poll": ("EINTR", "ENOMEM"),
    "pread64": ("EINTR", "EIO", "short"),
    "prlimit64": ("EPERM",),
    "readlink": NAMES,
    "recvfrom": ("EINTR", "ECONNRESET", "ENOMEM", "EAGAIN", "short"),
    "rename": (*FULL, "EACCES", "EROFS"),
    "renameat": (*FULL, "EACCES", "EROFS"),
    "renameat2": (*FULL, "EACCES", "EINVAL", "ENOSYS"),
    "rmdir": ("EIO", "EACCES", "EBUSY"),
    "sendto": ("EINTR", "ECONNRESET", "EPIPE", "ENOMEM", "ENOBUFS", "EAGAIN", "short"),
    "setpgid": ("EPERM", "EACCES"),
    "setsid": ("EPERM",),
    "setsockopt": ("ENOMEM", "ENOPROTOOPT"),
    "shutdown": ("ENOTCONN",),
    "socket": ("EMFILE", "ENFILE", "ENOMEM", "ENOBUFS", "EACCES", "EAFNOSUPPORT"),
    "stat": NAMES,
    "statx": NAMES,
    "symlink": (*FULL, "EACCES", "EEXIST"),
    "sysinfo": (),
    "unlink": ("EIO", "EACCES", "EROFS"),
    "unlinkat": ("EIO", "EACCES", "EROFS"),
    "wait4": ("EINTR",),
}
# by what the descriptor is, as inject tells; a pipe is the program's own, which only an interruption hinders
SOCKET = "EINTR", "ECONNRESET", "EAGAIN", "short"
ERRORS |= {
    "read:file": ("EINTR", "EIO", "short"),
    "read:pipe": ("EINTR",),
    "read:output": ("EINTR", "EIO"),
    "read:socket": SOCKET,
    "read:other": ("EINTR",),
    "read:none": (),
    "write:file": ("EINTR", *FULL, "EDQUOT", "EFBIG", "short", "ENOSPC+"),
    "write:pipe": ("EINTR",),
    "write:fifo": ("EINTR",),
    "write:output": ("EINTR", "EPIPE+", "EAGAIN", "short"),
    "write:socket": (*SOCKET, "EPIPE"),
}
# what duplicates, locks, and gives leases; the others only read and set flags
ERRORS |= {
    "fcntl:0": ("EMFILE",),
    "fcntl:1030": ("EMFILE",),
    "fcntl:5": ("EAGAIN",),
    "fcntl:6": ("EINTR", "ENOLCK", "EAGAIN"),
    "fcntl:7": ("ENOLCK", "EDEADLK"),
    "fcntl:10": ("EPERM",),
    "fcntl:1024": ("EAGAIN", "EINVAL", "ENOLCK"),
    "fcntl:1": (), "fcntl:2": (), "fcntl:3": (), "fcntl:4": (),
    "ioctl:21505": ("EIO",),
    "ioctl:21523": (),
    "ioctl:21521": ("EIO",),
}
# these cannot fail, or only for want of sense; brk(2) has no errors that libc would see
NEVER = {"alarm", "arch_prctl", "brk", "clock_gettime", "exit", "exit_group", "fadvise64", "futex", "getegid", "geteuid",
         "getgid", "getpgrp", "getpid", "getppid", "gettid", "getuid", "madvise", "restart_syscall", "rseq", "rt_sigaction",
         "rt_sigprocmask", "rt_sigreturn", "sched_getaffinity", "sched_yield", "set_robust_list", "set_tid_address",
         "sigaltstack", "tgkill", "umask", "uname", "clock_nanosleep", "prctl"}
REMOVES = {"unlink", "unlinkat", "rmdir", "lstat", "newfstatat", "stat", "openat", "getdents64", "rename", "ftruncate"}
CUTS = {"ftruncate", "fstat", "newfstatat", "lseek"}  # what cuts off a message in a stream that could not be written
SIGNALS = "kill", "term"
LIMIT = "20"  # seconds, which no run may wait for
ALLOCATIONS_MAX = 1000  # of a scenario; OpenSSL makes 30,000


# ---- scenarios ----

# tells: how the line begins that says why; keeps: what else is left at the end; strict: a client that is cut off fails it;
# is_there: it is about files of others, so that ENOENT would be a lie; is_piped: the stream is a pipe, which cannot be cut
Scenario = collections.namedtuple("Scenario", "name words places talk tells kinds keeps strict is_there is_piped")


def scenario(name, words, *places, talk=None, tells="fakesmtp: ", kinds=mail.KINDS, keeps=(), strict=False):
    talk = talk or through_socket()
    is_there = talk is through_fifo or hasattr(talk, "reads")
    is_piped = any(isinstance(p, Stream) and p.file is None for p in places)
    return Scenario(name, words, places, talk, tells, kinds, keeps, strict, is_there, is_piped)


def run_it(words, place, fault, **more):
    """Starts a program, in the way that the fault asks for."""
    if fault is None:
        return Run(place, words, **more)
    first, n, what = fault
    if first == "memory":
        environment = {**more.pop("environment", {}), "LD_PRELOAD": TOOLS + "/memory.so", "TORTURE_MEMORY": place + "/own/memory"}
        with open(place + "/own/memory", "wb") as f:
            f.write(struct.pack("3Q", 0, n, what == "on"))
        return Run(place, words, environment=environment, **more)
    number = what if what in ("-", "short", *SIGNALS) else str(getattr(errno, what.rstrip("+"))) + "+" * what.endswith("+")
    run = Run(place, [TOOLS + "/inject", place + "/own/report", first, str(n), number, *words], **more)
    run.injected = True
    return run


def start(words, place, fault, names, **more):
    """Starts a run that expects these messages."""
    return run_it([PROGRAM, "-n", str(len(names)), *words], place, fault, **more)


def finish(run, left):
    """After the clients; a run that still waits for mail is told to end, one that does not listen any more ends by itself."""
    if left and not run.gone:
        run.stop()
    return ended(run)


def ended(run, others=True):
    """Waits for the run, and for what it may have left running; returns its status, negative for a signal."""
    status = run.wait()
    left = mail.reap() if others else []
    if run.injected:
        check(status == 0, "inject fails:", run.err())
        lines = [line.split() for line in mail.read_file(run.own("report")).decode().split("\n") if line.startswith("ended ")]
        statuses = {whose: os.waitstatus_to_exitcode(int(status)) for _, whose, status in lines}
        check("program" in statuses, "inject has no status")
        status, left = statuses["program"], [statuses.get("child", 0)]
    return next((s for s in [status, *left] if s != 0), 0) if run.in_background else status


def through_socket(scheme="", **how):
    """Through a listening socket that is open before the program starts."""

    def talk(s, words, place, fault, names):
        listening = mail.listening_socket()
        port = listening.getsockname()[1]
        endpoint = "%sfd:%d" % (scheme, listening.fileno())
        left = list(names)
        words = ["-l", endpoint, "-t", LIMIT, *words]
        run = start(words, place, fault, names, sockets=[listening], piped=s.is_piped)
        run.where = lambda: port
        post_all(run, left, **how)
        return run, finish(run, left)

    return talk


def through_file(s, words, place, fault, names):
    left = list(names)
    if os.path.exists(place + "/work/port"):  # of a run that was killed
        os.unlink(place + "/work/port")
    run = start(["-t", LIMIT, *words], place, fault, names)
    port = mail.wait_for(run, lambda: mail.read_file(run.work("port")))
    if port:
        run.where = lambda: int(port.split()[0])
        post_all(run, left)
    return run, finish(run, left)


def through_fifo(s, words, place, fault, names):
    left = list(names)
    if not os.path.exists(place + "/own/fifo"):
        os.mkfifo(place + "/own/fifo")
    run = start(["-t", LIMIT, "-p", "0", "--port-file", place + "/own/fifo", *words], place, fault, names)
    got = []

    def read():
        with open(place + "/own/fifo", "rb") as f:
            got.append(f.read())

    reader = threading.Thread(target=read)
    reader.start()
    mail.wait_for(run, lambda: not reader.is_alive())
    mail.release(reader, place + "/own/fifo", 0.01)  # after SIGKILL
    run.gone = not (got and got[0].strip())
    if not run.gone:
        run.where = lambda: int(got[0].split()[0])
        post_all(run, left)
    return run, finish(run, left)


def through_path(s, words, place, fault, names):
    left = list(names)
    run = start(["-t", LIMIT, *words], place, fault, names)
    run.where = lambda: place + "/work/socket"

    def is_there():
        try:
            with socket.socket(socket.AF_UNIX) as probe:
                probe.connect(place + "/work/socket")
            return True
        except (FileNotFoundError, ConnectionError):
            return False

    if mail.wait_for(run, is_there):
        post_all(run, left)
    return run, finish(run, left)


def through_background(s, words, place, fault, names):
    """The status is that of the process in the background, if it was started."""
    left = list(names)
    run = start(["-b", "-t", LIMIT, *words], place, fault, names)
    run.in_background = True
    text = lambda: mail.read_file(run.own("out"))
    mail.wait_for(run, lambda: text().endswith(b"\n"))
    port, pid = (re.search(rb"%s=(\d+)" % key, text()) for key in (b"SMTP_PORT", b"FAKESMTP_PID"))
    try:
        handle = os.pidfd_open(int(pid[1])) if port and pid else None
    except ProcessLookupError:
        handle = None
    if handle is not None:
        run.where = lambda: int(port[1])
        run.has_ended = lambda: bool(mail.select.select([handle], [], [], 0)[0])
        post_all(run, left)
        if left and not run.gone and not run.has_ended():
            signal.pidfd_send_signal(handle, signal.SIGTERM)
        os.close(handle)
    return run, ended(run)


def through_stdio(s, words, place, fault, names):
    ours, theirs = socket.socketpair()
    left = list(names)
    ours.settimeout(mail.LONG)
    run = start(["-t", LIMIT, *words], place, fault, names, stdin=theirs, stdout=theirs)
    theirs.close()
    run.where = lambda: ours
    post_all(run, left, attempts=1)
    run.gone = True  # the run ends with its session
    return run, finish(run, left)


def by_command(s, words, place, fault, names):
    """The command sends the messages, and writes the names of those that were taken."""
    for name in names:
        with open("%s/own/%s" % (place, name), "wb") as f:
            f.write(message(name))
    open(place + "/own/taken", "wb").close()
    run = start(["-t", LIMIT, *words, " ".join(names)], place, fault, names)
    status = ended(run)
    run.taken = mail.read_file(run.own("taken")).decode().split()
    return run, status


SEND = """for name in $1; do
    %s && echo "$name" >>"$PLACE/own/taken" || exit 5
done; exit 0"""
BY_CURL = SEND % """curl -s -m 60 "$SMTP_URL" --mail-from a@x.test --mail-rcpt b@x.test -T "$PLACE/own/$name" &&
        cat "$FAKESMTP_DIR"/*.eml >"$PLACE/work/seen\""""
BY_SENDMAIL = SEND % '"$FAKESMTP_SENDMAIL" -oi -f a@x.test b@x.test <"$PLACE/own/$name"'
ENVELOPE = b"Return-Path: <a@x.test>\nDelivered-To: b@x.test\nReceived: from t by localhost; Tue, 24 Nov 2026 03:12:00 +0000\n"


def from_files(then=False, mbox=False):
    """-r: the messages are in files; with `then` all but the first come while the program runs."""

    def talk(s, words, place, fault, names):
        source = place + "/own/source"
        shutil.rmtree(source, ignore_errors=True)
        os.makedirs(source + "/md/new")
        os.makedirs(source + "/md/cur")
        os.makedirs(source + "/d")
        now = names if not then else names[:1]
        for i, name in enumerate(names):
            put = lambda where, octets: open(source + "/" + where, "wb").write(octets)
            put("d/.%04d.envelope" % (i + 1), ENVELOPE)
            put("d/%04d.eml" % (i + 1) if name in now else ".%d" % i, lf(message(name)))
            put("md/.%d.M%dP1Q1.x.envelope" % (i, i), ENVELOPE)
            put("md/new/%d.M%dP1Q1.x" % (i, i), lf(message(name)))
        with open(source + "/box", "wb") as f:
            for name in names:
                quoted = re.sub(rb"(?m)^(>*From )", rb">\1", lf(message(name)))
                f.write(b"From a@x.test Tue Nov 24 03:12:00 2026\n" + quoted + b"\n")
        words = [w.replace("SOURCE", source) for w in words]
        run = start(words, place, fault, names)
        run.has_recipients = not mbox
        if then:
            mail.wait_for(run, lambda: mail.read_file(run.work(s.places[0].file)).count(b"\n") >= 1)
            for i in range(1, len(names)):
                os.rename(source + "/.%d" % i, source + "/d/%04d.eml" % (i + 1))
        return run, ended(run)

    talk.reads = True
    return talk


def submit(s, words, place, fault, names):
    """The program as sendmail(8), which submits to another run."""
    (name,) = names
    listening = mail.listening_socket()
    port = listening.getsockname()[1]
    other = Run(place, [PROGRAM, "-q", "-k", "-n", "0-", "-l", "fd:%d" % listening.fileno(), "-d", "mail"], sockets=[listening])
    with socket.create_connection(("127.0.0.1", port), timeout=mail.LONG) as probe:
        probe.recv(1)  # SIGTERM ends it in order from now on
    if not os.path.islink(place + "/own/sendmail"):
        os.symlink(PROGRAM, place + "/own/sendmail")
    with open(place + "/own/message", "wb") as f:
        f.write(lf(message(name)))
    environment = {"SMTP_HOST": "127.0.0.1", "SMTP_PORT": str(port)}
    try:
        with open(place + "/own/message", "rb") as f:
            run = run_it([place + "/own/sendmail", *words], place, fault, stdin=f, environment=environment)
        status = ended(run, others=False)
    finally:
        other.stop()
        other_status = other.wait()
    check(other_status == 0, "the run that it submits to fails")
    run.taken = [name] if status == 0 else []
    return run, status


ALL_BESIDE = "json", "text", "envelope"
SCENARIOS = [
    scenario("directory", "-q -d mail", Files("mail")),
    scenario("maildir", "--maildir md", Files("md", maildir=True)),
    scenario("mbox", "-f mbox -o box", Stream("mbox", "box")),
    scenario("json-pipe", "-q -j", Stream("json")),
    scenario("json-file", "-j -o lines", Stream("json", "lines")),
    scenario("text-file", "-f text -o text", Stream("text", "text")),
    scenario("page", "-f html -o page", Stream("html", "page")),
    scenario("page-pipe", "-q -f html", Stream("html")),
    scenario("page-beside", "-d mail --beside html", Files("mail", beside=["html"])),
    scenario("eml-pipe", "-q", Stream("eml")),
    scenario("eml-file", "--crlf -e -o all", Stream("eml", "all", crlf=True)),
    scenario("attachments", "--attachments parts -j -o lines", Attachments("parts"), Stream("json", "lines"),
             kinds=("parts", "small")),
    scenario("beside", "-d mail --beside json,text,envelope", Files("mail", beside=ALL_BESIDE)),
    scenario("envelope", "-d mail -e --crlf", Files("mail", crlf=True)),
    scenario("everything", "-d mail -e --beside json,text,envelope --attachments parts -f text -o text",
             Files("mail", beside=ALL_BESIDE), Attachments("parts"), Stream("text", "text")),
    scenario("fsync", "--fsync -d a/b/mail --beside envelope --attachments parts", Files("a/b/mail", beside=["envelope"]),
             Attachments("parts")),
    scenario("fsync-maildir", "--fsync --maildir md --beside json", Files("md", maildir=True, beside=["json"])),
    scenario("fresh", "--fresh -d mail --beside envelope", Files("mail", beside=["envelope"])),
    scenario("starttls", "-d mail --tls", Files("mail"), talk=through_socket(tls="starttls"), kinds=("small", "large")),
    scenario("smtps", "-d mail", Files("mail"), talk=through_socket("smtps://", tls="at once"), kinds=("small", "large")),
    scenario("unix", "-d mail -l unix:socket", Files("mail"), talk=through_path),
    scenario("background", "-d mail -q", Files("mail"), talk=through_background),
    scenario("background-json", "-o lines -j", Stream("json", "lines"), talk=through_background),
    scenario("port-file", "-d mail -p 0 --port-file port", Files("mail"), talk=through_file),
    scenario("ca-file", "-d mail -p 0 --port-file port --tls --ca-file ca", Files("mail"), talk=through_file),
    scenario("fifo", "-d mail", Files("mail"), talk=through_fifo),
    scenario("transcript", "-v -d mail --transcript log", Files("mail"), kinds=("small", "parts"), keeps=["log"]),
    scenario("stdio", "-d mail -l -", Files("mail"), talk=through_stdio),
    scenario("delay", "-d mail --on eom:~delay~1ms,~250~ok --on data:~drip~1ms,~354~go --on noop:~drop", Files("mail"),
             kinds=("small", "large")),
    scenario("lmtp", "-d mail", Files("mail"), talk=through_socket("lmtp://", hello=b"LHLO t.test")),
    scenario("proxy", "-d mail", Files("mail"), talk=through_socket("proxy://", proxy=True)),
    scenario("rules", "-d mail --auth ann:sesame --on eom~/subject:~^nothing$/:~554~no --on rcpt~#1/addr:~250~ok "
             "--on noop~>3/1m:~450~no", Files("mail"), kinds=("small", "large")),
    scenario("match", "--strict --match attachment:~bin$ --next -n 1 --match subject:~^parts -j -o lines",
             Stream("json", "lines"), kinds=("parts",), strict=True),
    scenario("sendmail", "-d mail --sendmail -- sh -c BY_SENDMAIL sh", Files("mail"), talk=by_command, kinds=("small", "large")),
    scenario("wrapped", "-- sh -c BY_CURL sh", Stream("eml", "seen"), talk=by_command, kinds=("small",)),
    scenario("wrapped-json", "-j -o lines --linger 1ms -- sh -c BY_CURL sh", Stream("json", "lines"), talk=by_command,
             kinds=("small",), keeps=["seen"]),
    scenario("read-directory", "-r SOURCE/d -j -o lines", Stream("json", "lines"), talk=from_files()),
    scenario("read-maildir", "-r SOURCE/md -d mail", Files("mail"), talk=from_files()),
    scenario("read-mbox", "-r SOURCE/box -d mail --beside json", Files("mail", beside=["json"]), talk=from_files(mbox=True)),
    scenario("read-watch", "-t LIMIT -r SOURCE/d -j -o lines", Stream("json", "lines"), talk=from_files(then=True)),
    scenario("submit", "-oi -f a@x.test b@x.test", Files("mail"), talk=submit, tells="sendmail: ", kinds=("large",)),
]
BY_NAME = {s.name: s for s in SCENARIOS}

# These have found something: the short form runs them, at each call and each allocation.
FOUND = """
unix epoll_ctl ENOMEM
unix fcntl:7 ENOLCK
sendmail close EIO
fifo newfstatat EACCES
fifo write:fifo EINTR
read-watch newfstatat EACCES
read-directory openat EACCES
read-maildir openat EMFILE
match memory once
eml-pipe memory once
wrapped wait4 EINTR
wrapped write:pipe EINTR
submit sendto ENOBUFS
submit memory on
text-file memory once
"""


def words_of(s):
    commands = {"BY_CURL": BY_CURL, "BY_SENDMAIL": BY_SENDMAIL}
    return [commands.get(w, w.replace("~", " ").replace("LIMIT", LIMIT)) for w in s.words.split()]


# ---- one run, and what must hold ----


def files_in(top):
    """All files, with their directories only if these are empty, and their temporary names."""
    found = set()
    for directory, _, names in os.walk(top):
        found |= {os.path.relpath(os.path.join(directory, n), top) for n in names}
    return found


def is_allowed(s, path):
    return any(re.fullmatch(p, path) for place in s.places for p in place.allowed) or path in s.keeps


def left_behind(s, place):
    left = {place + "/work/" + path for path in files_in(place + "/work") if not is_allowed(s, path)}
    return left | {place + "/tmp/" + path for path in os.listdir(place + "/tmp")}


def execute(s, place, fault, tag, after=None):
    """Runs the scenario, perhaps after one with a fault in the same place; returns whether its own was reached."""
    names = ["%s-%s" % (kind, tag) for kind in s.kinds]
    before = left_behind(s, place)
    run, status = s.talk(s, words_of(s), place, fault, names)
    reached = True
    if fault is not None and fault[0] == "memory":
        made, fails, _ = struct.unpack("3Q", mail.read_file(place + "/own/memory"))
        reached = fails == 0 or made >= fails
    elif fault is not None:
        lines = mail.read_file(run.own("report")).decode().split("\n")
        reached = "injected" in lines
        check("endless" not in lines, "it makes calls without end")
    judge(s, run, status, names, fault if reached else None, after)
    new = left_behind(s, place) - before
    killed = reached and is_signal(fault, "kill")
    named = re.findall("^fakesmtp: cannot remove (.*?):", run.err(), re.M)
    new = {path for path in new if not any(n.startswith(path) for n in named)}
    check(killed or (reached and removes(fault)) or not new, "left behind:", *sorted(new))
    return reached


def removes(fault):
    return fault is not None and fault[0] in REMOVES


def is_signal(fault, name):
    return fault is not None and fault[2] == name


def judge(s, run, status, names, fault, after):
    killed, told = is_signal(fault, "kill"), is_signal(fault, "term")
    run.status = status
    partial = killed or is_signal(after, "kill") or (s.is_piped and status != 0) or (fault is not None and fault[0] in CUTS)
    last = ([""] + run.err().strip().split("\n"))[-1]
    why = "status %d, taken %s, said: %s" % (status, ",".join(run.taken), last)
    there = []
    for p in s.places:
        found = p.names(run, partial)
        expected = [n for n in run.taken if not isinstance(p, Attachments) or n.startswith("parts")]
        lost = set(expected) - set(found)
        check(not lost, "lost:", *lost, "(%s)" % why)
        there.append(set(found))
        if run.posted and not removes(fault) and not isinstance(p, Attachments):
            more = collections.Counter(n for n in found if n in names and n not in run.unsure) - collections.Counter(run.taken)
            check(not more, "there, and not taken:", *more, "(%s)" % why)
    all_there = all(set(names) <= found or isinstance(s.places[i], Attachments) for i, found in enumerate(there))
    all_taken = set(run.taken) == set(names)
    if killed and status == -signal.SIGKILL:
        return
    if status == -signal.SIGTERM and told:
        check(not run.taken, "it died of SIGTERM:", why)
        return
    check(status >= 0, "it died of signal", -status, "(%s)" % why)
    check("the %s s limit" % LIMIT not in last, "it waited for its limit:", why)
    check(fault is not None or (status == 0 and all_there), "it fails without a fault:", why)
    check(status != 0 or all_there, "the status is 0, and mail is missing:", why)
    check(status != 0 or fault is None or fault[0] != "fsync" or fault[2] in SIGNALS, "the status is 0, and fsync(2) failed")
    if status == 0:
        return
    check(status != 2, "wrong usage:", why)
    own = s.talk not in (by_command, submit)
    check(not own or status in (1, 3, 4) or (status == 128 + signal.SIGTERM), "no status of the manual:", why)
    check(not (own and status == 1 and all_taken and all_there and not s.strict), "all came, and it was not expected:", why)
    check(status != 1 or told or not hasattr(s.talk, "reads"), "all was there to be read:", why)
    check(not (own and status == 3 and run.taken), "it did not start, and took mail:", why)
    mute = fault is not None and fault[0] == "write:file" and fault[2].endswith("+")  # standard error is a file as well
    check(killed or told or mute or last.startswith(s.tells), "it does not say why:", why)


def run_case(case):
    """A case is (name, fault, top): returns (name, fault, reached, what is bad)."""
    name, fault, top = case
    s = BY_NAME[name]
    place = mail.new_place(top)
    began = time.monotonic()
    try:
        reached = execute(s, place, fault, "1")
        check(time.monotonic() - began < float(LIMIT), "it waits for its limit")
        execute(s, place, None, "2", fault)
        bad = None
    except Bad as e:
        bad, reached = str(e), True
    except Exception as e:  # what nobody has thought of is bad as well
        bad, reached = "%s: %s" % (type(e).__name__, e), True
    if bad and os.environ.get("KEEP"):
        print("kept:", place)
    else:
        shutil.rmtree(place, ignore_errors=True)
    return name, fault, reached, bad


# ---- all of them ----


def faults_of(s, top):
    """Runs a scenario without a fault, and lists what can go wrong."""
    first, second = mail.new_place(top), mail.new_place(top)
    execute(s, first, ("-", 0, "-"), "1")
    calls = re.findall("^call (.*)$", mail.read_file(first + "/own/report").decode(), re.M)
    execute(s, second, ("memory", 0, "once"), "1")
    made = struct.unpack("3Q", mail.read_file(second + "/own/memory"))[0]
    execute(s, second, None, "2")
    shutil.rmtree(first, ignore_errors=True)
    shutil.rmtree(second, ignore_errors=True)
    found, times = [], collections.Counter()
    for name in calls:
        times[name] += 1
        check(name in NEVER or name in ERRORS, "the errors of a call are not known:", name)
        errors = [e for e in ERRORS.get(name, ()) if e != "ENOENT" or not s.is_there]
        found += [(name, times[name], what) for what in (*errors, *SIGNALS)]
    some = random.Random(made).sample(range(1, made + 1), min(made, ALLOCATIONS_MAX))
    return found + [("memory", n, how) for n in some for how in ("once", "on")]


def text_of_fault(fault):
    return "%s %s %s" % fault


def runs_of(c):
    return sum(c[k] for k in ("errors", "kill", "term", "memory"))


def report(counts, bad, seconds):
    print("%-16s %8s %8s %8s %8s %8s %6s" % ("scenario", "errors", "kills", "terms", "memory", "unmet", "bad"))
    for name, c in counts.items():
        print("%-16s %8d %8d %8d %8d %8d %6d" % (name, c["errors"], c["kill"], c["term"], c["memory"], c["unmet"], c["bad"]))
    total = sum(counts.values(), collections.Counter())
    print("faults: %d runs in %d s, %d not reached, %d bad" % (runs_of(total), seconds, total["unmet"], len(bad)))


def main():
    global PROGRAM, TOOLS
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("tools")
    parser.add_argument("--seconds", type=float, default=float("inf"))
    parser.add_argument("--only", default="")
    parser.add_argument("--case")
    parser.add_argument("--seed", type=int, default=int(datetime.date.today().strftime("%Y%m%d")))
    parser.add_argument("--jobs", type=int, default=2 * os.cpu_count())
    o = parser.parse_args()
    PROGRAM, TOOLS = os.path.abspath(o.program), os.path.abspath(o.tools)
    mail.subreaper()
    mail.learn_renderings(PROGRAM)
    began = time.monotonic()
    top = tempfile.mkdtemp(dir=mail.top_directory())
    try:
        if o.case:
            name, call, n, what = o.case.split()
            _, _, reached, bad = run_case((name, (call, int(n), what), top))
            print("bad: " + bad if bad else "good" if reached else "not reached")
            return 1 if bad else 0
        chosen = [s for s in SCENARIOS if not o.only or s.name in o.only.split(",")]
        with multiprocessing.Pool(o.jobs, initializer=mail.subreaper) as pool:
            listed = pool.starmap(list_faults, [(s.name, top) for s in chosen])
            cases = [(name, fault, top) for name, faults in listed for fault in faults]
            random.Random(o.seed).shuffle(cases)
            cases.sort(key=lambda c: not has_found(c))
            counts, bad = collections.defaultdict(collections.Counter), []
            for name, fault, reached, what in mail.as_they_end(pool, run_case, limited(cases, o.seconds), o.jobs):
                kind = "memory" if fault[0] == "memory" else fault[2] if fault[2] in SIGNALS else "errors"
                counts[name][kind] += 1
                counts[name]["unmet"] += not reached
                if what:
                    counts[name]["bad"] += 1
                    bad.append((name, fault))
                    print('bad: --case "%s %s": %s' % (name, text_of_fault(fault), what), flush=True)
        report(counts, bad, time.monotonic() - began)
        total = sum(counts.values(), collections.Counter())
        if total["unmet"] * 20 > runs_of(total):
            print("more than one fault of twenty is not reached")
        return 1 if bad or total["unmet"] * 20 > runs_of(total) else 0
    finally:
        if not os.environ.get("KEEP"):
            shutil.rmtree(top, ignore_errors=True)


def list_faults(name, top):
    try:
        return name, faults_of(BY_NAME[name], top)
    except Bad as e:
        raise RuntimeError("%s, without a fault: %s" % (name, e)) from None


def has_found(case):
    name, (call, _, what), _ = case
    return "%s %s %s" % (name, call, what) in FOUND.split("\n")


def limited(cases, seconds):
    began = time.monotonic()
    for case in cases:
        if not has_found(case) and time.monotonic() - began > seconds:
            return
        yield case


if __name__ == "__main__":
    sys.exit(main())
