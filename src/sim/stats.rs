//! Counters of a link.

/// Counters of a [`Link`](crate::sim::link::Link) since it was created.
///
/// At any time `sent + duplicated` is the sum of `delivered`, `lost`, `lost_to_partition`,
/// `lost_to_queue`, `lost_to_limit`, `too_long`, `discarded` and the number in flight.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LinkStats {
    /// Datagrams passed to [`send`](crate::sim::link::Link::send).
    pub sent: u64,
    /// Datagrams returned by [`poll`](crate::sim::link::Link::poll), copies included.
    pub delivered: u64,
    /// Datagrams lost by [`loss`](crate::sim::LinkConditions::loss).
    pub lost: u64,
    /// Datagrams sent while the link was [`partitioned`](crate::sim::LinkConditions::partitioned).
    pub lost_to_partition: u64,
    /// Datagrams lost because the queue of the bottleneck was full
    /// ([`queue_bytes`](crate::sim::LinkConditions::queue_bytes)).
    pub lost_to_queue: u64,
    /// Datagrams or copies lost because [`LINK_DATAGRAMS_MAX`](crate::sim::LINK_DATAGRAMS_MAX) were
    /// in flight. If not zero, the link was worse than its conditions.
    pub lost_to_limit: u64,
    /// Datagrams longer than [`DATAGRAM_MAX`](crate::limits::DATAGRAM_MAX), lost.
    pub too_long: u64,
    /// Copies made ([`duplication`](crate::sim::LinkConditions::duplication)).
    pub duplicated: u64,
    /// Datagrams or copies with a flipped bit
    /// ([`corruption`](crate::sim::LinkConditions::corruption)).
    pub corrupted: u64,
    /// Datagrams or copies held back for reordering
    /// ([`reorder`](crate::sim::LinkConditions::reorder)), overtaken or not.
    pub held_back: u64,
    /// Datagrams dropped by [`discard_in_flight`](crate::sim::link::Link::discard_in_flight).
    pub discarded: u64,
}
