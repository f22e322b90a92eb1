//! A spinning loop: a turn that receives one datagram and replies, and a turn with an empty socket.
//!
//! A tickwire turn ends when the socket is empty. One `recv_from` and one `send_to` do not detect
//! that, so std is measured with and without a second receive.

use tickwire_measure::floors::StdLoop;
use tickwire_measure::side::Side;

use crate::prelude::*;
use crate::work::{DATAGRAM_LEN, bind, payload, std_loop};

const STD: &str = "std recv_from, send_to";
const STD_DRAINED: &str = "std recv_from until it would block, send_to";

pub(crate) fn enter(settings: &Settings) -> io::Result<Vec<Entry>> {
    let turns = turns(settings);
    let (std, mut drained, socket) = (std_loop()?, std_loop()?, Socket::bind(LOOPBACK)?);
    let drained_address = drained.address()?;
    // The contract of a tickwire turn: all pending datagrams were received.
    let drained_turn = move || {
        let mut count = 0;
        while drained.echo_one()? {
            count += 1;
        }
        Ok(count)
    };
    Ok(vec![
        asked(STD, turns, std.address()?, std_turn(std))?,
        asked(STD_DRAINED, turns, drained_address, drained_turn)?,
        asked(
            "tickwire",
            turns,
            socket.local_addr(),
            tickwire_turn(socket),
        )?,
    ])
}

pub(crate) fn enter_empty(settings: &Settings) -> io::Result<Vec<Entry>> {
    let tickwire = tickwire_turn(Socket::bind(LOOPBACK)?);
    Ok(vec![
        std_empty(settings)?,
        idle("tickwire, empty socket", turns(settings), tickwire),
    ])
}

/// The minimum: `recv_from` on an empty socket.
pub(crate) fn std_empty(settings: &Settings) -> io::Result<Entry> {
    let std = std_turn(std_loop()?);
    Ok(idle("std recv_from, empty socket", turns(settings), std))
}

pub(crate) fn turns(settings: &Settings) -> usize {
    settings.size(500, 20)
}

/// A turn receives and replies once. It returns the number of replies.
fn std_turn(mut std: StdLoop) -> impl FnMut() -> io::Result<usize> {
    move || std.echo_one().map(usize::from)
}

fn tickwire_turn(mut socket: Socket) -> impl FnMut() -> io::Result<usize> {
    move || {
        let mut count = 0;
        let (mut rx, mut tx) = socket.split();
        while let Some(datagram) = rx.recv()? {
            tx.send(datagram.from, datagram.bytes)?;
            count += 1;
        }
        socket.flush()?;
        Ok(count)
    }
}

/// A client sends one datagram, the server's turn is timed, the client receives the reply.
fn asked(
    name: &str,
    turns: usize,
    server: SocketAddr,
    mut turn: impl FnMut() -> io::Result<usize> + 'static,
) -> io::Result<Entry> {
    let client = bind()?;
    let mut timed_turn = move |question: &[u8]| {
        client.send_to(question, server)?;
        let start = Instant::now();
        let answered = turn()?;
        let time = start.elapsed();

        let mut answer = [0; DATAGRAM_LEN + 1];
        let (len, _) = client.recv_from(&mut answer)?;
        if answered != 1 || answer[..len] != *question {
            return failure(format!("{answered} replies instead of one"));
        }
        Ok(time)
    };
    Ok(Entry::new(name, move || {
        let times = (0..turns).map(|number| timed_turn(&payload(number)));
        Ok(nanos_per(turns, times.sum::<io::Result<_>>()?))
    }))
}

/// Consecutive turns on an empty socket.
fn idle(name: &str, turns: usize, mut turn: impl FnMut() -> io::Result<usize> + 'static) -> Entry {
    Entry::new(name, move || {
        let start = Instant::now();
        let answered = (0..turns).map(|_| turn()).sum::<io::Result<_>>()?;
        let time = start.elapsed();
        expect("datagrams", answered, 0)?;
        Ok(nanos_per(turns, time))
    })
}
