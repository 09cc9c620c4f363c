//! x86 condition codes, as in the low four bits of Jcc, SETcc and CMOVcc (Intel SDM volume 1, appendix B). They stand for arm64's
//! conditions too, each of which asks the same of a comparison as one of them.

const CARRY: u32 = 0;
const PARITY: u32 = 2;
const ZERO: u32 = 6;
const SIGN: u32 = 7;
const OVERFLOW: u32 = 11;

/// Whether the flags register's value `flags` satisfies condition `code`, of which the low four bits count.
///
/// Without branches and tables: the verifier likes the one, and the BPF target has no place for the other.
#[inline(always)]
pub const fn holds(code: u8, flags: u64) -> bool {
    let (c, p, z) = (flags >> CARRY & 1, flags >> PARITY & 1, flags >> ZERO & 1);
    let (s, o) = (flags >> SIGN & 1, flags >> OVERFLOW & 1);
    // In the order of the codes; the odd ones negate the even ones.
    let even = o | c << 1 | z << 2 | (c | z) << 3 | s << 4 | p << 5 | (s ^ o) << 6 | (z | (s ^ o)) << 7;
    (even >> (code as u64 >> 1 & 7) ^ code as u64) & 1 == 1
}

/// The same of arm64's flags, as PSTATE holds them (Arm Architecture Reference Manual, C5.2.10, NZCV): its carry is set where nothing
/// was borrowed, x86's where something was. Parity is never even.
#[inline(always)]
pub const fn holds_arm64(code: u8, pstate: u64) -> bool {
    let (n, z, c, v) = (pstate >> 31 & 1, pstate >> 30 & 1, pstate >> 29 & 1, pstate >> 28 & 1);
    holds(code, n << SIGN | z << ZERO | (c ^ 1) << CARRY | v << OVERFLOW)
}

#[cfg(test)]
mod tests {
    use super::*;

    const C: u64 = 1 << CARRY;
    const P: u64 = 1 << PARITY;
    const Z: u64 = 1 << ZERO;
    const S: u64 = 1 << SIGN;
    const O: u64 = 1 << OVERFLOW;

    #[test]
    fn each_code_reads_its_flags() {
        // Code, what it is called, flags that satisfy it, flags that do not.
        check(0x0, "overflow", &[O, O | S], &[0, S, C]);
        check(0x1, "no overflow", &[0, S], &[O]);
        check(0x2, "below", &[C, C | Z], &[0, Z]);
        check(0x3, "not below", &[0, Z], &[C]);
        check(0x4, "equal", &[Z], &[0, C, S]);
        check(0x5, "not equal", &[0, C, S], &[Z]);
        check(0x6, "below or equal", &[C, Z, C | Z], &[0, S, O]);
        check(0x7, "above", &[0, S, O], &[C, Z, C | Z]);
        check(0x8, "sign", &[S], &[0, O]);
        check(0x9, "no sign", &[0, O], &[S]);
        check(0xa, "parity even", &[P], &[0, Z]);
        check(0xb, "parity odd", &[0, Z], &[P]);
        check(0xc, "less", &[S, O], &[0, S | O, Z]);
        check(0xd, "greater or equal", &[0, S | O, Z], &[S, O]);
        check(0xe, "less or equal", &[S, O, Z, Z | S | O], &[0, S | O]);
        check(0xf, "greater", &[0, S | O], &[S, O, Z, Z | S | O]);
    }

    fn check(code: u8, name: &str, satisfied: &[u64], not: &[u64]) {
        // Bit 1 is always set in the register, bits such as IF usually are: they must not matter.
        for noise in [0, 0x202, 0x24_0302] {
            for flags in satisfied {
                assert!(holds(code, flags | noise), "{name}: {flags:#x} {noise:#x}");
            }
            for flags in not {
                assert!(!holds(code, flags | noise), "{name}: {flags:#x} {noise:#x}");
            }
        }
    }

    /// The Arm Architecture Reference Manual's `ConditionHolds`, by its number of the condition.
    fn condition_holds(number: u8, [n, z, c, v]: [bool; 4]) -> bool {
        let holds = match number >> 1 {
            0 => z,
            1 => c,
            2 => n,
            3 => v,
            4 => c && !z,
            5 => n == v,
            _ => n == v && !z,
        };
        holds != (number & 1 == 1)
    }

    #[test]
    fn each_condition_of_arm64_asks_what_an_x86_code_asks() {
        // By arm64's number: eq, ne, hs, lo, mi, pl, vs, vc, hi, ls, ge, lt, gt, le.
        const CODES: [u8; 14] = [0x4, 0x5, 0x3, 0x2, 0x8, 0x9, 0x0, 0x1, 0x7, 0x6, 0xd, 0xc, 0xf, 0xe];
        for (number, code) in (0..).zip(CODES) {
            for flags in 0..16u64 {
                let bits = [3, 2, 1, 0].map(|bit| flags >> bit & 1 == 1);
                for noise in [0, 0x1000, 0xffff_ffff_0000_0000] {
                    let found = holds_arm64(code, flags << 28 | noise);
                    assert_eq!(found, condition_holds(number, bits), "{number} {flags:#06b} {noise:#x}");
                }
            }
        }
    }
}
