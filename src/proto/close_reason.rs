//! The reason for ending a connection.

use crate::limits::CLOSE_TEXT_MAX;

/// An application's reason for ending a connection: a number, and optionally a short text. The
/// other side receives both in [`Disconnected`](crate::Event::Disconnected).
///
/// ```
/// use tickwire::CloseReason;
///
/// let restart = CloseReason::new(3, "the server restarts");
/// assert_eq!((restart.code(), restart.text()), (3, "the server restarts"));
/// assert_eq!(CloseReason::from(7).text(), "");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct CloseReason {
    code: u32,
    /// `None` if empty.
    text: Option<Box<str>>,
}

impl CloseReason {
    /// A number and a text of at most [`CLOSE_TEXT_MAX`] (64) bytes of UTF-8. A longer text is
    /// truncated after the last whole character that fits.
    pub fn new(code: u32, text: &str) -> Self {
        let mut len = text.len().min(CLOSE_TEXT_MAX);
        while !text.is_char_boundary(len) {
            len -= 1;
        }
        let text = (len > 0).then(|| text[..len].into());
        Self { code, text }
    }

    /// The application's number. By convention 0 is a normal end.
    pub fn code(&self) -> u32 {
        self.code
    }

    /// The text; empty if not given.
    pub fn text(&self) -> &str {
        self.text.as_deref().unwrap_or_default()
    }

    pub(crate) fn into_text(self) -> Option<Box<str>> {
        self.text
    }
}

impl From<u32> for CloseReason {
    fn from(code: u32) -> Self {
        Self { code, text: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn truncates_a_long_text_after_a_whole_character() {
        let text = |text: &str| CloseReason::new(0, text).text().to_owned();
        assert_eq!(text(&"a".repeat(64)), "a".repeat(64));
        assert_eq!(text(&"a".repeat(65)), "a".repeat(64));
        assert_eq!(text(&"ä".repeat(40)), "ä".repeat(32));
        assert_eq!(
            text(&("a".to_owned() + &"ä".repeat(40))),
            "a".to_owned() + &"ä".repeat(31)
        );
    }
}
