//! Options of a connection attempt.

use std::fmt;

#[cfg(feature = "noise")]
use crate::keys::PublicKey;
use crate::proto::event::ByteCount;

/// Options of `connect`: a payload for the server's application, and the server's key.
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
    /// Passed to the server's [admission](crate::Request) callback and its
    /// [`Connected`](crate::Event::Connected) event: at most
    /// [`CONNECT_PAYLOAD_MAX`](crate::limits::CONNECT_PAYLOAD_MAX) (256) bytes. Encrypted under
    /// Noise, readable on the path under [`Security::Plain`](crate::Security::Plain). Default:
    /// empty.
    pub payload: Vec<u8>,
    /// The key that authenticates the server. Default: `None`, which accepts any key
    /// ([`Connected`](crate::Event::Connected) reports it): **an active attacker on the path can
    /// then impersonate the server.**
    #[cfg(feature = "noise")]
    pub server_key: Option<PublicKey>,
    /// Allows a [`payload`](Self::payload) without a pinned [`server_key`](Self::server_key), to an
    /// unauthenticated server. Default: `false`, because a payload is usually a login ticket.
    #[cfg(feature = "noise")]
    pub trust_unpinned: bool,
}

impl ConnectOptions {
    /// The defaults, with a payload.
    #[must_use]
    pub fn with_payload(payload: impl Into<Vec<u8>>) -> Self {
        Self {
            payload: payload.into(),
            ..Self::default()
        }
    }

    /// Pins the server's key.
    #[cfg(feature = "noise")]
    #[must_use]
    pub fn pin(mut self, server_key: PublicKey) -> Self {
        self.server_key = Some(server_key);
        self
    }

    /// Sets [`trust_unpinned`](Self::trust_unpinned).
    #[cfg(feature = "noise")]
    #[must_use]
    pub fn trust_unpinned(mut self) -> Self {
        self.trust_unpinned = true;
        self
    }
}

/// Prints no payload.
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
