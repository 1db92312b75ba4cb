#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Measures fakesmtp against Postfix's smtp-sink and against a limit, side by side.

    measure.py PROGRAM STATIC BIN RECORDED [--record] [--rounds N] [--only ROW,...] [--steady]

PROGRAM and STATIC are fakesmtp, dynamic and static; BIN holds load, limit,
limit-static and start.  In each round every server runs each scenario in turn,
the server on one processor, the client on the other; a figure is the server's
processor time unless its row says otherwise.  Only ratios within a round count: a
machine drifts, and no two machines are alike.  There are as many rounds as fit in
ENOUGH seconds.  Prints medians, ratios and targets, and names the noisy ones.  Then
it compares the ratios with RECORDED, and fails if a target is missed, or if a ratio
is worse than recorded by a fifth: the ratio to the limit if there is one, as that to
smtp-sink depends on the machine.  A target to smtp-sink that the limit misses too,
in the same rounds, is reported as out of reach, and is no failure.
--steady is a short form: it takes only the figures that do not drift (memory, system
calls, instructions), and compares them only with RECORDED.
"""
import argparse
import json
import os
import re
import resource
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

import samples

parser = argparse.ArgumentParser()
parser.add_argument("program")
parser.add_argument("static")
parser.add_argument("bin")
parser.add_argument("recorded")
parser.add_argument("--record", action="store_true")
parser.add_argument("--rounds", type=int, default=9)
parser.add_argument("--only", default="")
parser.add_argument("--steady", action="store_true")
args = parser.parse_args()
if args.steady:
    args.only, args.rounds = "memory,calls,instructions", 0
most_files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (most_files, most_files))

MIB = 1 << 20
LONG = 120
ENOUGH = 400  # seconds
WORSE = 1.2  # what a ratio may be of the one that is recorded
NOISY = 1.15  # highest to lowest
STARTS = 6
PLACE = tempfile.mkdtemp(dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None)
DISK = tempfile.mkdtemp(dir="/var/tmp")
os.chmod(PLACE, 0o777)
os.chmod(DISK, 0o777)
made = 0


def tool(name):
    return os.path.join(args.bin, name)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def new_directory(top):
    """A new one each time: some file systems are slow where many files were just removed."""
    global made
    made += 1
    path = os.path.join(top, str(made))
    os.mkdir(path)
    return path


# ---- servers ----


def sink(port, files=None, options=()):
    user = ["-u", "root"] if os.geteuid() == 0 else []
    where = ["-d", files + "/%Y%m%d."] if files else []
    return ["smtp-sink", *user, "-m", "20000", *where, *options, "127.0.0.1:%d" % port, "4096"]


def limit(port, files=None, options=()):
    return [tool("limit"), *(["-d", files] if files else []), *options, str(port)]


def ours(port, files=None, options=("-f", "none")):
    where = ["-d", files] if files else []
    return [args.program, "-k", "-q", "--max-connections", "20000", "-p", str(port), *where, *options]


def static(*words, **named):
    return [args.static if w == args.program else w for w in ours(*words, **named)]


class Server:
    def __init__(self, words):
        self.words = words

        def pin():
            os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})

        null = subprocess.DEVNULL
        self.process = subprocess.Popen(words, stdin=null, stdout=null, stderr=null, preexec_fn=pin)

    def wait(self, port):
        end = time.monotonic() + 60
        while time.monotonic() < end and self.process.poll() is None:
            try:
                with socket.create_connection(("127.0.0.1", port), 1) as s:
                    if s.recv(1):
                        return
            except OSError:
                time.sleep(0.002)
        sys.exit("does not start: " + " ".join(self.words))

    def memory(self, key="VmHWM"):
        with open("/proc/%d/status" % self.process.pid) as f:
            return int(re.search(key + r":\s*(\d+)", f.read()).group(1)) / 1024

    def stop(self):
        """Ends it; returns its processor time in seconds."""
        self.process.send_signal(signal.SIGTERM)
        end = time.monotonic() + 60
        while True:
            pid, status, usage = os.wait4(self.process.pid, os.WNOHANG)
            if pid:
                break
            if time.monotonic() > end:
                self.process.kill()
            time.sleep(0.002)
        self.process.returncode = status
        return usage.ru_utime + usage.ru_stime


def load(port, words):
    def pin():
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})

    done = subprocess.run([tool("load"), *words.split(), str(port)], stdout=subprocess.PIPE, text=True, timeout=LONG,
                          preexec_fn=pin)
    if done.returncode != 0:
        sys.exit("load %s fails" % words)
    count, seconds = done.stdout.split()
    return int(count), float(seconds)


def warm(top, size):
    """Writes as much and removes it: else what is measured is how dear memory is that the host has taken back."""
    path = os.path.join(top, "warm")
    with open(path, "wb", 0) as f:
        for _ in range(size // MIB):
            f.write(bytes(MIB))
    os.remove(path)


def measure(make, words, top=None, peak=False, size=0):
    """Processor seconds, wall seconds, peak memory in MB, messages; size: octets that the files will be, if they are large."""
    port = free_port()
    if size:
        warm(top, size)
    files = new_directory(top) if top else None
    server = Server(make(port, files))
    server.wait(port)
    count, seconds = load(port, words)
    memory = server.memory() if peak else 0
    cpu = server.stop()
    if files:
        shutil.rmtree(files)
    return cpu, seconds, memory, count


# ---- rows ----

rows = {}  # name: {server: [values]}


def note(row, server, value):
    rows.setdefault(row, {}).setdefault(server, []).append(value)


runs = {}  # of rows of processor time, name: {server: [(messages, wall seconds, processor seconds)]}


def note_run(row, server, *how, **more):
    cpu, seconds, _, count = measure(*how, **more)
    note(row, server, cpu)
    runs.setdefault(row, {}).setdefault(server, []).append((count, seconds, cpu))


A = "-c 20 -n 10000 -s 1024"
BS = "-m 1000 -n 10 -y -s 1024"
C = "-c 50 -n 200 -m 100 -p -s 10240"
CD = "-c 50 -n 200 -m 100 -P -s 10240"
FA = "-c 20 -n 5000 -s 1024"
FC = "-c 50 -n 100 -m 100 -p -s 10240"
D = "-n 3 -s %d" % (100 * MIB)
B = "-m 1000 -n 3 -s 1024"
E = "-s %d" % (1024 * MIB)
DB = D + " -b"
ALL = {"ours": ours, "sink": sink, "limit": limit}
PLAIN = {"a": A, "b": B, "bs": BS, "c": C, "cd": CD, "d": D, "e": E}
crlf = lambda port, files: ours(port, files, ("-f", "none", "--crlf"))
GIB = 1024 * MIB
LARGE = {"d": 100 * MIB, "e": GIB, "fe": GIB, "ge": GIB}  # octets of each message
TO_FILES = {"fa": (FA, PLACE, ours, 0), "fc": (FC, PLACE, ours, 0), "fe": (E, PLACE, crlf, GIB), "ge": (E, DISK, crlf, GIB)}


def wanted(row):
    return not args.only or row in args.only.split(",")


def in_turn(servers, number):
    pairs = list(servers.items())
    return pairs if number % 2 == 0 else pairs[::-1]


def round_of_processor_time(number):
    for row, words in PLAIN.items():
        for name, server in in_turn(ALL, number) if wanted(row) else ():
            note_run(row, name, server, words)
    for row, (words, top, mine, size) in TO_FILES.items():
        servers = {"ours": mine, "sink": sink, "limit": limit}
        for name, server in in_turn(servers, number) if wanted(row) else ():
            note_run(row, name, server, words, top, size=size)
    if wanted("lf"):
        note("lf", "ours", measure(ours, E, PLACE, size=GIB)[0])
        note("lf", "limit", measure(crlf, E, PLACE, size=GIB)[0])
    if wanted("bdat"):
        note("bdat", "ours", measure(ours, DB)[0])
        note("bdat", "limit", measure(ours, D)[0])
    if wanted("json"):
        words = "-c 20 -n 2000 -f " + mixed()
        as_json = lambda port, files: ours(port, None, ("-j", "-o", "/dev/null"))
        note("json", "ours", measure(as_json, words)[1])
        note("json", "sink", measure(sink, words, PLACE)[1])


def mixed():
    path = os.path.join(PLACE, "mail")
    if not os.path.exists(path):
        with open(path, "wb") as f:
            f.write(samples.mixed())
    return path


def round_of_starts():
    """Each several times, in turn: what else goes on is then shared."""
    servers = {"ours": ours, "sink": sink, "limit": limit, "ours-static": static,
               "limit-static": lambda port: [tool("limit-static"), str(port)]}
    times = {name: [] for name in servers}
    for _ in range(STARTS):
        for name, command in servers.items():
            times[name] += start(command)
    took = {name: statistics.median(values) for name, values in times.items()}
    for name in "ours", "sink", "limit":
        note("start", name, took[name])
        note("start-static", name, took[name if name == "sink" else name + "-static"])


def start(command):
    port = free_port()
    words = command(port)
    words[0] = shutil.which(words[0])
    done = subprocess.run([tool("start"), "10", str(port), *words], stdout=subprocess.PIPE, text=True, timeout=LONG)
    if done.returncode != 0:
        sys.exit("does not start: " + " ".join(words))
    return [float(x) for x in done.stdout.split()]


def memory_rows():
    port = free_port()
    server = Server(limit(port))
    server.wait(port)
    note("floor", "ours", server.memory())
    server.stop()
    port = free_port()
    server = Server(ours(port))
    server.wait(port)
    note("idle", "ours", server.memory())
    for row, words in ("5000 idle", []), ("5000 greeted", ["-e"]):
        client = subprocess.Popen([tool("load"), "-i", "5000", *words, str(port)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        client.stdout.readline()
        note(row, "ours", server.memory())
        client.communicate(timeout=LONG)
    note("idle each", "ours", (rows["5000 idle"]["ours"][-1] - rows["idle"]["ours"][-1]) * MIB / 5000)
    server.stop()
    note("1 GiB", "ours", measure(ours, E, peak=True)[2])
    note("50 busy", "ours", measure(ours, C, peak=True)[2])
    path = os.path.join(PLACE, "text")
    with open(path, "wb") as f:
        for _ in range(1024):  # not at once: what this process has had is counted as the next one's
            f.write(b"A line of text, half as long as it is.\n" * (64 * MIB // 1024 // 39))
    process = subprocess.Popen([args.program, "-q", "-r", path, "-j", "-o", "/dev/null"])
    note("text", "ours", os.wait4(process.pid, 0)[2].ru_maxrss / 1024)
    os.remove(path)


def system_calls(words, count):
    """Of a message: the difference of two counts of messages, so that the start is none of it."""
    totals = []
    for n in count, 2 * count:
        port = free_port()
        report = os.path.join(PLACE, "strace")
        server = Server(["strace", "-f", "-c", "-o", report, *ours(port)])
        server.wait(port)
        load(port, words % n)
        children = open("/proc/%d/task/%d/children" % (server.process.pid, server.process.pid)).read().split()
        for child in children:
            os.kill(int(child), signal.SIGTERM)
        server.process.wait(60)
        totals.append(int(re.search(r"^100\.00\s.*?(\d+)\s+(\d+ )?total$", open(report).read(), re.M).group(1)))
    return totals[1] - totals[0]


def call_rows():
    if wanted("calls"):
        note("calls a", "ours", system_calls("-c 20 -n %d", 500) / 500)
        note("calls b", "ours", system_calls("-m 1000 -n %d", 1) / 1000)
        note("calls c", "ours", system_calls("-c 50 -n %d -m 100 -p -s 10240", 50) / 5000)


def instructions(words, options=("-f", "none")):
    """Of all of it, and of the plain SHA-256 in it, as valgrind has no instructions for that."""
    port = free_port()
    report = os.path.join(PLACE, "callgrind")
    mine = ours(port, options=options)
    server = Server(["valgrind", "--tool=callgrind", "--callgrind-out-file=" + report, *mine])
    server.wait(port)
    load(port, words)
    server.stop()
    shown = subprocess.run(["callgrind_annotate", "--auto=no", "--threshold=100", "--show-percs=no", report], capture_output=True, text=True, check=True).stdout
    total, *digest = (int(n.replace(",", "")) for n in re.findall(r"^ *([\d,]+) .*(?:PROGRAM TOTALS|:sha256_add_plain\b)", shown, re.M))
    return total, sum(digest)


def cost(few, many, more, options=("-f", "none")):
    """Of each of the messages or octets more."""
    return [(b - a) / more for a, b in zip(instructions(few, options), instructions(many, options))]


MATCH_LITERAL = ("-f", "none", "--match", "body: needle[0-9]+")
MATCH_HARD = ("-f", "none", "--match", r"body: (order|invoice|[A-Z]{2}) #?[[:digit:]]{4,8}\b|[\w.-]+@[^ ]+\.(example|invalid)$|z{3,}")


def instruction_rows():
    if wanted("instructions"):
        note("instructions", "ours", cost("-m 100 -s 1024", "-m 600 -s 1024", 500)[0])  # behind those kept for a listing
        reading = ("as JSON", ("-j", "-o", "/dev/null")), ("as text", ("-f", "text", "-o", "/dev/null")), ("searched", MATCH_LITERAL)
        for row, options in reading:
            all_, digest = cost("-m 100 -f " + mixed(), "-m 400 -f " + mixed(), 300, options)
            note(row, "ours", all_)
            if row == "as JSON":
                note("without digest", "ours", all_ - digest)
        for row, options in ("octets", ("-f", "none")), ("literal", MATCH_LITERAL), ("hard", MATCH_HARD):
            note(row, "ours", cost("-s 1000000", "-s 9000000", 8e6, options)[0])


def worst_row():
    """A time, so it is held against its target only: for it a machine must have nothing else to do."""
    if wanted("worst"):
        words = [os.path.join(os.path.dirname(__file__), "../torture/soak.py"), args.program, "--worst", "3"]
        done = subprocess.run([sys.executable, *words], stdout=subprocess.PIPE, text=True, timeout=LONG)
        note("worst", "ours", float(re.search(r"^worst: (\S+)$", done.stdout, re.M).group(1)))


# ---- targets: at least so many times less than smtp-sink, at most so many times the limit; or at most a number ----

TARGETS = {
    "start": ("exec to first 220", 4, 1.25),
    "start-static": ("the same, static", 9, 1.5),
    "a": ("1 KB, a connection each", 1.5, 1.15),
    "b": ("1 KB, 1000 a connection, one at once", None, None),
    "bs": ("1 KB, 1000 a connection, busy client", 1.4, 1.15),
    "c": ("10 KB, pipelined, 50 at once", 4.2, 1.25),
    "cd": ("10 KB, deeply pipelined", 6.5, 1.3),
    "d": ("100 MiB discarded", 17, 1.3),
    "e": ("1 GiB discarded", 17, 1.3),
    "fa": ("a, to files on tmpfs", 1.65, 1.2),
    "fc": ("c, to files on tmpfs", 2.8, 1.25),
    "fe": ("1 GiB to a file on tmpfs, --crlf", 6, 1.2),
    "ge": ("1 GiB to a file on disk, --crlf", 8, 1.2),
    "lf": ("fe with LF, against --crlf", None, 1.3),
    "bdat": ("100 MiB by BDAT, against DATA", None, 1.1),
    "json": ("10 KB multipart as JSON: seconds; smtp-sink: files", 1, None),
}
NUMBERS = {
    "floor": ("MB of memory of the limit, idle: most of it libc's", None),
    "idle": ("MB of memory, idle", 2),
    "1 GiB": ("MB at the peak, 1 GiB message", 2.5),
    "50 busy": ("MB at the peak, 50 busy clients", 3),
    "text": ("MB at the peak, 64 MiB of text as JSON", 70),
    "5000 idle": ("MB with 5000 idle connections", 4),
    "idle each": ("octets of memory of an idle connection", None),
    "5000 greeted": ("MB with 5000 that have said EHLO", 6.5),
    "calls a": ("system calls of a message, a", 18),
    "calls b": ("system calls of a message, b", 12.1),
    "calls c": ("system calls of a message, c", 4.4),
    "instructions": ("instructions of a 1 KB message", 3500),
    "octets": ("instructions of an octet", 0.8),
    "as JSON": ("instructions of a 10 KB message, with its JSON", 200000),
    "without digest": ("the same, without the plain SHA-256 in it", 150000),
    "as text": ("the same, with its text", 100000),
    "searched": ("the same, with its body searched for a literal", 60000),
    "literal": ("instructions of an octet of a body that a literal is looked for in", 36),
    "hard": ("the same, with alternatives, classes and intervals", 36),
    "worst": ("ms: 99 of 100 replies, while others do their worst", 100),
}


LIMITED = {"start", "start-static", *PLAIN, *TO_FILES}  # what the limit does too


def ratios(row, over):
    values = rows[row]
    return [a / b for a, b in zip(values[over], values["ours"])]


def best(row):
    """The ratio to smtp-sink that the limit has itself; None where the row's other column is no limit of it."""
    if row not in LIMITED:
        return None
    return statistics.median(a / b for a, b in zip(rows[row]["sink"], rows[row]["limit"]))


