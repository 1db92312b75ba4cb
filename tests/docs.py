#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Compares README.md and the manual with the program.

    docs.py PROGRAM TREE readme|manual|options|statuses|problems

readme    runs each ```sh block, which must succeed, and each ```console block,
          whose output must be as shown; and our lines in the table of others'.  A link
          to a file, in any *.md, leads to one
manual    runs each display under EXAMPLES, of all pages; a reference to a section or
          another page leads somewhere, and the first page knows the others

options   --help and the manual must list the same options, with the same arguments
statuses  the manual and --help must list the same statuses
problems  fakesmtp-problems(7) must list each problem as problem.h does

README's second ```sh block makes the messages that the others send.
"""
import glob
import os
import re
import subprocess
import sys
import tempfile

USAGE = __doc__.splitlines()[2].strip()
if len(sys.argv) != 4 or sys.argv[3] not in USAGE.split()[-1].split("|"):
    sys.exit("usage: " + USAGE)
program, tree, what = os.path.abspath(sys.argv[1]), sys.argv[2], sys.argv[3]
readme = open(os.path.join(tree, "README.md")).read()
pages = {page: open(os.path.join(tree, "man", page)).read() for page in sorted(os.listdir(os.path.join(tree, "man")))
         if page[-1].isdigit()}
manual = pages["fakesmtp.1"]
MAILS = re.findall(r"^```sh\n(.*?)^```$", readme, re.M | re.S)[1]
CURL = "curl -s --crlf %s --mail-from app@x.test --mail-rcpt alice@x.test -T %s"


def shell(script):
    with tempfile.TemporaryDirectory() as place:
        os.symlink(program, os.path.join(place, "fakesmtp"))
        work = os.path.join(place, "work")
        os.mkdir(work)
        subprocess.run(["sh", "-eu", "-c", MAILS], cwd=work, check=True)
        with open(os.path.join(work, "Makefile"), "w") as tests:
            tests.write("test:\n\t@" + CURL % ("$$SMTP_URL", "mail.txt") + "\n")
        env = dict(os.environ, PATH=place + ":" + os.environ["PATH"])
        return subprocess.run(["sh", "-c", script], cwd=work, env=env, timeout=300, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


without_tls = "without TLS" in subprocess.run([program, "--version"], capture_output=True, text=True).stdout


def must_succeed(script):
    if without_tls and ("--tls" in script or "smtps://" in script):
        script = "! { %s\n} 2>err && grep 'built without TLS' err" % script.strip()  # and it must say so
    done = shell("set -eu\n" + script)
    if done.returncode != 0:
        sys.exit("this example fails with %d:\n%s\n%s" % (done.returncode, script, done.stdout))


def blocks(kind):
    found = re.findall(r"^```%s\n(.*?)^```$" % kind, readme, re.M | re.S)
    assert found, "no blocks of " + kind
    return found


def same(got, want):
    port = re.compile(r"(listening on 127\.0\.0\.1:)\d+")
    if port.sub(r"\1N", got) != port.sub(r"\1N", want):
        sys.exit("expected:\n%s\ngot:\n%s" % (want, got))


def check_links():
    for path in glob.glob(os.path.join(tree, "*.md")) + glob.glob(os.path.join(tree, "*", "*.md")):
        for to in re.findall(r"\]\(([^):#]+)\)", open(path).read()):
            assert os.path.exists(os.path.join(os.path.dirname(path), to)), "%s leads to %s, which is not there" % (path, to)


def check_readme():
    check_links()
    for block in blocks("sh"):
        must_succeed(block)
    for block in blocks("console"):
        commands = [line[2:] for line in block.splitlines() if line.startswith("$ ")]
        if "fakesmtp -k" in block:
            # it goes on until it is ended; and here no port is fixed
            done = shell("mkfifo port; echo '$ %s'; %s -p 0 --port-file port & read -r port <port; %s; kill $!; wait $!"
                         % (commands[0], commands[0], CURL % ("smtp://127.0.0.1:$port", "reset.eml")))
            same(done.stdout, block)
            continue
        # the commands as typed, each shown first, which must not disturb $?
        script = ""
        for c in commands:
            shown = "'$ " + c.replace("'", "'\\''") + "'"
            script += "s=$?; printf '%%s\\n' %s; (exit $s)\n%s\n" % (shown, c)
        done = shell(script)
        same(done.stdout, block)
    theirs = readme.split("## If you come from")[1].split("## ")[0]
    for line in re.findall(r"`(fakesmtp [^`]*)`[^|]*\|$", theirs, re.M):
        line = re.sub(r" -p \d+", " -p 0", line.replace(" -t 5", ""))
        line = line if " -- " in line else line.replace("fakesmtp", "fakesmtp -t 0.1", 1)
        must_succeed("s=0; %s || s=$?; test $s -eq 0 -o $s -eq 1 || exit $s" % line)


def section(name, page=manual):
    found = re.search(r"^\.Sh %s\n(.*?)(?:^\.Sh |\Z)" % name, page, re.M | re.S)
    return found.group(1) if found else ""


def check_manual():
    for name, page in pages.items():
        for to in re.findall(r"^\.Sx (.*?)[ .,:;)]*$", page, re.M):
            assert re.search(r"^\.S[hs] %s$" % re.escape(to), page, re.M), "no section %s in %s" % (to, name)
        for to in re.findall(r"^\.Xr (fakesmtp\S* \d)", page, re.M):
            assert to.replace(" ", ".") in pages, "no page %s, which %s names" % (to, name)
        displays = re.findall(r"^\.Bd -literal.*?\n(.*?)^\.Ed", section("EXAMPLES", page), re.M | re.S)
        assert displays or name[-1] == "7"
        assert name == "fakesmtp.1" or all(".Xr " + a.replace(".", " ") in section("SEE ALSO", b) for a, b in
                                           ((name, manual), ("fakesmtp.1", page))), "no way to or from " + name
        for display in displays:
            must_succeed(display.replace("\\e", "\\").replace("\\-", "-").replace("\\&", ""))


def help_text():
    return subprocess.run([program, "--help", "all"], capture_output=True, text=True, check=True).stdout


def check_options():
    told = {}
    for line in help_text().splitlines():
        found = re.match(r"  (-\S.*?)(?: {2,}|$)", line)
        if found:
            for name in re.findall(r"(?<!\S)--?[A-Za-z][-a-z]*", found.group(1)):
                argument = re.search(r"(?: |\[=)('.*'|[A-Z=:,.]+)\]?$", found.group(1))
                told[name] = argument is not None
    documented = {}
    for line in re.findall(r"^\.It Fl (.*)$", manual, re.M):
        for name in re.split(r" , ", re.sub(r" (Ar|Ns) .*", "", line)):
            documented[("-" + name).strip()] = " Ar " in line
    if told != documented:
        sys.exit("--help has %s; the manual has %s" % (sorted(told.items()), sorted(documented.items())))


def check_statuses():
    in_manual = re.findall(r"^\.It (\d[\d ,]*|other)$", section("EXIT STATUS"), re.M)
    in_manual = [s.replace(" ,", ",") for s in in_manual]
    assert in_manual == ["0", "1", "2", "3", "4", "124", "126, 127", "other"], in_manual
    for status in "0", "1", "2", "3", "4", "124":
        assert re.search(r"\b%s " % status, help_text().split("Status:")[1]), status


def check_problems():
    source = open(os.path.join(tree, "base", "problem.h")).read().replace("\\\n", "")
    known = re.findall(r'X\(\w+, "([^"]+)",\s*"((?:[^"\\]|\\.)*)",\s*"([^"]+)",\s*(BREACH|NOTED)\)', source)
    assert known
    told = re.findall(r"^\.It Li (\S+)\n(.*) \((RFC .*?)\)(; noted only)?$", pages["fakesmtp-problems.7"], re.M)
    want = [(n, s.replace('\\"', "\\(dq"), r, "; noted only" if only == "NOTED" else "") for n, s, r, only in known]
    for one in want + told:
        if one not in want or one not in told:
            sys.exit("not in both problem.h and the manual: %r" % (one,))


{"readme": check_readme, "manual": check_manual, "options": check_options, "statuses": check_statuses, "problems": check_problems}[what]()
