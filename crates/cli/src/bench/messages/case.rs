//! What is varied from row to row: how bad the link is, how often a message is copied, how it travels.

use std::fmt;

use serde::{Serialize, Serializer};
use tickwire::Delivery;
use tickwire::sim::Loss;

use crate::ratio;

/// A row of the table.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(super) struct Case {
    /// The share of all datagrams that the link loses, each way.
    pub(super) loss: f64,
    /// How many datagrams a burst of losses takes, on average. `None`: losses are independent.
    #[serde(rename = "burst_mean_length")]
    pub(super) burst: Option<f64>,
    /// `None` where there are no copies, however often a reliable message would be copied.
    pub(super) redundancy: Option<u8>,
    pub(super) delivery: Kind,
}

/// A [`Delivery`], in channel 0 if it has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
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

/// `5% lost in bursts of 3, ordered, redundancy 2`.
impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} lost", ratio::percent(self.loss))?;
        if let Some(burst) = self.burst {
            write!(f, " in bursts of {burst}")?;
        }
        write!(f, ", {}", self.delivery)?;
        match self.redundancy {
            Some(redundancy) => write!(f, ", redundancy {redundancy}"),
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

    /// Whether a message must not overtake another one.
    pub(super) fn keeps_order(self) -> bool {
        matches!(self, Self::Sequenced | Self::Ordered)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unreliable => "unreliable",
            Self::Sequenced => "sequenced",
            Self::Reliable => "reliable",
            Self::Ordered => "ordered",
        })
    }
}

impl Serialize for Kind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Every row: the losses one after the other, and within each the bursts, the deliveries and the copies.
/// A link that loses nothing has no bursts, and only what is reliable has copies.
pub(super) fn all(
    losses: &[f64],
    bursts: &[Option<f64>],
    deliveries: &[Kind],
    redundancies: &[u8],
) -> Vec<Case> {
    let mut cases = Vec::new();
    for &loss in losses {
        let bursts = if loss > 0.0 { bursts } else { &[None] };
        for &burst in bursts {
            for &delivery in deliveries {
                cases.extend(copies(delivery, redundancies).map(|redundancy| Case {
                    loss,
                    burst,
                    redundancy,
                    delivery,
                }));
            }
        }
    }
    cases
}

fn copies(delivery: Kind, redundancies: &[u8]) -> impl Iterator<Item = Option<u8>> {
    let is_reliable = delivery.is_reliable();
    let count = if is_reliable { redundancies.len() } else { 1 };
    let redundancies = redundancies
        .iter()
        .map(move |&copies| is_reliable.then_some(copies));
    redundancies.take(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_makes_no_difference_is_measured_once() {
        let deliveries = [Kind::Ordered, Kind::Sequenced];
        let cases = all(&[0.0, 0.05], &[None, Some(3.0)], &deliveries, &[2, 0]);
        let texts: Vec<_> = cases.iter().map(Case::to_string).collect();
        let wanted = [
            "0% lost, ordered, redundancy 2",
            "0% lost, ordered, redundancy 0",
            "0% lost, sequenced",
            "5% lost, ordered, redundancy 2",
            "5% lost, ordered, redundancy 0",
            "5% lost, sequenced",
            "5% lost in bursts of 3, ordered, redundancy 2",
            "5% lost in bursts of 3, ordered, redundancy 0",
            "5% lost in bursts of 3, sequenced",
        ];
        assert_eq!(texts, wanted);
    }
}
