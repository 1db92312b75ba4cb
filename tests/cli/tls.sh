# SPDX-License-Identifier: ISC
# shellcheck shell=sh disable=SC2154,SC2016 # the names come from lib; some commands are for another shell
# TLS: real clients that check our certificate, and the tries of an attacker.
# T1 and so on are rows of the conformance table.

# start_tls [OPTION ...]: STARTTLS is offered, and ca.pem is what has to be trusted.
start_tls() {
    start --tls --ca-file ca.pem "$@"
}

start_smtps() {
    start_on smtps://127.0.0.1:0 --ca-file ca.pem "$@"
}

# make_cert NAME [WORD ...]: NAME.pem and NAME.key, for localhost
make_cert() {
    name=$1
    shift
    openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost \
        -addext 'subjectAltName=DNS:localhost,IP:127.0.0.1' -keyout "$name.key" -out "$name.pem" "$@" 2>openssl.err ||
        { cat openssl.err; return 1; }
}

t_version_says_so() {
    run --version
    status_is 0
    grep -q 'TLS by OpenSSL' out
}

# ---- clients ----

t_curl() {
    make_mail
    sed 's/$/\r/' mail >mail.crlf
    start_tls -n 2 -d out.d --crlf -v
    for host in localhost 127.0.0.1; do
        curl -sS --ssl-reqd --cacert ca.pem --url "smtp://$host:$port" --mail-from a@x.test --mail-rcpt b@x.test -T mail.crlf
    done
    finish
    status_is 0
    same out.d/0001.eml mail.crlf
    same out.d/0002.eml mail.crlf
    grep -Eqx '1 S: \(TLSv1\.[23]\)' err
    start_smtps -n 2 -d in.d --crlf -v
    for host in localhost 127.0.0.1; do
        curl -sS --cacert ca.pem --url "smtps://$host:$port" --mail-from a@x.test --mail-rcpt b@x.test -T mail.crlf
    done
    finish
    status_is 0
    same in.d/0001.eml mail.crlf
    same in.d/0002.eml mail.crlf
    sed -n 2p err | grep -Eqx '1 S: \(TLSv1\.[23]\)' # first of all
}

t_certificate_is_looked_at() {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=other -keyout key.pem -out other.pem 2>req.err
    start_tls -n 1 -d mail -v
    deliver --ssl-reqd --cacert other.pem # as the system may trust nobody
    status_is 60
    deliver_to "smtp://other.test:$port" --ssl-reqd --cacert ca.pem --resolve "other.test:$port:127.0.0.1"
    status_is 60
    kill "$pid"
    finish
    status_is 1 'fakesmtp: expected 1 message, got none before SIGTERM; 1 TLS handshake failed'
    grep -Eqix '1 S: \(no TLS: the client says: unknown ca\)' err
    start_smtps -n 1 -d mail -v
    deliver_to "smtps://127.0.0.1:$port" --cacert other.pem
    status_is 60
    deliver_to "smtps://other.test:$port" --cacert ca.pem --resolve "other.test:$port:127.0.0.1"
    status_is 60
    kill "$pid"
    finish
    status_is 1 'fakesmtp: expected 1 message, got none before SIGTERM; 1 TLS handshake failed'
    grep -Eqix '1 S: \(no TLS: the client says: unknown ca\)' err
    [ ! -e mail ] || taken 0
}

t_hostname_is_in_the_certificate() {
    start_tls -k --hostname mx.x.test
    deliver_to "smtp://mx.x.test:$port" --ssl-reqd --cacert ca.pem --resolve "mx.x.test:$port:127.0.0.1"
    status_is 0
    deliver --ssl-reqd --cacert ca.pem
    status_is 0
    stop
    # also one that can be none
    start_tls -k --hostname "$(printf '%0250d' 7)"
    deliver --ssl-reqd --cacert ca.pem
    status_is 0
    stop
}

t_own_certificate() {
    make_cert one
    openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out two.key
    openssl req -x509 -key two.key -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost -out two.pem
    openssl genpkey -algorithm ed25519 -out three.key
    openssl req -x509 -key three.key -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost -out three.pem
    for name in one two three; do
        start -n 1 -f none --tls --cert "$name.pem" --key "$name.key"
        deliver_to "smtp://localhost:$port" --ssl-reqd --cacert "$name.pem"
        status_is 0
        finish
        status_is 0
        # both in one file, either first
        cat "$name.pem" "$name.key" >after.pem
        cat "$name.key" "$name.pem" >before.pem
        for file in after before; do
            start_on smtps://127.0.0.1:0 -n 1 -f none --cert "$file.pem"
            deliver_to "smtps://localhost:$port" --cacert "$name.pem"
            status_is 0
            finish
            status_is 0
        done
    done
    start -k --tls --cert one.pem --key one.key
    deliver_to "smtp://localhost:$port" --ssl-reqd --cacert two.pem
    status_is 60
    stop
}

s_client() {
    # shellcheck disable=SC2086 # words
    timeout 60 openssl s_client $starttls -connect "localhost:$port" -CAfile ca.pem "$@" </dev/null 2>s_client.err
}

# flaw FLAW ERROR CURL [OPTION ...]: s_client and curl trust the CA file, and refuse the certificate; s_client for this
# reason alone, as with the options, which undo it, it takes the certificate.
flaw() {
    flaw=$1 error=$2 says=$3
    shift 3
    for starttls in '-starttls smtp' ''; do
        scheme=smtp
        if [ -n "$starttls" ]; then start_tls -k "--tls=$flaw"; else start_smtps -k "--tls=$flaw"; scheme=smtps; fi
        s_client -verify_hostname localhost -x509_strict >/dev/null || : # it goes on after an error, so it lists all
        grep '^verify error' s_client.err >errors
        echo "verify error:num=$error" | cmp - errors
        fails s_client -verify_hostname localhost -verify_return_error >/dev/null
        s_client -verify_hostname localhost -x509_strict -verify_return_error "$@" >/dev/null || { cat s_client.err; return 1; }
        deliver_to "$scheme://localhost:$port" --ssl-reqd --cacert ca.pem
        status_is 60
        grep -q "$says" curl.err
        deliver_to "$scheme://localhost:$port" --ssl-reqd --insecure
        status_is 0
        stop
    done
}

t_expired() {
    flaw expired '10:certificate has expired' 'certificate has expired' -attime 960000000
}

t_not_yet() {
    flaw not-yet '9:certificate is not yet valid' 'certificate is not yet valid' -attime 2500000000
}

t_name() {
    flaw name:other.test '62:hostname mismatch' 'target host name' -verify_hostname other.test
    flaw 'name:*.other.test' '62:hostname mismatch' 'target host name' -verify_hostname mx.other.test
    flaw name:2001:db8::1 '62:hostname mismatch' 'target host name' -verify_ip 2001:db8::1 -verify_hostname ''
}

t_weak_key() {
    flaw weak-key '66:EE certificate key too weak' 'key too weak' -cipher DEFAULT@SECLEVEL=0
}

t_self_signed() {
    # there is nothing to trust
    SMTP_CA_FILE=of-another run -n 1 --tls=self-signed sh -c '[ -z "${SMTP_CA_FILE+x}" ] || exit 9
        curl -sS --ssl-reqd "$SMTP_URL" --mail-from a@x.test --mail-rcpt b@x.test -T /dev/null 2>curl.err
        [ "$?" -eq 60 ] || exit 8
        curl -sS --ssl-reqd --insecure "$SMTP_URL" --mail-from a@x.test --mail-rcpt b@x.test -T /dev/null
        openssl s_client -starttls smtp -connect "localhost:$SMTP_PORT" -verify_hostname localhost </dev/null 2>s_client.err'
    status_is 0
    grep -q 'self-signed certificate$' curl.err
    [ "$(grep '^verify error' s_client.err)" = 'verify error:num=18:self-signed certificate' ]
    run --tls=self-signed --ca-file ca.pem
    status_is 2 'fakesmtp: --ca-file and --tls=self-signed exclude each other: clients are not to trust it'
}

