//! Parses and resolves addresses, and binds sockets.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs, UdpSocket};

use tickwire::{Socket, SocketConfig};

use crate::error::CliError;
use crate::escape::{ByteFormat, FormattedBytes};

pub(crate) const DEFAULT: &str = "127.0.0.1:10080";

pub(crate) const LISTEN_HELP: &str = "\
Address to listen on: a host and a port, or a port alone for 127.0.0.1. Port 0 takes any free port. The host \
0.0.0.0 listens on all IPv4 addresses of this machine, [::] on all IPv4 and IPv6 addresses";

const EXPECTED: &str = "expected a host and a port, such as 127.0.0.1:10080, [::1]:10080 or \
                        localhost:10080, or a port alone for 127.0.0.1";

/// The socket addresses of `text`, at least one. IPv4 comes first, because IPv6 may be broken.
pub(crate) fn resolve(text: &str) -> Result<Vec<SocketAddr>, CliError> {
    if let Ok(addr) = text.parse() {
        return Ok(vec![addr]);
    }
    // Escaped, so that the error is one line.
    let shown = FormattedBytes(text.as_bytes(), ByteFormat::Text);
    let unresolved = |why: &str| {
        CliError::Runtime(format!(
            "address \"{shown}\": cannot resolve the host ({why}); check the name, or use an IP address"
        ))
    };
    let parts = split(text)
        .map_err(|what| CliError::Usage(format!("address \"{shown}\": {what}; {EXPECTED}")))?;
    let found = parts.to_socket_addrs();
    let mut addrs: Vec<SocketAddr> = found
        .map_err(|error| unresolved(&error.to_string()))?
        .collect();
    addrs.sort_by_key(SocketAddr::is_ipv6);
    addrs.dedup();
    if addrs.is_empty() {
        return Err(unresolved("it has no address"));
    }
    Ok(addrs)
}

/// Splits a host and a port, or returns what is wrong. A port alone is a port of 127.0.0.1.
fn split(text: &str) -> Result<(&str, u16), &'static str> {
    // Without brackets, it is ambiguous which colon precedes the port.
    const BARE_IPV6: &str = "an IPv6 address needs brackets before the port";
    let is_ipv6 = |host: &str| host.parse::<Ipv6Addr>().is_ok();
    if is_ipv6(text) {
        return Err(BARE_IPV6);
    }
    let (host, port) = match text.rsplit_once(':') {
        // The last colon of `[::1]` is part of the address.
        Some(parts) if !text.ends_with(']') => parts,
        None if text.parse::<u64>().is_ok() => ("127.0.0.1", text),
        _ => return Err("the port is missing"),
    };
    // An address in brackets with an interface: `[fe80::1%eth0]`. `SocketAddr` parses the others.
    let in_brackets = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
    let host = match in_brackets {
        Some(inner) if inner.contains(':') => inner,
        None if is_ipv6(host) => return Err(BARE_IPV6),
        None if host.is_empty() => return Err("the host is missing"),
        None if !host.contains([':', '[', ']']) => host,
        _ => return Err("the host is neither a name nor an IP address"),
    };
    let port = port
        .parse()
        .map_err(|_| "the port is not a number from 0 to 65535")?;
    Ok((host, port))
}

/// Binds to the first address of `text` that this machine has.
pub(crate) fn bind(text: &str) -> Result<Socket, CliError> {
    let config = SocketConfig::default();
    first_that_binds(&resolve(text)?, |addr| {
        Ok(Socket::with_config(addr, &config)?)
    })
}

/// The first address of `text` that has a route, and a socket of its family.
pub(crate) fn open_towards(text: &str) -> Result<(Socket, SocketAddr), CliError> {
    let candidates = resolve(text)?;
    if candidates.iter().any(|addr| addr.port() == 0) {
        return Err(CliError::usage(
            "cannot send to port 0: choose the port of the receiver, 1 to 65535",
        ));
    }
    // Connecting a UDP socket looks up the route without sending.
    let has_route = |to: &&SocketAddr| {
        UdpSocket::bind(unspecified(**to)).is_ok_and(|socket| socket.connect(**to).is_ok())
    };
    // Without any route, sending to the first one reports the error.
    let to = *candidates.iter().find(has_route).unwrap_or(&candidates[0]);
    let config = SocketConfig {
        // A client receives little, and a smaller buffer than requested would cause a warning.
        receive_buffer: None,
        ..SocketConfig::default()
    };
    let socket = first_that_binds(&[unspecified(to)], |addr| {
        Ok(Socket::with_config(addr, &config)?)
    })?;
    Ok((socket, to))
}

