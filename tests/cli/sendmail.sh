# SPDX-License-Identifier: ISC
# shellcheck shell=sh disable=SC2154,SC2016 # the names come from lib; the commands are for another shell
# The sendmail(8) stand-in: real programs that hand mail to a sendmail, and what theirs is called with.

# ---- real programs ----

# keep_calls: makes $PWD/kept/sendmail, which keeps how it is called and what it gets, and hands both on
keep_calls() {
    mkdir kept
    cat >kept/sendmail <<'END'
#!/bin/sh
set -e
kept=$(dirname "$0")
n=$(($(find "$kept" -name 'argv.*' | wc -l) + 1))
python3 -c 'import json, sys; print(json.dumps(sys.argv[1:]))' "$@" >"$kept/argv.$n"
cat >"$kept/octets.$n"
"$FAKESMTP_SENDMAIL" "$@" <"$kept/octets.$n"
END
    chmod +x kept/sendmail
    export LOGNAME=ann
}

# wrapped N WORD ...: the words, run in a wrapper, deliver N messages, each with the octets that kept/sendmail got
wrapped() {
    count=$1
    shift
    # mailx does not wait for its sendmail
    run --sendmail -n "$count" --linger 60 -d mail -j -o json "$@"
    status_is 0
    python3 - "$count" <<'PY'
import json, re, sys
messages = [json.loads(line) for line in open("json")]
assert len(messages) == int(sys.argv[1]), messages
for m in messages:
    argv = json.load(open("kept/argv.%d" % m["n"]))
    want = open("kept/octets.%d" % m["n"], "rb").read().replace(b"\r\n", b"\n")
    if not want.endswith(b"\n"):
        want += b"\n"
    if any(re.fullmatch("-i?ti?", word) for word in argv):
        header, blank, body = want.partition(b"\n\n")
        want = re.sub(rb"(?im)^bcc:.*\n([ \t].*\n)*", b"", header + b"\n") + blank[1:] + body
    got = open("mail/%04d.eml" % m["n"], "rb").read()
    assert got == want, (got, want)
    assert m["client"]["argv"] == argv, (m["client"], argv)
PY
}

# envelopes LINE ...: the reverse-path and the recipients of each message, as in 'a@x.test > b@x.test c@x.test'
envelopes() {
    printf '%s\n' "$@" >want
    jq -r '.envelope | "\(.from) > \(.to | join(" "))"' json >got
    same got want
}

# called LINE ...: the arguments of each call
called() {
    printf '%s\n' "$@" >want
    jq -r '.client.argv | join(" ")' json >got
    same got want
}

t_php() {
    keep_calls
    cat >send.php <<'END'
<?php
$header = "From: Ann <a@x.test>\r\nCc: c@x.test\r\nBcc: d@x.test,\r\n e@x.test";
$sent = mail("b@x.test", "Gr\u{fc}\u{df}e", "one\n.\n..two\r\n\r\nlast", $header) &&
    mail("b@x.test", "second", "", ["From" => "a@x.test", "Bcc" => "d@x.test"], "-fbounce+1@x.test -R hdrs");
exit($sent ? 0 : 1);
END
    wrapped 2 php -n -d sendmail_path="$PWD/kept/sendmail -t -i" send.php
    envelopes "ann@localhost > b@x.test c@x.test d@x.test e@x.test" 'bounce+1@x.test > b@x.test d@x.test'
    called '-t -i' '-t -i -fbounce+1@x.test -R hdrs'
    # it is in PATH, and what it says of a refusal is what mail() returns
    run --sendmail -n 0 --on 'rcpt e@x.test: 550 5.1.1 no such user' --on 'rcpt: 550' php -n -d sendmail_path='sendmail -t -i' send.php
    status_is 1
    err_has 'sendmail: .*e@x\.test.*550 5\.1\.1 no such user'
}

