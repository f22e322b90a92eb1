//! Which clients are admitted: all, those with the ticket, or those with a valid token.

use std::path::PathBuf;

use subtle::ConstantTimeEq;
use tickwire::token::{TokenError, TokenKey, Verifier};
use tickwire::{Admission, Host};

use crate::error::CliError;
use crate::escape::{ByteFormat, FormattedBytes};
use crate::protocol::{self, AUDIENCE, WRONG_TICKET, code_of};
use crate::time;

#[derive(Debug, clap::Args)]
pub(super) struct AdmissionOptions {
    /// Admits only clients that present this ticket, as `ping --connect --ticket` does, up to 256 bytes
    #[arg(long, value_name = "TEXT", value_parser = protocol::ticket,
          allow_hyphen_values = true)]
    ticket: Option<String>,

    /// Admits only clients with an admission token that is signed with the key in this file, as
    /// written by `keygen --token`. A token opens one connection
    #[arg(long, value_name = "FILE", conflicts_with = "ticket")]
    token_key: Option<PathBuf>,

    /// Audience of this server: only tokens issued for it are valid, 1 to 32 bytes
    #[arg(long, requires = "token_key", value_name = "TEXT", default_value = AUDIENCE,
          allow_hyphen_values = true)]
    audience: String,
}

impl AdmissionOptions {
    /// The verifier of tokens, if clients need one. Called before the socket is bound, so that a bad
    /// key file is reported first.
    pub(super) fn verifier(&self) -> Result<Option<Verifier>, CliError> {
        let Some(file) = &self.token_key else {
            return Ok(None);
        };
        let key = TokenKey::read_file(file).map_err(CliError::usage)?;
        let verifier = Verifier::new(key, self.audience.as_bytes());
        verifier.map(Some).map_err(|error| {
            let (len, min, max) = (error.len, error.min, error.max);
            CliError::Usage(format!(
                "--audience is {len} bytes, it can be {min} to {max}"
            ))
        })
    }

    /// Sets the admission callback of the host.
    pub(super) fn install(&self, verifier: Option<Verifier>, host: &mut Host) {
        let deny = |code| Admission::Deny { code };
        if let Some(ticket) = self.ticket.clone() {
            // Compared in constant time, so that timing does not reveal a prefix of the ticket.
            host.set_admission(move |request| {
                if request.payload.ct_eq(ticket.as_bytes()).into() {
                    return Admission::Accept;
                }
                deny(WRONG_TICKET)
            });
        }
        if let Some(verifier) = verifier {
            host.set_admission(move |request| {
                match verifier.verify(request.payload, time::unix_now()) {
                    Ok(_) => Admission::Accept,
                    Err(error) => deny(code_of(error)),
                }
            });
        }
    }
}

/// Redeems the token of a peer that has connected; the name of its player, escaped for a terminal.
/// The token was valid at admission, but may have expired or been used since.
pub(super) fn redeem(verifier: &Verifier, payload: &[u8]) -> Result<String, TokenError> {
    let token = verifier.redeem(payload, time::unix_now())?;
    Ok(FormattedBytes(token.player, ByteFormat::Text).to_string())
}
