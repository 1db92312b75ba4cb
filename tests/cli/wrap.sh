# SPDX-License-Identifier: ISC
# shellcheck shell=sh disable=SC2154,SC2016 # the names come from lib; the commands are for another shell
# The wrapped command: its environment, signals and status.

mail='printf "Subject: t\r\n\r\nHello\r\n" | curl -sS "$SMTP_URL" --mail-from a@x.test --mail-rcpt b@x.test -T -'

t_send_and_look() {
    run -n 1 -- sh -c "$mail"' && grep -q Hello "$FAKESMTP_DIR"/0001.eml'
    status_is 0
    [ ! -s out ]
    err_lines 1
}

# counted N PATTERN OPTION ...: the last line but N on standard error, where the command sends as many as the word says
counted() {
    before=$1 pattern=$2
    shift 2
    printf 'Subject: m\r\n\r\nHello\r\n' >m
    run "$@"
    tail -n "$((before + 1))" err | sed 1q | grep -Eqx -e "fakesmtp: $pattern" || { echo "not counted: $pattern"; cat err; return 1; }
}

t_what_came_is_counted() {
    send='for i in $MAILS; do curl -sS "$SMTP_URL" --mail-from a@x.test --mail-rcpt b@x.test -T m; done'
    counted 0 'no message came, and none was expected \(-n 1 expects one\)' true
    counted 0 'no message came' -n 0 true
    export MAILS=1
    counted 0 '1 message' sh -c "$send"
    counted 0 '1 message, and it matches' --match 'subject: m' sh -c "$send"
    counted 0 '1 message, and it does not match' -n 0 --match 'subject: x' sh -c "$send"
    # before the reason, if that does not say it
    counted 1 '1 message' sh -c "$send; exit 3"
    counted 0 'sh: exit status 3' sh -c "$send; exit 3"
    counted 1 '1 message' -c 2 sh -c "$send"
    MAILS='1 2'
    counted 0 '2 messages' -n 2 sh -c "$send"
    counted 0 '2 messages, none of them matches' -n 0 --match 'subject: x' sh -c "$send"
    counted 0 '2 messages, 2 of them match' -n 2 --match 'subject: m' sh -c "$send"
    # it is said once
    for options in '-n 1' '-n 3' '-n 1 --match subject:.' '-n 1 --match subject:x'; do
        # shellcheck disable=SC2086 # the options are words
        run $options sh -c "$send"
        status_is 1
        fails grep -Ex 'fakesmtp: (no message came|[0-9]+ messages?(,.*)?)' err
    done
    run -q sh -c "$send"
    [ ! -s err ]
    run ./none
    status_is 127
    err_lines 1
    start -n 1
    send
    finish
    err_lines 0
}

# A run with an expectation that was meant for us may not succeed in silence.
t_expectation_after_the_command() {
    for option in --match --not; do
        run sh -c true sh "$option" 'subject: reset'
        status_is 0 "fakesmtp: $option came after the command and was passed to it; options of fakesmtp come before the command"
        run -- sh -c true sh "$option" 'subject: reset'
        fails grep -q 'came after' err
    done
}

# Options after the command are its own, but they may have been meant for us.
t_options_after_the_command() {
    swallowed='came after the command and was passed to it; options of fakesmtp come before the command'
    while read -r option; do
        # shellcheck disable=SC2086 # the option is words
        run sh -c 'exit 3' sh $option
        status_is 3 "fakesmtp: $option $swallowed"
        err_lines 3
        tail -n 1 err | grep -qx 'fakesmtp: sh: exit status 3'
        # shellcheck disable=SC2086
        run ./none $option
        status_is 127 "fakesmtp: $option $swallowed"
        for words in "-q sh -c false sh $option" "-- sh -c false sh $option" "sh -c false sh -- $option" "true $option"; do
            # shellcheck disable=SC2086
            run $words
            fails grep -q -e "$swallowed" err
        done
    done <<'END'
-n 1
-n 2-
-n1
-c 2
-t 1.5s
-p 2525
-p0
-l :2525
-f json
--strict
END
    for option in '--timeout 5' --port=2525; do
        # shellcheck disable=SC2086
        run sh -c 'exit 3' sh $option
        status_is 3 "fakesmtp: ${option%%[ =]*} $swallowed"
    done
    run sh -c 'exit 3' sh --match 'subject: x' -n 1 # the first one is named
    status_is 3 "fakesmtp: --match $swallowed"
    run sh -c 'exit 3' sh --auth=ann:sesame
    status_is 3 "fakesmtp: --auth $swallowed"
    fails grep sesame err
    # these are hardly ours
    for words in -n '-n x' '-c x' '-t soon' '-p 99999' '-d mail' '-o file' '-f file' -j4 -v -q -k --help --version --verbose --json '--timeout soon' '--output file' --dir=mail --count --match --matches=x --strict=x -; do
        # shellcheck disable=SC2086
        run sh -c 'exit 3' sh $words
        err_lines 2
    done
}

