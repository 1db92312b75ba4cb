# SPDX-License-Identifier: ISC
# shellcheck shell=sh disable=SC2154,SC2016 # the names come from lib; some commands are for another shell
# The ways in: Unix sockets, LMTP, descriptors, standard input and output, a
# service manager, the background; and extensions that are taken away.

curl_unix() {
    deliver_to smtp://localhost --unix-socket "$@"
}

# A session over whatever is connected to us already.
session='EHLO t\r\nMAIL FROM:<a@x.test>\r\nRCPT TO:<b@x.test>\r\nDATA\r\nSubject: t\r\n\r\nhello\r\n.\r\nQUIT\r\n'

# ---- Unix sockets ----

t_unix_socket() {
    start_on unix:socket -n 2 -d mail
    [ "$port" = "$PWD/socket" ]
    until grep -q listening err; do :; done
    err_has 'fakesmtp: listening on unix:socket'
    curl_unix socket
    status_is 0
    port=./socket
    talk '<220' '>EHLO t' '<250' '>MAIL FROM:<>' '<250' '>RCPT TO:<b@x.test>' '<250' '>DATA' '<354' '>x' '>.' '<250' '>QUIT' \
        '<221' '<EOF'
    finish
    status_is 0
    taken 2
    [ ! -e socket ]
}

t_unix_socket_goes_with_a_signal() {
    for signal in TERM HUP; do
        start_on unix:socket -k
        [ -S socket ]
        kill "-$signal" "$pid"
        finish
        [ ! -e socket ]
    done
    # but not what another has put there
    start_on unix:socket -k
    rm socket
    echo mine >socket
    stop
    [ "$(cat socket)" = mine ]
}

t_stale_unix_socket_is_replaced() {
    python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("socket")'
    [ -S socket ]
    start_on unix:socket -n 1 -d mail
    curl_unix socket
    status_is 0
    finish
    status_is 0
    # that of a run that was killed
    start_on unix:socket -k
    kill -KILL "$pid"
    finish
    [ -S socket ]
    start_on unix:socket -k
    stop
    [ ! -e socket ]
}

# No run waits for a lock of the directory, which any user can hold.
t_unix_socket_in_a_locked_directory() {
    exec 9<.
    flock 9
    start_on unix:socket -n 1 -d mail 9<&-
    curl_unix socket
    status_is 0
    finish
    status_is 0
}

# bind_slowly CALL PATTERN: a run that waits before CALL, and has made a call that matches by now
bind_slowly() {
    # shellcheck disable=SC2086
    ASAN_OPTIONS=detect_leaks=0 GCOV_PREFIX=$PWD strace -f -q -o trace -e "inject=$1:delay_enter=1000000" \
        "$FAKESMTP" -k -l unix:socket --port-file port.txt 2>err.first &
    pid=$!
    until grep -q "$2" trace 2>/dev/null; do kill -0 "$pid"; done
}

# Another run that starts meanwhile does not take the socket for a stale one, or does not replace it as well.
t_two_runs_and_one_unix_socket() {
    bind_slowly listen 'bind(.* = 0'
    run -l unix:socket -n 0 -t 60
    status_is 3 'fakesmtp: cannot listen on unix:socket: Address (already )?in use'
    kill "$(cat "/proc/$pid/task/$pid/children")" # not strace, which would not wait for it
    finish
    python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("socket")'
    bind_slowly unlink,unlinkat ECONNREFUSED
    run -l unix:socket -n 0 -t 60
    status_is 3 'fakesmtp: cannot listen on unix:socket: Address (already )?in use'
    kill "$(cat "/proc/$pid/task/$pid/children")" # not strace, which would not wait for it
    finish
    [ -z "$(find . -type s -o -name '.fakesmtp*')" ]
}

t_live_unix_socket_is_an_error() {
    start_on unix:socket -n 1 -d mail
    until grep -q listening err; do :; done # the next run has that file, too
    run -l unix:socket -n 0 -t 0
    status_is 3 'fakesmtp: cannot listen on unix:socket: Address (already )?in use'
    [ -S socket ]
    curl_unix socket # the first has it still
    status_is 0
    finish
    status_is 0
}

t_unix_socket_where_a_file_is() {
    echo precious >file
    run -l unix:file -n 0 -t 0
    status_is 3 'fakesmtp: cannot listen on unix:file: the file exists, and is not a socket'
    [ "$(cat file)" = precious ]
    mkdir directory
    run -l unix:directory -n 0 -t 0
    status_is 3
    [ -d directory ]
    mkfifo fifo
    run -l unix:fifo -n 0 -t 0
    status_is 3
    [ -p fifo ]
    ln -s nowhere link
    run -l unix:link -n 0 -t 0
    status_is 3
    [ -L link ]
}

t_unix_socket_in_no_directory() {
    run -l unix:none/socket -n 0 -t 0
    status_is 3 'fakesmtp: cannot listen on unix:none/socket: No such file or directory'
    touch file
    run -l unix:file/socket -n 0 -t 0
    status_is 3 'fakesmtp: cannot listen on unix:file/socket: Not a directory'
}

t_unix_socket_with_a_bad_path() {
    long=$(printf '%0120d' 7)
    run -l "unix:$long"
    status_is 2 "fakesmtp: -l: 'unix:$long' is not an endpoint: the path is too long for a Unix socket; .*"
    run -l unix:
    status_is 2
    # the longest
    port=./$(printf '%0105d' 7)
    "$FAKESMTP" -l "unix:$port" -k 2>err &
    pid=$!
    while [ ! -S "$port" ]; do kill -0 "$pid"; done
    talk '<220' '>QUIT' '<221' '<EOF'
    stop
    [ "$(find . -type s | wc -l)" -eq 0 ]
}

t_unix_socket_of_a_wrapped_command() {
    mkdir 'a b'
    run -l 'unix:a b/socket' -n 1 sh -c 'cd / && echo "$SMTP_HOST|$SMTP_PORT|$SMTP_URL" && printf "Subject: t\r\n\r\nhello\r\n" |
        curl -sS --unix-socket "$SMTP_HOST" smtp://localhost --mail-from a@x.test --mail-rcpt b@x.test -T -'
    status_is 0
    [ "$(cat out)" = "$PWD/a b/socket||unix:$PWD/a b/socket" ]
    [ ! -e 'a b/socket' ]
    run -l lmtp://unix:socket sh -c 'cd / && echo "$SMTP_URL"'
    [ "$(cat out)" = "lmtp://unix:$PWD/socket" ]
    run -l unix:socket --env 'A=%h|%p|%u' sh -c 'cd / && echo "$A"'
    [ "$(cat out)" = "$PWD/socket||unix:$PWD/socket" ]
    # a peer without an address is written about all the same
    start_on unix:socket -e -n 1 -d mail
    curl_unix socket
    finish
    status_is 0
    grep -q '^Received: from ' mail/0001.eml
}

t_unix_socket_under_load() {
    start_on unix:socket -n 200 -d mail
    python3 - <<'PY'
import smtplib, socket, threading
class Unix(smtplib.SMTP):
    def _get_socket(self, host, port, timeout):
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(timeout)
        s.connect("socket")
        return s
problems = []
def one(i):
    try:
        with Unix("localhost", timeout=60) as s:
            for j in range(4):
                s.sendmail("a@x.test", ["b@x.test"], "Subject: %d %d\r\n\r\n%s\r\n" % (i, j, "x" * 100000))
    except Exception as e:
        problems.append(repr(e))
threads = [threading.Thread(target=one, args=(i,)) for i in range(50)]
for t in threads: t.start()
for t in threads: t.join()
assert not problems, problems
PY
    finish
    status_is 0
    taken 200
}

