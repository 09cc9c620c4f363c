//! A session's bindings: several processes of a plan, one after the other and at once, and sites armed in waves.

use std::sync::Arc;

use goat::{
    counts::Armed,
    session::{self, Options, Target},
};

use super::{
    armed, backends, by,
    fixture::{Program, Running},
    hits, text, until,
};

#[test]
fn what_several_processes_run_adds_up_and_outlives_them() {
    need_uprobes!();
    let program = Program::build(&[]);
    let plan = Arc::new(program.plan(&[(program.find("work", "LEAQ"), None)]));
    for backend in backends() {
        let session = session::open(&plan, &by(backend)).unwrap();
        let (mut one, mut other) = (Running::start(&program), Running::start(&program));
        let mut unbound = Running::start(&program);
        let first = session.bind(&Target::Pid(one.pid())).unwrap();
        session.bind(&Target::Pid(other.pid())).unwrap();
        for (running, command) in [(&mut one, "work 1 100"), (&mut other, "work 2 10"), (&mut unbound, "work 1 7")] {
            running.ask(command);
        }
        assert_eq!(hits(&session.counts()), [120], "{backend}");

        drop(one);
        assert_eq!(session.refresh().unwrap(), 1, "{backend}");
        assert!(!session.is_bound(first) && session.target_alive());
        let mut again = Running::start(&program);
        session.bind(&Target::Pid(again.pid())).unwrap();
        again.ask("work 1 3");
        assert_eq!(hits(&session.counts()), [123], "{backend}");
        session.detach().unwrap();
        for running in [&other, &unbound, &again] {
            assert_eq!(text(running, &plan), plan.sites[0].instruction, "{backend}");
        }
    }
}

#[test]
fn one_of_several_is_told_by_the_program_where_the_kernel_can_not() {
    need_uprobes!();
    let program = Program::build(&[]);
    let plan = Arc::new(program.plan(&[(program.find("work", "LEAQ"), None)]));
    let options = Options { filter_in_program: true, ..Options::default() };
    let session = session::open(&plan, &options).unwrap();
    let mut running: Vec<Running> = (0..3).map(|_| Running::start(&program)).collect();
    for bound in &running[..2] {
        session.bind(&Target::Pid(bound.pid())).unwrap();
    }
    for (running, calls) in running.iter_mut().zip([1, 10, 100]) {
        running.ask(&format!("work 1 {calls}"));
    }
    assert_eq!(hits(&session.counts()), [11]);
    session.detach().unwrap();
    assert_eq!(text(&running[2], &plan), plan.sites[0].instruction);
}

#[test]
fn an_unbound_process_has_no_probe_while_the_others_have() {
    need_uprobes!();
    let program = Program::build(&[]);
    let plan = Arc::new(program.plan(&[(program.find("work", "LEAQ"), None)]));
    let session = session::open(&plan, &Options::default()).unwrap();
    let (mut one, mut other) = (Running::start(&program), Running::start(&program));
    let first = session.bind(&Target::Pid(one.pid())).unwrap();
    session.bind(&Target::Pid(other.pid())).unwrap();
    session.unbind(first);
    assert_eq!(text(&one, &plan), plan.sites[0].instruction);
    assert_ne!(text(&other, &plan), plan.sites[0].instruction);
    one.ask("work 1 5");
    other.ask("work 1 6");
    assert_eq!(hits(&session.counts()), [6]);
}

