//! Packet protection of one connection: a checksum, or encryption.

#[cfg(feature = "bench")]
use std::fmt;

use crate::limits::DATAGRAM_MAX;
use crate::proto::connection_id::ConnectionId;
#[cfg(feature = "noise")]
use crate::proto::noise::Session;
use crate::proto::wire::Malformed;
use crate::proto::wire::packet;
#[cfg(feature = "noise")]
use crate::proto::wire::packet::{HEADER_LEN, Header, PAYLOAD_MAX, TAG_ROOM};
#[cfg(feature = "noise")]
use crate::proto::wire::packet_number::NUMBER_MAX;

#[derive(Debug)]
pub(crate) enum PacketProtection {
    Plain {
        protocol_id: u64,
    },
    #[cfg(feature = "noise")]
    Noise(Box<NoiseTransport>),
}

#[cfg(feature = "noise")]
#[derive(Debug)]
pub(crate) struct NoiseTransport {
    pub(crate) session: Session,
    /// A server's accept, retransmitted unchanged.
    pub(crate) accept: Box<[u8]>,
    pub(crate) is_pinned: bool,
}

impl PacketProtection {
    /// Adds header and tag to `payload_len` bytes of frames; returns the length of the packet.
    /// Packet numbers must increase.
    pub(crate) fn seal(
        &mut self,
        id: ConnectionId,
        number: u64,
        payload_len: usize,
        buffer: &mut [u8; DATAGRAM_MAX],
    ) -> usize {
        match self {
            Self::Plain { protocol_id } => {
                packet::seal(*protocol_id, id, number, payload_len, buffer)
            }
            #[cfg(feature = "noise")]
            Self::Noise(sealed) => sealed.session.seal_packet(id, number, payload_len, buffer),
        }
    }

    /// The frames of an authentic packet, decrypted into `scratch`. Rejects numbers too large for
    /// an acknowledgement.
    #[cfg_attr(
        not(feature = "noise"),
        allow(unused_variables, clippy::ptr_arg, reason = "nothing is encrypted")
    )]
    pub(crate) fn open<'a>(
        &mut self,
        number: u64,
        packet: &'a [u8],
        scratch: &'a mut Vec<u8>,
    ) -> Result<&'a [u8], Malformed> {
        match self {
            Self::Plain { protocol_id } => packet::open(*protocol_id, number, packet),
            #[cfg(feature = "noise")]
            Self::Noise(sealed) => sealed.session.open_packet(number, packet, scratch),
        }
    }

    pub(crate) fn is_pinned(&self) -> bool {
        match self {
            Self::Plain { .. } => false,
            #[cfg(feature = "noise")]
            Self::Noise(sealed) => sealed.is_pinned,
        }
    }

    /// The accept that made this connection, if retransmissions must be identical.
    pub(crate) fn accept(&self) -> Option<&[u8]> {
        match self {
            Self::Plain { .. } => None,
            #[cfg(feature = "noise")]
            Self::Noise(sealed) => Some(&sealed.accept),
        }
    }
}

#[cfg(feature = "noise")]
impl Session {
    fn seal_packet(
        &mut self,
        id: ConnectionId,
        number: u64,
        payload_len: usize,
        buffer: &mut [u8; DATAGRAM_MAX],
    ) -> usize {
        Header::new(id, number).write(buffer);
        let end = HEADER_LEN + payload_len;
        let (header, payload) = buffer[..end].split_at_mut(HEADER_LEN);
        let tag = self.seal(number, header, payload);
        buffer[end..end + TAG_ROOM].copy_from_slice(&tag);
        end + TAG_ROOM
    }

    fn open_packet<'a>(
        &mut self,
        number: u64,
        packet: &[u8],
        scratch: &'a mut Vec<u8>,
    ) -> Result<&'a [u8], Malformed> {
        let (header, sealed) = packet.split_at_checked(HEADER_LEN).ok_or(Malformed)?;
        if sealed.len() > PAYLOAD_MAX + TAG_ROOM || number > NUMBER_MAX {
            return Err(Malformed);
        }
        scratch.clear();
        scratch.extend_from_slice(sealed);
        Ok(self.open(number, header, scratch)?)
    }
}

/// Both ends of a connection's packet protection, for benchmarks.
#[cfg(feature = "bench")]
#[doc(hidden)]
pub struct ProtectionPair {
    sending: PacketProtection,
    receiving: PacketProtection,
    number: u64,
    scratch: Vec<u8>,
}

#[cfg(feature = "bench")]
impl fmt::Debug for ProtectionPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProtectionPair").finish_non_exhaustive()
    }
}

#[cfg(feature = "bench")]
impl ProtectionPair {
    /// A checksum.
    #[must_use]
    pub fn plain() -> Self {
        let protection = || PacketProtection::Plain { protocol_id: 7 };
        Self {
            sending: protection(),
            receiving: protection(),
            number: 0,
            scratch: Vec::new(),
        }
    }

    /// Encryption.
    #[cfg(feature = "noise")]
    #[must_use]
    pub fn noise() -> Self {
        let secret = |byte| crate::proto::rng::Secret::new([byte; 32]);
        let protection = |sending, receiving| {
            let session = Session::new(&secret(sending), secret(receiving));
            let accept = Box::default();
            let is_pinned = false;
            PacketProtection::Noise(Box::new(NoiseTransport {
                session,
                accept,
                is_pinned,
            }))
        };
        Self {
            sending: protection(1, 2),
            receiving: protection(2, 1),
            number: 0,
            scratch: Vec::new(),
        }
    }

    /// Seals a packet with `payload_len` bytes of arbitrary frames; returns its length.
    pub fn seal(&mut self, payload_len: usize, buffer: &mut [u8; DATAGRAM_MAX]) -> usize {
        self.number += 1;
        let id = ConnectionId(7);
        self.sending.seal(id, self.number - 1, payload_len, buffer)
    }

    /// Opens the packet that was sealed last; returns its number of frame bytes, if it is
    /// authentic.
    pub fn open(&mut self, packet: &[u8]) -> Option<usize> {
        let number = self.number - 1;
        let opened = self.receiving.open(number, packet, &mut self.scratch);
        opened.ok().map(<[u8]>::len)
    }
}
