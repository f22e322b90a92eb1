//! `tickwire keygen`: writes a new secret key to a file.

use std::path::PathBuf;

use tickwire::token::TokenKey;
use tickwire::{KeyFileError, KeyFileErrorKind, PrivateKey};

use crate::error::CliError;
use crate::output::Output;

/// Generates a server key and prints its public key
///
/// The file has the server's private key, with which another host could impersonate the server. On Unix
/// only its owner can read or write it. The public key that is printed is no secret:
///
///   tickwire keygen server.key
///   tickwire serve --key server.key
///   tickwire ping --connect ADDRESS --server-key PUBLIC
///
/// With --token it generates the key that signs admission tokens, which has no public key:
///
///   tickwire keygen --token token.key
///   tickwire serve --token-key token.key
///   tickwire token --key token.key --player anna
///
/// Either file is two lines: what kind of key it is, and the key in 64 hexadecimal digits. A server key is
/// refused where a token key belongs, and the other way round.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Options {
    /// File to write the secret key to
    file: PathBuf,

    /// Overwrites an existing file. The key in it is lost
    #[arg(long)]
    force: bool,

    /// Generates a key for admission tokens, which a login service and its servers share
    #[arg(long)]
    token: bool,
}

pub(crate) fn run(options: &Options) -> Result<(), CliError> {
    let (file, force) = (&options.file, options.force);
    let generated = CliError::cannot("generate a key");
    let (written, line) = if options.token {
        let key = TokenKey::generate().map_err(generated)?;
        let written = match force {
            true => key.replace_file(file),
            false => key.write_file(file),
        };
        (written, format!("token key in {}", file.display()))
    } else {
        let key = PrivateKey::generate().map_err(generated)?;
        let written = match force {
            true => key.replace_file(file),
            false => key.write_file(file),
        };
        (written, key.public_key().to_string())
    };
    written.map_err(|error| not_written(&error))?;
    let mut output = Output::new();
    output.line(line)?;
    output.flush()
}

fn not_written(error: &KeyFileError) -> CliError {
    match error.kind {
        KeyFileErrorKind::Exists => {
            CliError::Usage(format!("{error}; --force overwrites it with a new key"))
        }
        _ => CliError::Runtime(error.to_string()),
    }
}
