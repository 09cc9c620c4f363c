//! How much CPU time the targets have used, those that have ended too.

use std::{collections::HashMap, time::Duration};

use super::process::Process;

/// Adds up over processes that come and go.
#[derive(Default)]
pub(super) struct CpuTime {
    total: Duration,
    /// By process, when last looked at.
    seen: HashMap<u32, Duration>,
    at: Duration,
}

impl CpuTime {
    /// What `processes` and those before them have used since each was seen first. `at` is the time by any clock: where no
    /// process can be looked at, a core is taken to be used.
    pub(super) fn read<'a>(&mut self, at: Duration, processes: impl IntoIterator<Item = &'a Process>) -> Duration {
        let mut seen = HashMap::with_capacity(self.seen.len());
        for process in processes {
            if seen.contains_key(&process.pid()) {
                continue;
            }
            let Some(now) = process.cpu_time() else { continue };
            let before = self.seen.get(&process.pid()).copied().unwrap_or(now);
            self.total += now.saturating_sub(before);
            seen.insert(process.pid(), now);
        }
        let wall = at.saturating_sub(std::mem::replace(&mut self.at, at));
        if seen.is_empty() {
            self.total += wall;
        }
        self.seen = seen;
        self.total
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::process::Proc;

    #[test]
    fn it_counts_from_when_a_process_is_seen_first() {
        let own = Process::open(&Proc::default(), std::process::id()).unwrap();
        let mut time = CpuTime::default();
        let at = Duration::from_secs;
        assert_eq!(time.read(at(0), [&own]), Duration::ZERO);
        let mut used = Duration::ZERO;
        while used.is_zero() {
            used = time.read(at(1), [&own]);
        }
        // One that has gone keeps what it had; with no one to look at, a core goes on being used.
        assert_eq!(time.read(at(5), []), used + at(4));
        // Seen anew.
        assert_eq!(time.read(at(9), [&own]), used + at(4));
    }
}
