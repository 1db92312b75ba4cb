# SPDX-License-Identifier: ISC
# shellcheck shell=sh disable=SC2154 # the names come from lib
# Real clients send messages, which are captured octet for octet.

t_curl() {
    make_mail
    sed 's/$/\r/' mail >mail.crlf
    start -n 2 -d out.d --crlf
    curl -sS --url "smtp://127.0.0.1:$port" --mail-from a@x.test --mail-rcpt b@x.test --mail-rcpt c@x.test -T mail.crlf
    curl -sS --url "smtp://127.0.0.1:$port" --mail-from a@x.test --mail-rcpt b@x.test --crlf -T mail
    finish
    status_is 0
    same out.d/0001.eml mail.crlf
    same out.d/0002.eml mail.crlf
    start -k
    curl -sS --url "smtp://127.0.0.1:$port/me" -X 'VRFY b@x.test' >got
    grep -q '^252 ' got
    curl -sS --url "smtp://127.0.0.1:$port" -X 'EXPN list' && return 1
    curl -sS --url "smtp://127.0.0.1:$port" -X HELP >got
    grep -q '^214' got
    kill "$pid"
    finish
}

t_swaks() {
    make_mail
    start -n 1 -d out.d -v
    swaks --server 127.0.0.1 --port "$port" --from a@x.test --to b@x.test,c@x.test --data @mail >swaks.out
    finish
    status_is 0
    echo >>mail # swaks adds a line end, whatever the last octets are
    body_is_that_of_mail out.d/0001.eml
    err_has '1 C: RCPT TO:<c@x\.test>'
    start -n 1 -d pipe.d
    swaks --server 127.0.0.1 --port "$port" --pipeline --from '<>' --to b@x.test --data @mail >swaks.out
    finish
    status_is 0
    echo >>mail
    body_is_that_of_mail pipe.d/0001.eml
}

t_msmtp() {
    make_mail
    start -n 1 -d out.d
    msmtp --file=/dev/null --host=127.0.0.1 --port="$port" --from=a@x.test b@x.test <mail
    finish
    status_is 0
    same out.d/0001.eml mail
}

t_s_nail() {
    start -n 1 -d out.d -e
    printf '.leading dot\nGr\303\274\303\237e\n' |
        env -u MAILRC HOME=. LC_ALL=C.UTF-8 s-nail -:/ -S v15-compat -S mta="smtp://127.0.0.1:$port" \
            -S smtp-auth=none -S from=a@x.test -S ttycharset=utf-8 -S sendwait -s 'A subject' b@x.test
    finish
    status_is 0
    grep -qx 'Return-Path: <a@x.test>' out.d/0001.eml
    python3 -c '
import email, email.policy
m = email.message_from_binary_file(open("out.d/0001.eml", "rb"), policy=email.policy.default)
assert m["Subject"] == "A subject"
assert m.get_content() == ".leading dot\nGr\u00fc\u00dfe\n", m.get_content()
'
}

t_git_send_email() {
    export HOME="$PWD" GIT_CONFIG_NOSYSTEM=1 EMAIL=a@x.test GIT_AUTHOR_NAME=A GIT_COMMITTER_NAME=A
    git init -q repository
    cd repository
    printf '.first\nsecond\n' >file
    git add file
    git commit -q -m 'Add a file

.A line with a dot.'
    git format-patch -q -1 --stdout >../patch
    git format-patch -q -1
    cd ..
    start -n 1 -d out.d
    git -C repository send-email --quiet --suppress-cc=all --confirm=never --from=a@x.test --to=b@x.test \
        --smtp-server=127.0.0.1 --smtp-server-port="$port" 0001-Add-a-file.patch >git.out 2>&1 || { cat git.out; return 1; }
    finish
    status_is 0
    # and git takes it back
    git init -q other
    git -C other am -q ../out.d/0001.eml
    same other/file repository/file
}

t_smtplib() {
    start -n 2 -d out.d --crlf
    python3 - "$port" <<'PY'
import smtplib, sys
body = b"Subject: t\r\n\r\n.\r\n..\r\n" + bytes(range(128, 256)) + b"\r\nend\r\n"
with smtplib.SMTP("127.0.0.1", int(sys.argv[1]), timeout=60) as s:
    s.ehlo("t")
    assert s.has_extn("8bitmime") and s.has_extn("smtputf8") and s.has_extn("size")
    assert s.vrfy("b")[0] == 252
    assert s.sendmail("a@x.test", ["b@x.test", "c@x.test"], body, ["BODY=8BITMIME"]) == {}
    s.sendmail("\u03b4@x.test", ["\u03c0@x.test"], body, ["SMTPUTF8"])
open("want", "wb").write(body)
PY
    finish
    status_is 0
    same out.d/0001.eml want
    same out.d/0002.eml want
}

t_smtplib_sees_refusals() {
    start -k --max-size 100 --max-recipients 1
    python3 - "$port" <<'PY'
import smtplib, sys
def connect():
    return smtplib.SMTP("127.0.0.1", int(sys.argv[1]), timeout=60)
s = connect()
try:
    s.sendmail("a@x.test", ["b@x.test"], "x" * 200)
    sys.exit("taken")
except smtplib.SMTPSenderRefused as e:
    assert e.smtp_code == 552
refused = s.sendmail("a@x.test", ["b@x.test", "c@x.test"], "x")
assert refused["c@x.test"][0] == 452, refused
s.quit()
PY
    kill "$pid"
    finish
}

t_smtp_source() {
    start -n 200 -d out.d
    smtp-source -4 -s 10 -l 5000 -m 200 -f a@x.test -t b@x.test "127.0.0.1:$port"
    finish
    status_is 0
    [ "$(find out.d -name '*.eml' | wc -l)" -eq 200 ]
    start -n 50 -f none
    smtp-source -d -s 5 -l 100 -m 50 "127.0.0.1:$port"
    finish
    status_is 0
}
