//! `tickwire ping`: round-trip times to a UDP echo, or through a connection to a server that echoes.
//!
//! This file has the options. `pinger` is the loop around a `transport`: UDP datagrams, or a
//! `connection`. `session` and the modules that it uses evaluate a run without a socket or a clock.

mod connection;
mod counters;
mod in_flight;
mod pinger;
mod probe;
mod rtt;
mod session;
mod transport;

use std::net::SocketAddr;
use std::time::Duration;

use clap::value_parser;
use humantime::format_duration;
use tickwire::PublicKey;
use tickwire::limits::{DATAGRAM_MAX, TIMEOUT_MAX, WHOLE_MAX};

use self::connection::ConnectionTransport;
use self::counters::Millis;
use self::in_flight::IN_FLIGHT_MAX;
use self::pinger::Pinger;
use self::probe::PROBE_MIN;
use self::rtt::RTT_MAX;
use self::transport::UdpTransport;
use crate::address;
use crate::error::CliError;
use crate::output::Output;
use crate::protocol::{self, ProtocolId, Token};
use crate::signals::StopSignal;
use crate::time;

/// Measures round-trip times to a UDP echo or through a connection
///
/// The target is any program that sends datagrams back unchanged, such as `tickwire listen --echo`:
///
///   ping 127.0.0.1:10080, 64 bytes
///   seq=1 64 bytes time=0.123 ms
///
/// With --connect the target is a server that sends messages back unchanged, such as `tickwire serve`,
/// and probes are unreliable messages. The second line shows the time to connect, and the last line
/// the connection's own measurements:
///
///   ping 127.0.0.1:10080, 64 bytes
///   connected in 0.456 ms, encrypted, to the server with the key that was given
///   seq=1 64 bytes time=0.123 ms
///
/// The connection is encrypted; --server-key also authenticates the server.
///
/// Probes are sent at fixed steps that do not wait for replies, and a late probe does not shift the
/// following ones. If ping itself is delayed by a whole step or more, the steps restart; missed
/// probes are not sent in a burst. The summary reports this as "held up", and also probes that were
/// sent more than 100 ms late. A round trip is measured from just before the probe is passed to the
/// system until its reply is received. A probe without a reply within the timeout is lost; a later
/// reply is shown and counted as "late", and the probe stays lost. "altered" is a reply with changed
/// bytes. "foreign" is a datagram that is not a reply to this run: it has another run number, or
/// comes from another address. The run number separates concurrent runs; it is not a protection
/// against an attacker on the network path.
///
/// The run ends with a summary, also after Ctrl-C or SIGTERM. "under way" are probes that are neither
/// answered nor lost yet; the percentage of "lost" excludes them. "dropped by kernel" are datagrams
/// that arrived faster than ping read them. min, avg, p50, p99 and max are of replies in time. jitter
/// is the mean absolute difference between consecutive round trips, in the order of their replies
/// (RFC 3550 section 6.4.1, without the smoothing).
///
/// Exit code: 0 if at least one reply came in time, 1 if none did, a probe could not be sent or the
/// connection ended before the last probe, 2 if the command line is invalid.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Options {
    /// Target address: a host and a port
    #[arg(default_value = address::DEFAULT)]
    address: String,

    /// Number of probes [default: no limit]
    #[arg(long, value_name = "N", value_parser = value_parser!(u64).range(1..),
          allow_negative_numbers = true)]
    count: Option<u64>,

    /// Time between probes, such as 16ms or 1s. 0s sends one at a time: the next probe is sent when the
    /// previous one is answered or lost
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = time::parse,
          allow_hyphen_values = true)]
    every: Duration,

    /// Size of a probe, 16 to 1024 bytes, or to 992 with --connect: an 8-byte run number and an 8-byte
    /// sequence number, repeated as filler that is verified in the reply
    #[arg(long, value_name = "BYTES", default_value = "64", allow_negative_numbers = true,
          value_parser = value_parser!(u16).range(PROBE_MIN as i64..=DATAGRAM_MAX as i64))]
    size: u16,

    /// Time after which an unanswered probe is lost, up to 1h
    #[arg(long, value_name = "TIME", default_value = "1s", allow_hyphen_values = true,
          value_parser = time::between(Duration::from_nanos(1), RTT_MAX))]
    timeout: Duration,

    /// Connects to the address and measures through the connection
    #[arg(long)]
    connect: bool,

    /// Time limit of the connection attempt, 1ms to 1h
    #[arg(long, requires = "connect", value_name = "TIME", default_value = "10s",
          value_parser = time::between(Duration::from_millis(1), TIMEOUT_MAX),
          allow_hyphen_values = true)]
    connect_timeout: Duration,

    /// Protocol id, a number: must be equal to that of `serve --protocol-id`
    #[arg(long, requires = "connect", value_name = "NUMBER", default_value_t,
          value_parser = value_parser!(ProtocolId), allow_negative_numbers = true)]
    protocol_id: ProtocolId,

    /// Public key that the server must have, as `keygen` and `serve` print it. Without it the server is
    /// not authenticated, and another host may answer in its place
    #[arg(long, requires = "connect", value_name = "KEY")]
    server_key: Option<PublicKey>,

    /// Connects without encryption, to a server that runs with --plain
    #[arg(long, requires = "connect", conflicts_with_all = ["server_key", "trust_unpinned"])]
    plain: bool,

    /// Sends the ticket or the token although the server is not authenticated by --server-key
    #[arg(long, requires = "connect", conflicts_with = "server_key")]
    trust_unpinned: bool,

    /// Ticket for a server with --ticket, up to 256 bytes. With --plain it is sent unencrypted
    #[arg(long, requires = "connect", value_name = "TEXT", value_parser = protocol::ticket,
          allow_hyphen_values = true)]
    ticket: Option<String>,

    /// Admission token for a server with --token-key, as printed by `tickwire token`
    #[arg(long, requires = "connect", conflicts_with = "ticket", value_name = "TOKEN",
          value_parser = value_parser!(Token))]
    token: Option<Token>,
}

