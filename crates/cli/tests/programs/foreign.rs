//! Other programs. A test skips where its program is not installed.

use std::process::{Command, Stdio};

use crate::skip::skip;

/// Whether a program is installed, and prints `wanted` for the option `probe`. If not, the test
/// skips.
fn is_here(name: &str, probe: &str, wanted: &str) -> bool {
    let answer = Command::new(name)
        .arg(probe)
        .stdin(Stdio::null())
        .output()
        .map(|output| [output.stdout, output.stderr].concat())
        .unwrap_or_default();
    let is_it = String::from_utf8_lossy(&answer).contains(wanted);
    !skip(&format!("{name} ({wanted})"), is_it)
}

/// A Python program, or `None` where there is no Python.
pub(crate) fn python(script: &str, args: &[&str]) -> Option<Command> {
    if !is_here("python3", "--version", "Python 3") {
        return None;
    }
    let mut command = Command::new("python3");
    // Unbuffered.
    command.args(["-u", "-c", script]).args(args);
    Some(command)
}

/// netcat: a datagram for each read of its input.
pub(crate) fn netcat(host: &str, port: &str) -> Option<Command> {
    if !is_here("nc", "-h", "OpenBSD") {
        return None;
    }
    let mut command = Command::new("nc");
    command.args(["-u", "-q", "0", host, port]);
    Some(command)
}

/// socat, from its input to a UDP address.
pub(crate) fn socat(to: &str) -> Option<Command> {
    if !is_here("socat", "-V", "socat version") {
        return None;
    }
    let mut command = Command::new("socat");
    command.args(["-u", "-", &format!("UDP:{to}")]);
    Some(command)
}
