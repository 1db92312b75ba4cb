# SPDX-License-Identifier: ISC
# shellcheck shell=sh disable=SC2154,SC2016 # the names come from lib; some words are jq's
# The page of -f html and --beside html, as its source is.  tests/page/check.py looks at it in a browser.

post() { python3 "$HERE/post.py" "$port" "$@"; }

# read_page FILE [--cut]: to page.json
read_page() { python3 "$HERE/page.py" "$@" >page.json; }

# holds FILTER: it is true of page.json
holds() { jq -e "if ($1) then true else error(\"not so\") end" page.json >jq.out 2>&1 || { echo "not so: $1"; cut -c1-300 page.json; return 1; }; }

# with_html HTML >FILE: a message that is HTML
with_html() { printf 'From: a@x.test\r\nTo: b@x.test\r\nSubject: t\r\nMIME-Version: 1.0\r\nContent-Type: text/html; charset=utf-8\r\n\r\n%s\r\n' "$1"; }

mail_with() { printf 'From: Ann <a@x.test>\r\nTo: b@x.test\r\nSubject: %s\r\n\r\n%b\r\n' "$1" "${2-hello}"; }

# A mail with a text, HTML with two pictures in it, one of elsewhere, and an attachment.
make_rich() {
    python3 - <<'PY' >rich
import sys
from email.message import EmailMessage
m = EmailMessage()
m["From"] = '"Gr\u00fc\u00dfe, Ann" <a@x.test>'
m["To"] = "Bob <b@x.test>"
m["Cc"] = "d@x.test"
m["Subject"] = "Willkommen \u2764\ufe0f <b>"
m["Date"] = "Tue, 24 Nov 2026 04:12:00 +0100"
m["Message-ID"] = "<1@x.test>"
m.set_content("Hallo,\n\n<\u202e&\"'\u200d\n", cte="base64")
m.add_alternative("""<!DOCTYPE html><style>p { background: url( 'cid:bar@x' ) } @import "https://x.test/a.css";</style>
<p title='cid:logo@x' onclick="x()">cid:logo@x \u200b\u202e&amp; <img src=cid:logo%40x alt="\u00fc"><IMG SRC="https://x.test/1.gif?a=1&amp;b=2">
<img srcset="//x.test/2.png 2x, 3.png 3x"><td background="https://x.test/1.gif?a=1&b=2"><img src="cid:none@x"><img src=data:image/png;base64,AA==>
<LINK rel=stylesheet href="https://x.test/a.css">&lt;link href<a HREF="https://x.test/?a=1">the<br>link</a>
""", subtype="html", cte="quoted-printable")
m.get_payload()[1].add_related(b"\x89PNG", "image", "png", cid="<logo@x>")
m.get_payload()[1].add_related(b"GIF", "image", "gif", cid="<bar@x>")
m.add_attachment(b"%PDF" + bytes(range(256)), "application", "pdf", filename="../r\u00e9sum\u00e9 <1>.pdf")
m.set_boundary("b")
sys.stdout.buffer.write(m.as_bytes().replace(b"\n", b"\r\n"))
PY
}

