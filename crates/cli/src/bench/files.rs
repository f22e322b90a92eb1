//! How many files, and so sockets, this process may have open.

use crate::error::CliError;

/// What is open besides the clients' sockets: standard streams, the server, polls, the result.
const OTHERS: usize = 64;

/// Raises the limit of this process if `clients` sockets need it, as far as the system lets it.
#[cfg(unix)]
pub(crate) fn allow(clients: usize) -> Result<(), CliError> {
    use nix::sys::resource::{Resource, getrlimit, rlim_t, setrlimit};

    let needed = rlim_t::try_from(clients + OTHERS).unwrap_or(rlim_t::MAX);
    let cannot =
        |error: nix::Error| CliError::cannot("raise the limit of open files")(error.into());
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).map_err(cannot)?;
    if soft >= needed {
        return Ok(());
    }
    if hard < needed {
        let fit = usize::try_from(hard).unwrap_or(0).saturating_sub(OTHERS);
        return Err(CliError::Runtime(too_many(clients, fit)));
    }
    setrlimit(Resource::RLIMIT_NOFILE, needed, hard).map_err(cannot)
}

/// Other systems have no limit that a program could raise.
#[cfg(not(unix))]
pub(crate) fn allow(_clients: usize) -> Result<(), CliError> {
    Ok(())
}

/// Raises the limit of this process and of those that it starts as far as the system lets it, and says
/// how many files of clients each of them may have open.
#[cfg(unix)]
pub(crate) fn raise() -> Result<usize, CliError> {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};

    let cannot =
        |error: nix::Error| CliError::cannot("raise the limit of open files")(error.into());
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).map_err(cannot)?;
    if soft < hard {
        setrlimit(Resource::RLIMIT_NOFILE, hard, hard).map_err(cannot)?;
    }
    let files = usize::try_from(hard).unwrap_or(usize::MAX);
    Ok(files.saturating_sub(OTHERS))
}

#[cfg(not(unix))]
pub(crate) fn raise() -> Result<usize, CliError> {
    Ok(usize::MAX - OTHERS)
}

#[cfg(unix)]
fn too_many(clients: usize, fit: usize) -> String {
    let needed = clients + OTHERS;
    format!(
        "{clients} clients have a socket each, and the limit of open files leaves room for {fit}: \
         ask for fewer with --clients, or raise the limit as root: ulimit -n {needed}"
    )
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_few_clients_always_fit() {
        assert_eq!(allow(1), Ok(()));
    }

    #[test]
    fn too_many_clients_are_told_with_two_ways_out() {
        let text = too_many(1000, 192);
        assert!(text.contains("1000 clients") && text.contains("room for 192"));
        assert!(text.contains("--clients") && text.ends_with("ulimit -n 1064"));
    }
}
