//! The subjects' echo servers, each on a thread of its own for the length of a round.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use mio::{Events, Interest, Poll, Token};
use tickwire::Socket;
use tickwire::limits::DATAGRAM_MAX;

use super::affinity::{Affinity, Side};
use super::clients::{socket, some_unless_blocked};
use super::{Subject, Wait};

/// How long a server gets to see that it is to end, before it is told once more.
const NUDGE: Duration = Duration::from_millis(1);

/// An address of this machine, with any port.
pub(super) const LOCAL: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// A running server. It ends with [`stop`](Self::stop), or when it goes out of scope.
#[derive(Debug)]
pub(super) struct Echo {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<io::Result<()>>>,
}

impl Echo {
    /// The server of `who`, bound when this returns.
    pub(super) fn start(who: Subject, wait: Wait, affinity: Affinity) -> io::Result<Self> {
        match (who, wait) {
            (Subject::Std, Wait::Sleep) => {
                let socket = UdpSocket::bind(LOCAL)?;
                Self::run(affinity, socket.local_addr()?, move |stop| {
                    std_asleep(&socket, stop)
                })
            }
            (Subject::Std, Wait::Spin) => {
                let socket = UdpSocket::bind(LOCAL)?;
                socket.set_nonblocking(true)?;
                Self::run(affinity, socket.local_addr()?, move |stop| {
                    std_spinning(&socket, stop)
                })
            }
            (Subject::Mio, _) => {
                let socket = mio::net::UdpSocket::bind(LOCAL)?;
                Self::run(affinity, socket.local_addr()?, move |stop| {
                    mio_asleep(socket, stop)
                })
            }
            (Subject::Tickwire | Subject::Stamped, Wait::Sleep) => {
                let socket = socket(LOCAL)?;
                Self::run(affinity, socket.local_addr(), move |stop| {
                    tickwire_asleep(socket, stop)
                })
            }
            (Subject::Tickwire | Subject::Stamped, Wait::Spin) => {
                let socket = socket(LOCAL)?;
                Self::run(affinity, socket.local_addr(), move |stop| {
                    tickwire_spinning(socket, stop)
                })
            }
        }
    }

    fn run(
        affinity: Affinity,
        address: SocketAddr,
        serve: impl FnOnce(&AtomicBool) -> io::Result<()> + Send + 'static,
    ) -> io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let is_over = Arc::clone(&stop);
        let thread = thread::Builder::new()
            .name("echo".to_owned())
            .spawn(move || {
                affinity.take(Side::Server)?;
                serve(&is_over)
            })?;
        Ok(Self {
            address,
            stop,
            thread: Some(thread),
        })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends it, and says what it ended with.
    pub(super) fn stop(mut self) -> io::Result<()> {
        self.end()
    }

    fn end(&mut self) -> io::Result<()> {
        let Some(thread) = self.thread.take() else {
            return Ok(());
        };
        self.stop.store(true, Ordering::Release);
        // It may sleep, and only a datagram wakes it; one that is lost is sent again.
        let nudge = UdpSocket::bind(LOCAL)?;
        while !thread.is_finished() {
            nudge.send_to(&[], self.address)?;
            thread::park_timeout(NUDGE);
        }
        thread.join().expect("a server does not panic")
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        // Only what ended early comes here, with an error of its own to tell.
        let _ = self.end();
    }
}

fn is_over(stop: &AtomicBool) -> bool {
    stop.load(Ordering::Relaxed)
}

fn std_asleep(socket: &UdpSocket, stop: &AtomicBool) -> io::Result<()> {
    let mut buffer = [0; DATAGRAM_MAX];
    while !is_over(stop) {
        let (len, from) = socket.recv_from(&mut buffer)?;
        socket.send_to(&buffer[..len], from)?;
    }
    Ok(())
}

fn std_spinning(socket: &UdpSocket, stop: &AtomicBool) -> io::Result<()> {
    let mut buffer = [0; DATAGRAM_MAX];
    while !is_over(stop) {
        if let Some((len, from)) = some_unless_blocked(socket.recv_from(&mut buffer))? {
            some_unless_blocked(socket.send_to(&buffer[..len], from))?;
        }
    }
    Ok(())
}

/// The loop of mio's own UDP example.
fn mio_asleep(mut socket: mio::net::UdpSocket, stop: &AtomicBool) -> io::Result<()> {
    let mut poll = Poll::new()?;
    let mut events = Events::with_capacity(16);
    let mut buffer = [0; DATAGRAM_MAX];
    poll.registry()
        .register(&mut socket, Token(0), Interest::READABLE)?;
    while !is_over(stop) {
        some_unless_blocked(poll.poll(&mut events, None))?;
        while let Some((len, from)) = some_unless_blocked(socket.recv_from(&mut buffer))? {
            some_unless_blocked(socket.send_to(&buffer[..len], from))?;
        }
    }
    Ok(())
}

/// The echo of tickwire's documentation.
fn tickwire_asleep(mut socket: Socket, stop: &AtomicBool) -> io::Result<()> {
    while !is_over(stop) {
        socket.wait(None)?;
        answer_all(&mut socket)?;
    }
    Ok(())
}

fn tickwire_spinning(mut socket: Socket, stop: &AtomicBool) -> io::Result<()> {
    while !is_over(stop) {
        answer_all(&mut socket)?;
        socket.flush()?;
    }
    Ok(())
}

fn answer_all(socket: &mut Socket) -> io::Result<()> {
    let (mut rx, mut tx) = socket.split();
    while let Some(datagram) = rx.recv()? {
        // A full queue loses the answer, as a full socket does for the others; it is counted as lost.
        let _ = tx.send(datagram.from, datagram.bytes);
        // At once, as the others do, and before the look that shows the socket empty.
        tx.flush()?;
    }
    Ok(())
}
