//! What has changed since the last look, point by point, as events say it.

use std::{collections::BTreeMap, time::SystemTime};

use serde::Serialize;

use super::Snapshot;
use crate::{
    plan::ProbePlan,
    report::{Item, Report, State, Totals, inexact, rfc3339},
};

/// Points in one event at most, beside those whose state has changed: a hot service's counts all change all the time. The
/// rest come with the next.
const MAX_COUNTS: usize = 2_000;

/// What listeners know.
#[derive(Default)]
pub(super) struct Known {
    points: BTreeMap<u32, Seen>,
}

/// What has been said of a point.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Seen {
    state: State,
    count: u64,
}

/// A `points` event.
#[derive(Serialize)]
pub(super) struct News<'a> {
    points: Vec<Point<'a>>,
    components: Vec<Component>,
    taken: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Point<'a> {
    id: u32,
    state: &'a str,
    count: u64,
    /// The count as people read it, where it is not exact.
    #[serde(skip_serializing_if = "Option::is_none")]
    about: Option<String>,
    first_hit: Option<String>,
    why: String,
}

/// A component in numbers.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Component {
    /// `None`: of the points that are in none, where there is no component at all.
    id: Option<u32>,
    total: usize,
    covered: usize,
    covered_rate: usize,
    not_executed: usize,
    not_armed: usize,
    unobservable: usize,
    excluded: usize,
}

/// The `snapshot` event: what a listener begins with.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Summary<'a> {
    name: &'a str,
    version: &'a str,
    plan: String,
    taken: String,
    /// Whether what follows is all that the listener has missed; if not, every point comes in the next event.
    resumed: bool,
    components: Vec<Component>,
}

impl Known {
    /// What is new in `report`, which is known from now on; `None` if nothing is. `counts` says whether how often points ran is
    /// news, too.
    pub(super) fn learn<'a>(&mut self, report: &'a Report, counts: bool) -> Option<News<'a>> {
        let mut more = MAX_COUNTS;
        let mut new = |item: &Item| {
            let now = Seen { state: item.state, count: item.count };
            let before = self.points.get(&item.id).copied();
            let turned = before.is_none_or(|before| before.state != now.state);
            let counted = counts && more > 0 && before != Some(now);
            if turned || counted {
                more -= usize::from(!turned);
                self.points.insert(item.id, now);
            }
            turned || counted
        };
        let points: Vec<_> = each_once(report).filter(|item| new(item)).map(Point::from).collect();
        (!points.is_empty()).then(|| news(report, points))
    }
}

/// Every point of `report`, for a listener who knows nothing.
pub(super) fn all(report: &Report) -> News<'_> {
    news(report, each_once(report).map(Point::from).collect())
}

pub(super) fn summary(snapshot: &Snapshot, resumed: bool) -> Summary<'_> {
    let Snapshot { report, plan, .. } = snapshot;
    Summary {
        name: &report.name,
        version: &report.version,
        plan: tag(plan),
        taken: rfc3339(report.taken),
        resumed,
        components: components(report),
    }
}

/// Tells one plan's pages from another's.
pub(super) fn tag(plan: &ProbePlan) -> String {
    let mut crc = crc32fast::Hasher::new();
    let app = &plan.app;
    for text in [&*app.name, &*app.version, app.old_commit.as_deref().unwrap_or_default(), &*app.new_commit] {
        crc.update(text.as_bytes());
        crc.update(&[0]);
    }
    for number in [plan.points.len(), plan.sites.len(), plan.files.len(), usize::from(plan.precision)] {
        crc.update(&number.to_le_bytes());
    }
    crc.update(plan.granularity.as_str().as_bytes());
    crc.update(plan.identity.go_build_id.as_deref().unwrap_or_default().as_bytes());
    format!("{:08x}", crc.finalize())
}

fn news<'a>(report: &'a Report, points: Vec<Point<'a>>) -> News<'a> {
    News { points, components: components(report), taken: rfc3339(report.taken) }
}

/// A point that several components share says the same in each.
fn each_once(report: &Report) -> impl Iterator<Item = &Item> {
    let mut said = std::collections::HashSet::new();
    let items = report.components.iter().flat_map(|component| &component.items).chain(&report.no_component);
    items.filter(move |item| said.insert(item.id))
}

fn components(report: &Report) -> Vec<Component> {
    let view = |id, totals: Totals| Component {
        id,
        total: totals.total,
        covered: totals.covered,
        covered_rate: totals.rate(),
        not_executed: totals.not_executed,
        not_armed: totals.not_armed,
        unobservable: totals.unobservable,
        excluded: totals.excluded,
    };
    if report.components.is_empty() {
        return vec![view(None, Totals::of(&report.no_component))];
    }
    report.components.iter().map(|component| view(Some(component.id), component.totals)).collect()
}

impl<'a> From<&'a Item> for Point<'a> {
    fn from(item: &'a Item) -> Self {
        let first_hit = item.first_hit.map(|at: SystemTime| rfc3339(at));
        let about = inexact(item);
        Self { id: item.id, state: item.state.as_str(), count: item.count, about, first_hit, why: item.why() }
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;
    use crate::{DataType, counts::Counts, plan::sample, report};

    fn report_of(hits: [u64; 3]) -> Report {
        let mut counts = Counts::none(3, UNIX_EPOCH);
        for (slot, hits) in hits.into_iter().enumerate() {
            counts.slots[slot].hits = hits;
        }
        report::new(&sample::plan(), &counts, DataType::Count)
    }

    #[test]
    fn only_what_has_changed_is_news() {
        let mut known = Known::default();
        let mut check = |hits, counts, expected: Option<&[(u32, &str, u64)]>| {
            let report = report_of(hits);
            let news = known.learn(&report, counts);
            let points: Option<Vec<_>> =
                news.map(|news| news.points.iter().map(|point| (point.id, point.state, point.count)).collect());
            assert_eq!(points.as_deref(), expected, "{hits:?}");
        };
        let rest = [(3, "unobservable", 0), (4, "excluded", 0), (6, "excluded", 0)];
        let first = [(1, "not-executed", 0), (5, "excluded", 0), (2, "not-executed", 0), rest[0], rest[1], rest[2]];
        check([0, 0, 0], false, Some(&first));
        check([0, 0, 0], false, None);
        check([2, 0, 0], false, Some(&[(1, "covered", 2)]));
        check([2, 3, 0], false, None);
        check([2, 3, 0], true, Some(&[(1, "covered", 5)]));
        check([2, 3, 0], true, None);
        check([2, 3, 4], true, Some(&[(2, "covered", 4)]));
    }

    #[test]
    fn counts_that_do_not_fit_come_later() {
        let mut plan = sample::plan();
        let template = plan.points[1].clone();
        plan.points = (1..=5_000).map(|id| crate::plan::Point { id, ..template.clone() }).collect();
        plan.components[1].points = (1..=5_000).collect();
        let report = |hits: u64| {
            let mut counts = Counts::none(3, UNIX_EPOCH);
            counts.slots[2].hits = hits;
            report::new(&plan, &counts, DataType::Count)
        };
        let mut known = Known::default();
        let mut points = |hits| known.learn(&report(hits), true).map_or(0, |news| news.points.len());
        // A state is never late.
        assert_eq!([points(1), points(2), points(2), points(2), points(2)], [5_000, 2_000, 2_000, 1_000, 0]);
    }

    #[test]
    fn another_plan_has_another_tag() {
        let plan = sample::plan();
        let mut other = plan.clone();
        assert_eq!(tag(&plan), tag(&other));
        other.app.new_commit.push('0');
        assert_ne!(tag(&plan), tag(&other));
    }
}
