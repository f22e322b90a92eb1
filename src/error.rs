//! Why something was not queued for sending.

use std::net::SocketAddr;
use std::{error, fmt, io};

/// Why `send` did not queue. Nothing was queued and nothing else was disturbed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SendError {
    /// It is longer than what can be sent. Lengths in bytes.
    TooLong {
        /// How long it is.
        len: usize,
        /// The most that fits. Where the operating system refused a datagram that the library would
        /// have let pass (a path with a tiny MTU), it does not say how many bytes would fit; then
        /// this is one less than `len`.
        max: usize,
    },
    /// The send queue is full. Nothing is dropped: send again after the next turn, or send less.
    QueueFull,
    /// There is no such peer, or not any more, or not yet: a peer can be sent to from
    /// [`Connected`](crate::Event::Connected) to [`Disconnected`](crate::Event::Disconnected).
    UnknownPeer,
    /// A socket of one address family cannot reach an address of the other: IPv6 from an IPv4
    /// socket, or IPv4 from a socket that takes IPv6 alone.
    WrongFamily {
        /// The destination.
        to: SocketAddr,
    },
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong { len, max } => write!(f, "message is {len} bytes, at most {max} fit"),
            Self::QueueFull => write!(f, "the send queue is full"),
            Self::UnknownPeer => write!(f, "there is no such peer, or it is not connected yet"),
            Self::WrongFamily { to } => {
                write!(
                    f,
                    "{to} is of an address family that this socket cannot reach"
                )
            }
        }
    }
}

impl error::Error for SendError {}

/// `QueueFull` becomes `WouldBlock`, `UnknownPeer` becomes `NotConnected`, everything else
/// `InvalidInput`; the `SendError` itself can be
/// taken out again with [`io::Error::downcast`].
impl From<SendError> for io::Error {
    fn from(error: SendError) -> Self {
        let kind = match error {
            SendError::QueueFull => io::ErrorKind::WouldBlock,
            SendError::UnknownPeer => io::ErrorKind::NotConnected,
            SendError::TooLong { .. } | SendError::WrongFamily { .. } => {
                io::ErrorKind::InvalidInput
            }
        };
        Self::new(kind, error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_names_both_sizes() {
        let error = SendError::TooLong {
            len: 1500,
            max: 1024,
        };
        assert_eq!(error.to_string(), "message is 1500 bytes, at most 1024 fit");
    }

    #[test]
    fn an_io_error_keeps_the_kind_and_the_error() {
        let error = io::Error::from(SendError::QueueFull);
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
        assert_eq!(error.downcast::<SendError>().unwrap(), SendError::QueueFull);

        let error = io::Error::from(SendError::TooLong {
            len: 1025,
            max: 1024,
        });
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    }
}
