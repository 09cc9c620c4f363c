//! What `goat verify` shows while it waits: a bar on a terminal, elsewhere a line for each change.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use super::say;
use crate::{
    report::{Percent, Totals},
    style::printable,
};

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
        let share = Percent::of(totals.covered, totals.total);
        let text = format!("{} of {} points covered, {share}, waiting for {}", totals.covered, totals.total, self.goal);
        self.show(text, Some(totals));
    }

    /// goat does not answer.
    pub(super) fn for_goat(&mut self, error: &anyhow::Error) {
        self.show(format!("{error}, waiting for one: {}", error.root_cause()), None);
    }

    /// Says `text` if it is news.
    fn show(&mut self, text: String, totals: Option<Totals>) {
        if text == self.last {
            return;
        }
        if say::stderr_is_terminal() {
            if self.last.is_empty() {
                self.bar = bar();
            }
            if let Some(totals) = totals {
                self.bar.set_length(totals.total as u64);
                self.bar.set_position(totals.covered as u64);
            }
            self.bar.set_message(printable(&text).into_owned());
        } else {
            say::status(&text);
        }
        self.last = text;
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
    let bar = ProgressBar::new(1).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    // The time goes on while nothing else does.
    bar.enable_steady_tick(Duration::from_secs(1));
    bar
}
