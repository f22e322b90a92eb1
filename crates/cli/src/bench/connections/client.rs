//! One client: a host with one peer, and what has become of its connection.

use std::io;
use std::net::SocketAddr;
use std::time::Instant;

use mio::event::Source;
use mio::{Interest, Registry, Token};
use tickwire::{
    Config, ConnectOptions, Delivery, DisconnectReason, Event, Host, Socket, SocketConfig,
};

use super::config;
use crate::protocol::NORMAL_CLOSE;

/// How many datagrams wait to be sent at most: it has little to say.
const SEND_QUEUE: usize = 4;

/// See the [module](self).
pub(super) struct Client {
    host: Host,
    is_connected: bool,
}

/// What happened to a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum News {
    Connected,
    /// It was not let in.
    Refused(DisconnectReason),
    /// It was, and is no more.
    Gone(DisconnectReason),
}

impl Client {
    /// Opens a socket, in a poll of many.
    pub(super) fn open(
        here: SocketAddr,
        encrypted: bool,
        registry: &Registry,
        token: Token,
    ) -> io::Result<Self> {
        let socket = Socket::with_config(
            here,
            &SocketConfig {
                // Thousands of them need not have room for what one of them will never get.
                receive_buffer: None,
                batch: 1,
                send_queue: SEND_QUEUE,
                ..SocketConfig::default()
            },
        )?;
        let config = Config {
            peers_max: 1,
            accept_incoming: false,
            ..config(encrypted)
        };
        let mut host = Host::with_socket(socket, config)?;
        host.register(registry, token, Interest::READABLE)?;
        Ok(Self {
            host,
            is_connected: false,
        })
    }

    pub(super) fn connect(&mut self, to: SocketAddr) -> io::Result<()> {
        let peer = self.host.connect(to, &ConnectOptions::default());
        peer.map(drop).map_err(io::Error::other)
    }

    /// Says something, so that it has nothing more to say for the time of a keep-alive.
    pub(super) fn speak(&mut self) {
        // Who is gone is told of elsewhere.
        let _ = self.host.broadcast(Delivery::Unreliable, b".");
    }

    pub(super) fn say_goodbye(&mut self) {
        self.host.shutdown(NORMAL_CLOSE);
    }

    /// Whether it has nothing more to say.
    pub(super) fn is_over(&self) -> bool {
        self.host.is_shut_down()
    }

    /// A turn; hands on what happened.
    pub(super) fn turn(&mut self, tell: &mut dyn FnMut(News)) -> io::Result<()> {
        self.host.poll()?;
        while self.host.may_have_more() {
            self.host.poll()?;
        }
        while let Some(event) = self.host.next_event() {
            if let Some(news) = self.news_of(&event) {
                tell(news);
            }
        }
        Ok(())
    }

    fn news_of(&mut self, event: &Event) -> Option<News> {
        match event {
            Event::Connected { .. } => {
                self.is_connected = true;
                Some(News::Connected)
            }
            Event::Disconnected { reason, .. } if self.is_connected => Some(News::Gone(*reason)),
            Event::Disconnected { reason, .. } => Some(News::Refused(*reason)),
            _ => None,
        }
    }

    /// When the next turn is due, if nothing comes before.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.host.next_deadline()
    }
}
