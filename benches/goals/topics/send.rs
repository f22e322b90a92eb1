//! Sending to one socket, which is drained after each round, untimed.
//!
//! The kernel takes most of the time: over loopback it delivers within the sending call.

use tickwire_measure::side::Side;

use crate::prelude::*;
use crate::raw::{Controls, RawSocket};
use crate::work::{Drains, mio_loop, payload, std_loop};

pub(crate) fn enter(settings: &Settings) -> io::Result<Vec<Entry>> {
    let count = settings.datagrams;
    let mut raw = RawSocket::new(Controls::None)?;
    let raw_send_all = move |to| raw.send_all(to, count);
    // Its socket is in a poll, like that of the mio loop: the kernel then notifies the poll of
    // every sent datagram, regardless of the interests.
    let mut registered = Socket::bind(LOOPBACK)?;
    registered.wait(Some(Duration::from_nanos(1)))?;
    Ok(vec![
        emptied("raw sendmmsg, 64 slots", raw_send_all, count)?,
        emptied("mio send_to", one_by_one(mio_loop()?, count), count)?,
        emptied("std send_to", one_by_one(std_loop()?, count), count)?,
        emptied("tickwire", batched(Socket::bind(LOOPBACK)?, count), count)?,
        emptied("tickwire that has slept", batched(registered, count), count)?,
    ])
}

fn one_by_one(mut side: impl Side, count: usize) -> impl FnMut(SocketAddr) -> io::Result<()> {
    move |to| (0..count).try_for_each(|number| side.send(to, &payload(number)))
}

fn batched(mut socket: Socket, count: usize) -> impl FnMut(SocketAddr) -> io::Result<()> {
    move |to| {
        for number in 0..count {
            socket.send(to, &payload(number))?;
        }
        socket.flush()
    }
}

/// A sender of `count` datagrams, and the receiving socket.
fn emptied(
    name: &str,
    mut send_all: impl FnMut(SocketAddr) -> io::Result<()> + 'static,
    count: usize,
) -> io::Result<Entry> {
    let mut sink = RawSocket::new(Controls::None)?;
    let to = sink.address()?;
    Ok(Entry::new(name, move || {
        let start = Instant::now();
        send_all(to)?;
        let time = start.elapsed();
        sink.drain()?.check(count)?;
        Ok(nanos_per(count, time))
    }))
}
