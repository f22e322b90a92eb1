//! Messages whose sender wants to know what became of them.

use std::collections::VecDeque;

use crate::limits::RECEIPTS_MAX;
use crate::proto::buffers::shed;
use crate::proto::delivery::Receipt;

/// See the [module](self). Allocates nothing before the first receipt.
#[derive(Debug, Default)]
pub(crate) struct Receipts {
    /// The number of the first of `open`.
    first: u64,
    open: VecDeque<Open>,
    /// What is known and was not told yet.
    fates: VecDeque<Fate>,
    /// How many fates were told and not taken by the application.
    untaken: usize,
}

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fate {
    pub(crate) receipt: Receipt,
    /// Whether it is in the event queue of the other side.
    pub(crate) arrived: bool,
}

#[derive(Debug, Clone, Copy)]
struct Open {
    /// How many of its pieces are not acknowledged; nothing once its fate is known.
    pieces: Option<u32>,
    /// Channel and sequence of one that may come too late.
    sequenced: Option<(u8, u64)>,
}

impl Receipts {
    /// Whether there is room for one more.
    pub(crate) fn has_room(&self) -> bool {
        self.open.len() + self.fates.len() + self.untaken < RECEIPTS_MAX
    }

    /// Gives back what was needed once.
    pub(crate) fn shed(&mut self) {
        shed(&mut self.open);
        shed(&mut self.fates);
    }

    /// A receipt for a message of so many pieces, for which there [is room](Self::has_room).
    pub(crate) fn issue(&mut self, pieces: u32, sequenced: Option<(u8, u64)>) -> Receipt {
        self.open.push_back(Open {
            pieces: Some(pieces),
            sequenced,
        });
        Receipt(self.first + self.open.len() as u64 - 1)
    }

    /// One piece of the message has arrived.
    pub(crate) fn on_piece_acked(&mut self, receipt: Receipt) {
        let Some(pieces) = self.pieces_of(receipt) else {
            return;
        };
        *pieces -= 1;
        if *pieces == 0 {
            self.settle(receipt, true);
        }
    }

    /// One piece of a message that is not sent again is lost, or the message was never sent.
    pub(crate) fn on_lost(&mut self, receipt: Receipt) {
        if self.pieces_of(receipt).is_some() {
            self.settle(receipt, false);
        }
    }

    /// A sequenced message came too late.
    pub(crate) fn on_too_late(&mut self, channel: u8, sequence: u64) {
        let wanted = Some((channel, sequence));
        let is_it = |open: &Open| open.sequenced == wanted && open.pieces.is_some();
        if let Some(index) = self.open.iter().position(is_it) {
            self.settle(Receipt(self.first + index as u64), false);
        }
    }

    fn pieces_of(&mut self, receipt: Receipt) -> Option<&mut u32> {
        let index = usize::try_from(receipt.0.checked_sub(self.first)?).ok()?;
        self.open.get_mut(index)?.pieces.as_mut()
    }

    fn settle(&mut self, receipt: Receipt, arrived: bool) {
        #[allow(clippy::cast_possible_truncation, reason = "an index of `open`")]
        let index = (receipt.0 - self.first) as usize;
        self.open[index].pieces = None;
        self.fates.push_back(Fate { receipt, arrived });
        while self.open.front().is_some_and(|open| open.pieces.is_none()) {
            self.open.pop_front();
            self.first += 1;
        }
    }

    /// What is to be told next. It counts until [`on_taken`](Self::on_taken).
    pub(crate) fn next_fate(&mut self) -> Option<Fate> {
        let fate = self.fates.pop_front()?;
        self.untaken += 1;
        Some(fate)
    }

    /// The application has taken a fate.
    pub(crate) fn on_taken(&mut self) {
        self.untaken = self.untaken.saturating_sub(1);
    }
}

/// How much memory a receipt takes.
pub(crate) const RECEIPT_BYTES: usize = size_of::<Open>() + size_of::<Fate>();

#[cfg(test)]
mod tests {
    use super::*;

    fn fates(receipts: &mut Receipts) -> Vec<(u64, bool)> {
        std::iter::from_fn(|| receipts.next_fate())
            .map(|fate| (fate.receipt.0, fate.arrived))
            .collect()
    }

    #[test]
    fn a_message_has_arrived_when_all_of_its_pieces_have() {
        let mut receipts = Receipts::default();
        let (first, second) = (receipts.issue(3, None), receipts.issue(1, None));
        receipts.on_piece_acked(first);
        receipts.on_piece_acked(first);
        assert_eq!(fates(&mut receipts), []);
        receipts.on_piece_acked(second);
        receipts.on_piece_acked(first);
        assert_eq!(fates(&mut receipts), [(1, true), (0, true)]);
    }

    #[test]
    fn a_fate_is_final() {
        let mut receipts = Receipts::default();
        let receipt = receipts.issue(2, Some((1, 7)));
        receipts.on_lost(receipt);
        receipts.on_piece_acked(receipt);
        receipts.on_piece_acked(receipt);
        receipts.on_too_late(1, 7);
        assert_eq!(fates(&mut receipts), [(0, false)]);
    }

    #[test]
    fn what_came_too_late_is_lost() {
        let mut receipts = Receipts::default();
        let (_, late) = (
            receipts.issue(1, Some((1, 7))),
            receipts.issue(1, Some((2, 7))),
        );
        receipts.on_too_late(2, 7);
        assert_eq!(fates(&mut receipts), [(late.0, false)]);
    }

    #[test]
    fn open_untold_and_untaken_ones_count_against_the_limit() {
        let mut receipts = Receipts::default();
        let mut issued = Vec::new();
        while receipts.has_room() {
            issued.push(receipts.issue(1, None));
        }
        assert_eq!(issued.len(), RECEIPTS_MAX);
        receipts.on_piece_acked(issued[0]);
        assert!(!receipts.has_room());
        receipts.next_fate().unwrap();
        assert!(!receipts.has_room(), "the application has not taken it");
        receipts.on_taken();
        assert!(receipts.has_room());
    }
}
