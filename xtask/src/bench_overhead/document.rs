//! The tables, as Markdown, and where they stand in docs/performance.md.

use std::{fmt::Write, fs, path::Path};

use anyhow::{Context, Result};

use super::{Results, arming::Arming, plot, statistics::Estimate, steady::Row};

const BEGIN: &str = "<!-- cargo xtask bench overhead --write: begin -->";
const END: &str = "<!-- cargo xtask bench overhead --write: end -->";
const PLOT: &str = "overhead-arming.svg";

/// All tables.
pub(super) fn text(results: &Results) -> String {
    let mut text = format!("    {}\n\n{}\n", results.command, results.machine.text());
    let mut line = |line: String| {
        let _ = writeln!(text, "{line}");
    };
    if !results.rotated.is_empty() {
        line("\n### goat on one server after the other\n".into());
        line(servers(&results.rotated));
    }
    if let Some(steady) = &results.server {
        line(format!(
            "\n### Servers side by side\n\n{}: {} sites; {} changed statements in the sources. Unprobed: {:.0} requests \
             per second, {:.1} us of CPU each.\n",
            steady.about, steady.sites, steady.statements, steady.throughput, steady.cpu_us
        ));
        line(servers(&steady.rows));
    }
    if let Some(arming) = &results.arming {
        line(format!(
            "\n### The first seconds\n\n![CPU per request, second by second]({PLOT})\n\n{} sites; goat begins in second 0, in \
             bool mode, and uses {:.2} s of CPU in the {} s that follow. {} requests failed.\n",
            arming.sites,
            arming.goat_cpu,
            arming.probed.len() as i32 + arming.first,
            arming.errors
        ));
        line(
            "| second | CPU per request | throughput | CPU per request without goat |\n| --- | --- | --- | --- |"
                .into(),
        );
        for (at, probed) in arming.probed.iter().enumerate() {
            let second = arming.first + at as i32;
            line(format!(
                "| {second} | {} | {} | {} |",
                probed.text(),
                arming.throughput[at].text(),
                arming.unprobed[at].text()
            ));
        }
    }
    if let Some(job) = &results.job {
        line(format!(
            "\n### A program that computes\n\n`gofmt -l {}` in GOROOT/src, {:.2} s of CPU unprobed; {} sites, in every block of \
             gofmt's own packages and of go/....\n",
            job.input.join(" "),
            job.cpu,
            job.sites
        ));
        line("| | CPU | time |\n| --- | --- | --- |".into());
        for row in &job.rows {
            line(format!("| {} | {} | {} |", row.name, row.cpu.text(), row.wall.text()));
        }
    }
    if !results.idle.is_empty() {
        line("\n### goat itself\n\nAttached to a process in which nothing is hit.\n".into());
        line("| sites | plan | armed after | ended after | resident | of that anonymous | CPU |".into());
        line("| --- | --- | --- | --- | --- | --- | --- |".into());
        for idle in &results.idle {
            let (end, cpu) = (idle.end_ms, idle.cpu * 100.0);
            let plan = if idle.planned { "made by itself" } else { "from a file" };
            let armed = idle.said.split(" after ").last().unwrap_or_default();
            line(format!(
                "| {} | {plan} | {armed} | {end:.0} ms | {:.1} MiB | {:.1} MiB | {cpu:.2} % |",
                idle.sites, idle.resident, idle.anonymous
            ));
        }
    }
    text
}

/// Servers beside the unprobed one.
fn servers(rows: &[Row]) -> String {
    let row = |row: &Row| {
        let Row { name, throughput, cpu, errors, goat } = row;
        let goat = goat.map(|share| format!("{:.2} %", share * 100.0)).unwrap_or_default();
        format!("\n| {name} | {} | {} | {errors} | {goat} |", throughput.text(), cpu.text())
    };
    let head = "| | throughput | CPU per request | failed requests | goat's own CPU |\n| --- | --- | --- | --- | --- |";
    head.to_owned() + &rows.iter().map(row).collect::<String>()
}

/// Puts `text` between the marks in performance.md, or at its end, and the plot beside it.
pub(super) fn write(docs: &Path, text: &str, arming: Option<&Arming>) -> Result<()> {
    let path = docs.join("performance.md");
    let old = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    fs::write(&path, replaced(&old, text)).with_context(|| format!("cannot write {}", path.display()))?;
    if let Some(arming) = arming {
        let line = |name, colour, estimates: &[Estimate]| plot::Line { name, colour, estimates: estimates.to_vec() };
        let lines = [line("without goat", "#888888", &arming.unprobed), line("with goat", "#0969da", &arming.probed)];
        let path = docs.join(PLOT);
        fs::write(&path, plot::svg(arming.first, &lines))
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

fn replaced(old: &str, text: &str) -> String {
    let section = format!("{BEGIN}\n\n{}\n\n{END}", text.trim_end());
    match (old.find(BEGIN), old.find(END)) {
        (Some(begin), Some(end)) if begin < end => format!("{}{section}{}", &old[..begin], &old[end + END.len()..]),
        _ => format!("{}\n\n{section}\n", old.trim_end()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_between_the_marks_is_replaced() {
        let once = replaced("# Head\n\ntext\n", "one\n");
        assert_eq!(once, format!("# Head\n\ntext\n\n{BEGIN}\n\none\n\n{END}\n"));
        let with_tail = once + "\ntail\n";
        assert_eq!(replaced(&with_tail, "two"), format!("# Head\n\ntext\n\n{BEGIN}\n\ntwo\n\n{END}\n\ntail\n"));
    }
}
