//! Errors of issuing and verifying tokens.

/// The length of a token's field is out of its range. Lengths are in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{field} of a token is {len} bytes, it can be {min} to {max}")]
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

/// Why a token is refused: the first reason found. Claims are read after the signature is verified,
/// so the last four variants concern only tokens that the login service issued.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// It is not a token: its length or its fields are invalid.
    #[error("not a token")]
    Malformed,
    /// Its version is not supported.
    #[error("the token has version {version}, which is not supported")]
    UnknownVersion {
        /// The version.
        version: u8,
    },
    /// The signature does not match the key: the token was altered or forged, or issued with
    /// another key.
    #[error("the token is not signed with this key")]
    BadSignature,
    /// It was issued for another audience.
    #[error("the token is for another audience")]
    WrongAudience,
    /// It has expired.
    #[error("the token has expired")]
    Expired,
    /// It was redeemed before.
    #[error("the token was redeemed before")]
    UsedBefore,
    /// The verifier remembers its maximum of redeemed tokens, and each is still valid. A token that
    /// cannot be remembered could be redeemed repeatedly, so every token is refused until one
    /// expires.
    #[error("no room to remember another redeemed token")]
    TableFull,
}
