# SPDX-License-Identifier: ISC
# shellcheck shell=sh disable=SC2154 # the names come from lib
# A server that misbehaves on purpose, with real clients.

# faults NAME [ARGUMENT ...]: what is in tests/cli/faults.py
faults() {
    FAKESMTP=$FAKESMTP python3 "$HERE/faults.py" "$@"
}

# ---- each event, and each action ----

# The client, the rule, the outcome for the client, and whether the message is kept: see faults.py.

# RFC 5321 3.1, 3.8: 554 or 421 in place of the greeting.  A RST may overtake the end of connect().
t_connect() {
    faults pairs <<'END'
sendmail | connect: 450 4.3.2 later        | SMTPConnectError 450                | no
sendmail | connect: 554 5.3.2 no mail here | SMTPConnectError 554                | no
sendmail | connect: 421 4.3.2 too busy     | SMTPConnectError 421                | no
sendmail | connect: drop                   | closed                              | no
sendmail | connect: reset                  | reset or ConnectionResetError       | no
sendmail | connect: stall                  | timeout                             | no
sendmail | connect: delay 300ms            | sent                                | yes
sendmail | connect: delay 300ms, 450 later | SMTPConnectError 450                | no
sendmail | connect: delay 300ms, drop      | closed                              | no
sendmail | connect: delay 300ms, reset     | reset                               | no
curl     | connect: 450 4.3.2 later        | 8                                   | no
curl     | connect: 554 5.3.2 no mail here | 8                                   | no
curl     | connect: 421 4.3.2 too busy     | 8                                   | no
curl     | connect: drop                   | 56                                  | no
curl     | connect: reset                  | 56 or 7                             | no
curl     | connect: stall                  | 28                                  | no
curl     | connect: delay 300ms            | 0                                   | yes
swaks    | connect: 450 4.3.2 later        | 21                                  | no
swaks    | connect: 554 5.3.2 no mail here | 21                                  | no
swaks    | connect: drop                   | 6                                   | no
END
}

# helo is EHLO as well: there is nothing to fall back to.  After 421 there is nobody to say HELO to.
t_helo() {
    faults pairs <<'END'
sendmail | helo: 450 4.3.2 later        | SMTPHeloError 450 | no
sendmail | helo: 550 5.7.1 no           | SMTPHeloError 550 | no
sendmail | helo: 421 4.3.2 too busy     | closed            | no
sendmail | helo: drop                   | closed            | no
sendmail | helo: reset                  | reset             | no
sendmail | helo: stall                  | timeout           | no
sendmail | helo: delay 300ms            | sent              | yes
sendmail | helo: delay 300ms, 550 no    | SMTPHeloError 550 | no
sendmail | helo: delay 300ms, drop      | closed            | no
curl     | helo: 450 4.3.2 later        | 9                 | no
curl     | helo: 550 5.7.1 no           | 9                 | no
curl     | helo: 421 4.3.2 too busy     | 56                | no
curl     | helo: drop                   | 56                | no
curl     | helo: reset                  | 56                | no
curl     | helo: stall                  | 28                | no
curl     | helo: delay 300ms            | 0                 | yes
swaks    | helo: 550 5.7.1 no           | 22                | no
swaks    | helo: 421 4.3.2 too busy     | 6                 | no
swaks    | helo: drop                   | 6                 | no
END
}

# A rule takes HELO without a name, and the session goes on; with none it is refused, and so it is out of order.
t_helo_without_a_name() {
    start -k -e -j -d mail -o json --on 'helo "": 250 hello\nSIZE'
    talk '<220' '>HELO' '<250' '>MAIL FROM:<a@x.test>' '<250' '>RCPT TO:<b@x.test>' '<250' '>DATA' '<354' '>x' '>.' '<250' \
        '>QUIT' '<221' '<EOF' \
        + '<220' '>EHLO t' '<250' '>EHLO ' '<250' '>MAIL FROM:<a@x.test> SIZE=9' '<250' '>RCPT TO:<b@x.test>' '<250' \
        '>BDAT 0 LAST' '<250' '>QUIT' '<221' '<EOF' + '<220' '>HELO \xfc' '<501' '>MAIL FROM:<>' '<503' '>QUIT' '<221' '<EOF' >got
    stop
    grep -qx '250 SIZE' got
    jq -c '[.client.helo, .client.protocol]' json >got
    printf '%s\n' '[null,"SMTP"]' '[null,"ESMTP"]' >want
    same got want
    grep -q '^Received: from unknown (\[127' mail/0001.eml
    start -k --strict --require auth --on 'ehlo a_b: 250 hello'
    talk '<220' '>EHLO' '<501' '>EHLO a_b' '<250' '>MAIL FROM:<>' '<530' '>QUIT' '<221' '<EOF' >got
    stop 1
}

# RFC 5321 3.2: a client whose EHLO is refused says HELO.
t_ehlo() {
    faults pairs <<'END'
sendmail         | ehlo: 450 4.3.2 later     | sent    | yes
sendmail         | ehlo: 502 5.5.1 no        | sent    | yes
sendmail         | ehlo: 421 4.3.2 too busy  | closed  | no
sendmail         | ehlo: drop                | closed  | no
sendmail         | ehlo: reset               | reset   | no
sendmail         | ehlo: stall               | timeout | no
sendmail         | ehlo: delay 300ms         | sent    | yes
sendmail         | ehlo: delay 300ms, 502 no | sent    | yes
sendmail         | ehlo: delay 300ms, drop   | closed  | no
curl             | ehlo: 450 4.3.2 later     | 0       | yes
curl             | ehlo: 502 5.5.1 no        | 0       | yes
curl             | ehlo: 421 4.3.2 too busy  | 56      | no
curl             | ehlo: drop                | 56      | no
curl             | ehlo: stall               | 28      | no
curl --ssl-reqd  | ehlo: 502 5.5.1 no        | 9       | no
swaks            | ehlo: 502 5.5.1 no        | 0       | yes
swaks            | ehlo: reset               | 6       | no
END
}

# RFC 3207 4: a client that is refused TLS decides itself whether to go on without it.
t_starttls() {
    [ "${FAKESMTP_TLS-}" != none ] || return 0
    faults pairs --tls <<'END'
after starttls      | starttls: 454 4.7.0 no TLS now | SMTPResponseException 454, sent   | yes
after starttls      | starttls: 502 5.5.1 no TLS     | SMTPResponseException 502, sent   | yes
after starttls      | starttls: 421 4.3.2 too busy   | SMTPResponseException 421, closed | no
after starttls      | starttls: drop                 | closed                            | no
after starttls      | starttls: reset                | reset                             | no
after starttls      | starttls: stall                | timeout                           | no
after starttls      | starttls: delay 300ms          | starttls, sent                    | yes
after starttls      | starttls: delay 300ms, 454 no  | SMTPResponseException 454, sent   | yes
after starttls      | starttls: delay 300ms, drop    | closed                            | no
after starttls      | starttls: 220 come in          | starttls, sent                    | yes
after starttls      | rcpt: 550 5.1.1 no             | starttls, SMTPRecipientsRefused 550 | no
after starttls      | mail: drop                     | starttls, closed                  | no
after starttls      | mail: reset                    | starttls, reset or starttls, closed                  | no
after starttls      | mail: stall                    | starttls, timeout                 | no
after starttls      | eom: delay 300ms               | starttls, sent                    | yes
curl --ssl-reqd     | starttls: 454 4.7.0 no TLS now | 64                                | no
curl --ssl          | starttls: 454 4.7.0 no TLS now | 0                                 | yes
curl --ssl-reqd     | starttls: 502 5.5.1 no TLS     | 64                                | no
curl --ssl-reqd     | starttls: 421 4.3.2 too busy   | 64                                | no
curl --ssl-reqd     | starttls: drop                 | 56                                | no
curl --ssl-reqd     | starttls: reset                | 56                                | no
curl --ssl-reqd     | starttls: stall                | 28                                | no
curl --ssl-reqd     | starttls: delay 300ms          | 0                                 | yes
swaks --tls         | starttls: 454 4.7.0 no TLS now | 29                                | no
swaks --tls-optional | starttls: 454 4.7.0 no TLS now | 0                                | yes
swaks --tls         | starttls: drop                 | 6                                 | no
END
}

