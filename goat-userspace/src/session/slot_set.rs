//! A set of slots that several threads share.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::plan::Slot;

/// Slots, out of all that a plan has.
#[derive(Debug)]
pub(super) struct SlotSet(Box<[AtomicBool]>);

impl SlotSet {
    /// None of `slots` slots.
    pub(super) fn none(slots: usize) -> Self {
        Self((0..slots).map(|_| AtomicBool::new(false)).collect())
    }

    /// Adds `slot`. One that the plan has not is none.
    pub(super) fn insert(&self, slot: Slot) {
        if let Some(member) = self.0.get(slot as usize) {
            member.store(true, Ordering::Release);
        }
    }

    /// Whether `slot` is in it.
    pub(super) fn contains(&self, slot: Slot) -> bool {
        self.0.get(slot as usize).is_some_and(|member| member.load(Ordering::Acquire))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_what_was_put_in() {
        let set = SlotSet::none(3);
        let check = |expected: [bool; 4]| assert_eq!([0, 1, 2, 9].map(|slot| set.contains(slot)), expected);
        check([false; 4]);
        for slot in [2, 0, 2, 9] {
            set.insert(slot);
        }
        check([true, false, true, false]);
    }
}
