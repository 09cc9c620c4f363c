//! Where a session's probes are: its bindings, each an executable with one process or all that run it, and their links.

use std::{
    collections::HashSet,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use super::{
    Error,
    arming::Arming,
    executable::Executable,
    lease::Lease,
    linker::{self, Link, Linked, Linker, Scope},
    neighbours::Whose,
    process::{Proc, Process},
    scan::Scan,
    slot_set::SlotSet,
    text::Text,
    uprobe_multi::Site,
};
use crate::{counts::Armed, plan::Slot};

/// A binding's number, within its session and never used again there.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct BindingId(u64);

/// All of a session's bindings. They share its program and its counters.
pub(super) struct Bindings {
    linker: Linker,
    arming: Arc<Arming>,
    /// By slot.
    sites: Box<[Site]>,
    /// Slots of faults: one link is made for all of them.
    faults: Box<[Slot]>,
    /// Those of them that some site can't do without.
    needed_faults: Box<[Slot]>,
    /// Slots that the kernel has refused.
    refused: SlotSet,
    settings: Settings,
    next: AtomicU64,
    list: Mutex<Vec<Binding>>,
}

/// What of the options concerns bindings.
pub(super) struct Settings {
    pub(super) proc: Proc,
    /// Whether the kernel's own pid filter is used.
    pub(super) kernel_filters: bool,
    pub(super) verify: bool,
    /// Whether texts are written to.
    pub(super) write: bool,
    /// Whether sites wait for [`Bindings::arm_next`].
    pub(super) in_waves: bool,
}

/// One executable, with one process or all.
struct Binding {
    id: BindingId,
    executable: Arc<Executable>,
    /// If it is for every process of the file: dropped when the links are closed. Without one, it has no links of its own, and
    /// each process that is found gets a binding.
    lease: Option<Lease>,
    /// `None`: every process of the executable.
    process: Option<Arc<Process>>,
    scope: Scope,
    /// If it is for every process: those that are there.
    members: Vec<Arc<Process>>,
    scan: Scan,
    /// The slots that its links hold.
    linked: Arc<SlotSet>,
    /// Slots that are still to be linked, the next one last.
    waiting: Vec<Slot>,
    links: Vec<Link>,
}

/// What was taken out of all bindings.
#[derive(Default)]
pub(super) struct Taken {
    pub(super) links: Vec<Link>,
    /// No longer written to.
    pub(super) texts: Vec<Text>,
    /// To be dropped when the links are closed.
    pub(super) leases: Vec<Lease>,
}

impl Binding {
    fn is_one_by_one(&self) -> bool {
        self.process.is_none() && self.lease.is_none()
    }

    fn whose(&self) -> Whose {
        self.process.as_ref().map_or(Whose::Everyone, |process| Whose::Process(process.start()))
    }
}

const NO_LEASE: &str = "goat can't hold back writers to the file (for another user's, that takes CAP_LEASE), and arms its processes one \
                        by one as they are found: what a new one runs in its first quarter of a second is not counted";

impl Bindings {
    /// No binding yet.
    pub(super) fn new(
        linker: Linker,
        arming: Arc<Arming>,
        sites: Box<[Site]>,
        needed_faults: Box<[Slot]>,
        settings: Settings,
    ) -> Self {
        let refused = SlotSet::none(sites.len());
        let faults = arming.order().iter().copied().filter(|slot| arming.is_fault(*slot)).collect();
        let (next, list) = (AtomicU64::new(0), Mutex::default());
        Self { linker, arming, sites, faults, needed_faults, refused, settings, next, list }
    }

    /// The loaded program.
    pub(super) fn linker(&self) -> &Linker {
        &self.linker
    }

    /// Arms `executable`, which must have been checked, in `process` or in every process. In waves, it is left to
    /// [`Self::arm_next`] to arm the sites.
    pub(super) fn add(&self, executable: Arc<Executable>, process: Option<Arc<Process>>) -> Result<BindingId, Error> {
        let scope = self.linker.scope(process.as_deref(), self.settings.kernel_filters)?;
        let id = BindingId(self.next.fetch_add(1, Ordering::Relaxed));
        let linked = Arc::new(SlotSet::none(self.sites.len()));
        let lease = match &process {
            Some(_) => None,
            None => executable.lease().inspect_err(|e| tracing::warn!("{NO_LEASE}: {e}")).ok(),
        };
        let mut binding = Binding {
            id,
            executable,
            lease,
            process,
            scope,
            members: Vec::new(),
            scan: Scan::default(),
            linked,
            waiting: Vec::new(),
            links: Vec::new(),
        };
        // A covered point's sites have told what they can.
        let is_wanted = |slot: &Slot| {
            let told = self.arming.state(*slot as usize) == Armed::Disarmed;
            !told && !self.refused.contains(*slot) && !self.arming.is_fault(*slot)
        };
        let one_by_one = binding.is_one_by_one();
        // Before the links: whoever takes the breakpoints of others out has to know of them by then.
        self.arming.announce(&binding.executable, binding.whose());
        if one_by_one {
            self.lock().push(binding);
            self.adopt()?;
            return Ok(id);
        }
        binding.waiting = self.arming.order().iter().rev().copied().filter(is_wanted).collect();
        // Before the links: what is hit while they are made can be disarmed at once.
        let added = self.add_texts(&mut binding).and_then(|_| {
            self.arm_faults(&mut binding);
            match self.settings.in_waves {
                true => Ok(()),
                false => self.arm(&mut binding, usize::MAX).map(|_| ()),
            }
        });
        // A process that ended in between may have passed its number on; one that has not, has it still.
        let gone = binding.process.as_ref().filter(|p| !p.is_current()).map(|p| Error::NoProcess { pid: p.pid() });
        match added.err().or(gone) {
            Some(error) => {
                self.release(binding);
                Err(error)
            }
            None => {
                self.lock().push(binding);
                Ok(id)
            }
        }
    }

    /// Takes the probes of a binding out.
    pub(super) fn remove(&self, id: BindingId) {
        let removed: Vec<Binding> = self.lock().extract_if(.., |b| b.id == id).collect();
        removed.into_iter().for_each(|b| self.release(b));
    }

    /// All that there is, for the caller to close.
    pub(super) fn take(&self) -> Taken {
        let all = std::mem::take(&mut *self.lock());
        let mut taken = Taken::default();
        for binding in all {
            taken.texts.extend(self.arming.forget(&binding.linked));
            taken.links.extend(binding.links);
            taken.leases.extend(binding.lease);
        }
        taken
    }

    /// Ends bindings to processes that are gone or run something else, and reads back the sites in processes that have come
    /// since. Says how many processes are probed.
    pub(super) fn refresh(&self) -> Result<usize, Error> {
        let is_over = |b: &mut Binding| match (&b.process, &b.lease) {
            (Some(process), _) => !process.is_current(),
            (None, lease) => lease.as_ref().is_some_and(Lease::is_wanted_back),
        };
        let over: Vec<Binding> = self.lock().extract_if(.., is_over).collect();
        over.into_iter().for_each(|b| self.release(b));
        self.adopt()?;
        let mut running = 0;
        for binding in &mut *self.lock() {
            running += self.add_texts(binding)?;
        }
        Ok(running)
    }

    /// Binds the processes of files that can't be bound as a whole.
    fn adopt(&self) -> Result<(), Error> {
        let proc = &self.settings.proc;
        let mut found = Vec::new();
        {
            let mut list = self.lock();
            let bound: Vec<u32> = list.iter().filter_map(|b| Some(b.process.as_ref()?.pid())).collect();
            for Binding { executable, scan, .. } in list.iter_mut().filter(|b| b.is_one_by_one()) {
                let pids = scan.find(proc, |pid| executable.is_run_by(proc, pid));
                found.extend(
                    pids.into_iter().filter(|pid| !bound.contains(pid)).map(|pid| (Arc::clone(executable), pid)),
                );
            }
        }
        for (executable, pid) in found {
            let added = Process::open(proc, pid).and_then(|process| self.add(executable, Some(Arc::new(process))));
            match added {
                // One that ends meanwhile is no failure.
                Ok(_) | Err(Error::NoProcess { .. } | Error::Read { .. }) => {}
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }

    /// Links the next sites, at most `limit` of them, of the first binding that still has any. Says how many: 0 when none
    /// waits. In [`Settings::in_waves`], whoever governs calls it at their pace.
    pub(super) fn arm_next(&self, limit: usize) -> Result<usize, Error> {
        let mut list = self.lock();
        match list.iter_mut().find(|b| !b.waiting.is_empty()) {
            Some(binding) => self.arm(binding, limit),
            None => Ok(0),
        }
    }

    /// How many sites of all bindings are still to be linked.
    pub(super) fn waiting(&self) -> usize {
        self.lock().iter().map(|b| b.waiting.len()).sum()
    }

    /// Whether any is for every process, or for one that is still there.
    pub(super) fn any_alive(&self) -> bool {
        self.lock().iter().any(|b| b.process.as_ref().is_none_or(|p| p.is_current()))
    }

    /// The processes that are probed, by binding.
    pub(super) fn processes(&self) -> Vec<(BindingId, Arc<Process>)> {
        let list = self.lock();
        list.iter().flat_map(|b| b.members.iter().map(|process| (b.id, Arc::clone(process)))).collect()
    }

    /// Whether the binding is there, and its process too.
    pub(super) fn is_current(&self, id: BindingId) -> bool {
        self.lock().iter().any(|b| b.id == id && b.process.as_ref().is_none_or(|p| p.is_current()))
    }

    /// Whether the binding is there still.
    pub(super) fn has(&self, id: BindingId) -> bool {
        self.lock().iter().any(|b| b.id == id)
    }

    /// Before any site, so that no fault is missed that one of them does not count. Where it can't be done, what needs it says so.
    fn arm_faults(&self, binding: &mut Binding) {
        let link = self.linker.link_faults(&binding.executable, &binding.scope).unwrap_or_else(|error| {
            tracing::debug!(%error, "faults are not told of");
            None
        });
        if link.is_none() && binding.process.as_ref().is_none_or(|p| p.is_current()) {
            self.needed_faults.iter().for_each(|slot| self.arming.refuse(*slot as usize));
        }
        binding.links.extend(link);
        self.faults.iter().for_each(|slot| binding.linked.insert(*slot));
        self.arming.read_back(&binding.linked, &self.faults);
    }

    /// Takes the slots of `out` out of every link and puts those of `back` into new ones, all others staying where they are:
    /// a link without the slots comes first, then the old one goes. Returns the old ones, for the caller to close, and the slots
    /// that count twice until it has.
    pub(super) fn relink(&self, out: &[Slot], back: &[Slot]) -> Result<(Vec<Link>, Vec<Slot>), Error> {
        let (out, back): (HashSet<Slot>, HashSet<Slot>) =
            (out.iter().copied().collect(), back.iter().copied().collect());
        let (mut old, mut twice) = (Vec::new(), Vec::new());
        // Those of processes that are armed one by one have links of their own.
        for binding in self.lock().iter_mut().filter(|binding| !binding.is_one_by_one()) {
            // What is not linked yet is not to be.
            binding.waiting.retain(|slot| !out.contains(slot));
            for link in std::mem::take(&mut binding.links) {
                let slots = match &link {
                    Link::Multi { slots, .. } if slots.iter().any(|slot| out.contains(slot)) => slots,
                    _ => {
                        binding.links.push(link);
                        continue;
                    }
                };
                let kept: Vec<Slot> = slots.iter().copied().filter(|slot| !out.contains(slot)).collect();
                let made = self.linker.link(&binding.executable, &self.sites_of(&kept), &binding.scope);
                match made {
                    Ok(linked) => {
                        binding.links.extend(linked.links);
                        twice.extend(kept);
                        old.push(link);
                    }
                    // As it was.
                    Err(error) => {
                        binding.links.push(link);
                        return Err(error);
                    }
                }
            }
            let held = |link: &Link| if let Link::Multi { slots, .. } = link { slots.to_vec() } else { Vec::new() };
            let held: HashSet<Slot> = binding.links.iter().flat_map(held).collect();
            let due: Vec<Slot> =
                back.iter().copied().filter(|s| !held.contains(s) && !binding.waiting.contains(s)).collect();
            if !due.is_empty() {
                let linked = self.linker.link(&binding.executable, &self.sites_of(&due), &binding.scope)?;
                binding.links.extend(linked.links);
            }
        }
        Ok((old, twice))
    }

    fn sites_of(&self, slots: &[Slot]) -> Vec<Site> {
        slots.iter().map(|slot| self.sites[*slot as usize]).collect()
    }

    fn arm(&self, binding: &mut Binding, limit: usize) -> Result<usize, Error> {
        let rest = binding.waiting.len().saturating_sub(limit);
        let slots: Vec<Slot> = binding.waiting.drain(rest..).rev().collect();
        let taken = slots.len();
        // Something may have been covered since it began to wait.
        let is_due = |slot: &Slot| self.arming.state(*slot as usize) != Armed::Disarmed;
        let slots: Vec<Slot> = slots.into_iter().filter(is_due).collect();
        let sites = self.sites_of(&slots);
        let Linked { links, refused } = match self.linker.link(&binding.executable, &sites, &binding.scope) {
            Ok(linked) => linked,
            // There is no one left to arm anything in.
            Err(_) if binding.process.as_ref().is_some_and(|p| !p.is_current()) => {
                binding.waiting.clear();
                return Ok(taken);
            }
            Err(e) => return Err(e),
        };
        binding.links.extend(links);
        for slot in refused.into_iter().map(|index| slots[index]) {
            self.refused.insert(slot);
            self.arming.refuse(slot as usize);
        }
        slots.iter().filter(|slot| !self.refused.contains(**slot)).for_each(|slot| binding.linked.insert(*slot));
        self.arming.read_back(&binding.linked, &slots);
        Ok(taken)
    }

    /// Opens the texts of the binding's processes that are not known yet. Says how many processes it has.
    fn add_texts(&self, binding: &mut Binding) -> Result<usize, Error> {
        let Settings { proc, verify, write, .. } = &self.settings;
        let Binding { executable, process, members, scan, linked, .. } = binding;
        match process {
            Some(process) if members.is_empty() => members.push(Arc::clone(process)),
            Some(_) => {}
            None if binding.lease.is_none() => {}
            None => {
                members.retain(|member| member.is_current());
                for pid in scan.find(proc, |pid| executable.is_run_by(proc, pid)) {
                    // One that ends meanwhile is no failure.
                    if !members.iter().any(|m| m.pid() == pid)
                        && let Ok(process) = Process::open(proc, pid)
                    {
                        members.push(Arc::new(process));
                    }
                }
                self.arming.retain_current(linked);
            }
        }
        for process in members.iter().filter(|p| *verify && !self.arming.knows(p, linked)) {
            self.add_text(Text::open(Arc::clone(process), *write, Arc::clone(linked)))?;
        }
        Ok(members.iter().filter(|p| p.is_current()).count())
    }

    fn add_text(&self, text: Result<Text, Error>) -> Result<(), Error> {
        match text {
            Ok(text) => self.arming.add(text),
            // A process that ends meanwhile is no failure.
            Err(Error::Read { .. }) => {}
            Err(e) => return Err(e),
        }
        Ok(())
    }

    /// The texts first: what is written there must not outlive the uprobes.
    fn release(&self, binding: Binding) {
        self.arming.forget(&binding.linked);
        let whose = binding.whose();
        linker::close(binding.links);
        // Whoever waits to write to the file may do so now.
        drop(binding.lease);
        self.arming.withdraw(&binding.executable, whose);
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Binding>> {
        // A binding is in the list or not, whatever a thread was doing when it panicked.
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
