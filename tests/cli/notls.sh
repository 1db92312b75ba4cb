# SPDX-License-Identifier: ISC
# shellcheck shell=sh disable=SC2154 # the names come from lib
# Replaces the group tls if the program was built without TLS.

why='this fakesmtp was built without TLS; .*'

t_version_says_so() {
    run --version
    status_is 0
    grep -q 'without TLS' out
}

t_asked_for() {
    run -p 0 --tls
    status_is 3 "fakesmtp: cannot set up TLS: $why"
    run -l smtps://127.0.0.1:0
    status_is 3 "fakesmtp: cannot set up TLS: $why"
    run -p 0 --tls=expired
    status_is 3 "fakesmtp: cannot set up TLS: $why"
    run -p 0 --tls --tls-min 1.3 --client-ca ca.pem --require client-cert
    status_is 3 "fakesmtp: cannot set up TLS: $why"
    run --tls touch ran
    status_is 3
    [ ! -e ran ]
    run --tls --ca-file ca.pem --port-file port.txt -p 0
    status_is 3
    [ ! -e ca.pem ]
    [ ! -e port.txt ]
}

# T7: no TLS in this build
t_not_offered() {
    start -k
    talk '<220' '>EHLO t' '<250' '>STARTTLS' '<50' '>NOOP' '<250' '>QUIT' '<221' '<EOF' >got
    fails grep -q '^250.STARTTLS' got
    stop
}
