//! The report for Prometheus: the original's three gauges under their names, three of ours for what they do not count, and how
//! the tracing itself does.

use std::collections::BTreeMap;

use prometheus::{
    TextEncoder,
    proto::{Counter, Gauge, LabelPair, Metric, MetricFamily, MetricType},
};

use super::{ComponentReport, Item, Report, Totals, UnknownComponent};
use crate::status::Status;

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

/// One series' labels and value.
pub struct Sample {
    /// Names and values, in the order in which they are shown.
    pub labels: Vec<(&'static str, String)>,
    /// Its value.
    pub value: f64,
}

/// The gauges of every component, or of the one that `component` names. Without components there are none.
pub fn families(report: &Report, component: Option<&str>) -> Result<Vec<MetricFamily>, UnknownComponent> {
    let components = match component {
        Some(name) => std::slice::from_ref(report.component_named(name)?),
        None => &report.components,
    };
    if components.is_empty() {
        return Ok(Vec::new());
    }
    Ok(SERIES.iter().map(|series| of_components(report, components, series)).collect())
}

/// How the tracing itself does: probes by state, hits, targets, cost, and which goat this is.
pub fn status(status: &Status) -> Vec<MetricFamily> {
    use MetricType::{COUNTER, GAUGE};
    let one = |value: f64| [Sample { labels: vec![], value }];
    let probes = status.probes;
    let states = [
        ("pending", probes.pending),
        ("armed", probes.armed),
        ("disarmed", probes.disarmed),
        ("throttled", probes.throttled),
        ("not-armed", probes.not_armed),
    ];
    let states = states.map(|(state, n)| Sample { labels: vec![("state", state.into())], value: n as f64 });
    let mut families = vec![
        family("goat_probes", "Probes by what has become of them", GAUGE, states),
        family("goat_probe_hits_total", "Hits that goat's probes have counted", COUNTER, one(probes.hits as f64)),
    ];
    if !status.targets.is_empty() {
        let up = status.targets.iter().map(|target| Sample {
            labels: vec![
                ("pid", target.pid.to_string()),
                ("exe", target.exe.to_string_lossy().into_owned()),
                ("build_id", target.build_id.clone().unwrap_or_default()),
            ],
            value: f64::from(u8::from(target.up)),
        });
        families.push(family("goat_target_up", "Whether a watched process still runs", GAUGE, up));
    }
    if let Some(overhead) = status.overhead {
        for (name, help, value) in [
            ("goat_overhead_ratio", "Share of the targets' CPU time that probes take", overhead.ratio),
            ("goat_overhead_budget_ratio", "Share of the targets' CPU time that probes may take", overhead.budget),
            ("goat_probe_hits_per_second", "Hits a second, all probes together", overhead.hits_per_second),
            ("goat_probes_waiting", "Probes that wait for their turn to be armed", overhead.waiting as f64),
        ] {
            families.push(family(name, help, GAUGE, one(value)));
        }
    }
    let labels = vec![
        ("version", env!("CARGO_PKG_VERSION").to_owned()),
        ("backend", status.backend.clone().unwrap_or_default()),
    ];
    families.push(family("goat_build_info", "Which goat this is", GAUGE, [Sample { labels, value: 1.0 }]));
    families
}

/// A series for each point of `component`, or of all: large changes make many.
pub fn points(report: &Report, component: Option<&str>) -> Vec<MetricFamily> {
    let wanted = report.components.iter().filter(|c| component.is_none_or(|name| c.name == name));
    let items: BTreeMap<u32, &Item> = wanted.flat_map(|c| &c.items).map(|item| (item.id, item)).collect();
    if items.is_empty() {
        return Vec::new();
    }
    let samples = items.into_values().map(|item| Sample {
        labels: vec![
            ("id", item.id.to_string()),
            ("file", item.file.as_str().to_owned()),
            ("line", item.line.to_string()),
            ("function", item.function.to_string()),
            ("state", item.state.as_str().to_owned()),
        ],
        value: item.count as f64,
    });
    let help = "How often a point ran; at most 1 where goat counts only whether";
    vec![family("goat_point_hits_total", help, MetricType::COUNTER, samples)]
}

/// `families` in Prometheus' text format. Each of them has a series.
pub fn text(families: &[MetricFamily]) -> String {
    TextEncoder::new().encode_to_string(families).expect("each family has a name and a series")
}

fn of_components(report: &Report, components: &[ComponentReport], &(name, help, value): &Series) -> MetricFamily {
    let samples = components.iter().map(|component| Sample {
        labels: vec![
            ("app", report.name.clone()),
            ("version", report.version.clone()),
            ("component", component.name.clone()),
        ],
        // Exact below 2^53.
        value: value(&component.totals) as f64,
    });
    family(name, help, MetricType::GAUGE, samples)
}

/// A family of counters or gauges.
pub fn family(name: &str, help: &str, kind: MetricType, samples: impl IntoIterator<Item = Sample>) -> MetricFamily {
    let metrics = samples.into_iter().map(|Sample { labels, value }| {
        let mut metric = Metric::default();
        if kind == MetricType::COUNTER {
            let mut counter = Counter::default();
            counter.set_value(value);
            metric.set_counter(counter);
        } else {
            let mut gauge = Gauge::default();
            gauge.set_value(value);
            metric.set_gauge(gauge);
        }
        metric.set_label(labels.into_iter().map(|(name, value)| label(name, value)).collect());
        metric
    });
    let mut family = MetricFamily::default();
    family.set_name(name.into());
    family.set_help(help.into());
    family.set_field_type(kind);
    family.set_metric(metrics.collect());
    family
}

fn label(name: &str, value: String) -> LabelPair {
    let mut pair = LabelPair::default();
    pair.set_name(name.into());
    pair.set_value(value);
    pair
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;
    use crate::{DataType, counts::Counts, plan::sample, report, status::ProbeStates};

    fn render(report: &Report, component: Option<&str>) -> Result<String, UnknownComponent> {
        families(report, component).map(|families| text(&families))
    }

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

    #[test]
    fn the_tracing_says_how_it_does() {
        let mut status = Status {
            backend: Some("uprobe_multi".into()),
            probes: ProbeStates { armed: 2, disarmed: 1, throttled: 3, hits: 40, ..ProbeStates::default() },
            ..Status::default()
        };
        let text_of = |status: &Status| text(&super::status(status));
        let bare = text_of(&status);
        for line in [
            "goat_probes{state=\"pending\"} 0",
            "goat_probes{state=\"armed\"} 2",
            "goat_probes{state=\"throttled\"} 3",
            "goat_probe_hits_total 40",
            "# TYPE goat_probe_hits_total counter",
            &format!("goat_build_info{{version=\"{}\",backend=\"uprobe_multi\"}} 1", env!("CARGO_PKG_VERSION")),
        ] {
            assert!(bare.lines().any(|found| found == line), "{line}\n{bare}");
        }
        // What no one measures is not 0.
        assert!(!bare.contains("goat_overhead") && !bare.contains("goat_target_up"));
        let target = |pid, up| crate::status::TargetStatus {
            pid,
            exe: "/usr/bin/shopd".into(),
            build_id: Some("a/b".into()),
            since: UNIX_EPOCH,
            up,
            probed: up,
        };
        status.targets = vec![target(7, false), target(8, true)];
        status.overhead =
            Some(crate::status::Overhead { ratio: 0.004, budget: 0.01, hits_per_second: 12.5, waiting: 3 });
        let full = text_of(&status);
        for line in [
            "goat_target_up{pid=\"7\",exe=\"/usr/bin/shopd\",build_id=\"a/b\"} 0",
            "goat_target_up{pid=\"8\",exe=\"/usr/bin/shopd\",build_id=\"a/b\"} 1",
            "goat_overhead_ratio 0.004",
            "goat_overhead_budget_ratio 0.01",
            "goat_probe_hits_per_second 12.5",
            "goat_probes_waiting 3",
        ] {
            assert!(full.lines().any(|found| found == line), "{line}\n{full}");
        }
    }
}
