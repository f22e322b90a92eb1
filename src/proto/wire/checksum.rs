//! CRC-32 of every unencrypted datagram. A value that both sides must share is mixed in.

use crc32fast::Hasher;

use crate::proto::wire::cursor::Malformed;

/// Length of a checksum in bytes.
pub(crate) const CHECKSUM_LEN: usize = 4;

/// Mixed into the checksum of datagrams that hosts of every version and protocol id must accept: the letters
/// `tickwire`.
pub(crate) const COMMON: u64 = u64::from_be_bytes(*b"tickwire");

/// Checksum of `bytes` between hosts that share `common`.
pub(crate) fn checksum(common: u64, bytes: &[u8]) -> u32 {
    let mut hasher = Hasher::new();
    hasher.update(&common.to_be_bytes());
    hasher.update(bytes);
    hasher.finalize()
}

/// Checksum of a numbered packet. The full packet number is mixed in, although the packet contains only its lower half,
/// so a wrong guess of the upper half is detected.
pub(crate) fn numbered_checksum(common: u64, number: u64, bytes: &[u8]) -> u32 {
    let mut both = [0; 16];
    both[..8].copy_from_slice(&common.to_be_bytes());
    both[8..].copy_from_slice(&number.to_be_bytes());
    let mut hasher = Hasher::new();
    hasher.update(&both);
    hasher.update(bytes);
    hasher.finalize()
}

/// The bytes before the checksum at the end of `packet`, if it is right.
pub(crate) fn checked(common: u64, packet: &[u8]) -> Result<&[u8], Malformed> {
    let (bytes, sum) = packet.split_last_chunk().ok_or(Malformed)?;
    if u32::from_be_bytes(*sum) == checksum(common, bytes) {
        Ok(bytes)
    } else {
        Err(Malformed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_crc_of_ethernet_and_zlib() {
        // The check value of CRC-32/ISO-HDLC, for the digits 1 to 9.
        assert_eq!(
            checksum(u64::from_be_bytes(*b"12345678"), b"9"),
            0xcbf4_3926
        );
        let number = u64::from_be_bytes(*b"90123456");
        let common = u64::from_be_bytes(*b"12345678");
        assert_eq!(
            numbered_checksum(common, number, b"7"),
            crc32fast::hash(b"12345678901234567")
        );
    }

    #[test]
    fn what_both_sides_must_share_decides() {
        let mut packet = b"hello".to_vec();
        packet.extend(checksum(7, b"hello").to_be_bytes());
        assert_eq!(checked(7, &packet), Ok(&b"hello"[..]));
        assert_eq!(checked(8, &packet), Err(Malformed));
        assert_eq!(checked(7, &packet[..3]), Err(Malformed));
    }
}
