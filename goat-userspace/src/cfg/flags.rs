//! What instructions do with the flags, and what they ask of them.

use serde::{Deserialize, Serialize};

/// An x86 condition code, as in the low four bits of Jcc, SETcc and CMOVcc.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Condition(pub u8);

impl Condition {
    /// The ending of the mnemonics that bear it, as in Intel's manual, volume 1, appendix B: `CMOVe`, `Jne`.
    pub fn as_str(self) -> &'static str {
        const ENDINGS: [&str; 16] =
            ["o", "no", "b", "ae", "e", "ne", "be", "a", "s", "ns", "p", "np", "l", "ge", "le", "g"];
        ENDINGS.get(usize::from(self.0)).copied().unwrap_or("?")
    }
}

/// What an instruction does with the flags.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Flags {
    /// Nothing.
    Untouched,
    /// Sets them to something that no one here asks for.
    Clobbered,
    /// Sets them by comparing two values, or one with zero.
    Compared(Comparison),
    /// Makes a value of them: CMOVcc, SETcc. What a branch asks stands in [`Flow::Branch`].
    Chosen(Condition),
}

/// A CMP, a TEST, or a BT.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Comparison {
    /// Whether the right side is a constant, or zero.
    pub constant: bool,
    /// Whether it tells whether one byte is zero, as for a truth value.
    pub byte_zero: bool,
    /// Whether it tells whether some bits of a value are zero: `x & 4 == 4` becomes `x & 4 != 0`.
    pub masked: bool,
    /// Whether it is a BT, whose answer is the carry flag.
    pub bit: bool,
}
