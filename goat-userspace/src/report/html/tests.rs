//! What the page says of a plan and its counts.

use std::time::{Duration, UNIX_EPOCH};

use super::*;
use crate::{
    counts::{Armed, Counts, SlotCount},
    plan::sample,
    report,
};

fn page(plan: &ProbePlan, data_type: DataType) -> String {
    let mut counts = Counts::none(plan.sites.len(), UNIX_EPOCH);
    let first_hit = Some(UNIX_EPOCH + Duration::from_millis(1_795_253_844_123));
    counts.slots[0] = SlotCount { hits: 12, first_hit, armed: Armed::Armed, ..SlotCount::default() };
    let report = report::new(plan, &counts, data_type);
    live(plan, &report, report.components.last())
}

fn shown<'a>(plan: &'a ProbePlan, report: &'a Report, component: Option<&'a ComponentReport>) -> Page<'a> {
    let live = Live { events: "track/events", place: "0123-4", plan: "89abcdef" };
    Page { plan, report, component, status: None, live: Some(live) }
}

fn page_of(plan: &ProbePlan) -> String {
    let report = report::new(plan, &Counts::none(plan.sites.len(), UNIX_EPOCH), DataType::Bool);
    live(plan, &report, report.components.last())
}

fn live(plan: &ProbePlan, report: &Report, component: Option<&ComponentReport>) -> String {
    render(&shown(plan, report, component))
}

/// The text of the page's line, tags left out.
fn line(page: &str, number: u32) -> String {
    let (_, rest) = page.split_once(&format!("<i>{number}</i>")).expect("the line is there");
    let (line, _) = rest.split_once("</li>").expect("the line ends");
    line.split('<').map(|part| part.split_once('>').map_or(part, |(_, text)| text)).collect::<Vec<_>>().join("")
}

#[test]
fn each_changed_line_says_what_is_known_of_it() {
    let page = page(&sample::plan(), DataType::Count);
    let check = |number, expected: &str| assert_eq!(line(&page, number), expected);
    check(9, "\tline9(a &lt; b &amp;&amp; &quot;&lt;i&gt;&quot;)");
    check(10, "✓\tline10(a &lt; b &amp;&amp; &quot;&lt;i&gt;&quot;)≥ 12 ×, first 2026-11-21 09:37:24 UTC");
    check(11, "✓\tline11(a &lt; b &amp;&amp; &quot;&lt;i&gt;&quot;)");
    check(12, "✗\tline12(a &lt; b &amp;&amp; &quot;&lt;i&gt;&quot;)not executed");
    check(13, "+\tline13(a &lt; b &amp;&amp; &quot;&lt;i&gt;&quot;)");
    assert!(
        line(&page, 14).ends_with("unobservable (speculated: its instructions run whether or not the branch is taken)")
    );
    assert!(line(&page, 20).ends_with("excluded (//go:build windows)"));
    assert!(page.contains("<h2>cart.go</h2><span class=\"sum\">1/2 covered</span>"));
    assert!(page.contains("<title>50% shop 1.1.0</title>"));
}

#[test]
fn not_executed_says_where_it_could_not_look() {
    let page = page(&sample::plan_with_blind_copies(), DataType::Bool);
    assert!(line(&page, 12).ends_with("not executed (4 of 5 copies can&#39;t be observed)"), "{}", line(&page, 12));
}

#[test]
fn where_there_is_no_component_the_points_count_all_the_same() {
    let mut plan = sample::plan();
    plan.components.clear();
    plan.component = None;
    assert!(page(&plan, DataType::Bool).contains("1 of 2 points have run"));
}

#[test]
fn bool_does_not_claim_to_have_counted() {
    assert!(line(&page(&sample::plan(), DataType::Bool), 10).ends_with("ran, first 2026-11-21 09:37:24 UTC"));
}

