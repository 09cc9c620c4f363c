//! What instructions do with the flags, and what they ask of them.

use serde::{Deserialize, Serialize};

/// What is asked of the flags, numbered as x86's condition codes: the low four bits of Jcc, SETcc and CMOVcc. arm64 asks the same
/// questions, parity aside; its carry says after a comparison what x86's does not ([`goat_common::condition`]).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Condition(pub u8);

#[expect(missing_docs, reason = "the names say it")]
impl Condition {
    pub const OVERFLOW: Self = Self(0);
    pub const NO_OVERFLOW: Self = Self(1);
    pub const BELOW: Self = Self(2);
    pub const ABOVE_OR_EQUAL: Self = Self(3);
    pub const EQUAL: Self = Self(4);
    pub const NOT_EQUAL: Self = Self(5);
    pub const BELOW_OR_EQUAL: Self = Self(6);
    pub const ABOVE: Self = Self(7);
    pub const NEGATIVE: Self = Self(8);
    pub const NOT_NEGATIVE: Self = Self(9);
    pub const LESS: Self = Self(12);
    pub const GREATER_OR_EQUAL: Self = Self(13);
    pub const LESS_OR_EQUAL: Self = Self(14);
    pub const GREATER: Self = Self(15);
    /// What no one here can say anything about.
    pub const UNKNOWN: Self = Self(u8::MAX);
}

/// Set in what a branch asks of a register, without the flags.
const OF_REGISTER: u8 = 0x10;

impl Condition {
    /// The same, asked of a register's value that is compared with zero, and not of the flags: arm64's CBZ and TBZ.
    pub fn of_register(self) -> Self {
        Self(self.0 | OF_REGISTER)
    }

    /// Whether the flags tell whether it holds.
    pub fn is_of_flags(self) -> bool {
        self.0 < OF_REGISTER
    }

    /// What holds where this does not.
    pub fn inverted(self) -> Self {
        Self(self.0 ^ 1)
    }

    /// How the two sides of the comparison relate, whatever it is asked of; `None` if that is not known.
    pub fn relation(self) -> Option<Self> {
        (self.0 < 2 * OF_REGISTER).then_some(Self(self.0 & !OF_REGISTER))
    }

    /// Whether it asks for equality, or for the opposite.
    pub fn equality(self) -> Option<bool> {
        match self.relation()? {
            Self::EQUAL => Some(true),
            Self::NOT_EQUAL => Some(false),
            _ => None,
        }
    }

    /// Whether it asks which side is the greater one.
    pub fn is_ordered(self) -> bool {
        matches!(
            self.relation(),
            Some(
                Self::BELOW
                    | Self::ABOVE_OR_EQUAL
                    | Self::BELOW_OR_EQUAL
                    | Self::ABOVE
                    | Self::LESS
                    | Self::GREATER_OR_EQUAL
                    | Self::LESS_OR_EQUAL
                    | Self::GREATER
            )
        )
    }

    /// The ending of the mnemonics that bear it on `arch`, by Go's name: `CMOVe` and `Jne` in Intel's manual, volume 1, appendix B;
    /// `B.eq` in the Arm Architecture Reference Manual, C1.2.4.
    pub fn name(self, arch: &str) -> &'static str {
        const X86: [&str; 16] =
            ["o", "no", "b", "ae", "e", "ne", "be", "a", "s", "ns", "p", "np", "l", "ge", "le", "g"];
        const ARM: [&str; 16] =
            ["vs", "vc", "lo", "hs", "eq", "ne", "ls", "hi", "mi", "pl", "?", "?", "lt", "ge", "le", "gt"];
        let names = if arch == "arm64" { ARM } else { X86 };
        names.get(usize::from(self.0)).copied().unwrap_or("?")
    }
}

/// What an instruction does with the flags.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Flags {
    /// Nothing.
    Untouched,
    /// Sets them to something that no one here asks for.
    Clobbered,
    /// Sets them by comparing two values, or one with zero. A branch that compares on its own leaves them alone, but answers
    /// nothing that was compared before it.
    Compared(Comparison),
    /// Makes a value of them: CMOVcc, SETcc, CSEL. What a branch asks stands in [`Flow::Branch`](super::Flow::Branch).
    Chosen(Condition),
}

/// A CMP, a TEST, or a BT; a CBZ or a TBZ.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Comparison {
    /// Whether the right side is a constant, or zero.
    pub constant: bool,
    /// Whether the right side is zero: then the left one may be some bits of a value, and `x & 4 == 4` have become `x & 4 != 0`.
    pub zero: bool,
    /// Whether it tells whether one byte is zero, as for a truth value.
    pub byte_zero: bool,
    /// Whether it tells whether some bits of a value are zero: `x & 4 == 4` becomes `x & 4 != 0`.
    pub masked: bool,
    /// Whether it is a BT, whose answer is the carry flag.
    pub bit: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_processor_has_its_own_names() {
        let check = |condition: Condition, amd64, arm64| {
            assert_eq!((condition.name("amd64"), condition.name("arm64")), (amd64, arm64), "{condition:?}");
        };
        check(Condition::OVERFLOW, "o", "vs");
        check(Condition::BELOW, "b", "lo");
        check(Condition::EQUAL, "e", "eq");
        check(Condition::EQUAL.inverted(), "ne", "ne");
        check(Condition::ABOVE, "a", "hi");
        check(Condition::NEGATIVE.inverted(), "ns", "pl");
        check(Condition::LESS.inverted(), "ge", "ge");
        check(Condition::GREATER, "g", "gt");
        check(Condition::UNKNOWN, "?", "?");
    }

    #[test]
    fn what_is_asked_of_a_register_relates_alike_but_is_not_in_the_flags() {
        let zero = Condition::EQUAL.of_register();
        assert!(!zero.is_of_flags() && Condition::EQUAL.is_of_flags());
        assert_eq!((zero.equality(), zero.inverted().equality()), (Some(true), Some(false)));
        assert_eq!(zero.relation(), Some(Condition::EQUAL));
        assert_eq!((Condition::UNKNOWN.relation(), Condition::UNKNOWN.inverted().relation()), (None, None));
        assert!(Condition::LESS.is_ordered() && !zero.is_ordered() && !Condition::UNKNOWN.is_ordered());
    }
}
