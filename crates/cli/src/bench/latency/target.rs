//! An echo somewhere else: where it is, and whether it is one.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use tickwire::Datagram;
use tickwire::limits::DATAGRAM_MAX;

use super::Settings;
use super::clients::some_unless_blocked;
use super::probe::Probe;
use crate::address;
use crate::error::CliError;

/// How often an echo is asked before it is given up: one question, or its answer, may be lost.
const QUESTIONS: u64 = 3;

/// How long each answer is waited for. A satellite takes 600 ms.
const ANSWER_MAX: Duration = Duration::from_millis(800);

/// The address of `text` that this machine knows a way to. Sent to "any address" a datagram goes to
/// this machine itself, and its answer comes from the address that it has for that.
pub(super) fn find(text: &str) -> Result<SocketAddr, CliError> {
    let (_, to) = address::open_towards(text)?;
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
pub(super) fn greet(settings: &Settings) -> Result<(), CliError> {
    let Some(to) = settings.to else {
        return Ok(());
    };
    let probe = Probe::new(settings.size_bytes, to);
    let heard = ask(to, &probe).map_err(|error| refusal(to, &error))?;
    let wrong = match heard {
        Heard::Echo => return Ok(()),
        Heard::Nothing => format!("nothing came back from {to}"),
        Heard::SomethingElse => {
            format!("{to} answers, but does not send back what it received")
        }
    };
    Err(CliError::Runtime(format!(
        "{wrong}: it has to be a UDP echo, such as `tickwire listen --echo`"
    )))
}

enum Heard {
    Echo,
    SomethingElse,
    Nothing,
}

fn ask(to: SocketAddr, probe: &Probe) -> io::Result<Heard> {
    let socket = UdpSocket::bind(any_towards(to))?;
    // Only a connected socket hears that nobody listens there.
    socket.connect(to)?;
    socket.set_read_timeout(Some(ANSWER_MAX))?;
    let (mut sent, mut buffer) = ([0; DATAGRAM_MAX], [0; DATAGRAM_MAX + 1]);
    let mut heard = Heard::Nothing;
    for number in 0..QUESTIONS {
        socket.send(probe.write(&mut sent, number))?;
        let Some(len) = some_unless_blocked(socket.recv(&mut buffer))? else {
            continue;
        };
        let answer = Datagram {
            from: to,
            bytes: &buffer[..len],
            truncated: len > DATAGRAM_MAX,
        };
        if probe.read(&answer).is_some() {
            return Ok(Heard::Echo);
        }
        heard = Heard::SomethingElse;
    }
    Ok(heard)
}

fn refusal(to: SocketAddr, error: &io::Error) -> CliError {
    let what = match error.kind() {
        io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionReset => {
            "nobody listens there; start an echo, such as `tickwire listen --echo`".to_owned()
        }
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
            "this machine knows no way to that network or host".to_owned()
        }
        _ => error.to_string(),
    };
    CliError::Runtime(format!("cannot measure to {to}: {what}"))
}
