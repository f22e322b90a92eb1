//! UDP networking for real-time games: encrypted connections, and messages that are unreliable,
//! sequenced, reliable or ordered, in channels that do not block each other. The game's own loop
//! drives it, without an async runtime, a background thread or `unsafe` code.
//!
//! A [`Host`] manages connections and messages. A [`Socket`], the layer below, sends and receives
//! raw datagrams. The [guide] explains both, from [a complete game](guide::ch01_first_game) to
//! [a server in production](guide::ch11_running_a_server).
//!
//! # The smallest game tick
//!
//! ```
//! use std::time::Instant;
//! use tickwire::{Config, ConnectOptions, Delivery, Event, Host, Ticker};
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     # #[cfg(feature = "noise")]
//!     let config = Config { accept_incoming: false, ..Config::noise(7) };
//!     # #[cfg(not(feature = "noise"))]
//!     # let config = Config { accept_incoming: false, ..Config::plain(7) };
//!     let address: std::net::SocketAddr = "127.0.0.1:10080".parse()?;
//!     # let mut server_host = {
//!     #     let config = Config { accept_incoming: true, ..config.clone() };
//!     #     Host::bind(([127, 0, 0, 1], 0).into(), config)?
//!     # };
//!     # assert_eq!(address.ip(), server_host.local_addr().ip());
//!     # let address = server_host.local_addr();
//!     let mut host = Host::bind("0.0.0.0:0".parse()?, config)?;
//!     let server = host.connect(address, &ConnectOptions::default())?;
//!     let mut ticker = Ticker::hz(60);
//!     # let started = Instant::now();
//!     # let mut is_done = false;
//!     # while !is_done {
//!     #     assert!(started.elapsed().as_secs() < 10);
//!     #     server_host.poll()?;
//!     #     while let Some(event) = server_host.next_event() {
//!     #         is_done |= matches!(event, Event::Message { .. });
//!     #     }
//!     # /*
//!     loop {
//!     # */
//!         host.wait_until(ticker.deadline())?; // sleeps until the tick or a datagram
//!         while let Some(event) = host.next_event() {
//!             match event {
//!                 Event::Message { bytes, .. } => println!("{} bytes of state", bytes.len()),
//!                 Event::Disconnected { reason, .. } => return Err(reason.to_string().into()),
//!                 _ => {}
//!             }
//!         }
//!         for _ in 0..ticker.steps_due(Instant::now()) {
//!             let input = b"this tick's input";
//!             let _ = host.send(server, Delivery::Sequenced(0), input); // fails until connected
//!         }
//!         host.flush()?; // this tick's messages leave now
//!     }
//!     # Ok(())
//! }
//! ```
//!
//! `7` is the protocol id, which identifies the game and must be the same on both sides. A game in
//! an engine's frame loop calls [`receive`](Host::receive), which never sleeps, instead of
//! [`wait_until`](Host::wait_until).
//!
//! # The smallest server
//!
//! ```
//! use tickwire::{Config, Event, Host};
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     # #[cfg(feature = "noise")]
//!     let config = Config::noise(7);
//!     # #[cfg(not(feature = "noise"))]
//!     # let config = Config::plain(7);
//!     let address: std::net::SocketAddr = "[::]:10080".parse()?;
//!     # assert_eq!(address.port(), 10080);
//!     # let address = ([127, 0, 0, 1], 0).into();
//!     # let mut client = Host::bind(address, config.clone())?;
//!     let mut host = Host::bind(address, config)?;
//!     # let server = client.connect(host.local_addr(), &Default::default())?;
//!     # let started = std::time::Instant::now();
//!     # let mut is_answered = false;
//!     # while !is_answered {
//!     #     assert!(started.elapsed().as_secs() < 10);
//!     #     client.wait(Some(std::time::Duration::from_millis(1)))?;
//!     #     while let Some(event) = client.next_event() {
//!     #         match event {
//!     #             Event::Connected { .. } => {
//!     #                 client.send(server, tickwire::Delivery::Reliable, b"hello")?;
//!     #             }
//!     #             Event::Message { bytes, .. } => is_answered = bytes == "hello",
//!     #             other => panic!("{other:?}"),
//!     #         }
//!     #     }
//!     #     client.flush()?;
//!     #     host.wait(Some(std::time::Duration::from_millis(1)))?;
//!     # /*
//!     loop {
//!         host.wait(None)?; // sleeps until a datagram or a timer
//!     # */
//!         while let Some(event) = host.next_event() {
//!             if let Event::Message { peer, delivery, bytes, .. } = event {
//!                 let _ = host.send(peer, delivery, &bytes); // skipped if the queue is full
//!             }
//!         }
//!         host.flush()?;
//!     }
//!     # Ok(())
//! }
//! ```
//!
//! **Without a pinned key an active attacker on the path can impersonate the server.** A public
//! server therefore reads a permanent key ([`PrivateKey::read_file`], written by
//! `tickwire keygen`), and the game ships with its public half ([`ConnectOptions::pin`]). A [token]
//! from a login service authenticates the player: see [security](guide::ch09_security).
//!
//! # Features
//!
//! | feature | default | content |
//! | --- | --- | --- |
//! | `noise` | on | encryption, server keys, admission tokens; without it [`Security::Plain`] |
//! | `sim` | off | the network simulator: `Host::set_link_conditions`, and virtual time for tests |
//! | `bench` | off | internals for the benchmarks of this repository, not part of the API |
//!
//! # Modules
//!
//! Modules import only from rows below their own; `tests/tidy` enforces this.
//!
//! | module | content |
//! | --- | --- |
//! | `src/host.rs`, `src/ticker.rs` | [`Host`]: a `HostState` on a transport; [`Ticker`] |
//! | `src/transport` | a socket, or a queue in memory ([`Host::pair`]), and simulated links |
//! | `src/socket`, `src/clock.rs` | [`Socket`], readiness, sleep; the only reader of the clock |
//! | `src/sim` | simulated links, and a virtual network of hosts (feature `sim`) |
//! | [`proto`] | the protocol, without I/O, clock or entropy |
//! | `src/token`, `src/keys` | admission tokens and server keys (feature `noise`) |
//! | `src/config.rs`, `src/error.rs`, [`limits`] | configuration, errors, constants |
//!
//! # The run-loop contract
//!
//! A **turn** is one call of [`wait`](Host::wait), [`wait_until`](Host::wait_until) or
//! [`poll`](Host::poll). Between turns nothing is received, acknowledged, retransmitted or timed
//! out. Each turn runs these steps in order:
//!
//! 1. **Transmit** what is queued. Then sleep, if the call may sleep and nothing is pending.
//! 2. **Read the clock.** Steps 3 and 4 use this time.
//! 3. **Drain** the socket until it is empty or the budget is spent. The budget is the number of
//!    datagrams that the kernel can have queued, so a flood cannot block the loop. When the budget
//!    is spent, the next `wait` returns at once, because readiness is edge-triggered.
//! 4. **Run the timers.** A peer times out only after a drain that began past its deadline: a game
//!    that was halted in a debugger first receives what its peers have sent.
//! 5. **Transmit** to connected peers, then replies to addresses that returned their cookie, then
//!    cookies.
//!
//! The application acts between turns:
//!
//! | call | when | effect |
//! | --- | --- | --- |
//! | [`poll`](Host::poll) | start of the tick | a turn without sleep |
//! | [`wait`](Host::wait), [`wait_until`](Host::wait_until) | start of the tick | a turn with sleep |
//! | [`receive`](Host::receive) | start of the tick | steps 2 to 4, and replies to non-peers |
//! | [`next_event`](Host::next_event) | then, until `None` | takes an event |
//! | [`send`](Host::send), [`broadcast`](Host::broadcast) | any time | copies a message to a queue |
//! | [`flush`](Host::flush) | end of the tick | step 5, without sleep |
//!
//! Queued messages leave with the next `flush`, `poll` or `wait`, as far as pacing, congestion
//! window and flow control allow; the rest leaves in later turns.
//!
//! A game with a fixed tick splits the turn into `receive` and `flush`. Acknowledgements then share
//! packets with this tick's messages, these messages leave ahead of queued bulk data, and each peer
//! is processed once per tick.
//!
//! With a [`Socket`], the application runs steps 2 and 4 and drains with [`recv`](Socket::recv)
//! until `None`. With a [`HostState`](proto::HostState), it runs all steps.
//!
//! # Guarantees
//!
//! - No received datagram causes a panic, an unbounded allocation or loop, or an error that ends
//!   the caller's loop.
//! - An address that has not returned its cookie costs no memory and gets no reply longer than its
//!   request. Until it is validated, a peer's new address gets at most three times the bytes
//!   received from it.
//! - Each peer has at most one [`Connected`](Event::Connected) event and exactly one
//!   [`Disconnected`](Event::Disconnected) event, its last. A [`PeerId`] is never reused.
//! - A reliable message arrives exactly once while its connection lasts, and an ordered one after
//!   all earlier messages of its channel. [`Acked`](Event::Acked) means that the message is in the
//!   event queue of the other side.
//! - Every queue has a limit and documents its behaviour at the limit. Every drop is counted in
//!   [`SocketStats`], [`HostStats`] or [`PeerStats`].
//! - After warm-up, sending and receiving do not allocate.
//! - Private keys appear in no log, `Debug` output or error, and the library wipes its copies.
//!
//! # Stability
//!
//! Versions follow [Semantic Versioning](https://semver.org). Before 1.0 a breaking change raises
//! the minor version.
//!
//! - [`Config`], `NoiseConfig`, [`SocketConfig`] and `LinkConditions` are written as literals with
//!   `..Default::default()` or `..Config::plain(id)`, so a new field is not a breaking change. The
//!   changelog lists changed defaults.
//! - Public enums are `#[non_exhaustive]` unless documented otherwise. Error texts, log lines and
//!   `Debug` output are not part of the API.
//! - Removing or renaming a public item and narrowing the range of a config field are breaking
//!   changes. The values of [`limits`] may change in any version.
//! - Raising the minimum Rust version is not a breaking change, but raises the minor version before
//!   1.0.
//! - `bytes` and `mio` are part of the API: their next major version is a breaking change.
//! - A new wire version ([`proto::VERSION`]) is a breaking change: hosts of different versions
//!   cannot connect ([`DisconnectReason::VersionMismatch`]).
//!
//! # Logging
//!
//! The crate `log` receives bound addresses at `info`, unexpected errors of the operating system at
//! `warn` (each class at most once per second), single datagrams at `trace`.

#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    warn(clippy::expect_used, clippy::panic, clippy::unwrap_used)
)]
// The guide links to items of both features.
#![cfg_attr(
    not(all(feature = "noise", feature = "sim")),
    allow(rustdoc::broken_intra_doc_links)
)]

// The guide's programs need both features, its pages do not.
#[cfg(any(all(feature = "noise", feature = "sim"), all(doc, not(doctest))))]
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

/// Re-export of the crate `bytes`, the type of message payloads ([`Event::Message`]).
pub use bytes;
/// Re-export of the crate `mio`, for registration with an external poll.
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
