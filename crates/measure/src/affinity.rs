//! Pins threads to processors. Waking a thread on another processor takes five times as long as on
//! the same one, so without pinning a ratio would compare placements of the scheduler.
//!
//! Two processors can be hardware threads of one core, where a spinning loop slows the other thread
//! down. Client and server therefore get processors of different cores if the machine has them.

use std::io;

#[cfg(target_os = "linux")]
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
#[cfg(target_os = "linux")]
use nix::unistd::Pid;
use serde::Serialize;

/// The processors of client and server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Affinity {
    /// One processor each, of different cores if possible.
    Apart,
    /// One processor for both.
    Together,
    /// The scheduler's choice, which may change during a round.
    Free,
}

/// The thread that is pinned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The side that sends requests.
    Client,
    /// The side that sends replies.
    Server,
}

impl Affinity {
    /// The default for this number of processors.
    #[must_use]
    pub fn best(processors: usize) -> Self {
        match processors {
            _ if cfg!(not(target_os = "linux")) => Self::Free,
            0..=1 => Self::Together,
            _ => Self::Apart,
        }
    }

    /// Pins the calling thread, and threads it starts while pinned, to the processor of `role`.
    ///
    /// # Errors
    ///
    /// The system rejects the request, or cannot pin threads.
    pub fn pin(self, role: Role) -> io::Result<Pinned> {
        match self {
            Self::Free => Ok(Pinned::default()),
            Self::Together => Pinned::to(Role::Client),
            Self::Apart => Pinned::to(role),
        }
    }
}

/// A pinned thread. Dropping it restores the previous set of processors.
#[derive(Debug, Default)]
#[must_use = "the thread is pinned as long as this is in scope"]
pub struct Pinned {
    #[cfg(target_os = "linux")]
    before: Option<CpuSet>,
}

/// The id of the calling thread in `sched_setaffinity(2)`.
#[cfg(target_os = "linux")]
const THIS_THREAD: Pid = Pid::from_raw(0);

#[cfg(target_os = "linux")]
impl Pinned {
    fn to(role: Role) -> io::Result<Self> {
        let before = sched_getaffinity(THIS_THREAD)?;
        let allowed = |processor: &usize| before.is_set(*processor).unwrap_or(false);
        let processors: Vec<usize> = (0..CpuSet::count()).filter(allowed).collect();
        let (client, server) = two_of(&processors, siblings).ok_or(io::ErrorKind::Unsupported)?;
        let mut only = CpuSet::new();
        only.set(if role == Role::Client { client } else { server })?;
        sched_setaffinity(THIS_THREAD, &only)?;
        Ok(Self {
            before: Some(before),
        })
    }
}

#[cfg(target_os = "linux")]
impl Drop for Pinned {
    fn drop(&mut self) {
        if let Some(before) = &self.before {
            // Restoring a previously valid set cannot fail in practice.
            let _ = sched_setaffinity(THIS_THREAD, before);
        }
    }
}

#[cfg(not(target_os = "linux"))]
impl Pinned {
    fn to(_role: Role) -> io::Result<Self> {
        let text = "this system does not pin threads; --affinity free leaves them to the system";
        Err(io::Error::new(io::ErrorKind::Unsupported, text))
    }
}

/// The first processor and another one: of another core if possible, otherwise of the same core.
#[cfg(target_os = "linux")]
fn two_of(processors: &[usize], siblings: impl Fn(usize) -> Vec<usize>) -> Option<(usize, usize)> {
    let (client, others) = processors.split_first()?;
    let siblings = siblings(*client);
    let of_another_core = others.iter().find(|other| !siblings.contains(other));
    let server = of_another_core.or(others.first()).unwrap_or(client);
    Some((*client, *server))
}

/// The hardware threads of the core of this processor. Empty if the system does not report them.
#[cfg(target_os = "linux")]
fn siblings(processor: usize) -> Vec<usize> {
    let path = format!("/sys/devices/system/cpu/cpu{processor}/topology/thread_siblings_list");
    std::fs::read_to_string(path).map_or_else(|_| Vec::new(), |list| parse(&list))
}

/// Parses the kernel's format: `0,4` or `0-1`.
#[cfg(target_os = "linux")]
fn parse(list: &str) -> Vec<usize> {
    let ranges = list.trim().split(',').filter_map(|range| {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        Some(first.parse::<usize>().ok()?..=last.parse().ok()?)
    });
    ranges.flatten().collect()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn two_threads_of_a_core_are_used_only_if_there_is_one_core() {
        // The two common numberings: 0 and 1 are one core, or 0 and 2 are.
        let neighbours = |processor: usize| vec![processor & !1, processor | 1];
        let halves = |processor: usize| vec![processor % 2, processor % 2 + 2];
        let nothing_known = |_| Vec::new();
        assert_eq!(two_of(&[0, 1, 2, 3], neighbours), Some((0, 2)));
        assert_eq!(two_of(&[0, 1, 2, 3], halves), Some((0, 1)));
        assert_eq!(two_of(&[1, 2, 3], neighbours), Some((1, 2)));
        assert_eq!(two_of(&[0, 1], neighbours), Some((0, 1)));
        assert_eq!(two_of(&[5, 7], nothing_known), Some((5, 7)));
        assert_eq!(two_of(&[3], neighbours), Some((3, 3)));
        assert_eq!(two_of(&[], neighbours), None);
    }

    #[test]
    fn parses_the_lists_of_the_kernel() {
        assert_eq!(parse("0\n"), [0]);
        assert_eq!(parse("0,4\n"), [0, 4]);
        assert_eq!(parse("0-1,8-9\n"), [0, 1, 8, 9]);
        assert_eq!(parse(""), [0; 0]);
    }
}
