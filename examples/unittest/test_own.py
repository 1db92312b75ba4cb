import os, signal, smtplib, subprocess, unittest

class Bounce(unittest.TestCase):
    def setUp(self):
        lines = subprocess.check_output(["fakesmtp", "-b", "-k", "-q", "-t", "60", "--dotenv",
                                         "--on", "rcpt bounce@*: 550 no such user"], text=True)
        self.smtp = dict(line.split("=", 1) for line in lines.splitlines())
        self.addCleanup(os.kill, int(self.smtp["FAKESMTP_PID"]), signal.SIGTERM)

    def test_refused(self):
        with smtplib.SMTP(self.smtp["SMTP_HOST"], int(self.smtp["SMTP_PORT"])) as s:  # your program does this
            with self.assertRaisesRegex(smtplib.SMTPRecipientsRefused, "no such user"):
                s.sendmail("app@x.test", ["bounce@x.test"], "Subject: Welcome\n\nHello\n")
