# SPDX-License-Identifier: ISC
# shellcheck shell=sh disable=SC2154,SC2016 # the names come from lib; some words are another shell's, or jq's
# Expecting more than a number: --match, its report of messages that do not match, and --transcript.

# post WORD ...: sends messages as post.py has it
post() { python3 "$HERE/post.py" "$port" "$@"; }

# Mails with these subjects, each in a file of that name.
mails() {
    for subject; do
        printf 'From: Ann <ann@x.test>\r\nSubject: %s\r\n\r\nhello\r\n' "$subject" >"$subject"
    done
}

# A mail with what has to be decoded.
make_coded() {
    cat <<'END' | sed 's/$/\r/' >coded
From: =?utf-8?q?Caf=C3=A9_M=C3=BCller?= <cafe@x.test>
To: Bob <bob@x.test>, carol@x.test
Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=
 =?utf-8?b?IGF1cyBL?= =?utf-8?q?=C3=B6ln?=, und eine
 zweite Zeile
X-Tag: first
X-Tag: second
X-Empty:
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=M

--M
Content-Type: multipart/alternative; boundary=A

--A
Content-Type: text/plain; charset=iso-8859-1
Content-Transfer-Encoding: quoted-printable

Dear Bob,
https://x.test/reset?token=3D0123456789=
abcdef
Sch=F6ne Gr=FC=DFe
--A
Content-Type: text/html; charset=utf-8
Content-Transfer-Encoding: base64

PGI+b25seSBpbiB0aGUgSFRNTDwvYj4K
--A--
--M
Content-Type: application/pdf
Content-Disposition: attachment; filename*0*=utf-8''r%C3%A9su;
 filename*1*=m%C3%A9.pdf
Content-Transfer-Encoding: base64

aGVsbG8K
--M
Content-Type: text/csv; name="table.csv"
Content-Disposition: attachment

a,b
--M--
END
}

# sends MATCH ...: runs the program with these around a client that sends the mail to two of its header, and a third
sends() {
    set -- "$@" --
    for word; do
        shift
        [ "$word" != -- ] || break
        set -- "$@" --match "$word"
    done
    run "$@" sh -c 'curl -sS --max-time 60 --url "$SMTP_URL" --mail-from bounce@x.test --mail-rcpt bob@x.test \
        --mail-rcpt carol@x.test --mail-rcpt audit@y.test -T coded'
}

# holds MATCH: the mail matches
holds() {
    sends "$1"
    [ "$status" -eq 0 ] || { echo "does not match: $1"; return 1; }
    err_has 'fakesmtp: 1 message, and it matches'
    err_lines 1
}

# fails_with MATCH VALUE: it does not, and the user is told of this value (a fixed string)
fails_with() {
    sends "$1"
    [ "$status" -eq 1 ] || { echo "status $status, not 1: $1"; return 1; }
    grep -F -e "$1" err | grep -qF -e "$2" || { echo "no line with '$1' and '$2'"; return 1; }
}

# no_value MATCH: there is nothing that it could be held against
no_value() { fails_with "$1" none; }

# alive: the run goes on
alive() { kill -0 "$pid" || { echo "the run has ended"; return 1; }; }

# ---- each FIELD ----

t_match_a_header_field() {
    make_coded
    holds 'subject: ^Grüße aus Köln, und eine zweite Zeile$'
    holds 'SUBJECT:GRÜSSE|KÖLN|zweite ZEILE'
    holds 'from: Café Müller'
    holds 'from: cafe@x\.test'
    holds 'x-tag: ^second$'
    holds 'x-empty: ^$'
    holds 'to: (bob|carol)@x\.test'
    fails_with 'to: audit' 'carol@x.test'
    fails_with 'subject: utf-8' 'Grüße aus Köln'
    fails_with 'x-tag: third' 'first, second'
    no_value 'x-other: .*'
    no_value 'tag: .*'
}

t_match_the_envelope() {
    make_coded
    holds 'mail-from: ^bounce@x\.test$'
    holds 'Mail-From: ^BOUNCE@'
    holds 'rcpt-to: ^audit@y\.test$'
    holds 'rcpt-to: ^bob@x\.test$'
    fails_with 'mail-from: cafe' bounce@x.test
    fails_with 'rcpt-to: ^x' 'bob@x.test, carol@x.test, audit@y.test'
    # the null sender is one that is empty
    start -n 1 --match 'mail-from: ^$'
    mails yes
    post yes from= yes
    finish
    status_is 0
}

t_match_the_body() {
    make_coded
    holds 'body: ^https://x\.test/reset\?token=0123456789abcdef$'
    holds 'body: schöne GRÜSSE|Schöne'
    holds 'body: ^only in the HTML$'
    fails_with 'body: <b>' 'Dear Bob,'
    holds 'body: ^Dear Bob,$'
    # neither the header, nor what is coded, nor an attachment
    for regex in Subject Content-Type 'token=3D' PGI hello 'a,b' 'Bob,.*https'; do
        fails_with "body: $regex" 'Dear Bob,'
    done
}

t_match_an_attachment() {
    make_coded
    holds 'attachment: ^résumé\.pdf$'
    holds 'attachment: ^TABLE\.csv$'
    fails_with 'attachment: \.png$' 'résumé.pdf, table.csv'
    mails coded # that is another one
    no_value 'attachment: .*'
}

t_match_text_or_html() {
    make_coded
    holds 'text: ^Dear Bob,$'
    fails_with 'text: only in the HTML' 'Dear Bob,'
    holds 'html: only in the HTML'
    fails_with 'html: Dear Bob' 'only in the HTML'
    printf 'Content-Type: text/html\r\n\r\n<p>caf&eacute; &amp; 5&nbsp;&#8364;</p>\r\n' >coded
    holds 'html: café & 5\s€'
    no_value 'text: .'
}

t_match_the_whole_header() {
    make_coded
    holds 'header: ^subject: grüße aus köln, und eine zweite zeile$'
    fails_with 'header: ^reset' 'From: Café'
}

t_match_the_client() {
    make_coded
    holds 'client-address: ^(127\.0\.0\.1|::1)$'
    holds 'client-helo: .'
    no_value 'client-auth: .'
    no_value 'client-tls: .'
    run --match 'client-auth: ^ann$' sh -c 'curl -sS --max-time 60 --url "$SMTP_URL" --mail-from a@x.test \
        --mail-rcpt b@x.test --user ann:secret -T coded'
    status_is 0
}

