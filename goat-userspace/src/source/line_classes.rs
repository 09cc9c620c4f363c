//! Which lines of a file hold code, and on which of those nothing runs.

use std::ops::Range;

use crate::lines::{LineRange, LineSet};

/// A stretch of text whose bytes are not tokens of their own.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Opaque {
    Comment(Range<usize>),
    /// A string that may hold line ends.
    RawString(Range<usize>),
}

/// What a line holds, worst case last.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Class {
    Blank,
    Punctuation,
    Code,
}

/// The lines with anything besides white space and comments, and those of them with brackets, separators and `else` alone.
/// `opaque` is in the order of the text.
pub(super) fn classify(text: &[u8], opaque: &[Opaque]) -> (LineSet, LineSet) {
    let mut lines = Lines { code: LineSet::new(), punctuation: LineSet::new(), line: 1, class: Class::Blank };
    let mut at = if text.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
    for stretch in opaque {
        let (Opaque::Comment(range) | Opaque::RawString(range)) = stretch;
        lines.tokens(text.get(at..range.start).unwrap_or_default());
        let inside = text.get(range.start.max(at)..range.end).unwrap_or_default();
        match stretch {
            Opaque::Comment(_) => lines.opaque(inside, Class::Blank),
            Opaque::RawString(_) => lines.opaque(inside, Class::Code),
        }
        at = at.max(range.end);
    }
    lines.tokens(text.get(at..).unwrap_or_default());
    lines.end_of_line();
    (lines.code, lines.punctuation)
}

struct Lines {
    code: LineSet,
    punctuation: LineSet,
    line: u32,
    class: Class,
}

impl Lines {
    fn tokens(&mut self, mut bytes: &[u8]) {
        while let Some((&byte, rest)) = bytes.split_first() {
            bytes = rest;
            match byte {
                b'\n' => self.end_of_line(),
                b' ' | b'\t' | b'\r' => {}
                b'{' | b'}' | b'(' | b')' | b'[' | b']' | b',' | b';' | b':' | b'.' => self.raise(Class::Punctuation),
                b'e' if rest.starts_with(b"lse") && !rest.get(3).is_some_and(|&next| is_word(next)) => {
                    bytes = &rest[3..];
                    self.raise(Class::Punctuation);
                }
                _ => self.raise(Class::Code),
            }
        }
    }

    fn opaque(&mut self, bytes: &[u8], class: Class) {
        self.raise(class);
        for _ in bytes.iter().filter(|&&byte| byte == b'\n') {
            self.end_of_line();
            self.raise(class);
        }
    }

    fn raise(&mut self, class: Class) {
        self.class = self.class.max(class);
    }

    fn end_of_line(&mut self) {
        let run = LineRange::new(self.line, self.line);
        if self.class >= Class::Punctuation {
            self.code.insert(run);
        }
        if self.class == Class::Punctuation {
            self.punctuation.insert(run);
        }
        self.class = Class::Blank;
        self.line += 1;
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, opaque: &[Opaque], code: &str, punctuation: &str) {
        let (got_code, got_punctuation) = classify(text.as_bytes(), opaque);
        assert_eq!(
            (got_code.to_string().as_str(), got_punctuation.to_string().as_str()),
            (code, punctuation),
            "{text}"
        );
    }

    #[test]
    fn tells_code_from_punctuation_and_white_space() {
        check("", &[], "", "");
        check("a\n\n \t\r\nb", &[], "1,4", "");
        check("f(\n\tx,\n)\n},\n})\n} else {\n}()\n", &[], "1-7", "3-7");
        check("} else if x {\n elsewhere\n else1", &[], "1-3", "");
        check("\u{feff}\npackage p\n", &[], "2", "");
    }

    #[test]
    fn comments_are_no_code_and_lines_of_raw_strings_are() {
        check("/* a\n b */ }\n// x\n", &[Opaque::Comment(0..10), Opaque::Comment(13..17)], "2", "2");
        check("s = `\n}\n\n`\n", &[Opaque::RawString(4..10)], "1-4", "");
    }
}
