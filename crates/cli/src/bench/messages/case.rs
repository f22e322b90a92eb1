//! A row of the table: link, delivery and number of redundant copies.

use std::fmt;

use clap::ValueEnum;
use serde::Serialize;
use tickwire::Delivery;
use tickwire::sim::Loss;

use super::Options;
use crate::number;

#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(super) struct Case {
    /// Share of datagrams that the link loses, in each direction.
    pub(super) loss: f64,
    /// Mean length of a burst of losses in datagrams. `None`: independent losses.
    #[serde(rename = "burst_mean_length")]
    pub(super) burst: Option<f64>,
    /// `None` if the delivery has no copies.
    pub(super) redundant_copies: Option<u8>,
    pub(super) delivery: Kind,
}

/// A [`Delivery`], in channel 0 if it has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Kind {
    Unreliable,
    Sequenced,
    Reliable,
    Ordered,
}

impl Case {
    pub(super) fn loss(&self) -> Loss {
        let probability = self.loss;
        match self.burst {
            Some(mean_length) => Loss::Bursts {
                probability,
                mean_length,
            },
            None => Loss::Independent { probability },
        }
    }
}

/// `5% lost in bursts of 3, ordered, 2 copies`.
impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} lost", number::percent(self.loss))?;
        if let Some(burst) = self.burst {
            write!(f, " in bursts of {burst}")?;
        }
        write!(f, ", {}", self.delivery)?;
        match self.redundant_copies {
            Some(copies) => write!(f, ", {copies} copies"),
            None => Ok(()),
        }
    }
}

impl Kind {
    pub(super) fn delivery(self) -> Delivery {
        match self {
            Self::Unreliable => Delivery::Unreliable,
            Self::Sequenced => Delivery::Sequenced(0),
            Self::Reliable => Delivery::Reliable,
            Self::Ordered => Delivery::Ordered(0),
        }
    }

    pub(super) fn is_reliable(self) -> bool {
        self.delivery().is_reliable()
    }

    /// Whether messages must not be reordered.
    pub(super) fn keeps_order(self) -> bool {
        matches!(self, Self::Sequenced | Self::Ordered)
    }
}

/// The name on the command line.
impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&format!("{self:?}").to_lowercase())
    }
}

/// All rows: by loss, then burst length, delivery and copies. A link without loss has no bursts,
/// and only reliable messages have copies.
pub(super) fn all(options: &Options) -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    for &loss in &options.loss {
        for &burst in &options.burst {
            for &delivery in &options.delivery {
                for &redundancy in &options.redundant_copies {
                    let case = Case {
                        loss,
                        burst: (loss > 0.0 && burst > 0.0).then_some(burst),
                        redundant_copies: delivery.is_reliable().then_some(redundancy),
                        delivery,
                    };
                    if !cases.contains(&case) {
                        cases.push(case);
                    }
                }
            }
        }
    }
    cases
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn omits_rows_with_equal_results() {
        let options = Options::for_tests(&["--loss=0,0.05", "--burst=0,3"]);
        let texts: Vec<_> = all(&options).iter().map(Case::to_string).collect();
        let wanted = [
            "0% lost, ordered, 2 copies",
            "0% lost, ordered, 0 copies",
            "0% lost, sequenced",
            "5% lost, ordered, 2 copies",
            "5% lost, ordered, 0 copies",
            "5% lost, sequenced",
            "5% lost in bursts of 3, ordered, 2 copies",
            "5% lost in bursts of 3, ordered, 0 copies",
            "5% lost in bursts of 3, sequenced",
        ];
        assert_eq!(texts, wanted);
    }
}