#[test]
fn in_waves_sites_are_armed_some_at_a_time() {
    need_uprobes!();
    let program = Program::build(&[]);
    let sites = [(program.find("work", "LEAQ"), None), (program.find("pick", "CMPQ"), None)];
    let plan = Arc::new(program.plan(&sites));
    let options = Options { in_waves: true, disarm: true, ..Options::default() };
    let session = session::open(&plan, &options).unwrap();
    let mut running = Running::start(&program);
    session.bind(&Target::Pid(running.pid())).unwrap();
    assert_eq!((session.waiting(), armed(&session.counts())), (2, vec![Armed::Pending; 2]));
    assert!(!session.is_ready());
    running.ask("work 1 1");
    assert_eq!(hits(&session.counts()), [0, 0]);

    assert_eq!(session.arm_next(1).unwrap(), 1);
    let (first, second) = if plan.sites[0].offset < plan.sites[1].offset { (0, 1) } else { (1, 0) };
    assert_eq!((session.waiting(), session.counts().slots[first].armed), (1, Armed::Armed));
    assert_eq!(session.counts().slots[second].armed, Armed::Pending);
    assert_eq!((session.arm_next(9).unwrap(), session.arm_next(9).unwrap()), (1, 0));
    assert!(session.is_ready());
    running.ask("work 1 1");
    running.ask("pick 1 1");
    until(|| armed(&session.counts()) == [Armed::Disarmed; 2]);

    // A process that comes later gets no site that has told what it can.
    let later = Running::start(&program);
    session.bind(&Target::Pid(later.pid())).unwrap();
    assert_eq!(session.waiting(), 0);
    assert_eq!(text(&later, &plan), plan.sites[0].instruction);
    session.detach().unwrap();
}

#[test]
fn what_was_counted_before_is_not_armed_again() {
    need_uprobes!();
    let program = Program::build(&[]);
    let plan = program.plan(&[(program.find("work", "LEAQ"), None), (program.find("pick", "CMPQ"), None)]);
    let mut running = Running::start(&program);
    let options = Options { skip: vec![0, 99], disarm: true, ..Options::default() };
    let session = session::attach(&plan, &Target::Pid(running.pid()), &options).unwrap();
    assert_eq!(armed(&session.counts()), [Armed::Disarmed, Armed::Armed]);
    assert_eq!(text(&running, &plan), plan.sites[0].instruction);
    running.ask("work 1 5");
    assert_eq!(hits(&session.counts()), [0, 0]);
}

#[test]
fn a_process_that_becomes_another_program_is_over() {
    need_uprobes!();
    let program = Program::build(&[]);
    let plan = Arc::new(program.plan(&[(program.find("work", "LEAQ"), None)]));
    let session = session::open(&plan, &Options::default()).unwrap();
    let mut running = Running::start(&program);
    let first = session.bind(&Target::Pid(running.pid())).unwrap();
    running.ask("work 1 5");
    // The same file anew, in the same process: its text is another, and has no probes.
    assert_eq!(running.ask(&format!("exec {}", program.path.display())), "ready 401");
    session.refresh().unwrap();
    assert!(!session.is_bound(first) && !session.target_alive());
    assert_eq!(text(&running, &plan), plan.sites[0].instruction);
    session.bind(&Target::Pid(running.pid())).unwrap();
    running.ask("work 1 6");
    assert_eq!(hits(&session.counts()), [11]);

    assert_eq!(running.ask("exec /bin/echo gone"), "gone");
    session.refresh().unwrap();
    assert!(!session.target_alive());
    session.detach().unwrap();
}

#[test]
fn a_forked_child_runs_rightly_with_the_breakpoints_that_it_inherits() {
    need_uprobes!();
    let program = Program::build(&[]);
    let plan = Arc::new(program.plan(&[(program.find("work", "LEAQ"), None)]));
    for backend in backends() {
        let mut running = Running::start(&program);
        let session = session::open(&plan, &by(backend)).unwrap();
        session.bind(&Target::Pid(running.pid())).unwrap();
        running.ask("work 1 5");
        // The child is another process: its calls do not count.
        assert_eq!(running.ask("fork 100"), "100", "{backend}");
        assert_eq!(hits(&session.counts()), [5], "{backend}");
        session.detach().unwrap();
        assert_eq!(running.ask("fork 7"), "7", "{backend}");
        assert_eq!(text(&running, &plan), plan.sites[0].instruction, "{backend}");
    }
}
