//! Messages that came too late, and whose sender is told so together with the acknowledgement of their
//! packet: the next delta must not build on them.

use crate::limits::TOO_LATE_MAX;
use crate::proto::wire::Writer;
use crate::proto::wire::frame;

/// See the [module](self). Allocates nothing before the first one.
#[derive(Debug, Default)]
pub(crate) struct TooLate {
    messages: Vec<Message>,
}

#[derive(Debug, Clone, Copy)]
struct Message {
    channel: u8,
    sequence: u64,
    /// The first packet that named it.
    named_in: Option<u64>,
}

/// How much memory one takes.
pub(crate) const TOO_LATE_BYTES: usize = size_of::<Message>();

impl TooLate {
    /// `false`: there is no room, and its packet must not be acknowledged.
    #[must_use]
    pub(crate) fn push(&mut self, channel: u8, sequence: u64) -> bool {
        if self.messages.len() == TOO_LATE_MAX {
            return false;
        }
        self.messages.push(Message {
            channel,
            sequence,
            named_in: None,
        });
        true
    }

    /// Names all of them in the packet with this number, which holds an acknowledgement.
    pub(crate) fn write(&mut self, writer: &mut Writer<'_>, number: u64) {
        for message in &mut self.messages {
            frame::write_too_late(writer, message.channel, message.sequence);
            message.named_in.get_or_insert(number);
        }
    }

    /// Whether it would be good to know which acknowledgements have arrived. One that only receives would
    /// otherwise name the same messages for ever, and have no room for others.
    pub(crate) fn wants_to_forget(&self) -> bool {
        self.messages.len() >= TOO_LATE_MAX / 2
    }

    /// A packet of ours with an acknowledgement has arrived, and so has what it named.
    pub(crate) fn on_arrived(&mut self, number: u64) {
        self.messages
            .retain(|message| message.named_in.is_none_or(|first| first > number));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(too_late: &mut TooLate, number: u64) -> usize {
        let mut buffer = [0; 500];
        let mut writer = Writer::new(&mut buffer);
        too_late.write(&mut writer, number);
        writer.len() / 3
    }

    #[test]
    fn one_is_named_until_a_packet_that_named_it_has_arrived() {
        let mut too_late = TooLate::default();
        assert!(too_late.push(1, 5));
        too_late.on_arrived(6);
        assert_eq!(named(&mut too_late, 7), 1);
        assert!(too_late.push(1, 6));
        assert_eq!(named(&mut too_late, 8), 2);
        too_late.on_arrived(7);
        assert_eq!(named(&mut too_late, 9), 1);
        too_late.on_arrived(9);
        assert_eq!(named(&mut too_late, 10), 0);
    }

    #[test]
    fn no_more_are_named_than_there_is_room_for() {
        let mut too_late = TooLate::default();
        let taken = (0..100).filter(|n| too_late.push(0, *n)).count();
        assert_eq!(taken, TOO_LATE_MAX);
    }
}
