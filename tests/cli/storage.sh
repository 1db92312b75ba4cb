# SPDX-License-Identifier: ISC
# shellcheck shell=sh disable=SC2154 # the names come from lib
# Where mail goes: whole or not at all, exactly as it came, never over another.

files() { find "$1" -type f | wc -l; }

nothing_in() { [ -z "$(ls -A "$1")" ] || { ls -lA "$1"; return 1; }; }

# Sends one message through talk, which must get $1.
deliver() {
    talk '<220' '>EHLO t' '<250' '>MAIL FROM:<a@x.test>' '<250' '>RCPT TO:<b@x.test>' '<250' '>RCPT TO:<c@x.test>' \
        '<250' '>DATA' '<354' '>Subject: t' '>' "=${2-hi\\r\\n}" '>.' "<$1" '>QUIT' "<${3-221}" '<EOF'
}

t_every_octet_survives() {
    python3 - "$FAKESMTP" <<'PY'
import subprocess, os, re, socket
import sys
body = bytes(range(256)) * 3 + b"\n.\n\r.\r\r\n..\r\n.\r\r\n\x00\r\n" + bytes(255 - i for i in range(256)) + b"\r\n"
stuffed = (b"\r\n" + body).replace(b"\r\n.", b"\r\n..")[2:]
def run(*options):
    os.mkfifo("port")
    p = subprocess.Popen([sys.argv[1], "-q", "-p", "0", "--port-file", "port", *options], stdout=subprocess.PIPE)
    port = int(open("port").read())
    os.unlink("port")
    s = socket.create_connection(("127.0.0.1", port), timeout=60)
    s.sendall(b"EHLO t\r\nMAIL FROM:<>\r\nRCPT TO:<b@x.test>\r\nDATA\r\n" + stuffed + b".\r\nQUIT\r\n")
    while s.recv(65536):
        pass
    out = p.stdout.read()
    assert p.wait(60) == 0
    return out
assert run("--crlf") == body
assert run() == body.replace(b"\r\n", b"\n")
run("--crlf", "-d", "mail")
assert open("mail/0001.eml", "rb").read() == body
run("-d", "mail")
assert open("mail/0002.eml", "rb").read() == body.replace(b"\r\n", b"\n")
PY
}

t_there_before_the_250() {
    start -n 1 -d mail
    talk '<220' '>EHLO t' '<250' '>MAIL FROM:<a@x.test>' '<250' '>RCPT TO:<b@x.test>' '<250' '>DATA' '<354' '>x' '>.' \
        '<250' exists:mail/0001.eml '>QUIT' '<221' '<EOF'
    finish
    status_is 0
}

# have_mode MODE TYPE PATH ...: what is of this type there and below, and it must not be nothing
have_mode() {
    mode=$1 type=$2
    shift 2
    for path in "$@"; do
        [ -n "$(find "$path" -type "$type")" ] || { echo "nothing in $path"; return 1; }
        find "$path" -type "$type" ! -perm "$mode" -ls >odd
        [ ! -s odd ] || { cat odd; return 1; }
    done
}

# Files and directories are made by the umask, so that others can read the mail of a service.  What is private stays so.
t_modes_are_those_of_the_umask() {
    for mask in 022 007 077; do
        umask "$mask"
        directory=$(printf %o $((0777 & ~mask))) file=$(printf %o $((0666 & ~mask)))
        for place in -d --maildir; do
            rm -rf mail attached stream transcript
            start -n 1 "$place" mail/deep --attachments attached -j -o stream --transcript transcript
            talk '<220' '>EHLO t' '<250' '>MAIL FROM:<>' '<250' '>RCPT TO:<b@x.test>' '<250' '>DATA' '<354' \
                '>Content-Type: a/b; name=n' '>' '>x' '>.' '<250' '>QUIT' '<221' '<EOF'
            finish
            status_is 0
            have_mode "$directory" d mail attached
            have_mode "$file" f mail attached stream transcript
        done
        rm -f stream
        run -f mbox -o stream sh -c 'ls -ld "$FAKESMTP_DIR"'
        status_is 0
        have_mode "$file" f stream
        grep -q '^drwx------' out
    done
}

t_numbers_go_on() {
    mkdir mail
    echo old >mail/0041.eml
    start -n 1 -d mail
    send new
    finish
    grep -q new mail/0042.eml
    [ "$(cat mail/0041.eml)" = old ]
}

# A planted file with the highest number that counts does not make later runs try each name after it.
t_planted_number() {
    mkdir mail
    python3 -c 'for i in range(1000): open("mail/%d.eml" % (10**18 - 1 + i), "w")'
    start_under strace -f -q -o trace -e trace=linkat,getdents64 -- -n 2 -d mail
    deliver 250
    deliver 250
    finish
    status_is 0
    [ "$(find mail -size +0 -name '*.eml' | wc -l)" -eq 2 ]
    [ "$(wc -l <trace)" -lt 100 ] || { echo "$(wc -l <trace) calls"; return 1; }
}

t_directory_is_made() {
    start -n 1 -d a/b/c
    send new
    finish
    [ -f a/b/c/0001.eml ]
}

t_maildir() {
    start -n 2 --maildir md
    send one
    send two
    finish
    status_is 0
    python3 - <<'PY'
import mailbox, os
box = mailbox.Maildir("md", create=False)
assert len(box) == 2
assert sorted(m.get_payload() for m in box) == ["one\n", "two\n"]
assert os.listdir("md/tmp") == [] and os.listdir("md/cur") == []
PY
}

t_json_without_a_file() {
    start -j -n 1
    send one
    finish
    [ "$(jq .file out)" = null ]
}

t_files_and_a_stream() {
    start -n 1 -d mail -f eml
    send one
    finish
    same out mail/0001.eml
    start -n 1 -d mail -o stream
    send two
    finish
    same stream mail/0002.eml
    [ ! -s out ]
    start -n 1 -f none
    send three
    finish
    status_is 0
    [ ! -s out ]
}

# Every user who can read a file can hold a read lock, so only a write lock is waited for.
t_read_lock_delays_nobody() {
    echo old >stream
    : >box
    python3 - "$FAKESMTP" <<'PY'
import fcntl, os, smtplib, subprocess, sys
def run(*options):
    os.mkfifo("port")
    p = subprocess.Popen([sys.argv[1], "-q", "-n", "1", "-t", "60", "-p", "0", "--port-file", "port", *options])
    with open("port") as port, smtplib.SMTP("127.0.0.1", int(port.read()), timeout=60) as s:
        s.sendmail("a@x.test", ["b@x.test"], "Subject: x\n\nhi\n")
    os.unlink("port")
    assert p.wait(60) == 0
for name in "stream", "box":
    fcntl.lockf(os.open(name, os.O_RDONLY), fcntl.LOCK_SH)
run("-f", "text", "-o", "stream")
run("-f", "mbox", "-o", "box")
assert b"old" not in open("stream", "rb").read() and b"hi\n" in open("box", "rb").read()
PY
}

