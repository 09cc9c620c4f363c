//! The processes of a kind, looked for again and again: most are asked only now and then.

use std::collections::HashMap;

use super::process::Proc;

/// For how many rounds a process is asked each time: it may be a shell that is about to give way to the program.
const YOUNG: u64 = 20;
/// In how many rounds every process is asked at least once.
const TURNS: u64 = 8;

/// What is known from earlier rounds.
#[derive(Debug, Default)]
pub(super) struct Scan {
    seen: HashMap<u32, Seen>,
    round: u64,
}

#[derive(Clone, Copy, Debug)]
struct Seen {
    since: u64,
    wanted: bool,
}

impl Scan {
    /// The processes in `proc` that are wanted, in no order. A round.
    pub(super) fn find(&mut self, proc: &Proc, is_wanted: impl FnMut(u32) -> bool) -> Vec<u32> {
        self.among(&proc.pids(), is_wanted)
    }

    fn among(&mut self, pids: &[u32], mut is_wanted: impl FnMut(u32) -> bool) -> Vec<u32> {
        self.round += 1;
        let round = self.round;
        let mut seen = HashMap::with_capacity(pids.len());
        for pid in pids {
            let mut known = self.seen.get(pid).copied().unwrap_or(Seen { since: round, wanted: false });
            let is_due = known.wanted || round - known.since < YOUNG || (u64::from(*pid) + round).is_multiple_of(TURNS);
            if is_due {
                known.wanted = is_wanted(*pid);
            }
            seen.insert(*pid, known);
        }
        self.seen = seen;
        pids.iter().copied().filter(|pid| self.seen[pid].wanted).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_asked_often_while_it_is_young_and_at_least_once_in_a_while() {
        let mut scan = Scan::default();
        let mut asked = 0;
        for _ in 0..YOUNG {
            assert_eq!(
                scan.among(&[7], |_| {
                    asked += 1;
                    false
                }),
                Vec::<u32>::new()
            );
        }
        assert_eq!(asked, YOUNG);
        for _ in 0..TURNS {
            scan.among(&[7], |_| {
                asked += 1;
                false
            });
        }
        assert_eq!(asked, YOUNG + 1);
        // Old, but it has become what is wanted.
        let rounds = (0..TURNS).filter(|_| scan.among(&[7], |_| true) == [7]).count();
        assert!(rounds > 0);
        // What was wanted is asked each time.
        assert_eq!(scan.among(&[7], |_| false), Vec::<u32>::new());
        // One that is gone is forgotten.
        scan.among(&[], |_| true);
        assert_eq!(scan.among(&[7], |_| true), [7]);
    }
}
