//! The clients: a socket each, all on one thread.
//!
//! Each tick all of them send their input in one burst, as if every frame of every player fell on the
//! same moment; a server meets nothing worse. Then they take what states have come. They are plain
//! sockets: what they cost is theirs, and must not be mistaken for the server's, so they tell how many
//! ticks they missed.

use std::hint::black_box;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::mpsc::{Receiver, Sender, TryRecvError};
use std::time::{Duration, Instant};

use tickwire::limits::DATAGRAM_MAX;

use super::losses::ClientCounts;
use super::schedule::Schedule;
use crate::bench::LOOPBACK;
use crate::bench::cpu::ThreadCpu;
use crate::bench::frame;

/// All clients.
#[derive(Debug)]
pub(super) struct Crowd {
    sockets: Vec<UdpSocket>,
    input: Vec<u8>,
    counts: ClientCounts,
    /// Dropped when the last burst has left, or with the whole crowd.
    sent_all: Option<Sender<()>>,
}

/// What became of them.
#[derive(Debug)]
pub(super) struct Played {
    pub(super) counts: ClientCounts,
    /// Ticks in which the clients did not send, because they were still busy with an earlier one.
    pub(super) ticks_missed: u64,
    /// What their thread used of its processor, and the time that passed.
    pub(super) cpu: Option<Duration>,
    pub(super) wall: Duration,
}

impl Crowd {
    /// Opens a socket for each.
    pub(super) fn gather(
        clients: usize,
        server: SocketAddr,
        input: usize,
        sent_all: Sender<()>,
    ) -> io::Result<Self> {
        let sockets: io::Result<Vec<UdpSocket>> = (0..clients).map(|_| open(server)).collect();
        Ok(Self {
            sockets: sockets?,
            input: vec![0x5A; input],
            counts: ClientCounts::default(),
            sent_all: Some(sent_all),
        })
    }

    /// Where they are.
    pub(super) fn addresses(&self) -> io::Result<Vec<SocketAddr>> {
        self.sockets.iter().map(UdpSocket::local_addr).collect()
    }

    /// Plays all ticks, then waits until the server has ended (it drops the other end of `server`) to
    /// take its last states. Ends early if the server does.
    pub(super) fn play(mut self, mut schedule: Schedule, server: &Receiver<()>) -> Played {
        frame::sleep_until(schedule.start);
        let start = Instant::now();
        let cpu = ThreadCpu::now();
        let mut taken = 0;
        let mut bursts = 0;
        while schedule.left(taken) > 0 && is_there(server) {
            frame::sleep_until(schedule.ticker.deadline());
            let due = u64::from(schedule.ticker.steps_due(Instant::now()));
            taken += due;
            if due > 0 {
                // One, however many are due: a burst of two ticks is none that was asked for.
                bursts += 1;
                self.send();
                self.receive();
            }
        }
        let (cpu, wall) = (cpu.elapsed(), start.elapsed());
        self.sent_all.take();
        // Nothing is ever said here: the server ends by hanging up.
        let _ = server.recv();
        self.receive();
        Played {
            counts: self.counts,
            ticks_missed: schedule.ticks.saturating_sub(bursts),
            cpu,
            wall,
        }
    }

    /// The burst.
    fn send(&mut self) {
        for socket in &self.sockets {
            // Whatever the reason: it has not left, and it is not sent again.
            match socket.send(&self.input) {
                Ok(_) => self.counts.inputs_sent += 1,
                Err(_) => self.counts.inputs_refused += 1,
            }
        }
    }

    /// Everything that has come for anybody.
    fn receive(&mut self) {
        let mut buffer = [0; DATAGRAM_MAX];
        for socket in &self.sockets {
            while let Ok(len) = socket.recv(&mut buffer) {
                black_box(&buffer[..len]);
                self.counts.states_received += 1;
            }
        }
    }
}

/// Connected, as a client is: its system knows the way, and strangers do not get through.
fn open(server: SocketAddr) -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind(LOOPBACK)?;
    socket.set_nonblocking(true)?;
    socket.connect(server)?;
    Ok(socket)
}

fn is_there(server: &Receiver<()>) -> bool {
    server.try_recv() == Err(TryRecvError::Empty)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    #[test]
    fn everybody_sends_in_every_tick_and_hears_what_was_sent_to_them() {
        let server = UdpSocket::bind(LOOPBACK).unwrap();
        let (sent_all, has_sent_all) = channel();
        let crowd = Crowd::gather(3, server.local_addr().unwrap(), 32, sent_all).unwrap();
        for address in crowd.addresses().unwrap() {
            server.send_to(b"state", address).unwrap();
        }
        let (end, ended) = channel();
        let schedule = Schedule::soon(1000, 5);
        let played = std::thread::scope(|scope| {
            let playing = scope.spawn(move || crowd.play(schedule, &ended));
            // The last burst has left, and the crowd waits for the end of the server.
            assert!(has_sent_all.recv().is_err());
            drop(end);
            playing.join().unwrap()
        });
        let counts = played.counts;
        assert_eq!(counts.states_received, 3);
        assert_eq!(counts.inputs_sent, 3 * (5 - played.ticks_missed));
        assert_eq!(counts.inputs_refused, 0);
    }

    #[test]
    fn a_server_that_ends_early_ends_the_crowd() {
        let server = UdpSocket::bind(LOOPBACK).unwrap();
        let (sent_all, has_sent_all) = channel();
        let crowd = Crowd::gather(1, server.local_addr().unwrap(), 32, sent_all).unwrap();
        let (end, ended) = channel();
        drop(end);
        crowd.play(Schedule::soon(1, 3600), &ended);
        assert_eq!(has_sent_all.try_recv(), Err(TryRecvError::Disconnected));
    }
}
