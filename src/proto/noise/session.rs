//! Packet encryption: AES-256-GCM per direction, with the packet number as the nonce and every byte
//! before the ciphertext as associated data.
//!
//! After every [`REKEY_PACKETS`] packets, an epoch, both sides derive the next key with Noise's
//! `REKEY`. Forward secrecy: a stolen key decrypts later packets, but no packet from before the
//! previous epoch, whose key the receiver keeps for late packets. The epoch of a packet is its
//! number divided by [`REKEY_PACKETS`], so it is not transmitted.

use std::fmt;

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use zeroize::Zeroizing;

use crate::limits::REKEY_PACKETS;
use crate::proto::rng::Secret;
use crate::proto::wire::Malformed;

pub(crate) struct Session {
    sending: SendKeys,
    receiving: RecvKeys,
}

struct SendKeys {
    epoch: u64,
    key: LessSafeKey,
    next: Secret,
    /// Next packet number. Lower numbers are never sealed again.
    number: u64,
}

struct RecvKeys {
    epoch: u64,
    key: LessSafeKey,
    /// Secrets of the previous, current and next epoch. The first epoch has no previous one.
    previous: Option<Secret>,
    current: Secret,
    next: Secret,
}

impl Session {
    pub(crate) fn new(sending: &Secret, receiving: Secret) -> Self {
        Self {
            sending: SendKeys {
                epoch: 0,
                key: key(sending),
                next: rekey(sending),
                number: 0,
            },
            receiving: RecvKeys {
                epoch: 0,
                key: key(&receiving),
                previous: None,
                next: rekey(&receiving),
                current: receiving,
            },
        }
    }

    /// Encrypts `payload` in place; returns the tag to append. Packet numbers must increase.
    pub(crate) fn seal(&mut self, number: u64, header: &[u8], payload: &mut [u8]) -> [u8; 16] {
        let sending = &mut self.sending;
        assert!(
            number >= sending.number,
            "a packet number never repeats under one key: the connection counts upwards"
        );
        sending.number = number + 1;
        sending.go_to(number / REKEY_PACKETS);
        seal_with(&sending.key, number, header, payload)
    }

    /// Decrypts in place: `sealed` is the ciphertext and its tag, and the result is its beginning.
    /// The first authentic packet of the next epoch starts that epoch.
    pub(crate) fn open<'a>(
        &mut self,
        number: u64,
        header: &[u8],
        sealed: &'a mut [u8],
    ) -> Result<&'a mut [u8], Malformed> {
        let receiving = &mut self.receiving;
        let epoch = number / REKEY_PACKETS;
        if epoch == receiving.epoch {
            return open_with(&receiving.key, number, header, sealed);
        }
        if epoch == receiving.epoch + 1 {
            let key = key(&receiving.next);
            let opened = open_with(&key, number, header, sealed)?;
            receiving.advance(key);
            return Ok(opened);
        }
        match &receiving.previous {
            Some(previous) if epoch + 1 == receiving.epoch => {
                open_with(&key(previous), number, header, sealed)
            }
            _ => Err(Malformed),
        }
    }
}

impl SendKeys {
    fn go_to(&mut self, epoch: u64) {
        while self.epoch < epoch {
            self.key = key(&self.next);
            self.next = rekey(&self.next);
            self.epoch += 1;
        }
    }
}

impl RecvKeys {
    fn advance(&mut self, key: LessSafeKey) {
        let after = rekey(&self.next);
        let current = std::mem::replace(&mut self.next, after);
        self.previous = Some(std::mem::replace(&mut self.current, current));
        self.key = key;
        self.epoch += 1;
    }
}

#[allow(
    clippy::expect_used,
    reason = "the only length that is an error is another one than 32"
)]
fn key(secret: &Secret) -> LessSafeKey {
    let key = UnboundKey::new(&AES_256_GCM, &**secret).expect("a secret has 32 bytes");
    LessSafeKey::new(key)
}

/// Noise's `REKEY` (revision 34, section 4.2): 32 zeros encrypted with the largest nonce, which no
/// packet has.
pub(crate) fn rekey(secret: &Secret) -> Secret {
    let mut bytes = Zeroizing::new([0; 32]);
    seal_with(&key(secret), u64::MAX, &[], &mut *bytes);
    bytes
}

/// Four zero bytes and the packet number, as Noise specifies for AESGCM.
fn nonce(number: u64) -> Nonce {
    let mut bytes = [0; 12];
    bytes[4..].copy_from_slice(&number.to_be_bytes());
    Nonce::assume_unique_for_key(bytes)
}

