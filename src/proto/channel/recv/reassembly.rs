//! A message that comes in pieces.

use crate::limits::FRAGMENT_BYTES;
use crate::proto::wire::message::Piece;

/// See the [module](self). Holds as many bytes as the message will have from its first piece on.
#[derive(Debug)]
pub(super) struct Assembly {
    bytes: Vec<u8>,
    arrived: Vec<u64>,
    missing: u32,
}

/// How much memory a short one takes beside its bytes.
pub(crate) const ASSEMBLY_BYTES: usize = size_of::<Assembly>() + size_of::<u64>();

impl Assembly {
    pub(super) fn new(total: u32) -> Self {
        let missing = Piece::count_of(total);
        Self {
            bytes: vec![0; total as usize],
            arrived: vec![0; (missing as usize).div_ceil(64)],
            missing,
        }
    }

    /// Takes a piece. `false`: it is not one of this message.
    #[must_use]
    pub(super) fn insert(&mut self, piece: Piece, bytes: &[u8]) -> bool {
        if piece.total as usize != self.bytes.len() {
            return false;
        }
        let (word, bit) = (piece.index as usize / 64, 1 << (piece.index % 64));
        if self.arrived[word] & bit == 0 {
            self.arrived[word] |= bit;
            self.missing -= 1;
            let offset = piece.index as usize * FRAGMENT_BYTES;
            self.bytes[offset..offset + bytes.len()].copy_from_slice(bytes);
        }
        true
    }

    pub(super) fn is_complete(&self) -> bool {
        self.missing == 0
    }

    /// The message, which is complete.
    pub(super) fn take_bytes(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.bytes)
    }
}