# RFC 4954 4: a client whose login is refused may still send, if nothing requires a login.
t_auth() {
    faults pairs <<'END'
after auth PLAIN      | auth: 454 4.7.0 later             | SMTPAuthenticationError 454, sent   | yes
after auth PLAIN      | auth: 535 5.7.8 no                | SMTPAuthenticationError 535, sent   | yes
after auth PLAIN      | auth: 421 4.3.2 too busy          | SMTPAuthenticationError 421, closed | no
after auth PLAIN      | auth: drop                        | closed                              | no
after auth PLAIN      | auth: reset                       | reset                               | no
after auth PLAIN      | auth: stall                       | timeout                             | no
after auth PLAIN      | auth: delay 300ms                 | 235, sent                           | yes
after auth PLAIN      | auth: delay 300ms, 535 no         | SMTPAuthenticationError 535, sent   | yes
after auth PLAIN      | auth: delay 300ms, drop           | closed                              | no
after auth PLAIN late | auth plain/2: 535 5.7.8 no        | SMTPAuthenticationError 535, sent   | yes
after auth PLAIN      | auth plain/initial: 535 5.7.8 no  | SMTPAuthenticationError 535, sent   | yes
after auth LOGIN late | auth login/1: 454 4.7.0 later     | SMTPAuthenticationError 454, sent   | yes
after auth LOGIN late | auth login/2: drop                | closed                              | no
after auth LOGIN late | auth login/3: 535 5.7.8 no        | SMTPAuthenticationError 535, sent   | yes
after auth LOGIN      | auth login/2: 535 5.7.8 no        | SMTPAuthenticationError 535, sent   | yes
after auth LOGIN late | auth */3: stall                   | timeout                             | no
after auth CRAM-MD5   | auth cram-md5/1: reset            | reset                               | no
after auth CRAM-MD5   | auth cram-md5/2: 535 5.7.8 no     | SMTPAuthenticationError 535, sent   | yes
after auth CRAM-MD5   | auth CRAM-*/2: delay 300ms        | 235, sent                           | yes
after auth PLAIN      | auth ann: 535 5.7.8 no            | SMTPAuthenticationError 535, sent   | yes
after auth PLAIN late | auth A?N: 535 5.7.8 no            | SMTPAuthenticationError 535, sent   | yes
after auth LOGIN late | auth ann: 535 5.7.8 no            | SMTPAuthenticationError 535, sent   | yes
after auth CRAM-MD5   | auth a*: 535 5.7.8 no             | SMTPAuthenticationError 535, sent   | yes
curl -u ann:secret    | auth: 454 4.7.0 later             | 67                                  | no
curl -u ann:secret    | auth: 535 5.7.8 no                | 67                                  | no
curl -u ann:secret    | auth: 421 4.3.2 too busy          | 67                                  | no
curl -u ann:secret    | auth: drop                        | 56                                  | no
curl -u ann:secret    | auth: reset                       | 56                                  | no
curl -u ann:secret    | auth: stall                       | 28                                  | no
curl -u ann:secret    | auth: delay 300ms                 | 0                                   | yes
swaks -a LOGIN -au ann -ap secret | auth login/3: 535 5.7.8 no | 28                         | no
swaks -a PLAIN -au ann -ap secret | auth: drop                 | 6                          | no
END
}

t_mail() {
    faults pairs <<'END'
sendmail | mail: 451 4.7.1 greylisted      | SMTPSenderRefused 451 | no
sendmail | mail: 550 5.7.1 no              | SMTPSenderRefused 550 | no
sendmail | mail: 421 4.3.2 too busy        | SMTPSenderRefused 421 | no
sendmail | mail: drop                      | closed                | no
sendmail | mail: reset                     | reset                 | no
sendmail | mail: stall                     | timeout               | no
sendmail | mail: delay 300ms               | sent                  | yes
sendmail | mail: delay 300ms, 451 later    | SMTPSenderRefused 451 | no
sendmail | mail: delay 300ms, drop         | closed                | no
sendmail | mail: 250 fine                  | sent                  | yes
curl     | mail: 451 4.7.1 greylisted      | 55                    | no
curl     | mail: 550 5.7.1 no              | 55                    | no
curl     | mail: 421 4.3.2 too busy        | 55                    | no
curl     | mail: drop                      | 56                    | no
curl     | mail: reset                     | 56                    | no
curl     | mail: stall                     | 28                    | no
curl     | mail: delay 300ms               | 0                     | yes
curl     | mail: delay 300ms, 451 later    | 55                    | no
curl     | mail: delay 300ms, drop         | 56                    | no
swaks    | mail: 451 4.7.1 greylisted      | 23                    | no
swaks    | mail: 421 4.3.2 too busy        | 23                    | no
swaks    | mail: reset                     | 6                     | no
swaks    | mail: delay 300ms               | 0                     | yes
END
}

t_rcpt() {
    faults pairs <<'END'
sendmail | rcpt: 452 4.2.2 full            | SMTPRecipientsRefused 452 | no
sendmail | rcpt: 550 5.1.1 no such user    | SMTPRecipientsRefused 550 | no
sendmail | rcpt: 421 4.3.2 too busy        | SMTPRecipientsRefused 421 | no
sendmail | rcpt: drop                      | closed                    | no
sendmail | rcpt: reset                     | reset                     | no
sendmail | rcpt: stall                     | timeout                   | no
sendmail | rcpt: delay 300ms               | sent                      | yes
sendmail | rcpt: delay 300ms, 550 no       | SMTPRecipientsRefused 550 | no
sendmail | rcpt: delay 300ms, drop         | closed                    | no
sendmail | rcpt: 251 will forward          | sent                      | yes
curl     | rcpt: 452 4.2.2 full            | 55                        | no
curl     | rcpt: 550 5.1.1 no such user    | 55                        | no
curl     | rcpt: 421 4.3.2 too busy        | 55                        | no
curl     | rcpt: drop                      | 56                        | no
curl     | rcpt: reset                     | 56                        | no
curl     | rcpt: stall                     | 28                        | no
curl     | rcpt: delay 300ms               | 0                         | yes
swaks    | rcpt: 550 5.1.1 no such user    | 24                        | no
swaks    | rcpt: 452 4.2.2 full            | 24                        | no
swaks    | rcpt: stall                     | 24                        | no
swaks --pipeline | rcpt: 550 5.1.1 no such user | 24                   | no
END
}

t_data() {
    faults pairs <<'END'
sendmail | data: 451 4.3.0 later           | SMTPDataError 451 | no
sendmail | data: 554 5.3.4 no              | SMTPDataError 554 | no
sendmail | data: 421 4.3.2 too busy        | SMTPDataError 421 | no
sendmail | data: drop                      | closed            | no
sendmail | data: reset                     | reset             | no
sendmail | data: stall                     | timeout           | no
sendmail | data: delay 300ms               | sent              | yes
sendmail | data: delay 300ms, 554 no       | SMTPDataError 554 | no
sendmail | data: delay 300ms, drop         | closed            | no
sendmail | data: 354 go on                 | sent              | yes
sendmail | data: 250 what is that          | SMTPDataError 250 | no
curl     | data: 451 4.3.0 later           | 55                | no
curl     | data: 554 5.3.4 no              | 55                | no
curl     | data: 421 4.3.2 too busy        | 55                | no
curl     | data: drop                      | 56                | no
curl     | data: reset                     | 56                | no
curl     | data: stall                     | 28                | no
curl     | data: delay 300ms               | 0                 | yes
swaks    | data: 554 5.3.4 no              | 25                | no
swaks    | data: drop                      | 6                 | no
END
}

