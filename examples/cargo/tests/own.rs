use std::process::Command;

#[test]
fn bounce() {
    // fakesmtp runs the program, and exits 0 if no mail came
    let options = ["-n", "0", "-q", "-t", "60", "--on", "rcpt bounce@*: 550 no such user", "--"];
    let app = "curl -sv $SMTP_URL --mail-from app@x.test --mail-rcpt bounce@x.test -T Cargo.toml 2>&1 | grep 'no such user'";
    let run = Command::new("fakesmtp").args(options).args(["sh", "-c", app]).output().unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
}
