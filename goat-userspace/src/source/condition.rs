//! What an `if`'s condition asks: its operands, in the order in which they are looked at, each as far as one machine comparison can
//! answer it.

/// One operand of a condition: the whole of it, or what stands between `&&` and `||`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Operand {
    /// What it asks; `None` for anything that takes more than one comparison to answer.
    pub asks: Option<Condition>,
    /// What comes next if it is true.
    pub holds: Next,
    /// What comes next if it is false.
    pub fails: Next,
}

/// Where control goes from an operand.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Next {
    /// To this one of the operands, which stands further on.
    Operand(usize),
    /// Into the first body.
    Then,
    /// To what the `else` holds, or past the `if`.
    Else,
}

/// A condition of a single comparison, or of a single truth value.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Condition {
    /// `a == b`, `a != nil`: neither side is itself a comparison or `true` or `false`.
    Equal {
        /// Whether it is `!=`.
        negated: bool,
        /// Whether one side is 0, nil or the empty string: what a machine compares with zero.
        zero: bool,
    },
    /// `a < 10`, `10 >= a`: one side is a literal. Written with the literal on the right.
    Order {
        /// How the other side compares to it.
        order: Order,
        /// The literal, if it is an integer or a character that fits.
        literal: Option<i64>,
    },
    /// `a < b`, `a >= most`: neither side is a literal.
    Compare {
        /// Whether it is false for equal sides.
        strict: bool,
    },
    /// `ok`, `!done`, `f(x)`: a value that is true or false.
    Truth {
        /// Whether it begins with `!`.
        negated: bool,
    },
}

impl Condition {
    /// What is true where this is false.
    pub fn negated(self) -> Self {
        match self {
            Self::Equal { negated, zero } => Self::Equal { negated: !negated, zero },
            Self::Order { order, literal } => Self::Order { order: order.negated(), literal },
            Self::Compare { strict } => Self::Compare { strict: !strict },
            Self::Truth { negated } => Self::Truth { negated: !negated },
        }
    }
}

/// How two numbers compare.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Order {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Order {
    /// What holds where this does not.
    pub fn negated(self) -> Self {
        match self {
            Self::Less => Self::GreaterOrEqual,
            Self::LessOrEqual => Self::Greater,
            Self::Greater => Self::LessOrEqual,
            Self::GreaterOrEqual => Self::Less,
        }
    }

    /// The same with the sides exchanged.
    pub fn swapped(self) -> Self {
        match self {
            Self::Less => Self::Greater,
            Self::LessOrEqual => Self::GreaterOrEqual,
            Self::Greater => Self::Less,
            Self::GreaterOrEqual => Self::LessOrEqual,
        }
    }
}
