//! How much of one file's text is in another's: what tells a renamed file from a new one.
//!
//! The measure is git's (`-M`): a text is cut into lines, lines of more than 64 bytes into pieces of 64; what the two
//! texts have in common is the bytes of the pieces that both have, each as often as both have it; the score is
//! that, as a share of the longer text. libgit2 compares samples of the texts instead (`hashsig.c`).

/// A text's pieces: a hash of each different one and how many bytes of the text it makes up, sorted.
pub(super) struct Pieces {
    bytes: usize,
    counts: Box<[(u32, usize)]>,
}

/// Scores run from 0, nothing in common, to this.
pub(super) const SAME: usize = 60_000;

const LONGEST_PIECE: usize = 64;

impl Pieces {
    /// Cuts up `text`.
    pub(super) fn of(text: &[u8]) -> Self {
        // A carriage return before a line end is not part of a text's lines.
        let is_text = !super::is_binary(text);
        let mut counts = Vec::new();
        for line in text.split_inclusive(|c| *c == b'\n') {
            let ends = is_text && line.ends_with(b"\r\n");
            let (body, end): (&[u8], &[u8]) = if ends { (&line[..line.len() - 2], b"\n") } else { (line, b"") };
            let whole = body.len() / LONGEST_PIECE * LONGEST_PIECE;
            for piece in body[..whole].chunks(LONGEST_PIECE) {
                counts.push((hash(piece, b""), LONGEST_PIECE));
            }
            let tail = &body[whole..];
            if !tail.is_empty() || !end.is_empty() {
                counts.push((hash(tail, end), tail.len() + end.len()));
            }
        }
        counts.sort_unstable();
        counts.dedup_by(|next, kept| {
            let same = next.0 == kept.0;
            if same {
                kept.1 += next.1;
            }
            same
        });
        Self { bytes: text.len(), counts: counts.into() }
    }

    /// The text's length.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// How much of the longer of the two texts is in both, out of [`SAME`].
    pub(super) fn score(&self, other: &Self) -> usize {
        let (mut a, mut b) = (self.counts.iter().peekable(), other.counts.iter().peekable());
        let mut common = 0;
        while let (Some(x), Some(y)) = (a.peek(), b.peek()) {
            match x.0.cmp(&y.0) {
                std::cmp::Ordering::Less => _ = a.next(),
                std::cmp::Ordering::Greater => _ = b.next(),
                std::cmp::Ordering::Equal => {
                    common += x.1.min(y.1);
                    a.next();
                    b.next();
                }
            }
        }
        (common * SAME).checked_div(self.bytes.max(other.bytes)).unwrap_or(0)
    }
}

/// Two registers of 32 bits that shift left by 7 into each other and take up a byte each time, folded to a prime's remainder.
fn hash(piece: &[u8], end: &[u8]) -> u32 {
    let (mut low, mut high) = (0u32, 0u32);
    for byte in piece.iter().chain(end) {
        (low, high) = ((low << 7 ^ high >> 25).wrapping_add(u32::from(*byte)), high << 7 ^ low >> 25);
    }
    low.wrapping_add(high.wrapping_mul(0x61)) % 107_927
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_the_share_of_bytes_that_both_texts_have() {
        let check = |a: &str, b: &str, expected: usize| {
            let (a, b) = (Pieces::of(a.as_bytes()), Pieces::of(b.as_bytes()));
            assert_eq!((a.score(&b), b.score(&a)), (expected, expected));
        };
        check("one\ntwo\n", "two\none\n", SAME);
        check("one\ntwo\n", "one\nsix\n", SAME / 2);
        check("one\none\none\none\n", "one\nsix\nten\nsea\n", SAME / 4);
        check("one\n", "", 0);
        check("", "", 0);
        check("one\r\n", "one\n", SAME * 4 / 5);
        let long = "x".repeat(64);
        check(&format!("{long}a\n"), &format!("{long}b\n"), SAME * 64 / 66);
    }
}
