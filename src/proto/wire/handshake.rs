//! The six handshake packets.

use std::ops::RangeInclusive;

use crate::limits::{
    CONNECT_PAYLOAD_MAX, DATAGRAM_MAX, IDLE_TIMEOUT_MIN, MESSAGE_MAX, MESSAGE_MAX_MIN,
    MESSAGE_OVERHEAD, TIMEOUT_MAX,
};
use crate::proto::connection_id::ConnectionId;
use crate::proto::wire::checksum::{CHECKSUM_LEN, COMMON, checked, checksum};
use crate::proto::wire::cursor::{Malformed, Reader, Writer};
use crate::proto::wire::kind;

/// Overhead of a Noise message in bytes: ephemeral key and tag.
#[cfg(feature = "noise")]
pub(crate) const SEAL_OVERHEAD: usize = 32 + 16;

/// Version of the wire format in `WIRE.md`.
pub(crate) const VERSION: u8 = 1;

/// Marks a hello and a mismatch in every version.
const MAGIC: [u8; 4] = *b"TWRE";

/// Identifies a connection attempt: 128 random bits. A reply with them has seen the hello.
pub(crate) type Nonce = [u8; 16];

/// Identifies a connect to recognise its retransmissions. Under Plain it is the nonce.
pub(crate) type ConnectFingerprint = [u8; 16];

/// Proof of address that a server issues and a client returns.
pub(crate) type Cookie = [u8; 16];

/// A server's X25519 key; zeros under Plain.
pub(crate) type PublicKeyBytes = [u8; 32];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum SecurityMode {
    Plain = 0,
    Noise = 1,
}

impl SecurityMode {
    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        match reader.u8()? {
            0 => Ok(Self::Plain),
            1 => Ok(Self::Noise),
            _ => Err(Malformed),
        }
    }
}

/// A client requests a cookie. Padded to [`DATAGRAM_MAX`], so no reply is longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Hello {
    pub(crate) protection: SecurityMode,
    pub(crate) protocol_id: u64,
    pub(crate) nonce: Nonce,
}

/// The fields of a hello that are the same in every version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct AnyHello {
    pub(crate) version: u8,
    pub(crate) nonce: Nonce,
}

impl AnyHello {
    pub(crate) fn read(packet: &[u8]) -> Result<Self, Malformed> {
        if packet.len() != DATAGRAM_MAX {
            return Err(Malformed);
        }
        let mut reader = Reader::new(checked(COMMON, packet)?);
        let (kind, magic) = (reader.u8()?, reader.array()?);
        let version = reader.u8()?;
        let nonce = reader.array()?;
        if kind != kind::HELLO || magic != MAGIC {
            return Err(Malformed);
        }
        Ok(Self { version, nonce })
    }
}

impl Hello {
    /// Parses a hello of this version that [`AnyHello`] has checked.
    pub(crate) fn read(packet: &[u8]) -> Result<Self, Malformed> {
        const FIRST: usize = 1 + MAGIC.len() + 1;
        let mut reader = Reader::new(checked(COMMON, packet)?);
        reader.bytes(FIRST)?;
        let nonce = reader.array()?;
        let protection = SecurityMode::read(&mut reader)?;
        let protocol_id = reader.u64()?;
        let padding = reader.bytes(reader.remaining())?;
        if padding.iter().any(|byte| *byte != 0) {
            return Err(Malformed);
        }
        Ok(Self {
            protection,
            protocol_id,
            nonce,
        })
    }

    pub(crate) fn write(&self, buffer: &mut [u8]) -> usize {
        let mut writer = Writer::new(buffer);
        writer.u8(kind::HELLO);
        writer.bytes(&MAGIC);
        writer.u8(VERSION);
        writer.bytes(&self.nonce);
        writer.u8(self.protection as u8);
        writer.u64(self.protocol_id);
        writer.zeros(DATAGRAM_MAX - CHECKSUM_LEN - writer.len());
        end(COMMON, writer)
    }
}

/// In what client and server differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum MismatchKind {
    Version = 0,
    SecurityMode = 1,
    Protocol = 2,
}

/// A server reports that a client is incompatible. The same in every version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mismatch {
    /// The server's.
    pub(crate) version: u8,
    pub(crate) nonce: Nonce,
    pub(crate) difference: MismatchKind,
}

