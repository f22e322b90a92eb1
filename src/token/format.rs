//! Encoding and decoding of tokens.

use std::fmt;

use crate::token::error::{LengthError, TokenError};
use crate::token::key::{TokenId, TokenKey};
use crate::token::{TOKEN_AUDIENCE_MAX, TOKEN_DATA_MAX, TOKEN_MAX, TOKEN_PLAYER_MAX, VERSION};

const SIGNATURE_BYTES: usize = 32;
/// Version, id, expiry, three lengths, one byte of player and one of audience.
const SIGNED_MIN: usize = 1 + 16 + 8 + 3 + 1 + 1;
const TOKEN_MIN: usize = SIGNED_MIN + SIGNATURE_BYTES;
// A length is one byte.
const _: () = assert!(TOKEN_PLAYER_MAX < 256 && TOKEN_AUDIENCE_MAX < 256 && TOKEN_DATA_MAX < 256);

/// The claims of a token: what a login service states about one player.
///
/// `Debug` prints lengths and the expiry, never the player, the audience or the data.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Claims<'a> {
    /// The player's id, in the application's own form: 1 to [`TOKEN_PLAYER_MAX`] (36) bytes.
    pub player: &'a [u8],
    /// The server, region or game that the token is valid for: 1 to [`TOKEN_AUDIENCE_MAX`] (32)
    /// bytes.
    pub audience: &'a [u8],
    /// Expiry in seconds since 1970-01-01 00:00 UTC: the first second in which the token is
    /// invalid. [`issue_now`](super::issue_now) computes it.
    pub expires_at: u64,
    /// Data for the server: up to [`TOKEN_DATA_MAX`] (128) bytes. The player can read it, but not
    /// change it.
    pub data: &'a [u8],
}

impl fmt::Debug for Claims<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Claims")
            .field("player", &format_args!("{} bytes", self.player.len()))
            .field("audience", &format_args!("{} bytes", self.audience.len()))
            .field("expires_at", &self.expires_at)
            .field("data", &format_args!("{} bytes", self.data.len()))
            .finish()
    }
}

/// Issues a token of at most [`TOKEN_MAX`] (256) bytes, for the
/// [payload](crate::ConnectOptions::payload) of a connect. [`issue_now`](super::issue_now)
/// generates the id and computes the expiry.
///
/// The same arguments give the same token. `id` must be unique ([`TokenId::generate`]): of two
/// tokens with one id, only one can be redeemed.
///
/// # Errors
///
/// The length of a field is out of its range.
pub fn issue(key: &TokenKey, claims: &Claims<'_>, id: TokenId) -> Result<Vec<u8>, LengthError> {
    let fields = [
        (
            in_range("player", claims.player, 1, TOKEN_PLAYER_MAX)?,
            claims.player,
        ),
        (
            in_range("audience", claims.audience, 1, TOKEN_AUDIENCE_MAX)?,
            claims.audience,
        ),
        (
            in_range("data", claims.data, 0, TOKEN_DATA_MAX)?,
            claims.data,
        ),
    ];
    let mut token = Vec::with_capacity(TOKEN_MAX);
    token.push(VERSION);
    token.extend(id.as_bytes());
    token.extend(claims.expires_at.to_be_bytes());
    for (len, field) in fields {
        token.push(len);
        token.extend(field);
    }
    let signature = key.sign(&token);
    token.extend(signature.as_ref());
    Ok(token)
}

/// The length of a field as its byte in a token.
pub(super) fn in_range(
    field: &'static str,
    bytes: &[u8],
    min: usize,
    max: usize,
) -> Result<u8, LengthError> {
    let len = bytes.len();
    let fits = (min..=max).contains(&len);
    let byte = u8::try_from(len).ok().filter(|_| fits);
    byte.ok_or(LengthError {
        field,
        len,
        min,
        max,
    })
}

/// Parses a token signed with `key`. Before the signature is verified, only the length and the
/// version are read.
pub(super) fn read<'a>(
    key: &TokenKey,
    token: &'a [u8],
) -> Result<(TokenId, Claims<'a>), TokenError> {
    let version = *token.first().ok_or(TokenError::Malformed)?;
    if version != VERSION {
        return Err(TokenError::UnknownVersion { version });
    }
    if !(TOKEN_MIN..=TOKEN_MAX).contains(&token.len()) {
        return Err(TokenError::Malformed);
    }
    let (signed, signature) = token.split_at(token.len() - SIGNATURE_BYTES);
    if !key.is_signature(signature, signed) {
        return Err(TokenError::BadSignature);
    }
    // A faulty login service signed a token that cannot be parsed.
    parse(&signed[1..]).ok_or(TokenError::Malformed)
}

fn parse(bytes: &[u8]) -> Option<(TokenId, Claims<'_>)> {
    let (id, rest) = bytes.split_first_chunk::<16>()?;
    let (expires_at, rest) = rest.split_first_chunk::<8>()?;
    let (player, rest) = field(rest, 1, TOKEN_PLAYER_MAX)?;
    let (audience, rest) = field(rest, 1, TOKEN_AUDIENCE_MAX)?;
    let (data, rest) = field(rest, 0, TOKEN_DATA_MAX)?;
    let claims = Claims {
        player,
        audience,
        expires_at: u64::from_be_bytes(*expires_at),
        data,
    };
    rest.is_empty()
        .then_some((TokenId::from_bytes(*id), claims))
}

fn field(bytes: &[u8], min: usize, max: usize) -> Option<(&[u8], &[u8])> {
    let (&len, rest) = bytes.split_first()?;
    let len = usize::from(len);
    if !(min..=max).contains(&len) {
        return None;
    }
    rest.split_at_checked(len)
}
