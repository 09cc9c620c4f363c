//! The report as JUnit's XML, in the form that Jenkins' junit-10.xsd describes: a suite for each file, a test for each point.
//!
//! A point that did not run is a failure, one that could not be armed an error; what can't be observed, or is not in question,
//! was skipped and says why.

use super::{Item, Points, State, Totals, rfc3339, xml::Element};

/// All points.
pub fn render(points: &Points<'_>) -> String {
    let at = rfc3339(points.report.taken);
    let suites = points.by_file().map(|(file, items)| {
        let suite = Element::new("testsuite").with("name", file);
        counted(suite, Totals::of(items.iter().copied()))
            .with("time", 0)
            .with("timestamp", &at)
            .children(items.iter().map(|item| test(item)))
    });
    counted(Element::new("testsuites").with("name", points.title()), points.totals()).children(suites).document()
}

fn counted(element: Element, totals: Totals) -> Element {
    let skipped = totals.unobservable + totals.excluded;
    let element = element.with("tests", totals.total + skipped).with("failures", totals.not_executed);
    let element = element.with("errors", totals.not_armed);
    // The root has no such attribute in the schema.
    if element.is("testsuite") { element.with("skipped", skipped) } else { element }
}

fn test(item: &Item) -> Element {
    let lines = match item.span() {
        (first, last) if first == last => format!("line {first}"),
        (first, last) => format!("lines {first}-{last}"),
    };
    // Ids keep tests of the same line apart.
    let name = format!("{lines}: {} in {} (#{})", item.kind, item.function, item.id);
    let test = Element::new("testcase").with("name", name).with("classname", &item.file).with("time", 0);
    let why = item.why();
    let said = if why.is_empty() { item.state.words().to_owned() } else { format!("{}: {why}", item.state.words()) };
    let outcome = match item.state {
        State::Covered => return test,
        State::NotExecuted => Element::new("failure").with("type", item.state.as_str()),
        State::NotArmed => Element::new("error").with("type", item.state.as_str()),
        State::Unobservable | State::Excluded => Element::new("skipped").with("type", item.state.as_str()),
    };
    let text = format!("{}: {said}", item.place());
    test.child(outcome.with("message", said).text(&text))
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;
    use crate::{DataType, counts::Counts, plan::sample, report};

    #[test]
    fn each_point_is_a_test() {
        let mut counts = Counts::none(3, UNIX_EPOCH);
        counts.slots[0].hits = 7;
        let report = report::new(&sample::plan(), &counts, DataType::Count);
        let expected = r##"<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="shop 1.1.0, cmd/shopd" tests="4" failures="1" errors="0">
  <testsuite name="cart.go" tests="3" failures="1" errors="0" skipped="1" time="0" timestamp="1970-01-01T00:00:00.000Z">
    <testcase name="lines 10-11: statement in (*Cart).Add (#1)" classname="cart.go" time="0"/>
    <testcase name="line 12: header in (*Cart).Add (#2)" classname="cart.go" time="0">
      <failure type="not-executed" message="not executed">cart.go:12: not executed</failure>
    </testcase>
    <testcase name="line 14: branch in Total (#3)" classname="cart.go" time="0">
      <skipped type="unobservable" message="unobservable: speculated: its instructions run whether or not the branch is taken">cart.go:14: unobservable: speculated: its instructions run whether or not the branch is taken</skipped>
    </testcase>
  </testsuite>
  <testsuite name="ctl.go" tests="1" failures="0" errors="0" skipped="1" time="0" timestamp="1970-01-01T00:00:00.000Z">
    <testcase name="line 20: statement in home (#4)" classname="ctl.go" time="0">
      <skipped type="excluded" message="excluded: //go:build windows">ctl.go:20: excluded: //go:build windows</skipped>
    </testcase>
  </testsuite>
</testsuites>
"##;
        assert_eq!(render(&report.points("").unwrap()), expected);
    }
}