t_page_of_a_mail() {
    make_rich
    start -f html -o page.html -n 1
    post to=b@x.test to=audit@x.test to=d@x.test to-params=NOTIFY=NEVER rich
    finish
    status_is 0
    [ ! -s out ]
    read_page page.html
    holds '.verdict == "As expected" and .rows == [["1 message", "1", "met"]] and (.messages | length) == 1'
    jq '.messages[0]' page.json >message.json && mv message.json page.json
    # in the list
    holds '.n == 1 and .subject == "Willkommen ❤️ <b>" and (.time | test("^20[0-9-]{8} [0-9:]{8} UTC$"))'
    holds '.row | test("from Grüße, Ann <a@x.test> to Bob <b@x.test> [0-9.]+ KB 3 attachments 1 Bcc 1 problem$")'
    # the HTML with its pictures, otherwise as it came
    png=$(printf '\211PNG' | base64) gif=$(printf GIF | base64)
    holds '.html | startswith("<!DOCTYPE html><style>p { background: url( '"'data:image/png;base64,$gif'"' ) } @import \"https://x.test/a.css\";</style>\n")'
    holds '.html | contains("<p title='"'cid:logo@x'"' onclick=\"x()\">cid:logo@x \u200b\u202e&amp; <img src=data:image/png;base64,'"$png"' alt=\"ü\">")'
    holds '.html | contains("<LINK rel=stylesheet hre&#102;=\"https://x.test/a.css\">") and contains("&lt;link hre&#102;<a HRE&#70;=\"https://x.test/?a=1\">the<br>link</a>\n")'
    holds '.links == ["the link https://x.test/?a=1"]'
    holds '.remote == ["https://x.test/a.css style", "https://x.test/1.gif?a=1&b=2 img", "//x.test/2.png img", "3.png img", "cid:none@x img"]'
    # the text, the header, the source
    holds '.text == "Hallo,\n\n<\\xe2\\x80\\xae&\"'"'"'\u200d\n"'
    holds '.fields[0] == ["From", "Grüße, Ann <a@x.test>"] and .fields[3] == ["Subject", "Willkommen ❤️ <b>"] and (.fields | length) == 8'
    tr -d '\r' <rich >lf
    jq -j .source page.json >got && same got lf
    sed '/^$/,$d' lf >want
    jq -j .header page.json >got && same got want
    # who got it
    holds '.envelope == [["From", "<a@x.test>"], ["To", "<b@x.test> NOTIFY=NEVER"], ["To", "<audit@x.test> NOTIFY=NEVER Bcc: not named in the header"],
        ["To", "<d@x.test> NOTIFY=NEVER"], ["Client", "127.0.0.1"], ["EHLO name", "t"], ["Protocol", "ESMTP"]]'
    holds '[.attachments[] | [.name, .about, .size, .download]] == [["(no name)", "image/png, 4 octets", 4, "0001-part.png"], ["(no name)", "image/gif, 3 octets", 3, "0001-part.gif"],
        ["../résumé <1>.pdf", "application/pdf, 260 octets", 260, "0001-r_sum_1_.pdf"]] and (.attachments[2].data | startswith("%PDF\u0000\u0001"))'
    holds '.problems == ["long-encoded-line line of base64 or quoted-printable longer than 76 characters RFC 2045 6.7, 6.8"]'
    holds '.dialogue | startswith("S: 220 ") and contains("\nC: EHLO t\n") and contains("\nC: RCPT TO:<audit@x.test>") and endswith("\nC: (mail data)\nC: .\n")'
}

# A style that selects by the name that is made unknown still does.
t_page_keeps_styles() {
    with_html '<style>a[HREF^=tel], p { color: red } a[href] { background: url(https://x.test/u) }</style><p style="--a: href"><a hreF=x>&lt;' >html
    start -f html -o page.html -n 1
    post html
    finish
    read_page page.html
    holds '.messages[0].html == "<style>a[HRE\\&\\#102\\;^=tel], p { color: red } a[hre\\&\\#102\\;] { background: url(https://x.test/u) }</style><p style=\"--a: hre&#102;\"><a hre&#70;=x>&lt;\n"'
    holds '.messages[0].remote == ["https://x.test/u style"]'
}

