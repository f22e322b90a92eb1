//! Errors of issuing and of verifying tokens.

use std::{error, fmt};

/// A field is too short or too long for a token. Lengths are in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct LengthError {
    /// The field: `player`, `audience` or `data`.
    pub field: &'static str,
    /// Its length.
    pub len: usize,
    /// The minimum length.
    pub min: usize,
    /// The maximum length.
    pub max: usize,
}

impl fmt::Display for LengthError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            field,
            len,
            min,
            max,
        } = self;
        write!(
            f,
            "{field} of a token is {len} bytes, it can be {min} to {max}"
        )
    }
}

impl error::Error for LengthError {}

/// Why a token is refused: the first reason that is found. The claims are read only after the signature is
/// verified, so the last four are reported only for tokens that the login service issued.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TokenError {
    /// It is not a token: empty, too short, too long, or its fields do not fit together.
    Malformed,
    /// This library does not know its version.
    UnknownVersion {
        /// The version.
        version: u8,
    },
    /// The signature does not match the key: the token was altered or forged, or the login service uses
    /// another key.
    BadSignature,
    /// It is genuine, but for another audience.
    WrongAudience,
    /// It is genuine, but has expired.
    Expired,
    /// It was redeemed before.
    UsedBefore,
    /// The verifier remembers its maximum of redeemed tokens, and none of them has expired. One more could
    /// be redeemed again and again, so every token is refused until the first of them expires.
    TableFull,
}

impl fmt::Display for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed => f.write_str("not a token"),
            Self::UnknownVersion { version } => {
                write!(f, "the token has version {version}, which is not supported")
            }
            Self::BadSignature => f.write_str("the token is not signed with this key"),
            Self::WrongAudience => f.write_str("the token is for another audience"),
            Self::Expired => f.write_str("the token has expired"),
            Self::UsedBefore => f.write_str("the token was redeemed before"),
            Self::TableFull => f.write_str("no room to remember another redeemed token"),
        }
    }
}

impl error::Error for TokenError {}
