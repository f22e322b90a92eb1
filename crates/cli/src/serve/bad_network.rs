//! A bad network between the server and its peers, in options: for trying things out.

use std::fmt;
use std::time::Duration;

use humantime::format_duration;
use tickwire::sim::{LinkConditions, Loss};

use crate::failure::Failure;
use crate::{share, time};

/// What happens to datagrams, each way. Nothing, unless it is asked for.
#[derive(Debug, clap::Args)]
pub(super) struct BadNetwork {
    /// Plays a network on which datagrams take this long, each way, up to 1m
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = time::parse,
          allow_hyphen_values = true)]
    latency: Duration,

    /// Plays a network on which each datagram takes up to this much longer, each way, up to 1m
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = time::parse,
          allow_hyphen_values = true)]
    jitter: Duration,

    /// Plays a network that loses this share of the datagrams, each way, such as 5% or 0.05
    #[arg(long, value_name = "SHARE", default_value = "0", value_parser = share::parse,
          allow_hyphen_values = true)]
    loss: f64,
}

impl BadNetwork {
    pub(super) fn is_bad(&self) -> bool {
        !self.latency.is_zero() || !self.jitter.is_zero() || self.loss > 0.0
    }

    /// `None`: the network that there is.
    pub(super) fn conditions(&self) -> Result<Option<LinkConditions>, Failure> {
        if !self.is_bad() {
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
        let refused = |error| Failure::Usage(format!("--{error}"));
        conditions.validate().map_err(refused)?;
        Ok(Some(conditions))
    }
}

impl fmt::Display for BadNetwork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (latency, jitter) = (format_duration(self.latency), format_duration(self.jitter));
        let loss = share::percent(self.loss);
        write!(
            f,
            "playing a bad network: each way {latency} and up to {jitter} more, {loss} lost"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: BadNetwork = BadNetwork {
        latency: Duration::ZERO,
        jitter: Duration::ZERO,
        loss: 0.0,
    };

    #[test]
    fn a_good_network_is_left_as_it_is() {
        assert_eq!(GOOD.conditions(), Ok(None));
    }

    #[test]
    fn a_bad_network_is_told_in_one_line() {
        let network = BadNetwork {
            latency: Duration::from_millis(40),
            loss: 0.05,
            ..GOOD
        };
        let text = "playing a bad network: each way 40ms and up to 0s more, 5% lost";
        assert_eq!(network.to_string(), text);
        let conditions = network.conditions().ok().flatten();
        assert!(conditions.is_some_and(|conditions| conditions.latency == network.latency));
    }

    #[test]
    fn what_is_beyond_the_limits_is_refused_by_name() {
        let network = BadNetwork {
            jitter: Duration::from_secs(61),
            ..GOOD
        };
        let Err(Failure::Usage(text)) = network.conditions() else {
            panic!("{network:?}");
        };
        assert!(text.starts_with("--jitter is 61s"), "{text}");
    }
}
