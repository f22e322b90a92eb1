//! Types that engines can share between threads.

use std::cell::Cell;

use tickwire::proto::{HostState, Transmit};
use tickwire::{
    Admission, Broadcast, Config, ConnectOptions, Event, Host, HostStats, PeerId, PeerStats,
    Receipt, Socket, SocketConfig, SocketStats, Ticker, Waker,
};

const fn assert_send_sync<T: Send + Sync + 'static>() {}

const _: () = {
    assert_send_sync::<Host>();
    assert_send_sync::<HostState>();
    assert_send_sync::<Socket>();
    assert_send_sync::<Event>();
    assert_send_sync::<Ticker>();
    assert_send_sync::<Waker>();
    assert_send_sync::<Config>();
    assert_send_sync::<SocketConfig>();
    assert_send_sync::<ConnectOptions>();
    assert_send_sync::<PeerId>();
    assert_send_sync::<Receipt>();
    assert_send_sync::<PeerStats>();
    assert_send_sync::<HostStats>();
    assert_send_sync::<SocketStats>();
    assert_send_sync::<Broadcast>();
    assert_send_sync::<Transmit>();
};

#[cfg(feature = "noise")]
const _: () = {
    assert_send_sync::<tickwire::token::Verifier>();
    assert_send_sync::<tickwire::token::TokenKey>();
    assert_send_sync::<tickwire::PrivateKey>();
    assert_send_sync::<tickwire::PublicKey>();
};

#[test]
fn a_host_is_sync_although_its_admission_callback_is_not() {
    let mut host = Host::bind("127.0.0.1:0".parse().unwrap(), Config::plain(7)).unwrap();
    let asked = Cell::new(0);
    host.set_admission(move |_| {
        asked.set(asked.get() + 1);
        Admission::Accept
    });
    let stats = std::thread::scope(|scope| scope.spawn(|| host.stats()).join().unwrap());
    assert_eq!(stats, HostStats::default());
}
