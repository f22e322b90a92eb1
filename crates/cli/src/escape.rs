//! Shows received bytes on a terminal without letting them control it: no control characters, and
//! no characters that hide or reorder text. The original bytes can be recovered from the output.

use std::fmt::{self, Write as _};
use std::net::SocketAddr;
use std::{ascii, str};

use derive_more::Display;
use serde::Serialize;
use tickwire::Datagram;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ByteFormat {
    /// Printable text unchanged, everything else escaped as in Rust: `\n`, `\x1b`, `\xff`,
    /// `\u{202e}`.
    Text,
    /// Pairs of lower-case digits with spaces between: `48 65 6c`.
    Hex,
}

impl ByteFormat {
    pub(crate) fn of(hex: bool) -> Self {
        if hex { Self::Hex } else { Self::Text }
    }
}

/// `127.0.0.1:54321 13 bytes: Hello, world!`, or `127.0.0.1:54321 1024 bytes, truncated: ...`.
#[derive(Debug, Clone, Copy, Display, Serialize)]
#[display(
    "{from} {size_bytes} bytes{}: {}",
    if *truncated { ", truncated" } else { "" },
    FormattedBytes(payload_hex, *format)
)]
#[serde(tag = "event", rename = "datagram")]
pub(crate) struct ReceivedDatagram<'a> {
    from: SocketAddr,
    size_bytes: usize,
    truncated: bool,
    #[serde(serialize_with = "hex::serde::serialize")]
    payload_hex: &'a [u8],
    #[serde(skip)]
    format: ByteFormat,
}

impl<'a> ReceivedDatagram<'a> {
    pub(crate) fn new(datagram: Datagram<'a>, format: ByteFormat) -> Self {
        Self {
            from: datagram.from,
            size_bytes: datagram.bytes.len(),
            truncated: datagram.truncated,
            payload_hex: datagram.bytes,
            format,
        }
    }
}

/// `to 127.0.0.1:10080, 13 bytes: Hello, world!`.
#[derive(Debug, Clone, Copy, Display)]
#[display("to {_0}, {} bytes: {}", _1.len(), FormattedBytes(_1, *_2))]
pub(crate) struct SentDatagram<'a>(
    pub(crate) SocketAddr,
    pub(crate) &'a [u8],
    pub(crate) ByteFormat,
);

#[derive(Debug, Clone, Copy)]
pub(crate) struct FormattedBytes<'a>(pub(crate) &'a [u8], pub(crate) ByteFormat);

impl fmt::Display for FormattedBytes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.1 {
            ByteFormat::Text => write_text(f, self.0),
            ByteFormat::Hex => write_hex(f, self.0),
        }
    }
}

fn write_hex(f: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    for (index, byte) in bytes.iter().enumerate() {
        let space = if index == 0 { "" } else { " " };
        write!(f, "{space}{byte:02x}")?;
    }
    Ok(())
}

fn write_text(f: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    // Whether a combining mark may follow unescaped: it must not combine with a space or an escape.
    let mut has_base = false;
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            has_base = is_unescaped(c, has_base);
            match u8::try_from(c) {
                _ if has_base => f.write_char(c)?,
                Ok(byte) if byte.is_ascii() => write!(f, "{}", ascii::escape_default(byte))?,
                _ => write!(f, "{}", c.escape_unicode())?,
            }
            // A doubled backslash is a visible character.
            has_base |= c == '\\';
        }
        for byte in chunk.invalid() {
            write!(f, "{}", ascii::escape_default(*byte))?;
            has_base = false;
        }
    }
    Ok(())
}

fn is_unescaped(c: char, has_base: bool) -> bool {
    if c.is_ascii() {
        // A backslash is doubled, because escapes begin with it.
        return (c.is_ascii_graphic() || c == ' ') && c != '\\';
    }
    is_printable(c) && (has_base || !is_mark(c))
}

/// No control or format character, no space other than ' ', neither private nor unassigned.
fn is_printable(c: char) -> bool {
    // `escape_debug` decides, but it escapes a leading mark, so a letter comes first.
    let mut buffer = [b'a'; 5];
    let len = c.encode_utf8(&mut buffer[1..]).len();
    str::from_utf8(&buffer[..=len]).is_ok_and(|text| text.escape_debug().nth(1) == Some(c))
}

