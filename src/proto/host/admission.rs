//! Admission: the application decides which clients may connect.

use std::fmt;
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};

use crate::proto::event::ByteCount;

/// A client's request to connect, from a validated address. `Debug` prints only the length of the
/// payload.
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Request<'a> {
    /// The client's address.
    pub address: SocketAddr,
    /// The payload of its `connect`: at most
    /// [`CONNECT_PAYLOAD_MAX`](crate::limits::CONNECT_PAYLOAD_MAX) (256) bytes, untrusted.
    pub payload: &'a [u8],
    /// Peers that count against [`peers_max`](Self::peers_max), without this client: connected
    /// peers (also a peer that this client replaces), pending clients, own attempts, and peers
    /// whose [`Disconnected`](crate::Event::Disconnected) event is not taken.
    pub peers: usize,
    /// The host's [`peers_max`](crate::Config::peers_max). At the limit a client at a new address
    /// is denied with [`ServerFull`](crate::DisconnectReason::ServerFull) without calling the
    /// application.
    pub peers_max: usize,
}

impl<'a> Request<'a> {
    /// A request on a host without peers and with the default
    /// [`peers_max`](crate::Config::peers_max), for tests of admission callbacks.
    #[must_use]
    pub fn new(address: SocketAddr, payload: &'a [u8]) -> Self {
        Self {
            address,
            payload,
            peers: 0,
            peers_max: crate::config::PEERS_DEFAULT,
        }
    }
}

impl fmt::Debug for Request<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("address", &self.address)
            .field("payload", &ByteCount(self.payload.len()))
            .field("peers", &self.peers)
            .field("peers_max", &self.peers_max)
            .finish()
    }
}

/// The decision on a [`Request`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Admission {
    /// The client may connect.
    Accept,
    /// The client is denied: its `connect` ends with [`Denied`](crate::DisconnectReason::Denied)
    /// and this code.
    Deny {
        /// A code of the application.
        code: u32,
    },
}

pub(crate) type Decide = Box<dyn FnMut(&Request<'_>) -> Admission + Send>;

/// The mutex makes the host `Sync` without requiring that of the callback. It is never locked,
/// because every call has exclusive access.
#[derive(Default)]
pub(crate) struct AdmissionPolicy(Option<Mutex<Decide>>);

impl AdmissionPolicy {
    pub(crate) fn set(&mut self, decide: Decide) {
        self.0 = Some(Mutex::new(decide));
    }

    pub(crate) fn ask(&mut self, request: &Request<'_>) -> Admission {
        self.0.as_mut().map_or(Admission::Accept, |decide| {
            decide.get_mut().unwrap_or_else(PoisonError::into_inner)(request)
        })
    }
}

impl fmt::Debug for AdmissionPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() {
            "Callback"
        } else {
            "AcceptAll"
        })
    }
}