t_a_place_is_no_command() {
    for words in 2525 'port 2525' 'localhost 2525' '127.0.0.1 2525'; do
        # shellcheck disable=SC2086
        run $words
        status_is 127 'fakesmtp: cannot run .*: .* \(give a port with -p\)'
    done
    for word in :2525 localhost:2525 '*:2525' '[::1]:2525' unix:socket smtps://:465; do
        run "$word"
        [ "$status" -ge 126 ]
        err_has 'fakesmtp: cannot run .*: .* \(give an endpoint with -l\)'
    done
    for words in none 'none 2525' 'port' 'none:none'; do
        # shellcheck disable=SC2086
        run $words
        status_is 127
        fails grep give err
    done
}

t_status_is_the_commands() {
    run sh -c 'exit 7'
    status_is 7 'fakesmtp: sh: exit status 7'
    run -n 1 sh -c 'exit 7'
    status_is 7 'fakesmtp: sh: exit status 7; expected 1 message, got none'
    run true
    status_is 0
    run sh -c 'kill -KILL $$'
    status_is 137 'fakesmtp: sh: ended by signal 9 \(Killed\)'
}

t_too_few() {
    run -n 1 true
    status_is 1 'fakesmtp: expected 1 message, got none before the command ended'
    err_lines 2
}

# The likeliest reason why no mail came: the program under test has another server in its settings.
t_a_command_that_does_not_find_the_server_is_told_where_it_is() {
    hint='fakesmtp: no client sent anything: the command finds the server in SMTP_HOST and SMTP_PORT, or as --env says'
    run -n 1 true
    status_is 1 "$hint"
    run --match 'subject: x' false
    status_is 1 "$hint"
    run -q -n 1 true
    status_is 1 && err_lines 1
    run -n 0 true
    status_is 0 && err_lines 1
    run -n 1 sh -c 'printf "QUIT\r\n" | curl -s --max-time 60 "telnet://$SMTP_HOST:$SMTP_PORT"'
    status_is 1 && ! grep -F "$hint" err
}

t_too_many() {
    run -n 1 sh -c "$mail; $mail"
    status_is 1 'fakesmtp: expected 1 message, got 2'
}

t_none_expected() {
    run -n 0 true
    status_is 0
    run -n 0 sh -c "$mail"
    status_is 1 'fakesmtp: expected no message, got 1'
}

t_without_count_any_number_will_do() {
    run sh -c "$mail; $mail"
    status_is 0
}

t_connections_are_judged() {
    run -c 1 sh -c "$mail"
    status_is 0
    run -c 2 sh -c "$mail"
    status_is 1 'fakesmtp: expected 2 connections, got 1 before the command ended'
    run -c 1 sh -c "$mail; $mail"
    status_is 1 'fakesmtp: expected 1 connection, got 2'
}

t_not_run() {
    run ./nothing-here
    status_is 127 'fakesmtp: cannot run \./nothing-here: No such file or directory'
    run no-such-command-anywhere
    status_is 127 'fakesmtp: cannot run no-such-command-anywhere: No such file or directory'
    run 1025
    status_is 127 'fakesmtp: cannot run 1025: No such file or directory \(give a port with -p\)'
    touch plain
    run ./plain
    status_is 126 'fakesmtp: cannot run \./plain: Permission denied'
    run .
    status_is 126
}

t_script_without_a_first_line() {
    echo 'exit 5' >script
    chmod +x script
    run ./script
    status_is 5
}

t_limit() {
    run -t 200ms sleep 100
    status_is 124 'fakesmtp: sleep: still running at the 200 ms limit'
}

t_limit_kills_whoever_ignores_it() {
    run -t 200ms sh -c 'trap "" TERM; while :; do sleep 100; done'
    status_is 124 'fakesmtp: sh: still running at the 200 ms limit'
}

t_limit_ends_a_command_that_left_its_group() {
    run -t 300ms python3 -c 'import os, time; os.setpgid(0, os.getpgid(os.getppid())); time.sleep(100)'
    status_is 124
}

t_limit_ends_what_the_command_started() {
    mkfifo alive
    run -t 3s sh -c 'sleep 100 >alive & sleep 100' &
    cat alive # ends when nobody has it open any more
    wait
}

