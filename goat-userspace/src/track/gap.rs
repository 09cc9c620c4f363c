//! What lies between two changed lines.

use crate::lines::LineSet;

/// A file's unchanged lines, as far as they part changed ones.
pub(super) struct Gaps<'a> {
    lines: Vec<&'a [u8]>,
    code: &'a LineSet,
    changed: &'a LineSet,
}

impl<'a> Gaps<'a> {
    pub(super) fn new(text: &'a [u8], code: &'a LineSet, changed: &'a LineSet) -> Self {
        Self { lines: text.split(|&byte| byte == b'\n').collect(), code, changed }
    }

    /// Whether an unchanged line that parts its neighbours lies between the two lines, neither included.
    pub(super) fn is_broken(&self, line: u32, next: u32) -> bool {
        (line + 1..next).any(|line| self.parts(line))
    }

    /// Whether nothing that parts lies between the two lines, the first included.
    pub(super) fn reaches(&self, line: u32, next: u32) -> bool {
        !(line..next).any(|line| self.parts(line))
    }

    /// Unchanged code parts; blank lines and comments do not. Comments of several lines do, as they do in the original.
    fn parts(&self, line: u32) -> bool {
        if self.changed.contains(line) {
            return false;
        }
        if self.code.contains(line) {
            return true;
        }
        let text = self.lines.get(line as usize - 1).map_or(&[][..], |text| text.trim_ascii());
        let one_line = text.starts_with(b"//") || text.starts_with(b"/*") && text.ends_with(b"*/");
        !text.is_empty() && !one_line
    }
}
