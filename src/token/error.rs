//! Why a token is not made, and why one is not good.

use std::{error, fmt};

/// Something is too short or too long for a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct LengthError {
    /// What: `player`, `audience` or `data`.
    pub field: &'static str,
    /// How many bytes it has.
    pub len: usize,
    /// How many it must have.
    pub min: usize,
    /// How many it can have.
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

/// Why a token is not good: the first reason that is found. What a token says is looked at only once its
/// signature is right, so the last four are of genuine ones alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TokenError {
    /// It is no token: too short, too long, or what is in it does not fit together. An empty one, too.
    Malformed,
    /// It is of a version that this library does not know.
    UnknownVersion {
        /// Which one.
        version: u8,
    },
    /// The signature is not of this key: somebody altered it or made it up, or the login service has
    /// another key.
    BadSignature,
    /// It is genuine, and for somebody else.
    WrongAudience,
    /// It is genuine, and its time is over.
    Expired,
    /// It was good for one connection, and has had it.
    UsedBefore,
    /// As many used tokens are remembered as the verifier has room for, all of them still of use to a
    /// thief. Letting one more in would let it in for ever, so nobody is, until the first of them expires.
    TableFull,
}

impl fmt::Display for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed => f.write_str("that is no token"),
            Self::UnknownVersion { version } => {
                write!(
                    f,
                    "the token is of version {version}, which is not known here"
                )
            }
            Self::BadSignature => f.write_str("the token is not signed with this key"),
            Self::WrongAudience => f.write_str("the token is for another audience"),
            Self::Expired => f.write_str("the token has expired"),
            Self::UsedBefore => f.write_str("the token was used before"),
            Self::TableFull => f.write_str("no more used tokens can be remembered now"),
        }
    }
}

impl error::Error for TokenError {}
