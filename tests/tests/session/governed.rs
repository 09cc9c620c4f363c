//! Probes within a budget: what is hit too often is throttled and counted by samples, and nothing else is touched.

use std::{fs, thread};

use goat::{
    counts::{Armed, SlotCount},
    session::{self, DisarmBy, Options, Target},
};

use crate::{
    attach,
    fixture::{Program, Running},
    text, until,
};

/// So small that a tight loop is over it at once.
fn tight() -> Options {
    // Half of it is for traps.
    Options { max_overhead: Some(0.02), ..Options::default() }
}

#[test]
fn within_the_budget_every_hit_is_counted() {
    need_uprobes!();
    let program = Program::build(&[]);
    let plan = program.plan(&[(program.find("work", "LEAQ"), None), (program.find("pick", "CMPQ"), None)]);
    let mut running = Running::start(&program);
    let session = attach(&plan, &running, &tight());
    // 300 hits take 3 ms, and of a second's budget 10 are for traps.
    let unprobed = running.ask("work 1 300");
    assert_eq!(running.ask("work 1 300"), unprobed);
    let counts = session.counts();
    assert_eq!((counts.slots[0].hits, counts.slots[0].sampled), (600, None));
    assert_eq!(counts.slots[1], SlotCount { armed: Armed::Armed, ..SlotCount::default() });
    session.detach().unwrap();
}

#[test]
fn a_hot_site_has_turns_and_its_count_is_an_estimate() {
    need_uprobes!();
    let program = Program::build(&[]);
    let plan = program.plan(&[(program.find("work", "LEAQ"), None), (program.find("pick", "CMPQ"), None)]);
    let mut running = Running::start(&program);
    let unprobed = running.ask("among 1 200000");
    // The interval is one of confidence: another run may be held where one was not.
    let mut attempts = 0;
    let session = loop {
        let session = attach(&plan, &running, &tight());
        assert_eq!(running.ask("among 1 200000"), unprobed);
        let slots = session.counts().slots;
        let sampled = slots[0].sampled.unwrap();
        assert!((1_000..200_000).contains(&slots[0].hits) && sampled.armed < sampled.watched, "{slots:?}");
        let low = slots[0].hits + sampled.unseen_low;
        if low <= 200_000 && sampled.unseen_high.is_none_or(|high| slots[0].hits + high >= 200_000) {
            break session;
        }
        attempts += 1;
        assert!(attempts < 10, "none of them holds what ran: {slots:?}");
        session.detach().unwrap();
    };
    // The other was never hit, and is in the text as ever.
    assert_eq!(session.counts().slots[1], SlotCount { armed: Armed::Armed, ..SlotCount::default() });
    running.ask("pick 1 1");
    assert_eq!(session.counts().slots[1].hits, 1);
    assert!(session.overhead().unwrap().hits_per_second > 0.0);

    // When it has cooled down it comes back, and counts every hit.
    until(|| session.counts().slots[0].armed == Armed::Armed);
    session.detach().unwrap();
    assert_eq!(text(&running, &plan), plan.sites[0].instruction);
    assert_eq!(running.ask("among 1 1000"), running.ask("among 1 1000"));
}

#[test]
fn a_condition_that_never_holds_costs_no_more_than_the_budget() {
    need_uprobes!();
    let program = Program::build(&[]);
    // The overflow flag, which comparing small numbers does not set.
    let plan = program.plan(&[(program.find("pick", "CMOV"), Some(0))]);
    let mut running = Running::start(&program);
    let unprobed = running.ask("pick 1 20000000");
    let session = attach(&plan, &running, &Options { disarm: true, ..tight() });
    let probed = running.ask("pick 1 20000000");
    assert_eq!(probed, unprobed);
    // Without the probe the rest of the loop is over before the governor looks again.
    until(|| {
        let slot = session.counts().slots[0];
        assert_eq!(slot.hits, 0);
        slot.sampled.is_some_and(|sampled| sampled.armed < sampled.watched)
    });
    session.detach().unwrap();
}

