//! What a socket counts.

/// Everything that a [`Socket`](crate::Socket) has counted since it was bound. Plain numbers
/// that only grow; take two and subtract for a rate.
///
/// Together they answer "who lost it?" for this machine: what the kernel dropped because its buffer
/// was full, what a spent budget left unread until the next turn, what the socket would not take,
/// what was cut.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SocketStats {
    /// Datagrams taken from the socket, cut ones and empty ones included.
    pub datagrams_received: u64,
    /// Their bytes, as received: a cut datagram counts what is left of it.
    pub bytes_received: u64,
    /// System calls that received at least one datagram.
    pub batches_received: u64,
    /// Datagrams longer than 1024 bytes, of which the rest is lost.
    pub truncated: u64,
    /// How often a receive found the socket empty.
    pub receive_would_block: u64,
    /// How often a drain ended at its budget with more to read.
    pub budget_spent: u64,
    /// Datagrams that the kernel dropped, because the receive buffer was full or, rarely, a checksum
    /// was wrong. Linux alone (`SO_MEMINFO`), elsewhere 0. It is asked for by
    /// [`stats`](crate::Socket::stats), with a system call, and starts over after 2^32.
    pub dropped_by_kernel: u64,
    /// What the system answered to receives, apart from datagrams and "would block".
    pub receive_errors: ErrorCounts,

    /// Datagrams that the system took.
    pub datagrams_sent: u64,
    /// Their bytes.
    pub bytes_sent: u64,
    /// System calls that sent at least one datagram.
    pub batches_sent: u64,
    /// How often the socket would take no more; what is left stays queued.
    pub send_would_block: u64,
    /// How often `send` answered [`QueueFull`](crate::SocketSendError::QueueFull).
    pub queue_full: u64,
    /// Datagrams that were removed from the queue unsent, whatever the reason; the reasons are in
    /// [`send_errors`](Self::send_errors).
    pub discarded: u64,
    /// What the system answered to sends, apart from success and "would block".
    pub send_errors: ErrorCounts,
}

/// Errors of the operating system by class. The table of what is done about each is in the
/// documentation of [`Socket`](crate::Socket#what-the-operating-system-may-answer).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ErrorCounts {
    /// A signal came in between.
    pub interrupted: u64,
    /// A late report about an earlier datagram: nobody listens there (ICMP port unreachable,
    /// connection refused or reset).
    pub refused: u64,
    /// No way to that host or network.
    pub unreachable: u64,
    /// Longer than the path or the buffer takes.
    pub too_long: u64,
    /// The system had no memory for it at that moment.
    pub no_buffers: u64,
    /// Forbidden, by a firewall for example.
    pub permission: u64,
    /// Anything else, a destination port of 0 for example.
    pub other: u64,
}

impl ErrorCounts {
    /// All classes together.
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
