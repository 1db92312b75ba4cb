# SPDX-License-Identifier: ISC
# shellcheck shell=sh disable=SC2154,SC2016 # the names come from lib; some words are another shell's
# The problems of a client: reported by default, refused and counted with --strict.

# In each group every problem is brought about, by a client that is served twice: see there.
cases() { python3 "$HERE/strict.py" "$FAKESMTP" "$1"; }

t_problems_of_lines() { cases lines; }
t_problems_of_the_header() { cases header; }
t_problems_of_mime() {
    mkdir gconv
    echo 'module IBM852// INTERNAL none 1' >gconv/gconv-modules
    export GCONV_PATH="$PWD/gconv" # glibc looks here first
    cases mime
}
t_problems_of_commands() { cases commands; }
t_problems_of_the_envelope() { cases envelope; }
t_problems_of_the_session() { cases session; }

# The worst fault of a checker is to find problems where there are none.
t_nothing_odd() { cases good; }

t_each_problem_has_a_case() {
    sed -n 's/^ *X([A-Z0-9_]*, "\([a-z0-9-]*\)".*/\1/p' "$HERE/../../base/problem.h" | sort >all
    [ "$(wc -l <all)" -gt 80 ]
    python3 - "$HERE" <<'PY' | sort >covered
import sys
sys.path.insert(0, sys.argv[1])
sys.dont_write_bytecode = True
import strict
print("\n".join({name for group in strict.GROUPS.values() for c in group for name in c.problems}))
PY
    diff all covered
}

# ---- the list ----

# listed NAME WORDS: the list has it with its sentence, its section, and these words
listed() { err_has "fakesmtp: $1: [^()]+ \(RFC [0-9][^()]*\), $2"; }

# How often, and where first.
t_how_often_and_where() {
    start -k -q --strict -f none
    talk '<220' '>QUIT' '<221' '<EOF' \
        + '<220' '>EHLO t' '<250' '>FROB' '<500' '>NOOP ' '<250' '>frob' '<500' '>QUIT' '<221' '<EOF' \
        + '<220' '>EHLO my_host' '<501' '>NOOP ' '<250' '>NOOP' '<250' '>FROB' '<500' '>QUIT' '<221' '<EOF' >talk.out
    stop 1
    [ "$(wc -l <err)" -eq 4 ]
    tail -n 1 err | grep -qx 'fakesmtp: clients departed from the RFCs in 3 ways (--strict)'
    listed unknown-command '3 times, first in connection 2'
    listed trailing-blank '2 times, first in connection 2'
    listed helo-name 'in connection 3'
}

# The user hears of an excuse that was not needed, as of a rule that never fires; it is no failure.
t_allow() {
    start -c 1 --strict --allow no-quit,unknown-command --allow bare-lf
    talk '<220' '>EHLO t' '<250' '>FROB' '<500' >talk.out
    finish
    status_is 0
    err_has "fakesmtp: --allow bare-lf excused nothing"
    fails grep unknown-command err
    start -c 1 --strict --allow no-quit
    talk '<220' '>EHLO t' '<250' '>FROB' '<500' >talk.out
    finish
    status_is 1
    listed unknown-command 'in connection 1'
    [ "$(tail -n 1 err)" = 'fakesmtp: clients departed from the RFCs in 1 way (--strict)' ]
    wrong_allow() { run --strict --allow "$1" true; status_is 2; err_has "fakesmtp: --allow: $2"; }
    wrong_allow no-quitt "'no-quitt': at 'no-quitt', column 1: expected the name of a problem, .*"
    wrong_allow no-quit,,bcc "'no-quit,,bcc': at ',bcc', column 9: expected .*"
    wrong_allow no-quit, ".*column 9: expected .*"
    wrong_allow size "'size': .*: expected a problem that --strict minds; .*"
    run --allow no-quit true
    status_is 2
    err_has 'fakesmtp: --allow excuses .*'
}

