//! Statistics of a socket.

/// Counters of a [`Socket`](crate::Socket) since it was bound, to locate losses on this machine.
/// They only grow; for a rate, subtract two snapshots.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SocketStats {
    /// Datagrams received, including truncated and empty ones.
    pub datagrams_received: u64,
    /// Bytes received. A truncated datagram counts 1024.
    pub bytes_received: u64,
    /// System calls that received at least one datagram.
    pub batches_received: u64,
    /// Datagrams longer than 1024 bytes, which were truncated.
    pub truncated: u64,
    /// Receive calls that found the socket empty.
    pub receive_would_block: u64,
    /// Drains that ended at their budget with datagrams left to read.
    pub budget_spent: u64,
    /// Datagrams that the kernel dropped because the receive buffer was full or, rarely, a checksum
    /// was wrong. Linux only (`SO_MEMINFO`), otherwise 0. It wraps at 2^32.
    pub dropped_by_kernel: u64,
    /// Errors of receive calls, except "would block".
    pub receive_errors: ErrorCounts,

    /// Datagrams accepted by the operating system.
    pub datagrams_sent: u64,
    /// Bytes of these datagrams.
    pub bytes_sent: u64,
    /// System calls that sent at least one datagram.
    pub batches_sent: u64,
    /// Send calls that would have blocked; the rest stays queued.
    pub send_would_block: u64,
    /// Calls of `send` that returned [`QueueFull`](crate::SocketSendError::QueueFull).
    pub queue_full: u64,
    /// Datagrams dropped instead of sent. Errors of the system are also in
    /// [`send_errors`](Self::send_errors).
    pub discarded: u64,
    /// Errors of send calls, except "would block".
    pub send_errors: ErrorCounts,
}

/// Errors of the operating system by class. [`Socket`](crate::Socket#operating-system-errors)
/// documents how each class is handled.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ErrorCounts {
    /// Interrupted by a signal.
    pub interrupted: u64,
    /// A delayed report about an earlier datagram: no socket is bound at its destination (ICMP port
    /// unreachable, connection refused or reset).
    pub refused: u64,
    /// No route to the host or network.
    pub unreachable: u64,
    /// Longer than the path or the buffer allows.
    pub too_long: u64,
    /// The system was out of memory.
    pub no_buffers: u64,
    /// Not permitted, for example by a firewall.
    pub permission: u64,
    /// Any other error, for example a destination port of 0.
    pub other: u64,
}

impl ErrorCounts {
    /// Sum of all classes.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.interrupted
            + self.refused
            + self.unreachable
            + self.too_long
            + self.no_buffers
            + self.permission
            + self.other
    }
}