# RFC 3030 2: the reply comes when the chunk has been read.
t_bdat() {
    faults pairs <<'END'
bdat | bdat: 451 4.3.0 later         | 451     | no
bdat | bdat: 552 5.3.4 too large     | 552     | no
bdat | bdat: 421 4.3.2 too busy      | 421     | no
bdat | bdat: drop                    | closed  | no
bdat | bdat: reset                   | reset   | no
bdat | bdat: stall                   | timeout | no
bdat | bdat: delay 300ms             | 250     | yes
bdat | bdat: delay 300ms, 552 no     | 552     | no
bdat | bdat: delay 300ms, drop       | closed  | no
bdat | bdat: 250 fine                | 250     | yes
bdat | eom: 552 5.3.4 too large      | 552     | no
bdat | eom: drop                     | closed  | no
bdat | eom: delay 300ms              | 250     | yes
bdat | body: 552 5.3.4 too large     | 552     | no
bdat | body: reset                   | reset   | no
END
}

# A reply to mail data is given at their end, but 421 at once (RFC 5321 3.8).
t_body() {
    faults pairs <<'END'
sendmail | body: 451 4.3.0 later              | SMTPDataError 451 | no
sendmail | body: 554 5.6.0 spam               | SMTPDataError 554 | no
sendmail | body: 421 4.3.2 closing down       | SMTPDataError 421 | no
sendmail | body: drop                         | closed            | no
sendmail | body: reset                        | reset             | no
sendmail | body: stall                        | timeout           | no
sendmail | body: delay 300ms                  | sent              | yes
sendmail | body: delay 300ms, 554 no          | SMTPDataError 554 | no
sendmail | body: delay 300ms, 421 no          | SMTPDataError 421 | no
sendmail | body: delay 300ms, drop            | closed            | no
sendmail | body +50: 554 5.6.0 spam           | SMTPDataError 554 | no
sendmail | body b@x.test +50: drop            | closed            | no
curl     | body: 451 4.3.0 later              | 8                 | no
curl     | body: 554 5.6.0 spam               | 8                 | no
curl     | body: drop                         | 56                | no
curl     | body: stall                        | 28                | no
curl     | body: delay 300ms                  | 0                 | yes
swaks    | body: 554 5.6.0 spam               | 26                | no
swaks    | body: drop                         | 6                 | no
END
}

t_eom() {
    faults pairs <<'END'
sendmail | eom: 452 4.3.1 full             | SMTPDataError 452 | no
sendmail | eom: 554 5.6.0 spam             | SMTPDataError 554 | no
sendmail | eom: 421 4.3.2 closing down     | SMTPDataError 421 | no
sendmail | eom: drop                       | closed            | no
sendmail | eom: reset                      | reset             | no
sendmail | eom: stall                      | timeout           | no
sendmail | eom: delay 300ms                | sent              | yes
sendmail | eom: delay 300ms, 554 no        | SMTPDataError 554 | no
sendmail | eom: delay 300ms, 250 fine      | sent              | yes
sendmail | eom: delay 300ms, drop          | closed            | no
sendmail | eom: 250 fine                   | sent              | yes
curl     | eom: 452 4.3.1 full             | 8                 | no
curl     | eom: 554 5.6.0 spam             | 8                 | no
curl     | eom: 421 4.3.2 closing down     | 8                 | no
curl     | eom: drop                       | 56                | no
curl     | eom: reset                      | 56                | no
curl     | eom: stall                      | 28                | no
curl     | eom: delay 300ms                | 0                 | yes
swaks    | eom: 554 5.6.0 spam             | 26                | no
swaks    | eom: drop                       | 6                 | no
swaks    | eom: stall                      | 26                | no
END
}

# A message that a rule drops is cut off, and not refused as well.
t_dropped_once() {
    for action in drop reset stall 'delay 5ms, drop'; do
        start -n 1- --on "eom: $action"
        talk '<220' '>EHLO t' '<250' '>MAIL FROM:<>' '<250' '>RCPT TO:<b@x.test>' '<250' '>DATA' '<354' '>x' '>.' \
            'kill:TERM:'"$pid" '<GONE' >got
        finish
        err_has 'fakesmtp: cut off in connection 1: 3 octets came, and their end'
        status_is 1 'fakesmtp: expected at least 1 message, got none before SIGTERM; 1 more cut off before the end'
    done
}

# A reply, and then the end, or a further reply: what a client makes of it.
t_reply_and_then() {
    faults pairs <<'END'
sendmail   | connect: 220 hi; drop                 | closed                            | no
sendmail   | rcpt: 250 ok; drop                    | closed                            | no
sendmail   | rcpt: 250 ok; delay 300ms, reset      | reset                             | no
sendmail   | rcpt: 250 ok; stall                   | timeout                           | no
sendmail   | data: 354 go; drop                    | closed                            | no
with       | eom: 250 kept; drop                   | sent                              | yes
with       | eom: 250 kept; delay 300ms, drop      | sent                              | yes
with       | eom: 250 ke\c; drop                   | sent                              | yes
sendmail   | eom: 554 no; 421 bye                  | SMTPDataError 554                 | no
with       | eom: delay 300ms; 421 bye             | SMTPResponseException 421         | yes
after noop | noop: 250 ok; 421 4.4.2 idle          | 250, SMTPSenderRefused 421        | no
after noop | noop: 250 ok; delay 300ms, 421 4.4.2 idle | 250, SMTPSenderRefused 421    | no
curl       | mail: 250 ok; drop                    | 55 or 56                          | no
curl       | rcpt: 250 ok; 421 4.3.2 full          | 55 or 56                          | no
curl --ssl-reqd | starttls: 220 go; drop           | 35                                | no
curl --ssl-reqd | starttls: 220 go; stall          | 28                                | no
curl --ssl-reqd | starttls: 220 go; 250 injected   | 35 or 8                           | no
curl --ssl-reqd | starttls: 220 go                 | 35                                | no
curl --ssl-reqd | starttls: 454 not now            | 64                                | no
swaks --tls     | starttls: 220 go; drop           | 29                                | no
END
}

# Commands that came with one whose rule ends the session are not answered; what a 421 was put after has taken effect.
t_reply_and_then_in_a_group() {
    start -k -v -d mail --on 'noop a: 250 ok; drop' --on 'noop b: 250 ok; 421 4.4.2 idle' --on 'rset: delay 1ms; drop' \
        --on 'vrfy: 252 one; delay 50ms, 252 two; delay 50ms, drop' --on 'help: 214 a\;b' --on 'starttls #1: 220 go'
    talk '<220' '>NOOP a\r\nNOOP\r\nNOOP' '<250' '<EOF' + '<220' '>NOOP b\r\nNOOP' '<250' '<421' '<EOF' \
        + '<220' '>EHLO t\r\nHELP\r\nRSET\r\nNOOP' '<250' '<214' '<250' '<EOF' + '<220' '>EHLO t\r\nVRFY x\r\nNOOP' '<250' \
        '<252' '<252' '<EOF' + '<220' '>EHLO t\r\nMAIL FROM:<>\r\nSTARTTLS' '<250' '<250' '<220' '<EOF' \
        + '<220' '>EHLO t' '<250' '>STARTTLS' '<454' '>NOOP' '<250' '>QUIT' '<221' '<EOF' >got
    grep -qx '214 a;b' got
    grep -q '^250[ -]STARTTLS' got
    stop
    [ "$(grep -c 'S: (drop)' err)" -eq 3 ]
    err_has '4 S: \(delay of 50 ms\)'
}

