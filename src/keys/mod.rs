//! Key pair of a server: X25519 (RFC 7748), 32 bytes each.
//!
//! This file is pure. `file` and `generate` use the system: files and entropy.

pub(crate) mod file;
mod generate;

use std::fmt;
use std::str::FromStr;

use curve25519_dalek::MontgomeryPoint;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

pub use self::file::{KeyFileError, KeyFileErrorKind, KeyKind};
pub(crate) use self::generate::random_secret;

/// Length of either key in bytes.
const KEY_BYTES: usize = 32;

/// A server's private key. Anyone with it can impersonate the server, so it appears in no `Debug`
/// output, error or log.
///
/// Each clone is wiped on drop. Copies inside `snow` during a handshake are not: see
/// [security](crate::guide::ch09_security).
#[derive(Clone)]
pub struct PrivateKey {
    bytes: Zeroizing<[u8; KEY_BYTES]>,
}

impl PrivateKey {
    /// Creates a key from bytes, which must be unpredictable. All values are valid: RFC 7748
    /// section 5 sets five of the bits. The caller's own copy is not wiped.
    #[must_use]
    pub fn from_bytes(bytes: [u8; KEY_BYTES]) -> Self {
        Self {
            bytes: Zeroizing::new(bytes),
        }
    }

    /// The public half, which clients [pin](crate::ConnectOptions::pin). Computed by a scalar
    /// multiplication.
    #[must_use]
    pub fn public_key(&self) -> PublicKey {
        PublicKey(MontgomeryPoint::mul_base_clamped(*self.bytes).to_bytes())
    }

    pub(crate) fn secret_bytes(&self) -> &[u8; KEY_BYTES] {
        &self.bytes
    }
}

/// 64 hexadecimal digits, in either case.
impl FromStr for PrivateKey {
    type Err = KeyParseError;

    fn from_str(text: &str) -> Result<Self, KeyParseError> {
        let mut bytes = Zeroizing::new([0; KEY_BYTES]);
        parse_hex(text.as_bytes(), &mut bytes)?;
        Ok(Self { bytes })
    }
}

/// In constant time.
impl PartialEq for PrivateKey {
    fn eq(&self, other: &Self) -> bool {
        self.bytes.ct_eq(other.secret_bytes()).into()
    }
}

impl Eq for PrivateKey {}

/// Prints no secret.
impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PrivateKey").finish_non_exhaustive()
    }
}

/// The public half of a server's key pair. Not secret: a server list, a program or a log may
/// contain it.
///
/// Its text form is 64 hexadecimal digits.
///
/// ```
/// use tickwire::{PrivateKey, PublicKey};
///
/// let public: PublicKey = PrivateKey::from_bytes([7; 32]).public_key();
/// assert_eq!(public.to_string().parse(), Ok(public));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct PublicKey([u8; KEY_BYTES]);

impl PublicKey {
    /// Creates a key from any 32 bytes. With an invalid key every handshake fails.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; KEY_BYTES]) -> Self {
        Self(bytes)
    }

    /// The bytes, as in a packet.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; KEY_BYTES] {
        &self.0
    }
}

/// 64 hexadecimal digits, in either case.
impl FromStr for PublicKey {
    type Err = KeyParseError;

    fn from_str(text: &str) -> Result<Self, KeyParseError> {
        let mut bytes = [0; KEY_BYTES];
        parse_hex(text.as_bytes(), &mut bytes)?;
        Ok(Self(bytes))
    }
}

/// 64 hexadecimal digits, in lower case.
impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({self})")
    }
}

/// Why a text is not a key. The text is not quoted, because it may contain key material.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyParseError {
    /// The text has the wrong length.
    #[error("key is {len} bytes, but must be {} hexadecimal digits", 2 * KEY_BYTES)]
    Length {
        /// Its length in bytes; a key has 64. At most 128 bytes of a file are read.
        len: usize,
    },
    /// The text contains a byte that is not a hexadecimal digit.
    #[error("byte {} of the key is not a hexadecimal digit", .position + 1)]
    NotHexadecimal {
        /// Index of the first such byte, from 0.
        position: usize,
    },
}

/// Parses digits in place, so that no copy of a secret remains in memory.
pub(crate) fn parse_hex(digits: &[u8], bytes: &mut [u8; KEY_BYTES]) -> Result<(), KeyParseError> {
    if digits.len() != 2 * KEY_BYTES {
        return Err(KeyParseError::Length { len: digits.len() });
    }
    for (position, &digit) in digits.iter().enumerate() {
        let value = hex_value(digit).ok_or(KeyParseError::NotHexadecimal { position })?;
        bytes[position / 2] = bytes[position / 2] << 4 | value;
    }
    Ok(())
}

fn hex_value(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7748 section 6.1: Alice's keys.
    const PRIVATE: &str = "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a";
    const PUBLIC: &str = "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a";

    #[test]
    fn derives_the_public_key_of_rfc_7748() {
        let private: PrivateKey = PRIVATE.parse().unwrap();
        assert_eq!(private.public_key().to_string(), PUBLIC);
        let again = PrivateKey::from_bytes(*private.secret_bytes());
        assert_eq!(again.public_key(), private.public_key());
    }

    #[test]
    fn debug_output_contains_no_private_key() {
        let private: PrivateKey = PRIVATE.parse().unwrap();
        assert_eq!(format!("{private:?}"), "PrivateKey { .. }");
        assert_eq!(format!("{:#?}", Some(private)).matches("77").count(), 0);
    }

    #[test]
    fn parses_either_case_and_prints_lower_case() {
        let public: PublicKey = PUBLIC.to_uppercase().parse().unwrap();
        assert_eq!(public.to_string(), PUBLIC);
        assert_eq!(format!("{public:?}"), format!("PublicKey({PUBLIC})"));
        assert_eq!(PublicKey::from_bytes(*public.as_bytes()), public);
    }

    #[test]
    fn rejects_malformed_keys_with_a_reason() {
        let parse = |text: &str| text.parse::<PublicKey>().unwrap_err();
        assert_eq!(parse(""), KeyParseError::Length { len: 0 });
        assert_eq!(parse(&PUBLIC[1..]), KeyParseError::Length { len: 63 });
        let longer = format!("{PUBLIC}0");
        assert_eq!(parse(&longer), KeyParseError::Length { len: 65 });
        let garbled = format!("{}g", &PUBLIC[..63]);
        assert_eq!(
            parse(&garbled),
            KeyParseError::NotHexadecimal { position: 63 }
        );
        let not_ascii = format!("é{}", &PUBLIC[..62]);
        assert_eq!(
            parse(&not_ascii),
            KeyParseError::NotHexadecimal { position: 0 }
        );
        assert_eq!(
            parse(&garbled).to_string(),
            "byte 64 of the key is not a hexadecimal digit"
        );
        assert_eq!(
            parse("ab").to_string(),
            "key is 2 bytes, but must be 64 hexadecimal digits"
        );
    }
}
