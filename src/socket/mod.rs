//! The operating system's side: sockets, readiness and sleep. Nothing else in the library makes a system
//! call, except `clock.rs` and `keys/`.
//!
//! From the bottom up: `address_family` knows which addresses fit a socket, `os_error` classifies errors of the
//! operating system, `raw_socket` is one system call per method (`batch` holds those of Linux that move many
//! datagrams), `drain` receives into slots, `send_queue` sends from them, `poller` sleeps, `registration` keeps
//! track of the `Poll` that the socket is registered with, and `endpoint` is all of them together.

mod address_family;
#[cfg(target_os = "linux")]
mod batch;
mod datagram;
mod drain;
mod endpoint;
#[cfg(target_os = "linux")]
mod kernel_drops;
mod os_error;
#[cfg(all(test, unix))]
mod os_error_tests;
mod poller;
mod raw_socket;
mod registration;
#[cfg(test)]
pub(crate) mod script;
mod send_queue;
mod stats;
mod waker;

pub(crate) use self::address_family::canonical;
pub use self::datagram::Datagram;
pub use self::endpoint::{Endpoint, Receiver, Sender};
pub use self::stats::{EndpointStats, ErrorCounts};
pub use self::waker::Waker;
