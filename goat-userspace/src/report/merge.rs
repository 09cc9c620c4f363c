//! Several reports of one change into one: of the pods of a release, of its binaries, of goat's several runs.
//!
//! Points are told by what they are, not by their numbers: file, lines, function, kind. Counts add up; the first hit is the
//! earliest. A point is covered if any report has it covered. Else it can't be observed if some report can't observe it: there
//! it may have run. Else it is not executed if some report had it armed.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::SystemTime,
};

use super::{
    ComponentReport, Estimate, Item, Report, State, Totals,
    estimate::{THROTTLED, about},
};
use crate::{DataType, lines::LineRange, paths::RepoPath};

/// Why reports can't be merged.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Error {
    /// There is nothing to merge.
    #[error("nothing to merge")]
    Nothing,
    /// They are of different changes.
    #[error(
        "reports of different releases: one is of {} {}, another of {} {} (merge those of one version; appVersion in goat.yaml sets it)",
        .0.name, .0.version, .1.name, .1.version
    )]
    OtherRelease(Box<Release>, Box<Release>),
    /// They have no point in common, though they are of one change.
    #[error(
        "reports of {name} {version} that have no point in common: were they planned from other commits, or at another granularity?"
    )]
    NothingInCommon {
        /// `appName`.
        name: String,
        /// `appVersion`.
        version: String,
    },
}

/// What a report says it is of.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Release {
    /// `appName`.
    pub name: String,
    /// `appVersion`.
    pub version: String,
}

/// What tells one point from another in reports of any plan: file, lines, kind, function, changed lines, and its place among
/// those that are alike in all that.
type Key = (RepoPath, u32, u32, Arc<str>, Arc<str>, Vec<LineRange>, usize);

/// Merges `reports`. How often is only known where every report knows it: with one that says whether, the answer is whether.
pub fn merge(reports: &[Report]) -> Result<Report, Error> {
    let (first, rest) = reports.split_first().ok_or(Error::Nothing)?;
    for other in rest {
        if (&first.name, &first.version) != (&other.name, &other.version) {
            let release = |r: &Report| Box::new(Release { name: r.name.clone(), version: r.version.clone() });
            return Err(Error::OtherRelease(release(first), release(other)));
        }
    }
    let keyed: Vec<BTreeMap<u32, (Key, &Item)>> = reports.iter().map(keyed).collect();
    check_common(first, &keyed)?;
    let is_count = reports.iter().all(|report| report.data_type == DataType::Count);
    let data_type = if is_count { DataType::Count } else { DataType::Bool };

    let mut answers: BTreeMap<&Key, Vec<&Item>> = BTreeMap::new();
    for (key, item) in keyed.iter().flat_map(BTreeMap::values) {
        answers.entry(key).or_default().push(item);
    }
    let ids = numbers(&answers);
    let items: BTreeMap<&Key, Item> =
        answers.iter().map(|(key, answers)| (*key, point(answers, ids[key], data_type))).collect();
    let (components, placed) = components(reports, &keyed, &items);
    let no_component = items.iter().filter(|(key, _)| !placed.contains(*key)).map(|(_, item)| item.clone());
    Ok(Report {
        name: first.name.clone(),
        version: first.version.clone(),
        data_type,
        taken: reports.iter().map(|report| report.taken).max().unwrap_or(SystemTime::UNIX_EPOCH),
        component: own(reports, &components),
        no_component: by_id(no_component),
        components,
    })
}

/// The points of `report`, by id.
fn keyed(report: &Report) -> BTreeMap<u32, (Key, &Item)> {
    let items = report.components.iter().flat_map(|component| &component.items).chain(&report.no_component);
    let once: BTreeMap<u32, &Item> = items.map(|item| (item.id, item)).collect();
    let mut alike: BTreeMap<Key, usize> = BTreeMap::new();
    once.into_iter()
        .map(|(id, item)| {
            let lines = item.lines.runs().to_vec();
            let mut key: Key =
                (item.file.clone(), item.line, item.end_line, item.kind.clone(), item.function.clone(), lines, 0);
            let place = alike.entry(key.clone()).or_default();
            key.6 = *place;
            *place += 1;
            (id, (key, item))
        })
        .collect()
}