/// The first socket that `bind` creates. Tries the next address only if this machine does not have
/// the previous one.
fn first_that_binds(
    candidates: &[SocketAddr],
    bind: impl Fn(SocketAddr) -> io::Result<Socket>,
) -> Result<Socket, CliError> {
    let mut first_error = None;
    for addr in candidates {
        let error = match bind(*addr) {
            Ok(socket) => return Ok(socket),
            Err(error) => error,
        };
        // `Unsupported`: the address family.
        let is_unavailable = matches!(
            error.kind(),
            io::ErrorKind::AddrNotAvailable | io::ErrorKind::Unsupported
        );
        let error = bind_error(*addr, &error);
        if !is_unavailable {
            return Err(error);
        }
        first_error.get_or_insert(error);
    }
    Err(first_error.expect("there is at least one candidate"))
}

/// Any address and any port, of the family of `to`.
fn unspecified(to: SocketAddr) -> SocketAddr {
    match to {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    }
}

/// The loopback address of the family of `addr`, with its port.
pub(crate) fn loopback(addr: SocketAddr) -> SocketAddr {
    let ip = match addr {
        SocketAddr::V4(_) => IpAddr::from(Ipv4Addr::LOCALHOST),
        SocketAddr::V6(_) => IpAddr::from(Ipv6Addr::LOCALHOST),
    };
    SocketAddr::new(ip, addr.port())
}

fn bind_error(addr: SocketAddr, error: &io::Error) -> CliError {
    /// BSD's `IPPORT_RESERVED`, and the default on Linux.
    const FIRST_UNPRIVILEGED: u16 = 1024;
    let (ip, port) = (addr.ip(), addr.port());
    let what = match error.kind() {
        io::ErrorKind::AddrInUse => {
            let any_port = SocketAddr::new(ip, 0);
            format!(
                "another program uses this address: end it or choose another port; {any_port} takes \
                 any free port"
            )
        }
        io::ErrorKind::PermissionDenied if port < FIRST_UNPRIVILEGED => format!(
            "ports below {FIRST_UNPRIVILEGED} need privileges: choose {FIRST_UNPRIVILEGED} or above"
        ),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        io::ErrorKind::AddrNotAvailable => {
            let all = SocketAddr::new(unspecified(addr).ip(), port);
            format!(
                "this machine does not have this address: listen on {} for this machine only, or on \
                 {all} for all its networks",
                loopback(addr)
            )
        }
        io::ErrorKind::Unsupported => {
            let family = if addr.is_ipv4() { "IPv4" } else { "IPv6" };
            format!("this machine does not support {family}: choose an address of the other family")
        }
        io::ErrorKind::InvalidInput if is_without_interface(addr) => {
            format!("a link-local address needs an interface, such as [{ip}%eth0]:{port}")
        }
        _ => system_error(error),
    };
    CliError::Runtime(format!("cannot bind {addr}: {what}"))
}

/// The error of the system, without the address that the library puts before it.
fn system_error(error: &io::Error) -> String {
    let source = error.get_ref().and_then(|error| error.source());
    source.map_or_else(|| error.to_string(), ToString::to_string)
}

