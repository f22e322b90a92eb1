//! `tickwire ping`: the round trips to a UDP echo, or through a connection to a server that echoes.
//!
//! Here are the options. `pinger` is the loop, around a `way`: bare datagrams, or `connected`. What a
//! run means is worked out below it, without a socket and without a clock, in `session` and what it
//! stands on: `probe` (the bytes), `flights` (what is under way), `round_trips` (the figures), `tally`
//! (the counts and the last word). `pace` says when the next probe leaves.

mod connection;
mod counters;
mod in_flight;
mod pacing;
mod pinger;
mod probe;
mod rtt;
mod session;
mod transport;

use std::net::SocketAddr;
use std::time::Duration;

use humantime::format_duration;
use tickwire::limits::{DATAGRAM_MAX, TIMEOUT_MAX, WHOLE_MAX};
use tickwire::{PublicKey, Socket};

use self::connection::{ConnectParams, ConnectionTransport};
use self::counters::{LateSends, Millis};
use self::in_flight::IN_FLIGHT_MAX;
use self::pacing::ProbePacing;
use self::pinger::Pinger;
use self::probe::{PROBE_MIN, Probes};
use self::rtt::RTT_MAX;
use self::session::Session;
use self::transport::{Transport, UdpTransport};
use crate::address;
use crate::error::CliError;
use crate::output::Output;
use crate::protocol::{self, ProtocolId, Token};
use crate::signals::StopSignal;
use crate::time;

/// Measures round trips to a UDP echo or through a connection, one line each
///
/// Any echo will do that sends a datagram back as it came, `tickwire listen --echo` for one:
///
///   ping 127.0.0.1:10080, 64 bytes
///   seq=1 64 bytes time=0.123 ms
///
/// With --connect the address is a server of connections that sends messages back as they came,
/// `tickwire serve` for one, and probes travel as unreliable messages. How long it took to connect is
/// told first, what the connection itself has measured at the end:
///
///   ping 127.0.0.1:10080, 64 bytes
///   connected in 0.456 ms, encrypted, to the server with the key that was given
///   seq=1 64 bytes time=0.123 ms
///
/// The connection is encrypted, and with --server-key it is certain with whom.
///
/// Probes leave at fixed steps that do not wait for answers; one that leaves late does not shift
/// those behind it. If ping itself is held up for a whole step or longer, it does not send what it
/// missed in a burst: the steps start over. The summary says so ("held up"), and also if a probe
/// left more than 100 ms late. The time of a round trip is from just before its probe goes to the
/// system until its answer was received. A probe that has no answer within the timeout is lost; an answer after it is shown as "late" and counted,
/// and the probe stays lost. "altered" is an answer whose bytes are not what was sent, "foreign"
/// what is no answer of this run (it lacks the random number of this run, or comes from another
/// address). The number keeps runs apart; it keeps no attacker out, who can read it on the way.
///
/// The end is a summary, also after Ctrl-C or SIGTERM. Probes that had no answer by then and were
/// not lost yet are "under way". "lost" in percent is of the others; "dropped by kernel" came back,
/// and faster than it was read here. min, avg, p50, p99 and max are of the answers in time; jitter
/// is the mean absolute difference between one round trip and the next, in the order of their
/// answers (RFC 3550 section 6.4.1 without its smoothing).
///
/// Exit code: 0 at least one answer came in time, 1 none did, the system refused or the connection
/// ended before the last probe, 2 the command line is wrong.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Options {
    /// What to ping: a host and a port
    #[arg(default_value = address::DEFAULT)]
    address: String,

    /// Ends after this many probes [default: goes on until it is ended]
    #[arg(long, value_name = "N", value_parser = count,
          allow_negative_numbers = true)]
    count: Option<u64>,

    /// The time from one probe to the next, such as 16ms or 1s. 0s is one at a time: the next leaves
    /// when the one before is answered or lost
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = time::parse,
          allow_hyphen_values = true)]
    every: Duration,

    /// How long a probe is, 16 to 1024 bytes, 992 with --connect: eight for the number of the run, eight for that of the
    /// probe, and both over and over as filler, which is checked
    #[arg(long, value_name = "BYTES", default_value = "64", value_parser = size,
          allow_negative_numbers = true)]
    size: usize,

    /// How long an answer may take, up to 1h; then its probe is lost
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = time::parse,
          allow_hyphen_values = true)]
    timeout: Duration,

    /// Connects to the address and measures through the connection
    #[arg(long)]
    connect: bool,

    /// How long to try to connect, 1ms to 1h
    #[arg(long, requires = "connect", value_name = "TIME", default_value = "10s", value_parser = time::parse,
          allow_hyphen_values = true)]
    connect_timeout: Duration,

    /// What both sides must have in common, a number, as `serve --protocol-id`
    #[arg(
        long,
        requires = "connect",
        value_name = "NUMBER",
        default_value_t,
        allow_negative_numbers = true
    )]
    protocol_id: ProtocolId,

    /// The public key that the server must have, as `keygen` and `serve` print it. Without one, whoever
    /// answers may be somebody in between
    #[arg(long, requires = "connect", value_name = "KEY")]
    server_key: Option<PublicKey>,

    /// Connects without encryption, to a server that is `--plain` as well
    #[arg(long, requires = "connect", conflicts_with_all = ["server_key", "trust_unpinned"])]
    plain: bool,

    /// Shows the ticket or the token to whoever answers, though there is no --server-key
    #[arg(long, requires = "connect", conflicts_with = "server_key")]
    trust_unpinned: bool,

    /// What to show to a server that does not let everybody in, up to 256 bytes. With --plain everybody
    /// on the way can read it
    #[arg(long, requires = "connect", value_name = "TEXT", value_parser = protocol::ticket,
          allow_hyphen_values = true)]
    ticket: Option<String>,

    /// The admission token to show to a server with a --token-key, as `tickwire token` prints it
    #[arg(
        long,
        requires = "connect",
        conflicts_with = "ticket",
        value_name = "TOKEN"
    )]
    token: Option<Token>,
}

