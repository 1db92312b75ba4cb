#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Takes the place of the program in a command-line test, and compares -r with SMTP.

    both.py PROGRAM [OPTION ...] [COMMAND ...]

The program runs as asked, but also stores its messages with their envelopes.
Then it reads them with -r, under the same expectations.  The status, the lines
about messages, the stream and the attachments must be the same.  tests/both
finds in the file $BOTH_LOG a line for each run, and for each difference.
"""
import getopt, itertools, os, re, shlex, signal, stat, subprocess, sys, tempfile

AGAIN = {"-n", "--match", "--not", "--next", "--only", "--strict", "--allow", "-q", "-f", "-j", "-e", "--crlf"}
APART = {"-r", "--read", "-b", "-c", "-h", "--help", "-V", "--version", "--fresh", "--beside"}

def parse(program, words):
    """The options, by the list in --help, and the command."""
    text = subprocess.run([program, "--help"], stdout=subprocess.PIPE, text=True, check=True).stdout
    names = re.findall(r"^  (?:-(\w))?(?:, )?(?:--([\w-]+))? (\S?)", text, re.M)
    return getopt.getopt(words, "".join(letter + (":" if value else "") for letter, _, value in names if letter),
                         [name + ("=" if value else "") for _, name, value in names if name])

def octets(path):
    """The content of a regular file, which standard output is in most tests; else None."""
    if os.path.exists(path) and stat.S_ISREG(os.stat(path).st_mode):
        with open(path, "rb") as f:
            return f.read()

def files(directory):
    return sorted((e.name, octets(e.path)) for e in os.scandir(directory)) if directory and os.path.isdir(directory) else []

def messages(err):
    return re.findall(rb"^fakesmtp: message \d+: .*$", err or b"", re.M)

def pieces(stream, form):
    """Its lines, or the messages of an mbox, without the time of Received: in the envelope there is a later one."""
    text = re.sub(rb"(?m)^(\t.*, ).*\+0000$", rb"\1", stream)
    return [piece for piece in re.split(rb"(?m)^(?=From )" if form == "mbox" else rb"(?<=\n)", text) if piece]

def report(pairs, options):
    """Writes the name of the test, which is that of its directory, and the first difference in each pair of lists."""
    test = re.search("places/([^/]*)", os.getcwd())[1]
    with open(os.environ["BOTH_LOG"], "a") as log:
        print(test, file=log)
        for what, *sides in pairs:
            for smtp, read in [pair for pair in itertools.zip_longest(*sides) if pair[0] != pair[1]][:1]:
                print("%s differs in %s with %s:\n    SMTP: %.500r\n    -r:   %.500r" % (test, what, shlex.join(options), smtp, read), file=log)

def run(words):
    """Runs the program, hands signals on to it, and returns its status."""
    program = None
    for number in signal.SIGTERM, signal.SIGINT, signal.SIGHUP:
        signal.signal(number, lambda n, _: program and program.send_signal(n))
    program = subprocess.Popen(words)
    status = program.wait()
    return status if status >= 0 else 128 - status

def again(options, command, matching):
    """The options that -r gets as well, with what was expected by default, which depends on what ends a run."""
    words = [word for name, value in options if name in AGAIN for word in (name, value) if word]
    given = {name for name, _ in options}
    if not given & {"-n", "--next"}:
        least = "1-" if matching or given & {"-t", "-l"} else "0-"
        words += ["-n", least if command or given & {"-k", "-t", "-l"} else "1"]
    return words

def main(program, *words):
    try:
        options, command = parse(program, words)
    except getopt.GetoptError:
        os.execv(program, [program, *words])
    given = dict(options)
    mail, attachments, output = given.get("-d", given.get("--maildir")), given.get("--attachments"), given.get("-o", "/dev/stdout")
    if APART & set(given) or any(path and os.path.exists(path) for path in (mail, attachments)):
        os.execv(program, [program, *words])
    matching, form = bool({"--match", "--not"} & set(given)), "json" if "-j" in given else given.get("-f")
    shared = form == "mbox" and "-o" in given # with other programs
    before = octets(output) if shared else None
    if not form: # what -d in front of them must not change
        form = "eml" if "-o" in given or not (command or mail or ("-l", "-") in options) else "none"
    with tempfile.TemporaryDirectory() as place:
        status = run([program, "-f", form, "--beside", "envelope"] + ([] if mail else ["-d", place + "/mail"]) + list(words))
        if status not in (0, 1):
            sys.exit(status)
        read = subprocess.run([program, "-r", mail or place + "/mail", "-f", form, *again(options, command, matching)]
                              + ([] if form == "none" else ["-o", place + "/stream"]) + (["--attachments", place + "/at"] if attachments else []),
                              stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
        pairs = [("status", [status], [read.returncode]), ("attachments", files(attachments), files(place + "/at"))]
        if octets("/dev/stderr") is not None:
            pairs.append(("messages", messages(octets("/dev/stderr")), messages(read.stderr)))
        sent, other = octets(output), octets(place + "/stream")
        # a command may print, too; and -r leaves out what does not match, which JSON alone tells
        if None not in (sent, other) and not (command and "-o" not in given) and (form == "json" or not matching):
            sent = pieces(sent[len(before or b""):], form)
            other = pieces(other.replace(os.fsencode(place + "/at/"), os.fsencode("%s/" % attachments)), form)
            if matching:
                sent = [line for line in sent if b'"matched":true' in line]
            pairs.append(("stream", [piece for piece in sent if piece in set(other)] if shared else sent, other))
        report(pairs, words[:len(words) - len(command)])
    sys.exit(status)

main(*sys.argv[1:])