# A problem that is noted only fails no run, and is shown under -v.
t_noted_only() {
    printf 'Date: Tue, 24 Nov 2026 03:12:00 +0000\r\nFrom: a@x.test\r\n\r\nhello\r\n' >mail.txt
    start -n 1 --strict -v -f none
    curl -sS --max-time 60 --url "smtp://127.0.0.1:$port/client.test" --mail-from a@x.test --mail-rcpt b@x.test -T mail.txt
    finish
    status_is 0
    err_has '1 !: no-message-id: .* \(RFC 5322 3\.6\.4\)'
    fails grep '^fakesmtp: no-message-id' err
}

t_what_is_odd_at_the_end() {
    begin='<220 >EHLO~t <250 >MAIL~FROM:<a@x.test> <250 >RCPT~TO:<b@x.test> <250'
    set --
    for word in $begin; do set -- "$@" "$(echo "$word" | tr '~' ' ')"; done
    for end in close reset half; do
        start -c 2 --strict -v -f none -n 0
        talk "$@" '>DATA' '<354' '>half of it' "$end" + "$@" "$end" >talk.out
        finish
        status_is 1
        [ "$(grep -c '!: ' err)" -eq 2 ] || { cat err; return 1; }
        err_has '1 !: cut-off: .* \(RFC 5321 4\.1\.1\.4\)'
        err_has '2 !: no-quit: .* \(RFC 5321 4\.1\.1\.10\)'
        listed cut-off 'in connection 1'
        listed no-quit 'in connection 2'
    done
    # a client that never spoke, that got 421, or that said QUIT has done nothing wrong
    start -k --strict -q --idle 3s
    talk '<220' close + '<220' '>EHLO t' '<250' '<421' '<EOF' + '<220' '>QUIT' '<221' close >talk.out
    stop
    [ ! -s err ]
}

# A client that does not wait for what the end of the run brings has done nothing wrong.
t_the_end_of_the_run_is_ours() {
    start -k --strict -q
    talk '<220' '>EHLO t' '<250' "kill:TERM:$pid" '<421' '<EOF' >talk.out
    finish
    status_is 0
    [ ! -s err ]
}

# Each message is examined by itself: a problem is counted twice only if it occurs twice.
t_problems_are_of_one_message() {
    printf 'Date: Tue, 24 Nov 2026 03:12:00 +0000\r\nFrom: a@x.test\r\nMessage-ID: <1@x.test>\r\n\r\nhello\r\n' >good
    printf 'Date: yesterday\r\nFrom: a@x.test\r\nMessage-ID: <1@x.test>\r\n\r\nhello\r\n' >bad
    start -n 3 -j
    python3 "$HERE/post.py" "$port" good bad good
    finish
    status_is 0
    jq -s -e 'map(.problems | map(split(":")[0])) == [[], ["date"], []]' out >jq.out
    start -n 3 -q --strict -f none
    python3 "$HERE/post.py" "$port" bad good bad
    finish
    status_is 1
    listed date '2 times, first in connection 1'
}

# ---- refused commands and messages ----

# Replies as the grammar asks for; the client goes on, and its mail is taken, but the run has failed.
t_strict_refuses() {
    start -n 1 --strict -q -d mail
    talk '<220' '>EHLO my_host' '<501' '>EHLO t' '<250' '>MAIL FROM: <a@x.test>' '<501' '>MAIL FROM:a@x.test' '<501' \
        '>MAIL FROM:<a@my_host.test>' '<501' '>MAIL FROM:<a..b@x.test>' '<501' '>MAIL FROM:<a@x.test>  SIZE=100' '<501' \
        '>MAIL FROM:<a@x.test>' '<250' '>RCPT TO: <b@x.test>' '<501' '>RCPT TO:b@x.test' '<501' '>RCPT TO:<invalid>' '<501' \
        '>RCPT TO:<postmaster>' '<250' '=NOOP\nNOOP\r\n' '<500' '>DATA' '<354' \
        '=Date: Tue, 24 Nov 2026 03:12:00 +0000\r\nFrom: a@x.test\r\nMessage-ID: <1@x.test>\r\n\r\nhello\r\n.\r\n' '<250' \
        '>QUIT' '<221' '<EOF' >talk.out
    finish
    status_is 1 'fakesmtp: clients departed from the RFCs in [0-9]+ ways \(--strict\)'
    taken 1
    for name in helo-name blank-before-path domain stray-dot extra-blank no-domain command-octets; do
        grep -q "^fakesmtp: $name: .*, .*connection 1$" err || { echo "not listed: $name"; return 1; }
    done
    # by default all of this is taken
    start -n 1 -q -d other
    talk '<220' '>EHLO my_host' '<250' '>MAIL FROM: <a@x.test>' '<250' '>RSET' '<250' '>MAIL FROM:a@x.test' '<250' \
        '>RCPT TO: <b@x.test>' '<250' '>RCPT TO:b@x.test' '<250' '>RCPT TO:<invalid>' '<250' '=NOOP\nNOOP\n' '<250' '<250' \
        '>DATA' '<354' '=a\nb\r\n.\r\n' '<250' '>QUIT' '<221' '<EOF' >talk.out
    finish
    status_is 0
}

