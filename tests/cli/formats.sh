# SPDX-License-Identifier: ISC
# shellcheck shell=sh disable=SC2154,SC2016 # the names come from lib; some words are jq's
# The forms of a message in the stream: JSON, text and mbox; and attachments as files.

# post WORD ...: sends messages as post.py has it
post() { python3 "$HERE/post.py" "$port" "$@"; }

nothing_in() { [ -z "$(ls -A "$1")" ] || { ls -lA "$1"; return 1; }; }

# holds FILE FILTER: each line of FILE is JSON of which the filter is true
holds() {
    jq -e . "$1" >jq.out || { echo "not JSON:"; cat "$1"; return 1; }
    jq -e "if ($2) then true else error(\"not so\") end" "$1" >jq.out 2>&1 || { echo "not so: $2"; cat jq.out "$1"; return 1; }
}

lines_are() { [ "$(wc -l <"$1")" -eq "$2" ] || { echo "$1 has not $2 lines"; cut -c1-200 "$1"; return 1; }; }

# mail_with SUBJECT [BODY] >FILE
mail_with() { printf 'From: Ann <a@x.test>\r\nSubject: %s\r\n\r\n%b\r\n' "$1" "${2-hello}"; }

# A mail with a text, HTML, a picture in it and two attachments; $1 makes no difference to who reads it.
make_rich() {
    python3 - "$1" <<'PY' >rich
import sys, time
from email.message import EmailMessage
m = EmailMessage()
m["From"] = '"Gr\u00fc\u00dfe, Ann" <a@x.test>'
m["To"] = "Bob <b@x.test>, c@x.test"
m["Cc"] = "d@x.test"
m["Reply-To"] = "r@x.test"
m["Subject"] = "Willkommen \u2013 " + "ein langer Betreff, der umbrochen wird, weil er zu lang ist"
m["Date"] = "Tue, 24 Nov 2026 04:12:%02d +0100" % int(sys.argv[1])
m["Message-ID"] = "<%s@x.test>" % sys.argv[1]
m.set_content("Hallo,\n\nhttps://x.test/confirm?token=" + "0123456789abcdef" * 8 + "&x=\u00fc\n\nGr\u00fc\u00dfe\n",
              cte="quoted-printable")
m.add_alternative("<p><a href=\"https://x.test/html?token=" + "fedcba" * 20 + "\">x</a>\n", subtype="html",
                  cte="quoted-printable")
m.get_payload()[1].add_related(b"\x89PNG", "image", "png", cid="<logo@x>")
m.add_attachment(b"%PDF" + bytes(range(256)), "application", "pdf", filename="r\u00e9sum\u00e9.pdf")
m.add_attachment("a,b\n", subtype="csv", filename="table.csv", cte="base64")
m.set_boundary("b" + sys.argv[1])
sys.stdout.buffer.write(m.as_bytes().replace(b"\n", b"\r\n"))
PY
}

# ---- JSON ----

t_json_of_a_mail() {
    make_rich 7
    start -j -n 1
    post rich
    finish
    status_is 0
    lines_are out 1
    holds out '.n == 1 and .matched and .size == '"$(wc -c <rich)"
    holds out '.subject == "Willkommen – ein langer Betreff, der umbrochen wird, weil er zu lang ist"'
    holds out '.from == [{"name": "Grüße, Ann", "address": "a@x.test", "group": null}] and (.to | map(.address)) == ["b@x.test", "c@x.test"]'
    holds out '.cc == [{"name": null, "address": "d@x.test", "group": null}] and .bcc == [] and .reply_to[0].address == "r@x.test"'
    holds out '.date == "2026-11-24T04:12:07+01:00" and .message_id == "<7@x.test>"'
    holds out '.headers["message-id"] == ["<7@x.test>"] and (.headers | keys_unsorted[0]) == "from"'
    holds out '(.text | contains("&x=ü\n\nGrüße\n")) and (.html | startswith("<p><a href=\"https://x.test/html?token=fed"))'
    holds out '[.attachments[] | [.filename, .type, .disposition, .cid, .size]] == [
        [null, "image/png", "inline", "logo@x", 4], ["résumé.pdf", "application/pdf", "attachment", null, 260],
        ["table.csv", "text/csv", "attachment", null, 4]]'
    holds out '.attachments[0].sha256 == "'"$(printf '\211PNG' | sha256sum | cut -d' ' -f1)"'" and (.problems | length) == 1 and (.problems[0] | startswith("long-encoded-line: "))'
    holds out '.time | test("^20[0-9]{2}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9]\\.[0-9]{3}Z$")'
}

t_json_every_key_always() {
    start -j -n 3
    mail_with x >full
    printf '\r\n' >small
    printf 'Content-Type: image/png\r\n\r\n' >picture
    post small picture full
    finish
    lines_are out 3
    holds out '(keys - ["attachments", "bcc", "cc", "client", "date", "date_epoch", "envelope", "expectations", "file", "from", "headers", "html",
        "in_reply_to", "links", "list_unsubscribe", "matched", "message_id", "n", "parts", "problems", "references", "reply_to", "sender", "size",
        "subject", "text", "time", "time_epoch", "to"] == []) and (keys | length) == 29'
    holds out '(.client | keys) == ["address", "alpn", "argv", "auth", "certificate", "helo", "port", "protocol", "sni", "tls"] and
        ([.client | .alpn, .argv, .certificate, .sni, .tls] | all(. == null))'
    holds out '.envelope | has("from") and has("to") and has("params")'
    jq -s -e 'map(.n) == [1, 2, 3]' out
}

