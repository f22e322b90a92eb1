//! The server side of tokens.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::limits::PEERS_MAX;
use crate::token::TOKEN_AUDIENCE_MAX;
use crate::token::error::{LengthError, TokenError};
use crate::token::format;
use crate::token::format::{Claims, in_range};
use crate::token::key::{TokenId, TokenKey};
use crate::token::used::RedeemedTokens;

/// Default maximum of remembered redeemed tokens: about 10 MB, and 4,000 logins per second with
/// tokens that are valid for a minute.
const TOKENS_USED_DEFAULT: usize = 1 << 18;
const _: () = assert!(TOKENS_USED_DEFAULT >= 4 * PEERS_MAX && TOKENS_USED_DEFAULT >= 60 * 4000);

/// Verifies tokens: signed with its key, issued for its audience, not expired, not redeemed.
///
/// Clones share their redeemed tokens and may be used in different threads: one in
/// [`set_admission`](crate::Host::set_admission), one in the loop (see the [module](super)).
///
/// `now` is the wall clock's time in seconds since 1970-01-01 00:00 UTC. If it is set back,
/// forgotten redeemed tokens stay expired.
///
/// `Debug` prints the audience and counts, never the key or a token.
#[derive(Clone)]
pub struct Verifier {
    key: TokenKey,
    audience: Vec<u8>,
    state: Arc<Mutex<VerifierState>>,
}

/// State that clones share.
struct VerifierState {
    used: RedeemedTokens,
    stats: VerifierStats,
}

/// Results of a [`Verifier`] and its clones. Every call counts; a denied client may cause several.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct VerifierStats {
    /// Tokens that [`verify`](Verifier::verify) accepted.
    pub verified: u64,
    /// Tokens that [`redeem`](Verifier::redeem) accepted.
    pub redeemed: u64,
    /// [`TokenError::Malformed`].
    pub malformed: u64,
    /// [`TokenError::UnknownVersion`].
    pub unknown_version: u64,
    /// [`TokenError::BadSignature`].
    pub bad_signature: u64,
    /// [`TokenError::WrongAudience`].
    pub wrong_audience: u64,
    /// [`TokenError::Expired`].
    pub expired: u64,
    /// [`TokenError::UsedBefore`].
    pub used_before: u64,
    /// [`TokenError::TableFull`].
    pub table_full: u64,
}

impl Verifier {
    /// Creates a verifier of tokens that are signed with `key` and issued for exactly `audience`.
    /// It remembers up to 262,144 redeemed tokens.
    ///
    /// # Errors
    ///
    /// `audience` is not 1 to [`TOKEN_AUDIENCE_MAX`] (32) bytes long.
    pub fn new(key: TokenKey, audience: &[u8]) -> Result<Self, LengthError> {
        Self::with_used_max(key, audience, TOKENS_USED_DEFAULT)
    }

    /// Like [`new`](Self::new), with a table of up to `used_max` redeemed tokens of about 40 bytes
    /// each, allocated as needed. At the limit every further token is
    /// [`TableFull`](TokenError::TableFull) until one expires.
    ///
    /// # Errors
    ///
    /// Same as [`new`](Self::new).
    pub fn with_used_max(
        key: TokenKey,
        audience: &[u8],
        used_max: usize,
    ) -> Result<Self, LengthError> {
        in_range("audience", audience, 1, TOKEN_AUDIENCE_MAX)?;
        let state = VerifierState {
            used: RedeemedTokens::new(used_max),
            stats: VerifierStats::default(),
        };
        Ok(Self {
            key,
            audience: audience.to_vec(),
            state: Arc::new(Mutex::new(state)),
        })
    }

    /// Verifies a token without redeeming it, any number of times: for the admission callback.
    ///
    /// # Errors
    ///
    /// See [`TokenError`]; never [`TableFull`](TokenError::TableFull).
    pub fn verify<'a>(&self, token: &'a [u8], now: u64) -> Result<Claims<'a>, TokenError> {
        let result = self.read(token).and_then(|(id, claims)| {
            let state = self.state();
            state
                .used
                .check(id, claims.expires_at, now)
                .map(|()| claims)
        });
        self.state()
            .stats
            .count(&result, |stats| &mut stats.verified);
        result
    }

    /// Redeems a token, which succeeds once: for a client that is
    /// [`Connected`](crate::Event::Connected).
    ///
    /// # Errors
    ///
    /// See [`TokenError`]. On error nothing is changed; [disconnect](crate::Host::disconnect) the
    /// client.
    pub fn redeem<'a>(&self, token: &'a [u8], now: u64) -> Result<Claims<'a>, TokenError> {
        let result = self.read(token).and_then(|(id, claims)| {
            let mut state = self.state();
            state
                .used
                .insert(id, claims.expires_at, now)
                .map(|()| claims)
        });
        self.state()
            .stats
            .count(&result, |stats| &mut stats.redeemed);
        result
    }

    /// Results so far.
    #[must_use]
    pub fn stats(&self) -> VerifierStats {
        self.state().stats
    }

    /// Number of remembered redeemed tokens.
    #[must_use]
    pub fn used(&self) -> usize {
        self.state().used.len()
    }

    fn read<'a>(&self, token: &'a [u8]) -> Result<(TokenId, Claims<'a>), TokenError> {
        let (id, claims) = format::read(&self.key, token)?;
        if claims.audience != self.audience {
            return Err(TokenError::WrongAudience);
        }
        Ok((id, claims))
    }

    /// No update panics halfway, so a poisoned lock is safe to use.
    fn state(&self) -> MutexGuard<'_, VerifierState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let audience = self.audience.escape_ascii();
        f.debug_struct("Verifier")
            .field("audience", &format_args!("{audience}"))
            .field("used", &self.used())
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}

impl VerifierStats {
    fn count(
        &mut self,
        result: &Result<Claims<'_>, TokenError>,
        accepted: impl FnOnce(&mut Self) -> &mut u64,
    ) {
        let count = match result {
            Ok(_) => accepted(self),
            Err(TokenError::Malformed) => &mut self.malformed,
            Err(TokenError::UnknownVersion { .. }) => &mut self.unknown_version,
            Err(TokenError::BadSignature) => &mut self.bad_signature,
            Err(TokenError::WrongAudience) => &mut self.wrong_audience,
            Err(TokenError::Expired) => &mut self.expired,
            Err(TokenError::UsedBefore) => &mut self.used_before,
            Err(TokenError::TableFull) => &mut self.table_full,
        };
        *count += 1;
    }
}