# RFC 5321 2.3.8: a CR or LF alone; it is refused at the end, and another mail taken.
t_strict_refuses_bare_line_ends() {
    good='=Date: Tue, 24 Nov 2026 03:12:00 +0000\r\nFrom: a@x.test\r\nMessage-ID: <1@x.test>\r\n\r\nhello\r\n.\r\n'
    for odd in '\n' '\r'; do
        rm -rf mail
        start -n 1 --strict -q -d mail
        talk '<220' '>EHLO t' '<250' '>MAIL FROM:<>' '<250' '>RCPT TO:<b@x.test>' '<250' '>DATA' '<354' \
            "=Subject: x\r\n\r\na${odd}b\r\n.\r\n" '<550' '>MAIL FROM:<>' '<250' '>RCPT TO:<b@x.test>' '<250' '>DATA' '<354' \
            "$good" '<250' '>QUIT' '<221' '<EOF' >talk.out
        finish
        status_is 1
        taken 1
    done
}

t_the_commands_own_status_wins() {
    command='curl -sS --max-time 60 "$SMTP_URL/$NAME" --mail-from a@x.test --mail-rcpt b@x.test -T mail 2>curl.err; exit 7'
    proper_mail | sed 's/$/\r/' >mail
    run -q --strict env NAME=my_host sh -c "$command"
    status_is 7
    tail -n 1 err | grep -q '^fakesmtp: env: exit status 7'
    listed helo-name '.*first in connection 1'
    # and where nothing was odd, there is no list
    run -q --strict env NAME=client.test sh -c "$command"
    status_is 7
    [ "$(wc -l <err)" -eq 1 ]
    run -q --strict true
    status_is 0
    [ ! -s err ]
}

# With --strict, too few messages are still too few; the problems are listed as well.
t_strict_and_a_count() {
    start -k -n 1 --strict -q
    talk '<220' '>EHLO my_host' '<501' '>QUIT' '<221' '<EOF' >talk.out
    stop 1
    tail -n 1 err | grep -q '^fakesmtp: expected 1 message, got none'
    listed helo-name 'in connection 1'
}

# No problem contains text of the client, so none of that text can reach the terminal.
t_problems_hold_no_text_of_the_client() {
    start -k --strict -q
    talk '<220' '=\x1b[31mFROB\r\n' '<500' '=EHLO \x1b[31m\r\n' '<501' '>QUIT' '<221' '<EOF' >talk.out
    stop 1
    fails grep "$(printf '\033')" err
    fails grep 'x1b\|31m' err
}

# ---- clients with good manners ----

# well_behaved: the run has ended well, and nothing was odd
well_behaved() {
    finish
    [ "$status" -eq 0 ] || { echo "status $status"; return 1; }
    grep '!: ' err | sed 's/^[0-9]* !: //; s/:.*//' | sort -u >odd || true
    [ ! -s odd ] || { echo "odd: $(cat odd)"; return 1; }
    err_has '1 S: 250 2\.0\.0 Message accepted'
}

