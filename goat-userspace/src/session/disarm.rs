//! Takes breakpoints out as soon as they have told all that they can, so that a covered site costs nothing any more.

use std::{
    collections::BTreeMap,
    io,
    os::fd::{AsRawFd, FromRawFd, OwnedFd},
    sync::{Arc, Mutex, PoisonError},
    thread::{self, JoinHandle},
};

use aya::maps::{MapData, RingBuf};
use goat_common::{FIRST_HITS_BYTES, FirstHit};

use super::{Error, arming::Arming, counters::Counters};
use crate::{
    addr::FileOffset,
    plan::{ProbePlan, Site, Slot, Status},
};

/// How often the counters are read even if nothing wakes goat: for first hits that found the ring buffer full, and for
/// sites in the text of processes that came later. 65 536 counters take 18 microseconds.
const SCAN_EVERY_MS: i32 = 1_000;

/// An event in the ring buffer, with its header.
const EVENT_BYTES: usize = size_of::<FirstHit>() + 8;

/// The thread that waits for first hits.
pub(super) struct Disarmer {
    stop: OwnedFd,
    thread: Option<JoinHandle<()>>,
    failure: Arc<Mutex<Option<io::Error>>>,
}

impl Disarmer {
    /// Starts the thread. Hits from before count too. `skip` are slots that have told all that they can.
    pub(super) fn start(
        plan: &ProbePlan,
        arming: Arc<Arming>,
        counters: Arc<Counters>,
        first_hits: RingBuf<MapData>,
        skip: &[Slot],
    ) -> Result<Self, Error> {
        let no_thread = |source| Error::Kernel { action: "start the thread that disarms sites", source };
        let stop = event().map_err(no_thread)?;
        let stopped = stop.try_clone().map_err(no_thread)?;
        let failure = Arc::new(Mutex::new(None));
        let failed = Arc::clone(&failure);
        let mut coverage = Coverage::new(plan);
        // What has told all that it can was hit, or is its points' that were.
        skip.iter().for_each(|slot| drop(coverage.hit(*slot)));
        let thread = thread::Builder::new()
            .name("goat-disarm".into())
            .spawn(move || {
                let ended = run(&mut coverage, &arming, &counters, first_hits, &stopped);
                // What can't be disarmed still counts right: the session goes on without.
                if let Err(error) = ended {
                    tracing::debug!(%error, "cannot disarm sites");
                    *failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                }
            })
            .map_err(no_thread)?;
        Ok(Self { stop, thread: Some(thread), failure })
    }

    /// Why sites are not disarmed any more; `None` while they are.
    pub(super) fn failure(&self) -> Option<String> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(ToString::to_string)
    }
}

impl Drop for Disarmer {
    fn drop(&mut self) {
        // An event counter takes any number but 2^64 - 1.
        let _ = rustix::io::write(&self.stop, &1u64.to_ne_bytes());
        if let Some(thread) = self.thread.take() {
            // A panic has been printed already, and the probes are to be taken out all the same.
            let _ = thread.join();
        }
    }
}

fn run(
    coverage: &mut Coverage,
    arming: &Arming,
    counters: &Counters,
    mut first_hits: RingBuf<MapData>,
    stop: &OwnedFd,
) -> io::Result<()> {
    let mut scan = true;
    loop {
        let mut done = Vec::new();
        let mut events = 0;
        while let Some(event) = first_hits.next() {
            events += 1;
            done.extend(slot_of(&event).into_iter().flat_map(|slot| coverage.hit(slot)));
        }
        // Events may have been lost when the buffer was as good as full.
        if scan || events >= FIRST_HITS_BYTES as usize / EVENT_BYTES / 2 {
            for slot in 0..counters.len() {
                if counters.hits(slot) > 0 {
                    coverage.hit(slot as Slot);
                }
            }
            done.clone_from(&coverage.done);
        }
        arming.disarm(&done)?;
        match wait(first_hits.as_raw_fd(), stop.as_raw_fd())? {
            Woken::Hit => scan = false,
            Woken::Clock => scan = true,
            Woken::Stop => return Ok(()),
        }
    }
}

/// Which slots tell nothing more: those of points that have been covered.
struct Coverage {
    /// By slot: the points that it is a site of.
    points: Vec<Vec<u32>>,
    /// By point.
    slots: Vec<Vec<Slot>>,
    covered: Vec<bool>,
    is_done: Vec<bool>,
    /// By slot: the slots at its address, itself among them. They share one breakpoint.
    together: Vec<Vec<Slot>>,
    /// The slots that tell nothing more, in the order of their becoming so.
    done: Vec<Slot>,
}

impl Coverage {
    fn new(plan: &ProbePlan) -> Self {
        let mut points = vec![Vec::new(); plan.sites.len()];
        let mut slots = Vec::with_capacity(plan.points.len());
        for (index, point) in plan.points.iter().enumerate() {
            let Status::Observed(instances) = &point.status else {
                slots.push(Vec::new());
                continue;
            };
            let of_point: Vec<Slot> =
                instances.iter().flat_map(|i| &i.sites).copied().filter(|s| (*s as usize) < points.len()).collect();
            for slot in &of_point {
                points[*slot as usize].push(index as u32);
            }
            slots.push(of_point);
        }
        let (covered, is_done) = (vec![false; slots.len()], vec![false; points.len()]);
        let mut at: BTreeMap<FileOffset, Vec<Slot>> = BTreeMap::new();
        for (slot, site) in (0..).zip(&plan.sites).filter(|(_, site)| !site.is_fault()) {
            at.entry(site.offset).or_default().push(slot);
        }
        let together =
            |(slot, site): (Slot, &Site)| if site.is_fault() { vec![slot] } else { at[&site.offset].clone() };
        let together = (0..).zip(&plan.sites).map(together).collect();
        Self { points, slots, covered, is_done, together, done: Vec::new() }
    }

