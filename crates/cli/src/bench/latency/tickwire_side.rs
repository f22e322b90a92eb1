//! tickwire as a side of the exchange, with the socket options of the floors.

use std::io;
use std::net::SocketAddr;
use std::time::{Instant, SystemTime};

use tickwire::{Datagram, Socket, SocketConfig};
use tickwire_measure::side::{Received, Side, unless_blocked};

use super::Wait;

/// See the [module](self).
#[derive(Debug)]
pub(super) struct TickwireSide {
    socket: Socket,
    wait: Wait,
}

impl TickwireSide {
    /// `is_stamped`: with kernel receive timestamps.
    pub(super) fn new(address: SocketAddr, wait: Wait, is_stamped: bool) -> io::Result<Self> {
        let config = SocketConfig {
            receive_buffer: None,
            receive_timestamps: is_stamped,
            ..SocketConfig::default()
        };
        Ok(Self {
            socket: Socket::with_config(address, &config)?,
            wait,
        })
    }

    fn drain(&mut self, take: &mut impl FnMut(Received<'_>)) -> io::Result<()> {
        while let Some((datagram, stamp)) = self.socket.recv_stamped()? {
            take(stamped(&datagram, stamp));
        }
        Ok(())
    }

    fn answer_all(&mut self) -> io::Result<()> {
        let (mut rx, mut tx) = self.socket.split();
        while let Some(datagram) = rx.recv()? {
            // A full queue loses the reply, as a full socket does for the floors.
            let _ = tx.send(datagram.from, datagram.bytes);
            // At once, as the floors do, before the receive that finds the socket empty.
            tx.flush()?;
        }
        Ok(())
    }
}

fn stamped<'a>(datagram: &Datagram<'a>, stamp: Option<SystemTime>) -> Received<'a> {
    Received {
        // A timestamp in the future was taken before the clock was set.
        in_kernel: stamp.and_then(|stamp| stamp.elapsed().ok()),
        ..Received::now(datagram.from, datagram.bytes, datagram.truncated)
    }
}

/// A turn as in the documentation: a sleep that sends first, then a drain; or a loop without sleep.
impl Side for TickwireSide {
    fn address(&self) -> io::Result<SocketAddr> {
        Ok(self.socket.local_addr())
    }

    fn send(&mut self, to: SocketAddr, bytes: &[u8]) -> io::Result<()> {
        // A full queue loses the datagram, as a full socket does for the floors.
        unless_blocked(self.socket.send(to, bytes).map_err(io::Error::from)).map(drop)
    }

    fn turn(
        &mut self,
        until: Option<Instant>,
        take: &mut impl FnMut(Received<'_>),
    ) -> io::Result<()> {
        match (self.wait, until) {
            (Wait::Spin, _) => self.socket.flush()?,
            (Wait::Sleep, Some(until)) => self.socket.wait_until(until)?,
            (Wait::Sleep, None) => self.socket.wait(None)?,
        }
        self.drain(take)
    }

    fn echo(&mut self) -> io::Result<()> {
        match self.wait {
            Wait::Sleep => self.socket.wait(None)?,
            Wait::Spin => self.socket.flush()?,
        }
        self.answer_all()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn in_kernel(stamp: Option<SystemTime>) -> Option<Duration> {
        let datagram = Datagram {
            from: ([127, 0, 0, 1], 7).into(),
            bytes: &[],
            truncated: false,
        };
        stamped(&datagram, stamp).in_kernel
    }

    #[test]
    fn waiting_time_counts_from_the_timestamp() {
        let second = Duration::from_secs(1);
        assert!(in_kernel(Some(SystemTime::now() - second)) >= Some(second));
    }

    #[test]
    fn a_missing_or_future_timestamp_gives_no_waiting_time() {
        assert_eq!(in_kernel(None), None);
        let later = SystemTime::now() + Duration::from_secs(3600);
        assert_eq!(in_kernel(Some(later)), None);
    }
}
