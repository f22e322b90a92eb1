//! A remote echo: its address, and whether it echoes.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use tickwire_measure::side::{DATAGRAM_MAX, Received, unless_blocked};

use super::probe::Probe;
use crate::address;
use crate::error::CliError;

/// How often an echo is asked before it is given up: a datagram may be lost.
const QUESTIONS: u64 = 3;

/// How long each answer is waited for. A satellite takes 600 ms.
const ANSWER_MAX: Duration = Duration::from_millis(800);

/// The address of `text` that this machine has a route to. A datagram to the unspecified address goes to this
/// machine itself, and its answer comes from a loopback address.
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

/// Any address and any port, from which `to` can be reached.
pub(super) fn any_towards(to: SocketAddr) -> SocketAddr {
    let ip = match to.ip() {
        ip if ip.is_loopback() => ip,
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    SocketAddr::new(ip, 0)
}

/// Refuses a target that does not echo, before a round is spent on it.
pub(super) fn greet(to: SocketAddr, size: usize) -> Result<(), CliError> {
    let answer = ask(to, size).map_err(|error| refusal(to, &error))?;
    let wrong = match answer {
        Some(true) => return Ok(()),
        Some(false) => format!("{to} answers, but does not send back what it received"),
        None => format!("nothing came back from {to}"),
    };
    Err(CliError::Runtime(format!(
        "{wrong}: it has to be a UDP echo, such as `tickwire listen --echo`"
    )))
}

/// Whether an answer is what was sent; `None` if there is no answer.
fn ask(to: SocketAddr, size: usize) -> io::Result<Option<bool>> {
    let probe = Probe::new(size, to);
    let socket = UdpSocket::bind(any_towards(to))?;
    // Only a connected socket reports that its port is closed.
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
