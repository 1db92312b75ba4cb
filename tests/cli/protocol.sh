# SPDX-License-Identifier: ISC
# shellcheck shell=sh disable=SC2154 # the names come from lib
# The protocol over real sockets: limits, many clients, and the dialogue.

# X8
t_idle_client_is_told_421() {
    start -k --idle 2s -d mail
    talk '<220' '<421' '<EOF' + '<220' '>EHLO t' '<250' '>MAIL FROM:<>' '<250' '>RCPT TO:<b@x.test>' '<250' '>DATA' \
        '<354' '>x' '<421' '<EOF'
    kill "$pid"
    finish
    status_is 0
    [ "$(find mail -type f | wc -l)" -eq 0 ]
}

t_idle_is_counted_from_the_last_word() {
    start -k --idle 3s
    talk '<220' pause:1.6 '>NOOP' '<250' pause:1.6 '>NOOP' '<250' '<421' '<EOF'
    kill "$pid"
    finish
}

t_max_connections() {
    start -k --max-connections 2
    talk '<220' + '<220' + '<421' '<EOF' @1 '>QUIT' '<221' '<EOF' + '<220' '>QUIT' '<221' '<EOF' @2 '>QUIT' '<221'
    kill "$pid"
    finish
}

t_max_recipients() {
    start -k --max-recipients 1
    talk '<220' '>EHLO t' '<250' '>MAIL FROM:<>' '<250' '>RCPT TO:<a@x.test>' '<250' '>RCPT TO:<b@x.test>' '<452' '>QUIT'
    kill "$pid"
    finish
}

t_hostname() {
    start -k --hostname mx.example
    talk '<220' '>EHLO t' '<250' '>QUIT' '<221' | head -n 2 >got
    printf '220 mx.example ESMTP fakesmtp\n250-mx.example\n' >expected
    same got expected
    kill "$pid"
    finish
}

t_octet_by_octet() {
    start -n 1 -d mail
    set --
    for c in E H L O '\40' t '\r' '\n' M A I L '\40' F R O M : '<' '>' '\r' '\n' R C P T '\40' T O : b '\r' '\n' D A T A \
        '\r' '\n' x '\r' '\n' . '\r' '\n' Q U I T '\r' '\n'; do
        set -- "$@" "=$c"
    done
    talk '<220' "$@" '<250' '<250' '<250' '<354' '<250' '<221' '<EOF'
    finish
    status_is 0
    [ "$(cat mail/0001.eml)" = x ]
}

# RFC 2920 3.2: what is pipelined is answered in one piece, at the latest when there is nothing more to read.
t_replies_are_sent_before_waiting() {
    start -k
    python3 - "$port" <<'PY'
import socket, sys
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=60)
assert s.recv(1000).startswith(b"220 ")
s.sendall(b"EHLO t\r\nNO")
assert s.recv(1000).endswith(b"SIZE\r\n")
s.sendall(b"OP\r\nMAIL FROM:<>\r\nRCPT TO:<b@x.test>\r\nDATA\r\n")
assert s.recv(1000).count(b"\r\n") == 4
PY
    kill "$pid"
    finish
}

t_http_is_turned_away() {
    start -k
    curl -sS --max-time 60 --http0.9 "http://127.0.0.1:$port/" -d 'EHLO x
MAIL FROM:<>' >got || true
    grep -q '^421 4\.7\.0 This is SMTP, not HTTP' got
    kill "$pid"
    finish
    status_is 0
}

# The client gets its 421 at once, although a TLS handshake need not have a line end.
t_tls_in_clear_is_turned_away() {
    start -n 1 -v -d mail
    deliver_to "smtps://127.0.0.1:$port" -k # as the system may trust nobody
    status_is 35
    kill "$pid"
    finish
    status_is 1 'fakesmtp: expected 1 message, got none before SIGTERM; 1 client spoke TLS to a plain-text port \(use -l smtps://:0, or --tls for STARTTLS\)'
    err_has '1 C: \(a TLS handshake\)'
    err_has '1 !: tls-in-clear: TLS instead of SMTP; smtps:// takes it, and --tls offers STARTTLS \(RFC 3207 4\)'
    err_has '1 S: 421 4\.7\.0 This is SMTP in the clear, not TLS'
    # whatever it contains
    start -k -d mail
    talk '<220' '=\x16\x03\x01\x02\0\r\nEHLO t\r\nMAIL FROM:<a@x.test>\r\nRCPT TO:<b@x.test>\r\nDATA\r\nx\r\n.\r\n' '<421' '<EOF' \
        + '<220' '=\x16' '=\x03' '=\x03' '<421' '<EOF' + '<220' '>EHLO t' '<250' '=\x16\x03\x03' '<421' '<EOF'
    stop
    taken 0
}