# smtplib, which says the reason
t_flaws_in_python() {
    for flaw in expired not-yet name:other.test self-signed weak-key; do
        # shellcheck disable=SC2016
        run -f none -t 300 "--tls=$flaw" python3 -c '
import os, smtplib, ssl, sys
trust = ssl.create_default_context(cafile=os.environ.get("SMTP_CA_FILE"))
with smtplib.SMTP("localhost", int(os.environ["SMTP_PORT"]), timeout=60) as s:
    try:
        s.starttls(context=trust)
    except ssl.SSLCertVerificationError as e:
        print(sys.argv[1], e.verify_message)
        s.close()
' "$flaw"
        cat out >>all
    done
    cat >want <<'EOF'
expired certificate has expired
not-yet certificate is not yet valid
name:other.test Hostname mismatch, certificate is not valid for 'localhost'.
self-signed self-signed certificate
weak-key EE certificate key too weak
EOF
    diff want all
}

# make_client_certs: ann's, which ca-of-clients.pem has issued, bob's, which it has not, and one that is for servers
make_client_certs() {
    openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj '/CN=CA of clients' -keyout ca.key -out ca-of-clients.pem 2>openssl.err
    printf 'extendedKeyUsage=clientAuth\n' >ann.ext
    printf 'extendedKeyUsage=serverAuth\n' >server.ext
    for name in ann server; do
        openssl req -newkey rsa:2048 -nodes -utf8 -subj "$(printf '/O=T\303\253st, Inc/CN=%s' "$name")" -keyout "$name.key" -out "$name.csr" 2>openssl.err
        openssl x509 -req -in "$name.csr" -CA ca-of-clients.pem -CAkey ca.key -CAcreateserial -days 2 \
            -extfile "$name.ext" -out "$name.pem" 2>openssl.err
    done
    make_cert bob
}

# show_cert SCHEME VERSION CERT|'': a client that shows this certificate says what became of it
show_cert() {
    python3 - "$port" "$@" <<'PY'
import smtplib, ssl, sys
port, scheme, version, cert = sys.argv[1:]
c = ssl.create_default_context(cafile="ca.pem")
c.maximum_version = ssl.TLSVersion[version]
if cert:
    c.load_cert_chain(cert + ".pem", cert + ".key")
try:
    if scheme == "smtps":
        s = smtplib.SMTP_SSL("localhost", int(port), timeout=60, context=c)
    else:
        s = smtplib.SMTP("localhost", int(port), timeout=60)
        s.starttls(context=c)
    s.sendmail("a@x.test", ["b@x.test"], "Subject: t\n\nhello\n")
    s.quit()
    print("taken")
except (OSError, smtplib.SMTPException) as e: # in TLS 1.3 the client has done its part before we look at the certificate
    print(*(word for word in ("UNKNOWN_CA", "CERTIFICATE_REQUIRED", "HANDSHAKE_FAILURE", "UNSUPPORTED_CERTIFICATE")
            if word in str(e) or word in str(e.__context__)))
PY
}

t_client_certificate() {
    make_client_certs
    for scheme in smtp smtps; do
        for version in TLSv1_2 TLSv1_3; do
            start_scheme="start_tls"
            [ "$scheme" = smtp ] || start_scheme=start_smtps
            "$start_scheme" -k -j -v --client-ca ca-of-clients.pem
            [ "$(show_cert "$scheme" "$version" ann)" = taken ]
            [ "$(show_cert "$scheme" "$version" '')" = taken ]
            show_cert "$scheme" "$version" bob >got
            grep -qx UNKNOWN_CA got
            show_cert "$scheme" "$version" server >got
            grep -qx UNSUPPORTED_CERTIFICATE got
            stop
            grep -qx "3 S: (no TLS: the client's certificate is not trusted: self-signed certificate)" err
            grep -qx "4 S: (no TLS: the client's certificate is not trusted: unsuit.* certificate purpose)" err
            print=$(openssl x509 -in ann.pem -noout -fingerprint -sha256)
            printf '{"subject":"CN=ann,O=T\303\253st\\\\, Inc","fingerprint":"%s"}\nnull\n' "${print#*=}" >want
            jq -c .client.certificate out | diff want -
        done
    done
    # a certificate that is in the file itself is good
    start_tls -k -j --client-ca bob.pem
    [ "$(show_cert smtp TLSv1_3 bob)" = taken ]
    [ "$(show_cert smtp TLSv1_3 ann)" = UNKNOWN_CA ]
    stop
    # without the option none is asked for
    start_tls -k -j
    [ "$(show_cert smtp TLSv1_3 bob)" = taken ]
    stop
    [ "$(jq -c .client.certificate out)" = null ]
}

# It can be read only once.
t_client_ca_from_a_fifo() {
    make_client_certs
    mkfifo fifo
    cat ca-of-clients.pem >fifo &
    start_tls -k -f none --client-ca fifo
    [ "$(show_cert smtp TLSv1_3 ann)" = taken ]
    [ "$(show_cert smtp TLSv1_3 bob)" = UNKNOWN_CA ]
    stop
}

t_client_certificate_required() {
    make_client_certs
    for scheme in smtp smtps; do
        start_scheme=start_tls
        [ "$scheme" = smtp ] || start_scheme=start_smtps
        "$start_scheme" -n 2 -j -v -t 300 --client-ca ca-of-clients.pem --require client-cert
        show_cert "$scheme" TLSv1_3 '' >got
        grep -qx CERTIFICATE_REQUIRED got
        show_cert "$scheme" TLSv1_2 '' >got
        grep -qx HANDSHAKE_FAILURE got
        [ "$scheme" = smtps ] || talk '<220' '>EHLO t' '<250' '>MAIL FROM:<>' '<530' '>QUIT' '<221' '<EOF'
        [ "$(show_cert "$scheme" TLSv1_3 ann)" = taken ]
        [ "$(show_cert "$scheme" TLSv1_2 ann)" = taken ]
        finish
        status_is 0
        for n in 1 2; do grep -qx "$n S: (no TLS: the client showed no certificate)" err; done
    done
    run --tls --require client-cert
    status_is 2 'fakesmtp: --require client-cert needs --client-ca, which says whose certificates are good'
    run --client-ca bob.pem
    status_is 2 'fakesmtp: --client-ca needs TLS: .*'
    run --tls --require client
    status_is 2
    run -p 0 --tls --client-ca none.pem
    status_is 3 'fakesmtp: cannot set up TLS: none\.pem: No such file or directory'
    run -p 0 --tls --client-ca bob.key
    status_is 3 'fakesmtp: cannot set up TLS: bob\.key holds no certificate: .*'
}

# what the client's hello says, and -r says it as well
t_sni_and_alpn() {
    make_client_certs
    start_smtps -n 4 -j -d mail --beside envelope -o stream --client-ca ca-of-clients.pem
    python3 - "$port" <<'PY'
import smtplib, socket, ssl, sys
def send(name, protocols, version, cert=None):
    c = ssl.create_default_context()
    c.check_hostname, c.verify_mode = False, ssl.CERT_NONE
    c.minimum_version = c.maximum_version = version
    if protocols:
        c.set_alpn_protocols(protocols)
    if cert:
        c.load_cert_chain(cert + ".pem", cert + ".key")
    s = smtplib.SMTP(timeout=60)
    s.sock = c.wrap_socket(socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=60), server_hostname=name)
    assert s.sock.selected_alpn_protocol() is None
    s.getreply()
    s.sendmail("a@x.test", ["b@x.test"], "Subject: t\n\nhello\n")
    s.quit()
send(None, None, ssl.TLSVersion.TLSv1_3)
send("MX.x.test", ["smtp"], ssl.TLSVersion.TLSv1_2)
send("mx.x.test", ["h2", "a\0 ", " \\"], ssl.TLSVersion.TLSv1_3, "ann")
send("x" * 60 + ".test", ["%03d" % i + "x" * 252 for i in range(60)], ssl.TLSVersion.TLSv1_3)
PY
    finish
    status_is 0
    [ "$(head -n 3 stream | jq -c '[.client.sni, .client.alpn, .client.certificate != null]')" = '[null,null,false]
["MX.x.test",["smtp"],false]
["mx.x.test",["h2","a\u0000 "," \\"],true]' ]
    [ "$(tail -n 1 stream | jq -c '[(.client.sni | length), (.client.alpn | length), .client.alpn[59][0:4]]')" = '[65,60,"059x"]' ]
    run -r mail -j
    status_is 0
    jq -c .client stream >want
    jq -c .client out | diff want -
}

