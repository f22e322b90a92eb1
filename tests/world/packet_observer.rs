//! Records every datagram for replay and checks the limits on sends to unvalidated addresses, with
//! the view of an on-path observer.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use super::is_noise;
use super::packets::{challenge_in, kind, response, returned_cookie};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Datagram {
    pub(crate) at: Duration,
    pub(crate) from: SocketAddr,
    pub(crate) to: SocketAddr,
    pub(crate) bytes: Vec<u8>,
}

#[derive(Default)]
pub(crate) struct PacketObserver {
    pub(crate) datagrams: Vec<Datagram>,
    accounts: BTreeMap<(usize, SocketAddr), Account>,
}

/// Traffic between a host and an address.
#[derive(Default)]
struct Account {
    /// The host contacted the address first, or the address returned a cookie or a challenge token.
    is_validated: bool,
    bytes_received: usize,
    bytes_sent: usize,
    /// Lengths of hellos without a reply.
    hellos: Vec<usize>,
    cookies: Vec<[u8; 16]>,
    challenges: Vec<[u8; 8]>,
}

impl PacketObserver {
    pub(crate) fn record(&mut self, at: Duration, from: SocketAddr, to: SocketAddr, bytes: &[u8]) {
        let bytes = bytes.to_vec();
        self.datagrams.push(Datagram {
            at,
            from,
            to,
            bytes,
        });
    }

    /// Discards the traffic of a restarted host.
    pub(crate) fn forget(&mut self, host: usize) {
        self.accounts.retain(|(owner, _), _| *owner != host);
    }

    pub(crate) fn on_received(&mut self, host: usize, from: SocketAddr, bytes: &[u8]) {
        let account = self.accounts.entry((host, from)).or_default();
        account.bytes_received += bytes.len();
        match bytes.first() {
            Some(&kind::HELLO) => account.hellos.push(bytes.len()),
            Some(&kind::CONNECT) => {
                let cookie = returned_cookie(bytes);
                account.is_validated |= cookie.is_some_and(|one| account.cookies.contains(&one));
            }
            Some(&kind::PACKET) => account.on_packet(bytes),
            _ => {}
        }
    }

    /// Under Noise challenge responses are not visible, so the host's own view, `is_peer`, decides.
    pub(crate) fn on_sent(
        &mut self,
        host: usize,
        to: SocketAddr,
        bytes: &[u8],
        is_peer: impl Fn() -> bool,
    ) {
        let account = self.accounts.entry((host, to)).or_default();
        match bytes[0] {
            kind::HELLO | kind::CONNECT => account.is_validated = true,
            kind::COOKIE | kind::MISMATCH => account.on_hello_reply(bytes),
            kind::ACCEPT | kind::DENY => assert!(
                account.is_validated,
                "host {host} replied to {to}, which returned no cookie"
            ),
            _ if is_noise() => account.is_validated = account.is_validated || is_peer(),
            _ => account.challenges.extend(challenge_in(bytes)),
        }
        account.bytes_sent += bytes.len();
        assert!(
            account.is_validated || account.bytes_sent <= 3 * account.bytes_received,
            "host {host} sent {to} more than three times the bytes received from it"
        );
    }

    pub(crate) fn print(&self) {
        const LAST: usize = 100;
        let skipped = self.datagrams.len().saturating_sub(LAST);
        for sent in &self.datagrams[skipped..] {
            let Datagram {
                at,
                from,
                to,
                bytes,
            } = sent;
            let (kind, len) = (bytes[0], bytes.len());
            eprintln!("{at:>14?} {from} -> {to} kind {kind}, {len} bytes");
        }
    }

    pub(crate) fn count(&self, from: SocketAddr, to: SocketAddr, after: Duration) -> usize {
        self.times(from, to, after).len()
    }

    pub(crate) fn times(&self, from: SocketAddr, to: SocketAddr, after: Duration) -> Vec<Duration> {
        let sent = self.datagrams.iter();
        let is_counted = |sent: &&Datagram| sent.from == from && sent.to == to && sent.at > after;
        sent.filter(is_counted).map(|sent| sent.at).collect()
    }
}

impl Account {
    /// A response with the token of a challenge validates the address.
    fn on_packet(&mut self, packet: &[u8]) {
        self.is_validated |= self.challenges.iter().any(|token| {
            let response = response(*token);
            packet.windows(response.len()).any(|part| part == response)
        });
    }

    fn on_hello_reply(&mut self, reply: &[u8]) {
        let hello = self.hellos.pop().expect("a reply without a hello");
        assert!(
            reply.len() < hello,
            "the reply is not shorter than its hello"
        );
        self.cookies.extend(returned_cookie(reply));
    }
}
