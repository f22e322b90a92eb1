//! Checks that this machine can send datagrams to itself, which every benchmark needs.

use std::io;
use std::net::UdpSocket;
use std::time::Duration;

use tickwire_measure::floors::LOOPBACK;
use tickwire_measure::side::unless_blocked;

use crate::error::CliError;

/// Upper bound: over loopback the datagram arrives within the sending call.
const ARRIVAL_MAX: Duration = Duration::from_secs(1);

/// Fails before the first measurement if no datagram arrives.
pub(crate) fn refuse_silence() -> Result<(), CliError> {
    match gets_through() {
        Ok(true) => Ok(()),
        Ok(false) => Err(CliError::Runtime(format!(
            "datagrams to {} do not arrive: check the firewall of this machine",
            LOOPBACK.ip()
        ))),
        Err(error) => Err(cannot_send(&error)),
    }
}

/// A bare socket, because the library would log the error as well.
fn gets_through() -> io::Result<bool> {
    let socket = UdpSocket::bind(LOOPBACK)?;
    // Connected to itself, so it ignores other sources.
    socket.connect(socket.local_addr()?)?;
    socket.set_read_timeout(Some(ARRIVAL_MAX))?;
    socket.send(b"")?;
    Ok(unless_blocked(socket.recv(&mut []))?.is_some())
}

fn cannot_send(error: &io::Error) -> CliError {
    let mut text = format!("cannot send to {}: {error}", LOOPBACK.ip());
    if cfg!(target_os = "linux") && error.kind() == io::ErrorKind::NetworkUnreachable {
        text += "; the loopback interface is down, to bring it up as root: ip link set lo up";
    }
    CliError::Runtime(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_datagrams_arrive() {
        assert_eq!(refuse_silence(), Ok(()));
    }

    #[test]
    fn suggests_bringing_the_interface_up_only_if_it_is_down() {
        let text = |kind: io::ErrorKind| match cannot_send(&kind.into()) {
            CliError::Runtime(text) => text,
            other => panic!("{other:?}"),
        };
        let forbidden = text(io::ErrorKind::PermissionDenied);
        assert_eq!(forbidden, "cannot send to 127.0.0.1: permission denied");
        let down = text(io::ErrorKind::NetworkUnreachable);
        assert_eq!(
            down.ends_with("ip link set lo up"),
            cfg!(target_os = "linux")
        );
    }
}
