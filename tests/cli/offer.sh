# SPDX-License-Identifier: ISC
# shellcheck shell=sh disable=SC2154 # the names come from lib
# What a run offers beyond its own extensions, and who its clients say they are: --offer, XCLIENT, proxy://.

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
    wrong_offer "--offer: 'DSN' is offered already, unless --hide hides it" --offer DSN
    wrong_offer "--offer: 'binarymime' is offered already, unless --hide hides it" --offer 'binarymime'
    wrong_offer "--offer: 'SIZE' is offered already, unless --hide hides it; --max-size sets its number" --offer 'SIZE 1000'
    wrong_offer "--offer: 'LIMITS' is offered already, unless --hide hides it; --max-recipients sets its number" --offer 'LIMITS RCPTMAX=3'
    wrong_offer "--offer: 'STARTTLS' is offered with --tls" --offer STARTTLS
    wrong_offer "--offer: 'PLAIN' is a mechanism of AUTH: give it to --auth-mechs" --offer PLAIN
    wrong_offer "--offer: 'AUTH' is offered already, unless .*; --auth-mechs chooses its mechanisms" --offer 'AUTH PLAIN'
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
    wrong_offer '--offer: there is no room in the reply to EHLO for more lines' --offer "X $(printf %0500d 1)" --offer "Y $(printf %0500d 1)"
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
    wrong_offer "--offer: 'XCLIENT ADDR FOO': at 'FOO', column 14: expected NAME, ADDR, PORT, PROTO, HELO, LOGIN, DESTADDR or DESTPORT" \
        --offer 'XCLIENT ADDR FOO'
}

# ---- the PROXY protocol ----


# said HEADER: a client that says this header, octet by octet or whole, and sends a message
said() {
    python3 - "$port" "$1" "${2-}" <<'PY'
import smtplib, socket, sys
header = sys.argv[2].encode("latin-1").decode("unicode_escape").encode("latin-1")
class Client(smtplib.SMTP):
    def _get_socket(self, host, port, timeout):
        s = socket.create_connection((host, port), 60)
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for piece in [header] if sys.argv[3] != "slowly" else [header[i:i + 1] for i in range(len(header))]:
            s.sendall(piece)
        return s
c = Client("127.0.0.1", int(sys.argv[1]))
c.sendmail("a@x.test", "b@x.test", "Subject: x\r\n\r\nx\r\n")
c.quit()
PY
}

SIGNATURE='\r\n\r\n\0\r\nQUIT\n'

t_proxy_headers() {
    start_on proxy://127.0.0.1:0 -k -j --on 'connect 203.0.113.9: 554 no'
    said 'PROXY TCP4 192.0.2.1 198.51.100.1 4711 25\r\n'
    said 'PROXY TCP4 192.0.2.1 198.51.100.1 0 65535\r\n' slowly
    said 'PROXY TCP6 2001:DB8::1 ::1 65535 25\r\n' slowly
    said 'PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n'
    said "$SIGNATURE"'\x21\x11\0\x0c\xc0\0\x02\x02\xc6\x33\x64\x01\x12\x67\0\x19' slowly
    said "$SIGNATURE"'\x21\x21\0\x24\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\x12\x67\0\x19'
    said "$SIGNATURE"'\x21\x11\0\x10\xc0\0\x02\x03\xc6\x33\x64\x01\x12\x67\0\x19\x04\0\x01x' slowly
    jq -c '.client | [.address, .port]' out >got
    printf '%s\n' '["192.0.2.1",4711]' '["192.0.2.1",null]' '["2001:db8::1",65535]' '["ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",65535]' \
        '["192.0.2.2",4711]' '["2001:db8::2",4711]' '["192.0.2.3",4711]' >want
    same got want
    # a rule sees that address
    talk '=PROXY TCP4 203.0.113.9 198.51.100.1 4711 25\r\n' '<554' '>QUIT' '<221' '<EOF'
    stop
}

t_proxy_that_names_nobody() {
    start_on proxy://127.0.0.1:0 -k -j
    said 'PROXY UNKNOWN\r\n'
    said 'PROXY UNKNOWN ffff::1 any thing 1 2\r\n' slowly
    said "$SIGNATURE"'\x20\0\0\0' slowly
    said "$SIGNATURE"'\x20\x11\0\x0c\xc0\0\x02\x02\xc6\x33\x64\x01\x12\x67\0\x19'
    said "$SIGNATURE"'\x21\0\0\x03abc' slowly
    [ "$(jq -r .client.address out | uniq -c | tr -s ' ')" = ' 5 127.0.0.1' ]
    [ "$(jq '.client.port > 0' out | uniq)" = true ]
    # the longest header of version 2, with what nobody reads
    { printf "$SIGNATURE"'\041\0\377\377'; head -c 65535 /dev/zero; printf 'QUIT\r\n'; } >header
    python3 - "$port" <<'PY'
import socket, sys
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 60)
s.sendall(open("header", "rb").read())
got = b""
while True:
    more = s.recv(1000)
    if not more: break
    got += more
