//! A table of values by pc: pairs of a value's change, zigzag, and how far it holds, both as varints (runtime/symtab.go,
//! `step`; written by cmd/internal/obj/pcln.go, `funcpctab`).

use super::{reader::uvarint, types::BadTable};

/// A value and the code that it holds for, in bytes from the function's entry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in super::super) struct PcValue {
    pub start: u32,
    pub end: u32,
    pub value: i32,
}

/// The values of one table in the order of the code, without gaps.
#[derive(Clone, Debug)]
pub(in super::super) struct PcValues<'a> {
    bytes: &'a [u8],
    quantum: u32,
    pc: u32,
    value: i32,
    /// How large the function can be at most.
    limit: u32,
}

impl<'a> PcValues<'a> {
    /// The table at the start of `bytes`, of a function that is at most `limit` bytes of code.
    pub fn new(bytes: &'a [u8], quantum: u32, limit: u32) -> Self {
        Self { bytes, quantum, pc: 0, value: -1, limit }
    }

    /// The next value, or `None` behind the last.
    ///
    /// Each value holds for some code, and the code is at most `limit` bytes: so a table has no more than `limit` values,
    /// whatever its bytes are. A linker lets many functions share one table, so its own length would be no bound.
    #[inline(always)]
    pub fn step(&mut self) -> Result<Option<PcValue>, BadTable> {
        let (delta, n) = uvarint(self.bytes).ok_or(BadTable)?;
        if delta == 0 && self.pc != 0 {
            return Ok(None);
        }
        let (run, m) = uvarint(&self.bytes[n..]).ok_or(BadTable)?;
        self.bytes = &self.bytes[n + m..];
        let start = self.pc;
        let end = run.checked_mul(self.quantum).and_then(|run| start.checked_add(run)).ok_or(BadTable)?;
        if end <= start || end > self.limit {
            return Err(BadTable);
        }
        self.pc = end;
        self.value = self.value.wrapping_add((delta >> 1) as i32 ^ -((delta & 1) as i32));
        Ok(Some(PcValue { start, end, value: self.value }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(bytes: &[u8], quantum: u32, limit: u32) -> Result<Vec<(u32, u32, i32)>, BadTable> {
        let mut values = PcValues::new(bytes, quantum, limit);
        let mut found = Vec::new();
        while let Some(v) = values.step()? {
            found.push((v.start, v.end, v.value));
        }
        Ok(found)
    }

    #[test]
    fn values_and_runs_until_the_zero() {
        let check = |bytes: &[u8], quantum, expected| assert_eq!(all(bytes, quantum, 64), expected, "{bytes:x?}");
        check(&[0x16, 4, 2, 6, 3, 1, 0], 1, Ok(vec![(0, 4, 10), (4, 10, 11), (10, 11, 9)]));
        check(&[0x16, 4, 2, 6, 0], 4, Ok(vec![(0, 16, 10), (16, 40, 11)]));
        // A first change of 0 is no end: the value stays -1, "unknown", for a while.
        check(&[0, 4, 4, 6, 0], 1, Ok(vec![(0, 4, -1), (4, 10, 1)]));
        check(&[0x80, 0x02, 4, 0], 1, Ok(vec![(0, 4, 127)]));
    }

    #[test]
    fn damaged_tables_end_in_an_error() {
        let check = |bytes: &[u8]| assert_eq!(all(bytes, 1, 64), Err(BadTable), "{bytes:x?}");
        check(&[]);
        check(&[2]); // no run
        check(&[2, 4]); // no end
        check(&[2, 0, 2, 4, 0]); // a run of nothing
        check(&[2, 65, 0]); // longer than the function
        check(&[2, 0xff, 0xff, 0xff, 0xff, 0x0f, 0]);
        check(&[0; 8]);
    }
}