# Replies that are a single piece hold nothing back that came after their command.
t_pieces_in_a_group() {
    group='>EHLO t\r\nMAIL FROM:<a@x.test>\r\nRCPT TO:<b@x.test>\r\nDATA\r\nhi\r\n.\r\nNOOP\r\nQUIT'
    for rule in 'command: lines 5ms' 'connect: lines 5ms' 'eom: lines 5ms' 'body: drip 5ms' 'body: lines 5ms; delay 5ms'; do
        rm -rf mail
        start -n 1 -d mail --on "$rule"
        talk "$group" '<220' '<250' '<250' '<250' '<354' '<250' '<250' '<221' '<EOF' >got
        finish
        status_is 0
        taken 1
    done
    start_on lmtp://127.0.0.1:0 -n 1 --on 'eom: lines 5ms'
    talk '<220' '>LHLO t' '<250' '>MAIL FROM:<a@x.test>' '<250' '>RCPT TO:<b@x.test>' '<250' '>RCPT TO:<c@x.test>' '<250' \
        '>DATA' '<354' '>hi' '>.' '<250' '<250' '>QUIT' '<221' '<EOF' >got
    finish
    status_is 0
}

# A rule that leaves the usual reply as it is may send others after it.
t_usual_reply_and_then() {
    start -k -v --on 'noop a: delay 5ms; 250 more' --on 'noop b: delay 0; 250 more; 250 again; drop' \
        --on 'noop c: drip 1ms; 250 more; delay 5ms, 250 again' --on 'noop d: delay 5ms; 421 4.4.2 idle'
    talk '<220' '>NOOP a\r\nNOOP' '<250 2.0.0 Ok' '<250 more' '<250 2.0.0 Ok' '>NOOP c' '<250 2.0.0 Ok' '<250 more' '<250 again' \
        '>NOOP b' '<250 2.0.0 Ok' '<250 more' '<250 again' '<EOF' + '<220' '>NOOP d' '<250 2.0.0 Ok' '<421 4.4.2 idle' '<EOF' >got
    stop
    [ "$(grep -c 'S: 250 more' err)" -eq 3 ]
    err_has '2 S: 421 4\.4\.2 idle'
}

# Each command is slow, apart from those for which another rule comes first; and a reply that comes piece by piece.
t_any_command() {
    start -k -v -d mail --on 'noop: delay 0' --on 'command XFROB*: 250 frobbed' --on 'command #3: delay 20ms'
    talk '<220' '>EHLO t' '<250' '>NOOP' '<250' '>XFROB' '<250' '>MAIL FROM:<>' '<250' '>RCPT TO:<b@x>' '<250' '>BDAT 4 LAST\r\nhi' \
        '<250' '>QUIT' '<221' '<EOF' >got
    stop
    [ "$(grep -c 'S: (delay of 20 ms)' err)" -eq 3 ]
    taken 1
}

t_pieces() {
    faults t_pieces
    faults pairs <<'END'
sendmail | ehlo: lines 20ms                 | sent              | yes
sendmail | eom: drip 2ms                    | sent              | yes
sendmail | eom: drip 2ms, 554 5.7.1 no      | SMTPDataError 554 | no
with     | eom: drip 2ms, 250 kept; drop    | sent              | yes
curl     | connect: drip 2ms                | 0                 | yes
curl     | rcpt: delay 50ms, drip 2ms, 550 no | 55              | no
END
}

# AUTH with a response, and without: Exim takes PLAIN only with one, others LOGIN only without.
t_initial_response() {
    start -k --on 'auth plain/1: 535 only with a response' --on 'auth login/initial: 501 only without'
    talk '<220' '>EHLO t' '<250' '>AUTH PLAIN' '<535' '>AUTH LOGIN YW5u' '<501' '>AUTH PLAIN AGFubgBzZWNyZXQ=' '<235' '>QUIT' '<221' \
        + '<220' '>EHLO t' '<250' '>AUTH LOGIN' '<334' '>YW5u' '<334' '>c2VjcmV0' '<235' '>QUIT' '<221' >got
    stop
    start -k --on 'auth plain/initial: 501 later' --on 'auth plain/2: 535 no'
    talk '<220' '>EHLO t' '<250' '>AUTH PLAIN =' '<501' '>AUTH PLAIN AGFubgBzZWNyZXQ=' '<501' '>AUTH PLAIN ' '<334' \
        '>AGFubgBzZWNyZXQ=' '<535' '>QUIT' '<221' >got
    stop
}

# RFC 2920 3.1: 354 though each recipient was refused; the client sends a dot alone, and gets 554.
t_overruled() {
    group='>MAIL FROM:<a@x.test>\r\nRCPT TO:<b@x.test>\r\nDATA'
    start -k -v -j -o lines -d mail --on 'rcpt b*: 550 no' --on 'data!: 354 go'
    talk '<220' '>EHLO t' '<250' "$group" '<250' '<550' '<354' '>.' '<554' '>NOOP' '<250' '>QUIT' '<221' '<EOF' \
        + '<220' '>EHLO t' '<250' '>DATA' '<354' '>x' '>.' '<554' \
        '>MAIL FROM:<a@x.test>' '<250' '>RCPT TO:<c@x.test>' '<250' '>DATA' '<354' '>y' '>.' '<250' \
        '>DATA x' '<503' '>DATA' '<354' '>z' '>.' '<554' '>QUIT' '<221' '<EOF' + '<220' '>DATA' '<354' '>.' '<554' '>QUIT' '<221' '<EOF' >got
    grep -qx '554 5.5.1 No valid recipients' got
    stop
    taken 1
    [ "$(jq -c .envelope.to lines)" = '["c@x.test"]' ]
    rm -rf mail
    # a rule may take the message all the same; and MAIL and RCPT at any time
    start -k -j -o lines -d mail --require auth --on 'data!: 354 go' --on 'eom: 250 kept' --on 'mail! a*: 250 ok' --on 'rcpt!: 250 ok' \
        --on 'vrfy!: 252 why not' --on 'rset! #1: delay 0' --on 'auth!: 235 in' --on 'starttls!: 220 go'
    talk '<220' '>STARTTLS' '<220' '>RSET' '<250' '>DATA' '<354' '>.' '<250' '>MAIL FROM:<a@x>' '<250' '>RCPT TO:<b@x>' '<250' '>MAIL FROM:<a@y>' '<250' \
        '>RCPT TO:<c@x>' '<250' '>RCPT TO c@x' '<250' '>AUTH PLAIN' '<235' '>DATA' '<354' '>x' '>.' '<250' \
        '>EHLO t' '<250' '>VRFY' '<252' '>MAIL FROM:<b@x>' '<530' '>MAIL FROM a' '<530' '>RCPT TO:<d@x>' '<250' '>BDAT 1' '=x' '<250' \
        '>DATA' '<354' '>y' '>.' '<250' '>QUIT' '<221' '<EOF' >got
    stop
    jq -c '.envelope | [.from, .to]' lines >got
    printf '%s\n' '["",[]]' '["a@y",["c@x"]]' '["",["d@x"]]' >want
    same got want
    start_on lmtp://127.0.0.1:0 -k -d lmtp --on 'data!: 354 go'
    talk '<220' '>LHLO t' '<250' '>DATA' '<354' '>.' '<554' '>MAIL FROM:<>' '<250' '>RCPT TO:<a@x>' '<250' '>RCPT TO:<b@x>' '<250' \
        '>DATA' '<354' '>.' '<250' '<250' '>QUIT' '<221' '<EOF' >got
    stop
    # DATA after a chunk begins anew; and a recipient is well-formed though there are too many
    start -k -j -o lines --max-recipients 1 --on 'data!: 354 go' --on 'body +5: 554 no' --on 'rcpt! c@*: 250 one more'
    talk '<220' '>EHLO t' '<250' '>MAIL FROM:<a@x>' '<250' '>RCPT TO:<b@x>' '<250' '>RCPT TO:<c@x>' '<250' '>RCPT TO:<d@x>' '<452' \
        '>BDAT 6' '=hello!' '<250' '>DATA' '<354' '>y' '>.' '<250' '>QUIT' '<221' '<EOF' >got
    stop
    [ "$(jq -c .envelope.to lines)" = '["b@x","c@x"]' ]
    for event in eom body; do
        rm -rf mail
        start_on lmtp://127.0.0.1:0 -n 1- -d mail --on 'data!: 354 go' --on "$event: 250 kept"
        talk '<220' '>LHLO t' '<250' '>DATA' '<354' '>x' '>.' '<250 kept' '>QUIT' '<221' '<EOF' >got
        stop
        taken 1
    done
    faults pairs <<'END'
curl --mail-rcpt-allowfails | rcpt: 550 5.1.1 no | 55 | no
sendmail | data!: 354 go | sent | yes
END
}

