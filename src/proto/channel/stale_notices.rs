//! Stale notices: reports stale sequenced messages to their sender, together with the
//! acknowledgement of their packet, so the next delta does not build on them.

use crate::limits::STALE_NOTICES_MAX;
use crate::proto::wire::Writer;
use crate::proto::wire::frame;

/// Allocates on first use.
#[derive(Debug, Default)]
pub(crate) struct StaleNotices {
    notices: Vec<StaleNotice>,
}

#[derive(Debug, Clone, Copy)]
struct StaleNotice {
    channel: u8,
    sequence: u64,
    /// The first packet that contained it.
    named_in: Option<u64>,
}

pub(crate) const STALE_NOTICE_BYTES: usize = size_of::<StaleNotice>();

impl StaleNotices {
    /// Adds a notice. Returns `false` at the limit; then the packet must not be acknowledged.
    #[must_use]
    pub(crate) fn push(&mut self, channel: u8, sequence: u64) -> bool {
        if self.notices.len() == STALE_NOTICES_MAX {
            return false;
        }
        self.notices.push(StaleNotice {
            channel,
            sequence,
            named_in: None,
        });
        true
    }

    pub(crate) fn write(&mut self, writer: &mut Writer<'_>, number: u64) {
        for notice in &mut self.notices {
            frame::write_stale(writer, notice.channel, notice.sequence);
            notice.named_in.get_or_insert(number);
        }
    }

    /// Whether a ping is needed: a side that only receives would repeat the same notices and reach
    /// the limit.
    pub(crate) fn wants_to_forget(&self) -> bool {
        self.notices.len() >= STALE_NOTICES_MAX / 2
    }

    pub(crate) fn on_arrived(&mut self, number: u64) {
        self.notices
            .retain(|notice| notice.named_in.is_none_or(|first| first > number));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(stale_notices: &mut StaleNotices, number: u64) -> usize {
        let mut buffer = [0; 500];
        let mut writer = Writer::new(&mut buffer);
        stale_notices.write(&mut writer, number);
        writer.len() / 3
    }

    #[test]
    fn repeats_a_notice_until_it_is_acknowledged() {
        let mut stale_notices = StaleNotices::default();
        assert!(stale_notices.push(1, 5));
        stale_notices.on_arrived(6);
        assert_eq!(named(&mut stale_notices, 7), 1);
        assert!(stale_notices.push(1, 6));
        assert_eq!(named(&mut stale_notices, 8), 2);
        stale_notices.on_arrived(7);
        assert_eq!(named(&mut stale_notices, 9), 1);
        stale_notices.on_arrived(9);
        assert_eq!(named(&mut stale_notices, 10), 0);
    }

    #[test]
    fn limits_notices_to_the_space_in_the_packet() {
        let mut stale_notices = StaleNotices::default();
        let taken = (0..100).filter(|n| stale_notices.push(0, *n)).count();
        assert_eq!(taken, STALE_NOTICES_MAX);
    }
}
