//! An attempt to connect: the client's side of the handshake, until it is a connection or failed.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::connection_id::ConnectionId;
use super::wire::handshake::{Connect, Cookie, CookieAnswer, Hello, Nonce, Protection, Settings};
use crate::config::{Config, Security};
use crate::limits::{CONNECTS_PER_COOKIE, HANDSHAKE_RETRY_FIRST, HANDSHAKE_RETRY_MAX};

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct Attempt {
    pub(crate) to: SocketAddr,
    pub(crate) nonce: Nonce,
    /// Under which this side will receive.
    pub(crate) our_id: ConnectionId,
    payload: Bytes,
    /// What is to be brought back; asked for until it is there.
    cookie: Option<Cookie>,
    /// How often this cookie was sent, and when for the first time.
    connects: u32,
    first_connect_at: Instant,
    next_at: Instant,
    gap: Duration,
    give_up_at: Instant,
}

impl Attempt {
    pub(crate) fn new(
        to: SocketAddr,
        nonce: Nonce,
        our_id: ConnectionId,
        payload: Bytes,
        timeout: Duration,
        now: Instant,
    ) -> Self {
        Self {
            to,
            nonce,
            our_id,
            payload,
            cookie: None,
            connects: 0,
            first_connect_at: now,
            next_at: now,
            gap: HANDSHAKE_RETRY_FIRST,
            give_up_at: now + timeout,
        }
    }

    /// When it has something to do.
    pub(crate) fn deadline(&self) -> Instant {
        self.next_at.min(self.give_up_at)
    }

    pub(crate) fn is_given_up(&self, now: Instant) -> bool {
        now >= self.give_up_at
    }

    pub(crate) fn wants_to_send(&self, now: Instant) -> bool {
        now >= self.next_at
    }

    /// The server answered the hello. Its first answer counts: the others are to the repetitions.
    pub(crate) fn on_cookie(&mut self, answer: &CookieAnswer, now: Instant) {
        if self.cookie.is_none() {
            self.cookie = Some(answer.cookie);
            self.connects = 0;
            self.next_at = now;
            self.gap = HANDSHAKE_RETRY_FIRST;
        }
    }

    /// How long the server took to accept, if that can be told: which of several connects it answered
    /// nobody knows.
    pub(crate) fn round_trip(&self, now: Instant) -> Option<Duration> {
        (self.connects == 1).then(|| now.saturating_duration_since(self.first_connect_at))
    }

    /// Writes a hello, or, with a cookie, a connect.
    pub(crate) fn transmit(
        &mut self,
        config: &Config,
        settings: Settings,
        buffer: &mut [u8],
        now: Instant,
    ) -> usize {
        let Security::Plain { protocol_id } = config.security;
        self.next_at = now + self.gap;
        self.gap = (self.gap * 2).min(HANDSHAKE_RETRY_MAX);
        let Some(cookie) = self.cookie_to_send(now) else {
            let hello = Hello {
                protection: Protection::Plain,
                protocol_id,
                nonce: self.nonce,
            };
            return hello.write(buffer);
        };
        let connect = Connect {
            nonce: self.nonce,
            cookie,
            client_id: self.our_id,
            settings,
            payload: &self.payload,
        };
        connect.write(protocol_id, buffer)
    }

    /// A server that does not answer a cookie may have forgotten it: then a fresh one is asked for.
    fn cookie_to_send(&mut self, now: Instant) -> Option<Cookie> {
        if self.connects == CONNECTS_PER_COOKIE {
            self.cookie = None;
            self.connects = 0;
        }
        let cookie = self.cookie?;
        if self.connects == 0 {
            self.first_connect_at = now;
        }
        self.connects += 1;
        Some(cookie)
    }
}
