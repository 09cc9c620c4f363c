//! Whether each site's breakpoint is in the text: read back after attaching, never assumed.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU8, Ordering},
    },
    time::{Duration, Instant},
};

use super::{executable::Executable, neighbours::Whose, process::Process, slot_set::SlotSet, text::Text};
use crate::{
    addr::VirtAddr,
    counts::Armed,
    plan::{ProbeClass, ProbePlan, Slot},
};

/// x86's int3 (arch/x86/include/asm/uprobes.h).
const INT3: &[u8] = &[0xcc];
/// arm64's `BRK #5`, little-endian (arch/arm64/include/asm/brk-imm.h).
const BRK: &[u8] = &[0xa0, 0x00, 0x20, 0xd4];
/// What Linux 6.18+ writes over a 5-byte nop on x86 after its first hit: a call.
const CALL: u8 = 0xe8;

/// How far apart sites may lie to be read at once.
const NEAR: u64 = 4096;
/// How often disarmed sites are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How much text is read at once.
const MAX_READ: u64 = 64 * 1024;

/// What is known of each site, by slot, and the texts that it was read from.
pub(super) struct Arming {
    sites: Box<[SiteText]>,
    /// Slots in the order of their offsets.
    order: Box<[Slot]>,
    breakpoint: &'static [u8],
    states: Box<[AtomicU8]>,
    /// Locked while texts are read or written, so that a disarmed site is not taken for one that never was armed.
    texts: Mutex<Vec<Text>>,
    /// The files that are probed.
    probed: Mutex<Vec<(Arc<Executable>, Whose)>>,
    /// When disarmed sites were last looked at.
    looked: Mutex<Instant>,
    paused: AtomicBool,
}

impl Drop for Arming {
    fn drop(&mut self) {
        let probed = self.probed.get_mut().unwrap_or_else(PoisonError::into_inner);
        probed.drain(..).for_each(|(executable, whose)| executable.withdraw(whose));
    }
}

struct SiteText {
    address: VirtAddr,
    offset: u64,
    instruction: Box<[u8]>,
    class: ProbeClass,
}

impl Arming {
    /// Every site of `plan`, pending.
    pub(super) fn new(plan: &ProbePlan) -> Self {
        let text = |s: &crate::plan::Site| SiteText {
            address: s.address,
            offset: s.offset.0,
            instruction: s.instruction.clone().into(),
            class: s.class,
        };
        let sites: Box<[_]> = plan.sites.iter().map(text).collect();
        let mut order: Box<[Slot]> = (0..u32::try_from(sites.len()).expect("no more than MAX_SITES")).collect();
        order.sort_by_key(|slot| sites[*slot as usize].offset);
        let breakpoint = if plan.identity.arch == "arm64" { BRK } else { INT3 };
        let states = sites.iter().map(|_| AtomicU8::new(encode(Armed::Pending))).collect();
        Self {
            sites,
            order,
            breakpoint,
            states,
            texts: Mutex::default(),
            probed: Mutex::default(),
            looked: Mutex::new(Instant::now()),
            paused: AtomicBool::new(false),
        }
    }

    /// What is known of `slot`.
    pub(super) fn state(&self, slot: usize) -> Armed {
        decode(self.states[slot].load(Ordering::Relaxed))
    }

    /// Notes that the kernel refused `slot`.
    pub(super) fn refuse(&self, slot: usize) {
        self.set(slot, Armed::NotArmed);
    }

    /// Notes that `slot` has told what it can before it was ever armed.
    pub(super) fn skip(&self, slot: usize) {
        if slot < self.states.len() {
            self.set(slot, Armed::Disarmed);
        }
    }

    /// Whether `slot` has no breakpoint of its own: it counts faults.
    pub(super) fn is_fault(&self, slot: Slot) -> bool {
        self.sites[slot as usize].class == ProbeClass::Fault
    }

