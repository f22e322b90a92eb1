//! Many clients without a protocol, in one loop: a socket each, which says something as often as a
//! connection has to be kept alive. What they ask of a server is the least that kept connections can.

use std::io;
use std::net::SocketAddr;
use std::time::Instant;

use mio::net::UdpSocket;
use mio::{Events, Interest, Poll, Token, Waker};
use tickwire::limits::KEEP_ALIVE_DEFAULT;

use super::crowd::{EVENTS_MAX, any_port_towards, phase};

/// About as long as what keeps a connection alive, encrypted: head, number, a ping, an acknowledgement,
/// and a tag.
const DATAGRAM: [u8; 36] = [1; 36];

/// See the [module](self).
pub(super) struct BareCrowd {
    poll: Poll,
    events: Events,
    sockets: Vec<UdpSocket>,
    /// Whose turn it is next, of how many turns.
    turns: usize,
    began: Instant,
}

impl BareCrowd {
    /// Opens all sockets, one at least.
    pub(super) fn open(count: usize, to: SocketAddr) -> io::Result<Self> {
        let poll = Poll::new()?;
        let here = any_port_towards(to);
        let sockets: io::Result<Vec<UdpSocket>> = (0..count)
            .map(|index| {
                let mut socket = UdpSocket::bind(here)?;
                socket.connect(to)?;
                let token = Token(index);
                poll.registry()
                    .register(&mut socket, token, Interest::READABLE)?;
                Ok(socket)
            })
            .collect();
        Ok(Self {
            poll,
            events: Events::with_capacity(EVENTS_MAX),
            sockets: sockets?,
            turns: 0,
            began: Instant::now(),
        })
    }

    /// Ends the sleep of [`turn`](Self::turn).
    pub(super) fn waker(&self) -> io::Result<Waker> {
        Waker::new(self.poll.registry(), Token(self.sockets.len()))
    }

    /// The first turn is now.
    pub(super) fn begin(&mut self) {
        self.began = Instant::now();
    }

    /// Sleeps until something comes or is due, takes it, and lets those speak whose turn it is.
    pub(super) fn turn(&mut self) -> io::Result<()> {
        let timeout = self.due().saturating_duration_since(Instant::now());
        match self.poll.poll(&mut self.events, Some(timeout)) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(()),
            result => result?,
        }
        for event in &self.events {
            if let Some(socket) = self.sockets.get(event.token().0) {
                drain(socket);
            }
        }
        let now = Instant::now();
        while self.due() <= now {
            // One that finds no room is lost, as on a network.
            let _ = self.sockets[self.turns % self.sockets.len()].send(&DATAGRAM);
            self.turns += 1;
        }
        Ok(())
    }

    fn due(&self) -> Instant {
        let count = self.sockets.len();
        let rounds = u32::try_from(self.turns / count).unwrap_or(u32::MAX);
        let within = phase(self.turns % count, count);
        self.began + rounds * KEEP_ALIVE_DEFAULT + within
    }
}

/// Edge-triggered: until it is empty.
fn drain(socket: &UdpSocket) {
    let mut buffer = [0; 64];
    while socket.recv(&mut buffer).is_ok() {}
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn everybody_has_a_turn_of_his_own_in_every_interval() {
        let mut crowd = BareCrowd::open(4, ([127, 0, 0, 1], 9).into()).expect("there are sockets");
        let began = Instant::now();
        crowd.began = began;
        let mut due = |turns| {
            crowd.turns = turns;
            crowd.due() - began
        };
        assert_eq!(due(0), Duration::ZERO);
        assert_eq!(due(1), KEEP_ALIVE_DEFAULT / 4);
        assert_eq!(due(6), KEEP_ALIVE_DEFAULT * 3 / 2);
    }
}
