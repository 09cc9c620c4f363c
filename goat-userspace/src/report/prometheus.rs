//! The report for Prometheus: the original's three gauges under their names, and three of ours for what they do not count.

use prometheus::{
    TextEncoder,
    proto::{Gauge, LabelPair, Metric, MetricFamily, MetricType},
};

use super::{ComponentReport, Report, Totals, UnknownComponent};

/// A gauge's name, its help text, and what it shows of a component.
type Series = (&'static str, &'static str, fn(&Totals) -> usize);

/// In the original's order, ours behind. Built by hand: the crate's registry sorts by name, and its vectors by hash.
const SERIES: [Series; 6] = [
    ("goat_track_total", "Goat track total", |totals| totals.total),
    ("goat_track_covered", "Goat track covered", |totals| totals.covered),
    ("goat_track_coverage_ratio", "Goat track coverage ratio", Totals::rate),
    ("goat_track_unobservable", "Goat track points that no site can tell of", |totals| totals.unobservable),
    ("goat_track_not_armed", "Goat track points whose sites are all not armed", |totals| totals.not_armed),
    ("goat_track_excluded", "Goat track points not in question for this binary", |totals| totals.excluded),
];

/// The gauges of every component, or of the one that `component` names, in Prometheus' text format.
pub fn render(report: &Report, component: Option<&str>) -> Result<String, UnknownComponent> {
    let components = match component {
        Some(name) => std::slice::from_ref(report.component_named(name)?),
        None => &report.components,
    };
    if components.is_empty() {
        return Ok(String::new());
    }
    let families: Vec<_> = SERIES.iter().map(|series| family(report, components, series)).collect();
    Ok(TextEncoder::new().encode_to_string(&families).expect("each family has a name and a gauge per component"))
}

fn family(report: &Report, components: &[ComponentReport], &(name, help, value): &Series) -> MetricFamily {
    let metrics = components.iter().map(|component| {
        let mut gauge = Gauge::default();
        // Exact below 2^53.
        gauge.set_value(value(&component.totals) as f64);
        let mut metric = Metric::from_gauge(gauge);
        let labels = [("app", &report.name), ("version", &report.version), ("component", &component.name)];
        metric.set_label(labels.map(|(name, value)| label(name, value)).into());
        metric
    });
    let mut family = MetricFamily::default();
    family.set_name(name.into());
    family.set_help(help.into());
    family.set_field_type(MetricType::GAUGE);
    family.set_metric(metrics.collect());
    family
}

fn label(name: &str, value: &str) -> LabelPair {
    let mut pair = LabelPair::default();
    pair.set_name(name.into());
    pair.set_value(value.into());
    pair
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;
    use crate::{DataType, counts::Counts, plan::sample, report};

    fn sample_report() -> Report {
        let mut counts = Counts::none(3, UNIX_EPOCH);
        counts.slots[0].hits = 2;
        report::new(&sample::plan(), &counts, DataType::Bool)
    }

    #[test]
    fn the_originals_gauges_come_first() {
        let expected = "\
# HELP goat_track_total Goat track total
# TYPE goat_track_total gauge
goat_track_total{app=\"shop\",version=\"1.1.0\",component=\"cmd/shopd\"} 2
# HELP goat_track_covered Goat track covered
# TYPE goat_track_covered gauge
goat_track_covered{app=\"shop\",version=\"1.1.0\",component=\"cmd/shopd\"} 1
# HELP goat_track_coverage_ratio Goat track coverage ratio
# TYPE goat_track_coverage_ratio gauge
goat_track_coverage_ratio{app=\"shop\",version=\"1.1.0\",component=\"cmd/shopd\"} 50
# HELP goat_track_unobservable Goat track points that no site can tell of
# TYPE goat_track_unobservable gauge
goat_track_unobservable{app=\"shop\",version=\"1.1.0\",component=\"cmd/shopd\"} 1
# HELP goat_track_not_armed Goat track points whose sites are all not armed
# TYPE goat_track_not_armed gauge
goat_track_not_armed{app=\"shop\",version=\"1.1.0\",component=\"cmd/shopd\"} 0
# HELP goat_track_excluded Goat track points not in question for this binary
# TYPE goat_track_excluded gauge
goat_track_excluded{app=\"shop\",version=\"1.1.0\",component=\"cmd/shopd\"} 1
";
        assert_eq!(render(&sample_report(), Some("cmd/shopd")).unwrap(), expected);
    }

    #[test]
    fn components_come_by_number_and_only_names_select() {
        let report = sample_report();
        let all = render(&report, None).unwrap();
        let components: Vec<_> = all.lines().filter(|line| line.starts_with("goat_track_total")).collect();
        assert_eq!(
            components,
            [
                "goat_track_total{app=\"shop\",version=\"1.1.0\",component=\"cmd/shopctl\"} 1",
                "goat_track_total{app=\"shop\",version=\"1.1.0\",component=\"cmd/shopd\"} 2",
            ]
        );
        assert!(render(&report, Some("1")).is_err());
        assert!(render(&report, Some("")).is_err());
    }

    #[test]
    fn labels_are_escaped() {
        let mut report = sample_report();
        report.name = "a\"b\\c\nd".into();
        let text = render(&report, None).unwrap();
        assert!(text.contains("{app=\"a\\\"b\\\\c\\nd\",version="), "{text}");
    }

    #[test]
    fn no_components_are_no_gauges() {
        let mut report = sample_report();
        report.components.clear();
        assert_eq!(render(&report, None).unwrap(), "");
    }
}