t_environment() {
    run sh -c 'echo "$SMTP_HOST|$SMTP_PORT|$SMTP_URL|$FAKESMTP_DIR" >seen; [ -d "$FAKESMTP_DIR" ]'
    status_is 0
    grep -Eqx '127\.0\.0\.1\|([0-9]+)\|smtp://127\.0\.0\.1:\1\|/.*/fakesmtp-......' seen
    run -l '[::1]:0' -d mail sh -c 'cd / && echo "$SMTP_HOST|$SMTP_PORT|$SMTP_URL|$FAKESMTP_DIR"'
    status_is 0
    grep -Eqx "::1\|([0-9]+)\|smtp://\[::1\]:\1\|$PWD/mail" out
    run -l '*:0' sh -c 'echo $SMTP_HOST'
    [ "$(cat out)" = 127.0.0.1 ]
}

t_env_templates() {
    run --env 'MAILER_DSN=smtp://%h:%p' --env 'A=%u %d %%p=x' --env SMTP_HOST=mine sh -c \
        '[ "$MAILER_DSN" = "smtp://127.0.0.1:$SMTP_PORT" ] && [ "$A" = "$SMTP_URL $FAKESMTP_DIR %p=x" ] && [ "$SMTP_HOST" = mine ]'
    status_is 0
    run --env 'A%=%%x' --env 'B%h2%=b' env
    status_is 0
    grep -qx 'A%=%x' out
    grep -qx 'B%h2%=b' out
}

t_further_endpoints() {
    export SMTP_PORT_2=9 SMTP_HOST_3=of-another SMTP_PORT_3=9 SMTP_URL_3=x SMTP_URL_16=x SMTP_PORT_32=9 SMTP_PORT_X=mine
    # shellcheck disable=SC2016
    run -l :0 -l lmtp://unix:sock -l '[::1]:0' -l 127.0.0.1:0 --port-file ports --env 'A=%h%p1 %h2%p2 %u2 %h3%p3 %u4 %d' sh -ec '
        [ "$SMTP_HOST_2|$SMTP_PORT_2|$SMTP_URL_2" = "$PWD/sock||lmtp://unix:$PWD/sock" ]
        [ "$SMTP_HOST_3|$SMTP_URL_3" = "::1|smtp://[::1]:$SMTP_PORT_3" ]
        [ "$SMTP_HOST_4|$SMTP_URL_4" = "127.0.0.1|smtp://127.0.0.1:$SMTP_PORT_4" ]
        [ "$A" = "$SMTP_HOST$SMTP_PORT $SMTP_HOST_2 $SMTP_URL_2 $SMTP_HOST_3$SMTP_PORT_3 $SMTP_URL_4 $FAKESMTP_DIR" ]
        printf "%s\n" "$SMTP_PORT" "$SMTP_HOST_2" "$SMTP_PORT_3" "$SMTP_PORT_4" | cmp - ports
        [ "$SMTP_PORT_X${SMTP_URL_16-}${SMTP_PORT_32-}" = mine ]'
    status_is 0
    run --env 'A=%p1%%p2%d2' sh -c '[ "$A" = "$SMTP_PORT%p2${FAKESMTP_DIR}2" ] && [ -z "${SMTP_PORT_2+x}${SMTP_HOST_3+x}" ]'
    status_is 0
    run -p 0 --env 'A=%h %u2' true
    status_is 2 "fakesmtp: --env: '%u2' in 'A=%h %u2': there is no such endpoint; the last is number 1"
    run --env A=%h3 -l :0 -l :0 true
    status_is 2 "fakesmtp: --env: '%h3' in 'A=%h3': there is no such endpoint; the last is number 2"
    for number in 0 00 33 18446744073709551617; do
        run --env A=%p$number -l :0 -l :0 true
        status_is 2 "fakesmtp: --env: '%p$number' in 'A=%p$number': there is no such endpoint; the last is number 2"
    done
}

t_temporary_directory_is_removed() {
    TMPDIR=$PWD run sh -c "$mail"'; echo more >"$FAKESMTP_DIR/.x"; mkdir "$FAKESMTP_DIR/y"; echo "$FAKESMTP_DIR"'
    status_is 0
    [ ! -e "$(cat out)" ]
    [ -z "$(find . -name 'fakesmtp-*')" ]
}

# A mount in the temporary directory stays, and a file that cannot be removed is reported.
t_temporary_directory_with_a_mount() {
    [ "$(id -u)" -eq 0 ] || { echo "needs root, to mount a directory"; return 1; }
    mkdir keep
    echo precious >keep/file
    trap 'umount fakesmtp-*/m 2>/dev/null || :' EXIT
    TMPDIR=$PWD run -q sh -c 'mkdir "$FAKESMTP_DIR/m" && echo x >"$FAKESMTP_DIR/x" && mount --bind keep "$FAKESMTP_DIR/m"'
    umount fakesmtp-*/m
    status_is 0 "fakesmtp: cannot remove $PWD/fakesmtp-....../m: (Device or r|R)esource busy"
    [ "$(cat keep/file)" = precious ]
    [ -z "$(find fakesmtp-* -type f)" ]
}

