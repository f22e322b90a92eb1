//! A turn without work: `Host::poll` of a server with quiet peers, against `recv_from` on an empty
//! socket.
//!
//! The clients acknowledge keep-alives between rounds. The few that are due within a round are sent
//! in it.

use tickwire::Config;

use crate::prelude::*;
use crate::topics::client_pool::ClientPool;
use crate::topics::spin;

pub(crate) fn enter(settings: &Settings) -> io::Result<Vec<Entry>> {
    let turns = spin::turns(settings);
    let many = settings.size(1000, 64);
    Ok(vec![
        spin::std_empty(settings)?,
        quiet("Host::poll, 64 quiet peers", 64, turns)?,
        quiet("Host::poll, 1000 quiet peers", many, turns)?,
    ])
}

/// A server and clients that have nothing to send.
fn quiet(name: &str, clients: usize, turns: usize) -> io::Result<Entry> {
    let mut pool = ClientPool::connected(&Config::plain(7), clients)?;
    Ok(Entry::new(name, move || {
        pool.clients_turn()?;
        // Acknowledgements and keep-alives.
        pool.server.poll()?;
        let start = Instant::now();
        let mut events = 0;
        for _ in 0..turns {
            pool.server.poll()?;
            events += usize::from(pool.server.next_event().is_some());
        }
        let time = start.elapsed();
        expect("events", events, 0)?;
        expect("peers", pool.server.stats().peers, clients)?;
        Ok(nanos_per(turns, time))
    }))
}