# A mail is in the mbox before the lock is given back, so a failure of that is none of the mail.
t_mbox_that_cannot_be_unlocked() {
    start_under strace -f -q -o trace -e trace=fcntl -- -q -n 1 -f mbox -o box
    send
    finish
    unlock=$(grep -n F_UNLCK trace | head -n 1 | cut -d: -f1)
    rm box
    start_under strace -f -q -o trace -e trace=fcntl -e inject=fcntl:error=ENOLCK:when="$unlock" -- -q -n 1 -f mbox -o box
    send
    finish
    status_is 0
    grep -q 'F_UNLCK.*INJECTED' trace
    [ "$(grep -c hello box)" -eq 1 ]
}

t_one_file_is_for_one_run() {
    start -k -o stream
    send first
    first=$pid
    run -p 0 -n 1 -t 1 -o stream
    status_is 3 'fakesmtp: cannot write to stream: another process is writing to it'
    grep -q first stream
    kill "$first"
    start -n 1 -o stream # it is free again, if not at once
    send second
    finish
    grep -q second stream
    fails grep -q first stream
}

t_envelope_headers() {
    start -n 1 -e --hostname sink.test
    deliver 250
    finish
    sed -n 1,3p out >start.txt
    printf 'Return-Path: <a@x.test>\nDelivered-To: b@x.test\nDelivered-To: c@x.test\n' >expected
    same start.txt expected
    sed -n 4,7p out | tr '\n' ' ' | grep -Eq '^Received: from t \(\[127\.0\.0\.1\]\) .by sink\.test with ESMTP id 1; .[A-Z][a-z][a-z], [0-9]+ [A-Z][a-z][a-z] [0-9]{4} [0-9:]{8} [+-][0-9]{4} Subject: t '
    start -n 1 -e
    talk '<220' '>HELO a(b' '<250' '>MAIL FROM:<>' '<250' '>RCPT TO:<b@x.test>' '<250' '>DATA' '<354' '>S: t' '>.' '<250' \
        '>QUIT' '<221'
    finish
    grep -qx 'Return-Path: <>' out
    grep -qx 'Received: from a_b (\[127.0.0.1\])' out
    python3 -c '
import email, email.policy
m = email.message_from_file(open("out"), policy=email.policy.default)
assert m.keys() == ["Return-Path", "Delivered-To", "Received", "S"], m.keys()
assert "with SMTP id 1 for <b@x.test>;" in " ".join(m["Received"].split()), m["Received"]
'
}

t_order_is_that_of_the_replies() {
    start -n 2 -d mail
    talk '<220' '>EHLO t' '<250' '>MAIL FROM:<>' '<250' '>RCPT TO:<b@x.test>' '<250' '>DATA' '<354' '>begun first' \
        + '<220' '>EHLO t' '<250' '>MAIL FROM:<>' '<250' '>RCPT TO:<b@x.test>' '<250' '>DATA' '<354' '>ended first' \
        '>.' '<250' @1 '>.' '<250' '>QUIT' '<221'
    finish
    grep -q 'ended first' mail/0001.eml
    grep -q 'begun first' mail/0002.eml
}

t_messages_do_not_mix_in_a_stream() {
    start -n 20
    python3 - "$port" <<'PY'
import socket, sys
n = 20
clients = [socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=60) for _ in range(n)]
for i, s in enumerate(clients):
    s.sendall(b"EHLO t\r\nMAIL FROM:<>\r\nRCPT TO:<b@x.test>\r\nDATA\r\n")
for k in range(200):
    for i, s in enumerate(clients):
        s.sendall(b"%d %s\r\n" % (i, b"x" * 1000))
for s in clients:
    s.sendall(b".\r\nQUIT\r\n")
for s in clients:
    while s.recv(65536):
        pass
PY
    finish
    status_is 0
    python3 -c '
owners = [line.split()[0] for line in open("out")]
assert len(owners) == 4000
assert all(len(set(owners[i:i + 200])) == 1 for i in range(0, 4000, 200))
'
}

t_refused_leaves_nothing() {
    start -k -d mail --max-size 1000
    talk '<220' '>EHLO t' '<250' '>MAIL FROM:<>' '<250' '>RCPT TO:<b@x.test>' '<250' '>DATA' '<354' \
        '*20000:too much of this\r\n' '>.' '<552' '>QUIT' '<221'
    kill "$pid"
    finish
    nothing_in mail
}

t_lost_in_the_middle_leaves_nothing() {
    start -k -d mail
    talk '<220' '>EHLO t' '<250' '>MAIL FROM:<>' '<250' '>RCPT TO:<b@x.test>' '<250' '>DATA' '<354' \
        '*20000:enough for a file\r\n' close
    talk '<220' '>QUIT' '<221' '<EOF'
    nothing_in mail
    kill "$pid"
    finish
    nothing_in mail
}

t_file_too_large() {
    rm -f port && mkfifo port
    (ulimit -f 100 && GCOV_PREFIX=$PWD exec "$FAKESMTP" -k -p 0 --port-file port -d mail 2>err) &
    pid=$!
    read -r port <port
    talk '<220' '>EHLO t' '<250' '>MAIL FROM:<>' '<250' '>RCPT TO:<b@x.test>' '<250' '>DATA' '<354' \
        '*20000:more than the limit\r\n' '>.' '<452' '>NOOP' '<250' '>QUIT' '<221'
    nothing_in mail
    send small
    kill "$pid"
    finish
    status_is 4 'fakesmtp: 1 message could not be written to mail: File too large'
    [ "$(files mail)" -eq 1 ]
}

