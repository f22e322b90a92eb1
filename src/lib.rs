//! UDP for games, driven by your own loop.
#![forbid(unsafe_code)]

pub mod guide;
pub mod limits;

mod config;
mod io;
mod send_error;

pub use crate::config::EndpointConfig;
pub use crate::io::{
    Datagram, Endpoint, EndpointStats, ErrorCounts, Receiver, Sender, Ticker, Waker,
};
pub use crate::send_error::SendError;
