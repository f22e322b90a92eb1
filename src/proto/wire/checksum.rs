//! CRC-32 of unencrypted packets, over a prefix that both sides must share.

use crc32fast::Hasher;

use crate::proto::wire::cursor::Malformed;

pub(crate) const CHECKSUM_LEN: usize = 4;

/// Prefix of packets that do not depend on version and protocol id: ASCII `tickwire`.
pub(crate) const COMMON: u64 = u64::from_be_bytes(*b"tickwire");

/// Checksum of the prefix `common` and `bytes`.
pub(crate) fn checksum(common: u64, bytes: &[u8]) -> u32 {
    let mut hasher = Hasher::new();
    hasher.update(&common.to_be_bytes());
    hasher.update(bytes);
    hasher.finalize()
}

/// Checksum of a data packet. It covers the full packet number, so it detects a wrong expansion.
pub(crate) fn numbered_checksum(common: u64, number: u64, bytes: &[u8]) -> u32 {
    let mut both = [0; 16];
    both[..8].copy_from_slice(&common.to_be_bytes());
    both[8..].copy_from_slice(&number.to_be_bytes());
    let mut hasher = Hasher::new();
    hasher.update(&both);
    hasher.update(bytes);
    hasher.finalize()
}

/// Verifies the checksum at the end of `packet` and returns the bytes before it.
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
    fn is_crc_32_iso_hdlc() {
        // Check value of CRC-32/ISO-HDLC.
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
    fn rejects_another_prefix() {
        let mut packet = b"hello".to_vec();
        packet.extend(checksum(7, b"hello").to_be_bytes());
        assert_eq!(checked(7, &packet), Ok(&b"hello"[..]));
        assert_eq!(checked(8, &packet), Err(Malformed));
        assert_eq!(checked(7, &packet[..3]), Err(Malformed));
    }
}
