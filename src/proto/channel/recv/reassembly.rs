//! Reassembly of a fragmented message.

use crate::limits::FRAGMENT_BYTES;
use crate::proto::wire::message::FragmentHeader;

/// Allocates the whole message with its first fragment.
#[derive(Debug)]
pub(super) struct Reassembly {
    bytes: Vec<u8>,
    arrived: Vec<u64>,
    missing: u32,
}

/// Memory of a short reassembly in bytes, besides the message.
pub(crate) const ASSEMBLY_BYTES: usize = size_of::<Reassembly>() + size_of::<u64>();

impl Reassembly {
    pub(super) fn new(total: u32) -> Self {
        let missing = FragmentHeader::count_of(total);
        Self {
            bytes: vec![0; total as usize],
            arrived: vec![0; (missing as usize).div_ceil(64)],
            missing,
        }
    }

    /// Returns `false` if the fragment does not belong to this message.
    #[must_use]
    pub(super) fn insert(&mut self, fragment: FragmentHeader, bytes: &[u8]) -> bool {
        if fragment.total as usize != self.bytes.len() {
            return false;
        }
        let (word, bit) = (fragment.index as usize / 64, 1 << (fragment.index % 64));
        if self.arrived[word] & bit == 0 {
            self.arrived[word] |= bit;
            self.missing -= 1;
            let offset = fragment.index as usize * FRAGMENT_BYTES;
            self.bytes[offset..offset + bytes.len()].copy_from_slice(bytes);
        }
        true
    }

    pub(super) fn is_complete(&self) -> bool {
        self.missing == 0
    }

    pub(super) fn take_bytes(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.bytes)
    }
}