t_json_says_where_the_file_is() {
    mail_with x >m
    start -j -n 2 -d mail -o stream
    post m m
    finish
    [ ! -s out ]
    [ "$(jq -r .file stream | tr '\n' ' ')" = 'mail/0001.eml mail/0002.eml ' ]
    grep -q 'Subject: x' "$(jq -r .file stream | tail -n 1)"
    start -j -n 1 --maildir "$PWD/box"
    post m
    finish
    case $(jq -r .file out) in "$PWD"/box/new/*) ;; *) cat out; return 1 ;; esac
    grep -q 'Subject: x' "$(jq -r .file out)"
    # one that goes on where another stopped
    start -j -n 1 -d mail/
    post m
    finish
    holds out '.n == 1'
    [ "$(jq -r .file out | tr -s /)" = mail/0003.eml ]
}

# The fields of -e are not the client's: JSON does not show them.
t_json_with_headers_of_ours() {
    mail_with x >m
    start -j -n 1 -e -d mail
    post m
    finish
    grep -q '^Return-Path: ' mail/0001.eml
    holds out '(.headers | keys) == ["from", "subject"] and .size == '"$(wc -c <m)"
}

t_json_client_and_envelope() {
    mail_with x >m
    start -j -n 4 --auth ann:secret
    post from=a@x.test from-params='SIZE=100 RET=HDRS ENVID=a+2Bb BODY=8BITMIME' to-params='NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;b+2Bc@x.test' m
    post from= to=b@x.test to=c@x.test to='"q p"@x.test' m
    curl -sS --url "smtp://127.0.0.1:$port/app.example" --mail-from a@x.test --mail-rcpt b@x.test -u ann:secret -T m
    talk '<220' '>HELO old.example' '<250' '>MAIL FROM:<>' '<250' '>RCPT TO:<b@x.test>' '<250' '>DATA' '<354' '>.' '<250' '>QUIT' '<221'
    finish
    status_is 0
    for n in 1 2 3 4; do sed -n "${n}p" out >"line$n"; done
    holds line1 '.client | .address == "127.0.0.1" and .port > 0 and .helo == "t" and .protocol == "ESMTP" and .auth == null and .tls == null'
    holds line1 '.envelope | .from == "a@x.test" and .to == ["b@x.test"]'
    holds line1 '.envelope.params == {"SIZE": "100", "RET": "HDRS", "ENVID": "a+b", "BODY": "8BITMIME"}'
    holds line1 '.envelope.to_params == [{"NOTIFY": "SUCCESS,FAILURE", "ORCPT": "rfc822;b+c@x.test"}]'
    holds line2 '.envelope | .from == "" and .to == ["b@x.test", "c@x.test", "\"q p\"@x.test"] and .params == {}'
    holds line3 '.client | .helo == "app.example" and .protocol == "ESMTPA" and .auth == "ann"'
    holds line4 '.client | .helo == "old.example" and .protocol == "SMTP"'
    holds line4 '.size == 0 and .text == "" and .headers == {}'
}

# What our sendmail(8) says of its command line, until the client says anew who it is.
t_json_arguments() {
    message='MAIL FROM:<>\r\nRCPT TO:<b@x.test>\r\nDATA\r\nx\r\n.\r\n'
    starttls='STARTTLS\r\n'
    printf "EHLO t\\r\\n${message}XARGV -t\\r\\nxargv\\r\\nXARGV -F\\r\\nXARGV =a+20+22b\\r\\nXARGV ==\\r\\nXARGV +FF+0A+5C+C3\\r\\nXARGV =+BC+E2+80+AE\\r\\n" >said
    printf "${message}${message}XARGV +2B\\r\\n${message}EHLO t\\r\\n${message}XARGV =x\\r\\n${message}HELO t\\r\\n${message}QUIT\\r\\n" >>said
    "$FAKESMTP" -q -l - -n 7 -j -o stream <said >replies
    [ "$(jq -c .client.argv stream)" = 'null
["-t","","-Fa \"b","�\n\\ü‮"]
["-t","","-Fa \"b","�\n\\ü‮"]
["-t","","-Fa \"b","�\n\\ü‮","+"]
null
["x"]
null' ] || { jq -c .client.argv stream; return 1; }
    [ "$(grep -c '^501 5.5.4 XARGV takes xtext' replies)" -eq 1 ]
}

# They have 64 KiB of room in all: a client cannot fill our memory with them.  Those after them are left out.
t_json_arguments_have_an_end() {
    python3 - "$FAKESMTP" <<'PY'
import json, subprocess, sys
mail = b"MAIL FROM:<>\r\nRCPT TO:<b@x.test>\r\nDATA\r\nx\r\n.\r\n"
def run(commands, more=b""):
    said = b"EHLO t\r\n" + b"".join(c + b"\r\n" for c in commands) + mail + more + b"QUIT\r\n"
    p = subprocess.run([sys.argv[1], "-q", "-l", "-", "-j", "-o", "stream"], input=said, stdout=subprocess.PIPE, timeout=300)
    replies = p.stdout.split(b"\r\n")
    first = next(i for i, line in enumerate(replies) if line.startswith(b"250 ")) + 1 # after EHLO
    return replies[first:first + len(commands)], [json.loads(l)["client"]["argv"] for l in open("stream")]
full = b"452 4.3.1 There is no room for more arguments"
for command, argument in (b"XARGV " + b"x" * 400, "x" * 400), (b"XARGV", ""), (b"XARGV +C3+BC", "\u00fc"):
    n = 65536 // (len(argument.encode()) + 1) + 100
    replies, (argv,) = run([command] * n)
    good = replies.index(full)
    assert replies == [b"250 2.0.0 Ok"] * good + [full] * (n - good), replies[good - 2:good + 3]
    assert argv == [argument] * good and n - 110 < good <= 65536 // (len(argument.encode()) + 1), (command, good, n)
# one that is cut off is not mixed with what comes later, and there is room again after EHLO
replies, (argv, again) = run([b"XARGV a"] + [b"XARGV =" + b"y" * 400] * 200 + [b"XARGV =z", b"XARGV -t"], b"EHLO t\r\nXARGV -t\r\n" + mail)
assert len(argv) == 1 and argv[0].startswith("ayy") and argv[0].endswith("yy") and 65000 < len(argv[0]) < 65536
assert replies[-2:] == [full] * 2 and again == ["-t"], (replies[-2:], again)
PY
}

t_json_other_ways_in() {
    mail_with x >m
    start_on "unix:$PWD/socket" -j -n 1
    talk '<220' '>EHLO t' '<250' '>MAIL FROM:<>' '<250' '>RCPT TO:<b@x.test>' '<250' '>DATA' '<354' '>x' '>.' '<250' '>QUIT' '<221'
    finish
    holds out '.client | .port == null and .protocol == "ESMTP"'
    printf 'EHLO t\r\nMAIL FROM:<>\r\nRCPT TO:<b@x.test>\r\nDATA\r\nx\r\n.\r\nQUIT\r\n' >said
    "$FAKESMTP" -q -l - -n 1 -j -o stream <said >replies
    holds stream '.client | .port == null'
    start_on lmtp://127.0.0.1:0 -j -n 1
    talk '<220' '>LHLO t' '<250' '>MAIL FROM:<>' '<250' '>RCPT TO:<b@x.test>' '<250' '>RCPT TO:<c@x.test>' '<250' '>DATA' \
        '<354' '>x' '>.' '<250' '<250' '>QUIT' '<221'
    finish
    holds out '.client.protocol == "LMTP" and (.envelope.to | length) == 2'
}

t_json_tls() {
    [ "${FAKESMTP_TLS-}" != none ] || return 0
    mail_with x >m
    start -j -n 2 --tls --ca-file ca.pem --auth ann:secret
    curl -sS --ssl-reqd --cacert ca.pem --url "smtp://localhost:$port" --mail-from a@x.test --mail-rcpt b@x.test -T m
    curl -sS --ssl-reqd --cacert ca.pem --url "smtp://localhost:$port" --mail-from a@x.test --mail-rcpt b@x.test -u ann:secret -T m
    finish
    holds out '.client.tls | test("^TLSv1\\.[23]$")'
    jq -s -e 'map(.client.protocol) == ["ESMTPS", "ESMTPSA"] and map(.client.auth) == [null, "ann"]' out
    # arguments that came in the clear are forgotten; RFC 3207 4.2
    start -j -n 1 --tls --ca-file ca.pem
    talk '<220' '>EHLO t' '<250' '>XARGV a' '<250' '>STARTTLS' '<220' tls '>EHLO t' '<250' '>XARGV b' '<250' '>MAIL FROM:<>' '<250' \
        '>RCPT TO:<b@x.test>' '<250' '>DATA' '<354' '>.' '<250' '>QUIT' '<221'
    finish
    holds out '.client.argv == ["b"]'
}

t_json_utf8_and_binary() {
    start -j -n 2
    printf 'Subject: Gr\303\274\303\237e\r\n\r\nx' >m
    post from-params=SMTPUTF8 from='ü@x.test' to='ö@bücher.test' m
    printf 'Subject: binary\n\n\0\r\n\377\n' >b
    post bdat from-params=BODY=BINARYMIME b
    finish
    sed -n 1p out >line1
    holds line1 '.client.protocol == "UTF8SMTP" and .envelope.from == "ü@x.test" and .envelope.to == ["ö@bücher.test"]'
    holds line1 '.subject == "Grüße" and .envelope.params == {"SMTPUTF8": null}'
    sed -n 2p out >line2
    holds line2 '.size == 22 and (.problems | length) > 0 and (.text | startswith("\u0000\n"))'
}

# One object a line, even with several clients at once.
t_json_of_many_clients() {
    start -j -n 200 -d mail
    python3 - "$port" <<'PY'
import smtplib, sys, threading
def client(i):
    with smtplib.SMTP("127.0.0.1", int(sys.argv[1]), timeout=60) as s:
        for k in range(10):
            s.sendmail("a@x.test", ["b@x.test"], "Subject: %d.%d\n\n%s\n" % (i, k, ("%d " % i) * (k * 4000)))
threads = [threading.Thread(target=client, args=(i,)) for i in range(20)]
for t in threads: t.start()
for t in threads: t.join()
PY
    finish
    status_is 0
    lines_are out 200
    jq -e . out >/dev/null
    python3 - <<'PY'
import json
mails = [json.loads(line) for line in open("out")]
assert [m["n"] for m in mails] == list(range(1, 201))
assert sorted(m["subject"] for m in mails) == sorted("%d.%d" % (i, k) for i in range(20) for k in range(10))
for m in mails:
    i, k = m["subject"].split(".")
    assert set(m["text"].split()) <= {i} and len(m["text"].split()) == int(k) * 4000
    assert ("Subject: %s\n" % m["subject"]) in open(m["file"]).read(), m["file"]
PY
}

t_json_is_there_with_the_250() {
    start -j -n 2 -o stream
    talk '<220' '>EHLO t' '<250' '>MAIL FROM:<>' '<250' '>RCPT TO:<b@x.test>' '<250' '>DATA' '<354' '>Subject: 1' '>.' '<250' '>QUIT' '<221'
    holds stream '.subject == "1"'
    lines_are stream 1
    mail_with 2 >m
    post m
    finish
    lines_are stream 2
}

# An octet of any kind in any place of it.
t_json_whatever_comes() {
    start -j -n 256 -o stream
    python3 -c '
print([b"Subject: <%c>\r\nX-%c: %c\r\nFrom: \"%c\" <%c@x.test>\r\nContent-Type: a/%c; name=\"%c\"\r\n\r\n%c\r\n" % ((c,) * 8)
       for c in range(256)])' | post -
    finish
    lines_are stream 256
    jq -e . stream >/dev/null
    python3 -c '
import json
lines = open("stream", "rb").read().decode("utf-8", "strict").split("\n")
assert lines.pop() == "" and len(lines) == 256
assert all(line.isprintable() and json.loads(line) for line in lines)'
}

t_bare_lf_is_told_of() {
    start -j -n 3 -d mail
    printf 'Subject: x\r\n\r\none\r\ntwo\r\n' >good
    printf 'Subject: x\r\n\r\none\ntwo\r\n' >bad
    post good bad good
    finish
    [ "$(jq -c '.problems | map(select(startswith("bare-lf: "))) | length' out | tr '\n' ' ')" = '0 1 0 ' ]
}

t_json_none_of_a_refused_message() {
    start -j -n 1 --max-size 1000 -d mail --attachments at
    talk '<220' '>EHLO t' '<250' '>MAIL FROM:<>' '<250' '>RCPT TO:<b@x.test>' '<250' '>DATA' '<354' \
        '*20000:too much of this\r\n' '>.' '<552' '>QUIT' '<221'
    mail_with good >m
    post m
    finish
    lines_are out 1
    holds out '.n == 1 and .subject == "good" and .file == "mail/0001.eml"'
}

# ---- text ----

t_text_is_a_golden_file() {
    cat >golden <<'END'
Envelope-From: <a@x.test>
Envelope-To: <b@x.test>, <c@x.test>
From: "Grüße, Ann" <a@x.test>
To: Bob <b@x.test>, c@x.test
Cc: d@x.test
Reply-To: r@x.test
Subject: Willkommen – ein langer Betreff, der umbrochen wird, weil er zu lang ist

Hallo,

https://x.test/confirm?token=0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef&x=ü

Grüße

Attachment: image/png, 4 octets
Attachment: application/pdf, 260 octets, résumé.pdf
Attachment: text/csv, 4 octets, table.csv

END
    for i in 1 2; do
        make_rich "$i"
        start -f text -n 1
        post to=b@x.test to=c@x.test rich
        finish
        status_is 0
        diff golden out
    done
    start -f text -n 2 -d mail --crlf -e -o stream
    post to=b@x.test to=c@x.test rich rich
    finish
    cat golden golden | diff - stream
}

t_text_to_grep() {
    printf 'Subject: =?utf-8?q?Best=C3=A4tigung?=\r\nContent-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n<a href=3D"https://x.test/reset?a=3D1=\r\n&b=3D2">reset</a>\r\n' >html
    printf 'Content-Transfer-Encoding: base64\r\n\r\nR28gdG8gaHR0cHM6Ly94LnRlc3QvYmFzZTY0P3g9MSAhCg==\r\n' >base64
    start -f text -n 2
    post html base64
    finish
    [ "$(grep -o 'https://[^> ]*' out | tr '\n' ' ')" = 'https://x.test/reset?a=1&b=2 https://x.test/base64?x=1 ' ]
    grep -qx 'Subject: Bestätigung' out
}

# A mail is shown to a terminal with escapes, as text is; pipes and files get its octets.  Pieces cut no character in two.
t_mail_cannot_drive_a_terminal() {
    python3 - "$FAKESMTP" <<'PY'
import os, pty, subprocess, sys, smtplib, tty
nasty = "\x1b]0;title\x07\x9b31m\u202e\u200b".encode() + bytes(c for c in range(256) if c not in (10, 13))
shown = "\\x1b]0;title\\x07\\xc2\\x9b31m\\xe2\\x80\\xae\\xe2\\x80\\x8b" + "".join(
    chr(c) if c == 9 or 32 <= c < 127 else "\\x%02x" % c for c in range(256) if c not in (10, 13))
def show(format, body):
    master, slave = pty.openpty()
    tty.setraw(slave)
    os.path.exists("port") or os.mkfifo("port")
    p = subprocess.Popen([sys.argv[1], "-q", "-f", format, "-n", "1", "-p", "0", "--port-file", "port"], stdout=slave)
    os.close(slave)
    pid = os.fork()
    if pid == 0:
        with smtplib.SMTP("127.0.0.1", int(open("port").read()), timeout=60) as s:
            s.sendmail("a@x.test", ["b@x.test"], body)
        os._exit(0)
    text = b""
    try:
        while True:
            text += os.read(master, 65536)
    except OSError:
        pass
    assert p.wait(60) == 0 and os.waitpid(pid, 0)[1] == 0
    return text.decode().partition("\n")[2] if format == "mbox" else text.decode()
for format in "eml", "mbox":
    end = "\n" if format == "mbox" else ""
    assert show(format, b"Subject: x\r\n\r\n" + nasty + b"\r\n") == "Subject: x\n\n" + shown + "\n" + end
    large = "S: xy\n\n" + "a\u20ac\U0001f600\n" * 20000
    assert show(format, large.replace("\n", "\r\n").encode()) == large + end
PY
}

# All 256 octets, characters that turn or hide text, and lines that look like ours, in every field.
t_text_cannot_drive_a_terminal() {
    python3 - <<'PY'
import base64
nasty = bytes(range(256)) + "\u202e\u200b\u2066\u061c\ufeff\u009b31m\u0085\u2028\u00ad\U000e0041".encode()
def word(octets):
    return b"=?utf-8?b?" + base64.b64encode(octets) + b"?="
def percent(octets):
    return b"".join(b"%%%02X" % c for c in octets)
raw = bytes(c for c in nasty if c not in b"\r\n")
mails = []
for encode in word, lambda octets: raw:
    mails.append(b"Subject: a" + encode(nasty) + b"\r\nFrom: " + encode(nasty) + b" <a@x.test>\r\nTo: \"" + raw.replace(b'"', b"")
                 + b"\" <" + raw.replace(b">", b"") + b"@x.test>\r\nCc: " + encode(nasty) + b" <c@x.test>\r\nReply-To: (" + raw + b") x@x.test\r\n"
                 + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain; charset=utf-8\r\n"
                 + b"Content-Transfer-Encoding: base64\r\n\r\n" + base64.encodebytes(nasty).replace(b"\n", b"\r\n")
                 + b"--b\r\nContent-Disposition: attachment; filename*=utf-8''" + percent(nasty) + b"\r\n\r\nx\r\n"
                 + b"--b\r\nContent-Type: a/b" + raw[128:] + b"; name=\"" + raw.replace(b'"', b"") + b"\"\r\n\r\nx\r\n--b--\r\n")
mails.append(b"\r\n" + bytes(c for c in nasty if c not in b"\r") + b"\r\n")
open("nasty", "w").write(repr(mails))
PY
    for format in text json; do
        start -f "$format" -n 3 -v --attachments at -o stream
        post from='a@x.test' - <nasty
        finish
        status_is 0
        python3 - <<'PY'
import unicodedata
for name in "stream", "err":
    text = open(name, "rb").read().decode("utf-8", "strict")
    bad = {c for c in text if c not in "\n\t" and unicodedata.category(c) in ("Cc", "Cf", "Co", "Cs", "Zl", "Zp")}
    assert not bad, (name, bad)
PY
    done
    start -f text -n 3 -o stream
    post from='a@x.test' - <nasty
    finish
    # no field is more than a line
    [ "$(grep -c '^Subject: ' stream)" -eq 2 ]
    [ "$(grep -c '^Envelope-To: <b@x.test>$' stream)" -eq 3 ]
    grep -q '^Subject: a.*\\x0a.*\\x1b.*\\x7f.*\\xe2\\x80\\xae\\xe2\\x80\\x8b' stream
    [ "$(grep -c '^Attachment: ' stream)" -eq 4 ]
}

# ---- attachments as files ----

# The directory "at" holds all attachments that the JSON lines in $1 list, with their digests, and nothing else.
attachments_are_there() {
    python3 - "$1" <<'PY'
import hashlib, json, os, re, sys
paths = []
for line in open(sys.argv[1]):
    for a in json.loads(line)["attachments"]:
        path = a["path"]
        octets = open(path, "rb").read()
        assert len(octets) == a["size"] and hashlib.sha256(octets).hexdigest() == a["sha256"], a
        directory, name = path.rsplit("/", 1)
        assert directory == "at" and re.fullmatch(r"[0-9A-Za-z][0-9A-Za-z._-]*", name) and len(name) < 128, path
        assert not os.path.islink(path)
        paths.append(name)
assert len(set(paths)) == len(paths), paths
assert sorted(os.listdir("at")) == sorted(paths), (os.listdir("at"), paths)
print(len(paths))
PY
}

# Names that a client may think of.
make_names() {
    python3 - <<'PY' >names.list
names = ["../../x", "/etc/x", "C:\\x", "..\\..\\x", "a\0.txt", "n" * 300 + ".pdf", "\u00fc" * 300, ".", "..", "...", "-rf", "--", "CON",
         "con.txt", "`;$(x)", "a\nb.txt", "a\rb", " ", "", "x/", "/", "//", "a b c.txt", "a'b\"c", "*", "?", "~", "~root/x", "a|b", "a&b", "%2e%2e%2fx",
         ".hidden", "a/.hidden", "\u202egnp.exe", "\u200b", "r\u00e9sum\u00e9.pdf", "same.txt", "same.txt", "SAME.TXT", "no-extension",
         "no-extension", "dir/same.txt", "a.tar.gz", "a.tar.gz", "x." + "e" * 200, "x." + "e" * 200, "\\", "nul\\", "\x1b[31m.txt"]
def part(name):
    encoded = "".join("%%%02X" % c for c in name.encode())
    return ("--b\r\nContent-Disposition: attachment; filename*=utf-8''%s\r\n\r\n<%d>\r\n" % (encoded, part.n)).encode()
part.n = 0
def mail(names):
    parts = []
    for name in names:
        part.n += 1
        parts.append(part(name))
    for kind in ("application/pdf", "text/csv", "image/png", "x-very/long-subtype-indeed", "a/..", "a/`x`", "message/rfc822", "text/plain"):
        part.n += 1
        parts.append(b"--b\r\nContent-Type: %s\r\nContent-Disposition: attachment\r\n\r\n<%d>\r\n" % (kind.encode(), part.n))
    return b"Subject: x\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n" + b"".join(parts) + b"--b--\r\n"
print([mail(names), mail(names)])
PY
}

t_attachments_by_any_name() {
    make_names
    mkdir work
    cd work
    : >../x
    start -j -n 2 --attachments at
    post - <../names.list
    finish
    status_is 0
    [ "$(attachments_are_there out)" -eq 114 ]
    # the names are told as they were sent
    jq -s -e '.[0].attachments | map(.filename) | .[0:5] == ["../../x", "/etc/x", "C:\\x", "..\\..\\x", "a\u0000.txt"]' out
    jq -s -e '.[0].attachments[-1].filename == null' out
    [ ! -s ../x ] && [ ! -e x ]
    [ "$(ls -A .. | tr '\n' ' ')" = 'names.list work x ' ]
    # a shell makes nothing of them
    (cd at && for f in *; do [ -f "$f" ]; done && [ "$(echo * | wc -w)" -eq 114 ])
    # and another run overwrites none
    tar cf before.tar at
    start -j -n 2 --attachments at -o second
    post - <../names.list
    finish
    [ "$(find at -type f | wc -l)" -eq 228 ]
    tar df before.tar
}

t_attachments_whatever_the_stream_is() {
    make_rich 1
    for words in '-f none' '-f eml -o stream' '-f mbox -o stream' '-f text -o stream' '-f json -o stream'; do
        rm -rf at
        # shellcheck disable=SC2086
        start -n 1 $words --attachments at
        post rich
        finish
        status_is 0
        [ "$(find at -type f | wc -l)" -eq 3 ]
        [ "$(cat at/*.csv)" = a,b ]
    done
    rm -rf at
    start -n 1 -d mail --attachments at
    post rich
    finish
    [ "$(find at -type f | wc -l)" -eq 3 ] && [ -f mail/0001.eml ]
    holds stream 'all(.attachments[]; .path | startswith("at/0001-"))'
}

t_attachments_are_there_with_the_250() {
    make_rich 1
    start -n 2 -j --attachments a/b/at
    post rich
    [ "$(find a/b/at -type f ! -name '.*' | wc -l)" -eq 3 ]
    post rich
    finish
    [ "$(find a/b/at -type f | wc -l)" -eq 6 ]
}

t_no_attachments_no_path() {
    make_rich 1
    start -n 1 -j
    post rich
    finish
    holds out 'all(.attachments[]; has("path") | not)'
}

# Many of the same name in one mail.
t_attachments_of_one_name() {
    python3 -c '
print([b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"".join(
    b"--b\r\nContent-Type: a/b; name=same.txt\r\n\r\n<%d>\r\n" % i for i in range(900)) + b"--b--\r\n"])' >list
    start -j -n 1 --attachments at
    post - <list
    finish
    [ "$(attachments_are_there out)" -eq 900 ]
}

# ---- attachments that cannot be written ----

# make_large OCTETS: a mail with a small attachment and then one of this size
make_large() {
    python3 -c '
import base64, sys
sys.stdout.buffer.write(b"Subject: large\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\nx\r\n"
    b"--b\r\nContent-Type: a/b; name=small\r\n\r\nsmall\r\n--b\r\nContent-Type: a/b; name=large\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    + base64.encodebytes(bytes(int(sys.argv[1]))).replace(b"\n", b"\r\n") + b"--b--\r\n")' "$1" >large
}

t_attachments_on_a_full_disk() {
    [ "$(id -u)" -eq 0 ] || { echo "needs root, to mount a small disk"; return 1; }
    mkdir at
    mount -t tmpfs -o size=64k none at
    trap 'umount at; [ -z "${pid-}" ] || kill "$pid" 2>/dev/null || :' EXIT
    make_rich 1
    make_large 100000
    start -k -j -d mail --attachments at
    post rich
    find at -type f | sort >before
    post code=452 large
    find at -type f | sort | diff before -
    [ "$(ls mail)" = 0001.eml ] || { ls -A mail; return 1; }
    lines_are out 1
    post rich
    kill "$pid"
    finish
    status_is 4 'fakesmtp: 1 message could not be written to at: No space left on device'
    lines_are out 2
    [ "$(attachments_are_there out)" -eq 6 ]
    jq -s -e 'map(.n) == [1, 2]' out
    umount at
    trap - EXIT
}

t_attachments_directory_goes_away() {
    make_rich 1
    start -n 1 -j -d mail --attachments at
    rm -r at
    post code=451 rich
    finish
    status_is 4 'fakesmtp: 1 message could not be written to at: No such file or directory'
    nothing_in mail
    [ ! -s out ] && [ ! -e at ]
}

t_attachments_directory_read_only() {
    [ "$(id -u)" -eq 0 ] || { echo "needs root, to mount a disk"; return 1; }
    mkdir at
    mount -t tmpfs -o size=64k none at
    trap 'umount at; [ -z "${pid-}" ] || kill "$pid" 2>/dev/null || :' EXIT
    make_rich 1
    start -k -j -d mail --attachments at
    mount -o remount,ro at
    python3 "$HERE/post.py" "$port" code=45 rich
    mail_with 'no attachments' >m
    post m
    kill "$pid"
    finish
    status_is 4 'fakesmtp: 1 message could not be written to at: Read-only file system'
    nothing_in at
    lines_are out 1
    run -n 1 -t 1s -p 0 --attachments at
    status_is 3 "fakesmtp: cannot use directory 'at': Read-only file system|fakesmtp: cannot use directory at: Read-only file system"
    umount at
    trap - EXIT
}

# A message that fails takes nothing of those before it with it.
t_a_failure_is_its_own() {
    make_rich 1
    make_large 100000
    rm -f port && mkfifo port
    (ulimit -f 100 && GCOV_PREFIX=$PWD exec "$FAKESMTP" -k -p 0 --port-file port -j -d mail --attachments at >out 2>err) &
    pid=$!
    read -r port <port
    post rich
    find at mail -type f | sort >before
    post code=452 large
    find at mail -type f | sort | diff before -
    post rich
    kill "$pid"
    finish
    status_is 4
    [ "$(attachments_are_there out)" -eq 6 ]
}

t_stream_is_full() {
    make_rich 1
    for format in json text mbox eml; do
        rm -rf mail at
        start -n 1 -f "$format" -d mail --attachments at -o /dev/full
        post code=452 rich
        finish
        status_is 4 'fakesmtp: 1 message could not be written to /dev/full: No space left on device'
        nothing_in mail
        nothing_in at
    done
}

t_stream_that_nobody_reads() {
    make_rich 1
    for format in json text mbox; do
        rm -rf mail at
        rm -f port pipe && mkfifo port pipe
        "$FAKESMTP" -p 0 --port-file port -n 1 -f "$format" -d mail --attachments at >pipe 2>err &
        pid=$!
        exec 3<pipe
        read -r port <port
        exec 3<&-
        post code=45 rich
        finish
        status_is 4 'fakesmtp: 1 message could not be written to standard output: Broken pipe'
        nothing_in mail
        nothing_in at
    done
}

# A stream that is a file is cut back to where it was.
t_stream_is_cut_back() {
    make_large 100000
    printf 'Content-Type: text/plain\r\n\r\n' >text
    python3 -c 'print(("x" * 70 + "\r\n") * 2000)' >>text
    mail_with small >m
    for format in json text mbox; do
        rm -f port stream && mkfifo port
        (ulimit -f 100 && GCOV_PREFIX=$PWD TMPDIR=$PWD exec "$FAKESMTP" -k -p 0 --port-file port -f "$format" -o stream >out 2>err) &
        pid=$!
        read -r port <port
        post m
        cp stream before
        post code=452 text
        same before stream
        post m
        kill "$pid"
        finish
        status_is 4
        [ "$(wc -c <stream)" -ge $(($(wc -c <before) * 2 - 4)) ]
        [ "$format" != json ] || jq -s -e 'map(.n) == [1, 2]' stream
        [ -z "$(find . -name '.fakesmtp*')" ]
    done
}

# Each system call fails once: the client is told, and nothing is left.
t_each_call_fails_once() {
    make_rich 1
    refused=0
    for inject in openat:error=ENOSPC write:error=EIO linkat:error=EDQUOT fsync:error=EIO; do
        for when in $(seq 1 14); do
            rm -rf mail at stream && mkdir mail at
            start_under strace -f -q -o /dev/null -e inject="$inject:when=$when" -- -q -t 60s -c 1 --fsync -d mail -j -o stream --attachments at
            if [ -z "$port" ]; then
                finish
                [ "$status" -ge 3 ]
                continue
            fi
            reply=$(python3 "$HERE/post.py" "$port" rich 2>&1) && reply=250
            finish
            if grep -q 'LeakSanitizer does not work' err; then continue; fi # a call of its own failed
            case $reply in
            250)
                status_is 0
                [ "$(attachments_are_there stream)" -eq 3 ]
                [ "$(ls -A mail)" = 0001.eml ]
                ;;
            *\'45*)
                status_is 4 'fakesmtp: 1 message could not be written to .*'
                nothing_in mail
                nothing_in at
                [ ! -s stream ]
                refused=$((refused + 1))
                ;;
            esac
        done
    done
    [ "$refused" -ge 8 ] || { echo "$refused were refused"; return 1; }
}

# ---- mbox ----

# Writes boxes.list, messages that an mbox may get wrong, as they will be read: with LF.
make_box_mails() {
    python3 - <<'PY' >box.list
bodies = [b"From here\r\nand on\r\n", b">From there\r\n", b">>From x\r\n", b"From", b"From ", b">From ", b"Fro", b">", b">>>", b"no line end",
          b"\r\nFrom after a blank line\r\n", b"\r\n\r\n\r\n", b"", b"\r\n", b"From \r\nFrom \r\n\r\nFrom \r\n", b" From x\r\n", b"FROM x\r\n",
          b"From: x\r\n", b"8-bit \xff\xfe\x80 Gr\xc3\xbc\xc3\x9fe\r\n", b"x" * 100000 + b"\r\nFrom x\r\n",
          (b"y" * 20 + b"\r\n") * 10000 + b"From x", b"From " * 5000, b">" * 40000 + b"From x\r\n", b"a\rFrom b\r\n", b"a\nFrom b\r\n",
          b"z" * 16377 + b"\r\nFrom across blocks\r\n", b"." + b"\r\n..\r\n.\r\n", b"From a@x.test Tue Nov 24 13:42:12 2026\r\n\r\nx\r\n"]
heads = [b"Subject: %d\r\n\r\n" % i for i in range(len(bodies))]
mails = [head + body for head, body in zip(heads, bodies)]
mails += [b"Subject: no body\r\n", b"Subject: no end", b"From a header line\r\nSubject: x\r\n\r\nx\r\n"]
print(mails)
PY
}

# read_box WHAT FILE CRLF: compares what files.N or the box hold with what was sent
check_box() {
    python3 - "$1" "$2" "${3-}" <<'PY'
import ast, glob, mailbox, re, sys
how, name, crlf = sys.argv[1:]
sent = ast.literal_eval(open("box.list").read())
want = [m if crlf else m.replace(b"\r\n", b"\n") for m in sent]
def unquote(text):
    return re.sub(rb"^>(>*From )", rb"\1", text, flags=re.M)
if how == "python":
    box = mailbox.mbox(name, create=False)
    got = [box.get_bytes(key) for key in sorted(box.keys())]
    assert all(box.get_message(key).get_from().startswith("a@x.test ") for key in box.keys())
    # what was read has lost one line end, or has the one that was put behind a last line
else:
    got = [open(f, "rb").read() for f in sorted(glob.glob(name + ".*"), key=lambda f: int(f.rsplit(".", 1)[1]))]
    assert all(m.startswith(b"From a@x.test ") for m in got)
    got = [m.split(b"\n", 1)[1] for m in got]
def ended(text):
    return text if text.endswith(b"\n") or not text else text + b"\n"
assert len(got) == len(want), (len(got), len(want))
for i, (a, b) in enumerate(zip(got, want)):
    a, b = ended(unquote(a)), ended(b)
    if how == "formail":
        assert a in (b, b + b"\n"), (i, a[-300:], b[-300:])
    elif how == "mutt":
        assert a.rstrip(b"\n") == b.rstrip(b"\n"), (i, a[:300], b[:300])
    else:
        assert a == b, (i, a[-300:], b[-300:])
PY
}

t_mbox_is_read_back() {
    make_box_mails
    start -n 31 -f mbox -o box
    post bdat - <box.list
    finish
    status_is 0
    [ "$(grep -c '^From ' box)" -eq 31 ]
    grep -Ec '^From a@x\.test (Mon|Tue|Wed|Thu|Fri|Sat|Sun) [A-Z][a-z]{2} [ 0-9][0-9] [0-9]{2}:[0-9]{2}:[0-9]{2} 20[0-9]{2}$' box | grep -qx 31
    check_box python box
    formail -b -s sh -c 'n=$(ls | grep -c "^formail\."); cat >"formail.$n"' <box
    check_box formail formail
    printf '#!/bin/sh\nn=$(ls | grep -c "^mutt\\\\.[0-9]"); cat >"mutt.$n"\n' >take
    chmod +x take
    mkdir Mail # else it asks
    mkfifo keys # none are pressed, but that is no end; and script makes a terminal without a size
    HOME=$PWD TERM=xterm timeout 120 script -qec "stty rows 24 cols 80; mutt -n -F /dev/null -R -f box -e 'set wait_key=no pipe_split=yes pipe_decode=no quit=yes sort=mailbox-order' -e 'push \"<tag-pattern>~A<enter><tag-prefix><pipe-message>./take<enter><exit>\"'" /dev/null <>keys >screen 2>&1
    check_box mutt mutt
    cp box box2
    start -n 31 -f mbox --crlf -o box2
    post bdat - <box.list
    finish
    [ "$(head -c "$(wc -c <box)" box2 | cmp - box)" = '' ]
    tail -c "+$(($(wc -c <box) + 1))" box2 >box3
    check_box python box3 crlf
}

t_mbox_of_data() {
    make_box_mails
    start -n 31 -f mbox
    post - <box.list
    finish
    python3 -c '
import ast
sent = ast.literal_eval(open("box.list").read())
open("box.list", "w").write(repr([m if m.endswith(b"\r\n") else m + b"\r\n" for m in sent]))'
    check_box python out
}

t_mbox_senders() {
    start -n 4 -f mbox -e
    mail_with x >m
    post from= m
    post from='"q p"@x.test' m
    post from-params=SMTPUTF8 from='ü@x.test' m
    post from="$(printf '%064d' 0)@$(printf '%060d.%060d.%060d.test' 1 2 3)" m
    finish
    status_is 0
    grep -q '^From MAILER-DAEMON [A-Z][a-z][a-z] ' out
    grep -q '^From "q-p"@x\.test [A-Z][a-z][a-z] ' out
    grep -q '^From ü@x\.test [A-Z][a-z][a-z] ' out
    [ "$(grep -c '^Return-Path: ' out)" -eq 4 ]
    python3 -c '
import mailbox
import email
box = mailbox.mbox("out", create=False)
mails = [email.message_from_bytes(box.get_bytes(key)) for key in sorted(box.keys())]
assert [m["Subject"] for m in mails] == ["x"] * 4
assert mails[0]["Return-Path"] == "<>"'
}

t_mbox_is_appended_to() {
    python3 -c '
import mailbox
box = mailbox.mbox("box")
box.add("Subject: old\n\nFrom somebody\n")
box.close()'
    cp box before
    mail_with new 'From me' >m
    for i in 1 2; do
        start -n 1 -f mbox -o box
        post m
        finish
        status_is 0
    done
    head -c "$(wc -c <before)" box | cmp - before
    python3 -c '
import mailbox
box = mailbox.mbox("box", create=False)
assert [m["Subject"] for m in box] == ["old", "new", "new"], [m["Subject"] for m in box]
assert box[2].get_payload() == ">From me\n", box[2].get_payload()'
}

# A process that was killed while it wrote has left a part of a message.
t_mbox_that_ends_in_the_middle() {
    for end in 'half a li' 'half a line\n' 'whole\n\n' ''; do
        printf "${end:+From z@x.test Tue Nov 24 13:42:12 2026\nSubject: old\n\n}$end" >box
        mail_with new >m
        start -n 1 -f mbox -o box
        post m
        finish
        python3 -c '
import mailbox
assert [m["Subject"] for m in mailbox.mbox("box", create=False)][-1] == "new", open("box").read()
assert b"\n\nFrom a@x" in open("box", "rb").read() or open("box", "rb").read().startswith(b"From a@x"), open("box").read()'
    done
}

t_mbox_of_two_processes() {
    for i in 1 2; do
        mkdir "$i"
        (
            cd "$i"
            start -n 200 -f mbox -o ../box
            python3 - "$port" "$i" <<'PY'
import smtplib, sys, threading
def client(c):
    with smtplib.SMTP("127.0.0.1", int(sys.argv[1]), timeout=60) as s:
        for k in range(50):
            name = "%s.%d.%d" % (sys.argv[2], c, k)
            s.sendmail("a@x.test", ["b@x.test"], "Subject: %s\n\nFrom %s\n%s" % (name, name, (name + "\n") * (k * 200)))
threads = [threading.Thread(target=client, args=(c,)) for c in range(4)]
for t in threads: t.start()
for t in threads: t.join()
PY
            finish
            status_is 0
        ) &
        pids="${pids-} $!"
    done
    for p in $pids; do wait "$p"; done
    python3 - <<'PY'
import mailbox
names = set()
for m in mailbox.mbox("box", create=False):
    name = m["Subject"]
    lines = m.get_payload().splitlines()
    assert lines[0] == ">From " + name, lines[0]
    assert lines[1:] == [name] * (int(name.split(".")[2]) * 200), name
    names.add(name)
assert len(names) == 400, len(names)
PY
}

# Another process that has the lock is waited for.
t_mbox_lock() {
    mail_with new >m
    start -v -n 1 -f mbox -o box
    python3 - "$port" "$pid" "$HERE/post.py" <<'PY'
import fcntl, os, subprocess, sys, time
port, pid, post = sys.argv[1:]
f = open("box", "r+b")
fcntl.lockf(f, fcntl.LOCK_EX)
client = subprocess.Popen([sys.executable, post, port, "m"])
limit = time.monotonic() + 60
while " C: .\n" not in open("err").read(): # the end of the mail data has come
    assert time.monotonic() < limit and client.poll() is None
    time.sleep(0.01)
assert os.path.getsize("box") == 0
f.write(b"From z@x.test Tue Nov 24 13:42:12 2026\nSubject: other\n\nx\n\n")
f.flush()
fcntl.lockf(f, fcntl.LOCK_UN)
assert client.wait(60) == 0
PY
    finish
    status_is 0
    [ "$(grep '^Subject' box | tr '\n' ' ')" = 'Subject: other Subject: new ' ]
}

# One that is never let go does not hold up the end: the message is refused.
t_mbox_lock_for_ever() {
    mail_with new >m
    start -v -k -f mbox -o box
    python3 - "$port" "$pid" "$HERE/post.py" <<'PY'
import fcntl, os, signal, subprocess, sys, time
port, pid, post = sys.argv[1:]
f = open("box", "r+b")
fcntl.lockf(f, fcntl.LOCK_EX)
client = subprocess.Popen([sys.executable, post, port, "code=45", "m"])
limit = time.monotonic() + 60
while " C: .\n" not in open("err").read(): # the end of the mail data has come
    assert time.monotonic() < limit and client.poll() is None
    time.sleep(0.01)
os.kill(int(pid), signal.SIGTERM)
try:
    client.wait(60)
except subprocess.TimeoutExpired:
    client.kill()
    sys.exit("it goes on waiting for the lock")
assert os.path.getsize("box") == 0
PY
    finish
    status_is 4
}

t_mbox_is_cut_back() {
    rm -f port && mkfifo port
    printf 'From z@x.test Tue Nov 24 13:42:12 2026\nSubject: old\n\nx\n\n' >box
    (ulimit -f 100 && GCOV_PREFIX=$PWD TMPDIR=$PWD exec "$FAKESMTP" -k -p 0 --port-file port -f mbox -o box -d mail >out 2>err) &
    pid=$!
    read -r port <port
    mail_with new >m
    python3 -c 'print("Subject: large\r\n\r\n" + "From\r\nFrom x\r\n" * 4000)' >large # fits as it is, not with a > more
    post m
    cp box before
    post code=452 large
    same box before
    post m
    kill "$pid"
    finish
    status_is 4 'fakesmtp: 1 message could not be written to box: File too large'
    [ "$(find mail -type f | wc -l)" -eq 2 ]
    [ "$(grep -c '^From ' box)" -eq 3 ]
}

t_mbox_through_a_pipe() {
    rm -f port && mkfifo port
    "$FAKESMTP" -p 0 --port-file port -n 3 -f mbox 2>err | formail -s sh -c 'cat >>"got"; echo x >>count' &
    pid=$!
    read -r port <port
    mail_with piped 'From me' >m
    post m m m
    finish
    [ "$(wc -l <count)" -eq 3 ]
    [ "$(grep -c '^>From me$' got)" -eq 3 ]
}

# ---- words that are wrong ----

t_usage() {
    run -f xml
    status_is 2
    grep -q "'xml' is not a format: give eml, mbox, json, text, html or none" err
    for words in '-b -j' '-b -f text' '-b -f mbox' '-b -j -o -' '-f none -o x' '-f none -j -f none -o x' '--attachments' '-f'; do
        # shellcheck disable=SC2086
        run $words
        status_is 2
    done
    run -b -j
    grep -q 'standard output' err
    run --attachments '' -n 1
    status_is 2
    : >file
    run -p 0 -t 1s --attachments file
    status_is 3
    run -p 0 -t 1s --attachments file/x
    status_is 3
    run -p 0 -t 1s -j -o none/such
    status_is 3
    # the last format holds
    start -j -f text -n 1
    mail_with x >m
    post m
    finish
    head -n 1 out | grep -qx 'Envelope-From: <a@x.test>'
}

t_background_with_a_stream_elsewhere() {
    mail_with x >m
    "$FAKESMTP" -q -b -p 0 -j -o stream -n 1 --attachments at >vars
    port=$(sed -n 's/.*SMTP_PORT=\([0-9]*\).*/\1/p' vars | head -n 1)
    background=$(sed -n 's/.*FAKESMTP_PID=\([0-9]*\).*/\1/p' vars | head -n 1)
    post m
    tail --pid="$background" -f /dev/null
    holds stream '.subject == "x"'
}

