# SPDX-License-Identifier: ISC
# shellcheck shell=sh disable=SC2154 # the names come from lib
# The sendmail(8) stand-in with a server that is hostile or faulty.

# standin NAME [ARGUMENT ...]: what is in tests/cli/standin.py
standin() {
    FAKESMTP=$FAKESMTP python3 "$HERE/standin.py" "$@"
}

# ---- each event of --on, and each action ----

# The ways, the rule, the status, whether the message is kept, and the words: see standin.py.
refusals() {
    cat <<'END'
smtp plain lmtp |                                 | 0  | yes |
smtp plain lmtp | connect: 450 4.3.2 later        | 75 | no  | refused the connection: 450 4.3.2 later
smtp plain lmtp | connect: 554 5.3.2 no mail here | 69 | no  | refused the connection: 554 5.3.2 no mail here
smtp plain lmtp | connect: 421 4.3.2 too busy     | 75 | no  | 421 4.3.2 too busy
smtp plain lmtp | connect: 554 one\ntwo\nthree    | 69 | no  | 554-one\n.*554-two\n.*554 three
smtp plain lmtp | connect: delay 300ms, 554 no    | 69 | no  | 554 no
smtp plain lmtp | helo: 450 4.3.2 later           | 75 | no  | refused (E|L)HLO localhost: 450 4.3.2 later
smtp plain lmtp | helo: 550 5.7.1 no              | 69 | no  | refused (HELO|LHLO) localhost: 550 5.7.1 no
smtp plain lmtp | helo: 421 4.3.2 too busy        | 75 | no  | 421 4.3.2 too busy
smtp plain      | ehlo: 502 5.5.1 no              | 0  | yes |
lmtp            | ehlo: 502 5.5.1 no              | 69 | no  | refused LHLO localhost: 502 5.5.1 no
smtp plain lmtp | ehlo: 450 4.3.2 later           | 75 | no  | HLO localhost: 450 4.3.2 later
smtp plain      | ehlo: delay 300ms, 502 no       | 0  | yes |
smtp plain lmtp | mail: 450 4.3.2 later           | 75 | no  | refused MAIL FROM:<a@x.test>.*: 450 4.3.2 later
smtp plain lmtp | mail: 550 5.7.1 not you         | 69 | no  | refused MAIL FROM:<a@x.test>.*: 550 5.7.1 not you
smtp plain lmtp | mail: 421 4.3.2 bye             | 75 | no  | 421 4.3.2 bye
smtp plain lmtp | mail: 550 one\ntwo              | 69 | no  | 550-one\n.*550 two
smtp plain lmtp | rcpt: 550 5.1.1 nobody          | 67 | no  | RCPT TO:<b@x.test>: 550.*\n.*RCPT TO:<c@x.test>: 550 5.1.1 nobody
smtp plain lmtp | rcpt: 450 4.2.1 later           | 75 | no  | refused RCPT TO:<b@x.test>: 450 4.2.1 later
smtp plain lmtp | rcpt: 421 4.3.2 bye             | 75 | no  | 421 4.3.2 bye
smtp plain lmtp | rcpt b@*: 550 5.1.1 no          | 69 | yes | ^.*refused RCPT TO:<b@x.test>: 550 5.1.1 no\n$
smtp plain lmtp | rcpt c@*: 550 5.1.1 no          | 69 | yes | ^.*refused RCPT TO:<c@x.test>: 550 5.1.1 no\n$
smtp plain lmtp | rcpt c@*: 450 4.2.1 later       | 75 | yes | ^.*refused RCPT TO:<c@x.test>: 450 4.2.1 later\n$
smtp plain lmtp | rcpt #1: 450 one\ntwo           | 75 | yes | 450-one\n.*450 two
smtp plain lmtp | data: 451 4.3.0 later           | 75 | no  | refused DATA: 451 4.3.0 later
smtp plain lmtp | data: 554 5.7.1 no              | 69 | no  | refused DATA: 554 5.7.1 no
smtp plain lmtp | data: 421 4.3.2 bye             | 75 | no  | 421 4.3.2 bye
smtp plain      | body: 552 5.3.4 too big         | 69 | no  | refused the message: 552 5.3.4 too big
smtp plain      | body +1000: 452 4.3.1 full      | 75 | no  | refused the message: 452 4.3.1 full
smtp plain lmtp | body: 421 4.3.2 bye             | 75 | no  | 421 4.3.2 bye
smtp plain lmtp | body +500000: 421 4.3.2 bye     | 75 | no  | 421 4.3.2 bye
smtp plain      | eom: 451 4.3.0 later            | 75 | no  | refused the message: 451 4.3.0 later
smtp plain      | eom: 554 5.6.0 spam             | 69 | no  | refused the message: 554 5.6.0 spam
smtp plain      | eom: 554 one\ntwo               | 69 | no  | 554-one\n.*554 two
smtp plain lmtp | eom: 421 4.3.2 bye              | 75 | no  | 421 4.3.2 bye
lmtp            | eom: 451 4.3.0 later            | 75 | no  | (refused the message after RCPT TO:<.@x.test>: 451 4.3.0 later\n.*){2}
lmtp            | eom: 554 5.6.0 spam             | 67 | no  | (refused the message after RCPT TO:<.@x.test>: 554 5.6.0 spam\n.*){2}
lmtp            | eom b@*: 552 5.2.2 full         | 69 | yes | ^.*refused the message after RCPT TO:<b@x.test>: 552 5.2.2 full\n$
lmtp            | eom c@*: 452 4.2.2 full         | 75 | yes | ^.*refused the message after RCPT TO:<c@x.test>: 452 4.2.2 full\n$
smtp plain lmtp | quit: 500 no                    | 0  | yes |
smtp plain lmtp | quit: 421 bye                   | 0  | yes |
END
}

