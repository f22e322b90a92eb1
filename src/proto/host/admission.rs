//! Who may come in: the application's word.

use std::fmt;
use std::net::SocketAddr;

/// Somebody who asks for a connection. Packets to the address arrive: it brought its cookie back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Request<'a> {
    /// From where.
    pub address: SocketAddr,
    /// What it says of itself: at most
    /// [`CONNECT_PAYLOAD_MAX`](crate::limits::CONNECT_PAYLOAD_MAX) bytes that anybody may have written.
    pub payload: &'a [u8],
}

/// What becomes of a [`Request`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// It gets in.
    Accept,
    /// It does not, and its `connect` ends with
    /// [`Denied`](crate::DisconnectReason::Denied) and this number.
    Deny {
        /// The application's own number for why.
        code: u32,
    },
}

/// What an application gives to decide by.
pub(crate) type Decide = Box<dyn FnMut(&Request<'_>) -> Admission + Send>;

/// Asks the application, or, where it has not said how, takes everybody.
#[derive(Default)]
pub(crate) struct AdmissionPolicy(Option<Decide>);

impl AdmissionPolicy {
    pub(crate) fn set(&mut self, decide: Decide) {
        self.0 = Some(decide);
    }

    pub(crate) fn ask(&mut self, request: &Request<'_>) -> Admission {
        self.0
            .as_mut()
            .map_or(Admission::Accept, |decide| decide(request))
    }
}

impl fmt::Debug for AdmissionPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Decides" } else { "Open" })
    }
}