/// Of one change, plans of two binaries have all points in common: they come from the sources.
fn check_common(first: &Report, keyed: &[BTreeMap<u32, (Key, &Item)>]) -> Result<(), Error> {
    let keys: Vec<BTreeSet<&Key>> = keyed.iter().map(|points| points.values().map(|(key, _)| key).collect()).collect();
    let apart = keys.windows(2).any(|pair| !pair[0].is_empty() && !pair[1].is_empty() && pair[0].is_disjoint(&pair[1]));
    if apart {
        return Err(Error::NothingInCommon { name: first.name.clone(), version: first.version.clone() });
    }
    Ok(())
}

/// Each point's number: its own where all reports agree, else its place among all by file and line.
fn numbers<'a>(answers: &BTreeMap<&'a Key, Vec<&Item>>) -> BTreeMap<&'a Key, u32> {
    let mut taken = BTreeMap::new();
    let agree =
        answers.iter().all(|(key, answers)| answers.iter().all(|item| *taken.entry(item.id).or_insert(*key) == *key));
    let is_one = answers.values().all(|answers| answers.windows(2).all(|pair| pair[0].id == pair[1].id));
    if agree && is_one {
        return answers.iter().map(|(key, answers)| (*key, answers[0].id)).collect();
    }
    answers.keys().copied().zip(1..).collect()
}

/// One point's answer from those that several reports give.
fn point(answers: &[&Item], id: u32, data_type: DataType) -> Item {
    // In this order: what ran ran; what can't be seen somewhere may have run there.
    const PRECEDENCE: [State; 5] =
        [State::Covered, State::Unobservable, State::NotExecuted, State::NotArmed, State::Excluded];
    let of = |state: State| answers.iter().copied().find(|item| item.state == state);
    // Every state is in the list, and there is an answer.
    let decisive = PRECEDENCE.into_iter().find_map(of).unwrap_or(answers[0]);
    let count = answers.iter().fold(0u64, |sum, item| sum.saturating_add(item.count));
    let not_armed = answers.iter().filter(|item| item.state == State::NotArmed).count();
    let observed = answers.iter().filter(|item| item.is_observable()).count();
    let estimate = estimate(answers).filter(|_| data_type == DataType::Count || count == 0);
    // What is said of an estimate is said of all of it.
    let kept = decisive.reason.iter().flat_map(|reason| reason.split("; "));
    let mut reasons: Vec<String> = kept.filter(|reason| !reason.starts_with(THROTTLED)).map(Into::into).collect();
    if let Some(estimate) = estimate {
        reasons.push(match decisive.state {
            State::Covered => format!("{THROTTLED}: {}, {}, {}", about(count), estimate.limits(), estimate.times()),
            _ => format!("{THROTTLED}: {}", estimate.times()),
        });
    }
    let reason = match decisive.state {
        State::NotExecuted if not_armed > 0 => {
            reasons.insert(0, format!("not-armed: in {not_armed} of {observed} reports"));
            Some(reasons.join("; "))
        }
        State::Covered if data_type == DataType::Bool => None,
        State::Covered | State::NotExecuted => (!reasons.is_empty()).then(|| reasons.join("; ")),
        _ => decisive.reason.clone(),
    };
    Item {
        id,
        count: if data_type == DataType::Bool { count.min(1) } else { count },
        reason,
        blind: answers.iter().map(|item| item.blind).max().unwrap_or_default(),
        first_hit: answers.iter().filter_map(|item| item.first_hit).min(),
        at_least: answers.iter().any(|item| item.at_least),
        estimate,
        ..decisive.clone()
    }
}

