//! What a running goat says, once a second, asked by a thread of its own so that keys never wait for it.

use std::{
    sync::mpsc::{self, Receiver},
    thread,
    time::{Duration, Instant},
};

use super::super::{
    client::{Client, PATIENCE},
    status,
};
use crate::report::Report;

const INTERVAL: Duration = Duration::from_secs(1);

/// goat's answer, or why there is none.
pub(super) type Said = Result<Answer, String>;

/// What goat said at about the same time.
pub(super) struct Answer {
    /// `/status`.
    pub(super) status: status::Answer,
    /// `/track`.
    pub(super) report: Report,
}

/// Answers as they come.
pub(super) struct News(Receiver<Said>);

impl News {
    /// Asks from now on, until it is dropped.
    pub(super) fn follow(client: Client) -> Self {
        // One answer waits at most: a screen that is slow, or stopped, has no use for older ones.
        let (sender, receiver) = mpsc::sync_channel(1);
        thread::spawn(move || {
            loop {
                let said = ask(&client, Instant::now() + PATIENCE).map_err(|error| causes(&error));
                if sender.send(said).is_err() {
                    return;
                }
                thread::sleep(INTERVAL);
            }
        });
        Self(receiver)
    }

    /// The next answer, if it is there.
    pub(super) fn next(&self) -> Option<Said> {
        self.0.try_recv().ok()
    }
}

/// Both answers.
pub(super) fn ask(client: &Client, deadline: Instant) -> anyhow::Result<Answer> {
    Ok(Answer { status: status::ask(client, deadline)?, report: client.report(deadline)? })
}

/// An error and what is behind it, on one line.
fn causes(error: &anyhow::Error) -> String {
    let mut chain: Vec<String> = error.chain().map(ToString::to_string).collect();
    chain.dedup();
    chain.join(": ")
}
