# shellcheck shell=sh disable=SC2154 # the names come from lib
# What a run offers beyond its own extensions: --offer.

t_offer() {
    start -k -j --offer REQUIRETLS --offer 'DELIVERBY 240' --offer MT-PRIORITY --offer 'X-Foo a=1' \
        --offer 'FUTURERELEASE 864000 2030-01-01T00:00:00Z'
    talk '<220' '>EHLO t' '<250' '>MAIL FROM:<a@x.test> REQUIRETLS BY=120;R MT-PRIORITY=-3 HOLDFOR=3600 x-foo' '<250' \
        '>RCPT TO:<b@x.test> X-FOO=y+2Bz NOTIFY=NEVER' '<250' '>DATA' '<354' '=x\r\n.\r\n' '<250' '>QUIT' '<221' '<EOF' >got
    stop
    for line in '250-REQUIRETLS' '250-DELIVERBY 240' '250-MT-PRIORITY' '250-X-Foo a=1' '250 FUTURERELEASE 864000 2030-01-01T00:00:00Z'; do
        grep -qx "$line" got
    done
    [ "$(jq -c .envelope out)" = '{"from":"a@x.test","to":["b@x.test"],"params":{"REQUIRETLS":null,"BY":"120;R","MT-PRIORITY":"-3","HOLDFOR":"3600","X-FOO":null},"to_params":[{"X-FOO":"y+2Bz","NOTIFY":"NEVER"}]}' ]
}

# It is no departure then, and a value that is malformed is one.
t_offer_strict() {
    start -k --strict -f none --allow no-date,no-from --offer REQUIRETLS --offer SUBMITTER
    talk '<220' '>EHLO t' '<250' '>MAIL FROM:<a@x.test> REQUIRETLS SUBMITTER=a@x.test' '<250' '>RCPT TO:<b@x.test>' '<250' '>QUIT' '<221' '<EOF'
    stop
    start -k --strict -f none --offer REQUIRETLS
    talk '<220' '>EHLO t' '<250' '>MAIL FROM:<a@x.test> REQUIRETLS=1' '<501' '>QUIT' '<221' '<EOF'
    stop 1
    err_has 'fakesmtp: mail-parameter: .*'
}

t_offer_with_hide_and_lmtp() {
    start_on lmtp://127.0.0.1:0 -k -f none --hide PIPELINING,8BITMIME,SMTPUTF8,ENHANCEDSTATUSCODES,CHUNKING,DSN,AUTH,LIMITS,HELP,SIZE \
        --offer 'X-FOO bar'
    talk '<220' '>LHLO t' '<250' '>MAIL FROM:<a@x.test> X-FOO' '<250' '>RCPT TO:<b@x.test> NOTIFY=NEVER' '<555' '>QUIT' '<221' '<EOF' >got
    stop
    printf '250-localhost\n250 X-FOO bar\n' >want
    sed -n 2,3p got >lines
    same lines want
}

wrong_offer() { # PATTERN OPTION ...
    want=$1
    shift
    run "$@"
    status_is 2 "fakesmtp: $want"
}

t_offer_usage() {
    wrong_offer "--offer: 'DSN' is offered unless --hide leaves it out" --offer DSN
    wrong_offer "--offer: 'binarymime' is offered unless --hide leaves it out" --offer 'binarymime'
    wrong_offer "--offer: 'SIZE' is offered unless --hide leaves it out; --max-size gives its number" --offer 'SIZE 1000'
    wrong_offer "--offer: 'LIMITS' is offered unless --hide leaves it out; --max-recipients gives its number" --offer 'LIMITS RCPTMAX=3'
    wrong_offer "--offer: 'STARTTLS' is offered with --tls" --offer STARTTLS
    wrong_offer "--offer: 'PLAIN' is a mechanism of AUTH: --auth-mechs chooses these" --offer PLAIN
    wrong_offer "--offer: 'AUTH' is offered unless .*; --auth-mechs chooses its mechanisms" --offer 'AUTH PLAIN'
    wrong_offer "--offer: 'X-FOO' is offered already" --offer 'X-Foo 1' --offer X-FOO
    wrong_offer "--offer: '': at the end, column 1: expected a keyword: .*" --offer ''
    wrong_offer "--offer: '-X': at '-X', column 1: expected a keyword: .*" --offer=-X
    wrong_offer "--offer: 'X_FOO': at '_FOO', column 2: expected a blank and parameters, or the end; .*" --offer X_FOO
    wrong_offer "--offer: 'A,B': at ',B', column 2: expected a blank and parameters, or the end; .*" --offer A,B
    wrong_offer "--offer: 'X  a': at ' a', column 3: expected a parameter, .*" --offer 'X  a'
    wrong_offer "--offer: 'X ': at the end, column 3: expected a parameter, .*" --offer 'X '
    wrong_offer "--offer: 'X a ': at the end, column 5: expected a parameter, .*" --offer 'X a '
    wrong_offer "--offer: 'X .*': at '.*', column 4: expected a parameter, .*" --offer "$(printf 'X a\tb')"
    wrong_offer "--offer: 'X .*': at '.*', column 4: expected a parameter, .*" --offer "$(printf 'X a\303\274')"
    wrong_offer '--offer: .* at most 506 octets .*' --offer "X $(printf %0505d 1)"
    set --
    for i in $(seq 1 33); do set -- "$@" --offer "X$i"; done
    wrong_offer '--offer: this option may be given at most 32 times' "$@"
    wrong_offer '--offer: all its lines .* at most .* octets' --offer "X $(printf %0500d 1)" --offer "Y $(printf %0500d 1)"
    wrong_offer '-r takes messages from files, and --offer is about clients' -r x --offer X
}

