//! The joined view of plan and counts: what ran, what did not, and what no one can tell.

use std::{collections::BTreeMap, sync::Arc, time::SystemTime};

use super::{
    Estimate,
    estimate::{THROTTLED, about},
};
use crate::{
    DataType,
    counts::{Armed, Counts, SlotCount},
    lines::LineSet,
    paths::RepoPath,
    plan::{Component, Excluded, Instance, Point, ProbePlan, Status},
};

/// The answer at an instant. `count` is 0 or 1 under `dataType: bool`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Report {
    /// `appName`.
    pub name: String,
    /// `appVersion`.
    pub version: String,
    /// Whether counts say how often, or only whether.
    pub data_type: DataType,
    /// When the counters were read.
    pub taken: SystemTime,
    /// By number.
    pub components: Vec<ComponentReport>,
    /// The number of the component that the binary is; `None` if its main package is not in the repository.
    pub component: Option<u32>,
    /// Points that are in no component, because no main package imports theirs; by id.
    pub no_component: Vec<Item>,
}

/// One component's share.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ComponentReport {
    /// Its number.
    pub id: u32,
    /// Its name.
    pub name: String,
    /// In numbers.
    pub totals: Totals,
    /// Its points, by id.
    pub items: Vec<Item>,
}

/// A component in numbers. `total` and the rate count what can be observed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[expect(missing_docs, reason = "each is the number of points in the state of that name")]
pub struct Totals {
    /// Points that can be observed: covered, not executed and not armed.
    pub total: usize,
    pub covered: usize,
    pub not_executed: usize,
    pub not_armed: usize,
    pub unobservable: usize,
    pub excluded: usize,
}

/// One point's answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Item {
    /// The point's id, from 1.
    pub id: u32,
    /// How often it ran: the sum over all sites of all its copies.
    pub count: u64,
    /// Its file on the new side.
    pub file: RepoPath,
    /// The first line observed.
    pub line: u32,
    /// The last.
    pub end_line: u32,
    /// The changed lines that it answers for.
    pub lines: LineSet,
    /// Its function.
    pub function: Arc<str>,
    /// `statement`, `part`, `header`, `branch` or `function`.
    pub kind: Arc<str>,
    /// What can be said of it.
    pub state: State,
    /// Why it is unobservable, excluded or not armed: a word (`speculated`), and what is known besides behind `": "`. Of a
    /// point that is not executed: why it may have run all the same. Of one that is covered: what its count is worth.
    pub reason: Option<String>,
    /// Its compiled copies in which no site can tell whether it ran.
    pub blind: usize,
    /// When it ran first.
    pub first_hit: Option<SystemTime>,
    /// Whether it may have run more often than `count`: some of its copies can't be observed or are not armed, or it was inlined, and
    /// where the compiler knew what an inlined call comes to, it leaves neither code nor a trace of itself in the binary.
    pub at_least: bool,
    /// `None` if its sites were armed all the time that they were needed. Else `count` is the best estimate, and a point that is
    /// not executed was not seen to while it was watched.
    pub estimate: Option<Estimate>,
}

/// What can be said of a point.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum State {
    /// It ran.
    Covered,
    /// It has not run since its sites were armed.
    NotExecuted,
    /// No site can tell.
    Unobservable,
    /// Not in question for this binary.
    Excluded,
    /// It has sites, but none of them could be armed.
    NotArmed,
}

impl State {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Covered, Self::NotExecuted, Self::NotArmed, Self::Unobservable, Self::Excluded];

    /// The word in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Covered => "covered",
            Self::NotExecuted => "not-executed",
            Self::Unobservable => "unobservable",
            Self::Excluded => "excluded",
            Self::NotArmed => "not-armed",
        }
    }

    /// `reason` as it is said beside the state's word: without its own word where that is the same, `//go:build windows`.
    pub fn beside(self, reason: &str) -> &str {
        match reason.strip_prefix(self.as_str()) {
            Some("") => "",
            Some(rest) => rest.strip_prefix(": ").unwrap_or(reason),
            None => reason,
        }
    }
}