t_git_send_email() {
    export HOME="$PWD" GIT_CONFIG_NOSYSTEM=1 EMAIL=a@x.test GIT_AUTHOR_NAME=A GIT_COMMITTER_NAME=A
    keep_calls
    git init -q repository
    printf '.first\nGr\303\274\303\237e\n' >repository/file
    git -C repository add file
    git -C repository commit -q -m 'Add a file

.
A line with a dot.'
    git -C repository format-patch -q -1 -o ..
    git -C repository config sendemail.smtpServer "$PWD/kept/sendmail"
    git -C repository config sendemail.suppressCc all
    git -C repository config sendemail.confirm never
    send="git -C repository send-email --quiet --from=a@x.test --to=b@x.test --bcc=c@x.test"
    wrapped 2 sh -ec "$send ../0001-Add-a-file.patch; $send --envelope-sender=bounce@x.test ../0001-Add-a-file.patch"
    envelopes "ann@localhost > b@x.test c@x.test" 'bounce@x.test > b@x.test c@x.test'
    called '-i b@x.test c@x.test' '-f bounce@x.test -i b@x.test c@x.test'
    fails grep -i bcc mail/0001.eml mail/0002.eml
    # and git takes it back
    git init -q other
    git -C other am -q ../mail/0002.eml
    same other/file repository/file
    # as a command that is looked for in PATH
    git -C repository config --unset sendemail.smtpServer
    run --sendmail -n 1 sh -c "$send --sendmail-cmd=sendmail ../0001-Add-a-file.patch"
    status_is 0
}

t_s_nail() {
    keep_calls
    LOGNAME=$(id -un) # it sets that, and warns of another
    printf '.leading dot\n.\nGr\303\274\303\237e\n' >body
    export HOME="$PWD" LC_ALL=C.UTF-8 MAILRC=/dev/null
    send="s-nail -:/ -S v15-compat -S mta='$PWD/kept/sendmail' -S from=a@x.test -S ttycharset=utf-8 -S sendwait -S nosave -s subject"
    wrapped 2 sh -ec "$send -c c@x.test -b d@x.test b@x.test <body; $send -r bounce@x.test b@x.test <body"
    envelopes "$(id -un)@localhost > b@x.test c@x.test d@x.test" 'bounce@x.test > b@x.test'
    called '-i -- b@x.test c@x.test d@x.test' '-i -f bounce@x.test -- b@x.test'
    python3 -c '
import email, email.policy
m = email.message_from_binary_file(open("mail/0001.eml", "rb"), policy=email.policy.default)
assert m.get_content() == open("body").read(), m.get_content()
'
    # its status is that of sendmail
    run --sendmail -n 0 --on 'eom: 554 not this one' sh -c 's-nail -:/ -S v15-compat -S mta="$FAKESMTP_SENDMAIL" -S from=a@x.test -S sendwait -S nosave b@x.test <body'
    err_has 'sendmail: .*554 not this one'
    fails [ "$status" -eq 0 ]
}

t_mutt() {
    keep_calls
    cat >muttrc <<END
set sendmail="$PWD/kept/sendmail -oem -oi"
set from=a@x.test realname=Ann charset=utf-8 send_charset=utf-8
set use_8bitmime use_envelope_from envelope_from_address=bounce@x.test
set dsn_notify="failure,delay" dsn_return=hdrs
set write_bcc record="" copy=no
END
    printf '.leading dot\n.\nGr\303\274\303\237e\n' >body
    export HOME="$PWD" LC_ALL=C.UTF-8
    wrapped 1 sh -c 'mutt -n -F muttrc -s subject -c c@x.test -b d@x.test -- b@x.test <body'
    envelopes 'bounce@x.test > b@x.test c@x.test d@x.test'
    called '-oem -oi -B8BITMIME -f bounce@x.test -N failure,delay -R hdrs -- b@x.test c@x.test d@x.test'
    jq -e '.envelope.params | .BODY == "8BITMIME" and (.RET | ascii_upcase) == "HDRS"' json
    jq -e '.envelope.to_params | map(.NOTIFY | ascii_upcase) | unique == ["FAILURE,DELAY"]' json
}

t_mailx() {
    keep_calls
    echo "set sendmail=$PWD/kept/sendmail" >mailrc
    export HOME="$PWD" MAILRC="$PWD/mailrc"
    printf 'one\n.two\n' >body
    mailx=$(command -v bsd-mailx || echo mailx) # as Debian calls it, which has others, too
    wrapped 1 sh -c "$mailx -n -s subject -r bounce@x.test -c c@x.test -b d@x.test b@x.test <body"
    envelopes 'bounce@x.test > b@x.test c@x.test d@x.test'
    fails grep -i bcc mail/0001.eml
}

t_procmail() {
    keep_calls
    printf ':0c\n! c@x.test d@x.test\n\n:0\n/dev/null\n' >rules
    printf 'From: a@x.test\nTo: b@x.test\nBcc: e@x.test\nSubject: on\n\n.\nlast\n' >m
    wrapped 1 sh -c 'procmail -p -m SENDMAIL="$PWD/kept/sendmail" SENDMAILFLAGS=-oi "$PWD/rules" <m'
    called '-oi c@x.test d@x.test'
    envelopes "$(id -un)@localhost > c@x.test d@x.test"
    grep -qx 'Bcc: e@x.test' mail/0001.eml
}