# An expression means one thing with every libc.
t_match_by_characters() {
    printf 'Subject: code 4711 R\303\251init\r\n\r\nhello\r\n' >coded
    for regex in 'code \d{4}\b' 'code\s4711' '\w+ 4711' 'code [^\D]+ ' 'R[ée]init' 'R.init$' 'RÉINIT' 'R[^x]init' '\br' \
        '^code [[:digit:]]+ '; do
        holds "subject: $regex"
    done
    for regex in 'code \D' 'code d' 'R..init' 'R[e-z]init' '\bé'; do
        fails_with "subject: $regex" 'code 4711'
    done
}

t_what_must_not_match() {
    mails yes no
    start -n 2 --match 'from: ann' --not 'subject: no' --not 'x-tag: .'
    post no yes no
    alive
    post yes
    finish
    status_is 0
    start -n 1 --not 'subject: no'
    post no
    stop 1
    err_has "fakesmtp: message 1: .*: fails --not 'subject: no', as it has \"no\""
    wrong 9 'a regular expression' --not 'subject:'
}

# ---- several expectations ----

t_two_expectations() {
    mails welcome report
    start -t 60 --match 'rcpt-to: ^alice@' --match 'subject: welcome' --next -n 2 --match 'rcpt-to: ^admin@' -j
    post to=admin@x.test report
    post to=alice@x.test report welcome
    alive
    post to=admin@x.test report
    finish
    status_is 0
    jq -s -e 'map(.expectations) == [[2], [], [1], [2]]' out >jq.out
    jq -s -e 'map(.matched) == [true, false, true, true]' out >jq.out
}

t_one_message_for_two_expectations() {
    mails welcome other
    start --match 'rcpt-to: ^alice@' --next --match 'subject: welcome' --next -n 2 -j
    post to=bob@x.test other
    alive
    post to=alice@x.test welcome
    finish
    status_is 0
    jq -s -e 'map(.expectations) == [[3], [1, 2, 3]]' out >jq.out
    start -n 1 -j
    post other
    finish
    jq -s -e 'map(.expectations) == [[1]]' out >jq.out
}

# The one that was not met is named, and each message says how close it came.
t_an_expectation_is_not_met() {
    mails welcome other
    run --match 'rcpt-to: ^alice@' --match 'subject: welcome' --next -n 2 --match 'rcpt-to: ^admin@' -- sh -c '
        python3 "$0/post.py" "$SMTP_PORT" to=alice@x.test welcome other
        python3 "$0/post.py" "$SMTP_PORT" to=admin@x.test other' "$HERE"
    status_is 1
    tail -n 4 err >last
    cat >want <<'END'
fakesmtp: message 1: from <a@x.test> to <alice@x.test>, subject "welcome": counts for expectation 1
fakesmtp: message 2: from <a@x.test> to <alice@x.test>, subject "other": closest to expectation 1, but fails --match 'subject: welcome', as it has "other"
fakesmtp: message 3: from <a@x.test> to <admin@x.test>, subject "other": counts for expectation 2
fakesmtp: expectation 2 (--match 'rcpt-to: ^admin@'): expected 2 messages that match, got 1 of the 3 that came before the command ended
END
    same last want
    run --match 'rcpt-to: ^alice@' --match 'subject: welcome' --next -n 2 --match 'rcpt-to: ^admin@' -- sh -c '
        python3 "$0/post.py" "$SMTP_PORT" to=admin@x.test other' "$HERE"
    status_is 1
    err_has "fakesmtp: expectation 1 .--match 'rcpt-to: .alice@' and 1 more.: expected 1 message that matches, got none of the 1 that came; expectation 2 .*: expected 2 messages that match, got 1 of the 1 that came before the command ended"
    # not all are told
    run --match 'to: a' --next --match 'to: b' --next --match 'to: c' --next --match 'to: d' --next --match 'to: e' true
    status_is 1
    err_has 'fakesmtp: expectation 1 .*; expectation 3 .*, got none before the command ended; 2 more were not met'
}

t_too_many_for_an_expectation() {
    mails one two
    # it cannot succeed any more
    start -t 60 --match 'subject: one' --next --match 'subject: two'
    post one one
    finish
    status_is 1
    err_has "fakesmtp: expectation 1 .*: expected 1 message that matches, got 2 of the 2 that came; expectation 2 .*got none.*"
    # nor without the time limit
    start -t 60 --match 'subject: one' --next -n 0 --match 'subject: two'
    post one
    alive
    post two
    finish
    status_is 1
    start --match 'subject: one' --next -n 0 --match 'subject: two'
    post one
    stop 0
    # a command goes on
    run --match 'subject: one' --next -n 1-2 --match 'subject: two' -- sh -c '
        python3 "$0/post.py" "$SMTP_PORT" two two one' "$HERE"
    status_is 0
}

t_expectations_linger() {
    mails one two
    run --linger 60 --match 'subject: one' --next --match 'subject: two' -- sh -c '
        python3 "$0/post.py" "$SMTP_PORT" one one two & ' "$HERE"
    status_is 1
    run --linger 60 -n 2 --match 'subject: one' --next --match 'subject: two' -- sh -c '
        python3 "$0/post.py" "$SMTP_PORT" one one two & ' "$HERE"
    status_is 0
}

t_nothing_else() {
    mails one two three
    run --only --match 'subject: one' --next --match 'subject: two' -- sh -c '
        python3 "$0/post.py" "$SMTP_PORT" one two' "$HERE"
    status_is 0
    run --only --match 'subject: one' --next --match 'subject: two' -- sh -c '
        python3 "$0/post.py" "$SMTP_PORT" one two three' "$HERE"
    status_is 1
    [ "$(tail -n 1 err)" = 'fakesmtp: 1 message fits no expectation (--only)' ]
    err_has 'fakesmtp: message 3: .*: closest to expectation 1, but fails .*'
    run --only -n 2 --match 'subject: t' -- sh -c 'python3 "$0/post.py" "$SMTP_PORT" one three one' "$HERE"
    status_is 1
    err_has 'fakesmtp: expected 2 .*; 2 messages fit no expectation .--only.'
    # a run that ends by itself does, as it can succeed no more
    start -t 60 -n 1 --only --match 'subject: one'
    post two
    finish
    status_is 1 'fakesmtp: expected 1 .*, got none of the 1 that came; 1 message fits no expectation .--only.'
    run --only true
    status_is 2
    err_has 'fakesmtp: --only .*'
}

