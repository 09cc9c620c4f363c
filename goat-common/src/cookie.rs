//! A uprobe's cookie: which counter a hit adds to, and under which condition.

/// The number that the kernel hands to the program with each hit.
///
/// Low half: the slot. High half: 0 for a site that always counts, else [`CONDITIONAL`] and the condition code.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Cookie {
    /// Index into the counters.
    pub slot: u32,
    /// The condition (0 to 15, see [`crate::condition`]) under which a hit counts; `None` for always.
    pub condition: Option<u8>,
}

/// Tells condition code 0 (overflow) from no condition.
const CONDITIONAL: u32 = 0x10;

impl Cookie {
    /// As the kernel keeps it. Of a condition code only the low four bits count.
    #[inline(always)]
    pub const fn pack(self) -> u64 {
        let high = match self.condition {
            None => 0,
            Some(code) => CONDITIONAL | (code & 0xf) as u32,
        };
        (high as u64) << 32 | self.slot as u64
    }

    /// The reverse of [`Cookie::pack`].
    #[inline(always)]
    pub const fn unpack(cookie: u64) -> Self {
        let high = (cookie >> 32) as u32;
        let condition = if high & CONDITIONAL == 0 { None } else { Some((high & 0xf) as u8) };
        Self { slot: cookie as u32, condition }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packs_the_slot_low_and_a_tagged_condition_high() {
        check(Cookie { slot: 0, condition: None }, 0);
        check(Cookie { slot: 7, condition: None }, 7);
        check(Cookie { slot: u32::MAX, condition: None }, 0xffff_ffff);
        check(Cookie { slot: 0, condition: Some(0) }, 0x10_0000_0000);
        check(Cookie { slot: 3, condition: Some(4) }, 0x14_0000_0003);
        check(Cookie { slot: u32::MAX, condition: Some(15) }, 0x1f_ffff_ffff);
    }

    fn check(cookie: Cookie, packed: u64) {
        assert_eq!(cookie.pack(), packed, "{cookie:?}");
        assert_eq!(Cookie::unpack(packed), cookie, "{packed:#x}");
    }
}