assert got.startswith(b"220 ") and b"\r\n221 " in got, got
PY
    stop
}

not_proxy() { # WHY WORD ...
    why=$1
    shift
    talk "$@" '<GONE'
    tail -n 1 err | grep -Fqx "$n S: (no valid PROXY header: $why)" || { cat err; return 1; }
    n=$((n + 1))
}

t_proxy_malformed() {
    n=1
    start_on proxy://127.0.0.1:0 -k -v -f none
    not_proxy 'it begins with something else' '=EHLO t\r\n'
    not_proxy 'it begins with something else' '=proxy TCP4 192.0.2.1 198.51.100.1 4711 25\r\n'
    not_proxy 'it begins with something else' '=\x16\x03\x01\x02\0\x01\0'
    not_proxy 'it begins with something else' '=\r\n\r\n\0\r\nQUIX'
    for words in 'TCP4' 'TCP4 192.0.2.1 198.51.100.1 4711' 'TCP4 192.0.2.1 198.51.100.1 4711 25 1' 'TCP4 192.0.2.1  198.51.100.1 4711 25' \
        'TCP4 192.0.2.256 198.51.100.1 4711 25' 'TCP4 ::1 ::1 4711 25' 'TCP6 192.0.2.1 192.0.2.2 4711 25' 'TCP4 192.0.2.1 x 4711 25' \
        'TCP4 192.0.2.1 198.51.100.1 65536 25' 'TCP4 192.0.2.1 198.51.100.1 1 +25' 'TCP4 192.0.2.1 198.51.100.1 01 25' \
        'UDP4 192.0.2.1 198.51.100.1 4711 25' 'UNKNOWNX abcd' 'TCP4 192.0.2.1 198.51.100.1 4711 25 ' 'TCP4 192.0.2.1\0 198.51.100.1 1 25'; do
        not_proxy 'its line is malformed' "=PROXY $words\r\n"
    done
    not_proxy 'its line is malformed' '=PROXY TCP4 192.0.2.1 198.51.100.1 4711 25\n'
    not_proxy 'its line is malformed' '=PROXY \r\nEHLO x\r\n'
    not_proxy 'its line is longer than 107 octets' '=PROXY UNKNOWN ' '*200:x'
    not_proxy 'its version or command is unknown' "=$SIGNATURE"'\x31\x11\0\0'
    not_proxy 'its version or command is unknown' "=$SIGNATURE"'\x22\x11\0\0'
    not_proxy 'its family is unknown' "=$SIGNATURE"'\x21\x12\0\x0c\xc0\0\x02\x02\xc6\x33\x64\x01\x12\x67\0\x19'
    not_proxy 'its family is unknown' "=$SIGNATURE"'\x21\x41\0\0'
    not_proxy 'it is too short for its addresses' "=$SIGNATURE"'\x21\x11\0\x0b\xc0\0\x02\x02\xc6\x33\x64\x01\x12\x67\0'
    not_proxy 'it is too short for its addresses' "=$SIGNATURE"'\x21\x21\0\x23' '*35:x'
    not_proxy 'the client hung up' '=PROXY TC' half
    stop
}

# A client that sends none is given up; a probe of the port is nothing.
t_proxy_without_a_header() {
    start_on proxy://127.0.0.1:0 -n 1 --idle 2s -f none
    talk half '<EOF'
    talk '<GONE' + '=PROXY' '<GONE'
    kill "$pid"
    finish
    status_is 1 'fakesmtp: expected 1 message, got none before SIGTERM; 2 connections without a valid PROXY header'
    err_has '2 S: \(no valid PROXY header: none came in time\)'
    err_has '3 S: \(no valid PROXY header: none came in time\)'
    fails grep -q '^1 ' err
    # nor does it count as a connection
    start_on proxy://127.0.0.1:0 -c 1 -f none
    talk '=PROXY UNKNOWN\r\n' '<220' half '<EOF'
    said 'PROXY UNKNOWN\r\n'
    finish
    status_is 0
}

# What comes after it, and before the greeting, is early.
t_proxy_strict() {
    start_on proxy://127.0.0.1:0 -k --strict -f none
    talk '=PROXY UNKNOWN\r\n' '<220' '>QUIT' '<221' '<EOF'
    stop
    start_on proxy://127.0.0.1:0 -k --strict -f none
    talk '=PROXY UNKNOWN\r\nQUIT\r\n' '<220' '<221' '<EOF'
    stop 1
    err_has 'fakesmtp: early-talker: .*'
}