# A field that no message has may be misspelt.
t_a_field_that_no_message_had() {
    mails one two
    run -n 1 --match 'x-tagg: 1' --match 'attachment: pdf' --match 'subject: one' -- sh -c '
        python3 "$0/post.py" "$SMTP_PORT" one two' "$HERE"
    status_is 1
    err_has 'fakesmtp: expected 1 message .*; no message had a header field x-tagg; no message had any attachment'
    run -n 0 --match 'x-tagg: 1' -- sh -c 'python3 "$0/post.py" "$SMTP_PORT" one two' "$HERE"
    status_is 0
    err_has 'fakesmtp: no message had a header field x-tagg'
    run --match 'subject: three' --next -n 0 --match 'x-tagg: 1' -- sh -c '
        python3 "$0/post.py" "$SMTP_PORT" one two' "$HERE"
    status_is 1
    err_has 'fakesmtp: expectation 1 .*; no message had a header field x-tagg'
    # that is no news where none came, or one had it, or it was to be absent
    run -n 0 --match 'x-tagg: 1' true
    status_is 0
    fails grep x-tagg err
    run -n 0 --match 'subject: three' --not 'x-tagg: 1' -- sh -c 'python3 "$0/post.py" "$SMTP_PORT" one two' "$HERE"
    status_is 0
    fails grep field err
    run -q -n 0 --match 'x-tagg: 1' -- sh -c 'python3 "$0/post.py" "$SMTP_PORT" one two' "$HERE"
    status_is 0
    [ ! -s err ]
}

t_malformed_next() {
    run --next --match 'subject: x' true
    status_is 2
    err_has 'fakesmtp: --next: .* before it.*'
    run --match 'subject: x' --next --next --match 'subject: y' true
    status_is 2
    err_has 'fakesmtp: --next: .* before it.*'
    run --match 'subject: x' --next true
    status_is 2
    err_has 'fakesmtp: --next: .* after it.*'
    set -- -n 1
    for i in $(seq 63); do
        set -- "$@" --next -n 1
    done
    run "$@" true
    status_is 1
    run "$@" --next -n 1 true
    status_is 2
    err_has 'fakesmtp: --next: this option may be given at most 63 times'
}

t_all_must_hold() {
    make_coded
    sends 'to: bob' 'to: carol' 'rcpt-to: audit' 'body: reset' 'attachment: pdf'
    status_is 0
    # the one that fails is told of
    sends 'to: bob' 'to: dora' 'rcpt-to: audit'
    status_is 1
    grep -F 'to: dora' err | grep -qF carol@x.test
    fails grep -F 'to: bob' err
    # not by two messages between them
    mails one two
    start -t 60 -n 1 --match 'subject: one' --match 'rcpt-to: two'
    post to=one@x.test one to=two@x.test two
    alive
    post to=two@x.test one
    finish
    status_is 0
}

t_match_with_other_clients() {
    mails other
    start -n 2 --match 'subject: ^wanted$' --match 'rcpt-to: b@x' -j
    swaks --server 127.0.0.1 --port "$port" --helo t --from a@x.test --to b@x.test --header 'Subject: wanted' >swaks.out
    post other
    python3 - "$port" <<'PY'
import smtplib, sys
from email.message import EmailMessage
def mail(to):
    m = EmailMessage()
    m["From"], m["To"], m["Subject"] = "a@x.test", to, "wanted"
    m.set_content("hello\n")
    return m
with smtplib.SMTP("127.0.0.1", int(sys.argv[1]), timeout=60) as s:
    s.send_message(mail("c@x.test"))
    s.send_message(mail("b@x.test"))
PY
    finish
    status_is 0
    jq -s -e 'map(.matched) == [true, false, false, true]' out >jq.out
}

# ---- what counts ----

t_only_what_matches_counts() {
    mails yes no
    start -n 2 --match 'subject: yes' -d mail
    post no yes no no
    alive
    post yes
    finish
    status_is 0
    err_lines 0
    taken 5
}

t_the_others_are_stored() {
    mails yes no
    start -n 2 --match 'subject: yes' -d mail -j
    post no yes no yes
    finish
    status_is 0
    jq -s -e 'map([.subject, .matched]) == [["no", false], ["yes", true], ["no", false], ["yes", true]]' out >jq.out
    jq -r .file out | while read -r file; do grep Subject "$file"; done >got
    printf 'Subject: %s\n' no yes no yes >want
    same got want
    start -n 1 --match 'subject: yes' -f mbox -o mbox
    post no no yes
    finish
    status_is 0
    [ "$(grep -c '^From ' mbox)" -eq 3 ]
    start -n 1 --match 'subject: yes' --maildir box
    post no yes
    finish
    status_is 0
    [ "$(find box/new -type f | wc -l)" -eq 2 ]
}

t_json_without_match() {
    mails any
    start -n 1 -j
    post any
    finish
    jq -e .matched out >jq.out
}

t_match_and_a_range() {
    mails yes no
    start -n 1-2 --match 'subject: yes' -d mail
    post yes no
    alive
    post yes
    finish
    status_is 0
    start -n 2-3 -t 60 --match 'subject: yes'
    post yes no no
    stop 1
    err_has 'fakesmtp: expected 2 to 3 messages that match, got 1 .*SIGTERM.*'
    # nothing is too many
    start -n 1- --match 'subject: yes'
    post yes no yes
    alive
    stop
    start -n 1- --match 'subject: yes'
    post no no
    stop 1
    err_has 'fakesmtp: expected at least 1 message that matches, got none .*'
}

t_match_and_none() {
    mails yes no
    start -n 0 --match 'subject: yes' -d mail
    post no no
    alive
    post yes
    finish
    status_is 1 'fakesmtp: expected no message that matches, got 1 .*'
    taken 3
    start -n 0 --match 'subject: yes'
    post no
    stop
    err_lines 0
    start -n 0 --match 'subject: yes' -t 300ms
    finish
    status_is 0
    export SENT=no
    command='curl -sS --max-time 60 --url "$SMTP_URL" --mail-from a@x.test --mail-rcpt b@x.test -T $SENT'
    run -n 0 --match 'subject: yes' sh -c "$command"
    status_is 0
    SENT=yes
    run -n 0 --match 'subject: yes' sh -c "$command"
    status_is 1 'fakesmtp: expected no message that matches, got 1 .*'
}

