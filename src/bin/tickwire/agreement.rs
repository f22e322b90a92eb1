//! What the two ends of a connection have to agree on: the protocol id, the ticket, and what the
//! numbers of a goodbye and of a refusal mean.

use std::fmt;
use std::str::FromStr;

use tickwire::limits::CONNECT_PAYLOAD_MAX;

/// The number with which both programs say goodbye.
pub(crate) const GOODBYE: u32 = 0;

/// The number with which a server refuses who has not its ticket: HTTP's "unauthorized".
pub(crate) const WRONG_TICKET: u32 = 401;

/// What both sides must have in common, as a number: 7 or 0x7.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ProtocolId(pub(crate) u64);

/// The name of this program, in ASCII.
impl Default for ProtocolId {
    fn default() -> Self {
        Self(u64::from_be_bytes(*b"tickwire"))
    }
}

impl fmt::Display for ProtocolId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

impl FromStr for ProtocolId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = match text.strip_prefix("0x") {
            // The standard library would take a sign here.
            Some(digits) if digits.starts_with('+') => None,
            Some(digits) => u64::from_str_radix(digits, 16).ok(),
            None => text.parse().ok(),
        };
        let number = number.ok_or("expected a number of up to 64 bits, such as 7 or 0x1f")?;
        Ok(Self(number))
    }
}

/// What a client shows to be let in.
pub(crate) fn ticket(text: &str) -> Result<String, String> {
    let len = text.len();
    if len == 0 {
        return Err("nobody can be told from others by an empty ticket".into());
    }
    if len > CONNECT_PAYLOAD_MAX {
        return Err(format!(
            "it is {len} bytes, at most {CONNECT_PAYLOAD_MAX} fit"
        ));
    }
    Ok(text.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_protocol_id_is_read_as_it_is_shown() {
        let id = ProtocolId::default();
        assert_eq!(id.to_string(), "0x7469636b77697265");
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!("7".parse(), Ok(ProtocolId(7)));
        assert_eq!("18446744073709551615".parse(), Ok(ProtocolId(u64::MAX)));
    }

    #[test]
    fn what_is_no_number_is_told_with_what_is_one() {
        for text in ["", "x", "-1", "0x", "0x+7", "1f", "18446744073709551616"] {
            let told = text.parse::<ProtocolId>();
            assert!(told.is_err_and(|told| told.contains("7 or 0x1f")), "{text}");
        }
    }

    #[test]
    fn a_ticket_has_1_to_256_bytes() {
        assert_eq!(ticket("let me in"), Ok("let me in".into()));
        assert!(ticket(&"x".repeat(256)).is_ok());
        let told = "it is 257 bytes, at most 256 fit".to_owned();
        assert_eq!(ticket(&"x".repeat(257)), Err(told));
        assert!(ticket("").is_err());
    }
}
