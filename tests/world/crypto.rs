//! A second implementation of the encryption in `WIRE.md`. Its handshake uses snow's default
//! primitives, so those of the library are tested against others.

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::hmac;
use snow::{Builder, HandshakeState};
use tickwire::{PrivateKey, PublicKey};

use super::packets::{Connect, Cookie, VERSION};
use super::{PROTOCOL, packets};

const SERVER_PRIVATE: [u8; 32] = [0x5e; 32];

pub(crate) fn server_private_key() -> PrivateKey {
    PrivateKey::from_bytes(SERVER_PRIVATE)
}

pub(crate) fn server_key() -> PublicKey {
    server_private_key().public_key()
}

/// Connection keys of one side. They are not on the heap, because tests count allocations.
#[derive(Debug, Clone)]
pub(crate) struct Keys {
    sending: LessSafeKey,
    sending_bytes: [u8; 32],
    receiving: LessSafeKey,
}

/// Packets per key epoch.
const EPOCH: u64 = 1 << 24;

impl Keys {
    fn new(sending: [u8; 32], receiving: [u8; 32]) -> Self {
        Self {
            sending: key(&sending),
            sending_bytes: sending,
            receiving: key(&receiving),
        }
    }

    /// Encrypts the frames and appends the tag.
    pub(crate) fn seal(&self, number: u64, header: &[u8], frames: &[u8]) -> Vec<u8> {
        let mut sealed = frames.to_vec();
        let (nonce, header) = (nonce(number), Aad::from(header));
        let later = (number >= EPOCH).then(|| self.later_key(number / EPOCH));
        later
            .as_ref()
            .unwrap_or(&self.sending)
            .seal_in_place_append_tag(nonce, header, &mut sealed)
            .unwrap();
        sealed
    }

    fn later_key(&self, epoch: u64) -> LessSafeKey {
        key(&(0..epoch).fold(self.sending_bytes, |bytes, _| rekey(&bytes)))
    }

    /// Frames of a received packet, if it is authentic.
    pub(crate) fn open(&self, packet: &[u8]) -> Option<Vec<u8>> {
        let (header, sealed) = packet.split_at_checked(13)?;
        let (number, mut sealed) = (packets::packet_number(packet), sealed.to_vec());
        let opened = self
            .receiving
            .open_in_place(nonce(number), Aad::from(header), &mut sealed);
        Some(opened.ok()?.to_vec())
    }
}

fn key(bytes: &[u8; 32]) -> LessSafeKey {
    LessSafeKey::new(UnboundKey::new(&AES_256_GCM, bytes).unwrap())
}

/// Noise's `REKEY`.
fn rekey(bytes: &[u8; 32]) -> [u8; 32] {
    let mut next = [0; 32];
    let tag = key(bytes).seal_in_place_separate_tag(nonce(u64::MAX), Aad::empty(), &mut next);
    assert!(tag.is_ok());
    next
}

fn nonce(number: u64) -> Nonce {
    let mut bytes = [0; 12];
    bytes[4..].copy_from_slice(&number.to_be_bytes());
    Nonce::assume_unique_for_key(bytes)
}

fn builder() -> Builder<'static> {
    Builder::new("Noise_NK_25519_AESGCM_SHA256".parse().unwrap())
}

fn prologue(nonce: &packets::Nonce, cookie: &Cookie) -> Vec<u8> {
    let id = PROTOCOL.to_be_bytes();
    [&[VERSION, 1], &nonce[..], cookie, &id].concat()
}

/// The client of a connect and its message. The ephemeral key is derived from the connect.
fn client(connect: &Connect) -> (HandshakeState, Vec<u8>) {
    let mut ephemeral = [7; 32];
    ephemeral[..16].copy_from_slice(&connect.nonce);
    ephemeral[16..24].copy_from_slice(&connect.client_id.to_be_bytes());
    let server = server_key();
    let mut state = builder()
        .fixed_ephemeral_key_for_testing_only(&ephemeral)
        .prologue(&prologue(&connect.nonce, &connect.cookie))
        .unwrap()
        .remote_public_key(server.as_bytes())
        .unwrap()
        .build_initiator()
        .unwrap();
    let mut message = [0; 1024];
    let len = state.write_message(&connect.body(), &mut message).unwrap();
    (state, message[..len].to_vec())
}

pub(crate) fn sealed_connect(connect: &Connect) -> Vec<u8> {
    client(connect).1
}

/// Decrypts the accept of a connect. Returns its body and the connection keys.
pub(crate) fn open_accept(connect: &Connect, accept: &[u8]) -> (Vec<u8>, Keys) {
    let (mut state, _) = client(connect);
    let mut body = [0; 1024];
    let message = &accept[26..accept.len() - 4];
    let len = state.read_message(message, &mut body).unwrap();
    let (to_server, to_client) = state.dangerously_get_raw_split();
    (body[..len].to_vec(), Keys::new(to_server, to_client))
}

/// The server that decrypts a connect, and the body.
fn server(connect: &[u8]) -> (HandshakeState, Vec<u8>) {
    let (nonce, cookie) = (&connect[2..18], &connect[18..34]);
    let prologue = prologue(nonce.try_into().unwrap(), cookie.try_into().unwrap());
    let mut state = builder()
        .prologue(&prologue)
        .unwrap()
        .local_private_key(&SERVER_PRIVATE)
        .unwrap()
        .build_responder()
        .unwrap();
    let mut body = [0; 1024];
    let message = &connect[34..connect.len() - 4];
    let len = state.read_message(message, &mut body).unwrap();
    (state, body[..len].to_vec())
}

pub(crate) fn open_connect(connect: &[u8]) -> Vec<u8> {
    server(connect).1
}

pub(crate) fn sealed_accept(connect: &[u8], body: &[u8]) -> Vec<u8> {
    let (mut state, _) = server(connect);
    let mut message = [0; 1024];
    let len = state.write_message(body, &mut message).unwrap();
    message[..len].to_vec()
}

pub(crate) fn tag_of_deny(connect: &[u8], signed: &[u8]) -> Vec<u8> {
    let (mut state, _) = server(connect);
    let (_, to_client) = state.dangerously_get_raw_split();
    let key = hmac::Key::new(hmac::HMAC_SHA256, &to_client);
    hmac::sign(&key, signed).as_ref()[..16].to_vec()
}
