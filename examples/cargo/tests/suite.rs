use std::{env, process::Command};

#[test]
fn welcome() {
    assert!(example::send(&env::var("SMTP_URL").unwrap(), "alice@x.test"));
    let found = Command::new("fakesmtp").args(["-r", &env::var("FAKESMTP_DIR").unwrap(), "-t", "10", "-f", "none"])
        .args(["--match", "rcpt-to: ^alice@", "--match", "subject: ^Welcome$"]).output().unwrap();
    assert!(found.status.success(), "{}", String::from_utf8_lossy(&found.stderr));
}
