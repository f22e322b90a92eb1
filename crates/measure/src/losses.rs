//! Where the datagrams of a game's ticks were lost. Pure arithmetic on counters.
//!
//! An input goes from a client through the network into the kernel's receive buffer and from there to the server; a
//! state goes from the server's send queue through the network to a client.

use std::fmt;

/// What the clients counted, in datagrams.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ClientCounts {
    /// Inputs that the clients' system took.
    pub inputs_sent: u64,
    /// Inputs that it refused, so that they never left.
    pub inputs_refused: u64,
    /// States that arrived.
    pub states_received: u64,
}

/// What the server counted, in datagrams.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ServerCounts {
    /// Inputs that arrived.
    pub inputs_received: u64,
    /// Inputs that the kernel dropped, because the receive buffer was full. `None` where the kernel was not asked.
    pub dropped_by_kernel: Option<u64>,
    /// Drains that ended at the budget of a turn.
    pub budget_spent: u64,
    /// States that the server's system took.
    pub states_sent: u64,
    /// States that were refused because the send queue was full.
    pub queue_full: u64,
    /// States that the system refused to send.
    pub discarded: u64,
    /// States that are still in the send queue.
    pub queued: u64,
}

/// Lost datagrams by place.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Losses {
    /// Datagrams that both sides were to send.
    pub due: u64,
    /// Inputs that the clients' system refused.
    pub inputs_refused: u64,
    /// Inputs lost on the network; with those in the receive buffer where the kernel was not asked.
    pub network: u64,
    /// Inputs lost in the server's receive buffer. `None` where the kernel was not asked.
    pub receive_buffer: Option<u64>,
    /// States that did not fit into the send queue.
    pub queue_full: u64,
    /// States that the system refused to send.
    pub discarded: u64,
    /// States that never left the send queue.
    pub queued: u64,
    /// States lost behind the server: on the network or in the kernel of the peers.
    pub peers: u64,
    /// How often a drain ended at the budget of a turn. That alone loses nothing: what is left is read in the next
    /// turn. A buffer that overflows meanwhile shows in `receive_buffer`.
    pub budget_spent: u64,
}

impl Losses {
    /// From the counters of both sides, once nothing is in flight any more.
    #[must_use]
    pub fn of(clients: ClientCounts, server: ServerCounts) -> Self {
        let seen = server.inputs_received + server.dropped_by_kernel.unwrap_or(0);
        let inputs_due = clients.inputs_sent + clients.inputs_refused;
        let states_unsent = server.queue_full + server.discarded + server.queued;
        Self {
            due: inputs_due + server.states_sent + states_unsent,
            inputs_refused: clients.inputs_refused,
            // A datagram of a third party may be among those seen.
            network: clients.inputs_sent.saturating_sub(seen),
            receive_buffer: server.dropped_by_kernel,
            queue_full: server.queue_full,
            discarded: server.discarded,
            queued: server.queued,
            peers: server.states_sent.saturating_sub(clients.states_received),
            budget_spent: server.budget_spent,
        }
    }

    /// Whether everything arrived.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        self.places().iter().all(|(count, _)| *count == 0)
    }

    /// How many were lost where.
    fn places(&self) -> [(u64, &'static str); 7] {
        let network = match self.receive_buffer {
            Some(_) => "inputs on the network",
            None => "inputs on the network or in the kernel's receive buffer",
        };
        [
            (
                self.inputs_refused,
                "inputs that the clients' system refused",
            ),
            (self.network, network),
            (
                self.receive_buffer.unwrap_or(0),
                "inputs in the kernel's receive buffer",
            ),
            (self.queue_full, "states because the send queue was full"),
            (self.discarded, "states that the system refused to send"),
            (self.queued, "states left in the send queue"),
            (self.peers, "states at the peers"),
        ]
    }
}

/// `nothing was lost`, or what was and where.
impl fmt::Display for Losses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_nothing() {
            return write!(f, "nothing was lost");
        }
        let lost = self.places().into_iter().filter(|(count, _)| *count > 0);
        let lost: Vec<String> = lost
            .map(|(count, place)| format!("{count} {place}"))
            .collect();
        write!(f, "lost: {}", lost.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLIENTS: ClientCounts = ClientCounts {
        inputs_sent: 1000,
        inputs_refused: 0,
        states_received: 500,
    };

    /// A server that lost nothing.
    const SERVER: ServerCounts = ServerCounts {
        inputs_received: 1000,
        dropped_by_kernel: Some(0),
        budget_spent: 0,
        states_sent: 500,
        queue_full: 0,
        discarded: 0,
        queued: 0,
    };

    #[test]
    fn when_everything_arrives_nothing_was_lost() {
        let losses = Losses::of(CLIENTS, SERVER);
        assert!(losses.is_nothing());
        assert_eq!(losses.due, 1500);
        assert_eq!(losses.to_string(), "nothing was lost");
    }

    #[test]
    fn a_spent_budget_is_reported_and_is_no_loss() {
        let server = ServerCounts {
            budget_spent: 3,
            ..SERVER
        };
        let losses = Losses::of(CLIENTS, server);
        assert!(losses.is_nothing());
        assert_eq!(losses.budget_spent, 3);
    }

    #[test]
    fn drops_of_the_kernel_are_kept_apart_from_the_network() {
        let server = ServerCounts {
            inputs_received: 900,
            dropped_by_kernel: Some(70),
            ..SERVER
        };
        let losses = Losses::of(CLIENTS, server);
        assert_eq!(losses.network, 30);
        let text = "lost: 30 inputs on the network, 70 inputs in the kernel's receive buffer";
        assert_eq!(losses.to_string(), text);
    }

    #[test]
    fn without_a_counter_of_the_kernel_the_network_has_it_all() {
        let server = ServerCounts {
            inputs_received: 900,
            dropped_by_kernel: None,
            ..SERVER
        };
        let losses = Losses::of(CLIENTS, server);
        assert_eq!(losses.network, 100);
        let text = "lost: 100 inputs on the network or in the kernel's receive buffer";
        assert_eq!(losses.to_string(), text);
    }

    #[test]
    fn states_are_lost_in_the_queue_or_behind_the_server() {
        let server = ServerCounts {
            queue_full: 5,
            discarded: 2,
            states_sent: 510,
            queued: 1,
            ..SERVER
        };
        let clients = ClientCounts {
            inputs_refused: 8,
            ..CLIENTS
        };
        let losses = Losses::of(clients, server);
        assert_eq!(losses.due, 1008 + 518);
        assert_eq!(losses.peers, 10);
        assert_eq!(
            losses.to_string(),
            "lost: 8 inputs that the clients' system refused, 5 states because the send queue was full, \
             2 states that the system refused to send, 1 states left in the send queue, 10 states at the peers"
        );
    }

    #[test]
    fn datagrams_of_third_parties_are_no_negative_loss() {
        let server = ServerCounts {
            inputs_received: 1001,
            ..SERVER
        };
        assert!(Losses::of(CLIENTS, server).is_nothing());
    }
}
