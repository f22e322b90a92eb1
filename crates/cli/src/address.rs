//! Addresses as people write them, and what can be wrong with one.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs, UdpSocket};

use tickwire::{Socket, SocketConfig};

use crate::failure::Failure;
use crate::text::{Shown, Style};

/// Where `listen` listens and `send` sends to, unless told otherwise.
pub(crate) const DEFAULT: &str = "127.0.0.1:10080";

const EXPECTED: &str = "expected a host and a port, \
                        such as 127.0.0.1:10080, [::1]:10080 or localhost:10080";

/// The socket addresses that `text` stands for, at least one, IPv4 first: a name that has both is
/// most often served on IPv4, and then also where IPv6 is broken.
pub(crate) fn resolve(text: &str) -> Result<Vec<SocketAddr>, Failure> {
    if let Ok(addr) = text.parse() {
        return Ok(vec![addr]);
    }
    let (host, port) = split(text).map_err(|what| bad(text, what))?;
    let found = (host, port)
        .to_socket_addrs()
        .map_err(|error| bad(text, &format!("the host is not found ({error})")))?;
    let mut addrs: Vec<SocketAddr> = found.collect();
    addrs.sort_by_key(SocketAddr::is_ipv6);
    addrs.dedup();
    if addrs.is_empty() {
        return Err(bad(text, "the host has no address"));
    }
    Ok(addrs)
}

fn bad(text: &str, what: &str) -> Failure {
    // Escaped, so that whatever was typed or pasted, the error stays one line.
    let shown = Shown(text.as_bytes(), Style::Text);
    Failure::Usage(format!("address \"{shown}\": {what}; {EXPECTED}"))
}

/// Host and port, or what is wrong.
fn split(text: &str) -> Result<(&str, u16), &'static str> {
    refuse_bare_ipv6(text)?;
    // The last colon of `[::1]` is one of the address.
    let (host, port) = match text.rsplit_once(':') {
        Some(parts) if !text.ends_with(']') => parts,
        _ => return Err("there is no port"),
    };
    refuse_bare_ipv6(host)?;
    let host = without_brackets(host)?;
    if host.is_empty() {
        return Err("there is no host");
    }
    let port = port.parse().map_err(|_| "the port is not 0 to 65535")?;
    Ok((host, port))
}

/// Without brackets nobody can say which colon the port comes after.
fn refuse_bare_ipv6(host: &str) -> Result<(), &'static str> {
    if host.parse::<Ipv6Addr>().is_err() {
        return Ok(());
    }
    Err("an IPv6 address stands in brackets, with the port behind them")
}

/// What has brackets and is no socket address as it stands names its interface: `[fe80::1%eth0]`.
fn without_brackets(host: &str) -> Result<&str, &'static str> {
    let inner = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
    match inner {
        Some(inner) if inner.contains(':') => Ok(inner),
        None if !host.contains([':', '[', ']']) => Ok(host),
        _ => Err("this is not a host"),
    }
}

/// Binds to the first address of `text` that this machine has.
pub(crate) fn bind(text: &str) -> Result<Socket, Failure> {
    let config = SocketConfig::default();
    first_that_binds(&resolve(text)?, |addr| {
        Ok(Socket::with_config(addr, &config)?)
    })
}

/// The address of `text` to send to, and a socket of its family that can.
///
/// Several are tried in their order: one whose family this machine does not speak, or that it knows
/// no way to, leaves it to the next.
pub(crate) fn open_towards(text: &str) -> Result<(Socket, SocketAddr), Failure> {
    let candidates = resolve(text)?;
    if candidates.iter().any(|addr| addr.port() == 0) {
        return Err(bad(text, "port 0 can be listened on, not sent to"));
    }
    let reachable = candidates.iter().find(|addr| has_route(**addr));
    // With a way to none of them the first is as good as any: sending to it says what is wrong.
    let to = *reachable.unwrap_or(&candidates[0]);
    let config = SocketConfig {
        // A sender hears a few answers. Asking for a large buffer would only make the library warn
        // where the system grants none.
        receive_buffer: None,
        ..SocketConfig::default()
    };
    let socket = first_that_binds(&[unspecified(to)], |addr| {
        Ok(Socket::with_config(addr, &config)?)
    })?;
    Ok((socket, to))
}