t_full_disk() {
    [ "$(id -u)" -eq 0 ] || { echo "needs root, to mount a small disk"; return 1; }
    mkdir disk
    mount -t tmpfs -o size=64k,nr_inodes=20 none disk
    trap 'umount disk' EXIT
    start -k -d disk
    talk '<220' '>EHLO t' '<250' '>MAIL FROM:<>' '<250' '>RCPT TO:<b@x.test>' '<250' '>DATA' '<354' \
        '*20000:more than the disk holds\r\n' '>.' '<452' '>QUIT' '<221' '<EOF'
    nothing_in disk
    # until its inodes run out: all that were acknowledged are there
    for i in $(seq 30); do
        send "$i" 2>>curl.err && echo "$i" >>acknowledged
    done
    kill "$pid"
    finish
    status_is 4 'fakesmtp: [0-9]+ messages could not be written, the first one to disk: No space left on device'
    [ "$(files disk)" -eq "$(wc -l <acknowledged)" ]
    for i in $(cat acknowledged); do grep -qx "$i" disk/*.eml; done
    [ -z "$(find disk -name '.*' -type f)" ]
    umount disk
    trap - EXIT
}

# Chunks that are large go where they are wanted by themselves.
t_large_chunks() {
    start -n 2 --crlf -d mail
    talk '<220' '>EHLO t' '<250' '>MAIL FROM:<>' '<250' '>RCPT TO:<b@x.test>' '<250' '>BDAT 100000' '*10000:0123456\r\n.' '<250' \
        '>BDAT 14' '=Short, between' '<250' '>BDAT 1000000 LAST' '*125000:abcdef\r\n' '<250' \
        '>MAIL FROM:<>' '<250' '>RCPT TO:<b@x.test>' '<250' '>BDAT 3 LAST' '=x\r\n' '<250' '>QUIT' '<221' '<EOF'
    finish
    status_is 0
    python3 -c 'import sys; sys.stdout.write("0123456\r\n." * 10000 + "Short, between" + "abcdef\r\n" * 125000)' >want
    cmp mail/0001.eml want
    printf 'x\r\n' | cmp mail/0002.eml -
}

t_large_chunks_discarded() {
    start -n 1 -f none
    talk '<220' '>EHLO t' '<250' '>MAIL FROM:<>' '<250' '>BDAT 100000' '*100000:x' '<503' '>RCPT TO:<b@x.test>' '<250' \
        '>BDAT 100000' '*100000:x' '<250' '>BDAT 1000000 LAST' '*1000000:y' '=NOOP\r\nQUIT\r\n' '<250' '<250' '<221' '<EOF'
    finish
    status_is 0
}

# A chunk that is refused is not written, however large it is.
t_refused_chunk_is_not_written() {
    start_under strace -f -q -o trace -e trace=write -- -q -c 1 --strict --crlf -d mail
    talk '<220' '>EHLO t.test' '<250' '>MAIL FROM:<>' '<250' '>RCPT TO:<b@x.test>' '<250' '>BDAT 90000' '*9000:01234567\r\n' '<250' \
        '>BDAT  3000000' '*3000000:x' '<501' '>QUIT' '<221' '<EOF'
    finish
    python3 - <<'PY'
import re
written = sum(int(n) for n in re.findall(r"= (\d+)$", open("trace").read(), re.M))
assert written < 300000, written
PY
}

# Urgent octets are not mail data, and delay nothing.
t_urgent_octet() {
    start -n 1 --crlf -d mail
    python3 - "$port" <<'PY'
import socket, sys
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=60)
s.sendall(b"EHLO t\r\nMAIL FROM:<>\r\nRCPT TO:<b@x.test>\r\nBDAT 100000\r\n" + b"x" * 100000)
f = s.makefile("rb")
while not f.readline().startswith(b"250 2.0.0"):
    pass
s.sendall(b"BDAT 200000 LAST\r\n" + b"y" * 51000)
s.send(b"!", socket.MSG_OOB)
s.sendall(b"y" * 149000 + b"QUIT\r\n")
assert f.readline().startswith(b"250"), "not taken"
PY
    finish
    status_is 0
    python3 -c 'import sys; sys.stdout.write("x" * 100000 + "y" * 200000)' | cmp mail/0001.eml -
}

# The octets after a refused chunk are not a message, and none is stored.
t_refused_chunk_in_a_message() {
    for options in '' --strict; do
        start -q $options -c 1 -d mail
        talk '<220' '>EHLO t.test' '<250' '>MAIL FROM:<>' '<250' '>RCPT TO:<b@x.test>' '<250' '>BDAT 7' '=first\r\n' '<250' \
            '>BDAT  8 LSAT' '<501' '>BDAT 6 LAST' '=last\r\n' '<503' '>QUIT' '<221' '<EOF'
        finish
        nothing_in mail
    done
}

# The client goes in the middle of one: nothing is left.
t_large_chunk_cut_off() {
    start -c 1 -n 1 --crlf -d mail
    talk '<220' '>EHLO t' '<250' '>MAIL FROM:<>' '<250' '>RCPT TO:<b@x.test>' '<250' '>BDAT 1000000 LAST' '*900000:x' close
    finish
    status_is 1
    err_has 'fakesmtp: .*; 1 more cut off before the end'
    nothing_in mail
}

t_full_disk_with_chunks() {
    [ "$(id -u)" -eq 0 ] || { echo "needs root, to mount a small disk"; return 1; }
    mkdir disk
    mount -t tmpfs -o size=256k none disk
    trap 'umount disk' EXIT
    start -k --crlf -d disk
    talk '<220' '>EHLO t' '<250' '>MAIL FROM:<>' '<250' '>RCPT TO:<b@x.test>' '<250' '>BDAT 1000000 LAST' '*1000000:x' '<452' \
        '>MAIL FROM:<>' '<250' '>RCPT TO:<b@x.test>' '<250' '>BDAT 100000 LAST' '*100000:y' '<250' '>QUIT' '<221' '<EOF'
    kill "$pid"
    finish
    status_is 4 'fakesmtp: 1 message could not be written to disk: No space left on device'
    [ "$(files disk)" -eq 1 ]
    [ "$(wc -c <disk/0001.eml)" -eq 100000 ]
    umount disk
    trap - EXIT
}

# Each system call fails once: the client is told, and nothing is left.  A reply that could not be written is none.
t_each_call_fails_once() {
    refused=0
    for inject in openat:error=ENOSPC write:error=EIO linkat:error=EDQUOT fsync:error=EIO; do
        for when in $(seq 1 16); do
            rm -rf mail && mkdir mail
            start_under strace -f -q -o /dev/null -e inject="$inject:when=$when" -- -q -t 60s -n 1 --fsync -d mail
            if [ -z "$port" ]; then
                finish
                [ "$status" -ge 3 ]
                continue
            fi
            reply=$(talk '<220' '>EHLO t' '<250' '>MAIL FROM:<>' '<250' '>RCPT TO:<b@x.test>' '<250' '>DATA' '<354' \
                '>whole' '>.' '<' 2>/dev/null | tail -n 1)
            case $reply in
            250*Message* | 45*) ;;
            *) # it would wait for another
                traced=$(cat "/proc/$pid/task/$pid/children" 2>/dev/null) || traced=
                [ -z "$traced" ] || kill $traced 2>/dev/null || :
                ;;
            esac
            finish
            if grep -q 'LeakSanitizer does not work' err; then continue; fi # a call of its own failed
            case $reply in
            '250 2.0.0 Message'*)
                status_is 0
                [ "$(cat mail/0001.eml)" = whole ]
                ;;
            45*)
                status_is 4 'fakesmtp: 1 message could not be written to mail: .*'
                nothing_in mail
                refused=$((refused + 1))
                ;;
            *)
                status_is 1
                [ ! -e mail/0001.eml ] || [ "$(cat mail/0001.eml)" = whole ]
                ;;
            esac
        done
    done
    [ "$refused" -ge 4 ] || { echo "$refused were refused"; return 1; }
}

# The names of directories that are made are on the disk as well, or the mail in them is lost.
t_fsync_covers_directories() {
    mkdir old
    for place in '-d old/a/b' '--maildir old/m' '-d mail --attachments c/d'; do
        start_under strace -f -q -y -o trace -e trace=fsync -- -q -n 1 --fsync $place
        send
        finish
        status_is 0
        sed -n "s|.*fsync([0-9]*<$PWD\\(.*\\)>.*|\\1|p" trace | grep -v 'deleted' >>synced
    done
    for directory in '' /old /old/a /old/a/b /old/m /old/m/new /mail /c; do
        grep -qx "$directory" synced || { echo "$directory: not synced"; cat trace; return 1; }
    done
    [ "$(grep -cx '' synced)" -eq 2 ] # mail and c
    # some file systems cannot do it
    start_under strace -f -q -o /dev/null -e trace=fsync -P "$PWD/mail" -e inject=fsync:error=EINVAL -- -q -n 1 --fsync -d mail
    send
    finish
    status_is 0
}

# Killed at any system call: what has its final name is whole, and what was acknowledged is there.
t_killed_at_each_call() {
    kept=0 lost=0
    for call in openat write linkat close; do
        for when in $(seq 1 20); do
            rm -rf mail talked && mkdir mail
            start_under strace -f -q -o /dev/null -e inject="$call:signal=KILL:when=$when" -- -q -n 1 -d mail
            [ -z "$port" ] || talk '<220' '>EHLO t' '<250' '>MAIL FROM:<>' '<250' '>RCPT TO:<b@x.test>' '<250' \
                '>DATA' '<354' '>whole' '>.' '<250' '>QUIT' >talked 2>&1 || true
            finish 2>/dev/null
            if [ -f mail/0001.eml ]; then
                [ "$(cat mail/0001.eml)" = whole ]
                kept=$((kept + 1))
            else
                fails grep -q '^250 2.0.0 Message' talked
                lost=$((lost + 1))
            fi
        done
    done
    [ "$kept" -gt 0 ] && [ "$lost" -gt 4 ] || { echo "kept $kept, lost $lost"; return 1; }
}

# no_links CALLS ERROR: these calls fail; mail is stored all the same, and nothing is overwritten
no_links() {
    rm -rf mail md at && mkdir mail at
    for place in '-d mail --attachments at' '--maildir md'; do
        start_under strace -f -q -o /dev/null -e "inject=$1:error=$2" -- -q -n 2 $place
        echo another >mail/0001.eml
        echo another >at/0001-part.bin
        for _ in 1 2; do
            talk '<220' '>EHLO t' '<250' '>MAIL FROM:<>' '<250' '>RCPT TO:<b@x.test>' '<250' '>DATA' '<354' \
                '>Content-Type: application/octet-stream' '>' '>one of two' '>.' '<250' '>QUIT' '<221'
        done
        finish
        status_is 0
    done
    [ "$(cat mail/0001.eml at/0001-part.bin)" = "$(echo another; echo another)" ]
    [ "$(ls mail | tr '\n' ' ')" = '0001.eml 0002.eml 0003.eml ' ]
    [ "$(ls at | tr '\n' ' ')" = '0001-part-2.bin 0001-part.bin 0002-part.bin ' ]
    grep -q two at/0001-part-2.bin
    [ "$(grep -lr 'one of two' mail md/new at | wc -l)" -eq 6 ]
    [ "$(find mail md at -type f | wc -l)" -eq 8 ]
}

# Without hard links the file is renamed, as exFAT and the shared folders of virtual machines need it.
t_no_hard_links() {
    no_links linkat EPERM
    for error in EPERM EOPNOTSUPP ENOSYS EINVAL; do
        no_links linkat,renameat2 "$error"
    done
}

t_directory_that_goes_away() {
    start -n 1 -d mail
    rm -r mail
    deliver 451 'hi\r\n' 421
    finish
    status_is 4 'fakesmtp: 1 message could not be written to mail: No such file or directory'
}

t_large_message_in_little_memory() {
    rm -f port && mkfifo port
    (limit_memory && exec "$FAKESMTP" -n 1 -p 0 --port-file port -d mail 2>err) &
    pid=$!
    read -r port <port
    python3 - "$port" <<'PY'
import socket, sys
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=100)
block = (b"x" * 70 + b"\r\n") * 14564 # 1 MiB
s.sendall(b"EHLO t\r\nMAIL FROM:<>\r\nRCPT TO:<b@x.test>\r\nDATA\r\n")
for _ in range(1024):
    s.sendall(block)
s.sendall(b".\r\nQUIT\r\n")
got = b""
while True:
    more = s.recv(65536)
    if not more:
        break
    got += more
assert got.endswith(b"250 2.0.0 Message accepted\r\n221 2.0.0 Bye\r\n"), got
PY
    finish
    status_is 0
    [ "$(wc -c <mail/0001.eml)" -eq $((1024 * 14564 * 71)) ]
    rm -r mail
}

t_large_message_through_a_pipe() {
    rm -f port && mkfifo port
    (limit_memory && TMPDIR=$PWD && export TMPDIR && exec "$FAKESMTP" -n 1 -p 0 --port-file port 2>err) | wc -c >count &
    pid=$!
    read -r port <port
    talk '<220' '>EHLO t' '<250' '>MAIL FROM:<>' '<250' '>RCPT TO:<b@x.test>' '<250' '>DATA' '<354' \
        '*1000000:a line of some length, and a million of them\r\n' '>.' '<250' '>QUIT' '<221'
    finish
    status_is 0
    [ "$(cat count)" -eq $((1000000 * 45)) ]
    [ -z "$(find . -name '.fakesmtp*')" ]
}

t_many_in_one_directory() {
    for i in 1 2 3 4; do
        (mkdir "$i" && cd "$i" && start -n 25 -d ../mail && i=0 && while [ $i -lt 25 ]; do i=$((i + 1)); echo "$i"; done |
            while read -r k; do send "$k"; done && finish && status_is 0) &
        pids="${pids-} $!"
    done
    for p in $pids; do wait "$p"; done
    [ "$(files mail)" -eq 100 ]
    [ -f mail/0100.eml ]
}

# A client whose message cannot be stored yet waits alone: 20 others are served; nothing is lost or doubled, and the order is kept.
t_blocked_stream_delays_its_own_mail_only() {
    python3 - "$FAKESMTP" <<'PY'
import fcntl, os, re, signal, socket, subprocess, sys, time

def connect(port):
    s = socket.create_connection(("127.0.0.1", port), timeout=60)
    f = s.makefile("rb")
    assert f.readline().startswith(b"220")
    return s, f

def say(c, text, code):
    c[0].sendall(text + b"\r\n")
    line = c[1].readline()
    while line[3:4] == b"-":
        line = c[1].readline()
    assert line.startswith(code), line

def send(c, subject, octets, done):
    """Has a mail on its way until it has its file: it is stored except for the stream."""
    say(c, b"HELO t", b"250")
    say(c, b"MAIL FROM:<a@x.test>", b"250")
    say(c, b"RCPT TO:<b@x.test>", b"250")
    say(c, b"DATA", b"354")
    c[0].sendall(b"Subject: " + subject + b"\r\n\r\n" + octets + b"\r\n.\r\n")
    end = time.monotonic() + 60
    while not os.path.exists(done):
        assert time.monotonic() < end, done

for kind in "eml", "mbox":
    for drain in True, False:
        os.mkdir(kind) if not os.path.exists(kind) else None
        name = "%s/stream-%s" % (kind, drain)
        mail = "%s/mail-%s" % (kind, drain)
        os.mkfifo(kind + "/port")
        if kind == "eml":
            os.mkfifo(name)
        p = subprocess.Popen([sys.argv[1], "-q", "-k", "-p", "0", "--port-file", kind + "/port", "-f", kind, "-o", name, "-d", mail],
                             stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
        if kind == "eml":
            reader = os.open(name, os.O_RDONLY)
        port = int(open(kind + "/port").read())
        os.unlink(kind + "/port")
        if kind == "mbox":
            box = open(name, "r+b")
            fcntl.lockf(box, fcntl.LOCK_EX)
        waiting = [connect(port) for _ in range(3)]
        for i, c in enumerate(waiting):
            send(c, b"mail %d" % i, b"x" * (300000 if i == 0 else 10), "%s/%04d.eml" % (mail, i + 1))
        others = [connect(port) for _ in range(20)]
        for c in others:
            say(c, b"EHLO t", b"250")
        for c in others:
            say(c, b"MAIL FROM:<a@x.test>", b"250")
            say(c, b"NOOP", b"250")
        held = time.monotonic() + (10 if drain else 0)
        while time.monotonic() < held:
            for c in others:
                say(c, b"NOOP", b"250")
            time.sleep(0.05)
        for c in waiting: # none of them has its reply
            c[0].setblocking(False)
            try:
                assert not c[0].recv(1), "a reply to mail that is not stored"
            except BlockingIOError:
                pass
            c[0].setblocking(True)
        if drain and kind == "eml":
            got = b""
            while got.count(b"Subject: ") < 3:
                got += os.read(reader, 65536)
        if drain and kind == "mbox":
            fcntl.lockf(box, fcntl.LOCK_UN)
        if drain:
            for c in waiting:
                assert c[1].readline().startswith(b"250")
                say(c, b"QUIT", b"221")
        p.send_signal(signal.SIGTERM)
        if not drain:
            for c in waiting:
                assert c[1].readline().startswith(b"451")
        status = p.wait(60)
        said = p.stderr.read().decode()
        if drain:
            assert status == 0, (status, said)
            if kind == "mbox":
                got = open(name, "rb").read()
            assert re.findall(rb"Subject: mail (\d)", got) == [b"0", b"1", b"2"], got[:200]
        else:
            assert status == 4, (status, said)
            assert ("its reader reads nothing" if kind == "eml" else "another process has locked it") in said, said
            assert os.listdir(mail) == [], os.listdir(mail)
            if kind == "mbox":
                assert os.path.getsize(name) == 0
        if kind == "eml":
            os.close(reader)
PY
}

# A mail that a client has pipelined after another waits behind those of other clients that came before.
t_stream_keeps_the_order() {
    start -v -n 3 -f mbox -o box
    python3 - "$port" <<'PY'
import fcntl, re, socket, sys, time
box = open("box", "r+b")
fcntl.lockf(box, fcntl.LOCK_EX)
def send(subjects):
    s = socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=60)
    mails = [b"MAIL FROM:<>\r\nRCPT TO:<b@x.test>\r\nBDAT %d LAST\r\n%s" % (len(t), t) for t in (b"Subject: %s\r\n\r\n" % x for x in subjects)]
    s.sendall(b"EHLO t\r\n" + b"".join(mails) + b"QUIT\r\n")
    return s
def ended(n):
    limit = time.monotonic() + 60
    while len(re.findall(r" C: BDAT .*LAST", open("err").read())) < n:
        assert time.monotonic() < limit, "the mail data have not come"
        time.sleep(0.01)
first = send([b"one", b"three"])
ended(1)
second = send([b"two"])
ended(2)
fcntl.lockf(box, fcntl.LOCK_UN)
for s in first, second:
    while s.recv(1000):
        pass
PY
    finish
    status_is 0
    [ "$(sed -n 's/^Subject: //p' box | tr '\n' ' ')" = 'one two three ' ]
}

# Replies that wait to be sent before that of a mail do not make it count as sent.
t_reply_behind_others_counts_once_it_is_sent() {
    python3 - "$FAKESMTP" <<'PY'
import fcntl, os, subprocess, sys, time
open("box", "w").close()
box = open("box", "r+b")
fcntl.lockf(box, fcntl.LOCK_EX)
p = subprocess.Popen([sys.argv[1], "-v", "-n", "1", "-l", "-", "-f", "mbox", "-o", "box"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=open("err", "w"))
fcntl.fcntl(p.stdout, 1031, 4096) # F_SETPIPE_SZ
p.stdin.write(b"EHLO t\r\n" + b"NOOP\r\n" * 600 + b"MAIL FROM:<>\r\nRCPT TO:<b@x.test>\r\nDATA\r\nSubject: x\r\n\r\nhi\r\n.\r\n")
p.stdin.flush()
limit = time.monotonic() + 60
while " C: .\n" not in open("err").read(): # it waits for the lock
    assert time.monotonic() < limit
    time.sleep(0.01)
fcntl.lockf(box, fcntl.LOCK_UN)
while "Message accepted" not in open("err").read():
    assert time.monotonic() < limit
    time.sleep(0.01)
got = os.read(p.stdout.fileno(), 4096)
assert got.count(b"250") < 500, got
p.stdout.close()
p.stdin.close()
assert p.wait(60) == 1, p.returncode
PY
}

# While JSON is made of a large message, other clients are served: many whole sessions, where a server that is busy with
# it would serve one at most.
t_large_message_delays_nobody() {
    start -q -j -o json -k
    python3 - "$port" <<'PY'
import select, socket, sys

def connect():
    s = socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=60)
    f = s.makefile("rb")
    assert f.readline().startswith(b"220")
    return s, f

def say(c, text, code):
    c[0].sendall(text)
    line = c[1].readline()
    assert line.startswith(code), line

def visit():
    c = connect()
    say(c, b"NOOP\r\n", b"250")
    c[0].close()

large = connect()
for command, code in (b"HELO t", b"250"), (b"MAIL FROM:<a@x.test>", b"250"), (b"RCPT TO:<b@x.test>", b"250"), (b"DATA", b"354"):
    say(large, command + b"\r\n", code)
large[0].sendall(b"Content-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n")
line = b"Gr=FC=DFe=20" * 7 + b"\r\n"
for i in range(1000):
    large[0].sendall(line * 1000)
visit()
large[0].sendall(b".\r\n")
visits = 0
while not select.select([large[0]], [], [], 0)[0]:
    visit()
    visits += 1
assert large[1].readline().startswith(b"250")
assert visits > 5, visits
PY
    stop
    [ "$(jq -r .text json | head -n 1)" = 'Grüße Grüße Grüße Grüße Grüße Grüße Grüße ' ]
}

# A large message that does not match is no reason to refuse one that does, while it is read.
t_message_being_read_does_not_count() {
    start -v -j -o json -n 1 --match 'subject: small'
    python3 - "$port" <<'PY'
import socket, sys, time

def send(subject, lines):
    s = socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=600)
    f = s.makefile("rb")
    assert f.readline().startswith(b"220")
    for command, code in (b"HELO t", b"250"), (b"MAIL FROM:<a@x.test>", b"250"), (b"RCPT TO:<b@x.test>", b"250"), (b"DATA", b"354"):
        s.sendall(command + b"\r\n")
        line = f.readline()
        assert line.startswith(code), line
    s.sendall(b"Subject: %s\r\n\r\n" % subject)
    for i in range(lines):
        s.sendall((b"a line of sixty-two octets, which stand for those of a letter\r\n") * 1000)
    s.sendall(b".\r\n")
    return s, f

large = send(b"large", 1000)
limit = time.monotonic() + 600
while "1 C: .\n" not in open("err").read(): # all of it has come
    assert time.monotonic() < limit
    time.sleep(0.01)
small = send(b"small", 0)
for s, f in large, small:
    line = f.readline()
    assert line.startswith(b"250"), line
PY
    finish
    status_is 0
    [ "$(jq -c '[.subject, .matched]' json)" = '["large",false]
["small",true]' ]
}

# A reader's lock, which every user who can read the file can hold, does not let two runs write to one file.
t_read_lock_does_not_let_two_runs_write() {
    : >stream
    mkfifo held go
    python3 -c '
import fcntl
f = open("stream", "rb")
fcntl.lockf(f, fcntl.LOCK_SH)
open("held", "w").close()
open("go").read()' &
    reader=$!
    : <held
    start -q -k -j -o stream
    send
    run -q -n 0 -j -o stream true
    status_is 3 'fakesmtp: cannot write to stream: another process is writing to it'
    stop
    : >go
    wait "$reader"
    [ "$(jq -r .subject stream)" = test ]
}

# ---- messages of earlier runs ----

# shellcheck disable=SC2016 # for another shell
one='printf "Subject: t\r\n\r\nhello\r\n" | curl -sS "$SMTP_URL" --mail-from a@x.test --mail-rcpt b@x.test -T -'

t_messages_of_earlier_runs_are_told() {
    for place in -d --maildir; do
        rm -rf mail
        run "$place" mail sh -c "$one"
        status_is 0
        fails grep holds err
        run "$place" mail sh -c "$one"
        status_is 0 'fakesmtp: mail holds 1 message already; --fresh removes it'
        run -q "$place" mail true
        status_is 0
        [ ! -s err ]
        run "$place" mail true
        status_is 0 'fakesmtp: mail holds 2 messages already; --fresh removes them'
        run --fresh "$place" mail -n 0 sh -c 'find mail -type f | grep . || true'
        status_is 0
        [ ! -s out ]
        fails grep holds err
    done
    mkdir other
    touch other/notes.eml other/1.eml other/.0001.eml
    run -d other true
    fails grep holds err
    # what cannot start has removed nothing
    run -q -d mail sh -c "$one"
    run -q --fresh -d mail -p 0 -o none/such
    status_is 3
    taken 1
}

t_fresh() {
    mkdir mail mail/0003.eml other
    touch mail/0003.eml/0001.eml other/0001.eml
    echo precious >precious
    ln -s ../precious mail/0004.eml
    ln -s ../other mail/0005.eml
    mkfifo mail/0006.eml
    ours='0001.eml 0002.eml 9999.eml 12345.eml 999999999999999999.eml .fakesmtp-1.M2P2000000000Q3'
    ours="$ours 0001.json 0001.txt 0001.html .0001.envelope 12345.txt 12345.html .0008.envelope"
    others="0000.eml 1.eml 00001.eml 0001.emlx x0001.eml 0001.EML -001.eml notes.eml 2024.json 0003.txt 2024.html 12345.xml .fakesmtp-socket"
    others="$others .1.envelope 0002.envelope notes.json"
    others="$others .fakesmtp-1.M2P${$}Q3 .fakesmtp-1.M2P2000000000Q3x .fakesmtp-.M2P2000000000Q3 .fakesmtp-1.M2P2000000000"
    for name in $ours $others; do touch "mail/$name"; done
    run --fresh -d mail -n 1 sh -c "$one"
    status_is 0
    (cd mail && find . -mindepth 1 | sed 's/..//' | LC_ALL=C sort) >got
    for name in $others 0003.eml 0003.eml/0001.eml 0006.eml 0007.eml; do echo "$name"; done | LC_ALL=C sort >want
    same got want
    grep -q hello mail/0007.eml
    [ "$(cat precious)" = precious ]
    [ -e other/0001.eml ]
}

t_fresh_maildir() {
    mkdir mail mail/new mail/cur mail/tmp mail/new/1.M2P3Q4.x
    ours='new/1.M2P3Q4.host new/1.M2P3Q5.host,S=5 cur/1.M2P3Q6.host:2,S tmp/1.M2P2000000000Q7.host'
    ours="$ours 1.M2P3Q4.host.json .1.M2P3Q6.host.envelope 1.M2P3Q6.host.txt"
    others="new/1.2.host new/1.M2P3Q4 cur/1.R2P3Q4.host:2, cur/notes tmp/1.M2P${$}Q3.host new/.1.M2P3Q4.host 0001.eml new/0001.eml"
    others="$others 0001.json 1.M2P3Q8.host.json new/0001.json"
    for name in $ours $others; do touch "mail/$name"; done
    run --fresh --maildir mail -n 1 sh -c "$one"
    status_is 0
    (cd mail && find . -type f | sed 's/..//' | grep -v "new/[0-9][0-9][0-9]*\.M") >got.all
    LC_ALL=C sort got.all >got
    for name in $others; do echo "$name"; done | LC_ALL=C sort >want
    same got want
    [ "$(grep -l hello mail/new/* 2>/dev/null | wc -l)" -eq 1 ]
    [ -d mail/new/1.M2P3Q4.x ]
    # a link does not lead out of it
    mv mail/new new
    ln -s ../new mail/new
    before=$(find new)
    run --fresh --maildir mail -p 0 -n 0 -t 0
    status_is 3 'fakesmtp: cannot use directory mail: .*'
    [ "$before" = "$(find new)" ]
}

# ---- files beside messages ----

# is_beside NUMBER [DIRECTORY]: the three files are whole, and those of the message
is_beside() {
    d=${2-mail}
    jq -es --arg file "$d/$1.eml" 'length == 1 and .[0].file == $file' "$d/$1.json" >jq.out
    text=$(sed '1,/^$/d' "$d/$1.eml")
    [ "$(jq -r .text "$d/$1.json")" = "$text" ]
    [ "$(sed '1,/^$/d' "$d/$1.txt" | sed '/^Attachment/d')" = "$text" ]
    tail -n 1 "$d/$1.html" | grep -qx '</html>'
    head -n 1 "$d/.$1.envelope" | grep -q '^Return-Path: <.*>$'
    tail -n 1 "$d/.$1.envelope" | grep -q '^X-Fakesmtp-[A-Z]'
}

all='--beside json,text,html,envelope'

deliver_attachment() {
    talk '<220' '>EHLO t' '<250' '>MAIL FROM:<a@x.test>' '<250' '>RCPT TO:<b@x.test>' '<250' '>DATA' '<354' '>Subject: t' \
        '>Content-Type: a/b; name=n.b' '>' '>hi' '>.' "<$1" '>QUIT' '<221' '<EOF'
}

t_beside() {
    start -n 2 -d mail $all
    deliver 250 '\r\nhi\r\n'
    [ "$(ls -A mail | LC_ALL=C sort | tr '\n' ' ')" = '.0001.envelope 0001.eml 0001.html 0001.json 0001.txt ' ]
    is_beside 0001
    jq -e '.subject == "t" and .envelope.to == ["b@x.test", "c@x.test"] and .n == 1' mail/0001.json >jq.out
    deliver 250 '\r\nsecond\r\n'
    is_beside 0002
    finish
    status_is 0
    [ ! -s out ]
    run -d only --beside text -f none sh -c "$one"
    [ "$(ls -A only | tr '\n' ' ')" = '0001.eml 0001.txt ' ]
    # a stream in the same format is the same
    run -j --beside json,text -d only sh -c "$one"
    same out only/0002.json
    run -f text --beside text,json -d only -o stream sh -c "$one"
    same stream only/0003.txt
    jq -e .subject only/0003.json
    # an mbox has its line all the same
    run -f mbox --beside json -d only -o box sh -c "$one"
    grep -q '^From a@x.test ' box
}

# A test that waits for 0001.eml finds what is beside it.
t_beside_is_there_before_the_message() {
    start_under strace -f -q -s 200 -o trace -e trace=linkat,sendto,write -- -q -n 1 $all -d mail
    deliver 250
    finish
    sed -n 's/.*linkat(.*"\([^"/]*0001[^"]*\)".*= 0$/\1/p; s/.*"250 2.0.0 Message.*/250/p' trace >order
    printf '%s\n' .0001.envelope 0001.txt 0001.json 0001.html 0001.eml 250 >want
    same order want
}

