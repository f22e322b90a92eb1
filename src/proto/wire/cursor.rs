//! Reader and writer of packet bytes: big-endian, length-checked, one encoding per value.

/// The packet is malformed. The cause is not reported: it would only help an attacker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Malformed;

/// Largest variable-length integer: 2^62 - 1 (RFC 9000 section 16).
pub(crate) const VARIABLE_MAX: u64 = (1 << 62) - 1;

/// The unread bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn remaining(&self) -> usize {
        self.0.len()
    }

    #[inline]
    pub(crate) fn bytes(&mut self, count: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(Malformed)?;
        self.0 = rest;
        Ok(taken)
    }

    #[inline]
    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(Malformed)?;
        self.0 = rest;
        Ok(*taken)
    }

    #[inline]
    pub(crate) fn u8(&mut self) -> Result<u8, Malformed> {
        let (first, rest) = self.0.split_first().ok_or(Malformed)?;
        self.0 = rest;
        Ok(*first)
    }

    pub(crate) fn u16(&mut self) -> Result<u16, Malformed> {
        self.array().map(u16::from_be_bytes)
    }

    pub(crate) fn u32(&mut self) -> Result<u32, Malformed> {
        self.array().map(u32::from_be_bytes)
    }

    pub(crate) fn u64(&mut self) -> Result<u64, Malformed> {
        self.array().map(u64::from_be_bytes)
    }

    /// A variable-length integer (RFC 9000 section 16). Rejects all but the shortest encoding.
    #[inline]
    pub(crate) fn variable(&mut self) -> Result<u64, Malformed> {
        match self.0.split_first() {
            Some((first, rest)) if *first < 1 << 6 => {
                self.0 = rest; // the common case
                Ok(u64::from(*first))
            }
            Some((first, _)) => self.long_variable(*first),
            None => Err(Malformed),
        }
    }

    fn long_variable(&mut self, first: u8) -> Result<u64, Malformed> {
        let (value, shortest) = match first >> 6 {
            1 => (u64::from(self.u16()? & 0x3fff), 1 << 6),
            2 => (u64::from(self.u32()? & 0x3fff_ffff), 1 << 14),
            _ => (self.u64()? & VARIABLE_MAX, 1 << 30),
        };
        if value < shortest {
            return Err(Malformed);
        }
        Ok(value)
    }

    /// Fails unless everything was read.
    pub(crate) fn end(&self) -> Result<(), Malformed> {
        if self.is_empty() {
            Ok(())
        } else {
            Err(Malformed)
        }
    }
}

/// Writes into a buffer. Panics past its end: check [`room`](Self::room) before variable data.
#[derive(Debug)]
pub(crate) struct Writer<'a> {
    buffer: &'a mut [u8],
    len: usize,
}

impl<'a> Writer<'a> {
    pub(crate) fn new(buffer: &'a mut [u8]) -> Self {
        Self { buffer, len: 0 }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn room(&self) -> usize {
        self.buffer.len() - self.len
    }

    pub(crate) fn written(&self) -> &[u8] {
        &self.buffer[..self.len]
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.buffer[self.len..self.len + bytes.len()].copy_from_slice(bytes);
        self.len += bytes.len();
    }

    /// Skips `count` bytes and returns them for the caller to fill.
    pub(crate) fn reserve(&mut self, count: usize) -> &mut [u8] {
        let start = self.len;
        self.len += count;
        &mut self.buffer[start..self.len]
    }

    pub(crate) fn zeros(&mut self, count: usize) {
        self.buffer[self.len..self.len + count].fill(0);
        self.len += count;
    }

    pub(crate) fn u8(&mut self, value: u8) {
        self.bytes(&value.to_be_bytes());
    }

    pub(crate) fn u16(&mut self, value: u16) {
        self.bytes(&value.to_be_bytes());
    }

    pub(crate) fn u32(&mut self, value: u32) {
        self.bytes(&value.to_be_bytes());
    }

    pub(crate) fn u64(&mut self, value: u64) {
        self.bytes(&value.to_be_bytes());
    }

    /// A variable-length integer of at most [`VARIABLE_MAX`].
    #[allow(clippy::cast_possible_truncation, reason = "each arm has its limit")]
    pub(crate) fn variable(&mut self, value: u64) {
        debug_assert!(value <= VARIABLE_MAX);
        match variable_len(value) {
            1 => self.u8(value as u8),
            2 => self.u16(value as u16 | 1 << 14),
            4 => self.u32(value as u32 | 2 << 30),
            _ => self.u64(value | 3 << 62),
        }
    }
}

/// Encoded length in bytes.
pub(crate) fn variable_len(value: u64) -> usize {
    match value {
        0..0x40 => 1,
        0x40..0x4000 => 2,
        0x4000..0x4000_0000 => 4,
        _ => 8,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Examples of RFC 9000 section A.1, and the limits of every length.
    const NUMBERS: &[(u64, &[u8])] = &[
        (0, &[0]),
        (37, &[0x25]),
        (63, &[0x3f]),
        (64, &[0x40, 0x40]),
        (15_293, &[0x7b, 0xbd]),
        (16_383, &[0x7f, 0xff]),
        (16_384, &[0x80, 0, 0x40, 0]),
        (494_878_333, &[0x9d, 0x7f, 0x3e, 0x7d]),
        (1_073_741_823, &[0xbf, 0xff, 0xff, 0xff]),
        (1_073_741_824, &[0xc0, 0, 0, 0, 0x40, 0, 0, 0]),
        (
            151_288_809_941_952_652,
            &[0xc2, 0x19, 0x7c, 0x5e, 0xff, 0x14, 0xe8, 0x8c],
        ),
        (VARIABLE_MAX, &[0xff; 8]),
    ];

    #[test]
    fn encodes_variable_length_integers_in_their_shortest_form() {
        for (value, bytes) in NUMBERS {
            let mut buffer = [0; 8];
            let mut writer = Writer::new(&mut buffer);
            writer.variable(*value);
            assert_eq!(writer.written(), *bytes);
            assert_eq!(variable_len(*value), bytes.len());
            let mut reader = Reader::new(bytes);
            assert_eq!(reader.variable(), Ok(*value));
            assert_eq!(reader.end(), Ok(()));
        }
    }

    #[test]
    fn rejects_a_longer_form() {
        for bytes in [
            &[0x40, 0x3f][..],
            &[0x80, 0, 0x3f, 0xff],
            &[0xc0, 0, 0, 0, 0x3f, 0xff, 0xff, 0xff],
        ] {
            assert_eq!(Reader::new(bytes).variable(), Err(Malformed));
        }
    }

    #[test]
    fn rejects_truncated_input_without_consuming_it() {
        for (_, bytes) in NUMBERS {
            for len in 0..bytes.len() {
                assert_eq!(Reader::new(&bytes[..len]).variable(), Err(Malformed));
            }
        }
        let mut reader = Reader::new(&[1, 2, 3]);
        assert_eq!(reader.u32(), Err(Malformed));
        assert_eq!(reader.bytes(3), Ok(&[1, 2, 3][..]));
    }

    #[test]
    fn integers_are_big_endian() {
        let mut buffer = [9; 18];
        let mut writer = Writer::new(&mut buffer);
        writer.u8(1);
        writer.u16(0x0203);
        writer.u32(0x0405_0607);
        writer.u64(0x0809_0a0b_0c0d_0e0f);
        writer.zeros(2);
        assert_eq!(writer.room(), 1);
        assert_eq!(
            writer.written(),
            [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 0, 0]
        );
    }
}
