//! A turn with nothing to do: `Host::poll` of a server whose peers are quiet, against a `recv_from` of
//! an empty socket, the least that a loop can ask.
//!
//! Between the rounds the clients answer keep-alives; the few that come due within a round are sent in
//! it, as in a game.

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
        // Acknowledgements and keep-alives of the clients.
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
