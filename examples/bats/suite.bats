@test 'sign up sends a welcome' {
    printf 'Subject: Welcome\n\nHello\n' | curl -s --crlf "$SMTP_URL" --mail-from app@x.test --mail-rcpt alice@x.test -T -
    fakesmtp -r "$FAKESMTP_DIR" -t 10 --match 'rcpt-to: ^alice@' --match 'subject: ^Welcome$'
}