t_proxy_clients() {
    start_on proxy://127.0.0.1:0 -k -j -v
    deliver --haproxy-protocol
    status_is 0
    swaks --server 127.0.0.1 --port "$port" --from a@x.test --to b@x.test --proxy-version 1 --proxy-family TCP4 --proxy-source 192.0.2.1 \
        --proxy-source-port 4711 --proxy-dest 198.51.100.1 --proxy-dest-port 25 >swaks.out
    swaks --server 127.0.0.1 --port "$port" --from a@x.test --to b@x.test --proxy-version 2 --proxy-family AF_INET6 --proxy-protocol STREAM \
        --proxy-source 2001:db8::1 --proxy-source-port 4711 --proxy-dest ::1 --proxy-dest-port 25 >swaks.out
    stop
    [ "$(jq -c '.client | [.address]' out | tr -d '\n')" = '["127.0.0.1"]["192.0.2.1"]["2001:db8::1"]' ] || { jq -c .client out; return 1; }
    err_has '2 S: \(PROXY for 192\.0\.2\.1\)'
    err_has '1 S: \(PROXY for 127\.0\.0\.1\)'
}

# With the other protocols, on a Unix socket and on standard input.
t_proxy_endpoints() {
    start_on proxy+lmtp://127.0.0.1:0 -k -j
    talk '=PROXY TCP4 192.0.2.1 198.51.100.1 4711 25\r\n' '<220' '>LHLO t' '<250' '>MAIL FROM:<a@x.test>' '<250' '>RCPT TO:<b@x.test>' '<250' \
        '>DATA' '<354' '=x\r\n.\r\n' '<250' '>QUIT' '<221' '<EOF'
    stop
    [ "$(jq -c '.client | [.address, .port, .protocol]' out)" = '["192.0.2.1",4711,"LMTP"]' ]
    start_on "proxy://unix:$PWD/s" -k -j
    talk '=PROXY TCP4 192.0.2.1 198.51.100.1 4711 25\r\n' '<220' '>EHLO t' '<250' '>MAIL FROM:<a@x.test>' '<250' '>RCPT TO:<b@x.test>' '<250' \
        '>DATA' '<354' '=x\r\n.\r\n' '<250' '>QUIT' '<221' '<EOF'
    stop
    [ "$(jq -c '.client | [.address, .port]' out)" = '["192.0.2.1",4711]' ]
    printf 'PROXY TCP4 192.0.2.1 198.51.100.1 4711 25\r\nEHLO t\r\nMAIL FROM:<a@x.test>\r\nRCPT TO:<b@x.test>\r\nDATA\r\nx\r\n.\r\nQUIT\r\n' |
        "$FAKESMTP" -l proxy://- -j -o mail.json >replies
    [ "$(head -c 4 replies)" = '220 ' ]
    [ "$(jq -c '.client | [.address, .port]' mail.json)" = '["192.0.2.1",4711]' ]
    # its URL is what a client speaks after the header
    "$FAKESMTP" -q -l proxy://127.0.0.1:0 -l proxy+lmtp://127.0.0.1:0 sh -c 'echo "$SMTP_URL $SMTP_URL_2"' >urls
    grep -Eqx 'smtp://127\.0\.0\.1:[0-9]+ lmtp://127\.0\.0\.1:[0-9]+' urls
    wrong_offer "-l: 'proxy:x' is not an endpoint: .*" -l proxy:x
    wrong_offer "-l: 'proxy\+foo://:0' is not an endpoint: the prefix must be smtp://, smtps://, lmtp:// or proxy://" -l proxy+foo://:0
    wrong_offer '--sendmail submits to the first endpoint, and sends no PROXY header: put another endpoint first' --sendmail -l proxy://:0 true
}

t_proxy_and_tls() {
    [ "${FAKESMTP_TLS-}" != none ] || return 0
    start_on proxy+smtps://127.0.0.1:0 -k -j --ca-file ca.pem
    python3 - "$port" <<'PY'
import smtplib, socket, ssl, sys
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 60)
for octet in b"PROXY TCP4 192.0.2.1 198.51.100.1 4711 25\r\n":
    s.sendall(bytes([octet]))
s = ssl.create_default_context(cafile="ca.pem").wrap_socket(s, server_hostname="localhost")
f = s.makefile("rb")
def reply():
    while True:
        line = f.readline()
        if line[3:4] != b"-": return line
assert reply().startswith(b"220 ")
for line in ["EHLO t", "MAIL FROM:<a@x.test>", "RCPT TO:<b@x.test>", "DATA", "x\r\n.", "QUIT"]:
    s.sendall(line.encode() + b"\r\n")
    assert reply()[:1] in b"23", line
PY
    stop
    [ "$(jq -c '.client | [.address, .port, .protocol]' out)" = '["192.0.2.1",4711,"ESMTPS"]' ]
}
