//! The shared key of login services and servers, and the id of a token.

use std::fmt;
use std::str::FromStr;

use ring::hmac;
use zeroize::Zeroizing;

use crate::keys::{KeyParseError, parse_hex};
use crate::token::TOKEN_MAX;

/// Prefix of the signed bytes, so that a signature for another purpose is not valid for a token.
const CONTEXT: &[u8] = b"tickwire token";

/// The secret of 32 bytes with which login services sign tokens and servers verify them. Anyone
/// with it can admit any client as any player, so it appears in no `Debug` output or error.
///
/// Each clone is wiped on drop. Copies inside `ring` during signing are not.
#[derive(Clone)]
pub struct TokenKey {
    bytes: Zeroizing<[u8; 32]>,
}

impl TokenKey {
    /// Creates a key from bytes, which must be unpredictable. The caller's own copy is not wiped.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self {
            bytes: Zeroizing::new(bytes),
        }
    }

    pub(crate) fn secret_bytes(&self) -> &[u8; 32] {
        &self.bytes
    }

    pub(super) fn sign(&self, signed: &[u8]) -> hmac::Tag {
        let mut context = hmac::Context::with_key(&self.hmac());
        context.update(CONTEXT);
        context.update(signed);
        context.sign()
    }

    /// Verifies a signature in constant time. Input longer than a token is rejected.
    pub(super) fn is_signature(&self, signature: &[u8], signed: &[u8]) -> bool {
        // ring compares in constant time only a tag that it computes itself in one call.
        let mut message = [0; CONTEXT.len() + TOKEN_MAX];
        let len = CONTEXT.len() + signed.len();
        let Some(message) = message.get_mut(..len) else {
            return false;
        };
        message[..CONTEXT.len()].copy_from_slice(CONTEXT);
        message[CONTEXT.len()..].copy_from_slice(signed);
        hmac::verify(&self.hmac(), message, signature).is_ok()
    }

    fn hmac(&self) -> hmac::Key {
        hmac::Key::new(hmac::HMAC_SHA256, &*self.bytes)
    }
}

/// 64 hexadecimal digits, in either case.
impl FromStr for TokenKey {
    type Err = KeyParseError;

    fn from_str(text: &str) -> Result<Self, KeyParseError> {
        let mut bytes = Zeroizing::new([0; 32]);
        parse_hex(text.as_bytes(), &mut bytes)?;
        Ok(Self { bytes })
    }
}

/// Prints no secret.
impl fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenKey").finish_non_exhaustive()
    }
}

/// Identifies a token: of several tokens with one id, only one can be redeemed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TokenId([u8; 16]);

impl TokenId {
    /// Creates an id from bytes, which must be unique among the tokens of a key: random, or a
    /// counter.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The bytes, as in the token.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}
