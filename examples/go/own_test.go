package example

import (
	"net/smtp"
	"strings"
	"testing"
)

func TestBounce(t *testing.T) {
	server := start(t, "--on", "rcpt bounce@*: 550 no such user")
	addr := server["SMTP_HOST"] + ":" + server["SMTP_PORT"] // your program does this
	err := smtp.SendMail(addr, nil, "app@x.test", []string{"bounce@x.test"}, []byte("Subject: Welcome\r\n\r\nHello\r\n"))
	if err == nil || !strings.Contains(err.Error(), "no such user") {
		t.Fatal(err)
	}
}
