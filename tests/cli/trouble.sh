# SPDX-License-Identifier: ISC
# shellcheck shell=sh disable=SC2154,SC2016 # the names come from lib; the commands are for another shell
# Readers that do not read, signals at odd times, and other processes in the way: no run hangs.

# python SCRIPT: with the program and some helpers at hand
python() {
    {
        cat <<'PY'
import os, pty, signal, socket, subprocess, sys, time
program = os.environ["FAKESMTP"]
def start(*options, **more):
    if os.path.exists("port"):
        os.unlink("port")
    os.mkfifo("port")
    p = subprocess.Popen([program, "-p", "0", "--port-file", "port", *options], **more)
    global port
    port = int(open("port").read())
    return p
def client():
    s = socket.create_connection(("127.0.0.1", port), timeout=60)
    return s, s.makefile("rb")
def say(s, f, text, code):
    s.sendall(text)
    while True:
        line = f.readline()
        assert line.startswith(code), (text[:40], line)
        if line[3:4] == b" ":
            return
def open_data():
    s, f = client()
    say(s, f, b"", b"220")
    for text, code in (b"EHLO t", b"250"), (b"MAIL FROM:<>", b"250"), (b"RCPT TO:<b@x.test>", b"250"), (b"DATA", b"354"):
        say(s, f, text + b"\r\n", code)
    return s, f
def flood(s, f):
    say(s, f, b"", b"220")
    s.sendall(b"NOOP\r\n" * 5000)
    for _ in range(5000):
        assert f.readline().startswith(b"250")
    s.close()
def others(until): # one after the other, a hundred or more; how many there were
    n = 0
    while n < 100 or time.monotonic() < until:
        s, f = client()
        say(s, f, b"", b"220")
        s.close()
        n += 1
    return n
def ends(p, status):
    got = p.wait(60) # a hard stop
    assert got == status, (got, status)
def command(script): # one that goes on when told()
    os.mkfifo("go")
    return ["sh", "-c", "read x <go; " + script]
def told():
    open("go", "w").close()
big = b"a line that is repeated\r\n" * 10000
PY
        cat
    } >script.py
    python3 script.py
}

t_stalled_reader_and_a_signal() {
    python <<'PY'
r, w = os.pipe()
p = start("-q", stdout=w)
s, f = open_data()
s.sendall(big)
p.send_signal(signal.SIGTERM)
say(s, f, b".\r\n", b"451")
ends(p, 4)
PY
}

t_stalled_reader_and_the_limit_of_a_command() {
    python <<'PY'
r, w = os.pipe()
p = start("-q", "-t", "5", "-f", "eml", "sh", "-c", 'trap "" TERM; while :; do sleep 100; done', stdout=w)
s, f = open_data()
s.sendall(big + b".\r\n")
ends(p, 124)
PY
}

t_stalled_reader_after_the_command() {
    python <<'PY'
r, w = os.pipe()
p = start("-q", "-t", "6", "-f", "eml", "--linger", "1", *command("exit 0"), stdout=w)
s, f = open_data()
s.sendall(big + b".\r\n")
told()
_, status, usage = os.wait4(p.pid, 0)
assert os.WEXITSTATUS(status) == 4, status
assert usage.ru_utime + usage.ru_stime < 0.5, usage
PY
}

t_stalled_terminal() {
    python <<'PY'
master, slave = pty.openpty()
p = start("-q", "-t", "5", stdout=slave)
s, f = open_data()
say(s, f, big + b".\r\n", b"451")
ends(p, 4)
PY
}

t_slow_reader_at_a_signal_gets_all() {
    python <<'PY'
import threading
r, w = os.pipe()
p = start("-q", stdout=w)
os.close(w)
got = []
def read():
    while True:
        block = os.read(r, 4096)
        if not block:
            return
        got.append(block)
s, f = open_data()
t = threading.Thread(target=read)
s.sendall(big)
s.sendall(b".\r\n")
p.send_signal(signal.SIGTERM) # before the dot is read, or while the reader is being waited for
t.start()
say(s, f, b"", b"250")
ends(p, 0)
t.join()
assert b"".join(got) == big.replace(b"\r\n", b"\n")
PY
}

t_stopped_past_the_limit() {
    python <<'PY'
r, w = os.pipe()
p = start("-q", "-t", "5", stdout=w)
s, f = open_data()
s.sendall(b"x\r\n")
p.send_signal(signal.SIGSTOP)
s.sendall(b".\r\n")
time.sleep(5.2)
p.send_signal(signal.SIGCONT)
say(s, f, b"", b"250")
ends(p, 0)
PY
}