/// The first socket that `bind` makes. Only an address that this machine does not have leaves it to
/// the next one; one that is in use does not, because whoever asks for a port wants that port.
fn first_that_binds(
    candidates: &[SocketAddr],
    bind: impl Fn(SocketAddr) -> io::Result<Socket>,
) -> Result<Socket, Failure> {
    let mut first_failure = None;
    for addr in candidates {
        let error = match bind(*addr) {
            Ok(socket) => return Ok(socket),
            Err(error) => error,
        };
        let failure = bind_failure(*addr, &error);
        if !is_elsewhere(&error) {
            return Err(failure);
        }
        first_failure.get_or_insert(failure);
    }
    Err(first_failure.expect("there is at least one candidate"))
}

/// Whether the machine does not have this address or its family.
fn is_elsewhere(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::AddrNotAvailable | io::ErrorKind::Unsupported
    )
}

/// Whether the system knows a way to `to`. Connecting a UDP socket asks it, and sends nothing.
fn has_route(to: SocketAddr) -> bool {
    UdpSocket::bind(unspecified(to)).is_ok_and(|socket| socket.connect(to).is_ok())
}

/// Any address and any port, of the family of `to`.
fn unspecified(to: SocketAddr) -> SocketAddr {
    let ip = match to {
        SocketAddr::V4(_) => IpAddr::from(Ipv4Addr::UNSPECIFIED),
        SocketAddr::V6(_) => IpAddr::from(Ipv6Addr::UNSPECIFIED),
    };
    SocketAddr::new(ip, 0)
}

/// What is wrong with an address to bind to, and what to do.
fn bind_failure(addr: SocketAddr, error: &io::Error) -> Failure {
    let any_port = SocketAddr::new(addr.ip(), 0);
    let privileged = privileged_ports();
    let what = match error.kind() {
        io::ErrorKind::AddrInUse => format!(
            "another program has this address: end that one or choose another port; \
             {any_port} takes any that is free"
        ),
        io::ErrorKind::PermissionDenied if addr.port() < privileged => {
            format!("ports below {privileged} need privileges: choose {privileged} or above")
        }
        io::ErrorKind::AddrNotAvailable => {
            let (here, everywhere) = (local(addr), unspecified(addr).ip());
            let everywhere = SocketAddr::new(everywhere, addr.port());
            format!(
                "this machine does not have this address: \
                 listen on {here} for itself alone, on {everywhere} for all its networks"
            )
        }
        io::ErrorKind::Unsupported => {
            let family = if addr.is_ipv4() { "IPv4" } else { "IPv6" };
            format!("this machine does not speak {family}: choose an address of the other family")
        }
        io::ErrorKind::InvalidInput if is_without_interface(addr) => format!(
            "a link-local address needs its interface, such as [{}%eth0]:{}",
            addr.ip(),
            addr.port()
        ),
        _ => system_answer(error),
    };
    Failure::Refused(format!("cannot bind {addr}: {what}"))
}

/// The answer of the operating system alone, without the address that the library puts before it.
fn system_answer(error: &io::Error) -> String {
    let source = error.get_ref().and_then(|error| error.source());
    source.map_or_else(|| error.to_string(), ToString::to_string)
}

/// Every interface has these addresses, so the address alone does not say which is meant
/// (RFC 4007 section 6).
fn is_without_interface(addr: SocketAddr) -> bool {
    matches!(addr, SocketAddr::V6(v6) if v6.ip().is_unicast_link_local() && v6.scope_id() == 0)
}

