//! The plan for scripts: `goat plan --json`.

use serde::Serialize;

use super::{Condition, ProbeClass, ProbePlan, Site, Status, Summary, Unobservable};
use crate::{binary::Identity, paths::RepoPath};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Plan<'a> {
    name: &'a str,
    version: &'a str,
    old_commit: Option<&'a str>,
    new_commit: &'a str,
    granularity: &'a str,
    precision: u8,
    component: Option<&'a str>,
    identity: &'a Identity,
    dependencies: Vec<Dependency<'a>>,
    points: Vec<Point<'a>>,
    no_code: Vec<NoCode<'a>>,
    warnings: &'a [String],
    summary: Summary,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Point<'a> {
    id: u32,
    file: &'a RepoPath,
    line: u32,
    end_line: u32,
    lines: Vec<u32>,
    function: &'a str,
    kind: &'a str,
    observable: bool,
    reason: Option<String>,
    sites: Vec<SiteOf<'a>>,
    blind: Vec<Blind<'a>>,
}

#[derive(Serialize)]
struct Dependency<'a> {
    path: &'a str,
    old: Option<&'a str>,
    new: &'a str,
    /// What the paths of its files begin with.
    dir: &'a str,
    lines: usize,
}

#[derive(Serialize)]
struct Blind<'a> {
    function: &'a str,
    inlined: bool,
    reason: Unobservable,
}

#[derive(Serialize)]
struct SiteOf<'a> {
    address: String,
    offset: String,
    function: &'a str,
    inlined: bool,
    /// Whether calls of it may have been inlined elsewhere without a trace.
    foldable: bool,
    class: ProbeClass,
    condition: Option<Condition>,
    /// What is probed instead where faults can't be told of, or a condition costs more than it saves.
    fallback: Option<String>,
}

#[derive(Serialize)]
struct NoCode<'a> {
    file: &'a RepoPath,
    lines: Vec<u32>,
}

/// The plan as indented JSON, without a line break at the end.
pub fn json(plan: &ProbePlan) -> String {
    let component = plan.component.and_then(|id| plan.components.get(id as usize));
    let view = Plan {
        name: &plan.app.name,
        version: &plan.app.version,
        old_commit: plan.app.old_commit.as_deref(),
        new_commit: &plan.app.new_commit,
        granularity: plan.granularity.as_str(),
        precision: plan.precision,
        component: component.map(|component| component.name.as_str()),
        identity: &plan.identity,
        dependencies: plan.dependencies.iter().map(|dependency| dependency_of(plan, dependency)).collect(),
        points: plan.points.iter().filter_map(|point| view_of(plan, point)).collect(),
        no_code: plan
            .files
            .iter()
            .filter(|file| !file.no_code.is_empty())
            .map(|file| NoCode { file: &file.path, lines: file.no_code.iter().collect() })
            .collect(),
        warnings: &plan.warnings,
        summary: plan.summary(),
    };
    serde_json::to_string_pretty(&view).expect("the view has string keys only and fails at nothing")
}

fn dependency_of<'a>(plan: &ProbePlan, dependency: &'a super::Dependency) -> Dependency<'a> {
    let super::Dependency { path, old, new, dir } = dependency;
    Dependency { path, old: old.as_deref(), new, dir, lines: plan.lines_of(dependency) }
}

/// `None` only for a point whose file is not in the plan, which [`ProbePlan::check`] refuses.
fn view_of<'a>(plan: &'a ProbePlan, point: &'a super::Point) -> Option<Point<'a>> {
    let sites = match &point.status {
        Status::Observed(instances) => instances
            .iter()
            .flat_map(|instance| instance.sites.iter().map(move |&slot| (instance, slot)))
            .filter_map(|(instance, slot)| {
                let Site { address, offset, class, condition, fallback, .. } = plan.sites.get(slot as usize)?;
                let (address, offset) = (address.to_string(), offset.to_string());
                let (class, condition) = (*class, *condition);
                let fallback = fallback.as_ref().map(|fallback| fallback.address.to_string());
                Some(SiteOf {
                    address,
                    offset,
                    function: &instance.function,
                    inlined: instance.inlined,
                    foldable: instance.foldable,
                    class,
                    condition,
                    fallback,
                })
            })
            .collect(),
        Status::Unobservable(_) | Status::Excluded(..) => Vec::new(),
    };
    Some(Point {
        id: point.id,
        file: &plan.files.get(point.file as usize)?.path,
        line: point.span.first,
        end_line: point.span.last,
        lines: point.lines.iter().collect(),
        function: &point.function,
        kind: &point.kind,
        observable: matches!(point.status, Status::Observed(_)),
        reason: point.status.reason(),
        sites,
        blind: point
            .blind
            .iter()
            .map(|copy| Blind { function: &copy.function, inlined: copy.inlined, reason: copy.reason })
            .collect(),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json as value};

    use crate::plan::sample;

    #[test]
    fn copies_that_no_site_observes_are_listed() {
        let view: Value = serde_json::from_str(&super::json(&sample::plan_with_blind_copies())).unwrap();
        let expected = value!({"function": "example.com/shop/main.home", "inlined": false, "reason": "optimised-out"});
        assert_eq!(view.pointer("/points/1/blind/2"), Some(&expected));
        assert_eq!(view.pointer("/summary/blind"), Some(&value!(4)));
    }

    #[test]
    fn dependencies_are_listed() {
        let mut plan = sample::plan();
        sample::add_dependency(&mut plan);
        let view: Value = serde_json::from_str(&super::json(&plan)).unwrap();
        let expected = value!([{"path": "example.com/Dep/v2", "old": "v2.0.0", "new": "v2.1.0",
            "dir": "example.com/Dep/v2@v2.1.0", "lines": 3}]);
        assert_eq!(view.pointer("/dependencies"), Some(&expected));
    }

    #[test]
    fn scripts_read_points_sites_and_reasons() {
        let view: Value = serde_json::from_str(&super::json(&sample::plan())).unwrap();
        let check = |pointer: &str, expected: Value| {
            assert_eq!(view.pointer(pointer), Some(&expected), "{pointer}");
        };
        check("/identity/goBuildId", value!("a/b/c/d"));
        check("/dependencies", value!([]));
        check("/component", value!("cmd/shopd"));
        check(
            "/points/0",
            value!({"id": 1, "file": "cart.go", "line": 10, "endLine": 11, "lines": [10, 11], "function": "(*Cart).Add",
                "kind": "statement", "observable": true, "reason": null, "sites": [
                {"address": "0x49a1c0", "offset": "0x9a1c0", "function": "example.com/shop/cart.(*Cart).Add",
                    "inlined": false, "foldable": false, "class": "emulated", "condition": null, "fallback": null},
                {"address": "0x49a1d0", "offset": "0x9a1d0", "function": "example.com/shop/main.main",
                    "inlined": true, "foldable": false, "class": "emulated", "condition": null, "fallback": null}],
                "blind": []}),
        );
        check("/points/1/sites/0/condition", value!(4));
        check("/points/2/observable", value!(false));
        check("/points/2/reason", value!("speculated"));
        check("/points/2/sites", value!([]));
        check("/points/3/reason", value!("excluded: //go:build windows"));
        check("/noCode", value!([{"file": "cart.go", "lines": [13]}]));
        check("/warnings", value!(["the binary does not say which commit it was built from"]));
        check("/summary/observable", value!(2));
        check("/summary/blind", value!(0));
        check("/summary/noCodeLines", value!(1));
    }
}