    /// Notes a hit on `slot`. Returns the slots that tell nothing more and did so far: this one, and those of its points.
    /// A slot that is also another point's waits for that point, and all slots of one address wait for the last of them: a
    /// branch that was reached may still have a side that was not taken.
    fn hit(&mut self, slot: Slot) -> Vec<Slot> {
        let Some(points) = self.points.get(slot as usize) else { return Vec::new() };
        let mut candidates = vec![slot];
        for point in points {
            if !std::mem::replace(&mut self.covered[*point as usize], true) {
                candidates.extend(&self.slots[*point as usize]);
            }
        }
        candidates.retain(|slot| {
            let slot = *slot as usize;
            let is_done = self.points[slot].iter().all(|p| self.covered[*p as usize]);
            is_done && !std::mem::replace(&mut self.is_done[slot], true)
        });
        let at_rest = |slot: &Slot| self.is_done[*slot as usize];
        let mut found: Vec<Slot> = Vec::new();
        for slot in candidates {
            let together = &self.together[slot as usize];
            if together.iter().all(at_rest) {
                found.extend(together.iter().filter(|s| !found.contains(s)).copied().collect::<Vec<_>>());
            }
        }
        self.done.extend(&found);
        found
    }
}

fn slot_of(event: &[u8]) -> Option<Slot> {
    let at = std::mem::offset_of!(FirstHit, slot);
    event.get(at..at + 4)?.try_into().ok().map(u32::from_ne_bytes)
}

/// What ended a wait.
enum Woken {
    Hit,
    Clock,
    Stop,
}

fn wait(first_hits: i32, stop: i32) -> io::Result<Woken> {
    let mut polls = [first_hits, stop].map(|fd| libc::pollfd { fd, events: libc::POLLIN, revents: 0 });
    // SAFETY: two initialised elements, as the count says.
    let ready = unsafe { libc::poll(polls.as_mut_ptr(), 2, SCAN_EVERY_MS) };
    match ready {
        -1 => match io::Error::last_os_error() {
            e if e.kind() == io::ErrorKind::Interrupted => Ok(Woken::Hit),
            e => Err(e),
        },
        0 => Ok(Woken::Clock),
        _ if polls[1].revents != 0 => Ok(Woken::Stop),
        _ => Ok(Woken::Hit),
    }
}

fn event() -> io::Result<OwnedFd> {
    // SAFETY: takes no pointer.
    let fd = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC) };
    // SAFETY: the kernel has just made this descriptor, and no one else has it.
    if fd >= 0 { Ok(unsafe { OwnedFd::from_raw_fd(fd) }) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_is_done_when_every_point_of_it_is_covered() {
        // Points by their slots; hits in order, each with the slots that it finishes.
        check(&[&[0], &[1]], &[(1, &[1]), (0, &[0])]);
        check(&[&[0, 1, 2]], &[(1, &[1, 0, 2]), (2, &[])]);
        // Slot 1 is also the second point's: it is hit, and both points are covered by it.
        check(&[&[0, 1], &[1, 2]], &[(1, &[1, 0, 2])]);
        // Slot 1 goes on for the second point's sake.
        check(&[&[0, 1], &[1, 2]], &[(0, &[0]), (2, &[2, 1])]);
        // A site of no point, a second hit, and a slot that there is not.
        check(&[&[0]], &[(3, &[3]), (3, &[]), (9, &[])]);
    }

    #[test]
    fn slots_at_one_address_rest_together() {
        // Slots 2 and 3 are both sides of one branch.
        check_at(&[&[0], &[1], &[2], &[3]], &[0, 1, 2, 2], &[(2, &[]), (3, &[2, 3]), (0, &[0])]);
    }

    fn check(points: &[&[Slot]], hits: &[(Slot, &[Slot])]) {
        check_at(points, &[0, 1, 2, 3], hits);
    }

    fn check_at(points: &[&[Slot]], addresses: &[u32; 4], hits: &[(Slot, &[Slot])]) {
        let mut coverage = Coverage {
            together: (0..4)
                .map(|slot: usize| (0..4).filter(|s| addresses[*s as usize] == addresses[slot]).collect())
                .collect(),
            points: (0..4)
                .map(|slot| (0..points.len() as u32).filter(|p| points[*p as usize].contains(&slot)).collect())
                .collect(),
            slots: points.iter().map(|p| p.to_vec()).collect(),
            covered: vec![false; points.len()],
            is_done: vec![false; 4],
            done: Vec::new(),
        };
        for (slot, finished) in hits {
            let mut found = coverage.hit(*slot);
            found.dedup();
            assert_eq!(found, *finished, "hit on {slot} of {points:?}");
        }
    }
}
