//! Which addresses a socket can reach, and the form in which it takes them.

use std::net::{IpAddr, SocketAddr, SocketAddrV6};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AddressFamily {
    V4,
    V6,
    /// IPv4 addresses are used as `::ffff:a.b.c.d` (RFC 4291 section 2.5.5.2).
    Dual,
    /// Bound to such a mapped address: reaches IPv4 only.
    Mapped,
}

impl AddressFamily {
    /// The family of a socket bound to `addr`; `only_v6` is its `IPV6_V6ONLY`.
    pub(super) fn of(addr: SocketAddr, only_v6: bool) -> Self {
        match addr.ip() {
            IpAddr::V4(_) => Self::V4,
            IpAddr::V6(ip) if ip.to_ipv4_mapped().is_some() => Self::Mapped,
            IpAddr::V6(ip) if ip.is_unspecified() && !only_v6 => Self::Dual,
            IpAddr::V6(_) => Self::V6,
        }
    }

    pub(super) fn reaches(self, to: SocketAddr) -> bool {
        match self {
            Self::V4 | Self::Mapped => to.is_ipv4(),
            Self::Dual => true,
            Self::V6 => to.is_ipv6(),
        }
    }

    pub(super) fn on_the_wire(self, to: SocketAddr) -> SocketAddr {
        match (self, to) {
            (Self::Dual | Self::Mapped, SocketAddr::V4(v4)) => {
                SocketAddrV6::new(v4.ip().to_ipv6_mapped(), v4.port(), 0, 0).into()
            }
            _ => to,
        }
    }
}

/// Converts a mapped IPv4 address to IPv4, so a peer has the same address on every socket.
#[inline]
pub(crate) fn canonical(from: SocketAddr) -> SocketAddr {
    match from {
        SocketAddr::V4(_) => from,
        SocketAddr::V6(v6) => match v6.ip().to_ipv4_mapped() {
            Some(v4) => (v4, v6.port()).into(),
            None => from,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn converts_only_mapped_addresses_to_ipv4() {
        let same = |text: &str, wanted: &str| {
            assert_eq!(canonical(text.parse().unwrap()), wanted.parse().unwrap());
        };
        same("[::ffff:10.1.2.3]:7", "10.1.2.3:7");
        same("10.1.2.3:7", "10.1.2.3:7");
        same("[::1]:7", "[::1]:7");
        // IPv4-compatible addresses (RFC 4291 section 2.5.5.1) are deprecated, and are not mapped
        // ones.
        same("[::10.1.2.3]:7", "[::10.1.2.3]:7");
    }

    #[test]
    fn reachability_depends_on_the_bound_address() {
        let family = |text: &str| AddressFamily::of(text.parse().unwrap(), false);
        assert_eq!(family("0.0.0.0:1"), AddressFamily::V4);
        assert_eq!(family("[::]:1"), AddressFamily::Dual);
        assert_eq!(family("[::1]:1"), AddressFamily::V6);
        assert_eq!(family("[::ffff:127.0.0.1]:1"), AddressFamily::Mapped);
        assert_eq!(
            AddressFamily::of("[::]:1".parse().unwrap(), true),
            AddressFamily::V6
        );

        let (v4, v6) = (
            "10.1.2.3:7".parse().unwrap(),
            "[2001:db8::1]:7".parse().unwrap(),
        );
        for (family, reaches_v4, reaches_v6) in [
            (AddressFamily::V4, true, false),
            (AddressFamily::V6, false, true),
            (AddressFamily::Dual, true, true),
            (AddressFamily::Mapped, true, false),
        ] {
            assert_eq!(
                (family.reaches(v4), family.reaches(v6)),
                (reaches_v4, reaches_v6)
            );
        }
    }

    #[test]
    fn only_a_dual_stack_socket_maps_ipv4() {
        let v4: SocketAddr = "10.1.2.3:7".parse().unwrap();
        let v6: SocketAddr = "[2001:db8::1]:7".parse().unwrap();
        assert_eq!(
            AddressFamily::Dual.on_the_wire(v4),
            "[::ffff:10.1.2.3]:7".parse().unwrap()
        );
        assert_eq!(AddressFamily::Dual.on_the_wire(v6), v6);
        assert_eq!(AddressFamily::V4.on_the_wire(v4), v4);
        assert_eq!(AddressFamily::V6.on_the_wire(v6), v6);
    }
}
