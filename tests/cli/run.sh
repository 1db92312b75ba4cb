# SPDX-License-Identifier: ISC
# shellcheck shell=sh disable=SC2154 # the names come from lib
# The run table and the exit statuses of the contract, a function a row.

t_one_by_default() {
    start
    send hello
    finish
    status_is 0
    printf 'Subject: test\n\nhello\n' >expected
    same out expected
    err_has "fakesmtp: listening on 127\.0\.0\.1:$port"
    err_lines 0
}

t_default_port_is_1025() {
    # somebody may have the port; that is said of the same one
    run -t 10ms
    case $status in
    1) err_has 'fakesmtp: listening on 127\.0\.0\.1:1025' ;;
    *) status_is 3 'fakesmtp: cannot listen on 127\.0\.0\.1:1025: Address (already )?in use .*' ;;
    esac
}

t_n_messages() {
    start -n 2 -d mail
    send one
    send two
    finish
    status_is 0
    grep -q one mail/0001.eml
    grep -q two mail/0002.eml
    [ ! -s out ]
}

t_n_messages_too_few() {
    start -n 2 -t 10s -d mail
    send one
    finish
    status_is 1 'fakesmtp: expected 2 messages, got 1 before the 10 s limit'
}

t_range_full() {
    start -n 1-2 -t 1m -d mail
    send one
    send two
    finish
    status_is 0
}

t_range_enough() {
    start -n 1-2 -t 10s -d mail
    send one
    finish
    status_is 0
    err_lines 0
}

t_range_too_few() {
    start -n 2-3 -t 10s -d mail
    send one
    finish
    status_is 1 'fakesmtp: expected 2 to 3 messages, got 1 before the 10 s limit'
}

t_at_least() {
    start -n 1- -t 10s -d mail
    send one
    send two
    finish
    status_is 0
}

t_at_least_signal() {
    start -n 2- -d mail
    send one
    kill -TERM "$pid"
    finish
    status_is 1 'fakesmtp: expected at least 2 messages, got 1 before SIGTERM'
}

t_none_expected() {
    run -n 0 -t 100ms -p 0
    status_is 0
    err_lines 0
}

t_none_expected_one_came() {
    start -n 0 -t 1m -d mail
    send one
    finish
    status_is 1 'fakesmtp: expected no message, got 1'
}

t_connections() {
    start -c 2 -d mail
    send one
    talk '<220' '>QUIT' '<221' '<EOF'
    finish
    status_is 0
}

t_connections_and_messages() {
    start -c 1 -n 1 -d mail
    talk '<220' '>QUIT' '<221' '<EOF'
    finish
    status_is 1 'fakesmtp: expected 1 message, got none in 1 connection'
}

t_connections_too_few() {
    start -c 2 -t 10s -d mail
    send one
    finish
    status_is 1 'fakesmtp: expected 2 connections, got 1 before the 10 s limit'
}

t_connections_finish() {
    start -c 1 -d mail
    # the second comes when the first has spoken; the first goes on all the same
    talk '<220' '>EHLO t' '<250' '>MAIL FROM:<a@x.test>' '<250' '>RCPT TO:<b@x.test>' '<250' '>DATA' '<354' \
        '>x' '>.' '<250' '>QUIT' '<221' '<EOF'
    finish
    status_is 0
    [ -f mail/0001.eml ]
}

t_connections_silent_ones_are_dismissed() {
    start -c 1 -n 0
    talk '<220' + '<220' '>QUIT' '<221' '<EOF' '@1' '<421' '<EOF'
    finish
    status_is 0
}

t_time_alone() {
    start -t 10s -d mail
    send one
    finish
    status_is 0
}

t_time_alone_none() {
    run -t 100ms -p 0
    status_is 1 'fakesmtp: expected at least 1 message, got none before the 100 ms limit'
}

t_keep() {
    start -k -d mail
    send one
    send two
    kill -TERM "$pid"
    finish
    status_is 0
    err_lines 0
}

t_keep_judged() {
    start -k -n 2 -d mail
    send one
    kill -HUP "$pid"
    finish
    status_is 1 'fakesmtp: expected 2 messages, got 1 before SIGHUP'
}

t_keep_too_many() {
    start -k -n 1 -d mail
    send one
    send two
    kill -TERM "$pid"
    finish
    status_is 1 'fakesmtp: expected 1 message, got 2'
}

t_keep_with_a_limit() {
    start -k -t 10s -d mail
    finish
    status_is 0
}