#[test]
fn a_branch_stands_at_its_first_line() {
    let mut plan = sample::plan();
    plan.points[1].lines = crate::lines::LineSet::new();
    plan.points[1].span = crate::lines::LineRange::new(9, 9);
    assert!(line(&page(&plan, DataType::Bool), 9).ends_with("✗this branch: not executed"));
}

#[test]
fn nothing_of_a_plan_becomes_markup() {
    const EVIL: &str = "</script><img src=x onerror='a\"{{script}}'>\u{0}";
    let mut plan = sample::plan();
    plan.app = crate::plan::AppInfo {
        name: EVIL.into(),
        version: EVIL.into(),
        old_commit: Some(EVIL.into()),
        new_commit: EVIL.into(),
        new_time: 0,
    };
    plan.components.iter_mut().for_each(|component| component.name = EVIL.into());
    plan.files.iter_mut().for_each(|file| {
        file.path = format!("{}{EVIL}", file.path).into();
        file.source.iter_mut().for_each(|source| source.text = EVIL.into());
    });
    plan.points.iter_mut().for_each(|point| (point.function, point.kind) = (EVIL.into(), EVIL.into()));
    plan.points[3].status = crate::plan::Status::Excluded(crate::plan::Excluded::Excluded, EVIL.into());
    plan.warnings = vec![EVIL.into()];
    let page = page(&plan, DataType::Bool);
    assert!(page.contains("&lt;/script&gt;&lt;img src=x onerror=&#39;a&quot;{{script}}&#39;&gt;\u{fffd}"));
    assert!(!page.contains("<img") && !page.contains('\0'));
    assert_eq!(page.matches("<script").count(), 2);
    assert_eq!(page.matches("</script>").count(), 2);
}

#[test]
fn a_commit_that_is_no_hash_does_no_harm() {
    let mut plan = sample::plan();
    plan.app.new_commit = "ééééééééé".into();
    assert!(page(&plan, DataType::Bool).contains("éééééééé, by patch"));
}

#[test]
fn without_components_there_is_a_page_still() {
    let mut plan = sample::plan();
    (plan.component, plan.components) = (None, vec![]);
    let report = report::new(&plan, &Counts::none(3, UNIX_EPOCH), DataType::Bool);
    let page = live(&plan, &report, None);
    assert!(line(&page, 12).ends_with("not executed"));
    assert!(page.contains("data-component=\"\""));
}

#[test]
fn all_that_the_page_needs_is_in_it() {
    let page = page(&sample::plan(), DataType::Bool);
    assert!(!page.contains("{{"), "a gap was left");
    for word in ["http://", "https://", "src=", "@import", "url(", " style=", " onclick=", "innerHTML"] {
        assert!(!page.contains(word), "{word}");
    }
}

#[test]
fn the_policy_is_that_of_the_pages_own_style_and_script() {
    let page = page(&sample::plan(), DataType::Bool);
    let between = |open: &str, close: &str| page.split_once(open).unwrap().1.split_once(close).unwrap().0.to_owned();
    assert_eq!(between("<style>", "</style>"), STYLE);
    assert_eq!(between("<script>", "</script>"), SCRIPT);
    assert!(policy().starts_with("default-src 'none'; style-src 'sha256-"));
    assert!(!policy().contains("unsafe"));
}

#[test]
fn a_frozen_page_asks_no_one_and_says_when_it_was_taken() {
    let plan = sample::plan();
    let report = report::new(&plan, &Counts::none(3, UNIX_EPOCH), DataType::Bool);
    let page = render(&Page { live: None, ..shown(&plan, &report, report.components.last()) });
    assert!(page.contains("<time datetime=\"1970-01-01T00:00:00.000Z\">1970-01-01 00:00:00 UTC</time>"));
    for word in ["{{", "track/events", "class=\"components\"", "http://", "https://"] {
        assert!(!page.contains(word), "{word}");
    }
    assert!(page.contains("data-events=\"\""));
    assert!(page.contains(&format!("<meta http-equiv=\"Content-Security-Policy\" content=\"{}\">", policy())));
    assert!(line(&page, 12).ends_with("not executed"));
}

