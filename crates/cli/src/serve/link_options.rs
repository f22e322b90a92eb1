//! Options that simulate network impairments between the server and its peers.

use std::time::Duration;

use tickwire::sim::{LinkConditions, Loss};

use super::event::SimulatedLink;
use crate::error::CliError;
use crate::time::Millis;
use crate::{number, time};

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Simulated link, in each direction")]
pub(super) struct LinkOptions {
    /// One-way latency, up to 1min
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = time::parse,
          allow_hyphen_values = true)]
    latency: Duration,

    /// Maximum jitter, up to 1min
    ///
    /// Delays each datagram by a random time up to this.
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = time::parse,
          allow_hyphen_values = true)]
    jitter: Duration,

    /// Fraction of lost datagrams, 0.05 or 5%
    #[arg(long, value_name = "FRACTION", default_value = "0", value_parser = number::fraction(1.0),
          allow_hyphen_values = true)]
    loss: f64,
}

impl LinkOptions {
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

    pub(super) fn describe(&self) -> SimulatedLink {
        SimulatedLink {
            latency_ms: Millis(self.latency),
            jitter_ms: Millis(self.jitter),
            loss_fraction: self.loss,
        }
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
    fn simulates_no_link_by_default() {
        assert_eq!(UNIMPAIRED.conditions(), Ok(None));
    }

    #[test]
    fn simulates_a_link_with_any_impairment() {
        let options = LinkOptions {
            loss: 0.05,
            ..UNIMPAIRED
        };
        assert!(
            options
                .conditions()
                .is_ok_and(|conditions| conditions.is_some())
        );
    }

    #[test]
    fn rejects_values_out_of_range_by_option() {
        let options = LinkOptions {
            jitter: Duration::from_secs(61),
            ..UNIMPAIRED
        };
        let Err(CliError::Usage(text)) = options.conditions() else {
            panic!("{options:?}");
        };
        assert!(text.starts_with("--jitter is 61 s"), "{text}");
    }
}
