//! Which clients are admitted: all, or those with the ticket or a valid token.

use std::path::PathBuf;

use subtle::ConstantTimeEq;
use tickwire::token::{TokenError, TokenKey, Verifier};
use tickwire::{Admission, Host};

use crate::error::CliError;
use crate::escape::{ByteFormat, FormattedBytes};
use crate::protocol::{self, AUDIENCE, WRONG_TICKET, code_of};

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Admission")]
pub(super) struct AdmissionOptions {
    /// Admits only clients with this ticket
    ///
    /// 1 to 256 bytes. Clients present it with `ping --connect --ticket`.
    #[arg(long, value_name = "TEXT", value_parser = protocol::ticket,
          allow_hyphen_values = true)]
    ticket: Option<String>,

    /// Admits only clients with a token of this key
    ///
    /// The file is written by `keygen --token-key`. Tokens are issued by `tickwire token`, and a
    /// token opens one connection.
    #[arg(long, value_name = "FILE", conflicts_with = "ticket")]
    token_key: Option<PathBuf>,

    /// Audience of valid tokens, 1 to 32 bytes
    #[arg(long, requires = "token_key", value_name = "TEXT", default_value = AUDIENCE,
          allow_hyphen_values = true)]
    audience: String,
}

impl AdmissionOptions {
    pub(super) fn verifier(&self) -> Result<Option<Verifier>, CliError> {
        let Some(file) = &self.token_key else {
            return Ok(None);
        };
        let key = TokenKey::read_file(file)?;
        Ok(Some(Verifier::new(key, self.audience.as_bytes())?))
    }

    pub(super) fn install(&self, verifier: Option<Verifier>, host: &mut Host) {
        let deny = |code| Admission::Deny { code };
        if let Some(ticket) = self.ticket.clone() {
            // In constant time, so that timing reveals no prefix of the ticket.
            host.set_admission(move |request| {
                if request.payload.ct_eq(ticket.as_bytes()).into() {
                    return Admission::Accept;
                }
                deny(WRONG_TICKET)
            });
        }
        if let Some(verifier) = verifier {
            host.set_admission(move |request| match verifier.verify_now(request.payload) {
                Ok(_) => Admission::Accept,
                Err(error) => deny(code_of(error)),
            });
        }
    }
}

/// Redeems the token of a connected peer. It may have expired or been used since admission. Returns
/// the player, escaped for a terminal.
pub(super) fn redeem(verifier: &Verifier, payload: &[u8]) -> Result<String, TokenError> {
    let token = verifier.redeem_now(payload)?;
    Ok(FormattedBytes(token.player, ByteFormat::Text).to_string())
}