# ---- LMTP ----

t_lmtp_swaks() {
    make_mail
    start_on lmtp://127.0.0.1:0 -n 1 -d out.d
    swaks --protocol LMTP --server "127.0.0.1:$port" --from a@x.test --to b@x.test,c@x.test --data @mail >swaks.out ||
        { cat swaks.out; return 1; }
    finish
    status_is 0
    [ "$(grep -c 'Message accepted' swaks.out)" -eq 2 ]
    [ "$(find out.d -name '*.eml' | wc -l)" -eq 1 ]
    echo >>mail # swaks adds a line end
    body_is_that_of_mail out.d/0001.eml
}

t_lmtp_smtplib() {
    start_on lmtp://127.0.0.1:0 -l lmtp://unix:socket -k -d mail -e --max-recipients 2
    python3 - "$port" <<'PY'
import os, smtplib, sys
for place in (("127.0.0.1", int(sys.argv[1])), (os.path.abspath("socket"), 0)):
    s = smtplib.LMTP(*place)
    assert s.docmd("EHLO t")[0] in (500, 502)
    assert s.docmd("HELO t")[0] in (500, 502)
    assert s.ehlo("t")[0] == 250 # LHLO, to it
    assert s.has_extn("pipelining") and s.has_extn("enhancedstatuscodes")
    assert s.mail("a@x.test")[0] == 250
    assert s.rcpt("b@x.test")[0] == 250
    assert s.rcpt("bad@@address")[0] // 100 == 5
    assert s.rcpt("c@x.test")[0] == 250
    assert s.rcpt("d@x.test")[0] == 452
    assert s.docmd("DATA")[0] == 354
    s.send(b"Subject: t\r\n\r\nhello\r\n.\r\n")
    # one for each that was taken, and no more
    assert s.getreply()[0] == 250
    assert s.getreply()[0] == 250
    assert s.docmd("NOOP") == (250, b"2.0.0 Ok")
    # with no recipient there is nothing to be transferred
    assert s.mail("a@x.test")[0] == 250
    assert s.docmd("DATA")[0] == 503
    s.quit()
PY
    stop
    taken 2
    for n in 1 2; do
        grep -Eq 'with LMTP( |$)' "mail/000$n.eml"
        grep -qx 'Delivered-To: b@x.test' "mail/000$n.eml"
        grep -qx 'Delivered-To: c@x.test' "mail/000$n.eml"
    done
}

# Each recipient is told, also of what has gone wrong.
t_lmtp_refusals() {
    start_on lmtp://127.0.0.1:0 -k -d mail --max-size 100
    python3 - "$port" <<'PY'
import smtplib, sys
s = smtplib.LMTP("127.0.0.1", int(sys.argv[1]))
s.ehlo("t")
s.mail("a@x.test")
s.rcpt("b@x.test")
s.rcpt("c@x.test")
assert s.docmd("DATA")[0] == 354
s.send(b"x" * 200 + b"\r\n.\r\n")
assert s.getreply()[0] == 552
assert s.getreply()[0] == 552
assert s.docmd("NOOP") == (250, b"2.0.0 Ok")
s.quit()
PY
    taken 0
    stop
    # and LHLO is LMTP's alone
    start -k
    talk '<220' '>LHLO t' '<50' '>QUIT' '<221' '<EOF'
    stop
    run -n 0 -l lmtp://127.0.0.1:0 sh -c 'echo "$SMTP_URL"'
    grep -Eqx 'lmtp://127\.0\.0\.1:[0-9]+' out
}

# ---- descriptors ----

t_fd() {
    python3 - "$FAKESMTP" <<'PY'
import os, smtplib, socket, subprocess, sys
tcp = socket.create_server(("127.0.0.1", 0))
path = socket.socket(socket.AF_UNIX)
path.bind("socket")
path.listen()
os.mkfifo("port")
server = subprocess.Popen([sys.argv[1], "-n", "2", "-d", "mail", "--port-file", "port", "-l", "fd:%d" % tcp.fileno(), "-l", "lmtp://fd:%d" % path.fileno()],
    pass_fds=(tcp.fileno(), path.fileno()))
assert int(open("port").readline()) == tcp.getsockname()[1]
with smtplib.SMTP("127.0.0.1", tcp.getsockname()[1], timeout=60) as s:
    s.sendmail("a@x.test", ["b@x.test"], "Subject: t\r\n\r\nhello\r\n")
with smtplib.LMTP(os.getcwd() + "/socket") as s:
    s.sendmail("a@x.test", ["b@x.test"], "Subject: t\r\n\r\nhello\r\n")
assert server.wait(60) == 0
assert os.path.exists("socket"), "it was not ours to remove"
# neither to the command
server = subprocess.run([sys.argv[1], "-q", "-l", "fd:%d" % tcp.fileno(), sys.executable, "-c",
    "import os\ntry: os.fstat(%d)\nexcept OSError: print(os.environ['SMTP_URL'])" % tcp.fileno()], pass_fds=(tcp.fileno(),), timeout=60, stdout=subprocess.PIPE)
assert server.stdout == b"smtp://127.0.0.1:%d\n" % tcp.getsockname()[1], server.stdout
PY
    taken 2
}

# A socket that others share blocks again when one of them ends; that keeps no run in accept(2).  In the end it blocks, as
# it did at first.
t_fd_of_two_runs() {
    python3 - "$FAKESMTP" <<'PY'
import fcntl, os, socket, subprocess, sys
shared = socket.create_server(("127.0.0.1", 0))
fd = shared.fileno()
def blocks():
    return not fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_NONBLOCK
def start(passed):
    if os.path.exists("port"):
        os.unlink("port")
    os.mkfifo("port")
    words = [sys.argv[1], "-q", "-k", "-f", "none", "--port-file", "port"]
    if passed: # as by a service manager
        words = ["sh", "-c", 'exec 3<&%d; LISTEN_PID=$$ LISTEN_FDS=1 exec "$@"' % fd, "sh", *words]
    else:
        words += ["-l", "fd:%d" % fd]
    p = subprocess.Popen(words, pass_fds=[fd])
    open("port").read()
    return p
def stop(p):
    p.terminate()
    assert p.wait(60) == 0, p.returncode
def talk():
    with socket.create_connection(shared.getsockname(), timeout=60) as s:
        for said in b"", b"NOOP\r\n", b"QUIT\r\n":
            s.sendall(said)
            assert s.recv(1000)[:1] == b"2"
for passed in False, True:
    for first in 0, 1:
        for between in 0, 2:
            runs = [start(passed), start(passed)]
            talk()
            assert not blocks()
            stop(runs[first])
            for _ in range(between):
                talk()
            if first == 0 and between:
                shared.setblocking(True) # others may do that at any time
                talk()
            stop(runs[1 - first])
            assert blocks(), (passed, first, between)
PY
}

