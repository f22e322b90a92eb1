//! Errors of issuing and verifying tokens.

/// The length of a token's field is out of its range. Lengths are in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{field} of a token is {len} bytes, but must be between {min} and {max}")]
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

/// Why a token was rejected: the first reason found. Claims are read after the signature is
/// verified, so the last four variants apply only to tokens that the login service issued.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// The bytes are not a token: the length or a field is invalid.
    #[error("not a token: its length or its fields are invalid")]
    Malformed,
    /// The version is not supported.
    #[error(
        "token has version {version}, but only version {} is supported",
        crate::token::VERSION
    )]
    UnknownVersion {
        /// The version.
        version: u8,
    },
    /// The signature does not match the key: the token was altered or forged, or issued with
    /// another key.
    #[error("signature of the token does not match: it was altered, or issued with another key")]
    BadSignature,
    /// The token was issued for another audience.
    #[error("token was issued for another audience")]
    WrongAudience,
    /// The token has expired.
    #[error("token has expired, request a new one")]
    Expired,
    /// The token was redeemed before.
    #[error("token was redeemed before, request a new one")]
    UsedBefore,
    /// The verifier remembers its maximum of redeemed tokens, and all of them are still valid. A
    /// token that cannot be remembered could be redeemed repeatedly, so every token is rejected
    /// until one expires.
    #[error("table of redeemed tokens is full, try again after one of them has expired")]
    TableFull,
}