t_sigint_is_died_of() {
    python3 - "$FAKESMTP" <<'PY'
import signal, subprocess, sys
p = subprocess.Popen([sys.argv[1], "-p", "0"], stderr=subprocess.PIPE, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
p.stderr.readline()
p.send_signal(signal.SIGINT)
err = p.stderr.read()
assert p.wait(60) == -signal.SIGINT, p.returncode
assert err == b"fakesmtp: expected 1 message, got none before SIGINT\n", err
p = subprocess.Popen([sys.argv[1], "-p", "0", "-k"], stderr=subprocess.PIPE, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
p.stderr.readline()
p.send_signal(signal.SIGINT)
err = p.stderr.read()
assert p.wait(60) == -signal.SIGINT, p.returncode
assert err == b"fakesmtp: interrupted\n", err
PY
}

t_signal_lets_a_transfer_finish() {
    start -n 2- -d mail
    talk '<220' '>EHLO t' '<250' '>MAIL FROM:<a@x.test>' '<250' '>RCPT TO:<b@x.test>' '<250' '>DATA' '<354' '>x' \
        "kill:TERM:$pid" '>y' '>.' '<250' '>QUIT' '<221' '<EOF'
    finish
    status_is 1 'fakesmtp: expected at least 2 messages, got 1 before SIGTERM'
    printf 'x\ny\n' >expected
    same mail/0001.eml expected
}

# X7
t_signal_tells_waiting_clients_421() {
    start -k
    talk '<220' '>EHLO t' '<250' "kill:TERM:$pid" '<421' '<EOF'
    finish
    status_is 0
}

t_signal_gives_up_on_a_stuck_transfer() {
    start -k -d mail
    talk '<220' '>EHLO t' '<250' '>MAIL FROM:<a@x.test>' '<250' '>RCPT TO:<b@x.test>' '<250' '>DATA' '<354' '>x' \
        "kill:TERM:$pid" '<421' '<EOF'
    finish
    status_is 0
    [ "$(find mail -type f | wc -l)" -eq 0 ]
}

t_second_signal_ends_at_once() {
    start -k -d mail
    talk '<220' '>EHLO t' '<250' '>MAIL FROM:<a@x.test>' '<250' '>RCPT TO:<b@x.test>' '<250' '>DATA' '<354' \
        + '<220' "kill:HUP:$pid" '<421' pause:0.25 "kill:TERM:$pid" @1 '<GONE' # the 421 says that the first was read
    finish
    [ "$status" -eq 129 ] || [ "$status" -eq 143 ]
}

t_ignored_signals_stay_ignored() {
    rm -f port && mkfifo port
    (trap '' HUP && exec "$FAKESMTP" -k -p 0 --port-file port -d mail 2>err) &
    pid=$!
    read -r port <port
    kill -HUP "$pid"
    send one
    kill -TERM "$pid"
    finish
    status_is 0
    [ -f mail/0001.eml ]
}

t_probe_uses_up_nothing() {
    start -n 1 -c 1 -d mail
    talk '<220' close + '<220' close + close + reset
    send one
    finish
    status_is 0
    [ -f mail/0001.eml ]
}

# ---- the end of a run cuts nobody off ----

t_quit_within_a_second() {
    start -n 1 -d mail
    talk '<220' '>EHLO t' '<250' '>MAIL FROM:<a@x.test>' '<250' '>RCPT TO:<b@x.test>' '<250' '>DATA' '<354' '>x' \
        '>.' '<250' pause:0.3 '>QUIT' '<221' '<EOF'
    finish
    status_is 0
}

t_nobody_is_let_in_at_the_end() {
    start -n 1 -d mail
    talk '<220' '>EHLO t' '<250' '>MAIL FROM:<a@x.test>' '<250' '>RCPT TO:<b@x.test>' '<250' '>DATA' '<354' '>x' \
        '>.' '<250' refused '<421' '<EOF'
    finish
    status_is 0
}

t_no_quit_at_all() {
    start -n 1 -d mail
    talk '<220' '>EHLO t' '<250' '>MAIL FROM:<a@x.test>' '<250' '>RCPT TO:<b@x.test>' '<250' '>DATA' '<354' '>x' \
        '>.' '<250' '<421' '<EOF'
    finish
    status_is 0
}

# X12
t_half_close_after_quit() {
    start -n 1 -d mail
    talk '=EHLO t\r\nMAIL FROM:<>\r\nRCPT TO:<b@x.test>\r\nDATA\r\nx\r\n.\r\nQUIT\r\n' half \
        '<220' '<250' '<250' '<250' '<354' '<250' '<221' '<EOF'
    finish
    status_is 0
    [ -f mail/0001.eml ]
}

# X12
t_half_close_after_the_dot() {
    start -n 1 -d mail
    talk '=EHLO t\r\nMAIL FROM:<>\r\nRCPT TO:<b@x.test>\r\nDATA\r\nx\r\n.\r\n' half \
        '<220' '<250' '<250' '<250' '<354' '<250' '<EOF'
    finish
    status_is 0
}

t_reset_is_not_counted() {
    start -n 1 -d mail
    talk '<220' '>EHLO t' '<250' '>MAIL FROM:<a@x.test>' '<250' '>RCPT TO:<b@x.test>' '<250' '>DATA' '<354' '>x' reset \
        + '<220' '>QUIT' '<221' "kill:TERM:$pid"
    finish
    status_is 1 'fakesmtp: expected 1 message, got none before SIGTERM; 1 more cut off before the end'
    [ "$(find mail -type f | wc -l)" -eq 0 ]
}

t_ten_at_once_and_one_wanted() {
    start -n 1 -d mail
    # ten messages down one pipelined connection: one is acknowledged, one is stored
    talk '=EHLO t\r\n' '*10:MAIL FROM:<>\r\nRCPT TO:<b@x.test>\r\nDATA\r\nx\r\n.\r\n' '=QUIT\r\n' \
        '<220' '<250' '<250' '<250' '<354' '<250' '<421' '<EOF'
    finish
    status_is 0
    [ "$(find mail -type f | wc -l)" -eq 1 ]
}

t_ten_at_once_and_ten_wanted() {
    start -n 10 -d mail
    set -- '=EHLO t\r\n' '*10:MAIL FROM:<>\r\nRCPT TO:<b@x.test>\r\nDATA\r\nx\r\n.\r\n' '=QUIT\r\n' '<220' '<250'
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        set -- "$@" '<250' '<250' '<354' '<250'
    done
    talk "$@" '<221' '<EOF'
    finish
    status_is 0
    [ "$(find mail -type f | wc -l)" -eq 10 ]
}

t_in_the_middle_of_a_further_one() {
    start -n 1 -d mail
    talk '<220' '>EHLO t' '<250' '>MAIL FROM:<>' '<250' '>RCPT TO:<b@x.test>' '<250' '>DATA' '<354' '>mine' \
        + '<220' '>EHLO t' '<250' '>MAIL FROM:<>' '<250' '>RCPT TO:<b@x.test>' '<250' '>DATA' '<354' '>yours' '>.' \
        '<250' '>QUIT' '<221' '<EOF' @1 '<421' '*2000:never read away, or the 421 is lost\r\n' '<EOF'
    finish
    status_is 0
    grep -q yours mail/0001.eml
    [ "$(find mail -type f | wc -l)" -eq 1 ]
}

t_slow_reader() {
    start -n 1 -d mail
    # more replies than the socket takes, and nobody reads them for a while
    python3 - "$port" <<'PY'
import os, socket, sys, threading
s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
s.settimeout(60)
s.connect(("127.0.0.1", int(sys.argv[1])))
noops = 1200000
def write():
    s.sendall(b"EHLO t\r\n" + b"NOOP\r\n" * noops + b"MAIL FROM:<>\r\nRCPT TO:<b@x.test>\r\nDATA\r\nx\r\n.\r\nQUIT\r\n")
t = threading.Thread(target=write)
t.start()
t.join(1.0) # what is written may fit into buffers; the replies, which are more, may not
most = "/proc/sys/net/ipv4/tcp_wmem"
assert not os.path.exists(most) or noops * len("250 2.0.0 Ok\r\n") > 2 * int(open(most).read().split()[2])
got = []
while not got or got[-1]:
    got.append(s.recv(1000 if len(got) < 50 else 65536))
t.join()
lines = b"".join(got).split(b"\r\n")
assert lines.count(b"250 2.0.0 Ok") == noops, len(lines)
assert lines[-3:] == [b"250 2.0.0 Message accepted", b"221 2.0.0 Bye", b""], lines[-5:]
PY
    finish
    status_is 0
    [ -f mail/0001.eml ]
}

# left_open HOW SILENT MOST [OPTION ...]: a client leaves its connection open at the end of a run; one of ten ends must take
# no more milliseconds than MOST.  It is told 421, and sees an orderly end.
left_open() {
    python3 - "$FAKESMTP" "$@" <<'PY'
import os, signal, socket, ssl, subprocess, sys, time
program, how, silent, most, *options = sys.argv[1:]
trust = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
trust.check_hostname, trust.verify_mode = False, ssl.CERT_NONE
shortest = 100
def say(s, text, code):
    s.sendall(text)
    got = b""
    while not got.endswith(b"\r\n") or got.split(b"\r\n")[-2][3:4] != b" ":
        part = s.recv(1000)
        assert part, got
        got += part
    assert got.startswith(code), got
if how == "smtps" and os.environ.get("FAKESMTP_TLS") == "none":
    sys.exit()
for _ in range(10):
    for name in "port", "socket":
        if os.path.exists(name):
            os.unlink(name)
    os.mkfifo("port")
    where = {"smtps": "smtps://127.0.0.1:0", "unix": "unix:socket"}.get(how, "127.0.0.1:0")
    p = subprocess.Popen([program, "-q", "-l", where, "--port-file", "port", "-f", "none", *options])
    port = open("port").read().strip()
    s = socket.socket(socket.AF_UNIX if how == "unix" else socket.AF_INET)
    s.settimeout(60)
    if how == "slow":
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    s.connect(port if how == "unix" else ("127.0.0.1", int(port)))
    if how == "smtps":
        s = trust.wrap_socket(s, suppress_ragged_eofs=False)
    say(s, b"", b"220")
    say(s, b"EHLO t\r\n", b"250")
    replies = b""
    if how == "slow":
        s.sendall(b"NOOP\r\n" * 5000)
        replies = b"250 2.0.0 Ok\r\n" * 5000
    elif how in ("taken", "stuck"):
        for command in b"MAIL FROM:<>", b"RCPT TO:<b@x.test>":
            say(s, command + b"\r\n", b"250")
        say(s, b"DATA\r\n", b"354")
        s.sendall(b"Subject: t\r\n")
        if how == "taken":
            say(s, b"\r\n.\r\n", b"250")
    time.sleep(float(silent))
    start = time.monotonic()
    if "-n" not in options:
        p.send_signal(signal.SIGTERM)
    if how == "slow": # it reads again when the run has ended
        p.wait(60)
        shortest = min(shortest, time.monotonic() - start)
    got = b""
    while part := s.recv(1000):
        got += part
    if how == "slow" and float(silent) == 0: # those that the server had not read yet have no reply
        replies = replies[:got.rindex(b"421 ")]
    assert got.startswith(replies + b"421 ") and got.count(b"\n") == replies.count(b"\n") + 1, got[-200:]
    assert p.wait(60) == 0, p.returncode
    shortest = min(shortest, time.monotonic() - start)
    if 1000 * shortest < int(most):
        sys.exit()
sys.exit("%s, silent for %s s: it took %.0f ms" % (how, silent, 1000 * shortest))
PY
}

# It waits for a second if it cannot ask the system whether the client has the 421.
t_silent_clients_do_not_delay_the_end() {
    most=700
    "$FAKESMTP" --version | grep -q epoll || most=1700
    for how in plain smtps unix taken; do left_open "$how" 1.1 "$most" -k; done
}

t_others_delay_the_end_by_a_second() {
    for how in plain smtps unix stuck slow; do left_open "$how" 0 1700 -k; done
    left_open taken 0 1700 -n 1
    for how in slow stuck; do left_open "$how" 1.1 1700 -k; done
}

# ---- 2: usage ----

usage() {
    want=$1
    shift
    run "$@"
    status_is 2 "fakesmtp: $want"
    err_has "fakesmtp: 'fakesmtp --help' shows the options"
        [ "$(wc -l <err)" -eq 2 ]
    case " $* " in
    *' -b '*) [ "$(cat out)" = '(exit 2)' ] ;; # for eval
    *) [ ! -s out ] ;;
    esac
}