t_fd_that_will_not_do() {
    run -l fd:77
    status_is 3 'fakesmtp: cannot listen on fd:77: Bad file descriptor'
    status=0
    "$FAKESMTP" -l fd:9 9>file 2>err >out </dev/null || status=$?
    status_is 3 'fakesmtp: cannot listen on fd:9: .*'
    python3 - "$FAKESMTP" <<'PY'
import socket, subprocess, sys
pair = socket.socketpair()
bound = socket.socket()
bound.bind(("127.0.0.1", 0))
datagram = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
datagram.bind(("127.0.0.1", 0))
packets = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
packets.bind("packets")
packets.listen(1)
for s, why in (pair[0], b"listening"), (bound, b"listening"), (datagram, b"listening"), (packets, b"stream"):
    p = subprocess.run([sys.argv[1], "-l", "fd:%d" % s.fileno()], pass_fds=(s.fileno(),), stderr=subprocess.PIPE, timeout=60)
    assert p.returncode == 3, p
    assert p.stderr == b"fakesmtp: cannot listen on fd:%d: it is not a %s socket\n" % (s.fileno(), why), p
PY
    for bad in fd: fd:x fd:-1 fd:3x fd:99999999999; do
        run -l "$bad"
        status_is 2
    done
}

# ---- standard input and output ----

t_stdio_swaks() {
    make_mail
    swaks --pipe "$FAKESMTP -l - -d out.d" --from a@x.test --to b@x.test --data @mail >swaks.out 2>&1 || { cat swaks.out; return 1; }
    echo >>mail # swaks adds a line end
    body_is_that_of_mail out.d/0001.eml
}

# Under inetd standard error is the connection too.
t_stdio_inetd() {
    python3 - "$FAKESMTP" <<'PY'
import fcntl, os, re, socket, subprocess, sys
for options, status in (["-d", "mail"], 0), (["-d", "mail", "-v"], 0), (["-d", "mail", "-n", "2"], 1), (["-f", "eml", "-o", "stream", "-v"], 0):
    ours, theirs = socket.socketpair()
    ours.settimeout(60)
    p = subprocess.Popen([sys.argv[1], "-l", "-", *options], stdin=theirs, stdout=theirs, stderr=theirs)
    ours.sendall(b"EHLO t\r\nMAIL FROM:<>\r\nRCPT TO:<b@x.test>\r\nDATA\r\nhello\r\n.\r\nQUIT\r\n")
    ours.shutdown(socket.SHUT_WR)
    got = b""
    while True:
        part = ours.recv(1000)
        if not part or p.poll() is not None and not part:
            break
        got += part
    assert p.wait(60) == status, (options, p.returncode)
    ours.setblocking(False)
    for line in got.split(b"\r\n")[:-1]:
        assert re.fullmatch(rb"[2-5][0-9][0-9][ -][^\r\n]*", line), line
    assert got.startswith(b"220 ") and b"\r\n221 " in got, got
    # as it was given
    assert not fcntl.fcntl(theirs, fcntl.F_GETFL) & os.O_NONBLOCK
assert open("stream").read() == "hello\n"
# a usage error is not shown to the client either
ours, theirs = socket.socketpair()
p = subprocess.run([sys.argv[1], "-l", "-", "-b"], stdin=theirs, stdout=theirs, stderr=theirs, timeout=60)
assert p.returncode == 2
PY
    taken 3
}

t_stdio_over_tcp() {
    python3 - "$FAKESMTP" <<'PY'
import socket, subprocess, sys
listener = socket.create_server(("127.0.0.1", 0))
ours = socket.create_connection(listener.getsockname(), timeout=60)
theirs, _ = listener.accept()
p = subprocess.Popen([sys.argv[1], "-e", "-l", "-", "-d", "mail"], stdin=theirs, stdout=theirs, stderr=theirs)
theirs.close()
assert ours.recv(100).startswith(b"220 ")
ours.sendall(b"EHLO t\r\nMAIL FROM:<>\r\nRCPT TO:<b@x.test>\r\nDATA\r\nhello\r\n.\r\nQUIT\r\n")
got = b""
while True:
    part = ours.recv(1000)
    if not part:
        break
    got += part
assert got.split(b"\r\n")[-2].startswith(b"221 "), got
ours.close()
assert p.wait(60) == 0
PY
    grep -q '^Received: from t (\[127\.0\.0\.1\])' mail/0001.eml
}

t_stdio_files() {
    # shellcheck disable=SC2059
    printf "$session" >script
    status=0
    "$FAKESMTP" -l - -d mail <script >replies 2>err || status=$?
    status_is 0
    [ ! -s err ]
    printf 'Subject: t\n\nhello\n' >want
    same mail/0001.eml want
    sed 's/^\(...\).*/\1/' replies | uniq | tr '\n' ' ' >codes
    [ "$(cat codes)" = '220 250 354 250 221 ' ]
    # to the end of a file that is there already
    echo first >replies
    "$FAKESMTP" -l - -d mail <script >>replies
    [ "$(head -n 1 replies)" = first ]
    [ "$(tail -n 1 replies | cut -c 1-4)" = '221 ' ]
    taken 2
}

# More replies than a pipe takes at once, to a file: it is never watched, as epoll refuses it.
t_stdio_file_takes_all_replies() {
    { printf 'EHLO t\r\n'; yes NOOP | head -n 5000 | sed 's/$/\r/'; printf 'QUIT\r\n'; } >in
    "$FAKESMTP" -n 0 -l - <in >replies
    [ "$(grep -c '^250 2.0.0 Ok' replies)" -eq 5000 ]
    tail -n 1 replies | grep -q '^221'
}
t_stdio_pipes() {
    # shellcheck disable=SC2059
    printf "$session" | "$FAKESMTP" -l - -d mail | cat >replies
    [ "$(tail -n 1 replies | cut -c 1-4)" = '221 ' ]
    taken 1
    # much of it, both ways
    python3 -c '
print("EHLO t\r")
for i in range(2000): print("NOOP\r\nMAIL FROM:<>\r\nRCPT TO:<b@x.test>\r\nDATA\r\n%s\r\n.\r" % ("x" * 2000))
print("QUIT\r")' | "$FAKESMTP" -l - -f none | cat >replies
    [ "$(grep -c '^250 2\.0\.0 Message accepted' replies)" -eq 2000 ]
    [ "$(tail -n 1 replies | cut -c 1-4)" = '221 ' ]
}

t_stdio_that_closes_early() {
    # the input ends in the midst of a message
    status=0
    printf 'EHLO t\r\nMAIL FROM:<>\r\nRCPT TO:<b@x.test>\r\nDATA\r\nx\r\n' | "$FAKESMTP" -l - -d mail >replies 2>err || status=$?
    status_is 1 'fakesmtp: expected at least 1 message, got none before the session ended; 1 more cut off before the end'
    taken 0
    # there is none at all
    status=0
    "$FAKESMTP" -l - -d mail </dev/null >replies 2>err || status=$?
    status_is 1 'fakesmtp: expected at least 1 message, got none before the session ended'
    [ "$(cut -c 1-4 replies)" = '220 ' ]
    status=0
    # shellcheck disable=SC2059
    printf "$session" | { "$FAKESMTP" -l - -d mail || echo $? >status; } 2>err | head -n 1 >replies
    [ "$(cut -c 1-4 replies)" = '220 ' ]
    [ ! -e status ] || [ "$(cat status)" -eq 1 ]
}

