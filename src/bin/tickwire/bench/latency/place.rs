//! Where client and server run. A thread that wakes another one takes five times as long if that one
//! is on another processor, and the system settles the two as it likes: left to it, a ratio would
//! compare places and not loops.

use std::io;

use serde::Serialize;

/// Which processors client and server have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Place {
    /// One each, as two machines have.
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

impl Place {
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
            (Self::Together, _) | (Self::Apart, Side::Client) => stay_on(0),
            (Self::Apart, Side::Server) => stay_on(1),
        }
    }
}

/// Keeps the calling thread on one of the processors that this process may use: number `index` of
/// them, counted round if there are fewer.
#[cfg(target_os = "linux")]
fn stay_on(index: usize) -> io::Result<()> {
    use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
    use nix::unistd::Pid;

    /// What `sched_setaffinity(2)` calls the caller.
    const THIS_THREAD: Pid = Pid::from_raw(0);

    // Of the first thread, which is never moved: the caller may be somewhere already.
    let may_use = sched_getaffinity(Pid::this())?;
    let processors: Vec<usize> = (0..CpuSet::count())
        .filter(|processor| may_use.is_set(*processor).unwrap_or(false))
        .collect();
    let Some(processor) = processors.get(index % processors.len().max(1)) else {
        return Err(io::ErrorKind::Unsupported.into());
    };
    let mut only = CpuSet::new();
    only.set(*processor)?;
    Ok(sched_setaffinity(THIS_THREAD, &only)?)
}

#[cfg(not(target_os = "linux"))]
fn stay_on(_index: usize) -> io::Result<()> {
    Err(io::Error::new(
        io::ErrorKind::Unsupported,
        "this system does not tell threads where to run; --place free leaves it to the system",
    ))
}