t_usage() {
    usage "-n: 'x': at 'x', column 1: expected a count of messages: N, MIN-MAX or MIN-" -n x
    usage "-n: '-1': at '-1', column 1: expected a count of messages: N, MIN-MAX or MIN-" -n -1
    usage "-n: '1-x': at 'x', column 3: expected a maximum, or the end: N, MIN-MAX or MIN-" -n 1-x
    usage "-n: '99999999999999999999': at .*, column 1: expected a smaller number" -n 99999999999999999999
    usage "-n: '3-2': at '2', column 3: expected a maximum that is not below the minimum: MIN-MAX" -n 3-2
        usage "-c: '0' is not a number from 1 up" -c 0
    usage "-t: '5x' is not a time: give a number, or one followed by ms, s, m or h" -t 5x
    usage "-t: '' is not a time: .*" -t ''
    usage "-t: '\.' is not a time: .*" -t .
    usage "-t: '-1' is not a time: .*" -t -1
    usage "-t: '1e3' is not a time: .*" -t 1e3
    usage "-t: '999999999999999h' is not a time: .*" -t 999999999999999h
    usage "-p: '70000' is not a port: give a number from 0 to 65535; 0 takes a free port" -p 70000
    usage "-p: 'smtp' is not a port: .*" -p smtp
    usage "-l: 'localhost' is not an endpoint: give HOST:PORT, \[ADDRESS\]:PORT, :PORT, \*:PORT, unix:PATH, fd:N or -" -l localhost
    usage "-l: 'http://x:1' is not an endpoint: the prefix must be smtp://, smtps://, lmtp:// or proxy://" -l http://x:1
    usage "-l: 'unix:' is not an endpoint: give a path after unix:" -l unix:
    usage "-l: 'fd:x' is not an endpoint: give the number of an open descriptor after fd:" -l fd:x
    usage "--hide: 'FOO' is not an extension or mechanism: give one or more of PIPELINING, .*SIZE, .*XOAUTH2.*, separated by commas" --hide SIZE,FOO
    usage '--auth: give USER:PASSWORD' --auth ann
    usage "--require: 'mail' cannot be required: give auth, tls or client-cert, or several of these, separated by commas" --require mail
    usage '-b and a command exclude each other: .*' -b true
    usage '-b prints assignments on standard output: .*' -b -f eml
    usage '-l - and a command exclude each other: .*' -l - true
    usage '-l - speaks SMTP on standard output: .*' -l - -o -
    usage '-l - can be given only once' -l - -l lmtp://-
        usage '-l - and -b exclude each other' -l - -b -d mail
    usage '-l - has no port for --port-file' -l - --port-file f
    usage '--require tls needs TLS: .*' --require tls
    usage '--cert needs TLS: .*' --cert f
    usage '--ca-file needs TLS: .*' --ca-file f
    usage '--key needs a certificate: .*' --tls --key k
    usage '--ca-file and --cert exclude each other: .*' --tls --cert c --ca-file f
    usage '--tls offers STARTTLS, but --hide hides it' --tls --hide starttls
    usage '--auth, --auth-mechs and --require auth need AUTH, .*' --require auth --hide AUTH
    usage "-l: '::1:25' is not an endpoint: put an IPv6 address in brackets: \[ADDRESS\]:PORT" -l ::1:25
    usage "-l: 'x:99999' is not an endpoint: give a port from 0 to 65535 after the colon" -l x:99999
    usage "-l: '\[\]:1' is not an endpoint: give an IPv6 address between the brackets" -l '[]:1'
    usage "-p and -l exclude each other" -p 1 -l :1
    usage "-p and -l exclude each other" -l :1 -p 1
    usage "-d and --maildir exclude each other" -d x --maildir y
    usage "--beside writes next to the files of messages: give it with -d, --maildir, a command or -b" --beside json
    usage "--beside writes next to the files of messages: give it with -d or --maildir" -r /dev/null --beside json
    usage "--beside: 'json,eml': at 'eml', column 6: expected json, text, html or envelope, .*" -d mail --beside json,eml
    usage "--beside: '': at the end, column 1: expected json, text, html or envelope, .*" -d mail --beside ''
    usage "--fresh removes messages from a directory: give it with -d or --maildir" --fresh
    usage "-d: the name is empty" -d ''
    usage "-f: 'xml' is not a format: give eml, mbox, json, text, html or none" -f xml
    usage "--max-size: '1T' is not a size: give a number of octets from 1 up, or one followed by K, M or G" --max-size 1T
    usage "--max-size: '0' is not a size: .*" --max-size 0
    usage "--max-size: '99999999999G' is not a size: .*" --max-size 99999999999G
    usage "--idle 0 leaves a client no time: give 1ms or more" --idle 0
    usage "--hostname: 'a b' is not a host name: give letters, digits and .*" --hostname 'a b'
    usage "--env: 'X' is not NAME=TEXT" --env X true
    usage "--env: '%x' in 'X=%x' is unknown: give %h, %p, %u, %d, %s or %%" --env X=%x true
    usage "--sendmail needs a command to run, or -b" --sendmail
    usage "--sendmail needs a command to run, or -b" --sendmail -d mail -n 1
    usage "-r takes messages from files, and --sendmail is about clients" --sendmail -r mail
    usage "-r takes messages from files, and --sendmail is about clients" -r mail --sendmail true
    usage "--sendmail: this option takes no argument" --sendmail=x true
    usage "--env needs a command to run" --env X=1
    usage "--linger needs a command to run" --linger 1
    usage "--dotenv says how -b prints: give -b, too" --dotenv
    usage "-k and a command exclude each other: the run ends when the command does" -k true
    usage "-f none makes no stream, so -o has nothing to write" -f none -o x
    usage "-v and -q are opposites: give one of them" -v -q
    usage "-Z: there is no such option" -Z
    usage "--port: give an argument: PORT" --port
    usage "-n: give an argument: COUNT" -n
    usage "--port-file: give an argument: FILE" --port-file
    usage "--crlf: this option takes no argument" --crlf=1
    usage "-q: this option takes no argument" -kq=1
    usage "--help: give the topic as the next word: --help TOPIC" --help=tls
}

