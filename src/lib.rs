//! UDP for games, driven by your own loop: one mio `Poll`, one non-blocking socket,
//! every pending datagram drained per wakeup into fixed 1024-byte slots. No async runtime, no
//! background thread, no `unsafe`.
//!
//! Three kinds of programs use it, and one loop serves them all:
//!
//! | who | how it turns |
//! | --- | --- |
//! | a game's main loop, which must never wait for it | [`wait_until`](Host::wait_until) the tick is due, or, called from somebody else's frame loop, [`poll`](Host::poll), which never sleeps |
//! | a headless server, which sleeps until something happens | [`wait`](Host::wait) with `None` |
//! | a latency benchmark, which spins | [`poll`](Host::poll) over and over, or the layer below: [`Socket`] |
//!
//! It has three layers. A [`Socket`] sends and receives raw datagrams. A [`Host`] has a socket and
//! knows who is there: virtual connections. Over them it exchanges messages, each with the [`Delivery`] that
//! it needs: one that may be lost, one that never goes back in time, one that arrives, or one that arrives
//! after those before it in its channel and holds up no other channel. A lost packet costs those a tick and
//! not a round trip: the guide's chapter on [messages](guide::messages) says how, and what it costs.
//!
//! Connections are encrypted (feature `noise`, on by default), and a client that knows its server's key is
//! certain whom it talks to: the chapter on [security](guide::security) says what is promised, against whom,
//! and what is not.
//!
//! # The first two programs
//!
//! A server: every peer is sent what it says.
//!
//! ```
//! use tickwire::{Config, Event, Host};
//!
//! # #[cfg(feature = "noise")]
//! let config = Config::noise(7); // a number of your game's own
//! # #[cfg(not(feature = "noise"))]
//! # let config = Config::plain(7);
//! # let mut client = Host::bind("127.0.0.1:0".parse().unwrap(), config.clone())?;
//! let mut host = Host::bind("127.0.0.1:0".parse().unwrap(), config)?;
//! # let server = client.connect(host.local_addr(), &Default::default()).unwrap();
//! # let started = std::time::Instant::now();
//! # let mut is_answered = false;
//! # while !is_answered {
//! #     assert!(started.elapsed().as_secs() < 10);
//! #     client.wait(Some(std::time::Duration::from_millis(1)))?;
//! #     while let Some(event) = client.next_event() {
//! #         match event {
//! #             Event::Connected { .. } => client.send(server, tickwire::Delivery::Reliable, b"hello")?,
//! #             Event::Message { bytes, .. } => is_answered = bytes == "hello",
//! #             other => panic!("{other:?}"),
//! #         }
//! #     }
//! #     client.flush()?;
//! #     host.wait(Some(std::time::Duration::from_millis(1)))?;
//! # /*
//! loop {
//!     host.wait(None)?;
//! # */
//!     while let Some(event) = host.next_event() {
//!         if let Event::Message { peer, delivery, bytes, .. } = event {
//!             let _ = host.send(peer, delivery, &bytes); // his queue is full: left out
//!         }
//!     }
//!     host.flush()?;
//! }
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! A player, in a game of 60 ticks a second.
//!
//! ```
//! use std::time::Instant;
//! use tickwire::{Config, ConnectOptions, Delivery, Event, Host, Ticker};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # #[cfg(feature = "noise")]
//! let mut config = Config::noise(7);
//! # #[cfg(not(feature = "noise"))]
//! # let mut config = Config::plain(7);
//! # let mut at_home = Host::bind("127.0.0.1:0".parse()?, config.clone())?;
//! # let address = at_home.local_addr();
//! config.accept_incoming = false; // a player connects, and nobody connects to a player
//! let mut host = Host::bind("127.0.0.1:0".parse()?, config)?;
//! let server = host.connect(address, &ConnectOptions::default())?;
//! let mut ticker = Ticker::hz(60);
//! # let started = Instant::now();
//! # let mut is_heard = false;
//! # while !is_heard {
//! #     assert!(started.elapsed().as_secs() < 10);
//! #     at_home.poll()?;
//! #     while let Some(event) = at_home.next_event() {
//! #         is_heard |= matches!(event, Event::Message { .. });
//! #     }
//! # /*
//! loop {
//! # */
//!     host.wait_until(ticker.deadline())?; // until a datagram comes, or the tick
//!     while let Some(event) = host.next_event() {
//!         match event {
//!             Event::Message { bytes, .. } => println!("{} bytes of state", bytes.len()),
//!             Event::Disconnected { reason, .. } => return Err(reason.to_string().into()),
//!             _ => {}
//!         }
//!     }
//!     for _ in 0..ticker.steps_due(Instant::now()) {
//!         let _ = host.send(server, Delivery::Sequenced(0), b"this tick's input"); // not there yet?
//!     }
//!     host.flush()?; // this tick's messages leave now
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # Secure
//!
//! What is said is encrypted without any set-up, and with somebody: **without a pinned key an active
//! attacker in the middle can pose as the server.** So a server has a key that stays (`tickwire keygen`,
//! [`PrivateKey::read_file`]), and a game knows its public half
//! ([`ConnectOptions::pin`]). Who a player is says a [token] of your login service. All of it is in
//! the guide's chapter on [security](guide::security). [`Security::Plain`] is the other choice, for a
//! trusted network, and has to be made in so many words.
//!
//! # The layer below
//!
//! Without connections, for a protocol of one's own, or to measure: [`split`](Socket::split) makes an
//! echo server a loop of one line. What is received is lent out of its slot, not copied.
//!
//! ```
//! # use std::time::Duration;
//! use tickwire::Socket;
//!
//! let mut socket = Socket::bind("127.0.0.1:0".parse().unwrap())?;
//! # let mut client = Socket::bind("127.0.0.1:0".parse().unwrap())?;
//! # client.send(socket.local_addr(), b"hello")?;
//! # client.flush()?;
//! # let mut turns = 0..1;
//! # while turns.next().is_some() {
//! # /*
//! loop {
//! # */
//!     socket.wait(None)?;
//!     let (mut rx, mut tx) = socket.split();
//!     while let Some(d) = rx.recv()? { tx.send(d.from, d.bytes)?; }
//! }
//! # socket.flush()?;
//! # client.wait(Some(Duration::from_secs(10)))?;
//! # assert_eq!(client.recv()?.unwrap().bytes, b"hello");
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! With `?` this server ends when its send queue is full. One that should rather leave an answer out
//! ignores [`SocketSendError::QueueFull`].
//!
//! The [guide] explains from the ground up what a datagram is, what a non-blocking socket does and why a
//! loop drains it, what it takes to know who is there, and to be certain of it, and how a message arrives
//! in order without waiting.
//!
//! # One turn, always in this order
//!
//! 1. Send what is queued. Sleep, if asked to and if nothing is known to be pending: this is
//!    [`wait`](Host::wait). A turn that must not sleep is [`poll`](Host::poll), and asks no poll of the
//!    system.
//! 2. Read the clock, once.
//! 3. Drain the socket. A drain ends when the socket is empty or when its budget is spent. The budget is
//!    what the kernel can have had queued at the wakeup, so "all pending" is kept and a flood cannot
//!    hold the loop. What is left over is remembered, because readiness is edge-triggered and no event
//!    will come for it: the next `wait` returns at once.
//! 4. Run the timers, every turn, also when traffic never stops. So a peer is given up only after a
//!    drain that began past its deadline: a game that hung in a debugger first hears what its peers sent
//!    meanwhile.
//! 5. Send what that led to: to peers first, then to those who want to become some.
//!
//! That is one call. What comes between two of them is the application's:
//! [`next_event`](Host::next_event) until `None`; step the world, a [`Ticker`] says when;
//! [`send`](Host::send), or [`broadcast`](Host::broadcast); and [`flush`](Host::flush) if it should leave
//! before the next turn.
//!
//! With a [`Socket`] the steps 2, 4 and 5 are the application's as well, and the drain is
//! [`recv`](Socket::recv) until `None`.
//!
//! # Layers
//!
//! Imports run one way, from above to below, and a test holds the walls up.
//!
//! | layer | what it knows |
//! | --- | --- |
//! | `crates/cli` | the program `tickwire` |
//! | `src/lib.rs` | this face |
//! | `src/host.rs`, `src/transport` | [`Host`], and what carries its datagrams: a socket, or memory for [`Host::pair`] |
//! | `src/socket`, `src/clock.rs` | the only code that touches the operating system: sockets, readiness, sleep, the clock; [`Socket`] |
//! | `sim` | the network simulator (feature `sim`): hosts in a virtual network for tests, a bad network for a [`Host`] |
//! | `src/token` | admission tokens, pure as well (feature `noise`) |
//! | [`proto`] | the protocol, pure: connections, encryption, messages; no I/O, no clock, no entropy of its own; [`HostState`](proto::HostState) is a host without a socket, for tests on virtual time and sockets of one's own |
//! | `src/config.rs`, `src/send_error.rs` | what a user may change; why something is not sent |
//! | `src/keys.rs` | a server's key pair, pure as well (feature `noise`) |
//! | [`limits`] | every number, its unit and its source |
//!
//! # What always holds
//!
//! - Nothing that comes off the wire makes it panic, allocate without bound, loop without bound or end
//!   a loop.
//! - A stranger who has not proven his address gets no answer that is longer than what came from it, and
//!   nothing is kept for him. A new address of a peer gets at most three times the bytes that came from
//!   it before it is proven.
//! - Of each peer there is at most one [`Connected`](Event::Connected) and exactly one
//!   [`Disconnected`](Event::Disconnected), and nothing after it. A [`PeerId`] that is over is an error,
//!   never somebody else.
//! - A reliable message arrives exactly once while its connection lasts, an ordered one after all before
//!   it in its channel, and none in another channel waits for it. [`Acked`](Event::Acked) is said only of
//!   what the other side has in its event queue.
//! - Every queue has a limit and says what happens at it; nothing is dropped silently. What is lost on
//!   this machine is counted: in [`SocketStats`], [`HostStats`] and [`PeerStats`].
//! - After warm-up, a socket receives and sends without allocating.
//! - Private keys appear in no log, no `Debug` and no error, and our copies are wiped.
//! - Errors are bad input or a system in trouble; panics are bugs.
//!
//! # Stability
//!
//! Versions follow [Semantic Versioning](https://semver.org). Before 1.0 a breaking change raises the second
//! number.
//!
//! - [`Config`], `NoiseConfig`, [`SocketConfig`] and `LinkConditions` are written as literals with
//!   `..Default::default()`, or `..Config::plain(id)`. A new field is not a breaking change, so a literal that names
//!   every field may stop compiling. A changed default is named in the changelog.
//! - Public enums are `#[non_exhaustive]` unless their documentation says otherwise: a new variant is not a breaking
//!   change. Error texts, log lines and `Debug` output are not part of the API.
//! - Removing or renaming a public item, and narrowing the range of a config field, are breaking changes. Constants in
//!   [`limits`] may change in any version: use the constant, not its number.
//! - The minimum Rust version is stated in `Cargo.toml` and tested. Raising it is not a breaking change; it raises the
//!   second number before 1.0 and is named in the changelog.
//! - `bytes` and `mio` are part of the API: their next major version is a breaking change.
//! - The version of the wire format is [`proto::VERSION`]. Hosts of different versions refuse each other with
//!   [`DisconnectReason::VersionMismatch`], so a new wire version is a breaking change and is named in the changelog.
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
// The guide links to the simulator.
#![cfg_attr(not(feature = "sim"), allow(rustdoc::broken_intra_doc_links))]

