//! Errors shared by several modules: sending, configuration and binding.

use std::fmt::Display;
use std::io;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::time::Duration;

/// Why a [`Host`](crate::Host) did not queue a message. No state changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// The message is longer than the peer accepts.
    #[error("message is {len} bytes, but this peer accepts at most {max}")]
    TooLong {
        /// Length of the message in bytes.
        len: usize,
        /// Maximum in bytes for this peer and delivery: see
        /// [`message_max`](crate::Host::message_max).
        max: usize,
    },
    /// The send queue of this peer is full ([limits](crate::proto::HostState::send)), or it has
    /// [`RECEIPTS_MAX`](crate::limits::RECEIPTS_MAX) open receipts. Send again in a later turn, or
    /// send less.
    #[error(
        "send queue of this peer is full (4096 messages, 4096 open receipts, or its limit of bytes): \
         send again in a later turn, or send less"
    )]
    QueueFull,
    /// The peer has disconnected, or its id belongs to another host.
    #[error("unknown peer: it has disconnected, or its id belongs to another host")]
    UnknownPeer,
    /// The handshake is not complete (see [`Connected`](crate::Event::Connected)), or
    /// [`disconnect_after_flush`](crate::Host::disconnect_after_flush) was called.
    #[error("peer is not connected: its handshake is not complete, or it is being disconnected")]
    NotConnected,
}

/// `QueueFull` becomes [`WouldBlock`](io::ErrorKind::WouldBlock), `UnknownPeer` and `NotConnected`
/// become [`NotConnected`](io::ErrorKind::NotConnected), `TooLong` becomes
/// [`InvalidInput`](io::ErrorKind::InvalidInput). [`io::Error::downcast`] returns the `SendError`.
impl From<SendError> for io::Error {
    fn from(error: SendError) -> Self {
        let kind = match error {
            SendError::QueueFull => io::ErrorKind::WouldBlock,
            SendError::UnknownPeer | SendError::NotConnected => io::ErrorKind::NotConnected,
            SendError::TooLong { .. } => io::ErrorKind::InvalidInput,
        };
        Self::new(kind, error)
    }
}

/// Why a [`Socket`](crate::Socket) did not queue a datagram. No state changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SocketSendError {
    /// The datagram is longer than [`DATAGRAM_MAX`](crate::limits::DATAGRAM_MAX) (1024 bytes), or
    /// longer than the operating system accepts.
    #[error("datagram is {len} bytes, but at most {max} fit")]
    TooLong {
        /// Length of the datagram in bytes.
        len: usize,
        /// Maximum in bytes. `len - 1` if the operating system rejected a datagram of valid length
        /// (a path with a very small MTU), because it does not report its maximum.
        max: usize,
    },
    /// The send queue is full: [`send_queue`](crate::SocketConfig::send_queue) datagrams. Send
    /// again after a flush, or send less.
    #[error(
        "send queue of the socket is full: send again after a flush, or raise SocketConfig::send_queue"
    )]
    QueueFull,
    /// The socket cannot reach this address family: IPv6 from an IPv4 socket, or IPv4 from an
    /// IPv6-only socket.
    #[error(
        "cannot send to {to}: the socket cannot reach its address family, bind [::] to reach both"
    )]
    WrongFamily {
        /// The destination.
        to: SocketAddr,
    },
}

/// `QueueFull` becomes [`WouldBlock`](io::ErrorKind::WouldBlock), everything else
/// [`InvalidInput`](io::ErrorKind::InvalidInput). [`io::Error::downcast`] returns the
/// `SocketSendError`.
impl From<SocketSendError> for io::Error {
    fn from(error: SocketSendError) -> Self {
        let kind = match error {
            SocketSendError::QueueFull => io::ErrorKind::WouldBlock,
            SocketSendError::TooLong { .. } | SocketSendError::WrongFamily { .. } => {
                io::ErrorKind::InvalidInput
            }
        };
        Self::new(kind, error)
    }
}

/// A config field is out of its range: of [`Config`](crate::Config),
/// [`SocketConfig`](crate::SocketConfig) or `LinkConditions` (feature `sim`).
///
/// ```
/// use std::time::Duration;
/// use tickwire::Config;
///
/// let config = Config { idle_timeout: Duration::from_millis(50), ..Config::plain(7) };
/// let error = config.validate().unwrap_err();
/// assert_eq!(error.field(), "idle_timeout");
/// assert_eq!(error.to_string(), "idle_timeout is 50 ms, but must be between 100 ms and 1 h");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field} is {value}, but must be {range}")]
pub struct ConfigError {
    field: &'static str,
    value: String,
    range: String,
}

impl ConfigError {
    pub(crate) fn new(field: &'static str, value: &impl Display, range: String) -> Self {
        Self {
            field,
            value: value.to_string(),
            range,
        }
    }

    /// Name of the field, such as `idle_timeout` or `loss.probability`.
    #[must_use]
    pub fn field(&self) -> &'static str {
        self.field
    }

    /// The rejected value with its unit, such as `50 ms`.
    #[must_use]
    pub fn value(&self) -> &str {
        &self.value
    }

    /// The allowed range with its units, such as `between 100 ms and 1 h`.
    #[must_use]
    pub fn range(&self) -> &str {
        &self.range
    }
}

impl From<ConfigError> for io::Error {
    fn from(error: ConfigError) -> Self {
        Self::new(io::ErrorKind::InvalidInput, error)
    }
}

