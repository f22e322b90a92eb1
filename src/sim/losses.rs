//! Random loss, independent or in bursts.

use crate::sim::conditions::Loss;
use crate::sim::rng::comes_up;

#[derive(Debug, Default)]
pub(super) struct Losses {
    /// Whether the last datagram was in a burst. `None` before the first one, which is in a burst
    /// with the average probability.
    in_burst: Option<bool>,
}

impl Losses {
    pub(super) fn is_next_lost(&mut self, loss: Loss, draw: u64) -> bool {
        match loss {
            Loss::None => false,
            Loss::Independent { probability } => comes_up(probability, draw),
            Loss::Bursts {
                probability,
                mean_length,
            } => self.is_next_lost_in_bursts(probability, mean_length, draw),
        }
    }

    /// The simple Gilbert model: each datagram ends a burst with probability 1/mean; the
    /// probability of a new burst follows from the average.
    fn is_next_lost_in_bursts(&mut self, probability: f64, mean_length: f64, draw: u64) -> bool {
        let is_lost = match self.in_burst {
            None => comes_up(probability, draw),
            Some(true) => !comes_up(1.0 / mean_length, draw),
            Some(false) => comes_up(probability / (mean_length * (1.0 - probability)), draw),
        };
        self.in_burst = Some(is_lost);
        is_lost
    }
}