t_perl() {
    keep_calls
    export PERL_MAILERS="sendmail:$PWD/kept/sendmail"
    wrapped 1 perl -MMail::Mailer -e '
        my $m = Mail::Mailer->new("sendmail");
        $m->open({From => "a\@x.test", To => ["b\@x.test", "c\@x.test"], Bcc => "d\@x.test", Subject => "s"});
        print $m "one\n.two\n";
        $m->close or die;'
    jq -e '.envelope.to | sort == ["b@x.test", "c@x.test", "d@x.test"]' json # Perl's fields have no order
    called -t
}

t_python() {
    keep_calls
    cat >send.py <<'END'
import email.message, email.policy, os, subprocess
m = email.message.EmailMessage()
m["From"], m["To"], m["Bcc"] = "Ann <a@x.test>", "b@x.test, \"C, D\" <c@x.test>", "d@x.test"
m["Subject"] = "Gr\u00fc\u00dfe " + "and a long subject " * 8
m.set_content(".\n..\nGr\u00fc\u00dfe\n", cte="8bit")
for policy in email.policy.default, email.policy.SMTP, email.policy.SMTPUTF8:
    subprocess.run(["sendmail", "-t", "-oi"], input=m.as_bytes(policy=policy), check=True)
END
    wrapped 3 sh -c 'PATH=$PWD/kept:$PATH python3 send.py'
    to='b@x.test c@x.test d@x.test'
    envelopes "ann@localhost > $to" "ann@localhost > $to" "ann@localhost > $to"
    jq -s -e 'map(.envelope.params | .BODY == "8BITMIME") == [true, true, true]' json
    jq -s -e 'map(.envelope.params | has("SMTPUTF8")) == [false, false, true]' json
}

# Cron and others have /usr/sbin/sendmail compiled in; these are their command lines.
t_cron() {
    keep_calls
    printf 'From: root (Cron Daemon)\nTo: ann\nSubject: Cron <ann@vm> make\nAuto-Submitted: auto-generated\n\nGr\303\274\303\237e\n..\nlast' >m
    wrapped 6 sh -ec '
        kept/sendmail -i -FCronDaemon -B8BITMIME -oem ann <m # Debian
        kept/sendmail -FCronDaemon -i -odi -oem -oi -t -f ann <m # cronie
        kept/sendmail -FCronDaemon -odi -oem -or0s -t <m # the first cron
        kept/sendmail -ti <m # BusyBox
        kept/sendmail -i -B8BITMIME ann <m # systemd-cron
        kept/sendmail -FAnacron -odi ann <m
    '
    to='ann@localhost > ann@localhost'
    envelopes "$to" "$to" "$to" "$to" "$to" "$to"
    jq -s -e 'map(.envelope.params.BODY == "8BITMIME") | all' json
}

# The command lines of frameworks.
t_frameworks() {
    keep_calls
    printf 'From: a@x.test\r\nTo: b@x.test\r\nSubject: s\r\n\r\n.\r\nlast' >m
    wrapped 6 sh -ec '
        kept/sendmail -i -f "a@x.test" -- "b@x.test" "c@x.test" <m # Rails
        kept/sendmail -oi -fa@x.test -t <m # PHPMailer
        kept/sendmail -i -fa@x.test -- b@x.test c@x.test <m # Symfony
        kept/sendmail -i -f a@x.test b@x.test c@x.test <m # Nodemailer
        kept/sendmail -i -f a@x.test b@x.test c@x.test <m # Email::Sender
        kept/sendmail -oi -oem -O DeliveryMode=b -t -fa@x.test <m
    '
    to='a@x.test > b@x.test c@x.test'
    envelopes "$to" 'a@x.test > b@x.test' "$to" "$to" "$to" 'a@x.test > b@x.test'
}

# -bs: the program speaks SMTP itself, as Symfony's does.
t_session() {
    make_mail
    mv mail mail.lf
    run --sendmail -n 1 -d mail -j -o json sh -c 'swaks --pipe "sendmail -bs -i" --from a@x.test --to b@x.test,c@x.test --data @mail.lf >swaks.out'
    status_is 0
    envelopes 'a@x.test > b@x.test c@x.test'
    sed '1,/^$/d' mail.lf >want
    echo >>want # swaks adds a line end
    sed '1,/^$/d' mail/0001.eml >got
    same got want
    # a program that says all at once
    stand_in -n 1
    printf 'EHLO t\r\nMAIL FROM:<>\r\nRCPT TO:<b@x.test>\r\nDATA\r\nx\r\n.\r\nQUIT\r\n' >m
    took -bs <m
    finish
    status_is 0
    grep -v '^250-' output | cut -c 1-3 >got
    printf '%s\n' 220 250 250 250 354 250 221 >want
    same got want
}

