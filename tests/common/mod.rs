//! Helpers of the integration tests.
#![allow(dead_code, reason = "every test file uses a part of it")]

mod skip;

use std::net::{SocketAddr, UdpSocket};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use tickwire::{Socket, SocketConfig};

#[allow(unused_imports, reason = "every test file uses a part of it")]
pub(crate) use self::skip::{skip, skip_namespace};

/// Upper bound on every wait. Only a failing test reaches it.
pub(crate) const LIMIT: Duration = Duration::from_secs(30);

pub(crate) fn any_port() -> SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}

pub(crate) fn bind(config: &SocketConfig) -> Socket {
    Socket::with_config(any_port(), config).unwrap()
}

/// A standard-library socket as the remote side.
pub(crate) fn plain_socket() -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(LIMIT)).unwrap();
    socket
}

/// Runs `body` and panics after [`LIMIT`], for calls that must return without an event.
pub(crate) fn must_return<T: Send + 'static>(body: impl FnOnce() -> T + Send + 'static) -> T {
    let (done, result) = mpsc::channel();
    let thread = thread::spawn(move || {
        let _ = done.send(body());
    });
    match result.recv_timeout(LIMIT) {
        Ok(value) => value,
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("the call did not return within {LIMIT:?}"),
        Err(mpsc::RecvTimeoutError::Disconnected) => std::panic::resume_unwind(
            thread
                .join()
                .expect_err("the thread ended without a result"),
        ),
    }
}

/// All datagrams up to the next `None`.
pub(crate) fn drain(socket: &mut Socket) -> Vec<Vec<u8>> {
    let mut datagrams = Vec::new();
    while let Some(datagram) = socket.recv().unwrap() {
        datagrams.push(datagram.bytes.to_vec());
    }
    datagrams
}

pub(crate) fn receive(socket: &mut Socket, count: usize) -> Vec<Vec<u8>> {
    let mut datagrams = drain(socket);
    while datagrams.len() < count {
        let before = datagrams.len();
        socket.wait(Some(LIMIT)).unwrap();
        datagrams.extend(drain(socket));
        assert!(
            datagrams.len() > before,
            "only {before} of {count} datagrams arrived"
        );
    }
    datagrams
}
