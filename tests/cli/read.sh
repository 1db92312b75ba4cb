# SPDX-License-Identifier: ISC
# shellcheck shell=sh disable=SC2154,SC2016 # the names come from lib; some words are another shell's, or jq's
# Mail that is in files already: -r.

# mail NAME [TEXT]: a message in a file of this name, with its name as the subject
mail() { printf 'From: a@x.test\nSubject: %s\n\n%s\n' "$(basename "$1" .eml)" "${2-hello}" >"$1"; }

# subjects WANT [OPTION ...]: the run gives messages with these subjects, in this order
subjects() {
    want=$1
    shift
    run -j "$@"
    got=$(jq -r .subject out | tr '\n' ' ')
    [ "$got" = "$want " ] || [ "$got" = "$want" ] || { echo "got '$got', not '$want'"; cat err; return 1; }
}

# json FILE: what JSON says of a message beside who sent it, and when
json() { jq -Sc 'del(.n, .time, .time_epoch, .file, .client)' "$1"; }

t_a_message() {
    mail one.eml
    run -r one.eml
    status_is 0
    same out one.eml
    sed 's/$/\r/' one.eml >crlf.eml
    run -r crlf.eml
    same out one.eml
    run -r one.eml --crlf
    same out crlf.eml
    subjects 'one one' -r one.eml -r crlf.eml
    [ "$(jq -s 'map(.size == 39 and .n == 1) | all' out)" = true ]
    [ "$(jq -r .file out | tr '\n' ' ')" = 'one.eml crlf.eml ' ]
    status_is 0
    printf 'Subject: no end' >bare.eml
    run -r bare.eml
    same out bare.eml
}

t_an_mbox() {
    printf '%s\n' 'From a@x.test Tue Nov 24 03:12:00 2026' 'Subject: 1' '' 'From here' '>From there' '>>From far' '' '' '' \
        'From MAILER-DAEMON Tue Nov 24 03:12:01 2026' 'Subject: 2' '' 'x' \
        'From b@x.test Tue Nov 24 03:12:02 2026' 'Subject: 3' '' >box
    subjects '1 2 3' -r box
    [ "$(jq -s 'map(.envelope.from) == ["a@x.test", "", "b@x.test"]' out)" = true ]
    [ "$(jq -s 'map(.time) == ["2026-11-24T03:12:00.000Z", "2026-11-24T03:12:01.000Z", "2026-11-24T03:12:02.000Z"]' out)" = true ]
    [ "$(jq -rs '.[0].text' out)" = "$(printf 'From here\nFrom there\n>From far\n\n')" ]
    [ "$(jq -s 'map(.size) == [52, 17, 12]' out)" = true ]
    sed 's/$/\r/' box >crlf
    json out >want
    run -j -r crlf
    json out >got
    same got want
    run -r box -f mbox
    mv out again
    run -j -r again
    json out >got
    same got want
    run -r - -j <box
    [ ! -s out ] # the test gives it nothing
    "$FAKESMTP" -r - -j <box >out
    json out >got
    same got want
    cat box | "$FAKESMTP" -r - -j >out
    json out >got
    same got want
    mkfifo fifo
    cat box >fifo &
    run -r fifo -j
    json out >got
    same got want
    run -r fifo -t 0
    status_is 3 'fakesmtp: cannot read fifo: nobody writes to it'
    : >empty
    run -r empty
    status_is 1 'fakesmtp: expected at least 1 message, got none'
    run -r empty -n 0
    status_is 0
}