# cut_off DATA [OPTION ...]: a client that leaves after these mail data, without their end
cut_off() {
    data=$1
    shift
    start -n 1 -f none "$@"
    talk '<220' '>HELO t' '<250' '>MAIL FROM:<a@x.test>' '<250' '>RCPT TO:<b@x.test>' '<250' '>DATA' '<354' "$data" half '<EOF'
    kill "$pid"
    finish
    status_is 1 'fakesmtp: expected 1 message, got none before SIGTERM; 1 more cut off before the end'
}

t_cut_off_mail_data_are_described() {
    cut_off '*65536:x'
    err_has 'fakesmtp: cut off in connection 1: 65,536 octets came, but not their end; the last line broke off'
    cut_off '=Subject: x\n\nhi\n.\nQUIT\n' -v --transcript transcript
    err_has '1 C: \(22 octets of mail data, but not their end; the last line ended in LF; LF\.LF was among them\)'
    err_has 'fakesmtp: cut off in connection 1: 22 octets came, but not their end; the last line ended in LF; LF\.LF was among them'
    grep -qx '1 C: (mail data, but not their end)' transcript
    cut_off '=x\r\n.' --strict -q
    listed='cut-off: message cut off before its end: 3 octets came, but not their end; the last line was a dot without its line end'
    err_has "fakesmtp: $listed \\(RFC 5321 4\.1\.1\.4\\), in connection 1"
    fails grep 'fakesmtp: cut off in' err
    # nor is it forgotten where the client is not to blame, or where only the command failed
    start -n 1 -q
    talk '<220' '>EHLO t' '<250' '>MAIL FROM:<>' '<250' '>RCPT TO:<b@x.test>' '<250' '>BDAT 1000' '*400:x' kill:TERM:"$pid" '<421' '<EOF'
    finish
    status_is 1 'fakesmtp: cut off in connection 1: 400 octets came, but not their end; 600 octets of a chunk are missing'
    run -q --on 'body +3: drop' python3 -c '
import os, smtplib, sys
for i in range(2):
    try:
        smtplib.SMTP(os.environ["SMTP_HOST"], os.environ["SMTP_PORT"]).sendmail("a@x.test", ["b@x.test"], "x\r\ny")
    except smtplib.SMTPException:
        pass
sys.exit(7)'
    status_is 7 'fakesmtp: first cut off in connection 1: 6 octets came, but not their end; the last line ended in CRLF'
}

t_sixteen_descriptors() {
    rm -f port && mkfifo port
    (ulimit -n 16 && exec "$FAKESMTP" -n 40 -p 0 --port-file port -d mail 2>err) &
    pid=$!
    read -r port <port
    python3 - "$port" <<'PY'
import smtplib, sys, threading
problems = []
def one(i):
    try:
        with smtplib.SMTP("127.0.0.1", int(sys.argv[1]), timeout=60) as s:
            s.sendmail("a@x.test", ["b@x.test"], "Subject: %d\r\n\r\n%s\r\n" % (i, "x" * 100000))
    except Exception as e:
        problems.append(repr(e))
threads = [threading.Thread(target=one, args=(i,)) for i in range(40)]
for t in threads: t.start()
for t in threads: t.join()
assert not problems, problems
PY
    finish
    status_is 0
    [ "$(find mail -name '*.eml' | wc -l)" -eq 40 ]
}

# As many as are let in are each in the midst of a chunk that goes to a file: there is room for all of these.
t_descriptors_for_chunks() {
    for limit in 40 41; do
        rm -rf mail port && mkfifo port
        (ulimit -n $limit && exec "$FAKESMTP" -k --crlf -p 0 --port-file port -d mail 2>err) &
        pid=$!
        read -r port <port
        python3 - "$port" <<'PY'
import socket, sys
clients = []
def reply(s):
    got = b""
    while not got.endswith(b"\n") or got[-got[:-1][::-1].find(b"\n") - 1:][3:4] == b"-":
        more = s.recv(4096)
        assert more, got
        got += more
    return got
def say(s, what, code):
    s.sendall(what)
    got = reply(s)
    assert got.startswith(code), got
while len(clients) < 40:
    s = socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=4 if clients else 60)
    try:
        reply(s)
    except TimeoutError: # he is kept waiting
        break
    s.settimeout(60)
    clients.append(s)
