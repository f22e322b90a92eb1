//! The only code that touches the operating system: sockets, readiness, sleep and the clock.
//!
//! From below to above: [`clock`] reads the time, [`family`] knows which addresses go together,
//! [`answer`] says what an error of the system means, [`socket`] is one system call a method
//! ([`batch`] holds those of Linux that move many datagrams at once), [`drain`] receives into slots,
//! [`send_queue`] sends out of them, [`own_poll`] sleeps, [`registration`] knows in which poll, and
//! [`endpoint`] is all of them together. [`host`] drives the protocol with one, through a
//! [`bad_network`] if asked to. Apart from them, `keys` draws keys from the system's entropy, and `key_file`
//! keeps them.

mod answer;
#[cfg(all(test, unix))]
mod answers_tests;
mod bad_network;
#[cfg(target_os = "linux")]
mod batch;
mod clock;
mod datagram;
mod drain;
mod endpoint;
mod family;
mod host;
#[cfg(target_os = "linux")]
mod kernel_drops;
#[cfg(feature = "noise")]
mod key_file;
#[cfg(feature = "noise")]
mod keys;
mod own_poll;
mod registration;
#[cfg(test)]
mod script;
mod send_queue;
mod socket;
mod stats;
mod ticker;
mod waker;

pub use self::datagram::Datagram;
pub use self::endpoint::{Endpoint, Receiver, Sender};
pub use self::host::Host;
#[cfg(feature = "noise")]
pub use self::key_file::{KeyFileError, KeyFileErrorKind};
pub use self::stats::{EndpointStats, ErrorCounts};
pub use self::ticker::Ticker;
pub use self::waker::Waker;
