//! Golden vectors of packets under Noise, with fixed secrets. `golden_tests` compares them with
//! `WIRE.md`.

/// Name, and bytes in hex, as in `golden_tests`.
pub(super) const VECTORS: &[(&str, &str)] = &[
    (
        "hello-noise",
        "01 54575245 01 202122232425262728292a2b2c2d2e2f 01 0123456789abcdef 00 * 989 660821d3",
    ),
    (
        "cookie-noise",
        "03 01 202122232425262728292a2b2c2d2e2f c0c1c2c3c4c5c6c7c8c9cacbcccdcecf
         79a631eede1bf9c98f12032cdeadd0e7a079398fc786b88cc846ec89af85a51a ad39f12e",
    ),
    (
        "prologue",
        "01 01 202122232425262728292a2b2c2d2e2f c0c1c2c3c4c5c6c7c8c9cacbcccdcecf 0123456789abcdef",
    ),
    (
        "connect-noise",
        "04 01 202122232425262728292a2b2c2d2e2f c0c1c2c3c4c5c6c7c8c9cacbcccdcecf
         675dd574ed7789310b3d2e7681f3790b466c773b1521fecf36577958371ea52f
         07c82c514a58a0f33ca619e05d1c12866f198753e6787b7b867c74237d
         cc2fd0981ecaaf9015967d2aa6310d6c 7a7638ec",
    ),
    (
        "accept-noise",
        "05 01 1122334455667788 202122232425262728292a2b2c2d2e2f
         493e82fc74464a59268817623d2053c5eb8e2cc4a988b4fee179ec6b010d531d
         b0044310129109b2f6f28d636b796415efbd7c4174 e05ad04291579556d7e4ca5cf0af099c 1009259a",
    ),
    (
        "deny-noise",
        "06 01 1122334455667788 202122232425262728292a2b2c2d2e2f 02 00000194
         351c4f6841d44e73c70afba3735e5f6e aa963008",
    ),
    (
        "key-to-server",
        "e5738bf89d7d6f60cbe5a5d1a627c9a9d45f148750a9b4f80eda6e05f5d2a235",
    ),
    (
        "key-to-client",
        "d8d777caef71879e6008c5285e41a5d378860520bbfe3d2bc8f499e46731b058",
    ),
    (
        "key-to-server-1",
        "fc70f40b07e9b8905b3e182e3f150f4a988f5b5880e4e2f187bb4fd4880b0a4f",
    ),
    (
        "packet-noise-first",
        "07 99aabbccddeeff00 00000000 e0 c0f4738d3908b402e858d0d991e349d2",
    ),
    (
        "packet-noise-rekeyed",
        "07 99aabbccddeeff00 01000000 7e 2079db05865bcc7adfadf4f22a197a53",
    ),
];

#[cfg(feature = "noise")]
mod tests {
    use super::VECTORS;
    use crate::keys::{PrivateKey, PublicKey};
    use crate::limits::{DATAGRAM_MAX, REKEY_PACKETS};
    use crate::proto::connection::packet_protection;
    use crate::proto::connection::packet_protection::NoiseTransport;
    use crate::proto::noise::{
        KeyCheck, NoiseClient, Prologue, Responder, Session, StaticKeypair, rekey,
    };
    use crate::proto::rng::Secret;
    use crate::proto::wire::golden_tests::{
        CLIENT_ID, COOKIE, NONCE, PROTOCOL_ID, SERVER_ID, SETTINGS, datagram, parsed,
    };
    use crate::proto::wire::handshake::{
        Accept, AcceptEnvelope, Connect, ConnectEnvelope, CookieReply, Deny, DenyReason, Hello,
        SecurityMode, SignedDeny,
    };
    use crate::proto::wire::packet::payload_room;

    /// 32 ascending bytes.
    fn counting(first: u8) -> [u8; 32] {
        std::array::from_fn(|index| first + u8::try_from(index).unwrap())
    }

    fn identity() -> StaticKeypair {
        StaticKeypair::new(PrivateKey::from_bytes(counting(0x40)))
    }

    fn client_secret() -> Secret {
        Secret::new(counting(0x60))
    }

    fn server_secret() -> Secret {
        Secret::new(counting(0x80))
    }

    fn bytes_of(name: &str) -> Vec<u8> {
        let vector = VECTORS.iter().find(|(known, _)| *known == name);
        parsed(vector.expect("it is in the table").1)
    }

    fn assert_vector(name: &str, bytes: &[u8]) {
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(bytes, bytes_of(name), "{name} is {hex}");
    }

