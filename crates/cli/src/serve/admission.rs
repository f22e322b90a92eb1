//! Who is let in: everybody, who shows the ticket, or who has a good token.

use std::path::PathBuf;

use subtle::ConstantTimeEq;
use tickwire::token::{TokenError, TokenKey, Verifier};
use tickwire::{Admission, Host, Request};

use crate::error::CliError;
use crate::escape::{ByteFormat, FormattedBytes};
use crate::protocol::{self, AUDIENCE, WRONG_TICKET};
use crate::time;

/// What a client has to show.
#[derive(Debug, clap::Args)]
pub(super) struct AdmissionOptions {
    /// Lets in only those who show this, as `ping --connect --ticket` does, up to 256 bytes
    #[arg(long, value_name = "TEXT", value_parser = protocol::ticket,
          allow_hyphen_values = true)]
    ticket: Option<String>,

    /// Lets in only those who have an admission token that is signed with the key in this file, as
    /// `keygen --token` makes it and `token` signs with it. A token opens one connection
    #[arg(long, value_name = "FILE", conflicts_with = "ticket")]
    token_key: Option<PathBuf>,

    /// Which server this is for those who issue tokens, 1 to 32 bytes
    #[arg(long, requires = "token_key", value_name = "TEXT", default_value = AUDIENCE,
          allow_hyphen_values = true)]
    audience: String,
}

/// The door as it stands.
#[derive(Debug)]
pub(super) struct AdmissionControl {
    verifier: Option<Verifier>,
}

/// What is to be done with somebody who is there.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum AdmissionResult {
    /// Nobody asked who he is.
    Anonymous,
    /// The player of this token, fit for a terminal.
    Player(String),
    /// His token was good at the door, and is not any more.
    Rejected(TokenError),
}

impl AdmissionOptions {
    /// Builds it, before anything is bound: what makes no sense is said first.
    pub(super) fn build(&self) -> Result<AdmissionControl, CliError> {
        let verifier = self.verifier()?;
        Ok(AdmissionControl { verifier })
    }

    /// Puts it in front of a host.
    pub(super) fn install(&self, admission: &AdmissionControl, host: &mut Host) {
        if let Some(ticket) = self.ticket.clone() {
            host.set_admission(move |request| look_at_ticket(request, &ticket));
        }
        if let Some(verifier) = admission.verifier.clone() {
            host.set_admission(move |request| look_at_token(request, &verifier));
        }
    }

    fn verifier(&self) -> Result<Option<Verifier>, CliError> {
        let Some(file) = &self.token_key else {
            return Ok(None);
        };
        let key = TokenKey::read_file(file).map_err(|error| CliError::Usage(error.to_string()))?;
        let verifier = Verifier::new(key, self.audience.as_bytes()).map_err(|error| {
            let (len, min, max) = (error.len, error.min, error.max);
            CliError::Usage(format!(
                "--audience is {len} bytes, it can be {min} to {max}"
            ))
        })?;
        Ok(Some(verifier))
    }
}

fn look_at_ticket(request: &Request<'_>, ticket: &str) -> Admission {
    // In a time that does not depend on how much of it is right.
    if request.payload.ct_eq(ticket.as_bytes()).into() {
        return Admission::Accept;
    }
    Admission::Deny { code: WRONG_TICKET }
}

fn look_at_token(request: &Request<'_>, verifier: &Verifier) -> Admission {
    match verifier.verify(request.payload, time::unix_now()) {
        Ok(_) => Admission::Accept,
        Err(error) => Admission::Deny {
            code: protocol::code_of(error),
        },
    }
}

impl AdmissionControl {
    /// Somebody is really there, and has shown `payload`.
    pub(super) fn on_connected(&self, payload: &[u8]) -> AdmissionResult {
        let Some(verifier) = &self.verifier else {
            return AdmissionResult::Anonymous;
        };
        match verifier.redeem(payload, time::unix_now()) {
            Ok(token) => {
                AdmissionResult::Player(FormattedBytes(token.player, ByteFormat::Text).to_string())
            }
            Err(error) => AdmissionResult::Rejected(error),
        }
    }
}
