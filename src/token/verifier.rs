//! What a server knows a good token by.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::limits::{TOKEN_AUDIENCE_MAX, TOKENS_USED_DEFAULT};
use crate::token::error::{LengthError, TokenError};
use crate::token::format;
use crate::token::format::{Claims, in_range};
use crate::token::key::{TokenId, TokenKey};
use crate::token::used::RedeemedTokens;

/// Tells good tokens from others: those that are signed with its key, for its audience, not expired and
/// not used.
///
/// Clones are the same verifier: what is spent with one is spent with all, and they may live in different
/// threads. So one goes into [`set_admission`](crate::Host::set_admission) and one stays with the loop.
/// See the [module](super) for both together.
///
/// `now` is the time of day in seconds since 1970-01-01 00:00 UTC. If it is put back, a token that was
/// used and forgotten counts as expired all the same.
///
/// `Debug` prints the audience and counts, never the key or a token.
#[derive(Clone)]
pub struct Verifier {
    key: TokenKey,
    audience: Vec<u8>,
    book: Arc<Mutex<VerifierState>>,
}

/// What clones share.
struct VerifierState {
    used: RedeemedTokens,
    stats: VerifierStats,
}

/// How often a [`Verifier`] and its clones said what. Every call counts, and one who is turned away may
/// ask again several times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct VerifierStats {
    /// A look at a good token.
    pub good: u64,
    /// A good token, and it is spent now.
    pub spent: u64,
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
    /// For tokens that are signed with `key` and issued for `audience`, byte for byte. It remembers up to
    /// [`TOKENS_USED_DEFAULT`], 262,144 used ones.
    ///
    /// # Errors
    ///
    /// No token has such an audience: it can be 1 to [`TOKEN_AUDIENCE_MAX`], 32 bytes.
    pub fn new(key: TokenKey, audience: &[u8]) -> Result<Self, LengthError> {
        Self::with_used_max(key, audience, TOKENS_USED_DEFAULT)
    }

    /// As [`new`](Self::new), with room for `used_max` used tokens, about 40 bytes each. The memory grows
    /// to what is really used.
    ///
    /// A token is forgotten when it has expired. When as many are remembered that have not, the next is
    /// [`TableFull`](TokenError::TableFull).
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    pub fn with_used_max(
        key: TokenKey,
        audience: &[u8],
        used_max: usize,
    ) -> Result<Self, LengthError> {
        in_range("audience", audience, 1, TOKEN_AUDIENCE_MAX)?;
        let book = VerifierState {
            used: RedeemedTokens::new(used_max),
            stats: VerifierStats::default(),
        };
        Ok(Self {
            key,
            audience: audience.to_vec(),
            book: Arc::new(Mutex::new(book)),
        })
    }

    /// Looks at a token, as often as you like: for the door.
    ///
    /// # Errors
    ///
    /// Why it is not good; never [`TableFull`](TokenError::TableFull).
    pub fn verify<'a>(&self, token: &'a [u8], now: u64) -> Result<Claims<'a>, TokenError> {
        let verdict = self.read(token).and_then(|(id, grant)| {
            let book = self.book();
            book.used.check(id, grant.expires_at, now).map(|()| grant)
        });
        self.book().stats.count(&verdict, |stats| &mut stats.good);
        verdict
    }

    /// Uses a token, which can be done once: for somebody who is really there, at
    /// [`Connected`](crate::Event::Connected).
    ///
    /// # Errors
    ///
    /// Why it is not good. Then nothing has changed, and he is to be
    /// [sent away](crate::Host::disconnect).
    pub fn redeem<'a>(&self, token: &'a [u8], now: u64) -> Result<Claims<'a>, TokenError> {
        let verdict = self.read(token).and_then(|(id, grant)| {
            let mut book = self.book();
            book.used.insert(id, grant.expires_at, now).map(|()| grant)
        });
        self.book().stats.count(&verdict, |stats| &mut stats.spent);
        verdict
    }

    /// How often it said what, so far.
    pub fn stats(&self) -> VerifierStats {
        self.book().stats
    }

    /// How many used tokens are remembered now.
    pub fn used(&self) -> usize {
        self.book().used.len()
    }

    fn read<'a>(&self, token: &'a [u8]) -> Result<(TokenId, Claims<'a>), TokenError> {
        let (id, grant) = format::read(&self.key, token)?;
        if grant.audience != self.audience {
            return Err(TokenError::WrongAudience);
        }
        Ok((id, grant))
    }

    /// Nothing that is done with it can stop half-way.
    fn book(&self) -> MutexGuard<'_, VerifierState> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
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
        verdict: &Result<Claims<'_>, TokenError>,
        good: impl FnOnce(&mut Self) -> &mut u64,
    ) {
        let count = match verdict {
            Ok(_) => good(self),
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