#[allow(
    clippy::expect_used,
    reason = "the only error is a plaintext of gigabytes"
)]
fn seal_with(key: &LessSafeKey, number: u64, header: &[u8], payload: &mut [u8]) -> [u8; 16] {
    let tag = key
        .seal_in_place_separate_tag(nonce(number), Aad::from(header), payload)
        .expect("a payload is far below the limit of AES-GCM");
    let mut bytes = [0; 16];
    bytes.copy_from_slice(tag.as_ref());
    bytes
}

fn open_with<'a>(
    key: &LessSafeKey,
    number: u64,
    header: &[u8],
    sealed: &'a mut [u8],
) -> Result<&'a mut [u8], Malformed> {
    key.open_in_place(nonce(number), Aad::from(header), sealed)
        .map_err(|_| Malformed)
}

/// Prints no key.
impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("sending_epoch", &self.sending.epoch)
            .field("receiving_epoch", &self.receiving.epoch)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &[u8] = b"a header of 13";

    fn pair() -> (Session, Session) {
        let (one, other) = (Secret::new([1; 32]), Secret::new([2; 32]));
        (Session::new(&one, other.clone()), Session::new(&other, one))
    }

    fn sealed(session: &mut Session, number: u64) -> Vec<u8> {
        let mut payload = number.to_be_bytes();
        let tag = session.seal(number, HEADER, &mut payload);
        [&payload[..], &tag].concat()
    }

    fn is_opened(session: &mut Session, number: u64, packet: &[u8]) -> bool {
        let mut packet = packet.to_vec();
        let opened = session.open(number, HEADER, &mut packet);
        opened.is_ok_and(|payload| payload == number.to_be_bytes())
    }

    #[test]
    fn opens_reordered_packets_across_a_rekey() {
        let (mut one, mut other) = pair();
        for boundary in [REKEY_PACKETS, 2 * REKEY_PACKETS, 3 * REKEY_PACKETS] {
            let numbers: Vec<_> = (boundary - 40..boundary + 40).collect();
            let mut packets: Vec<_> = numbers
                .iter()
                .map(|number| (*number, sealed(&mut one, *number)))
                .collect();
            // The last packet first, then all others in scrambled order.
            packets.sort_by_key(|(number, _)| (number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
            for (number, packet) in &packets {
                assert!(is_opened(&mut other, *number, packet), "{number}");
            }
        }
        assert_eq!(other.receiving.epoch, 3);
    }

    #[test]
    fn accepts_only_adjacent_epochs() {
        let (mut one, mut other) = pair();
        let first = sealed(&mut one, 0);
        let last = sealed(&mut one, REKEY_PACKETS - 1);
        let next = sealed(&mut one, REKEY_PACKETS);
        let after = sealed(&mut one, 2 * REKEY_PACKETS);
        assert!(
            !is_opened(&mut other, 2 * REKEY_PACKETS, &after),
            "two epochs ahead"
        );
        assert!(
            !is_opened(&mut other, REKEY_PACKETS, &last),
            "a packet sealed in the previous epoch"
        );
        assert_eq!(
            other.receiving.epoch, 0,
            "a forged packet does not start an epoch"
        );
        assert!(is_opened(&mut other, REKEY_PACKETS, &next));
        assert!(is_opened(&mut other, REKEY_PACKETS - 1, &last));
        assert!(is_opened(&mut other, 2 * REKEY_PACKETS, &after));
        assert!(
            !is_opened(&mut other, 0, &first),
            "the key of an older epoch is gone"
        );
    }

    #[test]
    #[should_panic = "a packet number never repeats under one key"]
    fn rejects_a_reused_packet_number() {
        let (mut one, _) = pair();
        sealed(&mut one, 7);
        sealed(&mut one, 7);
    }

    #[test]
    fn each_direction_has_its_own_key() {
        let (mut one, mut other) = pair();
        let packet = sealed(&mut one, 0);
        assert!(
            !is_opened(&mut one, 0, &packet),
            "a reflected packet is rejected"
        );
        assert!(is_opened(&mut other, 0, &packet));
    }

    #[test]
    fn rejects_altered_packets() {
        let (mut one, mut other) = pair();
        let packet = sealed(&mut one, 0);
        for index in 0..packet.len() {
            let mut altered = packet.clone();
            altered[index] ^= 1;
            assert!(!is_opened(&mut other, 0, &altered));
        }
        for len in 0..packet.len() {
            assert!(!is_opened(&mut other, 0, &packet[..len]));
        }
        let mut copy = packet.clone();
        assert!(other.open(0, b"another header", &mut copy).is_err());
        assert!(!is_opened(&mut other, 1, &packet));
        assert!(
            is_opened(&mut other, 0, &packet),
            "forged packets change nothing"
        );
    }

    #[test]
    fn debug_prints_no_key() {
        let text = format!("{:?}", pair().0);
        let shown = "Session { sending_epoch: 0, receiving_epoch: 0, .. }";
        assert_eq!(text, shown);
    }
}
