//! The client side of one handshake.

use std::net::SocketAddr;

use bytes::Bytes;

use crate::limits::{CONNECTS_PER_COOKIE, HANDSHAKE_RETRY_FIRST, HANDSHAKE_RETRY_MAX};
use crate::proto::connection_id::ConnectionId;
use crate::proto::event::DisconnectReason;
#[cfg(feature = "noise")]
use crate::proto::noise::NoiseClient;
use crate::proto::time::{Duration, Instant};
use crate::proto::wire::handshake::{Connect, Cookie, Hello, Nonce, SecurityMode, Settings};

#[derive(Debug)]
pub(crate) struct ClientHandshake {
    pub(crate) to: SocketAddr,
    pub(crate) nonce: Nonce,
    pub(crate) local_cid: ConnectionId,
    payload: Bytes,
    #[cfg(feature = "noise")]
    pub(crate) noise: Option<NoiseClient>,
    /// The server's cookie. Requested until it arrives.
    cookie: Option<Cookie>,
    /// Number of connects sent with this cookie.
    connects: u32,
    first_connect_at: Instant,
    next_at: Instant,
    gap: Duration,
    give_up_at: Instant,
}

impl ClientHandshake {
    pub(crate) fn new(
        to: SocketAddr,
        nonce: Nonce,
        local_cid: ConnectionId,
        payload: Bytes,
        timeout: Duration,
        now: Instant,
    ) -> Self {
        Self {
            to,
            nonce,
            local_cid,
            payload,
            #[cfg(feature = "noise")]
            noise: None,
            cookie: None,
            connects: 0,
            first_connect_at: now,
            next_at: now,
            gap: Duration::of(HANDSHAKE_RETRY_FIRST),
            give_up_at: now + timeout,
        }
    }

    pub(crate) fn is_pinned(&self) -> bool {
        #[cfg(feature = "noise")]
        return self.noise.as_ref().is_some_and(NoiseClient::is_pinned);
        #[cfg(not(feature = "noise"))]
        false
    }

    pub(crate) fn deadline(&self) -> Instant {
        self.next_at.min(self.give_up_at)
    }

    pub(crate) fn is_given_up(&self, now: Instant) -> bool {
        now >= self.give_up_at
    }

    pub(crate) fn timeout_reason(&self) -> DisconnectReason {
        #[cfg(feature = "noise")]
        if let Some(shown) = self.noise.as_ref().and_then(NoiseClient::wrong_key) {
            return DisconnectReason::WrongServerKey { shown };
        }
        DisconnectReason::ConnectTimeout
    }

    pub(crate) fn wants_to_send(&self, now: Instant) -> bool {
        now >= self.next_at
    }

    /// Only the first cookie is used; later ones answer retransmitted hellos.
    pub(crate) fn wants_cookie(&self) -> bool {
        self.cookie.is_none()
    }

    pub(crate) fn on_cookie(&mut self, cookie: Cookie, now: Instant) {
        self.cookie = Some(cookie);
        self.connects = 0;
        self.next_at = now;
        self.gap = Duration::of(HANDSHAKE_RETRY_FIRST);
    }

    pub(crate) fn connect(&self, cookie: Cookie, settings: Settings) -> Connect<'_> {
        Connect {
            nonce: self.nonce,
            cookie,
            client_id: self.local_cid,
            settings,
            payload: &self.payload,
        }
    }

    /// Round-trip time of connect and accept. `None` if several connects were sent, because the
    /// accept does not say which one it answers.
    pub(crate) fn round_trip(&self, now: Instant) -> Option<Duration> {
        (self.connects == 1).then(|| now.saturating_duration_since(self.first_connect_at))
    }

    /// Writes a hello, or a connect once there is a cookie.
    pub(crate) fn transmit(
        &mut self,
        protection: SecurityMode,
        protocol_id: u64,
        settings: Settings,
        buffer: &mut [u8],
        now: Instant,
    ) -> usize {
        self.next_at = now + self.gap;
        self.gap = (self.gap * 2).min(Duration::of(HANDSHAKE_RETRY_MAX));
        let Some(cookie) = self.cookie_to_send(now) else {
            let hello = Hello {
                protection,
                protocol_id,
                nonce: self.nonce,
            };
            return hello.write(buffer);
        };
        #[cfg(feature = "noise")]
        if let Some(noise) = &self.noise {
            let connect = noise.connect();
            buffer[..connect.len()].copy_from_slice(connect);
            return connect.len();
        }
        self.connect(cookie, settings).write(protocol_id, buffer)
    }

    /// After several connects without a reply the cookie may have expired, so a new one is
    /// requested.
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