/// What the count of all of them is worth; `None` if each is exact. The one that was watched for the least part of the time speaks
/// for all.
fn estimate(answers: &[&Item]) -> Option<Estimate> {
    let share = |e: &Estimate| e.armed.as_secs_f64() / e.watched.as_secs_f64().max(f64::MIN_POSITIVE);
    let least = answers.iter().filter_map(|item| item.estimate).min_by(|a, b| share(a).total_cmp(&share(b)))?;
    let limits = answers.iter().map(|item| {
        let exact = (item.count, Some(item.count).filter(|_| !item.at_least));
        item.estimate.map_or(exact, |e| (e.low, e.high))
    });
    let (low, high) = limits.fold((0u64, Some(0u64)), |(low, high), (lower, higher)| {
        (low.saturating_add(lower), high.zip(higher).map(|(high, higher)| high.saturating_add(higher)))
    });
    Some(Estimate { low, high, ..least })
}

/// The components by name, in the order in which reports name them, and the points that are in any.
fn components<'a>(
    reports: &[Report],
    keyed: &'a [BTreeMap<u32, (Key, &Item)>],
    items: &BTreeMap<&Key, Item>,
) -> (Vec<ComponentReport>, BTreeSet<&'a Key>) {
    let mut names: Vec<&str> = Vec::new();
    let mut members: BTreeMap<&str, BTreeSet<&Key>> = BTreeMap::new();
    let mut placed = BTreeSet::new();
    for (report, points) in reports.iter().zip(keyed) {
        for component in &report.components {
            if !names.contains(&&*component.name) {
                names.push(&component.name);
            }
            let keys = component.items.iter().filter_map(|item| Some(&points.get(&item.id)?.0));
            for key in keys {
                members.entry(&component.name).or_default().insert(key);
                placed.insert(key);
            }
        }
    }
    let component = |(id, name): (u32, &str)| {
        let keys = members.get(name).into_iter().flatten();
        let items = by_id(keys.filter_map(|key| items.get(key).cloned()));
        ComponentReport { id, name: name.into(), totals: Totals::of(&items), items }
    };
    ((0..).zip(names).map(component).collect(), placed)
}

/// The component of the binary, if all reports are of binaries of one.
fn own(reports: &[Report], components: &[ComponentReport]) -> Option<u32> {
    let name = |report: &Report| {
        let own = report.component?;
        report.components.iter().find(|component| component.id == own).map(|component| component.name.clone())
    };
    let first = name(reports.first()?)?;
    let is_one = reports.iter().all(|report| name(report).as_ref() == Some(&first));
    components.iter().find(|component| is_one && component.name == first).map(|component| component.id)
}

