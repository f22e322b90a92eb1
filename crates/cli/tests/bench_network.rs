//! `tickwire bench` in a network that does not deliver: one line with the error, and no figures.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

#[path = "../../../tests/common/skip.rs"]
mod skip;

use std::process::Command;

/// In a new network, even the loopback interface is down.
const NEW_NETWORK: &str = "true";

const MESSAGES: &str = "messages --real --count 60 --rounds 1 --loss 0 --delivery ordered";
const LATENCY: &str = "latency --rounds 1 --duration 100ms";

/// Runs `bench` in a new network; returns its error.
fn refused(network: &str, args: &str, log: &str) -> String {
    let program = env!("CARGO_BIN_EXE_tickwire");
    let command = format!("{network} && exec {program} bench {args}");
    let mut unshare = Command::new("unshare");
    unshare.args(["--net", "sh", "-c", &command]);
    let output = unshare.env("RUST_LOG", log).output().unwrap();
    let stdout = String::from_utf8(output.stdout).unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(!stdout.contains("p50"), "{stdout}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    stderr
}

#[test]
fn measures_nothing_without_a_loopback_interface() {
    if skip::skip_namespace(&[]) {
        return;
    }
    // The line replaces the warnings of the library.
    for args in [MESSAGES, LATENCY] {
        let text = refused(NEW_NETWORK, args, "warn");
        for part in ["cannot send to 127.0.0.1: ", "ip link set lo up"] {
            assert!(text.contains(part), "no {part:?} in {text}");
        }
    }
}

#[test]
fn measures_nothing_behind_a_firewall() {
    if skip::skip_namespace(&["ip", "nft"]) {
        return;
    }
    let wall = |rule: &str| {
        format!(
            "ip link set lo up && nft add table inet wall \
             && nft 'add chain inet wall in {{ type filter hook input priority 0; }}' \
             && nft add rule inet wall in {rule} drop"
        )
    };
    // Including the 8 bytes of the header.
    let (everything, long) = (wall("meta l4proto udp"), wall("udp length '>' 24"));
    let cases = [
        (&everything, MESSAGES, "do not arrive"),
        (&everything, LATENCY, "do not arrive"),
        (&long, LATENCY, "no reply to"),
    ];
    for (wall, args, part) in cases {
        let text = refused(wall, args, "error");
        assert!(text.contains(part), "no {part:?} in {text}");
    }
}