t_of_a_wrapped_command() {
    mail_with x >m
    run -n 1 -j -o stream sh -c 'curl -sS --url "$SMTP_URL" --mail-from a@x.test --mail-rcpt b@x.test -T m && jq -e ".subject == \"x\"" stream && test -f "$(jq -r .file stream)"'
    status_is 0
    grep -qx true out
}

# ---- earlier bugs ----

# The same text, whichever library converts: a label, octets as printf writes them, and the text.
t_charsets_of_mail() {
    cat >table <<'END'
Shift_JIS#~ann\134 \207@ \372\261 \261#~ann\ ① 﨑 ｱ
euc-jp#\306\374\313\334 \255\241 \371\241 \241\301#日本 ① 纊 ～
ISO-2022-JP#\033$B-!-jF|\033(B \033(I10\033(B#①㈱日 ｱｰ
cp50222#\033$B!A\033(B \0161\017#～ ｱ
ks_c_5601-1987#\260\241 \214\143 \310<#가 똠 �<
iso-2022-kr#\033$)C\0160!\017#가
gb2312#\304\343 \351F \200 \224\071\332\063 \246\331#你 镕 € 💩 ︐
big5#\247A\246n \241E \207@ \242@#你好 ‧ 䏰 ＼
iso-8859-1#\200 \223x\224#€ “x”
iso-8859-9#\335 \223#İ “
windows-874#\200\241#€ก
macintosh#\212#ä
x-mac-cyrillic#\217#П
ibm866#\217#П
koi8-u#\244#є
windows-1256#\307#ا
us-ascii#caf\351#café
unknown-8bit#Gr\303\274\303\237e#Grüße
END
    start -k -j -o out
    while IFS='#' read -r charset octets text; do
        printf 'From: a@x.test\r\nContent-Type: text/plain; charset=%s\r\n\r\n'"$octets" "$charset" >m
        post m
    done <table
    stop
    lines_are out "$(wc -l <table)"
    cut -d'#' -f3 table >wanted
    jq -r '.text | rtrimstr("\n")' out >texts
    diff wanted texts
}