# A refused RSET refuses no message.
t_rset() {
    faults pairs <<'END'
after rset   | rset: 450 4.3.0 later     | 450, sent   | yes
after rset   | rset: 550 5.3.0 no        | 550, sent   | yes
after rset   | rset: 421 4.3.2 too busy  | 421, closed | no
after rset   | rset: drop                | closed      | no
after rset   | rset: reset               | reset       | no
after rset   | rset: stall               | timeout     | no
after rset   | rset: delay 300ms         | 250, sent   | yes
after rset   | rset: delay 300ms, 550 no | 550, sent   | yes
after rset   | rset: delay 300ms, drop   | closed      | no
curl -X RSET | rset: 550 5.3.0 no        | 8           | no
curl -X RSET | rset: drop                | 56          | no
curl -X RSET | rset: stall               | 28          | no
curl -X RSET | rset: delay 300ms         | 0           | no
END
}

t_noop() {
    faults pairs <<'END'
after noop   | noop: 450 4.3.0 later     | 450, sent   | yes
after noop   | noop: 550 5.3.0 no        | 550, sent   | yes
after noop   | noop: 421 4.3.2 too busy  | 421, closed | no
after noop   | noop: drop                | closed      | no
after noop   | noop: reset               | reset       | no
after noop   | noop: stall               | timeout     | no
after noop   | noop: delay 300ms         | 250, sent   | yes
after noop   | noop: delay 300ms, 550 no | 550, sent   | yes
after noop   | noop: delay 300ms, drop   | closed      | no
curl -X NOOP | noop: 450 4.3.0 later     | 8           | no
curl -X NOOP | noop: reset               | 56          | no
curl -X NOOP | noop: stall               | 28          | no
curl -X NOOP | noop: delay 300ms         | 0           | no
END
}

t_vrfy() {
    faults pairs <<'END'
after vrfy             | vrfy: 450 4.3.0 later     | 450, sent   | yes
after vrfy             | vrfy: 550 5.1.1 no        | 550, sent   | yes
after vrfy             | vrfy: 421 4.3.2 too busy  | 421, closed | no
after vrfy             | vrfy: drop                | closed      | no
after vrfy             | vrfy: reset               | reset       | no
after vrfy             | vrfy: stall               | timeout     | no
after vrfy             | vrfy: delay 300ms         | 252, sent   | yes
after vrfy             | vrfy: delay 300ms, 550 no | 550, sent   | yes
after vrfy             | vrfy: delay 300ms, drop   | closed      | no
curl -X 'VRFY b@x.test' | vrfy b@*: 550 5.1.1 no   | 8           | no
curl -X 'VRFY b@x.test' | vrfy: drop               | 56          | no
curl -X 'VRFY b@x.test' | vrfy: delay 300ms        | 0           | no
END
}

# The message has been taken by then, whatever becomes of the goodbye.
t_quit() {
    faults pairs <<'END'
after quit | quit: 450 4.3.0 later         | 450     | no
after quit | quit: 550 5.3.0 no            | 550     | no
after quit | quit: drop                    | closed  | no
after quit | quit: reset                   | reset   | no
after quit | quit: stall                   | timeout | no
after quit | quit: delay 300ms             | 221     | no
after quit | quit: delay 300ms, 550 no     | 550     | no
after quit | quit: delay 300ms, drop       | closed  | no
with       | quit: 450 4.3.0 later         | SMTPResponseException 450 | yes
with       | quit: 550 5.3.0 no            | SMTPResponseException 550 | yes
with       | quit: 421 4.3.2 closing down  | SMTPResponseException 421 | yes
with       | quit: drop                    | sent    | yes
with       | quit: reset                   | sent    | yes
with       | quit: delay 300ms             | sent    | yes
curl       | quit: 550 5.3.0 no            | 0       | yes
curl       | quit: drop                    | 0       | yes
curl       | quit: reset                   | 0       | yes
curl       | quit: delay 300ms             | 0       | yes
curl       | quit: stall                   | 0       | yes
swaks      | quit: 550 5.3.0 no            | 0       | yes
swaks      | quit: drop                    | 6       | yes
swaks      | quit: delay 300ms             | 0       | yes
END
}

# ---- which rule, and when ----

t_first_match_wins() { faults t_first_match_wins; }
t_count() { faults t_count; }
t_percent() { faults t_percent; }
t_patterns() { faults t_patterns; }
t_patterns_of_other_events() { faults t_patterns_of_other_events; }
t_users() { faults t_users; }
t_after_so_many_octets() { faults t_after_so_many_octets; }
t_drop_in_a_large_message() { faults t_drop_in_a_large_message; }
t_refused_chunks() { faults t_refused_chunks; }

t_never_fired() {
    start -k --on 'rcpt x@*: 550 5.1.1 no' --on 'noop: 250 ok' --on 'body +1000: drop' --on 'rset %1: 450 x'
    deliver
    talk '<220' '>NOOP' '<250' '>QUIT' '<221'
    stop
    err_has "fakesmtp: --on 'rcpt x@\*: 550 5\.1\.1 no' never fired"
    err_has "fakesmtp: --on 'body \+1000: drop' never fired"
    err_has "fakesmtp: --on 'rset %1: 450 x' never fired"
    [ "$(grep -c 'never fired' err)" -eq 3 ]
    # what acted once has fired, be it only of the first times
    start -k --on 'noop #3: 450 later' --strict
    talk '<220' '>NOOP' '<450' '>QUIT' '<221'
    stop
    fails grep 'never fired' err
}

t_never_fired_strictly() {
    start -k --strict --on 'rcpt x@*: 550 no' --on 'noop: 250 ok'
    talk '<220' '>NOOP' '<250' '>QUIT' '<221'
    stop 1
    err_has 'fakesmtp: 1 rule of --on never fired \(--strict\)'
    err_has "fakesmtp: --on 'rcpt x@\*: 550 no' never fired"
    start -k -q --strict --on 'rcpt x@*: 550 no' --on 'noop: 250 ok'
    stop 1
    err_has 'fakesmtp: 2 rules of --on never fired \(--strict\)'
    # without, it changes nothing
    start -n 1 --on 'rcpt x@*: 550 no'
    deliver
    finish
    status_is 0 "fakesmtp: --on 'rcpt x@\*: 550 no' never fired"
}