t_beside_in_the_private_directory() {
    run -n 1 sh -c "$one && ls -A \"\$FAKESMTP_DIR\" >names && cp \"\$FAKESMTP_DIR\"/.0001.envelope envelope"
    status_is 0
    [ "$(LC_ALL=C sort names | tr '\n' ' ')" = '.0001.envelope 0001.eml ' ]
    grep -qx 'Delivered-To: b@x.test' envelope
    # shellcheck disable=SC2016 # for another shell
    run --beside json sh -c "$one"' && jq -e .subject "$FAKESMTP_DIR"/0001.json'
    status_is 0
    assignments=$("$FAKESMTP" -b -k --beside json 2>err)
    eval "$assignments"
    curl -sS --max-time 60 "$SMTP_URL" --mail-from a@x.test --mail-rcpt b@x.test -T "$HERE/run"
    [ "$(ls -A "$FAKESMTP_DIR" | LC_ALL=C sort | tr '\n' ' ')" = '.0001.envelope 0001.eml 0001.json ' ]
    kill "$FAKESMTP_PID"
    # elsewhere only what was asked for is written
    run -d mail sh -c "$one"
    [ "$(ls -A mail)" = 0001.eml ]
}

t_envelope_beside() {
    start -n 1 -e --beside envelope --hostname sink.test -d mail
    talk '<220' '>EHLO t_t' '<250' '=AUTH PLAIN AGFcAf8Ac2VjcmV0\r\n' '<235' \
        '=MAIL FROM:<> SMTPUTF8 BODY=8BITMIME RET=HDRS ENVID=a+2Bb\r\n' '<250' \
        '=RCPT TO:<\xc3\xa4@x.test>\r\n' '<250' '>RCPT TO:<c@x.test> NOTIFY=NEVER' '<250' '>DATA' '<354' \
        '>a: b' '=\xff\n\r\n' '>.' '<250' '>QUIT' '<221' '<EOF'
    finish
    status_is 0
    sed 's/^\(X-Fakesmtp-[TP][io][mr][et]: \)[0-9]*$/\1N/; s/^\t[A-Z].*/DATE/' mail/.0001.envelope >got
    {
        printf 'Return-Path: <>\nDelivered-To: \303\244@x.test\nDelivered-To: c@x.test\n'
        printf 'Received: from t_t ([127.0.0.1])\n\tby sink.test with UTF8SMTPA id 1;\nDATE\n'
        printf 'X-Fakesmtp-Time: N\nX-Fakesmtp-Size: 10\nX-Fakesmtp-Lines: LF\nX-Fakesmtp-Port: N\nX-Fakesmtp-Helo: t_t\n'
        printf 'X-Fakesmtp-Auth: a\\x5c\\x01\377\nX-Fakesmtp-Params: SMTPUTF8 BODY=8BITMIME RET=HDRS ENVID=a+2Bb\n'
        printf 'X-Fakesmtp-To-Params: \nX-Fakesmtp-To-Params: NOTIFY=NEVER\n'
        printf 'X-Fakesmtp-Problems: bare-lf, helo-name\nX-Fakesmtp-Added: %d\n' "$(sed '/^a: b/,$d' mail/0001.eml | wc -c)"
    } >want
    same got want
}

