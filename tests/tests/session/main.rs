//! Real uprobes in a real Go program: what is counted, what is said of what can't be, and what is left behind.
//!
//! Skipped, with the reason, where there is no Go, no uprobe_multi or no privilege.

#![expect(clippy::unwrap_used, reason = "in a test, what can't be set up is a failure")]

/// Skips the rest of the test where the machine can't run it.
macro_rules! need_uprobes {
    () => {
        if let Some(reason) = crate::fixture::missing() {
            eprintln!("skipped: {reason}");
            return;
        }
    };
}

mod bindings;
mod fixture;
mod governed;

use std::{
    fs::{self, File},
    os::unix::fs::FileExt,
    process::{Command, Stdio},
    time::{Duration, SystemTime},
};

use fixture::{Program, Running};
use goat::{
    counts::{Armed, Counts},
    plan::ProbePlan,
    session::{self, Backend, Error, Features, Options, Session, Target, spawn},
};

/// The backends that these privileges allow.
fn backends() -> Vec<Backend> {
    let allowed = |backend: &Backend| match session::check_privileges(*backend) {
        Ok(()) => true,
        Err(e) => {
            eprintln!("skipped for {backend}: {e}");
            false
        }
    };
    [Backend::UprobeMulti, Backend::PerfEvent].into_iter().filter(allowed).collect()
}

fn by(backend: Backend) -> Options {
    Options { backend: Some(backend), ..Options::default() }
}

fn attach(plan: &ProbePlan, running: &Running, options: &Options) -> Session {
    session::attach(plan, &Target::Pid(running.pid()), options).unwrap()
}

fn hits(counts: &Counts) -> Vec<u64> {
    counts.slots.iter().map(|s| s.hits).collect()
}

fn armed(counts: &Counts) -> Vec<Armed> {
    counts.slots.iter().map(|s| s.armed).collect()
}

/// The bytes of the first site in the memory of a target that is loaded where its file says.
fn text(running: &Running, plan: &ProbePlan) -> Vec<u8> {
    let mut bytes = vec![0; plan.sites[0].instruction.len()];
    let memory = File::open(format!("/proc/{}/mem", running.pid())).unwrap();
    memory.read_exact_at(&mut bytes, plan.sites[0].address.0).unwrap();
    bytes
}

#[test]
fn every_call_from_every_goroutine_is_counted() {
    need_uprobes!();
    let program = Program::build(&[]);
    let plan = program.plan(&[(program.find("work", "LEAQ"), None), (program.find("work", "RET"), None)]);
    for backend in backends() {
        let mut running = Running::start(&program);
        let before = SystemTime::now();
        let unprobed = running.ask("work 8 500");
        let session = attach(&plan, &running, &by(backend));
        assert_eq!(session.backend(), backend);
        assert!(session.is_ready() && session.target_alive());
        assert_eq!(armed(&session.counts()), [Armed::Armed; 2], "{backend}");
        assert_eq!(hits(&session.counts()), [0, 0], "{backend}");
        assert!(session.counts().slots.iter().all(|s| s.first_hit.is_none()));

        assert_eq!(running.ask("work 8 500"), unprobed, "{backend}");
        assert_eq!(hits(&session.counts()), [4_000, 4_000], "{backend}");
        let slack = Duration::from_secs(1);
        let firsts = |counts: Counts| counts.slots.iter().map(|s| s.first_hit.unwrap()).collect::<Vec<_>>();
        let first_hits = firsts(session.counts());
        assert_eq!(first_hits, firsts(session.counts()), "a first hit stays when it was");
        for first in first_hits {
            assert!(before - slack < first && first < SystemTime::now() + slack, "{first:?}");
        }

        session.detach().unwrap();
        assert_eq!(text(&running, &plan), plan.sites[0].instruction, "{backend}");
        assert_eq!(running.ask("work 8 500"), unprobed, "{backend}");
    }
}

#[test]
fn a_conditional_site_counts_where_the_flags_satisfy_it() {
    need_uprobes!();
    let program = Program::build(&[]);
    let moved = program.find("pick", "CMOV");
    // x = 0..100 is compared with y = 7, in an order that is the compiler's choice: equal once; below 7 or 92 times.
    let mut counted = Vec::new();
    for code in 0..16 {
        let plan = program.plan(&[(moved.clone(), Some(code))]);
        let mut running = Running::start(&program);
        let session = attach(&plan, &running, &Options::default());
        running.ask("pick 1 100");
        counted.push(hits(&session.counts())[0]);
    }
    for pair in counted.chunks(2) {
        assert_eq!(pair[0] + pair[1], 100, "{counted:?}");
    }
    let (equal, below, below_or_equal, less) = (counted[4], counted[2], counted[6], counted[12]);
    assert_eq!(equal, 1, "{counted:?}");
    assert!([7, 92].contains(&below), "{counted:?}");
    assert_eq!(below_or_equal, below + equal, "{counted:?}");
    assert_eq!(less, below, "small positive numbers compare alike: {counted:?}");
}

