//! `tickwire ping`: round-trip times to a UDP echo, or through a connection.
//!
//! `pinger` is the loop around a `transport`: UDP datagrams or a `connection`. `session` evaluates
//! a run without a socket or a clock.

mod connection;
mod counters;
mod event;
mod in_flight;
mod pinger;
mod probe;
mod rtt;
mod session;
mod transport;

use std::time::Duration;

use clap::value_parser;
use humantime::format_duration;
use tickwire::PublicKey;
use tickwire::limits::{DATAGRAM_MAX, TIMEOUT_MAX, WHOLE_MAX};

use self::connection::ConnectionTransport;
use self::event::PingEvent;
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
use crate::{number, time};

/// Measures round-trip times to a UDP echo or through a connection
///
/// The target is a program that echoes datagrams unchanged, such as
/// `tickwire listen --echo`:
///
///   ping 127.0.0.1:10080, 64 bytes
///   seq=1 64 bytes time=0.123 ms
///
/// With --connect the target is a server that echoes messages, such as
/// `tickwire serve`, and probes are unreliable messages. The connection is
/// encrypted, and --server-key also authenticates the server. The summary then
/// ends with the connection's own measurements.
///
/// Probes are sent at a fixed interval regardless of replies, and a late probe
/// does not shift the following ones. If ping itself is delayed by a whole
/// interval, the schedule restarts: missed probes are not sent in a burst. The
/// summary reports this, and probes that were sent more than 100 ms late, as "held
/// up". A round trip counts from passing the probe to the system until its reply
/// is received.
///
/// A probe without a reply within the timeout is lost. A later reply is shown as
/// "late", and the probe stays lost. "altered" is a reply with changed bytes.
/// "foreign" is a datagram from another address or of another run. A random number
/// separates concurrent runs; it does not protect against an attacker on the
/// network path.
///
/// The run ends with a summary, also after Ctrl-C or SIGTERM. "in flight" are
/// probes without a reply that are not lost yet; the percentage of "lost" excludes
/// them. "dropped by kernel" are datagrams that arrived faster than ping read
/// them. min, avg, p50, p99 and max are of replies in time. jitter is the mean
/// absolute difference between consecutive round trips (RFC 3550 section 6.4.1,
/// without the smoothing).
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment, after_long_help = include_str!("../help/ping.txt"))]
pub(crate) struct Options {
    /// Target address
    ///
    /// A host and a port, or a port alone for 127.0.0.1.
    #[arg(default_value = address::DEFAULT)]
    address: String,

    /// Number of probes [default: no limit]
    #[arg(long, value_name = "N", value_parser = number::between::<u64>(1, u64::MAX),
          allow_negative_numbers = true)]
    count: Option<u64>,

    /// Time between probes
    ///
    /// Such as 16ms or 1s. With 0s, the next probe is sent after the reply to the previous one, or
    /// its loss.
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = time::parse,
          allow_hyphen_values = true)]
    interval: Duration,

    /// Size of a probe, 16 to 1024 bytes
    ///
    /// At most 992 bytes with --connect. A probe is an 8-byte run number and an 8-byte sequence
    /// number, repeated up to its size. All bytes of a reply are verified.
    #[arg(long, value_name = "BYTES", default_value = "64", allow_negative_numbers = true,
          value_parser = number::between::<u16>(PROBE_MIN as u64, DATAGRAM_MAX as u64))]
    size: u16,

    /// Time after which a probe is lost
    ///
    /// At most 1h.
    #[arg(long, value_name = "TIME", default_value = "1s", allow_hyphen_values = true,
          value_parser = time::between(Duration::from_nanos(1), RTT_MAX))]
    timeout: Duration,

    /// Prints one JSON object per line
    #[arg(long)]
    json: bool,

    /// Connects to a server, and measures through it
    #[arg(long, help_heading = "Connection")]
    connect: bool,

    /// Time limit to connect, 1ms to 1h
    #[arg(long, requires = "connect", value_name = "TIME", default_value = "10s",
          value_parser = time::between(Duration::from_millis(1), TIMEOUT_MAX),
          allow_hyphen_values = true, help_heading = "Connection")]
    connect_timeout: Duration,

    /// Protocol id of the server
    #[arg(long, requires = "connect", value_name = "N", default_value_t,
          value_parser = value_parser!(ProtocolId), allow_negative_numbers = true,
          help_heading = "Connection")]
    protocol_id: ProtocolId,

    /// Public key of the server
    ///
    /// As printed by `keygen` and `serve`. Without it the server is not authenticated, and another
    /// host can impersonate it.
    #[arg(
        long,
        requires = "connect",
        value_name = "KEY",
        help_heading = "Connection"
    )]
    server_key: Option<PublicKey>,

    /// Disables encryption, as on the server
    #[arg(long, requires = "connect", conflicts_with_all = ["server_key", "trust_unpinned"],
          help_heading = "Connection")]
    plain: bool,

    /// Sends a ticket or token without --server-key
    ///
    /// The server is then not authenticated, and another host may receive the credential.
    #[arg(
        long,
        requires = "connect",
        conflicts_with = "server_key",
        help_heading = "Connection"
    )]
    trust_unpinned: bool,

    /// Ticket for a server with --ticket
    ///
    /// 1 to 256 bytes. With --plain it is sent unencrypted.
    #[arg(long, requires = "connect", value_name = "TEXT", value_parser = protocol::ticket,
          allow_hyphen_values = true, help_heading = "Connection")]
    ticket: Option<String>,

    /// Token for a server with --token-key
    ///
    /// As printed by `tickwire token`.
    #[arg(long, requires = "connect", conflicts_with = "ticket", value_name = "TOKEN",
          value_parser = value_parser!(Token), help_heading = "Connection")]
    token: Option<Token>,
}

