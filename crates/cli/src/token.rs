//! `tickwire token`: plays the login service, to try admission tokens out.

use std::path::PathBuf;
use std::time::Duration;

use tickwire::token::{self, Claims, TokenId, TokenKey};

use crate::error::CliError;
use crate::output::Output;
use crate::protocol::{self, AUDIENCE};
use crate::time;

/// Issues an admission token, as a login service would, to try one out
///
/// It is for one player and for one server, opens one connection, and is not good for long:
///
///   tickwire keygen --token token.key
///   tickwire serve --token-key token.key
///   tickwire ping --connect ADDRESS --server-key KEY --token TOKEN
///
/// What is printed is the token in hexadecimal digits. Everybody can read what is in it, and whoever
/// has it is let in.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Options {
    /// The file with the key that the server knows as well, as `keygen --token` makes it
    #[arg(long, value_name = "FILE")]
    key: PathBuf,

    /// Who is to be let in, 1 to 36 bytes
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    player: String,

    /// Which server it is for, as its `serve --audience`, 1 to 32 bytes
    #[arg(long, value_name = "TEXT", default_value = AUDIENCE, allow_hyphen_values = true)]
    audience: String,

    /// How long it is good, in whole seconds
    #[arg(long, value_name = "TIME", default_value = "1m", value_parser = time::parse,
          allow_hyphen_values = true)]
    lifetime: Duration,

    /// What else the server is to know, up to 128 bytes
    #[arg(
        long,
        value_name = "TEXT",
        default_value = "",
        allow_hyphen_values = true
    )]
    data: String,
}

pub(crate) fn run(options: &Options) -> Result<(), CliError> {
    let key =
        TokenKey::read_file(&options.key).map_err(|error| CliError::Usage(error.to_string()))?;
    let id = TokenId::generate().map_err(CliError::cannot("draw an id"))?;
    let grant = Claims {
        player: options.player.as_bytes(),
        audience: options.audience.as_bytes(),
        expires_at: time::unix_now().saturating_add(options.lifetime.as_secs()),
        data: options.data.as_bytes(),
    };
    let token = token::issue(&key, &grant, id).map_err(|error| {
        let (field, len, min, max) = (error.field, error.len, error.min, error.max);
        CliError::Usage(format!(
            "--{field} is {len} bytes, it can be {min} to {max}"
        ))
    })?;
    let mut output = Output::new();
    output.line(protocol::Hex(&token))?;
    output.flush()
}
