#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Changes one operator, constant, condition or statement of the sources at a time, and looks whether a test notices.

    mutants.py NUMBER SOURCE ... [--seed N] [--only FILE,...] [--jobs N] [--quick]

The sources are all of the program's but fakesmtp.c, which is linked with them.  The seed is the date unless it is given;
the same seed makes the same mutants.  A mutant that does not compile, or to the same code as before, does not count.
Each runs the unit tests that know its file, the fastest first, then the groups of command-line tests (--quick: only the
unit tests), until one fails.  One that makes a test take ten times as long is killed as well.  Those that
tests/mutants.txt names are equivalent, and are left out.  Prints the survivors; fails if fewer than 95 of 100 are killed,
or with --quick 40, as the unit tests alone kill 64 in the mean.
"""
import argparse
import concurrent.futures
import ctypes
import datetime
import glob
import multiprocessing
import os
import random
import re
import resource
import shlex
import subprocess
import sys
import tempfile
import time

FLAGS = shlex.split("-std=c17 -pthread -D_XOPEN_SOURCE=700 -DVERSION='\"0\"' -DCOMMIT='\"0\"' -O1 -w -I.")
WRAP = "-Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc"
GROUP_SECONDS = 600  # for a group of command-line tests, of which each has TEST_SECONDS
TEST_SECONDS = 120
MEMORY_MAX, FILE_MAX = 4 << 30, 1 << 30  # for what grows without end
# Sources, the unit tests that know them, and the groups.
COVER = (
    ("smtp.c smtp/*.c", "smtp objection path sasl dialogue", "protocol strict auth offer"),
    ("serve/rules.c", "rules dialogue", "faults"),
    ("serve/transaction.c", "store", "faults protocol storage formats"),
    ("store/*.c", "store", "storage formats ways trouble"),
    ("mail/regex*.c mail/set.c", "regex match", "expect"),
    ("mail/match.c", "match", "expect"),
    ("mail/lint.c", "lint", "strict"),
    ("mail/html.c mail/flow.c", "html render", "formats"),
    ("mail/*.c", "mime render match lint charset html", "formats strict"),
    ("report/verdict.c report/counts.c", "console", "expect run wrap strict"),
)
SWAPS = {"==": "!=", "!=": "==", "<": "<=", "<=": "<", ">": ">=", ">=": ">", "&&": "||", "||": "&&", "+": "-", "-": "+", "*": "+",
         "/": "*", "%": "+", "&": "|", "|": "&", "+=": "-=", "-=": "+=", "|=": "&=", "&=": "|=", "<<": ">>", ">>": "<<"}
COMMENT_OR_TEXT = re.compile(r"/\*.*?\*/|//[^\n]*|\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'|^#.*?$", re.S | re.M)
OPERATOR = re.compile(r"(?<= )(%s)(?= )" % "|".join(map(re.escape, sorted(SWAPS, key=len, reverse=True))))
CONSTANT = re.compile(r"(?<![\w.])(?:\d+|true|false)(?![\w.])")
NEGATION = re.compile(r"!(?=[a-z(])")
CONDITION = re.compile(r"\b(?:if|while) \(")
STATEMENT = re.compile(r"^ +(?:\(void\))?[a-z_][\w.>\[\]-]*(?:\(.*\)| [-+|&]?= .*|\+\+|--);$", re.M)


def blank(text):
    return COMMENT_OR_TEXT.sub(lambda m: re.sub(r"[^\n]", " ", m[0]), text)


def closing(text, at):
    depth = 0
    for i in range(at, len(text)):
        depth += {"(": 1, ")": -1}.get(text[i], 0)
        if depth == 0:
            return i
    return at


def changes(text):
    """All of a source: (start, end, replacement)."""
    code = blank(text)
    for m in OPERATOR.finditer(code):
        yield m.start(), m.end(), SWAPS[m[0]]
    for m in CONSTANT.finditer(code):
        yield m.start(), m.end(), {"true": "false", "false": "true", "1": "0"}.get(m[0]) or str(int(m[0]) + 1)
    for m in NEGATION.finditer(code):
        yield m.start(), m.end(), ""
    for m in CONDITION.finditer(code):
        start = m.end() - 1
        end = closing(code, start) + 1
        yield start, end, "(!%s)" % text[start:end]
    for m in STATEMENT.finditer(code):
        yield m.start(), m.end(), ";"


def line_at(text, start):
    begin = text.rfind("\n", 0, start) + 1
    return text[begin : text.find("\n", start)], text.count("\n", 0, start) + 1


def compile_text(file, text, out):
    """Under the name of the file, so that equal code makes equal objects."""
    words = ["cc", *FLAGS, "-c", "-x", "c", "-o", out, "-"]
    return subprocess.run(words, input='# 1 "%s"\n%s' % (file, text), text=True, capture_output=True).returncode == 0


def link(out, objects, *more):
    done = subprocess.run(["cc", "-pthread", "-o", out, *objects, *more, "-ldl"], capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(done.stderr)


def limits(seconds):
    def set_them():
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_MAX, MEMORY_MAX))
        resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_MAX, FILE_MAX))

    return set_them


def become_reaper():
    """What a test starts becomes a child of this process once its parent is gone."""
    ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)


def end_children():
    """All of them, and theirs: those in groups and sessions of their own, too."""
    while True:
        with open("/proc/self/task/%d/children" % os.getpid()) as f:
            for pid in f.read().split():
                os.kill(int(pid), 9)
        try:
            os.wait()
        except ChildProcessError:
            return


def passes(words, cpu, wall, has_failed=lambda: False, **environment):
    """Whether it succeeds in so many seconds of the processor for each process, and of the wall."""
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL,
                               env={**os.environ, **environment}, preexec_fn=limits(cpu))
    end = time.monotonic() + wall
    while process.poll() is None and time.monotonic() < end and not has_failed():
        time.sleep(0.01)
    end_children()
    return process.returncode == 0


class Tree:
    """The sources, and what is made of them as they are."""

    def __init__(self, top, sources):
        self.top = top
        self.texts = {f: open(f).read() for f in [*sources, "fakesmtp.c"]}
        self.objects = {f: "%s/%s.o" % (top, f.replace("/", "-")) for f in self.texts}
        self.times = {}  # of each unit test
        tests = glob.glob("tests/unit/*.c")
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            built = list(pool.map(lambda f: compile_text(f, open(f).read(), "%s/%s.o" % (top, f.replace("/", "-"))), [*self.texts, *tests]))
        if not all(built):
            raise RuntimeError("these sources do not compile: " + " ".join(f for f, good in zip([*self.texts, *tests], built) if not good))

    def program(self, out, changed):
        link(out, [changed.get(f, o) for f, o in self.objects.items()])

    def unit_test(self, out, name, changed):
        objects = [changed.get(f, o) for f, o in self.objects.items() if f != "fakesmtp.c"]
        own = ["%s/tests-unit-%s.c.o" % (self.top, n) for n in ("test_" + name, "memory")]
        link(out, [*own, *objects], WRAP, "-lcmocka")

    def run_unit_test(self, place, name, changed):
        self.unit_test(place + "/unit", name, changed)
        usual = self.times.get(name, 10)
        return passes([place + "/unit", *inputs_of(name)], 5 + int(10 * usual), 60 + 10 * usual)

    def run_group(self, place, group):
        words = ["sh", "tests/cli/run", place + "/fakesmtp", group]
        has_failed = lambda: bool(glob.glob(place + "/tmp.*/failed/*"))
        return passes(words, TEST_SECONDS, GROUP_SECONDS, has_failed, FAKESMTP_TLS="none", TMPDIR=place, LIMIT=str(TEST_SECONDS))

    def try_untouched(self, units, groups):
        """All must succeed; this tells how long each takes."""
        for name in units:
            began = time.monotonic()
            if not self.run_unit_test(self.top, name, {}):
                raise RuntimeError("%s fails without a mutant" % name)
            self.times[name] = time.monotonic() - began
        if groups:
            self.program(self.top + "/fakesmtp", {})
        for group in groups:
            if not self.run_group(self.top, group):
                raise RuntimeError("%s fails without a mutant" % group)


def cover(file):
    return next((units.split(), groups.split()) for files, units, groups in COVER
                if any(file in glob.glob(pattern) for pattern in files.split()))


def inputs_of(name):
    return sorted(glob.glob({"dialogue": "tests/dialogue/*.txt", "lint": "tests/corpus/mime/*"}.get(name, "/none/*")))


def is_killed(tree, place, changed, units, groups):
    if any(not tree.run_unit_test(place, name, changed) for name in sorted(units, key=tree.times.get)):
        return True
    if groups:
        tree.program(place + "/fakesmtp", changed)
    return any(not tree.run_group(place, group) for group in groups)


def try_mutant(file, change, quick):
    """None if it does not count, else whether it is killed, and what it is."""
    tree, (start, end, new) = TREE, change
    text = tree.texts[file]
    mutant = text[:start] + new + text[end:]
    (before, number), (after, _) = line_at(text, start), line_at(mutant, start)
    what = "%s: %s => %s" % (file, before.strip(), after.strip())
    if what in equivalents():
        return None
    with tempfile.TemporaryDirectory(dir=tree.top) as place:
        out = place + "/mutant.o"
        if not compile_text(file, mutant, out) or open(out, "rb").read() == open(tree.objects[file], "rb").read():
            return None
        units, groups = cover(file)
        return is_killed(tree, place, {file: out}, units, [] if quick else groups), "%s:%d: %s" % (file, number, what.split(": ", 1)[1])


def equivalents():
    with open("tests/mutants.txt") as f:
        return {line.rsplit(" # ", 1)[0] for line in f if not line.startswith("#")}


def main():
    global TREE
    parser = argparse.ArgumentParser()
    parser.add_argument("number", type=int)
    parser.add_argument("sources", nargs="+")
    parser.add_argument("--seed", type=int, default=int(datetime.date.today().strftime("%Y%m%d")))
    parser.add_argument("--only", default="")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--quick", action="store_true")
    o = parser.parse_args()
    become_reaper()
    with tempfile.TemporaryDirectory() as top:
        TREE = Tree(top, o.sources)
        files = sorted({f for patterns, _, _ in COVER for p in patterns.split() for f in glob.glob(p) if f in TREE.texts})
        files = [f for f in files if not o.only or f in o.only.split(",")]
        # kill(2) with another number could end a process of somebody else
        every = [(f, c) for f in files for c in changes(TREE.texts[f]) if "kill(" not in line_at(TREE.texts[f], c[0])[0]]
        random.Random(o.seed).shuffle(every)
        TREE.try_untouched({u for f in files for u in cover(f)[0]}, set() if o.quick else {g for f in files for g in cover(f)[1]})
        killed, survivors = 0, []
        fork = multiprocessing.get_context("fork")  # so that each has TREE
        with concurrent.futures.ProcessPoolExecutor(o.jobs, fork, become_reaper) as pool:
            pending, left = set(), iter(every)
            while killed + len(survivors) < o.number:
                wanted = o.number - killed - len(survivors)
                pending |= {pool.submit(try_mutant, *c, o.quick) for _, c in zip(range(min(wanted, o.jobs) - len(pending)), left)}
                if not pending:
                    break
                done, pending = concurrent.futures.wait(pending, return_when=concurrent.futures.FIRST_COMPLETED)
                for result in (d.result() for d in done):
                    if result is not None and result[0]:
                        killed += 1
                    elif result is not None:
                        survivors.append(result[1])
                        print("survived: " + result[1], flush=True)
        made = killed + len(survivors)
        print("mutants: %d of %d killed, %.1f %%, seed %d, of %d changes" % (killed, made, 100 * killed / made, o.seed, len(every)))
        return 0 if killed * 100 >= made * (40 if o.quick else 95) else 1


if __name__ == "__main__":
    sys.exit(main())