t_stdio_that_nobody_reads() {
    # nobody reads the replies any more: no death by SIGPIPE
    python3 - "$FAKESMTP" <<'PY'
import os, subprocess, sys
r, w = os.pipe()
os.close(r)
p = subprocess.run([sys.argv[1], "-l", "-", "-d", "mail"], input=b"EHLO t\r\nQUIT\r\n", stdout=w, stderr=subprocess.PIPE, timeout=60, restore_signals=True)
assert p.returncode == 1, p
assert b"expected at least 1 message, got none before the session ended" in p.stderr, p
PY
}

# Both are others' too, and stay as they were: blocking.
t_stdio_is_given_back() {
    python3 - "$FAKESMTP" <<'PY'
import fcntl, os, subprocess, sys
(in_r, in_w), (out_r, out_w) = os.pipe(), os.pipe()
for status in 0, 1: # however it ends
    os.write(in_w, b"EHLO t\r\nQUIT\r\n")
    if status:
        os.close(in_w) # there is nothing more
    p = subprocess.run([sys.argv[1], "-q", "-n", str(status), "-l", "-"], stdin=in_r, stdout=out_w, stderr=subprocess.PIPE, timeout=60)
    assert p.returncode == status, p
    for fd in in_r, out_w:
        assert not fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_NONBLOCK, fd
PY
}

t_stdio_is_judged() {
    # shellcheck disable=SC2059
    printf "$session" >script
    for options in '-n 1:0' '-n 2:1' '-n 0:1' '-n 1-2:0' '-c 1 -n 1:0' '-c 1:0' '-k:0'; do
        status=0
        # shellcheck disable=SC2086
        timeout 60 "$FAKESMTP" -l - -d mail ${options%:*} <script >replies 2>err || status=$?
        [ "$status" -eq "${options##*:}" ] || { echo "${options%:*}: $status"; return 1; }
    done
    printf 'EHLO t\r\nQUIT\r\n' >script
    status=0
    "$FAKESMTP" -l - -n 0 <script >replies 2>err || status=$?
    status_is 0
    status=0
    "$FAKESMTP" -l - -n 0- <script >replies 2>err || status=$?
    status_is 0
}

# It does not wait for a client that says nothing for longer than it was told to.
t_stdio_limits() {
    mkfifo input
    exec 8<>input
    status=0
    timeout 60 "$FAKESMTP" -l - -t 200ms <&8 >replies 2>err || status=$?
    status_is 1 'fakesmtp: expected at least 1 message, got none before the 200 ms limit'
    tail -n 1 replies | grep -q '^421 4\.3\.2'
    status=0
    timeout 60 "$FAKESMTP" -l - --idle 200ms <&8 >replies 2>err || status=$?
    status_is 1 'fakesmtp: expected at least 1 message, got none before the session ended'
    tail -n 1 replies | grep -q '^421 4\.4\.2'
    exec 8>&-
}

t_stdio_lmtp() {
    printf 'LHLO t\r\nMAIL FROM:<>\r\nRCPT TO:<b@x.test>\r\nRCPT TO:<c@x.test>\r\nDATA\r\nx\r\n.\r\nQUIT\r\n' >script
    "$FAKESMTP" -l lmtp://- -d mail <script >replies
    [ "$(grep -c 'Message accepted' replies)" -eq 2 ]
    taken 1
}

# A client that is turned away has been served: no other is.
t_stdio_turned_away_is_the_last() {
    python3 - "$FAKESMTP" <<'PY'
import os, socket, subprocess, sys
os.mkfifo("port")
p = subprocess.Popen([sys.argv[1], "-q", "-l", "-", "-l", "127.0.0.1:0", "--port-file", "port", "-c", "1", "-t", "60s",
                      "--on", "connect: 554 no"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
port = int(open("port").read())
assert p.stdout.readline() == b"554 no\r\n"
for i in range(1000): # the first ones may find it listening yet
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=60) as s:
            assert not s.recv(100)
    except (ConnectionRefusedError, ConnectionResetError):
        break
p.stdin.write(b"QUIT\r\n")
p.stdin.close()
assert p.wait(60) == 0
PY
}

# With others beside it, the session is one of several.
t_stdio_and_another() {
    mkfifo port
    # shellcheck disable=SC2059
    printf "$session" >script
    "$FAKESMTP" -l - -l 127.0.0.1:0 --port-file port -n 2 -d mail <script >replies 2>err &
    pid=$!
    read -r port <port
    send
    finish
    status_is 0
    taken 2
}

t_stdio_usage() {
    run -l - -l -
    status_is 2 'fakesmtp: -l - can be given only once'
    run -l - -b
    status_is 2 'fakesmtp: -l - and -b exclude each other'
    run -l - true
    status_is 2 'fakesmtp: -l - and a command exclude each other: .*'
    run -l - -f eml
    status_is 2 'fakesmtp: -l - speaks SMTP on standard output: send the stream elsewhere with -o'
    run -l - -o -
    status_is 2
    run -l - -p 0
    status_is 2
    [ ! -s out ]
}

# ---- a service manager ----

# activate COUNT WORD ...: with listening sockets from 3 on, as sd_listen_fds(3) has it
activate() {
    python3 - "$FAKESMTP" "$@" <<'PY'
import os, socket, sys
count = int(sys.argv[2])
listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
with open("ports.new", "w") as f:
    print(*(l.getsockname()[1] for l in listeners), file=f)
os.rename("ports.new", "ports")
fds = [os.dup(l.fileno()) for l in listeners]
for i, fd in enumerate(fds):
    os.dup2(fd, 50 + i, inheritable=False)
for i in range(count):
    os.dup2(50 + i, 3 + i, inheritable=True)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(count), LISTEN_FDNAMES="x")
os.execv(sys.argv[1], [sys.argv[1], *sys.argv[3:]])
PY
}

t_listen_fds() {
    activate 2 -n 2 -d mail >out 2>err &
    pid=$!
    while [ ! -e ports ]; do kill -0 "$pid"; done
    read -r one two <ports
    for port in $one $two; do send; done # there is a queue before it runs
    finish
    status_is 0
    taken 2
    err_has "fakesmtp: listening on 127\.0\.0\.1:$one, 127\.0\.0\.1:$two"
    # beside an endpoint of our own, which comes first
    rm ports
    activate 1 -l 127.0.0.1:0 -n 0 -t 100ms --port-file port.txt 2>err
    read -r port <ports
    err_has "fakesmtp: listening on 127\.0\.0\.1:[0-9]+, 127\.0\.0\.1:$port"
    # they are counted, too
    rm ports
    activate 2 --env A=%p2 sh -c 'echo "$A $SMTP_PORT_2"' >out 2>err
    read -r one two <ports
    [ "$(cat out)" = "$two $two" ]
}

t_listen_fds_and_a_command() {
    activate 1 -n 1 sh -c 'env >environment; ls -l /proc/self/fd >fds 2>/dev/null || true
        printf "Subject: t\r\n\r\nhello\r\n" | curl -sS "$SMTP_URL" --mail-from a@x.test --mail-rcpt b@x.test -T -' 2>err
    fails grep '^LISTEN_' environment
    read -r port <ports
    grep -qx "SMTP_PORT=$port" environment
    fails grep socket: fds
}

