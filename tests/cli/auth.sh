# SPDX-License-Identifier: ISC
# shellcheck shell=sh disable=SC2154 # the names come from lib
# Logins: each mechanism with real clients; and no secret of a login is ever shown.

t_curl_each_mechanism() {
    start -k -d mail -v --auth 'ann:pass word:x' --auth bob: --auth cid:token
    n=0
    for mechanism in PLAIN LOGIN CRAM-MD5; do
        for initial in --no-sasl-ir --sasl-ir; do
            deliver --login-options "AUTH=$mechanism" "$initial" -u 'ann:pass word:x'
            status_is 0
            n=$((n + 1))
            taken "$n"
            for wrong in 'ann:pass word' 'ann:pass word:xx' ann:token 'cid:pass word:x' eve:token; do
                deliver --login-options "AUTH=$mechanism" "$initial" -u "$wrong"
                status_is 67
            done
            deliver --login-options "AUTH=$mechanism" "$initial" -u cid:token
            status_is 0
            n=$((n + 1))
        done
    done
    taken "$n"
    stop
    # it was the mechanism asked for
    for said in PLAIN 'PLAIN \([0-9]+ octets\)' LOGIN 'LOGIN \([0-9]+ octets\)' CRAM-MD5; do
        grep -Eqx "[0-9]+ C: AUTH $said" err
    done
    [ "$(grep -c 'S: 535 5\.7\.8 Authentication failed$' err)" -eq 30 ]
}

t_curl_xoauth2() {
    start -k -d mail -v --auth cid:token
    for initial in --no-sasl-ir --sasl-ir; do
        deliver --login-options AUTH=XOAUTH2 "$initial" -u cid: --oauth2-bearer token
        status_is 0
        deliver --login-options AUTH=XOAUTH2 "$initial" -u cid: --oauth2-bearer toke
        status_is 67
        deliver --login-options AUTH=XOAUTH2 "$initial" -u sid: --oauth2-bearer token
        status_is 67
    done
    taken 2
    stop
    grep -qx '1 C: AUTH XOAUTH2' err
    grep -Eqx '4 C: AUTH XOAUTH2 \([0-9]+ octets\)' err
}

# RFC 7628 3.2.2: what went wrong comes as a challenge, the client answers with nothing.
t_xoauth2_failure() {
    start -k --auth cid:token
    # user=cid ^A auth=Bearer wrong ^A ^A
    talk '<220' '>EHLO t' '<250' '>AUTH XOAUTH2 dXNlcj1jaWQBYXV0aD1CZWFyZXIgd3JvbmcBAQ==' '<334' '>' '<535' \
        '>AUTH XOAUTH2' '<334' '>dXNlcj1jaWQBYXV0aD1CZWFyZXIgd3JvbmcBAQ==' '<334' '>' '<535' '>NOOP' '<250' \
        '>AUTH XOAUTH2 dXNlcj1jaWQBYXV0aD1CZWFyZXIgdG9rZW4BAQ==' '<235' '>QUIT' '<221' '<EOF' >got
    sed -n 's/^334 \(..*\)/\1/p' got | head -n 1 >challenge
    python3 -c 'import base64, json; assert json.loads(base64.b64decode(open("challenge").read()))["status"] == "401"'
    stop
}

t_curl_oauthbearer() {
    start -k -d mail -v -j -o out.json --auth cid:token --auth eve:tok,en= --auth-mechs OAUTHBEARER
    for initial in --no-sasl-ir --sasl-ir; do
        deliver --login-options AUTH=OAUTHBEARER "$initial" -u cid: --oauth2-bearer token
        status_is 0
        deliver --login-options AUTH=OAUTHBEARER "$initial" -u cid: --oauth2-bearer toke
        status_is 67
        deliver --login-options AUTH=OAUTHBEARER "$initial" -u cid: --oauth2-bearer tok,en=
        status_is 67
    done
    # GS2 has no names without a user, but tokens that tell it: "n,," ^A "auth=Bearer tok,en=" ^A ^A
    talk '<220' '>EHLO t' '<250' '>AUTH OAUTHBEARER bixhPWV2ZSwBYXV0aD1CZWFyZXIgd3JvbmcBAQ==' '<334' '>AQ==' '<535' \
        '>AUTH OAUTHBEARER biwsAWF1dGg9AQE=' '<334' '>AQ==' '<535' \
        '>AUTH OAUTHBEARER biwsAWF1dGg9QmVhcmVyIHRvayxlbj0BAQ==' '<235' '>MAIL FROM:<a@x.test>' '<250' \
        '>RCPT TO:<b@x.test>' '<250' '>DATA' '<354' '>hello' '>.' '<250' '>QUIT' '<221' '<EOF' >got
    sed -n 's/^334 \(..*\)/\1/p' got | head -n 1 >challenge
    python3 -c 'import base64, json; assert json.loads(base64.b64decode(open("challenge").read()))["status"] == "invalid_token"'
    taken 3
    stop
    grep -qx '1 C: AUTH OAUTHBEARER' err
    grep -Eqx '4 C: AUTH OAUTHBEARER \([0-9]+ octets\)' err
    [ "$(jq -r .client.auth out.json | tr '\n' ' ')" = 'cid cid eve ' ]
    # nobody is known by no token at all
    start -k --auth-mechs PLAIN,OAUTHBEARER
    talk '<220' '>EHLO t' '<250' '>AUTH OAUTHBEARER biwsAWF1dGg9AQE=' '<334' '>AQ==' '<535' '>QUIT' '<221' '<EOF' >got
    stop
}