t_no_place_for_a_temporary_directory() {
    TMPDIR=$PWD/none run true
    status_is 3 'fakesmtp: cannot make a directory in .*/none: No such file or directory'
}

t_own_directory_stays() {
    run -d mail sh -c "$mail"
    [ -f mail/0001.eml ]
    run --maildir md sh -c "$mail"'; [ "$FAKESMTP_DIR" = "$PWD/md" ]'
    status_is 0
    [ "$(find md/new -type f | wc -l)" -eq 1 ]
}

t_standard_streams_are_the_commands() {
    echo in | "$FAKESMTP" -q sh -c 'cat; echo err >&2' >out 2>err
    [ "$(cat out)" = in ]
    [ "$(cat err)" = err ]
}

t_stream_on_request() {
    run -f eml sh -c "$mail"
    grep -q Hello out
    run -o stream sh -c "$mail"
    grep -q Hello stream
}

t_arguments_are_passed_as_they_are() {
    run -- printf '%s|' -n 'a b' '' '*' "'"
    [ "$(cat out)" = "-n|a b||*|'|" ]
    run -n 0 printf '%s|' -t 1
    [ "$(cat out)" = '-t|1|' ]
}

t_linger_waits_for_late_mail() {
    run -n 1 --linger 60s sh -c "(sleep 0.3; $mail) >/dev/null 2>&1 &"
    status_is 0
}

t_linger_runs_out() {
    run -n 2 --linger 300ms sh -c "$mail"
    status_is 1 'fakesmtp: expected 2 messages, got 1 before the command ended, or in the 300 ms after it'
}

t_linger_watches_that_none_comes() {
    run -n 0 --linger 60s sh -c "(sleep 0.3; $mail) >/dev/null 2>&1 &"
    status_is 1 'fakesmtp: expected no message, got 1'
    run -n 0 --linger 100ms true
    status_is 0
}

t_no_linger_when_the_count_is_there() {
    before=$(date +%s)
    run -n 1 --linger 10m sh -c "$mail"
    status_is 0
    [ $(($(date +%s) - before)) -lt 60 ]
}

t_what_was_sent_before_the_end_counts() {
    # the command ends as soon as a whole session is in the socket; who sent it waits for the replies
    run -n 1 python3 -c '
import os, socket
r, w = os.pipe()
if os.fork() == 0:
    s = socket.create_connection((os.environ["SMTP_HOST"], int(os.environ["SMTP_PORT"])), timeout=60)
    s.sendall(b"EHLO t\r\nMAIL FROM:<>\r\nRCPT TO:<b@x.test>\r\nDATA\r\nx\r\n.\r\nQUIT\r\n")
    os.write(w, b"x")
    while s.recv(1000):
        pass
    os._exit(0)
os.read(r, 1)
os._exit(0)'
    status_is 0
}

t_a_failure_to_write_is_told_with_the_commands() {
    ln -s "$FAKESMTP" program
    status=0
    ./program -f eml sh -c "$mail" >/dev/full 2>err </dev/null || status=$?
    status_is "$status" 'fakesmtp: sh: exit status [0-9]+; 1 message could not be written to standard output: No space left on device'
    status=0
    ./program -f eml sh -c "$mail || true" >/dev/full 2>err </dev/null || status=$?
    status_is 4 'fakesmtp: 1 message could not be written to standard output: No space left on device'
}

t_signals_are_passed_on() {
    for signal in TERM HUP; do
        rm -f ready && mkfifo ready
        "$FAKESMTP" sh -c "trap 'echo got $signal; exit 9' $signal; echo >ready; while :; do sleep 0.1; done" \
            >out 2>err </dev/null &
        pid=$!
        read -r _ <ready
        kill "-$signal" "$pid"
        finish
        status_is 9 'fakesmtp: sh: exit status 9'
        [ "$(cat out)" = "got $signal" ]
    done
}

t_command_ended_by_a_passed_signal() {
    rm -f ready && mkfifo ready
    "$FAKESMTP" sh -c 'echo >ready; exec sleep 100' >out 2>err </dev/null &
    pid=$!
    read -r _ <ready
    kill -TERM "$pid"
    finish
    status_is 143 'fakesmtp: sh: ended by signal 15 \(Terminated\)'
}

t_second_signal_ends_both_at_once() {
    rm -f ready && mkfifo ready
    mkfifo alive
    TMPDIR=$PWD "$FAKESMTP" sh -c 'trap "" TERM; trap "echo >ready" HUP; echo >ready; while :; do sleep 0.1; done 9>alive' \
        >out 2>err </dev/null &
    pid=$!
    exec 8<>alive 7<alive 8>&-
    cat ready # to its end: it is closed before it is opened again
    kill -HUP "$pid"
    cat ready # it was read, and passed on
    sleep 0.3 # sooner the next would be one with it
    kill -TERM "$pid"
    finish
    [ "$status" -ge 129 ]
    cat <&7 # ends when the command has
    [ -z "$(find . -name 'fakesmtp-*')" ]
}

