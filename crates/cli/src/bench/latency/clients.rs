//! The contestants' clients: tickwire, and the loops that people write on std and on mio.
//!
//! None of them connects its socket, none asks for buffers of its own, and each takes the time of an
//! answer as the first thing after it was received.
//!
//! What makes them fair is said where each of them stands.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::thread;
use std::time::{Duration, Instant};

use mio::{Events, Interest, Poll, Token};
use tickwire::limits::DATAGRAM_MAX;
use tickwire::{Datagram, Socket, SocketConfig, SocketSendError};

use super::answers::Answers;
use super::arrival::Arrival;
use super::drive::{Client, Leaving, Taken, receive_at_rate, send_at_rate};

/// How long std sleeps before it looks whether the round is over, if nothing comes.
const LOOK: Duration = Duration::from_millis(50);

/// tickwire, with the socket options that a bare socket has.
pub(super) fn socket(address: SocketAddr) -> io::Result<Socket> {
    Ok(Socket::with_config(address, &config())?)
}

fn config() -> SocketConfig {
    SocketConfig {
        receive_buffer: None,
        ..SocketConfig::default()
    }
}

/// What both tickwire clients are.
#[derive(Debug)]
pub(super) struct Tickwire {
    socket: Socket,
    to: SocketAddr,
    /// Whether the kernel is asked when it took in each answer.
    is_stamped: bool,
}

impl Tickwire {
    pub(super) fn new(address: SocketAddr, to: SocketAddr) -> io::Result<Self> {
        Ok(Self {
            socket: socket(address)?,
            to,
            is_stamped: false,
        })
    }

    pub(super) fn stamped(address: SocketAddr, to: SocketAddr) -> io::Result<Self> {
        let config = SocketConfig {
            receive_timestamps: true,
            ..config()
        };
        Ok(Self {
            socket: Socket::with_config(address, &config)?,
            to,
            is_stamped: true,
        })
    }

    fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        queued(self.socket.send(self.to, bytes))
    }

    fn drain(&mut self, take: &mut impl Taken) -> io::Result<()> {
        if self.is_stamped {
            return self.drain_stamped(take);
        }
        while let Some(datagram) = self.socket.recv()? {
            take(Instant::now().into(), &datagram);
        }
        Ok(())
    }

    fn drain_stamped(&mut self, take: &mut impl Taken) -> io::Result<()> {
        while let Some((datagram, stamp)) = self.socket.recv_stamped()? {
            take(Arrival::just_now(stamp), &datagram);
        }
        Ok(())
    }
}

/// tickwire as its documentation shows it: a sleep that sends first, then a drain.
#[derive(Debug)]
pub(super) struct TickwireAsleep(pub(super) Tickwire);

/// tickwire in a loop that never sleeps.
#[derive(Debug)]
pub(super) struct TickwireSpinning(pub(super) Tickwire);

impl Client for TickwireAsleep {
    fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.send(bytes)
    }

    fn turn(&mut self, until: Instant, take: &mut impl Taken) -> io::Result<()> {
        self.0.socket.wait_until(until)?;
        self.0.drain(take)
    }
}

impl Client for TickwireSpinning {
    fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.send(bytes)
    }

    fn turn(&mut self, _until: Instant, take: &mut impl Taken) -> io::Result<()> {
        self.0.socket.flush()?;
        self.0.drain(take)
    }
}

fn queued(sent: Result<(), SocketSendError>) -> io::Result<()> {
    match sent {
        Err(SocketSendError::QueueFull) => Ok(()),
        sent => Ok(sent?),
    }
}

/// Room for the longest datagram of a measurement, and for a byte more: it shows one that was longer.
type Buffer = [u8; DATAGRAM_MAX + 1];

const EMPTY: Buffer = [0; DATAGRAM_MAX + 1];

/// What the first `len` bytes of a buffer hold, in the form in which tickwire hands it over.
fn received(buffer: &Buffer, (len, from): (usize, SocketAddr)) -> Datagram<'_> {
    Datagram {
        from,
        bytes: &buffer[..len.min(DATAGRAM_MAX)],
        truncated: len > DATAGRAM_MAX,
    }
}

/// std, spinning: a non-blocking `recv_from` after the other. No look for a second datagram, which
/// makes it the least that anybody could do.
#[derive(Debug)]
pub(super) struct StdSpinning {
    socket: UdpSocket,
    to: SocketAddr,
    buffer: Buffer,
}

impl StdSpinning {
    pub(super) fn new(address: SocketAddr, to: SocketAddr) -> io::Result<Self> {
        let socket = UdpSocket::bind(address)?;
        socket.set_nonblocking(true)?;
        Ok(Self {
            socket,
            to,
            buffer: EMPTY,
        })
    }
}

impl Client for StdSpinning {
    fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        some_unless_blocked(self.socket.send_to(bytes, self.to)).map(drop)
    }

    fn turn(&mut self, _until: Instant, take: &mut impl Taken) -> io::Result<()> {
        if let Some(came) = some_unless_blocked(self.socket.recv_from(&mut self.buffer))? {
            take(Instant::now().into(), &received(&self.buffer, came));
        }
        Ok(())
    }
}

/// std, asleep in a blocking `recv_from`, for one datagram at a time. At a fixed rate it is
/// [`std_asleep_at_rate`].
#[derive(Debug)]
pub(super) struct StdAsleep {
    socket: UdpSocket,
    to: SocketAddr,
    buffer: Buffer,
}