t_listen_fds_of_another() {
    export LISTEN_FDS=1 LISTEN_PID=1
    run -p 0 -n 0 -t 0
    status_is 0
    unset LISTEN_PID
    run -p 0 -n 0 -t 0
    status_is 0
    for count in x 99999 -1 ''; do
        status=0
        LISTEN_FDS=$count sh -c 'LISTEN_PID=$$ exec "$FAKESMTP" -p 0 -n 0 -t 0' >out 2>err || status=$?
        status_is 3 'fakesmtp: cannot use LISTEN_FDS: .*'
    done
    # more than there are
    status=0
    LISTEN_FDS=2 sh -c 'LISTEN_PID=$$ exec "$FAKESMTP" -p 0 -n 0 -t 0 3<&- 4<&-' >out 2>err || status=$?
    status_is 3 'fakesmtp: cannot listen on fd:3: .*'
}

t_notify_socket() {
    python3 - "$FAKESMTP" <<'PY'
import atexit, os, socket, subprocess, sys
for name in ["notify"] + (["@fakesmtp-test-%d" % os.getpid()] if sys.platform == "linux" else []):
    manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    manager.bind("\0" + name[1:] if name[0] == "@" else name)
    manager.settimeout(60)
    p = subprocess.Popen([sys.argv[1], "-l", "unix:socket", "-k", "-q"], env=dict(os.environ, NOTIFY_SOCKET=os.path.abspath(name) if name[0] != "@" else name))
    atexit.register(p.kill)
    said = manager.recv(1000)
    client = socket.socket(socket.AF_UNIX)
    client.connect("socket") # at once
    assert said.strip() == b"READY=1", said
    client.settimeout(60)
    assert client.recv(100).startswith(b"220 ")
    client.close()
    p.terminate()
    assert p.wait(60) == 0
    manager.setblocking(False)
    try:
        sys.exit("and then: %r" % manager.recv(1000))
    except BlockingIOError:
        pass
    # a command is not told
    p = subprocess.run([sys.argv[1], "sh", "-c", "[ -z \"${NOTIFY_SOCKET+x}\" ]"], timeout=60,
        env=dict(os.environ, NOTIFY_SOCKET=os.path.abspath(name) if name[0] != "@" else name))
    assert p.returncode == 0, p
    assert manager.recv(1000).strip() == b"READY=1"
PY
        # one that cannot be told is no reason to stop
    NOTIFY_SOCKET=$PWD/none run -p 0 -n 0 -t 0
    status_is 0 'fakesmtp: cannot notify NOTIFY_SOCKET: No such file or directory'
    NOTIFY_SOCKET=$(printf '/%0120d' 7) run -p 0 -n 0 -t 0
    status_is 0 'fakesmtp: cannot notify NOTIFY_SOCKET: .*'
    for other in '' vsock:2:1; do
        NOTIFY_SOCKET=$other run -p 0 -n 0 -t 0
        status_is 0
        err_lines 0
    done
}

# ---- several at once ----

t_several_endpoints() {
    start_on 127.0.0.1:0 -l unix:socket -l lmtp://unix:lmtp -l lmtp://127.0.0.1:0 -n 4 -d mail
    until grep -q listening err; do :; done
    others=$(sed -n 's/^fakesmtp: listening on //p' err)
    echo "$others" | grep -Eqx "127\.0\.0\.1:$port, unix:socket, unix:lmtp, 127\.0\.0\.1:[0-9]+"
    send
    curl_unix socket
    status_is 0
    swaks --protocol LMTP --socket lmtp --from a@x.test --to b@x.test >swaks.out || { cat swaks.out; return 1; }
    swaks --protocol LMTP --server "127.0.0.1:${others##*:}" --from a@x.test --to b@x.test >swaks.out || { cat swaks.out; return 1; }
    finish
    status_is 0
    taken 4
    [ ! -e socket ]
    [ ! -e lmtp ]
    # where one cannot be had, none is left
    start_on unix:socket -k
    until grep -q listening err; do :; done # the next run has that file, too
    run -l unix:other -l 127.0.0.1:0 -l unix:socket -n 0 -t 0
    status_is 3 'fakesmtp: cannot listen on unix:socket: Address (already )?in use'
    [ ! -e other ]
    [ -S socket ]
    stop
}

# ---- the background ----

# background OPTION ...: a run with -b; its output is in $said, and err is complete when it has ended
background() {
    rm -f said.err && mkfifo said.err
    timeout 300 cat <said.err >err &
    reader=$!
    said=$("$FAKESMTP" -b "$@" 2>said.err)
}

# It has ended, within a while: then nobody has standard error open any more.
gone() {
    wait "$reader" || { echo 'it is still there'; return 1; }
    pid=
}

t_background() {
    mkdir tmp
    export TMPDIR="$PWD/tmp"
    background -n 2
    echo "$said" >said
    eval "$said"
    pid=$FAKESMTP_PID port=$SMTP_PORT
    [ "$SMTP_HOST" = 127.0.0.1 ]
    [ "$SMTP_URL" = "smtp://127.0.0.1:$SMTP_PORT" ]
    [ -d "$FAKESMTP_DIR" ]
    [ -z "${SMTP_CA_FILE+x}" ]
    sh -c '[ -n "$SMTP_HOST$SMTP_PORT$SMTP_URL" ] && [ -d "$FAKESMTP_DIR" ] && kill -0 "$FAKESMTP_PID"' # they are exported
    [ "$(wc -l <said)" -eq 1 ]
    fails grep _2 said
    send
    grep -q hello "$FAKESMTP_DIR/0001.eml"
    send
    gone
    err_has "fakesmtp: listening on 127\.0\.0\.1:$SMTP_PORT"
    [ -z "$(find tmp -mindepth 1)" ]
}

t_background_with_further_endpoints() {
    export SMTP_HOST_3=x SMTP_URL_3=x
    background -k -l :0 -l lmtp://:0 -d mail
    eval "$said"
    pid=$FAKESMTP_PID
    [ "$SMTP_URL_2" = "lmtp://$SMTP_HOST_2:$SMTP_PORT_2" ]
    [ "$SMTP_PORT_2" != "$SMTP_PORT" ]
    [ -z "${SMTP_HOST_3+x}${SMTP_URL_3+x}" ]
    env | grep -qx "SMTP_PORT_2=$SMTP_PORT_2"
    kill "$pid"
    gone
}

t_background_dotenv() {
    export SMTP_HOST_3=x SMTP_CA_FILE=
    background -k --dotenv -l :0 -l "unix:it's" -d 'a $b "c"'
    echo "$said" | sed 's/=[0-9][0-9]*$/=N/; s/:[0-9][0-9]*$/:N/' >got
    cat >want <<END
SMTP_HOST=127.0.0.1
SMTP_PORT=N
SMTP_URL=smtp://127.0.0.1:N
SMTP_HOST_2=$PWD/it's
SMTP_PORT_2=
SMTP_URL_2=unix:$PWD/it's
SMTP_HOST_3=
FAKESMTP_DIR=$PWD/a \$b "c"
SMTP_CA_FILE=
FAKESMTP_PID=N
END
    same got want
    kill "${said##*=}"
    gone
    unset SMTP_HOST_3 SMTP_CA_FILE
    for end in n r; do # nothing that would be taken for a line
        run -b --dotenv -d "a$(printf "\\$end.")b"
        status_is 3 'fakesmtp: cannot print FAKESMTP_DIR: it has a line end, which an env file cannot hold'
        [ ! -s out ]
    done
    for wrong in '-d /dev/null/x' '--no-such-option' '-v -q'; do
        # shellcheck disable=SC2086
        run -b $wrong --dotenv
        fails [ "$status" -eq 0 ]
        [ ! -s out ]
    done
    background -k --dotenv
    [ "$(echo "$said" | cut -d= -f1 | tr '\n' ' ')" = 'SMTP_HOST SMTP_PORT SMTP_URL FAKESMTP_DIR FAKESMTP_PID ' ]
    kill "${said##*=}"
    gone
}

