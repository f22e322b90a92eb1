//! The kernel's receive buffer: what was asked for and what it gave.

use std::fmt;

use serde::Serialize;
use tickwire::limits::RECEIVE_BUFFER_DEFAULT;
use tickwire::{Socket, SocketConfig};

use super::LOOPBACK;
use crate::failure::Failure;

/// What Linux charges for a queued datagram of 1024 bytes, rounded up: 2304 were measured over
/// loopback. A socket that is filled by this never overflows.
const CHARGE_MAX: usize = 2560;

/// What Linux reports is the double of what it granted, for its own bookkeeping (socket(7)).
const REPORTED: usize = if cfg!(target_os = "linux") { 2 } else { 1 };

/// The default that a program gets, in bytes of `SO_RCVBUF`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct ReceiveBuffer {
    asked_bytes: usize,
    granted_bytes: usize,
}

impl ReceiveBuffer {
    /// Asks the system for it, once.
    pub(crate) fn look() -> Result<Self, Failure> {
        // The library warns where less is granted. Whoever asks for what is known to be granted is
        // not warned again.
        let socket = Socket::with_config(LOOPBACK, &SocketConfig::default())
            .map_err(|error| Failure::cannot("open a socket on this machine")(error.into()))?;
        Ok(Self::of(&socket))
    }

    /// What a socket with the default config has got.
    pub(crate) fn of(socket: &Socket) -> Self {
        Self::reported(socket.receive_buffer())
    }

    fn reported(reported: usize) -> Self {
        Self {
            asked_bytes: RECEIVE_BUFFER_DEFAULT,
            granted_bytes: reported / REPORTED,
        }
    }

    /// What a socket can ask for and get in full.
    pub(crate) fn granted_bytes(self) -> usize {
        self.granted_bytes
    }

    /// How many datagrams of any size it surely holds.
    pub(crate) fn datagrams(self) -> usize {
        // The kernel charges against what it reports, and takes one datagram whatever happens.
        (self.granted_bytes * REPORTED / CHARGE_MAX).max(1)
    }

    fn is_short(self) -> bool {
        self.granted_bytes < self.asked_bytes
    }
}

/// One line; where less was granted than asked for, with the way out.
impl fmt::Display for ReceiveBuffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            asked_bytes: asked,
            granted_bytes: granted,
        } = self;
        write!(f, "receive buffer: asked for {asked} bytes, ")?;
        if !self.is_short() {
            return write!(f, "granted in full");
        }
        write!(f, "granted {granted}: bursts may be lost")?;
        if cfg!(target_os = "linux") {
            write!(f, "; to raise it: sysctl -w net.core.rmem_max={asked}")?;
        }
        Ok(())
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn what_was_granted_in_full_needs_no_advice() {
        let buffer = ReceiveBuffer::reported(8 << 20);
        let text = "receive buffer: asked for 4194304 bytes, granted in full";
        assert_eq!(buffer.to_string(), text);
        assert!(buffer.datagrams() > 3000);
    }

    #[test]
    fn what_was_granted_in_part_says_how_to_raise_it() {
        // What Linux reports where nobody has raised net.core.rmem_max.
        let buffer = ReceiveBuffer::reported(2 * 212_992);
        let text = buffer.to_string();
        assert!(
            text.contains("granted 212992: bursts may be lost"),
            "{text}"
        );
        assert!(
            text.ends_with("sysctl -w net.core.rmem_max=4194304"),
            "{text}"
        );
    }

    #[test]
    fn the_smallest_buffer_still_holds_one_datagram() {
        assert_eq!(ReceiveBuffer::reported(0).datagrams(), 1);
    }
}
