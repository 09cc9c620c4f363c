//! Arms what waits, in waves, so that a busy target is not held up by it.

use std::{
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use super::{Error, arming::Arming, binding::Bindings, cpu_time::CpuTime, governor::Waves};

/// For how long the targets are looked at to see whether they are busy.
const LOOK: Duration = Duration::from_millis(4);

/// The thread that arms in waves, which ends when this is dropped.
pub(super) struct Armer {
    bindings: Arc<Bindings>,
    arming: Arc<Arming>,
    share: f64,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    stop: bool,
    /// Whether someone waits to be armed.
    wanted: bool,
    failure: Option<String>,
}

impl Armer {
    /// For `bindings` that wait. Arming may take `share` of the time.
    pub(super) fn start(bindings: Arc<Bindings>, arming: Arc<Arming>, share: f64) -> Result<Self, Error> {
        let shared = Arc::new(Shared::default());
        let (own, its) = (Arc::clone(&shared), Arc::clone(&bindings));
        let thread = thread::Builder::new()
            .name("goat-arm".into())
            .spawn(move || own.run(&its, share))
            .map_err(|source| Error::Kernel { action: "start the thread that arms sites", source })?;
        Ok(Self { bindings, arming, share, shared, thread: Some(thread) })
    }

    /// Arms what waits: at once if the targets are idle, else in waves, the first of them now.
    pub(super) fn arm(&self) -> Result<(), Error> {
        if self.share >= 1.0 || self.is_idle() {
            while self.bindings.arm_next(usize::MAX)? > 0 {}
            return Ok(());
        }
        self.shared.lock().wanted = true;
        self.shared.changed.notify_all();
        Ok(())
    }

    /// Why not all sites are armed, if something went wrong.
    pub(super) fn failure(&self) -> Option<String> {
        self.shared.lock().failure.clone()
    }

    fn is_idle(&self) -> bool {
        let processes = self.arming.processes();
        if processes.is_empty() {
            return true;
        }
        let mut time = CpuTime::default();
        let started = Instant::now();
        let mut read = || time.read(started.elapsed(), processes.iter().map(|process| &**process));
        let before = read();
        thread::sleep(LOOK);
        let used = read().saturating_sub(before);
        Waves::is_idle(used, started.elapsed())
    }
}

impl Shared {
    fn run(&self, bindings: &Bindings, share: f64) {
        let mut state = self.lock();
        while !state.stop {
            if !std::mem::take(&mut state.wanted) {
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            drop(state);
            let ended = self.waves(bindings, share);
            state = self.lock();
            if let Err(error) = ended {
                tracing::debug!(%error, "cannot arm sites");
                state.failure = Some(error.to_string());
            }
        }
    }

    fn waves(&self, bindings: &Bindings, share: f64) -> Result<(), Error> {
        let mut waves = Waves::new(bindings.waiting(), Some(share));
        while bindings.waiting() > 0 {
            let mut wave = waves.next();
            if wave.is_empty() {
                // Others have come to wait since.
                waves = Waves::new(bindings.waiting(), Some(share));
                wave = waves.next();
            }
            let started = own_cpu_time();
            bindings.arm_next(wave.len())?;
            if self.stops_within(waves.pause(wave.len(), own_cpu_time().saturating_sub(started))) {
                break;
            }
        }
        Ok(())
    }

    fn stops_within(&self, pause: Duration) -> bool {
        let (state, _) = self
            .changed
            .wait_timeout_while(self.lock(), pause, |state| !state.stop)
            .unwrap_or_else(PoisonError::into_inner);
        state.stop
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What this thread has used: the kernel works, and holds the target up, on its account. By the clock a machine that is short of
/// CPUs would be armed all the slower.
fn own_cpu_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
}

impl Drop for Armer {
    fn drop(&mut self) {
        self.shared.lock().stop = true;
        self.shared.changed.notify_all();
        if let Some(thread) = self.thread.take() {
            // A panic has been printed already.
            let _ = thread.join();
        }
    }
}