t_in_a_terminal_the_command_has_it() {
    # the command reads from the terminal, and its interrupt key reaches both
    python3 - "$FAKESMTP" <<'PY'
import os, pty, sys, time
pid, fd = pty.fork()
if pid == 0:
    os.execv(sys.argv[1], [sys.argv[1], "-q", "sh", "-c", "read line; echo got-$line; exec sleep 100"])
os.write(fd, b"word\n")
seen = b""
while b"got-word" not in seen:
    seen += os.read(fd, 1000)
os.write(fd, b"\x03")
try:
    while os.read(fd, 1000):
        pass
except OSError:
    pass
_, status = os.waitpid(pid, 0)
assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == 2, status
PY
}

t_in_a_makefile() {
    cat >Makefile <<'MAKE'
test:
	@"$$FAKESMTP" -q -n 1 -- sh -c 'printf "Subject: m\n\nHello\n" | curl -sS "$$SMTP_URL" --mail-from a@x.test --mail-rcpt b@x.test -T - && grep -q Hello "$$FAKESMTP_DIR"/0001.eml'
fail:
	@"$$FAKESMTP" -q -n 1 true
MAKE
    make -s test
    fails make -s fail 2>err
    err_has 'fakesmtp: expected 1 message, got none before the command ended'
}

t_many_in_parallel() {
    run_one() {
        "$FAKESMTP" -q -n 1 -- sh -c "$mail"' && grep -q Hello "$FAKESMTP_DIR"/0001.eml'
    }
    for _ in 1 2 3 4 5; do
        pids=
        for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
            run_one &
            pids="$pids $!"
        done
        for p in $pids; do wait "$p"; done
    done
}

# Events that come while it waits for a reader count at once, not only after the client has its reply.
t_command_ends_while_a_reader_is_waited_for() {
    python3 - "$FAKESMTP" <<'PY'
import os, socket, subprocess, sys, threading
for name in "port", "stream", "go":
    os.mkfifo(name)
p = subprocess.Popen([sys.argv[1], "-q", "-p", "0", "--port-file", "port", "-f", "eml", "-o", "stream",
                      "--on", "eom: delay 600s", "sh", "-c", "echo $$ >pid; read x <go; exit 0"], stdin=subprocess.DEVNULL)
reader = os.open("stream", os.O_RDONLY)
s = socket.create_connection(("127.0.0.1", int(open("port").read())), timeout=60)
s.sendall(b"EHLO t\r\nMAIL FROM:<>\r\nRCPT TO:<b@x.test>\r\nDATA\r\n" + (b"y" * 70 + b"\r\n") * 4000 + b".\r\n")
assert os.read(reader, 1) # from here on it waits for us
open("go", "w").close()
command = int(open("pid").read())
while os.path.exists("/proc/%d" % command): # until it has been seen to end
    pass
threading.Thread(target=lambda: [None for _ in iter(lambda: os.read(reader, 65536), b"")], daemon=True).start()
assert p.wait(60) == 0 # well before the 600 seconds
PY
}

# A signal after the end of the command stops the run only after the client has its reply.
t_signal_behind_the_end_while_a_reader_is_waited_for() {
    python3 - "$FAKESMTP" <<'PY'
import os, signal, socket, subprocess, sys, threading
for name in "port", "stream", "go":
    os.mkfifo(name)
p = subprocess.Popen([sys.argv[1], "-q", "-p", "0", "--port-file", "port", "-f", "eml", "-o", "stream",
                      "sh", "-c", "echo $$ >pid; read x <go; exit 0"], stdin=subprocess.DEVNULL)
reader = os.open("stream", os.O_RDONLY)
port = int(open("port").read())
s = socket.create_connection(("127.0.0.1", port), timeout=60)
s.sendall(b"EHLO t\r\nMAIL FROM:<>\r\nRCPT TO:<b@x.test>\r\nDATA\r\n")
said = b""
while b"\r\n354 " not in said:
    said += s.recv(1000)
s.sendall((b"y" * 70 + b"\r\n") * 4000 + b".\r\n")
assert os.read(reader, 1) # from here on it waits for us
def state(pid):
    return open("/proc/%d/stat" % pid).read().rsplit(")", 1)[1].split()[0]
os.kill(p.pid, signal.SIGSTOP)
while state(p.pid) != "T":
    pass
open("go", "w").close()
while state(int(open("pid").read())) != "Z":
    pass
os.kill(p.pid, signal.SIGTERM)
with socket.create_connection(("127.0.0.1", port), timeout=60) as other: # who is to be let in when the run is stopped
    os.kill(p.pid, signal.SIGCONT)
    threading.Thread(target=lambda: [None for _ in iter(lambda: os.read(reader, 65536), b"")], daemon=True).start()
    said = s.recv(1000)
    assert said.startswith(b"250 2.0.0 "), said
    s.close()
p.wait(60)
PY
}