/// Runs until all probes are answered or lost, or a signal arrives. Fails without a reply in time.
pub(crate) fn run(options: &Options) -> Result<(), CliError> {
    options.validate()?;
    let mut output = Output::new();
    let (mut socket, mut to) = address::open_towards(&options.address)?;
    if to.ip().is_unspecified() {
        // The system sends these to this machine, and the replies come from its loopback address.
        to = address::loopback(to);
    }
    if !options.connect {
        let waker = socket.waker().map_err(CliError::cannot("wait"))?;
        let stop = StopSignal::on_signal(waker)?;
        options.print_target(to, &mut output)?;
        return Pinger::new(UdpTransport::new(socket, to), to, options, stop, output).run();
    }
    let mut host = connection::host(socket, options)?;
    let waker = host.waker().map_err(CliError::cannot("wait"))?;
    let stop = StopSignal::on_signal(waker)?;
    options.print_target(to, &mut output)?;
    let (connection, time) = ConnectionTransport::open(host, to, options, &stop)?;
    let security = connection.security(options);
    let time = Millis(time);
    output.line(format_args!("connected in {time} ms, {security}"))?;
    Pinger::new(connection, to, options, stop, output).run()
}

impl Options {
    /// Sequence number of the last probe.
    fn last(&self) -> u64 {
        self.count.unwrap_or(u64::MAX)
    }

    /// Payload of the connection request.
    fn payload(&self) -> Vec<u8> {
        let ticket = self.ticket.as_ref().map(String::as_bytes);
        let token = self.token.as_ref().map(|token| &token.0[..]);
        ticket.or(token).unwrap_or_default().to_vec()
    }

    /// The first line, before anything that takes time.
    fn print_target(&self, to: SocketAddr, output: &mut Output) -> Result<(), CliError> {
        output.line(format_args!("ping {to}, {} bytes", self.size))?;
        output.flush()
    }