    /// Slots in the order of their offsets.
    pub(super) fn order(&self) -> &[Slot] {
        &self.order
    }

    /// Whether the text of `process` is there, with the probes of `linked`.
    pub(super) fn knows(&self, process: &Process, linked: &Arc<SlotSet>) -> bool {
        self.lock().iter().any(|t| std::ptr::eq(&**t.process(), process) && Arc::ptr_eq(t.linked(), linked))
    }

    /// Forgets the texts with the probes of `linked` whose processes are gone.
    pub(super) fn retain_current(&self, linked: &Arc<SlotSet>) {
        self.lock().retain(|t| !Arc::ptr_eq(t.linked(), linked) || t.process().is_current());
    }

    /// Forgets the texts with the probes of `linked`: none of them is written to from now on.
    pub(super) fn forget(&self, linked: &Arc<SlotSet>) -> Vec<Text> {
        self.lock().extract_if(.., |t| Arc::ptr_eq(t.linked(), linked)).collect()
    }

    /// Says to other sessions that `executable` is probed.
    pub(super) fn announce(&self, executable: &Arc<Executable>, whose: Whose) {
        executable.announce(whose);
        self.probed.lock().unwrap_or_else(PoisonError::into_inner).push((Arc::clone(executable), whose));
    }

    /// Says that it is no longer.
    pub(super) fn withdraw(&self, executable: &Arc<Executable>, whose: Whose) {
        let mut probed = self.probed.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = probed.iter().position(|(known, of)| Arc::ptr_eq(known, executable) && *of == whose) {
            probed.swap_remove(at).0.withdraw(whose);
        }
    }

    /// Whether another session counts by the breakpoints in these texts: then none is taken out.
    fn is_shared(&self) -> bool {
        let probed = self.probed.lock().unwrap_or_else(PoisonError::into_inner);
        probed.iter().any(|(executable, _)| executable.is_shared())
    }

    /// Keeps `text` to disarm sites in, and reads its linked sites back.
    pub(super) fn add(&self, text: Text) {
        let mut texts = self.lock();
        let linked = Arc::clone(text.linked());
        self.read_back_in(&text, &self.order, &linked);
        texts.push(text);
    }

    /// Reads `slots` back from each text with the probes of `linked`, once they are in. In the order of their offsets.
    pub(super) fn read_back(&self, linked: &Arc<SlotSet>, slots: &[Slot]) {
        for text in self.lock().iter().filter(|t| Arc::ptr_eq(t.linked(), linked)) {
            self.read_back_in(text, slots, linked);
        }
    }

    /// Sites disarmed elsewhere are disarmed here too. A text that can't be read, because its process is gone, changes
    /// nothing.
    fn read_back_in(&self, text: &Text, slots: &[Slot], linked: &SlotSet) {
        let slots: Vec<Slot> = slots.iter().copied().filter(|slot| linked.contains(*slot)).collect();
        let is_shared = self.is_shared();
        self.for_each_in(text, &slots, |slot, bytes| {
            let site = &self.sites[slot];
            let armed = match site.class {
                // Its probe is another's: once linked, it is there.
                ProbeClass::Fault => true,
                ProbeClass::Nop5 if bytes[0] == CALL => true,
                _ => bytes.starts_with(self.breakpoint),
            };
            match (self.state(slot), armed) {
                (Armed::Disarmed | Armed::Throttled, true) if !is_shared => {
                    // Failing leaves a probe that costs time and counts right.
                    let _ = self.write_original(text, slot);
                }
                (Armed::Disarmed | Armed::Throttled | Armed::NotArmed, _) => {}
                (_, true) => self.set(slot, Armed::Armed),
                (_, false) => self.set(slot, Armed::NotArmed),
            }
        });
    }

    /// Whether [`Self::take_out`] is to do nothing.
    pub(super) fn pause(&self, paused: bool) {
        let _texts = self.lock();
        self.paused.store(paused, Ordering::Relaxed);
    }

