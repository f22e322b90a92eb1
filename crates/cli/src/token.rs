//! `tickwire token`: issues an admission token.

use std::path::PathBuf;
use std::time::Duration;

use tickwire::token::{self, Claims, IssueError, TokenKey};

use crate::error::CliError;
use crate::output::Output;
use crate::protocol::AUDIENCE;
use crate::time;

/// Issues an admission token, as a login service would
///
/// A token is for one player and one audience, opens one connection and expires.
/// It is printed in hexadecimal digits. It is signed and not encrypted, and the
/// server admits any client that presents it.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment, after_long_help = include_str!("help/token.txt"))]
pub(crate) struct Options {
    /// File with the key shared with the server
    ///
    /// As written by `keygen --token-key`.
    #[arg(long, value_name = "FILE")]
    token_key: PathBuf,

    /// Player that the token admits, 1 to 36 bytes
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    player: String,

    /// Audience of the server
    ///
    /// 1 to 32 bytes. Must equal `serve --audience`.
    #[arg(long, value_name = "TEXT", default_value = AUDIENCE, allow_hyphen_values = true)]
    audience: String,

    /// Time until the token expires
    ///
    /// A whole number of seconds, at least 1s.
    #[arg(long, value_name = "TIME", default_value = "1m", value_parser = lifetime,
          allow_hyphen_values = true)]
    lifetime: Duration,

    /// Data for the server, up to 128 bytes
    #[arg(
        long,
        value_name = "TEXT",
        default_value = "",
        hide_default_value = true,
        allow_hyphen_values = true
    )]
    data: String,
}

fn lifetime(text: &str) -> Result<Duration, String> {
    let time = time::parse(text)?;
    if time.subsec_nanos() == 0 && !time.is_zero() {
        return Ok(time);
    }
    Err("must be at least 1s and whole seconds, in which a token carries its expiry".to_owned())
}

pub(crate) fn run(options: &Options) -> Result<(), CliError> {
    let key = TokenKey::read_file(&options.token_key)?;
    let claims = Claims {
        player: options.player.as_bytes(),
        audience: options.audience.as_bytes(),
        data: options.data.as_bytes(),
        ..Claims::default()
    };
    let token = token::issue_now(&key, &claims, options.lifetime).map_err(|error| match error {
        IssueError::Length(error) => error.into(),
        error => CliError::Runtime(error.to_string()),
    })?;
    let mut output = Output::text();
    output.line(hex::encode(token))?;
    output.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lifetime_is_a_whole_number_of_seconds() {
        assert_eq!(lifetime("1s"), Ok(Duration::from_secs(1)));
        for text in ["0s", "999ms", "1s 500ms"] {
            let error = lifetime(text).expect_err("it is out of range");
            assert!(
                error.starts_with("must be at least 1s and whole seconds"),
                "{error}"
            );
        }
    }
}