/// Whether a printable character combines with the previous one, as accents do.
fn is_mark(c: char) -> bool {
    c.escape_debug().next() != Some(c)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a panic fails the test")]
mod tests {
    use super::*;

    fn text(bytes: impl AsRef<[u8]>) -> String {
        FormattedBytes(bytes.as_ref(), ByteFormat::Text).to_string()
    }

    fn hex(bytes: &[u8]) -> String {
        FormattedBytes(bytes, ByteFormat::Hex).to_string()
    }

    #[test]
    fn leaves_printable_text_unchanged() {
        let printable = "Hello, world! \"it's\" {fine} Grüße 你好 שלום 🙂 a\u{301} ❤\u{fe0f}";
        assert_eq!(text(printable), printable);
    }

    #[test]
    fn escapes_ascii_controls_as_rust_does() {
        let bytes = b"\0\t\r\n\x07\x08\x1b[31m\x7f";
        assert_eq!(text(bytes), r"\x00\t\r\n\x07\x08\x1b[31m\x7f");
    }

    #[test]
    fn doubles_backslashes() {
        assert_eq!(text(r"\x1b"), r"\\x1b");
    }

    #[test]
    fn escapes_invalid_utf8_byte_by_byte() {
        assert_eq!(text(b"a\xffb\xe4\xbd"), r"a\xffb\xe4\xbd");
        // A surrogate and an overlong NUL are not valid UTF-8 either.
        assert_eq!(text(b"\xed\xa0\x80\xc0\x80"), r"\xed\xa0\x80\xc0\x80");
    }

    #[test]
    fn escapes_characters_that_hide_or_reorder_text() {
        let cases = [
            ('\u{202e}', r"\u{202e}"),   // right to left, from here on
            ('\u{2066}', r"\u{2066}"),   // an isolate
            ('\u{200b}', r"\u{200b}"),   // zero-width space
            ('\u{200d}', r"\u{200d}"),   // zero-width joiner
            ('\u{feff}', r"\u{feff}"),   // byte order mark
            ('\u{ad}', r"\u{ad}"),       // soft hyphen
            ('\u{9b}', r"\u{9b}"),       // the C1 form of ESC [
            ('\u{85}', r"\u{85}"),       // next line
            ('\u{2028}', r"\u{2028}"),   // line separator
            ('\u{a0}', r"\u{a0}"),       // no-break space
            ('\u{e000}', r"\u{e000}"),   // private use
            ('\u{e0041}', r"\u{e0041}"), // a tag, invisible
        ];
        for (c, escaped) in cases {
            assert_eq!(text(format!("a{c}b")), format!("a{escaped}b"));
        }
    }

    #[test]
    fn escapes_a_mark_unless_it_follows_a_character() {
        assert_eq!(text("e\u{301}\u{302}"), "e\u{301}\u{302}");
        assert_eq!(text("\u{301}e"), r"\u{301}e");
        assert_eq!(text("\n\u{301}"), r"\n\u{301}");
        assert_eq!(text("\u{202e}\u{fe0f}"), r"\u{202e}\u{fe0f}");
        assert_eq!(text(b"\xff\xcc\x81"), r"\xff\u{301}");
        assert_eq!(text("\\\u{301}"), "\\\\\u{301}");
    }

    #[test]
    fn hex_is_pairs_with_spaces_between() {
        assert_eq!(hex(b"Hi\x00\xff"), "48 69 00 ff");
        assert_eq!(hex(b""), "");
    }

    #[test]
    fn a_received_datagram_is_one_line() {
        let line = |bytes, truncated| {
            let from = "127.0.0.1:54321".parse().unwrap();
            let datagram = Datagram {
                from,
                bytes,
                truncated,
            };
            ReceivedDatagram::new(datagram, ByteFormat::Text).to_string()
        };
        let hello = "127.0.0.1:54321 13 bytes: Hello, world!";
        assert_eq!(line(b"Hello, world!", false), hello);
        assert_eq!(line(b"1", false), "127.0.0.1:54321 1 bytes: 1");
        assert_eq!(line(b"", false), "127.0.0.1:54321 0 bytes: ");
        assert_eq!(
            line(b"cut", true),
            "127.0.0.1:54321 3 bytes, truncated: cut"
        );
    }

    #[test]
    fn a_sent_datagram_is_one_line() {
        let to = "[::1]:10080".parse().unwrap();
        let line = SentDatagram(to, b"Hello, world!", ByteFormat::Text).to_string();
        assert_eq!(line, "to [::1]:10080, 13 bytes: Hello, world!");
    }

    /// Asserts that the output has no control characters, and that the bytes can be recovered from
    /// it.
    fn check(bytes: &[u8]) {
        let shown = text(bytes);
        assert!(!shown.chars().any(char::is_control), "{bytes:?}: {shown:?}");
        assert_eq!(read_back(&shown), bytes, "{shown:?}");
    }

    #[test]
    fn no_byte_and_no_pair_of_bytes_writes_a_control_character() {
        for first in 0..=u8::MAX {
            check(&[first]);
            for second in 0..=u8::MAX {
                check(&[first, second]);
            }
        }
    }

    #[test]
    fn no_character_writes_a_control_character() {
        let mut buffer = [0; 8];
        for c in '\0'..=char::MAX {
            // Twice, because the second can combine with the first.
            let len = c.encode_utf8(&mut buffer).len();
            buffer.copy_within(..len, len);
            check(&buffer[..2 * len]);
        }
    }

    fn read_back(shown: &str) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut rest = shown;
        while let Some(c) = rest.chars().next() {
            let (read, len) = if c == '\\' {
                read_escape(rest)
            } else {
                (c.to_string().into_bytes(), c.len_utf8())
            };
            bytes.extend(read);
            rest = &rest[len..];
        }
        bytes
    }

    /// The bytes of the escape at the start of `text`, and its length.
    fn read_escape(text: &str) -> (Vec<u8>, usize) {
        let number = |digits: &str| u32::from_str_radix(digits, 16).unwrap();
        match &text[..2] {
            "\\\\" => (b"\\".to_vec(), 2),
            "\\n" => (b"\n".to_vec(), 2),
            "\\r" => (b"\r".to_vec(), 2),
            "\\t" => (b"\t".to_vec(), 2),
            "\\x" => (vec![u8::try_from(number(&text[2..4])).unwrap()], 4),
            "\\u" => {
                let end = text.find('}').unwrap();
                let c = char::from_u32(number(&text[3..end])).unwrap();
                (c.to_string().into_bytes(), end + 1)
            }
            other => panic!("{other} is not an escape"),
        }
    }
}
