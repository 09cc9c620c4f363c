//! Numbers from bytes, with every bound checked.

/// The little-endian `u32` at `at`.
pub(in super::super) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let field = bytes.get(at..at.checked_add(4)?)?;
    Some(u32::from_le_bytes(field.try_into().ok()?))
}

/// The little-endian `u64` at `at`.
pub(in super::super) fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    let field = bytes.get(at..at.checked_add(8)?)?;
    Some(u64::from_le_bytes(field.try_into().ok()?))
}

/// A base-128 varint of at most 32 bits at the start of `bytes`, and its length.
#[inline(always)]
pub(super) fn uvarint(bytes: &[u8]) -> Option<(u32, usize)> {
    // Seven in ten are one byte (runtime/symtab.go, step).
    match bytes.first() {
        Some(&byte) if byte < 0x80 => Some((u32::from(byte), 1)),
        _ => long_uvarint(bytes),
    }
}

fn long_uvarint(bytes: &[u8]) -> Option<(u32, usize)> {
    let mut value = 0;
    for (i, &byte) in bytes.iter().enumerate().take(MAX_VARINT_32) {
        value |= u32::from(byte & 0x7f) << (7 * i);
        if byte < 0x80 {
            return Some((value, i + 1));
        }
    }
    None
}

/// encoding/binary.MaxVarintLen32.
const MAX_VARINT_32: usize = 5;

/// The string at `at`, up to its NUL, if it is UTF-8 and at most `max` bytes long.
pub(super) fn c_str(bytes: &[u8], at: usize, max: usize) -> Option<&str> {
    let rest = bytes.get(at..)?;
    let window = &rest[..rest.len().min(max.saturating_add(1))];
    let end = window.iter().position(|&b| b == 0)?;
    std::str::from_utf8(&window[..end]).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn varints_of_one_to_five_bytes() {
        let check = |bytes: &[u8], expected| assert_eq!(uvarint(bytes), expected, "{bytes:x?}");
        check(&[0], Some((0, 1)));
        check(&[0x7f, 0xff], Some((0x7f, 1)));
        check(&[0x80, 0x01], Some((0x80, 2)));
        check(&[0xff, 0xff, 0xff, 0xff, 0x0f], Some((u32::MAX, 5)));
        check(&[], None);
        check(&[0x80], None);
        check(&[0x80; 9], None);
    }

    #[test]
    fn strings_end_at_their_nul() {
        let check = |at, max, expected| assert_eq!(c_str(b"main.f\0x\0\xff\0y", at, max), expected, "{at} {max}");
        check(0, 6, Some("main.f"));
        check(0, 5, None); // longer than allowed
        check(7, 9, Some("x"));
        check(9, 9, None); // not UTF-8
        check(11, 9, None); // no NUL
        check(99, 9, None); // outside
    }
}
