//! How many files, and so sockets, this process may have open: a game of 1,000 clients has as many.

use std::io;

use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// As many as the system lets a process have.
pub(crate) fn allow_all() -> io::Result<()> {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard)?;
    Ok(())
}