impl StdAsleep {
    pub(super) fn new(address: SocketAddr, to: SocketAddr) -> io::Result<Self> {
        let socket = UdpSocket::bind(address)?;
        // Set once: a system call for every datagram would be paid for nothing.
        socket.set_read_timeout(Some(LOOK))?;
        Ok(Self {
            socket,
            to,
            buffer: EMPTY,
        })
    }
}

impl Client for StdAsleep {
    fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.socket.send_to(bytes, self.to).map(drop)
    }

    fn turn(&mut self, _until: Instant, take: &mut impl Taken) -> io::Result<()> {
        if let Some(came) = some_unless_blocked(self.socket.recv_from(&mut self.buffer))? {
            take(Instant::now().into(), &received(&self.buffer, came));
        }
        Ok(())
    }
}

/// std, asleep, at a fixed rate: one thread that sends when it is time and one that is blocked in
/// `recv_from`. A read timeout in a single thread would be the simpler loop, but Linux rounds it to
/// its timer tick, up to 10 ms, and the figure would be that of the rounding.
pub(super) fn std_asleep_at_rate(
    client: &mut StdAsleep,
    leaving: Leaving<'_>,
    answers: Answers<'_>,
) -> io::Result<()> {
    let mut sending = StdSending {
        socket: client.socket.try_clone()?,
        to: client.to,
    };
    thread::scope(|scope| {
        let sender = scope.spawn(move || send_at_rate(&mut sending, leaving));
        let received = receive_at_rate(client, answers);
        let sent = sender.join().expect("the sending thread does not panic");
        sent.and(received)
    })
}

/// The sending thread. It sleeps as precisely as tickwire does, so the departures are equally late.
#[derive(Debug)]
struct StdSending {
    socket: UdpSocket,
    to: SocketAddr,
}

impl Client for StdSending {
    fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.socket.send_to(bytes, self.to).map(drop)
    }

    /// It may wake early; whoever has it turn looks at the time again.
    fn turn(&mut self, until: Instant, _take: &mut impl Taken) -> io::Result<()> {
        let time = until.saturating_duration_since(Instant::now());
        if !time.is_zero() {
            thread::park_timeout(time);
        }
        Ok(())
    }
}

/// A plain mio loop: `poll`, then `recv_from` until it would block.
///
/// Plain but for one thing: mio rounds a timeout up to whole milliseconds, so a loop that has to send
/// in between would send up to a millisecond late, and a comparison with tickwire would be one of
/// timers. So it gets the same precise sleep that tickwire has.
#[derive(Debug)]
pub(super) struct MioAsleep {
    poll: Poll,
    events: Events,
    socket: mio::net::UdpSocket,
    to: SocketAddr,
    buffer: Buffer,
}

impl MioAsleep {
    pub(super) fn new(address: SocketAddr, to: SocketAddr) -> io::Result<Self> {
        let poll = Poll::new()?;
        let mut socket = mio::net::UdpSocket::bind(address)?;
        poll.registry()
            .register(&mut socket, Token(0), Interest::READABLE)?;
        Ok(Self {
            poll,
            events: Events::with_capacity(16),
            socket,
            to,
            buffer: EMPTY,
        })
    }

    #[cfg(target_os = "linux")]
    fn sleep(&mut self, time: Duration) -> io::Result<()> {
        use std::os::fd::AsFd;

        use nix::poll::{PollFd, PollFlags, ppoll};

        const MS: Duration = Duration::from_millis(1);

        if time >= MS {
            // Cut to whole milliseconds; the loop comes back for the rest.
            let millis = MS * u32::try_from(time.as_millis()).unwrap_or(u32::MAX);
            return self.poll.poll(&mut self.events, Some(millis));
        }
        let mut epoll = [PollFd::new(self.poll.registry().as_fd(), PollFlags::POLLIN)];
        self.events.clear();
        if ppoll(&mut epoll, Some(time.into()), None)? > 0 {
            self.poll.poll(&mut self.events, Some(Duration::ZERO))?;
        }
        Ok(())
    }

    #[cfg(not(target_os = "linux"))]
    fn sleep(&mut self, time: Duration) -> io::Result<()> {
        self.poll.poll(&mut self.events, Some(time))
    }
}

impl Client for MioAsleep {
    fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        some_unless_blocked(self.socket.send_to(bytes, self.to)).map(drop)
    }

    fn turn(&mut self, until: Instant, take: &mut impl Taken) -> io::Result<()> {
        let time = until.saturating_duration_since(Instant::now());
        if some_unless_blocked(self.sleep(time))?.is_none() {
            // A sleep that was interrupted keeps the events of the one before.
            return Ok(());
        }
        if self.events.is_empty() {
            return Ok(());
        }
        while let Some(came) = some_unless_blocked(self.socket.recv_from(&mut self.buffer))? {
            take(Instant::now().into(), &received(&self.buffer, came));
        }
        Ok(())
    }
}

/// `None` where there was nothing to read, or no room to write, or not in time.
pub(super) fn some_unless_blocked<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    use io::ErrorKind as Kind;
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) => match error.kind() {
            // A stopped process that goes on (Ctrl-Z) is interrupted out of its sleep.
            Kind::WouldBlock | Kind::TimedOut | Kind::Interrupted => Ok(None),
            _ => Err(error),
        },
    }
}