# Octets that a decoder of charsets does not survive everywhere, or not soon.
t_charsets_do_no_harm() {
    start -k -j -o out
    for charset in euc-kr cp949 uhc ks_c_5601-1987 big5 big5-hkscs gb18030 shift_jis iso-2022-jp iso-2022-kr utf-7 utf-16; do
        {
            printf 'Subject: =?%s?Q?=C8=41=C8=FE=FF=81=30?=\r\n' "$charset"
            printf 'Content-Type: text/plain; charset=%s\r\n\r\n\310\101\377\376\201\060\033$)C\016!\r\n' "$charset"
        } >m
        post m
    done
    python3 - <<'PY' >many
import sys
head = b"Subject: x\r\nContent-Type: text/plain; charset=gb18030\r\n\r\n"
sys.stdout.buffer.write(head + (b"\xfe9\xfe9\x826\xc79" * 100 + b"\r\n") * 10 + (b"\x825\x907" * 100 + b"\r\n") * 250)
PY
    post many
    stop
    lines_are out 13
    holds out '.subject | type == "string"'
}

# The file is published before the stream is begun: a message that is refused is in neither.
t_no_stream_without_a_file() {
    mail_with first >m
    for format in eml mbox json text; do
        rm -rf mail box
        start_under strace -f -q -o /dev/null -e trace=linkat -e inject=linkat:error=ENOSPC:when=2+ -- \
            -c 1 -t 60s -f "$format" -o box -d mail
        post m code=452 m
        finish
        [ "$status" -eq 4 ]
        [ "$(grep -c 'hello' box)" -eq 1 ]
        [ "$(find mail -name '*.eml' | wc -l)" -eq 1 ]
    done
}

# A thousand of one name are no more work than a thousand names.
t_a_thousand_attachments_of_one_name() {
    python3 - <<'PY' >same
part = b"--B\r\nContent-Disposition: attachment; filename=same.txt\r\n\r\nx\r\n"
import sys
sys.stdout.buffer.write(b"Content-Type: multipart/mixed; boundary=B\r\n\r\n" + part * 900 + b"--B--\r\n")
PY
    start -n 3 -f none --attachments at
    post same same same
    finish
    status_is 0
    [ "$(find at -type f | wc -l)" -eq 2700 ]
}

# With --attachments alone no text is rendered, so memory does not grow with it.
t_attachments_take_no_memory() {
    python3 -c 'import sys; sys.stdout.buffer.write(b"Subject: t\r\n\r\n" + b"a line of text that is long\r\n" * 2000000)' >large
    rm -f port && mkfifo port
    (
        [ -n "${FAKESMTP_INSTRUMENTED-}" ] || ulimit -v 120000
        GCOV_PREFIX=$PWD exec "$FAKESMTP" -n 1 -p 0 --port-file port -f none --attachments at >out 2>err
    ) &
    pid=$!
    read -r port <port
    post large
    finish
    status_is 0
}