    /// Whether breakpoints are to be left where they are.
    pub(super) fn is_paused(&self) -> bool {
        self.paused.load(Ordering::Relaxed)
    }

    /// Takes the breakpoint of each of `slots` out of every text, for good or for a while, as `state` says: of none while
    /// another session counts by them.
    pub(super) fn take_out(&self, slots: &[Slot], state: Armed) -> std::io::Result<()> {
        let texts = self.lock();
        let is_shared = self.is_shared();
        if is_shared || self.is_paused() {
            return Ok(());
        }
        self.take_out_again(&texts)?;
        for slot in slots.iter().map(|s| *s as usize) {
            if !self.can_be_disarmed(slot) || texts.is_empty() {
                continue;
            }
            for text in &*texts {
                self.write_original(text, slot)?;
            }
            self.set(slot, state);
        }
        if self.is_shared() {
            // It came while this wrote, and said so before it attached: what it needs is put back.
            for slot in slots.iter().map(|s| *s as usize).filter(|slot| self.is_out(*slot)) {
                texts.iter().try_for_each(|text| self.write_breakpoint(text, slot))?;
            }
        }
        Ok(())
    }

    /// Whether the breakpoint was taken out, for good or for a while.
    fn is_out(&self, slot: usize) -> bool {
        matches!(self.state(slot), Armed::Disarmed | Armed::Throttled)
    }

    /// Takes breakpoints out that are back: another session that attached had them put in, and when it left, the kernel let them
    /// stay for this one's sake. Looks once in a while only; ten thousand sites take about a millisecond.
    fn take_out_again(&self, texts: &[Text]) -> std::io::Result<()> {
        let mut looked = self.looked.lock().unwrap_or_else(PoisonError::into_inner);
        if looked.elapsed() < LOOK_EVERY {
            return Ok(());
        }
        *looked = Instant::now();
        for text in texts {
            let is_out = |slot: &Slot| self.is_out(*slot as usize) && text.linked().contains(*slot);
            let slots: Vec<Slot> = self.order.iter().copied().filter(is_out).collect();
            let mut back = Vec::new();
            self.for_each_in(text, &slots, |slot, bytes| {
                if bytes.starts_with(self.breakpoint) {
                    back.push(slot);
                }
            });
            back.into_iter().try_for_each(|slot| self.write_original(text, slot))?;
        }
        Ok(())
    }

    /// Puts the breakpoint of each of `slots` that is out for a while back into every text.
    pub(super) fn rearm(&self, slots: &[Slot]) -> std::io::Result<()> {
        let texts = self.lock();
        for slot in slots.iter().map(|s| *s as usize).filter(|slot| self.state(*slot) == Armed::Throttled) {
            // Texts are forgotten before their links are closed.
            for text in &*texts {
                self.write_breakpoint(text, slot)?;
            }
            self.set(slot, Armed::Armed);
        }
        Ok(())
    }

    /// The processes whose texts are known.
    pub(super) fn processes(&self) -> Vec<Arc<Process>> {
        self.lock().iter().map(|text| Arc::clone(text.process())).collect()
    }

    /// Whether the breakpoint of `slot` can be taken out by writing to the text.
    pub(super) fn is_writable(&self, slot: Slot) -> bool {
        self.sites[slot as usize].class != ProbeClass::Nop5
    }

    /// A 5-byte nop holds a 5-byte call after its first hit since Linux 6.18: one byte written there crashes the target. A site
    /// that was hit is in the text, whether or not it has been read back yet.
    fn can_be_disarmed(&self, slot: usize) -> bool {
        let state = self.state(slot);
        // One that is out for a while may go for good, or may have come back: the kernel arms an address anew for each link.
        matches!(state, Armed::Armed | Armed::Pending | Armed::Throttled)
            && !matches!(self.sites[slot].class, ProbeClass::Nop5 | ProbeClass::Fault)
    }