#[test]
fn a_position_independent_target_is_read_back_at_its_load_address() {
    need_uprobes!();
    let program = Program::build(&["-buildmode=pie"]);
    let plan = program.plan(&[(program.find("work", "LEAQ"), None)]);
    let mut running = Running::start(&program);
    let session = attach(&plan, &running, &Options::default());
    assert_eq!(armed(&session.counts()), [Armed::Armed]);
    running.ask("work 2 21");
    assert_eq!(hits(&session.counts()), [42]);
    session.detach().unwrap();
}

#[test]
fn a_refused_instruction_is_said_and_the_others_count() {
    need_uprobes!();
    let program = Program::build(&[]);
    let refused = program.find("locked", "LOCK");
    let accepted = program.find("locked", "ADDQ");
    let plan = program.plan(&[
        (program.find("work", "LEAQ"), None),
        (refused.clone(), None),
        (accepted, None),
        (program.find("pick", "CMPQ"), None),
    ]);
    for backend in backends() {
        let mut running = Running::start(&program);
        let session = attach(&plan, &running, &by(backend));
        let counts = session.counts();
        assert_eq!(armed(&counts), [Armed::Armed, Armed::NotArmed, Armed::Armed, Armed::Armed], "{backend}");
        assert!(!session.is_ready());
        running.ask("locked 3 5");
        running.ask("work 1 4");
        assert_eq!(hits(&session.counts()), [4, 0, 15, 0], "{backend}");
        session.detach().unwrap();
    }
}

#[test]
fn an_executable_that_no_process_runs_is_pending_until_one_does() {
    need_uprobes!();
    let program = Program::build(&[]);
    let plan = program.plan(&[(program.find("work", "LEAQ"), None), (program.find("locked", "LOCK"), None)]);
    let session = session::attach(&plan, &Target::Exe(program.path.clone()), &Options::default()).unwrap();
    assert_eq!(session.refresh().unwrap(), 0);
    assert_eq!(armed(&session.counts()), [Armed::Pending; 2]);

    let mut first = Running::start(&program);
    let mut second = Running::start(&program);
    assert_eq!(session.refresh().unwrap(), 2);
    // The kernel said nothing of the refused instruction: only the text tells.
    assert_eq!(armed(&session.counts()), [Armed::Armed, Armed::NotArmed]);
    first.ask("work 2 10");
    second.ask("work 1 3");
    assert_eq!(hits(&session.counts()), [23, 0]);
    drop(first);
    assert_eq!(session.refresh().unwrap(), 1);
    assert!(session.target_alive());
    session.detach().unwrap();
    assert_eq!(text(&second, &plan), plan.sites[0].instruction);
}

#[test]
fn other_processes_of_the_file_do_not_count() {
    need_uprobes!();
    let program = Program::build(&[]);
    let plan = program.plan(&[(program.find("work", "LEAQ"), None)]);
    for (backend, filter_in_program) in
        [(Backend::UprobeMulti, false), (Backend::UprobeMulti, true), (Backend::PerfEvent, false)]
    {
        if !backends().contains(&backend) {
            continue;
        }
        let (mut target, mut other) = (Running::start(&program), Running::start(&program));
        let options = Options { filter_in_program, ..by(backend) };
        let session = attach(&plan, &target, &options);
        other.ask("work 4 5");
        target.ask("work 4 3");
        assert_eq!(hits(&session.counts()), [12], "{backend}, filter in the program: {filter_in_program}");
    }
}

#[test]
fn a_target_in_another_pid_namespace_is_told_by_its_own_id() {
    need_uprobes!();
    let program = Program::build(&[]);
    let mut unshare = Command::new("unshare");
    unshare.args(["--pid", "--fork"]).arg(&program.path).stdin(Stdio::piped()).stdout(Stdio::piped());
    if !Command::new("unshare").args(["--pid", "--fork", "true"]).status().is_ok_and(|s| s.success()) {
        eprintln!("skipped: no pid namespace can be made here");
        return;
    }
    let mut running = Running::of(unshare.spawn().unwrap());
    let runs_it = |pid: &u32| fs::read_link(format!("/proc/{pid}/exe")).is_ok_and(|exe| exe == program.path);
    let processes = fs::read_dir("/proc").unwrap().flatten().filter_map(|e| e.file_name().to_str()?.parse().ok());
    let pid = processes.into_iter().find(runs_it).unwrap();

    let plan = program.plan(&[(program.find("work", "LEAQ"), None)]);
    for filter_in_program in [false, true] {
        let options = Options { filter_in_program, ..Options::default() };
        let session = session::attach(&plan, &Target::Pid(pid), &options).unwrap();
        running.ask("work 2 5");
        assert_eq!(hits(&session.counts()), [10], "filter in the program: {filter_in_program}");
    }
}

