//! How many files, and so sockets, this process may have open: a game of 1,000 clients has as many.

use std::io;

use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// How many it may have open now, as far as the system tells.
pub(crate) fn allowed() -> usize {
    getrlimit(Resource::RLIMIT_NOFILE)
        .map_or(0, |(soft, _)| usize::try_from(soft).unwrap_or(usize::MAX))
}

/// As many as the system lets a process have.
pub(crate) fn allow_all() -> io::Result<()> {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard)?;
    Ok(())
}
