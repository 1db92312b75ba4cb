import os, signal, smtplib, subprocess, pytest

@pytest.fixture
def smtp():
    lines = subprocess.check_output(["fakesmtp", "-b", "-k", "-q", "-t", "60", "--dotenv",
                                     "--on", "rcpt bounce@*: 550 no such user"], text=True)
    run = dict(line.split("=", 1) for line in lines.splitlines())
    yield smtplib.SMTP(run["SMTP_HOST"], int(run["SMTP_PORT"]))
    os.kill(int(run["FAKESMTP_PID"]), signal.SIGTERM)

def test_bounce(smtp):
    with pytest.raises(smtplib.SMTPRecipientsRefused, match="no such user"):
        smtp.sendmail("app@x.test", ["bounce@x.test"], "Subject: Welcome\n\nHello\n")  # your program does this