# A name that is none, and the right one, if there is one that is like it.
t_unknown_options() {
    while read -r name meant; do
        usage "$name: there is no such option${meant:+; did you mean $meant\\?}" "$name" 1
        usage "$name: there is no such option${meant:+; did you mean $meant\\?}" -q "$name=1"
    done <<'END'
--wrong
--x
--m
--zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz
--tim --timeout
--time --timeout
--time-out --timeout
--Timeout --timeout
--max_size --max-size
--MAX-SIZE --max-size
--maxSize --max-size
--tsl --tls
--por --port or --port-file
--prot --port
--max --max-size, --max-recipients or --max-connections
--tls-m --tls-min or --tls-max
--hots --listen
--hostnmae --hostname
--smtp-port --port
--smtp_port --port
--smtp-hostname --hostname
--smtp --listen
--bind-address --listen
--host --listen or --hostname
--output-dir --dir
--directory --dir
--messages --count
--number --count
--quite --quiet
--silent --quiet
--debug --verbose
--daemon --background
--starttls --tls
--ssl --tls
--subject --match
--filter --match
--exclude --not
--reject --on
--on-error --on
--port-number --port
--env-var --env
--delay --on
--user --auth
--mbox --format
--fork --background
-match --match
-max-size --max-size
-strct --strict
END
    usage "--q: there is no such option; did you mean --quiet\\?" --q # an abbreviation may mean another option later
    usage "-Z: there is no such option" -vZx
}