# A chunk that is refused anyway is none of a rule's, and counts for none.
t_refused_chunk() {
    start -k --on 'bdat #1: 452 4.3.1 busy' --on 'bdat #2: drop'
    talk '<220' '>EHLO t' '<250' '>BDAT 3 LAST' '=a\r\n' '<503' '>MAIL FROM:<>' '<250' '>RCPT TO:<b@x.test>' '<250' \
        '>BDAT 3' '=b\r\n' '>BDAT 3 LAST' '=c\r\n' '<452' '<503' '>MAIL FROM:<>' '<250' '>RCPT TO:<b@x.test>' '<250' \
        '>BDAT 3 LAST' '=d\r\n' '<EOF'
    kill "$pid"
    finish
}

# What a rule does is no fault of the client's.
t_strict_does_not_blame_the_client() {
    for action in '450 later' '550 no' '421 bye' drop reset 'delay 100ms' 'delay 100ms, drop' 'delay 100ms, 421 bye'; do
        for event in mail rcpt data body eom quit; do
            start -c 1 -n 0- --strict --on "$event: $action"
            python3 -c '
import smtplib, sys
try:
    with smtplib.SMTP("127.0.0.1", int(sys.argv[1]), "me.test", timeout=60) as s:
        s.sendmail("a@x.test", ["b@x.test"], "From: <a@x.test>\r\nDate: Tue, 24 Nov 2026 03:12:00 +0000\r\n\r\nhello\r\n")
except smtplib.SMTPException:
    pass
' "$port"
            finish
            [ "$status" -eq 0 ] || { echo "with --strict, status $status from $event: $action"; cat err; return 1; }
        done
    done
}

# ---- refused messages ----

t_refused_recipient_is_not_in_the_envelope() { faults t_refused_recipient_is_not_in_the_envelope; }
t_refused_message_leaves_nothing() { faults t_refused_message_leaves_nothing; }

# ---- LMTP: each recipient has its own verdict ----

t_lmtp_each_recipient_has_a_verdict() { faults t_lmtp_each_recipient_has_a_verdict; }
t_lmtp_all_refused() { faults t_lmtp_all_refused; }
t_lmtp_drop() { faults t_lmtp_drop; }
t_lmtp_reply_and_then_the_end() { faults t_lmtp_reply_and_then_the_end; }
t_lmtp_chunk_for_nobody() { faults t_lmtp_chunk_for_nobody; }
t_lmtp_empty_message() { faults t_lmtp_empty_message; }
t_silent_client_is_sent_home() { faults t_silent_client_is_sent_home; }
t_signal_during_a_delay_of_mail_data() { faults t_signal_during_a_delay_of_mail_data; }
t_all_is_said_before_the_end() { faults t_all_is_said_before_the_end; }
t_turned_away_counts() { faults t_turned_away_counts; }
t_lmtp_counts() { faults t_lmtp_counts; }
t_lmtp_refused_recipient() { faults t_lmtp_refused_recipient; }
t_lmtp_chunks() { faults t_lmtp_chunks; }
t_lmtp_refused_data() { faults t_lmtp_refused_data; }

# ---- time ----

t_stored_before_the_delay() { faults t_stored_before_the_delay; }
t_unheard_does_not_count() { faults t_unheard_does_not_count; }
t_delay_is_not_idle() { faults t_delay_is_not_idle; }
t_pipelined() { faults t_pipelined; }
t_delays_do_not_add_up() { faults t_delays_do_not_add_up; }
t_others_are_served_meanwhile() { faults t_others_are_served_meanwhile; }
t_proofs_do_not_hold_up_others() { faults t_proofs_do_not_hold_up_others; }
t_order_of_delays() { faults t_order_of_delays; }
t_long_delay() { faults t_long_delay; }
t_signal_ends_waits() { faults t_signal_ends_waits; }
t_limit_ends_waits() { faults t_limit_ends_waits; }
t_signal_before_a_delayed_250() { faults t_signal_before_a_delayed_250; }
t_signal_and_then_the_end() { faults t_signal_and_then_the_end; }
t_signal_lets_a_short_delay_end() { faults t_signal_lets_a_short_delay_end; }
t_command_ends_while_others_wait() { faults t_command_ends_while_others_wait; }
t_waiting_takes_no_time() { faults t_waiting_takes_no_time; }
t_searches_of_several() { faults t_searches_of_several; }
t_search_behind_a_stream() { faults t_search_behind_a_stream; }
t_delayed_drop_is_orderly() { faults t_delayed_drop_is_orderly; }

# ---- other endpoints ----

t_unix_socket() { faults t_unix_socket; }
t_stdio() { faults t_stdio; }

t_tls() {
    [ "${FAKESMTP_TLS-}" != none ] || return 0
    faults t_tls
}

# ---- replies ----

t_octets_of_a_reply() { faults t_octets_of_a_reply; }

# The same as with the test server of curl: keywords of EHLO, a reply to a command, a count, a delay.
t_vocabulary_of_curls_test_server() {
    # CAPA SIZE AUTH: curl says SIZE only where it is offered, and logs in only with what is
    start -k -v --on 'helo: 250 localhost\nSIZE 10\nAUTH PLAIN'
    deliver -u ann:secret
    status_is 0
    stop
    err_has '1 C: AUTH PLAIN.*'
    err_has '1 C: MAIL FROM:<a@x\.test> SIZE=.*'
    start -k -v --on 'helo: 250 localhost\nAUTH CRAM-MD5'
    deliver -u ann:secret
    status_is 0
    stop
    err_has '1 C: AUTH CRAM-MD5'
    err_has '1 C: MAIL FROM:<a@x\.test>'
    start -k -v --hide SIZE,AUTH
    deliver -u ann:secret
    status_is 0 # as nothing requires it
    stop
    err_has '1 C: MAIL FROM:<a@x\.test>'
    fails grep -q 'C: AUTH' err
    fails grep -q 'S: 250.\(SIZE\|AUTH\)' err
    # swaks, too, looks at the keywords
    start -k -v --on 'ehlo: 250 localhost\nPIPELINING'
    swaks --server 127.0.0.1 --port "$port" -f a@x.test -t b@x.test --tls-optional --auth-optional -au a -ap b \
        --pipeline >swaks.out 2>&1 || { cat swaks.out; return 1; }
    stop
    fails grep -q 'C: \(AUTH\|STARTTLS\)' err
    # REPLY
    start -k --on 'connect: 220 custom' --on 'vrfy: 252 cannot say' --on 'expn: 250 list@x.test' --on 'help: 214 none' \
        --on 'unknown XFROB*: 250 frobbed' --on 'rset: 250 forgotten'
    talk '<220' '>EHLO t' '<250' '>VRFY b' '<252' '>EXPN l' '<250' '>HELP' '<214' '>XFROB now' '<250' '>YFROB' '<500' \
        '>RSET' '<250' '>QUIT' '<221' '<EOF' >got
    grep -qx '220 custom' got
    grep -qx '252 cannot say' got
    grep -qx '250 list@x.test' got
    grep -qx '214 none' got
    grep -qx '250 frobbed' got
    grep -qx '250 forgotten' got
    stop
    # COUNT: one that tries again is let in
    start -n 1 -d mail --on 'mail #2: 451 4.7.1 later'
    for want in 55 55 0; do
        deliver
        status_is "$want"
    done
    finish
    status_is 0
    taken 1
}