# The client is ours, so that it can be wrong in each way; that it is right is for msmtp to show.
t_scram() {
    start -k -d mail -v --transcript said --auth-mechs SCRAM-SHA-1,SCRAM-SHA-256 --auth 'a,n=n:pencil' --auth 'bob:p:w' --auth "long:$(printf '%0100d' 7)"
    python3 - "$port" <<'PY'
import base64, hashlib, hmac, smtplib, sys
nonces = set()
def login(kind, user, password, header="n,,", header_again=None, nonce="abc", said=None, proof=None, initial=True, end=""):
    """Logs in; returns the codes of the replies, and whether the server has proved that it knows the password."""
    digest, codes, proved = "sha256" if kind.endswith("256") else "sha1", [], False
    b64 = lambda text: base64.b64encode(text).decode()
    def mac(key, text):
        return hmac.new(key, text, digest).digest()
    with smtplib.SMTP("127.0.0.1", int(sys.argv[1]), timeout=60) as s:
        s.ehlo()
        def say(text):
            code, reply = s.docmd(text)
            codes.append(code)
            return base64.b64decode(reply).decode() if code == 334 else None
        bare = "n=%s,r=%s" % (user.replace("=", "=3D").replace(",", "=2C"), nonce)
        first = b64((header + bare).encode())
        if initial:
            challenge = say("AUTH %s %s" % (kind, first))
        else:
            assert say("AUTH " + kind) == ""
            challenge = say(first)
        if challenge is None:
            return codes, proved
        both, salt, iterations = (attribute[2:] for attribute in challenge.split(","))
        assert both.startswith(nonce) and both not in nonces and int(iterations) >= 4096, challenge
        nonces.add(both)
        salted = hashlib.pbkdf2_hmac(digest, password.encode(), base64.b64decode(salt), int(iterations))
        last = "c=%s,r=%s" % (b64((header_again or header).encode()), said(both) if said else both)
        message = ("%s,%s,%s" % (bare, challenge, last)).encode()
        key = mac(salted, b"Client Key")
        signature = mac(hashlib.new(digest, key).digest(), message)
        right = bytes(a ^ b for a, b in zip(key, signature))
        answer = say(b64(("%s,p=%s" % (last, b64(proof or right))).encode()))
        if answer is not None:
            proved = answer == "v=" + b64(mac(mac(salted, b"Server Key"), message))
            say(end)
            if codes[-1] == 235:
                s.sendmail("a@x.test", ["b@x.test"], "Subject: t\r\n\r\nhello\r\n")
    return codes, proved
for kind in "SCRAM-SHA-1", "SCRAM-SHA-256", "scram-sha-256":
    for user, password in ("a,n=n", "pencil"), ("bob", "p:w"), ("long", "%0100d" % 7):
        assert login(kind, user, password) == ([334, 334, 235], True), (kind, user)
    assert login(kind, "bob", "p:w", initial=False) == ([334, 334, 334, 235], True)
    assert login(kind, "bob", "p:w", header="y,a=eve,", nonce="x" * 1024) == ([334, 334, 235], True)
    assert login(kind, "bob", "p:x") == ([334, 535], False)
    assert login(kind, "eve", "p:w") == ([334, 535], False)
    assert login(kind, "a,n=n", "p:w") == ([334, 535], False)
    assert login(kind, "", "") in (([501], False), ([334, 535], False))
    assert login(kind, "bob", "p:w", proof=b"x" * 20) == ([334, 535], False)
    assert login(kind, "bob", "p:w", header_again="y,,") == ([334, 501], False)
    assert login(kind, "bob", "p:w", said=lambda both: both[1:]) == ([334, 535], False)
    assert login(kind, "bob", "p:w", said=lambda both: both + "x") == ([334, 501], False)
    assert login(kind, "bob", "p:w", header="p=tls-unique,,") == ([501], False)
    assert login(kind, "bob", "p:w", end="*") == ([334, 334, 501], True)
    assert login(kind, "bob", "p:w", nonce="x" * 1025) == ([501], False)
PY
    taken 15
    stop
    fails grep -q pencil err said
    # no random text is in the transcript
    sed -n 's/^2 //p' said | sed -n '/C: AUTH/,/235/p' >got
    printf '%s\n' 'C: AUTH SCRAM-SHA-1 (20 octets)' 'S: 334 (challenge)' 'C: (100 octets)' 'S: 334 (challenge)' \
        'C: ' 'S: 235 2.7.0 Authentication successful' >want
    same got want
}

# msmtp checks the proof of the server.
t_msmtp_scram_and_oauthbearer() {
    send() {
        status=0
        printf 'Subject: t\n\nhello\n' | msmtp --file=/dev/null --host=127.0.0.1 --port="$port" --tls=off \
            --auth="$1" --user=ann --passwordeval="echo $2" --from=a@x.test b@x.test 2>msmtp.err || status=$?
    }
    start -k -d mail -v --auth ann:secret --auth-mechs SCRAM-SHA-256,OAUTHBEARER,SCRAM-SHA-1
    for mechanism in scram-sha-1 scram-sha-256 oauthbearer; do
        send "$mechanism" secret
        status_is 0
        send "$mechanism" wrong
        status_is 77
    done
    taken 3
    stop
    for mechanism in SCRAM-SHA-1 SCRAM-SHA-256 OAUTHBEARER; do grep -Eq "^[135] C: AUTH $mechanism" err; done
    # a proof of another server: 334 "v=" and so on
    start -k -d other --auth ann:secret --auth-mechs SCRAM-SHA-1 --on 'auth scram-sha-1/2 #1: 334 dj1ybUY5cHFWOFM3c3VBb1pXamE0ZEpSa0ZzS1E9'
    send scram-sha-1 secret
    [ "$status" -ne 0 ]
    send scram-sha-1 secret
    status_is 0
    [ "$(ls other)" = 0001.eml ]
    stop
}

# Only a server that knows the password can prove that it does.
t_scram_needs_a_login() {
    run --auth-mechs PLAIN,SCRAM-SHA-1
    status_is 2 'fakesmtp: --auth-mechs: SCRAM needs --auth, as the server proves to the client that it knows the password'
}

t_any_login_is_good_without_a_list() {
    start -k -d mail
    deliver --login-options AUTH=PLAIN -u who:ever
    status_is 0
    deliver --login-options AUTH=CRAM-MD5 -u who:ever
    status_is 0
    deliver --login-options AUTH=XOAUTH2 -u who: --oauth2-bearer ever
    status_is 0
    deliver
    status_is 0
    taken 4
    stop
}

# Every user can see the words of a command.
t_passwords_are_not_shown_by_ps() {
    start -n 1 -d mail --auth ann:secret --auth=bob:secret:too
    tr '\0' ' ' <"/proc/$pid/cmdline" >words
    fails grep -q secret words
    grep -qF -- '-d mail --auth ann:****** --auth=bob:********** ' words
    deliver -u bob:secret:too
    finish
    status_is 0
}

t_required() {
    start -k -d mail --require auth --auth ann:secret
    deliver
    status_is 55
    taken 0
    talk '<220' '>MAIL FROM:<a@x.test>' '<530' '>NOOP' '<250' '>HELP' '<214' '>RSET' '<250' '>EHLO t' '<250' \
        '>MAIL FROM:<a@x.test>' '<530' '>RCPT TO:<b@x.test>' '<5' '>DATA' '<5' '>NOOP' '<250' '>AUTH PLAIN AGFubgBzZWNyZXQ=' '<235' \
        '>MAIL FROM:<a@x.test>' '<250' '>QUIT' '<221' '<EOF' >got
    grep -qx '530 5\.7\.0 .*' got
    deliver -u ann:secret
    status_is 0
    deliver -u ann:secre
    status_is 67
    taken 1
    fails swaks --server "127.0.0.1:$port" -f a@x.test -t b@x.test >swaks.out 2>&1
    grep -q '530 5\.7\.0' swaks.out
    taken 1
    stop
}

# Without --auth any login will do, but there must be one.
t_required_of_anybody() {
    start -n 1 -d mail --require auth
    deliver
    status_is 55
    deliver -u who:ever
    status_is 0
    finish
    status_is 0
    taken 1
}

t_swaks() {
    start -k -d mail -v --auth 'ann:pass=word'
    for mechanism in PLAIN LOGIN CRAM-MD5; do
        swaks --server "127.0.0.1:$port" -f a@x.test -t b@x.test --auth "$mechanism" --auth-user ann \
            --auth-password 'pass=word' >swaks.out 2>&1 || { cat swaks.out; return 1; }
        status=0
        swaks --server "127.0.0.1:$port" -f a@x.test -t b@x.test --auth "$mechanism" --auth-user ann \
            --auth-password password >swaks.out 2>&1 || status=$?
        status_is 28
    done
    taken 3
    stop
    for mechanism in PLAIN LOGIN CRAM-MD5; do grep -Eq "^[135] C: AUTH $mechanism" err; done
}