/// The loopback address of the family of `addr`, with its port.
pub(crate) fn local(addr: SocketAddr) -> SocketAddr {
    let ip = match addr {
        SocketAddr::V4(_) => IpAddr::from(Ipv4Addr::LOCALHOST),
        SocketAddr::V6(_) => IpAddr::from(Ipv6Addr::LOCALHOST),
    };
    SocketAddr::new(ip, addr.port())
}

/// The first port that needs no privileges. Linux lets its administrator move it (ip(7)).
fn privileged_ports() -> u16 {
    /// Where it always was: BSD's `IPPORT_RESERVED`.
    const RESERVED: u16 = 1024;
    std::fs::read_to_string("/proc/sys/net/ipv4/ip_unprivileged_port_start")
        .ok()
        .and_then(|text| text.trim().parse().ok())
        .unwrap_or(RESERVED)
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    reason = "in a test that is a failure as good as any"
)]
mod tests {
    use super::*;

    fn text_of(failure: Failure) -> String {
        match failure {
            Failure::Usage(text) | Failure::Refused(text) => text,
            Failure::OutputClosed => panic!("no output here"),
        }
    }

    #[test]
    fn an_address_is_taken_as_it_is() {
        for text in ["127.0.0.1:10080", "[::1]:10080", "0.0.0.0:0", "[::]:65535"] {
            assert_eq!(resolve(text), Ok(vec![text.parse().unwrap()]));
        }
    }

    #[test]
    fn an_ipv6_address_may_name_its_interface() {
        assert_eq!(split("[fe80::1%eth0]:7"), Ok(("fe80::1%eth0", 7)));
    }

    #[test]
    fn localhost_is_ipv4_first() {
        let addrs = resolve("localhost:7").unwrap();
        assert_eq!(addrs[0], "127.0.0.1:7".parse().unwrap());
    }

    #[test]
    fn a_bad_address_says_what_is_wrong_and_what_is_expected() {
        let no_port = "there is no port";
        let not_a_port = "the port is not 0 to 65535";
        let no_host = "there is no host";
        let brackets = "an IPv6 address stands in brackets, with the port behind them";
        let not_a_host = "this is not a host";
        let cases = [
            ("nonsense", no_port),
            ("", no_port),
            ("127.0.0.1", no_port),
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
            assert_eq!(resolve(text), Err(Failure::Usage(wanted)));
        }
    }

    #[test]
    fn what_was_typed_is_shown_in_one_line() {
        let failure = resolve("a\nb\x1b[2J").unwrap_err();
        assert!(text_of(failure).starts_with(r#"address "a\nb\x1b[2J": "#));
    }

    #[test]
    fn an_error_of_the_system_says_what_to_do() {
        let text = |addr: &str, kind: io::ErrorKind| {
            text_of(bind_failure(addr.parse().unwrap(), &kind.into()))
        };
        let in_use = text("127.0.0.1:10080", io::ErrorKind::AddrInUse);
        assert!(in_use.contains("choose another port; 127.0.0.1:0 takes any"));
        let elsewhere = text("192.0.2.1:7", io::ErrorKind::AddrNotAvailable);
        assert!(elsewhere.contains("on 127.0.0.1:7 for itself alone, on 0.0.0.0:7 for all"));
        let elsewhere = text("[2001:db8::1]:7", io::ErrorKind::AddrNotAvailable);
        assert!(elsewhere.contains("on [::1]:7 for itself alone, on [::]:7 for all"));
        let link_local = text("[fe80::1]:7", io::ErrorKind::InvalidInput);
        assert!(link_local.ends_with("needs its interface, such as [fe80::1%eth0]:7"));
        let forbidden = text("127.0.0.1:65535", io::ErrorKind::PermissionDenied);
        assert!(forbidden.starts_with("cannot bind 127.0.0.1:65535: permission denied"));
    }

    #[test]
    fn the_next_address_is_tried_only_if_the_machine_does_not_have_the_first() {
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
        let failure = bind(io::ErrorKind::AddrInUse).unwrap_err();
        assert!(text_of(failure).starts_with("cannot bind 127.0.0.2:0: another program"));
    }
}
