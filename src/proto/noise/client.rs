//! What a client makes of the key that a server shows: the handshake, or nothing.

use crate::keys::PublicKey;
use crate::limits::DATAGRAM_MAX;
use crate::proto::noise::{Initiator, Prologue, Session};
use crate::proto::rng::Secret;
use crate::proto::wire::handshake::{
    Accept, AcceptEnvelope, CONNECT_BODY_MAX, Connect, ConnectEnvelope, Cookie, CookieReply,
    SEAL_OVERHEAD, SignedDeny,
};

/// Of one attempt to connect.
#[derive(Debug)]
pub(crate) struct NoiseClient {
    /// The key that the server must have.
    pin: Option<PublicKey>,
    /// The last one that was shown and is another one.
    wrong: Option<PublicKey>,
    begun: Option<StartedHandshake>,
}

/// A handshake whose first message is written. It goes with one cookie of one server.
#[derive(Debug)]
struct StartedHandshake {
    cookie: Cookie,
    server: PublicKey,
    initiator: Initiator,
    /// The connect, to be sent as it is each time.
    connect: Vec<u8>,
}

/// What becomes of a cookie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyCheck {
    /// It can be brought back.
    Usable,
    /// It came with a key that is not the pinned one.
    WrongKey,
    /// It came with a key that is none.
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

    /// A server shows its key, and gives a cookie. The same cookie goes on with the same handshake, so
    /// that a server which has answered it already answers it again.
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

    /// The connect, once there is a cookie.
    pub(crate) fn connect(&self) -> &[u8] {
        self.begun.as_ref().map_or(&[], |begun| &begun.connect)
    }

    /// The key of the server that the connect is for.
    pub(crate) fn server(&self) -> Option<PublicKey> {
        self.begun.as_ref().map(|begun| begun.server)
    }

    /// The last key that was shown instead of the pinned one, if that one was not shown at all.
    pub(crate) fn wrong_key(&self) -> Option<PublicKey> {
        self.wrong.filter(|_| self.begun.is_none())
    }

    /// What the server says when it takes this client in, if it is the server.
    pub(crate) fn open_accept(
        &mut self,
        envelope: &AcceptEnvelope<'_>,
    ) -> Option<(Accept, Session)> {
        let begun = self.begun.as_mut()?;
        // Longer than any accept: what does not fit was not sealed by a server of this version.
        let mut body = [0; DATAGRAM_MAX];
        let (len, session) = begun.initiator.finish(envelope.body, &mut body)?;
        let accept = Accept::read_body(envelope, &body[..len]).ok()?;
        Some((accept, session))
    }

    /// Whether this deny is the server's.
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