t_smtplib() {
    start -k -d mail -v --auth 'ann:pa ss'
    python3 - "$port" <<'PY'
import smtplib, sys
def connect():
    return smtplib.SMTP("127.0.0.1", int(sys.argv[1]), timeout=60)
def mail(s):
    s.sendmail("a@x.test", ["b@x.test"], "Subject: t\r\n\r\nhello\r\n")
with connect() as s: # its CRAM-MD5 first
    s.login("ann", "pa ss")
    mail(s)
for method in "auth_plain", "auth_login", "auth_cram_md5":
    for initial in True, False:
        with connect() as s:
            s.ehlo()
            s.user, s.password = "ann", "pa ss"
            name = method[5:].upper().replace("_", "-")
            assert s.auth(name, getattr(s, method), initial_response_ok=initial)[0] == 235
            mail(s)
with connect() as s: # all it knows, and then the last refusal
    try:
        s.login("ann", "wrong")
        sys.exit("taken")
    except smtplib.SMTPAuthenticationError as e:
        assert e.smtp_code == 535, e
    s.login("ann", "pa ss") # it may try again
    mail(s)
PY
    stop
    taken 8
    grep -qx '1 C: AUTH CRAM-MD5' err
}

t_msmtp() {
    start -k -d mail -v --auth ann:secret
    for mechanism in plain login cram-md5; do
        printf 'Subject: t\n\nhello\n' | msmtp --file=/dev/null --host=127.0.0.1 --port="$port" --tls=off \
            --auth="$mechanism" --user=ann --passwordeval='echo secret' --from=a@x.test b@x.test
        status=0
        printf 'Subject: t\n\nhello\n' | msmtp --file=/dev/null --host=127.0.0.1 --port="$port" --tls=off \
            --auth="$mechanism" --user=ann --passwordeval='echo wrong' --from=a@x.test b@x.test 2>/dev/null || status=$?
        status_is 77
    done
    taken 3
    stop
    for mechanism in PLAIN LOGIN CRAM-MD5; do grep -Eq "^[135] C: AUTH $mechanism" err; done
}

t_s_nail() {
    start -k -d mail -v --auth ann:secret
    for mechanism in plain login cram-md5; do
        echo hello | env -u MAILRC HOME="$PWD" LC_ALL=C.UTF-8 s-nail -:/ -S v15-compat -S sendwait -S nosave \
            -S mta="smtp://ann:secret@127.0.0.1:$port" -S "smtp-auth=$mechanism" -S from=a@x.test -s t b@x.test
        echo hello | fails env -u MAILRC HOME="$PWD" LC_ALL=C.UTF-8 s-nail -:/ -S v15-compat -S sendwait -S nosave \
            -S mta="smtp://ann:wrong@127.0.0.1:$port" -S "smtp-auth=$mechanism" -S from=a@x.test -s t b@x.test 2>/dev/null
    done
    taken 3
    stop
    for mechanism in PLAIN LOGIN CRAM-MD5; do grep -Eq "^[135] C: AUTH $mechanism" err; done
}

t_git_send_email() {
    export HOME="$PWD" GIT_CONFIG_NOSYSTEM=1 EMAIL=a@x.test GIT_AUTHOR_NAME=A GIT_COMMITTER_NAME=A
    git init -q repository
    git -C repository commit -q --allow-empty -m 'Add nothing'
    git -C repository format-patch -q -1 --always
    start -k -d mail -v --require auth --auth ann:secret
    for mechanism in PLAIN LOGIN CRAM-MD5; do
        git -C repository send-email --quiet --suppress-cc=all --confirm=never --from=a@x.test --to=b@x.test \
            --smtp-server=127.0.0.1 --smtp-server-port="$port" --smtp-user=ann --smtp-pass=secret \
            --smtp-auth="$mechanism" 0001-Add-nothing.patch >git.out 2>&1 || { cat git.out; return 1; }
    done
    fails git -C repository send-email --quiet --suppress-cc=all --confirm=never --from=a@x.test --to=b@x.test \
        --smtp-server=127.0.0.1 --smtp-server-port="$port" --smtp-user=ann --smtp-pass=wrong \
        --smtp-auth=PLAIN 0001-Add-nothing.patch >git.out 2>&1 </dev/null
    taken 3
    stop
    for mechanism in PLAIN LOGIN CRAM-MD5; do grep -Eq "^[123] C: AUTH $mechanism" err; done
}

# A name or a password need not be text that a shell likes.
t_odd_logins() {
    start -k --auth "a b:" --auth 'c:d:e' --auth "$(printf '\303\274:\303\237')"
    python3 - "$port" <<'PY'
import base64, smtplib, sys
def plain(user, password, authzid=b""):
    with smtplib.SMTP("127.0.0.1", int(sys.argv[1]), timeout=60) as s:
        s.ehlo()
        return s.docmd("AUTH PLAIN", base64.b64encode(b"\0".join((authzid, user, password))).decode())[0]
assert plain(b"a b", b"") == 235
assert plain(b"a b", b"x") == 535
assert plain(b"c", b"d:e") == 235
assert plain(b"c", b"d:e", b"another") == 235
assert plain(b"c:d", b"e") == 535
assert plain(b"c", b"d") == 535
assert plain(b"c", b"D:E") == 535
assert plain(b"C", b"d:e") == 535
assert plain("\u00fc".encode(), "\u00df".encode()) == 235
assert plain(b"", b"") in (501, 535)
PY
    stop
}

t_received_tells_of_it() {
    start -k -e -d mail
    deliver
    status_is 0
    deliver -u ann:secret
    status_is 0
    stop
    grep -Eq 'with ESMTP( |$)' mail/0001.eml
    grep -Eq 'with ESMTPA( |$)' mail/0002.eml
    fails grep -q secret mail/0002.eml
}

# ---- secrets ----

# The ways in which a client may say its password: nothing of it is shown, however wrong it is.
secrets() {
    base64=$(printf '\0ann\0open-sesame' | base64)
    talk '<220' ">AUTH PLAIN $base64" '<503' '>EHLO t' '<250' ">AUTH FOO $base64" '<504' ">AUTH PLAIN =$base64" '<501' \
        ">AUTH PLAIN $base64 x" '<501' ">AUTH  PLAIN $base64" '<' \
        + '<220' '>EHLO t' '<250' ">AUTH CRAM-MD5 $base64" '<5' '>AUTH LOGIN' '<334' '>YW5u' '<334' \
        ">!$base64" '<501' '>AUTH LOGIN YW5u' '<334' '>b3Blbi1zZXNhbWU=' '<' '>AUTH LOGIN YW5u' '<503' \
        ">AUTH PLAIN $base64" '<503' '>MAIL FROM:<a@x.test>' '<250' ">AUTH PLAIN $base64" '<503' '>QUIT' '<221' '<EOF' \
        + '<220' '>EHLO t' '<250' '>AUTH PLAIN' '<334' ">$base64" '<235' '>QUIT' '<221' '<EOF' \
        + '<220' '>EHLO t' '<250' '=AUTH PLAIN ' "=$base64" '=\r\n' '<235' '>QUIT' '<221' '<EOF' \
        + '<220' '>EHLO t' '<250' '=AUTH PLAIN ' "*3000:$base64" '=\r\n' '<5' '>QUIT' '<221' '<EOF' \
        + '<220' '>EHLO t' '<250' ">AUTH PLAIN $base64" '<235' '>MAIL FROM:<a@x.test>' '<250' '>RCPT TO:<b@x.test>' \
        '<250' '>DATA' '<354' '>hello' '>.' '<250' '>QUIT' '<221' '<EOF' >talk.out
}