t_chain_is_sent() {
    openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj '/CN=test root' -keyout root.key -out root.pem 2>openssl.err
    printf 'basicConstraints=critical,CA:TRUE\n' >middle.ext
    printf 'subjectAltName=DNS:localhost\n' >leaf.ext
    openssl req -newkey rsa:2048 -nodes -subj '/CN=test middle' -keyout middle.key -out middle.csr 2>openssl.err
    openssl x509 -req -in middle.csr -CA root.pem -CAkey root.key -CAcreateserial -days 2 -extfile middle.ext \
        -out middle.pem 2>openssl.err
    openssl req -newkey rsa:2048 -nodes -subj /CN=localhost -keyout leaf.key -out leaf.csr 2>openssl.err
    openssl x509 -req -in leaf.csr -CA middle.pem -CAkey middle.key -CAcreateserial -days 2 -extfile leaf.ext \
        -out leaf.pem 2>openssl.err
    cat leaf.pem middle.pem >chain.pem
    start -k --tls --cert chain.pem --key leaf.key
    deliver_to "smtp://localhost:$port" --ssl-reqd --cacert root.pem
    status_is 0
    stop
}

t_swaks() {
    make_mail
    start_tls -n 1 -d out.d
    fails swaks --server localhost --port "$port" -tls --tls-verify --from a@x.test --to b@x.test --data @mail >swaks.out 2>&1
    swaks --server localhost --port "$port" -tls --tls-verify --tls-ca-path ca.pem --from a@x.test --to b@x.test \
        --data @mail >swaks.out
    finish
    status_is 0
    echo >>mail # swaks adds a line end
    body_is_that_of_mail out.d/0001.eml
    make_mail
    start_smtps -n 1 -d in.d
    fails swaks --server localhost --port "$port" -tlsc --tls-verify --from a@x.test --to b@x.test --data @mail >swaks.out 2>&1
    swaks --server localhost --port "$port" -tlsc --tls-verify --tls-ca-path ca.pem --from a@x.test --to b@x.test \
        --data @mail >swaks.out
    finish
    status_is 0
    echo >>mail
    body_is_that_of_mail in.d/0001.eml
}

t_msmtp() {
    make_mail
    start_tls -n 1 -d out.d
    fails msmtp --file=/dev/null --host=127.0.0.1 --port="$port" --tls=on --from=a@x.test b@x.test <mail 2>/dev/null
    msmtp --file=/dev/null --host=127.0.0.1 --port="$port" --tls=on --tls-trust-file=ca.pem --from=a@x.test b@x.test <mail
    finish
    status_is 0
    same out.d/0001.eml mail
    start_smtps -n 1 -d in.d --auth ann:secret --require auth
    msmtp --file=/dev/null --host=localhost --port="$port" --tls=on --tls-starttls=off --tls-trust-file=ca.pem \
        --auth=on --user=ann --passwordeval='echo secret' --from=a@x.test b@x.test <mail
    finish
    status_is 0
    same in.d/0001.eml mail
}

t_s_nail() {
    start_tls -k -d mail
    s_nail() {
        printf 'leading dot\n.\nGr\303\274\303\237e\n' |
            env -u MAILRC HOME="$PWD" LC_ALL=C.UTF-8 s-nail -:/ -S v15-compat -S nosave -S smtp-auth=none -S from=a@x.test \
                -S tls-verify=strict -S tls-ca-no-defaults -S ttycharset=utf-8 -S sendwait -s 'A subject' "$@" b@x.test
    }
    s_nail -S tls-ca-file="$PWD/ca.pem" -S smtp-use-starttls -S mta="smtp://localhost:$port"
    fails s_nail -S smtp-use-starttls -S mta="smtp://localhost:$port" 2>/dev/null
    stop
    taken 1
    start_smtps -k -d mail
    s_nail -S tls-ca-file="$PWD/ca.pem" -S mta="smtps://localhost:$port"
    fails s_nail -S mta="smtps://localhost:$port" 2>/dev/null
    stop
    taken 2
    python3 -c '
import email, email.policy
for name in "mail/0001.eml", "mail/0002.eml":
    m = email.message_from_binary_file(open(name, "rb"), policy=email.policy.default)
    assert m.get_content() == "leading dot\n.\nGr\u00fc\u00dfe\n", m.get_content()
'
}

t_git_send_email() {
    export HOME="$PWD" GIT_CONFIG_NOSYSTEM=1 EMAIL=a@x.test GIT_AUTHOR_NAME=A GIT_COMMITTER_NAME=A
    git init -q repository
    printf '.first\nsecond\n' >repository/file
    git -C repository add file
    git -C repository commit -q -m 'Add a file'
    git -C repository format-patch -q -1
    for encryption in tls ssl; do
        if [ "$encryption" = tls ]; then start_tls -n 1 -d "$encryption.d"; else start_smtps -n 1 -d "$encryption.d"; fi
        git_send() {
            git -C repository send-email --quiet --suppress-cc=all --confirm=never --from=a@x.test --to=b@x.test \
                --smtp-server=localhost --smtp-server-port="$port" --smtp-encryption="$encryption" "$@" \
                0001-Add-a-file.patch >git.out 2>&1 </dev/null
        }
        fails git_send
        git_send --smtp-ssl-cert-path="$PWD/ca.pem" || { cat git.out; return 1; }
        finish
        status_is 0
        git init -q "other.$encryption"
        git -C "other.$encryption" am -q "../$encryption.d/0001.eml"
        same "other.$encryption/file" repository/file
    done
}

t_smtplib() {
    start_on smtps://127.0.0.1:0 -n 4 -d out.d --crlf --tls --ca-file ca.pem -l 127.0.0.1:0 -v
    second=
    until [ -n "$second" ]; do # it is said a little after the first port
        second=$(sed -n 's/.*, 127\.0\.0\.1:\([0-9]*\)$/\1/p' err)
    done
    python3 - "$port" "$second" <<'PY'
import smtplib, ssl, sys
body = b"Subject: t\r\n\r\n.\r\n..\r\n" + bytes(range(128, 256)) + b"\r\nend\r\n"
open("want", "wb").write(body)
trust = ssl.create_default_context(cafile="ca.pem")
for host in "localhost", "127.0.0.1":
    with smtplib.SMTP_SSL(host, int(sys.argv[1]), timeout=60, context=trust) as s:
        s.ehlo()
        assert not s.has_extn("starttls")
        s.sendmail("a@x.test", ["b@x.test"], body)
    with smtplib.SMTP(host, int(sys.argv[2]), timeout=60) as s:
        s.ehlo()
        assert s.has_extn("starttls")
        s.starttls(context=trust)
        s.ehlo()
        assert not s.has_extn("starttls") and s.has_extn("auth")
        s.login("who", "ever")
        s.sendmail("a@x.test", ["b@x.test"], body)
PY
    finish
    status_is 0
    for n in 1 2 3 4; do same "out.d/000$n.eml" want; done
}

t_s_client() {
    printf 'ehlo t\nmail from:<a@x.test>\nrcpt to:<b@x.test>\ndata\nSubject: t\n\nhello\n.\nquit\n' >script
    printf 'Subject: t\n\nhello\n' >want
    start_tls -k -d mail
    openssl s_client -connect "127.0.0.1:$port" -starttls smtp -crlf -ign_eof -verify_return_error -CAfile ca.pem \
        -verify_hostname localhost <script >client.out 2>&1 || { cat client.out; return 1; }
    grep -qx 'Verification: OK' client.out
    grep -q '^221 2\.0\.0' client.out
    same mail/0001.eml want
    fails openssl s_client -connect "127.0.0.1:$port" -starttls smtp -crlf -ign_eof -verify_return_error -CAfile ca.pem \
        -verify_hostname other.test <script >client.out 2>&1
    stop
    taken 1
    start_smtps -k -d mail
    openssl s_client -connect "127.0.0.1:$port" -crlf -ign_eof -verify_return_error -CAfile ca.pem \
        -verify_ip 127.0.0.1 <script >client.out 2>&1 || { cat client.out; return 1; }
    grep -qx 'Verification: OK' client.out
    grep -q '^221 2\.0\.0' client.out
    same mail/0002.eml want
    stop
}