impl Totals {
    /// Counts the points of `items` by state.
    pub fn of<'a>(items: impl IntoIterator<Item = &'a Item>) -> Self {
        let mut totals = Self::default();
        for item in items {
            let (counter, observable) = match item.state {
                State::Covered => (&mut totals.covered, true),
                State::NotExecuted => (&mut totals.not_executed, true),
                State::NotArmed => (&mut totals.not_armed, true),
                State::Unobservable => (&mut totals.unobservable, false),
                State::Excluded => (&mut totals.excluded, false),
            };
            *counter += 1;
            totals.total += usize::from(observable);
        }
        totals
    }

    /// How many points are in `state`.
    pub fn in_state(&self, state: State) -> usize {
        match state {
            State::Covered => self.covered,
            State::NotExecuted => self.not_executed,
            State::Unobservable => self.unobservable,
            State::Excluded => self.excluded,
            State::NotArmed => self.not_armed,
        }
    }

    /// Covered points of a hundred that can be observed, rounded down; 0 where none can be.
    pub fn rate(&self) -> usize {
        (self.covered * 100).checked_div(self.total).unwrap_or(0)
    }
}

impl Item {
    /// The reason without its details: `speculated`, `other-component`, `not-armed`, ...
    pub fn reason_word(&self) -> Option<&str> {
        self.reason.as_deref().map(|reason| reason.split_once(": ").map_or(reason, |(word, _)| word))
    }
}

impl ComponentReport {
    /// How many points have which reason for not being observed.
    pub fn reasons(&self) -> BTreeMap<&str, usize> {
        let mut reasons = BTreeMap::new();
        for item in &self.items {
            if let (State::Unobservable | State::Excluded | State::NotArmed, Some(word)) =
                (item.state, item.reason_word())
            {
                *reasons.entry(word).or_default() += 1;
            }
        }
        reasons
    }
}

/// Joins `plan` and `counts`. `counts` holds one entry per site of the plan; a site without one has not been hit.
pub fn new(plan: &ProbePlan, counts: &Counts, data_type: DataType) -> Report {
    let of = |c: &Component| ComponentReport {
        id: c.id,
        name: c.name.clone(),
        totals: Totals::default(),
        items: Vec::with_capacity(c.points.len().min(plan.points.len())),
    };
    let mut components: Vec<ComponentReport> = plan.components.iter().map(of).collect();
    let mut no_component = Vec::new();
    for item in plan.points.iter().filter_map(|point| item(plan, point, counts, data_type)) {
        let id = item.id;
        let mut holders = (0..).zip(&plan.components).filter(|(_, c)| c.points.binary_search(&id).is_ok());
        let Some((first, _)) = holders.next() else {
            no_component.push(item);
            continue;
        };
        // Most points are in one component alone, and need no copy.
        holders.for_each(|(other, _): (usize, _)| components[other].items.push(item.clone()));
        components[first].items.push(item);
    }
    components.iter_mut().for_each(|c| c.totals = Totals::of(&c.items));
    Report {
        name: plan.app.name.clone(),
        version: plan.app.version.clone(),
        data_type,
        taken: counts.taken,
        components,
        component: plan.component,
        no_component,
    }
}

/// The names of the components that hold the point.
fn components_of(plan: &ProbePlan, id: u32) -> impl Iterator<Item = &str> {
    plan.components.iter().filter(move |c| c.points.binary_search(&id).is_ok()).map(|c| c.name.as_str())
}

