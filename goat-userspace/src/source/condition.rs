//! What an `if`'s condition asks, as far as one machine comparison can answer it.

/// A condition of a single comparison, or of a single truth value.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Condition {
    /// `a == b`, `a != nil`: neither side is itself a comparison or `true` or `false`.
    Equal {
        /// Whether it is `!=`.
        negated: bool,
    },
    /// `a < 10`, `10 >= a`: one side is a literal. Written with the literal on the right.
    Order {
        /// How the other side compares to it.
        order: Order,
        /// The literal, if it is an integer or a character that fits.
        literal: Option<i64>,
    },
    /// `ok`, `!done`, `f(x)`: a value that is true or false.
    Truth {
        /// Whether it begins with `!`.
        negated: bool,
    },
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
