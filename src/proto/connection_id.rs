//! Connection ids: the number under which a host receives the packets of a connection.
//!
//! The receiver chooses the id, and every packet contains it, so packets are not matched by
//! address. The slot makes the lookup one array access. The shard can name one of several hosts
//! behind one port.
//!
//! | bits | content |
//! | --- | --- |
//! | 63 to 24 | random: 40 bits that an off-path attacker cannot guess |
//! | 23 to 20 | the shard, 0 so far |
//! | 19 to 0 | the slot |

use std::fmt;

use crate::limits::SLOTS_MAX;
use crate::proto::slot_index::SlotIndex;

const SLOT_BITS: u32 = 20;
const RANDOM_SHIFT: u32 = 24;
const _: () = assert!(SLOTS_MAX <= 1 << SLOT_BITS);

/// See the [module](self).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct ConnectionId(pub(crate) u64);

impl ConnectionId {
    /// The id of a slot, with the upper bits of `random`.
    pub(crate) fn new(random: u64, slot: SlotIndex) -> Self {
        Self((random >> RANDOM_SHIFT) << RANDOM_SHIFT | u64::from(slot.as_u32()))
    }

    /// The slot at the receiver. A forged id may name any slot.
    #[allow(clippy::cast_possible_truncation, reason = "20 bits")]
    pub(crate) fn slot(self) -> SlotIndex {
        SlotIndex::new((self.0 & ((1 << SLOT_BITS) - 1)) as u32)
    }
}

impl fmt::Debug for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contains_the_slot_and_leaves_the_shard_free() {
        for slot in [0, 1, 1000, SLOTS_MAX - 1] {
            let slot = SlotIndex::at_end_of(slot);
            let id = ConnectionId::new(u64::MAX, slot);
            assert_eq!(id.slot(), slot);
            assert_eq!(id.0 >> RANDOM_SHIFT, u64::MAX >> RANDOM_SHIFT);
            assert_eq!(id.0 >> SLOT_BITS & 0xf, 0, "the shard is left free");
        }
    }
}
