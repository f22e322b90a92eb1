//! Issuing and verifying tokens, on virtual time.

use super::*;
use crate::token::{TOKEN_AUDIENCE_MAX, TOKEN_DATA_MAX, TOKEN_MAX, TOKEN_PLAYER_MAX};

const NOW: u64 = 1_700_000_000;
const ARENA: &[u8] = b"arena-7";

fn key() -> TokenKey {
    TokenKey::from_bytes([7; 32])
}

fn id(number: u8) -> TokenId {
    TokenId::from_bytes([number; 16])
}

fn grant(expires_at: u64) -> Claims<'static> {
    Claims {
        player: b"anna",
        audience: ARENA,
        expires_at,
        data: b"level 12",
    }
}

fn token(number: u8, expires_at: u64) -> Vec<u8> {
    issue(&key(), &grant(expires_at), id(number)).unwrap()
}

fn verifier() -> Verifier {
    Verifier::new(key(), ARENA).unwrap()
}

/// Any body with a valid signature.
fn signed(body: &[u8]) -> Vec<u8> {
    [body, key().sign(body).as_ref()].concat()
}

#[test]
fn encodes_the_golden_token() {
    let hex: String = token(1, NOW)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert_eq!(hex, include_str!("golden.txt").replace('\n', ""));
}

#[test]
fn reads_back_the_issued_claims() {
    let token = token(1, NOW + 1);
    assert_eq!(verifier().verify(&token, NOW), Ok(grant(NOW + 1)));
    assert_eq!(verifier().redeem(&token, NOW), Ok(grant(NOW + 1)));
}

#[test]
fn the_largest_token_fits_a_connect_payload() {
    let largest = Claims {
        player: &[1; TOKEN_PLAYER_MAX],
        audience: &[2; TOKEN_AUDIENCE_MAX],
        expires_at: u64::MAX,
        data: &[3; TOKEN_DATA_MAX],
    };
    let smallest = Claims {
        player: &[1],
        audience: &[2],
        expires_at: 1,
        data: &[],
    };
    for (grant, len) in [(largest, TOKEN_MAX), (smallest, 62)] {
        let token = issue(&key(), &grant, id(1)).unwrap();
        assert_eq!(token.len(), len);
        let verifier = Verifier::new(key(), grant.audience).unwrap();
        assert_eq!(verifier.verify(&token, 0), Ok(grant));
    }
}

#[test]
fn rejects_fields_out_of_range_by_name() {
    let told = |grant: Claims<'_>| issue(&key(), &grant, id(1)).unwrap_err().to_string();
    let good = grant(NOW);
    let no_player = Claims {
        player: b"",
        ..good
    };
    assert_eq!(
        told(no_player),
        "player of a token is 0 bytes, but must be between 1 and 36"
    );
    let long = &[0; 300];
    let long_player = Claims {
        player: long,
        ..good
    };
    assert_eq!(
        told(long_player),
        "player of a token is 300 bytes, but must be between 1 and 36"
    );
    let long_audience = Claims {
        audience: &long[..33],
        ..good
    };
    assert_eq!(
        told(long_audience),
        "audience of a token is 33 bytes, but must be between 1 and 32"
    );
    let long_data = Claims {
        data: &long[..129],
        ..good
    };
    assert_eq!(
        told(long_data),
        "data of a token is 129 bytes, but must be between 0 and 128"
    );
    let no_audience = Verifier::new(key(), b"").unwrap_err();
    assert_eq!((no_audience.field, no_audience.len), ("audience", 0));
}

#[test]
fn rejects_a_token_with_any_bit_flipped() {
    let verifier = verifier();
    let good = token(1, NOW + 60);
    for bit in 0..good.len() * 8 {
        let mut altered = good.clone();
        altered[bit / 8] ^= 1 << (bit % 8);
        let error = verifier.redeem(&altered, NOW).unwrap_err();
        match bit / 8 {
            0 => assert_eq!(
                error,
                TokenError::UnknownVersion {
                    version: altered[0]
                }
            ),
            _ => assert_eq!(error, TokenError::BadSignature),
        }
    }
    assert!(verifier.redeem(&good, NOW).is_ok());
}