/// Every interface has link-local addresses, so the address is ambiguous (RFC 4007 section 6).
fn is_without_interface(addr: SocketAddr) -> bool {
    matches!(addr, SocketAddr::V6(v6) if v6.ip().is_unicast_link_local() && v6.scope_id() == 0)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a panic fails the test")]
mod tests {
    use super::*;

    fn text_of(error: CliError) -> String {
        match error {
            CliError::Usage(text) | CliError::Runtime(text) => text,
            CliError::OutputClosed => panic!("nothing is written"),
        }
    }

    #[test]
    fn resolves_a_socket_address_to_itself() {
        for text in ["127.0.0.1:10080", "[::1]:10080", "0.0.0.0:0", "[::]:65535"] {
            assert_eq!(resolve(text), Ok(vec![text.parse().unwrap()]));
        }
    }

    #[test]
    fn splits_an_ipv6_address_with_its_interface() {
        assert_eq!(split("[fe80::1%eth0]:7"), Ok(("fe80::1%eth0", 7)));
    }

    #[test]
    fn resolves_a_bare_port_to_loopback() {
        for text in ["10080", "0"] {
            let addr = format!("127.0.0.1:{text}").parse().unwrap();
            assert_eq!(resolve(text), Ok(vec![addr]));
        }
    }

    #[test]
    fn resolves_localhost_to_ipv4_first() {
        let addrs = resolve("localhost:7").unwrap();
        assert_eq!(addrs[0], "127.0.0.1:7".parse().unwrap());
    }

    #[test]
    fn rejects_invalid_addresses_with_the_expected_form() {
        let no_port = "the port is missing";
        let not_a_port = "the port is not a number from 0 to 65535";
        let no_host = "the host is missing";
        let brackets = "an IPv6 address needs brackets before the port";
        let not_a_host = "the host is neither a name nor an IP address";
        let cases = [
            ("nonsense", no_port),
            ("", no_port),
            ("127.0.0.1", no_port),
            ("70000", not_a_port),
            ("localhost:", not_a_port),
            ("localhost:http", not_a_port),
            ("localhost:65536", not_a_port),
            ("localhost:-1", not_a_port),
            (":10080", no_host),
            (":::", brackets),
            ("::1", brackets),
            ("::1:10080", brackets),
            ("1:2:3", not_a_host),
            ("[::1", not_a_host),
            ("[::1]", no_port),
            ("[localhost]", no_port),
            ("[localhost]:7", not_a_host),
            ("[]:7", not_a_host),
        ];
        for (text, what) in cases {
            let wanted = format!("address \"{text}\": {what}; {EXPECTED}");
            assert_eq!(resolve(text), Err(CliError::Usage(wanted)));
        }
    }

    #[test]
    fn an_unknown_host_is_reported_in_one_line() {
        // A label has at most 63 bytes (RFC 1035), so this name cannot exist.
        let host = "a".repeat(64);
        let error = resolve(&format!("{host}:7")).unwrap_err();
        assert!(matches!(error, CliError::Runtime(_)), "{error:?}");
        let text = text_of(error);
        let begin = format!("address \"{host}:7\": cannot resolve the host (");
        assert!(text.starts_with(&begin), "{text}");
        let text = text_of(resolve("a\nb\x1b[2J").unwrap_err());
        assert!(text.starts_with(r#"address "a\nb\x1b[2J": "#), "{text}");
    }

    #[test]
    fn bind_errors_state_what_to_do() {
        let text = |addr: &str, kind: io::ErrorKind| {
            text_of(bind_error(addr.parse().unwrap(), &kind.into()))
        };
        let in_use = text("127.0.0.1:10080", io::ErrorKind::AddrInUse);
        assert!(in_use.contains("choose another port; 127.0.0.1:0 takes any"));
        let elsewhere = text("192.0.2.1:7", io::ErrorKind::AddrNotAvailable);
        assert!(
            elsewhere.contains("on 127.0.0.1:7 for this machine only, or on 0.0.0.0:7 for all")
        );
        let elsewhere = text("[2001:db8::1]:7", io::ErrorKind::AddrNotAvailable);
        assert!(elsewhere.contains("on [::1]:7 for this machine only, or on [::]:7 for all"));
        let link_local = text("[fe80::1]:7", io::ErrorKind::InvalidInput);
        assert!(link_local.ends_with("needs an interface, such as [fe80::1%eth0]:7"));
        let forbidden = text("127.0.0.1:65535", io::ErrorKind::PermissionDenied);
        assert!(forbidden.starts_with("cannot bind 127.0.0.1:65535: permission denied"));
    }

    #[test]
    fn tries_the_next_address_only_if_the_first_is_not_available() {
        let free: SocketAddr = "127.0.0.1:0".parse().unwrap();
        let first: SocketAddr = "127.0.0.2:0".parse().unwrap();
        let bind = |kind: io::ErrorKind| {
            first_that_binds(&[first, free], move |addr| {
                if addr == first {
                    return Err(kind.into());
                }
                Ok(Socket::bind(addr)?)
            })
        };
        let socket = bind(io::ErrorKind::AddrNotAvailable).unwrap();
        assert_eq!(socket.local_addr().ip(), free.ip());
        let error = bind(io::ErrorKind::AddrInUse).unwrap_err();
        assert!(text_of(error).starts_with("cannot bind 127.0.0.2:0: another program"));
    }
}
