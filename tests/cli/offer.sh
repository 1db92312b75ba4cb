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