# Each short option has a long name that does the same.
t_long_names() {
    run --help all
    grep -E '^  -[a-zA-Z]' out >short
    [ "$(wc -l <short)" -ge 17 ]
    fails grep -Ev '^  -[a-zA-Z], --[a-z]' short
    rm -f port && mkfifo port
    "$FAKESMTP" --port 0 --port-file port --count 1 --connections 1 --timeout 60s --dir mail --json --output json --envelope --verbose \
        >out 2>err </dev/null &
    pid=$!
    read -r port <port
    send
    finish
    status_is 0
    err_has '1 S: 250 2\.0\.0 Message accepted'
    [ "$(jq -r .text json)" = hello ]
    grep -q '^Delivered-To: b@x\.test' mail/0001.eml
    run --quiet --read mail --format text --match 'subject: test'
    status_is 0
    grep -qx hello out
    eval "$("$FAKESMTP" --listen :0 --background --keep --quiet)"
    port=$SMTP_PORT
    send
    pid=$FAKESMTP_PID
    grep -qx 'hello' "$FAKESMTP_DIR/0001.eml"
    kill "$pid"
    pid=
}

t_units() {
    for time in 0 50ms .05 0.05s 0.001m 0.00001h; do
        run -q -p 0 -t "$time"
        status_is 1 'fakesmtp: expected at least 1 message, got none before the .* limit'
    done
    start -n 1 -d mail --max-size 2K
    printf 'EHLO t\r\nQUIT\r\n' | talk '<220' '>EHLO t' '<250' '>QUIT' '<221' | grep -qx '250 SIZE 2048'
    kill "$pid"
    finish
}