# not_shown FILE ...: neither as it is nor in base64, at any offset
not_shown() {
    for word in open-sesame "$(printf '\0ann\0open-sesame' | base64)" b3Blbi1zZXNhbW wZW4tc2VzYW1 vcGVuLXNlc2FtZ; do
        fails grep -F -e "$word" "$@"
    done
}

t_secrets_are_not_shown() {
    start -k -v -d mail -e
    secrets
    stop
    not_shown out err talk.out
    fails grep -rF open-sesame mail
    grep -qx "1 C: AUTH FOO (24 octets)" err
    grep -qx "3 C: AUTH PLAIN" err
    grep -qx "3 C: (24 octets)" err
    grep -qx "4 C: AUTH PLAIN (24 octets)" err
    # nor where nobody may log in
    start -k -v --hide AUTH
    talk '<220' '>EHLO t' '<250' '>AUTH PLAIN AGFubgBvcGVuLXNlc2FtZQ==' '<5' '>QUIT' '<221' '<EOF' >talk.out
    stop
    not_shown out err talk.out
}

# The name of a mechanism that we do not know is shown, if it can be no secret.
t_unknown_mechanisms_are_shown() {
    start -k -v --transcript transcript --hide CRAM-MD5
    talk '<220' '>EHLO t' '<250' '>AUTH NTLM TlRMTVNTUAAB' '<504' '>auth scram-sha-256-plus  TlRMTVNTUAAB' '<504' \
        '>AUTH KERBEROS_V4' '<504' '>AUTH CRAM-MD5' '<504' '>AUTH b3Blbi1zZXNhbWU' '<504' '>AUTH 4711' '<504' \
        '>AUTH NTLM=b3Blbi1zZXNhbWU' '<504' '>QUIT' '<221' '<EOF' >talk.out
    stop
    not_shown out err talk.out transcript
    for file in err transcript; do
        sed -n 's/^1 C: \(AUTH.*\)/\1/Ip' $file >got
        printf '%s\n' 'AUTH NTLM (12 octets)' 'auth scram-sha-256-plus (12 octets)' 'AUTH KERBEROS_V4' 'AUTH CRAM-MD5' \
            'AUTH (15 octets)' 'AUTH (4 octets)' 'AUTH (20 octets)' >want
        same got want
    done
    sed -n 's/^504 5\.5\.4 //p' talk.out >got
    printf '%s is not offered\n' NTLM scram-sha-256-plus KERBEROS_V4 CRAM-MD5 This This This >want
    same got want
}

# These are no AUTH; but what is meant is plain.
t_secrets_of_malformed_auth_are_not_shown() {
    b64=AGFubgBvcGVuLXNlc2FtZQ==
    start -k -v
    talk '<220' '>EHLO t' '<250' ">auth\\tplain $b64" '<5' ">AUTH PLAIN\\t$b64" '<5' "> AUTH PLAIN $b64" '<5' \
        ">AUTH $b64" '<5' ">AUTH=PLAIN $b64" '<5' ">AUTHPLAIN $b64" '<5' ">AUTH\\0PLAIN $b64" '<5' \
        ">AUTH PLAIN\\r$b64" '<5' ">\\0AUTH PLAIN $b64" '<5' ">AUTH PLAIN:$b64" '<5' '>QUIT' '<221' '<EOF' >talk.out
    stop
    not_shown err talk.out
}

# Some clients go on whatever they are told.
t_secrets_after_a_refused_auth_are_not_shown() {
    start -k -v --hide AUTH
    talk '<220' '>EHLO t' '<250' '>AUTH LOGIN' '<502' '>YW5u' '<500' '>b3Blbi1zZXNhbWU=' '<500' '>NOOP' '<250' \
        '>FROB' '<500' '>QUIT' '<221' '<EOF' >talk.out
    stop
    not_shown err talk.out
    grep -qx '1 C: FROB' err
}

t_secrets_are_not_in_the_end_of_the_dialogue() {
    start -n 2 -t 60s -d mail
    talk '<220' '>EHLO t' '<250' '>AUTH LOGIN' '<334' '>YW5u' '<334' '>b3Blbi1zZXNhbWU=' '<235' '>NOOP' '<250' >talk.out
    kill "$pid"
    finish
    status_is 1
    grep -qx '1 C: (16 octets)' err
    not_shown err
    start -n 2 -t 60s -d mail
    talk '<220' '>EHLO t' '<250' '>AUTH PLAIN AGFubgBvcGVuLXNlc2FtZQ==' '<235' >talk.out
    kill "$pid"
    finish
    status_is 1
    grep -qx '1 C: AUTH PLAIN (24 octets)' err
    not_shown err
}