fn count(text: &str) -> Result<u64, String> {
    let count = text.parse().ok().filter(|count| *count > 0);
    count.ok_or_else(|| "a number of probes, at least 1".to_owned())
}

/// What is a number but out of its limits is told by [`refuse_size`].
fn size(text: &str) -> Result<usize, String> {
    let no_size = || format!("{PROBE_MIN} to {DATAGRAM_MAX} bytes make a probe");
    text.parse().map_err(|_| no_size())
}

/// Runs until all probes are settled or a signal comes, and fails if none was answered.
pub(crate) fn run(options: &Options) -> Result<(), CliError> {
    refuse_size(options.size, options.connect)?;
    refuse_timeout(options.timeout)?;
    refuse_connect_timeout(options.connect_timeout)?;
    refuse_too_many_in_flight(options.last(), options.timeout, options.every)?;
    options.refuse_unpinned_secret()?;
    let output = Output::new();
    let (socket, to) = open_towards(&options.address)?;
    if options.connect {
        ping_through_connection(options, socket, to, output)
    } else {
        ping_udp(options, socket, to, output)
    }
}

fn ping_udp(
    options: &Options,
    mut socket: Socket,
    to: SocketAddr,
    mut output: Output,
) -> Result<(), CliError> {
    let waker = socket.waker().map_err(CliError::cannot("wait"))?;
    let stop = StopSignal::on_signal(waker)?;
    options.announce(to, &mut output)?;
    options.ping(UdpTransport::new(socket, to), to, stop, output)
}