t_received_tells_of_it() {
    start_tls -k -e -d mail
    deliver --ssl-reqd --cacert ca.pem
    status_is 0
    deliver --ssl-reqd --cacert ca.pem -u ann:secret
    status_is 0
    deliver
    status_is 0
    stop
    grep -Eq 'with ESMTPS( |$)' mail/0001.eml
    grep -Eq 'with ESMTPSA( |$)' mail/0002.eml
    grep -Eq 'with ESMTP( |$)' mail/0003.eml
}

t_tls_1_2() {
    start_tls -k -v
    deliver --ssl-reqd --cacert ca.pem --tls-max 1.2
    status_is 0
    deliver --ssl-reqd --cacert ca.pem --tlsv1.3
    status_is 0
    stop
    grep -qx '1 S: (TLSv1\.2)' err
    grep -qx '2 S: (TLSv1\.3)' err
}

# ---- the protocol ----

# T1: offered in clear only
t_offered_in_clear_only() {
    start_tls -k
    talk '<220' '>EHLO t' '<250' >clear
    grep -qx '250.STARTTLS' clear
    talk '<220' '>EHLO t' '<250' '>STARTTLS' '<220' tls '>EHLO t' '<250' '>QUIT' '<221' '<EOF' >secret
    [ "$(grep -c STARTTLS secret)" -eq 1 ] # the one before
    stop
    # nor on a port where TLS is there from the beginning
    start_smtps -k --tls
    talk tls '<220' '>EHLO t' '<250' '>STARTTLS' '<503' '>QUIT' '<221' '<EOF' >secret
    fails grep -q '^250.STARTTLS' secret
    stop
}

# T2: with an argument
t_starttls_with_an_argument() {
    start_tls -k
    talk '<220' '>EHLO t' '<250' '>STARTTLS now' '<501' '>starttls' '<220' tls '>EHLO t' '<250' '>QUIT' '<221' '<EOF'
    stop
}

# T3: all is forgotten: EHLO, the login, the transaction
t_all_is_forgotten() {
    start_tls -k
    talk '<220' '>EHLO t' '<250' '>STARTTLS' '<220' tls '>MAIL FROM:<>' '<503' '>RCPT TO:<b@x.test>' '<503' \
        '>AUTH PLAIN AGFubgBzZWNyZXQ=' '<503' '>QUIT' '<221' '<EOF'
    stop
    start_tls -k --auth ann:secret --require auth
    talk '<220' '>EHLO t' '<250' '>AUTH PLAIN AGFubgBzZWNyZXQ=' '<235' '>STARTTLS' '<220' tls '>EHLO t' '<250' \
        '>MAIL FROM:<>' '<530' '>AUTH PLAIN AGFubgBzZWNyZXQ=' '<235' '>MAIL FROM:<>' '<250' '>QUIT' '<221' '<EOF'
    stop
}

t_a_transaction_is_forgotten() {
    start_tls -k -d mail
    # some chunks are there already
    talk '<220' '>EHLO t' '<250' '>MAIL FROM:<a@x.test>' '<250' '>RCPT TO:<b@x.test>' '<250' '>BDAT 5' '=in cl' '<250' \
        '>STARTTLS' '<220' tls '>RCPT TO:<c@x.test>' '<503' '>BDAT 3 LAST' '=x\r\n' '<503' '>EHLO t' '<250' '>DATA' '<503' \
        '>MAIL FROM:<a@x.test>' '<250' '>RCPT TO:<c@x.test>' '<250' '>BDAT 3 LAST' '=x\r\n' '<250' '>QUIT' '<221' '<EOF'
    stop
    taken 1
    [ "$(cat mail/0001.eml)" = x ]
}

# T4: octets that are pipelined in clear after STARTTLS are dropped
t_injection() {
    start_tls -k -v -d mail
    python3 - "$port" <<'PY'
import socket, ssl, sys
trust = ssl.create_default_context(cafile="ca.pem")
def answers(t, count=1):
    got = b""
    while len([x for x in got.split(b"\r\n")[:-1] if x[3:4] == b" "]) < count:
        part = t.recv(4096)
        assert part, got
        got += part
    return got
evil = [
    b"NOOP injected\r\n",
    b"EHLO evil\r\nMAIL FROM:<evil@x.test>\r\n",
    b"EHLO evil\r\nMAIL FROM:<evil@x.test>\r\nRCPT TO:<v@x.test>\r\nDATA\r\nevil\r\n.\r\n",
    b"MAIL FROM:<half", # a line that goes on within TLS
    b"\r\n",
]
for octets in evil:
    for first in b"", b"EHLO t\r\n", b"EHLO t\r\nMAIL FROM:<a@x.test>\r\nRCPT TO:<b@x.test>\r\n":
        s = socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=60)
        assert s.recv(1000).startswith(b"220 ")
        if first:
            s.sendall(first)
            answers(s, first.count(b"\n"))
            s.sendall(b"STARTTLS\r\n" + octets)
            got = answers(s)
        else: # one segment with all
            s.sendall(b"EHLO t\r\nSTARTTLS\r\n" + octets)
            got = answers(s, 2)
        assert got.endswith(b"220 2.0.0 Ready to start TLS\r\n"), got
        t = trust.wrap_socket(s, server_hostname="localhost")
        t.sendall(b"NOOP\r\n")
        got = answers(t)
        assert got.startswith(b"250 2.0.0 ") and got.count(b"\n") == 1, got # not the answer to another
        t.sendall(b"MAIL FROM:<a@x.test>\r\n")
        got = answers(t)
        assert got.startswith(b"503 ") and got.count(b"\n") == 1, got
        t.sendall(b"EHLO t\r\nRCPT TO:<b@x.test>\r\n")
        got = answers(t, 2)
        assert b"\r\n503 " in got and got.count(b"\r\n503 ") == 1, got
        t.sendall(b"QUIT\r\n")
        assert answers(t).startswith(b"221 ")
        assert t.recv(1000) == b""
PY
    stop
    taken 0
    fails grep -q 'C: .*evil' err
    grep -Eqx '1 C: \(15 octets after STARTTLS, dropped\)' err
}

# T5: once is enough
t_second_starttls() {
    start_tls -k
    talk '<220' '>EHLO t' '<250' '>STARTTLS' '<220' tls '>EHLO t' '<250' '>STARTTLS' '<503' '>NOOP' '<250' '>QUIT' '<221' '<EOF'
    stop
}

# T6: no reply in clear to octets that are no handshake
t_garbage_in_the_handshake() {
    start_tls -k -v
    python3 - "$port" <<'PY'
import socket, sys
for octets in b"GET / HTTP/1.0\r\n\r\n", b"EHLO t\r\n", b"QUIT\r\n", b"\0" * 100, b"\x16\x03\x01\xff\xff" + b"x" * 70000, b"\x15\x03\x03\0\2\2\x28":
    s = socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=60)
    assert s.recv(1000).startswith(b"220 ")
    s.sendall(b"EHLO t\r\n")
    while not s.recv(4096).endswith(b"SIZE\r\n"):
        pass
    s.sendall(b"STARTTLS\r\n")
    assert s.recv(1000) == b"220 2.0.0 Ready to start TLS\r\n"
    got = b""
    try:
        s.sendall(octets)
        while True:
            part = s.recv(1000)
            if not part:
                break
            got += part
    except ConnectionError: # it need not have read all
        pass
    # nothing, or an alert
    assert not got or got[:2] == b"\x15\x03" and len(got) == 7, got
PY
    stop
    grep -qx '1 S: (no TLS: the client spoke another protocol)' err
    [ "$(grep -c '(no TLS: ' err)" -eq 6 ]
}

# A client may ask for a second handshake in TLS 1.2; then it is dropped.
t_renegotiation() {
    start_smtps -k -v
    mkfifo hold
    { echo R; cat hold; } |
        { timeout 60 openssl s_client -connect "127.0.0.1:$port" -tls1_2 >client.out 2>&1 || :; : >hold; }
    talk tls '<220' '>QUIT' '<221' '<EOF'
    stop
    grep -qx '1 S: (no TLS: the client sent what TLS does not allow)' err
}

