//! The thread that is woken by hits: takes breakpoints out as soon as they have told all that they can, so that a covered
//! site costs nothing any more, and has the governor look at what the others cost.

use std::{
    io,
    os::fd::{AsRawFd, FromRawFd, OwnedFd},
    sync::{Arc, Mutex, PoisonError},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use aya::maps::{MapData, RingBuf};
use goat_common::{FIRST_HITS_BYTES, FirstHit, NO_SLOT};

use super::{Error, breakpoints::Breakpoints, counters::Counters, coverage::Coverage, throttle::Throttle};
use crate::plan::Slot;

/// How often the counters are read even if nothing wakes goat: for first hits that found the ring buffer full, and for
/// sites in the text of processes that came later. 65 536 counters take 18 microseconds.
const SCAN_EVERY: Duration = Duration::from_secs(1);

/// An event in the ring buffer, with its header.
const EVENT_BYTES: usize = size_of::<FirstHit>() + 8;

/// The thread, which ends when this is dropped.
pub(super) struct Watch {
    stop: OwnedFd,
    thread: Option<JoinHandle<()>>,
    failure: Arc<Mutex<Option<io::Error>>>,
}

/// What the thread watches, and what it does about it.
pub(super) struct Duties {
    pub(super) breakpoints: Arc<Breakpoints>,
    pub(super) counters: Arc<Counters>,
    pub(super) first_hits: RingBuf<MapData>,
    /// To disarm what has told all that it can.
    pub(super) coverage: Option<Coverage>,
    /// To keep the rest within the budget.
    pub(super) throttle: Option<Throttle>,
}

impl Watch {
    /// Starts the thread. Hits from before count too.
    pub(super) fn start(mut duties: Duties) -> Result<Self, Error> {
        let no_thread = |source| Error::Kernel { action: "start the thread that watches the counters", source };
        let stop = event().map_err(no_thread)?;
        let stopped = stop.try_clone().map_err(no_thread)?;
        let failure = Arc::new(Mutex::new(None));
        let failed = Arc::clone(&failure);
        let thread = thread::Builder::new()
            .name("goat-watch".into())
            .spawn(move || {
                let ended = duties.run(&stopped);
                // What can't be disarmed still counts right: the session goes on without.
                if let Err(error) = ended {
                    tracing::debug!(%error, "cannot disarm sites");
                    *failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                }
            })
            .map_err(no_thread)?;
        Ok(Self { stop, thread: Some(thread), failure })
    }

    /// Why nothing is taken out of texts any more; `None` while all is well.
    pub(super) fn failure(&self) -> Option<String> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(ToString::to_string)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        // An event counter takes any number but 2^64 - 1.
        let _ = rustix::io::write(&self.stop, &1u64.to_ne_bytes());
        if let Some(thread) = self.thread.take() {
            // A panic has been printed already, and the probes are to be taken out all the same.
            let _ = thread.join();
        }
    }
}

impl Duties {
    fn run(&mut self, stop: &OwnedFd) -> io::Result<()> {
        let (mut scan, mut scanned) = (true, Instant::now());
        let mut hurry = true;
        loop {
            let events = self.take_events(&mut hurry);
            // Events may have been lost when the buffer was as good as full.
            let scan_now = scan || events.lost;
            let done = if scan_now { self.scan() } else { events.done };
            if scan_now {
                scanned = Instant::now();
            }
            self.breakpoints.disarm(&done)?;
            if let Some(throttle) = &mut self.throttle {
                throttle.leave(&done);
                if throttle.due_in(hurry).is_zero() {
                    throttle.step()?;
                    hurry = false;
                }
            }
            let until_scan = SCAN_EVERY.saturating_sub(scanned.elapsed());
            let timeout = self.throttle.as_ref().map_or(until_scan, |t| t.due_in(hurry).min(until_scan));
            match wait(self.first_hits.as_raw_fd(), stop.as_raw_fd(), timeout)? {
                Woken::Stop => return Ok(()),
                Woken::Hit | Woken::Clock => scan = scanned.elapsed() >= SCAN_EVERY,
            }
        }
    }

    /// Empties the ring buffer.
    fn take_events(&mut self, hurry: &mut bool) -> Events {
        let mut events = Events::default();
        let mut number = 0;
        while let Some(event) = self.first_hits.next() {
            number += 1;
            match slot_of(&event) {
                Some(NO_SLOT) => *hurry = true,
                Some(slot) => events.done.extend(self.coverage.iter_mut().flat_map(|c| c.hit(slot))),
                None => {}
            }
        }
        events.lost = number >= FIRST_HITS_BYTES as usize / EVENT_BYTES / 2;
        events
    }

    /// Looks at every counter. Says which slots tell nothing more, those included that did so before: a process that came
    /// later may have them armed still.
    fn scan(&mut self) -> Vec<Slot> {
        let Some(coverage) = &mut self.coverage else { return Vec::new() };
        for slot in 0..self.counters.len() {
            if self.counters.hits(slot) > 0 {
                coverage.hit(slot as Slot);
            }
        }
        coverage.done().to_vec()
    }
}

/// What the ring buffer held.
#[derive(Default)]
struct Events {
    /// Slots that have told all that they can.
    done: Vec<Slot>,
    /// Whether there may have been more.
    lost: bool,
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

fn wait(first_hits: i32, stop: i32, timeout: Duration) -> io::Result<Woken> {
    let mut polls = [first_hits, stop].map(|fd| libc::pollfd { fd, events: libc::POLLIN, revents: 0 });
    let timeout = libc::timespec { tv_sec: 0, tv_nsec: timeout.as_nanos().min(999_999_999) as libc::c_long };
    // SAFETY: two initialised elements, as the count says; the time is initialised too, and there is no signal mask.
    let ready = unsafe { libc::ppoll(polls.as_mut_ptr(), 2, &raw const timeout, std::ptr::null()) };
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
