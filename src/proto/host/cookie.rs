//! Cookies: stateless address validation by the server.
//!
//! A cookie is a keyed hash of the client's nonce and address, which only the server can compute: a
//! client that returns it receives packets at that address. The key is replaced every
//! [`COOKIE_WINDOW`] and the previous key stays valid, so a cookie is valid for one to two windows.

use std::fmt;
use std::hash::Hasher;
use std::net::{IpAddr, SocketAddr};

use siphasher::sip128::{Hasher128, SipHasher24};
use subtle::ConstantTimeEq;

use crate::limits::COOKIE_WINDOW;
use crate::proto::rng::SeededRng;
use crate::proto::time::{Duration, Instant};
use crate::proto::wire::handshake::{Cookie, Nonce};

type CookieSecret = [u8; 16];

pub(crate) struct Cookies {
    current: CookieSecret,
    previous: CookieSecret,
    /// Start of the current key's window.
    since: Instant,
}

impl Cookies {
    pub(crate) fn new(random: &mut SeededRng, now: Instant) -> Self {
        Self {
            current: random.bytes(),
            previous: random.bytes(),
            since: now,
        }
    }

    pub(crate) fn issue(
        &mut self,
        from: SocketAddr,
        nonce: &Nonce,
        random: &mut SeededRng,
        now: Instant,
    ) -> Cookie {
        self.rotate(random, now);
        hash(&self.current, from, nonce)
    }

    pub(crate) fn is_good(
        &mut self,
        cookie: &Cookie,
        from: SocketAddr,
        nonce: &Nonce,
        random: &mut SeededRng,
        now: Instant,
    ) -> bool {
        self.rotate(random, now);
        // Constant time: the duration must not reveal the position of the first difference.
        let is_of = |secret| hash(secret, from, nonce).ct_eq(cookie);
        (is_of(&self.current) | is_of(&self.previous)).into()
    }

    /// Replaces expired keys. A window ends on time even if no cookie is requested meanwhile.
    fn rotate(&mut self, random: &mut SeededRng, now: Instant) {
        let age = now.saturating_duration_since(self.since);
        if age < Duration::of(COOKIE_WINDOW) {
            return;
        }
        if age < 2 * Duration::of(COOKIE_WINDOW) {
            self.previous = self.current;
            self.since += Duration::of(COOKIE_WINDOW);
        } else {
            self.previous = random.bytes();
            self.since = now;
        }
        self.current = random.bytes();
    }
}

/// Prints no secret.
impl fmt::Debug for Cookies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cookies").finish_non_exhaustive()
    }
}

/// SipHash-2-4 with 128 bits of output, a pseudorandom function for short inputs (Aumasson and
/// Bernstein, 2012).
fn hash(secret: &CookieSecret, from: SocketAddr, nonce: &Nonce) -> Cookie {
    let mut hasher = SipHasher24::new_with_key(secret);
    match from.ip() {
        IpAddr::V4(ip) => hasher.write(&ip.octets()),
        IpAddr::V6(ip) => hasher.write(&ip.octets()),
    }
    hasher.write(&from.port().to_be_bytes());
    hasher.write(nonce);
    hasher.finish128().as_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONCE: Nonce = [7; 16];

    fn address(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    struct TestServer {
        random: SeededRng,
        cookies: Cookies,
        start: Instant,
    }

    impl TestServer {
        fn new() -> Self {
            let (mut random, start) = (SeededRng::from_seed([1; 32]), Instant::START);
            let cookies = Cookies::new(&mut random, start);
            Self {
                random,
                cookies,
                start,
            }
        }

        fn issue(&mut self, from: SocketAddr, after: Duration) -> Cookie {
            let now = self.start + after;
            self.cookies.issue(from, &NONCE, &mut self.random, now)
        }

        fn is_good(&mut self, cookie: &Cookie, from: SocketAddr, after: Duration) -> bool {
            let now = self.start + after;
            self.cookies
                .is_good(cookie, from, &NONCE, &mut self.random, now)
        }
    }

    #[test]
    fn a_cookie_is_valid_only_for_its_address() {
        let mut server = TestServer::new();
        let from = address("192.0.2.1:5000");
        let cookie = server.issue(from, Duration::ZERO);
        assert!(server.is_good(&cookie, from, Duration::ZERO));
        for other in ["192.0.2.1:5001", "192.0.2.2:5000", "[::1]:5000"] {
            assert!(!server.is_good(&cookie, address(other), Duration::ZERO));
        }
        let now = server.start;
        assert!(
            !server
                .cookies
                .is_good(&cookie, from, &[8; 16], &mut server.random, now)
        );
        for bit in 0..128 {
            let mut flipped = cookie;
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(!server.is_good(&flipped, from, Duration::ZERO));
        }
    }

    #[test]
    fn a_cookie_lasts_one_to_two_windows() {
        let from = address("[2001:db8::1]:5000");
        let just = Duration::from_nanos(1);
        for issued in [
            Duration::ZERO,
            Duration::of(COOKIE_WINDOW).saturating_sub(just),
        ] {
            let mut server = TestServer::new();
            let cookie = server.issue(from, issued);
            assert!(server.is_good(
                &cookie,
                from,
                issued + Duration::of(COOKIE_WINDOW).saturating_sub(just)
            ));
            server.issue(from, issued + Duration::of(COOKIE_WINDOW));
            assert!(!server.is_good(
                &cookie,
                from,
                issued + 2 * Duration::of(COOKIE_WINDOW) + just
            ));
        }
        let mut server = TestServer::new();
        let cookie = server.issue(from, Duration::ZERO);
        assert!(
            !server.is_good(&cookie, from, 2 * Duration::of(COOKIE_WINDOW)),
            "keys expire without requests"
        );
    }

    #[test]
    fn expires_a_cookie_after_a_missed_rotation() {
        let from = address("192.0.2.1:5000");
        let just = Duration::from_nanos(1);
        for noticed in [
            Duration::of(COOKIE_WINDOW),
            Duration::of(COOKIE_WINDOW) * 3 / 2,
            (2 * Duration::of(COOKIE_WINDOW)).saturating_sub(just),
        ] {
            let mut server = TestServer::new();
            let cookie = server.issue(from, Duration::ZERO);
            let late = server.issue(from, Duration::of(COOKIE_WINDOW).saturating_sub(just));
            assert!(server.is_good(&cookie, from, noticed));
            assert!(
                !server.is_good(&cookie, from, 2 * Duration::of(COOKIE_WINDOW)),
                "{noticed:?}"
            );
            assert!(
                !server.is_good(&late, from, 2 * Duration::of(COOKIE_WINDOW)),
                "{noticed:?}"
            );
        }
    }
}