t_match_with_a_command() {
    mails yes no
    command='for mail; do
        curl -sS --max-time 60 --url "$SMTP_URL" --mail-from a@x.test --mail-rcpt b@x.test -T $mail
    done'
    run --match 'subject: yes' sh -c "$command" x no yes yes
    status_is 0 'fakesmtp: 3 messages, 2 of them match'
    err_lines 1
    run --match 'subject: yes' sh -c "$command" x no no
    status_is 1 'fakesmtp: expected at least 1 message that matches, got none .* before the command ended'
    run --match 'subject: yes' true
    status_is 1
    run -n 1 --match 'subject: yes' sh -c "$command" x yes no yes
    status_is 1 'fakesmtp: expected 1 message that matches, got 2 .*'
    run -n 0-1 --match 'subject: yes' sh -c "$command" x no
    status_is 0
    # its own status goes first, and what came is told of all the same
    run --match 'subject: yes' sh -c "$command; exit 7" x no
    status_is 7 'fakesmtp: sh: exit status 7(; .*)?'
    grep -q 'subject: yes' err
}

t_match_with_linger() {
    mails yes no
    command='(while [ ! -e go ]; do :; done
        for mail; do curl -sS --max-time 60 --url "$SMTP_URL" --mail-from a@x.test --mail-rcpt b@x.test -T $mail; done) \
        >later.out 2>&1 & : >go'
    # it ends with the one that matches, and not with one that does not
    run --linger 60 --match 'subject: yes' timeout 60 sh -c "$command" x no no yes
    status_is 0 'fakesmtp: 3 messages, 1 of them matches'
    err_lines 1
    rm go
    run --linger 300ms --match 'subject: yes' timeout 60 sh -c "$command" x no
    status_is 1 'fakesmtp: expected at least 1 message that matches, got none .*'
}

t_match_until_a_signal() {
    mails yes no
    start -k --match 'subject: yes'
    post no yes no yes
    alive
    stop
    start -k --match 'subject: yes'
    post no
    stop 1
    start -k -n 2 --match 'subject: yes'
    post yes no yes yes
    stop 1
    err_has 'fakesmtp: expected 2 messages that match, got 3 .*'
}

t_match_and_a_time_limit() {
    mails yes no
    start -t 12 --match 'subject: yes'
    post yes no
    finish
    status_is 0
}

t_no_match_by_the_time_limit() {
    mails no
    start -t 12 --match 'subject: yes'
    post no
    finish
    status_is 1 'fakesmtp: expected at least 1 message that matches, got none of the 1 that came before the 12 s limit'
}

# ---- several at once ----

t_match_with_two_clients_at_once() {
    begin="<220 >EHLO~t <250 >MAIL~FROM:<> <250 >RCPT~TO:<b@x.test> <250 >DATA <354"
    set --
    for word in $begin + $begin; do set -- "$@" "$(echo "$word" | tr '~' ' ')"; done
    # the first to end is not the one that is awaited
    start -n 1 --match 'subject: yes' -d mail
    talk "$@" @1 '=Subject: no\r\n\r\n.\r\n' '<250' @2 '=Subject: yes\r\n\r\n.\r\n' '<250' '>QUIT' '<221' >talk.out
    finish
    status_is 0
    taken 2
    # of two that match, one is too many: it is not taken, and its client is told
    start -n 1 --match 'subject: yes' -d other
    talk "$@" @1 '=Subject: yes\r\n\r\n.\r\n' '<250' @2 '=Subject: yes\r\n\r\n.\r\n' '<421' '<EOF' >talk.out
    finish
    status_is 0
    [ "$(find other -name '*.eml' | wc -l)" -eq 1 ]
}

t_one_too_many_is_refused() {
    start -n 1 --match 'subject: yes' -d mail
    talk '<220' '>EHLO t' '<250' '>MAIL FROM:<>' '<250' '>RCPT TO:<b@x.test>' '<250' '>DATA' '<354' \
        '=Subject: yes\r\n\r\n.\r\nMAIL FROM:<>\r\n' '<250' '<421' '<EOF' >talk.out
    finish
    status_is 0
    taken 1
}

# Never more than the most are taken, whoever comes at the same time; and who was told 250 is among those stored.
t_match_with_many_clients() {
    start -n 30 --match 'subject: yes' -j -d mail
    python3 - "$port" <<'PY' >acknowledged
import smtplib, sys, threading
lock = threading.Lock()
def client(i):
    try:
        with smtplib.SMTP("127.0.0.1", int(sys.argv[1]), timeout=60) as s:
            for k in range(8):
                what = "yes" if (i + k) % 2 else "no"
                s.sendmail("a@x.test", ["b@x.test"], "Subject: %s %d.%d\r\n\r\n%s\r\n" % (what, i, k, "x" * 5000))
                with lock:
                    print("%s %d.%d" % (what, i, k))
    except (smtplib.SMTPException, OSError):
        pass  # the run has ended
threads = [threading.Thread(target=client, args=(i,)) for i in range(12)]
for t in threads: t.start()
for t in threads: t.join()
PY
    finish
    status_is 0
    jq -s -e 'map(select(.matched)) | length == 30 and all(.subject | startswith("yes"))' out >jq.out
    jq -s -e 'map(select(.matched | not)) | all(.subject | startswith("no"))' out >jq.out
    [ "$(grep -c yes acknowledged)" -eq 30 ]
    jq -r .subject out | sort >stored
    sort acknowledged >told
    same stored told
}

# No expression takes the stack, nor is the place of an error looked for at length.
t_huge_regex() {
    for c in '(' a; do
        run --match "subject: ($(printf '%030000d' 0 | tr 0 "$c")"
        status_is 2
        grep -q 'an expression of at most 4096 octets' err
    done
    run --match "subject: ($(printf '%04000d' 0)"
    status_is 2
    grep -q 'expected a ) for this (' err
}

