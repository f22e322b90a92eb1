//! This process's limit of open files, which includes sockets.

use std::io;

/// Open files besides clients: standard streams, the server, polls, the result.
const RESERVED: usize = 64;

/// Returns how many of `wanted` clients, each with a socket, fit into the limit of open files,
/// after raising it as far as the system allows. If not all fit, prints how to raise the limit.
///
/// # Errors
///
/// The system cannot report or raise the limit.
pub fn fit_clients(wanted: usize) -> io::Result<usize> {
    let fitting = wanted.min(raise()?.saturating_sub(RESERVED));
    if let Some(note) = note(wanted, fitting) {
        println!("{note}\n");
    }
    Ok(fitting)
}

#[cfg(unix)]
fn raise() -> io::Result<usize> {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};

    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    if soft < hard {
        setrlimit(Resource::RLIMIT_NOFILE, hard, hard)?;
    }
    Ok(usize::try_from(hard).unwrap_or(usize::MAX))
}

/// This system has no limit that a program can raise.
#[cfg(not(unix))]
fn raise() -> io::Result<usize> {
    Ok(usize::MAX)
}

fn note(wanted: usize, fitting: usize) -> Option<String> {
    let limit = wanted + RESERVED;
    (fitting < wanted).then(|| {
        format!(
            "{wanted} clients need a socket each, but the limit of open files allows {fitting}: measured \
             with that many (as root, ulimit -n {limit} raises it)"
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
        assert_eq!(note(192, 192), None);
        let text = note(1000, 192).expect("they do not fit");
        assert!(text.contains("1000 clients") && text.contains("allows 192"));
        assert!(text.contains("ulimit -n 1064"));
    }
}