impl Mismatch {
    pub(crate) fn read(packet: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(checked(COMMON, packet)?);
        let (kind, magic) = (reader.u8()?, reader.array()?);
        let version = reader.u8()?;
        let nonce = reader.array()?;
        let difference = match reader.u8()? {
            0 => MismatchKind::Version,
            1 => MismatchKind::SecurityMode,
            2 => MismatchKind::Protocol,
            _ => return Err(Malformed),
        };
        reader.end()?;
        if kind != kind::MISMATCH || magic != MAGIC {
            return Err(Malformed);
        }
        Ok(Self {
            version,
            nonce,
            difference,
        })
    }

    pub(crate) fn write(&self, buffer: &mut [u8]) -> usize {
        let mut writer = Writer::new(buffer);
        writer.u8(kind::MISMATCH);
        writer.bytes(&MAGIC);
        writer.u8(self.version);
        writer.bytes(&self.nonce);
        writer.u8(self.difference as u8);
        end(COMMON, writer)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CookieReply {
    pub(crate) nonce: Nonce,
    pub(crate) cookie: Cookie,
    pub(crate) public_key: PublicKeyBytes,
}

impl CookieReply {
    pub(crate) fn read(protocol_id: u64, packet: &[u8]) -> Result<Self, Malformed> {
        let mut reader = begin(kind::COOKIE, protocol_id, packet)?;
        let answer = Self {
            nonce: reader.array()?,
            cookie: reader.array()?,
            public_key: reader.array()?,
        };
        reader.end()?;
        Ok(answer)
    }

    pub(crate) fn write(&self, protocol_id: u64, buffer: &mut [u8]) -> usize {
        let mut writer = start(kind::COOKIE, buffer);
        writer.bytes(&self.nonce);
        writer.bytes(&self.cookie);
        writer.bytes(&self.public_key);
        end(protocol_id, writer)
    }
}

#[allow(
    clippy::cast_possible_truncation,
    reason = "an hour is 3,600,000 milliseconds"
)]
const IDLE_TIMEOUTS_MS: RangeInclusive<u32> =
    IDLE_TIMEOUT_MIN.as_millis() as u32..=TIMEOUT_MAX.as_millis() as u32;

#[allow(clippy::cast_possible_truncation, reason = "16 MiB at most")]
const MESSAGE_MAXES: RangeInclusive<u32> = MESSAGE_MAX_MIN as u32..=MESSAGE_MAX as u32;

#[allow(clippy::cast_possible_truncation, reason = "64")]
const OVERHEAD: u32 = MESSAGE_OVERHEAD as u32;

const SETTINGS_LEN: usize = 4 + 1 + 4 + 4;

/// What each side announces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Settings {
    /// Idle timeout in milliseconds: 100 to 3,600,000.
    pub(crate) idle_timeout_ms: u32,
    /// Maximum acknowledgement delay in milliseconds.
    pub(crate) ack_delay_ms: u8,
    /// Maximum length of a reliable or ordered message, in bytes.
    pub(crate) message_max: u32,
    /// Initial receive window in bytes: at least the cost of two messages of maximum length.
    pub(crate) window: u32,
}

impl Settings {
    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let idle_timeout_ms = reader.u32()?;
        if !IDLE_TIMEOUTS_MS.contains(&idle_timeout_ms) {
            return Err(Malformed);
        }
        let settings = Self {
            idle_timeout_ms,
            ack_delay_ms: reader.u8()?,
            message_max: reader.u32()?,
            window: reader.u32()?,
        };
        let is_known = MESSAGE_MAXES.contains(&settings.message_max);
        if !is_known || settings.window < 2 * (settings.message_max + OVERHEAD) {
            return Err(Malformed);
        }
        Ok(settings)
    }

    fn write(self, writer: &mut Writer<'_>) {
        writer.u32(self.idle_timeout_ms);
        writer.u8(self.ack_delay_ms);
        writer.u32(self.message_max);
        writer.u32(self.window);
    }
}

/// The unencrypted part of a connect. The body may be encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ConnectEnvelope<'a> {
    pub(crate) nonce: Nonce,
    pub(crate) cookie: Cookie,
    pub(crate) body: &'a [u8],
}

impl<'a> ConnectEnvelope<'a> {
    pub(crate) fn read(protocol_id: u64, packet: &'a [u8]) -> Result<Self, Malformed> {
        let mut reader = begin(kind::CONNECT, protocol_id, packet)?;
        Ok(Self {
            nonce: reader.array()?,
            cookie: reader.array()?,
            body: reader.bytes(reader.remaining())?,
        })
    }

    pub(crate) fn write(&self, protocol_id: u64, buffer: &mut [u8]) -> usize {
        let mut writer = start(kind::CONNECT, buffer);
        writer.bytes(&self.nonce);
        writer.bytes(&self.cookie);
        writer.bytes(self.body);
        end(protocol_id, writer)
    }
}