#[test]
fn rejects_a_token_of_the_wrong_length() {
    let verifier = verifier();
    let good = token(1, NOW + 60);
    for len in 0..good.len() {
        assert!(verifier.redeem(&good[..len], NOW).is_err(), "{len} bytes");
    }
    for more in 1..=512 {
        let longer = [&good[..], &vec![0; more]].concat();
        assert!(verifier.redeem(&longer, NOW).is_err(), "{more} bytes more");
    }
    assert_eq!(verifier.verify(b"", NOW), Err(TokenError::Malformed));
    assert_eq!(verifier.verify(&[1; 61], NOW), Err(TokenError::Malformed));
    assert_eq!(verifier.verify(&[1; 257], NOW), Err(TokenError::Malformed));
}

#[test]
fn rejects_signed_garbage_as_malformed() {
    let good = token(1, NOW + 60);
    let body = &good[..good.len() - 32];
    // Every length field, too small and too large.
    for at in [25, 30, 38] {
        for len in [0, 1, 3, 5, 7, 9, 36, 37, 128, 129, 255] {
            let mut body = body.to_vec();
            if body[at] == len {
                continue;
            }
            body[at] = len;
            assert_eq!(
                verifier().verify(&signed(&body), NOW),
                Err(TokenError::Malformed)
            );
        }
    }
    let longer = [body, b"x"].concat();
    assert_eq!(
        verifier().verify(&signed(&longer), NOW),
        Err(TokenError::Malformed)
    );
}

#[test]
fn rejects_another_key_and_another_audience() {
    let token = token(1, NOW + 60);
    let other_key = Verifier::new(TokenKey::from_bytes([8; 32]), ARENA).unwrap();
    assert_eq!(other_key.verify(&token, NOW), Err(TokenError::BadSignature));
    for audience in [&b"arena-8"[..], b"arena", b"arena-77", b"ARENA-7"] {
        let other = Verifier::new(key(), audience).unwrap();
        assert_eq!(other.verify(&token, NOW), Err(TokenError::WrongAudience));
        assert_eq!(other.redeem(&token, NOW), Err(TokenError::WrongAudience));
    }
}

#[test]
fn rejects_a_signature_for_another_purpose() {
    let good = token(1, NOW + 60);
    let body = &good[..good.len() - 32];
    let hmac = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, &[7; 32]);
    let bare = [body, ring::hmac::sign(&hmac, body).as_ref()].concat();
    assert_eq!(verifier().verify(&bare, NOW), Err(TokenError::BadSignature));
}

#[test]
fn accepts_a_token_until_the_second_before_its_expiry() {
    let verifier = verifier();
    let token = token(1, NOW);
    assert!(verifier.verify(&token, NOW - 1).is_ok());
    assert_eq!(verifier.verify(&token, NOW), Err(TokenError::Expired));
    assert_eq!(verifier.redeem(&token, NOW), Err(TokenError::Expired));
    assert!(verifier.redeem(&token, NOW - 1).is_ok());
}

#[test]
fn redeems_once_and_verifies_any_number_of_times() {
    let verifier = verifier();
    let door = verifier.clone();
    let token = token(1, NOW + 60);
    for _ in 0..3 {
        assert!(door.verify(&token, NOW).is_ok());
    }
    assert!(verifier.redeem(&token, NOW).is_ok());
    for now in [0, NOW, NOW + 59] {
        assert_eq!(verifier.redeem(&token, now), Err(TokenError::UsedBefore));
        assert_eq!(door.verify(&token, now), Err(TokenError::UsedBefore));
    }
    assert_eq!(door.verify(&token, NOW + 60), Err(TokenError::Expired));
    let another = self::token(2, NOW + 60);
    assert!(verifier.redeem(&another, NOW).is_ok());
}

