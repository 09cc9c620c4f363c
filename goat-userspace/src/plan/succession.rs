//! Two plans for one binary: which points they have in common.

use std::collections::HashMap;

use super::probe_plan::{PlanFile, Point, ProbePlan};
use crate::lines::LineRange;

/// What makes a point the same in another plan for the same binary.
#[derive(PartialEq, Eq, Hash)]
struct Key<'a> {
    path: &'a str,
    span: (u32, u32),
    function: &'a str,
    kind: &'a str,
    /// Points that agree in all of that are told by their order.
    ordinal: u32,
}

/// The ids of the points that `old` and `new` both have: the same lines with the same text, function and kind. Old ids with
/// new ones, in the order of the new. None for plans of different builds: their code is not the same.
pub fn common_points(old: &ProbePlan, new: &ProbePlan) -> Vec<(u32, u32)> {
    if old.identity != new.identity {
        return Vec::new();
    }
    let before: HashMap<Key<'_>, &Point> = keys(old).collect();
    let same = |(key, point): (Key<'_>, &Point)| {
        let earlier = before.get(&key)?;
        let (one, other) = (old.files.get(earlier.file as usize)?, new.files.get(point.file as usize)?);
        agree(one, other, point.span).then_some((earlier.id, point.id))
    };
    keys(new).filter_map(same).collect()
}

fn keys(plan: &ProbePlan) -> impl Iterator<Item = (Key<'_>, &Point)> {
    let mut ordinals: HashMap<_, u32> = HashMap::new();
    plan.points.iter().filter_map(move |point| {
        let path = plan.files.get(point.file as usize)?.path.as_str();
        let span = (point.span.first, point.span.last);
        let ordinal = ordinals.entry((path, span, &*point.function, &*point.kind)).or_default();
        *ordinal += 1;
        let key = Key { path, span, function: &point.function, kind: &point.kind, ordinal: *ordinal };
        Some((key, point))
    })
}

/// Whether the two have the same text in `span`, in the lines that both show.
fn agree(one: &PlanFile, other: &PlanFile, span: LineRange) -> bool {
    let within = |line: u32| span.first <= line && line <= span.last;
    let shown: HashMap<u32, &str> = one.source.iter().map(|l| (l.line, &*l.text)).collect();
    let lines = other.source.iter().filter(|l| within(l.line));
    lines.into_iter().all(|l| shown.get(&l.line).is_none_or(|text| **text == *l.text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::sample;

    fn check(change: impl FnOnce(&mut ProbePlan), expected: &[(u32, u32)]) {
        let old = sample::plan();
        let mut new = old.clone();
        change(&mut new);
        assert_eq!(common_points(&old, &new), expected);
    }

    fn all() -> Vec<(u32, u32)> {
        sample::plan().points.iter().map(|p| (p.id, p.id)).collect()
    }

    #[test]
    fn a_plan_has_every_point_in_common_with_itself() {
        check(|_| {}, &all());
    }

    #[test]
    fn points_are_told_by_place_function_and_kind() {
        let without_first = &all()[1..];
        check(|plan| plan.points[0].function = "other".into(), without_first);
        check(|plan| plan.points[0].kind = "part".into(), without_first);
        check(|plan| plan.points[0].span.last += 1, without_first);
    }

    #[test]
    fn points_that_come_and_go_shift_the_ids_of_the_others() {
        let shifted: Vec<_> = all()[1..].iter().map(|(old, new)| (*old, new - 1)).collect();
        check(
            |plan| {
                plan.points.remove(0);
                plan.points.iter_mut().for_each(|p| p.id -= 1);
            },
            &shifted,
        );
    }

    #[test]
    fn another_text_is_another_point() {
        let span = sample::plan().points[0].span;
        let others: Vec<_> = {
            let plan = sample::plan();
            let file = plan.points[0].file;
            let touched = |p: &&Point| p.file != file || p.span.last < span.first || span.first < p.span.first;
            plan.points.iter().filter(touched).map(|p| (p.id, p.id)).collect()
        };
        check(
            |plan| {
                let file = plan.points[0].file as usize;
                let line = plan.files[file].source.iter_mut().find(|l| l.line == span.first).unwrap();
                line.text = format!("{}x", line.text).into();
            },
            &others,
        );
    }

    #[test]
    fn another_build_has_nothing_in_common() {
        check(|plan| plan.identity.go_build_id = Some("another".into()), &[]);
    }
}
