//! Classes of operating system errors: the only table from error numbers, for every platform.
//! [`Socket`](crate::Socket#operating-system-errors) documents how each class is handled.

use std::net::SocketAddr;
use std::time::{Duration, Instant};
use std::{fmt, io};

use log::{Level, log_enabled, warn};

use crate::clock;
use crate::error::BindError;
use crate::socket::stats::ErrorCounts;

/// Minimum interval between warnings of the same class: 1 s. The next warning states the number of
/// suppressed ones.
const WARN_INTERVAL: Duration = Duration::from_secs(1);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OsError {
    Interrupted,
    WouldBlock,
    /// A delayed report about an earlier datagram, on a socket that all peers share.
    Refused,
    Unreachable,
    TooLong,
    NoBuffers,
    Permission,
    Other,
}

impl OsError {
    pub(super) fn of(error: &io::Error) -> Self {
        error
            .raw_os_error()
            .and_then(by_code)
            .unwrap_or_else(|| by_kind(error.kind()))
    }
}

/// For errors without a number, and for platforms without a table.
fn by_kind(kind: io::ErrorKind) -> OsError {
    use io::ErrorKind as Kind;
    match kind {
        Kind::Interrupted => OsError::Interrupted,
        Kind::WouldBlock => OsError::WouldBlock,
        Kind::ConnectionRefused | Kind::ConnectionReset => OsError::Refused,
        Kind::HostUnreachable
        | Kind::NetworkUnreachable
        | Kind::NetworkDown
        | Kind::AddrNotAvailable => OsError::Unreachable,
        Kind::OutOfMemory => OsError::NoBuffers,
        Kind::PermissionDenied => OsError::Permission,
        _ => OsError::Other,
    }
}

pub(super) fn bind_error(address: SocketAddr, source: io::Error) -> BindError {
    if is_family_missing(&source) {
        return BindError::FamilyNotSupported { address };
    }
    match source.kind() {
        io::ErrorKind::AddrInUse => BindError::AddressInUse { address },
        io::ErrorKind::AddrNotAvailable => BindError::AddressNotAvailable { address },
        io::ErrorKind::PermissionDenied => BindError::PermissionDenied { address },
        _ => BindError::Io { address, source },
    }
}

#[cfg(unix)]
fn is_family_missing(error: &io::Error) -> bool {
    error.raw_os_error() == Some(nix::errno::Errno::EAFNOSUPPORT as i32)
}

#[cfg(not(unix))]
fn is_family_missing(error: &io::Error) -> bool {
    const WSAEAFNOSUPPORT: i32 = 10_047;
    error.raw_os_error() == Some(WSAEAFNOSUPPORT)
}

#[cfg(unix)]
fn by_code(code: i32) -> Option<OsError> {
    use nix::errno::Errno;
    Some(match Errno::from_raw(code) {
        Errno::EINTR => OsError::Interrupted,
        // EWOULDBLOCK is the same number on every Unix that mio supports.
        Errno::EAGAIN => OsError::WouldBlock,
        Errno::ECONNREFUSED | Errno::ECONNRESET | Errno::ENETRESET => OsError::Refused,
        Errno::EHOSTUNREACH
        | Errno::ENETUNREACH
        | Errno::EHOSTDOWN
        | Errno::ENETDOWN
        // No address of this machine can be the source of a datagram to that destination.
        | Errno::EADDRNOTAVAIL => OsError::Unreachable,
        Errno::EMSGSIZE => OsError::TooLong,
        Errno::ENOBUFS | Errno::ENOMEM => OsError::NoBuffers,
        Errno::EPERM | Errno::EACCES => OsError::Permission,
        _ => return None,
    })
}

#[cfg(windows)]
use by_windows_code as by_code;

#[cfg(not(any(unix, windows)))]
fn by_code(_code: i32) -> Option<OsError> {
    None
}

/// Winsock's error numbers (learn.microsoft.com, "Windows Sockets Error Codes"), also compiled for
/// tests.
#[cfg(any(windows, test))]
fn by_windows_code(code: i32) -> Option<OsError> {
    Some(match code {
        10_004 => OsError::Interrupted,               // WSAEINTR
        10_035 => OsError::WouldBlock,                // WSAEWOULDBLOCK
        10_052 | 10_054 | 10_061 => OsError::Refused, // WSAENETRESET, WSAECONNRESET, WSAECONNREFUSED
        10_049 | 10_050 | 10_051 | 10_064 | 10_065 => OsError::Unreachable, // WSAEADDRNOTAVAIL, WSAENETDOWN, WSAENETUNREACH, WSAEHOSTDOWN, WSAEHOSTUNREACH
        10_040 => OsError::TooLong,                                         // WSAEMSGSIZE
        10_055 => OsError::NoBuffers,                                       // WSAENOBUFS
        10_013 => OsError::Permission,                                      // WSAEACCES
        _ => return None,
    })
}

/// Counts errors by class and logs warnings, each class at most once per second.
#[derive(Debug)]
pub(super) struct OsErrorLog {
    /// "receiving" or "sending".
    doing: &'static str,
    counts: ErrorCounts,
    limits: [WarnRateLimit; 7],
}

impl OsErrorLog {
    pub(super) fn new(doing: &'static str) -> Self {
        Self {
            doing,
            counts: ErrorCounts::default(),
            limits: Default::default(),
        }
    }

    pub(super) fn counts(&self) -> ErrorCounts {
        self.counts
    }

