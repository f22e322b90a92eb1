//! The guide: UDP networking for games, from a complete first game to a server in production.
//!
#![doc = include_str!("links.md")]
#![doc = include_str!("README.md")]
#![allow(clippy::doc_markdown, reason = "ENet and ChaCha20 are names")]

// `links.md` and the files in `diagrams` come before the chapter. In Markdown the first definition
// of a link wins, so rustdoc uses theirs. A code host shows the chapter's file alone and uses the
// definitions at its end. The empty `//!` ends the paragraph above the definitions.

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
