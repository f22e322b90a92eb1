//! The only code that touches the operating system: sockets, readiness, sleep and the clock.
//!
//! From below to above: [`clock`] reads the time, [`answer`] says what an error of the system means,
//! [`socket`] is one system call a method ([`batch`] holds those of Linux that move many datagrams
//! at once), [`drain`] receives into slots, [`send_queue`] sends out of them, [`sleep`] waits for
//! readiness, and [`endpoint`] is all of them together.

mod answer;
#[cfg(all(test, unix))]
mod answers_tests;
#[cfg(target_os = "linux")]
mod batch;
mod clock;
mod drain;
mod endpoint;
#[cfg(target_os = "linux")]
mod kernel_drops;
mod send_queue;
mod sleep;
mod socket;
mod stats;
mod ticker;

pub use self::endpoint::{Datagram, Endpoint, Receiver, Sender};
pub use self::sleep::Waker;
pub use self::stats::{EndpointStats, ErrorCounts};
pub use self::ticker::Ticker;