    /// Checks what the parser of a single option cannot check.
    fn validate(&self) -> Result<(), CliError> {
        let size = usize::from(self.size);
        if self.connect && size > WHOLE_MAX {
            // A longer message is fragmented, and its round trip is that of several packets.
            return Err(CliError::Usage(format!(
                "--size is {size} bytes, at most {WHOLE_MAX} fit into one packet of a connection"
            )));
        }
        let is_pinned = self.server_key.is_some() || self.trust_unpinned || self.plain;
        if !is_pinned && !self.payload().is_empty() {
            return Err(CliError::usage(
                "the ticket or the token would be sent to an unauthenticated server: set \
                 --server-key (`serve` prints it), or --trust-unpinned",
            ));
        }
        validate_in_flight(self.last(), self.timeout, self.every)
    }
}

/// Unanswered probes are in flight for the whole timeout, and only so many are remembered.
fn validate_in_flight(count: u64, timeout: Duration, every: Duration) -> Result<(), CliError> {
    // With a step of zero there is one at a time.
    let in_flight = timeout
        .as_nanos()
        .checked_div(every.as_nanos())
        .unwrap_or(1);
    if in_flight.min(count.into()) <= IN_FLIGHT_MAX as u128 {
        return Ok(());
    }
    let (timeout, every) = (format_duration(timeout), format_duration(every));
    Err(CliError::Usage(format!(
        "a probe every {every} with a timeout of {timeout} is more than the {IN_FLIGHT_MAX} \
         that can be in flight at once: choose a longer --every or a shorter --timeout"
    )))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[derive(Debug, Parser)]
    struct Ping {
        #[command(flatten)]
        options: Options,
    }

    /// The text of the error, or nothing.
    fn refusal(args: &[&str]) -> String {
        let parsed = match Ping::try_parse_from([&["ping"], args].concat()) {
            Ok(ping) => ping.options.validate(),
            Err(error) => return error.to_string(),
        };
        match parsed {
            Err(CliError::Usage(text)) => text,
            other => {
                assert_eq!(other, Ok(()));
                String::new()
            }
        }
    }

    #[test]
    fn a_size_is_16_to_1024_bytes() {
        for size in ["16", "17", "64", "1024"] {
            assert_eq!(refusal(&["--size", size]), "");
        }
        for size in ["0", "15", "1025"] {
            let text = refusal(&["--size", size]);
            let wanted = format!("{size} is not in 16..=1024");
            assert!(text.contains(&wanted), "{text}");
        }
    }

    #[test]
    fn a_message_has_room_for_less_than_a_datagram() {
        assert_eq!(refusal(&["--connect", "--size", "992"]), "");
        let text = "--size is 993 bytes, at most 992 fit into one packet of a connection";
        assert_eq!(refusal(&["--connect", "--size", "993"]), text);
    }

    #[test]
    fn a_connect_timeout_is_a_millisecond_to_an_hour() {
        for timeout in ["1ms", "1h"] {
            assert_eq!(refusal(&["--connect", "--connect-timeout", timeout]), "");
        }
        for (timeout, wanted) in [
            ("0s", "0s is not in 1ms..=1h"),
            ("61m", "1h 1m is not in 1ms..=1h"),
        ] {
            let text = refusal(&["--connect", "--connect-timeout", timeout]);
            assert!(text.contains(wanted), "{text}");
        }
    }

    #[test]
    fn a_timeout_is_more_than_zero_and_at_most_an_hour() {
        for timeout in ["1h", "1ns"] {
            assert_eq!(refusal(&["--timeout", timeout]), "");
        }
        for timeout in ["0s", "61m"] {
            let text = refusal(&["--timeout", timeout]);
            assert!(text.contains("is not in 1ns..=1h"), "{text}");
        }
    }

    #[test]
    fn probes_in_flight_are_limited() {
        let timeout = 32_768 * MS;
        let (some, endless) = (32_768, u64::MAX);
        assert_eq!(validate_in_flight(endless, timeout, MS), Ok(()));
        assert_eq!(validate_in_flight(endless, timeout, Duration::ZERO), Ok(()));
        assert_eq!(validate_in_flight(endless, MS, Duration::MAX), Ok(()));
        assert_eq!(validate_in_flight(some, timeout + MS, MS), Ok(()));
        let Err(CliError::Usage(text)) = validate_in_flight(some + 1, timeout + MS, MS) else {
            panic!("too many are accepted");
        };
        assert!(text.starts_with("a probe every 1ms with a timeout of 32s 769ms is more than"));
    }
}