# T9: TLS required
t_required() {
    start_tls -k --require tls -d mail
    talk '<220' '>MAIL FROM:<a@x.test>' '<530' '>EHLO t' '<250' '>MAIL FROM:<a@x.test>' '<530' '>RCPT TO:<b@x.test>' '<5' \
        '>DATA' '<5' '>AUTH PLAIN AGFubgBzZWNyZXQ=' '<530' '>VRFY b' '<530' '>NOOP' '<250' '>STARTTLS' '<220' tls '>EHLO t' '<250' \
        '>MAIL FROM:<a@x.test>' '<250' '>QUIT' '<221' '<EOF' >got
    grep -qx '530 5\.7\.0 .*' got
    deliver
    fails [ "$status" -eq 0 ]
    fails swaks --server "127.0.0.1:$port" --from a@x.test --to b@x.test >swaks.out 2>&1
    grep -q '530 5\.7\.0' swaks.out
    taken 0
    deliver --ssl-reqd --cacert ca.pem
    status_is 0
    taken 1
    stop
    # both, and a port that has TLS from the beginning
    start_smtps -k --require auth,tls -d mail
    deliver_to "smtps://localhost:$port" --cacert ca.pem
    status_is 55
    deliver_to "smtps://localhost:$port" --cacert ca.pem -u who:ever
    status_is 0
    stop
    taken 2
}

# T10: TLS from the beginning: not one octet in clear
t_implicit_tls_says_nothing_in_clear() {
    start_smtps -k -v
    python3 - "$port" <<'PY'
import socket, ssl, sys
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=60)
s.settimeout(0.3) # here nothing is expected, so some time has to pass
try:
    sys.exit("in clear: %r" % s.recv(1000))
except socket.timeout:
    pass
s.settimeout(60)
t = ssl.create_default_context(cafile="ca.pem").wrap_socket(s, server_hostname="localhost")
assert t.recv(1000).startswith(b"220 ")
for octets in b"EHLO t\r\n", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"QUIT\r\n":
    s = socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=60)
    s.sendall(octets)
    got = b""
    try:
        while True:
            part = s.recv(1000)
            if not part:
                break
            got += part
            assert len(got) <= 7, got
    except ConnectionResetError:
        pass
    assert not got or got[:2] == b"\x15\x03", got # nothing, or an alert
PY
    stop
    grep -qx '2 S: (no TLS: the client spoke another protocol)' err
    grep -qx '3 S: (no TLS: the client spoke another protocol)' err
}

# T11: every orderly end says goodbye; talk takes one that does not for an error
t_goodbye() {
    start_tls -k -d mail
    talk '<220' '>EHLO t' '<250' '>STARTTLS' '<220' tls '>QUIT' '<221' '<EOF' \
        + '<220' '>EHLO t' '<250' '>STARTTLS' '<220' tls '=QUIT\r\nNOOP\r\n' '<221' '<EOF'
    talk '<220' '>EHLO t' '<250' '>STARTTLS' '<220' tls '>EHLO t' '<250' kill:TERM:"$pid" '<421' '<EOF'
    finish
    start_smtps -k --idle 3s
    talk tls '<220' '<421' '<EOF' + tls '<220' '>POST / HTTP/1.1' '<421' '<EOF'
    stop
    start_smtps -n 1 -f none
    talk tls '<220' '>EHLO t' '<250' '>MAIL FROM:<>' '<250' '>RCPT TO:<b@x.test>' '<250' '>DATA' '<354' '>x' '>.' '<250' \
        '>QUIT' '<221' '<EOF'
    finish
    status_is 0
}

# A client that says goodbye in its own time gets one back, whatever it has left undone (RFC 8446 6.1, RFC 5246 7.2.1).
t_goodbye_to_one_that_leaves() {
    start_smtps -k -d mail
    python3 - "$port" <<'PY'
import re, socket, ssl, sys
trust = ssl.create_default_context(cafile="ca.pem")
begin = b"EHLO t\r\nMAIL FROM:<>\r\nRCPT TO:<b@x.test>\r\n"
for version in ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3:
    trust.maximum_version = version
    for said, replies in (b"", 1), (b"NOO", 1), (b"NOOP\r\n", 2), (begin, 4), (begin + b"BDAT 5\r\nx", 4), \
            (begin + b"DATA\r\nx\r\n", 5), (begin + b"DATA\r\nx\r\n.\r\n", 6):
        s = trust.wrap_socket(socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=60), server_hostname="localhost",
            suppress_ragged_eofs=False)
        s.sendall(said)
        got = b""
        while len(re.findall(rb"(?m)^[2-5]\d\d [^\n]*\n", got)) < replies:
            got += s.recv(1000)
        s.unwrap() # fails without one
PY
    stop
    taken 2
}

# The same if the goodbye comes in one piece with the octets before it, and nothing comes after it.
t_goodbye_in_one_piece() {
    start_smtps -k -d mail
    python3 - "$port" <<'PY'
import socket, ssl, sys
trust = ssl.create_default_context(cafile="ca.pem")
for version in ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3:
    trust.maximum_version = version
    for said in b"NOO", b"NOOP\r\n", b"EHLO t\r\nMAIL FROM:<>\r\nRCPT TO:<b@x.test>\r\nDATA\r\nx\r\n":
        plain = socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=60)
        come, go = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = trust.wrap_bio(come, go, server_hostname="localhost")
        def until_done(what):
            while True:
                try: return what()
                except ssl.SSLWantReadError:
                    plain.sendall(go.read())
                    got = plain.recv(10000)
                    if got: come.write(got)
                    else: come.write_eof()
        until_done(tls.do_handshake)
        plain.sendall(go.read())
        assert until_done(lambda: tls.read(1000)).startswith(b"220")
        tls.write(said)
        try: tls.unwrap()
        except ssl.SSLWantReadError: plain.sendall(go.read())
        while plain.recv(10000): pass
PY
    stop
}

# A client that hangs up without one has hung up all the same.
t_client_without_a_goodbye() {
    start_smtps -n 1 -d mail -t 60
    talk tls '<220' '>EHLO t' '<250' '>MAIL FROM:<>' '<250' '>RCPT TO:<b@x.test>' '<250' '>DATA' '<354' '>x' close \
        + tls '<220' '>EHLO t' '<250' '>MAIL FROM:<>' '<250' '>RCPT TO:<b@x.test>' '<250' '>DATA' '<354' '>y' '>.' '<250' close
    finish
    status_is 0
    taken 1
    [ "$(cat mail/0001.eml)" = y ]
}

# T12: TLS 1.1 is refused
t_tls_1_1() {
    start_tls -k -v
    python3 - "$port" <<'PY'
import socket, ssl, sys, warnings
warnings.simplefilter("ignore")
for version in ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1:
    c = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    c.check_hostname, c.verify_mode = False, ssl.CERT_NONE
    c.minimum_version = c.maximum_version = version
    c.set_ciphers("ALL:@SECLEVEL=0")
    s = socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=60)
    s.recv(1000)
    s.sendall(b"EHLO t\r\n")
    while not s.recv(4096).endswith(b"SIZE\r\n"):
        pass
    s.sendall(b"STARTTLS\r\n")
    s.recv(1000)
    try:
        c.wrap_socket(s)
        sys.exit("taken")
    except ssl.SSLError as e:
        assert "ALERT" in str(e), e
PY
    stop
    grep -qx '1 S: (no TLS: the client does not support TLS 1\.2 or later)' err
    grep -qx '2 S: (no TLS: the client does not support TLS 1\.2 or later)' err
}

# versions WANT [OPTION ...]: of TLS 1.0 to 1.3, these are spoken
versions() {
    want=$1
    shift
    start_smtps -k -v "$@"
    python3 - "$port" >got <<'PY'
import socket, ssl, sys, warnings
warnings.simplefilter("ignore")
for version in ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1, ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3:
    c = ssl.create_default_context(cafile="ca.pem")
    c.minimum_version = c.maximum_version = version
    c.set_ciphers("ALL:@SECLEVEL=0")
    try:
        with c.wrap_socket(socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=60),
                           server_hostname="localhost") as s:
            assert s.recv(1000).startswith(b"220")
            print(s.version(), end=" ")
    except ssl.SSLError as e:
        assert "ALERT" in str(e) or "UNSUPPORTED_PROTOCOL" in str(e), e