# Greylisting of each recipient, and so many messages on a connection; with a client of its own for each.
t_times_for_each() {
    start -k -d mail --on 'rcpt #1/addr: 451 4.7.1 greylisted' --on 'mail #2/conn: 250 ok' --on 'mail: 421 4.7.0 too many' \
        --on 'noop >2/1h: 450 slowly'
    for to in b c; do
        for want in 451 250; do
            talk '<220' '>EHLO t' '<250' '>MAIL FROM:<>' '<250' ">RCPT TO:<$to@x.test>" "<$want" '>QUIT' '<221' >got
        done
    done
    talk '<220' '>EHLO t' '<250' '>MAIL FROM:<a>' '<250' '>RCPT TO:<B@X.TEST>' '<250' '>RSET' '<250' '>MAIL FROM:<b>' '<250' \
        '>RSET' '<250' '>MAIL FROM:<a>' '<421' '<EOF' + '<220' '>EHLO t' '<250' '>MAIL FROM:<a>' '<250' '>RSET' '<250' \
        '>MAIL FROM:<a>' '<250' '>RSET' '<250' '>MAIL FROM:<a>' '<421' '<EOF' \
        + '<220' '>NOOP' '<250' '>NOOP' '<250' '>NOOP' '<450' '>QUIT' + '<220' '>NOOP' '<450' >got
    stop
    # in all of its recipients, LMTP included
    start_on lmtp://127.0.0.1:0 -k -d lmtp --on 'eom #1/addr: 451 4.7.1 greylisted'
    message='>LHLO t\r\nMAIL FROM:<>\r\nRCPT TO:<b@x>\r\nRCPT TO:<c@x>\r\nDATA'
    talk '<220' "$message" '<250' '<250' '<250' '<250' '<354' '>.' '<451' '<451' \
        "$(printf %s "$message" | sed 's/<c@x>/<d@x>/')" '<250' '<250' '<250' '<250' '<354' '>.' '<250' '<451' '>QUIT' '<221' >got
    stop
}

# By what the message says, and by how large it is.
t_contents() {
    printf 'Subject: buy\n  spam\n\nhello /there\n' >spam
    printf 'Subject: fine\n\nhello\n' >fine
    { cat fine && yes 'a line' | head -n 30000; } >large
    set -- --on 'eom /subject: buy +spam/: 554 5.7.1 spam' --on 'eom /text: ^hello \/there/: 550 not reached' \
        --on 'eom >100K /body: a line/: 552 5.3.4 too large' --on 'mail >9M: 552 5.3.4 declared too large'
    send_it() { curl -sS "smtp://127.0.0.1:$port" --crlf --mail-from a@x.test --mail-rcpt b@x.test -T "$1" >curl.out 2>&1; }
    for options in '-d mail' '-f none' '-f mbox -o box' '-d mail -j -o lines' '-d mail -e'; do
        rm -rf mail box lines
        # shellcheck disable=SC2086
        start -k $options "$@"
        for mail in spam large fine; do
            status=0
            send_it "$mail" || status=$?
            [ "$mail $status" = "fine 0" ] || [ "$mail $status" = "spam 8" ] || [ "$mail $status" = "large 8" ]
        done
        talk '<220' '>EHLO t' '<250' '>MAIL FROM:<> SIZE=9437185' '<552' '>MAIL FROM:<> SIZE=9437184' '<250' '>QUIT' '<221' >got
        stop
        [ ! -d mail ] || [ "$(ls mail)" = 0001.eml ]
    done
    grep -q 'Subject: fine' mail/0001.eml
    # with LMTP for each recipient, and by BDAT
    start_on lmtp://127.0.0.1:0 -k -d lmtp --on 'eom c@x /subject: ^x$/: 554 5.7.1 spam'
    talk '<220' '>LHLO t' '<250' '>MAIL FROM:<>' '<250' '>RCPT TO:<b@x>' '<250' '>RCPT TO:<c@x>' '<250' '>BDAT 12 LAST\r\nSubject: x' \
        '<250' '<554' '>MAIL FROM:<>' '<250' '>RCPT TO:<c@x>' '<250' '>BDAT 12 LAST\r\nSubject: y' '<250' '>QUIT' '<221' >got
    stop
    run --on 'eom /subject: (/: 554'
    status_is 2
    grep -q "column 1[0-9]: expected" err
    run --on 'eom /title: x/: 554'
    status_is 2 "fakesmtp: --on: 'eom /title: x/: 554': at 'title: x/: 554', column 6: expected subject"
}

# ---- usage ----

# So many columns, and what was expected there (a regular expression).
t_malformed() {
    while IFS='|' read -r rule column expected; do
        run --on "$rule"
        status_is 2
        head -n 1 err >line
        if [ "$column" = end ]; then where="at the end, column $((${#rule} + 1))"; else where="at '.*', column $column"; fi
        grep -Eqx "fakesmtp: --on: '.*': $where: expected $expected" line ||
            { echo "--on '$rule' is to be malformed at column $column, expected $expected:"; cat err; return 1; }
        [ ! -s out ]
    done <<'END'
|end|an event: connect, .* command
foo: 250 x|1|an event: connect, .*
 foo: 250 x|2|an event: connect, .*
rcp: 550 x|1|an event: connect, .*
rcptx: 550 x|1|an event: connect, .*
: 550 x|1|an event: connect, .*
550 x|1|an event: connect, .*
mail|end|a colon .*
mail 550 no|end|a colon .*
mail #1|end|a colon .*
mail:|end|a reply code and its text, drop, reset, stall, delay TIME, drip TIME or lines TIME
mail: |end|a reply code and its text, drop, reset, stall, delay TIME, drip TIME or lines TIME
mail: dorp|7|a reply code and its text, drop, reset, stall, delay TIME, drip TIME or lines TIME
mail: drop it|12|the end
mail: 99 no|7|a reply code of three digits.*
mail: 5500 no|7|a reply code of three digits.*
mail: 099 no|7|a reply code of three digits.*
mail: 550no|7|a reply code of three digits.*
mail: 550-no|7|a reply code of three digits.*
mail: 550 a\q|12|.*x and two hexadecimal digits.*
mail: 550 a\x4|12|.*x and two hexadecimal digits.*
mail: 550 a\xg1|12|.*x and two hexadecimal digits.*
mail: 550 a\cb|12|.*x and two hexadecimal digits.*
mail: 550 a\nb\|15|.*x and two hexadecimal digits.*
mail #0: drop|7|a number of times from 1 up
mail #: drop|7|a number of times from 1 up
mail #x: drop|7|a number of times from 1 up
mail #-1: drop|7|a number of times from 1 up
mail #18446744073709551616: drop|7|a number of times from 1 up
mail %0: drop|7|a percentage from 1 to 100
mail %101: drop|7|a percentage from 1 to 100
mail %x: drop|7|a percentage from 1 to 100
mail #1 %5: drop|9|only one #N, %P or >N/TIME
mail %5 #1: drop|9|only one #N, %P or >N/TIME
mail +5: drop|6|a pattern, .*body takes .*
body +: drop|7|a number of octets
body +x: drop|7|a number of octets
rcpt a@x b@x: drop|10|.*there is a pattern already
quit x: drop|6|.*no argument.*
rset *: drop|6|.*no argument.*
starttls *: drop|10|.*no argument.*
mail: delay|end|a time, as in .*
mail: delay x|13|a time, as in .*
mail: delay 5x|14|a comma and another action, a semicolon, or the end
mail: drip x|12|a time, as in .*
mail: delay -1s|13|a time, as in .*
mail: delay 5s, |end|a reply code and its text, drop, reset or stall
mail: delay 5s, delay 5s|17|a reply code and its text, drop, reset or stall
mail: delay 5s drop|16|a comma and another action, a semicolon, or the end
mail: 550 no; never|15|.*write \\; for a semicolon
mail: 250 ok; drop; 250 x|19|the end
mail: 421 no; drop|13|the end, as 421 closes the connection
mail: delay 5s, 55 x|17|a reply code of three digits.*
END
    long=$(printf '%02050d' 0)
    run --on "noop: 250 $long"
    status_is 2
    grep -q 'expected a reply of at most 2048 octets' err
    # a character is a column
    run --on 'rcpt grüße@*: foo'
    status_is 2
    grep -q "column 15: " err
}