t_beside_in_a_maildir() {
    start -n 2 $all --maildir md
    send one
    send two
    finish
    status_is 0
    [ "$(files md/new)" -eq 2 ] && [ "$(files md/tmp)" -eq 0 ]
    for message in md/new/*; do
        name=${message##*/}
        [ "$(jq -r .file "md/$name.json")" = "$message" ]
        [ "$(sed '1,/^$/d' "md/$name.txt")" = "$(sed '1,/^$/d' "$message")" ]
        grep -q '^Return-Path' "md/.$name.envelope"
    done
    [ "$(files md)" -eq 10 ]
}

# What is there already keeps its name, and is not taken for what is beside a new message.
t_beside_numbers() {
    for options in '' "$all" '--beside text'; do
        rm -rf mail && mkdir mail
        echo old | tee mail/0001.json mail/0002.txt mail/.0003.envelope mail/0004.eml mail/0005.json >mail/0099.txt
        start -n 2 -d mail $options
        deliver 250 '\r\nhi\r\n'
        deliver 250 '\r\nhi\r\n'
        finish
        status_is 0
        [ "$(echo mail/*.eml)" = 'mail/0004.eml mail/0006.eml mail/0007.eml' ]
        [ "$(cat mail/0001.json mail/0002.txt mail/.0003.envelope mail/0004.eml mail/0005.json mail/0099.txt | uniq -c | tr -d ' ')" = 6old ]
        [ "$options" != "$all" ] || { is_beside 0006 && is_beside 0007; }
    done
    [ "$(ls -A mail | wc -l)" -eq 10 ]
}

