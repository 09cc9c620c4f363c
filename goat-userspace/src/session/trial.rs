//! Whether probes work here, found by trying: goat probes a function of its own.

use std::{
    hint::black_box,
    io,
    os::fd::AsFd,
    sync::Arc,
    time::{Duration, Instant},
};

use goat_common::Cookie;

use super::{
    Backend, Error,
    counters::Counters,
    executable::Executable,
    linker::{self, Linker},
    process::{Proc, Process},
    slot_set::SlotSet,
    text::Text,
    uprobe_multi::Site,
};

/// What came of it.
#[derive(Debug)]
pub struct Trial {
    /// How the probe was attached.
    pub backend: Backend,
    /// How long that took.
    pub attach_time: Duration,
    /// Whether the breakpoint could be taken out through /proc/PID/mem, as `dataType: bool` does.
    pub disarm: Result<(), Error>,
}

/// Attaches to a function of this process, calls it, and looks whether each call was counted.
pub fn run() -> Result<Trial, Error> {
    const CALLS: u64 = 3;
    let (backend, kernel_filters) = super::choose(None)?;
    let process = Arc::new(Process::open(&Proc::default(), std::process::id())?);
    let executable = Executable::of(&process)?;
    let text = Text::open(Arc::clone(&process), true, Arc::new(SlotSet::none(1)))?;
    let no_text = || failure("find its own code", "no executable mapping holds it".to_owned());
    let offset = text.offset(probed as extern "C" fn(u64) -> u64 as usize as u64).ok_or_else(no_text)?;
    let read = || {
        let mut byte = [0];
        text.read(offset, &mut byte).map(|()| byte[0]).map_err(|e| Error::kernel("read its own text", e))
    };
    let original = read()?;

    let started = Instant::now();
    let site = Site { offset, cookie: Cookie { slot: 0, condition: None }.pack() };
    let (linker, counters, _first_hits) = Linker::load(backend, 1, None)?;
    let scope = linker.scope(Some(&process), kernel_filters)?;
    let linker::Linked { links, refused } = linker.link(&executable, &[site], &scope)?;
    let attach_time = started.elapsed();
    if !refused.is_empty() {
        return Err(failure("probe its own code", "the kernel refuses the instruction".to_owned()));
    }
    let counters = Counters::open(counters.fd().as_fd(), 1)?;
    let call = |expected: u64, what| {
        (0..CALLS).for_each(|n| {
            black_box(probed(n));
        });
        let hits = counters.hits(0);
        if hits == expected { Ok(()) } else { Err(failure(what, format!("{hits} hits, not {expected}"))) }
    };
    call(CALLS, "count hits")?;
    let disarm = text
        .write(offset, &[original])
        .map_err(|e| Error::kernel("write to a process's text", e))
        .and_then(|()| call(CALLS, "disarm a probe"));
    linker::close(links);
    Ok(Trial { backend, attach_time, disarm })
}

/// Whether goat may read and write the text of process `pid`.
pub fn reach(pid: u32) -> Result<(), Error> {
    let process = Arc::new(Process::open(&Proc::default(), pid)?);
    Text::open(process, true, Arc::new(SlotSet::none(0))).map(drop)
}

fn failure(action: &'static str, what: String) -> Error {
    Error::Kernel { action, source: io::Error::other(what) }
}

#[inline(never)]
extern "C" fn probed(n: u64) -> u64 {
    black_box(n).wrapping_mul(3)
}