# slowly OPTION MATCH LINE COUNT SIGNALS: matches a message of so many of these lines with a slow expression; others
# are served, and signals end the program, long before that is done.
slowly() {
    line=$3 count=$4 signals=$5
    start -n 1 "$1" "$2"
    timeout 100 python3 - "$port" "$count" "$pid" "$signals" "$line" <<'PY'
import os, signal, smtplib, socket, sys
port, count, pid, signals = map(int, sys.argv[1:5])
slow = smtplib.SMTP("127.0.0.1", port, timeout=60)
slow.ehlo()
slow.mail("a@x.test")
slow.rcpt("b@x.test")
slow.putcmd("DATA")
slow.getreply()
slow.sock.sendall(b"A: a\r\n" + (sys.argv[5].encode() + b"\r\n") * count + b".\r\n")
with smtplib.SMTP("127.0.0.1", port, timeout=60) as other:
    other.noop()
slow.sock.settimeout(0.001)
try:
    sys.exit("the slow one was first: %r" % slow.sock.recv(100))
except socket.timeout:
    pass
for _ in range(signals):
    os.kill(pid, signal.SIGTERM)
slow.sock.settimeout(60)
slow.sock.recv(1)
PY
}

t_slow_regex_keeps_nobody_waiting() {
    line=$(printf '%0999d' 0 | tr 0 a)
    slowly --match 'body: (.{0,100}a){90}c' "$line" 60 0
    stop 1
    slowly --on 'eom /body: (.{0,100}a){90}c/: 554 found' "$line" 60 0
    finish
    status_is 0
    for how in "--match 'body: (.{0,100}a){90}c' $line 5000 2" "--match 'x: ((a?){999}){9}b' x: 250000 2" \
        "--on 'eom /body: (.{0,100}a){90}c/: 554 found' $line 5000 2"; do
        eval "slowly $how"
        finish
        status_is 4
        grep -q 'the run ended before that' err
    done
}

# A message of 200 MB is not held in memory, whatever it is held against; with one line, and with many.
t_match_of_a_large_message() {
    for line in lines one; do
        rm -f port && mkfifo port
        # the message is mapped: address space for it, and little more
        ([ -n "${FAKESMTP_INSTRUMENTED-}" ] || ulimit -v 270000; exec "$FAKESMTP" -n 1 -p 0 --port-file port -d mail \
            --match 'subject: large' --match 'body: the end$' --match 'rcpt-to: b@x' 2>err) &
        pid=$!
        read -r port <port
        python3 - "$port" "$line" <<'PY'
import socket, sys
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=120)
replies = s.makefile("rb")
def expect(code):
    while True:
        line = replies.readline()
        assert line.startswith(code), line
        if line[3:4] != b"-":
            return
expect(b"220")
for command in b"EHLO t", b"MAIL FROM:<a@x.test>", b"RCPT TO:<b@x.test>":
    s.sendall(command + b"\r\n")
    expect(b"250")
s.sendall(b"DATA\r\n")
expect(b"354")
s.sendall(b"Subject: large\r\n\r\n")
block = (b"y" * 78 + (b"\r\n" if sys.argv[2] == "lines" else b"yy")) * 12500
for i in range(200):
    s.sendall(block)
s.sendall(b" the end\r\n.\r\n")
expect(b"250")
s.sendall(b"QUIT\r\n")
expect(b"221")
PY
        finish
        status_is 0
        rm -r mail
    done
}

# ---- what is said ----

# says PATTERN ...: standard error is the line that says where we listen, and one line for each pattern
says() {
    sed 1d err >said
    n=0
    for pattern; do
        n=$((n + 1))
        sed -n "${n}p" said | grep -Eqx -e "$pattern" || { echo "line $((n + 1)) is not: $pattern"; cat err; return 1; }
    done
    [ "$(wc -l <said)" -eq "$n" ] || { echo "not $((n + 1)) lines on standard error"; cat err; return 1; }
}

# From, to, subject; the --match that it fails, and what it has instead.
t_what_came_is_listed() {
    mails yes no
    printf 'X: y\r\n\r\nSubject: of the body\r\n' >without
    start -t 60 -n 4 --transcript t --match 'subject: yes' --match 'rcpt-to: carol'
    post from=ann@x.test to=bob@x.test no
    post from= to=c1@x.test to=c2@x.test to=c3@x.test yes without
    post to=carol@x.test yes
    stop 1
    says "fakesmtp: message 1: from <ann@x\.test> to <bob@x\.test>, subject \"no\".*'subject: yes'.*\"no\"" \
        "fakesmtp: message 2: from <> to <c1@x\.test> and 2 more, subject \"yes\".*'rcpt-to: carol'.*c1@x\.test, c2@x\.test, c3@x\.test.*" \
        "fakesmtp: message 3: from <> to <c1@x\.test> and 2 more, no subject.*'subject: yes'.* none" \
        'fakesmtp: message 4: from <a@x\.test> to <carol@x\.test>, subject "yes"' \
        'fakesmtp: expected 4 messages that match, got 1 of the 4 that came before SIGTERM'
    # without --match, too; and decoded
    make_coded
    start -t 60 -n 2 --transcript t
    post coded
    stop 1
    says 'fakesmtp: message 1: from <a@x\.test> to <b@x\.test>, subject "Grüße aus Köln, und eine zweite Zeile"' \
        'fakesmtp: expected 2 messages, got 1 before SIGTERM'
}

t_what_was_too_much_is_listed() {
    mails one two
    run -n 1 sh -c 'for mail in one two; do
        curl -sS --max-time 60 --url "$SMTP_URL" --mail-from a@x.test --mail-rcpt b@x.test -T $mail
    done'
    status_is 1
    tail -n 1 err | grep -Eqx 'fakesmtp: expected 1 message, got 2'
    err_has 'fakesmtp: message 1: from <a@x\.test> to <b@x\.test>, subject "one"'
    err_has 'fakesmtp: message 2: from <a@x\.test> to <b@x\.test>, subject "two"'
}

# wherever the mail goes, and whether all of it fits the memory for it
t_listing_of_large_mail() {
    for options in '-f none' '-e -f none' '-d mail' '-e -d mail' '-d mail --crlf -f eml' '-f json'; do
        # shellcheck disable=SC2086 # the options are words
        start -n 2 $options
        send "$(printf '%0100000d' 0)"
        kill "$pid"
        finish
        err_has 'fakesmtp: message 1: from <a@x\.test> to <b@x\.test>, subject "test"'
    done
}

