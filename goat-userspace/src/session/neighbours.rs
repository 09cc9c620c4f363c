//! Whether another goat, or another session of this one, probes the same file.
//!
//! The kernel keeps one breakpoint at an address for all who ask for it. goat takes breakpoints out of texts by itself, which is
//! right only as long as no one else counts by them. So each session holds a lock for reading on a byte of the file that it
//! probes, and asks whether it could have one for writing. The locks are those of open file descriptions (fcntl_locking(2)):
//! they end with the process, however it ends, and bind no one who does not ask for the same byte.

use std::{fs::File, io, mem, os::fd::AsRawFd};

/// Far behind the end of any executable: `goat` in ASCII, and then zeros.
const BYTE: libc::off_t = 0x676f_6174 << 24;

/// Says to other sessions that `file` is probed, until it is closed or [`withdraw`]n. Where files can't be locked, no one hears it.
pub(super) fn announce(file: &File) {
    if let Err(error) = lock(file, libc::F_RDLCK) {
        tracing::debug!(%error, "cannot lock the executable: other goats are not told of");
    }
}

/// Takes [`announce`] back.
pub(super) fn withdraw(file: &File) {
    if let Err(error) = lock(file, libc::F_UNLCK) {
        tracing::debug!(%error, "cannot unlock the executable");
    }
}

/// Whether another session has announced that it probes `file`. Where files can't be locked, none has.
pub(super) fn are_there(file: &File) -> bool {
    let mut wanted = request(libc::F_WRLCK);
    // SAFETY: F_OFD_GETLK takes a `flock`, which is initialised and outlives the call.
    let asked = unsafe { libc::fcntl(file.as_raw_fd(), libc::F_OFD_GETLK, &raw mut wanted) };
    asked == 0 && i32::from(wanted.l_type) != libc::F_UNLCK
}

fn lock(file: &File, kind: libc::c_int) -> io::Result<()> {
    let request = request(kind);
    // SAFETY: F_OFD_SETLK takes a `flock`, which is initialised and outlives the call.
    let locked = unsafe { libc::fcntl(file.as_raw_fd(), libc::F_OFD_SETLK, &raw const request) };
    if locked == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

fn request(kind: libc::c_int) -> libc::flock {
    // SAFETY: a structure of integers, for which zeros are values; the kernel wants `l_pid` to be 0.
    let mut request: libc::flock = unsafe { mem::zeroed() };
    // Constants from 0 to 2.
    request.l_type = kind as libc::c_short;
    request.l_whence = libc::SEEK_SET as libc::c_short;
    request.l_start = BYTE;
    request.l_len = 1;
    request
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_hears_of_the_others_and_not_of_itself() {
        let path = tempfile::NamedTempFile::new().unwrap().into_temp_path();
        let [first, second] = [(); 2].map(|()| File::open(&path).unwrap());
        let check = |expected: [bool; 2]| assert_eq!([&first, &second].map(are_there), expected);
        check([false, false]);
        announce(&first);
        check([false, true]);
        announce(&first);
        announce(&second);
        check([true, true]);
        withdraw(&first);
        check([true, false]);
        withdraw(&second);
        check([false, false]);
        announce(&first);
        drop(first);
        assert!(!are_there(&second), "a file that is closed is not announced");
    }
}