# Once a login is over, nothing that can be written to holds its password: no buffer, no stack.
t_secrets_do_not_stay_in_memory() {
    [ -z "${FAKESMTP_INSTRUMENTED-}" ] || return 0
    python3 - "$FAKESMTP" <<'PY'
import atexit, base64, os, re, socket, struct, subprocess, sys
os.mkfifo("port")
# our own child, so that its memory can be read
server = subprocess.Popen([sys.argv[1], "-q", "-k", "-p", "0", "--port-file", "port", "-d", "mail",
                           "--on", "auth ann.drop: delay 10ms, drop", "--on", "auth ntlm/1: 334 x",
                           "--on", "auth ntlm/2: delay 10ms, 235 in"])
atexit.register(server.kill)
port = int(open("port").read())
plain = base64.b64encode(b"\0ann\0open-sesame")
def found():
    n = 0
    with open("/proc/%d/maps" % server.pid) as maps, open("/proc/%d/mem" % server.pid, "rb", 0) as memory:
        for line in maps:
            start, end = (int(x, 16) for x in line.split()[0].split("-"))
            if "w" in line.split()[1]:
                memory.seek(start)
                octets = memory.read(end - start)
                n += sum(len(re.findall(word, octets)) for word in (b"open-sesame", b"b3Blbi1zZXNhbW", b"wZW4tc2VzYW1", b"vcGVuLXNlc2FtZ"))
    return n
def session(*lines):
    s = socket.create_connection(("127.0.0.1", port), timeout=60)
    s.recv(1000)
    for octets in (b"EHLO t\r\n",) + lines:
        s.sendall(octets)
        s.recv(1000)
    return s
kept = []
def clean(what, *lines):
    kept.append(session(*lines))
    assert found() == 0, "%s: the password is in memory %d times" % (what, found())
clean("at once", b"AUTH PLAIN " + plain + b"\r\n", b"NOOP\r\n")
clean("no command after it", b"AUTH PLAIN " + plain + b"\r\n")
clean("in two steps", b"AUTH PLAIN\r\n", plain + b"\r\n")
clean("name and password", b"AUTH LOGIN\r\n", b"YW5u\r\n", base64.b64encode(b"open-sesame") + b"\r\n")
clean("to rules", b"AUTH NTLM\r\n", base64.b64encode(b"open-sesame") + b"\r\n", b"NOOP\r\n")
clean("to no rule", b"AUTH NTLM " + plain + b"\r\n")
clean("not base64", b"AUTH PLAIN !" + plain + b"\r\n")
clean("with the next command", b"AUTH PLAIN " + plain + b"\r\nNOOP\r\n")
clean("with half of the next command", b"AUTH PLAIN " + plain + b"\r\nNO")
clean("behind the end", b"QUIT\r\nAUTH PLAIN " + plain + b"\r\n")
clean("once more", b"AUTH PLAIN " + plain + b"\r\n", plain + b"\r\n")
clean("to one who is dropped later", b"AUTH PLAIN " + base64.b64encode(b"\0ann.drop\0open-sesame") + b"\r\n")
# what is freed is used again from its beginning
long = base64.b64encode(b"z" * 90 + b"\0ann\0open-sesame")
s = session(b"AUTH PLAIN\r\n")
s.sendall(long[:-3])
while not found(): # or the search would find nothing anyway
    pass
s.sendall(long[-3:] + b"\r\n")
s.recv(1000)
clean("in two pieces")
s = session(b"AUTH PLAIN\r\n")
s.sendall(long[:-3])
while not found():
    pass
s.close() # in the midst of it
clean("after one who left")
s = session(b"AUTH PLAIN\r\n")
s.sendall(long[:-3])
while not found():
    pass
s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
s.close()
clean("after one who reset the connection")
mail = b"MAIL FROM:<>\r\nRCPT TO:<b@x.test>\r\nDATA\r\nhello\r\n.\r\n"
clean("behind mail and the end", mail + b"QUIT\r\nAUTH PLAIN " + plain + b"\r\n")
clean("in a line that is too long, with mail", b"AUTH PLAIN " + plain + b"A" * 13000 + b"\r\n" + mail)
server.terminate()
server.wait()
PY
}

# ---- long lines ----

# RFC 4954 4: 12,288 octets of base64
t_long_responses() {
    start -k --auth "bob:$(printf '%09180d' 7)"
    python3 - "$port" <<'PY'
import base64, socket, sys
def connect():
    s = socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=60)
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    replies = s.makefile("rb")
    assert replies.readline().startswith(b"220 ")
    s.sendall(b"EHLO t\r\n")
    while replies.readline()[3:4] == b"-":
        pass
    def say(octets):
        s.sendall(octets)
        return replies.readline()
    return s, replies, say
token = b"%09180d" % 7
def xoauth2(token):
    return base64.b64encode(b"user=bob\1auth=Bearer " + token + b"\1\1")
response = xoauth2(token)
assert 12200 < len(response) + 2 <= 12288, len(response)
s, replies, say = connect()
assert say(b"AUTH XOAUTH2\r\n") == b"334 \r\n"
assert say(response + b"\r\n").startswith(b"235 ")
s, replies, say = connect()
assert say(b"AUTH XOAUTH2 " + response + b"\r\n").startswith(b"235 ")
s, replies, say = connect()
assert say(b"AUTH XOAUTH2 " + xoauth2(token[:-1] + b"8") + b"\r\n").startswith(b"334 ")
assert say(b"\r\n").startswith(b"535 ")
# 12,288 octets of it
assert say(b"AUTH PLAIN\r\n") == b"334 \r\n"
assert say(b"Q" * 12288 + b"\r\n")[:3] in (b"501", b"535")
# octet by octet
def slowly(octets):
    for i in range(len(octets)):
        s.sendall(octets[i : i + 1])
    return replies.readline()
assert slowly(b"AUTH XOAUTH2\r\n") == b"334 \r\n"
assert slowly(xoauth2(b"short") + b"\r\n").startswith(b"334 ")
assert slowly(b"\r\n").startswith(b"535 ")
assert slowly(b"AUTH XOAUTH2 " + response + b"\r\n").startswith(b"235 ")
# far too long: 500, and then commands again
s, replies, say = connect()
assert say(b"AUTH PLAIN\r\n") == b"334 \r\n"
assert say(b"Q" * 200000 + b"\r\n").startswith(b"500 5.5.6 ")
assert say(b"NOOP\r\n").startswith(b"250 ")
assert say(b"AUTH PLAIN " + b"Q" * 200000 + b"\r\n")[:4] in (b"500 ", b"501 ")
assert say(b"NOOP\r\n").startswith(b"250 ")
PY
    stop
}

t_chosen_mechanisms() {
    while IFS='|' read -r options listed; do
        # shellcheck disable=SC2086 # words
        start -k -d mail $options
        talk '<220' '>EHLO t' '<250' '>QUIT' '<221' '<EOF' >got
        stop
        [ "$(sed -n 's/^250-AUTH //p' got)" = "$listed" ] || { echo "with $options"; cat got; return 1; }
    done <<'END'
--auth-mechs LOGIN|LOGIN
--auth-mechs xoauth2,Plain|XOAUTH2 PLAIN
--auth-mechs LOGIN --auth-mechs CRAM-MD5,PLAIN|LOGIN CRAM-MD5 PLAIN
--auth-mechs LOGIN,PLAIN --hide CRAM-MD5,SIZE|LOGIN PLAIN
--hide PLAIN,LOGIN,CRAM-MD5|XOAUTH2
--auth a:b --auth-mechs SCRAM-SHA-256,PLAIN|SCRAM-SHA-256 PLAIN
--auth a:b|PLAIN LOGIN CRAM-MD5 XOAUTH2
--auth-mechs OAUTHBEARER,XOAUTH2 --hide PLAIN,SCRAM-SHA-1|OAUTHBEARER XOAUTH2
END
    # a client takes the one that is there, and nothing else is taken
    start -k -d mail -v --auth ann:secret --auth-mechs LOGIN
    deliver -u ann:secret
    status_is 0
    talk '<220' '>EHLO t' '<250' '>AUTH PLAIN AGFubgBzZWNyZXQ=' '<504' '>QUIT' '<221' '<EOF' >got
    stop
    grep -q '^1 C: AUTH LOGIN' err
}

# ---- mechanisms that are not built in ----

