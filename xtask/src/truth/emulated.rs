//! Programs for arm64 on a machine that is none: QEMU's user-mode emulator runs them and says each time that a site's instruction is
//! executed, and what the flags are then. That is what a uprobe there would see, so that a plan can be judged without the machine.

use std::{
    collections::{BTreeMap, HashMap},
    io::{BufRead, BufReader, Read},
    path::Path,
    process::{Command, Stdio},
    thread,
};

use anyhow::{Context, Result, anyhow, bail, ensure};

use super::{
    drive::Heard,
    goat::{Answer, Plan, Site},
    subject::{Drive, Program, Variant},
};

/// The emulator.
const QEMU: &str = "qemu-aarch64";
/// What makes `go` build for arm64.
const TARGET: [(&str, &str); 2] = [("GOARCH", "arm64"), ("CGO_ENABLED", "0")];

/// `variant`, for arm64.
pub(super) fn variant(variant: &Variant) -> Variant {
    let target = TARGET.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Variant { flags: variant.flags.clone(), env: variant.env.iter().cloned().chain(target).collect() }
}

/// Fails if the emulator is not there.
pub(super) fn check() -> Result<()> {
    let mut qemu = Command::new(QEMU);
    let found = qemu.arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    ensure!(found.is_ok_and(|status| status.success()), "there is no {QEMU} in PATH (Debian: apt install qemu-user)");
    Ok(())
}

/// Every drive of a program, for its points' answers, and in how many of them it said something else than `heard`.
pub(super) fn drive_all(plan: &Plan, binary: &Path, program: &Program, heard: &[Heard]) -> Result<(Answer, usize)> {
    let (mut answer, mut changed) = (Answer::default(), 0);
    for (drive, bare) in program.drives.iter().zip(heard) {
        let (seen, heard) = observe(plan, binary, drive)?;
        answer.add(seen);
        changed += usize::from(heard != *bare);
    }
    Ok((answer, changed))
}

fn observe(plan: &Plan, binary: &Path, drive: &Drive) -> Result<(Answer, Heard)> {
    let Drive::Run { args, dir } = drive else { bail!("only a program that ends by itself can be emulated") };
    let mut sites: BTreeMap<u64, Vec<(u32, &Site)>> = BTreeMap::new();
    for point in &plan.points {
        for site in &point.sites {
            sites.entry(number(&site.address)?).or_default().push((point.id, site));
        }
    }
    let ranges: Vec<String> =
        ranges(sites.keys().copied()).iter().map(|(low, high)| format!("{low:#x}..{high:#x}")).collect();
    let mut qemu = Command::new(QEMU);
    // Before each instruction that is asked for, the registers go to standard error. One instruction at a time: the option for
    // that has another name in each of QEMU's releases, and these variables stand for it.
    qemu.env("QEMU_SINGLESTEP", "1").env("QEMU_ONE_INSN_PER_TB", "1").args(["-d", "cpu,nochain"]);
    qemu.args(["-dfilter", &ranges.join(",")]).arg(binary).args(args).current_dir(dir);
    qemu.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = qemu.spawn().with_context(|| format!("cannot run {QEMU}"))?;
    let trace = child.stderr.take().context("no standard error")?;
    let reader = thread::spawn(move || executed(BufReader::new(trace)));
    let mut stdout = Vec::new();
    child.stdout.take().context("no standard output")?.read_to_end(&mut stdout)?;
    let status = child.wait()?;
    let executed = reader.join().map_err(|_| anyhow!("the trace's reader panicked"))??;

    let observed = plan.points.iter().filter(|point| point.observable);
    let mut answer = Answer { counts: observed.map(|point| (point.id, 0)).collect(), ..Answer::default() };
    for ((address, flags), times) in executed {
        for (point, site) in sites.get(&address).into_iter().flatten() {
            if site.condition.is_none_or(|code| holds(code, flags)) {
                *answer.counts.entry(*point).or_default() += times;
            }
        }
    }
    Ok((answer, Heard { stdout, code: status.code() }))
}

