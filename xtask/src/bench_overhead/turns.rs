//! Who comes when, where variants take turns.

/// The order of `n` variants in a round. Each begins in turn, there and back: what follows what changes from round to round.
pub(super) fn order(round: usize, n: usize) -> impl Iterator<Item = usize> {
    (0..n).map(move |step| {
        let turn = (step + round) % n;
        if round.is_multiple_of(2) { turn } else { n - 1 - turn }
    })
}

#[cfg(test)]
mod tests {
    use super::order;

    #[test]
    fn everyone_has_a_turn_there_and_back() {
        let check = |round, expected: [usize; 3]| assert_eq!(order(round, 3).collect::<Vec<_>>(), expected, "{round}");
        check(0, [0, 1, 2]);
        check(1, [1, 0, 2]);
        check(2, [2, 0, 1]);
        check(3, [2, 1, 0]);
    }
}