# At the limit all of its group is killed in the end, also what outlives the command itself.
t_limit_kills_what_the_command_leaves() {
    mkfifo left
    timeout 60 cat left & # until the last process that has it open is gone
    reader=$!
    run -q -t 200ms sh -c '(trap "" TERM; exec sleep 300) >left & exec sleep 300'
    status_is 124
    wait "$reader"
    # and if it has ended before
    timeout 60 cat left &
    reader=$!
    run -q -t 1 -n 1 --linger 60 sh -c '(trap "" TERM; exec sleep 300) >left &'
    status_is 1 'fakesmtp: expected 1 message, got none before the 1 s limit'
    wait "$reader"
}

# A run that is busy with its clients for longer than any patience is not ended by force.
t_busy_clients_are_no_reason_for_force() {
    run -q -f none -n 3 python3 -c '
import os, signal, smtplib, threading, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
os.kill(os.getppid(), signal.SIGTERM)
end = time.monotonic() + 6
def client():
    s = smtplib.SMTP(os.environ["SMTP_HOST"], int(os.environ["SMTP_PORT"]))
    s.ehlo()
    assert s.mail("a@x.test")[0] == s.rcpt("b@x.test")[0] == 250
    assert s.docmd("DATA")[0] == 354
    while time.monotonic() < end:
        s.sock.sendall(b"x" * 78 + b"\r\n")
    s.sock.sendall(b".\r\n")
    assert s.getreply()[0] == 250
threads = [threading.Thread(target=client) for _ in range(3)]
for t in threads: t.start()
for t in threads: t.join()
'
    status_is 0
}

# ---- --sendmail ----

# in_tmp: a directory for temporary ones, which nothing_left looks into
in_tmp() {
    mkdir tmp
    export TMPDIR="$PWD/tmp"
}

nothing_left() {
    [ -z "$(ls -A tmp)" ] || { echo "left in TMPDIR:"; ls -lAR tmp; return 1; }
}

t_sendmail_is_first_in_path() {
    mkdir tmp theirs
    printf '#!/bin/sh\nexit 9\n' >theirs/sendmail
    chmod +x theirs/sendmail
    export TMPDIR=tmp PATH="$PWD/theirs:$PATH"
    run sendmail
    status_is 9
    run -d mail --sendmail sh -ec '
        cd /
        [ "$(command -v sendmail)" = "$FAKESMTP_SENDMAIL" ]
        [ "$FAKESMTP_SENDMAIL" -ef "$1" ]
        [ -L "$FAKESMTP_SENDMAIL" ]
        [ "$PATH" = "${FAKESMTP_SENDMAIL%/sendmail}:$2" ]
        ls -ld "${FAKESMTP_SENDMAIL%/sendmail}" | grep -q "^drwx------"
        [ "$FAKESMTP_DIR" = "$3/mail" ]
        echo "$FAKESMTP_SENDMAIL"' sh "$FAKESMTP" "$PATH" "$PWD"
    status_is 0
    grep -Eqx "$PWD/tmp/fakesmtp-....../sendmail" out
    nothing_left
    # the command itself is looked up there, as env(1) does
    run --sendmail sendmail --no-such-option
    fails [ "$status" -eq 9 ]
    run --sendmail --env PATH=/nowhere "$(command -v sh)" -c '[ "$PATH" = "${FAKESMTP_SENDMAIL%/sendmail}:/nowhere" ]'
    status_is 0
    nothing_left
}

# Without PATH the system's default is searched, and an empty one is the working directory.
t_sendmail_without_a_path() {
    in_tmp
    printf '#!/bin/sh\n[ "$PATH" = "${FAKESMTP_SENDMAIL-x}" ] || [ "$PATH" = "${FAKESMTP_SENDMAIL%%/sendmail}:" ] && exit 7\n' >here
    chmod +x here
    for option in -q --sendmail; do
        status=0
        PATH='' "$FAKESMTP" $option here 2>err </dev/null || status=$?
        [ "$option" = -q ] || status_is 7
        fails [ "$status" -eq 127 ]
        status=0
        env -u PATH "$FAKESMTP" $option here 2>err </dev/null || status=$?
        status_is 127
        status=0
        env -u PATH "$FAKESMTP" $option sh -c 'ls -d "$0" && [ -z "${FAKESMTP_SENDMAIL-}" ] || [ "$(command -v sendmail)" = "$FAKESMTP_SENDMAIL" ]' / >out 2>err </dev/null || status=$?
        status_is 0
        grep -qx / out
    done
    nothing_left
}

