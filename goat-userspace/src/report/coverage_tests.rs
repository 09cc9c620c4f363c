use std::time::{Duration, UNIX_EPOCH};

use super::*;
use crate::{
    counts::Sampled,
    plan::{Unobservable, sample},
};

const NEVER: SlotCount = SlotCount { hits: 0, first_hit: None, armed: Armed::Armed, sampled: None };
const UNARMED: SlotCount = SlotCount { hits: 0, first_hit: None, armed: Armed::NotArmed, sampled: None };

fn hit(hits: u64, second: u64) -> SlotCount {
    SlotCount { hits, first_hit: Some(at(second)), armed: Armed::Disarmed, sampled: None }
}

fn at(second: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(second)
}

fn report(slots: &[SlotCount], data_type: DataType) -> Report {
    new(&sample::plan(), &Counts { taken: at(9), slots: slots.to_vec() }, data_type)
}

#[test]
fn sites_decide_the_state_of_their_point() {
    // Point 1 has the sites of slots 0 and 1.
    let check = |slots: [SlotCount; 2], data_type, state, count, reason: Option<&str>, first_hit| {
        let report = report(&[slots[0], slots[1], NEVER], data_type);
        let item = &report.components[1].items[0];
        let found = (item.state, item.count, item.reason.as_deref(), item.first_hit);
        assert_eq!(found, (state, count, reason, first_hit), "{slots:?} {data_type:?}");
    };
    use DataType::{Bool, Count};
    let pending = SlotCount::default();
    check([NEVER, NEVER], Count, State::NotExecuted, 0, None, None);
    check([pending, pending], Count, State::NotExecuted, 0, None, None);
    check([hit(3, 5), NEVER], Count, State::Covered, 3, None, Some(at(5)));
    check([NEVER, hit(3, 5)], Bool, State::Covered, 1, None, Some(at(5)));
    check([hit(3, 5), hit(4, 2)], Count, State::Covered, 7, None, Some(at(2)));
    check([hit(3, 5), hit(4, 2)], Bool, State::Covered, 1, None, Some(at(2)));
    check([hit(u64::MAX, 5), hit(4, 2)], Count, State::Covered, u64::MAX, None, Some(at(2)));
    check([UNARMED, NEVER], Count, State::NotExecuted, 0, Some("not-armed: 1 of 2 sites"), None);
    check([UNARMED, UNARMED], Count, State::NotArmed, 0, Some("not-armed: 2 of 2 sites"), None);
    check([UNARMED, UNARMED], Bool, State::NotArmed, 0, Some("not-armed: 2 of 2 sites"), None);
    check([UNARMED, hit(1, 1)], Count, State::Covered, 1, Some("not-armed: 1 of 2 sites"), Some(at(1)));
    check([UNARMED, hit(1, 1)], Bool, State::Covered, 1, None, Some(at(1)));
}

#[test]
fn what_was_not_watched_all_the_time_says_so() {
    let sampled = Sampled {
        unseen: 900,
        unseen_low: 800,
        unseen_high: Some(1_200),
        armed: Duration::from_secs(3),
        watched: Duration::from_secs(60),
    };
    let throttled = SlotCount { sampled: Some(sampled), armed: Armed::Throttled, ..hit(100, 1) };
    let unseen =
        SlotCount { sampled: Some(Sampled { unseen: 0, unseen_low: 0, ..sampled }), armed: Armed::Throttled, ..NEVER };
    let check = |slot, data_type, state, count, reason: Option<&str>, limits: Option<(u64, Option<u64>)>| {
        let report = report(&[NEVER, NEVER, slot], data_type);
        let item = &report.components[1].items[1];
        let found = (item.state, item.count, item.reason.as_deref(), item.estimate.map(|e| (e.low, e.high)));
        assert_eq!(found, (state, count, reason, limits), "{slot:?} {data_type:?}");
        assert!(!item.at_least);
    };
    use DataType::{Bool, Count};
    let about = "throttled: ~1 000, between 900 and 1 300 times, armed for 5.00 % of 60.0 s";
    check(throttled, Count, State::Covered, 1_000, Some(about), Some((900, Some(1_300))));
    check(throttled, Bool, State::Covered, 1, None, None);
    let watched = "throttled: armed for 5.00 % of 60.0 s";
    check(unseen, Count, State::NotExecuted, 0, Some(watched), Some((0, Some(1_200))));
    check(unseen, Bool, State::NotExecuted, 0, Some(watched), Some((0, Some(1_200))));
    // The first point is inlined in places.
    let report = report(&[throttled, NEVER, NEVER], Count);
    let item = &report.components[1].items[0];
    let about = "throttled: ~1 000, at least 900 times, armed for 5.00 % of 60.0 s";
    assert_eq!((item.at_least, item.reason.as_deref()), (true, Some(about)));
    assert_eq!(item.estimate.map(|e| (e.low, e.high)), Some((900, None)));
}

#[test]
fn a_count_is_a_lower_bound_where_calls_may_have_left_no_code() {
    let check = |slots: &[SlotCount], data_type, expected: [bool; 2]| {
        let report = report(slots, data_type);
        let found = [0, 1].map(|index| report.components[1].items[index].at_least);
        assert_eq!(found, expected, "{slots:?} {data_type:?}");
    };
    use DataType::{Bool, Count};
    // The first point is inlined in places, the second is not.
    check(&[hit(3, 5), NEVER, hit(1, 5)], Count, [true, false]);
    check(&[NEVER, NEVER, NEVER], Count, [true, false]);
    check(&[NEVER, NEVER, UNARMED], Count, [true, true]);
    check(&[hit(3, 5), NEVER, hit(1, 5)], Bool, [false, false]);

    // A call of a function that only computes may have been inlined without a trace.
    let mut plan = sample::plan();
    let Status::Observed(instances) = &mut plan.points[1].status else { panic!("{:?}", plan.points[1]) };
    instances[0].foldable = true;
    let counts = Counts { taken: at(9), slots: vec![NEVER, NEVER, hit(1, 5)] };
    assert!(new(&plan, &counts, Count).components[1].items[1].at_least);
    assert!(!new(&plan, &counts, Bool).components[1].items[1].at_least);
}

