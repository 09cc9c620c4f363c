//! What `goat verify` shows while it waits: a bar on a terminal, elsewhere a line for each change.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use super::say;
use crate::report::{Percent, Totals};

/// On stderr.
pub(super) struct Waiting {
    goal: Percent,
    /// Hidden where stderr is no terminal.
    bar: ProgressBar,
    last: String,
}

impl Waiting {
    /// Shows nothing yet.
    pub(super) fn new(goal: Percent) -> Self {
        Self { goal, bar: ProgressBar::hidden(), last: String::new() }
    }

    /// goat answers; so much has run.
    pub(super) fn for_points(&mut self, totals: Totals) {
        let (covered, total) = (totals.covered as u64, totals.total as u64);
        if self.changes(format!(
            "{covered} of {total} points covered, {}, waiting for {}",
            Percent::of(totals.covered, totals.total),
            self.goal
        )) {
            self.bar.set_length(total);
            self.bar.set_position(covered);
        }
    }

    /// goat does not answer.
    pub(super) fn for_goat(&mut self, error: &anyhow::Error) {
        let cause = error.root_cause();
        let _ = self.changes(format!("{error}, waiting for one: {cause}"));
    }

    /// Says `text` if it is news.
    fn changes(&mut self, text: String) -> bool {
        if text == self.last {
            return false;
        }
        if say::stderr_is_terminal() {
            if self.last.is_empty() {
                self.bar = bar();
            }
            self.bar.set_message(crate::style::printable(&text).into_owned());
        } else {
            say::status(&text);
        }
        self.last = text;
        true
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

fn bar() -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:30} {msg} ({elapsed})");
    // The template is well formed; a bar without it would do, too.
    let bar = ProgressBar::new(0).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    // The time goes on while nothing else does.
    bar.enable_steady_tick(Duration::from_secs(1));
    bar
}
