//! Memory that was needed once.

use std::collections::VecDeque;

/// Gives the memory of a ring back if nothing is in it. One that is in use keeps its own: a peer that asks over
/// and over makes nobody copy what waits.
pub(crate) fn shed<T>(ring: &mut VecDeque<T>) {
    if ring.is_empty() {
        ring.shrink_to_fit();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_empty_is_given_back_and_what_is_in_use_stays_as_it_is() {
        let mut ring: VecDeque<u64> = (0..1000).collect();
        ring.truncate(1);
        let capacity = ring.capacity();
        shed(&mut ring);
        assert_eq!(ring.capacity(), capacity);
        ring.clear();
        shed(&mut ring);
        assert_eq!(ring.capacity(), 0);
    }
}