# A reader of the dialogue that takes nothing delays nobody: neither who makes the dialogue, nor others, nor the end.
t_stalled_standard_error() {
    python <<'PY'
for end in "signal", "limit":
    for r, w in os.pipe(), pty.openpty(), [s.detach() for s in socket.socketpair()]:
        p = start("-v", "-t", "120" if end == "signal" else "4", "-n", "0-", "-f", "none", stderr=w)
        flood(*client())
        others(time.monotonic())
        if end == "signal":
            p.terminate()
        ends(p, 0)
PY
}

t_stalled_transcript() {
    python <<'PY'
import re
os.mkfifo("transcript")
r = os.open("transcript", os.O_RDONLY | os.O_NONBLOCK)
p = start("-q", "-t", "5", "-n", "0-", "-f", "none", "--transcript", "transcript", stderr=subprocess.PIPE)
flood(*client())
said = 10001 + others(time.monotonic())
ends(p, 0)
lost, = re.fullmatch(rb"fakesmtp: (\d+) lines of the dialogue were not taken\n", p.stderr.read()).groups()
text = b"".join(iter(lambda: os.read(r, 65536), b""))
assert int(lost) + text.count(b"\n") == said, (lost, text.count(b"\n"), said)
assert text.endswith(b"\n")
PY
}

# A reader that wakes up after a while gets whole lines, and hears how many it missed.
t_standard_error_that_stalls_for_a_while() {
    python <<'PY'
import fcntl, re
r, w = os.pipe()
p = start("-v", "-k", "-n", "1", "-f", "none", stderr=w)
assert not fcntl.fcntl(w, fcntl.F_GETFL) & os.O_NONBLOCK # it is not ours alone
os.close(w)
flood(*client())
said = 10002 + others(time.monotonic() + 3)
text = os.read(r, 65536)
said += others(time.monotonic())
p.terminate()
text += b"".join(iter(lambda: os.read(r, 65536), b""))
assert p.wait(60) == 1
lines = text.decode().splitlines()
assert all(re.fullmatch(r"\d+ [CS]: .+|fakesmtp: .+|\d+ !: pipelining-sync: .+", line) for line in lines)
lost, = [int(m[1]) for m in map(re.compile(r"fakesmtp: (\d+) lines of the dialogue were not taken").fullmatch, lines) if m]
assert lost > 1000 and len(lines) + lost >= said, (lost, len(lines), said)
assert "fakesmtp: expected 1 message, got none before SIGTERM" in lines
PY
}

t_slow_reader_of_the_dialogue_gets_all() {
    python <<'PY'
import threading
r, w = os.pipe()
p = start("-v", "-n", "0-", "-f", "none", stderr=w)
os.close(w)
text = []
def read():
    for block in iter(lambda: os.read(r, 65536), b""):
        text.append(block)
        time.sleep(0.05 if len(text) < 4 else 0)
t = threading.Thread(target=read)
t.start()
flood(*client())
p.terminate()
ends(p, 0)
t.join()
assert b"".join(text).count(b" C: NOOP\n") == 5000 and b"not taken" not in text[-1]
PY
}

t_many_children_of_nobody() {
    python <<'PY'
r, w = os.pipe()
p = start("-q", "-t", "5", stdout=w)
s, f = open_data()
s.sendall(big + b".\r\n")
until = time.monotonic() + 0.5
while time.monotonic() < until:
    p.send_signal(signal.SIGCHLD)
    time.sleep(0.001)
say(s, f, b"", b"451")
_, status, usage = os.wait4(p.pid, 0)
assert os.WEXITSTATUS(status) == 4, status
assert usage.ru_utime + usage.ru_stime < 1, usage
PY
}

t_blocked_signals() {
    python <<'PY'
def block():
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD, signal.SIGTERM])
ends(subprocess.Popen([program, "-q", "true"], preexec_fn=block), 0)
p = start("-q", "-k", preexec_fn=block)
p.send_signal(signal.SIGTERM)
ends(p, 0)
PY
}

t_nobody_is_silent_while_we_stood_still() {
    python <<'PY'
p = start("-q", "-k", "-f", "none", "--idle", "6s")
clients = [client() for _ in range(150)]
for s, f in clients:
    say(s, f, b"", b"220")
p.send_signal(signal.SIGSTOP)
for s, f in clients:
    s.sendall(b"NOOP\r\n")
time.sleep(6.3)
p.send_signal(signal.SIGCONT)
for s, f in clients:
    say(s, f, b"", b"250")
p.terminate()
ends(p, 0)
PY
}

