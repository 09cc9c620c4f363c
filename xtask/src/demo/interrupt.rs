//! Ctrl-C and SIGTERM, remembered instead of obeyed, so that the demo ends what it has started.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

/// How often to ask whether one came.
pub(super) const POLL: Duration = Duration::from_millis(100);

static CAME: AtomicBool = AtomicBool::new(false);

extern "C" fn remember(_signal: libc::c_int) {
    CAME.store(true, Ordering::Relaxed);
}

/// From now on a signal is only remembered.
pub(super) fn catch() {
    for signal in [libc::SIGINT, libc::SIGTERM] {
        // SAFETY: the handler does nothing but store to an atomic, which is safe in a signal handler.
        unsafe { libc::signal(signal, remember as extern "C" fn(libc::c_int) as libc::sighandler_t) };
    }
}

/// Whether one came.
pub(super) fn came() -> bool {
    CAME.load(Ordering::Relaxed)
}
