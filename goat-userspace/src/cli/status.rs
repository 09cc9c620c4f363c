//! `goat status`: what a running goat traces, with which probes, at what cost.

use std::{fmt::Write, process::ExitCode, time::Instant};

use anyhow::Context;
use serde::Deserialize;

use super::{
    args::{Format, StatusArgs},
    client::{Client, PATIENCE},
    say,
};
use crate::{
    DataType,
    style::{Style, Tone, printable},
};

const PATH: &str = "/status";

/// What `/status` answers, as far as it is shown.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Answer {
    pub(super) goat: Goat,
    pub(super) name: String,
    pub(super) version: String,
    pub(super) components: Vec<String>,
    pub(super) data_type: DataType,
    pub(super) taken: String,
    pub(super) coverage: Coverage,
    pub(super) backend: Option<String>,
    pub(super) targets: Vec<Target>,
    pub(super) probes: Probes,
    pub(super) overhead: Option<Overhead>,
    pub(super) state: Option<Kept>,
}

#[derive(Deserialize)]
pub(super) struct Goat {
    pub(super) version: String,
    pub(super) pid: u32,
    pub(super) started: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Coverage {
    pub(super) total: usize,
    pub(super) covered: usize,
    pub(super) covered_rate: usize,
    pub(super) not_executed: usize,
    pub(super) not_armed: usize,
    pub(super) unobservable: usize,
    pub(super) excluded: usize,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Target {
    pub(super) pid: u32,
    pub(super) exe: String,
    pub(super) since: String,
    pub(super) up: bool,
    pub(super) probed: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Probes {
    pub(super) pending: usize,
    pub(super) armed: usize,
    pub(super) disarmed: usize,
    pub(super) throttled: usize,
    pub(super) not_armed: usize,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Overhead {
    pub(super) ratio: f64,
    pub(super) budget: f64,
    pub(super) hits_per_second: f64,
    pub(super) waiting: usize,
}

#[derive(Deserialize)]
pub(super) struct Kept {
    pub(super) file: Option<String>,
    pub(super) saved: Option<String>,
    pub(super) failure: Option<String>,
}

pub(super) fn run(args: &StatusArgs) -> anyhow::Result<ExitCode> {
    let client = Client::new(&args.url, &args.trust)?;
    let deadline = Instant::now() + PATIENCE;
    match args.format {
        Format::Json => say::print(&client.get(PATH, &[], deadline)?)?,
        Format::Text => say::print(&show(&ask(&client, deadline)?, say::stdout_style()))?,
    }
    Ok(ExitCode::SUCCESS)
}

/// The status as of now.
pub(super) fn ask(client: &Client, deadline: Instant) -> anyhow::Result<Answer> {
    let text = client.get(PATH, &[], deadline)?;
    serde_json::from_str(&text)
        .with_context(|| format!("{}{PATH} answers with no status that goat can read", client.base()))
}

/// The status for people, one matter a line.
pub(super) fn show(answer: &Answer, style: Style) -> String {
    let mut out = String::new();
    // Writing to a String fails at nothing.
    let mut line = |name: &str, text: String| {
        let _ = writeln!(out, "{name:<9} {text}");
    };
    let names = answer.components.iter().map(|name| format!(", {name}")).collect::<String>();
    line("release", printable(&format!("{} {}{names}", answer.name, answer.version)).into_owned());
    line("coverage", coverage(&answer.coverage));
    for target in &answer.targets {
        let state = match (target.up, target.probed) {
            (true, true) => style.paint(Tone::Good, "up"),
            (true, false) => style.paint(Tone::Bad, "not probed"),
            (false, _) => style.paint(Tone::Doubt, "ended"),
        };
        line("target", format!("{} {} {state}, since {}", target.pid, printable(&target.exe), target.since));
    }
    line("probes", probes(&answer.probes));
    if let Some(overhead) = &answer.overhead {
        let Overhead { ratio, budget, hits_per_second, waiting } = overhead;
        let waiting = if *waiting > 0 { format!(", {waiting} sites wait to be armed") } else { String::new() };
        let (ratio, budget) = (ratio * 100.0, budget * 100.0);
        line("overhead", format!("{ratio:.2}% of {budget:.2}%, {hits_per_second:.1} hits/s{waiting}"));
    }
    match &answer.state {
        None => line("state", "counts are not kept on disk".into()),
        Some(Kept { file, saved, failure }) => {
            let file = file.as_deref().map_or("no file".into(), printable);
            let saved = saved.as_ref().map(|at| format!(", written {at}")).unwrap_or_default();
            let failure = failure.as_ref().map(|why| format!(": {}", style.paint(Tone::Bad, &printable(why))));
            line("state", format!("{file}{saved}{}", failure.unwrap_or_default()));
        }
    }
    let Goat { version, pid, started } = &answer.goat;
    let data_type = match answer.data_type {
        DataType::Bool => "bool",
        DataType::Count => "count",
    };
    let backend = answer.backend.as_ref().map(|name| format!(", {name}")).unwrap_or_default();
    let started = started.as_ref().map(|at| format!(", since {at}")).unwrap_or_default();
    line("goat", format!("{version}, process {pid}{started}, {data_type}{backend}; as of {}", answer.taken));
    out
}

fn coverage(coverage: &Coverage) -> String {
    let mut text = match coverage.total {
        0 => "nothing to observe".to_owned(),
        total => format!("{}%, {} of {total} points", coverage.covered_rate, coverage.covered),
    };
    text += &rest(coverage);
    text
}

/// `, 1 not executed, 2 unobservable`: what is not covered.
pub(super) fn rest(coverage: &Coverage) -> String {
    counted(&[
        (coverage.not_executed, "not executed"),
        (coverage.not_armed, "not armed"),
        (coverage.unobservable, "unobservable"),
        (coverage.excluded, "excluded"),
    ])
}

/// `35 armed, 2 disarmed`.
pub(super) fn probes(probes: &Probes) -> String {
    let rest = counted(&[
        (probes.disarmed, "disarmed"),
        (probes.throttled, "throttled"),
        (probes.pending, "pending"),
        (probes.not_armed, "not armed"),
    ]);
    format!("{} armed{rest}", probes.armed)
}

/// `, 3 not executed, 1 excluded`: what there is none of is not said.
fn counted(numbers: &[(usize, &str)]) -> String {
    numbers.iter().filter(|(number, _)| *number > 0).map(|(number, what)| format!(", {number} {what}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_matter_has_its_line() {
        let answer = r#"{"schemaVersion":1,"goat":{"version":"0.1.0","pid":7,"started":"T0"},"name":"shop","version":"1.1.0",
            "components":["cmd/shopd"],"dataType":"count","taken":"T3","coverage":{"total":4,"covered":3,"coveredRate":75,
            "notExecuted":1,"notArmed":0,"unobservable":2,"excluded":0},"backend":"uprobe_multi",
            "targets":[{"pid":42,"exe":"/srv/shopd\u001b[31m","buildId":"a","since":"T1","up":true,"probed":true},
            {"pid":41,"exe":"/srv/shopd","buildId":null,"since":"T0","up":false,"probed":true},
            {"pid":43,"exe":"/srv/other","buildId":null,"since":"T2","up":true,"probed":false}],
            "probes":{"pending":0,"armed":5,"disarmed":3,"throttled":1,"notArmed":0},
            "overhead":{"ratio":0.0021,"budget":0.01,"hitsPerSecond":12.54,"waiting":9},
            "state":{"file":"/s/x.goatstate","saved":"T2","failure":"no space left"}}"#;
        let expected = "\
release   shop 1.1.0, cmd/shopd
coverage  75%, 3 of 4 points, 1 not executed, 2 unobservable
target    42 /srv/shopd\\u{1b}[31m up, since T1
target    41 /srv/shopd ended, since T0
target    43 /srv/other not probed, since T2
probes    5 armed, 3 disarmed, 1 throttled
overhead  0.21% of 1.00%, 12.5 hits/s, 9 sites wait to be armed
state     /s/x.goatstate, written T2: no space left
goat      0.1.0, process 7, since T0, count, uprobe_multi; as of T3
";
        assert_eq!(show(&serde_json::from_str(answer).unwrap(), Style::PLAIN), expected);
    }

    #[test]
    fn what_is_not_known_is_left_out() {
        let answer = r#"{"goat":{"version":"0.1.0","pid":7,"started":null},"name":"a","version":"1","components":[],"dataType":"bool",
            "taken":"T","coverage":{"total":0,"covered":0,"coveredRate":0,"notExecuted":0,"notArmed":0,"unobservable":0,"excluded":0},
            "backend":null,"targets":[],"probes":{"pending":2,"armed":0,"disarmed":0,"throttled":0,"notArmed":0},
            "overhead":null,"state":null}"#;
        let expected = "\
release   a 1
coverage  nothing to observe
probes    0 armed, 2 pending
state     counts are not kept on disk
goat      0.1.0, process 7, bool; as of T
";
        assert_eq!(show(&serde_json::from_str(answer).unwrap(), Style::PLAIN), expected);
    }
}