# The shell gets the path, and its PATH stays.
t_background_with_sendmail() {
    mkdir tmp
    export TMPDIR=tmp
    background -q -k --sendmail
    before=$PATH
    eval "$said"
    pid=$FAKESMTP_PID
    [ "$PATH" = "$before" ]
    [ "$(realpath "$FAKESMTP_SENDMAIL")" = "$(realpath "$FAKESMTP")" ]
    (cd / && [ -L "$FAKESMTP_SENDMAIL" ])
    env | grep -qx "FAKESMTP_SENDMAIL=$PWD/tmp/fakesmtp-....../sendmail"
    kill "$pid"
    gone
    [ -z "$(ls -A tmp)" ]
    # a run without the option takes it away
    background -q -k
    eval "$said"
    [ -z "${FAKESMTP_SENDMAIL+x}" ]
    kill "$FAKESMTP_PID"
    gone
    TMPDIR=a:b # only PATH cannot hold it
    mkdir a:b
    background -q -k --sendmail --dotenv
    path=$(echo "$said" | sed -n 's/^FAKESMTP_SENDMAIL=//p')
    [ "$(realpath "$path")" = "$(realpath "$FAKESMTP")" ]
    fails grep ^PATH= <<END
$said
END
    kill "${said##*=}"
    gone
    [ -z "$(ls -A a:b)" ]
    TMPDIR=none
    run -b -d mail --sendmail
    status_is 3 'fakesmtp: cannot make a directory in none: No such file or directory'
}

t_background_returns_at_once() {
    # nothing of it keeps our output open, nor waits for our input
    python3 - "$FAKESMTP" <<'PY'
import os, re, signal, subprocess, sys
r, w = os.pipe()
p = subprocess.run([sys.argv[1], "-b", "-k", "-q"], stdin=r, stdout=subprocess.PIPE, timeout=60)
assert p.returncode == 0
pid = int(re.search(rb"FAKESMTP_PID=([0-9]+);", p.stdout).group(1))
assert os.getsid(pid) == pid # no terminal reaches it
os.kill(pid, signal.SIGTERM)
PY
}

# Somebody may wait for the end of what a descriptor of the caller leads to, as bats does.
t_background_keeps_no_descriptor_of_the_caller() {
    python3 - "$FAKESMTP" <<'PY'
import os, re, signal, smtplib, socket, subprocess, sys
for listening in False, True:
    r, w = os.pipe()
    l = socket.create_server(("127.0.0.1", 0))
    options = ["-l", "fd:%d" % l.fileno()] if listening else []
    p = subprocess.run([sys.argv[1], "-b", "-k", "-q", "-d", "mail", *options], stdout=subprocess.PIPE, timeout=60, pass_fds=(w, l.fileno()))
    assert p.returncode == 0
    os.close(w)
    assert os.read(r, 1) == b"" # its end, while the program runs
    port = l.getsockname()[1] if listening else int(re.search(rb"SMTP_PORT=([0-9]+);", p.stdout).group(1))
    with smtplib.SMTP("127.0.0.1", port, timeout=60) as s:
        s.sendmail("a@x.test", "b@x.test", "Subject: x\n\nhi\n")
    os.kill(int(re.search(rb"FAKESMTP_PID=([0-9]+);", p.stdout).group(1)), signal.SIGTERM)
PY
    taken 2
}

