//! Message frames: a whole message or a fragment.

use crate::limits::{FRAGMENT_BYTES, MESSAGE_MAX, UNRELIABLE_MAX, WHOLE_MAX};
use crate::proto::delivery::Delivery;
use crate::proto::wire::cursor::{Malformed, Reader, Writer, variable_len};

/// Bit of the frame type that marks a message. Three fields are below it.
pub(crate) const MESSAGE: u8 = 0x40;
const DELIVERY: u8 = 0x03;
const FRAGMENT: u8 = 0x04;
const TRACKED: u8 = 0x08;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MessageHeader {
    pub(crate) delivery: Delivery,
    /// Sequence in its stream; 0 in a whole unreliable message, which is not numbered.
    pub(crate) sequence: u64,
    /// The sender of a sequenced message requests a stale notice.
    pub(crate) is_tracked: bool,
    pub(crate) fragment: Option<FragmentHeader>,
    /// Length of the content in bytes.
    pub(crate) len: usize,
}

/// Position of a fragment. All fragments but the last have [`FRAGMENT_BYTES`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FragmentHeader {
    /// Length of the message in bytes.
    pub(crate) total: u32,
    pub(crate) index: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MessageFrame<'a> {
    pub(crate) head: MessageHeader,
    pub(crate) bytes: &'a [u8],
}

impl FragmentHeader {
    #[allow(clippy::cast_possible_truncation, reason = "960 bytes each")]
    pub(crate) fn count_of(total: u32) -> u32 {
        total.div_ceil(FRAGMENT_BYTES as u32)
    }

    /// Byte offset in the message.
    pub(crate) fn offset(self) -> usize {
        self.index as usize * FRAGMENT_BYTES
    }

    pub(crate) fn len(self) -> usize {
        (self.total as usize - self.offset()).min(FRAGMENT_BYTES)
    }

    fn read(reader: &mut Reader<'_>, delivery: Delivery) -> Result<Self, Malformed> {
        let max = if delivery.is_reliable() {
            MESSAGE_MAX
        } else {
            UNRELIABLE_MAX
        };
        let total = u32::try_from(reader.variable()?).map_err(|_| Malformed)?;
        let index = u32::try_from(reader.variable()?).map_err(|_| Malformed)?;
        let is_cut = total as usize > FRAGMENT_BYTES && total as usize <= max;
        if !is_cut || index >= Self::count_of(total) {
            return Err(Malformed);
        }
        Ok(Self { total, index })
    }
}

impl MessageHeader {
    pub(crate) fn encoded_len(&self) -> usize {
        let channel = usize::from(channel(self.delivery).is_some());
        let sequence = if self.has_sequence() {
            variable_len(self.sequence)
        } else {
            0
        };
        let rest = match self.fragment {
            Some(fragment) => {
                variable_len(fragment.total.into()) + variable_len(fragment.index.into())
            }
            None => variable_len(self.len as u64),
        };
        1 + channel + sequence + rest
    }

    fn has_sequence(&self) -> bool {
        self.delivery != Delivery::Unreliable || self.fragment.is_some()
    }

    pub(crate) fn write(&self, writer: &mut Writer<'_>) {
        let fragment = if self.fragment.is_some() { FRAGMENT } else { 0 };
        let tracked = if self.is_tracked { TRACKED } else { 0 };
        writer.u8(MESSAGE | code(self.delivery) | fragment | tracked);
        if let Some(channel) = channel(self.delivery) {
            writer.u8(channel);
        }
        if self.has_sequence() {
            writer.variable(self.sequence);
        }
        match self.fragment {
            Some(fragment) => {
                writer.variable(fragment.total.into());
                writer.variable(fragment.index.into());
            }
            None => writer.variable(self.len as u64),
        }
    }

    /// Reads what follows the type byte.
    #[inline(always)]
    fn read(first: u8, reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let delivery = read_delivery(first & DELIVERY, reader)?;
        let is_tracked = first & TRACKED != 0;
        let is_known = first & !(DELIVERY | FRAGMENT | TRACKED) == MESSAGE;
        if !is_known || is_tracked && !matches!(delivery, Delivery::Sequenced(_)) {
            return Err(Malformed);
        }
        let mut head = Self {
            delivery,
            sequence: 0,
            is_tracked,
            fragment: None,
            len: 0,
        };
        if first & FRAGMENT == 0 {
            if delivery != Delivery::Unreliable {
                head.sequence = reader.variable()?;
            }
            head.len = usize::try_from(reader.variable()?).map_err(|_| Malformed)?;
            if head.len > whole_max(delivery) {
                return Err(Malformed);
            }
        } else {
            head.sequence = reader.variable()?;
            let fragment = FragmentHeader::read(reader, delivery)?;
            head.fragment = Some(fragment);
            head.len = fragment.len();
        }
        Ok(head)
    }
}

impl<'a> MessageFrame<'a> {
    #[inline(always)]
    pub(crate) fn read(first: u8, reader: &mut Reader<'a>) -> Result<Self, Malformed> {
        let head = MessageHeader::read(first, reader)?;
        let bytes = reader.bytes(head.len)?;
        Ok(Self { head, bytes })
    }
}

#[cfg(test)]
impl MessageFrame<'_> {
    pub(crate) fn write(&self, writer: &mut Writer<'_>) {
        self.head.write(writer);
        writer.bytes(self.bytes);
    }
}

/// Maximum length of a message in one frame, in bytes.
pub(crate) fn whole_max(delivery: Delivery) -> usize {
    if delivery == Delivery::Unreliable {
        WHOLE_MAX
    } else {
        FRAGMENT_BYTES
    }
}

fn code(delivery: Delivery) -> u8 {
    match delivery {
        Delivery::Unreliable => 0,
        Delivery::Sequenced(_) => 1,
        Delivery::Reliable => 2,
        Delivery::Ordered(_) => 3,
    }
}

fn channel(delivery: Delivery) -> Option<u8> {
    match delivery {
        Delivery::Unreliable | Delivery::Reliable => None,
        Delivery::Sequenced(channel) | Delivery::Ordered(channel) => Some(channel),
    }
}

fn read_delivery(code: u8, reader: &mut Reader<'_>) -> Result<Delivery, Malformed> {
    Ok(match code {
        0 => Delivery::Unreliable,
        1 => Delivery::Sequenced(reader.u8()?),
        2 => Delivery::Reliable,
        _ => Delivery::Ordered(reader.u8()?),
    })
}