# A number that another process has taken in the meantime is left to it.
t_beside_number_is_taken() {
    for taken in 0001.eml 0001.json 0001.txt 0001.html .0001.envelope; do
        rm -rf mail at
        start -n 2 -d mail $all --attachments at --match 'subject: .' -j -o stream
        echo another >"mail/$taken"
        for _ in 1 2; do
            deliver_attachment 250
        done
        finish
        status_is 0
        [ "$(cat "mail/$taken")" = another ]
        [ "$(find mail -name '*0001*' | wc -l)" -eq 1 ]
        for n in 2 3; do
            [ "$(jq -r .file "mail/000$n.json")" = "mail/000$n.eml" ]
            [ "$(jq -r '.attachments[0].path' "mail/000$n.json")" = "at/000$((n - 1))-n.b" ]
        done
        cat mail/0002.json mail/0003.json | cmp - stream
        [ "$(files mail)" -eq 11 ] && [ "$(files at)" -eq 2 ]
    done
}

t_beside_goes_with_the_message() {
    start -k -d mail $all --max-size 1000 -f eml -o /dev/full --attachments at
    talk '<220' '>EHLO t' '<250' '>MAIL FROM:<>' '<250' '>RCPT TO:<b@x.test>' '<250' '>DATA' '<354' \
        '*20000:too much of this\r\n' '>.' '<552' '>QUIT' '<221'
    nothing_in mail
    deliver_attachment 452
    nothing_in mail
    nothing_in at
    stop 4
}

