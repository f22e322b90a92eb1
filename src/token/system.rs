//! Tokens and token keys from the system: entropy, files and the wall clock.

use std::io;
use std::path::Path;
use std::time::Duration;

use crate::clock;
use crate::keys::file;
use crate::keys::file::{KeyFileError, KeyKind};
use crate::keys::random_secret;
use crate::token::error::{LengthError, TokenError};
use crate::token::format::{Claims, issue};
use crate::token::key::{TokenId, TokenKey};
use crate::token::verifier::Verifier;

impl TokenKey {
    /// Generates a key from the system's entropy.
    ///
    /// # Errors
    ///
    /// The system has no entropy.
    pub fn generate() -> io::Result<Self> {
        Ok(Self::from_bytes(*random_secret()?))
    }

    /// Reads a key file written by `tickwire keygen --token-key` or
    /// [`write_file`](Self::write_file), like
    /// [`PrivateKey::read_file`](crate::PrivateKey::read_file) but with the first line
    /// `tickwire token key 1`.
    ///
    /// # Errors
    ///
    /// Same as [`PrivateKey::read_file`](crate::PrivateKey::read_file). A server key is rejected.
    pub fn read_file(path: impl AsRef<Path>) -> Result<Self, KeyFileError> {
        let bytes = file::read(path.as_ref(), KeyKind::Token)?;
        Ok(Self::from_bytes(*bytes))
    }

    /// Writes the key to a new file, like
    /// [`PrivateKey::write_file`](crate::PrivateKey::write_file).
    ///
    /// # Errors
    ///
    /// Same as [`PrivateKey::write_file`](crate::PrivateKey::write_file).
    pub fn write_file(&self, path: impl AsRef<Path>) -> Result<(), KeyFileError> {
        file::write_new(path.as_ref(), KeyKind::Token, self.secret_bytes())
    }

    /// Replaces an existing file, like
    /// [`PrivateKey::replace_file`](crate::PrivateKey::replace_file).
    ///
    /// # Errors
    ///
    /// Same as [`PrivateKey::replace_file`](crate::PrivateKey::replace_file).
    pub fn replace_file(&self, path: impl AsRef<Path>) -> Result<(), KeyFileError> {
        file::replace(path.as_ref(), KeyKind::Token, self.secret_bytes())
    }
}

impl TokenId {
    /// Generates an id from the system's entropy. 16 random bytes do not repeat.
    ///
    /// # Errors
    ///
    /// The system has no entropy.
    pub fn generate() -> io::Result<Self> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes)?;
        Ok(Self::from_bytes(bytes))
    }
}

/// Issues a token that is valid from now on for `lifetime`: [`issue`] with a new
/// [id](TokenId::generate) and the wall clock. `claims.expires_at` is ignored.
///
/// The lifetime is rounded up to whole seconds. A token with a lifetime of zero has already
/// expired.
///
/// # Errors
///
/// See [`IssueError`].
pub fn issue_now(
    key: &TokenKey,
    claims: &Claims<'_>,
    lifetime: Duration,
) -> Result<Vec<u8>, IssueError> {
    let now = clock::unix_seconds().ok_or(IssueError::Clock)?;
    let claims = Claims {
        expires_at: expiry(now, lifetime),
        ..*claims
    };
    let id = TokenId::generate().map_err(IssueError::Entropy)?;
    issue(key, &claims, id).map_err(IssueError::Length)
}

fn expiry(now: u64, lifetime: Duration) -> u64 {
    let is_fraction = lifetime.subsec_nanos() > 0;
    let seconds = lifetime.as_secs().saturating_add(u64::from(is_fraction));
    now.saturating_add(seconds)
}

impl Verifier {
    /// Like [`verify`](Self::verify), with the wall clock as `now`. If the clock is set before
    /// 1970, every token counts as expired.
    ///
    /// # Errors
    ///
    /// Same as [`verify`](Self::verify).
    pub fn verify_now<'a>(&self, token: &'a [u8]) -> Result<Claims<'a>, TokenError> {
        self.verify(token, now_or_end())
    }

    /// Like [`redeem`](Self::redeem), with the wall clock as `now`. If the clock is set before
    /// 1970, every token counts as expired.
    ///
    /// # Errors
    ///
    /// Same as [`redeem`](Self::redeem).
    pub fn redeem_now<'a>(&self, token: &'a [u8]) -> Result<Claims<'a>, TokenError> {
        self.redeem(token, now_or_end())
    }
}

fn now_or_end() -> u64 {
    clock::unix_seconds().unwrap_or(u64::MAX)
}

/// Why [`issue_now`] issued no token.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IssueError {
    /// The length of a claim is out of its range.
    #[error(transparent)]
    Length(LengthError),
    /// The system has no entropy for the id.
    #[error("cannot issue a token: the system has no entropy for its id: {0}")]
    Entropy(#[source] io::Error),
    /// The wall clock is set before 1970.
    #[error("cannot issue a token: the wall clock is set before 1970")]
    Clock,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_a_lifetime_up_to_seconds_without_overflow() {
        assert_eq!(expiry(100, Duration::ZERO), 100);
        assert_eq!(expiry(100, Duration::from_nanos(1)), 101);
        assert_eq!(expiry(100, Duration::from_secs(60)), 160);
        assert_eq!(expiry(100, Duration::from_millis(60_500)), 161);
        assert_eq!(expiry(100, Duration::MAX), u64::MAX);
    }

    #[test]
    fn an_issued_token_can_be_redeemed_once() {
        let key = TokenKey::from_bytes([7; 32]);
        let verifier = Verifier::new(key.clone(), b"arena-7").unwrap();
        let claims = Claims {
            player: b"anna",
            audience: b"arena-7",
            data: b"level 12",
            expires_at: 1, // is ignored
        };
        let token = issue_now(&key, &claims, Duration::from_secs(60)).unwrap();
        let read = verifier.verify_now(&token).unwrap();
        assert_eq!((read.player, read.data), (claims.player, claims.data));
        assert!(read.expires_at > 1_700_000_000, "{}", read.expires_at);
        assert!(verifier.redeem_now(&token).is_ok());
        assert_eq!(verifier.redeem_now(&token), Err(TokenError::UsedBefore));

        let again = issue_now(&key, &claims, Duration::from_secs(60)).unwrap();
        assert!(
            verifier.redeem_now(&again).is_ok(),
            "it has an id of its own"
        );
        let expired = issue_now(&key, &claims, Duration::ZERO).unwrap();
        assert_eq!(verifier.verify_now(&expired), Err(TokenError::Expired));
        assert_eq!(verifier.redeem_now(&expired), Err(TokenError::Expired));
    }

    #[test]
    fn rejects_claims_out_of_range_by_name() {
        let key = TokenKey::from_bytes([7; 32]);
        let claims = Claims {
            audience: b"arena-7",
            ..Claims::default()
        };
        let error = issue_now(&key, &claims, Duration::from_secs(60)).unwrap_err();
        assert!(matches!(error, IssueError::Length(_)), "{error:?}");
        assert!(
            error
                .to_string()
                .starts_with("player of a token is 0 bytes")
        );
    }
}
