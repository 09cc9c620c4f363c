//! What `attach` and `run` give up once the probes are in place.

use std::path::Path;

use super::{args::ObserveArgs, live::Live, say};
use crate::session::privileges::{self, Duties};

/// Gives up the privileges that goat no longer needs, unless told to keep them. `pids` are the processes that were named; what
/// was named in another way may be anyone's. What can't be given up is said, and no reason to end: the probes do as well
/// with it.
pub(super) fn reduce(live: &Live, observe: &ObserveArgs, pids: &[u32], sends_signals: bool) {
    let Some(backend) = live.backend().filter(|_| !observe.keep_privileges) else { return };
    let other_users = pids.is_empty() || !pids.iter().all(|pid| privileges::is_own(*pid));
    let writes: Vec<&Path> = observe.report.as_deref().into_iter().collect();
    match privileges::reduce(&Duties { backend, sends_signals, other_users, writes: &writes }) {
        Ok(kept) => {
            let kept: Vec<String> = kept.iter().map(ToString::to_string).collect();
            tracing::info!("kept of the privileges: {}", kept.join(", "));
        }
        Err(error) => {
            let error = anyhow::Error::from(error);
            say::warning(&format!("goat keeps privileges that it does not need: {error:#}"));
        }
    }
}
