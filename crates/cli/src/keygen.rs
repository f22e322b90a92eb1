//! `tickwire keygen`: generates a secret key.

use std::path::PathBuf;

use tickwire::PrivateKey;
use tickwire::token::TokenKey;

use crate::error::CliError;
use crate::output::Output;

/// Generates a secret key and writes it to a file
///
/// Without --token-key it is the private key of a server, whose public key is
/// printed. The public key is not secret: clients pin it to authenticate the
/// server. A host with the private key can impersonate the server.
///
/// On Unix, only its owner can read or write the file. It has two lines: the kind
/// of the key, and the key in 64 hexadecimal digits.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment, after_long_help = include_str!("help/keygen.txt"))]
pub(crate) struct Options {
    /// File of the secret key
    file: PathBuf,

    /// Prints the public key of an existing file, and generates no key
    #[arg(long, conflicts_with_all = ["force", "token_key"])]
    show: bool,

    /// Overwrites an existing file; its key is lost
    #[arg(long)]
    force: bool,

    /// Generates a key that signs admission tokens
    ///
    /// A login service and its servers share this key. It has no public key.
    #[arg(long)]
    token_key: bool,
}

pub(crate) fn run(options: &Options) -> Result<(), CliError> {
    let (file, force) = (&options.file, options.force);
    if options.show {
        return print(PrivateKey::read_file(file)?.public_key().to_string());
    }
    let generated = CliError::cannot("generate a key");
    let (written, line) = if options.token_key {
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
    written?;
    print(line)
}

fn print(line: String) -> Result<(), CliError> {
    let mut output = Output::text();
    output.line(line)?;
    output.flush()
}