/// Runs until every probe has a reply or is lost, or a signal arrives. Fails if no reply arrived in
/// time.
pub(crate) fn run(options: &Options) -> Result<(), CliError> {
    options.validate()?;
    let mut output = Output::new(options.json);
    let (mut socket, mut to) = address::open_towards(&options.address)?;
    if to.ip().is_unspecified() {
        // The system sends these to this machine, and the replies come from its loopback address.
        to = address::loopback(to);
    }
    let waker = socket.waker().map_err(CliError::cannot("wait"))?;
    let stop = StopSignal::on_signal(waker)?;
    output.event(&PingEvent::Target {
        address: to,
        size_bytes: options.size,
    })?;
    output.flush()?;
    if !options.connect {
        return Pinger::new(UdpTransport::new(socket, to), to, options, stop, output).run();
    }
    let host = connection::host(socket, options)?;
    let (connection, connected) = ConnectionTransport::open(host, to, options, &stop)?;
    output.event(&connected)?;
    Pinger::new(connection, to, options, stop, output).run()
}

impl Options {
    fn last(&self) -> u64 {
        self.count.unwrap_or(u64::MAX)
    }

    /// Payload of the connection request.
    fn payload(&self) -> Vec<u8> {
        let ticket = self.ticket.as_ref().map(String::as_bytes);
        let token = self.token.as_ref().map(|token| &token.0[..]);
        ticket.or(token).unwrap_or_default().to_vec()
    }

    fn validate(&self) -> Result<(), CliError> {
        let size = usize::from(self.size);
        if self.connect && size > WHOLE_MAX {
            // A longer message would be fragmented into several packets.
            return Err(CliError::Usage(format!(
                "--size is {size} bytes, but at most {WHOLE_MAX} fit into one packet with --connect"
            )));
        }
        let is_pinned = self.server_key.is_some() || self.trust_unpinned || self.plain;
        if !is_pinned && !self.payload().is_empty() {
            return Err(CliError::usage(
                "the ticket or token would go to an unauthenticated server: add --server-key, which \
                 `serve` prints, or --trust-unpinned",
            ));
        }
        validate_in_flight(self.last(), self.timeout, self.interval)
    }
}

/// A probe without a reply is in flight for the whole timeout, and at most [`IN_FLIGHT_MAX`] can
/// be.
fn validate_in_flight(count: u64, timeout: Duration, interval: Duration) -> Result<(), CliError> {
    // With an interval of zero, one probe at a time.
    let in_flight = timeout
        .as_nanos()
        .checked_div(interval.as_nanos())
        .unwrap_or(1);
    let in_flight = in_flight.min(count.into());
    if in_flight <= IN_FLIGHT_MAX as u128 {
        return Ok(());
    }
    let (timeout, interval) = (format_duration(timeout), format_duration(interval));
    Err(CliError::Usage(format!(
        "with an interval of {interval} and a timeout of {timeout}, {in_flight} probes can be in flight, but \
         at most {IN_FLIGHT_MAX} can be tracked: choose a longer --interval or a shorter --timeout"
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

    /// The text of the error, or an empty text.
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
            assert!(
                text.contains("must be a whole number from 16 to 1024"),
                "{text}"
            );
        }
    }

    #[test]
    fn a_message_is_shorter_than_a_datagram() {
        assert_eq!(refusal(&["--connect", "--size", "992"]), "");
        let text = "--size is 993 bytes, but at most 992 fit into one packet with --connect";
        assert_eq!(refusal(&["--connect", "--size", "993"]), text);
    }

    #[test]
    fn a_connect_timeout_is_a_millisecond_to_an_hour() {
        for timeout in ["1ms", "1h"] {
            assert_eq!(refusal(&["--connect", "--connect-timeout", timeout]), "");
        }
        for (timeout, wanted) in [("0s", "must be 1ms to 1h"), ("61m", "must be 1ms to 1h")] {
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
            assert!(text.contains("must be 1ns to 1h"), "{text}");
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
        let begin =
            "with an interval of 1ms and a timeout of 32s 769ms, 32769 probes can be in flight";
        assert!(text.starts_with(begin), "{text}");
    }
}