t_refusals() { refusals | standin pairs smtp; }
t_refusals_without_pipelining() { refusals | standin pairs plain; }
t_refusals_lmtp() { refusals | standin pairs lmtp; }

# At each step the server goes, is silent, or is slow.
losses() {
    for event in connect helo mail rcpt data body 'body +300000' eom; do
        cat <<END
smtp plain lmtp | $event: drop              | 75 | no  | (closed|reset) the connection before
smtp plain lmtp | $event: reset             | 75 | no  | (closed|reset) the connection before|cannot connect to .* reset
smtp plain lmtp | $event: stall             | 75 | no  | timed out before
smtp plain lmtp | $event: delay 300ms       | 0  | yes |
smtp plain lmtp | $event: delay 300ms, drop | 75 | no  | (closed|reset) the connection before
END
    done
    cat <<'END'
smtp plain lmtp | quit: drop               | 0  | yes |
smtp plain lmtp | quit: reset              | 0  | yes |
smtp plain lmtp | quit: stall              | 0  | yes |
smtp plain lmtp | quit: delay 300ms        | 0  | yes |
END
}

t_losses() { losses | standin pairs smtp; }
t_losses_without_pipelining() { losses | standin pairs plain; }
t_losses_lmtp() { losses | standin pairs lmtp; }

t_starttls() {
    [ "${FAKESMTP_TLS-}" != none ] || return 0
    standin pairs smtp --tls --require tls <<'END'
smtp |                                | 0  | yes |
smtp | starttls: 454 4.7.0 no TLS now | 75 | no  | refused STARTTLS: 454 4.7.0 no TLS now
smtp | starttls: 502 5.5.1 no TLS     | 69 | no  | refused STARTTLS: 502 5.5.1 no TLS
smtp | starttls: 421 4.3.2 too busy   | 75 | no  | refused STARTTLS: 421 4.3.2 too busy
smtp | starttls: drop                 | 75 | no  | closed the connection before its reply to STARTTLS
smtp | starttls: reset                | 75 | no  | reset the connection before its reply to STARTTLS
smtp | starttls: stall                | 75 | no  | timed out before its reply to STARTTLS
smtp | starttls: delay 300ms          | 0  | yes |
smtp | starttls: 220 come in          | 0  | yes |
smtp | rcpt: 550 5.1.1 no             | 67 | no  | 550 5.1.1 no
smtp | body +300000: drop             | 75 | no  | the message
smtp | body +300000: reset            | 75 | no  | the message
smtp | body +300000: stall            | 75 | no  | timed out before its reply to the message
smtp | eom: stall                     | 75 | no  | timed out before its reply to the message
smtp | eom: delay 300ms               | 0  | yes |
END
}

# ---- a server in octets ----

