//! What the integration tests share.
#![allow(dead_code, reason = "every test file uses a part of it")]

use std::net::{SocketAddr, UdpSocket};
use std::process::Command;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use tickwire::{Endpoint, EndpointConfig};

/// A net below the tests, not a wait: nothing takes that long unless it is broken.
pub(crate) const LIMIT: Duration = Duration::from_secs(30);

pub(crate) fn any_port() -> SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}

pub(crate) fn bind(config: &EndpointConfig) -> Endpoint {
    Endpoint::with_config(any_port(), config).unwrap()
}

/// A plain socket, to look at an endpoint from outside.
pub(crate) fn plain_socket() -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(LIMIT)).unwrap();
    socket
}

/// Runs `body` and fails if it does not come back: for calls that must return without an event.
pub(crate) fn must_return<T: Send + 'static>(body: impl FnOnce() -> T + Send + 'static) -> T {
    let (done, result) = mpsc::channel();
    let thread = thread::spawn(move || {
        let _ = done.send(body());
    });
    match result.recv_timeout(LIMIT) {
        Ok(value) => value,
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("it did not return"),
        Err(mpsc::RecvTimeoutError::Disconnected) => {
            std::panic::resume_unwind(thread.join().expect_err("it ended without a result"))
        }
    }
}

/// One drain: everything up to the next `None`.
pub(crate) fn drain(endpoint: &mut Endpoint) -> Vec<Vec<u8>> {
    let mut datagrams = Vec::new();
    while let Some(datagram) = endpoint.recv().unwrap() {
        datagrams.push(datagram.bytes.to_vec());
    }
    datagrams
}

/// Turns until `count` datagrams have come.
pub(crate) fn receive(endpoint: &mut Endpoint, count: usize) -> Vec<Vec<u8>> {
    let mut datagrams = drain(endpoint);
    while datagrams.len() < count {
        let before = datagrams.len();
        endpoint.wait(Some(LIMIT)).unwrap();
        datagrams.extend(drain(endpoint));
        assert!(datagrams.len() > before, "only {before} of {count} came");
    }
    datagrams
}

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
