//! What was lost, and where. Pure arithmetic on counters: knows nothing of sockets.
//!
//! An input goes from a client through the network into the kernel's receive buffer and from there to
//! the server; a state goes from the server's send queue through the network to a client.

use std::fmt;

use serde::Serialize;

use crate::bench::figure::grouped;

/// What clients sent to the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) struct Inputs {
    /// What the clients' system took.
    pub(super) sent: u64,
    /// What it would not take, so that it never left.
    pub(super) refused: u64,
    pub(super) received: u64,
    /// Lost in the server's kernel, because the receive buffer was full. `None` where the system does
    /// not tell; then it is part of `lost_on_network`.
    pub(super) dropped_by_kernel: Option<u64>,
    /// What nobody has seen again.
    pub(super) lost_on_network: u64,
}

/// What the server sent to clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) struct States {
    /// One for each client and tick.
    pub(super) due: u64,
    /// Not sent, because the send queue was full.
    pub(super) queue_full: u64,
    /// Not sent, because the system refused them.
    pub(super) discarded: u64,
    /// Still in the queue in the end.
    pub(super) queued: u64,
    /// What the server's system took.
    pub(super) sent: u64,
    /// What the clients received.
    pub(super) received: u64,
    /// Lost behind the server: on the network or in the kernel of the clients.
    pub(super) lost_at_clients: u64,
}

/// All of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) struct Losses {
    pub(super) inputs: Inputs,
    pub(super) states: States,
    /// How often a drain of the server ended at its budget. That alone loses nothing: what was left
    /// is read in the next turn. A buffer that overflows meanwhile shows in `dropped_by_kernel`.
    pub(super) budget_spent: u64,
}

/// What the clients counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct ClientCounts {
    pub(super) inputs_sent: u64,
    pub(super) inputs_refused: u64,
    pub(super) states_received: u64,
}

/// What the server counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct ServerCounts {
    pub(super) inputs_received: u64,
    /// `None` where nobody asks the kernel, or it does not tell.
    pub(super) dropped_by_kernel: Option<u64>,
    /// A bare loop has no budget, and no queue either.
    pub(super) budget_spent: u64,
    pub(super) states_sent: u64,
    pub(super) queue_full: u64,
    pub(super) discarded: u64,
    /// What its queue still holds.
    pub(super) queued: u64,
}

impl Losses {
    /// From the counters of both sides, once nothing is under way any more.
    pub(super) fn of(clients: ClientCounts, server: ServerCounts) -> Self {
        Self {
            inputs: Inputs::of(clients, server),
            states: States::of(clients, server),
            budget_spent: server.budget_spent,
        }
    }

    /// Those of several rounds; `None` without a round.
    pub(super) fn sum(rounds: impl IntoIterator<Item = Self>) -> Option<Self> {
        rounds.into_iter().reduce(Self::plus)
    }

    fn plus(self, other: Self) -> Self {
        Self {
            inputs: self.inputs.plus(other.inputs),
            states: self.states.plus(other.states),
            budget_spent: self.budget_spent + other.budget_spent,
        }
    }

    pub(super) fn is_nothing(&self) -> bool {
        self.parts().iter().all(|(count, _)| *count == 0)
    }

    /// How many were lost, and the words for where.
    fn parts(&self) -> [(u64, &'static str); 7] {
        let Self { inputs, states, .. } = self;
        let network = match inputs.dropped_by_kernel {
            Some(_) => "inputs on the network",
            None => "inputs on the network or in the kernel's receive buffer",
        };
        [
            (
                inputs.refused,
                "inputs that the clients' system would not send",
            ),
            (inputs.lost_on_network, network),
            (
                inputs.dropped_by_kernel.unwrap_or(0),
                "inputs in the kernel's receive buffer",
            ),
            (states.queue_full, "states because the send queue was full"),
            (states.discarded, "states that the system refused to send"),
            (states.queued, "states left in the send queue"),
            (states.lost_at_clients, "states on the clients' side"),
        ]
    }
}

impl Inputs {
    fn of(clients: ClientCounts, server: ServerCounts) -> Self {
        let (received, dropped_by_kernel) = (server.inputs_received, server.dropped_by_kernel);
        let seen = received + dropped_by_kernel.unwrap_or(0);
        Self {
            sent: clients.inputs_sent,
            refused: clients.inputs_refused,
            received,
            dropped_by_kernel,
            // A stranger's datagram may be among those seen.
            lost_on_network: clients.inputs_sent.saturating_sub(seen),
        }
    }