# ---- the message ----

# stand_in [OPTION ...]: starts a run, and makes a link for submit
stand_in() {
    start -d mail -j -o json "$@"
    ln -sf "$FAKESMTP" sendmail
    export SMTP_HOST=127.0.0.1 SMTP_PORT="$port" LOGNAME=ann
    came=0
}

# submit [WORD ...]: calls the stand-in: $status, said and output
submit() {
    status=0
    timeout 120 ./sendmail "$@" >output 2>said || status=$?
}

# submitted STATUS [PATTERN]: how that went; and a line of said that matches, or else none
submitted() {
    [ "$status" -eq "$1" ] || { echo "status $status, not $1:"; cat said; return 1; }
    if [ $# -gt 1 ]; then
        grep -Eqx -e "sendmail: .*$2.*" said || { echo "not said: $2"; cat said; return 1; }
    else
        [ ! -s said ] || { echo 'said:'; cat said; return 1; }
    fi
}

# took WORD ... <MESSAGE: the message is taken, without a word
took() {
    submit "$@"
    submitted 0
}

# came FILE [CONDITION]: the next message has these octets, and its JSON is so
came() {
    came=$((came + 1))
    same "$(printf 'mail/%04d.eml' "$came")" "$1"
    [ $# -eq 1 ] || jq -s -e ".[$came - 1] | $2" json >jq.out || { echo "not so: $2"; jq -s -c ".[$came - 1] | .client, .envelope" json; return 1; }
}

t_lone_dot() {
    stand_in -k
    printf 'Subject: s\n\none\n.\ntwo\n' >m
    printf 'Subject: s\n\none\n' >short
    for options in -i -oi -vi '-o i' '-v -i -om' -oitrue; do
        # shellcheck disable=SC2086 # words
        took $options b@x.test <m
        came m
    done
    for options in '' -v -om -odi; do
        # shellcheck disable=SC2086
        took $options b@x.test <m
        came short
    done
    printf 'Subject: s\r\n\r\none\r\n.\r\ntwo\r\n' >m
    took b@x.test <m
    came short
    # as the first line, and as the last octet
    printf '.\nSubject: s\n' >m
    : >short
    took b@x.test <m
    came short
    printf 'Subject: s\n\none\n.' >m
    printf 'Subject: s\n\none\n.\n' >dotted
    took -i b@x.test <m
    came dotted
    stop
}

t_dots() {
    stand_in -k
    printf '.a: b\nSubject: s\n\n..\n...\n.x\n. \n\n.y\n' >m
    took -i b@x.test <m
    came m
    took b@x.test <m
    came m
    stop
}

t_line_ends() {
    stand_in -k --crlf
    printf 'Subject: s\r\nX: y\n\r\none\ntwo\r\nbare\rreturn\n\rx\n\r\r\nlast' >m
    printf 'Subject: s\r\nX: y\r\n\r\none\r\ntwo\r\nbare\rreturn\r\n\rx\r\n\r\r\nlast\r\n' >want
    took -i b@x.test <m
    came want
    printf 'Subject: s\n\nlast\r' >m
    printf 'Subject: s\r\n\r\nlast\r\r\n' >want
    took -i b@x.test <m
    came want
    stop
}

t_little() {
    stand_in -k
    : >m
    took b@x.test <m
    came m
    echo >m
    took b@x.test <m
    came m
    echo 'no header, and no blank line' >m
    took b@x.test <m
    came m
    printf 'Subject: nul\n\na\0b\n\0\n' >m
    took b@x.test <m
    came m
    stop
}

# A message that is read and sent in pieces, which end anywhere: between CR and LF, before a dot.
t_large() {
    stand_in -k
    python3 - <<'PY'
import random
draw = random.Random(1)
lines, size = [b"To: b@x.test", b"Subject: large", b""], 0
while size < 5 << 20:
    lines.append(b"." * draw.randrange(2, 4) + b"x" * draw.choice([0, 1, 60, 900]) if draw.random() < .5 else b"")
    size += len(lines[-1]) + 1
lines.append(b"\xfc")
open("m", "wb").write(b"".join(line + draw.choice([b"\n", b"\r\n"]) for line in lines))
open("want", "wb").write(b"".join(line + b"\n" for line in lines))
PY
    took -t <m
    came want '.envelope.params.BODY == "8BITMIME"'
    # through a pipe
    mkfifo pipe
    cat m >pipe &
    took b@x.test <pipe
    came want
    wait $!
    # one line
    python3 -c 'print("Subject: s\n\n" + "." * 3000000)' >m
    took b@x.test <m
    came m
    stop
}

t_8bit_and_utf8() {
    stand_in -k
    plain='.envelope.params | has("BODY") or has("SMTPUTF8") | not'
    body='.envelope.params | .BODY == "8BITMIME" and (has("SMTPUTF8") | not)'
    printf 'Subject: s\n\nascii\n' >m
    took b@x.test <m
    came m "$plain"
    took -B 7BIT b@x.test <m
    came m '.envelope.params.BODY != "8BITMIME"'
    took -B8BITMIME b@x.test <m
    came m "$body"
    took -f "$(printf 'gr\303\274\303\237e@x.test')" "$(printf '\317\200@x.test')" <m
    came m '.envelope | (.params | has("SMTPUTF8")) and [.from, .to] == ["gr\u00fc\u00dfe@x.test", ["\u03c0@x.test"]]'
    took "$(printf 'b@\317\200.test')" <m
    came m '.envelope | (.params | has("SMTPUTF8")) and .to == ["b@\u03c0.test"]'
    printf 'Subject: s\n\n\374\n' >m
    took b@x.test <m
    came m "$body"
    printf 'Subject: \303\274\n\nascii\n' >m
    took b@x.test <m
    came m '.envelope.params | has("SMTPUTF8")'
    printf 'Subject: s\nTo: J\303\274rgen <j\303\274rgen@x.test>, b@x.test\n\nascii\n' >m
    took -t <m
    came m '.envelope | (.params | has("SMTPUTF8")) and .to == ["j\u00fcrgen@x.test", "b@x.test"]'
    stop
}

# ---- recipients and senders ----

t_fields() {
    stand_in -k
    cat >want <<'END'
From: Ann <a@x.test>
to: b@x.test, "Doe, J. (x)" <c@x.test>,
 Team: d@x.test, "E \"F\", G" <e@x.test>;, (comment, with <no@x.test>) f@x.test (more)
X-To: no@x.test
To: g@x.test
CC:
	h@x.test
Cc: "quoted, @local"@x.test
Reply-To: no@x.test
Subject: s
 To: no@x.test

To: no@x.test
Bcc: no@x.test
END
    sed '/^X-To/s/.*/Bcc: i@x.test,\n\t"J, J" <j@x.test>\n&\nBCC:\nbcc: k@x.test\n , l@x.test\nBcc: undisclosed-recipients:;/' want >m
    grep -q '^bcc: k' m
    took -t <m
    came want '.envelope.to | sort == ("\"quoted, @local\"@x.test b@x.test c@x.test d@x.test e@x.test f@x.test g@x.test h@x.test i@x.test j@x.test k@x.test l@x.test" | sub(", "; ",_") | split(" ") | map(sub(",_"; ", ")) | sort)'
    sed 's/$/\r/' m >crlf
    took -t <crlf
    came want '.envelope.to | length == 12'
    # without -t all of it stays
    took z@x.test <m
    came m '.envelope.to == ["z@x.test"]'
    # both
    took -t z@x.test <m
    came want '.envelope.to | length == 13 and any(. == "z@x.test") and any(. == "k@x.test")'
    # the header ends with the message, or with Bcc
    printf 'To: b@x.test\nBcc: c@x.test' >m
    printf 'To: b@x.test\n' >want
    took -t <m
    came want '.envelope.to == ["b@x.test", "c@x.test"]'
    printf 'To: b@x.test\nBcc: c@x.test,\n d@x.test\n\nText\n' >m
    printf 'To: b@x.test\n\nText\n' >want
    took -t <m
    came want '.envelope.to == ["b@x.test", "c@x.test", "d@x.test"]'
    # the line of an mbox does not end it
    printf 'From a@x.test Mon Nov 23 03:12:00 2026\nTo: b@x.test\nBcc: c@x.test\n\nText\n' >m
    took -t <m
    came=$((came + 1))
    jq -s -e '.[-1].envelope.to == ["b@x.test", "c@x.test"]' json
    fails grep '^Bcc' "mail/$(printf %04d "$came").eml"
    stop
}

t_resent() {
    stand_in -k
    cat >m <<'END'
Resent-From: r@x.test
Resent-To: b@x.test
Resent-Cc: c@x.test
Resent-Bcc: d@x.test,
 e@x.test
From: a@x.test
To: no@x.test
Cc: no@x.test
Subject: s

Text
END
    sed '/^Resent-Bcc/,/^ e/d' m >want
    took -t <m
    came want '.envelope.to == ["b@x.test", "c@x.test", "d@x.test", "e@x.test"]'
    stop
}

t_no_domain() {
    stand_in -k
    printf 'To: b, Carl <c>, "d e"\n\nText\n' >m
    took -t -f g f <m
    came m '.envelope | .from == "g@localhost" and (.to | sort) == (["b@localhost", "c@localhost", "\"d e\"@localhost", "f@localhost"] | sort)'
    stop
}

t_senders() {
    stand_in -k
    printf 'From: no@x.test\nSubject: s\n\nText\n' >m
    while read -r from words; do
        # shellcheck disable=SC2086
        eval took $words <m
        came m ".envelope.from == \"$from\" and .envelope.to == [\"b@x.test\"]"
    done <<'END'
a@x.test -f a@x.test b@x.test
a@x.test -fa@x.test b@x.test
a@x.test -r a@x.test b@x.test
a@x.test -ra@x.test b@x.test
a@x.test -if a@x.test b@x.test
a@x.test -f '<a@x.test>' b@x.test
a@x.test -f 'Ann <a@x.test>' b@x.test
a@x.test -F Ann -f a@x.test -- b@x.test
ann@localhost -fann b@x.test
ann@localhost -F 'Ann Other' b@x.test
END
    for null in "-f ''" "-f '<>'" "-f'<>'" "-r ''"; do
        eval took "$null" b@x.test <m
        came m '.envelope.from == ""'
    done
    LOGNAME=
    took b@x.test <m
    came m ".envelope.from == \"$(id -un)@localhost\""
    unset LOGNAME
    took b@x.test <m
    came m ".envelope.from == \"$(id -un)@localhost\""
    stop
}

t_operands() {
    stand_in -k
    printf 'Subject: s\n\nText\n' >m
    took -i -- -n@x.test --help@x.test '"a b"@x.test' '<c@x.test>' 'Dan <d@x.test>' <m
    came m '.envelope.to == ["-n@x.test", "--help@x.test", "\"a b\"@x.test", "c@x.test", "d@x.test"]'
    # a list in one word, as sendmail takes it
    took 'b@x.test, c@x.test' d@x.test <m
    came m '.envelope.to == ["b@x.test", "c@x.test", "d@x.test"]'
    # twice is once
    printf 'To: b@x.test, root\nCc: b@x.test, c@x.test\nSubject: s\n\nText\n' >twice
    took -t c@x.test root@localhost <twice
    came twice '.envelope.to == ["c@x.test", "root@localhost", "b@x.test"]'
    # a thousand
    # shellcheck disable=SC2046
    took $(seq -f 'b%g@x.test' 1000) <m
    came m '.envelope.to | length == 1000 and .[999] == "b1000@x.test"'
    stop
}

t_dsn() {
    stand_in -k
    printf 'Subject: s\n\nText\n' >m
    sent='.envelope | [.params.RET, .params.ENVID, (.to_params | map(.NOTIFY))]'
    took -N success,failure -R hdrs -V id-1 b@x.test c@x.test <m
    came m "$sent | . == [\"HDRS\", \"id-1\", [\"SUCCESS,FAILURE\", \"SUCCESS,FAILURE\"]] or . == [\"hdrs\", \"id-1\", [\"success,failure\", \"success,failure\"]]"
    took -NNEVER -RFULL -Vid b@x.test <m
    came m "$sent == [\"FULL\", \"id\", [\"NEVER\"]]"
    took b@x.test <m
    came m "$sent == [null, null, [null]]"
    stop
    # a server without it
    stand_in -k --hide DSN -d other
    took -N never -R hdrs -V id b@x.test <m
    jq -e '.envelope | .params.RET == null' json
    stop
}

# ---- the command line ----

# No value of an option that is tolerated is taken for a recipient, and no recipient for a value.
t_tolerated_options() {
    stand_in -k
    printf 'Subject: s\n\nText\n' >m
    while read -r words; do
        # shellcheck disable=SC2086
        took $words b@x.test <m || { echo "at $words"; return 1; }
        came m '.envelope.to == ["b@x.test"]' || { echo "at $words"; return 1; }
    done <<'END'
-Am
-Ac
-B7BIT
-bm
-C /dev/null
-C/dev/null
-F Ann
-FCronDaemon
-G
-U
-h 3
-L tag
-m
-n
-v
-v -v
-odb
-odi
-odq
-oem
-oep
-oee
-ee
-em
-e m
-om
-o8
-o7
-or0s
-or5m
-OTimeout=5m
-O DeliveryMode=b
-ODeliveryMode=b
-p smtp
-psmtp:host
-X /dev/null
-x
-oi -odi -oem
-vim
--
END
    stop
}

t_nothing_to_do() {
    stand_in -k
    for words in -bp -bi -q -q30m '-qRx.test' '-v -q'; do
        # shellcheck disable=SC2086
        took $words </dev/null
    done
    [ ! -e mail/0001.eml ]
    stop
}

t_usage() {
    stand_in -k
    printf 'Subject: s\n\nText\n' >m
    while read -r words; do
        # shellcheck disable=SC2086
        submit $words <m
        submitted 64 . || { echo "at $words"; return 1; }
    done <<'END'

-t
-i
--
-f a@x.test
-Z b@x.test
-iZ b@x.test
--help b@x.test
-bd b@x.test
-bD b@x.test
-bt b@x.test
-bz b@x.test
END
    for option in -f -r -F -B -N -R -V -b -C -O -o; do
        submit $option <m
        submitted 64 "$option"
    done
    # an address has no second line, whose address would get the message
    two='b@x.test
<c@x.test>'
    submit "$two" <m
    submitted 64 recipient
    submit -f "$two" b@x.test <m
    submitted 64 sender
    # -t, and only fields without an address
    printf 'To: undisclosed-recipients:;\nCc:\nSubject: s\n\nText\n' >m
    submit -t <m
    submitted 64 recipient
    [ ! -e mail/0001.eml ]
    stop
}

t_arguments_come_as_they_are() {
    stand_in -k
    printf 'Subject: s\n\nText\n' >m
    took -F '' -F '+=&%"' -F "$(printf 'Gr\303\274\303\237e\n\tand a line')" -F "$(printf '%03000d' 7)" -L '= ' b@x.test <m
    came m '.client.argv == ["-F", "", "-F", "+=&%\"", "-F", "Gr\u00fc\u00dfe\n\tand a line", "-F", "0" * 2999 + "7", "-L", "= ", "b@x.test"]'
    # a client that is not ours
    send
    printf 'Subject: test\n\nhello\n' >sent
    came sent '.client.argv == null'
    took b@x.test <m
    came m '.client.argv == ["b@x.test"]'
    stop
}

# ---- servers ----

t_no_run() {
    ln -s "$FAKESMTP" sendmail
    printf 'Subject: s\n\nText\n' >m
    submit b@x.test <m
    submitted 75 SMTP_HOST
    export SMTP_HOST='' SMTP_PORT=''
    submit b@x.test <m
    submitted 75 SMTP_HOST
    # nobody listens
    export SMTP_HOST="$PWD/none"
    submit b@x.test <m
    submitted 75 "$PWD/none"
    python3 - <<'PY'
import os, socket, subprocess
s = socket.socket()
s.bind(("127.0.0.1", 0)) # and does not listen
environment = {**os.environ, "SMTP_HOST": "127.0.0.1", "SMTP_PORT": str(s.getsockname()[1])}
done = subprocess.run(["./sendmail", "b@x.test"], stdin=open("m"), env=environment, capture_output=True, timeout=120)
assert done.returncode == 75 and b"127.0.0.1" in done.stderr, done
PY
    # a program that looks for its sendmail in a pipe must not be ended by SIGPIPE
    python3 -c 'print("Subject: s\n\n" + "x" * 3000000)' >m
    export SMTP_HOST="$PWD/none"
    mkfifo pipe
    cat m >pipe &
    submit b@x.test <pipe
    submitted 75 "$PWD/none"
    wait $!
}

# refused STATUS TAKEN PATTERN RULE ...: what happens to a message for b@x.test and c@x.test
refused() {
    stands=$((${stands-0} + 1)) want=$1 taken=$2 pattern=$3
    shift 3
    for rule in "$@"; do
        set -- "$@" --on "$rule"
        shift
    done
    stand_in -k -d "mail.$stands" "$@"
    submit -i -f a@x.test b@x.test c@x.test <m
    submitted "$want" "$pattern" || { echo "with $*"; return 1; }
    [ "$(find "mail.$stands" -name '*.eml' | wc -l)" -eq "$taken" ] || { echo "taken with $*"; return 1; }
    stop
}

t_refusals() {
    printf 'Subject: s\n\nText\n' >m
    # some recipients, and all
    refused 69 1 'c@x\.test.*550 5\.1\.1 no such user' 'rcpt c@*: 550 5.1.1 no such user'
    refused 69 1 'b@x\.test.*550 5\.1\.1 no such user' 'rcpt b@*: 550 5.1.1 no such user'
    refused 75 1 'c@x\.test.*451 later' 'rcpt c@*: 451 later'
    refused 67 0 '550 no' 'rcpt: 550 no'
    refused 75 0 '451 later' 'rcpt: 451 later'
    refused 75 0 '451 later' 'rcpt b@*: 550 no' 'rcpt c@*: 451 later'
    refused 75 0 '550 no' 'rcpt c@*: 550 no' 'rcpt b@*: 451 later'
    # the rest
    refused 69 0 '554 go away' 'connect: 554 go away'
    refused 75 0 '421 later' 'connect: 421 later'
    refused 69 0 '550 no' 'mail: 550 no'
    refused 75 0 '451 later' 'mail: 451 later'
    refused 75 0 '421 closing' 'mail: 421 closing'
    refused 69 0 '554 no' 'data: 554 no'
    refused 75 0 '451 later' 'data: 451 later'
    refused 69 0 '554 no' 'eom: 554 no'
    refused 75 0 '452 full' 'eom: 452 full'
    refused 69 0 'second line' 'eom: 554 first line\nsecond line'
    for event in connect ehlo mail rcpt data eom; do
        refused 75 0 . "$event: drop"
        refused 75 0 . "$event: reset"
    done
    # what comes after the mail is taken does not matter
    stand_in -k -d last --on 'quit: drop'
    took b@x.test <m
    stop
}

t_strict() {
    printf 'From: a@x.test\nTo: b@x.test\nDate: Tue, 24 Nov 2026 03:12:00 +0000\nMessage-ID: <1@x.test>\nSubject: s\n\n.\nText\n' >m
    { echo 'Bcc: c@x.test' && cat m; } >bcc
    { printf 'MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n' && cat m && printf 'Gr\303\274\303\237e'; } >8bit
    run --sendmail -n 4 --strict sh -ec '
        sendmail -ti <bcc
        sendmail -i -f "" -N never -V id b@x.test <m
        sendmail -i b@x.test d@x.test <8bit
        sendmail -i ann <m'
    status_is 0
    # nothing is made up
    printf 'Subject: s\n\nText\n' >m
    run --sendmail -n 1 --strict sh -ec 'sendmail b@x.test <m'
    status_is 1
    grep -q no-date err
}

# The first endpoint of the run is the one that gets the mail.
t_endpoints() {
    printf 'To: b@x.test, c@x.test\n\nText\n' >m
    while read -r endpoint protocol; do
        rm -rf mail json
        run --sendmail -n 1 -d mail -j -o json -l "$endpoint" -l 127.0.0.1:0 sh -ec 'sendmail -t <m'
        status_is 0
        same mail/0001.eml m
        jq -e ".client.protocol == \"$protocol\" and .client.argv == [\"-t\"]" json || { jq .client json; return 1; }
    done <<'END'
127.0.0.1:0 ESMTP
[::1]:0 ESMTP
lmtp://127.0.0.1:0 LMTP
unix:socket ESMTP
lmtp://unix:socket LMTP
END
    # LMTP answers for each recipient
    run --sendmail -n 1 -l lmtp://unix:socket --on 'eom c@*: 550 5.2.2 full' sh -c 'sendmail -t <m; [ $? -eq 69 ]'
    status_is 0
    err_has 'sendmail: .* refused the message after RCPT TO:<c@x.test>: 550 5\.2\.2 full'
    SMTP_CA_FILE='' run --sendmail -n 1 -l lmtp://unix:socket --on 'eom c@*: 451 later' sh -c 'sendmail -t <m; [ $? -eq 75 ]'
    status_is 0
}

# A server that offers nothing, or does not know EHLO.
t_old_servers() {
    printf 'Subject: s\n\nGr\303\274\303\237e\n' >m
    stand_in -k --hide PIPELINING,8BITMIME,SIZE,SMTPUTF8,CHUNKING,DSN
    took -N never b@x.test <m
    came m '.envelope | .params == {} and .to_params == [{}]'
    stop
    stand_in -k --on 'ehlo: 502 no' -d old
    submit b@x.test <m
    case $status in
    0) jq -e '.client.protocol == "SMTP"' json ;;
    *) submitted 69 '502 no' ;;
    esac
    stop
}