PY
    stop
    [ "$(cat got)" = "$want" ] || { echo "$*: $(cat got)"; return 1; }
}

t_versions() {
    versions 'TLSv1.2 TLSv1.3 '
    versions 'TLSv1 TLSv1.1 TLSv1.2 TLSv1.3 ' --tls-min 1.0
    versions 'TLSv1.1 TLSv1.2 TLSv1.3 ' --tls-min 1.1
    versions 'TLSv1.3 ' --tls-min 1.3
    grep -qx '1 S: (no TLS: the client does not support TLS 1\.3 or later)' err
    versions 'TLSv1 ' --tls-max 1.0
    grep -qx '2 S: (no TLS: the client does not support TLS 1\.0)' err
    versions 'TLSv1.1 ' --tls-max 1.1
    grep -qx '3 S: (no TLS: the client does not support TLS 1\.1)' err
    versions 'TLSv1.2 ' --tls-max 1.2
    versions 'TLSv1.2 TLSv1.3 ' --tls-max 1.3
    versions 'TLSv1.1 TLSv1.2 ' --tls-min 1.1 --tls-max 1.2
    grep -qx '4 S: (no TLS: the client does not support TLS 1\.1 to 1\.2)' err
    versions 'TLSv1.2 ' --tls-min 1.2 --tls-max 1.2
    # also with a certificate of the user's, and under STARTTLS
    make_cert one
    start -n 1 -f none --tls --tls-max 1.2 --cert one.pem --key one.key
    deliver_to "smtp://localhost:$port" --ssl-reqd --cacert one.pem --tlsv1.3
    status_is 35
    deliver_to "smtp://localhost:$port" --ssl-reqd --cacert one.pem
    status_is 0
    finish
    status_is 0
}

t_a_stalled_handshake_ends() {
    start_tls -k --idle 3s -d mail
    talk '<220' '>EHLO t' '<250' '>STARTTLS' '<220' '<EOF' + '<220' '>EHLO t' '<250' '>STARTTLS' '<220' '=\x16\x03\x01\x02' '<EOF'
    stop
    start_smtps -k --idle 3s
    talk '<EOF' + '=\x16\x03\x01\x02' '<EOF'
    stop
    start_smtps -k # nor does it hold up the end
    talk + '=\x16\x03\x01\x02' + tls '<220' kill:TERM:"$pid" '<421' '<EOF' @1 '<EOF'
    finish
    status_is 0
}

# A client that stalls keeps no other waiting.
t_a_stalled_handshake_is_alone() {
    start_smtps -n 1 -d mail
    talk + + '=\x16\x03\x01\x02\x00' + tls '<220' '>EHLO t' '<250' '>MAIL FROM:<>' '<250' '>RCPT TO:<b@x.test>' '<250' \
        '>DATA' '<354' '>x' '>.' '<250' '>QUIT' '<221' '<EOF'
    finish
    status_is 0
}

# Many handshakes at once, with a key that takes its time, are no reason to keep another client waiting.
t_handshakes_are_shared_out() {
    openssl req -x509 -newkey rsa:4096 -nodes -days 2 -subj /CN=localhost -keyout large.key -out large.pem 2>openssl.err
    start -k -v --tls --cert large.pem --key large.key
    python3 - "$port" "$pid" <<'PY'
import os, signal, socket, ssl, sys
MANY = 50
def say(s, text):
    s.sendall(text)
    got = b""
    while not got.endswith(b"\n") or got.split(b"\n")[-2][3:4] != b" ":
        got += s.recv(1000)
def connect():
    s = socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=100)
    say(s, b"")
    say(s, b"EHLO t\r\n")
    return s
trust, to = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), ssl.MemoryBIO()
try:
    trust.wrap_bio(ssl.MemoryBIO(), to, server_hostname="localhost").do_handshake()
except ssl.SSLWantReadError:
    hello = to.read()
other = connect()
many = [connect() for _ in range(MANY)]
for s in many:
    say(s, b"STARTTLS\r\n")
os.kill(int(sys.argv[2]), signal.SIGSTOP)
for s in many:
    s.sendall(hello + b"\x15\x03\x03\0\2\2\x28") # an alert makes it fail, and so be told of, at once
other.sendall(b"NOOP\r\n")
os.kill(int(sys.argv[2]), signal.SIGCONT)
assert other.recv(1000).startswith(b"250 ")
for s in many:
    while s.recv(1000):
        pass
PY
    stop
    [ "$(grep -c 'S: (no TLS: ' err)" -eq 50 ]
    before=$(sed '/^1 C: NOOP$/q' err | grep -c 'S: (no TLS: ' || :)
    [ "$before" -lt 40 ] || { echo "the other client waited for $before handshakes"; return 1; }
}

t_handshake_octet_by_octet() {
    start_smtps -n 1 -d mail -v
    python3 - "$port" <<'PY'
import socket, ssl, sys
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=60)
s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
to, of = ssl.MemoryBIO(), ssl.MemoryBIO()
t = ssl.create_default_context(cafile="ca.pem").wrap_bio(of, to, server_hostname="localhost")
def flush():
    octets = to.read()
    for i in range(len(octets)):
        s.sendall(octets[i : i + 1])
def drive(f):
    while True:
        try:
            result = f()
            flush()
            return result
        except ssl.SSLWantReadError:
            flush()
            got = s.recv(4096)
            if not got:
                raise EOFError
            of.write(got)
drive(t.do_handshake)
drive(lambda: t.write(b"EHLO t\r\nMAIL FROM:<>\r\nRCPT TO:<b@x.test>\r\nDATA\r\nx\r\n.\r\nQUIT\r\n"))
got = b""
try:
    while True:
        part = drive(lambda: t.read(4096))
        if not part:
            break
        got += part
except ssl.SSLZeroReturnError:
    pass
assert b"\r\n354 " in got and got.rsplit(b"\r\n", 2)[-2].startswith(b"221 "), got
PY
    finish
    status_is 0
    [ "$(cat mail/0001.eml)" = x ]
}

# ---- counting ----

t_a_probe_uses_up_nothing() {
    start_smtps -c 1 -n 1 -d mail
    talk close + close + reset
    deliver_to "smtps://localhost:$port" --cacert ca.pem
    status_is 0
    finish
    status_is 0
    start_smtps -n 1 -d mail
    talk close + reset
    deliver_to "smtps://localhost:$port" --cacert ca.pem
    status_is 0
    finish
    status_is 0
    taken 2
}

# A client that has sent octets counts as a connection, even in clear, and even if it sent them before it was accepted.
t_a_failed_handshake_is_a_connection() {
    start_smtps -c 2 -n 1 -d mail -t 60
    talk + tls '<220' '>QUIT' '<221' '<EOF' + '=\x16\x03\x01' half '<GONE'
    finish
    status_is 1 'fakesmtp: expected 1 message, got none in 2 connections; 1 TLS handshake failed'
    start_smtps -c 1 -n 1 -d mail -t 60
    talk + kill:STOP:"$pid" + '>EHLO t' kill:CONT:"$pid" '<GONE'
    finish
    status_is 1 'fakesmtp: expected 1 message, got none in 1 connection; 1 TLS handshake failed'
}

# ---- files ----

t_ca_file() {
    echo old >old
    ln -s old ca.pem
    start_tls -k
    [ "$(cat old)" = old ]
    grep -q 'BEGIN CERTIFICATE' ca.pem
    fails grep -q 'PRIVATE KEY' ca.pem
    fails grep -q old ca.pem
    openssl x509 -in ca.pem -noout -text >text
    for name in DNS:localhost 'IP Address:127.0.0.1' 'IP Address:0:0:0:0:0:0:0:1'; do grep -qF "$name" text; done
    deliver --ssl-reqd --cacert ca.pem
    status_is 0
    cp ca.pem first.pem
    stop
    [ ! -e ca.pem ]
    [ -z "$(find . -name 'ca.pem*')" ]
    # each run has its own
    start_tls -k
    fails cmp -s ca.pem first.pem
    deliver --ssl-reqd --cacert first.pem
    status_is 60
    stop
    run -p 0 --tls --ca-file none/ca.pem
    status_is 3 'fakesmtp: cannot write none/ca\.pem: No such file or directory'
}