# departs NAME: it has, and only so
departs() {
    finish
    status_is 1 'fakesmtp: clients departed from the RFCs in 1 way \(--strict\)'
    [ "$(grep -c ', in connection 1$' err)" -eq 1 ]
    listed "$1" 'in connection 1'
}

proper_mail() {
    printf 'Date: Tue, 24 Nov 2026 03:12:00 +0000\nFrom: Ann <a@x.test>\nTo: b@x.test\n'
    printf 'Subject: test\nMessage-ID: <1@x.test>\n\n.hello\n'
}

t_curl_behaves() {
    proper_mail >lf
    sed 's/$/\r/' lf >crlf
    start -n 1 --strict -v -f none
    curl -sS --max-time 60 --url "smtp://127.0.0.1:$port/client.test" --mail-from a@x.test --mail-rcpt b@x.test -T crlf
    well_behaved
    # with --crlf it sends more octets than it has said, by as many as there are line ends
    start -n 1 --strict -v -f none
    curl -sS --max-time 60 --crlf --url "smtp://127.0.0.1:$port/client.test" --mail-from a@x.test --mail-rcpt b@x.test -T lf
    well_behaved
    start -n 1 --strict -v -f none --auth ann:sesame
    curl -sS --max-time 60 --url "smtp://127.0.0.1:$port/client.test" -u ann:sesame --mail-from a@x.test \
        --mail-rcpt b@x.test --mail-rcpt c@x.test -T crlf
    well_behaved
    [ "${FAKESMTP_TLS-}" != none ] || return 0
    start -n 1 --strict -v -f none --tls --ca-file ca.pem
    curl -sS --max-time 60 --ssl-reqd --cacert ca.pem --url "smtp://localhost:$port/client.test" -u ann:sesame \
        --mail-from a@x.test --mail-rcpt b@x.test -T crlf
    well_behaved
    # without --crlf, a mail with the line ends of Unix
    start -n 1 --strict -v -f none
    curl -sS --max-time 60 --url "smtp://127.0.0.1:$port/client.test" --mail-from a@x.test --mail-rcpt b@x.test -T lf \
        2>curl.err || true
    stop 1
    listed bare-lf 'in connection 1'
}

t_smtplib_behaves() {
    start -n 4 --strict -v -f none
    python3 - "$port" <<'PY'
import smtplib, sys
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from email.utils import formatdate, make_msgid
def mail(subject, text, policy=SMTP.clone(cte_type="7bit", max_line_length=76), **more):
    m = EmailMessage(policy=policy)
    m["From"], m["To"], m["Subject"] = "Gr\u00fc\u00dfe <a@x.test>" , more.get("to", "Bob <b@x.test>"), subject
    m["Date"], m["Message-ID"] = formatdate(localtime=True), make_msgid(domain="x.test")
    m.set_content(text)
    return m
with smtplib.SMTP("127.0.0.1", int(sys.argv[1]), "client.test", timeout=60) as s:
    s.send_message(mail("a text", "Hello,\n\n.a dot\nFrom here\n"))
    m = mail("Gr\u00fc\u00dfe \u2013 " + "ein langer Betreff mit \u00dcberl\u00e4nge " * 5, "Gr\u00fc\u00dfe\n" + "langer Text " * 30 + "\n")
    m.add_alternative("<p>Gr\u00fc\u00dfe <a href=\"https://x.test/?x=" + "y" * 100 + "\">x</a>\n", subtype="html")
    s.send_message(m)
    m = mail("attachments", "see there\n")
    m.add_attachment(b"%PDF" + bytes(range(256)) * 9, "application", "pdf", filename="r\u00e9sum\u00e9 two.pdf")
    m.add_attachment("a,b\n", subtype="csv", filename="a b.csv")
    m.add_attachment(mail("inner", "x\n"))
    s.send_message(m)
    s.send_message(mail("Gr\u00fc\u00dfe", "Gr\u00fc\u00dfe\n", SMTPUTF8.clone(max_line_length=76), to="\u00f6 <\u00f6@x.test>"))
PY
    well_behaved
}

