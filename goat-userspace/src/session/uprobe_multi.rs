//! One link for many sites, by two bpf(2) calls beside aya, which has no such link before 0.15. To be deleted when aya can
//! be raised.

use std::{
    ffi::{CStr, CString},
    io,
    os::{
        fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd},
        unix::ffi::OsStrExt,
    },
    path::Path,
};

use super::Error;

// include/uapi/linux/bpf.h
const BPF_PROG_LOAD: libc::c_long = 5;
const BPF_LINK_CREATE: libc::c_long = 28;
const BPF_PROG_TYPE_KPROBE: u32 = 2;
const BPF_TRACE_UPROBE_MULTI: u32 = 48;
const BPF_F_SLEEPABLE: u32 = 1 << 4;

/// The kernel's own error for an instruction that uprobes refuse (ENOTSUPP in include/linux/errno.h, which libc has not).
const ENOTSUPP: i32 = 524;

/// How many refused sites are looked for: each costs some twenty failed links.
const MAX_REFUSED: usize = 64;

/// One place to probe.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Site {
    /// Where it lies in the file.
    pub(super) offset: u64,
    /// What the program gets with each hit.
    pub(super) cookie: u64,
}

/// Links, and the sites that the kernel would not take into any.
pub(super) struct Linked {
    /// Each with the sites that it holds, by their indices.
    pub(super) links: Vec<(OwnedFd, std::ops::Range<usize>)>,
    /// Indices into the sites, in no order.
    pub(super) refused: Vec<usize>,
}

/// The head of the `BPF_PROG_LOAD` attributes, up to the last field that is needed.
#[repr(C)]
struct ProgLoad {
    prog_type: u32,
    insn_cnt: u32,
    insns: u64,
    license: u64,
    log_level: u32,
    log_size: u32,
    log_buf: u64,
    kern_version: u32,
    prog_flags: u32,
    prog_name: [u8; 16],
    prog_ifindex: u32,
    expected_attach_type: u32,
}

/// The `BPF_LINK_CREATE` attributes of this attach type.
#[repr(C)]
struct LinkCreate {
    prog_fd: u32,
    target_fd: u32,
    attach_type: u32,
    flags: u32,
    path: u64,
    offsets: u64,
    ref_ctr_offsets: u64,
    cookies: u64,
    cnt: u32,
    multi_flags: u32,
    pid: u32,
    padding: u32,
}

/// Loads relocated instructions (8 bytes each) as a program for uprobe_multi links.
pub(super) fn load(instructions: &[u8], license: &CStr) -> io::Result<OwnedFd> {
    load_with(instructions, license, 0)
}

/// The same for a program that may wait for user memory.
pub(super) fn load_sleepable(instructions: &[u8], license: &CStr) -> io::Result<OwnedFd> {
    load_with(instructions, license, BPF_F_SLEEPABLE)
}

fn load_with(instructions: &[u8], license: &CStr, prog_flags: u32) -> io::Result<OwnedFd> {
    let mut attributes = ProgLoad {
        prog_type: BPF_PROG_TYPE_KPROBE,
        insn_cnt: u32::try_from(instructions.len() / 8).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?,
        insns: instructions.as_ptr() as u64,
        license: license.as_ptr() as u64,
        log_level: 0,
        log_size: 0,
        log_buf: 0,
        kern_version: 0,
        prog_flags,
        prog_name: *b"goat_hit\0\0\0\0\0\0\0\0",
        prog_ifindex: 0,
        expected_attach_type: BPF_TRACE_UPROBE_MULTI,
    };
    // SAFETY: the attributes are a prefix of `union bpf_attr`; their pointers lead to live memory of the stated length.
    unsafe { bpf(BPF_PROG_LOAD, &mut attributes) }
}

/// Attaches `program` at every one of `sites` in the file at `path`, in process `pid` alone unless it is 0. All or nothing.
pub(super) fn link(program: BorrowedFd<'_>, path: &Path, sites: &[Site], pid: u32) -> io::Result<OwnedFd> {
    let path = CString::new(path.as_os_str().as_bytes())?;
    let offsets: Vec<u64> = sites.iter().map(|s| s.offset).collect();
    let cookies: Vec<u64> = sites.iter().map(|s| s.cookie).collect();
    let mut attributes = LinkCreate {
        prog_fd: u32::try_from(program.as_raw_fd()).expect("an open descriptor is not negative"),
        target_fd: 0,
        attach_type: BPF_TRACE_UPROBE_MULTI,
        flags: 0,
        path: path.as_ptr() as u64,
        offsets: offsets.as_ptr() as u64,
        ref_ctr_offsets: 0,
        cookies: cookies.as_ptr() as u64,
        cnt: u32::try_from(sites.len()).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?,
        multi_flags: 0,
        pid,
        padding: 0,
    };
    // SAFETY: the attributes are a prefix of `union bpf_attr`; path, offsets and cookies outlive the call.
    unsafe { bpf(BPF_LINK_CREATE, &mut attributes) }
}

/// Like [`link`], but leaves out sites that the kernel refuses: one such site makes a link fail as a whole, so that halves
/// are tried until it is alone.
pub(super) fn link_all(program: BorrowedFd<'_>, path: &Path, sites: &[Site], pid: u32) -> Result<Linked, Error> {
    let mut linked = Linked { links: Vec::new(), refused: Vec::new() };
    if sites.is_empty() {
        return Ok(linked);
    }
    let mut refusal = None;
    // Index of a part's first site, and the part.
    let mut parts = vec![(0, sites)];
    while let Some((first, part)) = parts.pop() {
        match link(program, path, part, pid) {
            Ok(link) => linked.links.push((link, first..first + part.len())),
            Err(e) if !blames_a_site(&e) => return Err(Error::kernel("attach uprobes", e)),
            Err(e) if part.len() == 1 => {
                linked.refused.push(first);
                refusal = Some(e);
                if linked.refused.len() > MAX_REFUSED {
                    return Err(Error::MostlyRefused { refused: MAX_REFUSED });
                }
            }
            Err(_) => {
                let (low, high) = part.split_at(part.len() / 2);
                parts.push((first + low.len(), high));
                parts.push((first, low));
            }
        }
    }
    match refusal {
        // EINVAL for each and every site is not the sites' fault.
        Some(e) if linked.links.is_empty() && e.raw_os_error() == Some(libc::EINVAL) => {
            Err(Error::kernel("attach uprobes", e))
        }
        _ => Ok(linked),
    }
}

/// Whether the kernel may have failed the link for one site's sake (`uprobe_register`, `prepare_uprobe` and `copy_insn` in
/// kernel/events/uprobes.c).
pub(super) fn blames_a_site(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(ENOTSUPP | libc::EOPNOTSUPP | libc::EINVAL | libc::EIO))
}

/// # Safety
/// `attributes` must be a prefix of `union bpf_attr` whose pointers are good for what `command` does with them; `command`
/// must return a new descriptor.
unsafe fn bpf<T>(command: libc::c_long, attributes: &mut T) -> io::Result<OwnedFd> {
    // SAFETY: as the caller promises; the size is the value's own.
    let fd = unsafe { libc::syscall(libc::SYS_bpf, command, std::ptr::from_mut(attributes), size_of::<T>()) };
    match i32::try_from(fd) {
        // SAFETY: the kernel has just made this descriptor, and no one else has it.
        Ok(fd) if fd >= 0 => Ok(unsafe { OwnedFd::from_raw_fd(fd) }),
        _ => Err(io::Error::last_os_error()),
    }
}
