//! The kernel's receive buffer: the size that was asked for, and the size that was granted.

use std::{fmt, io};

use crate::floors::{LOOPBACK, bind};

/// What the kernel reports per granted byte: Linux doubles the size for its own bookkeeping (socket(7)).
const REPORTED: usize = if cfg!(target_os = "linux") { 2 } else { 1 };

/// Sizes in bytes of `SO_RCVBUF`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReceiveBuffer {
    asked: usize,
    /// What the kernel charges datagrams against.
    reported: usize,
}

impl ReceiveBuffer {
    /// Asks the system for `asked` bytes, once.
    ///
    /// # Errors
    ///
    /// The system refuses a socket.
    pub fn request(asked: usize) -> io::Result<Self> {
        let socket = socket2::Socket::from(bind(LOOPBACK, Some(asked))?);
        let reported = socket.recv_buffer_size()?;
        Ok(Self { asked, reported })
    }

    /// How many datagrams the buffer holds that the kernel charges `charge` bytes each for.
    #[must_use]
    pub fn datagrams(self, charge: usize) -> usize {
        // The kernel takes one datagram in any case.
        (self.reported / charge).max(1)
    }
}

/// One line; where less was granted than asked for, with the way to raise it.
impl fmt::Display for ReceiveBuffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (asked, granted) = (self.asked, self.reported / REPORTED);
        write!(f, "receive buffer: asked for {asked} bytes, ")?;
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
        let text = "receive buffer: asked for 4194304 bytes, granted in full";
        assert_eq!(buffer(8 << 20).to_string(), text);
        assert!(buffer(8 << 20).datagrams(2560) > 3000);
    }

    #[test]
    fn a_buffer_granted_in_part_says_how_to_raise_it() {
        // What Linux reports where net.core.rmem_max has its default.
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