# Its own departures: 8-bit text without BODY=8BITMIME, and quoted-printable of 78 columns.
t_smtplib_departs() {
    for what in 8bit-data long-encoded-line no-date; do
        start -n 1 --strict -v -f none
        python3 - "$port" "$what" <<'PY'
import smtplib, sys
from email.message import EmailMessage
m = EmailMessage()
m["From"], m["To"], m["Message-ID"] = "a@x.test", "b@x.test", "<1@x.test>"
if sys.argv[2] != "no-date":
    m["Date"] = "Tue, 24 Nov 2026 03:12:00 +0000"
if sys.argv[2] == "8bit-data":
    m.set_content("Gr\u00fc\u00dfe\n")
elif sys.argv[2] == "long-encoded-line":
    m.set_content("x" * 200 + "\n", cte="quoted-printable")
with smtplib.SMTP("127.0.0.1", int(sys.argv[1]), "client.test", timeout=60) as s:
    s.send_message(m)
PY
        departs "$what"
    done
}

t_swaks_behaves() {
    start -n 1 --strict -v -f none
    swaks --server 127.0.0.1 --port "$port" --helo client.test --from a@x.test --to b@x.test >swaks.out
    well_behaved
    start -n 1 --strict -v -f none --auth ann:sesame
    swaks --server 127.0.0.1 --port "$port" --helo client.test --pipeline --from a@x.test --to b@x.test,c@x.test \
        --auth-user ann --auth-password sesame --body 'plain text' --attach-name a.txt --attach hello >swaks.out
    well_behaved
}

t_msmtp_behaves() {
    proper_mail >mail
    start -n 1 --strict -v -f none
    msmtp --file=/dev/null --host=127.0.0.1 --port="$port" --domain=client.test --from=a@x.test b@x.test <mail
    well_behaved
    # it adds a Date and a Message-ID, and takes Bcc away
    printf 'Subject: test\nFrom: a@x.test\nTo: b@x.test\nBcc: c@x.test\n\nhello\n' >mail
    start -n 1 --strict -v -f none
    msmtp --file=/dev/null --host=127.0.0.1 --port="$port" --domain=client.test --from=a@x.test --read-recipients <mail
    well_behaved
}

t_s_nail_behaves() {
    echo attached >file
    start -n 1 --strict -v -f none
    printf '.leading dot\nGr\303\274\303\237e\n' |
        env -u MAILRC HOME=. LC_ALL=C.UTF-8 s-nail -:/ -S v15-compat -S mta="smtp://127.0.0.1:$port" -S smtp-auth=none \
            -S from=a@x.test -S hostname=client.test -S ttycharset=utf-8 -S sendwait \
            -s "$(printf 'Gr\303\274\303\237e')" -a file b@x.test
    well_behaved
}

t_git_send_email_behaves() {
    export HOME="$PWD" GIT_CONFIG_NOSYSTEM=1 EMAIL=a@x.test GIT_AUTHOR_NAME=A GIT_COMMITTER_NAME=A
    for text in plain "$(printf 'Gr\303\274\303\237e')"; do
        rm -rf repository
        git init -q repository
        echo "$text" >repository/file
        git -C repository add file
        git -C repository commit -q -m "Add $text"
        git -C repository format-patch -q -1 --stdout >change
        start -n 1 --strict -v -f none
        git -C repository send-email --quiet --suppress-cc=all --confirm=never --from=a@x.test --to=b@x.test \
            --transfer-encoding="$([ "$text" = plain ] && echo 7bit || echo quoted-printable)" \
            --smtp-domain=client.test --smtp-server=127.0.0.1 --smtp-server-port="$port" ../change >git.out 2>&1 ||
            { cat git.out; return 1; }
        well_behaved
    done
    # left alone, it sends 8-bit text without saying so
    start -n 1 --strict -v -f none
    git -C repository send-email --quiet --suppress-cc=all --confirm=never --from=a@x.test --to=b@x.test \
        --smtp-domain=client.test --smtp-server=127.0.0.1 --smtp-server-port="$port" ../change >git.out 2>&1 ||
        { cat git.out; return 1; }
    departs 8bit-data
}