assert len(clients) > 10
for s in clients:
    for what in b"EHLO t", b"MAIL FROM:<>", b"RCPT TO:<b@x.test>":
        say(s, what + b"\r\n", b"250")
    say(s, b"BDAT 150000\r\n" + b"x" * 150000, b"250")
for s in clients:
    say(s, b"BDAT 150000 LAST\r\n" + b"y" * 150000, b"250")
PY
        stop
    done
}

# 2,000 silent clients do not keep another client waiting, and cost no time.
t_two_thousand_idle_clients() {
    start -k -d mail
    python3 - "$port" "$pid" <<'PY'
import os, resource, smtplib, socket, sys, time
port, pid = int(sys.argv[1]), int(sys.argv[2])
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
assert hard >= 4200, "the limit of open files is too low for this test: %d" % hard
idle = [socket.create_connection(("127.0.0.1", port), timeout=60) for _ in range(2000)]
for s in idle:
    assert s.recv(100).startswith(b"220 ")
def ticks():
    return sum(map(int, open("/proc/%d/stat" % pid).read().rsplit(")", 1)[1].split()[11:13]))
before = ticks()
time.sleep(1)
assert ticks() - before <= 2, "busy while nobody speaks"
with smtplib.SMTP("127.0.0.1", port, timeout=60) as s:
    s.sendmail("a@x.test", ["b@x.test"], "Subject: t\r\n\r\nx\r\n")
for line in open("/proc/%d/status" % pid):
    if line.startswith("VmRSS") and not os.environ.get("FAKESMTP_INSTRUMENTED"):
        assert int(line.split()[1]) < 6000, line
PY
    [ -f mail/0001.eml ]
    kill "$pid"
    finish
    status_is 0
}

t_dialogue() {
    start -v -n 1 -d mail
    talk '<220' '>EHLO t' '<250' '>MAIL FROM:<a@x.test>' '<250' '>RCPT TO:<b@x.test>' '<250' '>DATA' '<354' '>x' '>.' \
        '<250' '>QUIT' '<221'
    finish
    cat >expected <<'END'
1 S: 220 localhost ESMTP fakesmtp
1 C: EHLO t
1 S: 250-localhost
1 S: 250-PIPELINING
1 S: 250-8BITMIME
1 S: 250-SMTPUTF8
1 S: 250-ENHANCEDSTATUSCODES
1 S: 250-CHUNKING
1 S: 250-BINARYMIME
1 S: 250-DSN
1 S: 250-AUTH PLAIN LOGIN CRAM-MD5 XOAUTH2
1 S: 250-LIMITS RCPTMAX=1000
1 S: 250-HELP
1 S: 250 SIZE
1 C: MAIL FROM:<a@x.test>
1 S: 250 2.1.0 Sender ok
1 C: RCPT TO:<b@x.test>
1 S: 250 2.1.5 Recipient ok
1 C: DATA
1 S: 354 Send the message; end it with <CRLF>.<CRLF>
1 C: (3 octets of mail data)
1 C: .
1 !: no-blank-line: no blank line between header and body (RFC 5322 2.1)
1 !: no-date: no Date field (RFC 5322 3.6)
1 !: no-from: no From field (RFC 5322 3.6)
1 !: no-message-id: no Message-ID field; there should be one (RFC 5322 3.6.4)
1 S: 250 2.0.0 Message accepted
1 C: QUIT
1 S: 221 2.0.0 Bye
END
    sed 1d err >got
    same got expected
}

t_end_of_the_dialogue_after_a_failure() {
    start -c 1 -n 1
    talk '<220' '>NOOP' '<250' '>QUIT' '<221' '<EOF'
    finish
    status_is 1
    sed 1d err >got
    cat >expected <<'END'
fakesmtp: the dialogue:
1 S: 220 localhost ESMTP fakesmtp
1 C: NOOP
1 S: 250 2.0.0 Ok
1 C: QUIT
1 S: 221 2.0.0 Bye
fakesmtp: expected 1 message, got none in 1 connection
END
    same got expected
    start -c 1 -n 1
    set --
    for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16; do set -- "$@" ">NOOP $i" '<250'; done
    talk '<220' "$@" '>QUIT' '<221' '<EOF'
    finish
    err_has 'fakesmtp: the last lines of the dialogue:'
    [ "$(grep -c '^1 [CS]: ' err)" -eq 24 ]
    tail -n 2 err | sed 1q | grep -qx '1 S: 221 2.0.0 Bye'
}

