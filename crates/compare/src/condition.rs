//! The simulated link of a run.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Serialize, Serializer};
use tickwire::sim::{LinkConditions, Loss};

/// One-way delay: 40 ms and up to 10 ms of jitter.
const LATENCY: Duration = Duration::from_millis(40);
const JITTER: Duration = Duration::from_millis(10);

/// With more packet loss, connecting takes minutes.
const LOSS_MAX: f64 = 0.9;

/// Packet loss in both directions. Written as `5%`, or as `5%x3` for bursts of three on average.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Condition {
    percent: f64,
    /// Mean length of a burst in datagrams. `None`: each datagram is lost independently.
    burst: Option<f64>,
}

impl Condition {
    pub(crate) fn is_lossy(self) -> bool {
        self.percent > 0.0
    }

    pub(crate) fn link(self) -> LinkConditions {
        let probability = self.percent / 100.0;
        LinkConditions {
            latency: LATENCY,
            jitter: JITTER,
            loss: match self.burst {
                Some(mean_length) => Loss::Bursts {
                    probability,
                    mean_length,
                },
                None => Loss::Independent { probability },
            },
            ..LinkConditions::default()
        }
    }
}

impl FromStr for Condition {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (loss, burst) = match text.split_once('x') {
            Some((loss, burst)) => (loss, Some(burst)),
            None => (text, None),
        };
        let number = |text: &str| text.parse::<f64>().map_err(|error| error.to_string());
        let percent = match loss.strip_suffix('%') {
            Some(percent) => number(percent)?,
            None => number(loss)? * 100.0,
        };
        if !(0.0..=LOSS_MAX * 100.0).contains(&percent) {
            return Err(format!("loss is {percent}%, but it must be 0% to 90%"));
        }
        let burst = burst.map(number).transpose()?;
        let condition = Self { percent, burst };
        let valid = condition.link().validate();
        valid.map_err(|error| error.to_string())?;
        Ok(condition)
    }
}

/// `5%` or `5%, bursts of 3`.
impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}%", self.percent)?;
        self.burst
            .map_or(Ok(()), |burst| write!(f, ", bursts of {burst}"))
    }
}

impl Serialize for Condition {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_shares_percentages_and_bursts() {
        for (text, shown) in [
            ("0%", "0%"),
            ("0.05", "5%"),
            ("5%x3", "5%, bursts of 3"),
            ("90%", "90%"),
        ] {
            let condition: Condition = text.parse().unwrap();
            assert_eq!(condition.to_string(), shown);
        }
    }

    #[test]
    fn rejects_invalid_conditions() {
        for text in ["", "%", "91%", "-1%", "5%x", "5%x0.5", "90%x1", "nan"] {
            assert!(text.parse::<Condition>().is_err(), "{text}");
        }
    }
}