    /// Writes the original bytes over a breakpoint, and over nothing else. The uprobe stays registered: a trap on its way
    /// is handled as ever, and the kernel takes the text as it finds it when it unregisters.
    fn write_original(&self, text: &Text, slot: usize) -> std::io::Result<()> {
        let site = &self.sites[slot];
        let Some(original) = site.instruction.get(..self.breakpoint.len()) else { return Ok(()) };
        overwrite(text, site.offset, self.breakpoint, original)
    }

    /// The reverse, and only where there is a uprobe to handle it: a breakpoint that is no one's kills the process.
    fn write_breakpoint(&self, text: &Text, slot: usize) -> std::io::Result<()> {
        let site = &self.sites[slot];
        if !text.linked().contains(slot as Slot) {
            return Ok(());
        }
        let Some(original) = site.instruction.get(..self.breakpoint.len()) else { return Ok(()) };
        overwrite(text, site.offset, original, self.breakpoint)
    }

    /// The sites whose bytes in any of `texts` that lives are not the binary's: none after detaching. The first, and how many.
    pub(super) fn differing(&self, texts: &[Text]) -> Option<(VirtAddr, usize)> {
        let mut differing = Vec::new();
        for text in texts {
            self.for_each_in(text, &self.order, |slot, bytes| {
                if *bytes != *self.sites[slot].instruction {
                    differing.push(self.sites[slot].address);
                }
            });
        }
        Some((*differing.iter().min()?, differing.len()))
    }

    /// Calls `visit` with each of `slots`, which are in the order of their offsets, and its bytes in `text`; neighbours are
    /// read together.
    fn for_each_in(&self, text: &Text, slots: &[Slot], mut visit: impl FnMut(usize, &[u8])) {
        let mut buffer = Vec::new();
        let mut rest = slots;
        while let Some(first) = rest.first() {
            let start = self.sites[*first as usize].offset;
            let mut end = start;
            let near = rest.iter().take_while(|slot| {
                let site = &self.sites[**slot as usize];
                let behind = site.offset + site.instruction.len() as u64;
                let fits = site.offset <= end.saturating_add(NEAR) && behind - start <= MAX_READ;
                end = if fits { end.max(behind) } else { end };
                fits
            });
            let (run, behind) = rest.split_at(near.count().max(1));
            rest = behind;
            buffer.resize((end - start) as usize, 0);
            if text.read(start, &mut buffer).is_err() {
                continue;
            }
            for slot in run {
                let site = &self.sites[*slot as usize];
                let at = (site.offset - start) as usize;
                visit(*slot as usize, &buffer[at..at + site.instruction.len()]);
            }
        }
    }

    /// Notes what has become of `slot`.
    pub(super) fn set(&self, slot: usize, state: Armed) {
        self.states[slot].store(encode(state), Ordering::Relaxed);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Text>> {
        // The texts are whole whatever a thread was doing when it panicked.
        self.texts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes `new` over `old`, and over nothing else.
fn overwrite(text: &Text, offset: u64, old: &[u8], new: &[u8]) -> std::io::Result<()> {
    let mut found = [0; 4];
    let found = &mut found[..old.len()];
    // A process that has exited has no text left.
    if text.read(offset, found).is_err() || *found != *old {
        return Ok(());
    }
    match text.write(offset, new) {
        // It exited in between.
        Err(_) if text.read(offset, found).is_err() => Ok(()),
        written => written,
    }
}

fn encode(state: Armed) -> u8 {
    match state {
        Armed::Pending => 0,
        Armed::Armed => 1,
        Armed::NotArmed => 2,
        Armed::Disarmed => 3,
        Armed::Throttled => 4,
    }
}

fn decode(state: u8) -> Armed {
    match state {
        1 => Armed::Armed,
        2 => Armed::NotArmed,
        3 => Armed::Disarmed,
        4 => Armed::Throttled,
        _ => Armed::Pending,
    }
}
