//! `cargo xtask bench attach`: how long probes take to attach and detach, and what a probed and a disarmed call costs, and what
//! a whole job does, as Markdown tables.

#![expect(clippy::unwrap_used, reason = "a bench that can't be set up has nothing to say")]

#[path = "../tests/session/fixture.rs"]
mod fixture;

use std::{
    path::PathBuf,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use fixture::{Instruction, Program, Running};
use goat::{
    counts::Armed,
    session::{self, Backend, Error, Options, Target, spawn},
};

const SITES: [usize; 3] = [1, 100, 10_000];

fn main() {
    if let Some(reason) = fixture::missing() {
        println!("skipped: {reason}");
        return;
    }
    let program = Program::build(&[]);
    attach_and_detach(&program);
    calls(&program);
    job();
}

fn attach_and_detach(program: &Program) {
    // Functions that the waiting program does not run.
    let instructions = program.instructions(r"^(fmt|strconv|reflect|os|time|unicode/utf8|bufio|internal/fmtsort)\.");
    let accepted: Vec<_> = instructions.into_iter().filter(is_surely_accepted).map(|i| (i, None)).collect();
    println!("| sites | backend | target | attach | detach | armed |\n| --- | --- | --- | --- | --- | --- |");
    for backend in [Backend::UprobeMulti, Backend::PerfEvent] {
        for sites in SITES {
            assert!(accepted.len() >= sites, "the program has {} instructions to probe", accepted.len());
            // Spread over the text, as a plan's sites are.
            let step = accepted.len() / sites;
            let plan = program.plan(&accepted.iter().step_by(step).take(sites).cloned().collect::<Vec<_>>());
            let running = Running::start(program);
            for (target, name) in
                [(Target::Pid(running.pid()), "a process"), (Target::Exe(program.path.clone()), "the file")]
            {
                let started = Instant::now();
                match session::attach(&plan, &target, &Options { backend: Some(backend), ..Options::default() }) {
                    Ok(session) => {
                        let attached = started.elapsed();
                        let armed = session.counts().slots.iter().filter(|s| s.armed == Armed::Armed).count();
                        let started = Instant::now();
                        session.detach().unwrap();
                        let detached = started.elapsed();
                        println!("| {sites} | {backend} | {name} | {} | {} | {armed} |", ms(attached), ms(detached));
                    }
                    Err(e @ Error::TooManySites { .. }) => println!("| {sites} | {backend} | {name} | {e} | | |"),
                    Err(e) => panic!("{e}"),
                }
            }
        }
    }
}

fn calls(program: &Program) {
    const CALLS: u32 = 200_000;
    let plan = program.plan(&[(program.find("work", "LEAQ"), None)]);
    let running = &mut Running::start(program);
    let options = |disarm| Options { disarm, ..Options::default() };
    println!("\n| a call of a function of three instructions | ns |\n| --- | --- |");
    let mut time = |name: &str, options: Option<Options>| {
        let session = options.map(|o| session::attach(&plan, &Target::Pid(running.pid()), &o).unwrap());
        // The first call disarms.
        running.ask("work 1 1");
        while session.as_ref().is_some_and(is_due) {
            std::thread::yield_now();
        }
        let started = Instant::now();
        running.ask(&format!("work 1 {CALLS}"));
        println!("| {name} | {:.1} |", started.elapsed().as_nanos() as f64 / f64::from(CALLS));
    };
    time("no probe", None);
    time("counted", Some(options(false)));
    time("disarmed", Some(options(true)));
}

/// A whole job, with sites all over the program, disarmed as they are hit.
fn job() {
    let go_root = Command::new("go").args(["env", "GOROOT"]).output().unwrap().stdout;
    let go_root = PathBuf::from(String::from_utf8(go_root).unwrap().trim());
    let program = Program::copy_of(&go_root.join("bin/gofmt"));
    let instructions =
        program.instructions(r"^(main|go/[a-z]+|text/tabwriter|bytes|strings|fmt|strconv|os|io|bufio|sort)\.");
    let accepted: Vec<_> = instructions.into_iter().filter(is_surely_accepted).map(|i| (i, None)).collect();
    let plan = program.plan(&accepted.into_iter().step_by(6).collect::<Vec<_>>());
    let command = || {
        let mut command = Command::new(&program.path);
        command.arg("-d").args(["cmd/compile", "net", "go"].map(|d| go_root.join("src").join(d)));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        command
    };
    println!("\n| gofmt, {} sites | plain | probed and disarmed | sites hit | hits | disarmed |", plan.sites.len());
    println!("| --- | --- | --- | --- | --- | --- |");
    for round in 1..=3 {
        let started = Instant::now();
        let plain = command().output().unwrap();
        let alone = started.elapsed();
        let stopped = spawn::stopped(&mut command()).unwrap();
        let options = Options { disarm: true, ..Options::default() };
        let session = session::attach(&plan, &Target::Pid(stopped.pid()), &options).unwrap();
        let started = Instant::now();
        let probed = stopped.resume().unwrap().wait_with_output().unwrap();
        let with = started.elapsed();
        assert_eq!((probed.status, probed.stdout), (plain.status, plain.stdout), "probes change nothing");
        let slots = session.counts().slots;
        let (hit, hits) = (slots.iter().filter(|s| s.hits > 0).count(), slots.iter().map(|s| s.hits).sum::<u64>());
        let disarmed = slots.iter().filter(|s| s.armed == Armed::Disarmed).count();
        println!("| round {round} | {} | {} | {hit} | {hits} | {disarmed} |", ms(alone), ms(with));
    }
}

/// Whether a site is still to be disarmed, if it is at all.
fn is_due(session: &session::Session) -> bool {
    session.is_disarming() && session.counts().slots.iter().any(|s| s.hits > 0 && s.armed == Armed::Armed)
}

/// Instructions of everyday kinds: none of those that the kernel may refuse.
fn is_surely_accepted(instruction: &Instruction) -> bool {
    let everyday =
        ["MOVQ ", "LEAQ ", "CMPQ ", "TESTQ ", "ADDQ ", "SUBQ ", "XORL ", "CALL ", "JMP ", "JE ", "JNE ", "RET"];
    everyday.iter().any(|m| instruction.text.starts_with(m))
        && matches!(instruction.bytes[0], 0x48..=0x4f | 0x70..=0x7f | 0xe8 | 0xe9 | 0xc3)
}

fn ms(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1e3)
}