#[test]
fn sites_of_one_address_are_throttled_together() {
    need_uprobes!();
    let program = Program::build(&[]);
    let site = program.find("work", "LEAQ");
    let plan = program.plan(&[(site.clone(), None), (site, None)]);
    let mut running = Running::start(&program);
    let session = attach(&plan, &running, &tight());
    running.ask("among 1 100000");
    let slots = session.counts().slots;
    assert_eq!(slots[0].hits, slots[1].hits);
    assert!(slots[0].sampled.is_some() && slots[1].sampled.is_some(), "{slots:?}");
    session.detach().unwrap();
}

#[test]
fn without_access_to_the_text_links_are_made_anew() {
    need_uprobes!();
    let program = Program::build(&[]);
    let plan = program.plan(&[
        (program.find("work", "LEAQ"), None),
        (program.find("pick", "CMPQ"), None),
        (program.find("nop5(\\.abi0)?", "NOP"), None),
    ]);
    for verify in [true, false] {
        let relink = Options { disarm_by: DisarmBy::Relink, verify, ..tight() };
        let mut running = Running::start(&program);
        let session = attach(&plan, &running, &Options { disarm: true, max_overhead: None, ..relink.clone() });
        running.ask("work 1 1");
        running.ask("nop5 1 1");
        until(|| [0, 2].iter().all(|slot| session.counts().slots[*slot].armed == Armed::Disarmed));
        until(|| text(&running, &plan) == plan.sites[0].instruction);
        running.ask("pick 1 1");
        until(|| session.counts().slots[1].armed == Armed::Disarmed);
        session.detach().unwrap();

        // Counted: what is hit too often goes, and the others' counts stay right.
        let session = attach(&plan, &running, &relink);
        let unprobed = running.ask("pick 1 10");
        running.ask("among 1 100000");
        assert_eq!(running.ask("pick 1 10"), unprobed);
        until(|| {
            let slot = session.counts().slots[0];
            assert!(slot.hits < 100_000, "verify: {verify}, {slot:?}");
            slot.sampled.is_some_and(|sampled| sampled.armed < sampled.watched)
        });
        // While a link takes another's place, both count; when it has, what that may have come to is known.
        until(|| {
            let SlotCount { hits, sampled, .. } = session.counts().slots[1];
            (hits..=hits + sampled.and_then(|s| s.unseen_high).unwrap_or(0)).contains(&20)
        });
        session.detach().unwrap();
        assert_eq!(text(&running, &plan), plan.sites[0].instruction);
    }
}

#[test]
fn a_busy_target_is_armed_in_waves_and_an_idle_one_at_once() {
    need_uprobes!();
    let program = Program::build(&[]);
    let instructions = program.instructions(r"^(fmt|strconv)\.");
    let calls = instructions.into_iter().filter(|i| i.text.starts_with("CALL ") && i.bytes[0] == 0xe8);
    let mut sites: Vec<_> = calls.take(1_000).map(|i| (i, None)).collect();
    sites.push((program.find("work", "LEAQ"), None));
    let plan = program.plan(&sites);
    let options = Options { arm_overhead: Some(0.2), ..Options::default() };
    let mut running = Running::start(&program);
    // A process that has just begun may be at work still.
    until(|| {
        let session = session::attach(&plan, &Target::Pid(running.pid()), &options).unwrap();
        let at_once = session.is_ready() && session.waiting() == 0;
        session.detach().unwrap();
        at_once
    });

    thread::scope(|scope| {
        let (pid, busy) = (running.pid(), scope.spawn(|| running.ask("among 1 50000")));
        // Behind the name: ticks in user mode.
        let ticks = || fs::read_to_string(format!("/proc/{pid}/stat")).unwrap().split(' ').nth(13).unwrap().to_owned();
        let before = ticks();
        until(|| ticks() != before || busy.is_finished());
        let session = session::attach(&plan, &Target::Pid(pid), &options).unwrap();
        let waiting = session.waiting();
        assert!(session.is_ready() == (waiting == 0) || session.waiting() < waiting);
        until(|| session.is_ready());
        assert_eq!(session.waiting(), 0);
        assert!(session.counts().slots.iter().all(|slot| slot.armed == Armed::Armed));
        assert_eq!(session.arm_failure(), None);
        busy.join().unwrap();
        session.detach().unwrap();
    });
}
