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
    /// Whether it may have run more often than `count`: some of its copies can't be observed or are not armed, or it was inlined or
    /// may have been, and where the compiler knew what an inlined call comes to, it leaves neither code nor a trace in the binary.
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
    let elsewhere = instances.iter().any(|instance| instance.inlined || instance.foldable);
    let unarmed = |site: &SlotCount| site.armed == Armed::NotArmed;
    let (all, not_armed) = (sites().count(), sites().filter(unarmed).count());
    let some_not_armed = (not_armed > 0).then(|| format!("not-armed: {not_armed} of {all} sites"));
    item.first_hit = sites().filter_map(|site| site.first_hit).min();
    item.at_least = data_type == DataType::Count && (elsewhere || item.blind > 0 || not_armed > 0);
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
#[path = "coverage_tests.rs"]
mod tests;
