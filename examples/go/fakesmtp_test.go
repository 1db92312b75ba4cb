package example

import (
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
)

// A server for one test: SMTP_HOST, SMTP_PORT, FAKESMTP_DIR and so on.
func start(t *testing.T, options ...string) map[string]string {
	run := exec.Command("fakesmtp", append([]string{"-b", "-k", "-q", "-t", "60", "--dotenv"}, options...)...)
	run.Stderr = os.Stderr
	lines, err := run.Output()
	if err != nil {
		t.Fatal(err)
	}
	server := map[string]string{}
	for _, line := range strings.Split(string(lines), "\n") {
		if name, value, found := strings.Cut(line, "="); found {
			server[name] = value
		}
	}
	pid, _ := strconv.Atoi(server["FAKESMTP_PID"])
	t.Cleanup(func() {
		if p, err := os.FindProcess(pid); err == nil {
			p.Signal(os.Interrupt)
		}
	})
	return server
}
