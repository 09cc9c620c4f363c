//! System calls that goat has no use for once the probes are in place are refused with EPERM, in all threads (seccomp(2)).
//! A list of what is refused, not of what is allowed: what libraries call changes with their versions.

use std::io;

use super::Backend;

/// Start programs, look into processes, change the machine, its mounts, its clock or its modules.
const REFUSED: &[libc::c_long] = &[
    libc::SYS_execve,
    libc::SYS_execveat,
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_kcmp,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_open_tree,
    libc::SYS_move_mount,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_mount_setattr,
    libc::SYS_setns,
    libc::SYS_unshare,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    libc::SYS_kexec_file_load,
    libc::SYS_reboot,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_acct,
    libc::SYS_quotactl,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_adjtimex,
    libc::SYS_clock_adjtime,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    libc::SYS_syslog,
    libc::SYS_mknodat,
    libc::SYS_setuid,
    libc::SYS_setreuid,
    libc::SYS_setresuid,
    libc::SYS_setgid,
    libc::SYS_setregid,
    libc::SYS_setresgid,
    libc::SYS_setgroups,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_keyctl,
    libc::SYS_userfaultfd,
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_open_by_handle_at,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_iopl,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_ioperm,
];

// include/uapi/linux/audit.h
#[cfg(target_arch = "x86_64")]
const ARCH: u32 = 0xc000_003e;
#[cfg(target_arch = "aarch64")]
const ARCH: u32 = 0xc000_00b7;

/// Calls of x86-64's 32-bit interface, which have this bit, are others by the same numbers.
const X32: u32 = 0x4000_0000;

/// Installs the filter in every thread. Needs no_new_privs.
pub(super) fn install(backend: Backend) -> io::Result<()> {
    let mut filter = program(&refused(backend));
    let filter =
        libc::sock_fprog { len: u16::try_from(filter.len()).expect("the list is short"), filter: filter.as_mut_ptr() };
    // SAFETY: the program is as long as it says and outlives the call, which copies it.
    let done = unsafe {
        libc::syscall(
            libc::SYS_seccomp,
            libc::SECCOMP_SET_MODE_FILTER,
            libc::SECCOMP_FILTER_FLAG_TSYNC,
            &raw const filter,
        )
    };
    match done {
        0 => Ok(()),
        -1 => Err(io::Error::last_os_error()),
        // The call's own way to say that a thread has another filter.
        thread => Err(io::Error::other(format!("thread {thread} has a filter of its own"))),
    }
}

fn refused(backend: Backend) -> Vec<u32> {
    let perf_event = (backend == Backend::UprobeMulti).then_some(libc::SYS_perf_event_open);
    REFUSED.iter().copied().chain(perf_event).filter_map(|number| u32::try_from(number).ok()).collect()
}

/// The filter in the kernel's classic BPF, over `struct seccomp_data`: the number at 0, the architecture at 4.
fn program(refused: &[u32]) -> Vec<libc::sock_filter> {
    const LOAD: u16 = (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16;
    const IF_EQUAL: u16 = (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16;
    const IF_AT_LEAST: u16 = (libc::BPF_JMP | libc::BPF_JGE | libc::BPF_K) as u16;
    const RETURN: u16 = (libc::BPF_RET | libc::BPF_K) as u16;
    let step = |code, jt, jf, k| libc::sock_filter { code, jt, jf, k };
    // From a test to the last instruction but one, which allows, and to the last, which refuses.
    let to_refuse = |at: usize| u8::try_from(refused.len() + 4 - at).expect("the list is short");
    let mut program = vec![
        step(LOAD, 0, 0, 4),
        step(IF_EQUAL, 0, to_refuse(1), ARCH),
        step(LOAD, 0, 0, 0),
        step(IF_AT_LEAST, to_refuse(3), 0, X32),
    ];
    program.extend(refused.iter().zip(4..).map(|(number, at)| step(IF_EQUAL, to_refuse(at), 0, *number)));
    program.push(step(RETURN, 0, 0, libc::SECCOMP_RET_ALLOW));
    program.push(step(RETURN, 0, 0, libc::SECCOMP_RET_ERRNO | libc::EPERM as u32));
    program
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_listed_calls_are_refused_and_no_others() {
        let number = |call: libc::c_long| u32::try_from(call).unwrap();
        let check = |backend, arch: u32, call: u32, allowed: bool| {
            let expected = if allowed { libc::SECCOMP_RET_ALLOW } else { libc::SECCOMP_RET_ERRNO | libc::EPERM as u32 };
            assert_eq!(run(&program(&refused(backend)), arch, call), expected, "{backend} {arch:x} {call}");
        };
        for call in REFUSED {
            check(Backend::UprobeMulti, ARCH, number(*call), false);
        }
        for call in [libc::SYS_bpf, libc::SYS_read, libc::SYS_clone3, libc::SYS_capset, libc::SYS_futex] {
            check(Backend::UprobeMulti, ARCH, number(call), true);
            check(Backend::UprobeMulti, ARCH, number(call) | X32, false);
            check(Backend::UprobeMulti, 0x4000_0003, number(call), false);
        }
        check(Backend::UprobeMulti, ARCH, number(libc::SYS_perf_event_open), false);
        check(Backend::PerfEvent, ARCH, number(libc::SYS_perf_event_open), true);
    }

    /// What the kernel would make of the program.
    fn run(program: &[libc::sock_filter], arch: u32, call: u32) -> u32 {
        let (mut at, mut accumulator) = (0, 0);
        loop {
            let libc::sock_filter { code, jt, jf, k } = program[at];
            at += 1;
            let holds = match u32::from(code) & !(libc::BPF_K | libc::BPF_W) {
                x if x == libc::BPF_LD | libc::BPF_ABS => {
                    accumulator = if k == 4 { arch } else { call };
                    continue;
                }
                x if x == libc::BPF_JMP | libc::BPF_JEQ => accumulator == k,
                x if x == libc::BPF_JMP | libc::BPF_JGE => accumulator >= k,
                _ => return k,
            };
            at += usize::from(if holds { jt } else { jf });
        }
    }
}
