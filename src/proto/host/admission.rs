//! Admission: the application decides which clients may connect.

use std::fmt;
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};

use crate::proto::event::ByteCount;

/// A client's request to connect. The address is validated: the client returned its cookie.
///
/// `Debug` prints the length of the payload, never its content.
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Request<'a> {
    /// The client's address.
    pub address: SocketAddr,
    /// The payload of its `connect`: at most
    /// [`CONNECT_PAYLOAD_MAX`](crate::limits::CONNECT_PAYLOAD_MAX) bytes, not trusted.
    pub payload: &'a [u8],
    /// How many of [`peers_max`](Self::peers_max) are taken, without this client: connected peers, clients
    /// that have yet to confirm their accept, this host's own attempts to connect, and peers whose
    /// [`Disconnected`](crate::Event::Disconnected) event has not been taken. A client that reconnects from
    /// the address of a connected peer replaces that peer, which is still counted here.
    pub peers: usize,
    /// The host's [`peers_max`](crate::Config::peers_max). When `peers` has reached it, a client at a new address is
    /// denied with [`ServerFull`](crate::DisconnectReason::ServerFull) without asking the application.
    pub peers_max: usize,
}

impl<'a> Request<'a> {
    /// A request with no other peers on a host with the default
    /// [`peers_max`](crate::Config::peers_max), for tests of admission callbacks. Its fields are public.
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

/// The answer to a [`Request`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Admission {
    /// The client may connect.
    Accept,
    /// The client is refused: its `connect` ends with
    /// [`Denied`](crate::DisconnectReason::Denied) and this code.
    Deny {
        /// Application-defined code.
        code: u32,
    },
}

/// The application's callback.
pub(crate) type Decide = Box<dyn FnMut(&Request<'_>) -> Admission + Send>;

/// The admission policy: the application's callback, or accept every client if there is none.
///
/// The mutex is never locked, because every call has exclusive access. It makes the host `Sync` without requiring that
/// of the callback.
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
