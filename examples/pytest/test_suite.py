import json, os, smtplib, subprocess

def mail_to(address):
    return json.loads(subprocess.check_output(
        ["fakesmtp", "-r", os.environ["FAKESMTP_DIR"], "-t", "10", "--match", "rcpt-to: ^%s$" % address, "-j"]))

def test_welcome():
    with smtplib.SMTP(os.environ["SMTP_HOST"], int(os.environ["SMTP_PORT"])) as s:  # your program does this
        s.sendmail("app@x.test", ["alice@x.test"], "Subject: Welcome\n\nHello Alice\n")
    assert mail_to("alice@x.test")["subject"] == "Welcome"
