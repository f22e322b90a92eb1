//! Which tokens were used, for as long as they are of use to anybody.

use std::collections::BTreeSet;

use crate::token::error::TokenError;
use crate::token::key::TokenId;

/// The replay table. Sorted by expiry, so that what can be forgotten stands in front.
///
/// Knows nothing of signatures: what it is told was genuine.
pub(super) struct RedeemedTokens {
    tokens: BTreeSet<(u64, TokenId)>,
    max: usize,
    /// The latest expiry that was forgotten. A clock that was put back must not make those good again.
    forgotten_until: u64,
}

impl RedeemedTokens {
    pub(super) fn new(max: usize) -> Self {
        Self {
            tokens: BTreeSet::new(),
            max,
            forgotten_until: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.tokens.len()
    }

    /// Whether a token may be used now. It is not used by that.
    pub(super) fn check(&self, id: TokenId, expires_at: u64, now: u64) -> Result<(), TokenError> {
        if expires_at <= now || expires_at <= self.forgotten_until {
            return Err(TokenError::Expired);
        }
        if self.tokens.contains(&(expires_at, id)) {
            return Err(TokenError::UsedBefore);
        }
        Ok(())
    }

    /// Uses it, if it may be used.
    pub(super) fn insert(
        &mut self,
        id: TokenId,
        expires_at: u64,
        now: u64,
    ) -> Result<(), TokenError> {
        self.check(id, expires_at, now)?;
        self.forget_expired(now);
        if self.tokens.len() >= self.max {
            return Err(TokenError::TableFull);
        }
        self.tokens.insert((expires_at, id));
        Ok(())
    }

    fn forget_expired(&mut self, now: u64) {
        while let Some(&(expires_at, _)) = self.tokens.first() {
            if expires_at > now {
                return;
            }
            self.forgotten_until = expires_at;
            self.tokens.pop_first();
        }
    }
}