    const CONNECT: Connect<'_> = Connect {
        nonce: NONCE,
        cookie: COOKIE,
        client_id: CLIENT_ID,
        settings: SETTINGS,
        payload: b"ticket",
    };

    const ACCEPT: Accept = Accept {
        client_id: CLIENT_ID,
        nonce: NONCE,
        server_id: SERVER_ID,
        settings: SETTINGS,
    };

    const DENY: Deny = Deny {
        client_id: CLIENT_ID,
        nonce: NONCE,
        refusal: DenyReason::Denied(404),
    };

    fn terms() -> Prologue {
        Prologue {
            protocol_id: PROTOCOL_ID,
            nonce: NONCE,
            cookie: COOKIE,
        }
    }

    fn cookie() -> CookieReply {
        CookieReply {
            nonce: NONCE,
            cookie: COOKIE,
            public_key: *identity().public().as_bytes(),
        }
    }

    /// The client after writing its connect.
    fn call() -> NoiseClient {
        let mut call = NoiseClient::new(Some(identity().public()));
        let shown = call.on_cookie(PROTOCOL_ID, &cookie(), &CONNECT, client_secret());
        assert_eq!(shown, KeyCheck::Usable);
        call
    }

    /// The server after reading the connect.
    fn responder() -> Responder {
        let bytes = bytes_of("connect-noise");
        let envelope = ConnectEnvelope::read(PROTOCOL_ID, &bytes).unwrap();
        let mut body = [0; DATAGRAM_MAX];
        let message = envelope.body;
        let read = Responder::read(&identity(), &terms(), server_secret(), message, &mut body);
        let (responder, len) = read.unwrap();
        assert_eq!(Connect::read_body(&envelope, &body[..len]), Ok(CONNECT));
        responder
    }

    #[test]
    fn hello() {
        let hello = Hello {
            protection: SecurityMode::Noise,
            protocol_id: PROTOCOL_ID,
            nonce: NONCE,
        };
        assert_vector("hello-noise", &datagram(|buffer| hello.write(buffer)));
        assert_eq!(Hello::read(&bytes_of("hello-noise")), Ok(hello));
    }

    #[test]
    fn cookies() {
        let answer = cookie();
        let bytes = datagram(|buffer| answer.write(PROTOCOL_ID, buffer));
        assert_vector("cookie-noise", &bytes);
        assert_eq!(CookieReply::read(PROTOCOL_ID, &bytes), Ok(answer));
        assert_eq!(
            PublicKey::from_bytes(answer.public_key),
            identity().public()
        );
    }

    #[test]
    fn connect() {
        assert_vector("prologue", &terms().prologue());
        assert_vector("connect-noise", call().connect());
        responder();
    }

    #[test]
    fn accept() {
        let mut message = [0; DATAGRAM_MAX];
        let (len, _) = responder().accept(&ACCEPT.body(), &mut message).unwrap();
        let envelope = AcceptEnvelope {
            client_id: CLIENT_ID,
            nonce: NONCE,
            body: &message[..len],
        };
        let bytes = datagram(|buffer| envelope.write(PROTOCOL_ID, buffer));
        assert_vector("accept-noise", &bytes);
        let envelope = AcceptEnvelope::read(PROTOCOL_ID, &bytes).unwrap();
        let (accept, _) = call().open_accept(&envelope).unwrap();
        assert_eq!(accept, ACCEPT);
    }

    #[test]
    fn deny() {
        let tag = responder().refuse(&SignedDeny::signed_part(&DENY));
        let signed = SignedDeny { deny: DENY, tag };
        let bytes = datagram(|buffer| signed.write(PROTOCOL_ID, buffer));
        assert_vector("deny-noise", &bytes);
        assert_eq!(SignedDeny::read(PROTOCOL_ID, &bytes), Ok(signed));
        assert!(call().is_authentic(&signed));
    }

    fn key(name: &str) -> Secret {
        Secret::new(bytes_of(name).try_into().unwrap())
    }

    #[test]
    fn keys() {
        let next = rekey(&key("key-to-server"));
        assert_vector("key-to-server-1", &*next);
    }

    fn ends() -> [packet_protection::PacketProtection; 2] {
        let (to_server, to_client) = (key("key-to-server"), key("key-to-client"));
        let sessions = [
            Session::new(&to_server, to_client.clone()),
            Session::new(&to_client, to_server),
        ];
        sessions.map(protected)
    }

    fn protected(session: Session) -> packet_protection::PacketProtection {
        packet_protection::PacketProtection::Noise(Box::new(NoiseTransport {
            session,
            accept: Box::default(),
            is_pinned: false,
        }))
    }

    #[test]
    fn packets() {
        let [mut client, mut server] = ends();
        for (name, number) in [
            ("packet-noise-first", 0),
            ("packet-noise-rekeyed", REKEY_PACKETS),
        ] {
            let mut buffer = [0xee; DATAGRAM_MAX];
            payload_room(&mut buffer)[0] = 1;
            let len = client.seal(SERVER_ID, number, 1, &mut buffer);
            assert_vector(name, &buffer[..len]);
            assert_eq!(
                server.open(number, &buffer[..len], &mut Vec::new()),
                Ok(&[1][..])
            );
        }
    }

    #[test]
    fn handshake_derives_the_golden_keys() {
        let bytes = bytes_of("accept-noise");
        let envelope = AcceptEnvelope::read(PROTOCOL_ID, &bytes).unwrap();
        let (_, session) = call().open_accept(&envelope).unwrap();
        let mut client = protected(session);
        let [_, mut server] = ends();
        let mut buffer = [0xee; DATAGRAM_MAX];
        payload_room(&mut buffer)[0] = 1;
        let len = client.seal(SERVER_ID, 0, 1, &mut buffer);
        assert_eq!(
            server.open(0, &buffer[..len], &mut Vec::new()),
            Ok(&[1][..])
        );
        let mut buffer = [0xee; DATAGRAM_MAX];
        payload_room(&mut buffer)[0] = 1;
        let len = server.seal(CLIENT_ID, 0, 1, &mut buffer);
        assert_eq!(
            client.open(0, &buffer[..len], &mut Vec::new()),
            Ok(&[1][..])
        );
    }
}
