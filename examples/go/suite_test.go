package example

import (
	"net/smtp"
	"os"
	"os/exec"
	"testing"
)

func TestWelcome(t *testing.T) {
	addr := os.Getenv("SMTP_HOST") + ":" + os.Getenv("SMTP_PORT") // your program does this
	if err := smtp.SendMail(addr, nil, "app@x.test", []string{"alice@x.test"}, []byte("Subject: Welcome\r\n\r\nHello\r\n")); err != nil {
		t.Fatal(err)
	}
	found := exec.Command("fakesmtp", "-r", os.Getenv("FAKESMTP_DIR"), "-t", "10", "-f", "none", "--match", "subject: ^Welcome$")
	if why, err := found.CombinedOutput(); err != nil {
		t.Fatalf("%s", why)
	}
}
