//! Options of a connection attempt.

use std::fmt;

#[cfg(feature = "noise")]
use crate::keys::PublicKey;
use crate::proto::event::ByteCount;

/// Options of `connect`: the payload for the server's application, and the key that the server must have.
///
/// ```
/// use tickwire::ConnectOptions;
///
/// let options = ConnectOptions::with_payload("a login ticket");
/// assert_eq!(options.payload, b"a login ticket");
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConnectOptions {
    /// Passed to the [admission](crate::Request) callback of the server's application: at most
    /// [`CONNECT_PAYLOAD_MAX`](crate::limits::CONNECT_PAYLOAD_MAX), 256 bytes. Under Noise only the server can read it;
    /// under [`Security::Plain`](crate::Security::Plain) it is not encrypted.
    pub payload: Vec<u8>,
    /// The key that authenticates the server. `None`, the default, accepts the key that the server presents, which
    /// [`Connected`](crate::Event::Connected) reports: **an active attacker in the middle can then pose as the
    /// server.**
    #[cfg(feature = "noise")]
    pub server_key: Option<PublicKey>,
    /// Sends [`payload`](Self::payload) also without a pinned [`server_key`](Self::server_key), to a server that is not
    /// authenticated. Default: `false`, because the payload is usually a login ticket.
    #[cfg(feature = "noise")]
    pub trust_unpinned: bool,
}

impl ConnectOptions {
    /// The defaults, with a payload for the server's application.
    #[must_use]
    pub fn with_payload(payload: impl Into<Vec<u8>>) -> Self {
        Self {
            payload: payload.into(),
            ..Self::default()
        }
    }

    /// The same, with a pinned server key.
    #[cfg(feature = "noise")]
    #[must_use]
    pub fn pin(mut self, server_key: PublicKey) -> Self {
        self.server_key = Some(server_key);
        self
    }

    /// The same, with a payload for a server that is not authenticated: see [`trust_unpinned`](Self::trust_unpinned).
    #[cfg(feature = "noise")]
    #[must_use]
    pub fn trust_unpinned(mut self) -> Self {
        self.trust_unpinned = true;
        self
    }
}

/// Prints the length of the payload, never its content.
impl fmt::Debug for ConnectOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut fields = f.debug_struct("ConnectOptions");
        fields.field("payload", &ByteCount(self.payload.len()));
        #[cfg(feature = "noise")]
        fields
            .field("server_key", &self.server_key)
            .field("trust_unpinned", &self.trust_unpinned);
        fields.finish()
    }
}
