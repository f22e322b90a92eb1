//! UDP for games, driven by your own loop: one mio `Poll`, one non-blocking socket,
//! every pending datagram drained per wakeup into fixed 1024-byte slots. No async runtime, no
//! background thread, no `unsafe`.
//!
//! Three kinds of programs use it, and one loop serves them all:
//!
//! | who | how it turns |
//! | --- | --- |
//! | a game's main loop, which must never wait for it | [`wait_until`](Endpoint::wait_until) the tick is due, or, called from somebody else's frame loop, no wait at all |
//! | a headless server, which sleeps until something happens | [`wait`](Endpoint::wait) with `None` |
//! | a latency benchmark, which spins | [`recv`](Endpoint::recv) and [`flush`](Endpoint::flush), no wait at all |
//!
//! # The first two programs
//!
//! Receive: what comes back is lent out of its slot, not copied.
//!
//! ```
//! use tickwire::Endpoint;
//!
//! let mut endpoint = Endpoint::bind("127.0.0.1:0".parse().unwrap())?;
//! # endpoint.send(endpoint.local_addr(), b"hello")?;
//! endpoint.wait(None)?;
//! while let Some(datagram) = endpoint.recv()? {
//!     println!("{} {} bytes", datagram.from, datagram.bytes.len());
//! }
//! # assert_eq!(endpoint.stats().datagrams_received, 1);
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! Answer: [`split`](Endpoint::split) makes an echo server a loop of one line.
//!
//! ```
//! # use std::time::Duration;
//! use tickwire::Endpoint;
//!
//! let mut endpoint = Endpoint::bind("127.0.0.1:0".parse().unwrap())?;
//! # let mut client = Endpoint::bind("127.0.0.1:0".parse().unwrap())?;
//! # client.send(endpoint.local_addr(), b"hello")?;
//! # client.flush()?;
//! # let mut turns = 0..1;
//! # while turns.next().is_some() {
//! # /*
//! loop {
//! # */
//!     endpoint.wait(None)?;
//!     let (mut rx, mut tx) = endpoint.split();
//!     while let Some(d) = rx.recv()? { tx.send(d.from, d.bytes)?; }
//! }
//! # endpoint.flush()?;
//! # client.wait(Some(Duration::from_secs(10)))?;
//! # assert_eq!(client.recv()?.unwrap().bytes, b"hello");
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! With `?` this server ends when its send queue is full. One that should rather leave an answer out
//! ignores [`SendError::QueueFull`].
//!
//! The [guide] explains from the ground up what a datagram is, what a non-blocking
//! socket does, and why a loop drains it.
//!
//! # One turn, always in this order
//!
//! 1. Send what is queued. Sleep, if asked to and if nothing is known to be pending: this is
//!    [`wait`](Endpoint::wait). A turn that must not sleep leaves it out and asks no poll.
//! 2. Drain the socket: [`recv`](Endpoint::recv) until `None`. A drain ends when the socket is empty
//!    or when its budget is spent. The budget is what the kernel can have had queued at the wakeup,
//!    so "all pending" is kept and a flood cannot hold the loop. What is left over is remembered,
//!    because readiness is edge-triggered and no event will come for it: the next `wait` returns at
//!    once.
//! 3. Step the world; a [`Ticker`] says when.
//! 4. [`send`](Endpoint::send), and [`flush`](Endpoint::flush) if it should leave before the next
//!    turn.
//!
//! # Layers
//!
//! Imports run one way, from above to below, and a test holds the walls up.
//!
//! | layer | what it knows |
//! | --- | --- |
//! | `src/bin/tickwire` | the command line (feature `cli`) |
//! | `src/lib.rs` | this face |
//! | `src/io` | the only code that touches the operating system: sockets, readiness, sleep, the clock |
//! | [`proto`] | the protocol, pure: no I/O, no clock, no entropy of its own |
//! | `src/config.rs`, `src/send_error.rs` | what a user may change; why something is not sent |
//! | [`limits`] | every number, its unit and its source |
//!
//! # What always holds
//!
//! - Nothing that comes off the wire makes it panic, allocate, loop without bound or end a loop.
//! - Every queue has a limit and says what happens at it; nothing is dropped silently. What is lost
//!   on this machine is counted in [`EndpointStats`].
//! - After warm-up, receiving and sending allocate nothing.
//! - Errors are bad input or a system in trouble; panics are bugs.
//!
//! # Logging
//!
//! Through the crate `log`: what was bound at `info`, unusual answers of the system at `warn`, each
//! class at most once a second, single datagrams at `trace`.

#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    warn(clippy::expect_used, clippy::panic, clippy::unwrap_used)
)]

pub mod guide;
pub mod limits;
pub mod proto;

mod config;
mod io;
mod send_error;

pub use crate::config::{Config, ConfigError, EndpointConfig, Security};
pub use crate::io::{
    Datagram, Endpoint, EndpointStats, ErrorCounts, Host, Receiver, Sender, Ticker, Waker,
};
pub use crate::proto::{
    Admission, Broadcast, ConnectError, ConnectOptions, Delivery, DisconnectReason, Event,
    HostStats, LinkConditions, LinkConditionsError, Loss, PeerId, PeerStats, Request,
};
pub use crate::send_error::SendError;

/// The README's programs compile.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
