//! Index of a peer in its host's table of peers.

use crate::limits::SLOTS_MAX;

/// See the [module](self). Below [`SLOTS_MAX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct SlotIndex(u32);

const _: () = assert!(SLOTS_MAX <= u32::MAX as usize);

impl SlotIndex {
    pub(crate) const fn new(index: u32) -> Self {
        Self(index)
    }

    /// The index after the last slot of a table with `len` slots. `len` must be below
    /// [`SLOTS_MAX`].
    #[allow(clippy::cast_possible_truncation, reason = "slots are below 2^20")]
    pub(crate) fn at_end_of(len: usize) -> Self {
        debug_assert!(len < SLOTS_MAX, "{len} slots");
        Self(len as u32)
    }

    pub(crate) const fn as_u32(self) -> u32 {
        self.0
    }

    pub(crate) const fn as_usize(self) -> usize {
        self.0 as usize
    }
}
