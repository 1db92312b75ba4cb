#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""How the clients that people use react to a server that is wrong: runs the lines of the table beside this file.

    run.py PROGRAM [CLIENT ...]

Without a CLIENT it runs those that are installed, and names the others; it fails if none of HEAVY is installed.

In the table, options of the server are at the left margin.  Below them are the clients that meet such a server:

    OPTION ...
        CLIENT [WORD ...] | WHAT IT SAYS | WHAT IT DOES | WHAT COMES

WHAT IT SAYS: for each mail, with a semicolon between two of them.  WHAT IT DOES: its commands without QUIT, with a slash
between two connections; TLS is a handshake that succeeds, and if one fails there is the reason.  WHAT COMES: for each
mail that is stored, its recipients without @x.test, and the subject of the client's certificate.  In each of these, ...
is any text.

The clients are the programs in this directory.  They send mails=N one after the other, to=b,c with subject=TEXT and
octets=N; login is as ann with the password sesame, and certificate shows $CLIENT_CERTIFICATE.  They print a line for
each mail; with --version, their version.
"""
import concurrent.futures
import json
import os
import re
import shlex
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
# the packages of Debian, and the command
CLIENTS = {
    "curl": ("curl", ["sh", HERE + "/curl.sh"]),
    "phpmailer": ("libphp-phpmailer", ["php", HERE + "/phpmailer.php"]),
    "symfony": ("php-symfony-mailer", ["php", HERE + "/symfony.php"]),
    "nodemailer": ("nodejs and node-nodemailer", ["node", HERE + "/nodemailer.js"]),
    "jakarta": ("default-jre-headless and libjakarta-mail-java", ["java", HERE + "/jakarta.java"]),
}
HEAVY = {"nodemailer", "jakarta"}
LONG = "300"  # seconds: a hard stop
# where Debian has the libraries
os.environ.setdefault("NODE_PATH", "/usr/share/nodejs")
os.environ.setdefault("CLASSPATH", "/usr/share/java/jakarta-mail.jar:/usr/share/java/jakarta-activation.jar")


def version(client):
    """None if it is not there."""
    try:
        got = subprocess.run([*CLIENTS[client][1], "--version"], capture_output=True, text=True)
    except FileNotFoundError:
        return None
    return got.stdout.strip() if got.returncode == 0 else None


def make_certificate(path):
    """One for the client, with its key, as PEM and PKCS #12."""
    words = "openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=client.test -days 2"
    subprocess.run([*words.split(), "-keyout", path, "-out", path + ".cert"], check=True, stderr=subprocess.DEVNULL)
    with open(path, "a") as whole, open(path + ".cert") as certificate:
        whole.write(certificate.read())
    words = "openssl pkcs12 -export -passout pass:sesame"
    subprocess.run([*words.split(), "-in", path, "-out", path + ".p12"], check=True)


def read_table():
    """Its lines, as options, words, what it says, does, and what comes."""
    with open(HERE + "/table") as table:
        for line in table:
            if line.startswith("    "):
                yield options, *re.split(r" +\| ", line.strip())
            elif not line.startswith("#"):
                options = line.strip()


def what_it_does(dialogue):
    connections = {}
    for line in dialogue.splitlines():
        number, who, text = line.split(" ", 2)
        words = connections.setdefault(number, [])
        if who == "C:":
            words += re.findall(r"^(?!QUIT$)(?:AUTH [A-Z0-9-]+|[A-Z]+|\*)(?= |$)", text)
        else:
            words += ["TLS"] if text.startswith("(TLS") else []
            words += ["(%s)" % why for why in re.findall(r"no TLS: (?:the client says: )?(.*)\)", text)]
    return " / ".join(" ".join(words) or "-" for words in connections.values())


def what_comes(lines):
    def one(mail):
        certificate = mail["client"]["certificate"]
        shown = " (%s)" % certificate["subject"] if certificate else ""
        return ",".join(a.replace("@x.test", "") for a in mail["envelope"]["to"]) + shown

    return "; ".join(one(json.loads(line)) for line in lines.splitlines()) or "-"


def run(program, options, words):
    """What the client says, does, and what comes."""
    client, *words = shlex.split(words)
    with tempfile.TemporaryDirectory() as place:
        server = [*program, "-q", "-t", LONG, "-j", "-o", "mails", "--transcript", "dialogue"]
        server += shlex.split(os.path.expandvars(options))
        got = subprocess.run([*server, "--", *CLIENTS[client][1], *words], cwd=place, capture_output=True,
                             stdin=subprocess.DEVNULL, text=True, errors="replace")
        says = "; ".join(line.strip() for line in got.stdout.splitlines())
        if got.returncode:
            return "status %d: %s %s" % (got.returncode, says, got.stderr.strip()), "", ""
        with open(place + "/dialogue") as dialogue, open(place + "/mails") as mails:
            return says, what_it_does(dialogue.read()), what_comes(mails.read())


def is_as(expected, got):
    return re.fullmatch(".*".join(re.escape(part) for part in " | ".join(expected).split("...")), " | ".join(got))


def main():
    program = [*shlex.split(os.environ.get("FAKESMTP_WRAPPER", "")), os.path.abspath(sys.argv[1])]
    versions = {client: version(client) for client in sys.argv[2:] or CLIENTS}
    absent = {client for client in versions if versions[client] is None}
    for client in absent:
        print("reactions: %s is not installed (on Debian: %s)" % (client, CLIENTS[client][0]))
    failed = bool(absent) if sys.argv[2:] else HEAVY <= absent

    without_tls = os.environ.get("FAKESMTP_TLS") == "none"
    table = [line for line in read_table() if not (without_tls and re.search("--tls|smtps:", line[0]))]
    if without_tls:
        print("reactions: the program has no TLS, so the lines that need it are left out")
    with tempfile.TemporaryDirectory() as place, concurrent.futures.ThreadPoolExecutor(3 * os.cpu_count()) as pool:
        os.environ["CLIENT_CERTIFICATE"] = place + "/client.pem"
        make_certificate(os.environ["CLIENT_CERTIFICATE"])
        for client in [c for c in versions if c not in absent]:
            mine = [line for line in table if line[1].split()[0] == client]
            outcomes = pool.map(lambda line: run(program, *line[:2]), mine)
            wrong = [(line, got) for line, got in zip(mine, outcomes) if not is_as(line[2:], got)]
            for line, got in wrong:
                print("reactions: %s\n    %s\nand not\n    %s" % (line[0], " | ".join(line[1:]), " | ".join(got)))
            print("reactions of %s %s: %d as expected, %d not" % (client, versions[client], len(mine) - len(wrong), len(wrong)))
            failed = failed or bool(wrong) or not mine
    return failed


if __name__ == "__main__":
    sys.exit(main())
