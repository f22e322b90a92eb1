//! The compared libraries, behind one trait.

mod enet;
mod renet;
mod tickwire;
mod uflow;

use std::error::Error;
use std::time::Instant;

/// A client and a server of one library. The caller carries the datagrams between them.
///
/// A tick calls [`receive`](Self::receive) for both endpoints, [`send`](Self::send), and
/// [`flush`](Self::flush) for both endpoints, in the order that the library documents. `now` never
/// decreases.
pub(crate) trait Pair {
    /// An endpoint processes the datagrams that have arrived since the last tick, and runs its
    /// timers.
    ///
    /// # Errors
    ///
    /// The connection was closed.
    fn receive(&mut self, at: Side, datagrams: &[Vec<u8>], now: Instant) -> Result<(), Failure>;

    /// Whether both endpoints have reported the connection.
    fn is_connected(&self) -> bool;

    /// The client queues a reliable ordered message.
    ///
    /// # Errors
    ///
    /// The library rejected the message.
    fn send(&mut self, message: &[u8], now: Instant) -> Result<(), Failure>;

    fn flush(&mut self, at: Side, now: Instant);

    /// The next datagram that an endpoint has sent.
    fn poll_datagram(&mut self, from: Side, now: Instant) -> Option<Vec<u8>>;

    /// The next message that was delivered at the server.
    ///
    /// # Errors
    ///
    /// The connection was closed.
    fn poll_message(&mut self) -> Result<Option<Vec<u8>>, Failure>;
}

/// Why a connection or a run ended early.
pub(crate) type Failure = Box<dyn Error>;

/// An endpoint, usable as an index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Client,
    Server,
}

impl Side {
    pub(crate) const BOTH: [Self; 2] = [Self::Client, Self::Server];

    pub(crate) fn other(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }
}

/// What is measured: a library with its configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Library {
    Tickwire { redundant_copies: u8 },
    Uflow,
    Renet,
    Enet,
}

impl Library {
    pub(crate) const ALL: [Self; 5] = [
        Self::Tickwire {
            redundant_copies: 2,
        },
        Self::Tickwire {
            redundant_copies: 0,
        },
        Self::Uflow,
        Self::Renet,
        Self::Enet,
    ];

    /// Name and version, as in the lock file.
    pub(crate) fn name(self) -> String {
        let version = |package: &str| locked_version(package).unwrap_or("of unknown version");
        match self {
            Self::Tickwire { redundant_copies } => {
                let version = version("tickwire");
                format!("tickwire {version}, {redundant_copies} copies")
            }
            Self::Uflow => format!("uflow {}", version("uflow")),
            Self::Renet => format!("renet {}", version("renet")),
            Self::Enet => format!("ENet (rusty_enet {})", version("rusty_enet")),
        }
    }

    /// Whether the library reads the clock itself, so that virtual time is impossible.
    pub(crate) fn needs_real_time(self) -> bool {
        self == Self::Uflow
    }

    /// A client that has started to connect to a server.
    ///
    /// # Errors
    ///
    /// The library rejected its configuration, or the system could not open a socket.
    pub(crate) fn pair(self, seed: u64, now: Instant) -> Result<Box<dyn Pair>, Failure> {
        Ok(match self {
            Self::Tickwire { redundant_copies } => {
                Box::new(tickwire::TickwirePair::new(redundant_copies, seed, now)?)
            }
            Self::Uflow => Box::new(uflow::UflowPair::new()?),
            Self::Renet => Box::new(renet::RenetPair::new(now)),
            Self::Enet => Box::new(enet::EnetPair::new(seed, now)?),
        })
    }
}

/// The version of a package in the lock file of the workspace.
fn locked_version(package: &str) -> Option<&'static str> {
    let lock = include_str!("../../../../Cargo.lock");
    let (_, entry) = lock.split_once(&format!("\nname = \"{package}\"\nversion = \""))?;
    entry.split('"').next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_state_the_locked_versions() {
        for library in Library::ALL {
            let name = library.name();
            assert!(!name.contains("unknown"), "{name}");
        }
        let versions = ["tickwire", "renet", "rusty_enet", "uflow"].map(locked_version);
        let wanted = [env!("CARGO_PKG_VERSION"), "2.0", "0.4", "0.7"];
        for (found, wanted) in versions.into_iter().zip(wanted) {
            assert!(found.is_some_and(|found| found.starts_with(wanted)));
        }
    }
}