# The end of the dialogue is shown where a session did not go well, and not where merely other mail came.
t_end_of_the_dialogue_of_sessions_that_went_well() {
    set -- '<220' '>EHLO t' '<250' '>MAIL FROM:<a@x.test>' '<250' '>RCPT TO:<b@x.test>' '<250' '>DATA' '<354' '=x\r\n.\r\n' '<250'
    for options in '-n 2' '-n 0' '-n 1 --match subject:.' '-n 0-5 --strict'; do
        # shellcheck disable=SC2086 # the options are words
        start -c 1 -t 60 $options
        talk "$@" '>QUIT' '<221' '<EOF' >talk.out
        finish
        status_is 1
        fails grep '^1 [CS]: \|dialogue' err
    done
    # a client that has had its mail taken keeps the connection until the end of the run
    start -k -n 2
    talk "$@" "kill:TERM:$pid" '<421' '<EOF' >talk.out
    finish
    status_is 1
    fails grep '^1 [CS]: \|dialogue' err
    run -n 1 true
    status_is 1
    fails grep '^1 [CS]: \|dialogue' err
}

# went_wrong WORD ...: after a session that began with mail that was taken, the end of the dialogue is shown
went_wrong() {
    talk "$@" >talk.out || true
    kill "$pid"
    finish
    grep -q '^1 [CS]: ' err || { echo "no dialogue: $*"; cat err; return 1; }
}

t_end_of_the_dialogue_of_sessions_that_went_wrong() {
    set -- '<220' '>EHLO t' '<250' '>MAIL FROM:<a@x.test>' '<250' '>RCPT TO:<b@x.test>' '<250' '>DATA' '<354' '=x\r\n.\r\n'
    again='>MAIL FROM:<a@x.test>'
    for odd in '>FROB' '>RCPT TO:<b@x.test>' '>AUTH PLAIN !'; do
        start -k -n 5
        went_wrong "$@" '<250' "$odd" + '<220' '>QUIT' '<221' '<EOF'
    done
    start -k -n 5 # cut off
    went_wrong "$@" '<250' "$again" '<250' '>RCPT TO:<b@x.test>' '<250' '>DATA' '<354' '=x\r\n' close
    for rule in 'mail a@x.test: drop' 'rcpt: reset' 'eom: 451 later' 'eom: drop' 'body: 421 no' 'connect: 554 no'; do
        start -k -n 5 --on "$rule"
        went_wrong "$@" '<250'
    done
    start -k -n 5 --on 'noop: drop' # after mail that was taken
    went_wrong "$@" '<250' '>NOOP' '<EOF'
    start -k -n 5 --idle 2s
    went_wrong "$@" '<250' '<421' '<EOF'
    for end in '>QUIT' close reset; do # without mail
        start -k -n 5
        went_wrong '<220' '>EHLO t' '<250' "$end"
    done
    # a probe says nothing
    start -k -n 5
    talk '<220' close >talk.out
    stop 1
    err_lines 1
}

# The capabilities would fill it.  All other lines stay, and so does the first line of the reply to EHLO.
t_end_of_the_dialogue_has_no_capabilities() {
    start -c 1 -n 1 --on 'rcpt: 550 not\nhere'
    talk '<220' '>EHLO t' '<250' '>MAIL FROM:<>' '<250' '>RCPT TO:<b@x.test>' '<550' '>HELP' '<214' '>QUIT' '<221' '<EOF' >talk.out
    finish
    status_is 1
    grep '^1 [CS]: ' err >got
    cat >expected <<'END'
1 S: 220 localhost ESMTP fakesmtp
1 C: EHLO t
1 S: 250-localhost
1 C: MAIL FROM:<>
1 S: 250 2.1.0 Sender ok
1 C: RCPT TO:<b@x.test>
1 S: 550-not
1 S: 550 here
1 C: HELP
1 S: 214-2.0.0 MAIL RCPT DATA BDAT EHLO HELO AUTH RSET NOOP QUIT VRFY HELP
1 S: 214 2.0.0 Mail is accepted, and delivered nowhere
1 C: QUIT
1 S: 221 2.0.0 Bye
END
    same got expected
    # refused, it is whole; under -v and in a transcript it always is
    start -c 1 -n 1 --on 'ehlo: 550 not\nnow'
    talk '<220' '>EHLO t' '<550' '>QUIT' '<221' '<EOF' >talk.out
    finish
    err_has '1 S: 550-not'
    start -v -c 1 -n 1 --transcript transcript
    talk '<220' '>EHLO t' '<250' '>QUIT' '<221' '<EOF' >talk.out
    finish
    err_has '1 S: 250-PIPELINING'
    grep -qx '1 S: 250-PIPELINING' transcript
}