#[test]
fn copies_that_no_site_observes_weaken_not_executed_and_counts() {
    // Point 2 has the site of slot 2 in one copy, and four copies without.
    let check = |slot: SlotCount, data_type, state, reason: Option<&str>| {
        let counts = Counts { taken: at(9), slots: vec![NEVER, NEVER, slot] };
        let report = new(&sample::plan_with_blind_copies(), &counts, data_type);
        let item = &report.components[1].items[1];
        assert_eq!((item.blind, item.state, item.reason.as_deref()), (4, state, reason), "{slot:?} {data_type:?}");
    };
    use DataType::{Bool, Count};
    check(NEVER, Bool, State::NotExecuted, Some("4 of 5 copies can't be observed"));
    check(NEVER, Count, State::NotExecuted, Some("4 of 5 copies can't be observed"));
    check(hit(1, 1), Bool, State::Covered, None);
    check(hit(1, 1), Count, State::Covered, Some("4 of 5 copies can't be observed"));
    check(UNARMED, Bool, State::NotArmed, Some("not-armed: 1 of 1 sites"));
    let mut plan = sample::plan_with_blind_copies();
    plan.points[0].blind = plan.points[1].blind.clone();
    let report = new(&plan, &Counts { taken: at(9), slots: vec![UNARMED, NEVER, NEVER] }, Bool);
    let reason = report.components[1].items[0].reason.as_deref();
    assert_eq!(reason, Some("not-armed: 1 of 2 sites; 4 of 6 copies can't be observed"));
}

#[test]
fn points_without_sites_keep_their_reason() {
    let report = report(&[], DataType::Bool);
    let check = |items: &[Item], expected: &[(u32, State, Option<&str>)]| {
        let found: Vec<_> = items.iter().map(|i| (i.id, i.state, i.reason.as_deref())).collect();
        assert_eq!(found, expected);
    };
    check(
        &report.components[0].items,
        &[(1, State::NotExecuted, None), (5, State::Excluded, Some("other-component: cmd/shopctl"))],
    );
    check(
        &report.components[1].items,
        &[
            (1, State::NotExecuted, None),
            (2, State::NotExecuted, None),
            (3, State::Unobservable, Some("speculated")),
            (4, State::Excluded, Some("excluded: //go:build windows")),
        ],
    );
    check(&report.no_component, &[(6, State::Excluded, Some("other-component: no main package imports it"))]);
}

#[test]
fn a_point_of_another_component_is_not_called_unobservable() {
    let check = |point: u32, component: Option<u32>, expected: (State, &str)| {
        let mut plan = sample::plan();
        plan.component = component;
        plan.points[point as usize - 1].status = Status::Unobservable(Unobservable::NotLinked);
        let report = new(&plan, &Counts::none(3, at(0)), DataType::Bool);
        let item = report.components.iter().flat_map(|c| &c.items).chain(&report.no_component);
        let item = item.into_iter().find(|item| item.id == point).unwrap();
        assert_eq!((item.state, item.reason.as_deref().unwrap()), expected);
    };
    check(5, Some(1), (State::Excluded, "other-component: cmd/shopctl"));
    check(5, Some(0), (State::Unobservable, "not-linked"));
    check(5, None, (State::Unobservable, "not-linked"));
    check(6, Some(1), (State::Excluded, "other-component: none imports it"));
}

#[test]
fn totals_count_what_can_be_observed() {
    let report = report(&[hit(1, 1), NEVER, UNARMED], DataType::Bool);
    let own = &report.components[1];
    let expected = Totals { total: 2, covered: 1, not_executed: 0, not_armed: 1, unobservable: 1, excluded: 1 };
    assert_eq!(own.totals, expected);
    assert_eq!(own.totals.rate(), 50);
    assert_eq!(own.reasons(), BTreeMap::from([("excluded", 1), ("not-armed", 1), ("speculated", 1)]));
    assert_eq!(State::ALL.map(|state| own.totals.in_state(state)).iter().sum::<usize>(), own.items.len());
}

#[test]
fn a_state_is_not_said_twice() {
    for (state, reason, expected) in [
        (State::Excluded, "excluded: //go:build windows", "//go:build windows"),
        (State::Excluded, "excluded", ""),
        (State::Excluded, "other-component: cmd/a", "other-component: cmd/a"),
        (State::NotArmed, "not-armed: 2 of 2 sites", "2 of 2 sites"),
        (State::NotExecuted, "not-armed: 1 of 2 sites", "not-armed: 1 of 2 sites"),
        (State::Excluded, "excludedness", "excludedness"),
    ] {
        assert_eq!(state.beside(reason), expected);
    }
}

#[test]
fn rates_are_rounded_down() {
    for (covered, total, expected) in [(0, 0, 0), (0, 7, 0), (2, 3, 66), (199, 200, 99), (7, 7, 100)] {
        assert_eq!(Totals { total, covered, ..Totals::default() }.rate(), expected);
    }
}