t_sendmail_in_templates() {
    in_tmp
    run --env 'A=%s -t' --env 'B=%s2%%s%p1' --sendmail sh -c '[ "$A|$B" = "$FAKESMTP_SENDMAIL -t|${FAKESMTP_SENDMAIL}2%s$SMTP_PORT" ]'
    status_is 0
    run --sendmail --env FAKESMTP_SENDMAIL=mine sh -c '[ "$FAKESMTP_SENDMAIL" = mine ]'
    status_is 0
    for options in '' '-l :0 -l :0' '-d mail'; do
        # shellcheck disable=SC2086 # the options are words
        run $options --env 'A=%p %s' true
        status_is 2 "fakesmtp: --env: '%s' in 'A=%p %s' needs --sendmail"
    done
    nothing_left
}

# The link of an outer run is not taken for one of this run, but that run's PATH stays.
t_sendmail_of_an_outer_run() {
    in_tmp
    export FAKESMTP_SENDMAIL=of-another
    run sh -c '[ -z "${FAKESMTP_SENDMAIL+x}" ]'
    status_is 0
    run --sendmail sh -ec '
        outer=$FAKESMTP_SENDMAIL
        [ -L "$outer" ]
        "$1" -q sh -ec "[ -z \"\${FAKESMTP_SENDMAIL+x}\" ] && [ \"\$(command -v sendmail)\" = \"\$1\" ]" sh "$outer"
        "$1" -q --sendmail sh -ec "[ \"\$FAKESMTP_SENDMAIL\" != \"\$1\" ] && [ \"\$(command -v sendmail)\" = \"\$FAKESMTP_SENDMAIL\" ]" sh "$outer"
        [ -L "$outer" ]' sh "$FAKESMTP"
    status_is 0
    nothing_left
}

t_sendmail_is_removed() {
    in_tmp
    run --sendmail true
    status_is 0
    run --sendmail -d mail false
    status_is 1
    run --sendmail ./none
    status_is 127
    run --sendmail .
    status_is 126
    run --sendmail -n 1 -t 200ms sleep 100
    status_is 124
    run --sendmail --port-file none/port true
    status_is 3 'fakesmtp: cannot write none/port: No such file or directory'
    run --sendmail sh -c 'echo more >"${FAKESMTP_SENDMAIL%/sendmail}/more"; rm "$FAKESMTP_SENDMAIL"; mkdir "$FAKESMTP_SENDMAIL"'
    status_is 0
    run --sendmail sh -c 'rm -r "${FAKESMTP_SENDMAIL%/sendmail}"'
    status_is 0
    err_lines 1
    nothing_left
}

t_sendmail_is_removed_after_signals() {
    in_tmp
    python3 - "$FAKESMTP" <<'PY'
import os, signal, subprocess, sys, time
TERM, HUP, INT = signal.SIGTERM, signal.SIGHUP, signal.SIGINT
for signals in [TERM], [HUP], [INT], [INT, INT], [TERM, INT]:
    first = "" if len(signals) == 1 else 'trap "" %d; ' % signals[0]
    p = subprocess.Popen([sys.argv[1], "-q", "--sendmail", "sh", "-c", first + 'echo "$FAKESMTP_SENDMAIL"; while :; do sleep 0.1; done'],
                         stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                         preexec_fn=lambda: signal.signal(INT, signal.SIG_DFL))
    path = p.stdout.readline().decode().rstrip("\n")
    assert os.path.islink(path), path
    for number in signals:
        p.send_signal(number)
        time.sleep(0.3 if len(signals) > 1 else 0) # sooner the next would be one with it
    p.wait(60)
    assert p.returncode in (-signals[-1], 128 + signals[-1]), p.returncode
    assert os.listdir("tmp") == [], os.listdir("tmp")
PY
}

# A shell removes it if the program is too busy to do so: here with as many files, each of which costs it a second.
t_sendmail_is_removed_by_force() {
    in_tmp
    export ASAN_OPTIONS=detect_leaks=0
    FAKESMTP_WRAPPER='strace -q -o /dev/null -e inject=?unlink,?unlinkat:signal=ALRM' \
        run --sendmail sh -c 'cd "$FAKESMTP_DIR" && touch 1 2 3 4 5 6 7 8 && [ -L "$FAKESMTP_SENDMAIL" ]'
    status_is 0 'fakesmtp: ended by force, .*'
    nothing_left
}

