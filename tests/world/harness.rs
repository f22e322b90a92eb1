//! One host driven directly, for floods and many clients. A world records every datagram and would
//! use more memory than the host.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tickwire::Config;
use tickwire::limits::DATAGRAM_MAX;
use tickwire::proto::HostState;

use super::Stranger;
use super::packets::{Connect, Hello, PING, kind, returned_cookie};

pub(crate) struct Harness {
    pub(crate) host: HostState,
    pub(crate) now: Instant,
    buffer: [u8; DATAGRAM_MAX],
}

impl Harness {
    pub(crate) fn new(config: Config) -> Self {
        let now = Instant::now();
        Self {
            host: HostState::new(config, [1; 32], now).unwrap(),
            now,
            buffer: [0; DATAGRAM_MAX],
        }
    }

    pub(crate) fn deliver(&mut self, from: SocketAddr, bytes: &[u8]) {
        self.host.handle_datagram(from, bytes, self.now);
    }

    /// Runs the timers and passes each sent datagram to `each`.
    pub(crate) fn turn(&mut self, mut each: impl FnMut(SocketAddr, &[u8])) {
        self.host.handle_timeout(self.now);
        while let Some(sent) = self.host.poll_transmit(&mut self.buffer, self.now) {
            each(sent.to, &self.buffer[..sent.len]);
        }
    }

    pub(crate) fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(at) = self.host.poll_timeout().filter(|at| *at <= end) {
            self.now = at;
            self.turn(|_, _| {});
        }
        self.now = end;
    }

    pub(crate) fn reply_to(&mut self, stranger: &Stranger, bytes: &[u8]) -> Option<Vec<u8>> {
        self.deliver(stranger.address, bytes);
        let mut reply = None;
        self.turn(|to, bytes| {
            if to == stranger.address {
                reply = Some(bytes.to_vec());
            }
        });
        reply
    }

    pub(crate) fn connect_with_cookie(&mut self, stranger: &Stranger) -> Connect {
        let hello = Hello::new(stranger.nonce).bytes();
        let cookie = self.reply_to(stranger, &hello).unwrap();
        stranger.connect(returned_cookie(&cookie).unwrap())
    }

    /// Runs the whole handshake. Returns whether the host accepted.
    pub(crate) fn handshake(&mut self, stranger: &mut Stranger) -> bool {
        let connect = self.connect_with_cookie(stranger);
        let Some(accept) = self.reply_to(stranger, &connect.bytes()) else {
            return false;
        };
        if accept[0] != kind::ACCEPT {
            return false;
        }
        stranger.process_accept(&connect, &accept);
        stranger.number = 0;
        let first = stranger.packet(&PING);
        self.reply_to(stranger, &first);
        true
    }
}
