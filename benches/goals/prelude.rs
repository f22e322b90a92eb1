//! Imports of almost every topic.

pub(crate) use std::io;
pub(crate) use std::net::SocketAddr;
pub(crate) use std::time::{Duration, Instant};

pub(crate) use tickwire::Socket;
pub(crate) use tickwire_measure::floors::LOOPBACK;
pub(crate) use tickwire_measure::runner::{Entry, nanos_per};
pub(crate) use tickwire_measure::settings::Settings;

pub(crate) use crate::work::{expect, failure};
