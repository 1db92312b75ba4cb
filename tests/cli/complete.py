#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Types lines at a shell in a terminal, and compares them with what a tab makes of them.

    complete.py bash|bash-completion|zsh|fish TREE

TREE is PREFIX/share of an installed fakesmtp, which is in PATH.  Of each word
that the program tells (--help words) all but the last letter is typed; and
then the lines in CASES.
"""
import os
import pty
import re
import select
import subprocess
import sys

shell, tree = sys.argv[1:]

SLASH = "/" if shell != "zsh" else ""  # zsh takes it off again

# what is typed, and what it becomes
CASES = [
    ("fakesmtp --timeou", "fakesmtp --timeout"),
    ("fakesmtp -q -n 1 --form", "fakesmtp -q -n 1 --format"),
    ("fakesmtp -f js", "fakesmtp -f json"),
    ("fakesmtp -qkf js", "fakesmtp -qkf json"),
    ("fakesmtp --format=js", "fakesmtp --format=json"),
    ("fakesmtp --tls=exp", "fakesmtp --tls=expired"),
    ("fakesmtp --tls --requ", "fakesmtp --tls --require"),
    ("fakesmtp --require auth,client", "fakesmtp --require auth,client-cert"),
    ("fakesmtp --hide SIZE,PIPE", "fakesmtp --hide SIZE,PIPELINING"),
    ("fakesmtp --auth-mechs PLAIN,CRA", "fakesmtp --auth-mechs PLAIN,CRAM-MD5"),
    ("fakesmtp --strict --allow no-quit,no-fro", "fakesmtp --strict --allow no-quit,no-from"),
    ("fakesmtp --on connec", "fakesmtp --on connect"),
    ("fakesmtp --on 'connec", "fakesmtp --on connect"),
    ("fakesmtp --match 'rcpt-t", "fakesmtp --match rcpt-to"),
    ("fakesmtp --help expec", "fakesmtp --help expect"),
    ("fakesmtp -h expec", "fakesmtp -h expect"),
    ("fakesmtp -d zzdi", "fakesmtp -d zzdir" + SLASH),
    ("fakesmtp --dir zzdi", "fakesmtp --dir zzdir" + SLASH),
    ("fakesmtp -o zzfil", "fakesmtp -o zzfile"),
    ("fakesmtp -r zzfil", "fakesmtp -r zzfile"),
    ("fakesmtp --hostname zzfil", "fakesmtp --hostname zzfil"),
    # the command, and what comes after it, is not ours
    ("fakesmtp zzcomman", "fakesmtp zzcommand"),
    ("fakesmtp -n 1 -- zzcomman", "fakesmtp -n 1 -- zzcommand"),
    ("fakesmtp -n1 --count 2 --tls zzcomman", "fakesmtp -n1 --count 2 --tls zzcommand"),
    ("fakesmtp -dzzdir --format=json zzcomman", "fakesmtp -dzzdir --format=json zzcommand"),
    ("fakesmtp zzcommand --timeou", "fakesmtp zzcommand --timeou"),
    ("fakesmtp -n 1 zzcommand zzfil", "fakesmtp -n 1 zzcommand zzfile"),
    ("fakesmtp -n 1 -- zzcommand -f js", "fakesmtp -n 1 -- zzcommand -f js"),
]

START = {
    "bash": (["bash", "--norc", "--noprofile", "-i"], ". %s/bash-completion/completions/fakesmtp"),
    "bash-completion": (["bash", "--norc", "--noprofile", "-i"],
                        ". /usr/share/bash-completion/bash_completion; . %s/bash-completion/completions/fakesmtp"),
    "zsh": (["zsh", "-f", "-i"], "bindkey -e; fpath=(%s/zsh/site-functions $fpath); autoload -U compinit; compinit -u -D"),
    "fish": (["fish", "--private", "-i"], "set fish_complete_path %s/fish/vendor_completions.d $fish_complete_path"),
}


class Terminal:
    def __init__(self, words):
        pid, self.fd = pty.fork()
        if pid == 0:
            place = os.getcwd()
            os.execvpe(words[0], words, dict(os.environ, TERM="dumb", HOME=place, XDG_CONFIG_HOME=place, XDG_DATA_HOME=place))
        self.seen = ""

    def send(self, text):
        os.write(self.fd, text.encode())

    def expect(self, pattern):
        while not (found := re.search(pattern, self.seen, re.S)):
            if not select.select([self.fd], [], [], 60)[0]:
                sys.exit("%s shows %r, in which there is no %s" % (shell, self.seen, pattern))
            self.seen += os.read(self.fd, 4096).decode(errors="replace")
        self.seen = self.seen[found.end():]
        return found.group(1)

    def complete(self, line):
        """What is in the line after a tab: C-a goes to its begin, and the shell shows the rest."""
        end = "'" if line.count("'") % 2 and shell == "zsh" else ""
        self.send(line + "\t" + end + "\x01echo G''OT \r")
        return self.expect(r"GOT ([^\r\n]*?) *\r?\n")


def told():
    """Lines that end within a word, with all words that it may be."""
    names = []
    for line in subprocess.run(["fakesmtp", "--help", "words"], capture_output=True, text=True, check=True).stdout.splitlines():
        name, letter, argument, _, words = line.split("\t")
        names.append(name)
        for before in [name + ("=" if argument.startswith("[=") else " ")] + [letter + " "] * (letter != "-"):
            yield from (("fakesmtp " + before, word, words.split()[1:]) for word in words.split()[1:])
    yield from (("fakesmtp ", name, names) for name in names)


terminal = Terminal(START[shell][0])
terminal.send(START[shell][1] % tree + "\r")
terminal.complete("fakesmtp")
bad = 0
for before, word, words in told():
    typed = word[:-1]
    meant = os.path.commonprefix([w for w in words if w.startswith(typed)])
    CASES.append((before + typed, before + meant))
for line, meant in CASES:
    got = terminal.complete(line)
    if got != meant:
        print("%s: %s: becomes %r, not %r" % (shell, line, got, meant))
        bad += 1
print("%s: %d lines" % (shell, len(CASES)))
sys.exit(bad > 0 or len(CASES) < 200)
