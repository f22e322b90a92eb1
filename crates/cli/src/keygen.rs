//! `tickwire keygen`: a new secret in a file.

use std::path::PathBuf;

use tickwire::{KeyFileError, PrivateKey, token};

use crate::error::CliError;
use crate::output::Output;

/// Makes a key for a server, and prints what its players are to know of it
///
/// The file is the private key: who has it can pose as the server. On Unix its owner alone can read or
/// write it. What is printed is the public key, and no secret:
///
///   tickwire keygen server.key
///   tickwire serve --key server.key
///   tickwire ping --connect ADDRESS --server-key PUBLIC
///
/// With --token it makes the key that admission tokens are signed with, which has no public half:
///
///   tickwire keygen --token token.key
///   tickwire serve --token-key token.key
///   tickwire token --key token.key --player anna
///
/// Either file is 64 hexadecimal digits and the end of the line.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Options {
    /// Where to write the secret key
    file: PathBuf,

    /// Takes the place of a file that is there. The key in it is lost
    #[arg(long)]
    force: bool,

    /// A key for admission tokens, which a login service and its servers share
    #[arg(long)]
    token: bool,
}

pub(crate) fn run(options: &Options) -> Result<(), CliError> {
    let mut output = Output::new();
    if options.token {
        options.write_token_key()?;
        output.line(format_args!("token key in {}", options.file.display()))?;
    } else {
        output.line(options.write_private_key()?.public_key())?;
    }
    output.flush()
}

impl Options {
    fn write_private_key(&self) -> Result<PrivateKey, CliError> {
        let key = PrivateKey::generate().map_err(CliError::cannot("draw a key"))?;
        let written = if self.force {
            key.replace_file(&self.file)
        } else {
            key.write_file(&self.file)
        };
        written.map_err(|error| not_written(&error))?;
        Ok(key)
    }

    fn write_token_key(&self) -> Result<(), CliError> {
        let key = token::TokenKey::generate().map_err(CliError::cannot("draw a key"))?;
        let written = if self.force {
            key.replace_file(&self.file)
        } else {
            key.write_file(&self.file)
        };
        written.map_err(|error| not_written(&error))
    }
}

fn not_written(error: &KeyFileError) -> CliError {
    use tickwire::KeyFileErrorKind::Exists;
    match error.kind {
        Exists => CliError::Usage(format!("{error}; --force puts a new key in its place")),
        _ => CliError::Runtime(error.to_string()),
    }
}