t_background_with_places() {
    mkdir "it's a \$place"
    background -q -k -d "it's a \$place/mail" -l "unix:it's a \$place/socket"
    eval "$said"
    pid=$FAKESMTP_PID
    [ "$FAKESMTP_DIR" = "$PWD/it's a \$place/mail" ]
    [ "$SMTP_HOST" = "$PWD/it's a \$place/socket" ]
    [ -z "$SMTP_PORT" ]
    [ "$SMTP_URL" = "unix:$PWD/it's a \$place/socket" ]
    (cd / && printf 'Subject: t\r\n\r\nhello\r\n' |
        curl -sS --unix-socket "$SMTP_HOST" smtp://localhost --mail-from a@x.test --mail-rcpt b@x.test -T -)
    [ -s "it's a \$place/mail/0001.eml" ]
    kill "$pid"
    gone
    [ ! -e "it's a \$place/socket" ]
    [ -s "it's a \$place/mail/0001.eml" ]
    background -q -k --maildir md -l lmtp://127.0.0.1:0 --port-file port.txt
    eval "$said"
    pid=$FAKESMTP_PID
    [ "$FAKESMTP_DIR" = "$PWD/md" ]
    [ "$SMTP_URL" = "lmtp://127.0.0.1:$(cat port.txt)" ]
    kill "$pid"
    gone
    [ ! -e port.txt ] # it is the one in the background that removes it
}

t_background_has_its_file_alone() {
    background -q -k -o stream
    eval "$said"
    pid=$FAKESMTP_PID port=$SMTP_PORT
    send
    run -p 0 -n 1 -t 1 -o stream
    status_is 3 'fakesmtp: cannot write to stream: another process is writing to it'
    grep -q hello stream
    kill "$pid"
    gone
}

# However two runs race for a file, one of them has it, and the other says so.
t_background_runs_that_race_for_a_file() {
    python3 - "$FAKESMTP" <<'PY'
import os, re, signal, subprocess, sys
for _ in range(4):
    both = [subprocess.Popen([sys.argv[1], "-b", "-q", "-k", "-j", "-o", "stream"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            for _ in range(2)]
    first = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT)
    winner, loser = sorted(both, key=lambda p: p.pid != first.si_pid)
    assert loser.wait(60) == 3
    assert loser.communicate() == (b"(exit 3)\n", b"fakesmtp: cannot write to stream: another process is writing to it\n")
    os.kill(int(re.search(rb"FAKESMTP_PID=([0-9]+);", winner.stdout.read()).group(1)), signal.SIGTERM)
    assert winner.stderr.read() == b"" and winner.wait() == 0
PY
}

t_background_is_asked_to_end_before_it_is_ready() {
    mkfifo nobody said.err
    timeout 60 cat <said.err >err &
    reader=$!
    "$FAKESMTP" -b -q -o nobody >said 2>said.err &
    pid=$!
    until [ -n "$(cat "/proc/$pid/task/$pid/children")" ]; do :; done
    kill "$pid"
    finish
    status_is 143
    gone
    err_has 'fakesmtp: cannot write to nobody: it has no reader'
}

t_background_that_cannot_listen() {
    mkdir tmp
    start -k
    status=0
    TMPDIR=$PWD/tmp "$FAKESMTP" -b -p "$port" >said 2>said.err || status=$?
        [ "$status" -eq 3 ]
    [ "$(cat said)" = '(exit 3)' ] # so that eval fails
    grep -Eq "^fakesmtp: cannot listen on 127\.0\.0\.1:$port: Address (already )?in use" said.err
    [ -z "$(find tmp -mindepth 1)" ]
    stop
}

t_background_that_cannot_say_so() {
    mkdir tmp
    status=0
    TMPDIR=$PWD/tmp "$FAKESMTP" -b -l unix:socket -k -q >/dev/full 2>err || status=$?
    status_is 4 'fakesmtp: cannot write to standard output: No space left on device'
    end=$(($(date +%s) + 60))
    while [ -e socket ]; do [ "$(date +%s)" -lt "$end" ]; done # then nothing is left running
    [ -z "$(find tmp -mindepth 1)" ]
}

t_background_ends_at_its_limit() {
    background -t 200ms -n 1
    gone
    err_has 'fakesmtp: expected 1 message, got none before the 200 ms limit'
}

t_background_usage() {
    run -b true
    status_is 2 'fakesmtp: -b and a command exclude each other: .*'
    run -b -f eml
    status_is 2 'fakesmtp: -b prints assignments on standard output: send the stream elsewhere with -o'
        run -b -o -
    status_is 2
    [ "$(cat out)" = '(exit 2)' ]
    [ "$(find . -name '*.eml' | wc -l)" -eq 0 ]
}

# With -o, and -f, there is a stream all the same.
t_background_with_a_stream() {
    background -q -n 1 -o stream
    eval "$said"
    port=$SMTP_PORT
    send
    gone
    grep -q hello stream
}

# ---- extensions ----

# X4: what EHLO lists is there
t_what_is_listed_is_there() {
    start -k
    python3 - "$port" <<'PY'
import smtplib, sys
tries = {
    "PIPELINING": (["NOOP"], None), "8BITMIME": (["MAIL FROM:<a@x.test> BODY=8BITMIME"], "RSET"),
    "SMTPUTF8": (["MAIL FROM:<a@x.test> SMTPUTF8"], "RSET"), "ENHANCEDSTATUSCODES": (["NOOP"], None),
    "CHUNKING": (["MAIL FROM:<a@x.test>", "RCPT TO:<b@x.test>", "BDAT 0 LAST"], None),
    "BINARYMIME": (["MAIL FROM:<a@x.test> BODY=BINARYMIME"], "RSET"),
    "DSN": (["MAIL FROM:<a@x.test> RET=HDRS ENVID=x", "RCPT TO:<b@x.test> NOTIFY=NEVER ORCPT=rfc822;b@x.test"], "RSET"),
    "SIZE": (["MAIL FROM:<a@x.test> SIZE=1"], "RSET"), "HELP": (["HELP"], None), "LIMITS": (["NOOP"], None),
    "AUTH": (["AUTH PLAIN AHUAcA=="], None),
}
with smtplib.SMTP("127.0.0.1", int(sys.argv[1]), timeout=60) as s:
    s.ehlo()
    listed = [line.split()[0].decode() for line in s.ehlo_resp.split(b"\n")[1:]]
    assert sorted(listed) == sorted(tries), listed
    for keyword in listed:
        commands, after = tries[keyword]
        for command in commands:
            code, text = s.docmd(command)
            assert code // 100 == 2, (keyword, command, code, text)
        if after:
            s.docmd(after)
    for mechanism in "PLAIN", "LOGIN", "CRAM-MD5", "XOAUTH2":
        with smtplib.SMTP("127.0.0.1", int(sys.argv[1]), timeout=60) as t:
            t.ehlo()
            assert mechanism in t.esmtp_features["auth"].split()
            assert t.docmd("AUTH " + mechanism)[0] == 334
            assert t.docmd("*")[0] == 501
PY
    stop
}

# Each taken away: it is not listed, and what belongs to it is refused.
t_hidden() {
    hide() { # EXTENSION WORD ...: what talk says after EHLO
        extension=$1
        shift
        start -k --hide "$extension"
        talk '<220' '>EHLO t' '<250' "$@" '>QUIT' '<221' '<EOF' >talk.out || { echo "--hide $extension"; cat talk.out; return 1; }
        fails grep -Ei "^250[ -]$extension( |\$)" talk.out
        stop
    }
    for extension in PIPELINING ENHANCEDSTATUSCODES LIMITS STARTTLS; do hide "$extension" '>NOOP' '<250'; done
    hide SIZE '>MAIL FROM:<a@x.test> SIZE=1' '<555'
    hide 8BITMIME '>MAIL FROM:<a@x.test> BODY=8BITMIME' '<5' # BINARYMIME has it too
    hide 8BITMIME,BINARYMIME '>MAIL FROM:<a@x.test> BODY=8BITMIME' '<555'
    hide BINARYMIME '>MAIL FROM:<a@x.test> BODY=BINARYMIME' '<5'
    hide SMTPUTF8 '>MAIL FROM:<a@x.test> SMTPUTF8' '<555'
    hide DSN '>MAIL FROM:<a@x.test> RET=HDRS' '<555' '>MAIL FROM:<a@x.test> ENVID=x' '<555' '>MAIL FROM:<a@x.test>' '<250' \
        '>RCPT TO:<b@x.test> NOTIFY=NEVER' '<555' '>RCPT TO:<b@x.test> ORCPT=rfc822;x' '<555'
    hide AUTH '>AUTH PLAIN AHUAcA==' '<50' '>MAIL FROM:<a@x.test> AUTH=<>' '<555'
    hide HELP '>HELP' '<50'
    hide CHUNKING '>MAIL FROM:<a@x.test>' '<250' '>RCPT TO:<b@x.test>' '<250' '>BDAT 0 LAST' '<50'
    # several, in any case, with no codes in any reply
    start -k --hide 'enhancedstatuscodes,Size,chunking' --hide HELP
    talk '<220' '>EHLO t' '<250' '>NOOP' '<250' '>FROB' '<500' '>MAIL FROM:<a@x.test> SIZE=1' '<555' '>RCPT TO:<b@x.test>' '<503' \
        '>BDAT 0 LAST' '<50' '>HELP' '<50' '>QUIT' '<221' '<EOF' >talk.out
    stop
    fails grep -E '^[0-9]{3} [245]\.[0-9]+\.[0-9]+ ' talk.out
    fails grep -Ei '^250[ -](ENHANCEDSTATUSCODES|SIZE|CHUNKING|HELP)' talk.out
    grep -qx '250[ -]PIPELINING' talk.out
    # a client that looks goes without
    start -k --hide SIZE,8BITMIME,SMTPUTF8 -v -d mail
    deliver
    status_is 0
    stop
    grep -qx '1 C: MAIL FROM:<a@x.test>' err
}

t_hidden_over_lmtp() {
    start_on lmtp://127.0.0.1:0 -k --hide DSN,CHUNKING
    talk '<220' '>LHLO t' '<250' '>MAIL FROM:<a@x.test> RET=HDRS' '<555' '>BDAT 0 LAST' '<50' '>QUIT' '<221' '<EOF' >talk.out
    fails grep -E 'DSN|CHUNKING' talk.out
    stop
}

t_hidden_usage() {
    run --hide FROB
    status_is 2 "fakesmtp: --hide: 'FROB' is not an extension or mechanism: give one or more of .*PIPELINING, .*CHUNKING, .*SIZE, .*LOGIN, .* separated by commas"
    run --hide SIZE,
    status_is 2
    run --hide ''
    status_is 2
    run --hide 'SIZE, DSN'
    status_is 2
}

t_endpoint_usage() {
    for bad in ftp://127.0.0.1:1 http://x:1 'smtp://' smtps:// lmtp:// unix 127.0.0.1 '::1:25' '[::1]' 'x:99999' 'smtps://lmtp://x:1'; do
        run -l "$bad"
        status_is 2 "fakesmtp: -l: '.*' is not an endpoint: .*"
    done
}

# ---- an attacker, over each way in (TLS: see tls.sh) ----

t_attack_tcp() { python3 "$HERE/attack.py" "$FAKESMTP" tcp; }
t_attack_unix() { python3 "$HERE/attack.py" "$FAKESMTP" unix; }
t_attack_stdio() { python3 "$HERE/attack.py" "$FAKESMTP" stdio; }
t_attack_fd() { python3 "$HERE/attack.py" "$FAKESMTP" fd; }

# ---- earlier bugs ----

# A session that is over before anything was waited for ends the run.
t_stdio_is_over_at_once() {
    printf 'EHLO t\r\nQUIT\r\n' >in
    status=0
    timeout 60 "$FAKESMTP" -q -l - <in >/dev/full 2>err || status=$?
    [ "$status" -eq 1 ]
    status=0
    timeout 60 "$FAKESMTP" -q -l - <in >&- 2>err || status=$?
    [ "$status" -eq 1 ]
    status=0
    timeout 60 "$FAKESMTP" -q -l - </dev/null >replies 2>err || status=$?
    [ "$status" -eq 1 ]
    python3 - "$FAKESMTP" <<'PY'
import socket, subprocess, sys
ours, theirs = socket.socketpair()
ours.close() # the client has left already
p = subprocess.run([sys.argv[1], "-l", "-"], stdin=theirs, stdout=theirs, stderr=theirs, timeout=60)
assert p.returncode == 1, p
PY
}

# Its output is closed before the sessions of others are.
t_stdio_ends_after_a_slow_reader() {
    python3 - "$FAKESMTP" <<'PY'
import os, subprocess, sys, threading, time
r, w = os.pipe()
keep = os.dup(w)
p = subprocess.Popen([sys.argv[1], "-q", "-l", "-", "-l", ":0", "-k"], stdin=subprocess.PIPE, stdout=w)
os.close(w)
def feed():
    p.stdin.write(b"NOOP\r\n" * 30000 + b"QUIT\r\n")
    p.stdin.close()
thread = threading.Thread(target=feed)
thread.start()
last = b""
while not last.endswith(b"221 2.0.0 Bye\r\n"):
    last = (last + os.read(r, 65536))[-100:]
thread.join()
def ticks():
    return sum(map(int, open("/proc/%d/stat" % p.pid).read().rsplit(")", 1)[1].split()[11:13]))
before = ticks()
time.sleep(0.5)
assert ticks() - before < 20, "it spins"
p.terminate()
assert p.wait(60) == 0
PY
}

# A terminal is shared: other processes that read from it or write to it must not be disturbed.
t_stdio_leaves_flags_alone() {
    python3 - "$FAKESMTP" <<'PY'
import fcntl, os, pty, subprocess, sys
master, slave = pty.openpty()
p = subprocess.Popen([sys.argv[1], "-q", "-l", "-"], stdin=slave, stdout=slave, stderr=subprocess.DEVNULL)
said = b""
while b"220 " not in said:
    said += os.read(master, 1000)
assert not fcntl.fcntl(slave, fcntl.F_GETFL) & os.O_NONBLOCK
os.write(master, b"QUIT\n")
while b"221 " not in said:
    said += os.read(master, 1000)
assert p.wait(60) == 1
assert not fcntl.fcntl(slave, fcntl.F_GETFL) & os.O_NONBLOCK
PY
}

# Of several that start at once on a socket that nobody listens on any more one listens, and the others say so.
t_unix_one_wins() {
    python3 - "$FAKESMTP" <<'PY'
import os, socket, subprocess, sys
for _ in range(10):
    stale = socket.socket(socket.AF_UNIX)
    stale.bind("socket")
    stale.close()
    many = [subprocess.Popen([sys.argv[1], "-l", "unix:socket", "-k"], stderr=subprocess.PIPE) for _ in range(6)]
    lines = [p.stderr.readline() for p in many]
    winners = [p for p, line in zip(many, lines) if b"listening" in line]
    assert len(winners) == 1, lines
    with socket.socket(socket.AF_UNIX) as s:
        s.connect("socket")
        assert s.recv(100).startswith(b"220 ")
    winners[0].terminate()
    for p in many:
        assert p.wait(60) == (0 if p in winners else 3)
    assert not os.path.exists("socket")
PY
}

# A live one that has no room for us at the moment is live.
t_unix_queue_is_full() {
    python3 - "$FAKESMTP" <<'PY'
import socket, subprocess, sys
live = socket.socket(socket.AF_UNIX)
live.bind("socket")
live.listen(0)
waiting = socket.socket(socket.AF_UNIX)
waiting.connect("socket")
p = subprocess.run([sys.argv[1], "-l", "unix:socket"], stderr=subprocess.PIPE, timeout=60)
assert p.returncode == 3 and b"in use" in p.stderr, p
PY
}

t_unix_goes_at_a_second_signal() {
    rm -f fifo && mkfifo fifo
    "$FAKESMTP" -q -l unix:socket sh -c 'trap "echo >fifo" TERM; echo >fifo; while :; do sleep 0.1; done' 2>err </dev/null &
    pid=$!
    cat fifo # to its end: it is closed before it is opened again
    kill "$pid"
    cat fifo # it was read, and passed on
    sleep 0.3 # sooner the next would be one with it
    kill "$pid"
    finish
    [ "$status" -eq 143 ]
    [ ! -e socket ]
}

t_unix_reasons() {
    run -l unix:none/socket
    status_is 3 'fakesmtp: cannot listen on unix:none/socket: No such file or directory'
    mkdir "$(printf 'd%0120d' 1)"
    cd d*
    run -l unix:socket sh -c 'test -S "$SMTP_HOST"' # where the absolute path is too long
    status_is 0
}

# ---- a false clock ----

# As under faketime(1): it stands still, jumps, runs backward, or is before 1970.  Times of day are false, the run is not.
t_false_clock() {
    client='unset LD_PRELOAD
        printf "Subject: t\r\n\r\n" | curl -sS "$SMTP_URL" --mail-from a@x.test --mail-rcpt b@x.test -T -'
    "${CC-cc}" -shared -fPIC -o clock.so "$HERE/clock.c"
    wrapper=${FAKESMTP_WRAPPER-}
    for clock in 1577836800+0 1577836800+600 4000000000-600 -300000000+0 -300000000+1; do
        FAKESMTP_WRAPPER="timeout 60 env LD_PRELOAD=$PWD/clock.so FALSE_CLOCK=$clock $wrapper"
        run -p 0 -n 0 -t 1
        status_is 0
        err_lines 0
        rm -f stream
        run -j -o stream -n 1 -t 200 sh -c "$client"
        status_is 0
        jq -e '.time | test("^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}[.]123Z$")' stream
    done
    # an earlier run with this time and process number has left a file
    mkdir mail
    LD_PRELOAD=$PWD/clock.so FALSE_CLOCK=1577836800+0 sh -c ': >"mail/.fakesmtp-1577836800.M123456P$$Q1"; exec "$@"' \
        sh "$FAKESMTP" -q -d mail -n 1 sh -c "$client"
    taken 1
}
