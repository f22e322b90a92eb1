//! Skips tests whose requirements are missing. With `TICKWIRE_NO_SKIP=1` they fail instead.
#![allow(dead_code, reason = "every test file uses a part of it")]

use std::process::Command;

/// Returns whether to skip a test that needs `what`, and prints it.
pub(crate) fn skip(what: &str, is_there: bool) -> bool {
    if is_there {
        return false;
    }
    assert!(
        std::env::var_os("TICKWIRE_NO_SKIP").is_none_or(|value| value != "1"),
        "{what} is missing, and TICKWIRE_NO_SKIP=1 forbids to skip"
    );
    eprintln!("skipped: {what} is missing");
    true
}

/// Like [`skip`], for tests that run these programs in their own network namespace.
pub(crate) fn skip_namespace(programs: &[&str]) -> bool {
    let has = |program: &&str| {
        let found = Command::new("sh")
            .args(["-c", &format!("command -v {program}")])
            .output();
        found.is_ok_and(|output| output.status.success())
    };
    let may_unshare = Command::new("unshare").args(["--net", "true"]).status();
    let is_there = programs.iter().all(has) && may_unshare.is_ok_and(|status| status.success());
    let what = [&["root", "unshare"], programs].concat().join(", ");
    skip(&format!("a network namespace ({what})"), is_there)
}
