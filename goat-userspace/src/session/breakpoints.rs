//! Takes breakpoints out and puts them back: by writing to the texts, or where that is not possible by links without them.

use std::{
    io,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
};

use super::{
    Backend, DisarmBy, Error, arming::Arming, binding::Bindings, counters::Counters, linker, throttle::Ledger,
};
use crate::{counts::Armed, plan::Slot};

/// All breakpoints of a session, and the way to reach them.
pub(super) struct Breakpoints {
    arming: Arc<Arming>,
    bindings: Arc<Bindings>,
    counters: Arc<Counters>,
    ledger: Arc<Ledger>,
    relinks: AtomicBool,
    /// Whether hits that count twice for a moment matter.
    counts: bool,
    /// Threads that close old links.
    closers: Mutex<Vec<JoinHandle<()>>>,
}

impl Breakpoints {
    /// By `by` at first. `counts` where how often matters.
    pub(super) fn new(
        arming: Arc<Arming>,
        bindings: Arc<Bindings>,
        counters: Arc<Counters>,
        ledger: Arc<Ledger>,
        by: DisarmBy,
        counts: bool,
    ) -> Self {
        let relinks = AtomicBool::new(by == DisarmBy::Relink);
        Self { arming, bindings, counters, ledger, relinks, counts, closers: Mutex::default() }
    }

    /// Takes `slots` out for good.
    pub(super) fn disarm(&self, slots: &[Slot]) -> io::Result<()> {
        self.change(slots, &[], Armed::Disarmed)
    }

    /// Takes `out` out for a while, and puts `back` back.
    pub(super) fn throttle(&self, out: &[Slot], back: &[Slot]) -> io::Result<()> {
        self.change(out, back, Armed::Throttled)
    }

    fn change(&self, out: &[Slot], back: &[Slot], state: Armed) -> io::Result<()> {
        if (out.is_empty() && back.is_empty()) || self.arming.is_paused() {
            return Ok(());
        }
        if !self.relinks() {
            let written = self.arming.take_out(out, state).and_then(|()| self.arming.rearm(back));
            match written {
                // proc_mem.force_override=never, or a security module.
                Err(error) if self.bindings.linker().backend() == Backend::UprobeMulti => {
                    tracing::debug!(%error, "cannot write to the target's text: links are made anew");
                    self.relinks.store(true, Ordering::Relaxed);
                }
                written => return written,
            }
        }
        self.relink(out, back, state).map_err(io::Error::other)
    }

    /// Whether texts are left alone.
    pub(super) fn relinks(&self) -> bool {
        self.relinks.load(Ordering::Relaxed)
    }

    fn relink(&self, out: &[Slot], back: &[Slot], state: Armed) -> Result<(), Error> {
        let is_in = |slot: &Slot| matches!(self.arming.state(*slot as usize), Armed::Armed | Armed::Pending);
        let out: Vec<Slot> = out.iter().copied().filter(is_in).collect();
        if out.is_empty() && back.is_empty() {
            return Ok(());
        }
        let before: Vec<u64> = self.counters.all_hits();
        let (old, twice) = self.bindings.relink(&out, back)?;
        out.iter().for_each(|slot| self.arming.set(*slot as usize, state));
        back.iter().for_each(|slot| self.arming.set(*slot as usize, Armed::Armed));
        let (counters, ledger, counts) = (Arc::clone(&self.counters), Arc::clone(&self.ledger), self.counts);
        let close = move || {
            linker::close(old);
            // From the making of the new link to the end of the old one, each hit counted once or twice.
            for slot in twice.into_iter().filter(|_| counts) {
                let more = counters.hits(slot as usize).saturating_sub(before[slot as usize]);
                ledger.counted_twice(slot, more / 2);
            }
        };
        // Closing waits for grace periods, 50 ms and more. Without a thread, here.
        if let Ok(closer) = thread::Builder::new().name("goat-relink".into()).spawn(close) {
            let mut closers = self.closers.lock().unwrap_or_else(PoisonError::into_inner);
            closers.retain(|closer| !closer.is_finished());
            closers.push(closer);
        }
        Ok(())
    }

    /// Returns when all links are closed that were replaced.
    pub(super) fn settle(&self) {
        let closers = std::mem::take(&mut *self.closers.lock().unwrap_or_else(PoisonError::into_inner));
        // A panic has been printed already.
        closers.into_iter().for_each(|closer| drop(closer.join()));
    }
}
