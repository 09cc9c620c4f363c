//! What goat is doing, where that takes so long that a person begins to wonder: a line on a terminal's stderr, gone when it is done.

use std::{
    sync::mpsc::{self, RecvTimeoutError},
    thread::{self, JoinHandle},
    time::Duration,
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::say;

/// What is over sooner is not worth a line.
const PATIENCE: Duration = Duration::from_millis(500);
const TICK: Duration = Duration::from_millis(100);

/// Until it is dropped.
pub(super) struct Progress {
    bar: ProgressBar,
    /// Dropped to end the wait.
    over: Option<mpsc::Sender<()>>,
    wait: Option<JoinHandle<()>>,
}

impl Progress {
    /// Shows nothing yet, and nothing at all where stderr is no terminal.
    pub(super) fn new() -> Self {
        let bar = ProgressBar::hidden();
        if !say::stderr_is_terminal() {
            return Self { bar, over: None, wait: None };
        }
        let (over, ended) = mpsc::channel();
        let shown = bar.clone();
        let wait = thread::Builder::new().name("progress".into()).spawn(move || {
            if ended.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
                shown.set_style(style(&shown));
                shown.set_draw_target(ProgressDrawTarget::stderr());
                while ended.recv_timeout(TICK) == Err(RecvTimeoutError::Timeout) {
                    shown.set_style(style(&shown));
                    shown.tick();
                }
            }
        });
        Self { bar, over: Some(over), wait: wait.ok() }
    }

    /// This begins: `comparing v1.0.0 with v1.1.0`.
    pub(super) fn begin(&self, what: impl Into<String>) {
        self.bar.set_length(0);
        self.bar.set_position(0);
        self.bar.set_message(what.into());
    }

    /// Does `work`, which writes to stderr, out of the line's way.
    pub(super) fn aside<T>(&self, work: impl FnOnce() -> T) -> T {
        self.bar.suspend(work)
    }

    /// `done` of `total` steps of it.
    pub(super) fn step(&self, done: usize, total: usize) {
        self.bar.set_length(total as u64);
        self.bar.set_position(done as u64);
    }
}

/// With a bar where it is known how much is to be done.
fn style(bar: &ProgressBar) -> ProgressStyle {
    let template = match bar.length() {
        None | Some(0) => "{spinner} {msg} ({elapsed})",
        Some(_) => "{spinner} {bar:30} {msg} ({pos} of {len}, {elapsed})",
    };
    // The templates are well formed; a bar without them would do, too.
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner())
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.over = None;
        if let Some(wait) = self.wait.take() {
            // It only draws; what it was for is done.
            let _ = wait.join();
        }
        self.bar.finish_and_clear();
    }
}
