//! The client side of Noise: checks the server's key and runs the handshake.

use crate::keys::PublicKey;
use crate::limits::DATAGRAM_MAX;
use crate::proto::noise::{Initiator, Prologue, Session};
use crate::proto::rng::Secret;
use crate::proto::wire::handshake::{
    Accept, AcceptEnvelope, CONNECT_BODY_MAX, Connect, ConnectEnvelope, Cookie, CookieReply,
    SEAL_OVERHEAD, SignedDeny,
};

#[derive(Debug)]
pub(crate) struct NoiseClient {
    pin: Option<PublicKey>,
    wrong: Option<PublicKey>,
    begun: Option<StartedHandshake>,
}

/// For one cookie of one server.
#[derive(Debug)]
struct StartedHandshake {
    cookie: Cookie,
    server: PublicKey,
    initiator: Initiator,
    /// Retransmitted unchanged.
    connect: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyCheck {
    Usable,
    WrongKey,
    Unusable,
}

impl NoiseClient {
    pub(crate) fn new(pin: Option<PublicKey>) -> Self {
        Self {
            pin,
            wrong: None,
            begun: None,
        }
    }

    pub(crate) fn is_pinned(&self) -> bool {
        self.pin.is_some()
    }

    /// A duplicate of the cookie continues the same handshake, so a server that has already
    /// accepted repeats its accept.
    pub(crate) fn on_cookie(
        &mut self,
        protocol_id: u64,
        answer: &CookieReply,
        connect: &Connect<'_>,
        ephemeral: Secret,
    ) -> KeyCheck {
        let server = PublicKey::from_bytes(answer.public_key);
        if self.pin.is_some_and(|pin| pin != server) {
            self.wrong = Some(server);
            return KeyCheck::WrongKey;
        }
        let is_begun =
            |begun: &StartedHandshake| begun.cookie == answer.cookie && begun.server == server;
        if self.begun.as_ref().is_some_and(is_begun) {
            return KeyCheck::Usable;
        }
        let Some(begun) = StartedHandshake::new(protocol_id, server, connect, ephemeral) else {
            return KeyCheck::Unusable;
        };
        self.begun = Some(begun);
        KeyCheck::Usable
    }

    pub(crate) fn connect(&self) -> &[u8] {
        self.begun.as_ref().map_or(&[], |begun| &begun.connect)
    }

    pub(crate) fn server(&self) -> Option<PublicKey> {
        self.begun.as_ref().map(|begun| begun.server)
    }

    /// The last presented wrong key, if the pinned key was never presented.
    pub(crate) fn wrong_key(&self) -> Option<PublicKey> {
        self.wrong.filter(|_| self.begun.is_none())
    }

    /// `None` if it is not authentic.
    pub(crate) fn open_accept(
        &mut self,
        envelope: &AcceptEnvelope<'_>,
    ) -> Option<(Accept, Session)> {
        let begun = self.begun.as_mut()?;
        // Longer than any accept: a body that does not fit is not from a server of this version.
        let mut body = [0; DATAGRAM_MAX];
        let (len, session) = begun.initiator.finish(envelope.body, &mut body)?;
        let accept = Accept::read_body(envelope, &body[..len]).ok()?;
        Some((accept, session))
    }

    pub(crate) fn is_authentic(&self, signed: &SignedDeny) -> bool {
        let bytes = SignedDeny::signed_part(&signed.deny);
        let begun = self.begun.as_ref();
        begun.is_some_and(|begun| begun.initiator.is_refusal(&bytes, &signed.tag))
    }
}

impl StartedHandshake {
    fn new(
        protocol_id: u64,
        server: PublicKey,
        connect: &Connect<'_>,
        ephemeral: Secret,
    ) -> Option<Self> {
        let terms = Prologue {
            protocol_id,
            nonce: connect.nonce,
            cookie: connect.cookie,
        };
        let mut body = zeroize::Zeroizing::new([0; CONNECT_BODY_MAX]);
        let len = connect.write_body(&mut *body);
        let mut message = [0; CONNECT_BODY_MAX + SEAL_OVERHEAD];
        let (initiator, len) =
            Initiator::begin(&terms, &server, ephemeral, &body[..len], &mut message)?;
        let envelope = ConnectEnvelope {
            nonce: connect.nonce,
            cookie: connect.cookie,
            body: &message[..len],
        };
        let mut packet = [0; DATAGRAM_MAX];
        let len = envelope.write(protocol_id, &mut packet);
        Some(Self {
            cookie: connect.cookie,
            server,
            initiator,
            connect: packet[..len].to_vec(),
        })
    }
}
