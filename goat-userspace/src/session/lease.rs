//! A file that no one may write to while whoever runs it is probed.
//!
//! Linux reads the instruction at a uprobe's site once. While a file is executed it can't be written to (ETXTBSY), but between
//! two runs it can (`cp new server`), and then the kernel puts the old file's breakpoints, and behind them the old file's
//! instructions, into whoever runs the new one (`prepare_uprobe` and `install_breakpoint` in kernel/events/uprobes.c). A lease
//! (fcntl(2), F_SETLEASE) holds the writer back until the probes are gone.

use std::{fs::File, io, os::fd::AsRawFd};

/// include/uapi/asm-generic/fcntl.h, the same on every architecture of Go's; libc has it not.
const F_SETSIG: i32 = 10;

/// A lease on an open file, given back when dropped.
pub(super) struct Lease(File);

impl Lease {
    /// Takes it on `file`, which must be open for reading alone. For another user's file that takes CAP_LEASE.
    pub(super) fn take(file: &File) -> io::Result<Self> {
        let file = file.try_clone()?;
        // By default the signal is SIGIO, which kills; whoever holds the lease looks at it by himself.
        fcntl(&file, F_SETSIG, libc::SIGURG)?;
        fcntl(&file, libc::F_SETLEASE, libc::F_RDLCK)?;
        Ok(Self(file))
    }

    /// Whether a writer waits for it. It waits for /proc/sys/fs/lease-break-time (45 s) at most.
    pub(super) fn is_wanted_back(&self) -> bool {
        fcntl(&self.0, libc::F_GETLEASE, 0).is_ok_and(|held| held != libc::F_RDLCK)
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        // The lease belongs to the open file, of which there are other descriptors.
        let _ = fcntl(&self.0, libc::F_SETLEASE, libc::F_UNLCK);
    }
}

fn fcntl(file: &File, command: i32, argument: i32) -> io::Result<i32> {
    // SAFETY: the commands used here take an integer, and the descriptor is open.
    let result = unsafe { libc::fcntl(file.as_raw_fd(), command, argument) };
    if result == -1 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

#[cfg(test)]
mod tests {
    use std::{fs, thread};

    use super::*;

    #[test]
    fn a_writer_waits_until_the_lease_is_given_back() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        fs::write(&path, "old").unwrap();
        let file = File::open(&path).unwrap();
        let lease = match Lease::take(&file) {
            Ok(lease) => lease,
            Err(e) => return eprintln!("skipped: no leases in {}: {e}", dir.path().display()),
        };
        assert!(!lease.is_wanted_back());
        assert_eq!(fs::read(&path).unwrap(), b"old", "readers go on");
        thread::scope(|scope| {
            let writer = scope.spawn(|| fs::write(&path, "new"));
            while !lease.is_wanted_back() {
                thread::yield_now();
            }
            assert_eq!(fs::read(&path).unwrap(), b"old");
            drop(lease);
            writer.join().unwrap().unwrap();
        });
        assert_eq!(fs::read(&path).unwrap(), b"new");
    }
}
