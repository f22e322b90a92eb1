//! Admission tokens: a login service issues them, and a game server verifies them offline.
//!
//! The service and the servers share a [`TokenKey`]. After a login the service issues a token for
//! one player and one audience (a server, a region, a game) with an expiry. The player's client
//! sends it as the connect payload, and the server verifies it with the key alone. Each token opens
//! one connection.
//!
//! # Both sides
//!
//! [`issue_now`] issues a token; a service in another language encodes [the same bytes](#format). A
//! server checks a token twice with its [`Verifier`]: the admission callback
//! [verifies](Verifier::verify_now) it, and the server [redeems](Verifier::redeem_now) it at
//! [`Connected`](crate::Event::Connected).
//!
//! ```
//! use std::time::Duration;
//! use tickwire::token::{self, Claims, TokenKey, Verifier};
//! use tickwire::{Admission, Config, ConnectOptions, Event, Host};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let key = TokenKey::generate()?; // usually read from a file
//!
//! // The login service, after the player's login.
//! let claims = Claims {
//!     player: b"anna",
//!     audience: b"arena-7",
//!     data: b"level 12",
//!     ..Claims::default()
//! };
//! let token = token::issue_now(&key, &claims, Duration::from_secs(60))?;
//!
//! // The player.
//! # let mut player = Host::bind("127.0.0.1:0".parse()?, Config::plain(7))?;
//! let options = ConnectOptions::with_payload(token);
//! # let mut server = Host::bind("127.0.0.1:0".parse()?, Config::plain(7))?;
//! # let address = server.local_addr();
//! player.connect(address, &options)?;
//!
//! // The server. Clones of a verifier share the redeemed tokens.
//! const BAD_TOKEN: u32 = 401;
//! let verifier = Verifier::new(key, b"arena-7")?;
//! let admission = verifier.clone();
//! server.set_admission(move |request| match admission.verify_now(request.payload) {
//!     Ok(_) => Admission::Accept,
//!     Err(_) => Admission::Deny { code: BAD_TOKEN },
//! });
//! # let started = std::time::Instant::now();
//! # let mut is_there = false;
//! # while !is_there {
//! # assert!(started.elapsed().as_secs() < 10);
//! # player.wait(Some(std::time::Duration::from_millis(5)))?;
//! # /*
//! loop {
//!     server.wait(None)?;
//! # */
//! # server.wait(Some(std::time::Duration::from_millis(5)))?;
//!     while let Some(event) = server.next_event() {
//!         if let Event::Connected { peer, payload, .. } = event {
//!             match verifier.redeem_now(&payload) {
//!                 Ok(token) => {
//!                     println!("{peer} is {:?}", token.player);
//! #                   assert_eq!((token.player, token.data), (&b"anna"[..], &b"level 12"[..]));
//! #                   is_there = true;
//!                 }
//!                 Err(_) => server.disconnect(peer, BAD_TOKEN),
//!             }
//!         }
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! [`issue`], [`verify`](Verifier::verify) and [`redeem`](Verifier::redeem) take the time as an
//! argument instead of reading the wall clock.
//!
//! # Why a token is checked twice
//!
//! A connect may arrive several times: the client retransmits it if the accept is lost, and an
//! attacker can replay it. The [admission callback](crate::Host::set_admission) therefore also runs
//! for connects that lead to no connection. If admission redeemed the token, a player whose first
//! attempt fails could not use it again. A token bound to an address instead would be valid for
//! every connection from that address. `Connected` is reported once per connection, after the
//! client has confirmed the accept. Two clients with the same token are both admitted, and the
//! second to connect is disconnected before the application processes its messages.
//!
//! The [`TokenId`], which the service generates and the signature covers, identifies a token. A
//! client can change its address and its connect, but not the id.
//!
//! # Limits
//!
//! - Tokens are **signed, not encrypted**: the player can read the claims, so they must not contain
//!   secrets. On the network a token is encrypted under [`Security::Noise`](crate::Security) and
//!   can be stolen under [`Security::Plain`](crate::Security::Plain). A signature needs no unique
//!   nonce, and HMAC-SHA256 is available in every language.
//! - Redeemed tokens are forgotten when the process ends: **a restarted server accepts a token
//!   again** until it expires. Use lifetimes of one or two minutes, or a new audience for each
//!   start.
//! - Processes with the same audience do not share their redeemed tokens.
//! - Every holder of the [`TokenKey`], including each game server, can issue tokens. Use one key
//!   per operator. To rotate it, accept the old and the new key for a while, with a verifier each.
//! - The clocks of service and servers must agree to within a fraction of the lifetime.
//!
//! # Format
//!
//! Version 1. Numbers are in network byte order (big-endian).
//!
//! | offset | bytes | content |
//! | --- | --- | --- |
//! | 0 | 1 | version: 1 |
//! | 1 | 16 | id: unpredictable, new for every token |
//! | 17 | 8 | expiry in seconds since 1970-01-01 00:00 UTC: the first invalid second |
//! | 25 | 1 | length P of the player's id, 1 to 36 |
//! | 26 | P | the player's id |
//! | 26+P | 1 | length A of the audience, 1 to 32 |
//! | 27+P | A | the audience |
//! | 27+P+A | 1 | length D of the data, 0 to 128 |
//! | 28+P+A | D | the data |
//! | 28+P+A+D | 32 | signature |
//!
//! The signature is HMAC-SHA256 (RFC 2104) with the shared key of 32 bytes, over the 14 bytes
//! `tickwire token` in ASCII and then every byte of the token before the signature. No bytes follow
//! it, so every token has exactly one encoding. A token has at most 256 bytes.
//!
//! Test vector: a key of 32 bytes 7, an id of 16 bytes 1, the expiry 1,700,000,000, the player
//! `anna`, the audience `arena-7` and the data `level 12` give, in hexadecimal:
//!
//! ```text
#![doc = include_str!("golden.txt")]
//! ```

mod error;
mod format;
mod key;
mod system;
#[cfg(test)]
mod tests;
mod used;
mod verifier;

pub use self::error::{LengthError, TokenError};
pub use self::format::{Claims, issue};
pub use self::key::{TokenId, TokenKey};
pub use self::system::{IssueError, issue_now};
pub use self::verifier::{Verifier, VerifierStats};

use crate::limits::CONNECT_PAYLOAD_MAX;

/// Version of the token format.
const VERSION: u8 = 1;

/// Maximum length of a token's player in bytes: 36, a UUID as text.
pub const TOKEN_PLAYER_MAX: usize = 36;

/// Maximum length of a token's audience in bytes: 32.
pub const TOKEN_AUDIENCE_MAX: usize = 32;

/// Maximum length of a token's data in bytes: 128.
pub const TOKEN_DATA_MAX: usize = 128;

/// Maximum length of a token in bytes: 256, which fits a connect payload. 1 (version) + 16 (id) + 8
/// (expiry) + 3 (lengths) + the three fields + 32 (signature).
pub const TOKEN_MAX: usize =
    1 + 16 + 8 + 3 + TOKEN_PLAYER_MAX + TOKEN_AUDIENCE_MAX + TOKEN_DATA_MAX + 32;
const _: () = assert!(TOKEN_MAX <= CONNECT_PAYLOAD_MAX);