# As long as they may be, with the longest name.
t_offer_that_is_long() {
    name=$(printf %0255d 1)
    set -- -k -f none --hostname "$name" --max-size 18446744073709551615 --offer "X $(printf %0504d 1)" --offer "Y $(printf %0480d 1)"
    start "$@"
    talk '<220' '>EHLO t' '<250' '>MAIL FROM:<a@x.test> X Y' '<250' '>QUIT' '<221' '<EOF' >got
    stop
    grep -qx "250 Y 0*1" got
    awk 'length($0) > 510 { exit 1 }' got
}

# ---- XCLIENT ----

t_xclient() {
    start -k -j -e --offer XCLIENT --match 'client-address: ^2001:db8::1$'
    swaks --server 127.0.0.1 --port "$port" --from a@x.test --to b@x.test --xclient 'NAME=spike.test' \
        --xclient-addr IPV6:2001:db8::1 --xclient-port 4711 --xclient-login ann --xclient-helo 'h.test' >swaks.out
    grep -q 'XCLIENT NAME ADDR PORT PROTO HELO LOGIN DESTADDR DESTPORT' swaks.out
    stop
    jq -c '[.matched, .client.address, .client.port, .client.helo, .client.auth, .client.protocol]' out >got
    [ "$(cat got)" = '[true,"2001:db8::1",4711,"h.test","ann","ESMTPA"]' ] || { cat got swaks.out; return 1; }
}

# What is unavailable is not known; and without HELO, that of the client counts, and a LOGIN does not last.
t_xclient_unavailable() {
    start -k -j --offer XCLIENT
    talk '<220' '>XCLIENT ADDR=192.0.2.1 PORT=7 HELO=a+20b LOGIN=x' '<220' '>EHLO t' '<250' '>MAIL FROM:<a@x.test>' '<250' '>RCPT TO:<b@x.test>' '<250' '>DATA' '<354' '=.\r\n' '<250' \
        '>XCLIENT ADDR=[UNAVAILABLE] PORT=[UNAVAILABLE]' '<220' '>HELO u' '<250' '>MAIL FROM:<a@x.test>' '<250' '>RCPT TO:<b@x.test>' '<250' '>DATA' '<354' '=.\r\n' '<250' \
        '>XCLIENT ADDR=198.51.100.9' '<220' '>EHLO v' '<250' '>MAIL FROM:<a@x.test>' '<250' '>RCPT TO:<b@x.test>' '<250' '>DATA' '<354' '=.\r\n' '<250' '>QUIT' '<221' '<EOF'
    stop
    jq -c '.client | [.address, .port, .helo, .auth, .protocol]' out >got
    printf '%s\n' '["192.0.2.1",7,"a b","x","ESMTPA"]' '[null,null,"u",null,"SMTP"]' '["198.51.100.9",null,"v",null,"ESMTP"]' >want
    same got want
}

t_xclient_rules() {
    start -k -v -f none --offer XCLIENT --on 'xclient *ADDR=192.0.2.*: 550 5.7.0 not from there'
    talk '<220' '>EHLO t' '<250' '>XCLIENT ADDR=192.0.2.1' '<550' '>MAIL FROM:<a@x.test>' '<250' '>RSET' '<250' \
        '>XCLIENT ADDR=198.51.100.1' '<220' '>MAIL FROM:<a@x.test>' '<503' '>QUIT' '<221' '<EOF'
    stop
    err_has '1 C: XCLIENT ADDR=192\.0\.2\.1'
    # without it, as before
    start -k -f none --on 'unknown XCLIENT*: 220 go'
    talk '<220' '>XCLIENT ADDR=192.0.2.1' '<220' '>QUIT' '<221' '<EOF'
    stop
}

t_xclient_usage() {
    start -k -f none --offer 'XCLIENT ADDR Helo'
    talk '<220' '>EHLO t' '<250' '>XCLIENT PORT=1' '<501' '>XCLIENT HELO=x' '<220' '>QUIT' '<221' '<EOF' >got
    stop
    grep -qx '250 XCLIENT ADDR Helo' got
    wrong_offer "--offer: 'XCLIENT ADDR FOO': at 'FOO', column 14: expected an attribute: NAME, ADDR, PORT, PROTO, HELO, LOGIN, DESTADDR or DESTPORT" \
        --offer 'XCLIENT ADDR FOO'
}
