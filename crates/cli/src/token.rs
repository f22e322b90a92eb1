//! `tickwire token`: issues admission tokens, in place of a login service.

use std::path::PathBuf;
use std::time::Duration;

use tickwire::token::{self, Claims, TokenId, TokenKey};

use crate::error::CliError;
use crate::output::Output;
use crate::protocol::AUDIENCE;
use crate::time;

/// Issues an admission token, as a login service would
///
/// A token is for one player and one audience, opens one connection and expires:
///
///   tickwire keygen --token token.key
///   tickwire serve --token-key token.key
///   tickwire ping --connect ADDRESS --server-key KEY --token TOKEN
///
/// It is printed in hexadecimal digits. Its content is not encrypted, and the server admits any client
/// that presents it.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Options {
    /// File with the key that the server also has, as written by `keygen --token`
    #[arg(long, value_name = "FILE")]
    key: PathBuf,

    /// Player that the token admits, 1 to 36 bytes
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    player: String,

    /// Audience: the server's `serve --audience`, 1 to 32 bytes
    #[arg(long, value_name = "TEXT", default_value = AUDIENCE, allow_hyphen_values = true)]
    audience: String,

    /// Time until the token expires, in whole seconds
    #[arg(long, value_name = "TIME", default_value = "1m", value_parser = time::parse,
          allow_hyphen_values = true)]
    lifetime: Duration,

    /// Additional data for the server, up to 128 bytes
    #[arg(
        long,
        value_name = "TEXT",
        default_value = "",
        allow_hyphen_values = true
    )]
    data: String,
}

pub(crate) fn run(options: &Options) -> Result<(), CliError> {
    let key = TokenKey::read_file(&options.key).map_err(CliError::usage)?;
    let id = TokenId::generate().map_err(CliError::cannot("generate a token id"))?;
    let claims = Claims {
        player: options.player.as_bytes(),
        audience: options.audience.as_bytes(),
        expires_at: time::unix_now().saturating_add(options.lifetime.as_secs()),
        data: options.data.as_bytes(),
    };
    let token = token::issue(&key, &claims, id).map_err(|error| {
        let (field, len, min, max) = (error.field, error.len, error.min, error.max);
        CliError::Usage(format!(
            "--{field} is {len} bytes, it can be {min} to {max}"
        ))
    })?;
    let mut output = Output::new();
    output.line(hex::encode(token))?;
    output.flush()
}
