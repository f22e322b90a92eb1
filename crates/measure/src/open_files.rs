//! The limit of open files, and so of sockets, of this process.

use std::io;

/// Open files that belong to no client: standard streams, the server, polls, the result.
const RESERVED: usize = 64;

/// Raises the limit as far as the system allows, and returns how many files clients may open.
///
/// # Errors
///
/// The system refuses to tell or to raise the limit.
#[cfg(unix)]
pub fn raise() -> io::Result<usize> {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};

    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    if soft < hard {
        setrlimit(Resource::RLIMIT_NOFILE, hard, hard)?;
    }
    Ok(left_for_clients(
        usize::try_from(hard).unwrap_or(usize::MAX),
    ))
}

/// Raises the limit as far as the system allows, and returns how many files clients may open.
///
/// # Errors
///
/// None: such a system has no limit that a program could raise.
#[cfg(not(unix))]
pub fn raise() -> io::Result<usize> {
    Ok(left_for_clients(usize::MAX))
}

fn left_for_clients(limit: usize) -> usize {
    limit.saturating_sub(RESERVED)
}

/// How many of `wanted` clients with one socket each fit into the limit. Where not all do, it prints how many
/// do and how to raise the limit.
///
/// # Errors
///
/// As [`raise`].
pub fn fit_clients(wanted: usize) -> io::Result<usize> {
    let room = raise()?;
    if let Some(note) = note(wanted, room) {
        println!("{note}\n");
    }
    Ok(wanted.min(room))
}

fn note(wanted: usize, room: usize) -> Option<String> {
    (room < wanted).then(|| {
        format!(
            "{wanted} clients need a socket each, but the limit of open files leaves room for {room}: measured \
             with that many (as root, ulimit -n {} raises it)",
            wanted + RESERVED
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_clients_always_fit() {
        assert_eq!(fit_clients(1).expect("the limit can be read"), 1);
    }

    #[test]
    fn a_low_limit_is_reported_with_the_way_to_raise_it() {
        assert_eq!(left_for_clients(256), 192);
        assert_eq!(left_for_clients(10), 0);
        assert_eq!(note(192, 192), None);
        let text = note(1000, 192).expect("they do not fit");
        assert!(text.contains("1000 clients") && text.contains("room for 192"));
        assert!(text.contains("ulimit -n 1064"));
    }
}
