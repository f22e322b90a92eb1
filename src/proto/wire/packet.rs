//! The data packet of a connection: header, frames, and checksum or tag.

use crate::limits::DATAGRAM_MAX;
use crate::proto::connection_id::ConnectionId;
use crate::proto::wire::checksum::{CHECKSUM_LEN, numbered_checksum};
use crate::proto::wire::cursor::{Malformed, Reader, Writer};
use crate::proto::wire::kind;
use crate::proto::wire::packet_number::{NUMBER_MAX, truncate};

/// Type, connection id, and the lower half of the packet number.
pub(crate) const HEADER_LEN: usize = 1 + 8 + 4;

/// Bytes reserved for the AES-GCM tag. A checksum reserves as many, so the maximum message length
/// does not depend on the security mode.
pub(crate) const TAG_ROOM: usize = 16;

/// Maximum number of frame bytes in a packet.
pub(crate) const PAYLOAD_MAX: usize = DATAGRAM_MAX - HEADER_LEN - TAG_ROOM;

/// The header, which is never encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    /// Of the receiver.
    pub(crate) id: ConnectionId,
    pub(crate) truncated_number: u32,
}

impl Header {
    pub(crate) fn new(id: ConnectionId, number: u64) -> Self {
        Self {
            id,
            truncated_number: truncate(number),
        }
    }

    pub(crate) fn read(packet: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(packet);
        if reader.u8()? != kind::PACKET {
            return Err(Malformed);
        }
        Ok(Self {
            id: ConnectionId(reader.u64()?),
            truncated_number: reader.u32()?,
        })
    }

    pub(crate) fn write(&self, buffer: &mut [u8]) {
        let mut writer = Writer::new(buffer);
        writer.u8(kind::PACKET);
        writer.u64(self.id.0);
        writer.u32(self.truncated_number);
    }
}

/// Where to write the frames before [`seal`].
pub(crate) fn payload_room(buffer: &mut [u8; DATAGRAM_MAX]) -> &mut [u8] {
    &mut buffer[HEADER_LEN..HEADER_LEN + PAYLOAD_MAX]
}

/// Adds header and checksum to the frames in `buffer`. Returns the packet length.
pub(crate) fn seal(
    protocol_id: u64,
    id: ConnectionId,
    number: u64,
    payload_len: usize,
    buffer: &mut [u8; DATAGRAM_MAX],
) -> usize {
    Header::new(id, number).write(buffer);
    let end = HEADER_LEN + payload_len;
    let sum = numbered_checksum(protocol_id, number, &buffer[..end]);
    buffer[end..end + CHECKSUM_LEN].copy_from_slice(&sum.to_be_bytes());
    end + CHECKSUM_LEN
}

/// Verifies the checksum with this full packet number and returns the frames. Rejects numbers above
/// [`NUMBER_MAX`], which no acknowledgement can encode.
pub(crate) fn open(protocol_id: u64, number: u64, packet: &[u8]) -> Result<&[u8], Malformed> {
    let (bytes, sum) = packet.split_last_chunk().ok_or(Malformed)?;
    let payload = bytes.get(HEADER_LEN..).ok_or(Malformed)?;
    if payload.len() > PAYLOAD_MAX || number > NUMBER_MAX {
        return Err(Malformed);
    }
    if u32::from_be_bytes(*sum) != numbered_checksum(protocol_id, number, bytes) {
        return Err(Malformed);
    }
    Ok(payload)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: ConnectionId = ConnectionId(0x1122_3344_5566_7788);

    fn packet(number: u64) -> Vec<u8> {
        let mut buffer = [0; DATAGRAM_MAX];
        payload_room(&mut buffer)[0] = 1;
        let len = seal(7, ID, number, 1, &mut buffer);
        buffer[..len].to_vec()
    }

    #[test]
    fn checksum_covers_both_halves_of_the_number() {
        let bytes = packet(5);
        assert_eq!(open(7, 5, &bytes), Ok(&[1][..]));
        assert_eq!(open(7, 6, &bytes), Err(Malformed));
        assert_eq!(open(7, 5 + (1 << 32), &bytes), Err(Malformed));
        assert_eq!(open(8, 5, &bytes), Err(Malformed), "other protocol id");
    }

    #[test]
    fn rejects_a_number_above_the_maximum() {
        assert!(open(7, NUMBER_MAX, &packet(NUMBER_MAX)).is_ok());
        assert_eq!(
            open(7, NUMBER_MAX + 1, &packet(NUMBER_MAX + 1)),
            Err(Malformed)
        );
    }

    #[test]
    fn rejects_a_payload_above_the_maximum() {
        let mut buffer = [1; DATAGRAM_MAX];
        let len = seal(7, ID, 0, PAYLOAD_MAX, &mut buffer);
        assert_eq!(open(7, 0, &buffer[..len]), Ok(&[1; PAYLOAD_MAX][..]));
        let mut buffer = [1; DATAGRAM_MAX];
        let len = seal(7, ID, 0, PAYLOAD_MAX + 1, &mut buffer);
        assert_eq!(open(7, 0, &buffer[..len]), Err(Malformed));
    }
}