t_beside_full_disk() {
    [ "$(id -u)" -eq 0 ] || { echo "needs root, to mount a small disk"; return 1; }
    mkdir disk
    mount -t tmpfs -o size=256k,nr_inodes=42 none disk
    trap 'umount disk' EXIT
    start -k -d disk $all
    for i in $(seq 14); do
        send "$i" 2>>curl.err && echo "$i" >>acknowledged
    done
    kill "$pid"
    finish
    status_is 4 'fakesmtp: [0-9]+ messages could not be written, the first one to disk: No space left on device'
    n=$(wc -l <acknowledged)
    [ "$n" -gt 5 ] && [ "$n" -lt 14 ]
    [ "$(files disk)" -eq $((5 * n)) ]
    for i in $(cat acknowledged); do is_beside "$(printf %04d "$i")" disk; done
    umount disk
    trap - EXIT
}

t_beside_each_call_fails_once() {
    refused=0
    for inject in openat:error=ENOSPC write:error=EIO linkat:error=EDQUOT fsync:error=EIO; do
        for when in $(seq 1 24); do
            rm -rf mail && mkdir mail
            start_under strace -f -q -o /dev/null -e inject="$inject:when=$when" -- -q -t 60s -c 1 --fsync -d mail $all
            : >talked
            if [ -n "$port" ]; then
                talk '<220' '>EHLO t' '<250' '>MAIL FROM:<>' '<250' '>RCPT TO:<b@x.test>' '<250' '>DATA' '<354' \
                    '>S: t' '>' '>whole' '>.' '<' '>QUIT' '<' >talked 2>&1 || true
                traced=$(cat "/proc/$pid/task/$pid/children" 2>/dev/null) || traced=
                [ -z "$traced" ] || kill $traced 2>/dev/null || :
            fi
            finish
            if [ -e mail/0001.eml ]; then
                is_beside 0001
                [ "$(files mail)" -eq 5 ]
            else
                nothing_in mail
                fails grep '250 2.0.0 Message' talked
                refused=$((refused + 1))
            fi
        done
    done
    [ "$refused" -ge 20 ] || { echo "$refused were refused"; return 1; }
}