t_ca_file_of_a_wrapped_command() {
    mail='printf "Subject: t\r\n\r\nHello\r\n" | curl -sS --ssl-reqd --cacert "$SMTP_CA_FILE" "$SMTP_URL" --mail-from a@x.test --mail-rcpt b@x.test -T -'
    export SMTP_CA_FILE=of-another
    mkdir tmp
    TMPDIR=$PWD/tmp run -n 1 --tls sh -c "cd / && $mail"' && echo "$SMTP_CA_FILE|$SMTP_URL"'
    status_is 0
    grep -Eqx "$PWD/tmp/.*\|smtp://127\.0\.0\.1:[0-9]+" out
    [ -z "$(find tmp -mindepth 1)" ] # neither the file nor the directory is left
    run -n 1 -l smtps://127.0.0.1:0 --ca-file ca.pem sh -c "cd / && $mail"' && echo "$SMTP_CA_FILE|$SMTP_URL"'
    status_is 0
    grep -Eqx "$PWD/ca\.pem\|smtps://127\.0\.0\.1:[0-9]+" out
    [ ! -e ca.pem ]
    make_cert one
    run -n 1 --tls --cert one.pem --key one.key sh -c "cd / && $mail"' && echo "$SMTP_CA_FILE"'
    status_is 0
    [ "$(cat out)" = "$PWD/one.pem" ]
    [ -e one.pem ]
    run sh -c '[ -z "${SMTP_CA_FILE+x}" ]'
    status_is 0
}

t_ca_file_goes_with_a_signal() {
    for signal in TERM HUP INT; do
        start_tls -k
        [ -s ca.pem ]
        # a background command of a shell ignores SIGINT
        [ "$signal" = INT ] || { kill "-$signal" "$pid"; finish; [ ! -e ca.pem ]; continue; }
        kill "$pid"
        finish
    done
}

t_certificates_that_cannot_be_used() {
    make_cert one
    make_cert two
    run -p 0 --tls --cert none.pem
    status_is 3 'fakesmtp: cannot set up TLS: none\.pem: No such file or directory'
    mkdir directory
    run -p 0 --tls --cert directory
    status_is 3 'fakesmtp: cannot set up TLS: directory: Is a directory'
    run -p 0 --tls --cert one.pem --key none.key
    status_is 3 'fakesmtp: cannot set up TLS: none\.key: No such file or directory'
    run -p 0 --tls --cert one.pem --key directory
    status_is 3 'fakesmtp: cannot set up TLS: directory: Is a directory'
    echo 'no certificate' >text
    run -p 0 --tls --cert text --key one.key
    status_is 3 'fakesmtp: cannot set up TLS: text holds no certificate: .*'
    : >empty
    run -p 0 --tls --cert empty --key one.key
    status_is 3 'fakesmtp: cannot set up TLS: empty holds no certificate: .*'
    openssl x509 -in one.pem -outform DER -out one.der
    run -p 0 --tls --cert one.der --key one.key
    status_is 3 'fakesmtp: cannot set up TLS: one\.der holds no certificate: .*'
    run -p 0 --tls --cert one.pem --key text
    status_is 3 'fakesmtp: cannot set up TLS: text holds no key.*'
    run -p 0 --tls --cert one.pem # without its key
    status_is 3 'fakesmtp: cannot set up TLS: one\.pem holds no key.*'
    run -p 0 --tls --cert one.pem --key two.key
    status_is 3 'fakesmtp: cannot set up TLS: the key in two\.key does not belong to the first certificate in one\.pem'
    openssl pkey -in one.key -aes128 -passout pass:x -out encrypted.key
    run -p 0 --tls --cert one.pem --key encrypted.key
    status_is 3 'fakesmtp: cannot set up TLS: the key in encrypted\.key is encrypted.*'
    sed '3s/./A/g' one.pem >broken.pem
    run -p 0 --tls --cert broken.pem --key one.key
    status_is 3 'fakesmtp: cannot set up TLS: .*broken\.pem.*'
    if [ "$(id -u)" -ne 0 ]; then
        chmod 0 one.key
        run -p 0 --tls --cert one.pem --key one.key
        status_is 3 'fakesmtp: cannot set up TLS: one\.key: Permission denied'
    fi
    # and a command is not run then
    run --tls --cert none.pem touch ran
    status_is 3
    [ ! -e ran ]
}

t_usage() {
    run --cert one.pem
    status_is 2 'fakesmtp: --cert needs TLS: give --tls, or an endpoint that begins with smtps://'
    run --ca-file ca.pem
    status_is 2
    run --require tls
    status_is 2
    run --tls --key one.key
    status_is 2 'fakesmtp: --key needs a certificate: give it with --cert'
    run --tls --cert one.pem --ca-file ca.pem
    status_is 2 'fakesmtp: --ca-file and --cert exclude each other: with --cert no certificate is made'
    run --tls --hide STARTTLS
    status_is 2 'fakesmtp: --tls offers STARTTLS, but --hide hides it'
    run --tls --require auth --hide AUTH
    status_is 2
    run --tls --cert ''
    status_is 2 'fakesmtp: --cert: the name is empty'
    run --tls=yes
    status_is 2 "fakesmtp: --tls: 'yes' is not a flaw: give expired, not-yet, name:NAME, self-signed or weak-key"
    for name in '' 'a b' 'a,DNS:b' 'caf\303\251'; do
        run "--tls=name:$name"
        status_is 2 "fakesmtp: --tls: '.*' is not a host name: .*"
    done
    for flaw in '' name expire 'expired,' Expired; do
        run "--tls=$flaw"
        status_is 2
    done
    run --tls=expired --cert one.pem
    status_is 2 'fakesmtp: --cert and a flaw of --tls exclude each other: with --cert no certificate is made'
    for option in --tls-min --tls-max; do
        run "$option" 1.2
        status_is 2 'fakesmtp: --tls-min and --tls-max need TLS: .*'
        for version in '' 1 1.4 TLSv1.2 1.22; do
            run --tls "$option" "$version"
            status_is 2 "fakesmtp: $option: '.*' is not a version of TLS: give 1.0, 1.1, 1.2 or 1.3"
        done
    done
    run --tls --tls-min 1.3 --tls-max 1.2
    status_is 2 'fakesmtp: --tls-min is above --tls-max'
    # without = the word is the command
    run -n 0 --tls echo expired
    status_is 0
    [ "$(cat out)" = expired ]
    # the last one counts
    run --tls=self-signed --tls --ca-file ca.pem sh -c 'test -s ca.pem'
    status_is 0
    [ ! -e ca.pem ]
}

# ---- much of it ----

