//! Errors of issuing and of verifying tokens.

/// A field is too short or too long for a token. Lengths are in bytes.
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

/// Why a token is refused: the first reason that is found. The claims are read only after the signature is
/// verified, so the last four are reported only for tokens that the login service issued.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// It is not a token: empty, too short, too long, or its fields do not fit together.
    #[error("not a token")]
    Malformed,
    /// This library does not know its version.
    #[error("the token has version {version}, which is not supported")]
    UnknownVersion {
        /// The version.
        version: u8,
    },
    /// The signature does not match the key: the token was altered or forged, or the login service uses
    /// another key.
    #[error("the token is not signed with this key")]
    BadSignature,
    /// It is genuine, but for another audience.
    #[error("the token is for another audience")]
    WrongAudience,
    /// It is genuine, but has expired.
    #[error("the token has expired")]
    Expired,
    /// It was redeemed before.
    #[error("the token was redeemed before")]
    UsedBefore,
    /// The verifier remembers its maximum of redeemed tokens, and none of them has expired. One more could
    /// be redeemed again and again, so every token is refused until the first of them expires.
    #[error("no room to remember another redeemed token")]
    TableFull,
}