    /// What is not told of one is not told of both.
    fn plus(self, other: Self) -> Self {
        let dropped = self.dropped_by_kernel.zip(other.dropped_by_kernel);
        Self {
            sent: self.sent + other.sent,
            refused: self.refused + other.refused,
            received: self.received + other.received,
            dropped_by_kernel: dropped.map(|(one, other)| one + other),
            lost_on_network: self.lost_on_network + other.lost_on_network,
        }
    }
}

impl States {
    fn of(clients: ClientCounts, server: ServerCounts) -> Self {
        let sent = server.states_sent;
        Self {
            due: sent + server.queue_full + server.discarded + server.queued,
            queue_full: server.queue_full,
            discarded: server.discarded,
            queued: server.queued,
            sent,
            received: clients.states_received,
            lost_at_clients: sent.saturating_sub(clients.states_received),
        }
    }

    fn plus(self, other: Self) -> Self {
        Self {
            due: self.due + other.due,
            queue_full: self.queue_full + other.queue_full,
            discarded: self.discarded + other.discarded,
            queued: self.queued + other.queued,
            sent: self.sent + other.sent,
            received: self.received + other.received,
            lost_at_clients: self.lost_at_clients + other.lost_at_clients,
        }
    }
}

/// `nothing was lost`, or what was.
impl fmt::Display for Losses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_nothing() {
            return write!(f, "nothing was lost");
        }
        let parts = self.parts();
        let lost = parts.iter().filter(|(count, _)| *count > 0);
        let lost: Vec<String> = lost
            .map(|(count, what)| format!("{} {what}", grouped(*count)))
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
        assert_eq!(losses.states.due, 500);
        assert_eq!(losses.to_string(), "nothing was lost");
    }

    #[test]
    fn a_spent_budget_is_told_and_is_no_loss() {
        let server = ServerCounts {
            budget_spent: 3,
            ..SERVER
        };
        let losses = Losses::of(CLIENTS, server);
        assert!(losses.is_nothing());
        assert_eq!(losses.budget_spent, 3);
    }

    #[test]
    fn what_the_kernel_dropped_is_told_apart_from_the_network() {
        let server = ServerCounts {
            inputs_received: 900,
            dropped_by_kernel: Some(70),
            ..SERVER
        };
        let losses = Losses::of(CLIENTS, server);
        assert_eq!(losses.inputs.lost_on_network, 30);
        let text = "lost: 30 inputs on the network, 70 inputs in the kernel's receive buffer";
        assert_eq!(losses.to_string(), text);
    }

    #[test]
    fn where_the_kernel_does_not_tell_the_network_has_it_all() {
        let server = ServerCounts {
            inputs_received: 900,
            dropped_by_kernel: None,
            ..SERVER
        };
        let losses = Losses::of(CLIENTS, server);
        assert_eq!(losses.inputs.lost_on_network, 100);
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
        let losses = Losses::of(CLIENTS, server);
        assert_eq!(losses.states.due, 518);
        assert_eq!(losses.states.lost_at_clients, 10);
        assert_eq!(
            losses.to_string(),
            "lost: 5 states because the send queue was full, 2 states that the system refused to \
             send, 1 states left in the send queue, 10 states on the clients' side"
        );
    }

    #[test]
    fn datagrams_of_strangers_are_no_negative_loss() {
        let server = ServerCounts {
            inputs_received: 1001,
            ..SERVER
        };
        assert!(Losses::of(CLIENTS, server).is_nothing());
    }

    #[test]
    fn losses_of_rounds_add_up_each_in_its_place() {
        let bad = ServerCounts {
            inputs_received: 900,
            dropped_by_kernel: Some(70),
            budget_spent: 4,
            states_sent: 510,
            queue_full: 5,
            discarded: 2,
            queued: 1,
        };
        let clients = ClientCounts {
            inputs_refused: 8,
            ..CLIENTS
        };
        let round = Losses::of(clients, bad);
        let good = Losses::of(CLIENTS, SERVER);
        let sum = Losses::sum([round, good, round]).unwrap();
        assert_eq!(
            sum.to_string(),
            "lost: 16 inputs that the clients' system would not send, 60 inputs on the network, \
             140 inputs in the kernel's receive buffer, 10 states because the send queue was full, \
             4 states that the system refused to send, 2 states left in the send queue, 20 states \
             on the clients' side"
        );
        assert_eq!((sum.inputs.sent, sum.inputs.received), (3000, 2800));
        assert_eq!((sum.states.due, sum.states.sent), (1536, 1520));
        assert_eq!((sum.states.received, sum.budget_spent), (1500, 8));
    }

    #[test]
    fn what_one_round_does_not_tell_the_sum_does_not_tell() {
        let silent = ServerCounts {
            dropped_by_kernel: None,
            ..SERVER
        };
        let rounds = [SERVER, silent].map(|server| Losses::of(CLIENTS, server));
        let sum = Losses::sum(rounds).unwrap();
        assert_eq!(sum.inputs.dropped_by_kernel, None);
        assert_eq!(Losses::sum([]), None);
    }
}
