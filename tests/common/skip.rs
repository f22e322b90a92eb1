//! Tests that need what not every machine has: skipped with a message, or failed where nothing may be skipped.
#![allow(dead_code, reason = "every test file uses a part of it")]

use std::process::Command;

/// Whether a test that needs `what` has to be skipped. Says so, and fails where nothing may be
/// skipped (`TICKWIRE_NO_SKIP=1`).
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

/// Whether a test that makes a network namespace for itself, and needs these programs in it, has to be
/// skipped, as `skip` does.
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