t_large() {
    python3 -c '
import random
random.seed(1)
with open("mail", "wb") as f:
    f.write(b"Subject: large\r\n\r\n")
    for _ in range(20 * 1024 * 1024 // 1024):
        f.write(random.randbytes(511).hex().encode() + b"\r\n")'
    limit_memory
    start_tls -n 1 -d out.d --crlf
    curl -sS --ssl-reqd --cacert ca.pem --url "smtp://127.0.0.1:$port" --mail-from a@x.test --mail-rcpt b@x.test -T mail
    finish
    status_is 0
    cmp out.d/0001.eml mail
    start_smtps -n 1 -d in.d --crlf
    curl -sS --cacert ca.pem --url "smtps://127.0.0.1:$port" --mail-from a@x.test --mail-rcpt b@x.test -T mail
    finish
    status_is 0
    cmp in.d/0001.eml mail
}

t_fifty_at_once() {
    start_tls -n 200 -d mail
    python3 - "$port" <<'PY'
import smtplib, ssl, sys, threading
trust = ssl.create_default_context(cafile="ca.pem")
problems = []
ready = threading.Barrier(50)
def one(i):
    try:
        with smtplib.SMTP("127.0.0.1", int(sys.argv[1]), timeout=60) as s:
            ready.wait(60)
            s.starttls(context=trust)
            for j in range(4):
                s.sendmail("a@x.test", ["b@x.test"], "Subject: %d %d\r\n\r\n%s\r\n" % (i, j, "x" * 20000))
    except Exception as e:
        problems.append(repr(e))
threads = [threading.Thread(target=one, args=(i,)) for i in range(50)]
for t in threads: t.start()
for t in threads: t.join()
assert not problems, problems
PY
    finish
    status_is 0
    taken 200
    [ "$(cat mail/*.eml | grep '^Subject: ' | sort -u | wc -l)" -eq 200 ]
}

# A client that sends much and reads nothing for a while gets all replies.
t_pipelined() {
    start_smtps -c 1 -d mail
    python3 - "$port" <<'PY'
import select, socket, ssl, sys
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=60)
s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32768)
t = ssl.create_default_context(cafile="ca.pem").wrap_socket(s, server_hostname="localhost")
t.setblocking(False)
script = b"EHLO t\r\n" + b"NOOP\r\n" * 50000 + b"QUIT\r\n"
sent, stuck, got = 0, 0, b""
while True:
    # it talks for as long as it can, and only then listens
    try:
        while sent < len(script):
            sent += t.send(script[sent : sent + 10000])
    except (ssl.SSLWantWriteError, ssl.SSLWantReadError):
        stuck += 1
    try:
        part = t.recv(65536)
        if not part:
            break
        got += part
    except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
        assert select.select([t], [t] if sent < len(script) else [], [], 20)[0:2] != ([], []), "stuck"
assert got.count(b"\r\n250 2.0.0 ") == 50000, got.count(b"\r\n250 2.0.0 ")
assert got.rsplit(b"\r\n", 2)[-2].startswith(b"221 ")
PY
    finish
    status_is 0
}

# ---- and where it is not used ----

t_costs_nothing_unused() {
    readelf -d "$FAKESMTP" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' >needed
    [ -n "${FAKESMTP_INSTRUMENTED-}" ] || fails grep -Ev '^(libc\.|libdl\.|ld-)' needed
    fails grep -E 'ssl|crypto' needed
    for words in '-p 0' '-p 0 --tls'; do
        # shellcheck disable=SC2086
        ASAN_OPTIONS=detect_leaks=0 GCOV_PREFIX=$PWD strace -f -e trace=open,openat -o trace "$FAKESMTP" $words -n 0 -t 100ms 2>err
        grep -E 'libssl|libcrypto' trace >found || true
        if [ "$words" = '-p 0' ]; then [ ! -s found ]; else [ -s found ]; fi
    done
}

t_lmtp() {
    start_on lmtp://127.0.0.1:0 --tls --ca-file ca.pem -d mail -n 1
    talk '<220' '>LHLO t' '<250' '>STARTTLS' '<220' tls '>MAIL FROM:<>' '<503' '>LHLO t' '<250' '>MAIL FROM:<>' '<250' \
        '>RCPT TO:<b@x.test>' '<250' '>RCPT TO:<c@x.test>' '<250' '>DATA' '<354' '>x' '>.' '<250' '<250' '>QUIT' '<221' '<EOF'
    finish
    status_is 0
    taken 1
}

t_unix_socket() {
    start_on unix:socket --tls --ca-file ca.pem -d mail -k
    port=./socket
    talk '<220' '>EHLO t' '<250' '>STARTTLS' '<220' tls '>EHLO t' '<250' '>MAIL FROM:<>' '<250' \
        '>RCPT TO:<b@x.test>' '<250' '>DATA' '<354' '>x' '>.' '<250' '>QUIT' '<221' '<EOF'
    stop
    taken 1
    start_on smtps://unix:socket --ca-file ca.pem -d mail -k
    port=./socket
    talk tls '<220' '>EHLO t' '<250' '>QUIT' '<221' '<EOF'
    stop
}

# TLS over standard input and output, which have to be watched in both directions
t_standard_streams() {
    for endpoint in - smtps://-; do
        python3 - "$FAKESMTP" "$endpoint" <<'PY'
import socket, ssl, subprocess, sys
ours, theirs = socket.socketpair()
ours.settimeout(60)
# the certificate is there once the greeting is, or the handshake has begun
server = subprocess.Popen([sys.argv[1], "-l", sys.argv[2], "--tls", "--ca-file", "ca.pem", "-d", "mail"], stdin=theirs, stdout=theirs)
theirs.close()
trust = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
trust.check_hostname, trust.verify_mode = False, ssl.CERT_NONE
s = ours
if sys.argv[2] == "smtps://-":
    s = trust.wrap_socket(s)
assert s.recv(1000).startswith(b"220 ")
s.sendall(b"EHLO t\r\n")
while not s.recv(4096).endswith(b"SIZE\r\n"):
    pass
if s is ours:
    s.sendall(b"STARTTLS\r\n")
    assert s.recv(1000).startswith(b"220 ")
    s = trust.wrap_socket(s)
    s.sendall(b"EHLO t\r\n")
    while not s.recv(4096).endswith(b"SIZE\r\n"):
        pass
s.sendall(b"MAIL FROM:<>\r\nRCPT TO:<b@x.test>\r\nDATA\r\n")
got = b""
while got.count(b"\n") < 3:
    got += s.recv(1000)
octets = b"y" * 70 + b"\r\n"
s.sendall(octets * 10000 + b".\r\nQUIT\r\n")
got = b""
while True:
    part = s.recv(1000)
    if not part:
        break
    got += part
assert got.startswith(b"250 ") and b"\r\n221 " in got, got
s.close()
assert server.wait(60) == 0
PY
    done
    [ ! -e ca.pem ]
    taken 2
    [ "$(wc -c <mail/0002.eml)" -eq 710000 ]
}

# ---- an attacker, over each way in that has TLS ----

t_attack_starttls() { python3 "$HERE/attack.py" "$FAKESMTP" starttls; }
t_attack_starttls_unix() { python3 "$HERE/attack.py" "$FAKESMTP" starttls-unix; }
t_attack_smtps() { python3 "$HERE/attack.py" "$FAKESMTP" smtps; }

# ---- the sendmail(8) stand-in ----

# submitted STATUS VERSION OPTION ... -- COMMAND: what a command gives, and the TLS of the message that comes, or none
submitted() {
    want=$1 version=$2
    shift 2
    rm -rf mail json
    run --sendmail -d mail -j -o json "$@" <m
    status_is "$want"
    [ "$(jq -r '.client.tls | if . then "tls" else "clear" end' json)" = "$version" ] || { jq .client json; cat err; return 1; }
}

t_sendmail() {
    printf 'To: b@x.test\n\nText\n' >m
    make_cert own
    make_cert other
    for options in --tls '--tls --require tls' '-l smtps://127.0.0.1:0' '--tls --cert own.pem --key own.key'; do
        # shellcheck disable=SC2086 # words
        submitted 0 tls $options sh -c 'sendmail -t <m'
        same mail/0001.eml m
        # shellcheck disable=SC2086
        submitted 75 '' $options sh -c 'SMTP_CA_FILE=other.pem sendmail -t <m'
        grep -q '^sendmail: .*TLS' err
        # shellcheck disable=SC2086
        submitted 75 '' $options sh -c 'SMTP_CA_FILE=none.pem sendmail -t <m'
    done
    # without a certificate to trust, what is offered is not taken, and what must be is not checked
    submitted 0 clear --tls sh -c 'unset SMTP_CA_FILE; sendmail -t <m'
    submitted 69 '' --tls --require tls sh -c 'unset SMTP_CA_FILE; sendmail -t <m'
    submitted 0 tls -l smtps://127.0.0.1:0 sh -c 'unset SMTP_CA_FILE; sendmail -t <m'
    # never in clear instead
    submitted 75 '' --tls --on 'starttls: 454 not now' sh -c 'sendmail -t <m'
    submitted 75 '' --tls --on 'starttls: drop' sh -c 'sendmail -t <m'
    # a session
    printf 'EHLO t\r\nMAIL FROM:<>\r\nRCPT TO:<b@x.test>\r\nDATA\r\nx\r\n.\r\nQUIT\r\n' >session
    submitted 0 tls -l smtps://127.0.0.1:0 sh -c 'sendmail -bs <session'
    grep -q '^221 ' out
}