t_help_and_version() {
    run --help
    status_is 0
    [ ! -s err ]
    [ "$(wc -l <out)" -le 46 ] # two screens, and a prompt on each
    awk 'length > 80 {print; bad = 1} END {exit bad}' out
    grep -o -e '--[a-z][-a-z]*' out | sort -u >shown
    mv out short
    run -h
    status_is 0
    same out short
    run --help all
    status_is 0
    grep -Eo '^  (-[a-zA-Z], )?--[a-z][-a-z]*' out | sed 's/.* //' | sort -u >every
    same every shown
    awk 'length > 80 {print; bad = 1} END {exit bad}' out
    mv out all
    topics=$(sed -n 's/.*(--help \([a-z]*\).*/\1/p' short)
    [ "$(echo "$topics" | wc -l)" -eq "$(grep -c '^[A-Z].*:$' all)" ]
    for topic in $topics; do
        run --help "$topic"
        status_is 0
        [ "$(wc -l <out)" -le 46 ]
        cat out >>each
        while read -r name; do
            run --help "${name#--}" # the group of the option
            grep -q -e "^  .*$name" out
        done <<END
$(grep -Eo '^  (-[a-zA-Z], )?--[a-z][-a-z]*' out | sed 's/.* //')
END
    done
    grep '^ ' all >options
    grep '^ ' each >got
    same got options
    run -h n
    status_is 0
    grep -q -e '-n, --count' out
    run --help nosuch
    status_is 2 "fakesmtp: --help: 'nosuch' is no topic: give $(echo "$topics" | paste -sd, - | sed 's/,/, /g'), all or the name of an option"
    run --version
    status_is 0
    grep -Eqx 'fakesmtp [0-9]+\.[0-9]+\.[0-9]+ \(commit ([0-9a-f]+(-dirty)?|unknown), (TLS by OpenSSL|without TLS), matcher built in, e?poll\)' out
    status=0
    "$FAKESMTP" --help >/dev/full 2>err || status=$?
    status_is 4 'fakesmtp: cannot write to standard output: No space left on device'
}

# ---- 3: could not start ----

t_address_in_use() {
    mkdir other
    cd other
    start -k
    cd ..
    run -p "$port"
    status_is 3 "fakesmtp: cannot listen on 127\.0\.0\.1:$port: Address (already )?in use \(port 0 takes a free one\)"
    run -l "[::1]:$port"
    status_is 3 "fakesmtp: cannot listen on \[::1\]:$port: Address (already )?in use .*"
    kill "$pid"
    finish
    # and is free again at once, though a client's connection is still known
    run -p "$port" -t 10ms -n 0
    status_is 0
}

t_address_that_is_not_ours() {
    run -l 192.0.2.1:0
    status_is 3 'fakesmtp: cannot listen on 192\.0\.2\.1:0: .*'
    run -l name.invalid:0
    status_is 3 'fakesmtp: cannot listen on name\.invalid: .*'
}

t_directories_that_cannot_be() {
    touch file
    run -p 0 -d file
    status_is 3 'fakesmtp: cannot use directory file: Not a directory'
    run -p 0 --maildir file/below
    status_is 3 'fakesmtp: cannot use directory file/below: Not a directory'
    run -p 0 -o none/such
    status_is 3 'fakesmtp: cannot write to none/such: No such file or directory'
    run -p 0 --port-file none/such
    status_is 3 'fakesmtp: cannot write none/such: No such file or directory'
}

t_unwritable_directory() {
    mkdir locked
    chmod 555 locked
    if [ "$(id -u)" -ne 0 ]; then
        run -p 0 -d locked
    else # nothing is unwritable for root
        chmod 755 .
        cp "$FAKESMTP" ./copy
        status=0
        setpriv --reuid=65534 --clear-groups ./copy -p 0 -d locked >out 2>err || status=$?
    fi
    status_is 3 'fakesmtp: cannot use directory locked: Permission denied'
}

# ---- 4: could not write ----

t_full_device() {
    rm -f port && mkfifo port
    "$FAKESMTP" -p 0 --port-file port >/dev/full 2>err &
    pid=$!
    read -r port <port
    talk '<220' '>EHLO t' '<250' '>MAIL FROM:<>' '<250' '>RCPT TO:<b@x.test>' '<250' '>DATA' '<354' '>x' '>.' '<452' \
        '<421' '<EOF'
    finish
    status_is 4 'fakesmtp: 1 message could not be written to standard output: No space left on device'
}

t_closed_output() {
    rm -f port && mkfifo port
    "$FAKESMTP" -p 0 --port-file port >&- 2>err &
    pid=$!
    read -r port <port
    talk '<220' '>EHLO t' '<250' '>MAIL FROM:<>' '<250' '>RCPT TO:<b@x.test>' '<250' '>DATA' '<354' '>x' '>.' '<451' \
        '<421' '<EOF'
    finish
    status_is 4 'fakesmtp: 1 message could not be written to standard output: Bad file descriptor'
}

