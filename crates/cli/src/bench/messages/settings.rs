//! What was asked for, but for what is varied from row to row.

use std::time::Duration;

use serde::Serialize;
use tickwire::sim::LinkConditions;
use tickwire::{Config, ConnectOptions, PublicKey};

use super::Options;
use super::case::{self, Case};
use crate::bench::record;
use crate::error::CliError;
use crate::protocol::ProtocolId;

/// How long a connect may try. Through a link that loses a third in bursts the default gives up now and
/// then, and what is measured are messages.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(120);

/// Default number of rounds.
const ROUNDS_VIRTUAL: u32 = 10;
const ROUNDS_REAL: u32 = 1;

/// How many messages a case may have, over all rounds: their times are kept.
const MESSAGES_MAX: u64 = 10_000_000;

/// How long a round over real sockets may take.
const ROUND_MAX: Duration = Duration::from_secs(3600);

/// Which time it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Mode {
    Virtual,
    Real,
}

/// Everything that decides about the figures, but for what a row says of itself.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Settings {
    pub(super) mode: Mode,
    /// On virtual time each has its number as a seed.
    pub(super) rounds: u32,
    pub(super) messages: u32,
    pub(super) size_bytes: usize,
    pub(super) rate_per_second: u32,
    #[serde(rename = "latency_seconds", serialize_with = "record::seconds")]
    pub(super) latency: Duration,
    #[serde(rename = "jitter_seconds", serialize_with = "record::seconds")]
    pub(super) jitter: Duration,
    pub(super) encrypted: bool,
}

impl Settings {
    /// What makes no sense is refused here, before anything is measured.
    pub(super) fn of(options: &Options) -> Result<Self, CliError> {
        let (mode, rounds) = if options.real {
            (Mode::Real, ROUNDS_REAL)
        } else {
            (Mode::Virtual, ROUNDS_VIRTUAL)
        };
        let settings = Self {
            mode,
            rounds: options.rounds.unwrap_or(rounds),
            messages: options.messages,
            size_bytes: options.size,
            rate_per_second: options.rate,
            latency: options.latency,
            jitter: options.jitter,
            encrypted: !options.plain,
        };
        settings.refuse_too_much()?;
        Ok(settings)
    }

    fn refuse_too_much(&self) -> Result<(), CliError> {
        let count = u64::from(self.messages) * u64::from(self.rounds);
        if count > MESSAGES_MAX {
            return Err(CliError::Usage(format!(
                "a row would have {count} messages, it can have {MESSAGES_MAX}: choose fewer --messages, \
                 or fewer --rounds"
            )));
        }
        if self.mode == Mode::Real && self.tick() * self.messages > ROUND_MAX {
            return Err(CliError::Usage(
                "a round in real time would take more than an hour: choose fewer --messages or a \
                 higher --rate"
                    .to_owned(),
            ));
        }
        Ok(())
    }

    pub(super) fn cases(&self, options: &Options) -> Result<Vec<Case>, CliError> {
        let bursts: Vec<_> = options
            .burst
            .iter()
            .map(|&length| (length > 0.0).then_some(length))
            .collect();
        let cases = case::all(
            &options.loss,
            &bursts,
            &options.deliveries,
            &options.redundancy,
        );
        for case in &cases {
            let told = |error| CliError::Usage(format!("such a link there is not: {error}"));
            self.conditions(*case).validate().map_err(told)?;
        }
        Ok(cases)
    }

    pub(super) fn tick(&self) -> Duration {
        Duration::from_secs(1) / self.rate_per_second
    }

    pub(super) fn conditions(&self, case: Case) -> LinkConditions {
        LinkConditions {
            latency: self.latency,
            jitter: self.jitter,
            loss: case.loss(),
            ..LinkConditions::default()
        }
    }

    /// That of both hosts.
    pub(super) fn config(&self, case: Case) -> Config {
        let ProtocolId(protocol_id) = ProtocolId::default();
        let config = if self.encrypted {
            Config::noise(protocol_id)
        } else {
            Config::plain(protocol_id)
        };
        Config {
            connect_timeout: CONNECT_TIMEOUT,
            redundant_copies: case.redundancy.unwrap_or(config.redundant_copies),
            peers_max: 1,
            ..config
        }
    }

    /// The default options.
    #[cfg(test)]
    pub(super) fn for_tests() -> Self {
        Self {
            mode: Mode::Virtual,
            rounds: 3,
            messages: 1200,
            size_bytes: 40,
            rate_per_second: 60,
            latency: Duration::from_millis(40),
            jitter: Duration::from_millis(10),
            encrypted: true,
        }
    }
}

/// How to connect to the receiver, whose key is known if it has one.
pub(super) fn options_to(key: Option<PublicKey>) -> ConnectOptions {
    let options = ConnectOptions::default();
    match key {
        Some(key) => options.pin(key),
        None => options,
    }
}