t_nothing_raw_reaches_the_terminal() {
    start -v -c 1
    # every octet, the bidirectional and the zero-width, in every argument
    python3 - "$port" <<'PY'
import socket, sys
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=60)
odd = [bytes([i]) for i in range(256) if i not in (10, 13)]
odd += [c.encode() for c in "\u202e\u2066\u200b\u200f\u061c\ufeff\u2028\u00ad\u009b"]
for verb in b"EHLO ", b"NOOP ", b"VRFY ", b"MAIL FROM:<", b"":
    s.sendall(b"".join(verb + b"a" + c + b"z\r\nNOOP\r\n" for c in odd))
s.sendall(b"QUIT\r\n")
while s.recv(65536):
    pass
PY
    finish
    status_is 0
    python3 - <<'PY'
import unicodedata
text = open("err", "rb").read()
assert len(text) > 20000
for c in text.decode("utf-8"):
    assert c == "\n" or unicodedata.category(c) not in ("Cc", "Cf", "Zl", "Zp", "Co", "Cs"), repr(c)
PY
}

t_colour_only_on_a_terminal() {
    python3 - "$FAKESMTP" <<'PY'
import os, pty, socket, subprocess, sys
def dialogue(**more):
    master, slave = pty.openpty()
    os.mkfifo("port")
    env = dict(os.environ, TERM="xterm", **more)
    p = subprocess.Popen([sys.argv[1], "-v", "-c", "1", "-p", "0", "--port-file", "port"], stderr=slave, env=env)
    os.close(slave)
    port = int(open("port").read())
    os.unlink("port")
    s = socket.create_connection(("127.0.0.1", port), timeout=60)
    s.sendall(b"QUIT\r\n")
    while s.recv(1000):
        pass
    assert p.wait(60) == 0
    text = b""
    try:
        while True:
            text += os.read(master, 1000)
    except OSError:
        return text
assert b"\x1b[36m" in dialogue()
assert b"\x1b" not in dialogue(NO_COLOR="1")
PY
}

# Neither colours nor a status line, by any way that they come.
t_no_control_sequences_on_a_dumb_terminal() {
    python3 - "$FAKESMTP" <<'PY'
import os, pty, subprocess, sys
for options in ["-v", "-l", "-"], ["-p", "0"]:
    master, slave = pty.openpty()
    p = subprocess.Popen([sys.argv[1], "-n", "3", "-t", "2", *options], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                         stderr=slave, env=dict(os.environ, TERM="dumb"))
    os.close(slave)
    p.stdin.write(b"NOOP\r\nQUIT\r\n")
    p.stdin.close()
    text = b""
    try:
        while True:
            text += os.read(master, 1000)
    except OSError:
        pass
    assert p.wait(60) == 1
    assert b"expected 3 messages" in text and b"\x1b" not in text and b"waiting: " not in text, text
PY
}

t_status_line_on_a_terminal() {
    python3 - "$FAKESMTP" <<'PY'
import os, pty, re, subprocess, sys
master, slave = pty.openpty()
p = subprocess.Popen([sys.argv[1], "-n", "3", "-t", "5", "-p", "0"], stderr=slave)
os.close(slave)
text = b""
try:
    while True:
        text += os.read(master, 1000)
except OSError:
    pass
assert p.wait(60) == 1
assert re.search(rb"\rwaiting: 0 of 3 messages, [1-4] s left\x1b\[K", text), text
assert b"\r\x1b[Kfakesmtp: expected 3 messages, got none before the 5 s limit" in text, text
PY
}