t_broken_pipe() {
    rm -f port && mkfifo port reader
    # a reader that goes away before the mail comes
    (exec <reader) &
    "$FAKESMTP" -k -p 0 --port-file port >reader 2>err &
    pid=$!
    read -r port <port
    talk '<220' '>EHLO t' '<250' '>MAIL FROM:<>' '<250' '>RCPT TO:<b@x.test>' '<250' '>DATA' '<354' '>x' '>.' '<451' \
        '<421' '<EOF'
    finish
    status_is 4 'fakesmtp: 1 message could not be written to standard output: Broken pipe'
}

t_stuck_reader_and_a_limit() {
    rm -f port && mkfifo port reader
    "$FAKESMTP" -t 12s -p 0 --port-file port 2>err >reader &
    pid=$!
    exec 9<reader # open, and never read
    read -r port <port
    talk '<220' '>EHLO t' '<250' '>MAIL FROM:<>' '<250' '>RCPT TO:<b@x.test>' '<250' '>DATA' '<354' \
        '*20000:more than a pipe holds\r\n' '>.' '<451' '<421' '<EOF'
    finish
    status_is 4 'fakesmtp: 1 message could not be written to standard output: its reader reads nothing'
}

# ---- where it listens ----

t_both_families() {
    start -n 2 -d mail
    send four
    curl -sS --url "smtp://[::1]:$port" --mail-from a@x.test --mail-rcpt b@x.test -T sent
    finish
    status_is 0
}

t_endpoints() {
    start -k # only for a port that is free afterwards
    kill "$pid"
    finish
    for endpoint in "127.0.0.1:$port" ":$port" "*:$port" "localhost:$port"; do
        rm -f port && mkfifo port
        "$FAKESMTP" -n 1 -l "$endpoint" --port-file port -d mail 2>err &
        pid=$!
        read -r got <port
        [ "$got" -eq "$port" ]
        send "$endpoint"
        finish
        status_is 0
    done
    rm -f port && mkfifo port
    "$FAKESMTP" -n 1 -l '[::1]:0' -l 127.0.0.1:0 --port-file port -d mail 2>err &
    pid=$!
    read -r port <port
        curl -sS --url "smtp://[::1]:$port" --mail-from a@x.test --mail-rcpt b@x.test -T sent
    finish
    status_is 0 "fakesmtp: listening on \[::1\]:$port, 127\.0\.0\.1:[0-9]*"
}

t_loopback_only_by_default() {
    start -k
    python3 - "$port" <<'PY'
import sys
port = int(sys.argv[1])
found = []
for name in "/proc/net/tcp", "/proc/net/tcp6":
    for line in list(open(name))[1:]:
        address, number = line.split()[1].split(":")
        if int(number, 16) == port and line.split()[3] == "0A":
            found.append(address)
assert found and all(a in ("0100007F", "00000000000000000000000001000000") for a in found), found
PY
    kill "$pid"
    finish
}

t_port_file() {
    "$FAKESMTP" -k -p 0 --port-file port.txt 2>err &
    pid=$!
    until [ -f port.txt ]; do kill -0 "$pid"; done
    port=$(cat port.txt) # whole, or it would not be there
    until grep -q listening err; do kill -0 "$pid"; done # that is said later
    err_has "fakesmtp: listening on 127\.0\.0\.1:$port"
    kill "$pid"
    finish
    [ ! -e port.txt ]
    "$FAKESMTP" -n 0 -t 10ms -p 0 --port-file /dev/stdout >to.txt 2>err
    grep -Eqx '[0-9]+' to.txt
}

# A user who may make files in the directory could otherwise make us write to any other file.
t_port_file_is_not_written_through_a_link() {
    echo precious >target
    for link in "$PWD/target" nothing /dev/fd/9/no; do
        rm -f link
        ln -s "$link" link
        run --port-file link sh -c '[ ! -h link ] && [ "$(cat link)" = "$SMTP_PORT" ]'
        status_is 0
        [ ! -e link ]
        [ ! -h link ]
    done
    mkfifo link
    rm err # which has a line of the run before
    "$FAKESMTP" -k -p 0 --port-file link 2>err &
    pid=$!
    until grep -qs listening err; do kill -0 "$pid"; done
    port=$(sed 's/.*://' err)
    ln -s target link.new
    mv link.new link # while its reader is waited for
    talk '<220' '>QUIT' '<221' '<EOF'
    stop
    [ "$(cat target)" = precious ]
    # the file of a descriptor that is open is not one that somebody else has chosen
    for name in /dev/stdout /dev/stderr /dev/fd/9; do
        "$FAKESMTP" -q -n 0 -t 10ms -p 0 --port-file "$name" >to.txt 2>>to.txt 9>>to.txt
        grep -Eqx '[0-9]+' to.txt
    done
}

t_output_is_emptied_last() {
    mkdir other
    cd other
    start -k
    cd ..
    echo precious >result
    run -p "$port" -o result
    status_is 3
    grep -qx precious result
    kill "$pid"
    finish
}

