//! The requested and the granted size of the kernel's receive buffer.

use std::{fmt, io};

use crate::floors::{LOOPBACK, bind};

/// Reported bytes per granted byte: Linux doubles the size for its own overhead (socket(7)).
const REPORTED: usize = if cfg!(target_os = "linux") { 2 } else { 1 };

/// Sizes in bytes of `SO_RCVBUF`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReceiveBuffer {
    asked: usize,
    /// The size that datagrams are charged against.
    reported: usize,
}

impl ReceiveBuffer {
    /// Requests `asked` bytes.
    ///
    /// # Errors
    ///
    /// The system cannot create a socket.
    pub fn request(asked: usize) -> io::Result<Self> {
        let socket = socket2::Socket::from(bind(LOOPBACK, Some(asked))?);
        let reported = socket.recv_buffer_size()?;
        Ok(Self { asked, reported })
    }

    /// Number of datagrams in a full buffer if the kernel charges `charge` bytes for each.
    #[must_use]
    pub fn datagrams(self, charge: usize) -> usize {
        // The kernel accepts one datagram over the limit.
        (self.reported / charge).max(1)
    }
}

/// One line; if less was granted than requested, with the way to raise the limit.
impl fmt::Display for ReceiveBuffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (asked, granted) = (self.asked, self.reported / REPORTED);
        write!(f, "receive buffer: requested {asked} bytes, ")?;
        if granted >= asked {
            return write!(f, "granted in full");
        }
        let advice = format!("to raise it: sysctl -w net.core.rmem_max={asked}");
        write!(f, "granted {granted}: bursts may be lost; {advice}")
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    fn buffer(reported: usize) -> ReceiveBuffer {
        let asked = 4 << 20;
        ReceiveBuffer { asked, reported }
    }

    #[test]
    fn a_buffer_granted_in_full_needs_no_advice() {
        let text = "receive buffer: requested 4194304 bytes, granted in full";
        assert_eq!(buffer(8 << 20).to_string(), text);
        assert!(buffer(8 << 20).datagrams(2560) > 3000);
    }

    #[test]
    fn a_partial_grant_states_how_to_raise_the_limit() {
        // The size that Linux reports with the default of net.core.rmem_max.
        let text = buffer(2 * 212_992).to_string();
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
        assert_eq!(buffer(0).datagrams(2560), 1);
    }
}
