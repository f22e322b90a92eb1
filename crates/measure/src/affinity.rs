//! Which processor a thread runs on. Waking a thread of another processor takes five times as long as waking one of
//! the same, and the system places the two as it likes: without this a ratio would compare placements.
//!
//! Two processors can be two threads of one core, which share what it can do: a loop that spins on one slows the other
//! one down, as no other machine would. So two of different cores are taken where there are such.

use std::io;

#[cfg(target_os = "linux")]
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
#[cfg(target_os = "linux")]
use nix::unistd::Pid;
use serde::Serialize;

/// Which processors client and server have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Affinity {
    /// One each, as two machines have: of two cores, where there are.
    Apart,
    /// One for both.
    Together,
    /// Whatever the system gives them, which may change during a round.
    Free,
}

/// Whose thread is pinned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The side that asks.
    Client,
    /// The side that answers.
    Server,
}

impl Affinity {
    /// The default for a machine with so many processors.
    #[must_use]
    pub fn best(processors: usize) -> Self {
        match processors {
            _ if cfg!(not(target_os = "linux")) => Self::Free,
            0..=1 => Self::Together,
            _ => Self::Apart,
        }
    }

    /// Pins the calling thread, and the threads that it starts meanwhile, to the processor of `role`.
    ///
    /// # Errors
    ///
    /// The system refuses, or cannot pin threads at all.
    pub fn pin(self, role: Role) -> io::Result<Pinned> {
        match self {
            Self::Free => Ok(Pinned::default()),
            Self::Together => Pinned::to(Role::Client),
            Self::Apart => Pinned::to(role),
        }
    }
}

/// A pinned thread. Going out of scope, it lets the thread run where it could before.
#[derive(Debug, Default)]
#[must_use = "the thread is pinned as long as this is in scope"]
pub struct Pinned {
    #[cfg(target_os = "linux")]
    before: Option<CpuSet>,
}

/// What `sched_setaffinity(2)` calls the calling thread.
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
            // The system allowed it before, and a thread that stays pinned does no harm to what it measured.
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

/// The first processor and one of another core; failing that any other, and failing that the same.
#[cfg(target_os = "linux")]
fn two_of(processors: &[usize], siblings: impl Fn(usize) -> Vec<usize>) -> Option<(usize, usize)> {
    let (client, others) = processors.split_first()?;
    let siblings = siblings(*client);
    let of_another_core = others.iter().find(|other| !siblings.contains(other));
    let server = of_another_core.or(others.first()).unwrap_or(client);
    Some((*client, *server))
}

/// The threads of the core of this processor. Empty where the system does not report them.
#[cfg(target_os = "linux")]
fn siblings(processor: usize) -> Vec<usize> {
    let path = format!("/sys/devices/system/cpu/cpu{processor}/topology/thread_siblings_list");
    std::fs::read_to_string(path).map_or_else(|_| Vec::new(), |list| parse(&list))
}

/// `0,4` or `0-1`, as the kernel writes it.
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
    fn two_threads_of_a_core_are_taken_only_if_there_is_no_other() {
        // As many machines count: 0 and 1 are one core, or 0 and 2 are.
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
    fn a_list_of_the_kernel_is_read() {
        assert_eq!(parse("0\n"), [0]);
        assert_eq!(parse("0,4\n"), [0, 4]);
        assert_eq!(parse("0-1,8-9\n"), [0, 1, 8, 9]);
        assert_eq!(parse(""), [0; 0]);
    }
}