# However the URLs are written.
t_page_lists_what_is_not_loaded() {
    with_html '<img srcset="https://x.test/?w=1&amp;h=2 1x,https://x.test/c,d 2x, https://x.test/3.png,">
<p style="background:url(&#39;https://x.test/a b.png&#39;)"><p style="background: url(&#039;cid:none&#039;), url(&quot;https://x.test/)&quot;)">
<img srcset="data:image/png;base64,AAAA 1x"><style>p { background: url(https://x.test/u;v) } @import   '"'https://x.test/s.css'"';</style>
<p style="background:url(&apos;https://x.test/&#34;&apos;)">'"<img src=https://x.test/$(printf '%01000d' 1)><img src=https://x.test/$(printf '%01000d' 1)>" >html
    start -f html -o page.html -n 1
    post html
    finish
    status_is 0
    read_page page.html
    holds '.messages[0].remote[:9] == ["https://x.test/?w=1&h=2 img", "https://x.test/c,d img", "https://x.test/3.png img", "https://x.test/a b.png p", "cid:none p",
        "https://x.test/) p", "https://x.test/u;v style", "https://x.test/s.css style", "https://x.test/\" p"]'
    holds '.messages[0].remote[9:] == ["https://x.test/" + "0" * 985 + "... img"]'
}

t_page_of_expectations() {
    mail_with one >one && mail_with two >two && mail_with '' >none
    start -f html -o page.html --match 'subject: ^one' --match 'to: b@' --next -n 2 --not 'subject: one' --only -t 60
    post one two && python3 "$HERE/post.py" "$port" none
    finish
    status_is 0
    read_page page.html
    holds '.rows == [["1 message that matches --match '"'subject: ^one' --match 'to: b@'"'", "1", "met"],
        ["2 messages that match --not '"'subject: one'"'", "2", "met"], ["no message outside the expectations (--only)", "0", "met"]]'
    holds '[.messages[].row | sub(".* problems? "; "")] == ["counts for expectation 1", "counts for expectation 2", "counts for expectation 2"]'
    run -f html -o page.html --strict -n 1 --match 'subject: ^two' -c 3 -- sh -c '
        for i in one none; do curl -s --max-time 60 "$SMTP_URL" --mail-from a@x.test --mail-rcpt b@x.test -T $i; done; exit 7'
    status_is 7
    read_page page.html
    holds '.verdict == "Not as expected" and (.reason | test("^sh: exit status 7; expected 1 message that matches, got none of the 2 that came.* \\(exit status 7\\)$"))'
    holds '[.rows[] | .[1:]] == [["0", "unmet"], ["2", "unmet"], ["1", "unmet"], ["7", "unmet"]] and .rows[1][0] == "3 connections" and .rows[3][0] == "exit status 0 from the command"'
    holds '[.messages[].near] == ["It fails --match '"'subject: ^two'"', as it has \"one\".", "It fails --match '"'subject: ^two'"', as it has \"\"."]'
    holds '.messages[1].subject == "no subject" and all(.messages[]; .row | endswith("does not match"))'
    holds '.remarks | any(startswith("no-date: ")) and all(startswith("message ") | not)'
}

# What is there is whole before the client has its reply, and the page of a killed run can still be read.
t_page_grows() {
    mail_with one >one && mail_with two >two
    start -k -f html -o page.html
    read_page page.html --cut
    holds '.wait and .verdict == null and .messages == []'
    post one
    read_page page.html --cut
    holds '[.messages[].subject] == ["one"]'
    post two
    read_page page.html --cut
    holds '[.messages[].subject] == ["one", "two"] and .verdict == null'
    kill -9 "$pid"
    finish
    read_page page.html --cut
    holds '.wait and [.messages[].subject] == ["one", "two"] and .verdict == null'
}