# It is shown, whatever it is, but never raw.
t_what_is_listed_is_escaped() {
    python3 - <<'PY'
odd = "\x1b[31m\x07\x7f\x9b\u202e\u2066\u200b\u200f\ufeff\u2028\u00ad\\"
coded = "=?utf-8?q?%s?=" % "".join("=%02X" % c for c in odd.encode())
open("odd", "w").write("Subject: a%sz\r\nX: b%sy\r\n\r\nhello\r\n" % (coded, coded))
open("raw", "wb").write(b"Subject: c\x1b\xff\xe2\x80\xae\r\nX: \x07\r\n\r\nhello\r\n")
PY
    start -t 60 -n 3 --match 'x: never' --match 'subject: .'
    post from="$(printf 'a\342\200\256b@x.test')" from-params=SMTPUTF8 odd raw
    stop 1
    python3 - <<'PY'
import unicodedata
text = open("err", "rb").read().decode("utf-8")
for c in text:
    assert c == "\n" or unicodedata.category(c) not in ("Cc", "Cf", "Zl", "Zp", "Co", "Cs"), repr(c)
lines = [line for line in text.split("\n") if line.startswith("fakesmtp: message ")]
assert len(lines) == 2, text
odd = r"\x1b[31m\x07\x7f\xc2\x9b\xe2\x80\xae\xe2\x81\xa6\xe2\x80\x8b\xe2\x80\x8f\xef\xbb\xbf\xe2\x80\xa8\xc2\xad"
assert r'subject "a' + odd in lines[0], lines[0]
assert r'"b' + odd in lines[0], lines[0]
assert r"<a\xe2\x80\xaeb@x.test>" in lines[0], lines[0]
assert r'"c\x1b' in lines[1] and r'"\x07"' in lines[1], lines[1]
PY
}

# A long text is cut; a text with what ends others is one line still.
t_what_is_listed_is_one_line() {
    python3 - <<'PY'
open("long", "w").write("Subject: %s\r\n\r\nhello\r\n" % "\r\n ".join(["word " * 10] * 100))
open("lines", "w").write("Subject: =?utf-8?q?one=0Atwo=0D=0Afakesmtp:_three?=\r\n\r\nhello\r\n")
PY
    start -t 60 -n 3 --transcript t --match 'subject: never'
    post long lines
    stop 1
    says 'fakesmtp: message 1: .*word.*' 'fakesmtp: message 2: .*one\\x0atwo\\x0d\\x0afakesmtp: three.*' '.*'
    awk 'length > 600 { print "a line of " length; exit 1 }' err
}