fn by_id(items: impl Iterator<Item = Item>) -> Vec<Item> {
    let mut items: Vec<Item> = items.collect();
    items.sort_by_key(|item| item.id);
    items
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use proptest::prelude::*;

    use super::*;
    use crate::{
        counts::{Armed, Counts, SlotCount},
        plan::{ProbePlan, Status, Unobservable, sample},
        report,
    };

    fn at(second: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(second)
    }

    fn slot(hits: u64, armed: Armed, first_hit: Option<u64>) -> SlotCount {
        SlotCount { hits, first_hit: first_hit.map(at), armed, ..SlotCount::default() }
    }

    fn of(plan: &ProbePlan, taken: u64, slots: [SlotCount; 3], data_type: DataType) -> Report {
        report::new(plan, &Counts { taken: at(taken), slots: slots.to_vec() }, data_type)
    }

    /// Of the sample plan: hits of its three slots, all armed.
    fn counted(taken: u64, hits: [u64; 3], data_type: DataType) -> Report {
        let slots = hits.map(|hits| slot(hits, Armed::Armed, (hits > 0).then_some(taken)));
        of(&sample::plan(), taken, slots, data_type)
    }

    fn find(report: &Report, id: u32) -> &Item {
        let items = report.components.iter().flat_map(|c| &c.items).chain(&report.no_component);
        items.into_iter().find(|item| item.id == id).unwrap()
    }

    #[test]
    fn reports_of_one_plan_add_up() {
        use DataType::{Bool, Count};
        let check = |reports: &[Report], data_type: DataType, points: [(u64, Option<u64>); 2]| {
            let merged = merge(reports).unwrap();
            assert_eq!((merged.data_type, merged.taken), (data_type, at(9)));
            for (id, (count, first_hit)) in (1..).zip(points) {
                let item = find(&merged, id);
                assert_eq!((item.count, item.first_hit), (count, first_hit.map(at)), "point {id}");
                assert_eq!(item.state == State::Covered, count > 0);
            }
        };
        let (a, b) = (counted(5, [1, 2, 0], Count), counted(9, [3, 0, 0], Count));
        check(&[a.clone(), b.clone()], Count, [(6, Some(5)), (0, None)]);
        check(&[b.clone(), a.clone()], Count, [(6, Some(5)), (0, None)]);
        check(&[a.clone(), counted(9, [0, 0, 4], Bool)], Bool, [(1, Some(5)), (1, Some(9))]);
        check(&[counted(9, [0, 0, 4], Bool), counted(5, [0, 0, 1], Bool)], Bool, [(0, None), (1, Some(5))]);
        check(&[counted(9, [u64::MAX, 0, 0], Count), a], Count, [(u64::MAX, Some(5)), (0, None)]);
    }

    #[test]
    fn one_report_stays_as_it_is() {
        let report = counted(5, [1, 2, 0], DataType::Count);
        assert_eq!(merge(std::slice::from_ref(&report)).unwrap(), report);
        assert_eq!(merge(&[]), Err(Error::Nothing));
    }

    #[test]
    fn what_was_armed_somewhere_is_no_longer_not_armed() {
        let plan = sample::plan();
        let never = |armed| of(&plan, 5, [slot(0, armed, None); 3], DataType::Bool);
        let check = |reports: &[Report], state: State, reason: Option<&str>| {
            let merged = merge(reports).unwrap();
            let item = find(&merged, 2);
            assert_eq!((item.state, item.reason.as_deref()), (state, reason));
        };
        let (armed, not_armed) = (never(Armed::Armed), never(Armed::NotArmed));
        let (not_armed_twice, hit) = ([not_armed.clone(), not_armed.clone()], counted(9, [0, 0, 4], DataType::Bool));
        check(&not_armed_twice, State::NotArmed, Some("not-armed: 1 of 1 sites"));
        check(&[not_armed.clone(), armed.clone()], State::NotExecuted, Some("not-armed: in 1 of 2 reports"));
        check(&[armed.clone(), armed.clone()], State::NotExecuted, None);
        check(&[not_armed, armed, hit], State::Covered, None);
    }

    #[test]
    fn what_one_binary_cannot_observe_another_can_only_cover() {
        // The other binary is of the other component, and can't tell of point 2.
        let mut other = sample::plan();
        other.component = Some(0);
        other.identity.go_build_id = Some("other".into());
        other.points[1].status = Status::Unobservable(Unobservable::OptimisedOut);
        other.components[0].points = vec![1, 2, 5];
        let check = |hits: [u64; 3], state: State, reason: Option<&str>| {
            let theirs = of(&other, 5, [slot(0, Armed::Armed, None); 3], DataType::Bool);
            let merged = merge(&[counted(9, hits, DataType::Bool), theirs]).unwrap();
            assert_eq!(merged.component, None, "two components are in question");
            let item = find(&merged, 2);
            assert_eq!((item.state, item.reason.as_deref()), (state, reason));
            let names: Vec<_> = merged.components.iter().map(|c| (&*c.name, c.items.len())).collect();
            assert_eq!(names, [("cmd/shopctl", 3), ("cmd/shopd", 4)]);
        };
        check([0, 0, 1], State::Covered, None);
        check([1, 0, 0], State::Unobservable, Some("optimised-out"));
    }

    #[test]
    fn estimates_add_up_and_the_least_watched_speaks_for_all() {
        let throttled = |hits, unseen, high, armed| {
            let sampled = crate::counts::Sampled {
                unseen,
                unseen_low: unseen / 2,
                unseen_high: high,
                armed: Duration::from_secs(armed),
                watched: Duration::from_secs(100),
            };
            let first = SlotCount { sampled: Some(sampled), ..slot(hits, Armed::Throttled, None) };
            of(&sample::plan(), 5, [slot(0, Armed::Armed, None), slot(0, Armed::Armed, None), first], DataType::Count)
        };
        let check = |reports: &[Report], count: u64, limits: Option<(u64, Option<u64>)>, reason: Option<&str>| {
            let merged = merge(reports).unwrap();
            let item = find(&merged, 2);
            let found = (item.count, item.estimate.map(|e| (e.low, e.high)), item.reason.as_deref());
            assert_eq!(found, (count, limits, reason));
        };
        let (exact, some) = (counted(9, [0, 0, 7], DataType::Count), throttled(10, 100, Some(300), 5));
        let said = "throttled: ~117, between 67 and 317 times, armed for 5.00 % of 100.0 s";
        check(&[exact.clone(), some.clone()], 117, Some((67, Some(317))), Some(said));
        let said = "throttled: ~131, at least 71 times, armed for 2.00 % of 100.0 s";
        check(&[some.clone(), throttled(1, 20, None, 2)], 131, Some((71, None)), Some(said));
        check(&[some.clone(), counted(9, [0, 0, 1], DataType::Bool)], 1, None, None);
        let never = counted(9, [0, 0, 0], DataType::Count);
        let said = "throttled: armed for 5.00 % of 100.0 s";
        check(&[throttled(0, 0, Some(3), 5), never], 0, Some((0, Some(3))), Some(said));
        check(&[exact.clone(), exact], 14, None, None);
    }

    #[test]
    fn points_are_told_by_what_they_are() {
        // The other plan has lost point 1 and counts the rest from there.
        let whole = counted(9, [0, 0, 1], DataType::Bool);
        let mut part = counted(5, [0, 0, 1], DataType::Bool);
        for component in &mut part.components {
            component.items.retain(|item| item.id != 1);
            component.items.iter_mut().for_each(|item| item.id -= 1);
        }
        part.no_component.iter_mut().for_each(|item| item.id -= 1);
        let merged = merge(&[whole.clone(), part]).unwrap();
        assert_eq!(
            merged.components.iter().map(|c| c.totals).collect::<Vec<_>>(),
            whole.components.iter().map(|c| c.totals).collect::<Vec<_>>()
        );
        let lines = |report: &Report| report.components[1].items.iter().map(|item| item.line).collect::<Vec<_>>();
        assert_eq!(lines(&merged), lines(&whole));
        assert_eq!(find(&merged, 2).first_hit, Some(at(5)));
    }

    #[test]
    fn other_releases_and_other_changes_are_refused() {
        let check = |change: &dyn Fn(&mut Report), expected: &str| {
            let mut other = counted(5, [0; 3], DataType::Bool);
            change(&mut other);
            let error = merge(&[counted(5, [0; 3], DataType::Bool), other]).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        };
        check(&|r| r.version = "2".into(), "one is of shop 1.1.0, another of shop 2");
        check(&|r| r.name = "shop2".into(), "another of shop2 1.1.0");
        let moved = |r: &mut Report| {
            let items = r.components.iter_mut().flat_map(|c| &mut c.items).chain(&mut r.no_component);
            items.for_each(|item| item.line += 1);
        };
        check(&moved, "no point in common");
    }

    proptest! {
        /// In whatever order and however they are grouped.
        #[test]
        fn the_order_of_reports_does_not_matter(hits in prop::collection::vec(any::<[u8; 3]>(), 1..5), at in 0usize..5) {
            let reports: Vec<_> = (1..)
                .zip(&hits)
                .map(|(taken, hits)| counted(taken, hits.map(u64::from), DataType::Count))
                .collect();
            let all = merge(&reports).unwrap();
            let mut turned = reports.clone();
            turned.rotate_left(at % reports.len());
            prop_assert_eq!(&merge(&turned).unwrap(), &all);
            let (left, right) = reports.split_at(at % reports.len());
            let parts: Vec<_> = [left, right].into_iter().filter(|part| !part.is_empty()).map(|part| merge(part).unwrap()).collect();
            prop_assert_eq!(&merge(&parts).unwrap(), &all);
        }
    }
}
