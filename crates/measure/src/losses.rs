//! Where the datagrams of a game tick were lost, from counters.
//!
//! An input passes from a client through the network and the kernel's receive buffer to the server.
//! A state passes from the server's send queue through the network to a client.

use std::fmt;

/// Counters of clients and server, in datagrams.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Losses {
    /// Inputs accepted by the clients' operating system.
    pub inputs_sent: u64,
    /// Inputs rejected by it.
    pub inputs_refused: u64,
    /// Inputs received.
    pub inputs_received: u64,
    /// Inputs dropped by the kernel because the receive buffer was full. `None` if not queried.
    pub dropped_by_kernel: Option<u64>,
    /// States accepted by the server's operating system.
    pub states_sent: u64,
    /// States rejected because the send queue was full.
    pub queue_full: u64,
    /// States rejected by the system.
    pub discarded: u64,
    /// States received.
    pub states_received: u64,
    /// Drains that ended at the budget of a turn. The next turn reads the rest; an overflow in
    /// between counts in `dropped_by_kernel`.
    pub budget_spent: u64,
}

impl Losses {
    /// Counters since `before`.
    #[must_use]
    pub fn since(&self, before: &Self) -> Self {
        let dropped = self.dropped_by_kernel.zip(before.dropped_by_kernel);
        Self {
            inputs_sent: self.inputs_sent - before.inputs_sent,
            inputs_refused: self.inputs_refused - before.inputs_refused,
            inputs_received: self.inputs_received - before.inputs_received,
            dropped_by_kernel: dropped.map(|(now, before)| now - before),
            states_sent: self.states_sent - before.states_sent,
            queue_full: self.queue_full - before.queue_full,
            discarded: self.discarded - before.discarded,
            states_received: self.states_received - before.states_received,
            budget_spent: self.budget_spent - before.budget_spent,
        }
    }

    /// Datagrams that both sides tried to send.
    #[must_use]
    pub fn due(&self) -> u64 {
        let states_unsent = self.queue_full + self.discarded;
        self.inputs_sent + self.inputs_refused + self.states_sent + states_unsent
    }

    /// Whether everything arrived.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        self.places().iter().all(|(count, _)| *count == 0)
    }

    /// Losses by place. Received datagrams may include those of third parties.
    fn places(&self) -> [(u64, &'static str); 6] {
        let dropped = self.dropped_by_kernel.unwrap_or(0);
        let network = self
            .inputs_sent
            .saturating_sub(self.inputs_received + dropped);
        let network_place = match self.dropped_by_kernel {
            Some(_) => "inputs on the network",
            None => "inputs on the network or in the kernel's receive buffer",
        };
        let peers = self.states_sent.saturating_sub(self.states_received);
        [
            (
                self.inputs_refused,
                "inputs that the clients' system refused",
            ),
            (network, network_place),
            (dropped, "inputs in the kernel's receive buffer"),
            (self.queue_full, "states because the send queue was full"),
            (self.discarded, "states that the system refused to send"),
            (peers, "states at the peers"),
        ]
    }
}

/// Prints `nothing was lost`, or the losses by place.
impl fmt::Display for Losses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_nothing() {
            return write!(f, "nothing was lost");
        }
        let lost = self.places().into_iter().filter(|(count, _)| *count > 0);
        let lost: Vec<_> = lost
            .map(|(count, place)| format!("{count} {place}"))
            .collect();
        write!(f, "lost: {}", lost.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL_ARRIVED: Losses = Losses {
        inputs_sent: 1000,
        inputs_refused: 0,
        inputs_received: 1000,
        dropped_by_kernel: Some(0),
        states_sent: 500,
        queue_full: 0,
        discarded: 0,
        states_received: 500,
        budget_spent: 0,
    };

    #[test]
    fn reports_no_loss_if_everything_arrives() {
        assert!(ALL_ARRIVED.is_nothing());
        assert_eq!(ALL_ARRIVED.due(), 1500);
        assert_eq!(ALL_ARRIVED.to_string(), "nothing was lost");
        let nothing = Losses {
            dropped_by_kernel: Some(0),
            ..Losses::default()
        };
        assert_eq!(ALL_ARRIVED.since(&ALL_ARRIVED), nothing);
        assert_eq!(ALL_ARRIVED.since(&nothing), ALL_ARRIVED);
    }

    #[test]
    fn a_spent_budget_is_reported_and_is_no_loss() {
        let losses = Losses {
            budget_spent: 3,
            ..ALL_ARRIVED
        };
        assert!(losses.is_nothing());
    }

    #[test]
    fn separates_kernel_drops_from_network_losses() {
        let losses = Losses {
            inputs_received: 900,
            dropped_by_kernel: Some(70),
            ..ALL_ARRIVED
        };
        let text = "lost: 30 inputs on the network, 70 inputs in the kernel's receive buffer";
        assert_eq!(losses.to_string(), text);
    }

    #[test]
    fn without_a_kernel_counter_the_network_and_the_buffer_share_a_place() {
        let losses = Losses {
            inputs_received: 900,
            dropped_by_kernel: None,
            ..ALL_ARRIVED
        };
        let text = "lost: 100 inputs on the network or in the kernel's receive buffer";
        assert_eq!(losses.to_string(), text);
    }

    #[test]
    fn states_are_lost_in_the_queue_by_the_system_or_at_the_peers() {
        let losses = Losses {
            inputs_refused: 8,
            queue_full: 5,
            discarded: 2,
            states_sent: 510,
            ..ALL_ARRIVED
        };
        assert_eq!(losses.due(), 1008 + 517);
        assert_eq!(
            losses.to_string(),
            "lost: 8 inputs that the clients' system refused, 5 states because the send queue was full, \
             2 states that the system refused to send, 10 states at the peers"
        );
    }

    #[test]
    fn datagrams_of_third_parties_cause_no_negative_loss() {
        let losses = Losses {
            inputs_received: 1001,
            ..ALL_ARRIVED
        };
        assert!(losses.is_nothing());
    }
}