#[test]
fn a_spawned_command_is_counted_from_its_first_instruction() {
    need_uprobes!();
    let program = Program::build(&[]);
    let plan = program.plan(&[(program.find("initialise", "IMULQ"), None), (program.find("work", "LEAQ"), None)]);
    let stopped = spawn::stopped(Command::new(&program.path).stdin(Stdio::piped()).stdout(Stdio::piped())).unwrap();
    let session = session::attach(&plan, &Target::Pid(stopped.pid()), &Options::default()).unwrap();
    assert_eq!(hits(&session.counts()), [0, 0]);
    let mut running = Running::of(stopped.resume().unwrap());
    assert_eq!(hits(&session.counts()), [1, 0]);
    running.ask("work 1 2");
    assert_eq!(hits(&session.counts()), [1, 2]);
}

#[test]
fn a_covered_point_is_disarmed_and_an_uncovered_one_is_not() {
    need_uprobes!();
    let program = Program::build(&[]);
    let plan = program.plan(&[
        (program.find("work", "LEAQ"), None),
        (program.find("pick", "CMPQ"), None),
        (program.find("nop5(\\.abi0)?", "NOP"), None),
    ]);
    let mut running = Running::start(&program);
    let options = Options { disarm: true, ..Options::default() };
    let session = attach(&plan, &running, &options);
    let unprobed = running.ask("work 4 5");
    running.ask("nop5 2 5");
    until(|| session.counts().slots[0].armed == Armed::Disarmed);
    assert_eq!(armed(&session.counts()), [Armed::Disarmed, Armed::Armed, Armed::Armed]);
    assert_eq!(text(&running, &plan), plan.sites[0].instruction);

    // What was disarmed does not count any more; what was not does, the 5-byte nop too.
    let settled = hits(&session.counts());
    assert!((1..=20).contains(&settled[0]), "{settled:?}");
    assert_eq!(running.ask("work 4 5"), unprobed);
    running.ask("pick 1 1");
    running.ask("nop5 1 90");
    assert_eq!(hits(&session.counts()), [settled[0], 1, 100]);
    until(|| session.counts().slots[1].armed == Armed::Disarmed);
    assert_eq!(session.disarm_failure(), None);
    session.detach().unwrap();
    assert_eq!(running.ask("work 4 5"), unprobed);
}

#[test]
fn a_process_that_comes_later_is_disarmed_like_the_others() {
    need_uprobes!();
    let program = Program::build(&[]);
    let plan = program.plan(&[(program.find("work", "LEAQ"), None), (program.find("pick", "CMPQ"), None)]);
    let options = Options { disarm: true, ..Options::default() };
    let session = session::attach(&plan, &Target::Exe(program.path.clone()), &options).unwrap();
    let mut first = Running::start(&program);
    session.refresh().unwrap();
    first.ask("work 1 1");
    until(|| session.counts().slots[0].armed == Armed::Disarmed);

    let second = Running::start(&program);
    assert_ne!(text(&second, &plan), plan.sites[0].instruction, "the kernel arms a new process");
    session.refresh().unwrap();
    assert_eq!(text(&second, &plan), plan.sites[0].instruction);
    session.detach().unwrap();
}

#[test]
fn a_five_byte_nop_is_armed_before_and_after_the_kernel_makes_it_a_call() {
    need_uprobes!();
    let program = Program::build(&[]);
    let plan = program.plan(&[(program.find("nop5(\\.abi0)?", "NOP"), None)]);
    let mut running = Running::start(&program);
    let first = attach(&plan, &running, &Options::default());
    running.ask("nop5 2 500");
    // A second session reads what the first one's hits have made of the text.
    let second = attach(&plan, &running, &Options::default());
    assert_eq!(armed(&second.counts()), [Armed::Armed]);
    running.ask("nop5 2 5");
    assert_eq!((hits(&first.counts()), hits(&second.counts())), (vec![1_010], vec![10]));
    drop(first);
    second.detach().unwrap();
    assert_eq!(text(&running, &plan), plan.sites[0].instruction);
}