# A line that is longer than the buffer, a separator at each place of it, and a message as large.
t_mbox_in_pieces() {
    python3 - "$FAKESMTP" <<'PY'
import subprocess, sys
for pad in list(range(65480, 65560)) + [200000]:
    bodies = [b"x" * pad + b"\n", b"a\n" * (pad // 2) + b"\n", b"last\n"]
    box = b"".join(b"From a@x.test Tue Nov 24 03:12:00 2026\nSubject: t\n\n" + b + b"\n" for b in bodies)
    out = subprocess.run([sys.argv[1], "-q", "-r", "-"], input=box, stdout=subprocess.PIPE, timeout=60, check=True).stdout
    assert out == b"".join(b"Subject: t\n\n" + b for b in bodies), pad
PY
}

t_a_directory() {
    mkdir mail mail/sub.eml
    for name in 10 9 0008 a11 a9 b; do mail mail/$name.eml; done
    mail mail/.hidden.eml
    mail mail/no.txt
    subjects '0008 9 10 a9 a11 b' -r mail
    [ "$(jq -s 'map(.n) == [8, 9, 10, 11, 12, 13]' out)" = true ]
    [ "$(jq -rs '.[0].file' out)" = mail/0008.eml ]
    subjects '10 a9 a11 b' -r mail --after 9
    subjects '0008 9 10 a9 a11 b' -r mail --after 0
    subjects b -r mail --after 12
    subjects '' -r mail --after 13
    status_is 1 'fakesmtp: expected at least 1 message, got none'
    mkdir none
    run -r none -n 0
    status_is 0
}

t_a_maildir() {
    mkdir md md/new md/cur md/tmp
    mail md/cur/100.M20P7Q1.host:2,S
    mail md/new/100.M3P7Q9.host
    mail md/new/99.M5P7Q1.host
    mail md/new/100.M3P7Q10.host
    mail md/tmp/1.M1P1Q1.host
    mail md/new/.hidden
    subjects '99.M5P7Q1.host 100.M3P7Q9.host 100.M3P7Q10.host 100.M20P7Q1.host:2,S' -r md
    [ "$(jq -rs '.[3].file' out)" = md/cur/100.M20P7Q1.host:2,S ]
    [ "$(jq -s 'map(.n) == [1, 2, 3, 4]' out)" = true ]
    subjects '100.M20P7Q1.host:2,S' -r md/ --after 3
    rm -rf md/cur/* md/new/*
    for name in second first; do mail md/new/$name; done
    touch -d '2020-01-01 00:00:00' md/new/first
    subjects 'first second' -r md
}

# What -e puts in front of a message is its envelope, and taken off; other fields of the same names are not.
t_envelope_in_front() {
    {
        printf 'Return-Path: <s@x.test>\nDelivered-To: b@x.test\nDelivered-To: c@x.test\n'
        printf 'Received: from me.test ([IPv6:::1])\n\tby localhost with ESMTPS id 7;\n\tTue, 24 Nov 2026 04:12:00 +0100\n'
        mail plain.eml && cat plain.eml
    } >one.eml
    run -j -r one.eml --match 'rcpt-to: ^c@' --match 'client-helo: ^me' --match 'client-address: ^::1$'
    status_is 0
    [ "$(jq -c '[.envelope.from, .envelope.to, .client.protocol, .time, .size, .headers["return-path"]]' out)" = \
        '["s@x.test",["b@x.test","c@x.test"],"ESMTPS","2026-11-24T03:12:00.000Z",41,null]' ] || { cat out; return 1; }
    for lines in 'Return-Path: <s@x.test>' 'Delivered-To: b@x.test' 'Return-Path: <s@x.test>\nReceived: from me'; do
        printf "$lines"'\nSubject: t\n\nhi\n' >own.eml
        run -r own.eml
        same out own.eml
        run -r own.eml -j
        [ "$(jq -c '[.envelope.from, .envelope.to]' out)" = '["",[]]' ]
    done
    # an envelope alone, and one of many recipients
    printf 'Return-Path: <>\nDelivered-To: b@x.test\n' >alone.eml
    run -r alone.eml -j
    [ "$(jq -c '[.size, .envelope.to]' out)" = '[0,["b@x.test"]]' ]
    python3 -c 'print("Return-Path: <>\n" + "".join("Delivered-To: %060d@x.test\n" % i for i in range(5000)) + "Subject: t\n")' >many.eml
    run -r many.eml -j
    [ "$(jq -c '[.size, (.envelope.to | length)]' out)" = '[14,5000]' ]
}

t_envelope_beside() {
    mkdir mail
    mail mail/0007.eml
    printf '%s\n' 'Return-Path: <s@x.test>' 'Delivered-To: b@x.test' 'Delivered-To: c@x.test' \
        'Received: from me.test ([127.0.0.1])' '	by localhost with UTF8SMTP id 1;' '	Tue, 24 Nov 2026 03:12:00 +0000' \
        'X-Fakesmtp-Time: 1795490000123' 'X-Fakesmtp-Size: 4711' 'X-Fakesmtp-Port: 99' 'X-Fakesmtp-Helo: m\x09\x5ce' \
        'X-Fakesmtp-Auth: ann' 'X-Fakesmtp-TLS: TLSv1.3' 'X-Fakesmtp-SNI: a\x20' 'X-Fakesmtp-ALPN: smtp' 'X-Fakesmtp-ALPN: \x00' \
        'X-Fakesmtp-Certificate: AB:CD CN=\x5c"' 'X-Fakesmtp-Params: SMTPUTF8' 'X-Fakesmtp-To-Params: ' \
        'X-Fakesmtp-To-Params: NOTIFY=NEVER' 'X-Fakesmtp-Argument: -t' 'X-Fakesmtp-Argument: \x20a\x0a\xzz\x20' 'X-Fakesmtp-Argument: ' \
        'X-Fakesmtp-Problems: bare-lf, no-quit' >mail/.0007.envelope
    run -j -r mail --match 'client-auth: ^ann$' --match 'client-tls: 1\.3$'
    status_is 0
    [ "$(jq -c '[.n, .time, .size, .client, .envelope]' out)" = '[7,"2026-11-24T03:13:20.123Z",4711,{"address":"127.0.0.1","port":99,"helo":"m\t\\e","protocol":"UTF8SMTP","auth":"ann","tls":"TLSv1.3","sni":"a ","alpn":["smtp","\u0000"],"certificate":{"subject":"CN=\\\"","fingerprint":"AB:CD"},"argv":["-t"," a\n\\xzz ",""]},{"from":"s@x.test","to":["b@x.test","c@x.test"],"params":{"SMTPUTF8":null},"to_params":[{},{"NOTIFY":"NEVER"}]}]' ] ||
        { jq -c '[.n, .time, .size, .client, .envelope]' out; return 1; }
    [ "$(jq '[.problems[] | select(startswith("bare-lf") or startswith("no-quit"))] | length' out)" -eq 2 ]
    # of a message that is read by itself, too
    for path in mail/0007.eml "$PWD/mail/0007.eml"; do
        run -j -r "$path" --match 'client-auth: ^ann$'
        status_is 0
        jq -e '.n == 1 and .envelope.to == ["b@x.test", "c@x.test"]' out >jq.out
    done
    (cd mail && "$FAKESMTP" -r 0007.eml --match 'rcpt-to: ^c@' >../out)
    # the fields in front of the message are those of -e as far as the file says so, and otherwise the client's
    { printf 'Return-Path: <s@x.test>\nDelivered-To: b@x.test\n'; cat mail/0007.eml; } >front
    cp front mail/0007.eml
    run -r mail
    same out front
    echo 'X-Fakesmtp-Added: 47' >>mail/.0007.envelope
    run -r mail
    tail -n +3 front >want
    same out want
    mkdir md md/new md/cur
    mail md/cur/1.M1P1Q1.h:2,S
    cp mail/.0007.envelope md/.1.M1P1Q1.h.envelope
    run -r md --match 'rcpt-to: ^c@'
    status_is 0
}

# A mail that was taken by SMTP and stored gives the same again, in each format.
t_same_as_by_smtp() {
    python3 - "$FAKESMTP" "$HERE/.." <<'PY'
import glob, json, os, subprocess, sys
program, tests = sys.argv[1:]
mails = [b"", b"x", b"\r\n", b"\r\n\r\n", b"Subject: a\r\n\r\nFrom b\r\n>From c\r\n\r\n\r\n", b"A: b\r\n\r\n.\r\n..\r\n",
         b"A: b\r\n\r\n\0 x\r\n", b"A: b\r\n\r\na\rb\r\n", b"A: b\r\n\r\nx\r\r\n", b"A: b\r\n\r\n" + b"y" * 5000 + b"\r\n",
         b"From x 12:30\r\nA: b\r\n\r\n12:30\r\n", b"Return-Path: <q@x.test>\r\nA: b\r\n\r\n"]
mails += [open(f, "rb").read().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n") for f in sorted(glob.glob(tests + "/corpus/mime/*"))[:150]]
mails = [m if m.endswith(b"\r\n") else m + b"\r\n" for m in mails]
session = b"EHLO t\r\nAUTH PLAIN ACBhIG5uIAB4\r\nXARGV +20-t\\x41+20\r\nXARGV\r\nXARGV +20\r\nXARGV +20+20+20\r\n"
session += b"".join(b"XARGV %s+%02X\r\n" % (b"x" * (i % 2), i) for i in range(1, 256))
for i, m in enumerate(mails):
    stuffed = (b"\r\n" + m).replace(b"\r\n.", b"\r\n..")[2:]
    session += b"MAIL FROM:<s%d@x.test>\r\nRCPT TO:<b%d@x.test>\r\nRCPT TO:<c@x.test>\r\nDATA\r\n" % (i, i) + stuffed + b".\r\n"
def run(*words, **more):
    return subprocess.run([program, "-q", *words], stdout=subprocess.PIPE, timeout=300, **more)
def smtp(*words):
    assert run("-l", "-", "-n", str(len(mails)), *words, input=session + b"QUIT\r\n").returncode == 0
def objects(text):
    for o in map(json.loads, text.splitlines()):
        for key in "n", "time", "time_epoch", "file", "client":
            del o[key]
        # what only the engine sees of the transaction
        o["problems"] = [p for p in o["problems"] if p.split(":")[0] not in ("8bit-data", "bcc", "pipelining-sync")]
        yield o
for f in "eml", "text", "json", "mbox":
    smtp("-f", f, "-o", "by." + f)
smtp("-e", "-d", "lf")
smtp("-e", "-d", "crlf", "--crlf")
smtp("-e", "--maildir", "md")
for place in "lf", "crlf", "md":
    for f in "eml", "text":
        got, want = run("-r", place, "-f", f).stdout, open("by." + f, "rb").read()
        assert got == want, (place, f)
    got, want = list(objects(run("-r", place, "-j").stdout)), list(objects(open("by.json", "rb").read()))
    assert len(got) == len(want), (place, len(got), len(want))
    for g, w in zip(got, want):
        assert g == w, (place, {k: (g[k], w[k]) for k in w if g[k] != w[k]})
    again = run("-r", place, "-f", "mbox").stdout
    strip = lambda t: [l for l in t.split(b"\n") if not l.startswith(b"From ")]
    assert strip(again) == strip(open("by.mbox", "rb").read()), place
# with the file beside it, the same to the millisecond
for place in ["-d", "beside"], ["--maildir", "md2"], ["-d", "front", "-e"], ["-d", "crlf2", "-e", "--crlf"]:
    smtp(*place, "--beside", "envelope", "-f", "json", "-o", "by.json2")
    got = [json.loads(l) for l in run("-r", place[1], "-j", *place[3:]).stdout.splitlines()]
    want = [json.loads(l) for l in open("by.json2")]
    assert len(got) == len(want), place
    for g, w in zip(got, want):
        assert g == w, (place, {k: (g[k], w[k]) for k in w if g[k] != w[k]})
got, want = list(objects(run("-r", "by.mbox", "-j").stdout)), list(objects(open("by.json", "rb").read()))
assert len(got) == len(want), (len(got), len(want))
for g, w in zip(got, want):
    g["envelope"] = w["envelope"]
    assert g == w, {k: (g[k], w[k]) for k in w if g[k] != w[k]}
PY
}

# The first line may not tell how the others end: the envelope does.
t_line_ends_by_the_envelope() {
    python3 - "$FAKESMTP" <<'PY'
import re, subprocess, sys
odd = [b"A: b\r\r\n\r\nx\r\n", b"A: b\n\r\nx\r\ny\n", b"A: b\r\n\r\nx\r\n", b"A: b\n\nx\n", b"\r\r\n", b"\n"]
mails = [(body, m) for body in (b"8BITMIME", b"binarymime") for m in odd]
session = b"EHLO t\r\n"
for body, m in mails:
    session += b"MAIL FROM:<a@x.test> BODY=%s\r\nRCPT TO:<b@x.test>\r\nBDAT %d LAST\r\n" % (body, len(m)) + m
def run(*words, **more):
    return subprocess.run([sys.argv[1], "-q", *words], stdout=subprocess.PIPE, timeout=300, check=True, **more).stdout
# what differs is the number of the session, the second in which it was, and in an mbox the zone of the time
strip = lambda t: re.sub(rb"(?m) id \d+|^From .*|^\t\w{3}, \d+ \w{3} \d{4} .*", b"", t)
for more in [], ["--crlf"], ["-e"], ["-e", "--crlf"]:
    for f in "eml", "text", "mbox":
        place = f + "".join(more)
        run("-l", "-", "-n", str(len(mails)), "-d", place, "--beside", "envelope", "-f", f, "-o", place + ".want", *more,
            input=session + b"QUIT\r\n")
        want = strip(open(place + ".want", "rb").read())
        assert strip(run("-r", place, "-f", f, *more)) == want, place
        run("-r", place, "-d", place + "2", "--beside", "envelope", "-f", "none", *more)
        assert strip(run("-r", place + "2", "-f", f, *more)) == want, place + "2"
PY
}

# The same expectations give the same status, the same reason and the same list of messages.
t_same_verdicts_as_by_smtp() {
    python3 - "$FAKESMTP" <<'PY'
import subprocess, sys
program = sys.argv[1]
mails = [("ann@x.test", ["bob@x.test", "carol@y.test"], "From: Ann <ann@x.test>\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n\r\nDear Bob\r\nhttps://x.test/1\r\n"),
         ("", ["bob@x.test"], "Subject: two\r\nContent-Type: text/html\r\n\r\n<p>a &amp; b</p>\r\n"),
         ("s@x.test", ["dan@x.test"], "Subject: three\r\nContent-Type: a/b; name=t.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\naGk=\r\n"),
         ("s@x.test", ["dan@x.test"], "X-Tag: one\r\nX-Tag: two\r\n\r\n\r\n")]
session = "EHLO me.test\r\n" + "".join(
    "MAIL FROM:<%s>\r\n%sDATA\r\n%s.\r\n" % (a, "".join("RCPT TO:<%s>\r\n" % b for b in to), m) for a, to, m in mails) + "QUIT\r\n"
fields = ["subject: ^gr\u00fc\u00dfe$", "subject: t", "from: ann", "to: x", "x-tag: ^two$", "header: x-tag: two", "mail-from: ^$", "mail-from: s@",
          "rcpt-to: ^carol@", "rcpt-to: ^bob@", "text: https", "html: a & b", "body: bob|a &", "attachment: \\.pdf$", "client-helo: ^me", "no-such: x"]
options = [["-n", "4"], ["-n", "3"], ["-n", "0"], ["-n", "5-"], ["-n", "1-3"], ["-n", "4", "--strict"], ["-n", "4", "--strict", "--allow", "no-date,no-from,no-message-id,no-mime-version"]]
for f in fields:
    options += [["-n", "1", "--match", f], ["-n", "2-", "--match", f], ["-n", "0", "--match", f], ["-n", "1-", "--not", f], ["--only", "-n", "1-", "--match", f]]
options += [["--match", fields[0], "--next", "-n", "2", "--match", fields[7]], ["--match", fields[1], "--not", fields[8], "--next", "--match", fields[4], "--only"]]
def run(*words, **more):
    p = subprocess.run([program, *words], capture_output=True, text=True, timeout=60, **more)
    said = [l.replace(" before the session ended", "") for l in p.stderr.splitlines() if "pipelining-sync" not in l]
    return p.returncode, [l for l in said if "in connection" not in l and "in message" not in l and "(--strict)" not in l]
assert run("-q", "-l", "-", "-k", "-e", "-d", "mail", input=session)[0] == 0
for o in options:
    want, got = run("-q", "-l", "-", "-k", *o, input=session), run("-q", "-r", "mail", "-f", "none", *o)
    assert got == want, (o, got, want)
PY
}

t_only_what_matches_is_printed() {
    mkdir mail
    for name in alice bob carol; do mail mail/$name.eml; done
    run -r mail --match 'subject: ^bob$' -d copies --attachments att -j
    status_is 0
    [ "$(jq -s 'map(.subject) == ["bob"]' out)" = true ]
    [ "$(find copies -name '*.eml' | wc -l)" -eq 3 ]
    run -r mail --match 'subject: ^dan$'
    status_is 1 'fakesmtp: expected at least 1 message that matches, got none of the 3 that came'
    [ ! -s out ]
    err_has "fakesmtp: message 2: from <>, subject \"bob\": fails --match 'subject: \^dan\\$', as it has \"bob\""
    run -r mail --match 'subject: ^bob$' --next --match 'subject: ^alice$' --only
    status_is 1 'fakesmtp: 1 message fits no expectation \(--only\)'
    subjects 'alice bob' -q -r mail --match 'subject: ^bob$' --next --match 'subject: ^alice$'
    run -r mail -n 3
    status_is 0
    run -r mail -n 1
    status_is 1 'fakesmtp: expected 1 message, got 3'
    run -r mail -n 0 --not 'subject: ^(bob|carol)$'
    status_is 1 'fakesmtp: expected no message that matches, got 1 of the 3 that came'
    [ "$(grep -c '^Subject: alice' out)" -eq 1 ]
}

t_attachments_of_what_matches() {
    mkdir mail
    for i in 1 2; do
        printf 'Subject: %s\nContent-Type: a/b; name=n%s\n\nx\n' $i $i >mail/000$i.eml
    done
    run -r mail --match 'subject: 2' --attachments att
    [ "$(ls att)" = 0002-n2 ]
}

t_strict_is_about_the_message() {
    mail one.eml
    run -r one.eml --strict
    status_is 1 'fakesmtp: messages departed from the RFCs in 1 way \(--strict\)'
    err_has 'fakesmtp: no-date: no Date field \(RFC 5322 3\.6\), in message 1'
    run -r one.eml --strict --allow no-date
    status_is 0
    printf 'From: a@x.test\r\nDate: Tue, 24 Nov 2026 03:12:00 +0000\r\nMessage-ID: <1@x.test>\r\n\r\na\nb\rc\0\r\n%1000d\r\n' 1 >odd.eml
    run -r odd.eml --strict
    for name in bare-lf bare-cr nul long-line; do grep -q "^fakesmtp: $name: " err; done
    printf 'From: a@x.test\nDate: Tue, 24 Nov 2026 03:12:00 +0000\nMessage-ID: <1@x.test>\n\n%0998d\n' 1 >good.eml
    run -r good.eml --strict
    status_is 0
}

t_headers_are_put_in_front() {
    mail one.eml
    { printf 'Return-Path: <s@x.test>\nDelivered-To: b@x.test\n'; cat one.eml; } >front.eml
    run -r front.eml -e

    [ "$(head -n 2 out)" = "$(head -n 2 front.eml)" ]
    [ "$(grep -c '^Received: ' out)" -eq 1 ]
    fails grep -q "$(printf '\r')" out
    run -r front.eml -e --crlf
    [ "$(grep -c "$(printf '\r')\$" out)" -eq "$(wc -l <out)" ]
    run -r one.eml -e
    [ "$(head -n 1 out)" = 'Return-Path: <>' ]
}

t_usage() {
    mail one.eml
    for words in '-p 0' '-l :0' '-c 1' '-v' '--on eom:450' '--tls' '--linger 1' '--port-file x' '-b' '--transcript x'; do
        # shellcheck disable=SC2086
        run -r one.eml $words
        status_is 2 "fakesmtp: -r takes messages from files, and ${words%% *} is about clients"
    done
    run -r one.eml true
    status_is 2 'fakesmtp: -r and a command exclude each other: .*'
    run -r - -r -
    status_is 2 'fakesmtp: -r - can be given only once'
    run --after 3
    status_is 2 'fakesmtp: --after says which messages -r leaves out: give -r, too'
    run -r ''
    status_is 2 'fakesmtp: -r: the name is empty'
    run -r missing
    status_is 3 'fakesmtp: cannot read missing: No such file or directory'
}

# What is written to is not read, or that would have no end.
t_not_what_is_written_to() {
    mkdir mail
    mail mail/0001.eml
    run -r mail -d mail --fresh
    status_is 3 'fakesmtp: cannot read mail: messages are written to it'
    [ -f mail/0001.eml ]
    run -r mail -f mbox -o box
    run -r box -f mbox -o box
    status_is 3 'fakesmtp: cannot read box: messages are written to it'
    status=0
    "$FAKESMTP" -r box -f mbox >>box 2>err || status=$?
    status_is 3 'fakesmtp: cannot read standard output: messages are written to it'
}

t_one_that_cannot_be_read() {
    cp "$FAKESMTP" copy
    [ "$(id -u)" -ne 0 ] || set -- setpriv --reuid=65534 --clear-groups
    mkdir mail
    mail mail/0001.eml
    mail mail/0002.eml
    chmod 0 mail/0002.eml
    status=0
    "$@" ./copy -r mail >out 2>err || status=$?
    status_is 3 'fakesmtp: cannot read mail/0002\.eml: Permission denied'
    same out mail/0001.eml
}

t_large_messages_in_little_memory() {
    python3 -c 'import sys
for i in range(2):
    sys.stdout.write("From a@x.test Tue Nov 24 03:12:00 2026\nSubject: %d\n\n" % i + ("x" * 70 + "\n") * 1500000 + "\n")' >box
    (limit_memory && "$FAKESMTP" -r box -f none -n 2 -d mail)
    [ "$(wc -c <mail/0002.eml)" -eq 106500012 ]
    (limit_memory && "$FAKESMTP" -r mail -f eml -n 2) | tail -c +106500013 | cmp - mail/0002.eml
    rm box mail/0001.eml
    # a thread reads it
    ONE=$(run -r mail --match 'body: x$' -f none && echo "$status")
    [ "$ONE" = 0 ]
}

# ---- -t: waiting ----

# watch SCRIPT: a script of Python, with a directory and what watches it:
#
#     fake(OPTION ...)    starts the program
#     p.next(SUBJECT)     the next line of JSON has this subject
#     p.end(STATUS)       it ends with this status
#     put(NAME, SUBJECT)  a message that appears whole
#     hold(NAME), write   a file that is written in place
watch() {
    cat >watch.py <<'PY'
import fcntl, json, os, select, signal, subprocess, sys, time
class fake:
    def __init__(self, *words):
        self.start = time.monotonic()
        self.p = subprocess.Popen([*os.environ.get("UNDER", "").split(), sys.argv[1], *words], stdout=subprocess.PIPE, stderr=open("err", "w"))
    def next(self, subject):
        o = json.loads(self.p.stdout.readline() or "null")
        assert o and o["subject"] == subject, (o, subject)
        return o
    def nothing(self):
        assert select.select([self.p.stdout], [], [], 0)[0] == []
    def end(self, status, *rest):
        assert self.p.stdout.read() == b"".join(rest)
        got = self.p.wait(60)
        assert got == status, (got, open("err").read())
def chain(p, place):
    """60 messages, each put there when the program waits.  After 3 s it watches; at one look a second 30 take 30 s."""
    for i in range(60):
        if i == 30: start = time.monotonic()
        assert select.select([p.p.stdout], [], [], 0.1 if i < 30 else 0.03)[0] == []
        put("%s/%d.eml" % (place, i), str(i)); p.next(str(i))
    assert time.monotonic() - start < 20
def text(subject): return b"From: a@x.test\nSubject: %s\n\nhello\n" % subject.encode()
def put(name, subject, link=False):
    with open("whole", "wb") as f: f.write(text(subject))
    (os.link if link else os.rename)("whole", name)
    if link: os.unlink("whole")
PY
    printf '%s\n' "$1" >>watch.py
    timeout 120 python3 watch.py "$FAKESMTP" || { cat err; return 1; }
}

t_waits_for_a_message() {
    mkdir mail
    watch '
p = fake("-j", "-r", "mail", "-t", "60", "-n", "3")
put("mail/1.eml", "one"); p.next("one")
put("mail/0.eml", "two", link=True); p.next("two")
put("mail/.hidden.eml", "no"); put("mail/x.txt", "no")
put("mail/3.eml", "three"); p.next("three")
p.end(0)
'
    rm -rf mail
    mkdir mail
    watch '
os.mkdir("chain")
p = fake("-j", "-r", "chain", "-t", "60", "-n", "60")
chain(p, "chain")
p.end(0)
p = fake("-j", "-r", "mail", "-t", "60", "--match", "subject: ^b$")
for name in "a", "b", "c": put("mail/%s.eml" % name, name)
p.next("b")
p.end(0)
os.utime("mail/c.eml", (1, 1)) # POSIX alone does not tell that it is whole if it was renamed in the tick that wrote it
p = fake("-j", "-r", "mail", "-t", "0", "--match", "subject: ^c$"); p.next("c"); p.end(0)
p = fake("-j", "-r", "mail", "-t", "0.2", "--match", "subject: ^d$"); p.end(1)
assert "expected 1 message that matches, got none of the 3 that came before the 200 ms limit" in open("err").read()
p = fake("-j", "-r", "mail", "-t", "0.2", "-n", "1-", "--match", "subject: ^[ab]$"); p.next("a"); p.next("b"); p.end(0)
p = fake("-j", "-r", "mail", "-t", "60", "-n", "0", "--match", "subject: ^d$")
put("mail/d.eml", "d"); p.next("d"); p.end(1)
p = fake("-j", "-r", "mail", "-k"); [p.next(x) for x in "abcd"]
put("mail/e.eml", "e"); p.next("e")
p.p.send_signal(signal.SIGTERM); p.end(0)
'
}

# A watch is slow to close, so a short wait does without.
t_watches_after_a_while() {
    mkdir mail
    export UNDER="strace -f -q -o trace -e trace=inotify_init1"
    [ -z "${FAKESMTP_INSTRUMENTED-}" ] || export ASAN_OPTIONS=detect_leaks=0
    mail mail/1.eml
    watch 'p = fake("-j", "-r", "mail", "-t", "60"); p.next("1"); p.end(0)'
    [ "$(grep -c inotify trace)" -eq 0 ]
}

# Both ways of watching.
t_watches_by_looking() {
    export UNDER="strace -f -q -o trace -e trace=inotify_init1 -e inject=inotify_init1:error=EMFILE"
    [ -z "${FAKESMTP_INSTRUMENTED-}" ] || export ASAN_OPTIONS=detect_leaks=0
    mkdir mail
    watch '
p = fake("-j", "-r", "mail", "-t", "60", "-n", "60")
chain(p, "mail")
p.end(0)
'
}

# told: the system tells which files are written to; otherwise only time does
told() { "$FAKESMTP" --version | grep -q epoll; }

# A message that another program writes in place is read once it is whole.
t_written_in_place() {
    mkdir mail
    told || TIMED=1
    export TIMED="${TIMED-}"
    watch '
f = open("mail/1.eml", "wb")
p = fake("-j", "-r", "mail", "-t", "60", "-n", "5")
put("mail/2.eml", "two"); p.next("two")
if not os.environ["TIMED"]: f.write(b"From: a@x.test\n"); f.flush()
put("mail/3.eml", "three"); p.next("three")
if not os.environ["TIMED"]: f.write(b"Subject: one\n\nhello\n"); f.flush()
put("mail/4.eml", "four"); p.next("four")
p.nothing()
if os.environ["TIMED"]: f.write(text("one"))
f.close()
o = p.next("one"); assert o["text"] == "hello\n", o
open("mail/5.eml", "wb").close()                    # empty at first, as a name that is taken
open("mail/5.eml", "wb").write(text("five"))
p.next("five")
p.end(0)
os.mkdir("other")
f = open("other/1.eml", "wb")
f.write(text("one")[:20]); f.flush()
if os.environ["TIMED"]: f.write(text("one")[20:]); f.close()
p = fake("-j", "-r", "other")  # what is there is waited for, too
if not os.environ["TIMED"]: p.nothing(); f.write(text("one")[20:]); f.close()
p.next("one"); p.end(0)
'
}

t_a_maildir_being_delivered_into() {
    mkdir md md/tmp md/new md/cur
    watch '
import threading
def deliver():
    for i in range(300):
        name = "%d.M%dP1Q%d.h" % (1000 + i // 7, i, i)
        open("md/tmp/" + name, "wb").write(text(str(i)))
        os.rename("md/tmp/" + name, "md/new/" + name)
        if i % 3 == 0: os.rename("md/new/" + name, "md/cur/" + name + ":2,")
        if i % 6 == 0: os.rename("md/cur/" + name + ":2,", "md/cur/" + name + ":2,S")
p = fake("-j", "-r", "md", "-t", "60", "-n", "300")
t = threading.Thread(target=deliver); t.start()
got = [json.loads(p.p.stdout.readline())["subject"] for i in range(300)]
t.join()
assert sorted(map(int, got)) == list(range(300)), got
p.end(0)
p = fake("-j", "-r", "md", "-n", "300")
got = [json.loads(p.p.stdout.readline())["subject"] for i in range(300)]
assert got == list(map(str, range(300)))
p.end(0)
'
}

# Another program appends to the mbox, under a lock or not.
t_an_mbox_being_appended_to() {
    hows='fcntl flock open'
    told || hows='fcntl flock'
    export hows
    watch '
import threading
line = b"From a@x.test Tue Nov 24 03:12:00 2026\n"
def append(how):
    for i in range(100):
        with open("box", "ab", buffering=0) as f:
            if how == "fcntl": fcntl.lockf(f, fcntl.LOCK_EX)
            if how == "flock": fcntl.flock(f, fcntl.LOCK_EX)
            all = line + text(str(i)) + b"\n" + b"x\n\n" * 10 + b"\n"
            at = i * 7 % len(all)
            f.write(all[:at]); f.write(all[at:at + 5]); f.write(all[at + 5:])
for how in os.environ["hows"].split():
    open("box", "wb").close()
    p = fake("-j", "-r", "box", "-t", "60", "-n", "100")
    t = threading.Thread(target=append, args=[how]); t.start()
    for i in range(100):
        o = p.next(str(i)); assert o["text"] == "hello\n\n" + "x\n\n" * 10, (how, o)
    t.join()
    p.end(0)
'
}

# While another process has the lock, nothing is read; fakesmtp does the same to write.
t_an_mbox_that_is_cut_off_or_replaced() {
    watch '
line = b"From a@x.test Tue Nov 24 03:12:00 2026\n"
def cut(f): f.truncate(10)
def replace(f): open("new", "wb").close(); os.rename("new", "box")
def remove(f): os.unlink("box")
for change in cut, replace, remove:
    f = open("box", "wb", buffering=0)
    f.write(line + text("one") + b"\n")
    f.close()
    p = fake("-j", "-r", "box", "-t", "60", "-n", "2"); p.next("one")
    f = open("box", "r+b")
    change(f)
    f.close()
    p.end(3)
    assert "cannot read box: another process has cut it off or replaced it" in open("err").read(), change
'
}
t_an_mbox_that_is_locked() {
    watch '
f = open("box", "wb", buffering=0)
fcntl.lockf(f, fcntl.LOCK_EX)
f.write(b"From a@x.test Tue Nov 24 03:12:00 2026\n" + text("one") + b"\n")
p = fake("-r", "box")
p.end(3)
assert "cannot read box: another process has locked it" in open("err").read()
os.mkdir("mail")
p = fake("-j", "-r", "box", "-r", "mail", "-t", "60", "-n", "2")
put("mail/1.eml", "two"); p.next("two"); p.nothing()
f.close()
p.next("one"); p.end(0)
'
}

t_standard_input_that_goes_on() {
    watch '
p = subprocess.Popen([sys.argv[1], "-j", "-r", "-", "-t", "60", "-n", "2"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
line = b"From a@x.test Tue Nov 24 03:12:00 2026\n"
p.stdin.write(line + text("one") + b"\n" + line); p.stdin.flush()
assert json.loads(p.stdout.readline())["subject"] == "one"
p.stdin.write(text("two")); p.stdin.close()
assert json.loads(p.stdout.readline())["subject"] == "two"
assert p.wait(60) == 0
'
}

t_signals_end_the_waiting() {
    mkdir mail
    mail mail/one.eml
    watch '
p = fake("-j", "-r", "mail", "-k", "-n", "1"); p.next("one")
p.p.send_signal(signal.SIGTERM); p.end(0)
p = fake("-j", "-r", "mail", "-k", "-n", "2"); p.next("one")
p.p.send_signal(signal.SIGTERM); p.end(1)
assert "expected 2 messages, got 1 before SIGTERM" in open("err").read()
p = fake("-j", "-r", "mail", "-k"); p.next("one")
p.p.send_signal(signal.SIGINT); p.end(-signal.SIGINT)
'
}

# Nobody reads what is printed: the run ends all the same.
t_limit_while_a_message_is_written() {
    mkdir mail
    python3 -c 'print("Subject: t\n\n" + ("x" * 70 + "\n") * 100000)' >mail/1.eml
    watch '
p = fake("-r", "mail", "-t", "0.2")
assert p.p.wait(60) == 4
assert "1 message could not be written to standard output: its reader reads nothing" in open("err").read()
p = fake("-r", "mail", "-n", "1")
p.p.stdout.close()
assert p.p.wait(60) == 4
'
}

# One server, and tests beside each other that each wait for their own message.
t_many_wait_under_one_server() {
    cat >suite.py <<'PY'
import concurrent.futures, json, os, smtplib, subprocess, sys
def test(i):
    wait = subprocess.Popen([sys.argv[1], "-q", "-r", os.environ["FAKESMTP_DIR"], "-t", "120", "--match", "rcpt-to: ^b%d@" % i, "-j"],
                            stdout=subprocess.PIPE)
    with smtplib.SMTP(os.environ["SMTP_HOST"], int(os.environ["SMTP_PORT"])) as s:
        s.sendmail("a@x.test", ["b%d@x.test" % i], "Subject: %d\n\nhi\n" % i)
    out = wait.stdout.read()
    assert wait.wait() == 0
    assert json.loads(out)["subject"] == str(i)
with concurrent.futures.ThreadPoolExecutor(8) as pool:
    list(pool.map(test, range(100)))
PY
    run -n 100 -- python3 suite.py "$FAKESMTP"
    status_is 0
}
