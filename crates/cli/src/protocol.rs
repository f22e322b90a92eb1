//! What the two ends of a connection have to agree on: the protocol id, the ticket, how a token looks on
//! a command line, and what the numbers of a goodbye and of a refusal mean.

use std::fmt;
use std::str::FromStr;

use tickwire::limits::CONNECT_PAYLOAD_MAX;
use tickwire::token::TokenError;

/// The number with which both programs say goodbye.
pub(crate) const NORMAL_CLOSE: u32 = 0;

/// The number with which a server refuses who has not its ticket: HTTP's "unauthorized".
pub(crate) const WRONG_TICKET: u32 = 401;

/// That its token is none that the server can believe: HTTP's "forbidden".
pub(crate) const BAD_TOKEN: u32 = 403;

/// That its token was used before: "conflict".
pub(crate) const USED_TOKEN: u32 = 409;

/// That its token has expired: "gone".
pub(crate) const EXPIRED_TOKEN: u32 = 410;

/// That its token is for another server: "misdirected request".
pub(crate) const MISDIRECTED_TOKEN: u32 = 421;

/// That the server cannot remember more tokens: "service unavailable".
pub(crate) const TOO_MANY_TOKENS: u32 = 503;

/// Which server a token is for, if nobody says so.
pub(crate) const AUDIENCE: &str = "tickwire";

/// The number with which a server refuses a token.
pub(crate) fn code_of(error: TokenError) -> u32 {
    match error {
        TokenError::WrongAudience => MISDIRECTED_TOKEN,
        TokenError::Expired => EXPIRED_TOKEN,
        TokenError::UsedBefore => USED_TOKEN,
        TokenError::TableFull => TOO_MANY_TOKENS,
        _ => BAD_TOKEN,
    }
}

/// What to do about a refusal, if its number is one of these.
pub(crate) fn advice(code: u32) -> Option<&'static str> {
    Some(match code {
        WRONG_TICKET => "it requires a --ticket, or a different one",
        BAD_TOKEN => "it wants a --token that is signed with its --token-key",
        USED_TOKEN => "the --token was used before, and each opens one connection",
        EXPIRED_TOKEN => "the --token has expired",
        MISDIRECTED_TOKEN => "the --token is for another --audience",
        TOO_MANY_TOKENS => "it cannot remember more tokens now",
        _ => return None,
    })
}

/// Bytes as hexadecimal digits.
pub(crate) struct Hex<'a>(pub(crate) &'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// A token, as `tickwire token` prints it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Token(pub(crate) Vec<u8>);

impl FromStr for Token {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (len, max) = (text.len(), 2 * CONNECT_PAYLOAD_MAX);
        if len == 0 || len % 2 == 1 || len > max {
            return Err(format!(
                "a token is pairs of hexadecimal digits, at most {max}, and this is {len} bytes"
            ));
        }
        let value = |digit: &u8| char::from(*digit).to_digit(16);
        let byte = |pair: &[u8]| u8::try_from(value(&pair[0])? << 4 | value(&pair[1])?).ok();
        let bytes: Option<_> = text.as_bytes().chunks_exact(2).map(byte).collect();
        bytes
            .map(Self)
            .ok_or_else(|| "something in it is not a hexadecimal digit".to_owned())
    }
}

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
    fn a_token_is_read_as_it_is_shown() {
        let bytes = [0, 1, 0xab, 0xff];
        assert_eq!(Hex(&bytes).to_string(), "0001abff");
        assert_eq!("0001ABff".parse(), Ok(Token(bytes.to_vec())));
        assert!("0".repeat(512).parse::<Token>().is_ok());
        for text in ["", "0", "0x00", "+1", "0é", " 00", &"0".repeat(514)] {
            assert!(text.parse::<Token>().is_err(), "{text}");
        }
    }

    #[test]
    fn every_refusal_of_a_token_has_advice() {
        use TokenError as Error;
        for error in [
            Error::Malformed,
            Error::UnknownVersion { version: 9 },
            Error::BadSignature,
            Error::WrongAudience,
            Error::Expired,
            Error::UsedBefore,
            Error::TableFull,
        ] {
            assert!(advice(code_of(error)).is_some(), "{error:?}");
        }
        assert_eq!(advice(NORMAL_CLOSE), None);
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