# Rules for the steps of a mechanism bring it: after those that are built in, in the order of the rules, once.
t_ruled_mechanisms_are_offered() {
    while IFS='|' read -r event listed options; do
        # shellcheck disable=SC2086 # words
        start -k -f none --on "auth $event: 334 x" --on 'auth ntlm/2: 235 in' --on 'auth plain/1: 334 ' $options
        talk '<220' '>EHLO t' '<250' '>QUIT' '<221' '<EOF' >got
        stop
        [ "$(sed -n 's/^250-AUTH //p' got)" = "$listed" ] || { echo "$event $options"; cat got; return 1; }
    done <<'END'
x-Own_1/1|PLAIN LOGIN CRAM-MD5 XOAUTH2 X-OWN_1 NTLM|
GSSAPI/initial|PLAIN LOGIN CRAM-MD5 XOAUTH2 GSSAPI NTLM|
NTLM/1|PLAIN LOGIN CRAM-MD5 XOAUTH2 NTLM|
gssapi/*|PLAIN LOGIN CRAM-MD5 XOAUTH2 GSSAPI NTLM|
gssapi|PLAIN LOGIN CRAM-MD5 XOAUTH2 NTLM|
gss*/1|PLAIN LOGIN CRAM-MD5 XOAUTH2 NTLM|
gss?pi/1|PLAIN LOGIN CRAM-MD5 XOAUTH2 NTLM|
*/1|PLAIN LOGIN CRAM-MD5 XOAUTH2 NTLM|
ABCDEFGHIJKLMNOPQRST/12|PLAIN LOGIN CRAM-MD5 XOAUTH2 ABCDEFGHIJKLMNOPQRST NTLM|
gssapi/1|NTLM PLAIN GSSAPI|--auth-mechs ntlm,PLAIN,Gssapi
gssapi/1|PLAIN|--auth-mechs PLAIN
gssapi/1|PLAIN LOGIN CRAM-MD5 XOAUTH2 GSSAPI|--hide NTLM
gssapi/1|GSSAPI|--hide NTLM,PLAIN,login --hide CRAM-MD5,XOAUTH2
gssapi/1||--hide AUTH
END
    # nothing is left to offer
    start -k -f none --on 'auth ntlm/1: 334 x' --hide NTLM,PLAIN,LOGIN,CRAM-MD5,XOAUTH2
    talk '<220' '>EHLO t' '<250' '>AUTH NTLM' '<502' '>QUIT' '<221' '<EOF' >got
    stop
    fails grep -q '^250.AUTH' got
}

# Each line of the client is a step; what no rule answers is refused, and says so; an asterisk ends it.
t_ruled_mechanism() {
    start -k -v -j --require auth --auth ann:secret --transcript said --on 'auth ntlm/1: 334 NTLM supported' \
        --on 'auth ntlm/2: 334 c2VydmVy' --on 'auth NTLM/3: 235 2.7.0 in' --on 'auth ntlm/initial: 334 Zmlyc3Q='
    mail='>MAIL FROM:<a@x.test>'
    talk '<220' '>EHLO t' '<250' '>AUTH NTLM' '<334' '>c2VzYW1lLW9uZQ==' '<334' '>c2VzYW1lLXR3bw==' '<235' "$mail" '<250' \
        '>RCPT TO:<b@x.test>' '<250' '>DATA' '<354' '>x' '>.' '<250' '>QUIT' '<221' '<EOF' \
        + '<220' '>EHLO t' '<250' '>auth Ntlm c2VzYW1lLW9uZQ==' '<334' '>c2VzYW1lLXR3bw==' '<334' '>*' '<501' "$mail" '<530' \
        '>AUTH NTLM =' '<334' '>!' '<501' '>AUTH NTLM' '<334' '>' '<334' '>' '<235' '>AUTH NTLM' '<503' '>QUIT' '<221' '<EOF' \
        + '<220' '>EHLO t' '<250' '>AUTH LOGIN YW5u' '<334' '>*' '<501' '>AUTH NTLM' '<334' '>' '<334' '>' '<235' "$mail" '<250' \
        '>RCPT TO:<b@x.test>' '<250' '>DATA' '<354' '>x' '>.' '<250' '>AUTH NTLM' '<503' '>QUIT' '<221' '<EOF' >got
    stop
    grep -qx '334 NTLM supported' got
    # who it is nobody knows, whatever was said before
    [ "$(jq -c '.client | [.auth, .protocol]' out | tr -d '\n')" = '[null,"ESMTPA"][null,"ESMTPA"]' ]
    fails grep -e c2VzYW1l err said
    sed -n 's/^1 //p' said | sed -n '/C: AUTH/,/235/p' >lines
    printf '%s\n' 'C: AUTH NTLM' 'S: 334 NTLM supported' 'C: (16 octets)' 'S: 334 c2VydmVy' 'C: (16 octets)' 'S: 235 2.7.0 in' >want
    same lines want
    err_has '2 C: auth Ntlm \(16 octets\)'
}

t_step_without_a_rule() {
    start -k -v -f none --on 'auth ntlm/2: 235 in' --on 'auth external/initial: 235 in' --on 'auth digest-md5/1: 334 eA==' \
        --on 'auth x/1 #1: 454 4.7.0 later' --on 'auth slow/1: 334 ' --on 'auth slow/2: delay 10ms'
    talk '<220' '>EHLO t' '<250' '>AUTH NTLM' '<535' '>AUTH NTLM eA==' '<535' '>AUTH EXTERNAL' '<535' '>AUTH DIGEST-MD5' '<334' '>eA==' '<535' \
        '>AUTH X' '<454' '>AUTH X' '<535' '>AUTH SLOW' '<334' '>eA==' '<535' '>NOOP' '<250' '>AUTH EXTERNAL =' '<235' '>QUIT' '<221' '<EOF' >got
    stop
    sed -n 's/^535 //p' got >lines
    printf '5.7.8 No rule replies to %s\n' NTLM/1 NTLM/initial EXTERNAL/1 DIGEST-MD5/2 X/1 SLOW/2 >want
    same lines want
    # that the client gives up, or is malformed, is a step, too
    start -k -f none --on 'auth ntlm/1: 334 x' --on 'auth! ntlm/2: 501 cancelled by client' --on 'auth! login/2: 501 never mind'
    talk '<220' '>EHLO t' '<250' '>AUTH NTLM' '<334' '>*' '<501' '>AUTH NTLM' '<334' '>!' '<501' '>AUTH LOGIN' '<334' '>!' '<501' \
        '>AUTH NTLM !' '<501' '>QUIT' '<221' '<EOF' >got
    stop
    sed -n 's/^501 //p' got >lines
    printf '%s\n' 'cancelled by client' 'cancelled by client' 'never mind' '5.5.2 This is not base64' >want
    same lines want
    # a rule for any step is one for these, too; and one for a user is not
    start -k -f none --on 'auth ntlm/1: 334 ' --on 'auth ann: 235 in' --on 'auth *: 235 in' --on 'auth: 454 4.7.0 later'
    talk '<220' '>EHLO t' '<250' '>AUTH NTLM' '<334' '>eA==' '<454' '>AUTH LOGIN YW5u' '<235' '>QUIT' '<221' '<EOF' \
        + '<220' '>EHLO t' '<250' '>AUTH LOGIN Ym9i' '<235' '>QUIT' '<221' '<EOF' >got
    stop
}