pub(crate) const CONNECT_BODY_MAX: usize = 8 + SETTINGS_LEN + 2 + CONNECT_PAYLOAD_MAX;

/// A client returns the cookie and requests a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Connect<'a> {
    pub(crate) nonce: Nonce,
    pub(crate) cookie: Cookie,
    pub(crate) client_id: ConnectionId,
    pub(crate) settings: Settings,
    /// For the server's application.
    pub(crate) payload: &'a [u8],
}

impl<'a> Connect<'a> {
    pub(crate) fn read_body(
        envelope: &ConnectEnvelope<'_>,
        body: &'a [u8],
    ) -> Result<Self, Malformed> {
        let mut reader = Reader::new(body);
        let client_id = ConnectionId(reader.u64()?);
        let settings = Settings::read(&mut reader)?;
        let payload_len = usize::from(reader.u16()?);
        if payload_len > CONNECT_PAYLOAD_MAX {
            return Err(Malformed);
        }
        let payload = reader.bytes(payload_len)?;
        reader.end()?;
        Ok(Self {
            nonce: envelope.nonce,
            cookie: envelope.cookie,
            client_id,
            settings,
            payload,
        })
    }

    /// Writes at most [`CONNECT_BODY_MAX`] bytes.
    pub(crate) fn write_body(&self, buffer: &mut [u8]) -> usize {
        let mut writer = Writer::new(buffer);
        writer.u64(self.client_id.0);
        self.settings.write(&mut writer);
        #[allow(clippy::cast_possible_truncation, reason = "at most 256")]
        writer.u16(self.payload.len() as u16);
        writer.bytes(self.payload);
        writer.len()
    }

    #[cfg(test)]
    pub(crate) fn read(protocol_id: u64, packet: &'a [u8]) -> Result<Self, Malformed> {
        let envelope = ConnectEnvelope::read(protocol_id, packet)?;
        Self::read_body(&envelope, envelope.body)
    }

    /// Writes a connect under Plain.
    pub(crate) fn write(&self, protocol_id: u64, buffer: &mut [u8]) -> usize {
        let mut body = [0; CONNECT_BODY_MAX];
        let len = self.write_body(&mut body);
        let envelope = ConnectEnvelope {
            nonce: self.nonce,
            cookie: self.cookie,
            body: &body[..len],
        };
        envelope.write(protocol_id, buffer)
    }
}

/// The unencrypted part of an accept. The body may be encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct AcceptEnvelope<'a> {
    pub(crate) client_id: ConnectionId,
    pub(crate) nonce: Nonce,
    pub(crate) body: &'a [u8],
}

impl<'a> AcceptEnvelope<'a> {
    pub(crate) fn read(protocol_id: u64, packet: &'a [u8]) -> Result<Self, Malformed> {
        let mut reader = begin(kind::ACCEPT, protocol_id, packet)?;
        Ok(Self {
            client_id: ConnectionId(reader.u64()?),
            nonce: reader.array()?,
            body: reader.bytes(reader.remaining())?,
        })
    }

    pub(crate) fn write(&self, protocol_id: u64, buffer: &mut [u8]) -> usize {
        let mut writer = start(kind::ACCEPT, buffer);
        writer.u64(self.client_id.0);
        writer.bytes(&self.nonce);
        writer.bytes(self.body);
        end(protocol_id, writer)
    }
}

pub(crate) const ACCEPT_BODY_LEN: usize = 8 + SETTINGS_LEN;

/// Under Noise.
#[cfg(feature = "noise")]
pub(crate) const ACCEPT_SEALED_LEN: usize =
    2 + 8 + 16 + ACCEPT_BODY_LEN + SEAL_OVERHEAD + CHECKSUM_LEN;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Accept {
    pub(crate) client_id: ConnectionId,
    pub(crate) nonce: Nonce,
    pub(crate) server_id: ConnectionId,
    pub(crate) settings: Settings,
}

impl Accept {
    pub(crate) fn read_body(envelope: &AcceptEnvelope<'_>, body: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(body);
        let accept = Self {
            client_id: envelope.client_id,
            nonce: envelope.nonce,
            server_id: ConnectionId(reader.u64()?),
            settings: Settings::read(&mut reader)?,
        };
        reader.end()?;
        Ok(accept)
    }

    pub(crate) fn body(&self) -> [u8; ACCEPT_BODY_LEN] {
        let mut body = [0; ACCEPT_BODY_LEN];
        let mut writer = Writer::new(&mut body);
        writer.u64(self.server_id.0);
        self.settings.write(&mut writer);
        body
    }