t_long_replies() { standin t_long_replies; }
t_pieces() { standin t_pieces; }
t_no_smtp() { standin t_no_smtp; }
t_early_replies() { standin t_early_replies; }
t_connections() { standin t_connections; }
t_pass() { standin t_pass; }

t_tls() {
    [ "${FAKESMTP_TLS-}" != none ] || return 0
    for name in server other; do
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=$name -keyout key.pem \
            -out $name.pem 2>req.err || { cat req.err; return 1; }
        cat key.pem >>$name.pem
    done
    standin t_tls
}

t_random() { standin t_random smtp 100; }
t_random_without_pipelining() { standin t_random plain 100; }
t_random_lmtp() { standin t_random lmtp 100; }

# ---- a caller that is hostile or faulty ----

# hand [ARGUMENT ...]: calls the stand-in for the server of start; its status goes to $status, its words to said
hand() {
    [ -L sendmail ] || ln -s "$FAKESMTP" sendmail
    status=0
    # shellcheck disable=SC2086 # the wrapper is words
    SMTP_HOST=${host-127.0.0.1} SMTP_PORT=$port timeout 300 ${FAKESMTP_WRAPPER-} ./sendmail "$@" 2>said || status=$?
}

# is 64 PATTERN: its status; and a line of what it said, or nothing for no pattern
is() {
    [ "$status" -eq "$1" ] || { echo "status $status, not $1"; cat said; return 1; }
    [ "${2-}" != "$(cat said)" ] || return 0
    grep -Eqx -e "sendmail: $2" said || { echo "it did not say: $2"; cat said; return 1; }
}

t_input() {
    start -k -d mail
    hand b@x.test <&-
    is 75 'cannot read the message: .*'
    hand b@x.test </
    is 75 'cannot read the message: .*'
    if [ -z "${FAKESMTP_INSTRUMENTED-}" ]; then # their memory has no end
        hand_all() { limit_memory && hand b@x.test && is 75 'cannot read the message: .*'; }
        (hand_all </dev/zero)
        yes | hand_all
    fi
    stop
    taken 0
}

# The status is the same if nobody can be told; nothing is told to the server.
t_output() {
    echo hello >sendmail.in
    printf 'NOOP\nQUIT\n' >bs.in
    start -k -d mail --transcript dialogue
    hand b@x.test <sendmail.in >&- 2>&-
    is 0
    for to in /dev/full /dev/null '&-'; do
        fails eval "./sendmail -x b@x.test 2>$to"
        status=0
        eval "SMTP_HOST=127.0.0.1 SMTP_PORT=1 ./sendmail b@x.test <sendmail.in 2>$to" || status=$?
        is 75
    done
    hand -bs <bs.in >&-
    is 75 'cannot write to standard output: .*'
    hand -bs <bs.in >/dev/full
    is 75 'cannot write to standard output: .*'
    hand -bs <&- >&-
    stop
    taken 1
    fails grep 'C: 2' dialogue
}