fn ping_through_connection(
    options: &Options,
    socket: Socket,
    to: SocketAddr,
    mut output: Output,
) -> Result<(), CliError> {
    let params = options.params();
    let mut host = connection::host(socket, &params)?;
    let waker = host.waker().map_err(CliError::cannot("wait"))?;
    let stop = StopSignal::on_signal(waker)?;
    options.announce(to, &mut output)?;
    let (connected, took) = ConnectionTransport::open(host, to, &params, &stop)?;
    let how = connected.how(&params);
    output.line(format_args!("connected in {} ms, {how}", Millis(took)))?;
    options.ping(connected, to, stop, output)
}

impl Options {
    /// The number of the last probe.
    fn last(&self) -> u64 {
        self.count.unwrap_or(u64::MAX)
    }

    fn params(&self) -> ConnectParams {
        ConnectParams {
            protocol_id: self.protocol_id,
            payload: self.payload(),
            server_key: self.server_key,
            trust_unpinned: self.trust_unpinned,
            is_plain: self.plain,
            timeout: self.connect_timeout,
        }
    }

    /// What lets somebody in is not for whoever answers.
    fn refuse_unpinned_secret(&self) -> Result<(), CliError> {
        let is_known = self.server_key.is_some() || self.trust_unpinned || self.plain;
        if is_known || self.payload().is_empty() {
            return Ok(());
        }
        Err(CliError::Usage(
            "whoever answers would read the ticket or the token: say with --server-key which server it is \
             for (`serve` prints its key), or --trust-unpinned"
                .into(),
        ))
    }

    /// What is shown to the server.
    fn payload(&self) -> Vec<u8> {
        let ticket = self.ticket.as_ref().map(String::as_bytes);
        let token = self.token.as_ref().map(|token| &token.0[..]);
        ticket.or(token).unwrap_or_default().to_vec()
    }

    /// The first line, before anything can take its time.
    fn announce(&self, to: SocketAddr, output: &mut Output) -> Result<(), CliError> {
        output.line(format_args!("ping {to}, {} bytes", self.size))?;
        output.flush()
    }

    fn ping(
        &self,
        transport: impl Transport,
        to: SocketAddr,
        stop: StopSignal,
        output: Output,
    ) -> Result<(), CliError> {
        let probes = Probes::of_size(self.size);
        let pinger = Pinger {
            transport,
            stop,
            output,
            pace: ProbePacing::of(self.every),
            session: Session::new(to, probes, self.timeout),
            last: self.last(),
            pause: self.timeout,
            late_sends: LateSends::default(),
        };
        pinger.run()
    }
}

fn refuse_size(size: usize, is_message: bool) -> Result<(), CliError> {
    let (max, whole) = if is_message {
        // A longer one is cut, and its round trip is that of several packets.
        (WHOLE_MAX, "one packet of a connection")
    } else {
        (DATAGRAM_MAX, "a datagram")
    };
    if size > max {
        return Err(CliError::Usage(format!(
            "--size is {size} bytes, at most {max} fit into {whole}"
        )));
    }
    if size < PROBE_MIN {
        return Err(CliError::Usage(format!(
            "--size is {size} bytes, at least {PROBE_MIN} are needed: \
             eight for the number of the run, eight for that of the probe"
        )));
    }
    Ok(())
}

fn refuse_connect_timeout(timeout: Duration) -> Result<(), CliError> {
    if (Duration::from_millis(1)..=TIMEOUT_MAX).contains(&timeout) {
        return Ok(());
    }
    let (given, max) = (format_duration(timeout), format_duration(TIMEOUT_MAX));
    Err(CliError::Usage(format!(
        "--connect-timeout is {given}, it can be 1ms to {max}"
    )))
}

fn refuse_timeout(timeout: Duration) -> Result<(), CliError> {
    if timeout.is_zero() {
        return Err(CliError::Usage(
            "--timeout is zero, and no answer comes that fast".into(),
        ));
    }
    if timeout > RTT_MAX {
        let (given, max) = (format_duration(timeout), format_duration(RTT_MAX));
        return Err(CliError::Usage(format!(
            "--timeout is {given}, at most {max} can be waited for an answer"
        )));
    }
    Ok(())
}