pub mod guide;
pub mod limits;
pub mod proto;
#[cfg(feature = "sim")]
pub mod sim;
#[cfg(feature = "noise")]
pub mod token;

mod clock;
mod config;
mod error;
mod host;
#[cfg(feature = "noise")]
mod keys;
mod socket;
mod ticker;
mod transport;

/// The crate of [`Event::Message`]'s bytes, in the version that tickwire uses.
pub use bytes;
/// The crate of the readiness API, in the version that tickwire uses.
pub use mio;

#[doc(inline)]
#[cfg(feature = "noise")]
pub use crate::config::NoiseConfig;
#[doc(inline)]
pub use crate::config::{Config, Security, SocketConfig};
#[doc(inline)]
pub use crate::error::{BindError, ConfigError, SendError, SocketSendError};
#[doc(inline)]
pub use crate::host::Host;
#[doc(inline)]
#[cfg(feature = "noise")]
pub use crate::keys::{
    KeyFileError, KeyFileErrorKind, KeyKind, KeyParseError, PrivateKey, PublicKey,
};
#[doc(inline)]
pub use crate::proto::{
    Admission, Broadcast, CloseReason, ConnectError, ConnectOptions, Delivery, DisconnectReason,
    Event, HostStats, PeerId, PeerStats, Receipt, Request, SendLimitedBy,
};
#[doc(inline)]
pub use crate::socket::{Datagram, ErrorCounts, Receiver, Sender, Socket, SocketStats, Waker};
#[doc(inline)]
pub use crate::ticker::Ticker;

/// The README's programs compile.
#[cfg(all(doctest, feature = "noise"))]
#[doc = include_str!("../README.md")]
struct Readme;
