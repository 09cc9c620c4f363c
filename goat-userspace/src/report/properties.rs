//! What holds of every format whatever the plan says: names and sources are others' text.

use std::time::{Duration, UNIX_EPOCH};

use proptest::prelude::*;

use super::{Decision, Format, Gate, Report, State, new, read, verdict_json, xml::is_well_formed};
use crate::{
    DataType,
    counts::{Armed, Counts, Sampled, SlotCount},
    plan::{ProbePlan, sample},
    style::Style,
};

fn any_report() -> impl Strategy<Value = (ProbePlan, Report)> {
    let slot =
        (0u64..3, 0u64..1 << 40, any::<bool>(), sampled()).prop_map(|(hits, millis, armed, sampled)| SlotCount {
            hits,
            first_hit: (hits > 0).then(|| UNIX_EPOCH + Duration::from_millis(millis)),
            armed: if armed { Armed::Armed } else { Armed::NotArmed },
            sampled,
        });
    (sample::any_plan(), prop::collection::vec(slot, 0..9), any::<bool>()).prop_map(|(plan, slots, bool)| {
        let data_type = if bool { DataType::Bool } else { DataType::Count };
        let report = new(&plan, &Counts { taken: UNIX_EPOCH, slots }, data_type);
        (plan, report)
    })
}

fn sampled() -> impl Strategy<Value = Option<Sampled>> {
    let time = || (0u64..1 << 40).prop_map(Duration::from_nanos);
    let fields = (any::<u64>(), any::<u64>(), any::<Option<u64>>(), time(), time());
    prop::option::of(fields.prop_map(|(unseen, unseen_low, unseen_high, armed, more)| Sampled {
        unseen,
        unseen_low,
        unseen_high,
        armed,
        watched: armed + more,
    }))
}

proptest! {
    #[test]
    fn every_format_is_what_its_readers_take((plan, report) in any_report()) {
        let show = |format: Format| format.render(&report, "", Some(&plan), Style::PLAIN).unwrap();
        for format in [Format::Cobertura, Format::Junit, Format::Badge] {
            let xml = show(format);
            prop_assert!(is_well_formed(&xml), "{}", xml);
        }
        prop_assert!(serde_json::from_str::<serde_json::Value>(&show(Format::Sarif)).is_ok());
        for line in show(Format::CoverProfile).lines().skip(1) {
            let numbers: Vec<_> = line.rsplit(' ').take(2).map(str::parse::<u64>).collect();
            prop_assert!(numbers.iter().all(Result::is_ok), "{}", line);
        }
        for line in show(Format::Lcov).lines() {
            let known = ["TN:", "SF:", "DA:", "LF:", "LH:", "end_of_record"];
            prop_assert!(known.iter().any(|start| line.starts_with(start)), "{}", line);
        }
        for line in show(Format::Github).lines() {
            prop_assert!(["::warning file=", "::notice "].iter().any(|start| line.starts_with(start)), "{}", line);
        }
        prop_assert!(!show(Format::Html).contains("<script"));
    }

    #[test]
    fn json_is_read_as_it_was_written((_, report) in any_report()) {
        let text = Format::Json.render(&report, "", None, Style::PLAIN).unwrap();
        prop_assert_eq!(read::report(&text).unwrap(), report);
    }

    #[test]
    fn a_pass_has_no_room_for_what_cannot_be_observed((_, report) in any_report()) {
        let points = report.points("").unwrap();
        let verdict = Gate::default().judge(&points);
        let covered = points.in_state(State::Covered).count();
        prop_assert_eq!(verdict.totals.covered, covered);
        prop_assert_eq!(verdict.missing.len() + verdict.unobservable.len() + covered, points.items.len() - verdict.totals.excluded);
        if verdict.decision == Decision::Pass {
            prop_assert!(covered > 0 && verdict.missing.is_empty());
        }
        prop_assert!(serde_json::from_str::<serde_json::Value>(&verdict_json::render(&verdict)).is_ok());
    }
}
