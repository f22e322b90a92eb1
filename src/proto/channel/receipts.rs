//! Receipts: the outcome of tracked messages.

use std::collections::VecDeque;

use crate::limits::RECEIPTS_MAX;
use crate::proto::buffers::shed;
use crate::proto::delivery::Receipt;

/// Allocates nothing before the first receipt.
#[derive(Debug, Default)]
pub(crate) struct Receipts {
    first: u64,
    open: VecDeque<OpenReceipt>,
    outcomes: VecDeque<DeliveryOutcome>,
    /// Number of reported outcomes that the application has not taken.
    untaken: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DeliveryOutcome {
    pub(crate) receipt: Receipt,
    /// Whether it is in the event queue of the other side.
    pub(crate) arrived: bool,
}

#[derive(Debug, Clone, Copy)]
struct OpenReceipt {
    /// Number of unacknowledged fragments. `None` once the outcome is known.
    fragments: Option<u32>,
    /// Channel and sequence of a sequenced message, which may be stale on arrival.
    sequenced: Option<(u8, u64)>,
}

impl Receipts {
    pub(crate) fn has_room(&self) -> bool {
        self.open.len() + self.outcomes.len() + self.untaken < RECEIPTS_MAX
    }

    pub(crate) fn shed(&mut self) {
        shed(&mut self.open);
        shed(&mut self.outcomes);
    }

    /// Issues a receipt for a message of this many fragments. Requires
    /// [`has_room`](Self::has_room).
    pub(crate) fn issue(&mut self, fragments: u32, sequenced: Option<(u8, u64)>) -> Receipt {
        self.open.push_back(OpenReceipt {
            fragments: Some(fragments),
            sequenced,
        });
        Receipt(self.first + self.open.len() as u64 - 1)
    }

    pub(crate) fn on_fragment_acked(&mut self, receipt: Receipt) {
        let Some(fragments) = self.fragments_left(receipt) else {
            return;
        };
        *fragments -= 1;
        if *fragments == 0 {
            self.settle(receipt, true);
        }
    }

    /// A fragment was lost, or the message was never sent.
    pub(crate) fn on_lost(&mut self, receipt: Receipt) {
        if self.fragments_left(receipt).is_some() {
            self.settle(receipt, false);
        }
    }

    pub(crate) fn on_stale(&mut self, channel: u8, sequence: u64) {
        let wanted = Some((channel, sequence));
        let is_it = |open: &OpenReceipt| open.sequenced == wanted && open.fragments.is_some();
        if let Some(index) = self.open.iter().position(is_it) {
            self.settle(Receipt(self.first + index as u64), false);
        }
    }

    fn fragments_left(&mut self, receipt: Receipt) -> Option<&mut u32> {
        let index = usize::try_from(receipt.0.checked_sub(self.first)?).ok()?;
        self.open.get_mut(index)?.fragments.as_mut()
    }

    fn settle(&mut self, receipt: Receipt, arrived: bool) {
        #[allow(clippy::cast_possible_truncation, reason = "an index of `open`")]
        let index = (receipt.0 - self.first) as usize;
        self.open[index].fragments = None;
        self.outcomes
            .push_back(DeliveryOutcome { receipt, arrived });
        while self
            .open
            .front()
            .is_some_and(|open| open.fragments.is_none())
        {
            self.open.pop_front();
            self.first += 1;
        }
    }

    pub(crate) fn has_outcomes(&self) -> bool {
        !self.outcomes.is_empty()
    }

    /// The next outcome to report. It counts against the limit until [`on_taken`](Self::on_taken).
    pub(crate) fn next_outcome(&mut self) -> Option<DeliveryOutcome> {
        let outcome = self.outcomes.pop_front()?;
        self.untaken += 1;
        Some(outcome)
    }

    pub(crate) fn on_taken(&mut self) {
        self.untaken = self.untaken.saturating_sub(1);
    }
}

pub(crate) const RECEIPT_BYTES: usize = size_of::<OpenReceipt>() + size_of::<DeliveryOutcome>();

#[cfg(test)]
mod tests {
    use super::*;

    fn outcomes(receipts: &mut Receipts) -> Vec<(u64, bool)> {
        std::iter::from_fn(|| receipts.next_outcome())
            .map(|outcome| (outcome.receipt.0, outcome.arrived))
            .collect()
    }

    #[test]
    fn acknowledges_a_message_when_all_fragments_are_acknowledged() {
        let mut receipts = Receipts::default();
        let (first, second) = (receipts.issue(3, None), receipts.issue(1, None));
        receipts.on_fragment_acked(first);
        receipts.on_fragment_acked(first);
        assert_eq!(outcomes(&mut receipts), []);
        receipts.on_fragment_acked(second);
        receipts.on_fragment_acked(first);
        assert_eq!(outcomes(&mut receipts), [(1, true), (0, true)]);
    }

    #[test]
    fn outcome_of_a_message_is_final() {
        let mut receipts = Receipts::default();
        let receipt = receipts.issue(2, Some((1, 7)));
        receipts.on_lost(receipt);
        receipts.on_fragment_acked(receipt);
        receipts.on_fragment_acked(receipt);
        receipts.on_stale(1, 7);
        assert_eq!(outcomes(&mut receipts), [(0, false)]);
    }

    #[test]
    fn reports_a_stale_message_as_lost() {
        let mut receipts = Receipts::default();
        let (_, late) = (
            receipts.issue(1, Some((1, 7))),
            receipts.issue(1, Some((2, 7))),
        );
        receipts.on_stale(2, 7);
        assert_eq!(outcomes(&mut receipts), [(late.0, false)]);
    }

    #[test]
    fn limits_open_pending_and_unread_receipts_together() {
        let mut receipts = Receipts::default();
        let mut issued = Vec::new();
        while receipts.has_room() {
            issued.push(receipts.issue(1, None));
        }
        assert_eq!(issued.len(), RECEIPTS_MAX);
        receipts.on_fragment_acked(issued[0]);
        assert!(!receipts.has_room());
        receipts.next_outcome().unwrap();
        assert!(!receipts.has_room(), "an outcome that was not taken counts");
        receipts.on_taken();
        assert!(receipts.has_room());
    }
}
