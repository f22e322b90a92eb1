//! The guide: UDP networking for games, from a complete first game to a server in production.
//!
//! The chapters follow Glenn Fiedler's articles on [gafferongames.com] (["UDP vs. TCP"],
//! ["Sending and Receiving Packets"], ["Virtual Connection over UDP"],
//! ["Reliability, Ordering and Congestion Avoidance over UDP"], ["Reliable Ordered Messages"]) and
//! continue where retellings of them usually stop, at the non-blocking socket. Every program in
//! them is complete and runs as a test.
//!
//! | chapter | content |
//! | --- | --- |
//! | [1. A complete game](ch01_first_game) | a complete encrypted game in one program: tick, input, snapshots, scores, joining, leaving |
//! | [2. Datagrams](ch02_datagrams) | why UDP, and four facts about datagrams, each with a program |
//! | [3. The non-blocking loop](ch03_the_loop) | readiness, edge-triggered events, the drain budget, batches, wakers, your own `Poll` |
//! | [4. The tick](ch04_the_tick) | fixed steps, where to receive and to flush, Bevy's schedules, interpolation between snapshots |
//! | [5. Virtual connections](ch05_connections) | what an address proves, the cookie handshake, admission, migration, keep-alive, idle timeout |
//! | [6. Messages](ch06_messages) | four deliveries, acknowledgements, redundant copies, receipts, fragments, flow control, pacing |
//! | [7. Snapshots with receipts](ch07_snapshots) | delta compression against the acknowledged snapshot, size limits, what to send reliably |
//! | [8. Joining, leaving, reconnecting, restarting](ch08_sessions) | every disconnect reason, crashes and restarts, reconnecting, resuming a player |
//! | [9. Security](ch09_security) | what is promised against which attacker, keys, tokens, denial of service, a release checklist |
//! | [10. Serialisation and message versions](ch10_serialisation) | formats, tags and the protocol id, a codec that rejects hostile input, serde with postcard |
//! | [11. Running a server](ch11_running_a_server) | a headless loop, signals and draining, logs, kernel buffers, several addresses, containers, capacity |
//! | [12. Reading the statistics](ch12_statistics) | every place where a packet or message is lost or delayed, its counter, and the remedy |
//! | [13. Tuning](ch13_tuning) | every setting with its default, range and cost; profiles for three kinds of programs |
//! | [14. Testing on a bad network and on virtual time](ch14_testing) | a virtual network with seeds, link conditions, one game function on real and virtual time |
//! | [15. Coming from ENet, renet, netcode or QUIC](ch15_coming_from) | calls and behaviour of other libraries, and their equivalents here |
//! | [The wire format](wire) | every packet and frame, to the byte |
//!
//! [gafferongames.com]: https://gafferongames.com
//! ["UDP vs. TCP"]: https://gafferongames.com/post/udp_vs_tcp/
//! ["Sending and Receiving Packets"]: https://gafferongames.com/post/sending_and_receiving_packets/
//! ["Virtual Connection over UDP"]: https://gafferongames.com/post/virtual_connection_over_udp/
//! ["Reliability, Ordering and Congestion Avoidance over UDP"]: https://gafferongames.com/post/reliability_ordering_and_congestion_avoidance_over_udp/
//! ["Reliable Ordered Messages"]: https://gafferongames.com/post/reliable_ordered_messages/

#![allow(clippy::doc_markdown, reason = "ENet and ChaCha20 are names")]

// `links.md` and the files in `diagrams` come before the chapter. In Markdown the first definition
// of a link wins, so rustdoc uses theirs. A code host shows the chapter's file alone and uses the
// definitions at its end.

#[doc = include_str!("links.md")]
#[doc = include_str!("ch01_first_game.md")]
pub mod ch01_first_game {}

#[doc = include_str!("links.md")]
#[doc = include_str!("ch02_datagrams.md")]
pub mod ch02_datagrams {}

#[doc = include_str!("links.md")]
#[doc = include_str!("diagrams/turn.uri.md")]
#[doc = include_str!("ch03_the_loop.md")]
pub mod ch03_the_loop {}

#[doc = include_str!("links.md")]
#[doc = include_str!("diagrams/tick.uri.md")]
#[doc = include_str!("ch04_the_tick.md")]
pub mod ch04_the_tick {}

#[doc = include_str!("links.md")]
#[doc = include_str!("diagrams/handshake.uri.md")]
#[doc = include_str!("ch05_connections.md")]
pub mod ch05_connections {}

#[doc = include_str!("links.md")]
#[doc = include_str!("diagrams/message.uri.md")]
#[doc = include_str!("ch06_messages.md")]
pub mod ch06_messages {}

#[doc = include_str!("links.md")]
#[doc = include_str!("ch07_snapshots.md")]
pub mod ch07_snapshots {}

#[doc = include_str!("links.md")]
#[doc = include_str!("ch08_sessions.md")]
pub mod ch08_sessions {}

#[doc = include_str!("links.md")]
#[doc = include_str!("ch09_security.md")]
pub mod ch09_security {}

#[doc = include_str!("links.md")]
#[doc = include_str!("ch10_serialisation.md")]
pub mod ch10_serialisation {}

#[doc = include_str!("links.md")]
#[doc = include_str!("ch11_running_a_server.md")]
pub mod ch11_running_a_server {}

#[doc = include_str!("links.md")]
#[doc = include_str!("ch12_statistics.md")]
pub mod ch12_statistics {}

#[doc = include_str!("links.md")]
#[doc = include_str!("ch13_tuning.md")]
pub mod ch13_tuning {}

#[doc = include_str!("links.md")]
#[doc = include_str!("ch14_testing.md")]
pub mod ch14_testing {}

#[doc = include_str!("links.md")]
#[doc = include_str!("ch15_coming_from.md")]
pub mod ch15_coming_from {}

#[doc = include_str!("../proto/WIRE.md")]
pub mod wire {}