t_beside_killed_at_each_call() {
    kept=0 lost=0
    for when in $(seq 1 6); do
        rm -rf mail && mkdir mail
        start_under strace -f -q -o /dev/null -e inject="linkat:signal=KILL:when=$when" -- -q -n 1 -d mail $all
        talk '<220' '>EHLO t' '<250' '>MAIL FROM:<>' '<250' '>RCPT TO:<b@x.test>' '<250' '>DATA' '<354' '>S: t' '>' '>whole' \
            '>.' '<250' '>QUIT' >talked 2>&1 || true
        finish 2>/dev/null
        if [ -f mail/0001.eml ]; then
            is_beside 0001
            kept=$((kept + 1))
        else
            fails grep '250 2.0.0 Message' talked
            lost=$((lost + 1))
        fi
    done
    [ "$kept" -gt 0 ] && [ "$lost" -gt 2 ] || { echo "kept $kept, lost $lost"; return 1; }
}

t_beside_without_hard_links() {
    for error in EPERM ENOSYS; do
        rm -rf mail
        start_under strace -f -q -o /dev/null -e "inject=linkat,renameat2:error=$error" -- -q -n 2 -d mail $all
        echo another >mail/0001.json
        deliver 250 '\r\nhi\r\n'
        deliver 250 '\r\nhi\r\n'
        finish
        status_is 0
        [ "$(cat mail/0001.json)" = another ]
        is_beside 0002
        is_beside 0003
        [ "$(files mail)" -eq 11 ]
    done
}

t_beside_is_on_the_disk() {
    start_under strace -f -q -y -o trace -e trace=fsync,linkat -- -q -n 1 --fsync --maildir md $all
    deliver 250
    finish
    status_is 0
    [ "$(grep -c 'fsync(.*\(>(deleted)\|/\.fakesmtp-\|/md/tmp/\)' trace)" -eq 5 ] # they have no name yet, or no final one
    sed -n '/linkat(.*html/,$s|.*fsync([0-9]*<.*/\([^/]*\)>.*|\1|p' trace | grep -v deleted | sort -u >synced
    printf 'md\nnew\n' | cmp - synced
}

# Several processes, of which one writes nothing beside, share a directory.
t_beside_many_in_one_directory() {
    for i in 1 2 3 4; do
        (mkdir "$i" && cd "$i" && options=$all && { [ "$i" -lt 4 ] || options=; } && start -n 25 -d ../mail $options &&
            for k in $(seq 25); do send "$i-$k"; done && finish && status_is 0) &
        pids="${pids-} $!"
    done
    for p in $pids; do wait "$p"; done
    [ "$(find mail -name '*.eml' | wc -l)" -eq 100 ]
    [ "$(files mail)" -eq 400 ]
    for json in mail/*.json; do
        name=$(basename "$json" .json)
        [ "$(jq -r .file "$json")" = "../mail/$name.eml" ]
        [ "$(jq -r .text "$json")" = "$(sed '1,/^$/d' "mail/$name.eml")" ]
        [ "$(sed '1,/^$/d' "mail/$name.txt")" = "$(sed '1,/^$/d' "mail/$name.eml")" ]
    done
    [ "$(sed -s '1,/^$/d' mail/*.eml | sort -u | wc -l)" -eq 100 ]
}

# A message that takes long to read keeps its number, and those after it wait.
t_beside_large_message() {
    start -n 2 -d mail --beside json
    python3 - "$port" <<'PY'
import json, os, socket, sys
def say(s, f, text, code):
    s.sendall(text)
    line = f.readline()
    while line[3:4] == b"-":
        line = f.readline()
    assert line.startswith(code), line
clients = []
for i in range(2):
    s = socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=100)
    f = s.makefile("rb")
    say(s, f, b"", b"220")
    for command, code in (b"HELO t", b"250"), (b"MAIL FROM:<>", b"250"), (b"RCPT TO:<b@x.test>", b"250"), (b"DATA", b"354"):
        say(s, f, command + b"\r\n", code)
    clients.append((s, f))
clients[0][0].sendall(b"Subject: large\r\n\r\n" + (b"y" * 70 + b"\r\n") * 200000 + b".\r\n")
clients[1][0].sendall(b"Subject: small\r\n\r\nhi\r\n.\r\n")
for s, f in clients:
    assert f.readline().startswith(b"250")
subjects = set()
for n in 1, 2:
    mail = json.load(open("mail/%04d.json" % n))
    assert mail["file"] == "mail/%04d.eml" % n, mail["file"]
    assert "Subject: " + mail["subject"] in open(mail["file"]).read(100)
    subjects.add(mail["subject"])
assert subjects == {"large", "small"} and len(os.listdir("mail")) == 4
PY
    finish
    status_is 0
}
