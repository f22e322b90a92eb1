//! The replay table: redeemed tokens that have not expired.

use std::collections::BTreeSet;

use crate::token::error::TokenError;
use crate::token::key::TokenId;

/// Sorted by expiry, so that expired tokens come first. The caller has verified the signatures.
pub(super) struct RedeemedTokens {
    tokens: BTreeSet<(u64, TokenId)>,
    max: usize,
    /// Latest expiry among the forgotten tokens. They stay expired if the clock is set back.
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

    /// Whether a token may be redeemed now.
    pub(super) fn check(&self, id: TokenId, expires_at: u64, now: u64) -> Result<(), TokenError> {
        if expires_at <= now || expires_at <= self.forgotten_until {
            return Err(TokenError::Expired);
        }
        if self.tokens.contains(&(expires_at, id)) {
            return Err(TokenError::UsedBefore);
        }
        Ok(())
    }

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