t_sendmail_that_cannot_be_made() {
    TMPDIR=$PWD/none run -d mail --sendmail true
    status_is 3 "fakesmtp: cannot make a directory in $PWD/none: No such file or directory"
    mkdir tmp
    chmod 555 tmp
    chmod 755 .
    if [ "$(id -u)" -eq 0 ]; then
        cp "$FAKESMTP" ./copy
        chmod 777 mail
        status=0
        TMPDIR=$PWD/tmp setpriv --reuid=65534 --clear-groups ./copy -d mail --sendmail true 2>err || status=$?
    else
        TMPDIR=$PWD/tmp run -d mail --sendmail true
    fi
    status_is 3 "fakesmtp: cannot make a directory in $PWD/tmp: Permission denied"
    chmod 755 tmp
    mkdir a:b
    TMPDIR=$PWD/a:b run --sendmail true
    status_is 3 "fakesmtp: cannot make a sendmail in $PWD/a:b/fakesmtp-......: PATH cannot hold its colon \(set TMPDIR to another directory\)"
    [ -z "$(ls -A a:b)" ]
    export TMPDIR="$PWD/tmp" ASAN_OPTIONS=detect_leaks=0
    FAKESMTP_WRAPPER='strace -q -o /dev/null -e inject=?symlink,?symlinkat:error=EPERM' run --sendmail true
    status_is 3 "fakesmtp: cannot make a link in $PWD/tmp/fakesmtp-......: Operation not permitted"
    nothing_left
}

# leads ARGV0 TO: where /proc does not tell its path, the program of this name links to the file TO, or if that is "" to none
leads() {
    status=0
    strace -f -q -o /dev/null -P /proc/self/exe -e inject=?readlink,?readlinkat:error=ENOENT python3 -c '
import os, sys
os.execv(sys.argv[1], [sys.argv[2], "-q", "--sendmail", "sh", "-c", "[ \"$FAKESMTP_SENDMAIL\" -ef \"$0\" ] && readlink \"$FAKESMTP_SENDMAIL\"", sys.argv[3]])' \
        "$FAKESMTP" "$1" "$2" >out 2>err </dev/null || status=$?
    if [ -n "$2" ]; then
        status_is 0
        grep -qx '/.*' out
    else
        status_is 3 "fakesmtp: cannot find this program, $1: No such file or directory"
    fi
    nothing_left
}

t_sendmail_without_proc() {
    in_tmp
    export ASAN_OPTIONS=detect_leaks=0
    mkdir -p bin other/fakesmtp late
    ln -s "$FAKESMTP" bin/fakesmtp
    ln -s "$FAKESMTP" bin/here
    touch late/here other/here # other/here is not for running
    leads "$FAKESMTP" "$FAKESMTP"
    leads bin/fakesmtp "$FAKESMTP"
    leads ./bin/../bin/here "$FAKESMTP"
    leads bin/none ''
    leads fakesmtp-none ''
    PATH=$PWD/other:$PWD/bin:$PATH leads fakesmtp "$FAKESMTP"
    PATH=$PWD/other:bin:$PATH leads here "$FAKESMTP"
    (cd bin && mkdir tmp && PATH=:$PATH && leads here "$FAKESMTP" && PATH=${PATH#:}: && leads here "$FAKESMTP")
}

# The path of /proc is that of a file that is gone, or is another by now.
t_sendmail_after_the_program_was_removed() {
    in_tmp
    cat >removed.py <<'PY'
import os, shutil, sys
shutil.copy(sys.argv[1], "copy")
fd = os.open("copy", os.O_RDONLY)
os.unlink("copy")
os.execve(fd, [sys.argv[2], "-q", "--sendmail", "sh", "-c", "[ \"$FAKESMTP_SENDMAIL\" -ef \"$0\" ]", sys.argv[3]], os.environ)
PY
    echo decoy >'copy (deleted)'
    chmod +x 'copy (deleted)'
    run_removed() {
        status=0
        python3 removed.py "$FAKESMTP" "$@" >out 2>err </dev/null || status=$?
    }
    run_removed ./copy ''
    status_is 3 'fakesmtp: cannot find this program, \./copy: No such file or directory'
    run_removed "$FAKESMTP" "$FAKESMTP"
    status_is 0
    name='copy (deleted)'
    cp "$FAKESMTP" "$name"
    "./$name" -q --sendmail sh -c '[ "$FAKESMTP_SENDMAIL" -ef "$0" ]' "$name"
    nothing_left
}

# A command may use sudo(8); without one, nothing that is started here can gain rights.
t_gains_no_rights_without_a_command() {
    gains() { sed -n 's/^NoNewPrivs:[[:blank:]]*//p' "$1"; }
    start
    [ "$(gains "/proc/$pid/status")" = 1 ]
    kill -TERM "$pid"
    finish
    run -n 0 -- sh -c 'cat /proc/self/status >status'
    status_is 0
    [ "$(gains status)" = "$(gains /proc/self/status)" ]
}
