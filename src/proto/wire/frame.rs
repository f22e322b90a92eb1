//! Frames: the payload of data packets. Each begins with its type.

use std::ops::RangeInclusive;

use crate::limits::{ACK_RANGES_MAX, CLOSE_TEXT_MAX, FRAGMENT_BYTES, STALE_NOTICES_MAX, WHOLE_MAX};
use crate::proto::wire::cursor::{Malformed, Reader, Writer, variable_len};
use crate::proto::wire::message::{MESSAGE, MessageFrame};
use crate::proto::wire::packet::PAYLOAD_MAX;
use crate::proto::wire::packet_number::NUMBER_MAX;

const PING: u8 = 1;
const ACK: u8 = 2;
const DISCONNECT: u8 = 3;
const CHALLENGE: u8 = 4;
const RESPONSE: u8 = 5;
const WINDOW: u8 = 6;
const STALE: u8 = 7;
const DISCONNECT_WITH_TEXT: u8 = 8;

/// Of a path challenge.
pub(crate) type Token = [u8; 8];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Frame<'a> {
    /// Requests an immediate acknowledgement.
    Ping,
    Ack(AckFrame<'a>),
    /// The peer closes the connection. The text may be empty.
    Disconnect {
        code: u32,
        text: &'a str,
    },
    Challenge(Token),
    Response(Token),
    /// Flow control limit in bytes since the start of the connection.
    Window(u64),
    /// A tracked sequenced message was dropped as stale.
    Stale {
        channel: u8,
        sequence: u64,
    },
    Message(MessageFrame<'a>),
}

impl<'a> Frame<'a> {
    // Inlined with its callees, so `check`, which discards the frame, never builds it.
    #[inline(always)]
    fn read(reader: &mut Reader<'a>) -> Result<Self, Malformed> {
        match reader.u8()? {
            first if first & MESSAGE != 0 => MessageFrame::read(first, reader).map(Self::Message),
            PING => Ok(Self::Ping),
            ACK => AckFrame::read(reader).map(Self::Ack),
            DISCONNECT => Ok(Self::Disconnect {
                code: reader.u32()?,
                text: "",
            }),
            DISCONNECT_WITH_TEXT => Ok(Self::Disconnect {
                code: reader.u32()?,
                text: read_close_text(reader)?,
            }),
            CHALLENGE => reader.array().map(Self::Challenge),
            RESPONSE => reader.array().map(Self::Response),
            WINDOW => reader.variable().map(Self::Window),
            STALE => Ok(Self::Stale {
                channel: reader.u8()?,
                sequence: reader.variable()?,
            }),
            _ => Err(Malformed),
        }
    }

    /// Whether it is ack-eliciting.
    pub(crate) fn wants_ack(&self) -> bool {
        !matches!(self, Self::Ack(_) | Self::Stale { .. })
    }
}

/// Validated frames.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Frames<'a> {
    reader: Reader<'a>,
    wants_ack: bool,
}

impl<'a> Frames<'a> {
    /// Validates all frames before any is used, so a packet is processed as a whole or dropped.
    pub(crate) fn check(payload: &'a [u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(payload);
        if reader.is_empty() {
            return Err(Malformed);
        }
        let mut wants_ack = false;
        while !reader.is_empty() {
            wants_ack |= Frame::read(&mut reader)?.wants_ack();
        }
        Ok(Self {
            reader: Reader::new(payload),
            wants_ack,
        })
    }

    /// Whether any frame is ack-eliciting.
    pub(crate) fn wants_ack(&self) -> bool {
        self.wants_ack
    }
}

impl<'a> Iterator for Frames<'a> {
    type Item = Frame<'a>;

    fn next(&mut self) -> Option<Frame<'a>> {
        if self.reader.is_empty() {
            return None;
        }
        Frame::read(&mut self.reader).ok()
    }
}

/// Up to 32 ranges of packet numbers, largest first (RFC 9000 section 19.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct AckFrame<'a> {
    pub(crate) largest: u64,
    /// Acknowledgement delay of `largest`, in microseconds.
    pub(crate) delay_us: u64,
    /// The encoded ranges, validated.
    ranges: &'a [u8],
}

impl<'a> AckFrame<'a> {
    #[inline(always)]
    fn read(reader: &mut Reader<'a>) -> Result<Self, Malformed> {
        let largest = reader.variable()?;
        let delay_us = reader.variable()?;
        let count = usize::from(reader.u8()?);
        if count >= ACK_RANGES_MAX {
            return Err(Malformed);
        }
        let before = *reader;
        let mut ranges = RangesDown::new(largest, *reader);
        for _ in 0..=count {
            ranges.read()?;
        }
        *reader = ranges.reader;
        let len = before.remaining() - reader.remaining();
        let mut taken = before;
        Ok(Self {
            largest,
            delay_us,
            ranges: taken.bytes(len)?,
        })
    }

    /// Largest first.
    pub(crate) fn ranges(&self) -> impl Iterator<Item = RangeInclusive<u64>> + use<'a> {
        let mut ranges = RangesDown::new(self.largest, Reader::new(self.ranges));
        std::iter::from_fn(move || {
            if ranges.reader.is_empty() {
                return None;
            }
            ranges.read().ok()
        })
    }
}

/// Decodes ranges, largest first. Ranges and the gaps between them are encoded as length - 1.
struct RangesDown<'a> {
    /// Largest number that the next range can contain. `None` below zero.
    largest: Option<u64>,
    is_first: bool,
    reader: Reader<'a>,
}

