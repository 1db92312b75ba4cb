import json, os, smtplib, subprocess, unittest

class SignUp(unittest.TestCase):
    def test_welcome(self):
        with smtplib.SMTP(os.environ["SMTP_HOST"], int(os.environ["SMTP_PORT"])) as s:  # your program does this
            s.sendmail("app@x.test", ["alice@x.test"], "Subject: Welcome\n\nHello Alice\n")
        mail = json.loads(subprocess.check_output(["fakesmtp", "-r", os.environ["FAKESMTP_DIR"], "-t", "10",
                                                   "--match", "rcpt-to: ^alice@", "-j"]))
        self.assertEqual(mail["subject"], "Welcome")
