//! Options that simulate network impairments between the server and its peers.

use std::time::Duration;

use humantime::format_duration;
use tickwire::sim::{LinkConditions, Loss};

use crate::error::CliError;
use crate::{ratio, time};

/// Simulated link conditions, in each direction. Default: none.
#[derive(Debug, clap::Args)]
pub(super) struct LinkOptions {
    /// Simulates one-way latency, in each direction, up to 1m
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = time::parse,
          allow_hyphen_values = true)]
    latency: Duration,

    /// Simulates jitter: delays each datagram by a random time up to this, in each direction, up to 1m
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = time::parse,
          allow_hyphen_values = true)]
    jitter: Duration,

    /// Simulates packet loss: drops this fraction of datagrams, in each direction, such as 5% or 0.05
    #[arg(long, value_name = "FRACTION", default_value = "0", value_parser = ratio::parse,
          allow_hyphen_values = true)]
    loss: f64,
}

impl LinkOptions {
    /// The conditions to simulate, or `None` without an impairment.
    pub(super) fn conditions(&self) -> Result<Option<LinkConditions>, CliError> {
        if self.latency.is_zero() && self.jitter.is_zero() && self.loss == 0.0 {
            return Ok(None);
        }
        let conditions = LinkConditions {
            latency: self.latency,
            jitter: self.jitter,
            loss: Loss::Independent {
                probability: self.loss,
            },
            ..LinkConditions::default()
        };
        let invalid = |error| CliError::Usage(format!("--{error}"));
        conditions.validate().map_err(invalid)?;
        Ok(Some(conditions))
    }

    /// The line that the server prints at its start.
    pub(super) fn describe(&self) -> String {
        let (latency, jitter) = (format_duration(self.latency), format_duration(self.jitter));
        let loss = ratio::percent(self.loss);
        format!("simulated link, each way: latency {latency}, jitter up to {jitter}, {loss} lost")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNIMPAIRED: LinkOptions = LinkOptions {
        latency: Duration::ZERO,
        jitter: Duration::ZERO,
        loss: 0.0,
    };

    #[test]
    fn no_options_simulate_nothing() {
        assert_eq!(UNIMPAIRED.conditions(), Ok(None));
    }

    #[test]
    fn impairments_are_described_in_one_line() {
        let network = LinkOptions {
            latency: Duration::from_millis(40),
            loss: 0.05,
            ..UNIMPAIRED
        };
        let text = "simulated link, each way: latency 40ms, jitter up to 0s, 5% lost";
        assert_eq!(network.describe(), text);
        let conditions = network.conditions().ok().flatten();
        assert!(conditions.is_some_and(|conditions| conditions.latency == network.latency));
    }

    #[test]
    fn a_value_out_of_range_is_refused_by_option() {
        let network = LinkOptions {
            jitter: Duration::from_secs(61),
            ..UNIMPAIRED
        };
        let Err(CliError::Usage(text)) = network.conditions() else {
            panic!("{network:?}");
        };
        assert!(text.starts_with("--jitter is 61 s"), "{text}");
    }
}
