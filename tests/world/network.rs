//! Who is where, and the links between them, one for each direction.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Instant;

use tickwire::sim::Link;
use tickwire::sim::LinkConditions;

/// What travels with a datagram: where it seems to come from, and where it goes.
type Way = (SocketAddr, SocketAddr);

/// See the [module](self). A link belongs to two hosts and not to two addresses: a host that moves
/// keeps its line.
pub(crate) struct Network {
    seed: u64,
    places: BTreeMap<SocketAddr, usize>,
    links: BTreeMap<(usize, usize), Link<Way>>,
}

impl Network {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            seed,
            places: BTreeMap::new(),
            links: BTreeMap::new(),
        }
    }

    /// The address leads to this host.
    pub(crate) fn place(&mut self, address: SocketAddr, host: usize) {
        self.places.insert(address, host);
    }

    /// The address leads nowhere.
    pub(crate) fn vacate(&mut self, address: SocketAddr) {
        self.places.remove(&address);
    }

    pub(crate) fn conditions(&mut self, from: usize, to: usize) -> LinkConditions {
        self.link(from, to).conditions().clone()
    }

    /// A partition takes what is on its way with it.
    pub(crate) fn set_conditions(&mut self, from: usize, to: usize, conditions: &LinkConditions) {
        let link = self.link(from, to);
        link.set_conditions(conditions.clone()).unwrap();
        if conditions.partitioned {
            link.discard_in_flight();
        }
    }

    fn link(&mut self, from: usize, to: usize) -> &mut Link<Way> {
        let seed = self.seed ^ ((from as u64) << 32) ^ ((to as u64) << 48);
        self.links
            .entry((from, to))
            .or_insert_with(|| Link::new(LinkConditions::default(), seed).unwrap())
    }

    /// Where nobody is nothing arrives.
    pub(crate) fn send(
        &mut self,
        host: usize,
        from: SocketAddr,
        to: SocketAddr,
        bytes: &[u8],
        now: Instant,
    ) {
        if let Some(there) = self.places.get(&to).copied() {
            self.link(host, there).send((from, to), bytes, now);
        }
    }

    pub(crate) fn next_time(&self) -> Option<Instant> {
        self.links.values().filter_map(Link::next_deadline).min()
    }

    /// The next datagram that arrives by `now`: where it seems to come from, at which host.
    pub(crate) fn poll(&mut self, now: Instant) -> Option<(SocketAddr, usize, Vec<u8>)> {
        for link in self.links.values_mut() {
            while let Some(((from, to), bytes)) = link.poll(now) {
                // Its host may have moved while it was on its way.
                if let Some(host) = self.places.get(&to) {
                    return Some((from, *host, bytes.to_vec()));
                }
            }
        }
        None
    }
}