# On a terminal the reason is the last line, and the messages before it can be seen with it and a prompt.
t_the_end_fits_the_terminal() {
    cat >send60 <<'PY'
import os, smtplib, sys
with smtplib.SMTP(os.environ["SMTP_HOST"], int(os.environ["SMTP_PORT"])) as s:
    for i in range(60):
        s.sendmail("a@x.test", ["b@x.test"], "Subject: %s\r\n\r\nx" % sys.argv[1 + i % (len(sys.argv) - 1)])
PY
    python3 - "$FAKESMTP" <<'PY'
import fcntl, os, pty, re, struct, subprocess, sys, termios
def ends(rows, columns, least, most, *subjects, options=()):
    """Runs it in a terminal, and looks at the end: how many messages are listed?  rows 0: the size is unknown."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns if rows else 0, 0, 0))
    p = subprocess.Popen([sys.argv[1], "-n", "1", "--match", "subject: yes", *options, "python3", "send60",
                          *(subjects or ["no"])], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=slave)
    os.close(slave)
    text = b""
    try:
        while block := os.read(master, 65536):
            text += block
    except OSError: # it has no more writers
        pass
    assert p.wait(60) == 1
    lines = text.decode().splitlines()
    assert re.match("fakesmtp: expected 1 message that matches, got none ", lines[-1]), text
    more = re.fullmatch(r"fakesmtp: and (\d+) more messages", lines[-2])
    n = 60 - int(more[1])
    assert least <= n <= most, (n, rows, columns)
    seen = lines[len(lines) - n - 2:]
    for i in range(n):
        assert re.match("fakesmtp: message %d: .*fails --match" % (i + 1), seen[i]), text
    wide = [re.sub("[\u3040-\u9fff]", "xx", line) for line in seen]
    assert sum(-(-len(line) // columns) for line in wide) < (rows or 24), text
ends(24, 80, 10, 10)
ends(0, 80, 10, 10)
ends(24, 200, 21, 21)
ends(10, 80, 3, 3)
ends(24, 50, 6, 6)
ends(4, 80, 0, 0)
ends(1000, 80, 50, 50)
ends(24, 80, 5, 9, "no", "x" * 100, "=?utf-8?b?%s?=" % ("5pel5pys6Kqe" * 5)) # 15 characters that are wide
ends(24, 80, 10, 10, options=["--strict", "--on", "vrfy: 550 no"]) # more is said, before it
PY
}

t_sixty_are_listed() {
    python3 -c 'print([b"Subject: number %d\r\n\r\nx\r\n" % i for i in range(1, 61)])' >sixty
    start -t 60 -n 61 --transcript t
    post - <sixty
    stop 1
    tail -n 1 err | grep -Eqx 'fakesmtp: expected 61 messages, got 60 before SIGTERM'
    # a line for each, in order, as far as it goes; and how many more there were
    shown=$(grep -c '^fakesmtp: message [0-9]*: ' err)
    [ "$shown" -ge 50 ] || { echo "only $shown"; return 1; }
    i=1
    while [ "$i" -le "$shown" ]; do
        sed -n "$((i + 1))p" err | grep -qx "fakesmtp: message $i: .*subject \"number $i\""
        i=$((i + 1))
    done
    [ "$shown" -eq 60 ] || err_has "fakesmtp: and $((60 - shown)) more messages"
}

t_what_came_is_listed_quietly() {
    mails no
    start -q -t 60 -n 1 --match 'subject: yes'
    post no
    stop 1
    # one line says why, and one what came: no dialogue, and nothing of listening
    [ "$(wc -l <err)" -eq 2 ]
    sed -n 2p err | grep -q '^fakesmtp: expected 1 message that matches, got none '
    sed -n 1p err | grep -q "^fakesmtp: message 1: .*'subject: yes'"
}

t_nothing_is_listed_when_all_is_well() {
    mails yes no
    start -n 1 --match 'subject: yes'
    post no yes
    finish
    status_is 0
    err_lines 0
    start -k -n 0-1 --match 'subject: yes'
    post no no
    stop
    err_lines 0
    # nor where the count holds, and something else does not
    start -c 2 -n 0-5 -t 60
    post no
    stop 1
    err_has 'fakesmtp: expected 2 connections, got 1 before SIGTERM'
    fails grep 'message 1' err
}

# ---- malformed arguments ----

# wrong COLUMN TEXT WORD ...: a usage error that shows this column, and says what was expected, in two lines
wrong() {
    column=$1 text=$2
    shift 2
    run "$@" true
    status_is 2
    [ "$(wc -l <err)" -eq 2 ] || { echo "not two lines: $*"; cat err; return 1; }
    sed -n 1p err | grep -F "column $column: " | grep -qF "$text" || { echo "column $column, '$text': $*"; cat err; return 1; }
    sed -n 2p err | grep -q -e --help
}

t_malformed_match() {
    field='a header field, mail-from, rcpt-to, body, text, html or attachment'
    wrong 1 "$field" --match ''
    wrong 1 "$field" --match ': x'
    wrong 1 "$field" --match ' subject: x'
    wrong 8 'a colon' --match 'subject'
    wrong 8 'a colon' --match 'subject : x'
    wrong 4 'a colon' --match 'sub ject: x'
    wrong 9 'a regular expression' --match 'subject:'
    wrong 12 'a regular expression' --match 'subject:   '
    wrong 10 'a ) for this (' --match 'subject: (a'
    wrong 12 '] at the end of the brackets' --match 'subject: ab[c'
    wrong 12 '\d \D' --match 'subject: ab\'
    wrong 11 'an interval such as' --match 'subject: a{2,1}'
    wrong 11 '[:alpha:], digit' --match 'subject: [[:none:]]'
    # what others read in another way
    wrong 11 '\d \D' --match 'subject: a\x41'
    wrong 10 '\d \D' --match 'subject: \<a'
    wrong 13 'no references to an earlier part' --match 'subject: (a)\1'
    wrong 10 'a plain ( )' --match 'subject: (?:a)'
    wrong 12 'one repetition' --match 'subject: a*?'
    wrong 12 'one repetition' --match 'subject: a++'
    wrong 11 'an interval such as' --match 'subject: a{1001}'
    wrong 12 'an expression here' --match 'subject: a||b'
    wrong 25 'smaller intervals' --match 'subject: ((a{100}){100}){100}'
    # a field that no message could have
    wrong 1 rcpt-to --match 'rcpt: bob'
    wrong 1 client-helo --match 'helo: x'
    wrong 1 'from, or mail-from for the envelope' --match 'from-address: x'
    # columns are characters; and each --match is looked at
    wrong 7 'an expression here' --match 'to: ü('
    wrong 5 'an expression here' --match 'to: good' --match 'x: ('
}

t_malformed_count() {
    count='a count of messages: N, MIN-MAX or MIN-'
    wrong 1 "$count" -n ''
    wrong 1 "$count" -n x
    wrong 1 "$count" -n -1
    wrong 1 "$count" -n ' 1'
    wrong 1 'a smaller number' -n 99999999999999999999
    wrong 2 'N, MIN-MAX or MIN-' -n 1,2
    wrong 2 'N, MIN-MAX or MIN-' -n 1.5
    wrong 3 'N, MIN-MAX or MIN-' -n 1-x
    wrong 4 'the end' -n '1-2 '
    wrong 4 'the end' -n 1-2-3
    wrong 4 'a maximum that is not below' -n 10-2
}

t_too_many_matches() {
    set --
    i=0
    while [ "$i" -lt 64 ]; do
        set -- "$@" --match 'subject: .'
        i=$((i + 1))
    done
    run "$@" -n 0 true
    status_is 0
    run "$@" --match 'to: .' -n 0 true
    status_is 2
    [ "$(wc -l <err)" -eq 2 ]
}

# ---- --transcript ----

# speak NUMBER: a client with nearly all there is to be said, and each time with other octets where these do not matter
speak() {
    python3 - "$port" "$1" "${FAKESMTP_TLS-}" <<'PY'
import smtplib, socket, ssl, sys
port, number, tls = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3] != "none"
size = 10 ** number
def mail(i):
    return ("From: a@x.test\r\nDate: Tue, %d Nov 2026 03:12:00 +0000\r\nMessage-ID: <%d.%d@x.test>\r\n\r\n%s\r\n" %
            (number, i, size, "x" * 70 + "\r\n" * size)).encode()
class Client(smtplib.SMTP):  # one that uses a port of its own
    def _get_socket(self, host, port, timeout):
        return socket.create_connection((host, port), timeout)
with Client("127.0.0.1", port, "client.test", timeout=60) as s:
    s.sendmail("a@x.test", ["b@x.test", "c@x.test"], mail(1), ["BODY=8BITMIME"])
    for method in "CRAM-MD5", "PLAIN", "LOGIN":
        with Client("127.0.0.1", port, "client.test", timeout=60) as t:
            t.ehlo()
            t.user, t.password = "ann", "sesame"
            t.auth(method, getattr(t, "auth_" + method.lower().replace("-", "_")))
    assert s.docmd("AUTH", "PLAIN !%s" % "!!!!sesame")[0] == 501
    s.mail("a@x.test", ["SIZE=%d" % size])
    s.rcpt("b@x.test", ["NOTIFY=NEVER"])
    for last in b"", b" LAST":
        s.send(b"BDAT %d%b\r\n" % (size, last) + b"y" * size)
        assert s.getreply()[0] == 250
    assert s.docmd("FROB", "123")[0] == 500
    assert s.docmd("NOOP", "x" * 3000)[0] == 500
if tls:
    with Client("127.0.0.1", port, "client.test", timeout=60) as s:
        s.starttls(context=ssl.create_default_context(cafile="ca.pem"))
        s.login("ann", "sesame")
        s.sendmail("", ["b@x.test"], mail(2))
    with Client("127.0.0.1", port, "client.test", timeout=60) as s:
        s.ehlo()
        s.send(b"STARTTLS\r\n" + b"NOOP\r\n" * number)
        assert s.getreply()[0] == 220
        s.sock = ssl.create_default_context(cafile="ca.pem").wrap_socket(s.sock, server_hostname="localhost")
        s.file = None
        s.noop()
PY
}

t_transcripts_are_the_same() {
    set -- --auth ann:sesame
    [ "${FAKESMTP_TLS-}" = none ] || set -- "$@" --tls --ca-file ca.pem
    for number in 1 2 4; do
        start -k --transcript "transcript$number" "$@"
        speak "$number"
        stop
    done
    [ "$(wc -l <transcript1)" -gt 80 ]
    same transcript1 transcript2
    same transcript1 transcript4
    # what is said is there, and no more
    for line in '1 S: 220 localhost ESMTP fakesmtp' '1 C: EHLO client.test' '1 S: 250 SIZE' \
        '1 C: RCPT TO:<c@x.test>' '1 C: (mail data)' '1 C: .' '1 S: 250 2.0.0 Message accepted' '1 C: RCPT TO:<b@x.test> NOTIFY=NEVER' \
        '1 C: FROB 123' '4 C: AUTH LOGIN (4 octets)' '1 C: QUIT' '1 S: 221 2.0.0 Bye'; do
        grep -qixF -e "$line" transcript1 || { echo "not there: $line"; cat transcript1; return 1; }
    done
    for pattern in sesame c2VzYW1l AGFubgBz 'BDAT [0-9]' 'SIZE=[0-9]' x.test.x.test '!:' "$port" fakesmtp:; do
        fails grep -e "$pattern" transcript1
    done
}

t_transcript_is_complete() {
    start -n 1 --transcript transcript -d mail
    talk '<220' '>EHLO t' '<250' '>MAIL FROM:<>' '<250' '>RCPT TO:<b@x.test>' '<250' '>DATA' '<354' '=x\r\n.\r\n' '<250' \
        '>QUIT' '<221' '<EOF' >talk.out
    finish
    status_is 0
    err_lines 0
    [ "$(sed -n '1p;$p' transcript)" = "$(printf '1 S: 220 localhost ESMTP fakesmtp\n1 S: 221 2.0.0 Bye')" ]
    grep -qx '1 C: (mail data)' transcript
    sed -n 's/^1 S: //p' transcript >heard
    same heard talk.out
    # one of an earlier run is gone
    start -n 1 --transcript transcript
    talk '<220' '>QUIT' '<221' '<EOF' >talk.out
    stop 1
    printf '1 S: 220 localhost ESMTP fakesmtp\n1 C: QUIT\n1 S: 221 2.0.0 Bye\n' >want
    same transcript want
}

# What two clients say at once is told apart by their numbers, in whole lines.
t_transcript_of_many_clients() {
    start -k --transcript transcript
    python3 - "$port" <<'PY'
import smtplib, sys, threading
def client(i):
    with smtplib.SMTP("127.0.0.1", int(sys.argv[1]), "client.test", timeout=60) as s:
        for k in range(20):
            s.sendmail("a@x.test", ["b@x.test"], "Subject: x\r\n\r\nx\r\n")
threads = [threading.Thread(target=client, args=(i,)) for i in range(8)]
for t in threads: t.start()
for t in threads: t.join()
PY
    stop
    for i in 1 2 3 4 5 6 7 8; do
        sed -n "s/^$i \([CS]: \)/\1/p" transcript >"dialogue$i"
        same dialogue1 "dialogue$i"
    done
    cat dialogue? | wc -l >n
    [ "$(cat n)" -eq "$(wc -l <transcript)" ]
    [ "$(grep -c '^S: 250 2.0.0 Message accepted$' dialogue1)" -eq 20 ]
}

t_transcript_and_the_dialogue() {
    start -v -n 1 --transcript transcript -d mail
    talk '<220' '>EHLO t' '<250' '>MAIL FROM:<> SIZE=10' '<250' '>RCPT TO:<b@x.test>' '<250' '>BDAT 3' '=x\r\n' '<250' \
        '>BDAT 0 LAST' '<250' '>QUIT' '<221' >talk.out
    finish
    status_is 0
    err_has '1 C: MAIL FROM:<> SIZE=10'
    err_has '1 C: BDAT 3'
    grep '^1 [CS]: ' err | sed 's/SIZE=10/SIZE=#/; s/BDAT [0-9]*/BDAT #/; s/([0-9]* octets of mail data)/(mail data)/' >want
    same transcript want
}

# The text of a client is as harmless there as elsewhere.
t_transcript_is_escaped() {
    start -n 0 -t 60 --transcript transcript
    talk '<220' '=NOOP \x1b[31m\xe2\x80\xae\xff\0\r\n' '<500' '>QUIT' '<221' >talk.out
    stop
    grep -qxF '1 C: NOOP \x1b[31m\xe2\x80\xae\xff\x00' transcript
}

t_transcript_that_cannot_be_written() {
    mkdir directory
    for file in none/transcript directory; do
        run --transcript "$file" touch started
        status_is 3
        [ "$(wc -l <err)" -eq 1 ]
        grep -q "^fakesmtp: cannot write to $file: " err
        [ ! -e started ]
    done
    run --transcript '' true
    status_is 2
    # a disk that is full: the mail is taken, the status tells
    start -n 1 --transcript /dev/full -d mail
    send
    finish
    status_is 4 'fakesmtp: cannot write to /dev/full: .+'
    err_lines 1
    taken 1
}

t_transcript_on_standard_output() {
    printf '1 S: 220 localhost ESMTP fakesmtp\n1 C: QUIT\n1 S: 221 2.0.0 Bye\n' >want
    for file in - /dev/stdout; do
        start -c 1 --transcript "$file" -d mail
        talk '<220' '>QUIT' '<221' '<EOF' >talk.out
        finish
        status_is 0
        same out want
        [ ! -e ./- ]
    done
    # in front of a command that prints, too
    run --transcript - printf 'of the command\n'
    status_is 0
    [ "$(cat out)" = 'of the command' ]
}

t_no_end_of_the_dialogue_beside_a_transcript() {
    start -t 60 --transcript transcript
    talk '<220' '>QUIT' '<221' '<EOF' >talk.out
    stop 1
    err_lines 1
    fails grep '^1 [CS]: ' err
    [ "$(wc -l <transcript)" -eq 3 ]
}
