//! Admission tokens: a login service says who may play where, and a game server believes it without
//! asking anybody.
//!
//! The service and the servers share a [`TokenKey`]. A player logs in at the service, as it likes best, and
//! gets a token: for one player, for one audience (a server, a region, a game), until a certain second.
//! He shows it when he connects, and the server needs nothing but the key to see that it is genuine. It
//! opens one connection and no second one.
//!
//! # On both sides
//!
//! [`issue`] makes a token; a service in another language makes the same bytes, [below](#to-the-byte). A
//! server has a [`Verifier`], and asks it twice. At the door it [looks](Verifier::verify), so that who has
//! no token gets no further; and when somebody is really there, at
//! [`Connected`](crate::Event::Connected), it [spends](Verifier::redeem) the token.
//!
//! ```
//! use std::time::{SystemTime, UNIX_EPOCH};
//! use tickwire::token::{self, Claims, TokenId, TokenKey, Verifier};
//! use tickwire::{Admission, Config, ConnectOptions, Event, Host};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! fn unix_now() -> u64 {
//!     SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs())
//! }
//! let key = TokenKey::generate()?; // as a rule, read from a file
//!
//! // The login service, for a player who has shown his password.
//! let grant = Claims {
//!     player: b"anna",
//!     audience: b"arena-7",
//!     expires_at: unix_now() + 60,
//!     data: b"level 12",
//! };
//! let token = token::issue(&key, &grant, TokenId::generate()?)?;
//!
//! // The player.
//! # let mut player = Host::bind("127.0.0.1:0".parse()?, Config::plain(7))?;
//! let options = ConnectOptions::with_payload(token);
//! # let mut server = Host::bind("127.0.0.1:0".parse()?, Config::plain(7))?;
//! # let address = server.local_addr();
//! player.connect(address, &options)?;
//!
//! // The server. Clones of a verifier share what is used.
//! const BAD_TOKEN: u32 = 401;
//! let verifier = Verifier::new(key, b"arena-7")?;
//! let door = verifier.clone();
//! server.set_admission(move |request| match door.verify(request.payload, unix_now()) {
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
//!             match verifier.redeem(&payload, unix_now()) {
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
//! # Why it is asked twice
//!
//! A connect packet says little: it may come several times, because the answer was lost, and whoever
//! recorded one can send it again. [`set_admission`](crate::Host::set_admission) is therefore called for
//! connects of which nothing comes. A token that was spent there would be lost to an honest player whose
//! first attempt the network ate; one that was bound to an address would be good for every connection
//! that player opens from it. `Connected` comes once for each connection, to somebody who has shown that
//! he holds the other end of it, and that is what a token is good for once. Two who show the same token
//! at the same time both pass the door, and the second to be there is turned away, before anything of what
//! he says is looked at.
//!
//! What makes two tokens the same is their [`TokenId`], which the service draws and the signature covers: not
//! the address, which changes, and not the bytes of the connect, which a client can vary at will.
//!
//! # What a token does not do
//!
//! - It is **signed and not encrypted**. The player may read what the service says of him; put no secret
//!   into it. On the way it is as safe as the connection: encrypted to the server under
//!   [`Security::Noise`](crate::Security), readable and so good for stealing under
//!   [`Security::Plain`](crate::Security::Plain). A signature needs no nonce that must never repeat, and
//!   every language that a login service is written in has HMAC-SHA256.
//! - What is used is forgotten when the process ends: **a server that starts anew takes a token a second
//!   time** until it expires. Let tokens live a minute or two, as long as it takes from the login to the
//!   server, or put something into the audience that is new with every start.
//! - Several processes with one audience each know only what was used with them.
//! - Whoever has the [`TokenKey`] can issue. A game server has it, so give those of one operator a key of their
//!   own. To change it, keep a second verifier with the new key for a while and ask one after the other.
//! - The clocks of the service and of the server must agree as well as the lifetime needs it.
//!
//! # To the byte
//!
//! Version 1. Numbers are in network byte order (big-endian).
//!
//! | at | bytes | what |
//! | --- | --- | --- |
//! | 0 | 1 | version: 1 |
//! | 1 | 16 | id: unpredictable, drawn anew for every token |
//! | 17 | 8 | expiry, in seconds since 1970-01-01 00:00 UTC: from this second on it is not good any more |
//! | 25 | 1 | length P of the player's id, 1 to 36 |
//! | 26 | P | the player's id |
//! | 26+P | 1 | length A of the audience, 1 to 32 |
//! | 27+P | A | the audience |
//! | 27+P+A | 1 | length D of the service's own, 0 to 128 |
//! | 28+P+A | D | the service's own |
//! | 28+P+A+D | 32 | signature: HMAC-SHA256 (RFC 2104) with the shared key of 32 bytes, over the 14 bytes `tickwire token` in ASCII and then every byte of the token before the signature |
//!
//! Nothing follows, so no two different strings of bytes are the same token. 256 bytes at most.
//!
//! With a key of 32 bytes 7, the id of 16 bytes 1, the expiry 1,700,000,000, the player `anna`, the
//! audience `arena-7` and the data `level 12` it is, in hexadecimal digits:
//!
//! ```text
#![doc = include_str!("golden.txt")]
//! ```

mod error;
mod format;
mod key;
#[cfg(test)]
mod tests;
mod used;
mod verifier;

pub use self::error::{LengthError, TokenError};
pub use self::format::{Claims, issue};
pub use self::key::{TokenId, TokenKey};
pub use self::verifier::{Verifier, VerifierStats};
