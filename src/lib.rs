//! UDP networking for real-time games, driven by the game's own loop: one mio `Poll`, one non-blocking socket,
//! every pending datagram drained per wakeup into fixed 1024-byte slots. No async runtime, no background thread, no
//! `unsafe`.
//!
//! Three kinds of programs use it, and one loop serves all of them:
//!
//! | program | its loop |
//! | --- | --- |
//! | a game with its own main loop | [`wait_until`](Host::wait_until) the tick is due |
//! | a game inside an engine's frame | [`receive`](Host::receive) at the start of the frame, which never sleeps, and [`flush`](Host::flush) at its end |
//! | a headless server | [`wait`](Host::wait) with `None`, which sleeps until a datagram or a deadline is due |
//! | a latency benchmark | [`poll`](Host::poll) in a loop, or the layer below: [`Socket`] |
//!
//! There are two layers. A [`Socket`] sends and receives raw datagrams. A [`Host`] adds connections, encryption, and
//! messages with four kinds of [`Delivery`]: unreliable, sequenced, reliable, and ordered per channel. A gap in one
//! channel never delays another one. A lost packet costs a small reliable message one tick instead of a round trip:
//! the guide's chapter on [messages](guide::ch06_messages) has the figures.
//!
//! Connections are encrypted (feature `noise`, on by default). A client that pins its server's key has authenticated
//! the server: the chapter on [security](guide::ch09_security) states what is promised, against which attacker, and what
//! is not.
//!
//! # The first two programs
//!
//! A server that echoes every message:
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
//!             let _ = host.send(peer, delivery, &bytes); // skipped if the queue is full
//!         }
//!     }
//!     host.flush()?;
//! }
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! A client, in a game of 60 ticks per second:
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
//! # let mut server_host = Host::bind("127.0.0.1:0".parse()?, config.clone())?;
//! # let address = server_host.local_addr();
//! config.accept_incoming = false; // this host connects, and accepts no connection
//! let mut host = Host::bind("127.0.0.1:0".parse()?, config)?;
//! let server = host.connect(address, &ConnectOptions::default())?;
//! let mut ticker = Ticker::hz(60);
//! # let started = Instant::now();
//! # let mut is_heard = false;
//! # while !is_heard {
//! #     assert!(started.elapsed().as_secs() < 10);
//! #     server_host.poll()?;
//! #     while let Some(event) = server_host.next_event() {
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
//!         let _ = host.send(server, Delivery::Sequenced(0), b"this tick's input"); // an error until connected
//!     }
//!     host.flush()?; // this tick's messages leave now
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # Security
//!
//! Traffic is encrypted without any set-up, but **without a pinned key an active attacker in the middle can pose as
//! the server.** A server therefore has a permanent key (`tickwire keygen`, [`PrivateKey::read_file`]), and a game
//! ships with its public half ([`ConnectOptions::pin`]). A [token] of a login service authenticates the player. See
//! the guide's chapter on [security](guide::ch09_security). [`Security::Plain`] has neither secrecy nor authenticity; it is
//! for trusted networks and for learning, and has to be chosen explicitly.
//!
//! # The layer below
//!
//! A [`Socket`] alone is for a protocol of one's own, and for benchmarks. [`split`](Socket::split) makes an echo server
//! a loop of one line: a received datagram is lent from its slot, not copied.
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
//! With `?` this server ends when its send queue is full. A server that would rather drop a reply ignores
//! [`SocketSendError::QueueFull`].
//!
//! The [guide] explains from the ground up what a datagram is, why a non-blocking socket is drained, how virtual
//! connections work over UDP, how they are secured, and how a message arrives in order without waiting.
//!
//! # The contract of a turn
//!
//! A turn is one call of [`wait`](Host::wait), [`wait_until`](Host::wait_until) or [`poll`](Host::poll). It always
//! does the same, in this order:
//!
//! 1. **Transmit** what is queued, and sleep if the call may sleep and nothing is pending.
//! 2. **Read the clock.** Steps 3 and 4 have that time.
//! 3. **Drain** the socket, until it is empty or the budget is spent. The budget is what the kernel can have queued at
//!    the wakeup, so every pending datagram is received, and a flood cannot hold the loop. The rest is remembered,
//!    because readiness is edge-triggered and no event announces it: the next `wait` returns at once.
//! 4. **Run the timers**, in every turn, also under constant traffic. A peer therefore times out only after a drain
//!    that began past its deadline: a game that hung in a debugger first receives what its peers sent meanwhile.
//! 5. **Transmit**: to connected peers first, then replies to addresses that have returned their cookie, then cookies.
//!
//! Between two turns the application acts: [`next_event`](Host::next_event) until `None`, then the world's step (a
//! [`Ticker`] tells when), then [`send`](Host::send) and [`broadcast`](Host::broadcast). What it sends leaves with the
//! next turn, or now with [`flush`](Host::flush).
//!
//! A game with a fixed tick splits the turn instead: [`receive`](Host::receive) at the start of the tick is steps 2 to
//! 4 and the replies of step 5, and [`flush`](Host::flush) at its end is the rest. So this tick's messages leave ahead
//! of bulk data that waits, and each peer is looked at once per tick.
//!
//! With a [`Socket`], steps 2 and 4 are the application's, and the drain is [`recv`](Socket::recv) until `None`. With a
//! [`HostState`](proto::HostState), all of them are: see there.
//!
//! # A tour of the source
//!
//! Imports run one way, from the top of this table down. `tests/tidy` enforces it, file by file.
//!
//! | layer | content |
//! | --- | --- |
//! | `crates/cli` | the program `tickwire` |
//! | `crates/measure` | what the benchmarks share |
//! | `src/host.rs` | [`Host`]: a `HostState` on a transport, and the clock |
//! | `src/transport` | a socket, or memory ([`Host::pair`]), and a simulated network in front of it |
//! | `src/socket`, `src/clock.rs` | [`Socket`], readiness, sleep, the clock |
//! | `src/sim` | the network simulator (feature `sim`): links, and a virtual network of hosts for tests |
//! | [`proto`] | the protocol, without I/O, clock or entropy: `host`, `connection`, `channel`, `congestion`, `recovery`, `noise`, `wire` |
//! | `src/token`, `src/keys` | admission tokens and server keys (feature `noise`) |
//! | `src/config.rs`, `src/error.rs`, [`limits`] | configuration, errors, constants |
//!
//! **A datagram's way in.** [`Host::poll`] drains the `Transport`, which lends each datagram from its receive slot to
//! [`HostState::handle_datagram`](proto::HostState::handle_datagram). `host/recv.rs` finds the connection by the id in
//! the packet and decrypts (`Connection::verify`). `connection/recv.rs` walks the frames: acknowledgements go to
//! `recovery`, whose outcomes reach congestion control and channels through `connection/packet_outcome.rs`; messages go
//! to `channel/recv`, which reassembles and orders them, and hands complete ones to the `EventSink`. There they wait
//! for [`Host::next_event`]. Handshake datagrams go to `host/accept.rs` and `host/connect.rs` instead.
//!
//! **A message's way out.** [`Host::send`] copies the message into the peer's `channel/send` and marks the peer ready
//! in `host/scheduler.rs`. The next transmit takes ready peers in turn; `connection/send.rs` fills one packet at a time,
//! directly in a slot of the socket's send queue: acknowledgements, flow control, then messages as pacing and the
//! congestion window allow. The packet is encrypted in place, its frames are recorded in `recovery/sent_packets.rs`,
//! and full batches leave with one `sendmmsg`.
//!
//! # Guarantees
//!
//! - Nothing that is received causes a panic, unbounded allocation, an unbounded loop, or the end of a loop.
//! - An address that has not returned its cookie gets no reply longer than its request, and costs no memory. A peer's
//!   new address gets at most three times the bytes received from it until it is validated.
//! - Each peer has at most one [`Connected`](Event::Connected) event and exactly one
//!   [`Disconnected`](Event::Disconnected) event, which is its last. A [`PeerId`] is never reused.
//! - A reliable message arrives exactly once while its connection lasts, and an ordered one after all earlier ones of
//!   its channel. [`Acked`](Event::Acked) means that the message is in the event queue of the other side.
//! - Every queue has a limit and documents what happens at it. Nothing is dropped without a counter in
//!   [`SocketStats`], [`HostStats`] or [`PeerStats`].
//! - After warm-up, sending and receiving does not allocate.
//! - Private keys appear in no log, no `Debug` output and no error, and the library's copies are wiped.
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
//! Through the crate `log`: bound addresses at `info`, unexpected errors of the operating system at `warn` (each class
//! at most once per second), single datagrams at `trace`.

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
