//! Definitions shared by client and server: protocol id, ticket, the text form of a token, and
//! disconnect codes.

use std::fmt;
use std::str::FromStr;

use tickwire::limits::CONNECT_PAYLOAD_MAX;
use tickwire::token::TokenError;

/// Disconnect code of an orderly end.
pub(crate) const NORMAL_CLOSE: u32 = 0;

// Codes with which the server denies a connection, modelled on HTTP's status codes.

pub(crate) const WRONG_TICKET: u32 = 401;
/// The token is malformed or its signature is invalid.
pub(crate) const BAD_TOKEN: u32 = 403;
pub(crate) const USED_TOKEN: u32 = 409;
pub(crate) const EXPIRED_TOKEN: u32 = 410;
pub(crate) const MISDIRECTED_TOKEN: u32 = 421;
/// The table of used tokens is full.
pub(crate) const TOO_MANY_TOKENS: u32 = 503;

pub(crate) const AUDIENCE: &str = "tickwire";

pub(crate) fn code_of(error: TokenError) -> u32 {
    match error {
        TokenError::WrongAudience => MISDIRECTED_TOKEN,
        TokenError::Expired => EXPIRED_TOKEN,
        TokenError::UsedBefore => USED_TOKEN,
        TokenError::TableFull => TOO_MANY_TOKENS,
        _ => BAD_TOKEN,
    }
}

pub(crate) fn advice(code: u32) -> Option<&'static str> {
    Some(match code {
        WRONG_TICKET => "it requires a --ticket, or a different one",
        BAD_TOKEN => "it requires a --token that is signed with its --token-key",
        USED_TOKEN => {
            "the --token was used before; issue a new one, because each opens one connection"
        }
        EXPIRED_TOKEN => "the --token has expired; issue a new one, or choose a longer --lifetime",
        MISDIRECTED_TOKEN => "the --token is for another --audience",
        TOO_MANY_TOKENS => "its table of used tokens is full; try again later",
        _ => return None,
    })
}

/// A token, in hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Token(pub(crate) Vec<u8>);

impl FromStr for Token {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (len, max) = (text.len(), 2 * CONNECT_PAYLOAD_MAX);
        if len == 0 || len > max {
            return Err(format!(
                "token is {len} bytes of text, but must be 2 to {max} hexadecimal digits"
            ));
        }
        let bytes = hex::decode(text);
        bytes
            .map(Self)
            .map_err(|error| format!("not hexadecimal digits: {error}"))
    }
}

/// The protocol id of a connection: a number, such as 7 or 0x1f.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ProtocolId(pub(crate) u64);

impl Default for ProtocolId {
    /// The name of this program in ASCII.
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
            // The standard library would accept a sign here.
            Some(digits) if digits.starts_with('+') => None,
            Some(digits) => u64::from_str_radix(digits, 16).ok(),
            None => text.parse().ok(),
        };
        let number = number.ok_or("must be a number of up to 64 bits, such as 7 or 0x1f")?;
        Ok(Self(number))
    }
}

/// Parses a ticket, the connect payload of a client.
pub(crate) fn ticket(text: &str) -> Result<String, String> {
    match text.len() {
        1..=CONNECT_PAYLOAD_MAX => Ok(text.into()),
        len => Err(format!(
            "ticket is {len} bytes, but must be 1 to {CONNECT_PAYLOAD_MAX} bytes"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_protocol_ids_as_they_are_shown() {
        let id = ProtocolId::default();
        assert_eq!(id.to_string(), "0x7469636b77697265");
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!("7".parse(), Ok(ProtocolId(7)));
        assert_eq!("18446744073709551615".parse(), Ok(ProtocolId(u64::MAX)));
    }

    #[test]
    fn rejects_invalid_protocol_ids_with_an_example() {
        for text in ["", "x", "-1", "0x", "0x+7", "1f", "18446744073709551616"] {
            let parsed = text.parse::<ProtocolId>();
            assert!(
                parsed.is_err_and(|error| error.contains("7 or 0x1f")),
                "{text}"
            );
        }
    }

    #[test]
    fn parses_tokens_as_they_are_shown() {
        let bytes = [0, 1, 0xab, 0xff];
        assert_eq!(hex::encode(bytes), "0001abff");
        assert_eq!("0001ABff".parse(), Ok(Token(bytes.to_vec())));
        assert!("0".repeat(512).parse::<Token>().is_ok());
        for text in ["", "0", "0x00", "+1", "0é", " 00", &"0".repeat(514)] {
            assert!(text.parse::<Token>().is_err(), "{text}");
        }
    }

    #[test]
    fn every_token_error_has_advice() {
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
        for len in [0, 257] {
            let error = format!("ticket is {len} bytes, but must be 1 to 256 bytes");
            assert_eq!(ticket(&"x".repeat(len)), Err(error));
        }
    }
}
