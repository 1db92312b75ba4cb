setup() { eval "$(fakesmtp -b -k -q -t 60 --on 'rcpt bounce@*: 550 no such user')"; }
teardown() { kill "$FAKESMTP_PID"; }

@test 'a bounce is an error' {
    run curl -sv "$SMTP_URL" --mail-from app@x.test --mail-rcpt bounce@x.test -T "$BATS_TEST_FILENAME"
    [ "$status" -ne 0 ]
    [[ $output == *'no such user'* ]]
}
