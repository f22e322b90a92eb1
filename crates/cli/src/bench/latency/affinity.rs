//! Where client and server run. A thread that wakes another one takes five times as long if that one
//! is on another processor, and the system settles the two as it likes: left to it, a ratio would
//! compare places and not loops.
//!
//! Two processors can be two threads of one core, which share what it can do: a loop that spins on one
//! slows the other one down, as no other machine would. So two of different cores are taken where
//! there are such.

use std::io;

use serde::Serialize;

/// Which processors client and server have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Affinity {
    /// One each, as two machines have: of two cores, where there are.
    Apart,
    /// One for both.
    Together,
    /// What the system gives them, which may change in the middle.
    Free,
}

/// Whose place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Client,
    Server,
}

impl Affinity {
    /// What is measured unless something else is asked for.
    pub(super) fn best(processors: usize) -> Self {
        match processors {
            _ if cfg!(not(target_os = "linux")) => Self::Free,
            0..=1 => Self::Together,
            _ => Self::Apart,
        }
    }

    /// Moves the calling thread, and the threads that it starts from now on, to the place of `side`.
    pub(super) fn take(self, side: Side) -> io::Result<()> {
        match (self, side) {
            (Self::Free, _) => Ok(()),
            (Self::Together, _) => stay_on(Side::Client),
            (Self::Apart, side) => stay_on(side),
        }
    }
}

/// Keeps the calling thread on the processor of `side`.
#[cfg(target_os = "linux")]
fn stay_on(side: Side) -> io::Result<()> {
    use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
    use nix::unistd::Pid;

    /// What `sched_setaffinity(2)` calls the caller.
    const THIS_THREAD: Pid = Pid::from_raw(0);

    // Of the first thread, which is never moved: the caller may be somewhere already.
    let may_use = sched_getaffinity(Pid::this())?;
    let processors: Vec<usize> = (0..CpuSet::count())
        .filter(|processor| may_use.is_set(*processor).unwrap_or(false))
        .collect();
    let Some((client, server)) = linux::two_of(&processors, linux::siblings) else {
        return Err(io::ErrorKind::Unsupported.into());
    };
    let mut only = CpuSet::new();
    only.set(match side {
        Side::Client => client,
        Side::Server => server,
    })?;
    Ok(sched_setaffinity(THIS_THREAD, &only)?)
}

#[cfg(target_os = "linux")]
mod linux {
    use std::fs;

    /// The first one and one of another core; failing that any other, and failing that the same.
    pub(super) fn two_of(
        processors: &[usize],
        siblings: impl Fn(usize) -> Vec<usize>,
    ) -> Option<(usize, usize)> {
        let (client, others) = processors.split_first()?;
        let siblings = siblings(*client);
        let of_another_core = others.iter().find(|other| !siblings.contains(other));
        let server = of_another_core.or(others.first()).unwrap_or(client);
        Some((*client, *server))
    }

    /// The threads of the core of this processor. Where the system does not tell there is none.
    pub(super) fn siblings(processor: usize) -> Vec<usize> {
        let folder = format!("/sys/devices/system/cpu/cpu{processor}/topology");
        let list = fs::read_to_string(format!("{folder}/thread_siblings_list"));
        list.map_or_else(|_| Vec::new(), |list| parse(&list))
    }

    /// `0,4` or `0-1`, as the kernel writes it.
    fn parse(list: &str) -> Vec<usize> {
        let ranges = list.trim().split(',').filter_map(|range| {
            let (first, last) = range.split_once('-').unwrap_or((range, range));
            Some(first.parse::<usize>().ok()?..=last.parse().ok()?)
        });
        ranges.flatten().collect()
    }

    #[cfg(test)]
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
}

#[cfg(not(target_os = "linux"))]
fn stay_on(_side: Side) -> io::Result<()> {
    Err(io::Error::new(
        io::ErrorKind::Unsupported,
        "this system does not tell threads where to run; --affinity free leaves it to the system",
    ))
}
