//! What the login service and the servers have in common, and what tells tokens apart.

use std::fmt;
use std::str::FromStr;

use ring::hmac;
use zeroize::Zeroizing;

use crate::keys::{KeyParseError, parse_hex};
use crate::limits::TOKEN_MAX;

/// What is signed first, so that a signature made with the same key for another purpose is none of a
/// token.
const CONTEXT: &[u8] = b"tickwire token";

/// The secret that a login service signs tokens with and that servers know them by: 32 bytes. Whoever has
/// it can let anybody in as anybody, so it is shown nowhere: not by `Debug`, not in an error.
///
/// This copy is wiped when it is dropped, each clone for itself. Those that `ring` makes while it signs
/// are not.
#[derive(Clone)]
pub struct TokenKey {
    bytes: Zeroizing<[u8; 32]>,
}

impl TokenKey {
    /// The key that these bytes are: they must be unpredictable.
    ///
    /// The caller's own copy is his to wipe.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self {
            bytes: Zeroizing::new(bytes),
        }
    }

    /// The secret itself, for the key file.
    pub(crate) fn secret_bytes(&self) -> &[u8; 32] {
        &self.bytes
    }

    pub(super) fn sign(&self, signed: &[u8]) -> hmac::Tag {
        let mut context = hmac::Context::with_key(&self.hmac());
        context.update(CONTEXT);
        context.update(signed);
        context.sign()
    }

    /// In a time that does not depend on how much of the signature is right. Longer than any token is
    /// not signed.
    pub(super) fn is_signature(&self, signature: &[u8], signed: &[u8]) -> bool {
        // ring compares in constant time only what it hashes itself, in one fragment.
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

/// Shows nothing of the secret.
impl fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenKey").finish_non_exhaustive()
    }
}

/// What tells one token from all others: a token is used when one with its id was used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TokenId([u8; 16]);

impl TokenId {
    /// The id that these bytes are. Each token needs one that no other has: 16 bytes from the system's
    /// entropy will do, and a number that is counted up as well.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// Its bytes, as they stand in the token.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}