/// How far apart instructions may lie to be asked for together: QEMU goes through all ranges for each instruction.
const NEAR: u64 = 16;

/// What holds `addresses`, which ascend: the first and the last address of each range.
fn ranges(addresses: impl Iterator<Item = u64>) -> Vec<(u64, u64)> {
    let mut ranges: Vec<(u64, u64)> = Vec::new();
    for address in addresses {
        match ranges.last_mut() {
            Some((_, last)) if address - *last <= NEAR => *last = address,
            _ => ranges.push((address, address)),
        }
    }
    ranges
}

/// How often each instruction was executed with which flags, by what QEMU writes: ` PC=0000000000090a40 X00=...`, more registers,
/// `PSTATE=60000000 -ZC- EL0t`. What the program writes stands in between.
fn executed(mut trace: impl BufRead) -> Result<HashMap<(u64, u64), u64>> {
    let mut counted = HashMap::new();
    let mut pc = None;
    let mut line = Vec::new();
    while trace.read_until(b'\n', &mut line)? > 0 {
        let text = String::from_utf8_lossy(&line);
        let field = |name: &str| {
            let digits = text.split(name).nth(1)?.split(|c: char| !c.is_ascii_hexdigit()).next()?;
            u64::from_str_radix(digits, 16).ok()
        };
        if let Some(address) = field(" PC=") {
            pc = Some(address);
        } else if let Some(flags) = field("PSTATE=")
            && let Some(pc) = pc.take()
        {
            *counted.entry((pc, flags >> 28)).or_default() += 1;
        }
        line.clear();
    }
    Ok(counted)
}

fn number(hex: &str) -> Result<u64> {
    let digits = hex.strip_prefix("0x").unwrap_or(hex);
    u64::from_str_radix(digits, 16).with_context(|| format!("{hex} is no address"))
}

/// Whether arm64's flags N, Z, C and V satisfy the condition that a plan names by x86's number of it.
fn holds(code: u8, flags: u64) -> bool {
    let [v, c, z, n] = [0, 1, 2, 3].map(|bit| flags >> bit & 1 == 1);
    let even = match code >> 1 {
        0 => v,
        1 => !c,
        2 => z,
        3 => !c || z,
        4 => n,
        6 => n != v,
        7 => z || n != v,
        _ => false,
    };
    even != (code & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn executions_are_counted_by_address_and_flags() {
        let trace = "Trace
 PC=0000000000090a40 X00=0000000000000001 X01=0000000000000002
X02=0000000000000000 SP=0000004000800000
PSTATE=60000000 -ZC- EL0t
the program's own PC=12
no line break PC=0000000000090a40 X00=0000000000000001
PSTATE=60000000 -ZC- EL0t
 PC=0000000000090a44 X00=0000000000000001
PSTATE=80000000 N--- EL0t
";
        let found = executed(trace.as_bytes()).unwrap();
        assert_eq!(found, HashMap::from([((0x9_0a40, 6), 2), ((0x9_0a44, 8), 1)]));
    }

    #[test]
    fn conditions_are_what_arm64_means_by_them() {
        // N, Z, C, V after CMP of 1 with 1, 2 with 1, 1 with 2, -1 with 1.
        let (same, greater, less, negative) = (0b0110, 0b0010, 0b1000, 0b1010);
        let check = |code, expected: [bool; 4]| {
            assert_eq!([same, greater, less, negative].map(|flags| holds(code, flags)), expected, "{code}");
        };
        check(4, [true, false, false, false]); // eq
        check(5, [false, true, true, true]); // ne
        check(2, [false, false, true, false]); // lo
        check(7, [false, true, false, true]); // hi
        check(12, [false, false, true, true]); // lt
        check(15, [false, true, false, false]); // gt
        check(8, [false, false, true, true]); // mi
    }
}
