//! Long runs, beyond 16-bit packet and sequence numbers.

use tickwire::Delivery;

use crate::world::{ms, secs};
use crate::{CLIENT, SERVER, latency, lossy, pair};

// Bug in another library: 16-bit ordering wrapped after 32,768 packets without a reliable message.
fn delivers_reliable_messages_100_000_packets_apart() {
    let mut pair = pair(1, &latency(2));
    let kinds = [
        Delivery::Ordered(0),
        Delivery::Reliable,
        Delivery::Sequenced(0),
    ];
    for round in 0..2_u8 {
        for delivery in kinds {
            pair.send(CLIENT, delivery, &[round, 1]);
            pair.send(CLIENT, delivery, &[round, 2]);
        }
        pair.run_for(ms(100));
        for delivery in kinds {
            let received: Vec<_> = pair.observer().received(SERVER, delivery).collect();
            assert_eq!(received.len(), 2 * (usize::from(round) + 1), "{delivery:?}");
            assert_eq!(received[received.len() - 2].bytes[..], [round, 1]);
            assert_eq!(received[received.len() - 1].bytes[..], [round, 2]);
        }
        let before = pair.counts(CLIENT).datagrams_sent;
        for _ in 0..100_000 {
            pair.send(CLIENT, Delivery::Unreliable, &[]);
            pair.run_for(ms(1));
        }
        assert!(pair.counts(CLIENT).datagrams_sent - before >= 100_000);
    }
    assert_eq!(pair.stats(SERVER).packets_missing, 0);
}

fn delivers_200_000_ordered_messages_in_order() {
    let mut pair = pair(1, &lossy(2, 0.01));
    let (mut next, mut received) = (0_u32, 0_u32);
    while received < 200_000 {
        pair.act(CLIENT, |host, peer| {
            for _ in 0..500 {
                let message = next.to_be_bytes();
                if host.send(peer, Delivery::Ordered(9), &message).is_err() {
                    break;
                }
                let _ = host.send(peer, Delivery::Sequenced(9), &message);
                next += 1;
            }
        });
        pair.run_for(ms(5));
        let (mut newest, time) = (None, pair.time());
        for message in &std::mem::take(pair.observer_mut()).of(SERVER).messages {
            let number = u32::from_be_bytes(message.bytes[..].try_into().unwrap());
            if message.delivery == Delivery::Ordered(9) {
                assert_eq!(number, received, "at {time:?}");
                received += 1;
            } else {
                assert!(newest < Some(number), "at {time:?}");
                newest = Some(number);
            }
        }
        assert!(time < secs(600), "not done after {time:?}");
    }
}

under_both!(
    delivers_reliable_messages_100_000_packets_apart,
    delivers_200_000_ordered_messages_in_order,
);