    /// Counts `error`, and logs a warning at most once per class and [`WARN_INTERVAL`]. Must not be
    /// called for `WouldBlock`.
    pub(super) fn note(&mut self, answer: OsError, error: &io::Error, about: fmt::Arguments<'_>) {
        let counts = &mut self.counts;
        let (count, limit) = match answer {
            OsError::Interrupted => (&mut counts.interrupted, 0),
            OsError::Refused => (&mut counts.refused, 1),
            OsError::Unreachable => (&mut counts.unreachable, 2),
            OsError::TooLong => (&mut counts.too_long, 3),
            OsError::NoBuffers => (&mut counts.no_buffers, 4),
            OsError::Permission => (&mut counts.permission, 5),
            OsError::WouldBlock | OsError::Other => (&mut counts.other, 6),
        };
        *count += 1;
        // Checked first, so an error costs no clock read if warnings are disabled.
        if !log_enabled!(Level::Warn) {
            return;
        }
        if let Some(held_back) = self.limits[limit].pass(clock::now()) {
            let held_back = SuppressedCount(held_back);
            warn!("{}{about}: {error}{held_back}", self.doing);
        }
    }
}

struct SuppressedCount(u64);

impl fmt::Display for SuppressedCount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => Ok(()),
            count => write!(f, " ({count} similar warnings were not logged)"),
        }
    }
}

#[derive(Debug, Default)]
struct WarnRateLimit {
    last: Option<Instant>,
    held_back: u64,
}

impl WarnRateLimit {
    /// Whether this warning passes, and the number suppressed since the last one.
    fn pass(&mut self, now: Instant) -> Option<u64> {
        let too_early = self
            .last
            .is_some_and(|last| now.saturating_duration_since(last) < WARN_INTERVAL);
        if too_early {
            self.held_back += 1;
            return None;
        }
        self.last = Some(now);
        Some(std::mem::take(&mut self.held_back))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[cfg(unix)]
    #[test]
    fn every_unix_error_has_its_class() {
        use nix::errno::Errno;
        let rows = [
            (Errno::EINTR, OsError::Interrupted),
            (Errno::EAGAIN, OsError::WouldBlock),
            (Errno::EWOULDBLOCK, OsError::WouldBlock),
            (Errno::ECONNREFUSED, OsError::Refused),
            (Errno::ECONNRESET, OsError::Refused),
            (Errno::ENETRESET, OsError::Refused),
            (Errno::EHOSTUNREACH, OsError::Unreachable),
            (Errno::ENETUNREACH, OsError::Unreachable),
            (Errno::EHOSTDOWN, OsError::Unreachable),
            (Errno::ENETDOWN, OsError::Unreachable),
            (Errno::EADDRNOTAVAIL, OsError::Unreachable),
            (Errno::EMSGSIZE, OsError::TooLong),
            (Errno::ENOBUFS, OsError::NoBuffers),
            (Errno::ENOMEM, OsError::NoBuffers),
            (Errno::EPERM, OsError::Permission),
            (Errno::EACCES, OsError::Permission),
            (Errno::EINVAL, OsError::Other),
            (Errno::EBADF, OsError::Other),
        ];
        for (errno, answer) in rows {
            assert_eq!(OsError::of(&io::Error::from(errno)), answer, "{errno}");
        }
    }

    #[test]
    fn every_windows_error_has_its_class() {
        let rows = [
            (10_004, OsError::Interrupted),
            (10_035, OsError::WouldBlock),
            (10_052, OsError::Refused),
            (10_054, OsError::Refused),
            (10_061, OsError::Refused),
            (10_049, OsError::Unreachable),
            (10_050, OsError::Unreachable),
            (10_051, OsError::Unreachable),
            (10_064, OsError::Unreachable),
            (10_065, OsError::Unreachable),
            (10_040, OsError::TooLong),
            (10_055, OsError::NoBuffers),
            (10_013, OsError::Permission),
        ];
        for (code, answer) in rows {
            assert_eq!(by_windows_code(code), Some(answer), "{code}");
        }
        assert_eq!(
            by_windows_code(10_022),
            None,
            "WSAEINVAL is returned to the caller"
        );
    }

    #[test]
    fn classifies_errors_without_a_number_by_kind() {
        let rows = [
            (io::ErrorKind::Interrupted, OsError::Interrupted),
            (io::ErrorKind::WouldBlock, OsError::WouldBlock),
            (io::ErrorKind::ConnectionReset, OsError::Refused),
            (io::ErrorKind::NetworkUnreachable, OsError::Unreachable),
            (io::ErrorKind::OutOfMemory, OsError::NoBuffers),
            (io::ErrorKind::PermissionDenied, OsError::Permission),
            (io::ErrorKind::NotConnected, OsError::Other),
        ];
        for (kind, answer) in rows {
            assert_eq!(OsError::of(&io::Error::from(kind)), answer, "{kind}");
        }
    }

    #[test]
    fn logs_one_warning_per_second_with_the_suppressed_count() {
        let start = clock::now();
        let mut limit = WarnRateLimit::default();
        assert_eq!(limit.pass(start), Some(0));
        assert_eq!(limit.pass(start), None);
        assert_eq!(
            limit.pass(start + WARN_INTERVAL - Duration::from_nanos(1)),
            None
        );
        assert_eq!(limit.pass(start + WARN_INTERVAL), Some(2));
        assert_eq!(limit.pass(start + WARN_INTERVAL), None);
    }

    #[test]
    fn counts_each_error_in_its_class() {
        let mut log = OsErrorLog::new("sending");
        let error = io::Error::from(io::ErrorKind::PermissionDenied);
        log.note(OsError::Permission, &error, format_args!(""));
        assert_eq!(
            log.counts(),
            ErrorCounts {
                permission: 1,
                ..ErrorCounts::default()
            }
        );
        assert_eq!(log.counts().total(), 1);
    }
}
