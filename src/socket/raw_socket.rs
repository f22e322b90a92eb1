//! One non-blocking UDP socket: its options, and one system call per method. Tests can script
//! results (`Script`).

use std::io;
use std::net::SocketAddr;
#[cfg(target_os = "linux")]
use std::time::SystemTime;

use log::{info, warn};
use mio::event::Source;
use mio::{Interest, Registry, Token};
use socket2::{Domain, Protocol, Type};

use crate::config::SocketConfig;
use crate::limits::BATCH_MAX;
use crate::socket::address_family::{AddressFamily, canonical};
#[cfg(target_os = "linux")]
use crate::socket::batch;
#[cfg(target_os = "linux")]
use crate::socket::datagram::ReceivedMeta;
#[cfg(test)]
use crate::socket::script::Script;

/// Minimum number of bytes that Linux charges a queued datagram against the receive buffer: 768,
/// below the smallest `truesize` of an skb seen over loopback (832). Too large a budget costs
/// nothing, but too small a budget leaves datagrams for the next turn.
const DATAGRAM_CHARGE_MIN: usize = 768;

/// Drain budget on systems that do not report how many datagrams can be queued.
const DRAIN_BUDGET_FALLBACK: usize = 8192;

#[derive(Debug)]
pub(super) struct RawSocket {
    socket: mio::net::UdpSocket,
    local_addr: SocketAddr,
    family: AddressFamily,
    receive_buffer: usize,
    #[cfg(test)]
    pub(crate) script: Script,
}

impl RawSocket {
    pub(super) fn bind(addr: SocketAddr, config: &SocketConfig) -> io::Result<Self> {
        let family = AddressFamily::of(addr, config.only_v6);
        let socket =
            socket2::Socket::new(Domain::for_address(addr), Type::DGRAM, Some(Protocol::UDP))?;
        socket.set_nonblocking(true)?;
        set_options_before_bind(&socket, family, config)?;
        set_options(&socket, family, config)?;
        socket.bind(&addr.into())?;
        Self::with_socket(socket, family, config)
    }

    pub(super) fn from_std(socket: std::net::UdpSocket, config: &SocketConfig) -> io::Result<Self> {
        let addr = socket.local_addr()?;
        if addr.port() == 0 {
            return Err(invalid(
                "the socket is not bound: bind it to an address first".into(),
            ));
        }
        if let Ok(peer) = socket.peer_addr() {
            return Err(invalid(format!(
                "the socket is connected to {peer}, but a tickwire socket must be unconnected"
            )));
        }
        let socket = socket2::Socket::from(socket);
        socket.set_nonblocking(true)?;
        let only_v6 = addr.is_ipv6() && socket.only_v6()?;
        let family = AddressFamily::of(addr, only_v6);
        set_options(&socket, family, config)?;
        Self::with_socket(socket, family, config)
    }

    /// `socket` must be bound and non-blocking, and have its options set.
    fn with_socket(
        socket: socket2::Socket,
        family: AddressFamily,
        config: &SocketConfig,
    ) -> io::Result<Self> {
        let receive_buffer = socket.recv_buffer_size()?;
        let socket: std::net::UdpSocket = socket.into();
        let local_addr = canonical(socket.local_addr()?);
        let socket = mio::net::UdpSocket::from_std(socket);
        let socket = Self {
            socket,
            local_addr,
            family,
            receive_buffer,
            #[cfg(test)]
            script: Script::default(),
        };
        socket.log_bound(config);
        Ok(socket)
    }

    pub(super) fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    pub(super) fn receive_buffer(&self) -> usize {
        self.receive_buffer
    }

    /// Maximum number of datagrams that the kernel can have queued.
    pub(super) fn queued_max(&self) -> usize {
        if cfg!(target_os = "linux") {
            // Even a tiny buffer holds a batch: the kernel accepts one datagram over its limit.
            (self.receive_buffer / DATAGRAM_CHARGE_MIN).max(BATCH_MAX)
        } else {
            DRAIN_BUDGET_FALLBACK
        }
    }

    pub(super) fn reaches(&self, to: SocketAddr) -> bool {
        self.family.reaches(to)
    }

    /// Receives one datagram into `buffer`, which must be longer than any expected datagram,
    /// because truncation is not reported.
    pub(super) fn receive_one(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        #[cfg(test)]
        self.script.receive()?;
        let (len, from) = self.socket.recv_from(buffer)?;
        Ok((len, canonical(from)))
    }

    #[cfg(target_os = "linux")]
    pub(super) fn receive_batch(
        &self,
        slots: &mut [u8],
        arrivals: &mut [ReceivedMeta],
    ) -> io::Result<usize> {
        #[cfg(test)]
        self.script.receive()?;
        batch::receive(&self.socket, self.family, slots, arrivals)
    }

    #[cfg(target_os = "linux")]
    pub(super) fn receive_stamped(
        &self,
        slot: &mut [u8],
        control: &mut [u8],
    ) -> io::Result<(ReceivedMeta, Option<SystemTime>)> {
        #[cfg(test)]
        self.script.receive()?;
        batch::receive_stamped(&self.socket, self.family, slot, control)
    }