/// Probes that nobody answers are under way for the whole timeout, and there is room for so many.
fn refuse_too_many_in_flight(
    count: u64,
    timeout: Duration,
    every: Duration,
) -> Result<(), CliError> {
    // With a step of zero there is one at a time, and no division by zero.
    let under_way = timeout
        .as_nanos()
        .checked_div(every.as_nanos())
        .unwrap_or(1);
    if under_way.min(count.into()) <= IN_FLIGHT_MAX as u128 {
        return Ok(());
    }
    let (timeout, every) = (format_duration(timeout), format_duration(every));
    Err(CliError::Usage(format!(
        "a probe every {every} with a timeout of {timeout} is more than the {IN_FLIGHT_MAX} \
         that can be under way at once: choose a longer --every or a shorter --timeout"
    )))
}

/// As `address::open_towards`. Sent to "any address" a datagram goes to this machine itself, and its
/// answer comes from the address that it has for that: whoever pings where a listener says that it
/// listens (`0.0.0.0:10080`) means that one.
fn open_towards(text: &str) -> Result<(Socket, SocketAddr), CliError> {
    let (socket, to) = address::open_towards(text)?;
    if to.ip().is_unspecified() {
        return Ok((socket, address::loopback(to)));
    }
    Ok((socket, to))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn text_of(refused: Result<(), CliError>) -> String {
        match refused {
            Err(CliError::Usage(text)) => text,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_size_is_16_to_1024_bytes() {
        for size in [16, 17, 64, 1024] {
            assert_eq!(refuse_size(size, false), Ok(()));
        }
        for size in [0, 15] {
            assert!(text_of(refuse_size(size, false)).contains("at least 16 are needed"));
        }
        let text = "--size is 1025 bytes, at most 1024 fit into a datagram";
        assert_eq!(text_of(refuse_size(1025, false)), text);
    }

    #[test]
    fn a_message_has_room_for_less_than_a_datagram() {
        assert_eq!(refuse_size(992, true), Ok(()));
        let text = "--size is 993 bytes, at most 992 fit into one packet of a connection";
        assert_eq!(text_of(refuse_size(993, true)), text);
    }

    #[test]
    fn to_connect_takes_a_millisecond_to_an_hour() {
        for timeout in [MS, TIMEOUT_MAX] {
            assert_eq!(refuse_connect_timeout(timeout), Ok(()));
        }
        let text = "--connect-timeout is 0s, it can be 1ms to 1h";
        assert_eq!(text_of(refuse_connect_timeout(Duration::ZERO)), text);
        assert!(refuse_connect_timeout(TIMEOUT_MAX + MS).is_err());
    }

    #[test]
    fn a_timeout_is_more_than_nothing_and_at_most_an_hour() {
        assert_eq!(refuse_timeout(RTT_MAX), Ok(()));
        assert_eq!(refuse_timeout(Duration::from_nanos(1)), Ok(()));
        assert!(text_of(refuse_timeout(Duration::ZERO)).contains("is zero"));
        let text = text_of(refuse_timeout(RTT_MAX + MS));
        assert!(text.contains("at most 1h can be waited"), "{text}");
    }

    #[test]
    fn as_many_are_under_way_as_there_is_room_for() {
        let timeout = 32_768 * MS;
        let (some, endless) = (32_768, u64::MAX);
        assert_eq!(refuse_too_many_in_flight(endless, timeout, MS), Ok(()));
        assert_eq!(
            refuse_too_many_in_flight(endless, timeout, Duration::ZERO),
            Ok(())
        );
        assert_eq!(
            refuse_too_many_in_flight(endless, MS, Duration::MAX),
            Ok(())
        );
        assert_eq!(refuse_too_many_in_flight(some, timeout + MS, MS), Ok(()));
        let text = text_of(refuse_too_many_in_flight(some + 1, timeout + MS, MS));
        assert!(text.starts_with("a probe every 1ms with a timeout of 32s 769ms is more than"));
    }
}
