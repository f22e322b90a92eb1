//! What a link counts.

/// What a [`Link`](crate::sim::link::Link) has counted since it was made. Plain numbers that only grow.
///
/// At any time `sent + duplicated` is the sum of `delivered`, `lost`, `lost_to_partition`,
/// `lost_to_queue`, `lost_to_limit`, `too_long`, `discarded` and what is in flight.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LinkStats {
    /// Datagrams given to [`send`](crate::sim::link::Link::send), whatever became of them.
    pub sent: u64,
    /// Datagrams handed out by [`poll`](crate::sim::link::Link::poll), copies included.
    pub delivered: u64,
    /// Datagrams that [`loss`](crate::sim::LinkConditions::loss) took.
    pub lost: u64,
    /// Datagrams sent while the link was [`partitioned`](crate::sim::LinkConditions::partitioned).
    pub lost_to_partition: u64,
    /// Datagrams that found the queue of the bottleneck full
    /// ([`queue_bytes`](crate::sim::LinkConditions::queue_bytes)).
    pub lost_to_queue: u64,
    /// Datagrams, or copies of them, for which there was no room among
    /// [`LINK_DATAGRAMS_MAX`](crate::sim::LINK_DATAGRAMS_MAX). If this is not zero, the link was
    /// worse than its conditions.
    pub lost_to_limit: u64,
    /// Datagrams longer than [`DATAGRAM_MAX`](crate::limits::DATAGRAM_MAX), lost.
    pub too_long: u64,
    /// Copies made ([`duplication`](crate::sim::LinkConditions::duplication)).
    pub duplicated: u64,
    /// Datagrams, or copies of them, of which a bit was flipped
    /// ([`corruption`](crate::sim::LinkConditions::corruption)).
    pub corrupted: u64,
    /// Datagrams, or copies of them, held back so that others could overtake
    /// ([`reorder`](crate::sim::LinkConditions::reorder)), whether others did or not.
    pub held_back: u64,
    /// Datagrams in flight that [`discard_in_flight`](crate::sim::link::Link::discard_in_flight) threw away.
    pub discarded: u64,
}