# With LMTP, under TLS, dropped and slow; and the answer to the failure of a token can be any.
t_ruled_mechanism_elsewhere() {
    start_on lmtp://127.0.0.1:0 -k -d mail --require auth --on 'auth gssapi/initial: 334 ' --on 'auth gssapi/2: 235 in'
    talk '<220' '>LHLO t' '<250' '>MAIL FROM:<>' '<530' '>AUTH GSSAPI eA==' '<334' '>eA==' '<235' '>MAIL FROM:<>' '<250' \
        '>RCPT TO:<b@x.test>' '<250' '>DATA' '<354' '>x' '>.' '<250' '>QUIT' '<221' '<EOF'
    stop
    taken 1
    start -k -f none --on 'auth ntlm/1: 334 eA==; drop' --on 'auth ntlm/initial: delay 10ms, 334 eA==' --on 'auth ntlm/2: drop'
    talk '<220' '>EHLO t' '<250' '>AUTH NTLM' '<334' '<EOF' + '<220' '>EHLO t' '<250' '>AUTH NTLM eA==' '<334' '>eA==' '<EOF'
    stop
    start -k -f none --auth ann:token --auth-mechs OAUTHBEARER --on 'auth oauthbearer/2 #1: 535 mine' --on 'auth oauthbearer/3: 535 two\nlines'
    talk '<220' '>EHLO t' '<250' '>AUTH OAUTHBEARER biwsAWF1dGg9QmVhcmVyIHdyb25nAQE=' '<334' '>AQ==' '<535' \
        '>AUTH OAUTHBEARER' '<334' '>biwsAWF1dGg9QmVhcmVyIHdyb25nAQE=' '<334' '>AQ==' '<535' '>QUIT' '<221' '<EOF' >got
    stop
    sed -n '/^535/p' got >lines
    printf '%s\n' '535 mine' '535-two' '535 lines' >want
    same lines want
}

# The cases of curl's own tests whose mechanisms its test server plays by replies that it is told.

# own_case NUMBER STATUS SAID LOGIN WORD ...: curl, in that case of its own tests, ends with STATUS; SAID, an expression with
# "|" after each line, is what it says from EHLO to MAIL or to its end; LOGIN stands in the URL
own_case() {
    number=$1 want=$2 said=$3 url="smtp://${4}127.0.0.1:$port"
    shift 4
    deliver_to "$url" "$@"
    ended=$status
    stop
    sed -n 's/^1 C: //p' transcript | sed '1d; /^MAIL/,$d' | tr '\n' '|' >got
    mails=$(find mail -name '*.eml' | wc -l)
    if [ "$ended" -ne "$want" ] || [ "$mails" -ne $((want == 0)) ] || ! grep -Eqx "$said" got; then
        echo "case $number: status $ended, $mails messages"
        cat curl.err transcript
        return 1
    fi
    rm -r mail transcript
}

# A challenge of NTLM as the cases have it: type 2, flags 0x018286, of the domain CC.
NTLM_CHALLENGE='TlRMTVNTUAACAAAAAgACADAAAACGggEAc51AYVDgyNcAAAAAAAAAAG4AbgAyAAAAQ0MC'
NTLM_CHALLENGE=${NTLM_CHALLENGE}'AAQAQwBDAAEAEgBFAEwASQBTAEEAQgBFAFQASAAEABgAYwBjAC4AaQBjAGUAZABlAHYALgBuAHUAAwAsAGUAbABpAHMAYQBiAGUAdABoAC4AYwBjAC4AaQBjAGUAZABlAHYALgBuAHUAAAAAAA=='

t_curls_cases_of_ntlm() {
    curl -V | grep -qw NTLM || { echo 'this curl is built without NTLM, which its cases 906, 921, 933 and 936 need'; return 1; }
    set -- -k -d mail --transcript transcript --on 'auth ntlm/1: 334 NTLM supported'
    start "$@" --auth-mechs NTLM --on "auth ntlm/2: 334 $NTLM_CHALLENGE" --on 'auth ntlm/3: 235 Authenticated'
    own_case 906 0 'AUTH NTLM\|\(44 octets\)\|\([0-9]+ octets\)\|' '' -u testuser:testpass
    start "$@" --auth-mechs NTLM --on "auth ntlm/initial: 334 $NTLM_CHALLENGE" --on 'auth ntlm/2: 235 Authenticated'
    own_case 921 0 'AUTH NTLM \(44 octets\)\|\([0-9]+ octets\)\|' '' -u testuser:testpass --sasl-ir
    set -- "$@" --on 'auth ntlm/2: 334 Rubbish' --on 'auth! ntlm/3: 501 AUTH exchange cancelled by client'
    start "$@" --auth-mechs NTLM
    own_case 933 67 'AUTH NTLM\|\(44 octets\)\|\*\|' '' -u testuser:testpass
    start "$@" --auth-mechs NTLM,PLAIN --on 'auth plain/1: 334 PLAIN supported' --on 'auth plain/2: 235 Authenticated'
    own_case 936 0 'AUTH NTLM\|\(44 octets\)\|\*\|AUTH PLAIN\|\(16 octets\)\|' '' -u user:secret
}

# The octets of the response are curl's own choice, but not their number.
t_curls_cases_of_digest_md5() {
    challenge=$(printf 'realm="cu\\"rl",nonce="5300d17a1d695bd411e4cdf96f9548c23ced6175",algorithm=md5-sess,qop="auth"' | base64 | tr -d '\n')
    set -- -k -d mail --transcript transcript
    start "$@" --on "auth digest-md5/1: 334 $challenge" --on "auth digest-md5/2: 334 $(printf 'rspauth=9ea859cb9d90c37ca30d49d35378630c' | base64)" \
        --on 'auth digest-md5/3: 235 Authenticated' --auth-mechs DIGEST-MD5
    own_case 907 0 'AUTH DIGEST-MD5\|\(276 octets\)\|\|' '' -u 'us"er:secret'
    set -- "$@" --on 'auth digest-md5/1: 334 Rubbish' --on 'auth! digest-md5/2: 501 AUTH exchange cancelled by client'
    start "$@" --auth-mechs DIGEST-MD5
    own_case 934 67 'AUTH DIGEST-MD5\|\*\|' '' -u user:secret
    start "$@" --auth-mechs DIGEST-MD5,PLAIN --on 'auth plain/1: 334 PLAIN supported' --on 'auth plain/2: 235 Authenticated'
    own_case 937 0 'AUTH DIGEST-MD5\|\*\|AUTH PLAIN\|\(16 octets\)\|' '' -u user:secret
}

# Some versions of curl say "=" for an empty response; that is not base64 (RFC 4954 4), so the rule has a mark.
t_curls_cases_of_external() {
    set -- -k -d mail --transcript transcript --auth-mechs EXTERNAL --on 'auth external/1: 334 EXTERNAL supported' \
        --on 'auth! external/2: 235 Authenticated' --on 'auth external/initial: 235 Authenticated'
    start "$@"
    own_case 942 0 'AUTH EXTERNAL\|\(8 octets\)\|' 'user;AUTH=EXTERNAL@'
    start "$@"
    own_case 943 0 'AUTH EXTERNAL\|(\(1 octets\))?\|' ';AUTH=EXTERNAL@'
    start "$@"
    own_case 944 0 'AUTH EXTERNAL \(8 octets\)\|' 'user;AUTH=EXTERNAL@' --sasl-ir
    start "$@"
    own_case 945 0 'AUTH EXTERNAL \(1 octets\)\|' ';AUTH=EXTERNAL@' --sasl-ir
}