# Ctrl-C is no verdict.
t_page_of_an_interrupted_run() {
    for words in -k '-n 1'; do
        python3 - "$FAKESMTP" $words <<'PY'
import os, shlex, signal, subprocess, sys
words = shlex.split(os.environ.get("FAKESMTP_WRAPPER", "")) + sys.argv[1:]
p = subprocess.Popen(words + ["-p", "0", "-f", "html", "-o", "page.html"], stderr=subprocess.PIPE, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
assert b"listening on " in p.stderr.readline()
p.send_signal(signal.SIGINT)
p.communicate(timeout=60)
assert p.returncode == -signal.SIGINT, p.returncode
PY
        read_page page.html
        holds '.verdict == "Interrupted" and (.reason | test("(interrupted|got none before SIGINT) \\(exit status 130\\)$"))'
    done
}

t_page_of_nothing() {
    run -f html -o page.html -n 1 true
    status_is 1
    read_page page.html
    holds '.verdict == "Not as expected" and .reason == "expected 1 message, got none before the command ended (exit status 1)" and .messages == []'
    [ "$(wc -c <page.html)" -lt 8192 ]
    # and of a run that cannot write it
    run -f html -o nowhere/page.html -n 1 true
    status_is 3 'fakesmtp: cannot write to nowhere/page.html: .*'
}

# A page is the same wherever it goes, and whenever, but for its times.
t_page_is_the_same() {
    make_rich
    mail_with one >one
    for to in '-o page.html' '-o again.html' ''; do
        # shellcheck disable=SC2086 # words
        start -k -f html --match 'subject: e' $to
        post rich one to=c@x.test one
        stop
        sed "s/'20[0-9T:-]*Z'>[^<]*UTC</TIME/" "$([ -n "$to" ] && echo page.html || echo out)" >"same.${to#-o }"
        [ ! -e again.html ] || sed "s/'20[0-9T:-]*Z'>[^<]*UTC</TIME/" again.html >same.again.html
    done
    grep -q TIME same.page.html
    same same.page.html same.again.html
    same same.page.html same.
    # to a pipe
    mkfifo pipe
    cat pipe >piped &
    start -k -f html --match 'subject: e' -o pipe
    post rich one to=c@x.test one
    stop
    wait
    sed "s/'20[0-9T:-]*Z'>[^<]*UTC</TIME/" piped >same.pipe
    same same.page.html same.pipe
}

t_page_with_a_reader_that_has_gone() {
    mail_with one >one
    mkfifo pipe
    : <pipe &
    reader=$!
    start -n 1 -f html -o pipe
    wait "$reader"
    python3 "$HERE/post.py" "$port" code=45 one || :
    finish
    status_is 4 'fakesmtp: 1 message could not be written to pipe: Broken pipe'
}

t_page_beside() {
    make_rich
    start -n 2 -d mail --beside html,json -f html -o page.html --match 'subject: .'
    post rich
    [ "$(ls mail)" = "$(printf '0001.eml\n0001.html\n0001.json')" ]
    read_page mail/0001.html
    holds '.verdict == null and (.wait | not) and (.messages | length) == 1 and .messages[0].n == 1'
    jq '.messages[0]' page.json >alone
    post rich
    finish
    status_is 0
    read_page page.html
    jq '.messages[0]' page.json >first
    same alone first
    holds '[.messages[].n] == [1, 2]'
    # each message has one
    [ -e mail/0001.html ] && [ -e mail/0002.html ]
    start -n 1 --fresh -d mail --beside html
    post rich
    finish
    [ "$(ls mail)" = "$(printf '0001.eml\n0001.html')" ]
}

t_page_of_files() {
    make_rich
    mail_with one >one.eml
    run -r one.eml -r rich -f html
    status_is 0
    read_page out
    holds '[.messages[] | .n, .dialogue] == [1, null, 1, null] and .rows == [["at least 1 message", "2", "met"]]'
    holds '.messages[0].problems | length == 2'
    # as with any stream of -r, only what matches
    run -r one.eml -r rich -f html --match 'subject: one'
    read_page out
    holds '[.messages[].subject] == ["one"]'
}

# The dialogue is what was said until now: the opening, and what has been said since the mail before.
t_page_has_the_dialogue() {
    mail_with one >one
    start -n 3 -q -f html -o page.html --on 'mail #1: 451 4.7.1 later' --auth ann:secret
    talk '<220' '>EHLO me' '<250' '>AUTH PLAIN AGFubgBzZWNyZXQ=' '<235' '>MAIL FROM:<a@x.test>' '<451' '>MAIL FROM:<a@x.test>' '<250' \
        '>RCPT TO:<b@x.test>' '<250' '>DATA' '<354' '>one' '>.' '<250' '>NOOP' '<250' '>MAIL FROM:<c@x.test>' '<250' \
        '>RCPT TO:<b@x.test>' '<250' '>DATA' '<354' '>two' '>.' '<250' '>QUIT' '<221' '<EOF'
    post one
    finish
    status_is 0
    read_page page.html
    holds '.messages[0].dialogue | contains("C: EHLO me\n") and contains("AUTH PLAIN (16 octets)\n") and contains("MAIL FROM:<a@x.test>\nS: 451 4.7.1 later\nC: MAIL")'
    holds '.messages[1].dialogue | contains("C: EHLO me\n") and contains("S: 235 2.7.0 Authentication successful\n...\nC: MAIL FROM:<c@x.test>\n") and (contains("<a@x.test>") or contains("NOOP") | not)'
    holds '.messages[2].dialogue | contains("C: EHLO t\n") and (contains("EHLO me") or contains("...") | not)'
    fails grep -q 'AGFubgBzZWNyZXQ' page.html
    # a flood is cut
    start -n 2 -f html -o page.html
    python3 - "$port" <<'PY'
import smtplib, sys
with smtplib.SMTP("127.0.0.1", int(sys.argv[1])) as s:
    for _ in range(3000):
        s.noop()
    s.sendmail("a@x.test", "b@x.test", "x")
    s.sendmail("a@x.test", ["b%d@x.test" % i for i in range(900)], "x")
PY
    finish
    read_page page.html
    holds '.messages[0].dialogue | test("2.0.0 Ok\n...\nC: mail FROM:<a@x.test>") and endswith("C: .\n") and length < 9000'
    holds '.messages[1].dialogue | contains("\n...\nC: mail FROM:<a@x.test>") and endswith("\n...\n") and length < 33000'
}

# A page has only the first part of a large message, and says so.  Memory is bounded.
t_page_of_large_messages() {
    python3 - <<'PY'
import base64
head = b"Subject: %b\r\nTo: b@x.test\r\nMIME-Version: 1.0\r\nContent-Type: %b\r\n\r\n"
def write(name, kind, body):
    with open(name, "wb") as f:
        f.write(head % (name.encode(), kind) + body)
write("text", b"text/plain; charset=utf-8", "ü".encode() * 200000 + b"\r\n")
write("html", b"text/html", b"<p>hello " * 300000 + b"\r\n")
write("files", b"multipart/mixed; boundary=b", b"".join(
    b"--b\r\nContent-Type: a/b; name=%d.bin\r\nContent-Transfer-Encoding: base64\r\n\r\n" % i + base64.encodebytes(bytes(size)) + b"\r\n"
    for i, size in enumerate((3000000, 2000000, 1000000))) + b"--b--\r\n")
write("picture", b"multipart/related; boundary=b", b"--b\r\nContent-Type: text/html\r\n\r\n" + b"<img src=cid:a>" * 1000 +
    b"\r\n--b\r\nContent-Type: image/png\r\nContent-ID: <a>\r\nContent-Transfer-Encoding: base64\r\n\r\n" + base64.encodebytes(bytes(100000)) + b"\r\n--b--\r\n")
write("header", b"text/plain\r\n" + b"\r\n".join(b"X-%d: y" % i for i in range(10000)), b"hi\r\n")
related = b"multipart/related; boundary=b"
write("empty-pictures", related, b"--b\r\nContent-Type: text/html\r\n\r\n" + b"<img src=cid:a>" * 20000 +
    b"\r\n--b\r\nContent-Type: image/" + b"x" * 20000 + b"\r\nContent-ID: <a>\r\n\r\n--b--\r\n")
write("names", b"multipart/mixed; boundary=b", b"".join(b"--b\r\nContent-Type: %b/%b; name=\"%b\"\r\n\r\nx\r\n" % (b"a" * 9000, b"'" * 9000, b"'" * 9000)
    for _ in range(100)) + b"--b--\r\n")
write("addresses", b"text/plain\r\nCc: me@x.test\r\nTo: " + b",\r\n ".join(b"u%d@x.test" % i for i in range(1500)), b"hi\r\n")
write("pictures", b"text/html", b"".join(b"<img src=https://x.test/%d>" % i for i in range(150)))
PY
    [ -n "${FAKESMTP_INSTRUMENTED-}" ] || ulimit -v 200000
    start -n 9 -f html -o page.html
    post text html files picture header pictures empty-pictures names addresses
    finish
    status_is 0
    [ "$(wc -c <page.html)" -lt 40000000 ]
    read_page page.html
    holds '.messages[0].notes == ["Only the first 256 KiB are shown.", "Only the first 256 KiB are shown."] and (.messages[0].text | length) == 131072'
    holds '.messages[1].notes[0] == "Only the first 1 MiB are shown." and (.messages[1].html | length) == 1048576'
    holds '[.messages[2].attachments[] | [.about, .size]] == [["a/b, 3000000 octets", 3000000], ["a/b, 2000000 octets, too large for this page", null], ["a/b, 1000000 octets", 1000000]]'
    holds '.messages[3] | (.html | length < 6000000) and .remote == ["cid:a img"] and .attachments[0].size == 100000'
    holds '.messages[4] | (.fields | length) == 1001 and .fields[1000] == ["and 9004 more"] and .notes == ["Only the first 64 KiB are shown."]'
    holds '.messages[5].remote | length == 101 and .[99] == "https://x.test/99 img" and .[100] == "and more"'
    holds '(.messages[6].html | length < 2000000) and (.messages[7] | tojson | length < 1000000)'
    holds '.messages[7].attachments | length == 100 and (.[0] | (.name | length == 1027 and endswith("...")) and (.about | test("^a{1024}[.]{3}, 1 octet$")))'
    holds '.messages[8].row | test(" to b@x.test,( u[0-9]*@x.test,){19} and 1481 more ")'
}

# A browser loads each frame, so a page has 20: of the last messages, or of the first where it cannot be changed.
t_page_with_many_frames() {
    with_html '<p>&lt;iframe' >html
    mail_with '</iframe><iframe srcdoc=' >one
    start -k -f html -o page.html
    for _ in $(seq 3); do post html one html html html html html html html html html one; done
    read_page page.html --cut
    holds '[.messages[] | select(.html != null) | .framed] == [range(30) | . >= 10]'
    stop
    read_page page.html
    holds '.verdict == "As expected" and ([.messages[].html | select(. != null)] | unique) == ["<p>&lt;iframe\n"]'
    for options in '-o pipe' ''; do
        mkfifo pipe && : >out
        if [ -n "$options" ]; then cat pipe >piped & fi
        # shellcheck disable=SC2046,SC2086 # words
        ${FAKESMTP_WRAPPER-} "$FAKESMTP" -r html $(printf -- '-r html %.0s' $(seq 20)) -f html $options >>out 2>err
        wait
        [ -n "$options" ] || mv out piped
        rm pipe
        read_page piped
        holds '[.messages[].framed] == [range(21) | . < 20] and .verdict == "As expected"'
    done
}

# Memory does not grow with the number of messages.
t_page_of_many_messages() {
    mail_with many "$(head -c 20000 /dev/zero | tr '\0' x | fold -w 70)" >many
    limit_memory
    start -n 2000 -f html -o page.html
    python3 - "$port" <<'PY'
import smtplib, sys
mail = open("many").read()
with smtplib.SMTP("127.0.0.1", int(sys.argv[1])) as s:
    for _ in range(2000):
        s.sendmail("a@x.test", "b@x.test", mail)
PY
    finish
    status_is 0
    [ "$(wc -c <page.html)" -gt 80000000 ]
    [ "$(grep -c "^<li class='mail'" page.html)" -eq 2000 ]
    tail -n 3 page.html | grep -qx '</html>'
}

# With -k a person is told on a terminal where to look, once.
t_page_is_named_on_a_terminal() {
    cat >terminal.py <<'PY'
import os, pty, signal, subprocess, sys
program, *words = sys.argv[1:]
master, slave = pty.openpty()
os.mkfifo("ready")
run = subprocess.Popen([program, "-p", "0", "--port-file", "ready", *words], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=slave)
os.close(slave)
open("ready").read()
os.unlink("ready")
run.terminate()
run.wait()
said = b""
try:
    while octets := os.read(master, 4096):
        said += octets
except OSError:
    pass
sys.stdout.buffer.write(said.replace(b"\r", b""))
PY
    python3 terminal.py "$FAKESMTP" -k -f html -o page.html >said
    [ "$(grep -cx "fakesmtp: the page is in $PWD/page.html" said)" -eq 1 ]
    [ "$(grep -c page.html said)" -eq 1 ]
    python3 terminal.py "$FAKESMTP" -k -q -f html -o page.html >said
    [ ! -s said ]
    python3 terminal.py "$FAKESMTP" -k -f json -o page.html >said
    fails grep page.html said
    python3 terminal.py "$FAKESMTP" -n 1 -f html -o page.html >said
    fails grep 'the page is' said
    start -k -f html -o page.html
    stop
    fails grep page.html err
}

t_page_of_hostile_mail() {
    python3 "$HERE/../page/hostile.py" http://127.0.0.1:1 hostile
    start -n "$(ls hostile | wc -l)" -f html -o page.html
    post hostile/*
    finish
    status_is 0
    read_page page.html
    holds '(.messages | length) >= 20 and ([.messages[] | select(.html != null)] | length) >= 15'
    # no frame has a name that makes a browser look for a server before it asks the policy
    holds '[.messages[].html | select(. != null and test("href|<iframe|<frame|<object|<embed|http-equiv"; "i"))] == []'
    holds '[.messages[].html | select(. != null and test("hre&#102;"; "i"))] | length >= 8'
}