#[test]
fn a_target_that_exits_is_noticed() {
    need_uprobes!();
    let program = Program::build(&[]);
    let plan = program.plan(&[(program.find("work", "LEAQ"), None)]);
    let mut running = Running::start(&program);
    let session = attach(&plan, &running, &Options::default());
    running.ask("work 1 9");
    let pid = running.pid();
    drop(running);
    assert!(!session.target_alive());
    assert_eq!(session.refresh().unwrap(), 0);
    assert_eq!(hits(&session.counts()), [9]);
    session.detach().unwrap();
    let gone = session::attach(&plan, &Target::Pid(pid), &Options::default()).err().unwrap();
    assert!(matches!(gone, Error::NoProcess { .. }), "{gone}");
}

#[test]
fn another_binary_is_refused() {
    need_uprobes!();
    let (program, other) = (Program::build(&[]), Program::build(&["-ldflags=-X main.version=2 -buildid=other"]));
    let running = Running::start(&program);
    let target = Target::Pid(running.pid());
    let refusal = |plan: &ProbePlan| session::attach(plan, &target, &Options::default()).err().unwrap();

    let mut plan = program.plan(&[(program.find("work", "LEAQ"), None)]);
    plan.identity.go_build_id = Some("of/another/build".into());
    let error = refusal(&plan);
    assert!(matches!(error, Error::OtherBinary { .. }), "{error}");
    assert!(error.to_string().contains("of/another/build"), "{error}");

    let plan = other.plan(&[(other.find("work", "LEAQ"), None)]);
    if plan.identity.go_build_id.is_some() {
        let error = refusal(&plan);
        assert!(matches!(error, Error::OtherBinary { .. }), "{error}");
        let ids = [&plan, &program.plan(&[])].map(|p| p.identity.go_build_id.clone().unwrap());
        assert!(ids.iter().all(|id| error.to_string().contains(id)), "{error}");
    }

    let mut plan = program.plan(&[]);
    plan.identity.arch = "riscv64".into();
    let error = refusal(&plan);
    assert!(error.to_string().starts_with("the plan is for riscv64, and this machine runs amd64"), "{error}");

    // The same build id and another byte: changed after it was built.
    let mut plan = program.plan(&[(program.find("work", "LEAQ"), None)]);
    plan.sites[0].instruction[3] ^= 1;
    let error = refusal(&plan);
    assert!(matches!(error, Error::OtherCode { .. }), "{error}");
    assert!(error.to_string().contains("48 8d 04 40"), "{error}");
}

#[test]
fn what_is_not_there_is_an_error() {
    need_uprobes!();
    let program = Program::build(&[]);
    let plan = program.plan(&[(program.find("work", "LEAQ"), None)]);
    let refusal = |target: Target| session::attach(&plan, &target, &Options::default()).err().unwrap().to_string();
    for pid in [0, u32::MAX, i32::MAX as u32] {
        let error = refusal(Target::Pid(pid));
        assert!(error.starts_with(&format!("there is no process {pid}")), "{error}");
    }
    let error = refusal(Target::Exe("/nonexistent/program".into()));
    assert_eq!(error, "cannot read /nonexistent/program");
}

#[test]
fn a_plan_without_sites_attaches_nothing() {
    need_uprobes!();
    let program = Program::build(&[]);
    let running = Running::start(&program);
    for backend in backends() {
        let session = attach(&program.plan(&[]), &running, &by(backend));
        assert!(session.counts().slots.is_empty() && session.is_ready());
        session.detach().unwrap();
    }
}

#[test]
fn perf_events_are_capped_with_the_reason() {
    need_uprobes!();
    if !backends().contains(&Backend::PerfEvent) {
        return;
    }
    let program = Program::build(&[]);
    let running = Running::start(&program);
    let plan = program.plan(&vec![(program.find("work", "LEAQ"), None); 1_001]);
    let target = Target::Pid(running.pid());
    let error = session::attach(&plan, &target, &by(Backend::PerfEvent)).err().unwrap();
    assert!(error.to_string().starts_with("the plan has 1001 sites, and perf_event takes 1000 at most: "), "{error}");
}

#[test]
fn this_kernel_is_told_by_trying() {
    need_uprobes!();
    let features = Features::probe().unwrap();
    let version: Vec<u32> = features.release.split(['.', '-']).map_while(|part| part.parse().ok()).collect();
    // From 6.10 on the filter is right in every release; before, it depends on the stable fix.
    if version >= vec![6, 10] {
        assert!(features.multi_pid_filter, "{features:?}");
    }
}

/// Waits for what another thread does soon. The test harness ends what never comes.
fn until(done: impl Fn() -> bool) {
    while !done() {
        std::thread::yield_now();
    }
}