def spread(values):
    return max(values) / min(values) if min(values) > 0 else 1


def report_runs():
    """What the rows of processor time come to."""
    print("%-52s %21s %21s %21s" % ("a second, and processor time of each", "fakesmtp", "smtp-sink", "limit"))
    for row, of in runs.items():
        cells = []
        for server in "ours", "sink", "limit":
            count, seconds, cpu = (statistics.median(values) for values in zip(*of[server]))
            size = LARGE.get(row)
            if size:
                cells.append("%8.0f MB %5.3f s/GB" % (count * size / seconds / 1e6, cpu / (count * size / 1e9)))
            else:
                cells.append("%8.0f    %6.1f us" % (count / seconds, cpu / count * 1e6))
        print("%-52s %s" % (row + ": " + TARGETS[row][0], " ".join("%21s" % cell for cell in cells)))


def report():
    recorded = {}
    if os.path.exists(args.recorded):
        with open(args.recorded) as f:
            recorded = json.load(f)
    now, bad, noisy, beyond = {}, [], [], []
    rounds = max((len(row["ours"]) for row in rows.values()), default=0)
    print("%-52s %10s %10s %10s %16s %16s" % ("medians of %d rounds" % rounds, "fakesmtp", "smtp-sink", "limit", "sink / us", "us / limit"))
    for row, (what, least, most) in TARGETS.items():
        if row not in rows:
            continue
        shown = ["%10.4g" % statistics.median(rows[row][s]) if s in rows[row] else "%10s" % "" for s in ("ours", "sink", "limit")]
        cells = []
        for over, target in ("sink", least), ("limit", most):
            if target is None:
                cells.append("%16s" % "")
                continue
            each = ratios(row, over)
            value = statistics.median(each) if over == "sink" else statistics.median(1 / x for x in each)
            missed = value < target if over == "sink" else value > target
            cells.append("%6.2f (%s%5.4g)%s" % (value, ">=" if over == "sink" else "<=", target, "!" if missed else " "))
            if spread(each) > NOISY:
                noisy.append("%s against %s: %.2f to %.2f" % (row, over, min(each), max(each)))
            now["%s/%s" % (row, over)] = round(value, 3)
            reach = best(row) if over == "sink" else None
            if missed and reach is not None and reach < target:
                beyond.append("%s: %.2f of %s, not %s, and the limit itself has %.2f" % (what, value, over, target, reach))
            elif missed:
                bad.append("%s: %.2f of %s, not %s" % (what, value, over, target))
        print("%-52s %s %s" % (row + ": " + what, " ".join(shown), " ".join(cells)))
    for row, (what, most) in NUMBERS.items():
        if row in rows:
            value = statistics.median(rows[row]["ours"])
            if row != "worst":
                now[row] = round(value, 3)
            target = "(<=%5.4g)%s" % (most, "!" if value > most else "") if most is not None else ""
            print("%-52s %10.4g %*s %s" % (what, value, 43, "", target))
            if most is not None and value > most and not args.steady:
                bad.append("%s: %.4g, not %s" % (what, value, most))
    if runs:
        report_runs()
    for line in noisy:
        print("noisy: " + line)
    for line in beyond:
        print("out of reach: " + line)
    for name, value in now.items():
        was = recorded.get(name)
        if name.endswith("/sink") and name.replace("/sink", "/limit") in now:
            continue
        if was is not None and NUMBERS.get(name, ("",))[0].startswith("MB"):  # another libc is no fault of ours
            was += now["floor"] - recorded.get("floor", now["floor"])
        worse = was is not None and not args.record and (value * WORSE < was if name.endswith("/sink") else value > was * WORSE)
        if worse:
            bad.append("%s: %.3g, and %.3g is recorded" % (name, value, was))
    if args.record:
        with open(args.recorded, "w") as f:
            json.dump({**recorded, **now}, f, indent=1)
            f.write("\n")
    for line in bad:
        print("missed: " + line)
    return 1 if bad else 0


def main():
    try:
        began = time.monotonic()
        for number in range(args.rounds):
            if number > 0 and (time.monotonic() - began) * (number + 1) / number > ENOUGH:
                break
            if wanted("start"):
                round_of_starts()
            round_of_processor_time(number)
        if wanted("memory"):
            memory_rows()
        call_rows()
        instruction_rows()
        worst_row()
        return report()
    finally:
        shutil.rmtree(PLACE)
        shutil.rmtree(DISK)


sys.exit(main())