t_two_end_at_once_and_one_is_wanted() {
    python <<'PY'
p = start("-q", "-n", "1", "-d", "mail")
both = [open_data() for _ in range(2)]
p.send_signal(signal.SIGSTOP)
for s, f in both:
    s.sendall(b"x\r\n.\r\n")
p.send_signal(signal.SIGCONT)
codes = sorted(f.readline()[:3] for s, f in both)
assert codes == [b"250", b"421"], codes
for s, f in both:
    s.close()
ends(p, 0)
assert os.listdir("mail") == ["0001.eml"]
PY
}

t_interrupt_while_lingering() {
    python <<'PY'
for count, status in ("1", b"got none"), ("0", b"interrupted"):
    mark = "mark" + count
    p = start("-n", count, "--linger", "600", "touch", mark, stderr=subprocess.PIPE,
              preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
    children = "/proc/%d/task/%d/children" % (p.pid, p.pid)
    while not os.path.exists(mark) or open(children).read() != "":
        assert p.poll() is None
    p.send_signal(signal.SIGINT)
    ends(p, -signal.SIGINT)
    err = p.stderr.read()
    assert status in err, err
PY
}

t_second_signal_says_so() {
    python <<'PY'
os.mkfifo("got")
p = start("-d", "mail", "sh", "-c", "trap 'echo >got' HUP; echo >got; while :; do sleep 0.1; done", stderr=subprocess.PIPE)
open("got").read()
p.send_signal(signal.SIGHUP)
open("got").read() # it was read, and passed on
time.sleep(0.3) # sooner the next would be one with it
p.send_signal(signal.SIGTERM)
ends(p, -signal.SIGTERM)
assert b"fakesmtp: ended at once by a second signal, SIG" in p.stderr.read()
PY
}

t_two_signals_at_once_are_one() {
    python <<'PY'
p = start("-q", "-k", "-d", "mail")
s, f = open_data()
s.sendall(b"x\r\n")
p.send_signal(signal.SIGSTOP) # so that both come together
p.send_signal(signal.SIGTERM)
p.send_signal(signal.SIGHUP)
p.send_signal(signal.SIGCONT)
say(s, f, b".\r\n", b"250")
ends(p, 0)
PY
}

t_who_waits_to_be_let_in_is_told() {
    python <<'PY'
p = start("-q", "-k", "-t", "3")
p.send_signal(signal.SIGSTOP)
clients = [client() for _ in range(200)]
time.sleep(3)
p.send_signal(signal.SIGCONT)
for s, f in clients:
    lines = f.read().split(b"\r\n")
    assert lines[0].startswith(b"220 ") and lines[1].startswith(b"421 ") and lines[2] == b"", lines
    s.close()
ends(p, 0)
PY
}

t_a_second_to_quit_after_a_slow_reader() {
    python <<'PY'
r, w = os.pipe()
p = start("-q", "-n", "1", stdout=w)
os.close(w)
s, f = open_data()
s.sendall(big + b".\r\n")
time.sleep(1.5)
import threading
t = threading.Thread(target=lambda: [None for _ in iter(lambda: os.read(r, 65536), b"")])
t.start()
say(s, f, b"", b"250")
time.sleep(0.2)
say(s, f, b"QUIT\r\n", b"221")
ends(p, 0)
t.join()
PY
}

t_the_command_had_ended_before_the_limit() {
    python <<'PY'
r, w = os.pipe()
p = start("-t", "5", "-f", "eml", *command("exit 0"), stdout=w, stderr=subprocess.PIPE)
s, f = open_data()
s.sendall(big + b".\r\n")
told()
ends(p, 4)
assert b"its reader reads nothing" in p.stderr.read()
PY
}

t_the_reason_outlives_a_slow_reader() {
    python <<'PY'
r, w = os.pipe()
p = start("-v", "-t", "4", "-n", "5", "-f", "none", stderr=w)
os.close(w)
s, f = client()
s.sendall(b"NOOP\r\n" * 5000)
time.sleep(4.5)
text = b"".join(iter(lambda: os.read(r, 65536), b""))
assert b"\nfakesmtp: expected 5 messages, got none before the 4 s limit\n" in text, text[-300:]
ends(p, 1)
PY
}

t_stopped_command_is_woken() {
    python <<'PY'
p = start("-q", "sh", "-c", "kill -STOP $$; exit 0", stderr=subprocess.DEVNULL)
children = []
while not children:
    assert p.poll() is None
    children = open("/proc/%d/task/%d/children" % (p.pid, p.pid)).read().split()
child = int(children[0])
while open("/proc/%d/stat" % child).read().rsplit(")", 1)[1].split()[0] != "T":
    assert p.poll() is None
p.send_signal(signal.SIGTERM)
ends(p, 143)
PY
}

t_others_write_to_the_same_file() {
        # the message fails in the middle of the stream; what others wrote behind it stays
    python <<'PY'
log = os.open("log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
p = subprocess.Popen(["strace", "-f", "-q", "-o", "/dev/null", "-P", os.path.abspath("log"),
                      "-e", "inject=write:error=ENOSPC:delay_enter=500000:when=2+", program, "-q", "-p", "0", "--port-file", "port.txt", "-d", "mail", "-f", "eml"], stdout=log,
                     env=dict(os.environ, ASAN_OPTIONS="detect_leaks=0", GCOV_PREFIX=os.getcwd()))
while not os.path.exists("port.txt"):
    assert p.poll() is None
port = int(open("port.txt").read())
s, f = open_data()
s.sendall(b"the message\r\n" * 10000 + b".\r\n")
while os.path.getsize("log") == 0:
    assert p.poll() is None
os.write(log, b"somebody else\n")
f.readline()
p.wait(60)
assert b"somebody else\n" in open("log", "rb").read()
PY
}

t_output_fifo_without_a_reader() {
    mkfifo nobody
    run -p 0 -t 300ms -o nobody
    status_is 3 'fakesmtp: cannot write to nobody: it has no reader'
}

t_port_fifo_that_cannot_be_written() {
    mkfifo -m 444 locked
    [ "$(id -u)" -eq 0 ] || { run -n 0 -t 300ms -p 0 --port-file locked; status_is 3; return; }
    chmod 755 .
    cp "$FAKESMTP" ./copy
    status=0
    setpriv --reuid=65534 --clear-groups ./copy -n 0 -t 300ms -p 0 --port-file locked >out 2>err || status=$?
    status_is 3 'fakesmtp: cannot write locked: Permission denied'
}

t_port_file_of_another_run_stays() {
    "$FAKESMTP" -k -q -f none -p 0 --port-file shared 2>err &
    first=$!
    until [ -f shared ]; do kill -0 "$first"; done
    before=$(cat shared)
    "$FAKESMTP" -k -q -f none -p 0 --port-file shared 2>err &
    pid=$!
    until [ "$(cat shared)" != "$before" ]; do kill -0 "$pid"; done
    kill "$first"
    wait "$first"
    [ -f shared ]
    kill "$pid"
    finish
    [ ! -e shared ]
}

t_reader_gone_after_another_failure() {
    python <<'PY'
r, w = os.pipe()
p = start("-q", "-k", "-d", "mail", "-f", "eml", stdout=w, stderr=subprocess.PIPE,
          preexec_fn=lambda: __import__("resource").setrlimit(__import__("resource").RLIMIT_FSIZE, (100000, 100000)))
os.close(w)
s, f = open_data()
say(s, f, big + b".\r\n", b"452")
os.close(r)
s, f = open_data()
say(s, f, b"x\r\n.\r\n", b"451")
ends(p, 4)
err = p.stderr.read()
assert err == b"fakesmtp: 2 messages could not be written, the first one to mail: File too large\n", err
PY
}

# ---- one client and the others ----

# The turn of a client that sends a thousand mails at once is short; it has all of them taken in the end.
t_flood_of_mails() {
    start -k -v -d mail -j -o stream
    python3 - "$port" "$pid" <<'PY'
import os, signal, socket, sys
MAILS = 1000
def connect():
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 18) # for all replies, so that nothing else ends the turn
    s.settimeout(100)
    s.connect(("127.0.0.1", int(sys.argv[1])))
    assert s.recv(1000).startswith(b"220 ")
    s.sendall(b"EHLO t\r\n")
    while not s.recv(1000).endswith(b"\r\n"):
        pass
    return s
other, one = connect(), connect()
os.kill(int(sys.argv[2]), signal.SIGSTOP)
one.sendall(b"MAIL FROM:<>\r\nRCPT TO:<b@x.test>\r\nBDAT 0 LAST\r\n" * MAILS)
one.shutdown(socket.SHUT_WR) # there is more to do than to read
other.sendall(b"NOOP\r\n")
os.kill(int(sys.argv[2]), signal.SIGCONT)
assert other.recv(1000).startswith(b"250 ")
replies = b""
while part := one.recv(65536):
    replies += part
assert replies.count(b"\n") == replies.count(b"\n250 ") + 1 == 3 * MAILS, replies.count(b"\n250 ")
PY
    stop
    taken 1000
    before=$(sed '/^1 C: NOOP$/q' err | grep -c '^2 C: BDAT' || :)
    [ "$before" -lt 500 ] || { echo "the other client waited for $before mails"; return 1; }
}