#[test]
fn a_full_table_rejects_every_token_until_one_expires() {
    let verifier = Verifier::with_used_max(key(), ARENA, 3).unwrap();
    for (number, expires_at) in [(1, NOW + 30), (2, NOW + 10), (3, NOW + 20)] {
        verifier.redeem(&token(number, expires_at), NOW).unwrap();
    }
    let fourth = token(4, NOW + 40);
    assert!(verifier.verify(&fourth, NOW).is_ok());
    assert_eq!(
        verifier.redeem(&fourth, NOW + 9),
        Err(TokenError::TableFull)
    );
    // Redeemed tokens stay redeemed.
    for (number, expires_at) in [(1, NOW + 30), (2, NOW + 10), (3, NOW + 20)] {
        let used = token(number, expires_at);
        assert_eq!(verifier.redeem(&used, NOW + 9), Err(TokenError::UsedBefore));
    }
    // The token that expires first frees its entry, regardless of the order of insertion.
    assert!(verifier.redeem(&fourth, NOW + 10).is_ok());
    assert_eq!(verifier.used(), 3);
    let fifth = token(5, NOW + 50);
    assert_eq!(
        verifier.redeem(&fifth, NOW + 19),
        Err(TokenError::TableFull)
    );
    assert!(verifier.redeem(&fifth, NOW + 30).is_ok());
    assert_eq!(verifier.used(), 2);
}

#[test]
fn a_table_of_size_zero_rejects_every_token() {
    let verifier = Verifier::with_used_max(key(), ARENA, 0).unwrap();
    let good = token(1, NOW + 60);
    assert_eq!(verifier.redeem(&good, NOW), Err(TokenError::TableFull));
}

#[test]
fn a_redeemed_token_stays_redeemed_if_the_clock_is_set_back() {
    let verifier = verifier();
    let old = token(1, NOW + 10);
    verifier.redeem(&old, NOW).unwrap();
    // Evicts the expired token.
    verifier.redeem(&token(2, NOW + 60), NOW + 20).unwrap();
    assert_eq!(verifier.used(), 1);
    assert_eq!(verifier.redeem(&old, NOW), Err(TokenError::Expired));
    assert_eq!(verifier.verify(&old, NOW), Err(TokenError::Expired));
    // Other tokens with an earlier expiry are not affected.
    assert!(verifier.redeem(&token(3, NOW + 11), NOW).is_ok());
}

#[test]
fn counts_every_result() {
    let verifier = Verifier::with_used_max(key(), ARENA, 1).unwrap();
    let good = token(1, NOW + 60);
    let other = Verifier::new(key(), b"x").unwrap();
    let _ = verifier.verify(&good, NOW);
    let _ = verifier.redeem(&good, NOW);
    let _ = verifier.redeem(&good, NOW);
    let _ = verifier.redeem(&token(2, NOW + 60), NOW);
    let _ = verifier.redeem(&token(3, NOW), NOW);
    let _ = verifier.verify(b"", NOW);
    let _ = verifier.verify(&[2; 100], NOW);
    let _ = verifier.verify(&[1; 100], NOW);
    let _ = other.verify(&good, NOW);
    let expected = VerifierStats {
        verified: 1,
        redeemed: 1,
        malformed: 1,
        unknown_version: 1,
        bad_signature: 1,
        wrong_audience: 0,
        expired: 1,
        used_before: 1,
        table_full: 1,
    };
    assert_eq!(verifier.clone().stats(), expected);
    assert_eq!(other.stats().wrong_audience, 1);
}

#[test]
fn debug_output_contains_no_key() {
    let text = format!("{:?} {:?}", key(), verifier());
    assert!(
        text.starts_with("TokenKey { .. } Verifier { audience: arena-7, used: 0, "),
        "{text}"
    );
    assert!(!text.contains("7, 7"), "{text}");
}