# A process that looks at the file as soon as the run is announced does not see the mail of the last run.
t_output_is_emptied_before_anybody_hears_of_the_run() {
    slowly="strace -D -f -q -o trace -e inject=ftruncate:delay_enter=1000000"
    echo old >result
    ASAN_OPTIONS=detect_leaks=0 $slowly "$FAKESMTP" -q -j -o result cat result >out 2>err
    [ ! -s out ]
    echo old >result
    start_under $slowly -- -q -k -j -o result
    [ ! -s result ]
    stop
    echo old >result
    ASAN_OPTIONS=detect_leaks=0 $slowly "$FAKESMTP" -q -b -k -j -o result >vars 2>err
    [ ! -s result ]
    kill "$(sed -n 's/.*FAKESMTP_PID=\([0-9]*\).*/\1/p' vars)"
}

# Without /proc, /dev/stdout is a link that leads nowhere; the program must not remove it.
t_port_file_in_dev_is_not_made() {
    [ "$(id -u)" -eq 0 ] || { echo "needs root, to mount a directory"; return 1; }
    for name in /dev/link /dev/new; do
        status=0
        unshare -m sh -c 'mount -t tmpfs none /dev && ln -s /proc/none /dev/link && status=0 &&
            { "$FAKESMTP" -q -n 0 -t 10ms -p 0 --port-file "$1" || status=$?; } && ls /dev && exit "$status"' sh "$name" >out 2>err || status=$?
        status_is 3 "fakesmtp: cannot write $name: No such file or directory"
        [ "$(cat out)" = link ]
    done
    unshare -m sh -c 'mount -t tmpfs none /dev && mkdir /dev/shm && exec "$FAKESMTP" -q -n 0 -t 10ms -p 0 --port-file /dev/shm/port'
}

t_port_file_fifo_with_a_late_reader() {
    mkfifo late
    "$FAKESMTP" -k -p 0 --port-file late 2>err &
    pid=$!
    until grep -q listening err; do kill -0 "$pid"; done
    port=$(cat late)
    talk '<220' '>QUIT' '<221' '<EOF'
    kill "$pid"
    finish
    status_is 0
}

# A script that has started the program opens the FIFO before or after its end.
t_port_file_fifo_of_a_run_that_ends_too_soon() {
    mkfifo fifo
    start -k -q -f none
    listening=$pid
    reader_ends() { # STATUS OPTION ...
        want=$1
        shift
        "$FAKESMTP" "$@" >out 2>err </dev/null &
        pid=$!
        got=$(timeout 60 cat fifo) || { echo "its reader waits: $*"; kill "$listening"; return 1; }
        finish
        status_is "$want"
    }
    nothing_read() {
        reader_ends "$@"
        [ -z "$got" ] || { echo "read $got: $*"; return 1; }
    }
    nothing_read 3 --port-file fifo -p "$port"
    nothing_read 3 --port-file fifo -p 0 -d /dev/null/x
    nothing_read 3 --port-file fifo -p 0 --attachments /dev/null/x
    nothing_read 3 --port-file fifo -p 0 -o none/x
    nothing_read 3 --port-file fifo -p 0 --transcript none/x
    nothing_read 3 --port-file fifo -p 0 --tls --cert none
    nothing_read 3 --port-file fifo -l fd:99
    nothing_read 3 --port-file fifo -b -d /dev/null/x
    grep -qx '(exit 3)' out
    nothing_read 2 --port-file fifo --no-such-option
    nothing_read 2 --no-such-option --port-file fifo
    nothing_read 2 --no-such-option 25 --port-file=fifo
    nothing_read 2 -Zk --port-file fifo
    nothing_read 2 -n --port-file fifo
    nothing_read 2 -t -1 --port-file fifo
    nothing_read 2 --crlf=1 --port-f fifo
    nothing_read 2 --port-file fifo -n
    nothing_read 2 --port-file fifo -v -q
    nothing_read 0 --port-file fifo --help
    reader_ends 127 --port-file fifo ./none
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        reader_ends 1 -q -t 0 -p 0 --port-file fifo
    done
    pid=$listening
    stop
}

t_port_file_of_an_open_descriptor() {
    "$FAKESMTP" -q -n 0 -t 10ms -p 0 --port-file /dev/fd/3 3>&1 | cat >got
    grep -Eqx '[0-9]+' got
    "$FAKESMTP" -q -b -n 0 -t 10ms --port-file /dev/fd/3 3>got >out
    grep -q "SMTP_PORT=$(cat got);" out
}

# What stands after a mistake still says that a shell is to see the failure.
t_usage_error_before_b() {
    run --no-such-option -b
    status_is 2
    grep -qx '(exit 2)' out
}

t_quiet() {
    start -q -n 1 -d mail
    send one
    finish
    status_is 0
    [ ! -s err ]
    run -q -p 0 -t 10ms
    status_is 1
    [ "$(wc -l <err)" -eq 1 ]
}

t_keep_and_connections() {
    start -k -c 1 -n 1
    talk '<220' '>QUIT' '<221' '<EOF'
    kill -TERM "$pid"
    finish
    status_is 1 'fakesmtp: expected 1 message, got none before SIGTERM'
    start -k -c 1
    talk '<220' '>QUIT' '<221' '<EOF'
    talk '<220' '>QUIT' '<221' '<EOF'
    kill -TERM "$pid"
    finish
    status_is 1 'fakesmtp: expected 1 connection, got 2'
}
