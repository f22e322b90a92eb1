//! What a process of clients says to the one that started it, and what it is told: one line each.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// How many went for which reason.
pub(super) type Reasons = BTreeMap<String, usize>;

/// What it says, as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Report {
    /// All sockets are open.
    Ready,
    /// Every attempt to connect has come to something.
    Settled { connected: usize, refused: Reasons },
    /// Everybody has said goodbye, except those who had gone before.
    Closed { gone: Reasons },
    /// It cannot go on.
    Failed { why: String },
}

/// What it is told, as a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    Connect,
    Close,
}

impl Order {
    const CONNECT: &'static str = "connect";
    const CLOSE: &'static str = "close";

    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Connect => Self::CONNECT,
            Self::Close => Self::CLOSE,
        }
    }

    /// What is no order closes: whoever writes here is not who was expected.
    pub(super) fn of(word: &str) -> Self {
        if word.trim() == Self::CONNECT {
            return Self::Connect;
        }
        Self::Close
    }
}

/// All reasons together.
pub(super) fn total(reasons: &Reasons) -> usize {
    reasons.values().sum()
}

/// Adds one to its reason.
pub(super) fn add(reasons: &mut Reasons, reason: &impl ToString, count: usize) {
    *reasons.entry(reason.to_string()).or_default() += count;
}

/// `3 the server is full, 1 nobody answered`.
pub(super) fn told(reasons: &Reasons) -> String {
    let told: Vec<String> = reasons
        .iter()
        .map(|(reason, count)| format!("{count} {reason}"))
        .collect();
    told.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_is_read_as_it_was_written() {
        for order in [Order::Connect, Order::Close] {
            assert_eq!(Order::of(order.word()), order);
        }
        assert_eq!(Order::of("what?"), Order::Close);
    }

    #[test]
    fn reasons_add_up() {
        let mut reasons = Reasons::new();
        add(&mut reasons, &"b", 1);
        add(&mut reasons, &"a", 2);
        add(&mut reasons, &"b", 1);
        assert_eq!(total(&reasons), 4);
        assert_eq!(told(&reasons), "2 a, 2 b");
    }
}