t_signals() {
    { echo && yes; } | head -c 1000000 >large
    ln -s "$FAKESMTP" sendmail
    for signal in HUP:129 TERM:143 KILL:137; do
        start -k -d mail -v --on 'body +1000: stall'
        # shellcheck disable=SC2086
        SMTP_HOST=127.0.0.1 SMTP_PORT=$port ${FAKESMTP_WRAPPER-} ./sendmail b@x.test <large &
        client=$!
        until grep -q 'S: 354' err; do sleep 0.02; done
        kill -${signal%:*} $client
        status=0
        wait $client || status=$?
        [ $status -eq ${signal#*:} ]
        stop
        taken 0
    done
}

# Memory is that of the message.
t_large() {
    yes 'a line of text' | head -c 15000000 >large
    start -k -d mail
    ([ -n "${FAKESMTP_INSTRUMENTED-}" ] || ulimit -v 120000; hand b@x.test <large && is 0)
    stop
    same large mail/0001.eml
}

t_recipients() {
    {
        seq -f 'To: r%g@x.test' 10000
        printf '\nhello\n'
    } >many
    for hidden in dsn pipelining; do
        start -k -j --hide $hidden
        hand -t <many
        is 75 '.* refused RCPT TO:<r1001@x.test>: 452 .*'
        stop
        [ "$(grep -c 'refused RCPT' said)" -eq 9000 ]
        [ "$(jq '.envelope.to | length' out)" -eq 1000 ]
        start -k -j --hide $hidden --max-recipients 10000
        hand -t <many
        is 0
        stop
        [ "$(jq '.envelope.to | length' out)" -eq 10000 ]
    done
    start -k -j --max-recipients 10000
    # shellcheck disable=SC2046
    hand $(seq -f 'r%g@x.test' 10000) <many
    is 0
    stop
    [ "$(jq '.envelope.to | length' out)" -eq 10000 ] # not all are in client.argv
}

# No argument, and no header, brings a command in.
t_injection() {
    start -k -j --transcript dialogue
    cr=$(printf '\r')
    for end in "$cr" "
" "$cr
" "$cr
.$cr
"; do
        evil=${end}EVIL
        for argument in "b@x.test$evil" "b@x.test>$evil" "<b@x.test>$evil" "<b@x.test$evil>" "\"b$evil\"@x.test" "b@x.test, $evil" \
            "(b$evil) b@x.test" "b@[1$evil]" "$evil" "$evil <b@x.test>" "@a$evil:b@x.test"; do
            hand "$argument" </dev/null
            hand -f "$argument" b@x.test </dev/null
            hand -F "$argument" -V "$argument" -h "$argument" -p "$argument" b@x.test </dev/null
            hand -V "a+0D+0A$evil" b@x.test </dev/null
            printf 'To: %s\nBcc: %s\n\nhello\n' "$argument" "$argument" | hand -t b@x.test
        done
        for option in B N R O o b; do
            hand "-$option" "7BIT$evil" b@x.test </dev/null
            hand "-$option" "never$evil" b@x.test </dev/null
            hand "-$option" "Timeout=5s$evil" b@x.test </dev/null
        done
        LOGNAME=b$evil hand b@x.test </dev/null
        LOGNAME=b$evil@x.test hand b@x.test </dev/null
        (SMTP_URL=smtp://x$evil host=127.0.0.1$evil && hand b@x.test </dev/null && is 75 '.*')
    done
    stop
    [ "$(grep -c 'C: MAIL' dialogue)" -gt 50 ]
    fails grep 'C: *EVIL' dialogue
}

t_long_arguments() {
    long=$(printf '%0100000d' 7)
    start -k -j
    for option in -F -h -p -O -o -X; do
        hand "$option" "$long" b@x.test </dev/null
        is 0
    done
    stop
    # the server keeps the first part
    jq -se 'map(.client.argv | select(.[1] | length > 50000 and test("^0+$"))[0]) == ["-F", "-h", "-p", "-O", "-o", "-X"]' out
    start -k -n 0
    hand "$long@x.test" </dev/null
    is 67 '.* refused RCPT TO:<0+.*'
    hand -f "$long" b@x.test </dev/null
    is 69 '.* refused MAIL FROM:<0+.*'
    hand -V "$long" b@x.test </dev/null
    is 69 '.* refused MAIL FROM:<.*'
    for option in -N -R -B -b -OTimeout= -or "-%" --; do
        hand "$option${long}x" b@x.test </dev/null
        is 64 '-.*'
    done
    stop
}

# What the environment says of a server.
t_environment() {
    start -k -d mail
    good=$port
    for port in abc 65536 -1 99999999999999999999 " $good" "$good " "$good/x" "+$good" 1:2 1; do
        hand b@x.test </dev/null
        is 75 "cannot connect to 127.0.0.1:.*"
    done
    port=$good
    long=$(printf '%0100000d' 7)
    for host in nowhere.invalid 'a b' '*' - '[::1]' "127.0.0.1:$port" smtps://127.0.0.1 fd fd:0 unix:/tmp @ "$long" "/$long" "a:$long"; do
        hand b@x.test </dev/null
        is 75 'cannot connect to .*'
    done
    host=
    hand b@x.test </dev/null
    is 75 'SMTP_HOST is not set: .*'
    unset host
    for url in '' x http://x smtp: "$long"; do
        (SMTP_URL=$url && export SMTP_URL && hand b@x.test </dev/null && is 0)
    done
    stop
    taken 5
    port=
    for host in / . /nonexistent relative @abstract "/$long" '*'; do
        hand b@x.test </dev/null
        is 75 'cannot connect to .*'
    done
}