    #[cfg(test)]
    pub(crate) fn read(protocol_id: u64, packet: &[u8]) -> Result<Self, Malformed> {
        let envelope = AcceptEnvelope::read(protocol_id, packet)?;
        Self::read_body(&envelope, envelope.body)
    }

    /// Writes an accept under Plain.
    pub(crate) fn write(&self, protocol_id: u64, buffer: &mut [u8]) -> usize {
        let envelope = AcceptEnvelope {
            client_id: self.client_id,
            nonce: self.nonce,
            body: &self.body(),
        };
        envelope.write(protocol_id, buffer)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DenyReason {
    /// Maximum number of peers reached.
    Full,
    /// The server accepts no connections.
    Closed,
    /// The application's code.
    Denied(u32),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Deny {
    pub(crate) client_id: ConnectionId,
    pub(crate) nonce: Nonce,
    pub(crate) refusal: DenyReason,
}

impl Deny {
    pub(crate) fn read(protocol_id: u64, packet: &[u8]) -> Result<Self, Malformed> {
        let mut reader = begin(kind::DENY, protocol_id, packet)?;
        let deny = Self::read_fields(&mut reader)?;
        reader.end()?;
        Ok(deny)
    }

    pub(crate) fn write(&self, protocol_id: u64, buffer: &mut [u8]) -> usize {
        let mut writer = start(kind::DENY, buffer);
        self.write_fields(&mut writer);
        end(protocol_id, writer)
    }

    fn read_fields(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let client_id = ConnectionId(reader.u64()?);
        let nonce = reader.array()?;
        let refusal = match (reader.u8()?, reader.u32()?) {
            (0, 0) => DenyReason::Full,
            (1, 0) => DenyReason::Closed,
            (2, code) => DenyReason::Denied(code),
            _ => return Err(Malformed),
        };
        Ok(Self {
            client_id,
            nonce,
            refusal,
        })
    }

    fn write_fields(&self, writer: &mut Writer<'_>) {
        writer.u64(self.client_id.0);
        writer.bytes(&self.nonce);
        let (what, code) = match self.refusal {
            DenyReason::Full => (0, 0),
            DenyReason::Closed => (1, 0),
            DenyReason::Denied(code) => (2, code),
        };
        writer.u8(what);
        writer.u32(code);
    }
}

/// A deny under Noise, with a tag that authenticates it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SignedDeny {
    pub(crate) deny: Deny,
    pub(crate) tag: Tag,
}

/// The first 16 bytes of an HMAC.
pub(crate) type Tag = [u8; 16];

/// Length of the part of a deny that the tag covers: all before it.
pub(crate) const SIGNED_LEN: usize = 2 + 8 + 16 + 1 + 4;

impl SignedDeny {
    pub(crate) fn read(protocol_id: u64, packet: &[u8]) -> Result<Self, Malformed> {
        let mut reader = begin(kind::DENY, protocol_id, packet)?;
        let deny = Deny::read_fields(&mut reader)?;
        let tag = reader.array()?;
        reader.end()?;
        Ok(Self { deny, tag })
    }

    pub(crate) fn write(&self, protocol_id: u64, buffer: &mut [u8]) -> usize {
        let mut writer = Writer::new(buffer);
        writer.bytes(&Self::signed_part(&self.deny));
        writer.bytes(&self.tag);
        end(protocol_id, writer)
    }

    pub(crate) fn signed_part(deny: &Deny) -> [u8; SIGNED_LEN] {
        let mut bytes = [0; SIGNED_LEN];
        let mut writer = start(kind::DENY, &mut bytes);
        deny.write_fields(&mut writer);
        bytes
    }
}

/// Checks checksum, type and version, and returns a reader of the rest.
fn begin(kind: u8, protocol_id: u64, packet: &[u8]) -> Result<Reader<'_>, Malformed> {
    let mut reader = Reader::new(checked(protocol_id, packet)?);
    if reader.u8()? != kind || reader.u8()? != VERSION {
        return Err(Malformed);
    }
    Ok(reader)
}

fn start(kind: u8, buffer: &mut [u8]) -> Writer<'_> {
    let mut writer = Writer::new(buffer);
    writer.u8(kind);
    writer.u8(VERSION);
    writer
}

fn end(common: u64, mut writer: Writer<'_>) -> usize {
    let sum = checksum(common, writer.written());
    writer.u32(sum);
    writer.len()
}

#[cfg(test)]
mod tests;
