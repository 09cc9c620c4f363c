//! What was read and what had to be left out: a broken unit or function never stops the run, but it is counted.

/// Counts of the latest [`super::Binary::functions`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Stats {
    /// Compilation units in the file; 0 for pclntab, which has none.
    pub units: usize,
    /// Of these, the ones that name one of the files and were decoded whole.
    pub units_read: usize,
    /// Units that could not be decoded. Their functions are missing.
    pub units_broken: usize,
    /// Functions that were looked at.
    pub functions_read: usize,
    /// Functions that were left out: broken, overlapping another one, or beyond a limit.
    pub functions_broken: usize,
}
