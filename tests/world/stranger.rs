//! A scripted client that can violate the protocol.

use std::net::SocketAddr;

#[cfg(feature = "noise")]
use super::crypto::{self, Keys};
use super::packets::{self, Connect, Cookie, Hello, Nonce, kind};
use super::{World, is_noise, ms};

#[derive(Debug, Clone)]
pub(crate) struct Stranger {
    pub(crate) address: SocketAddr,
    pub(crate) nonce: Nonce,
    pub(crate) id: u64,
    pub(crate) server_id: u64,
    pub(crate) number: u64,
    /// Set by the accept, under Noise.
    #[cfg(feature = "noise")]
    pub(crate) keys: Option<Keys>,
}

/// An address that no host of the world has.
pub(crate) fn outside(number: usize) -> SocketAddr {
    let [.., a, b, c] = u32::try_from(number).unwrap().to_be_bytes();
    ([10, a, b, c], 6000).into()
}

impl Stranger {
    pub(crate) fn new(number: usize) -> Self {
        let mut nonce = [0x5a; 16];
        nonce[..8].copy_from_slice(&(number as u64).to_be_bytes());
        Self {
            address: outside(number),
            nonce,
            id: 0xabcd_0000_0000 + number as u64,
            server_id: 0,
            number: 0,
            #[cfg(feature = "noise")]
            keys: None,
        }
    }

    /// Sends a datagram to a host. Returns the host's immediate replies.
    pub(crate) fn send_datagram(
        &self,
        world: &mut World,
        host: usize,
        bytes: &[u8],
    ) -> Vec<Vec<u8>> {
        let before = world.packet_observer().datagrams.len();
        world.inject(self.address, host, bytes);
        let sent = world.packet_observer().datagrams[before..].iter();
        let to_us = sent.filter(|datagram| datagram.to == self.address);
        to_us.map(|datagram| datagram.bytes.clone()).collect()
    }

    /// Sends a hello and returns the cookie of the reply.
    pub(crate) fn request_cookie(&self, world: &mut World, host: usize) -> Cookie {
        let replies = self.send_datagram(world, host, &Hello::new(self.nonce).bytes());
        let mut cookies = replies.iter().filter(|reply| reply[0] == kind::COOKIE);
        packets::returned_cookie(cookies.next().unwrap()).unwrap()
    }

    pub(crate) fn connect(&self, cookie: Cookie) -> Connect {
        Connect::new(self.nonce, cookie, self.id)
    }

    pub(crate) fn finish_handshake(&mut self, world: &mut World, host: usize, connect: &Connect) {
        let replies = self.send_datagram(world, host, &connect.bytes());
        assert_eq!((replies.len(), replies[0][0]), (1, kind::ACCEPT));
        self.process_accept(connect, &replies[0]);
    }

    pub(crate) fn process_accept(&mut self, connect: &Connect, accept: &[u8]) {
        #[cfg(feature = "noise")]
        if is_noise() {
            let (body, keys) = crypto::open_accept(connect, accept);
            self.server_id = packets::server_id(&body);
            self.keys = Some(keys);
            return;
        }
        let _ = connect;
        self.server_id = packets::server_id(&accept[26..]);
    }

    /// Completes the handshake and becomes a peer.
    pub(crate) fn handshake(&mut self, world: &mut World, host: usize) {
        let cookie = self.request_cookie(world, host);
        self.finish_handshake(world, host, &self.connect(cookie));
        self.send_frames(world, host, &packets::PING);
        world.run_for(ms(20));
    }

    pub(crate) fn packet(&mut self, frames: &[u8]) -> Vec<u8> {
        self.number += 1;
        self.packet_with(self.number - 1, frames)
    }

    pub(crate) fn packet_with(&self, number: u64, frames: &[u8]) -> Vec<u8> {
        #[cfg(feature = "noise")]
        if let Some(keys) = &self.keys {
            let header = packets::header(self.server_id, number);
            let sealed = keys.seal(number, &header, frames);
            return [header, sealed].concat();
        }
        packets::packet(self.server_id, number, frames)
    }

    pub(crate) fn frames(&self, packet: &[u8]) -> Vec<u8> {
        #[cfg(feature = "noise")]
        if let Some(keys) = &self.keys {
            return keys.open(packet).expect("the packet is authentic");
        }
        packets::frames(packet).to_vec()
    }

    /// Token of the challenge, if the packet contains only that.
    pub(crate) fn challenge_in(&self, packet: &[u8]) -> Option<[u8; 8]> {
        packets::token_in(&self.frames(packet))
    }

    pub(crate) fn send_frames(
        &mut self,
        world: &mut World,
        host: usize,
        frames: &[u8],
    ) -> Vec<Vec<u8>> {
        let packet = self.packet(frames);
        self.send_datagram(world, host, &packet)
    }
}