# Each in one line, and the run goes on.
t_rules_in_vain() {
    run --on 'rcpt: 550 no' --on 'data: 354 go' --on 'rcpt a*: 451 later' --on 'noop: 250 ok, drop' --on 'bdat: drop' --hide CHUNKING true
    status_is 0
    grep -e 'never act' -e 'looks like an action' err >got
    cat >want <<'END'
fakesmtp: --on 'data: 354 go' can never act, as no session gets past --on 'rcpt: 550 no'
fakesmtp: --on 'rcpt a*: 451 later' can never act after --on 'rcpt: 550 no'
fakesmtp: --on 'noop: 250 ok, drop' ends in what looks like an action; put a semicolon before it, not a comma
fakesmtp: --on 'bdat: drop' can never act, as --hide hides the command
END
    same got want
    run -q --on 'rcpt: 550 no' --on 'data: 354 go' true
    fails grep 'never act' err
    # what is not offered
    run --on 'xclient: 550 no' --on 'auth oauthbearer/1: 334 x' --on 'auth ntlm/1: 334 x' --on 'auth plain/1: 334 x' --on 'mail >1M: 552 no' \
        --on 'starttls: 454 no' --hide ntlm,SIZE true
    grep 'never act' err >got
    cat >want <<'END'
fakesmtp: --on 'xclient: 550 no' can never act without --offer XCLIENT
fakesmtp: --on 'auth oauthbearer/1: 334 x' can never act, as its mechanism of AUTH is not offered
fakesmtp: --on 'auth ntlm/1: 334 x' can never act, as its mechanism of AUTH is not offered
fakesmtp: --on 'mail >1M: 552 no' can never act, as --hide hides SIZE
END
    same got want
    run --offer XCLIENT --auth-mechs OAUTHBEARER,NTLM --on 'xclient: 550 no' --on 'auth oauthbearer/1: 334 x' --on 'auth ntlm/1: 334 x' --on 'mail >1M: 552 no' true
    fails grep 'never act' err
    [ "${FAKESMTP_TLS-}" != none ] || return 0
    run -l smtps://:0 --on 'starttls: 454 no' true
    err_has "fakesmtp: --on 'starttls: 454 no' can never act, as all endpoints begin with TLS"
    run -l smtps://:0 -l :0 --on 'starttls: 454 no' true
    fails grep 'never act' err
}

t_many_rules() {
    rules=
    for i in $(seq 64); do rules="$rules --on noop=$i"; done
    # shellcheck disable=SC2046
    set -- $(for i in $(seq 64); do printf '%s noop@%d:450.later ' --on "$i"; done)
    for word; do
        shift
        set -- "$@" "$(echo "$word" | sed 's/@/ /; s/:450\./: 450 /')"
    done
    run "$@" --on 'noop: 250 x'
    status_is 2 'fakesmtp: --on: this option may be given at most 64 times'
    start -k "$@"
    talk '<220' '>NOOP 64' '<450' '>NOOP 65' '<250' '>QUIT' '<221'
    stop
}

# ---- who queues ----

wait_for_postfix() {
    end=$(($(date +%s) + 30))
    until "$@"; do
        if ! kill -0 "$master" || [ "$(date +%s)" -ge "$end" ]; then
            echo "in vain: $*"
            cat postfix.out "$place/log"
            return 1
        fi
    done
}

is_up() {
    [ -e "$place/queue/public/pickup" ]
}

is_through() {
    [ -n "$(find mail -name '*.eml')" ] &&
        [ -z "$(cd "$place/queue" && find maildrop incoming active deferred -type f)" ]
}

# start_postfix: $master, which relays to $port.  Nothing in it listens, and it ends by itself after a minute.
start_postfix() {
    [ "$(id -u)" -eq 0 ] || { echo "needs root, to run Postfix"; return 1; }
    for daemons in /usr/lib/postfix/sbin /usr/libexec/postfix /usr/lib/postfix; do
        [ ! -x "$daemons/master" ] || break
    done
    place=$(mktemp -d) # its daemons run as another user, who must come there
    master=
    trap 'kill $master $pid 2>/dev/null || :; rm -rf "$place"' EXIT
    chmod 755 "$place"
    mkdir "$place/etc" "$place/queue" "$place/data"
    chown postfix "$place/data"
    cat >"$place/etc/main.cf" <<END
compatibility_level = 3.6
queue_directory = $place/queue
data_directory = $place/data
daemon_directory = $daemons
maillog_file = $place/log
maillog_file_prefixes = $place
inet_interfaces = loopback-only
inet_protocols = ipv4
myhostname = mta.test
mydestination =
alias_maps =
relayhost = [127.0.0.1]:$port
disable_dns_lookups = yes
queue_run_delay = 1s
minimal_backoff_time = 1s
maximal_backoff_time = 1s
END
    cat >"$place/etc/master.cf" <<'END'
postlog   unix-dgram n - n - 1 postlogd
pickup    unix n - n 1 1 pickup
cleanup   unix n - n - 0 cleanup
qmgr      unix n - n 1 1 qmgr
rewrite   unix - - n - - trivial-rewrite
proxymap  unix - - n - - proxymap
bounce    unix - - n - 0 bounce
defer     unix - - n - 0 bounce
trace     unix - - n - 0 bounce
retry     unix - - n - - error
smtp      unix - - n - - smtp
END
    postfix -c "$place/etc" check >postfix.out 2>&1 || { cat postfix.out; return 1; }
    "$daemons/master" -c "$place/etc" -d -e 60 >>postfix.out 2>&1 &
    master=$!
    wait_for_postfix is_up
}

# Postfix is told to come back, does so, and delivers once.
t_greylisted_postfix_comes_back() {
    start -k -v -d mail --on 'mail #1: 451 4.7.1 greylisted, try again'
    start_postfix
    printf 'Subject: queued\n\nhello\n' | sendmail -C "$place/etc" -f a@x.test b@x.test
    wait_for_postfix is_through
    kill "$master"
    wait "$master" || :
    taken 1
    stop
    grep -q '^Subject: queued' mail/0001.eml
    [ "$(grep -c 'C: MAIL FROM:<a@x\.test>' err)" -eq 2 ]
    grep -q 'status=deferred.*451 4\.7\.1 greylisted, try again' "$place/log"
    grep -q 'status=sent (250' "$place/log"
}

# Postfix relays mail that came by SMTP with ORCPT of the type rfc822, and UTF-8 in xtext.
t_postfix_relays_smtputf8() {
    start -k -v -d mail
    start_postfix
    delta=$(printf '\316\264')
    printf '%s\r\n' 'EHLO t' 'MAIL FROM:<a@x.test> SMTPUTF8 RET=HDRS ENVID=a+3Db' \
        "RCPT TO:<$delta@x.test> NOTIFY=SUCCESS,FAILURE" DATA 'Subject: relayed' '' hello . QUIT |
        sendmail -C "$place/etc" -bs >talk.out || { cat talk.out "$place/log"; return 1; }
    wait_for_postfix is_through
    kill "$master"
    wait "$master" || :
    stop
    taken 1
    err_has "1 C: RCPT TO:<$delta@x\.test> ORCPT=rfc822;\+CE\+B4@x\.test NOTIFY=SUCCESS,FAILURE"
    grep -q '^Subject: relayed' mail/0001.eml
    fails grep 'status=bounced' "$place/log"
}