    pub(super) fn send_one(&self, to: SocketAddr, bytes: &[u8]) -> io::Result<()> {
        #[cfg(test)]
        self.script.send()?;
        let sent = self.socket.send_to(bytes, self.family.on_the_wire(to))?;
        debug_assert_eq!(
            sent,
            bytes.len(),
            "UDP sends a datagram whole or not at all"
        );
        Ok(())
    }

    /// Sends up to [`BATCH_MAX`] datagrams in order; returns how many the system accepted, at least
    /// one, or the error of the first.
    #[cfg(target_os = "linux")]
    pub(super) fn send_batch<'q>(
        &self,
        datagrams: impl Iterator<Item = (SocketAddr, &'q [u8])>,
    ) -> io::Result<usize> {
        #[cfg(test)]
        let datagrams = datagrams.take(self.script.send()?);
        batch::send(&self.socket, self.family, datagrams)
    }

    pub(super) fn register(
        &mut self,
        registry: &Registry,
        token: Token,
        interests: Interest,
        writable: bool,
    ) -> io::Result<()> {
        self.socket
            .register(registry, token, with_writable(interests, writable))
    }

    pub(super) fn reregister(
        &mut self,
        registry: &Registry,
        token: Token,
        interests: Interest,
        writable: bool,
    ) -> io::Result<()> {
        self.socket
            .reregister(registry, token, with_writable(interests, writable))
    }

    pub(super) fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        self.socket.deregister(registry)
    }

    /// Datagrams that the kernel dropped because the receive buffer was full, modulo 2^32; 0 if the
    /// system does not report them.
    pub(super) fn dropped(&self) -> u32 {
        #[cfg(target_os = "linux")]
        return super::kernel_drops::read(&self.socket).unwrap_or(0);
        #[cfg(not(target_os = "linux"))]
        0
    }

    fn log_bound(&self, config: &SocketConfig) {
        info!(
            "bound {}: receive buffer {} bytes, up to {} datagrams per system call, send queue {}",
            self.local_addr,
            self.receive_buffer,
            if cfg!(target_os = "linux") {
                config.batch
            } else {
                1
            },
            config.send_queue,
        );
        if let Some(asked) = config.receive_buffer {
            if granted_net(self.receive_buffer) < asked {
                warn!(
                    "{}: requested a receive buffer of {asked} bytes, but the system granted {}; bursts may be dropped{}",
                    self.local_addr,
                    granted_net(self.receive_buffer),
                    how_to_raise(asked),
                );
            }
        }
    }
}

#[cfg(unix)]
impl std::os::fd::AsFd for RawSocket {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

#[cfg(windows)]
impl std::os::windows::io::AsSocket for RawSocket {
    fn as_socket(&self) -> std::os::windows::io::BorrowedSocket<'_> {
        self.socket.as_socket()
    }
}

fn with_writable(interests: Interest, asked: bool) -> Interest {
    if asked {
        interests | Interest::WRITABLE
    } else {
        interests
    }
}

fn invalid(text: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, text)
}

fn set_options_before_bind(
    socket: &socket2::Socket,
    family: AddressFamily,
    config: &SocketConfig,
) -> io::Result<()> {
    if config.reuse_address {
        socket.set_reuse_address(true)?;
    }
    if family != AddressFamily::V4 {
        // Always set, because the system's default differs between platforms and is configurable.
        socket.set_only_v6(family == AddressFamily::V6)?;
    }
    Ok(())
}

fn set_options(
    socket: &socket2::Socket,
    family: AddressFamily,
    config: &SocketConfig,
) -> io::Result<()> {
    if let Some(bytes) = config.receive_buffer {
        socket.set_recv_buffer_size(bytes)?;
    }
    if let Some(bytes) = config.send_buffer {
        socket.set_send_buffer_size(bytes)?;
    }
    #[cfg(target_os = "linux")]
    if config.receive_timestamps {
        use nix::sys::socket::{setsockopt, sockopt::ReceiveTimestampns};
        setsockopt(socket, ReceiveTimestampns, &true)?;
    }
    if let Some(dscp) = config.dscp {
        set_type_of_service(socket, family, u32::from(dscp) << 2)?;
    }
    Ok(())
}

fn set_type_of_service(
    socket: &socket2::Socket,
    family: AddressFamily,
    value: u32,
) -> io::Result<()> {
    if family == AddressFamily::V4 {
        return socket.set_tos_v4(value);
    }
    #[cfg(unix)]
    socket.set_tclass_v6(value)?;
    // A dual-stack socket marks its IPv4 datagrams according to the IPv4 option.
    #[cfg(target_os = "linux")]
    if family != AddressFamily::V6 {
        socket.set_tos_v4(value)?;
    }
    Ok(())
}

/// Linux reports twice the granted size (socket(7)).
fn granted_net(reported: usize) -> usize {
    if cfg!(target_os = "linux") {
        reported / 2
    } else {
        reported
    }
}

fn how_to_raise(asked: usize) -> String {
    if cfg!(target_os = "linux") {
        format!("; to raise the limit: sysctl -w net.core.rmem_max={asked}")
    } else {
        String::new()
    }
}