impl<'a> RangesDown<'a> {
    fn new(largest: u64, reader: Reader<'a>) -> Self {
        Self {
            largest: Some(largest),
            is_first: true,
            reader,
        }
    }

    #[inline]
    fn read(&mut self) -> Result<RangeInclusive<u64>, Malformed> {
        let mut largest = self.largest.ok_or(Malformed)?;
        if !self.is_first {
            let missing = self.reader.variable()? + 1;
            largest = largest.checked_sub(missing).ok_or(Malformed)?;
        }
        self.is_first = false;
        let below = self.reader.variable()?;
        let smallest = largest.checked_sub(below).ok_or(Malformed)?;
        self.largest = smallest.checked_sub(1);
        Ok(smallest..=largest)
    }
}

pub(crate) fn write_ping(writer: &mut Writer<'_>) {
    writer.u8(PING);
}

/// Out of line: it is rare, and would enlarge the hot path.
#[cold]
#[inline(never)]
fn read_close_text<'a>(reader: &mut Reader<'a>) -> Result<&'a str, Malformed> {
    let len = usize::from(reader.u8()?);
    if len == 0 || len > CLOSE_TEXT_MAX {
        return Err(Malformed);
    }
    std::str::from_utf8(reader.bytes(len)?).map_err(|_| Malformed)
}

/// `text` has at most [`CLOSE_TEXT_MAX`] bytes.
pub(crate) fn write_disconnect(writer: &mut Writer<'_>, code: u32, text: &str) {
    if text.is_empty() {
        writer.u8(DISCONNECT);
        writer.u32(code);
        return;
    }
    debug_assert!(text.len() <= CLOSE_TEXT_MAX);
    writer.u8(DISCONNECT_WITH_TEXT);
    writer.u32(code);
    #[allow(clippy::cast_possible_truncation, reason = "at most 64")]
    writer.u8(text.len() as u8);
    writer.bytes(text.as_bytes());
}

pub(crate) fn write_challenge(writer: &mut Writer<'_>, token: Token) {
    writer.u8(CHALLENGE);
    writer.bytes(&token);
}

pub(crate) fn write_response(writer: &mut Writer<'_>, token: Token) {
    writer.u8(RESPONSE);
    writer.bytes(&token);
}

pub(crate) fn write_window(writer: &mut Writer<'_>, limit: u64) {
    writer.u8(WINDOW);
    writer.variable(limit);
}

pub(crate) const WINDOW_LEN_MAX: usize = 1 + 8;

pub(crate) fn write_stale(writer: &mut Writer<'_>, channel: u8, sequence: u64) {
    writer.u8(STALE);
    writer.u8(channel);
    writer.variable(sequence);
}

const STALE_LEN_MAX: usize = 1 + 1 + 8;

/// Type, two numbers, count, first range, and the other ranges with their gaps.
const ACK_LEN_MAX: usize = 1 + 8 + 8 + 1 + 8 + (ACK_RANGES_MAX - 1) * (8 + 8);

const DISCONNECT_LEN_MAX: usize = 1 + 4 + 1 + CLOSE_TEXT_MAX;

// Stale notices, an acknowledgement and a disconnect fit one packet.
const _: () =
    assert!(STALE_NOTICES_MAX * STALE_LEN_MAX + ACK_LEN_MAX + DISCONNECT_LEN_MAX <= PAYLOAD_MAX);

/// Writes as many of `ranges` as fit, at most [`ACK_RANGES_MAX`], and nothing if the first does not
/// fit. Ranges are ordered from the largest numbers down and neither touch nor overlap.
pub(crate) fn write_ack(
    writer: &mut Writer<'_>,
    delay_us: u64,
    ranges: impl Iterator<Item = RangeInclusive<u64>> + Clone,
) {
    let Some(first) = ranges.clone().next() else {
        return;
    };
    let fixed = 1 + variable_len(*first.end()) + variable_len(delay_us) + 1;
    let count = ranges_that_fit(ranges.clone(), writer.room().saturating_sub(fixed));
    if count == 0 {
        return;
    }
    writer.u8(ACK);
    writer.variable(*first.end());
    writer.variable(delay_us);
    #[allow(clippy::cast_possible_truncation, reason = "at most 31")]
    writer.u8((count - 1) as u8);
    let mut smallest_before = None;
    for range in ranges.take(count) {
        if let Some(before) = smallest_before {
            writer.variable(before - range.end() - 2);
        }
        writer.variable(range.end() - range.start());
        smallest_before = Some(*range.start());
    }
}

fn ranges_that_fit(ranges: impl Iterator<Item = RangeInclusive<u64>>, room: usize) -> usize {
    let (mut count, mut len, mut smallest_before) = (0, 0, None);
    for range in ranges.take(ACK_RANGES_MAX) {
        debug_assert!(*range.end() <= NUMBER_MAX);
        len += variable_len(range.end() - range.start());
        if let Some(before) = smallest_before {
            len += variable_len(before - range.end() - 2);
        }
        if len > room {
            break;
        }
        smallest_before = Some(*range.start());
        count += 1;
    }
    count
}

const _: () = assert!(1 + 2 + WHOLE_MAX == PAYLOAD_MAX);
// Fragment: type, channel, sequence, total, index.
const _: () = assert!(1 + 1 + 8 + 4 + 4 + FRAGMENT_BYTES <= PAYLOAD_MAX);

#[cfg(test)]
mod tests;
