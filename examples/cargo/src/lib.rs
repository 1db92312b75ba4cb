/// Your program sends mail in some way; here curl does.
pub fn send(url: &str, to: &str) -> bool {
    let script = "printf 'Subject: Welcome\\r\\n\\r\\nHello\\r\\n' | curl -sS \"$0\" --mail-from app@x.test --mail-rcpt \"$1\" -T -";
    std::process::Command::new("sh").args(["-c", script, url, to]).status().unwrap().success()
}
