//! The guide: from the first datagram to a loop that serves a whole match, in chapters whose code
//! compiles and runs as tests.
//!
//! The road is the one of Glenn Fiedler's articles on [gafferongames.com]: ["UDP vs. TCP"],
//! ["Sending and Receiving Packets"], ["Virtual Connection over UDP"], ["Reliability, Ordering and
//! Congestion Avoidance over UDP"] and, in a later series, ["Reliable Ordered Messages"]. It leads from raw datagrams to a non-blocking loop, from there to
//! virtual connections, and from those to messages that arrive reliably and in order without
//! blocking each other. Retellings of it tend to stop half-way, at "to be continued", where the
//! socket has become non-blocking and the loop around it is missing.
//!
//! These chapters are here:
//!
//! 1. [Sending and receiving datagrams](datagrams): what UDP does, what it does not do, and four
//!    facts that every game on top of it has to know.
//! 2. [The non-blocking socket](readiness): readiness, edges and draining; three ways to wait; and
//!    why one thread with one socket is enough for many players.
//! 3. [Virtual connections](connections): what an address proves, a handshake that costs a server
//!    nothing, how a player keeps his session and how he leaves; and how to test all of it on virtual
//!    time.
//! 4. [Messages](messages): what acknowledgements say, why sending again is a round trip too late and what
//!    to do instead, channels, receipts and deltas, and what happens when the other side does not keep up.
//! 5. [Security](security): what is kept from whom and what is not, keys and who must know them, replay,
//!    what an attacker can cost you, and why.
//!
//! The [wire format](wire) is the specification of every packet and frame, to the byte.
//!
//! The chapters teach the layers in the order in which they stand on each other: raw datagrams, connections,
//! and messages on top of them, encrypted or not.
//!
//! You need to know Rust and what a game loop is. You do not need to know sockets. Where a chapter
//! speaks of what a call costs, it was measured on a machine with two cores, with Linux 6.18, over
//! the loopback interface; compare the figures with each other, not with those of your machine.
//!
//! [gafferongames.com]: https://gafferongames.com
//! ["UDP vs. TCP"]: https://gafferongames.com/post/udp_vs_tcp/
//! ["Sending and Receiving Packets"]: https://gafferongames.com/post/sending_and_receiving_packets/
//! ["Virtual Connection over UDP"]: https://gafferongames.com/post/virtual_connection_over_udp/
//! ["Reliability, Ordering and Congestion Avoidance over UDP"]: https://gafferongames.com/post/reliability_ordering_and_congestion_avoidance_over_udp/
//! ["Reliable Ordered Messages"]: https://gafferongames.com/post/reliable_ordered_messages/

#[doc = include_str!("datagrams.md")]
pub mod datagrams {}

#[doc = include_str!("readiness.md")]
pub mod readiness {}

#[doc = include_str!("connections.md")]
pub mod connections {}

#[doc = include_str!("messages.md")]
pub mod messages {}

#[cfg(feature = "noise")]
#[doc = include_str!("security.md")]
pub mod security {}

#[doc = include_str!("../proto/WIRE.md")]
pub mod wire {}
