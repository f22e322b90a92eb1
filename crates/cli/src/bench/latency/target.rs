//! A remote echo: its address, and a check that it echoes.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use tickwire_measure::side::{DATAGRAM_MAX, Received, unless_blocked};

use super::probe::Probe;
use crate::address;
use crate::error::CliError;

/// Requests before the target counts as silent, because a datagram may be lost.
const QUESTIONS: u64 = 3;

/// Reply timeout. A satellite takes 600 ms.
const ANSWER_MAX: Duration = Duration::from_millis(800);

/// The address of `text` that this machine has a route to. A datagram to the unspecified address
/// reaches this machine, and its reply comes from a loopback address.
pub(super) fn find(text: &str) -> Result<SocketAddr, String> {
    let found = address::open_towards(text);
    let (_, to) = found.map_err(|error| match error {
        CliError::Usage(text) | CliError::Runtime(text) => text,
        CliError::OutputClosed => String::new(),
    })?;
    if to.ip().is_unspecified() {
        return Ok(address::loopback(to));
    }
    Ok(to)
}

/// The unspecified address of the family of `to`, with port 0.
pub(super) fn any_towards(to: SocketAddr) -> SocketAddr {
    let ip = match to.ip() {
        ip if ip.is_loopback() => ip,
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    SocketAddr::new(ip, 0)
}

/// Rejects a target that does not echo, before the first round.
pub(super) fn greet(to: SocketAddr, size: usize) -> Result<(), CliError> {
    let answer = ask(to, size).map_err(|error| refusal(to, &error))?;
    let wrong = match answer {
        Some(true) => return Ok(()),
        Some(false) => format!("{to} replies, but with other bytes than it received"),
        None => format!("no reply from {to}"),
    };
    Err(CliError::Runtime(format!(
        "{wrong}: choose a UDP echo, such as `tickwire listen --echo`"
    )))
}

/// Whether the reply equals the request; `None` without a reply.
fn ask(to: SocketAddr, size: usize) -> io::Result<Option<bool>> {
    let probe = Probe::new(size, to);
    let socket = UdpSocket::bind(any_towards(to))?;
    // Only a connected socket reports a closed port.
    socket.connect(to)?;
    socket.set_read_timeout(Some(ANSWER_MAX))?;
    let (mut sent, mut buffer) = ([0; DATAGRAM_MAX], [0; DATAGRAM_MAX + 1]);
    let mut is_echo = None;
    for number in 0..QUESTIONS {
        socket.send(probe.write(&mut sent, number))?;
        if let Some(len) = unless_blocked(socket.recv(&mut buffer))? {
            let answer = Received::now(to, &buffer[..len], len > DATAGRAM_MAX);
            is_echo = Some(probe.read(&answer).is_some());
        }
        if is_echo == Some(true) {
            break;
        }
    }
    Ok(is_echo)
}

fn refusal(to: SocketAddr, error: &io::Error) -> CliError {
    let what = match error.kind() {
        io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionReset => {
            "the port is closed; start an echo, such as `tickwire listen --echo`".to_owned()
        }
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
            "this machine has no route to that network or host".to_owned()
        }
        _ => error.to_string(),
    };
    CliError::Runtime(format!("cannot measure to {to}: {what}"))
}