/// Checks that `value` is in `range`. NaN is out of every range. `unit` formats a value.
pub(crate) fn check_range<V: PartialOrd + Copy, D: Display>(
    field: &'static str,
    value: V,
    range: RangeInclusive<V>,
    unit: impl Fn(V) -> D,
) -> Result<(), ConfigError> {
    if range.contains(&value) {
        return Ok(());
    }
    let (min, max) = (unit(*range.start()), unit(*range.end()));
    Err(ConfigError::new(
        field,
        &unit(value),
        format!("between {min} and {max}"),
    ))
}

pub(crate) fn count<V>(value: V) -> V {
    value
}

pub(crate) fn bytes(value: usize) -> String {
    format!("{value} bytes")
}

pub(crate) fn bits_per_second(value: u64) -> String {
    format!("{value} bit/s")
}

/// A duration in the largest unit that divides it.
pub(crate) fn duration(value: Duration) -> String {
    let nanos = value.as_nanos();
    let units = [
        (3_600_000_000_000, "h"),
        (60_000_000_000, "min"),
        (1_000_000_000, "s"),
        (1_000_000, "ms"),
        (1_000, "µs"),
    ];
    match units
        .iter()
        .find(|(unit, _)| nanos >= *unit && nanos % unit == 0)
    {
        Some((unit, name)) => format!("{} {name}", nanos / unit),
        None if nanos == 0 => "0 ms".to_owned(),
        None => format!("{nanos} ns"),
    }
}

/// Why a [`Socket`](crate::Socket) or a [`Host`](crate::Host) was not created.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BindError {
    /// A field of the config is out of its range.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Another socket is bound to this address and port.
    #[error("cannot bind {address}: another socket uses this address and port")]
    AddressInUse {
        /// The address to bind.
        address: SocketAddr,
    },
    /// The address belongs to no interface of this machine.
    #[error("cannot bind {address}: no interface of this machine has this address")]
    AddressNotAvailable {
        /// The address to bind.
        address: SocketAddr,
    },
    /// The operating system does not support the address family, IPv6 for example.
    #[error("cannot bind {address}: this machine does not support its address family")]
    FamilyNotSupported {
        /// The address to bind.
        address: SocketAddr,
    },
    /// The operating system denies permission, for example for a privileged port.
    #[error("cannot bind {address}: permission denied; ports below 1024 may need privileges")]
    PermissionDenied {
        /// The address to bind.
        address: SocketAddr,
    },
    /// Any other error of the operating system.
    #[error("cannot bind {address}: {source}")]
    Io {
        /// The address to bind.
        address: SocketAddr,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The operating system has no entropy for the host's seed.
    #[error("cannot create a host: the system has no entropy for its seed: {source}")]
    Entropy {
        /// The error of the operating system.
        source: io::Error,
    },
}

/// Keeps the kind of the operating system's error; [`io::Error::downcast`] returns the `BindError`.
impl From<BindError> for io::Error {
    fn from(error: BindError) -> Self {
        let kind = match &error {
            BindError::Config(_) => io::ErrorKind::InvalidInput,
            BindError::AddressInUse { .. } => io::ErrorKind::AddrInUse,
            BindError::AddressNotAvailable { .. } => io::ErrorKind::AddrNotAvailable,
            BindError::FamilyNotSupported { .. } => io::ErrorKind::Unsupported,
            BindError::PermissionDenied { .. } => io::ErrorKind::PermissionDenied,
            BindError::Io { source, .. } | BindError::Entropy { source } => source.kind(),
        };
        Self::new(kind, error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn send_errors_name_length_and_maximum() {
        let (len, max) = (70_000, 65_536);
        let error = SendError::TooLong { len, max }.to_string();
        assert_eq!(
            error,
            "message is 70000 bytes, but this peer accepts at most 65536"
        );
        let (len, max) = (1500, 1024);
        let error = SocketSendError::TooLong { len, max }.to_string();
        assert_eq!(error, "datagram is 1500 bytes, but at most 1024 fit");
    }

    #[test]
    fn io_error_keeps_kind_and_error() {
        let error = io::Error::from(SendError::QueueFull);
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
        assert_eq!(error.downcast::<SendError>().unwrap(), SendError::QueueFull);
        let error = io::Error::from(SendError::NotConnected);
        assert_eq!(error.kind(), io::ErrorKind::NotConnected);

        let (len, max) = (1025, 1024);
        let error = io::Error::from(SocketSendError::TooLong { len, max });
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
        let error = error.downcast::<SocketSendError>().unwrap();
        assert_eq!(error, SocketSendError::TooLong { len, max });

        let address = SocketAddr::from(([127, 0, 0, 1], 7));
        let error = io::Error::from(BindError::AddressInUse { address });
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
        assert_eq!(
            error.to_string(),
            "cannot bind 127.0.0.1:7: another socket uses this address and port"
        );
    }

    #[test]
    fn formats_durations_in_the_largest_unit_that_divides_them() {
        let texts = [
            (Duration::ZERO, "0 ms"),
            (Duration::from_nanos(1_500), "1500 ns"),
            (Duration::from_micros(1_500), "1500 µs"),
            (Duration::from_millis(50), "50 ms"),
            (Duration::from_secs(61), "61 s"),
            (Duration::from_secs(60), "1 min"),
            (Duration::from_secs(3600), "1 h"),
        ];
        for (value, text) in texts {
            assert_eq!(duration(value), text);
        }
    }

    #[test]
    fn nan_is_out_of_every_range() {
        let error = check_range("reorder", f64::NAN, 0.0..=1.0, count).unwrap_err();
        assert_eq!(
            error.to_string(),
            "reorder is NaN, but must be between 0 and 1"
        );
    }
}
