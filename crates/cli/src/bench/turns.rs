//! Who is measured when: everybody once in each round, in an order that changes from round to round, so
//! that whatever slows the machine down for a while slows all of them.

/// Who begins changes every round, and every other round goes backwards: nobody is always behind the
/// same one.
pub(crate) fn in_turns<T: Copy>(contestants: &[T], round: usize) -> Vec<T> {
    let mut order = contestants.to_vec();
    let count = order.len().max(1);
    order.rotate_left(round % count);
    // Two have changed places by now, and would change back.
    if round % 2 == 1 && count > 2 {
        order.reverse();
    }
    order
}

#[cfg(test)]
mod tests {
    use super::in_turns;

    #[test]
    fn the_order_changes_and_nobody_is_left_out() {
        let all = ["std", "mio", "tickwire"];
        assert_eq!(in_turns(&all, 0), ["std", "mio", "tickwire"]);
        assert_eq!(in_turns(&all, 1), ["std", "tickwire", "mio"]);
        assert_eq!(in_turns(&all, 2), ["tickwire", "std", "mio"]);
        assert_eq!(in_turns(&all, 3), ["tickwire", "mio", "std"]);
    }

    #[test]
    fn two_take_turns_as_well() {
        for (round, order) in [[1, 2], [2, 1], [1, 2], [2, 1]].into_iter().enumerate() {
            assert_eq!(in_turns(&[1, 2], round), order);
        }
    }

    #[test]
    fn nobody_has_no_turn() {
        assert_eq!(in_turns::<u8>(&[], 1), [0; 0]);
    }
}
