//! How text for people is written to a terminal: colours where the caller wants them, and nothing that the terminal would obey.

use std::borrow::Cow;

/// Whether text is coloured. The caller knows if it goes to a terminal.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Style {
    /// Whether to write ANSI colours.
    pub color: bool,
}

/// What a piece of text says, as far as its colour goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[expect(missing_docs, reason = "each name is its meaning")]
pub enum Tone {
    Good,
    Bad,
    Doubt,
    Dim,
    Strong,
}

impl Style {
    /// No colours.
    pub const PLAIN: Self = Self { color: false };

    /// `text` in the colour of `tone`.
    pub fn paint(self, tone: Tone, text: &str) -> Cow<'_, str> {
        // Select Graphic Rendition parameters, ECMA-48 section 8.3.117.
        let parameter = match tone {
            Tone::Good => 32,
            Tone::Bad => 31,
            Tone::Doubt => 33,
            Tone::Dim => 2,
            Tone::Strong => 1,
        };
        if self.color && !text.is_empty() { format!("\x1b[{parameter}m{text}\x1b[0m").into() } else { text.into() }
    }
}

/// `text` with everything escaped that a terminal would act on or that hides the order of characters. Names and reasons come
/// from plan files and binaries, which others wrote.
pub fn printable(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_unsafe) {
        return text.into();
    }
    let mut safe = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if is_unsafe(c) { safe.extend(c.escape_unicode()) } else { safe.push(c) }
    }
    safe.into()
}

/// Control characters, and the bidirectional controls of Unicode Standard Annex #9, section 2.
fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{061c}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_escaped() {
        for (input, expected) in [
            ("plain (*Cart).Add", "plain (*Cart).Add"),
            ("größer 価格", "größer 価格"),
            ("\x1b[2J", "\\u{1b}[2J"),
            ("a\nb", "a\\u{a}b"),
            ("x\u{202e}y", "x\\u{202e}y"),
            ("\u{9b}31m", "\\u{9b}31m"),
        ] {
            assert_eq!(printable(input), expected);
        }
    }

    #[test]
    fn colours_only_where_told() {
        assert_eq!(Style::PLAIN.paint(Tone::Bad, "no"), "no");
        assert_eq!(Style { color: true }.paint(Tone::Bad, "no"), "\x1b[31mno\x1b[0m");
        assert_eq!(Style { color: true }.paint(Tone::Bad, ""), "");
    }
}