# By rules alone, and without a rule: the server refuses any other token by itself.
t_curls_cases_of_oauthbearer() {
    set -- -k -d mail --transcript transcript --auth-mechs OAUTHBEARER
    token=mF_9.B5f-4.1JqM
    first='\([0-9]+ octets\)'
    failure=$(printf '{"status":"invalid_token","scope":"example_scope","openid-configuration":"https://example.com/.well-known/openid-configuration"}' | base64 | tr -d '\n')
    refusal='535 Username and Password not accepted. Learn more at; 535 http://support.example.com/mail/oauth'
    start "$@" --on 'auth oauthbearer/1: 334 OAUTHBEARER supported' --on 'auth oauthbearer/2: 235 Authenticated'
    own_case 946 0 "AUTH OAUTHBEARER\|$first\|" '' -u user: --oauth2-bearer "$token"
    start "$@" --auth "user:$token"
    own_case 946 0 "AUTH OAUTHBEARER\|$first\|" '' -u user: --oauth2-bearer "$token"
    start "$@" --on 'auth oauthbearer/initial: 235 Authenticated'
    own_case 947 0 "AUTH OAUTHBEARER $first\|" '' -u user: --oauth2-bearer "$token" --sasl-ir
    start "$@" --on 'auth oauthbearer/1: 334 OAUTHBEARER supported' --on "auth oauthbearer/2: 334 $failure" --on "auth oauthbearer/3: $refusal"
    own_case 948 67 "AUTH OAUTHBEARER\|$first\|\(4 octets\)\|" '' -u user: --oauth2-bearer "$token"
    fails grep 'never fired' err
    start "$@" --on "auth oauthbearer/initial: 334 $failure" --on "auth oauthbearer/2: $refusal"
    own_case 949 67 "AUTH OAUTHBEARER $first\|\(4 octets\)\|" '' -u user: --oauth2-bearer "$token" --sasl-ir
    fails grep 'never fired' err
    start "$@" --auth user:another
    own_case 949 67 "AUTH OAUTHBEARER $first\|\(4 octets\)\|" '' -u user: --oauth2-bearer "$token" --sasl-ir
}

t_ruled_mechanism_usage() {
    name='expected a mechanism before the slash: up to 20 letters, digits, dashes and underscores'
    step='expected the number of a step, or initial; in the name of a user \? matches a slash'
    while IFS='|' read -r event column want; do
        run --on "auth $event: 334 x" true
        eval "want=\$$want"
        status_is 2 "fakesmtp: --on: 'auth .*': at .*, column $column: $want" || { echo "$event"; return 1; }
    done <<'END'
ABCDEFGHIJKLMNOPQRSTU/1|6|name
/1|6|name
a@x/1|6|name
corp/ann|11|step
corp\/ann|12|step
ntlm/|11|step
ntlm/0|11|step
ntlm/01|11|step
ntlm/1x|11|step
ntlm/initially|11|step
END
    run --auth-mechs NTLM true
    status_is 2 "fakesmtp: --auth-mechs: 'NTLM' is not a mechanism: give one or more of PLAIN, LOGIN, .*, SCRAM-SHA-256, or the NAME of --on 'auth NAME/1: ...', separated by commas"
    run --hide SIZE,NTLM --on 'auth gssapi/1: 334 ' true
    status_is 2 "fakesmtp: --hide: 'NTLM' is not an extension or mechanism: give .* or the NAME of --on 'auth NAME/1: ...', separated by commas"
    run --auth-mechs NTLM --hide ntlm --on 'auth ntlm/1: 334 ' true
    status_is 2 'fakesmtp: --auth-mechs offers a mechanism that --hide hides'
    run --auth-mechs NTLM,ntlm --on 'auth ntlm/1: 334 ' true
    status_is 2 "fakesmtp: --auth-mechs: 'NTLM,ntlm': at 'ntlm', column 6: expected each mechanism only once"
    # a line of EHLO has 512 octets at most, and here all of EHLO is as long as it may be
    set -- --hostname "$(printf %0255d 1)" --max-size 18446744073709551615 --max-recipients 18446744073709551615 \
        --on 'starttls: 454 no' --offer "X $(printf %0504d 1)" --offer "Y $(printf %0480d 1)"
    for i in $(seq 10 31); do set -- "$@" --on "auth mechanism-number--$i/1: 334 "; done
    start -k -f none "$@" --on 'auth mech_12345/1: 334 '
    talk '<220' '>EHLO t' '<250' '>AUTH MECH_12345' '<334' '>*' '<501' '>QUIT' '<221' '<EOF' >got
    stop
    grep -q '^250-AUTH PLAIN .* MECHANISM-NUMBER--31 MECH_12345$' got
    [ "$(awk 'length($0) > n { n = length($0) } END { print n }' got)" -eq 510 ]
    run "$@" --on 'auth mech_123456/1: 334 ' true
    status_is 2 'fakesmtp: --on: the names of the mechanisms of AUTH may have at most 501 octets \(RFC 5321 4\.5\.3\.1\.5\)'
}

t_usage() {
    for login in ann : :secret; do
        run --auth "$login"
        status_is 2 'fakesmtp: --auth: give USER:PASSWORD'
    done
    run --require login
    status_is 2 "fakesmtp: --require: 'login' cannot be required: .*"
    run --require auth --hide AUTH
    status_is 2
    run --auth a:b --hide AUTH
    status_is 2
    run --require auth --hide PLAIN,LOGIN,CRAM-MD5,XOAUTH2
    status_is 2 'fakesmtp: --auth, --auth-mechs and --require auth need AUTH, but --hide hides it'
    run --auth-mechs PLAIN --hide AUTH
    status_is 2
    run --auth-mechs LOGIN,PLAIN --hide login
    status_is 2 'fakesmtp: --auth-mechs offers a mechanism that --hide hides'
    run --auth-mechs LOGIN,PLAN
    status_is 2 "fakesmtp: --auth-mechs: 'PLAN' is not a mechanism: give one or more of PLAIN, .*"
    run --auth-mechs ''
    status_is 2
    run --auth-mechs PLAIN,plain
    status_is 2 "fakesmtp: --auth-mechs: 'PLAIN,plain': at 'plain', column 7: expected each mechanism only once"
}

# A rule ends LOGIN early; a client that does not look goes on.
t_password_behind_a_login_cut_short() {
    start -v -n 0- -c 1 --transcript said --on 'auth login/1: 235 in'
    talk '<220' '>EHLO t' '<250' '>AUTH LOGIN' '<235' '>YQ==' '<500' '>c2VjcmV0' '<500' '>QUIT' '<221'
    finish
    status_is 0
    fails grep -q c2VjcmV0 said err
    grep -q '^1 C: (8 octets)$' said
}