#[test]
fn of_nothing_there_is_no_share() {
    let mut plan = sample::plan();
    (plan.points, plan.sites) = (vec![], vec![]);
    plan.components.iter_mut().for_each(|component| component.points.clear());
    let page = page_of(&plan);
    assert!(
        page.contains("<title>– shop 1.1.0</title>")
            && page.contains("<span id=\"sentence\">nothing to observe</span>")
    );
}

#[test]
fn the_curve_climbs_at_each_first_hit() {
    let plan = sample::plan();
    let mut counts = Counts::none(3, UNIX_EPOCH + Duration::from_secs(100));
    for (slot, second) in [(0, 25), (2, 50)] {
        let first_hit = Some(UNIX_EPOCH + Duration::from_secs(second));
        counts.slots[slot] = SlotCount { hits: 1, first_hit, armed: Armed::Armed, ..SlotCount::default() };
    }
    let report = report::new(&plan, &counts, DataType::Bool);
    let status = Status { started: Some(UNIX_EPOCH), ..Status::default() };
    let page = render(&Page { status: Some(&status), ..shown(&plan, &report, report.components.last()) });
    assert!(page.contains("<path class=\"curve\" d=\"M34 92.0H123.5V51.0H213.0V10.0H392.0\"/>"), "{page}");
    assert!(page.contains("{\"begin\":0,\"end\":100000,\"total\":2,\"hits\":{\"1\":25000,\"2\":50000}}"));
}

#[test]
fn the_tree_has_files_and_functions_with_their_shares() {
    let page = page(&sample::plan(), DataType::Bool);
    assert!(page.contains("<a href=\"#f0\"><span class=\"dir\"></span><wbr>cart.go</a><span class=\"sum\">1/2</span><progress value=\"1\" max=\"2\""));
    assert!(page.contains("<li data-fn=\"0\"><a href=\"#f0-10\">(*Cart).Add</a><span class=\"sum\">1/2</span>"));
    assert!(page.contains("<li data-fn=\"1\"><a href=\"#f0-14\">Total</a><span class=\"sum\">–</span>"));
    assert!(page.contains("<h3>lines 9–14 · <span>(*Cart).Add</span>, <span>Total</span></h3>"));
}

#[test]
fn the_tracing_says_what_it_watches() {
    let plan = sample::plan();
    let report = report::new(&plan, &Counts::none(3, UNIX_EPOCH), DataType::Bool);
    let target = |pid, up| crate::status::TargetStatus {
        pid,
        exe: "/srv/<b>shopd".into(),
        build_id: None,
        since: UNIX_EPOCH,
        up,
        probed: up && pid != 5,
    };
    let page = |targets: &[(u32, bool)]| {
        let targets = targets.iter().map(|&(pid, up)| target(pid, up)).collect();
        let probes = crate::status::ProbeStates { armed: 2, not_armed: 1, ..Default::default() };
        let status = Status { targets, probes, ..Status::default() };
        render(&Page { status: Some(&status), ..shown(&plan, &report, report.components.last()) })
    };
    let none = page(&[]);
    assert!(none.contains("<dd id=\"targets\" hidden>") && none.contains("<dd id=\"cost\" hidden>"));
    assert!(none.contains("<dd id=\"probes\">2 armed, 1 refused</dd>"));
    assert!(none.contains("id=\"down\" hidden"), "no process is known, so none is down");
    let both = page(&[(7, false), (8, true)]);
    assert!(both.contains("&lt;b&gt;shopd <b>7</b> has ended") && both.contains("<b>8</b> runs"));
    assert!(both.contains("id=\"down\" hidden"));
    assert!(page(&[(5, true)]).contains("<b>5</b> runs, without probes"));
    assert!(!page(&[(7, false)]).contains("id=\"down\" hidden"));
    let many: Vec<_> = (0..9).map(|pid| (pid, true)).collect();
    assert!(page(&many).contains("<li>and 4 before</li>"));
}