/// `None` only for a point whose file is not in the plan, which [`ProbePlan::check`] refuses.
fn item(plan: &ProbePlan, point: &Point, counts: &Counts, data_type: DataType) -> Option<Item> {
    let mut item = Item {
        id: point.id,
        count: 0,
        file: plan.files.get(point.file as usize)?.path.clone(),
        line: point.span.first,
        end_line: point.span.last,
        lines: point.lines.clone(),
        function: Arc::clone(&point.function),
        kind: Arc::clone(&point.kind),
        state: State::Excluded,
        reason: point.status.reason(),
        blind: point.blind.len(),
        first_hit: None,
        at_least: false,
        estimate: None,
    };
    match &point.status {
        // Sites are proof that the point is in the binary, whatever the components say.
        Status::Observed(instances) => observe(&mut item, instances, counts, data_type),
        Status::Unobservable(_) => match not_of_the_binary(plan, point.id) {
            Some(reason) => item.reason = Some(reason),
            None => item.state = State::Unobservable,
        },
        Status::Excluded(..) => {}
    }
    Some(item)
}

/// Why a point without sites is not in question: it belongs to other components than the binary's.
fn not_of_the_binary(plan: &ProbePlan, id: u32) -> Option<String> {
    let own = plan.components.get(plan.component? as usize)?;
    if own.points.binary_search(&id).is_ok() {
        return None;
    }
    let word = Excluded::OtherComponent.as_str();
    let others: Vec<_> = components_of(plan, id).collect();
    Some(if others.is_empty() { format!("{word}: none imports it") } else { format!("{word}: {}", others.join(", ")) })
}

fn observe(item: &mut Item, instances: &[Instance], counts: &Counts, data_type: DataType) {
    let sites = || {
        let slots = instances.iter().flat_map(|instance| &instance.sites);
        slots.map(|&slot| counts.slots.get(slot as usize).copied().unwrap_or_default())
    };
    let hits = sites().fold(0u64, |sum, site| sum.saturating_add(site.hits));
    let inlined = instances.iter().any(|instance| instance.inlined);
    let unarmed = |site: &SlotCount| site.armed == Armed::NotArmed;
    let (all, not_armed) = (sites().count(), sites().filter(unarmed).count());
    let some_not_armed = (not_armed > 0).then(|| format!("not-armed: {not_armed} of {all} sites"));
    item.first_hit = sites().filter_map(|site| site.first_hit).min();
    item.at_least = data_type == DataType::Count && (inlined || item.blind > 0 || not_armed > 0);
    let estimate = Estimate::of(sites());
    let estimate = estimate.map(|(count, e)| (count, Estimate { high: e.high.filter(|_| !item.at_least), ..e }));
    let copies = instances.len() + item.blind;
    let blind = (item.blind > 0).then(|| format!("{} of {copies} copies can't be observed", item.blind));
    (item.state, item.reason) = match hits {
        0 if not_armed == all => (State::NotArmed, some_not_armed),
        0 => {
            // Where copies can't be observed, not executed is no more than: not executed where it can be seen.
            let throttled = estimate.map(|(_, estimate)| format!("{THROTTLED}: {}", estimate.times()));
            let reasons: Vec<String> = some_not_armed.into_iter().chain(throttled).chain(blind).collect();
            (State::NotExecuted, (!reasons.is_empty()).then(|| reasons.join("; ")))
        }
        // What was hit was hit; only how often is too low.
        _ if data_type == DataType::Bool => (State::Covered, None),
        _ => {
            let throttled = estimate.map(|(count, estimate)| {
                format!("{THROTTLED}: {}, {}, {}", about(count), estimate.limits(), estimate.times())
            });
            let reasons: Vec<String> = some_not_armed.into_iter().chain(throttled).chain(blind).collect();
            (State::Covered, (!reasons.is_empty()).then(|| reasons.join("; ")))
        }
    };
    (item.count, item.estimate) = match (data_type, estimate) {
        // One hit says all that there is to say.
        (DataType::Bool, estimate) => (hits.min(1), estimate.map(|(_, e)| e).filter(|_| hits == 0)),
        (DataType::Count, Some((count, estimate))) => (count, Some(estimate)),
        (DataType::Count, None) => (hits, None),
    };
}

#[cfg(test)]
mod tests {
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
        let unseen = SlotCount {
            sampled: Some(Sampled { unseen: 0, unseen_low: 0, ..sampled }),
            armed: Armed::Throttled,
            ..NEVER
        };
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
}
